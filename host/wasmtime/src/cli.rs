//! The command line: read, ask, apply, report.

mod app;
mod args;
mod credentials;
mod exit;
mod explain;
mod preview;
mod print;
mod size;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use crate::Error;

/// Runs the command of this process, and returns its exit code.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            // A broken pipe is nobody's problem here.
            let _ = error.print();
            return ExitCode::from(exit::DONE);
        }
        Err(error) => {
            eprintln!("{}", wrong_usage(&error.to_string()));
            return ExitCode::from(exit::USAGE);
        }
    };
    match dispatch(cli) {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            if !problem.message.is_empty() {
                eprintln!("error: {}", problem.message);
            }
            ExitCode::from(problem.code)
        }
    }
}

/// Returns what is wrong in one line: the usage and the tips are what `--help` is for.
fn wrong_usage(text: &str) -> String {
    let more = |line: &&str| {
        !["Usage:", "tip:", "For more"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(more).collect();
    let line = print::printable(&lines.join(" "));
    format!(
        "{}, see `--help`",
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    )
}

fn dispatch(cli: Cli) -> Result<u8, Problem> {
    match cli.command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "backstop", &mut script);
            let mut stdout = io::stdout().lock();
            stdout.write_all(&script)?;
            stdout.flush()?;
            Ok(exit::DONE)
        }
        Command::Component { file } => app::describe_component(&cli.global, file.as_deref()),
        Command::Preview {
            save: Some(file), ..
        } => preview::save(&file),
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|e| {
                    Problem::new(exit::FAILED, format!("the program cannot start: {e}"))
                })?;
            let code = runtime.block_on(async {
                match command {
                    Command::Preview {
                        listen,
                        roster: false,
                        ..
                    } => preview::serve(listen, cli.global.output, None).await,
                    command => app::run(&cli.global, command).await,
                }
            });
            // A probe of a directory that hangs must not keep the program from ending.
            runtime.shutdown_background();
            code
        }
    }
}

/// Why a command did not do what it was asked for: one line on standard error, and an exit code.
#[derive(Debug)]
pub(crate) struct Problem {
    code: u8,
    message: String,
}

impl Problem {
    fn new(code: u8, message: impl Into<String>) -> Self {
        // A message from elsewhere may have several lines, or what would garble the terminal.
        let message: String = message.into();
        let lines = message.lines().map(str::trim);
        let message: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let message = print::printable(&message.join(" "));
        Self { code, message }
    }

    fn usage(message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, message)
    }

    /// Says why a use case failed, in words that name what it was about.
    fn of(error: &Error, about: &explain::About<'_>) -> Self {
        let message = match error {
            Error::Refused { codes, failure } => explain::refusal(codes, failure.as_ref(), about),
            error => error.to_string(),
        };
        Self::new(exit::of_error(error), message)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        // Whoever reads our output has seen enough.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self {
                code: exit::DONE,
                message: String::new(),
            };
        }
        Self::new(
            exit::FAILED,
            format!("the answer cannot be written: {error}"),
        )
    }
}
