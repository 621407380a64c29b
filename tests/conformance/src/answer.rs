//! Answers as the vectors write them.

use backstop_core::{
    BackendId, Code, Decision, Event, EventKind, Health, ReadTry, Refusal, RefusalReason, Roster,
    TraceEntry,
};
use serde_json::{Value, json};

pub(crate) fn selection(answer: &Result<Decision, Refusal>) -> Value {
    match answer {
        Ok(decision) => json!({
            "use": decision.backend.id.as_str(),
            "degraded": decision.degraded,
            "trace": trace(&decision.trace),
        }),
        Err(refusal) => {
            let (limit, retry_at) = match refusal.reason {
                RefusalReason::Required => (None, None),
                RefusalReason::TooLarge { limit } => (Some(limit), None),
                RefusalReason::Unavailable { retry_at } => (None, retry_at),
            };
            json!({
                "refused": refusal.reason.code(),
                "trace": trace(&refusal.trace),
                "limit": limit,
                "retry-at": retry_at,
            })
        }
    }
}

fn trace(entries: &[TraceEntry]) -> Value {
    let entry = |entry: &TraceEntry| {
        let verdict = match entry.verdict.detail() {
            Some(detail) => format!("{}:{detail}", entry.verdict.code()),
            None => entry.verdict.code().to_owned(),
        };
        json!([
            entry.position.to_string(),
            entry.backend.as_ref().map(|backend| backend.id.as_str()),
            verdict
        ])
    };
    entries.iter().map(entry).collect()
}

pub(crate) fn roster(roster: &Roster) -> Value {
    json!({
        "revision": roster.revision,
        "default": roster.default.as_ref().map(BackendId::as_str),
        "fallbacks": ids(&roster.fallbacks),
    })
}

pub(crate) fn health(health: &Health) -> Value {
    json!({
        "status": health.status.code(),
        "since": health.since,
        "checked-at": health.checked_at,
        "failures": health.failures,
        "successes": health.successes,
        "failure": health.failure.as_ref().map(|failure| failure.class.code()),
        "excuse": health.excuse.map(backstop_core::FailureClass::code),
    })
}

pub(crate) fn events(events: &[Event]) -> Value {
    events
        .iter()
        .map(|event| {
            let code = event.kind.code();
            if let EventKind::DefaultChanged { cause, .. } = event.kind {
                format!("{code}:{}", cause.code())
            } else {
                code.to_owned()
            }
        })
        .collect()
}

pub(crate) fn ids(ids: &[BackendId]) -> Value {
    ids.iter().map(BackendId::as_str).collect()
}

pub(crate) fn codes(codes: &[Code]) -> Value {
    codes.iter().map(|code| code.as_str()).collect()
}

pub(crate) fn tries(tries: &[ReadTry]) -> Value {
    tries
        .iter()
        .map(|one| json!([one.backend.as_str(), one.reason.code()]))
        .collect()
}
