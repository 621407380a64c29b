//! Exit codes: one for each kind of outcome. The README lists them.

use backstop_core::{Code, FailureClass, RefusalReason};

use crate::{Error, policy::PolicyError, secret::SecretError, store::StoreError};

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const REFUSED: u8 = 3;
pub(crate) const NOT_FOUND: u8 = 4;
pub(crate) const CONFLICT: u8 = 5;
pub(crate) const CONFIRMATION: u8 = 6;
/// The database, for a reason without a code of its own.
pub(crate) const DATABASE: u8 = 44;
pub(crate) const INTERRUPTED: u8 = 130;

/// Nothing to write to: 10 to 12.
pub(crate) fn of_refusal(reason: RefusalReason) -> u8 {
    match reason {
        RefusalReason::Required => 10,
        RefusalReason::TooLarge { .. } => 11,
        RefusalReason::Unavailable { .. } => 12,
    }
}

/// A probe failed: 20 to 31.
pub(crate) fn of_failure(class: FailureClass) -> u8 {
    match class {
        FailureClass::Auth => 20,
        FailureClass::Configuration => 21,
        FailureClass::Integrity => 22,
        FailureClass::Internal => 23,
        FailureClass::Network => 24,
        FailureClass::NotFound => 25,
        FailureClass::Permission => 26,
        FailureClass::Quota => 27,
        FailureClass::Secrets => 28,
        FailureClass::Server => 29,
        FailureClass::Throttled => 30,
        FailureClass::Timeout => 31,
    }
}

pub(crate) fn of_error(error: &Error) -> u8 {
    match error {
        Error::Refused {
            failure: Some(failure),
            ..
        } => of_failure(failure.class),
        Error::Refused {
            codes,
            failure: None,
        } => match codes.as_slice() {
            [Code::BackendNotFound | Code::OrganizationNotFound] => NOT_FOUND,
            [Code::Conflict] => CONFLICT,
            _ => REFUSED,
        },
        Error::Policy(error) => of_policy(error),
        Error::Store(error) => of_store(error),
        Error::Secret(error) => of_secret(error),
        Error::Failed(_) => FAILED,
    }
}

fn of_store(error: &StoreError) -> u8 {
    match error {
        StoreError::OrganizationNotFound { .. } => NOT_FOUND,
        StoreError::Conflict => CONFLICT,
        StoreError::IdTaken { .. } | StoreError::Fenced { .. } => REFUSED,
        StoreError::Locked { .. } => 40,
        StoreError::ReadOnly { .. } => 41,
        StoreError::NewerSchema { .. } => 42,
        StoreError::NotADatabase { .. } | StoreError::ForeignDatabase { .. } => 43,
        StoreError::AddressInvalid { .. }
        | StoreError::Damaged { .. }
        | StoreError::DirectoryMissing { .. }
        | StoreError::DiskFull { .. }
        | StoreError::Failed(_)
        | StoreError::Malformed { .. }
        | StoreError::NotCreatable { .. }
        | StoreError::NotOpenable { .. } => DATABASE,
    }
}

fn of_secret(error: &SecretError) -> u8 {
    match error {
        SecretError::KeyFileMissing { .. } => 50,
        SecretError::Store(error) => of_store(error),
        SecretError::Damaged { .. }
        | SecretError::EnvironmentKeyMalformed
        | SecretError::KeyFileExposed { .. }
        | SecretError::KeyFileMalformed { .. }
        | SecretError::KeyFileNotCreatable { .. }
        | SecretError::KeyFileUnreadable { .. }
        | SecretError::KeyMismatch { .. }
        | SecretError::Misplaced { .. }
        | SecretError::NotSealed { .. } => 51,
    }
}

fn of_policy(error: &PolicyError) -> u8 {
    match error {
        PolicyError::Incompatible { .. }
        | PolicyError::Invalid { .. }
        | PolicyError::Module { .. }
        | PolicyError::NotWasm { .. }
        | PolicyError::Unreadable { .. }
        | PolicyError::Untrusted { .. }
        | PolicyError::World { .. } => 60,
        PolicyError::Trapped(_) => 61,
        PolicyError::Time { .. } => 62,
        PolicyError::Memory { .. } => 63,
        PolicyError::Breach(_) => 64,
        PolicyError::Busy | PolicyError::Engine(_) => FAILED,
    }
}
