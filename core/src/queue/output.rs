//! What does a queue say? What it delivers, what leaves it for where dead letters go, and what happened, for who watches.

use super::{ConsumerId, Tag};
use crate::ids::{MessageId, Offset};
use crate::message::{DeathReason, Message};
use crate::time::Time;

/// A message in a consumer's hands.
///
/// ```
/// use mqlab_core::queue::{Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// let first = queue.receive(now)?.ok_or("it is there")?;
/// queue.nack(now, first.tag, true)?;
/// let second = queue.receive(now)?.ok_or("it is there again")?;
/// assert_eq!((second.count, second.is_redelivered()), (2, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What an acknowledgement names.
    pub tag: Tag,
    /// For whom; [`ConsumerId::default`] for whoever asked without being attached.
    pub consumer: ConsumerId,
    /// Where the message stands in the queue.
    pub offset: Offset,
    /// How often it was delivered, this time counted.
    pub count: u32,
    /// Whether it needs no acknowledgement: its consumer acknowledges automatically.
    pub settled: bool,
    /// The message. The queue keeps it, too, until it is settled; both share the bytes of the body.
    pub message: Message,
}

impl Delivery {
    /// Whether somebody had it before and may have done something with it.
    pub fn is_redelivered(&self) -> bool {
        self.count > 1
    }
}

/// A message that is read where it lies, in its queue: what [`Queue::receive_in_place`](super::Queue::receive_in_place)
/// lends to whoever asks.
///
/// ```
/// use mqlab_core::queue::{Lent, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// let Lent { tag, message, .. } = queue.receive_in_place(now)?.ok_or("it is there")?;
/// assert_eq!(&message.body()[..], b"a"); // the last look at it: the queue is used again
/// queue.ack(now, tag)?;
/// assert_eq!(queue.stats().held, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent<'a> {
    /// What an acknowledgement names.
    pub tag: Tag,
    /// Where the message stands in the queue.
    pub offset: Offset,
    /// How often it was delivered, this time counted.
    pub count: u32,
    /// The message.
    pub message: &'a Message,
}

/// A message that left the queue without having been consumed, on its way to where dead letters go.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::message::{DeathReason, Message};
/// use mqlab_core::queue::{DeadLetter, Queue, QueueOptions};
/// use mqlab_core::time::Time;
/// let dead_letter = Some(DeadLetter::to_queue("graveyard"));
/// let options = QueueOptions { dead_letter, length_max: Some(0), ..QueueOptions::default() };
/// let mut queue = Queue::<MemoryLog>::transient(Name::new("q")?, options);
/// queue.send(Time::ZERO, Message::new("too much"))?;
/// assert_eq!(queue.poll_departure().map(|dead| dead.reason), Some(DeathReason::MaxLength));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Where it stood.
    pub offset: Offset,
    /// Why it left.
    pub reason: DeathReason,
    /// The message as it was.
    pub message: Message,
}

/// What happened in the queue.
///
/// ```
/// use mqlab_core::queue::{Fact, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// queue.watch(true);
/// queue.receive(now)?;
/// assert!(matches!(queue.poll_fact(), Some(Fact::Delivered { count: 1, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// The queue took a message.
    Stored {
        /// Where it stands.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
    },
    /// A message is with a consumer.
    Delivered {
        /// Where it stands.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
        /// With whom.
        to: ConsumerId,
        /// How often it was delivered, this time counted.
        count: u32,
    },
    /// A consumer is done with a message, and it is gone.
    Settled {
        /// Where it stood.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
        /// Who.
        by: ConsumerId,
    },
    /// A message came back.
    Returned {
        /// Where it stands; a new place when it went to the back.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
        /// From whom.
        from: ConsumerId,
        /// The delivery that ended so.
        tag: Tag,
        /// Why.
        why: ReturnReason,
        /// When it may be delivered again; `None` for at once.
        until: Option<Time>,
    },
    /// A message was dropped, or left for where dead letters go.
    Died {
        /// Where it stood.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
        /// Why.
        reason: DeathReason,
    },
    /// A message that waited is ready.
    Due {
        /// Where it stands now.
        offset: Offset,
        /// Which.
        id: Option<MessageId>,
    },
    /// This consumer alone is served from now on.
    Activated(ConsumerId),
}

/// Why a message came back from a consumer.
///
/// ```
/// use mqlab_core::queue::{Fact, Queue, ReturnReason};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.send(now, Message::new("a"))?;
/// let got = queue.receive(now)?.ok_or("it is there")?;
/// queue.watch(true);
/// queue.nack(now, got.tag, true)?;
/// assert!(matches!(queue.poll_fact(), Some(Fact::Returned { why: ReturnReason::Nacked, .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReturnReason {
    /// It was given back.
    Nacked,
    /// The consumer left, or its connection broke.
    Left,
    /// The consumer was silent for longer than its lease.
    LeaseOver,
}
