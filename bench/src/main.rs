//! How fast is the engine, next to what a user would take instead? `cargo xtask bench engine` runs this, optimized.
//!
//! A benchmark is not a test: a bar that is missed is said clearly, and the program still ends well. On a machine
//! that others use, too, no absolute figure can be trusted; so every figure has company that did the same work in
//! the same minute, and the machine is described beside the figures ([`mqlab_bench_contest`]).
//!
//! | file | question it answers |
//! |---|---|
//! | [`queue`], [`routing`], [`selectors`], [`world`], [`scale`], [`seek`] | what is measured, against whom, and what is not the same? |
//! | [`memory`] | how much memory does a world take? |
//! | [`node`] | how is a WebAssembly module run and timed? |

mod memory;
mod node;
mod queue;
mod routing;
mod scale;
mod seek;
mod selectors;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use mqlab_bench_contest::report::{Options, Report, Row};

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
        #[command(flatten)]
        options: Options,
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

fn main() -> ExitCode {
    let (options, wasm) = match Arguments::parse().command {
        Command::Memory(Weighed { world }) => return memory::print(world),
        Command::Engine { options, wasm } => (options, wasm),
    };
    let rows: Vec<Row> = queue::rows()
        .into_iter()
        .chain(routing::rows())
        .chain(selectors::rows())
        .chain(world::rows(wasm))
        .chain(scale::rows())
        .chain(seek::rows())
        .collect();
    Report::measure(&rows, &options, Vec::new()).finish(&options)
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
