// What goes in is checked before anything runs, and an error names the path.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Control, InvalidInputError, MemoryStorage, Roster, planner } from 'backstop';

import { backend, context, creation, health, roster, well } from './support/data.mjs';

/** The call is refused with an error of that path, whose message has these words. */
function refuses(call, path, words) {
  assert.throws(call, (error) => {
    assert.ok(error instanceof InvalidInputError, error.stack);
    assert.equal(error.code, 'invalid-input');
    assert.equal(error.path, path, error.message);
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /\n|\.$/);
    return true;
  });
}

function without(value, field) {
  const { [field]: _, ...rest } = value;
  return rest;
}

const withBackend = (fields) => roster({ backends: [backend('a', 'primary'), backend('b', 'spare', fields)] });
const withHealth = (fields) => withBackend({ health: health(fields) });
const withPolicy = (fields) => roster({ policy: { ...roster().policy, ...fields } });

/** Returns the value with one field inherited, and with others of its own. */
function inheriting(value, field, others) {
  return Object.assign(Object.create({ [field]: value[field] }), without(value, field), others);
}

const ROSTERS = [
  ['no object', null, 'roster', /must be an object, found `null`/],
  ['a text', 'acme', 'roster', /must be an object, found a text/],
  ['a map', new Map(Object.entries(roster())), 'roster', /must be an object with fields, found a collection/],
  ['an array', [], 'roster', /must be an object, found an array/],
  ['a missing field', without(roster(), 'policy'), 'roster.policy', /is missing; `roster` always has it/],
  ['a field that is undefined', roster({ route: undefined }), 'roster.route', /is missing/],
  ['an unknown field', { ...roster(), owner: 'x' }, 'roster.owner', /is no field of `roster`$/],
  [
    'a misspelled field',
    withBackend({ ...without(backend('b', 'spare'), 'maxBlobBytes'), health: undefined, helth: health() }),
    'roster.backends[1].helth',
    /is no field of `backend`, did you mean `health`\?/,
  ],
  [
    'a field as the contract spells it',
    roster({ policy: { ...without(roster().policy, 'holdDown'), 'hold-down': 0 } }),
    'roster.policy.hold-down',
    /did you mean `holdDown`\?/,
  ],
  ['a text for a number', roster({ revision: '3' }), 'roster.revision', /must be an integer from 0 to 9007199254740991, found `3`/],
  ['a fraction', roster({ revision: 1.5 }), 'roster.revision', /found `1.5`/],
  ['a negative number', roster({ revision: -1 }), 'roster.revision', /found `-1`/],
  ['no number', roster({ revision: NaN }), 'roster.revision', /found `NaN`/],
  ['an infinite number', roster({ revision: Infinity }), 'roster.revision', /found `Infinity`/],
  ['a big integer', roster({ revision: 3n }), 'roster.revision', /found a bigint/],
  ['more than 2^53 - 1', roster({ revision: 2 ** 53 }), 'roster.revision', /found `9007199254740992`/],
  ['more than 2^32 - 1', withHealth({ failures: 2 ** 32 }), 'roster.backends[1].health.failures', /from 0 to 4294967295/],
  ['a limit that no host holds', withBackend({ maxBlobBytes: 2 ** 64 }), 'roster.backends[1].maxBlobBytes', /must be an integer/],
  ['a number for a text', withBackend({ name: 7 }), 'roster.backends[1].name', /must be a text, found `7`/],
  ['null for a text', withBackend({ location: null }), 'roster.backends[1].location', /must be a text, found `null`/],
  ['half a pair', withBackend({ description: 'x\ud800' }), 'roster.backends[1].description', /unit 1 is half of a surrogate pair/],
  ['the other half', withBackend({ description: '\udc00' }), 'roster.backends[1].description', /unit 0 is half/],
  ['an unknown code', withBackend({ kind: 'externel' }), 'roster.backends[1].kind', /must be one of `external`, `inline`, `managed`, found `externel`/],
  ['a code of a prototype', withBackend({ mode: 'constructor' }), 'roster.backends[1].mode', /found `constructor`/],
  ['an object for a list', roster({ fallbacks: {} }), 'roster.fallbacks', /must be an array, found an object/],
  ['a hole in a list', roster({ fallbacks: ['b', , 'c'] }), 'roster.fallbacks[1]', /must be a text, found `undefined`/],
  ['null in a list', roster({ backends: [null] }), 'roster.backends[0]', /must be an object/],
  ['a failure of an unknown class', withHealth({ failure: { class: 'gremlins', message: '' } }), 'roster.backends[1].health.failure.class', /must be one of `auth`/],
  ['a tail of numbers', withPolicy({ tail: [0] }), 'roster.policy.tail[0]', /must be one of/],
  ['a code of two lines', withBackend({ kind: 'a\nb\u2028c' }), 'roster.backends[1].kind', /found `a\\u000ab\\u2028c`/],
  ['a field of two lines', { ...roster(), 'x\ny': 1 }, 'roster.x\ny', /`[\w.]+x\\u000ay` is no field/],
  ['a field of great length', { ...roster(), ['x'.repeat(500)]: 1 }, `roster.${'x'.repeat(100)}...`, /is no field/],
  ['a field of the prototype', JSON.parse(JSON.stringify(roster()).replace('{', '{"__proto__":{},')), 'roster.__proto__', /is no field/],
  ['an unknown field beside an inherited one', roster({ backends: [inheriting(backend('a', 'primary'), 'name', { nmae: 'x' })] }), 'roster.backends[0].nmae', /is no field of `backend`$/],
  ['a long secret', withBackend({ kind: 's'.repeat(100) }), 'roster.backends[1].kind', /found a long text/],
];

for (const [name, given, path, words] of ROSTERS) {
  test(`a roster with ${name} is refused`, () => {
    refuses(() => planner.select(given, {}, 0), path, words);
    refuses(() => planner.check(given), path, words);
    refuses(() => new Roster(given), path, words);
    refuses(() => new MemoryStorage({ acme: given }), path.replace('roster', 'rosters.acme'), words);
  });
}

const CALLS = [
  ['a request that is missing', () => planner.select(roster(), undefined, 0), 'request', /must be an object/],
  ['a request that is a list', () => planner.select(roster(), [], 0), 'request', /must be an object, found an array/],
  ['a request that is a map', () => planner.select(roster(), new Map([['size', 1]]), 0), 'request', /found a collection/],
  ['an update that inherits and misspells', () => planner.plan(roster(), { type: 'update', update: Object.assign(Object.create({ backend: 'a' }), { defualt: true }) }, context()), 'command.update.defualt', /did you mean `default`\?/],
  ['a storage of nothing', () => new MemoryStorage(null), 'rosters', /must be an object/],
  ['a storage of a map', () => new MemoryStorage(new Map([['acme', roster()]])), 'rosters', /must be an object/],
  ['a commit of nothing', () => new MemoryStorage({ acme: roster() }).commit('acme', 3), 'changeSet', /must be an object/],
  ['a commit at a text', () => new MemoryStorage({ acme: roster() }).commit('acme', '3', { revision: 4, changes: [], events: [] }), 'expectedRevision', /must be an integer/],
  ['a size that is a text', () => planner.select(roster(), { size: '1' }, 0), 'request.size', /must be an integer/],
  ['a size below 0', () => planner.select(roster(), { size: -1 }, 0), 'request.size', /must be an integer/],
  ['a request with more', () => planner.select(roster(), { sise: 1 }, 0), 'request.sise', /did you mean `size`\?/],
  ['no time', () => planner.select(roster(), {}, undefined), 'now', /must be an integer/],
  ['a date', () => planner.select(roster(), {}, new Date(0)), 'now', /found an object/],
  ['a prepared request', () => new Roster(roster()).select({ size: 0.5 }, 0), 'request.size', /found `0.5`/],
  ['a prepared time', () => new Roster(roster()).select({}, -1), 'now', /found `-1`/],
  ['copies of numbers', () => planner.routeRead(roster(), ['a', 1], 0), 'copies[1]', /must be a text/],
  ['a due time', () => planner.due(roster(), '0'), 'now', /must be an integer/],
  ['a backend that is none', () => planner.nextDue(roster(), null, 0), 'backend', /must be a text/],
  ['a command without a type', () => planner.plan(roster(), {}, context()), 'command.type', /must be one of `create`, `update`, `delete`, `set-policy`, found `undefined`/],
  ['an unknown command', () => planner.plan(roster(), { type: 'destroy' }, context()), 'command.type', /found `destroy`/],
  ['a command with more', () => planner.plan(roster(), { type: 'delete', backend: 'a', force: true }, context()), 'command.force', /is no field of `command delete`/],
  ['a creation without a name', () => planner.plan(roster(), { type: 'create', create: without(creation('c', 'c'), 'name') }, context()), 'command.create.name', /is missing/],
  ['an update of a text', () => planner.plan(roster(), { type: 'update', update: { backend: 'a', default: 'yes' } }, context()), 'command.update.default', /must be true or false/],
  ['a context without an actor', () => planner.plan(roster(), { type: 'delete', backend: 'a' }, without(context(), 'actor')), 'context.actor', /is missing/],
  ['a context of somebody else', () => planner.plan(roster(), { type: 'delete', backend: 'a' }, context({ by: 'root' })), 'context.by', /must be one of/],
  ['an outcome of its own', () => planner.observe(roster(), { backend: 'a', generation: 1, finishedAt: 0, outcome: { type: 'maybe' } }, context()), 'observation.outcome.type', /`ok`, `failed`/],
  ['a failure that is missing', () => planner.observe(roster(), { backend: 'a', generation: 1, finishedAt: 0, outcome: { type: 'failed' } }, context()), 'observation.outcome.failure', /is missing; `outcome failed` always has it/],
  ['an unknown change', () => planner.apply(roster(), { revision: 4, changes: [{ type: 'set-route', route: null }, { type: 'drop' }], events: [] }), 'changeSet.changes[1].type', /must be one of/],
  ['an event of another shape', () => planner.apply(roster(), { revision: 4, changes: [], events: [{ organization: 'acme', revision: 4, at: 0, actor: '', kind: { type: 'backend-deleted' } }] }), 'changeSet.events[0].kind.backend', /is missing/],
  ['an inline backend without an id', () => planner.createOrganization(undefined, context()), 'inline', /must be a text/],
  ['no options', () => new Control(), 'options', /must be an object/],
  ['no storage', () => new Control({ validator: well }), 'options.storage', /method `load`/],
  ['half a storage', () => new Control({ storage: { load() {} }, validator: well }), 'options.storage', /method `commit`/],
  ['no validator', () => new Control({ storage: new MemoryStorage() }), 'options.validator', /method `validate`/],
  ['a misspelled option', () => new Control({ storage: new MemoryStorage(), validator: well, timeOut: 1 }), 'options.timeOut', /did you mean `timeout`\?/],
  ['no time to answer', () => new Control({ storage: new MemoryStorage(), validator: well, timeout: 0 }), 'options.timeout', /from 1 to 2147483647/],
  ['no time to probe', () => new Control({ storage: new MemoryStorage(), validator: well, probeTimeout: 1e10 }), 'options.probeTimeout', /from 1 to 2147483647/],
  ['a time of another type', () => new Control({ storage: new MemoryStorage(), validator: well, probeTimeout: 100n }), 'options.probeTimeout', /must be null or an integer/],
  ['resolutions that have no time for a probe', () => new Control({ storage: new MemoryStorage(), validator: well, probeTimeout: 100, resolveTimeout: 99 }), 'options.resolveTimeout', /must leave time for a probe: at least 100/],
  ['resolutions that take longer than timers', () => new Control({ storage: new MemoryStorage(), validator: well, resolveTimeout: 1e10 }), 'options.resolveTimeout', /from 1 to 2147483647/],
  ['a pause of a fraction', () => new Control({ storage: new MemoryStorage(), validator: well, pause: 0.1 }), 'options.pause', /from 0/],
  ['a listener that is none', () => new Control({ storage: new MemoryStorage(), validator: well, onValidatorError: 1 }), 'options.onValidatorError', /a function/],
];

for (const [name, call, path, words] of CALLS) {
  test(`${name} is refused`, () => refuses(call, path, words));
}

test('a use case with bad input touches nothing', async () => {
  const untouched = {
    load: () => assert.fail('the storage was asked'),
    commit: () => assert.fail('the storage was asked'),
    validate: () => assert.fail('the validator was asked'),
  };
  const control = new Control({ storage: untouched, validator: untouched });
  const calls = [
    [() => control.resolve({ size: '1' }, context()), 'request.size'],
    [() => control.create({ id: 'c' }, context()), 'create.name'],
    [() => control.update({}, context()), 'update.backend'],
    [() => control.delete(undefined, context()), 'backend'],
    [() => control.validate('a', {}), 'context.organization'],
    [() => control.setPolicy({}, context()), 'policy.maxFallbacks'],
    [() => control.createOrganization('a', context({ now: -1 })), 'context.now'],
    [() => control.delete('a', context(), { signal: 1 }), 'options.signal'],
    [() => control.delete('a', context(), { signals: 1 }), 'options.signals'],
    [() => control.delete('a', context(), null), 'options'],
  ];
  for (const [call, path] of calls) {
    await assert.rejects(call, (error) => error instanceof InvalidInputError && error.path === path, path);
  }
});

test('a getter that asks the planner again gets its own answer', () => {
  const given = roster();
  Object.defineProperty(given, 'revision', {
    enumerable: true,
    get: () => (planner.check(roster()), 3),
  });
  assert.equal(planner.select(given, {}, 1_000).value.revision, 3);
});

test('what a getter throws comes out as it is, and harms nothing', () => {
  const given = roster();
  const thrown = new Error('not today');
  Object.defineProperty(given, 'policy', {
    enumerable: true,
    get() {
      throw thrown;
    },
  });
  assert.throws(() => planner.check(given), (error) => error === thrown);
  assert.deepEqual(planner.check(roster()), []);
});
