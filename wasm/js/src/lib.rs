//! The policy as a module for Node and browsers. The package around it is `host/js`.
//!
//! What goes in was checked by the package and comes as bytes ([`wire`]): one walk over a roster both
//! checks it, with the path of what is wrong, and writes it, instead of a second walk from here that asks
//! JavaScript for each property.
//! What comes out are plain objects ([`out`]), made by serde-wasm-bindgen; only the answer of `select`
//! is numbers ([`answer`]), since the package has the texts already.
//!
//! Nothing here is meant to fail. What is not as the package writes it is a bug, and traps.

mod answer;
mod out;
mod state;
mod types;
mod use_case;
mod wire;

use backstop_core as core;
use wasm_bindgen::prelude::*;

use crate::{
    out::value,
    state::State,
    use_case::{Call, UseCase},
    wire::Reader,
};

/// Returns where the package writes its next input of that many bytes.
#[wasm_bindgen]
pub fn input(length: usize) -> *mut u8 {
    State::with(|state| state.input(length))
}

/// Reads a roster from the input and keeps it; returns its handle, which is not 0.
#[wasm_bindgen]
pub fn prepare() -> u32 {
    State::with(|state| {
        let roster = Reader::new(&state.input).read();
        state.rosters.insert(roster)
    })
}

/// Forgets a prepared roster.
#[wasm_bindgen]
pub fn release(roster: u32) {
    State::with(|state| drop(state.rosters.remove(roster)));
}

/// Returns a prepared roster as an object.
#[wasm_bindgen]
pub fn data(roster: u32) -> JsValue {
    State::with(|state| value(state.rosters.get(roster)))
}

/// Selects on a prepared roster, or, if the handle is 0, on the one in the input. A negative size is
/// none. Returns where the answer is.
#[wasm_bindgen]
pub fn select(roster: u32, size: f64, now: f64) -> *const f64 {
    State::with(|state| {
        let request = core::Request {
            size: (size >= 0.0).then_some(size as u64),
        };
        if roster == 0 {
            let roster: core::Roster = Reader::new(&state.input).read();
            state.answer.write(&roster, &request, now as u64)
        } else {
            let roster = state.rosters.get(roster);
            state.answer.write(roster, &request, now as u64)
        }
    })
}

/// A planner function: reads the roster (prepared, or from the input if the handle is 0), then its
/// other parameters, and answers with an object.
macro_rules! planner {
    ($($(#[$doc:meta])* $name:ident($roster:ident, $input:ident) => $answer:expr;)*) => {$(
        $(#[$doc])*
        #[wasm_bindgen]
        pub fn $name(roster: u32) -> JsValue {
            State::with(|state| {
                let mut reader = Reader::new(&state.input);
                let given;
                let $roster: &core::Roster = if roster == 0 {
                    given = reader.read();
                    &given
                } else {
                    state.rosters.get(roster)
                };
                let $input = &mut reader;
                value(&$answer)
            })
        }
    )*};
}

planner! {
    /// `planner.apply`
    apply(roster, input) => core::apply(roster, &input.read());
    /// `planner.check`
    check(roster, _input) => core::check(roster);
    /// `planner.due`
    due(roster, input) => core::due(roster, input.read());
    /// `planner.nextDue`
    next_due(roster, input) => core::next_due(roster, &input.read(), input.read());
    /// `planner.observe`
    observe(roster, input) => core::observe(roster, &input.read(), &input.read());
    /// `planner.plan`
    plan(roster, input) => core::plan(roster, &input.read(), &input.read());
    /// `planner.routeRead`
    route_read(roster, input) => core::route_read(roster, &input.read::<Vec<_>>(), input.read());
}

/// `planner.createOrganization`
#[wasm_bindgen]
pub fn create_organization() -> JsValue {
    State::with(|state| {
        let mut input = Reader::new(&state.input);
        value(&core::create_organization(input.read(), &input.read()))
    })
}

/// `emptyRoster`
#[wasm_bindgen]
pub fn empty_roster() -> JsValue {
    value(&core::Roster::empty())
}

/// `defaultPolicy`
#[wasm_bindgen]
pub fn default_policy() -> JsValue {
    value(&core::Policy::default())
}

/// Reads a use case from the input and begins it; returns its handle.
#[wasm_bindgen]
pub fn begin() -> u32 {
    State::with(|state| {
        let call = Call::new(Reader::new(&state.input).read::<UseCase>());
        state.calls.insert(call)
    })
}

/// Goes on with a use case, after the answer to its last question was put into the input, until it
/// asks the next one or ends. Unless `quiet`, the question or the end is returned as an object.
///
/// A use case that ended must be given back with [`end`], as one that is given up.
#[wasm_bindgen]
pub fn step(call: u32, quiet: bool) -> JsValue {
    // Taken out meanwhile, so that the state is not borrowed while the use case runs.
    let (mut running, answer) = State::with(|state| {
        let running = state.calls.remove(call);
        (running, std::mem::take(&mut state.input))
    });
    let reached = running.step(answer, quiet);
    State::with(|state| state.calls.put(call, running));
    reached
}

/// Forgets a use case.
#[wasm_bindgen]
pub fn end(call: u32) {
    State::with(|state| drop(state.calls.remove(call)));
}
