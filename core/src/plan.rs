//! What a command would change, or every reason against it (CMD).
//!
//! ```
//! use backstop_core::{Code, Command, Context, Create, Kind, create_organization, plan};
//!
//! let context = Context::new("acme", "operator", 1_000);
//! let roster = create_organization("id-1".into(), &context).unwrap().roster;
//! let create = Create { fallback: true, ..Create::new("id-2", "spare", Kind::External, "OCI", "registry.example/a") };
//!
//! let planned = plan(&roster, &Command::Create(create.clone()), &context).unwrap();
//! assert_eq!(planned.roster.fallbacks, ["id-2".into()]);
//!
//! let both = Command::Create(Create { default: true, ..create });
//! assert_eq!(plan(&roster, &both, &context), Err(vec![Code::RoleConflict]));
//! ```

use alloc::{string::String, vec, vec::Vec};

use crate::{
    Backend, BackendId, Cause, Change, ChangeSet, Code, Event, EventKind, Kind, Mode, Outcome,
    Policy, Roster, Subject,
    check::{backend_violations, is_chain_full, violations},
    observe::judge,
    select::write_target,
    set::Set,
};

/// Returns what a command would change, and the roster that this leads to. Changes nothing itself:
/// a dry run is the same call without the commit.
///
/// # Errors
///
/// Returns every code that applies, sorted (CMD-12), and [`Code::Conflict`] alone if the caller saw
/// another revision (USE-2). What the command itself sets is always checked; beyond that it is
/// refused only for violations that its outcome has and the given roster has not, so that repairs
/// go through.
pub fn plan(roster: &Roster, command: &Command, context: &Context) -> Result<Plan, Vec<Code>> {
    if context.seen.is_some_and(|seen| seen != roster.revision) {
        return Err(vec![Code::Conflict]);
    }
    let mut draft = Draft::of(roster);
    match command {
        Command::Create(create) => draft.create(create, context),
        Command::Update(update) => draft.update(update, context),
        Command::Delete { backend } => draft.delete(backend, context),
        Command::SetPolicy(policy) => draft.set_policy(policy),
    }
    draft.finish(context)
}

/// Returns the plan of a new organization: revision 1, with one inline backend as the default
/// (CMD-11).
///
/// # Errors
///
/// Returns [`Code::IdInvalid`] if the id is malformed.
pub fn create_organization(inline: BackendId, context: &Context) -> Result<Plan, Vec<Code>> {
    let empty = Roster::empty();
    let mut draft = Draft::of(&empty);
    draft.founds = true;
    let mut backend = Backend::new("", "default-inline", Kind::Inline, "INLINE", "");
    backend.id = inline;
    draft.refused.extend(backend_violations(&backend));
    draft.roster.default = Some(backend.id.clone());
    draft.cause = Cause::Requested;
    draft.insert(backend);
    draft.finish(context)
}

/// Who asks, when, and what they have seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Context {
    /// The organization that the events name.
    pub organization: String,
    /// Who asks, as the events say it; opaque to the policy.
    pub actor: String,
    /// On whose behalf.
    pub by: By,
    /// The time, in milliseconds since the epoch.
    pub now: u64,
    /// The revision that the caller's decision rests on; a command is refused if it is not the
    /// current one (USE-2).
    pub seen: Option<u64>,
}

impl Context {
    /// Returns the context of somebody in the organization who has seen no revision.
    pub fn new(organization: &str, actor: &str, now: u64) -> Self {
        Self {
            organization: organization.into(),
            actor: actor.into(),
            by: By::Organization,
            now,
            seen: None,
        }
    }
}

/// On whose behalf a command is given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum By {
    /// The organization that owns the roster.
    #[default]
    Organization,
    /// Those who operate the control plane.
    Platform,
}

/// A change that somebody asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Registers a backend (CMD-1).
    Create(Create),
    /// Changes a backend (CMD-2).
    Update(Update),
    /// Deletes a backend, softly (CMD-3).
    Delete {
        /// The backend.
        backend: BackendId,
    },
    /// Replaces the whole policy (CMD-10).
    SetPolicy(Policy),
}

/// A backend to register (CMD-1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Create {
    /// Its id, never used before.
    pub id: BackendId,
    /// Its name.
    pub name: String,
    /// Who operates it.
    pub kind: Kind,
    /// What speaks to it.
    pub provider: String,
    /// Where it is.
    pub location: String,
    /// For people.
    pub description: String,
    /// Its limit in bytes; absent means the kind's own.
    pub max_blob_bytes: Option<u64>,
    /// Its mode.
    pub mode: Mode,
    /// Makes it the default; the displaced one keeps no role.
    pub default: bool,
    /// Puts it at the end of the chain; in a full chain it replaces the last element.
    pub fallback: bool,
    /// Whether it was probed with success just now (USE-1).
    pub checked: bool,
}

impl Create {
    /// Returns the registration of a backend without a role, with the limit of its kind.
    pub fn new(id: &str, name: &str, kind: Kind, provider: &str, location: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            kind,
            provider: provider.into(),
            location: location.into(),
            description: String::new(),
            max_blob_bytes: None,
            mode: Mode::Ready,
            default: false,
            fallback: false,
            checked: false,
        }
    }
}

/// A change of a backend (CMD-2). What is absent stays.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// The backend.
    pub backend: BackendId,
    /// Its new description; may be empty.
    pub description: Option<String>,
    /// Its new limit, in bytes.
    pub max_blob_bytes: Option<u64>,
    /// Makes it the default, or takes the default away from it.
    pub default: Option<bool>,
    /// Puts it on the chain, or takes it off.
    pub fallback: Option<bool>,
    /// Its new mode.
    pub mode: Option<Mode>,
    /// Whether its credentials are replaced (CMD-9).
    pub rotate: bool,
    /// Whether the new credentials were probed with success just now (USE-1); means nothing without
    /// `rotate`.
    pub checked: bool,
}

impl Update {
    /// Returns an update that changes nothing.
    pub fn new(backend: impl Into<BackendId>) -> Self {
        Self {
            backend: backend.into(),
            description: None,
            max_blob_bytes: None,
            default: None,
            fallback: None,
            mode: None,
            rotate: false,
            checked: false,
        }
    }
}

/// What a command would change, and where this leads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// What to commit; empty if nothing changes (INV-7).
    pub change_set: ChangeSet,
    /// The roster afterwards.
    pub roster: Roster,
}

/// A roster in the making, with what has to be remembered about how it came to be.
pub(crate) struct Draft<'r> {
    given: &'r Roster,
    roster: Roster,
    /// The one backend that the command touches, before and after.
    before: Option<Backend>,
    after: Option<Backend>,
    /// Why the default changes, if it does.
    cause: Cause,
    /// Whether the organization comes to be.
    founds: bool,
    refused: Set<Code>,
}

impl<'r> Draft<'r> {
    pub(crate) fn of(given: &'r Roster) -> Self {
        Self {
            given,
            roster: given.clone(),
            before: None,
            after: None,
            cause: Cause::Promoted,
            founds: false,
            refused: Set::new(),
        }
    }

    fn refuse_if(&mut self, broken: bool, code: Code) {
        if broken {
            self.refused.insert(code);
        }
    }

    /// CMD-1.
    fn create(&mut self, create: &Create, context: &Context) {
        let mut backend = Backend::new(
            "",
            &create.name,
            create.kind,
            &create.provider,
            &create.location,
        );
        backend.id = create.id.clone();
        backend.description = create.description.clone();
        backend.mode = create.mode;
        if let Some(limit) = create.max_blob_bytes {
            backend.max_blob_bytes = limit;
        }
        if create.checked && !backend.is_inline() {
            backend.health.checked_at = Some(context.now);
            backend.health.successes = 1;
        }

        self.refused.extend(backend_violations(&backend));
        self.refuse_if(self.given.backend(&backend.id).is_some(), Code::IdTaken);
        self.refuse_if(self.given.named(&create.name).is_some(), Code::NameTaken);
        self.refuse_if(
            create.kind != Kind::External && self.given.of_kind(create.kind).is_some(),
            Code::DuplicateKind,
        );
        self.refuse_if(
            create.kind == Kind::Managed && context.by != By::Platform,
            Code::ManagedReserved,
        );
        self.refuse_if(create.default && create.fallback, Code::RoleConflict);
        self.refuse_if(
            create.fallback && self.given.policy.max_fallbacks == 0,
            Code::ChainFull,
        );

        let id = backend.id.clone();
        self.insert(backend);
        if create.default {
            self.make_default(&id);
        } else if create.fallback {
            self.join_chain(&id);
        }
    }

    /// CMD-2, CMD-4 and CMD-9.
    fn update(&mut self, update: &Update, context: &Context) {
        let Some(backend) = self.given.backend(&update.backend).cloned() else {
            self.refused.insert(Code::BackendNotFound);
            return;
        };
        let mut updated = backend.clone();
        if let Some(description) = &update.description {
            updated.description = description.clone();
        }
        if let Some(limit) = update.max_blob_bytes {
            updated.max_blob_bytes = limit;
        }
        if let Some(mode) = update.mode {
            updated.mode = mode;
            if backend.mode == Mode::Maintenance && mode != Mode::Maintenance {
                updated.health.checked_at = None;
                updated.health.excuse = None;
            }
        }
        if update.rotate {
            rotate(
                &mut updated,
                self.given,
                update.checked.then_some(context.now),
            );
        }

        // Only what the update sets is checked: a tightened rule must not lock anybody out.
        let mut set = Backend::new("a", "a", backend.kind, "a", "a");
        set.description = update.description.clone().unwrap_or_default();
        if let Some(limit) = update.max_blob_bytes {
            set.max_blob_bytes = limit;
        }
        self.refused.extend(backend_violations(&set));
        let touches_more_than_roles = update.description.is_some()
            || update.max_blob_bytes.is_some()
            || update.mode.is_some()
            || update.rotate;
        self.refuse_if(
            backend.kind == Kind::Managed && context.by != By::Platform && touches_more_than_roles,
            Code::ManagedImmutable,
        );
        self.refuse_if(
            backend.is_inline() && update.max_blob_bytes.is_some(),
            Code::InlineLimitFixed,
        );
        self.refuse_if(backend.is_inline() && update.rotate, Code::NoCredentials);
        let (default, fallback) = (update.default, update.fallback);
        self.refuse_if(
            default == Some(true) && fallback == Some(true),
            Code::RoleConflict,
        );
        self.refuse_if(
            fallback == Some(true)
                && self.given.policy.max_fallbacks == 0
                && self.given.place(&backend.id).is_none(),
            Code::ChainFull,
        );

        self.roster.replace(updated.clone());
        if default == Some(true) {
            self.make_default(&backend.id);
        } else if fallback == Some(true) {
            self.vacate(&backend.id);
            self.join_chain(&backend.id);
        } else {
            if fallback == Some(false) {
                self.leave_chain(&backend.id);
            }
            if default == Some(false) {
                self.vacate(&backend.id);
            }
        }
        self.before = Some(backend);
        self.after = Some(updated);
    }

    /// CMD-3.
    fn delete(&mut self, id: &BackendId, context: &Context) {
        let Some(backend) = self.given.backend(id).cloned() else {
            self.refused.insert(Code::BackendNotFound);
            return;
        };
        self.refuse_if(backend.is_inline(), Code::InlineUndeletable);
        self.refuse_if(
            backend.kind == Kind::Managed && context.by != By::Platform,
            Code::ManagedUndeletable,
        );
        self.roster.remove(id);
        self.leave_chain(id);
        self.vacate(id);
        self.before = Some(backend);
    }

    /// CMD-10.
    fn set_policy(&mut self, policy: &Policy) {
        self.refuse_if(!policy.is_well_formed(), Code::PolicyInvalid);
        self.roster.policy = policy.clone();
        self.refuse_if(
            is_chain_full(&self.roster, self.roster.fallbacks.len()),
            Code::ChainFull,
        );
    }

    fn insert(&mut self, backend: Backend) {
        self.roster.backends.push(backend.clone());
        self.after = Some(backend);
    }

    /// CMD-1, CMD-2 and CMD-5: the displaced default keeps no role, and the chain closes up.
    fn make_default(&mut self, id: &BackendId) {
        self.leave_chain(id);
        self.roster.default = Some(id.clone());
        self.cause = Cause::Requested;
    }

    /// CMD-1: joins the end of the chain, or replaces the last element of a full one.
    fn join_chain(&mut self, id: &BackendId) {
        if self.roster.place(id).is_some() {
            return;
        }
        if is_chain_full(&self.roster, self.roster.fallbacks.len().saturating_add(1)) {
            self.roster.fallbacks.pop();
        }
        self.roster.fallbacks.push(id.clone());
    }

    fn leave_chain(&mut self, id: &BackendId) {
        self.roster.fallbacks.retain(|other| other != id);
    }

    /// CMD-6: takes the default away from a backend that has it, and promotes the next in line.
    fn vacate(&mut self, id: &BackendId) {
        if self.roster.default.as_ref() != Some(id) {
            return;
        }
        let successor = successor(&self.roster, id).map(|backend| backend.id.clone());
        if let Some(successor) = &successor {
            self.leave_chain(successor);
        }
        self.roster.default = successor;
    }

    /// Takes over what an observation made of a backend.
    pub(crate) fn observed(&mut self, before: &Backend, after: Backend) {
        self.roster.replace(after.clone());
        self.before = Some(before.clone());
        self.after = Some(after);
    }

    /// Adds what every commit adds (the route, the revision and the events), or refuses.
    pub(crate) fn finish(mut self, context: &Context) -> Result<Plan, Vec<Code>> {
        if self.refused.len() == 0 {
            let allowed = violations(self.given);
            let worse = violations(&self.roster).into_vec();
            self.refused
                .extend(worse.into_iter().filter(|code| !allowed.contains(code)));
        }
        if self.refused.len() > 0 {
            return Err(self.refused.into_vec());
        }
        if !self.founds && self.roster == *self.given {
            let revision = self.given.revision;
            return Ok(Plan {
                change_set: ChangeSet {
                    revision,
                    ..ChangeSet::default()
                },
                roster: self.roster,
            });
        }
        self.roster.route = write_target(&self.roster, context.now);
        self.roster.revision = self
            .given
            .revision
            .saturating_add(1)
            .min(Backend::MAX_LIMIT);
        let change_set = ChangeSet {
            revision: self.roster.revision,
            changes: self.changes(),
            events: self.events(context),
        };
        Ok(Plan {
            change_set,
            roster: self.roster,
        })
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.founds {
            changes.push(Change::CreateOrganization);
        }
        match (&self.before, &self.after) {
            (None, Some(after)) => changes.push(Change::CreateBackend(after.clone())),
            (Some(before), Some(after)) if before != after => {
                changes.push(Change::UpdateBackend(after.clone()))
            }
            _ => {}
        }
        let Roster {
            default,
            fallbacks,
            policy,
            route,
            ..
        } = &self.roster;
        if *default != self.given.default || *fallbacks != self.given.fallbacks {
            changes.push(Change::SetRoles {
                default: default.clone(),
                fallbacks: fallbacks.clone(),
            });
        }
        if let (Some(before), None) = (&self.before, &self.after) {
            changes.push(Change::DeleteBackend(before.id.clone()));
        }
        if *policy != self.given.policy {
            changes.push(Change::SetPolicy(policy.clone()));
        }
        if *route != self.given.route {
            changes.push(Change::SetRoute(route.clone()));
        }
        changes
    }

    /// EVT: the difference between the rosters, in the order of [`EventKind`].
    fn events(&self, context: &Context) -> Vec<Event> {
        let (given, roster) = (self.given, &self.roster);
        let mut kinds = Vec::new();
        if self.founds {
            kinds.push(EventKind::OrganizationCreated);
        }
        match (&self.before, &self.after) {
            (None, Some(after)) => kinds.push(EventKind::BackendCreated {
                backend: Subject::of(after),
                description: after.description.clone(),
                max_blob_bytes: after.max_blob_bytes,
                mode: after.mode,
            }),
            (Some(before), Some(after)) => update_events(before, after, &mut kinds),
            (Some(before), None) => kinds.push(EventKind::BackendDeleted {
                backend: Subject::of(before),
            }),
            (None, None) => {}
        }
        if given.default != roster.default {
            kinds.extend(match (&given.default, &roster.default) {
                (from, Some(to)) => Some(EventKind::DefaultChanged {
                    from: from.clone(),
                    to: to.clone(),
                    cause: self.cause,
                }),
                (Some(from), None) => Some(EventKind::DefaultVacated { from: from.clone() }),
                (None, None) => None,
            });
        }
        if given.fallbacks != roster.fallbacks {
            kinds.push(EventKind::FallbacksChanged {
                from: given.fallbacks.clone(),
                to: roster.fallbacks.clone(),
            });
        }
        if given.policy != roster.policy {
            kinds.push(EventKind::PolicyChanged {
                from: given.policy.clone(),
                to: roster.policy.clone(),
            });
        }
        if given.route != roster.route {
            kinds.push(EventKind::RouteChanged {
                from: given.route.clone(),
                to: roster.route.clone(),
            });
        }
        kinds
            .into_iter()
            .map(|kind| Event {
                organization: context.organization.clone(),
                revision: roster.revision,
                at: context.now,
                actor: context.actor.clone(),
                kind,
            })
            .collect()
    }
}

fn update_events(before: &Backend, after: &Backend, kinds: &mut Vec<EventKind>) {
    let description = (before.description != after.description).then(|| after.description.clone());
    let max_blob_bytes =
        (before.max_blob_bytes != after.max_blob_bytes).then_some(after.max_blob_bytes);
    let mode = (before.mode != after.mode).then_some(after.mode);
    if description.is_some() || max_blob_bytes.is_some() || mode.is_some() {
        kinds.push(EventKind::BackendUpdated {
            backend: Subject::of(after),
            description,
            max_blob_bytes,
            mode,
        });
    }
    if before.generation != after.generation {
        kinds.push(EventKind::CredentialsRotated {
            backend: Subject::of(after),
            generation: after.generation,
        });
    }
    if before.health.status != after.health.status {
        let recovery = after.is_valid();
        kinds.push(EventKind::StatusChanged {
            backend: Subject::of(after),
            previous: before.health.status,
            status: after.health.status,
            failure: after.redacted().health.failure.filter(|_| !recovery),
            recovery,
        });
    }
}

/// CMD-6: the fallbacks in order, then managed, then inline, without the backend that just lost the
/// role; the first that is valid and ready, else the first at all.
fn successor<'r>(roster: &'r Roster, loser: &BackendId) -> Option<&'r Backend> {
    let candidates = || {
        let chain = roster.fallbacks.iter().filter_map(|id| roster.backend(id));
        let tail = [Kind::Managed, Kind::Inline]
            .into_iter()
            .filter_map(|kind| roster.of_kind(kind));
        chain.chain(tail).filter(|backend| backend.id != *loser)
    };
    candidates()
        .find(|backend| backend.is_valid() && backend.mode == Mode::Ready)
        .or_else(|| candidates().next())
}

/// CMD-9: new credentials fence off what is known of the old ones.
fn rotate(backend: &mut Backend, roster: &Roster, checked_at: Option<u64>) {
    backend.generation = backend.generation.saturating_add(1).min(Backend::MAX_LIMIT);
    backend.health.failures = 0;
    backend.health.successes = 0;
    backend.health.checked_at = None;
    backend.health.excuse = None;
    if let Some(at) = checked_at {
        judge(&mut backend.health, &roster.policy, &Outcome::Ok, at);
    }
}
