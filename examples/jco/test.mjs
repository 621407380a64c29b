import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import { MemoryStorage, MemoryValidator } from "./memory.mjs";
import { componentPath, loadPolicy } from "./policy.mjs";

const context = { organization: "acme", actor: "operator", by: "organization", now: 1_000n, seen: undefined };
const instantiate = await loadPolicy(componentPath());

function onMemory() {
  const planner = instantiate();
  const storage = new MemoryStorage((...args) => planner.call("planner.apply", ...args));
  const validator = new MemoryValidator(() => context.now);
  return { storage, validator, policy: instantiate({ storage, validator }) };
}

test("a file that is no component is refused", async () => {
  await assert.rejects(loadPolicy(fileURLToPath(import.meta.url)));
});

test("an error of the contract is the payload of what is thrown", () => {
  const { policy } = onMemory();
  assert.throws(
    () => policy.call("control.resolve", { size: undefined }, context),
    (error) => {
      assert.deepEqual(error.payload, {
        tag: "refused",
        val: { codes: ["organization-not-found"], failure: undefined },
      });
      return true;
    },
  );
});

test("an error of the storage reaches the caller as the contract says", () => {
  const { storage, validator } = onMemory();
  storage.load = () => {
    throw { tag: "failed", val: "the disk is gone" };
  };
  const policy = instantiate({ storage, validator });
  assert.throws(
    () => policy.call("control.resolve", { size: undefined }, context),
    (error) => {
      assert.deepEqual(error.payload, { tag: "failed", val: "the disk is gone" });
      return true;
    },
  );
});

for (const [what, answer] of [
  ["throws", () => assert.fail("a bug of the storage")],
  ["answers with the wrong shape", () => ({ revision: 1n })],
]) {
  test(`a storage that ${what} costs one call, not the policy`, () => {
    const { storage, validator } = onMemory();
    // jco takes the functions of the imports when it makes an instance. It would not refuse to enter
    // one that stopped in the middle, so the test looks whether there is another.
    let taken = 0;
    const counting = {
      get load() {
        taken += 1;
        return answer;
      },
      commit: storage.commit,
    };
    const policy = instantiate({ storage: counting, validator });
    assert.throws(
      () => policy.call("control.resolve", { size: undefined }, context),
      (error) => !Object.hasOwn(error, "payload"),
    );
    const takenByOne = taken;
    const { roster } = policy.call("control.createOrganization", "embedded", context);
    assert.equal(roster.revision, 1n);
    assert.equal(taken, 2 * takenByOne);
  });
}

test("a policy without imports answers for the planner alone", () => {
  const policy = instantiate();
  assert.throws(
    () => policy.call("control.createOrganization", "embedded", context),
    /there is no storage\.commit: this policy was made without imports/,
  );
  assert.equal(policy.call("planner.createOrganization", "embedded", context).roster.default, "embedded");
});

test("the example tells of the fallback and of the honest refusal", () => {
  const example = fileURLToPath(new URL("main.mjs", import.meta.url));
  const said = execFileSync(process.execPath, [example, componentPath()], { encoding: "utf8" });
  assert.equal(
    said,
    `added \`primary\`, revision 2
added \`spare\`, revision 3
a write goes to \`primary\`
  default: primary selected
  fallback (1): spare not-reached
\`primary\` fails: network, connection refused
a write goes to \`spare\`, degraded
  default: primary invalid (network)
  fallback (1): spare selected
\`spare\` fails: quota, the bucket is full
a write is refused: unavailable, try again in 5 s
  default: primary invalid (network)
  fallback (1): spare invalid (quota)
`,
  );
});
