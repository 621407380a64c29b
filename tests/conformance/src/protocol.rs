//! How hosts in other languages are asked: requests and answers as `tests/hosts/README.md` has them.

use backstop_core::{BackendId, Context, Outcome, Roster};
use serde_json::{Map, Value, json};

use crate::{
    Answer, Engine, Given, Left, UseCase,
    canonical::{Canonical, spell},
};

/// A request: what is called, and its parameters by name.
#[derive(Clone, Debug)]
pub struct Call(Map<String, Value>);

impl Call {
    /// Returns a call of a function without parameters yet, such as `planner.select`.
    pub fn of(function: &str) -> Self {
        Self(Map::from_iter([("call".to_owned(), function.into())]))
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Canonical) -> Self {
        self.0.insert(name.to_owned(), value.to_json());
        self
    }

    /// Returns the call of a use case.
    pub fn control(given: &Given, use_case: &UseCase, context: &Context) -> Self {
        let call = match use_case {
            UseCase::Create(create) => Self::of("control.create").with("create", create),
            UseCase::CreateOrganization(inline) => {
                Self::of("control.create-organization").with("inline", inline)
            }
            UseCase::Delete(backend) => Self::of("control.delete").with("backend", backend),
            UseCase::Resolve(request) => Self::of("control.resolve").with("request", request),
            UseCase::SetPolicy(policy) => Self::of("control.set-policy").with("policy", policy),
            UseCase::Update(update) => Self::of("control.update").with("update", update),
            UseCase::Validate(backend) => Self::of("control.validate").with("backend", backend),
        };
        let outcomes = given.outcomes.iter();
        let outcomes: Map<_, _> = outcomes
            .map(|(id, outcome)| (id.clone(), outcome.to_json()))
            .collect();
        let mut call = call.with("context", context);
        call.0.insert(
            "given".to_owned(),
            json!({
                "roster": given.roster.to_json(),
                "outcomes": outcomes,
                "finished-at": given.finished_at,
                "conflicts": given.conflicts,
                "load-error": given.load_error,
                "commit-error": given.commit_error,
            }),
        );
        call
    }

    /// Returns the request on one line.
    pub fn line(&self) -> String {
        // The map is sorted, so this is the canonical spelling.
        Value::Object(self.0.clone()).to_string()
    }

    /// Lowers numbers to what every host holds: one less than 2^53 - 1, so that counting one on does
    /// not leave the range.
    #[must_use]
    pub(crate) fn held(mut self) -> Self {
        self.0.values_mut().for_each(hold);
        self
    }

    fn take<T: Canonical>(&self, name: &str) -> Result<T, String> {
        let value = self.0.get(name).ok_or_else(|| format!("no `{name}`"))?;
        T::from_json(value).map_err(|problem| format!("{name}: {problem}"))
    }

    /// Answers the call with a host that is written in Rust, as a player does.
    ///
    /// # Errors
    ///
    /// The call is none that a player knows, or the host itself failed.
    pub fn answer(&self, engine: &impl Engine) -> Result<String, String> {
        let function: String = self.take("call")?;
        let roster = || self.take::<Roster>("roster");
        let context = || self.take::<Context>("context");
        let now = || self.take::<u64>("now");
        let answer = match function.as_str() {
            "planner.apply" => engine
                .apply(&roster()?, &self.take("change-set")?)?
                .to_json(),
            "planner.check" => engine.check(&roster()?)?.to_json(),
            "planner.create-organization" => engine
                .create_organization(&self.take("inline")?, &context()?)?
                .to_json(),
            "planner.due" => engine.due(&roster()?, now()?)?.to_json(),
            "planner.next-due" => engine
                .next_due(&roster()?, &self.take("backend")?, now()?)?
                .to_json(),
            "planner.observe" => engine
                .observe(&roster()?, &self.take("observation")?, &context()?)?
                .to_json(),
            "planner.plan" => engine
                .plan(&roster()?, &self.take("command")?, &context()?)?
                .to_json(),
            "planner.route-read" => {
                let copies: Vec<BackendId> = self.take("copies")?;
                engine.route_read(&roster()?, &copies, now()?)?.to_json()
            }
            "planner.select" => engine
                .select(&roster()?, &self.take("request")?, now()?)?
                .to_json(),
            function => self.answer_use_case(function, engine)?,
        };
        Ok(spell(&answer))
    }

    fn answer_use_case(&self, function: &str, engine: &impl Engine) -> Result<Value, String> {
        let use_case = match function {
            "control.create" => UseCase::Create(self.take("create")?),
            "control.create-organization" => UseCase::CreateOrganization(self.take("inline")?),
            "control.delete" => UseCase::Delete(self.take("backend")?),
            "control.resolve" => UseCase::Resolve(self.take("request")?),
            "control.set-policy" => UseCase::SetPolicy(self.take("policy")?),
            "control.update" => UseCase::Update(self.take("update")?),
            "control.validate" => UseCase::Validate(self.take("backend")?),
            unknown => return Err(format!("unknown call `{unknown}`")),
        };
        let given = Self(
            self.0
                .get("given")
                .and_then(Value::as_object)
                .ok_or("no `given`")?
                .clone(),
        );
        let outcomes = given.0.get("outcomes").and_then(Value::as_object);
        let outcomes: Result<_, String> = outcomes
            .ok_or("no `outcomes`")?
            .iter()
            .map(|(id, outcome)| Ok((id.clone(), Outcome::from_json(outcome)?)))
            .collect();
        let given = Given {
            roster: given.take("roster")?,
            outcomes: outcomes?,
            finished_at: given.take("finished-at")?,
            conflicts: given.take("conflicts")?,
            load_error: given.take("load-error")?,
            commit_error: given.take("commit-error")?,
        };
        let (answer, left) = engine.control(&given, &use_case, &self.take("context")?)?;
        let result = match answer {
            Answer::Planned(plan) => plan.to_json(),
            Answer::Resolved(resolution) => resolution.to_json(),
            Answer::Validated(validation) => validation.to_json(),
        };
        let probed = left.probed.iter();
        let probed: Vec<Value> = probed
            .map(|(id, generation)| json!([id.as_str(), generation]))
            .collect();
        Ok(json!({
            "commits": left.commits,
            "probed": probed,
            "result": result,
            "roster": left.roster.to_json(),
        }))
    }
}

fn hold(value: &mut Value) {
    const LARGEST: u64 = (1 << 53) - 2;
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|number| number > LARGEST) => {
            *value = LARGEST.into();
        }
        Value::Array(items) => items.iter_mut().for_each(hold),
        Value::Object(fields) => fields.values_mut().for_each(hold),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads the answer to a call of a use case.
///
/// # Errors
///
/// Returns one line that says what is wrong with it.
pub fn use_case_answer(use_case: &UseCase, answer: &Value) -> Result<(Answer, Left), String> {
    let field = |name: &str| {
        answer
            .get(name)
            .ok_or_else(|| format!("no `{name}` in `{answer}`"))
    };
    let result = field("result")?;
    let read = match use_case {
        UseCase::Resolve(_) => Answer::Resolved(Canonical::from_json(result)?),
        UseCase::Validate(_) => Answer::Validated(Canonical::from_json(result)?),
        UseCase::Create(_)
        | UseCase::CreateOrganization(_)
        | UseCase::Delete(_)
        | UseCase::SetPolicy(_)
        | UseCase::Update(_) => Answer::Planned(Canonical::from_json(result)?),
    };
    let probed = field("probed")?.as_array().ok_or("`probed` is no list")?;
    let probed: Result<_, String> = probed
        .iter()
        .map(|probe| {
            let part = |index: usize| probe.get(index).ok_or_else(|| format!("probe `{probe}`"));
            Ok((
                Canonical::from_json(part(0)?)?,
                Canonical::from_json(part(1)?)?,
            ))
        })
        .collect();
    let left = Left {
        commits: Canonical::from_json(field("commits")?)?,
        probed: probed?,
        roster: Canonical::from_json(field("roster")?)?,
    };
    Ok((read, left))
}
