//! Random commands and rosters, and what hosts are asked about them.

use backstop_core::{
    Backend, BackendId, By, Command, Create, Failure, FailureClass, Kind, LastResort, Mode,
    Observation, Outcome, Policy, Roster, Status, Update,
};
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample,
    strategy::ValueTree,
    test_runner::TestRunner,
};

use crate::{Engine, Given, Native, UseCase, protocol::Call};

/// Few ids and names, so that commands meet.
fn id() -> impl Strategy<Value = BackendId> {
    (0..8_u8).prop_map(|n| format!("id-{n}").as_str().into())
}

/// Texts with what an encoding may get wrong.
fn text() -> impl Strategy<Value = String> {
    sample::select(vec![
        "",
        "a",
        "zü",
        "\"\\/",
        "\u{1}\n\t\u{7f}",
        "\u{2028}<&>",
        "😀",
    ])
    .prop_map(str::to_owned)
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

fn policy() -> impl Strategy<Value = Policy> {
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

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        2 => Just(Outcome::Ok),
        3 => sample::select(FailureClass::ALL.to_vec())
            .prop_flat_map(|class| (Just(class), text(), any::<bool>()))
            .prop_map(|(class, text, long)| {
                let message = if long { "bäd".repeat(400) } else { text };
                Outcome::Failed(Failure::new(class, message))
            }),
    ]
}

/// Something that happens to an organization.
#[derive(Clone, Debug)]
pub enum Act {
    /// Somebody asks for a change.
    Command(Command, By),
    /// A probe ends.
    Observe(Observation),
}

/// Returns commands of every kind, also senseless ones, and observations.
pub fn act() -> impl Strategy<Value = Act> {
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
        (id(), option::of(text()), limit(), option::of(any::<bool>())),
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
pub fn broken_roster() -> impl Strategy<Value = Roster> {
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

/// Returns what to ask a host about a random roster: every function of the planner, and use cases
/// over a storage and a validator that conflict and fail at random.
pub fn calls() -> impl Strategy<Value = Vec<Call>> {
    let given = (
        btree_map((0..8_u8).prop_map(|n| format!("id-{n}")), outcome(), 0..5),
        prop_oneof![5 => Just(0), 2 => 1..8_u64, 1 => Just(8)],
        prop_oneof![12 => Just(None), 1 => text().prop_map(Some)],
        prop_oneof![
            10 => Just(None),
            1 => text().prop_map(Some),
            1 => Just(Some("id-taken".to_owned()))
        ],
        prop_oneof![12 => Just(true), 1 => Just(false)],
    );
    let now = sample::select(vec![0, 1_000, 100_000, LAST]);
    (broken_roster(), vec(act(), 1..4), given, now.clone(), now).prop_map(
        |(roster, acts, (outcomes, conflicts, load_error, commit_error, exists), now, end)| {
            let given = Given {
                roster: exists.then(|| Roster {
                    // 0 stands for no organization, which a stored one cannot have.
                    revision: roster.revision.max(1),
                    ..roster.clone()
                }),
                outcomes,
                finished_at: end,
                conflicts,
                load_error,
                commit_error,
            };
            let mut calls = questions(&roster, now);
            for act in &acts {
                calls.extend(consequences(&roster, &given, act, now));
            }
            calls.into_iter().map(Call::held).collect()
        },
    )
}

/// The latest time there is: the end of the year 9999.
const LAST: u64 = 253_402_300_799_999;

fn questions(roster: &Roster, now: u64) -> Vec<Call> {
    let about = |function: &str| Call::of(function).with("roster", roster);
    let ids: Vec<BackendId> = (0..9_u8)
        .map(|n| format!("id-{n}").as_str().into())
        .collect();
    let sizes = [None, Some(0), Some(512_001), Some(Backend::MAX_LIMIT)];
    let selections = sizes.map(|size| {
        about("planner.select")
            .with("request", &backstop_core::Request { size })
            .with("now", &now)
    });
    let next = ids.iter().take(4).map(|id| {
        about("planner.next-due")
            .with("backend", id)
            .with("now", &now)
    });
    let mut calls = vec![
        about("planner.check"),
        about("planner.due").with("now", &now),
        about("planner.route-read")
            .with("copies", &ids)
            .with("now", &now),
    ];
    calls.extend(selections);
    calls.extend(next);
    calls
}

fn consequences(roster: &Roster, given: &Given, act: &Act, now: u64) -> Vec<Call> {
    let mut context = backstop_core::Context::new("acme", "tester", now);
    let about = |function: &str| Call::of(function).with("roster", roster);
    let (call, use_case, plan) = match act {
        Act::Command(command, by) => {
            context.by = *by;
            let use_case = match command.clone() {
                Command::Create(create) => UseCase::Create(create),
                Command::Delete { backend } => UseCase::Delete(backend),
                Command::SetPolicy(policy) => UseCase::SetPolicy(policy),
                Command::Update(update) => UseCase::Update(update),
            };
            (
                about("planner.plan").with("command", command),
                use_case,
                Native.plan(roster, command, &context),
            )
        }
        Act::Observe(observation) => (
            about("planner.observe").with("observation", observation),
            UseCase::Validate(observation.backend.clone()),
            Native
                .observe(roster, observation, &context)
                .map(|observed| Ok(observed.plan)),
        ),
    };
    let inline = BackendId::from("id-0");
    let mut calls = vec![
        call.with("context", &context),
        Call::of("planner.create-organization")
            .with("inline", &inline)
            .with("context", &context),
        Call::control(given, &use_case, &context),
        Call::control(given, &UseCase::Resolve(Default::default()), &context),
        Call::control(given, &UseCase::CreateOrganization(inline), &context),
    ];
    if let Ok(Ok(plan)) = plan {
        calls.push(about("planner.apply").with("change-set", &plan.change_set));
    }
    calls
}

/// Returns the same calls in every run: enough that each function is asked.
///
/// # Errors
///
/// The strategy cannot be sampled.
pub fn fixed_calls() -> Result<Vec<Call>, String> {
    let mut runner = TestRunner::deterministic();
    let scenarios: Result<Vec<_>, String> = (0..4)
        .map(|_| {
            let tree = calls().new_tree(&mut runner).map_err(|e| e.to_string())?;
            Ok(tree.current())
        })
        .collect();
    Ok(scenarios?.into_iter().flatten().collect())
}
