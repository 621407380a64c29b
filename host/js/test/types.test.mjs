// The types for TypeScript: what is right compiles, and what is marked as wrong does not.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('TypeScript agrees with what is right and what is wrong', () => {
  const compiler = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
  const project = fileURLToPath(new URL('types/tsconfig.json', import.meta.url));
  const { status, stdout, stderr } = spawnSync(compiler, ['--project', project], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});
