//! A server program: started on a free port, waited for, stopped, started again.

use std::{
    collections::hash_map::RandomState,
    fs::{File, OpenOptions},
    hash::{BuildHasher, Hasher},
    io::{self, Read, Seek, SeekFrom},
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{Error, http};

/// How long a server may take until it answers; Node on a busy machine needs some of it.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How long a killed server may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Starts that a clash of ports may cost.
const ATTEMPTS: u32 = 10;

/// Ports are taken from below the range that the kernel gives to outgoing connections (from 32,768
/// up). A stopped server so finds its port free when it is started again, although the tests
/// around it open connections all the time.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Runs a server and ends it, with the signal that is the first argument, as soon as standard
/// input closes, which it also does when the process that holds the other end dies in a way that
/// runs no destructor. The server itself never sees that input.
const KEEPER: &str = r#"signal=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(read -r _ <&3; kill -s "$signal" "$server") 2>/dev/null &
watcher=$!
exec 3<&-
wait "$server"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status""#;

/// How to run a server on a given port.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Asked until `ready` likes the answer's status.
    pub(crate) ready_path: &'static str,
    pub(crate) ready: fn(u16) -> bool,
    /// `KILL`, unless the server has to be given the time to write down what it was sent.
    pub(crate) stop_signal: &'static str,
}

/// A server program and the port that it keeps, running or stopped; killed on drop.
pub(crate) struct Process {
    name: &'static str,
    port: u16,
    program: Program,
    log: PathBuf,
    keeper: Option<Child>,
}

impl Process {
    /// Starts what `program` says for a free port, on another one if that turns out to be taken,
    /// and returns when it answers. Its output goes to a file in `directory`.
    pub(crate) fn start(
        name: &'static str,
        directory: &Path,
        program: impl Fn(u16) -> Result<Program, Error>,
    ) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let port = free_port()?;
            let mut process = Self {
                name,
                port,
                program: program(port)?,
                log: directory.join("server.log"),
                keeper: None,
            };
            match process.launch() {
                Ok(()) => return Ok(process),
                Err(error) if error.is_port_clash() && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Kills the server and waits until it is gone; nothing happens if it does not run.
    pub(crate) fn stop(&mut self) {
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        drop(keeper.stdin.take());
        let deadline = Instant::now() + GONE_WITHIN;
        while matches!(keeper.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                // The keeper leads a process group that has the server in it. A destructor has
                // nobody to tell if even this fails.
                let group = format!("-{}", keeper.id());
                let _ = Command::new("kill")
                    .args(["-s", "KILL", "--", &group])
                    .status();
                let _ = keeper.wait();
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Starts the server again, on the port that it had, with the storage that it had; nothing
    /// happens if it runs.
    pub(crate) fn start_again(&mut self) -> Result<(), Error> {
        let mut attempt = 1;
        while self.keeper.is_none() {
            match self.launch() {
                Ok(()) => {}
                Err(error) if error.is_port_clash() && attempt < ATTEMPTS => {
                    attempt += 1;
                    thread::sleep(Duration::from_millis(200));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<(), Error> {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(Error::io(format!("write `{}`", self.log.display())))?;
        let start = log
            .seek(SeekFrom::End(0))
            .map_err(Error::io(format!("read `{}`", self.log.display())))?;
        let copy = log
            .try_clone()
            .map_err(Error::io(format!("write `{}`", self.log.display())))?;
        let keeper = Command::new("/bin/sh")
            .arg("-c")
            .arg(KEEPER)
            .arg(self.name)
            .arg(self.program.stop_signal)
            .arg(&self.program.path)
            .args(&self.program.arguments)
            .envs(
                self.program
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            // A process group of its own: Ctrl-C goes to the holder alone, which then stops it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(copy)
            .spawn()
            .map_err(Error::io(format!("start {}", self.name)))?;
        self.keeper = Some(keeper);
        let outcome = self.wait_until_ready(start);
        if outcome.is_err() {
            self.stop();
        }
        outcome
    }

    fn wait_until_ready(&mut self, log_start: u64) -> Result<(), Error> {
        let url = format!("http://{}{}", self.address(), self.program.ready_path);
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            // Asked first and looked at second: when another program has the port and answers,
            // this server has ended or is about to.
            let answered = http::send("GET", &url, &[], &[])
                .is_ok_and(|answer| (self.program.ready)(answer.status));
            let keeper = self.keeper.as_mut().map(Child::try_wait);
            if !matches!(keeper, Some(Ok(None))) {
                return Err(Error::Ended {
                    server: self.name,
                    log: tail(&self.log, log_start),
                });
            }
            if answered {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Error::NotReady {
                    server: self.name,
                    seconds: READY_WITHIN.as_secs(),
                    log: tail(&self.log, log_start),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a directory for a server's storage, configuration and log.
pub(crate) fn scratch(name: &str) -> Result<TempDir, Error> {
    TempDir::with_prefix(format!("backstop-{name}-"))
        .map_err(Error::io("create a temporary directory"))
}

/// Returns a port that nobody listened on a moment ago.
fn free_port() -> Result<u16, Error> {
    // The standard library's hash keys are the randomness at hand; tests that run side by side
    // so start looking at different places.
    let start = RandomState::new().build_hasher().finish();
    let count = u64::from(PORTS.end - PORTS.start);
    for step in 0..count {
        let offset = (start.wrapping_add(step)) % count;
        let Some(port) = u16::try_from(offset)
            .ok()
            .and_then(|offset| PORTS.start.checked_add(offset))
        else {
            continue;
        };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Io {
        what: format!("find a free port from {} to {}", PORTS.start, PORTS.end),
        source: io::ErrorKind::AddrInUse.into(),
    })
}

/// Returns the last lines of a log after `start`, on one line.
fn tail(log: &Path, start: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut text)
    });
    if let Err(error) = read {
        return format!("(its log cannot be read: {error})");
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return "(none)".to_owned();
    }
    lines[lines.len().saturating_sub(10)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(script: &str) -> Program {
        Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: Vec::new(),
            ready_path: "/",
            ready: |_| true,
            stop_signal: "KILL",
        }
    }

    #[test]
    fn a_server_that_ends_is_reported_with_its_last_words() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let error = Process::start("broken", directory.path(), |_| {
            Ok(program("echo starting; echo no such disk >&2; exit 3"))
        })
        .err()
        .expect("it cannot start");
        assert_eq!(
            error.to_string(),
            "broken ended before it was ready; its last words: starting | no such disk"
        );
    }

    #[test]
    fn a_server_that_will_not_end_is_killed_all_the_same() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let server = crate::StatusServer::start(200, &[], "").expect("a port");
        let port = server
            .address()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let beat = directory.path().join("beat");
        let mut process = Process {
            name: "stubborn",
            port: port.expect("a port"),
            program: Program {
                stop_signal: "TERM",
                ..program(&format!(
                    "trap '' TERM; while :; do echo >> {}; sleep 0.05; done",
                    beat.display()
                ))
            },
            log: directory.path().join("server.log"),
            keeper: None,
        };
        process.launch().expect("something answers on its port");
        let beats = || std::fs::metadata(&beat).map_or(0, |file| file.len());
        while beats() < 2 {
            thread::sleep(Duration::from_millis(5));
        }
        process.stop();
        let last = beats();
        thread::sleep(Duration::from_millis(500));
        assert_eq!(beats(), last);
    }

    #[test]
    fn a_clash_of_ports_is_tried_again_elsewhere() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ports = std::cell::RefCell::new(Vec::new());
        let error = Process::start("unlucky", directory.path(), |port| {
            ports.borrow_mut().push(port);
            Ok(program("echo listen: address already in use; exit 1"))
        })
        .err()
        .expect("it never starts");
        assert!(error.is_port_clash(), "{error}");
        assert_eq!(ports.borrow().len(), 10);
    }
}
