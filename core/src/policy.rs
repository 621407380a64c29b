//! An organization's settings, with defaults that give the plain behaviour: the default, else the
//! fallback, else an error.
//!
//! ```
//! use backstop_core::Policy;
//!
//! assert!(Policy::default().is_well_formed());
//! assert!(!Policy { fall: 0, ..Policy::default() }.is_well_formed());
//! ```

use alloc::vec::Vec;

use crate::Kind;

/// The settings of one organization. Durations are milliseconds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The longest chain of fallbacks; 0 to 16, default 1.
    pub max_fallbacks: u32,
    /// Consecutive transient failures before a backend is invalid; 1 to 100, default 1.
    pub fall: u32,
    /// Consecutive successes before a backend is valid again; 1 to 100, default 1.
    pub rise: u32,
    /// How long a recovered backend must stay valid before it is preferred again; up to 365 days,
    /// default 0.
    pub hold_down: u64,
    /// The age from which a status is stale; up to 365 days, default 35 minutes.
    pub stale_after: u64,
    /// The interval between probes of candidates; 1 second to 365 days, default 30 minutes.
    pub check_every: u64,
    /// The interval between probes of the rest; 1 second to 365 days, default 24 hours.
    pub check_others_every: u64,
    /// The kinds, other than external, that may serve after the chain, in this order, when all of
    /// it is down; each at most once, default none.
    pub tail: Vec<Kind>,
    /// What to do when nothing is fit.
    pub last_resort: LastResort,
}

impl Policy {
    const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

    /// Says whether every setting is within its range (INV-5, `policy-invalid`).
    pub fn is_well_formed(&self) -> bool {
        let interval = 1_000..=Self::YEAR;
        let tail = |kind| self.tail.iter().filter(|other| **other == kind).count();
        self.max_fallbacks <= 16
            && (1..=100).contains(&self.fall)
            && (1..=100).contains(&self.rise)
            && self.hold_down <= Self::YEAR
            && self.stale_after <= Self::YEAR
            && interval.contains(&self.check_every)
            && interval.contains(&self.check_others_every)
            && tail(Kind::External) == 0
            && tail(Kind::Inline) <= 1
            && tail(Kind::Managed) <= 1
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_fallbacks: 1,
            fall: 1,
            rise: 1,
            hold_down: 0,
            stale_after: 2_100_000,
            check_every: 1_800_000,
            check_others_every: 86_400_000,
            tail: Vec::new(),
            last_resort: LastResort::Refuse,
        }
    }
}

/// What to do when no candidate is fit (SEL-8).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LastResort {
    /// Use the candidate that failed last, if its failure may go away by waiting.
    LeastBad,
    /// Refuse the write.
    #[default]
    Refuse,
}

impl LastResort {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::LeastBad => "least-bad",
            Self::Refuse => "refuse",
        }
    }
}
