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
//! use backstop_core::{Backend, Kind, Request, Roster, select};
//!
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("id-1", "primary", Kind::External, "OCI", "registry.example/a"));
//! roster.default = Some("id-1".into());
//!
//! let decision = select(&roster, &Request::default(), 1_000).unwrap();
//! assert_eq!(decision.backend.name.as_str(), "primary");
//! assert!(!decision.degraded);
//! ```
#![no_std]

extern crate alloc;

mod candidates;

mod change;
pub use change::{Change, ChangeSet, apply};

mod check;
pub use check::check;

mod code;
pub use code::Code;

pub mod control;
pub use control::{
    CommitError, ControlError, Resolution, Storage, StorageError, Validation, Validator,
};

mod due;
pub use due::{due, next_due};

mod event;
pub use event::{Cause, Event, EventKind, Subject};

mod health;
pub use health::{Failure, FailureClass, Health, Outcome, Probe, Severity, Status};

mod observe;
pub use observe::{Observation, Observed, observe};

mod plan;
pub use plan::{By, Command, Context, Create, Plan, Update, create_organization, plan};

mod policy;
pub use policy::{LastResort, Policy};

mod read;
pub use read::{ReadReason, ReadTry, route_read};

mod roster;
pub use roster::{Backend, BackendId, BackendRef, Kind, Mode, Name, Roster};

mod select;
pub use select::{
    Decision, Position, Refusal, RefusalReason, Request, TraceEntry, Verdict, select,
};

mod set;
