//! How does a slave follow its master? It says how far its CommitLog reaches, and gets the bytes behind.
//!
//! ```text
//!   slave                                     master
//!     │ CopyFrom 640, anew ────────────────────▶ │  it has everything below 640
//!     │ ◀─────────────────── Copy 640: ▓▓▓▓▓▓▓▓▓ │  at most 32 KiB each, without waiting
//!     │ CopyFrom 1000 ─────────────────────────▶ │  sends that end below 1000 are answered (SYNC_MASTER)
//! ```
//!
//! The bytes are the same, so are the places, and the indexes are built from them at the slave as at the master. What a slave
//! says it has is in its memory; it flushes by its own settings.
//!
//! A new slave begins with the master's last file: what is older it never gets. And a slave that has *more* than its master,
//! because the master lost power before it flushed, does not fit: where its end is no message's beginning at the master, copying
//! stands still; where it happens to be one, the two go on with different messages below, and nobody notices: a SYNC_MASTER even
//! says SEND_OK of messages that the slave does not have. Epochs of masters (`reigning`) are there to notice.
//!
//! Source: `HAConnection.java`, `DefaultHAClient.java`, `DefaultHAService.java`.

use super::reigning::same_below;
use super::*;
use crate::ids::MessageId;
use crate::record::Batches;
use crate::systems::rocketmq::{HALF_TOPIC, OP_HALF_TOPIC, REVIVE_TOPIC};

/// At most so many bytes are sent to a slave at once (`haTransferBatchSize`): 32 KiB, or one message.
pub(super) const COPY_BYTES_MAX: u32 = 32 * 1024;

/// What a master knows of a slave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slave {
    /// It has everything below this place.
    acked: u64,
    /// And was sent everything below this one; nothing before it said where to begin.
    sent: Option<u64>,
    heard: Time,
    /// When it had everything that there was; and what it is to have, to have that again, since when.
    level_at: Time,
    aim: (u64, Time),
}

impl Slave {
    pub(super) fn has(&self, end: u64) -> bool {
        self.acked >= end
    }

    pub(super) fn acked(&self) -> u64 {
        self.acked
    }

    /// When it last had everything that there was.
    pub(super) fn level_at(&self) -> Time {
        self.level_at
    }

    fn reached(&mut self, now: Time, end: u64) {
        if self.acked >= self.aim.0 {
            (self.level_at, self.aim) = (self.aim.1, (end, now));
        }
        if self.acked >= end {
            self.level_at = now;
        }
    }
}

/// What a slave has to tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    /// When it says where it is if nothing comes.
    report_at: Time,
    /// Whether something came that it has to acknowledge, and whether something is missing.
    owes: Option<bool>,
}

impl Following {
    pub(super) fn from(now: Time) -> Self {
        Self { report_at: now, owes: Some(true) }
    }

    /// Something of it was cut off.
    pub(super) fn begin_anew(&mut self) {
        self.owes = Some(true);
    }
}

impl<S: Storage> Broker<S> {
    /// Whether a slave is there and not too far behind.
    pub(super) fn has_slave(&self, now: Time) -> bool {
        if let Some(in_sync) = self.reigning.in_sync() {
            return in_sync.len() > 1;
        }
        let end = self.store.commit_log().end();
        self.slaves.values().any(|slave| {
            let is_near = end.saturating_sub(slave.acked) <= self.settings.slave_gap_max;
            is_near && now.since(slave.heard) < self.settings.slave_expires
        })
    }

    /// Takes note of where a slave is.
    pub(super) fn slave_reports(
        &mut self,
        now: Time,
        slave: NodeId,
        (physical, anew, epochs): (u64, bool, &[(u32, u64)]),
        out: &mut Output,
    ) {
        if !self.is_master() {
            return;
        }
        if !self.slaves.contains_key(&slave) {
            out.events.push(Event::Rocketmq(RocketmqEvent::SlaveCame { slave }));
        }
        let end = self.store.commit_log().end();
        if anew && self.settings.controller.is_some() {
            let mine = self.reigning.epochs_below(u64::MAX);
            let same = same_below((mine.as_slice(), end), (epochs, physical));
            let answer =
                if same < physical { Notice::CutBack { physical: same } } else { Notice::Epochs(mine) };
            out.sends.push((slave, Message::Notice(answer)));
            if same < physical {
                self.slaves.remove(&slave);
                return; // it comes again
            }
        }
        let new = Slave { acked: 0, sent: None, heard: now, level_at: now, aim: (end, now) };
        let known = self.slaves.entry(slave).or_insert(new);
        known.heard = now;
        known.acked = if anew { physical } else { known.acked.max(physical) };
        known.reached(now, end);
        if anew || known.sent.is_none() {
            known.sent = Some(physical);
        }
    }

    /// A slave's connection broke.
    pub(super) fn slave_gone(&mut self, slave: NodeId, out: &mut Output) {
        if self.slaves.remove(&slave).is_some() {
            out.events.push(Event::Rocketmq(RocketmqEvent::SlaveGone { slave }));
        }
    }

    /// Where copying begins for a slave that has nothing.
    fn last_file(&self) -> u64 {
        let log = self.store.commit_log();
        let last = log.last_below(u64::MAX).map_or(log.end(), |last| last.physical);
        (last / log.file_bytes() * log.file_bytes()).max(log.start())
    }

    /// Sends each slave what it does not have yet.
    pub(super) fn copy_to_slaves(&mut self, now: Time, out: &mut Output) -> Done<S> {
        let last_file = self.last_file();
        let log = self.store.commit_log();
        for (node, slave) in &mut self.slaves {
            if now.since(slave.heard) >= self.settings.slave_expires {
                continue;
            }
            let Some(mut from) = slave.sent else { continue };
            let mut begins = from == 0;
            if begins {
                from = last_file;
            }
            while from < log.end() {
                let Some(batches) = log.batches_from(from, COPY_BYTES_MAX)? else { break };
                let Some(next) = log.end_of(&batches) else { break };
                out.sends.push((*node, Message::Notice(Notice::Copy { physical: from, begins, batches })));
                (from, begins) = (next, false);
            }
            if from > 0 {
                slave.sent = Some(from);
            }
        }
        Ok(())
    }

    /// A slave takes what its master sent. What does not continue its own is left, and asked for anew.
    pub(super) fn take_copy(
        &mut self,
        now: Time,
        from: NodeId,
        (physical, begins): (u64, bool),
        batches: &Batches,
        out: &mut Output,
    ) -> Done<S> {
        if self.settings.role != Role::Slave(from) {
            return Ok(());
        }
        self.following.report_at = now + self.settings.slave_reports_every;
        let (end, messages) = (self.store.commit_log().end(), self.store.commit_log().messages());
        if physical != end && !(begins && messages == 0) {
            // Behind its end something was lost on the way; before it, this came twice.
            self.following.owes = Some(physical > end || self.following.owes == Some(true));
            return Ok(());
        }
        let stored = match self.store.put_copied(batches) {
            Err(StoreError::Apart { .. }) => {
                self.following.owes = Some(true);
                return Ok(());
            }
            stored => unless_full(stored)?.unwrap_or_default(),
        };
        for stored in &stored {
            self.copied(stored, out);
        }
        self.following.owes = Some(self.following.owes == Some(true) && stored.is_empty());
        Ok(())
    }

    fn copied(&mut self, stored: &Stored, out: &mut Output) {
        let message = &stored.message;
        // Half messages and what else the broker keeps for itself is nobody's to read.
        let is_seen = ![HALF_TOPIC, OP_HALF_TOPIC, REVIVE_TOPIC].contains(&message.topic.as_str());
        if message.is_visible() && is_seen {
            let base = Offset(message.queue_offset);
            let partition = self.partition(&message.topic, message.queue);
            let messages: Vec<MessageId> = stored.id().into_iter().collect();
            out.events.push(Event::Copied { partition, base, messages });
            self.holds.arrived(stored);
        }
        let queues = self.topics.entry(message.topic.clone()).or_insert(0);
        *queues = (*queues).max(message.queue + 1);
    }

    /// A slave says how far it is, when it owes that or has heard nothing for long.
    pub(super) fn report_to_master(&mut self, now: Time, out: &mut Output) {
        let Role::Slave(master) = self.settings.role else { return };
        if now >= self.following.report_at {
            self.following.owes = Some(true);
        }
        if let Some(anew) = self.following.owes.take() {
            self.following.report_at = now + self.settings.slave_reports_every;
            let physical = self.store.commit_log().end();
            let epochs = if anew { self.reigning.epochs_below(physical) } else { Vec::new() };
            out.sends.push((master, Message::Notice(Notice::CopyFrom { physical, anew, epochs })));
        }
    }

    pub(super) fn next_report(&self) -> Option<Time> {
        matches!(self.settings.role, Role::Slave(_)).then_some(self.following.report_at)
    }
}
