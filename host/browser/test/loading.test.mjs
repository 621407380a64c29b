//! The page works from a folder and from a server, and is one file that asks for nothing.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { ADDRESS, FILE, close, launch, open, text } from './page.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const build = JSON.parse(readFileSync(join(ROOT, 'src/build.json'), 'utf8'));
const html = readFileSync(FILE, 'utf8');
let browser;

before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

test('opens from a folder, without a server, and asks for nothing else', async () => {
  const page = await open(browser);
  assert.equal(page.url().split('#')[0], ADDRESS);
  assert.match(await text(page, '#write'), /^A write of unknown size uses primary/);
  await close(page);
});

test('opens while the machine is offline', async () => {
  const page = await open(browser, { offline: true });
  assert.match(await text(page, '#write'), /uses primary/);
  await close(page);
});

test('opens from any path of a server that forbids everything else', async () => {
  const server = createServer((request, response) => {
    const found = request.url === '/some/where';
    response.writeHead(found ? 200 : 404, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    });
    response.end(found ? html : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const page = await open(browser, { address: `http://127.0.0.1:${server.address().port}/some/where` });
    assert.match(await text(page, '#write'), /uses primary/);
    await close(page);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test('opens where the browser keeps nothing for it', async () => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
  });
  const page = await context.newPage();
  await page.goto(ADDRESS);
  await page.locator('#theme').selectOption('dark');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await context.close();
});

test('names its version and the component that it was built with', async () => {
  const page = await open(browser);
  assert.equal(await text(page, '#version'), build.version);
  assert.equal(await text(page, '#component'), build.component);
  await close(page);
});

test('lets in its own script and style, and nothing else', () => {
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
  const inside = (tag) => new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
  const hash = (content) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  const directives = Object.fromEntries(policy.split('; ').map((one) => {
    const [name, ...values] = one.split(' ');
    return [name, values.join(' ')];
  }));
  assert.deepEqual(directives, {
    'default-src': "'none'",
    'script-src': `${hash(inside('script'))} 'wasm-unsafe-eval'`,
    'style-src': hash(inside('style')),
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': "'none'",
  });
  assert.doesNotMatch(html, /<script[^>]+(?:type="module"|src=)/);
});

test('a script that somebody smuggles in does not run', async () => {
  const page = await open(browser);
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.text = 'window.smuggled = true';
    } catch {
      return 'refused';
    }
    document.body.append(script);
    return String(window.smuggled === true);
  });
  assert.equal(ran, 'refused');
  await page.context().close();
});

test('builds to the same bytes each time, as one file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'backstop-preview-'));
  try {
    const vite = join(ROOT, 'node_modules/vite/bin/vite.js');
    await promisify(execFile)(process.execPath, [vite, 'build', '--outDir', folder, '--logLevel', 'error'], { cwd: ROOT });
    assert.deepEqual(readdirSync(folder), ['index.html']);
    assert.ok(readFileSync(join(folder, 'index.html'), 'utf8') === html, 'a second build differs from the first; build again if sources changed');
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.deepEqual(readdirSync(dirname(FILE)), ['index.html']);
});
