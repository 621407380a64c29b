//! The command line as people and scripts meet it: standard output, standard error, exit code.

mod hostile;
mod sandbox;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    time::Duration,
};

use backstop_test_servers::{DockerRegistry, Refused, S3, Silent};
use sandbox::{Run, Sandbox};
use serde_json::{Value, json};

/// Commands in a row, each with its exit code and what must stand in standard output and in
/// standard error; nothing stands for nothing at all.
fn check(sandbox: &Sandbox, steps: &[(&str, i32, &str, &str)]) {
    for (command, code, stdout, stderr) in steps {
        let run = sandbox.run(command);
        run.check(command, *code, stdout, stderr);
    }
}

/// Every one is refused with one line, and changes nothing.
fn check_refused(sandbox: &Sandbox, steps: &[(&str, i32, &str)]) {
    let before = sandbox.state();
    for (command, code, stderr) in steps {
        let run = sandbox.run(command);
        run.check(command, *code, "", stderr);
        assert_eq!(
            run.stderr.trim_end().lines().count(),
            1,
            "`{command}` explains itself in one line: {}",
            run.stderr
        );
        assert!(
            run.stderr.starts_with("error: "),
            "`{command}`: {}",
            run.stderr
        );
        assert_eq!(sandbox.state(), before, "`{command}` changed something");
    }
}

#[test]
fn the_first_use_needs_no_set_up() {
    let sandbox = Sandbox::new();
    check(
        &sandbox,
        &[
            (
                "casbackend list",
                0,
                "│ default-inline │          │ INLINE   │",
                "",
            ),
            ("resolve", 0, "│ default-inline │", ""),
            ("organization list", 0, "│ default │", ""),
            (
                "-O acme casbackend list",
                4,
                "",
                "organization-not-found: organization `acme` does not exist",
            ),
            ("organization create acme", 0, "default-inline", ""),
            ("organization create acme", 3, "", "organization-taken"),
            ("organization create Acme", 3, "", "name-invalid: `Acme`"),
            ("-O acme backend ls", 0, "default-inline", ""),
        ],
    );
}

/// The main job: the default breaks, the fallback takes over, the default comes back.
#[test]
fn the_fallback_takes_over_and_gives_back() {
    let sandbox = Sandbox::new();
    sandbox.directory("primary");
    sandbox.directory("spare");
    check(
        &sandbox,
        &[
            (
                "casbackend add local --path primary --name primary --default --yes",
                0,
                "│ true    │ false    │ valid  │",
                "",
            ),
            (
                "casbackend add local --path spare --name spare --fallback",
                0,
                "│ false   │ true     │ valid  │",
                "",
            ),
            ("resolve", 0, "│ primary │", ""),
        ],
    );
    fs::rename(sandbox.path("primary"), sandbox.path("gone")).unwrap();
    check(
        &sandbox,
        &[
            (
                "casbackend check primary",
                25,
                "not-found",
                "`primary` failed the probe (not-found): directory",
            ),
            (
                "resolve --explain",
                0,
                "│ default    │ primary │ invalid  │ its last probe failed (not-found) │",
                "",
            ),
            ("casbackend ls", 0, "invalid (not-found)", ""),
        ],
    );
    let resolved = sandbox.run("resolve --output json").json();
    assert_eq!(resolved["casBackend"]["casBackendName"], "spare");
    assert_eq!(resolved["casBackend"]["fallback"], true);
    assert_eq!(resolved["degraded"], true);
    assert_eq!(resolved["trace"][0]["verdict"], "invalid");

    fs::rename(sandbox.path("spare"), sandbox.path("gone-too")).unwrap();
    check(
        &sandbox,
        &[
            ("casbackend revalidate spare", 25, "not-found", ""),
            (
                "resolve",
                12,
                "",
                "unavailable: no storage backend can take the write: default `primary` is invalid",
            ),
            ("resolve --size 1T", 11, "", "too-large"),
            ("resolve --explain", 12, "fallback-1", "unavailable"),
            (
                "resolve --output json",
                12,
                "\"refused\": \"unavailable\"",
                "unavailable",
            ),
        ],
    );
    fs::rename(sandbox.path("gone"), sandbox.path("primary")).unwrap();
    check(
        &sandbox,
        &[
            (
                "casbackend check --all",
                25,
                "not-probed",
                "`spare` failed the probe (not-found)",
            ),
            ("resolve", 0, "│ primary │", ""),
            ("events", 0, "route-changed", ""),
        ],
    );
    let events = sandbox.run("events --output json").json();
    let routes: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "route-changed")
        .collect();
    assert_eq!(routes.len(), 5, "{routes:#?}");
}

/// The command of the design, with its table.
#[test]
fn a_repository_becomes_the_fallback() {
    let registry = DockerRegistry::with_auth("name", "password").unwrap();
    let sandbox = Sandbox::new();
    let repo = format!("{}/repo", registry.address());
    let add = format!(
        "--allow-private casbackend add oci --repo {repo} --username name --password password --name fallbacktest \
         --fallback --max-bytes 300M"
    );
    let run = sandbox.run(&add);
    run.check(&add, 0, "", "");
    let cells = |line: &str| {
        line.trim_matches('│')
            .split('│')
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 5, "{}", run.stdout);
    assert!(
        lines[0].starts_with('┌') && lines[2].starts_with('├') && lines[4].starts_with('└'),
        "{}",
        run.stdout
    );
    assert_eq!(
        cells(lines[1]),
        [
            "NAME",
            "LOCATION",
            "PROVIDER",
            "DESCRIPTION",
            "LIMITS",
            "DEFAULT",
            "FALLBACK",
            "STATUS"
        ]
    );
    assert_eq!(
        cells(lines[3]),
        [
            "fallbacktest",
            &repo,
            "OCI",
            "",
            "MaxSize: 300M",
            "false",
            "true",
            "valid"
        ]
    );
    assert_eq!(
        registry.uploads().unwrap(),
        [""; 0],
        "a probe leaves nothing behind"
    );
    sandbox.holds_no("password");
    sandbox.holds_no("name:password");
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    fs::write(sandbox.path("file"), "").unwrap();
    let refused = Refused::start().unwrap();
    let silent = Silent::start().unwrap();
    let registry = DockerRegistry::with_auth("name", "password").unwrap();
    let closed = DockerRegistry::read_only().unwrap();
    let s3 = S3::start().unwrap();
    s3.create_bucket("bucket").unwrap();
    let reader = s3.read_only_account("bucket").unwrap();
    let root = s3.root();
    let oci = |repo: &str, password: &str| {
        format!(
            "--allow-private casbackend add oci --repo {repo} --username name --password {password} --name oci"
        )
    };
    let aws = |bucket: &str, id: &str, secret: &str| {
        format!(
            "--allow-private casbackend add aws-s3 --bucket {bucket} --endpoint {} --region {} --access-key-id {id} \
             --secret-access-key {secret} --name s3",
            s3.endpoint(),
            s3.region()
        )
    };
    sandbox
        .run("casbackend add local --path disk --name disk --default --yes")
        .check("add", 0, "", "");
    check_refused(
        &sandbox,
        &[
            (
                "casbackend show nobody",
                4,
                "backend-not-found: organization `default` has no backend `nobody`",
            ),
            ("casbackend show No_Body", 3, "name-invalid: `No_Body`"),
            ("casbackend update nobody --default", 4, "backend-not-found"),
            ("casbackend delete nobody --yes", 4, "backend-not-found"),
            ("casbackend check nobody", 4, "backend-not-found"),
            ("route-read --copy nobody", 4, "backend-not-found"),
            (
                "casbackend add local --path disk --name not_valid",
                3,
                "name-invalid: `not_valid` is not a name",
            ),
            (
                "casbackend add local --path disk --name disk",
                3,
                "name-taken",
            ),
            (
                "casbackend add local --path disk --name a --default --fallback --yes",
                3,
                "role-conflict",
            ),
            (
                "casbackend add local --path disk --name a --max-bytes 5M",
                3,
                "limit-too-small: a limit of 5M",
            ),
            (
                "casbackend add local --path disk --name a_b --max-bytes 5M --default --fallback",
                3,
                "role-conflict",
            ),
            (
                "casbackend add local --path nowhere --name a",
                25,
                "validation-failed",
            ),
            (
                "casbackend add local --path file --name a",
                21,
                "validation-failed",
            ),
            (
                "casbackend add local --path disk --name a --managed",
                3,
                "managed-reserved",
            ),
            (
                "casbackend update default-inline --max-bytes 20M",
                3,
                "inline-limit-fixed",
            ),
            (
                "casbackend update default-inline --rotate",
                3,
                "no-credentials",
            ),
            ("casbackend delete default-inline", 3, "inline-undeletable"),
            (
                "casbackend update disk --password x",
                2,
                "credentials of OCI do not fit",
            ),
            (
                "casbackend update disk --default=false",
                6,
                "confirm with --yes",
            ),
            ("casbackend delete disk", 6, "confirm with --yes"),
            (
                "casbackend add local --path disk --name a --default",
                6,
                "`a` would replace `disk` as the default",
            ),
            (
                "casbackend update disk --description x --revision 1",
                5,
                "conflict",
            ),
            ("organization set-policy fall=0", 3, "policy-invalid"),
            (
                "organization set-policy max-fallbacks=x",
                2,
                "max-fallbacks",
            ),
            ("organization set-policy nonsense=1", 2, "nonsense"),
            ("organization delete default", 6, "confirm with --yes"),
            (
                "organization delete nobody --yes",
                4,
                "organization-not-found",
            ),
            ("events --since yesterday", 2, "`yesterday` is not a time"),
            (
                &oci(&format!("{}/repo", registry.address()), "wrong"),
                20,
                "(auth)",
            ),
            (
                &oci(&format!("{}/repo", closed.address()), "password"),
                26,
                "(permission)",
            ),
            (&oci("nowhere.invalid/repo", "password"), 24, "(network)"),
            (
                &oci(&format!("{}/repo", refused.address()), "password"),
                24,
                "(network)",
            ),
            (
                &format!(
                    "--probe-timeout 700ms {}",
                    oci(&format!("{}/repo", silent.address()), "p")
                ),
                31,
                "(timeout)",
            ),
            (
                &oci(&format!("{}/repo", registry.address()), "password")
                    .replace("--allow-private ", ""),
                21,
                "--allow-private",
            ),
            (
                &aws("missing-bucket", &root.access_key, &root.secret_key),
                25,
                "(not-found)",
            ),
            (&aws("bucket", &root.access_key, "wrong"), 20, "(auth)"),
            (&aws("bucket", "nobody", &root.secret_key), 20, "(auth)"),
            (
                &aws("bucket", &reader.access_key, &reader.secret_key),
                26,
                "(permission)",
            ),
        ],
    );
    assert_eq!(
        s3.objects("bucket").unwrap(),
        [""; 0],
        "failed probes leave nothing behind"
    );
    check(
        &sandbox,
        &[
            ("casbackend add local --path disk", 2, "", "--name"),
            (
                "casbackend add local --path disk --name a --max-bytes lots",
                2,
                "",
                "`lots` is not a size",
            ),
            ("casbackend add tape --name a", 2, "", "tape"),
            (
                "--database postgres://user:hunter2@host/db resolve",
                44,
                "",
                "use `sqlite:PATH`",
            ),
        ],
    );
    sandbox.holds_no("hunter2");
}

#[test]
fn a_real_bucket_serves_and_keeps_nothing_of_a_probe() {
    let s3 = S3::start().unwrap();
    s3.create_bucket("bucket").unwrap();
    let sandbox = Sandbox::new();
    fs::write(
        sandbox.path("secret"),
        format!("{}\n", s3.root().secret_key),
    )
    .unwrap();
    let add = format!(
        "--allow-private casbackend add aws-s3 --bucket bucket --endpoint {} --region {} --access-key-id {} \
         --secret-access-key-file secret --name s3 --default --yes",
        s3.endpoint(),
        s3.region(),
        s3.root().access_key
    );
    check(
        &sandbox,
        &[
            (&add, 0, "AWS-S3", ""),
            ("--allow-private casbackend check s3", 0, "ok", ""),
        ],
    );
    assert_eq!(s3.objects("bucket").unwrap(), [""; 0]);
    sandbox.holds_no(&s3.root().secret_key);
}

#[test]
fn passwords_come_from_where_they_are_safe() {
    let registry = DockerRegistry::with_auth("name", "hunter2").unwrap();
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("secret"), "hunter2\n").unwrap();
    let add = |name: &str, more: &str| {
        let repo = format!("{}/{name}", registry.address());
        format!(
            "--allow-private casbackend add oci --repo {repo} --username name --name {name} {more}"
        )
    };
    sandbox
        .run(&add("from-file", "--password-file secret"))
        .check("file", 0, "valid", "");
    sandbox
        .run_with(&add("from-stdin", "--password-stdin"), &[], "hunter2\n")
        .check("stdin", 0, "valid", "");
    sandbox
        .run_with(
            &add("from-env", ""),
            &[("BACKSTOP_PASSWORD", "hunter2")],
            "",
        )
        .check("env", 0, "valid", "");
    sandbox
        .run_with(&add("from-none", ""), &[], "")
        .check("none", 2, "", "--password is missing");

    // A rotation is probed before it replaces anything, and a variable alone rotates nothing.
    let update = "--allow-private casbackend update from-env";
    sandbox
        .run(&format!("{update} --password wrong"))
        .check("rotate", 20, "", "(auth)");
    let wrong = [("BACKSTOP_PASSWORD", "wrong")];
    sandbox
        .run_with(&format!("{update} --description new"), &wrong, "")
        .check("update", 0, "new", "");
    sandbox
        .run_with(&format!("{update} --rotate"), &wrong, "")
        .check("rotate", 20, "", "(auth)");
    sandbox
        .run("--allow-private casbackend check from-env")
        .check("check", 0, "ok", "");
    sandbox
        .run(&format!("{update} --password hunter2"))
        .check("rotate", 0, "valid", "");
    assert_eq!(
        sandbox.run("casbackend show from-env -o json").json()["generation"],
        2
    );
    for secret in ["hunter2", "wrong"] {
        sandbox.holds_no(secret);
    }
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    let before = sandbox.state();
    let run = sandbox.run("casbackend add local --path disk --name disk --default --dry-run");
    run.check("dry run", 0, "dry run: nothing was changed", "");
    for part in [
        "default-changed",
        "│ default           │ default-inline │ disk  │",
        "a write would use",
        "not probed",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    check_refused(
        &sandbox,
        &[(
            "casbackend add local --path disk --name No --default --fallback --dry-run",
            3,
            "role-conflict",
        )],
    );
    let plan = sandbox
        .run("casbackend add local --path disk --name disk --fallback --dry-run -o json")
        .json();
    assert_eq!(plan["fallbacks"], json!({"before": [], "after": ["disk"]}));
    assert_eq!(sandbox.state(), before);
}

#[test]
fn answers_are_for_programs_too() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    sandbox
        .run("casbackend add local --path disk --name disk --fallback")
        .check("add", 0, "", "");
    let list = sandbox.run("casbackend list -o json").json();
    assert_eq!(list[0]["name"], "default-inline");
    assert_eq!(list[1]["fallback"], true);
    sandbox
        .run("casbackend list -o yaml")
        .check("yaml", 0, "- id: ", "");
    sandbox
        .run("casbackend list --full")
        .check("full", 0, "generation 1", "");
    sandbox
        .run("organization show")
        .check("show", 0, "max-fallbacks", "");
    sandbox
        .run("organization set-policy hold-down=10m tail=inline")
        .check("policy", 0, "10m", "");
    assert_eq!(
        sandbox.run("organization show -o json").json()["policy"]["tail"],
        json!(["inline"])
    );
    sandbox
        .run("organization set-policy --reset")
        .check("policy", 0, "30m", "");
    sandbox
        .run("route-read --copy disk --copy default-inline")
        .check("read", 0, "copy", "");
    sandbox
        .run("component")
        .check("component", 0, "backstop:policy/storage@0.1.0", "");
    for shell in ["bash", "zsh", "fish"] {
        sandbox
            .run(&format!("completions {shell}"))
            .check("completions", 0, "backstop", "");
    }
    // A deleted backend is still read from, by its name.
    check(
        &sandbox,
        &[
            ("casbackend rm disk", 0, "deleted `disk`", ""),
            ("route-read --copy disk", 0, "unlisted", ""),
            ("casbackend show disk", 4, "", "backend-not-found"),
        ],
    );
    sandbox
        .run("organization delete default --yes")
        .check("delete", 0, "deleted", "");
}

#[test]
fn events_are_followed_as_they_happen() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    sandbox.run("casbackend list").check("list", 0, "", "");
    let mut following = sandbox
        .command("events --follow -o json")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let born: Vec<Value> = (0..4).map(|_| next()["event"].clone()).collect();
    assert_eq!(
        born,
        [
            "organization-created",
            "backend-created",
            "default-changed",
            "route-changed"
        ]
    );
    sandbox
        .run("casbackend add local --path disk --name disk")
        .check("add", 0, "", "");
    let created = next();
    assert_eq!(created["event"], "backend-created");
    assert_eq!(created["actor"], "tester");
    following.kill().unwrap();
    following.wait().unwrap();
    let later = sandbox
        .run("events --since 2099-01-01T00:00:00Z -o json")
        .json();
    assert_eq!(later, json!([]));
}

#[test]
fn a_database_that_cannot_be_used_is_named() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    let list =
        |database: &str| sandbox.run(&format!("--database sqlite:{database} casbackend list"));
    fs::write(
        sandbox.path("prose.db"),
        "this is no database, however long it is made to be".repeat(99),
    )
    .unwrap();
    list("prose.db").check("prose", 43, "", "is not a SQLite database");
    list("no/such/folder/x.db").check("folder", 44, "", "does not exist");

    list("newer.db").check("new", 0, "default-inline", "");
    sandbox.sql("newer.db", "PRAGMA user_version = 999");
    list("newer.db").check("newer", 42, "", "use a newer version");

    list("locked.db").check("new", 0, "", "");
    let lock = sandbox.lock("locked.db");
    let add = "--database sqlite:locked.db casbackend add local --path disk --name disk";
    sandbox
        .run(add)
        .check("locked", 40, "", "is locked by another program");
    drop(lock);
    sandbox.run(add).check("unlocked", 0, "disk", "");
}

#[test]
fn a_key_that_is_missing_is_not_made_anew() {
    let registry = DockerRegistry::with_auth("name", "password").unwrap();
    let sandbox = Sandbox::new();
    let add = |name: &str| {
        format!(
            "--allow-private casbackend add oci --repo {}/{name} --username name --password password --name {name}",
            registry.address()
        )
    };
    sandbox.run(&add("one")).check("add", 0, "valid", "");
    let key = sandbox.path("backstop.db.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    check_refused(
        &sandbox,
        &[(
            &add("two"),
            50,
            "is missing, and stored credentials are sealed with its key",
        )],
    );
    // The storage is fine, so nothing fails over because of the key.
    let run = sandbox.run("--allow-private casbackend check one");
    run.check(
        "check",
        50,
        "secrets",
        "is missing, and stored credentials are sealed",
    );
    assert_eq!(
        sandbox.run("casbackend show one -o json").json()["health"]["status"],
        "valid"
    );
    assert!(!key.exists());
    fs::write(&key, kept).unwrap();
    check_refused(&sandbox, &[(&add("two"), 51, "chmod 600")]);
}

/// Interrupted at any point, the database is whole and no secret is left behind.
#[test]
fn an_interrupted_command_leaves_nothing() {
    let silent = Silent::start().unwrap();
    let sandbox = Sandbox::new();
    sandbox.run("casbackend list").check("list", 0, "", "");
    let before = sandbox.state();
    let add = format!(
        "--allow-private --probe-timeout 2s casbackend add oci --repo {}/repo --username name --password hunter2 \
         --name oci",
        silent.address()
    );
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let mut adding = sandbox
            .command(&add)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Long enough to reach the probe; the outcome is the same if it did not.
        std::thread::sleep(Duration::from_millis(700));
        let pid = adding.id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(adding.wait().unwrap().code(), code);
        assert_eq!(sandbox.state(), before);
        assert_eq!(sandbox.sql("backstop.db", "PRAGMA integrity_check"), "ok");
        assert_eq!(
            sandbox.sql("backstop.db", "SELECT count(*) FROM secret"),
            "0"
        );
    }
    sandbox.holds_no("hunter2");
}

/// Many at once: each either gets what it asked for or is told why not, and there is one default.
#[test]
fn a_crowd_leaves_one_default() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    sandbox.run("casbackend list").check("list", 0, "", "");
    let crowd: Vec<_> = (0..6)
        .map(|n| {
            let add = format!("casbackend add local --path disk --name disk-{n} --default --yes");
            sandbox
                .command(&add)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for one in crowd {
        let output = one.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let list = sandbox.run("casbackend list -o json").json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 7);
    assert_eq!(
        list.iter()
            .filter(|backend| backend["default"] == true)
            .count(),
        1
    );
}

#[test]
fn help_names_the_exit_codes() {
    let sandbox = Sandbox::new();
    let Run { stdout, .. } = sandbox.run("--help");
    assert!(stdout.contains("Exit codes: 0 done"), "{stdout}");
    assert!(stdout.contains("casbackend"), "{stdout}");
}

/// On a terminal the program asks, and does nothing on a no.
#[test]
fn losing_the_default_is_asked_about_on_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    let before = sandbox.state();
    let add = "casbackend add local --path disk --name disk --default";
    let said = sandbox.on_terminal(add, "n\n");
    assert!(
        said.contains("`disk` would replace `default-inline` as the default. Go on? [y/N]"),
        "{said}"
    );
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(sandbox.state(), before);
    let said = sandbox.on_terminal(add, "y\n");
    assert!(said.contains("valid"), "{said}");
    assert_ne!(sandbox.state(), before);
}

/// Returns an endpoint that passes everything on, and lets each connection wait first.
fn delayed(endpoint: &str) -> String {
    let target = endpoint.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::sleep(Duration::from_millis(200));
            // Where nobody listens the connection ends here.
            let Ok(server) = TcpStream::connect(&target) else {
                continue;
            };
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (mut client, mut server) = (client, server);
            std::thread::spawn(move || std::io::copy(&mut up, &mut server));
            std::thread::spawn(move || std::io::copy(&mut down, &mut client));
        }
    });
    format!("http://{address}")
}

/// What was seen in one round is judged by one time: a default that has just recovered is held down,
/// although the fallback was probed before it.
#[test]
fn a_round_of_checks_announces_no_false_end() {
    // The bucket takes longer to answer than the directory, and its result is committed first.
    let mut s3 = S3::start().unwrap();
    s3.create_bucket("bucket").unwrap();
    let sandbox = Sandbox::new();
    sandbox.directory("spare");
    let add = format!(
        "--allow-private casbackend add aws-s3 --bucket bucket --endpoint {} --region {} \
         --name primary --default --yes --access-key-id {} --secret-access-key {}",
        delayed(s3.endpoint()),
        s3.region(),
        s3.root().access_key,
        s3.root().secret_key
    );
    let round = "--allow-private casbackend check primary spare";
    check(
        &sandbox,
        &[
            (&add, 0, "", ""),
            (
                "casbackend add local --path spare --name spare --fallback",
                0,
                "",
                "",
            ),
            ("organization set-policy hold-down=1h", 0, "1h", ""),
        ],
    );
    s3.stop();
    sandbox.run(round).check("check", 24, "", "primary");
    s3.start_again().unwrap();
    sandbox.run(round).check("check", 0, "ok", "");
    let resolved = sandbox.run("resolve -o json").json();
    assert_eq!(resolved["backend"]["name"], "spare");
    assert_eq!(resolved["trace"][0]["verdict"], "recovering");
    let events = sandbox.run("events -o json").json();
    let last = events.as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "status-changed", "nothing ended yet: {last}");
}

/// What is not known of a managed backend by the organization that uses it.
#[test]
fn a_managed_backend_keeps_its_place_to_itself() {
    let sandbox = Sandbox::new();
    sandbox.directory("secret-place");
    let add = "--platform casbackend add local --path secret-place --name managed --managed";
    check(
        &sandbox,
        &[
            (add, 0, "│ managed  │", ""),
            (
                "casbackend update managed --description mine",
                3,
                "",
                "managed-immutable",
            ),
            (
                "casbackend update managed --username x",
                3,
                "",
                "managed-immutable",
            ),
            ("casbackend rm managed", 3, "", "managed-undeletable"),
            ("casbackend update managed --fallback", 0, "managed", ""),
        ],
    );
    fs::remove_dir(sandbox.path("secret-place")).unwrap();
    sandbox
        .run("casbackend check managed")
        .check("check", 25, "managed", "not-found");
    let shown = [
        "casbackend show managed",
        "casbackend list --full",
        "casbackend list -o json",
        "casbackend check managed",
        "resolve -o yaml",
        "events -o json",
        "organization show -o json",
        "route-read --copy managed",
        "casbackend update managed --password x",
    ];
    for command in shown {
        let Run { stdout, stderr, .. } = sandbox.run(command);
        for word in ["secret-place", "LOCAL"] {
            assert!(
                !stdout.contains(word) && !stderr.contains(word),
                "{command}: {stdout}{stderr}"
            );
        }
    }
}

#[test]
fn a_dry_run_does_not_even_make_the_first_organization() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    let add = "casbackend add local --path disk --name disk --default --dry-run";
    sandbox
        .run(add)
        .check("dry run", 0, "a write would use", "");
    assert_eq!(sandbox.run("organization list -o json").json(), json!([]));
}

/// Settings are changed in the policy that was seen: of two at once, one is told.
#[test]
fn settings_are_not_lost() {
    let sandbox = Sandbox::new();
    sandbox.run("casbackend list").check("list", 0, "", "");
    for round in 2..5 {
        let set = |setting: &str| {
            let mut command =
                sandbox.command(&format!("organization set-policy {setting}={round}"));
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        };
        let running = [set("fall"), set("rise")];
        let done = running.map(|mut one| one.wait().unwrap().code());
        let policy = sandbox.run("organization show -o json").json()["policy"].clone();
        for (setting, code) in ["fall", "rise"].iter().zip(done) {
            match code {
                Some(0) => assert_eq!(policy[setting], round, "{policy}"),
                code => assert_eq!(code, Some(5)),
            }
        }
    }
}

/// New credentials need no old ones where they are whole: the way out of a key that is lost.
#[test]
fn whole_credentials_need_no_old_key() {
    let registry = DockerRegistry::with_auth("name", "password").unwrap();
    let sandbox = Sandbox::new();
    let repo = format!("{}/repo", registry.address());
    let add = format!(
        "--allow-private casbackend add oci --repo {repo} --username name --password password --name oci"
    );
    sandbox.run(&add).check("add", 0, "valid", "");
    sandbox
        .run("--key-file other.key casbackend list")
        .check("list", 0, "oci", "");
    sandbox.sql("backstop.db", "UPDATE secret SET sealed = x'00'");
    check(
        &sandbox,
        &[
            (
                "--allow-private casbackend update oci --password password",
                51,
                "",
                "damaged",
            ),
            (
                "--allow-private casbackend update oci --username name --password password",
                0,
                "valid",
                "",
            ),
            ("--allow-private casbackend check oci", 0, "ok", ""),
        ],
    );
}

#[test]
fn a_component_that_does_not_serve_is_named() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("preview.wasm"), backstop::Policy::preview()).unwrap();
    fs::write(sandbox.path("policy.wasm"), backstop::Policy::component()).unwrap();
    fs::write(sandbox.path("prose.wasm"), "prose").unwrap();
    check(
        &sandbox,
        &[
            (
                "component policy.wasm",
                0,
                "backstop:policy/validator@0.1.0",
                "",
            ),
            ("--component policy.wasm resolve", 0, "default-inline", ""),
            (
                "--component preview.wasm resolve",
                60,
                "",
                "is not of the world",
            ),
            ("component preview.wasm", 60, "", "is not of the world"),
            (
                "--component prose.wasm resolve",
                60,
                "",
                "is not a WebAssembly component",
            ),
            (
                "--component nowhere.wasm resolve",
                60,
                "",
                "cannot read component `nowhere.wasm`",
            ),
        ],
    );
}

/// Whatever waits for events ends at the first interrupt.
#[test]
fn following_ends_at_an_interrupt() {
    let sandbox = Sandbox::new();
    sandbox.run("casbackend list").check("list", 0, "", "");
    let mut following = sandbox
        .command("events --follow")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(
        lines
            .next()
            .unwrap()
            .unwrap()
            .contains("organization-created")
    );
    let pid = following.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .unwrap();
    assert_ne!(following.wait().unwrap().code(), Some(0));
}

/// One request over a connection of its own; returns the whole answer.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_preview_is_one_page_and_nothing_else() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    check(
        &sandbox,
        &[
            (
                &format!("preview --listen {taken}"),
                1,
                "",
                "choose another address with `--listen`",
            ),
            ("preview --listen here", 2, "", "invalid socket address"),
            (
                "preview --save no/such/folder.html",
                1,
                "",
                "cannot write `no/such/folder.html`",
            ),
            ("preview --save preview.html", 0, "", ""),
        ],
    );
    let page = fs::read_to_string(sandbox.path("preview.html")).unwrap();
    assert!(page.contains("Content-Security-Policy") && page.ends_with("</html>\n"));
    // Nothing of it is a database or a key.
    assert_eq!(fs::read_dir(sandbox.path(".")).unwrap().count(), 1);

    let mut serving = sandbox
        .command("preview --listen 127.0.0.1:0 -o json")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said: Value = {
        let mut text = String::new();
        let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
        while !text.ends_with('}') {
            text += &lines.next().unwrap().unwrap();
        }
        serde_json::from_str(&text).unwrap()
    };
    let address = said["url"].as_str().unwrap();
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    for (request, status, body) in [
        ("GET / HTTP/1.1", "200 OK", page.as_str()),
        ("GET /?a=b HTTP/1.1", "200 OK", &page),
        ("GET /index.html HTTP/1.1", "200 OK", &page),
        ("HEAD / HTTP/1.1", "200 OK", ""),
        (
            "GET /../key HTTP/1.1",
            "404 Not Found",
            "there is one page, at /\n",
        ),
        (
            "POST / HTTP/1.1",
            "405 Method Not Allowed",
            "the page is only read\n",
        ),
    ] {
        let answer = ask(address, request);
        let (head, came) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{request}: {head}"
        );
        assert!(
            head.contains("content-security-policy: frame-ancestors 'none'"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(came == body, "{request}: {} bytes came", came.len());
    }
    std::process::Command::new("kill")
        .args(["-INT", &serving.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}

/// What is wrong with the words themselves is said in one line, and never with a secret in it.
#[test]
fn wrong_usage_is_one_line() {
    let sandbox = Sandbox::new();
    let steps = [
        ("casbackend update", "<NAME>"),
        ("casbackend add local --path x", "--name <NAME>"),
        ("resolve --size abc", "`abc` is not a size"),
        ("nonsense", "nonsense"),
    ];
    for (command, part) in steps {
        let run = sandbox.run(command);
        run.check(command, 2, "", part);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    let add =
        "casbackend add oci --repo nowhere.invalid/a --username u --password --hunter2 --name a";
    let run = sandbox.run(add);
    run.check(add, 24, "", "does not resolve");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

/// Roles that others lose or gain are not passed over in silence.
#[test]
fn displaced_backends_are_named() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    check(
        &sandbox,
        &[
            (
                "casbackend add local --path disk --name a --default --yes",
                0,
                "note: `default-inline` is no longer the default",
                "",
            ),
            (
                "casbackend add local --path disk --name b --fallback",
                0,
                "",
                "",
            ),
            (
                "casbackend add local --path disk --name c --fallback",
                0,
                "note: `b` is no longer a fallback",
                "",
            ),
            (
                "casbackend delete a --yes",
                0,
                "note: `c` is the default now",
                "",
            ),
            (
                "organization set-policy fall=2 --dry-run",
                0,
                "fall: 1 -> 2",
                "",
            ),
        ],
    );
}

/// A store that keeps what is written serves, and says so when it is registered (HOST-3).
#[test]
fn a_locked_bucket_passes_with_a_note() {
    let s3 = S3::start().unwrap();
    s3.create_bucket_with_lock("locked").unwrap();
    let sandbox = Sandbox::new();
    let add = format!(
        "--allow-private casbackend add aws-s3 --bucket locked --endpoint {} --region {} --name s3 \
         --access-key-id {} --secret-access-key {}",
        s3.endpoint(),
        s3.region(),
        s3.root().access_key,
        s3.root().secret_key
    );
    check(
        &sandbox,
        &[
            (&add, 0, "note: ", ""),
            (
                "--allow-private casbackend check s3",
                0,
                "keeps what is written",
                "",
            ),
            // The setting was forgotten: that is not the backend's fault.
            ("casbackend check s3", 23, "internal", "--allow-private"),
            ("casbackend list", 0, "│ valid ", ""),
        ],
    );
}

/// An init system asks to end as a person does.
#[test]
fn a_probe_cleans_up_when_asked_to_end() {
    let sandbox = Sandbox::new();
    sandbox.directory("disk");
    sandbox.run("casbackend list").check("list", 0, "", "");
    for delay in [20, 40, 60, 80, 100] {
        let add = format!("casbackend add local --path disk --name disk-{delay}");
        let mut adding = sandbox
            .command(&add)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        let pid = adding.id().to_string();
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap();
        adding.wait().unwrap();
        assert_eq!(fs::read_dir(sandbox.path("disk")).unwrap().count(), 0);
    }
}

/// Each way in which a component fails has a code of its own, and the next command works.
#[test]
fn a_component_that_misbehaves_is_an_error_of_that_call() {
    let sandbox = Sandbox::new();
    sandbox.run("casbackend list").check("list", 0, "", "");
    let load = "(call $load (local.get 2) (local.get 3) (i32.const 1024))";
    let cases = [
        ("traps", "unreachable", 61, "trapped"),
        (
            "loops",
            "(loop (br 0)) unreachable",
            62,
            "did not answer within 1000 ms",
        ),
        (
            "eats",
            "(loop (drop (memory.grow (i32.const 16))) (br 0)) unreachable",
            63,
            "wants more memory",
        ),
        (
            "asks",
            &format!("(loop {load} (br 0)) unreachable"),
            64,
            "the component is faulty",
        ),
    ];
    let mut refused = Vec::new();
    for (name, body, code, message) in cases {
        let component = hostile::component(&[("control#resolve", body)]);
        fs::write(sandbox.path(&format!("{name}.wasm")), component).unwrap();
        refused.push((format!("--component {name}.wasm resolve"), code, message));
    }
    let steps: Vec<(&str, i32, &str)> = refused
        .iter()
        .map(|(command, code, message)| (command.as_str(), *code, *message))
        .collect();
    check_refused(&sandbox, &steps);
    sandbox
        .run("resolve")
        .check("resolve", 0, "default-inline", "");
}

/// The main job with real servers: a registry that goes away and comes back, a bucket that takes over.
#[test]
fn a_bucket_takes_over_from_a_registry() {
    let mut registry = DockerRegistry::with_auth("name", "password").unwrap();
    let s3 = S3::start().unwrap();
    s3.create_bucket("bucket").unwrap();
    let sandbox = Sandbox::new();
    let oci = format!(
        "--allow-private casbackend add oci --repo {}/repo --username name --password password \
         --name registry --default --yes",
        registry.address()
    );
    let aws = format!(
        "--allow-private casbackend add aws-s3 --bucket bucket --endpoint {} --region {} --name bucket \
         --fallback --access-key-id {} --secret-access-key {}",
        s3.endpoint(),
        s3.region(),
        s3.root().access_key,
        s3.root().secret_key
    );
    let used = || sandbox.run("--allow-private resolve -o json").json()["backend"]["name"].clone();
    check(&sandbox, &[(&oci, 0, "valid", ""), (&aws, 0, "valid", "")]);
    assert_eq!(used(), "registry");
    registry.stop();
    let lost = "`registry` failed the probe (network)";
    sandbox
        .run("--allow-private casbackend check --all")
        .check("check", 24, "ok", lost);
    assert_eq!(used(), "bucket");
    registry.start_again().unwrap();
    sandbox
        .run("--allow-private casbackend check registry")
        .check("check", 0, "ok", "");
    assert_eq!(used(), "registry");
    assert_eq!(registry.uploads().unwrap(), [""; 0]);
    assert_eq!(s3.objects("bucket").unwrap(), [""; 0]);
}
