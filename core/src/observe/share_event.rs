//! What happens in a share group? Records are handed out, come back, are done with, or are given up.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::messages::named;
use super::refusal::Refusal;
use crate::ids::{MessageId, Name, NodeId, Offset, PartitionId};

/// Why a record that a member had is available again.
///
/// ```
/// use mqlab_core::observe::CameBack;
/// assert_eq!(CameBack::LockRanOut.to_string(), "the lock ran out");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CameBack {
    /// The member gave it back.
    Released,
    /// The member had it for too long.
    LockRanOut,
    /// The member's connection broke.
    MemberGone,
}

impl fmt::Display for CameBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Released => "released",
            Self::LockRanOut => "the lock ran out",
            Self::MemberGone => "it is gone",
        })
    }
}

/// Why a group gives a record up.
///
/// ```
/// use mqlab_core::observe::GivenUp;
/// assert_eq!(GivenUp::Rejected.to_string(), "rejected");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GivenUp {
    /// A member rejected it.
    Rejected,
    /// It was delivered as often as it may be.
    DeliveryLimit,
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "rejected",
            Self::DeliveryLimit => "delivered too often",
        })
    }
}

/// A fact about a share group.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name, NodeId, PartitionId};
/// use mqlab_core::observe::{GivenUp, ShareEvent};
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let why = GivenUp::DeliveryLimit;
/// let archived = ShareEvent::Archived { group: Name::new("g")?, partition, messages: vec![MessageId(7)], why };
/// assert_eq!(archived.to_string(), "archived m7 of orders/0 for g: delivered too often");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShareEvent {
    /// A leader begins to keep a group's account of a partition, as it was written down.
    Began {
        /// Whose.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Everything below is over.
        start: Offset,
        /// How many records behind it are in flight.
        in_flight: u64,
    },
    /// A member has records, and nobody else.
    Acquired {
        /// In which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Who.
        by: NodeId,
        /// Which.
        messages: Vec<MessageId>,
        /// 1 for the first delivery of each.
        delivery: u32,
    },
    /// A member keeps records for longer: the locks begin anew.
    Renewed {
        /// In which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Who.
        by: NodeId,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// Records are processed, and that is written down.
    Accepted {
        /// In which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// By whom.
        by: NodeId,
        /// Which.
        messages: Vec<MessageId>,
    },
    /// Records are available again.
    Returned {
        /// In which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Who had them.
        from: NodeId,
        /// Which.
        messages: Vec<MessageId>,
        /// Why.
        why: CameBack,
    },
    /// The group gives records up: nobody in it will get them any more. They stay in the log.
    Archived {
        /// Which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Which.
        messages: Vec<MessageId>,
        /// Why.
        why: GivenUp,
    },
    /// A member's word about records was not taken: it does not have them any more, or nobody answered.
    NotAcknowledged {
        /// In which group.
        group: Name,
        /// Of what.
        partition: PartitionId,
        /// Which.
        messages: Vec<MessageId>,
        /// Why.
        why: Refusal,
    },
}

impl ShareEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Began { .. } => &[],
            Self::Acquired { messages, .. }
            | Self::Renewed { messages, .. }
            | Self::Accepted { messages, .. }
            | Self::Returned { messages, .. }
            | Self::Archived { messages, .. }
            | Self::NotAcknowledged { messages, .. } => messages,
        }
    }

    /// Whether it marks a turn in a run.
    pub const fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::Returned { why: CameBack::LockRanOut | CameBack::MemberGone, .. } | Self::Archived { .. }
        )
    }
}

impl fmt::Display for ShareEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { group, partition, start, in_flight } => {
                write!(f, "keeps the account of {group} in {partition}: from {start}, {in_flight} in flight")
            }
            Self::Acquired { group, partition, by, messages, delivery: 1 } => {
                write!(f, "gave {} of {partition} to {by} for {group}", named(messages))
            }
            Self::Acquired { group, partition, by, messages, delivery } => {
                write!(f, "gave {} of {partition} to {by} for {group}, count {delivery}", named(messages))
            }
            Self::Renewed { group, partition, by, messages } => {
                write!(f, "renewed the lock of {by} on {} of {partition} for {group}", named(messages))
            }
            Self::Accepted { group, partition, by, messages } => {
                write!(f, "wrote down that {} of {partition} is done for {group}, by {by}", named(messages))
            }
            Self::Returned { group, partition, from, messages, why } => {
                write!(f, "has {} of {partition} back from {from} for {group}: {why}", named(messages))
            }
            Self::Archived { group, partition, messages, why } => {
                write!(f, "archived {} of {partition} for {group}: {why}", named(messages))
            }
            Self::NotAcknowledged { group, partition, messages, why } => {
                write!(f, "acknowledged {} of {partition} in vain for {group}: {why}", named(messages))
            }
        }
    }
}
