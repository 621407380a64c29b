//! The npm package in a real browser, where a page imports it without a bundler: a million calls leave
//! its memory as large as it was.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch } from './page.mjs';

const DIST = fileURLToPath(new URL('../../js/dist/', import.meta.url));
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

// Every instance that the package makes, so that its memory can be looked at.
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>the package</title>
<script>
  window.instances = [];
  WebAssembly.Instance = class extends WebAssembly.Instance {
    constructor(...given) {
      super(...given);
      instances.push(this);
    }
  };
</script>
<script type="module">
  import * as backstop from '/browser.js';
  window.backstop = backstop;
</script>
`;

// What a server gives in the module's place.
const FOREIGN = {
  '/gone/backstop.wasm': [404, 'text/plain', ''],
  '/page/backstop.wasm': [200, 'text/html', '<!doctype html>'],
  '/typed/backstop.wasm': [200, 'application/wasm', '<!doctype html>'],
  '/other/backstop.wasm': [200, 'application/wasm', Buffer.from('\0asm\x01\0\0\0', 'latin1')],
};

let browser;
let server;

before(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (FOREIGN[pathname]) {
      const [status, type, body] = FOREIGN[pathname];
      response.writeHead(status, { 'content-type': type });
      response.end(body);
      return;
    }
    // Folders of another name have the same scripts, and another module.
    const file = join(DIST, pathname.replace(/^\/\w+\//, ''));
    const page = request.url === '/';
    const found = page || (file.startsWith(DIST) && existsSync(file));
    response.writeHead(found ? 200 : 404, { 'content-type': page ? 'text/html' : (TYPES[extname(file)] ?? 'text/plain') });
    response.end(page ? PAGE : found ? readFileSync(file) : '');
  });
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

test('a module that is none of ours is an error with a code', async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const [path, part] of [
    ['/gone/browser.js', 'found the status 404 at'],
    ['/page/browser.js', 'found no WebAssembly at'],
    ['/typed/browser.js', 'found no WebAssembly at'],
    ['/other/browser.js', 'found'],
  ]) {
    const error = await page.evaluate(async (path) => {
      try {
        await import(path);
        return null;
      } catch ({ name, code, message }) {
        return { name, code, message };
      }
    }, path);
    assert.equal(error?.name, 'ForeignModuleError', path);
    assert.equal(error.code, 'foreign-module', path);
    assert.ok(error.message.includes(part), error.message);
    assert.ok(!error.message.includes('\n'), error.message);
  }
  await page.close();
});

test('a million selections need no more memory than the first', async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => window.backstop !== undefined);
  const memory = await page.evaluate(() => {
    const { Roster, defaultPolicy, planner } = window.backstop;
    const backend = (id) => ({
      id, name: id, kind: 'external', provider: 'OCI', location: 'registry.example/a', description: '',
      maxBlobBytes: 104_857_600, mode: 'ready', generation: 1,
      health: { status: 'valid', since: null, checkedAt: 500, failures: 0, successes: 1, failure: null, excuse: null },
    });
    const data = {
      revision: 1, default: 'a', fallbacks: ['b'], policy: defaultPolicy(), route: 'a', backends: [backend('a'), backend('b')],
    };
    const prepared = new Roster(data);
    const size = () => window.instances.reduce((sum, { exports }) => sum + exports.memory.buffer.byteLength, 0);
    const ask = (times) => {
      let used = 0;
      for (let i = 0; i < times; i += 1) {
        used += Number(prepared.select({ size: i }, 1_000).ok) + Number(planner.select(data, { size: i }, 1_000).ok);
      }
      return used;
    };
    ask(1_000);
    const before = size();
    const used = ask(1_000_000);
    return { before, after: size(), used, instances: window.instances.length };
  });
  assert.equal(memory.used, 2_000_000);
  assert.equal(memory.instances, 1);
  assert.ok(memory.before > 0);
  assert.equal(memory.after, memory.before);
  await page.close();
});
