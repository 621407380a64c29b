//! Builds the policy as two components, precompiles them for the machine that the program is built
//! for, and leaves both forms in `OUT_DIR`, from where the library embeds them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasmtime::Engine;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[path = "src/policy/engine.rs"]
mod engine;

const TARGET: &str = "wasm32-unknown-unknown";

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    let out = PathBuf::from(variable("OUT_DIR"));
    for path in [
        "Cargo.toml",
        "core/Cargo.toml",
        "core/src",
        "host/wasmtime/build.rs",
        "host/wasmtime/src/policy/engine.rs",
        "wasm/component/Cargo.toml",
        "wasm/component/build.rs",
        "wasm/component/src",
        "wit",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    require_target();

    // Without a target the compiler would use whatever this very machine can do, and the program
    // would not run on another one of its kind.
    let mut config = engine::config();
    config
        .target(&variable("TARGET"))
        .unwrap_or_else(|error| panic!("cannot precompile for the target of the program: {error}"));
    let engine =
        Engine::new(&config).unwrap_or_else(|error| panic!("cannot set up the compiler: {error}"));

    for world in ["policy", "preview"] {
        let component = component(&root, world, &build(&root, &out, world));
        let precompiled = engine
            .precompile_component(&component)
            .unwrap_or_else(|error| panic!("cannot precompile the world `{world}`: {error}"));
        write(&out.join(format!("{world}.component.wasm")), &component);
        write(&out.join(format!("{world}.component.cwasm")), &precompiled);
    }
}

/// Builds the guest, and returns its core module.
fn build(root: &Path, out: &Path, world: &str) -> Vec<u8> {
    // A directory of its own: this build runs while the outer one holds the lock of the other.
    let target_dir = out.join("guest");
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--quiet",
            "--package",
            "backstop-component",
        ])
        .args([
            "--profile",
            "guest",
            "--target",
            TARGET,
            "--features",
            world,
        ])
        .arg("--target-dir")
        .arg(&target_dir);
    // What was asked of the program (flags, lints, coverage, a wrapper) is not for the guest.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_BUILD_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_TARGET_")
            || [
                "CARGO_ENCODED_RUSTFLAGS",
                "RUSTFLAGS",
                "RUSTC_WRAPPER",
                "RUSTC_WORKSPACE_WRAPPER",
            ]
            .contains(&&*name)
        {
            cargo.env_remove(&*name);
        }
    }
    // Set and empty: flags of a configuration file do not count either.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "");
    let status = cargo
        .status()
        .unwrap_or_else(|error| panic!("cannot run cargo for the guest: {error}"));
    assert!(
        status.success(),
        "the guest of the world `{world}` does not build: {status}"
    );
    read(
        &target_dir
            .join(TARGET)
            .join("guest/backstop_component.wasm"),
    )
}

/// Makes a component of a core module: says what its functions mean, and checks that they can.
fn component(root: &Path, world: &str, module: &[u8]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_path(root.join("wit"))
        .unwrap_or_else(|error| panic!("cannot read the contract: {error:#}"));
    let id = resolve
        .select_world(&[package], Some(world))
        .unwrap_or_else(|error| panic!("the contract has no world `{world}`: {error:#}"));
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8, false)
        .unwrap_or_else(|error| panic!("cannot describe the world `{world}`: {error:#}"));
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("the guest is not of the world `{world}`: {error:#}"));
    without_names(&component)
}

/// Leaves out the custom sections: the names of types and of the tool are of no use to a host.
fn without_names(component: &[u8]) -> Vec<u8> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut kept = component[..HEADER].to_vec();
    let mut at = HEADER;
    while at < component.len() {
        // A section is its kind, its length in groups of seven bits, and its contents.
        let (mut length, mut next) = (0, at + 1);
        for shift in (0..).step_by(7) {
            let byte = component[next];
            next += 1;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if component[at] != CUSTOM {
            kept.extend_from_slice(&component[at..next + length]);
        }
        at = next + length;
    }
    kept
}

/// The target's library is what a fresh machine most likely lacks: says so before the compiler
/// does at length.
fn require_target() {
    let output = Command::new(variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .unwrap_or_else(|error| panic!("cannot run rustc: {error}"));
    let directory = String::from_utf8_lossy(&output.stdout);
    assert!(
        Path::new(directory.trim()).is_dir(),
        "the policy is built for {TARGET}, which is not installed: run `rustup target add {TARGET}`"
    );
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("cargo sets `{name}`: {error}"))
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes)
        .unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
}
