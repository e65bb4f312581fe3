//! Who wants only the latest of each key, need not read all: a topic has a compacted copy beside it.
//!
//! ```text
//!   topic      a=1  b=1  a=2  c=1  b=∅  (no key)  a=3 │ c=2  d=1
//!                                             horizon ┘
//!   compacted                 c=1            a=3         b is gone: its last message has no value
//!
//!   who reads compacted       c=1  a=3              then   c=2  d=1  from the topic itself
//!   who does not              everything that is kept
//! ```
//!
//! Messages keep their places. Other than in Kafka, the topic itself is untouched: retention decides about it, and one
//! subscription may read compacted while another does not. Only one that is exclusive or failover may.
//!
//! It takes two walks over the same entries. The first remembers where the latest of each key stands ([`Latest`]); the second
//! writes what stands there to a ledger of its own, each entry after a word that says which entry of the topic it was
//! ([`copy_of`]). Who reads that ledger knows from [`CompactedLedger`] which entries there are, and where.
//!
//! Source: Pulsar `AbstractTwoPhaseCompactor`, `RawBatchConverter`, `CompactedTopicImpl`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::ledger::LedgerId;
use super::position::{Extents, MessagePlace, Position};
use crate::ids::{Epoch, MessageId, Offset};
use crate::record::{Batch, BatchBuilder, Batches, NewRecord, Record};

/// What the subscription is called by which a topic is compacted (`COMPACTION_SUBSCRIPTION`).
pub const COMPACTION_CURSOR: &str = "__compaction";

/// The key of the word before each entry of a compacted ledger.
const PLACE_KEY: &[u8] = b"place";

/// The first walk: where the latest message of each key stands.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// use mqlab_core::systems::pulsar::{Latest, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let mut builder = BatchBuilder::new();
/// for (key, value) in [("a", Some("1")), ("b", Some("1")), ("a", Some("2")), ("b", None)] {
///     builder.push(&NewRecord { key: Some(key.into()), value: value.map(Into::into), ..NewRecord::default() })?;
/// }
/// let (at, entry) = (Position::new(LedgerId(7), 0), builder.build());
/// let mut latest = Latest::new(false);
/// latest.learn(at, &entry);
/// let kept = latest.kept_of(at, &entry).ok_or("a has a value")?;
/// assert_eq!((latest.keys(), kept.records().count()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    places: BTreeMap<Bytes, MessagePlace>,
    retain_null_key: bool,
}

impl Latest {
    /// Nothing was looked at. What has no key stays if `retain_null_key` says so (`topicCompactionRetainNullKey`).
    pub fn new(retain_null_key: bool) -> Self {
        Self { places: BTreeMap::new(), retain_null_key }
    }

    /// Looks at an entry that follows those before.
    pub fn learn(&mut self, position: Position, payload: &Batches) {
        for (place, record) in places_of(position, payload) {
            let Some(key) = record.key.clone() else { continue };
            match record.value.as_ref().is_some_and(|value| !value.is_empty()) {
                true => self.places.insert(key, place),
                false => self.places.remove(&key), // its last message says that there is none
            };
        }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.places.len()
    }

    /// The second walk: the messages of an entry that stay, each at its offset in it; nothing where none does.
    pub fn kept_of(&self, position: Position, payload: &Batches) -> Option<Batches> {
        let stays: BTreeSet<Offset> = places_of(position, payload)
            .filter(|(place, record)| match &record.key {
                Some(key) => self.places.get(key) == Some(place),
                None => self.retain_null_key,
            })
            .map(|(_, record)| record.offset)
            .collect();
        let kept: Vec<Batch> = payload
            .iter()
            .map(|batch| batch.retaining(|record| stays.contains(&record.offset), None))
            .collect();
        (!stays.is_empty()).then(|| Batches::joined(&kept))
    }
}

/// The messages of an entry, and where each stands.
fn places_of(position: Position, payload: &Batches) -> impl Iterator<Item = (MessagePlace, Record)> {
    let base = payload.base().unwrap_or_default();
    let is_batch = payload.next().is_some_and(|next| next.0 - base.0 > 1);
    payload.records().map(move |record| {
        let index = u32::try_from(record.offset.0 - base.0).unwrap_or(u32::MAX);
        (MessagePlace { position, partition: None, batch: is_batch.then_some(index) }, record)
    })
}

/// What is written to a compacted ledger of an entry of the topic: where it stands there, and what stays of it.
///
/// # Panics
///
/// Never: the word is a short one.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::{Position, copy_of, original_of};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let at = Position::new(LedgerId(7), 3);
/// let (position, payload) = original_of(&copy_of(at, &batch(0, 2))).ok_or("it is a copy")?;
/// assert_eq!((position, payload.records().count()), (at, 2));
/// # Ok::<(), &str>(())
/// ```
pub fn copy_of(position: Position, kept: &Batches) -> Batches {
    let mut value = BytesMut::with_capacity(16);
    value.put_u64(position.ledger.0);
    value.put_u64(position.entry);
    let mut word = BatchBuilder::new();
    let (key, value) = (Some(Bytes::from_static(PLACE_KEY)), Some(value.freeze()));
    word.push(&NewRecord { key, value, ..NewRecord::default() }).expect("a short word fits a batch");
    let all: Vec<Batch> = word.build().iter().chain(kept.iter()).collect();
    Batches::joined(&all).into_stamped(Offset::ZERO, Epoch::default())
}

/// Which entry of the topic an entry of a compacted ledger was, and what stays of it; `None` if it is no such copy.
pub fn original_of(copy: &Batches) -> Option<(Position, Batches)> {
    let mut batches = copy.iter();
    let word = batches.next()?.records().next()?;
    let mut place = word.value.filter(|_| word.key.as_deref() == Some(PLACE_KEY))?;
    let (ledger, entry) = (place.try_get_u64().ok()?, place.try_get_u64().ok()?);
    let kept: Vec<Batch> = batches.collect();
    Some((Position::new(LedgerId(ledger), entry), Batches::joined(&kept)))
}

/// A compacted ledger: which entries of the topic it has, and as which of its own.
///
/// Pulsar searches it by halving; here it is read through once.
///
/// ```
/// use mqlab_core::systems::pulsar::{CompactedLedger, Extents, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let at = |ledger, entry| Position::new(LedgerId(ledger), entry);
/// // Of ledger 7 entries 1 and 3 stay; what begins with 7:4 is not compacted.
/// let compacted = CompactedLedger::new(LedgerId(9), at(7, 4)).with(at(7, 1)).with(at(7, 3));
/// assert_eq!(compacted.copy_at(at(7, 3)), Some(at(9, 1)));
/// let extents = Extents::from_iter([(LedgerId(7), 6)]);
/// assert_eq!(compacted.next_after(at(7, 2), &extents), at(7, 3));
/// assert_eq!(compacted.next_after(at(7, 4), &extents), at(7, 4)); // from the topic itself
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompactedLedger {
    ledger: LedgerId,
    /// The first entry that is not compacted.
    end: Position,
    places: BTreeMap<Position, u64>,
}

impl CompactedLedger {
    /// A ledger of which nothing has been read. What comes before `end` is compacted.
    pub fn new(ledger: LedgerId, end: Position) -> Self {
        Self { ledger, end, places: BTreeMap::new() }
    }

    /// Its next entry is the copy of this one.
    #[must_use]
    pub fn with(mut self, position: Position) -> Self {
        self.learn(position);
        self
    }

    /// The same.
    pub fn learn(&mut self, position: Position) {
        let next = self.entries();
        self.places.entry(position).or_insert(next);
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// How many of its entries are known.
    pub fn entries(&self) -> u64 {
        self.places.len() as u64
    }

    /// Whether who reads compacted does not read an entry from the topic.
    pub fn covers(&self, position: Position) -> bool {
        position < self.end
    }

    /// Where the copy of an entry is, if something of it stays.
    pub fn copy_at(&self, position: Position) -> Option<Position> {
        self.places.get(&position).map(|entry| Position::new(self.ledger, *entry))
    }

    /// The first entry at `from` or after it that who reads compacted gets.
    pub fn next_after(&self, from: Position, extents: &Extents) -> Position {
        match self.places.range(from..).next() {
            _ if !self.covers(from) => from,
            Some((position, _)) => extents.settle(*position),
            None => extents.settle(self.end),
        }
    }
}

/// The messages of what is taken that are nowhere among what is kept.
pub(super) fn taken(read: BTreeSet<MessageId>, kept: &BTreeSet<MessageId>) -> Vec<MessageId> {
    read.into_iter().filter(|message| !kept.contains(message)).collect()
}
