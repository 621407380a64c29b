// Those who ask for the same at the same time share one probe (RES-2).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as soon, setTimeout as sleep } from 'node:timers/promises';

import { AbortedError, Control, MemoryStorage } from 'backstop';

import { backend, context, creation, down, roster, well } from './support/data.mjs';

const OK = { type: 'ok' };
const AT = 60_000;

/** A roster whose only candidate is down, and has cooled down at 60,000 ms. */
function broken(fields = {}) {
  return roster({ backends: [backend('a', 'primary', { health: down() })], fallbacks: [], ...fields });
}

/** Returns a control over a validator that answers when `answer` is called, and what it was asked. */
function scripted(options = {}) {
  const calls = [];
  const validator = {
    validate: (organization, id, generation, { signal }) =>
      new Promise((resolve, reject) => {
        const answer = (outcome = OK) => resolve({ outcome, finishedAt: AT });
        calls.push({ asked: `${organization} ${id} ${generation}`, signal, answer, resolve, reject });
      }),
  };
  const memory = new MemoryStorage({ acme: broken(), other: broken() });
  const told = [];
  const onValidatorError = (error) => told.push(error.message);
  const control = new Control({ storage: memory, validator, pause: 0, onValidatorError, ...options });
  return { control, calls, memory, told };
}

function resolve(control, options, organization = 'acme') {
  return control.resolve({}, context({ organization, now: AT }), options);
}

const ENDS = [
  ['answers well', (call) => call.answer(), 'selected', []],
  ['finds it down', (call) => call.answer({ type: 'failed', failure: { class: 'server', message: '' } }), 'unavailable', []],
  ['answers another shape', (call) => call.resolve('ok'), 'unavailable', ['`validate()` must be an object, found a text']],
  ['rejects', (call) => call.reject(new Error('secret')), 'unavailable', ['secret']],
];

for (const [what, end, want, errors] of ENDS) {
  test(`many who resolve wait for one probe that ${what}, and one is told of its error`, async () => {
    const { control, calls, told } = scripted();
    const all = Array.from({ length: 50 }, () => resolve(control));
    await soon();
    assert.equal(calls.length, 1);
    end(calls[0]);
    for (const { value } of await Promise.all(all)) {
      assert.equal(value.answer.ok ? 'selected' : value.answer.error.reason.type, want);
    }
    assert.equal(calls.length, 1);
    assert.deepEqual(told, errors);
  });
}

test('who validates shares the probe of who resolves', async () => {
  const { control, calls } = scripted();
  const both = Promise.all([resolve(control), control.validate('a', context({ now: AT }))]);
  await soon();
  assert.deepEqual(calls.map(({ asked }) => asked), ['acme a 1']);
  calls[0].answer();
  const [resolved, validated] = await both;
  assert.ok(resolved.value.answer.ok);
  assert.deepEqual(validated.value.probe, { outcome: OK, finishedAt: AT });
});

test('who asks for something else, or later, does not share', async () => {
  const { control, calls, memory } = scripted();
  const first = [resolve(control), resolve(control, {}, 'other')];
  await soon();
  const rotation = new Control({ storage: memory, validator: well });
  assert.ok((await rotation.update({ backend: 'a', rotate: true }, context({ now: AT }))).ok);
  const rotated = control.validate('a', context({ now: AT }));
  await soon();
  assert.deepEqual(calls.map(({ asked }) => asked), ['acme a 1', 'other a 1', 'acme a 2']);
  for (const { answer } of calls) answer();
  await Promise.all([...first, rotated]);
  const later = control.validate('a', context({ now: AT }));
  await soon();
  assert.equal(calls.length, 4);
  calls[3].answer();
  assert.ok((await later).ok);
});

test('those who create do not share: what is not stored yet may differ', async () => {
  const { control, calls } = scripted();
  const both = ['one', 'two'].map((name) => control.create(creation('c', name), context({ now: AT })));
  await soon();
  assert.deepEqual(calls.map(({ asked }) => asked), ['acme c 1', 'acme c 1']);
  for (const { answer } of calls) answer();
  await Promise.all(both);
});

test('who leaves takes no other along, and the last one who leaves stops the probe', async () => {
  const { control, calls, told } = scripted();
  const leaving = [new AbortController(), new AbortController()];
  const left = leaving.map(({ signal }) => assert.rejects(resolve(control, { signal }), AbortedError));
  const staying = resolve(control);
  await soon();
  leaving[0].abort();
  leaving[1].abort();
  await Promise.all(left);
  assert.equal(calls[0].signal.aborted, false);
  calls[0].answer();
  assert.ok((await staying).value.answer.ok);

  const last = new AbortController();
  const gone = assert.rejects(control.validate('a', context({ now: AT }), { signal: last.signal }), AbortedError);
  await soon();
  last.abort('enough');
  await gone;
  assert.equal(calls[1].signal.reason, 'enough');
  // What nobody waits for is not waited for by who comes after.
  const next = control.validate('a', context({ now: AT }));
  await soon();
  assert.equal(calls.length, 3);
  calls[1].reject(new Error('too late to be told'));
  calls[2].answer();
  assert.ok((await next).ok);
  assert.deepEqual(told, []);
});

test('a validator that aborts the call which asked for it is told to stop', async () => {
  const controller = new AbortController();
  const signals = [];
  const validate = (_organization, _backend, _generation, { signal }) => {
    signals.push(signal);
    controller.abort();
    return new Promise(() => undefined);
  };
  const { memory } = scripted();
  const control = new Control({ storage: memory, validator: { validate } });
  await assert.rejects(resolve(control, { signal: controller.signal }), AbortedError);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true]);
});

test('a probe that does not end in time is the outcome timeout for all who wait', async () => {
  const { control, calls } = scripted({ probeTimeout: 20 });
  const all = await Promise.all([1, 2, 3].map(() => control.validate('a', context({ now: AT }))));
  assert.deepEqual(all.map(({ value }) => value.probe.outcome.failure.class), ['timeout', 'timeout', 'timeout']);
  assert.equal(calls.length, 1);
  assert.match(calls[0].signal.reason.message, /did not answer `validate` within 20 ms/);
});

const FAILURES = [
  ['does not end in time', 'timeout', () => undefined],
  ['rejects', 'internal', (call) => call.reject(new Error('secret'))],
];

for (const [what, failureClass, end] of FAILURES) {
  test(`a probe that ${what} counts once, however many wait for it and whenever they asked`, async () => {
    const { control, calls, memory } = scripted({ probeTimeout: 20 });
    const all = [0, 5, 10].map((later) => control.validate('a', context({ now: AT + later })));
    await soon();
    end(calls[0]);
    const values = (await Promise.all(all)).map(({ value }) => value);
    assert.deepEqual(values.map(({ probe }) => probe.outcome.failure.class), Array(3).fill(failureClass));
    assert.deepEqual(values.map(({ applied }) => applied), [true, false, false]);
    assert.equal(memory.load('acme').revision, broken().revision + 1);
  });
}

test('a storage that is slow takes no time away from the probes', async () => {
  const { memory } = scripted();
  const storage = {
    load: async (organization) => {
      await sleep(30);
      return memory.load(organization);
    },
    commit: (...asked) => memory.commit(...asked),
  };
  const validator = { validate: () => ({ outcome: OK, finishedAt: AT }) };
  const control = new Control({ storage, validator, probeTimeout: 10, resolveTimeout: 10 });
  assert.ok((await resolve(control)).value.answer.ok);
});

test('the probes of a resolution end within a total deadline, and those left blame nobody', async () => {
  const chain = Array.from({ length: 17 }, (_, i) => backend(`id-${i}`, `n-${i}`, { health: down() }));
  const [first, ...others] = chain.map(({ id }) => id);
  const policy = { ...roster().policy, maxFallbacks: 16 };
  const stored = roster({ default: first, fallbacks: others, backends: chain, route: null, policy });
  const memory = new MemoryStorage({ acme: stored });
  let asked = 0;
  const validate = () => {
    asked++;
    return new Promise(() => undefined);
  };
  const control = new Control({ storage: memory, validator: { validate }, probeTimeout: 20, resolveTimeout: 50 });
  const { value } = await resolve(control);
  assert.equal(value.answer.error.reason.type, 'unavailable');
  // Two that hang leave too little for a third; timers may be a little early.
  assert.ok(asked <= 3, `${asked} were asked`);
  const { health } = memory.load('acme').backends.at(-1);
  assert.deepEqual([health.failures, health.failure.class, health.excuse], [1, 'timeout', 'internal']);
});

test('who waits for the probe of another has a deadline of their own', async () => {
  const { control, calls } = scripted({ probeTimeout: null, resolveTimeout: 20 });
  const patient = control.validate('a', context({ now: AT }));
  await soon();
  const { value } = await resolve(control);
  assert.equal(value.answer.error.reason.type, 'unavailable');
  assert.equal(calls.length, 1);
  assert.equal(calls[0].signal.aborted, false);
  calls[0].answer();
  assert.ok((await patient).value.applied);
});

test('a resolution that has no more time leaves its probe to who joined it, and blames nobody', async () => {
  const { control, calls, memory } = scripted({ probeTimeout: null, resolveTimeout: 20 });
  const hurried = resolve(control);
  const patient = control.validate('a', context({ now: AT }));
  assert.equal((await hurried).value.answer.error.reason.type, 'unavailable');
  const { failures, excuse } = memory.load('acme').backends[0].health;
  assert.deepEqual([failures, excuse], [1, 'internal']);
  assert.equal(calls.length, 1);
  assert.equal(calls[0].signal.aborted, false);
  calls[0].resolve({ outcome: OK, finishedAt: AT + 1_000_000 });
  assert.ok((await patient).value.applied);
});
