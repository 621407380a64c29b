// One cold start, for `figures.mjs`: prints how many nanoseconds it took in this fresh process.
//
//     node bench/cold.cjs cold ROSTER    reading, compiling and instantiating the module, and the first
//                                        selection on plain objects
//     node bench/cold.cjs load ROSTER    the same, and before it loading the package's JavaScript
//
// Not in the timed region: starting Node, and making the roster.

const { readFileSync } = require('node:fs');

const [what, json] = process.argv.slice(2);
const roster = JSON.parse(json);
const file = require.resolve('backstop/backstop.wasm');

const STARTS = {
  cold: () => {
    const { instantiate } = require('backstop/core');
    return () => instantiate(new WebAssembly.Module(readFileSync(file)));
  },
  load: () => () => require('backstop'),
};

const start = STARTS[what]();
const began = process.hrtime.bigint();
const { planner } = start();
const { ok } = planner.select(roster, { size: 20 * 2 ** 20 }, 1_000);
const took = process.hrtime.bigint() - began;
if (!ok) throw new Error('measured a refusal');
console.log(String(took));
