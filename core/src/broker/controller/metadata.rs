//! What do the controllers agree on? On changes of the cluster's metadata, one record each.
//!
//! The metadata is the sum of its changes: whoever reads the log from its beginning, and makes each change in turn, stands
//! where everybody stands who did so. What a change means to a watcher is derived from it here as well, so that it does
//! not matter which controller makes it.
//!
//! A batch of the log is one step: all of its changes are made, or none. The view's version counts the steps that
//! changed it.
//!
//! What real systems do: Kafka's topic `__cluster_metadata` holds such records (`RegisterBrokerRecord`,
//! `PartitionChangeRecord`, `ProducerIdsRecord` ...), in a binary form. Here they are JSON, to be read by people.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::retention::Retention;
use super::super::view::{HostLayout, PartitionState, View};
use crate::ids::{Name, NodeId, PartitionId};
use crate::observe::{ClusterEvent, Event};
use crate::record::{Batch, BatchBuilder, Batches, Malformed, NewRecord};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Span;

/// One change of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// The cluster begins: brokers learn what stands where.
    Formed,
    /// A start of a broker was heard for the first time, or is about to stop.
    Registered { broker: NodeId, incarnation: u64, leaves: bool },
    /// A broker counts as alive.
    Unfenced { broker: NodeId },
    /// A broker was not heard for too long, or forgot what it knew.
    Fenced { broker: NodeId },
    /// A broker is about to stop, and does not count as alive any more.
    Relieved { broker: NodeId },
    /// Other replicas are in sync.
    InSync { partition: PartitionId, replicas: Vec<NodeId> },
    /// Another leads, or nobody does. Who was not in sync and leads all the same is in sync alone.
    Elected { partition: PartitionId, leader: Option<NodeId>, unclean: bool },
    /// A topic has another partition.
    Added { partition: PartitionId, replicas: Vec<NodeId>, min_in_sync: u32, unclean_election: bool },
    /// Others keep a partition than before, or will when those that come are in sync.
    Assigned { partition: PartitionId, replicas: Vec<NodeId>, adding: Vec<NodeId>, removing: Vec<NodeId> },
    /// Producer ids below are given away.
    ProducerIds { next: u64 },
    /// A broker belongs to the cluster that did not before. It counts as alive when it is heard.
    Joined { broker: NodeId, rack: Option<Name> },
    /// Something else stands on a broker's virtual host than before.
    LaidOut { broker: NodeId, layout: Box<HostLayout> },
    /// A topic needs so many replicas in sync.
    MinInSync { topic: Name, least: u32 },
    /// A topic keeps so much.
    Retained { topic: Name, bytes: Option<u64>, time: Option<Span> },
    /// There is no such topic any more.
    Removed { topic: Name },
    /// A broker does not belong to the cluster any more.
    Left { broker: NodeId },
}

/// Which start of a broker is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Registration {
    /// `None` before the first word from it.
    pub(super) incarnation: Option<u64>,
    /// Whether this start of the broker is about to stop.
    pub(super) leaves: bool,
}

/// The sum of the changes.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) view: Arc<View>,
    pub(super) registered: SortedMap<NodeId, Registration>,
}

impl Metadata {
    /// Before any change.
    pub(super) fn new(view: View) -> Self {
        let registered = view.brokers.keys().map(|&broker| (broker, Registration::default())).collect();
        Self { view: Arc::new(view), registered }
    }

    /// Makes the changes of one step; returns what a watcher is told of them.
    pub(super) fn make(&mut self, changes: &[Change]) -> Vec<Event> {
        let mut events = Vec::new();
        self.register(changes);
        if changes.iter().all(|change| matches!(change, Change::Registered { .. })) {
            return events; // nobody but controllers cares
        }
        let before = Arc::clone(&self.view);
        let view = Arc::make_mut(&mut self.view);
        view.version += 1;
        let mut touched = SortedSet::new();
        for change in changes {
            touched.extend(apply(view, change, &mut events));
        }
        for partition in touched {
            let was = before.partitions.get(partition);
            if let Some(state) = view.partitions.get_mut(partition).filter(|state| was != Some(&**state)) {
                state.version = view.version;
            }
        }
        events
    }

    fn register(&mut self, changes: &[Change]) {
        for change in changes {
            match *change {
                Change::Registered { broker, incarnation, leaves } => {
                    let registration = Registration { incarnation: Some(incarnation), leaves };
                    self.registered.insert(broker, registration);
                }
                Change::Joined { broker, .. } => _ = self.registered.insert(broker, Registration::default()),
                Change::Left { broker } => _ = self.registered.remove(&broker),
                _ => {}
            }
        }
    }
}

/// Makes one change; returns the partition that it is about.
fn apply<'a>(view: &mut View, change: &'a Change, events: &mut Vec<Event>) -> Option<&'a PartitionId> {
    match change {
        Change::Formed | Change::Registered { .. } => None,
        Change::Unfenced { broker } => {
            view.brokers.insert(*broker, true);
            None
        }
        Change::Fenced { broker } => {
            view.brokers.insert(*broker, false);
            events.push(Event::Fenced { broker: *broker });
            None
        }
        Change::Relieved { broker } => {
            view.brokers.insert(*broker, false);
            events.push(Event::Cluster(ClusterEvent::Relieved { broker: *broker }));
            None
        }
        Change::InSync { partition, replicas } => {
            let state = view.partitions.get_mut(partition)?;
            state.in_sync.clone_from(replicas);
            events.push(Event::InSync { partition: partition.clone(), replicas: replicas.clone() });
            Some(partition)
        }
        Change::Elected { partition, leader, unclean } => {
            let state = view.partitions.get_mut(partition)?;
            state.leader = *leader;
            state.epoch = state.epoch.next();
            let forced = leader.filter(|_| *unclean);
            if let Some(leader) = forced {
                state.in_sync = [leader].into();
                let partition = partition.clone();
                events.push(Event::Cluster(ClusterEvent::UncleanElection { partition, leader }));
            }
            let epoch = state.epoch;
            events.push(Event::Elected { partition: partition.clone(), leader: *leader, epoch });
            if let Some(leader) = forced {
                events.push(Event::InSync { partition: partition.clone(), replicas: [leader].into() });
            }
            Some(partition)
        }
        Change::Added { partition: added, replicas, min_in_sync, unclean_election } => {
            let state = PartitionState::new(replicas.clone(), *min_in_sync);
            let state = PartitionState { unclean_election: *unclean_election, ..state };
            view.partitions.insert(added.clone(), state);
            let (partition, replicas) = (added.clone(), replicas.clone());
            events.push(Event::Cluster(ClusterEvent::PartitionAdded { partition, replicas }));
            Some(added)
        }
        Change::Assigned { partition, replicas, adding, removing } => {
            let state = view.partitions.get_mut(partition)?;
            state.replicas.clone_from(replicas);
            state.adding.clone_from(adding);
            state.removing.clone_from(removing);
            let moves = !adding.is_empty() || !removing.is_empty();
            let stays = |broker: &&NodeId| !removing.contains(broker);
            let replicas = replicas.iter().filter(stays).copied().collect();
            let id = partition.clone();
            events.push(Event::Cluster(match moves {
                true => ClusterEvent::Moving { partition: id, replicas },
                false => ClusterEvent::Moved { partition: id, replicas },
            }));
            Some(partition)
        }
        Change::ProducerIds { next } => {
            view.producer_ids = *next;
            None
        }
        Change::Removed { topic } => {
            view.partitions.retain(|partition, _| partition.topic != *topic);
            view.retention.remove(topic);
            view.cleanup.remove(topic);
            view.removed.insert(topic.clone());
            events.push(Event::Cluster(ClusterEvent::TopicRemoved { topic: topic.clone() }));
            None
        }
        // The partitions that it keeps lack a replica until it is back or they are moved, as with Kafka.
        Change::Left { broker } => {
            view.brokers.remove(broker);
            view.racks.remove(broker);
            events.push(Event::Cluster(ClusterEvent::Unregistered { broker: *broker }));
            None
        }
        Change::Joined { .. }
        | Change::LaidOut { .. }
        | Change::MinInSync { .. }
        | Change::Retained { .. } => {
            adjust(view, change);
            None
        }
    }
}

/// Makes a change that somebody ordered, and that no partition's standing follows from.
fn adjust(view: &mut View, change: &Change) {
    match change {
        Change::Joined { broker, rack } => {
            view.brokers.insert(*broker, false);
            if let Some(rack) = rack {
                view.racks.insert(*broker, rack.clone());
            }
        }
        Change::LaidOut { broker, layout } => {
            lay_out(view, *broker, layout);
        }
        Change::MinInSync { topic, least } => {
            let version = view.version;
            let of_it = view.partitions.iter_mut().filter(|(partition, _)| partition.topic == *topic);
            for (_, state) in of_it.filter(|(_, state)| state.min_in_sync != *least) {
                (state.min_in_sync, state.version) = (*least, version);
            }
        }
        Change::Retained { topic, bytes, time } => match (bytes, time) {
            (None, None) => _ = view.retention.remove(topic),
            _ => _ = view.retention.insert(topic.clone(), Retention { bytes: *bytes, time: *time }),
        },
        _ => {}
    }
}

/// What stands on a broker takes the place of what stood there.
fn lay_out(view: &mut View, broker: NodeId, layout: &HostLayout) {
    let old = view.hosts.get(&broker).map(|old| HostLayout::clone(old)).unwrap_or_default();
    view.queues.retain(|_, on| *on != broker);
    view.queues.extend(layout.queues.iter().map(|(name, _)| (name.clone(), broker)));
    view.exchanges.retain(|_, on| *on != broker);
    view.exchanges.extend(layout.exchanges.iter().map(|exchange| (exchange.name.clone(), broker)));
    view.hosts.insert(broker, Arc::new(layout.clone().after(&old)));
}

/// The changes of one step as one batch.
pub(super) fn to_batches(changes: &[Change]) -> Result<Batches, Malformed> {
    let mut builder = BatchBuilder::new();
    for change in changes {
        let value = serde_json::to_vec(change).expect("plain data can be written");
        builder.push(&NewRecord { value: Some(Bytes::from(value)), ..NewRecord::default() })?;
    }
    Ok(builder.build())
}

/// The changes that a step's records hold; none in what a leader begins its term with. `None` when they are something
/// else than changes.
pub(super) fn from_batch(batch: &Batch) -> Option<Vec<Change>> {
    let values = batch.records().filter_map(|record| record.value);
    values.map(|value| serde_json::from_str(str::from_utf8(&value).ok()?).ok()).collect()
}
