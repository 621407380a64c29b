//! The component alone, for a control plane that keeps its rosters itself and knows how to probe.
//!
//! `cargo run -p backstop --example embed`

use std::{error::Error, sync::Mutex};

use backstop::Policy;
use backstop_core::{
    BackendId, ChangeSet, CommitError, Context, Create, Failure, FailureClass, Kind, Outcome,
    Probe, Request, Roster, Storage, StorageError, Validator, apply,
};

/// All that a storage has to do: a consistent read, and a compare-and-swap on the revision.
#[derive(Default)]
struct Rosters(Mutex<Option<Roster>>);

impl Storage for Rosters {
    async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
        let stored = self
            .0
            .lock()
            .map_err(|e| StorageError::Failed(e.to_string()))?;
        stored.clone().ok_or(StorageError::OrganizationNotFound)
    }

    async fn commit(
        &self,
        _organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let mut stored = self
            .0
            .lock()
            .map_err(|e| CommitError::Failed(e.to_string()))?;
        let before = stored.clone().unwrap_or_else(Roster::empty);
        if before.revision != expected {
            return Err(CommitError::Conflict);
        }
        *stored = Some(apply(&before, change_set));
        for event in &change_set.events {
            println!("  event: {}", event.kind.code());
        }
        Ok(())
    }
}

/// A validator that knows of one backend that is down.
struct Probes;

impl Validator for Probes {
    async fn validate(&self, _organization: &str, backend: &BackendId, _generation: u64) -> Probe {
        let outcome = if backend.as_str() == "b" {
            Outcome::Failed(Failure::new(FailureClass::Timeout, "no answer within 10 s"))
        } else {
            Outcome::Ok
        };
        Probe {
            outcome,
            finished_at: 2_000,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::embedded()?;
    let (rosters, probes) = (Rosters::default(), Probes);
    let context = Context::new("acme", "example", 1_000);

    println!("an organization");
    policy
        .create_organization(&rosters, &probes, &"inline".into(), &context)
        .await??;
    for (id, name) in [("a", "primary"), ("b", "broken")] {
        println!("backend `{name}`");
        let create = Create::new(id, name, Kind::External, "OCI", "registry.example/repo");
        let create = Create {
            default: true,
            ..create
        };
        // The inner error is the policy's answer, the outer one a component that failed.
        if let Err(refused) = policy.create(&rosters, &probes, &create, &context).await? {
            println!("  {refused}");
        }
    }

    let resolution = policy
        .resolve(&rosters, &probes, &Request::default(), &context)
        .await??;
    let decision = resolution.answer.map_err(|refusal| refusal.to_string())?;
    println!("write to `{}`", decision.backend.name);
    Ok(())
}
