//! What is built from the CommitLog? Queues of entries for readers, and files that find messages by key.
//!
//! ```text
//!   CommitLog  ──▶ dispatcher ──┬─▶ ConsumeQueue of the message's topic and queue      unless it is prepared or rolled back
//!                               └─▶ IndexFile, once for each of its keys
//! ```
//!
//! In RocketMQ a thread follows the CommitLog, a millisecond behind; here it is done with the append. It waits for no flush and
//! no slave: a consumer may see a message that a power cut then takes away.
//!
//! Source: `DefaultMessageStore.ReputMessageService`, `CommitLogDispatcherBuildConsumeQueue`, `...BuildIndex`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{ConsumeQueue, Extent, IndexFile, QueueEntry, StoreSettings};
use crate::systems::rocketmq::hash::{key_hash, tags_code};
use crate::systems::rocketmq::layout::StoredMessage;
use crate::systems::rocketmq::{SCHEDULE_TOPIC, Topic};

/// A topic and the number of one of its queues.
pub(super) type QueueKey = (Topic, u32);

/// Everything that is built from a CommitLog.
#[derive(Clone, Debug)]
pub(super) struct Indexes {
    pub(super) queues: BTreeMap<QueueKey, ConsumeQueue>,
    /// The last takes what comes.
    files: Vec<IndexFile>,
}

impl Indexes {
    /// Of an empty CommitLog, whose queues go on from where they were.
    pub(super) fn new(floors: BTreeMap<QueueKey, u64>) -> Self {
        let queues =
            floors.into_iter().map(|(key, floor)| (key, ConsumeQueue::beginning_at(floor))).collect();
        Self { queues, files: Vec::new() }
    }

    /// Takes note of a message.
    pub(super) fn dispatch(&mut self, settings: &StoreSettings, at: Extent, message: &StoredMessage) {
        if message.is_visible() {
            let tags_code = if message.topic.as_str() == SCHEDULE_TOPIC {
                settings.levels.due(message.queue + 1, message.stored_at).as_millis() as i64
            } else {
                tags_code(message.properties.tag())
            };
            let key = (message.topic.clone(), message.queue);
            let queue = self.queues.entry(key).or_default();
            queue.dispatch(message.queue_offset, QueueEntry { at, tags_code });
        }
        for key in message.properties.keys() {
            if self.files.last().is_none_or(IndexFile::is_full) {
                self.files.push(IndexFile::new(settings.index_slots, settings.index_entries));
            }
            let hash = key_hash(message.topic.as_str(), key);
            let put =
                self.files.last_mut().is_some_and(|file| file.put(hash, at.physical, message.stored_at));
            debug_assert!(put || settings.index_entries < 2, "a new file has room");
        }
    }

    /// The places of messages that may have a key, the youngest first.
    pub(super) fn find(&self, topic: &Topic, key: &str) -> impl Iterator<Item = u64> {
        let hash = key_hash(topic.as_str(), key);
        self.files.iter().rev().flat_map(move |file| file.find(hash))
    }

    /// Forgets what is below a place.
    pub(super) fn trim(&mut self, physical: u64) {
        self.queues.values_mut().for_each(|queue| queue.trim(physical));
        self.files.retain(|file| file.last_place() >= physical);
    }

    /// Forgets what is at or behind a place. What the index finds there is not in the CommitLog, and so is left.
    pub(super) fn truncate(&mut self, physical: u64) {
        self.queues.values_mut().for_each(|queue| queue.truncate(physical));
    }
}
