//! How does a batch lose some of its records and stay the same batch? It keeps its header, and they their offsets.
//!
//! ```text
//!   offset      4   5   6   7   8                    4       6
//!            ┌────┬───┬───┬───┬───┬───┐           ┌────┬───┬───┐
//!            │head│ a │ b │ a │ b │ c │ ────────▶ │head│ a │ a │   still from 4 to 8, with 2 records
//!            └────┴───┴───┴───┴───┴───┘           └────┴───┴───┘   still numbers 20 to 24 of its producer
//! ```
//!
//! What the header says of offsets, of the leader and of the producer stays, even when no record is left: whoever knew
//! the batch knows it again. (To send some records *without* their batch is [another matter](super::Batches::selected).)
//!
//! A batch that holds tombstones gets a *delete horizon* when a cleaner sees it for the first time: the moment from which
//! on they may go. It stands where the first record's time stood, with a bit of the attributes to say so; what the records
//! say of their own times is counted from there.
//!
//! Source: Kafka `MemoryRecords.java` (`filterTo`), `DefaultRecordBatch.java` (`DELETE_HORIZON_FLAG_MASK`), KIP-534.

use alloc::vec::Vec;

use bytes::BufMut as _;

use super::batch::TRANSACTIONAL;
use super::builder::{put_slice, slice_len};
use super::header::{at, i16_at, i64_at};
use super::{BATCH_HEADER_BYTES, Batch, LENGTH_END, Record, crc32c, varint};

/// The bit of the attributes that says that the base timestamp is a delete horizon.
const DELETE_HORIZON: i16 = 1 << 6;

impl Batch {
    /// Whether it belongs to a transaction.
    pub fn is_of_transaction(&self) -> bool {
        i16_at(self.bytes(), at::ATTRIBUTES) & TRANSACTIONAL != 0
    }

    /// From which moment on its tombstones may go, in milliseconds; `None` before a cleaner has seen them.
    pub fn delete_horizon(&self) -> Option<i64> {
        let has = i16_at(self.bytes(), at::ATTRIBUTES) & DELETE_HORIZON != 0;
        has.then(|| i64_at(self.bytes(), at::BASE_TIMESTAMP))
    }

    /// The same batch with the records that `keeps` names, at their offsets, and a delete horizon (milliseconds) if one is
    /// given. Nothing else of it changes.
    ///
    /// ```
    /// use mqlab_core::log::contract::batch;
    /// let three = batch(5, 3).iter().next().ok_or("one batch")?; // offsets 5 to 7
    /// let one = three.retaining(|record| record.offset.0 == 6, Some(9_000));
    /// assert_eq!((one.base(), one.next(), one.count()), (three.base(), three.next(), 1));
    /// assert_eq!(one.delete_horizon(), Some(9_000));
    /// assert!(one.records().eq(three.records().filter(|record| record.offset.0 == 6)));
    /// assert_eq!(three.retaining(|_| false, None).count(), 0); // a header is left
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub fn retaining(&self, mut keeps: impl FnMut(&Record) -> bool, horizon: Option<i64>) -> Self {
        let kept: Vec<Record> = self.records().filter(|record| keeps(record)).collect();
        let same_horizon = horizon.is_none() || horizon == self.delete_horizon();
        if kept.len() == self.count() as usize && same_horizon {
            return self.clone();
        }
        let old = self.bytes();
        let mut attributes = i16_at(old, at::ATTRIBUTES);
        let mut from = i64_at(old, at::BASE_TIMESTAMP);
        if let Some(horizon) = horizon {
            (attributes, from) = (attributes | DELETE_HORIZON, horizon);
        }
        let mut bytes = old[..BATCH_HEADER_BYTES].to_vec();
        for record in &kept {
            put_record(
                &mut bytes,
                record.timestamp.wrapping_sub(from),
                record.offset.0 - self.base().0,
                record,
            );
        }
        let latest = kept.iter().map(|record| record.timestamp).max().unwrap_or(self.max_timestamp());
        let length = (bytes.len() - LENGTH_END) as i32;
        let mut set = |place: usize, value: &[u8]| bytes[place..place + value.len()].copy_from_slice(value);
        set(at::LENGTH, &length.to_be_bytes());
        set(at::ATTRIBUTES, &attributes.to_be_bytes());
        set(at::BASE_TIMESTAMP, &from.to_be_bytes());
        set(at::MAX_TIMESTAMP, &latest.to_be_bytes());
        set(at::COUNT, &(kept.len() as i32).to_be_bytes());
        let sum = crc32c(&bytes[at::ATTRIBUTES..]);
        bytes[at::CRC..at::ATTRIBUTES].copy_from_slice(&sum.to_be_bytes());
        Self::trusted(bytes.into())
    }
}

/// Writes a record that stands so far behind its batch's time and offset.
fn put_record(out: &mut Vec<u8>, time_delta: i64, offset_delta: u64, record: &Record) {
    let (count, headers) = (record.headers.len() as i64, record.headers.bytes());
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    let numbers = [time_delta, offset_delta as i64, count].map(varint::len).iter().sum::<usize>();
    let length = 1 + numbers + slice_len(key) + slice_len(value) + headers.len();
    varint::put(out, length as i64);
    out.put_u8(0); // attributes: none are defined
    varint::put(out, time_delta);
    varint::put(out, offset_delta as i64);
    put_slice(out, key);
    put_slice(out, value);
    varint::put(out, count);
    out.extend_from_slice(headers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Offset};
    use crate::record::{BatchBuilder, Batches, NewRecord, Producer};
    use proptest::prelude::*;

    proptest! {
        /// What is kept is kept as it was, what the header says stays, and what comes out can be read by anybody.
        #[test]
        fn keeps_what_is_kept(
            times in prop::collection::vec(-1_000_i64..1_000_000, 1..9),
            masks in prop::collection::vec(any::<u16>(), 1..4),
            horizon in prop::option::of(0_i64..2_000_000),
        ) {
            let producer = Producer { id: 7, epoch: 2, sequence: 40 };
            let mut builder = BatchBuilder::of(producer);
            for (number, timestamp) in times.iter().enumerate() {
                let value = (number % 3 > 0).then(|| alloc::vec![number as u8; number].into());
                let headers = [("h", None), ("i", Some("x"))].into_iter().collect();
                let new = NewRecord { timestamp: *timestamp, key: Some("k".into()), value, headers };
                builder.push(&new).expect("a small record");
            }
            let whole = builder.build().stamped(Offset(30), Epoch(4)).iter().next().expect("one batch");
            // Several passes, one after the other: each loses something more.
            let (mut batch, mut left) = (whole.clone(), u16::MAX);
            for mask in masks {
                left &= mask;
                let keeps = |record: &Record| mask >> (record.offset.0 - 30) & 1 == 1;
                batch = batch.retaining(keeps, horizon);
                let parsed = Batches::parse(batch.bytes().clone()).expect("a sound batch");
                prop_assert_eq!(parsed.iter().next(), Some(batch.clone()));
            }
            let kept = whole.records().filter(|record| left >> (record.offset.0 - 30) & 1 == 1);
            prop_assert!(batch.records().eq(kept));
            prop_assert_eq!((batch.base(), batch.next()), (whole.base(), whole.next()));
            prop_assert_eq!((batch.epoch(), batch.producer()), (Some(Epoch(4)), producer));
            prop_assert_eq!(batch.delete_horizon(), horizon);
        }
    }
}
