// A default backend, a fallback that takes over, and an honest refusal when neither works.
//
//     node main.mjs [component.wasm]

import { MemoryStorage, MemoryValidator } from "./memory.mjs";
import { componentPath, loadPolicy } from "./policy.mjs";

const MINUTE = 60_000n;
let now = BigInt(Date.UTC(2026, 0, 1, 12));

const instantiate = await loadPolicy(componentPath());
// A component cannot be entered while it waits for an import, so the storage asks another instance
// what a change-set leads to.
const planner = instantiate();
const storage = new MemoryStorage((...args) => planner.call("planner.apply", ...args));
const validator = new MemoryValidator(() => now);
const policy = instantiate({ storage, validator });

const context = () => ({ organization: "acme", actor: "operator", by: "organization", now, seen: undefined });

function add(id, roles) {
  const backend = {
    id,
    name: id,
    kind: "external",
    provider: "OCI",
    location: `registry.example/${id}`,
    description: "",
    maxBlobBytes: undefined,
    mode: "ready",
    default: false,
    fallback: false,
    checked: false,
    ...roles,
  };
  const { roster } = policy.call("control.create", backend, context());
  console.log(`added \`${id}\`, revision ${roster.revision}`);
}

function breakDown(id, failureClass, message) {
  now += MINUTE;
  validator.fail(id, failureClass, message);
  const { probe } = policy.call("control.validate", id, context());
  console.log(`\`${id}\` fails: ${probe.outcome.val.class}, ${probe.outcome.val.message}`);
}

function write() {
  const { answer } = policy.call("control.resolve", { size: undefined }, context());
  if (answer.tag === "ok") {
    const { backend, degraded } = answer.val;
    console.log(`a write goes to \`${backend.name}\`${degraded ? ", degraded" : ""}`);
  } else {
    const { tag, val } = answer.val.reason;
    const wait = val === undefined ? "" : `, try again in ${(val - now) / 1000n} s`;
    console.log(`a write is refused: ${tag}${wait}`);
  }
  for (const { position, backend, verdict } of answer.val.trace) {
    console.log(`  ${spell(position)}: ${backend?.name ?? "nobody"} ${spell(verdict)}`);
  }
}

/** Spells a variant: its code, and what it carries. */
function spell({ tag, val }) {
  return val === undefined ? tag : `${tag} (${val})`;
}

policy.call("control.createOrganization", "embedded", context());
add("primary", { default: true });
add("spare", { fallback: true });
write();
breakDown("primary", "network", "connection refused");
write();
breakDown("spare", "quota", "the bucket is full");
write();
