//! The command line.

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::error::Result;
use crate::workspace::Workspace;
use crate::{bench, demo, dist, fidelity, shots, test, tools};

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                    build the page, serve it, open it
  cargo xtask demo --port 9000 --no-open
  cargo xtask dist                    the page as a folder and as one HTML file
  cargo xtask test                    everything that must pass
  cargo xtask test --fast             what needs no browser
  cargo xtask test --only clippy      one step (--list names them)
  cargo xtask shots                   pictures of the page in its main states, in target/shots/
  cargo xtask shots --only stage
  cargo xtask bench engine            how fast the engine is, next to what one would take instead
  cargo xtask bench engine --quick --json target/bench.json
  cargo xtask bench log               how fast the file-backed log is, next to the bare system calls
  cargo xtask bench web               how fast the page is, in a headless browser
  cargo xtask fidelity                the profiles next to a real RabbitMQ and ActiveMQ (Debian's packages)
  cargo xtask fidelity --system rabbitmq --only requeue
  eval \"$(cargo xtask env)\"           put wasm-pack on this shell's PATH";

/// Automation for mqlab
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the page and serve it on this machine, set-up included; Ctrl-C stops it
    Demo {
        /// The port; where it is taken, the next free one
        #[arg(long, default_value_t = demo::DEFAULT_PORT)]
        port: u16,
        /// Leave the browser closed
        #[arg(long)]
        no_open: bool,
    },
    /// Build the page as files: target/site/ for any server, target/mqlab.html to open from disk
    Dist,
    /// Run everything that must pass, set-up included
    Test(test::Options),
    /// Make pictures of the page in its main states, and an index of them, in target/shots/
    Shots(shots::Options),
    /// Measure, optimized, next to what a user would take instead; a bar that is missed is no error
    Bench(bench::Options),
    /// Play scripts on a real RabbitMQ and ActiveMQ and on their profiles, and say where they part
    Fidelity(fidelity::Options),
    /// Install the tools and print the line that puts them on a shell's PATH
    Env,
}

/// Reads the command line, does what it says, and reports an error in one place: one code, 1, for all of them.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(help) => return shown(&help),
    };
    match run(&arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows help that was asked for, or what is wrong with the arguments and what right ones look like.
fn shown(help: &clap::Error) -> ExitCode {
    // A closed terminal is the only way this can fail, and then nobody is left to tell.
    let _ = help.print();
    match help.kind() {
        ErrorKind::DisplayHelp => ExitCode::SUCCESS,
        // The whole help was shown, examples and all.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ExitCode::FAILURE,
        _ => {
            eprintln!("\n{EXAMPLES}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Demo { port, no_open } => demo::run(&workspace, *port, !no_open)?,
        Command::Dist => dist::run(&workspace)?,
        Command::Test(options) => return test::run(&workspace, options),
        Command::Shots(options) => return shots::run(&workspace, options),
        Command::Bench(options) => return bench::run(&workspace, options),
        Command::Fidelity(options) => return fidelity::run(&workspace, options),
        Command::Env => println!("{}", tools::shell_line(&workspace)?),
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
