//! When is a message deleted? When its file is old enough, whether anybody has read it or not.
//!
//! ```text
//!   CommitLog   │ file 0: last stored 80 h ago │ file 1: 73 h ago │ file 2: 5 h ago │ file 3: written to
//!               └──────── deleted at 04:00 ────┴──────────────────┘
//! ```
//!
//! At another hour only when three quarters of the disk are in use; beyond 85 % even younger files go, the oldest first. The file
//! that is written to stays.
//!
//! Where the CommitLog and the queues begin is written down before: if a power cut then takes all that is left of a queue, nothing
//! in the CommitLog says any more with which offset it goes on.
//!
//! Source: `DefaultMessageStore.CleanCommitLogService`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{
    DISK_FORCES, DISK_USED_MAX, Extent, Floors, MessageStore, Result, StoreError, Stored, floor_name,
};
use crate::ids::MessageId;
use crate::log::Storage;
use crate::record::Batches;
use crate::systems::rocketmq::Topic;
use crate::systems::rocketmq::layout::{BadLayout, Entry};
use crate::time::Time;

/// An hour, in microseconds.
const HOUR_MICROS: u64 = 60 * 60 * 1_000_000;

/// What was deleted from one queue.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::Deleted;
/// use mqlab_core::systems::rocketmq::Topic;
/// let deleted = Deleted { topic: Topic::new("orders")?, queue: 0, below: 17, messages: vec![] };
/// assert_eq!(deleted.below, 17);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The topic.
    pub topic: Topic,
    /// The queue.
    pub queue: u32,
    /// It keeps what is at or after this offset.
    pub below: u64,
    /// What is gone.
    pub messages: Vec<MessageId>,
}

/// The messages of stored batches.
pub(super) fn messages_of<S: Storage>(batches: &Batches) -> Result<Vec<Stored>, S> {
    let of = |value: bytes::Bytes| match Entry::decode(&value) {
        Ok(Entry::Message(message)) => {
            let at = Extent { physical: message.physical_offset, size: value.len() as u32 };
            Ok(Stored { at, message })
        }
        Ok(Entry::Blank { .. }) => Err(StoreError::Damaged { physical: 0, why: BadLayout::Cut }),
        Err(why) => Err(StoreError::Damaged { physical: 0, why }),
    };
    batches.records().filter_map(|record| record.value).map(of).collect()
}

impl<S: Storage> MessageStore<S> {
    /// Deletes files that are too old, if this is the hour or the disk is full; returns what was in them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn delete_expired(&mut self, now: Time) -> Result<Vec<Deleted>, S> {
        let is_hour = now.0 / HOUR_MICROS % 24 == self.settings.delete_hour;
        let mut until = None;
        let mut from = self.commit_log.start();
        while let Some(end) = self.file_end(from) {
            let used = self.percent_used(from);
            let stored = match self.commit_log.last_below(end) {
                Some(last) => self.commit_log.read(last.physical)?.map(|message| message.stored_at),
                None => None,
            };
            let is_old = stored.is_none_or(|stored| stored + self.settings.reserved < now);
            if !(is_old && (is_hour || used > DISK_USED_MAX) || used > DISK_FORCES) {
                break;
            }
            (from, until) = (end, Some(end));
        }
        until.map_or(Ok(Vec::new()), |until| self.delete_below(until))
    }

    /// Where the file ends that this place is in, unless it is written to.
    fn file_end(&self, place: u64) -> Option<u64> {
        let bytes = self.settings.file_bytes;
        let end = (place / bytes + 1) * bytes;
        // Its end may be the CommitLog's: then the next message begins a file, and this is the last that there is.
        (self.commit_log.last_below(u64::MAX)?.physical >= end).then_some(end)
    }

    /// How much of the disk is in use without what is below a place, in percent.
    fn percent_used(&self, from: u64) -> u64 {
        let Some(disk) = self.settings.disk_bytes else { return 0 };
        (self.commit_log.end().saturating_sub(from)).saturating_mul(100) / disk.max(1)
    }

    fn delete_below(&mut self, place: u64) -> Result<Vec<Deleted>, S> {
        let mut deleted = Vec::new();
        let mut floors = Floors { physical: place, queues: BTreeMap::new() };
        for ((topic, queue), entries) in &self.indexes.queues {
            let mut messages = Vec::new();
            let mut below = entries.min();
            for (offset, entry) in entries.below(place) {
                below = offset + 1;
                let message = self.commit_log.read(entry.at.physical)?;
                messages.extend(message.and_then(|message| message.properties.message_id()));
            }
            if below > entries.min() {
                deleted.push(Deleted { topic: topic.clone(), queue: *queue, below, messages });
            }
            floors.queues.insert(floor_name(&(topic.clone(), *queue)), below);
        }
        self.floors.write(&floors)?;
        self.commit_log.trim(place)?;
        self.indexes.trim(place);
        Ok(deleted)
    }
}
