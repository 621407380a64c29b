// Rosters and contexts for tests: plain data, made without the package.

/** Returns a backend that was probed with success at 1,000 ms. */
export function backend(id, name, fields = {}) {
  return {
    id,
    name,
    kind: 'external',
    provider: 'OCI',
    location: `registry.example/${name}`,
    description: '',
    maxBlobBytes: 104_857_600,
    mode: 'ready',
    generation: 1,
    health: health(),
    ...fields,
  };
}

export function health(fields = {}) {
  return {
    status: 'valid',
    since: null,
    checkedAt: 1_000,
    failures: 0,
    successes: 1,
    failure: null,
    excuse: null,
    ...fields,
  };
}

/** The health of a backend whose last probe, at 1,000 ms, timed out. */
export function down() {
  const failure = { class: 'timeout', message: 'no answer' };
  return health({ status: 'invalid', since: 1_000, failures: 1, successes: 0, failure });
}

function policy() {
  return {
    maxFallbacks: 1,
    fall: 1,
    rise: 1,
    holdDown: 0,
    staleAfter: 2_100_000,
    checkEvery: 1_800_000,
    checkOthersEvery: 86_400_000,
    tail: [],
    lastResort: 'refuse',
  };
}

/** Returns a roster with a default `a` and a fallback `b`. */
export function roster(fields = {}) {
  return {
    revision: 3,
    default: 'a',
    fallbacks: ['b'],
    policy: policy(),
    route: 'a',
    backends: [backend('a', 'primary'), backend('b', 'spare')],
    ...fields,
  };
}

export function context(fields = {}) {
  return { organization: 'acme', actor: 'tester', now: 1_000, ...fields };
}

/** Returns what creates an external backend. */
export function creation(id, name, fields = {}) {
  return { id, name, kind: 'external', provider: 'OCI', location: `registry.example/${name}`, ...fields };
}

/** A validator that finds every backend well at 1,000 ms. */
export const well = {
  validate: () => ({ outcome: { type: 'ok' }, finishedAt: 1_000 }),
};
