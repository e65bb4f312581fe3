//! What is to be done, and said, after a command? Only the leader does it: every member's state says the same.

use super::ConsumerTag;
use crate::ids::{MessageId, NodeId, Offset};
use crate::message::DeathReason;
use crate::queue::ReturnReason;

/// What follows from a command.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::rabbitmq::{Command, Effect, Entry, Fifo, FifoOptions};
/// use mqlab_core::{message::Message, time::Time};
/// let from = NodeId::Producer(1);
/// let batches = Command::Enqueue { from, sequence: 1 }.to_batches(Time::ZERO, Some(&Message::new("a")))?;
/// let entry = Entry::read(&batches.iter().next().ok_or("one entry")?).ok_or("it is a command")?;
/// let (mut fifo, mut effects) = (Fifo::new(FifoOptions::default()), Vec::new());
/// fifo.apply(&entry, &mut effects);
/// assert_eq!(effects[0], Effect::Confirm { to: from, sequence: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// A message is in the queue, now or since before: its publisher may forget it.
    Confirm {
        /// Who published it.
        to: NodeId,
        /// Its number.
        sequence: u64,
    },
    /// A message was refused, now or before.
    Refused {
        /// Who published it.
        to: NodeId,
        /// Its number.
        sequence: u64,
        /// Whether it never will be taken.
        never: bool,
    },
    /// The queue took a message that it has not had before.
    Stored {
        /// Where it stands in the log.
        index: Offset,
        /// Which.
        id: Option<MessageId>,
    },
    /// A message came before its turn, and was not taken: one before it is missing.
    Missing {
        /// Who published it.
        to: NodeId,
        /// The number that is waited for.
        next: u64,
    },
    /// A consumer is there.
    Consuming {
        /// Who.
        consumer: ConsumerTag,
        /// By what it settles.
        key: Offset,
        /// Whether it is served, or waits for another's end (single active consumer).
        active: bool,
    },
    /// A consumer that waited is served from now on.
    Activated {
        /// Who.
        consumer: ConsumerTag,
        /// By what it settles.
        key: Offset,
    },
    /// Nothing was ready for who asked for one message.
    Empty {
        /// Who asked.
        consumer: ConsumerTag,
    },
    /// A message goes to a consumer.
    Deliver {
        /// To whom.
        consumer: ConsumerTag,
        /// By what it is settled, with the number.
        key: Offset,
        /// The delivery's number, counted from 0 for each consumer.
        number: u64,
        /// Where the message stands in the log.
        index: Offset,
        /// How often it came back before, for whatever reason.
        acquired: u32,
        /// How often that counted towards the delivery limit.
        failed: u32,
    },
    /// A message is done with.
    Settled {
        /// Where it stands in the log.
        index: Offset,
        /// Which.
        id: Option<MessageId>,
        /// By whom.
        by: NodeId,
    },
    /// A message came back.
    Returned {
        /// Where it stood in the log.
        index: Offset,
        /// Which.
        id: Option<MessageId>,
        /// From whom.
        from: NodeId,
        /// Why.
        why: ReturnReason,
    },
    /// A message died, and goes where dead letters go.
    DeadLetter {
        /// Where it stands in the log.
        index: Offset,
        /// Why.
        reason: DeathReason,
    },
    /// A message died, and goes nowhere.
    Dropped {
        /// Where it stands in the log.
        index: Offset,
        /// Which.
        id: Option<MessageId>,
        /// Why.
        reason: DeathReason,
    },
    /// So many ready messages were removed.
    Purged {
        /// How many.
        count: u64,
    },
    /// Publishers are refused from now on, or no longer.
    Refusing(bool),
}

impl Effect {
    /// Whether a message died.
    pub(crate) fn is_death(&self) -> bool {
        matches!(self, Self::DeadLetter { .. } | Self::Dropped { .. })
    }
}
