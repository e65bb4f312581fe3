//! `mqlab bench`: experiments whose result is how fast this machine is, and why.

mod machine;
mod sending;
mod telling;
mod zero_copy;

use clap::{Args, Subcommand};

use super::Stop;

/// Options of `mqlab bench`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Debug, Subcommand)]
enum Experiment {
    /// Send stored bytes to a socket by read and write, by mmap and write, and by sendfile
    ZeroCopy(zero_copy::Options),
    /// Measure what a system call, a copy or a flush takes here, for mqlab compare
    Machine(machine::Options),
}

/// Runs the experiment.
pub(super) fn bench(options: &Options) -> Result<(), Stop> {
    match &options.experiment {
        Experiment::ZeroCopy(options) => zero_copy::zero_copy(options),
        Experiment::Machine(options) => machine::machine(options),
    }
}
