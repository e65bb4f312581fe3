//! What does a reader get? Messages of one queue from an offset on, the offset to ask for next, and what else it must know.
//!
//! ```text
//!   asked   < min          min ≤ asked < max                 = max            > max
//!           next = min     messages that pass the filter,    nothing yet:     next = max: what was
//!                          next = behind the last looked at  wait             there was lost
//! ```
//!
//! The next offset lies behind everything that was looked at, whether it passed or not: what a filter rejects is not looked at
//! again.
//!
//! Source: `DefaultMessageStore.getMessage`, `getOffsetInQueueByTime`, `queryMessage`.

use alloc::vec::Vec;

use super::{MEMORY_SHARE, MessageStore, READ_BYTES_MAX, Result, SCANNED_MAX};
use crate::log::Storage;
use crate::systems::rocketmq::Topic;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::layout::StoredMessage;
use crate::time::Time;

/// How a read went.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::GotStatus;
/// assert!(GotStatus::OverflowBadly.is_illegal() && !GotStatus::OverflowOne.is_illegal());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GotStatus {
    /// There are messages.
    Found,
    /// Messages were looked at, and none passed the filter.
    NoMatched,
    /// The queue has never had a message.
    NoMessage,
    /// The offset is that of the next message to come.
    OverflowOne,
    /// The offset is behind that: the queue had more once.
    OverflowBadly,
    /// The message was deleted.
    TooSmall,
}

impl GotStatus {
    /// Whether the reader has to go on elsewhere than it thought.
    pub const fn is_illegal(self) -> bool {
        matches!(self, Self::OverflowBadly | Self::TooSmall)
    }
}

/// What a reader gets.
///
/// ```
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::rocketmq::filter::Subscription;
/// use mqlab_core::systems::rocketmq::store::{GotStatus, MessageStore, StoreSettings};
/// use mqlab_core::systems::rocketmq::Topic;
/// let store = MessageStore::open(MemoryStorage::default(), StoreSettings::default())?;
/// let got = store.get(&Topic::new("orders")?, 0, 7, 32, &Subscription::All)?;
/// assert_eq!((got.status, got.next), (GotStatus::NoMessage, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// How it went.
    pub status: GotStatus,
    /// The messages.
    pub messages: Vec<StoredMessage>,
    /// What to ask for next.
    pub next: u64,
    /// The first offset of the queue.
    pub min: u64,
    /// The offset that comes next in the queue.
    pub max: u64,
    /// Whether what comes next lies so far back that it is no longer in memory: a slave should read it.
    pub suggests_slave: bool,
}

impl<S: Storage> MessageStore<S> {
    /// At most `count` messages of a queue from `offset` on.
    ///
    /// # Errors
    ///
    /// [`super::StoreError`] when the storage fails or is damaged.
    pub fn get(
        &self,
        topic: &Topic,
        queue: u32,
        offset: u64,
        count: u32,
        wants: &Subscription,
    ) -> Result<Got, S> {
        self.get_below(u64::MAX, (topic, queue), offset, count, wants)
    }

    /// The same of those that stand below a place of the CommitLog: what is behind it counts as not there yet.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_below(
        &self,
        below: u64,
        (topic, queue): (&Topic, u32),
        offset: u64,
        count: u32,
        wants: &Subscription,
    ) -> Result<Got, S> {
        let (min, max) = (self.min_offset(topic, queue), self.max_offset(topic, queue));
        let mut got = Got {
            status: GotStatus::NoMatched,
            messages: Vec::new(),
            next: offset,
            min,
            max,
            suggests_slave: false,
        };
        let elsewhere = match offset {
            _ if max == 0 => Some((GotStatus::NoMessage, 0)),
            _ if offset < min => Some((GotStatus::TooSmall, min)),
            _ if offset == max => Some((GotStatus::OverflowOne, offset)),
            _ if offset > max => Some((GotStatus::OverflowBadly, max)),
            _ => None,
        };
        if let Some((status, next)) = elsewhere {
            return Ok(Got { status, next, ..got });
        }
        let Some(entries) = self.indexes.queues.get(&(topic.clone(), queue)) else { return Ok(got) };
        let (mut bytes, mut place) = (0, 0);
        while got.next < max.min(offset + SCANNED_MAX) && got.messages.len() < count.max(1) as usize {
            let Some(entry) = entries.get(got.next) else { break };
            if !entry.is_hole() && entry.at.physical >= below {
                break;
            }
            let is_full = !got.messages.is_empty() && bytes + entry.at.size > READ_BYTES_MAX;
            if is_full {
                break;
            }
            got.next += 1;
            if entry.is_hole() || !wants.passes_code(entry.tags_code) {
                continue;
            }
            place = entry.at.physical;
            let Some(message) = self.commit_log.read(place)? else { continue };
            if wants.passes_properties(&message.properties) {
                bytes += entry.at.size;
                got.messages.push(message);
            }
        }
        got.suggests_slave = !got.messages.is_empty() && !self.is_near(place);
        got.status = match got.messages.is_empty() {
            false => GotStatus::Found,
            true if got.next == offset => GotStatus::OverflowOne, // what comes next is not there yet
            true => GotStatus::NoMatched,
        };
        Ok(got)
    }

    /// Whether a place lies so near to the end that it is still in memory.
    fn is_near(&self, place: u64) -> bool {
        self.commit_log.end().saturating_sub(place) <= self.settings.memory_bytes / 100 * MEMORY_SHARE
    }

    /// Whether the message at this offset of a queue is still in memory.
    pub fn is_in_memory(&self, topic: &Topic, queue: u32, offset: u64) -> bool {
        let entries = self.indexes.queues.get(&(topic.clone(), queue));
        entries.and_then(|entries| entries.get(offset)).is_some_and(|entry| self.is_near(entry.at.physical))
    }

    /// At most `count` messages of a topic with this key, the youngest first.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn query(&self, topic: &Topic, key: &str, count: usize) -> Result<Vec<StoredMessage>, S> {
        let mut found: Vec<StoredMessage> = Vec::new();
        for place in self.indexes.find(topic, key) {
            if found.len() == count {
                break;
            }
            // A key that it has twice is two entries; another key may have its hash.
            let is_there = found.last().is_some_and(|last| last.physical_offset == place);
            let Some(message) = self.commit_log.read(place)?.filter(|_| !is_there) else { continue };
            if message.topic == *topic && message.properties.keys().any(|own| own == key) {
                found.push(message);
            }
        }
        Ok(found)
    }

    /// The offset of the first message of a queue that was stored at a moment or later; the next offset, if there is none.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn offset_by_time(&self, topic: &Topic, queue: u32, moment: Time) -> Result<u64, S> {
        let (mut low, mut high) = (self.min_offset(topic, queue), self.max_offset(topic, queue));
        let Some(entries) = self.indexes.queues.get(&(topic.clone(), queue)) else { return Ok(low) };
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = entries.get(middle).filter(|entry| !entry.is_hole());
            let message = entry.map(|entry| self.commit_log.read(entry.at.physical)).transpose()?.flatten();
            if message.is_some_and(|message| message.stored_at >= moment) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }
}
