//! Sizes, durations and times as people write and read them.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const DURATIONS: [string, number][] = [
  ['d', DAY],
  ['h', HOUR],
  ['min', MINUTE],
  ['s', SECOND],
  ['ms', 1],
];
const SIZES: [string, number][] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
];
const WORDS: Record<string, number> = {
  day: DAY, days: DAY, hour: HOUR, hours: HOUR, m: MINUTE, minute: MINUTE, minutes: MINUTE,
  sec: SECOND, second: SECOND, seconds: SECOND,
  kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, k: 2 ** 10, g: 2 ** 30, t: 2 ** 40, bytes: 1,
};

/** A text that a field cannot take, and what it would take. */
export class FieldError extends Error {
  override name = 'FieldError';
}

/** Returns a duration of so many milliseconds exactly, as `35 min` or `1 h 30 min`; never rounded. */
export function duration(ms: number): string {
  return exact(ms, DURATIONS, '0 s');
}

/** Returns a distance in time, in its two largest units. */
export function about(ms: number): string {
  const parts = exact(Math.abs(ms), DURATIONS, '0 s').split(' ');
  return parts.slice(0, 4).join(' ');
}

/** Returns a size of so many bytes exactly, in the largest unit that divides it. */
export function size(bytes: number): string {
  if (bytes === 0) return '0 B';
  for (const [unit, factor] of SIZES) {
    if (bytes % factor === 0) return `${group(bytes / factor)} ${unit}`;
  }
  return `${group(bytes)} B`;
}

function group(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function exact(ms: number, units: [string, number][], zero: string): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, factor] of units) {
    const count = Math.floor(rest / factor);
    rest -= count * factor;
    if (count > 0) parts.push(`${group(count)} ${unit}`);
  }
  return parts.length === 0 ? zero : parts.join(' ');
}

/** Returns a time as `2026-01-01 12:00:05`, in UTC; milliseconds only where there are some. */
export function time(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('.000Z', '').replace('Z', '');
}

/** Returns the time of day, and the day too where it is not that of `now`. */
export function clockTime(ms: number, now: number): string {
  const text = time(ms);
  return text.slice(0, 10) === time(now).slice(0, 10) ? text.slice(11) : text;
}

/** Returns how a time lies to `now`: `in 5 min`, `2 h ago`, `now`. */
export function relative(ms: number, now: number): string {
  if (ms === now) return 'now';
  return ms > now ? `in ${about(ms - now)}` : `${about(now - ms)} ago`;
}

/**
 * Reads a duration: `35 min`, `1h 30min`, or a number of milliseconds.
 *
 * Throws `FieldError`.
 */
export function parseDuration(text: string): number {
  return parseSum(text, DURATIONS, 'a duration', '`30 s`, `35 min`, `1 h` or a number of ms');
}

/**
 * Reads a size: `100 MiB`, `512000`, `2 GB`.
 *
 * Throws `FieldError`.
 */
export function parseSize(text: string, largest = Number.MAX_SAFE_INTEGER): number {
  return parseSum(text, SIZES, 'a size', '`100 MiB`, `2 GB` or a number of bytes', largest);
}

function parseSum(
  text: string,
  units: [string, number][],
  what: string,
  like: string,
  largest = Number.MAX_SAFE_INTEGER,
): number {
  const fail = () => new FieldError(`\`${text}\` is not ${what}; write ${like}`);
  const bare = text.trim().replaceAll(',', '');
  const parts = bare.match(/\d+(?:\.\d+)?\s*[a-z]*/gi) ?? [];
  if (parts.length === 0 || bare.replace(/\d+(?:\.\d+)?\s*[a-z]*/gi, '').trim() !== '') {
    throw fail();
  }
  let sum = 0;
  for (const part of parts) {
    const [, number = '', unit = ''] = /^([\d.]+)\s*([a-z]*)$/i.exec(part) ?? [];
    const known = units.find(([name]) => name.toLowerCase() === unit.toLowerCase());
    const allowed = known?.[1] ?? (unit === '' ? 1 : wordOf(unit, units));
    if (allowed === undefined) throw fail();
    sum += Number(number) * allowed;
  }
  // `1.5 MiB` is a whole number of bytes, `0.5 ms` is not one of milliseconds.
  if (!Number.isInteger(sum) || sum > largest) throw fail();
  return sum;
}

function wordOf(unit: string, units: [string, number][]): number | undefined {
  const sizes = units === SIZES;
  const word = unit.toLowerCase();
  if (sizes && word === 'm') return 2 ** 20;
  const factor = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  const isSize = ['kb', 'mb', 'gb', 'tb', 'k', 'g', 't', 'bytes'].includes(word);
  return isSize === sizes ? factor : undefined;
}

/** The latest time that the policy knows: the end of the year 9999. */
export const LATEST = 253_402_300_799_999;

/**
 * Reads a time: `2026-01-01 12:00:05` (UTC), or a number of milliseconds since the epoch.
 *
 * Throws `FieldError`.
 */
export function parseTime(text: string): number {
  const bare = text.trim();
  const ms = /^\d+$/.test(bare) ? Number(bare) : parseDate(bare);
  if (ms === undefined) {
    throw new FieldError(
      `\`${text}\` is not a time; write \`2026-01-01 12:00:00\` (UTC) or milliseconds since 1970`,
    );
  }
  if (!Number.isSafeInteger(ms) || ms < 0 || ms > LATEST) {
    throw new FieldError(`\`${text}\` is out of range; the years 1970 to 9999 are known`);
  }
  return ms;
}

function parseDate(text: string): number | undefined {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?)?\s*Z?$/i.exec(text);
  if (match === null) return undefined;
  const [, day = '', minutes = '00:00', seconds = '00', fraction = ''] = match;
  const ms = Date.parse(`${day}T${minutes}:${seconds}.${fraction.padEnd(3, '0')}Z`);
  if (Number.isNaN(ms)) return undefined;
  // `2026-02-31` would be taken for a day of March.
  return new Date(ms).toISOString().startsWith(day) ? ms : undefined;
}

/**
 * Reads a whole number.
 *
 * Throws `FieldError`.
 */
export function parseCount(text: string): number {
  const bare = text.trim();
  const count = Number(bare);
  if (!/^\d+$/.test(bare) || !Number.isSafeInteger(count)) {
    throw new FieldError(`\`${text}\` is not a whole number; write one such as \`3\``);
  }
  return count;
}
