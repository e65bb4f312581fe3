//! What follows when a broker dies, comes back, or is to stop? The changes that the controller proposes then.
//!
//! Pure functions of the view: nothing is changed here.

use alloc::vec::Vec;

use super::super::election::{Wanted, Won, elect};
use super::super::view::{PartitionState, View};
use super::IMBALANCE_PERCENT;
use super::metadata::Change;
use crate::ids::{NodeId, PartitionId};
use crate::sorted::{SortedMap, SortedSet};

pub(super) fn is_alive(view: &View, broker: NodeId) -> bool {
    view.brokers.get(&broker).copied().unwrap_or(false)
}

/// Elects a leader of a partition, if it shall be another than now.
fn election(
    partition: &PartitionId,
    state: &PartitionState,
    wanted: Wanted,
    alive: impl Fn(&NodeId) -> bool,
) -> Option<Change> {
    let Won { leader, unclean } = elect(state, wanted, alive);
    let elected = || Change::Elected { partition: partition.clone(), leader, unclean };
    (leader != state.leader).then(elected)
}

/// Elects a leader of a partition that is new, or kept by others than before.
pub(super) fn first_leader(view: &View, partition: &PartitionId, state: &PartitionState) -> Option<Change> {
    election(partition, state, Wanted::Anyone, |broker| is_alive(view, *broker))
}

/// Gives every partition whose leader is dead, or that has none, another one, if it can be.
pub(super) fn elect_all(view: &View) -> Vec<Change> {
    elect_with(view, |_| None, |broker| is_alive(view, *broker))
}

/// The same with other in-sync sets than the view has, where `in_sync` gives one.
fn elect_with(
    view: &View,
    in_sync: impl Fn(&PartitionState) -> Option<Vec<NodeId>>,
    alive: impl Fn(&NodeId) -> bool,
) -> Vec<Change> {
    let elected = |(id, state): (&PartitionId, &PartitionState)| match in_sync(state) {
        Some(in_sync) => election(id, &PartitionState { in_sync, ..state.clone() }, Wanted::Anyone, &alive),
        None => election(id, state, Wanted::Anyone, &alive),
    };
    view.partitions.iter().filter_map(elected).collect()
}

/// A broker lives again.
pub(super) fn unfence(view: &View, broker: NodeId) -> Vec<Change> {
    let mut changes = [Change::Unfenced { broker }].to_vec();
    let alive = |other: &NodeId| *other == broker || is_alive(view, *other);
    changes.extend(elect_with(view, |_| None, alive));
    changes
}

/// Takes a broker out of every in-sync set, and lets others lead; `why` is the change that says so.
pub(super) fn fence(view: &View, broker: NodeId, why: Change) -> Vec<Change> {
    let without = |state: &PartitionState| {
        let is_one_of_several = state.in_sync.len() > 1 && state.in_sync.contains(&broker);
        is_one_of_several
            .then(|| state.in_sync.iter().copied().filter(|replica| *replica != broker).collect::<Vec<_>>())
    };
    let shrunk = view.partitions.iter().filter_map(|(partition, state)| {
        Some(Change::InSync { partition: partition.clone(), replicas: without(state)? })
    });
    let mut changes: Vec<Change> = core::iter::once(why).chain(shrunk).collect();
    changes.extend(elect_with(view, without, |other| *other != broker && is_alive(view, *other)));
    changes
}

/// Takes every replica that is alive for one in sync, which is what [a mutant](super::super::mutant::Mutant) does.
pub(super) fn believe_all_in_sync(view: &mut View) {
    let View { brokers, partitions, .. } = view;
    for state in partitions.values_mut() {
        let alive = |broker: &&NodeId| brokers.get(broker).copied().unwrap_or(false);
        state.in_sync = state.replicas.iter().filter(alive).copied().collect();
    }
}

/// Gives partitions back to the preferred replicas of brokers that lead too few of theirs.
pub(super) fn balance(view: &View) -> Vec<Change> {
    let wrong = preferred_elsewhere(view);
    let preferred = |partition| {
        let (alive, state) = (|broker: &NodeId| is_alive(view, *broker), view.partitions.get(partition)?);
        election(partition, state, Wanted::Preferred, alive)
    };
    wrong.into_iter().filter_map(preferred).collect()
}

/// The partitions that are led by others than their preferred replica, of brokers for which these are too many.
fn preferred_elsewhere(view: &View) -> SortedSet<&PartitionId> {
    let mut owned: SortedMap<NodeId, (usize, Vec<&PartitionId>)> = SortedMap::new();
    for (partition, state) in &view.partitions {
        let Some(preferred) = state.replicas.first() else { continue };
        let (all, elsewhere) = owned.entry(*preferred).or_default();
        *all += 1;
        if state.leader != Some(*preferred) {
            elsewhere.push(partition);
        }
    }
    let too_many =
        |(all, elsewhere): &(usize, Vec<&PartitionId>)| elsewhere.len() * 100 > all * IMBALANCE_PERCENT;
    owned.into_values().filter(too_many).flat_map(|(_, elsewhere)| elsewhere).collect()
}
