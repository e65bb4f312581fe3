//! How is a message found by its key? By a hash table in a file: slots, and chains through entries.
//!
//! ```text
//!   header 40     slots: 4 bytes each               entries: 20 bytes each, from 1 on
//!   ┌─────────┐   ┌───┬───┬───┬───┬───┐             ┌───────────────────┐
//!   │ times,  │   │ 0 │ 3 │ 0 │ 2 │ 0 │  hash % n   │ 3: hash, place,   │──▶ 1: the entry that had the slot before
//!   │ places, │   └───┴─│─┴───┴───┴───┘             │ seconds, previous │
//!   │ counts  │         └──────────────────────────▶└───────────────────┘
//!   └─────────┘
//! ```
//!
//! A new entry goes to the head of its slot's chain, so the youngest are found first. Two keys may share a hash: who asks
//! reads the message and compares. Memory is taken only for slots that are used.
//!
//! Source: `IndexFile.java`, `IndexService.java`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::BufMut as _;

use crate::time::Time;

/// The bytes before the first slot.
pub const HEADER_BYTES: usize = 40;
/// How many slots a file has (`maxHashSlotNum`).
pub const SLOTS: u32 = 5_000_000;
/// How many entries a file takes (`maxIndexNum`); the first is never used.
pub const ENTRIES: u32 = 20_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IndexEntry {
    hash: i32,
    physical: u64,
    /// Since the file's first message.
    seconds: u32,
    /// The next of the chain; 0 for none.
    previous: u32,
}

/// One file of the index.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::IndexFile;
/// use mqlab_core::time::Time;
/// let mut file = IndexFile::new(4, 10);
/// assert!(file.put(9, 0, Time::ZERO) && file.put(5, 100, Time::ZERO)); // both in slot 1
/// assert_eq!(file.find(9).collect::<Vec<_>>(), [0]);
/// assert_eq!(file.find(1).count(), 0); // the slot's, and another hash
/// ```
#[derive(Clone, Debug)]
pub struct IndexFile {
    slots: u32,
    entries_max: u32,
    heads: BTreeMap<u32, u32>,
    /// The entry of number *n* stands at *n* - 1.
    entries: Vec<IndexEntry>,
    times: Option<(Time, Time)>,
    places: (u64, u64),
}

impl IndexFile {
    /// An empty file.
    pub fn new(slots: u32, entries_max: u32) -> Self {
        let (heads, entries) = (BTreeMap::new(), Vec::new());
        Self { slots: slots.max(1), entries_max, heads, entries, times: None, places: (0, 0) }
    }

    /// Whether it takes no more. Number 0 means none, so there is one entry less than there is room for.
    pub fn is_full(&self) -> bool {
        self.entries.len() as u64 + 1 >= u64::from(self.entries_max)
    }

    /// Takes note of a message with a key of this hash; false when the file is full.
    pub fn put(&mut self, hash: i32, physical: u64, stored: Time) -> bool {
        if self.is_full() {
            return false;
        }
        let (begin, _) = *self.times.get_or_insert((stored, stored));
        self.times = Some((begin, stored));
        if self.entries.is_empty() {
            self.places.0 = physical;
        }
        self.places.1 = physical;
        let seconds = u32::try_from(stored.since(begin).0 / 1_000_000).unwrap_or(u32::MAX);
        let number = self.entries.len() as u32 + 1;
        let previous = self.heads.insert(self.slot(hash), number).unwrap_or(0);
        self.entries.push(IndexEntry { hash, physical, seconds, previous });
        true
    }

    fn slot(&self, hash: i32) -> u32 {
        hash.unsigned_abs() % self.slots
    }

    /// The places of messages with a key of this hash, the youngest first.
    pub fn find(&self, hash: i32) -> impl Iterator<Item = u64> {
        let mut number = self.heads.get(&self.slot(hash)).copied().unwrap_or(0);
        let chain = core::iter::from_fn(move || {
            let entry = self.entries.get(number.checked_sub(1)? as usize)?;
            number = entry.previous;
            Some(entry)
        });
        chain.filter(move |entry| entry.hash == hash).map(|entry| entry.physical)
    }

    /// The place of its last message.
    pub fn last_place(&self) -> u64 {
        self.places.1
    }

    /// The bytes that RocketMQ stores. (It is as large as the settings say, however little is in it.)
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        let (begin, end) = self.times.unwrap_or_default();
        to.put_u64(begin.as_millis());
        to.put_u64(end.as_millis());
        to.put_u64(self.places.0);
        to.put_u64(self.places.1);
        to.put_u32(self.heads.len() as u32);
        to.put_u32(self.entries.len() as u32 + 1);
        for slot in 0..self.slots {
            to.put_u32(self.heads.get(&slot).copied().unwrap_or(0));
        }
        to.put_bytes(0, 20);
        for entry in &self.entries {
            to.put_i32(entry.hash);
            to.put_u64(entry.physical);
            to.put_u32(entry.seconds);
            to.put_u32(entry.previous);
        }
        to.resize(HEADER_BYTES + self.slots as usize * 4 + self.entries_max as usize * 20, 0);
        to
    }
}
