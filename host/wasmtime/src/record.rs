//! What the host writes down and reads back: answers as JSON or YAML, events as they are stored, and
//! the policy as an operator writes it.
//!
//! The core's types carry no serialization, so the copy is here, and every conversion is total.
//! Names and codes are those of the semantics, in kebab-case; only the record of a write,
//! `casBackend`, is spelled as others expect it (HOST-6). Times are milliseconds since the Unix
//! epoch, durations are milliseconds, sizes are bytes.
//!
//! ```
//! use backstop::record;
//! use backstop_core::{Backend, Kind, Request, Roster, select};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("id-1", "primary", Kind::External, "OCI", "registry.example/a"));
//! roster.default = Some("id-1".into());
//! let decision = select(&roster, &Request::default(), 1_000).unwrap();
//!
//! let answer = serde_json::to_value(record::Decision::from(&decision))?;
//! assert_eq!(
//!     answer["casBackend"],
//!     serde_json::json!({"casBackendID": "id-1", "casBackendName": "primary", "fallback": false}),
//! );
//! # Ok::<_, serde_json::Error>(())
//! ```

use backstop_core as core;
use serde::{Deserialize, Serialize};

use crate::{policy::Description, store};

mod policy;
pub use policy::{Policy, PolicyError};

/// Enums whose values are the core's codes and nothing else.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[expect(missing_docs, reason = "the variants are documented in the core")]
        pub enum $name {
            $($variant,)+
        }

        impl From<core::$name> for $name {
            fn from(value: core::$name) -> Self {
                match value {
                    $(core::$name::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for core::$name {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    )+};
}

codes! {
    /// Why the default changed.
    Cause { Promoted, Requested }

    /// The kinds of failure that a probe can meet.
    FailureClass {
        Auth, Configuration, Integrity, Internal, Network, NotFound, Permission, Quota, Secrets,
        Server, Throttled, Timeout,
    }

    /// Who operates a backend.
    Kind { External, Inline, Managed }

    /// What to do when no candidate is fit.
    LastResort { LeastBad, Refuse }

    /// What a backend's operators allow.
    Mode { Drain, Maintenance, Ready }

    /// Why a backend is worth a try for a read.
    ReadReason { Copy, Unlisted, WriteTarget }

    /// Whether a backend takes writes.
    Status { Invalid, Valid }
}

/// Why a probe failed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Failure {
    pub class: FailureClass,
    pub message: String,
}

impl From<&core::Failure> for Failure {
    fn from(failure: &core::Failure) -> Self {
        Self {
            class: failure.class.into(),
            message: failure.message.clone(),
        }
    }
}

impl From<Failure> for core::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            class: failure.class.into(),
            message: failure.message,
        }
    }
}

/// Where the preview page is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// Its address.
    pub url: String,
}

/// What is known of a backend's health.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Health {
    pub status: Status,
    pub since: Option<u64>,
    pub checked_at: Option<u64>,
    pub failures: u32,
    pub successes: u32,
    pub failure: Option<Failure>,
    pub excuse: Option<FailureClass>,
}

impl From<&core::Health> for Health {
    fn from(health: &core::Health) -> Self {
        Self {
            status: health.status.into(),
            since: health.since,
            checked_at: health.checked_at,
            failures: health.failures,
            successes: health.successes,
            failure: health.failure.as_ref().map(Failure::from),
            excuse: health.excuse.map(FailureClass::from),
        }
    }
}

/// A backend as answers show it: a managed one is redacted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Backend {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub provider: String,
    pub location: String,
    pub description: String,
    pub max_blob_bytes: u64,
    pub mode: Mode,
    pub generation: u64,
    pub health: Health,
}

impl From<&core::Backend> for Backend {
    fn from(backend: &core::Backend) -> Self {
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
        } = backend.redacted();
        Self {
            id: id.to_string(),
            name: name.to_string(),
            kind: kind.into(),
            provider,
            location,
            description,
            max_blob_bytes,
            mode: mode.into(),
            generation,
            health: Health::from(&health),
        }
    }
}

/// A backend with its role, as lists show it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListedBackend {
    /// The backend.
    #[serde(flatten)]
    pub backend: Backend,
    /// Whether it is the default.
    pub default: bool,
    /// Whether it is on the chain.
    pub fallback: bool,
    /// Its place on the chain, from 1.
    pub place: Option<u64>,
}

impl ListedBackend {
    /// Returns a backend with the role that it has on the roster.
    pub fn of(roster: &core::Roster, backend: &core::Backend) -> Self {
        let place = roster.place(&backend.id);
        Self {
            backend: backend.into(),
            default: roster.default.as_ref() == Some(&backend.id),
            fallback: place.is_some(),
            place: place.and_then(|place| u64::try_from(place).ok()),
        }
    }
}

/// A backend that is no longer on the roster.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeletedBackend {
    /// The backend, as it was.
    #[serde(flatten)]
    pub backend: Backend,
    /// When it was deleted.
    pub deleted_at: u64,
}

impl From<&store::DeletedBackend> for DeletedBackend {
    fn from(deleted: &store::DeletedBackend) -> Self {
        Self {
            backend: (&deleted.backend).into(),
            deleted_at: deleted.deleted_at,
        }
    }
}

/// Everything that the policy knows about one organization, as answers show it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Roster {
    pub revision: u64,
    pub default: Option<String>,
    pub fallbacks: Vec<String>,
    pub policy: Policy,
    pub route: Option<String>,
    pub backends: Vec<Backend>,
}

impl From<&core::Roster> for Roster {
    fn from(roster: &core::Roster) -> Self {
        Self {
            revision: roster.revision,
            default: optional(roster.default.as_ref()),
            fallbacks: listed(&roster.fallbacks),
            policy: (&roster.policy).into(),
            route: optional(roster.route.as_ref()),
            backends: roster.backends.iter().map(Backend::from).collect(),
        }
    }
}

/// An organization in a list.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: u64,
    /// The revision of its roster.
    pub revision: u64,
    /// How many live backends it has.
    pub backends: u64,
}

impl From<&store::Organization> for Organization {
    fn from(organization: &store::Organization) -> Self {
        Self {
            name: organization.name.clone(),
            created_at: organization.created_at,
            revision: organization.revision,
            backends: organization.backends,
        }
    }
}

/// A backend as decisions name it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct BackendRef {
    pub id: String,
    pub name: String,
}

impl From<&core::BackendRef> for BackendRef {
    fn from(backend: &core::BackendRef) -> Self {
        Self {
            id: backend.id.to_string(),
            name: backend.name.to_string(),
        }
    }
}

/// What became of a candidate.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(
    tag = "verdict",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[expect(missing_docs, reason = "the variants are documented in the core")]
pub enum Verdict {
    Drained,
    /// The class is none if no failure is recorded.
    Invalid {
        class: Option<FailureClass>,
    },
    LastResort,
    Maintenance,
    NotReached,
    Recovering {
        until: u64,
    },
    Selected,
    TooLarge {
        limit: u64,
    },
    Vacant,
}

impl From<core::Verdict> for Verdict {
    fn from(verdict: core::Verdict) -> Self {
        match verdict {
            core::Verdict::Drained => Self::Drained,
            core::Verdict::Invalid(class) => Self::Invalid {
                class: class.map(FailureClass::from),
            },
            core::Verdict::LastResort => Self::LastResort,
            core::Verdict::Maintenance => Self::Maintenance,
            core::Verdict::NotReached => Self::NotReached,
            core::Verdict::Recovering { until } => Self::Recovering { until },
            core::Verdict::Selected => Self::Selected,
            core::Verdict::TooLarge { limit } => Self::TooLarge { limit },
            core::Verdict::Vacant => Self::Vacant,
        }
    }
}

/// One candidate and what became of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TraceEntry {
    /// `default`, `fallback-1`, `fallback-2`, ..., `managed` or `inline`.
    pub position: String,
    /// The candidate; none for a vacant default.
    pub backend: Option<BackendRef>,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl From<&core::TraceEntry> for TraceEntry {
    fn from(entry: &core::TraceEntry) -> Self {
        Self {
            position: entry.position.to_string(),
            backend: entry.backend.as_ref().map(BackendRef::from),
            verdict: entry.verdict.into(),
        }
    }
}

/// What the record of a write keeps (HOST-6).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CasBackend {
    /// The backend's id.
    #[serde(rename = "casBackendID")]
    pub id: String,
    /// The backend's name.
    #[serde(rename = "casBackendName")]
    pub name: String,
    /// True for every position but the default.
    pub fallback: bool,
}

impl From<&core::Decision> for CasBackend {
    fn from(decision: &core::Decision) -> Self {
        Self {
            id: decision.backend.id.to_string(),
            name: decision.backend.name.to_string(),
            fallback: decision.is_fallback(),
        }
    }
}

/// The backend to write to, and how it came to be that one.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// The backend to write to.
    pub backend: BackendRef,
    /// The number of its credentials.
    pub generation: u64,
    /// The place that it was chosen for, as in [`TraceEntry`].
    pub position: String,
    /// False only for the default with the verdict `selected`.
    pub degraded: bool,
    /// The revision of the roster that was decided on.
    pub revision: u64,
    /// One entry per candidate, in order.
    pub trace: Vec<TraceEntry>,
    /// What to keep with the write.
    #[serde(rename = "casBackend")]
    pub cas_backend: CasBackend,
}

impl From<&core::Decision> for Decision {
    fn from(decision: &core::Decision) -> Self {
        Self {
            backend: (&decision.backend).into(),
            generation: decision.generation,
            position: decision.position.to_string(),
            degraded: decision.degraded,
            revision: decision.revision,
            trace: decision.trace.iter().map(TraceEntry::from).collect(),
            cas_backend: decision.into(),
        }
    }
}

/// Why nothing was selected.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Refusal {
    /// The kind of refusal, with what belongs to it.
    #[serde(flatten)]
    pub reason: RefusalReason,
    /// What a person should read; never for branching.
    pub message: String,
    /// The revision of the roster that was decided on.
    pub revision: u64,
    /// One entry per candidate, in order.
    pub trace: Vec<TraceEntry>,
}

/// The kinds of refusal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(
    tag = "refused",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[expect(missing_docs, reason = "the variants are documented in the core")]
pub enum RefusalReason {
    Required,
    TooLarge { limit: u64 },
    Unavailable { retry_at: Option<u64> },
}

impl From<&core::Refusal> for Refusal {
    fn from(refusal: &core::Refusal) -> Self {
        Self {
            reason: match refusal.reason {
                core::RefusalReason::Required => RefusalReason::Required,
                core::RefusalReason::TooLarge { limit } => RefusalReason::TooLarge { limit },
                core::RefusalReason::Unavailable { retry_at } => {
                    RefusalReason::Unavailable { retry_at }
                }
            },
            message: refusal.to_string(),
            revision: refusal.revision,
            trace: refusal.trace.iter().map(TraceEntry::from).collect(),
        }
    }
}

/// What a write should do: the fields of the decision or of the refusal (which has `refused`), and
/// `due`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resolution {
    /// The decision, or the refusal.
    #[serde(flatten)]
    pub answer: Answer,
    /// The candidates that need a fresh look, in candidate order.
    pub due: Vec<String>,
}

/// A decision or a refusal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Where to write.
    Decision(Decision),
    /// Why there is nowhere to write.
    Refusal(Refusal),
}

impl From<&core::Resolution> for Resolution {
    fn from(resolution: &core::Resolution) -> Self {
        Self {
            answer: match &resolution.answer {
                Ok(decision) => Answer::Decision(decision.into()),
                Err(refusal) => Answer::Refusal(refusal.into()),
            },
            due: listed(&resolution.due),
        }
    }
}

/// A backend to try for a read, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct ReadTry {
    pub backend: String,
    pub reason: ReadReason,
}

impl From<&core::ReadTry> for ReadTry {
    fn from(one: &core::ReadTry) -> Self {
        Self {
            backend: one.backend.to_string(),
            reason: one.reason.into(),
        }
    }
}

/// Something that a commit changed. Stored as it is, and read back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Event {
    pub organization: String,
    pub revision: u64,
    pub at: u64,
    pub actor: String,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. What a `backend-updated` leaves out did not change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(
    tag = "event",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[expect(missing_docs, reason = "the variants are documented in the core")]
pub enum EventKind {
    OrganizationCreated,
    BackendCreated {
        backend: Subject,
        description: String,
        max_blob_bytes: u64,
        mode: Mode,
    },
    BackendUpdated {
        backend: Subject,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_blob_bytes: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        mode: Option<Mode>,
    },
    BackendDeleted {
        backend: Subject,
    },
    CredentialsRotated {
        backend: Subject,
        generation: u64,
    },
    StatusChanged {
        backend: Subject,
        previous: Status,
        status: Status,
        failure: Option<Failure>,
        recovery: bool,
    },
    DefaultChanged {
        from: Option<String>,
        to: String,
        cause: Cause,
    },
    DefaultVacated {
        from: String,
    },
    FallbacksChanged {
        from: Vec<String>,
        to: Vec<String>,
    },
    PolicyChanged {
        from: Policy,
        to: Policy,
    },
    RouteChanged {
        from: Option<String>,
        to: Option<String>,
    },
}

impl From<&core::Event> for Event {
    fn from(event: &core::Event) -> Self {
        Self {
            organization: event.organization.clone(),
            revision: event.revision,
            at: event.at,
            actor: event.actor.clone(),
            kind: (&event.kind).into(),
        }
    }
}

impl From<Event> for core::Event {
    fn from(event: Event) -> Self {
        Self {
            organization: event.organization,
            revision: event.revision,
            at: event.at,
            actor: event.actor,
            kind: event.kind.into(),
        }
    }
}

impl From<&core::EventKind> for EventKind {
    fn from(kind: &core::EventKind) -> Self {
        match kind {
            core::EventKind::OrganizationCreated => Self::OrganizationCreated,
            core::EventKind::BackendCreated {
                backend,
                description,
                max_blob_bytes,
                mode,
            } => Self::BackendCreated {
                backend: backend.into(),
                description: description.clone(),
                max_blob_bytes: *max_blob_bytes,
                mode: (*mode).into(),
            },
            core::EventKind::BackendUpdated {
                backend,
                description,
                max_blob_bytes,
                mode,
            } => Self::BackendUpdated {
                backend: backend.into(),
                description: description.clone(),
                max_blob_bytes: *max_blob_bytes,
                mode: mode.map(Mode::from),
            },
            core::EventKind::BackendDeleted { backend } => Self::BackendDeleted {
                backend: backend.into(),
            },
            core::EventKind::CredentialsRotated {
                backend,
                generation,
            } => Self::CredentialsRotated {
                backend: backend.into(),
                generation: *generation,
            },
            core::EventKind::StatusChanged {
                backend,
                previous,
                status,
                failure,
                recovery,
            } => Self::StatusChanged {
                backend: backend.into(),
                previous: (*previous).into(),
                status: (*status).into(),
                failure: failure.as_ref().map(Failure::from),
                recovery: *recovery,
            },
            core::EventKind::DefaultChanged { from, to, cause } => Self::DefaultChanged {
                from: optional(from.as_ref()),
                to: to.to_string(),
                cause: (*cause).into(),
            },
            core::EventKind::DefaultVacated { from } => Self::DefaultVacated {
                from: from.to_string(),
            },
            core::EventKind::FallbacksChanged { from, to } => Self::FallbacksChanged {
                from: listed(from),
                to: listed(to),
            },
            core::EventKind::PolicyChanged { from, to } => Self::PolicyChanged {
                from: from.into(),
                to: to.into(),
            },
            core::EventKind::RouteChanged { from, to } => Self::RouteChanged {
                from: optional(from.as_ref()),
                to: optional(to.as_ref()),
            },
        }
    }
}

impl From<EventKind> for core::EventKind {
    fn from(kind: EventKind) -> Self {
        let ids = |ids: Vec<String>| ids.into_iter().map(core::BackendId::from).collect();
        match kind {
            EventKind::OrganizationCreated => Self::OrganizationCreated,
            EventKind::BackendCreated {
                backend,
                description,
                max_blob_bytes,
                mode,
            } => Self::BackendCreated {
                backend: backend.into(),
                description,
                max_blob_bytes,
                mode: mode.into(),
            },
            EventKind::BackendUpdated {
                backend,
                description,
                max_blob_bytes,
                mode,
            } => Self::BackendUpdated {
                backend: backend.into(),
                description,
                max_blob_bytes,
                mode: mode.map(core::Mode::from),
            },
            EventKind::BackendDeleted { backend } => Self::BackendDeleted {
                backend: backend.into(),
            },
            EventKind::CredentialsRotated {
                backend,
                generation,
            } => Self::CredentialsRotated {
                backend: backend.into(),
                generation,
            },
            EventKind::StatusChanged {
                backend,
                previous,
                status,
                failure,
                recovery,
            } => Self::StatusChanged {
                backend: backend.into(),
                previous: previous.into(),
                status: status.into(),
                failure: failure.map(core::Failure::from),
                recovery,
            },
            EventKind::DefaultChanged { from, to, cause } => Self::DefaultChanged {
                from: from.map(core::BackendId::from),
                to: to.into(),
                cause: cause.into(),
            },
            EventKind::DefaultVacated { from } => Self::DefaultVacated { from: from.into() },
            EventKind::FallbacksChanged { from, to } => Self::FallbacksChanged {
                from: ids(from),
                to: ids(to),
            },
            EventKind::PolicyChanged { from, to } => Self::PolicyChanged {
                from: from.into(),
                to: to.into(),
            },
            EventKind::RouteChanged { from, to } => Self::RouteChanged {
                from: from.map(core::BackendId::from),
                to: to.map(core::BackendId::from),
            },
        }
    }
}

/// An event and its place in the organization's log.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredEvent {
    /// From 1, without a gap, in the order of the commits.
    pub sequence: u64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

impl From<&store::StoredEvent> for StoredEvent {
    fn from(stored: &store::StoredEvent) -> Self {
        Self {
            sequence: stored.sequence,
            event: (&stored.event).into(),
        }
    }
}

/// What a component is.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the fields are documented in `policy::Description`"
)]
pub struct Component {
    pub world: String,
    pub version: String,
    pub sha256: String,
    pub size: usize,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

impl From<&Description> for Component {
    fn from(description: &Description) -> Self {
        let Description {
            sha256,
            size,
            world,
            version,
            imports,
            exports,
        } = description.clone();
        Self {
            world,
            version,
            sha256,
            size,
            imports,
            exports,
        }
    }
}

/// The backend that an event is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Subject {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub provider: String,
    pub location: String,
}

impl From<&core::Subject> for Subject {
    fn from(subject: &core::Subject) -> Self {
        Self {
            id: subject.id.to_string(),
            name: subject.name.to_string(),
            kind: subject.kind.into(),
            provider: subject.provider.clone(),
            location: subject.location.clone(),
        }
    }
}

impl From<Subject> for core::Subject {
    fn from(subject: Subject) -> Self {
        Self {
            id: subject.id.into(),
            name: subject.name.into(),
            kind: subject.kind.into(),
            provider: subject.provider,
            location: subject.location,
        }
    }
}

fn optional(id: Option<&core::BackendId>) -> Option<String> {
    id.map(core::BackendId::to_string)
}

fn listed(ids: &[core::BackendId]) -> Vec<String> {
    ids.iter().map(core::BackendId::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn roster() -> core::Roster {
        let mut roster = core::Roster::empty();
        let mut primary =
            core::Backend::new("a", "primary", core::Kind::Managed, "AWS-S3", "hidden");
        primary.health.status = core::Status::Invalid;
        primary.health.failure = Some(core::Failure::new(core::FailureClass::NotFound, "hidden"));
        roster.backends.push(primary);
        let spare = core::Backend::new(
            "b",
            "spare",
            core::Kind::External,
            "OCI",
            "registry.example/b",
        );
        roster.backends.push(spare);
        roster.default = Some("a".into());
        roster.fallbacks = vec!["b".into()];
        roster
    }

    fn json(value: &impl Serialize) -> Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn a_resolution_is_the_decision_or_the_refusal() {
        let mut roster = roster();
        let resolve = |roster: &core::Roster| core::Resolution {
            answer: core::select(roster, &core::Request::default(), 1_000),
            due: vec!["a".into()],
        };
        assert_eq!(
            json(&Resolution::from(&resolve(&roster))),
            json!({
                "backend": {"id": "b", "name": "spare"},
                "generation": 1,
                "position": "fallback-1",
                "degraded": true,
                "revision": 0,
                "trace": [
                    {
                        "position": "default",
                        "backend": {"id": "a", "name": "primary"},
                        "verdict": "invalid",
                        "class": "not-found",
                    },
                    {
                        "position": "fallback-1",
                        "backend": {"id": "b", "name": "spare"},
                        "verdict": "selected",
                    },
                ],
                "casBackend": {"casBackendID": "b", "casBackendName": "spare", "fallback": true},
                "due": ["a"],
            }),
        );
        roster.fallbacks.clear();
        assert_eq!(
            json(&Resolution::from(&resolve(&roster))),
            json!({
                "refused": "unavailable",
                "retry-at": 1_000,
                "message": "no storage backend can take the write: default `primary` is invalid (not-found)",
                "revision": 0,
                "trace": [{
                    "position": "default",
                    "backend": {"id": "a", "name": "primary"},
                    "verdict": "invalid",
                    "class": "not-found",
                }],
                "due": ["a"],
            }),
        );
    }

    #[test]
    fn codes_and_details_are_those_of_the_core() {
        for verdict in [
            core::Verdict::Drained,
            core::Verdict::Invalid(None),
            core::Verdict::Invalid(Some(core::FailureClass::NotFound)),
            core::Verdict::LastResort,
            core::Verdict::Maintenance,
            core::Verdict::NotReached,
            core::Verdict::Recovering { until: 7 },
            core::Verdict::Selected,
            core::Verdict::TooLarge { limit: 7 },
            core::Verdict::Vacant,
        ] {
            let shown = json(&Verdict::from(verdict));
            assert_eq!(shown["verdict"], verdict.code());
            let details = ["class", "until", "limit"];
            let detail = details.iter().find_map(|name| match &shown[name] {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) => Some(text.clone()),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            });
            let unknown = verdict == core::Verdict::Invalid(None);
            assert_eq!(detail, verdict.detail().filter(|_| !unknown));
        }
        for class in core::FailureClass::ALL {
            assert_eq!(json(&FailureClass::from(class)), class.code());
        }
        for kind in [
            core::Kind::External,
            core::Kind::Inline,
            core::Kind::Managed,
        ] {
            assert_eq!(json(&Kind::from(kind)), kind.code());
        }
        for mode in [
            core::Mode::Drain,
            core::Mode::Maintenance,
            core::Mode::Ready,
        ] {
            assert_eq!(json(&Mode::from(mode)), mode.code());
        }
        for reason in [
            core::ReadReason::Copy,
            core::ReadReason::Unlisted,
            core::ReadReason::WriteTarget,
        ] {
            assert_eq!(json(&ReadReason::from(reason)), reason.code());
        }
    }

    #[test]
    fn a_managed_backend_is_redacted() {
        let roster = roster();
        let shown = json(&Roster::from(&roster));
        assert!(!shown.to_string().contains("hidden"), "{shown}");
        assert_eq!(shown["backends"][0]["location"], "managed");
        assert_eq!(shown["backends"][1]["location"], "registry.example/b");
        let listed = json(&ListedBackend::of(&roster, &roster.backends[1]));
        assert_eq!(listed["fallback"], true);
        assert_eq!(listed["place"], 1);
        assert_eq!(listed["default"], false);
        assert_eq!(listed["health"]["checked-at"], Value::Null);
        assert_eq!(listed["max-blob-bytes"], 104_857_600);
    }

    #[test]
    fn every_event_comes_back_as_it_was() {
        let subject = || core::Subject {
            id: "a".into(),
            name: "primary".into(),
            kind: core::Kind::External,
            provider: "OCI".into(),
            location: "nul \0, \u{1f980}".into(),
        };
        let policy = core::Policy {
            tail: vec![core::Kind::Inline, core::Kind::Managed],
            last_resort: core::LastResort::LeastBad,
            ..core::Policy::default()
        };
        let failure = core::Failure::new(core::FailureClass::Auth, "wrong password");
        for kind in [
            core::EventKind::OrganizationCreated,
            core::EventKind::BackendCreated {
                backend: subject(),
                description: String::new(),
                max_blob_bytes: core::Backend::MAX_LIMIT,
                mode: core::Mode::Drain,
            },
            core::EventKind::BackendUpdated {
                backend: subject(),
                description: Some(String::new()),
                max_blob_bytes: None,
                mode: Some(core::Mode::Maintenance),
            },
            core::EventKind::BackendUpdated {
                backend: subject(),
                description: None,
                max_blob_bytes: Some(10_485_760),
                mode: None,
            },
            core::EventKind::BackendDeleted { backend: subject() },
            core::EventKind::CredentialsRotated {
                backend: subject(),
                generation: 2,
            },
            core::EventKind::StatusChanged {
                backend: subject(),
                previous: core::Status::Valid,
                status: core::Status::Invalid,
                failure: Some(failure),
                recovery: false,
            },
            core::EventKind::StatusChanged {
                backend: subject(),
                previous: core::Status::Invalid,
                status: core::Status::Valid,
                failure: None,
                recovery: true,
            },
            core::EventKind::DefaultChanged {
                from: None,
                to: "a".into(),
                cause: core::Cause::Requested,
            },
            core::EventKind::DefaultChanged {
                from: Some("a".into()),
                to: "b".into(),
                cause: core::Cause::Promoted,
            },
            core::EventKind::DefaultVacated { from: "a".into() },
            core::EventKind::FallbacksChanged {
                from: Vec::new(),
                to: vec!["a".into(), "b".into()],
            },
            core::EventKind::PolicyChanged {
                from: core::Policy::default(),
                to: policy,
            },
            core::EventKind::RouteChanged {
                from: None,
                to: Some("a".into()),
            },
        ] {
            let event = core::Event {
                organization: "acme".into(),
                revision: core::Backend::MAX_LIMIT,
                at: 253_402_300_799_999,
                actor: "operator".into(),
                kind,
            };
            let text = serde_json::to_string(&Event::from(&event)).unwrap();
            let read: Event = serde_json::from_str(&text).unwrap();
            assert_eq!(core::Event::from(read), event, "{text}");
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["event"], event.kind.code());
        }
    }

    #[test]
    fn a_policy_is_read_strictly() {
        let policy = Policy::parse("hold-down: 60000\ntail: [managed, inline]\n").unwrap();
        assert_eq!(
            core::Policy::from(policy.clone()),
            core::Policy {
                hold_down: 60_000,
                tail: vec![core::Kind::Managed, core::Kind::Inline],
                ..core::Policy::default()
            }
        );
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(Policy::parse(&text), Ok(policy.clone()), "JSON too");
        let text = serde_norway::to_string(&policy).unwrap();
        assert_eq!(
            Policy::parse(&text),
            Ok(policy),
            "what is printed can be read"
        );
        for text in [
            "",
            "# nothing",
            "[]",
            "fall",
            "fell: 1",
            "fall: 1\nfall: 2",
            "fall: -1",
            "fall: 1.5",
            "fall: many",
            "fall: 4294967296",
            "max_fallbacks: 1",
            "tail: [other]",
            "last-resort: never",
            "{\"fall\": 1",
        ] {
            let error = Policy::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("malformed policy: "), "{text}: {error}");
            assert!(!error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn settings_are_assigned_one_by_one() {
        let mut policy = Policy::default();
        for assignment in [
            "max-fallbacks=3",
            "fall=2",
            "rise=4",
            "hold-down=90s",
            "stale-after=7d",
            "check-every=30m",
            "check-others-every=1500",
            "tail=inline,managed",
            "last-resort=least-bad",
        ] {
            policy.assign(assignment).unwrap();
        }
        let expected = Policy {
            max_fallbacks: 3,
            fall: 2,
            rise: 4,
            hold_down: 90_000,
            stale_after: 604_800_000,
            check_every: 1_800_000,
            check_others_every: 1_500,
            tail: vec![Kind::Inline, Kind::Managed],
            last_resort: LastResort::LeastBad,
        };
        assert_eq!(policy, expected);
        for (assignment, message) in [
            ("fall", "`fall` is not a setting: write `KEY=VALUE`"),
            ("fall=", "`` does not fit `fall`: write a number"),
            ("fall=-1", "`-1` does not fit `fall`: write a number"),
            (
                "hold-down=m",
                "`m` does not fit `hold-down`: write a duration such as `30m`",
            ),
            (
                "hold-down=1y",
                "`1y` does not fit `hold-down`: write a duration such as `30m`",
            ),
            (
                "tail=inline,external",
                "`inline,external` does not fit `tail`: write a list of `inline` and `managed`",
            ),
            (
                "last-resort=no",
                "`no` does not fit `last-resort`: write `refuse` or `least-bad`",
            ),
        ] {
            assert_eq!(policy.assign(assignment).unwrap_err().to_string(), message);
        }
        let error = policy.assign("rises=1").unwrap_err().to_string();
        assert!(error.starts_with("unknown setting `rises`: use max-fallbacks, "));
        assert_eq!(policy, expected, "nothing was set");
        policy.assign("tail=").unwrap();
        assert_eq!(policy.tail, []);
    }
}
