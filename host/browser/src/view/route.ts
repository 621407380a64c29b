//! The route as a picture: each candidate in order, its verdict and why; then what a write and a
//! read would use.

import type { App } from '../app';
import type { View } from '../dom';
import { h } from '../dom';
import { size, time } from '../format';
import type { RosterData, TraceEntry, Verdict } from '../policy';
import { planner } from '../policy';
import { everyId } from '../session';
import { READ, positionCode, positionName, refusalCode, refusalText, verdictCode, verdictName, why } from '../words';
import type { Tone } from './parts';
import { badge, button, check, mark, section } from './parts';

const LOOK: Record<Verdict['type'], [mark: string, tone: Tone]> = {
  drained: ['drop', 'warn'],
  invalid: ['cross', 'bad'],
  'last-resort': ['bang', 'warn'],
  maintenance: ['pause', 'warn'],
  'not-reached': ['ring', 'calm'],
  recovering: ['clock', 'warn'],
  selected: ['check', 'good'],
  'too-large': ['cross', 'bad'],
  vacant: ['ring', 'none'],
};

export function route(app: App): View {
  const { roster, session } = app;
  if (roster === null) {
    return section('route', 'Route of a write', { class: 'panel' },
      h('p', { class: 'empty' }, 'There is no organization yet, so there is nothing to choose from.'));
  }
  const answer = planner.select(roster, { size: session.size }, session.clock);
  const trace = answer.ok ? answer.value.trace : answer.error.trace;
  const used = trace.findIndex((entry) => ['selected', 'last-resort'].includes(entry.verdict.type));
  const tail = trace.findIndex((entry) => ['managed', 'inline'].includes(entry.position.type));
  return section('route', 'Route of a write', { class: 'panel' },
    h('ol', { class: 'rail', 'aria-label': 'Candidates, in the order in which a write tries them' },
      trace.map((entry, index) => stop(app, roster, entry, {
        key: `${positionCode(entry.position)}:${entry.backend?.id ?? ''}`,
        reached: used < 0 || index <= used,
        tail: index === tail,
      }))),
    outcome(app, answer));
}

function stop(
  app: App,
  roster: RosterData,
  entry: TraceEntry,
  place: { key: string; reached: boolean; tail: boolean },
): View {
  const { verdict } = entry;
  const [shape, tone] = LOOK[verdict.type];
  const backend = roster.backends.find((one) => one.id === entry.backend?.id && one.name === entry.backend.name);
  const { clock, size: bytes } = app.session;
  const used = verdict.type === 'selected' || verdict.type === 'last-resort';
  return h('li',
    {
      key: place.key,
      class: `stop ${place.reached ? 'reached' : 'beyond'}${used ? ' used' : ''}${place.tail ? ' tail' : ''}`,
      'data-verdict': verdictCode(verdict),
      'data-position': positionCode(entry.position),
    },
    h('span', { class: 'node' }, mark(shape, tone)),
    h('div', { class: 'stop-text' },
      h('p', { class: 'stop-place' }, positionName(entry.position)),
      h('p', { class: 'stop-name' },
        h('strong', {}, entry.backend?.name ?? 'nobody'), ' ', badge(verdictName(verdict), tone)),
      h('p', { class: 'stop-why' }, why(entry, backend, bytes, clock))));
}

function outcome(app: App, answer: ReturnType<typeof planner.select>): View {
  const { size: bytes, clock } = app.session;
  const what = bytes === null ? 'A write of unknown size' : `A write of ${size(bytes)}`;
  const record = () => void app.ask({ do: 'select', size: bytes, at: clock });
  const keep = button('Record this answer', record, { id: 'record-write', class: 'quiet', title: 'Adds it to the timeline, so that an export expects it' });
  if (!answer.ok) {
    return h('div', { class: 'outcome bad', id: 'write' },
      h('p', {}, mark('cross', 'bad'), ' ', h('strong', {}, `${what} is refused: `),
        h('code', {}, refusalCode(answer.error))),
      h('p', { class: 'hint' }, refusalText(answer.error, bytes, clock)), keep);
  }
  const { backend, generation, position, degraded } = answer.value;
  return h('div', { class: degraded ? 'outcome warn' : 'outcome good', id: 'write' },
    h('p', {}, mark('check', degraded ? 'warn' : 'good'), ' ',
      h('strong', {}, `${what} uses ${backend.name}`), ' ',
      badge(degraded ? 'degraded' : 'not degraded', degraded ? 'warn' : 'good')),
    h('p', { class: 'hint' },
      `Place ${positionCode(position)}, credentials ${generation}, revision ${answer.value.revision}. The write is recorded with fallback = ${position.type !== 'default'}.`),
    keep);
}

/** The outcome in a line that stays in sight on a narrow screen, and leads to the route. */
export function verdict(app: App): View | null {
  const { roster, session } = app;
  if (roster === null) return null;
  const answer = planner.select(roster, { size: session.size }, session.clock);
  const [text, tone] = answer.ok
    ? [`Write: ${answer.value.backend.name}, ${positionCode(answer.value.position)}${answer.value.degraded ? ', degraded' : ''}`, answer.value.degraded ? 'warn' : 'good']
    : [`Write: refused, ${refusalCode(answer.error)}`, 'bad'];
  return button(text, () => {
    const title = document.getElementById('route-title');
    title?.scrollIntoView({ block: 'start' });
    title?.focus({ preventScroll: true });
  }, { key: 'verdict', id: 'verdict', class: `verdict ${tone}` });
}

export function read(app: App): View {
  const { roster, session } = app;
  if (roster === null) {
    return section('read', 'What a read would use', { class: 'panel' }, h('p', { class: 'empty' }, 'There is no organization yet.'));
  }
  const { copies, clock } = session;
  const live = new Set(roster.backends.map((backend) => backend.id));
  const known = [...new Set([...live, ...everyId(session), ...copies])];
  const tries = planner.routeRead(roster, copies, clock);
  return section('read', 'What a read would use', { class: 'panel' },
    h('fieldset', { class: 'copies' },
      h('legend', {}, 'The digest was written to'),
      known.map((id, index) => check(`copy-${index}`, live.has(id) ? app.name(id) : `${app.name(id)} (deleted)`,
        copies.includes(id), () => app.toggleCopy(id), { 'data-copy': id }))),
    tries.length === 0
      ? h('p', { class: 'empty' }, 'There is nothing to try.')
      : h('ol', { class: 'tries', id: 'tries', 'aria-label': 'Backends to try, in order' },
          tries.map((one) => h('li', { key: one.backend, 'data-try': `${one.backend}:${one.reason}` },
            h('strong', {}, app.name(one.backend)), ' ', badge(one.reason, one.reason === 'copy' ? 'good' : one.reason === 'unlisted' ? 'warn' : 'calm'),
            h('span', { class: 'hint' }, ` ${READ[one.reason]}`)))),
    h('p', { class: 'hint' }, `At ${time(clock)}. The reader verifies the digest of what it gets.`),
    button('Record this answer', () => void app.ask({ do: 'route-read', copies, at: clock }), { id: 'record-read', class: 'quiet' }));
}
