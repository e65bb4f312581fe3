//! How fast is the engine, next to what a user would take instead? `cargo xtask bench engine` runs this, optimized.
//!
//! A benchmark is not a test: a bar that is missed is said clearly, and the program still ends well. On a machine
//! that others use, too, no absolute figure can be trusted; so every figure has company that did the same work in
//! the same minute ([`contest`]), and the machine is described beside the figures ([`machine`]).
//!
//! | file | question it answers |
//! |---|---|
//! | [`contest`] | how are two programs compared on a noisy machine? |
//! | [`machine`] | which machine was it, and how busy? |
//! | [`report`] | how is a result shown and kept? |
//! | [`queue`], [`routing`], [`selectors`], [`world`], [`scale`] | what is measured, against whom, and what is not the same? |
//! | [`memory`] | how much memory does a world take? |
//! | [`node`] | how is a WebAssembly module run and timed? |

mod contest;
mod machine;
mod memory;
mod node;
mod queue;
mod report;
mod routing;
mod scale;
mod selectors;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use contest::{Contest, PAIRS_MIN, Plan};
use machine::{Busy, Machine};
use report::Report;

/// Pairs of runs for each row, where nobody says how many.
const PAIRS_DEFAULT: usize = 11;

/// Measure mqlab next to what a user would take instead
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Queue, routing, selectors and simulated worlds, in memory, on one core
    Engine {
        /// Also write what was measured as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// How often each row is measured, all its contenders each time
        #[arg(long, default_value_t = PAIRS_DEFAULT, value_parser = at_least_pairs)]
        pairs: usize,
        /// A first look: the fewest pairs, and a quarter of the work
        #[arg(long)]
        quick: bool,
        /// Only the rows whose name holds this text
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// The simulated world as a WebAssembly module for Node: the row that compares the two is left out without
        #[arg(long, value_name = "FILE")]
        wasm: Option<PathBuf>,
    },
    /// How much memory one simulated world takes, in MiB
    Memory(Weighed),
}

/// A world that another process wants weighed: see `memory.rs`.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Weighed {
    #[arg(value_enum)]
    world: memory::Kept,
}

fn at_least_pairs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(pairs) if pairs >= PAIRS_MIN => Ok(pairs),
        Ok(_) => Err(format!("with fewer than {PAIRS_MIN} pairs a median says little")),
        Err(error) => Err(format!("{error}")),
    }
}

/// A row of the table: made when its turn comes, since it holds much memory.
type Row = (String, Box<dyn Fn(&Plan) -> Contest>);

fn main() -> ExitCode {
    let (json, pairs, quick, only, wasm) = match Arguments::parse().command {
        Command::Memory(Weighed { world }) => return memory::print(world),
        Command::Engine { json, pairs, quick, only, wasm } => (json, pairs, quick, only, wasm),
    };
    let plan = if quick { Plan { pairs: PAIRS_MIN, quick } } else { Plan { pairs, quick } };
    let rows: Vec<Row> = queue::rows()
        .into_iter()
        .chain(routing::rows())
        .chain(selectors::rows())
        .chain(world::rows(wasm))
        .chain(scale::rows())
        .collect();
    let wanted = |(name, _): &&Row| only.as_ref().is_none_or(|text| name.contains(text.as_str()));
    let (machine, before) = (Machine::describe(), Busy::now());
    println!("{machine}\nbefore: {before}");
    let mut results = Vec::new();
    for (_, contest) in rows.iter().filter(wanted) {
        let result = contest(&plan).run(&plan);
        print!("\n{result}");
        results.push(result);
    }
    let after = Busy::now();
    println!("\nafter:  {after}");
    let report = Report { machine, before, after, pairs: plan.pairs, quick, rows: results };
    println!("{}", report.summary());
    let written = json.map_or(Ok(()), |path| report.write(&path).map_err(|error| (path, error)));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => {
            eprintln!("error: cannot write {}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
        assert!(at_least_pairs("7").is_ok());
        assert!(at_least_pairs("6").is_err());
    }
}
