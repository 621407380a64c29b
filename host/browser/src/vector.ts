//! Vectors: the format of `tests/vectors/README.md`, read strictly and written so that every host
//! plays what comes out.

import type { Backend, FailureClass, Health, Kind, Policy, RosterData } from './policy';
import { FAILURE_CLASSES, KINDS, LAST_RESORTS, MODES, STATUSES, defaultPolicy, select } from './policy';
import type { Of, Shape } from './schema';
import {
  ShapeError, bool, limit, list, map, object, one, optional, record, tagged, text, usual, whole,
} from './schema';

/** The only format there is. */
const FORMAT = 1;

const id = text();
const time = whole();
const count = whole();

const healthShape = record({
  status: usual(one(STATUSES), 'valid'),
  since: optional(time),
  'checked-at': optional(time),
  failures: usual(whole(4_294_967_295), 0),
  successes: usual(whole(4_294_967_295), 0),
  failure: optional(text()),
  excuse: optional(text()),
});

const backendShape = record({
  name: text(),
  id: optional(id),
  kind: optional(one(KINDS)),
  provider: optional(text()),
  location: optional(text()),
  description: usual(text(), ''),
  'max-blob-bytes': optional(limit),
  mode: optional(one(MODES)),
  generation: optional(count),
  health: optional(healthShape),
});

const policyShape = record({
  'max-fallbacks': optional(count),
  fall: optional(count),
  rise: optional(count),
  'hold-down': optional(count),
  'stale-after': optional(count),
  'check-every': optional(count),
  'check-others-every': optional(count),
  tail: usual(list(one(KINDS)), []),
  'last-resort': optional(one(LAST_RESORTS)),
});

const givenShape = record({
  backends: usual(list(backendShape), []),
  default: optional(id),
  fallbacks: usual(list(id), []),
  policy: optional(policyShape),
});

export type BackendGiven = Of<typeof backendShape>;
export type PolicyGiven = Of<typeof policyShape>;
export type Given = Of<typeof givenShape>;
export type By = 'organization' | 'platform';

const by = usual(one(['organization', 'platform']), 'organization');
const flag = usual(bool, false);

/** What a step does, without its time and what is expected of it. */
const actions = {
  'create-organization': { id },
  create: { backend: backendShape, default: flag, fallback: flag, checked: flag, by },
  update: {
    backend: id,
    by,
    description: optional(text()),
    'max-blob-bytes': optional(limit),
    default: optional(bool),
    fallback: optional(bool),
    mode: optional(one(MODES)),
    rotate: flag,
    checked: flag,
  },
  delete: { backend: id, by },
  'set-policy': { policy: policyShape },
  observe: {
    backend: id,
    outcome: text(),
    generation: optional(count),
    'finished-at': optional(time),
  },
  select: { size: optional(count) },
  resolve: { size: optional(count), validator: usual(map(text()), {}) },
  due: {},
  'next-due': { backend: id },
  'route-read': { copies: list(id) },
  check: {},
} as const;

type Actions = typeof actions;
type Fields<T> = { [K in keyof T]: T[K] extends Shape<infer V> ? V : never };

export type Action = { [K in keyof Actions]: { do: K } & Fields<Actions[K]> }[keyof Actions];

/** One thing that happens, and when. */
export type Step = Action & { at: number };

const actionShape = tagged('do', actions);

/** A step, with or without what is expected of it. */
export const step: Shape<{ step: Step; expect: Record<string, unknown> | null }> = (value, path) => {
  const { at, expect, ...action } = object(value, path);
  const read = actionShape(action, path) as Action;
  return {
    step: { ...read, at: whole()(at, `${path}.at`) },
    expect: expect === undefined ? null : object(expect, `${path}.expect`),
  };
};

/** A roster, and what happens to it. */
export interface Case {
  name: string;
  why: string;
  rules: string[];
  /** The roster at the start; null if there is no organization yet. */
  given: Given | null;
  steps: Step[];
  /** What each step should come to; null where nothing is expected of it. */
  expects: (Record<string, unknown> | null)[];
}

const caseFields = record({
  name: text(200),
  why: text(),
  rules: list(text()),
  given: optional(givenShape),
  steps: list((value) => value, 1_000),
});

export const caseShape: Shape<Case> = (value, path) => {
  const { steps: raw, ...fields } = caseFields(value, path);
  const prefix = path === '' ? 'steps' : `${path}.steps`;
  const steps = raw.map((one, index) => step(one, `${prefix}[${index}]`));
  return {
    ...fields,
    steps: steps.map((one) => one.step),
    expects: steps.map((one) => one.expect),
  };
};

/**
 * Reads the text of a vector file.
 *
 * Throws a `ShapeError` with the path of what is wrong: then none of its cases is returned.
 */
export function readVectors(source: string): Case[] {
  let file: unknown;
  try {
    file = JSON.parse(source);
  } catch (error) {
    throw new ShapeError('', `the file is not JSON: ${(error as Error).message}`);
  }
  const { format } = object(file, 'file');
  if (format !== FORMAT) {
    const said = format === undefined ? 'is missing' : `is \`${JSON.stringify(format)}\``;
    throw new ShapeError('format', `${said}, expected \`${FORMAT}\``);
  }
  const { cases } = record({ format: whole(), cases: list((value) => value, 10_000) })(file, '');
  if (cases.length === 0) throw new ShapeError('cases', 'is empty: there is nothing to play');
  return cases.map((value, index) => {
    const read = caseShape(value, `cases[${index}]`);
    const bare = read.expects.indexOf(null);
    if (bare >= 0) throw new ShapeError(`cases[${index}].steps[${bare}].expect`, 'is missing');
    return read;
  });
}

/** Returns the text of a vector file with one case of which each step expects its answer. */
export function writeVector(one: Case): string {
  const steps = one.steps.map((each, index) => {
    const { at, do: kind, ...fields } = each;
    const bare = (lean(fields) ?? {}) as Record<string, unknown>;
    // These say something even where they say the usual.
    if (each.do === 'set-policy') bare['policy'] ??= {};
    if (each.do === 'route-read') bare['copies'] ??= [];
    return { do: kind, at, ...bare, expect: one.expects[index] ?? {} };
  });
  const given = one.given === null ? {} : { given: lean(one.given) ?? {} };
  const { name, why, rules } = one;
  const file = { format: FORMAT, cases: [{ name, why, rules, ...given, steps }] };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Leaves out what is null, false or empty, which reads the same when it is left out. */
function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? lean(item) ?? {} : item));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value)
    .filter(([key, one]) => one !== null && !(one === false && key !== 'default' && key !== 'fallback'))
    .map(([key, one]) => [key, lean(one)] as const)
    .filter(([, one]) => !(Array.isArray(one) && one.length === 0))
    .filter(([, one]) => one !== undefined);
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

/** Returns the class of that name; one that nobody knows is the host's own fault (CMD-7). */
export function failureClass(code: string): FailureClass {
  return FAILURE_CLASSES.find((known) => known === code) ?? 'internal';
}

export function backendOf(given: BackendGiven): Backend {
  const kind: Kind = given.kind ?? 'external';
  const inline = kind === 'inline';
  return {
    id: given.id ?? given.name,
    name: given.name,
    kind,
    provider: given.provider ?? (inline ? 'INLINE' : 'OCI'),
    location: given.location ?? (inline ? '' : `registry.example/${given.name}`),
    description: given.description,
    maxBlobBytes: given['max-blob-bytes'] ?? (inline ? 512_000 : 104_857_600),
    mode: given.mode ?? 'ready',
    generation: given.generation ?? 1,
    health: healthOf(given.health),
  };
}

function healthOf(given: BackendGiven['health']): Health {
  return {
    status: given?.status ?? 'valid',
    since: given?.since ?? null,
    checkedAt: given?.['checked-at'] ?? null,
    failures: given?.failures ?? 0,
    successes: given?.successes ?? 0,
    failure: given?.failure ? { class: failureClass(given.failure), message: '' } : null,
    excuse: given?.excuse ? failureClass(given.excuse) : null,
  };
}

export function policyOf(given: PolicyGiven | null): Policy {
  const usualPolicy = defaultPolicy();
  // What is too large for the type is out of range too, and the policy says so.
  const counted = (n: number | null | undefined, otherwise: number) =>
    Math.min(n ?? otherwise, 4_294_967_295);
  return {
    maxFallbacks: counted(given?.['max-fallbacks'], usualPolicy.maxFallbacks),
    fall: counted(given?.fall, usualPolicy.fall),
    rise: counted(given?.rise, usualPolicy.rise),
    holdDown: given?.['hold-down'] ?? usualPolicy.holdDown,
    staleAfter: given?.['stale-after'] ?? usualPolicy.staleAfter,
    checkEvery: given?.['check-every'] ?? usualPolicy.checkEvery,
    checkOthersEvery: given?.['check-others-every'] ?? usualPolicy.checkOthersEvery,
    tail: given?.tail ?? [],
    lastResort: given?.['last-resort'] ?? 'refuse',
  };
}

/** Returns the roster at the start: revision 1, and as `route` what a write without a size uses. */
export function rosterOf(given: Given, at: number): RosterData {
  const roster: RosterData = {
    revision: 1,
    default: given.default,
    fallbacks: given.fallbacks,
    policy: policyOf(given.policy),
    route: null,
    backends: given.backends.map(backendOf),
  };
  const answer = select(roster, { size: null }, at);
  return { ...roster, route: answer.ok ? answer.value.backend.id : null };
}
