// What the package offers, over one module.

import { moduleHash, version } from './constants.js';
import { Control } from './control.js';
import { Engine } from './engine.js';
import {
  AbortedError,
  BackstopError,
  ForeignModuleError,
  InvalidInputError,
  PolicyTrapError,
  StorageError,
  StorageShapeError,
  TimeoutError,
} from './errors.js';
import { MemoryStorage, emptyRosterOf } from './memory.js';
import { Roster, plannerOf } from './roster.js';

/**
 * Returns the package's functions and classes over a compiled module.
 *
 * @throws {ForeignModuleError} if the module is not the one that this package was built with.
 */
export function instantiate(module) {
  const engine = new Engine(module);
  return Object.freeze({
    ...classes(engine),
    planner: plannerOf(engine),
    emptyRoster: () => emptyRosterOf(engine),
    defaultPolicy: () => engine.enter(({ policy }) => policy.default_policy()),
    AbortedError,
    BackstopError,
    ForeignModuleError,
    InvalidInputError,
    PolicyTrapError,
    StorageError,
    StorageShapeError,
    TimeoutError,
    version,
    moduleHash,
  });
}

/** Returns the classes that are bound to an engine, under their own names. */
function classes(engine) {
  const bound = (name, base, make) => {
    const derived = make(base);
    Object.defineProperty(derived, 'name', { value: name });
    return derived;
  };
  return {
    Control: bound(
      'Control',
      Control,
      (base) =>
        class extends base {
          constructor(options) {
            super(engine, options);
          }
        },
    ),
    MemoryStorage: bound(
      'MemoryStorage',
      MemoryStorage,
      (base) =>
        class extends base {
          constructor(rosters) {
            super(engine, rosters);
          }
        },
    ),
    Roster: bound(
      'Roster',
      Roster,
      (base) =>
        class extends base {
          constructor(data) {
            super(engine, data);
          }
        },
    ),
  };
}
