// The component in jco: read, transpiled, instantiated.
//
// jco turns a component into JavaScript that calls its core modules. What it makes is used at once and
// kept nowhere, so the component's file is the only thing that can be out of date.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { transpile } from "@bytecodealliance/jco";

/** Where `cargo xtask component` leaves the component. */
const BUILT = fileURLToPath(new URL("../../target/component/policy.wasm", import.meta.url));

/** Returns the path of the component to run: the first argument, `BACKSTOP_COMPONENT`, or the build's. */
export function componentPath() {
  return process.argv[2] ?? process.env.BACKSTOP_COMPONENT ?? BUILT;
}

/** Imports for whoever calls the planner alone, which calls none of them. */
const NONE = {
  storage: { load: missing("storage.load"), commit: missing("storage.commit") },
  validator: { validate: missing("validator.validate") },
};

/**
 * Reads a component and returns the function that makes a `Policy` of it, on the imports
 * `{ storage, validator }`; without them, it can answer for the planner.
 *
 * Throws if the file cannot be read or is no component.
 */
export async function loadPolicy(path) {
  const { files } = await transpile(await readFile(path), {
    name: "policy",
    // Imports are values of this program, not modules that are found by their names.
    instantiation: "sync",
    noTypescript: true,
    wasiShim: false,
  });
  const { instantiate } = await importText(files["policy.js"]);
  const modules = new Map(
    Object.entries(files)
      .filter(([name]) => name.endsWith(".wasm"))
      .map(([name, bytes]) => [name, new WebAssembly.Module(bytes)]),
  );
  return ({ storage, validator } = NONE) =>
    new Policy(() =>
      instantiate((name) => modules.get(name), {
        "backstop:policy/storage": storage,
        "backstop:policy/validator": validator,
      }),
    );
}

/** The policy on one storage and one validator, which it calls synchronously. */
class Policy {
  #instantiate;
  #instance;

  constructor(instantiate) {
    this.#instantiate = instantiate;
  }

  /**
   * Calls a function of the interface `planner` or `control`.
   *
   * Throws an error with a `payload` where the function's result is one: the contract's own error. Any
   * other error is a bug of the component, or comes from an import; the instance may have stopped in
   * the middle of something, so it is never entered again, and the next call gets a new one.
   */
  call(name, ...args) {
    const [face, method] = name.split(".");
    this.#instance ??= this.#instantiate();
    try {
      return this.#instance[face][method](...args);
    } catch (error) {
      if (!Object.hasOwn(error, "payload")) this.#instance = undefined;
      throw error;
    }
  }
}

function missing(name) {
  return () => {
    throw new Error(`there is no ${name}: this policy was made without imports`);
  };
}

async function importText(text) {
  const folder = await mkdtemp(join(tmpdir(), "backstop-jco-"));
  try {
    const file = join(folder, "policy.mjs");
    await writeFile(file, text);
    return await import(pathToFileURL(file));
  } finally {
    await rm(folder, { recursive: true });
  }
}
