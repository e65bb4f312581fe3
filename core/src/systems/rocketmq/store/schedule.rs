//! Where does a delayed message wait? In a topic of its own, a queue for each delay; from there it is written again when due.
//!
//! ```text
//!   put(orders, level 3) ──▶ SCHEDULE_TOPIC_XXXX / 2     REAL_TOPIC = orders, REAL_QID = 1
//!                                   │ 10 s later
//!                                   ▼
//!                            put(orders / 1) as a new message, which gets its offset now
//! ```
//!
//! So a delayed message is stored twice, and stands in its queue where it was due, not where it was sent. How far each level is
//! delivered is written down now and then; after a crash between, some are delivered again.
//!
//! Source: `ScheduleMessageService.java`, `HookUtils.handleScheduleMessage`.

use alloc::format;
use alloc::vec::Vec;

use super::{ConsumeQueue, MessageStore, Result, Stored};
use crate::ids::Epoch;
use crate::log::Storage;
use crate::systems::rocketmq::delay::DelayLevels;
use crate::systems::rocketmq::layout::{StoredMessage, sys_flag};
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::{SCHEDULE_TOPIC, Topic};
use crate::time::Time;

/// Sends a message that has a delay to where it waits; of a half message the delay begins when it is committed.
pub(super) fn hold_back(message: &mut StoredMessage, levels: &DelayLevels) {
    let is_plain = matches!(message.transaction(), 0 | sys_flag::COMMIT);
    let level = message.properties.number(key::DELAY).and_then(|level| levels.clamped(level));
    if let Some(level) = level.filter(|_| is_plain && message.topic.as_str() != SCHEDULE_TOPIC) {
        keep_destination(message);
        message.topic = Topic::system(SCHEDULE_TOPIC);
        message.queue = level - 1;
    }
}

/// Notes on a message where it is meant to go, before it goes elsewhere.
pub(in crate::systems::rocketmq) fn keep_destination(message: &mut StoredMessage) {
    message.properties.put(key::REAL_TOPIC, message.topic.as_str());
    message.properties.put(key::REAL_QUEUE, &format!("{}", message.queue));
}

/// Sets a message's destination to what was noted; none where nothing was.
pub(in crate::systems::rocketmq) fn to_destination(mut message: StoredMessage) -> Option<StoredMessage> {
    message.topic = Topic::new(message.properties.get(key::REAL_TOPIC)?).ok()?;
    message.queue = u32::try_from(message.properties.number(key::REAL_QUEUE)?).ok()?;
    Some(message)
}

impl<S: Storage> MessageStore<S> {
    /// Delivers what is due: writes each message again, where it is meant to be.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put); what came before is delivered.
    pub fn deliver_due(&mut self, now: Time, epoch: Epoch) -> Result<Vec<Stored>, S> {
        let mut delivered = Vec::new();
        let due_now: Vec<u32> =
            self.levels_in_use().filter(|(_, (.., due))| *due <= now).map(|(level, _)| level).collect();
        for queue in due_now {
            while let Some((offset, place, due)) = self.first_delayed(queue)
                && due <= now
            {
                let message = self.commit_log.read(place)?.and_then(to_destination);
                if let Some(mut message) = message {
                    message.properties.remove(key::DELAY);
                    delivered.push(self.put(now, message, epoch)?);
                }
                self.delayed.insert(queue, offset + 1);
            }
        }
        Ok(delivered)
    }

    /// When the next delayed message is due.
    pub fn next_due(&self) -> Option<Time> {
        self.levels_in_use().map(|(_, (.., due))| due).min()
    }

    /// The queues of levels where something waits, each with what is due first. This is asked after each burst: it looks at no
    /// queue that is not there.
    fn levels_in_use(&self) -> impl Iterator<Item = (u32, (u64, u64, Time))> {
        let topic = Topic::system(SCHEDULE_TOPIC);
        let queues = self.indexes.queues.range((topic.clone(), 0)..=(topic, u32::MAX));
        queues.filter_map(|((_, queue), entries)| Some((*queue, self.first_of(*queue, entries)?)))
    }

    /// The offset, the place and the time of the message of a level that is due first.
    fn first_delayed(&self, queue: u32) -> Option<(u64, u64, Time)> {
        let entries = self.indexes.queues.get(&(Topic::system(SCHEDULE_TOPIC), queue))?;
        self.first_of(queue, entries)
    }

    fn first_of(&self, queue: u32, entries: &ConsumeQueue) -> Option<(u64, u64, Time)> {
        let mut offset = self.delayed.get(&queue).copied().unwrap_or(0).max(entries.min());
        while entries.get(offset)?.is_hole() {
            offset += 1;
        }
        let entry = entries.get(offset)?;
        Some((offset, entry.at.physical, Time(entry.tags_code.unsigned_abs().saturating_mul(1_000))))
    }
}
