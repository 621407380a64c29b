//! The answer of `select` as numbers, for the one call that must cost next to nothing.
//!
//! The package builds the decision from them, with the texts of the roster that it has (see
//! `host/js/src/answer.js`, which knows the same layout).

use std::iter;

use backstop_core::{
    BackendRef, FailureClass, Position, RefusalReason, Request, Roster, TraceEntry, Verdict, select,
};

/// What `select` answered last, as numbers:
///
/// - what it is: 0 a decision, 1 `required`, 2 `too-large`, 3 `unavailable`;
/// - the number of the entry that is used, else the limit, else the time to try again; -1 for none;
/// - 1 if the decision is degraded, else 0;
/// - how many entries there are, then five numbers for each: the case of the position and its place,
///   the number of the backend in the roster (-1 for none), the case of the verdict and its detail
///   (-1 for none).
#[derive(Default)]
pub(crate) struct Answer(Vec<f64>);

impl Answer {
    /// Selects, and returns where the answer is until the next time.
    pub(crate) fn write(&mut self, roster: &Roster, request: &Request, now: u64) -> *const f64 {
        let (what, detail, degraded, trace) = match select(roster, request, now) {
            Ok(decision) => {
                let is_used = |entry: &TraceEntry| {
                    matches!(entry.verdict, Verdict::Selected | Verdict::LastResort)
                };
                let used = decision.trace.iter().position(is_used);
                let used = used.expect("the entry of a decision is in its trace");
                (
                    0.0,
                    used as f64,
                    f64::from(decision.degraded),
                    decision.trace,
                )
            }
            Err(refusal) => {
                let (what, detail) = match refusal.reason {
                    RefusalReason::Required => (1.0, NONE),
                    RefusalReason::TooLarge { limit } => (2.0, limit as f64),
                    RefusalReason::Unavailable { retry_at } => (3.0, number(retry_at)),
                };
                (what, detail, 0.0, refusal.trace)
            }
        };
        self.0.clear();
        self.0.extend([what, detail, degraded, trace.len() as f64]);
        let entries = trace.iter().flat_map(|entry| {
            let (position, place) = position(entry.position);
            let (verdict, detail) = verdict(entry.verdict);
            let backend = entry.backend.as_ref();
            let backend = backend.map_or(NONE, |backend| index(roster, backend));
            [position, place, backend, verdict, detail]
        });
        self.0.extend(entries);
        self.0.as_ptr()
    }
}

const NONE: f64 = -1.0;

fn number(value: Option<u64>) -> f64 {
    value.map_or(NONE, |value| value as f64)
}

fn position(position: Position) -> (f64, f64) {
    match position {
        Position::Default => (0.0, NONE),
        Position::Fallback(place) => (1.0, f64::from(place)),
        Position::Managed => (2.0, NONE),
        Position::Inline => (3.0, NONE),
    }
}

fn verdict(verdict: Verdict) -> (f64, f64) {
    match verdict {
        Verdict::Drained => (0.0, NONE),
        Verdict::Invalid(class) => (1.0, class.map_or(NONE, class_number)),
        Verdict::LastResort => (2.0, NONE),
        Verdict::Maintenance => (3.0, NONE),
        Verdict::NotReached => (4.0, NONE),
        Verdict::Recovering { until } => (5.0, until as f64),
        Verdict::Selected => (6.0, NONE),
        Verdict::TooLarge { limit } => (7.0, limit as f64),
        Verdict::Vacant => (8.0, NONE),
    }
}

fn class_number(class: FailureClass) -> f64 {
    let classes = iter::zip(0_u32.., FailureClass::ALL);
    classes
        .filter(|(_, other)| *other == class)
        .map(|(number, _)| f64::from(number))
        .sum()
}

/// Returns the number of the backend that a decision names. A decision shares its id with the roster,
/// so the same text in the same place is the same backend, also where several have one id.
fn index(roster: &Roster, named: &BackendRef) -> f64 {
    let text = named.id.as_str().as_ptr();
    let mut backends = roster.backends.iter();
    let index = backends.position(|backend| backend.id.as_str().as_ptr() == text);
    index.expect("a decision names backends of the roster") as f64
}
