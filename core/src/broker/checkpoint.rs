//! How did followers find out what to cut off, before there were leader epochs? By the high watermark that they knew, and
//! that loses data. It can be chosen, so that a run shows why it was given up.
//!
//! ```text
//!   A leads    m1 m2 │      watermark 2: both have m2, its producer was told
//!   B follows  m1 │ m2      its watermark is still 1: it hears of 2 with the next answer to a fetch
//!
//!   another leads: B cuts back to 1, for it cannot know better, and means to fetch m2 again
//!   now that other dies: B is in sync, and is elected, and m2 is nowhere
//! ```
//!
//! A broker keeps the watermark of each partition in a small log, so that it survives the process. Real brokers write it
//! every few seconds (`replica.high.watermark.checkpoint.interval.ms`: 5 s); here whenever it has moved, which is the best
//! that the old way could do.
//!
//! Source: KIP-101, "Alter Replication Protocol to use Leader Epoch rather than High Watermark for Truncation".

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::ids::{LogName, Offset, PartitionId};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::record::{BatchBuilder, NewRecord};

/// By what a follower finds out which records its leader does not have.
///
/// ```
/// use mqlab_core::broker::Truncation;
/// assert_eq!(serde_json::from_str::<Truncation>(r#""high_watermark""#)?, Truncation::HighWatermark);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// It asks the leader where its last epoch ended. Kafka: since 0.11.
    #[default]
    Epoch,
    /// It keeps what is below the high watermark as it knows it: acknowledged messages may be lost, and logs may differ for
    /// ever. Kafka: before 0.11.
    HighWatermark,
}

/// Where a partition's high watermark is kept.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint<L> {
    log: L,
    value: Offset,
}

impl<L: Log> Checkpoint<L> {
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        partition: &PartitionId,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let log = storage.open(&LogName::Watermark(partition.clone()))?;
        let mut value = Offset::ZERO;
        read_all(&log, |batches| {
            let numbers = batches
                .records()
                .filter_map(|record| core::str::from_utf8(record.value.as_deref()?).ok()?.parse().ok());
            value = numbers.last().map_or(value, Offset);
        })?;
        Ok(Self { log, value })
    }

    pub(super) fn close<S: Storage<Log = L>>(
        self,
        storage: &mut S,
        partition: &PartitionId,
    ) -> Result<(), StorageError<S>> {
        storage.close(&LogName::Watermark(partition.clone()), self.log)
    }

    pub(super) fn value(&self) -> Offset {
        self.value
    }

    /// The watermark has moved. It survives the process; it is not flushed.
    pub(super) fn set(&mut self, value: Offset) -> Result<(), LogError<L::Error>> {
        if value == self.value {
            return Ok(());
        }
        let mut builder = BatchBuilder::new();
        let record = NewRecord { value: Some(format!("{}", value.0).into()), ..NewRecord::default() };
        builder.push(&record).expect("a number fits a batch");
        let end = self.log.end();
        self.log.append(&builder.build().stamped(end, crate::ids::Epoch::default()))?;
        self.value = value;
        // Whatever stands last counts.
        self.log.trim(end)
    }
}
