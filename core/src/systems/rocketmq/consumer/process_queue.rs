//! What does a consumer have of a queue? What it pulled and is not done with; the least of it is how far the group is.
//!
//! ```text
//!   pulled    12  13  14  15  16  17 ┆ next 18
//!             ✓   ✗   ✓   ✓   …   …            done: 12, 14, 15
//!                 └ the offset that is told: 13. After a crash 13 comes again, and 14 and 15, too
//! ```
//!
//! One message that is not done with holds the offset, however many behind it are. That they come again is better than that one
//! is left out.
//!
//! Source: `ProcessQueue.java`, `DefaultMQPushConsumerImpl.pullMessage`.

use alloc::collections::BTreeMap;

use super::ConsumerSettings;
use super::settings::Order;
use crate::systems::rocketmq::layout::StoredMessage;
use crate::time::Time;

/// How far a consumer is with taking a queue over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It needs the queue's lock.
    Locking,
    /// It needs to know where to begin.
    Placing,
    /// It asks for messages.
    Pulling,
}

/// A message in hand.
#[derive(Clone, Debug)]
pub(super) struct Cached {
    pub(super) message: StoredMessage,
    /// When it came, among those of all queues.
    pub(super) arrival: u64,
    /// It is being processed.
    pub(super) in_work: bool,
    /// It failed, and is not tried again before this.
    pub(super) not_before: Time,
}

/// What a consumer has of one queue.
#[derive(Clone, Debug)]
pub(super) struct ProcessQueue {
    pub(super) stage: Stage,
    /// Whether a request about it is on its way.
    pub(super) asked: bool,
    /// When the next request may be made.
    pub(super) ask_at: Time,
    pub(super) cached: BTreeMap<u64, Cached>,
    bytes: u64,
    /// The offset to pull next.
    pub(super) next: u64,
    /// The broker of this number is asked.
    pub(super) broker_id: u32,
    pub(super) locked_at: Option<Time>,
    /// What the broker was told last.
    pub(super) committed: Option<u64>,
}

impl ProcessQueue {
    pub(super) fn new(now: Time, order: Order) -> Self {
        let stage = if order == Order::Orderly { Stage::Locking } else { Stage::Placing };
        let (cached, bytes, next, broker_id) = (BTreeMap::new(), 0, 0, 0);
        Self {
            stage,
            asked: false,
            ask_at: now,
            cached,
            bytes,
            next,
            broker_id,
            locked_at: None,
            committed: None,
        }
    }

    pub(super) fn put(&mut self, now: Time, message: StoredMessage, arrival: u64) {
        self.bytes += message.body.len() as u64;
        let cached = Cached { message, arrival, in_work: false, not_before: now };
        self.cached.insert(cached.message.queue_offset, cached);
    }

    pub(super) fn remove(&mut self, offset: u64) {
        if let Some(cached) = self.cached.remove(&offset) {
            self.bytes -= cached.message.body.len() as u64;
        }
    }

    pub(super) fn clear(&mut self) {
        self.cached.clear();
        self.bytes = 0;
    }

    /// How far the group is: everything below is done. None before it is known where to begin.
    pub(super) fn done_below(&self) -> Option<u64> {
        (self.stage == Stage::Pulling).then(|| self.cached.keys().next().copied().unwrap_or(self.next))
    }

    /// Whether there is so much in hand that no more is pulled for now.
    pub(super) fn is_full(&self, settings: &ConsumerSettings) -> bool {
        let first = self.cached.keys().next();
        let span = first.zip(self.cached.keys().next_back()).map_or(0, |(first, last)| last - first);
        self.cached.len() > settings.cached_max
            || self.bytes > settings.cached_bytes_max
            || (settings.order == Order::Concurrently && span > settings.span_max)
    }

    /// Whether the queue is this consumer's alone, as far as it can know.
    pub(super) fn is_locked(&self, now: Time, settings: &ConsumerSettings) -> bool {
        settings.order == Order::Concurrently
            || self.locked_at.is_some_and(|at| now.since(at) <= settings.lock_holds)
    }

    /// The next message to process, if one may be.
    pub(super) fn ready(&self, now: Time, settings: &ConsumerSettings) -> Option<u64> {
        if !self.is_locked(now, settings) {
            return None;
        }
        let is_ready = |cached: &Cached| !cached.in_work && cached.not_before <= now;
        let mut ready = self.cached.iter();
        let found = match settings.order {
            Order::Concurrently => ready.find(|(_, cached)| is_ready(cached)),
            Order::Orderly => ready.next().filter(|(_, cached)| is_ready(cached)),
        };
        found.map(|(offset, _)| *offset)
    }

    /// When something may be processed next, if no answer comes before.
    pub(super) fn next_try(&self, now: Time, settings: &ConsumerSettings) -> Option<Time> {
        if !self.is_locked(now, settings) {
            return None;
        }
        let all = if settings.order == Order::Orderly { 1 } else { usize::MAX };
        self.cached.values().take(all).filter(|cached| !cached.in_work).map(|cached| cached.not_before).min()
    }
}
