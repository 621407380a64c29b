// The table by which values are checked, and the types for TypeScript, against the contract.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as schema from '../src/schema.js';

const contract = JSON.parse(readFileSync(new URL('../../../wit/contract.json', import.meta.url), 'utf8'));
const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');

const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const pascal = (name) => camel(`-${name}`);

/** Returns a type of the contract without its aliases. */
function resolved(type) {
  while (typeof type === 'string' && contract.types[type] !== undefined) {
    const { alias } = contract.types[type];
    if (alias === undefined) return { name: type, ...contract.types[type] };
    type = alias;
  }
  return type;
}

/** The type of the table says what the type of the contract says. */
function same(ours, theirs, where) {
  theirs = resolved(theirs);
  switch (ours.is) {
    case 'text':
      return assert.equal(theirs, 'string', where);
    case 'bool':
      return assert.equal(theirs, 'bool', where);
    case 'number':
      return assert.equal(theirs, ours.most === 4_294_967_295 ? 'u32' : 'u64', where);
    case 'option':
      assert.ok(theirs.option, where);
      return same(ours.of, theirs.option, where);
    case 'list':
      assert.ok(theirs.list, where);
      return same(ours.of, theirs.list, where);
    case 'enum':
      assert.equal(ours.name, theirs.name, where);
      return assert.deepEqual(ours.codes, theirs.enum, where);
    case 'record':
      assert.equal(ours.name, theirs.name, where);
      return sameFields(ours.fields, theirs.record, where);
    case 'variant':
      assert.equal(ours.name, theirs.name, where);
      assert.deepEqual(Object.keys(ours.cases), theirs.variant.map(({ name }) => name), where);
      for (const { name, type } of theirs.variant) samePayload(ours.cases[name], type, `${where}.${name}`);
      return undefined;
    default:
      return assert.fail(`${where}: ${ours.is}`);
  }
}

function sameFields(fields, record, where) {
  assert.deepEqual(Object.keys(fields), record.map(({ name }) => camel(name)), where);
  for (const { name, type } of record) same(fields[camel(name)], type, `${where}.${name}`);
}

/** What a case carries stands under one name, or, if it is a record, as its fields. */
function samePayload(fields, type, where) {
  if (type === undefined || type === null) return assert.equal(fields, null, where);
  const payload = resolved(type);
  const names = Object.keys(fields);
  if (names.length === 1 && fields[names[0]].name === payload.name && fields[names[0]].is !== 'text') {
    return same(fields[names[0]], type, where);
  }
  if (payload.record) return sameFields(fields, payload.record, where);
  assert.equal(names.length, 1, where);
  return same(fields[names[0]], type, where);
}

const TABLE = Object.values(schema).filter((type) => typeof type === 'object' && type.name !== undefined);

test('the table has everything that the contract lets in', () => {
  const inward = new Set(['code']);
  const visit = (type) => {
    const found = resolved(type);
    if (typeof found === 'string') return;
    if (found.option ?? found.list) return visit(found.option ?? found.list);
    if (inward.has(found.name)) return undefined;
    inward.add(found.name);
    for (const { type } of found.record ?? found.variant ?? []) if (type) visit(type);
    return undefined;
  };
  for (const exported of Object.values(contract.exports)) {
    for (const { params } of Object.values(exported)) for (const { type } of params) visit(type);
  }
  visit('probe');
  const names = new Set(TABLE.flatMap(({ name }) => name));
  // The payloads of events are fields beside `type`, and have no name of their own; nor have roles.
  const flat = contract.types['event-kind'].variant.map(({ name }) => name).concat('roles');
  for (const name of inward) {
    assert.ok(names.has(name) || flat.includes(name) || name === 'code', `the table has no \`${name}\``);
  }
});

for (const type of TABLE) {
  test(`the table's ${type.name} is the contract's`, () => same(type, type.name, type.name));
}

// ---- Types for TypeScript ----

/** Returns what `index.d.ts` says after a name, up to the end of the declaration. */
function declared(name) {
  const found = types.match(new RegExp(`\\nexport (?:type ${name} =|interface ${name} \\{)([^]*?)\\n(?=\\n|$)`));
  assert.ok(found, `there is no type \`${name}\``);
  return found[1].replace(/\/\*\*[^]*?\*\//g, '');
}

const OWN_NAMES = { roster: 'RosterData', plan: 'Plan', 'read-try': 'ReadTry' };
// What is flat in a union of its own, or a result with a shape of its own.
const WITHOUT = [
  ...contract.types['event-kind'].variant.map(({ name }) => name),
  'roles',
  'control-error',
  'storage-error',
  'commit-error',
];

for (const [name, type] of Object.entries(contract.types)) {
  if (WITHOUT.includes(name)) continue;
  const own = OWN_NAMES[name] ?? pascal(name);
  if (type.enum) {
    test(`the type ${own} has the codes of the contract`, () => {
      const codes = [...declared(own).matchAll(/'([^']+)'/g)].map(([, code]) => code);
      assert.deepEqual(codes, type.enum);
    });
  } else if (type.record) {
    test(`the type ${own} has the fields of the contract`, () => {
      const fields = [...declared(own).matchAll(/^ {2}(\w+)\??:/gm)].map(([, field]) => field);
      assert.deepEqual(fields, type.record.map(({ name }) => camel(name)));
    });
  } else if (type.variant) {
    test(`the type ${own} has the cases of the contract`, () => {
      const cases = [...declared(own).matchAll(/type: '([^']+)'/g)].map(([, code]) => code);
      assert.deepEqual(cases, type.variant.map(({ name }) => name));
    });
  }
}
