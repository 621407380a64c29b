//! The use cases of the host: the policy in its component, over a store, sealed credentials and
//! probes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use backstop::{
//!     ControlPlane, NewBackend, Policy, probe::Credentials, secret::KeySource, store::MemoryStore,
//! };
//! use backstop_core::{Context, Create, Kind, Request};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let directory = std::env::temp_dir().to_str().unwrap().to_owned();
//! let keys = KeySource::File { path: "backstop.key".into(), create_directory: false };
//! let plane = ControlPlane::new(Policy::embedded()?, Arc::new(MemoryStore::default()), keys);
//! let context = Context::new("acme", "operator", backstop::now());
//! plane.create_organization(&context).await?;
//!
//! let id = backstop::new_id();
//! let create = Create { default: true, ..Create::new(&id, "disk", Kind::External, "LOCAL", &directory) };
//! plane.create(NewBackend { create, credentials: Credentials::None }, &context).await?;
//!
//! let resolution = plane.resolve(&Request::default(), &context).await?;
//! assert_eq!(resolution.answer.unwrap().backend.name.as_str(), "disk");
//! # Ok::<_, backstop::Error>(())
//! # }).unwrap();
//! ```

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use backstop_core::{
    Backend, BackendId, Change, ChangeSet, Code, Command, CommitError, Context, ControlError,
    Create, Failure, FailureClass, Kind, Mode, Outcome, Plan, Policy as Settings, Probe, Request,
    Resolution, Roster, Storage, StorageError, Update, Validation, Validator,
};
use tokio::sync::OnceCell;

use crate::{
    Error, Policy,
    policy::{Breach, PolicyError},
    probe::{self, Credentials, Limits, Provider, Report, Target, blame},
    secret::{AgeSealer, KeySource, Sealer, SecretContext, SecretError},
    store::{SealedSecret, Store, StoreError},
};

/// A control plane's storage backends: registers and changes them, resolves writes and routes reads.
///
/// Every decision is made by the policy in its component. Credentials never enter it: they go from
/// the sealed store to the probe.
pub struct ControlPlane {
    policy: Policy,
    store: Arc<dyn Store>,
    keys: KeySource,
    sealer: OnceCell<AgeSealer>,
    limits: Limits,
    /// How long the last-chance probes of one resolution may take together (RES-2).
    patience: Duration,
    flights: Flights,
    cancelled: AtomicBool,
}

/// A backend to register, with the credentials to seal.
pub struct NewBackend {
    /// What the policy is told.
    pub create: Create,
    /// What it is not told.
    pub credentials: Credentials,
}

/// A change of a backend, with new credentials if there are any.
pub struct BackendChange {
    /// What the policy is told.
    pub update: Update,
    /// What it is not told. With some, the update is a rotation; without, it is none.
    pub credentials: Option<Credentials>,
}

/// What came of registering or changing a backend.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What was committed, and the roster afterwards.
    pub plan: Plan,
    /// What a person should know although the probe passed.
    pub note: Option<String>,
}

/// What came of checking a backend.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The backend as it is afterwards.
    pub backend: Backend,
    /// How the probe ended; none if the backend is inline or in maintenance, and was not probed.
    pub probe: Option<Probe>,
    /// What a person should know although the probe passed.
    pub note: Option<String>,
}

impl ControlPlane {
    /// Returns a control plane over a store and the key of its credentials, with the usual limits.
    /// The key is not looked for before there are credentials to seal or to open.
    pub fn new(policy: Policy, store: Arc<dyn Store>, keys: KeySource) -> Self {
        Self {
            policy,
            store,
            keys,
            sealer: OnceCell::new(),
            limits: Limits::default(),
            patience: patience(&Limits::default()),
            flights: Flights::default(),
            cancelled: AtomicBool::new(false),
        }
    }

    /// Probes within these limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self {
            limits,
            patience: patience(&limits),
            ..self
        }
    }

    /// Returns the store.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Lets every probe that is under way count as interrupted, so that what waits for one commits
    /// nothing; what the probe wrote is still removed.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Creates the context's organization, with its inline backend as the default (CMD-11).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `organization-taken`, or a failure.
    pub async fn create_organization(&self, context: &Context) -> Result<Plan, Error> {
        let session = self.session(Scope::Change, None, context);
        let answer = self
            .policy
            .create_organization(&session, &NoProbes, &new_id().into(), context)
            .await;
        session.told(answer)
    }

    /// Registers a backend: cheap checks, then the live probe, then the commit, with the sealed
    /// credentials in the same transaction (USE-1).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with every code that applies, or a failure. Nothing is stored then.
    pub async fn create(&self, new: NewBackend, context: &Context) -> Result<Changed, Error> {
        let NewBackend {
            create,
            credentials,
        } = new;
        let provider = provider_of(&create)?;
        // Nothing is sealed, and no key is made, for what is refused anyway.
        let roster = self.store.load(&context.organization).await?;
        self.dry_run(&roster, &Command::Create(create.clone()), context)?;
        if !matches!(credentials, Credentials::None) {
            self.try_key(&roster, context).await?;
        }
        let sealed = self.seal(&create.id, 1, &credentials, context).await?;
        let staged = Staged {
            backend: create.id.clone(),
            generation: 1,
            target: Target {
                provider,
                location: create.location.clone(),
                credentials,
            },
        };
        let session = self.session(Scope::Create(&create), sealed, context);
        let prober = self.prober(Some(staged));
        let answer = self
            .policy
            .create(&session, &prober, &create, context)
            .await;
        let plan = session.told(answer)?;
        Ok(Changed {
            plan,
            note: prober.note(create.kind),
        })
    }

    /// Changes a backend; new credentials are probed before they replace the old ones (USE-1).
    ///
    /// # Errors
    ///
    /// As [`ControlPlane::create`].
    pub async fn update(&self, change: BackendChange, context: &Context) -> Result<Changed, Error> {
        let BackendChange {
            update,
            credentials,
        } = change;
        // Credentials and their rotation come together, whatever the caller set.
        let update = Update {
            rotate: credentials.is_some(),
            ..update
        };
        let roster = self.store.load(&context.organization).await?;
        self.dry_run(&roster, &Command::Update(update.clone()), context)?;
        let (mut sealed, mut staged) = (None, None);
        if let (Some(credentials), Some(backend)) = (credentials, roster.backend(&update.backend)) {
            // They are staged for the generation that they will have.
            let generation = backend.generation.saturating_add(1);
            sealed = self
                .seal(&backend.id, generation, &credentials, context)
                .await?;
            staged = Some(Staged {
                backend: backend.id.clone(),
                generation,
                target: Target {
                    provider: provider(&backend.provider)?,
                    location: backend.location.clone(),
                    credentials,
                },
            });
        }
        let scope = if update.rotate {
            Scope::Rotate(&update.backend)
        } else {
            Scope::Change
        };
        let session = self.session(scope, sealed, context);
        let prober = self.prober(staged);
        let answer = self
            .policy
            .update(&session, &prober, &update, context)
            .await;
        let plan = session.told(answer)?;
        let backend = plan.roster.backend(&update.backend);
        let note = backend.and_then(|backend| prober.note(backend.kind));
        Ok(Changed { plan, note })
    }

    /// Deletes a backend, softly: its credentials stay readable, for downloads (CMD-3, INV-8).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with every code that applies, or a failure.
    pub async fn delete(&self, backend: &BackendId, context: &Context) -> Result<Plan, Error> {
        let session = self.session(Scope::Change, None, context);
        let answer = self
            .policy
            .delete(&session, &NoProbes, backend, context)
            .await;
        session.told(answer)
    }

    /// Replaces the organization's policy (CMD-10).
    ///
    /// # Errors
    ///
    /// As [`ControlPlane::delete`].
    pub async fn set_policy(&self, settings: &Settings, context: &Context) -> Result<Plan, Error> {
        let session = self.session(Scope::Change, None, context);
        let answer = self
            .policy
            .set_policy(&session, &NoProbes, settings, context)
            .await;
        session.told(answer)
    }

    /// Returns the backend to write to, or the refusal with its reasons (RES).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `organization-not-found`, or a failure.
    pub async fn resolve(&self, request: &Request, context: &Context) -> Result<Resolution, Error> {
        let session = self.session(Scope::Change, None, context);
        let prober = Prober {
            until: Some(Instant::now() + self.patience),
            ..self.prober(None)
        };
        let answer = self
            .policy
            .resolve(&session, &prober, request, context)
            .await;
        session.told(answer)
    }

    /// Returns what a command would change and where this leads, or every code against it; changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or a failure of the component.
    pub fn dry_run(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Plan, Error> {
        let unknown = match command {
            Command::Create(create) => provider_of(create).is_err(),
            Command::Update(_) | Command::Delete { .. } | Command::SetPolicy(_) => false,
        };
        let planned = self.policy.planner().plan(roster, command, context)?;
        let mut codes = match planned {
            Ok(plan) if !unknown => return Ok(plan),
            Ok(_) => Vec::new(),
            Err(codes) => codes,
        };
        if unknown {
            codes.push(Code::ProviderUnknown);
            codes.sort_unstable();
        }
        Err(Error::Refused {
            codes,
            failure: None,
        })
    }

    /// Probes backends, all at once, and commits what was seen (USE-3). `done` is called after each
    /// probe.
    ///
    /// A failure that most endpoints of the round share is this host's own, and is recorded as
    /// `internal` (HOST-7).
    ///
    /// # Errors
    ///
    /// The first refusal or failure that one of them met; what was committed of the others stays.
    /// A backend that is not there any more is left out.
    pub async fn check(
        &self,
        backends: &[BackendId],
        context: &Context,
        done: impl Fn() + Sync,
    ) -> Result<Vec<Checked>, Error> {
        const AT_ONCE: usize = 16;
        let roster = self.store.load(&context.organization).await?;
        let prober = self.prober(None);
        let gate = tokio::sync::Semaphore::new(AT_ONCE);
        let probing = backends.iter().map(|id| {
            let (prober, gate, roster, done) = (&prober, &gate, &roster, &done);
            async move {
                let backend = roster.backend(id)?;
                let wanted = !backend.is_inline() && backend.mode != Mode::Maintenance;
                let seen = if wanted {
                    let _permit = gate.acquire().await;
                    Some(prober.look(context, backend).await)
                } else {
                    None
                };
                done();
                Some((backend, seen?))
            }
        });
        let seen: Vec<(&Backend, Seen)> = futures_util::future::join_all(probing)
            .await
            .into_iter()
            .flatten()
            .collect();
        let round: Vec<_> = seen
            .iter()
            .map(|(_, seen)| (seen.endpoint.clone(), seen.report.outcome.clone()))
            .collect();
        let recorded: HashMap<&BackendId, Recorded> = seen
            .iter()
            .zip(blame(&round))
            .map(|((backend, seen), outcome)| {
                let probe = Probe {
                    outcome,
                    finished_at: seen.finished_at,
                };
                (
                    &backend.id,
                    Recorded {
                        generation: backend.generation,
                        probe,
                        note: seen.report.note.clone(),
                    },
                )
            })
            .collect();

        // One time for the whole round: what was seen together must not be judged by clocks that
        // run backwards from one commit to the next.
        let context = Context {
            now: now(),
            ..context.clone()
        };
        let context = &context;
        let mut checked = Vec::new();
        let mut failed = None;
        for id in backends {
            let validator = Replay {
                recorded: recorded.get(id),
                prober: &prober,
            };
            let session = self.session(Scope::Change, None, context);
            let answer = self
                .policy
                .validate(&session, &validator, id, context)
                .await;
            let Validation { probe, plan, .. } = match session.told(answer) {
                Ok(validation) => validation,
                // Deleted in the meantime: there is nothing left to say about it.
                Err(Error::Refused { codes, .. }) if codes == [Code::BackendNotFound] => continue,
                // What was seen of the others still counts.
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            if let Some(backend) = plan.roster.backend(id) {
                let note = recorded.get(id).and_then(|recorded| recorded.note.clone());
                checked.push(Checked {
                    backend: backend.clone(),
                    probe,
                    // It may name the place, which of a managed backend only the platform knows.
                    note: note.filter(|_| backend.kind != Kind::Managed),
                });
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(checked)
    }

    /// Returns the credentials of a backend, or none if it has none.
    ///
    /// # Errors
    ///
    /// A failure of the store, or a key that is missing or does not fit.
    pub async fn credentials(
        &self,
        organization: &str,
        backend: &Backend,
    ) -> Result<Credentials, Error> {
        let Some(sealed) = self
            .store
            .secret(organization, &backend.id, backend.generation)
            .await?
        else {
            return Ok(Credentials::None);
        };
        let context = SecretContext::new(organization, backend.id.clone(), backend.generation);
        let plaintext = self.sealer().await?.open(&context, &sealed).await?;
        serde_json::from_slice(&plaintext).map_err(|_| {
            Error::Failed(
                "the sealed credentials are of a form that this version does not know".into(),
            )
        })
    }

    async fn seal(
        &self,
        backend: &BackendId,
        generation: u64,
        credentials: &Credentials,
        context: &Context,
    ) -> Result<Option<SealedSecret>, Error> {
        if let Credentials::None = credentials {
            return Ok(None);
        }
        let plaintext = zeroize::Zeroizing::new(
            serde_json::to_vec(credentials)
                .map_err(|_| Error::Failed("the credentials cannot be written".into()))?,
        );
        let secret = SecretContext::new(&context.organization, backend.clone(), generation);
        let sealed = self.sealer().await?.seal(&secret, &plaintext).await?;
        Ok(Some(SealedSecret {
            backend: backend.clone(),
            generation,
            sealed,
        }))
    }

    /// Refuses to seal for a new backend with a key that opens nothing of what is sealed already:
    /// soon no key would open all of it. A rotation may, as it is the way out of a lost key.
    async fn try_key(&self, roster: &Roster, context: &Context) -> Result<(), Error> {
        for backend in &roster.backends {
            match self.credentials(&context.organization, backend).await {
                Ok(Credentials::None) => {}
                Err(error @ Error::Secret(SecretError::KeyMismatch { .. })) => return Err(error),
                // The key fits, or these credentials say nothing about it.
                Ok(_) | Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    async fn sealer(&self) -> Result<&AgeSealer, Error> {
        Ok(self
            .sealer
            .get_or_try_init(|| self.keys.unlock(self.store()))
            .await?)
    }

    fn session<'p>(
        &'p self,
        scope: Scope<'p>,
        staged: Option<SealedSecret>,
        context: &'p Context,
    ) -> Session<'p> {
        Session {
            plane: self,
            scope,
            staged,
            actor: &context.actor,
            generations: Mutex::default(),
            failure: Mutex::default(),
        }
    }

    fn prober(&self, staged: Option<Staged>) -> Prober<'_> {
        Prober {
            plane: self,
            staged,
            until: None,
            note: Mutex::default(),
        }
    }
}

/// Returns how long the probes of one resolution may take together: three that hang, and the time
/// between them.
fn patience(limits: &Limits) -> Duration {
    limits.deadline * 3 + limits.deadline / 2
}

/// Returns the time, in milliseconds since the Unix epoch.
pub fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns an id that was never used before: a UUID of version 7, so that ids sort by age.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Returns the provider of a backend to register. Access points are for managed backends only.
fn provider_of(create: &Create) -> Result<Provider, Error> {
    let provider = provider(&create.provider)?;
    if provider == Provider::AwsS3AccessPoint && create.kind != Kind::Managed {
        return Err(Error::refused(Code::ProviderUnknown));
    }
    Ok(provider)
}

/// Returns the provider of that code.
fn provider(code: &str) -> Result<Provider, Error> {
    Provider::from_code(code).ok_or_else(|| Error::refused(Code::ProviderUnknown))
}

/// What a use case may do to credentials and to the place that they are sent to. A component decides
/// who serves; it must not be able to lose credentials, or to have them sent elsewhere.
#[derive(Clone, Copy)]
enum Scope<'p> {
    /// Neither.
    Change,
    /// Registers this backend, as it was asked for.
    Create(&'p Create),
    /// Replaces the credentials of this backend.
    Rotate(&'p BackendId),
}

/// The store as the policy sees it, with the credentials that the next commit stores.
struct Session<'p> {
    plane: &'p ControlPlane,
    scope: Scope<'p>,
    staged: Option<SealedSecret>,
    actor: &'p str,
    /// The credentials' numbers in the roster that was loaded last.
    generations: Mutex<HashMap<BackendId, u64>>,
    /// What the policy is told is a message; whoever asked the policy gets the error itself.
    failure: Mutex<Option<Error>>,
}

impl Session<'_> {
    fn keep(&self, error: Error) -> String {
        let message = error.to_string();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        message
    }

    /// Returns the answer of the policy, with the error itself where one was the reason.
    fn told<T>(self, answer: Result<Result<T, ControlError>, PolicyError>) -> Result<T, Error> {
        let failure = self
            .failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match (answer?, failure) {
            (Err(ControlError::Failed(_)), Some(error)) => Err(error),
            (answer, _) => Ok(answer?),
        }
    }

    /// Looks at what no roster shows: where credentials would go, and who is said to have asked.
    fn vet(&self, change_set: &ChangeSet) -> Result<(), Breach> {
        let known = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for change in &change_set.changes {
            match (change, self.scope) {
                (Change::CreateBackend(backend), Scope::Create(asked)) => {
                    let same = backend.id == asked.id
                        && backend.kind == asked.kind
                        && backend.provider == asked.provider
                        && backend.location == asked.location
                        && backend.generation == 1;
                    if !same {
                        return Err(fixed(&backend.id, "place"));
                    }
                }
                // The inline backend of a new organization has neither place nor credentials.
                (Change::CreateBackend(backend), _) if !backend.is_inline() => {
                    return Err(fixed(&backend.id, "existence"));
                }
                (Change::UpdateBackend(backend), scope) => {
                    let known = known.get(&backend.id).copied();
                    let rotated = known != Some(backend.generation);
                    let may = matches!(scope, Scope::Rotate(id) if *id == backend.id);
                    if rotated && !may {
                        return Err(fixed(&backend.id, "credentials"));
                    }
                }
                _ => {}
            }
        }
        if change_set
            .events
            .iter()
            .any(|event| event.actor != self.actor)
        {
            return Err(Breach::Event);
        }
        Ok(())
    }
}

fn fixed(backend: &BackendId, what: &'static str) -> Breach {
    let backend = backend.clone();
    Breach::Fixed { backend, what }
}

impl Storage for Session<'_> {
    async fn load(&self, organization: &str) -> Result<Roster, StorageError> {
        let loaded = self.plane.store.load(organization).await;
        let roster = loaded.map_err(|error| match error {
            StoreError::OrganizationNotFound { .. } => StorageError::OrganizationNotFound,
            error => StorageError::Failed(self.keep(Error::Store(error))),
        })?;
        let generations = roster.backends.iter();
        *self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = generations
            .map(|backend| (backend.id.clone(), backend.generation))
            .collect();
        Ok(roster)
    }

    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let failed = |error| CommitError::Failed(self.keep(error));
        if self.plane.cancelled.load(Ordering::Relaxed) {
            return Err(failed(Error::Failed("interrupted".into())));
        }
        self.vet(change_set)
            .map_err(|breach| failed(PolicyError::from(breach).into()))?;
        let committed =
            self.plane
                .store
                .commit(organization, expected, change_set, self.staged.as_ref());
        committed.await.map_err(|error| match error {
            StoreError::Conflict => CommitError::Conflict,
            StoreError::IdTaken { .. } => CommitError::IdTaken,
            error => failed(Error::Store(error)),
        })
    }
}

/// New credentials, and what they are for, before anything is stored.
struct Staged {
    backend: BackendId,
    generation: u64,
    target: Target,
}

/// Probes with the credentials of the store, or with those that are staged.
struct Prober<'p> {
    plane: &'p ControlPlane,
    staged: Option<Staged>,
    /// When the probes of a resolution must have ended (RES-2).
    until: Option<Instant>,
    /// What the last probe that passed wants to be known.
    note: Mutex<Option<String>>,
}

/// A probe, and what it asked.
#[derive(Clone)]
struct Seen {
    report: Report,
    finished_at: u64,
    endpoint: Option<String>,
}

impl Prober<'_> {
    /// Returns what should be known of a backend of that kind: a note may name the place, which of a
    /// managed backend only the platform knows.
    fn note(self, kind: Kind) -> Option<String> {
        let note = self.note.into_inner();
        note.unwrap_or_else(PoisonError::into_inner)
            .filter(|_| kind != Kind::Managed)
    }

    /// Probes a backend that is stored. Those who ask for the same at the same time share one probe
    /// (RES-2).
    async fn look(&self, context: &Context, backend: &Backend) -> Seen {
        let key = (
            context.organization.clone(),
            backend.id.clone(),
            backend.generation,
        );
        let flight = self.plane.flights.board(key.clone());
        let looking = flight.get_or_init(|| async {
            match self.target(&context.organization, backend).await {
                Ok(target) => self.ask(&target).await,
                Err(failure) => Seen::failed(failure),
            }
        });
        // Whoever waits for somebody else's probe has a deadline of their own.
        let seen = match self.until {
            Some(until) => tokio::time::timeout_at(until.into(), looking).await.ok(),
            None => Some(looking.await),
        };
        let mut seen = seen.cloned().unwrap_or_else(Seen::too_late);
        // It was allowed when the backend was registered, so this host's settings are at fault.
        if let Outcome::Failed(failure) = &mut seen.report.outcome
            && seen.report.forbidden
        {
            failure.class = FailureClass::Internal;
        }
        self.plane.flights.land(&key, &flight);
        seen
    }

    async fn target(&self, organization: &str, backend: &Backend) -> Result<Target, Failure> {
        let provider = Provider::from_code(&backend.provider).ok_or_else(|| {
            Failure::new(
                FailureClass::Internal,
                format!("this host has no validator for `{}`", backend.provider),
            )
        })?;
        let credentials = self
            .plane
            .credentials(organization, backend)
            .await
            .map_err(|error| match error {
                Error::Store(error) => Failure::new(FailureClass::Internal, error.to_string()),
                error => Failure::new(FailureClass::Secrets, error.to_string()),
            })?;
        Ok(Target {
            provider,
            location: backend.location.clone(),
            credentials,
        })
    }

    async fn ask(&self, target: &Target) -> Seen {
        let limits = self.plane.limits;
        // A probe that has less than its own deadline could blame the backend for our hurry.
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        if self
            .until
            .is_some_and(|until| left(until) < limits.deadline)
        {
            return Seen::too_late();
        }
        let report = probe::probe(target, &limits).await;
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = report.note.clone();
        if self.plane.cancelled.load(Ordering::Relaxed) {
            return Seen::failed(Failure::new(FailureClass::Internal, "interrupted"));
        }
        Seen {
            report,
            finished_at: now(),
            endpoint: target.endpoint(),
        }
    }
}

impl Seen {
    fn too_late() -> Self {
        let why = "the probes before it used up the time that one resolution has for them";
        Self::failed(Failure::new(FailureClass::Internal, why))
    }

    fn failed(failure: Failure) -> Self {
        Self {
            report: Report {
                outcome: Outcome::Failed(failure),
                note: None,
                forbidden: false,
            },
            finished_at: now(),
            endpoint: None,
        }
    }

    fn probe(self) -> Probe {
        Probe {
            outcome: self.report.outcome,
            finished_at: self.finished_at,
        }
    }
}

impl Validator for Prober<'_> {
    async fn validate(&self, organization: &str, backend: &BackendId, generation: u64) -> Probe {
        if let Some(staged) = &self.staged
            && staged.backend == *backend
            && staged.generation == generation
        {
            return self.ask(&staged.target).await.probe();
        }
        let context = Context::new(organization, "", now());
        let found = match self.plane.store.load(organization).await {
            Ok(roster) => roster
                .backend(backend)
                .filter(|backend| backend.generation == generation)
                .cloned(),
            Err(error) => {
                return Seen::failed(Failure::new(FailureClass::Internal, error.to_string()))
                    .probe();
            }
        };
        match found {
            Some(backend) => self.look(&context, &backend).await.probe(),
            None => {
                let why = "the backend or its credentials were replaced in the meantime, try again";
                Seen::failed(Failure::new(FailureClass::Internal, why)).probe()
            }
        }
    }
}

/// A probe that was made before, for the use case that submits it.
struct Recorded {
    generation: u64,
    probe: Probe,
    note: Option<String>,
}

struct Replay<'r> {
    recorded: Option<&'r Recorded>,
    prober: &'r Prober<'r>,
}

impl Validator for Replay<'_> {
    async fn validate(&self, organization: &str, backend: &BackendId, generation: u64) -> Probe {
        match self.recorded {
            Some(recorded) if recorded.generation == generation => recorded.probe.clone(),
            // Rotated since: what was seen says nothing about the new credentials.
            _ => {
                self.prober
                    .validate(organization, backend, generation)
                    .await
            }
        }
    }
}

/// For use cases that probe nothing.
struct NoProbes;

impl Validator for NoProbes {
    async fn validate(&self, _organization: &str, _backend: &BackendId, _generation: u64) -> Probe {
        Seen::failed(Failure::new(
            FailureClass::Internal,
            "this use case probes nothing",
        ))
        .probe()
    }
}

type FlightKey = (String, BackendId, u64);

/// The probes that are under way.
#[derive(Default)]
struct Flights(Mutex<HashMap<FlightKey, Arc<OnceCell<Seen>>>>);

impl Flights {
    fn board(&self, key: FlightKey) -> Arc<OnceCell<Seen>> {
        Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(key)
                .or_default(),
        )
    }

    /// Whoever asks after this starts a new probe.
    fn land(&self, key: &FlightKey, flight: &Arc<OnceCell<Seen>>) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if flights
            .get(key)
            .is_some_and(|current| Arc::ptr_eq(current, flight))
        {
            flights.remove(key);
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OrganizationNotFound { .. } => Self::refused(Code::OrganizationNotFound),
            StoreError::Conflict => Self::refused(Code::Conflict),
            error => Self::Store(error),
        }
    }
}
