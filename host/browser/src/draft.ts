//! The next change before it is made: what a person fills in, and the steps that it comes to.
//!
//! A draft keeps texts as they were typed, so that a form can be half filled in.

import { FieldError, LATEST, duration, parseCount, parseDuration, parseSize, size } from './format';
import { playNow } from './play';
import type { Played } from './play';
import type { Kind, Policy, RosterData } from './policy';
import { FAILURE_CLASSES, KINDS, LAST_RESORTS, MODES } from './policy';
import type { Of, Shape } from './schema';
import { LARGEST_LIMIT, bool, list, map, one, optional, tagged, text, whole } from './schema';
import type { By, Step } from './vector';

const field = text(4_000);
const role = one(['none', 'default', 'fallback']);

const drafts = {
  organization: { id: field },
  create: {
    name: field,
    id: field,
    kind: one(KINDS),
    provider: field,
    location: field,
    description: field,
    limit: field,
    mode: one(MODES),
    role,
    checked: bool,
  },
  update: {
    backend: field,
    description: optional(field),
    limit: optional(field),
    mode: optional(one(MODES)),
    role: optional(role),
    rotate: bool,
    checked: bool,
  },
  delete: { backend: field },
  policy: {
    maxFallbacks: field,
    fall: field,
    rise: field,
    holdDown: field,
    staleAfter: field,
    checkEvery: field,
    checkOthersEvery: field,
    tail: list(one(KINDS)),
    lastResort: one(LAST_RESORTS),
  },
  probe: {
    backend: field,
    pattern: one(['fail', 'ok', 'alternate']),
    class: one(FAILURE_CLASSES),
    times: field,
    gap: field,
    generation: field,
  },
  move: { backend: field, place: optional(whole(1_000)) },
  resolve: { outcomes: map(one(['ok', ...FAILURE_CLASSES])) },
} as const;

type Drafts = typeof drafts;
export type Draft = {
  [K in keyof Drafts]: { type: K } & { -readonly [F in keyof Drafts[K]]: Of<Drafts[K][F]> };
}[keyof Drafts];
export type DraftOf<K extends Draft['type']> = Extract<Draft, { type: K }>;

export const draftShape = tagged('type', drafts) as Shape<unknown> as Shape<Draft>;

/** What a draft is filled in for. */
export interface Scene {
  roster: RosterData | null;
  clock: number;
  size: number | null;
  by: By;
  /** Every id that was ever used here. */
  ids: string[];
}

/** The steps of a draft, or what is wrong with which field. */
export interface Drafted {
  steps: Step[];
  errors: Record<string, string>;
}

export const MOST_PROBES = 200;

/** Returns the steps that the draft comes to, or why a field cannot be read. */
export function steps(draft: Draft, scene: Scene): Drafted {
  const errors: Record<string, string> = {};
  const read = <T>(name: string, parse: () => T, otherwise: T): T => {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      errors[name] = error.message;
      return otherwise;
    }
  };
  const made = (() => {
    switch (draft.type) {
      case 'organization':
        return [{ do: 'create-organization', id: draft.id, at: scene.clock } satisfies Step];
      case 'create':
        return [create(draft, scene, read)];
      case 'update':
        return [update(draft, scene, read)];
      case 'delete':
        return [{ do: 'delete', backend: draft.backend, by: scene.by, at: scene.clock } satisfies Step];
      case 'policy':
        return [{ do: 'set-policy', policy: policy(draft, read), at: scene.clock } satisfies Step];
      case 'probe':
        return probes(draft, scene, read);
      case 'move':
        return move(draft, scene);
      case 'resolve':
        return [
          { do: 'resolve', size: scene.size, validator: draft.outcomes, at: scene.clock } satisfies Step,
        ];
    }
  })();
  return Object.keys(errors).length > 0 ? { steps: [], errors } : { steps: made, errors };
}

type Read = <T>(name: string, parse: () => T, otherwise: T) => T;

/** Returns an id for a new backend: its name, or what was never used before. */
export function freshId(name: string, ids: string[]): string {
  const base = name.replace(/[^\x21-\x7e]+/g, '-').slice(0, 60) || 'backend';
  for (let number = 1; ; number += 1) {
    const id = number === 1 ? base : `${base}-${number}`;
    if (!ids.includes(id)) return id;
  }
}

function create(draft: DraftOf<'create'>, scene: Scene, read: Read): Step {
  const limit = draft.limit.trim() === '' ? null : read('limit', () => parseSize(draft.limit, LARGEST_LIMIT), null);
  return {
    do: 'create',
    backend: {
      name: draft.name,
      id: draft.id === '' ? freshId(draft.name, scene.ids) : draft.id,
      kind: draft.kind,
      provider: draft.provider,
      location: draft.location,
      description: draft.description,
      'max-blob-bytes': limit,
      mode: draft.mode,
      generation: null,
      health: null,
    },
    default: draft.role === 'default',
    fallback: draft.role === 'fallback',
    checked: draft.checked,
    by: scene.by,
    at: scene.clock,
  };
}

function update(draft: DraftOf<'update'>, scene: Scene, read: Read): Step {
  const limit = draft.limit === null ? null : read('limit', () => parseSize(draft.limit ?? '', LARGEST_LIMIT), null);
  return {
    ...unchanged(draft.backend, scene),
    description: draft.description,
    'max-blob-bytes': limit,
    default: draft.role === null || draft.role === 'fallback' ? null : draft.role === 'default',
    fallback: draft.role === null || draft.role === 'default' ? null : draft.role === 'fallback',
    mode: draft.mode,
    rotate: draft.rotate,
    checked: draft.rotate && draft.checked,
  };
}

function unchanged(backend: string, scene: Scene): Step & { do: 'update' } {
  return {
    do: 'update',
    backend,
    by: scene.by,
    description: null,
    'max-blob-bytes': null,
    default: null,
    fallback: null,
    mode: null,
    rotate: false,
    checked: false,
    at: scene.clock,
  };
}

function policy(draft: DraftOf<'policy'>, read: Read): (Step & { do: 'set-policy' })['policy'] {
  return {
    'max-fallbacks': read('maxFallbacks', () => parseCount(draft.maxFallbacks), null),
    fall: read('fall', () => parseCount(draft.fall), null),
    rise: read('rise', () => parseCount(draft.rise), null),
    'hold-down': read('holdDown', () => parseDuration(draft.holdDown), null),
    'stale-after': read('staleAfter', () => parseDuration(draft.staleAfter), null),
    'check-every': read('checkEvery', () => parseDuration(draft.checkEvery), null),
    'check-others-every': read('checkOthersEvery', () => parseDuration(draft.checkOthersEvery), null),
    tail: draft.tail,
    'last-resort': draft.lastResort,
  };
}

export function policyDraft(policy: Policy): DraftOf<'policy'> {
  return {
    type: 'policy',
    maxFallbacks: String(policy.maxFallbacks),
    fall: String(policy.fall),
    rise: String(policy.rise),
    holdDown: duration(policy.holdDown),
    staleAfter: duration(policy.staleAfter),
    checkEvery: duration(policy.checkEvery),
    checkOthersEvery: duration(policy.checkOthersEvery),
    tail: [...policy.tail],
    lastResort: policy.lastResort,
  };
}

function probes(draft: DraftOf<'probe'>, scene: Scene, read: Read): Step[] {
  const times = read('times', () => {
    const count = parseCount(draft.times);
    if (count < 1 || count > MOST_PROBES) {
      throw new FieldError(`\`${draft.times}\` is out of range; repeat 1 to ${MOST_PROBES} times`);
    }
    return count;
  }, 1);
  const gap = read('gap', () => {
    const ms = parseDuration(draft.gap);
    if (scene.clock + times * ms > LATEST) {
      throw new FieldError(`\`${draft.gap}\` leads past the year 9999`);
    }
    return ms;
  }, 0);
  const generation = draft.generation.trim() === ''
    ? null
    : read('generation', () => parseCount(draft.generation), null);
  return Array.from({ length: times }, (_, index) => {
    const fails = draft.pattern === 'fail' || (draft.pattern === 'alternate' && index % 2 === 0);
    return {
      do: 'observe',
      backend: draft.backend,
      outcome: fails ? draft.class : 'ok',
      generation,
      'finished-at': null,
      at: scene.clock + (index + 1) * gap,
    } satisfies Step;
  });
}

/** The place of a backend: 0 is the default, from 1 the chain, null none. */
export function placeOf(roster: RosterData, backend: string): number | null {
  if (roster.default === backend) return 0;
  const index = roster.fallbacks.indexOf(backend);
  return index < 0 ? null : index + 1;
}

/**
 * Returns the commands that lead a backend to a place, since the contract has none that reorders a
 * chain: who is before it leaves the chain and joins its end again. Each command is planned, and the
 * next one rests on what the policy says that it leads to; what the policy refuses ends it.
 */
function move(draft: DraftOf<'move'>, scene: Scene): Step[] {
  const { roster } = scene;
  if (roster === null) return [];
  const all: Step[] = [];
  let now: Played['roster'] = roster;
  const order = (backend: string, roles: { default?: boolean; fallback?: boolean }): boolean => {
    const step = { ...unchanged(backend, scene), ...roles };
    all.push(step);
    const played = playNow(step, now);
    if (played === null || played.came === 'refused') return false;
    now = played.roster;
    return true;
  };
  const { backend, place } = draft;
  const before = placeOf(roster, backend);
  if (place === before) return [];
  if (place === null) {
    order(backend, before === 0 ? { default: false } : { fallback: false });
    return all;
  }
  if (place === 0) {
    // One that comes up the chain changes places with the default.
    if (!order(backend, { default: true }) || before === null || roster.default === null) return all;
    if (!order(roster.default, { fallback: true })) return all;
    arrange(roster.default, 1);
    return all;
  }
  if (before === null || before === 0) {
    if (!order(backend, { fallback: true })) return all;
  }
  arrange(backend, place);
  return all;

  function arrange(moved: string, to: number): void {
    const chain: string[] = now?.fallbacks ?? [];
    if (!chain.includes(moved)) return;
    const target = chain.filter((id) => id !== moved);
    target.splice(to - 1, 0, moved);
    // Who stands in the right order already stays; the others join the end, in order.
    let kept = 0;
    for (const id of chain) if (id === target[kept]) kept += 1;
    const again = target.slice(kept);
    for (const id of chain.filter((one) => again.includes(one))) {
      if (!order(id, { fallback: false })) return;
    }
    for (const id of again) if (!order(id, { fallback: true })) return;
  }
}

export function newBackend(kind: Kind = 'external'): DraftOf<'create'> {
  return {
    type: 'create',
    name: '',
    id: '',
    kind,
    provider: kind === 'inline' ? 'INLINE' : kind === 'managed' ? 'GCS' : 'OCI',
    location: '',
    description: '',
    limit: '',
    mode: 'ready',
    role: 'none',
    checked: true,
  };
}

export function breakDraft(backend: string, pattern: DraftOf<'probe'>['pattern']): DraftOf<'probe'> {
  return { type: 'probe', backend, pattern, class: 'timeout', times: '1', gap: '1 s', generation: '' };
}

export function editDraft(backend: string): DraftOf<'update'> {
  return {
    type: 'update', backend, description: null, limit: null, mode: null, role: null, rotate: false, checked: true,
  };
}

/** What a draft is about, as a heading. */
export function title(draft: Draft, name: (id: string) => string): string {
  switch (draft.type) {
    case 'organization': return 'Create the organization';
    case 'create': return 'Add a backend';
    case 'update': return `Change ${name(draft.backend)}`;
    case 'delete': return `Delete ${name(draft.backend)}`;
    case 'policy': return 'Change the policy';
    case 'probe': return `Probe ${name(draft.backend)}`;
    case 'move': return `Move ${name(draft.backend)}`;
    case 'resolve': return 'Resolve a write, with last-chance probes';
  }
}

/** What a step does, in plain words. */
export function stepText(step: Step, name: (id: string) => string): string {
  switch (step.do) {
    case 'create-organization': return `create the organization, with ${step.id}`;
    case 'create': {
      const roles = step.default ? ' as the default' : step.fallback ? ' as a fallback' : '';
      return `add ${step.backend.name}${roles}${step.by === 'platform' ? ', for the platform' : ''}`;
    }
    case 'update': {
      const parts = [
        step.default === null ? null : step.default ? 'make it the default' : 'not the default',
        step.fallback === null ? null : step.fallback ? 'make it a fallback' : 'no fallback',
        step.mode === null ? null : `mode ${step.mode}`,
        step['max-blob-bytes'] === null ? null : `limit ${size(step['max-blob-bytes'])}`,
        step.description === null ? null : 'description',
        step.rotate ? 'new credentials' : null,
      ].filter((part) => part !== null);
      return `${name(step.backend)}: ${parts.join(', ') || 'no change'}${step.by === 'platform' ? ', for the platform' : ''}`;
    }
    case 'delete': return `delete ${name(step.backend)}${step.by === 'platform' ? ', for the platform' : ''}`;
    case 'set-policy': return 'set the policy';
    case 'observe': return `probe of ${name(step.backend)}: ${step.outcome}`;
    case 'select': return `write of ${step.size === null ? 'unknown size' : size(step.size)}`;
    case 'resolve': return `resolve a write of ${step.size === null ? 'unknown size' : size(step.size)}`;
    case 'due': return 'which probes are due';
    case 'next-due': return `next probe of ${name(step.backend)}`;
    case 'route-read': return `read of copies in ${step.copies.map(name).join(', ') || 'no backend'}`;
    case 'check': return 'check the roster';
  }
}
