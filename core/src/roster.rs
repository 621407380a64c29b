//! The facts: everything the policy knows about one organization.
//!
//! ```
//! use backstop_core::{Backend, Kind, Roster};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("id-1", "primary", Kind::External, "OCI", "registry.example/a"));
//! assert_eq!(roster.backend(&"id-1".into()).unwrap().max_blob_bytes, 104_857_600);
//! ```

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, ptr};

use crate::{Failure, Health, Policy, Status};

/// Everything the policy knows about one organization.
///
/// Roles live here and not on the backends, so that two defaults cannot be written down.
/// A roster may still break the invariants of [`check`](crate::check): every function is total on
/// such a roster, so that a rule that is tightened locks nobody out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Roster {
    /// Counts the commits; 1 after the organization is created.
    pub revision: u64,
    /// The backend that serves first.
    pub default: Option<BackendId>,
    /// The chain of backends that take over, in order.
    pub fallbacks: Vec<BackendId>,
    /// The organization's settings.
    pub policy: Policy,
    /// What the last commit announced as the backend in use (EVT).
    pub route: Option<BackendId>,
    /// The live backends, in any order.
    pub backends: Vec<Backend>,
}

impl Roster {
    /// Returns a roster of revision 0 without backends, roles or route, and the default policy.
    pub fn empty() -> Self {
        Self {
            revision: 0,
            default: None,
            fallbacks: Vec::new(),
            policy: Policy::default(),
            route: None,
            backends: Vec::new(),
        }
    }

    /// Returns the live backend of that id.
    ///
    /// Where several share an id (`id-taken`), the least of them is meant, whatever their order.
    pub fn backend(&self, id: &BackendId) -> Option<&Backend> {
        least(self.backends.iter().filter(|backend| backend.id == *id))
    }

    /// Returns the live backend of that name; where several share it, the one with the least id.
    pub fn named(&self, name: &str) -> Option<&Backend> {
        least(
            self.backends
                .iter()
                .filter(|backend| backend.name.as_str() == name),
        )
    }

    /// Returns the live backend of a kind that an organization has at most one of; where there are
    /// several, the one with the least id.
    pub(crate) fn of_kind(&self, kind: Kind) -> Option<&Backend> {
        let meant = |backend: &&Backend| self.is_meant(backend);
        least(
            self.backends
                .iter()
                .filter(|backend| backend.kind == kind)
                .filter(meant),
        )
    }

    /// Returns the backend that holds the default role, if it is live.
    pub fn default_backend(&self) -> Option<&Backend> {
        self.default.as_ref().and_then(|id| self.backend(id))
    }

    /// Returns the backend that each id means, sorted by id.
    pub(crate) fn meant(&self) -> Vec<&Backend> {
        let mut meant: Vec<&Backend> = Vec::with_capacity(self.backends.len());
        for backend in &self.backends {
            match meant.binary_search_by_key(&&backend.id, |other| &other.id) {
                Ok(place) => {
                    if let Some(twin) = meant.get_mut(place).filter(|twin| backend < **twin) {
                        *twin = backend;
                    }
                }
                Err(place) => meant.insert(place, backend),
            }
        }
        meant
    }

    /// Says whether a backend of this roster is the one that its id means.
    pub(crate) fn is_meant(&self, backend: &Backend) -> bool {
        self.backend(&backend.id)
            .is_some_and(|meant| ptr::eq(meant, backend))
    }

    /// Replaces the backend of the same id.
    pub(crate) fn replace(&mut self, backend: Backend) {
        if let Some(meant) = self
            .index(&backend.id)
            .and_then(|index| self.backends.get_mut(index))
        {
            *meant = backend;
        }
    }

    /// Removes the backend of that id.
    pub(crate) fn remove(&mut self, id: &BackendId) {
        if let Some(index) = self.index(id) {
            self.backends.remove(index);
        }
    }

    fn index(&self, id: &BackendId) -> Option<usize> {
        let meant = self.backend(id)?;
        self.backends
            .iter()
            .position(|backend| ptr::eq(backend, meant))
    }

    /// Returns the place of a backend on the chain, from 1.
    pub fn place(&self, id: &BackendId) -> Option<usize> {
        self.fallbacks
            .iter()
            .position(|other| other == id)
            .map(|index| index.saturating_add(1))
    }
}

fn least<'r>(mut backends: impl Iterator<Item = &'r Backend>) -> Option<&'r Backend> {
    let first = backends.next()?;
    Some(backends.fold(first, |least, other| {
        if (&other.id, other) < (&least.id, least) {
            other
        } else {
            least
        }
    }))
}

/// A storage backend that an organization registered.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Backend {
    /// Chosen by the host, never used again (HOST-2).
    pub id: BackendId,
    /// An RFC 1123 label, unique among the organization's live backends, immutable.
    pub name: Name,
    /// Who operates it.
    pub kind: Kind,
    /// What speaks to it; opaque to the policy, at most 64 characters, immutable.
    pub provider: String,
    /// Where it is; opaque to the policy, at most 2,048 characters, immutable.
    pub location: String,
    /// For people; at most 1,024 characters.
    pub description: String,
    /// The largest blob that it takes, in bytes.
    pub max_blob_bytes: u64,
    /// What its operators allow.
    pub mode: Mode,
    /// Number of its credentials; starts at 1, and grows by one at each rotation.
    pub generation: u64,
    /// What its probes say.
    pub health: Health,
}

impl Backend {
    /// The least limit of a backend that is not inline: 10 MiB.
    pub const MIN_LIMIT: u64 = 10_485_760;
    /// The limit of a backend that is not inline and names none: 100 MiB.
    pub const DEFAULT_LIMIT: u64 = 104_857_600;
    /// The largest limit, and the largest number that every host holds: 2^53 - 1.
    pub const MAX_LIMIT: u64 = 9_007_199_254_740_991;
    /// The limit of every inline backend, in bytes.
    pub const INLINE_LIMIT: u64 = 512_000;

    /// What stands for what only the platform may know.
    const REDACTED: &str = "managed";

    /// Returns a backend as it is when just created: valid, never checked, ready, generation 1.
    pub fn new(id: &str, name: &str, kind: Kind, provider: &str, location: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            kind,
            provider: provider.into(),
            location: location.into(),
            description: String::new(),
            max_blob_bytes: if kind == Kind::Inline {
                Self::INLINE_LIMIT
            } else {
                Self::DEFAULT_LIMIT
            },
            mode: Mode::Ready,
            generation: 1,
            health: Health::default(),
        }
    }

    /// Returns the backend as answers and events show it: of a managed one the provider, the
    /// location and the message of a failure read `managed` (EVT).
    pub fn redacted(&self) -> Self {
        let mut shown = self.clone();
        if self.kind == Kind::Managed {
            shown.provider = Self::REDACTED.into();
            shown.location = Self::REDACTED.into();
            shown.health.failure = shown.health.failure.map(|failure| self.redact(failure));
        }
        shown
    }

    /// Returns a failure of this backend as answers and events show it (EVT).
    pub fn redact(&self, failure: Failure) -> Failure {
        if self.kind == Kind::Managed {
            Failure::new(failure.class, Self::REDACTED)
        } else {
            failure
        }
    }

    /// Says whether the backend is inline: content is embedded, nothing is probed (SEL-9).
    pub fn is_inline(&self) -> bool {
        self.kind == Kind::Inline
    }

    /// Says whether the backend's status lets it serve; an inline one's always does (SEL-9).
    pub fn is_valid(&self) -> bool {
        self.is_inline() || self.health.status == Status::Valid
    }
}

/// A backend as decisions name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BackendRef {
    /// Its id.
    pub id: BackendId,
    /// Its name.
    pub name: Name,
}

impl BackendRef {
    pub(crate) fn of(backend: &Backend) -> Self {
        Self {
            id: backend.id.clone(),
            name: backend.name.clone(),
        }
    }
}

/// Who operates a backend.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// The organization.
    External,
    /// Nobody: content is embedded in the attestation. At most one per organization.
    Inline,
    /// The platform. At most one per organization.
    Managed,
}

impl Kind {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Inline => "inline",
            Self::Managed => "managed",
        }
    }
}

/// What a backend's operators allow.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mode {
    /// No new writes; reads go on.
    Drain,
    /// Nothing, and no probes.
    Maintenance,
    /// Everything.
    #[default]
    Ready,
}

impl Mode {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Maintenance => "maintenance",
            Self::Ready => "ready",
        }
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Shared, so that an answer costs no copy of it. Ordered by bytes.
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text! {
    /// The id of a backend; well formed if it is 1 to 64 printable ASCII characters without blanks.
    BackendId
}

text! {
    /// The name of a backend; well formed if it is an RFC 1123 label of at most 63 characters.
    Name
}

impl BackendId {
    /// Says whether the id is well formed (INV-3, `id-invalid`).
    pub fn is_well_formed(&self) -> bool {
        (1..=64).contains(&self.0.len()) && self.0.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl Name {
    /// Says whether the name is well formed (INV-3, `name-invalid`).
    pub fn is_well_formed(&self) -> bool {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = self.0.as_bytes();
        (1..=63).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| alphanumeric(*byte) || *byte == b'-')
            && bytes.first().is_some_and(|byte| alphanumeric(*byte))
            && bytes.last().is_some_and(|byte| alphanumeric(*byte))
    }
}
