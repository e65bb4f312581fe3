//! Who reads which partition, and where did they get to? The coordinator of consumer groups.
//!
//! The members of a group share a topic: each partition is read by one of them, so that its order is kept. A
//! member says that it is alive by heartbeats, each of which names the partitions that it reads; the answer
//! names those that it shall read. When members come or go, the coordinator makes a new plan:
//!
//! ```text
//!   member 1 reads 0,1,2      member 2 joins       plan: 1 → 0,1   2 → 2
//!     │── heartbeat, I read 0,1,2 ──▶│◀── heartbeat, I read nothing ── │
//!     │◀── read 0,1 ─────────────────│─── read nothing yet ───────────▶│    2 is still with member 1
//!     │── heartbeat, I read 0,1 ────▶│◀── heartbeat ─────────────────  │
//!     │                              │─── read 2, from offset 41 ─────▶│    now it is free
//! ```
//!
//! Nobody stops for it but who loses a partition, and no partition ever has two readers.
//!
//! Where a group has got to is itself kept in a log: the partition of the topic `__offsets`, replicated like
//! any other. Its leader is the coordinator; when it dies, the next leader reads the log and knows as much. The
//! members it learns from their heartbeats.
//!
//! What real systems do: this follows the newer protocol of Kafka (KIP-848), with the range assignor. The older
//! one stops the whole group at each change.
//!
//! Sources: Kafka KIP-848, `CurrentAssignmentBuilder.java`, `RangeAssignor.java`. Left out so far: static
//! members, several topics a member, other assignors.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;

use super::view::View;
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::Refusal;
use crate::record::{BatchBuilder, Batches, NewRecord, Record};
use crate::time::Time;

/// All groups that a coordinator knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups(BTreeMap<Name, Group>);

#[derive(Clone, Debug, Default)]
struct Group {
    /// Raised when members come or go.
    epoch: Epoch,
    members: BTreeMap<NodeId, Member>,
    /// For each partition the next offset to read.
    offsets: BTreeMap<PartitionId, Offset>,
}

#[derive(Clone, Debug)]
struct Member {
    topic: Name,
    /// When it is given up, unless it is heard before.
    deadline: Time,
    /// What the plan gives it.
    planned: BTreeSet<PartitionId>,
    /// What it reads, or was told to read and may be reading by now.
    owned: BTreeSet<PartitionId>,
}

/// A member's share, each partition with where to go on.
pub(super) type Share = Vec<(PartitionId, Offset)>;

impl Groups {
    /// Forgets everything: another broker is the coordinator now.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Where a group has got to.
    pub(crate) fn offset(&self, group: &Name, partition: &PartitionId) -> Option<Offset> {
        self.0.get(group)?.offsets.get(partition).copied()
    }

    /// Where every group has got to in a partition.
    pub(crate) fn offsets_in<'a>(
        &'a self,
        partition: &'a PartitionId,
    ) -> impl Iterator<Item = (&'a Name, Offset)> {
        self.0.iter().filter_map(move |(name, group)| Some((name, *group.offsets.get(partition)?)))
    }

    /// When the next member is given up.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.0.values().flat_map(|group| group.members.values()).map(|member| member.deadline).min()
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

    /// A member is alive and says what it reads. Returns the group's epoch and the member's share.
    pub(super) fn heartbeat(
        &mut self,
        (from, name, topic): (NodeId, Name, Name),
        epoch: Epoch,
        reads: Vec<PartitionId>,
        deadline: Time,
        view: &View,
    ) -> Result<(Epoch, Share), Refusal> {
        let group = self.0.entry(name).or_default();
        let joins = match group.members.get(&from) {
            None if epoch != Epoch::default() => return Err(Refusal::NotAMember),
            Some(member) => member.topic != topic || epoch == Epoch::default(),
            None => true,
        };
        if joins {
            let (planned, owned) = Default::default();
            group.members.insert(from, Member { topic, deadline, planned, owned });
            group.plan(view);
        }
        let taken: BTreeSet<PartitionId> = group
            .members
            .iter()
            .filter(|(node, _)| **node != from)
            .flat_map(|(_, m)| m.owned.clone())
            .collect();
        let Some(member) = group.members.get_mut(&from) else { return Err(Refusal::NotAMember) };
        member.deadline = deadline;
        let share: Vec<PartitionId> = member.planned.difference(&taken).cloned().collect();
        member.owned = if joins { BTreeSet::new() } else { reads.into_iter().collect() };
        member.owned.extend(share.iter().cloned());
        let from = |partition: PartitionId| {
            let offset = group.offsets.get(&partition).copied().unwrap_or_default();
            (partition, offset)
        };
        Ok((group.epoch, share.into_iter().map(from).collect()))
    }

    /// Checks that `from` may say where the group has got to: a member for what it reads, and anybody for a group
    /// without members.
    pub(super) fn may_commit(
        &self,
        from: NodeId,
        name: &Name,
        offsets: &[(PartitionId, Offset)],
    ) -> Result<(), Refusal> {
        let Some(group) = self.0.get(name).filter(|group| !group.members.is_empty()) else { return Ok(()) };
        let member = group.members.get(&from).ok_or(Refusal::NotAMember)?;
        let owns = offsets.iter().all(|(partition, _)| member.owned.contains(partition));
        if owns { Ok(()) } else { Err(Refusal::NotAMember) }
    }

    /// Takes note of where a group has got to.
    pub(super) fn learn(&mut self, group: &Name, offsets: &[(PartitionId, Offset)]) {
        let group = self.0.entry(group.clone()).or_default();
        group.offsets.extend(offsets.iter().cloned());
    }

    /// Takes note of what a log of offsets says.
    pub(super) fn learn_records(&mut self, records: impl Iterator<Item = Record>) {
        for (group, partition, offset) in records.filter_map(|record| from_record(&record)) {
            self.learn(&group, &[(partition, offset)]);
        }
    }
}

impl Group {
    /// Shares out each topic among the members that want it: in order of their names, contiguous ranges, the
    /// first members one more where it does not come out even.
    fn plan(&mut self, view: &View) {
        self.epoch = self.epoch.next();
        let topics: BTreeSet<Name> = self.members.values().map(|member| member.topic.clone()).collect();
        for topic in &topics {
            let partitions: Vec<&PartitionId> = view.partitions_of(topic).collect();
            let members = self.members.values_mut().filter(|member| member.topic == *topic);
            let mut members: Vec<&mut Member> = members.collect();
            let (each, more) = (partitions.len() / members.len(), partitions.len() % members.len());
            let mut rest = partitions.into_iter();
            for (index, member) in members.iter_mut().enumerate() {
                let count = each + usize::from(index < more);
                member.planned = rest.by_ref().take(count).cloned().collect();
            }
        }
    }
}

/// The records that keep where a group has got to: the key `group/topic/partition`, the value the next offset.
pub(super) fn to_records(group: &Name, offsets: &[(PartitionId, Offset)], timestamp: i64) -> Batches {
    let mut full = Vec::new();
    let mut builder = BatchBuilder::new();
    for (partition, offset) in offsets {
        let key = Bytes::from(alloc::format!("{group}/{partition}").into_bytes());
        let value = Bytes::copy_from_slice(&offset.0.to_be_bytes());
        let record = NewRecord { timestamp, key: Some(key), value: Some(value), headers: Vec::new() };
        if builder.push(&record).is_err() {
            full.extend(core::mem::take(&mut builder).build().iter());
            builder.push(&record).expect("two names and a number fit an empty batch");
        }
    }
    full.extend(builder.build().iter());
    Batches::joined(&full)
}

fn from_record(record: &Record) -> Option<(Name, PartitionId, Offset)> {
    let mut parts = core::str::from_utf8(record.key.as_deref()?).ok()?.split('/');
    let (group, topic, index) = (parts.next()?, parts.next()?, parts.next()?);
    let partition = PartitionId { topic: Name::new(topic).ok()?, index: index.parse().ok()? };
    let offset = u64::from_be_bytes(record.value.as_deref()?.try_into().ok()?);
    Some((Name::new(group).ok()?, partition, Offset(offset)))
}
