//! What a commit writes.
//!
//! ```
//! use backstop_core::{Command, Context, Roster, apply, create_organization, plan};
//!
//! let context = Context::new("acme", "operator", 1_000);
//! let created = create_organization("id-1".into(), &context).unwrap();
//! // INV-7: applying a change-set yields exactly the planned roster.
//! assert_eq!(apply(&Roster::empty(), &created.change_set), created.roster);
//! ```

use alloc::vec::Vec;

use crate::{Backend, BackendId, Event, Policy, Roster};

/// What a commit writes, all of it or nothing (INV-7).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChangeSet {
    /// The revision that the commit leads to: one more than before, or the same if nothing changes.
    pub revision: u64,
    /// What to write, in this order: a role never names a backend that is not there yet.
    /// Empty if there is nothing to commit.
    pub changes: Vec<Change>,
    /// What to store beside it, in the same transaction (USE-4).
    pub events: Vec<Event>,
}

impl ChangeSet {
    /// Says whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// One write. Each names its target and carries its whole new value, so that applying needs no rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// The organization comes to be.
    CreateOrganization,
    /// A backend comes to be.
    CreateBackend(Backend),
    /// A backend changes: its description, limit, mode, generation or health.
    UpdateBackend(Backend),
    /// Who serves. Both roles move in one write, so that no store sees a moment with two defaults.
    SetRoles {
        /// The default.
        default: Option<BackendId>,
        /// The chain.
        fallbacks: Vec<BackendId>,
    },
    /// A backend goes. Its row and its credentials stay, for downloads (INV-8).
    DeleteBackend(BackendId),
    /// The policy is replaced.
    SetPolicy(Policy),
    /// What a write of unknown size would use (EVT).
    SetRoute(Option<BackendId>),
}

/// Returns the roster that a commit of the change-set leads to.
pub fn apply(roster: &Roster, change_set: &ChangeSet) -> Roster {
    let mut roster = roster.clone();
    if !change_set.is_empty() {
        roster.revision = change_set.revision;
    }
    for change in &change_set.changes {
        match change {
            Change::CreateOrganization => {}
            Change::CreateBackend(backend) => roster.backends.push(backend.clone()),
            Change::UpdateBackend(backend) => roster.replace(backend.clone()),
            Change::SetRoles { default, fallbacks } => {
                roster.default = default.clone();
                roster.fallbacks = fallbacks.clone();
            }
            Change::DeleteBackend(id) => roster.remove(id),
            Change::SetPolicy(policy) => roster.policy = policy.clone(),
            Change::SetRoute(route) => roster.route = route.clone(),
        }
    }
    roster
}
