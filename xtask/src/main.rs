//! Set-up, build and test of all of it: `cargo xtask help`.

mod demo;
mod test;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const HELP: &str = "\
cargo xtask demo                          build it, and play its main job
cargo xtask test                          install what the tests need, and run them all
cargo xtask setup                         install what the tests need
cargo xtask vectors [--host HOST] [PATH...]  play vectors on a host: native or component [default: all]
cargo xtask bench                         measure the figures of the README";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((command, [])) if command == "demo" => demo::demo(),
        Some((command, [])) if command == "test" => test::test(),
        Some((command, [])) if command == "setup" => setup(),
        Some((command, [])) if command == "bench" => bench(),
        Some((command, arguments)) if command == "vectors" => vectors(arguments),
        Some((command, [])) if command == "help" || command == "--help" => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command, expected one of\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The target of the component.
const WASM: &str = "wasm32-unknown-unknown";

/// Installs what a build needs: the target of the component.
fn setup_build() -> Result<(), String> {
    let mut sysroot = Command::new(env::var("RUSTC").unwrap_or_else(|_| "rustc".into()));
    let sysroot = sysroot
        .args(["--print", "sysroot"])
        .output()
        .map_err(|e| format!("rustc cannot be run: {e}"))?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    if sysroot.join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    // The toolchain file names the target too, but not every machine installs what it names.
    run(Command::new("rustup").args(["target", "add", WASM])).map_err(|e| {
        format!("{e}; the component is built for {WASM}, which the toolchain must have")
    })
}

/// Installs what the tests need.
fn setup() -> Result<(), String> {
    setup_build()?;
    backstop_test_servers::install().map_err(|e| e.to_string())
}

fn vectors(arguments: &[String]) -> Result<(), String> {
    setup_build()?;
    let named = arguments.iter().any(|argument| argument == "--host");
    // The runner is started in the workspace, and paths are meant from where the caller is.
    let mut arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    for argument in &mut arguments {
        if argument.exists() {
            *argument = std::path::absolute(&*argument).map_err(|e| e.to_string())?;
        }
    }
    if named {
        return run(cargo().args(VECTORS).args(arguments));
    }
    for host in ["native", "component"] {
        run(cargo()
            .args(VECTORS)
            .args(["--host", host])
            .args(&arguments))?;
    }
    Ok(())
}

const VECTORS: [&str; 7] = [
    "run",
    "--quiet",
    "--package",
    "backstop-conformance",
    "--bin",
    "vectors",
    "--",
];

fn bench() -> Result<(), String> {
    setup_build()?;
    run(cargo().args(["build", "--release", "--package", "backstop"]))?;
    run(cargo().args([
        "bench",
        "--package",
        "backstop-conformance",
        "--bench",
        "figures",
    ]))?;
    run(cargo().args([
        "run",
        "--quiet",
        "--package",
        "backstop-conformance",
        "--bin",
        "figures",
    ]))
}

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    // What `cargo xtask` was given is not for the builds that it starts.
    cargo.env_remove("CARGO_MANIFEST_DIR");
    cargo
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command
        .status()
        .map_err(|e| format!("`{}` cannot be run: {e}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", shown(command)))
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
