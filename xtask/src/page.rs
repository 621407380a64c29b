//! Builds the preview page.

use std::{fs, process::Command};

use crate::{js, root, run, setup};

/// Where the program embeds the page from, so that a build of the program needs no Node.
const EMBEDDED: &str = "host/wasmtime/assets/preview.html";

/// Builds `host/browser/dist/index.html`, one file that needs nothing else.
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
    let page = root().join("host/browser/dist/index.html");
    fs::copy(&page, root().join(EMBEDDED))
        .map(|_| ())
        .map_err(|e| format!("cannot write `{EMBEDDED}`: {e}"))
}
