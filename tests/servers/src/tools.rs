//! The programs behind the servers: which, in which version, where they are and how they get there.
//!
//! Everything goes under one directory, and nothing is installed into the system. A tool is there
//! when the directory named after its version is: it is built beside its place and moved there
//! whole, so an interrupted installation leaves nothing that looks finished.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::Error;

/// The newest release when this was written. Its module asks for Go 1.25.
const VERSITYGW: &str = "1.8.0";

/// The newest release when this was written. Its module asks for Go 1.26.
const FAKE_GCS_SERVER: &str = "1.56.1";

/// The last release that runs on Node 20; the next one asks for 21, the one after for 22.
const AZURITE: &str = "3.35.0";

/// Not pinned: a release of Debian has one version, and that is what its users run.
const DOCKER_REGISTRY: &str = "docker-registry";

/// Returns where the tools are: `BACKSTOP_TOOLS` if that is set, else `target/tools` of the
/// workspace.
#[must_use]
pub fn tool_directory() -> PathBuf {
    match env::var_os("BACKSTOP_TOOLS") {
        Some(path) if !path.is_empty() => path.into(),
        _ => {
            let package = Path::new(env!("CARGO_MANIFEST_DIR"));
            let workspace = package.ancestors().nth(2).unwrap_or(package);
            workspace.join("target/tools")
        }
    }
}

/// Installs the tools that are missing, and says so on standard error; a few minutes on two cores
/// the first time, nothing at all when everything is there. Any number of processes may call it at
/// once.
///
/// # Errors
///
/// [`Error::Install`] names the tool that failed and the way out.
pub fn install() -> Result<(), Error> {
    if is_complete() {
        return Ok(());
    }
    let directory = tool_directory();
    let error = || Error::io(format!("write to `{}`", directory.display()));
    fs::create_dir_all(&directory).map_err(error())?;
    // The lock goes with the file, at the end of this function or of this process.
    let lock = File::create(directory.join(".lock")).map_err(error())?;
    lock.lock().map_err(error())?;
    for entry in fs::read_dir(&directory).map_err(error())? {
        let entry = entry.map_err(error())?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            // Left behind by an installation that was killed; whoever has the lock is alone.
            fs::remove_dir_all(entry.path()).map_err(error())?;
        }
    }
    // Go builds fill the processors, npm waits for the network.
    thread::scope(|scope| {
        let packages = scope.spawn(|| {
            install_docker_registry()?;
            install_azurite()
        });
        let built = install_go(
            "versitygw",
            VERSITYGW,
            "github.com/versity/versitygw/cmd/versitygw",
        )
        .and_then(|()| {
            install_go(
                "fake-gcs-server",
                FAKE_GCS_SERVER,
                "github.com/fsouza/fake-gcs-server",
            )
        });
        let packages = packages.join().unwrap_or_else(|_| {
            Err(Error::Install {
                tool: "the packages".to_owned(),
                reason: "the installation panicked".to_owned(),
                way_out: "its message is above".to_owned(),
            })
        });
        built.and(packages)
    })
}

/// Returns the program, or says how to get it.
pub(crate) fn docker_registry() -> Result<PathBuf, Error> {
    let ours = tool_directory()
        .join(DOCKER_REGISTRY)
        .join("usr/bin/docker-registry");
    if ours.exists() {
        return Ok(ours);
    }
    // The package may be installed in the ordinary way.
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|directory| directory.join("docker-registry"))
        .find(|path| path.is_file())
        .map_or_else(|| existing(DOCKER_REGISTRY, ours), Ok)
}

/// Returns the program, or says how to get it.
pub(crate) fn versitygw() -> Result<PathBuf, Error> {
    let place = place("versitygw", VERSITYGW);
    existing(&format!("versitygw {VERSITYGW}"), place.join("versitygw"))
}

/// Returns the program, or says how to get it.
pub(crate) fn fake_gcs_server() -> Result<PathBuf, Error> {
    let place = place("fake-gcs-server", FAKE_GCS_SERVER);
    existing(
        &format!("fake-gcs-server {FAKE_GCS_SERVER}"),
        place.join("fake-gcs-server"),
    )
}

/// Returns the script of the blob service, for Node to run, or says how to get it.
pub(crate) fn azurite() -> Result<PathBuf, Error> {
    let script = "node_modules/azurite/dist/src/blob/main.js";
    let place = place("azurite", AZURITE);
    existing(&format!("azurite {AZURITE}"), place.join(script))
}

fn is_complete() -> bool {
    docker_registry().is_ok()
        && versitygw().is_ok()
        && fake_gcs_server().is_ok()
        && azurite().is_ok()
}

fn existing(tool: &str, path: PathBuf) -> Result<PathBuf, Error> {
    if path.exists() {
        return Ok(path);
    }
    Err(Error::NotInstalled {
        tool: tool.to_owned(),
        path,
    })
}

fn place(tool: &str, version: &str) -> PathBuf {
    tool_directory().join(format!("{tool}-{version}"))
}

fn install_go(tool: &str, version: &str, package: &str) -> Result<(), Error> {
    let label = format!("{tool} {version}");
    let place = place(tool, version);
    let way_out = format!(
        "install Go 1.26 or later and let it reach a module proxy, or put `{tool}` into `{}`",
        place.display()
    );
    staged(&label, &place, |staging| {
        run(
            &label,
            &way_out,
            Command::new("go")
                .args(["install", "-trimpath", "-ldflags=-s -w"])
                .arg(format!("{package}@v{version}"))
                .env("GOBIN", staging)
                // No C compiler is needed, and no C library at run time.
                .env("CGO_ENABLED", "0"),
        )
    })
}

fn install_azurite() -> Result<(), Error> {
    let label = format!("azurite {AZURITE}");
    let way_out = "install Node 20 or later with npm and let npm reach a registry";
    staged(&label, &place("azurite", AZURITE), |staging| {
        run(
            &label,
            way_out,
            Command::new("npm")
                // It has no scripts that it would need, and its dependencies are many.
                .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
                .arg("--prefix")
                .arg(staging)
                .arg(format!("azurite@{AZURITE}")),
        )
    })
}

/// Unpacks Debian's package. Nothing of it runs, so no user is made and no service started, and
/// it takes no privileges.
fn install_docker_registry() -> Result<(), Error> {
    if docker_registry().is_ok() {
        return Ok(());
    }
    let way_out = "install `docker-registry` in another way, on the PATH";
    let place = tool_directory().join(DOCKER_REGISTRY);
    staged(DOCKER_REGISTRY, &place, |staging| {
        let mut download = Command::new("apt-get");
        download
            .args(["download", "--quiet", DOCKER_REGISTRY])
            .current_dir(staging);
        if run(DOCKER_REGISTRY, way_out, &mut download).is_err() {
            // A fresh machine has no package lists, or old ones.
            update_package_lists(way_out)?;
            run(DOCKER_REGISTRY, way_out, &mut download)?;
        }
        let error = || Error::io(format!("read `{}`", staging.display()));
        for entry in fs::read_dir(staging).map_err(error())? {
            let package = entry.map_err(error())?.path();
            if package.extension() == Some(OsStr::new("deb")) {
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("-x").arg(&package).arg(staging);
                run(DOCKER_REGISTRY, way_out, &mut unpack)?;
                fs::remove_file(&package).map_err(error())?;
            }
        }
        Ok(())
    })
}

fn update_package_lists(way_out: &str) -> Result<(), Error> {
    let user = Command::new("id").arg("-u").output();
    let is_root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut update = if is_root {
        Command::new("apt-get")
    } else {
        // Asks for no password: nobody may be there to give it.
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "apt-get"]);
        sudo
    };
    run(DOCKER_REGISTRY, way_out, update.args(["update", "--quiet"]))
}

/// Where a tool is built before it is moved to its place.
const STAGING: &str = ".staging-";

/// Lets `build` fill a directory that then becomes `place`; nothing happens if that exists.
fn staged(
    label: &str,
    place: &Path,
    build: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    if place.exists() {
        return Ok(());
    }
    eprintln!("installing {label} ...");
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let staging = tool_directory().join(format!("{STAGING}{name}"));
    let error = || Error::io(format!("write to `{}`", staging.display()));
    fs::create_dir_all(&staging).map_err(error())?;
    // Programs that run elsewhere are told of it.
    let staging = fs::canonicalize(&staging).map_err(error())?;
    build(&staging)?;
    fs::rename(&staging, place).map_err(error())
}

fn run(tool: &str, way_out: &str, command: &mut Command) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let reason = match command.output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<_> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
            let tail = lines[lines.len().saturating_sub(5)..].join(" | ");
            format!("`{program}` failed ({}): {tail}", output.status)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("`{program}` is not on the PATH")
        }
        Err(error) => format!("`{program}` cannot be run: {error}"),
    };
    Err(Error::Install {
        tool: tool.to_owned(),
        reason,
        way_out: way_out.to_owned(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Makes sure that the servers under test can start.
    pub(crate) fn installed() {
        install().expect("the tools");
    }

    #[test]
    fn a_second_installation_finds_everything() {
        installed();
        assert!(is_complete());
        let started = std::time::Instant::now();
        installed();
        assert!(started.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_failed_step_names_the_tool_and_the_way_out() {
        let error = run(
            "thing 1.0",
            "get it elsewhere",
            &mut Command::new("no-such-program"),
        )
        .expect_err("no such program");
        assert_eq!(
            error.to_string(),
            "cannot install thing 1.0: `no-such-program` is not on the PATH; get it elsewhere"
        );
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo no route >&2; exit 4"]);
        let error = run("thing 1.0", "get it elsewhere", &mut failing).expect_err("it fails");
        assert_eq!(
            error.to_string(),
            "cannot install thing 1.0: `sh` failed (exit status: 4): no route; get it elsewhere"
        );
    }
}
