//! What does a broker keep on its disk? One CommitLog, and indexes that are built from it.
//!
//! ```text
//!   put ──▶ CommitLog ──▶ (flush: now and then, or before the answer)
//!              │  dispatched at once
//!              ├─▶ ConsumeQueues ◀── get(topic, queue, offset)
//!              └─▶ IndexFiles ◀───── query(topic, key)
//!
//!   a power cut takes the end of the CommitLog that was not flushed; the indexes are built anew from what is left
//! ```
//!
//! Three small tables stand beside: how far each level of delay is delivered, where queues go on whose messages are all
//! deleted, and (the broker's) how far each group is.
//!
//! Source: `DefaultMessageStore.java`.

mod commit_log;
mod config_file;
mod consume_queue;
mod error;
pub mod index_file;
mod indexes;
mod reading;
mod retention;
mod schedule;
mod settings;

pub use commit_log::{CommitLog, Extent};
pub use config_file::ConfigFile;
pub use consume_queue::{ConsumeQueue, ENTRY_BYTES, QueueEntry};
pub use error::StoreError;
pub use index_file::IndexFile;
pub use reading::{Got, GotStatus};
pub use retention::Deleted;
pub(super) use schedule::{keep_destination, to_destination};
pub use settings::{
    DELETE_HOUR, DISK_FORCES, DISK_USED_MAX, FILE_BYTES, MEMORY_SHARE, READ_BYTES_MAX, RESERVED, SCANNED_MAX,
    StoreSettings,
};

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::layout::StoredMessage;
use super::{SCHEDULE_TOPIC, Topic};
use crate::ids::{Epoch, LogName, MessageId, Name};
use crate::log::{LogError, Storage, StorageError};
use crate::record::Batches;
use crate::time::Time;
use indexes::Indexes;

type Result<T, S> = core::result::Result<T, StoreError<StorageError<S>>>;

/// A message that was stored, and where.
///
/// ```
/// use mqlab_core::ids::Epoch;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::store::{MessageStore, StoreSettings};
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::time::Time;
/// let mut store = MessageStore::open(MemoryStorage::default(), StoreSettings::default())?;
/// let message = StoredMessage::new(Topic::new("orders")?, 0, "paid".into());
/// let stored = store.put(Time::ZERO, message, Epoch(0))?;
/// assert_eq!((stored.at.physical, stored.message.queue_offset), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the CommitLog.
    pub at: Extent,
    /// The message, with its place in its queue.
    pub message: StoredMessage,
}

impl Stored {
    /// Its identity in a run.
    pub fn id(&self) -> Option<MessageId> {
        self.message.properties.message_id()
    }
}

/// The messages of one broker.
///
/// ```
/// use mqlab_core::ids::Epoch;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::systems::rocketmq::filter::Subscription;
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::store::{GotStatus, MessageStore, StoreSettings};
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::time::Time;
///
/// let orders = Topic::new("orders")?;
/// let mut store = MessageStore::open(MemoryStorage::default(), StoreSettings::default())?;
/// for (body, tag) in [("17", "paid"), ("18", "sent"), ("19", "paid")] {
///     let mut message = StoredMessage::new(orders.clone(), 0, body.into());
///     message.properties.set("TAGS", tag)?;
///     message.properties.set("KEYS", body)?;
///     store.put(Time::ZERO, message, Epoch(0))?;
/// }
/// let got = store.get(&orders, 0, 0, 32, &Subscription::tags("sent")?)?;
/// assert_eq!((got.status, got.messages.len(), got.next), (GotStatus::Found, 1, 3)); // 3: nobody looks at them again
/// assert_eq!(store.query(&orders, "19", 32)?[0].queue_offset, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageStore<S: Storage> {
    storage: S,
    settings: StoreSettings,
    commit_log: CommitLog<S::Log>,
    indexes: Indexes,
    /// Where the CommitLog and its queues go on, whatever of them is deleted.
    floors: ConfigFile<S::Log, Floors>,
    /// The next message of each level of delay.
    delayed: BTreeMap<u32, u64>,
    /// What of that is written down.
    persisted: BTreeMap<u32, u64>,
    delay_file: ConfigFile<S::Log, BTreeMap<u32, u64>>,
}

impl<S: Storage + Clone> Clone for MessageStore<S>
where
    S::Log: Clone,
{
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            settings: self.settings.clone(),
            commit_log: self.commit_log.clone(),
            indexes: self.indexes.clone(),
            floors: self.floors.clone(),
            delayed: self.delayed.clone(),
            persisted: self.persisted.clone(),
            delay_file: self.delay_file.clone(),
        }
    }
}

fn log_name(name: &str) -> Name {
    Name::new(name).expect("the names here are legal")
}

/// The CommitLog's name among a storage's logs.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::commit_log_name;
/// assert_eq!(commit_log_name().to_string(), "queues/CommitLog/messages");
/// ```
pub fn commit_log_name() -> LogName {
    LogName::Queue(log_name("CommitLog"))
}

/// The name of a table's log.
pub(super) fn config_name(name: &str) -> LogName {
    LogName::QueueCursor(log_name(name))
}

fn opened<S: Storage>(storage: &mut S, name: &LogName) -> Result<S::Log, S> {
    storage.open(name).map_err(|error| StoreError::Log(LogError::Storage(error)))
}

/// What is known of what was deleted.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Floors {
    /// The place where the CommitLog begins.
    physical: u64,
    /// The first offset of each queue: `topic@queue`.
    queues: BTreeMap<String, u64>,
}

/// `topic@queue`, and back.
fn floor_name((topic, queue): &(Topic, u32)) -> String {
    alloc::format!("{topic}@{queue}")
}

fn floor_key(name: &str) -> Option<(Topic, u32)> {
    let (topic, queue) = name.rsplit_once('@')?;
    Some((Topic::new(topic).ok()?, queue.parse().ok()?))
}

impl<S: Storage> MessageStore<S> {
    /// Opens what a storage holds; an empty one is a new store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the storage fails, or holds something else.
    pub fn open(mut storage: S, settings: StoreSettings) -> Result<Self, S> {
        let (floors, table) = ConfigFile::open(opened(&mut storage, &config_name("queueOffset"))?)?;
        let table: Floors = table.unwrap_or_default();
        let parsed = table.queues.iter().map(|(name, floor)| Some((floor_key(name)?, *floor)));
        let Some(parsed) = parsed.collect() else { return Err(StoreError::BadConfig) };
        let mut indexes = Indexes::new(parsed);
        let (delay_file, delayed) = ConfigFile::open(opened(&mut storage, &config_name("delayOffset"))?)?;
        let log = opened(&mut storage, &commit_log_name())?;
        let dispatch = |at, message: &StoredMessage| indexes.dispatch(&settings, at, message);
        let commit_log = CommitLog::open(log, (settings.file_bytes, table.physical), dispatch)?;
        let mut delayed: BTreeMap<u32, u64> = delayed.unwrap_or_default();
        // A power cut may have taken the end of the CommitLog, and left a note of more than there is.
        for (queue, offset) in &mut delayed {
            let key = (Topic::system(SCHEDULE_TOPIC), *queue);
            *offset = (*offset).min(indexes.queues.get(&key).map_or(0, ConsumeQueue::max));
        }
        let persisted = delayed.clone();
        Ok(Self { storage, settings, commit_log, indexes, floors, delayed, persisted, delay_file })
    }

    /// Gives the storage back, as after a crash of the process: what was stored stays, durable or not.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn close(mut self) -> Result<S, S> {
        let logs = [
            (commit_log_name(), self.commit_log.into_log()),
            (config_name("queueOffset"), self.floors.into_log()),
            (config_name("delayOffset"), self.delay_file.into_log()),
        ];
        for (name, log) in logs {
            self.storage.close(&name, log).map_err(|error| StoreError::Log(LogError::Storage(error)))?;
        }
        Ok(self.storage)
    }

    /// Opens another log beside, for a table of the broker's.
    pub(super) fn open_config(&mut self, name: &str) -> Result<S::Log, S> {
        opened(&mut self.storage, &config_name(name))
    }

    /// Stores a message: in its queue at the next offset, or, where it has a delay, among those that wait.
    ///
    /// # Errors
    ///
    /// [`StoreError::Rejected`] when it does not fit; [`StoreError::Log`] when the storage fails: then open it anew. A
    /// [full](LogError::Full) disk takes nothing until there is room.
    pub fn put(&mut self, now: Time, mut message: StoredMessage, epoch: Epoch) -> Result<Stored, S> {
        schedule::hold_back(&mut message, &self.settings.levels);
        message.stored_at = Time(now.as_millis() * 1_000); // the layout has no more
        message.born_at = Time(message.born_at.as_millis() * 1_000);
        message.store_host = self.settings.host;
        message.queue_offset =
            if message.is_visible() { self.max_offset(&message.topic, message.queue) } else { 0 };
        let (at, message) = self.commit_log.append(message, epoch)?;
        self.indexes.dispatch(&self.settings, at, &message);
        Ok(Stored { at, message })
    }

    /// Stores what another store has from the end of this one on, as a slave does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Apart`] when it does not continue what stands here; the others as for [`put`](Self::put).
    pub fn put_copied(&mut self, batches: &Batches) -> Result<Vec<Stored>, S> {
        let mut stored = Vec::new();
        let Self { commit_log, indexes, settings, .. } = self;
        commit_log.append_copied(batches, |at, message| {
            indexes.dispatch(settings, at, message);
            stored.push(Stored { at, message: message.clone() });
        })?;
        Ok(stored)
    }

    /// Cuts the CommitLog off at a place, and returns what was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn truncate(&mut self, physical: u64) -> Result<Vec<Stored>, S> {
        let mut gone = Vec::new();
        let mut at = physical;
        while let Some(batches) = self.commit_log.batches_from(at, u32::MAX)?.filter(|some| !some.is_empty())
        {
            for stored in retention::messages_of::<S>(&batches)? {
                at = stored.at.end();
                gone.push(stored);
            }
        }
        self.commit_log.truncate(physical)?;
        self.indexes.truncate(physical);
        Ok(gone)
    }

    /// The first offset of a queue.
    pub fn min_offset(&self, topic: &Topic, queue: u32) -> u64 {
        self.indexes.queues.get(&(topic.clone(), queue)).map_or(0, ConsumeQueue::min)
    }

    /// The offset that comes next in a queue.
    pub fn max_offset(&self, topic: &Topic, queue: u32) -> u64 {
        self.indexes.queues.get(&(topic.clone(), queue)).map_or(0, ConsumeQueue::max)
    }

    /// Makes everything durable that was stored.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn flush(&mut self) -> Result<(), S> {
        self.commit_log.flush()
    }

    /// The messages themselves.
    pub fn commit_log(&self) -> &CommitLog<S::Log> {
        &self.commit_log
    }

    /// How it is set.
    pub fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// The logs below, to inject faults.
    pub fn logs_mut(&mut self) -> impl Iterator<Item = &mut S::Log> {
        [self.commit_log.log_mut(), self.floors.log_mut(), self.delay_file.log_mut()].into_iter()
    }

    /// How far each level of delay is delivered.
    pub fn delays(&self) -> &BTreeMap<u32, u64> {
        &self.delayed
    }

    /// Takes another store's note of that, as a slave does.
    pub fn set_delays(&mut self, delays: BTreeMap<u32, u64>) {
        self.delayed = delays;
    }

    /// The storage, and its logs that are open.
    pub fn disk_mut(&mut self) -> (&mut S, Vec<&mut S::Log>) {
        let Self { storage, commit_log, floors, delay_file, .. } = self;
        (storage, Vec::from([commit_log.log_mut(), floors.log_mut(), delay_file.log_mut()]))
    }

    /// The queues that there are, in order.
    pub fn queues(&self) -> impl Iterator<Item = (&Topic, u32)> {
        self.indexes.queues.keys().map(|(topic, queue)| (topic, *queue))
    }

    /// Writes down how far delayed messages are delivered.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn persist(&mut self) -> Result<(), S> {
        if self.delayed != self.persisted {
            self.delay_file.write(&self.delayed)?;
            self.persisted.clone_from(&self.delayed);
        }
        Ok(())
    }
}
