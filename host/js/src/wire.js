// Checks a value and writes it as the bytes that the module reads (`wasm/js/src/wire.rs`), in one walk
// by the table of types. Nothing of a value that is refused reaches the module.

import { InvalidInputError } from './errors.js';

/** Thrown inside a walk, and led out of it step by step; who began it makes an error of it. */
class Refused {
  constructor(problem) {
    this.problem = problem;
    this.steps = [];
  }

  get path() {
    let path = '';
    for (const step of this.steps.reverse()) {
      if (typeof step === 'number') path += `[${step}]`;
      else path += `${path === '' ? '' : '.'}${step.length > 100 ? `${step.slice(0, 100)}...` : step}`;
    }
    return path;
  }
}

/** Returns an error on its way out of a walk, with one more step of its path. */
function at(step, error) {
  if (error instanceof Refused) error.steps.push(step);
  return error;
}

/** Bytes to be. */
export class Writer {
  constructor() {
    this.length = 0;
    /** Where the `kept` fields of records go, in the order of the walk; null if nobody asks. */
    this.facts = null;
    this.allot(1_024);
  }

  allot(size) {
    const bytes = new Uint8Array(size);
    if (this.bytes !== undefined) bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  room(size) {
    if (this.length + size > this.bytes.length) this.allot(2 * (this.length + size));
  }

  byte(value) {
    this.room(1);
    this.bytes[this.length++] = value;
  }

  count(value) {
    this.room(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  number(value) {
    this.room(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  text(value) {
    // A UTF-16 unit is at most three bytes of UTF-8.
    this.room(4 + 3 * value.length);
    const bytes = this.bytes;
    let at = this.length + 4;
    for (let i = 0; i < value.length; i++) {
      let unit = value.charCodeAt(i);
      if (unit < 0x80) {
        bytes[at++] = unit;
      } else if (unit < 0x800) {
        bytes[at++] = 0xc0 | (unit >> 6);
        bytes[at++] = 0x80 | (unit & 0x3f);
      } else {
        if (unit >= 0xd800 && unit < 0xe000) {
          unit = value.codePointAt(i);
          // Half of a pair is no text (it stays a surrogate), and every host refuses it at the door.
          if (unit < 0xe000) this.refuse(`is not well-formed text: unit ${i} is half of a surrogate pair`);
          i++;
          bytes[at++] = 0xf0 | (unit >> 18);
          bytes[at++] = 0x80 | ((unit >> 12) & 0x3f);
        } else {
          bytes[at++] = 0xe0 | (unit >> 12);
        }
        bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
        bytes[at++] = 0x80 | (unit & 0x3f);
      }
    }
    this.view.setUint32(this.length, at - this.length - 4, true);
    this.length = at;
  }

  /** Adds what was written before. */
  raw(bytes) {
    this.room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Checks and writes a value; `name` is what its path begins with. */
  put(type, value, name) {
    try {
      writing(type)(value, this);
    } catch (error) {
      throw at(name, error);
    }
  }

  refuse(problem) {
    throw new Refused(problem);
  }

  refuseAt(step, problem) {
    throw at(step, new Refused(problem));
  }

  /** Returns a copy of what was written. */
  copy() {
    return this.bytes.slice(0, this.length);
  }
}

// A getter of what is walked may call the package again; it then gets a writer of its own.
let spare = new Writer();

/**
 * Lends a writer to `write`, and then to `use`. What is refused is an `InvalidInputError`, unless
 * `refuse` makes another of it.
 */
export function written(write, use, refuse = (path, problem) => new InvalidInputError(path, problem)) {
  const writer = spare ?? new Writer();
  spare = null;
  try {
    writer.length = 0;
    try {
      write(writer);
    } catch (error) {
      if (error instanceof Refused) throw refuse(error.path, error.problem);
      throw error;
    }
    return use(writer);
  } finally {
    writer.facts = null;
    // One that grew for an unusual roster is not kept.
    spare = writer.bytes.length > 1_048_576 ? new Writer() : writer;
  }
}

/** Checks a value without any use for its bytes. */
export function check(type, value, name) {
  written((writer) => writer.put(type, value, name), () => undefined);
}

const compiled = new WeakMap();

/** Returns the function that checks and writes a value of the type. */
function writing(type) {
  let write = compiled.get(type);
  if (write === undefined) {
    write = WRITING[type.is](type);
    compiled.set(type, write);
  }
  return write;
}

const WRITING = {
  text: () => (value, writer) => {
    if (typeof value !== 'string') writer.refuse(`must be a text, found ${found(value)}`);
    writer.text(value);
  },

  bool: () => (value, writer) => {
    if (typeof value !== 'boolean') writer.refuse(`must be true or false, found ${found(value)}`);
    writer.byte(value ? 1 : 0);
  },

  number: ({ most }) => (value, writer) => {
    if (!(Number.isInteger(value) && value >= 0 && value <= most)) {
      writer.refuse(`must be an integer from 0 to ${most}, found ${found(value)}`);
    }
    writer.number(value);
  },

  option: ({ of }) => {
    const write = writing(of);
    return (value, writer) => {
      writer.byte(value === null ? 0 : 1);
      if (value !== null) write(value, writer);
    };
  },

  list: ({ of }) => {
    const write = writing(of);
    return (value, writer) => {
      if (!Array.isArray(value)) writer.refuse(`must be an array, found ${foundAtAll(value)}`);
      const count = value.length;
      writer.count(count);
      let i = 0;
      try {
        for (; i < count; i++) write(value[i], writer);
      } catch (error) {
        throw at(i, error);
      }
    };
  },

  enum: ({ codes }) => {
    const numbers = new Map(codes.map((code, number) => [code, number]));
    return (value, writer) => {
      const number = numbers.get(value);
      if (number === undefined) writer.refuse(`must be ${oneOf(codes)}, found ${found(value)}`);
      writer.byte(number);
    };
  },

  record: ({ name, fields, kept }) => writingFields(`\`${name}\``, fields, 0, kept),

  variant: ({ name, cases }) => {
    const codes = Object.keys(cases);
    const writes = new Map(
      codes.map((code, number) => {
        const write = writingFields(`\`${name} ${code}\``, cases[code] ?? {}, 1);
        return [code, { number, write }];
      }),
    );
    return (value, writer) => {
      refuseNoObject(value, writer);
      const meant = writes.get(value.type);
      if (meant === undefined) {
        writer.refuseAt('type', `must be ${oneOf(codes)}, found ${found(value.type)}`);
      }
      writer.byte(meant.number);
      meant.write(value, writer);
    };
  },
};

/**
 * Returns the function that writes the fields of an object, which has `others` beside them. Each field
 * is read once: what a caller needs of them as well is `kept`.
 */
function writingFields(whole, fields, others, kept = []) {
  const names = Object.keys(fields);
  const writes = names.map((name) => writing(fields[name]));
  const absents = names.map((name) => fields[name].absent);
  const keeps = names.map((name) => kept.includes(name));
  const isKeeping = kept.length > 0;
  const known = others === 0 ? names : ['type', ...names];
  return (value, writer) => {
    refuseNoObject(value, writer);
    const facts = isKeeping ? writer.facts : null;
    let present = others;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      let field = value[name];
      if (field !== undefined) {
        present++;
      } else {
        field = absents[i];
        if (field === undefined) refuseMissing(value, name, whole, known, writer);
      }
      try {
        writes[i](field, writer);
      } catch (error) {
        throw at(name, error);
      }
      if (facts !== null && keeps[i]) facts.push(field);
    }
    // As many keys as fields, none of them inherited: there is no other key. Else it takes a closer look.
    if (Object.keys(value).length !== present || !isPlain(value)) {
      refuseUnknown(value, whole, known, writer);
    }
  };
}

function refuseNoObject(value, writer) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    writer.refuse(`must be an object, found ${foundAtAll(value)}`);
  }
}

/** Whether an object inherits nothing of its own, as those of literals and of JSON. */
export function isPlain(value) {
  const parent = Object.getPrototypeOf(value);
  return parent === Object.prototype || parent === null;
}

/** Whether a value is a `Map`, a `Set` or the like, which has no fields however much is in it. */
export function isCollection(value) {
  return !isPlain(value) && typeof value[Symbol.iterator] === 'function';
}

function refuseMissing(value, name, whole, known, writer) {
  // A misspelled field says more than the one that is missing because of it.
  refuseUnknown(value, whole, known, writer);
  writer.refuseAt(name, `is missing; ${whole} always has it`);
}

function refuseUnknown(value, whole, known, writer) {
  if (isCollection(value)) writer.refuse('must be an object with fields, found a collection');
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known.filter((name) => value[name] === undefined));
    const hint = meant === undefined ? '' : `, did you mean \`${meant}\`?`;
    writer.refuseAt(key, `is no field of ${whole}${hint}`);
  }
}

function oneOf(codes) {
  return `one of ${codes.map((code) => `\`${code}\``).join(', ')}`;
}

/** Says what was found instead of an object or an array; a text there may be anything, also secret. */
function foundAtAll(value) {
  return typeof value === 'string' ? 'a text' : found(value);
}

/** Says what a value is. Texts are shown where they are codes or numbers at most, so they are cut. */
function found(value) {
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? 'a long text' : `\`${value}\``;
    case 'number':
    case 'boolean':
    case 'undefined':
      return `\`${value}\``;
    case 'object':
      return value === null ? '`null`' : Array.isArray(value) ? 'an array' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}

/** Returns the name that was probably meant: the same but for case and dashes, or two letters away. */
export function nearest(word, names) {
  const plain = (name) => name.toLowerCase().replaceAll(/[-_ ]/g, '');
  const same = names.find((name) => plain(name) === plain(word));
  if (same !== undefined || word.length > 40) return same;
  let best;
  let least = 3;
  for (const name of names) {
    const away = distance(plain(word), plain(name));
    if (away < least && away < name.length / 2) {
      best = name;
      least = away;
    }
  }
  return best;
}

/** The number of letters to add, drop or replace. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
