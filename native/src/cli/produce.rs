//! `mqlab produce`: lines become messages.

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use mqlab::{Local, PARTITIONS_MAX, Sender};

use super::lines::{InputError, blocks, split};
use super::{Place, Stop, count, say, say_recovered, separator};

/// Lines that have arrived are made durable after this time at the latest.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// And when there are so many bytes of them, so that a long input does not wait in the system's memory.
const FLUSH_BYTES: usize = 32 * 1024 * 1024;
/// How many partitions a new topic gets when nothing else is said.
const PARTITIONS: u32 = 1;

const EXAMPLES: &str = "\
Each line becomes a message: its bytes as they are, without the newline. They need not be text.

The command ends successfully when all lines are on disk, and says on standard error how many they
are. When it cannot go on (a line without the separator, a full disk), it says how many lines
before that are kept, or how many at least.

Examples:
  printf '%s\\n' one two three | mqlab produce --dir data --topic numbers
  awk '{print $4 \"\\t\" $0}' /var/log/dpkg.log |
    mqlab produce --dir data --topic packages --partitions 3 --key-separator $'\\t'
  journalctl --follow | mqlab produce --dir data --topic journal";

/// Options of `mqlab produce`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    /// How many partitions the topic gets if it is new (1 by default); must be what it has if it is not
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(PARTITIONS_MAX)))]
    partitions: Option<u32>,
    /// What stands before the first S in a line is the message's key, what stands after it the message; lines
    /// with the same key stay in order
    #[arg(long, value_name = "S", value_parser = separator)]
    key_separator: Option<String>,
}

/// Keeps the lines of standard input.
pub(super) fn produce(options: &Options) -> Result<(), Stop> {
    let Place { dir, topic } = &options.place;
    let mut local = Local::open(dir)?;
    let mut told = 0;
    say_recovered(&local, &mut told);
    let known = local.open_topic(topic)?;
    say_recovered(&local, &mut told);
    match (known, options.partitions) {
        (Some(_), None) => {}
        (_, asked) => local.create_topic(topic, asked.unwrap_or(PARTITIONS))?,
    }
    let mut sender = Sender::new(&mut local, topic)?;
    let sent = send_lines(&mut sender, options.key_separator.as_deref());
    // Whatever stopped the input, what came before it is kept.
    let flushed = sender.flush();
    let kept = count(sender.kept(), "message");
    let kept_before = match &flushed {
        Ok(_) => format!("{kept} kept before it"),
        // Of the last ones some may be there, but nobody has said so.
        Err(_) => format!("at least {kept} kept before it"),
    };
    if let Err(what) = sent.and_then(|()| flushed.map(drop).map_err(|error| error.to_string())) {
        return Err(Stop::Failure(format!("{what}; {kept_before}")));
    }
    say(format_args!("{kept} kept in {topic}"));
    Ok(local.close()?)
}

fn send_lines(sender: &mut Sender<'_>, separator: Option<&str>) -> Result<(), String> {
    let input = blocks(io::stdin());
    let (mut number, mut unflushed, mut since) = (0_u64, 0, Instant::now());
    loop {
        let wait = if unflushed == 0 { Duration::MAX } else { FLUSH_AFTER.saturating_sub(since.elapsed()) };
        match input.recv_timeout(wait) {
            Ok(Ok(block)) => {
                if unflushed == 0 {
                    since = Instant::now();
                }
                unflushed += block.len();
                for line in split(block) {
                    number += 1;
                    send(sender, line, separator).map_err(|error| format!("line {number}: {error}"))?;
                }
            }
            Ok(Err(InputError::TooLong)) => {
                return Err(format!("line {}: {}", number + 1, InputError::TooLong));
            }
            Ok(Err(error)) => return Err(error.to_string()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if unflushed >= FLUSH_BYTES || (unflushed > 0 && since.elapsed() >= FLUSH_AFTER) {
            sender.flush().map_err(|error| error.to_string())?;
            unflushed = 0;
        }
    }
}

fn send(sender: &mut Sender<'_>, mut line: Bytes, separator: Option<&str>) -> Result<(), String> {
    let key = match separator {
        None => None,
        Some(separator) => {
            let at = line.windows(separator.len()).position(|part| part == separator.as_bytes());
            let at = at.ok_or_else(|| format!("there is no separator {separator:?} in it"))?;
            let key = line.split_to(at);
            drop(line.split_to(separator.len()));
            Some(key)
        }
    };
    sender.send(key, line).map_err(|error| error.to_string())
}
