//! How much memory does a world take? It is let run in a process of its own, so that nothing else is counted.

use std::process::{Command, ExitCode};

use clap::ValueEnum;
use mqlab_bench_contest::machine::resident_mib;
use mqlab_bench_world::{batches, cluster, run_until, run_until_delivered, world};
use mqlab_core::time::Time;

/// How many messages went through [`Kept::Batches`].
pub(crate) const MESSAGES: u64 = 200_000;
/// How long [`Kept::Cluster`] ran, in simulated seconds.
pub(crate) const SECONDS: u64 = 20;

/// A world that is weighed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kept {
    /// Ten producers, one broker, ten consumers, when so many messages in batches of one are delivered.
    Batches,
    /// The large cluster, after so many simulated seconds.
    Cluster,
}

/// Lets a world run, and prints how much memory it takes then, in MiB.
pub(crate) fn print(kept: Kept) -> ExitCode {
    let before = resident_mib();
    let world = match kept {
        Kept::Batches => {
            let mut world = world(batches(1, MESSAGES, false));
            run_until_delivered(&mut world, MESSAGES);
            world
        }
        Kept::Cluster => {
            let mut world = world(cluster(SECONDS));
            run_until(&mut world, Time(SECONDS * 1_000_000));
            world
        }
    };
    let taken = before.zip(resident_mib()).map(|(before, after)| after - before);
    println!("{}", taken.map_or_else(String::new, |mib| mib.to_string()));
    // It is still there when it is weighed.
    if world.steps() > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Has a world weighed by another process. Nothing where the system does not tell.
pub(crate) fn of(kept: Kept) -> Option<f64> {
    let name = kept.to_possible_value()?;
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args(["memory", name.get_name()]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
