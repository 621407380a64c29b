//! Backstop's policy: which storage backend a control plane writes to, and the invariants around
//! that choice.
//!
//! Facts go in as values (a [`Roster`], a [`Request`], the time); a decision, or a set of changes,
//! comes out as a value. The crate has no clock, no randomness and no I/O, and it cannot panic.
//! Rule ids such as `SEL-3` name the paragraphs of the project's semantics (`docs/semantics.md`).
//!
//! Times are milliseconds since the Unix epoch, durations are milliseconds, sizes are bytes.
//!
//! ```
//! use backstop_core::{Backend, Kind, Request, Roster, Verdict, select};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("id-1", "primary", Kind::External, "OCI", "registry.example/a"));
//! roster.default = Some("id-1".into());
//!
//! let decision = select(&roster, &Request::default(), 1_000).unwrap();
//! assert_eq!(decision.name.as_str(), "primary");
//! assert!(!decision.degraded);
//! ```
#![no_std]

extern crate alloc;

mod health;
pub use health::{Failure, FailureClass, Health, Outcome, Probe, Severity, Status};

mod policy;
pub use policy::{LastResort, Policy};

mod roster;
pub use roster::{Backend, BackendId, Kind, Mode, Name, Roster};
