// What a host of the policy provides, in memory: a storage for rosters, and a validator of backends.

/** Stands for an organization that does not exist: what its first commit is applied to. */
const NOTHING = {
  revision: 0n,
  default: undefined,
  fallbacks: [],
  policy: {
    maxFallbacks: 1,
    fall: 1,
    rise: 1,
    holdDown: 0n,
    staleAfter: 2_100_000n,
    checkEvery: 1_800_000n,
    checkOthersEvery: 86_400_000n,
    tail: [],
    lastResort: "refuse",
  },
  route: undefined,
  backends: [],
};

/** Keeps rosters, by organization. Its methods are those of the interface `storage`. */
export class MemoryStorage {
  #rosters = new Map();
  #apply;

  /** `apply` is `planner.apply` of a policy other than the one that uses this storage. */
  constructor(apply) {
    this.#apply = apply;
  }

  load = (organization) => {
    const roster = this.#rosters.get(organization);
    if (roster === undefined) throw { tag: "organization-not-found" };
    return roster;
  };

  // JavaScript runs one thing at a time and nothing here awaits, so comparing the revision and
  // writing are one step.
  commit = (organization, expectedRevision, changeSet) => {
    const roster = this.#rosters.get(organization) ?? NOTHING;
    if (roster.revision !== expectedRevision) throw { tag: "conflict" };
    this.#rosters.set(organization, this.#apply(roster, changeSet));
    return changeSet.revision;
  };
}

/** Probes backends: those that `fail` was called for fail. Its method is that of `validator`. */
export class MemoryValidator {
  #failures = new Map();
  #now;

  /** `now` returns the time in milliseconds since the epoch. */
  constructor(now) {
    this.#now = now;
  }

  /** Makes every probe of the backend fail, with a class of the contract and a text for people. */
  fail(backend, failureClass, message) {
    this.#failures.set(backend, { class: failureClass, message });
  }

  validate = (_organization, backend, _generation) => {
    const failure = this.#failures.get(backend);
    return {
      outcome: failure === undefined ? { tag: "ok" } : { tag: "failed", val: failure },
      finishedAt: this.#now(),
    };
  };
}
