//! What happened to what a user asked for? The facts of calls, services and answers.
//!
//! A user hears two things, and they are not the same. The *answer* is what the service that was called says. That
//! an order is *fulfilled* means that everybody who has to work on it has done so. By calls the answer comes last,
//! and says "done". With a queue between, the answer comes first, and can only say "accepted".

use core::fmt;

use serde::Serialize;

use crate::ids::{MessageId, NodeId, OrderId};
use crate::time::Span;

/// What a caller is told, or finds out. The numbers of HTTP beside each.
///
/// ```
/// use mqlab_core::observe::Answer;
/// assert!(Answer::Accepted.is_success() && Answer::Done.is_success());
/// assert!(!Answer::TimedOut.is_success());
/// assert_eq!(Answer::TimedOut.to_string(), "timed out");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// It is done (200).
    Done,
    /// It is in a queue, and will be done (202).
    Accepted,
    /// It cannot be done: no money, no stock (500).
    Failed,
    /// The service has no room for more (503).
    Overloaded,
    /// Nothing came in time (504). Whether it is done nobody knows.
    TimedOut,
    /// Nobody is there, or the connection broke (502). Whether it is done nobody knows.
    Unreachable,
}

impl Answer {
    /// Whether the caller takes it for a success.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Done | Self::Accepted)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Overloaded => "overloaded",
            Self::TimedOut => "timed out",
            Self::Unreachable => "unreachable",
        })
    }
}

/// A fact about an order.
///
/// ```
/// use mqlab_core::ids::OrderId;
/// use mqlab_core::observe::{Answer, OrderEvent};
/// use mqlab_core::time::Span;
/// let event = OrderEvent::Answered { order: OrderId(17), answer: Answer::Accepted, waited: Span(6_300) };
/// assert_eq!(event.to_string(), "was told o17 is accepted, after 6.3 ms");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OrderEvent {
    /// A user asks a service for something.
    Asked {
        /// The order.
        order: OrderId,
        /// Which service.
        of: NodeId,
    },
    /// All workers of a service are busy; the order waits for one.
    Waiting {
        /// The order.
        order: OrderId,
        /// How many wait before it.
        ahead: u32,
    },
    /// A service has no room for an order, not even to wait.
    TurnedAway {
        /// The order.
        order: OrderId,
    },
    /// A worker of a service takes an order up.
    Began {
        /// The order.
        order: OrderId,
    },
    /// A service puts a message for an order into a queue or a topic.
    Put {
        /// The order.
        order: OrderId,
        /// The message.
        message: MessageId,
    },
    /// A step did not work, and is tried again: whoever took an order from a queue has nobody who waits.
    TriesAgain {
        /// The order.
        order: OrderId,
        /// The service that was called in vain.
        of: NodeId,
        /// What came of it.
        why: Answer,
    },
    /// A service has done its part of an order.
    Worked {
        /// The order.
        order: OrderId,
    },
    /// A service cannot do its part of an order.
    GaveUp {
        /// The order.
        order: OrderId,
        /// Whose fault it is: its own, or that of a service that it called.
        by: NodeId,
        /// What happened there.
        why: Answer,
    },
    /// A user is told something, or has waited long enough.
    Answered {
        /// The order.
        order: OrderId,
        /// What.
        answer: Answer,
        /// How long the user waited.
        waited: Span,
    },
    /// A user is let know what became of an order.
    Notified {
        /// The order.
        order: OrderId,
        /// Whether it is done.
        done: bool,
        /// How long ago the user asked.
        after: Span,
    },
    /// Everybody who has to work on an order has done so.
    Fulfilled {
        /// The order.
        order: OrderId,
        /// How long ago the user asked.
        after: Span,
    },
    /// An order failed of which its user was told that all is well.
    Disappointed {
        /// The order.
        order: OrderId,
    },
}

impl OrderEvent {
    /// The order that it is about.
    pub const fn order(&self) -> OrderId {
        match self {
            Self::Asked { order, .. }
            | Self::Waiting { order, .. }
            | Self::TurnedAway { order }
            | Self::Began { order }
            | Self::Put { order, .. }
            | Self::TriesAgain { order, .. }
            | Self::Worked { order }
            | Self::GaveUp { order, .. }
            | Self::Answered { order, .. }
            | Self::Notified { order, .. }
            | Self::Fulfilled { order, .. }
            | Self::Disappointed { order } => *order,
        }
    }
}

impl fmt::Display for OrderEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked { order, of } => write!(f, "asked {of} for {order}"),
            Self::Waiting { order, ahead } => write!(f, "lets {order} wait, {ahead} before it"),
            Self::TurnedAway { order } => write!(f, "turned {order} away: overloaded"),
            Self::Began { order } => write!(f, "began {order}"),
            Self::Put { order, message } => write!(f, "wrote {message} for {order}"),
            Self::TriesAgain { order, of, why } => write!(f, "tries {order} again: {of} {why}"),
            Self::Worked { order } => write!(f, "did its part of {order}"),
            Self::GaveUp { order, by, why } => write!(f, "gave {order} up: {by} {why}"),
            Self::Answered { order, answer: answer @ (Answer::TimedOut | Answer::Unreachable), waited } => {
                write!(f, "knows nothing of {order}: {answer}, after {waited}")
            }
            Self::Answered { order, answer, waited } => {
                write!(f, "was told {order} is {answer}, after {waited}")
            }
            Self::Notified { order, done: true, after } => {
                write!(f, "was let know that {order} is done, after {after}")
            }
            Self::Notified { order, done: false, after } => {
                write!(f, "was let know that {order} failed, after {after}")
            }
            Self::Fulfilled { order, after } => write!(f, "has {order} fulfilled, after {after}"),
            Self::Disappointed { order } => write!(f, "was told all is well with {order}, and it failed"),
        }
    }
}
