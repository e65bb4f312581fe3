//! What do faults do? Facts about nodes that stand still, clocks, disks, and the ways between nodes.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::Place;
use super::fault::{DiskState, Link, LinkFault};
use super::messages::named;
use crate::ids::{MessageId, NodeId};
use crate::time::Time;

/// A fact about a fault.
///
/// ```
/// use mqlab_core::ids::{MessageId, NodeId};
/// use mqlab_core::observe::{FaultEvent, Parcel};
/// let lost = FaultEvent::Lost { to: NodeId::Broker(1), what: Parcel::Request, messages: vec![MessageId(7)] };
/// assert_eq!(lost.to_string(), "lost a request to broker-1 on the way: m7");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultEvent {
    /// A process stands still: what comes waits, and no timer goes off.
    Frozen,
    /// It goes on, and takes in what has come.
    Thawed {
        /// How much has come and waits, hang-ups included.
        waited: u32,
    },
    /// Something is wrong on a link from now on, or not any more.
    Link {
        /// Where.
        link: Link,
        /// What.
        fault: LinkFault,
    },
    /// The network lost something.
    Lost {
        /// For whom it was.
        to: NodeId,
        /// What it was.
        what: Parcel,
        /// The messages in it.
        messages: Vec<MessageId>,
    },
    /// The network made two of something.
    Doubled {
        /// For whom it is.
        to: NodeId,
        /// What it is.
        what: Parcel,
        /// The messages in it.
        messages: Vec<MessageId>,
    },
    /// The network holds something up, and lets later things pass.
    HeldUp {
        /// For whom it is.
        to: NodeId,
        /// What it is.
        what: Parcel,
        /// The messages in it.
        messages: Vec<MessageId>,
    },
    /// A connection broke, because something was lost in it: both ends are told.
    Broke {
        /// The other end.
        peer: NodeId,
    },
    /// A node's clock was set.
    Skewed {
        /// So many microseconds ahead of the true time; behind it when negative.
        by: i64,
    },
    /// The state of a disk changed.
    Disk {
        /// What it is now.
        is: DiskState,
    },
    /// A broker could not write: there is no room on its disk. It stops.
    NoSpace,
    /// A power cut took what the disk had said is flushed.
    DiskLied {
        /// Of which log.
        of: Place,
        /// What is gone.
        messages: Vec<MessageId>,
    },
    /// A node's disk was replaced by an empty one.
    Replaced,
    /// What the old disk of a broker held went with it.
    DiskGone {
        /// Which log.
        of: Place,
        /// What was in it.
        messages: Vec<MessageId>,
    },
    /// A consumer will die when it has done its next message, before it says so to anybody.
    Doomed,
}

/// What kind of thing travelled.
///
/// ```
/// use mqlab_core::observe::Parcel;
/// assert_eq!(Parcel::Answer.to_string(), "an answer");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Parcel {
    /// Something asked.
    Request,
    /// The answer to it.
    Answer,
    /// A message pushed to a consumer.
    Delivery,
    /// Anything else that is said without being asked.
    Word,
}

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "a request",
            Self::Answer => "an answer",
            Self::Delivery => "a delivery",
            Self::Word => "a word",
        })
    }
}

impl FaultEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Lost { messages, .. }
            | Self::Doubled { messages, .. }
            | Self::HeldUp { messages, .. }
            | Self::DiskLied { messages, .. }
            | Self::DiskGone { messages, .. } => messages,
            _ => &[],
        }
    }

    /// Whether it marks a turn in the run, as a time axis shows it.
    pub fn is_landmark(&self) -> bool {
        !matches!(self, Self::Lost { .. } | Self::Doubled { .. } | Self::HeldUp { .. } | Self::Broke { .. })
    }

    /// Whether something goes well again.
    pub fn is_relief(&self) -> bool {
        matches!(
            self,
            Self::Thawed { .. }
                | Self::Skewed { by: 0 }
                | Self::Disk { is: DiskState::Sound }
                | Self::Link { fault: LinkFault::Heal, .. }
        )
    }
}

/// `: m7,m8`, or nothing.
struct Named<'a>(&'a [MessageId]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", named(self.0)) }
    }
}

impl fmt::Display for FaultEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen => f.write_str("stands still"),
            Self::Doomed => f.write_str("will crash when it has done its next message, before it says so"),
            Self::Thawed { waited } => write!(f, "goes on, {waited} waited for it"),
            Self::Link { link, fault } => match fault {
                LinkFault::Cut => write!(f, "nothing passes: {link}"),
                LinkFault::Slow(extra) => write!(f, "everything takes {extra} longer: {link}"),
                LinkFault::Lose(chance) => write!(f, "{chance} of 1000 are lost: {link}"),
                LinkFault::Duplicate(chance) => write!(f, "{chance} of 1000 come twice: {link}"),
                LinkFault::Reorder(chance) => write!(f, "{chance} of 1000 are overtaken: {link}"),
                LinkFault::LoseNext => write!(f, "the next will be lost: {link}"),
                LinkFault::DuplicateNext => write!(f, "the next will come twice: {link}"),
                LinkFault::ReorderNext => write!(f, "the next will be overtaken: {link}"),
                LinkFault::Heal => write!(f, "all is well: {link}"),
            },
            Self::Lost { to, what, messages } => {
                write!(f, "lost {what} to {to} on the way{}", Named(messages))
            }
            Self::Doubled { to, what, messages } => {
                write!(f, "doubled {what} to {to} on the way{}", Named(messages))
            }
            Self::HeldUp { to, what, messages } => {
                write!(f, "held {what} to {to} up on the way{}", Named(messages))
            }
            Self::Broke { peer } => write!(f, "the connection to {peer} broke"),
            Self::Skewed { by: 0 } => f.write_str("has the true time"),
            Self::Skewed { by } => {
                let side = if *by > 0 { "ahead" } else { "behind" };
                write!(f, "has a clock {} ms {side}", Time(by.unsigned_abs()))
            }
            Self::Disk { is: DiskState::Sound } => f.write_str("has a sound disk"),
            Self::Disk { is: DiskState::Slow(span) } => write!(f, "has a slow disk: {span} for a flush"),
            Self::Disk { is: DiskState::Lying } => f.write_str("has a disk that lies about its flushes"),
            Self::Disk { is: DiskState::Full } => f.write_str("has a full disk"),
            Self::NoSpace => f.write_str("halted: no space on its disk"),
            Self::DiskLied { of, messages } => {
                write!(f, "lost of {of} what its disk had called flushed: {}", named(messages))
            }
            Self::Replaced => f.write_str("has a new, empty disk"),
            Self::DiskGone { of, messages } => {
                write!(f, "lost with its old disk of {of}: {}", named(messages))
            }
        }
    }
}
