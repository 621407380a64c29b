// The use cases, driven over a storage and a validator that answer at once or later.
//
// The order of load, probe, plan and commit is the module's (`core::control`). It asks one question
// after the other; here each is put to the host, and the answer is given back.

import { CallOptions, isThenable, settled } from './asking.js';
import {
  AbortedError,
  InvalidInputError,
  StorageError,
  StorageShapeError,
  TimeoutError,
} from './errors.js';
import { Probes } from './probes.js';
import { putRoster } from './roster.js';
import * as schema from './schema.js';
import { nearest, written } from './wire.js';

/** The longest time that timers of JavaScript take, in milliseconds. */
const LONGEST = 2_147_483_647;

/** The numbers by which the module knows the use cases (`wasm/js/src/use_case.rs`). */
const RESOLVE = 0;
const CREATE = 1;
const UPDATE = 2;
const DELETE = 3;
const VALIDATE = 4;
const SET_POLICY = 5;
const CREATE_ORGANIZATION = 6;

/** The numbers by which it knows the answers of a storage. */
const LOADED = 0;
const NO_ORGANIZATION = 1;
const LOAD_FAILED = 2;
const COMMIT_ANSWERS = ['committed', 'conflict', 'id-taken'];
const COMMIT_FAILED = 3;

/** The use cases: load, plan and commit around the planner. */
export class Control {
  #engine;
  #host;

  constructor(engine, options) {
    this.#engine = engine;
    this.#host = hostOf(options);
  }

  resolve(request, context, options) {
    return this.#run(RESOLVE, schema.request, request, 'request', context, options);
  }

  create(create, context, options) {
    return this.#run(CREATE, schema.create, create, 'create', context, options);
  }

  update(update, context, options) {
    return this.#run(UPDATE, schema.update, update, 'update', context, options);
  }

  delete(backend, context, options) {
    return this.#run(DELETE, schema.text, backend, 'backend', context, options);
  }

  validate(backend, context, options) {
    return this.#run(VALIDATE, schema.text, backend, 'backend', context, options);
  }

  setPolicy(policy, context, options) {
    return this.#run(SET_POLICY, schema.policy, policy, 'policy', context, options);
  }

  createOrganization(inline, context, options) {
    return this.#run(CREATE_ORGANIZATION, schema.text, inline, 'inline', context, options);
  }

  async #run(number, type, parameter, name, context, options) {
    let kept;
    const bytes = written(
      (writer) => {
        writer.byte(number);
        writer.put(type, parameter, name);
        writer.facts = [];
        writer.put(schema.context, context, 'context');
        kept = writer.facts;
      },
      (writer) => writer.copy(),
    );
    const [organization, now] = kept;
    const call = new Call(this.#host, number, organization, now, signalOf(options));
    const useCase = new UseCase(this.#engine, bytes);
    try {
      let reached = useCase.step(null);
      for (;;) {
        switch (reached.type) {
          case 'answered':
            return { ok: true, value: reached.value };
          case 'refused':
            return { ok: false, error: { codes: reached.codes, failure: reached.failure } };
          case 'failed':
            throw call.failure;
          default: {
            let answer = call.serve(reached);
            if (answer instanceof Promise) {
              useCase.park();
              answer = await answer;
            }
            reached = useCase.step(answer);
          }
        }
      }
    } finally {
      useCase.park();
    }
  }
}

/**
 * A use case in the module. One that waits is parked: it holds nothing in the instance, and begins
 * again with the answers that it was given, which leads it to the same place. So those that wait do not
 * share an instance, and one that traps takes no other along.
 */
class UseCase {
  #engine;
  #bytes;
  #answers = [];
  #handle = 0;
  #life = -1;

  constructor(engine, bytes) {
    this.#engine = engine;
    this.#bytes = bytes;
  }

  /** Goes on with an answer; returns the next question, or the end. */
  step(answer) {
    if (answer !== null) this.#answers.push(answer);
    return this.#engine.enter((instance) => {
      const { policy } = instance;
      if (this.#life === this.#engine.life) {
        instance.giveBytes(answer);
        return policy.step(this.#handle, false);
      }
      instance.giveBytes(this.#bytes);
      this.#handle = policy.begin();
      this.#life = this.#engine.life;
      const answers = this.#answers;
      let reached = policy.step(this.#handle, answers.length > 0);
      for (let i = 0; i < answers.length; i++) {
        instance.giveBytes(answers[i]);
        reached = policy.step(this.#handle, i < answers.length - 1);
      }
      return reached;
    });
  }

  park() {
    if (this.#life !== this.#engine.life) return;
    this.#life = -1;
    this.#engine.enter(({ policy }) => policy.end(this.#handle));
  }
}

/** One call of a use case, as its host sees it. */
class Call {
  /** Why the storage failed, if it did. */
  failure = null;
  #host;
  #number;
  #organization;
  #now;
  #began = performance.now();
  /** When the first probe began. */
  #probing = null;
  #signal;

  constructor(host, number, organization, now, signal) {
    this.#host = host;
    this.#number = number;
    this.#organization = organization;
    this.#now = now;
    this.#signal = signal;
  }

  /** Puts a question to the host, and returns the answer as bytes, or a promise of it. */
  serve(question) {
    if (this.#signal?.aborted) throw new AbortedError(null, this.#signal.reason);
    const { storage, timeout } = this.#host;
    const organization = this.#organization;
    switch (question.type) {
      case 'load':
        return this.#ask('load', timeout, (options) => storage.load(organization, options), {
          answered: (value) => this.#loaded(value),
          failed: (cause) => this.#failed(new StorageError('load', cause), LOAD_FAILED),
          late: () => this.#failed(new TimeoutError('load', timeout), LOAD_FAILED),
        });
      case 'commit': {
        const { expectedRevision, changeSet } = question;
        const commit = (options) => storage.commit(organization, expectedRevision, changeSet, options);
        return this.#ask('commit', timeout, commit, {
          answered: (value) => this.#committed(value),
          failed: (cause) => this.#failed(new StorageError('commit', cause), COMMIT_FAILED),
          late: () => this.#failed(new TimeoutError('commit', timeout), COMMIT_FAILED),
        });
      }
      default:
        return this.#probe(question);
    }
  }

  /** Probes a backend, or waits for the probe of it that is under way. */
  #probe({ backend, generation }) {
    const { probes, probeTimeout, resolveTimeout } = this.#host;
    const isResolution = this.#number === RESOLVE;
    // The probes of a resolution have a total deadline (RES-2).
    const hasDeadline = isResolution && resolveTimeout !== null;
    // The time that the storage takes before is none of the probes'.
    this.#probing ??= performance.now();
    const elapsed = performance.now() - this.#probing;
    const left = hasDeadline ? Math.max(Math.ceil(resolveTimeout - elapsed), 0) : null;
    const outcome = (failureClass, message) => this.#outcome(failureClass, message);
    const late = () =>
      outcome('internal', 'the probes of this resolution used up the time that it has for them');
    // What is not stored yet may be something else for each who asks (USE-1).
    const isStored = isResolution || this.#number === VALIDATE;
    const place = [this.#organization, backend, generation];
    let probe = isStored ? probes.underWay(place) : undefined;
    // A probe that has less than its own time could blame the backend for our hurry.
    if (probe === undefined && hasDeadline && left < (probeTimeout ?? 1)) return late();
    probe ??= probes.begin(place, isStored, outcome);
    const seat = probe.join();
    const answered = (bytes) => bytes;
    return this.#ask('validate', left, () => seat.seen, { answered, late }, seat);
  }

  /** Asks for something; `options.abort` is called if the answer is not waited for any more. */
  #ask(method, limit, call, { answered, failed, late }, options = new CallOptions()) {
    let value;
    let isLater;
    try {
      value = call(options);
      isLater = isThenable(value);
    } catch (error) {
      return failed(error);
    }
    if (!isLater) return answered(value);
    return new Promise((resolve, reject) => {
      const signal = this.#signal;
      const listeners = listenersOf(signal);
      let hasEnded = false;
      const end = (make, given) => {
        // What comes later is of no account, and nobody is told of it.
        if (hasEnded) return;
        hasEnded = true;
        clearTimeout(timer);
        listeners?.delete(abort);
        try {
          resolve(make(given));
        } catch (error) {
          reject(error);
        }
      };
      const abort = () => {
        options.abort(signal.reason);
        end(() => {
          throw new AbortedError(method, signal.reason);
        }, undefined);
      };
      const timer =
        limit === null
          ? undefined
          : setTimeout(() => {
              options.abort(new TimeoutError(method, limit));
              end(late, undefined);
            }, limit);
      settled(value).then(
        (value) => end(answered, value),
        (error) => end(failed, error),
      );
      // It may have been aborted by what was just called.
      if (signal?.aborted) abort();
      else listeners?.add(abort);
    });
  }

  #loaded(value) {
    try {
      return written(
        (writer) => {
          writer.byte(value === null ? NO_ORGANIZATION : LOADED);
          if (value !== null) putRoster(writer, value, 'load()');
        },
        (writer) => writer.copy(),
        (path, problem) => new StorageShapeError('load', path, problem),
      );
    } catch (error) {
      // Fields may be read from the storage only now, and fail.
      const isShape = error instanceof StorageShapeError;
      return this.#failed(isShape ? error : new StorageError('load', error), LOAD_FAILED);
    }
  }

  #committed(value) {
    const answer = COMMIT_ANSWERS.indexOf(value);
    if (answer < 0) {
      const problem = `must be one of ${COMMIT_ANSWERS.map((code) => `\`${code}\``).join(', ')}`;
      return this.#failed(new StorageShapeError('commit', 'commit()', problem), COMMIT_FAILED);
    }
    const bytes = Uint8Array.of(answer);
    return value === 'conflict' ? this.#afterPause(bytes) : bytes;
  }

  /** Those who compete for the next attempt must not meet again (USE-2). An abort ends the pause. */
  #afterPause(bytes) {
    const { pause } = this.#host;
    const signal = this.#signal;
    if (pause === 0 || signal?.aborted) return bytes;
    const listeners = listenersOf(signal);
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        listeners?.delete(end);
        resolve(bytes);
      };
      const timer = setTimeout(end, Math.random() * pause);
      listeners?.add(end);
    });
  }

  #failed(failure, answer) {
    this.failure = failure;
    return Uint8Array.of(answer);
  }

  /** A failure at this time of the caller's clock, which need not be the machine's. */
  #outcome(failureClass, message) {
    const elapsed = Math.max(0, Math.round(performance.now() - this.#began));
    const probe = {
      outcome: { type: 'failed', failure: { class: failureClass, message } },
      finishedAt: Math.min(this.#now + elapsed, Number.MAX_SAFE_INTEGER),
    };
    return written(
      (writer) => writer.put(schema.probe, probe, 'probe'),
      (writer) => writer.copy(),
    );
  }
}

const listening = new WeakMap();

/**
 * Returns those to call when the signal aborts; undefined without a signal. The signal itself gets one
 * listener, for Node warns of many, and all calls of a program may share the signal of its end.
 */
function listenersOf(signal) {
  if (signal === undefined) return undefined;
  let listeners = listening.get(signal);
  if (listeners === undefined) {
    listeners = new Set();
    listening.set(signal, listeners);
    signal.addEventListener('abort', () => {
      // Each takes itself out.
      for (const listener of listening.get(signal)) listener();
    });
  }
  return listeners;
}

// ---- Options ----

const OPTIONS = [
  'storage',
  'validator',
  'timeout',
  'probeTimeout',
  'resolveTimeout',
  'pause',
  'onValidatorError',
];

function hostOf(options) {
  refuseOthers(options, 'options', OPTIONS);
  const { storage, validator, timeout = 10_000, probeTimeout = 10_000, pause = 20 } = options;
  // Three probes that hang, and the time between them; what is no number is refused below.
  const patience = typeof probeTimeout === 'number' ? Math.min(Math.ceil(probeTimeout * 3.5), LONGEST) : null;
  const { resolveTimeout = patience } = options;
  refuseWithout(storage, 'options.storage', ['load', 'commit']);
  refuseWithout(validator, 'options.validator', ['validate']);
  const isTime = (value, least) => Number.isInteger(value) && value >= least && value <= LONGEST;
  for (const [name, value] of Object.entries({ timeout, probeTimeout, resolveTimeout })) {
    if (value !== null && !isTime(value, 1)) {
      throw new InvalidInputError(`options.${name}`, `must be null or an integer from 1 to ${LONGEST}`);
    }
  }
  if (resolveTimeout !== null && resolveTimeout < probeTimeout) {
    throw new InvalidInputError('options.resolveTimeout', `must leave time for a probe: at least ${probeTimeout}`);
  }
  if (!isTime(pause, 0)) {
    throw new InvalidInputError('options.pause', `must be an integer from 0 to ${LONGEST}`);
  }
  const { onValidatorError } = options;
  if (onValidatorError !== undefined && typeof onValidatorError !== 'function') {
    throw new InvalidInputError('options.onValidatorError', 'must be a function');
  }
  const probes = new Probes(validator, probeTimeout, onValidatorError);
  return { storage, timeout, probeTimeout, resolveTimeout, pause, probes };
}

function signalOf(options) {
  if (options === undefined) return undefined;
  refuseOthers(options, 'options', ['signal']);
  const { signal } = options;
  if (signal !== undefined) {
    refuseWithout(signal, 'options.signal', ['addEventListener']);
  }
  return signal;
}

function refuseOthers(value, path, names) {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidInputError(path, 'must be an object');
  }
  for (const key of Object.keys(value)) {
    if (names.includes(key)) continue;
    const meant = nearest(key, names);
    const hint = meant === undefined ? '' : `, did you mean \`${meant}\`?`;
    throw new InvalidInputError(`${path}.${key}`, `is no option${hint}`);
  }
}

function refuseWithout(value, path, methods) {
  for (const method of methods) {
    if (typeof value?.[method] !== 'function') {
      throw new InvalidInputError(path, `must be an object with a method \`${method}\``);
    }
  }
}
