// The planner and prepared rosters, as a user of the package sees them. What they decide is tested by
// the vectors and the differential test (`tests/`).

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { InvalidInputError, Roster, defaultPolicy, emptyRoster, planner } from 'backstop';

import { backend, context, creation, down, roster } from './support/data.mjs';

/** The plain and the prepared roster give this answer. */
function selects(given, request, now, expected) {
  assert.deepEqual(planner.select(given, request, now), expected);
  assert.deepEqual(planner.select(new Roster(given), request, now), expected);
  assert.deepEqual(new Roster(given).select(request, now), expected);
}

const primary = { id: 'a', name: 'primary' };
const spare = { id: 'b', name: 'spare' };
const both = (first, second) => [
  { position: { type: 'default' }, backend: primary, verdict: first },
  { position: { type: 'fallback', place: 1 }, backend: spare, verdict: second },
];

test('the default is used while it is fit', () => {
  selects(roster(), {}, 1_000, {
    ok: true,
    value: {
      backend: primary,
      generation: 1,
      position: { type: 'default' },
      degraded: false,
      revision: 3,
      trace: both({ type: 'selected' }, { type: 'not-reached' }),
    },
  });
});

test('the fallback takes over with the number of its own credentials', () => {
  const backends = [backend('a', 'primary', { health: down() }), backend('b', 'spare', { generation: 7 })];
  selects(roster({ backends }), { size: 5 }, 1_000, {
    ok: true,
    value: {
      backend: spare,
      generation: 7,
      position: { type: 'fallback', place: 1 },
      degraded: true,
      revision: 3,
      trace: both({ type: 'invalid', class: 'timeout' }, { type: 'selected' }),
    },
  });
});

test('a refusal is an answer', () => {
  selects(emptyRoster(), {}, 0, {
    ok: false,
    error: {
      reason: { type: 'required' },
      revision: 0,
      trace: [{ position: { type: 'default' }, backend: null, verdict: { type: 'vacant' } }],
    },
  });
  selects(roster(), { size: 200_000_000 }, 1_000, {
    ok: false,
    error: {
      reason: { type: 'too-large', limit: 104_857_600 },
      revision: 3,
      trace: both({ type: 'too-large', limit: 104_857_600 }, { type: 'too-large', limit: 104_857_600 }),
    },
  });
  const backends = [backend('a', 'primary', { health: down() }), backend('b', 'spare', { mode: 'drain' })];
  selects(roster({ backends }), {}, 2_000, {
    ok: false,
    error: {
      reason: { type: 'unavailable', retryAt: 6_000 },
      revision: 3,
      trace: both({ type: 'invalid', class: 'timeout' }, { type: 'drained' }),
    },
  });
});

test('every case of a position and a verdict has its name', () => {
  const policy = { ...defaultPolicy(), holdDown: 5_000, tail: ['managed', 'inline'] };
  const recovering = { ...backend('a', 'x').health, since: 900 };
  const backends = [
    backend('a', 'primary', { mode: 'maintenance' }),
    backend('b', 'spare', { health: recovering }),
    backend('m', 'managed', { kind: 'managed', health: { ...down(), failure: null } }),
    backend('i', 'default-inline', { kind: 'inline', maxBlobBytes: 512_000 }),
  ];
  const answer = planner.select(roster({ policy, backends }), {}, 1_000);
  assert.deepEqual(
    answer.value.trace.map(({ position, verdict }) => [position.type, verdict]),
    [
      ['default', { type: 'maintenance' }],
      ['fallback', { type: 'recovering', until: 5_900 }],
      ['managed', { type: 'invalid', class: null }],
      ['inline', { type: 'selected' }],
    ],
  );
  const last = { ...defaultPolicy(), lastResort: 'least-bad' };
  const broken = [backend('a', 'primary', { health: down() })];
  const resort = planner.select(roster({ policy: last, backends: broken, fallbacks: [] }), {}, 1_000);
  assert.deepEqual(resort.value.trace[0].verdict, { type: 'last-resort' });
});

test('of two backends with one id, the one that is meant is named', () => {
  const twins = [backend('a', 'zulu'), backend('a', 'alpha', { generation: 9 }), backend('b', 'spare')];
  for (const backends of [twins, twins.toReversed()]) {
    const { value } = planner.select(roster({ backends }), {}, 1_000);
    assert.deepEqual([value.backend.name, value.generation], ['alpha', 9]);
  }
});

test('text of every kind goes in and comes out as it is', () => {
  const texts = ['', 'plain', 'grün', '漢字', '👩‍🚀', '\u0000\u001f"\\', '\u2028', 'x'.repeat(5_000)];
  for (const text of texts) {
    const given = roster({ backends: [backend('a', 'primary', { description: text })], fallbacks: [] });
    assert.equal(new Roster(given).data.backends[0].description, text);
    assert.deepEqual(new Roster(given).data, given);
  }
});

test('a plan leads where its change-set leads', () => {
  const command = { type: 'create', create: creation('c', 'third', { fallback: true }) };
  const plan = planner.plan(roster(), command, context());
  assert.ok(plan.ok);
  const { changeSet, roster: after } = plan.value;
  assert.deepEqual(changeSet.changes.map(({ type }) => type), ['create-backend', 'set-roles']);
  assert.deepEqual(changeSet.events.map(({ kind }) => kind.type), ['backend-created', 'fallbacks-changed']);
  assert.deepEqual(planner.apply(roster(), changeSet), after);
  const prepared = new Roster(roster()).apply(changeSet);
  assert.ok(prepared instanceof Roster);
  assert.deepEqual(prepared.data, after);
});

test('a command is refused with every code that applies', () => {
  const create = creation('a', 'primary', { maxBlobBytes: 1, default: true, fallback: true });
  assert.deepEqual(planner.plan(roster(), { type: 'create', create }, context()), {
    ok: false,
    error: ['id-taken', 'limit-too-small', 'name-taken', 'role-conflict'],
  });
  const seen = context({ seen: 2 });
  assert.deepEqual(planner.plan(roster(), { type: 'delete', backend: 'a' }, seen), {
    ok: false,
    error: ['conflict'],
  });
});

test('the smaller questions are answered', () => {
  assert.deepEqual(planner.check(roster({ default: 'z', fallbacks: ['b', 'b'] })), [
    'chain-full',
    'role-duplicate',
    'role-unknown',
  ]);
  // Both are overdue, and the spread (DUE-3) makes it longer for `b`.
  assert.deepEqual(planner.due(roster(), 1e12), ['b', 'a']);
  assert.equal(planner.nextDue(roster(), 'nobody', 0), null);
  assert.equal(typeof planner.nextDue(roster(), 'a', 1_000), 'number');
  assert.deepEqual(planner.routeRead(roster(), ['b', 'gone'], 1_000), [
    { backend: 'b', reason: 'copy' },
    { backend: 'gone', reason: 'unlisted' },
    { backend: 'a', reason: 'write-target' },
  ]);
  const failure = { class: 'auth', message: 'no' };
  const observation = {
    backend: 'a',
    generation: 1,
    finishedAt: 2_000,
    outcome: { type: 'failed', failure },
  };
  const observed = planner.observe(roster(), observation, context({ now: 2_000 }));
  assert.ok(observed.applied);
  assert.deepEqual(observed.plan.roster.backends.find(({ id }) => id === 'a').health.failure, failure);
  const founded = planner.createOrganization('i', context());
  assert.equal(founded.value.roster.default, 'i');
  assert.deepEqual(planner.createOrganization('', context()), { ok: false, error: ['id-invalid'] });
});

test('a prepared roster is a copy', () => {
  const given = roster();
  const prepared = new Roster(given);
  given.backends[0].name = 'renamed';
  given.default = null;
  assert.equal(prepared.select({}, 1_000).value.backend.name, 'primary');
  assert.equal(prepared.revision, 3);
  assert.deepEqual(JSON.parse(JSON.stringify(prepared)), roster());
  prepared.data.default = null;
  assert.equal(prepared.data.default, 'a');
});

/** Returns the roster with a getter for a field of its backend `a`, which counts its calls. */
function withGetter(field, get) {
  const first = Object.defineProperty(backend('a', 'primary'), field, { enumerable: true, get });
  return roster({ backends: [first, backend('b', 'spare')] });
}

test('each field is read once, and what a getter does in between changes no answer', () => {
  let reads = 0;
  const get = () => {
    assert.equal(++reads, 1);
    assert.equal(planner.select(roster({ default: 'b', fallbacks: [] }), {}, 0).value.backend.id, 'b');
    return 'primary';
  };
  for (const select of [planner.select, (given, ...more) => new Roster(given).select(...more)]) {
    reads = 0;
    assert.deepEqual(select(withGetter('name', get), {}, 1_000), planner.select(roster(), {}, 1_000));
  }
});

test('what a getter throws reaches the caller as it is', () => {
  const mine = new Error('mine');
  const given = withGetter('name', () => {
    throw mine;
  });
  for (const call of [() => planner.select(given, {}, 0), () => new Roster(given)]) {
    assert.throws(call, (error) => error === mine);
  }
});

test('a prepared roster that a getter frees is refused', () => {
  const prepared = new Roster(roster());
  const command = {
    get type() {
      prepared.free();
      return 'delete';
    },
    backend: 'a',
  };
  assert.throws(() => planner.plan(prepared, command, context()), InvalidInputError);
});

test('a derived class may lead back to the planner', () => {
  class Counting extends Roster {
    count = 0;
    select(request, now) {
      this.count++;
      return planner.select(this, request, now);
    }
  }
  const counting = new Counting(roster());
  assert.ok(counting.select({}, 1_000).ok);
  assert.equal(counting.count, 1);
});

test('a prepared roster that was freed is refused everywhere', () => {
  const prepared = new Roster(roster());
  const copy = new Roster(prepared);
  prepared.free();
  prepared.free();
  const calls = [
    () => prepared.select({}, 0),
    () => prepared.data,
    () => prepared.check(),
    () => planner.due(prepared, 0),
    () => new Roster(prepared),
  ];
  for (const call of calls) {
    assert.throws(call, (error) => error instanceof InvalidInputError && /was freed/.test(error.message));
  }
  assert.ok(copy.select({}, 1_000).ok);
});

test('a prepared roster is prepared for one engine and known to all', async () => {
  const { instantiate } = await import('backstop/core');
  const { moduleBytes } = await import('./support/module.mjs');
  const other = instantiate(new WebAssembly.Module(moduleBytes()));
  const prepared = new Roster(roster());
  assert.deepEqual(other.planner.check(prepared), []);
  assert.ok(other.planner.select(prepared, {}, 1_000).ok);
  assert.deepEqual(new other.Roster(prepared).data, roster());
});

test('answers do not share anything with each other', () => {
  const first = planner.select(roster(), {}, 1_000);
  first.value.trace[0].backend.name = 'mine';
  first.value.position.type = 'mine';
  const second = planner.select(roster(), {}, 1_000);
  assert.equal(second.value.trace[0].backend.name, 'primary');
  assert.equal(second.value.position.type, 'default');
});
