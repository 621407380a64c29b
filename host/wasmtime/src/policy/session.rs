//! One call of a use case: a fresh instance, and the host around it.
//!
//! The component never runs the host's code. What its imports ask for is left at a desk, the call is
//! suspended, and whoever drives the call serves the desk and goes on. So storage and validator are
//! borrowed for the call, need not be shareable, and run where the caller runs; and everything that
//! the component asks for passes through one place, where it is looked at.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Instant,
};

use backstop_core::{
    BackendId, ChangeSet, CommitError, Context, Probe, Roster, Storage, StorageError, Validator,
};

use super::{
    Breach, Limits, PolicyError,
    bindings::backstop::policy::{storage, types as wit, validator},
    limits::{Away, State},
    verify,
};

/// What a call may ask the host for, at most. The longest call of the policy itself probes each of
/// 19 candidates and commits what was seen of each in 8 attempts, each with a load: some 320.
const MOST: u32 = 1_000;

/// Where the imports of a call leave what they ask for, and find the answer.
#[derive(Default)]
pub(super) struct Desk {
    slot: Mutex<Slot>,
    pub(super) away: Away,
}

#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Asked(Ask),
    Answered(Answer),
}

enum Ask {
    Load {
        organization: String,
    },
    Commit {
        organization: String,
        expected: u64,
        change_set: ChangeSet,
    },
    Validate {
        organization: String,
        backend: BackendId,
        generation: u64,
    },
}

enum Answer {
    Loaded(Result<Roster, StorageError>),
    Committed(Result<u64, CommitError>),
    Validated(Probe),
}

impl Desk {
    /// Leaves a question, and waits for the answer. Nobody has to be woken: whoever serves the desk
    /// goes on with the call right after.
    async fn ask(&self, ask: Ask) -> Answer {
        let mut ask = Some(ask);
        poll_fn(|_| {
            let mut slot = self.slot();
            if let Some(ask) = ask.take() {
                *slot = Slot::Asked(ask);
                return Poll::Pending;
            }
            match std::mem::take(&mut *slot) {
                Slot::Answered(answer) => Poll::Ready(answer),
                other => {
                    *slot = other;
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn asked(&self) -> Option<Ask> {
        let mut slot = self.slot();
        match std::mem::take(&mut *slot) {
            Slot::Asked(ask) => Some(ask),
            other => {
                *slot = other;
                None
            }
        }
    }

    fn answer(&self, answer: Answer) {
        *self.slot() = Slot::Answered(answer);
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host's side of a call.
pub(super) struct Host<'h, S, V> {
    storage: &'h S,
    validator: &'h V,
    organization: &'h str,
    /// The rosters that were loaded or committed in this call. More than the last: after commits
    /// that failed, the policy goes on from the one that it knew before (RES-2).
    known: Vec<Roster>,
    asked: u32,
}

impl<'h, S: Storage, V: Validator> Host<'h, S, V> {
    pub(super) fn new(storage: &'h S, validator: &'h V, context: &'h Context) -> Self {
        Self {
            storage,
            validator,
            organization: &context.organization,
            known: Vec::new(),
            asked: 0,
        }
    }

    /// Drives a call to its end, and serves what it asks for.
    pub(super) async fn drive<T>(
        mut self,
        call: impl Future<Output = wasmtime::Result<T>>,
        desk: &Arc<Desk>,
        limits: &Limits,
    ) -> Result<T, PolicyError> {
        enum Step<T> {
            Asked(Ask),
            Ended(wasmtime::Result<T>),
        }
        let mut call = pin!(call);
        loop {
            let step = poll_fn(|cx| match call.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Step::Ended(answer)),
                Poll::Pending => match desk.asked() {
                    Some(ask) => Poll::Ready(Step::Asked(ask)),
                    None => Poll::Pending,
                },
            });
            match step.await {
                Step::Ended(answer) => {
                    return answer.map_err(|error| PolicyError::of_call(&error, limits));
                }
                Step::Asked(ask) => {
                    let left = Instant::now();
                    let answer = self.serve(ask).await?;
                    desk.away.add(left.elapsed());
                    desk.answer(answer);
                }
            }
        }
    }

    async fn serve(&mut self, ask: Ask) -> Result<Answer, Breach> {
        self.asked = self.asked.saturating_add(1);
        if self.asked > MOST {
            return Err(Breach::TooMany { most: MOST });
        }
        match ask {
            Ask::Load { organization } => {
                self.is_about(organization)?;
                let loaded = self.storage.load(self.organization).await;
                if let Ok(roster) = &loaded {
                    self.know(roster.clone());
                }
                Ok(Answer::Loaded(loaded))
            }
            Ask::Commit {
                organization,
                expected,
                change_set,
            } => {
                self.is_about(organization)?;
                let after = match expected {
                    0 => verify(&Roster::empty(), &change_set)?,
                    _ => verify(self.known(expected)?, &change_set)?,
                };
                if change_set
                    .events
                    .iter()
                    .any(|event| event.organization != self.organization)
                {
                    return Err(Breach::Event);
                }
                let committed = self
                    .storage
                    .commit(self.organization, expected, &change_set)
                    .await;
                if committed.is_ok() {
                    self.know(after);
                }
                Ok(Answer::Committed(committed.map(|()| change_set.revision)))
            }
            Ask::Validate {
                organization,
                backend,
                generation,
            } => {
                self.is_about(organization)?;
                let probe = self
                    .validator
                    .validate(self.organization, &backend, generation)
                    .await;
                Ok(Answer::Validated(probe))
            }
        }
    }

    fn know(&mut self, roster: Roster) {
        self.known.retain(|known| known.revision != roster.revision);
        self.known.push(roster);
    }

    fn known(&self, revision: u64) -> Result<&Roster, Breach> {
        let found = self.known.iter().find(|known| known.revision == revision);
        found.ok_or_else(|| Breach::Revision {
            before: self.known.last().map_or(0, |known| known.revision),
            proposed: revision,
        })
    }

    fn is_about(&self, asked: String) -> Result<(), Breach> {
        if asked == self.organization {
            return Ok(());
        }
        Err(Breach::Organization {
            asked,
            called: self.organization.to_owned(),
        })
    }
}

impl State {
    async fn ask(&self, ask: Ask) -> wasmtime::Result<Answer> {
        match &self.desk {
            Some(desk) => Ok(desk.ask(ask).await),
            None => Err(wasmtime::Error::msg(
                "a pure function asked the host for something",
            )),
        }
    }
}

/// Whoever serves the desk answers what was asked.
fn mixed_up() -> wasmtime::Error {
    wasmtime::Error::msg("the host answered another question")
}

impl wit::Host for State {}

impl storage::Host for State {
    async fn load(
        &mut self,
        organization: String,
    ) -> wasmtime::Result<Result<storage::Roster, storage::StorageError>> {
        match self.ask(Ask::Load { organization }).await? {
            Answer::Loaded(loaded) => Ok(loaded
                .map(storage::Roster::from)
                .map_err(storage::StorageError::from)),
            Answer::Committed(_) | Answer::Validated(_) => Err(mixed_up()),
        }
    }

    async fn commit(
        &mut self,
        organization: String,
        expected: u64,
        change_set: storage::ChangeSet,
    ) -> wasmtime::Result<Result<u64, storage::CommitError>> {
        let ask = Ask::Commit {
            organization,
            expected,
            change_set: change_set.into(),
        };
        match self.ask(ask).await? {
            Answer::Committed(committed) => Ok(committed.map_err(storage::CommitError::from)),
            Answer::Loaded(_) | Answer::Validated(_) => Err(mixed_up()),
        }
    }
}

impl validator::Host for State {
    async fn validate(
        &mut self,
        organization: String,
        backend: String,
        generation: u64,
    ) -> wasmtime::Result<validator::Probe> {
        let ask = Ask::Validate {
            organization,
            backend: backend.into(),
            generation,
        };
        match self.ask(ask).await? {
            Answer::Validated(probe) => Ok(probe.into()),
            Answer::Loaded(_) | Answer::Committed(_) => Err(mixed_up()),
        }
    }
}
