// The types of the contract (`wit/`) that go in, as a table: one walk by it checks a value and writes
// it for the module, whose reader (`wasm/js/src/types.rs`) takes fields and cases in the same order.
// A test compares the table with `wit/contract.json`.

/** The largest number that every host holds exactly. */
const MOST = Number.MAX_SAFE_INTEGER;

export const text = { is: 'text' };
export const bool = { is: 'bool' };
export const u32 = { is: 'number', most: 4_294_967_295 };
export const u64 = { is: 'number', most: MOST };
/** A limit may be too large, which the policy says (`limit-too-large`): up to the last double below 2^64. */
export const limit = { is: 'number', most: 18_446_744_073_709_549_568 };
export const option = (of) => ({ is: 'option', of });
export const list = (of) => ({ is: 'list', of });
export const record = (name, fields) => ({ is: 'record', name, fields });
/** A record of which a caller needs some fields itself, beside what is written. */
const keeping = (kept, of) => ({ ...of, kept });
export const enumeration = (name, codes) => ({ is: 'enum', name, codes });
/** A case without payload is null, else the fields that stand beside `type`. */
export const variant = (name, cases) => ({ is: 'variant', name, cases });
/** A field that may be left out. */
export const or = (of, absent) => ({ ...of, absent });

const maybe = (of) => or(option(of), null);

// ---- Facts ----

export const kind = enumeration('kind', ['external', 'inline', 'managed']);
export const mode = enumeration('mode', ['drain', 'maintenance', 'ready']);
export const status = enumeration('status', ['valid', 'invalid']);
export const lastResort = enumeration('last-resort', ['least-bad', 'refuse']);
export const failureClass = enumeration('failure-class', [
  'auth',
  'configuration',
  'integrity',
  'internal',
  'network',
  'not-found',
  'permission',
  'quota',
  'secrets',
  'server',
  'throttled',
  'timeout',
]);

export const failure = record('failure', { class: failureClass, message: text });

export const health = record('health', {
  status,
  since: option(u64),
  checkedAt: option(u64),
  failures: u32,
  successes: u32,
  failure: option(failure),
  excuse: option(failureClass),
});

/** What is kept of backends and rosters is what an answer of `select` names. */
export const backend = keeping(
  ['id', 'name', 'generation'],
  record('backend', {
    id: text,
    name: text,
    kind,
    provider: text,
    location: text,
    description: text,
    maxBlobBytes: limit,
    mode,
    generation: u64,
    health,
  }),
);

export const policy = record('policy', {
  maxFallbacks: u32,
  fall: u32,
  rise: u32,
  holdDown: u64,
  staleAfter: u64,
  checkEvery: u64,
  checkOthersEvery: u64,
  tail: list(kind),
  lastResort,
});

export const roster = keeping(
  ['revision'],
  record('roster', {
    revision: u64,
    default: option(text),
    fallbacks: list(text),
    policy,
    route: option(text),
    backends: list(backend),
  }),
);

// ---- Questions ----

export const request = record('request', { size: maybe(u64) });

/** The backends that a digest was written to. */
export const copies = list(text);

export const by = enumeration('by', ['organization', 'platform']);

export const context = keeping(
  ['organization', 'now'],
  record('context', {
    organization: text,
    actor: text,
    by: or(by, 'organization'),
    now: u64,
    seen: maybe(u64),
  }),
);

export const outcome = variant('outcome', { ok: null, failed: { failure } });
export const probe = record('probe', { outcome, finishedAt: u64 });
export const observation = record('observation', {
  backend: text,
  generation: u64,
  finishedAt: u64,
  outcome,
});

// ---- Commands ----

export const create = record('create', {
  id: text,
  name: text,
  kind,
  provider: text,
  location: text,
  description: or(text, ''),
  maxBlobBytes: maybe(limit),
  mode: or(mode, 'ready'),
  default: or(bool, false),
  fallback: or(bool, false),
  checked: or(bool, false),
});

export const update = record('update', {
  backend: text,
  description: maybe(text),
  maxBlobBytes: maybe(limit),
  default: maybe(bool),
  fallback: maybe(bool),
  mode: maybe(mode),
  rotate: or(bool, false),
  checked: or(bool, false),
});

export const command = variant('command', {
  create: { create },
  update: { update },
  delete: { backend: text },
  'set-policy': { policy },
});

// ---- Change-sets ----

export const change = variant('change', {
  'create-organization': null,
  'create-backend': { backend },
  'update-backend': { backend },
  'set-roles': { default: option(text), fallbacks: list(text) },
  'delete-backend': { backend: text },
  'set-policy': { policy },
  'set-route': { route: option(text) },
});

export const subject = record('subject', {
  id: text,
  name: text,
  kind,
  provider: text,
  location: text,
});

export const cause = enumeration('cause', ['promoted', 'requested']);

export const eventKind = variant('event-kind', {
  'organization-created': null,
  'backend-created': { backend: subject, description: text, maxBlobBytes: limit, mode },
  'backend-updated': {
    backend: subject,
    description: option(text),
    maxBlobBytes: option(limit),
    mode: option(mode),
  },
  'backend-deleted': { backend: subject },
  'credentials-rotated': { backend: subject, generation: u64 },
  'status-changed': {
    backend: subject,
    previous: status,
    status,
    failure: option(failure),
    recovery: bool,
  },
  'default-changed': { from: option(text), to: text, cause },
  'default-vacated': { from: text },
  'fallbacks-changed': { from: list(text), to: list(text) },
  'policy-changed': { from: policy, to: policy },
  'route-changed': { from: option(text), to: option(text) },
});

export const event = record('event', {
  organization: text,
  revision: u64,
  at: u64,
  actor: text,
  kind: eventKind,
});

export const changeSet = record('change-set', {
  revision: u64,
  changes: list(change),
  events: list(event),
});
