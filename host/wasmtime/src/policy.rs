//! The policy, as the component that comes with the program or as another one of its world.
//!
//! ```
//! use backstop::Policy;
//! use backstop_core::{Backend, Kind, Request, Roster};
//!
//! let policy = Policy::embedded()?;
//! let mut roster = Roster::empty();
//! roster.backends.push(Backend::new("a", "primary", Kind::External, "OCI", "registry.example/r"));
//! roster.default = Some("a".into());
//!
//! let decision = policy.planner().select(&roster, &Request::default(), 1_000)?.unwrap();
//! assert_eq!(decision.backend.name.as_str(), "primary");
//! # Ok::<_, backstop::policy::PolicyError>(())
//! ```
//!
//! Three things can come of a call, and they are kept apart: an answer, which may be a refusal
//! ([`ControlError`], a list of codes); or a [`PolicyError`], when the component itself fails.

use std::{path::Path, sync::Arc};

use backstop_core::{
    BackendId, Context, ControlError, Create, Plan, Policy as Settings, Request, Resolution,
    Storage, Update, Validation, Validator,
};
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

mod bindings;
use bindings::exports::backstop::policy::control as wit;

mod convert;

mod engine;

mod error;
pub use error::PolicyError;

mod limits;
pub use limits::Limits;
use limits::{State, watch};

mod planner;
pub use planner::Planner;

mod session;
use session::{Desk, Host};

mod shared;
use shared::Shared;

mod ticker;

mod verify;
pub use verify::{Breach, verify};

/// The policy in its component.
///
/// Cheap to clone; clones share the engine. Pure questions go to a [`Planner`]; the use cases are
/// methods here, each on an instance of its own that is thrown away after the call (HOST-5). What
/// the component asks the storage to write is looked at by [`verify`] first.
#[derive(Clone)]
pub struct Policy {
    shared: Arc<Shared>,
    limits: Limits,
}

impl Policy {
    /// Returns the policy that comes with the program. It is compiled already.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Engine`] if this machine cannot run it.
    pub fn embedded() -> Result<Self, PolicyError> {
        Ok(Self {
            shared: Arc::new(Shared::embedded()?),
            limits: Limits::default(),
        })
    }

    /// Returns the policy of a file: a component of the world `policy`, as `.wasm` or precompiled.
    ///
    /// A `.wasm` file is trusted to decide, and with nothing else: it computes within [`Limits`],
    /// reaches nothing but the storage and the validator that it is called with, and can bring no
    /// roster to break an invariant ([`verify`]). A
    /// precompiled one is machine code and must be trusted as a program is: only give a path that
    /// the operator of this process named. One that others than its owner may write to is refused.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names the file and says what is wrong with it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let limits = Limits::default();
        Ok(Self {
            shared: Arc::new(Shared::from_file(path.as_ref(), &limits)?),
            limits,
        })
    }

    /// Returns the component that comes with the program, of the world `policy`.
    pub const fn component() -> &'static [u8] {
        shared::POLICY
    }

    /// Returns the component that comes with the program, of the world `preview`.
    pub const fn preview() -> &'static [u8] {
        shared::PREVIEW
    }

    /// Returns the same policy with other limits for each call.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Returns what the component is.
    pub fn description(&self) -> &Description {
        self.shared.description()
    }

    /// Returns a planner, for pure questions.
    pub fn planner(&self) -> Planner {
        Planner::new(self.clone())
    }

    /// As [`backstop_core::control::resolve`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn resolve(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        request: &Request,
        context: &Context,
    ) -> Result<Result<Resolution, ControlError>, PolicyError> {
        let parameters = (convert::request(request), convert::context(context));
        let export = &self.shared.exports.resolve;
        let answer: Answer<wit::Resolution> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::create`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn create(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        create: &Create,
        context: &Context,
    ) -> Result<Result<Plan, ControlError>, PolicyError> {
        let parameters = (convert::create(create), convert::context(context));
        let export = &self.shared.exports.create;
        let answer: Answer<wit::Planned> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::update`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn update(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        update: &Update,
        context: &Context,
    ) -> Result<Result<Plan, ControlError>, PolicyError> {
        let parameters = (convert::update(update), convert::context(context));
        let export = &self.shared.exports.update;
        let answer: Answer<wit::Planned> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::delete`]. The validator is there for a component that would ask
    /// it; ours does not.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn delete(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        backend: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, ControlError>, PolicyError> {
        let parameters = (backend.as_str(), convert::context(context));
        let export = &self.shared.exports.delete;
        let answer: Answer<wit::Planned> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::validate`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn validate(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        backend: &BackendId,
        context: &Context,
    ) -> Result<Result<Validation, ControlError>, PolicyError> {
        let parameters = (backend.as_str(), convert::context(context));
        let export = &self.shared.exports.validate;
        let answer: Answer<wit::Validation> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::set_policy`]. The validator is there for a component that would
    /// ask it; ours does not.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn set_policy(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        policy: &Settings,
        context: &Context,
    ) -> Result<Result<Plan, ControlError>, PolicyError> {
        let tail = convert::tail(policy);
        let parameters = (convert::policy(policy, &tail), convert::context(context));
        let export = &self.shared.exports.set_policy;
        let answer: Answer<wit::Planned> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    /// As [`backstop_core::control::create_organization`]. The validator is there for a component
    /// that would ask it; ours does not.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails; the inner error is the use case's own.
    pub async fn create_organization(
        &self,
        storage: &impl Storage,
        validator: &impl Validator,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, ControlError>, PolicyError> {
        let parameters = (inline.as_str(), convert::context(context));
        let export = &self.shared.exports.create_organization;
        let answer: Answer<wit::Planned> = self
            .call(export, parameters, storage, validator, context)
            .await?;
        Ok(core(answer))
    }

    async fn call<P, R>(
        &self,
        export: &ComponentExportIndex,
        parameters: P,
        storage: &impl Storage,
        validator: &impl Validator,
        context: &Context,
    ) -> Result<R, PolicyError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: Lift + Send + Sync + 'static,
        (R,): ComponentNamedList + Lift,
    {
        let Ok(_permit) = self.shared.gate.acquire().await else {
            return Err(PolicyError::Busy);
        };
        let desk = Arc::new(Desk::default());
        let state = State::new(&self.limits, Some(Arc::clone(&desk)));
        let mut store = shared::store(&self.shared.engine, state);
        watch(&mut store, &self.limits, &desk);
        let call = async {
            let instance = self.shared.control.instantiate_async(&mut store).await?;
            let function = instance.get_typed_func::<P, (R,)>(&mut store, export)?;
            let (answer,) = function.call_async(&mut store, parameters).await?;
            Ok(answer)
        };
        Host::new(storage, validator, context)
            .drive(call, &desk, &self.limits)
            .await
    }
}

type Answer<T> = Result<T, wit::ControlError>;

fn core<T, U: From<T>>(answer: Answer<T>) -> Result<U, ControlError> {
    answer.map(U::from).map_err(ControlError::from)
}

/// What a component is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Description {
    /// The SHA-256 of its bytes, as they were given, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub size: usize,
    /// The world that it is of.
    pub world: String,
    /// The version of the contract.
    pub version: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
}
