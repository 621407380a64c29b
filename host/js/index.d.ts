/**
 * Backstop's policy: which storage backend a control plane writes to, and how that choice changes.
 *
 * Facts go in as values; a decision, or a set of changes, comes out as a value. Rule ids such as
 * `SEL-3` name the paragraphs of the project's semantics (`docs/semantics.md`).
 *
 * Everywhere: times are milliseconds since the Unix epoch, durations are milliseconds, sizes are
 * bytes. Numbers are integers from 0 to 2^53 - 1; only a limit may be larger, and is then refused with
 * `limit-too-large`. What may be absent is `null` in everything that
 * comes out. Codes are kebab-case and stable.
 *
 * What goes in is checked before anything runs: a field that is missing, misspelled or of another
 * type, a number out of range, an unknown code, and text that is not well-formed Unicode throw
 * {@link InvalidInputError}, which names the path. A refusal of the policy is an answer, never an
 * exception.
 */

// For `using`; a compiler that targets less knows nothing of it otherwise.
/// <reference lib="esnext.disposable" />

// ---- Results ----

/** An answer, or why there is none. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

// ---- Facts ----

/** The id of a backend: 1 to 64 printable ASCII characters without blanks, never used again (HOST-2). */
export type BackendId = string;

/** The id of an organization; opaque to the policy. */
export type OrganizationId = string;

/** Who operates a backend: the organization, nobody (content is embedded), or the platform. */
export type Kind = 'external' | 'inline' | 'managed';

/** What a backend's operators allow: no new writes, nothing at all, or everything. */
export type Mode = 'drain' | 'maintenance' | 'ready';

/** Whether a backend takes writes, as far as its probes say. */
export type Status = 'valid' | 'invalid';

/** What to do when nothing is fit (SEL-8). */
export type LastResort = 'least-bad' | 'refuse';

/**
 * The kinds of failure that a probe can meet (CMD-8). Definitive: `auth`, `configuration`,
 * `integrity`, `not-found`, `permission`. Transient: `network`, `quota`, `server`, `throttled`,
 * `timeout`. No fault of the backend: `internal`, `secrets`.
 */
export type FailureClass =
  | 'auth'
  | 'configuration'
  | 'integrity'
  | 'internal'
  | 'network'
  | 'not-found'
  | 'permission'
  | 'quota'
  | 'secrets'
  | 'server'
  | 'throttled'
  | 'timeout';

/** Why a probe failed. */
export interface Failure {
  /** The kind of failure, on which rules branch. */
  class: FailureClass;
  /** For people, never for branching; longer than 1,024 characters is cut. MUST NOT contain credentials (HOST-1). */
  message: string;
}

/** What is known of a backend's health. Only probes, creation, rotation and leaving maintenance change it (CMD-7). */
export interface Health {
  /** Whether the backend takes writes, as far as its probes say. */
  status: Status;
  /** When the status last changed, in milliseconds; null if it never has. */
  since: number | null;
  /** When the last probe ended, in milliseconds; null asks for a probe. */
  checkedAt: number | null;
  /** Consecutive failures, up to 4,294,967,295. */
  failures: number;
  /** Consecutive successes, up to 4,294,967,295. */
  successes: number;
  /** Why the last real probe failed. */
  failure: Failure | null;
  /** Set when the last attempt said nothing about the backend (CMD-8). */
  excuse: FailureClass | null;
}

/** A storage backend that an organization registered. */
export interface Backend {
  /** Chosen by the host, never used again (HOST-2). */
  id: BackendId;
  /** An RFC 1123 label of at most 63 characters, unique in the organization, immutable. */
  name: string;
  /** Who operates it. */
  kind: Kind;
  /** What speaks to it; opaque to the policy, at most 64 characters, immutable. */
  provider: string;
  /** Where it is; opaque to the policy, at most 2,048 characters, immutable. */
  location: string;
  /** For people; at most 1,024 characters. */
  description: string;
  /** The largest blob that it takes, in bytes. */
  maxBlobBytes: number;
  /** What its operators allow. */
  mode: Mode;
  /** The number of its credentials: 1 at first, one more at each rotation. */
  generation: number;
  /** What its probes say. */
  health: Health;
}

/** The settings of one organization. */
export interface Policy {
  /** The longest chain of fallbacks; 0 to 16, default 1. */
  maxFallbacks: number;
  /** Consecutive transient failures before a backend is invalid; 1 to 100, default 1. */
  fall: number;
  /** Consecutive successes before a backend is valid again; 1 to 100, default 1. */
  rise: number;
  /** How long a recovered backend must stay valid before it is preferred again, in milliseconds; default 0. */
  holdDown: number;
  /** The age from which a status is stale, in milliseconds; default 2,100,000 (35 minutes). */
  staleAfter: number;
  /** The interval between probes of candidates, in milliseconds; default 1,800,000 (30 minutes). */
  checkEvery: number;
  /** The interval between probes of the rest, in milliseconds; default 86,400,000 (24 hours). */
  checkOthersEvery: number;
  /** The kinds, other than external, that may serve after the chain, in this order; default none. */
  tail: Kind[];
  /** What to do when nothing is fit; default `refuse`. */
  lastResort: LastResort;
}

/**
 * Everything the policy knows about one organization.
 *
 * It may break the invariants that `check` reports; every function is total on such a roster.
 */
export interface RosterData {
  /** Counts the commits; 1 after the organization is created. */
  revision: number;
  /** The backend that serves first. */
  default: BackendId | null;
  /** The chain of backends that take over, in order. */
  fallbacks: BackendId[];
  /** The organization's settings. */
  policy: Policy;
  /** What the last commit announced as the backend in use (EVT). */
  route: BackendId | null;
  /** The live backends, in any order. */
  backends: Backend[];
}

// ---- Selection for a write ----

/** What a write needs. */
export interface Request {
  /** The size of the blob in bytes; null or absent if it is not known yet. */
  size?: number | null | undefined;
}

/** A backend as decisions name it. */
export interface BackendRef {
  id: BackendId;
  name: string;
}

/** A place among the candidates (SEL-1); `place` is the one on the chain of fallbacks, from 1. */
export type Position =
  | { type: 'default' }
  | { type: 'fallback'; place: number }
  | { type: 'managed' }
  | { type: 'inline' };

/** What became of a candidate (SEL-2, SEL-3, SEL-8). */
export type Verdict =
  /** It takes no new writes. */
  | { type: 'drained' }
  /** Its probes failed; with the class of the failure, if one is recorded. */
  | { type: 'invalid'; class: FailureClass | null }
  /** It is used although it is invalid, because nothing is fit. */
  | { type: 'last-resort' }
  /** Its operators took it out of use. */
  | { type: 'maintenance' }
  /** It is fit, and one before it is used. */
  | { type: 'not-reached' }
  /** It is fit, but was invalid too recently; it is preferred again at `until`, in milliseconds. */
  | { type: 'recovering'; until: number }
  /** It is used. */
  | { type: 'selected' }
  /** The blob is above its limit, in bytes. */
  | { type: 'too-large'; limit: number }
  /** Nobody holds the place. */
  | { type: 'vacant' };

/** One candidate and what became of it. */
export interface TraceEntry {
  /** The candidate's place. */
  position: Position;
  /** The candidate; null for a vacant default. */
  backend: BackendRef | null;
  /** What became of it. */
  verdict: Verdict;
}

/** The backend to write to, and how it came to be that one. */
export interface Decision {
  /** The backend to write to. */
  backend: BackendRef;
  /** The number of its credentials, so that the writer takes the right ones. */
  generation: number;
  /** The place that it was chosen for. The record of a write keeps `position.type !== 'default'` as `fallback` (HOST-6). */
  position: Position;
  /** False only for the default with the verdict `selected`. */
  degraded: boolean;
  /** The revision of the roster that was decided on. */
  revision: number;
  /** One entry per candidate, in order. */
  trace: TraceEntry[];
}

/** The kinds of refusal (SEL-6). */
export type RefusalReason =
  /** No candidate has a backend: nobody configured one. */
  | { type: 'required' }
  /** The blob is above the limit of every candidate; `limit` is the largest of them, in bytes. Waiting will not help. */
  | { type: 'too-large'; limit: number }
  /** Every candidate is unusable for now; `retryAt` is when the first invalid one may be probed again (SEL-7). */
  | { type: 'unavailable'; retryAt: number | null };

/** Why nothing was selected. */
export interface Refusal {
  /** What kind of refusal it is. */
  reason: RefusalReason;
  /** The revision of the roster that was decided on. */
  revision: number;
  /** One entry per candidate, in order. */
  trace: TraceEntry[];
}

// ---- Selection for a read ----

/** Why a backend is worth a try (READ). */
export type ReadReason = 'copy' | 'unlisted' | 'write-target';

/** A backend to try, and why. */
export interface ReadTry {
  backend: BackendId;
  reason: ReadReason;
}

// ---- Commands ----

/** On whose behalf a command is given. */
export type By = 'organization' | 'platform';

/** Who asks, when, and what they have seen. */
export interface Context {
  /** The organization that is asked about, and that the events name. */
  organization: OrganizationId;
  /** Who asks, as the events say it; opaque to the policy. */
  actor: string;
  /** On whose behalf; `organization` if absent. */
  by?: By | undefined;
  /** The time, in milliseconds. */
  now: number;
  /** The revision that the caller's decision rests on; a command is refused with `conflict` if it is not the current one (USE-2). */
  seen?: number | null | undefined;
}

/** A backend to register (CMD-1). */
export interface Create {
  /** Its id, never used before. */
  id: BackendId;
  /** Its name. */
  name: string;
  /** Who operates it. */
  kind: Kind;
  /** What speaks to it. */
  provider: string;
  /** Where it is. */
  location: string;
  /** For people; empty if absent. */
  description?: string | undefined;
  /** Its limit in bytes; null or absent means the kind's own. */
  maxBlobBytes?: number | null | undefined;
  /** Its mode; `ready` if absent. */
  mode?: Mode | undefined;
  /** Makes it the default; the displaced one keeps no role. */
  default?: boolean | undefined;
  /** Puts it at the end of the chain; in a full chain it replaces the last element. */
  fallback?: boolean | undefined;
  /** Whether it was probed with success just now (USE-1). `Control` sets this itself. */
  checked?: boolean | undefined;
}

/** A change of a backend (CMD-2). What is null or absent stays. */
export interface Update {
  /** The backend. */
  backend: BackendId;
  /** Its new description; may be empty. */
  description?: string | null | undefined;
  /** Its new limit, in bytes. */
  maxBlobBytes?: number | null | undefined;
  /** Makes it the default, or takes the default away from it. */
  default?: boolean | null | undefined;
  /** Puts it on the chain, or takes it off. */
  fallback?: boolean | null | undefined;
  /** Its new mode. */
  mode?: Mode | null | undefined;
  /** Whether its credentials are replaced (CMD-9). */
  rotate?: boolean | undefined;
  /** Whether the new credentials were probed with success just now (USE-1). `Control` sets this itself. */
  checked?: boolean | undefined;
}

/** A change that somebody asks for. */
export type Command =
  /** Registers a backend (CMD-1). */
  | { type: 'create'; create: Create }
  /** Changes a backend (CMD-2). */
  | { type: 'update'; update: Update }
  /** Deletes a backend, softly (CMD-3). */
  | { type: 'delete'; backend: BackendId }
  /** Replaces the whole policy (CMD-10). */
  | { type: 'set-policy'; policy: Policy };

/** Why a roster breaks an invariant, or why a command or a use case is refused (INV, CMD-12). */
export type Code =
  | 'backend-not-found'
  | 'chain-full'
  | 'conflict'
  | 'duplicate-kind'
  | 'field-empty'
  | 'field-too-long'
  | 'id-invalid'
  | 'id-taken'
  | 'inline-limit-fixed'
  | 'inline-undeletable'
  | 'limit-too-large'
  | 'limit-too-small'
  | 'managed-immutable'
  | 'managed-reserved'
  | 'managed-undeletable'
  | 'name-invalid'
  | 'name-taken'
  | 'no-credentials'
  | 'organization-not-found'
  | 'organization-taken'
  | 'policy-invalid'
  | 'provider-unknown'
  | 'role-conflict'
  | 'role-duplicate'
  | 'role-unknown'
  | 'validation-failed';

// ---- What comes of a command ----

/** What a command would change, and where this leads. */
export interface Plan {
  /** What to commit; without changes if nothing changes (INV-7). */
  changeSet: ChangeSet;
  /** The roster afterwards. */
  roster: RosterData;
}

/** What a commit writes, all of it or nothing (INV-7). */
export interface ChangeSet {
  /** The revision that the commit leads to: one more than before, or the same if nothing changes. */
  revision: number;
  /** What to write, in this order: a role never names a backend that is not there yet. */
  changes: Change[];
  /** What to store beside it, in the same transaction (USE-4). */
  events: Event[];
}

/** One write. Each names its target and carries its whole new value. */
export type Change =
  /** The organization comes to be. */
  | { type: 'create-organization' }
  /** A backend comes to be. */
  | { type: 'create-backend'; backend: Backend }
  /** A backend changes: its description, limit, mode, generation or health. */
  | { type: 'update-backend'; backend: Backend }
  /** Who serves; both roles move in one write. */
  | { type: 'set-roles'; default: BackendId | null; fallbacks: BackendId[] }
  /** A backend goes. Its row and its credentials stay, for downloads (INV-8). */
  | { type: 'delete-backend'; backend: BackendId }
  /** The policy is replaced. */
  | { type: 'set-policy'; policy: Policy }
  /** What a write of unknown size would use (EVT). */
  | { type: 'set-route'; route: BackendId | null };

/** How a probe ended. */
export type Outcome = { type: 'ok' } | { type: 'failed'; failure: Failure };

/** How a probe of a backend ended (CMD-7). */
export interface Observation {
  backend: BackendId;
  /** The number of the credentials that were tried. */
  generation: number;
  /** When the probe ended, in milliseconds; what is later than now counts as now. */
  finishedAt: number;
  /** How it ended. */
  outcome: Outcome;
}

/** What an observation changes. */
export interface Observed {
  /** Whether it was applied, rather than dropped. */
  applied: boolean;
  /** What to commit. */
  plan: Plan;
}

// ---- Events ----

/** Something that a commit changed (EVT). */
export interface Event {
  organization: OrganizationId;
  /** The revision that the commit led to. */
  revision: number;
  /** When it was decided, in milliseconds. */
  at: number;
  /** Who asked for it. */
  actor: string;
  /** What it was. */
  kind: EventKind;
}

/** The backend that an event is about. Of a managed one the provider and the location read `managed`. */
export interface Subject {
  id: BackendId;
  name: string;
  kind: Kind;
  provider: string;
  location: string;
}

/** Why the default changed: it was next in line (CMD-6), or the command named it. */
export type Cause = 'promoted' | 'requested';

/** What happened, in the order in which a commit lists it. */
export type EventKind =
  | { type: 'organization-created' }
  | { type: 'backend-created'; backend: Subject; description: string; maxBlobBytes: number; mode: Mode }
  /** What did not change is null. */
  | {
      type: 'backend-updated';
      backend: Subject;
      description: string | null;
      maxBlobBytes: number | null;
      mode: Mode | null;
    }
  | { type: 'backend-deleted'; backend: Subject }
  | { type: 'credentials-rotated'; backend: Subject; generation: number }
  | {
      type: 'status-changed';
      backend: Subject;
      previous: Status;
      status: Status;
      /** Why, if it turned invalid. */
      failure: Failure | null;
      /** Whether it turned valid. */
      recovery: boolean;
    }
  | { type: 'default-changed'; from: BackendId | null; to: BackendId; cause: Cause }
  | { type: 'default-vacated'; from: BackendId }
  | { type: 'fallbacks-changed'; from: BackendId[]; to: BackendId[] }
  | { type: 'policy-changed'; from: Policy; to: Policy }
  /** A write of unknown size goes elsewhere: the start and the end of a failover. */
  | { type: 'route-changed'; from: BackendId | null; to: BackendId | null };

// ---- The planner ----

/** A roster as data, or prepared. */
export type AnyRoster = RosterData | Roster;

/**
 * The policy itself: pure, synchronous functions. Equal parameters give equal answers, for any
 * roster, even one that breaks the invariants.
 *
 * Each throws {@link InvalidInputError} for input that is not what its type says, and
 * {@link PolicyTrapError} if the policy failed, which no input should make it do.
 */
export interface Planner {
  /** Returns the roster that a commit of the change-set leads to (INV-7). Checks no rule; see `check`. */
  apply(roster: AnyRoster, changeSet: ChangeSet): RosterData;
  /** Returns every invariant that the roster breaks, each once, sorted (INV-1 to INV-5). */
  check(roster: AnyRoster): Code[];
  /** Returns the plan of a new organization: revision 1, one inline backend of that id as the default (CMD-11). */
  createOrganization(inline: BackendId, context: Context): Result<Plan, Code[]>;
  /** Returns the backends to probe at `now`, in milliseconds: the oldest overdue first, ties by id (DUE). */
  due(roster: AnyRoster, now: number): BackendId[];
  /** Returns when a backend is to be probed next, in milliseconds: 0 if it never was, null if never (DUE-1). */
  nextDue(roster: AnyRoster, backend: BackendId, now: number): number | null;
  /** Returns what an observation changes, and whether it was applied (CMD-7, CMD-8). */
  observe(roster: AnyRoster, observation: Observation, context: Context): Observed;
  /** Returns what a command would change, or every code against it, sorted (CMD-12). A dry run: nothing is changed. */
  plan(roster: AnyRoster, command: Command, context: Context): Result<Plan, Code[]>;
  /** Returns the backends to try for a read, in order (READ); `copies` are those the digest was written to. */
  routeRead(roster: AnyRoster, copies: readonly BackendId[], now: number): ReadTry[];
  /** Returns the backend to write to, or the refusal, always with one trace entry per candidate (SEL). */
  select(roster: AnyRoster, request: Request, now: number): Result<Decision, Refusal>;
}

export declare const planner: Planner;

/**
 * A roster that was checked and read once, on which many questions are asked.
 *
 * It is a copy: later changes of `data` do not reach it. Its memory is given back when it is
 * garbage-collected, or at once by `free`; it must not be used after `free`.
 */
export declare class Roster {
  /** @throws {InvalidInputError} if `data` is not a roster. */
  constructor(data: AnyRoster);
  /** The revision of the roster. */
  readonly revision: number;
  /** A copy of the roster as plain data. */
  readonly data: RosterData;
  apply(changeSet: ChangeSet): Roster;
  check(): Code[];
  due(now: number): BackendId[];
  nextDue(backend: BackendId, now: number): number | null;
  observe(observation: Observation, context: Context): Observed;
  plan(command: Command, context: Context): Result<Plan, Code[]>;
  routeRead(copies: readonly BackendId[], now: number): ReadTry[];
  select(request: Request, now: number): Result<Decision, Refusal>;
  toJSON(): RosterData;
  /** Gives its memory back; doing so twice is harmless. */
  free(): void;
  /** The same, for `using`; only where `Symbol.dispose` exists. */
  [Symbol.dispose](): void;
}

/** Returns the roster of revision 0: no backends, no roles, the default policy. */
export declare function emptyRoster(): RosterData;

/** Returns the policy of a new organization: default, else fallback, else a refusal. */
export declare function defaultPolicy(): Policy;

// ---- The use cases ----

/** What `Control` tells a storage or a validator about the call that it serves. */
export interface CallOptions {
  /** Aborts when the caller aborts, or when the answer is no longer waited for. */
  readonly signal: AbortSignal;
}

/**
 * Keeps rosters. Methods may return values or promises. The policy relies on `commit` being atomic
 * and on the compare-and-swap of the revision, and on nothing else.
 */
export interface Storage {
  /**
   * Returns the organization's roster as of one revision, or null if there is no such organization.
   * After a `commit` that succeeded, it MUST NOT return an earlier revision to the same caller.
   *
   * What it throws or rejects with becomes the cause of a {@link StorageError}.
   */
  load(
    organization: OrganizationId,
    options: CallOptions,
  ): AnyRoster | null | Promise<AnyRoster | null>;
  /**
   * Writes the whole change-set with its events in one transaction, or nothing.
   *
   * MUST answer `conflict` without writing if the organization's revision is not `expectedRevision`
   * (0: it does not exist yet), and `id-taken` if the id of a new backend was used before, by one
   * that is deleted (HOST-2).
   */
  commit(
    organization: OrganizationId,
    expectedRevision: number,
    changeSet: ChangeSet,
    options: CallOptions,
  ): CommitAnswer | Promise<CommitAnswer>;
}

/** What came of a commit. */
export type CommitAnswer = 'committed' | 'conflict' | 'id-taken';

/** How a probe ended, and when. */
export interface Probe {
  /** How it ended; a probe that does not end by its deadline *is* a timeout (USE-3). */
  outcome: Outcome;
  /** When it ended, in milliseconds. */
  finishedAt: number;
}

/** Probes backends; it alone holds the credentials (HOST-1). */
export interface Validator {
  /**
   * Probes a backend with the credentials of that generation. The backend need not be stored yet
   * (USE-1).
   *
   * A validator that throws, rejects or returns another shape is the outcome `internal`, one that
   * does not answer in time is the outcome `timeout`: neither is an exception (USE-3, RES-3).
   *
   * Those who resolve or validate at the same time over one {@link Control} share one call for each
   * backend and generation, so that many who resolve while everything is down do not hammer it
   * (RES-2). The signal aborts when nobody waits any more. It must not wait for a use case of the same
   * control that probes the same backend, which would wait for it.
   */
  validate(
    organization: OrganizationId,
    backend: BackendId,
    generation: number,
    options: CallOptions,
  ): Probe | Promise<Probe>;
}

/** Why a use case was refused. */
export interface Rejection {
  /** Every code that applies, sorted. */
  codes: Code[];
  /** Why the probe failed, with `validation-failed`. */
  failure: Failure | null;
}

/** What a write should do, and which backends need a fresh look. */
export interface Resolution {
  /** The decision, or the refusal. */
  answer: Result<Decision, Refusal>;
  /** The candidates to refresh in the background, in candidate order (RES-1). */
  due: BackendId[];
}

/** What came of a validation. */
export interface Validation {
  /** How the probe ended; null if the backend is inline or in maintenance, and was not probed. */
  probe: Probe | null;
  /** Whether the observation was applied, rather than dropped (CMD-7). */
  applied: boolean;
  /** What was committed. */
  plan: Plan;
}

export interface ControlOptions {
  storage: Storage;
  validator: Validator;
  /** How long a call of the storage may take, in milliseconds: 1 to 2,147,483,647, default 10,000; null for no limit. */
  timeout?: number | null | undefined;
  /** How long a probe may take, in milliseconds: 1 to 2,147,483,647, default 10,000 (HOST-3); null for no limit. */
  probeTimeout?: number | null | undefined;
  /**
   * How long all probes of one resolution may take, in milliseconds: `probeTimeout` to 2,147,483,647,
   * default 3.5 times `probeTimeout`; null for no limit (RES-2). What would be probed later than that,
   * or could not end within it, is the outcome `internal`.
   */
  resolveTimeout?: number | null | undefined;
  /** The longest random pause after a conflict, in milliseconds, default 20; 0 for none (USE-2). */
  pause?: number | undefined;
  /**
   * Told what a validator threw, or the error that names what was wrong with its answer. The
   * message of the outcome does not repeat it, since outcomes are stored and may be shown (HOST-1).
   * What it throws is ignored.
   */
  onValidatorError?:
    | ((error: unknown, probe: { organization: OrganizationId; backend: BackendId }) => void)
    | undefined;
}

/** What every use case takes last. */
export interface RunOptions {
  /** Gives the call up: the promise rejects with {@link AbortedError}. */
  signal?: AbortSignal | undefined;
}

/**
 * The use cases: load, plan and commit around the planner, over a storage and a validator.
 *
 * A refusal resolves as `{ ok: false }`. The promise rejects with a {@link BackstopError}: bad
 * input, a storage that fails, answers another shape or does not answer in time, an abort.
 */
export declare class Control {
  /** @throws {InvalidInputError} if an option is not what its type says. */
  constructor(options: ControlOptions);
  /** Returns the backend to write to, or the refusal (RES-1, RES-2). */
  resolve(request: Request, context: Context, options?: RunOptions): Promise<Result<Resolution, Rejection>>;
  /** Registers a backend: cheap checks, then the live probe, then the commit (CMD-1, USE-1). */
  create(create: Create, context: Context, options?: RunOptions): Promise<Result<Plan, Rejection>>;
  /** Changes a backend; new credentials are probed first (CMD-2, USE-1). */
  update(update: Update, context: Context, options?: RunOptions): Promise<Result<Plan, Rejection>>;
  /** Deletes a backend, softly (CMD-3). */
  delete(backend: BackendId, context: Context, options?: RunOptions): Promise<Result<Plan, Rejection>>;
  /** Probes a backend and submits what was seen (USE-3). */
  validate(backend: BackendId, context: Context, options?: RunOptions): Promise<Result<Validation, Rejection>>;
  /** Replaces the organization's policy (CMD-10). */
  setPolicy(policy: Policy, context: Context, options?: RunOptions): Promise<Result<Plan, Rejection>>;
  /** Creates an organization with one inline backend of that id as its default (CMD-11). */
  createOrganization(inline: BackendId, context: Context, options?: RunOptions): Promise<Result<Plan, Rejection>>;
}

/** A storage in memory, for tests, examples and pages. Ids stay taken after a deletion (HOST-2). */
export declare class MemoryStorage implements Storage {
  /** @param rosters what is stored at first, by organization. */
  constructor(rosters?: Readonly<Record<OrganizationId, AnyRoster>>);
  load(organization: OrganizationId): RosterData | null;
  commit(organization: OrganizationId, expectedRevision: number, changeSet: ChangeSet): CommitAnswer;
  /** Returns the events of an organization, oldest first. */
  events(organization: OrganizationId): Event[];
}

// ---- Errors ----

/** The stable codes of errors. */
export type ErrorCode =
  | 'aborted'
  | 'foreign-module'
  | 'invalid-input'
  | 'policy-trap'
  | 'storage-failed'
  | 'storage-shape'
  | 'storage-timeout';

/** Everything that this package throws. Messages are for people; branch on `code`. */
export declare class BackstopError extends Error {
  readonly code: ErrorCode;
}

/** What was given is not what its type says. Nothing ran. */
export declare class InvalidInputError extends BackstopError {
  readonly code: 'invalid-input';
  /** Where, such as `roster.backends[1].health.checkedAt`. */
  readonly path: string;
}

/** The storage threw or rejected; `cause` is what with. Trying again may help (RES-3). */
export declare class StorageError extends BackstopError {
  readonly code: 'storage-failed';
  /** Whether a commit was under way, so that it is unknown whether it was stored. */
  readonly uncertain: boolean;
}

/** The storage answered something that is not what its type says: a bug in it. */
export declare class StorageShapeError extends BackstopError {
  readonly code: 'storage-shape';
  /** Where, such as `load().backends[1].health.checkedAt`. */
  readonly path: string;
  /** Whether a commit was under way, so that it is unknown whether it was stored. */
  readonly uncertain: boolean;
}

/** The storage did not answer in time. */
export declare class TimeoutError extends BackstopError {
  readonly code: 'storage-timeout';
  /** Whether a commit was under way, so that it is unknown whether it was stored. */
  readonly uncertain: boolean;
}

/** The caller gave up; `cause` is the reason of its signal. */
export declare class AbortedError extends BackstopError {
  readonly code: 'aborted';
  /** Whether a commit was under way, so that it is unknown whether it was stored. */
  readonly uncertain: boolean;
}

/** The policy failed in a way that no input should make it fail: a bug in it. Later calls are not affected. */
export declare class PolicyTrapError extends BackstopError {
  readonly code: 'policy-trap';
}

/** The WebAssembly module is not the one that this version of the package was built with. */
export declare class ForeignModuleError extends BackstopError {
  readonly code: 'foreign-module';
}

/** The version of the package and of the policy in it. */
export declare const version: string;

/** The SHA-256 of the module that decides, in hex: of the bytes of `backstop.wasm`. */
export declare const moduleHash: string;
