// The example of a control plane, over HTTP on loopback.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { MemoryStorage } from 'backstop';

import { controlPlane } from '../examples/control-plane/server.mjs';

let now = 1_000;
let outcome = { type: 'ok' };
let storage = new MemoryStorage();
let server;

before(async () => {
  const handler = controlPlane({
    // As the tests change what is behind it.
    storage: { load: (...given) => storage.load(...given), commit: (...given) => storage.commit(...given) },
    validator: { validate: async () => ({ outcome, finishedAt: now }) },
    clock: () => now,
    log: () => undefined,
  });
  server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
});

after(() => new Promise((resolve) => server.close(resolve)));

/** A request gets a status; returns the rest of the answer. */
async function gets(status, method, path, body, headers = {}) {
  const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
    method,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers,
  });
  const value = await response.json();
  assert.equal(response.status, status, JSON.stringify(value));
  return { value, headers: response.headers };
}

const oci = (id, name, fields) => ({ id, name, kind: 'external', provider: 'OCI', location: name, ...fields });

test('a run is told where to write, and the fallback takes over', async () => {
  await gets(404, 'POST', '/organizations/acme/resolve', {});
  await gets(201, 'POST', '/organizations/acme', { id: 'i' });
  await gets(409, 'POST', '/organizations/acme', { id: 'j' });
  const created = await gets(201, 'POST', '/organizations/acme/backends', oci('a', 'primary', { default: true }));
  assert.equal(created.headers.get('etag'), '2');
  await gets(201, 'POST', '/organizations/acme/backends', oci('b', 'spare', { fallback: true }));
  const first = await gets(200, 'POST', '/organizations/acme/resolve', { size: 1_024 });
  assert.deepEqual(first.value.casBackend, { casBackendID: 'a', casBackendName: 'primary', fallback: false });

  now = 2_000;
  outcome = { type: 'failed', failure: { class: 'auth', message: 'wrong password' } };
  await gets(200, 'POST', '/organizations/acme/backends/a/validate');
  const second = await gets(200, 'POST', '/organizations/acme/resolve', {});
  assert.deepEqual(second.value.casBackend, { casBackendID: 'b', casBackendName: 'spare', fallback: true });
  assert.ok(second.value.degraded);

  await gets(200, 'POST', '/organizations/acme/backends/b/validate');
  const none = await gets(503, 'POST', '/organizations/acme/resolve', {});
  assert.equal(none.value.error.reason.type, 'unavailable');
  assert.equal(none.headers.get('retry-after'), '60');
});

test('refusals have statuses by their codes', async () => {
  await gets(404, 'DELETE', '/organizations/acme/backends/nobody');
  await gets(409, 'POST', '/organizations/acme/backends', oci('b', 'another'));
  await gets(403, 'POST', '/organizations/acme/backends', { ...oci('m', 'managed'), kind: 'managed' });
  const failed = await gets(422, 'POST', '/organizations/acme/backends', oci('c', 'third'));
  assert.deepEqual(failed.value.error.codes, ['validation-failed']);
  await gets(409, 'PATCH', '/organizations/acme/backends/a', { description: 'x' }, { 'if-match': '1' });
  await gets(200, 'PATCH', '/organizations/acme/backends/a', { description: 'x' });
  await gets(422, 'PUT', '/organizations/acme/policy', { ...storage.load('acme').policy, fall: 0 });
  const large = await gets(413, 'POST', '/organizations/acme/resolve', { size: 10 ** 12 });
  assert.equal(large.value.error.reason.limit, 104_857_600);
  await gets(200, 'DELETE', '/organizations/acme/backends/b');
});

test('what is no request is refused before anything is asked', async () => {
  await gets(404, 'GET', '/');
  await gets(400, 'POST', '/organizations/acme/resolve', '{');
  await gets(400, 'POST', '/organizations/acme/resolve', '7');
  await gets(413, 'POST', '/organizations/acme/resolve', JSON.stringify('x'.repeat(70_000)));
  await gets(400, 'DELETE', '/organizations/%zz/backends/a');
  const { value } = await gets(400, 'POST', '/organizations/acme/resolve', { sise: 1 });
  assert.deepEqual(value, {
    code: 'invalid-input',
    error: '`request.sise` is no field of `request`, did you mean `size`?',
  });
  await gets(400, 'DELETE', '/organizations/acme/backends/a', undefined, { 'if-match': 'x' });
});

test('a storage that fails is a failure that may pass', async () => {
  const working = storage;
  storage = {
    load() {
      throw new Error('password=hunter2');
    },
  };
  const { value } = await gets(503, 'POST', '/organizations/acme/resolve', {});
  assert.deepEqual(value, { error: 'the storage failed in `load`', code: 'storage-failed' });
  storage = { load: () => 7 };
  await gets(500, 'POST', '/organizations/acme/resolve', {});
  storage = working;
});
