use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{Component, Host, Native, Player, Process, generate::write_components, process::root};

/// A host that plays the vectors.
#[derive(Clone, Copy, Debug)]
pub struct HostRow {
    /// What `--host` calls it.
    pub name: &'static str,
    start: Start,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Rust(fn() -> Result<Box<dyn Host>, String>),
    Process(fn() -> Result<Command, String>),
}

/// Returns every host, the core itself first.
pub fn hosts() -> &'static [HostRow] {
    const fn rust(name: &'static str, start: fn() -> Result<Box<dyn Host>, String>) -> HostRow {
        let start = Start::Rust(start);
        HostRow { name, start }
    }
    const fn process(name: &'static str, start: fn() -> Result<Command, String>) -> HostRow {
        let start = Start::Process(start);
        HostRow { name, start }
    }
    &const {
        [
            rust("native", || Ok(Box::new(Player::new(Native)))),
            rust("component", || {
                Ok(Box::new(Player::new(Component::embedded()?)))
            }),
            process("node", || node("node.mjs")),
            process("browser", || node("browser.mjs")),
            process("go", go),
            process("go-translated", || {
                let mut player = go()?;
                player.arg("-translated");
                Ok(player)
            }),
            process("jco", || {
                let mut player = node("jco.mjs")?;
                player.env("BACKSTOP_COMPONENT", component()?);
                Ok(player)
            }),
            process("python", python),
        ]
    }
}

impl HostRow {
    /// Starts the host.
    ///
    /// # Errors
    ///
    /// It cannot be started; says why, and what is to be done.
    pub fn start(&self) -> Result<Box<dyn Host>, String> {
        match self.start {
            Start::Rust(start) => start(),
            Start::Process(_) => Ok(Box::new(Player::new(self.process()?.ok_or("no process")?))),
        }
    }

    /// Starts the host's player, if it is a process.
    ///
    /// # Errors
    ///
    /// As [`HostRow::start`].
    pub fn process(&self) -> Result<Option<Process>, String> {
        match self.start {
            Start::Rust(_) => Ok(None),
            Start::Process(command) => Process::start(self.name, &mut command()?).map(Some),
        }
    }
}

fn node(player: &str) -> Result<Command, String> {
    let path = root().join("tests/hosts").join(player);
    let mut command = Command::new("node");
    command.arg(existing(path)?);
    Ok(command)
}

/// Compiles the player first, once in a process; a moment if nothing has changed.
fn go() -> Result<Command, String> {
    static PLAYER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PLAYER
        .get_or_init(build_go)
        .as_ref()
        .map(Command::new)
        .map_err(Clone::clone)
}

fn build_go() -> Result<PathBuf, String> {
    let player = target().join("hosts/go-player");
    // Another process may be running it.
    let beside = player.with_extension(std::process::id().to_string());
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&beside)
        .arg("./internal/player")
        .current_dir(root().join("host/go"))
        .env("CGO_ENABLED", "0")
        .status()
        .map_err(|e| format!("Go cannot be run: {e}"))?;
    if !built.success() {
        return Err(format!(
            "the player of the Go module does not compile ({built})"
        ));
    }
    fs::rename(&beside, &player)
        .map_err(|e| format!("cannot write `{}`: {e}", player.display()))?;
    Ok(player)
}

fn python() -> Result<Command, String> {
    let interpreter = backstop_test_servers::tool_directory().join("python/bin/python");
    let mut command = Command::new(existing(interpreter)?);
    command
        .arg(existing(root().join("tests/hosts/python.py"))?)
        .env("BACKSTOP_COMPONENT", component()?);
    Ok(command)
}

/// Returns where the component lies that this build embeds.
fn component() -> Result<PathBuf, String> {
    let folder = target().join("component");
    write_components(&folder)?;
    Ok(folder.join("policy.wasm"))
}

fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    std::path::absolute(&target).unwrap_or(target)
}

fn existing(path: PathBuf) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(&path).unwrap_or(path);
    if Path::new(&absolute).exists() {
        Ok(absolute)
    } else {
        Err(format!(
            "no `{}`; `cargo xtask setup` installs what the hosts need",
            absolute.display()
        ))
    }
}
