//! How does a member come through the gate? It joins, waits until all have; whoever leads deals; it syncs, and has its
//! share.

use alloc::vec::Vec;

use super::{ClassicMember, Stage};
use crate::broker::{
    Assignor, Candidate, GroupReply, GroupRequest, Join, MemberId, Out, Reply, RequestId, Shares,
};
use crate::client::asked::Asked;
use crate::ids::{Offset, PartitionId};
use crate::observe::Refusal;
use crate::time::{Span, Time};

impl ClassicMember {
    pub(super) fn is_stage_reply(&self, id: RequestId) -> bool {
        match &self.stage {
            Stage::Joining(asked) => asked.id == id,
            Stage::Syncing { asked, .. } => Asked::is(asked.as_ref(), id),
            _ => false,
        }
    }

    /// The answer to a join or a sync.
    pub(super) fn stage_reply(&mut self, now: Time, reply: Reply, out: &mut Out) {
        match reply {
            Reply::Group(GroupReply::MemberIs(id)) => {
                self.id = Some(id);
                self.stand_apart(now);
            }
            Reply::Group(GroupReply::Joined { member, generation, assignor, members }) => {
                (self.id, self.generation) = (Some(member), generation);
                self.dealt = None;
                let shares = (!members.is_empty()).then(|| self.deal(assignor, &members));
                self.stage = Stage::Syncing { asked: None, again: now, shares };
            }
            Reply::Group(GroupReply::Synced(partitions)) => self.synced(now, partitions, out),
            Reply::Refused(why) => self.refused_at_the_gate(now, why, out),
            _ => self.stand_apart(now + self.reader.settings.retry_backoff),
        }
    }

    /// It leads: who reads what?
    fn deal(&mut self, assignor: Assignor, members: &[Candidate<MemberId>]) -> Shares<MemberId> {
        let view = self.reader.metadata.view();
        let topics = members.iter().flat_map(|member| &member.topics);
        let partitions: Vec<PartitionId> =
            topics.flat_map(|topic| view.partitions_of(topic).cloned()).collect();
        self.dealt = Some(view.partitions_of(&self.reader.topic).count());
        assignor.assign(members, &partitions)
    }

    fn synced(&mut self, now: Time, partitions: Vec<(PartitionId, Option<Offset>)>, out: &mut Out) {
        self.claims = (partitions.iter().map(|(partition, _)| partition.clone()).collect(), self.generation);
        self.next_heartbeat = now + self.reader.settings.consumer_heartbeat;
        let stays = |owned: &PartitionId| partitions.iter().any(|(kept, _)| kept == owned);
        self.reader.let_go(stays, out);
        if self.reader.positions.values().any(|position| position.leaving) {
            // A second round: what it lets go of is dealt when it has joined without it.
            self.stage = Stage::LettingGo;
            self.reader.next_commit = now;
        } else {
            self.stage = Stage::Member;
        }
        self.reader.add(partitions, out);
    }

    /// A join or a sync was refused.
    fn refused_at_the_gate(&mut self, now: Time, why: Refusal, out: &mut Out) {
        match why {
            // Dealt anew before this round was over.
            Refusal::Rebalancing => self.stand_apart(now),
            _ => {
                self.stand_apart(now + self.reader.settings.retry_backoff);
                self.refused_as_member(now, why, out);
            }
        }
    }

    pub(super) fn join(&mut self, now: Time, out: &mut Out) {
        self.reader.drop_left();
        let (owned, generation) = match self.assignor() {
            Assignor::CooperativeSticky => (self.reader.positions.keys().cloned().collect(), self.claims.1),
            Assignor::Sticky => self.claims.clone(),
            Assignor::Range | Assignor::RoundRobin | Assignor::Uniform => (Vec::new(), 0),
        };
        let options = &self.reader.options;
        let join = Join {
            member: self.id,
            instance: options.instance.clone(),
            topic: self.reader.topic.clone(),
            owned,
            generation,
            assignors: [self.assignor()].into(),
            session: options.session.unwrap_or(self.reader.settings.consumer_session),
            rebalance: self.poll_max(),
        };
        // It is parked until the last member has joined.
        let patience = Span(self.poll_max().0 + self.reader.settings.rebalance_delay.0);
        match self.ask(GroupRequest::Join(join), patience, out) {
            Some(asked) => (self.stage, self.reader.holds) = (Stage::Joining(asked), false),
            None => self.stand_apart(now + self.reader.settings.retry_backoff),
        }
    }

    pub(super) fn sync(&mut self, now: Time, out: &mut Out) {
        let (Some(identity), Stage::Syncing { shares, .. }) = (self.identity(), &self.stage) else { return };
        let shares = shares.clone();
        let patience = self.poll_max();
        let asked = self.ask(GroupRequest::Sync { identity, shares: shares.clone() }, patience, out);
        self.stage = Stage::Syncing { asked, again: now + self.reader.settings.retry_backoff, shares };
    }
}
