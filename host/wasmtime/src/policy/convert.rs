//! The contract's types and the core's, each way. Total matches: a case that is new on one side
//! breaks the build here.
//!
//! What is passed to the guest borrows from the core's values; what comes from it is owned, and
//! untrusted: nothing here indexes by it or relies on it.

use backstop_core::{self as core, BackendId, Name};

use super::bindings::{
    backstop::policy::{storage, types as wit},
    exports::backstop::policy::control,
};

/// Enums with the same cases on both sides: what goes to the guest, what comes from it, or both.
macro_rules! enums {
    (to $name:ident { $($case:ident),* $(,)? }) => {
        impl From<core::$name> for wit::$name {
            fn from(value: core::$name) -> Self {
                match value { $(core::$name::$case => Self::$case,)* }
            }
        }
    };
    (from $name:ident { $($case:ident),* $(,)? }) => {
        impl From<wit::$name> for core::$name {
            fn from(value: wit::$name) -> Self {
                match value { $(wit::$name::$case => Self::$case,)* }
            }
        }
    };
    (both $name:ident { $($case:ident),* $(,)? }) => {
        enums!(to $name { $($case),* });
        enums!(from $name { $($case),* });
    };
}

enums!(to By { Organization, Platform });
enums!(from Cause { Promoted, Requested });
enums!(from Code {
    BackendNotFound, ChainFull, Conflict, DuplicateKind, FieldEmpty, FieldTooLong, IdInvalid,
    IdTaken, InlineLimitFixed, InlineUndeletable, LimitTooLarge, LimitTooSmall, ManagedImmutable,
    ManagedReserved, ManagedUndeletable, NameInvalid, NameTaken, NoCredentials,
    OrganizationNotFound, OrganizationTaken, PolicyInvalid, ProviderUnknown, RoleConflict,
    RoleDuplicate, RoleUnknown, ValidationFailed,
});
enums!(both FailureClass {
    Auth, Configuration, Integrity, Internal, Network, NotFound, Permission, Quota, Secrets, Server,
    Throttled, Timeout,
});
enums!(both Kind { External, Inline, Managed });
enums!(both LastResort { LeastBad, Refuse });
enums!(both Mode { Drain, Maintenance, Ready });
enums!(from ReadReason { Copy, Unlisted, WriteTarget });
enums!(both Status { Invalid, Valid });

/// Converts every item.
pub(super) fn list<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

fn text(id: &BackendId) -> String {
    id.as_str().to_owned()
}

// ---- To the guest ----

/// The lists of a roster, in the form that they are passed in.
pub(super) struct Lent<'r> {
    roster: &'r core::Roster,
    fallbacks: Vec<&'r str>,
    tail: Vec<wit::Kind>,
    backends: Vec<wit::BackendParam<'r>>,
}

impl<'r> Lent<'r> {
    pub(super) fn new(roster: &'r core::Roster) -> Self {
        Self {
            roster,
            fallbacks: ids(&roster.fallbacks),
            tail: tail(&roster.policy),
            backends: roster.backends.iter().map(backend).collect(),
        }
    }

    pub(super) fn roster(&self) -> wit::RosterParam<'_> {
        let core::Roster {
            revision,
            default,
            fallbacks: _,
            policy: settings,
            route,
            backends: _,
        } = self.roster;
        wit::RosterParam {
            revision: *revision,
            default: default.as_ref().map(BackendId::as_str),
            fallbacks: &self.fallbacks,
            policy: policy(settings, &self.tail),
            route: route.as_ref().map(BackendId::as_str),
            backends: &self.backends,
        }
    }
}

pub(super) fn ids(ids: &[BackendId]) -> Vec<&str> {
    ids.iter().map(BackendId::as_str).collect()
}

/// The list of a policy, in the form that it is passed in.
pub(super) fn tail(policy: &core::Policy) -> Vec<wit::Kind> {
    policy.tail.iter().copied().map(wit::Kind::from).collect()
}

pub(super) fn policy<'p>(policy: &core::Policy, tail: &'p [wit::Kind]) -> wit::PolicyParam<'p> {
    let core::Policy {
        max_fallbacks,
        fall,
        rise,
        hold_down,
        stale_after,
        check_every,
        check_others_every,
        tail: _,
        last_resort,
    } = policy;
    wit::PolicyParam {
        max_fallbacks: *max_fallbacks,
        fall: *fall,
        rise: *rise,
        hold_down: *hold_down,
        stale_after: *stale_after,
        check_every: *check_every,
        check_others_every: *check_others_every,
        tail,
        last_resort: (*last_resort).into(),
    }
}

fn backend(backend: &core::Backend) -> wit::BackendParam<'_> {
    let core::Backend {
        id,
        name,
        kind,
        provider,
        location,
        description,
        max_blob_bytes,
        mode,
        generation,
        health: known,
    } = backend;
    wit::BackendParam {
        id: id.as_str(),
        name: name.as_str(),
        kind: (*kind).into(),
        provider,
        location,
        description,
        max_blob_bytes: *max_blob_bytes,
        mode: (*mode).into(),
        generation: *generation,
        health: health(known),
    }
}

fn health(health: &core::Health) -> wit::HealthParam<'_> {
    let core::Health {
        status,
        since,
        checked_at,
        failures,
        successes,
        failure: recorded,
        excuse,
    } = health;
    wit::HealthParam {
        status: (*status).into(),
        since: *since,
        checked_at: *checked_at,
        failures: *failures,
        successes: *successes,
        failure: recorded.as_ref().map(failure),
        excuse: excuse.map(wit::FailureClass::from),
    }
}

fn failure(failure: &core::Failure) -> wit::FailureParam<'_> {
    let core::Failure { class, message } = failure;
    wit::FailureParam {
        class: (*class).into(),
        message,
    }
}

pub(super) fn request(request: &core::Request) -> wit::Request {
    let core::Request { size } = request;
    wit::Request { size: *size }
}

pub(super) fn context(context: &core::Context) -> wit::Context<'_> {
    let core::Context {
        organization,
        actor,
        by,
        now,
        seen,
    } = context;
    wit::Context {
        organization,
        actor,
        by: (*by).into(),
        now: *now,
        seen: *seen,
    }
}

/// The list that a command may carry, in the form that it is passed in.
pub(super) fn command_tail(command: &core::Command) -> Vec<wit::Kind> {
    match command {
        core::Command::SetPolicy(settings) => tail(settings),
        core::Command::Create(_) | core::Command::Update(_) | core::Command::Delete { .. } => {
            Vec::new()
        }
    }
}

pub(super) fn command<'c>(command: &'c core::Command, tail: &'c [wit::Kind]) -> wit::Command<'c> {
    match command {
        core::Command::Create(new) => wit::Command::Create(create(new)),
        core::Command::Update(change) => wit::Command::Update(update(change)),
        core::Command::Delete { backend } => wit::Command::Delete(backend.as_str()),
        core::Command::SetPolicy(settings) => wit::Command::SetPolicy(policy(settings, tail)),
    }
}

pub(super) fn create(create: &core::Create) -> wit::Create<'_> {
    let core::Create {
        id,
        name,
        kind,
        provider,
        location,
        description,
        max_blob_bytes,
        mode,
        default,
        fallback,
        checked,
    } = create;
    wit::Create {
        id: id.as_str(),
        name,
        kind: (*kind).into(),
        provider,
        location,
        description,
        max_blob_bytes: *max_blob_bytes,
        mode: (*mode).into(),
        default: *default,
        fallback: *fallback,
        checked: *checked,
    }
}

pub(super) fn update(update: &core::Update) -> wit::Update<'_> {
    let core::Update {
        backend,
        description,
        max_blob_bytes,
        default,
        fallback,
        mode,
        rotate,
        checked,
    } = update;
    wit::Update {
        backend: backend.as_str(),
        description: description.as_deref(),
        max_blob_bytes: *max_blob_bytes,
        default: *default,
        fallback: *fallback,
        mode: mode.map(wit::Mode::from),
        rotate: *rotate,
        checked: *checked,
    }
}

pub(super) fn observation(observation: &core::Observation) -> wit::Observation<'_> {
    let core::Observation {
        backend,
        generation,
        finished_at,
        outcome,
    } = observation;
    wit::Observation {
        backend: backend.as_str(),
        generation: *generation,
        finished_at: *finished_at,
        outcome: match outcome {
            core::Outcome::Ok => wit::OutcomeParam::Ok,
            core::Outcome::Failed(why) => wit::OutcomeParam::Failed(failure(why)),
        },
    }
}

/// The lists that the changes of a set carry, in the form that they are passed in.
pub(super) struct LentChanges<'c> {
    change_set: &'c core::ChangeSet,
    lists: Vec<(Vec<&'c str>, Vec<wit::Kind>)>,
}

impl<'c> LentChanges<'c> {
    pub(super) fn new(change_set: &'c core::ChangeSet) -> Self {
        let lists = change_set.changes.iter().map(|change| match change {
            core::Change::SetRoles { fallbacks, .. } => (ids(fallbacks), Vec::new()),
            core::Change::SetPolicy(settings) => (Vec::new(), tail(settings)),
            core::Change::CreateOrganization
            | core::Change::CreateBackend(_)
            | core::Change::UpdateBackend(_)
            | core::Change::DeleteBackend(_)
            | core::Change::SetRoute(_) => (Vec::new(), Vec::new()),
        });
        Self {
            change_set,
            lists: lists.collect(),
        }
    }

    pub(super) fn changes(&self) -> Vec<wit::ChangeParam<'_>> {
        let listed = self.change_set.changes.iter().zip(&self.lists);
        listed
            .map(|(change, (fallbacks, tail))| match change {
                core::Change::CreateOrganization => wit::ChangeParam::CreateOrganization,
                core::Change::CreateBackend(new) => wit::ChangeParam::CreateBackend(backend(new)),
                core::Change::UpdateBackend(new) => wit::ChangeParam::UpdateBackend(backend(new)),
                core::Change::SetRoles {
                    default,
                    fallbacks: _,
                } => wit::ChangeParam::SetRoles(wit::RolesParam {
                    default: default.as_ref().map(BackendId::as_str),
                    fallbacks,
                }),
                core::Change::DeleteBackend(id) => wit::ChangeParam::DeleteBackend(id.as_str()),
                core::Change::SetPolicy(settings) => {
                    wit::ChangeParam::SetPolicy(policy(settings, tail))
                }
                core::Change::SetRoute(route) => {
                    wit::ChangeParam::SetRoute(route.as_ref().map(BackendId::as_str))
                }
            })
            .collect()
    }
}

// ---- Answers to the guest ----

impl From<core::Roster> for wit::RosterResult {
    fn from(roster: core::Roster) -> Self {
        let core::Roster {
            revision,
            default,
            fallbacks,
            policy,
            route,
            backends,
        } = roster;
        Self {
            revision,
            default: default.as_ref().map(text),
            fallbacks: fallbacks.iter().map(text).collect(),
            policy: policy.into(),
            route: route.as_ref().map(text),
            backends: list(backends),
        }
    }
}

impl From<core::Backend> for wit::BackendResult {
    fn from(backend: core::Backend) -> Self {
        let core::Backend {
            id,
            name,
            kind,
            provider,
            location,
            description,
            max_blob_bytes,
            mode,
            generation,
            health,
        } = backend;
        Self {
            id: text(&id),
            name: name.as_str().to_owned(),
            kind: kind.into(),
            provider,
            location,
            description,
            max_blob_bytes,
            mode: mode.into(),
            generation,
            health: health.into(),
        }
    }
}

impl From<core::Policy> for wit::PolicyResult {
    fn from(policy: core::Policy) -> Self {
        let core::Policy {
            max_fallbacks,
            fall,
            rise,
            hold_down,
            stale_after,
            check_every,
            check_others_every,
            tail,
            last_resort,
        } = policy;
        Self {
            max_fallbacks,
            fall,
            rise,
            hold_down,
            stale_after,
            check_every,
            check_others_every,
            tail: list(tail),
            last_resort: last_resort.into(),
        }
    }
}

impl From<core::Health> for wit::HealthResult {
    fn from(health: core::Health) -> Self {
        let core::Health {
            status,
            since,
            checked_at,
            failures,
            successes,
            failure,
            excuse,
        } = health;
        Self {
            status: status.into(),
            since,
            checked_at,
            failures,
            successes,
            failure: failure.map(wit::FailureResult::from),
            excuse: excuse.map(wit::FailureClass::from),
        }
    }
}

impl From<core::Failure> for wit::FailureResult {
    fn from(failure: core::Failure) -> Self {
        let core::Failure { class, message } = failure;
        Self {
            class: class.into(),
            message,
        }
    }
}

impl From<core::Probe> for wit::Probe {
    fn from(probe: core::Probe) -> Self {
        let core::Probe {
            outcome,
            finished_at,
        } = probe;
        Self {
            outcome: match outcome {
                core::Outcome::Ok => wit::OutcomeResult::Ok,
                core::Outcome::Failed(failure) => wit::OutcomeResult::Failed(failure.into()),
            },
            finished_at,
        }
    }
}

impl From<core::StorageError> for storage::StorageError {
    fn from(error: core::StorageError) -> Self {
        match error {
            core::StorageError::OrganizationNotFound => Self::OrganizationNotFound,
            core::StorageError::Failed(message) => Self::Failed(message),
        }
    }
}

impl From<core::CommitError> for storage::CommitError {
    fn from(error: core::CommitError) -> Self {
        match error {
            core::CommitError::Conflict => Self::Conflict,
            core::CommitError::IdTaken => Self::IdTaken,
            core::CommitError::Failed(message) => Self::Failed(message),
        }
    }
}

// ---- From the guest ----

fn id(text: Option<String>) -> Option<BackendId> {
    text.map(BackendId::from)
}

impl From<wit::RosterResult> for core::Roster {
    fn from(roster: wit::RosterResult) -> Self {
        let wit::RosterResult {
            revision,
            default,
            fallbacks,
            policy,
            route,
            backends,
        } = roster;
        Self {
            revision,
            default: id(default),
            fallbacks: list(fallbacks),
            policy: policy.into(),
            route: id(route),
            backends: list(backends),
        }
    }
}

impl From<wit::BackendResult> for core::Backend {
    fn from(backend: wit::BackendResult) -> Self {
        let wit::BackendResult {
            id,
            name,
            kind,
            provider,
            location,
            description,
            max_blob_bytes,
            mode,
            generation,
            health,
        } = backend;
        Self {
            id: id.into(),
            name: name.into(),
            kind: kind.into(),
            provider,
            location,
            description,
            max_blob_bytes,
            mode: mode.into(),
            generation,
            health: health.into(),
        }
    }
}

impl From<wit::BackendRef> for core::BackendRef {
    fn from(backend: wit::BackendRef) -> Self {
        let wit::BackendRef { id, name } = backend;
        Self {
            id: id.into(),
            name: name.into(),
        }
    }
}

impl From<wit::PolicyResult> for core::Policy {
    fn from(policy: wit::PolicyResult) -> Self {
        let wit::PolicyResult {
            max_fallbacks,
            fall,
            rise,
            hold_down,
            stale_after,
            check_every,
            check_others_every,
            tail,
            last_resort,
        } = policy;
        Self {
            max_fallbacks,
            fall,
            rise,
            hold_down,
            stale_after,
            check_every,
            check_others_every,
            tail: list(tail),
            last_resort: last_resort.into(),
        }
    }
}

impl From<wit::HealthResult> for core::Health {
    fn from(health: wit::HealthResult) -> Self {
        let wit::HealthResult {
            status,
            since,
            checked_at,
            failures,
            successes,
            failure,
            excuse,
        } = health;
        Self {
            status: status.into(),
            since,
            checked_at,
            failures,
            successes,
            failure: failure.map(core::Failure::from),
            excuse: excuse.map(core::FailureClass::from),
        }
    }
}

impl From<wit::FailureResult> for core::Failure {
    fn from(failure: wit::FailureResult) -> Self {
        let wit::FailureResult { class, message } = failure;
        Self {
            class: class.into(),
            message,
        }
    }
}

impl From<wit::OutcomeResult> for core::Outcome {
    fn from(outcome: wit::OutcomeResult) -> Self {
        match outcome {
            wit::OutcomeResult::Ok => Self::Ok,
            wit::OutcomeResult::Failed(failure) => Self::Failed(failure.into()),
        }
    }
}

impl From<wit::Probe> for core::Probe {
    fn from(probe: wit::Probe) -> Self {
        let wit::Probe {
            outcome,
            finished_at,
        } = probe;
        Self {
            outcome: outcome.into(),
            finished_at,
        }
    }
}

impl From<wit::Decision> for core::Decision {
    fn from(decision: wit::Decision) -> Self {
        let wit::Decision {
            backend,
            generation,
            position,
            degraded,
            revision,
            trace,
        } = decision;
        Self {
            backend: backend.into(),
            generation,
            position: position.into(),
            degraded,
            revision,
            trace: list(trace),
        }
    }
}

impl From<wit::Refusal> for core::Refusal {
    fn from(refusal: wit::Refusal) -> Self {
        let wit::Refusal {
            reason,
            revision,
            trace,
        } = refusal;
        Self {
            reason: reason.into(),
            revision,
            trace: list(trace),
        }
    }
}

impl From<wit::RefusalReason> for core::RefusalReason {
    fn from(reason: wit::RefusalReason) -> Self {
        match reason {
            wit::RefusalReason::Required => Self::Required,
            wit::RefusalReason::TooLarge(limit) => Self::TooLarge { limit },
            wit::RefusalReason::Unavailable(retry_at) => Self::Unavailable { retry_at },
        }
    }
}

impl From<wit::TraceEntry> for core::TraceEntry {
    fn from(entry: wit::TraceEntry) -> Self {
        let wit::TraceEntry {
            position,
            backend,
            verdict,
        } = entry;
        Self {
            position: position.into(),
            backend: backend.map(core::BackendRef::from),
            verdict: verdict.into(),
        }
    }
}

impl From<wit::Position> for core::Position {
    fn from(position: wit::Position) -> Self {
        match position {
            wit::Position::Default => Self::Default,
            wit::Position::Fallback(place) => Self::Fallback(place),
            wit::Position::Managed => Self::Managed,
            wit::Position::Inline => Self::Inline,
        }
    }
}

impl From<wit::Verdict> for core::Verdict {
    fn from(verdict: wit::Verdict) -> Self {
        match verdict {
            wit::Verdict::Drained => Self::Drained,
            wit::Verdict::Invalid(class) => Self::Invalid(class.map(core::FailureClass::from)),
            wit::Verdict::LastResort => Self::LastResort,
            wit::Verdict::Maintenance => Self::Maintenance,
            wit::Verdict::NotReached => Self::NotReached,
            wit::Verdict::Recovering(until) => Self::Recovering { until },
            wit::Verdict::Selected => Self::Selected,
            wit::Verdict::TooLarge(limit) => Self::TooLarge { limit },
            wit::Verdict::Vacant => Self::Vacant,
        }
    }
}

impl From<wit::ReadTry> for core::ReadTry {
    fn from(read: wit::ReadTry) -> Self {
        let wit::ReadTry { backend, reason } = read;
        Self {
            backend: backend.into(),
            reason: reason.into(),
        }
    }
}

impl From<wit::Plan> for core::Plan {
    fn from(plan: wit::Plan) -> Self {
        let wit::Plan { change_set, roster } = plan;
        Self {
            change_set: change_set.into(),
            roster: roster.into(),
        }
    }
}

impl From<wit::Observed> for core::Observed {
    fn from(observed: wit::Observed) -> Self {
        let wit::Observed { applied, plan } = observed;
        Self {
            applied,
            plan: plan.into(),
        }
    }
}

impl From<wit::ChangeSetResult> for core::ChangeSet {
    fn from(change_set: wit::ChangeSetResult) -> Self {
        let wit::ChangeSetResult {
            revision,
            changes,
            events,
        } = change_set;
        Self {
            revision,
            changes: list(changes),
            events: list(events),
        }
    }
}

impl From<wit::ChangeResult> for core::Change {
    fn from(change: wit::ChangeResult) -> Self {
        match change {
            wit::ChangeResult::CreateOrganization => Self::CreateOrganization,
            wit::ChangeResult::CreateBackend(backend) => Self::CreateBackend(backend.into()),
            wit::ChangeResult::UpdateBackend(backend) => Self::UpdateBackend(backend.into()),
            wit::ChangeResult::SetRoles(wit::RolesResult { default, fallbacks }) => {
                Self::SetRoles {
                    default: id(default),
                    fallbacks: list(fallbacks),
                }
            }
            wit::ChangeResult::DeleteBackend(backend) => Self::DeleteBackend(backend.into()),
            wit::ChangeResult::SetPolicy(policy) => Self::SetPolicy(policy.into()),
            wit::ChangeResult::SetRoute(route) => Self::SetRoute(id(route)),
        }
    }
}

impl From<wit::EventResult> for core::Event {
    fn from(event: wit::EventResult) -> Self {
        let wit::EventResult {
            organization,
            revision,
            at,
            actor,
            kind,
        } = event;
        Self {
            organization,
            revision,
            at,
            actor,
            kind: kind.into(),
        }
    }
}

impl From<wit::SubjectResult> for core::Subject {
    fn from(subject: wit::SubjectResult) -> Self {
        let wit::SubjectResult {
            id,
            name,
            kind,
            provider,
            location,
        } = subject;
        Self {
            id: id.into(),
            name: Name::from(name),
            kind: kind.into(),
            provider,
            location,
        }
    }
}

impl From<wit::EventKindResult> for core::EventKind {
    fn from(kind: wit::EventKindResult) -> Self {
        match kind {
            wit::EventKindResult::OrganizationCreated => Self::OrganizationCreated,
            wit::EventKindResult::BackendCreated(wit::BackendCreatedResult {
                backend,
                description,
                max_blob_bytes,
                mode,
            }) => Self::BackendCreated {
                backend: backend.into(),
                description,
                max_blob_bytes,
                mode: mode.into(),
            },
            wit::EventKindResult::BackendUpdated(wit::BackendUpdatedResult {
                backend,
                description,
                max_blob_bytes,
                mode,
            }) => Self::BackendUpdated {
                backend: backend.into(),
                description,
                max_blob_bytes,
                mode: mode.map(core::Mode::from),
            },
            wit::EventKindResult::BackendDeleted(backend) => Self::BackendDeleted {
                backend: backend.into(),
            },
            wit::EventKindResult::CredentialsRotated(wit::CredentialsRotatedResult {
                backend,
                generation,
            }) => Self::CredentialsRotated {
                backend: backend.into(),
                generation,
            },
            wit::EventKindResult::StatusChanged(wit::StatusChangedResult {
                backend,
                previous,
                status,
                failure,
                recovery,
            }) => Self::StatusChanged {
                backend: backend.into(),
                previous: previous.into(),
                status: status.into(),
                failure: failure.map(core::Failure::from),
                recovery,
            },
            wit::EventKindResult::DefaultChanged(wit::DefaultChangedResult { from, to, cause }) => {
                Self::DefaultChanged {
                    from: id(from),
                    to: to.into(),
                    cause: cause.into(),
                }
            }
            wit::EventKindResult::DefaultVacated(from) => {
                Self::DefaultVacated { from: from.into() }
            }
            wit::EventKindResult::FallbacksChanged(wit::FallbacksChangedResult { from, to }) => {
                Self::FallbacksChanged {
                    from: list(from),
                    to: list(to),
                }
            }
            wit::EventKindResult::PolicyChanged(wit::PolicyChangedResult { from, to }) => {
                Self::PolicyChanged {
                    from: from.into(),
                    to: to.into(),
                }
            }
            wit::EventKindResult::RouteChanged(wit::RouteChangedResult { from, to }) => {
                Self::RouteChanged {
                    from: id(from),
                    to: id(to),
                }
            }
        }
    }
}

impl From<control::ControlError> for core::ControlError {
    fn from(error: control::ControlError) -> Self {
        match error {
            control::ControlError::Refused(control::Rejection { codes, failure }) => {
                Self::Refused {
                    codes: list(codes),
                    failure: failure.map(core::Failure::from),
                }
            }
            control::ControlError::Failed(message) => Self::Failed(message),
        }
    }
}

impl From<control::Resolution> for core::Resolution {
    fn from(resolution: control::Resolution) -> Self {
        let control::Resolution { answer, due } = resolution;
        Self {
            answer: answer
                .map(core::Decision::from)
                .map_err(core::Refusal::from),
            due: list(due),
        }
    }
}

impl From<control::Validation> for core::Validation {
    fn from(validation: control::Validation) -> Self {
        let control::Validation {
            probe,
            applied,
            plan,
        } = validation;
        Self {
            probe: probe.map(core::Probe::from),
            applied,
            plan: plan.into(),
        }
    }
}
