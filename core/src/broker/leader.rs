//! When is a message safe? What the leader of a partition knows of its followers, and what follows from it.
//!
//! Followers fetch from the leader as consumers do, and a follower's fetch from offset F *says* that it has
//! everything below F. From this the leader works out
//!
//! * the **high watermark**: the least end among the replicas in sync. Everything below it is committed;
//! * the **in-sync set**: a follower that has not had everything the leader had for longer than
//!   [`Settings::replica_lag_max`] is taken out, and one that reaches the high watermark is let in again. The
//!   controller must agree to both. Until it has, the larger of the two sets counts: a message is not called
//!   committed on a set that might not come to be, nor on one that might still be.
//!
//! A follower that keeps up and is not in the set yet is waited for like one that is in it: it is about to come back, and
//! would else find the watermark ahead of it again and again. While the set is smaller than the partition's least size,
//! the watermark stands still: nothing is called committed that fewer replicas have.
//!
//! ```text
//!   too few in sync at the append:    refused, nothing is written           (not enough replicas)
//!   too few when all in sync have it: written, and its producer is warned   (not enough replicas after the append)
//!
//!   acks=1    append ─▶ "stored"                          lost if the leader dies before a follower fetches
//!   acks=all  append ─▶ followers fetch ─▶ high watermark passes ─▶ "stored"      lost only with all in sync
//! ```
//!
//! The high watermark that a fetch is answered with is the one *before* the fetch is counted: followers learn
//! of it one fetch later. That delay is why a new leader may not know how far its log is committed.
//!
//! A batch that is in the log already (`core/src/broker/producer_state.rs`) is not appended again, and its producer is
//! answered as the first time: not before it is committed, with acks=all.
//!
//! What real systems do: this is Kafka's way. Raft, and with it RabbitMQ's quorum queues, counts a majority
//! instead of a set that shrinks and grows.
//!
//! Source: Kafka `Partition.scala`, `Replica.scala`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::long_poll::Parked;
use super::mutant::{Mutant, Mutated};
use super::producer_state::StoredBatch;
use super::protocol::{Acks, Fetch, Out, Reply, RequestId};
use super::replica::{Replica, Role, message_ids};
use super::settings::Settings;
use super::view::{PartitionState, View, is_internal};
use super::waiting::{Then, Waiting};
use crate::ids::{Epoch, NodeId, Offset};
use crate::log::{Log, LogError};
use crate::observe::{Event, Place, ProducerEvent, Refusal};
use crate::record::Batches;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// The state of a leader.
#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(super) epoch: Epoch,
    /// The version of the partition's state that the in-sync set comes from.
    pub(super) version: u64,
    /// Where the leader's own reign begins in the log.
    epoch_start: Offset,
    in_sync: Vec<NodeId>,
    replicas: Vec<NodeId>,
    min_in_sync: usize,
    /// Whether the watermark stands still while fewer are in sync than that.
    strict: bool,
    mutated: Mutated,
    /// How long a follower may lag and yet be waited for.
    lag_max: Span,
    followers: SortedMap<NodeId, Progress>,
    /// What the controller was asked to make the in-sync set, until it answers.
    proposed: Option<Vec<NodeId>>,
    /// Producers and committers that wait for the high watermark, in order of offset.
    pub(super) waiting: VecDeque<Waiting>,
    /// Fetches that wait for records (long poll).
    pub(super) parked: Vec<Parked>,
}

/// What the leader knows of a follower.
#[derive(Clone, Debug)]
struct Progress {
    /// It has everything below this.
    end: Offset,
    /// When it last had everything that the leader had, as far as this leader knows.
    caught_up: Option<Time>,
    /// Whether the controller hears it: else it cannot come back into the in-sync set.
    alive: bool,
    /// The leader's end at its last fetch, and when that was.
    last_fetch: (Offset, Time),
}

impl Leader {
    /// Whether a fetch or a produce of this epoch may be served.
    pub(super) fn is_at(&self, epoch: Epoch) -> Result<(), Refusal> {
        match epoch.cmp(&self.epoch) {
            core::cmp::Ordering::Less => Err(Refusal::Stale),
            core::cmp::Ordering::Equal => Ok(()),
            core::cmp::Ordering::Greater => Err(Refusal::NotLeader),
        }
    }

    /// Since which election it leads.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The followers that are alive, and how far each has got.
    pub(super) fn followers(&self) -> impl Iterator<Item = (NodeId, Offset)> {
        let alive = self.followers.iter().filter(|(_, progress)| progress.alive);
        alive.map(|(follower, progress)| (*follower, progress.end))
    }

    /// The sets that could be in force: the present one, and the one that the controller was asked for.
    fn maximal_in_sync(&self) -> impl Iterator<Item = NodeId> {
        self.in_sync.iter().chain(self.proposed.iter().flatten()).copied()
    }

    /// Those that are not in sync, and keep up all the same.
    fn about_to_return(&self, now: Time, end: Offset) -> impl Iterator<Item = NodeId> {
        let keeps_up = move |(_, progress): &(&NodeId, &Progress)| {
            progress.alive && progress.keeps_up(now, end, self.lag_max)
        };
        self.followers.iter().filter(keeps_up).map(|(follower, _)| *follower)
    }

    /// Whether enough are in sync to call something committed.
    pub(super) fn has_enough(&self) -> bool {
        self.in_sync.len() >= self.min_in_sync
    }

    /// The in-sync set with a change, in the order of the assignment.
    fn in_sync_if(&self, keep: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        self.replicas.iter().copied().filter(|&replica| keep(replica)).collect()
    }

    /// Others keep the partition than before.
    fn replaced(&mut self, now: Time, me: NodeId, state: &PartitionState) {
        self.replicas.clone_from(&state.replicas);
        self.min_in_sync = (state.min_in_sync as usize).min(state.replicas.len() - state.adding.len());
        self.followers.retain(|follower, _| state.replicas.contains(follower));
        for replica in state.replicas.iter().filter(|replica| **replica != me) {
            let unknown = || Progress::unknown(now, state.in_sync.contains(replica));
            self.followers.entry(*replica).or_insert_with(unknown);
        }
    }

    /// Whether a change of the in-sync set was asked for, and may be made or not.
    pub(super) fn has_proposed(&self) -> bool {
        self.proposed.is_some()
    }

    /// The controller refused a change of the in-sync set.
    pub(super) fn withdraw_proposal(&mut self) {
        self.proposed = None;
    }
}

impl Progress {
    /// Of a follower that has not fetched yet.
    fn unknown(now: Time, in_sync: bool) -> Self {
        let caught_up = in_sync.then_some(now);
        Self { end: Offset::ZERO, caught_up, alive: true, last_fetch: (Offset::ZERO, now) }
    }

    /// Whether a follower has all of a log that ends there, or had all of it not long ago.
    fn keeps_up(&self, now: Time, end: Offset, lag_max: Span) -> bool {
        self.end == end || self.caught_up.is_some_and(|at| now.since(at) <= lag_max)
    }
}

impl<L: Log> Replica<L> {
    /// Begins to lead, or learns how the partition stands now.
    pub(super) fn lead(
        &mut self,
        now: Time,
        me: NodeId,
        state: &PartitionState,
        (settings, view): (&Settings, &View),
        out: &mut Out<L::Slice>,
    ) {
        let alive = |broker: &NodeId| view.brokers.get(broker).copied().unwrap_or(false);
        if let Role::Leader(leader) = &mut self.role
            && leader.epoch == state.epoch
        {
            if state.version > leader.version {
                leader.version = state.version;
                leader.in_sync.clone_from(&state.in_sync);
                leader.proposed = None;
                if leader.replicas != state.replicas {
                    leader.replaced(now, me, state);
                }
            }
        } else {
            self.refuse_all(Refusal::NotLeader, out);
            let epoch_start = self.log.end();
            self.epochs.begin(state.epoch, epoch_start);
            let others = state.replicas.iter().filter(|&&replica| replica != me);
            let fresh =
                |replica: &NodeId| (*replica, Progress::unknown(now, state.in_sync.contains(replica)));
            self.role = Role::Leader(Leader {
                epoch: state.epoch,
                version: state.version,
                epoch_start,
                in_sync: state.in_sync.clone(),
                replicas: state.replicas.clone(),
                min_in_sync: (state.min_in_sync as usize).min(state.replicas.len()),
                strict: settings.strict_watermark,
                mutated: settings.mutated(),
                lag_max: settings.replica_lag_max,
                followers: others.map(fresh).collect(),
                proposed: None,
                waiting: VecDeque::new(),
                parked: Vec::new(),
            });
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.followers.iter_mut().for_each(|(follower, progress)| progress.alive = alive(follower));
        }
        self.advance_high_watermark(now, out);
    }

    /// Stops leading or following: everybody who waits is refused, so that nobody waits in vain.
    pub(super) fn refuse_all(&mut self, refusal: Refusal, out: &mut Out<L::Slice>) {
        if let Role::Leader(leader) = &mut self.role {
            for waiting in leader.waiting.drain(..) {
                out.reply(waiting.to, waiting.id, Reply::Refused(refusal));
            }
        }
        for parked in self.parked().map(core::mem::take).into_iter().flatten() {
            out.reply(parked.to, parked.id, Reply::Refused(refusal));
        }
    }

    /// Appends for a producer or a group; `then` is answered as `acks` asks.
    pub(super) fn produce(
        &mut self,
        now: Time,
        (to, id): (NodeId, RequestId),
        acks: Acks,
        batches: &Batches,
        then: impl FnOnce(Offset) -> Then,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        let base = self.log.end();
        let Role::Leader(leader) = &mut self.role else {
            out.reply(to, id, Reply::Refused(Refusal::NotLeader));
            return Ok(());
        };
        if acks == Acks::All && !leader.has_enough() {
            out.reply(to, id, Reply::Refused(Refusal::NotEnoughReplicas));
            return Ok(());
        }
        let known = match leader.mutated.is(Mutant::ForgetsSequences) {
            true => Ok(None),
            false => self.producers.check(batches),
        };
        match known {
            Err(refusal) => {
                out.reply(to, id, Reply::Refused(refusal));
                return Ok(());
            }
            Ok(Some(stored)) => {
                self.recognised((to, id), acks, batches, stored, then(stored.base), out);
                return Ok(());
            }
            Ok(None) => {}
        }
        let stamped = batches.stamped(base, leader.epoch);
        self.append(&stamped)?;
        let messages = message_ids(&stamped);
        if !self.is_internal() {
            out.event(Event::Appended { to: Place::Partition(self.partition.clone()), base, messages });
        }
        let Role::Leader(leader) = &mut self.role else { return Ok(()) };
        match acks {
            Acks::None => {}
            Acks::Leader => then(base).release(to, id, out),
            Acks::All => {
                leader.waiting.push_back(Waiting { below: self.log.end(), to, id, then: then(base) })
            }
        }
        self.advance_high_watermark(now, out);
        Ok(())
    }

    /// A batch came that is in the log already: nothing is written, and it is answered as the first time.
    fn recognised(
        &mut self,
        (to, id): (NodeId, RequestId),
        acks: Acks,
        batches: &Batches,
        stored: StoredBatch,
        then: Then,
        out: &mut Out<L::Slice>,
    ) {
        let (partition, messages) = (self.partition.clone(), message_ids(batches));
        out.event(Event::Producer(ProducerEvent::Recognised { partition, base: stored.base, messages }));
        let Role::Leader(leader) = &mut self.role else { return };
        match acks {
            Acks::None => {}
            // Not before it is committed: the first answer may have been waiting for that, too.
            Acks::All if stored.next > self.high_watermark => {
                let at = leader.waiting.partition_point(|waiting| waiting.below <= stored.next);
                leader.waiting.insert(at, Waiting { below: stored.next, to, id, then });
            }
            Acks::Leader | Acks::All => then.release(to, id, out),
        }
    }

    /// The high watermark rises to the least end among the replicas in sync; whoever waited for it is answered.
    pub(super) fn advance_high_watermark(&mut self, now: Time, out: &mut Out<L::Slice>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let own = self.log.end();
        let end_of = |node: NodeId| leader.followers.get(&node).map_or(own, |progress| progress.end);
        let all = leader.maximal_in_sync().chain(leader.about_to_return(now, own));
        let least = all.map(end_of).min().unwrap_or(own);
        let least = if leader.mutated.is(Mutant::HastyWatermark) { own } else { least };
        let enough = leader.has_enough();
        if least <= self.high_watermark || leader.strict && !enough {
            return;
        }
        self.high_watermark = least;
        self.producers.rise(least);
        if !is_internal(&self.partition.topic) {
            out.event(Event::Committed { partition: self.partition.clone(), below: least });
        }
        while leader.waiting.front().is_some_and(|waiting| waiting.below <= least) {
            let Some(Waiting { to, id, then, .. }) = leader.waiting.pop_front() else { break };
            if enough {
                then.release(to, id, out);
            } else {
                out.reply(to, id, Reply::Refused(Refusal::NotEnoughReplicasAfterAppend));
            }
        }
    }

    /// Answers a fetch, or lets it wait. Returns the in-sync set to propose when a follower has come back.
    pub(super) fn fetch(
        &mut self,
        now: Time,
        (to, id): (NodeId, RequestId),
        fetch: Fetch,
        out: &mut Out<L::Slice>,
    ) -> Result<Option<Vec<NodeId>>, LogError<L::Error>> {
        let Role::Leader(leader) = &mut self.role else {
            out.reply(to, id, Reply::Refused(Refusal::NotLeader));
            return Ok(None);
        };
        let high_watermark = self.high_watermark;
        let mut proposal = None;
        if let Some(replica) = fetch.replica {
            if let Err(refusal) = leader.is_at(replica.leader_epoch) {
                out.reply(to, id, Reply::Refused(refusal));
                return Ok(None);
            }
            let by_watermark = leader.mutated.is(Mutant::CutsAtWatermark);
            if let Some((epoch, end)) =
                self.diverges(fetch.from, replica.last_epoch).filter(|_| !by_watermark)
            {
                out.reply(to, id, Reply::Diverged { epoch, end });
                return Ok(None);
            }
            proposal = self.count_fetch(now, to, fetch.from);
            self.advance_high_watermark(now, out);
        }
        let until = now + fetch.wait_max;
        let parked = Parked { to, id, fetch, until };
        if !self.answer(&parked, high_watermark, now >= until, out)?
            && let Role::Leader(leader) = &mut self.role
        {
            leader.parked.push(parked);
        }
        Ok(proposal)
    }

    /// Takes note of what a follower has; says which set to propose if it is in sync again.
    fn count_fetch(&mut self, now: Time, follower: NodeId, from: Offset) -> Option<Vec<NodeId>> {
        let end = self.log.end();
        let Role::Leader(leader) = &mut self.role else { return None };
        let progress = leader.followers.get_mut(&follower)?;
        if from >= end {
            progress.caught_up = Some(now);
        } else if from >= progress.last_fetch.0 {
            progress.caught_up = Some(progress.last_fetch.1);
        }
        progress.end = from;
        progress.last_fetch = (end, now);
        let returns = !leader.in_sync.contains(&follower)
            && leader.proposed.is_none()
            && from >= self.high_watermark
            && from >= leader.epoch_start;
        if returns {
            leader.proposed =
                Some(leader.in_sync_if(|replica| replica == follower || leader.in_sync.contains(&replica)));
        }
        leader.proposed.clone().filter(|_| returns)
    }

    /// The set to propose when followers have fallen behind for too long.
    pub(super) fn shrink(&mut self, now: Time, settings: &Settings) -> Option<Vec<NodeId>> {
        let end = self.log.end();
        let Role::Leader(leader) = &mut self.role else { return None };
        let caught_up = |progress: &Progress| progress.keeps_up(now, end, settings.replica_lag_max);
        let stays = |replica: NodeId| {
            leader.in_sync.contains(&replica) && leader.followers.get(&replica).is_none_or(caught_up)
        };
        let kept = leader.in_sync_if(stays);
        if leader.proposed.is_some() || kept.len() == leader.in_sync.len() {
            return None;
        }
        leader.proposed = Some(kept);
        leader.proposed.clone()
    }
}
