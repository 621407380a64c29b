//! The pure functions, asked over and over on one instance.

use backstop_core::{
    BackendId, ChangeSet, Code, Command, Context, Decision, Observation, Observed, Plan, ReadTry,
    Refusal, Request, Roster,
};
use wasmtime::Store;

use super::{
    Limits, Policy, PolicyError,
    bindings::{backstop::policy::types as wit, exports::backstop::policy::planner::Guest},
    convert::{self, Lent, LentChanges},
    limits::State,
};

/// The pure functions of the policy.
///
/// All calls of one planner run on one instance, which imports nothing it could act with and keeps
/// nothing between calls (HOST-5). After an error that instance is never entered again, and a fresh
/// one serves the next call. Make one where it is needed: instances are handed on.
pub struct Planner {
    policy: Policy,
    live: Option<Live>,
}

/// An instance that serves calls.
pub(super) struct Live {
    pub(super) store: Store<State>,
    pub(super) guest: Guest,
}

impl Planner {
    pub(super) fn new(policy: Policy) -> Self {
        Self { policy, live: None }
    }

    /// As [`backstop_core::apply`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn apply(
        &mut self,
        roster: &Roster,
        change_set: &ChangeSet,
    ) -> Result<Roster, PolicyError> {
        let (roster, lent) = (Lent::new(roster), LentChanges::new(change_set));
        let changes = lent.changes();
        let change_set = wit::ChangeSetParam {
            revision: change_set.revision,
            changes: &changes,
            // They change no roster.
            events: &[],
        };
        self.call(|guest, store| guest.call_apply(store, roster.roster(), change_set))
            .map(Roster::from)
    }

    /// As [`backstop_core::check`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn check(&mut self, roster: &Roster) -> Result<Vec<Code>, PolicyError> {
        let roster = Lent::new(roster);
        self.call(|guest, store| guest.call_check(store, roster.roster()))
            .map(convert::list)
    }

    /// As [`backstop_core::create_organization`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn create_organization(
        &mut self,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, PolicyError> {
        let context = convert::context(context);
        self.call(|guest, store| guest.call_create_organization(store, inline.as_str(), context))
            .map(|planned| planned.map(Plan::from).map_err(convert::list))
    }

    /// As [`backstop_core::due`]. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn due(&mut self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, PolicyError> {
        let roster = Lent::new(roster);
        self.call(|guest, store| guest.call_due(store, roster.roster(), now))
            .map(convert::list)
    }

    /// As [`backstop_core::next_due`]. Times are in milliseconds since the epoch.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn next_due(
        &mut self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, PolicyError> {
        let roster = Lent::new(roster);
        self.call(|guest, store| guest.call_next_due(store, roster.roster(), backend.as_str(), now))
    }

    /// As [`backstop_core::observe`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn observe(
        &mut self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, PolicyError> {
        let roster = Lent::new(roster);
        let (observation, context) = (convert::observation(observation), convert::context(context));
        self.call(|guest, store| guest.call_observe(store, roster.roster(), observation, context))
            .map(Observed::from)
    }

    /// As [`backstop_core::plan`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn plan(
        &mut self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, PolicyError> {
        let (roster, tail) = (Lent::new(roster), convert::command_tail(command));
        let (command, context) = (convert::command(command, &tail), convert::context(context));
        self.call(|guest, store| guest.call_plan(store, roster.roster(), command, context))
            .map(|planned| planned.map(Plan::from).map_err(convert::list))
    }

    /// As [`backstop_core::route_read`]. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn route_read(
        &mut self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, PolicyError> {
        let (roster, copies) = (Lent::new(roster), convert::ids(copies));
        self.call(|guest, store| guest.call_route_read(store, roster.roster(), &copies, now))
            .map(convert::list)
    }

    /// As [`backstop_core::select`]. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    ///
    /// [`PolicyError`] if the component fails.
    pub fn select(
        &mut self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, PolicyError> {
        let (roster, request) = (Lent::new(roster), convert::request(request));
        self.call(|guest, store| guest.call_select(store, roster.roster(), request, now))
            .map(|answer| answer.map(Decision::from).map_err(Refusal::from))
    }

    /// Returns how much memory the planner's instance has used at most, in bytes; 0 before the
    /// first call.
    pub fn memory(&self) -> usize {
        self.live
            .as_ref()
            .map_or(0, |live| live.store.data().used())
    }

    fn call<T>(
        &mut self,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, PolicyError> {
        let limits = self.policy.limits;
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.policy.shared.planner(&limits)?,
        };
        live.store.set_epoch_deadline(Limits::ticks(limits.time));
        match call(&live.guest, &mut live.store) {
            Ok(answer) => {
                self.live = Some(live);
                Ok(answer)
            }
            // The instance goes with the error.
            Err(error) => Err(PolicyError::of_call(&error, &limits)),
        }
    }
}

impl Drop for Planner {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.policy.shared.keep(live);
        }
    }
}
