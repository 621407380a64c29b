// In modules.

import {
  type ChangeSet,
  type Command,
  type CommitAnswer,
  type Decision,
  type Event,
  type Probe,
  type Refusal,
  type Result,
  type RosterData,
  type Storage,
  type Validator,
  type Verdict,
  BackstopError,
  Control,
  InvalidInputError,
  MemoryStorage,
  Roster,
  StorageError,
  defaultPolicy,
  emptyRoster,
  moduleHash,
  planner,
  version,
} from 'backstop';
import { type Api, ForeignModuleError, instantiate } from 'backstop/core';
import * as core from 'backstop/core';
import { planner as inlinePlanner } from 'backstop/inline';

const data: RosterData = emptyRoster();
const prepared = new Roster(data);
const context = { organization: 'acme', actor: 'me', now: 0 };

// ---- The planner ----

{
  using short = new Roster(data);
  const revision: number = short.revision;
}

const selected: Result<Decision, Refusal> = planner.select(prepared, { size: null }, 0);
if (selected.ok) {
  const place: string = selected.value.backend.id;
  // @ts-expect-error a decision has no reason
  selected.value.reason;
  void place;
} else {
  const { reason } = selected.error;
  const until: number | null = reason.type === 'unavailable' ? reason.retryAt : null;
  // @ts-expect-error a refusal has no value
  selected.value;
  void until;
}
// @ts-expect-error a size is a number
planner.select(data, { size: '1' }, 0);
// @ts-expect-error a time is needed
planner.select(data, {});
// @ts-expect-error a field is misspelled
planner.select({ ...data, polcy: defaultPolicy() }, {}, 0);
// @ts-expect-error a roster has all of its fields
planner.check({ revision: 0 });

function explain(verdict: Verdict): string {
  switch (verdict.type) {
    case 'invalid':
      return verdict.class ?? 'unknown';
    case 'recovering':
      return String(verdict.until);
    case 'too-large':
      return String(verdict.limit);
    case 'drained':
    case 'last-resort':
    case 'maintenance':
    case 'not-reached':
    case 'selected':
    case 'vacant':
      return verdict.type;
    default: {
      const nothing: never = verdict;
      return nothing;
    }
  }
}
void explain;

const commands: Command[] = [
  {
    type: 'create',
    create: { id: 'a', name: 'primary', kind: 'external', provider: 'OCI', location: 'x', fallback: true },
  },
  { type: 'update', update: { backend: 'a', default: true, mode: undefined } },
  { type: 'delete', backend: 'a' },
  { type: 'set-policy', policy: { ...defaultPolicy(), tail: ['inline'] } },
  // @ts-expect-error there is no such command
  { type: 'destroy' },
  // @ts-expect-error there is no such mode
  { type: 'update', update: { backend: 'a', mode: 'readonly' } },
];
for (const command of commands) {
  const plan = planner.plan(data, command, context);
  if (plan.ok) explainEvents(plan.value.changeSet.events);
  else if (plan.error.includes('role-conflict')) continue;
  // @ts-expect-error there is no such code
  else plan.error.includes('role-conflicts');
}

function explainEvents(events: Event[]) {
  for (const { kind } of events) {
    if (kind.type === 'default-changed') void [kind.from?.length, kind.to.length, kind.cause];
    if (kind.type === 'status-changed') void [kind.failure?.class, kind.recovery];
    // @ts-expect-error a deletion has no cause
    if (kind.type === 'backend-deleted') void kind.cause;
  }
}

const roster: Roster = prepared.apply({ revision: 1, changes: [], events: [] });
const read: RosterData = roster.data;
// @ts-expect-error what was prepared does not change
roster.revision = 2;
const { applied, plan: observed } = roster.observe(
  { backend: 'a', generation: 1, finishedAt: 0, outcome: { type: 'failed', failure: { class: 'auth', message: '' } } },
  context,
);
const next: number | null = roster.nextDue('a', 0);
void [read, applied, observed.changeSet.revision, next];

// ---- The use cases ----

class Later implements Storage, Validator {
  async load(organization: string): Promise<RosterData | null> {
    return organization === 'acme' ? data : null;
  }
  commit(_organization: string, expectedRevision: number, changeSet: ChangeSet): CommitAnswer {
    return changeSet.revision === expectedRevision + 1 ? 'committed' : 'conflict';
  }
  async validate(organization: string, backend: string, generation: number, { signal }: { signal: AbortSignal }): Promise<Probe> {
    signal.throwIfAborted();
    void [organization, backend, generation];
    return { outcome: { type: 'ok' }, finishedAt: 0 };
  }
}

const control = new Control({ storage: new Later(), validator: new Later(), timeout: null });
new Control({ storage: new MemoryStorage({ acme: prepared }), validator: new Later(), pause: 0 });
// @ts-expect-error there is no validator
new Control({ storage: new MemoryStorage() });
// @ts-expect-error a commit has no such answer
new Control({ storage: { load: () => null, commit: () => 'done' }, validator: new Later() });

async function use(signal: AbortSignal) {
  const resolution = await control.resolve({ size: 1 }, { ...context, by: 'platform' }, { signal });
  if (resolution.ok) void [resolution.value.answer.ok, resolution.value.due.length];
  else void [resolution.error.codes, resolution.error.failure?.message];
  const validation = await control.validate('a', context);
  if (validation.ok && validation.value.probe !== null) void validation.value.probe.outcome.type;
  try {
    await control.setPolicy(defaultPolicy(), context);
  } catch (error) {
    if (error instanceof InvalidInputError) void error.path.length;
    if (error instanceof StorageError) void [error.uncertain, error.cause];
    if (error instanceof BackstopError) {
      const code:
        | 'aborted'
        | 'foreign-module'
        | 'invalid-input'
        | 'policy-trap'
        | 'storage-failed'
        | 'storage-shape'
        | 'storage-timeout' = error.code;
      void code;
    }
  }
}
void use;

// ---- The other entries ----

const api: Api = instantiate({} as WebAssembly.Module);
const again: Result<Decision, Refusal> = api.planner.select(new api.Roster(data), {}, 0);
const text: string = version + moduleHash;
void [again, text, inlinePlanner.check(data), ForeignModuleError];
// @ts-expect-error the core has no planner before there is a module
void core.planner;
