use std::path::Path;

use backstop_core::Code;

use super::{SqliteOptions, StoreError};

/// What went wrong, before it is known of which database.
pub(super) enum Fault {
    /// A row does not hold what it should.
    Damaged(String),
    /// The schema is of another program.
    Foreign,
    /// The schema is newer than this program.
    Newer {
        found: i64,
        known: i64,
    },
    Sqlx(sqlx::Error),
    Store(StoreError),
}

impl Fault {
    /// Returns the result code of SQLite without its extension, if it is a failure of SQLite.
    pub(super) fn code(&self) -> Option<i32> {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => {
                let code: i32 = error.code()?.parse().ok()?;
                Some(code & 0xff)
            }
            Self::Sqlx(_)
            | Self::Damaged(_)
            | Self::Foreign
            | Self::Newer { .. }
            | Self::Store(_) => None,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.code(), Some(BUSY | LOCKED))
    }

    /// Says whether SQLite could not open the database, or could not write what even a reader
    /// writes beside it.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.code(), Some(CANTOPEN | READONLY))
    }

    pub(super) fn breaks(&self, rule: Code) -> bool {
        matches!(self, Self::Store(StoreError::Fenced { code }) if *code == rule)
    }

    /// Returns the error for whoever asked, with the path.
    pub(super) fn at(self, path: &Path, options: &SqliteOptions) -> StoreError {
        let path = path.to_owned();
        match (self.code(), self) {
            (_, Self::Store(error)) => error,
            (_, Self::Damaged(reason)) => StoreError::Damaged { path, reason },
            (_, Self::Foreign) => StoreError::ForeignDatabase { path },
            (_, Self::Newer { found, known }) => StoreError::NewerSchema { path, found, known },
            (Some(BUSY | LOCKED), Self::Sqlx(_))
            | (None, Self::Sqlx(sqlx::Error::PoolTimedOut)) => StoreError::Locked {
                path,
                waited: options.busy_timeout,
            },
            (Some(READONLY), Self::Sqlx(_)) => StoreError::ReadOnly { path },
            (Some(FULL), Self::Sqlx(_)) => StoreError::DiskFull { path },
            (Some(NOTADB), Self::Sqlx(_)) => StoreError::NotADatabase { path },
            (Some(CORRUPT), Self::Sqlx(error)) => StoreError::Damaged {
                path,
                reason: said(error),
            },
            (Some(CANTOPEN), Self::Sqlx(error)) => StoreError::NotOpenable {
                path,
                reason: said(error),
            },
            (
                _,
                Self::Sqlx(
                    error @ (sqlx::Error::ColumnDecode { .. }
                    | sqlx::Error::ColumnNotFound(_)
                    | sqlx::Error::Decode(_)),
                ),
            ) => StoreError::Damaged {
                path,
                reason: said(error),
            },
            (_, Self::Sqlx(error)) => StoreError::Failed(said(error)),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match broken_rule(&error) {
            Some(code) => Self::Store(StoreError::Fenced { code }),
            None => Self::Sqlx(error),
        }
    }
}

// The result codes of SQLite, https://www.sqlite.org/rescode.html.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

fn said(error: sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => error.message().to_owned(),
        None => error.to_string(),
    }
}

/// Returns the rule that a constraint of the schema enforces (HOST-2). Triggers and named checks
/// bear the code of theirs; SQLite names the columns of the others.
fn broken_rule(error: &sqlx::Error) -> Option<Code> {
    let message = error.as_database_error()?.message();
    if message == "FOREIGN KEY constraint failed" {
        return Some(Code::RoleUnknown);
    }
    if let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ") {
        return match columns {
            "backend.organization" => Some(Code::DuplicateKind),
            "backend.organization, backend.name" => Some(Code::NameTaken),
            "fallback.organization, fallback.backend" => Some(Code::RoleDuplicate),
            // Whichever of the keys with the id was looked at first.
            _ if columns.contains("backend.id") => Some(Code::IdTaken),
            _ => None,
        };
    }
    let named = message
        .strip_prefix("CHECK constraint failed: ")
        .unwrap_or(message);
    Code::ALL
        .iter()
        .copied()
        .find(|code| code.as_str() == named)
}
