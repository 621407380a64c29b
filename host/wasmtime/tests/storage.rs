//! One suite, written against the trait, for every storage; and what only a database can get wrong.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    pin::pin,
    process::{Command as Process, Stdio},
    sync::Arc,
    task,
    time::{Duration, Instant},
};

use backstop::{
    record,
    store::{
        Address, DeletedBackend, EventRange, MemoryStore, SealedSecret, Session, SqliteOptions,
        SqliteStore, Store, StoreError,
    },
};
use backstop_core::{
    Backend, BackendId, Change, ChangeSet, Code, Command, Context, Create, Event, EventKind,
    Failure, FailureClass, Health, Kind, LastResort, Mode, Observation, Outcome, Plan, Policy,
    Probe, Roster, Status, Update, Validator, control, create_organization, observe, plan,
};
use sqlx::{Connection, Row, SqliteConnection};
use tempfile::TempDir;

/// Makes a test of each function of the suite for each storage.
macro_rules! suite {
    ($($test:ident,)+) => {
        mod memory {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(Arc::new(MemoryStore::default())).await;
            })+
        }

        mod sqlite {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let home = TempDir::new().unwrap();
                super::$test(Arc::new(opened(&home.path().join("a.db")).await)).await;
            })+
        }
    };
}

suite! {
    a_commit_leads_to_the_planned_roster,
    a_conflict_changes_nothing,
    a_malformed_change_set_is_refused,
    an_empty_change_set_writes_nothing,
    an_organization_can_be_deleted,
    credentials_follow_their_backend,
    deleted_backends_are_kept,
    every_field_comes_back_as_it_was_given,
    events_can_be_paged,
    ids_stay_taken_and_names_do_not,
    one_of_many_wins,
    organizations_are_listed,
    the_store_forbids_what_the_rules_forbid,
    what_is_not_there_is_not_found,
    writers_who_retry_all_get_through,
}

async fn opened(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &SqliteOptions::default())
        .await
        .unwrap()
}

const ORGANIZATION: &str = "acme";

/// An organization in a store, and the roster that it should have.
struct Scene {
    store: Arc<dyn Store>,
    roster: Roster,
    events: Vec<Event>,
    now: u64,
}

impl Scene {
    async fn found(store: Arc<dyn Store>) -> Self {
        let mut scene = Self {
            store,
            roster: Roster::empty(),
            events: Vec::new(),
            now: 1_000,
        };
        let plan = create_organization("inline".into(), &scene.context()).unwrap();
        scene.commit(plan, None).await;
        scene
    }

    /// The organization with a managed backend, two external ones of which one is the fallback, and
    /// a deleted one.
    async fn furnished(store: Arc<dyn Store>) -> Self {
        let mut scene = Self::found(store).await;
        scene.create(external("a")).await;
        scene
            .create(Create {
                fallback: true,
                ..external("b")
            })
            .await;
        scene.create(external("gone")).await;
        scene
            .run(Command::Delete {
                backend: "gone".into(),
            })
            .await;
        let managed = Backend::new("managed", "managed", Kind::Managed, "AWS-S3", "somewhere");
        let change_set = scene.change_set(vec![Change::CreateBackend(managed.clone())]);
        let mut roster = scene.roster.clone();
        roster.revision += 1;
        roster.backends.push(managed);
        scene.commit(Plan { change_set, roster }, None).await;
        scene
    }

    fn context(&self) -> Context {
        Context::new(ORGANIZATION, "tester", self.now)
    }

    /// A change-set on top of the roster, as no plan would make it.
    fn change_set(&self, changes: Vec<Change>) -> ChangeSet {
        ChangeSet {
            revision: self.roster.revision + 1,
            changes,
            events: Vec::new(),
        }
    }

    async fn create(&mut self, create: Create) {
        self.run(Command::Create(create)).await;
    }

    async fn run(&mut self, command: Command) {
        self.now += 1;
        let plan = plan(&self.roster, &command, &self.context()).unwrap();
        self.commit(plan, None).await;
    }

    async fn run_sealed(&mut self, command: Command, secret: SealedSecret) {
        self.now += 1;
        let plan = plan(&self.roster, &command, &self.context()).unwrap();
        self.commit(plan, Some(secret)).await;
    }

    async fn commit(&mut self, plan: Plan, secret: Option<SealedSecret>) {
        let expected = self.roster.revision;
        self.store
            .commit(ORGANIZATION, expected, &plan.change_set, secret.as_ref())
            .await
            .unwrap();
        self.events.extend(plan.change_set.events);
        self.roster = plan.roster;
        self.check().await;
    }

    /// The store holds exactly what it should.
    async fn check(&self) {
        assert_eq!(self.store.load(ORGANIZATION).await.unwrap(), self.roster);
        assert_eq!(log(&*self.store, EventRange::default()).await, self.events);
    }
}

fn external(id: &str) -> Create {
    Create::new(id, id, Kind::External, "OCI", "registry.example/r")
}

fn sealed(backend: &str, generation: u64, bytes: &str) -> SealedSecret {
    SealedSecret {
        backend: backend.into(),
        generation,
        sealed: bytes.into(),
    }
}

/// The events, whose sequences must be without a gap.
async fn log(store: &dyn Store, range: EventRange) -> Vec<Event> {
    let stored = store.events(ORGANIZATION, &range).await.unwrap();
    if range.since.is_none() {
        let first = range.after.unwrap_or(0) + 1;
        for (sequence, event) in (first..).zip(&stored) {
            assert_eq!(event.sequence, sequence);
        }
    }
    stored.into_iter().map(|stored| stored.event).collect()
}

/// The error without what differs between storages: the rule, or the name of the variant.
fn code(error: &StoreError) -> String {
    if let StoreError::Fenced { code } = error {
        return code.to_string();
    }
    let shown = format!("{error:?}");
    let end = shown.find([' ', '(']).unwrap_or(shown.len());
    shown[..end].to_owned()
}

async fn a_commit_leads_to_the_planned_roster(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store).await;
    let mut random = fastrand::Rng::with_seed(7);
    for step in 0..300 {
        scene.now += random.u64(0..20_000);
        let context = scene.context();
        let some_id = |random: &mut fastrand::Rng| -> BackendId {
            let index = random.usize(0..scene.roster.backends.len());
            scene.roster.backends[index].id.clone()
        };
        let planned = match random.u8(0..10) {
            0..3 => plan(
                &scene.roster,
                &Command::Create(Create {
                    name: format!("name-{}", random.u8(0..12)),
                    default: random.bool(),
                    fallback: random.bool(),
                    checked: random.bool(),
                    ..external(&format!("id-{step}"))
                }),
                &context,
            ),
            3..6 => plan(
                &scene.roster,
                &Command::Update(Update {
                    description: random.bool().then(|| format!("step {step}")),
                    default: random.choice([None, Some(true), Some(false)]).flatten(),
                    fallback: random.choice([None, Some(true), Some(false)]).flatten(),
                    mode: random.choice([Mode::Drain, Mode::Maintenance, Mode::Ready]),
                    rotate: random.bool(),
                    ..Update::new(some_id(&mut random))
                }),
                &context,
            ),
            6 => plan(
                &scene.roster,
                &Command::Delete {
                    backend: some_id(&mut random),
                },
                &context,
            ),
            7 => plan(
                &scene.roster,
                &Command::SetPolicy(Policy {
                    max_fallbacks: random.u32(0..5),
                    rise: random.u32(1..4),
                    hold_down: random.u64(0..60_000),
                    tail: random
                        .choice([
                            vec![],
                            vec![Kind::Inline],
                            vec![Kind::Managed, Kind::Inline],
                        ])
                        .unwrap(),
                    ..Policy::default()
                }),
                &context,
            ),
            _ => {
                let backend = some_id(&mut random);
                let class = random.choice(FailureClass::ALL).unwrap();
                let outcome = if random.bool() {
                    Outcome::Ok
                } else {
                    Outcome::Failed(Failure::new(class, format!("failure of step {step}")))
                };
                let observation = Observation {
                    generation: scene.roster.backend(&backend).unwrap().generation,
                    backend,
                    finished_at: scene.now,
                    outcome,
                };
                Ok(observe(&scene.roster, &observation, &context).plan)
            }
        };
        if let Ok(plan) = planned {
            scene.commit(plan, None).await;
        }
    }
    let deletions = |event: &&Event| matches!(event.kind, EventKind::BackendDeleted { .. });
    assert!(scene.roster.revision > 100, "most steps are accepted");
    assert_eq!(
        scene
            .store
            .deleted_backends(ORGANIZATION)
            .await
            .unwrap()
            .len(),
        scene.events.iter().filter(deletions).count(),
    );
}

async fn a_conflict_changes_nothing(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store).await;
    scene.create(external("a")).await;
    let current = scene.roster.revision;
    let founding = create_organization("inline-2".into(), &scene.context()).unwrap();
    for (expected, changes, why) in [
        (current - 1, vec![Change::SetRoute(None)], "an old revision"),
        (
            current + 1,
            vec![Change::SetRoute(None)],
            "a revision to come",
        ),
        (
            0,
            founding.change_set.changes,
            "an organization that exists",
        ),
    ] {
        let change_set = ChangeSet {
            revision: expected + 1,
            changes,
            events: Vec::new(),
        };
        let start = Instant::now();
        let outcome = scene
            .store
            .commit(ORGANIZATION, expected, &change_set, None)
            .await;
        assert_eq!(code(&outcome.unwrap_err()), "Conflict", "{why}");
        assert!(
            start.elapsed() >= Duration::from_millis(1),
            "no pause: {why}"
        );
        scene.check().await;
    }
    let ghost = ChangeSet {
        revision: 2,
        ..scene.change_set(vec![Change::SetRoute(None)])
    };
    let outcome = scene.store.commit("ghost", 1, &ghost, None).await;
    assert_eq!(code(&outcome.unwrap_err()), "Conflict");
}

async fn a_malformed_change_set_is_refused(store: Arc<dyn Store>) {
    let scene = Scene::furnished(store).await;
    let set = |changes| scene.change_set(changes);
    let backend = scene.roster.backend(&"a".into()).unwrap().clone();
    let update = Change::UpdateBackend(backend);
    let skip = ChangeSet {
        revision: scene.roster.revision + 2,
        ..set(vec![update.clone()])
    };
    let idle = ChangeSet {
        events: scene.events.clone(),
        ..set(vec![])
    };
    for (change_set, secret, why) in [
        (skip, None, "the revision skips one"),
        (idle, None, "there are events of nothing"),
        (set(vec![Change::CreateOrganization]), None, "it exists"),
        (
            set(vec![update.clone(), Change::CreateOrganization]),
            None,
            "it exists, later on",
        ),
        (
            set(vec![update.clone()]),
            Some(sealed("a", 2, "x")),
            "another generation",
        ),
        (
            set(vec![update]),
            Some(sealed("b", 1, "x")),
            "another backend",
        ),
        (
            set(vec![]),
            Some(sealed("a", 1, "x")),
            "credentials of nothing",
        ),
    ] {
        let outcome = scene
            .store
            .commit(
                ORGANIZATION,
                scene.roster.revision,
                &change_set,
                secret.as_ref(),
            )
            .await;
        assert_eq!(code(&outcome.unwrap_err()), "Malformed", "{why}");
        scene.check().await;
        assert!(!scene.store.has_secrets().await.unwrap(), "{why}");
    }
}

async fn an_empty_change_set_writes_nothing(store: Arc<dyn Store>) {
    let scene = Scene::found(store).await;
    let change_set = ChangeSet {
        revision: scene.roster.revision,
        ..ChangeSet::default()
    };
    let outcome = scene
        .store
        .commit(ORGANIZATION, scene.roster.revision, &change_set, None)
        .await;
    outcome.unwrap();
    scene.check().await;
}

async fn an_organization_can_be_deleted(store: Arc<dyn Store>) {
    let mut scene = Scene::furnished(store).await;
    let command = Command::Create(external("with-secret"));
    scene
        .run_sealed(command, sealed("with-secret", 1, "x"))
        .await;
    let store = scene.store.clone();
    let revision = scene.roster.revision;

    let outcome = store
        .delete_organization(ORGANIZATION, Some(revision - 1), scene.now)
        .await;
    assert_eq!(code(&outcome.unwrap_err()), "Conflict");
    scene.check().await;
    assert!(store.has_secrets().await.unwrap());

    store
        .delete_organization(ORGANIZATION, Some(revision), scene.now)
        .await
        .unwrap();
    assert!(!store.exists(ORGANIZATION).await.unwrap());
    assert!(
        !store.has_secrets().await.unwrap(),
        "credentials go with it"
    );
    assert_eq!(store.organizations().await.unwrap(), []);

    // The name is free, and what comes next starts from nothing. The ids are not.
    let context = scene.context();
    let taken = create_organization("inline".into(), &context).unwrap();
    let outcome = store.commit(ORGANIZATION, 0, &taken.change_set, None).await;
    assert_eq!(code(&outcome.unwrap_err()), "IdTaken");
    assert!(!store.exists(ORGANIZATION).await.unwrap());

    let again = create_organization("inline-2".into(), &context).unwrap();
    store
        .commit(ORGANIZATION, 0, &again.change_set, None)
        .await
        .unwrap();
    assert_eq!(store.load(ORGANIZATION).await.unwrap(), again.roster);
    assert_eq!(
        log(&*store, EventRange::default()).await,
        again.change_set.events
    );
    assert_eq!(store.deleted_backends(ORGANIZATION).await.unwrap(), []);
}

async fn credentials_follow_their_backend(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store.clone()).await;
    let secret = async |id: &str, generation| {
        let found = store.secret(ORGANIZATION, &id.into(), generation).await;
        found
            .unwrap()
            .map(|bytes| String::from_utf8(bytes).unwrap())
    };
    assert!(!store.has_secrets().await.unwrap());

    let create = Command::Create(external("a"));
    scene.run_sealed(create, sealed("a", 1, "first")).await;
    assert!(store.has_secrets().await.unwrap());
    assert_eq!(secret("a", 1).await.as_deref(), Some("first"));
    assert_eq!(secret("a", 2).await, None);
    assert_eq!(secret("ghost", 1).await, None);

    // A change of something else leaves them alone.
    let description = Some("changed".to_owned());
    let update = Update {
        description,
        ..Update::new("a")
    };
    scene.run(Command::Update(update)).await;
    assert_eq!(secret("a", 1).await.as_deref(), Some("first"));

    let rotate = Command::Update(Update {
        rotate: true,
        ..Update::new("a")
    });
    // A commit that fails leaves the old ones, and nothing of the new ones.
    let planned = plan(&scene.roster, &rotate, &scene.context()).unwrap();
    let mut broken = planned.change_set.clone();
    broken.changes.push(Change::DeleteBackend("ghost".into()));
    let second = sealed("a", 2, "second");
    let outcome = store
        .commit(ORGANIZATION, scene.roster.revision, &broken, Some(&second))
        .await;
    assert_eq!(code(&outcome.unwrap_err()), "backend-not-found");
    assert_eq!(secret("a", 1).await.as_deref(), Some("first"));
    assert_eq!(secret("a", 2).await, None);

    scene.run_sealed(rotate.clone(), second).await;
    assert_eq!(secret("a", 1).await, None, "the replaced ones are gone");
    assert_eq!(secret("a", 2).await.as_deref(), Some("second"));

    // Credentials of one generation are written once.
    let backend = scene.roster.backend(&"a".into()).unwrap().clone();
    let twice = scene.change_set(vec![Change::UpdateBackend(backend)]);
    let other = sealed("a", 2, "other");
    let outcome = store
        .commit(ORGANIZATION, scene.roster.revision, &twice, Some(&other))
        .await;
    assert_eq!(code(&outcome.unwrap_err()), "Malformed");

    // INV-8: those of a deleted backend stay, for downloads.
    let delete = Command::Delete {
        backend: "a".into(),
    };
    scene.run(delete).await;
    assert_eq!(secret("a", 2).await.as_deref(), Some("second"));

    // A rotation to no credentials at all leaves none.
    let create = Command::Create(external("b"));
    scene.run_sealed(create, sealed("b", 1, "first")).await;
    let rotate = Update {
        rotate: true,
        ..Update::new("b")
    };
    scene.run(Command::Update(rotate)).await;
    assert_eq!(secret("b", 1).await, None);
    assert_eq!(secret("b", 2).await, None);

    // Another organization does not see them.
    let other = create_organization("other-inline".into(), &Context::new("other", "x", 1));
    store
        .commit("other", 0, &other.unwrap().change_set, None)
        .await
        .unwrap();
    assert_eq!(store.secret("other", &"a".into(), 2).await.unwrap(), None);
    let shown = format!("{:?}", sealed("a", 1, "hidden"));
    assert!(!shown.contains("104"), "`h` of hidden is shown: {shown}");
}

async fn deleted_backends_are_kept(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store).await;
    let mut expected = Vec::new();
    for id in ["b", "a"] {
        scene.create(external(id)).await;
        let backend = scene.roster.backend(&id.into()).unwrap().clone();
        scene.run(Command::Delete { backend: id.into() }).await;
        expected.push(DeletedBackend {
            backend,
            deleted_at: scene.now,
        });
    }
    assert_eq!(
        scene.store.deleted_backends(ORGANIZATION).await.unwrap(),
        expected
    );
}

async fn every_field_comes_back_as_it_was_given(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store).await;
    let text = "nul \0, quote ', \u{e9} and e\u{301}, \u{1f980}, tab\t, line\r\n, end ";
    let health = Health {
        status: Status::Invalid,
        since: Some(0),
        checked_at: Some(253_402_300_799_999),
        failures: u32::MAX,
        successes: u32::MAX,
        failure: Some(Failure::new(FailureClass::NotFound, text)),
        excuse: Some(FailureClass::Secrets),
    };
    let full = Backend {
        description: text.into(),
        location: format!("{text}/location"),
        provider: text.into(),
        max_blob_bytes: Backend::MAX_LIMIT,
        mode: Mode::Maintenance,
        generation: Backend::MAX_LIMIT,
        health,
        ..Backend::new("!~", "0-z", Kind::Managed, "", "")
    };
    let mut plain = Backend::new("plain", "plain", Kind::External, "p", "l");
    plain.max_blob_bytes = Backend::MIN_LIMIT;
    plain.description = "\u{1f980}".repeat(1_024);
    plain.health.failure = Some(Failure::new(FailureClass::Auth, ""));
    let policy = Policy {
        max_fallbacks: 16,
        fall: 100,
        rise: 2,
        hold_down: 31_536_000_000,
        stale_after: 0,
        check_every: 1_000,
        check_others_every: 31_536_000_000,
        tail: vec![Kind::Managed, Kind::Inline],
        last_resort: LastResort::LeastBad,
    };

    let mut roster = scene.roster.clone();
    roster.revision += 1;
    roster.backends.extend([full.clone(), plain.clone()]);
    roster.default = None;
    roster.fallbacks = vec![plain.id.clone(), "inline".into(), full.id.clone()];
    roster.policy = policy.clone();
    roster.route = Some("nobody".into());
    let event = Event {
        organization: ORGANIZATION.into(),
        revision: roster.revision,
        at: 5,
        actor: text.into(),
        kind: EventKind::PolicyChanged {
            from: Policy::default(),
            to: policy.clone(),
        },
    };
    let change_set = ChangeSet {
        revision: roster.revision,
        changes: vec![
            Change::CreateBackend(full),
            Change::CreateBackend(plain),
            Change::SetPolicy(policy),
            Change::SetRoles {
                default: None,
                fallbacks: roster.fallbacks.clone(),
            },
            Change::SetRoute(roster.route.clone()),
        ],
        events: vec![event],
    };
    scene.commit(Plan { change_set, roster }, None).await;

    // Every mode, status and class, and every optional field absent again.
    for class in FailureClass::ALL {
        let mut roster = scene.roster.clone();
        roster.revision += 1;
        let backend = roster
            .backends
            .iter_mut()
            .find(|backend| backend.id == "!~".into())
            .unwrap();
        backend.mode = Mode::Drain;
        backend.health = Health {
            failure: Some(Failure::new(class, class.code())),
            excuse: Some(class),
            ..Health::default()
        };
        let changes = vec![Change::UpdateBackend(backend.clone())];
        let change_set = scene.change_set(changes);
        scene.commit(Plan { change_set, roster }, None).await;
    }
    let mut roster = scene.roster.clone();
    roster.revision += 1;
    roster.route = None;
    roster.fallbacks = Vec::new();
    for backend in &mut roster.backends {
        backend.health = Health::default();
    }
    let roles = Change::SetRoles {
        default: None,
        fallbacks: Vec::new(),
    };
    let updates = roster.backends.iter().cloned().map(Change::UpdateBackend);
    let changes = [roles, Change::SetRoute(None)];
    let change_set = scene.change_set(changes.into_iter().chain(updates).collect());
    scene.commit(Plan { change_set, roster }, None).await;
}

async fn events_can_be_paged(store: Arc<dyn Store>) {
    let mut scene = Scene::found(store).await;
    for id in ["a", "b", "c"] {
        scene.now += 100;
        scene.create(external(id)).await;
    }
    let all = scene.events.clone();
    let time = all[4].at;
    assert_eq!(all.len(), 7);
    let range = |after, since, limit| EventRange {
        after,
        since,
        limit,
    };
    for (range, expected) in [
        (range(None, None, None), &all[..]),
        (range(Some(0), None, None), &all[..]),
        (range(None, None, Some(3)), &all[..3]),
        (range(Some(3), None, Some(2)), &all[3..5]),
        (range(Some(5), None, None), &all[5..]),
        (range(Some(7), None, None), &[]),
        (range(Some(u64::MAX), None, Some(u64::MAX)), &[]),
        (range(None, Some(time), None), &all[4..]),
        (range(None, Some(time + 1), None), &all[5..]),
        (range(Some(5), Some(time), Some(1)), &all[5..6]),
        (range(None, Some(u64::MAX), None), &[]),
        (range(None, None, Some(0)), &[]),
    ] {
        // An unchecked look at the sequences: they count from after the first that is left out.
        let stored = scene.store.events(ORGANIZATION, &range).await.unwrap();
        let found: Vec<Event> = stored.iter().map(|stored| stored.event.clone()).collect();
        assert_eq!(found, expected, "{range:?}");
        for stored in stored {
            let index = usize::try_from(stored.sequence).unwrap() - 1;
            assert_eq!(stored.event, all[index], "{range:?}");
        }
    }
}

async fn ids_stay_taken_and_names_do_not(store: Arc<dyn Store>) {
    let mut scene = Scene::furnished(store).await;
    let other = create_organization("elsewhere".into(), &Context::new("other", "x", 1));
    scene
        .store
        .commit("other", 0, &other.unwrap().change_set, None)
        .await
        .unwrap();
    for id in ["a", "gone", "elsewhere"] {
        let backend = Backend::new(id, "fresh-name", Kind::External, "OCI", "somewhere");
        let change_set = scene.change_set(vec![Change::CreateBackend(backend)]);
        let outcome = scene
            .store
            .commit(ORGANIZATION, scene.roster.revision, &change_set, None)
            .await;
        match outcome {
            Err(StoreError::IdTaken { id: taken }) => assert_eq!(taken, id),
            other => panic!("id `{id}`: {other:?}"),
        }
        scene.check().await;
    }
    // The name of the deleted backend is free, and so is one of another organization.
    for (id, name) in [("fresh-1", "gone"), ("fresh-2", "elsewhere")] {
        scene
            .create(Create {
                name: name.into(),
                ..external(id)
            })
            .await;
    }
}

async fn one_of_many_wins(store: Arc<dyn Store>) {
    let scene = Scene::found(store).await;
    let mut roster = scene.roster.clone();
    for round in 0..10 {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (store, roster) = (scene.store.clone(), roster.clone());
                tokio::spawn(async move {
                    let id = format!("id-{round}-{task}");
                    let context = Context::new(ORGANIZATION, &id, 2_000);
                    let command = Command::Create(external(&id));
                    let plan = plan(&roster, &command, &context).unwrap();
                    let secret = sealed(&id, 1, &id);
                    let outcome = store
                        .commit(
                            ORGANIZATION,
                            roster.revision,
                            &plan.change_set,
                            Some(&secret),
                        )
                        .await;
                    (outcome, id, plan)
                })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            let (outcome, id, plan) = task.await.unwrap();
            let secret = scene
                .store
                .secret(ORGANIZATION, &id.as_str().into(), 1)
                .await;
            match outcome {
                Ok(()) => {
                    assert_eq!(secret.unwrap().as_deref(), Some(id.as_bytes()));
                    winners.push(plan);
                }
                Err(error) => {
                    assert_eq!(code(&error), "Conflict");
                    assert_eq!(secret.unwrap(), None, "a loser leaves nothing behind");
                }
            }
        }
        assert_eq!(winners.len(), 1, "one commit per revision");
        roster = scene.store.load(ORGANIZATION).await.unwrap();
        assert_eq!(roster, winners[0].roster);
    }
}

async fn organizations_are_listed(store: Arc<dyn Store>) {
    assert_eq!(store.organizations().await.unwrap(), []);
    let scene = Scene::furnished(store.clone()).await;
    for (name, at) in [("Zebra", 7), ("\u{e9}t\u{e9}", 8), ("beta", 9)] {
        let context = Context::new(name, "tester", at);
        let plan = create_organization(format!("inline-{at}").as_str().into(), &context).unwrap();
        store.commit(name, 0, &plan.change_set, None).await.unwrap();
    }
    let listed = store.organizations().await.unwrap();
    let listed: Vec<_> = listed
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                one.created_at,
                one.revision,
                one.backends,
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("Zebra", 7, 1, 1),
            ("acme", 1_000, scene.roster.revision, 4),
            ("beta", 9, 1, 1),
            ("\u{e9}t\u{e9}", 8, 1, 1),
        ]
    );
}

async fn the_store_forbids_what_the_rules_forbid(store: Arc<dyn Store>) {
    let scene = Scene::furnished(store).await;
    let other = create_organization("elsewhere".into(), &Context::new("other", "x", 1));
    scene
        .store
        .commit("other", 0, &other.unwrap().change_set, None)
        .await
        .unwrap();

    let new = |kind, edit: fn(&mut Backend)| {
        let mut backend = Backend::new("new", "new", kind, "OCI", "somewhere");
        edit(&mut backend);
        Change::CreateBackend(backend)
    };
    let changed = |id: &str, edit: fn(&mut Backend)| {
        let mut backend = scene.roster.backend(&id.into()).unwrap().clone();
        edit(&mut backend);
        Change::UpdateBackend(backend)
    };
    let roles = |default: Option<&str>, fallbacks: &[&str]| Change::SetRoles {
        default: default.map(BackendId::from),
        fallbacks: fallbacks.iter().map(|id| BackendId::from(*id)).collect(),
    };
    let policy = |edit: fn(&mut Policy)| {
        let mut policy = Policy::default();
        edit(&mut policy);
        Change::SetPolicy(policy)
    };
    let seventeen: Vec<String> = (0..17).map(|index| format!("chain-{index}")).collect();
    let mut long_chain: Vec<Change> = seventeen
        .iter()
        .map(|id| Change::CreateBackend(Backend::new(id, id, Kind::External, "p", "l")))
        .collect();
    let ids: Vec<&str> = seventeen.iter().map(String::as_str).collect();
    long_chain.push(policy(|policy| policy.max_fallbacks = 16));
    long_chain.push(roles(None, &ids));

    let cases = [
        // INV-1
        (vec![roles(Some("ghost"), &[])], Code::RoleUnknown),
        (vec![roles(Some("gone"), &[])], Code::RoleUnknown),
        (vec![roles(Some("elsewhere"), &[])], Code::RoleUnknown),
        (vec![roles(Some("a"), &["ghost"])], Code::RoleUnknown),
        (vec![roles(Some("a"), &["gone"])], Code::RoleUnknown),
        (vec![roles(None, &["elsewhere"])], Code::RoleUnknown),
        (
            vec![Change::DeleteBackend("inline".into())],
            Code::RoleUnknown,
        ),
        (vec![Change::DeleteBackend("b".into())], Code::RoleUnknown),
        (vec![roles(Some("a"), &["a"])], Code::RoleDuplicate),
        // INV-2, as far as a store can know.
        (long_chain, Code::ChainFull),
        // INV-3
        (
            vec![new(Kind::External, |new| new.name = "a".into())],
            Code::NameTaken,
        ),
        (vec![changed("a", |a| a.name = "b".into())], Code::NameTaken),
        (
            vec![new(Kind::External, |new| new.name = "A".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "a_b".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "\u{e9}".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "-a".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "a-".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "".into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.name = "a".repeat(64).into())],
            Code::NameInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.id = "".into())],
            Code::IdInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.id = "a b".into())],
            Code::IdInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.id = "\u{e9}".into())],
            Code::IdInvalid,
        ),
        (
            vec![new(Kind::External, |new| new.id = "a".repeat(65).into())],
            Code::IdInvalid,
        ),
        // INV-4
        (vec![new(Kind::Inline, |_| {})], Code::DuplicateKind),
        (vec![new(Kind::Managed, |_| {})], Code::DuplicateKind),
        // INV-5
        (
            vec![new(Kind::External, |new| new.max_blob_bytes = 10_485_759)],
            Code::LimitTooSmall,
        ),
        (
            vec![changed("a", |a| a.max_blob_bytes = 1 << 53)],
            Code::LimitTooLarge,
        ),
        (
            vec![changed("inline", |inline| inline.max_blob_bytes = 512_001)],
            Code::InlineLimitFixed,
        ),
        (
            vec![changed("a", |a| a.location = String::new())],
            Code::FieldEmpty,
        ),
        (
            vec![changed("a", |a| a.provider = String::new())],
            Code::FieldEmpty,
        ),
        (
            vec![changed("a", |a| a.provider = "p".repeat(65))],
            Code::FieldTooLong,
        ),
        (
            vec![changed("a", |a| a.location = "l".repeat(2_049))],
            Code::FieldTooLong,
        ),
        (
            vec![changed("a", |a| a.description = "d".repeat(1_025))],
            Code::FieldTooLong,
        ),
        (
            vec![policy(|policy| policy.max_fallbacks = 17)],
            Code::PolicyInvalid,
        ),
        (vec![policy(|policy| policy.fall = 0)], Code::PolicyInvalid),
        (
            vec![policy(|policy| policy.rise = 101)],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.hold_down = 31_536_000_001)],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.stale_after = 31_536_000_001)],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.check_every = 999)],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.check_others_every = 999)],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.tail = vec![Kind::External])],
            Code::PolicyInvalid,
        ),
        (
            vec![policy(|policy| policy.tail = vec![Kind::Inline; 2])],
            Code::PolicyInvalid,
        ),
        // INV-7: what is not on the roster cannot change.
        (
            vec![Change::DeleteBackend("ghost".into())],
            Code::BackendNotFound,
        ),
        (
            vec![Change::DeleteBackend("gone".into())],
            Code::BackendNotFound,
        ),
        (
            vec![Change::DeleteBackend("elsewhere".into())],
            Code::BackendNotFound,
        ),
        (
            vec![changed("a", |a| a.id = "ghost".into())],
            Code::BackendNotFound,
        ),
        (
            vec![changed("a", |a| a.id = "gone".into())],
            Code::BackendNotFound,
        ),
        (
            vec![changed("a", |a| a.id = "elsewhere".into())],
            Code::BackendNotFound,
        ),
    ];
    for (changes, expected) in cases {
        let what = format!("{:?}", changes.last());
        // Something harmless before it must not stay either.
        let harmless = Change::SetRoute(Some("somewhere".into()));
        let change_set = scene.change_set([vec![harmless], changes].concat());
        let outcome = scene
            .store
            .commit(ORGANIZATION, scene.roster.revision, &change_set, None)
            .await;
        assert_eq!(code(&outcome.unwrap_err()), expected.as_str(), "{what}");
        scene.check().await;
    }
}

async fn what_is_not_there_is_not_found(store: Arc<dyn Store>) {
    let id = BackendId::from("a");
    assert!(!store.exists("ghost").await.unwrap());
    for error in [
        store.load("ghost").await.unwrap_err(),
        store.secret("ghost", &id, 1).await.unwrap_err(),
        store.deleted_backends("ghost").await.unwrap_err(),
        store
            .events("ghost", &EventRange::default())
            .await
            .unwrap_err(),
        store
            .delete_organization("ghost", None, 1)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.to_string(), "organization `ghost` does not exist");
    }
}

/// Says that every backend works.
struct AlwaysOk;

impl Validator for AlwaysOk {
    async fn validate(&self, _: &str, _: &BackendId, _: u64) -> Probe {
        Probe {
            outcome: Outcome::Ok,
            finished_at: 2_000,
        }
    }
}

/// Registers a backend through the use case, with its retries.
async fn register(store: &dyn Store, id: &str) -> Result<(), control::ControlError> {
    let session = Session::with_secret(store, sealed(id, 1, id));
    let context = Context::new(ORGANIZATION, id, 2_000);
    let created = control::create(&session, &AlwaysOk, &external(id), &context).await;
    created.map(drop)
}

/// Registers backends one after the other, each as often as it takes, against whoever else writes.
async fn register_all(store: &dyn Store, ids: &[String]) {
    let exhausted = control::ControlError::from(vec![Code::Conflict]);
    for id in ids {
        while let Err(error) = register(store, id).await {
            assert_eq!(error, exhausted);
        }
    }
}

fn ids(writers: usize, each: usize) -> Vec<Vec<String>> {
    let id = |writer, step| format!("id-{writer}-{step}");
    (0..writers)
        .map(|writer| (0..each).map(|step| id(writer, step)).collect())
        .collect()
}

async fn writers_who_retry_all_get_through(store: Arc<dyn Store>) {
    let scene = Scene::found(store).await;
    let ids = ids(4, 10);
    let tasks: Vec<_> = ids
        .iter()
        .cloned()
        .map(|ids| {
            let store = scene.store.clone();
            tokio::spawn(async move { register_all(&*store, &ids).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_whole(&*scene.store, &ids.concat()).await;
}

/// What was answered for is there, once, with its credentials and its event, and nothing else is.
async fn assert_whole(store: &dyn Store, written: &[String]) {
    let roster = store.load(ORGANIZATION).await.unwrap();
    let names: BTreeSet<&str> = roster
        .backends
        .iter()
        .map(|backend| backend.id.as_str())
        .filter(|id| *id != "inline")
        .collect();
    assert_eq!(names, written.iter().map(String::as_str).collect());
    for id in &names {
        let secret = store.secret(ORGANIZATION, &(*id).into(), 1).await;
        assert_eq!(secret.unwrap().as_deref(), Some(id.as_bytes()));
    }
    let events = log(store, EventRange::default()).await;
    assert!(events.is_sorted_by_key(|event| event.revision));
    let created: Vec<&str> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::BackendCreated { backend, .. } => Some(backend.id.as_str()),
            EventKind::OrganizationCreated
            | EventKind::BackendUpdated { .. }
            | EventKind::BackendDeleted { .. }
            | EventKind::CredentialsRotated { .. }
            | EventKind::StatusChanged { .. }
            | EventKind::DefaultChanged { .. }
            | EventKind::DefaultVacated { .. }
            | EventKind::FallbacksChanged { .. }
            | EventKind::PolicyChanged { .. }
            | EventKind::RouteChanged { .. } => None,
        })
        .filter(|id| *id != "inline")
        .collect();
    assert_eq!(created.len(), names.len(), "every event is there once");
    assert_eq!(created.into_iter().collect::<BTreeSet<_>>(), names);
}

// What only a database in a file can get wrong.

async fn raw(path: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    SqliteConnection::connect_with(&options).await.unwrap()
}

#[tokio::test]
async fn the_database_itself_forbids_what_the_rules_forbid() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    let scene = Scene::furnished(Arc::new(opened(&path).await)).await;
    let mut connection = raw(&path).await;
    let copy = "INSERT INTO backend (id, organization, name, kind, provider, location, description,
            max_blob_bytes, mode, generation, status, failures, successes, created_at)
        SELECT 'new', 1, 'new', kind, provider, location, description, max_blob_bytes, mode,
            generation, status, failures, successes, created_at FROM backend WHERE id = ";
    for (statement, message) in [
        (
            "UPDATE organization SET default_backend = 'ghost'".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "UPDATE organization SET default_backend = 'gone'".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "UPDATE organization SET default_backend = 'b'".to_owned(),
            "role-duplicate",
        ),
        ("UPDATE organization SET live = 0".to_owned(), "CHECK"),
        ("UPDATE organization SET live = NULL".to_owned(), "NOT NULL"),
        (
            "INSERT INTO fallback VALUES (1, 2, 'ghost', 1)".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "INSERT INTO fallback VALUES (1, 2, 'gone', 1)".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "INSERT INTO fallback VALUES (1, 2, 'gone', NULL)".to_owned(),
            "NOT NULL",
        ),
        (
            "INSERT INTO fallback VALUES (1, 2, 'inline', 1)".to_owned(),
            "role-duplicate",
        ),
        (
            "INSERT INTO fallback VALUES (1, 2, 'b', 1)".to_owned(),
            "UNIQUE",
        ),
        (
            "INSERT INTO fallback VALUES (1, 1, 'a', 1)".to_owned(),
            "UNIQUE",
        ),
        (
            "INSERT INTO fallback VALUES (1, 17, 'a', 1)".to_owned(),
            "CHECK",
        ),
        (
            "UPDATE fallback SET backend = 'inline'".to_owned(),
            "role-duplicate",
        ),
        (
            "UPDATE fallback SET backend = 'gone'".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "UPDATE backend SET live = NULL, deleted_at = 1 WHERE id = 'inline'".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "UPDATE backend SET live = NULL, deleted_at = 1 WHERE id = 'b'".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "UPDATE backend SET deleted_at = 1 WHERE id = 'a'".to_owned(),
            "CHECK",
        ),
        (
            "UPDATE backend SET live = 1 WHERE id = 'gone'".to_owned(),
            "CHECK",
        ),
        (
            "UPDATE backend SET name = 'a' WHERE id = 'b'".to_owned(),
            "UNIQUE",
        ),
        (
            "UPDATE backend SET kind = 'inline', max_blob_bytes = 512000 WHERE id = 'a'".to_owned(),
            "UNIQUE",
        ),
        (
            "UPDATE backend SET kind = 'managed' WHERE id = 'a'".to_owned(),
            "UNIQUE",
        ),
        (
            "UPDATE backend SET kind = 'other' WHERE id = 'a'".to_owned(),
            "CHECK",
        ),
        (
            "UPDATE backend SET id = 'other' WHERE id = 'a'".to_owned(),
            "id-taken",
        ),
        (
            "DELETE FROM backend WHERE id = 'gone'".to_owned(),
            "id-taken",
        ),
        ("DELETE FROM organization".to_owned(), "FOREIGN KEY"),
        (
            "INSERT INTO secret VALUES ('ghost', 1, x'00')".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "INSERT INTO secret VALUES ('a', 2, x'00')".to_owned(),
            "FOREIGN KEY",
        ),
        (
            "INSERT INTO secret VALUES ('a', 1, 'text')".to_owned(),
            "cannot store TEXT",
        ),
        (
            "UPDATE organization SET revision = 'many'".to_owned(),
            "cannot store TEXT",
        ),
        (
            "INSERT INTO event VALUES (1, 99, 1, 1, 'no json')".to_owned(),
            "CHECK",
        ),
        (
            format!("{copy} 'inline'"),
            "UNIQUE constraint failed: backend.organization",
        ),
        (
            format!("{copy} 'managed'"),
            "UNIQUE constraint failed: backend.organization",
        ),
    ] {
        let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone()))
            .execute(&mut connection)
            .await;
        let error = outcome.expect_err(&statement).to_string();
        assert!(error.contains(message), "{statement}: {error}");
    }
    scene.check().await;
    // The other way round: the statements are well formed, and one that breaks no rule passes.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{copy} 'a'")))
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_do_not_lose_each_others_writes() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    Scene::found(Arc::new(opened(&path).await)).await;
    let ids = ids(3, 8);
    let tasks: Vec<_> = ids
        .iter()
        .cloned()
        .map(|ids| {
            let path = path.clone();
            tokio::spawn(async move {
                let store = opened(&path).await;
                register_all(&store, &ids).await;
                store.close().await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_whole(&opened(&path).await, &ids.concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_can_create_the_same_database() {
    let home = TempDir::new().unwrap();
    for round in 0..5 {
        let path = home.path().join(format!("{round}.db"));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { opened(&path).await.organizations().await.unwrap() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), []);
        }
    }
}

/// Starts this test again, as a process of its own that runs the other branch of it.
fn another_process(test: &str, variable: &str, value: &Path) -> Process {
    let mut process = Process::new(std::env::current_exe().unwrap());
    process
        .args(["--exact", test, "--nocapture"])
        .env(variable, value)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    process
}

#[tokio::test]
async fn processes_do_not_lose_each_others_writes() {
    const VARIABLE: &str = "BACKSTOP_TEST_WRITER";
    let ids = ids(3, 8);
    if let Some(path) = std::env::var_os(VARIABLE) {
        // The name in the directory of the database says which of the writers this is.
        let path = PathBuf::from(path);
        let writer: usize = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let store = opened(&path.with_file_name("a.db")).await;
        return register_all(&store, &ids[writer]).await;
    }
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    Scene::found(Arc::new(opened(&path).await)).await;
    let test = "processes_do_not_lose_each_others_writes";
    let writers: Vec<_> = (0..ids.len())
        .map(|writer| home.path().join(writer.to_string()))
        .map(|value| another_process(test, VARIABLE, &value).spawn().unwrap())
        .collect();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_whole(&opened(&path).await, &ids.concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_killed_leaves_a_whole_database() {
    const VARIABLE: &str = "BACKSTOP_TEST_KILLED_WRITER";
    if let Some(path) = std::env::var_os(VARIABLE) {
        return write_for_ever(&PathBuf::from(path)).await;
    }
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    let test = "a_writer_that_is_killed_leaves_a_whole_database";
    let mut revision = 0;
    for round in 0..6 {
        let mut writer = another_process(test, VARIABLE, &path).spawn().unwrap();
        // Killed as the database comes to be, and later on in the middle of its work.
        let start = Instant::now();
        let enough = if round == 0 { 0 } else { revision + 9 };
        while revision_of(&path).await < enough {
            assert!(start.elapsed() < Duration::from_secs(60), "it hangs");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        writer.kill().unwrap();
        writer.wait().unwrap();

        let before = revision;
        revision = revision_of(&path).await;
        assert!(revision >= before.max(enough), "a commit is lost");
        if revision > 0 {
            let events = log(&opened(&path).await, EventRange::default()).await;
            let last = events.last().map(|event| event.revision);
            assert_eq!(
                last,
                Some(revision),
                "a commit and its events belong together"
            );
        }
        let mut connection = raw(&path).await;
        for (statement, expected) in [
            ("PRAGMA integrity_check", "ok"),
            ("SELECT CAST(count(*) AS TEXT) FROM pragma_foreign_key_check", "0"),
            // The writer gives every backend credentials, but an inline one has none.
            (
                "SELECT CAST(count(*) AS TEXT) FROM backend b WHERE kind <> 'inline' AND NOT EXISTS
                     (SELECT 1 FROM secret s WHERE s.backend = b.id AND s.generation = b.generation)",
                "0",
            ),
            (
                "SELECT CAST(count(*) AS TEXT) FROM secret s WHERE NOT EXISTS
                     (SELECT 1 FROM backend b WHERE s.backend = b.id AND s.generation = b.generation)",
                "0",
            ),
        ] {
            let row = sqlx::query(statement).fetch_one(&mut connection).await;
            assert_eq!(row.unwrap().get::<String, _>(0), expected, "{statement}");
        }
    }
}

async fn revision_of(path: &Path) -> u64 {
    let store = opened(path).await;
    let loaded = store.load(ORGANIZATION).await;
    store.close().await;
    match loaded {
        Ok(roster) => roster.revision,
        Err(StoreError::OrganizationNotFound { .. }) => 0,
        Err(error) => panic!("{error}"),
    }
}

/// Creates, rotates and deletes until it is killed.
async fn write_for_ever(path: &Path) {
    let store = opened(path).await;
    let context = Context::new(ORGANIZATION, "writer", 1_000);
    let session = Session::new(&store);
    // Refused from the second round on.
    let _ = control::create_organization(&session, "inline".into(), &context).await;
    for step in 0_u64.. {
        let id = format!("id-{}-{step}", std::process::id());
        register(&store, &id).await.unwrap();
        let session = Session::with_secret(&store, sealed(&id, 2, "rotated"));
        let rotate = Update {
            rotate: true,
            ..Update::new(id.as_str())
        };
        control::update(&session, &AlwaysOk, &rotate, &context)
            .await
            .unwrap();
        control::delete(&session, &id.as_str().into(), &context)
            .await
            .unwrap_err();
        control::delete(&Session::new(&store), &id.as_str().into(), &context)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_is_dropped_half_way_is_undone_or_done() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    let store = Arc::new(opened(&path).await);
    let mut barrier = raw(&path).await;
    let scene = Scene::found(store.clone()).await;
    let mut roster = scene.roster.clone();
    let mut undone = 0;
    for polls in 0..30 {
        let id = format!("id-{polls}");
        let command = Command::Create(external(&id));
        let plan = plan(&roster, &command, &scene.context()).unwrap();
        let secret = sealed(&id, 1, "x");
        {
            let mut commit = pin!(store.commit(
                ORGANIZATION,
                roster.revision,
                &plan.change_set,
                Some(&secret)
            ));
            let mut context = task::Context::from_waker(task::Waker::noop());
            for _ in 0..polls {
                if commit.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        }
        // What was on its way to the disk when it was dropped gets there, or not, before this.
        sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK")
            .execute(&mut barrier)
            .await
            .unwrap();
        let found = store.load(ORGANIZATION).await.unwrap();
        let has_secret = store
            .secret(ORGANIZATION, &id.as_str().into(), 1)
            .await
            .unwrap()
            .is_some();
        if found == plan.roster {
            assert!(has_secret);
        } else {
            undone += 1;
            assert_eq!(found, roster, "half a commit");
            assert!(!has_secret);
        }
        roster = found;
    }
    assert!(undone > 0, "no commit was dropped half-way");
}

/// The files beside a database that is in use.
fn companions(path: &Path) -> Vec<PathBuf> {
    ["-wal", "-shm"]
        .iter()
        .map(|suffix| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        })
        .collect()
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let home = TempDir::new().unwrap();
    let directory = home.path().join("data/backstop");
    let path = directory.join("a.db");
    let options = SqliteOptions {
        create_directory: true,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&path, &options).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in [vec![path.clone()], companions(&path)].concat() {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    store.close().await;
    for file in companions(&path) {
        assert!(!file.exists(), "{} is left over", file.display());
    }
}

#[tokio::test]
async fn each_way_in_which_opening_fails_has_its_own_error() {
    let home = TempDir::new().unwrap();
    let at = |name: &str| home.path().join(name);
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(60),
        ..SqliteOptions::default()
    };

    fs::write(
        at("text.db"),
        "This is a text, and it is long enough.".repeat(100),
    )
    .unwrap();
    fs::write(at("short.db"), "text").unwrap();
    fs::create_dir(at("directory.db")).unwrap();
    fs::write(at("file"), "").unwrap();
    let made = async |name: &str, statement: &'static str| {
        opened(&at(name)).await.close().await;
        let mut connection = raw(&at(name)).await;
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    };
    made("newer.db", "PRAGMA user_version = 2")
        .await
        .close()
        .await
        .unwrap();
    made("older.db", "PRAGMA user_version = -1")
        .await
        .close()
        .await
        .unwrap();
    let foreign = "CREATE TABLE theirs (id INTEGER)";
    fs::write(at("foreign.db"), "").unwrap();
    let mut connection = raw(&at("foreign.db")).await;
    sqlx::raw_sql(foreign)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    made("marked.db", "PRAGMA application_id = 1")
        .await
        .close()
        .await
        .unwrap();
    opened(&at("damaged.db")).await.close().await;
    let mut bytes = fs::read(at("damaged.db")).unwrap();
    bytes[100..].fill(0xa5);
    fs::write(at("damaged.db"), bytes).unwrap();
    // A database in exclusive mode lets nobody in, not even to read.
    let lock = "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE";
    let locked = made("locked.db", lock).await;

    for (name, expected, message) in [
        ("text.db", "NotADatabase", "is not a SQLite database"),
        ("short.db", "NotADatabase", "is not a SQLite database"),
        (
            "foreign.db",
            "ForeignDatabase",
            "a database of another program",
        ),
        (
            "marked.db",
            "ForeignDatabase",
            "a database of another program",
        ),
        (
            "newer.db",
            "NewerSchema",
            "has schema 2, and this program knows up to 1",
        ),
        (
            "older.db",
            "NewerSchema",
            "has schema -1, and this program knows up to 1",
        ),
        ("damaged.db", "Damaged", "is damaged"),
        (
            "locked.db",
            "Locked",
            "is locked by another program (waited 60 ms)",
        ),
        ("directory.db", "NotOpenable", "it is a directory"),
        (
            "missing/a.db",
            "DirectoryMissing",
            "does not exist: create it",
        ),
        ("file/a.db", "NotCreatable", "cannot be created"),
    ] {
        let before = fs::read(at(name)).ok();
        let Err(error) = SqliteStore::open(&at(name), &options).await else {
            panic!("`{name}` can be opened");
        };
        assert_eq!(code(&error), expected, "`{name}`: {error}");
        let text = error.to_string();
        assert!(text.contains(message), "`{name}`: {text}");
        assert!(
            text.contains(&home.path().display().to_string()),
            "no path: {text}"
        );
        assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
        assert_eq!(fs::read(at(name)).ok(), before, "`{name}` was changed");
    }
    locked.close().await.unwrap();
    let store = SqliteStore::open(&at("locked.db"), &options).await;
    assert!(store.is_ok(), "it is free again");
}

#[tokio::test]
async fn a_writer_waits_for_the_lock_and_then_says_so() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(60),
        ..SqliteOptions::default()
    };
    let store = Arc::new(SqliteStore::open(&path, &options).await.unwrap());
    let mut scene = Scene::found(store).await;
    let mut other = raw(&path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();

    let plan = plan(
        &scene.roster,
        &Command::Create(external("a")),
        &scene.context(),
    )
    .unwrap();
    let outcome = scene
        .store
        .commit(ORGANIZATION, scene.roster.revision, &plan.change_set, None)
        .await;
    assert_eq!(code(&outcome.unwrap_err()), "Locked");
    scene.check().await;
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    scene.create(external("a")).await;
}

/// Root may write everywhere, so a user that owns nothing does this.
#[cfg(unix)]
#[tokio::test]
async fn a_read_only_database_can_be_read() {
    use std::os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    };

    const VARIABLE: &str = "BACKSTOP_TEST_READ_ONLY";
    const DONE: &str = "read and refused";
    if let Some(home) = std::env::var_os(VARIABLE) {
        read_only(Path::new(&home)).await;
        println!("{DONE}");
        return;
    }
    let home = TempDir::new().unwrap();
    let directory = home.path().join("data");
    let unclean = home.path().join("unclean");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(&directory).unwrap();
    fs::create_dir(&unclean).unwrap();
    let scene = Scene::furnished(Arc::new(opened(&directory.join("a.db")).await)).await;
    // A copy of what is there while it is in use.
    for file in [
        vec![directory.join("a.db")],
        companions(&directory.join("a.db")),
    ]
    .concat()
    {
        let copy = unclean.join(file.file_name().unwrap());
        if !file.to_string_lossy().ends_with("-shm") {
            fs::copy(&file, &copy).unwrap();
            set(&copy, 0o444);
        }
    }
    scene.store.close().await;
    set(&directory.join("a.db"), 0o444);
    set(&directory, 0o555);
    set(&unclean, 0o555);
    set(home.path(), 0o755);

    let test = "a_read_only_database_can_be_read";
    let mut reader = another_process(test, VARIABLE, home.path());
    if fs::metadata(home.path()).unwrap().uid() == 0 {
        // The program may be where only root can start it.
        let program = home.path().join("program");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        set(&program, 0o755);
        let mut other = Process::new(program);
        other
            .args(["--exact", test, "--nocapture"])
            .env(VARIABLE, home.path())
            .stdout(Stdio::piped())
            .current_dir(home.path())
            .uid(65_534)
            .gid(65_534);
        reader = other;
    }
    let output = reader.output().unwrap();
    set(&directory, 0o755);
    set(&unclean, 0o755);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(DONE), "{said}");
}

#[cfg(unix)]
async fn read_only(home: &Path) {
    let path = home.join("data/a.db");
    let store = opened(&path).await;
    let roster = store.load(ORGANIZATION).await.unwrap();
    assert_eq!(roster.backends.len(), 4);
    assert!(
        store
            .events(ORGANIZATION, &EventRange::default())
            .await
            .unwrap()
            .len()
            > 4
    );
    let error = register(&store, "new").await.unwrap_err().to_string();
    assert!(
        error.contains("is read-only: make it and its directory writable"),
        "{error}"
    );
    let outcome = store.delete_organization(ORGANIZATION, None, 1).await;
    assert_eq!(code(&outcome.unwrap_err()), "ReadOnly");

    for (path, expected) in [
        // What a writer left there is part of it, and cannot be read without writing.
        ("unclean/a.db", "ReadOnly"),
        ("data/new.db", "NotCreatable"),
    ] {
        let opened = SqliteStore::open(&home.join(path), &SqliteOptions::default()).await;
        let Err(error) = opened else {
            panic!("`{path}` can be opened");
        };
        assert_eq!(code(&error), expected, "`{path}`: {error}");
    }
}

#[tokio::test]
async fn a_relative_path_is_a_path_whatever_it_looks_like() {
    for (address, expected) in [
        ("sqlite:a.db", Some("a.db")),
        ("sqlite:/var/lib/a.db", Some("/var/lib/a.db")),
        ("sqlite:with space?mode=ro", Some("with space?mode=ro")),
        ("sqlite:", None),
        ("sqlite::memory:", None),
        ("sqlite://a.db", None),
        ("a.db", None),
        ("postgres://host/name", None),
        ("", None),
    ] {
        let parsed = address.parse::<Address>();
        match (parsed, expected) {
            (Ok(Address::Sqlite(path)), Some(expected)) => assert_eq!(path, Path::new(expected)),
            (Err(error), None) => assert_eq!(
                error.to_string(),
                format!("`{address}` is not a database: use `sqlite:PATH`")
            ),
            (parsed, _) => panic!("`{address}`: {parsed:?}"),
        }
    }
    let error = "postgres://user:password@host/name".parse::<Address>();
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("postgres://...") && !error.contains("password"),
        "{error}"
    );

    let home = TempDir::new().unwrap();
    for name in ["file:a.db?mode=memory", ":memory:", "with space%20?#"] {
        let path = home.path().join(name);
        opened(&path).await.close().await;
        assert!(path.is_file(), "`{name}`");
    }
}

#[tokio::test]
async fn events_are_stored_as_answers_show_them() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a.db");
    let scene = Scene::furnished(Arc::new(opened(&path).await)).await;
    let rows = sqlx::query("SELECT body FROM event ORDER BY sequence")
        .fetch_all(&mut raw(&path).await)
        .await
        .unwrap();
    let stored: Vec<record::Event> = rows
        .iter()
        .map(|row| serde_json::from_str(row.get("body")).unwrap())
        .collect();
    let expected: Vec<_> = scene.events.iter().map(record::Event::from).collect();
    assert_eq!(stored, expected);
}
