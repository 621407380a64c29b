//! `cargo xtask dist`: everything that is given to others, with checksums and a list of what is in it.

mod sbom;

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest, Sha256};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{cargo, components, js, output, page, root, run, setup, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The path under which Go programs import the module.
const GO_MODULE: &str = "backstop.example/go";

/// Builds all of it into `target/dist`.
pub(crate) fn dist() -> Result<(), String> {
    let folder = target().join("dist");
    build(&folder, "release")?;
    println!("all of it is in {}", folder.display());
    Ok(())
}

/// Builds all of it into a folder, with the program of a profile.
fn build(folder: &Path, profile: &str) -> Result<(), String> {
    setup::build()?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|e| cannot("remove", folder, &e))?;
    }
    make_folder(folder)?;

    println!("building the components");
    let parts = target().join("component");
    components(&parts)?;
    for name in ["policy", "policy.core", "preview", "preview.core"] {
        let to = format!("backstop-{}-{VERSION}.wasm", name.replace('.', "-"));
        copy(&parts.join(format!("{name}.wasm")), &folder.join(to))?;
    }

    println!("building the npm package");
    js::build()?;
    run(Command::new("npm")
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(folder)
        .current_dir(root().join("host/js"))
        .stdout(std::process::Stdio::null()))?;

    println!("building the page");
    page::build()?;
    let page = root().join("host/browser/dist/index.html");
    copy(
        &page,
        &folder.join(format!("backstop-preview-page-{VERSION}.html")),
    )?;

    println!("packing the Go module");
    go_module(&folder.join("go"))?;

    println!("building the program (some minutes the first time)");
    let mut program = cargo();
    program.args(["build", "--locked", "--bin", "backstop"]);
    if profile == "release" {
        program.arg("--release");
    }
    run(&mut program)?;
    pack_program(folder, profile)?;

    let sbom = sbom::sbom(folder)?;
    let path = folder.join(format!("backstop-{VERSION}.cdx.json"));
    fs::write(&path, sbom).map_err(|e| cannot("write", &path, &e))?;
    checksums(folder)
}

/// Where a check leaves it all, with the program as the tests have built it: a release build takes as
/// long as all of them.
fn tried() -> PathBuf {
    target().join("dist-debug")
}

/// Uses something that is given to others, in an empty folder.
type Check = fn(empty: &Path) -> Result<(), String>;

/// Builds all of it, and uses it as somebody would who has nothing else of ours.
pub(crate) fn check() -> Vec<(String, Result<(), String>)> {
    println!("checking what is given to others");
    if let Err(problem) = build(&tried(), "debug") {
        return vec![("dist".to_owned(), Err(problem))];
    }
    let checks: [(&str, Check); 4] = [
        ("checksums", check_checksums),
        ("the npm package in an empty project", check_npm),
        ("the Go module in an empty project", check_go),
        ("the program in an empty folder", check_program),
    ];
    let empty = env::temp_dir().join(format!("backstop-dist-{}", std::process::id()));
    checks
        .into_iter()
        .map(|(what, check)| {
            let checked = make_folder(&empty).and_then(|()| check(&empty));
            // What is left in a temporary folder is nobody's loss.
            let _ = fs::remove_dir_all(&empty);
            (what.to_owned(), checked)
        })
        .collect()
}

fn check_checksums(_empty: &Path) -> Result<(), String> {
    run(Command::new("sha256sum")
        .args(["--check", "--quiet", "--strict", "SHA256SUMS"])
        .current_dir(tried()))
}

/// What a project of somebody else would try first, in both kinds of module.
fn check_npm(empty: &Path) -> Result<(), String> {
    const USE: &str = "\
const roster = emptyRoster();
const plan = planner.createOrganization('id-1', { organization: 'acme', actor: 'test', by: 'organization', now: 1000 });
const answer = planner.select(planner.apply(roster, plan.value.changeSet), { size: null }, 1000);
if (!answer.ok || answer.value.backend.id !== 'id-1') throw new Error(JSON.stringify(answer));
";
    let package = tried().join(format!("backstop-{VERSION}.tgz"));
    for (name, text) in [
        ("package.json", r#"{"private": true}"#.to_owned()),
        (
            "use.mjs",
            format!("import {{ emptyRoster, planner }} from 'backstop';\n{USE}"),
        ),
        (
            "use.cjs",
            format!("const {{ emptyRoster, planner }} = require('backstop');\n{USE}"),
        ),
    ] {
        write(&empty.join(name), &text)?;
    }
    run(Command::new("npm")
        .args([
            "install",
            "--silent",
            "--offline",
            "--no-audit",
            "--no-fund",
        ])
        .arg(package)
        .current_dir(empty))?;
    run(Command::new("node").arg("use.mjs").current_dir(empty))?;
    run(Command::new("node").arg("use.cjs").current_dir(empty))
}

fn check_go(empty: &Path) -> Result<(), String> {
    write(&empty.join("go.mod"), "module empty\n\ngo 1.26\n")?;
    write(
        &empty.join("main.go"),
        &format!(include_str!("dist/main.go.txt"), module = GO_MODULE),
    )?;
    let proxies = output(Command::new("go").args(["env", "GOPROXY"]))?;
    let ours = format!("file://{},{}", tried().join("go").display(), proxies.trim());
    // A module cache of its own for ours: one of this version may be there from before.
    let go = |arguments: &[&str]| {
        run(Command::new("go")
            .args(arguments)
            .current_dir(empty)
            .env("GOPROXY", &ours)
            .env("GONOSUMDB", GO_MODULE)
            .env("GOFLAGS", "-mod=mod -modcacherw")
            .env("GOMODCACHE", empty.join("cache"))
            .env("CGO_ENABLED", "0"))
    };
    go(&["get", &format!("{GO_MODULE}@v{VERSION}")])?;
    go(&["run", "."])
}

fn check_program(empty: &Path) -> Result<(), String> {
    run(Command::new("tar")
        .arg("-xzf")
        .arg(tried().join(archive()))
        .args(["--strip-components", "1", "-C"])
        .arg(empty))?;
    run(Command::new(empty.join("backstop"))
        .arg("resolve")
        .env(
            "BACKSTOP_DATABASE",
            format!("sqlite:{}", empty.join("backstop.db").display()),
        )
        .env("BACKSTOP_KEY_FILE", empty.join("key"))
        .stdout(std::process::Stdio::null()))
}

/// Packs the module as Go's proxies give it: a file tree that `GOPROXY=file://...` understands.
fn go_module(proxy: &Path) -> Result<(), String> {
    let source = root().join("host/go");
    let folder = proxy.join(GO_MODULE).join("@v");
    make_folder(&folder)?;
    let version = format!("v{VERSION}");
    copy(
        &source.join("go.mod"),
        &folder.join(format!("{version}.mod")),
    )?;
    let info = serde_json::json!({ "Version": version, "Time": "2026-01-01T00:00:00Z" });
    write(&folder.join(format!("{version}.info")), &info.to_string())?;
    write(&folder.join("list"), &format!("{version}\n"))?;

    let path = folder.join(format!("{version}.zip"));
    let file = fs::File::create(&path).map_err(|e| cannot("write", &path, &e))?;
    let mut archive = ZipWriter::new(file);
    let zip = |e: zip::result::ZipError| cannot("write", &path, &e);
    for name in module_files()? {
        archive
            .start_file(
                format!("{GO_MODULE}@{version}/{name}"),
                SimpleFileOptions::default(),
            )
            .map_err(zip)?;
        archive
            .write_all(&read(&source.join(&name))?)
            .map_err(|e| cannot("write", &path, &e))?;
    }
    // A module has its licence in it.
    archive
        .start_file(
            format!("{GO_MODULE}@{version}/LICENSE"),
            SimpleFileOptions::default(),
        )
        .map_err(zip)?;
    archive
        .write_all(&read(&root().join("LICENSE"))?)
        .map_err(|e| cannot("write", &path, &e))?;
    archive.finish().map_err(zip)?;
    Ok(())
}

/// The files of the Go module, without those of modules inside of it.
fn module_files() -> Result<Vec<String>, String> {
    let listed = output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root().join("host/go")),
    )?;
    let names: Vec<String> = listed.lines().map(str::to_owned).collect();
    let inner: Vec<String> = names
        .iter()
        .filter_map(|name| {
            name.strip_suffix("/go.mod")
                .map(|folder| format!("{folder}/"))
        })
        .collect();
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| !inner.iter().any(|folder| name.starts_with(folder)))
        .collect();
    if names.iter().any(|name| name == "policy.wasm") {
        Ok(names)
    } else {
        Err("git lists no `policy.wasm` in host/go, where the module is embedded from".into())
    }
}

fn archive() -> String {
    format!(
        "backstop-{VERSION}-{}-{}.tar.gz",
        env::consts::ARCH,
        env::consts::OS
    )
}

/// Packs the program with what belongs to it.
fn pack_program(folder: &Path, profile: &str) -> Result<(), String> {
    let name = format!("backstop-{VERSION}");
    let inside = target().join("package").join(&name);
    make_folder(&inside)?;
    let program = format!("backstop{}", env::consts::EXE_SUFFIX);
    copy(
        &target().join(profile).join(&program),
        &inside.join(&program),
    )?;
    for name in ["CHANGELOG.md", "LICENSE", "README.md"] {
        copy(&root().join(name), &inside.join(name))?;
    }
    run(Command::new("tar")
        .args([
            "--sort=name",
            "--mtime=@0",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
        ])
        .arg("-czf")
        .arg(folder.join(archive()))
        .arg("-C")
        .arg(target().join("package"))
        .arg(name))
}

/// Writes `SHA256SUMS` over every other file.
fn checksums(folder: &Path) -> Result<(), String> {
    let mut names = Vec::new();
    collect(folder, "", &mut names)?;
    names.sort();
    let mut text = String::new();
    for name in names {
        text += &format!("{}  {name}\n", sha256(&read(&folder.join(&name))?));
    }
    write(&folder.join("SHA256SUMS"), &text)
}

fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|e| cannot("read", folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| cannot("read", folder, &e))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| cannot("make", path, &e))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(|_| ()).map_err(|e| {
        format!(
            "cannot copy `{}` to `{}`: {e}",
            from.display(),
            to.display()
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| cannot("read", path, &e))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| cannot("write", path, &e))
}

fn cannot(what: &str, path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot {what} `{}`: {error}", path.display())
}
