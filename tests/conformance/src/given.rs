use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use backstop_core::{
    BackendId, ChangeSet, CommitError, Outcome, Probe, Roster, Storage, StorageError, Validator,
    apply,
};

/// What a use case meets: the roster of one organization in memory, which keeps live rows only, and
/// probes and failures as they are told. Everything answers at once.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// What is stored; none if there is no organization.
    pub roster: Option<Roster>,
    /// How a probe of a backend ends; well, for one that is not named.
    pub outcomes: BTreeMap<String, Outcome>,
    /// When every probe ends.
    pub finished_at: u64,
    /// How many commits meet a conflict before one is looked at.
    pub conflicts: u64,
    /// What every load fails with.
    pub load_error: Option<String>,
    /// What every commit fails with; `id-taken` is the error of that name.
    pub commit_error: Option<String>,
}

/// What became of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Left {
    /// How often a commit was asked for.
    pub commits: u64,
    /// Whom the validator was asked about, with the number of the credentials, in order.
    pub probed: Vec<(BackendId, u64)>,
    /// What is stored.
    pub roster: Option<Roster>,
}

/// Storage and validator of a [`Given`].
#[derive(Debug)]
pub struct World {
    given: Given,
    left: Mutex<Left>,
}

impl World {
    /// Returns a world in which nothing has happened yet.
    pub fn new(given: Given) -> Self {
        let left = Left {
            roster: given.roster.clone(),
            ..Left::default()
        };
        Self {
            given,
            left: Mutex::new(left),
        }
    }

    /// Returns what became of it so far.
    pub fn left(&self) -> Left {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for World {
    async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
        if let Some(error) = &self.given.load_error {
            return Err(StorageError::Failed(error.clone()));
        }
        let roster = self.lock().roster.clone();
        roster.ok_or(StorageError::OrganizationNotFound)
    }

    async fn commit(
        &self,
        _organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let mut left = self.lock();
        left.commits += 1;
        if left.commits <= self.given.conflicts {
            return Err(CommitError::Conflict);
        }
        match self.given.commit_error.as_deref() {
            Some("id-taken") => return Err(CommitError::IdTaken),
            Some(error) => return Err(CommitError::Failed(error.to_owned())),
            None => {}
        }
        let before = left.roster.clone().unwrap_or_else(Roster::empty);
        if before.revision != expected {
            return Err(CommitError::Conflict);
        }
        left.roster = Some(apply(&before, change_set));
        Ok(())
    }
}

impl Validator for World {
    async fn validate(&self, _organization: &str, backend: &BackendId, generation: u64) -> Probe {
        self.lock().probed.push((backend.clone(), generation));
        Probe {
            outcome: self
                .given
                .outcomes
                .get(backend.as_str())
                .cloned()
                .unwrap_or(Outcome::Ok),
            finished_at: self.given.finished_at,
        }
    }
}
