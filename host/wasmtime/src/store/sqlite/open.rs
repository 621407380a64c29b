//! Opening a database: every way in which that can fail has its own error.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection, SqliteConnection, SqlitePool,
    pool::PoolOptions,
    query_as, raw_sql,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use super::{Fault, SqliteOptions, StoreError};

/// The schemas in their order; the number of the last is the one that this program knows. A
/// migration runs in a transaction, and one that was released is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/0001_initial.sql")];

/// Marks the file as ours: `BkSp` in ASCII (`PRAGMA application_id`).
const APPLICATION_ID: i64 = 0x426b_5370;

/// Readers in parallel; the writer is one of them.
const CONNECTIONS: u32 = 4;

pub(super) async fn open(path: &Path, options: &SqliteOptions) -> Result<SqlitePool, Fault> {
    // SQLite takes some relative paths for something else (`:memory:`, `file:...`).
    let absolute = std::path::absolute(path).map_err(|cause| StoreError::NotCreatable {
        path: path.to_owned(),
        cause,
    })?;
    create(&absolute, options)?;

    let settings = SqliteConnectOptions::new()
        .filename(&absolute)
        .busy_timeout(options.busy_timeout)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // What a rotation removes does not linger in free pages.
        .pragma("secure_delete", "ON");
    let settings = sqlx::ConnectOptions::disable_statement_logging(settings);
    let pool = pool(&settings, options);
    match prepare(&pool, options).await {
        Ok(()) => Ok(pool),
        Err(fault) if fault.is_denied() && fs::File::open(&absolute).is_ok() => {
            // Even a reader writes beside a database in WAL mode. Where it may not, the file alone
            // is the database, unless a writer left something beside it.
            pool.close().await;
            if !is_whole(&absolute) {
                return Err(Fault::from(StoreError::ReadOnly {
                    path: path.to_owned(),
                }));
            }
            let pool = self::pool(&settings.read_only(true).immutable(true), options);
            prepare(&pool, options).await?;
            Ok(pool)
        }
        Err(fault) => Err(fault),
    }
}

fn pool(settings: &SqliteConnectOptions, options: &SqliteOptions) -> SqlitePool {
    PoolOptions::new()
        .max_connections(CONNECTIONS)
        // Connections to a file neither break nor grow stale.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite gives up first, with a better reason.
        .acquire_timeout(options.busy_timeout + Duration::from_secs(25))
        .connect_lazy_with(settings.clone())
}

/// Creates the file, because SQLite would not create it for its owner alone, and says what is
/// wrong with a path better than SQLite does.
fn create(path: &Path, options: &SqliteOptions) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(StoreError::NotOpenable {
                path: path.to_owned(),
                reason: "it is a directory".to_owned(),
            });
        }
        Ok(_) => return Ok(()),
        // Any other failure shows again below, where it has a name.
        Err(_) => {}
    }
    let not_creatable = |path: &Path, cause: io::Error| {
        let path = path.to_owned();
        if cause.kind() == io::ErrorKind::StorageFull {
            StoreError::DiskFull { path }
        } else {
            StoreError::NotCreatable { path, cause }
        }
    };
    let directory = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    if options.create_directory {
        private(fs::DirBuilder::new().recursive(true))
            .create(&directory)
            .map_err(|cause| not_creatable(&directory, cause))?;
    }
    match private_file(path) {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::DirectoryMissing { path: directory })
        }
        Err(cause) => Err(not_creatable(path, cause)),
    }
}

#[cfg(unix)]
fn private(builder: &mut fs::DirBuilder) -> &mut fs::DirBuilder {
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700)
}

#[cfg(not(unix))]
fn private(builder: &mut fs::DirBuilder) -> &mut fs::DirBuilder {
    builder
}

/// SQLite gives the files beside the database the mode of the database.
fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Says whether no writer left anything beside the file.
fn is_whole(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// Brings the schema up to date. Opening one that is up to date costs one statement.
async fn prepare(pool: &SqlitePool, options: &SqliteOptions) -> Result<(), Fault> {
    let deadline = Instant::now() + options.busy_timeout;
    let mut connection = loop {
        match pool.acquire().await {
            Ok(connection) => break connection,
            // The program that is just closing the database lets nobody in, and SQLite does not
            // always wait for it.
            Err(error) => retry(Fault::from(error), deadline).await?,
        }
    };
    loop {
        match migrate(&mut connection).await {
            Ok(()) => return Ok(()),
            // Nor does it wait to change the journal mode.
            Err(fault) => retry(fault, deadline).await?,
        }
    }
}

async fn retry(fault: Fault, deadline: Instant) -> Result<(), Fault> {
    if !fault.is_busy() || Instant::now() >= deadline {
        return Err(fault);
    }
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=20))).await;
    Ok(())
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), Fault> {
    if pending(connection).await?.is_empty() {
        return Ok(());
    }
    // Not possible within a transaction. It is kept in the file.
    raw_sql("PRAGMA journal_mode = WAL")
        .execute(&mut *connection)
        .await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Another process may have been faster.
    for migration in pending(&mut transaction).await? {
        raw_sql(*migration).execute(&mut *transaction).await?;
    }
    let known = MIGRATIONS.len();
    raw_sql(AssertSqlSafe(format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {known}"
    )))
    .execute(&mut *transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Returns the migrations that the database lacks.
async fn pending(connection: &mut SqliteConnection) -> Result<&'static [&'static str], Fault> {
    let (application, version, is_empty): (i64, i64, bool) = query_as(
        "SELECT application_id, user_version, NOT EXISTS (SELECT 1 FROM sqlite_schema)
         FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(connection)
    .await?;
    let is_new = application == 0 && version == 0 && is_empty;
    if application != APPLICATION_ID && !is_new {
        return Err(Fault::Foreign);
    }
    usize::try_from(version)
        .ok()
        .and_then(|version| MIGRATIONS.get(version..))
        .ok_or(Fault::Newer {
            found: version,
            known: i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
        })
}
