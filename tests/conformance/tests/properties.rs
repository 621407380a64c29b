//! The invariants, over random sequences of commands and over random broken rosters.

use std::collections::BTreeSet;

use backstop_conformance::random::{Act, act, broken_roster};
use backstop_core::{
    BackendId, Code, Context, EventKind, Kind, Mode, Observation, Plan, Position, Request, Roster,
    Verdict, apply, check, create_organization, due, next_due, observe, plan, route_read, select,
};
use proptest::{collection::vec, prelude::*, sample};

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
