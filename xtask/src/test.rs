//! `cargo xtask test`: everything, and a plain count.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::{WASM, cargo, run, setup};

/// Runs the formatter's and the linter's checks and every test, and closes with a line
/// `N passed, M failed`.
pub(crate) fn test() -> Result<(), String> {
    setup()?;
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
    for world in ["policy", "preview"] {
        // The guest is no default member: it builds for its own target only.
        let guest = [
            "clippy",
            "--quiet",
            "--package",
            "backstop-component",
            "--features",
            world,
        ];
        let target = ["--target", WASM, "--", "--deny", "warnings"];
        count.check(
            &format!("lints of the guest `{world}`"),
            cargo().args(guest).args(target),
        );
    }
    count.tests(cargo().args(["test", "--no-fail-fast"]));
    println!("{} passed, {} failed", count.passed, count.failed);
    if count.failed == 0 {
        Ok(())
    } else {
        Err("some tests failed, see above".into())
    }
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Count {
    fn check(&mut self, what: &str, command: &mut Command) {
        println!("checking {what}");
        match run(command) {
            Ok(()) => self.passed += 1,
            Err(problem) => {
                println!("{what}: {problem}");
                self.failed += 1;
            }
        }
    }

    /// Adds up the closing lines of the test programs. One that does not get to its closing line,
    /// or does not build, counts as one failure.
    fn tests(&mut self, command: &mut Command) {
        let failed_before = self.failed;
        let ended = command
            .stdout(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                if let Some(stdout) = child.stdout.take() {
                    for line in BufReader::new(stdout).lines() {
                        let line = line?;
                        println!("{line}");
                        self.add(&line);
                    }
                }
                child.wait()
            });
        if !ended.is_ok_and(|status| status.success()) && self.failed == failed_before {
            self.failed += 1;
        }
    }

    fn add(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |what: &str| {
            let before = counts.split(what).next().unwrap_or_default().trim_end();
            before
                .rsplit(' ')
                .next()
                .and_then(|number| number.parse::<usize>().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
    }
}
