//! `mqlab consume`: messages become lines.

use std::io::{self, BufWriter, Write};

use clap::Args;
use mqlab::log::Options as StorageOptions;
use mqlab::{Local, Received, Receiver};
use mqlab_core::ids::Name;

use super::{Place, Stop, count, output, say, say_recovered, separator};

/// After so many messages the output is flushed and the group's place remembered: no more are printed twice when
/// the command is stopped hard.
const COMMIT_EVERY: u64 = 10_000;
/// How many bytes one write of the output has.
const WRITE_BYTES: usize = 64 * 1024;

const EXAMPLES: &str = "\
Prints what is there and ends. A group goes on where it stopped the last time; a new one begins
at the front. Messages with the same key come in the order in which they were produced.

The group's place is remembered after its messages were written and flushed, so that none is
skipped; if the command is stopped in between, some are printed again. With 'mqlab consume | head',
what went into the pipe before head closed it counts as written: use --max to take an exact number.

Examples:
  mqlab consume --dir data --topic numbers --group mine
  mqlab consume --dir data --topic numbers --group mine --max 10
  mqlab consume --dir data --topic packages --group audit --key-separator ': '";

/// Options of `mqlab consume`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    /// The group whose place is remembered
    #[arg(long, value_name = "NAME", value_parser = Name::new)]
    group: Name,
    /// Print at most N messages
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Print each message's key and S before it; without it, keys are not printed
    #[arg(long, value_name = "S", value_parser = separator)]
    key_separator: Option<String>,
}

/// Prints messages to standard output.
pub(super) fn consume(options: &Options) -> Result<(), Stop> {
    let Options { place: Place { dir, topic }, group, max, key_separator } = options;
    let mut local = Local::open_with(dir, StorageOptions { create: false, ..StorageOptions::default() })?;
    let mut told = 0;
    say_recovered(&local, &mut told);
    local.open_topic(topic)?;
    say_recovered(&local, &mut told);
    let mut receiver = Receiver::new(&mut local, topic, group)?;
    for moved in receiver.moved() {
        say(format_args!("{moved}"));
    }
    let out = BufWriter::with_capacity(WRITE_BYTES, io::stdout());
    let printed = print(&mut receiver, out, max.unwrap_or(u64::MAX), key_separator.as_deref())?;
    let left = receiver.left();
    say(format_args!("{} printed, {left} left for {group}", count(printed, "message")));
    Ok(local.close()?)
}

fn print(
    receiver: &mut Receiver<'_>,
    mut out: impl Write,
    max: u64,
    separator: Option<&str>,
) -> Result<u64, Stop> {
    let mut printed = 0;
    while printed < max {
        match receiver.receive() {
            Ok(Some(received)) => print_one(&mut out, &received, separator).map_err(output)?,
            Ok(None) => break,
            Err(error) => {
                // What can be read is printed and done with, so that only the damage is left.
                out.flush().map_err(output)?;
                receiver.commit()?;
                return Err(error.into());
            }
        }
        printed += 1;
        if printed % COMMIT_EVERY == 0 {
            out.flush().map_err(output)?;
            receiver.commit()?;
        }
    }
    out.flush().map_err(output)?;
    receiver.commit()?;
    Ok(printed)
}

fn print_one(out: &mut impl Write, received: &Received, separator: Option<&str>) -> io::Result<()> {
    if let Some(separator) = separator {
        out.write_all(received.record.key.as_deref().unwrap_or_default())?;
        out.write_all(separator.as_bytes())?;
    }
    out.write_all(received.record.value.as_deref().unwrap_or_default())?;
    out.write_all(b"\n")
}
