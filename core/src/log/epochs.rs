//! Where did each leader's reign begin in a log? The memory by which diverging logs find where they parted.
//!
//! ```text
//!   offset   0    1    2    3    4    5    6    7
//!   epoch    0    0    0    2    2    2    2    3       ──▶  {0 → 0, 2 → 3, 3 → 7}
//! ```
//!
//! When a leader dies and comes back, its log may end in records that nobody else has, at offsets where the new
//! leader has others. Comparing offsets cannot tell; comparing where epochs ended can.
//!
//! Sources: Kafka KIP-101 and KIP-279, `LeaderEpochFileCache.java`.

use alloc::vec::Vec;

use crate::ids::{Epoch, Offset};
use crate::record::Batches;

/// For each epoch that wrote to a log, its first offset.
///
/// ```
/// use mqlab_core::log::Epochs;
/// use mqlab_core::ids::{Epoch, Offset};
/// let mut epochs = Epochs::default();
/// epochs.begin(Epoch(0), Offset(0));
/// epochs.begin(Epoch(2), Offset(3));
/// // Epoch 1 wrote nothing; what a follower of it may share with this log ends where epoch 0 ended.
/// assert_eq!(epochs.end_of(Epoch(1), Offset(7)), Some((Epoch(0), Offset(3))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epochs(Vec<(Epoch, Offset)>);

impl Epochs {
    /// Notes that `epoch` begins at `start`. Later entries that contradict it go.
    pub fn begin(&mut self, epoch: Epoch, start: Offset) {
        if self.last().is_some_and(|last| last >= epoch) && self.0.iter().any(|entry| entry.0 == epoch) {
            return;
        }
        self.0.retain(|&(known, at)| known < epoch && at < start);
        self.0.push((epoch, start));
    }

    /// Notes the epochs of batches that were appended.
    pub fn learn(&mut self, batches: &Batches) {
        for batch in batches.iter() {
            match batch.epoch() {
                Some(epoch) if self.last() != Some(epoch) => self.begin(epoch, batch.base()),
                _ => {}
            }
        }
    }

    /// Forgets epochs that began at `end` or later: the log was cut there.
    pub fn truncate(&mut self, end: Offset) {
        self.0.retain(|&(_, start)| start < end);
    }

    /// All epochs, each with where it begins.
    pub fn iter(&self) -> impl Iterator<Item = (Epoch, Offset)> {
        self.0.iter().copied()
    }

    /// The latest epoch.
    pub fn last(&self) -> Option<Epoch> {
        self.0.last().map(|&(epoch, _)| epoch)
    }

    /// Where an epoch began.
    pub fn begin_of(&self, epoch: Epoch) -> Option<Offset> {
        self.0.iter().find(|(known, _)| *known == epoch).map(|&(_, start)| start)
    }

    /// The epoch that wrote what stands at an offset; `None` before the first.
    pub fn at(&self, offset: Offset) -> Option<Epoch> {
        let before = self.0.partition_point(|&(_, start)| start <= offset);
        self.0.get(before.checked_sub(1)?).map(|&(epoch, _)| epoch)
    }

    /// The greatest known epoch up to `asked`, and where it ended in a log that ends at `log_end`: at the start
    /// of the next epoch. `None` when `asked` is later than every known epoch.
    pub fn end_of(&self, asked: Epoch, log_end: Offset) -> Option<(Epoch, Offset)> {
        if self.last()? < asked {
            return None;
        }
        if self.last() == Some(asked) {
            return Some((asked, log_end));
        }
        let after = self.0.partition_point(|&(epoch, _)| epoch <= asked);
        let end = self.0[after].1;
        match after.checked_sub(1) {
            Some(before) => Some((self.0[before].0, end)),
            None => Some((asked, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(entries: &[(u32, u64)]) -> Epochs {
        let mut epochs = Epochs::default();
        for &(epoch, start) in entries {
            epochs.begin(Epoch(epoch), Offset(start));
        }
        epochs
    }

    /// The cases of Kafka's `LeaderEpochFileCacheTest`.
    #[test]
    fn end_offset_vectors() {
        let ask = |entries: &[(u32, u64)], asked: u32, end: u64| {
            epochs(entries).end_of(Epoch(asked), Offset(end)).map(|(epoch, end)| (epoch.0, end.0))
        };
        let three = [(0, 10), (2, 13), (4, 17)];
        assert_eq!(ask(&three, 1, 20), Some((0, 13)));
        assert_eq!(ask(&three, 2, 20), Some((2, 17)));
        assert_eq!(ask(&three, 3, 20), Some((2, 17)));
        assert_eq!(ask(&three, 4, 20), Some((4, 20)));
        assert_eq!(ask(&three, 5, 20), None);
        assert_eq!(ask(&[(5, 11), (6, 12), (7, 13)], 4, 20), Some((4, 11)));
        assert_eq!(ask(&[(2, 6)], 2, 7), Some((2, 7)));
        assert_eq!(ask(&[], 0, 0), None);
    }

    #[test]
    fn a_new_reign_removes_what_contradicts_it() {
        let mut known = epochs(&[(5, 11), (6, 12), (7, 13)]);
        known.begin(Epoch(8), Offset(12));
        assert_eq!(known, epochs(&[(5, 11), (8, 12)]));
    }
}
