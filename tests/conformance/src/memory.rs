use std::sync::{Mutex, PoisonError};

use backstop_core::{ChangeSet, CommitError, Roster, Storage, StorageError, apply};

/// The roster of one organization in memory; keeps live rows only.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<Roster>>);

impl Memory {
    /// Returns a storage that holds that roster, or no organization.
    pub fn new(roster: Option<Roster>) -> Self {
        Self(Mutex::new(roster))
    }

    /// Returns the roster as it is stored.
    pub fn roster(&self) -> Result<Roster, StorageError> {
        let roster = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        roster.clone().ok_or(StorageError::OrganizationNotFound)
    }

    /// Commits by compare-and-swap on the revision (USE-2); 0 stands for no organization.
    pub fn swap(&self, expected: u64, change_set: &ChangeSet) -> Result<(), CommitError> {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = stored.clone().unwrap_or_else(Roster::empty);
        if before.revision != expected {
            return Err(CommitError::Conflict);
        }
        *stored = Some(apply(&before, change_set));
        Ok(())
    }
}

impl Storage for Memory {
    async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
        self.roster()
    }

    async fn commit(
        &self,
        _organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        self.swap(expected, change_set)
    }
}
