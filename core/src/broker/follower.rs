//! How does a replica keep up with its leader? It fetches, as a consumer does, and appends what it gets.
//!
//! ```text
//!   follower                                  leader
//!     │ fetch from 17, my last epoch is 3       │
//!     │────────────────────────────────────────▶│ epoch 3 ended at 15 for me:
//!     │◀──────────── diverged: epoch 3, end 15 ─│ yours goes on, so yours is wrong
//!     │ cut back to 15                          │
//!     │ fetch from 15, my last epoch is 3       │
//!     │────────────────────────────────────────▶│
//!     │◀──────────── records 15.. ─ watermark ──│
//! ```
//!
//! A replica that comes back first removes what its new leader does not have: records that were appended and
//! never committed. The cut goes by epochs, not by the high watermark, which a follower learns too late (`truncation.rs` has
//! the way that was given up).
//!
//! The leader deletes what is old, and so does each follower, by its own clock; and the answer to a fetch says where the
//! leader's log begins. What a follower has before that it deletes, too. One that was away for so long that its log *ends*
//! before that has nothing in common with its leader any more: it forgets everything, and begins where the leader begins.
//!
//! ```text
//!   leader                      ┊ 40 ▪▪▪▪▪▪▪▪▪▪ 57        follower   22 ▪▪▪▪▪ 30          ─▶  40, empty
//! ```
//!
//! Source: Kafka KIP-595's fetch, `AbstractFetcherThread.scala`.

use alloc::vec::Vec;

use super::long_poll::Parked;
use super::protocol::{Fetch, Isolation, Message, Out, ReplicaFetch, Reply, Request, RequestId};
use super::replica::{Replica, Role, message_ids};
use super::settings::Settings;
use crate::ids::{Epoch, NodeId, Offset};
use crate::log::{Log, LogError};
use crate::observe::{Event, PullEvent};
use crate::record::Batches;
use crate::time::{Span, Time};

const MICROS_A_SECOND: u64 = 1_000_000;

/// The state of a follower.
#[derive(Clone, Debug)]
pub(crate) struct Follower {
    /// Whom it follows.
    pub(crate) leader: NodeId,
    /// In which reign.
    pub(super) epoch: Epoch,
    /// The fetch that is not answered yet, and when it is given up.
    asked: Option<(RequestId, Time)>,
    /// When to fetch again, when none is under way.
    retry: Time,
    /// Whether it comes to the partition, and is not in sync yet: it copies no faster than it may.
    catches_up: bool,
    /// Fetches of consumers that are closer to this broker than to the leader.
    pub(super) parked: Vec<Parked>,
}

impl Follower {
    /// When it has to do something.
    pub(super) fn next_wakeup(&self) -> Time {
        let own = self.asked.map_or(self.retry, |(_, deadline)| deadline);
        self.parked.iter().map(|parked| parked.until).chain([own]).min().unwrap_or(own)
    }

    /// How many bytes it may copy a second, if there is a bound.
    fn bound(&self, settings: &Settings) -> Option<u64> {
        settings.catch_up_rate.filter(|_| self.catches_up)
    }

    /// The request whose answer is waited for.
    pub(super) fn asks(&self) -> Option<RequestId> {
        self.asked.map(|(id, _)| id)
    }
}

impl<L: Log> Replica<L> {
    /// Begins to follow.
    pub(super) fn follow(
        &mut self,
        now: Time,
        leader: NodeId,
        epoch: Epoch,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        self.refuse_all(crate::observe::Refusal::NotLeader, out);
        self.role = Role::Follower(Follower {
            leader,
            epoch,
            asked: None,
            retry: now,
            catches_up: false,
            parked: Vec::new(),
        });
        if self.checkpoint.is_some() && self.log.end() > self.high_watermark {
            // What its leader has above that, it fetches again.
            let messages = self.truncate(self.high_watermark)?;
            out.event(Event::Truncated { partition: self.partition.clone(), to: self.log.end(), messages });
        }
        Ok(())
    }

    /// Learns whether it is yet to become a replica like the others.
    pub(super) fn catch_up(&mut self, comes: bool) {
        if let Role::Follower(follower) = &mut self.role {
            follower.catches_up = comes;
        }
    }

    /// Sends a fetch if it is time; `id` is taken only then.
    pub(super) fn fetch_if_due(
        &mut self,
        now: Time,
        settings: &Settings,
        id: &mut RequestId,
        out: &mut Out<L::Slice>,
    ) {
        // Who truncates by the watermark says nothing of epochs.
        let (from, last_epoch) = (self.log.end(), self.epochs.last().filter(|_| self.checkpoint.is_none()));
        let Role::Follower(follower) = &mut self.role else { return };
        let most = settings.fetch_bytes_max;
        if follower.asked.map_or(follower.retry, |(_, deadline)| deadline) > now {
            return;
        }
        *id += 1;
        follower.asked = Some((*id, now + settings.request_timeout));
        let fetch = Fetch {
            partition: self.partition.clone(),
            from,
            bytes_max: follower
                .bound(settings)
                .map_or(most, |rate| most.min(rate.try_into().unwrap_or(most))),
            bytes_min: 1,
            wait_max: settings.replica_fetch_wait,
            filter: None,
            replica: Some(ReplicaFetch { leader_epoch: follower.epoch, last_epoch }),
            rack: None,
            isolation: Isolation::Uncommitted,
        };
        out.send(follower.leader, Message::Request(*id, Request::Fetch(fetch)));
    }

    /// The leader's connection broke: try again in a while.
    pub(super) fn leader_hung_up(&mut self, now: Time, peer: NodeId, settings: &Settings) {
        if let Role::Follower(follower) = &mut self.role
            && follower.leader == peer
        {
            follower.asked = None;
            follower.retry = now + settings.retry_backoff;
        }
    }

    /// Takes the leader's answer.
    pub(super) fn fetched(
        &mut self,
        now: Time,
        reply: Reply,
        settings: &Settings,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        if let Role::Follower(follower) = &mut self.role {
            follower.asked = None;
            let refused = matches!(reply, Reply::Refused(_));
            let bytes = if let Reply::Fetched { batches, .. } = &reply { batches.bytes().len() } else { 0 };
            follower.retry = match follower.bound(settings) {
                _ if refused => now + settings.retry_backoff,
                Some(rate) => now + Span(bytes as u64 * MICROS_A_SECOND / rate),
                None => now,
            };
        }
        match reply {
            Reply::Fetched { start, .. } if start > self.log.end() => self.begin_at(start, out),
            Reply::Fetched { batches, high_watermark, start } => {
                self.copy(&batches, high_watermark, out)?;
                self.trim(start, out)
            }
            Reply::Diverged { epoch, end } => self.cut_back(epoch, end, out),
            // Refused: the leader changed, or is not ready. A new view comes, or the next try succeeds.
            _ => Ok(()),
        }
    }

    /// Cuts the log at its own watermark, which is what [a mutant](super::mutant::Mutant) does.
    pub(super) fn cut_at_watermark(&mut self, out: &mut Out<L::Slice>) -> Result<(), LogError<L::Error>> {
        let messages = self.truncate(self.high_watermark)?;
        out.event(Event::Truncated { partition: self.partition.clone(), to: self.log.end(), messages });
        Ok(())
    }

    fn copy(
        &mut self,
        batches: &Batches,
        high_watermark: Offset,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        let base = self.log.end();
        if !batches.is_empty() {
            self.append(batches)?;
            let messages = message_ids(batches);
            if !self.is_internal() {
                out.event(Event::Copied { partition: self.partition.clone(), base, messages });
            }
        }
        self.high_watermark = self.high_watermark.max(high_watermark.min(self.log.end()));
        self.producers.rise(self.high_watermark);
        Ok(())
    }

    fn cut_back(
        &mut self,
        epoch: Epoch,
        end: Offset,
        out: &mut Out<L::Slice>,
    ) -> Result<(), LogError<L::Error>> {
        // Its own idea of where that epoch ended may be earlier still; then both ask again from there.
        let own_end = self.epochs.end_of(epoch, self.log.end()).map_or(self.log.end(), |(_, end)| end);
        let to = own_end.min(end);
        let messages = if to < self.log.start() { self.begin_anew(to)? } else { self.truncate(to)? };
        out.event(Event::Truncated { partition: self.partition.clone(), to: self.log.end(), messages });
        Ok(())
    }

    /// The leader's log begins after the end of this one: everything here was deleted there long ago.
    fn begin_at(&mut self, start: Offset, out: &mut Out<L::Slice>) -> Result<(), LogError<L::Error>> {
        let (partition, messages) = (self.partition.clone(), self.begin_anew(start)?);
        out.event(Event::Pull(PullEvent::CopyTrimmed { partition, below: start, messages }));
        Ok(())
    }

    /// Where a follower's log and this one, the leader's, part ways, if they do.
    pub(super) fn diverges(&self, from: Offset, last_epoch: Option<Epoch>) -> Option<(Epoch, Offset)> {
        let Some(asked) = last_epoch else {
            let end = self.log.end();
            return (from > end).then(|| (self.epochs.last().unwrap_or_default(), end));
        };
        let (epoch, end) = self.epochs.end_of(asked, self.log.end()).unwrap_or((Epoch(0), self.log.start()));
        (epoch < asked || end < from).then_some((epoch, end))
    }
}
