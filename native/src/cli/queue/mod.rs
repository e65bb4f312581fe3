//! `mqlab queue`: a durable queue for shell scripts. Each command is a process of its own; what one receives another one
//! acknowledges, by a receipt.

mod look;
mod receive;
mod send;
mod settle;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use mqlab::log::Options as StorageOptions;
use mqlab::{Error, Queue, Queues};
use mqlab_core::ids::Name;
use mqlab_core::message::Message;

use super::{Stop, say};

/// So long a command waits for another one that has the directory.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// So long it sleeps before it tries again.
const LOCK_POLL: Duration = Duration::from_millis(10);

const EXAMPLES: &str = "\
A queue keeps each message until somebody has received and acknowledged it. What was received is
hidden from others for the time of its lease; if it is not acknowledged by then, it is there again.
All of it survives crashes and power cuts. Only one command at a time has the directory: the others
wait for it, 10 seconds at most.

Examples:
  printf '%s\\n' one two three | mqlab queue send --dir data --queue jobs
  mqlab queue receive --dir data --queue jobs --lease 5m        # prints: 0-1<TAB>one
  mqlab queue ack --dir data --queue jobs 0-1
  mqlab queue stats --dir data --queue jobs

'mqlab queue COMMAND --help' says more about each.";

/// What can be done with a queue.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true, subcommand_required = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put the lines of standard input, or one message, into a queue
    Send(send::Options),
    /// Take messages, and hide them from others for a while
    Receive(receive::Options),
    /// Say that messages are done: they are gone for good
    Ack(settle::Ack),
    /// Give messages back, to be received again
    Nack(settle::Nack),
    /// Look at messages without taking them
    Peek(look::Peek),
    /// Count what is in a queue
    Stats(look::Stats),
}

/// Which queue.
#[derive(Debug, Args)]
struct Place {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The queue
    #[arg(long, value_name = "NAME", value_parser = Name::new)]
    queue: Name,
}

/// Does what was asked for.
pub(super) fn queue(options: &Options) -> Result<(), Stop> {
    match &options.command {
        Command::Send(options) => send::send(options),
        Command::Receive(options) => receive::receive(options),
        Command::Ack(options) => settle::ack(options),
        Command::Nack(options) => settle::nack(options),
        Command::Peek(options) => look::peek(options),
        Command::Stats(options) => look::stats(options),
    }
}

impl Place {
    /// Opens the directory, and waits for another command that has it.
    fn open(&self, create: bool) -> Result<Queues, Stop> {
        let since = Instant::now();
        let options = StorageOptions { create, ..StorageOptions::default() };
        let queues = loop {
            match Queues::open_with(&self.dir, options) {
                Err(Error::InUse { .. }) if since.elapsed() < LOCK_WAIT => sleep(LOCK_POLL),
                Err(Error::Missing { path }) => return Err(missing(&path)),
                opened => break opened?,
            }
        };
        for recovered in queues.recovered()? {
            say(format_args!("{recovered}"));
        }
        Ok(queues)
    }

    /// The queue, which must be there.
    fn find(&self, queues: &Queues) -> Result<Queue, Stop> {
        if let Some(queue) = queues.find(self.queue.as_str())? {
            return Ok(queue);
        }
        let names: Vec<String> = queues.names()?.iter().map(Name::to_string).collect();
        let others =
            if names.is_empty() { "nor any other".into() } else { format!("there are {}", names.join(", ")) };
        let Self { dir, queue } = self;
        Err(Stop::Failure(format!(
            "there is no queue {queue} in {}, {others}: send something to it first",
            dir.display()
        )))
    }

    /// Opens the directory and the queue, which must be there.
    fn open_queue(&self) -> Result<(Queues, Queue), Stop> {
        let queues = self.open(false)?;
        let queue = self.find(&queues)?;
        Ok((queues, queue))
    }
}

fn missing(path: &std::path::Path) -> Stop {
    Stop::Failure(format!(
        "there is no data directory at {}: send something to a queue in it first",
        path.display()
    ))
}

/// Gives the handles back, so that the next command finds everything closed in good order.
fn close(queues: Queues, queue: Queue) -> Result<(), Stop> {
    drop(queues);
    Ok(queue.close()?)
}

/// A time span as people write it: `30s`, `5m`, `1h 30m`.
fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}: write it as in 500ms, 30s, 5m or 2h"))
}

/// A body as JSON has it: text, or base64 where it is none.
fn body(message: &Message) -> serde_json::Map<String, serde_json::Value> {
    use base64::Engine as _;
    let (name, text) = match std::str::from_utf8(message.body()) {
        Ok(text) => ("body", text.to_owned()),
        Err(_) => ("body_base64", base64::engine::general_purpose::STANDARD.encode(message.body())),
    };
    [(name.to_owned(), text.into())].into_iter().collect()
}
