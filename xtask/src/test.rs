//! `cargo xtask test`: everything, and a plain count.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::{WASM, cargo, component_folder, dist, js, page, root, run, setup};

/// Runs the formatters' and the linters' checks and every test, and closes with a line
/// `N passed, M failed`.
pub(crate) fn test() -> Result<(), String> {
    setup::tests()?;
    let mut count = Count::default();
    count.check("formatting", cargo().args(["fmt", "--all", "--check"]));
    count.check(
        "lints",
        cargo().args([
            "clippy",
            "--quiet",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]),
    );
    for guest in [
        &["backstop-component", "--features", "policy"][..],
        &["backstop-component", "--features", "preview"],
        &["backstop-js"],
    ] {
        // A guest is no default member: it builds for its own target only.
        let target = ["--target", WASM, "--", "--deny", "warnings"];
        count.check(
            &format!("lints of the guest `{}`", guest.join(" ")),
            cargo()
                .args(["clippy", "--quiet", "--package"])
                .args(guest)
                .args(target),
        );
    }
    // Hosts in other languages are played by what is built here.
    for (what, built) in [
        ("the npm package", js::build()),
        ("the page", page::build()),
    ] {
        println!("building {what}");
        if let Err(problem) = built {
            println!("{what}: {problem}");
            count.failed += 1;
        }
    }
    println!("checking the page that is embedded");
    count.check_done("the page that is embedded", page::check());
    count.tests(cargo().args(["test", "--no-fail-fast"]), cargo_counts);
    for suite in SUITES {
        println!("testing {}", suite.folder);
        let mut words = suite.command.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .current_dir(root().join(suite.folder))
            .env("CGO_ENABLED", "0")
            .env("BACKSTOP_COMPONENT", component_folder().join("policy.wasm"));
        count.tests(&mut command, suite.counts);
    }
    for (what, checked) in dist::check() {
        count.check_done(&what, checked);
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    if count.failed == 0 {
        Ok(())
    } else {
        Err("some tests failed, see above".into())
    }
}

/// Tests that are not Rust's.
struct Suite {
    folder: &'static str,
    command: &'static str,
    counts: Counts,
}

const SUITES: [Suite; 7] = [
    Suite {
        folder: "host/js",
        command: "npm test --silent",
        counts: node_counts,
    },
    Suite {
        folder: "host/browser",
        command: "npm test --silent",
        counts: node_counts,
    },
    Suite {
        folder: "host/go",
        command: "go vet ./...",
        counts: exit_counts,
    },
    Suite {
        folder: "host/go",
        command: "go test -v ./...",
        counts: go_counts,
    },
    Suite {
        folder: "host/go/examples/sql",
        command: "go test -v ./...",
        counts: go_counts,
    },
    Suite {
        folder: "examples/jco",
        command: "npm test --silent",
        counts: node_counts,
    },
    Suite {
        folder: "examples/python",
        command: "../../target/tools/python/bin/python -m unittest --verbose",
        counts: python_counts,
    },
];

/// How many tests a line says have passed and failed.
type Counts = fn(line: &str) -> (usize, usize);

fn number(text: &str) -> usize {
    text.trim().parse().unwrap_or(0)
}

/// The closing line of a test program.
fn cargo_counts(line: &str) -> (usize, usize) {
    let Some(counts) = line.strip_prefix("test result: ") else {
        return (0, 0);
    };
    let before = |what: &str| {
        let before = counts.split(what).next().unwrap_or_default().trim_end();
        number(before.rsplit(' ').next().unwrap_or_default())
    };
    (before(" passed"), before(" failed"))
}

/// The closing lines of `node --test`, as TAP and as it prints to a person.
fn node_counts(line: &str) -> (usize, usize) {
    let line = line.trim_start_matches(['#', 'ℹ', ' ']);
    match line.split_once(' ') {
        Some(("pass", passed)) => (number(passed), 0),
        Some(("fail", failed)) => (0, number(failed)),
        _ => (0, 0),
    }
}

/// A line for each test; those of subtests are indented.
fn go_counts(line: &str) -> (usize, usize) {
    (
        usize::from(line.starts_with("--- PASS: ")),
        usize::from(line.starts_with("--- FAIL: ")),
    )
}

/// A line for each test, on standard error.
fn python_counts(line: &str) -> (usize, usize) {
    (
        usize::from(line.ends_with("... ok")),
        usize::from(line.ends_with("... FAIL") || line.ends_with("... ERROR")),
    )
}

/// Something that says nothing when it is content.
fn exit_counts(_line: &str) -> (usize, usize) {
    (0, 0)
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn check(&mut self, what: &str, command: &mut Command) {
        println!("checking {what}");
        let checked = run(command);
        self.check_done(what, checked);
    }

    /// Counts something that was checked.
    fn check_done(&mut self, what: &str, checked: Result<(), String>) {
        match checked {
            Ok(()) => self.passed += 1,
            Err(problem) => {
                println!("{what}: {problem}");
                self.failed += 1;
            }
        }
    }

    /// Adds up what the test programs say. One that does not build, or ends badly without having
    /// said why, counts as one failure.
    fn tests(&mut self, command: &mut Command, counts: Counts) {
        let failed_before = self.failed;
        let (mut passed, mut failed) = (0, 0);
        // Both streams in one, in order: some programs report on the one, some on the other.
        let ended = std::io::pipe().and_then(|(reader, writer)| {
            command
                .stdout(writer.try_clone()?)
                .stderr(Stdio::from(writer));
            let mut child = command.spawn()?;
            // The command still holds its ends of the pipe, which would never be at its end.
            command.stdout(Stdio::null()).stderr(Stdio::null());
            for line in BufReader::new(reader).lines() {
                let line = line?;
                println!("{line}");
                let (more, worse) = counts(&line);
                passed += more;
                failed += worse;
            }
            child.wait()
        });
        self.passed += passed;
        self.failed += failed;
        if !ended.is_ok_and(|status| status.success()) && self.failed == failed_before {
            self.failed += 1;
        }
    }
}
