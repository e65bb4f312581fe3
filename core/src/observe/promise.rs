//! What can a system promise? Fourteen sentences, each of which a run keeps or breaks.
//!
//! Which of them a scenario makes follows from its settings (`core/src/sim/promised.rs`); whether they were kept follows
//! from what happened (`promise_judge.rs`).
//!
//! ```text
//!   producer ── sent ──▶ log ── read ──▶ consumer ── done
//!      answered?      stored once?     in order?      at least once, at most once, effectively once?
//!      not lost?      what was read stays?      with one at a time?
//!
//!   users:             is what was accepted done?
//!   in transactions:   committed once?   nothing seen that was not committed?   zombies fenced?
//! ```

use core::fmt;

use serde::Serialize;

use crate::ids::Name;
use crate::routing::ExchangeName;

/// A promise.
///
/// ```
/// use mqlab_core::observe::Promise;
/// assert_eq!(Promise::NotLost.to_string(), "what was acknowledged is not lost");
/// assert_eq!(Promise::ALL.len(), 14);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Promise {
    /// What a producer was told is stored can be read until somebody has processed it.
    NotLost,
    /// What a consumer has read from a partition stands in every later leader's log.
    ReadStays,
    /// No log has a message twice.
    StoredOnce,
    /// Of one producer, key and partition nothing is processed for the first time after what was sent later.
    InOrder,
    /// Every message that was sent is acknowledged or given up when all faults are over.
    Answered,
    /// Everything acknowledged is processed when all faults are over: nothing is stuck.
    AtLeastOnce,
    /// Nothing is processed twice.
    AtMostOnce,
    /// Everything acknowledged is processed, and nothing twice.
    EffectivelyOnce,
    /// Producers' own transactions and their messages agree.
    Agrees,
    /// What is sent in transactions counts once: no message is in two that are committed, and no log has more copies of it
    /// than there were transactions.
    CommittedOnce,
    /// What was not committed, nobody has processed.
    OnlyCommitted,
    /// When somebody has taken over a transactional id, nothing counts any more that is sent under the old one's number.
    ZombiesFenced,
    /// A message is with one member of a share group at a time, and with none any more when it is done.
    WithOneAtATime,
    /// An order of which its user was told "accepted" is done when all faults are over.
    AcceptedIsDone,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotLost,
        Self::ReadStays,
        Self::StoredOnce,
        Self::InOrder,
        Self::Answered,
        Self::AtLeastOnce,
        Self::AtMostOnce,
        Self::EffectivelyOnce,
        Self::Agrees,
        Self::CommittedOnce,
        Self::OnlyCommitted,
        Self::ZombiesFenced,
        Self::WithOneAtATime,
        Self::AcceptedIsDone,
    ];

    /// How one message breaks it, as a few words after its name.
    pub const fn breach(self) -> &'static str {
        match self {
            Self::NotLost => "was acknowledged and is lost",
            Self::ReadStays => "was read and is in its leader's log no more",
            Self::StoredOnce => "stands in a log twice",
            Self::InOrder => "came after a later one",
            Self::Answered => "was neither acknowledged nor given up",
            Self::AtLeastOnce => "was acknowledged and not processed",
            Self::AtMostOnce => "was processed twice",
            Self::EffectivelyOnce => "was not processed exactly once",
            Self::Agrees => "does not agree with its transaction",
            Self::CommittedOnce => "counts twice",
            Self::OnlyCommitted => "was processed and not committed",
            Self::ZombiesFenced => "was committed for a zombie",
            Self::WithOneAtATime => "was handed out again without a reason",
            Self::AcceptedIsDone => "was for an order that was accepted and is not done",
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLost => "what was acknowledged is not lost",
            Self::ReadStays => "what was read stays",
            Self::StoredOnce => "nothing is stored twice",
            Self::InOrder => "each key stays in order",
            Self::Answered => "everything sent is answered in the end",
            Self::AtLeastOnce => "everything is processed at least once in the end",
            Self::AtMostOnce => "nothing is processed twice",
            Self::EffectivelyOnce => "everything is processed effectively once in the end",
            Self::Agrees => "transactions and messages agree",
            Self::CommittedOnce => "what is committed counts once",
            Self::OnlyCommitted => "nothing is seen that was not committed",
            Self::ZombiesFenced => "nothing of a zombie counts",
            Self::WithOneAtATime => "each message is with one member at a time",
            Self::AcceptedIsDone => "every order that was accepted is done in the end",
        })
    }
}

/// For what a promise is made.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::observe::Subject;
/// let group = Subject::Group { group: Name::new("billing")?, topic: Name::new("orders")? };
/// assert_eq!(group.to_string(), "group billing on orders");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// What is sent to a topic.
    Topic(Name),
    /// What is sent to a queue, and processed from it.
    Queue(Name),
    /// What is sent to an exchange.
    Exchange(ExchangeName),
    /// What a group, or a reader with a place of its own, processes of a topic.
    Group {
        /// The group, or the reader.
        group: Name,
        /// The topic.
        topic: Name,
    },
    /// Producers with transactions of their own.
    Producers,
    /// Whoever sends in transactions over partitions under this transactional id.
    TransactionalId(Name),
    /// Users, and what they were told about their orders.
    Users,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Exchange(name) => write!(f, "exchange {name}"),
            Self::Group { group, topic } => write!(f, "group {group} on {topic}"),
            Self::Producers => f.write_str("producers"),
            Self::TransactionalId(id) => write!(f, "transactional id {id}"),
            Self::Users => f.write_str("users"),
        }
    }
}

/// A promise that is made.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::observe::{Promise, Promised, Subject};
/// let promised = Promised { promise: Promise::StoredOnce, of: Subject::Topic(Name::new("orders")?) };
/// assert_eq!(promised.to_string(), "topic orders: nothing is stored twice");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Promised {
    /// What.
    pub promise: Promise,
    /// For what.
    pub of: Subject,
}

impl fmt::Display for Promised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.of, self.promise)
    }
}
