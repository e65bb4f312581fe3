//! What stands in a quorum queue's log? Commands: what publishers and consumers asked for, in the order that counts.
//!
//! ```text
//!   entry   │ offset 7: {"enqueue":{...}} │ offset 8: the message │     a batch of two records
//!   entry   │ offset 9: {"settle":{...}}  │                             a batch of one
//! ```
//!
//! A message stands in the log once, beside the command that brings it. The state holds its offset: whoever delivers
//! it reads it from there.
//!
//! Sources: RabbitMQ `rabbit_fifo.erl` (the records of its protocol); there they are Erlang terms, here JSON, to be
//! read by people.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ConsumerTag;
use crate::ids::{NodeId, Offset};
use crate::message::{Label, Message};
use crate::record::{Batch, BatchBuilder, Batches, Malformed};
use crate::time::Time;

/// Around a command and a message: the batch's own header, lengths, and what the queue writes beside a message.
const ROOM: usize = 192;

/// What changes a quorum queue.
///
/// ```
/// use mqlab_core::ids::{NodeId, Offset};
/// use mqlab_core::systems::rabbitmq::{Command, Entry};
/// use mqlab_core::{message::Message, time::Time};
/// let command = Command::Enqueue { from: NodeId::Producer(1), sequence: 1 };
/// let batches = command.to_batches(Time(7_000), Some(&Message::new("a book")))?;
/// let entry = Entry::read(&batches.iter().next().ok_or("one entry")?).ok_or("it is a command")?;
/// assert_eq!((entry.command, entry.at), (command, Time(7_000)));
/// assert_eq!(entry.message.map(|(at, _)| at), Some(Offset(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Command {
    /// A message comes; it stands beside the command. Its publisher counts its messages, from
    /// [`first_of_session`](super::first_of_session) on, so that one that is sent again is known.
    Enqueue {
        /// Who publishes.
        from: NodeId,
        /// The message's number.
        sequence: u64,
    },
    /// A message was refused, and will not come under this number any more: what follows on it is not held up.
    Refuse {
        /// Who published it.
        from: NodeId,
        /// The message's number.
        sequence: u64,
        /// Whether it never will be taken; else the queue is full.
        never: bool,
    },
    /// A consumer comes, or comes back: then it gets again what it has not settled, from a number on.
    Checkout {
        /// Who.
        consumer: ConsumerTag,
        /// How many messages it holds unsettled at most; 0 for any number.
        prefetch: u32,
        /// Higher is served first.
        priority: i32,
        /// Whether it wants one message only (`basic.get`).
        once: bool,
        /// The number of the first delivery that it has not had.
        next: u64,
    },
    /// Deliveries are done with: `basic.ack`.
    Settle {
        /// Whose: the key that the consumer was given.
        key: Offset,
        /// Which.
        deliveries: Vec<u64>,
    },
    /// Deliveries come back.
    Return {
        /// Whose.
        key: Offset,
        /// Which, in the order in which they come back.
        deliveries: Vec<u64>,
        /// Whether that counts as a failure: yes for `basic.reject`, no for `basic.nack`.
        failed: bool,
    },
    /// Deliveries are refused for good: they become dead letters.
    Discard {
        /// Whose.
        key: Offset,
        /// Which.
        deliveries: Vec<u64>,
    },
    /// A delivery goes to the end of the queue, written anew: the message stands beside the command. Where there is no
    /// delivery limit, this is what becomes of a return, so that the log's beginning is not held by what comes back for
    /// ever.
    Requeue {
        /// Whose.
        key: Offset,
        /// Which.
        delivery: u64,
    },
    /// A consumer wants no more; what it has it may still settle: `basic.cancel`.
    Cancel {
        /// Who.
        consumer: ConsumerTag,
    },
    /// A client is gone: what its consumers had comes back, and counts as failed.
    Down {
        /// Which.
        node: NodeId,
    },
    /// One consumer is gone, and its client has perhaps come back as another: what it had comes back, and counts as failed.
    Leave {
        /// Which.
        consumer: ConsumerTag,
    },
    /// What is ready goes, without dead letters.
    Purge,
    /// It is time to look whether the head has expired.
    Expire,
    /// So many of the oldest dead letters have arrived where they go: they are forgotten.
    Buried {
        /// How many.
        count: u64,
    },
}

impl Command {
    /// The command as an entry of the log, beside the message that it brings.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when both together are larger than a batch may be.
    pub fn to_batches(&self, at: Time, message: Option<&Message>) -> Result<Batches, Malformed> {
        let timestamp = at.as_millis() as i64;
        let value = serde_json::to_vec(self).expect("plain data can be written");
        let mut builder = BatchBuilder::new();
        builder.reserve(ROOM + value.len() + message.map_or(0, Message::size));
        builder.push_parts(timestamp, None, Some(&value), |_| {})?;
        if let Some(message) = message {
            message.write_into(&mut builder, timestamp, |_| {})?;
        }
        Ok(builder.build())
    }
}

/// An entry of the log, read.
///
/// ```
/// use mqlab_core::systems::rabbitmq::{Command, Entry};
/// use mqlab_core::time::Time;
/// let batches = Command::Purge.to_batches(Time(5_999), None)?;
/// let entry = Entry::read(&batches.iter().next().ok_or("one entry")?).ok_or("it is a command")?;
/// assert_eq!((entry.command, entry.at), (Command::Purge, Time(5_000))); // in whole milliseconds
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub index: Offset,
    /// When the leader wrote it, in whole milliseconds of its clock.
    pub at: Time,
    /// What is to be done.
    pub command: Command,
    /// Where the message beside it stands, and its label: only who delivers it reads it whole.
    pub message: Option<(Offset, Label)>,
}

impl Entry {
    /// Reads a batch of the log; `None` when it is no command.
    pub fn read(batch: &Batch) -> Option<Self> {
        Self::read_as(batch, None)
    }

    /// The same of a command that is known: whoever wrote it there need not read it again.
    pub(crate) fn read_as(batch: &Batch, known: Option<Command>) -> Option<Self> {
        let mut records = batch.lent();
        let first = records.next()?;
        let command = match known {
            Some(command) => command,
            None => serde_json::from_slice(first.value?).ok()?,
        };
        let message = records.next().map(|record| (record.offset, Label::of(&record)));
        let brings = matches!(command, Command::Enqueue { .. } | Command::Requeue { .. });
        let at = Time(u64::try_from(first.timestamp).ok()?.checked_mul(1_000)?);
        (brings == message.is_some()).then_some(Self { index: first.offset, at, command, message })
    }
}
