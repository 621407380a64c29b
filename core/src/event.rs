//! What happened, for those who watch (EVT).
//!
//! ```
//! use backstop_core::{By, Context, create_organization};
//!
//! let context = Context::new("acme", "operator", 1_000);
//! let plan = create_organization("id-1".into(), &context).unwrap();
//! let codes: Vec<_> = plan.change_set.events.iter().map(|event| event.kind.code()).collect();
//! assert_eq!(codes, ["organization-created", "backend-created", "default-changed", "route-changed"]);
//! ```

use alloc::{string::String, vec::Vec};

use crate::{Backend, BackendId, Failure, Kind, Mode, Name, Policy, Status};

/// Something that a commit changed. Events are derived from the difference between the rosters
/// before and after, in a fixed order (EVT).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The organization.
    pub organization: String,
    /// The revision that the commit led to.
    pub revision: u64,
    /// When it was decided, in milliseconds since the epoch.
    pub at: u64,
    /// Who asked for it.
    pub actor: String,
    /// What it was.
    pub kind: EventKind,
}

/// What happened, in the order in which a commit lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// The organization was created.
    OrganizationCreated,
    /// A backend was created.
    BackendCreated {
        /// The backend.
        backend: Subject,
        /// Its description.
        description: String,
        /// Its limit, in bytes.
        max_blob_bytes: u64,
        /// Its mode.
        mode: Mode,
    },
    /// A backend's description, limit or mode changed; what did not is none.
    BackendUpdated {
        /// The backend.
        backend: Subject,
        /// The new description.
        description: Option<String>,
        /// The new limit, in bytes.
        max_blob_bytes: Option<u64>,
        /// The new mode.
        mode: Option<Mode>,
    },
    /// A backend was deleted.
    BackendDeleted {
        /// The backend, as it was.
        backend: Subject,
    },
    /// A backend got new credentials.
    CredentialsRotated {
        /// The backend.
        backend: Subject,
        /// The number of the new credentials.
        generation: u64,
    },
    /// A backend's status changed.
    StatusChanged {
        /// The backend.
        backend: Subject,
        /// The status before.
        previous: Status,
        /// The status after.
        status: Status,
        /// Why, if it turned invalid.
        failure: Option<Failure>,
        /// Whether it turned valid.
        recovery: bool,
    },
    /// Another backend is the default.
    DefaultChanged {
        /// The default before.
        from: Option<BackendId>,
        /// The default after.
        to: BackendId,
        /// Whether somebody asked for it.
        cause: Cause,
    },
    /// Nobody is the default any more.
    DefaultVacated {
        /// The default before.
        from: BackendId,
    },
    /// The chain of fallbacks changed.
    FallbacksChanged {
        /// The chain before.
        from: Vec<BackendId>,
        /// The chain after.
        to: Vec<BackendId>,
    },
    /// The policy was replaced.
    PolicyChanged {
        /// The policy before.
        from: Policy,
        /// The policy after.
        to: Policy,
    },
    /// A write of unknown size goes elsewhere: the start and the end of a failover.
    RouteChanged {
        /// What it used before.
        from: Option<BackendId>,
        /// What it uses now.
        to: Option<BackendId>,
    },
}

impl EventKind {
    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OrganizationCreated => "organization-created",
            Self::BackendCreated { .. } => "backend-created",
            Self::BackendUpdated { .. } => "backend-updated",
            Self::BackendDeleted { .. } => "backend-deleted",
            Self::CredentialsRotated { .. } => "credentials-rotated",
            Self::StatusChanged { .. } => "status-changed",
            Self::DefaultChanged { .. } => "default-changed",
            Self::DefaultVacated { .. } => "default-vacated",
            Self::FallbacksChanged { .. } => "fallbacks-changed",
            Self::PolicyChanged { .. } => "policy-changed",
            Self::RouteChanged { .. } => "route-changed",
        }
    }
}

/// Why the default changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// It was next in line (CMD-6).
    Promoted,
    /// The command named it.
    Requested,
}

impl Cause {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Requested => "requested",
        }
    }
}

/// The backend that an event is about. Of a managed one the provider and the location read
/// `managed`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subject {
    /// Its id.
    pub id: BackendId,
    /// Its name.
    pub name: Name,
    /// Who operates it.
    pub kind: Kind,
    /// What speaks to it.
    pub provider: String,
    /// Where it is.
    pub location: String,
}

impl Subject {
    pub(crate) fn of(backend: &Backend) -> Self {
        let Backend {
            id,
            name,
            kind,
            provider,
            location,
            ..
        } = backend.redacted();
        Self {
            id,
            name,
            kind,
            provider,
            location,
        }
    }
}
