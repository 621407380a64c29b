use std::{path::Path, time::Duration};

use async_trait::async_trait;
use backstop_core::{Backend, BackendId, Change, ChangeSet, Code, Event, Policy, Roster};
use sqlx::{Row, Sqlite, SqliteConnection, SqlitePool, Transaction, query, query_scalar};
use tokio::sync::{Mutex, MutexGuard};

use super::{
    DeletedBackend, EventRange, Organization, SealedSecret, Store, StoreError, StoredEvent,
    decided_at, pause, vet,
};
use crate::record;

mod fault;
use fault::Fault;

mod open;

mod row;
use row::{integer, natural};

/// The embedded default: a store in a SQLite file.
///
/// The database is in WAL mode, so that readers and the writer do not wait for each other, with
/// `synchronous = FULL`: what a commit answered for must survive a loss of power too, because its
/// caller may throw the old credentials away next. Commits are rare, and each costs one `fsync`.
pub struct SqliteStore {
    pool: SqlitePool,
    /// For messages.
    path: Box<Path>,
    options: SqliteOptions,
    /// SQLite lets one connection write at a time, and serves those who wait in no order. Within
    /// the process they are served in turn.
    writer: Mutex<()>,
}

/// How to open a SQLite database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SqliteOptions {
    /// How long to wait for another program that keeps the database locked; 5 seconds by default.
    pub busy_timeout: Duration,
    /// Whether a missing directory is created, with the mode 0700: right for the default place, and
    /// not for a path that somebody typed. Off by default.
    pub create_directory: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            create_directory: false,
        }
    }
}

impl SqliteStore {
    /// Opens the database, creates it with the mode 0600 if it does not exist yet, and brings its
    /// schema up to date. One that cannot be written to can still be read.
    ///
    /// # Errors
    ///
    /// One variant of [`StoreError`] for each reason, with the path and the way out.
    pub async fn open(path: &Path, options: &SqliteOptions) -> Result<Self, StoreError> {
        let opened = open::open(path, options).await;
        Ok(Self {
            pool: opened.map_err(|fault| fault.at(path, options))?,
            path: path.into(),
            options: options.clone(),
            writer: Mutex::new(()),
        })
    }

    /// Runs what may fail, and gives the failure its path.
    async fn guard<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<T, StoreError> {
        work.await
            .map_err(|fault| fault.at(&self.path, &self.options))
    }

    /// Begins a transaction that writes. It takes the lock at once: a reader that turns into a
    /// writer could not wait for it.
    async fn begin(&self) -> Result<(MutexGuard<'_, ()>, Transaction<'static, Sqlite>), Fault> {
        let turn = self.writer.lock().await;
        Ok((turn, self.pool.begin_with("BEGIN IMMEDIATE").await?))
    }

    async fn organization(&self, organization: &str) -> Result<i64, Fault> {
        query_scalar("SELECT id FROM organization WHERE name = ? AND deleted_at IS NULL")
            .bind(organization)
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| not_found(organization))
    }

    async fn try_commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
        staged: Option<&SealedSecret>,
    ) -> Result<(), Fault> {
        let (_turn, mut transaction) = self.begin().await?;
        let (mut commit, events) =
            Commit::swap(&mut transaction, organization, expected, change_set).await?;
        for change in &change_set.changes {
            commit.apply(change).await?;
        }
        if let Some(staged) = staged {
            commit.store_secret(staged).await?;
        }
        for (sequence, event) in (events..).zip(&change_set.events) {
            commit.store_event(sequence, event).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn try_delete(
        &self,
        organization: &str,
        expected: Option<u64>,
        now: u64,
    ) -> Result<(), Fault> {
        let now = integer(now)?;
        let (_turn, mut transaction) = self.begin().await?;
        let row =
            query("SELECT id, revision FROM organization WHERE name = ? AND deleted_at IS NULL")
                .bind(organization)
                .fetch_optional(&mut *transaction)
                .await?
                .ok_or_else(|| not_found(organization))?;
        let revision = natural(&row, "revision")?;
        if expected.is_some_and(|expected| expected != revision) {
            return Err(StoreError::Conflict.into());
        }
        let id: i64 = row.try_get("id")?;
        query(
            "DELETE FROM secret WHERE backend IN (SELECT id FROM backend WHERE organization = ?)",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        query("DELETE FROM fallback WHERE organization = ?")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        query("UPDATE organization SET default_backend = NULL, deleted_at = ? WHERE id = ?")
            .bind(now)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        query(
            "UPDATE backend SET live = NULL, deleted_at = ?
             WHERE organization = ? AND deleted_at IS NULL",
        )
        .bind(now)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, organization: &str) -> Result<Roster, StoreError> {
        self.guard(async {
            // One statement, and so one consistent read.
            let rows = query(
                "SELECT o.revision, o.default_backend, o.route, o.max_fallbacks, o.fall, o.rise,
                        o.hold_down, o.stale_after, o.check_every, o.check_others_every, o.tail,
                        o.last_resort, f.place, b.*
                 FROM organization o
                 LEFT JOIN backend b ON b.organization = o.id AND b.deleted_at IS NULL
                 LEFT JOIN fallback f ON f.organization = o.id AND f.backend = b.id
                 WHERE o.name = ? AND o.deleted_at IS NULL
                 ORDER BY b.rowid",
            )
            .bind(organization)
            .fetch_all(&self.pool)
            .await?;
            row::roster(&rows)?.ok_or_else(|| not_found(organization))
        })
        .await
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
            .guard(self.try_commit(organization, expected, change_set, staged))
            .await;
        if let Err(StoreError::Conflict) = outcome {
            pause().await;
        }
        outcome
    }

    async fn organizations(&self) -> Result<Vec<Organization>, StoreError> {
        self.guard(async {
            let rows = query(
                "SELECT o.name, o.created_at, o.revision,
                        (SELECT count(*) FROM backend b
                         WHERE b.organization = o.id AND b.deleted_at IS NULL) AS backends
                 FROM organization o WHERE o.deleted_at IS NULL ORDER BY o.name",
            )
            .fetch_all(&self.pool)
            .await?;
            let organization = |row| {
                Ok(Organization {
                    name: Row::try_get(row, "name")?,
                    created_at: natural(row, "created_at")?,
                    revision: natural(row, "revision")?,
                    backends: natural(row, "backends")?,
                })
            };
            rows.iter().map(organization).collect()
        })
        .await
    }

    async fn delete_organization(
        &self,
        organization: &str,
        expected: Option<u64>,
        now: u64,
    ) -> Result<(), StoreError> {
        let outcome = self
            .guard(self.try_delete(organization, expected, now))
            .await;
        if let Err(StoreError::Conflict) = outcome {
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
        self.guard(async {
            let organization = self.organization(organization).await?;
            let sealed = query_scalar(
                "SELECT s.sealed FROM secret s JOIN backend b ON b.id = s.backend
                 WHERE b.organization = ? AND s.backend = ? AND s.generation = ?",
            )
            .bind(organization)
            .bind(backend.as_str())
            .bind(integer(generation)?)
            .fetch_optional(&self.pool)
            .await?;
            Ok(sealed)
        })
        .await
    }

    async fn has_secrets(&self) -> Result<bool, StoreError> {
        self.guard(async {
            let found = query_scalar("SELECT EXISTS (SELECT 1 FROM secret)");
            Ok(found.fetch_one(&self.pool).await?)
        })
        .await
    }

    async fn deleted_backends(
        &self,
        organization: &str,
    ) -> Result<Vec<DeletedBackend>, StoreError> {
        self.guard(async {
            let organization = self.organization(organization).await?;
            let rows = query(
                "SELECT * FROM backend
                 WHERE organization = ? AND deleted_at IS NOT NULL ORDER BY deleted_at, id",
            )
            .bind(organization)
            .fetch_all(&self.pool)
            .await?;
            let deleted = |row| {
                Ok(DeletedBackend {
                    backend: row::backend(row)?,
                    deleted_at: natural(row, "deleted_at")?,
                })
            };
            rows.iter().map(deleted).collect()
        })
        .await
    }

    async fn events(
        &self,
        organization: &str,
        range: &EventRange,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        // What is beyond the largest integer of SQLite is beyond every event too.
        let bound = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.guard(async {
            let organization = self.organization(organization).await?;
            let rows = query(
                "SELECT sequence, body FROM event
                 WHERE organization = ? AND sequence > ? AND at >= ? ORDER BY sequence LIMIT ?",
            )
            .bind(organization)
            .bind(bound(range.after.unwrap_or(0)))
            .bind(bound(range.since.unwrap_or(0)))
            .bind(range.limit.map_or(-1, bound))
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(row::event).collect()
        })
        .await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn not_found(organization: &str) -> Fault {
    Fault::from(StoreError::OrganizationNotFound {
        organization: organization.to_owned(),
    })
}

/// A commit under way, in a transaction that is rolled back unless all of it succeeds.
struct Commit<'c> {
    connection: &'c mut SqliteConnection,
    organization: i64,
    at: i64,
}

impl<'c> Commit<'c> {
    /// Compares and swaps the revision (USE-2). Returns the commit with the sequence of its first
    /// event.
    async fn swap(
        connection: &'c mut SqliteConnection,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(Self, i64), Fault> {
        let at = integer(decided_at(change_set))?;
        if expected == 0 {
            let taken: bool = query_scalar(
                "SELECT EXISTS (SELECT 1 FROM organization WHERE name = ? AND deleted_at IS NULL)",
            )
            .bind(organization)
            .fetch_one(&mut *connection)
            .await?;
            if taken {
                return Err(StoreError::Conflict.into());
            }
            found(connection, organization, at).await?;
        }
        let events = integer(u64::try_from(change_set.events.len()).unwrap_or(u64::MAX))?;
        let row = query(
            "UPDATE organization SET revision = ?, last_event = last_event + ?
             WHERE name = ? AND deleted_at IS NULL AND revision = ?
             RETURNING id, last_event - ? + 1 AS first_event",
        )
        .bind(integer(change_set.revision)?)
        .bind(events)
        .bind(organization)
        // An organization that was founded just now is at revision 1 already.
        .bind(integer(expected.max(1))?)
        .bind(events)
        .fetch_optional(&mut *connection)
        .await?
        .ok_or(StoreError::Conflict)?;
        let commit = Self {
            connection,
            organization: row.try_get("id")?,
            at,
        };
        Ok((commit, row.try_get("first_event")?))
    }

    async fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        match change {
            // The swap did it: there is no row to compare with before.
            Change::CreateOrganization => Ok(()),
            Change::CreateBackend(backend) => self.create(backend).await,
            Change::UpdateBackend(backend) => self.update(backend).await,
            Change::SetRoles { default, fallbacks } => {
                self.set_roles(default.as_ref(), fallbacks).await
            }
            Change::DeleteBackend(id) => self.delete(id).await,
            Change::SetPolicy(policy) => self.set_policy(policy).await,
            Change::SetRoute(route) => {
                query("UPDATE organization SET route = ? WHERE id = ?")
                    .bind(route.as_ref().map(BackendId::as_str))
                    .bind(self.organization)
                    .execute(&mut *self.connection)
                    .await?;
                Ok(())
            }
        }
    }

    async fn create(&mut self, backend: &Backend) -> Result<(), Fault> {
        let statement = query(
            "INSERT INTO backend (id, organization, name, kind, provider, location, description,
                 max_blob_bytes, mode, generation, status, since, checked_at, failures, successes,
                 failure_class, failure_message, excuse, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                 ?18, ?19)",
        );
        row::bind(statement, self.organization, backend)?
            .bind(self.at)
            .execute(&mut *self.connection)
            .await
            .map_err(|error| {
                let fault = Fault::from(error);
                if fault.breaks(Code::IdTaken) {
                    Fault::Store(StoreError::IdTaken {
                        id: backend.id.to_string(),
                    })
                } else {
                    fault
                }
            })?;
        Ok(())
    }

    async fn update(&mut self, backend: &Backend) -> Result<(), Fault> {
        // The credentials that a rotation replaces go with the commit (HOST-1). They go first:
        // none may be there that are not of the backend's generation.
        query("DELETE FROM secret WHERE backend = ? AND generation <> ?")
            .bind(backend.id.as_str())
            .bind(integer(backend.generation)?)
            .execute(&mut *self.connection)
            .await?;
        let statement = query(
            "UPDATE backend SET name = ?3, kind = ?4, provider = ?5, location = ?6,
                 description = ?7, max_blob_bytes = ?8, mode = ?9, generation = ?10, status = ?11,
                 since = ?12, checked_at = ?13, failures = ?14, successes = ?15,
                 failure_class = ?16, failure_message = ?17, excuse = ?18
             WHERE id = ?1 AND organization = ?2 AND deleted_at IS NULL",
        );
        let done = row::bind(statement, self.organization, backend)?
            .execute(&mut *self.connection)
            .await?;
        hit(done.rows_affected())
    }

    async fn set_roles(
        &mut self,
        default: Option<&BackendId>,
        fallbacks: &[BackendId],
    ) -> Result<(), Fault> {
        // The chain goes first and comes back last, so that backends can change places: at no
        // moment may one hold two roles.
        query("DELETE FROM fallback WHERE organization = ?")
            .bind(self.organization)
            .execute(&mut *self.connection)
            .await?;
        query("UPDATE organization SET default_backend = ? WHERE id = ?")
            .bind(default.map(BackendId::as_str))
            .bind(self.organization)
            .execute(&mut *self.connection)
            .await?;
        for (place, backend) in (1_i64..).zip(fallbacks) {
            query("INSERT INTO fallback (organization, place, backend) VALUES (?, ?, ?)")
                .bind(self.organization)
                .bind(place)
                .bind(backend.as_str())
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(())
    }

    async fn delete(&mut self, id: &BackendId) -> Result<(), Fault> {
        let done = query(
            "UPDATE backend SET live = NULL, deleted_at = ?
             WHERE id = ? AND organization = ? AND deleted_at IS NULL",
        )
        .bind(self.at)
        .bind(id.as_str())
        .bind(self.organization)
        .execute(&mut *self.connection)
        .await?;
        hit(done.rows_affected())
    }

    async fn set_policy(&mut self, policy: &Policy) -> Result<(), Fault> {
        let statement = query(
            "UPDATE organization SET max_fallbacks = ?2, fall = ?3, rise = ?4, hold_down = ?5,
                 stale_after = ?6, check_every = ?7, check_others_every = ?8, tail = ?9,
                 last_resort = ?10
             WHERE id = ?1",
        );
        row::bind_policy(statement.bind(self.organization), policy)?
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn store_secret(&mut self, staged: &SealedSecret) -> Result<(), Fault> {
        let done = query(
            "INSERT INTO secret (backend, generation, sealed) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(staged.backend.as_str())
        .bind(integer(staged.generation)?)
        .bind(staged.sealed.as_slice())
        .execute(&mut *self.connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(Fault::from(StoreError::Malformed {
                reason: "the backend has credentials of that generation",
            }));
        }
        Ok(())
    }

    async fn store_event(&mut self, sequence: i64, event: &Event) -> Result<(), Fault> {
        let body = serde_json::to_string(&record::Event::from(event))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        query(
            "INSERT INTO event (organization, sequence, revision, at, body) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(self.organization)
        .bind(sequence)
        .bind(integer(event.revision)?)
        .bind(integer(event.at)?)
        .bind(body)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }
}

/// Founds an organization without backends, with the default policy.
async fn found(
    connection: &mut SqliteConnection,
    organization: &str,
    at: i64,
) -> Result<(), Fault> {
    let statement = query(
        "INSERT INTO organization (name, created_at, revision, max_fallbacks, fall, rise, hold_down,
             stale_after, check_every, check_others_every, tail, last_resort)
         VALUES (?1, ?11, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    );
    row::bind_policy(statement.bind(organization), &Policy::default())?
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}

/// A change of a backend that is not on the roster is refused, and not passed over: the roster
/// would not be the planned one (INV-7).
fn hit(rows: u64) -> Result<(), Fault> {
    if rows == 0 {
        return Err(Fault::from(StoreError::Fenced {
            code: Code::BackendNotFound,
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use backstop_core::{Command, Context, Create, Kind, create_organization, plan};

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_said_and_changes_nothing() {
        let home = tempfile::TempDir::new().unwrap();
        let path = home.path().join("a.db");
        let store = SqliteStore::open(&path, &SqliteOptions::default())
            .await
            .unwrap();
        let context = Context::new("acme", "tester", 1_000);
        let founded = create_organization("inline".into(), &context).unwrap();
        store
            .commit("acme", 0, &founded.change_set, None)
            .await
            .unwrap();
        // One after the other, the uses of the pool share a connection.
        let pages: i64 = query_scalar("PRAGMA page_count")
            .fetch_one(&store.pool)
            .await
            .unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        query(limit).execute(&store.pool).await.unwrap();

        let mut roster = founded.roster;
        let error = loop {
            let id = format!("id-{}", roster.revision);
            let create = Create::new(&id, &id, Kind::External, "OCI", &"r".repeat(2_000));
            let planned = plan(&roster, &Command::Create(create), &context).unwrap();
            let outcome = store
                .commit("acme", roster.revision, &planned.change_set, None)
                .await;
            match outcome {
                Ok(()) => roster = planned.roster,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert_eq!(store.load("acme").await.unwrap(), roster);
    }
}
