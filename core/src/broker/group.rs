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
//! A *static* member has an instance id. When it comes back under it, its share waits for it and nobody else notices;
//! when another node comes under it, the earlier one is fenced.
//!
//! What real systems do: this follows the newer protocol of Kafka (KIP-848). The classic one, in which the members
//! agree among themselves, is in `classic_group.rs`; a group speaks one of them at a time.
//!
//! Sources: Kafka KIP-848, `CurrentAssignmentBuilder.java`. Left out so far: several topics a member.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;

use super::assignor::{Assignor, Candidate, Shares};
use super::classic_group::ClassicGroup;
use super::group_request::{Identity, MemberId};
use super::group_turn::{Offsets, Turn};
use super::protocol::Out;
use super::settings::Settings;
use super::view::View;
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Refusal};
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
    /// Those who speak the classic protocol.
    classic: ClassicGroup,
    offsets: Offsets,
}

#[derive(Clone, Debug)]
struct Member {
    topic: Name,
    instance: Option<Name>,
    assignor: Option<Assignor>,
    /// When it is given up, unless it is heard before.
    deadline: Time,
    /// What the plan gives it.
    planned: BTreeSet<PartitionId>,
    /// What it reads, or was told to read and may be reading by now.
    owned: BTreeSet<PartitionId>,
}

/// A member's share, each partition with where to go on, if the group ever said.
pub(super) type Share = Vec<(PartitionId, Option<Offset>)>;

/// What a member of the newer protocol says of itself.
pub(super) struct Beat {
    pub(super) from: NodeId,
    pub(super) group: Name,
    pub(super) topic: Name,
    pub(super) instance: Option<Name>,
    pub(super) assignor: Option<Assignor>,
    /// The group's epoch as it knows it; 0 to join.
    pub(super) epoch: Epoch,
    pub(super) reads: Vec<PartitionId>,
}

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

    /// When the next member is given up, or a group must go on.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let members = self.0.values().flat_map(|group| group.members.values()).map(|member| member.deadline);
        members.chain(self.0.values().filter_map(|group| group.classic.next_deadline())).min()
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

    /// Does something with the groups of the classic protocol, one after the other: those that `which` names, or all.
    pub(super) fn classic<D>(
        &mut self,
        (now, settings, reign): (Time, &Settings, Epoch),
        which: Option<&Name>,
        out: &mut Out<D>,
        mut work: impl FnMut(&mut ClassicGroup, &mut Turn<'_>),
    ) {
        if let Some(name) = which {
            self.0.entry(name.clone()).or_default();
        }
        for (name, group) in self.0.iter_mut().filter(|(name, _)| which.is_none_or(|which| which == *name)) {
            let mut turn = Turn::new(now, name, settings, reign, &group.offsets);
            work(&mut group.classic, &mut turn);
            turn.send(out);
        }
    }

    /// A client is gone.
    pub(super) fn hang_up(&mut self, peer: NodeId) {
        self.0.values_mut().for_each(|group| group.classic.hang_up(peer));
    }

    /// Whether members of the newer protocol are in a group.
    pub(super) fn is_served(&self, group: &Name) -> bool {
        self.0.get(group).is_some_and(|group| !group.members.is_empty())
    }

    /// How the members of the classic protocol stand: state, generation, and what each is to read.
    pub(super) fn look(&self, group: &Name) -> Option<(&'static str, u32, Shares<MemberId>)> {
        Some(self.0.get(group)?.classic.look())
    }

    /// A member is alive and says what it reads. Returns the group's epoch and the member's share.
    pub(super) fn heartbeat<D>(
        &mut self,
        beat: Beat,
        deadline: Time,
        view: &View,
        out: &mut Out<D>,
    ) -> Result<(Epoch, Share), Refusal> {
        let Beat { from, topic, instance, assignor, epoch, reads, group: name } = beat;
        let group = self.0.entry(name.clone()).or_default();
        if !group.classic.is_empty() {
            return Err(Refusal::InconsistentProtocol);
        }
        let begins = epoch == Epoch::default();
        if let Some(instance) = &instance
            && let Some(holder) = group.holder(instance).filter(|holder| *holder != from)
        {
            if !begins {
                return Err(Refusal::FencedInstance);
            }
            if let Some(member) = group.members.remove(&holder) {
                group.members.insert(from, member);
            }
            let (group, instance) = (name, instance.clone());
            out.event(Event::Group(GroupEvent::Fenced { group, instance, member: holder, by: from }));
        }
        let comes_back = |member: &Member| member.instance.is_some() && member.instance == instance;
        let joins = match group.members.get(&from) {
            None if !begins => return Err(Refusal::NotAMember),
            Some(member) => member.topic != topic || begins && !comes_back(member),
            None => true,
        };
        if joins {
            let (planned, owned) = Default::default();
            group.members.insert(from, Member { topic, instance, assignor, deadline, planned, owned });
            group.plan(view);
        } else if !group.is_dealt(view) {
            group.plan(view); // a topic has got more partitions
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
        member.owned = if joins || begins { BTreeSet::new() } else { reads.into_iter().collect() };
        member.owned.extend(share.iter().cloned());
        let from = |partition: PartitionId| {
            let offset = group.offsets.get(&partition).copied();
            (partition, offset)
        };
        Ok((group.epoch, share.into_iter().map(from).collect()))
    }

    /// A member of the newer protocol says that it is none any more.
    pub(super) fn leave(&mut self, from: NodeId, name: &Name, view: &View) -> Result<(), Refusal> {
        let group = self.0.get_mut(name).ok_or(Refusal::NotAMember)?;
        group.members.remove(&from).ok_or(Refusal::NotAMember)?;
        group.plan(view);
        Ok(())
    }

    /// Checks that `from` may say where the group has got to: a member for what it reads, and anybody for a group
    /// without members.
    pub(super) fn may_commit(
        &self,
        from: NodeId,
        name: &Name,
        offsets: &[(PartitionId, Offset)],
    ) -> Result<(), Refusal> {
        let Some(group) = self.0.get(name) else { return Ok(()) };
        if group.members.is_empty() && group.classic.is_empty() {
            return Ok(());
        }
        let member = group.members.get(&from).ok_or(Refusal::NotAMember)?;
        let owns = offsets.iter().all(|(partition, _)| member.owned.contains(partition));
        if owns { Ok(()) } else { Err(Refusal::NotAMember) }
    }

    /// Checks the same for a member of the classic protocol.
    pub(super) fn may_commit_as(&self, name: &Name, identity: &Identity) -> Result<(), Refusal> {
        self.0.get(name).ok_or(Refusal::NotAMember)?.classic.may_commit(identity)
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
    /// Deals the topics anew, by the assignor that most members ask for: range, unless they ask for another. What the
    /// last plan gave them counts as theirs.
    fn plan(&mut self, view: &View) {
        self.epoch = self.epoch.next();
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for member in self.members.values() {
            *votes.entry(member.assignor.unwrap_or(Assignor::Range)).or_default() += 1;
        }
        let most = votes.values().max().copied();
        let assignor =
            votes.into_iter().find(|(_, count)| Some(*count) == most).map(|(assignor, _)| assignor);
        let candidate = |(node, member): (&NodeId, &Member)| Candidate {
            instance: member.instance.clone(),
            owned: member.planned.iter().cloned().collect(),
            ..Candidate::new(*node, [member.topic.clone()])
        };
        let candidates: Vec<_> = self.members.iter().map(candidate).collect();
        let topics: BTreeSet<&Name> = self.members.values().map(|member| &member.topic).collect();
        let partitions: Vec<PartitionId> =
            topics.into_iter().flat_map(|topic| view.partitions_of(topic).cloned()).collect();
        let mut shares = assignor.unwrap_or_default().assign(&candidates, &partitions);
        for (node, member) in &mut self.members {
            member.planned = shares.remove(node).unwrap_or_default().into_iter().collect();
        }
    }

    /// Whether somebody is to read every partition of the topics.
    fn is_dealt(&self, view: &View) -> bool {
        let topics: BTreeSet<&Name> = self.members.values().map(|member| &member.topic).collect();
        let there: usize = topics.into_iter().map(|topic| view.partitions_of(topic).count()).sum();
        there == self.members.values().map(|member| member.planned.len()).sum::<usize>()
    }

    /// Who has an instance id.
    fn holder(&self, instance: &Name) -> Option<NodeId> {
        let has = |(_, member): &(&NodeId, &Member)| member.instance.as_ref() == Some(instance);
        self.members.iter().find(has).map(|(node, _)| *node)
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
