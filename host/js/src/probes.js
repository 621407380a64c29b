// The probes that are under way. Those who ask for the same at the same time wait for the same probe, so
// that many who resolve while everything is down do not hammer it (RES-2).

import { CallOptions, isThenable, settled } from './asking.js';
import { TimeoutError } from './errors.js';
import * as schema from './schema.js';
import { written } from './wire.js';

/** The probes of one validator. */
export class Probes {
  #validator;
  #limit;
  #onError;
  #shared = new Map();

  constructor(validator, limit, onError) {
    this.#validator = validator;
    this.#limit = limit;
    this.#onError = onError;
  }

  /** Returns the probe of that place that is under way, if one is. */
  underWay(place) {
    return this.#shared.get(keyOf(place));
  }

  /**
   * Begins a probe of a place: an organization, a backend of it, and the generation of its credentials.
   * Others may join it if it is shared. `outcome` makes the probe of a class of failure and a message.
   */
  begin(place, isShared, outcome) {
    const [organization, backend] = place;
    const key = keyOf(place);
    const tell = (error) => this.#tell(error, { organization, backend });
    const probe = new Probe(this.#limit, tell, outcome);
    probe.run(
      (options) => this.#validator.validate(...place, options),
      () => {
        if (this.#shared.get(key) === probe) this.#shared.delete(key);
      },
    );
    // A validator that answers at once leaves nothing to wait for.
    if (isShared && !probe.hasEnded) this.#shared.set(key, probe);
    return probe;
  }

  #tell(error, about) {
    try {
      const told = this.#onError?.(error, about);
      if (isThenable(told)) settled(told).catch(() => undefined);
    } catch {
      // Whoever is told cannot change what is known.
    }
  }
}

function keyOf(place) {
  return JSON.stringify(place);
}

/**
 * One call of a validator. What it saw is the same bytes for all who wait, also if the validator failed or
 * was late (USE-3, RES-3): observations that ended at different times would count as several (CMD-7).
 */
class Probe {
  hasEnded = false;
  #limit;
  #tell;
  #outcome;
  #options = new CallOptions();
  #waiting = 0;
  #seen;
  #end;

  constructor(limit, tell, outcome) {
    this.#limit = limit;
    this.#tell = tell;
    this.#outcome = outcome;
  }

  /** Calls the validator; `ended` is called when what it answers later is there, or not waited for. */
  run(validate, ended) {
    let value;
    let isLater;
    try {
      value = validate(this.#options);
      isLater = isThenable(value);
    } catch (error) {
      this.#endNow(() => this.#failed(error));
      return;
    }
    if (!isLater) {
      this.#endNow(() => this.#read(value));
      return;
    }
    this.#seen = new Promise((resolve) => {
      const limit = this.#limit;
      const late = () =>
        this.#abandon(new TimeoutError('validate', limit), () =>
          this.#outcome('timeout', `the probe did not end within ${limit} ms`),
        );
      const timer = limit === null ? undefined : setTimeout(late, limit);
      this.#end = (see) => {
        // What comes later is of no account, and nobody is told of it.
        if (this.hasEnded) return;
        this.hasEnded = true;
        clearTimeout(timer);
        ended();
        resolve(see());
      };
    });
    settled(value).then(
      (value) => this.#end(() => this.#read(value)),
      (error) => this.#end(() => this.#failed(error)),
    );
  }

  /**
   * Returns a seat: what will be seen, or a promise of it, and `abort` for who leaves. When all have
   * left, the validator is told to stop.
   */
  join() {
    this.#waiting++;
    return {
      seen: this.#seen,
      abort: (reason) => {
        if (--this.#waiting === 0) this.#abandon(reason, () => undefined);
      },
    };
  }

  #abandon(reason, see) {
    if (this.hasEnded) return;
    this.#end(see);
    this.#options.abort(reason);
  }

  #endNow(see) {
    this.hasEnded = true;
    this.#seen = see();
  }

  #read(value) {
    try {
      const put = (writer) => writer.put(schema.probe, value, 'validate()');
      return written(put, (writer) => writer.copy());
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error) {
    this.#tell(error);
    return this.#outcome('internal', 'the validator failed');
  }
}
