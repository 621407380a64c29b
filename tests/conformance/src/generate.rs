//! What is made from the contract and from the component, and is committed because those who use it
//! run no build step of ours: a Go module is fetched as it is, and a table is read by people too.
//!
//! `cargo xtask generate` writes the files; a test says so when one of them is no longer what would
//! be made.

use std::{
    fs,
    path::{Path, PathBuf},
};

use backstop::policy::Policy;
use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload};

use crate::{Component, random::fixed_calls};

/// A file that is made, by its path in the repository.
#[derive(Debug)]
pub struct File {
    /// Where it is, relative to the root of the repository.
    pub path: PathBuf,
    /// What is in it.
    pub contents: Vec<u8>,
}

/// Returns every file that is made.
///
/// # Errors
///
/// Returns one line if the contract cannot be read or the component is not one.
pub fn files() -> Result<Vec<File>, String> {
    let file = |path: &str, contents: Vec<u8>| File {
        path: path.into(),
        contents,
    };
    let module = core_module(Policy::component())?;
    let build = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "component": hex(&Sha256::digest(Policy::component())),
        "module": hex(&Sha256::digest(module)),
    });
    let mut files: Vec<File> = backstop_contract::files()?
        .into_iter()
        .map(|(path, text)| file(path, text.into()))
        .collect();
    files.push(file(
        "host/browser/src/build.json",
        format!("{build:#}\n").into(),
    ));
    files.push(file("host/go/policy.wasm", module.to_vec()));
    files.push(file("host/go/testdata/golden.jsonl", golden()?.into()));
    Ok(files)
}

/// Requests, and what the component in wasmtime answers to them.
fn golden() -> Result<String, String> {
    let component = Component::embedded()?;
    let mut lines = String::new();
    for call in fixed_calls()? {
        let (request, answer) = (call.line(), call.answer(&component)?);
        lines += &format!("{{\"answer\":{answer},\"request\":{request}}}\n");
    }
    Ok(lines)
}

/// Writes the components of this build and their core modules to a folder: `policy.wasm`,
/// `preview.wasm`, `policy.core.wasm` and `preview.core.wasm`. A file is there whole or not at all.
///
/// # Errors
///
/// Returns one line that names the file that cannot be written.
pub fn write_components(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("cannot write `{}`: {e}", folder.display()))?;
    for (world, component) in [
        ("policy", Policy::component()),
        ("preview", Policy::preview()),
    ] {
        for (name, bytes) in [
            (format!("{world}.wasm"), component),
            (format!("{world}.core.wasm"), core_module(component)?),
        ] {
            let path = folder.join(name);
            if fs::read(&path).is_ok_and(|written| written == bytes) {
                continue;
            }
            // Somebody else may be reading it.
            let beside = path.with_extension(format!("{}.new", std::process::id()));
            fs::write(&beside, bytes)
                .and_then(|()| fs::rename(&beside, &path))
                .map_err(|e| format!("cannot write `{}`: {e}", path.display()))?;
        }
    }
    Ok(())
}

/// Returns the core module that a component consists of, byte by byte as it was built.
///
/// # Errors
///
/// Returns one line if the bytes are no component.
pub fn core_module(component: &[u8]) -> Result<&[u8], String> {
    let mut modules = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|e| format!("not a component: {e}"))?;
        if let Payload::ModuleSection {
            unchecked_range: range,
            ..
        } = payload
        {
            let start = usize::try_from(range.start).map_err(|e| e.to_string())?;
            let end = usize::try_from(range.end).map_err(|e| e.to_string())?;
            modules.extend(component.get(start..end));
        }
    }
    // `wit-component` adds small modules of its own, which connect the imports.
    modules
        .into_iter()
        .max_by_key(|module| module.len())
        .ok_or_else(|| "a component without a core module".to_owned())
}

/// Returns bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
