use std::{
    pin::pin,
    task::{Context as Waiting, Poll, Waker},
};

use backstop_core::{
    BackendId, ChangeSet, Code, Command, Context, ControlError, Create, Decision, Failure,
    FailureClass, Observation, Observed, Outcome, Plan, Policy, ReadTry, Refusal, Request,
    Resolution, Roster, Update, Validation,
};

use crate::{Given, Left};

/// The policy as a host offers it. The outer error is the host's own failure.
#[expect(missing_docs, reason = "each is the core's function of that name")]
pub trait Engine {
    fn apply(&self, roster: &Roster, change_set: &ChangeSet) -> Result<Roster, String>;
    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String>;
    fn create_organization(
        &self,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String>;
    fn due(&self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, String>;
    fn next_due(
        &self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, String>;
    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String>;
    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String>;
    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String>;
    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String>;

    /// A use case, over a storage and a validator of the host's own that do as given.
    fn control(
        &self,
        given: &Given,
        use_case: &UseCase,
        context: &Context,
    ) -> Result<(Answer, Left), String>;
}

/// What is asked of `control`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the core's function of that name")]
pub enum UseCase {
    Create(Create),
    CreateOrganization(BackendId),
    Delete(BackendId),
    Resolve(Request),
    SetPolicy(Policy),
    Update(Update),
    Validate(BackendId),
}

/// What `control` says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Of the use cases that change something.
    Planned(Result<Plan, ControlError>),
    /// Of `resolve`.
    Resolved(Result<Resolution, ControlError>),
    /// Of `validate`.
    Validated(Result<Validation, ControlError>),
}

/// Returns what a future comes to whose storage and validator answer at once.
///
/// # Errors
///
/// It waits all the same. A component may be told to come back later, but not for ever.
pub fn ready<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(answer) = future
            .as_mut()
            .poll(&mut Waiting::from_waker(Waker::noop()))
        {
            return Ok(answer);
        }
    }
    Err("the use case waits although storage and validator answered".into())
}

/// `ok`, or a failure of that class.
pub(crate) fn outcome(code: &str) -> Outcome {
    match code {
        "ok" => Outcome::Ok,
        class => Outcome::Failed(Failure::new(FailureClass::from_code(class), "")),
    }
}
