//! Which backends to probe, and when (DUE). Pure, so that replicas agree.
//!
//! ```
//! use backstop_core::{Backend, Kind, Roster, due, next_due};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("a", "primary", Kind::External, "OCI", "registry.example/r"));
//! assert_eq!(next_due(&roster, &"a".into(), 1_000), Some(0)); // never checked: at once
//! assert_eq!(due(&roster, 1_000), ["a".into()]);
//! ```

use alloc::vec::Vec;

use crate::{Backend, BackendId, Mode, Roster, Status, candidates::candidates, set::Set};

/// Returns the backends whose next probe is due at or before `now` (milliseconds since the epoch),
/// the oldest overdue first, ties by id.
pub fn due(roster: &Roster, now: u64) -> Vec<BackendId> {
    let candidates = candidate_ids(roster);
    let due: Set<(u64, &BackendId)> = roster
        .meant()
        .into_iter()
        .filter_map(|backend| Some((next(roster, &candidates, backend, now)?, &backend.id)))
        .filter(|(next, _)| *next <= now)
        .collect();
    due.into_vec()
        .into_iter()
        .map(|(_, id)| id.clone())
        .collect()
}

/// Returns when a backend is to be probed next, in milliseconds since the epoch: 0 if it never was,
/// none if it is unknown, inline or in maintenance (DUE-1).
pub fn next_due(roster: &Roster, backend: &BackendId, now: u64) -> Option<u64> {
    next(
        roster,
        &candidate_ids(roster),
        roster.backend(backend)?,
        now,
    )
}

fn candidate_ids(roster: &Roster) -> Vec<&BackendId> {
    candidates(roster)
        .into_iter()
        .filter_map(|candidate| Some(&candidate.backend?.id))
        .collect()
}

fn next(roster: &Roster, candidates: &[&BackendId], backend: &Backend, now: u64) -> Option<u64> {
    if backend.is_inline() || backend.mode == Mode::Maintenance {
        return None;
    }
    let Some(checked_at) = backend.health.checked_at(now) else {
        return Some(0);
    };
    let ordinary = if candidates.contains(&&backend.id) {
        roster.policy.check_every
    } else {
        roster.policy.check_others_every
    };
    let interval = ordinary.min(shortened(backend).unwrap_or(ordinary));
    let next = checked_at
        .saturating_add(interval)
        .saturating_add_signed(spread(&backend.id, checked_at, interval));
    Some(match hold_down_end(roster, backend, now) {
        Some(end) if checked_at < end => next.min(end),
        _ => next,
    })
}

/// DUE-2: the interval of a backend that deserves an earlier look.
fn shortened(backend: &Backend) -> Option<u64> {
    const HALF_MINUTE: u64 = 30_000;
    const MINUTE: u64 = 60_000;
    let health = &backend.health;
    if health.excuse.is_some() {
        return Some(MINUTE);
    }
    match health.status {
        Status::Invalid if health.successes > 0 => Some(HALF_MINUTE),
        Status::Invalid => {
            let doublings = health.failures.saturating_sub(1);
            Some(
                2_u64
                    .checked_pow(doublings)
                    .map_or(u64::MAX, |factor| MINUTE.saturating_mul(factor)),
            )
        }
        Status::Valid if health.failures > 0 => Some(HALF_MINUTE),
        Status::Valid => None,
    }
}

/// DUE-2: when a valid backend's hold-down ends. It does not matter whether that is still to come:
/// a probe at or after the end is what announces it.
fn hold_down_end(roster: &Roster, backend: &Backend, now: u64) -> Option<u64> {
    let since = backend.health.since(now)?;
    let held = roster.policy.hold_down > 0 && backend.is_valid();
    held.then(|| since.saturating_add(roster.policy.hold_down))
}

/// DUE-3: up to a tenth of the interval earlier or later, so that a fleet does not probe in step.
fn spread(id: &BackendId, checked_at: u64, interval: u64) -> i64 {
    let hash = fnv_1a(id.as_str().bytes().chain(checked_at.to_le_bytes()));
    let share = i128::from(hash.checked_rem(2_001).unwrap_or(0)).saturating_sub(1_000);
    let spread = i128::from(interval)
        .saturating_mul(share)
        .checked_div(10_000)
        .unwrap_or(0);
    i64::try_from(spread).unwrap_or(0)
}

fn fnv_1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
