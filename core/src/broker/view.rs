//! Who keeps what? The cluster's metadata: which brokers live, who leads each partition, who is in sync.
//!
//! The controller owns it; brokers and clients hold copies that may be old. An old copy does no harm: whoever
//! acts on one is refused and asks again.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::cleaner::Cleanup;
use super::retention::Retention;
use crate::ids::{Epoch, Name, NodeId, PartitionId};
use crate::queue::QueueOptions;
use crate::routing::{Binding, Declaration, ExchangeName};
use crate::time::Span;
use crate::vhost::DiskLimit;

/// The topic in which groups keep where they have got to. It has one partition; its leader is the coordinator.
pub const OFFSETS_TOPIC: &str = "__offsets";

/// How the cluster stands.
///
/// ```
/// use mqlab_core::broker::View;
/// use mqlab_core::ids::{Name, NodeId};
/// let queues = [(Name::new("orders")?, NodeId::Broker(1))].into();
/// let view = View { version: 1, queues, ..View::default() };
/// assert_eq!(view.queues.get("orders"), Some(&NodeId::Broker(1)));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Raised at every change.
    pub version: u64,
    /// Every broker, and whether the controller takes it for alive.
    pub brokers: BTreeMap<NodeId, bool>,
    /// The rack that each broker stands in, where racks are known.
    pub racks: BTreeMap<NodeId, Name>,
    /// Every partition.
    pub partitions: BTreeMap<PartitionId, PartitionState>,
    /// The topics that do not keep everything, and what they keep.
    pub retention: BTreeMap<Name, Retention>,
    /// The topics of which only the last message of each key stays, and when they are cleaned.
    pub cleanup: BTreeMap<Name, Cleanup>,
    /// Every queue, and the broker that keeps it.
    pub queues: BTreeMap<Name, NodeId>,
    /// Every exchange, and the broker that has it.
    pub exchanges: BTreeMap<ExchangeName, NodeId>,
    /// The first number that no producer has: the controller gives them to brokers in blocks.
    pub producer_ids: u64,
    /// What stands on each broker's virtual host.
    pub hosts: BTreeMap<NodeId, Arc<HostLayout>>,
}

/// What stands on one broker's virtual host: the broker declares what is not there yet.
///
/// ```
/// use mqlab_core::broker::HostLayout;
/// use mqlab_core::ids::Name;
/// use mqlab_core::queue::QueueOptions;
/// let queues = vec![(Name::new("orders")?, QueueOptions::default())];
/// let layout = HostLayout { queues, memory_max: Some(1024 * 1024), ..HostLayout::default() };
/// assert!(layout.exchanges.is_empty()); // those that every broker has need not be declared
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLayout {
    /// Its queues.
    pub queues: Vec<(Name, QueueOptions)>,
    /// Its exchanges.
    pub exchanges: Vec<Declaration>,
    /// What leads where.
    pub bindings: Vec<Binding>,
    /// How many bytes of ready messages raise the memory alarm.
    pub memory_max: Option<u64>,
    /// How large the disk is, and how much of it must stay free, if it is watched.
    pub disk: Option<DiskLimit>,
    /// When half messages are asked about for the first time, and how long after each time again.
    pub check_times: Option<(Span, Span)>,
}

/// How one partition stands.
///
/// ```
/// use mqlab_core::broker::PartitionState;
/// use mqlab_core::ids::{Epoch, NodeId::Broker};
/// let mut state = PartitionState::new(vec![Broker(1), Broker(2), Broker(3)], 2);
/// assert_eq!((state.leader, state.epoch), (None, Epoch(0))); // nobody was elected yet
/// state.in_sync = vec![Broker(1)];
/// assert!((state.in_sync.len() as u32) < state.min_in_sync); // acks=all is refused now
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The brokers that keep it; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// Those of them that come, while the partition moves.
    pub adding: Vec<NodeId>,
    /// Those of them that go when all others are in sync.
    pub removing: Vec<NodeId>,
    /// Those of them that have everything that was committed, in the same order. Only they may lead.
    pub in_sync: Vec<NodeId>,
    /// Who leads; nobody when no replica in sync is alive.
    pub leader: Option<NodeId>,
    /// How often the leader changed.
    pub epoch: Epoch,
    /// The version of the view at which anything of this changed last. A leader that asks for a change names it,
    /// so that no change is made to a state that the leader has not seen.
    pub version: u64,
    /// How few replicas in sync are enough for `acks=all`.
    pub min_in_sync: u32,
    /// Whether a replica that is not in sync may lead when no other is alive.
    pub unclean_election: bool,
}

impl PartitionState {
    /// A new partition: all replicas are in sync, for there is nothing to have, and nobody leads yet.
    pub fn new(replicas: Vec<NodeId>, min_in_sync: u32) -> Self {
        let (leader, epoch, version) = (None, Epoch::default(), 0);
        Self {
            in_sync: replicas.clone(),
            adding: Vec::new(),
            removing: Vec::new(),
            replicas,
            leader,
            epoch,
            version,
            min_in_sync,
            unclean_election: false,
        }
    }
}

impl View {
    /// The partitions of a topic, in order; none when there is no such topic.
    pub fn partitions_of<'a>(&'a self, topic: &'a Name) -> impl Iterator<Item = &'a PartitionId> {
        self.partitions.keys().filter(move |partition| partition.topic == *topic)
    }

    /// Who leads a partition, if anyone does.
    pub fn leader_of(&self, partition: &PartitionId) -> Option<NodeId> {
        self.partitions.get(partition)?.leader
    }

    /// The broker that keeps the groups' offsets, if one leads that partition.
    pub fn coordinator(&self) -> Option<NodeId> {
        self.leader_of(&offsets_partition())
    }
}

/// The partition in which groups keep where they have got to.
///
/// # Panics
///
/// Never: its name is a legal one.
pub fn offsets_partition() -> PartitionId {
    let topic = Name::new(OFFSETS_TOPIC).expect("a legal name");
    PartitionId { topic, index: 0 }
}
