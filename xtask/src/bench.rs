//! `cargo xtask bench`: the figures of every host, as one table.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{cargo, conformance, js, output, root, run, setup, target};

/// How often Go measures each figure, of which the median counts.
const RUNS: &str = "7";

/// Measures and prints the figures of the README.
pub(crate) fn bench() -> Result<(), String> {
    setup::build()?;
    js::build()?;
    run(cargo().args(["build", "--release", "--package", "backstop"]))?;
    run(cargo().args([
        "bench",
        "--package",
        "backstop-conformance",
        "--bench",
        "figures",
    ]))?;
    let folder = target().join("figures");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make `{}`: {e}", folder.display()))?;
    for (host, figures) in [("node", node()?), ("go", go()?)] {
        let file = folder.join(format!("{host}.jsonl"));
        fs::write(&file, figures).map_err(|e| format!("cannot write `{}`: {e}", file.display()))?;
    }
    run(&mut conformance("figures"))
}

fn node() -> Result<String, String> {
    println!("measuring node");
    output(
        Command::new("node")
            .arg("bench/figures.mjs")
            .current_dir(root().join("host/js")),
    )
}

/// Go's own benchmarks say `BenchmarkFigures/ID-CORES  N  T ns/op`.
fn go() -> Result<String, String> {
    println!("measuring go");
    let text = output(
        Command::new("go")
            .args([
                "test",
                "-run",
                "^$",
                "-bench",
                "^BenchmarkFigures$",
                "-count",
                RUNS,
                ".",
            ])
            .env("CGO_ENABLED", "0")
            .current_dir(root().join("host/go")),
    )?;
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("BenchmarkFigures/") else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        if let [name, _, time, "ns/op", ..] = words.as_slice()
            && let Ok(time) = time.parse()
        {
            // The number of cores is part of the name, unless it is one.
            let id = match name.rsplit_once('-') {
                Some((id, cores)) if cores.parse::<usize>().is_ok() && !is_id(name) => id,
                _ => name,
            };
            times.entry(id.to_owned()).or_default().push(time);
        }
    }
    let mut lines = String::new();
    for (id, mut times) in times {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        lines += &format!(
            "{}\n",
            serde_json::json!({ "host": "go", "id": id, "median_ns": median })
        );
    }
    Ok(lines)
}

/// Ids may end in a number themselves.
fn is_id(name: &str) -> bool {
    ["select-2", "select-64"].contains(&name)
}
