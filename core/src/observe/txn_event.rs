//! What happens to a transaction over partitions? It is begun, grows, is decided, and the partitions are told.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::messages::named;
use super::refusal::Refusal;
use crate::ids::{MessageId, Name, Offset, PartitionId};

/// A fact about a transaction over partitions.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::observe::TxnEvent;
/// let event = TxnEvent::Began { id: Name::new("billing")?, producer: 7, epoch: 4 };
/// assert_eq!(event.to_string(), "began a transaction of billing, producer 7, epoch 4");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TxnEvent {
    /// A producer begins one. Nobody else knows of it yet.
    Began {
        /// The transactional id.
        id: Name,
        /// The producer's number.
        producer: i64,
        /// Its epoch: that of this transaction.
        epoch: i16,
    },
    /// Its coordinator knows that it writes there.
    Enlisted {
        /// The transactional id.
        id: Name,
        /// To which partitions; that of the groups' offsets among them.
        partitions: Vec<PartitionId>,
    },
    /// A program counts what it read as done, if its transaction is committed.
    Includes {
        /// The transactional id.
        id: Name,
        /// As which group it reads.
        group: Name,
        /// What it read where.
        done: Vec<(PartitionId, MessageId)>,
    },
    /// A producer asks for the end.
    Ending {
        /// The transactional id.
        id: Name,
        /// Its epoch.
        epoch: i16,
        /// Whether it shall count.
        commit: bool,
    },
    /// The coordinator has kept how it ends: nothing changes that any more.
    Decided {
        /// The transactional id.
        id: Name,
        /// The producer's number.
        producer: i64,
        /// The epoch of the transaction.
        epoch: i16,
        /// Whether it counts.
        commit: bool,
        /// Why it does not, if its producer did not ask for that.
        why: Option<Refusal>,
    },
    /// A leader wrote the marker that ends it in a partition.
    Marked {
        /// Which.
        partition: PartitionId,
        /// The producer's number.
        producer: i64,
        /// The producer's epoch from here on.
        epoch: i16,
        /// Whether it counts.
        commit: bool,
        /// Where the marker stands.
        at: Offset,
    },
    /// All partitions know.
    Completed {
        /// The transactional id.
        id: Name,
        /// Whether it counts.
        commit: bool,
    },
    /// What was sent in it counts, from the moment of the decision, whether its producer hears of that or not.
    Committed {
        /// The transactional id.
        id: Name,
        /// What.
        messages: Vec<MessageId>,
    },
    /// What was sent in it never counts.
    Aborted {
        /// The transactional id.
        id: Name,
        /// What.
        messages: Vec<MessageId>,
    },
    /// A producer cannot go on with it, and will abort it.
    Failed {
        /// The transactional id.
        id: Name,
        /// Why.
        why: Refusal,
    },
    /// A producer hears that somebody else took over its transactional id.
    Fenced {
        /// The transactional id.
        id: Name,
        /// The number that it had.
        producer: i64,
        /// And the epoch.
        epoch: i16,
    },
    /// Nobody used it for long: its coordinator does not know it any more.
    Forgotten {
        /// The transactional id.
        id: Name,
    },
}

impl TxnEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Committed { messages, .. } | Self::Aborted { messages, .. } => messages,
            _ => &[],
        }
    }

    /// Whether it marks a turn in the run.
    pub fn is_landmark(&self) -> bool {
        matches!(self, Self::Fenced { .. } | Self::Failed { .. } | Self::Decided { commit: false, .. })
    }
}

const fn ends(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}

impl fmt::Display for TxnEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { id, producer, epoch } => {
                write!(f, "began a transaction of {id}, producer {producer}, epoch {epoch}")
            }
            Self::Enlisted { id, partitions } => {
                write!(f, "knows that the transaction of {id} writes to {}", list(partitions))
            }
            Self::Includes { id, group, done } => {
                let messages: Vec<MessageId> = done.iter().map(|(_, message)| *message).collect();
                write!(f, "has {} done for {group} in the transaction of {id}", named(&messages))
            }
            Self::Ending { id, commit, .. } => {
                write!(f, "asks for the end of the transaction of {id}: {}", ends(*commit))
            }
            Self::Decided { id, epoch, commit, why: None, .. } => {
                write!(f, "decided the transaction of {id}, epoch {epoch}: {}", ends(*commit))
            }
            Self::Decided { id, epoch, commit, why: Some(why), .. } => {
                write!(f, "decided the transaction of {id}, epoch {epoch}: {}, {why}", ends(*commit))
            }
            Self::Marked { partition, producer, epoch, commit, at } => {
                let ends = ends(*commit);
                write!(f, "marked {partition} at {at}: {ends} of producer {producer}, epoch {epoch}")
            }
            Self::Completed { id, commit } => {
                write!(f, "completed the {} of the transaction of {id}", ends(*commit))
            }
            Self::Committed { id, messages } => {
                write!(f, "committed {} in the transaction of {id}", named(messages))
            }
            Self::Aborted { id, messages } => {
                write!(f, "aborted {} in the transaction of {id}", named(messages))
            }
            Self::Failed { id, why } => write!(f, "cannot go on with the transaction of {id}: {why}"),
            Self::Fenced { id, producer, epoch } => {
                write!(f, "is fenced as {id}, producer {producer}, epoch {epoch}")
            }
            Self::Forgotten { id } => write!(f, "forgot {id}, which nobody used for long"),
        }
    }
}
