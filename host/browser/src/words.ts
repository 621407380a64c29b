//! What the policy's codes mean, in plain words. Sentences only: nothing here decides anything.

import { about, clockTime, duration, relative, size, time } from './format';
import type {
  Backend, Change, Code, EventKind, FailureClass, Mode, Policy, Position, ReadReason, Refusal,
  RosterData, TraceEntry, Verdict,
} from './policy';

export const FAILURE: Record<FailureClass, string> = {
  auth: 'the credentials are wrong',
  configuration: 'what was configured cannot work',
  integrity: 'what was read back is not what was written',
  internal: "the host's own fault",
  network: 'the address does not resolve, or the connection fails',
  'not-found': 'the repository, bucket or container does not exist',
  permission: 'the credentials are right and may not write',
  quota: 'the storage is full',
  secrets: 'the secret store is out of reach',
  server: 'the storage answered with a failure of its own',
  throttled: 'the storage asks for fewer requests',
  timeout: 'the probe did not end by its deadline',
};

/** The failure classes by what they say about a backend (CMD-8). */
export const FAILURE_GROUPS: [string, FailureClass[]][] = [
  ['Definitive: will not pass by waiting', ['auth', 'configuration', 'integrity', 'not-found', 'permission']],
  ['Transient: may pass by waiting', ['network', 'quota', 'server', 'throttled', 'timeout']],
  ['Not the backend’s fault', ['internal', 'secrets']],
];

export const MODE: Record<Mode, string> = {
  ready: 'takes everything',
  drain: 'takes no new writes; reads go on',
  maintenance: 'out of use, and not probed',
};

export const CODE: Record<Code, string> = {
  'backend-not-found': 'No live backend has that id.',
  'chain-full': 'The chain of fallbacks would be longer than the policy allows.',
  conflict: 'The roster has changed since it was looked at.',
  'duplicate-kind': 'There can be one inline and one managed backend, and there is one already.',
  'field-empty': 'A provider or a location is empty, and only an inline backend may do without.',
  'field-too-long': 'A provider, a location or a description is too long.',
  'id-invalid': 'An id is 1 to 64 printable ASCII characters without blanks.',
  'id-taken': 'That id is used already.',
  'inline-limit-fixed': 'The limit of an inline backend cannot be set.',
  'inline-undeletable': 'An inline backend cannot be deleted.',
  'limit-too-large': 'The limit is above what every host can hold exactly.',
  'limit-too-small': 'The limit is below the smallest that is allowed.',
  'managed-immutable': 'The organization may give a managed backend a role, and change nothing else of it. The platform may.',
  'managed-reserved': 'Only the platform creates a managed backend.',
  'managed-undeletable': 'Only the platform deletes a managed backend.',
  'name-invalid': 'A name is lower-case letters, digits and inner hyphens, at most 63.',
  'name-taken': 'A live backend has that name already.',
  'no-credentials': 'An inline backend has no credentials to rotate.',
  'organization-not-found': 'There is no organization yet.',
  'organization-taken': 'There is an organization already.',
  'policy-invalid': 'A setting of the policy is out of its range.',
  'provider-unknown': 'The host cannot talk to that provider.',
  'role-conflict': 'One backend cannot be the default and a fallback.',
  'role-duplicate': 'A backend holds two roles.',
  'role-unknown': 'A role is held by an id that no live backend has.',
  'validation-failed': 'The probe before the change failed.',
};

/** A verdict as the vectors write it: its code, and its detail after a colon. */
export function verdictCode(verdict: Verdict): string {
  switch (verdict.type) {
    case 'invalid': return `invalid:${verdict.class ?? 'unknown'}`;
    case 'recovering': return `recovering:${verdict.until}`;
    case 'too-large': return `too-large:${verdict.limit}`;
    default: return verdict.type;
  }
}

/** A place among the candidates as the vectors write it. */
export function positionCode(position: Position): string {
  return position.type === 'fallback' ? `fallback-${position.place}` : position.type;
}

export function positionName(position: Position): string {
  switch (position.type) {
    case 'default': return 'Default';
    case 'fallback': return `Fallback ${position.place}`;
    case 'managed': return 'Managed, in the tail';
    case 'inline': return 'Inline, in the tail';
  }
}

/** What the badge of a verdict says. */
export function verdictName(verdict: Verdict): string {
  switch (verdict.type) {
    case 'drained': return 'drained';
    case 'invalid': return `invalid: ${verdict.class ?? 'unknown'}`;
    case 'last-resort': return 'last resort';
    case 'maintenance': return 'maintenance';
    case 'not-reached': return 'not reached';
    case 'recovering': return 'recovering';
    case 'selected': return 'selected';
    case 'too-large': return 'too large';
    case 'vacant': return 'vacant';
  }
}

/** Why a candidate got its verdict. */
export function why(entry: TraceEntry, backend: Backend | undefined, bytes: number | null, now: number): string {
  const { verdict } = entry;
  const health = backend?.health;
  switch (verdict.type) {
    case 'drained':
      return 'Its operators let it run dry: it takes no new writes.';
    case 'invalid': {
      const since = health?.since === null || health === undefined ? '' : ` since ${clockTime(health.since, now)}`;
      if (verdict.class === null) return `Not usable${since}; no failure is on record.`;
      const message = health?.failure?.message ? ` (“${health.failure.message}”)` : '';
      const count = health && health.failures > 1 ? `, ${health.failures} failures in a row` : '';
      return `Not usable${since}${count}: ${FAILURE[verdict.class]}${message}.`;
    }
    case 'last-resort':
      return 'Nothing is fit. It failed last, its failure may pass, and the policy prefers a doubtful write to none.';
    case 'maintenance':
      return 'Its operators took it out of use.';
    case 'not-reached':
      return 'Fit. One before it is used, so it is not needed.';
    case 'recovering':
      return `Works again, but for too short a time to be preferred: held down until ${clockTime(verdict.until, now)} (${relative(verdict.until, now)}).`;
    case 'selected':
      return entry.position.type === 'default'
        ? 'Fit, and first in line: the write goes here.'
        : 'The first that is fit: the write goes here.';
    case 'too-large':
      return `${bytes === null ? 'The blob' : size(bytes)} is above its limit of ${size(verdict.limit)}.`;
    case 'vacant':
      return 'Nobody holds this place.';
  }
}

/** Why there is nothing to write to. */
export function refusalText(refusal: Refusal, bytes: number | null, now: number): string {
  const { reason } = refusal;
  switch (reason.type) {
    case 'required':
      return 'No backend is configured. A write fails until somebody gives one a role.';
    case 'too-large':
      return `${bytes === null ? 'The blob' : size(bytes)} is above every limit; the largest is ${size(reason.limit)}. Waiting will not help.`;
    case 'unavailable':
      return reason.retryAt === null
        ? 'Backends are configured, but none is usable now.'
        : `Backends are configured, but none is usable now. The first may be probed again at ${clockTime(reason.retryAt, now)} (${relative(reason.retryAt, now)}).`;
  }
}

export function refusalCode(refusal: Refusal): string {
  return refusal.reason.type;
}

export const READ: Record<ReadReason, string> = {
  copy: 'the digest was written to it',
  unlisted: 'the digest was written to it; it is deleted, but its credentials may still be held',
  'write-target': 'no copy is known there, but a write would go to it now',
};

type Naming = (id: string | null) => string;

/** Returns how the backends of these rosters are called; one that none of them has, by its id. */
export function naming(...rosters: (RosterData | null)[]): Naming {
  const names = new Map<string, string>();
  for (const roster of rosters) {
    for (const backend of roster?.backends ?? []) names.set(backend.id, backend.name);
  }
  return (id) => (id === null ? 'nobody' : (names.get(id) ?? id));
}

function chain(ids: string[], name: Naming): string {
  return ids.length === 0 ? 'empty' : ids.map(name).join(', then ');
}

export function eventCode(kind: EventKind): string {
  return kind.type === 'default-changed' ? `${kind.type}:${kind.cause}` : kind.type;
}

export function eventText(kind: EventKind, name: Naming): string {
  switch (kind.type) {
    case 'organization-created': return 'The organization comes to be.';
    case 'backend-created':
      return `${kind.backend.name} comes to be: ${kind.backend.kind}, ${kind.mode}, up to ${size(kind.maxBlobBytes)}.`;
    case 'backend-updated': {
      const parts = [
        kind.description === null ? null : kind.description === '' ? 'no description' : `description “${kind.description}”`,
        kind.maxBlobBytes === null ? null : `limit ${size(kind.maxBlobBytes)}`,
        kind.mode === null ? null : `mode ${kind.mode}`,
      ];
      return `${kind.backend.name} changes: ${parts.filter((part) => part !== null).join(', ')}.`;
    }
    case 'backend-deleted': return `${kind.backend.name} is deleted; what it holds can still be read.`;
    case 'credentials-rotated': return `${kind.backend.name} has new credentials, number ${kind.generation}.`;
    case 'status-changed': {
      const cause = kind.failure === null ? '' : `: ${kind.failure.class}`;
      const recovery = kind.recovery ? ', it has recovered' : '';
      return `${kind.backend.name} turns from ${kind.previous} to ${kind.status}${cause}${recovery}.`;
    }
    case 'default-changed':
      return kind.cause === 'promoted'
        ? `${name(kind.to)} is promoted to the default, after ${name(kind.from)}.`
        : `${name(kind.to)} is made the default; before: ${name(kind.from)}.`;
    case 'default-vacated': return `Nobody is the default any more; it was ${name(kind.from)}.`;
    case 'fallbacks-changed':
      return `The chain of fallbacks: ${chain(kind.from, name)} → ${chain(kind.to, name)}.`;
    case 'policy-changed': return `The policy changes: ${policyDifference(kind.from, kind.to)}.`;
    case 'route-changed':
      return `Writes of unknown size go to ${kind.to === null ? 'nowhere' : name(kind.to)}; before: ${kind.from === null ? 'nowhere' : name(kind.from)}.`;
  }
}

/** What a change writes. */
export function changeText(change: Change, before: RosterData | null, name: Naming): string {
  switch (change.type) {
    case 'create-organization': return 'the organization';
    case 'create-backend': return `${change.backend.name} (id ${change.backend.id})`;
    case 'update-backend': {
      const old = before?.backends.find((backend) => backend.id === change.backend.id);
      return `${change.backend.name}: ${old === undefined ? 'all of it' : backendDifference(old, change.backend)}`;
    }
    case 'set-roles':
      return `default ${name(change.default)}, fallbacks ${chain(change.fallbacks, name)}`;
    case 'delete-backend': return name(change.backend);
    case 'set-policy':
      return before === null ? 'all of it' : policyDifference(before.policy, change.policy);
    case 'set-route': return change.route === null ? 'nowhere' : name(change.route);
  }
}

function backendDifference(from: Backend, to: Backend): string {
  const parts: string[] = [];
  const differs = (what: string, a: string, b: string) => {
    if (a !== b) parts.push(`${what} ${a} → ${b}`);
  };
  differs('description', from.description || 'none', to.description || 'none');
  differs('limit', size(from.maxBlobBytes), size(to.maxBlobBytes));
  differs('mode', from.mode, to.mode);
  differs('credentials', String(from.generation), String(to.generation));
  differs('status', from.health.status, to.health.status);
  differs('failures', String(from.health.failures), String(to.health.failures));
  differs('successes', String(from.health.successes), String(to.health.successes));
  differs('failure', from.health.failure?.class ?? 'none', to.health.failure?.class ?? 'none');
  differs('excuse', from.health.excuse ?? 'none', to.health.excuse ?? 'none');
  const at = (ms: number | null) => (ms === null ? 'never' : time(ms));
  differs('since', at(from.health.since), at(to.health.since));
  differs('checked', at(from.health.checkedAt), at(to.health.checkedAt));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

export function policyDifference(from: Policy, to: Policy): string {
  const parts: string[] = [];
  const differs = (what: string, a: string, b: string) => {
    if (a !== b) parts.push(`${what} ${a} → ${b}`);
  };
  differs('max-fallbacks', String(from.maxFallbacks), String(to.maxFallbacks));
  differs('fall', String(from.fall), String(to.fall));
  differs('rise', String(from.rise), String(to.rise));
  differs('hold-down', duration(from.holdDown), duration(to.holdDown));
  differs('stale-after', duration(from.staleAfter), duration(to.staleAfter));
  differs('check-every', duration(from.checkEvery), duration(to.checkEvery));
  differs('check-others-every', duration(from.checkOthersEvery), duration(to.checkOthersEvery));
  differs('tail', from.tail.join(', ') || 'none', to.tail.join(', ') || 'none');
  differs('last-resort', from.lastResort, to.lastResort);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** The health of a backend in a few words. */
export function healthText(backend: Backend, now: number): string {
  if (backend.kind === 'inline') return 'never probed';
  const { health } = backend;
  const parts: string[] = [];
  if (health.failures > 0) parts.push(`${health.failures} failed`);
  if (health.successes > 0) parts.push(`${health.successes} ok`);
  if (health.excuse !== null) parts.push(`excused: ${health.excuse}`);
  if (health.checkedAt === null) parts.push('not probed yet');
  else if (health.checkedAt > now) parts.push('checked in the future');
  else if (health.checkedAt === now) parts.push('checked now');
  else parts.push(`checked ${about(now - health.checkedAt)} ago`);
  return parts.join(', ');
}
