//! Where does a broker find an offset again that it must know after a restart? In a small log beside the partition's.
//!
//! ```text
//!   clean/orders/0      │ 0 │ 400 │ 900 │ ◀── whatever stands last counts; what stands before it may go
//! ```
//!
//! Two offsets are kept so: below which a log was cleaned, and, where followers truncate by it, how far it is known to be
//! committed. Both are hints. The log itself is the truth, so an offset that lies outside of it is brought inside when it
//! is opened, and one that was lost is the log's start.
//!
//! What real systems do: Kafka has one text file a disk for each kind (`cleaner-offset-checkpoint`,
//! `replication-offset-checkpoint`), with a line for each partition, written anew and renamed.

use alloc::format;

use crate::ids::{Epoch, LogName, Offset};
use crate::log::{Log, LogError, Storage, StorageError, read_all};
use crate::record::{BatchBuilder, NewRecord};

/// An offset that survives the process.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint<L> {
    log: L,
    value: Offset,
}

impl<L: Log> Checkpoint<L> {
    pub(super) fn open<S: Storage<Log = L>>(
        storage: &mut S,
        name: &LogName,
    ) -> Result<Self, LogError<StorageError<S>>> {
        let log = storage.open(name)?;
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
        name: &LogName,
    ) -> Result<(), StorageError<S>> {
        storage.close(name, self.log)
    }

    pub(super) fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    pub(super) fn value(&self) -> Offset {
        self.value
    }

    /// It has moved. It survives the process; it is not flushed.
    pub(super) fn set(&mut self, value: Offset) -> Result<(), LogError<L::Error>> {
        if value == self.value {
            return Ok(());
        }
        let mut builder = BatchBuilder::new();
        let record = NewRecord { value: Some(format!("{}", value.0).into()), ..NewRecord::default() };
        builder.push(&record).expect("a number fits a batch");
        let end = self.log.end();
        self.log.append(&builder.build().stamped(end, Epoch::default()))?;
        self.value = value;
        // Whatever stands last counts.
        self.log.trim(end)
    }

    /// It may not be more than this from now on, a power cut or not.
    pub(super) fn lower(&mut self, most: Offset) -> Result<(), LogError<L::Error>> {
        if self.value <= most {
            return Ok(());
        }
        self.set(most)?;
        self.log.flush()
    }
}
