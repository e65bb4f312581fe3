//! Which records of a partition count? Those of committed transactions. What is undecided hides what comes after it, too.
//!
//! ```text
//!   offset      0      1      2        3          4        5
//!             │ A1  │ B1  │ plain │ A commit │ plain │ B abort │
//!   read uncommitted: all below the high watermark.
//!   read committed:   all below the *last stable offset*, but for what was aborted:
//!                     watermark 3:  0    A is open, so nothing
//!                     watermark 5:  1    A is decided, B is open: A1
//!                     watermark 6:  6    nothing is open: A1, plain, plain; and the list of aborted ones says: B, from 1
//! ```
//!
//! A transaction is decided where its marker stands, and that counts only below the high watermark: a marker that one
//! broker alone has may be gone tomorrow. The list of aborted transactions goes with what is fetched: a reader leaves out
//! the batches of those producers between the two offsets. So the broker still need not look at what it sends.
//!
//! Nothing of this is kept beside the log: markers and batches tell all of it, to followers too.
//!
//! Source: Kafka `ProducerStateManager.java`, `TransactionIndex.java`, `UnifiedLog.scala#lastStableOffset`.

use alloc::vec::Vec;

use crate::ids::{Epoch, Offset};
use crate::record::{Batch, Marker};
use crate::sorted::SortedMap;

/// A transaction that was aborted, as an entry of a partition's index of them.
///
/// ```
/// use mqlab_core::broker::Aborted;
/// use mqlab_core::ids::Offset;
/// let aborted = Aborted { producer: 2, first: Offset(1), last: Offset(5), stable: Offset(6) };
/// assert!(aborted.first < aborted.last); // what it wrote, and then its marker
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted {
    /// Whose.
    pub producer: i64,
    /// The first record that it wrote.
    pub first: Offset,
    /// Where its marker stands.
    pub last: Offset,
    /// Everything below is decided, when the marker is committed.
    pub stable: Offset,
}

/// How the transactions of one partition stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    /// Where each producer's undecided one begins.
    open: SortedMap<i64, Offset>,
    /// Those that are decided, and perhaps not below the high watermark: where each begins, and its marker.
    decided: Vec<(Offset, Offset)>,
    aborted: Vec<Aborted>,
    /// Which reign of the coordinator wrote each producer's last marker.
    coordinators: SortedMap<i64, Epoch>,
}

impl Transactions {
    /// Learns from a batch of the log.
    pub(super) fn learn(&mut self, batch: &Batch) {
        let producer = batch.producer().id;
        let Some(Marker { coordinator, commit, .. }) = Marker::of(batch) else {
            if batch.is_of_transaction() && !batch.is_control() {
                self.open.entry(producer).or_insert(batch.base());
            }
            return;
        };
        self.coordinators.insert(producer, coordinator);
        let Some(first) = self.open.remove(&producer) else { return };
        let last = batch.base();
        self.decided.push((first, last));
        if !commit {
            let stable = self.open.values().min().copied().unwrap_or(batch.next());
            self.aborted.push(Aborted { producer, first, last, stable });
        }
    }

    /// What lies below is decided, for good.
    pub(super) fn last_stable(&self, high_watermark: Offset) -> Offset {
        let undecided = self.open.values().copied();
        let unsure = self.decided.iter().filter(|(_, marker)| *marker >= high_watermark);
        let first = undecided.chain(unsure.map(|(first, _)| *first)).min();
        first.map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// The high watermark has risen: what it covers cannot come undone.
    pub(super) fn rise(&mut self, high_watermark: Offset) {
        self.decided.retain(|(_, marker)| *marker >= high_watermark);
    }

    /// The aborted transactions that a reader must know of that gets what lies from one offset up to another.
    pub(super) fn aborted(&self, from: Offset, until: Offset) -> Vec<Aborted> {
        let mut found = Vec::new();
        for entry in &self.aborted {
            if entry.last >= from && entry.first < until {
                found.push(*entry);
            }
            if entry.stable >= until {
                break;
            }
        }
        found
    }

    /// Whether a producer has one open here.
    pub(super) fn is_open(&self, producer: i64) -> bool {
        self.open.contains_key(&producer)
    }

    /// Which reign of the coordinator was heard last about a producer.
    pub(super) fn coordinator(&self, producer: i64) -> Option<Epoch> {
        self.coordinators.get(&producer).copied()
    }

    /// The log begins later now: what was aborted before that nobody can read any more.
    pub(super) fn trim(&mut self, start: Offset) {
        self.aborted.retain(|entry| entry.last >= start);
    }
}
