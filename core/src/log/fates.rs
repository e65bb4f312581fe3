//! What became of the transactions in a log? Each ends with a marker, and the marker says whether its data count.
//!
//! ```text
//!   producer 7   data   data          data  COMMIT           data  ABORT
//!   producer 9          data  ABORT                data  ...
//!                        └─ aborted          └─ all three count      └─ aborted     (9: not decided yet)
//! ```
//!
//! Source: Kafka `ControlRecordType.java`, `CleanedTransactionMetadata` in `LogCleaner.scala`.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Log, LogError, read_range};
use crate::ids::Offset;
use crate::record::Batch;

/// The type of a control record that ends a transaction whose data do not count.
const ABORT: [u8; 2] = [0, 0];

/// Where transactions end, and how.
#[derive(Debug, Default)]
pub(super) struct Fates {
    /// For each marker its producer and its offset, and whether it aborts.
    aborts: BTreeMap<(i64, Offset), bool>,
}

impl Fates {
    /// Reads how the transactions end whose markers stand from `from` on and below `until`.
    pub(super) fn read<L: Log>(log: &L, from: Offset, until: Offset) -> Result<Self, LogError<L::Error>> {
        let mut fates = Self::default();
        read_range(log, from, until, |batches| {
            for batch in batches.iter().filter(Batch::is_control) {
                // Its key is a version and a type, both of two bytes.
                let key = batch.records().next().and_then(|record| record.key);
                let aborts = key.is_some_and(|key| key.get(2..4) == Some(&ABORT[..]));
                fates.aborts.insert((batch.producer().id, batch.base()), aborts);
            }
        })?;
        Ok(fates)
    }

    /// Whether a batch's data do not count.
    pub(super) fn is_aborted(&self, batch: &Batch) -> bool {
        if batch.is_control() || !batch.is_of_transaction() {
            return false;
        }
        let id = batch.producer().id;
        let next = self.aborts.range((id, batch.next())..).next();
        next.is_some_and(|(&(of, _), &aborts)| of == id && aborts)
    }
}

/// Which transactions have data, as a log is walked from its start.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeSet<i64>);

impl Open {
    /// Takes note of a batch. Says whether it is a marker that no data are left of: it may go in its time.
    pub(super) fn sees(&mut self, batch: &Batch) -> bool {
        let id = batch.producer().id;
        if batch.is_control() {
            return !self.0.remove(&id);
        }
        if batch.is_of_transaction() {
            self.0.insert(id);
        }
        false
    }
}
