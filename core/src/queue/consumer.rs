//! Who may get how much? A consumer of a queue, and how many messages it is ready to hold.
//!
//! A queue that pushes needs to be told when to stop: a consumer that is slower than the push fills its memory and
//! dies. There are two ways to tell. A *window* bounds what is delivered and not yet acknowledged: every
//! acknowledgement makes room (AMQP's prefetch, `basic.qos`). *Credit* is spent by each delivery and granted anew by
//! the consumer whenever it likes (AMQP 1.0's link credit, Reactive Streams' `request(n)`, Pulsar's permits).

use serde::{Deserialize, Serialize};

use super::ready::Rank;
use crate::selector::Selector;

/// A consumer, within its queue. Whoever attaches it chooses the number, from 1; 0 stands for
/// whoever asks without being attached.
///
/// ```
/// use mqlab_core::queue::{ConsumerId, ConsumerOptions, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.attach(now, ConsumerId(7), ConsumerOptions::default())?;
/// assert_eq!(queue.consumers().collect::<Vec<_>>(), [ConsumerId(7)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConsumerId(pub u64);

/// A window that several consumers share: a channel's. Whoever shares it chooses the number.
///
/// ```
/// use mqlab_core::queue::{ConsumerId, ConsumerOptions, Queue, WindowId};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// queue.attach_within(now, ConsumerId(1), ConsumerOptions::default(), (WindowId(1), 1))?;
/// queue.send(now, Message::new("a"))?;
/// queue.send(now, Message::new("b"))?;
/// assert!(queue.poll_delivery().is_some() && queue.poll_delivery().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(pub u64);

/// How much a consumer is ready to hold.
///
/// ```
/// use mqlab_core::queue::{ConsumerId, ConsumerOptions, Flow, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// let options = ConsumerOptions { flow: Flow::Credit, ..ConsumerOptions::default() };
/// queue.attach(now, ConsumerId(1), options)?;
/// queue.send(now, Message::new("a"))?;
/// assert!(queue.poll_delivery().is_none());
/// queue.grant(now, ConsumerId(1), 1)?;
/// assert!(queue.poll_delivery().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flow {
    /// Whatever comes (AMQP's default, and its danger).
    #[default]
    Unlimited,
    /// So many messages unacknowledged at a time.
    Prefetch(u32),
    /// As many as it grants credit for; none at first.
    Credit,
    /// Nothing is pushed: it asks for each message.
    Pull,
}

/// When a message counts as consumed.
///
/// ```
/// use mqlab_core::queue::{ConsumerId, ConsumerOptions, AckMode, Queue};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut queue, now) = (Queue::in_memory("q")?, Time::ZERO);
/// let options = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
/// queue.attach(now, ConsumerId(1), options)?;
/// queue.send(now, Message::new("a"))?;
/// assert_eq!((queue.poll_delivery().is_some(), queue.stats().held), (true, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AckMode {
    /// When it is handed over: fire and forget. What the consumer has not finished when it dies is lost. Windows
    /// do not bind, since nothing is ever unacknowledged.
    Automatic,
    /// When the consumer says so.
    #[default]
    Explicit,
}

/// What a consumer wants.
///
/// ```
/// use mqlab_core::queue::{ConsumerOptions, Flow};
/// use mqlab_core::selector::Selector;
///
/// let options = ConsumerOptions {
///     flow: Flow::Prefetch(10),
///     selector: Some(Selector::parse("color = 'red'")?),
///     ..ConsumerOptions::default()
/// };
/// assert_eq!(options.priority, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumerOptions {
    /// How much it is ready to hold.
    pub flow: Flow,
    /// When a message counts as consumed.
    pub ack: AckMode,
    /// Higher is served first, as long as it has room (AMQP: `x-priority`, JMS: `consumer.priority`).
    pub priority: i32,
    /// Whether it wants the queue for itself: the exclusive consumer of the highest priority gets everything, the
    /// others wait for its end (ActiveMQ's `consumer.exclusive`).
    pub exclusive: bool,
    /// Which messages it wants; it leaves the others to others.
    pub selector: Option<Selector>,
}

/// A consumer as its queue knows it.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) id: ConsumerId,
    pub(super) options: ConsumerOptions,
    /// Delivered and not settled.
    pub(super) outstanding: u32,
    /// Of these, seen by the consumer: they do not count where the window is extended by them.
    pub(super) seen: u32,
    pub(super) credit: u64,
    /// Whether nothing is pushed to it, whatever room it has.
    pub(super) blocked: bool,
    /// The window that it shares with others.
    pub(super) window: Option<WindowId>,
    /// How many message groups it owns.
    pub(super) groups: u32,
    /// No ready message before this place suits it.
    pub(super) scanned: Rank,
}

impl Consumer {
    pub(super) fn new(id: ConsumerId, options: ConsumerOptions) -> Self {
        let scanned = Rank::FIRST;
        let window = None;
        Self { id, options, outstanding: 0, seen: 0, credit: 0, blocked: false, window, groups: 0, scanned }
    }

    /// Whether a message may be pushed to it.
    pub(super) fn has_room(&self) -> bool {
        !self.blocked
            && match self.options.flow {
                Flow::Unlimited => true,
                Flow::Prefetch(_) if self.options.ack == AckMode::Automatic => true,
                Flow::Prefetch(0) => true, // AMQP: 0 is no limit
                Flow::Prefetch(most) => self.outstanding - self.seen < most,
                Flow::Credit => self.credit > 0,
                Flow::Pull => false,
            }
    }
}
