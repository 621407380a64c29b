//! What was done, the newest first; any point of it can be gone back to.

import type { App } from '../app';
import { differs } from '../app';
import type { View } from '../dom';
import { h } from '../dom';
import { stepText } from '../draft';
import { about, time } from '../format';
import type { Entry } from '../session';
import { naming } from '../words';
import { eventCode } from '../words';
import { answerText } from './change';
import { badge, button, section } from './parts';

export function timeline(app: App): View {
  const { history, cursor, name, why, given } = app.session;
  const entries = history.map((entry, index) => item(app, entry, index)).reverse();
  return section('timeline', 'Timeline', { class: 'panel' },
    h('div', { class: 'actions' },
      button('Undo', () => app.undo(), { id: 'undo', 'aria-disabled': cursor === 0 ? 'true' : 'false', 'aria-keyshortcuts': 'Control+Z' }),
      button('Redo', () => app.redo(), { id: 'redo', 'aria-disabled': cursor === history.length ? 'true' : 'false', 'aria-keyshortcuts': 'Control+Shift+Z' }),
      h('span', { class: 'hint', id: 'position' }, `${cursor} of ${history.length} done`)),
    h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'What was done, the newest first' },
      h('ol', { class: 'history', reversed: true }, entries),
      h('div', { class: cursor === 0 ? 'history-start current' : 'history-start' },
        button('Beginning', () => app.goTo(0), { id: 'go-0', class: 'link', 'aria-current': cursor === 0 ? 'step' : undefined }),
        h('p', { class: 'hint' }, `${name}: ${given === null ? 'no organization. ' : ''}${why}.`))));
}

function item(app: App, entry: Entry, index: number): View {
  const { history, cursor } = app.session;
  const before = history[index - 1]?.step.at;
  const later = before === undefined || entry.step.at === before ? '' : entry.step.at > before ? ` (+${about(entry.step.at - before)})` : ` (−${about(before - entry.step.at)})`;
  const wrong = differs(entry);
  const name = (id: string) => naming(entry.before, entry.roster)(id);
  const state = index + 1 === cursor ? 'current' : index < cursor ? 'done' : 'undone';
  return h('li', { key: index, class: state, 'data-came': entry.came, value: index + 1 },
    button(stepText(entry.step, name), () => app.goTo(index + 1), { id: `go-${index + 1}`, class: 'link', 'aria-current': state === 'current' ? 'step' : undefined }),
    h('p', { class: 'hint' }, `${time(entry.step.at)}${later}`, state === 'undone' ? ', undone' : ''),
    entry.came === 'refused' ? h('p', {}, badge('refused', 'bad'), ' ', h('code', {}, entry.codes.join(', '))) : null,
    entry.came === 'dropped' ? h('p', {}, badge('dropped', 'warn')) : null,
    entry.came === 'nothing' ? h('p', {}, badge('changed nothing', 'calm')) : null,
    entry.came === 'answered' ? h('p', { class: 'hint' }, answerText(entry, name)) : null,
    entry.events.length === 0 ? null : h('p', { class: 'chips' }, entry.events.map((event, at) => h('code', { key: at }, eventCode(event.kind)))),
    entry.expect === null ? null : wrong.length === 0
      ? h('p', {}, badge('as expected', 'good'))
      : h('ul', { class: 'codes' }, wrong.map((one) => h('li', { key: one.key }, badge('otherwise', 'bad'), ' ', h('code', {}, one.key), ` expected ${one.expected}, came ${one.came}`))));
}
