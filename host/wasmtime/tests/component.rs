//! What the component is, and what becomes of one that does not behave.

mod hostile;

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    io::Write,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use backstop::policy::{Breach, Limits, Policy, PolicyError};
use backstop_core::{
    Backend, BackendId, ChangeSet, Code, Command, CommitError, Context, ControlError, Create,
    Failure, FailureClass, Kind, LastResort, Mode, Observation, Outcome, Policy as Settings, Probe,
    Request, Roster, Status, Storage, StorageError, Update, Validator, apply,
};
use hostile::component;
use tempfile::TempDir;
use wasmparser::{Parser, Payload};

const NOW: u64 = 1_700_000_000_000;

// ---- What it is ----

#[test]
fn the_component_imports_nothing_but_our_own() {
    let policy = Policy::embedded().unwrap();
    let description = policy.description();
    assert_eq!(
        description.imports,
        [
            "backstop:policy/types@0.1.0",
            "backstop:policy/storage@0.1.0",
            "backstop:policy/validator@0.1.0",
        ]
    );
    assert_eq!(
        description.exports,
        [
            "backstop:policy/planner@0.1.0",
            "backstop:policy/control@0.1.0"
        ]
    );
    assert_eq!(description.world, "backstop:policy/policy@0.1.0");
    assert_eq!(description.version, "0.1.0");
    assert_eq!(description.size, Policy::component().len());
    assert_eq!(description.sha256.len(), 64);
}

#[test]
fn the_preview_imports_nothing_at_all() {
    // The interface of types has no function; the module with the code has no import whatever.
    assert_eq!(imports(Policy::preview()), ["backstop:policy/types@0.1.0"]);
    assert_eq!(modules(Policy::preview()), [Vec::<String>::new()]);

    let policy: Vec<Vec<String>> = modules(Policy::component());
    let ours = |name: &String| {
        name.starts_with("backstop:policy/storage@0.1.0#")
            || name.starts_with("backstop:policy/validator@0.1.0#")
    };
    assert!(
        policy[0].iter().all(ours),
        "the guest imports {:?}",
        policy[0]
    );
}

#[test]
fn the_components_are_small() {
    for (name, bytes) in [
        ("policy", Policy::component()),
        ("preview", Policy::preview()),
    ] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        let zipped = encoder.finish().unwrap().len();
        assert!(
            bytes.len() <= 100_000,
            "`{name}` has {} bytes, more than 100,000",
            bytes.len()
        );
        assert!(
            zipped <= 40_000,
            "`{name}` has {zipped} bytes gzipped, more than 40,000"
        );
    }
}

/// What a component imports.
fn imports(component: &[u8]) -> Vec<String> {
    let mut depth = 0_u32;
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                names.extend(
                    section
                        .into_iter()
                        .map(|import| import.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    names
}

/// What each core module inside a component imports.
fn modules(component: &[u8]) -> Vec<Vec<String>> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            Payload::ModuleSection { .. } => modules.push(Vec::new()),
            Payload::ImportSection(section) => {
                let names = section.into_imports().map(|import| {
                    let import = import.unwrap();
                    format!("{}#{}", import.module, import.name)
                });
                modules.last_mut().unwrap().extend(names);
            }
            _ => {}
        }
    }
    modules
}

// ---- That it decides as the core does ----

#[test]
fn the_component_decides_as_the_core_does() {
    let policy = Policy::embedded().unwrap();
    let mut planner = policy.planner();
    let context = Context {
        seen: Some(7),
        ..Context::new("acme", "operator", NOW)
    };
    let ids: [BackendId; 4] = ["a".into(), "gone".into(), "inline".into(), "b".into()];
    for roster in rosters() {
        for size in [None, Some(0), Some(600_000), Some(u64::MAX)] {
            let request = Request { size };
            assert_eq!(
                planner.select(&roster, &request, NOW).unwrap(),
                backstop_core::select(&roster, &request, NOW)
            );
        }
        assert_eq!(
            planner.check(&roster).unwrap(),
            backstop_core::check(&roster)
        );
        assert_eq!(
            planner.due(&roster, NOW).unwrap(),
            backstop_core::due(&roster, NOW)
        );
        assert_eq!(
            planner.route_read(&roster, &ids, NOW).unwrap(),
            backstop_core::route_read(&roster, &ids, NOW)
        );
        for id in &ids {
            assert_eq!(
                planner.next_due(&roster, id, NOW).unwrap(),
                backstop_core::next_due(&roster, id, NOW)
            );
        }
        for command in commands() {
            let planned = backstop_core::plan(&roster, &command, &context);
            assert_eq!(planner.plan(&roster, &command, &context).unwrap(), planned);
            if let Ok(planned) = planned {
                assert_eq!(
                    planner.apply(&roster, &planned.change_set).unwrap(),
                    planned.roster
                );
            }
        }
        for outcome in outcomes() {
            let observation = Observation {
                backend: "a".into(),
                generation: 3,
                finished_at: NOW,
                outcome,
            };
            assert_eq!(
                planner.observe(&roster, &observation, &context).unwrap(),
                backstop_core::observe(&roster, &observation, &context)
            );
        }
    }
    for id in ["inline", "", "not well formed"] {
        assert_eq!(
            planner.create_organization(&id.into(), &context).unwrap(),
            backstop_core::create_organization(id.into(), &context)
        );
    }
}

#[test]
fn a_planner_keeps_nothing_between_calls() {
    let policy = Policy::embedded().unwrap();
    let context = Context::new("acme", "operator", NOW);
    let mut reused = policy.planner();
    let mut memory = 0;
    for round in 0..40 {
        for roster in rosters() {
            let request = Request { size: Some(round) };
            let seen = reused.select(&roster, &request, NOW).unwrap();
            for command in commands() {
                let _refusals_count_too = reused.plan(&roster, &command, &context).unwrap();
            }
            assert_eq!(reused.select(&roster, &request, NOW).unwrap(), seen);
        }
        if round == 0 {
            memory = reused.memory();
        }
    }
    assert!(memory > 0);
    assert_eq!(reused.memory(), memory, "memory grows from call to call");

    // As fresh an instance as there can be: of another engine.
    let mut fresh = Policy::embedded().unwrap().planner();
    for roster in rosters() {
        let request = Request::default();
        assert_eq!(
            reused.select(&roster, &request, NOW).unwrap(),
            fresh.select(&roster, &request, NOW).unwrap()
        );
    }
}

#[test]
fn a_million_calls_leave_instances_as_large_as_the_first_did() {
    let policy = Policy::embedded().unwrap();
    let mut roster = rosters().swap_remove(0);
    roster
        .backends
        .retain(|backend| backend.kind == Kind::External);
    let roster = &roster;
    // Two instances, since there are two processors at least.
    thread::scope(|scope| {
        for _ in 0..2 {
            let mut planner = policy.planner();
            scope.spawn(move || {
                let first = planner.select(roster, &Request::default(), NOW).unwrap();
                let before = planner.memory();
                assert!(before > 0);
                for _ in 0..500_000 {
                    let answer = planner.select(roster, &Request::default(), NOW).unwrap();
                    assert_eq!(answer.is_ok(), first.is_ok());
                }
                assert_eq!(planner.memory(), before);
            });
        }
    });
}

#[tokio::test]
async fn use_cases_run_over_any_storage_and_validator() {
    let policy = Policy::embedded().unwrap();
    let (storage, probes) = (Memory::default(), Probes::ok());
    let context = Context::new("acme", "operator", NOW);

    let founded = policy
        .create_organization(&storage, &probes, &"inline".into(), &context)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(founded.roster.revision, 1);
    let again = policy
        .create_organization(&storage, &probes, &"other".into(), &context)
        .await
        .unwrap();
    assert_eq!(again, refused(Code::OrganizationTaken));

    let create = Create {
        default: true,
        ..Create::new("a", "primary", Kind::External, "OCI", "registry.example/a")
    };
    let created = policy
        .create(&storage, &probes, &create, &context)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        created
            .roster
            .backend(&"a".into())
            .unwrap()
            .health
            .successes,
        1
    );
    assert_eq!(storage.roster("acme"), created.roster);

    let rotation = Update {
        rotate: true,
        ..Update::new("a")
    };
    let down = Probes {
        outcome: Outcome::Failed(Failure::new(FailureClass::Auth, "denied")),
        finished_at: NOW + 60_000,
    };
    let failed = policy
        .update(&storage, &down, &rotation, &context)
        .await
        .unwrap();
    let Err(ControlError::Refused { codes, failure }) = failed else {
        panic!("a rotation without a working probe gave {failed:?}");
    };
    assert_eq!(codes, [Code::ValidationFailed]);
    assert_eq!(failure.unwrap().class, FailureClass::Auth);

    let later = Context {
        now: NOW + 60_000,
        ..context.clone()
    };
    let validated = policy
        .validate(&storage, &down, &"a".into(), &later)
        .await
        .unwrap()
        .unwrap();
    assert!(validated.applied);
    let resolution = policy
        .resolve(&storage, &down, &Request::default(), &later)
        .await
        .unwrap()
        .unwrap();
    assert!(resolution.answer.is_err());

    let settings = Settings {
        tail: vec![Kind::Inline],
        ..Settings::default()
    };
    let set = policy
        .set_policy(&storage, &probes, &settings, &later)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(set.roster.policy, settings);
    let deleted = policy
        .delete(&storage, &probes, &"a".into(), &later)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(deleted.roster.default, Some("inline".into()));
    assert_eq!(storage.roster("acme"), deleted.roster);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_commits_conflict_and_are_planned_again() {
    let policy = Policy::embedded().unwrap();
    let storage = std::sync::Arc::new(Memory::default());
    let context = Context::new("acme", "operator", NOW);
    let founded = policy
        .create_organization(&*storage, &Probes::ok(), &"inline".into(), &context)
        .await
        .unwrap();
    founded.unwrap();

    // That this can be spawned also shows that the calls are `Send`.
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let (policy, storage, context) = (policy.clone(), storage.clone(), context.clone());
            tokio::spawn(async move {
                let name = format!("backend-{number}");
                let create = Create::new(&name, &name, Kind::External, "OCI", "registry.example/a");
                policy
                    .create(&*storage, &Probes::ok(), &create, &context)
                    .await
                    .unwrap()
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(storage.roster("acme").backends.len(), 7);
    assert_eq!(storage.roster("acme").revision, 7);
}

// ---- What becomes of one that does not behave ----

#[test]
fn a_trap_is_an_error_of_that_call_alone() {
    let guests = Guests::new();
    // Traps on the first call of an instance only if it is entered again.
    let policy = guests.policy("traps", &[("planner#select", "unreachable")]);
    let mut planner = policy.planner();
    let roster = rosters().remove(0);
    for _ in 0..3 {
        let error = planner
            .select(&roster, &Request::default(), NOW)
            .unwrap_err();
        assert!(matches!(error, PolicyError::Trapped(_)), "{error}");
    }
    assert_eq!(planner.memory(), 0, "the instance that trapped is kept");
}

#[test]
fn an_instance_that_failed_is_never_entered_again() {
    let guests = Guests::new();
    // Remembers that it was called, and traps on every second call of one instance.
    let body = "(if (global.get $called) (then unreachable)) (global.set $called (i32.const 1)) \
                (i32.store (i32.const 1024) (i32.const 4096)) (i32.store (i32.const 1028) (i32.const 0)) \
                (return (i32.const 1024))";
    let policy = guests.policy("remembers", &[("planner#check", body)]);
    let mut planner = policy.planner();
    let roster = rosters().remove(0);
    for _ in 0..3 {
        assert_eq!(planner.check(&roster).unwrap(), []);
        let error = planner.check(&roster).unwrap_err();
        assert!(matches!(error, PolicyError::Trapped(_)), "{error}");
    }
}

#[tokio::test]
async fn a_loop_ends_at_the_time_limit() {
    let guests = Guests::new();
    let forever = "(loop (br 0)) unreachable";
    let limits = Limits {
        time: Duration::from_millis(100),
        ..Limits::default()
    };
    let policy = guests
        .policy(
            "loops",
            &[("planner#select", forever), ("control#resolve", forever)],
        )
        .with_limits(limits);
    let roster = rosters().remove(0);
    let started = Instant::now();
    let error = policy
        .planner()
        .select(&roster, &Request::default(), NOW)
        .unwrap_err();
    assert!(matches!(error, PolicyError::Time { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "the component did not answer within 100 ms"
    );

    let (storage, probes) = (Memory::default(), Probes::ok());
    let context = Context::new("acme", "operator", NOW);
    let error = policy
        .resolve(&storage, &probes, &Request::default(), &context)
        .await
        .unwrap_err();
    assert!(matches!(error, PolicyError::Time { .. }), "{error}");
    // The other functions are as good as before.
    let error = policy.planner().check(&roster).unwrap_err();
    assert!(matches!(error, PolicyError::Trapped(_)), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_guest_that_eats_memory_is_stopped() {
    let guests = Guests::new();
    let eats = "(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable";
    let policy = guests.policy(
        "eats",
        &[("planner#select", eats), ("control#delete", eats)],
    );
    let roster = rosters().remove(0);
    let error = policy
        .planner()
        .select(&roster, &Request::default(), NOW)
        .unwrap_err();
    assert!(
        matches!(error, PolicyError::Memory { limit } if limit == 64 << 20),
        "{error}"
    );

    let (storage, probes) = (Memory::default(), Probes::ok());
    let context = Context::new("acme", "operator", NOW);
    let error = policy
        .delete(&storage, &probes, &"a".into(), &context)
        .await
        .unwrap_err();
    assert!(matches!(error, PolicyError::Memory { .. }), "{error}");

    let tight = Policy::embedded().unwrap().with_limits(Limits {
        memory: 1,
        ..Limits::default()
    });
    let error = tight
        .planner()
        .select(&roster, &Request::default(), NOW)
        .unwrap_err();
    assert!(matches!(error, PolicyError::Memory { limit: 1 }), "{error}");
}

#[tokio::test]
async fn time_in_a_storage_does_not_count() {
    let limits = Limits {
        time: Duration::from_millis(30),
        ..Limits::default()
    };
    let policy = Policy::embedded().unwrap().with_limits(limits);
    let storage = Slow(Memory::default());
    let context = Context::new("acme", "operator", NOW);
    let founded = backstop_core::create_organization("inline".into(), &context).unwrap();
    storage.0.put("acme", founded.roster);
    let resolution = policy
        .resolve(&storage, &Probes::ok(), &Request::default(), &context)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        resolution.answer.unwrap().backend.name.as_str(),
        "default-inline"
    );
}

#[tokio::test]
async fn what_a_component_proposes_is_looked_at_before_it_is_written() {
    let guests = Guests::new();
    let (probes, context) = (Probes::ok(), Context::new("acme", "operator", NOW));
    let founded = backstop_core::create_organization("inline".into(), &context).unwrap();
    // `set-roles` with a default that nobody has, committed on top of revision 1.
    let roles = "(i32.store8 (i32.const 2048) (i32.const 3)) (i32.store8 (i32.const 2056) (i32.const 1)) \
                 (i32.store (i32.const 2060) (i32.const 512)) (i32.store (i32.const 2064) (i32.const 5))";
    let load = "(call $load (local.get 2) (local.get 3) (i32.const 1024))";
    let commit = |expected: u64, revision: u64, changes: u32| {
        format!(
            "(call $commit (local.get 2) (local.get 3) (i64.const {expected}) (i64.const {revision}) \
             (i32.const 2048) (i32.const {changes}) (i32.const 0) (i32.const 0) (i32.const 1024)) unreachable"
        )
    };
    let cases = [
        (
            format!("{load} {roles} {}", commit(1, 2, 1)),
            Breach::Breaks {
                codes: vec![Code::RoleUnknown],
            },
        ),
        (format!("{load} {}", commit(1, 2, 0)), Breach::Empty),
        (
            format!("{load} {roles} {}", commit(1, 9, 1)),
            Breach::Revision {
                before: 1,
                proposed: 9,
            },
        ),
        (
            format!("{roles} {}", commit(1, 2, 1)),
            Breach::Revision {
                before: 0,
                proposed: 1,
            },
        ),
        (
            "(call $load (i32.const 512) (i32.const 5) (i32.const 1024)) unreachable".to_owned(),
            Breach::Organization {
                asked: "ghost".to_owned(),
                called: "acme".to_owned(),
            },
        ),
        (
            format!("(loop {load} (br 0)) unreachable"),
            Breach::TooMany { most: 1_000 },
        ),
    ];
    for (number, (body, expected)) in cases.into_iter().enumerate() {
        let policy = guests.policy(&format!("breach-{number}"), &[("control#delete", &body)]);
        let storage = Memory::default();
        storage.put("acme", founded.roster.clone());
        let error = policy
            .delete(&storage, &probes, &"a".into(), &context)
            .await
            .unwrap_err();
        let PolicyError::Breach(breach) = error else {
            panic!("expected `{expected}`, got `{error}`");
        };
        assert_eq!(breach, expected);
        assert_eq!(
            storage.roster("acme"),
            founded.roster,
            "something was written"
        );
    }
}

#[test]
fn what_is_no_component_of_our_world_is_named_as_what_it_is() {
    let guests = Guests::new();
    let load = |name: &str, bytes: &[u8]| match Policy::from_file(guests.file(name, bytes)) {
        Ok(_) => panic!("`{name}` was loaded"),
        Err(error) => error,
    };
    let missing = Policy::from_file(guests.directory.path().join("missing.wasm"));
    assert!(matches!(missing, Err(PolicyError::Unreadable { .. })));
    for garbage in [&b""[..], b"\0asm", b"#!/bin/sh\n", b"(component)"] {
        let error = load("garbage.wasm", garbage);
        assert!(matches!(error, PolicyError::NotWasm { .. }), "{error}");
    }
    let error = load("module.wasm", &wat::parse_str("(module)").unwrap());
    assert!(matches!(error, PolicyError::Module { .. }), "{error}");
    let whole = Policy::component();
    let error = load("half.wasm", &whole[..whole.len() / 2]);
    assert!(matches!(error, PolicyError::Invalid { .. }), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");

    let world = |error: PolicyError| match error {
        PolicyError::World { reason, .. } => reason,
        error => panic!("expected another world, got `{error}`"),
    };
    let error = load("preview.wasm", Policy::preview());
    assert_eq!(
        world(error),
        "it does not export `backstop:policy/control@0.1.0`"
    );
    let error = load("empty.wasm", &wat::parse_str("(component)").unwrap());
    assert_eq!(
        world(error),
        "it does not export `backstop:policy/planner@0.1.0`"
    );
    let clock = "(component (import \"wasi:clocks/wall-clock@0.2.0\" (instance)))";
    let error = load("clock.wasm", &wat::parse_str(clock).unwrap());
    assert_eq!(world(error), "it imports `wasi:clocks/wall-clock@0.2.0`");
    // The names are right, and the functions are not.
    let hollow = "(component (instance $i) (export \"backstop:policy/planner@0.1.0\" (instance $i)) \
                  (export \"backstop:policy/control@0.1.0\" (instance $i)))";
    let error = load("hollow.wasm", &wat::parse_str(hollow).unwrap());
    assert!(world(error).contains("`apply`"));
}

#[test]
fn a_file_serves_as_the_embedded_component_does() {
    let guests = Guests::new();
    let policy = Policy::from_file(guests.file("policy.wasm", Policy::component())).unwrap();
    assert_eq!(
        policy.description(),
        Policy::embedded().unwrap().description()
    );
    let roster = rosters().remove(0);
    assert_eq!(
        policy
            .planner()
            .select(&roster, &Request::default(), NOW)
            .unwrap(),
        backstop_core::select(&roster, &Request::default(), NOW)
    );
}

#[cfg(unix)]
#[test]
fn machine_code_is_taken_from_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let guests = Guests::new();
    let code = fs::read(concat!(env!("OUT_DIR"), "/policy.component.cwasm")).unwrap();
    let file = guests.file("policy.cwasm", &code);
    let roster = rosters().remove(0);
    let mut planner = Policy::from_file(&file).unwrap().planner();
    assert_eq!(
        planner.select(&roster, &Request::default(), NOW).unwrap(),
        backstop_core::select(&roster, &Request::default(), NOW)
    );

    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    assert!(matches!(
        Policy::from_file(&file),
        Err(PolicyError::Untrusted { .. })
    ));

    let mut other = code;
    // The header says which major version made it.
    let version = other[..256]
        .windows(3)
        .position(|window| window == b"\x0248");
    other[version.unwrap() + 2] = b'7';
    let error = Policy::from_file(guests.file("other.cwasm", &other)).err();
    assert!(
        matches!(error, Some(PolicyError::Incompatible { .. })),
        "{error:?}"
    );
}

// ---- Hostile guests ----

/// A directory with components that do not behave.
struct Guests {
    directory: TempDir,
}

impl Guests {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    /// Loads a component whose functions trap, but for those that are given.
    fn policy(&self, name: &str, bodies: &[(&str, &str)]) -> Policy {
        let file = self.file(&format!("{name}.wasm"), &component(bodies));
        Policy::from_file(file).unwrap()
    }
}

// ---- What the tests decide about ----

fn rosters() -> Vec<Roster> {
    let mut primary = Backend::new("a", "primary", Kind::External, "OCI", "registry.example/a");
    primary.generation = 3;
    primary.description = "Grüße, 世界".to_owned();
    primary.health.checked_at = Some(NOW - 90_000);
    let mut spare = Backend::new("b", "spare", Kind::External, "AWS-S3", "bucket/é");
    spare.health.since = Some(NOW - 10_000);
    let inline = Backend::new("inline", "default-inline", Kind::Inline, "INLINE", "");
    let managed = Backend::new("m", "ours", Kind::Managed, "AWS-S3-ACCESS-POINT", "hidden");
    let sound = Roster {
        revision: 7,
        default: Some("a".into()),
        fallbacks: vec!["b".into()],
        route: Some("a".into()),
        backends: vec![managed, spare, primary, inline],
        policy: Settings {
            hold_down: 60_000,
            tail: vec![Kind::Managed, Kind::Inline],
            ..Settings::default()
        },
    };

    let mut down = sound.clone();
    for backend in &mut down.backends {
        backend.health.status = Status::Invalid;
        backend.health.failures = u32::MAX;
        backend.health.excuse = Some(FailureClass::Secrets);
        backend.health.failure = Some(Failure::new(FailureClass::Timeout, "no answer"));
    }
    down.policy.tail.clear();
    let mut least_bad = down.clone();
    least_bad.policy.last_resort = LastResort::LeastBad;
    let mut drained = sound.clone();
    drained.backends[1].mode = Mode::Maintenance;
    drained.backends[2].mode = Mode::Drain;
    let mut broken = sound.clone();
    broken.default = Some("ghost".into());
    broken.fallbacks = vec!["ghost".into(), "b".into(), "b".into()];
    broken.policy.fall = 0;
    broken.backends.push(broken.backends[0].clone());
    let mut many = sound.clone();
    for number in 0..200 {
        let name = format!("backend-{number}");
        many.backends
            .push(Backend::new(&name, &name, Kind::External, "GCS", "bucket"));
        many.fallbacks.push(name.as_str().into());
    }
    let empty = Roster {
        revision: 7,
        ..Roster::empty()
    };
    vec![sound, down, least_bad, drained, broken, many, empty]
}

fn commands() -> Vec<Command> {
    let create = Create::new("c", "third", Kind::External, "GCS", "bucket");
    let changed = Update {
        description: Some(String::new()),
        max_blob_bytes: Some(1),
        mode: Some(Mode::Drain),
        rotate: true,
        checked: true,
        ..Update::new("a")
    };
    vec![
        Command::Create(Create {
            fallback: true,
            checked: true,
            ..create.clone()
        }),
        Command::Create(Create {
            default: true,
            fallback: true,
            max_blob_bytes: Some(3),
            ..create
        }),
        Command::Update(Update {
            default: Some(false),
            ..Update::new("a")
        }),
        Command::Update(Update {
            max_blob_bytes: None,
            ..changed.clone()
        }),
        Command::Update(changed),
        Command::Update(Update {
            fallback: Some(true),
            ..Update::new("a")
        }),
        Command::Delete {
            backend: "a".into(),
        },
        Command::Delete {
            backend: "inline".into(),
        },
        Command::SetPolicy(Settings {
            max_fallbacks: 0,
            ..Settings::default()
        }),
        Command::SetPolicy(Settings {
            fall: 5,
            tail: vec![Kind::Inline],
            ..Settings::default()
        }),
    ]
}

fn outcomes() -> Vec<Outcome> {
    let failures = FailureClass::ALL.map(|class| Outcome::Failed(Failure::new(class, "why")));
    std::iter::once(Outcome::Ok).chain(failures).collect()
}

fn refused<T>(code: Code) -> Result<T, ControlError> {
    Err(ControlError::Refused {
        codes: vec![code],
        failure: None,
    })
}

/// Rosters in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Roster>>);

impl Memory {
    fn roster(&self, organization: &str) -> Roster {
        self.rosters().get(organization).cloned().unwrap()
    }

    fn put(&self, organization: &str, roster: Roster) {
        self.rosters().insert(organization.to_owned(), roster);
    }

    fn rosters(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Roster>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for Memory {
    async fn load(&self, organization: &str) -> Result<Roster, StorageError> {
        // Lets others go first, so that races are met.
        tokio::task::yield_now().await;
        let found = self.rosters().get(organization).cloned();
        found.ok_or(StorageError::OrganizationNotFound)
    }

    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let mut rosters = self.rosters();
        let before = rosters
            .get(organization)
            .cloned()
            .unwrap_or_else(Roster::empty);
        if before.revision != expected {
            return Err(CommitError::Conflict);
        }
        rosters.insert(organization.to_owned(), apply(&before, change_set));
        Ok(())
    }
}

/// A storage that takes its time.
struct Slow(Memory);

impl Storage for Slow {
    fn load(&self, organization: &str) -> impl Future<Output = Result<Roster, StorageError>> {
        // Blocks rather than yields: the wait is the host's either way.
        std::thread::sleep(Duration::from_millis(200));
        self.0.load(organization)
    }

    fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> impl Future<Output = Result<(), CommitError>> {
        self.0.commit(organization, expected, change_set)
    }
}

/// Probes that all end in the same way.
struct Probes {
    outcome: Outcome,
    finished_at: u64,
}

impl Probes {
    fn ok() -> Self {
        Self {
            outcome: Outcome::Ok,
            finished_at: NOW,
        }
    }
}

impl Validator for Probes {
    async fn validate(&self, _: &str, _: &BackendId, _: u64) -> Probe {
        Probe {
            outcome: self.outcome.clone(),
            finished_at: self.finished_at,
        }
    }
}
