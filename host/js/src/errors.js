// Everything that the package throws. Messages are for people; callers branch on `code`.

/** Everything that this package throws. */
export class BackstopError extends Error {
  constructor(code, name, message, options) {
    super(onOneLine(message), options);
    // Names are written out, because a bundler may shorten those of classes.
    Object.defineProperty(this, 'name', { value: name, configurable: true, writable: true });
    this.code = code;
  }
}

/** What was given is not what its type says. Nothing ran. */
export class InvalidInputError extends BackstopError {
  constructor(path, problem) {
    super('invalid-input', 'InvalidInputError', `\`${path}\` ${problem}`);
    this.path = path;
  }
}

/** The storage threw or rejected. */
export class StorageError extends BackstopError {
  constructor(method, cause) {
    super('storage-failed', 'StorageError', `the storage failed in \`${method}\`${unsure(method)}`, { cause });
    this.uncertain = method === 'commit';
  }
}

/** The storage answered something that is not what its type says. */
export class StorageShapeError extends BackstopError {
  constructor(method, path, problem) {
    super('storage-shape', 'StorageShapeError', `the storage answered another shape: \`${path}\` ${problem}`);
    this.path = path;
    this.uncertain = method === 'commit';
  }
}

/** The storage did not answer in time. A validator that did not is told so by its signal only. */
export class TimeoutError extends BackstopError {
  constructor(method, limit) {
    const who = method === 'validate' ? 'validator' : 'storage';
    super(
      'storage-timeout',
      'TimeoutError',
      `the ${who} did not answer \`${method}\` within ${limit} ms${unsure(method)}`,
    );
    this.uncertain = method === 'commit';
  }
}

/** The caller gave up. */
export class AbortedError extends BackstopError {
  constructor(method, cause) {
    super('aborted', 'AbortedError', `the call was aborted${unsure(method)}`, { cause });
    this.uncertain = method === 'commit';
  }
}

/** The policy failed in a way that no input should make it fail. */
export class PolicyTrapError extends BackstopError {
  constructor(cause) {
    super(
      'policy-trap',
      'PolicyTrapError',
      'the policy failed on this call, which is a bug in it; later calls are not affected',
      { cause },
    );
  }
}

/** The WebAssembly module is not the one that this package was built with. */
export class ForeignModuleError extends BackstopError {
  constructor(found, expected) {
    super('foreign-module', 'ForeignModuleError', `expected the module \`${expected}\`, found ${found}`);
  }
}

/** What a message repeats of the input may be anything; logs have a message a line. */
function onOneLine(message) {
  return message.replaceAll(/[\p{Cc}\u2028\u2029]/gu, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function unsure(method) {
  return method === 'commit' ? '; it is unknown whether the change was stored' : '';
}
