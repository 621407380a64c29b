//! Every host plays every vector, with no exceptions.

use std::path::Path;

use backstop_conformance::{hosts, run};

#[test]
fn every_host_plays_every_vector() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let mut files: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    for host in hosts() {
        let name = host.name;
        let report = run(host.start().unwrap().as_mut(), &files).unwrap();
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert!(report.failed == 0, "{name}:\n{}", failures.join("\n"));
        assert!(
            report.passed >= 282,
            "{name} played only {} cases",
            report.passed
        );
    }
}

/// A wrong expectation is found, and a file that the runner does not understand is an error.
#[test]
fn the_runner_can_fail() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("runner.json");
    let step = r#"{"do": "select", "at": 1, "expect": {"refused": "required", "trace": [["default", null, "vacant"]]}}"#;
    let case = |step: &str| {
        format!(r#"{{"name": "n", "why": "w", "rules": [], "given": {{}}, "steps": [{step}]}}"#)
    };
    let check = |format: u64, step: &str, expected: Result<usize, &str>| {
        std::fs::write(
            &file,
            format!(r#"{{"format": {format}, "cases": [{}]}}"#, case(step)),
        )
        .unwrap();
        for host in hosts() {
            let name = host.name;
            let came = run(host.start().unwrap().as_mut(), std::slice::from_ref(&file))
                .map(|report| report.failed);
            match (&came, expected) {
                (Ok(failed), Ok(expected)) => assert_eq!(*failed, expected, "{name}: {step}"),
                (Err(problem), Err(part)) => assert!(problem.contains(part), "{name}: {problem}"),
                _ => panic!("{name}: {step} gave {came:?}, expected {expected:?}"),
            }
        }
    };
    check(1, step, Ok(0));
    check(1, &step.replace("required", "unavailable"), Ok(1));
    check(1, &step.replace("\"refused\"", "\"use\""), Ok(1));
    check(1, &step.replace("\"trace\"", "\"trail\""), Ok(1));
    check(
        1,
        &step.replace("\"at\": 1", "\"at\": 1, \"sise\": 2"),
        Err("unknown field `sise`"),
    );
    check(
        1,
        &step.replace("\"select\"", "\"guess\""),
        Err("unknown variant `guess`"),
    );
    check(2, step, Err("unknown format `2`"));
}
