//! The use cases: load, plan and commit around the pure part (USE, RES).
//!
//! Written once over two small traits. A host drives these futures with whatever it has: an async
//! runtime, promises, or a single poll where storage and validator answer at once.
//!
//! ```
//! use backstop_core::{
//!     ChangeSet, CommitError, Context, Outcome, Probe, Request, Roster, Storage, StorageError, Validator, apply,
//!     control,
//! };
//! use std::{cell::RefCell, pin::pin, task};
//!
//! struct Memory(RefCell<Option<Roster>>);
//!
//! impl Storage for Memory {
//!     async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
//!         self.0.borrow().clone().ok_or(StorageError::OrganizationNotFound)
//!     }
//!     async fn commit(&self, _organization: &str, expected: u64, changes: &ChangeSet) -> Result<(), CommitError> {
//!         let roster = self.0.borrow().clone().unwrap_or_else(Roster::empty);
//!         if roster.revision != expected {
//!             return Err(CommitError::Conflict);
//!         }
//!         *self.0.borrow_mut() = Some(apply(&roster, changes));
//!         Ok(())
//!     }
//! }
//!
//! struct AlwaysOk;
//!
//! impl Validator for AlwaysOk {
//!     async fn validate(&self, _: &str, _: &backstop_core::BackendId, _: u64) -> Probe {
//!         Probe { outcome: Outcome::Ok, finished_at: 1_000 }
//!     }
//! }
//!
//! // Storage and validator answer at once, so one poll is enough.
//! fn now_or_never<T>(future: impl Future<Output = T>) -> T {
//!     match pin!(future).poll(&mut task::Context::from_waker(task::Waker::noop())) {
//!         task::Poll::Ready(answer) => answer,
//!         task::Poll::Pending => unreachable!("storage and validator answer at once"),
//!     }
//! }
//!
//! let storage = Memory(RefCell::new(None));
//! let context = Context::new("acme", "operator", 1_000);
//! now_or_never(control::create_organization(&storage, "id-1".into(), &context)).unwrap();
//! let resolution = now_or_never(control::resolve(&storage, &AlwaysOk, &Request::default(), &context)).unwrap();
//! assert_eq!(resolution.answer.unwrap().backend.name.as_str(), "default-inline");
//! ```

use alloc::{string::String, vec, vec::Vec};
use core::fmt;

use crate::{
    Backend, BackendId, ChangeSet, Code, Command, Context, Create, Decision, Failure, Mode,
    Observation, Outcome, Plan, Policy, Probe, Refusal, RefusalReason, Request, Roster, Update,
    Verdict, candidates::candidates, create_organization as plan_organization, observe, plan,
    select,
};

/// Keeps rosters. All that a storage has to do.
#[expect(
    async_fn_in_trait,
    reason = "whether the futures can cross threads is the host's choice"
)]
pub trait Storage {
    /// Returns the organization's roster, in one consistent read.
    async fn load(&self, organization: &str) -> Result<Roster, StorageError>;

    /// Writes the whole change-set with its events, or nothing.
    ///
    /// Must answer [`CommitError::Conflict`] if the organization's revision is not `expected` (0: it
    /// does not exist yet), and should wait for a short random time before it does, so that those
    /// who compete for the next attempt do not meet again (USE-2).
    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError>;
}

/// Probes backends.
#[expect(
    async_fn_in_trait,
    reason = "whether the futures can cross threads is the host's choice"
)]
pub trait Validator {
    /// Probes a backend with the credentials of that generation, to its own deadline.
    ///
    /// Always answers: a probe that does not end in time is the outcome `timeout`, one that fails
    /// for the host's own reasons is `internal` (USE-3, RES-3).
    async fn validate(&self, organization: &str, backend: &BackendId, generation: u64) -> Probe;
}

/// Why a roster could not be loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StorageError {
    /// There is no such organization.
    OrganizationNotFound,
    /// The storage failed; trying again may help.
    Failed(String),
}

/// Why a change-set was not committed. Nothing of it is visible.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommitError {
    /// The revision is not the expected one.
    Conflict,
    /// The id of the new backend was used before, by one that is deleted (HOST-2).
    IdTaken,
    /// The storage failed; trying again may help.
    Failed(String),
}

/// Why a use case did not do what it was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ControlError {
    /// It was refused, and nothing changed.
    Refused {
        /// Every code that applies, sorted.
        codes: Vec<Code>,
        /// Why the probe failed, with [`Code::ValidationFailed`].
        failure: Option<Failure>,
    },
    /// The storage failed; trying again may help (RES-3).
    Failed(String),
}

impl ControlError {
    fn refused(code: Code) -> Self {
        Self::from(vec![code])
    }
}

impl From<Vec<Code>> for ControlError {
    fn from(codes: Vec<Code>) -> Self {
        Self::Refused {
            codes,
            failure: None,
        }
    }
}

impl From<StorageError> for ControlError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::OrganizationNotFound => Self::refused(Code::OrganizationNotFound),
            StorageError::Failed(message) => Self::Failed(message),
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { codes, failure } => {
                f.write_str("refused")?;
                for (index, code) in codes.iter().enumerate() {
                    write!(f, "{} {code}", if index == 0 { ":" } else { "," })?;
                }
                match failure {
                    Some(failure) => write!(f, " ({}: {})", failure.class.code(), failure.message),
                    None => Ok(()),
                }
            }
            Self::Failed(message) => write!(f, "storage failed: {message}"),
        }
    }
}

impl core::error::Error for ControlError {}

/// What a write should do, and which backends need a fresh look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resolution {
    /// The decision, or the refusal.
    pub answer: Result<Decision, Refusal>,
    /// The candidates to refresh in the background, in candidate order (RES-1).
    pub due: Vec<BackendId>,
}

/// What came of a validation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Validation {
    /// How the probe ended; none if the backend is inline or in maintenance, and was not probed.
    pub probe: Option<Probe>,
    /// Whether the observation was applied, rather than dropped (CMD-7).
    pub applied: bool,
    /// What was committed.
    pub plan: Plan,
}

/// How often a commit is tried before the command is refused with `conflict` (USE-2).
const ATTEMPTS: usize = 8;

/// Returns the backend to write to, or the refusal (RES-1, RES-2).
///
/// The happy path loads and selects. Before refusing with `unavailable`, and before a last resort,
/// the invalid candidates that have cooled down are probed, and what was seen is committed.
///
/// # Errors
///
/// [`ControlError::Refused`] with `organization-not-found`, [`ControlError::Failed`] if the roster
/// cannot be loaded.
pub async fn resolve(
    storage: &impl Storage,
    validator: &impl Validator,
    request: &Request,
    context: &Context,
) -> Result<Resolution, ControlError> {
    let mut view = View {
        stored: storage.load(&context.organization).await?,
        unsaved: Vec::new(),
    };
    let mut context = context.clone();
    let mut roster = view.stored.clone();
    let mut answer = select(&roster, request, context.now);

    if wants_probes(&answer) {
        for id in probeable(&roster, context.now) {
            // A reload may have taken the backend out of the list in the meantime.
            let Some(backend) = roster
                .backend(&id)
                .filter(|backend| backend.mode == Mode::Ready)
            else {
                continue;
            };
            let generation = backend.generation;
            let Probe {
                outcome,
                finished_at,
            } = validator
                .validate(&context.organization, &id, generation)
                .await;
            context.now = context.now.max(finished_at);
            let observation = Observation {
                backend: id,
                generation,
                finished_at,
                outcome,
            };
            roster = view.record(storage, observation, &context).await;
            answer = select(&roster, request, context.now);
            if !wants_probes(&answer) {
                break;
            }
        }
    }
    Ok(Resolution {
        due: stale(&roster, context.now),
        answer,
    })
}

/// Registers a backend: cheap checks, then the live probe, then the commit (CMD-1, USE-1).
///
/// An inline backend, and one that starts in maintenance, is not probed.
///
/// # Errors
///
/// [`ControlError::Refused`] with the codes of CMD-12, [`ControlError::Failed`] if the storage
/// fails. Nothing is stored then.
pub async fn create(
    storage: &impl Storage,
    validator: &impl Validator,
    create: &Create,
    context: &Context,
) -> Result<Plan, ControlError> {
    let mut roster = storage.load(&context.organization).await?;
    let mut context = context.clone();
    let mut create = Create {
        checked: false,
        ..create.clone()
    };
    let planned = plan(&roster, &Command::Create(create.clone()), &context)?;
    if let Some(backend) = planned.roster.backend(&create.id)
        && !backend.is_inline()
        && backend.mode != Mode::Maintenance
    {
        context.now = prove(validator, backend, &context).await?;
        create.checked = true;
    }
    commit(storage, &mut roster, &context, |roster| {
        Ok(plan(roster, &Command::Create(create.clone()), &context)?)
    })
    .await
}

/// Changes a backend; new credentials are probed first (CMD-2, USE-1).
///
/// Credentials of a backend that is, or goes, in maintenance are not probed.
///
/// # Errors
///
/// As [`create`]. If somebody else rotated the credentials in the meantime, the refusal is
/// `conflict`: what was probed would not be what is stored.
pub async fn update(
    storage: &impl Storage,
    validator: &impl Validator,
    update: &Update,
    context: &Context,
) -> Result<Plan, ControlError> {
    let mut roster = storage.load(&context.organization).await?;
    let mut context = context.clone();
    let mut update = Update {
        checked: false,
        ..update.clone()
    };
    let planned = plan(&roster, &Command::Update(update.clone()), &context)?;
    let backend = planned.roster.backend(&update.backend);
    if let Some(backend) = backend
        && update.rotate
        && backend.mode != Mode::Maintenance
    {
        context.now = prove(validator, backend, &context).await?;
        update.checked = true;
    }
    let generation = backend.map(|backend| backend.generation);
    commit(storage, &mut roster, &context, |roster| {
        let plan = plan(roster, &Command::Update(update.clone()), &context)?;
        let rotated = plan
            .roster
            .backend(&update.backend)
            .map(|backend| backend.generation);
        if update.rotate && rotated != generation {
            return Err(ControlError::refused(Code::Conflict));
        }
        Ok(plan)
    })
    .await
}

/// Deletes a backend, softly (CMD-3).
///
/// # Errors
///
/// As [`create`].
pub async fn delete(
    storage: &impl Storage,
    backend: &BackendId,
    context: &Context,
) -> Result<Plan, ControlError> {
    run(
        storage,
        Command::Delete {
            backend: backend.clone(),
        },
        context,
    )
    .await
}

/// Replaces the organization's policy (CMD-10).
///
/// # Errors
///
/// As [`create`].
pub async fn set_policy(
    storage: &impl Storage,
    policy: &Policy,
    context: &Context,
) -> Result<Plan, ControlError> {
    run(storage, Command::SetPolicy(policy.clone()), context).await
}

/// Creates an organization with its inline backend as the default (CMD-11).
///
/// # Errors
///
/// [`ControlError::Refused`] with `id-invalid`, `id-taken` or `organization-taken`,
/// [`ControlError::Failed`] if the storage fails.
pub async fn create_organization(
    storage: &impl Storage,
    inline: BackendId,
    context: &Context,
) -> Result<Plan, ControlError> {
    let plan = plan_organization(inline, context)?;
    match storage
        .commit(&context.organization, 0, &plan.change_set)
        .await
    {
        Ok(()) => Ok(plan),
        Err(CommitError::Conflict) => Err(ControlError::refused(Code::OrganizationTaken)),
        Err(CommitError::IdTaken) => Err(ControlError::refused(Code::IdTaken)),
        Err(CommitError::Failed(message)) => Err(ControlError::Failed(message)),
    }
}

/// Probes a backend and submits what was seen (USE-3).
///
/// # Errors
///
/// [`ControlError::Refused`] with `backend-not-found`, `organization-not-found` or, when the retries
/// are exhausted, `conflict`; [`ControlError::Failed`] if the storage fails.
pub async fn validate(
    storage: &impl Storage,
    validator: &impl Validator,
    backend: &BackendId,
    context: &Context,
) -> Result<Validation, ControlError> {
    let mut roster = storage.load(&context.organization).await?;
    let found = roster
        .backend(backend)
        .ok_or_else(|| ControlError::refused(Code::BackendNotFound))?;
    if found.is_inline() || found.mode == Mode::Maintenance {
        let change_set = ChangeSet {
            revision: roster.revision,
            ..ChangeSet::default()
        };
        return Ok(Validation {
            probe: None,
            applied: false,
            plan: Plan { change_set, roster },
        });
    }
    let generation = found.generation;
    let probe = validator
        .validate(&context.organization, backend, generation)
        .await;
    let context = Context {
        now: context.now.max(probe.finished_at),
        ..context.clone()
    };
    let observation = Observation {
        backend: backend.clone(),
        generation,
        finished_at: probe.finished_at,
        outcome: probe.outcome.clone(),
    };
    let shown = match &probe.outcome {
        Outcome::Ok => Outcome::Ok,
        Outcome::Failed(failure) => Outcome::Failed(found.redact(failure.clone())),
    };
    let mut applied = false;
    let plan = commit(storage, &mut roster, &context, |roster| {
        let observed = observe(roster, &observation, &context);
        applied = observed.applied;
        Ok(observed.plan)
    })
    .await?;
    Ok(Validation {
        probe: Some(Probe {
            outcome: shown,
            ..probe
        }),
        applied,
        plan,
    })
}

async fn run(
    storage: &impl Storage,
    command: Command,
    context: &Context,
) -> Result<Plan, ControlError> {
    let mut roster = storage.load(&context.organization).await?;
    commit(storage, &mut roster, context, |roster| {
        Ok(plan(roster, &command, context)?)
    })
    .await
}

/// USE-1: returns when the probe of new credentials ended, or refuses with its failure.
async fn prove(
    validator: &impl Validator,
    backend: &Backend,
    context: &Context,
) -> Result<u64, ControlError> {
    let probing = validator.validate(&context.organization, &backend.id, backend.generation);
    let probe = probing.await;
    match probe.outcome {
        Outcome::Ok => Ok(context.now.max(probe.finished_at)),
        Outcome::Failed(Failure { class, message }) => Err(ControlError::Refused {
            codes: vec![Code::ValidationFailed],
            failure: Some(backend.redact(Failure::new(class, message))),
        }),
    }
}

/// USE-2: plans and commits by compare-and-swap, and starts over from a fresh roster on a conflict.
/// The roster is then the one that was loaded last.
async fn commit(
    storage: &impl Storage,
    roster: &mut Roster,
    context: &Context,
    mut plan: impl FnMut(&Roster) -> Result<Plan, ControlError>,
) -> Result<Plan, ControlError> {
    for attempt in 1..=ATTEMPTS {
        let plan = plan(roster)?;
        if plan.change_set.is_empty() {
            return Ok(plan);
        }
        let committed = storage.commit(&context.organization, roster.revision, &plan.change_set);
        match committed.await {
            Ok(()) => return Ok(plan),
            Err(CommitError::Conflict) if attempt < ATTEMPTS => {
                *roster = storage.load(&context.organization).await?;
            }
            Err(CommitError::Conflict) => {}
            Err(CommitError::IdTaken) => return Err(ControlError::refused(Code::IdTaken)),
            Err(CommitError::Failed(message)) => return Err(ControlError::Failed(message)),
        }
    }
    Err(ControlError::refused(Code::Conflict))
}

/// What `resolve` knows: the roster as it is stored, and what was seen but could not be stored.
struct View {
    stored: Roster,
    unsaved: Vec<Observation>,
}

impl View {
    /// Commits an observation, and returns the roster that the answer rests on: if the commit fails,
    /// the answer still rests on what was seen (RES-2), though the revision is the stored one.
    async fn record(
        &mut self,
        storage: &impl Storage,
        observation: Observation,
        context: &Context,
    ) -> Roster {
        let committed = commit(storage, &mut self.stored, context, |roster| {
            Ok(observe(roster, &observation, context).plan)
        });
        match committed.await {
            Ok(plan) => self.stored = plan.roster,
            Err(_) => self.unsaved.push(observation),
        }
        let seen = self
            .unsaved
            .iter()
            .fold(self.stored.clone(), |roster, observation| {
                observe(&roster, observation, context).plan.roster
            });
        Roster {
            revision: self.stored.revision,
            route: self.stored.route.clone(),
            ..seen
        }
    }
}

/// RES-2: a refusal that waiting might lift, or a last resort, is not given before a fresh look.
fn wants_probes(answer: &Result<Decision, Refusal>) -> bool {
    match answer {
        Ok(decision) => !decision
            .trace
            .iter()
            .any(|entry| entry.verdict == Verdict::Selected),
        Err(refusal) => matches!(refusal.reason, RefusalReason::Unavailable { .. }),
    }
}

/// RES-2: the candidates that are ready, invalid and past their cool-down.
fn probeable(roster: &Roster, now: u64) -> Vec<BackendId> {
    candidates(roster)
        .into_iter()
        .filter_map(|candidate| candidate.backend)
        .filter(|backend| backend.mode == Mode::Ready && !backend.is_valid())
        .filter(|backend| backend.health.cooled_down_at(now) <= now)
        .map(|backend| backend.id.clone())
        .collect()
}

/// RES-1: the candidates that need a fresh look.
fn stale(roster: &Roster, now: u64) -> Vec<BackendId> {
    candidates(roster)
        .into_iter()
        .filter_map(|candidate| candidate.backend)
        .filter(|backend| !backend.is_inline() && backend.mode != Mode::Maintenance)
        .filter(|backend| {
            let doubtful = !backend.is_valid() || backend.health.excuse.is_some();
            match backend.health.checked_at(now) {
                None => true,
                Some(at) if now.saturating_sub(at) > roster.policy.stale_after => true,
                Some(_) => doubtful && backend.health.cooled_down_at(now) <= now,
            }
        })
        .map(|backend| backend.id.clone())
        .collect()
}
