//! What happens to a consumer group? It is dealt anew, members are put out or fenced, partitions are let go.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::event::list;
use super::refusal::Refusal;
use crate::ids::{Name, NodeId, PartitionId};

/// Why somebody is no member any more.
///
/// ```
/// use mqlab_core::observe::Removal;
/// assert_eq!(Removal::Silent.to_string(), "was silent for too long");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Removal {
    /// It was not heard for its session.
    Silent,
    /// It did not join again in time when the group was dealt anew.
    TooSlow,
    /// It said so.
    Left,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "was silent for too long",
            Self::TooSlow => "did not join again in time",
            Self::Left => "left",
        })
    }
}

/// A fact about a consumer group.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::observe::GroupEvent;
/// let event = GroupEvent::RebalanceBegan { group: Name::new("billing")?, generation: 3, because: NodeId::Consumer(2) };
/// assert_eq!(event.to_string(), "billing is dealt anew after generation 3, because of consumer-2");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupEvent {
    /// The coordinator waits for all members to join again.
    RebalanceBegan {
        /// Which group.
        group: Name,
        /// The generation that ends.
        generation: u32,
        /// Who has come, gone, or wants something else.
        because: NodeId,
    },
    /// Every member has its share.
    RebalanceEnded {
        /// Which group.
        group: Name,
        /// The generation that begins.
        generation: u32,
        /// The members.
        members: Vec<NodeId>,
    },
    /// The coordinator put a member out, or it left.
    Removed {
        /// Of which group.
        group: Name,
        /// Whom.
        member: NodeId,
        /// Why.
        why: Removal,
    },
    /// Somebody else came with the same instance id: the earlier member may do nothing any more.
    Fenced {
        /// In which group.
        group: Name,
        /// The instance id.
        instance: Name,
        /// The earlier member.
        member: NodeId,
        /// Who has its share now.
        by: NodeId,
    },
    /// A consumer stops reading partitions.
    Revoked {
        /// In which group.
        group: Name,
        /// Which.
        partitions: Vec<PartitionId>,
        /// Whether it was put out, so that it could not finish and commit first.
        lost: bool,
    },
    /// A consumer's program worked on one message for longer than it may: its client leaves the group.
    PollOverdue {
        /// Which group.
        group: Name,
    },
    /// A consumer may not say how far it has got: others go on from an earlier place.
    CommitRefused {
        /// In which group.
        group: Name,
        /// Of which partitions.
        partitions: Vec<PartitionId>,
        /// Why.
        why: Refusal,
    },
    /// A consumer reads from a follower that is closer than the leader.
    ReadsFrom {
        /// What.
        partition: PartitionId,
        /// From whom.
        replica: NodeId,
    },
}

impl GroupEvent {
    /// Whether it marks a turn in a run.
    pub const fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::RebalanceBegan { .. }
                | Self::Fenced { .. }
                | Self::PollOverdue { .. }
                | Self::CommitRefused { .. }
        )
    }
}

impl fmt::Display for GroupEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RebalanceBegan { group, generation, because } => {
                write!(f, "{group} is dealt anew after generation {generation}, because of {because}")
            }
            Self::RebalanceEnded { group, generation, members } => {
                write!(f, "{group} is in generation {generation}: {}", list(members))
            }
            Self::Removed { group, member, why } => write!(f, "{member} is out of {group}: it {why}"),
            Self::Fenced { group, instance, member, by } => {
                write!(f, "{by} took over {instance} in {group}: {member} is fenced")
            }
            Self::ReadsFrom { partition, replica } => {
                write!(f, "reads {partition} from {replica}, which is closer")
            }
            Self::Revoked { group, partitions, lost: false } => {
                write!(f, "lets go of {} for {group}", list(partitions))
            }
            Self::Revoked { group, partitions, lost: true } => {
                write!(f, "has lost {} for {group}", list(partitions))
            }
            Self::PollOverdue { group } => write!(f, "works for too long on one message, and leaves {group}"),
            Self::CommitRefused { group, partitions, why } => {
                write!(f, "may not commit {} for {group}: {why}", list(partitions))
            }
        }
    }
}
