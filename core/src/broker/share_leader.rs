//! What does a partition's leader do for share groups? It hands records out, each to one member for a while, takes the
//! members' word, and has the account written down.
//!
//! ```text
//!   member ── fetch ──▶ parked ── there is something ──▶ acquired ─┐       account: in memory, always a little
//!   member ── done ───▶ the account, at once ──────────────────────┤       ahead of what is written down
//!                          │                                       │
//!                          └─▶ written down ─▶ "acknowledged"      └─ not written down: who takes over knows
//!                              one write at a time, of all that       nothing of it, and hands it out again
//!                              changed since the last one
//! ```
//!
//! A member hears "acknowledged" when its word is written down, not before; a fetch that brings a word along is answered
//! when that is written down. What is handed out is written nowhere: after a
//! fail-over it is handed out again, and that delivery does not count. So after a fail-over a record may be delivered more
//! often than the limit says; the count never exceeds it.
//!
//! A member whose connection breaks loses its records at once; one that is silent (frozen, cut off, without power) when
//! their locks run out. Each member's requests have rising numbers: a fetch that comes late, or twice, hands nothing out.
//! (Kafka: share sessions and their epochs.)
//!
//! Sources: Kafka `SharePartitionManager.java`, `DelayedShareFetch.java`, `SharePartition.java`. There a member's word is
//! taken back when it cannot be written down; here it is written down when that is possible again, or falls with the leader.

use super::group_turn::Asker;
use super::mutant::Mutant;
use super::replica::{Replica, Role};
use super::share_coordinator::ShareStates;
use super::share_group::ShareGroups;
use super::share_led::{Led, Parked};
use super::share_partition::SharePartition;
use super::share_request::{ShareReply, ShareRequest};
use super::share_state::{ShareKey, ShareState, ShareWriter};
use super::{Broker, Done, Out, Reply, RequestId, refuse};
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::log::{Log as _, LogError, SliceOf, Storage};
use crate::observe::{CameBack, Refusal};
use crate::sorted::SortedMap;
use crate::time::Time;

/// What a broker has to do with share groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharing {
    /// As the groups' coordinator.
    pub(super) groups: ShareGroups,
    /// As the share coordinator.
    pub(super) states: ShareStates,
    /// As a leader of partitions.
    led: SortedMap<ShareKey, Led>,
}

impl Sharing {
    /// When something is due.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.led.values().filter_map(Led::next_wakeup).chain(self.groups.next_deadline()).min()
    }

    /// Whether it may have asked itself something.
    pub(super) fn is_busy(&self) -> bool {
        !self.led.is_empty()
    }

    /// The accounts of a partition, by group.
    pub(super) fn of<'a>(
        &'a self,
        partition: &'a PartitionId,
    ) -> impl Iterator<Item = (&'a Name, &'a SharePartition)> {
        let here = self.led.iter().filter(move |((_, of), _)| of == partition);
        here.filter_map(|((group, _), led)| Some((group, led.account.as_ref()?)))
    }
}

impl<S: Storage> Broker<S> {
    /// The accounts that this broker keeps of a partition as its leader, by group.
    pub fn share_partitions<'a>(
        &'a self,
        partition: &'a PartitionId,
    ) -> impl Iterator<Item = (&'a Name, &'a SharePartition)> {
        self.shares.of(partition)
    }

    /// Does what somebody asks about a share group.
    pub(super) fn ask_share(
        &mut self,
        now: Time,
        asker: Asker,
        group: Name,
        request: ShareRequest,
        out: &mut Out<SliceOf<S>>,
    ) -> Done<S> {
        match request {
            ShareRequest::Heartbeat { topic, epoch } => {
                self.share_heartbeat(now, asker, (group, topic, epoch), out);
                Ok(())
            }
            ShareRequest::Fetch { partition, records_max, bytes_max, wait_max, word } => {
                let until = now + self.settings.share.lock;
                let parked = Parked::new(asker, records_max, bytes_max, now + wait_max);
                let key = (group, partition);
                match self.led(now, key.clone(), out) {
                    Ok(led) => led.park(&key, parked, (until, &word), out),
                    Err(why) => return refuse(asker, why, out),
                }
                Ok(())
            }
            ShareRequest::Acknowledge { partition, word } => {
                let until = now + self.settings.share.lock;
                let key = (group, partition);
                match self.led(now, key.clone(), out) {
                    Ok(led) => led.take_word(&key, asker, until, &word, out),
                    Err(why) => return refuse(asker, why, out),
                }
                Ok(())
            }
            request @ (ShareRequest::Begin { .. } | ShareRequest::Keep { .. }) => {
                self.keep_share_state(now, asker, group, request, out)
            }
        }
    }

    fn share_heartbeat(
        &mut self,
        now: Time,
        asker: Asker,
        member: (Name, Name, Epoch),
        out: &mut Out<SliceOf<S>>,
    ) {
        let deadline = now + self.settings.consumer_session;
        let answer = match (self.is_coordinator(), self.groups.is_taken(&member.0)) {
            (false, _) => Err(Refusal::NotLeader),
            (true, true) => Err(Refusal::InconsistentProtocol),
            (true, false) => self.shares.groups.heartbeat(asker.0, member, deadline, &self.view),
        };
        let reply = |(epoch, partitions)| Reply::Share(ShareReply::Member { epoch, partitions });
        out.reply(asker.0, asker.1, answer.map_or_else(Reply::Refused, reply));
    }

    /// The account of a group in a partition that this broker leads.
    fn led(&mut self, now: Time, key: ShareKey, out: &mut Out<SliceOf<S>>) -> Result<&mut Led, Refusal> {
        let Some(epoch) = self.replicas.get(&key.1).and_then(leads_since) else {
            return Err(self.not_here(&key.1));
        };
        let writer = ShareWriter { epoch, incarnation: self.incarnation };
        let led = self.shares.led.entry(key).or_insert_with(|| Led::new(writer, now));
        if led.writer != writer {
            led.refuse_all(Refusal::NotLeader, out);
            *led = Led::new(writer, now);
        }
        Ok(led)
    }

    /// Does with share groups whatever is due.
    pub(super) fn tick_shares(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        self.shares.groups.expire(now, &self.view);
        let (replicas, settings, view) = (&self.replicas, &self.settings, &self.view);
        let last_request = &mut self.last_request;
        self.shares.led.retain(|(_, partition), led| {
            let leads = replicas.get(partition).and_then(leads_since) == Some(led.writer.epoch);
            if !leads {
                led.refuse_all(Refusal::NotLeader, out);
            }
            leads
        });
        for (key, led) in &mut self.shares.led {
            let Some(replica) = replicas.get(&key.1) else { continue };
            led.take_back(key, |account| account.expire(now), CameBack::LockRanOut, out);
            let trimmed = led.account.as_mut().is_some_and(|account| account.trim(replica.log.start()));
            led.version += u64::from(trimmed);
            led.answer_parked(now, key, replica, settings, out)?;
            led.write_if_due(now, key, replica, (settings, view), last_request, out);
        }
        Ok(())
    }

    /// Takes the share coordinator's answer; says whether it is one that was waited for.
    pub(super) fn take_share_reply(
        &mut self,
        now: Time,
        id: RequestId,
        reply: &Reply,
        out: &mut Out<SliceOf<S>>,
    ) -> bool {
        let asked = |led: &Led| led.asked.is_some_and(|(asked, ..)| asked == id);
        let Some((key, led)) = self.shares.led.iter_mut().find(|(_, led)| asked(led)) else { return false };
        led.asked = None;
        match reply {
            Reply::Share(ShareReply::Begun { version, state }) => {
                let log_end = self.replicas.get(&key.1).map_or(Offset::ZERO, |replica| replica.log.end());
                let forgets = self.settings.mutated().is(Mutant::ForgetsAccounts);
                let anew = forgets.then(|| ShareState::at(Offset::ZERO));
                let state = anew.as_ref().unwrap_or(state);
                let account = SharePartition::restore(state, log_end, &self.settings.share);
                led.begin(key, *version, account, out);
            }
            Reply::Share(ShareReply::Kept { version }) => led.written(*version, out),
            // Another leads, though this broker has not heard of it.
            Reply::Refused(Refusal::Stale) => {
                led.refuse_all(Refusal::NotLeader, out);
                *led = Led::new(led.writer, now + self.settings.retry_backoff);
            }
            _ => led.not_before = now + self.settings.retry_backoff,
        }
        true
    }

    /// A connection broke: a member is gone with what it had, or the share coordinator does not answer.
    pub(super) fn share_hang_up(&mut self, now: Time, peer: NodeId, out: &mut Out<SliceOf<S>>) {
        for (key, led) in &mut self.shares.led {
            led.parked.retain(|parked| parked.asker.0 != peer);
            led.take_back(key, |account| account.take_from(peer), CameBack::MemberGone, out);
            if led.asked.take_if(|(_, asked, _)| *asked == peer).is_some() {
                led.not_before = now + self.settings.retry_backoff;
            }
        }
    }

    /// Does what the broker asked of itself: it may lead a partition and be the share coordinator, too.
    pub(super) fn answer_itself(&mut self, now: Time, out: &mut Out<SliceOf<S>>) -> Done<S> {
        while self.shares.is_busy()
            && let Some(at) = out.sends.iter().position(|envelope| envelope.to == self.me)
        {
            let message = out.sends.remove(at).message.load().map_err(LogError::Storage)?;
            self.message(now, self.me, message, out)?;
            self.tick(now, out)?;
        }
        Ok(())
    }
}

/// In which epoch a broker leads a partition, if it does.
fn leads_since<L>(replica: &Replica<L>) -> Option<Epoch> {
    match &replica.role {
        Role::Leader(leader) => Some(leader.epoch),
        Role::Idle | Role::Follower(_) => None,
    }
}
