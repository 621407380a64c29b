//! Why a use case did not do what it was asked for.

use backstop_core::{Code, ControlError, Failure};

use crate::{policy::PolicyError, secret::SecretError, store::StoreError};

/// Why a use case of the host did not do what it was asked for. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule stands against it.
    #[error("{}", refusal(codes, failure.as_ref()))]
    Refused {
        /// Every code that applies, sorted.
        codes: Vec<Code>,
        /// Why the probe failed, with [`Code::ValidationFailed`].
        failure: Option<Failure>,
    },
    /// The component did not answer, or answered what it must not.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// Credentials could not be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Something else failed; trying again may help.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Returns a refusal for one reason.
    pub(crate) fn refused(code: Code) -> Self {
        Self::Refused {
            codes: vec![code],
            failure: None,
        }
    }
}

impl From<ControlError> for Error {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused { codes, failure } => Self::Refused { codes, failure },
            ControlError::Failed(message) => Self::Failed(message),
        }
    }
}

fn refusal(codes: &[Code], failure: Option<&Failure>) -> String {
    ControlError::Refused {
        codes: codes.to_vec(),
        failure: failure.cloned(),
    }
    .to_string()
}
