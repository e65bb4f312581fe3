//! How does a reader find a topic's messages among all others? By a queue of small entries that say where they are.
//!
//! ```text
//!   offset in the queue   0                      1                      2
//!                         │ place │ size │ tag   │ place │ size │ tag   │ ...        20 bytes each: 8, 4, 8
//! ```
//!
//! Entry *n* begins at byte 20 · *n*, so finding it takes no search. The last part is the hash of the tag; in the topic of
//! delayed messages it is the moment at which the message is due.
//!
//! What really is on disk in RocketMQ is only in memory here: it can be built anew from the CommitLog, and is, at opening.
//!
//! Source: `ConsumeQueue.java`.

use alloc::collections::VecDeque;

use super::Extent;

/// How many bytes an entry takes.
pub const ENTRY_BYTES: u64 = 20;

/// What a queue says of one message.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::{Extent, QueueEntry};
/// let entry = QueueEntry { at: Extent { physical: 1, size: 2 }, tags_code: -1 };
/// assert_eq!(entry.encode(), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 255, 255, 255, 255, 255, 255, 255, 255]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Where it stands.
    pub at: Extent,
    /// The hash of its tag, or when it is due in milliseconds.
    pub tags_code: i64,
}

impl QueueEntry {
    /// What fills a hole: a reader goes past it.
    const HOLE: Self = Self { at: Extent { physical: 0, size: 0 }, tags_code: 0 };

    /// Whether it leads to no message.
    pub fn is_hole(self) -> bool {
        self.at.size == 0
    }

    /// The bytes that RocketMQ stores.
    pub fn encode(self) -> [u8; ENTRY_BYTES as usize] {
        let mut bytes = [0; ENTRY_BYTES as usize];
        bytes[..8].copy_from_slice(&self.at.physical.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.at.size.to_be_bytes());
        bytes[12..].copy_from_slice(&self.tags_code.to_be_bytes());
        bytes
    }
}

/// The entries of one queue of a topic.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::{ConsumeQueue, Extent, QueueEntry};
/// let mut queue = ConsumeQueue::beginning_at(0);
/// queue.dispatch(0, QueueEntry { at: Extent { physical: 310, size: 280 }, tags_code: 0 });
/// assert_eq!((queue.min(), queue.max()), (0, 1));
/// assert_eq!(queue.get(0).map(|entry| entry.at.physical), Some(310));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ConsumeQueue {
    min: u64,
    entries: VecDeque<QueueEntry>,
}

impl ConsumeQueue {
    /// An empty queue whose next entry is this.
    pub fn beginning_at(min: u64) -> Self {
        Self { min, entries: VecDeque::new() }
    }

    /// The first offset that it has.
    pub fn min(&self) -> u64 {
        self.min
    }

    /// The offset that comes next.
    pub fn max(&self) -> u64 {
        self.min + self.entries.len() as u64
    }

    /// The entry at an offset.
    pub fn get(&self, offset: u64) -> Option<QueueEntry> {
        let index = usize::try_from(offset.checked_sub(self.min)?).ok()?;
        self.entries.get(index).copied()
    }

    /// Takes note of a message. What comes again is not noted twice; what comes too early leaves a hole, unless it is the first.
    pub fn dispatch(&mut self, offset: u64, entry: QueueEntry) {
        if self.entries.is_empty() && offset > self.min {
            self.min = offset;
        }
        if offset < self.max() {
            return;
        }
        self.entries.resize((offset - self.min) as usize, QueueEntry::HOLE);
        self.entries.push_back(entry);
    }

    /// Forgets entries at the front that lead below a place of the CommitLog.
    pub fn trim(&mut self, physical: u64) {
        while self.entries.front().is_some_and(|entry| entry.at.physical < physical) {
            self.entries.pop_front();
            self.min += 1;
        }
    }

    /// Forgets entries at the end that lead to a place of the CommitLog, or behind it.
    pub fn truncate(&mut self, physical: u64) {
        while self.entries.back().is_some_and(|entry| entry.at.physical >= physical || entry.is_hole()) {
            self.entries.pop_back();
        }
    }

    /// The entries at the front that lead below a place, with their offsets.
    pub fn below(&self, physical: u64) -> impl Iterator<Item = (u64, QueueEntry)> {
        (self.min..)
            .zip(self.entries.iter().copied())
            .take_while(move |(_, entry)| entry.at.physical < physical)
    }
}
