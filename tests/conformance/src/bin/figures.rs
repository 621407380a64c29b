//! Prints the medians that the benchmarks of every host left behind, beside what they should be.
//!
//! Criterion leaves those of the hosts in Rust in `target/criterion`; the others print lines
//! `{"host": ..., "id": ..., "median_ns": ...}`, which `cargo xtask bench` keeps in `target/figures`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::Value;

/// What is inside the timed region of each id, which is the same in every host.
const IDS: [(&str, &str); 9] = [
    ("cold", "read, compile, instantiate and the first `select`"),
    (
        "cold-with-javascript",
        "the same, and before it loading the package's JavaScript",
    ),
    (
        "select-2",
        "`select` for a default and a fallback, with its trace",
    ),
    ("select-64", "the same with 64 backends"),
    (
        "select-2-prepared",
        "`select` on a roster that was prepared",
    ),
    ("select-64-prepared", "the same with 64 backends"),
    (
        "select-2-parallel",
        "`select` on all cores at once, per call",
    ),
    ("resolve", "`resolve` over a storage in memory"),
    (
        "resolve-process",
        "`backstop resolve` as a whole process, on an existing database",
    ),
];

/// What a median should be at most, in nanoseconds.
const GOALS: [(&str, &str, f64); 9] = [
    ("native", "select-2", 150.0),
    ("component", "select-2", 2_000.0),
    ("component", "select-64", 25_000.0),
    ("component", "resolve", 8_000.0),
    ("process", "resolve-process", 25_000_000.0),
    ("node", "cold", 10_000_000.0),
    ("node", "select-2", 10_000.0),
    ("node", "select-2-prepared", 1_000.0),
    ("go", "select-2", 5_000.0),
];

const HOSTS: [&str; 5] = ["native", "component", "process", "node", "go"];

fn main() -> ExitCode {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    let mut medians = BTreeMap::new();
    for host in HOSTS {
        for (id, _) in IDS {
            if let Some(median) = criterion(&target, host, id) {
                medians.insert((host.to_owned(), id.to_owned()), median);
            }
        }
    }
    if let Err(problem) = others(&target, &mut medians) {
        eprintln!("error: {problem}");
        return ExitCode::FAILURE;
    }
    for (host, id, _) in GOALS {
        if !medians.contains_key(&(host.to_owned(), id.to_owned())) {
            eprintln!("error: no result for `{id}` of `{host}`, run `cargo xtask bench`");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "| host | id | what is timed | median | at most | |\n| --- | --- | --- | --- | --- | --- |"
    );
    for host in HOSTS {
        for (id, what) in IDS {
            let Some(median) = medians.get(&(host.to_owned(), id.to_owned())) else {
                continue;
            };
            let goal = GOALS
                .iter()
                .find(|(of, goal, _)| *of == host && *goal == id);
            let (limit, verdict) = match goal {
                Some((_, _, limit)) if median <= limit => (time(*limit), "met"),
                Some((_, _, limit)) => (time(*limit), "missed"),
                None => (String::new(), ""),
            };
            println!(
                "| {host} | {id} | {what} | {} | {limit} | {verdict} |",
                time(*median)
            );
        }
    }
    ExitCode::SUCCESS
}

fn criterion(target: &Path, host: &str, id: &str) -> Option<f64> {
    let folder = target.join("criterion").join(format!("{host}_{id}"));
    let text = fs::read_to_string(folder.join("new/estimates.json")).ok()?;
    let estimates: Value = serde_json::from_str(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn others(target: &Path, medians: &mut BTreeMap<(String, String), f64>) -> Result<(), String> {
    for host in ["node", "go"] {
        let file = target.join("figures").join(format!("{host}.jsonl"));
        let text = fs::read_to_string(&file)
            .map_err(|e| format!("{}: {e}, run `cargo xtask bench`", file.display()))?;
        for line in text.lines() {
            let figure: Value =
                serde_json::from_str(line).map_err(|e| format!("{}: {e}", file.display()))?;
            let (Some(host), Some(id), Some(median)) = (
                figure["host"].as_str(),
                figure["id"].as_str(),
                figure["median_ns"].as_f64(),
            ) else {
                return Err(format!("{}: `{line}` is no figure", file.display()));
            };
            if !IDS.iter().any(|(known, _)| *known == id) {
                return Err(format!(
                    "{}: nothing says what `{id}` times",
                    file.display()
                ));
            }
            medians.insert((host.to_owned(), id.to_owned()), median);
        }
    }
    Ok(())
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1_000.0 => format!("{n:.0} ns"),
        n if n < 1_000_000.0 => format!("{:.2} µs", n / 1_000.0),
        n => format!("{:.1} ms", n / 1_000_000.0),
    }
}
