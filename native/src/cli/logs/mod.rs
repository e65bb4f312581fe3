//! `mqlab log`: what is in the files.

mod dump;
mod repair;
mod verify;

use std::io::{self, BufWriter, StdoutLock};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use mqlab::log::{FileStorage, Options as StorageOptions, names_in};
use mqlab_core::ids::{LogName, Name};

use super::Stop;

/// Options of `mqlab log`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read every byte, sum every checksum, and say whether all is what was written
    Verify(verify::Options),
    /// Print batches, and the records in them
    Dump(dump::Options),
    /// Save what is whole of a damaged log, and set the rest aside
    Repair(repair::Options),
}

/// Which logs are meant: all, where nothing is said.
#[derive(Debug, Args)]
struct Which {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Only the partitions of this topic
    #[arg(long, value_name = "NAME", value_parser = Name::new, conflicts_with = "log")]
    topic: Option<Name>,
    /// Only this log, by the path of its directory, as in queues/orders/messages
    #[arg(long, value_name = "LOG", value_parser = log_name)]
    log: Option<LogName>,
}

fn log_name(text: &str) -> Result<LogName, String> {
    text.parse().map_err(|_| "a log is named as in topics/orders/0 or queues/orders/messages".to_owned())
}

impl Which {
    /// Opens the data directory so that nobody else writes in it meanwhile.
    fn open(&self) -> Result<FileStorage, mqlab::Error> {
        let options = StorageOptions { create: false, ..StorageOptions::default() };
        FileStorage::open_with(&self.dir, options)
    }

    /// The logs that are meant, in order of name; at least one.
    fn names(&self) -> Result<Vec<LogName>, Stop> {
        let all = names_in(&self.dir)?;
        let is_meant = |name: &&LogName| match (&self.topic, &self.log, name) {
            (None, None, _) => true,
            (_, Some(log), name) => log == *name,
            (Some(topic), _, LogName::Partition(partition)) => partition.topic == *topic,
            (Some(_), _, _) => false,
        };
        let found: Vec<LogName> = all.iter().filter(is_meant).cloned().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let what = match (&self.topic, &self.log) {
            (Some(topic), _) => format!("there is no topic {topic}"),
            (_, Some(log)) => format!("there is no log {log}"),
            _ => "there is no log".to_owned(),
        };
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        let known = if known.is_empty() { "no log".to_owned() } else { known.join(", ") };
        let dir = self.dir.display();
        Err(Stop::Failure(format!("{what} in {dir}: it has {known}")))
    }
}

fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::new(io::stdout().lock())
}

/// Looks into logs.
pub(super) fn log(options: &Options) -> Result<(), Stop> {
    match &options.command {
        Command::Verify(options) => verify::verify(options),
        Command::Dump(options) => dump::dump(options),
        Command::Repair(options) => repair::repair(options),
    }
}
