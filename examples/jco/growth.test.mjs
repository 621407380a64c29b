// Memory: once warm, neither the component nor what jco puts around it needs more, however often it is
// asked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { componentPath, loadPolicy } from "./policy.mjs";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

// What jco makes hands out no memory, so each instance is noted when it is made.
const instances = [];
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    instances.push(this);
  }
};

const CALLS = 1_000_000;
const WARM = 20_000;
/** Bytes that the heap of JavaScript may grow by: less than one for each call. */
const SLACK = 900_000;

const failure = { class: "timeout", message: "no answer", at: 900n };

/** Returns a backend of the chain that works, or that does not. */
function backend(id, works) {
  return {
    id,
    name: id,
    kind: "external",
    provider: "OCI",
    location: `registry.example/${id}`,
    description: "",
    maxBlobBytes: 1_000_000n,
    mode: "ready",
    generation: 1n,
    health: {
      status: works ? "valid" : "invalid",
      since: 900n,
      checkedAt: 900n,
      failures: works ? 0 : 1,
      successes: works ? 1 : 0,
      failure: works ? undefined : failure,
      excuse: undefined,
    },
  };
}

/** Returns what is asked, and what comes of it. */
function question(roster, works, outcome) {
  const backends = [backend("main", false), backend("spare", works)];
  return { roster: { ...roster, default: "main", fallbacks: ["spare"], backends }, outcome };
}

test("a million selections need no more memory than the first", async () => {
  const policy = (await loadPolicy(componentPath()))();
  const { roster } = policy.call("planner.createOrganization", "embedded", {
    organization: "acme", actor: "operator", by: "organization", now: 1_000n, seen: undefined,
  });
  const selected = question(roster, true, "spare");
  // Each twentieth is refused: errors have stacks, which makes them slow.
  const refused = question(roster, false, "unavailable");
  const ask = async (times) => {
    for (let i = 0; i < times; i++) {
      // Each call leaves promises behind, which jco settles when the caller awaits something.
      if (i % 1_000 === 0) await new Promise(setImmediate);
      const { roster, outcome } = i % 20 === 0 ? refused : selected;
      let came;
      try {
        came = policy.call("planner.select", roster, { size: BigInt(i % 1_000) }, 1_000n).backend.id;
      } catch (error) {
        if (!Object.hasOwn(error, "payload")) throw error;
        came = error.payload.reason.tag;
      }
      if (came !== outcome) assert.equal(came, outcome);
    }
    await new Promise(setImmediate);
  };
  const linear = () => instances.reduce((sum, { exports }) => sum + (exports.memory?.buffer.byteLength ?? 0), 0);
  const heap = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  await ask(WARM);
  const before = { linear: linear(), heap: heap(), instances: instances.length };
  assert.ok(before.linear > 0);
  await ask(CALLS);
  assert.equal(linear(), before.linear);
  assert.equal(instances.length, before.instances);
  const grown = heap() - before.heap;
  assert.ok(grown < SLACK, `the heap of JavaScript grew by ${grown} bytes`);
});
