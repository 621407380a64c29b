//! A folder with a database of its own, and the program run in it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

pub(crate) struct Sandbox(tempfile::TempDir);

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn directory(&self, name: &str) {
        fs::create_dir(self.path(name)).unwrap();
    }

    /// The program with these words as its arguments; none of them has a blank in it.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BACKSTOP_") {
                command.env_remove(name);
            }
        }
        command
            .args(words.split_whitespace())
            .current_dir(self.0.path())
            .env("BACKSTOP_DATABASE", "sqlite:backstop.db")
            .env("BACKSTOP_ACTOR", "tester")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &str) -> Run {
        Run::of(
            self.command(words)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    pub(crate) fn run_with(&self, words: &str, environment: &[(&str, &str)], stdin: &str) -> Run {
        let mut command = self.command(words);
        command.envs(environment.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever does not read its input has closed it by now.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Run::of(child)
    }

    /// Runs the program on a terminal of its own, types an answer, and returns what was shown.
    pub(crate) fn on_terminal(&self, words: &str, answer: &str) -> String {
        let inner = self.command(words);
        let mut line = inner.get_program().to_str().unwrap().to_owned();
        for word in inner.get_args() {
            line = format!("{line} {}", word.to_str().unwrap());
        }
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .current_dir(self.0.path());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(answer.as_bytes())
            .unwrap();
        Run::of(child).stdout
    }

    /// Everything that a command could have changed.
    pub(crate) fn state(&self) -> (Value, Value) {
        (
            self.run("organization show -o json").json(),
            self.run("events -o json").json(),
        )
    }

    /// Nothing that was written down, by the program or its database, has this in it.
    pub(crate) fn holds_no(&self, secret: &str) {
        for entry in fs::read_dir(self.0.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("secret") {
                let bytes = fs::read(&path).unwrap();
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "`{secret}` stands in {}", path.display());
            }
        }
        let events = self.run("events -o json").stdout;
        assert!(!events.contains(secret), "`{secret}` stands in an event");
    }

    /// Runs a statement on a database, past the program, and returns the first value.
    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        sqlite(&self.path(database), statement)
    }

    /// Locks a database until the lock is dropped.
    pub(crate) fn lock(&self, database: &str) -> Lock {
        Lock::new(&self.path(database))
    }
}

fn sqlite(path: &Path, statement: &str) -> String {
    use sqlx::{Connection, Executor, Row, SqliteConnection};

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
            .await
            .unwrap();
        let row = connection
            .fetch_optional(sqlx::AssertSqlSafe(statement.to_owned()))
            .await
            .unwrap();
        let value = row.map_or_else(String::new, |row| {
            row.try_get::<String, _>(0)
                .unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
        });
        connection.close().await.unwrap();
        value
    })
}

/// A transaction that writes and does not end.
pub(crate) struct Lock {
    runtime: tokio::runtime::Runtime,
    connection: Option<sqlx::SqliteConnection>,
}

impl Lock {
    fn new(path: &Path) -> Self {
        use sqlx::{Connection, Executor, SqliteConnection};

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let connection = runtime.block_on(async {
            let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display()))
                .await
                .unwrap();
            connection.execute("BEGIN EXCLUSIVE").await.unwrap();
            connection
        });
        Self {
            runtime,
            connection: Some(connection),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        use sqlx::Connection;

        if let Some(connection) = self.connection.take() {
            self.runtime.block_on(connection.close()).unwrap();
        }
    }
}

pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The exit code is that, and each stream has that part in it; a stream of which nothing is
    /// expected after a failure, or on standard error after a success, is empty.
    pub(crate) fn check(&self, what: &str, code: i32, stdout: &str, stderr: &str) {
        let Self {
            stdout: came_out,
            stderr: came_err,
            ..
        } = self;
        let all = format!("`{what}` gave {:?}\n{came_out}\n{came_err}", self.code);
        assert_eq!(self.code, Some(code), "{all}");
        assert!(
            came_out.contains(stdout),
            "no `{stdout}` in standard output: {all}"
        );
        assert!(
            came_err.contains(stderr),
            "no `{stderr}` in standard error: {all}"
        );
        if code == 0 {
            assert_eq!(came_err, "", "{all}");
        } else {
            assert_ne!(came_err, "", "{all}");
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }
}
