//! The use cases: the core's own code, which asks its storage and its validator at a desk.
//!
//! A use case never runs the host's code. What it needs it leaves at the desk, and waits; the package
//! serves the desk and goes on. It is the same each time that it is given the same answers, so one that
//! has to wait for long need not be kept: it can begin again with the answers that it was given.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{self, Poll},
};

use backstop_core::{
    BackendId, ChangeSet, CommitError, Context, ControlError, Create, Failure, Policy, Probe,
    Request, Roster, Storage, StorageError, Update, Validator, control,
};
use serde::{Serializer, ser::SerializeStruct};
use wasm_bindgen::JsValue;

use crate::{
    out::{Out, Write, value},
    wire::{Read, Reader},
};

/// A use case with its parameters.
pub(crate) enum UseCase {
    Resolve(Request, Context),
    Create(Create, Context),
    Update(Update, Context),
    Delete(BackendId, Context),
    Validate(BackendId, Context),
    SetPolicy(Policy, Context),
    CreateOrganization(BackendId, Context),
}

impl Read for UseCase {
    fn read(from: &mut Reader<'_>) -> Self {
        match from.byte() {
            0 => Self::Resolve(from.read(), from.read()),
            1 => Self::Create(from.read(), from.read()),
            2 => Self::Update(from.read(), from.read()),
            3 => Self::Delete(from.read(), from.read()),
            4 => Self::Validate(from.read(), from.read()),
            5 => Self::SetPolicy(from.read(), from.read()),
            6 => Self::CreateOrganization(from.read(), from.read()),
            _ => unreachable!("the package begins no other use case"),
        }
    }
}

impl UseCase {
    async fn run(self, host: &Host) -> JsValue {
        match self {
            Self::Resolve(request, context) => {
                end(&control::resolve(host, host, &request, &context).await)
            }
            Self::Create(create, context) => {
                end(&control::create(host, host, &create, &context).await)
            }
            Self::Update(update, context) => {
                end(&control::update(host, host, &update, &context).await)
            }
            Self::Delete(backend, context) => end(&control::delete(host, &backend, &context).await),
            Self::Validate(backend, context) => {
                end(&control::validate(host, host, &backend, &context).await)
            }
            Self::SetPolicy(policy, context) => {
                end(&control::set_policy(host, &policy, &context).await)
            }
            Self::CreateOrganization(inline, context) => {
                end(&control::create_organization(host, inline, &context).await)
            }
        }
    }
}

/// A use case that has begun.
pub(crate) struct Call {
    desk: Rc<RefCell<Desk>>,
    run: Pin<Box<dyn Future<Output = JsValue>>>,
}

impl Call {
    pub(crate) fn new(use_case: UseCase) -> Self {
        let desk = Rc::<RefCell<Desk>>::default();
        let host = Host(Rc::clone(&desk));
        Self {
            desk,
            run: Box::pin(async move { use_case.run(&host).await }),
        }
    }

    /// Goes on with the answer to the last question, and returns the next one, or the end.
    pub(crate) fn step(&mut self, answer: Vec<u8>, quiet: bool) -> JsValue {
        self.desk.borrow_mut().answer = answer;
        let mut context = task::Context::from_waker(task::Waker::noop());
        match self.run.as_mut().poll(&mut context) {
            Poll::Ready(end) => end,
            Poll::Pending => {
                let question = self.desk.borrow_mut().question.take();
                let question = question.expect("a use case waits for nothing but its host");
                if quiet {
                    JsValue::UNDEFINED
                } else {
                    value(&question)
                }
            }
        }
    }
}

/// Where a use case leaves what it asks for, and finds the answer.
#[derive(Default)]
struct Desk {
    question: Option<Question>,
    answer: Vec<u8>,
}

/// What a use case asks its host for; always of the organization of its context.
enum Question {
    Load,
    Commit { expected: u64, changes: ChangeSet },
    Validate { backend: BackendId, generation: u64 },
}

impl Write for Question {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("", 0)?;
        match self {
            Question::Load => object.serialize_field("type", "load")?,
            Question::Commit { expected, changes } => {
                object.serialize_field("type", "commit")?;
                object.serialize_field("expectedRevision", &Out(expected))?;
                object.serialize_field("changeSet", &Out(changes))?;
            }
            Question::Validate {
                backend,
                generation,
            } => {
                object.serialize_field("type", "validate")?;
                object.serialize_field("backend", &Out(backend))?;
                object.serialize_field("generation", &Out(generation))?;
            }
        }
        object.end()
    }
}

/// The host, as the use cases see it.
struct Host(Rc<RefCell<Desk>>);

impl Host {
    async fn ask<T: Read>(&self, question: Question) -> T {
        let mut question = Some(question);
        poll_fn(|_| {
            let mut desk = self.0.borrow_mut();
            if let Some(question) = question.take() {
                desk.question = Some(question);
                return Poll::Pending;
            }
            Poll::Ready(Reader::new(&desk.answer).read())
        })
        .await
    }
}

/// What a storage answered. Why it failed is the package's to say: it has the error itself.
struct Answered<T, E>(Result<T, E>);

impl Read for Answered<Roster, StorageError> {
    fn read(from: &mut Reader<'_>) -> Self {
        Self(match from.byte() {
            0 => Ok(from.read()),
            1 => Err(StorageError::OrganizationNotFound),
            2 => Err(StorageError::Failed(String::new())),
            _ => unreachable!("the package gives no other answer"),
        })
    }
}

impl Read for Answered<(), CommitError> {
    fn read(from: &mut Reader<'_>) -> Self {
        Self(match from.byte() {
            0 => Ok(()),
            1 => Err(CommitError::Conflict),
            2 => Err(CommitError::IdTaken),
            3 => Err(CommitError::Failed(String::new())),
            _ => unreachable!("the package gives no other answer"),
        })
    }
}

impl Storage for Host {
    async fn load(&self, _organization: &str) -> Result<Roster, StorageError> {
        self.ask::<Answered<_, _>>(Question::Load).await.0
    }

    async fn commit(
        &self,
        _organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let changes = change_set.clone();
        self.ask::<Answered<_, _>>(Question::Commit { expected, changes })
            .await
            .0
    }
}

impl Validator for Host {
    async fn validate(&self, _organization: &str, backend: &BackendId, generation: u64) -> Probe {
        let backend = backend.clone();
        self.ask(Question::Validate {
            backend,
            generation,
        })
        .await
    }
}

/// The end of a use case as an object; null says that the storage failed.
fn end<T: Write>(answer: &Result<T, ControlError>) -> JsValue {
    value(&match answer {
        Ok(answer) => End::Answered(answer),
        Err(ControlError::Refused { codes, failure }) => End::Refused(codes, failure),
        Err(ControlError::Failed(_)) => End::Failed,
    })
}

enum End<'a, T> {
    Answered(&'a T),
    Refused(&'a Vec<backstop_core::Code>, &'a Option<Failure>),
    Failed,
}

impl<T: Write> Write for End<'_, T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("", 0)?;
        match self {
            End::Answered(answer) => {
                object.serialize_field("type", "answered")?;
                object.serialize_field("value", &Out(*answer))?;
            }
            End::Refused(codes, failure) => {
                object.serialize_field("type", "refused")?;
                object.serialize_field("codes", &Out(*codes))?;
                object.serialize_field("failure", &Out(*failure))?;
            }
            End::Failed => object.serialize_field("type", "failed")?,
        }
        object.end()
    }
}
