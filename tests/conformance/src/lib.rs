//! The suites that prove that every host decides the same: vectors, and what plays them.
//!
//! A vector file is data (`tests/vectors/README.md` says what its keys mean). [`vector`] reads it,
//! strictly; a [`Host`] plays a case and answers each step as JSON; [`run`] compares the answers
//! with what the case expects.
//!
//! A new host is one more implementation of [`Host`] and one more row in [`hosts`]. A host written
//! in Rust implements the smaller [`Engine`] and is played by [`Player`].

mod answer;
mod component;
mod engine;
mod memory;
mod native;
mod player;
mod run;
pub mod vector;

pub use component::Component;
pub use engine::{Engine, ScriptedValidator};
pub use memory::Memory;
pub use native::Native;
pub use player::Player;
pub use run::{Failure, Report, run};

use vector::Case;

/// Something that plays vectors.
pub trait Host {
    /// Plays a case from its given roster on, and returns an answer for each step, in order: a JSON
    /// object with every key that an expectation may have.
    ///
    /// # Errors
    ///
    /// Returns what went wrong where the host itself failed: that is a failure of the case.
    fn play(&mut self, case: &Case) -> Result<Vec<serde_json::Value>, String>;
}

/// The hosts by name, each with what starts it.
///
/// # Errors
///
/// A host that cannot be started says why.
pub type StartHost = fn() -> Result<Box<dyn Host>, String>;

/// Every host that plays the vectors.
pub fn hosts() -> &'static [(&'static str, StartHost)] {
    &[
        ("native", || Ok(Box::new(Player::new(Native)))),
        ("component", || {
            Ok(Box::new(Player::new(Component::embedded()?)))
        }),
    ]
}
