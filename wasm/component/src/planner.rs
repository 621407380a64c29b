//! The pure functions: take over, ask the core, answer.
#![expect(unsafe_code, reason = "the names that the host calls")]

use alloc::vec::Vec;

use backstop_core::{
    BackendId, ChangeSet, Command, Context, Observation, Request, Roster, apply, check,
    create_organization, due, next_due, observe, plan, route_read, select,
};

use crate::abi::{answer, context, export, string, with};

export!("planner", "apply", (at: usize) => with(at, |(roster, change_set): &(Roster, ChangeSet)| {
    apply(roster, change_set)
}));

export!("planner", "check", (at: usize) => with(at, |(roster,): &(Roster,)| check(roster)));

export!("planner", "create-organization", (
    inline: usize, inline_length: usize,
    organization: usize, organization_length: usize, actor: usize, actor_length: usize,
    by: u32, now: u64, has_seen: u32, seen: u64
) => {
    let context = context(
        string(organization, organization_length), string(actor, actor_length), by, now, has_seen, seen,
    );
    answer(create_organization(string(inline, inline_length).into(), &context))
});

export!("planner", "due", (at: usize) => with(at, |(roster, now): &(Roster, u64)| {
    due(roster, *now)
}));

export!("planner", "next-due", (at: usize) => with(at, |(roster, backend, now): &(Roster, BackendId, u64)| {
    next_due(roster, backend, *now)
}));

export!("planner", "observe", (at: usize) => with(at, |(roster, observation, context): &(Roster, Observation, Context)| {
    observe(roster, observation, context)
}));

export!("planner", "plan", (at: usize) => with(at, |(roster, command, context): &(Roster, Command, Context)| {
    plan(roster, command, context)
}));

export!("planner", "route-read", (at: usize) => with(at, |(roster, copies, now): &(Roster, Vec<BackendId>, u64)| {
    route_read(roster, copies, *now)
}));

export!("planner", "select", (at: usize) => with(at, |(roster, request, now): &(Roster, Request, u64)| {
    select(roster, request, *now)
}));
