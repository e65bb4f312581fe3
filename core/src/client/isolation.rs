//! Which of what was fetched counts? What a reader of committed records leaves out.
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

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::broker::Aborted;
use crate::record::{Batches, Marker, Record};

/// The records that count.
pub(super) fn committed_records(batches: &Batches, mut aborted: Vec<Aborted>) -> Vec<Record> {
    aborted.sort_unstable_by_key(|entry| entry.first);
    let mut aborted: VecDeque<Aborted> = aborted.into();
    let (mut open, mut counts) = (BTreeSet::new(), Vec::new());
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
            None if batch.is_control() || batch.is_transactional() && open.contains(&producer) => {}
            None => counts.extend(batch.records()),
        }
    }
    counts
}
