// Changes a WebAssembly module in place, for tests of modules that are foreign or broken.

import { readFileSync } from 'node:fs';

/** Returns the bytes of the package's module. */
export function moduleBytes() {
  return new Uint8Array(readFileSync(new URL('../../dist/backstop.wasm', import.meta.url)));
}

/** Returns the module with an exported function that traps as soon as it is called. */
export function trapping(bytes, name) {
  const changed = bytes.slice();
  const sections = sectionsOf(changed);
  let imported = 0;
  const imports = new Reader(changed, sections.get(2).start);
  for (let count = imports.number(); count > 0; count--) {
    imports.text();
    imports.text();
    if (imports.import() === 'function') imported++;
  }
  const exports = new Reader(changed, sections.get(7).start);
  let index;
  for (let count = exports.number(); count > 0; count--) {
    const found = exports.text();
    const kind = exports.byte();
    const number = exports.number();
    if (found === name && kind === 0) index = number;
  }
  if (index === undefined) throw new Error(`the module exports no function \`${name}\``);
  const code = new Reader(changed, sections.get(10).start);
  for (let count = code.number(), at = imported; count > 0; count--, at++) {
    const size = code.number();
    // No locals, `unreachable`, then `nop` up to the `end`.
    if (at === index) changed.fill(1, code.at, code.at + size).set([0, 0], code.at);
    if (at === index) changed[code.at + size - 1] = 0x0b;
    code.at += size;
  }
  return changed;
}

/** Returns the module under another name: as another version of the package would have it. */
export function renamed(bytes) {
  const changed = bytes.slice();
  changed[changed.length - 1] ^= 1;
  return changed;
}

function sectionsOf(bytes) {
  const sections = new Map();
  const reader = new Reader(bytes, 8);
  while (reader.at < bytes.length) {
    const kind = reader.byte();
    const size = reader.number();
    sections.set(kind, { start: reader.at, size });
    reader.at += size;
  }
  return sections;
}

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  text() {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  /** Reads what is imported; returns whether it is a function. */
  import() {
    const kind = this.byte();
    if (kind !== 0) throw new Error('the module imports nothing but functions');
    this.number();
    return 'function';
  }
}
