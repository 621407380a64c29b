// Memory: once warm, an instance needs no more, however often it is asked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { context, creation, down, roster, well } from './support/data.mjs';

// Every instance that the package makes, so that its memory can be looked at.
const instances = [];
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    instances.push(this);
  }
};
const { instantiate } = await import('backstop/core');
const { moduleBytes } = await import('./support/module.mjs');
const { Control, MemoryStorage, Roster, planner } = instantiate(new WebAssembly.Module(moduleBytes()));

/** Asks so many times, and finds the memory as it was after a hundredth of them. */
async function stays(times, ask) {
  const size = () => instances.reduce((sum, { exports }) => sum + exports.memory.buffer.byteLength, 0);
  for (let i = 0; i < times / 100; i++) await ask(i);
  const before = size();
  assert.ok(before > 0);
  for (let i = 0; i < times; i++) await ask(i);
  assert.equal(size(), before);
  assert.equal(instances.length, 1);
}

test('a million selections on a prepared roster', async () => {
  const prepared = new Roster(roster());
  await stays(10_000, () => {
    for (let i = 0; i < 100; i++) prepared.select({ size: i }, 1_000 + i);
  });
});

test('a million selections on plain objects', async () => {
  const rosters = [roster(), roster({ revision: 4, backends: roster().backends.toReversed() })];
  await stays(10_000, (n) => {
    for (let i = 0; i < 100; i++) planner.select(rosters[n % 2], { size: i }, 1_000 + i);
  });
});

test('rosters that are prepared and freed, and plans', async () => {
  await stays(20_000, (i) => {
    const prepared = new Roster(roster({ revision: i + 1 }));
    assert.ok(prepared.plan({ type: 'create', create: creation('c', 'third') }, context()).ok);
    prepared.free();
  });
});

test('a hundred thousand use cases, that answer at once, later, or fail', async () => {
  const stored = roster({ backends: [{ ...roster().backends[0], health: down() }, roster().backends[1]] });
  const storage = new MemoryStorage({ acme: stored });
  const load = () => stored;
  const late = { load: async () => stored, commit: async () => 'conflict' };
  const broken = {
    load,
    commit() {
      throw new Error('broken');
    },
  };
  const controls = [{ load, commit: () => 'committed' }, late, broken, storage].map(
    (storage) => new Control({ storage, validator: well, pause: 0 }),
  );
  await stays(100_000, async (i) => {
    const control = controls[i % 4];
    if (i % 3 > 0) assert.ok((await control.resolve({ size: i }, context())).ok);
    else await control.validate('b', context({ now: 2_000 })).catch(({ code }) => assert.equal(code, 'storage-failed'));
  });
});

test('what an unusual call needed is given back, and nothing is lost', async () => {
  const prepared = new Roster(roster());
  assert.ok(prepared.select({}, 1_000).ok);
  const control = new Control({ storage: new MemoryStorage({ acme: roster() }), validator: well });
  const waiting = control.update({ backend: 'a', description: 'new' }, context());
  const before = instances.length;
  const [first, second] = roster().backends;
  const huge = roster({ backends: [{ ...first, description: 'x'.repeat(60_000_000) }, second] });
  assert.deepEqual(planner.check(huge), ['field-too-long']);
  assert.ok(prepared.select({}, 1_000).ok);
  assert.equal(instances.length, before + 1);
  assert.ok(instances.at(-1).exports.memory.buffer.byteLength < 10_000_000);
  assert.ok((await waiting).ok);
});

test('rosters that nobody frees are given back too', () => {
  const before = instances.length;
  const [first, second] = roster().backends;
  const large = roster({ backends: [{ ...first, description: 'x'.repeat(1_000_000) }, second] });
  const kept = Array.from({ length: 200 }, () => new Roster(large));
  for (const prepared of kept) assert.ok(prepared.select({}, 1_000).ok);
  assert.ok(instances.length > before + 1);
  assert.ok(instances.at(-1).exports.memory.buffer.byteLength < 100_000_000);
  assert.ok(kept.every((prepared) => prepared.select({}, 1_000).ok));
});
