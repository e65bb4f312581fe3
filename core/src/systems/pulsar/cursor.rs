//! How far has a subscription got? Everything before its mark is acknowledged, and of what comes after some.
//!
//! ```text
//!   7:0  7:1  7:2 │ 7:3  7:4  7:5 │ 12:0  12:1  12:2
//!    ✓    ✓    ✓  │  ·    ✓    ✓      ·     ✓     ·        7:4 to 7:5 and 12:1 are acknowledged by themselves
//!                 └ the mark: 7:3 is the first that is not acknowledged
//!
//!   7:3 is acknowledged: the mark moves on over 7:4, 7:5 and the end of ledger 7, to 12:0
//! ```
//!
//! One message that is never acknowledged holds the mark, and with it whole ledgers. The mark and the ranges are written
//! down; of the ranges only so many, so after a crash what lies beyond is delivered again.
//!
//! Pulsar calls the last position before the mark *mark-delete*. A subscription that may only acknowledge up to a point
//! (exclusive, failover) mostly does so; one that shares may not, as others have what lies between.
//!
//! Source: Pulsar `ManagedCursorImpl`, `managedLedgerMaxUnackedRangesToPersist`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ledger::LedgerId;
use super::position::{Extents, Position};

/// How many ranges of acknowledged entries are written down (`managedLedgerMaxUnackedRangesToPersist`).
pub const RANGES_MAX: usize = 10_000;

/// How far a subscription has got.
///
/// ```
/// use mqlab_core::systems::pulsar::{Cursor, Extents, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let extents = Extents::from_iter([(LedgerId(7), 3)]);
/// let at = |entry| Position::new(LedgerId(7), entry);
/// let mut cursor = Cursor::new(at(0));
/// assert!(cursor.acknowledge(at(1), &extents));
/// assert_eq!((cursor.mark(), cursor.backlog(&extents)), (at(0), 2));
/// assert!(cursor.acknowledge(at(0), &extents));
/// assert_eq!((cursor.mark(), cursor.backlog(&extents)), (at(2), 1));
/// assert!(!cursor.acknowledge(at(1), &extents)); // it was
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    mark: Position,
    /// Acknowledged entries after the mark: by the first of each range, the entry after its last, of the same ledger.
    ranges: BTreeMap<Position, u64>,
    /// Of the one by which a topic is compacted: the ledger that has what stays of all before the mark.
    compacted: Option<LedgerId>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    mark: (u64, u64),
    ranges: Vec<(u64, u64, u64)>,
    #[serde(rename = "CompactedTopicLedger", default, skip_serializing_if = "Option::is_none")]
    compacted: Option<u64>,
}

impl Cursor {
    /// A cursor that has acknowledged what lies before `at`.
    pub fn new(at: Position) -> Self {
        Self { mark: at, ranges: BTreeMap::new(), compacted: None }
    }

    /// The same, with the property `CompactedTopicLedger`: what stays of all before the mark is in that ledger.
    #[must_use]
    pub fn with_compacted(self, ledger: LedgerId) -> Self {
        Self { compacted: Some(ledger), ..self }
    }

    /// The ledger that has what stays of all before the mark, if the topic is compacted.
    pub fn compacted(&self) -> Option<LedgerId> {
        self.compacted
    }

    /// The first position that is not acknowledged.
    pub fn mark(&self) -> Position {
        self.mark
    }

    /// The ranges that are acknowledged after the mark: the first of each, and the entry after its last.
    pub fn ranges(&self) -> impl Iterator<Item = (Position, u64)> {
        self.ranges.iter().map(|(first, end)| (*first, *end))
    }

    /// Whether an entry is acknowledged.
    pub fn has(&self, position: Position) -> bool {
        position < self.mark || self.end_of(position).is_some()
    }

    /// The end of the range that a position is in.
    fn end_of(&self, position: Position) -> Option<u64> {
        let (first, end) = self.ranges.range(..=position).next_back()?;
        (first.ledger == position.ledger && position.entry < *end).then_some(*end)
    }

    /// Acknowledges one entry. Says whether it was not acknowledged before.
    pub fn acknowledge(&mut self, position: Position, extents: &Extents) -> bool {
        if self.has(position) || !extents.contains(position) {
            return false;
        }
        let Position { ledger, entry } = position;
        let next = Position::new(ledger, entry + 1);
        let end = self.ranges.remove(&next).unwrap_or(next.entry);
        let before = self.ranges.range_mut(..position).next_back();
        match before.filter(|(first, end)| first.ledger == ledger && **end == entry) {
            Some((_, end_before)) => *end_before = end,
            None => {
                self.ranges.insert(position, end);
            }
        }
        self.advance(extents);
        true
    }

    /// Acknowledges an entry and all before it. Says whether any of them was not acknowledged before.
    pub fn acknowledge_to(&mut self, position: Position, extents: &Extents) -> bool {
        if position < self.mark || !extents.contains(position) {
            return false;
        }
        let next = Position::new(position.ledger, position.entry + 1);
        // A range that reaches over the new mark keeps what lies behind it.
        let over = self.end_of(position);
        self.ranges = self.ranges.split_off(&next);
        self.mark = over.map_or(next, |end| Position::new(position.ledger, end));
        self.advance(extents);
        true
    }

    /// Moves the mark over what is acknowledged, and over what is not there any more.
    pub fn advance(&mut self, extents: &Extents) {
        loop {
            self.mark = extents.settle(self.mark);
            // Ranges of ledgers that are gone lie before it.
            while let Some(first) = self.ranges.first_entry().filter(|first| *first.key() < self.mark) {
                first.remove();
            }
            match self.ranges.remove(&self.mark) {
                Some(end) => self.mark.entry = end,
                None => return,
            }
        }
    }

    /// Goes to a position: what lies before is acknowledged, what lies behind is not.
    pub fn seek(&mut self, to: Position, extents: &Extents) {
        *self = Self::new(extents.settle(to));
    }

    /// How many entries are not acknowledged.
    pub fn backlog(&self, extents: &Extents) -> u64 {
        let acknowledged: u64 = self.ranges.iter().map(|(first, end)| end - first.entry).sum();
        extents.count(self.mark, extents.end()).saturating_sub(acknowledged)
    }

    /// The first entry from `from` on that is not acknowledged, if there is one.
    pub fn next_unacknowledged(&self, from: Position, extents: &Extents) -> Option<Position> {
        let mut at = extents.settle(from.max(self.mark));
        while let Some(end) = self.end_of(at) {
            at = extents.settle(Position::new(at.ledger, end));
        }
        extents.contains(at).then_some(at)
    }

    /// As it is written down, with at most so many ranges.
    ///
    /// # Panics
    ///
    /// Never: numbers can be written.
    pub fn to_bytes(&self, ranges_max: usize) -> Bytes {
        let ranges = self.ranges.iter().take(ranges_max);
        let ranges = ranges.map(|(first, end)| (first.ledger.0, first.entry, *end)).collect();
        let compacted = self.compacted.map(|ledger| ledger.0);
        let written = Written { mark: (self.mark.ledger.0, self.mark.entry), ranges, compacted };
        serde_json::to_vec(&written).expect("numbers can be written").into()
    }

    /// Reads what was written down; `None` if that is no cursor.
    ///
    /// ```
    /// use mqlab_core::systems::pulsar::{Cursor, Position};
    /// use mqlab_core::systems::pulsar::ledger::LedgerId;
    /// let cursor = Cursor::new(Position::new(LedgerId(7), 3));
    /// assert_eq!(Cursor::parse(&cursor.to_bytes(10)), Some(cursor));
    /// assert_eq!(Cursor::parse(b"{}"), None);
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let Written { mark, ranges, compacted } = serde_json::from_slice(bytes).ok()?;
        let mut cursor = Self::new(Position::new(LedgerId(mark.0), mark.1));
        cursor.compacted = compacted.map(LedgerId);
        let mut at = cursor.mark;
        for (ledger, entry, end) in ranges {
            let first = Position::new(LedgerId(ledger), entry);
            if first < at || end <= entry {
                return None; // they follow each other, and none is empty
            }
            cursor.ranges.insert(first, end);
            at = Position::new(first.ledger, end);
        }
        Some(cursor)
    }
}
