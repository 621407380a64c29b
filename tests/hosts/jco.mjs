// The player of the component in jco; see README.md.
//
//     node tests/hosts/jco.mjs [component.wasm]
//
// `npm ci` in examples/jco installs what it needs.

import { readFileSync } from "node:fs";

import { componentPath, loadPolicy } from "../../examples/jco/policy.mjs";

const contract = JSON.parse(readFileSync(new URL("../../wit/contract.json", import.meta.url), "utf8"));

// ---- Values: canonical JSON to jco's, and back ----

/**
 * Parses JSON whose numbers may be larger than JavaScript's: one of 16 digits or more is read as a
 * string of them, which `BigInt` takes as it takes a number. Texts are matched first, so that digits
 * within them are left alone.
 */
function parse(line) {
  const quoted = (token) => (token.startsWith('"') ? token : `"${token}"`);
  return JSON.parse(line.replace(/"(?:[^"\\]|\\.)*"|\d{16,}/g, quoted));
}

/** jco spells `max-blob-bytes` as `maxBlobBytes`. */
const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());

/** Makes the function that `build` makes for a type, once for each that has a name. */
function perType(build) {
  const made = new Map();
  return (type) => {
    if (typeof type !== "string") return build(type);
    if (!made.has(type)) made.set(type, build(contract.types[type] ?? type));
    return made.get(type);
  };
}

/** Returns the function that makes jco's value of a type from a JSON value. */
const reader = perType((type) => {
  if (type === "u64") return BigInt;
  if (type === "u32" || type === "string" || type === "bool") return (json) => json;
  if (type.alias) return reader(type.alias);
  if (type.enum) return (json) => json;
  if (type.option) {
    const read = reader(type.option);
    return (json) => (json === null ? undefined : read(json));
  }
  if (type.list) {
    const read = reader(type.list);
    return (json) => json.map((item) => read(item));
  }
  if (type.record) {
    const fields = type.record.map((field) => [field.name, camel(field.name), reader(field.type)]);
    return (json) => {
      const value = {};
      for (const [name, key, read] of fields) {
        if (!Object.hasOwn(json, name)) throw new Error(`there is no field \`${name}\``);
        value[key] = read(json[name]);
      }
      return value;
    };
  }
  if (type.variant) {
    const cases = payloads(type.variant, reader);
    return (json) => {
      if (typeof json === "string") return { tag: json };
      const [[tag, payload]] = Object.entries(json);
      return { tag, val: cases.get(tag)(payload) };
    };
  }
  throw new Error(`there is no reader for the type ${JSON.stringify(type)}`);
});

/** Returns the function that writes jco's value of a type as canonical JSON. */
const writer = perType((type) => {
  if (type === "u64" || type === "u32" || type === "bool") return String;
  // What `JSON.stringify` escapes is what the canonical form does.
  if (type === "string") return JSON.stringify;
  if (type.alias) return writer(type.alias);
  if (type.enum) return (value) => `"${value}"`;
  if (type.option) {
    const write = writer(type.option);
    return (value) => (value === undefined ? "null" : write(value));
  }
  if (type.list) {
    const write = writer(type.list);
    return (value) => `[${value.map((item) => write(item)).join()}]`;
  }
  if (type.record) {
    const fields = type.record
      .map((field) => [field.name, camel(field.name), writer(field.type)])
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return (value) => `{${fields.map(([name, key, write]) => `"${name}":${write(value[key])}`).join()}}`;
  }
  if (type.variant || type.result) {
    const cases = type.variant
      ? payloads(type.variant, writer)
      : new Map([
          ["ok", writer(type.result.ok)],
          ["err", writer(type.result.err)],
        ]);
    return ({ tag, val }) => {
      const write = cases.get(tag);
      return write ? `{"${tag}":${write(val)}}` : `"${tag}"`;
    };
  }
  throw new Error(`there is no writer for the type ${JSON.stringify(type)}`);
});

function payloads(cases, perCase) {
  return new Map(cases.map(({ name, type }) => [name, type === null ? undefined : perCase(type)]));
}

// ---- Calls ----

/** Calls a function with the parameters that a request names; returns its result as canonical JSON. */
function call(policy, request) {
  const [face, name] = request.call.split(".");
  const signature = contract.exports[face]?.[name];
  if (signature === undefined) throw new Error(`there is no call \`${request.call}\``);
  const args = signature.params.map((param) => {
    if (!Object.hasOwn(request, param.name)) throw new Error(`there is no parameter \`${param.name}\``);
    return reader(param.type)(request[param.name]);
  });
  const write = writer(signature.result);
  const method = `${face}.${camel(name)}`;
  if (!signature.result.result) return write(policy.call(method, ...args));
  try {
    return write({ tag: "ok", val: policy.call(method, ...args) });
  } catch (error) {
    if (!Object.hasOwn(error, "payload")) throw error;
    return write({ tag: "err", val: error.payload });
  }
}

/** Stands for an organization that does not exist: what its first commit is applied to. */
const NOTHING = reader("roster")({
  revision: 0,
  default: null,
  fallbacks: [],
  policy: {
    "max-fallbacks": 1,
    fall: 1,
    rise: 1,
    "hold-down": 0,
    "stale-after": 2_100_000,
    "check-every": 1_800_000,
    "check-others-every": 86_400_000,
    tail: [],
    "last-resort": "refuse",
  },
  route: null,
  backends: [],
});

/** The host of one use case: what its request gives, and what came of it. */
class Stage {
  commits = 0;
  probed = [];
  #conflicts;
  #given;
  #outcomes = new Map();
  #planner;

  constructor(given, planner) {
    this.#given = given;
    this.#conflicts = given.conflicts;
    this.#planner = planner;
    this.finishedAt = BigInt(given["finished-at"]);
    this.roster = given.roster === null ? undefined : reader("roster")(given.roster);
    for (const [id, outcome] of Object.entries(given.outcomes)) {
      this.#outcomes.set(id, reader("outcome")(outcome));
    }
  }

  load() {
    if (this.#given["load-error"] !== null) throw { tag: "failed", val: this.#given["load-error"] };
    if (this.roster === undefined) throw { tag: "organization-not-found" };
    return this.roster;
  }

  commit(expectedRevision, changeSet) {
    this.commits += 1;
    if (this.#conflicts > 0) {
      this.#conflicts -= 1;
      throw { tag: "conflict" };
    }
    const error = this.#given["commit-error"];
    if (error !== null) throw error === "id-taken" ? { tag: error } : { tag: "failed", val: error };
    const roster = this.roster ?? NOTHING;
    if (roster.revision !== expectedRevision) throw { tag: "conflict" };
    this.roster = this.#planner.call("planner.apply", roster, changeSet);
    return this.roster.revision;
  }

  validate(backend, generation) {
    this.probed.push([backend, generation]);
    return { outcome: this.#outcomes.get(backend) ?? { tag: "ok" }, finishedAt: this.finishedAt };
  }
}

/** Answers requests: pure calls on one instance, use cases on another over the stage of each. */
class Player {
  #planner;
  #control;
  #stage;

  constructor(instantiate) {
    this.#planner = instantiate();
    this.#control = instantiate({
      storage: {
        load: (_organization) => this.#stage.load(),
        commit: (_organization, ...args) => this.#stage.commit(...args),
      },
      validator: { validate: (_organization, ...args) => this.#stage.validate(...args) },
    });
  }

  answer(line) {
    try {
      const request = parse(line);
      if (!request.call.startsWith("control.")) return call(this.#planner, request);
      this.#stage = new Stage(request.given, this.#planner);
      const result = call(this.#control, request);
      const { commits, probed, roster } = this.#stage;
      const probes = probed.map(([id, generation]) => `[${JSON.stringify(id)},${generation}]`);
      const left = writer({ option: "roster" })(roster);
      return `{"commits":${commits},"probed":[${probes}],"result":${result},"roster":${left}}`;
    } catch (error) {
      return JSON.stringify({ failed: String(error.message ?? error) });
    }
  }
}

const player = new Player(await loadPolicy(componentPath()));
let rest = "";
for await (const chunk of process.stdin.setEncoding("utf8")) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  if (lines.length > 0) process.stdout.write(lines.map((line) => `${player.answer(line)}\n`).join(""));
}
if (rest !== "") process.stdout.write(`${player.answer(rest)}\n`);
