// The module itself: its size, what it imports, what it says of where it was built, and the refusal of
// every other one.

import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { moduleHash, version } from 'backstop';
import { ForeignModuleError, instantiate } from 'backstop/core';

import { moduleBytes, renamed } from './support/module.mjs';

/** The largest that the module may be, compressed, in bytes. */
const LARGEST = 60 * 1_024;

test('the module is small enough for a page', () => {
  const { length } = gzipSync(moduleBytes(), { level: 9 });
  assert.ok(length <= LARGEST, `the module is ${length} bytes gzipped, more than ${LARGEST}`);
});

test('the module imports nothing but the glue that makes objects', () => {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(moduleBytes()));
  for (const { module, name, kind } of imports) {
    assert.equal(kind, 'function');
    assert.equal(module, './backstop_bg.js');
    assert.match(name, /^__wb(g|indgen)_/);
  }
});

test('the module says nothing of the machine that built it', () => {
  const text = Buffer.from(moduleBytes()).toString('latin1');
  for (const path of [homedir(), fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')]) {
    assert.ok(!text.includes(`${path}/`), `the module names \`${path}\``);
  }
});

test('the module is known by its bytes', () => {
  assert.equal(createHash('sha256').update(moduleBytes()).digest('hex'), moduleHash);
  const [name] = WebAssembly.Module.customSections(new WebAssembly.Module(moduleBytes()), 'backstop');
  assert.ok(new TextDecoder().decode(name).startsWith(`${version}-`));
});

const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
// A custom section `backstop` with the text `x`.
const NAMED = Uint8Array.of(...EMPTY, 0, 10, 8, ...new TextEncoder().encode('backstopx'));

for (const [what, given, words] of [
  ['that is empty', new WebAssembly.Module(EMPTY), /found a module without such a name/],
  ['of another product', new WebAssembly.Module(NAMED), /found `x`/],
  ['of another version', new WebAssembly.Module(renamed(moduleBytes())), /found `\d/],
  ['that is undefined', undefined, /found something that is no `WebAssembly.Module`/],
  ['that is bytes', moduleBytes(), /no `WebAssembly.Module`/],
  ['that is an instance', new WebAssembly.Instance(new WebAssembly.Module(EMPTY)), /no `WebAssembly.Module`/],
]) {
  test(`a module ${what} is refused`, () => {
    assert.throws(
      () => instantiate(given),
      (error) => {
        assert.ok(error instanceof ForeignModuleError);
        assert.equal(error.code, 'foreign-module');
        assert.match(error.message, words);
        return true;
      },
    );
  });
}
