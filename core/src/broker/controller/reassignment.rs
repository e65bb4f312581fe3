//! How do partitions come, and how do they move to other brokers? By orders of whoever runs the cluster.
//!
//! ```text
//!   orders/0 on 1,2,3 shall be on 3,4,5
//!
//!   replicas 3,4,5,1,2   adding 4,5   removing 1,2     the new ones fetch from the leader; the old ones stay
//!   replicas 3,4,5                                     once 3,4,5 are all in sync: the old ones go, and with them
//!                                                      their logs; if the leader is one of them, another leads
//! ```
//!
//! Until everybody who shall keep the partition is in sync, nobody gives it up. So a move that is under way can be
//! *cancelled*: those that came go, and those that were there before keep it, provided that one of them is in sync. (It is
//! the same brokers as before, and the order is the one above: another may be preferred.)
//!
//! A topic can get more partitions, never fewer: what the others hold stays where it is. But the key of a message decides
//! among more of them from then on: what has the same key may go elsewhere than before, and is read in another order.
//!
//! Source: KIP-455, Kafka `PartitionReassignmentReplicas.java`, `PartitionReassignmentRevert.java`. A bound for the traffic of
//! a move is a setting (`catch_up_rate`).

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::super::placement::{Site, place_replicas};
use super::super::view::{PartitionState, View};
use super::decisions;
use super::metadata::Change;
use super::{Controller, Done};
use crate::broker::Out;
use crate::ids::{Name, NodeId, PartitionId};
use crate::log::Log;

/// What whoever runs a cluster may order.
///
/// ```
/// use mqlab_core::broker::Order;
/// use mqlab_core::ids::Name;
/// let order = Order::AddPartitions { topic: Name::new("orders")?, total: 6 };
/// assert_eq!(order.to_string(), "orders shall have 6 partitions");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// A topic shall have more partitions.
    AddPartitions {
        /// Which.
        topic: Name,
        /// How many it shall have.
        total: u32,
    },
    /// A partition shall be kept by these brokers, the preferred leader first.
    Reassign {
        /// Which.
        partition: PartitionId,
        /// By whom.
        replicas: Vec<NodeId>,
    },
    /// A partition that is on its way to other brokers shall stay with those that it came from.
    Cancel {
        /// Which.
        partition: PartitionId,
    },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddPartitions { topic, total } => write!(f, "{topic} shall have {total} partitions"),
            Self::Reassign { partition, replicas } => {
                write!(f, "{partition} shall be kept by ")?;
                for (index, replica) in replicas.iter().enumerate() {
                    write!(f, "{}{replica}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Cancel { partition } => write!(f, "{partition} shall stay where it was"),
        }
    }
}

/// Why an order is not carried out. Nothing of it is.
///
/// ```
/// use mqlab_core::broker::BadOrder;
/// assert_eq!(BadOrder::NotActive.to_string(), "this controller is not the active one");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadOrder {
    /// Another controller has to be asked, or nobody can be at present.
    NotActive,
    /// There is no such topic or partition.
    Unknown,
    /// A topic keeps the partitions that it has.
    NotMore,
    /// No replica, one twice, or one that is no broker of the cluster.
    BadReplicas,
    /// The partition is not on its way to other brokers.
    NotMoving,
    /// None of the brokers that would keep the partition is in sync: what was committed since would be lost.
    NoneInSync,
    /// A topic of that name was removed: the name is not given again.
    NameTaken,
}

impl fmt::Display for BadOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotActive => "this controller is not the active one",
            Self::Unknown => "there is no such topic or partition",
            Self::NotMore => "a topic can only get more partitions than it has",
            Self::BadReplicas => "name brokers of the cluster, each once, and at least one",
            Self::NotMoving => "the partition is not on its way to other brokers",
            Self::NoneInSync => "none of the brokers that would keep the partition is in sync",
            Self::NameTaken => "a topic of that name was removed, and the name is not given again",
        })
    }
}

impl core::error::Error for BadOrder {}

impl<L: Log> Controller<L> {
    /// Carries out an order, once a majority of the controllers has it. As with [`handle`](Self::handle) a failure of the
    /// storage is kept for [`settle`](Self::settle).
    ///
    /// # Errors
    ///
    /// [`BadOrder`].
    pub fn order(&mut self, order: &Order, out: &mut Out) -> Result<(), BadOrder> {
        let reign = self.reign.as_ref().ok_or(BadOrder::NotActive)?;
        let changes = changes_for(&reign.latest.view, order)?;
        let done: Done<L> = self.propose(changes, None, out);
        if let Err(error) = done {
            self.failed.get_or_insert(error);
        }
        Ok(())
    }
}

fn changes_for(view: &View, order: &Order) -> Result<Vec<Change>, BadOrder> {
    match order {
        Order::AddPartitions { topic, total } => add(view, topic, *total),
        Order::Reassign { partition, replicas } => {
            let state = view.partitions.get(partition).ok_or(BadOrder::Unknown)?;
            let known = |broker: &NodeId| view.brokers.contains_key(broker);
            let once = |(index, broker): (usize, &NodeId)| !replicas[..index].contains(broker);
            if replicas.is_empty() || !replicas.iter().all(known) || !replicas.iter().enumerate().all(once) {
                return Err(BadOrder::BadReplicas);
            }
            let begun = begin(state, replicas);
            let after =
                PartitionState { replicas: begun.0, adding: begun.1, removing: begun.2, ..state.clone() };
            let mut changes = [assigned(partition, &after)].to_vec();
            changes.extend(complete(view, partition, &after, &state.in_sync));
            Ok(changes)
        }
        Order::Cancel { partition } => {
            let state = view.partitions.get(partition).ok_or(BadOrder::Unknown)?;
            if state.adding.is_empty() && state.removing.is_empty() {
                return Err(BadOrder::NotMoving);
            }
            let were_there = |all: &[NodeId]| -> Vec<NodeId> {
                all.iter().copied().filter(|broker| !state.adding.contains(broker)).collect()
            };
            let (replicas, in_sync) = (were_there(&state.replicas), were_there(&state.in_sync));
            if in_sync.is_empty() {
                return Err(BadOrder::NoneInSync);
            }
            Ok(settled(view, partition, state, replicas, in_sync))
        }
    }
}

/// New partitions, as if the topic had had so many from the beginning, with what its first one has.
pub(super) fn add(view: &View, topic: &Name, total: u32) -> Result<Vec<Change>, BadOrder> {
    let first = PartitionId { topic: topic.clone(), index: 0 };
    let like = view.partitions.get(&first).ok_or(BadOrder::Unknown)?;
    let count = view.partitions_of(topic).count() as u32;
    if total <= count {
        return Err(BadOrder::NotMore);
    }
    let sites: Vec<Site> = (view.brokers.keys())
        .map(|&broker| Site { broker, rack: view.racks.get(&broker).cloned() })
        .collect();
    let target = like.replicas.len() - like.adding.len();
    let placed = place_replicas(&sites, total, target).map_err(|_| BadOrder::BadReplicas)?;
    let mut changes = Vec::new();
    for (index, replicas) in (0..).zip(placed).skip(count as usize) {
        let partition = PartitionId { topic: topic.clone(), index };
        let (min_in_sync, unclean_election) = (like.min_in_sync, like.unclean_election);
        let state = PartitionState { unclean_election, ..PartitionState::new(replicas.clone(), min_in_sync) };
        changes.push(Change::Added { partition: partition.clone(), replicas, min_in_sync, unclean_election });
        changes.extend(decisions::first_leader(view, &partition, &state));
    }
    Ok(changes)
}

/// All replicas while it lasts, those that come, and those that go.
fn begin(state: &PartitionState, target: &[NodeId]) -> (Vec<NodeId>, Vec<NodeId>, Vec<NodeId>) {
    let old = |broker: &&NodeId| !target.contains(broker);
    let removing: Vec<NodeId> = state.replicas.iter().filter(old).copied().collect();
    let new = |broker: &&NodeId| !state.replicas.contains(broker) || state.adding.contains(broker);
    let adding = target.iter().filter(new).copied().collect();
    (target.iter().chain(&removing).copied().collect(), adding, removing)
}

fn assigned(partition: &PartitionId, state: &PartitionState) -> Change {
    let PartitionState { replicas, adding, removing, .. } = state.clone();
    Change::Assigned { partition: partition.clone(), replicas, adding, removing }
}

/// What follows when these are in sync: if all that shall keep the partition are, the others go.
pub(super) fn complete(
    view: &View,
    partition: &PartitionId,
    state: &PartitionState,
    in_sync: &[NodeId],
) -> Vec<Change> {
    let stays = |broker: &NodeId| !state.removing.contains(broker);
    let target: Vec<NodeId> = state.replicas.iter().copied().filter(stays).collect();
    let is_over = state.adding.is_empty() && state.removing.is_empty();
    if is_over || target.is_empty() || !target.iter().all(|broker| in_sync.contains(broker)) {
        return Vec::new();
    }
    settled(
        view,
        partition,
        &PartitionState { in_sync: in_sync.into(), ..state.clone() },
        target.clone(),
        target,
    )
}

/// A move is over: these keep the partition, and of them these are in sync.
fn settled(
    view: &View,
    partition: &PartitionId,
    state: &PartitionState,
    replicas: Vec<NodeId>,
    in_sync: Vec<NodeId>,
) -> Vec<Change> {
    let (adding, removing) = (Vec::new(), Vec::new());
    let after = PartitionState { replicas, in_sync, adding, removing, ..state.clone() };
    let mut changes = [assigned(partition, &after)].to_vec();
    if state.in_sync.len() != after.in_sync.len() {
        changes.push(Change::InSync { partition: partition.clone(), replicas: after.in_sync.clone() });
    }
    changes.extend(decisions::first_leader(view, partition, &after));
    changes
}
