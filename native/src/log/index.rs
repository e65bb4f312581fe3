//! Where in a segment is an offset? A sparse index answers within a few kibibytes.
//!
//! ```text
//!   00000000000000000100.index          00000000000000000100.log
//!   ┌──────────────┬──────────┐         ┌────────┬────────┬────────┬────────┬─
//!   │ last offset  │ position │         │100..101│102..103│104..105│106..107│
//!   │ - 100 as i32 │ as i32   │         └────────┴────────┴────────┴────────┴─
//!   ├──────────────┼──────────┤         0        2000     4000     6000
//!   │            7 │     6000 │ ─────────────────────────────────▶┘
//!   └──────────────┴──────────┘
//! ```
//!
//! A batch gets an entry when more than [`INDEX_INTERVAL_BYTES`] lie between it and the last that has one, so the
//! first batch never does. An index has no checksum and is *never trusted*: entries that contradict themselves or
//! the segment are thrown away with the whole index and it is built again; an entry is believed only when the
//! batch that it points at says the same.
//!
//! Layout and rule are Kafka's (`OffsetIndex.java`, `LogSegment.java`).

use std::fs;
use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::BatchHeader;

use super::walk::Step;
use crate::error::{Context as _, Error};

/// The bytes of a segment that one entry of its index stands for, unless the options say otherwise.
pub const INDEX_INTERVAL_BYTES: u32 = 4 * 1024;

/// The bytes of an entry: two 32-bit numbers, big-endian.
const ENTRY_BYTES: usize = 8;

/// A batch that the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The batch's last offset, less the segment's base. Never negative.
    relative: i32,
    /// Where the batch begins. Never negative.
    position: i32,
}

impl Entry {
    pub(super) fn position(self) -> u64 {
        self.position as u64
    }
}

/// The index of one segment.
#[derive(Debug)]
pub(super) struct Index {
    base: Offset,
    entries: Vec<Entry>,
}

impl Index {
    /// The index of a segment that has nothing in it.
    pub(super) fn new(base: Offset) -> Self {
        Self { base, entries: Vec::new() }
    }

    /// Takes notice of the batch that comes next in the segment.
    pub(super) fn note(&mut self, interval: u32, position: u64, header: &BatchHeader) {
        let since = position - self.entries.last().map_or(0, |entry| entry.position());
        if since <= u64::from(interval) {
            return;
        }
        let relative = i32::try_from(header.next.0 - 1 - self.base.0);
        // What 32 bits cannot say stays without an entry: it is found by walking there.
        if let (Ok(relative), Ok(position)) = (relative, i32::try_from(position)) {
            self.entries.push(Entry { relative, position });
        }
    }

    /// The offset after the batch of an entry.
    pub(super) fn next(&self, entry: Entry) -> Offset {
        self.base.plus(entry.relative as u64 + 1)
    }

    /// Whether the entry tells of this very batch.
    pub(super) fn agrees(&self, entry: Entry, step: &Step) -> bool {
        entry.position() == step.position && self.next(entry) == step.header.next
    }

    /// The last batch known to end at or below `offset`.
    pub(super) fn below(&self, offset: Offset) -> Option<Entry> {
        self.last_where(|entry| self.next(entry) <= offset)
    }

    /// The last batch known to end at or below `offset` and to begin at or before `position`.
    pub(super) fn within(&self, offset: Offset, position: u64) -> Option<Entry> {
        self.last_where(|entry| self.next(entry) <= offset && entry.position() <= position)
    }

    /// The last batch known.
    pub(super) fn last(&self) -> Option<Entry> {
        self.entries.last().copied()
    }

    /// `fits` must hold for the first entries and for none after them.
    fn last_where(&self, fits: impl Fn(Entry) -> bool) -> Option<Entry> {
        let count = self.entries.partition_point(|entry| fits(*entry));
        self.entries[..count].last().copied()
    }

    /// Forgets the batches from `position` on.
    pub(super) fn truncate(&mut self, position: u64) {
        self.entries.retain(|entry| entry.position() < position);
    }

    /// Reads the index of a segment of `size` bytes, if there is one that does not contradict itself.
    pub(super) fn load(path: &Path, base: Offset, size: u64) -> Option<Self> {
        // Whatever hinders reading it, building it again is the answer.
        let bytes = fs::read(path).ok()?;
        let (raw, []) = bytes.as_chunks::<ENTRY_BYTES>() else {
            return None;
        };
        let entry = |raw: &[u8; ENTRY_BYTES]| {
            let [a, b, c, d, e, f, g, h] = *raw;
            Entry { relative: i32::from_be_bytes([a, b, c, d]), position: i32::from_be_bytes([e, f, g, h]) }
        };
        let entries: Vec<Entry> = raw.iter().map(entry).collect();
        let rises = entries
            .windows(2)
            .all(|pair| pair[0].relative < pair[1].relative && pair[0].position < pair[1].position);
        let starts_well = entries.first().is_none_or(|first| first.relative >= 0 && first.position > 0);
        let ends_well = entries.last().is_none_or(|last| last.position() < size);
        (rises && starts_well && ends_well).then_some(Self { base, entries })
    }

    /// Writes the index beside its segment, unless it stands there already.
    ///
    /// Nothing is flushed: what is never trusted need not survive.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(self.entries.len() * ENTRY_BYTES);
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.relative.to_be_bytes());
            bytes.extend_from_slice(&entry.position.to_be_bytes());
        }
        if fs::read(path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        fs::write(path, bytes).context("write", path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten batches of 2000 bytes with one record each, as Kafka's own test has them.
    fn ten() -> Index {
        let mut index = Index::new(Offset(100));
        for at in 0..10 {
            let base = Offset(100 + at);
            let header = BatchHeader { base, next: base.next(), bytes: 2000 };
            index.note(INDEX_INTERVAL_BYTES, at * 2000, &header);
        }
        index
    }

    #[test]
    fn entries_are_where_kafka_puts_them() {
        let index = ten();
        let found: Vec<(i32, i32)> =
            index.entries.iter().map(|entry| (entry.relative, entry.position)).collect();
        assert_eq!(found, [(3, 6000), (6, 12000), (9, 18000)]);
    }

    #[test]
    fn look_up() {
        let index = ten();
        let position = |entry: Option<Entry>| entry.map(Entry::position);
        assert_eq!(position(index.below(Offset(103))), None);
        assert_eq!(position(index.below(Offset(104))), Some(6000));
        assert_eq!(position(index.below(Offset(999))), Some(18000));
        assert_eq!(position(index.within(Offset(999), 12000)), Some(12000));
        assert_eq!(position(index.within(Offset(999), 11999)), Some(6000));
    }

    #[test]
    fn what_contradicts_itself_is_not_loaded() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.index");
        let load = |bytes: &[u8], size| {
            fs::write(&path, bytes).expect("written");
            Index::load(&path, Offset(100), size).map(|index| index.entries.len())
        };
        ten().save(&path).expect("saved");
        let sound = fs::read(&path).expect("read");
        assert_eq!(sound[..8], [0, 0, 0, 3, 0, 0, 0x17, 0x70]);
        assert_eq!(load(&sound, 20_000), Some(3));
        assert_eq!(load(&[], 20_000), Some(0));
        assert_eq!(load(&sound, 18_000), None, "an entry past the end");
        assert_eq!(load(&sound[..23], 20_000), None, "half an entry");
        assert_eq!(load(&[&sound[8..], &sound[..8]].concat(), 20_000), None, "entries that fall");
        assert_eq!(load(&[&sound[..], &[0; 8]].concat(), 20_000), None, "space that was set aside");
        assert_eq!(load(&[0xff; 8], 20_000), None, "negative numbers");
        fs::remove_file(&path).expect("removed");
        assert!(Index::load(&path, Offset(100), 20_000).is_none(), "a missing file");
    }
}
