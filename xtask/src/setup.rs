//! What a build and the tests need, installed.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{root, run};

/// The target of the guests.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Where npm has something to install, from a lock file.
const NPM: [&str; 3] = ["host/js", "host/browser", "examples/jco"];

/// Debian's packages: the program that shows that one is there, and the package.
const DEBIAN: [(&str, &str); 2] = [
    // The browser that the preview page is tested in; no test tool may bring one of its own.
    ("/usr/bin/chromium", "chromium"),
    // The database of an example; its server program is on no PATH.
    ("/usr/lib/postgresql/15/bin/postgres", "postgresql-15"),
];

/// Installs what a build needs: the target of the guests.
pub(crate) fn build() -> Result<(), String> {
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
pub(crate) fn tests() -> Result<(), String> {
    build()?;
    // Some of it waits for the network, some for the processor.
    thread::scope(|scope| {
        let packages = scope.spawn(|| {
            NPM.iter().try_for_each(|folder| npm(folder))?;
            python()
        });
        let servers = backstop_test_servers::install().map_err(|e| e.to_string());
        let debian = servers.and_then(|()| DEBIAN.iter().try_for_each(debian));
        let packages = packages
            .join()
            .unwrap_or_else(|_| Err("the installation of packages panicked".into()));
        debian.and(packages)
    })
}

/// Installs what a lock file names, unless just that was installed before.
pub(crate) fn npm(folder: &str) -> Result<(), String> {
    let folder = root().join(folder);
    if is_newer(
        &folder.join("node_modules/.package-lock.json"),
        &folder.join("package-lock.json"),
    ) {
        return Ok(());
    }
    eprintln!("installing the packages of {} ...", folder.display());
    run(Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(&folder))
    .map_err(|e| format!("{e}; Node 20 with npm is needed, and a registry that it can reach"))
}

/// Makes an interpreter with what the Python example names.
fn python() -> Result<(), String> {
    let place = backstop_test_servers::tool_directory().join("python");
    let requirements = root().join("examples/python/requirements.txt");
    // Written last, so that what was interrupted is done again.
    let done = place.join("requirements.txt");
    if is_newer(&done, &requirements) {
        return Ok(());
    }
    eprintln!("installing the packages of examples/python ...");
    let hint = |e| format!("{e}; Python 3.11 with venv is needed, and an index that pip can reach");
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&place))
    .map_err(hint)?;
    run(Command::new(place.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(&requirements))
    .map_err(hint)?;
    std::fs::copy(&requirements, &done)
        .map(|_| ())
        .map_err(|e| format!("cannot write `{}`: {e}", done.display()))
}

fn debian((program, package): &(&str, &str)) -> Result<(), String> {
    if Path::new(program).exists() {
        return Ok(());
    }
    eprintln!("installing {package} ...");
    let hint = |e| format!("{e}; `{program}` of the package `{package}` is needed");
    let install = || {
        run(apt().args([
            "install",
            "--yes",
            "--quiet=2",
            "--no-install-recommends",
            package,
        ]))
    };
    if install().is_err() {
        // A fresh machine has no package lists, or old ones.
        run(apt().args(["update", "--quiet=2"])).map_err(hint)?;
        install().map_err(hint)?;
    }
    Ok(())
}

fn apt() -> Command {
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut apt = if is_root {
        Command::new("apt-get")
    } else {
        // Asks for no password: nobody may be there to give it.
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "apt-get"]);
        sudo
    };
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

fn is_newer(made: &Path, from: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    matches!((changed(made), changed(from)), (Ok(made), Ok(from)) if made >= from)
}
