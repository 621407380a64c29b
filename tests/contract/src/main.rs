//! Writes the tables to where they are committed: `cargo xtask generate`.

use std::{fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = backstop_contract::files().and_then(|files| {
        files.into_iter().try_for_each(|(path, text)| {
            fs::write(root.join(path), text).map_err(|e| format!("cannot write `{path}`: {e}"))
        })
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
