//! The next change before it is made: its form, and what the policy says that it would come to.

import type { App } from '../app';
import type { Child, View } from '../dom';
import { h } from '../dom';
import type { Draft, DraftOf } from '../draft';
import { MOST_PROBES, freshId, newBackend, stepText, title } from '../draft';
import { duration, size, time } from '../format';
import type { Played } from '../play';
import type { Backend, FailureClass, Kind, Mode } from '../policy';
import { LAST_RESORTS, MODES, planner } from '../policy';
import { everyId } from '../session';
import { CODE, FAILURE, FAILURE_GROUPS, MODE, changeText, eventCode, eventText, naming, positionCode } from '../words';
import type { Tone } from './parts';
import { badge, button, check, choice, field, input, section } from './parts';

type Errors = Record<string, string>;

export function change(app: App): View {
  const { draft } = app.session;
  const heading = draft === null ? 'Next change' : `Next change: ${title(draft, (id) => app.name(id))}`;
  const blocked = app.blocked();
  return h('section', { id: 'change', class: draft === null ? 'panel' : 'panel active', 'aria-labelledby': 'change-title' },
    h('h2', { id: 'change-title', tabindex: '-1' }, heading),
    draft === null
      ? h('p', { class: 'empty' }, 'Nothing is pending. Change something in the table or in the policy: what would come of it is shown here before it is done.')
      : [
          h('form', {
            id: 'change-form',
            onsubmit: (event: Event) => { event.preventDefault(); app.apply(); },
          }, form(app, draft, app.preview?.errors ?? {})),
          outlook(app),
          h('div', { class: 'actions' },
            // Of the form, so that Enter in one of its fields does the same.
            h('button', { type: 'submit', form: 'change-form', id: 'apply', class: 'primary', 'aria-disabled': blocked === null ? 'false' : 'true', 'aria-keyshortcuts': 'Control+Enter' }, 'Apply'),
            blocked === 'refused' ? button('Record the refusal', () => app.recordRefusal(), { id: 'record-refusal', title: 'Adds it to the timeline, so that an export expects it' }) : null,
            button('Discard', () => app.plan(null), { id: 'discard', 'aria-keyshortcuts': 'Escape' })),
        ]);
}

function form(app: App, draft: Draft, errors: Errors): Child {
  switch (draft.type) {
    case 'organization':
      return h('div', { class: 'fields' }, field('new-id', 'Id of its inline backend', input(draft.id, (id) => app.fill({ id })), { error: errors['id'] }));
    case 'create': return createForm(app, draft, errors);
    case 'update': return updateForm(app, draft, errors);
    case 'delete': return h('p', { class: 'hint' }, 'A deletion is soft: what the backend holds can still be read.');
    case 'policy': return h('p', { class: 'hint' }, 'The settings are in the policy below.');
    case 'probe': return probeForm(app, draft, errors);
    case 'move': return h('p', { class: 'hint' }, 'The contract has no command that reorders a chain, so a move is the role changes that lead there, each a commit of its own.');
    case 'resolve': return resolveForm(app, draft);
  }
}

function modes(): (readonly [Mode, string])[] {
  return MODES.map((mode) => [mode, `${mode}: ${MODE[mode]}`] as const);
}

function createForm(app: App, draft: DraftOf<'create'>, errors: Errors): View {
  const usual = newBackend(draft.kind);
  const kinds: (readonly [Kind, string])[] = [
    ['external', 'external: the organization’s own'],
    ['managed', 'managed: operated by the platform'],
    ['inline', 'inline: embedded in the attestation'],
  ];
  const checkKind = (kind: Kind) => {
    const next = newBackend(kind);
    app.fill({ kind, ...(draft.provider === usual.provider ? { provider: next.provider } : {}) });
  };
  return h('div', { class: 'fields' },
    field('new-name', 'Name', input(draft.name, (name) => app.fill({ name }), { maxlength: '200' })),
    field('new-kind', 'Kind', choice(draft.kind, kinds, checkKind), { double: true }),
    field('new-provider', 'Provider', input(draft.provider, (provider) => app.fill({ provider }), { list: 'providers' })),
    h('datalist', { key: 'providers', id: 'providers' }, ['OCI', 'AWS-S3', 'AzureBlob', 'GCS', 'LOCAL', 'INLINE'].map((one) => h('option', { key: one, value: one }))),
    field('new-role', 'Role', choice(draft.role, [['none', 'no role'], ['default', 'default'], ['fallback', 'fallback']], (role) => app.fill({ role }))),
    field('new-location', 'Location', input(draft.location, (location) => app.fill({ location }), { placeholder: 'registry.example/artifacts' }), { double: true }),
    field('new-mode', 'Mode', choice(draft.mode, modes(), (mode) => app.fill({ mode })), { double: true }),
    field('new-limit', 'Size limit', input(draft.limit, (limit) => app.fill({ limit }), { placeholder: 'the usual one' }), { error: errors['limit'], hint: 'Such as 100 MiB; empty means the usual' }),
    field('new-description', 'Description', input(draft.description, (description) => app.fill({ description })), { double: true }),
    field('new-id', 'Id', input(draft.id, (id) => app.fill({ id }), { placeholder: freshId(draft.name, everyId(app.session)) }), { hint: 'Never used again; empty means the one shown' }),
    h('div', { key: 'checked', class: 'wide' },
      check('new-checked', 'Its first probe succeeded just now', draft.checked, () => app.fill({ checked: !draft.checked }))));
}

function updateForm(app: App, draft: DraftOf<'update'>, errors: Errors): View {
  const backend = app.roster?.backends.find((one) => one.id === draft.backend);
  if (backend === undefined) return h('p', { class: 'hint' }, 'There is no such backend at this point of the timeline.');
  const unlessSame = <T>(value: T, present: T) => (value === present ? null : value);
  return h('div', { class: 'fields' },
    h('p', { key: 'fixed', class: 'hint wide' },
      `Fixed since it was created: name ${backend.name}, id ${backend.id}, kind ${backend.kind}, provider ${backend.provider || 'none'}, location ${backend.location || 'none'}. Role and mode are also in the table.`),
    field('edit-limit', 'Size limit', input(draft.limit ?? size(backend.maxBlobBytes), (limit) => app.fill({ limit: unlessSame(limit, size(backend.maxBlobBytes)) })), { error: errors['limit'], hint: `Such as 100 MiB; now ${size(backend.maxBlobBytes)}` }),
    field('edit-mode', 'Mode', choice(draft.mode ?? backend.mode, modes(), (mode) => app.fill({ mode: unlessSame(mode, backend.mode) })), { double: true }),
    field('edit-role', 'Role', choice<'same' | 'default' | 'fallback' | 'none'>(draft.role ?? 'same',
      [['same', 'as it is'], ['default', 'default'], ['fallback', 'fallback'], ['none', 'no role']],
      (role) => app.fill({ role: unlessSame(role, 'same') }))),
    field('edit-description', 'Description', input(draft.description ?? backend.description, (description) => app.fill({ description: unlessSame(description, backend.description) })), { wide: true }),
    check('edit-rotate', `Rotate its credentials (now number ${backend.generation})`, draft.rotate, () => app.fill({ rotate: !draft.rotate })),
    draft.rotate ? check('edit-checked', 'The new credentials were probed with success', draft.checked, () => app.fill({ checked: !draft.checked })) : null);
}

function classes(value: FailureClass, id: string, label: string, pick: (value: FailureClass) => void): View {
  return field(id, label, (props) =>
    h('select', { ...props, value, onchange: (event: Event) => pick((event.target as HTMLSelectElement).value as FailureClass) },
      FAILURE_GROUPS.map(([name, group]) => h('optgroup', { key: name, label: name },
        group.map((one) => h('option', { key: one, value: one }, `${one}: ${FAILURE[one]}`))))), { double: true });
}

function probeForm(app: App, draft: DraftOf<'probe'>, errors: Errors): View {
  const backend = app.roster?.backends.find((one) => one.id === draft.backend);
  return h('div', { class: 'fields' },
    field('probe-pattern', 'Its probes', choice(draft.pattern, [['fail', 'fail'], ['ok', 'succeed'], ['alternate', 'fail and succeed in turn']], (pattern) => app.fill({ pattern }))),
    draft.pattern === 'ok' ? null : classes(draft.class, 'probe-class', 'Failure class', (one) => app.fill({ class: one })),
    field('probe-times', 'How often', input(draft.times, (times) => app.fill({ times }), { inputmode: 'numeric' }), { error: errors['times'], hint: `1 to ${MOST_PROBES} probes in a row` }),
    field('probe-gap', 'Wait before each', input(draft.gap, (gap) => app.fill({ gap })), { error: errors['gap'], hint: 'The clock goes on by this' }),
    field('probe-generation', 'Credentials', input(draft.generation, (generation) => app.fill({ generation }), { inputmode: 'numeric', placeholder: `the present: ${backend?.generation ?? 1}` }), { error: errors['generation'], hint: 'A probe with old ones is dropped' }));
}

function resolveForm(app: App, draft: DraftOf<'resolve'>): View {
  const options = (['ok', ...FAILURE_GROUPS.flatMap(([, group]) => group)] as const).map((one) => [one, one] as const);
  return h('div', { class: 'fields' },
    h('p', { key: 'hint', class: 'hint wide' }, 'What a control plane does: it selects, and before it refuses it probes once more what has cooled down. Say how such a probe would end.'),
    (app.roster?.backends ?? []).filter((one) => one.kind !== 'inline').map((one: Backend, index) =>
      field(`outcome-${index}`, `Probe of ${one.name}`, choice(draft.outcomes[one.id] ?? 'ok', options,
        (outcome) => app.fill({ outcomes: { ...draft.outcomes, [one.id]: outcome } })))));
}

// ---- What would come of it ----

function outlook(app: App): View {
  const { preview } = app;
  if (preview === null) return h('div', {});
  const box = (...children: Child[]) =>
    h('div', { id: 'outlook', class: 'outlook', role: 'group', 'aria-label': 'What would come of it' }, h('h3', {}, 'What would come of it'), ...children);
  if (preview.failed !== null) {
    return box(h('p', { class: 'field-error', role: 'alert' }, `The policy cannot read this: ${preview.failed}.`));
  }
  if (Object.keys(preview.errors).length > 0) return box(h('p', { class: 'hint' }, 'A field cannot be read yet; see there.'));
  if (preview.rest !== null) return box(h('p', { class: 'hint' }, 'The policy is being asked.'));
  const last = preview.played.at(-1);
  if (last === undefined) return box(h('p', { class: 'hint' }, 'Nothing changes.'));
  const full = app.session.history.length + preview.played.length > 1_000;
  return box(
    full ? h('p', { class: 'field-error', role: 'alert' }, 'The timeline is full: it keeps 1,000 steps. Undo some, or load a scenario.') : null,
    h('ol', { class: 'planned' }, shortened(preview.played).map((one) => typeof one === 'number'
      ? h('li', { key: 'more', class: 'hint' }, `… ${one} more …`)
      : h('li', { key: one.number }, planned(app, one.played, one.number, preview.played.length)))),
    last.came === 'refused' ? null : after(app, last));
}

/** The first and the last of many, and how many are left out between them. */
function shortened(all: Played[]): ({ played: Played; number: number } | number)[] {
  const numbered = all.map((played, index) => ({ played, number: index + 1 }));
  if (numbered.length <= 8) return numbered;
  return [...numbered.slice(0, 4), numbered.length - 7, ...numbered.slice(-3)];
}

const CAME: Record<Played['came'], [string, Tone]> = {
  committed: ['commits', 'good'],
  nothing: ['changes nothing', 'calm'],
  dropped: ['dropped', 'warn'],
  refused: ['refused', 'bad'],
  answered: ['answered', 'calm'],
};

export function planned(app: App, one: Played, number: number, of: number): Child {
  const name = naming(one.before, one.roster);
  const [came, tone] = CAME[one.came];
  const revision = one.came === 'committed' && one.roster !== null ? ` revision ${one.roster.revision}` : '';
  return [
    h('p', { class: 'planned-step' },
      of > 1 ? h('span', { class: 'hint' }, `${number} of ${of} `) : null,
      h('span', {}, stepText(one.step, (id) => app.name(id))), ' ', badge(came + revision, tone),
      one.step.at !== app.session.clock ? h('span', { class: 'hint' }, ` at ${time(one.step.at)}`) : null),
    one.came === 'dropped' ? h('p', { class: 'hint' }, 'The backend is gone or inline, its credentials were rotated since, or a newer probe was seen already.') : null,
    one.codes.length === 0 ? null : h('ul', { class: 'codes' }, one.codes.map((code) => h('li', { key: code }, h('code', {}, code), ` ${CODE[code]}`))),
    one.came === 'answered' ? h('p', { class: 'hint' }, answerText(one, (id) => app.name(id))) : null,
    one.changes.length === 0 ? null : [
      h('h4', { key: 'changes' }, 'Changes'),
      h('ul', { key: 'change-list', class: 'changes' }, one.changes.map((each, index) =>
        h('li', { key: index, 'data-change': each.type }, h('code', {}, each.type), ` ${changeText(each, one.before, name)}`))),
    ],
    one.events.length === 0 ? null : [
      h('h4', { key: 'events' }, 'Events'),
      h('ul', { key: 'event-list', class: 'events' }, one.events.map((event, index) =>
        h('li', { key: index, 'data-event': eventCode(event.kind) }, h('code', {}, eventCode(event.kind)), ` ${eventText(event.kind, name)}`))),
    ],
  ];
}

/** What a question came to, in plain words. */
export function answerText(one: Played, name: (id: string) => string): string {
  const { answer } = one;
  const ids = (value: unknown) => (value as string[]).map(name).join(', ') || 'none';
  const parts: string[] = [];
  if (typeof answer['use'] === 'string') parts.push(`uses ${name(answer['use'])}${answer['degraded'] === true ? ', degraded' : ''}`);
  if (typeof answer['refused'] === 'string') parts.push(`refused: ${answer['refused']}`);
  if (typeof answer['retry-at'] === 'number') parts.push(`retry at ${time(answer['retry-at'])}`);
  if (typeof answer['limit'] === 'number') parts.push(`largest limit ${size(answer['limit'])}`);
  if (Array.isArray(answer['probed'])) parts.push(`probed: ${ids(answer['probed'])}`);
  if (Array.isArray(answer['due'])) parts.push(`due: ${ids(answer['due'])}`);
  if ('next' in answer) parts.push(answer['next'] === null ? 'never' : `at ${time(answer['next'] as number)}`);
  if (Array.isArray(answer['try'])) {
    parts.push(`try ${(answer['try'] as [string, string][]).map(([id, reason]) => `${name(id)} (${reason})`).join(', ') || 'nothing'}`);
  }
  if (Array.isArray(answer['violations'])) parts.push(`breaks ${(answer['violations'] as string[]).join(', ') || 'nothing'}`);
  return parts.join('; ');
}

/** How a write would go afterwards, next to how it goes now. */
function after(app: App, last: Played): View {
  const { size: bytes, clock } = app.session;
  const say = (roster: Played['roster'], at: number): string => {
    if (roster === null) return 'no organization';
    const answer = planner.select(roster, { size: bytes }, at);
    return answer.ok
      ? `${answer.value.backend.name} (${positionCode(answer.value.position)}${answer.value.degraded ? ', degraded' : ''})`
      : `refused (${answer.error.reason.type})`;
  };
  const { at } = last.step;
  return h('p', { class: 'after', id: 'after' },
    'A write uses now ', h('strong', {}, say(app.roster, clock)), ', then ', h('strong', {}, say(last.roster, at)),
    at === clock ? '.' : `, ${duration(at - clock)} later.`);
}

// ---- The policy's knobs ----

export function policy(app: App): View | null {
  const { roster, session, preview } = app;
  if (roster === null) return null;
  const draft = session.draft?.type === 'policy' ? session.draft : null;
  const errors = draft === null ? {} : (preview?.errors ?? {});
  const shown = draft ?? app.policyDraft(roster);
  const set = (fields: object) => app.setPolicy({ ...shown, ...fields });
  const text = (name: 'maxFallbacks' | 'fall' | 'rise' | 'holdDown' | 'staleAfter' | 'checkEvery' | 'checkOthersEvery', label: string, hint: string) =>
    field(`policy-${name}`, label, input(shown[name], (value) => set({ [name]: value })), { hint, error: (errors as Errors)[name] });
  const tail = ['managed', 'inline'] as const;
  return section('policy', 'Policy', { class: 'panel' },
    h('div', { class: 'fields' },
      text('maxFallbacks', 'max-fallbacks', 'Length of the chain'),
      text('fall', 'fall', 'Transient failures in a row before invalid'),
      text('rise', 'rise', 'Successes in a row before valid again'),
      text('holdDown', 'hold-down', 'How long a recovered one waits to be preferred'),
      text('staleAfter', 'stale-after', 'When a status is too old to believe'),
      text('checkEvery', 'check-every', 'Between probes of candidates'),
      text('checkOthersEvery', 'check-others-every', 'Between probes of the rest'),
      field('policy-lastResort', 'last-resort', choice(shown.lastResort, LAST_RESORTS.map((one) => [one, one] as const), (lastResort) => set({ lastResort })), { hint: 'When nothing is fit' }),
      h('fieldset', { key: 'tail', class: 'wide tail-kinds' },
        h('legend', {}, 'tail: kinds that serve when the whole chain is down'),
        tail.map((kind) => check(`policy-tail-${kind}`, shown.tail.includes(kind) ? `${kind}, ${shown.tail.indexOf(kind) === 0 ? 'first' : 'second'}` : kind, shown.tail.includes(kind),
          () => set({ tail: shown.tail.includes(kind) ? shown.tail.filter((one) => one !== kind) : [...shown.tail, kind] }))),
        shown.tail.length < 2 ? null : button('Swap their order', () => set({ tail: [...shown.tail].reverse() }), { id: 'policy-tail-swap', class: 'quiet' }))),
    draft === null ? null : h('p', { class: 'hint' }, 'Not applied yet: see “Next change”.'),
    draft === null ? null : h('div', { class: 'actions' },
      button('Apply the policy', () => app.apply(), { id: 'policy-apply', class: 'primary', 'aria-disabled': app.blocked() === null ? 'false' : 'true' }),
      button('Discard', () => app.plan(null), { id: 'policy-discard' })));
}
