//! What is a producer told? That its message is stored, always; and whether it is as safe as the settings ask for.
//!
//! ```text
//!   put ──▶ SYNC_FLUSH: on the disk? ──▶ SYNC_MASTER: at a slave? ──▶ SEND_OK
//!                   │ after 5 s               │ none, or far behind: SLAVE_NOT_AVAILABLE
//!                   ▼                         │ after 3 s: FLUSH_SLAVE_TIMEOUT
//!           FLUSH_DISK_TIMEOUT                ▼
//! ```
//!
//! | flush | master | SEND_OK means | is lost when |
//! |---|---|---|---|
//! | async | async | in the broker's memory | the machine loses power before the next flush, or its disk before a copy |
//! | sync | async | on one disk | that disk is lost before a copy |
//! | async | sync | in the memory of two | both lose power |
//! | sync | sync | on one disk, and in the memory of another | one disk is lost and the other loses power |
//!
//! The three other answers are no refusals: the message is stored, and consumers get it. Who sends it again stores it twice.
//!
//! Source: `SendMessageProcessor.java`, `CommitLog.handleDiskFlushAndHA`, `GroupCommitService`, `GroupTransferService`.

use super::*;
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::protocol::SendStatus;

/// A send whose answer waits.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Who, and under which number.
    to: (NodeId, RequestId),
    /// The place behind the message.
    end: u64,
    since: Time,
    reply: (u64, u64),
    /// What is known already: there was no slave.
    status: SendStatus,
}

impl Waiting {
    pub(super) fn to(&self) -> (NodeId, RequestId) {
        self.to
    }
}

impl<S: Storage> Broker<S> {
    /// Whether a client may send there.
    fn check_topic(&self, topic: &Topic, queue: u32) -> Result<(), Refused> {
        if !self.is_master() {
            return Err(Refused::SlaveMode);
        }
        if topic.is_system() {
            return Err(Refused::NoPermission);
        }
        let exists = self.topics.get(topic).is_some_and(|queues| queue < *queues);
        if exists { Ok(()) } else { Err(Refused::TopicNotExist) }
    }

    pub(super) fn take_message(
        &mut self,
        now: Time,
        to: (NodeId, RequestId),
        mut message: StoredMessage,
        out: &mut Output,
    ) -> Done<S> {
        let checked = self.check_topic(&message.topic, message.queue);
        if checked.is_ok() && message.properties.get(key::HALF) == Some("true") {
            half::hide(&mut message);
        }
        let stored = match checked {
            Ok(()) => or_refused(self.put(now, message))?,
            Err(refused) => Err(refused),
        };
        match stored {
            Err(refused) => out.sends.push((to.0, Message::Reply(to.1, Reply::Refused(refused)))),
            Ok(stored) => {
                self.stored(&stored, out);
                let status = if self.settings.role == Role::SyncMaster && !self.has_slave(now) {
                    SendStatus::SlaveNotAvailable
                } else {
                    SendStatus::SendOk
                };
                let reply = (stored.message.queue_offset, stored.at.physical);
                self.waiting.push(Waiting { to, end: stored.at.end(), since: now, reply, status });
            }
        }
        Ok(())
    }

    /// Flushes once for all that wait for it.
    pub(super) fn flush_for_waiting(&mut self) -> Done<S> {
        let is_sync = self.settings.flush == Flush::Sync;
        if is_sync && self.durable() < self.store.commit_log().end() {
            self.store.flush()?;
        }
        Ok(())
    }

    /// What a send can be told now, if anything.
    fn status(&self, now: Time, send: &Waiting) -> Option<SendStatus> {
        let waited = now.since(send.since);
        // It is flushed by now: what is asked is whether that took too long.
        let is_late = self.settings.flush == Flush::Sync && waited >= self.settings.flush_timeout;
        let is_known = send.status != SendStatus::SendOk;
        let is_sync_master = self.settings.role == Role::SyncMaster && !is_known;
        let flushed = if is_late && !is_known { SendStatus::FlushDiskTimeout } else { send.status };
        if !is_sync_master || self.is_copied(send.end) {
            return Some(flushed);
        }
        (waited >= self.settings.slave_timeout).then_some(SendStatus::FlushSlaveTimeout)
    }

    /// Whether a slave has everything below a place; under a controller, whether all in sync have.
    fn is_copied(&self, end: u64) -> bool {
        let has = |node: &NodeId| self.slaves.get(node).is_some_and(|slave| slave.has(end));
        match self.reigning.in_sync() {
            Some(in_sync) => in_sync.iter().all(|node| Some(*node) == self.settings.me || has(node)),
            None => self.slaves.values().any(|slave| slave.has(end)),
        }
    }

    /// The place below which all in sync have everything: what may be read.
    pub(super) fn confirmed(&self) -> u64 {
        let end = self.store.commit_log().end();
        let (true, Some(in_sync)) = (self.is_master(), self.reigning.in_sync()) else { return end };
        let others = in_sync.iter().filter(|node| Some(**node) != self.settings.me);
        others.map(|node| self.slaves.get(node).map_or(0, |slave| slave.acked())).min().unwrap_or(end)
    }

    /// Answers what can be answered. A send that waits holds up nobody behind it.
    pub(super) fn answer_sends(&mut self, now: Time, out: &mut Output) {
        for send in core::mem::take(&mut self.waiting) {
            if let Some(status) = self.status(now, &send) {
                let (queue_offset, physical) = send.reply;
                let reply = Reply::Sent { status, queue_offset, physical };
                out.sends.push((send.to.0, Message::Reply(send.to.1, reply)));
            } else {
                self.waiting.push(send);
            }
        }
    }

    pub(super) fn next_send_deadline(&self) -> Option<Time> {
        self.waiting.first().map(|send| send.since + self.settings.slave_timeout)
    }
}
