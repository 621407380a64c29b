//! The table of backends: who serves in which order, and in what state; each row is changed,
//! moved, broken and deleted from here.

import type { App, Landing } from '../app';
import type { Child, View } from '../dom';
import { h } from '../dom';
import { editDraft, newBackend, placeOf } from '../draft';
import type { Spot } from '../drag';
import { follow } from '../drag';
import { clockTime, relative, size } from '../format';
import type { Backend, Mode, RosterData } from '../policy';
import { MODES, planner } from '../policy';
import { CODE, healthText } from '../words';
import { badge, button, choice, section, unseen } from './parts';

type Role = 'none' | 'default' | 'fallback';
const ROLES = [['default', 'default'], ['fallback', 'fallback'], ['none', 'no role']] as const;
const COLUMNS = ['Order', 'Backend', 'Role', 'Health', 'Mode', 'Limit', 'Next probe', 'Actions'];

export function backends(app: App): View {
  const { roster } = app;
  if (roster === null) {
    return section('backends', 'Backends', { class: 'panel' },
      h('p', { class: 'empty' }, 'There is no organization yet.'),
      button('Create the organization', () => start(app, { type: 'organization', id: 'default-inline' }), { id: 'create-organization', class: 'primary' }));
  }
  const find = (id: string) => roster.backends.find((backend) => backend.id === id);
  const roles = [...(roster.default === null ? [] : [roster.default]), ...roster.fallbacks];
  const rest = roster.backends.filter((backend) => !roles.includes(backend.id));
  const trace = (() => {
    const answer = planner.select(roster, { size: null }, app.session.clock);
    return answer.ok ? answer.value.trace : answer.error.trace;
  })();
  const inTail = (backend: Backend) =>
    trace.some((entry) => entry.backend?.id === backend.id && ['managed', 'inline'].includes(entry.position.type));
  const tail = rest.filter(inTail);
  const others = rest.filter((backend) => !inTail(backend));
  const broken = planner.check(roster);
  // An id is in two rows where a roster breaks the invariants; each row has a name of its own.
  const rows = new Map<string, number>();
  const show = (backend: Backend | undefined, id: string) => {
    const count = (rows.get(id) ?? 0) + 1;
    rows.set(id, count);
    return row(app, roster, backend, id, count === 1 ? `row-${id}` : `row-${id}-again-${count}`);
  };
  return section('backends', 'Backends', { class: 'panel' },
    broken.length === 0 ? null : h('div', { class: 'outcome bad', id: 'violations' },
      h('p', {}, h('strong', {}, 'This roster breaks invariants; it is decided on all the same.')),
      h('ul', {}, broken.map((code) => h('li', { key: code }, h('code', {}, code), ` ${CODE[code]}`)))),
    h('table', { class: 'roster', role: 'table', 'aria-describedby': 'roster-help' },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
        COLUMNS.map((name) => h('th', { key: name, scope: 'col', role: 'columnheader' }, name)))),
      group(app, 'Default', roster.default === null ? [] : [show(find(roster.default), roster.default)], 'Nobody is the default.'),
      group(app, `Fallbacks (at most ${roster.policy.maxFallbacks})`,
        roster.fallbacks.map((id) => show(find(id), id)), 'No fallback takes over.'),
      tail.length === 0 ? null : group(app, 'Tail of the policy', tail.map((backend) => show(backend, backend.id)), ''),
      group(app, 'No role', others.map((backend) => show(backend, backend.id)), 'Every backend has a role.')),
    h('p', { class: 'hint', id: 'roster-help' },
      'Move a row with its arrows, with ', h('kbd', {}, 'Alt'), ' + ', h('kbd', {}, '↑'), ' or ', h('kbd', {}, '↓'),
      ' anywhere in it, by dragging its handle ', h('span', { 'aria-hidden': 'true' }, '⠿'), ', or by choosing a role. Nothing happens before you apply it below.'),
    h('div', { class: 'actions' },
      button('Add a backend', () => start(app, newBackend()), { id: 'add-backend', class: 'primary' }),
      button('Resolve a write', () => start(app, { type: 'resolve', outcomes: {} }), {
        id: 'resolve', title: 'What a control plane does: select, and probe once more before it refuses',
      })));
}

/** Opens a form, and takes the focus there. */
function start(app: App, draft: Parameters<App['plan']>[0]): void {
  app.plan(draft);
  focusChange();
}

export function focusChange(): void {
  const title = document.getElementById('change-title');
  if (title === null) return;
  title.focus({ preventScroll: true });
  // Below the middle of the window there is too little room for what follows the title.
  const low = title.getBoundingClientRect().top > innerHeight / 2;
  title.scrollIntoView({
    block: low ? 'start' : 'nearest',
    behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth',
  });
}

/**
 * Returns what a drop of a backend does: on the default it takes its place, on a fallback it stands
 * beside that, elsewhere in the chain at the end, in the other groups it loses its role. Null where
 * nothing would change.
 */
function landing(app: App, id: string, { element, y }: Spot): Landing | null {
  const { roster, session: { draft } } = app;
  const group = element?.closest<HTMLElement>('tbody[data-group]')?.dataset['group'];
  // The roster may be another than at the press.
  if (group === undefined || roster === null || !roster.backends.some((one) => one.id === id)) return null;
  const from = placeOf(roster, id);
  const row = element?.closest<HTMLElement>('tr[data-backend]') ?? null;
  const over = row?.dataset['backend'];
  const onto = over === undefined ? null : placeOf(roster, over);
  let beside: Landing['beside'] = null;
  let place: number | null = null;
  if (group === 'Default') {
    place = 0;
  } else if (group === 'Fallbacks') {
    place = roster.fallbacks.filter((one) => one !== id).length + 1;
    if (row !== null && over !== undefined && onto !== null) {
      const { top, height } = row.getBoundingClientRect();
      // One of the chain takes the place of the row; one that joins it chooses a side of the row.
      const joins = from === null || from === 0;
      const side = (joins ? y > top + height / 2 : from < onto) ? 'after' : 'before';
      place = joins && side === 'after' ? onto + 1 : onto;
      beside = over === id ? null : { backend: over, side };
    }
  }
  const moving = draft?.type === 'move' && draft.backend === id;
  return place === from && !moving ? null : { group, beside, place };
}

function placeText(place: number | null): string {
  return place === null ? 'no role' : place === 0 ? 'default' : `fallback ${place}`;
}

/** What a row is dragged by. Who does not see it has the buttons beside it. */
function grip(app: App, id: string, name: string): View {
  return h('span', {
    class: 'grip',
    'aria-hidden': 'true',
    title: 'Drag to move',
    onpointerdown: (event: PointerEvent) => follow(event, {
      over: (spot) => {
        const to = landing(app, id, spot);
        app.drag({ backend: id, landing: to });
        return `${name}: ${to === null ? 'no change here' : `→ ${placeText(to.place)}`}`;
      },
      drop: (spot) => {
        const to = landing(app, id, spot);
        app.drag(null);
        if (to !== null) app.moveTo(id, to.place);
      },
      cancel: () => app.drag(null),
    }),
  }, '⠿');
}

function group(app: App, label: string, rows: View[], empty: string): View {
  const name = label.split(' ')[0] ?? label;
  return h('tbody',
    {
      key: name,
      role: 'rowgroup',
      'data-group': name,
      class: app.dragged?.landing?.group === name ? 'drop' : undefined,
    },
    h('tr', { key: 'title', class: 'group', role: 'row' },
      h('th', { colspan: COLUMNS.length, scope: 'rowgroup', role: 'rowheader' }, label)),
    rows.length > 0 || empty === '' ? rows : h('tr', { key: 'empty', role: 'row' },
      h('td', { colspan: COLUMNS.length, class: 'empty', role: 'cell' }, empty)));
}

function row(app: App, roster: RosterData, backend: Backend | undefined, id: string, key: string): View {
  if (backend === undefined) {
    return h('tr', { key, role: 'row' },
      h('td', { role: 'cell' }), h('td', { colspan: COLUMNS.length - 1, role: 'cell' }, `No live backend has the id ${id}.`));
  }
  const { session } = app;
  const { draft, clock } = session;
  const { name } = backend;
  const pending = draft !== null && 'backend' in draft && draft.backend === id ? draft : null;
  const place = placeOf(roster, id);
  const role: Role = place === null ? 'none' : place === 0 ? 'default' : 'fallback';
  const change = pending?.type === 'update' ? pending : null;
  const moving = pending?.type === 'move' ? pending : null;
  const next = planner.nextDue(roster, id, clock);
  const { dragged } = app;
  const beside = dragged?.landing?.beside;
  const classes = [
    'backend',
    pending === null ? '' : 'pending',
    dragged?.backend === id ? 'dragged' : '',
    beside?.backend === id ? `drop-${beside.side}` : '',
  ];
  const cell = (label: string, ...children: Child[]) => h('td', { role: 'cell', 'data-label': label }, ...children);
  return h('tr',
    {
      key,
      role: 'row',
      class: classes.filter((one) => one !== '').join(' '),
      'data-backend': id,
      onkeydown: (event: KeyboardEvent) => {
        if (!event.altKey || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown')) return;
        event.preventDefault();
        app.move(id, event.key === 'ArrowUp' ? -1 : 1);
      },
    },
    cell('Order', h('div', { class: 'order' },
      grip(app, id, name),
      button([h('span', { 'aria-hidden': 'true' }, '↑'), unseen(`Move ${name} up`)], () => app.move(id, -1),
        { id: `${key}-up`, class: 'icon', 'aria-keyshortcuts': 'Alt+ArrowUp' }),
      button([h('span', { 'aria-hidden': 'true' }, '↓'), unseen(`Move ${name} down`)], () => app.move(id, 1),
        { id: `${key}-down`, class: 'icon', 'aria-keyshortcuts': 'Alt+ArrowDown' }))),
    h('th', { scope: 'row', role: 'rowheader', 'data-label': 'Backend', class: 'name' },
      h('span', { class: 'backend-name' }, name),
      h('span', { class: 'hint short' }, `${backend.kind} · ${backend.provider}`),
      backend.description === '' ? null : h('span', { class: 'hint short', title: backend.description }, backend.description),
      moving === null ? null : badge(`→ ${placeText(moving.place)}`, 'calm')),
    cell('Role', choice<Role>(change?.role ?? role, ROLES,
      (to) => app.change(id, { role: to === role ? null : to }), { 'aria-label': `Role of ${name}` })({ id: `${key}-role` })),
    cell('Health', h('div', { class: 'health' },
      badge(backend.kind === 'inline' ? 'always valid' : backend.health.status === 'valid' ? 'valid' : `invalid: ${backend.health.failure?.class ?? 'unknown'}`,
        backend.kind === 'inline' || backend.health.status === 'valid' ? 'good' : 'bad'),
      h('span', { class: 'hint' }, healthText(backend, clock)))),
    cell('Mode', choice<Mode>(change?.mode ?? backend.mode, MODES.map((mode) => [mode, mode]),
      (to) => app.change(id, { mode: to === backend.mode ? null : to }), { 'aria-label': `Mode of ${name}` })({ id: `${key}-mode` })),
    cell('Limit', h('span', { class: 'number' }, size(backend.maxBlobBytes))),
    cell('Next probe', next === null ? h('span', { class: 'hint' }, 'never')
      : next <= clock ? badge('due now', 'warn')
      : h('span', { class: 'number', title: clockTime(next, clock) }, relative(next, clock))),
    cell('Actions', h('div', { class: 'row-actions' },
      button(['Break', unseen(` ${name}`)], () => { app.probe(id, 'fail'); focusChange(); }, { id: `${key}-break` }),
      button(['Heal', unseen(` ${name}`)], () => { app.probe(id, 'ok'); focusChange(); }, { id: `${key}-heal` }),
      button(['Edit', unseen(` ${name}`)], () => start(app, change ?? editDraft(id)), { id: `${key}-edit` }),
      button(['Delete', unseen(` ${name}`)], () => start(app, { type: 'delete', backend: id }), { id: `${key}-delete` }))));
}
