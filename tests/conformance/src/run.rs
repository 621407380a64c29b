use std::{fmt, path::PathBuf};

use serde_json::Value;

use crate::{Host, vector};

/// Plays every case of the files on the host, and compares every key of every expectation.
///
/// # Errors
///
/// Returns the first file that cannot be read or has an unknown format: then nothing was proved.
pub fn run(host: &mut dyn Host, files: &[PathBuf]) -> Result<Report, String> {
    let mut report = Report::default();
    for file in files {
        for case in vector::read(file)? {
            let failures = compare(host, &case);
            if failures.is_empty() {
                report.passed += 1;
            } else {
                report.failed += 1;
                report.failures.extend(failures);
            }
        }
    }
    Ok(report)
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// How many cases agreed in every key.
    pub passed: usize,
    /// How many did not.
    pub failed: usize,
    /// What did not agree.
    pub failures: Vec<Failure>,
}

/// An expectation that was not met.
#[derive(Debug)]
pub struct Failure {
    case: String,
    /// From 1; none where the host failed as a whole.
    step: Option<usize>,
    key: String,
    expected: Value,
    came: Value,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.case)?;
        if let Some(step) = self.step {
            write!(f, ", step {step}")?;
        }
        write!(
            f,
            ": `{}`\n  expected {}\n  came     {}",
            self.key, self.expected, self.came
        )
    }
}

fn compare(host: &mut dyn Host, case: &vector::Case) -> Vec<Failure> {
    let failure = |step, key: &str, expected: Value, came: Value| Failure {
        case: case.name.clone(),
        step,
        key: key.to_owned(),
        expected,
        came,
    };
    let answers = match host.play(case) {
        Ok(answers) => answers,
        Err(error) => return vec![failure(None, "host", "an answer".into(), error.into())],
    };
    if answers.len() != case.steps.len() {
        return vec![failure(
            None,
            "steps",
            case.steps.len().into(),
            answers.len().into(),
        )];
    }
    let mut failures = Vec::new();
    for (number, (step, answer)) in (1..).zip(case.steps.iter().zip(&answers)) {
        for (key, expected) in &step.expect {
            // A key that the answer does not have is never taken for null.
            let came = answer
                .get(key)
                .cloned()
                .unwrap_or_else(|| format!("no such key in {answer}").into());
            if came != *expected {
                failures.push(failure(Some(number), key, expected.clone(), came));
            }
        }
        let refused = |object: &serde_json::Map<String, Value>| object.contains_key("refused");
        if refused(&step.expect) != answer.as_object().is_some_and(refused) {
            failures.push(failure(
                Some(number),
                "refused",
                step.expect.clone().into(),
                answer.clone(),
            ));
        }
    }
    failures
}
