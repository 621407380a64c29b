use std::cell::RefCell;

use backstop::policy::{Planner, Policy, PolicyError};
use backstop_core::{
    BackendId, ChangeSet, Code, Command, Context, ControlError, Decision, Observation, Observed,
    Plan, ReadTry, Refusal, Request, Roster,
};

use crate::{Answer, Engine, Given, Left, UseCase, World, engine::ready};

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
    fn apply(&self, roster: &Roster, change_set: &ChangeSet) -> Result<Roster, String> {
        plan!(self.apply(roster, change_set))
    }

    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String> {
        plan!(self.check(roster))
    }

    fn create_organization(
        &self,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        plan!(self.create_organization(inline, context))
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

    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String> {
        plan!(self.observe(roster, observation, context))
    }

    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        plan!(self.plan(roster, command, context))
    }

    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String> {
        plan!(self.route_read(roster, copies, now))
    }

    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String> {
        plan!(self.select(roster, request, now))
    }

    fn control(
        &self,
        given: &Given,
        use_case: &UseCase,
        context: &Context,
    ) -> Result<(Answer, Left), String> {
        let world = World::new(given.clone());
        let (policy, planned) = (
            &self.policy,
            |answer: Result<Result<Plan, ControlError>, PolicyError>| answer.map(Answer::Planned),
        );
        let answering = async {
            match use_case {
                UseCase::Create(create) => {
                    planned(policy.create(&world, &world, create, context).await)
                }
                UseCase::CreateOrganization(inline) => planned(
                    policy
                        .create_organization(&world, &world, inline, context)
                        .await,
                ),
                UseCase::Delete(backend) => {
                    planned(policy.delete(&world, &world, backend, context).await)
                }
                UseCase::Resolve(request) => policy
                    .resolve(&world, &world, request, context)
                    .await
                    .map(Answer::Resolved),
                UseCase::SetPolicy(settings) => {
                    planned(policy.set_policy(&world, &world, settings, context).await)
                }
                UseCase::Update(update) => {
                    planned(policy.update(&world, &world, update, context).await)
                }
                UseCase::Validate(backend) => policy
                    .validate(&world, &world, backend, context)
                    .await
                    .map(Answer::Validated),
            }
        };
        let answer = ready(answering)?.map_err(|e| e.to_string())?;
        Ok((answer, world.left()))
    }
}
