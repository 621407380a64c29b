//! What a probe makes of a backend's health (CMD-7, CMD-8).
//!
//! ```
//! use backstop_core::{Backend, Context, Failure, FailureClass, Kind, Observation, Outcome, Roster, observe};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("a", "primary", Kind::External, "OCI", "registry.example/r"));
//! let observation = Observation {
//!     backend: "a".into(),
//!     generation: 1,
//!     finished_at: 900,
//!     outcome: Outcome::Failed(Failure::new(FailureClass::Timeout, "no answer within 10 s")),
//! };
//! let observed = observe(&roster, &observation, &Context::new("acme", "prober", 1_000));
//! assert!(observed.applied);
//! assert!(!observed.plan.roster.backends[0].is_valid());
//! ```

use crate::{
    Backend, BackendId, ChangeSet, Context, Failure, Health, Outcome, Plan, Policy, Roster,
    Severity, Status, plan::Draft,
};

/// Returns what an observation changes, and whether it was applied.
///
/// It is dropped without effect if the backend is gone or inline, if its credentials were rotated
/// since, or if a newer observation was applied already (CMD-7).
pub fn observe(roster: &Roster, observation: &Observation, context: &Context) -> Observed {
    let finished_at = observation.finished_at.min(context.now);
    let counted = roster.backend(&observation.backend).filter(|backend| {
        !backend.is_inline()
            && backend.generation == observation.generation
            && backend
                .health
                .checked_at(context.now)
                .is_none_or(|checked_at| finished_at > checked_at)
    });
    let nothing = || Plan {
        change_set: ChangeSet {
            revision: roster.revision,
            ..ChangeSet::default()
        },
        roster: roster.clone(),
    };
    let Some(before) = counted else {
        return Observed {
            applied: false,
            plan: nothing(),
        };
    };

    let mut after: Backend = before.clone();
    judge(
        &mut after.health,
        &roster.policy,
        &observation.outcome,
        finished_at,
    );
    let mut draft = Draft::of(roster);
    draft.observed(before, after);
    match draft.finish(context) {
        Ok(plan) => Observed {
            applied: true,
            plan,
        },
        // Health breaks no invariant, so there is nothing that could refuse it.
        Err(_) => Observed {
            applied: false,
            plan: nothing(),
        },
    }
}

/// How a probe of a backend ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observation {
    /// The backend.
    pub backend: BackendId,
    /// The number of the credentials that were tried.
    pub generation: u64,
    /// When the probe ended, in milliseconds since the epoch; what is later than now counts as now.
    pub finished_at: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// What an observation changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observed {
    /// Whether it was applied, rather than dropped.
    pub applied: bool,
    /// What to commit.
    pub plan: Plan,
}

/// CMD-8: what an outcome makes of a backend's health.
pub(crate) fn judge(health: &mut Health, policy: &Policy, outcome: &Outcome, finished_at: u64) {
    // The first observation decides, whatever the thresholds.
    let first = health.failures == 0 && health.successes == 0;
    health.checked_at = Some(finished_at);
    health.excuse = None;
    match outcome {
        Outcome::Ok => {
            health.successes = health.successes.saturating_add(1);
            health.failures = 0;
            if health.status == Status::Invalid && (first || health.successes >= policy.rise) {
                health.status = Status::Valid;
                health.since = Some(finished_at);
            }
            if health.status == Status::Valid {
                health.failure = None;
            }
        }
        Outcome::Failed(failure) => {
            let believed = match failure.class.severity() {
                Severity::Definitive => true,
                Severity::Excused => {
                    health.excuse = Some(failure.class);
                    return;
                }
                Severity::Transient => first || health.failures.saturating_add(1) >= policy.fall,
            };
            health.failures = health.failures.saturating_add(1);
            health.successes = 0;
            health.failure = Some(Failure::new(failure.class, failure.message.as_str()));
            if believed && health.status == Status::Valid {
                health.status = Status::Invalid;
                health.since = Some(finished_at);
            }
        }
    }
}
