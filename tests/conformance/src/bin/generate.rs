//! Writes what is made and committed to where it belongs: `cargo xtask generate`.

use std::{fs, path::Path, process::ExitCode};

use backstop_conformance::generate;

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in generate::files()? {
        let path = root.join(&file.path);
        let problem = |e| format!("cannot write `{}`: {e}", file.path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(problem)?;
        }
        fs::write(&path, &file.contents).map_err(problem)?;
    }
    Ok(())
}
