//! Rows as values, and values as parameters of statements.

use backstop_core::{
    Backend, BackendId, Failure, FailureClass, Health, Kind, LastResort, Mode, Policy, Roster,
    Status,
};
use sqlx::{Row, Sqlite, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{Fault, StoreError, StoredEvent};
use crate::record;

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds ?1 to ?18: the id, the organization and the other columns of a backend.
pub(super) fn bind<'q>(
    statement: Statement<'q>,
    organization: i64,
    backend: &'q Backend,
) -> Result<Statement<'q>, Fault> {
    let health = &backend.health;
    Ok(statement
        .bind(backend.id.as_str())
        .bind(organization)
        .bind(backend.name.as_str())
        .bind(backend.kind.code())
        .bind(&backend.provider)
        .bind(&backend.location)
        .bind(&backend.description)
        .bind(integer(backend.max_blob_bytes)?)
        .bind(backend.mode.code())
        .bind(integer(backend.generation)?)
        .bind(health.status.code())
        .bind(health.since.map(integer).transpose()?)
        .bind(health.checked_at.map(integer).transpose()?)
        .bind(health.failures)
        .bind(health.successes)
        .bind(health.failure.as_ref().map(|failure| failure.class.code()))
        .bind(health.failure.as_ref().map(|failure| &failure.message))
        .bind(health.excuse.map(FailureClass::code)))
}

/// Binds the nine settings of a policy.
pub(super) fn bind_policy<'q>(
    statement: Statement<'q>,
    policy: &Policy,
) -> Result<Statement<'q>, Fault> {
    let tail: Vec<&str> = policy.tail.iter().map(|kind| kind.code()).collect();
    Ok(statement
        .bind(policy.max_fallbacks)
        .bind(policy.fall)
        .bind(policy.rise)
        .bind(integer(policy.hold_down)?)
        .bind(integer(policy.stale_after)?)
        .bind(integer(policy.check_every)?)
        .bind(integer(policy.check_others_every)?)
        .bind(tail.join(","))
        .bind(policy.last_resort.code()))
}

/// Returns the roster of the rows of an organization and its live backends; none without a row.
pub(super) fn roster(rows: &[SqliteRow]) -> Result<Option<Roster>, Fault> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut roster = Roster {
        revision: natural(first, "revision")?,
        default: id(first, "default_backend")?,
        fallbacks: Vec::new(),
        policy: policy(first)?,
        route: id(first, "route")?,
        backends: Vec::with_capacity(rows.len()),
    };
    let mut chain = Vec::new();
    for row in rows {
        // An organization without a live backend is one row without one.
        let Some(id) = id(row, "id")? else { continue };
        if let Some(place) = row.try_get::<Option<i64>, _>("place")? {
            chain.push((place, id));
        }
        roster.backends.push(backend(row)?);
    }
    chain.sort_unstable();
    roster.fallbacks = chain.into_iter().map(|(_, id)| id).collect();
    Ok(Some(roster))
}

pub(super) fn backend(row: &SqliteRow) -> Result<Backend, Fault> {
    let class = |column| {
        let code: Option<&str> = row.try_get(column)?;
        code.map(|code| coded(&FailureClass::ALL, FailureClass::code, column, code))
            .transpose()
    };
    let failure = match (
        class("failure_class")?,
        row.try_get::<Option<String>, _>("failure_message")?,
    ) {
        (Some(class), Some(message)) => Some(Failure { class, message }),
        (None, _) | (_, None) => None,
    };
    Ok(Backend {
        id: text(row, "id")?.into(),
        name: text(row, "name")?.into(),
        kind: coded(&KINDS, Kind::code, "kind", text(row, "kind")?)?,
        provider: text(row, "provider")?.to_owned(),
        location: text(row, "location")?.to_owned(),
        description: text(row, "description")?.to_owned(),
        max_blob_bytes: natural(row, "max_blob_bytes")?,
        mode: coded(&MODES, Mode::code, "mode", text(row, "mode")?)?,
        generation: natural(row, "generation")?,
        health: Health {
            status: coded(&STATUSES, Status::code, "status", text(row, "status")?)?,
            since: row.try_get("since")?,
            checked_at: row.try_get("checked_at")?,
            failures: row.try_get("failures")?,
            successes: row.try_get("successes")?,
            failure,
            excuse: class("excuse")?,
        },
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<StoredEvent, Fault> {
    let sequence = natural(row, "sequence")?;
    let event: record::Event = serde_json::from_str(text(row, "body")?)
        .map_err(|error| Fault::Damaged(format!("event {sequence}: {error}")))?;
    Ok(StoredEvent {
        sequence,
        event: event.into(),
    })
}

/// A number as SQLite keeps it: signed, of 64 bits.
pub(super) fn integer(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| {
        Fault::from(StoreError::Malformed {
            reason: "a number is too large",
        })
    })
}

/// A number that SQLite kept.
pub(super) fn natural(row: &SqliteRow, column: &str) -> Result<u64, Fault> {
    Ok(row.try_get(column)?)
}

fn text<'r>(row: &'r SqliteRow, column: &str) -> Result<&'r str, Fault> {
    Ok(row.try_get(column)?)
}

fn id(row: &SqliteRow, column: &str) -> Result<Option<BackendId>, Fault> {
    let text: Option<&str> = row.try_get(column)?;
    Ok(text.map(BackendId::from))
}

fn policy(row: &SqliteRow) -> Result<Policy, Fault> {
    let tail = text(row, "tail")?
        .split(',')
        .filter(|kind| !kind.is_empty());
    Ok(Policy {
        max_fallbacks: row.try_get("max_fallbacks")?,
        fall: row.try_get("fall")?,
        rise: row.try_get("rise")?,
        hold_down: natural(row, "hold_down")?,
        stale_after: natural(row, "stale_after")?,
        check_every: natural(row, "check_every")?,
        check_others_every: natural(row, "check_others_every")?,
        tail: tail
            .map(|kind| coded(&KINDS, Kind::code, "tail", kind))
            .collect::<Result<_, _>>()?,
        last_resort: coded(
            &LAST_RESORTS,
            LastResort::code,
            "last_resort",
            text(row, "last_resort")?,
        )?,
    })
}

const KINDS: [Kind; 3] = [Kind::External, Kind::Inline, Kind::Managed];
const LAST_RESORTS: [LastResort; 2] = [LastResort::LeastBad, LastResort::Refuse];
const MODES: [Mode; 3] = [Mode::Drain, Mode::Maintenance, Mode::Ready];
const STATUSES: [Status; 2] = [Status::Invalid, Status::Valid];

/// The value of a code. The schema allows no other, so another one is damage.
fn coded<T: Copy>(
    all: &[T],
    code: fn(T) -> &'static str,
    column: &str,
    stored: &str,
) -> Result<T, Fault> {
    all.iter()
        .copied()
        .find(|value| code(*value) == stored)
        .ok_or_else(|| Fault::Damaged(format!("unknown {column} `{stored}`")))
}
