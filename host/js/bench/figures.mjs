// The figures of the README, of the npm package in Node: one line of JSON for each, with the median.
//
//     node bench/figures.mjs
//
// The ids are those of every host, and so is the roster: a default and a fallback that are valid, and as
// many backends without a role as it takes.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Control, Roster, defaultPolicy, planner } from 'backstop';

const request = { size: 20 * 2 ** 20 };
const now = 1_000;

function roster(count) {
  const backends = Array.from({ length: count }, (_, n) => ({
    id: `0199a1b2-c3d4-7e5f-8a9b-${n.toString(16).padStart(12, '0')}`,
    name: `backend-${n}`,
    kind: 'external',
    provider: 'OCI',
    location: `registry.example/team/${n}`,
    description: '',
    maxBlobBytes: 104_857_600,
    mode: 'ready',
    generation: 1,
    health: {
      status: 'valid',
      since: null,
      checkedAt: 500,
      failures: 0,
      successes: 1,
      failure: null,
      excuse: null,
    },
  }));
  const [first, second] = backends;
  return {
    revision: 1,
    default: first.id,
    fallbacks: [second.id],
    policy: defaultPolicy(),
    route: first.id,
    backends,
  };
}

function median(samples) {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1];
}

function report(id, samples) {
  console.log(JSON.stringify({ host: 'node', id, median_ns: Math.round(median(samples)) }));
}

/** Reports the median of samples, each the mean of so many calls; a fifth of them go before, unmeasured. */
function measure(id, calls, call) {
  let kept;
  const samples = [];
  for (let sample = -12; sample < 60; sample++) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) kept = call();
    const took = Number(process.hrtime.bigint() - began) / calls;
    if (sample >= 0) samples.push(took);
  }
  if (!kept.ok) throw new Error(`\`${id}\` measures a refusal`);
  report(id, samples);
}

// In processes that have done nothing of it: see `cold.cjs`.
const cold = fileURLToPath(new URL('cold.cjs', import.meta.url));
for (const [id, what] of [['cold', 'cold'], ['cold-with-javascript', 'load']]) {
  const starts = [];
  for (let start = 0; start < 31; start++) {
    const took = execFileSync(process.execPath, [cold, what, JSON.stringify(roster(2))], { encoding: 'utf8' });
    starts.push(Number(took));
  }
  report(id, starts);
}

for (const count of [2, 64]) {
  // Checking the objects, writing them into the module, reading them there, the call, its whole trace,
  // and the objects of the answer.
  const data = roster(count);
  measure(`select-${count}`, count === 2 ? 20_000 : 1_000, () => planner.select(data, request, now));

  // The call, its whole trace, and the objects of the answer.
  const prepared = new Roster(data);
  measure(`select-${count}-prepared`, 50_000, () => prepared.select(request, now));
}

// A use case from the call to the promise's answer, over a storage that answers at once and whose roster
// is checked and read each time. Nothing is probed.
const stored = roster(2);
const control = new Control({
  storage: { load: () => stored, commit: () => 'conflict' },
  validator: { validate: () => undefined },
});
const context = { organization: 'acme', actor: 'bench', now };
const samples = [];
for (let sample = -12; sample < 60; sample++) {
  const calls = 2_000;
  const began = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) {
    const { ok } = await control.resolve(request, context);
    if (!ok) throw new Error('`resolve` measures a refusal');
  }
  const took = Number(process.hrtime.bigint() - began) / calls;
  if (sample >= 0) samples.push(took);
}
report('resolve', samples);
