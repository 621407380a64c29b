//! Random commands and rosters.

use backstop_core::{
    Backend, BackendId, By, Command, Create, Failure, FailureClass, Kind, LastResort, Mode,
    Observation, Outcome, Policy, Roster, Status, Update,
};
use proptest::{collection::vec, option, prelude::*, sample};

/// Few ids and names, so that commands meet.
pub(crate) fn id() -> impl Strategy<Value = BackendId> {
    (0..8_u8).prop_map(|n| format!("id-{n}").as_str().into())
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::External), 1 => Just(Kind::Inline), 1 => Just(Kind::Managed)]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![3 => Just(Mode::Ready), 1 => Just(Mode::Drain), 1 => Just(Mode::Maintenance)]
}

fn limit() -> impl Strategy<Value = Option<u64>> {
    sample::select(vec![
        None,
        Some(5),
        Some(512_000),
        Some(Backend::MIN_LIMIT),
        Some(Backend::MAX_LIMIT),
        Some(u64::MAX),
    ])
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let times = sample::select(vec![0, 1_000, 60_000, 31_536_000_000, 31_536_000_001]);
    (
        0..4_u32,
        0..4_u32,
        1..3_u32,
        times.clone(),
        times,
        vec(kind(), 0..3),
        any::<bool>(),
    )
        .prop_map(
            |(max_fallbacks, fall, rise, hold_down, stale_after, tail, least_bad)| Policy {
                max_fallbacks,
                fall,
                rise,
                hold_down,
                stale_after,
                tail,
                last_resort: if least_bad {
                    LastResort::LeastBad
                } else {
                    LastResort::Refuse
                },
                ..Policy::default()
            },
        )
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        2 => Just(Outcome::Ok),
        3 => sample::select(FailureClass::ALL.to_vec())
            .prop_map(|class| Outcome::Failed(Failure::new(class, "bad".repeat(400)))),
    ]
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Command(Command, By),
    Observe(Observation),
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let create = (id(), 0..8_u8, kind(), limit(), mode(), any::<[bool; 3]>()).prop_map(
        |(id, name, kind, max_blob_bytes, mode, [default, fallback, checked])| {
            let create = Create::new(
                id.as_str(),
                &format!("name-{name}"),
                kind,
                "OCI",
                "registry.example/a",
            );
            Command::Create(Create {
                max_blob_bytes,
                mode,
                default,
                fallback,
                checked,
                ..create
            })
        },
    );
    let update = (
        (
            id(),
            option::of("[a-z]{0,3}"),
            limit(),
            option::of(any::<bool>()),
        ),
        (
            option::of(any::<bool>()),
            option::of(mode()),
            any::<[bool; 2]>(),
        ),
    )
        .prop_map(
            |((id, description, max_blob_bytes, default), (fallback, mode, [rotate, checked]))| {
                let update = Update::new(id);
                Command::Update(Update {
                    description,
                    max_blob_bytes,
                    default,
                    fallback,
                    mode,
                    rotate,
                    checked,
                    ..update
                })
            },
        );
    let by = prop_oneof![Just(By::Organization), Just(By::Platform)];
    let command = prop_oneof![
        4 => create,
        6 => update,
        2 => id().prop_map(|backend| Command::Delete { backend }),
        1 => policy().prop_map(Command::SetPolicy),
    ];
    let observation = (id(), 1..3_u64, 0..200_000_u64, outcome()).prop_map(
        |(backend, generation, finished_at, outcome)| Observation {
            backend,
            generation,
            finished_at,
            outcome,
        },
    );
    prop_oneof![
        3 => (command, by).prop_map(|(command, by)| Act::Command(command, by)),
        2 => observation.prop_map(Act::Observe),
    ]
}

/// A roster that nobody checked: ghosts and twins in roles, second kinds, wild numbers.
pub(crate) fn broken_roster() -> impl Strategy<Value = Roster> {
    let number = sample::select(vec![
        0,
        1,
        500,
        60_000,
        150_000,
        253_402_300_799_999,
        u64::MAX,
    ]);
    let health = (
        any::<bool>(),
        option::of(number.clone()),
        option::of(number.clone()),
        any::<[bool; 2]>(),
        outcome(),
    );
    let backend = (
        id(),
        "[a-c]{1,2}|Bad",
        kind(),
        limit(),
        mode(),
        health,
        number,
    )
        .prop_map(
            |(
                id,
                name,
                kind,
                limit,
                mode,
                (invalid, since, checked_at, [failing, most], outcome),
                generation,
            )| {
                let mut backend =
                    Backend::new(id.as_str(), &name, kind, "OCI", "registry.example/a");
                backend.max_blob_bytes = limit.unwrap_or(0);
                backend.mode = mode;
                backend.generation = generation;
                backend.health.status = if invalid {
                    Status::Invalid
                } else {
                    Status::Valid
                };
                backend.health.since = since;
                backend.health.checked_at = checked_at;
                let count = if most { u32::MAX } else { 1 };
                if failing {
                    backend.health.failures = count;
                } else {
                    backend.health.successes = count;
                }
                match outcome {
                    Outcome::Ok => {}
                    Outcome::Failed(failure) => backend.health.failure = Some(failure),
                }
                backend
            },
        );
    (
        vec(backend, 0..7),
        option::of(id()),
        vec(id(), 0..4),
        policy(),
        option::of(id()),
        0..3_u64,
    )
        .prop_map(
            |(backends, default, fallbacks, policy, route, revision)| Roster {
                revision,
                default,
                fallbacks,
                policy,
                route,
                backends,
            },
        )
}
