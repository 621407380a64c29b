//! The contract's types in the order of the contract's fields and cases (`wit/types.wit`).
//!
//! Total: a field or a case that is new in the core breaks the build here, and so does one that the
//! contract names, orders or lays out in another way (`layout/contract.rs`, made from the contract).

use alloc::{string::String, vec::Vec};
use core::arch::wasm32::unreachable;

use backstop_core::{
    Backend, BackendId, BackendRef, By, Cause, Change, ChangeSet, Code, Command, Context, Create,
    Decision, Event, EventKind, Failure, FailureClass, Health, Kind, LastResort, Mode, Name,
    Observation, Observed, Outcome, Plan, Policy, Position, ReadReason, ReadTry, Refusal,
    RefusalReason, Request, Roster, Status, Subject, TraceEntry, Update, Verdict,
};
#[cfg(feature = "policy")]
use backstop_core::{CommitError, ControlError, Probe, Resolution, StorageError, Validation};

use crate::abi::{self, Abi, At, Fields, Lift, Lower};

#[rustfmt::skip] // a table, as it is made
mod contract;

macro_rules! layout {
    ($type:ty, $layout:expr, $($part:ident)+) => {
        impl Abi for $type {
            const ALIGN: usize = $layout.1;
            const SIZE: usize = $layout.0;
        }
        impl Described for $type {
            const PARTS: &str = concat!($(stringify!($part), " "),+);
        }
    };
}

/// A type whose description here can be compared with the contract's.
trait Described: Abi {
    /// The names of its fields or cases, in order, each with a blank after it.
    const PARTS: &str;
}

/// Breaks the build if a type is not as the contract has it.
macro_rules! described {
    ($type:ty, $size:expr, $align:expr, $parts:expr) => {
        const _: () = {
            assert!(<$type as Abi>::SIZE == $size);
            assert!(<$type as Abi>::ALIGN == $align);
            assert!(same(<$type as Described>::PARTS, $parts));
        };
    };
}
use described;

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// A record: `record!(in out => Type { field: Type, ... })`, with the directions it crosses in.
macro_rules! record {
    ($($direction:ident)+ => $type:ident $fields:tt) => {
        record!(@ layout $type $fields);
        $(record!(@ $direction $type $fields);)+
    };
    (@ layout $type:ident { $($field:ident: $of:ty,)+ }) => {
        layout!($type, abi::record(&[$((<$of>::SIZE, <$of>::ALIGN)),+]), $($field)+);
    };
    (@ in $type:ident { $($field:ident: $of:ty,)+ }) => {
        impl Lift for $type {
            fn lift(at: At) -> Self {
                let mut fields = Fields::of(at);
                $(let $field: $of = fields.lift();)+
                Self { $($field),+ }
            }
        }
    };
    (@ out $type:ident { $($field:ident: $of:ty,)+ }) => {
        impl Lower for $type {
            fn lower(&self, at: At) {
                let Self { $($field),+ } = self;
                let mut fields = Fields::of(at);
                $(fields.lower::<$of>($field);)+
            }
        }
    };
}

/// An enum or a variant: `variant!(out => Type { Case, Case(name: Type), Case { name: Type } })`.
/// The fields of a case lie as a record.
macro_rules! variant {
    ($($direction:ident)+ => $type:ident $cases:tt) => {
        variant!(@ layout $type $cases);
        $(variant!(@ $direction $type $cases);)+
    };
    (@ layout $type:ident {
        $($case:ident $(($one:ident: $only:ty))? $({ $($field:ident: $of:ty),+ })?,)+
    }) => {
        layout!($type, abi::variant(&[$(
            abi::record(&[
                $((<$only>::SIZE, <$only>::ALIGN))?
                $($((<$of>::SIZE, <$of>::ALIGN)),+)?
            ]),
        )+]), $($case)+);
    };
    (@ in $type:ident {
        $($case:ident $(($one:ident: $only:ty))? $({ $($field:ident: $of:ty),+ })?,)+
    }) => {
        impl Lift for $type {
            #[allow(unused_variables, reason = "an enum has no payload")]
            fn lift(at: At) -> Self {
                #[repr(u8)]
                enum Tag { $($case),+ }
                let (tag, payload) = abi::case::<Self>(at);
                $(
                    if tag == Tag::$case as u8 {
                        $(let $one: $only = Fields::of(payload).lift();)?
                        $(
                            let mut fields = Fields::of(payload);
                            $(let $field: $of = fields.lift();)+
                        )?
                        return Self::$case $(($one))? $({ $($field),+ })?;
                    }
                )+
                // The canonical ABI passes the cases of the contract, and nothing else.
                unreachable()
            }
        }
    };
    (@ out $type:ident {
        $($case:ident $(($one:ident: $only:ty))? $({ $($field:ident: $of:ty),+ })?,)+
    }) => {
        impl Lower for $type {
            #[allow(unused_variables, reason = "an enum has no payload")]
            fn lower(&self, at: At) {
                #[repr(u8)]
                enum Tag { $($case),+ }
                match self {
                    $(Self::$case $(($one))? $({ $($field),+ })? => {
                        let payload = abi::tell::<Self>(at, Tag::$case as u8);
                        $(Fields::of(payload).lower::<$only>($one);)?
                        $(
                            let mut fields = Fields::of(payload);
                            $(fields.lower::<$of>($field);)+
                        )?
                    })+
                }
            }
        }
    };
}

// ---- Facts ----

record!(in out => Roster {
    revision: u64,
    default: Option<BackendId>,
    fallbacks: Vec<BackendId>,
    policy: Policy,
    route: Option<BackendId>,
    backends: Vec<Backend>,
});

record!(in out => Backend {
    id: BackendId,
    name: Name,
    kind: Kind,
    provider: String,
    location: String,
    description: String,
    max_blob_bytes: u64,
    mode: Mode,
    generation: u64,
    health: Health,
});

record!(out => BackendRef {
    id: BackendId,
    name: Name,
});

variant!(in out => Kind { External, Inline, Managed, });

variant!(in out => Mode { Drain, Maintenance, Ready, });

record!(in out => Policy {
    max_fallbacks: u32,
    fall: u32,
    rise: u32,
    hold_down: u64,
    stale_after: u64,
    check_every: u64,
    check_others_every: u64,
    tail: Vec<Kind>,
    last_resort: LastResort,
});

variant!(in out => LastResort { LeastBad, Refuse, });

// ---- Health ----

record!(in out => Health {
    status: Status,
    since: Option<u64>,
    checked_at: Option<u64>,
    failures: u32,
    successes: u32,
    failure: Option<Failure>,
    excuse: Option<FailureClass>,
});

variant!(in out => Status { Valid, Invalid, });

record!(in out => Failure {
    class: FailureClass,
    message: String,
});

variant!(in out => FailureClass {
    Auth, Configuration, Integrity, Internal, Network, NotFound, Permission, Quota, Secrets, Server,
    Throttled, Timeout,
});

variant!(in out => Outcome { Ok, Failed(failure: Failure), });

#[cfg(feature = "policy")]
record!(in out => Probe {
    outcome: Outcome,
    finished_at: u64,
});

// ---- Selection for a write ----

record!(in => Request { size: Option<u64>, });

record!(out => Decision {
    backend: BackendRef,
    generation: u64,
    position: Position,
    degraded: bool,
    revision: u64,
    trace: Vec<TraceEntry>,
});

record!(out => Refusal {
    reason: RefusalReason,
    revision: u64,
    trace: Vec<TraceEntry>,
});

variant!(out => RefusalReason {
    Required,
    TooLarge { limit: u64 },
    Unavailable { retry_at: Option<u64> },
});

record!(out => TraceEntry {
    position: Position,
    backend: Option<BackendRef>,
    verdict: Verdict,
});

variant!(out => Position { Default, Fallback(place: u32), Managed, Inline, });

variant!(out => Verdict {
    Drained,
    Invalid(class: Option<FailureClass>),
    LastResort,
    Maintenance,
    NotReached,
    Recovering { until: u64 },
    Selected,
    TooLarge { limit: u64 },
    Vacant,
});

// ---- Selection for a read ----

record!(out => ReadTry {
    backend: BackendId,
    reason: ReadReason,
});

variant!(out => ReadReason { Copy, Unlisted, WriteTarget, });

// ---- Commands ----

record!(in => Context {
    organization: String,
    actor: String,
    by: By,
    now: u64,
    seen: Option<u64>,
});

variant!(in => By { Organization, Platform, });

variant!(in => Command {
    Create(create: Create),
    Update(update: Update),
    Delete { backend: BackendId },
    SetPolicy(policy: Policy),
});

record!(in => Create {
    id: BackendId,
    name: String,
    kind: Kind,
    provider: String,
    location: String,
    description: String,
    max_blob_bytes: Option<u64>,
    mode: Mode,
    default: bool,
    fallback: bool,
    checked: bool,
});

record!(in => Update {
    backend: BackendId,
    description: Option<String>,
    max_blob_bytes: Option<u64>,
    default: Option<bool>,
    fallback: Option<bool>,
    mode: Option<Mode>,
    rotate: bool,
    checked: bool,
});

variant!(out => Code {
    BackendNotFound, ChainFull, Conflict, DuplicateKind, FieldEmpty, FieldTooLong, IdInvalid,
    IdTaken, InlineLimitFixed, InlineUndeletable, LimitTooLarge, LimitTooSmall, ManagedImmutable,
    ManagedReserved, ManagedUndeletable, NameInvalid, NameTaken, NoCredentials,
    OrganizationNotFound, OrganizationTaken, PolicyInvalid, ProviderUnknown, RoleConflict,
    RoleDuplicate, RoleUnknown, ValidationFailed,
});

// ---- What comes of a command ----

record!(out => Plan {
    change_set: ChangeSet,
    roster: Roster,
});

record!(out => ChangeSet {
    revision: u64,
    changes: Vec<Change>,
    events: Vec<Event>,
});

/// Applying a change-set is the only thing that is done with one that comes in, and that looks at
/// no event.
impl Lift for ChangeSet {
    fn lift(at: At) -> Self {
        let mut fields = Fields::of(at);
        let (revision, changes) = (fields.lift(), fields.lift());
        Self {
            revision,
            changes,
            events: Vec::new(),
        }
    }
}

variant!(in out => Change {
    CreateOrganization,
    CreateBackend(backend: Backend),
    UpdateBackend(backend: Backend),
    SetRoles { default: Option<BackendId>, fallbacks: Vec<BackendId> },
    DeleteBackend(backend: BackendId),
    SetPolicy(policy: Policy),
    SetRoute(route: Option<BackendId>),
});

record!(in => Observation {
    backend: BackendId,
    generation: u64,
    finished_at: u64,
    outcome: Outcome,
});

record!(out => Observed {
    applied: bool,
    plan: Plan,
});

// ---- Events ----

record!(out => Event {
    organization: String,
    revision: u64,
    at: u64,
    actor: String,
    kind: EventKind,
});

variant!(out => EventKind {
    OrganizationCreated,
    BackendCreated { backend: Subject, description: String, max_blob_bytes: u64, mode: Mode },
    BackendUpdated {
        backend: Subject,
        description: Option<String>,
        max_blob_bytes: Option<u64>,
        mode: Option<Mode>
    },
    BackendDeleted { backend: Subject },
    CredentialsRotated { backend: Subject, generation: u64 },
    StatusChanged {
        backend: Subject,
        previous: Status,
        status: Status,
        failure: Option<Failure>,
        recovery: bool
    },
    DefaultChanged { from: Option<BackendId>, to: BackendId, cause: Cause },
    DefaultVacated { from: BackendId },
    FallbacksChanged { from: Vec<BackendId>, to: Vec<BackendId> },
    PolicyChanged { from: Policy, to: Policy },
    RouteChanged { from: Option<BackendId>, to: Option<BackendId> },
});

record!(out => Subject {
    id: BackendId,
    name: Name,
    kind: Kind,
    provider: String,
    location: String,
});

variant!(out => Cause { Promoted, Requested, });

// ---- The use cases ----

#[cfg(feature = "policy")]
variant!(in => StorageError { OrganizationNotFound, Failed(message: String), });

#[cfg(feature = "policy")]
variant!(in => CommitError { Conflict, IdTaken, Failed(message: String), });

#[cfg(feature = "policy")]
variant!(out => ControlError {
    Refused { codes: Vec<Code>, failure: Option<Failure> },
    Failed(message: String),
});

#[cfg(feature = "policy")]
record!(out => Resolution {
    answer: Result<Decision, Refusal>,
    due: Vec<BackendId>,
});

#[cfg(feature = "policy")]
record!(out => Validation {
    probe: Option<Probe>,
    applied: bool,
    plan: Plan,
});
