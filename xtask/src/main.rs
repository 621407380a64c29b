//! Set-up, build and test of all of it: `cargo xtask help`.

mod bench;
mod demo;
mod dist;
mod js;
mod page;
mod setup;
mod test;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use setup::WASM;

const HELP: &str = "\
cargo xtask demo                          build it, and play its main job
cargo xtask test                          install what the tests need, and run them all
cargo xtask setup                         install what the tests need
cargo xtask generate                      make anew what is made and committed
cargo xtask component                     leave the components in target/component
cargo xtask js                            build the npm package, host/js/dist
cargo xtask page                          build the preview page, host/browser/dist
cargo xtask dist                          build all that is given to others, target/dist
cargo xtask vectors [--host HOST] [PATH...]  play vectors on a host: native, component, node, browser,
                                          go, go-translated, jco or python [default: all]
cargo xtask bench                         measure the figures of the README";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((command, [])) if command == "demo" => demo::demo(),
        Some((command, [])) if command == "test" => test::test(),
        Some((command, [])) if command == "setup" => setup::tests(),
        Some((command, [])) if command == "generate" => generate(),
        Some((command, [])) if command == "component" => components(&component_folder()),
        Some((command, [])) if command == "js" => js::build(),
        Some((command, [])) if command == "page" => page::build(),
        Some((command, [])) if command == "dist" => dist::dist(),
        Some((command, [])) if command == "bench" => bench::bench(),
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

fn vectors(arguments: &[String]) -> Result<(), String> {
    setup::build()?;
    let named = arguments.iter().any(|argument| argument == "--host");
    // The runner is started in the workspace, and paths are meant from where the caller is.
    let mut arguments: Vec<PathBuf> = arguments.iter().map(PathBuf::from).collect();
    for argument in &mut arguments {
        if argument.exists() {
            *argument = std::path::absolute(&*argument).map_err(|e| e.to_string())?;
        }
    }
    if named {
        return run(conformance("vectors").args(arguments));
    }
    for host in [
        "native",
        "component",
        "node",
        "browser",
        "go",
        "go-translated",
        "jco",
        "python",
    ] {
        run(conformance("vectors")
            .args(["--host", host])
            .args(&arguments))?;
    }
    Ok(())
}

/// Makes anew what is made and committed. The tables of the contract come first: the component is
/// compiled only if it agrees with them.
fn generate() -> Result<(), String> {
    setup::build()?;
    run(cargo().args(["run", "--quiet", "--package", "backstop-contract"]))?;
    run(&mut conformance("generate"))?;
    run(Command::new("go")
        .args(["generate", "./..."])
        .current_dir(root().join("host/go")))?;
    page::generate()
}

/// Leaves the components of this build and their core modules in a folder.
fn components(folder: &Path) -> Result<(), String> {
    setup::build()?;
    run(conformance("components").arg(folder))
}

fn component_folder() -> PathBuf {
    target().join("component")
}

/// A program of the package of the conformance tests.
fn conformance(program: &str) -> Command {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--package", "backstop-conformance"]);
    cargo.args(["--bin", program, "--"]);
    cargo
}

fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    std::path::absolute(&target).unwrap_or(target)
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

/// Runs a command and returns what it prints; what it says to people goes to them.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|e| format!("`{}` cannot be run: {e}", shown(command)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!(
            "`{}` failed ({}): {}",
            shown(command),
            output.status,
            text.trim_end()
        ))
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
