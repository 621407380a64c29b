//! The use cases: the core's own, over the host's storage and validator.
#![expect(unsafe_code, reason = "the names that the host calls")]

use core::{
    arch::wasm32::unreachable,
    future::Future,
    pin::pin,
    task::{Poll, Waker},
};

use backstop_core::{
    BackendId, ChangeSet, CommitError, Context, Create, Policy, Probe, Request, Roster, Storage,
    StorageError, Update, Validator, control,
};

use crate::abi::{answer, ask, context, export, items, string, with};

export!("control", "resolve", (
    has_size: u32, size: u64,
    organization: usize, organization_length: usize, actor: usize, actor_length: usize,
    by: u32, now: u64, has_seen: u32, seen: u64
) => {
    let request = Request { size: (has_size != 0).then_some(size) };
    let context = context(
        string(organization, organization_length), string(actor, actor_length), by, now, has_seen, seen,
    );
    answer(ready(control::resolve(&Host, &Host, &request, &context)))
});

export!("control", "create", (at: usize) => with(at, |(create, context): &(Create, Context)| {
    ready(control::create(&Host, &Host, create, context))
}));

export!("control", "update", (at: usize) => with(at, |(update, context): &(Update, Context)| {
    ready(control::update(&Host, &Host, update, context))
}));

export!("control", "delete", (
    backend: usize, backend_length: usize,
    organization: usize, organization_length: usize, actor: usize, actor_length: usize,
    by: u32, now: u64, has_seen: u32, seen: u64
) => {
    let context = context(
        string(organization, organization_length), string(actor, actor_length), by, now, has_seen, seen,
    );
    answer(ready(control::delete(&Host, &string(backend, backend_length).into(), &context)))
});

export!("control", "validate", (
    backend: usize, backend_length: usize,
    organization: usize, organization_length: usize, actor: usize, actor_length: usize,
    by: u32, now: u64, has_seen: u32, seen: u64
) => {
    let context = context(
        string(organization, organization_length), string(actor, actor_length), by, now, has_seen, seen,
    );
    answer(ready(control::validate(&Host, &Host, &string(backend, backend_length).into(), &context)))
});

export!("control", "set-policy", (at: usize) => with(at, |(policy, context): &(Policy, Context)| {
    ready(control::set_policy(&Host, policy, context))
}));

export!("control", "create-organization", (
    inline: usize, inline_length: usize,
    organization: usize, organization_length: usize, actor: usize, actor_length: usize,
    by: u32, now: u64, has_seen: u32, seen: u64
) => {
    let context = context(
        string(organization, organization_length), string(actor, actor_length), by, now, has_seen, seen,
    );
    answer(ready(control::create_organization(&Host, string(inline, inline_length).into(), &context)))
});

/// The imports answer before they return, so the future is ready when it is first asked.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut core::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable(),
    }
}

/// Whoever hosts the component.
struct Host;

impl Storage for Host {
    async fn load(&self, organization: &str) -> Result<Roster, StorageError> {
        ask(|at| {
            import::load(
                organization.as_ptr().expose_provenance(),
                organization.len(),
                at,
            )
        })
    }

    async fn commit(
        &self,
        organization: &str,
        expected: u64,
        change_set: &ChangeSet,
    ) -> Result<(), CommitError> {
        let (changes, events) = (items(&change_set.changes), items(&change_set.events));
        let committed: Result<u64, CommitError> = ask(|at| {
            import::commit(
                organization.as_ptr().expose_provenance(),
                organization.len(),
                expected,
                change_set.revision,
                changes,
                change_set.changes.len(),
                events,
                change_set.events.len(),
                at,
            );
        });
        // The revision is the one that the change-set names, or the storage broke its contract.
        committed.map(|_| ())
    }
}

impl Validator for Host {
    async fn validate(&self, organization: &str, backend: &BackendId, generation: u64) -> Probe {
        let backend = backend.as_str();
        ask(|at| {
            import::validate(
                organization.as_ptr().expose_provenance(),
                organization.len(),
                backend.as_ptr().expose_provenance(),
                backend.len(),
                generation,
                at,
            );
        })
    }
}

mod import {
    #[link(wasm_import_module = "backstop:policy/storage@0.1.0")]
    unsafe extern "C" {
        pub(super) safe fn load(organization: usize, organization_length: usize, answer: usize);
        pub(super) safe fn commit(
            organization: usize,
            organization_length: usize,
            expected_revision: u64,
            revision: u64,
            changes: usize,
            changes_length: usize,
            events: usize,
            events_length: usize,
            answer: usize,
        );
    }

    #[link(wasm_import_module = "backstop:policy/validator@0.1.0")]
    unsafe extern "C" {
        pub(super) safe fn validate(
            organization: usize,
            organization_length: usize,
            backend: usize,
            backend_length: usize,
            generation: u64,
            answer: usize,
        );
    }
}
