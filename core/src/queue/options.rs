//! What may a queue do with its messages? The choices that one queue makes for all of them.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// The most priorities that a queue can tell apart, counted from 0 (AMQP: `x-max-priority` up to 255).
pub const PRIORITY_MAX: u8 = 255;
/// The most message groups that a queue remembers the consumer of; beyond that the one that was used longest ago
/// is forgotten, and finds a consumer anew (ActiveMQ's cached map: 1024).
pub const GROUPS_MAX: usize = 1024;
/// The most identities that a queue remembers to recognise duplicates.
pub const REMEMBERED_MAX: usize = 1_000_000;
/// How many bytes of message bodies a queue keeps in memory; of the rest it knows only the place, and reads them
/// from its log when their turn comes.
pub const RESIDENT_BYTES: u64 = 16 * 1024 * 1024;

/// What a queue does. The default is a durable queue without limits: first in, first out, what comes back takes
/// its old place.
///
/// ```
/// use mqlab_core::queue::{Overflow, QueueOptions};
/// use mqlab_core::time::Span;
///
/// let options = QueueOptions {
///     ttl: Some(Span::from_millis(60_000)),
///     length_max: Some(10_000),
///     overflow: Overflow::RejectPublish,
///     delivery_limit: Some(5),
///     ..QueueOptions::default()
/// };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueOptions {
    /// Whether it lives in memory alone: a restart of the broker loses the queue and all in it.
    pub transient: bool,
    /// The highest priority; 0 for a queue without priorities. Higher ones are cut down to it (AMQP).
    pub priority_max: u8,
    /// The priority of messages that name none (AMQP: 0, JMS: 4).
    pub priority_default: u8,
    /// How long messages live, in whole milliseconds; the shorter of this and a message's own counts.
    pub ttl: Option<Span>,
    /// Where it is noticed that a message has expired.
    pub expiry: Expiry,
    /// The most messages that are ready; those with consumers do not count (AMQP: `x-max-length`).
    pub length_max: Option<u64>,
    /// The most bytes of bodies that are ready (AMQP: `x-max-length-bytes`).
    pub bytes_max: Option<u64>,
    /// What happens beyond.
    pub overflow: Overflow,
    /// Where a message goes that a consumer gives back.
    pub requeue: Requeue,
    /// How often a message may come back before it is taken out; so it is delivered once more than this
    /// (RabbitMQ's quorum queues: 20).
    pub delivery_limit: Option<u32>,
    /// How long a message that came back waits before it is delivered again. A restart ends the wait.
    pub redelivery: Option<Backoff>,
    /// A delivery that is not acknowledged for so long is taken back (RocketMQ's pop: 60 s; Amazon SQS: 30 s).
    pub lease: Option<Span>,
    /// Whether only one consumer at a time is served, the next when it goes (`x-single-active-consumer`).
    pub single_active: bool,
    /// Whether the first consumer of the list that has room is served, instead of one after the other
    /// (ActiveMQ's `strictOrderDispatch`).
    pub strict_dispatch: bool,
    /// Whether a message that its consumer has seen, though not acknowledged, makes room in its window (ActiveMQ's
    /// prefetch extension).
    pub prefetch_extension: bool,
    /// For how long identities are remembered: a message that comes again is told "stored" and not stored again.
    /// After a restart only those of messages that are still in the queue are.
    pub remember_ids: Option<Span>,
    /// Where messages go that leave without having been consumed; `None` drops them.
    pub dead_letter: Option<DeadLetter>,
    /// Whether only persistent messages go there, and the others are dropped (ActiveMQ: `processNonPersistent` off).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub dead_letter_persistent_only: bool,
    /// Whether it is removed when its last consumer leaves. Kept by whoever owns the queue.
    pub auto_delete: bool,
    /// A queue that nobody used for so long is removed: no consumer, no pull, not declared again
    /// (`x-expires`). Kept by whoever owns the queue.
    pub unused_max: Option<Span>,
}

/// Where it is noticed that a message has expired.
///
/// ```
/// use mqlab_core::time::Span;
/// use mqlab_core::queue::{Expiry, QueueOptions};
/// let options = QueueOptions { expiry: Expiry::Sweep(Span::from_millis(30_000)), ..QueueOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// At the head of the queue, the moment it comes: what stands behind a live message waits (RabbitMQ).
    #[default]
    AtHead,
    /// At the head when it is to be delivered, and everywhere in the queue this often (ActiveMQ: 30 s).
    Sweep(Span),
}

/// What happens when a message comes to a full queue.
///
/// ```
/// use mqlab_core::queue::{Overflow, QueueOptions};
/// let options = QueueOptions { length_max: Some(100), overflow: Overflow::Block, ..QueueOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// It is taken, and the message at the head goes: the oldest of the highest priority.
    #[default]
    DropHead,
    /// It is refused, and its sender told.
    RejectPublish,
    /// It is refused, its sender told, and it goes where dead letters go.
    RejectPublishDeadLetter,
    /// Its sender waits until there is room.
    Block,
}

/// Where a message goes that comes back.
///
/// ```
/// use mqlab_core::queue::{Requeue, QueueOptions};
/// let options = QueueOptions { requeue: Requeue::Front, delivery_limit: Some(20), ..QueueOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requeue {
    /// To its old place among those of its priority (RabbitMQ's classic queues).
    #[default]
    OldPlace,
    /// Into a line of its own that is served before all others, in the order of coming back (RabbitMQ's quorum
    /// queues with a delivery limit).
    Front,
    /// Behind all others (RabbitMQ's quorum queues without a delivery limit).
    Back,
}

/// How long to wait before a message is delivered again: longer each time.
///
/// ```
/// use mqlab_core::time::Span;
/// use mqlab_core::queue::{Backoff, QueueOptions};
/// let options = QueueOptions { redelivery: Some(Backoff { first: Span(1_000), percent: 200, max: Span(9_000) }), ..QueueOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The first wait.
    pub first: Span,
    /// By how much each wait is longer than the one before, in hundredths: 100 for no growth.
    pub percent: u32,
    /// The longest wait.
    pub max: Span,
}

impl DeadLetter {
    /// Straight to a queue, through the default exchange.
    pub fn to_queue(name: &str) -> Self {
        Self { exchange: alloc::string::String::new(), routing_key: Some(name.into()) }
    }

    /// To an exchange, with the message's own routing key.
    pub fn to_exchange(name: &str) -> Self {
        Self { exchange: name.into(), routing_key: None }
    }
}

impl Backoff {
    /// The wait after so many deliveries.
    ///
    /// ```
    /// use mqlab_core::queue::Backoff;
    /// use mqlab_core::time::Span;
    /// // Artemis' example: 5 s, doubled, at most 15 s.
    /// let ms = Span::from_millis;
    /// let backoff = Backoff { first: ms(5_000), percent: 200, max: ms(15_000) };
    /// assert_eq!([1, 2, 3].map(|n| backoff.after(n)), [ms(5_000), ms(10_000), ms(15_000)]);
    /// ```
    pub fn after(&self, deliveries: u32) -> Span {
        let mut wait = self.first.0.min(self.max.0);
        for _ in 1..deliveries {
            let next = (u128::from(wait) * u128::from(self.percent) / 100).min(u128::from(self.max.0)) as u64;
            if next == wait {
                break;
            }
            wait = next;
        }
        Span(wait)
    }
}

/// Where dead letters go.
///
/// ```
/// use mqlab_core::queue::{DeadLetter, QueueOptions};
/// let options =
///     QueueOptions { dead_letter: Some(DeadLetter::to_queue("graveyard")), ..QueueOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The exchange; empty for the default one, which knows every queue by its name.
    pub exchange: alloc::string::String,
    /// The routing key; `None` keeps the message's own.
    #[serde(default)]
    pub routing_key: Option<alloc::string::String>,
}

/// Options that no queue can have.
///
/// ```
/// use mqlab_core::queue::{BadOptions, QueueOptions};
/// use mqlab_core::time::Span;
/// let options = QueueOptions { lease: Some(Span::ZERO), ..QueueOptions::default() };
/// assert_eq!(options.check(), Err(BadOptions::ZeroSpan("lease")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadOptions {
    /// The default priority is above the highest.
    Priority {
        /// The default.
        default: u8,
        /// The highest.
        max: u8,
    },
    /// A span of zero where that would never end.
    ZeroSpan(&'static str),
    /// Waits that shrink, or a longest wait that is shorter than the first.
    Backoff,
}

impl fmt::Display for BadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Priority { default, max } => {
                write!(f, "the default priority {default} is above the highest, {max}: raise priority_max")
            }
            Self::ZeroSpan(what) => write!(f, "{what} is zero: use at least one microsecond, or leave it out"),
            Self::Backoff => f.write_str(
                "the waits before redelivery must not shrink: use a percent of at least 100 and a max of at least first",
            ),
        }
    }
}

impl core::error::Error for BadOptions {}

impl QueueOptions {
    /// Checks that a queue can work so.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] with the first thing that is wrong.
    pub fn check(&self) -> Result<(), BadOptions> {
        if self.priority_max > 0 && self.priority_default > self.priority_max {
            return Err(BadOptions::Priority { default: self.priority_default, max: self.priority_max });
        }
        let sweep = if let Expiry::Sweep(every) = self.expiry { Some(every) } else { None };
        let spans = [("the sweep's period", sweep), ("lease", self.lease), ("unused_max", self.unused_max)];
        if let Some((what, _)) = spans.iter().find(|(_, span)| *span == Some(Span::ZERO)) {
            return Err(BadOptions::ZeroSpan(what));
        }
        if self.redelivery.is_some_and(|backoff| backoff.percent < 100 || backoff.max < backoff.first) {
            return Err(BadOptions::Backoff);
        }
        Ok(())
    }

    /// How many lines of different priority there are.
    pub(super) fn lanes(&self) -> usize {
        usize::from(self.priority_max) + 1
    }

    /// The line that a message of this priority stands in.
    #[inline]
    pub(super) fn lane(&self, priority: Option<u8>) -> u8 {
        priority.unwrap_or(self.priority_default).min(self.priority_max)
    }

    /// When a message that was stored at a moment expires: it has what is shorter, its own time or the queue's.
    #[inline]
    pub(super) fn expires(&self, stored: Time, own: Option<Span>) -> Option<Time> {
        let shorter = match (self.ttl, own) {
            (Some(ttl), Some(own)) => ttl.min(own),
            (ttl, own) => ttl.or(own)?,
        };
        Some(stored + shorter)
    }
}
