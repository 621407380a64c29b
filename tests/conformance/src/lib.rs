//! The suites that prove that every host decides the same: vectors, and what plays them.
//!
//! A vector file is data (`tests/vectors/README.md` says what its keys mean). [`vector`] reads it,
//! strictly; a [`Host`] plays a case and answers each step as JSON; [`run`] compares the answers
//! with what the case expects.
//!
//! A new host is one more row in [`hosts`]: an [`Engine`], played by [`Player`], and asked random
//! questions by the differential test. One that is written in another language is a [`Process`] that
//! reads questions and writes answers.

mod answer;
pub mod canonical;
mod component;
mod engine;
pub mod generate;

mod given;
mod hosts;
mod native;
mod player;
mod process;
pub mod protocol;
pub mod random;
mod run;
pub mod vector;

pub use component::Component;
pub use engine::{Answer, Engine, UseCase, ready};
pub use given::{Given, Left, World};
pub use hosts::{HostRow, hosts};
pub use native::Native;
pub use player::Player;
pub use process::Process;
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
