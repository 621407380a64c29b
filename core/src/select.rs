//! Which backend takes a write, and why (SEL).
//!
//! ```
//! use backstop_core::{Backend, Kind, Position, Request, Roster, Status, Verdict, select};
//!
//! let mut roster = Roster::empty();
//! for (id, role) in [("a", "primary"), ("b", "spare")] {
//!     roster.backends.push(Backend::new(id, role, Kind::External, "OCI", "registry.example/r"));
//! }
//! roster.default = Some("a".into());
//! roster.fallbacks = vec!["b".into()];
//! roster.backends[0].health.status = Status::Invalid;
//!
//! let decision = select(&roster, &Request::default(), 1_000).unwrap();
//! assert_eq!(decision.backend.name.as_str(), "spare");
//! assert_eq!(decision.position, Position::Fallback(1));
//! assert_eq!(decision.trace[0].verdict, Verdict::Invalid(None));
//! ```

use alloc::{string::String, vec::Vec};
use core::{cmp::Reverse, fmt};

use crate::{
    Backend, BackendId, BackendRef, FailureClass, LastResort, Mode, Roster, Severity,
    candidates::{Candidate, candidates},
};

/// Returns the backend to write to: the first candidate that is fit and not recovering, else the
/// first fit one, else the last resort of the policy.
///
/// Total, deterministic and independent of the order of the roster's backends. `now` is in
/// milliseconds since the epoch.
///
/// # Errors
///
/// Returns a [`Refusal`] that says why (SEL-6), always with the whole trace.
pub fn select(roster: &Roster, request: &Request, now: u64) -> Result<Decision, Refusal> {
    let candidates = candidates(roster);
    let mut trace: Vec<TraceEntry> = candidates
        .iter()
        .map(|candidate| TraceEntry {
            position: candidate.position,
            backend: candidate.backend.map(BackendRef::of),
            verdict: assess(candidate, roster, request, now),
        })
        .collect();

    let chosen = preferred(&trace).or_else(|| match roster.policy.last_resort {
        LastResort::LeastBad => least_bad(&candidates, request, now),
        LastResort::Refuse => None,
    });
    let mut passed = false;
    for (index, entry) in trace.iter_mut().enumerate() {
        if chosen == Some(index) {
            entry.verdict = if entry.verdict.is_fit() {
                Verdict::Selected
            } else {
                Verdict::LastResort
            };
            passed = true;
        } else if passed && entry.verdict.is_fit() {
            entry.verdict = Verdict::NotReached;
        }
    }

    let used = chosen.and_then(|index| Some((candidates.get(index)?.backend?, trace.get(index)?)));
    match used {
        Some((backend, entry)) => Ok(Decision {
            backend: BackendRef::of(backend),
            generation: backend.generation,
            position: entry.position,
            degraded: entry.position != Position::Default || entry.verdict != Verdict::Selected,
            revision: roster.revision,
            trace,
        }),
        None => Err(Refusal {
            reason: reason(&candidates, request, now),
            revision: roster.revision,
            trace,
        }),
    }
}

/// What a write needs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Request {
    /// The size of the blob in bytes; none if it is not known yet.
    pub size: Option<u64>,
}

/// The backend to write to, and how it came to be that one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// The backend to write to.
    pub backend: BackendRef,
    /// The number of its credentials, so that the writer takes the right ones.
    pub generation: u64,
    /// The place that it was chosen for.
    pub position: Position,
    /// False only for the default with the verdict [`Verdict::Selected`].
    pub degraded: bool,
    /// The revision of the roster that was decided on.
    pub revision: u64,
    /// One entry per candidate, in order.
    pub trace: Vec<TraceEntry>,
}

impl Decision {
    /// Says what the record of a write keeps as `fallback` (HOST-6): true for every position but
    /// the default.
    pub fn is_fallback(&self) -> bool {
        self.position != Position::Default
    }
}

/// Why nothing was selected. The message names the backends and why each was passed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub reason: RefusalReason,
    /// The revision of the roster that was decided on.
    pub revision: u64,
    /// One entry per candidate, in order.
    pub trace: Vec<TraceEntry>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            RefusalReason::Required => {
                return f.write_str("no storage backend has a role: make one the default");
            }
            RefusalReason::TooLarge { limit } => write!(
                f,
                "the blob is larger than any backend takes ({limit} bytes)"
            )?,
            RefusalReason::Unavailable { .. } => {
                f.write_str("no storage backend can take the write")?
            }
        }
        for (index, entry) in self.trace.iter().enumerate() {
            write!(f, "{} {entry}", if index == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// The kinds of refusal (SEL-6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefusalReason {
    /// No candidate has a backend: nobody configured one.
    Required,
    /// The blob is above the limit of every candidate: waiting will not help.
    TooLarge {
        /// The largest of those limits, in bytes.
        limit: u64,
    },
    /// Every candidate is unusable for now.
    Unavailable {
        /// When the first of the invalid candidates may be probed again, in milliseconds since the
        /// epoch and not before `now`; none if there is no such candidate (SEL-7).
        retry_at: Option<u64>,
    },
}

impl RefusalReason {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::TooLarge { .. } => "too-large",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

/// One candidate and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceEntry {
    /// The candidate's place.
    pub position: Position,
    /// The candidate; none for a vacant default.
    pub backend: Option<BackendRef>,
    /// What became of it.
    pub verdict: Verdict,
}

impl fmt::Display for TraceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.backend {
            Some(backend) => write!(f, "{} `{}` ", self.position, backend.name)?,
            None => write!(f, "{} ", self.position)?,
        }
        match self.verdict {
            Verdict::Drained => f.write_str("takes no new writes"),
            Verdict::Invalid(class) => write!(f, "is invalid ({})", code_of(class)),
            Verdict::LastResort => f.write_str("is the last resort"),
            Verdict::Maintenance => f.write_str("is in maintenance"),
            Verdict::NotReached => f.write_str("was not needed"),
            Verdict::Recovering { until } => write!(f, "is recovering until {until}"),
            Verdict::Selected => f.write_str("is used"),
            Verdict::TooLarge { limit } => write!(f, "takes at most {limit} bytes"),
            Verdict::Vacant => f.write_str("is vacant"),
        }
    }
}

/// A place among the candidates (SEL-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Position {
    /// The default.
    Default,
    /// A place on the chain of fallbacks, from 1.
    Fallback(u32),
    /// The managed backend, in the tail.
    Managed,
    /// The inline backend, in the tail.
    Inline,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Fallback(place) => write!(f, "fallback-{place}"),
            Self::Managed => f.write_str("managed"),
            Self::Inline => f.write_str("inline"),
        }
    }
}

/// What became of a candidate (SEL-2, SEL-3, SEL-8).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It takes no new writes.
    Drained,
    /// Its probes failed; with the class of the failure, if one is recorded.
    Invalid(Option<FailureClass>),
    /// It is used although it is invalid, because nothing is fit.
    LastResort,
    /// Its operators took it out of use.
    Maintenance,
    /// It is fit, and one before it is used.
    NotReached,
    /// It is fit, but was invalid too recently to be preferred.
    Recovering {
        /// When it is preferred again, in milliseconds since the epoch.
        until: u64,
    },
    /// It is used.
    Selected,
    /// The blob is above its limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Nobody holds the place.
    Vacant,
}

impl Verdict {
    /// Returns the stable code, without the detail.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Invalid(_) => "invalid",
            Self::LastResort => "last-resort",
            Self::Maintenance => "maintenance",
            Self::NotReached => "not-reached",
            Self::Recovering { .. } => "recovering",
            Self::Selected => "selected",
            Self::TooLarge { .. } => "too-large",
            Self::Vacant => "vacant",
        }
    }

    /// Returns the detail that belongs to the code, if there is one: the class of the failure
    /// (`unknown` if none is recorded), a time in milliseconds, or a limit in bytes.
    pub fn detail(self) -> Option<String> {
        use alloc::string::ToString;

        match self {
            Self::Invalid(class) => Some(code_of(class).to_string()),
            Self::Recovering { until } => Some(until.to_string()),
            Self::TooLarge { limit } => Some(limit.to_string()),
            Self::Drained
            | Self::LastResort
            | Self::Maintenance
            | Self::NotReached
            | Self::Selected
            | Self::Vacant => None,
        }
    }

    const fn is_fit(self) -> bool {
        matches!(
            self,
            Self::NotReached | Self::Recovering { .. } | Self::Selected
        )
    }
}

fn code_of(class: Option<FailureClass>) -> &'static str {
    class.map_or("unknown", FailureClass::code)
}

/// SEL-2: the first verdict that applies. A fit candidate counts as not reached until one is
/// chosen.
fn assess(candidate: &Candidate<'_>, roster: &Roster, request: &Request, now: u64) -> Verdict {
    let Some(backend) = candidate.backend else {
        return Verdict::Vacant;
    };
    match backend.mode {
        Mode::Drain => return Verdict::Drained,
        Mode::Maintenance => return Verdict::Maintenance,
        Mode::Ready => {}
    }
    if !backend.is_valid() {
        return Verdict::Invalid(backend.health.failure.as_ref().map(|failure| failure.class));
    }
    if !takes(backend, request) {
        return Verdict::TooLarge {
            limit: backend.max_blob_bytes,
        };
    }
    match backend
        .health
        .since(now)
        .map(|since| since.saturating_add(roster.policy.hold_down))
    {
        Some(until) if !backend.is_inline() && now < until => Verdict::Recovering { until },
        _ => Verdict::NotReached,
    }
}

fn takes(backend: &Backend, request: &Request) -> bool {
    request
        .size
        .is_none_or(|size| size <= backend.max_blob_bytes)
}

/// SEL-3: the first fit candidate that is not recovering, else the first fit one.
fn preferred(trace: &[TraceEntry]) -> Option<usize> {
    let first = |wanted: fn(Verdict) -> bool| trace.iter().position(|entry| wanted(entry.verdict));
    first(|verdict| verdict == Verdict::NotReached).or_else(|| first(Verdict::is_fit))
}

/// SEL-8: the candidate that could take the write if its failure went away, and failed last.
fn least_bad(candidates: &[Candidate<'_>], request: &Request, now: u64) -> Option<usize> {
    candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| {
            let backend = candidate.backend?;
            let class = backend.health.failure.as_ref()?.class;
            let eligible = backend.mode == Mode::Ready
                && !backend.is_valid()
                && takes(backend, request)
                && class.severity() == Severity::Transient;
            eligible.then(|| (backend.health.since(now), Reverse(index)))
        })
        .max()
        .map(|(_, Reverse(index))| index)
}

/// SEL-6 and SEL-7: why there is nothing to use.
fn reason(candidates: &[Candidate<'_>], request: &Request, now: u64) -> RefusalReason {
    let backends = || candidates.iter().filter_map(|candidate| candidate.backend);
    let Some(limit) = backends().map(|backend| backend.max_blob_bytes).max() else {
        return RefusalReason::Required;
    };
    if request.size.is_some_and(|size| size > limit) {
        return RefusalReason::TooLarge { limit };
    }
    let retry_at = backends()
        .filter(|backend| backend.mode == Mode::Ready && !backend.is_valid())
        .map(|backend| backend.health.cooled_down_at(now).max(now))
        .min();
    RefusalReason::Unavailable { retry_at }
}

/// Returns the backend that a write of unknown size would go to: what a commit stores as the
/// roster's route (EVT), and what a read tries last (READ).
pub(crate) fn write_target(roster: &Roster, now: u64) -> Option<BackendId> {
    select(roster, &Request::default(), now)
        .ok()
        .map(|decision| decision.backend.id)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::Kind;

    #[test]
    fn a_refusal_names_every_backend_and_why() {
        let mut roster = Roster::empty();
        let mut primary = Backend::new("a", "primary", Kind::External, "OCI", "registry.example/a");
        primary.health.status = crate::Status::Invalid;
        let mut spare = Backend::new("b", "spare", Kind::External, "OCI", "registry.example/b");
        spare.mode = Mode::Drain;
        roster.backends.extend([primary, spare]);
        roster.default = Some("a".into());
        roster.fallbacks.push("b".into());

        let message =
            select(&roster, &Request::default(), 0).map_err(|refusal| refusal.to_string());
        assert_eq!(
            message.err().as_deref().unwrap_or_default(),
            "no storage backend can take the write: default `primary` is invalid (unknown), \
             fallback-1 `spare` takes no new writes"
        );
    }
}
