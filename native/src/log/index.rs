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
//! first batch never does. The last segment's index is in memory and written when the segment is sealed; that of a
//! sealed one stays in its file, where a few reads of eight bytes find an entry: memory does not grow with the log.
//!
//! An index has no checksum and is *never trusted*: an entry is believed only when the batch that it points at says the
//! same, and an index that was wrong, or is missing, is built again from the segment.
//!
//! Layout and rule are Kafka's (`OffsetIndex.java`, `LogSegment.java`).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::BatchHeader;

use super::walk::Step;

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
    fn from_bytes([a, b, c, d, e, f, g, h]: [u8; ENTRY_BYTES]) -> Option<Self> {
        let (relative, position) = (i32::from_be_bytes([a, b, c, d]), i32::from_be_bytes([e, f, g, h]));
        (relative >= 0 && position > 0).then_some(Self { relative, position })
    }

    pub(super) fn position(self) -> u64 {
        self.position as u64
    }

    /// The offset after its batch, in a segment that begins at `base`.
    fn next(self, base: Offset) -> Offset {
        base.plus(self.relative as u64 + 1)
    }

    /// Whether the entry tells of this very batch.
    pub(super) fn agrees(self, base: Offset, step: &Step) -> bool {
        self.position() == step.position && self.next(base) == step.header.next
    }
}

/// What is looked for: the last batch known to end at or below an offset and to begin at or before a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought {
    pub(super) until: Offset,
    pub(super) position: u64,
}

impl Sought {
    pub(super) fn below(until: Offset) -> Self {
        Self { until, position: u64::MAX }
    }

    fn fits(self, base: Offset, entry: Entry) -> bool {
        entry.next(base) <= self.until && entry.position() <= self.position
    }
}

/// The index of a segment that is written to.
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

    /// Takes notice of the batch that comes next in the segment; says whether it has an entry now.
    pub(super) fn note(&mut self, interval: u32, position: u64, header: &BatchHeader) -> bool {
        let since = position - self.entries.last().map_or(0, |entry| entry.position());
        if since <= u64::from(interval) {
            return false;
        }
        let relative = i32::try_from(header.next.0 - 1 - self.base.0);
        // What 32 bits cannot say stays without an entry: it is found by walking there.
        let (Ok(relative), Ok(position)) = (relative, i32::try_from(position)) else {
            return false;
        };
        self.entries.push(Entry { relative, position });
        true
    }

    pub(super) fn find(&self, sought: Sought) -> Option<Entry> {
        let count = self.entries.partition_point(|entry| sought.fits(self.base, *entry));
        self.entries[..count].last().copied()
    }

    /// Whether each entry tells of one of the batches that stand at these places and end at these offsets.
    pub(super) fn fits(&self, places: &[(u64, Offset)]) -> bool {
        let is_there = |entry: &Entry| {
            let at = places.binary_search_by_key(&entry.position(), |(position, _)| *position);
            at.is_ok_and(|at| places[at].1 == entry.next(self.base))
        };
        self.entries.iter().all(is_there)
    }

    /// As it stands in its file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let entry = |entry: &Entry| [entry.relative.to_be_bytes(), entry.position.to_be_bytes()].concat();
        self.entries.iter().flat_map(entry).collect()
    }

    /// Reads the index of a segment of `size` bytes, if there is one that does not contradict itself.
    pub(super) fn load(path: &Path, base: Offset, size: u64) -> Option<Self> {
        // Whatever hinders reading it, building it again is the answer.
        let bytes = std::fs::read(path).ok()?;
        let (raw, []) = bytes.as_chunks::<ENTRY_BYTES>() else {
            return None;
        };
        let entries: Vec<Entry> = raw.iter().map(|raw| Entry::from_bytes(*raw)).collect::<Option<_>>()?;
        let rises = entries
            .windows(2)
            .all(|pair| pair[0].relative < pair[1].relative && pair[0].position < pair[1].position);
        let ends_well = entries.last().is_none_or(|last| last.position() < size);
        (rises && ends_well).then_some(Self { base, entries })
    }
}

/// What an index file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The entry that was sought: to be believed when its batch agrees.
    Entry(Entry),
    /// There is none: the batch is near the segment's front.
    Front,
    /// Something is wrong with the file, or it is missing.
    Wrong,
}

/// Looks into the index file of a sealed segment that has so many bytes and goes from one offset to another. If the file
/// rises as it should, that takes as many reads as its length has bits; if it does not, the answer may be wrong, and its
/// batch will say so.
pub(super) fn look_up(path: &Path, span: (Offset, Offset), size: u64, sought: Sought) -> Answer {
    try_look_up(path, span, size, sought).unwrap_or(Answer::Wrong)
}

fn try_look_up(path: &Path, (base, end): (Offset, Offset), size: u64, sought: Sought) -> io::Result<Answer> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let count = bytes / ENTRY_BYTES as u64;
    let entry = |number: u64| {
        let mut raw = [0; ENTRY_BYTES];
        file.read_exact_at(&mut raw, number * ENTRY_BYTES as u64)?;
        let entry = Entry::from_bytes(raw);
        io::Result::Ok(entry.filter(|entry| entry.next(base) <= end && entry.position() < size))
    };
    if bytes % ENTRY_BYTES as u64 != 0 || (count > 0 && entry(count - 1)?.is_none()) {
        return Ok(Answer::Wrong);
    }
    let (mut low, mut high) = (0, count);
    let mut found = Answer::Front;
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(entry) = entry(middle)? else {
            return Ok(Answer::Wrong);
        };
        if sought.fits(base, entry) {
            (low, found) = (middle + 1, Answer::Entry(entry));
        } else {
            high = middle;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Ten batches of 2000 bytes with one record each, as Kafka's own test has them.
    fn ten() -> Index {
        let mut index = Index::new(Offset(100));
        for at in 0..10 {
            let base = Offset(100 + at);
            let header = BatchHeader { base, next: base.next(), bytes: 2000, max_timestamp: 0 };
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
    fn look_up_in_memory_and_in_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.index");
        let index = ten();
        fs::write(&path, index.to_bytes()).expect("written");
        for (until, position, found) in [
            (103, u64::MAX, None),
            (104, u64::MAX, Some(6000)),
            (999, u64::MAX, Some(18000)),
            (999, 12000, Some(12000)),
            (999, 11999, Some(6000)),
        ] {
            let sought = Sought { until: Offset(until), position };
            assert_eq!(index.find(sought).map(Entry::position), found);
            match look_up(&path, (Offset(100), Offset(110)), 20_000, sought) {
                Answer::Entry(entry) => assert_eq!(Some(entry.position()), found),
                answer => assert_eq!((answer, found), (Answer::Front, None)),
            }
        }
    }

    #[test]
    fn what_contradicts_itself_is_not_loaded() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.index");
        let load = |bytes: &[u8], size| {
            fs::write(&path, bytes).expect("written");
            Index::load(&path, Offset(100), size).map(|index| index.entries.len())
        };
        let sound = ten().to_bytes();
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
