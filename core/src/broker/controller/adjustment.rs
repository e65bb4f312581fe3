//! How is a cluster brought in line with what somebody wants of it now? By orders that say how it shall be, not what to do.
//!
//! Such an order can be given twice, and waits for a controller without growing old: what is so already needs no change.
//! Each becomes changes of the metadata (`metadata.rs`), which hold when a majority of the controllers has them.
//!
//! What real systems do: Kafka has `CreateTopics`, `DeleteTopics`, `IncrementalAlterConfigs` (retention,
//! `min.insync.replicas`) and brokers that register themselves (KIP-631) and are unregistered by hand
//! (`UnregisterBroker`). RabbitMQ has queues, exchanges and bindings in a store of its own, Mnesia or Khepri, that
//! its nodes agree on; here the controllers keep them, too.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::placement::{Site, place_replicas};
use super::super::view::{HostLayout, PartitionState, View, offsets_partition};
use super::metadata::Change;
use super::reassignment::BadOrder;
use super::{Controller, Done, decisions};
use crate::broker::{Out, Retention};
use crate::ids::{Name, NodeId, PartitionId};
use crate::log::Log;

/// How many replicas keep the groups' offsets, where there are as many brokers (Kafka's default).
const OFFSETS_REPLICAS: usize = 3;

/// How something in a cluster shall be from now on.
///
/// ```
/// use mqlab_core::broker::{Adjustment, Controller, Out, Settings, View};
/// use mqlab_core::ids::{Name, NodeId};
/// let view = View { brokers: [(NodeId::Broker(1), true)].into(), ..View::default() };
/// let mut controller = Controller::new(Settings::default(), view);
/// let mut out = Out::default();
/// controller.start(&mut out);
/// let topic = Name::new("orders")?;
/// let new = Adjustment::Topic { topic: topic.clone(), partitions: 3, replicas: 1, min_in_sync: 1 };
/// controller.adjust(&new, &mut out)?;
/// assert_eq!(controller.view().partitions_of(&topic).count(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// There is such a topic.
    Topic {
        /// Its name.
        topic: Name,
        /// How many partitions it has at least.
        partitions: u32,
        /// How many brokers keep each, if it is new.
        replicas: u16,
        /// How few of them in sync are enough for `acks=all`, if it is new.
        min_in_sync: u32,
    },
    /// So few replicas in sync are enough for `acks=all`.
    MinInSync {
        /// In which topic.
        topic: Name,
        /// How few.
        least: u32,
    },
    /// A topic keeps so much.
    Retention {
        /// Which.
        topic: Name,
        /// How much.
        keep: Retention,
    },
    /// This stands on a broker's virtual host, and nothing else of what the controllers know.
    Host {
        /// The broker.
        broker: NodeId,
        /// What stands there.
        layout: Box<HostLayout>,
    },
    /// A broker belongs to the cluster.
    Broker {
        /// Which.
        broker: NodeId,
        /// Where it stands, if racks are known.
        rack: Option<Name>,
    },
    /// There is no such topic, and there will be none of that name.
    NoTopic(Name),
    /// A broker does not belong to the cluster: others lead what it led.
    NoBroker(NodeId),
}

impl<L: Log> Controller<L> {
    /// Brings the cluster in line with an adjustment, once a majority of the controllers has it. As with
    /// [`handle`](Self::handle) a failure of the storage is kept for [`settle`](Self::settle).
    ///
    /// # Errors
    ///
    /// [`BadOrder`].
    pub fn adjust(&mut self, adjustment: &Adjustment, out: &mut Out) -> Result<(), BadOrder> {
        let reign = self.reign.as_ref().ok_or(BadOrder::NotActive)?;
        let changes = changes_for(&reign.latest.view, adjustment)?;
        if changes.is_empty() {
            return Ok(());
        }
        let done: Done<L> = self.propose(changes, None, out);
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
        Ok(())
    }
}

fn changes_for(view: &View, adjustment: &Adjustment) -> Result<Vec<Change>, BadOrder> {
    Ok(match adjustment {
        Adjustment::Topic { topic, partitions, replicas, min_in_sync } => {
            match view.partitions_of(topic).count() as u32 {
                0 if view.removed.contains(topic) => return Err(BadOrder::NameTaken),
                0 => new_topic(view, topic, *partitions, (*replicas, *min_in_sync))?,
                count if count < *partitions => super::reassignment::add(view, topic, *partitions)?,
                _ => Vec::new(),
            }
        }
        Adjustment::MinInSync { topic, least } => {
            let like = view
                .partitions
                .get(&PartitionId { topic: topic.clone(), index: 0 })
                .ok_or(BadOrder::Unknown)?;
            let change = Change::MinInSync { topic: topic.clone(), least: *least };
            if like.min_in_sync == *least { Vec::new() } else { [change].into() }
        }
        Adjustment::Retention { topic, keep } => {
            view.partitions.get(&PartitionId { topic: topic.clone(), index: 0 }).ok_or(BadOrder::Unknown)?;
            let change = Change::Retained { topic: topic.clone(), bytes: keep.bytes, time: keep.time };
            let is_so = view.retention.get(topic).copied().unwrap_or_default() == *keep;
            if is_so { Vec::new() } else { [change].into() }
        }
        Adjustment::Host { broker, layout } => {
            let is_so = match view.hosts.get(broker) {
                Some(there) => layout.is_like(there),
                None => **layout == HostLayout::default(),
            };
            let change = Change::LaidOut { broker: *broker, layout: layout.clone() };
            if is_so { Vec::new() } else { [change].into() }
        }
        Adjustment::Broker { broker, rack } => match view.brokers.contains_key(broker) {
            true => Vec::new(),
            false => [Change::Joined { broker: *broker, rack: rack.clone() }].into(),
        },
        Adjustment::NoTopic(topic) => match view.partitions_of(topic).next() {
            Some(_) => [Change::Removed { topic: topic.clone() }].into(),
            None => Vec::new(),
        },
        Adjustment::NoBroker(broker) => match view.brokers.contains_key(broker) {
            true => decisions::fence(view, *broker, Change::Left { broker: *broker }),
            false => Vec::new(),
        },
    })
}

/// A topic that was not there; with it, where it is the first, what keeps its readers' offsets.
fn new_topic(
    view: &View,
    topic: &Name,
    partitions: u32,
    (replicas, min_in_sync): (u16, u32),
) -> Result<Vec<Change>, BadOrder> {
    let sites: Vec<Site> = (view.brokers.keys())
        .map(|&broker| Site { broker, rack: view.racks.get(&broker).cloned() })
        .collect();
    let mut changes = Vec::new();
    let mut add = |partition: PartitionId, replicas: Vec<NodeId>, min_in_sync| {
        let state = PartitionState::new(replicas.clone(), min_in_sync);
        let unclean_election = false;
        changes.push(Change::Added { partition: partition.clone(), replicas, min_in_sync, unclean_election });
        changes.extend(decisions::first_leader(view, &partition, &state));
    };
    let place = |total, target| place_replicas(&sites, total, target).map_err(|_| BadOrder::BadReplicas);
    for (index, replicas) in (0..).zip(place(partitions, replicas.into())?) {
        add(PartitionId { topic: topic.clone(), index }, replicas, min_in_sync);
    }
    if !view.partitions.contains_key(&offsets_partition()) {
        for replicas in place(1, OFFSETS_REPLICAS.min(sites.len()))? {
            add(offsets_partition(), replicas, 1);
        }
    }
    Ok(changes)
}
