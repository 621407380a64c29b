//! Why the policy did not answer.

use std::{fmt, io, path::PathBuf, time::Duration};

use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::{Breach, limits::OutOfMemory};

/// Why a component did not answer: it could not be loaded, it failed, or it asked for what it must
/// not have. A refusal is not among them: that is an answer.
///
/// What goes wrong in a call is an error of that call alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The component asked for what no sound policy asks for, and nothing was written.
    #[error("the component is faulty: {0}")]
    Breach(#[from] Breach),
    /// All instances are in use.
    #[error("the policy is busy with as many calls as it can hold at once, try again")]
    Busy,
    /// The file is precompiled for another version, machine or configuration.
    #[error(
        "component `{}` was precompiled for something else ({reason}): give the `.wasm` file \
         that it was made of", file.display()
    )]
    Incompatible {
        /// The file.
        file: PathBuf,
        /// What does not match.
        reason: String,
    },
    /// The file is not a sound WebAssembly component.
    #[error("component `{}` is broken: {reason}", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The component wants more memory than a call may have.
    #[error("the component wants more memory than the {limit} bytes that a call may have")]
    Memory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is a core module.
    #[error(
        "`{}` is a core module, not a component: turn it into one with `wasm-tools component new`",
        file.display()
    )]
    Module {
        /// The file.
        file: PathBuf,
    },
    /// The file is not WebAssembly.
    #[error("`{}` is not a WebAssembly component", file.display())]
    NotWasm {
        /// The file.
        file: PathBuf,
    },
    /// The engine cannot be set up on this machine.
    #[error("cannot set up the engine for the policy: {0}")]
    Engine(String),
    /// The component does not end.
    #[error("the component did not answer within {} ms", limit.as_millis())]
    Time {
        /// How long a call may compute.
        limit: Duration,
    },
    /// The component failed.
    #[error("the component trapped: {0}")]
    Trapped(String),
    /// The file cannot be read.
    #[error("cannot read component `{}`: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is machine code, and others could have put it there.
    #[error(
        "component `{}` is precompiled, and another user owns it or may write to it: own it and run \
         `chmod go-w` on it, or give the `.wasm` file that it was made of", file.display()
    )]
    Untrusted {
        /// The file.
        file: PathBuf,
    },
    /// The component is of another world.
    #[error(
        "component `{}` is not of the world `backstop:policy/policy@0.1.0`: {reason}", file.display()
    )]
    World {
        /// The file.
        file: PathBuf,
        /// What is missing or too much.
        reason: String,
    },
}

impl PolicyError {
    /// Says what an error of a call means.
    pub(super) fn of_call(error: &wasmtime::Error, limits: &super::Limits) -> Self {
        if error.downcast_ref::<OutOfMemory>().is_some() {
            return Self::Memory {
                limit: limits.memory,
            };
        }
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return Self::Busy;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Time { limit: limits.time },
            Some(trap) => Self::Trapped(trap.to_string()),
            None => Self::Trapped(Chain(error).to_string()),
        }
    }
}

/// An error with its causes, on one line.
pub(super) struct Chain<'e>(pub(super) &'e wasmtime::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cause) in self.0.chain().enumerate() {
            let cause = cause.to_string();
            let line = cause.split_whitespace().collect::<Vec<_>>().join(" ");
            write!(f, "{}{line}", if index == 0 { "" } else { ": " })?;
        }
        Ok(())
    }
}
