//! How does a broker that keeps nothing deliver? What was just written is still at hand; the rest it reads from bookies.
//!
//! ```text
//!   written ─▶ ┌───────────────┐ ─▶ consumers that keep up
//!              │ cache (FIFO)  │
//!   bookies ─▶ └───────────────┘ ─▶ consumers that lag, or come back
//!    one after the other, until one has the entry
//! ```
//!
//! Source: Pulsar `EntryCacheManager` (its cache is bounded by bytes: a fifth of the direct memory).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::ledger::{BookieReply, BookieRequest, LedgerId, LedgerMetadata};
use super::position::Position;
use super::subscription::EntryFacts;
use crate::ids::NodeId;
use crate::record::Batches;
use crate::time::{Span, Time};

/// How many entries of a topic a broker has at hand.
pub const CACHE_ENTRIES: usize = 10_000;

/// The header that says under which key messages are shared out and ordered, where that is not their key.
pub const ORDERING_KEY_HEADER: &str = "ordering-key";

/// The header that says when a message is to be delivered at the earliest: microseconds of the run, 8 bytes, big-endian.
pub const DELIVER_AT_HEADER: &str = "deliver-at";

/// The entries of a topic that are at hand, and those that are on their way.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::{Entries, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let mut entries = Entries::default();
/// let position = Position::new(LedgerId(7), 0);
/// entries.put(position, batch(0, 3));
/// assert_eq!(entries.facts(position).map(|facts| facts.messages), Some(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Entries {
    cache: BTreeMap<Position, Batches>,
    /// In the order in which they came.
    order: VecDeque<Position>,
    /// What is asked for, of whom, and who has been asked in vain.
    reading: BTreeMap<Position, Reading>,
}

/// Who is asked for an entry since when, and who was asked in vain, this one included.
#[derive(Clone, Debug)]
struct Reading {
    asked: NodeId,
    since: Time,
    tried: BTreeSet<NodeId>,
}

impl Entries {
    /// An entry is here.
    pub fn put(&mut self, position: Position, payload: Batches) {
        self.reading.remove(&position);
        if self.cache.insert(position, payload).is_none() {
            self.order.push_back(position);
        }
        while self.order.len() > CACHE_ENTRIES {
            if let Some(oldest) = self.order.pop_front() {
                self.cache.remove(&oldest);
            }
        }
    }

    /// Where the entries are that are at hand, in order.
    pub fn at_hand(&self) -> impl Iterator<Item = Position> {
        self.cache.keys().copied()
    }

    /// An entry that is at hand.
    pub fn get(&self, position: Position) -> Option<&Batches> {
        self.cache.get(&position)
    }

    /// What is known of an entry that is at hand.
    pub fn facts(&self, position: Position) -> Option<EntryFacts> {
        self.cache.get(&position).map(facts)
    }

    /// When an entry that is at hand was published.
    pub fn published(&self, position: Position) -> Option<Time> {
        let batch = self.cache.get(&position)?.iter().next()?;
        Some(Time(u64::try_from(batch.max_timestamp()).unwrap_or_default().saturating_mul(1_000)))
    }

    /// Asks for an entry, unless that is done. `true` when there is nobody (left) to be asked: try again later.
    pub fn read(
        &mut self,
        now: Time,
        position: Position,
        metadata: &LedgerMetadata,
        able: impl Fn(NodeId) -> bool,
        asks: &mut Vec<(NodeId, BookieRequest)>,
    ) -> bool {
        if self.cache.contains_key(&position) || self.reading.contains_key(&position) {
            return false;
        }
        self.ask_next((now, position), BTreeSet::new(), metadata, able, asks)
    }

    fn ask_next(
        &mut self,
        (now, position): (Time, Position),
        mut tried: BTreeSet<NodeId>,
        metadata: &LedgerMetadata,
        able: impl Fn(NodeId) -> bool,
        asks: &mut Vec<(NodeId, BookieRequest)>,
    ) -> bool {
        let members = metadata.write_set(position.entry);
        let Some(bookie) = members.into_iter().find(|bookie| able(*bookie) && !tried.contains(bookie)) else {
            self.reading.remove(&position);
            return true;
        };
        tried.insert(bookie);
        self.reading.insert(position, Reading { asked: bookie, since: now, tried });
        let Position { ledger, entry } = position;
        asks.push((bookie, BookieRequest::Read { ledger, entry, fence: false }));
        false
    }

    /// A bookie has answered a question that was asked here. Says which entry is here now, or which is to be read anew.
    pub fn on_reply(&mut self, from: NodeId, reply: &BookieReply) -> Option<Position> {
        let BookieReply::Found { ledger, entry, found } = reply else { return None };
        let position = Position::new(*ledger, *entry);
        if self.reading.get(&position)?.asked != from {
            return None;
        }
        if let Ok(entry) = found {
            self.put(position, entry.payload.clone());
        }
        Some(position)
    }

    /// Asks the next one for an entry that the one who was asked does not have. As [`read`](Self::read).
    pub fn read_elsewhere(
        &mut self,
        now: Time,
        position: Position,
        metadata: &LedgerMetadata,
        able: impl Fn(NodeId) -> bool,
        asks: &mut Vec<(NodeId, BookieRequest)>,
    ) -> bool {
        let Some(Reading { tried, .. }) = self.reading.remove(&position) else { return false };
        self.ask_next((now, position), tried, metadata, able, asks)
    }

    /// The entries that a bookie was asked for, which has failed.
    pub fn asked_of(&self, bookie: NodeId) -> Vec<Position> {
        self.reading
            .iter()
            .filter(|(_, reading)| reading.asked == bookie)
            .map(|(position, _)| *position)
            .collect()
    }

    /// The entries for which somebody has owed an answer for `timeout`.
    pub fn overdue(&self, now: Time, timeout: Span) -> Vec<Position> {
        let late = self.reading.iter().filter(|(_, reading)| now.since(reading.since) >= timeout);
        late.map(|(position, _)| *position).collect()
    }

    /// When the first answer is overdue.
    pub fn next_overdue(&self, timeout: Span) -> Option<Time> {
        self.reading.values().map(|reading| reading.since + timeout).min()
    }

    /// A ledger is gone.
    pub fn forget(&mut self, ledger: LedgerId) {
        self.cache.retain(|position, _| position.ledger != ledger);
        self.order.retain(|position| position.ledger != ledger);
        self.reading.retain(|position, _| position.ledger != ledger);
    }
}

/// What a subscription must know of an entry: its first message speaks for all.
pub(super) fn facts(payload: &Batches) -> EntryFacts {
    let messages = payload.iter().map(|batch| batch.count()).sum();
    let first = payload.records().next();
    let header = |name: &str| {
        let value = first.as_ref()?.headers.get(name.as_bytes())??;
        Some(bytes::Bytes::copy_from_slice(value))
    };
    let key = header(ORDERING_KEY_HEADER).or_else(|| first.as_ref()?.key.clone());
    let at = header(DELIVER_AT_HEADER).and_then(|value| Some(u64::from_be_bytes(value[..].try_into().ok()?)));
    EntryFacts { messages, key, deliver_at: at.map(Time) }
}
