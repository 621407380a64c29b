//! What can go wrong with a test server, always with the way out or the server's own words.

use std::{io, path::PathBuf};

/// Why a tool could not be installed, or a server could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered a request of the test's set-up with something else than success.
    #[error("{server} answered `{request}` with status {status}: {body}")]
    Answer {
        /// Which server.
        server: &'static str,
        /// Method and path.
        request: String,
        /// Its HTTP status.
        status: u16,
        /// The start of what it said.
        body: String,
    },
    /// The server could not be asked at all.
    #[error("{server} did not answer `{request}`: {reason}")]
    Ask {
        /// Which server.
        server: &'static str,
        /// Method and path.
        request: String,
        /// What the client met.
        reason: String,
    },
    /// The server ended before it was ready.
    #[error("{server} ended before it was ready; its last words: {log}")]
    Ended {
        /// Which server.
        server: &'static str,
        /// The end of its output.
        log: String,
    },
    /// A tool could not be installed.
    #[error("cannot install {tool}: {reason}; {way_out}")]
    Install {
        /// Which tool, with its version.
        tool: String,
        /// What went wrong.
        reason: String,
        /// What a person can do about it.
        way_out: String,
    },
    /// The file system or the network stack refused something.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A tool is not there.
    #[error(
        "{tool} is not installed at `{path}`; run `cargo run -p backstop-test-servers -- install`"
    )]
    NotInstalled {
        /// Which tool, with its version.
        tool: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// The server runs but did not become ready in time.
    #[error("{server} was not ready after {seconds} s; its last words: {log}")]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The end of its output.
        log: String,
    },
}

impl Error {
    /// Returns what turns an I/O error into this type, saying what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// Returns whether the port that the server was given turned out to be taken.
    pub(crate) fn is_port_clash(&self) -> bool {
        matches!(
            self,
            Self::Ended { log, .. } if log.contains("address already in use") || log.contains("EADDRINUSE")
        )
    }
}
