use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use backstop_core::{
    BackendId, Code, Command, Context, ControlError, Decision, Failure, FailureClass, Observation,
    Observed, Outcome, Plan, Probe, ReadTry, Refusal, Request, Resolution, Roster,
};

use crate::Memory;

/// The policy as a host written in Rust offers it. The outer error is the host's own failure.
#[expect(missing_docs, reason = "each is the core's function of that name")]
pub trait Engine {
    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String>;
    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String>;
    fn create_organization(
        &self,
        inline: BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String>;
    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String>;
    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String>;
    fn due(&self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, String>;
    fn next_due(
        &self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, String>;
    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String>;
    fn resolve(
        &self,
        storage: &Memory,
        validator: &ScriptedValidator,
        request: &Request,
        context: &Context,
    ) -> Result<Result<Resolution, ControlError>, String>;
}

/// A validator that answers as it is told, at once, and remembers whom it was asked about.
#[derive(Debug)]
pub struct ScriptedValidator {
    script: BTreeMap<String, String>,
    at: u64,
    probed: Mutex<Vec<BackendId>>,
}

impl ScriptedValidator {
    /// Returns a validator whose probes all end at that time, each with the outcome that the script
    /// has for the backend, or `ok`.
    pub fn new(script: BTreeMap<String, String>, at: u64) -> Self {
        Self {
            script,
            at,
            probed: Mutex::default(),
        }
    }

    /// Probes, as a validator does.
    pub fn probe(&self, backend: &BackendId) -> Probe {
        self.probed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(backend.clone());
        let outcome = outcome(
            self.script
                .get(backend.as_str())
                .map_or("ok", String::as_str),
        );
        Probe {
            outcome,
            finished_at: self.at,
        }
    }

    /// Returns whom it was asked about, in order.
    pub fn probed(&self) -> Vec<BackendId> {
        self.probed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl backstop_core::Validator for ScriptedValidator {
    async fn validate(&self, _organization: &str, backend: &BackendId, _generation: u64) -> Probe {
        self.probe(backend)
    }
}

/// `ok`, or a failure of that class.
pub(crate) fn outcome(code: &str) -> Outcome {
    match code {
        "ok" => Outcome::Ok,
        class => Outcome::Failed(Failure::new(FailureClass::from_code(class), "")),
    }
}
