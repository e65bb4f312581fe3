//! Where does a message stand? In a ledger of its topic, in an entry of that ledger, in a batch.
//!
//! ```text
//!   ledgers of a topic   │ 7: entries 0..3, closed │ 9: closed, empty │ 12: entries 0..2, open │
//!   positions               7:0  7:1  7:2              (none)             12:0  12:1  ▲ 12:2 comes next
//! ```
//!
//! Numbers of ledgers grow along a topic, with gaps: other topics have the others. So positions are in order, but what
//! comes after 7:2 is known only to who knows the ledgers ([`Extents`]).

use alloc::collections::BTreeMap;
use core::fmt;

use super::ledger::LedgerId;
use crate::ids::Offset;

/// An entry of a topic.
///
/// ```
/// use mqlab_core::systems::pulsar::Position;
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let position = Position::new(LedgerId(7), 2);
/// assert!(position < Position::new(LedgerId(12), 0));
/// assert_eq!(position.to_string(), "7:2");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// In which ledger.
    pub ledger: LedgerId,
    /// Which entry of it.
    pub entry: u64,
}

impl Position {
    /// An entry of a ledger.
    pub const fn new(ledger: LedgerId, entry: u64) -> Self {
        Self { ledger, entry }
    }

    /// The offset by which facts name the first message of the entry, for those who know offsets only: greater for what
    /// comes later, whoever owns the topic, with gaps.
    ///
    /// ```
    /// use mqlab_core::systems::pulsar::Position;
    /// use mqlab_core::systems::pulsar::ledger::LedgerId;
    /// let at = |ledger, entry| Position::new(LedgerId(ledger), entry).offset();
    /// assert!(at(7, 0) < at(7, 1) && at(7, 50_000) < at(8, 0));
    /// ```
    pub const fn offset(self) -> Offset {
        // Room for 4,096 messages in an entry and a million entries in a ledger.
        Offset((self.ledger.0 << 32) + (self.entry << 12))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ledger, self.entry)
    }
}

/// A message of a topic, as clients name it.
///
/// ```
/// use mqlab_core::systems::pulsar::{MessagePlace, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let place = MessagePlace { position: Position::new(LedgerId(7), 2), partition: Some(1), batch: None };
/// assert_eq!(place.to_string(), "7:2:1:-1"); // alone in its entry
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessagePlace {
    /// The entry.
    pub position: Position,
    /// Of which partition, if the topic has some.
    pub partition: Option<u32>,
    /// Which message of a batch, if the entry is one.
    pub batch: Option<u32>,
}

impl fmt::Display for MessagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or(-1, i64::from);
        write!(f, "{}:{}:{}", self.position, number(self.partition), number(self.batch))
    }
}

/// The ledgers of a topic that are still there, and how many entries each has: which positions there are.
///
/// ```
/// use mqlab_core::systems::pulsar::{Extents, Position};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let extents = Extents::from_iter([(LedgerId(7), 3), (LedgerId(9), 0), (LedgerId(12), 2)]);
/// let at = |ledger, entry| Position::new(LedgerId(ledger), entry);
/// assert_eq!(extents.settle(at(7, 3)), at(12, 0)); // 7 has no entry 3, and 9 has none at all
/// assert_eq!(extents.end(), at(12, 2));
/// assert_eq!(extents.count(at(7, 1), extents.end()), 4);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents(BTreeMap<LedgerId, u64>);

impl FromIterator<(LedgerId, u64)> for Extents {
    fn from_iter<I: IntoIterator<Item = (LedgerId, u64)>>(ledgers: I) -> Self {
        Self(ledgers.into_iter().collect())
    }
}

impl Extents {
    /// A ledger has so many entries now.
    pub fn set(&mut self, ledger: LedgerId, entries: u64) {
        self.0.insert(ledger, entries);
    }

    /// A ledger is gone.
    pub fn remove(&mut self, ledger: LedgerId) {
        self.0.remove(&ledger);
    }

    /// Each ledger and how many entries it has, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (LedgerId, u64)> {
        self.0.iter().map(|(ledger, entries)| (*ledger, *entries))
    }

    /// The first position that there is, or comes.
    pub fn start(&self) -> Position {
        self.settle(Position::default())
    }

    /// The position that comes next.
    pub fn end(&self) -> Position {
        self.0
            .last_key_value()
            .map_or(Position::default(), |(ledger, entries)| Position::new(*ledger, *entries))
    }

    /// The first position at `from` or after that there is, or comes.
    #[must_use]
    pub fn settle(&self, from: Position) -> Position {
        let mut ledgers = self.0.range(from.ledger..);
        let at = |ledger: LedgerId| if ledger == from.ledger { from.entry } else { 0 };
        let found = ledgers.find(|(ledger, entries)| at(**ledger) < **entries);
        found.map_or(self.end().max(from), |(ledger, _)| Position::new(*ledger, at(*ledger)))
    }

    /// The position after this one that there is, or comes.
    #[must_use]
    pub fn after(&self, position: Position) -> Position {
        self.settle(Position::new(position.ledger, position.entry.saturating_add(1)))
    }

    /// Whether there is such an entry.
    pub fn contains(&self, position: Position) -> bool {
        self.0.get(&position.ledger).is_some_and(|entries| position.entry < *entries)
    }

    /// How many entries there are from `from` on and before `until`.
    pub fn count(&self, from: Position, until: Position) -> u64 {
        if from >= until {
            return 0;
        }
        let within = self.0.range(from.ledger..=until.ledger).map(|(&ledger, &entries)| {
            let first = if ledger == from.ledger { from.entry } else { 0 };
            let end = if ledger == until.ledger { entries.min(until.entry) } else { entries };
            end.saturating_sub(first)
        });
        within.sum()
    }
}
