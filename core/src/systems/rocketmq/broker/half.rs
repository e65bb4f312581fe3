//! How does a broker keep a message that may yet be taken back? Hidden in a topic of its own, until its producer decides.
//!
//! ```text
//!   Send, TRAN_MSG ──▶ HALF_TOPIC / 0       half 7: REAL_TOPIC = orders, REAL_QID = 1
//!   EndTransaction:
//!      commit   ──▶ put(orders / 1), and an op record "7" in OP_HALF_TOPIC
//!      rollback ──▶ the op record alone
//!   every 30 s: from the first undecided half on
//!      op record?            go past it
//!      younger than 6 s?     stop: those behind it are younger still
//!      asked 15 times?       moved to TRANS_CHECK_MAX_TIME_TOPIC
//!      else                  appended again as half 12, and its producer is asked; 7 counts as seen
//! ```
//!
//! A log cannot be changed, so a half message that stays undecided is written again at the end, and what is before it can be
//! forgotten. The decision for 7 may then come when 12 is there, whose producer is asked too: the message is published twice.
//!
//! Source: `TransactionalMessageServiceImpl.java`, `TransactionalMessageBridge.java`, `EndTransactionProcessor.java`.

use alloc::collections::BTreeSet;
use alloc::format;

use super::*;
use crate::ids::Name;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::layout::sys_flag;
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::protocol::TransactionState;
use crate::systems::rocketmq::store::{keep_destination, to_destination};
use crate::systems::rocketmq::{CHECK_MAX_TOPIC, HALF_TOPIC, OP_HALF_TOPIC};
use crate::vhost::Decision;

/// In whose name the broker reads half messages (`CID_RMQ_SYS_TRANS`).
const GROUP: &str = "CID_RMQ_SYS_TRANS";
/// The tag of an op record.
const OP_TAG: &str = "d";
/// How many messages are read at once.
const COUNT: u32 = 32;

/// What the broker knows of decisions.
#[derive(Clone, Debug, Default)]
pub(super) struct HalfService {
    /// Op records that were read: their offset, and the half message that each decides.
    ops: BTreeMap<u64, u64>,
    decided: BTreeSet<u64>,
    /// The next op record to read.
    next_op: Option<u64>,
}

/// Makes a half message of a message.
pub(super) fn hide(message: &mut StoredMessage) {
    keep_destination(message);
    message.sys_flag &= !sys_flag::TRANSACTION;
    message.topic = Topic::system(HALF_TOPIC);
    message.queue = 0;
}

impl<S: Storage> Broker<S> {
    pub(super) fn end_transaction(
        &mut self,
        now: Time,
        group: &Name,
        (physical, half_offset, state): (u64, u64, TransactionState),
        out: &mut Output,
    ) -> Done<S> {
        if !self.is_master() || state == TransactionState::Unknown {
            return Ok(()); // asked again later
        }
        let Some(half) = self.store.commit_log().read(physical)? else { return Ok(()) };
        let id = half.properties.message_id();
        let is_it = half.topic.as_str() == HALF_TOPIC
            && half.queue_offset == half_offset
            && half.properties.get(key::PRODUCER_GROUP) == Some(group.as_str());
        if !is_it {
            return Ok(());
        }
        if state == TransactionState::Commit {
            let Some(mut message) = to_destination(half) else { return Ok(()) };
            message.properties.remove(key::HALF);
            message.sys_flag |= sys_flag::COMMIT;
            message.prepared_offset = physical;
            // What cannot be stored now is asked about again.
            let Ok(stored) = or_refused(self.put(now, message))? else { return Ok(()) };
            self.stored(&stored, out);
        }
        let decision = if state == TransactionState::Commit { Decision::Commit } else { Decision::Rollback };
        out.events.extend(id.map(|message| Event::Queue(QueueEvent::HalfDecided { message, decision })));
        self.write_op(now, half_offset)
    }

    /// Notes that a half message is decided.
    fn write_op(&mut self, now: Time, half_offset: u64) -> Done<S> {
        let topic = Topic::system(OP_HALF_TOPIC);
        let mut op = StoredMessage::new(topic, 0, format!("{half_offset}").into_bytes().into());
        op.properties.put(key::TAGS, OP_TAG);
        op.born_at = now;
        unless_full(self.put(now, op))?;
        Ok(())
    }

    /// Looks through the half messages, and asks the producers of those that are undecided for too long.
    pub(super) fn check_halves(&mut self, now: Time, out: &mut Output) -> Done<S> {
        self.read_ops()?;
        let topic = Topic::system(HALF_TOPIC);
        let begin = self.store.min_offset(&topic, 0);
        let mut at = self.offsets.get(GROUP, &topic, 0).unwrap_or(begin).max(begin);
        let end = self.store.max_offset(&topic, 0); // what is appended again meanwhile comes next time
        while at < end {
            if !self.half.decided.contains(&at) {
                let got = self.store.get(&topic, 0, at, 1, &Subscription::All)?;
                if let Some(half) = got.messages.into_iter().next()
                    && !self.check_half(now, half, out)?
                {
                    break;
                }
            }
            at += 1;
        }
        self.offsets.set(GROUP, &topic, 0, at);
        self.half.decided.retain(|half| *half >= at);
        self.half.ops.retain(|_, half| *half >= at);
        // Op records of halves that may be looked at again are read again after a restart.
        let op_topic = Topic::system(OP_HALF_TOPIC);
        let read = self.half.next_op.unwrap_or(0);
        let keep = self.half.ops.keys().next().copied().unwrap_or(read);
        self.offsets.set(GROUP, &op_topic, 0, keep);
        Ok(())
    }

    /// Reads the op records that came since.
    fn read_ops(&mut self) -> Done<S> {
        let topic = Topic::system(OP_HALF_TOPIC);
        let kept = || self.offsets.get(GROUP, &topic, 0).unwrap_or(0);
        let mut at = self.half.next_op.unwrap_or_else(kept).max(self.store.min_offset(&topic, 0));
        while at < self.store.max_offset(&topic, 0) {
            let got = self.store.get(&topic, 0, at, COUNT, &Subscription::All)?;
            for op in &got.messages {
                let half = core::str::from_utf8(&op.body).ok().and_then(|text| text.parse().ok());
                if let Some(half) = half {
                    self.half.ops.insert(op.queue_offset, half);
                    self.half.decided.insert(half);
                }
            }
            at = got.next.max(at + 1);
        }
        self.half.next_op = Some(at);
        Ok(())
    }

    /// Deals with one undecided half message; false when it, and so all behind it, is too young.
    fn check_half(
        &mut self,
        now: Time,
        half: StoredMessage,
        out: &mut Output,
    ) -> Result<bool, StoreError<StorageError<S>>> {
        let age = now.since(half.stored_at);
        if age > self.settings.store.reserved {
            return Ok(true); // about to be deleted
        }
        let own = half.properties.number(key::IMMUNITY).and_then(|seconds| u64::try_from(seconds).ok());
        let born = now.since(half.born_at);
        if own.is_some_and(|seconds| born < Span::from_millis(seconds.saturating_mul(1_000))) {
            return Ok(unless_full(self.put(now, half))?.is_some()); // nobody behind it waits for it
        }
        if own.is_none() && age < self.settings.check_after {
            return Ok(false);
        }
        let checks = half.properties.number(key::CHECKS).unwrap_or(0);
        let mut again = half;
        if checks >= i64::from(self.settings.checks_max) {
            again.topic = Topic::system(CHECK_MAX_TOPIC);
            again.queue = 0;
            let discarded = unless_full(self.put(now, again))?;
            if let Some(stored) = &discarded {
                self.stored(stored, out);
                let fact = |message| Event::Rocketmq(RocketmqEvent::HalfDiscarded { message });
                out.events.extend(stored.id().map(fact));
            }
            return Ok(discarded.is_some());
        }
        again.properties.put(key::CHECKS, &format!("{}", checks + 1));
        let Some(stored) = unless_full(self.put(now, again))? else { return Ok(false) };
        let half = stored.message;
        let group = half.properties.get(key::PRODUCER_GROUP).unwrap_or_default();
        let producer = self.clients.producers(group).next();
        if let Some(producer) = producer {
            let check = u32::try_from(checks + 1).unwrap_or(u32::MAX);
            let id = half.properties.message_id();
            out.events.extend(id.map(|message| Event::Queue(QueueEvent::CheckedBack { message, check })));
            out.sends.push((producer, Message::Notice(Notice::CheckTransaction { half })));
        }
        Ok(true)
    }
}
