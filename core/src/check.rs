//! The invariants of a roster (INV).
//!
//! ```
//! use backstop_core::{Code, Roster, check};
//!
//! let mut roster = Roster::empty();
//! roster.default = Some("ghost".into());
//! roster.policy.fall = 0;
//! assert_eq!(check(&roster), [Code::PolicyInvalid, Code::RoleUnknown]);
//! ```

use alloc::vec::Vec;

use crate::{Backend, BackendId, Code, Kind, Roster, set::Set};

/// Returns every invariant that the roster breaks, not just the first: a sorted set of codes, empty
/// if it is sound (INV-1 to INV-5).
pub fn check(roster: &Roster) -> Vec<Code> {
    violations(roster).into_vec()
}

/// The longest provider, in characters.
const MAX_PROVIDER: usize = 64;
/// The longest location, in characters.
const MAX_LOCATION: usize = 2_048;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 1_024;

pub(crate) fn violations(roster: &Roster) -> Set<Code> {
    let mut found = Set::new();
    let mut note = |broken: bool, code| {
        if broken {
            found.insert(code);
        }
    };

    let ids: Set<&BackendId> = roster.backends.iter().map(|backend| &backend.id).collect();
    let roles: Vec<&BackendId> = roster.default.iter().chain(&roster.fallbacks).collect();
    note(roles.iter().any(|id| !ids.contains(id)), Code::RoleUnknown);
    note(has_twins(roles.iter().copied()), Code::RoleDuplicate);
    note(
        is_chain_full(roster, roster.fallbacks.len()),
        Code::ChainFull,
    );
    note(!roster.policy.is_well_formed(), Code::PolicyInvalid);

    note(ids.len() < roster.backends.len(), Code::IdTaken);
    note(
        has_twins(roster.backends.iter().map(|backend| &backend.name)),
        Code::NameTaken,
    );
    let several = |kind| {
        roster
            .backends
            .iter()
            .filter(|backend| backend.kind == kind)
            .nth(1)
            .is_some()
    };
    note(
        several(Kind::Inline) || several(Kind::Managed),
        Code::DuplicateKind,
    );
    for backend in &roster.backends {
        found.extend(backend_violations(backend));
    }
    found
}

/// Says whether a chain of that length is longer than the policy allows.
pub(crate) fn is_chain_full(roster: &Roster, length: usize) -> bool {
    usize::try_from(roster.policy.max_fallbacks).is_ok_and(|most| length > most)
}

/// The invariants that a backend can break on its own (INV-3, INV-5).
pub(crate) fn backend_violations(backend: &Backend) -> impl Iterator<Item = Code> {
    let external = !backend.is_inline();
    [
        (!backend.id.is_well_formed(), Code::IdInvalid),
        (!backend.name.is_well_formed(), Code::NameInvalid),
        (
            external && (backend.provider.is_empty() || backend.location.is_empty()),
            Code::FieldEmpty,
        ),
        (
            is_longer(&backend.provider, MAX_PROVIDER)
                || is_longer(&backend.location, MAX_LOCATION),
            Code::FieldTooLong,
        ),
        (
            is_longer(&backend.description, MAX_DESCRIPTION),
            Code::FieldTooLong,
        ),
        (
            backend.is_inline() && backend.max_blob_bytes != Backend::INLINE_LIMIT,
            Code::InlineLimitFixed,
        ),
        (
            external && backend.max_blob_bytes < Backend::MIN_LIMIT,
            Code::LimitTooSmall,
        ),
        (
            external && backend.max_blob_bytes > Backend::MAX_LIMIT,
            Code::LimitTooLarge,
        ),
    ]
    .into_iter()
    .filter_map(|(broken, code)| broken.then_some(code))
}

/// Lengths count Unicode scalar values.
fn is_longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

fn has_twins<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = Set::new();
    items.into_iter().any(|item| !seen.insert(item))
}
