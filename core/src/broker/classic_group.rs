//! How do members agree on who reads what, when one of them decides? The classic protocol of a group: join, sync,
//! heartbeat, leave.
//!
//! ```text
//!             first join                 all have joined,            the leader's shares
//!             (a short delay)            or time is up: generation+1  have come
//!   Empty ──────────────▶ Preparing ──────────────▶ Completing ──────────────▶ Stable
//!     ▲                     │  ▲  ▲                     │                        │
//!     └── nobody is left ───┘  │  └── comes, goes, ─────┘                        │
//!                              └───── falls silent ──────────────────────────────┘
//!   Dead: another broker coordinates now
//! ```
//!
//! The coordinator does not know what a topic is, or how to deal it: it gathers all members at a gate (each join is
//! *parked* there), lets them through together with a new *generation*, and passes on what their leader computes. A
//! request of an earlier generation, or of somebody who is not a member, is refused; so a member that was put out
//! without knowing it can commit nothing any more.
//!
//! Who must be waited for is whoever is a member. One that works for long before it joins again keeps everybody
//! waiting, up to its *rebalance timeout*; then it is put out.
//!
//! A *static* member has an instance id. When it comes back under it (after a restart, with a new member id) it gets
//! its old share at once, and nobody else notices. If the earlier one still lives, it is fenced.
//!
//! What real systems do: Kafka, all of this. RocketMQ has no leader and no gate: each client computes for itself, and
//! for a while two may read the same queue.
//!
//! Sources: Kafka `ClassicGroup.java`, `GroupMetadataManager.java`; KIP-62, KIP-134 (the delay), KIP-345, KIP-394.
//! Left out: what is known of a group's members is not kept in the log; after a change of coordinator they join anew.

mod vote;

use alloc::vec::Vec;

use super::assignor::{Assignor, Candidate, Shares};
use super::group_request::{GroupReply, Identity, Join, MemberId};
use super::group_turn::{Asker, NOBODY, Turn};
use crate::ids::{Name, NodeId, PartitionId};
use crate::observe::{GroupEvent, Refusal, Removal};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// How a group stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// It has no members.
    #[default]
    Empty,
    /// Members join; it waits for the others until this moment.
    Preparing {
        until: Time,
        /// For a group that was empty: when it stops waiting for newcomers, and whether one came since it last looked.
        first: Option<(Time, bool)>,
    },
    /// All have joined; it waits for what the leader says until this moment.
    Completing { until: Time },
    /// Everybody has a share.
    Stable,
    /// Another broker coordinates it.
    Dead,
}

#[derive(Clone, Debug)]
struct Member {
    /// What it asked for when it joined last.
    join: Join,
    /// When it is put out, unless it is heard before, or waits for an answer.
    deadline: Time,
    /// The request by which it became a member, while its connection lasts.
    came_by: Asker,
    joins: Option<Asker>,
    syncs: Option<Asker>,
    share: Vec<PartitionId>,
}

/// The members of one group that speak the classic protocol.
#[derive(Clone, Debug, Default)]
pub(super) struct ClassicGroup {
    state: State,
    generation: u32,
    leader: Option<MemberId>,
    assignor: Assignor,
    members: SortedMap<MemberId, Member>,
    /// Which member has an instance id.
    instances: SortedMap<Name, MemberId>,
    /// Ids that were given out and have not joined yet, and until when they may.
    promised: SortedMap<MemberId, Time>,
    last_number: u32,
}

impl ClassicGroup {
    /// Whether it has no members, and expects none.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.promised.is_empty()
    }

    /// The state by name, the generation, and the members with their shares.
    pub(super) fn look(&self) -> (&'static str, u32, Shares<MemberId>) {
        let state = match self.state {
            State::Empty => "empty",
            State::Preparing { .. } => "preparing rebalance",
            State::Completing { .. } => "completing rebalance",
            State::Stable => "stable",
            State::Dead => "dead",
        };
        let shares = self.members.iter().map(|(id, member)| (*id, member.share.clone())).collect();
        (state, self.generation, shares)
    }

    /// Somebody wants to be a member, or says again that it is one.
    pub(super) fn join(&mut self, asker: Asker, join: Join, turn: &mut Turn<'_>) {
        if self.state == State::Dead {
            return turn.refuse([asker], Refusal::NotLeader);
        }
        if join.assignors.is_empty() || self.common(join.member, Some(&join)).is_empty() {
            return turn.refuse([asker], Refusal::InconsistentProtocol);
        }
        match (join.member, &join.instance) {
            (None, Some(instance)) => match self.instances.get(instance).copied() {
                Some(earlier) => self.take_over(asker, earlier, join, turn),
                None => {
                    let id = self.new_id(asker.0, turn.reign);
                    self.add(asker, id, join, turn);
                }
            },
            (None, None) => {
                let id = self.new_id(asker.0, turn.reign);
                self.promised.insert(id, turn.now + join.session);
                turn.answer(asker, GroupReply::MemberIs(id));
            }
            (Some(id), _) if self.promised.remove(&id).is_some() => self.add(asker, id, join, turn),
            (Some(id), instance) => match self.check(id, instance.as_ref()) {
                Ok(()) => self.join_again(asker, id, join, turn),
                Err(why) => turn.refuse([asker], why),
            },
        }
    }

    /// A member asks for its share; the leader brings everybody's.
    pub(super) fn sync(
        &mut self,
        asker: Asker,
        identity: &Identity,
        shares: Option<Shares<MemberId>>,
        turn: &mut Turn<'_>,
    ) {
        if let Err(why) = self.check_all(identity) {
            return turn.refuse([asker], why);
        }
        match self.state {
            State::Dead => turn.refuse([asker], Refusal::NotLeader),
            State::Empty => turn.refuse([asker], Refusal::NotAMember),
            State::Preparing { .. } => turn.refuse([asker], Refusal::Rebalancing),
            State::Completing { .. } => {
                if let Some(member) = self.members.get_mut(&identity.member) {
                    member.syncs = Some(asker);
                }
                if let (true, Some(mut shares)) = (self.leader == Some(identity.member), shares) {
                    for (id, member) in &mut self.members {
                        member.share = shares.remove(id).unwrap_or_default();
                    }
                    self.become_stable(turn);
                }
            }
            State::Stable => self.hand_out(identity.member, asker, turn),
        }
    }

    /// A member is alive.
    pub(super) fn heartbeat(&mut self, asker: Asker, identity: &Identity, turn: &mut Turn<'_>) {
        if let Err(why) = self.check_all(identity) {
            return turn.refuse([asker], why);
        }
        if let Some(member) = self.members.get_mut(&identity.member) {
            member.deadline = turn.now + member.join.session;
        }
        match self.state {
            State::Preparing { .. } => turn.refuse([asker], Refusal::Rebalancing),
            // It has joined, and has nothing to do but to wait for its share: sent back, it would begin all anew.
            State::Completing { .. } | State::Stable => turn.answer(asker, GroupReply::Alive),
            State::Empty => turn.refuse([asker], Refusal::NotAMember),
            State::Dead => turn.refuse([asker], Refusal::NotLeader),
        }
    }

    /// A member goes.
    pub(super) fn leave(&mut self, asker: Asker, id: MemberId, turn: &mut Turn<'_>) {
        if self.promised.remove(&id).is_some() {
            turn.answer(asker, GroupReply::Left);
            return self.let_through(turn);
        }
        if !self.members.contains_key(&id) {
            return turn.refuse([asker], Refusal::NotAMember);
        }
        turn.answer(asker, GroupReply::Left);
        self.remove(id, Removal::Left, turn);
        self.changed(id.client, turn);
    }

    /// Whether a member may say now where the group has got to.
    pub(super) fn may_commit(&self, identity: &Identity) -> Result<(), Refusal> {
        self.check_all(identity)?;
        match self.state {
            State::Stable | State::Preparing { .. } => Ok(()),
            // It has joined the new generation, and has no share of it yet.
            State::Completing { .. } => Err(Refusal::Rebalancing),
            State::Empty => Err(Refusal::NotAMember),
            State::Dead => Err(Refusal::NotLeader),
        }
    }

    /// When something is due.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let state = match self.state {
            State::Preparing { until, .. } | State::Completing { until } => Some(until),
            State::Empty | State::Stable | State::Dead => None,
        };
        let silent = self.members.values().filter(|member| !member.is_parked()).map(|member| member.deadline);
        silent.chain(self.promised.values().copied()).chain(state).min()
    }

    /// Puts out who was not heard in time, and stops waiting where time is up.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        let promised = self.promised.len();
        self.promised.retain(|_, until| *until > now);
        if self.promised.len() != promised {
            self.let_through(turn);
        }
        let silent = |(_, member): &(&MemberId, &Member)| !member.is_parked() && member.deadline <= now;
        let silent: Vec<MemberId> = self.members.iter().filter(silent).map(|(id, _)| *id).collect();
        for &id in &silent {
            self.remove(id, Removal::Silent, turn);
        }
        if let Some(last) = silent.last() {
            self.changed(last.client, turn);
        }
        match self.state {
            State::Preparing { until, first } if until <= now => match first {
                // Newcomers came while it waited, and there is time left: more may be on their way.
                Some((latest, true)) if until < latest => {
                    let until = (now + turn.delay).min(latest);
                    self.state = State::Preparing { until, first: Some((latest, false)) };
                }
                _ => self.finish_joining(turn),
            },
            State::Completing { until } if until <= now => {
                let slow = |(_, member): &(&MemberId, &Member)| member.syncs.is_none();
                let slow: Vec<MemberId> = self.members.iter().filter(slow).map(|(id, _)| *id).collect();
                for &id in &slow {
                    self.remove(id, Removal::TooSlow, turn);
                }
                let because = slow.last().or(self.leader.as_ref()).map(|id| id.client);
                if let Some(because) = because {
                    self.changed(because, turn);
                }
            }
            _ => {}
        }
    }

    /// Another broker coordinates now: whoever waits must ask there.
    pub(super) fn die(&mut self, turn: &mut Turn<'_>) {
        for member in self.members.values_mut() {
            turn.refuse(member.joins.take().into_iter().chain(member.syncs.take()), Refusal::NotLeader);
        }
        self.state = State::Dead;
    }

    /// A client is gone. If it waits at the gate it is counted as here; nobody will hear the answer.
    pub(super) fn hang_up(&mut self, peer: NodeId) {
        for member in self.members.values_mut() {
            let waiting = [&mut member.joins, &mut member.syncs].into_iter().flatten();
            for (_, id) in waiting.chain([&mut member.came_by]).filter(|(from, _)| *from == peer) {
                *id = NOBODY;
            }
        }
    }

    fn new_id(&mut self, client: NodeId, reign: u32) -> MemberId {
        self.last_number += 1;
        MemberId { client, number: u64::from(reign) << 32 | u64::from(self.last_number) }
    }

    /// Checks who speaks.
    fn check(&self, id: MemberId, instance: Option<&Name>) -> Result<(), Refusal> {
        if let Some(holder) = instance.and_then(|instance| self.instances.get(instance))
            && *holder != id
        {
            return Err(Refusal::FencedInstance);
        }
        if self.members.contains_key(&id) { Ok(()) } else { Err(Refusal::NotAMember) }
    }

    /// Checks who speaks, and in which generation.
    fn check_all(&self, identity: &Identity) -> Result<(), Refusal> {
        self.check(identity.member, identity.instance.as_ref())?;
        if identity.generation == self.generation { Ok(()) } else { Err(Refusal::IllegalGeneration) }
    }

    fn add(&mut self, asker: Asker, id: MemberId, join: Join, turn: &mut Turn<'_>) {
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), id);
        }
        let deadline = turn.now + join.session;
        let member =
            Member { join, deadline, came_by: asker, joins: Some(asker), syncs: None, share: Vec::new() };
        self.members.insert(id, member);
        self.leader.get_or_insert(id);
        if let State::Preparing { first: Some((_, newcomers)), .. } = &mut self.state {
            *newcomers = true;
        }
        self.changed(id.client, turn);
    }

    fn join_again(&mut self, asker: Asker, id: MemberId, join: Join, turn: &mut Turn<'_>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let wants = |join: &Join| (join.topic.clone(), join.assignors.clone(), join.owned.clone());
        let same = wants(&member.join) == wants(&join);
        // Who leads and joins again wants everything dealt anew: it may know of new partitions.
        let repeats = same && (self.state != State::Stable || self.leader != Some(id));
        (member.join, member.deadline) = (join, turn.now + member.join.session);
        match self.state {
            State::Completing { .. } | State::Stable if repeats => self.tell_joined(id, asker, turn),
            _ => {
                member.joins = Some(asker);
                self.changed(id.client, turn);
            }
        }
    }

    /// A static member comes back, or somebody else comes under its name.
    fn take_over(&mut self, asker: Asker, earlier: MemberId, join: Join, turn: &mut Turn<'_>) {
        if self.members.get(&earlier).is_some_and(|member| member.came_by == asker) {
            return; // the same request came twice: it must not fence whom it made a member
        }
        let Some(mut member) = self.members.remove(&earlier) else { return };
        member.came_by = asker;
        turn.refuse(member.joins.take().into_iter().chain(member.syncs.take()), Refusal::FencedInstance);
        let id = self.new_id(asker.0, turn.reign);
        if let Some(instance) = &join.instance {
            self.instances.insert(instance.clone(), id);
            if earlier.client != id.client {
                let (group, instance) = (turn.group.clone(), instance.clone());
                turn.event(GroupEvent::Fenced { group, instance, member: earlier.client, by: id.client });
            }
        }
        if self.leader == Some(earlier) {
            self.leader = Some(id);
        }
        let same = member.join.topic == join.topic;
        (member.join, member.deadline) = (join, turn.now + member.join.session);
        self.members.insert(id, member);
        if self.state == State::Stable && same && self.vote() == self.assignor {
            return self.tell_joined(id, asker, turn);
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.joins = Some(asker);
        }
        self.changed(id.client, turn);
    }

    fn remove(&mut self, id: MemberId, why: Removal, turn: &mut Turn<'_>) {
        let Some(member) = self.members.remove(&id) else { return };
        turn.refuse(member.joins.into_iter().chain(member.syncs), Refusal::NotAMember);
        self.instances.retain(|_, holder| *holder != id);
        if self.leader == Some(id) {
            self.leader = None;
        }
        turn.event(GroupEvent::Removed { group: turn.group.clone(), member: id.client, why });
    }

    /// Members have come or gone: all must join again.
    fn changed(&mut self, because: NodeId, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::Preparing { .. } | State::Dead) {
            for member in self.members.values_mut() {
                turn.refuse(member.syncs.take(), Refusal::Rebalancing);
            }
            let patience = self.patience();
            let latest = turn.now + patience;
            self.state = match self.state {
                State::Empty => State::Preparing {
                    until: (turn.now + turn.delay).min(latest),
                    first: Some((latest, false)),
                },
                _ => State::Preparing { until: latest, first: None },
            };
            let (group, generation) = (turn.group.clone(), self.generation);
            turn.event(GroupEvent::RebalanceBegan { group, generation, because });
        }
        self.let_through(turn);
    }

    /// The longest that any member may need to join again.
    fn patience(&self) -> Span {
        self.members.values().map(|member| member.join.rebalance).max().unwrap_or_default()
    }

    /// Opens the gate, if nobody is missing.
    fn let_through(&mut self, turn: &mut Turn<'_>) {
        let all = self.promised.is_empty() && self.members.values().all(|member| member.joins.is_some());
        if matches!(self.state, State::Preparing { first: None, .. }) && all || self.members.is_empty() {
            self.finish_joining(turn);
        }
    }

    /// Everybody has joined, or time is up: a new generation begins with those who are here.
    fn finish_joining(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.state, State::Preparing { .. }) {
            return;
        }
        // Who has an instance id may come back under it: it is missed until its session is over, not before.
        let missing =
            |(_, member): &(&MemberId, &Member)| member.joins.is_none() && member.join.instance.is_none();
        let missing: Vec<MemberId> = self.members.iter().filter(missing).map(|(id, _)| *id).collect();
        for id in missing {
            self.remove(id, Removal::TooSlow, turn);
        }
        let joined = |id: &MemberId| self.members.get(id).is_some_and(|member| member.joins.is_some());
        let leader = self.leader.filter(joined).or_else(|| self.members.keys().copied().find(joined));
        let until = turn.now + self.patience();
        if leader.is_none() && !self.members.is_empty() {
            self.state = State::Preparing { until, first: None };
            return;
        }
        self.leader = leader;
        self.generation += 1;
        if self.members.is_empty() {
            self.state = State::Empty;
            let (group, generation) = (turn.group.clone(), self.generation);
            return turn.event(GroupEvent::RebalanceEnded { group, generation, members: Vec::new() });
        }
        self.assignor = self.vote();
        self.state = State::Completing { until };
        let mut parked = Vec::new();
        for (id, member) in &mut self.members {
            member.share.clear();
            if let Some(asker) = member.joins.take() {
                member.deadline = turn.now + member.join.session;
                parked.push((*id, asker));
            }
        }
        for (id, asker) in parked {
            self.tell_joined(id, asker, turn);
        }
    }

    fn tell_joined(&self, id: MemberId, asker: Asker, turn: &mut Turn<'_>) {
        let candidate = |(id, member): (&MemberId, &Member)| Candidate {
            instance: member.join.instance.clone(),
            owned: member.join.owned.clone(),
            generation: member.join.generation,
            ..Candidate::new(*id, [member.join.topic.clone()])
        };
        let computes = self.leader == Some(id) && matches!(self.state, State::Completing { .. });
        let members = if computes { self.members.iter().map(candidate).collect() } else { Vec::new() };
        let (generation, assignor) = (self.generation, self.assignor);
        turn.answer(asker, GroupReply::Joined { member: id, generation, assignor, members });
    }

    fn become_stable(&mut self, turn: &mut Turn<'_>) {
        self.state = State::Stable;
        let parked = self.members.iter_mut().filter_map(|(id, member)| Some((*id, member.syncs.take()?)));
        let parked: Vec<_> = parked.collect();
        for (id, asker) in parked {
            self.hand_out(id, asker, turn);
        }
        let members = self.members.keys().map(|id| id.client).collect();
        let (group, generation) = (turn.group.clone(), self.generation);
        turn.event(GroupEvent::RebalanceEnded { group, generation, members });
    }

    fn hand_out(&mut self, id: MemberId, asker: Asker, turn: &mut Turn<'_>) {
        let Some(member) = self.members.get_mut(&id) else { return };
        member.deadline = turn.now + member.join.session;
        let offset = |partition: &PartitionId| (partition.clone(), turn.offsets.get(partition).copied());
        let share = member.share.iter().map(offset).collect();
        turn.answer(asker, GroupReply::Synced(share));
    }
}

impl Member {
    /// Whether it waits for an answer: it is not missed then.
    fn is_parked(&self) -> bool {
        self.joins.is_some() || self.syncs.is_some()
    }
}
