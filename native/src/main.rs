//! The command line of mqlab: keep lines in files, get them back, run a scenario.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
