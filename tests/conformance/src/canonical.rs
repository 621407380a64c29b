//! Canonical JSON: the contract read mechanically, as `tests/hosts/README.md` describes it. In it the
//! players of hosts in other languages are asked and answer.
//!
//! What comes in is read strictly: a field that is missing, unknown or of another type is an error
//! that names it.

use backstop_core::{
    Backend, BackendId, BackendRef, By, Cause, Change, ChangeSet, Code, Command, Context,
    ControlError, Create, Decision, Event, EventKind, Failure, FailureClass, Health, Kind,
    LastResort, Mode, Name, Observation, Observed, Outcome, Plan, Policy, Position, Probe,
    ReadReason, ReadTry, Refusal, RefusalReason, Request, Resolution, Roster, Status, Subject,
    TraceEntry, Update, Validation, Verdict,
};
use serde_json::{Map, Value};

/// A value of the contract.
pub trait Canonical: Sized {
    /// Returns the value as JSON.
    fn to_json(&self) -> Value;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Returns one line that names what is wrong, and where.
    fn from_json(value: &Value) -> Result<Self, String>;
}

/// Returns the one spelling of a value.
///
/// The keys of an object are sorted, since `serde_json` keeps them so.
pub fn spell(value: &Value) -> String {
    value.to_string()
}

/// The fields of an object that were not read yet.
struct Object {
    of: &'static str,
    fields: Map<String, Value>,
}

impl Object {
    fn of(of: &'static str, value: &Value) -> Result<Self, String> {
        let fields = value
            .as_object()
            .ok_or_else(|| format!("{of} is `{value}`, expected an object"))?;
        Ok(Self {
            of,
            fields: fields.clone(),
        })
    }

    fn take<T: Canonical>(&mut self, field: &str) -> Result<T, String> {
        let name = kebab(field);
        let value = self
            .fields
            .remove(&name)
            .ok_or_else(|| format!("{} has no `{name}`", self.of))?;
        T::from_json(&value).map_err(|problem| format!("{}.{name}: {problem}", self.of))
    }

    fn done(self) -> Result<(), String> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(unknown) => Err(format!("{} has a `{unknown}`", self.of)),
        }
    }
}

/// `MaxBlobBytes` and `max_blob_bytes` as `max-blob-bytes`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter == '_' {
            kebab.push('-');
        } else {
            if letter.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(letter.to_ascii_lowercase());
        }
    }
    kebab
}

/// The name of a case, and its payload if it has one.
fn case(value: &Value) -> Option<(&str, Option<&Value>)> {
    match value {
        Value::String(name) => Some((name, None)),
        Value::Object(fields) if fields.len() == 1 => fields
            .iter()
            .next()
            .map(|(name, payload)| (name.as_str(), Some(payload))),
        _ => None,
    }
}

fn with_payload(name: &str, payload: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), payload)]))
}

impl Canonical for bool {
    fn to_json(&self) -> Value {
        Value::Bool(*self)
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        value
            .as_bool()
            .ok_or_else(|| format!("`{value}`, expected true or false"))
    }
}

impl Canonical for u64 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        value
            .as_u64()
            .ok_or_else(|| format!("`{value}`, expected a number from 0 on"))
    }
}

impl Canonical for u32 {
    fn to_json(&self) -> Value {
        (*self).into()
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        u64::from_json(value)?
            .try_into()
            .map_err(|_| format!("`{value}`, expected at most {}", u32::MAX))
    }
}

impl Canonical for String {
    fn to_json(&self) -> Value {
        self.as_str().into()
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| format!("`{value}`, expected a text"))
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn to_json(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_json)
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            value => T::from_json(value).map(Some),
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn to_json(&self) -> Value {
        self.iter().map(T::to_json).collect()
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        let items = value
            .as_array()
            .ok_or_else(|| format!("`{value}`, expected a list"))?;
        items.iter().map(T::from_json).collect()
    }
}

impl<T: Canonical, E: Canonical> Canonical for Result<T, E> {
    fn to_json(&self) -> Value {
        match self {
            Ok(value) => with_payload("ok", value.to_json()),
            Err(error) => with_payload("err", error.to_json()),
        }
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        match case(value) {
            Some(("ok", Some(payload))) => T::from_json(payload).map(Ok),
            Some(("err", Some(payload))) => E::from_json(payload).map(Err),
            _ => Err(format!("`{value}`, expected `ok` or `err`")),
        }
    }
}

macro_rules! text {
    ($($type:ident)+) => {$(
        impl Canonical for $type {
            fn to_json(&self) -> Value {
                self.as_str().into()
            }

            fn from_json(value: &Value) -> Result<Self, String> {
                String::from_json(value).map(Self::from)
            }
        }
    )+};
}

text!(BackendId Name);

macro_rules! record {
    ($($type:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Canonical for $type {
            fn to_json(&self) -> Value {
                let Self { $($field),+ } = self;
                Value::Object(Map::from_iter([
                    $((kebab(stringify!($field)), $field.to_json())),+
                ]))
            }

            fn from_json(value: &Value) -> Result<Self, String> {
                let mut object = Object::of(stringify!($type), value)?;
                let read = Self { $($field: object.take(stringify!($field))?),+ };
                object.done()?;
                Ok(read)
            }
        }
    )+};
}

/// A variant whose cases carry nothing, `(one: value)`, `[one: value]` (which the core keeps under
/// that name) or `{ the, fields, of, a, record }`.
macro_rules! variant {
    ($($type:ident {
        $($case:ident $(($one:ident))? $([$named:ident])? $({ $($field:ident),+ })?),+ $(,)?
    })+) => {$(
        impl Canonical for $type {
            fn to_json(&self) -> Value {
                match self {
                    $(Self::$case $(($one))? $({ $named })? $({ $($field),+ })? => {
                        let name = kebab(stringify!($case));
                        $(return with_payload(&name, $one.to_json());)?
                        $(return with_payload(&name, $named.to_json());)?
                        $(return with_payload(&name, Value::Object(Map::from_iter([
                            $((kebab(stringify!($field)), $field.to_json())),+
                        ])));)?
                        #[allow(unreachable_code, reason = "a case with a payload has returned")]
                        Value::String(name)
                    })+
                }
            }

            fn from_json(value: &Value) -> Result<Self, String> {
                let (name, payload) = case(value)
                    .ok_or_else(|| format!("`{value}`, expected a {}", stringify!($type)))?;
                $(if name == kebab(stringify!($case)) {
                    #[allow(unused_variables, reason = "not every case has a payload")]
                    let there = || payload.ok_or_else(|| format!("`{name}` without what it carries"));
                    $(
                        let $one = Canonical::from_json(there()?)?;
                        return Ok(Self::$case($one));
                    )?
                    $(
                        let $named = Canonical::from_json(there()?)?;
                        return Ok(Self::$case { $named });
                    )?
                    $(
                        let mut object = Object::of(stringify!($case), there()?)?;
                        let read = Self::$case { $($field: object.take(stringify!($field))?),+ };
                        object.done()?;
                        return Ok(read);
                    )?
                    #[allow(unreachable_code, reason = "a case with a payload has returned")]
                    return match payload {
                        None => variant!(@ bare $type $case $(($one))? $([$named])? $({ $($field),+ })?),
                        Some(payload) => Err(format!("`{name}` carries `{payload}`")),
                    };
                })+
                Err(format!("`{name}`, expected a {}", stringify!($type)))
            }
        }
    )+};
    (@ bare $type:ident $case:ident) => { Ok(Self::$case) };
    (@ bare $type:ident $case:ident $($payload:tt)+) => {
        Err(concat!("`", stringify!($case), "` without what it carries").to_owned())
    };
}

record! {
    Roster { revision, default, fallbacks, policy, route, backends }
    Backend {
        id, name, kind, provider, location, description, max_blob_bytes, mode, generation, health,
    }
    BackendRef { id, name }
    Policy {
        max_fallbacks, fall, rise, hold_down, stale_after, check_every, check_others_every, tail,
        last_resort,
    }
    Health { status, since, checked_at, failures, successes, failure, excuse }
    Failure { class, message }
    Probe { outcome, finished_at }
    Request { size }
    Decision { backend, generation, position, degraded, revision, trace }
    Refusal { reason, revision, trace }
    TraceEntry { position, backend, verdict }
    ReadTry { backend, reason }
    Context { organization, actor, by, now, seen }
    Create {
        id, name, kind, provider, location, description, max_blob_bytes, mode, default, fallback,
        checked,
    }
    Update { backend, description, max_blob_bytes, default, fallback, mode, rotate, checked }
    Plan { change_set, roster }
    ChangeSet { revision, changes, events }
    Observation { backend, generation, finished_at, outcome }
    Observed { applied, plan }
    Event { organization, revision, at, actor, kind }
    Subject { id, name, kind, provider, location }
    Resolution { answer, due }
    Validation { probe, applied, plan }
}

variant! {
    Kind { External, Inline, Managed }
    Mode { Drain, Maintenance, Ready }
    LastResort { LeastBad, Refuse }
    Status { Invalid, Valid }
    FailureClass {
        Auth, Configuration, Integrity, Internal, Network, NotFound, Permission, Quota, Secrets,
        Server, Throttled, Timeout,
    }
    Outcome { Ok, Failed(failure) }
    RefusalReason { Required, TooLarge [limit], Unavailable [retry_at] }
    Position { Default, Fallback(place), Inline, Managed }
    Verdict {
        Drained, Invalid(class), LastResort, Maintenance, NotReached, Recovering [until], Selected,
        TooLarge [limit], Vacant,
    }
    ReadReason { Copy, Unlisted, WriteTarget }
    By { Organization, Platform }
    Command { Create(create), Delete [backend], SetPolicy(policy), Update(update) }
    Code {
        BackendNotFound, ChainFull, Conflict, DuplicateKind, FieldEmpty, FieldTooLong, IdInvalid,
        IdTaken, InlineLimitFixed, InlineUndeletable, LimitTooLarge, LimitTooSmall,
        ManagedImmutable, ManagedReserved, ManagedUndeletable, NameInvalid, NameTaken,
        NoCredentials, OrganizationNotFound, OrganizationTaken, PolicyInvalid, ProviderUnknown,
        RoleConflict, RoleDuplicate, RoleUnknown, ValidationFailed,
    }
    Change {
        CreateBackend(backend), CreateOrganization, DeleteBackend(backend), SetPolicy(policy),
        SetRoles { default, fallbacks }, SetRoute(route), UpdateBackend(backend),
    }
    EventKind {
        BackendCreated { backend, description, max_blob_bytes, mode }, BackendDeleted [backend],
        BackendUpdated { backend, description, max_blob_bytes, mode },
        CredentialsRotated { backend, generation }, DefaultChanged { from, to, cause },
        DefaultVacated [from], FallbacksChanged { from, to }, OrganizationCreated,
        PolicyChanged { from, to }, RouteChanged { from, to },
        StatusChanged { backend, previous, status, failure, recovery },
    }
    Cause { Promoted, Requested }
    ControlError { Failed(message), Refused { codes, failure } }
}
