//! How long does a producer keep a message? Until somebody has really done what it asks, not only stored it.
//!
//! ```text
//!   kept ── sent ─▶ waits for a receipt ── "processed" ──▶ forgotten
//!                      ▲            │
//!                      └ sent again ┘  nothing was heard for the receipt timeout, which doubles each time
//! ```
//!
//! "Stored" is one broker's word, and a broker can lose its disk. Who keeps the message until a consumer says
//! "processed" can send it again, to another broker if need be. The price: what was done, and of which only the
//! receipt was lost or late, comes twice. So consumers must be idempotent.
//!
//! The store is the disk of the producer's machine: it survives a crash of the process. What real systems do: none of
//! the usual brokers carries receipts for its users; they travel as messages of their own, in a queue for answers
//! (AMQP's `reply-to`, JMS's `JMSReplyTo`).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::MessageId;
use crate::record::NewRecord;
use crate::time::{Span, Time};

/// A message of which nothing was heard for so long is sent again, unless a user says otherwise.
pub const RECEIPT_TIMEOUT: Span = Span::from_millis(200);
/// The wait doubles each time, at most so often: then it stays at 32 times the first.
pub const RECEIPT_DOUBLINGS_MAX: u32 = 5;

/// Messages that are kept until they are processed.
///
/// ```
/// use mqlab_core::client::Store;
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::record::NewRecord;
/// use mqlab_core::time::{Span, Time};
/// let mut store = Store::new(Span::from_millis(100));
/// store.keep(Time::ZERO, MessageId(1), NewRecord::default());
/// assert_eq!(store.next_wakeup(), Some(Time(100_000)));
/// let again = store.due(Time(100_000), |_| false);
/// assert_eq!(again[0].sent_before, 1);
/// assert!(store.processed(MessageId(1)) && store.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Store {
    receipt_timeout: Span,
    kept: BTreeMap<MessageId, Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    record: NewRecord,
    sent: u32,
    again_at: Time,
}

/// A message that is to be sent again.
///
/// ```
/// use mqlab_core::client::Store;
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::record::NewRecord;
/// use mqlab_core::time::{Span, Time};
/// let mut store = Store::new(Span(100));
/// store.keep(Time(0), MessageId(1), NewRecord::default());
/// let again = store.due(Time(100), |_| false); // nobody said that it is done
/// assert_eq!((again[0].id, again[0].sent_before), (MessageId(1), 1));
/// ```
#[derive(Clone, Debug)]
pub struct Again {
    /// Which.
    pub id: MessageId,
    /// What it is.
    pub record: NewRecord,
    /// How often it was sent before.
    pub sent_before: u32,
}

impl Store {
    /// A store that sends again what it heard nothing of for `receipt_timeout`.
    pub fn new(receipt_timeout: Span) -> Self {
        Self { receipt_timeout, kept: BTreeMap::new() }
    }

    /// Keeps a message that is sent now.
    pub fn keep(&mut self, now: Time, id: MessageId, record: NewRecord) {
        self.kept.insert(id, Kept { record, sent: 1, again_at: now + self.receipt_timeout });
    }

    /// A consumer has done it: the message is forgotten. Says whether it was kept.
    pub fn processed(&mut self, id: MessageId) -> bool {
        self.kept.remove(&id).is_some()
    }

    /// What is to be sent again now. A message that is `on_its_way`, because no broker has said "stored" yet, is left
    /// to whoever sends it, and asked for again after the timeout.
    pub fn due(&mut self, now: Time, on_its_way: impl Fn(MessageId) -> bool) -> Vec<Again> {
        let mut again = Vec::new();
        for (&id, kept) in self.kept.iter_mut().filter(|(_, kept)| kept.again_at <= now) {
            let doublings = kept.sent.min(RECEIPT_DOUBLINGS_MAX);
            if on_its_way(id) {
                kept.again_at = now + self.receipt_timeout;
                continue;
            }
            kept.again_at = now + Span(self.receipt_timeout.0 << doublings);
            again.push(Again { id, record: kept.record.clone(), sent_before: kept.sent });
            kept.sent += 1;
        }
        again
    }

    /// The process starts again: nobody knows what became of what it had sent, so everything is due.
    pub fn restart(&mut self, now: Time) {
        for kept in self.kept.values_mut() {
            kept.again_at = now;
        }
    }

    /// When something is to be sent again, if nothing is heard before.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.kept.values().map(|kept| kept.again_at).min()
    }

    /// The messages that are kept, oldest first.
    pub fn kept(&self) -> impl Iterator<Item = MessageId> {
        self.kept.keys().copied()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(store: &mut Store, millis: u64) -> Vec<(u64, u32)> {
        let now = Time(millis * 1_000);
        store.due(now, |_| false).into_iter().map(|again| (again.id.0, again.sent_before)).collect()
    }

    #[test]
    fn what_nobody_has_done_comes_again_less_and_less_often() {
        let mut store = Store::new(Span::from_millis(10));
        store.keep(Time::ZERO, MessageId(1), NewRecord::default());
        let mut at = Vec::new();
        for millis in 0..1_500 {
            at.extend(due(&mut store, millis).into_iter().map(|(_, before)| (millis, before)));
        }
        assert_eq!(at[..6], [(10, 1), (30, 2), (70, 3), (150, 4), (310, 5), (630, 6)]);
        assert_eq!(at[6..], [(950, 7), (1_270, 8)], "at most 32 times the first wait");
    }

    #[test]
    fn what_is_done_is_forgotten_once() {
        let mut store = Store::new(Span::from_millis(10));
        store.keep(Time::ZERO, MessageId(1), NewRecord::default());
        store.keep(Time(5_000), MessageId(2), NewRecord::default());
        assert!(store.processed(MessageId(1)) && !store.processed(MessageId(1)));
        assert_eq!(due(&mut store, 10), []);
        assert_eq!(due(&mut store, 15), [(2, 1)]);
    }

    #[test]
    fn what_is_on_its_way_waits_and_a_restart_makes_everything_due() {
        let mut store = Store::new(Span::from_millis(10));
        store.keep(Time::ZERO, MessageId(1), NewRecord::default());
        assert!(store.due(Time(10_000), |_| true).is_empty());
        assert_eq!(store.next_wakeup(), Some(Time(20_000)));
        store.restart(Time(12_000));
        assert_eq!(due(&mut store, 12), [(1, 1)]);
    }
}
