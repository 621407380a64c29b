// One cold start, for `figures.mjs`: prints how many nanoseconds it took in this fresh process.
//
// In the timed region: loading the package's JavaScript, reading, compiling and instantiating its module,
// and the first selection on plain objects. Not in it: starting Node, and making the roster.

const roster = JSON.parse(process.argv[2]);
const began = process.hrtime.bigint();
const { planner } = require('backstop');
const { ok } = planner.select(roster, { size: 20 * 2 ** 20 }, 1_000);
const took = process.hrtime.bigint() - began;
if (!ok) throw new Error('measured a refusal');
console.log(String(took));
