// What the players of the npm package have in common; see README.md. It runs in Node and in a page.

/**
 * Returns a function from a request to its answer, both as lines, over what the package offers.
 *
 * Every question about a roster is asked twice, of the data and of a prepared roster, which must say
 * the same.
 */
export function player(backstop) {
  return async (line) => {
    let answer;
    try {
      const { call, ...parameters } = JSON.parse(line);
      const [interfaceName, name] = call.split('.');
      const play = { planner: ask, control: run }[interfaceName];
      if (play === undefined) throw new Error(`there is no call \`${call}\``);
      answer = await play(backstop, camel(name), parameters);
    } catch (error) {
      answer = { failed: `${error.name}: ${error.message}` };
    }
    return canonical(answer);
  };
}

// ---- The planner ----

function ask(backstop, name, { roster, ...parameters }) {
  const values = {
    context: (json) => fromJson(json),
    'change-set': (json) => changeSetFrom(json),
    command: (json) => variantFrom(json),
    observation: (json) => observationFrom(json),
  };
  const order = {
    apply: ['change-set'],
    check: [],
    createOrganization: ['inline', 'context'],
    due: ['now'],
    nextDue: ['backend', 'now'],
    observe: ['observation', 'context'],
    plan: ['command', 'context'],
    routeRead: ['copies', 'now'],
    select: ['request', 'now'],
  }[name];
  if (order === undefined) throw new Error(`the planner has no function \`${name}\``);
  const given = order.map((key) => (values[key] ?? fromJson)(parameters[key]));
  if (roster === undefined) return toJson(backstop.planner[name](...given));

  const data = fromJson(roster);
  const answer = toJson(backstop.planner[name](data, ...given));
  const prepared = new backstop.Roster(data);
  const again = prepared[name](...given);
  const same = toJson(again instanceof backstop.Roster ? again.data : again);
  prepared.free();
  if (canonical(same) !== canonical(answer)) {
    throw new Error(`a prepared roster answers otherwise: ${canonical(same)}, not ${canonical(answer)}`);
  }
  return answer;
}

// ---- The use cases ----

async function run(backstop, name, { given, context, ...parameters }) {
  const world = new World(backstop, given);
  const control = new backstop.Control({ storage: world, validator: world, pause: 0 });
  if (typeof control[name] !== 'function') throw new Error(`there is no use case \`${name}\``);
  const [parameter] = Object.values(parameters);
  let result;
  try {
    const answer = await control[name](fromJson(parameter), fromJson(context));
    result = answer.ok ? toJson(answer) : { err: { refused: toJson(answer.error) } };
  } catch (error) {
    if (!(error instanceof backstop.StorageError)) throw error;
    result = { err: { failed: error.cause.message } };
  }
  const { commits, probed, roster } = world;
  return { commits, probed, result, roster: toJson(roster) };
}

/** The scripted storage and validator; the one answers now and then later, the other always later. */
class World {
  commits = 0;
  probed = [];

  constructor(backstop, given) {
    this.backstop = backstop;
    this.given = given;
    this.conflicts = given.conflicts;
    this.roster = given.roster === null ? null : fromJson(given.roster);
  }

  async load() {
    const error = this.given['load-error'];
    if (error !== null) throw new Error(error);
    return this.roster;
  }

  commit(_organization, expectedRevision, changeSet) {
    this.commits++;
    if (this.conflicts > 0) {
      this.conflicts--;
      return 'conflict';
    }
    const error = this.given['commit-error'];
    if (error === 'id-taken') return error;
    if (error !== null) throw new Error(error);
    const before = this.roster ?? this.backstop.emptyRoster();
    if (before.revision !== expectedRevision) return 'conflict';
    this.roster = this.backstop.planner.apply(before, changeSet);
    return Promise.resolve('committed');
  }

  async validate(_organization, backend, generation) {
    this.probed.push([backend, generation]);
    const { outcomes } = this.given;
    const outcome = Object.hasOwn(outcomes, backend) ? outcomes[backend] : 'ok';
    return { outcome: variantFrom(outcome), finishedAt: this.given['finished-at'] };
  }
}

// ---- Values: the package's, and the contract's as JSON ----

/** The names that the package gives to what a case carries, where that is a single value. */
const CARRIED = {
  create: 'create',
  'create-backend': 'backend',
  'backend-deleted': 'backend',
  'default-vacated': 'from',
  delete: 'backend',
  'delete-backend': 'backend',
  failed: 'failure',
  'set-policy': 'policy',
  'set-route': 'route',
  update: 'update',
  'update-backend': 'backend',
};

/** The cases that carry a record, whose fields the package puts beside `type`. */
const FLAT = [
  'backend-created',
  'backend-updated',
  'credentials-rotated',
  'default-changed',
  'fallbacks-changed',
  'policy-changed',
  'route-changed',
  'set-roles',
  'status-changed',
];

function fromJson(json) {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [camel(key), fromJson(value)]));
}

function variantFrom(json) {
  if (typeof json === 'string') return { type: json };
  const [[type, carried]] = Object.entries(json);
  const value = fromJson(carried);
  return FLAT.includes(type) ? { type, ...value } : { type, [CARRIED[type]]: value };
}

function observationFrom(json) {
  return { ...fromJson(json), outcome: variantFrom(json.outcome) };
}

function changeSetFrom({ revision, changes, events }) {
  return {
    revision,
    changes: changes.map(variantFrom),
    events: events.map((event) => ({ ...fromJson(event), kind: variantFrom(event.kind) })),
  };
}

function toJson(value) {
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value.ok === 'boolean') {
    return value.ok ? { ok: toJson(value.value) } : { err: toJson(value.error) };
  }
  const { type, ...rest } = value;
  const fields = Object.entries(rest).map(([key, value]) => [kebab(key), toJson(value)]);
  if (type === undefined) return Object.fromEntries(fields);
  if (FLAT.includes(type)) return { [type]: Object.fromEntries(fields) };
  return fields.length === 0 ? type : { [type]: fields[0][1] };
}

const camel = (name) => name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
const kebab = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Keys are ASCII, so that sorting them as JavaScript does sorts their bytes. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}
