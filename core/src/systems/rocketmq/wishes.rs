//! What does a consumer wish for, and what does it get? It pulls a queue that is its own, or pops from one that others read, too.
//!
//! Source: `PullMessageRequestHeader.java`, `PopMessageRequestHeader.java`, `PullStatus.java`.

use alloc::vec::Vec;

use super::Topic;
use super::filter::Subscription;
use super::layout::StoredMessage;
use crate::ids::Name;
use crate::time::Span;

/// A wish for messages.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::protocol::Pull;
/// use mqlab_core::systems::rocketmq::Topic;
/// let pull = Pull::new(Name::new("payers")?, Topic::new("orders")?, 0, 17);
/// assert!(pull.hold && pull.count == 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// For which group.
    pub group: Name,
    /// Of which topic.
    pub topic: Topic,
    /// Which queue.
    pub queue: u32,
    /// From which offset on.
    pub offset: u64,
    /// At most so many.
    pub count: u32,
    /// Which of them.
    pub wants: Subscription,
    /// Whether to wait when there are none.
    pub hold: bool,
    /// How far the group is, to be kept beside.
    pub commit: Option<u64>,
}

impl Pull {
    /// How many messages a consumer wants at once (`pullBatchSize`).
    pub const COUNT: u32 = 32;

    /// A wish for everything from an offset on, that waits.
    pub fn new(group: Name, topic: Topic, queue: u32, offset: u64) -> Self {
        let (count, wants, hold, commit) = (Self::COUNT, Subscription::All, true, None);
        Self { group, topic, queue, offset, count, wants, hold, commit }
    }
}

/// How a pull went.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::PullStatus;
/// assert_ne!(PullStatus::Found, PullStatus::NoNewMessage);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// There are messages.
    Found,
    /// There is nothing behind the offset.
    NoNewMessage,
    /// What is there does not pass the filter: go on at the next offset.
    NoMatchedMessage,
    /// The offset is not in the queue: go on at the next offset.
    OffsetIllegal,
}

/// What a pull brought.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::{Pulled, PullStatus};
/// let pulled = Pulled { status: PullStatus::NoNewMessage, next: 3, min: 0, max: 3, broker_id: 0, messages: vec![] };
/// assert!(pulled.messages.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// How it went.
    pub status: PullStatus,
    /// The offset to pull next.
    pub next: u64,
    /// The first offset of the queue.
    pub min: u64,
    /// The offset that comes next in the queue.
    pub max: u64,
    /// Whom to ask next: 0 for the master, else a slave.
    pub broker_id: u32,
    /// The messages.
    pub messages: Vec<StoredMessage>,
}

/// A wish for messages of a queue that others read, too: nobody else gets them before a time is over.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::protocol::Pop;
/// use mqlab_core::systems::rocketmq::Topic;
/// let pop = Pop::new(Name::new("payers")?, Topic::new("orders")?, 0);
/// assert_eq!(pop.invisible, Pop::INVISIBLE);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pop {
    /// For which group.
    pub group: Name,
    /// Of which topic; the group's retries of it come along.
    pub topic: Topic,
    /// Which queue.
    pub queue: u32,
    /// At most so many.
    pub count: u32,
    /// Which of them.
    pub wants: Subscription,
    /// So long nobody else gets them.
    pub invisible: Span,
    /// Whether to wait when there are none.
    pub hold: bool,
}

impl Pop {
    /// So long a message is nobody else's (`popInvisibleTime`): 60 s.
    pub const INVISIBLE: Span = Span::from_millis(60_000);

    /// A wish for everything that there is.
    pub fn new(group: Name, topic: Topic, queue: u32) -> Self {
        let (wants, invisible, hold) = (Subscription::All, Self::INVISIBLE, false);
        Self { group, topic, queue, count: Pull::COUNT, wants, invisible, hold }
    }
}

/// With what a popped message is acknowledged.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::PopHandle;
/// assert_ne!(PopHandle { ck: 1, offset: 2 }, PopHandle { ck: 2, offset: 2 }); // the same message, popped again
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopHandle {
    /// The number of the pop.
    pub ck: u64,
    /// The offset of the message in its queue.
    pub offset: u64,
}

/// A popped message.
///
/// ```
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::protocol::{PopHandle, Popped};
/// use mqlab_core::systems::rocketmq::Topic;
/// let message = StoredMessage::new(Topic::new("orders")?, 0, "paid".into());
/// let popped = Popped { handle: PopHandle { ck: 0, offset: 0 }, message };
/// assert_eq!(popped.message.reconsumed, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Popped {
    /// With what it is acknowledged.
    pub handle: PopHandle,
    /// The message.
    pub message: StoredMessage,
}
