//! Where rosters, sealed credentials and events are kept.
//!
//! [`Store`] is what the host needs of a storage: the core's load and commit, and beside them the
//! organizations, the sealed credentials, the deleted backends and the events. Every implementation
//! passes the same suite (`tests/storage.rs`).
//!
//! A commit is one transaction: the changes, the events, the credentials that belong to them and the
//! revision, or nothing. So a process that is killed at any point leaves no half of a change and no
//! credentials without a backend.
//!
//! ```
//! use backstop::store::{EventRange, MemoryStore, Store};
//! use backstop_core::{Context, create_organization};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let store = MemoryStore::default();
//! let plan = create_organization("id-1".into(), &Context::new("acme", "operator", 1_000)).unwrap();
//! store.commit("acme", 0, &plan.change_set, None).await?;
//!
//! assert_eq!(store.load("acme").await?, plan.roster);
//! assert_eq!(store.events("acme", &EventRange::default()).await?.len(), 4);
//! # Ok::<_, backstop::store::StoreError>(())
//! # }).unwrap();
//! ```

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use backstop_core::{
    Backend, BackendId, Change, ChangeSet, Code, CommitError, Event, Roster, Storage, StorageError,
};

mod memory;
pub use memory::MemoryStore;

mod sqlite;
pub use sqlite::{SqliteOptions, SqliteStore};

/// Keeps what a host needs to remember. Times are milliseconds since the Unix epoch.
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns the organization's roster, in one consistent read.
    ///
    /// # Errors
    ///
    /// [`StoreError::OrganizationNotFound`], or a failure of the store.
    async fn load(&self, organization: &str) -> Result<Roster, StoreError>;

    /// Writes the whole change-set with its events, and the credentials that belong to a backend
    /// which it creates or rotates, or nothing.
    ///
    /// `expected` is the revision that the change-set was planned on; 0 means that the organization
    /// does not exist yet. The credentials that a rotation replaces are removed in the same
    /// transaction; those of a backend that is deleted stay (INV-8). An empty change-set writes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the organization is at another revision: the answer comes after a
    /// random pause of some milliseconds, so that those who compete do not meet again (USE-2).
    /// [`StoreError::IdTaken`] and [`StoreError::Fenced`] if the store itself forbids the change
    /// (HOST-2), [`StoreError::Malformed`] if the change-set contradicts itself, or a failure of the
    /// store.
    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
        staged: Option<&SealedSecret>,
    ) -> Result<(), StoreError>;

    /// Says whether the organization exists.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    async fn exists(&self, organization: &str) -> Result<bool, StoreError> {
        match self.load(organization).await {
            Ok(_) => Ok(true),
            Err(StoreError::OrganizationNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the organizations, sorted by name.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    async fn organizations(&self) -> Result<Vec<Organization>, StoreError>;

    /// Deletes an organization, softly: its credentials are removed and its name is free again, but
    /// the ids of its backends stay taken (HOST-2).
    ///
    /// # Errors
    ///
    /// [`StoreError::OrganizationNotFound`], [`StoreError::Conflict`] if `expected` is given and is
    /// not the revision, or a failure of the store.
    async fn delete_organization(
        &self,
        organization: &str,
        expected: Option<u64>,
        now: u64,
    ) -> Result<(), StoreError>;

    /// Returns the sealed credentials of a backend, live or deleted (INV-8); none if it has none, or
    /// if those of that generation were replaced.
    ///
    /// # Errors
    ///
    /// [`StoreError::OrganizationNotFound`], or a failure of the store.
    async fn secret(
        &self,
        organization: &str,
        backend: &BackendId,
        generation: u64,
    ) -> Result<Option<Vec<u8>>, StoreError>;

    /// Says whether any sealed credentials are stored, of whatever organization. Where there are, a
    /// missing key is an error and not a reason to make one.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    async fn has_secrets(&self) -> Result<bool, StoreError>;

    /// Returns the organization's deleted backends, by time of deletion, then by id: downloads and
    /// events still name them.
    ///
    /// # Errors
    ///
    /// [`StoreError::OrganizationNotFound`], or a failure of the store.
    async fn deleted_backends(&self, organization: &str)
    -> Result<Vec<DeletedBackend>, StoreError>;

    /// Returns the organization's events in the order of the commits.
    ///
    /// # Errors
    ///
    /// [`StoreError::OrganizationNotFound`], or a failure of the store.
    async fn events(
        &self,
        organization: &str,
        range: &EventRange,
    ) -> Result<Vec<StoredEvent>, StoreError>;

    /// Puts everything in its place before the program ends. Nothing is lost without it: it only
    /// saves the next program some work.
    async fn close(&self);
}

/// Sealed credentials, on their way into a commit.
#[derive(Clone, Eq, PartialEq)]
pub struct SealedSecret {
    /// The backend that they open.
    pub backend: BackendId,
    /// Their number (CMD-9).
    pub generation: u64,
    /// What a [`Sealer`](crate::secret::Sealer) made of them.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret")
            .field("backend", &self.backend)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// An organization in a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: u64,
    /// The revision of its roster.
    pub revision: u64,
    /// How many live backends it has.
    pub backends: u64,
}

/// A backend that is no longer on the roster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeletedBackend {
    /// The backend, as it was.
    pub backend: Backend,
    /// When it was deleted.
    pub deleted_at: u64,
}

/// Which events to return. The default is all of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EventRange {
    /// Only those that come after this sequence.
    pub after: Option<u64>,
    /// Only those of this time or later.
    pub since: Option<u64>,
    /// At most so many, the earliest first.
    pub limit: Option<u64>,
}

/// An event and its place in the organization's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredEvent {
    /// From 1, without a gap, in the order of the commits.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// Why a store did not do what it was asked for. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such organization.
    #[error("organization `{organization}` does not exist")]
    OrganizationNotFound {
        /// Its name.
        organization: String,
    },
    /// The revision is not the expected one.
    #[error("the organization was changed by somebody else in the meantime")]
    Conflict,
    /// The id of a new backend is taken, or was (HOST-2).
    #[error("backend id `{id}` was used before")]
    IdTaken {
        /// The id.
        id: String,
    },
    /// The store itself forbids the change (HOST-2). What plans changes should have refused it.
    #[error("the change would break the rule `{code}`, and the store refused it")]
    Fenced {
        /// The rule that it breaks.
        code: Code,
    },
    /// The change-set contradicts itself.
    #[error("malformed change-set: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address names no database that this program can open.
    #[error("`{address}` is not a database: use `sqlite:PATH`")]
    AddressInvalid {
        /// What was given.
        address: String,
    },
    /// The directory of the database does not exist.
    #[error("directory `{}` of the database does not exist: create it, or name another database", path.display())]
    DirectoryMissing {
        /// The directory.
        path: PathBuf,
    },
    /// The database, or its directory, cannot be created.
    #[error("database `{}` cannot be created: {cause}", path.display())]
    NotCreatable {
        /// The database, or its directory.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The database cannot be opened.
    #[error("database `{}` cannot be opened: {reason}", path.display())]
    NotOpenable {
        /// The database.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is not a database.
    #[error("`{}` is not a SQLite database: name another file, or move this one away", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is the database of another program.
    #[error("`{}` is a database of another program: name another file", path.display())]
    ForeignDatabase {
        /// The file.
        path: PathBuf,
    },
    /// The schema is newer than this program.
    #[error(
        "database `{}` has schema {found}, and this program knows up to {known}: use a newer version of it",
        path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// Another program keeps the database locked.
    #[error(
        "database `{}` is locked by another program (waited {} ms): try again later",
        path.display(),
        waited.as_millis()
    )]
    Locked {
        /// The database.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The database, or its directory, cannot be written to.
    #[error("database `{}` is read-only: make it and its directory writable", path.display())]
    ReadOnly {
        /// The database.
        path: PathBuf,
    },
    /// There is no space left for the database.
    #[error("no space left for database `{}`: free some and try again", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// The database does not hold what it should.
    #[error("database `{}` is damaged ({reason}): restore it from a backup", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else failed; trying again may help.
    #[error("database failed: {0}")]
    Failed(String),
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> Self {
        if let StoreError::OrganizationNotFound { .. } = error {
            Self::OrganizationNotFound
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Conflict = error {
            Self::Conflict
        } else if let StoreError::IdTaken { .. } = error {
            Self::IdTaken
        } else {
            Self::Failed(error.to_string())
        }
    }
}

/// A store as the core's use cases see it, with the credentials that the next commit stores.
pub struct Session<'s> {
    store: &'s dyn Store,
    staged: Option<SealedSecret>,
}

impl<'s> Session<'s> {
    /// Returns a view on the store without credentials.
    pub fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            staged: None,
        }
    }

    /// Returns a view on the store whose commit also stores these credentials. It must be the commit
    /// that creates or rotates their backend.
    pub fn with_secret(store: &'s dyn Store, staged: SealedSecret) -> Self {
        Self {
            store,
            staged: Some(staged),
        }
    }
}

impl Storage for Session<'_> {
    async fn load(&self, organization: &str) -> Result<Roster, StorageError> {
        Ok(self.store.load(organization).await?)
    }

    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        Ok(self
            .store
            .commit(organization, expected, change_set, self.staged.as_ref())
            .await?)
    }
}

/// Which database to open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A file.
    Sqlite(PathBuf),
}

impl FromStr for Address {
    type Err = StoreError;

    /// Parses `sqlite:PATH`.
    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.strip_prefix("sqlite:") {
            // What SQLite calls `:memory:` would be gone with the process.
            // Two slashes are read in two ways: some mean a path from here, some one from the root.
            Some(path) if !path.is_empty() && path != ":memory:" && !path.starts_with("//") => {
                Ok(Self::Sqlite(Path::new(path).to_owned()))
            }
            _ => Err(StoreError::AddressInvalid {
                address: shown(text),
            }),
        }
    }
}

/// Opens the database of that address, and creates it if it does not exist yet.
///
/// # Errors
///
/// One variant of [`StoreError`] for each reason, with the path and the way out.
pub async fn open(
    address: &Address,
    options: &SqliteOptions,
) -> Result<Arc<dyn Store>, StoreError> {
    match address {
        Address::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path, options).await?)),
    }
}

/// An address of another kind may carry a password, which does not belong in a message.
fn shown(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) if rest.contains('@') => format!("{scheme}://..."),
        _ => address.to_owned(),
    }
}

/// Refuses a change-set that no plan leads to: every store can then rely on it.
fn vet(
    expected: u64,
    change_set: &ChangeSet,
    staged: Option<&SealedSecret>,
) -> Result<(), StoreError> {
    let malformed = |reason| Err(StoreError::Malformed { reason });
    let founds = change_set.changes.first() == Some(&Change::CreateOrganization);
    let foundings = change_set
        .changes
        .iter()
        .filter(|change| **change == Change::CreateOrganization)
        .count();
    if change_set.is_empty() && !change_set.events.is_empty() {
        return malformed("it has events and changes nothing");
    }
    if !change_set.is_empty() && Some(change_set.revision) != expected.checked_add(1) {
        return malformed("the revision does not grow by one");
    }
    if !change_set.is_empty() && (founds != (expected == 0) || foundings != usize::from(founds)) {
        return malformed("an organization is created once, at revision 1");
    }
    let belongs = |secret: &SealedSecret| {
        change_set.changes.iter().any(|change| match change {
            Change::CreateBackend(backend) | Change::UpdateBackend(backend) => {
                backend.id == secret.backend && backend.generation == secret.generation
            }
            Change::CreateOrganization
            | Change::SetRoles { .. }
            | Change::DeleteBackend(_)
            | Change::SetPolicy(_)
            | Change::SetRoute(_) => false,
        })
    };
    if staged.is_some_and(|secret| !belongs(secret)) {
        return malformed("the credentials belong to no backend that it writes");
    }
    Ok(())
}

/// When a change-set was decided. The time comes with the events, because a store has no clock of
/// its own; every change-set that needs the time has some.
fn decided_at(change_set: &ChangeSet) -> u64 {
    change_set.events.first().map_or(0, |event| event.at)
}

/// USE-2: those who compete for the next attempt should not meet again.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=10))).await;
}
