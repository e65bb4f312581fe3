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

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::assignor::{Assignor, Candidate, Shares};
use super::classic_group::ClassicGroup;
use super::group_request::{Identity, MemberId};
use super::group_turn::{Offsets, Turn};
use super::members::{Member, Members};
use super::protocol::Out;
use super::settings::Settings;
use super::view::View;
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, GroupEvent, Refusal};
use crate::record::{BatchBuilder, Batches, Marker, NewRecord, Record};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// All groups that a coordinator knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    all: SortedMap<Name, Group>,
    /// When which group has something to do, if it hears nothing before.
    due: SortedSet<(Time, Name)>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Raised when members come or go.
    epoch: Epoch,
    members: Members,
    /// Those who speak the classic protocol.
    classic: ClassicGroup,
    offsets: Offsets,
    /// What open transactions commit, by their producers' numbers.
    pending: SortedMap<i64, Offsets>,
    /// When it has something to do, as the coordinator has noted it.
    due: Option<Time>,
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
        self.all.clear();
        self.due.clear();
    }

    /// Where a group has got to.
    pub(crate) fn offset(&self, group: &Name, partition: &PartitionId) -> Option<Offset> {
        self.all.get(group)?.offsets.get(partition).copied()
    }

    /// Where every group has got to in a partition.
    pub(crate) fn offsets_in<'a>(
        &'a self,
        partition: &'a PartitionId,
    ) -> impl Iterator<Item = (&'a Name, Offset)> {
        self.all.iter().filter_map(move |(name, group)| Some((name, *group.offsets.get(partition)?)))
    }

    /// When the next member is given up, or a group must go on.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Notes when a group has something to do: after all that may have changed it.
    fn note(&mut self, name: &Name) {
        let Some(group) = self.all.get_mut(name) else { return };
        let due = group.members.next_deadline().into_iter().chain(group.classic.next_deadline()).min();
        if due != group.due {
            if let Some(before) = core::mem::replace(&mut group.due, due) {
                self.due.remove(&(before, name.clone()));
            }
            self.due.extend(due.map(|due| (due, name.clone())));
        }
    }

    /// Gives up the members that were not heard in time. Returns the groups that have something to do, in order.
    pub(super) fn expire(&mut self, now: Time, view: &View) -> SortedSet<Name> {
        let due = self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| name.clone());
        let due: SortedSet<Name> = due.collect();
        for name in &due {
            let Some(group) = self.all.get_mut(name) else { continue };
            if group.members.expire(now) {
                group.plan(view);
            }
            self.note(name);
        }
        due
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
            self.all.entry(name.clone()).or_default();
        }
        let names = which.map_or_else(|| self.all.keys().cloned().collect(), |name| vec![name.clone()]);
        for name in names {
            let Some(group) = self.all.get_mut(&name) else { continue };
            let mut turn = Turn::new(now, &name, settings, reign, &group.offsets);
            work(&mut group.classic, &mut turn);
            turn.send(out);
            self.note(&name);
        }
    }

    /// A client is gone.
    pub(super) fn hang_up(&mut self, peer: NodeId) {
        let names: Vec<Name> = self.all.keys().cloned().collect();
        for name in names {
            if let Some(group) = self.all.get_mut(&name) {
                group.classic.hang_up(peer);
            }
            self.note(&name);
        }
    }

    /// Whether members of the newer protocol are in a group.
    pub(super) fn is_served(&self, group: &Name) -> bool {
        self.all.get(group).is_some_and(|group| !group.members.is_empty())
    }

    /// Whether anybody is in a group, of either protocol.
    pub(super) fn is_taken(&self, group: &Name) -> bool {
        self.all.get(group).is_some_and(|group| !group.members.is_empty() || !group.classic.is_empty())
    }

    /// How the members of the classic protocol stand: state, generation, and what each is to read.
    pub(super) fn look(&self, group: &Name) -> Option<(&'static str, u32, Shares<MemberId>)> {
        Some(self.all.get(group)?.classic.look())
    }

    /// A member is alive and says what it reads. Returns the group's epoch and the member's share.
    pub(super) fn heartbeat<D>(
        &mut self,
        beat: Beat,
        deadline: Time,
        view: &View,
        out: &mut Out<D>,
    ) -> Result<(Epoch, Share), Refusal> {
        let group = beat.group.clone();
        let share = self.beat(beat, deadline, view, out);
        self.note(&group);
        share
    }

    fn beat<D>(
        &mut self,
        beat: Beat,
        deadline: Time,
        view: &View,
        out: &mut Out<D>,
    ) -> Result<(Epoch, Share), Refusal> {
        let Beat { from, topic, instance, assignor, epoch, reads, group: name } = beat;
        let group = self.all.entry(name.clone()).or_default();
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
            if let Some(member) = group.members.remove(holder) {
                group.members.insert(from, member);
            }
            let (group, instance) = (name, instance.clone());
            out.event(Event::Group(GroupEvent::Fenced { group, instance, member: holder, by: from }));
        }
        let comes_back = |member: &Member| member.instance.is_some() && member.instance == instance;
        let joins = match group.members.get(from) {
            None if !begins => return Err(Refusal::NotAMember),
            Some(member) => member.topic != topic || begins && !comes_back(member),
            None => true,
        };
        if joins {
            group.members.insert(from, Member::new(topic, instance, assignor, deadline));
            group.plan(view);
        } else if !group.is_dealt(view) {
            group.plan(view); // a topic has got more partitions
        }
        let Some(member) = group.members.get(from) else { return Err(Refusal::NotAMember) };
        let keeps: SortedSet<PartitionId> = reads.into_iter().filter(|_| !joins && !begins).collect();
        // Where it goes on is not known yet: it depends on a transaction.
        let pending = &group.pending;
        let unstable = |partition: &PartitionId| pending.values().any(|all| all.contains_key(partition));
        let is_free = |partition: &&PartitionId| {
            !group.members.is_with_another(partition, from)
                && (keeps.contains(*partition) || !unstable(partition))
        };
        let share: Vec<PartitionId> = member.planned.iter().filter(is_free).cloned().collect();
        group.members.heard(from, deadline, keeps.into_iter().chain(share.iter().cloned()).collect());
        let from = |partition: PartitionId| {
            let offset = group.offsets.get(&partition).copied();
            (partition, offset)
        };
        Ok((group.epoch, share.into_iter().map(from).collect()))
    }

    /// A member of the newer protocol says that it is none any more.
    pub(super) fn leave(&mut self, from: NodeId, name: &Name, view: &View) -> Result<(), Refusal> {
        let group = self.all.get_mut(name).ok_or(Refusal::NotAMember)?;
        group.members.remove(from).ok_or(Refusal::NotAMember)?;
        group.plan(view);
        self.note(name);
        Ok(())
    }

    /// Checks that `from` may say where the group has got to: a member for what it reads, and anybody for a group
    /// without members, unless it says that it is one.
    pub(super) fn may_commit(
        &self,
        (from, as_member): (NodeId, bool),
        name: &Name,
        offsets: &[(PartitionId, Offset)],
    ) -> Result<(), Refusal> {
        if !as_member && !self.is_taken(name) {
            return Ok(());
        }
        let group = self.all.get(name).ok_or(Refusal::NotAMember)?;
        let member = group.members.get(from).ok_or(Refusal::NotAMember)?;
        let owns = offsets.iter().all(|(partition, _)| member.owns(partition));
        if owns { Ok(()) } else { Err(Refusal::NotAMember) }
    }

    /// Checks the same for a member of the classic protocol.
    pub(super) fn may_commit_as(&self, name: &Name, identity: &Identity) -> Result<(), Refusal> {
        self.all.get(name).ok_or(Refusal::NotAMember)?.classic.may_commit(identity)
    }

    /// What a member reads; nothing if it is none.
    pub(super) fn owned_by(&self, from: NodeId, name: &Name) -> Option<&SortedSet<PartitionId>> {
        Some(self.all.get(name)?.members.get(from)?.owned())
    }

    /// What a producer's transaction is to commit with these: no less than what it said before, if this is a late copy.
    pub(super) fn not_before(
        &self,
        producer: i64,
        group: &Name,
        offsets: &[(PartitionId, Offset)],
    ) -> Vec<(PartitionId, Offset)> {
        let pending = self.all.get(group).and_then(|group| group.pending.get(&producer));
        let known = |partition: &PartitionId| pending.and_then(|pending| pending.get(partition)).copied();
        let latest = |(partition, offset): &(PartitionId, Offset)| {
            (partition.clone(), known(partition).map_or(*offset, |known| known.max(*offset)))
        };
        offsets.iter().map(latest).collect()
    }

    /// Takes note of where groups go on if a producer's transaction is committed. A late copy takes nothing back.
    pub(super) fn learn_pending(&mut self, producer: i64, records: impl Iterator<Item = Record>) {
        for (group, partition, offset) in records.filter_map(|record| from_record(&record)) {
            let pending = self.all.entry(group).or_default().pending.entry(producer).or_default();
            let known = pending.entry(partition).or_insert(offset);
            *known = offset.max(*known);
        }
    }

    /// A transaction is over. Returns where which groups go on from now on.
    pub(super) fn resolve(&mut self, marker: &Marker) -> Vec<(Name, PartitionId, Offset)> {
        let mut resolved = Vec::new();
        for (name, group) in &mut self.all {
            let pending = group.pending.remove(&marker.producer).filter(|_| marker.commit);
            for (partition, offset) in pending.into_iter().flatten() {
                group.offsets.insert(partition.clone(), offset);
                resolved.push((name.clone(), partition, offset));
            }
        }
        resolved
    }

    /// Takes note of where a group has got to.
    pub(super) fn learn(&mut self, group: &Name, offsets: &[(PartitionId, Offset)]) {
        let group = self.all.entry(group.clone()).or_default();
        group.offsets.extend(offsets.iter().cloned());
        // Whatever the log says last counts: it may be all that compaction leaves.
        let said = |partition: &PartitionId| offsets.iter().any(|(of, _)| of == partition);
        group.pending.values_mut().for_each(|pending| pending.retain(|partition, _| !said(partition)));
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
        let mut votes: SortedMap<Assignor, usize> = SortedMap::new();
        for (_, member) in self.members.iter() {
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
        let topics: SortedSet<&Name> = self.members.iter().map(|(_, member)| &member.topic).collect();
        let partitions: Vec<PartitionId> =
            topics.into_iter().flat_map(|topic| view.partitions_of(topic).cloned()).collect();
        let mut shares = assignor.unwrap_or_default().assign(&candidates, &partitions);
        for (node, planned) in self.members.plans() {
            *planned = shares.remove(node).unwrap_or_default().into_iter().collect();
        }
    }

    /// Whether somebody is to read every partition of the topics.
    fn is_dealt(&self, view: &View) -> bool {
        let topics: SortedSet<&Name> = self.members.iter().map(|(_, member)| &member.topic).collect();
        let there: usize = topics.into_iter().map(|topic| view.partitions_of(topic).count()).sum();
        there == self.members.iter().map(|(_, member)| member.planned.len()).sum::<usize>()
    }

    /// Who has an instance id.
    fn holder(&self, instance: &Name) -> Option<NodeId> {
        let has = |(_, member): &(&NodeId, &Member)| member.instance.as_ref() == Some(instance);
        self.members.iter().find(has).map(|(node, _)| *node)
    }
}

/// The records that keep where a group has got to: the key `group/topic/partition`, the value the next offset.
pub(super) fn to_records(group: &Name, offsets: &[(PartitionId, Offset)], timestamp: i64) -> Batches {
    to_records_with(BatchBuilder::new, group, offsets, timestamp)
}

/// The same, in batches of some kind.
pub(super) fn to_records_with(
    new: impl Fn() -> BatchBuilder,
    group: &Name,
    offsets: &[(PartitionId, Offset)],
    timestamp: i64,
) -> Batches {
    let mut full = Vec::new();
    let mut builder = new();
    for (partition, offset) in offsets {
        let key = Bytes::from(alloc::format!("{group}/{partition}").into_bytes());
        let value = Bytes::copy_from_slice(&offset.0.to_be_bytes());
        let record = NewRecord { timestamp, key: Some(key), value: Some(value), headers: Default::default() };
        if builder.push(&record).is_err() {
            full.extend(core::mem::replace(&mut builder, new()).build().iter());
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
