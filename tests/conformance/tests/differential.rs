//! Every host against the core: the same answer to every question, spelled with the same bytes.

use std::process::Command;

use backstop_conformance::{
    Answer, Component, Engine, Given, Native, Process, UseCase, hosts,
    protocol::Call,
    random::{Act, act, broken_roster, calls},
};
use backstop_core::{
    BackendId, Command as PolicyCommand, Context, FailureClass, Outcome, Request, Roster,
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

/// How many random scenarios a host that is a process is asked about, some thirty questions each.
const SCENARIOS: usize = 2_000;
/// How many of them are asked at once.
const BATCH: usize = 100;

/// The host answers as the core does, byte for byte.
fn check_host(name: &str) {
    let host = hosts().iter().find(|host| host.name == name).unwrap();
    let process = host.process().unwrap().unwrap();
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..SCENARIOS / BATCH {
        let scenarios = (0..BATCH).map(|_| calls().new_tree(&mut runner).unwrap());
        let calls: Vec<Call> = scenarios.flat_map(|tree| tree.current()).collect();
        let expected = native(&calls);
        let came = process.ask(&calls).unwrap();
        for ((call, expected), came) in calls.iter().zip(&expected).zip(&came) {
            assert!(
                came == expected,
                "{name} answers otherwise\nasked    {}\nexpected {expected}\ncame     {came}",
                call.line()
            );
        }
    }
}

#[test]
fn node_answers_with_the_bytes_of_the_core() {
    check_host("node");
}

#[test]
fn a_browser_answers_with_the_bytes_of_the_core() {
    check_host("browser");
}

#[test]
fn go_answers_with_the_bytes_of_the_core() {
    check_host("go");
}

#[test]
fn go_answers_with_the_same_bytes_when_translated() {
    check_host("go-translated");
}

#[test]
fn jco_answers_with_the_bytes_of_the_core() {
    check_host("jco");
}

#[test]
fn python_answers_with_the_bytes_of_the_core() {
    check_host("python");
}

/// The comparison finds a single byte.
#[test]
fn a_host_that_answers_otherwise_is_found() {
    let echo = Process::start("echo", Command::new("sed").args(["-u", "s/.*/[]/"])).unwrap();
    let roster = Roster::empty();
    let check = Call::of("planner.check").with("roster", &roster);
    let select = Call::of("planner.select")
        .with("roster", &roster)
        .with("request", &Request::default())
        .with("now", &1_u64);
    let native = native(&[check.clone(), select.clone()]);
    let came = echo.ask(&[check, select]).unwrap();
    assert_eq!(native[0], came[0]);
    assert_ne!(native[1], came[1]);
}

fn native(calls: &[Call]) -> Vec<String> {
    let answer = |call: &Call| {
        call.answer(&Native)
            .unwrap_or_else(|e| panic!("{}: {e}", call.line()))
    };
    calls.iter().map(answer).collect()
}

/// Every function of the planner, on the core and on the component; also about numbers that only
/// hosts with 64 bits hold.
fn check_planner(component: &Component, roster: &Roster, act: &Act, now: u64) {
    let mut context = Context::new("acme", "tester", now);
    for size in [None, Some(0), Some(512_001), Some(u64::MAX)] {
        let request = Request { size };
        assert_eq!(
            component.select(roster, &request, now),
            Native.select(roster, &request, now)
        );
    }
    match act {
        Act::Command(command, by) => {
            context.by = *by;
            assert_eq!(
                component.plan(roster, command, &context),
                Native.plan(roster, command, &context)
            );
        }
        Act::Observe(observation) => {
            let observed = component.observe(roster, observation, &context);
            assert_eq!(observed, Native.observe(roster, observation, &context));
        }
    }
    assert_eq!(component.check(roster), Native.check(roster));
    assert_eq!(component.due(roster, now), Native.due(roster, now));
    let copies: Vec<BackendId> = (0..9_u8)
        .map(|n| format!("id-{n}").as_str().into())
        .collect();
    for id in &copies {
        assert_eq!(
            component.next_due(roster, id, now),
            Native.next_due(roster, id, now)
        );
    }
    assert_eq!(
        component.route_read(roster, &copies, now),
        Native.route_read(roster, &copies, now)
    );
    assert_eq!(
        component.create_organization(&copies[0], &context),
        Native.create_organization(&copies[0], &context)
    );
}

/// The use case of an act, and then a resolution, on both: the same answers, the same roster
/// afterwards, the same probes.
fn check_control(component: &Component, given: &Given, act: &Act, now: u64) {
    let mut context = Context::new("acme", "tester", now);
    let use_case = match act {
        Act::Command(command, by) => {
            context.by = *by;
            match command.clone() {
                PolicyCommand::Create(create) => UseCase::Create(create),
                PolicyCommand::Update(update) => UseCase::Update(update),
                PolicyCommand::Delete { backend } => UseCase::Delete(backend),
                PolicyCommand::SetPolicy(policy) => UseCase::SetPolicy(policy),
            }
        }
        Act::Observe(observation) => UseCase::Validate(observation.backend.clone()),
    };
    let (answer, left) = Native.control(given, &use_case, &context).unwrap();
    assert_eq!(
        component.control(given, &use_case, &context).unwrap(),
        (answer, left.clone())
    );
    let afterwards = Given {
        roster: left.roster,
        ..given.clone()
    };
    let resolve = UseCase::Resolve(Request::default());
    let resolved = Native.control(&afterwards, &resolve, &context).unwrap();
    assert!(matches!(resolved.0, Answer::Resolved(_)));
    assert_eq!(
        component.control(&afterwards, &resolve, &context).unwrap(),
        resolved
    );
}

thread_local!(static COMPONENT: Component = Component::embedded().unwrap());

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_component_answers_as_the_core_does(
        roster in broken_roster(),
        acts in vec(act(), 1..4),
        now in sample::select(vec![0, 1_000, 100_000, 253_402_300_799_999, u64::MAX]),
    ) {
        COMPONENT.with(|component| {
            for act in &acts {
                check_planner(component, &roster, act, now);
            }
        });
    }

    #[test]
    fn the_use_cases_do_what_the_core_does(
        roster in broken_roster(),
        acts in vec(act(), 1..4),
        outcomes in btree_map(
            (0..8_u8).prop_map(|n| format!("id-{n}")),
            sample::select(FailureClass::ALL.to_vec()),
            0..5
        ),
        conflicts in prop_oneof![5 => Just(0), 2 => 1..8_u64, 1 => Just(8)],
        now in sample::select(vec![1_000, 100_000]),
    ) {
        let failed = |class| Outcome::Failed(backstop_core::Failure::new(class, ""));
        let given = Given {
            // Revision 0 stands for no organization, which a stored one cannot have.
            roster: Some(Roster { revision: roster.revision.max(1), ..roster }),
            outcomes: outcomes.into_iter().map(|(id, class)| (id, failed(class))).collect(),
            finished_at: now,
            conflicts,
            ..Given::default()
        };
        COMPONENT.with(|component| {
            for act in &acts {
                check_control(component, &given, act, now);
            }
        });
    }
}
