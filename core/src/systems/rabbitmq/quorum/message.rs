//! What do the members of a quorum queue and its clients say to each other?

use alloc::vec::Vec;

use crate::ids::{NodeId, Offset};
use crate::log::Slice;
use crate::message::Message;
use crate::raft::RaftMessage;
use crate::record::Batches;

/// What is said. `D` is how stored entries are carried between members.
///
/// ```
/// use mqlab_core::message::Message;
/// use mqlab_core::systems::rabbitmq::QuorumMessage;
/// let publish: QuorumMessage = QuorumMessage::Publish { sequence: 1, message: Message::new("a book") };
/// assert!(matches!(publish, QuorumMessage::Publish { sequence: 1, .. }));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum QuorumMessage<D = Batches> {
    /// Between members.
    Raft(RaftMessage<D>),
    /// A publisher's message; it counts them from 1, or in a later session from
    /// [`first_of_session`](super::super::first_of_session) on, and sends again under the same number what was not confirmed.
    /// Answer: [`Confirmed`](Self::Confirmed), [`Refused`](Self::Refused), [`Missing`](Self::Missing).
    Publish {
        /// Its number.
        sequence: u64,
        /// What.
        message: Message,
    },
    /// A consumer comes, or comes back. Answer: [`Consuming`](Self::Consuming).
    Consume {
        /// Which of the client's consumers.
        tag: u32,
        /// How many messages it holds unsettled at most; 0 for any number.
        prefetch: u32,
        /// Higher is served first.
        priority: i32,
        /// The number of the first delivery that it has not had: 0 for a new one.
        next: u64,
    },
    /// One message is wanted (`basic.get`). Answer: [`Delivery`](Self::Delivery) or [`Empty`](Self::Empty).
    Get {
        /// For which of the client's consumers: a name that no other has.
        tag: u32,
    },
    /// Deliveries are done with. Answer: [`Done`](Self::Done).
    Settle {
        /// Whose.
        key: Offset,
        /// Which.
        deliveries: Vec<u64>,
    },
    /// Deliveries come back. Answer: [`Done`](Self::Done).
    Return {
        /// Whose.
        key: Offset,
        /// Which, in the order in which they come back.
        deliveries: Vec<u64>,
        /// Whether it is a failure: yes for `basic.reject`, no for `basic.nack`.
        failed: bool,
    },
    /// Deliveries are refused for good. Answer: [`Done`](Self::Done).
    Discard {
        /// Whose.
        key: Offset,
        /// Which.
        deliveries: Vec<u64>,
    },
    /// A consumer wants no more. Answer: [`Cancelled`](Self::Cancelled).
    Cancel {
        /// Which.
        tag: u32,
    },
    /// A consumer's channel is gone, and with it the consumer: what it had comes back, and counts as failed.
    Leave {
        /// Which.
        tag: u32,
    },
    /// All that is ready is to go. Answer: [`Purged`](Self::Purged).
    Purge,
    /// A message is with a majority.
    Confirmed {
        /// Its number.
        sequence: u64,
    },
    /// A message was not taken.
    Refused {
        /// Its number.
        sequence: u64,
        /// Whether it never will be: it is too large, or its headers are not allowed. Otherwise the queue is full.
        never: bool,
    },
    /// A message was not taken, because one before it did not come.
    Missing {
        /// The number that is waited for.
        next: u64,
    },
    /// A consumer is known.
    Consuming {
        /// Which.
        tag: u32,
        /// By what it settles.
        key: Offset,
        /// Whether it is served, or waits for another's end.
        active: bool,
    },
    /// A message for a consumer. One whose number it has had is the same once more.
    Delivery {
        /// Which.
        tag: u32,
        /// By what it is settled, with the number.
        key: Offset,
        /// The delivery's number, from 0 for each consumer.
        number: u64,
        /// How often it came back before: marked redelivered if ever.
        acquired: u32,
        /// How often that counted towards the delivery limit (the header `x-delivery-count`).
        failed: u32,
        /// What.
        message: Message,
    },
    /// Nothing is ready.
    Empty {
        /// For which consumer.
        tag: u32,
    },
    /// What was said of deliveries is with a majority.
    Done {
        /// Whose.
        key: Offset,
        /// Which.
        deliveries: Vec<u64>,
    },
    /// A consumer gets no more.
    Cancelled {
        /// Which.
        tag: u32,
    },
    /// So many messages were removed.
    Purged {
        /// How many.
        count: u64,
    },
    /// Ask another member. What was under way is neither done nor refused: ask again.
    NotLeader {
        /// Who leads, if it is known.
        leader: Option<NodeId>,
    },
}

impl<D: Slice> QuorumMessage<D> {
    /// Fetches the stored entries that a message refers to.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn load(self) -> Result<QuorumMessage, D::Error> {
        use QuorumMessage as To;
        Ok(match self {
            Self::Raft(message) => To::Raft(message.load()?),
            Self::Publish { sequence, message } => To::Publish { sequence, message },
            Self::Consume { tag, prefetch, priority, next } => To::Consume { tag, prefetch, priority, next },
            Self::Get { tag } => To::Get { tag },
            Self::Settle { key, deliveries } => To::Settle { key, deliveries },
            Self::Return { key, deliveries, failed } => To::Return { key, deliveries, failed },
            Self::Discard { key, deliveries } => To::Discard { key, deliveries },
            Self::Cancel { tag } => To::Cancel { tag },
            Self::Leave { tag } => To::Leave { tag },
            Self::Purge => To::Purge,
            Self::Confirmed { sequence } => To::Confirmed { sequence },
            Self::Refused { sequence, never } => To::Refused { sequence, never },
            Self::Missing { next } => To::Missing { next },
            Self::Consuming { tag, key, active } => To::Consuming { tag, key, active },
            Self::Delivery { tag, key, number, acquired, failed, message } => {
                To::Delivery { tag, key, number, acquired, failed, message }
            }
            Self::Empty { tag } => To::Empty { tag },
            Self::Done { key, deliveries } => To::Done { key, deliveries },
            Self::Cancelled { tag } => To::Cancelled { tag },
            Self::Purged { count } => To::Purged { count },
            Self::NotLeader { leader } => To::NotLeader { leader },
        })
    }
}
