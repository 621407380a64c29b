use std::{
    cell::RefCell,
    pin::pin,
    task::{Poll, Waker},
};

use backstop::policy::{Planner, Policy};
use backstop_core::{
    BackendId, Code, Command, Context, ControlError, Decision, Observation, Observed, Plan,
    ReadTry, Refusal, Request, Resolution, Roster,
};

use crate::{Engine, Memory, ScriptedValidator};

/// The component in wasmtime, through the host's library.
pub struct Component {
    policy: Policy,
    planner: RefCell<Planner>,
}

impl Component {
    /// Returns the component that comes with the host.
    ///
    /// # Errors
    ///
    /// The engine cannot be set up on this machine.
    pub fn embedded() -> Result<Self, String> {
        let policy = Policy::embedded().map_err(|e| e.to_string())?;
        let planner = RefCell::new(policy.planner());
        Ok(Self { policy, planner })
    }
}

macro_rules! plan {
    ($self:ident.$function:ident($($argument:expr),*)) => {
        $self.planner.borrow_mut().$function($($argument),*).map_err(|e| e.to_string())
    };
}

impl Engine for Component {
    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String> {
        plan!(self.select(roster, request, now))
    }

    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        plan!(self.plan(roster, command, context))
    }

    fn create_organization(
        &self,
        inline: BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        plan!(self.create_organization(&inline, context))
    }

    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String> {
        plan!(self.observe(roster, observation, context))
    }

    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String> {
        plan!(self.check(roster))
    }

    fn due(&self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, String> {
        plan!(self.due(roster, now))
    }

    fn next_due(
        &self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, String> {
        plan!(self.next_due(roster, backend, now))
    }

    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String> {
        plan!(self.route_read(roster, copies, now))
    }

    fn resolve(
        &self,
        storage: &Memory,
        validator: &ScriptedValidator,
        request: &Request,
        context: &Context,
    ) -> Result<Result<Resolution, ControlError>, String> {
        // Memory and script answer at once, but the component may be told to come back later.
        let mut resolving = pin!(self.policy.resolve(storage, validator, request, context));
        let mut waiting = std::task::Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            if let Poll::Ready(answer) = resolving.as_mut().poll(&mut waiting) {
                return answer.map_err(|e| e.to_string());
            }
        }
        Err("the use case waits although storage and validator answered".into())
    }
}
