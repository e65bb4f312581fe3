//! Which of what was fetched counts? What a reader of committed records leaves out, and a leader that selects for it.
//!
//! ```text
//!   fetched       0 A1   1 B1   2 plain   3 A commit   4 plain   5 B abort
//!   the answer    aborted: B, from 1
//!   handed on     0 A1          2 plain                4 plain
//! ```
//!
//! The leader gave nothing that is undecided. Of what is decided it names the aborted transactions, each with its first
//! offset: from there on the producer's batches are left out, until its abort marker. What it writes after that is
//! another transaction.
//!
//! Source: Kafka `CompletedFetch.java`.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::open_transactions::Aborted;
use crate::record::{Batch, Batches, Marker, Record};
use crate::sorted::SortedSet;

/// The records that count.
pub(crate) fn committed_records(batches: &Batches, aborted: Vec<Aborted>) -> Vec<Record> {
    committed_batches(batches, aborted).iter().flat_map(Batch::records).collect()
}

/// The batches that count.
pub(super) fn committed_batches(batches: &Batches, mut aborted: Vec<Aborted>) -> Vec<Batch> {
    aborted.sort_unstable_by_key(|entry| entry.first);
    let mut aborted: VecDeque<Aborted> = aborted.into();
    let (mut open, mut counts) = (SortedSet::new(), Vec::new());
    for batch in batches.iter() {
        while let Some(entry) = aborted.pop_front_if(|entry| entry.first < batch.next()) {
            open.insert(entry.producer);
        }
        let producer = batch.producer().id;
        match Marker::of(&batch) {
            Some(marker) if !marker.commit => {
                open.remove(&producer);
            }
            Some(_) => {}
            None if batch.is_control() || batch.is_of_transaction() && open.contains(&producer) => {}
            None => counts.push(batch),
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Offset};
    use crate::record::{BatchBuilder, NewRecord, Producer};

    /// The log of the rules, with B's abort marker at 5, and another transaction of B's behind it.
    #[test]
    fn what_was_aborted_is_left_out_up_to_its_marker() {
        let data = |id: i64, transactional: bool| {
            let builder = BatchBuilder::of(Producer { id, epoch: 0, sequence: 0 });
            let mut builder = if transactional { builder.transactional() } else { builder };
            builder.push(&NewRecord::default()).expect("a small batch");
            builder.build()
        };
        let end = |producer, commit| Marker { producer, epoch: 0, coordinator: Epoch(1), commit }.build(0);
        let (a, b) = (1, 2);
        let log = [
            data(a, true),
            data(b, true),
            data(-1, false),
            end(a, true),
            data(-1, false),
            end(b, false),
            data(b, true),
            end(b, true),
        ];
        let batches: Vec<_> =
            (0..).zip(&log).flat_map(|(at, one)| one.stamped(Offset(at), Epoch(1)).iter()).collect();
        let aborted = Aborted { producer: b, first: Offset(1), last: Offset(5), stable: Offset(6) };
        let read = |from: usize, aborted: Vec<Aborted>| -> Vec<u64> {
            let counts = committed_records(&Batches::joined(&batches[from..]), aborted);
            counts.iter().map(|record| record.offset.0).collect()
        };
        assert_eq!(read(0, [aborted].into()), [0, 2, 4, 6]);
        assert_eq!(read(2, [aborted].into()), [2, 4, 6], "it began before");
        assert_eq!(read(6, Vec::new()), [6]);
        assert_eq!(read(0, Vec::new()), [0, 1, 2, 4, 6], "without the list nobody could tell");
    }
}
