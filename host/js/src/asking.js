// What it takes to ask a host for something that it may answer later.

/** What the host is told about a question. The signal is made when somebody wants it. */
export class CallOptions {
  #controller = null;
  #reason = undefined;
  #isAborted = false;

  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason) {
    this.#isAborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}

/** Whether a value is to be waited for. */
export function isThenable(value) {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
    typeof value.then === 'function'
  );
}

/** Returns a promise of what a thenable settles with, whatever its `then` is and does. */
export function settled(thenable) {
  return new Promise((resolve) => resolve(thenable));
}
