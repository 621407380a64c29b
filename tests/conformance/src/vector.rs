//! Vector files, read strictly: an unknown key or a number out of range is an error, so that no
//! expectation is ever passed over.

use std::{fs, path::Path};

use backstop_core::{
    Backend, By, Failure, FailureClass, Health, Kind, LastResort, Mode, Policy, Request, Roster,
    Status, select,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The only format there is.
const FORMAT: u64 = 1;

/// Returns the cases of one file.
///
/// # Errors
///
/// Returns one line that names the file: it cannot be read, is not JSON, has an unknown format, or
/// has a key or a value that the format does not know.
pub fn read(path: &Path) -> Result<Vec<Case>, String> {
    let error = |problem: String| format!("{}: {problem}", path.display());
    let text = fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    let file: Value = serde_json::from_str(&text).map_err(|e| error(e.to_string()))?;
    match file.get("format") {
        Some(format) if *format == FORMAT => {}
        Some(format) => {
            return Err(error(format!(
                "unknown format `{format}`, expected `{FORMAT}`"
            )));
        }
        None => return Err(error(format!("no `format`, expected `{FORMAT}`"))),
    }
    let file: File = serde_json::from_value(file).map_err(|e| error(e.to_string()))?;
    file.cases
        .into_iter()
        .map(|case| {
            let name = case
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned();
            serde_json::from_value(without_nulls(case))
                .map_err(|e| error(format!("case `{name}`: {e}")))
        })
        .collect()
}

/// A field that is null is one that is left out, except in what is expected.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| match key.as_str() {
                "expect" => (key, value),
                _ => (key, without_nulls(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => value,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: u64,
    cases: Vec<Value>,
}

/// One case: a roster, and what happens to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// Why it matters, in a sentence.
    pub why: String,
    /// The ids of the rules that it shows.
    pub rules: Vec<String>,
    /// The roster at the start; none if there is no organization yet.
    pub given: Option<Given>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

impl Case {
    /// Returns the roster at the start: revision 1, and as `route` what `select` without a size
    /// uses at the first step's time.
    pub fn roster(&self) -> Option<Roster> {
        let mut roster = self.given.as_ref()?.roster();
        let at = self.steps.first().map_or(0, |step| step.at);
        roster.route = select(&roster, &Request::default(), at)
            .ok()
            .map(|decision| decision.backend.id);
        Some(roster)
    }
}

/// The roster at the start of a case, as far as it differs from the usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    #[serde(default)]
    backends: Vec<BackendData>,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    fallbacks: Vec<String>,
    #[serde(default)]
    policy: PolicyData,
}

impl Given {
    fn roster(&self) -> Roster {
        Roster {
            revision: 1,
            default: self.default.as_deref().map(Into::into),
            fallbacks: self.fallbacks.iter().map(|id| id.as_str().into()).collect(),
            policy: self.policy.policy(),
            route: None,
            backends: self.backends.iter().map(BackendData::backend).collect(),
        }
    }
}

/// A backend, as far as it differs from the usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackendData {
    name: String,
    id: Option<String>,
    kind: Option<KindData>,
    provider: Option<String>,
    location: Option<String>,
    #[serde(default)]
    description: String,
    /// The limit that the case names, if it names one.
    pub max_blob_bytes: Option<u64>,
    mode: Option<ModeData>,
    generation: Option<u64>,
    #[serde(default)]
    health: HealthData,
}

impl BackendData {
    /// Returns the whole backend.
    pub fn backend(&self) -> Backend {
        let kind = self.kind.map_or(Kind::External, KindData::kind);
        let inline = kind == Kind::Inline;
        let location = if inline {
            String::new()
        } else {
            format!("registry.example/{}", self.name)
        };
        let mut backend = Backend::new(
            self.id.as_ref().unwrap_or(&self.name),
            &self.name,
            kind,
            self.provider
                .as_deref()
                .unwrap_or(if inline { "INLINE" } else { "OCI" }),
            self.location.as_ref().unwrap_or(&location),
        );
        backend.description = self.description.clone();
        if let Some(limit) = self.max_blob_bytes {
            backend.max_blob_bytes = limit;
        }
        backend.mode = self.mode.map_or(Mode::Ready, ModeData::mode);
        backend.generation = self.generation.unwrap_or(1);
        backend.health = self.health.health();
        backend
    }
}

/// A health, as far as it differs from that of a new backend.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HealthData {
    status: StatusData,
    since: Option<u64>,
    checked_at: Option<u64>,
    failures: u32,
    successes: u32,
    failure: Option<String>,
    excuse: Option<String>,
}

impl HealthData {
    fn health(&self) -> Health {
        Health {
            status: match self.status {
                StatusData::Valid => Status::Valid,
                StatusData::Invalid => Status::Invalid,
            },
            since: self.since,
            checked_at: self.checked_at,
            failures: self.failures,
            successes: self.successes,
            failure: self
                .failure
                .as_deref()
                .map(|class| Failure::new(FailureClass::from_code(class), "")),
            excuse: self.excuse.as_deref().map(FailureClass::from_code),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StatusData {
    #[default]
    Valid,
    Invalid,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindData {
    External,
    Inline,
    Managed,
}

impl KindData {
    fn kind(self) -> Kind {
        match self {
            Self::External => Kind::External,
            Self::Inline => Kind::Inline,
            Self::Managed => Kind::Managed,
        }
    }
}

/// The mode of a backend.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModeData {
    /// No new writes.
    Drain,
    /// Nothing.
    Maintenance,
    /// Everything.
    Ready,
}

impl ModeData {
    /// Returns the core's word for it.
    pub fn mode(self) -> Mode {
        match self {
            Self::Drain => Mode::Drain,
            Self::Maintenance => Mode::Maintenance,
            Self::Ready => Mode::Ready,
        }
    }
}

/// A policy, as far as it differs from the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PolicyData {
    max_fallbacks: Option<u64>,
    fall: Option<u64>,
    rise: Option<u64>,
    hold_down: Option<u64>,
    stale_after: Option<u64>,
    check_every: Option<u64>,
    check_others_every: Option<u64>,
    tail: Vec<KindData>,
    last_resort: Option<LastResortData>,
}

impl PolicyData {
    /// Returns the whole policy.
    pub fn policy(&self) -> Policy {
        let usual = Policy::default();
        // What is too large for the type is out of range too.
        let count = |given: Option<u64>, usual| {
            given.map_or(usual, |n| u32::try_from(n).unwrap_or(u32::MAX))
        };
        Policy {
            max_fallbacks: count(self.max_fallbacks, usual.max_fallbacks),
            fall: count(self.fall, usual.fall),
            rise: count(self.rise, usual.rise),
            hold_down: self.hold_down.unwrap_or(usual.hold_down),
            stale_after: self.stale_after.unwrap_or(usual.stale_after),
            check_every: self.check_every.unwrap_or(usual.check_every),
            check_others_every: self.check_others_every.unwrap_or(usual.check_others_every),
            tail: self.tail.iter().map(|kind| kind.kind()).collect(),
            last_resort: match self.last_resort {
                Some(LastResortData::LeastBad) => LastResort::LeastBad,
                Some(LastResortData::Refuse) | None => LastResort::Refuse,
            },
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LastResortData {
    LeastBad,
    Refuse,
}

/// One step of a case.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Step {
    /// The time, in milliseconds since the epoch.
    pub at: u64,
    /// What happens.
    pub action: Action,
    /// What must come of it: the keys that are compared.
    pub expect: Map<String, Value>,
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = String;

    fn try_from(mut step: Map<String, Value>) -> Result<Self, String> {
        let at = step.remove("at").ok_or("a step has no `at`")?;
        let at = at
            .as_u64()
            .ok_or_else(|| format!("`at` is `{at}`, expected a time in milliseconds"))?;
        let expect = match step.remove("expect") {
            Some(Value::Object(expect)) => expect,
            _ => return Err("a step has no `expect`".into()),
        };
        let action = serde_json::from_value(Value::Object(step)).map_err(|e| e.to_string())?;
        Ok(Self { at, action, expect })
    }
}

/// What happens in a step.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    tag = "do",
    deny_unknown_fields,
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
#[expect(missing_docs, reason = "the vectors' README says what each key means")]
pub enum Action {
    CreateOrganization {
        id: String,
    },
    Create {
        backend: BackendData,
        #[serde(default)]
        default: bool,
        #[serde(default)]
        fallback: bool,
        #[serde(default)]
        checked: bool,
        #[serde(default)]
        by: ByData,
    },
    Update {
        backend: String,
        #[serde(default)]
        by: ByData,
        description: Option<String>,
        max_blob_bytes: Option<u64>,
        default: Option<bool>,
        fallback: Option<bool>,
        mode: Option<ModeData>,
        #[serde(default)]
        rotate: bool,
        #[serde(default)]
        checked: bool,
    },
    Delete {
        backend: String,
        #[serde(default)]
        by: ByData,
    },
    SetPolicy {
        policy: PolicyData,
    },
    Observe {
        backend: String,
        outcome: String,
        generation: Option<u64>,
        finished_at: Option<u64>,
    },
    Select {
        size: Option<u64>,
    },
    Resolve {
        size: Option<u64>,
        #[serde(default)]
        validator: std::collections::BTreeMap<String, String>,
    },
    Due {},
    NextDue {
        backend: String,
    },
    RouteRead {
        copies: Vec<String>,
    },
    Check {},
}

/// On whose behalf a command is given.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByData {
    /// The organization.
    #[default]
    Organization,
    /// The platform.
    Platform,
}

impl ByData {
    /// Returns the core's word for it.
    pub fn by(self) -> By {
        match self {
            Self::Organization => By::Organization,
            Self::Platform => By::Platform,
        }
    }
}
