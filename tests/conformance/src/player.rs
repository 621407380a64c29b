use backstop_core::{
    BackendId, Code, Command, Context, Create, Observation, Plan, Request, Roster, Update, apply,
};
use serde_json::{Value, json};

use crate::{
    Answer, Engine, Given, Host, UseCase, answer,
    engine::outcome,
    vector::{Action, Case, Step},
};

/// Plays vectors on a host.
///
/// Commands are planned and then committed, as the use cases do it; their probes are the vectors'
/// `checked`.
#[derive(Debug)]
pub struct Player<E>(E);

impl<E: Engine> Player<E> {
    /// Returns a host that plays on the engine.
    pub fn new(engine: E) -> Self {
        Self(engine)
    }

    fn step(&self, stored: &mut Option<Roster>, step: &Step) -> Result<Value, String> {
        let engine = &self.0;
        let at = step.at;
        let mut context = Context::new("vectors", "runner", at);
        if let Action::CreateOrganization { id } = &step.action {
            if stored.is_some() {
                return Ok(json!({ "refused": [Code::OrganizationTaken.as_str()] }));
            }
            let plan = engine.create_organization(&id.as_str().into(), &context)?;
            return commit(stored, plan, None);
        }
        let Some(roster) = stored.clone() else {
            return Ok(json!({ "refused": [Code::OrganizationNotFound.as_str()] }));
        };
        let mut command =
            |by: crate::vector::ByData, command: Command, subject: Option<&BackendId>| {
                context.by = by.by();
                commit(stored, engine.plan(&roster, &command, &context)?, subject)
            };
        match &step.action {
            Action::CreateOrganization { .. } => Err("created above".into()),
            Action::Create {
                backend: data,
                default,
                fallback,
                checked,
                by,
            } => {
                let backend = data.backend();
                let create = Create {
                    id: backend.id.clone(),
                    name: backend.name.as_str().into(),
                    kind: backend.kind,
                    provider: backend.provider,
                    location: backend.location,
                    description: backend.description,
                    max_blob_bytes: data.max_blob_bytes,
                    mode: backend.mode,
                    default: *default,
                    fallback: *fallback,
                    checked: *checked,
                };
                command(*by, Command::Create(create), Some(&backend.id))
            }
            Action::Update {
                backend,
                by,
                description,
                max_blob_bytes,
                default,
                fallback,
                mode,
                rotate,
                checked,
            } => {
                let id = BackendId::from(backend.as_str());
                let update = Update {
                    backend: id.clone(),
                    description: description.clone(),
                    max_blob_bytes: *max_blob_bytes,
                    default: *default,
                    fallback: *fallback,
                    mode: mode.map(crate::vector::ModeData::mode),
                    rotate: *rotate,
                    checked: *checked,
                };
                command(*by, Command::Update(update), Some(&id))
            }
            Action::Delete { backend, by } => command(
                *by,
                Command::Delete {
                    backend: backend.as_str().into(),
                },
                None,
            ),
            Action::SetPolicy { policy } => command(
                Default::default(),
                Command::SetPolicy(policy.policy()),
                None,
            ),
            Action::Observe {
                backend,
                outcome: code,
                generation,
                finished_at,
            } => {
                let id = BackendId::from(backend.as_str());
                let current = roster.backend(&id).map_or(1, |backend| backend.generation);
                let observation = Observation {
                    backend: id.clone(),
                    generation: generation.unwrap_or(current),
                    finished_at: finished_at.unwrap_or(at),
                    outcome: outcome(code),
                };
                let observed = engine.observe(&roster, &observation, &context)?;
                commit(stored, Ok(observed.plan), Some(&id))
            }
            Action::Select { size } => Ok(answer::selection(&engine.select(
                &roster,
                &Request { size: *size },
                at,
            )?)),
            Action::Resolve { size, validator } => {
                let given = Given {
                    roster: Some(roster),
                    outcomes: validator
                        .iter()
                        .map(|(id, code)| (id.clone(), outcome(code)))
                        .collect(),
                    finished_at: at,
                    ..Given::default()
                };
                let use_case = UseCase::Resolve(Request { size: *size });
                let (answer, left) = engine.control(&given, &use_case, &context)?;
                let Answer::Resolved(resolution) = answer else {
                    return Err("`resolve` has the answer of another use case".into());
                };
                let resolution = resolution.map_err(|error| error.to_string())?;
                let mut said = answer::selection(&resolution.answer);
                said["due"] = answer::ids(&resolution.due);
                said["probed"] = left.probed.iter().map(|(id, _)| id.as_str()).collect();
                said["revision"] = json!(left.roster.as_ref().map_or(0, |roster| roster.revision));
                *stored = left.roster;
                Ok(said)
            }
            Action::Due {} => Ok(json!({ "due": answer::ids(&engine.due(&roster, at)?) })),
            Action::NextDue { backend } => {
                Ok(json!({ "next": engine.next_due(&roster, &backend.as_str().into(), at)? }))
            }
            Action::RouteRead { copies } => {
                let copies: Vec<BackendId> = copies.iter().map(|id| id.as_str().into()).collect();
                Ok(json!({ "try": answer::tries(&engine.route_read(&roster, &copies, at)?) }))
            }
            Action::Check {} => Ok(json!({ "violations": answer::codes(&engine.check(&roster)?) })),
        }
    }
}

impl<E: Engine> Host for Player<E> {
    fn play(&mut self, case: &Case) -> Result<Vec<Value>, String> {
        let mut stored = case.roster();
        case.steps
            .iter()
            .zip(1..)
            .map(|(step, number)| {
                self.step(&mut stored, step)
                    .map_err(|problem| format!("step {number}: {problem}"))
            })
            .collect()
    }
}

/// Commits as a storage does, and says what came of it.
fn commit(
    stored: &mut Option<Roster>,
    plan: Result<Plan, Vec<Code>>,
    subject: Option<&BackendId>,
) -> Result<Value, String> {
    let plan = match plan {
        Ok(plan) => plan,
        Err(codes) => return Ok(json!({ "refused": answer::codes(&codes) })),
    };
    let before = stored.take().unwrap_or_else(Roster::empty);
    let roster = apply(&before, &plan.change_set);
    *stored = Some(roster.clone());
    if roster != plan.roster {
        return Err(
            "INV-7: applying the change-set gave another roster than the planned one".into(),
        );
    }
    let health = subject
        .and_then(|id| roster.backend(id))
        .map(|backend| answer::health(&backend.health));
    Ok(json!({
        "events": answer::events(&plan.change_set.events),
        "roster": answer::roster(&roster),
        "health": health,
    }))
}
