//! Plays one step of a vector on a roster: asks the policy, and says what came of it as the vectors
//! do. The in-memory host of the page, so to say.

import type { Change, Code, Context, Event, Observed, Outcome, Plan, RosterData, TraceEntry } from './policy';
import { Control, planner } from './policy';
import type { Decision, Refusal } from './policy';
import { backendOf, failureClass, policyOf } from './vector';
import type { Step } from './vector';
import { eventCode, positionCode, refusalCode, verdictCode } from './words';

/** An answer as the vectors write it. */
export type Answer = Record<string, unknown>;

/** What came of a step. */
export interface Played {
  step: Step;
  /** What a vector expects of the step. */
  answer: Answer;
  /** The roster before. */
  before: RosterData | null;
  /** The roster afterwards. */
  roster: RosterData | null;
  /**
   * `committed`; `nothing`, since nothing changes; `dropped`, of an observation; `refused`, of a
   * command; `answered`, of a question.
   */
  came: 'committed' | 'nothing' | 'dropped' | 'refused' | 'answered';
  codes: Code[];
  changes: Change[];
  events: Event[];
}

const ORGANIZATION = 'preview';

/** Asks the policy, and returns what came of it; `roster` is null if there is no organization. */
export async function play(step: Step, roster: RosterData | null): Promise<Played> {
  const planned = playNow(step, roster);
  return planned ?? resolve(step as Step & { do: 'resolve' }, roster as RosterData);
}

/** Plays every step, each on the roster that the one before leads to. */
export async function playAll(steps: Step[], roster: RosterData | null): Promise<Played[]> {
  const all: Played[] = [];
  let current = roster;
  for (const step of steps) {
    const played = await play(step, current);
    all.push(played);
    current = played.roster;
  }
  return all;
}

/** Plays what needs no probe, at once; null for `resolve` of an organization that there is. */
export function playNow(step: Step, roster: RosterData | null): Played | null {
  const context: Context = { organization: ORGANIZATION, actor: 'preview', now: step.at };
  if (step.do === 'create-organization') {
    if (roster !== null) return refused(step, roster, ['organization-taken']);
    const plan = planner.createOrganization(step.id, context);
    return plan.ok ? committed(step, null, plan.value, null) : refused(step, null, plan.error);
  }
  if (roster === null) return refused(step, null, ['organization-not-found']);
  switch (step.do) {
    case 'create': {
      const backend = backendOf(step.backend);
      const { id, name, kind, provider, location, description, mode } = backend;
      const create = {
        id, name, kind, provider, location, description, mode,
        maxBlobBytes: step.backend['max-blob-bytes'],
        default: step.default,
        fallback: step.fallback,
        checked: step.checked,
      };
      const plan = planner.plan(roster, { type: 'create', create }, { ...context, by: step.by });
      return plan.ok ? committed(step, roster, plan.value, id) : refused(step, roster, plan.error);
    }
    case 'update': {
      const update = {
        backend: step.backend,
        description: step.description,
        maxBlobBytes: step['max-blob-bytes'],
        default: step.default,
        fallback: step.fallback,
        mode: step.mode,
        rotate: step.rotate,
        checked: step.checked,
      };
      const plan = planner.plan(roster, { type: 'update', update }, { ...context, by: step.by });
      return plan.ok
        ? committed(step, roster, plan.value, step.backend)
        : refused(step, roster, plan.error);
    }
    case 'delete': {
      const command = { type: 'delete', backend: step.backend } as const;
      const plan = planner.plan(roster, command, { ...context, by: step.by });
      return plan.ok ? committed(step, roster, plan.value, null) : refused(step, roster, plan.error);
    }
    case 'set-policy': {
      const command = { type: 'set-policy', policy: policyOf(step.policy) } as const;
      const plan = planner.plan(roster, command, context);
      return plan.ok ? committed(step, roster, plan.value, null) : refused(step, roster, plan.error);
    }
    case 'observe': {
      const known = roster.backends.find((backend) => backend.id === step.backend);
      const observation = {
        backend: step.backend,
        generation: step.generation ?? known?.generation ?? 1,
        finishedAt: step['finished-at'] ?? step.at,
        outcome: outcome(step.outcome),
      };
      const observed: Observed = planner.observe(roster, observation, context);
      const played = committed(step, roster, observed.plan, step.backend);
      return observed.applied ? played : { ...played, came: 'dropped' };
    }
    case 'select':
      return answered(step, roster, selection(planner.select(roster, { size: step.size }, step.at)));
    case 'due':
      return answered(step, roster, { due: planner.due(roster, step.at) });
    case 'next-due':
      return answered(step, roster, { next: planner.nextDue(roster, step.backend, step.at) });
    case 'route-read': {
      const tries = planner.routeRead(roster, step.copies, step.at);
      return answered(step, roster, { try: tries.map((one) => [one.backend, one.reason]) });
    }
    case 'check':
      return answered(step, roster, { violations: planner.check(roster) });
    case 'resolve':
      return null;
  }
}

/** Runs the use case over a storage of one roster and a validator that answers by the script. */
async function resolve(step: Step & { do: 'resolve' }, roster: RosterData): Promise<Played> {
  let stored = roster;
  const changes: Change[] = [];
  const events: Event[] = [];
  const probed: string[] = [];
  const control = new Control({
    storage: {
      load: () => stored,
      commit: (_organization, expected, changeSet) => {
        if (expected !== stored.revision) return 'conflict';
        stored = planner.apply(stored, changeSet);
        changes.push(...changeSet.changes);
        events.push(...changeSet.events);
        return 'committed';
      },
    },
    validator: {
      validate: (_organization, backend) => {
        probed.push(backend);
        const script = Object.hasOwn(step.validator, backend) ? step.validator[backend] : undefined;
        return { outcome: outcome(script ?? 'ok'), finishedAt: step.at };
      },
    },
    pause: 0,
  });
  const context = { organization: ORGANIZATION, actor: 'preview', now: step.at };
  const resolution = await control.resolve({ size: step.size }, context);
  if (!resolution.ok) return refused(step, roster, resolution.error.codes);
  const { answer, due } = resolution.value;
  return {
    ...answered(step, roster, { ...selection(answer), due, probed, revision: stored.revision }),
    roster: stored,
    changes,
    events,
  };
}

function outcome(code: string): Outcome {
  if (code === 'ok') return { type: 'ok' };
  return { type: 'failed', failure: { class: failureClass(code), message: '' } };
}

function committed(step: Step, before: RosterData | null, plan: Plan, subject: string | null): Played {
  const { changeSet } = plan;
  const changes = changeSet.changes.length > 0;
  // What is shown and kept is what applying gives, as in any host (INV-7).
  const roster = !changes ? before : before === null ? plan.roster : planner.apply(before, changeSet);
  const backend = roster?.backends.find((one) => one.id === subject);
  const health = backend === undefined ? {} : { health: healthAnswer(backend.health) };
  return {
    step,
    answer: { events: changeSet.events.map((event) => eventCode(event.kind)), roster: rosterAnswer(roster), ...health },
    before,
    roster,
    came: changes ? 'committed' : 'nothing',
    codes: [],
    changes: changeSet.changes,
    events: changeSet.events,
  };
}

function refused(step: Step, roster: RosterData | null, codes: Code[]): Played {
  const bare = { step, before: roster, roster, changes: [], events: [] };
  return { ...bare, answer: { refused: codes }, came: 'refused', codes };
}

function answered(step: Step, roster: RosterData, answer: Answer): Played {
  const bare = { step, before: roster, roster, codes: [], changes: [], events: [] };
  return { ...bare, answer, came: 'answered' };
}

function rosterAnswer(roster: RosterData | null): Answer | null {
  if (roster === null) return null;
  return { revision: roster.revision, default: roster.default, fallbacks: roster.fallbacks };
}

function healthAnswer(health: RosterData['backends'][number]['health']): Answer {
  return {
    status: health.status,
    since: health.since,
    'checked-at': health.checkedAt,
    failures: health.failures,
    successes: health.successes,
    failure: health.failure?.class ?? null,
    excuse: health.excuse,
  };
}

type Selection = { ok: true; value: Decision } | { ok: false; error: Refusal };

function selection(answer: Selection): Answer {
  const trace = (entries: readonly TraceEntry[]) =>
    entries.map((entry) => [positionCode(entry.position), entry.backend?.id ?? null, verdictCode(entry.verdict)]);
  if (answer.ok) {
    const { backend, degraded } = answer.value;
    return { use: backend.id, degraded, trace: trace(answer.value.trace) };
  }
  const { reason } = answer.error;
  return {
    refused: refusalCode(answer.error),
    trace: trace(answer.error.trace),
    limit: reason.type === 'too-large' ? reason.limit : null,
    'retry-at': reason.type === 'unavailable' ? reason.retryAt : null,
  };
}
