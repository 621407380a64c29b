// The example over PostgreSQL, with a real server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { Control, StorageError, emptyRoster, planner } from 'backstop';
import pg from 'pg';

import { PostgresStorage } from '../examples/postgres/storage.mjs';
import { context, creation, well } from './support/data.mjs';
import { startPostgres } from './support/postgres.mjs';

let server;
let pool;
let storage;
let control;

before(async () => {
  server = await startPostgres();
  pool = new pg.Pool({ ...server.connection, max: 12 });
  await pool.query(readFileSync(new URL('../examples/postgres/schema.sql', import.meta.url), 'utf8'));
  storage = new PostgresStorage(pool);
  control = new Control({ storage, validator: well });
});

after(async () => {
  await pool?.end();
  await server?.stop();
});

/** Returns an organization with backends `a` (the default), `b` (the fallback) and `c`. */
async function founded(organization) {
  const here = context({ organization });
  assert.ok((await control.createOrganization('i', here)).ok);
  for (const [id, fields] of [['a', { default: true }], ['b', { fallback: true }], ['c', {}]]) {
    assert.ok((await control.create(creation(id, `backend-${id}`, fields), here)).ok);
  }
  return here;
}

/** What was committed is what the change-sets of the planner lead to, and its events are beside it. */
async function check(organization) {
  const roster = await storage.load(organization);
  assert.deepEqual(planner.check(roster), []);
  const { rows } = await pool.query(
    'select revision::int, ordinal from event where organization = $1 order by revision, ordinal',
    [organization],
  );
  const revisions = [...new Set(rows.map(({ revision }) => revision))];
  assert.deepEqual(revisions, Array.from({ length: roster.revision }, (_, i) => i + 1));
  return roster;
}

test('what is committed is what was planned', async () => {
  const here = await founded('planned');
  const steps = [
    () => control.update({ backend: 'c', description: 'über', maxBlobBytes: 2 ** 53 - 1, mode: 'drain' }, here),
    () => control.update({ backend: 'b', default: true }, here),
    () => control.setPolicy({ ...emptyRoster().policy, maxFallbacks: 3, tail: ['inline'] }, here),
    () => control.update({ backend: 'a', fallback: true }, here),
    () => control.update({ backend: 'c', fallback: true }, here),
    () => control.update({ backend: 'a', rotate: true }, here),
    () => control.delete('b', here),
  ];
  for (const step of steps) {
    const before = await storage.load('planned');
    const { ok, value } = await step();
    assert.ok(ok);
    const byId = (roster) => ({ ...roster, backends: roster.backends.toSorted((a, b) => (a.id < b.id ? -1 : 1)) });
    assert.deepEqual(byId(await check('planned')), byId(planner.apply(before, value.changeSet)));
  }
  const validator = { validate: async () => ({ outcome: { type: 'ok' }, finishedAt: 9_000 }) };
  const validated = await new Control({ storage, validator }).validate('c', here);
  assert.equal((await storage.load('planned')).backends.find(({ id }) => id === 'c').health.checkedAt, 9_000);
  assert.ok(validated.value.applied);
});

test('an organization that is not there is none', async () => {
  assert.equal(await storage.load('nobody'), null);
  assert.equal((await control.resolve({}, context({ organization: 'nobody' }))).ok, false);
});

test('of those that found one organization, one does', async () => {
  const here = context({ organization: 'founded' });
  const founding = Array.from({ length: 10 }, (_, n) => control.createOrganization(`i-${n}`, here));
  const results = await Promise.all(founding);
  assert.equal(results.filter(({ ok }) => ok).length, 1);
  for (const { ok, error } of results) if (!ok) assert.deepEqual(error.codes, ['organization-taken']);
  assert.equal((await check('founded')).revision, 1);
});

test('writers that race leave one default, and every commit is there', async () => {
  const here = await founded('race');
  const before = (await storage.load('race')).revision;
  const writers = Array.from({ length: 24 }, (_, n) =>
    n % 2 === 0
      ? control.update({ backend: 'abc'[n % 3], default: true }, here)
      : control.update({ backend: 'abc'[n % 3], description: `by ${n}` }, here),
  );
  const results = await Promise.all(writers);
  const committed = results.filter(({ ok, value }) => ok && value.changeSet.changes.length > 0);
  for (const { ok, error } of results) if (!ok) assert.deepEqual(error.codes, ['conflict']);
  assert.ok(committed.length > 1);
  const roster = await check('race');
  assert.equal(roster.revision, before + committed.length);
  assert.ok(['a', 'b', 'c'].includes(roster.default));
  const revisions = committed.map(({ value }) => value.changeSet.revision);
  assert.equal(new Set(revisions).size, revisions.length);
});

test('a commit on another revision writes nothing', async () => {
  const here = await founded('stale');
  const roster = await storage.load('stale');
  const { value } = planner.plan(roster, { type: 'delete', backend: 'a' }, here);
  for (const revision of [0, roster.revision - 1, roster.revision + 1]) {
    assert.equal(await storage.commit('stale', revision, value.changeSet), 'conflict');
  }
  assert.deepEqual(await check('stale'), roster);
});

test('an id stays taken after a deletion, and a name does not', async () => {
  const here = await founded('taken');
  assert.ok((await control.delete('c', here)).ok);
  const again = await control.create(creation('c', 'another'), here);
  assert.deepEqual(again.error.codes, ['id-taken']);
  assert.ok((await control.create(creation('d', 'backend-c'), here)).ok);
  await check('taken');
});

test('the database forbids what the policy forbids', async () => {
  await founded('fence');
  const forbidden = [
    // A default that is nobody, or deleted, or of another organization.
    `update organization set default_backend = 'z' where id = 'fence'`,
    `update backend set live = false where organization = 'fence' and id = 'a'`,
    `update organization set role_is_live = false where id = 'fence'`,
    // Twice on the chain, or in one place.
    `insert into fallback (organization, place, backend) values ('fence', 2, 'b')`,
    `insert into fallback (organization, place, backend) values ('fence', 1, 'c')`,
    `update backend set name = 'backend-a' where organization = 'fence' and id = 'b'`,
    `update backend set kind = 'inline' where organization = 'fence' and id = 'b'`,
    `delete from backend where organization = 'fence' and id = 'a'`,
  ];
  for (const statement of forbidden) {
    await assert.rejects(pool.query(statement), ({ code }) => /^23/.test(code), statement);
  }
  await check('fence');
});

test('a commit that fails in the middle leaves nothing', async () => {
  const here = await founded('half');
  const roster = await storage.load('half');
  const { value } = planner.plan(roster, { type: 'create', create: creation('d', 'fourth') }, here);
  const { changeSet } = value;
  const broken = { ...changeSet, events: [...changeSet.events, { ...changeSet.events[0], actor: null }] };
  await assert.rejects(storage.commit('half', roster.revision, broken));
  assert.deepEqual(await check('half'), roster);
  assert.equal(await storage.commit('half', roster.revision, changeSet), 'committed');
});

test('a database that is away is a failure of the storage', async () => {
  const away = new pg.Pool({ ...server.connection, host: '/nonexistent' });
  const lost = new Control({ storage: new PostgresStorage(away), validator: well });
  await assert.rejects(lost.resolve({}, context()), (error) => error instanceof StorageError);
  await away.end();
});
