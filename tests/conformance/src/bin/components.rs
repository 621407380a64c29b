//! Writes the components of this build and their core modules to a folder: `components FOLDER`.

use std::{env, path::PathBuf, process::ExitCode};

use backstop_conformance::generate::write_components;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: components FOLDER");
        return ExitCode::from(2);
    };
    match write_components(&PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
