//! How does a log say that a transaction is over? By a record that no consumer sees: a marker.
//!
//! ```text
//!   m1  m2  m3  │commit│  m4  m5  │abort│        a marker takes an offset, as a record does
//!   └── one ──┘            └ two ┘               what follows it is another transaction, or none
//!
//!   control batch: one record     key    0 0  0 1          version, and 1 for commit, 0 for abort
//!                                 value  0 0  0 0 0 9      version, and the epoch of the coordinator that wrote it
//! ```
//!
//! Each partition in which a transaction wrote gets one; a reader that wants only what is committed needs nothing else.
//!
//! Source: Kafka `EndTransactionMarker.java`, `ControlRecordType.java`.

use bytes::Bytes;

use super::batch::{CONTROL, TRANSACTIONAL};
use super::{Batch, BatchBuilder, Batches, Headers, NewRecord, Producer};
use crate::ids::Epoch;

/// The key of the only record: version 0, then 0 for an abort and 1 for a commit.
const KEYS: [&[u8; 4]; 2] = [&[0, 0, 0, 0], &[0, 0, 0, 1]];

/// The end of a producer's transaction in one partition.
///
/// ```
/// use mqlab_core::ids::Epoch;
/// use mqlab_core::record::Marker;
/// let marker = Marker { producer: 13, epoch: 0, coordinator: Epoch(9), commit: true };
/// let batches = marker.build(6);
/// assert_eq!(batches.records().count(), 0); // no consumer sees it
/// assert_eq!(batches.iter().next().and_then(|batch| Marker::of(&batch)), Some(marker));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Whose transaction.
    pub producer: i64,
    /// The producer's epoch from here on: what it sent before with a lower one comes too late.
    pub epoch: i16,
    /// How often the coordinator of transactions changed: an earlier one has nothing to say any more.
    pub coordinator: Epoch,
    /// Whether what the producer wrote counts.
    pub commit: bool,
}

impl Marker {
    /// The marker as a batch; `timestamp` in milliseconds.
    ///
    /// # Panics
    ///
    /// Never: ten bytes fit a batch.
    pub fn build(&self, timestamp: i64) -> Batches {
        let producer = Producer { id: self.producer, epoch: self.epoch, sequence: -1 };
        let mut builder = BatchBuilder::of(producer).with_attributes(TRANSACTIONAL | CONTROL);
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator.0.to_be_bytes());
        let record = NewRecord {
            timestamp,
            key: Some(Bytes::from_static(KEYS[usize::from(self.commit)])),
            value: Some(Bytes::copy_from_slice(&value)),
            headers: Headers::new(),
        };
        builder.push(&record).expect("ten bytes fit a batch");
        builder.build()
    }

    /// The marker that a batch is; `None` of data, and of control batches of other kinds.
    pub fn of(batch: &Batch) -> Option<Self> {
        if !batch.is_control() {
            return None;
        }
        let record = batch.records().next()?;
        let key = record.key?;
        let commit = KEYS.iter().position(|known| known[2..] == *key.get(2..4).unwrap_or_default())? == 1;
        let coordinator: [u8; 4] = record.value?.get(2..6)?.try_into().ok()?;
        let Producer { id, epoch, .. } = batch.producer();
        Some(Self { producer: id, epoch, coordinator: Epoch(u32::from_be_bytes(coordinator)), commit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Offset;

    /// A commit marker as Kafka writes it.
    #[test]
    fn the_bytes_are_kafkas() {
        let hex = "00000000000000080000004200000000025ec1d0ff00300000000000000000000000060000000000000006000000000000000d\
                   0000ffffffff000000012000000008000000010c00000000000900";
        let marker = Marker { producer: 13, epoch: 0, coordinator: Epoch(9), commit: true };
        let built = marker.build(6).stamped(Offset(8), Epoch(0));
        let written: alloc::string::String =
            built.bytes().iter().map(|byte| alloc::format!("{byte:02x}")).collect();
        assert_eq!(written, hex);
        let abort = Marker { commit: false, ..marker };
        assert_eq!(abort.build(6).iter().next().and_then(|batch| Marker::of(&batch)), Some(abort));
    }
}
