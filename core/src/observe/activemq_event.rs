//! What happens that only ActiveMQ does? Facts about the lock of a shared store, about who is master, about clients that look
//! for it, and about messages that a consumer tries again or knows already.

use core::fmt;

use serde::Serialize;

use crate::ids::{MessageId, NodeId};
use crate::time::Time;

/// A fact of ActiveMQ.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::ActivemqEvent;
/// let event = ActivemqEvent::Locked { broker: NodeId::Broker(2) };
/// assert_eq!(event.to_string(), "gave the lock to broker-2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActivemqEvent {
    /// The store gave its lock to a broker.
    Locked {
        /// Which.
        broker: NodeId,
    },
    /// The lock is free: who had it stopped, or its connection broke.
    Unlocked {
        /// Who had it.
        broker: NodeId,
    },
    /// Who had the lock did not say for too long that it is there: another may have it.
    LeaseOver {
        /// Who had it.
        broker: NodeId,
    },
    /// A broker has read the store, and serves clients from now on.
    Master {
        /// How many messages it found.
        messages: u64,
    },
    /// A broker waits for the lock, and serves nobody.
    Slave,
    /// A master lost the lock, or could not write: what it had begun is not done, and it is a slave again.
    SteppedDown {
        /// Whether another may have the lock; else the store is not there, or full.
        fenced: bool,
    },
    /// A client is connected with a broker that serves it.
    Connected {
        /// Which.
        broker: NodeId,
        /// Whether it was connected before.
        again: bool,
    },
    /// A client lost its connection: the failover transport looks for another broker.
    Interrupted {
        /// With whom it was connected.
        broker: NodeId,
    },
    /// A broker turned a client away: it is a slave.
    TurnedAway {
        /// Which client.
        client: NodeId,
    },
    /// The broker has a message already that a producer said again: it is not stored twice.
    KnownAlready {
        /// Which.
        message: MessageId,
    },
    /// A consumer will try a message again, and gives its program nothing until then.
    WillRedeliver {
        /// Which.
        message: MessageId,
        /// How often it was tried.
        tried: u32,
        /// When, by its own clock.
        at: Time,
    },
    /// A consumer tried a message too often: it is poison, and the broker is told so.
    Poison {
        /// Which.
        message: MessageId,
        /// How often it was tried.
        tried: u32,
    },
    /// A consumer's connection has had a message before, and its program is done with it: it is not done again, and goes to the
    /// dead.
    SuppressedDuplicate {
        /// Which.
        message: MessageId,
    },
    /// A consumer threw away what it was ahead by when its connection broke: the broker will send it again.
    ClearedPrefetch {
        /// How many messages.
        messages: u32,
    },
}

impl ActivemqEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::KnownAlready { message }
            | Self::WillRedeliver { message, .. }
            | Self::Poison { message, .. }
            | Self::SuppressedDuplicate { message } => core::slice::from_ref(message),
            _ => &[],
        }
    }

    /// Whether it marks a turn in the run, as a time axis shows it.
    pub fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::LeaseOver { .. }
                | Self::Master { .. }
                | Self::SteppedDown { .. }
                | Self::Poison { .. }
                | Self::SuppressedDuplicate { .. }
                | Self::KnownAlready { .. }
        )
    }
}

impl fmt::Display for ActivemqEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { broker } => write!(f, "gave the lock to {broker}"),
            Self::Unlocked { broker } => write!(f, "has the lock back from {broker}"),
            Self::LeaseOver { broker } => write!(f, "took the lock from {broker}: its lease is over"),
            Self::Master { messages } => write!(f, "is master, with {messages} messages in the store"),
            Self::Slave => f.write_str("is a slave, and waits for the lock"),
            Self::SteppedDown { fenced: true } => f.write_str("is master no longer: it lost the lock"),
            Self::SteppedDown { fenced: false } => {
                f.write_str("is master no longer: it cannot write to the store")
            }
            Self::Connected { broker, again: false } => write!(f, "is connected with {broker}"),
            Self::Connected { broker, again: true } => write!(f, "is connected again, with {broker}"),
            Self::Interrupted { broker } => write!(f, "lost {broker}, and looks for another"),
            Self::TurnedAway { client } => write!(f, "turned {client} away: it is no master"),
            Self::KnownAlready { message } => {
                write!(f, "has {message} already, and did not store it again")
            }
            Self::WillRedeliver { message, tried, at } => {
                write!(f, "will try {message} again at {at}, tried {tried} times")
            }
            Self::Poison { message, tried } => {
                write!(f, "gave {message} up as poison, tried {tried} times")
            }
            Self::SuppressedDuplicate { message } => {
                write!(f, "has had {message} before: it goes to the dead, and is not done again")
            }
            Self::ClearedPrefetch { messages } => {
                write!(f, "threw away {messages} messages that it was ahead by")
            }
        }
    }
}
