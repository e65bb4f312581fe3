//! From which offset on is a moment reached? A sparse index of timestamps answers within a few kibibytes.
//!
//! ```text
//!   00000000000000000100.timeindex
//!   ┌───────────────────┬──────────────┐
//!   │ greatest time     │ last offset  │   up to and with offset 107 no record is later than 12:03
//!   │ so far, ms as i64 │ - 100 as i32 │
//!   ├───────────────────┼──────────────┤   sought: the first record at or after 12:04
//!   │             12:03 │            7 │ ──▶ the search begins at offset 108
//!   │             12:07 │           15 │
//!   ├───────────────────┴──────────────┤
//!   │ segment's bytes as u64 │ CRC-32C │   ties the index to the segment it was made of: 100 is summed, too
//!   └──────────────────────────────────┘
//! ```
//!
//! The times are the writers' own, and need not rise; what rises is the greatest so far. The first record that is not
//! earlier than a moment stands after every entry that is earlier. So an entry that is too late would hide a record,
//! and no batch could tell: the index is believed as a whole, by a checksum, or built again.
//!
//! The idea is Kafka's (`TimeIndex.java`, KIP-33). There an entry names the offset that has the greatest time, and the
//! file has no checksum: an index that passes a sanity check is trusted.

use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::{BatchHeader, crc32c};

/// The bytes of an entry: a time and an offset.
const ENTRY_BYTES: usize = 12;
/// The bytes after the entries: the segment's length and a checksum.
const END_BYTES: usize = 12;

/// The time index of one segment.
#[derive(Clone, Debug)]
pub(super) struct TimeIndex {
    base: Offset,
    /// The greatest time up to and with an offset, less the base. Times rise, and offsets.
    entries: Vec<(i64, i32)>,
    /// Of all records so far; none before the first.
    newest: Option<i64>,
    /// Of the last of them, less the base.
    last: i32,
}

impl TimeIndex {
    pub(super) fn new(base: Offset) -> Self {
        Self { base, entries: Vec::new(), newest: None, last: 0 }
    }

    /// Takes notice of the batch that comes next; `sparse` says whether one that stands here may have an entry.
    pub(super) fn note(&mut self, sparse: bool, header: &BatchHeader) {
        if sparse {
            self.push_entry();
        }
        self.newest = self.newest.max(Some(header.max_timestamp));
        // What 32 bits cannot say begins a new segment.
        self.last = i32::try_from(header.next.0 - 1 - self.base.0).unwrap_or(i32::MAX);
    }

    /// An entry for what came so far, if its time is later than all before.
    fn push_entry(&mut self) {
        if let Some(newest) = self.newest
            && self.entries.last().is_none_or(|(time, _)| *time < newest)
        {
            self.entries.push((newest, self.last));
        }
    }

    /// The greatest time of all records; none when there is no batch.
    pub(super) fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Before this offset no record is at or after `time`.
    pub(super) fn search_from(&self, time: i64) -> Offset {
        let earlier = self.entries.partition_point(|(known, _)| *known < time);
        match earlier.checked_sub(1) {
            Some(at) => self.base.plus(self.entries[at].1 as u64 + 1),
            None => self.base,
        }
    }

    /// As it stands in the file of a segment of `size` bytes. The last entry is the greatest time of all.
    pub(super) fn to_bytes(&self, size: u64) -> Vec<u8> {
        let mut whole = self.clone();
        whole.push_entry();
        let mut bytes = Vec::with_capacity(whole.entries.len() * ENTRY_BYTES + END_BYTES);
        for (time, offset) in &whole.entries {
            bytes.extend_from_slice(&time.to_be_bytes());
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        bytes.extend_from_slice(&size.to_be_bytes());
        let sum = sum_of(&bytes, whole.base);
        bytes.extend_from_slice(&sum.to_be_bytes());
        bytes
    }

    /// Reads the index of a segment of `size` bytes that ends at `end`, if there is one that was made of it.
    pub(super) fn load(path: &Path, base: Offset, end: Offset, size: u64) -> Option<Self> {
        // Whatever hinders reading it, building it again is the answer.
        let bytes = std::fs::read(path).ok()?;
        let (summed, crc) = bytes.split_last_chunk::<4>()?;
        let (entries, of) = summed.split_last_chunk::<8>()?;
        let (raw, []) = entries.as_chunks::<ENTRY_BYTES>() else {
            return None;
        };
        if sum_of(summed, base) != u32::from_be_bytes(*crc) || u64::from_be_bytes(*of) != size {
            return None;
        }
        let entry = |[a, b, c, d, e, f, g, h, i, j, k, l]: &[u8; ENTRY_BYTES]| {
            (i64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), i32::from_be_bytes([*i, *j, *k, *l]))
        };
        let entries: Vec<(i64, i32)> = raw.iter().map(entry).collect();
        let last = i32::try_from(end.0.saturating_sub(base.0).saturating_sub(1)).unwrap_or(i32::MAX);
        let within = entries.iter().all(|(_, offset)| (0..=last).contains(offset));
        let newest = entries.last().map(|(time, _)| *time);
        within.then_some(Self { base, entries, newest, last })
    }
}

/// The checksum of an index's bytes, and of its segment's name: segments of equal messages are equally long.
fn sum_of(bytes: &[u8], base: Offset) -> u32 {
    crc32c(&[bytes, &base.0.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn index(times: &[i64]) -> TimeIndex {
        let mut index = TimeIndex::new(Offset(100));
        for (at, &max_timestamp) in times.iter().enumerate() {
            let base = Offset(100 + at as u64);
            index.note(at % 2 == 0, &BatchHeader { base, next: base.next(), bytes: 70, max_timestamp });
        }
        index
    }

    #[test]
    fn the_search_begins_where_nothing_is_missed() {
        for times in [&[1, 2, 3, 4, 5, 6, 7][..], &[5, 5, 1, 9, 2, 9, 11], &[-7, 0, -3], &[3], &[]] {
            let index = index(times);
            assert_eq!(index.newest(), times.iter().max().copied());
            for time in -9..14 {
                let from = index.search_from(time);
                let first = times.iter().position(|at| *at >= time).map(|at| Offset(100 + at as u64));
                assert!(first.is_none_or(|first| from <= first), "{times:?}: {time} is sought from {from}");
            }
        }
        assert_eq!(index(&[1, 2, 3, 4, 5]).search_from(4), Offset(102), "and not at the front");
    }

    #[test]
    fn it_is_believed_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.timeindex");
        let whole = index(&[5, 5, 1, 9, 2, 9, 11]);
        let sound = whole.to_bytes(490);
        fs::write(&path, &sound).expect("written");
        let load = |size| TimeIndex::load(&path, Offset(100), Offset(107), size);
        let loaded = load(490).expect("it is sound");
        for time in 0..14 {
            assert!(loaded.search_from(time) >= whole.search_from(time));
        }
        assert_eq!(loaded.newest(), Some(11));
        assert!(load(491).is_none(), "it was made of another segment");
        let of_next = TimeIndex::load(&path, Offset(107), Offset(114), 490);
        assert!(of_next.is_none(), "it was made of another segment, which is as long");
        for at in 0..sound.len() {
            let mut wrong = sound.clone();
            wrong[at] ^= 4;
            fs::write(&path, &wrong).expect("written");
            assert!(load(490).is_none(), "byte {at}");
            fs::write(&path, &sound[..at]).expect("written");
            assert!(load(490).is_none(), "{at} bytes");
        }
    }
}
