use std::{
    cell::RefCell,
    fmt,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio},
    thread,
};

use backstop_core::{
    BackendId, ChangeSet, Code, Command, Context, Decision, Observation, Observed, Plan, ReadTry,
    Refusal, Request, Roster,
};
use serde_json::Value;

use crate::{
    Answer, Engine, Given, Left, UseCase,
    canonical::Canonical,
    protocol::{Call, use_case_answer},
};

/// A host in another language: its player, a process that is asked a line at a time
/// (`tests/hosts/README.md`).
pub struct Process {
    name: &'static str,
    child: Child,
    pipes: RefCell<Pipes>,
}

struct Pipes {
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a player. `program` is run in the root of the repository.
    ///
    /// # Errors
    ///
    /// It cannot be run.
    pub fn start(name: &'static str, program: &mut Program) -> Result<Self, String> {
        let mut child = program
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("the player of `{name}` cannot be run: {e}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("the player of `{name}` has no pipes"));
        };
        let pipes = RefCell::new(Pipes {
            input: Some(input),
            output: BufReader::new(output),
        });
        Ok(Self { name, child, pipes })
    }

    /// Asks everything and returns the answers as they were spelled, one for each call, in order.
    ///
    /// # Errors
    ///
    /// The player ended, or did not read or answer a line.
    pub fn ask(&self, calls: &[Call]) -> Result<Vec<String>, String> {
        let mut pipes = self.pipes.borrow_mut();
        let Pipes { input, output } = &mut *pipes;
        let input = input.as_mut().ok_or("the player was told to end")?;
        let problem = |what: &str| format!("the player of `{}` {what}", self.name);
        // Whoever writes does not wait for the answers: both pipes hold only so much.
        thread::scope(|scope| {
            let writing = scope.spawn(move || {
                for call in calls {
                    writeln!(input, "{}", call.line())?;
                }
                input.flush()
            });
            let mut answers = Vec::with_capacity(calls.len());
            for call in calls {
                let mut line = String::new();
                match output.read_line(&mut line) {
                    Ok(length) if length > 0 => {}
                    Ok(_) => return Err(problem(&format!("ended at {}", call.line()))),
                    Err(e) => return Err(problem(&format!("cannot be read: {e}"))),
                }
                answers.push(line.trim_end_matches('\n').to_owned());
            }
            match writing.join() {
                Ok(Ok(())) => Ok(answers),
                Ok(Err(e)) => Err(problem(&format!("cannot be asked: {e}"))),
                Err(_) => Err(problem("cannot be asked")),
            }
        })
    }

    fn answer(&self, call: Call) -> Result<Value, String> {
        let answers = self.ask(std::slice::from_ref(&call))?;
        let line = answers.first().ok_or("no answer")?;
        let answer: Value = serde_json::from_str(line)
            .map_err(|e| format!("the player of `{}` answered `{line}`: {e}", self.name))?;
        match answer
            .get("failed")
            .filter(|_| answer.as_object().is_some_and(|o| o.len() == 1))
        {
            Some(problem) => Err(format!("the player of `{}` failed: {problem}", self.name)),
            None => Ok(answer),
        }
    }

    fn read<T: Canonical>(&self, call: Call) -> Result<T, String> {
        T::from_json(&self.answer(call)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is what a player ends at; one that does not is ended.
        self.pipes.get_mut().input = None;
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Engine for Process {
    fn apply(&self, roster: &Roster, change_set: &ChangeSet) -> Result<Roster, String> {
        self.read(
            Call::of("planner.apply")
                .with("roster", roster)
                .with("change-set", change_set),
        )
    }

    fn check(&self, roster: &Roster) -> Result<Vec<Code>, String> {
        self.read(Call::of("planner.check").with("roster", roster))
    }

    fn create_organization(
        &self,
        inline: &BackendId,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        self.read(
            Call::of("planner.create-organization")
                .with("inline", inline)
                .with("context", context),
        )
    }

    fn due(&self, roster: &Roster, now: u64) -> Result<Vec<BackendId>, String> {
        self.read(
            Call::of("planner.due")
                .with("roster", roster)
                .with("now", &now),
        )
    }

    fn next_due(
        &self,
        roster: &Roster,
        backend: &BackendId,
        now: u64,
    ) -> Result<Option<u64>, String> {
        self.read(
            Call::of("planner.next-due")
                .with("roster", roster)
                .with("backend", backend)
                .with("now", &now),
        )
    }

    fn observe(
        &self,
        roster: &Roster,
        observation: &Observation,
        context: &Context,
    ) -> Result<Observed, String> {
        self.read(
            Call::of("planner.observe")
                .with("roster", roster)
                .with("observation", observation)
                .with("context", context),
        )
    }

    fn plan(
        &self,
        roster: &Roster,
        command: &Command,
        context: &Context,
    ) -> Result<Result<Plan, Vec<Code>>, String> {
        self.read(
            Call::of("planner.plan")
                .with("roster", roster)
                .with("command", command)
                .with("context", context),
        )
    }

    fn route_read(
        &self,
        roster: &Roster,
        copies: &[BackendId],
        now: u64,
    ) -> Result<Vec<ReadTry>, String> {
        self.read(
            Call::of("planner.route-read")
                .with("roster", roster)
                .with("copies", &copies.to_vec())
                .with("now", &now),
        )
    }

    fn select(
        &self,
        roster: &Roster,
        request: &Request,
        now: u64,
    ) -> Result<Result<Decision, Refusal>, String> {
        self.read(
            Call::of("planner.select")
                .with("roster", roster)
                .with("request", request)
                .with("now", &now),
        )
    }

    fn control(
        &self,
        given: &Given,
        use_case: &UseCase,
        context: &Context,
    ) -> Result<(Answer, Left), String> {
        let answer = self.answer(Call::control(given, use_case, context))?;
        use_case_answer(use_case, &answer)
    }
}
