//! The types of the contract, each told once: in which order its fields go in, and by which names
//! they come out. A field or a case that is missing here does not compile; what a table has in
//! addition to what its direction needs, the linker drops.

use backstop_core::{
    Backend, BackendRef, By, Cause, Change, ChangeSet, Code, Command, Context, Create, Decision,
    Event, EventKind, Failure, FailureClass, Health, Kind, LastResort, Mode, Observation, Observed,
    Outcome, Plan, Policy, Position, Probe, ReadReason, ReadTry, Refusal, RefusalReason, Request,
    Resolution, Roster, Status, Subject, TraceEntry, Update, Validation, Verdict,
};
use serde::{Serializer, ser::SerializeStruct};

use crate::{
    out::{Out, Write},
    wire::{Read, Reader},
};

macro_rules! record {
    ($($type:ident { $($field:ident $name:literal,)* })*) => {$(
        impl Read for $type {
            fn read(from: &mut Reader<'_>) -> Self {
                Self { $($field: from.read(),)* }
            }
        }

        impl Write for $type {
            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $type { $($field,)* } = self;
                let mut object = serializer.serialize_struct("", 0)?;
                $(object.serialize_field($name, &Out($field))?;)*
                object.end()
            }
        }
    )*};
}

macro_rules! enumeration {
    ($($type:ident { $($case:ident $code:literal,)* })*) => {$(
        impl Read for $type {
            fn read(from: &mut Reader<'_>) -> Self {
                const CASES: &[$type] = &[$($type::$case,)*];
                CASES[usize::from(from.byte())]
            }
        }

        impl Write for $type {
            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match self {
                    $($type::$case => $code,)*
                })
            }
        }
    )*};
}

/// An object with its case as `type` and what the case carries beside it.
macro_rules! variant {
    ($($type:ident { $($code:literal [$($shape:tt)*] { $($field:ident $name:literal),* })* })*) => {$(
        impl Read for $type {
            #[allow(unused_assignments, reason = "nothing is read after the last case")]
            fn read(from: &mut Reader<'_>) -> Self {
                let case = from.byte();
                let mut next = 0;
                $(
                    if case == next {
                        $(let $field = from.read();)*
                        return $($shape)*;
                    }
                    next += 1;
                )*
                unreachable!("the package writes no other case")
            }
        }

        impl Write for $type {
            fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut object = serializer.serialize_struct("", 0)?;
                match self {
                    $($($shape)* => {
                        object.serialize_field("type", $code)?;
                        $(object.serialize_field($name, &Out($field))?;)*
                    })*
                }
                object.end()
            }
        }
    )*};
}

record! {
    Roster {
        revision "revision",
        default "default",
        fallbacks "fallbacks",
        policy "policy",
        route "route",
        backends "backends",
    }
    Backend {
        id "id",
        name "name",
        kind "kind",
        provider "provider",
        location "location",
        description "description",
        max_blob_bytes "maxBlobBytes",
        mode "mode",
        generation "generation",
        health "health",
    }
    BackendRef {
        id "id",
        name "name",
    }
    Policy {
        max_fallbacks "maxFallbacks",
        fall "fall",
        rise "rise",
        hold_down "holdDown",
        stale_after "staleAfter",
        check_every "checkEvery",
        check_others_every "checkOthersEvery",
        tail "tail",
        last_resort "lastResort",
    }
    Health {
        status "status",
        since "since",
        checked_at "checkedAt",
        failures "failures",
        successes "successes",
        failure "failure",
        excuse "excuse",
    }
    Failure {
        class "class",
        message "message",
    }
    Probe {
        outcome "outcome",
        finished_at "finishedAt",
    }
    Request {
        size "size",
    }
    Decision {
        backend "backend",
        generation "generation",
        position "position",
        degraded "degraded",
        revision "revision",
        trace "trace",
    }
    Refusal {
        reason "reason",
        revision "revision",
        trace "trace",
    }
    TraceEntry {
        position "position",
        backend "backend",
        verdict "verdict",
    }
    ReadTry {
        backend "backend",
        reason "reason",
    }
    Context {
        organization "organization",
        actor "actor",
        by "by",
        now "now",
        seen "seen",
    }
    Create {
        id "id",
        name "name",
        kind "kind",
        provider "provider",
        location "location",
        description "description",
        max_blob_bytes "maxBlobBytes",
        mode "mode",
        default "default",
        fallback "fallback",
        checked "checked",
    }
    Update {
        backend "backend",
        description "description",
        max_blob_bytes "maxBlobBytes",
        default "default",
        fallback "fallback",
        mode "mode",
        rotate "rotate",
        checked "checked",
    }
    Plan {
        change_set "changeSet",
        roster "roster",
    }
    ChangeSet {
        revision "revision",
        changes "changes",
        events "events",
    }
    Observation {
        backend "backend",
        generation "generation",
        finished_at "finishedAt",
        outcome "outcome",
    }
    Observed {
        applied "applied",
        plan "plan",
    }
    Event {
        organization "organization",
        revision "revision",
        at "at",
        actor "actor",
        kind "kind",
    }
    Subject {
        id "id",
        name "name",
        kind "kind",
        provider "provider",
        location "location",
    }
}

enumeration! {
    By { Organization "organization", Platform "platform", }
    Cause { Promoted "promoted", Requested "requested", }
    Kind { External "external", Inline "inline", Managed "managed", }
    LastResort { LeastBad "least-bad", Refuse "refuse", }
    Mode { Drain "drain", Maintenance "maintenance", Ready "ready", }
    ReadReason { Copy "copy", Unlisted "unlisted", WriteTarget "write-target", }
    Status { Valid "valid", Invalid "invalid", }
    FailureClass {
        Auth "auth",
        Configuration "configuration",
        Integrity "integrity",
        Internal "internal",
        Network "network",
        NotFound "not-found",
        Permission "permission",
        Quota "quota",
        Secrets "secrets",
        Server "server",
        Throttled "throttled",
        Timeout "timeout",
    }
}

variant! {
    Outcome {
        "ok" [Outcome::Ok] {}
        "failed" [Outcome::Failed(failure)] { failure "failure" }
    }
    Position {
        "default" [Position::Default] {}
        "fallback" [Position::Fallback(place)] { place "place" }
        "managed" [Position::Managed] {}
        "inline" [Position::Inline] {}
    }
    Verdict {
        "drained" [Verdict::Drained] {}
        "invalid" [Verdict::Invalid(class)] { class "class" }
        "last-resort" [Verdict::LastResort] {}
        "maintenance" [Verdict::Maintenance] {}
        "not-reached" [Verdict::NotReached] {}
        "recovering" [Verdict::Recovering { until }] { until "until" }
        "selected" [Verdict::Selected] {}
        "too-large" [Verdict::TooLarge { limit }] { limit "limit" }
        "vacant" [Verdict::Vacant] {}
    }
    RefusalReason {
        "required" [RefusalReason::Required] {}
        "too-large" [RefusalReason::TooLarge { limit }] { limit "limit" }
        "unavailable" [RefusalReason::Unavailable { retry_at }] { retry_at "retryAt" }
    }
    Command {
        "create" [Command::Create(create)] { create "create" }
        "update" [Command::Update(update)] { update "update" }
        "delete" [Command::Delete { backend }] { backend "backend" }
        "set-policy" [Command::SetPolicy(policy)] { policy "policy" }
    }
    Change {
        "create-organization" [Change::CreateOrganization] {}
        "create-backend" [Change::CreateBackend(backend)] { backend "backend" }
        "update-backend" [Change::UpdateBackend(backend)] { backend "backend" }
        "set-roles" [Change::SetRoles { default, fallbacks }] {
            default "default", fallbacks "fallbacks"
        }
        "delete-backend" [Change::DeleteBackend(backend)] { backend "backend" }
        "set-policy" [Change::SetPolicy(policy)] { policy "policy" }
        "set-route" [Change::SetRoute(route)] { route "route" }
    }
    EventKind {
        "organization-created" [EventKind::OrganizationCreated] {}
        "backend-created" [EventKind::BackendCreated { backend, description, max_blob_bytes, mode }] {
            backend "backend",
            description "description",
            max_blob_bytes "maxBlobBytes",
            mode "mode"
        }
        "backend-updated" [EventKind::BackendUpdated { backend, description, max_blob_bytes, mode }] {
            backend "backend",
            description "description",
            max_blob_bytes "maxBlobBytes",
            mode "mode"
        }
        "backend-deleted" [EventKind::BackendDeleted { backend }] { backend "backend" }
        "credentials-rotated" [EventKind::CredentialsRotated { backend, generation }] {
            backend "backend", generation "generation"
        }
        "status-changed" [EventKind::StatusChanged { backend, previous, status, failure, recovery }] {
            backend "backend",
            previous "previous",
            status "status",
            failure "failure",
            recovery "recovery"
        }
        "default-changed" [EventKind::DefaultChanged { from: before, to, cause }] {
            before "from", to "to", cause "cause"
        }
        "default-vacated" [EventKind::DefaultVacated { from: before }] { before "from" }
        "fallbacks-changed" [EventKind::FallbacksChanged { from: before, to }] {
            before "from", to "to"
        }
        "policy-changed" [EventKind::PolicyChanged { from: before, to }] { before "from", to "to" }
        "route-changed" [EventKind::RouteChanged { from: before, to }] { before "from", to "to" }
    }
}

impl Write for Code {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Write for Resolution {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Resolution { answer, due } = self;
        let mut object = serializer.serialize_struct("", 0)?;
        object.serialize_field("answer", &Out(answer))?;
        object.serialize_field("due", &Out(due))?;
        object.end()
    }
}

impl Write for Validation {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Validation {
            probe,
            applied,
            plan,
        } = self;
        let mut object = serializer.serialize_struct("", 0)?;
        object.serialize_field("probe", &Out(probe))?;
        object.serialize_field("applied", &Out(applied))?;
        object.serialize_field("plan", &Out(plan))?;
        object.end()
    }
}
