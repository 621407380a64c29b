//! Plays folders of vectors on a host: `vectors --host HOST PATH...`.
//!
//! Closes with a line `N passed, M failed`, and exits with 1 on a failure, with 2 on a file that it
//! cannot read or an unknown format.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use backstop_conformance::{hosts, run};

fn main() -> ExitCode {
    match play() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn play() -> Result<usize, String> {
    let names = || {
        hosts()
            .iter()
            .map(|host| host.name)
            .collect::<Vec<_>>()
            .join("|")
    };
    let usage = || format!("usage: vectors --host {} PATH...", names());
    let mut arguments = env::args().skip(1);
    let (mut wanted, mut paths) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--host" => wanted = Some(arguments.next().ok_or_else(usage)?),
            option if option.starts_with('-') => {
                return Err(format!("unknown option `{option}`; {}", usage()));
            }
            path => paths.push(PathBuf::from(path)),
        }
    }
    let wanted = wanted.ok_or_else(usage)?;
    let host = hosts()
        .iter()
        .find(|host| host.name == wanted)
        .ok_or_else(|| format!("unknown host `{wanted}`, expected one of {}", names()))?;
    if paths.is_empty() {
        paths.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors"));
    }
    let files = files(paths)?;
    let report = run(host.start()?.as_mut(), &files)?;
    for failure in &report.failures {
        println!("{failure}");
    }
    println!("{}: {} files", host.name, files.len());
    println!("{} passed, {} failed", report.passed, report.failed);
    Ok(report.failed)
}

/// Files stand for themselves, folders for the `*.json` files in them, in order.
fn files(paths: Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = path
            .read_dir()
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .collect();
        if found.is_empty() {
            return Err(format!("{}: no vectors (`*.json`) here", path.display()));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}
