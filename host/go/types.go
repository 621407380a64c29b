package backstop

import "strconv"

// A BackendID is the id of a backend: 1 to 64 printable ASCII characters without blanks.
//
// Chosen by the host, which must not use an id twice, not even after a deletion (HOST-2).
type BackendID = string

// An OrganizationID is the id of an organization; opaque to the policy.
type OrganizationID = string

// MaxNumber is the largest number that the policy takes: 2^53 - 1, which every host holds exactly.
//
// A limit (MaxBlobBytes) may be larger: that it is too large is an answer of the policy's own
// ([CodeLimitTooLarge]).
const MaxNumber = 1<<53 - 1

// The limits of backends, in bytes (INV-5).
const (
	// MinLimit is the smallest limit of a backend that is not inline: 10 MiB.
	MinLimit = 10_485_760
	// DefaultLimit is the limit of a backend that is not inline and names none: 100 MiB.
	DefaultLimit = 104_857_600
	// InlineLimit is the limit of every inline backend.
	InlineLimit = 512_000
)

// ---- Facts ----

// A Roster is everything the policy knows about one organization.
//
// Roles live here and not on the backends, so that two defaults cannot be written down. A roster may
// break the invariants that [Planner.Check] reports: every function answers for such a roster too,
// so that a rule that is tightened locks nobody out.
type Roster struct {
	// Revision counts the commits; 1 after the organization is created.
	Revision uint64
	// Default is the backend that serves first; nil if the place is vacant.
	Default *BackendID
	// Fallbacks is the chain of backends that take over, in order.
	Fallbacks []BackendID
	// Policy holds the organization's settings.
	Policy Policy
	// Route is what the last commit announced as the backend in use (EVT).
	Route *BackendID
	// Backends are the live backends, in any order.
	Backends []Backend
}

// EmptyRoster returns what a new organization starts from: revision 0, no backends, no roles and the
// default policy.
func EmptyRoster() *Roster {
	return &Roster{Policy: DefaultPolicy()}
}

// A Backend is a storage backend that an organization registered.
type Backend struct {
	// ID is chosen by the host and never used again (HOST-2).
	ID BackendID
	// Name is an RFC 1123 label of at most 63 characters, unique among the organization's live
	// backends, immutable.
	Name string
	// Kind says who operates it; immutable.
	Kind Kind
	// Provider is what speaks to it; opaque to the policy, at most 64 characters, immutable.
	Provider string
	// Location is where it is; opaque to the policy, at most 2,048 characters, immutable.
	Location string
	// Description is for people; at most 1,024 characters.
	Description string
	// MaxBlobBytes is the largest blob that it takes, in bytes.
	MaxBlobBytes uint64
	// Mode is what its operators allow.
	Mode Mode
	// Generation is the number of its credentials; starts at 1, and grows by one at each rotation.
	Generation uint64
	// Health is what its probes say.
	Health Health
}

// NewBackend returns a backend as it is when just created: valid, never checked, ready, generation 1,
// with the limit of its kind.
func NewBackend(id BackendID, name string, kind Kind, provider, location string) Backend {
	limit := uint64(DefaultLimit)
	if kind == KindInline {
		limit = InlineLimit
	}
	return Backend{
		ID: id, Name: name, Kind: kind, Provider: provider, Location: location,
		MaxBlobBytes: limit, Mode: ModeReady, Generation: 1, Health: Health{Status: StatusValid},
	}
}

// A BackendRef is a backend as decisions name it.
type BackendRef struct {
	// ID is its id.
	ID BackendID
	// Name is its name.
	Name string
}

// A Kind says who operates a backend.
type Kind string

const (
	// KindExternal is operated by the organization.
	KindExternal Kind = "external"
	// KindInline is operated by nobody: content is embedded in the attestation. At most one per
	// organization.
	KindInline Kind = "inline"
	// KindManaged is operated by the platform. At most one per organization.
	KindManaged Kind = "managed"
)

// A Mode is what a backend's operators allow.
type Mode string

const (
	// ModeDrain allows no new writes; reads go on.
	ModeDrain Mode = "drain"
	// ModeMaintenance allows nothing, and no probes.
	ModeMaintenance Mode = "maintenance"
	// ModeReady allows everything.
	ModeReady Mode = "ready"
)

// A Policy is the settings of one organization. Durations are milliseconds.
type Policy struct {
	// MaxFallbacks is the longest chain of fallbacks; 0 to 16, default 1.
	MaxFallbacks uint32
	// Fall is how many consecutive transient failures make a backend invalid; 1 to 100, default 1.
	Fall uint32
	// Rise is how many consecutive successes make a backend valid again; 1 to 100, default 1.
	Rise uint32
	// HoldDown is how long a recovered backend must stay valid before it is preferred again; up to
	// 365 days, default 0.
	HoldDown uint64
	// StaleAfter is the age from which a status is stale; up to 365 days, default 35 minutes.
	StaleAfter uint64
	// CheckEvery is the interval between probes of candidates; 1 second to 365 days, default 30
	// minutes.
	CheckEvery uint64
	// CheckOthersEvery is the interval between probes of the rest; 1 second to 365 days, default 24
	// hours.
	CheckOthersEvery uint64
	// Tail lists the kinds, other than external, that may serve after the chain, in this order, when
	// all of it is down; each at most once, default none.
	Tail []Kind
	// LastResort is what to do when nothing is fit.
	LastResort LastResort
}

// DefaultPolicy returns the settings of a new organization: default, else fallback, else a refusal.
func DefaultPolicy() Policy {
	return Policy{
		MaxFallbacks: 1, Fall: 1, Rise: 1, StaleAfter: 2_100_000, CheckEvery: 1_800_000,
		CheckOthersEvery: 86_400_000, LastResort: LastResortRefuse,
	}
}

// A LastResort is what to do when no candidate is fit (SEL-8).
type LastResort string

const (
	// LastResortLeastBad uses the candidate that failed last, if its failure may go away by waiting.
	LastResortLeastBad LastResort = "least-bad"
	// LastResortRefuse refuses the write.
	LastResortRefuse LastResort = "refuse"
)

// ---- Health ----

// A Health is what is known of a backend's health. Times are milliseconds since the epoch.
//
// Only observations, creation, rotation and leaving maintenance change it (CMD-7). The health of an
// inline backend is ignored everywhere (SEL-9).
type Health struct {
	// Status says whether the backend takes writes, as far as its probes say.
	Status Status
	// Since is when the status last changed; nil if it never has.
	Since *uint64
	// CheckedAt is when the last probe ended; nil asks for a probe.
	CheckedAt *uint64
	// Failures counts consecutive failures; stops at 4,294,967,295.
	Failures uint32
	// Successes counts consecutive successes; stops at 4,294,967,295.
	Successes uint32
	// Failure is why the last real probe failed.
	Failure *Failure
	// Excuse is set when the last attempt said nothing about the backend (CMD-8).
	Excuse *FailureClass
}

// A Status says whether a backend takes writes.
type Status string

const (
	// StatusValid is not known to fail. A new backend is valid.
	StatusValid Status = "valid"
	// StatusInvalid failed often enough to believe it.
	StatusInvalid Status = "invalid"
)

// A Failure is why a probe failed.
type Failure struct {
	// Class is the kind of failure, on which rules branch.
	Class FailureClass
	// Message is what a person should read; at most 1,024 characters, a longer one is cut. It must
	// not contain credentials (HOST-1).
	Message string
}

// A FailureClass is a kind of failure that a probe can meet. What each says about the backend is in
// CMD-8: it is definitive (D), transient (T), or no fault of the backend at all (E, excused).
type FailureClass string

const (
	// ClassAuth is D: the credentials are wrong.
	ClassAuth FailureClass = "auth"
	// ClassConfiguration is D: what was configured cannot work, such as a malformed address.
	ClassConfiguration FailureClass = "configuration"
	// ClassIntegrity is D: what was read back is not what was written.
	ClassIntegrity FailureClass = "integrity"
	// ClassInternal is E: the host's own fault, or a class that nobody knows.
	ClassInternal FailureClass = "internal"
	// ClassNetwork is T: the address does not resolve, or the connection fails.
	ClassNetwork FailureClass = "network"
	// ClassNotFound is D: the repository, bucket or container does not exist.
	ClassNotFound FailureClass = "not-found"
	// ClassPermission is D: the credentials are right and may not write.
	ClassPermission FailureClass = "permission"
	// ClassQuota is T: the storage is full.
	ClassQuota FailureClass = "quota"
	// ClassSecrets is E: the secret store is out of reach, so the storage was not even asked.
	ClassSecrets FailureClass = "secrets"
	// ClassServer is T: the storage answered with a failure of its own.
	ClassServer FailureClass = "server"
	// ClassThrottled is T: the storage asks for fewer requests.
	ClassThrottled FailureClass = "throttled"
	// ClassTimeout is T: the probe did not end by its deadline.
	ClassTimeout FailureClass = "timeout"
)

// An Outcome is how a probe ended: [OK] or [Failed]. There is no other, and nil is none.
type Outcome interface{ outcome() }

// OK is the outcome of a backend that took a write and gave it back.
type OK struct{}

// Failed is the outcome of a backend that did not, or that nobody could ask.
type Failed struct {
	// Failure is why.
	Failure Failure
}

func (OK) outcome()     {}
func (Failed) outcome() {}

// A Probe is what a validator reports: how a probe ended, and when.
type Probe struct {
	// Outcome is how it ended; a probe that does not end by its deadline is a timeout (USE-3).
	Outcome Outcome
	// FinishedAt is when it ended, in milliseconds since the epoch.
	FinishedAt uint64
}

// ---- Selection for a write ----

// A Request is what a write needs.
type Request struct {
	// Size is the size of the blob in bytes; nil if it is not known yet.
	Size *uint64
}

// An Answer is what a selection comes to: a decision or a refusal, exactly one of them.
type Answer struct {
	// Decision says where to write; nil if nothing was selected.
	Decision *Decision
	// Refusal says why nothing was selected; nil if something was.
	Refusal *Refusal
}

// A Decision is the backend to write to, and how it came to be that one.
type Decision struct {
	// Backend is the backend to write to.
	Backend BackendRef
	// Generation is the number of its credentials, so that the writer takes the right ones.
	Generation uint64
	// Position is the place that it was chosen for. The record of a write keeps whether it is any
	// but the default, as `fallback` (HOST-6).
	Position Position
	// Degraded is false only for the default with the verdict `selected`.
	Degraded bool
	// Revision is the revision of the roster that was decided on.
	Revision uint64
	// Trace has one entry per candidate, in order.
	Trace []TraceEntry
}

// A Refusal is why nothing was selected.
type Refusal struct {
	// Reason is what kind of refusal it is.
	Reason RefusalReason
	// Revision is the revision of the roster that was decided on.
	Revision uint64
	// Trace has one entry per candidate, in order.
	Trace []TraceEntry
}

// A RefusalReason is a kind of refusal, with what belongs to it (SEL-6).
type RefusalReason struct {
	// Kind tells the kinds apart.
	Kind RefusalKind
	// Limit is, with [RefusalTooLarge], the largest of the candidates' limits, in bytes.
	Limit uint64
	// RetryAt is, with [RefusalUnavailable], when the first of the invalid candidates may be probed
	// again, in milliseconds since the epoch and not before now; nil if there is no such candidate
	// (SEL-7).
	RetryAt *uint64
}

// A RefusalKind tells refusals apart.
type RefusalKind string

const (
	// RefusalRequired says that no candidate has a backend: nobody configured one.
	RefusalRequired RefusalKind = "required"
	// RefusalTooLarge says that the blob is above the limit of every candidate. Waiting will not
	// help.
	RefusalTooLarge RefusalKind = "too-large"
	// RefusalUnavailable says that every candidate is unusable for now.
	RefusalUnavailable RefusalKind = "unavailable"
)

// A TraceEntry is one candidate and what became of it.
type TraceEntry struct {
	// Position is the candidate's place.
	Position Position
	// Backend is the candidate; nil for a vacant default.
	Backend *BackendRef
	// Verdict is what became of it.
	Verdict Verdict
}

// A Position is a place among the candidates (SEL-1).
type Position struct {
	// Kind tells the kinds of places apart.
	Kind PositionKind
	// Place is, with [PositionFallback], the place on the chain, from 1.
	Place uint32
}

// String returns the position as the semantics name it, such as `default` or `fallback-1`.
func (p Position) String() string {
	if p.Kind == PositionFallback {
		return string(p.Kind) + "-" + strconv.FormatUint(uint64(p.Place), 10)
	}
	return string(p.Kind)
}

// A PositionKind tells places apart.
type PositionKind string

const (
	// PositionDefault is the default.
	PositionDefault PositionKind = "default"
	// PositionFallback is a place on the chain of fallbacks.
	PositionFallback PositionKind = "fallback"
	// PositionManaged is the managed backend, in the tail.
	PositionManaged PositionKind = "managed"
	// PositionInline is the inline backend, in the tail.
	PositionInline PositionKind = "inline"
)

// A Verdict is what became of a candidate, with what belongs to it (SEL-2, SEL-3, SEL-8).
type Verdict struct {
	// Kind tells the verdicts apart.
	Kind VerdictKind
	// Class is, with [VerdictInvalid], the class of the failure, if one is recorded.
	Class *FailureClass
	// Until is, with [VerdictRecovering], when the candidate is preferred again, in milliseconds
	// since the epoch.
	Until uint64
	// Limit is, with [VerdictTooLarge], the candidate's limit in bytes.
	Limit uint64
}

// A VerdictKind tells verdicts apart.
type VerdictKind string

const (
	// VerdictDrained takes no new writes.
	VerdictDrained VerdictKind = "drained"
	// VerdictInvalid failed its probes.
	VerdictInvalid VerdictKind = "invalid"
	// VerdictLastResort is used although it is invalid, because nothing is fit.
	VerdictLastResort VerdictKind = "last-resort"
	// VerdictMaintenance was taken out of use by its operators.
	VerdictMaintenance VerdictKind = "maintenance"
	// VerdictNotReached is fit, and one before it is used.
	VerdictNotReached VerdictKind = "not-reached"
	// VerdictRecovering is fit, but was invalid too recently to be preferred.
	VerdictRecovering VerdictKind = "recovering"
	// VerdictSelected is used.
	VerdictSelected VerdictKind = "selected"
	// VerdictTooLarge has a limit below the size of the blob.
	VerdictTooLarge VerdictKind = "too-large"
	// VerdictVacant is a place that nobody holds.
	VerdictVacant VerdictKind = "vacant"
)

// ---- Selection for a read ----

// A ReadTry is a backend to try, and why.
type ReadTry struct {
	// Backend is the backend.
	Backend BackendID
	// Reason is why it is worth a try.
	Reason ReadReason
}

// A ReadReason is why a backend is worth a try (READ).
type ReadReason string

const (
	// ReadCopy says that the digest was written to it.
	ReadCopy ReadReason = "copy"
	// ReadUnlisted says that the digest was written to it, and the roster no longer has it: the host
	// may still hold its credentials (INV-8).
	ReadUnlisted ReadReason = "unlisted"
	// ReadWriteTarget says that it is where a write would go now.
	ReadWriteTarget ReadReason = "write-target"
)

// ---- Commands ----

// A Call says who asks, when, and what they have seen. It is the contract's `context`.
type Call struct {
	// Organization is the organization that is asked about, and that the events name.
	Organization OrganizationID
	// Actor is who asks, as the events say it; opaque to the policy.
	Actor string
	// By is on whose behalf.
	By By
	// Now is the time, in milliseconds since the epoch.
	Now uint64
	// Seen is the revision that the caller's decision rests on; a command is refused with
	// [CodeConflict] if it is not the current one (USE-2). Nil takes any.
	Seen *uint64
}

// A By says on whose behalf a command is given.
type By string

const (
	// ByOrganization is the organization that owns the roster.
	ByOrganization By = "organization"
	// ByPlatform is those who operate the control plane.
	ByPlatform By = "platform"
)

// A Command is a change that somebody asks for: [Create], [Update], [Delete] or [SetPolicy], as a
// value. There is no other, and nil is none.
type Command interface{ command() }

// Create registers a backend (CMD-1).
type Create struct {
	// ID is its id, never used before.
	ID BackendID
	// Name is its name.
	Name string
	// Kind is who operates it.
	Kind Kind
	// Provider is what speaks to it.
	Provider string
	// Location is where it is.
	Location string
	// Description is for people.
	Description string
	// MaxBlobBytes is its limit in bytes; nil means the kind's own.
	MaxBlobBytes *uint64
	// Mode is its mode.
	Mode Mode
	// Default makes it the default; the displaced one keeps no role.
	Default bool
	// Fallback puts it at the end of the chain; in a full chain it replaces the last element.
	Fallback bool
	// Checked says that it was probed with success just now (USE-1). [Control] sets this itself.
	Checked bool
}

// NewCreate returns the command that registers a backend that is ready, with no role and the limit of
// its kind.
func NewCreate(id BackendID, name string, kind Kind, provider, location string) Create {
	return Create{ID: id, Name: name, Kind: kind, Provider: provider, Location: location, Mode: ModeReady}
}

// Update changes a backend (CMD-2). What is nil stays.
type Update struct {
	// Backend is the backend.
	Backend BackendID
	// Description is its new description; may be empty.
	Description *string
	// MaxBlobBytes is its new limit, in bytes.
	MaxBlobBytes *uint64
	// Default makes it the default, or takes the default away from it.
	Default *bool
	// Fallback puts it on the chain, or takes it off.
	Fallback *bool
	// Mode is its new mode.
	Mode *Mode
	// Rotate says that its credentials are replaced (CMD-9).
	Rotate bool
	// Checked says that the new credentials were probed with success just now (USE-1); means nothing
	// without Rotate. [Control] sets this itself.
	Checked bool
}

// Delete deletes a backend, softly (CMD-3).
type Delete struct {
	// Backend is the backend.
	Backend BackendID
}

// SetPolicy replaces the whole policy (CMD-10).
type SetPolicy struct {
	// Policy holds the new settings.
	Policy Policy
}

func (Create) command()    {}
func (Update) command()    {}
func (Delete) command()    {}
func (SetPolicy) command() {}

// A Code says why a roster breaks an invariant, or why a command or a use case is refused (INV,
// CMD-12). Codes are stable; lists of them are sorted, with each code once.
type Code string

const (
	// CodeBackendNotFound says that no live backend has that id (CMD-2).
	CodeBackendNotFound Code = "backend-not-found"
	// CodeChainFull says that the chain of fallbacks is, or would be, longer than the policy allows
	// (INV-2).
	CodeChainFull Code = "chain-full"
	// CodeConflict says that the revision that the caller saw is not the current one, or that
	// retries are exhausted (USE-2).
	CodeConflict Code = "conflict"
	// CodeDuplicateKind says that there is a second inline or a second managed backend (INV-4).
	CodeDuplicateKind Code = "duplicate-kind"
	// CodeFieldEmpty says that a provider or a location is empty, and the backend is not inline
	// (INV-5).
	CodeFieldEmpty Code = "field-empty"
	// CodeFieldTooLong says that a provider, location or description is too long (INV-5).
	CodeFieldTooLong Code = "field-too-long"
	// CodeIDInvalid says that an id is malformed (INV-3).
	CodeIDInvalid Code = "id-invalid"
	// CodeIDTaken says that an id is used already, or was (INV-3, HOST-2).
	CodeIDTaken Code = "id-taken"
	// CodeInlineLimitFixed says that an inline backend has one limit, and it cannot be set (INV-5,
	// CMD-4).
	CodeInlineLimitFixed Code = "inline-limit-fixed"
	// CodeInlineUndeletable says that an inline backend cannot be deleted (CMD-3).
	CodeInlineUndeletable Code = "inline-undeletable"
	// CodeLimitTooLarge says that a limit is above 2^53 - 1 bytes (INV-5).
	CodeLimitTooLarge Code = "limit-too-large"
	// CodeLimitTooSmall says that a limit is below 10 MiB (INV-5).
	CodeLimitTooSmall Code = "limit-too-small"
	// CodeManagedImmutable says that the organization may only give a managed backend a role
	// (CMD-4).
	CodeManagedImmutable Code = "managed-immutable"
	// CodeManagedReserved says that only the platform creates a managed backend (CMD-1).
	CodeManagedReserved Code = "managed-reserved"
	// CodeManagedUndeletable says that only the platform deletes a managed backend (CMD-3).
	CodeManagedUndeletable Code = "managed-undeletable"
	// CodeNameInvalid says that a name is not an RFC 1123 label (INV-3).
	CodeNameInvalid Code = "name-invalid"
	// CodeNameTaken says that a live backend has that name already (INV-3).
	CodeNameTaken Code = "name-taken"
	// CodeNoCredentials says that an inline backend has no credentials to rotate (CMD-4).
	CodeNoCredentials Code = "no-credentials"
	// CodeOrganizationNotFound says that there is no such organization (CMD-12).
	CodeOrganizationNotFound Code = "organization-not-found"
	// CodeOrganizationTaken says that there is such an organization already (CMD-12).
	CodeOrganizationTaken Code = "organization-taken"
	// CodePolicyInvalid says that a setting is out of its range (INV-5, CMD-10).
	CodePolicyInvalid Code = "policy-invalid"
	// CodeProviderUnknown says that the host has no validator for that provider (CMD-12). The policy
	// itself never says so.
	CodeProviderUnknown Code = "provider-unknown"
	// CodeRoleConflict says that one backend cannot be the default and a fallback (CMD-1, CMD-2).
	CodeRoleConflict Code = "role-conflict"
	// CodeRoleDuplicate says that an id holds two roles (INV-1).
	CodeRoleDuplicate Code = "role-duplicate"
	// CodeRoleUnknown says that a role is held by an id that no live backend has (INV-1).
	CodeRoleUnknown Code = "role-unknown"
	// CodeValidationFailed says that the live probe before a create or a rotation failed (USE-1).
	CodeValidationFailed Code = "validation-failed"
)

// ---- What comes of a command ----

// A Plan is what a command would change, and where this leads.
type Plan struct {
	// ChangeSet is what to commit; without changes if nothing changes (INV-7).
	ChangeSet ChangeSet
	// Roster is the roster afterwards.
	Roster Roster
}

// A ChangeSet is what a commit writes, all of it or nothing (INV-7).
type ChangeSet struct {
	// Revision is the revision that the commit leads to: one more than before, or the same if
	// nothing changes.
	Revision uint64
	// Changes are what to write, in this order: a role never names a backend that is not there yet.
	// Empty if there is nothing to commit.
	Changes []Change
	// Events are what to store beside it, in the same transaction (USE-4).
	Events []Event
}

// A Change is one write: one of the types whose names begin with Change. Each names its target and
// carries its whole new value, so that applying needs no rule. There is no other, and nil is none.
type Change interface{ change() }

// ChangeCreateOrganization says that the organization comes to be.
type ChangeCreateOrganization struct{}

// ChangeCreateBackend says that a backend comes to be.
type ChangeCreateBackend struct {
	// Backend is the new backend.
	Backend Backend
}

// ChangeUpdateBackend says that a backend changes: its description, limit, mode, generation or
// health. Never its kind, provider, location or name.
type ChangeUpdateBackend struct {
	// Backend is the whole backend as it is now.
	Backend Backend
}

// ChangeSetRoles says who serves. Both roles move in one write, so that no storage sees a moment with
// two defaults.
type ChangeSetRoles struct {
	// Roles are the new roles.
	Roles Roles
}

// ChangeDeleteBackend says that a backend goes. Its row and its credentials stay, for downloads
// (INV-8).
type ChangeDeleteBackend struct {
	// Backend is the backend.
	Backend BackendID
}

// ChangeSetPolicy says that the policy is replaced.
type ChangeSetPolicy struct {
	// Policy holds the new settings.
	Policy Policy
}

// ChangeSetRoute says what a write of unknown size would use (EVT).
type ChangeSetRoute struct {
	// Route is the backend; nil if there is none.
	Route *BackendID
}

func (ChangeCreateOrganization) change() {}
func (ChangeCreateBackend) change()      {}
func (ChangeUpdateBackend) change()      {}
func (ChangeSetRoles) change()           {}
func (ChangeDeleteBackend) change()      {}
func (ChangeSetPolicy) change()          {}
func (ChangeSetRoute) change()           {}

// Roles say who serves.
type Roles struct {
	// Default is the default; nil if the place is vacant.
	Default *BackendID
	// Fallbacks is the chain.
	Fallbacks []BackendID
}

// An Observation is how a probe of a backend ended (CMD-7).
type Observation struct {
	// Backend is the backend.
	Backend BackendID
	// Generation is the number of the credentials that were tried.
	Generation uint64
	// FinishedAt is when the probe ended, in milliseconds since the epoch; what is later than now
	// counts as now.
	FinishedAt uint64
	// Outcome is how it ended.
	Outcome Outcome
}

// An Observed is what an observation changes.
type Observed struct {
	// Applied says whether it was applied, rather than dropped.
	Applied bool
	// Plan is what to commit.
	Plan Plan
}

// ---- Events ----

// An Event is something that a commit changed. Events are derived from the difference between the
// rosters before and after, in a fixed order (EVT).
type Event struct {
	// Organization is the organization.
	Organization OrganizationID
	// Revision is the revision that the commit led to.
	Revision uint64
	// At is when it was decided, in milliseconds since the epoch.
	At uint64
	// Actor is who asked for it.
	Actor string
	// Kind is what it was.
	Kind EventKind
}

// An EventKind is what happened, in the order in which a commit lists it: [OrganizationCreated],
// [BackendCreated], [BackendUpdated], [BackendDeleted], [CredentialsRotated], [StatusChanged],
// [DefaultChanged], [DefaultVacated], [FallbacksChanged], [PolicyChanged] or [RouteChanged]. There is
// no other, and nil is none.
type EventKind interface{ eventKind() }

// OrganizationCreated says that the organization was created.
type OrganizationCreated struct{}

// BackendCreated says that a backend was created.
type BackendCreated struct {
	// Backend is the backend.
	Backend Subject
	// Description is its description.
	Description string
	// MaxBlobBytes is its limit, in bytes.
	MaxBlobBytes uint64
	// Mode is its mode.
	Mode Mode
}

// BackendUpdated says that a backend's description, limit or mode changed; what did not is nil.
type BackendUpdated struct {
	// Backend is the backend.
	Backend Subject
	// Description is the new description.
	Description *string
	// MaxBlobBytes is the new limit, in bytes.
	MaxBlobBytes *uint64
	// Mode is the new mode.
	Mode *Mode
}

// BackendDeleted says that a backend was deleted.
type BackendDeleted struct {
	// Backend is the backend as it was.
	Backend Subject
}

// CredentialsRotated says that a backend got new credentials.
type CredentialsRotated struct {
	// Backend is the backend.
	Backend Subject
	// Generation is the number of the new credentials.
	Generation uint64
}

// StatusChanged says that a backend's status changed.
type StatusChanged struct {
	// Backend is the backend.
	Backend Subject
	// Previous is the status before.
	Previous Status
	// Status is the status after.
	Status Status
	// Failure is why, if it turned invalid.
	Failure *Failure
	// Recovery says whether it turned valid.
	Recovery bool
}

// DefaultChanged says that another backend is the default.
type DefaultChanged struct {
	// From is the default before; nil if the place was vacant.
	From *BackendID
	// To is the default after.
	To BackendID
	// Cause is whether somebody asked for it.
	Cause Cause
}

// DefaultVacated says that nobody is the default any more.
type DefaultVacated struct {
	// From is the one that was.
	From BackendID
}

// FallbacksChanged says that the chain of fallbacks changed.
type FallbacksChanged struct {
	// From is the chain before.
	From []BackendID
	// To is the chain after.
	To []BackendID
}

// PolicyChanged says that the policy was replaced.
type PolicyChanged struct {
	// From is the policy before.
	From Policy
	// To is the policy after.
	To Policy
}

// RouteChanged says that a write of unknown size goes elsewhere: the start and the end of a failover.
type RouteChanged struct {
	// From is what it used before; nil if there was nothing.
	From *BackendID
	// To is what it uses now; nil if there is nothing.
	To *BackendID
}

func (OrganizationCreated) eventKind() {}
func (BackendCreated) eventKind()      {}
func (BackendUpdated) eventKind()      {}
func (BackendDeleted) eventKind()      {}
func (CredentialsRotated) eventKind()  {}
func (StatusChanged) eventKind()       {}
func (DefaultChanged) eventKind()      {}
func (DefaultVacated) eventKind()      {}
func (FallbacksChanged) eventKind()    {}
func (PolicyChanged) eventKind()       {}
func (RouteChanged) eventKind()        {}

// A Cause is why the default changed.
type Cause string

const (
	// CausePromoted was next in line (CMD-6).
	CausePromoted Cause = "promoted"
	// CauseRequested was named by the command.
	CauseRequested Cause = "requested"
)

// A Subject is the backend that an event is about. Of a managed one the provider and the location
// read `managed`.
type Subject struct {
	// ID is its id.
	ID BackendID
	// Name is its name.
	Name string
	// Kind is who operates it.
	Kind Kind
	// Provider is what speaks to it.
	Provider string
	// Location is where it is.
	Location string
}

// ---- Use cases ----

// A Resolution is what a write should do, and which backends need a fresh look.
type Resolution struct {
	// Answer is the decision, or the refusal.
	Answer Answer
	// Due are the candidates to refresh in the background, in candidate order (RES-1).
	Due []BackendID
}

// A Validation is what came of a validation.
type Validation struct {
	// Probe is how the probe ended; nil if the backend is inline or in maintenance, and was not
	// probed.
	Probe *Probe
	// Applied says whether the observation was applied, rather than dropped (CMD-7).
	Applied bool
	// Plan is what was committed.
	Plan Plan
}
