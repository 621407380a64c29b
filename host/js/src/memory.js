// A storage in memory, for tests, examples and pages.

import { InvalidInputError } from './errors.js';
import { Roster, plannerOf, prepared } from './roster.js';
import * as schema from './schema.js';
import { check, isCollection } from './wire.js';

/** Keeps each organization as text, so that nobody holds what is stored. */
export class MemoryStorage {
  #engine;
  #rosters = new Map();
  #events = new Map();
  #taken = new Map();

  constructor(engine, rosters = {}) {
    this.#engine = engine;
    if (typeof rosters !== 'object' || rosters === null || isCollection(rosters)) {
      throw new InvalidInputError('rosters', 'must be an object with a roster for each organization');
    }
    for (const [organization, roster] of Object.entries(rosters)) {
      const isPrepared = prepared(roster, `rosters.${organization}`) !== undefined;
      if (!isPrepared) check(schema.roster, roster, `rosters.${organization}`);
      // What was read of it, since text has no fields that are inherited.
      const { data } = new Roster(engine, roster);
      this.#rosters.set(organization, JSON.stringify(data));
      this.#taken.set(organization, new Set(data.backends.map(({ id }) => id)));
    }
  }

  load(organization) {
    const stored = this.#rosters.get(organization);
    return stored === undefined ? null : JSON.parse(stored);
  }

  commit(organization, expectedRevision, changeSet) {
    check(schema.u64, expectedRevision, 'expectedRevision');
    check(schema.changeSet, changeSet, 'changeSet');
    const before = this.load(organization) ?? emptyRosterOf(this.#engine);
    if (before.revision !== expectedRevision) return 'conflict';
    const taken = new Set(this.#taken.get(organization));
    for (const change of changeSet.changes) {
      if (change.type !== 'create-backend') continue;
      if (taken.has(change.backend.id)) return 'id-taken';
      taken.add(change.backend.id);
    }
    const after = plannerOf(this.#engine).apply(before, changeSet);
    this.#rosters.set(organization, JSON.stringify(after));
    this.#taken.set(organization, taken);
    this.#events.set(organization, [
      ...(this.#events.get(organization) ?? []),
      ...changeSet.events.map((event) => JSON.stringify(event)),
    ]);
    return 'committed';
  }

  events(organization) {
    return (this.#events.get(organization) ?? []).map((event) => JSON.parse(event));
  }
}

/** Returns the roster of revision 0. */
export function emptyRosterOf(engine) {
  return engine.enter(({ policy }) => policy.empty_roster());
}
