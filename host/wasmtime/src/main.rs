//! The command line of Backstop.

use std::process::ExitCode;

fn main() -> ExitCode {
    backstop::cli::run()
}
