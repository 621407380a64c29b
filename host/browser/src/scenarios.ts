//! Scenarios to load: cases in the format of the vectors, played from their beginning.

import type { Look } from './session';
import type { Case } from './vector';
import { caseShape } from './vector';

export interface Scenario {
  id: string;
  label: string;
  look: Look;
  read: () => Case;
}

/** A plain noon, so that times read well. */
const NOON = Date.UTC(2026, 0, 1, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const MIB = 2 ** 20;

const CHECKED = { 'checked-at': NOON - 5 * MINUTE, successes: 1 };

const primary = {
  name: 'primary', provider: 'OCI', location: 'registry.example/artifacts', health: CHECKED,
};
const spare = {
  name: 'spare', provider: 'AWS-S3', location: 's3://artifacts-spare/eu', health: CHECKED,
};
const archive = {
  name: 'archive', provider: 'AzureBlob', location: 'https://archive.example/artifacts', health: CHECKED,
};
const inline = { name: 'default-inline', kind: 'inline' };

function scenario(
  label: string,
  one: { name: string; why: string; rules: string[]; given?: object; steps: object[] },
  look: Look = {},
): Scenario {
  return { id: one.name, label, look, read: () => caseShape(one, '') };
}

export const SCENARIOS: Scenario[] = [
  scenario(
    'A default and a fallback',
    {
      name: 'a-default-and-a-fallback',
      why: 'writes go to the default; the fallback stands by',
      rules: ['SEL-1', 'SEL-3'],
      given: { backends: [primary, spare, archive, inline], default: 'primary', fallbacks: ['spare'] },
      steps: [],
    },
    { clock: NOON, copies: ['spare', 'archive'] },
  ),
  scenario(
    'Both down',
    {
      name: 'both-down',
      why: 'with the default and the fallback down a write gets an honest error: when to try again, and never that nothing is configured',
      rules: ['SEL-6', 'SEL-7'],
      given: { backends: [primary, spare, archive, inline], default: 'primary', fallbacks: ['spare'] },
      steps: [
        { do: 'observe', at: NOON, backend: 'spare', outcome: 'auth' },
        { do: 'observe', at: NOON + 30 * SECOND, backend: 'primary', outcome: 'timeout' },
        { do: 'select', at: NOON + 31 * SECOND },
      ],
    },
    { copies: ['primary'] },
  ),
  scenario('Flapping', {
    name: 'flapping',
    why: 'single failures of a backend that comes and goes move no write; three in a row do',
    rules: ['CMD-8', 'DUE-2'],
    given: { backends: [primary, spare], default: 'primary', fallbacks: ['spare'], policy: { fall: 3, rise: 2 } },
    steps: ['timeout', 'ok', 'timeout', 'ok', 'network', 'timeout', 'timeout'].map((outcome, index) => ({
      do: 'observe', at: NOON + index * 30 * SECOND, backend: 'primary', outcome,
    })),
  }),
  scenario(
    'Recovery with hold-down',
    {
      name: 'recovery-with-hold-down',
      why: 'a backend that has just recovered is preferred only after it has stayed valid for the hold-down',
      rules: ['SEL-2', 'SEL-3', 'DUE-2'],
      given: {
        backends: [primary, spare], default: 'primary', fallbacks: ['spare'], policy: { 'hold-down': 10 * MINUTE },
      },
      steps: [
        { do: 'observe', at: NOON, backend: 'primary', outcome: 'server' },
        { do: 'observe', at: NOON + 2 * MINUTE, backend: 'primary', outcome: 'ok' },
        { do: 'select', at: NOON + 3 * MINUTE },
      ],
    },
    { clock: NOON + 3 * MINUTE },
  ),
  scenario('Demotion', {
    name: 'demotion',
    why: 'a default that is made the fallback changes places with the fallback, in one commit',
    rules: ['CMD-2', 'CMD-6'],
    given: { backends: [primary, spare], default: 'primary', fallbacks: ['spare'] },
    steps: [{ do: 'update', at: NOON, backend: 'primary', fallback: true }],
  }),
  scenario(
    'Promotion',
    {
      name: 'promotion',
      why: 'when the default is deleted, the first fallback that works takes its place, and the one that does not is passed over',
      rules: ['CMD-3', 'CMD-6', 'INV-6'],
      given: {
        backends: [
          primary,
          { ...spare, health: { status: 'invalid', since: NOON - MINUTE, 'checked-at': NOON - MINUTE, failures: 1, failure: 'network' } },
          archive,
        ],
        default: 'primary',
        fallbacks: ['spare', 'archive'],
        policy: { 'max-fallbacks': 2 },
      },
      steps: [{ do: 'delete', at: NOON, backend: 'primary' }],
    },
    { copies: ['primary', 'archive'] },
  ),
  scenario('Too large', {
    name: 'too-large',
    why: 'a blob goes to the first backend that takes its size; above every limit, waiting does not help',
    rules: ['SEL-2', 'SEL-6'],
    given: {
      backends: [primary, { ...spare, 'max-blob-bytes': 300 * MIB }, inline],
      default: 'primary',
      fallbacks: ['spare'],
      policy: { tail: ['inline'] },
    },
    steps: [
      { do: 'select', at: NOON, size: 200 * MIB },
      { do: 'select', at: NOON, size: 400 * MIB },
    ],
  }),
  scenario(
    'A new organization',
    {
      name: 'a-new-organization',
      why: 'an organization begins with one inline backend as its default',
      rules: ['CMD-11'],
      steps: [],
    },
    { clock: NOON },
  ),
];

export function scenarioOf(id: string): Scenario | undefined {
  return SCENARIOS.find((one) => one.id === id);
}
