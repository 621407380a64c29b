//! The page as `backstop preview` serves it, beginning with an organization of its own database.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, text } from './page.mjs';

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));
const PROGRAM = process.env.BACKSTOP_PROGRAM ?? join(TARGET, 'debug/backstop');

let browser;
let folder;
let serving;

function environment() {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('BACKSTOP_'));
  return { ...Object.fromEntries(clean), BACKSTOP_DATABASE: 'sqlite:backstop.db' };
}

/** Runs the program, whatever it says with its exit code. */
function backstop(...words) {
  try {
    return execFileSync(PROGRAM, words, { cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (error.status === null) throw error;
    return error.stdout;
  }
}

before(async () => {
  assert.ok(existsSync(PROGRAM), `no program at \`${PROGRAM}\`: run \`cargo build --package backstop\``);
  folder = mkdtempSync(join(tmpdir(), 'backstop-preview-'));
  browser = await launch();
});

after(async () => {
  serving?.kill('SIGINT');
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('begins with an organization of the database, and shows why its fallback is used', async () => {
  for (const name of ['primary', 'spare']) mkdirSync(join(folder, name));
  backstop('casbackend', 'add', 'local', '--path', 'primary', '--name', 'primary', '--default', '--yes');
  backstop('casbackend', 'add', 'local', '--path', 'spare', '--name', 'spare', '--fallback');
  renameSync(join(folder, 'primary'), join(folder, 'gone'));
  backstop('casbackend', 'check', 'primary');
  const decided = JSON.parse(backstop('resolve', '-o', 'json'));
  assert.equal(decided.backend.name, 'spare');

  serving = spawn(PROGRAM, ['preview', '--listen', '127.0.0.1:0', '--roster', '-o', 'json'], {
    cwd: folder, env: environment(), stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  for await (const line of createInterface({ input: serving.stdout })) {
    said += line;
    if (line === '}') break;
  }
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  await page.goto(JSON.parse(said).url);
  await page.waitForSelector('#write');
  assert.match(await text(page, '#write'), /uses spare/);
  const route = await text(page, 'main');
  for (const part of ['invalid: not-found', 'primary', 'spare', 'default-inline']) assert.ok(route.includes(part), part);
  assert.deepEqual(problems, []);
  await page.close();
});
