//! Reads the command line, does what it says, and reports whatever goes wrong in one line.

#[cfg(target_os = "linux")] // what it counts, Linux counts
mod bench;
mod compare;
mod consume;
mod lines;
mod logs;
mod orders;
mod produce;
mod promises;
mod pulls;
mod queue;
mod run;
mod scenarios;
mod swarm;

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use mqlab::Local;
use mqlab_core::ids::Name;
use mqlab_core::sim::InvalidScenario;

/// The exit code of whatever goes wrong, except a command line that cannot be understood: that is clap's 2.
const FAILURE: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  printf '%s\\n' one two three | mqlab produce --dir data --topic numbers
  mqlab consume --dir data --topic numbers --group mine
  mqlab queue send --dir data --queue jobs --message 'resize 4711.jpg'
  mqlab queue receive --dir data --queue jobs
  mqlab run hundred-messages
  mqlab compare --systems kafka:acks-1,kafka:acks-all
  mqlab swarm --runs 1000
  mqlab bench zero-copy

'mqlab help COMMAND' says more about each.";

/// Durable topics and queues in files, and the message queue laboratory without its page
#[derive(Debug, Parser)]
#[command(name = "mqlab", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep the lines of standard input as messages
    Produce(produce::Options),
    /// Print messages, and remember for a group where it stopped
    Consume(consume::Options),
    /// Send, receive and acknowledge messages of a durable queue
    Queue(queue::Options),
    /// Look into the files of topics and queues: whether they are sound, what is in them, what can be saved
    Log(logs::Options),
    /// Run a scenario and print verdict, metrics and digest
    Run(run::Options),
    /// Run the same on several systems, or on several settings of one, and compare
    Compare(compare::Options),
    /// Run many random systems, and look for a broken promise
    Swarm(swarm::Options),
    /// Measure this machine, and see why it is as fast as it is
    #[cfg(target_os = "linux")]
    Bench(bench::Options),
}

/// Where the messages are.
#[derive(Debug, Args)]
struct Place {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The topic
    #[arg(long, value_name = "NAME", value_parser = Name::new)]
    topic: Name,
}

/// Why a command ends before it is done.
#[derive(Debug)]
enum Stop {
    /// Something is wrong, and this says what.
    Failure(String),
    /// What was looked for was found, and is printed already.
    Found,
    /// Whoever read our output wants no more of it, which is no failure: `mqlab consume | head`.
    OutputClosed,
}

impl From<mqlab::Error> for Stop {
    fn from(error: mqlab::Error) -> Self {
        Self::Failure(error.to_string())
    }
}

impl From<InvalidScenario> for Stop {
    fn from(error: InvalidScenario) -> Self {
        Self::Failure(error.to_string())
    }
}

/// What happened to standard output.
fn output(error: io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::OutputClosed,
        _ => Stop::Failure(format!("cannot write standard output: {error}")),
    }
}

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misunderstood(&error),
    };
    let done = match &arguments.command {
        Command::Produce(options) => produce::produce(options),
        Command::Consume(options) => consume::consume(options),
        Command::Queue(options) => queue::queue(options),
        Command::Log(options) => logs::log(options),
        Command::Run(options) => run::run(options),
        Command::Compare(options) => compare::compare(options),
        Command::Swarm(options) => swarm::swarm(options),
        #[cfg(target_os = "linux")]
        Command::Bench(options) => bench::bench(options),
    };
    match done {
        Ok(()) | Err(Stop::OutputClosed) => ExitCode::SUCCESS,
        Err(Stop::Found) => ExitCode::from(FAILURE),
        Err(Stop::Failure(what)) => {
            say(format_args!("{what}"));
            ExitCode::from(FAILURE)
        }
    }
}

/// Shows help where it was asked for, and else in one line why the command line makes no sense.
fn misunderstood(error: &clap::Error) -> ExitCode {
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if help {
        // As with all output: a closed pipe is no failure.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILURE));
    }
    let text = error.to_string();
    let told = |paragraph: &&str| !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more");
    let paragraphs: Vec<String> = (text.split("\n\n"))
        .filter(told)
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let line = paragraphs.join("; ");
    say(format_args!("{} (try --help)", line.trim_start_matches("error: ")));
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(FAILURE))
}

/// Says something to the person, beside the output.
fn say(what: fmt::Arguments<'_>) {
    // When even standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "mqlab: {what}");
}

/// Tells of the torn tails that were cut off since `told` of them were told of.
fn say_recovered(local: &Local, told: &mut usize) {
    for recovered in &local.recovered()[*told..] {
        say(format_args!("{recovered}"));
    }
    *told = local.recovered().len();
}

/// `1 message`, `2 messages`.
fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn separator(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("a separator has at least one character") } else { Ok(text.to_owned()) }
}
