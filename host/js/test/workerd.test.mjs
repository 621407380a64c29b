// The package in workerd, the runtime of edge workers: there WebAssembly cannot be compiled from bytes,
// but a module can be imported.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import workerd from 'workerd';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = ['edge.js', 'core.js', 'backstop.wasm'];

/** A control plane of one organization, whose default is down. */
const WORKER = `
  import { Control, MemoryStorage, Roster, emptyRoster, planner } from './edge.js';

  const context = { organization: 'acme', actor: 'worker', now: 60_000 };
  const health = (more) => ({
    status: 'valid', since: null, checkedAt: 1_000, failures: 0, successes: 1, failure: null, excuse: null, ...more,
  });
  const down = { status: 'invalid', since: 1_000, failures: 1, successes: 0, failure: { class: 'timeout', message: '' } };
  const backend = (id, health) => ({
    id, name: id, kind: 'external', provider: 'OCI', location: 'registry.example/' + id, description: '',
    maxBlobBytes: 1_000, mode: 'ready', generation: 1, health,
  });

  const answers = {
    async select() {
      const data = { ...emptyRoster(), revision: 1, default: 'a', fallbacks: ['b'], route: 'b', backends: [backend('a', health(down)), backend('b', health())] };
      return [planner.select(data, {}, 60_000), new Roster(data).select({}, 60_000)];
    },
    async resolve() {
      const data = { ...emptyRoster(), revision: 1, default: 'a', fallbacks: [], backends: [backend('a', health(down))] };
      const storage = new MemoryStorage({ acme: data });
      // It answers later, as everything does that a worker asks over the network.
      const validate = () => new Promise((resolve) => setTimeout(() => resolve({ outcome: { type: 'ok' }, finishedAt: 60_001 }), 1));
      const control = new Control({ storage, validator: { validate } });
      const all = await Promise.all([1, 2, 3].map(() => control.resolve({}, context)));
      return all.map(({ value }) => value.answer);
    },
    async refuse() {
      try {
        planner.select({ revision: 1 }, {}, 0);
      } catch (error) {
        return [error.name, error.code, error.path];
      }
    },
    async forbidden() {
      try {
        new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
        return 'allowed';
      } catch (error) {
        return error.name;
      }
    },
  };

  export default {
    async fetch(request) {
      return Response.json(await answers[new URL(request.url).pathname.slice(1)]());
    },
  };
`;

const CONFIG = `
  using Workerd = import "/workerd/workerd.capnp";
  const config :Workerd.Config = (
    services = [(name = "main", worker = .worker)],
    sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  );
  const worker :Workerd.Worker = (
    compatibilityDate = "2026-01-01",
    modules = [
      (name = "worker.js", esModule = embed "worker.js"),
      (name = "edge.js", esModule = embed "edge.js"),
      (name = "core.js", esModule = embed "core.js"),
      (name = "backstop.wasm", wasm = embed "backstop.wasm"),
    ],
  );
`;

let folder;
let runtime;
let address;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'backstop-workerd-'));
  for (const file of ENTRY) copyFileSync(join(PACKAGE, 'dist', file), join(folder, file));
  writeFileSync(join(folder, 'worker.js'), WORKER);
  writeFileSync(join(folder, 'config.capnp'), CONFIG);
  // It says on the third channel which port it has been given.
  runtime = spawn(workerd.default, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  for await (const line of createInterface({ input: runtime.stdio[3] })) {
    const { event, port } = JSON.parse(line);
    if (event === 'listen') {
      address = `http://127.0.0.1:${port}`;
      break;
    }
  }
  assert.ok(address, 'workerd did not start');
});

after(async () => {
  if (runtime?.exitCode === null) {
    runtime.kill();
    await new Promise((resolve) => runtime.on('exit', resolve));
  }
  rmSync(folder, { recursive: true });
});

async function answer(what) {
  return (await fetch(`${address}/${what}`)).json();
}

test('a module cannot be compiled from bytes there', async () => {
  assert.equal(await answer('forbidden'), 'CompileError');
});

test('bad input is a typed error', async () => {
  assert.deepEqual(await answer('refuse'), ['InvalidInputError', 'invalid-input', 'roster.default']);
});

test('the fallback takes over, from plain objects and on a prepared roster', async () => {
  for (const { ok, value } of await answer('select')) {
    assert.ok(ok);
    assert.deepEqual([value.backend.id, value.position], ['b', { type: 'fallback', place: 1 }]);
  }
});

test('many who resolve wait for a probe, and write to what it found well', async () => {
  const all = await answer('resolve');
  assert.deepEqual(all.map(({ value }) => value.backend.id), ['a', 'a', 'a']);
});
