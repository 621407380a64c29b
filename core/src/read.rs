//! Where to read a blob from (READ).
//!
//! ```
//! use backstop_core::{Backend, Kind, ReadReason, Roster, route_read};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("a", "primary", Kind::External, "OCI", "registry.example/r"));
//! let tries = route_read(&roster, &["gone".into(), "a".into()], 1_000);
//! assert_eq!(tries[0].backend, "a".into());
//! assert_eq!(tries[1].reason, ReadReason::Unlisted);
//! ```

use alloc::vec::Vec;

use crate::{Backend, BackendId, Mode, Roster, select::write_target, set::Set};

/// Returns the backends to try, in order and without repeats: healthy copies first, then suspect
/// ones, then invalid ones, then copies that the roster no longer has, and last what a write would
/// go to. The reader verifies the digest of what it gets.
///
/// `copies` are the backends that the digest was written to; `now` is in milliseconds since the
/// epoch.
pub fn route_read(roster: &Roster, copies: &[BackendId], now: u64) -> Vec<ReadTry> {
    let known = roster.meant();
    let find = |id: &BackendId| {
        let place = known
            .binary_search_by_key(&id, |backend| &backend.id)
            .ok()?;
        known.get(place).copied()
    };
    // The place in `copies` keeps in order what is equal otherwise.
    let listed: Set<(u8, usize, usize, &BackendId)> = copies
        .iter()
        .enumerate()
        .filter_map(|(place, id)| Some((place, find(id)?)))
        .filter(|(_, backend)| backend.mode != Mode::Maintenance)
        .map(|(place, backend)| {
            (
                grade(backend),
                rank(roster, &backend.id),
                place,
                &backend.id,
            )
        })
        .collect();
    let write_target = write_target(roster, now);

    let listed = listed.into_vec().into_iter();
    let listed = listed.map(|(_, _, _, id)| (id, ReadReason::Copy));
    let unlisted = copies.iter().filter(|id| find(id).is_none());
    let unlisted = unlisted.map(|id| (id, ReadReason::Unlisted));
    let last = write_target.iter().map(|id| (id, ReadReason::WriteTarget));
    let mut seen = Set::new();
    listed
        .chain(unlisted)
        .chain(last)
        .filter(|(id, _)| seen.insert(*id))
        .map(|(id, reason)| ReadTry {
            backend: id.clone(),
            reason,
        })
        .collect()
}

/// A backend to try, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadTry {
    /// The backend.
    pub backend: BackendId,
    /// Why it is worth a try.
    pub reason: ReadReason,
}

/// Why a backend is worth a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReadReason {
    /// The digest was written to it.
    Copy,
    /// The digest was written to it, and the roster no longer has it: the host may still hold its
    /// credentials (INV-8).
    Unlisted,
    /// It is where a write would go now.
    WriteTarget,
}

impl ReadReason {
    /// Returns the stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Unlisted => "unlisted",
            Self::WriteTarget => "write-target",
        }
    }
}

/// Valid without failures, valid with failures, invalid.
fn grade(backend: &Backend) -> u8 {
    if !backend.is_valid() {
        2
    } else if backend.health.failures > 0 && !backend.is_inline() {
        1
    } else {
        0
    }
}

/// The default, then the chain in order, then the rest.
fn rank(roster: &Roster, id: &BackendId) -> usize {
    if roster.default.as_ref() == Some(id) {
        0
    } else {
        roster.place(id).unwrap_or(usize::MAX)
    }
}
