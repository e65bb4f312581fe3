//! Gathering messages into batches, each on its way to its partition.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use mqlab_core::broker::Partitioner;
use mqlab_core::ids::{Name, PartitionId};
use mqlab_core::record::{BATCH_BYTES_MAX, BatchBuilder, NewRecord};

use super::Local;
use crate::error::Error;

/// A batch of this many bytes is handed to the broker; one message may make it larger.
const BATCH_BYTES: usize = 128 * 1024;

/// Sends messages to one topic: those with one key to one partition, in their order, those without a key to all
/// partitions in turn.
#[derive(Debug)]
pub struct Sender<'a> {
    local: &'a mut Local,
    partitioner: Partitioner,
    /// For each partition the batch that is being filled.
    batches: Vec<(PartitionId, BatchBuilder)>,
    sent: u64,
    kept: u64,
}

impl<'a> Sender<'a> {
    /// A sender to a topic that is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTopic`] when it is not, or whatever hinders opening it.
    pub fn new(local: &'a mut Local, topic: &Name) -> Result<Self, Error> {
        let partitions = local.require_topic(topic)?;
        let mut batches = Vec::new();
        let (mut partitioner, mut messages) = (Partitioner::default(), 0);
        for index in 0..partitions {
            let partition = PartitionId { topic: topic.clone(), index };
            messages += local.marks(&partition).map_or(0, |marks| marks.end.0);
            batches.push((partition, BatchBuilder::new()));
        }
        // The turn goes on where it stopped, so that one message a call is spread evenly, too.
        for _ in 0..messages % u64::from(partitions) {
            partitioner.choose(None, partitions);
        }
        Ok(Self { local, partitioner, batches, sent: 0, kept: 0 })
    }

    /// Sends a message, stamped with the present time. It is kept when [`flush`](Self::flush) returns.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when it does not fit a batch: it is not sent, and everything else goes on.
    pub fn send(&mut self, key: Option<Bytes>, value: Bytes) -> Result<(), Error> {
        let number = self.partitioner.choose(key.as_deref(), self.batches.len() as u32) as usize;
        let record =
            NewRecord { timestamp: now_millis(), key, value: Some(value), headers: Default::default() };
        if self.batches[number].1.push(&record).is_err() {
            // The batch is full. If an empty one cannot take it, none can.
            self.hand_on(number);
            self.batches[number].1.push(&record).map_err(|_| {
                let [key, value] =
                    [&record.key, &record.value].map(|part| part.as_ref().map_or(0, Bytes::len));
                Error::TooLarge { bytes: (key + value) as u64, max: BATCH_BYTES_MAX as u64 }
            })?;
        }
        self.sent += 1;
        if self.batches[number].1.len() >= BATCH_BYTES {
            self.hand_on(number);
        }
        Ok(())
    }

    /// Makes everything durable that was sent, and returns how many messages that are so far.
    ///
    /// # Errors
    ///
    /// [`Error`] when it could not be stored. [`kept`](Self::kept) still says how many are certain.
    pub fn flush(&mut self) -> Result<u64, Error> {
        for number in 0..self.batches.len() {
            self.hand_on(number);
        }
        self.local.flush()?;
        self.kept = self.sent;
        Ok(self.kept)
    }

    /// How many messages are known to be durable.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Gives the broker what was gathered for a partition.
    fn hand_on(&mut self, number: usize) {
        let (partition, batch) = &mut self.batches[number];
        if !batch.is_empty() {
            self.local.send(partition, std::mem::take(batch).build());
        }
    }
}

/// Milliseconds since 1970, as records count them; 0 on a machine that believes to be earlier.
fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
