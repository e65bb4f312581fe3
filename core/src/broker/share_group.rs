//! Who is in a share group, and who fetches from which partition? The coordinator of share groups.
//!
//! A partition may have several members, so nobody has to let go of anything before another one may begin, and nothing has
//! to be agreed on: whoever is told another share fetches elsewhere from now on, and finishes what it has. All that the
//! coordinator sees to is that each partition has somebody, and that the members spread evenly:
//!
//! ```text
//!   partitions  0 1 2          one circle each, side by side, until both are through:
//!   members     a b a          a: 0 2   b: 1
//!
//!   partitions  0 1 0 1 0
//!   members     a b c d e      a, c, e: 0    b, d: 1          more members than partitions: they share
//! ```
//!
//! Members are known by their heartbeats alone, and nothing of it is kept: a new coordinator learns them anew.
//!
//! Sources: KIP-932 (`SimpleAssignor`: all partitions for everybody at first, evenly spread since 4.1). Left out: several
//! topics a member; to change as little as possible, for nothing is lost by changing.

use alloc::vec::Vec;

use super::view::View;
use crate::ids::{Epoch, Name, NodeId, PartitionId};
use crate::observe::Refusal;
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// All share groups that a coordinator knows.
#[derive(Clone, Debug, Default)]
pub(super) struct ShareGroups(SortedMap<Name, ShareGroup>);

#[derive(Clone, Debug, Default)]
struct ShareGroup {
    /// Raised when members come or go.
    epoch: Epoch,
    members: SortedMap<NodeId, Member>,
    /// How many partitions were dealt.
    dealt: usize,
}

#[derive(Clone, Debug)]
struct Member {
    topic: Name,
    /// When it is given up, unless it is heard before.
    deadline: Time,
    share: Vec<PartitionId>,
}

impl ShareGroups {
    /// Forgets everything: another broker is the coordinator now.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// When the next member is given up.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.0.values().flat_map(|group| group.members.values()).map(|member| member.deadline).min()
    }

    /// Whether anybody is in a group.
    pub(super) fn is_served(&self, group: &Name) -> bool {
        self.0.get(group).is_some_and(|group| !group.members.is_empty())
    }

    /// Gives up the members that were not heard in time.
    pub(super) fn expire(&mut self, now: Time, view: &View) {
        for group in self.0.values_mut() {
            let before = group.members.len();
            group.members.retain(|_, member| member.deadline > now);
            if group.members.len() != before {
                group.plan(view);
            }
        }
    }

    /// A member is alive. Returns the group's epoch and the member's partitions.
    pub(super) fn heartbeat(
        &mut self,
        from: NodeId,
        (group, topic, epoch): (Name, Name, Epoch),
        deadline: Time,
        view: &View,
    ) -> Result<(Epoch, Vec<PartitionId>), Refusal> {
        let group = self.0.entry(group).or_default();
        let known = group.members.get(&from).is_some_and(|member| member.topic == topic);
        if !known && epoch != Epoch::default() {
            return Err(Refusal::NotAMember);
        }
        if !known {
            group.members.insert(from, Member { topic, deadline, share: Vec::new() });
            group.plan(view);
        } else if group.dealt != group.count(view) {
            group.plan(view); // the topic has got more partitions
        }
        let Some(member) = group.members.get_mut(&from) else { return Err(Refusal::NotAMember) };
        member.deadline = deadline;
        Ok((group.epoch, member.share.clone()))
    }
}

impl ShareGroup {
    /// How many partitions there are to deal.
    fn count(&self, view: &View) -> usize {
        let topics: SortedSet<&Name> = self.members.values().map(|member| &member.topic).collect();
        topics.into_iter().map(|topic| view.partitions_of(topic).count()).sum()
    }

    fn plan(&mut self, view: &View) {
        self.epoch = self.epoch.next();
        self.dealt = self.count(view);
        let mut topics: SortedMap<Name, Vec<NodeId>> = SortedMap::new();
        for (node, member) in &mut self.members {
            member.share.clear();
            topics.entry(member.topic.clone()).or_default().push(*node);
        }
        for (topic, members) in topics {
            let partitions: Vec<&PartitionId> = view.partitions_of(&topic).collect();
            for (node, place) in pairs(members.len(), partitions.len()) {
                if let Some(member) = members.get(node).and_then(|node| self.members.get_mut(node)) {
                    member.share.push(partitions[place].clone());
                }
            }
        }
    }
}

/// Which member gets which partition, by their places.
fn pairs(members: usize, partitions: usize) -> impl Iterator<Item = (usize, usize)> {
    let rounds = if members == 0 || partitions == 0 { 0 } else { members.max(partitions) };
    (0..rounds).map(move |round| (round % members, round % partitions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_somebody_every_member_something_and_all_as_much() {
        for members in 1..9 {
            for partitions in 1..9 {
                let mut of_member = alloc::vec![0; members];
                let mut of_partition = alloc::vec![0; partitions];
                for (member, partition) in pairs(members, partitions) {
                    of_member[member] += 1;
                    of_partition[partition] += 1;
                }
                for counts in [of_member, of_partition] {
                    let (least, most) = (counts.iter().min(), counts.iter().max());
                    let (Some(least), Some(most)) = (least, most) else { panic!("{counts:?}") };
                    assert!(*least >= 1 && most - least <= 1, "{members} and {partitions}: {counts:?}");
                }
            }
        }
        assert_eq!(pairs(0, 3).count() + pairs(3, 0).count(), 0);
    }
}
