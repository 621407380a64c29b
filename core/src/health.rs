//! What is known of a backend's health, and the words for it.
//!
//! ```
//! use backstop_core::{FailureClass, Severity};
//!
//! assert_eq!(FailureClass::from_code("auth"), FailureClass::Auth);
//! assert_eq!(FailureClass::Auth.severity(), Severity::Definitive);
//! // CMD-7: a class that nobody knows counts as the host's own fault.
//! assert_eq!(FailureClass::from_code("gremlins"), FailureClass::Internal);
//! ```

use alloc::string::String;

/// What is known of a backend's health.
///
/// Only observations, creation, rotation and leaving maintenance change it (CMD-7).
/// The health of an inline backend is ignored everywhere (SEL-9).
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Health {
    /// Whether the backend takes writes, as far as its probes say.
    pub status: Status,
    /// When the status last changed, in milliseconds since the epoch; none if it never has.
    pub since: Option<u64>,
    /// When the last probe ended, in milliseconds since the epoch; none asks for a probe.
    pub checked_at: Option<u64>,
    /// Consecutive failures; stops at [`u32::MAX`].
    pub failures: u32,
    /// Consecutive successes; stops at [`u32::MAX`].
    pub successes: u32,
    /// Why the last real probe failed.
    pub failure: Option<Failure>,
    /// Set when the last attempt said nothing about the backend (CMD-8).
    pub excuse: Option<FailureClass>,
}

impl Health {
    /// Returns the time of the last probe, or none if it never was or is dated after `now`:
    /// such a time comes from a clock that was wrong.
    pub fn checked_at(&self, now: u64) -> Option<u64> {
        self.checked_at.filter(|at| *at <= now)
    }

    /// Returns the time of the last change of status, or none if it never was or is dated after
    /// `now`.
    pub fn since(&self, now: u64) -> Option<u64> {
        self.since.filter(|at| *at <= now)
    }

    /// Returns when the backend may be probed again out of turn, in milliseconds since the epoch
    /// (RES-2): 0 if it was never checked, else 5 seconds after the last probe, or a minute if the
    /// recorded failure is definitive.
    pub fn cooled_down_at(&self, now: u64) -> u64 {
        const TRANSIENT: u64 = 5_000;
        const DEFINITIVE: u64 = 60_000;
        let Some(checked_at) = self.checked_at(now) else {
            return 0;
        };
        let definitive = self
            .failure
            .as_ref()
            .is_some_and(|failure| failure.class.severity() == Severity::Definitive);
        checked_at.saturating_add(if definitive { DEFINITIVE } else { TRANSIENT })
    }
}

/// Whether a backend takes writes.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// It is not known to fail. A new backend is valid.
    #[default]
    Valid,
    /// Its probes failed often enough to believe them.
    Invalid,
}

impl Status {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

/// Why a probe failed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Failure {
    /// The kind of failure, on which rules branch.
    pub class: FailureClass,
    /// What a person should read; at most [`Failure::MAX_MESSAGE`] characters, never for branching.
    pub message: String,
}

impl Failure {
    /// The longest message that is kept, in characters. A longer one is cut.
    pub const MAX_MESSAGE: usize = 1_024;

    /// Returns the failure with its message cut to [`Failure::MAX_MESSAGE`] characters.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((cut, _)) = message.char_indices().nth(Self::MAX_MESSAGE) {
            message.truncate(cut);
        }
        Self { class, message }
    }
}

/// The kinds of failure that a probe can meet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FailureClass {
    /// The credentials are wrong.
    Auth,
    /// What was configured cannot work: a malformed address, a missing field.
    Configuration,
    /// What was read back is not what was written.
    Integrity,
    /// The host's own fault, or a class that nobody knows.
    Internal,
    /// The address does not resolve, or the connection fails.
    Network,
    /// The repository, bucket or container does not exist.
    NotFound,
    /// The credentials are right and may not write.
    Permission,
    /// The storage is full.
    Quota,
    /// The secret store is out of reach, so the storage was not even asked.
    Secrets,
    /// The storage answered with a failure of its own.
    Server,
    /// The storage asks for fewer requests.
    Throttled,
    /// The probe did not end by its deadline.
    Timeout,
}

impl FailureClass {
    /// Every class, in the order of the codes.
    pub const ALL: [Self; 12] = [
        Self::Auth,
        Self::Configuration,
        Self::Integrity,
        Self::Internal,
        Self::Network,
        Self::NotFound,
        Self::Permission,
        Self::Quota,
        Self::Secrets,
        Self::Server,
        Self::Throttled,
        Self::Timeout,
    ];

    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Configuration => "configuration",
            Self::Integrity => "integrity",
            Self::Internal => "internal",
            Self::Network => "network",
            Self::NotFound => "not-found",
            Self::Permission => "permission",
            Self::Quota => "quota",
            Self::Secrets => "secrets",
            Self::Server => "server",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
        }
    }

    /// Returns the class of a code; an unknown one counts as [`FailureClass::Internal`] (CMD-7).
    pub fn from_code(code: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|class| class.code() == code)
            .unwrap_or(Self::Internal)
    }

    /// Returns what the class says about the backend (CMD-8).
    pub const fn severity(self) -> Severity {
        match self {
            Self::Auth
            | Self::Configuration
            | Self::Integrity
            | Self::NotFound
            | Self::Permission => Severity::Definitive,
            Self::Network | Self::Quota | Self::Server | Self::Throttled | Self::Timeout => {
                Severity::Transient
            }
            Self::Internal | Self::Secrets => Severity::Excused,
        }
    }
}

/// What a failure says about the backend (CMD-8).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It will not go away by waiting: one such failure is believed.
    Definitive,
    /// Nothing: it was the host's own fault.
    Excused,
    /// It may go away by waiting: `fall` of them in a row are believed.
    Transient,
}

/// How a probe ended.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// The backend took a write and gave it back.
    Ok,
    /// It did not, or nobody could ask it.
    Failed(Failure),
}

/// What a validator reports: how a probe ended, and when.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Probe {
    /// How it ended; a probe that does not end by its deadline *is* a timeout (USE-3).
    pub outcome: Outcome,
    /// When it ended, in milliseconds since the epoch.
    pub finished_at: u64,
}
