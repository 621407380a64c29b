//! Builds the preview page.

use std::{fs, process::Command};

use crate::{js, root, run, setup};

/// Where the program embeds the page from, so that a build of the program needs no Node.
const EMBEDDED: &str = "host/wasmtime/assets/preview.html";

/// Where it is built.
const BUILT: &str = "host/browser/dist/index.html";

/// Builds the page: one file that needs nothing else.
pub(crate) fn build() -> Result<(), String> {
    setup::npm("host/js")?;
    setup::npm("host/browser")?;
    run(Command::new("npm")
        .args(["run", "build", "--silent"])
        .current_dir(root().join("host/browser")))
}

/// Builds the page and puts it where the program embeds it from.
pub(crate) fn generate() -> Result<(), String> {
    js::build()?;
    build()?;
    fs::copy(root().join(BUILT), root().join(EMBEDDED))
        .map(|_| ())
        .map_err(|e| format!("cannot write `{EMBEDDED}`: {e}"))
}

/// Says whether the page that the program embeds is the one that was built.
pub(crate) fn check() -> Result<(), String> {
    let read =
        |path: &str| fs::read(root().join(path)).map_err(|e| format!("cannot read `{path}`: {e}"));
    if read(BUILT)? == read(EMBEDDED)? {
        return Ok(());
    }
    Err(format!(
        "`{EMBEDDED}` is not the page that is built now; `cargo xtask generate` puts it there"
    ))
}
