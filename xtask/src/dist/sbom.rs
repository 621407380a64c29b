//! The list of what is in it all, as a CycloneDX document.
//!
//! Made from what cargo, Go and npm say themselves, for the one form that is needed; the tools that
//! write such lists cover one of the three each.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::{Value, json};

use super::{VERSION, collect, read, sha256};
use crate::{output, root};

/// Returns the document: what is given to others as files with their hashes, and every package that
/// was compiled into one of them.
pub(super) fn sbom(folder: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let files: Result<Vec<Value>, String> = files
        .iter()
        .map(|name| {
            Ok(json!({
                "type": "file",
                "name": name,
                "hashes": [{ "alg": "SHA-256", "content": sha256(&read(&folder.join(name))?) }],
            }))
        })
        .collect();
    let mut packages = crates()?;
    packages.extend(go_modules()?);
    packages.extend(npm_packages()?);
    let components: Vec<Value> = files?.into_iter().chain(packages.into_values()).collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "backstop",
                "name": "backstop",
                "version": VERSION,
                "licenses": [{ "license": { "id": "Apache-2.0" } }],
            },
        },
        "components": components,
    });
    Ok(format!("{document:#}\n"))
}

/// Packages by their package URL, so that each is there once and in order.
type Packages = BTreeMap<String, Value>;

fn package(packages: &mut Packages, url: String, name: &str, version: &str, licence: Option<&str>) {
    let mut value = json!({
        "type": "library",
        "bom-ref": url,
        "purl": url,
        "name": name,
        "version": version,
    });
    if let Some(licence) = licence {
        // Some crates still write the old form of `OR`.
        value["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    packages.insert(url, value);
}

/// What is compiled into the program and the guests.
fn crates() -> Result<Packages, String> {
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root()),
    )?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|e| e.to_string())?;
    let mut known = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        known.insert(text(&package["id"]), package);
    }
    // Of what is linked: normal dependencies, all the way down from what is given to others.
    let mut packages = Packages::new();
    for (given, target) in [
        ("backstop", None),
        ("backstop-component", Some("wasm32-unknown-unknown")),
        ("backstop-js", Some("wasm32-unknown-unknown")),
    ] {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"])
            .args(["--format", "{p}", "--package", given])
            .current_dir(root());
        if let Some(target) = target {
            tree.args(["--target", target]);
        }
        for line in output(&mut tree)?.lines() {
            let mut words = line.split(' ');
            let (Some(name), Some(version)) = (words.next(), words.next()) else {
                continue;
            };
            let version = version.trim_start_matches('v');
            let found = known.values().find(|package| {
                text(&package["name"]) == name && text(&package["version"]) == version
            });
            let Some(found) = found else {
                return Err(format!(
                    "cargo does not know `{name}` {version} of its own tree"
                ));
            };
            // Ours are what the document is about.
            if found["source"].is_null() {
                continue;
            }
            let url = format!("pkg:cargo/{name}@{version}");
            package(&mut packages, url, name, version, found["license"].as_str());
        }
    }
    Ok(packages)
}

fn go_modules() -> Result<Packages, String> {
    let listed = output(
        Command::new("go")
            .args([
                "list",
                "-m",
                "-f",
                "{{if not .Main}}{{.Path}} {{.Version}}{{end}}",
                "all",
            ])
            .current_dir(root().join("host/go")),
    )?;
    let mut packages = Packages::new();
    for line in listed.lines() {
        if let Some((name, version)) = line.split_once(' ') {
            let url = format!("pkg:golang/{name}@{version}");
            package(&mut packages, url, name, version, None);
        }
    }
    Ok(packages)
}

/// What a user of the npm package gets beside it: what the lock file does not mark as needed for
/// development alone.
fn npm_packages() -> Result<Packages, String> {
    let lock = read(&root().join("host/js/package-lock.json"))?;
    let lock: Value = serde_json::from_slice(&lock).map_err(|e| e.to_string())?;
    let mut packages = Packages::new();
    for (path, entry) in lock["packages"].as_object().into_iter().flatten() {
        let development = entry["dev"] == true || entry["devOptional"] == true;
        if let Some((_, name)) = path.rsplit_once("node_modules/")
            && !development
        {
            let version = text(&entry["version"]);
            let url = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
            package(
                &mut packages,
                url,
                name,
                &version,
                entry["license"].as_str(),
            );
        }
    }
    Ok(packages)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
