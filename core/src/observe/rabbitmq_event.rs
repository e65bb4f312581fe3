//! What happens only in a cluster of RabbitMQ? Who leads a queue, which members have written a message, what a full queue
//! says, where a dead letter goes, whom nodes take for dead, and where clients are connected.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::messages::named;
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset};

/// A fact about a cluster of RabbitMQ.
///
/// ```
/// use mqlab_core::ids::{Epoch, Name};
/// use mqlab_core::observe::RabbitmqEvent;
/// let event = RabbitmqEvent::Leads { queue: Name::new("orders")?, term: Epoch(2) };
/// assert_eq!(event.to_string(), "leads orders, term 2");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RabbitmqEvent {
    /// A member was elected leader of a quorum queue.
    Leads {
        /// Of which queue.
        queue: Name,
        /// In which term.
        term: Epoch,
    },
    /// A member leads no more: another one does, or it hears no majority.
    StoppedLeading {
        /// Which queue.
        queue: Name,
        /// The term in which it led.
        term: Epoch,
    },
    /// A member of a quorum queue has messages in its log, durably. Whether the queue has them is decided by a majority.
    Written {
        /// Of which queue.
        queue: Name,
        /// Where the first stands in the log.
        base: Offset,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// A member cut its log where the leader's is another one: no majority had this.
    CutBack {
        /// Of which queue.
        queue: Name,
        /// The new end.
        to: Offset,
        /// What was there.
        messages: Vec<MessageId>,
    },
    /// A full queue refuses publishers from now on, or takes again what they send.
    Refusing {
        /// Which queue.
        queue: Name,
        /// Whether it refuses.
        refuses: bool,
    },
    /// A dead letter leaves its queue for others; it is there only when they have it.
    DeadLettered {
        /// From which queue.
        queue: Name,
        /// Which.
        message: MessageId,
        /// To which queues.
        to: Vec<Name>,
    },
    /// A node hears nothing of another one, and takes it for dead.
    NodeDown {
        /// Which.
        peer: NodeId,
    },
    /// It hears of it again.
    NodeUp {
        /// Which.
        peer: NodeId,
    },
    /// A client has a channel on a node.
    Connected {
        /// Which node.
        to: NodeId,
        /// How many messages it publishes there again, since nobody confirmed them elsewhere.
        again: u64,
    },
    /// A client's connection is gone.
    Disconnected {
        /// From which node.
        from: NodeId,
    },
    /// An alarm is on somewhere in the cluster, and a node reads no more from a client that publishes.
    ConnectionBlocked {
        /// From whom.
        client: NodeId,
    },
    /// It reads on from it.
    ConnectionUnblocked {
        /// From whom.
        client: NodeId,
    },
}

impl RabbitmqEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Written { messages, .. } | Self::CutBack { messages, .. } => messages,
            Self::DeadLettered { message, .. } => core::slice::from_ref(message),
            _ => &[],
        }
    }

    /// Whether it marks a turn in a run.
    pub fn is_landmark(&self) -> bool {
        match self {
            Self::CutBack { messages, .. } => !messages.is_empty(),
            Self::Leads { .. } | Self::StoppedLeading { .. } => true,
            Self::Refusing { .. } | Self::NodeDown { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for RabbitmqEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leads { queue, term } => write!(f, "leads {queue}, term {}", term.0),
            Self::StoppedLeading { queue, term } => write!(f, "leads {queue} no more, term {}", term.0),
            Self::Written { queue, base, messages } => {
                write!(f, "wrote {} in its log of {queue} at {base}", named(messages))
            }
            Self::CutBack { queue, to, messages } => {
                write!(f, "cut its log of {queue} back to {to}, removing {}", named(messages))
            }
            Self::Refusing { queue, refuses: true } => write!(f, "{queue} is full, and refuses publishers"),
            Self::Refusing { queue, refuses: false } => write!(f, "{queue} takes messages again"),
            Self::DeadLettered { queue, message, to } => {
                write!(f, "sends {message}, dead in {queue}, to {}", list(to))
            }
            Self::NodeDown { peer } => write!(f, "takes {peer} for dead"),
            Self::NodeUp { peer } => write!(f, "hears of {peer} again"),
            Self::Connected { to, again: 0 } => write!(f, "is connected to {to}"),
            Self::Connected { to, again } => write!(f, "is connected to {to}, publishes {again} again"),
            Self::ConnectionBlocked { client } => write!(f, "blocks {client}: an alarm is on"),
            Self::ConnectionUnblocked { client } => write!(f, "unblocks {client}"),
            Self::Disconnected { from } => write!(f, "is not connected to {from} any more"),
        }
    }
}
