//! What happens in RocketMQ, and nowhere else? Facts about sends that are stored and less safe than was asked for, delays,
//! retries, locks, pops, held pulls, and what name servers know.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::messages::named;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::time::Time;

/// How a send went. In all four cases the message *is stored* at the broker; they differ in what else is known.
///
/// ```
/// use mqlab_core::observe::SendStatus;
/// assert_eq!(SendStatus::SlaveNotAvailable.to_string(), "SLAVE_NOT_AVAILABLE");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SendStatus {
    /// As safe as the broker's settings ask for.
    SendOk,
    /// It was to be flushed, which took too long.
    FlushDiskTimeout,
    /// A slave was to have it, and did not say so in time.
    FlushSlaveTimeout,
    /// A slave was to have it, and there is none, or it is too far behind.
    SlaveNotAvailable,
}

impl fmt::Display for SendStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        })
    }
}

/// A fact about RocketMQ.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::observe::{RocketmqEvent, SendStatus};
/// let event = RocketmqEvent::LessSafe { message: MessageId(7), status: SendStatus::FlushSlaveTimeout };
/// assert_eq!(event.to_string(), "was told FLUSH_SLAVE_TIMEOUT: m7 is stored, and less safe than was asked for");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RocketmqEvent {
    /// A producer was told that its message is stored, and not that it is as safe as the broker's settings ask for.
    LessSafe {
        /// Which.
        message: MessageId,
        /// What it was told.
        status: SendStatus,
    },
    /// A message waits at a level of delay.
    Delayed {
        /// Which.
        message: MessageId,
        /// The level, from 1.
        level: u32,
        /// Until when, by the broker's clock.
        until: Time,
    },
    /// A group could not process a message: the broker stored it again, for later.
    SentBack {
        /// Which.
        message: MessageId,
        /// Whose.
        group: Name,
        /// How often it was sent back, this time included.
        times: u32,
    },
    /// A group gave a message up: it stands among the group's dead letters.
    Buried {
        /// Which.
        message: MessageId,
        /// Whose.
        group: Name,
    },
    /// A consumer is the only reader of queues in its group now.
    Locked {
        /// Whose.
        group: Name,
        /// Which queues are new to it.
        queues: Vec<PartitionId>,
        /// Who.
        by: NodeId,
    },
    /// A consumer asked for the lock of a queue that another has.
    LockRefused {
        /// Whose.
        group: Name,
        /// Which.
        queue: PartitionId,
        /// Who asked.
        by: NodeId,
        /// Who has it.
        holder: NodeId,
    },
    /// A consumer let locks go.
    Unlocked {
        /// Whose.
        group: Name,
        /// Which.
        queues: Vec<PartitionId>,
        /// Who.
        by: NodeId,
    },
    /// A broker has nothing for a pull, and keeps it until something comes.
    PullHeld {
        /// Of which queue.
        queue: PartitionId,
        /// Whose pull.
        by: NodeId,
    },
    /// Messages are a consumer's alone for a while.
    Popped {
        /// Of which queue.
        queue: PartitionId,
        /// Which.
        messages: Vec<MessageId>,
        /// Whose.
        by: NodeId,
        /// Until when, by the broker's clock.
        until: Time,
    },
    /// What was popped was not acknowledged in time: it can be popped again.
    Revived {
        /// Which.
        message: MessageId,
        /// In which group.
        group: Name,
    },
    /// Nobody said what became of a half message, however often its producer was asked: it is put aside.
    HalfDiscarded {
        /// Which.
        message: MessageId,
    },
    /// A slave follows this master.
    SlaveCame {
        /// Which.
        slave: NodeId,
    },
    /// A slave does not follow this master any more.
    SlaveGone {
        /// Which.
        slave: NodeId,
    },
    /// A broker is new to a name server.
    Registered {
        /// Which.
        node: NodeId,
        /// Its name.
        broker: Name,
        /// Its number; the master's is 0.
        id: u32,
    },
    /// A name server does not know a broker any more.
    Unregistered {
        /// Which.
        node: NodeId,
    },
    /// A controller made another broker the master.
    MasterIs {
        /// Of which name.
        broker: Name,
        /// Which.
        master: NodeId,
        /// Since which epoch.
        epoch: u32,
    },
    /// A controller finds nobody alive who could be the master.
    NoMaster {
        /// Of which name.
        broker: Name,
    },
    /// A controller notes who has everything that is acknowledged.
    InSyncIs {
        /// Of which name.
        broker: Name,
        /// Who.
        in_sync: Vec<NodeId>,
    },
}

impl RocketmqEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::LessSafe { message, .. }
            | Self::Delayed { message, .. }
            | Self::SentBack { message, .. }
            | Self::Buried { message, .. }
            | Self::Revived { message, .. }
            | Self::HalfDiscarded { message } => core::slice::from_ref(message),
            Self::Popped { messages, .. } => messages,
            Self::Locked { .. }
            | Self::LockRefused { .. }
            | Self::Unlocked { .. }
            | Self::PullHeld { .. }
            | Self::SlaveCame { .. }
            | Self::SlaveGone { .. }
            | Self::Registered { .. }
            | Self::Unregistered { .. }
            | Self::MasterIs { .. }
            | Self::NoMaster { .. }
            | Self::InSyncIs { .. } => &[],
        }
    }

    /// Whether the event marks a turn in the run, as a time axis shows it.
    pub fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::LessSafe { .. }
                | Self::Buried { .. }
                | Self::LockRefused { .. }
                | Self::Revived { .. }
                | Self::HalfDiscarded { .. }
                | Self::SlaveGone { .. }
                | Self::MasterIs { .. }
                | Self::NoMaster { .. }
        )
    }
}

impl fmt::Display for RocketmqEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LessSafe { message, status } => {
                write!(f, "was told {status}: {message} is stored, and less safe than was asked for")
            }
            Self::Delayed { message, level, until } => {
                write!(f, "keeps {message} back until {until} at level {level}")
            }
            Self::SentBack { message, group, times } => {
                write!(f, "took {message} back from {group}, for the {times}. time")
            }
            Self::Buried { message, group } => write!(f, "put {message} among the dead letters of {group}"),
            Self::Locked { group, queues, by } => write!(f, "locked {} for {by} of {group}", list(queues)),
            Self::LockRefused { group, queue, by, holder } => {
                write!(f, "refused {by} of {group} the lock of {queue}: {holder} has it")
            }
            Self::Unlocked { group, queues, by } => {
                write!(f, "unlocked {}, which {by} of {group} had", list(queues))
            }
            Self::PullHeld { queue, by } => write!(f, "holds a pull of {queue} by {by}"),
            Self::Popped { queue, messages, by, until } => {
                write!(f, "gave {} of {queue} to {by} until {until}", named(messages))
            }
            Self::Revived { message, group } => write!(f, "gives {message} out again in {group}"),
            Self::HalfDiscarded { message } => {
                write!(f, "put the half message {message} aside: nobody decided")
            }
            Self::SlaveCame { slave } => write!(f, "is followed by {slave}"),
            Self::SlaveGone { slave } => write!(f, "is not followed by {slave} any more"),
            Self::Registered { node, broker, id } => write!(f, "knows {node}: {broker}, number {id}"),
            Self::Unregistered { node } => write!(f, "does not know {node} any more"),
            Self::MasterIs { broker, master, epoch } => {
                write!(f, "made {master} the master of {broker}, epoch {epoch}")
            }
            Self::NoMaster { broker } => write!(f, "finds no master for {broker}"),
            Self::InSyncIs { broker, in_sync } => write!(f, "in sync for {broker}: {}", list(in_sync)),
        }
    }
}
