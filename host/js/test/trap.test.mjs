// A trap is an error of its own call. The modules here have one function that traps as soon as it is
// called, which the shipped one has not.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PolicyTrapError, instantiate } from 'backstop/core';

import { context, creation, roster, well } from './support/data.mjs';
import { moduleBytes, trapping } from './support/module.mjs';

/** Returns the package over a module in which a function traps, and how many instances it made. */
function over(name) {
  const module = new WebAssembly.Module(trapping(moduleBytes(), name));
  const instances = [];
  const { Instance } = WebAssembly;
  const api = instantiate(module);
  const counted = (run) => {
    WebAssembly.Instance = class extends Instance {
      constructor(...given) {
        super(...given);
        instances.push(this);
      }
    };
    try {
      return run();
    } finally {
      WebAssembly.Instance = Instance;
    }
  };
  return { api, instances, counted };
}

function traps(call) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof PolicyTrapError);
    assert.equal(error.code, 'policy-trap');
    assert.ok(error.cause instanceof WebAssembly.RuntimeError);
    return true;
  });
}

test('a trap is an error of its own call, and its instance is never entered again', () => {
  const { api, instances, counted } = over('check');
  counted(() => {
    const prepared = new api.Roster(roster());
    const before = prepared.select({}, 1_000);
    assert.equal(instances.length, 1);
    for (let i = 1; i <= 3; i++) {
      traps(() => api.planner.check(roster()));
      traps(() => prepared.check());
      // What is asked next is answered by another instance, which lasts until the next trap.
      assert.deepEqual(prepared.select({}, 1_000), before);
      assert.deepEqual(prepared.data, roster());
      assert.deepEqual(api.planner.select(roster(), {}, 1_000), before);
      assert.equal(instances.length, 1 + 2 * i);
    }
    prepared.free();
  });
});

test('use cases that wait go on after the trap of another call', async () => {
  const { api } = over('check');
  const memory = new api.MemoryStorage({ acme: roster() });
  const waiting = [];
  const later = (method) => (...given) =>
    new Promise((resolve) => waiting.push(() => resolve(memory[method](...given))));
  const storage = { load: later('load'), commit: later('commit') };
  const validator = { validate: async () => well.validate() };
  const control = new api.Control({ storage, validator });
  const running = Promise.all([
    control.create(creation('c', 'third'), context()),
    control.resolve({}, context()),
    control.update({ backend: 'b', description: 'new' }, context({ organization: 'acme' })),
  ]);
  let isDone = false;
  running.finally(() => (isDone = true));
  while (!isDone) {
    traps(() => api.planner.check(roster()));
    waiting.shift()?.();
    await new Promise(setImmediate);
  }
  const [created, resolved, updated] = await running;
  assert.ok(created.ok && updated.ok);
  assert.equal(resolved.value.answer.value.backend.id, 'a');
  assert.equal(memory.load('acme').revision, 5);
});

test('a thousand use cases go on though their storage and validator make the policy trap', async () => {
  const { api } = over('check');
  const memory = new api.MemoryStorage();
  const asked = { load: 0, commit: 0, validate: 0 };
  let n = 0;
  // Traps, and answers now or later.
  const trapped = (method, answer) => (...given) => {
    asked[method]++;
    traps(() => api.planner.check(roster()));
    const value = answer(...given);
    return n++ % 2 === 0 ? value : Promise.resolve(value);
  };
  const control = new api.Control({
    storage: {
      load: trapped('load', (organization) => memory.load(organization)),
      commit: trapped('commit', (...given) => memory.commit(...given)),
    },
    validator: { validate: trapped('validate', well.validate) },
  });
  const organizations = Array.from({ length: 500 }, (_, i) => `org-${i}`);
  await Promise.all(
    organizations.map(async (organization) => {
      const here = context({ organization });
      assert.ok((await control.createOrganization('i', here)).ok);
      assert.ok((await control.create(creation('a', 'primary', { default: true }), here)).ok);
      assert.equal(memory.load(organization).default, 'a');
    }),
  );
  assert.deepEqual([asked.commit, asked.validate], [1_000, 500]);
});

test('a use case that traps is rejected, and stores nothing', async () => {
  const { api } = over('step');
  const storage = new api.MemoryStorage({ acme: roster() });
  const control = new api.Control({ storage, validator: well });
  for (let i = 0; i < 3; i++) {
    await assert.rejects(control.delete('a', context()), (error) => error instanceof PolicyTrapError);
    assert.deepEqual(api.planner.check(roster()), []);
  }
  assert.equal(storage.load('acme').revision, 3);
});

test('a roster that traps when it is prepared does so each time', () => {
  const { api } = over('prepare');
  const prepared = new api.Roster(roster());
  for (let i = 0; i < 3; i++) {
    traps(() => prepared.select({}, 0));
    assert.ok(api.planner.select(roster(), {}, 1_000).ok);
  }
  prepared.free();
});

test('a call from the very end of the stack is an error of that call', () => {
  const { api } = over('check');
  const given = roster();
  const deeper = () => {
    try {
      deeper();
    } catch {
      // At this depth or some frames up the policy has no stack left, and says so or answers.
    }
    return api.planner.select(given, {}, 1_000);
  };
  try {
    deeper();
  } catch (error) {
    assert.ok(error instanceof RangeError || error instanceof PolicyTrapError, error.stack);
  }
  assert.ok(api.planner.select(given, {}, 1_000).ok);
});
