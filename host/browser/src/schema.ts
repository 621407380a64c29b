//! Reads values that somebody else wrote, strictly: every problem names the path of what is wrong,
//! and nothing is returned unless all of it is right.

/** A value that is not what its place asks for. */
export class ShapeError extends Error {
  override name = 'ShapeError';
  /** Where it is, as `cases[0].steps[2].at`. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(path === '' ? problem : `\`${path}\` ${problem}`);
    this.path = path;
  }
}

/** Returns the value as what it must be, or throws a `ShapeError`. */
export type Shape<T> = (value: unknown, path: string) => T;

export type Of<S> = S extends Shape<infer T> ? T : never;

/** How a value is named in a message: never at a length that hides the rest of it. */
function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? String(value);
  return `\`${text.length > 60 ? `${text.slice(0, 60)}…` : text}\``;
}

function is(value: unknown): string {
  return value === undefined ? 'is missing' : `is ${show(value)}`;
}

/** A text of at most so many characters. */
export function text(longest = 100_000): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string') throw new ShapeError(path, `${is(value)}, expected a text`);
    if (value.length > longest) {
      throw new ShapeError(path, `is longer than ${longest} characters`);
    }
    // A lone half of a pair is no Unicode text, and would not survive a link.
    if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(value)) {
      throw new ShapeError(path, 'is ill-formed Unicode text');
    }
    return value;
  };
}

export const bool: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') {
    throw new ShapeError(path, `${is(value)}, expected \`true\` or \`false\``);
  }
  return value;
};

/** A whole number from 0 to the largest that every host holds exactly, or to a smaller one. */
export function whole(largest = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > largest) {
      throw new ShapeError(path, `${is(value)}, expected a whole number from 0 to ${largest}`);
    }
    return value as number;
  };
}

/** The last whole number that a limit can be: one above 2^53 - 1 is refused by the policy, not here. */
export const LARGEST_LIMIT = 18_446_744_073_709_549_568;

/** A limit, which may be too large: the policy says so (`limit-too-large`). */
export const limit: Shape<number> = (value, path) => {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > LARGEST_LIMIT) {
    throw new ShapeError(path, `${is(value)}, expected a whole number from 0 to ${LARGEST_LIMIT}`);
  }
  return value as number;
};

/** One of some texts. */
export function one<const T extends readonly string[]>(names: T): Shape<T[number]> {
  return (value, path) => {
    if (typeof value !== 'string' || !names.includes(value)) {
      const list = names.map((name) => `\`${name}\``).join(', ');
      throw new ShapeError(path, `${is(value)}, expected one of ${list}${near(value, names)}`);
    }
    return value;
  };
}

export function list<T>(item: Shape<T>, longest = 10_000): Shape<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, `${is(value)}, expected a list`);
    if (value.length > longest) throw new ShapeError(path, `has more than ${longest} items`);
    return value.map((one, index) => item(one, `${path}[${index}]`));
  };
}

/** A value, or null or nothing, which both read as null. */
export function optional<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === undefined || value === null ? null : shape(value, path));
}

/** A value, or null or nothing, which both read as the usual one. */
export function usual<T>(shape: Shape<T>, value: T): Shape<T> {
  const maybe = optional(shape);
  return (given, path) => maybe(given, path) ?? value;
}

/** An object of which every value has the same shape, or is null and counts as left out. */
export function map<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return (value, path) => {
    const fields = object(value, path);
    const present = Object.entries(fields).filter(([, one]) => one !== null);
    return Object.fromEntries(present.map(([key, one]) => [key, shape(one, `${path}.${key}`)]));
  };
}

/** An object with those fields and no other; a name that is nearly one of them is suggested. */
export function record<T extends Record<string, Shape<unknown>>>(
  shapes: T,
): Shape<{ [K in keyof T]: Of<T[K]> }> {
  const names = Object.keys(shapes);
  return (value, path) => {
    const fields = object(value, path);
    for (const key of Object.keys(fields)) {
      if (!names.includes(key)) {
        const at = path === '' ? key : `${path}.${key}`;
        throw new ShapeError(at, `is not a field that is known here${near(key, names)}`);
      }
    }
    const read = names.map((name) => {
      const shape = shapes[name] as Shape<unknown>;
      const own = Object.hasOwn(fields, name) ? fields[name] : undefined;
      return [name, shape(own, path === '' ? name : `${path}.${name}`)];
    });
    return Object.fromEntries(read);
  };
}

/** One of several records, told apart by the field `tag`. */
export function tagged<T extends Record<string, Record<string, Shape<unknown>>>>(
  tag: string,
  shapes: T,
): Shape<Record<string, unknown>> {
  const names = one(Object.keys(shapes));
  return (value, path) => {
    const name = names(object(value, path)[tag], path === '' ? tag : `${path}.${tag}`);
    return record({ [tag]: one([name]), ...shapes[name] })(value, path);
  };
}

/** Returns the fields of an object. */
export function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ShapeError(path, `${is(value)}, expected an object`);
  }
  return value as Record<string, unknown>;
}

function near(value: unknown, names: readonly string[]): string {
  if (typeof value !== 'string') return '';
  const plain = (name: string) => name.toLowerCase().replace(/[-_\s]/g, '');
  // Two letters of a short word may well be the whole of it.
  const close = names.find(
    (name) => distance(plain(value), plain(name)) <= Math.min(2, Math.floor(name.length / 3)),
  );
  return close === undefined ? '' : `; did you mean \`${close}\`?`;
}

/** The number of letters to insert, drop or replace to come from one word to the other. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
