//! The figures of the README, of the hosts in Rust. What is inside each timed region stands beside it;
//! the medians are read back by `cargo run -p backstop-conformance --bin figures`. The ids are those
//! of every host.

use std::{
    hint::black_box,
    path::Path,
    pin::pin,
    process::{Command, Stdio},
    task::{Poll, Waker},
};

use backstop::policy::Policy;
use backstop_conformance::{Given, World};
use backstop_core::{Backend, Context, Kind, Request, Roster, select};
use criterion::{Criterion, criterion_group, criterion_main};

/// A default and a fallback that are valid, and as many backends without a role as it takes.
fn roster(backends: usize) -> Roster {
    let mut roster = Roster::empty();
    roster.revision = 1;
    for n in 0..backends {
        let id = format!("0199a1b2-c3d4-7e5f-8a9b-{n:012x}");
        let location = format!("registry.example/team/{n}");
        let mut backend = Backend::new(
            &id,
            &format!("backend-{n}"),
            Kind::External,
            "OCI",
            &location,
        );
        backend.health.checked_at = Some(500);
        backend.health.successes = 1;
        roster.backends.push(backend);
    }
    roster.default = Some(roster.backends[0].id.clone());
    roster.fallbacks = vec![roster.backends[1].id.clone()];
    roster.route = roster.default.clone();
    roster
}

fn figures(c: &mut Criterion) {
    let request = Request {
        size: Some(20 << 20),
    };

    // The call, its whole trace, and dropping the answer.
    let two = roster(2);
    c.bench_function("native/select-2", |b| {
        b.iter(|| black_box(select(black_box(&two), &request, 1_000)))
    });

    // The same, with the roster going into the component and the answer coming out, as the core's
    // own types on both sides; on an instance that has served before.
    let policy = Policy::embedded().expect("the component is built in");
    let mut planner = policy.planner();
    for backends in [2, 64] {
        let roster = roster(backends);
        c.bench_function(&format!("component/select-{backends}"), |b| {
            b.iter(|| {
                black_box(planner.select(black_box(&roster), &request, 1_000)).expect("an answer")
            });
        });
    }

    // A fresh instance, the use case, the load from memory through the component's import, the
    // answer, and throwing the instance away.
    let world = World::new(Given {
        roster: Some(roster(2)),
        ..Given::default()
    });
    let context = Context::new("acme", "bench", 1_000);
    c.bench_function("component/resolve", |b| {
        b.iter(|| {
            let mut resolving = pin!(policy.resolve(&world, &world, &request, &context));
            loop {
                let poll = resolving
                    .as_mut()
                    .poll(&mut std::task::Context::from_waker(Waker::noop()));
                if let Poll::Ready(answer) = poll {
                    break black_box(answer).expect("an answer").expect("a decision");
                }
            }
        });
    });
}

/// The whole process: from `fork` to the exit code, with a database that exists.
fn process(c: &mut Criterion) {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/backstop");
    let program = std::env::var_os("BACKSTOP_PROGRAM").map_or(program, Into::into);
    let folder = std::env::temp_dir().join(format!("backstop-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let mut resolve = Command::new(&program);
    resolve
        .arg("resolve")
        .env(
            "BACKSTOP_DATABASE",
            format!("sqlite:{}", folder.join("backstop.db").display()),
        )
        .stdout(Stdio::null());
    assert!(
        resolve
            .status()
            .expect("a release build of the program")
            .success()
    );
    c.bench_function("process/resolve-process", |b| {
        b.iter(|| assert!(resolve.status().expect("a process").success()))
    });
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = figures, process
}
criterion_main!(benches);
