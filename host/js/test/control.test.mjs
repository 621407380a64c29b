// The use cases over storages and validators that behave, and over those that do not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';

import {
  AbortedError,
  BackstopError,
  Control,
  MemoryStorage,
  Roster,
  StorageError,
  StorageShapeError,
  TimeoutError,
} from 'backstop';

import { backend, context, creation, down, roster, well } from './support/data.mjs';

const never = () => new Promise(() => undefined);

/** Returns a storage with the methods of a memory, but for those given. */
function storageWith(methods, memory = new MemoryStorage({ acme: roster() })) {
  return {
    load: (...given) => memory.load(...given),
    commit: (...given) => memory.commit(...given),
    ...methods,
  };
}

function controlOver(methods, options = {}) {
  return new Control({ storage: storageWith(methods), validator: well, pause: 0, ...options });
}

/** The call fails with an error of the class, the code and what else is given. */
async function fails(call, errorClass, expected) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof errorClass, error.stack);
    assert.ok(error instanceof BackstopError);
    assert.equal(error.name, errorClass.name);
    for (const [field, value] of Object.entries(expected)) assert.equal(error[field], value, field);
    assert.doesNotMatch(error.message, /\n|\.$/);
    return true;
  });
}

const update = (control, options) =>
  control.update({ backend: 'a', description: 'new' }, context(), options);

// ---- Storages that misbehave ----

for (const [how, fail] of [
  ['throws', (cause) => () => { throw cause; }],
  ['rejects', (cause) => () => Promise.reject(cause)],
]) {
  test(`a storage that ${how} is a failure with its cause`, async () => {
    const cause = new Error('password=hunter2');
    const load = controlOver({ load: fail(cause) });
    await fails(() => update(load), StorageError, { code: 'storage-failed', cause, uncertain: false });
    await fails(() => load.resolve({}, context()), StorageError, { cause });
    const commit = controlOver({ commit: fail(cause) });
    await fails(() => update(commit), StorageError, { cause, uncertain: true });
    await assert.rejects(() => update(commit), (error) => !error.message.includes('hunter2'));
    await fails(() => update(controlOver({ load: fail('plain') })), StorageError, { cause: 'plain' });
  });
}

const LOADS = [
  ['undefined', undefined, 'load()'],
  ['a text', 'roster', 'load()'],
  ['a list', [roster()], 'load()'],
  ['an empty object', {}, 'load().revision'],
  ['numbers as texts', { ...roster(), revision: '3' }, 'load().revision'],
  ['a column more', { ...roster(), id: 'acme' }, 'load().id'],
  [
    'a health that was not parsed',
    roster({ backends: [backend('a', 'primary'), backend('b', 'spare', { health: '{}' })] }),
    'load().backends[1].health',
  ],
];

for (const [what, loaded, path] of LOADS) {
  test(`a storage that loads ${what} is told so`, async () => {
    for (const load of [() => loaded, async () => loaded]) {
      const expected = { code: 'storage-shape', path, uncertain: false };
      await fails(() => update(controlOver({ load })), StorageShapeError, expected);
    }
  });
}

for (const answer of [undefined, null, true, 4, 'commited', {}, new Error('x')]) {
  test(`a storage that answers a commit with ${answer} is told so`, async () => {
    for (const commit of [() => answer, async () => answer]) {
      const expected = { code: 'storage-shape', path: 'commit()', uncertain: true };
      await fails(() => update(controlOver({ commit })), StorageShapeError, expected);
    }
  });
}

test('a storage that returns a roster that was freed is told so', async () => {
  const freed = new Roster(roster());
  freed.free();
  await fails(() => update(controlOver({ load: () => freed })), StorageShapeError, { path: 'load()' });
});

test('a storage that never settles is a timeout', async () => {
  const timeout = 5;
  const load = controlOver({ load: never }, { timeout });
  await fails(() => update(load), TimeoutError, { code: 'storage-timeout', uncertain: false });
  const commit = controlOver({ commit: never }, { timeout });
  await fails(() => update(commit), TimeoutError, { uncertain: true });
  await assert.rejects(() => update(commit), /within 5 ms; it is unknown whether/);
});

test('what a storage does after its time is up is of no account', async () => {
  const signals = [];
  const late = (settle) => (_organization, { signal }) => {
    signals.push(signal);
    return after(10).then(settle);
  };
  for (const settle of [() => roster(), () => Promise.reject(new Error('late'))]) {
    await fails(() => update(controlOver({ load: late(settle) }, { timeout: 1 })), TimeoutError, {});
  }
  assert.ok(signals.every(({ aborted, reason }) => aborted && reason instanceof TimeoutError));
  await after(20);
});

test('a thenable that cannot be asked is a failure of the storage', async () => {
  const cause = new Error('no then');
  const load = () => ({
    get then() {
      throw cause;
    },
  });
  await fails(() => update(controlOver({ load })), StorageError, { cause });
});

test('a promise with a `then` of its own is asked once, and cannot throw into the call', async () => {
  const withThen = (then) => Object.assign(Promise.resolve(), { then });
  const twice = withThen((resolve, reject) => {
    resolve(roster());
    resolve(null);
    reject(new Error('too late'));
  });
  assert.ok((await update(controlOver({ load: () => twice }))).ok);
  const cause = new Error('no then');
  const load = () =>
    withThen(() => {
      throw cause;
    });
  await fails(() => update(controlOver({ load })), StorageError, { cause });
});

test('a roster whose fields are read from the storage, and fail, is a failure of it', async () => {
  const cause = new Error('connection lost');
  const lazy = () => ({
    ...roster(),
    backends: [Object.defineProperty({}, 'id', { enumerable: true, get: () => { throw cause; } })],
  });
  for (const load of [lazy, async () => lazy()]) {
    await fails(() => update(controlOver({ load })), StorageError, { cause, uncertain: false });
  }
});

// ---- Aborts ----

test('a call that is aborted before it begins asks nothing', async () => {
  const reason = new Error('gone');
  const load = () => assert.fail('the storage was asked');
  const signal = AbortSignal.abort(reason);
  const expected = { code: 'aborted', cause: reason, uncertain: false };
  await fails(() => update(controlOver({ load }), { signal }), AbortedError, expected);
});

test('a call that is aborted while it waits ends, and tells whom it waits for', async () => {
  for (const [method, uncertain] of [['load', false], ['commit', true]]) {
    const gone = new AbortController();
    let told;
    const wait = (...given) => {
      told = given.at(-1).signal;
      return never();
    };
    const running = update(controlOver({ [method]: wait }), { signal: gone.signal });
    gone.abort('gone');
    await fails(() => running, AbortedError, { cause: 'gone', uncertain });
    assert.ok(told.aborted);
  }
});

test('a call that the storage aborts while it is asked ends', async () => {
  for (const [method, uncertain] of [['load', false], ['commit', true]]) {
    const gone = new AbortController();
    const abort = () => {
      gone.abort('gone');
      return never();
    };
    const control = controlOver({ [method]: abort }, { timeout: null });
    const signal = gone.signal;
    await fails(() => update(control, { signal }), AbortedError, { cause: 'gone', uncertain });
  }
});

test('a call that is aborted in the pause after a conflict does not wait for its end', async () => {
  const gone = new AbortController();
  const commit = () => {
    setTimeout(() => gone.abort('gone'), 1);
    return 'conflict';
  };
  // A pause that nobody would wait for.
  const control = controlOver({ commit }, { pause: 2_147_483_647 });
  const { signal } = gone;
  await fails(() => update(control, { signal }), AbortedError, { cause: 'gone', uncertain: false });
});

test('many calls share a signal, and Node finds nothing to warn of', async () => {
  const warned = [];
  const warn = (warning) => warned.push(warning.message);
  process.on('warning', warn);
  const gone = new AbortController();
  const control = controlOver({ load: never }, { timeout: null });
  const running = Array.from({ length: 50 }, () => update(control, { signal: gone.signal }));
  gone.abort('gone');
  for (const call of running) await fails(() => call, AbortedError, { cause: 'gone' });
  await after(1);
  process.off('warning', warn);
  assert.deepEqual(warned, []);
});

test('a probe that is aborted ends the call', async () => {
  const gone = new AbortController();
  const control = controlOver({}, { validator: { validate: never } });
  const running = control.validate('a', context(), { signal: gone.signal });
  gone.abort();
  await fails(() => running, AbortedError, { uncertain: false });
});

// ---- Validators that misbehave ----

const VALIDATORS = [
  ['throws', () => { throw new Error('secret'); }],
  ['rejects', () => Promise.reject(new Error('secret'))],
  ['returns nothing', () => undefined],
  ['returns another shape', () => ({ outcome: 'ok', finishedAt: 1_000 })],
  ['returns an unknown class', () => ({ outcome: { type: 'failed', failure: { class: 'x', message: '' } }, finishedAt: 1 })],
  ['resolves with a text', async () => 'ok'],
];

for (const [what, validate] of VALIDATORS) {
  test(`a validator that ${what} says nothing about the backend`, async () => {
    const told = [];
    const onValidatorError = (error, probe) => {
      told.push([error instanceof Error, probe]);
      throw new Error('ignored');
    };
    const control = controlOver({}, { validator: { validate }, onValidatorError });
    const { ok, value } = await control.validate('a', context({ now: 2_000 }));
    assert.ok(ok && value.applied);
    assert.deepEqual(value.probe.outcome, {
      type: 'failed',
      failure: { class: 'internal', message: 'the validator failed' },
    });
    const { health } = value.plan.roster.backends.find(({ id }) => id === 'a');
    assert.deepEqual([health.status, health.excuse], ['valid', 'internal']);
    assert.deepEqual(told, [[true, { organization: 'acme', backend: 'a' }]]);
  });
}

test('a validator that never settles is the outcome timeout', async () => {
  const control = controlOver({}, { validator: { validate: never }, probeTimeout: 5 });
  const { value } = await control.validate('a', context({ now: 2_000 }));
  assert.equal(value.probe.outcome.failure.class, 'timeout');
  assert.ok(value.probe.finishedAt >= 2_000);
  assert.equal(value.plan.roster.backends.find(({ id }) => id === 'a').health.failure.class, 'timeout');
});

test('nobody is told of what a validator does after its time is up', async () => {
  const reasons = [];
  const validate = (_organization, _backend, _generation, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason.message);
        reject(signal.reason);
      });
    });
  const onValidatorError = () => assert.fail('somebody was told');
  const control = controlOver({}, { validator: { validate }, probeTimeout: 1, onValidatorError });
  const { value } = await control.validate('a', context({ now: 2_000 }));
  assert.equal(value.probe.outcome.failure.class, 'timeout');
  await after(5);
  assert.deepEqual(reasons, ['the validator did not answer `validate` within 1 ms']);
});

test('a listener that rejects does not end the process', async () => {
  const validate = () => Promise.reject(new Error('secret'));
  const onValidatorError = () => Promise.reject(new Error('ignored'));
  const control = controlOver({}, { validator: { validate }, onValidatorError });
  assert.ok((await control.validate('a', context({ now: 2_000 }))).ok);
  // An unhandled rejection would be reported by now, and fail this test.
  await after(5);
});

// ---- Use cases ----

test('a failed probe stores nothing', async () => {
  const failure = { class: 'auth', message: 'wrong password' };
  const validate = () => ({ outcome: { type: 'failed', failure }, finishedAt: 1_000 });
  const commit = () => assert.fail('something was stored');
  const control = controlOver({ commit }, { validator: { validate } });
  assert.deepEqual(await control.create(creation('c', 'third'), context()), {
    ok: false,
    error: { codes: ['validation-failed'], failure },
  });
});

test('a refusal is an answer', async () => {
  const control = controlOver({ load: () => null });
  const unknown = { ok: false, error: { codes: ['organization-not-found'], failure: null } };
  assert.deepEqual(await control.resolve({}, context()), unknown);
  assert.deepEqual(await control.delete('a', context()), unknown);
  const taken = await controlOver({ commit: () => 'id-taken' }).create(creation('c', 'third'), context());
  assert.deepEqual(taken.error.codes, ['id-taken']);
});

test('a conflict is planned again on a fresh roster, eight times in all', async () => {
  let commits = 0;
  const conflicts = (most) => () => (++commits > most ? 'committed' : 'conflict');
  const seventh = await update(controlOver({ commit: conflicts(7) }));
  assert.ok(seventh.ok);
  assert.equal(commits, 8);
  commits = 0;
  const eighth = await update(controlOver({ commit: conflicts(8) }, { pause: 1 }));
  assert.deepEqual(eighth.error.codes, ['conflict']);
  assert.equal(commits, 8);
});

test('a resolution probes before it refuses, and stands though its commit fails', async () => {
  const stored = roster({ backends: [backend('a', 'primary', { health: down() })], fallbacks: [] });
  const memory = new MemoryStorage({ acme: stored });
  const validate = async () => ({ outcome: { type: 'ok' }, finishedAt: 60_000 });
  const rejects = { commit: () => Promise.reject(new Error('read-only')) };
  const answersAnything = { commit: () => 'done' };
  for (const methods of [rejects, answersAnything, {}]) {
    const control = new Control({ storage: storageWith(methods, memory), validator: { validate } });
    const { value } = await control.resolve({}, context({ now: 60_000 }));
    assert.equal(value.answer.value.backend.id, 'a');
    assert.equal(memory.load('acme').revision, methods.commit ? 3 : 4);
  }
});

test('a resolution asks the same once, however often it begins again', async () => {
  const chain = Array.from({ length: 17 }, (_, i) => backend(`id-${i}`, `n-${i}`, { health: down() }));
  const [first, ...others] = chain.map(({ id }) => id);
  const policy = { ...roster().policy, maxFallbacks: 16 };
  const stored = roster({ default: first, fallbacks: others, backends: chain, route: null, policy });
  const asked = { load: 0, commit: 0 };
  const probed = [];
  const memory = new MemoryStorage({ acme: stored });
  const storage = {
    load: async (organization) => {
      asked.load++;
      return memory.load(organization);
    },
    // Each observation is committed at the eighth attempt.
    commit: async (...given) => (++asked.commit % 8 === 0 ? memory.commit(...given) : 'conflict'),
  };
  const failure = { class: 'timeout', message: 'no answer' };
  const validate = async (_organization, id) => {
    probed.push(id);
    return { outcome: { type: 'failed', failure }, finishedAt: 60_000 + probed.length };
  };
  const control = new Control({ storage, validator: { validate }, pause: 0 });
  const { value } = await control.resolve({}, context({ now: 60_000 }));
  assert.equal(value.answer.error.reason.type, 'unavailable');
  assert.deepEqual(probed, [first, ...others]);
  assert.deepEqual(asked, { load: 1 + 7 * 17, commit: 8 * 17 });
  assert.equal(memory.load('acme').revision, 3 + 17);
});

test('what is asked of the storage is what was asked for, whatever a getter says later', async () => {
  let reads = 0;
  const asked = new Set();
  const methods = {
    load: (organization) => {
      asked.add(organization);
      return roster();
    },
    commit: (organization, _revision, { events }) => {
      for (const event of events) asked.add(event.organization);
      asked.add(organization);
      return 'committed';
    },
  };
  const changing = {
    ...context(),
    get organization() {
      return `org-${reads++}`;
    },
  };
  assert.ok((await controlOver(methods).update({ backend: 'a', description: 'new' }, changing)).ok);
  assert.deepEqual([...asked], ['org-0']);
});

test('storages and validators may be classes and return prepared rosters', async () => {
  class Shelf {
    #roster = new Roster(roster());
    async load(organization) {
      assert.equal(organization, 'acme');
      return this.#roster;
    }
    commit(_organization, expectedRevision, changeSet) {
      if (this.#roster.revision !== expectedRevision) return 'conflict';
      this.#roster = this.#roster.apply(changeSet);
      return 'committed';
    }
    validate(_organization, _backend, generation) {
      assert.equal(generation, 2);
      return { outcome: { type: 'ok' }, finishedAt: 1_500 };
    }
  }
  const shelf = new Shelf();
  const control = new Control({ storage: shelf, validator: shelf });
  const { value } = await control.update({ backend: 'a', rotate: true }, context({ by: 'platform' }));
  assert.equal(value.roster.backends.find(({ id }) => id === 'a').generation, 2);
});

test('a storage may run use cases while it is asked', async () => {
  const memory = new MemoryStorage({ acme: roster() });
  const inner = new Control({ storage: memory, validator: well });
  const load = async (organization) => {
    await inner.update({ backend: 'b', description: `seen ${Math.random()}` }, context());
    return memory.load(organization);
  };
  const outer = new Control({ storage: storageWith({ load }, memory), validator: well });
  assert.ok((await update(outer)).ok);
});

test('many use cases wait at once and none mixes with another', async () => {
  const organizations = Array.from({ length: 300 }, (_, i) => `org-${i}`);
  const memory = new MemoryStorage();
  const later = (method) => async (...given) => {
    await after(Math.random() * 5);
    return memory[method](...given);
  };
  const storage = { load: later('load'), commit: later('commit') };
  const control = new Control({ storage, validator: well });
  await Promise.all(
    organizations.map(async (organization) => {
      const here = context({ organization });
      assert.ok((await control.createOrganization(`i-${organization}`, here)).ok);
      assert.ok((await control.create(creation(`b-${organization}`, organization, { default: true }), here)).ok);
      const { value } = await control.resolve({}, here);
      assert.equal(value.answer.value.backend.name, organization);
      assert.ok(memory.events(organization).every((event) => event.organization === organization));
    }),
  );
});

// ---- The storage in memory ----

test('the storage in memory keeps what it read of a roster, also of fields that are inherited', () => {
  class Row {
    constructor(fields) {
      for (const [name, value] of Object.entries(fields)) {
        Object.defineProperty(this, name, { get: () => value });
      }
    }
  }
  assert.deepEqual(new MemoryStorage({ acme: new Row(roster()) }).load('acme'), roster());
});

test('the storage in memory compares revisions and keeps ids taken', async () => {
  const storage = new MemoryStorage();
  const control = new Control({ storage, validator: well, pause: 0 });
  assert.equal(storage.load('acme'), null);
  assert.ok((await control.createOrganization('i', context())).ok);
  assert.deepEqual((await control.createOrganization('j', context())).error.codes, ['organization-taken']);
  assert.ok((await control.create(creation('a', 'primary', { default: true }), context())).ok);
  const racing = [1, 2, 3].map((n) => control.update({ backend: 'a', description: `${n}` }, context()));
  assert.ok((await Promise.all(racing)).every(({ ok }) => ok));
  assert.ok((await control.delete('a', context())).ok);
  assert.deepEqual((await control.create(creation('a', 'again'), context())).error.codes, ['id-taken']);
  assert.equal(storage.load('acme').revision, 6);
  const revisions = storage.events('acme').map(({ revision }) => revision);
  assert.deepEqual(revisions, revisions.toSorted((a, b) => a - b));
  assert.deepEqual([...new Set(revisions)], [1, 2, 3, 4, 5, 6]);
  storage.load('acme').default = 'mine';
  assert.equal(storage.load('acme').default, 'i');
});
