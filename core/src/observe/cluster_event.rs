//! What happens to a cluster as a whole? Facts about who leads it, and about what was asked of it.

use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::ids::{Epoch, Name, NodeId, PartitionId};

/// A fact about a cluster.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId, PartitionId};
/// use mqlab_core::observe::ClusterEvent;
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let unclean = ClusterEvent::UncleanElection { partition, leader: NodeId::Broker(3) };
/// assert_eq!(unclean.to_string(), "takes broker-3 for orders/0, which is not in sync, rather than nobody");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClusterEvent {
    /// No replica in sync was alive: another leads, and what it lacks is lost. The election itself follows.
    UncleanElection {
        /// Of which partition.
        partition: PartitionId,
        /// Who.
        leader: NodeId,
    },
    /// A broker is about to stop, and asked the controller to let others lead.
    Leaving,
    /// The controller lets others lead what a broker leads, because it is about to stop.
    Relieved {
        /// Which.
        broker: NodeId,
    },
    /// A broker stopped in good order: it led nothing any more.
    Stopped,
    /// A controller is the active one from now on.
    Controls {
        /// The term of the controllers' quorum.
        term: Epoch,
    },
    /// A topic has another partition.
    PartitionAdded {
        /// Which.
        partition: PartitionId,
        /// Who keeps it.
        replicas: Vec<NodeId>,
    },
    /// A partition moves to other brokers.
    Moving {
        /// Which.
        partition: PartitionId,
        /// Who shall keep it.
        replicas: Vec<NodeId>,
    },
    /// A partition is kept by those that it was to move to, and by nobody else.
    Moved {
        /// Which.
        partition: PartitionId,
        /// By whom.
        replicas: Vec<NodeId>,
    },
    /// A controller is no longer the active one: it hears of a higher term, or too few others.
    SteppedDown {
        /// The term that it knows of.
        term: Epoch,
    },
    /// A topic is removed: whoever keeps something of it deletes that.
    TopicRemoved {
        /// Which.
        topic: Name,
    },
    /// A broker does not belong to the cluster any more, until it is started again.
    Unregistered {
        /// Which.
        broker: NodeId,
    },
}

impl ClusterEvent {
    /// Whether a watcher would want to go to this moment.
    pub fn is_landmark(&self) -> bool {
        matches!(self, Self::UncleanElection { .. } | Self::Stopped | Self::Controls { .. })
    }
}

/// Nodes in a row.
struct Row<'a>(&'a [NodeId]);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, node) in self.0.iter().enumerate() {
            write!(f, "{}{node}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for ClusterEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UncleanElection { partition, leader } => {
                write!(f, "takes {leader} for {partition}, which is not in sync, rather than nobody")
            }
            Self::Leaving => f.write_str("is about to stop: others shall lead"),
            Self::Relieved { broker } => write!(f, "relieved {broker}, which is about to stop"),
            Self::Stopped => f.write_str("stopped in good order"),
            Self::Controls { term } => write!(f, "is the active controller, term {term}"),
            Self::PartitionAdded { partition, replicas } => {
                write!(f, "adds {partition} on {}", Row(replicas))
            }
            Self::Moving { partition, replicas } => write!(f, "moves {partition} to {}", Row(replicas)),
            Self::Moved { partition, replicas } => write!(f, "{partition} is kept by {}", Row(replicas)),
            Self::SteppedDown { term } => write!(f, "is not the active controller any more, term {term}"),
            Self::TopicRemoved { topic } => write!(f, "removes the topic {topic}"),
            Self::Unregistered { broker } => write!(f, "{broker} does not belong to the cluster any more"),
        }
    }
}
