//! The component against the core: the same answer to every question, over random rosters.

mod random;

use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Poll, Waker},
};

use backstop::policy::Policy;
use backstop_conformance::{Component, Engine, Memory, Native, ScriptedValidator};
use backstop_core::{
    BackendId, Command, Context, ControlError, FailureClass, Observation, Plan, Request, Roster,
    control,
};
use proptest::{collection::vec, prelude::*, sample};
use random::{Act, act, broken_roster};

fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(answer) = future
            .as_mut()
            .poll(&mut std::task::Context::from_waker(Waker::noop()))
        {
            return answer;
        }
    }
    panic!("storage and validator answered, and the use case waits");
}

/// Every function of the planner, on both.
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
        component.create_organization(copies[0].clone(), &context),
        Native.create_organization(copies[0].clone(), &context)
    );
}

/// The use case of an act, on both: the same answer, the same roster afterwards, the same probes.
fn check_control(
    policy: &Policy,
    roster: &Roster,
    act: &Act,
    script: &BTreeMap<String, String>,
    now: u64,
) {
    let storages = [
        Memory::new(Some(roster.clone())),
        Memory::new(Some(roster.clone())),
    ];
    let validators = [(); 2].map(|()| ScriptedValidator::new(script.clone(), now));
    let mut context = Context::new("acme", "tester", now);
    let [native, through] = &storages;
    let [told, told_through] = &validators;
    let answers: [Result<Plan, ControlError>; 2] = match act {
        Act::Command(command, by) => {
            context.by = *by;
            match command {
                Command::Create(create) => [
                    ready(control::create(native, told, create, &context)),
                    ready(policy.create(through, told_through, create, &context)).unwrap(),
                ],
                Command::Update(update) => [
                    ready(control::update(native, told, update, &context)),
                    ready(policy.update(through, told_through, update, &context)).unwrap(),
                ],
                Command::Delete { backend } => [
                    ready(control::delete(native, backend, &context)),
                    ready(policy.delete(through, told_through, backend, &context)).unwrap(),
                ],
                Command::SetPolicy(settings) => [
                    ready(control::set_policy(native, settings, &context)),
                    ready(policy.set_policy(through, told_through, settings, &context)).unwrap(),
                ],
            }
        }
        Act::Observe(Observation { backend, .. }) => {
            let one = ready(control::validate(native, told, backend, &context));
            let other = ready(policy.validate(through, told_through, backend, &context)).unwrap();
            assert_eq!(one, other);
            [
                one.map(|validation| validation.plan),
                other.map(|validation| validation.plan),
            ]
        }
    };
    assert_eq!(answers[0], answers[1]);
    let resolved = ready(control::resolve(
        native,
        told,
        &Request::default(),
        &context,
    ));
    let through_it =
        ready(policy.resolve(through, told_through, &Request::default(), &context)).unwrap();
    assert_eq!(resolved, through_it);
    assert_eq!(native.roster(), through.roster());
    assert_eq!(told.probed(), told_through.probed());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn the_component_answers_as_the_core_does(
        roster in broken_roster(),
        acts in vec(act(), 1..4),
        now in sample::select(vec![0, 1_000, 100_000, 253_402_300_799_999, u64::MAX]),
    ) {
        thread_local!(static COMPONENT: Component = Component::embedded().unwrap());
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
        outcomes in vec(sample::select(FailureClass::ALL.to_vec()), 4),
        now in sample::select(vec![1_000, 100_000]),
    ) {
        thread_local!(static POLICY: Policy = Policy::embedded().unwrap());
        // Revision 0 stands for no organization, which a stored one cannot have.
        let roster = Roster { revision: roster.revision.max(1), ..roster };
        let script = (0..4_u8).zip(outcomes).map(|(n, class)| (format!("id-{n}"), class.code().to_owned())).collect();
        POLICY.with(|policy| {
            for act in &acts {
                check_control(policy, &roster, act, &script, now);
            }
        });
    }
}
