//! Every interleaving of two use cases on one organization, each step of each storage call.
//!
//! The storage gives way before each load and each commit, and a depth-first walk over the choices
//! of whom to run next plays every schedule there is. The number of schedules is pinned, so that a
//! use case that takes fewer or more steps is noticed.

use std::{
    cell::{Cell, RefCell},
    pin::Pin,
    task::{Poll, Waker},
};

use backstop_core::{
    BackendId, ChangeSet, CommitError, Context, ControlError, Create, Kind, Outcome, Plan, Probe,
    Roster, Storage, StorageError, Update, Validator, apply, check, control, create_organization,
};

/// A storage that gives way before each operation.
struct Stepped {
    roster: RefCell<Roster>,
    events: Cell<usize>,
}

impl Storage for Stepped {
    async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
        give_way().await;
        Ok(self.roster.borrow().clone())
    }

    async fn commit(
        &self,
        _organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        give_way().await;
        let mut roster = self.roster.borrow_mut();
        if roster.revision != expected {
            return Err(CommitError::Conflict);
        }
        *roster = apply(&roster, change_set);
        assert_eq!(check(&roster), [], "a commit broke an invariant");
        self.events.set(self.events.get() + change_set.events.len());
        Ok(())
    }
}

struct AlwaysOk;

impl Validator for AlwaysOk {
    async fn validate(&self, _organization: &str, _backend: &BackendId, _generation: u64) -> Probe {
        give_way().await;
        Probe {
            outcome: Outcome::Ok,
            finished_at: 2_000,
        }
    }
}

async fn give_way() {
    let mut asked = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut asked, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

type Answer = Result<Plan, ControlError>;
type UseCase = for<'s> fn(&'s Stepped, &'s Context) -> Pin<Box<dyn Future<Output = Answer> + 's>>;

const CREATE_DEFAULT: UseCase = |storage, context| {
    Box::pin(async move {
        let create = Create::new("new", "new", Kind::External, "OCI", "registry.example/new");
        control::create(
            storage,
            &AlwaysOk,
            &Create {
                default: true,
                ..create
            },
            context,
        )
        .await
    })
};
const CREATE_SAME_NAME: UseCase = |storage, context| {
    Box::pin(async move {
        let create = Create::new(
            "other",
            "new",
            Kind::External,
            "OCI",
            "registry.example/other",
        );
        control::create(
            storage,
            &AlwaysOk,
            &Create {
                fallback: true,
                ..create
            },
            context,
        )
        .await
    })
};
const DEMOTE_DEFAULT: UseCase = |storage, context| {
    Box::pin(async move {
        let update = Update {
            fallback: Some(true),
            ..Update::new("a")
        };
        control::update(storage, &AlwaysOk, &update, context).await
    })
};
const DELETE_FALLBACK: UseCase = |storage, context| {
    Box::pin(async move { control::delete(storage, &"b".into(), context).await })
};
const ROTATE: UseCase = |storage, context| {
    Box::pin(async move {
        control::update(
            storage,
            &AlwaysOk,
            &Update {
                rotate: true,
                ..Update::new("a")
            },
            context,
        )
        .await
    })
};

fn given() -> Roster {
    let context = Context::new("acme", "tester", 1_000);
    let mut roster = create_organization("inline".into(), &context)
        .unwrap()
        .roster;
    for id in ["a", "b"] {
        roster.backends.push(backstop_core::Backend::new(
            id,
            id,
            Kind::External,
            "OCI",
            "registry.example/r",
        ));
    }
    roster.default = Some("a".into());
    roster.fallbacks = vec!["b".into()];
    roster.route = Some("a".into());
    roster
}

/// Plays one schedule; `choices` says whom to run where both can. Returns the answers and how many
/// choices there were.
fn play(
    cases: [UseCase; 2],
    context: &Context,
    choices: &mut Vec<usize>,
) -> (Roster, [Answer; 2], usize) {
    let storage = Stepped {
        roster: RefCell::new(given()),
        events: Cell::new(0),
    };
    let mut running = cases.map(|case| Some(case(&storage, context)));
    let mut answers = [const { None }; 2];
    let (mut taken, mut events) = (0, 0);
    while running.iter().any(Option::is_some) {
        let next = match (&running[0], &running[1]) {
            (Some(_), Some(_)) => {
                if taken == choices.len() {
                    choices.push(0);
                }
                taken += 1;
                choices[taken - 1]
            }
            (Some(_), None) => 0,
            _ => 1,
        };
        let future = running[next].as_mut().unwrap().as_mut();
        if let Poll::Ready(answer) = future.poll(&mut std::task::Context::from_waker(Waker::noop()))
        {
            running[next] = None;
            events += answer
                .as_ref()
                .map_or(0, |plan: &Plan| plan.change_set.events.len());
            answers[next] = Some(answer);
        }
    }
    drop(running);
    // USE-4: the events that are stored are those of the commits that were made, each once.
    assert_eq!(storage.events.get(), events);
    (
        storage.roster.into_inner(),
        answers.map(Option::unwrap),
        taken,
    )
}

/// Plays every schedule: what came of it must be what one of the two orders gives, one after the
/// other. Returns how many schedules there are.
fn check_schedules(cases: [UseCase; 2], seen: Option<u64>) -> usize {
    let context = Context {
        seen,
        ..Context::new("acme", "tester", 2_000)
    };
    let serial = |first: usize| {
        let (roster, answers, _) = play(cases, &context, &mut vec![first; 64]);
        (
            roster,
            answers.map(|answer| answer.map(|plan| plan.roster.revision)),
        )
    };
    let serials = [serial(0), serial(1)];

    let mut choices = Vec::new();
    let mut schedules = 0;
    loop {
        let (roster, answers, taken) = play(cases, &context, &mut choices);
        schedules += 1;
        let outcome = (
            roster,
            answers.map(|answer| answer.map(|plan| plan.roster.revision)),
        );
        assert!(
            serials.contains(&outcome),
            "schedule {choices:?} gave {outcome:#?}"
        );
        choices.truncate(taken);
        while choices.pop_if(|last| *last == 1).is_some() {}
        match choices.last_mut() {
            Some(last) => *last = 1,
            None => return schedules,
        }
    }
}

#[test]
fn whatever_the_schedule_the_outcome_is_that_of_one_order() {
    let pinned = [
        (
            "create a default, demote the default",
            [CREATE_DEFAULT, DEMOTE_DEFAULT],
            35,
        ),
        ("two of one name", [CREATE_DEFAULT, CREATE_SAME_NAME], 70),
        (
            "demote the default, delete its successor",
            [DEMOTE_DEFAULT, DELETE_FALLBACK],
            20,
        ),
        ("delete twice", [DELETE_FALLBACK, DELETE_FALLBACK], 20),
    ];
    let counts: Vec<_> = pinned
        .iter()
        .map(|(name, cases, _)| (*name, check_schedules(*cases, None)))
        .collect();
    let expected: Vec<_> = pinned
        .iter()
        .map(|(name, _, count)| (*name, *count))
        .collect();
    assert_eq!(counts, expected);
}

/// USE-2: of two commands that saw the same revision, one is refused with `conflict`, always.
#[test]
fn a_command_that_saw_a_revision_is_refused_at_the_first_difference() {
    let schedules = check_schedules([DEMOTE_DEFAULT, DELETE_FALLBACK], Some(1));
    assert_eq!(schedules, 20);
}

/// Two rotations: what is stored must be what was probed, so one of them is told to start over.
#[test]
fn rotations_do_not_mix() {
    let mut choices = Vec::new();
    let context = Context::new("acme", "tester", 2_000);
    loop {
        let (roster, answers, taken) = play([ROTATE, ROTATE], &context, &mut choices);
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        let backend = roster.backend(&"a".into()).unwrap();
        assert_eq!(backend.generation, 1 + done as u64);
        choices.truncate(taken);
        while choices.pop_if(|last| *last == 1).is_some() {}
        match choices.last_mut() {
            Some(last) => *last = 1,
            None => break,
        }
    }
}
