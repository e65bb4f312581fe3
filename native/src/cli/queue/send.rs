//! `mqlab queue send`: lines become messages of a queue.

use std::io;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use mqlab::{Error, Flushing, Message, Queue, QueueOptions, Queues, Sent};
use mqlab_core::ids::Name;
use mqlab_core::queue::DeadLetter;
use mqlab_core::time::Span;

use super::super::lines::{InputError, blocks, split};
use super::super::{Stop, count, say};
use super::{Place, close, span};

/// Lines that have arrived are made durable after this time at the latest.
const FLUSH_AFTER: Duration = Duration::from_millis(200);
/// And when there are so many bytes of them.
const FLUSH_BYTES: usize = 8 * 1024 * 1024;
/// The highest priority of a queue that this command makes (JMS has 0 to 9).
const PRIORITY_MAX: u8 = 9;

const EXAMPLES: &str = "\
Each line becomes a message: its bytes as they are, without the newline. With --message, that is
the one message, and standard input is not read.

The command ends successfully when all of them survive a power cut, and says on standard error how
many they are. When it cannot go on (a full disk), it says how many are kept.

A queue is made by the first message that is sent to it, and keeps what is said then about
--delivery-limit and --dead-letter. A message that is given back too often, or whose lease ends too
often, goes to the queue of dead letters, and is received from there like any other; without one
it is dropped.

Examples:
  printf '%s\\n' one two three | mqlab queue send --dir data --queue jobs
  mqlab queue send --dir data --queue jobs --message 'resize 4711.jpg' --priority 7
  mqlab queue send --dir data --queue jobs --message 'remind me' --delay 1h
  mqlab queue send --dir data --queue codes --message 123456 --ttl 5m
  mqlab queue send --dir data --queue jobs --delivery-limit 3 --dead-letter jobs.dead < jobs.txt";

/// Options of `mqlab queue send`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
    /// Send this message instead of lines
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Messages of a higher priority are received first: 0 to 9 [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=i64::from(PRIORITY_MAX)))]
    priority: Option<u8>,
    /// Messages that nobody has received for so long are dropped, or dead letters
    #[arg(long, value_name = "TIME", value_parser = span)]
    ttl: Option<Duration>,
    /// Messages can be received only after this time
    #[arg(long, value_name = "TIME", value_parser = span)]
    delay: Option<Duration>,
    /// For a new queue: a message that was delivered so often is not delivered again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    delivery_limit: Option<u32>,
    /// For a new queue: its dead letters go to this queue, which is made too
    #[arg(long, value_name = "NAME", value_parser = Name::new)]
    dead_letter: Option<Name>,
}

/// Sends lines, or one message.
pub(super) fn send(options: &Options) -> Result<(), Stop> {
    let name = &options.place.queue;
    if options.dead_letter.as_ref() == Some(name) {
        return Err(Stop::Failure(format!(
            "the dead letters of {name} cannot go to itself: name another queue"
        )));
    }
    let queues = options.place.open(true)?;
    let queue = options.open(&queues)?.with_flushing(Flushing::OnRequest);
    let mut kept = Kept { queue: &queue, options, durable: 0, sent: 0 };
    let sent = match &options.message {
        Some(text) => kept.send(text.clone().into()),
        None => kept.send_lines(),
    };
    // Whatever stopped the input, what came before it is kept.
    let flushed = kept.flush();
    let kept = kept.durable;
    if let Err(what) = sent.and(flushed) {
        return Err(Stop::Failure(format!("{what}; {} kept in {name} before it", count(kept, "message"))));
    }
    close(queues, queue)?;
    say(format_args!("{} kept in {name}", count(kept, "message")));
    Ok(())
}

impl Options {
    /// The queue; made as the options say, if it is new.
    fn open(&self, queues: &Queues) -> Result<Queue, Stop> {
        let name = self.place.queue.as_str();
        let Some(queue) = queues.find(name)? else {
            if let Some(dead) = &self.dead_letter
                && queues.find(dead.as_str())?.is_none()
            {
                queues.queue_with(dead.as_str(), usual())?;
            }
            let options = QueueOptions {
                delivery_limit: self.delivery_limit.map(|most| most - 1),
                dead_letter: self.dead_letter.as_ref().map(|dead| DeadLetter::to_queue(dead.as_str())),
                ..usual()
            };
            return Ok(queues.queue_with(name, options)?);
        };
        let has = queue.options()?;
        let limit = has.delivery_limit.map(|returns| returns.saturating_add(1));
        let dead = has.dead_letter.as_ref().and_then(|letter| letter.routing_key.clone());
        let other = |what: &str, has: Option<String>| {
            let has = has.unwrap_or_else(|| "none".into());
            Err(Stop::Failure(format!(
                "{name} is there already, and its {what} is {has}: leave the option out"
            )))
        };
        if self.delivery_limit.is_some() && self.delivery_limit != limit {
            return other("delivery limit", limit.map(|limit| limit.to_string()));
        }
        if self.dead_letter.is_some() && self.dead_letter.as_ref().map(Name::to_string) != dead {
            return other("queue for dead letters", dead);
        }
        if self.priority.is_some_and(|priority| priority > has.priority_max) {
            return other("highest priority", Some(has.priority_max.to_string()));
        }
        Ok(queue)
    }

    fn message(&self, body: Bytes) -> Message {
        let mut message = Message::new(body);
        if let Some(priority) = self.priority {
            message = message.with_priority(priority);
        }
        let micros = |span: Duration| Span(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        if let Some(ttl) = self.ttl {
            message = message.with_ttl(micros(ttl));
        }
        if let Some(delay) = self.delay {
            message = message.with_delay(micros(delay));
        }
        message
    }
}

/// What this command makes of a queue that is new.
fn usual() -> QueueOptions {
    QueueOptions { priority_max: PRIORITY_MAX, ..QueueOptions::default() }
}

/// What was sent, and what of it survives a power cut.
struct Kept<'a> {
    queue: &'a Queue,
    options: &'a Options,
    durable: u64,
    sent: u64,
}

impl Kept<'_> {
    fn send(&mut self, body: Bytes) -> Result<(), String> {
        match self.queue.send(self.options.message(body)) {
            Ok(Sent::Stored(_) | Sent::Duplicate) => {
                self.sent += 1;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        let flushed: Result<(), Error> = self.queue.flush();
        if flushed.is_ok() {
            self.durable = self.sent;
        }
        flushed.map_err(|error| error.to_string())
    }

    fn send_lines(&mut self) -> Result<(), String> {
        let input = blocks(io::stdin());
        let (mut number, mut unflushed, mut since) = (0_u64, 0, Instant::now());
        loop {
            let wait =
                if unflushed == 0 { Duration::MAX } else { FLUSH_AFTER.saturating_sub(since.elapsed()) };
            match input.recv_timeout(wait) {
                Ok(Ok(block)) => {
                    if unflushed == 0 {
                        since = Instant::now();
                    }
                    unflushed += block.len();
                    for line in split(block) {
                        number += 1;
                        self.send(line).map_err(|error| format!("line {number}: {error}"))?;
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
                self.flush()?;
                unflushed = 0;
            }
        }
    }
}
