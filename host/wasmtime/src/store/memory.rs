use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use backstop_core::{BackendId, Change, ChangeSet, Code, Event, Roster, apply, check};

use super::{
    DeletedBackend, EventRange, Organization, SealedSecret, Store, StoreError, StoredEvent,
    decided_at, pause, vet,
};

/// A store that is gone with the process: for tests, benchmarks and previews.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    organizations: BTreeMap<String, Entry>,
    /// Every id that was ever used, whatever became of its organization (HOST-2).
    taken: BTreeSet<BackendId>,
}

struct Entry {
    created_at: u64,
    roster: Roster,
    deleted: Vec<DeletedBackend>,
    events: Vec<Event>,
    /// The credentials of each backend, with their generation.
    secrets: BTreeMap<BackendId, (u64, Vec<u8>)>,
}

impl MemoryStore {
    /// Puts a roster in place as it is, whatever rules it breaks: for cases that start in the middle.
    pub fn put(&self, organization: &str, roster: Roster) {
        let mut state = self.state();
        state
            .taken
            .extend(roster.backends.iter().map(|backend| backend.id.clone()));
        let entry = Entry {
            created_at: 0,
            roster,
            deleted: Vec::new(),
            events: Vec::new(),
            secrets: BTreeMap::new(),
        };
        state.organizations.insert(organization.to_owned(), entry);
    }

    /// A panic elsewhere cannot leave half a commit: it is made of whole values at the end.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        organization: &str,
        answer: impl FnOnce(&Entry) -> T,
    ) -> Result<T, StoreError> {
        Ok(answer(self.state().entry(organization)?))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, organization: &str) -> Result<Roster, StoreError> {
        self.read(organization, |entry| entry.roster.clone())
    }

    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
        staged: Option<&SealedSecret>,
    ) -> Result<(), StoreError> {
        vet(expected, change_set, staged)?;
        if change_set.is_empty() {
            return Ok(());
        }
        let outcome = self
            .state()
            .commit(organization, expected, change_set, staged);
        if let Err(StoreError::Conflict) = outcome {
            pause().await;
        }
        outcome
    }

    async fn exists(&self, organization: &str) -> Result<bool, StoreError> {
        Ok(self.state().organizations.contains_key(organization))
    }

    async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        let state = self.state();
        let all = state.organizations.iter();
        Ok(all
            .map(|(name, entry)| Organization {
                name: name.clone(),
                created_at: entry.created_at,
                revision: entry.roster.revision,
                backends: count(entry.roster.backends.len()),
            })
            .collect())
    }

    async fn delete_organization(
        &self,
        organization: &str,
        expected: Option<u64>,
        _now: u64,
    ) -> Result<(), StoreError> {
        let outcome = {
            let mut state = self.state();
            let revision = state.entry(organization)?.roster.revision;
            if expected.is_none_or(|expected| expected == revision) {
                state.organizations.remove(organization);
                Ok(())
            } else {
                Err(StoreError::Conflict)
            }
        };
        if outcome.is_err() {
            pause().await;
        }
        outcome
    }

    async fn secret(
        &self,
        organization: &str,
        backend: &BackendId,
        generation: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(organization, |entry| {
            let (stored, sealed) = entry.secrets.get(backend)?;
            (*stored == generation).then(|| sealed.clone())
        })
    }

    async fn has_secrets(&self) -> Result<bool, StoreError> {
        let state = self.state();
        let mut all = state.organizations.values();
        Ok(all.any(|entry| !entry.secrets.is_empty()))
    }

    async fn deleted_backends(
        &self,
        organization: &str,
    ) -> Result<Vec<DeletedBackend>, StoreError> {
        self.read(organization, |entry| {
            let mut deleted = entry.deleted.clone();
            deleted
                .sort_by(|a, b| (a.deleted_at, &a.backend.id).cmp(&(b.deleted_at, &b.backend.id)));
            deleted
        })
    }

    async fn events(
        &self,
        organization: &str,
        range: &EventRange,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.read(organization, |entry| {
            (1..)
                .zip(&entry.events)
                .filter(|(sequence, _)| range.after.is_none_or(|after| *sequence > after))
                .filter(|(_, event)| range.since.is_none_or(|since| event.at >= since))
                .take(range.limit.map_or(usize::MAX, |limit| {
                    usize::try_from(limit).unwrap_or(usize::MAX)
                }))
                .map(|(sequence, event)| StoredEvent {
                    sequence,
                    event: event.clone(),
                })
                .collect()
        })
    }

    async fn close(&self) {}
}

impl State {
    fn entry(&self, organization: &str) -> Result<&Entry, StoreError> {
        self.organizations
            .get(organization)
            .ok_or_else(|| StoreError::OrganizationNotFound {
                organization: organization.to_owned(),
            })
    }

    /// Checks everything before it writes anything.
    fn commit(
        &mut self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
        staged: Option<&SealedSecret>,
    ) -> Result<(), StoreError> {
        let stored = self.organizations.get(organization);
        if stored.map_or(0, |entry| entry.roster.revision) != expected {
            return Err(StoreError::Conflict);
        }
        let empty = Roster::empty();
        let before = stored.map_or(&empty, |entry| &entry.roster);
        let after = self.fence(before, change_set)?;
        if let Some(staged) = staged
            && stored
                .and_then(|entry| entry.secrets.get(&staged.backend))
                .is_some_and(|(generation, _)| *generation == staged.generation)
        {
            return Err(StoreError::Malformed {
                reason: "the backend has credentials of that generation",
            });
        }

        self.taken
            .extend(after.backends.iter().map(|backend| backend.id.clone()));
        let at = decided_at(change_set);
        let entry = self
            .organizations
            .entry(organization.to_owned())
            .or_insert_with(|| Entry {
                created_at: at,
                roster: Roster::empty(),
                deleted: Vec::new(),
                events: Vec::new(),
                secrets: BTreeMap::new(),
            });
        for change in &change_set.changes {
            match change {
                Change::UpdateBackend(backend) => {
                    // The credentials that a rotation replaces go with the commit (HOST-1).
                    if entry
                        .secrets
                        .get(&backend.id)
                        .is_some_and(|(generation, _)| *generation != backend.generation)
                    {
                        entry.secrets.remove(&backend.id);
                    }
                }
                Change::DeleteBackend(id) => {
                    let backend = entry.roster.backend(id).cloned();
                    entry.deleted.extend(backend.map(|backend| DeletedBackend {
                        backend,
                        deleted_at: at,
                    }));
                }
                Change::CreateOrganization
                | Change::CreateBackend(_)
                | Change::SetRoles { .. }
                | Change::SetPolicy(_)
                | Change::SetRoute(_) => {}
            }
        }
        if let Some(staged) = staged {
            entry.secrets.insert(
                staged.backend.clone(),
                (staged.generation, staged.sealed.clone()),
            );
        }
        entry.events.extend(change_set.events.iter().cloned());
        entry.roster = after;
        Ok(())
    }

    /// The second fence (HOST-2): returns the roster that the change-set leads to, or what it would
    /// break. What the roster breaks already is not held against it.
    fn fence(&self, before: &Roster, change_set: &ChangeSet) -> Result<Roster, StoreError> {
        let mut live: BTreeSet<&BackendId> =
            before.backends.iter().map(|backend| &backend.id).collect();
        for change in &change_set.changes {
            let known = match change {
                Change::CreateBackend(backend) => {
                    if self.taken.contains(&backend.id) || !live.insert(&backend.id) {
                        return Err(StoreError::IdTaken {
                            id: backend.id.to_string(),
                        });
                    }
                    true
                }
                Change::UpdateBackend(backend) => live.contains(&backend.id),
                Change::DeleteBackend(id) => live.remove(id),
                Change::CreateOrganization
                | Change::SetRoles { .. }
                | Change::SetPolicy(_)
                | Change::SetRoute(_) => true,
            };
            if !known {
                return Err(StoreError::Fenced {
                    code: Code::BackendNotFound,
                });
            }
        }
        let after = apply(before, change_set);
        let allowed = check(before);
        match check(&after)
            .into_iter()
            .find(|code| !allowed.contains(code))
        {
            Some(code) => Err(StoreError::Fenced { code }),
            None => Ok(after),
        }
    }
}

/// A `usize` has at most 64 bits wherever this host runs.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
