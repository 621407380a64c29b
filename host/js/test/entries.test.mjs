// The ways into the package: each gives the same answers, in a process or a bundle of its own.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';

import * as backstop from 'backstop';
import { build } from 'vite';
import webpack from 'webpack';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** A project that has the package installed. */
let project;

before(() => {
  project = mkdtempSync(join(tmpdir(), 'backstop-entries-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(PACKAGE, join(project, 'node_modules/backstop'));
});

after(() => rmSync(project, { recursive: true }));

/** What every entry is used for: it ends with `true`. */
const USE = `
  const roster = api.emptyRoster();
  const plan = api.planner.createOrganization('i', { organization: 'acme', actor: 'me', now: 0 });
  const decision = api.planner.select(plan.value.roster, {}, 0);
  const refusal = new api.Roster(roster).select({}, 0);
  let refused;
  try { api.planner.check({}); } catch (error) { refused = error; }
  const isGood = decision.value.backend.id === 'i' && refusal.error.reason.type === 'required'
    && refused instanceof api.InvalidInputError && refused instanceof api.BackstopError
    && refused.name === 'InvalidInputError' && api.version === '${backstop.version}'
    && api.moduleHash === '${backstop.moduleHash}';
`;

/** A file of the project, run by Node, prints \`true\`. */
function runs(name, source, flags = []) {
  const file = join(project, name);
  writeFileSync(file, source);
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, file], {
    cwd: project,
    encoding: 'utf8',
  });
  assert.equal(stdout, 'true\n', stderr);
  assert.equal(status, 0, stderr);
}

const ESM = (entry) => `import * as api from '${entry}';${USE}console.log(isGood);`;
const CJS = (entry) => `const api = require('${entry}');${USE}console.log(isGood);`;

test('Node imports it', () => runs('esm.mjs', ESM('backstop')));
test('Node requires it', () => runs('cjs.cjs', CJS('backstop')));
test('Node imports it with the module inside', () => runs('inline.mjs', ESM('backstop/inline')));
test('Node requires it with the module inside', () => runs('inline.cjs', CJS('backstop/inline')));

test('in Node, what is imported and what is required is one thing', () =>
  runs(
    'both.mjs',
    `import { createRequire } from 'node:module';
     import * as imported from 'backstop';
     import * as core from 'backstop/core';
     import * as inline from 'backstop/inline';
     const require = createRequire(import.meta.url);
     const required = require('backstop');
     console.log(
       imported.planner === required.planner &&
       [required, core, inline, require('backstop/core'), require('backstop/inline')]
         .every(({ InvalidInputError }) => InvalidInputError === imported.InvalidInputError),
     );`,
  ));

test('every entry offers the same', async () => {
  const names = Object.keys(backstop).sort();
  const inline = await import('backstop/inline');
  assert.deepEqual(Object.keys(inline).sort(), names);
  assert.deepEqual(Object.keys(await import('../dist/inline.js')).sort(), names);
  const core = await import('backstop/core');
  const module = new WebAssembly.Module(readFileSync(join(PACKAGE, 'dist/backstop.wasm')));
  assert.deepEqual(Object.keys(core.instantiate(module)).sort(), names);
  assert.deepEqual(Object.keys(await import('../dist/core.js')).sort(), Object.keys(core).sort());
});

// ---- Where compiling from bytes is forbidden ----

/** Makes a module and then forbids to make another from bytes, as such places do. */
const FORBID = `
  import { readFileSync } from 'node:fs';
  import { createRequire } from 'node:module';
  const path = createRequire('${'PROJECT'}').resolve('backstop/backstop.wasm');
  const module = new WebAssembly.Module(readFileSync(path));
  const forbidden = () => { throw new WebAssembly.CompileError('code generation is disallowed'); };
  const { customSections } = WebAssembly.Module;
  WebAssembly.Module = Object.assign(function () { forbidden(); }, { customSections });
  WebAssembly.compile = WebAssembly.compileStreaming = WebAssembly.validate = forbidden;
  WebAssembly.instantiateStreaming = forbidden;
  globalThis.eval = globalThis.Function = forbidden;
  globalThis.theModule = module;
`;

function forbidding() {
  return FORBID.replace('PROJECT', join(project, 'any.js'));
}

test('a module that was imported is enough', () =>
  runs(
    'edge.mjs',
    `${forbidding()}
     const { instantiate } = await import('backstop/core');
     const api = instantiate(module);${USE}console.log(isGood);`,
  ));

test('such places are given that entry', () => {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  assert.equal(exports['.'].workerd.default, './dist/edge.js');
  for (const file of JSON.stringify(exports).match(/\.\/dist\/[^"]+/g)) {
    assert.ok(readdirSync(join(PACKAGE, 'dist')).includes(file.slice('./dist/'.length)), file);
  }
});

// ---- Bundlers and pages ----

/** Bundles a source of the project with Vite. */
async function bundle(name, source, options) {
  const root = join(project, name);
  mkdirSync(root);
  writeFileSync(join(root, 'main.js'), source);
  await build({ root, configFile: false, logLevel: 'error', ...options });
  return join(root, 'dist');
}

const FETCH = `
  import { readFileSync } from 'node:fs';
  import { fileURLToPath } from 'node:url';
  // Node has no fetch of files; a server gives a page this, with the type or without it.
  globalThis.fetch = async (url) => {
    const file = readFileSync(fileURLToPath(url));
    const type = process.argv[2];
    return new Response(file, { headers: type === undefined ? {} : { 'content-type': type } });
  };
`;

test('Vite bundles it, with the module beside', async () => {
  const dist = await bundle('vite', `${ESM('backstop').replace('console.log(isGood)', 'export default isGood')}`, {
    base: './',
    build: {
      assetsInlineLimit: 0,
      target: 'es2022',
      rollupOptions: { input: 'main.js', preserveEntrySignatures: 'strict', output: { entryFileNames: 'main.mjs' } },
    },
  });
  assert.equal(readdirSync(join(dist, 'assets')).filter((name) => name.endsWith('.wasm')).length, 1);
  runs(
    'page.mjs',
    `${FETCH}
     const { default: isGood } = await import(${JSON.stringify(join(dist, 'main.mjs'))});
     console.log(isGood);`,
  );
});

test('webpack bundles it, with the module beside', async () => {
  const root = join(project, 'webpack');
  mkdirSync(root);
  writeFileSync(join(root, 'main.js'), ESM('backstop').replace('console.log(isGood)', 'export default isGood'));
  const dist = join(root, 'dist');
  const stats = await promisify(webpack)({
    context: root,
    mode: 'production',
    target: 'web',
    entry: './main.js',
    experiments: { outputModule: true },
    output: { path: dist, filename: 'main.mjs', library: { type: 'module' } },
  });
  assert.deepEqual(stats.toJson('errors-warnings').errors, []);
  assert.equal(readdirSync(dist).filter((name) => name.endsWith('.wasm')).length, 1);
  runs(
    'webpack.mjs',
    `${FETCH}
     const { default: isGood } = await import(${JSON.stringify(join(dist, 'main.mjs'))});
     console.log(isGood);`,
  );
});

test('a page without a bundler imports it', () => {
  const entry = join(PACKAGE, 'dist/browser.js');
  for (const type of ['', `process.argv[2] = 'application/wasm';`]) {
    runs('plain.mjs', `${FETCH}${type}const api = await import(${JSON.stringify(entry)});${USE}console.log(isGood);`);
  }
});

test('a module that is not there is named', () => {
  const entry = join(PACKAGE, 'dist/browser.js');
  runs(
    'missing.mjs',
    `globalThis.fetch = async () => new Response('', { status: 404 });
     const said = await import(${JSON.stringify(entry)}).catch(({ code, message }) => code + ': ' + message);
     console.log(/^foreign-module: .*the status 404/.test(said));`,
  );
});

test('a classic script has the module inside, as a page in a folder needs it', async () => {
  const source = `${ESM('backstop/inline').replace('console.log(isGood)', 'globalThis.isGood = isGood')}`;
  const dist = await bundle('classic', source, {
    build: { lib: { entry: 'main.js', name: 'page', formats: ['iife'], fileName: () => 'page.js' } },
  });
  // What a page has, and nothing of Node.
  const page = createContext({
    AbortController,
    FinalizationRegistry,
    TextDecoder,
    TextEncoder,
    WebAssembly,
    atob,
    clearTimeout,
    performance,
    setTimeout,
  });
  runInContext(readFileSync(join(dist, 'page.js'), 'utf8'), page);
  assert.equal(page.isGood, true);
});
