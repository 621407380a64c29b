//! The one door to the policy. Every rule is behind it; the page has none of its own.

import type { FailureClass, Kind, LastResort, Mode, Status } from 'backstop/inline';

export { Control, defaultPolicy, planner } from 'backstop/inline';
export type {
  Backend, Change, Code, Context, Decision, Event, EventKind, FailureClass, Health, Kind, Mode, Observed, Outcome, Plan,
  Policy, Position, ReadReason, Refusal, RosterData, TraceEntry, Verdict,
} from 'backstop/inline';

import { planner } from 'backstop/inline';

export const select = planner.select;

export const KINDS = ['external', 'inline', 'managed'] as const satisfies Kind[];
export const MODES = ['ready', 'drain', 'maintenance'] as const satisfies Mode[];
export const STATUSES = ['valid', 'invalid'] as const satisfies Status[];
export const LAST_RESORTS = ['refuse', 'least-bad'] as const satisfies LastResort[];
export const FAILURE_CLASSES = [
  'auth', 'configuration', 'integrity', 'internal', 'network', 'not-found', 'permission', 'quota',
  'secrets', 'server', 'throttled', 'timeout',
] as const satisfies FailureClass[];
