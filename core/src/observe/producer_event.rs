//! What happens so that a message is stored once? Facts about who a producer is, and about batches that came twice.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::messages::named;
use crate::ids::{MessageId, Offset, PartitionId};

/// A fact about a producer that wants each message stored once.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name, Offset, PartitionId};
/// use mqlab_core::observe::ProducerEvent;
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let twice = ProducerEvent::Recognised { partition, base: Offset(4), messages: vec![MessageId(7)] };
/// assert_eq!(twice.to_string(), "recognised m7 as a duplicate: orders/0 has it at 4");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProducerEvent {
    /// A producer learned who it is.
    Identified {
        /// Its number.
        id: i64,
        /// How often it began anew.
        epoch: i16,
    },
    /// A partition's leader knows a batch already: it wrote nothing, and answers as the first time.
    Recognised {
        /// Which partition.
        partition: PartitionId,
        /// Where the batch begins in it.
        base: Offset,
        /// Its messages.
        messages: Vec<MessageId>,
    },
    /// A producer does not know where a partition's count stands, and counts anew in a higher epoch.
    BeganAnew {
        /// In which partition.
        partition: PartitionId,
        /// The epoch.
        epoch: i16,
        /// What it sends again under new numbers.
        messages: Vec<MessageId>,
    },
}

impl ProducerEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Recognised { messages, .. } | Self::BeganAnew { messages, .. } => messages,
            Self::Identified { .. } => &[],
        }
    }
}

impl fmt::Display for ProducerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identified { id, epoch } => write!(f, "is producer {id}, epoch {epoch}"),
            Self::Recognised { partition, base, messages } => {
                write!(f, "recognised {} as a duplicate: {partition} has it at {base}", named(messages))
            }
            Self::BeganAnew { partition, epoch, messages } => {
                write!(f, "counts anew in {partition}, epoch {epoch}, with {}", named(messages))
            }
        }
    }
}
