use std::{
    pin::pin,
    task::{Poll, Waker},
};

use backstop_core::{
    BackendId, Code, Command, Context, ControlError, Decision, Observation, Observed, Plan,
    ReadTry, Refusal, Request, Resolution, Roster, check, control, create_organization, due,
    next_due, observe, plan, route_read, select,
};

use crate::{Engine, Memory, ScriptedValidator};

/// The core itself.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Engine for Native {
    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String> {
        Ok(select(roster, request, now))
    }

    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        Ok(plan(roster, command, context))
    }

    fn create_organization(
        &self,
        inline: BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        Ok(create_organization(inline, context))
    }

    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String> {
        Ok(observe(roster, observation, context))
    }

    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String> {
        Ok(check(roster))
    }

    fn due(&self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, String> {
        Ok(due(roster, now))
    }

    fn next_due(
        &self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, String> {
        Ok(next_due(roster, backend, now))
    }

    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String> {
        Ok(route_read(roster, copies, now))
    }

    fn resolve(
        &self,
        storage: &Memory,
        validator: &ScriptedValidator,
        request: &Request,
        context: &Context,
    ) -> Result<Result<Resolution, ControlError>, String> {
        // Memory and script answer at once, so one poll is enough.
        let resolving = pin!(control::resolve(storage, validator, request, context));
        match resolving.poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Ok(answer),
            Poll::Pending => {
                Err("the use case waits although storage and validator answered".into())
            }
        }
    }
}
