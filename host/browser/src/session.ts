//! What a person has done here: a case, how far it is played, the clock, and the next change.
//!
//! A session is a value. Each function returns a new one, so that whatever fails leaves the session
//! that there was.

import type { Draft, Scene } from './draft';
import { draftShape, steps } from './draft';
import { LATEST } from './format';
import type { Answer, Played } from './play';
import { play, playAll, playNow } from './play';
import type { RosterData } from './policy';
import { planner } from './policy';
import type { Shape } from './schema';
import { ShapeError, list, one, optional, record, text, whole } from './schema';
import type { By, Case, Given, Step } from './vector';
import { caseShape, rosterOf } from './vector';

/** One thing that was done: so many steps at once, and where the clock stood before. */
export interface Batch {
  count: number;
  clock: number;
}

export interface Entry extends Played {
  /** What an imported case expects; null for what was done here. */
  expect: Answer | null;
}

export interface Session {
  name: string;
  why: string;
  rules: string[];
  given: Given | null;
  history: Entry[];
  batches: Batch[];
  /** How many entries of the history are done; the rest can be redone. */
  cursor: number;
  clock: number;
  size: number | null;
  copies: string[];
  by: By;
  draft: Draft | null;
}

/** The most that a session keeps; a link of more would be refused by those who read it. */
export const MOST_STEPS = 1_000;

/** Returns the roster on which something at that time is done. */
export function rosterAt(session: Session, at: number): RosterData | null {
  const last = session.history[session.cursor - 1];
  if (last !== undefined) return last.roster;
  // The vectors' rule: the given route is what a write uses at the time of the first step.
  return session.given === null ? null : rosterOf(session.given, at);
}

export function rosterNow(session: Session): RosterData | null {
  return rosterAt(session, session.clock);
}

export function scene(session: Session): Scene {
  const { clock, size, by } = session;
  return { roster: rosterNow(session), clock, size, by, ids: everyId(session) };
}

/** Every id that was ever used, also by what was deleted or undone (HOST-2). */
export function everyId(session: Session): string[] {
  const rosters = [session.history[0]?.before ?? rosterNow(session), ...session.history.map((one) => one.roster)];
  return [...new Set(rosters.flatMap((roster) => roster?.backends.map((one) => one.id) ?? []))];
}

/** The draft as it would be played. */
export interface Preview {
  draft: Draft;
  steps: Step[];
  errors: Record<string, string>;
  played: Played[];
  /** What is still to be played, since it needs a probe: a promise of all. */
  rest: Promise<Played[]> | null;
  /** Why the policy could not be asked at all. */
  failed: string | null;
}

/** Plays the draft without doing it. */
export function preview(session: Session): Preview | null {
  const { draft } = session;
  if (draft === null) return null;
  const bare = { draft, steps: [], errors: {}, played: [], rest: null, failed: null };
  try {
    const drafted = steps(draft, scene(session));
    const first = drafted.steps[0];
    let roster = first === undefined ? null : rosterAt(session, first.at);
    const played: Played[] = [];
    for (const step of drafted.steps) {
      const one = playNow(step, roster);
      if (one === null) {
        return { ...bare, ...drafted, rest: playAll(drafted.steps, rosterAt(session, step.at)) };
      }
      played.push(one);
      roster = one.roster;
      // What follows rests on what was refused.
      if (one.came === 'refused') break;
    }
    return { ...bare, ...drafted, played };
  } catch (error) {
    return { ...bare, failed: (error as Error).message };
  }
}

/** Adds what was played as one thing that was done; what could be redone is gone. */
export function apply(session: Session, played: Played[]): Session {
  const last = played.at(-1);
  if (last === undefined) return session;
  const done = trimmed(session);
  const entries = played.map((one) => ({ ...one, expect: null }));
  return {
    ...session,
    history: [...done.history, ...entries],
    batches: [...done.batches, { count: played.length, clock: session.clock }],
    cursor: session.cursor + played.length,
    clock: last.step.at,
    draft: null,
  };
}

/** The history without what could be redone; a batch that was half undone is cut. */
function trimmed(session: Session): Pick<Session, 'history' | 'batches'> {
  const batches: Batch[] = [];
  let left = session.cursor;
  for (const batch of session.batches) {
    if (left <= 0) break;
    batches.push({ ...batch, count: Math.min(batch.count, left) });
    left -= batch.count;
  }
  return { history: session.history.slice(0, session.cursor), batches };
}

/** Plays a question on the roster as it is, and returns the session that keeps its answer. */
export async function ask(session: Session, step: Step): Promise<Session> {
  const played = await play(step, rosterAt(session, step.at));
  return { ...apply(session, [played]), draft: session.draft };
}

/** Takes back what was done last; null if nothing was. */
export function undo(session: Session): Session | null {
  if (session.cursor === 0) return null;
  let end = 0;
  for (const batch of session.batches) {
    if (session.cursor <= end + batch.count) {
      return { ...session, cursor: end, clock: batch.clock };
    }
    end += batch.count;
  }
  return null;
}

/** Does again what was taken back last; null if nothing was. */
export function redo(session: Session): Session | null {
  let end = 0;
  for (const batch of session.batches) {
    end += batch.count;
    if (session.cursor < end) return goTo(session, end);
  }
  return null;
}

/** Goes to where so many entries are done. */
export function goTo(session: Session, cursor: number): Session {
  const clock = session.history[cursor - 1]?.step.at ?? session.batches[0]?.clock ?? session.clock;
  return { ...session, cursor, clock };
}

export function setClock(session: Session, clock: number): Session {
  return { ...session, clock: Math.min(Math.max(clock, 0), LATEST) };
}

// ---- From and to data ----

/** How a case is looked at first. */
export interface Look {
  clock?: number;
  size?: number | null;
  copies?: string[];
  by?: By;
}

/**
 * Plays a case and returns the session at its end.
 *
 * Throws a `ShapeError` that names the step which the policy cannot even be asked.
 */
export async function start(one: Case, look: Look = {}): Promise<Session> {
  if (one.steps.length > MOST_STEPS) {
    throw new ShapeError('steps', `has more than ${MOST_STEPS} items`);
  }
  const history: Entry[] = [];
  const batches: Batch[] = [];
  const first = one.steps[0]?.at ?? look.clock ?? 0;
  let roster: RosterData | null;
  try {
    roster = one.given === null ? null : rosterOf(one.given, first);
    // A question makes the policy read all of it, before it is shown.
    if (roster !== null) planner.check(roster);
  } catch (error) {
    throw new ShapeError('given', `cannot be read by the policy: ${(error as Error).message}`);
  }
  for (const [index, step] of one.steps.entries()) {
    let played: Played;
    try {
      played = await play(step, roster);
    } catch (error) {
      throw new ShapeError(`steps[${index}]`, `cannot be played: ${(error as Error).message}`);
    }
    batches.push({ count: 1, clock: one.steps[index - 1]?.at ?? step.at });
    history.push({ ...played, expect: one.expects[index] ?? null });
    roster = played.roster;
  }
  const sizes = one.steps.flatMap((step) => (step.do === 'select' || step.do === 'resolve' ? [step.size] : []));
  return {
    name: one.name,
    why: one.why,
    rules: one.rules,
    given: one.given,
    history,
    batches,
    cursor: history.length,
    clock: look.clock ?? one.steps.at(-1)?.at ?? 0,
    size: look.size !== undefined ? look.size : (sizes.at(-1) ?? null),
    copies: look.copies ?? one.steps.flatMap((step) => (step.do === 'route-read' ? [step.copies] : [])).at(-1) ?? [],
    by: look.by ?? 'organization',
    draft: null,
  };
}

/** The case that the session shows: what is done of it, and what is on the screen as its last step. */
export async function toCase(session: Session): Promise<Case> {
  let shown = { ...session, ...trimmed(session) };
  const last = shown.history.at(-1)?.step;
  const { clock, size } = session;
  const said = last?.do === 'select' && last.at === clock && last.size === size;
  if (!said) shown = await ask(shown, { do: 'select', size, at: clock });
  return {
    name: session.name,
    why: session.why,
    rules: session.rules,
    given: session.given,
    steps: shown.history.map((entry) => entry.step),
    expects: shown.history.map((entry) => entry.answer),
  };
}

const stored = record({
  case: caseShape,
  batches: list(list(whole(LATEST), 2)),
  cursor: whole(MOST_STEPS),
  clock: whole(LATEST),
  size: optional(whole()),
  copies: list(text(), 1_000),
  by: one(['organization', 'platform']),
  draft: optional(draftShape),
});

/** The whole session as data, for a link. */
export function toData(session: Session): unknown {
  const { name, why, rules, given, clock, size, copies, by, draft, cursor } = session;
  const steps = session.history.map((entry) => bare(entry.step));
  return {
    case: { name, why, rules, given: bare(given), steps },
    batches: session.batches.map((batch) => [batch.count, batch.clock]),
    cursor, clock, size, copies, by, draft,
  };
}

/** Leaves out what is null, so that links are short. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(fields.map(([key, one]) => [key, bare(one)]));
}

/**
 * Reads a session and plays all of it.
 *
 * Throws a `ShapeError` with the path of what is wrong: then there is no session at all.
 */
export async function fromData(data: unknown): Promise<Session> {
  const read = (stored as Shape<ReturnType<typeof stored>>)(data, '');
  const batches = read.batches.map(([count = 0, clock = 0], index) => {
    if (count === 0) throw new ShapeError(`batches[${index}][0]`, 'is `0`, expected at least one step');
    return { count, clock };
  });
  const total = batches.reduce((sum, batch) => sum + batch.count, 0);
  const { length } = read.case.steps;
  if (total !== length) throw new ShapeError('batches', `has ${total} steps, but there are ${length}`);
  if (read.cursor > length) throw new ShapeError('cursor', `is \`${read.cursor}\`, but there are ${length} steps`);
  const { clock, size, copies, by } = read;
  const session = await start(read.case, { clock, size, copies, by });
  const whole_ = { ...session, batches, cursor: read.cursor, clock, draft: read.draft };
  const shown = preview(whole_);
  if (shown?.failed) throw new ShapeError('draft', `cannot be played: ${shown.failed}`);
  return whole_;
}
