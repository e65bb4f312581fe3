//! What happens where a topic of Pulsar is compacted? Its owner writes the latest of each key to a ledger beside the topic, and
//! who reads compacted gets it from there.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::messages::named;
use super::turn::Turn;
use crate::ids::{MessageId, Name, NodeId, PartitionId};

/// A fact of compaction.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name, PartitionId};
/// use mqlab_core::observe::CompactionEvent;
/// let partition = PartitionId { topic: Name::new("prices")?, index: 0 };
/// let messages = vec![MessageId(1), MessageId(2)];
/// let wrote = CompactionEvent::Wrote { partition, ledger: 9, entries: 3, messages };
/// assert_eq!(wrote.to_string(), "wrote compacted ledger 9 of prices/0, 3 entries, without m1,m2");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactionEvent {
    /// A topic was read once: the latest of each key goes to a ledger of its own.
    Began {
        /// Which.
        partition: PartitionId,
        /// The ledger.
        ledger: u64,
        /// How many keys there are.
        keys: usize,
        /// Its ensemble.
        bookies: Vec<NodeId>,
    },
    /// It was read twice: the ledger is complete.
    Wrote {
        /// Of which topic.
        partition: PartitionId,
        /// The ledger.
        ledger: u64,
        /// How many entries it has.
        entries: u64,
        /// What of the topic is not in it.
        messages: Vec<MessageId>,
    },
    /// Who reads compacted gets it from this ledger.
    Serves {
        /// Of which topic.
        partition: PartitionId,
        /// The ledger.
        ledger: u64,
        /// How many entries it has.
        entries: u64,
    },
    /// It could not be done: all is as before.
    GaveUp {
        /// Of which topic.
        partition: PartitionId,
    },
    /// A consumer wants of each key the latest alone.
    Reads {
        /// Of which topic.
        partition: PartitionId,
        /// In which subscription.
        subscription: Name,
        /// Who.
        consumer: NodeId,
    },
    /// A bookie deleted its copies of a compacted ledger: a newer one is there, or it was never finished.
    Gone {
        /// Which ledger.
        ledger: u64,
        /// What of it the bookie had.
        messages: Vec<MessageId>,
    },
}

impl CompactionEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Wrote { messages, .. } | Self::Gone { messages, .. } => messages,
            _ => &[],
        }
    }

    /// Whether it changes what comes after it.
    pub fn is_landmark(&self) -> bool {
        matches!(self, Self::Wrote { .. } | Self::Serves { .. } | Self::GaveUp { .. })
    }

    /// What kind of turn it is, if it is one.
    pub(super) fn turn(&self) -> Turn {
        match self {
            Self::GaveUp { .. } => Turn::Fault,
            _ => Turn::Change,
        }
    }
}

impl fmt::Display for CompactionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { partition, ledger, keys, bookies } => {
                let bookies = list(bookies);
                write!(f, "writes compacted ledger {ledger} of {partition}, {keys} keys, to {bookies}")
            }
            Self::Wrote { partition, ledger, entries, messages } => {
                write!(f, "wrote compacted ledger {ledger} of {partition}, {entries} entries")?;
                if messages.is_empty() { Ok(()) } else { write!(f, ", without {}", named(messages)) }
            }
            Self::Serves { partition, ledger, entries } => {
                write!(f, "serves {partition} compacted from ledger {ledger}, {entries} entries")
            }
            Self::GaveUp { partition } => write!(f, "gave the compaction of {partition} up"),
            Self::Reads { partition, subscription, consumer } => {
                write!(f, "lets {consumer} in {subscription} read {partition} compacted")
            }
            Self::Gone { ledger, messages } => {
                write!(f, "deleted its {} of compacted ledger {ledger}", named(messages))
            }
        }
    }
}
