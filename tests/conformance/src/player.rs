use backstop_core::{
    BackendId, Code, Command, Context, ControlError, Create, Observation, Plan, Request, Update,
};
use serde_json::{Value, json};

use crate::{
    Engine, Host, Memory, ScriptedValidator, answer,
    engine::outcome,
    vector::{Action, Case, Step},
};

/// Plays vectors on a host that is written in Rust.
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

    fn step(&self, storage: &Memory, step: &Step) -> Result<Value, String> {
        let engine = &self.0;
        let at = step.at;
        let mut context = Context::new("vectors", "runner", at);
        if let Action::CreateOrganization { id } = &step.action {
            if storage.roster().is_ok() {
                return Ok(json!({ "refused": [Code::OrganizationTaken.as_str()] }));
            }
            let plan = engine.create_organization(id.as_str().into(), &context)?;
            return commit(storage, 0, plan, None);
        }
        let Ok(roster) = storage.roster() else {
            return Ok(json!({ "refused": [Code::OrganizationNotFound.as_str()] }));
        };
        let mut command =
            |by: crate::vector::ByData, command: Command, subject: Option<&BackendId>| {
                context.by = by.by();
                commit(
                    storage,
                    roster.revision,
                    engine.plan(&roster, &command, &context)?,
                    subject,
                )
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
                commit(storage, roster.revision, Ok(observed.plan), Some(&id))
            }
            Action::Select { size } => Ok(answer::selection(&engine.select(
                &roster,
                &Request { size: *size },
                at,
            )?)),
            Action::Resolve { size, validator } => {
                let validator = ScriptedValidator::new(validator.clone(), at);
                let resolution =
                    engine.resolve(storage, &validator, &Request { size: *size }, &context)?;
                let resolution = resolution.map_err(|error: ControlError| error.to_string())?;
                let mut said = answer::selection(&resolution.answer);
                said["due"] = answer::ids(&resolution.due);
                said["probed"] = answer::ids(&validator.probed());
                said["revision"] = json!(storage.roster().map_or(0, |roster| roster.revision));
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
        let storage = Memory::new(case.roster());
        case.steps
            .iter()
            .zip(1..)
            .map(|(step, number)| {
                self.step(&storage, step)
                    .map_err(|problem| format!("step {number}: {problem}"))
            })
            .collect()
    }
}

fn commit(
    storage: &Memory,
    expected: u64,
    plan: Result<Plan, Vec<Code>>,
    subject: Option<&BackendId>,
) -> Result<Value, String> {
    let plan = match plan {
        Ok(plan) => plan,
        Err(codes) => return Ok(json!({ "refused": answer::codes(&codes) })),
    };
    if !plan.change_set.is_empty() {
        storage
            .swap(expected, &plan.change_set)
            .map_err(|error| format!("{error:?}"))?;
    }
    let roster = storage.roster().map_err(|error| format!("{error:?}"))?;
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
