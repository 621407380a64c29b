// Builds the answer of `select` from the numbers that the module leaves (`wasm/js/src/answer.rs`, which
// knows the same layout), with the texts of the roster.

import { failureClass } from './schema.js';

const DECISION = 0;
const ENTRIES = 4;
const SIZE = 5;

/** How many facts there are of a backend: its id, its name and the number of its credentials. */
const FACTS = 3;

/**
 * Returns the answer that is at `at` of the numbers. The facts are what the table of types keeps of a
 * roster (`schema.js`): the revision, then those of each backend.
 */
export function answered(numbers, at, facts) {
  const revision = facts[0];
  const count = numbers[at + 3];
  const trace = [];
  for (let i = 0; i < count; i++) trace.push(entry(numbers, at + ENTRIES + SIZE * i, facts));
  if (numbers[at] !== DECISION) {
    return { ok: false, error: { reason: reason(numbers[at], numbers[at + 1]), revision, trace } };
  }
  const used = at + ENTRIES + SIZE * numbers[at + 1];
  const backend = numbers[used + 2];
  return {
    ok: true,
    value: {
      backend: named(facts, backend),
      generation: facts[3 + FACTS * backend],
      position: position(numbers[used], numbers[used + 1]),
      degraded: numbers[at + 2] === 1,
      revision,
      trace,
    },
  };
}

function named(facts, backend) {
  return { id: facts[1 + FACTS * backend], name: facts[2 + FACTS * backend] };
}

function entry(numbers, at, facts) {
  const backend = numbers[at + 2];
  return {
    position: position(numbers[at], numbers[at + 1]),
    backend: backend < 0 ? null : named(facts, backend),
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
