//! How do some records of a batch travel without the others? They are packed anew, and keep their offsets.
//!
//! ```text
//!   offset   4    5    6    7    8    9          4    5         8
//!          ┌────┬────┬────┬────┬────┬────┐     ┌────┬────┐   ┌────┐
//!          │ +  │ +  │ -  │ -  │ +  │ -  │ ──▶ │ +  │ +  │   │ +  │     + selected
//!          └────┴────┴────┴────┴────┴────┘     └────┴────┘   └────┘
//! ```
//!
//! Records that stood beside each other share a batch; behind a gap a new one begins, as after compaction. Packing
//! costs what sending a stored range as it is does not: every record is read, copied and summed.

use bytes::BytesMut;

use super::{BatchBuilder, Batches, NewRecord, Record};
use crate::ids::{Epoch, Offset};

impl Record {
    /// The record as it was before a log gave it its offset.
    pub fn to_new(&self) -> NewRecord {
        NewRecord {
            timestamp: self.timestamp,
            key: self.key.clone(),
            value: self.value.clone(),
            headers: self.headers.clone(),
        }
    }
}

impl Batches {
    /// Only the records that are wanted, each at its offset and in its leader's epoch.
    ///
    /// # Panics
    ///
    /// Never: a record that came in a batch fits one.
    ///
    /// ```
    /// use mqlab_core::ids::Offset;
    /// use mqlab_core::record::{BatchBuilder, NewRecord};
    /// let mut builder = BatchBuilder::new();
    /// for timestamp in [10, 11, 12, 13] {
    ///     builder.push(&NewRecord { timestamp, ..NewRecord::default() })?;
    /// }
    /// let odd = builder.build().selected(|record| record.timestamp % 2 == 1);
    /// assert_eq!(odd.records().map(|record| record.offset).collect::<Vec<_>>(), [Offset(1), Offset(3)]);
    /// # Ok::<(), mqlab_core::record::Malformed>(())
    /// ```
    #[must_use]
    pub fn selected(&self, mut wanted: impl FnMut(&Record) -> bool) -> Self {
        let mut packed = BytesMut::new();
        for batch in self.iter().filter(|batch| !batch.is_control()) {
            let (mut run, mut base) = (BatchBuilder::new(), batch.base());
            let epoch = batch.epoch().unwrap_or_default();
            let mut next = base;
            for record in batch.records().filter(&mut wanted) {
                let new = record.to_new();
                if run.is_empty() || record.offset != next || run.push(&new).is_err() {
                    seal(&mut packed, core::mem::take(&mut run), base, epoch);
                    run.push(&new).expect("a record that came in a batch fits one");
                    base = record.offset;
                }
                next = record.offset.next();
            }
            seal(&mut packed, run, base, epoch);
        }
        Self::trusted(packed.freeze())
    }
}

/// Ends a run of records that stood beside each other.
fn seal(packed: &mut BytesMut, run: BatchBuilder, base: Offset, epoch: Epoch) {
    packed.extend_from_slice(run.build().stamped(base, epoch).bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn batch(base: u64, count: u64) -> Batches {
        let mut builder = BatchBuilder::new();
        for number in 0..count {
            let new = NewRecord { timestamp: (base + number) as i64, ..NewRecord::default() };
            builder.push(&new).expect("a small record");
        }
        builder.build().stamped(Offset(base), Epoch(3))
    }

    proptest! {
        /// Nothing is added, dropped or moved, and what comes out is a sound sequence of batches.
        #[test]
        fn selects_as_a_list_would(sizes in prop::collection::vec((1_u64..6, 0_u64..3), 0..6), mask: u64) {
            let (mut bytes, mut base) = (Vec::new(), 0);
            for (count, gap) in sizes {
                bytes.extend_from_slice(batch(base, count).bytes());
                base += count + gap;
            }
            let all = Batches::parse(bytes.into()).expect("sound batches");
            let wanted = |record: &Record| mask >> (record.offset.0 % 64) & 1 == 1;
            let some = Batches::parse(all.selected(wanted).bytes().clone()).expect("still sound");
            prop_assert_eq!(
                some.records().collect::<Vec<_>>(),
                all.records().filter(wanted).collect::<Vec<_>>()
            );
            prop_assert!(some.iter().all(|batch| batch.epoch() == Some(Epoch(3))));
        }
    }
}
