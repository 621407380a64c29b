// Builds the answer of `select` from the numbers that the module leaves (`wasm/js/src/answer.rs`, which
// knows the same layout), with the texts of the roster.

import { failureClass } from './schema.js';

const DECISION = 0;
const ENTRIES = 4;
const SIZE = 5;

/**
 * Returns the answer that is at `at` of the numbers; of `roster` the revision and each backend's id,
 * name and generation are read.
 */
export function answered(numbers, at, roster) {
  const { backends, revision } = roster;
  const count = numbers[at + 3];
  const trace = [];
  for (let i = 0; i < count; i++) trace.push(entry(numbers, at + ENTRIES + SIZE * i, backends));
  if (numbers[at] !== DECISION) {
    return { ok: false, error: { reason: reason(numbers[at], numbers[at + 1]), revision, trace } };
  }
  const used = at + ENTRIES + SIZE * numbers[at + 1];
  const { id, name, generation } = backends[numbers[used + 2]];
  return {
    ok: true,
    value: {
      backend: { id, name },
      generation,
      position: position(numbers[used], numbers[used + 1]),
      degraded: numbers[at + 2] === 1,
      revision,
      trace,
    },
  };
}

function entry(numbers, at, backends) {
  const number = numbers[at + 2];
  let backend = null;
  if (number >= 0) {
    const { id, name } = backends[number];
    backend = { id, name };
  }
  return {
    position: position(numbers[at], numbers[at + 1]),
    backend,
    verdict: verdict(numbers[at + 3], numbers[at + 4]),
  };
}

function position(number, place) {
  switch (number) {
    case 0:
      return { type: 'default' };
    case 1:
      return { type: 'fallback', place };
    case 2:
      return { type: 'managed' };
    default:
      return { type: 'inline' };
  }
}

function verdict(number, detail) {
  switch (number) {
    case 0:
      return { type: 'drained' };
    case 1:
      return { type: 'invalid', class: detail < 0 ? null : failureClass.codes[detail] };
    case 2:
      return { type: 'last-resort' };
    case 3:
      return { type: 'maintenance' };
    case 4:
      return { type: 'not-reached' };
    case 5:
      return { type: 'recovering', until: detail };
    case 6:
      return { type: 'selected' };
    case 7:
      return { type: 'too-large', limit: detail };
    default:
      return { type: 'vacant' };
  }
}

function reason(number, detail) {
  switch (number) {
    case 1:
      return { type: 'required' };
    case 2:
      return { type: 'too-large', limit: detail };
    default:
      return { type: 'unavailable', retryAt: detail < 0 ? null : detail };
  }
}
