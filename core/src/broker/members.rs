//! Who is in a group, until when, and who reads what? Members, with an index by deadline and one by partition.
//!
//! ```text
//!   members      consumer-1: until 45 ms, reads 0 1        by deadline    (45, consumer-1) (52, consumer-2)
//!                consumer-2: until 52 ms, reads 2          by partition   (0, consumer-1) (1, consumer-1) (2, consumer-2)
//! ```
//!
//! With them a heartbeat costs what its member reads, and not what the whole group reads.

use super::assignor::Assignor;
use crate::ids::{Name, NodeId, PartitionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// A member of the newer protocol.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) topic: Name,
    pub(super) instance: Option<Name>,
    pub(super) assignor: Option<Assignor>,
    /// What the plan gives it.
    pub(super) planned: SortedSet<PartitionId>,
    /// When it is given up, unless it is heard before.
    deadline: Time,
    /// What it reads, or was told to read and may be reading by now.
    owned: SortedSet<PartitionId>,
}

impl Member {
    pub(super) fn new(
        topic: Name,
        instance: Option<Name>,
        assignor: Option<Assignor>,
        deadline: Time,
    ) -> Self {
        let (planned, owned) = Default::default();
        Self { topic, instance, assignor, planned, deadline, owned }
    }

    pub(super) fn owned(&self) -> &SortedSet<PartitionId> {
        &self.owned
    }

    pub(super) fn owns(&self, partition: &PartitionId) -> bool {
        self.owned.contains(partition)
    }
}

/// The members of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    all: SortedMap<NodeId, Member>,
    deadlines: SortedSet<(Time, NodeId)>,
    owners: SortedSet<(PartitionId, NodeId)>,
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, node: NodeId) -> Option<&Member> {
        self.all.get(&node)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Member)> {
        self.all.iter()
    }

    /// What the plan gives each, to be changed.
    pub(super) fn plans(&mut self) -> impl Iterator<Item = (&NodeId, &mut SortedSet<PartitionId>)> {
        self.all.iter_mut().map(|(node, member)| (node, &mut member.planned))
    }

    /// A member comes, in place of what it was before.
    pub(super) fn insert(&mut self, node: NodeId, member: Member) {
        self.remove(node);
        self.deadlines.insert((member.deadline, node));
        self.owners.extend(member.owned.iter().map(|partition| (partition.clone(), node)));
        self.all.insert(node, member);
    }

    /// A member goes.
    pub(super) fn remove(&mut self, node: NodeId) -> Option<Member> {
        let member = self.all.remove(&node)?;
        self.deadlines.remove(&(member.deadline, node));
        for partition in &member.owned {
            self.owners.remove(&(partition.clone(), node));
        }
        Some(member)
    }

    /// When the first is given up, if nobody is heard before.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Gives up those that were not heard in time. Whether there were any.
    pub(super) fn expire(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(&(deadline, node)) = self.deadlines.first()
            && deadline <= now
        {
            self.remove(node);
            any = true;
        }
        any
    }

    /// A member was heard, and reads this.
    pub(super) fn heard(&mut self, node: NodeId, deadline: Time, owned: SortedSet<PartitionId>) {
        let Some(member) = self.all.get_mut(&node) else { return };
        self.deadlines.remove(&(member.deadline, node));
        self.deadlines.insert((deadline, node));
        member.deadline = deadline;
        if member.owned != owned {
            for partition in member.owned.difference(&owned) {
                self.owners.remove(&(partition.clone(), node));
            }
            let new = owned.difference(&member.owned).map(|partition| (partition.clone(), node));
            self.owners.extend(new);
            member.owned = owned;
        }
    }

    /// Whether another member reads a partition.
    pub(super) fn is_with_another(&self, partition: &PartitionId, than: NodeId) -> bool {
        let from = self.owners.range((partition.clone(), NodeId::Controller)..);
        let mut its = from.take_while(|(other, _)| other == partition);
        its.any(|(_, node)| *node != than)
    }
}
