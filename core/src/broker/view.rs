//! Who keeps what? The cluster's metadata: which brokers live, who leads each partition, who is in sync.
//!
//! The controller owns it; brokers and clients hold copies that may be old. An old copy does no harm: whoever
//! acts on one is refused and asks again.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::cleaner::Cleanup;
use super::retention::Retention;
use crate::ids::{Epoch, Name, NodeId, PartitionId};
use crate::queue::QueueOptions;
use crate::routing::{Binding, Declaration, ExchangeName};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Span;
use crate::vhost::DiskLimit;

/// The topic in which groups keep where they have got to. It has one partition; its leader is the coordinator.
pub const OFFSETS_TOPIC: &str = "__offsets";
/// The topic in which coordinators keep how transactions stand. The leader of a partition of it coordinates the
/// transactional ids that fall to it. Kafka: `__transaction_state`, with 50 partitions.
pub const TRANSACTIONS_TOPIC: &str = "__transactions";

/// The topic in which the accounts of share groups are kept. It has one partition; its leader is the share coordinator.
pub const SHARE_TOPIC: &str = "__share_group_state";

/// Whether the cluster keeps something of its own in a topic.
///
/// ```
/// use mqlab_core::broker::is_internal;
/// use mqlab_core::ids::Name;
/// assert!(is_internal(&Name::new("__offsets")?) && !is_internal(&Name::new("orders")?));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
pub fn is_internal(topic: &Name) -> bool {
    [OFFSETS_TOPIC, SHARE_TOPIC, TRANSACTIONS_TOPIC].contains(&topic.as_str())
}

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
    pub brokers: SortedMap<NodeId, bool>,
    /// The rack that each broker stands in, where racks are known.
    pub racks: SortedMap<NodeId, Name>,
    /// Every partition.
    pub partitions: SortedMap<PartitionId, PartitionState>,
    /// The topics that do not keep everything, and what they keep.
    pub retention: SortedMap<Name, Retention>,
    /// The topics of which only the last message of each key stays, and when they are cleaned.
    pub cleanup: SortedMap<Name, Cleanup>,
    /// Every queue, and the broker that keeps it.
    pub queues: SortedMap<Name, NodeId>,
    /// Every exchange, and the broker that has it.
    pub exchanges: SortedMap<ExchangeName, NodeId>,
    /// The first number that no producer has: the controller gives them to brokers in blocks.
    pub producer_ids: u64,
    /// What stands on each broker's virtual host.
    pub hosts: SortedMap<NodeId, Arc<HostLayout>>,
    /// The topics that were removed. Their names are not given again: a topic has no number of its own here, so whoever
    /// was away would take the new one for the old. (Kafka's topics have ids for that, KIP-516.)
    pub removed: SortedSet<Name>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What stood here and was removed: a broker that was away then removes it when it hears of it.
    #[serde(default)]
    pub removed: Removed,
    /// Queues whose time to live and length were set anew: what was declared of these counts no more.
    #[serde(default)]
    pub retuned: SortedSet<Name>,
}

/// What was removed from a broker's virtual host.
///
/// ```
/// use mqlab_core::broker::{HostLayout, Removed};
/// use mqlab_core::ids::Name;
/// use mqlab_core::queue::QueueOptions;
/// let queues = vec![(Name::new("orders")?, QueueOptions::default())];
/// let before = HostLayout { queues, ..HostLayout::default() };
/// let after = HostLayout::default().after(&before);
/// assert!(after.removed.queues.contains("orders"));
/// assert_eq!(before.clone().after(&after).removed, Removed::default()); // it is there again
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Queues, with all that was in them.
    pub queues: SortedSet<Name>,
    /// Exchanges.
    pub exchanges: SortedSet<ExchangeName>,
    /// What led where.
    pub bindings: SortedSet<Binding>,
}

impl HostLayout {
    /// The layout that takes the place of another: with everything that is gone, then or now, and with every queue that
    /// was ever set anew.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        let had = before.removed.clone();
        let queues = before.queues.iter().map(|(name, _)| name.clone());
        let exchanges = before.exchanges.iter().map(|exchange| exchange.name.clone());
        self.removed = Removed {
            queues: had.queues.into_iter().chain(queues).collect(),
            exchanges: had.exchanges.into_iter().chain(exchanges).collect(),
            bindings: had.bindings.into_iter().chain(before.bindings.iter().cloned()).collect(),
        };
        self.removed.queues.retain(|name| self.queues.iter().all(|(queue, _)| queue != name));
        self.removed.exchanges.retain(|name| self.exchanges.iter().all(|exchange| exchange.name != *name));
        self.removed.bindings.retain(|binding| !self.bindings.contains(binding));
        let was = |name: &Name| before.queues.iter().find(|(queue, _)| queue == name);
        let set_anew = |(name, options): &&(Name, QueueOptions)| {
            was(name).is_some_and(|(_, old)| (old.ttl, old.length_max) != (options.ttl, options.length_max))
        };
        self.retuned = self.queues.iter().filter(set_anew).map(|(name, _)| name.clone()).collect();
        let still = before.retuned.iter().filter(|name| self.queues.iter().any(|(queue, _)| queue == *name));
        self.retuned.extend(still.cloned());
        self
    }

    /// Whether the same stands here, whatever was here before.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let bare =
            |layout: &Self| Self { removed: Removed::default(), retuned: SortedSet::new(), ..layout.clone() };
        bare(self) == bare(other)
    }
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
        let first = PartitionId { topic: topic.clone(), index: 0 };
        let from_first = self.partitions.range(first..).map(|(partition, _)| partition);
        from_first.take_while(move |partition| partition.topic == *topic)
    }

    /// Who leads a partition, if anyone does.
    pub fn leader_of(&self, partition: &PartitionId) -> Option<NodeId> {
        self.partitions.get(partition)?.leader
    }

    /// The partition that keeps how a transactional id stands, whose leader coordinates it; nothing where the cluster has no
    /// transactions.
    pub fn transactions_partition(&self, id: &Name) -> Option<PartitionId> {
        let topic = Name::new(TRANSACTIONS_TOPIC).ok()?;
        let count = self.partitions_of(&topic).count() as u32;
        let index = java_hash(id.as_str()).checked_abs().unwrap_or(0).unsigned_abs().checked_rem(count)?;
        Some(PartitionId { topic, index })
    }

    /// The broker that keeps the groups' offsets, if one leads that partition.
    pub fn coordinator(&self) -> Option<NodeId> {
        self.leader_of(&offsets_partition())
    }

    /// The broker that keeps the accounts of share groups, if one leads that partition.
    pub fn share_coordinator(&self) -> Option<NodeId> {
        self.leader_of(&share_partition())
    }
}

/// The hash by which Kafka chooses coordinators: that of Java's strings.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
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

/// The partition in which the accounts of share groups are kept.
///
/// # Panics
///
/// Never: its name is a legal one.
pub fn share_partition() -> PartitionId {
    let topic = Name::new(SHARE_TOPIC).expect("a legal name");
    PartitionId { topic, index: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinators_are_chosen_as_kafka_does() {
        let table = [("my-group", -1_906_497_762, 12), ("group1", -1_237_460_590, 40)];
        let topic = Name::new(TRANSACTIONS_TOPIC).expect("a legal name");
        let mut view = View::default();
        for index in 0..50 {
            let partition = PartitionId { topic: topic.clone(), index };
            view.partitions.insert(partition, PartitionState::new(Vec::new(), 1));
        }
        let of = |id| view.transactions_partition(&Name::new(id).expect("a legal name"));
        for (id, hash, partition) in table {
            assert_eq!(java_hash(id), hash);
            assert_eq!(of(id).map(|partition| partition.index), Some(partition), "{id}");
        }
        assert_eq!(of("console-consumer-1").map(|partition| partition.index), Some(24));
        assert_eq!(View::default().transactions_partition(&topic), None);
    }
}
