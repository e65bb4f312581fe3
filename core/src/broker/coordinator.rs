//! What does the broker do that coordinates groups? It knows who is in them, and keeps where they have got to.
//!
//! It leads the partition of the topic `__offsets`; every other broker refuses. Offsets are records of that partition, so
//! they are replicated, and answered when they are committed.

use super::classic_group::ClassicGroup;
use super::group::{self, Beat};
use super::group_request::{GroupReply, GroupRequest};
use super::group_turn::{Asker, Turn};
use super::waiting::Then;
use super::{Acks, Broker, Done, MemberId, Out, Reply, Request, Role, Shares, offsets_partition, refuse};
use crate::ids::{Name, Offset, PartitionId};
use crate::log::{Log as _, SliceOf, Storage};
use crate::observe::{Event, Refusal};
use crate::time::Time;

impl<S: Storage> Broker<S> {
    /// How the members of a group stand that speak the classic protocol, as far as this broker coordinates it: the
    /// group's state by name, its generation, and what each member is to read.
    pub fn classic_group(&self, group: &Name) -> Option<(&'static str, u32, Shares<MemberId>)> {
        self.groups.look(group)
    }

    /// Does what somebody asks of a group.
    pub(super) fn ask_group(
        &mut self,
        now: Time,
        asker: Asker,
        request: Request,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        if !self.is_coordinator() {
            return refuse(asker, Refusal::NotLeader, out);
        }
        let (from, id) = asker;
        match request {
            Request::Heartbeat { group, .. } | Request::Group { group, .. }
                if self.shares.groups.is_served(&group) =>
            {
                refuse(asker, Refusal::InconsistentProtocol, out)
            }
            Request::Heartbeat { group, topic, epoch, owned, instance, assignor } => {
                let deadline = now + self.settings.consumer_session;
                let beat = Beat { from, group, topic, instance, assignor, epoch, reads: owned };
                match self.groups.heartbeat(beat, deadline, &self.view, out) {
                    Ok((epoch, partitions)) => out.reply(from, id, Reply::Membership { epoch, partitions }),
                    Err(refusal) => return refuse(asker, refusal, out),
                }
                Ok(())
            }
            Request::Commit { group, as_member, offsets } => {
                match self.groups.may_commit((from, as_member), &group, &offsets) {
                    Ok(()) => self.store_offsets(now, asker, &group, &offsets, out),
                    Err(refusal) => refuse(asker, refusal, out),
                }
            }
            Request::OffsetOf { group, partition } => {
                out.reply(from, id, Reply::OffsetIs(self.groups.offset(&group, &partition)));
                Ok(())
            }
            Request::Group { group, request: GroupRequest::Commit { identity, offsets } } => {
                match self.groups.may_commit_as(&group, &identity) {
                    Ok(()) => self.store_offsets(now, asker, &group, &offsets, out),
                    Err(refusal) => refuse(asker, refusal, out),
                }
            }
            Request::Group { group, request: GroupRequest::Leave { member: None } } => {
                match self.groups.leave(from, &group, &self.view) {
                    Ok(()) => out.reply(from, id, Reply::Group(GroupReply::Left)),
                    Err(refusal) => return refuse(asker, refusal, out),
                }
                Ok(())
            }
            Request::Group { group, request } => {
                if self.groups.is_served(&group) {
                    return refuse(asker, Refusal::InconsistentProtocol, out);
                }
                let mut request = Some(request);
                self.with_classic(now, Some(&group), out, |group, turn| match request.take() {
                    Some(GroupRequest::Join(join)) => group.join(asker, join, turn),
                    Some(GroupRequest::Sync { identity, shares }) => {
                        group.sync(asker, &identity, shares, turn)
                    }
                    Some(GroupRequest::Heartbeat(identity)) => group.heartbeat(asker, &identity, turn),
                    Some(GroupRequest::Leave { member: Some(member) }) => group.leave(asker, member, turn),
                    Some(GroupRequest::Leave { member: None } | GroupRequest::Commit { .. }) | None => {}
                });
                Ok(())
            }
            _ => refuse(asker, Refusal::Unsupported, out),
        }
    }

    /// Does with groups whatever is due.
    pub(super) fn tick_groups(&mut self, now: Time, out: &mut Out<SliceOf<S>>) {
        for group in self.groups.expire(now, &self.view) {
            self.with_classic(now, Some(&group), out, ClassicGroup::expire);
        }
    }

    /// Another broker coordinates now, or this one begins to.
    pub(super) fn forget_groups(&mut self, now: Time, out: &mut Out<SliceOf<S>>) {
        self.with_classic(now, None, out, ClassicGroup::die);
        self.groups.clear();
        self.shares.groups.clear();
    }

    fn with_classic(
        &mut self,
        now: Time,
        which: Option<&Name>,
        out: &mut Out<SliceOf<S>>,
        work: impl FnMut(&mut ClassicGroup, &mut Turn<'_>),
    ) {
        let reign = self.replicas.get(&offsets_partition()).and_then(|replica| replica.epoch());
        let reign = reign.unwrap_or_default();
        self.groups.classic((now, &self.settings, reign), which, out, work);
    }

    pub(super) fn is_coordinator(&self) -> bool {
        let replica = self.replicas.get(&offsets_partition());
        replica.is_some_and(|replica| matches!(replica.role, Role::Leader(_)))
    }

    /// Keeps where a group has got to: a record like any other, answered when it is committed.
    fn store_offsets(
        &mut self,
        now: Time,
        asker: Asker,
        group: &Name,
        offsets: &[(PartitionId, Offset)],
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        let Some(replica) = self.replicas.get_mut(&offsets_partition()) else {
            return refuse(asker, Refusal::NotLeader, out);
        };
        let batches = group::to_records(group, offsets, now.as_millis() as i64);
        let stored = |(partition, next): &(PartitionId, Offset)| {
            let (group, partition) = (group.clone(), partition.clone());
            Event::OffsetStored { group, partition, next: *next }
        };
        let then = |_| Then::OffsetsStored { events: offsets.iter().map(stored).collect() };
        let end = replica.log.end();
        replica.produce(now, asker, Acks::All, &batches, then, out)?;
        if replica.log.end() > end {
            self.groups.learn(group, offsets);
        }
        Ok(())
    }
}
