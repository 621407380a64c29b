// A roster that was checked and read once, and the pure functions over rosters.

import { answered } from './answer.js';
import { InvalidInputError } from './errors.js';
import * as schema from './schema.js';
import { check, isPlain, written } from './wire.js';

const FREED = 'was freed, and must not be used any more';

/** Returns the preparation of a prepared roster; undefined for everything else. */
let preparation;

/**
 * Returns the preparation of a prepared roster that was not freed; undefined for what is none.
 *
 * @throws {InvalidInputError} if it was freed.
 */
export function prepared(roster, name) {
  const found = preparation(roster);
  if (found !== undefined && found.bytes === null) {
    throw new InvalidInputError(name, FREED);
  }
  return found;
}

/** A roster as bytes, and as it was last prepared in an instance. */
class Preparation {
  #handle = 0;
  #life = -1;

  constructor(engine, bytes) {
    this.engine = engine;
    this.bytes = bytes;
  }

  /** Returns the handle in this instance; prepares again what an earlier instance took along. */
  handle(instance) {
    if (this.#life !== this.engine.life) {
      instance.giveBytes(this.bytes);
      this.#handle = instance.policy.prepare();
      this.#life = this.engine.life;
    }
    return this.#handle;
  }

  free() {
    this.bytes = null;
    if (this.#life !== this.engine.life) return;
    this.#life = -1;
    this.engine.enter(({ policy }) => policy.release(this.#handle));
  }
}

// Gives back what was prepared for a roster that nobody holds any more.
const abandoned = new FinalizationRegistry((preparation) => preparation.free());

/** A roster that was checked and read once, on which many questions are asked. */
export class Roster {
  #preparation;
  /** What answers name of it (see `answered`). */
  #facts;

  static {
    preparation = (roster) =>
      typeof roster === 'object' && roster !== null && #preparation in roster
        ? roster.#preparation
        : undefined;
  }

  constructor(engine, data) {
    const given = prepared(data, 'roster');
    if (given === undefined) {
      const bytes = written(
        (writer) => {
          this.#facts = putData(writer, data);
        },
        (writer) => writer.copy(),
      );
      this.#preparation = new Preparation(engine, bytes);
    } else {
      this.#preparation = new Preparation(engine, given.bytes);
      this.#facts = data.#facts;
    }
    abandoned.register(this, this.#preparation, this.#preparation);
  }

  get revision() {
    return this.#facts[0];
  }

  get data() {
    const held = prepared(this, 'roster');
    return held.engine.enter((instance) => instance.policy.data(held.handle(instance)));
  }

  apply(changeSet) {
    return new this.constructor(plannerOf(this.#preparation.engine).apply(this, changeSet));
  }

  check() {
    return plannerOf(this.#preparation.engine).check(this);
  }

  due(now) {
    return plannerOf(this.#preparation.engine).due(this, now);
  }

  nextDue(backend, now) {
    return plannerOf(this.#preparation.engine).nextDue(this, backend, now);
  }

  observe(observation, context) {
    return plannerOf(this.#preparation.engine).observe(this, observation, context);
  }

  plan(command, context) {
    return plannerOf(this.#preparation.engine).plan(this, command, context);
  }

  routeRead(copies, now) {
    return plannerOf(this.#preparation.engine).routeRead(this, copies, now);
  }

  select(request, now) {
    const size = sizeOf(request);
    refuseNoTime(now);
    const held = prepared(this, 'roster');
    const facts = this.#facts;
    return held.engine.enter((instance) => {
      const at = instance.select(held.handle(instance), size, now);
      return answered(instance.numbers, at, facts);
    });
  }

  toJSON() {
    return this.data;
  }

  free() {
    abandoned.unregister(this.#preparation);
    this.#preparation.free();
  }
}

if (typeof Symbol.dispose === 'symbol') {
  Object.defineProperty(Roster.prototype, Symbol.dispose, {
    value: Roster.prototype.free,
    configurable: true,
    writable: true,
  });
}

/** Writes a roster: as data, or as the bytes that are there already. */
export function putRoster(writer, roster, name) {
  const held = preparation(roster);
  if (held === undefined) writer.put(schema.roster, roster, name);
  else if (held.bytes === null) writer.refuseAt(name, FREED);
  else writer.raw(held.bytes);
}

/** Writes a roster that is data, and returns what answers name of it: no field is read twice. */
function putData(writer, roster) {
  writer.facts = [];
  writer.put(schema.roster, roster, 'roster');
  return writer.facts;
}

const planners = new WeakMap();

/** Returns the pure functions, over the engine. */
export function plannerOf(engine) {
  let planner = planners.get(engine);
  if (planner === undefined) {
    planner = Object.freeze(plannerOver(engine));
    planners.set(engine, planner);
  }
  return planner;
}

function plannerOver(engine) {
  /** Calls a function of the module on a roster and what `put` writes after it. */
  const ask = (name, roster, put) => {
    const held = prepared(roster, 'roster');
    const isHere = held !== undefined && held.engine === engine;
    return written(
      (writer) => {
        if (!isHere) putRoster(writer, roster, 'roster');
        put(writer);
      },
      (writer) => {
        // A getter of what was put may have freed it.
        if (isHere) prepared(roster, 'roster');
        return engine.enter((instance) => {
          const handle = isHere ? held.handle(instance) : 0;
          instance.give(writer);
          return instance.policy[name](handle);
        });
      },
    );
  };

  return {
    apply: (roster, changeSet) =>
      ask('apply', roster, (writer) => writer.put(schema.changeSet, changeSet, 'changeSet')),

    check: (roster) => ask('check', roster, () => undefined),

    createOrganization: (inline, context) =>
      written(
        (writer) => {
          writer.put(schema.text, inline, 'inline');
          writer.put(schema.context, context, 'context');
        },
        (writer) =>
          engine.enter((instance) => {
            instance.give(writer);
            return instance.policy.create_organization();
          }),
      ),

    due: (roster, now) => ask('due', roster, (writer) => writer.put(schema.u64, now, 'now')),

    nextDue: (roster, backend, now) =>
      ask('next_due', roster, (writer) => {
        writer.put(schema.text, backend, 'backend');
        writer.put(schema.u64, now, 'now');
      }),

    observe: (roster, observation, context) =>
      ask('observe', roster, (writer) => {
        writer.put(schema.observation, observation, 'observation');
        writer.put(schema.context, context, 'context');
      }),

    plan: (roster, command, context) =>
      ask('plan', roster, (writer) => {
        writer.put(schema.command, command, 'command');
        writer.put(schema.context, context, 'context');
      }),

    routeRead: (roster, copies, now) =>
      ask('route_read', roster, (writer) => {
        writer.put(schema.copies, copies, 'copies');
        writer.put(schema.u64, now, 'now');
      }),

    select: (roster, request, now) => {
      // Not what a derived class makes of it, which may lead here again.
      if (preparation(roster) !== undefined) return Roster.prototype.select.call(roster, request, now);
      let facts;
      return written(
        (writer) => {
          facts = putData(writer, roster);
        },
        (writer) => {
          const size = sizeOf(request);
          refuseNoTime(now);
          return engine.enter((instance) => {
            instance.give(writer);
            const at = instance.select(0, size, now);
            return answered(instance.numbers, at, facts);
          });
        },
      );
    },
  };
}

/** Returns the size that a request names, -1 for none; checked by hand, for `select` must be quick. */
function sizeOf(request) {
  if (typeof request === 'object' && request !== null && isPlain(request)) {
    const { size } = request;
    let isPlain = size === undefined || size === null || (Number.isSafeInteger(size) && size >= 0);
    for (const key in request) isPlain &&= key === 'size';
    if (isPlain) return size ?? -1;
  }
  // The table names what is wrong, or finds that there is nothing that counts.
  check(schema.request, request, 'request');
  return request.size ?? -1;
}

function refuseNoTime(now) {
  if (!(Number.isSafeInteger(now) && now >= 0)) check(schema.u64, now, 'now');
}
