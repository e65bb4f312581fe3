//! What does a consumer that pulls keep on its own disk? Where it goes on, and what it has fetched and not done.
//!
//! ```text
//!   own offset   0        1        2        3          4       5
//!              ┌────────┬────────┬────────┬──────────┬───────┬───────┐
//!              │orders/0│orders/0│orders/0│orders/0: │ done  │ done  │
//!              │   17   │   18   │   20   │ on at 21 │   0   │   1   │     after a crash: 20 is left to do,
//!              └────────┴────────┴────────┴──────────┴───────┴───────┘     and the broker is asked for 21
//!               └─ one fetch: one batch, whole ───┘
//! ```
//!
//! One log holds all three: messages, marks of where to go on, and what is done. A fetch is one batch, so the messages
//! and the mark behind them are there together or not at all. Everything is flushed before it counts.
//!
//! The front of the log is trimmed when it is done with; the marks are written anew before, so that they stay.
//!
//! What real systems do: Kafka's consumers keep nothing themselves, but Kafka Connect's sinks and Flink keep offsets
//! beside their results; MQTT clients and RocketMQ's broadcasting consumers keep messages and offsets in files.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::ids::{Epoch, Offset};
use crate::log::{Log, LogError, read_all};
use crate::record::{BatchBuilder, NewRecord, Record};
use crate::sorted::SortedMap;

/// The header of a staged message: its partition and its offset there.
const STAGED_HEADER: &[u8] = b"staged-from";
/// The header of a mark: a partition, the next offset to fetch, and how often it was read from an earlier offset again.
const MARK_HEADER: &[u8] = b"goes-on";
/// The header of what is done: the own offset of a message.
const DONE_HEADER: &[u8] = b"done";
/// After so many records behind the front that is done with, the front is trimmed.
const TRIM_EVERY: u64 = 64;

/// Where a reader stands in one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The next offset to fetch.
    pub(super) next: Offset,
    /// How often the partition was replayed.
    pub(super) reading: u32,
}

/// A staged message as it is found again.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) own: Offset,
    pub(super) partition: u32,
    /// At its offset in the partition.
    pub(super) record: Record,
}

/// The log, and what of it is still needed.
#[derive(Clone, Debug)]
pub(super) struct Shelf<L> {
    log: L,
    marks: SortedMap<u32, Mark>,
    /// Own offsets of what is not done.
    open: BTreeSet<Offset>,
}

impl<L: Log> Shelf<L> {
    /// Opens a log, and finds what was not done.
    pub(super) fn open(log: L) -> Result<(Self, Vec<Found>), LogError<L::Error>> {
        let mut shelf = Self { log, marks: SortedMap::new(), open: BTreeSet::new() };
        let mut found: SortedMap<Offset, Found> = SortedMap::new();
        let marks = &mut shelf.marks;
        read_all(&shelf.log, |batches| {
            for mut record in batches.records() {
                let own = record.offset;
                if let Some([partition, high, low]) = take_header(&mut record, STAGED_HEADER) {
                    record.offset = Offset(u64::from(high) << 32 | u64::from(low));
                    let mark: &mut Mark = marks.entry(partition).or_default();
                    mark.next = record.offset.next();
                    found.insert(own, Found { own, partition, record });
                } else if let Some([high, low]) = take_header(&mut record, DONE_HEADER) {
                    found.remove(&Offset(u64::from(high) << 32 | u64::from(low)));
                } else if let Some([partition, high, low, reading]) = take_header(&mut record, MARK_HEADER) {
                    let next = Offset(u64::from(high) << 32 | u64::from(low));
                    let before = marks.insert(partition, Mark { next, reading });
                    if before.is_some_and(|before| before.reading != reading) {
                        // A replay drops what was staged before it.
                        found.retain(|_, found| found.partition != partition);
                    }
                }
            }
        })?;
        shelf.open = found.keys().copied().collect();
        Ok((shelf, found.into_values().collect()))
    }

    /// The log, to be closed.
    pub(super) fn into_log(self) -> L {
        self.log
    }

    /// Whether it went back in any partition.
    pub(super) fn replayed(&self) -> bool {
        self.marks.values().any(|mark| mark.reading > 0)
    }

    /// Where it stands in a partition, if it ever read it.
    pub(super) fn mark(&self, partition: u32) -> Option<Mark> {
        self.marks.get(&partition).copied()
    }

    /// Keeps what was fetched, and where to go on; returns the own offsets.
    pub(super) fn stage(
        &mut self,
        partition: u32,
        records: &[Record],
        mark: Mark,
    ) -> Result<Vec<Offset>, LogError<L::Error>> {
        let mut news: Vec<NewRecord> = Vec::with_capacity(records.len() + 1);
        for record in records {
            let mut new = record.to_new();
            let at = [partition.into(), record.offset.0 >> 32, record.offset.0];
            new.headers.push(STAGED_HEADER, Some(&numbers(&at)));
            news.push(new);
        }
        news.push(mark_record(partition, mark));
        let base = self.log.end();
        self.append(&news)?;
        let own: Vec<Offset> = (0..records.len() as u64).map(|index| base.plus(index)).collect();
        self.open.extend(&own);
        self.marks.insert(partition, mark);
        self.trim()?;
        Ok(own)
    }

    /// Keeps where to go on.
    pub(super) fn set(&mut self, partition: u32, mark: Mark) -> Result<(), LogError<L::Error>> {
        if self.mark(partition) != Some(mark) {
            self.append(&[mark_record(partition, mark)])?;
            self.marks.insert(partition, mark);
            self.trim()?;
        }
        Ok(())
    }

    /// Crosses a message out.
    pub(super) fn done(&mut self, own: Offset) -> Result<(), LogError<L::Error>> {
        if self.open.remove(&own) {
            self.append(&[NewRecord {
                headers: [(DONE_HEADER, Some(numbers(&[own.0 >> 32, own.0])))].into_iter().collect(),
                ..NewRecord::default()
            }])?;
            self.trim()?;
        }
        Ok(())
    }

    /// Forgets what was staged and is not wanted any more: a mark of a new reading says so on disk.
    pub(super) fn forget(&mut self, own: Offset) {
        self.open.remove(&own);
    }

    /// Appends and flushes; in one batch, unless it would be too large for one.
    fn append(&mut self, news: &[NewRecord]) -> Result<(), LogError<L::Error>> {
        let mut builder = BatchBuilder::new();
        for new in news {
            if builder.push(new).is_err() {
                let full = core::mem::take(&mut builder).build();
                self.log.append(&full.stamped(self.log.end(), Epoch::default()))?;
                let fits = builder.push(new);
                debug_assert!(fits.is_ok(), "a fetch brings less than a batch may hold");
            }
        }
        self.log.append(&builder.build().stamped(self.log.end(), Epoch::default()))?;
        self.log.flush()
    }

    /// Lets go of the front of the log that is done with, if there is enough of it. What was appended last must be
    /// counted in before, or it would go along.
    fn trim(&mut self) -> Result<(), LogError<L::Error>> {
        let needed = self.open.first().copied().unwrap_or(self.log.end());
        if needed.0 < self.log.start().0.saturating_add(TRIM_EVERY) {
            return Ok(());
        }
        let marks_at = self.log.end();
        let marks: Vec<NewRecord> =
            self.marks.iter().map(|(&partition, &mark)| mark_record(partition, mark)).collect();
        self.append(&marks)?;
        self.log.trim(needed.min(marks_at))
    }
}

fn mark_record(partition: u32, mark: Mark) -> NewRecord {
    let mark = numbers(&[partition.into(), mark.next.0 >> 32, mark.next.0, mark.reading.into()]);
    NewRecord { headers: [(MARK_HEADER, Some(mark))].into_iter().collect(), ..NewRecord::default() }
}

/// The value of a header of numbers, 4 bytes each, big-endian: of larger ones the lower half.
fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| (number as u32).to_be_bytes()).collect()
}

/// Takes the last header of this name, if it is one of so many numbers.
fn take_header<const N: usize>(record: &mut Record, name: &[u8]) -> Option<[u32; N]> {
    let (_, value) = record.headers.iter().last().filter(|(last, _)| *last == name)?;
    let bytes = value.filter(|bytes| bytes.len() == 4 * N)?;
    let mut numbers = [0; N];
    for (number, four) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = u32::from_be_bytes(four.try_into().ok()?);
    }
    record.headers.pop();
    Some(numbers)
}
