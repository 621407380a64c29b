//! The invariants, over random sequences of commands and over random broken rosters.

use std::collections::BTreeSet;

use backstop_core::{
    Backend, BackendId, By, Code, Command, Context, Create, EventKind, Failure, FailureClass, Kind,
    LastResort, Mode, Observation, Outcome, Plan, Policy, Position, Request, Roster, Status,
    Update, Verdict, apply, check, create_organization, due, next_due, observe, plan, route_read,
    select,
};
use proptest::{collection::vec, option, prelude::*, sample};

/// Few ids and names, so that commands meet.
fn id() -> impl Strategy<Value = BackendId> {
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
            .prop_map(|class| Outcome::Failed(Failure::new(class, "bad".repeat(400)))),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Command(Command, By),
    Observe(Observation),
}

fn act() -> impl Strategy<Value = Act> {
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
fn broken_roster() -> impl Strategy<Value = Roster> {
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

/// What holds of every answer about any roster, sound or not.
fn check_answers(roster: &Roster, now: u64) {
    for size in [None, Some(0), Some(512_001), Some(u64::MAX)] {
        let answer = select(roster, &Request { size }, now);
        // SEL: independent of the order of the backends.
        let mut reversed = roster.clone();
        reversed.backends.reverse();
        assert_eq!(answer, select(&reversed, &Request { size }, now));

        let trace = match &answer {
            Ok(decision) => &decision.trace,
            Err(refusal) => &refusal.trace,
        };
        // SEL-1: the default first, and each backend once.
        assert_eq!(trace[0].position, Position::Default);
        let ids: Vec<_> = trace
            .iter()
            .filter_map(|entry| Some(&entry.backend.as_ref()?.id))
            .collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len());
        let used = trace
            .iter()
            .filter(|entry| matches!(entry.verdict, Verdict::Selected | Verdict::LastResort))
            .count();
        match &answer {
            Ok(decision) => {
                assert_eq!(used, 1);
                let backend = roster
                    .backend(&decision.backend.id)
                    .expect("INV-8: only a live backend is selected");
                assert_eq!(backend.mode, Mode::Ready);
                assert!(size.is_none_or(|size| size <= backend.max_blob_bytes));
                assert_eq!(decision.generation, backend.generation);
            }
            Err(refusal) => {
                assert_eq!(used, 0);
                // SEL-6: nobody is told to configure what is configured.
                assert_eq!(refusal.reason.code() == "required", ids.is_empty());
            }
        }
    }
    let listed: Vec<BackendId> = (0..8_u8)
        .map(|n| format!("id-{n}").as_str().into())
        .collect();
    let tries = route_read(roster, &listed, now);
    assert_eq!(
        tries.len(),
        tries
            .iter()
            .map(|one| &one.backend)
            .collect::<BTreeSet<_>>()
            .len()
    );
    for id in due(roster, now) {
        assert!(next_due(roster, &id, now).is_some_and(|next| next <= now));
    }
    assert!(check(roster).is_sorted_by(|a, b| a < b));
}

/// What holds of every plan.
fn check_plan(given: &Roster, plan: &Plan) {
    let Plan { change_set, roster } = plan;
    // INV-7.
    assert_eq!(apply(given, change_set), *roster);
    assert_eq!(
        roster.revision,
        given.revision + u64::from(!change_set.is_empty())
    );
    assert_eq!(change_set.is_empty(), given == roster);
    assert!(!change_set.is_empty() || change_set.events.is_empty());
    // Nothing gets worse.
    let before: BTreeSet<Code> = check(given).into_iter().collect();
    let worse: Vec<Code> = check(roster)
        .into_iter()
        .filter(|code| !before.contains(code))
        .collect();
    assert_eq!(worse, [], "from {given:?}\nto {roster:?}");
    // EVT: the route in the roster is announced, once.
    let announced = change_set
        .events
        .iter()
        .any(|event| matches!(event.kind, EventKind::RouteChanged { .. }));
    assert_eq!(announced, given.route != roster.route);
}

fn act_on(roster: &Roster, act: &Act, now: u64) -> Option<Plan> {
    let mut context = Context::new("acme", "tester", now);
    match act {
        Act::Command(command, by) => {
            context.by = *by;
            match plan(roster, command, &context) {
                Ok(plan) => Some(plan),
                Err(codes) => {
                    assert!(!codes.is_empty() && codes.is_sorted_by(|a, b| a < b));
                    None
                }
            }
        }
        Act::Observe(observation) => {
            let observed = observe(roster, observation, &context);
            assert!(observed.applied || observed.plan.change_set.is_empty());
            Some(observed.plan)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// INV-1 to INV-8, from the birth of an organization on.
    #[test]
    fn no_sequence_of_commands_breaks_an_invariant(acts in vec(act(), 1..60)) {
        let created = create_organization("id-0".into(), &Context::new("acme", "tester", 0)).unwrap();
        let mut roster = created.roster;
        for (step, act) in (1..).zip(&acts) {
            let now = step * 7_000;
            let Some(plan) = act_on(&roster, act, now) else { continue };
            check_plan(&roster, &plan);
            prop_assert_eq!(check(&plan.roster), []);
            // CMD-6: the default only goes vacant when there is nobody to promote.
            if roster.default.is_some() && plan.roster.default.is_none() {
                let others = plan.roster.backends.iter().filter(|backend| {
                    Some(&backend.id) != roster.default.as_ref()
                        && (backend.kind != Kind::External || roster.place(&backend.id).is_some())
                });
                prop_assert_eq!(others.count(), 0);
            }
            check_answers(&plan.roster, now);
            roster = plan.roster;
        }
    }

    /// Every function is total on a roster that violates the invariants, and repairs go through.
    #[test]
    fn a_broken_roster_is_answered_and_never_made_worse(
        given in broken_roster(),
        acts in vec(act(), 1..6),
        now in sample::select(vec![0, 1_000, 100_000, u64::MAX]),
    ) {
        let mut roster = given;
        for act in &acts {
            check_answers(&roster, now);
            let Some(plan) = act_on(&roster, act, now) else { continue };
            check_plan(&roster, &plan);
            roster = plan.roster;
        }
    }

    /// CMD-7: an observation is applied once, and never after a newer one or a rotation.
    #[test]
    fn observations_are_fenced(given in broken_roster(), first in act(), second in act()) {
        let (Act::Observe(first), Act::Observe(second)) = (first, second) else { return Ok(()) };
        let context = Context::new("acme", "tester", 300_000);
        let once = observe(&given, &first, &context);
        let again = observe(&once.plan.roster, &first, &context);
        prop_assert!(!again.applied);
        let late = Observation { backend: first.backend.clone(), finished_at: first.finished_at.saturating_sub(1), ..second };
        if once.applied {
            prop_assert!(!observe(&once.plan.roster, &late, &context).applied);
        }
    }
}
