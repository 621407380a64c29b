//! `cargo xtask demo`: the main job, from the first backend to the end of a failover.

use std::{env, fs, path::PathBuf, process::Command};

use backstop_test_servers::DockerRegistry;

use crate::{cargo, run, setup, target};

/// Builds the program and plays its main job, with real output.
pub(crate) fn demo() -> Result<(), String> {
    setup::build()?;
    println!("building the component and the program (some minutes the first time)");
    run(cargo().args(["build", "--quiet", "--package", "backstop"]))?;

    let folder = env::temp_dir().join(format!("backstop-demo-{}", std::process::id()));
    let play = Play {
        folder: folder.clone(),
    };
    let done = play.story();
    // What a demo leaves in a temporary folder is nobody's loss.
    let _ = fs::remove_dir_all(folder);
    done
}

struct Play {
    folder: PathBuf,
}

impl Play {
    fn story(&self) -> Result<(), String> {
        let (primary, spare) = (self.folder.join("primary"), self.folder.join("spare"));
        for folder in [&primary, &spare] {
            fs::create_dir_all(folder)
                .map_err(|e| format!("`{}` cannot be created: {e}", folder.display()))?;
        }

        self.say("An organization comes with an inline backend, which is its default.");
        self.backstop(&["organization", "create", "acme"], 0)?;
        self.say(
            "A directory becomes the default, another one the fallback. Each is probed first.",
        );
        self.backstop(
            &[
                "casbackend",
                "add",
                "local",
                "--path",
                "primary",
                "--name",
                "primary",
                "--default",
                "--yes",
            ],
            0,
        )?;
        self.backstop(
            &[
                "casbackend",
                "add",
                "local",
                "--path",
                "spare",
                "--name",
                "spare",
                "--fallback",
            ],
            0,
        )?;
        self.backstop(&["casbackend", "list"], 0)?;
        self.say("A pipeline asks where to write: to the default.");
        self.backstop(&["resolve"], 0)?;

        self.say("The default breaks.");
        self.rename("primary", "primary-gone")?;
        self.say("A check notices (exit code 25 says: not found), and the fallback takes over.");
        self.backstop(&["casbackend", "check", "primary"], 25)?;
        self.backstop(&["resolve", "--size", "20M", "--explain"], 0)?;

        self.say("The fallback breaks too: an honest refusal, with every reason (exit code 12).");
        self.rename("spare", "spare-gone")?;
        self.backstop(&["casbackend", "check", "spare"], 25)?;
        self.backstop(&["resolve", "--explain"], 12)?;

        self.say("Both come back, and the default takes the writes again.");
        self.rename("primary-gone", "primary")?;
        self.rename("spare-gone", "spare")?;
        self.backstop(&["casbackend", "check", "--all"], 0)?;
        self.backstop(&["resolve"], 0)?;
        self.say(
            "All of it is on record: `route-changed` is the start and the end of each failover.",
        );
        self.backstop(&["events"], 0)?;
        self.registry()
    }

    /// The command of the design against a registry, if one is reachable.
    fn registry(&self) -> Result<(), String> {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(repo) = variable("BACKSTOP_DEMO_REPO") {
            self.say("A repository of a registry becomes the fallback instead.");
            let username = variable("BACKSTOP_DEMO_USERNAME").unwrap_or_default();
            return self.add_oci(&repo, &username, "");
        }
        match DockerRegistry::with_auth("name", "password") {
            Ok(registry) => {
                self.say("A repository of a registry, here one on this machine, becomes the fallback instead.");
                self.add_oci(&format!("{}/repo", registry.address()), "name", "password")?;
                self.say("With the wrong password it is not stored (exit code 20 says: auth).");
                self.backstop(
                    &[
                        "casbackend",
                        "add",
                        "oci",
                        "--repo",
                        &format!("{}/other", registry.address()),
                        "--username",
                        "name",
                        "--password",
                        "wrong",
                        "--name",
                        "other",
                    ],
                    20,
                )
            }
            Err(_) => {
                self.say(
                    "No registry is reachable here: `cargo xtask setup` brings one, or name a repository of yours in \
                     BACKSTOP_DEMO_REPO, BACKSTOP_DEMO_USERNAME and BACKSTOP_PASSWORD.",
                );
                Ok(())
            }
        }
    }

    fn add_oci(&self, repo: &str, username: &str, password: &str) -> Result<(), String> {
        let mut arguments = vec![
            "casbackend",
            "add",
            "oci",
            "--repo",
            repo,
            "--username",
            username,
        ];
        // A password of somebody's own comes from the environment, and is not printed.
        if env::var_os("BACKSTOP_PASSWORD").is_none() {
            arguments.extend(["--password", password]);
        }
        arguments.extend(["--name", "fallbacktest", "--fallback"]);
        self.backstop(&arguments, 0)
    }

    fn say(&self, text: &str) {
        println!("\n# {text}");
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), String> {
        println!("$ mv {from} {to}");
        fs::rename(self.folder.join(from), self.folder.join(to))
            .map_err(|e| format!("mv {from} {to}: {e}"))
    }

    /// Runs the program as a person would, and minds its exit code.
    fn backstop(&self, arguments: &[&str], expected: i32) -> Result<(), String> {
        println!("$ backstop {}", arguments.join(" "));
        let status = Command::new(program())
            .args(arguments)
            .current_dir(&self.folder)
            .env(
                "BACKSTOP_DATABASE",
                format!("sqlite:{}", self.folder.join("backstop.db").display()),
            )
            .env("BACKSTOP_ORGANIZATION", "acme")
            .env("BACKSTOP_ACTOR", "demo")
            // The registry of the demo is on this machine.
            .env("BACKSTOP_ALLOW_PRIVATE", "true")
            .env_remove("BACKSTOP_KEY")
            .env_remove("BACKSTOP_KEY_FILE")
            .status()
            .map_err(|e| format!("`backstop` cannot be run: {e}"))?;
        if status.code() == Some(expected) {
            return Ok(());
        }
        Err(format!(
            "`backstop {}` ended with {status}, expected exit code {expected}",
            arguments.join(" ")
        ))
    }
}

fn program() -> PathBuf {
    let name = format!("backstop{}", env::consts::EXE_SUFFIX);
    target().join("debug").join(name)
}
