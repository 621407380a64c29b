//! Prints the medians that the benchmarks left in `target/criterion`, beside what they should be.

use std::{fs, path::PathBuf, process::ExitCode};

use serde_json::Value;

/// Benchmark, what it should be at most (in nanoseconds), and what is inside the timed region.
const FIGURES: [(&str, f64, &str); 5] = [
    (
        "native-select-2",
        150.0,
        "`select` of the core for a default and a fallback, with its trace",
    ),
    (
        "component-select-2",
        2_000.0,
        "the same through a component instance that has served before",
    ),
    ("component-select-64", 25_000.0, "the same with 64 backends"),
    (
        "component-resolve",
        8_000.0,
        "`resolve` with a fresh instance and an in-memory storage",
    ),
    (
        "process-resolve",
        25_000_000.0,
        "`backstop resolve` as a whole process, on an existing database",
    ),
];

fn main() -> ExitCode {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    println!("| figure | median | at most | |\n| --- | --- | --- | --- |");
    for (name, limit, what) in FIGURES {
        let file = target
            .join("criterion")
            .join(name)
            .join("new/estimates.json");
        let median = fs::read_to_string(&file)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .and_then(|estimates| estimates["median"]["point_estimate"].as_f64());
        let Some(median) = median else {
            eprintln!(
                "error: no result in {}, run `cargo xtask bench`",
                file.display()
            );
            return ExitCode::FAILURE;
        };
        let verdict = if median <= limit { "met" } else { "missed" };
        println!(
            "| {what} | {} | {} | {verdict} |",
            time(median),
            time(limit)
        );
    }
    ExitCode::SUCCESS
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1_000.0 => format!("{n:.0} ns"),
        n if n < 1_000_000.0 => format!("{:.2} µs", n / 1_000.0),
        n => format!("{:.1} ms", n / 1_000_000.0),
    }
}
