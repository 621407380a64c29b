use alloc::vec::Vec;

use crate::{Backend, Kind, Position, Roster};

/// SEL-1: the default, the fallbacks in order, then the tail; each backend once.
///
/// A vacant default is listed without a backend. On the chain an id that names no live backend, or
/// one that is already listed, is skipped, and the others keep the number of their place.
pub(crate) fn candidates(roster: &Roster) -> Vec<Candidate<'_>> {
    let most = roster
        .fallbacks
        .len()
        .saturating_add(roster.policy.tail.len())
        .saturating_add(1);
    let mut listed = Vec::with_capacity(most);
    listed.push(Candidate {
        position: Position::Default,
        backend: roster.default_backend(),
    });
    for (place, id) in (1_u32..).zip(&roster.fallbacks) {
        push_once(&mut listed, Position::Fallback(place), roster.backend(id));
    }
    let mut tried: Vec<Kind> = Vec::new();
    for kind in &roster.policy.tail {
        // Only a policy that is out of range repeats a kind, and it may repeat it any number of times.
        if tried.contains(kind) {
            continue;
        }
        tried.push(*kind);
        let position = match kind {
            Kind::External => continue,
            Kind::Inline => Position::Inline,
            Kind::Managed => Position::Managed,
        };
        push_once(&mut listed, position, roster.of_kind(*kind));
    }
    listed
}

/// A backend in the place for which it may be chosen.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'r> {
    pub(crate) position: Position,
    pub(crate) backend: Option<&'r Backend>,
}

fn push_once<'r>(
    listed: &mut Vec<Candidate<'r>>,
    position: Position,
    backend: Option<&'r Backend>,
) {
    let Some(backend) = backend else { return };
    if !listed.iter().any(|candidate| {
        candidate
            .backend
            .is_some_and(|other| other.id == backend.id)
    }) {
        listed.push(Candidate {
            position,
            backend: Some(backend),
        });
    }
}
