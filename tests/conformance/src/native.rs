use backstop_core::{
    BackendId, ChangeSet, Code, Command, Context, Decision, Observation, Observed, Plan, ReadTry,
    Refusal, Request, Roster, apply, check, control, create_organization, due, next_due, observe,
    plan, route_read, select,
};

use crate::{Answer, Engine, Given, Left, UseCase, World, engine::ready};

/// The core itself.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Engine for Native {
    fn apply(&self, roster: &Roster, change_set: &ChangeSet) -> Result<Roster, String> {
        Ok(apply(roster, change_set))
    }

    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String> {
        Ok(check(roster))
    }

    fn create_organization(
        &self,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        Ok(create_organization(inline.clone(), context))
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

    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String> {
        Ok(observe(roster, observation, context))
    }

    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        Ok(plan(roster, command, context))
    }

    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String> {
        Ok(route_read(roster, copies, now))
    }

    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String> {
        Ok(select(roster, request, now))
    }

    fn control(
        &self,
        given: &Given,
        use_case: &UseCase,
        context: &Context,
    ) -> Result<(Answer, Left), String> {
        let world = World::new(given.clone());
        let answering = async {
            match use_case {
                UseCase::Create(create) => {
                    Answer::Planned(control::create(&world, &world, create, context).await)
                }
                UseCase::CreateOrganization(inline) => Answer::Planned(
                    control::create_organization(&world, inline.clone(), context).await,
                ),
                UseCase::Delete(backend) => {
                    Answer::Planned(control::delete(&world, backend, context).await)
                }
                UseCase::Resolve(request) => {
                    Answer::Resolved(control::resolve(&world, &world, request, context).await)
                }
                UseCase::SetPolicy(policy) => {
                    Answer::Planned(control::set_policy(&world, policy, context).await)
                }
                UseCase::Update(update) => {
                    Answer::Planned(control::update(&world, &world, update, context).await)
                }
                UseCase::Validate(backend) => {
                    Answer::Validated(control::validate(&world, &world, backend, context).await)
                }
            }
        };
        let answer = ready(answering)?;
        Ok((answer, world.left()))
    }
}
