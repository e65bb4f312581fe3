//! How is a whole log looked at without a memory as large as the log? Chunk by chunk, into memory that is used again, each
//! record checked and shown in one walk.
//!
//! ```text
//!   file     │ batch │ batch │ batch │ batch │ batch │ ...
//!   a chunk  └─ whole, shown ────────┘ header of the next: how late may the last one end?
//!                                    └─ the next chunk begins here
//! ```
//!
//! [`load`](mqlab_core::log::Slice::load) hands out batches that may be kept, so each has memory of its own, which the
//! system must find and fill with zeros first. Who only looks needs none of that. And headers need not be walked to learn
//! where a chunk may end: the chunk itself says it.

use std::fs::File;
use std::sync::Arc;

use mqlab_core::ids::Offset;
use mqlab_core::log::LogError;
use mqlab_core::record::{BatchHeader, LentRecord, Malformed, show_prefix};

use super::file_log::FileLog;
use super::reader::LogReader;
use super::reading::Shelf;
use crate::error::Error;

/// How many bytes a [`Scan`] reads at once, and about as much memory as it needs: more only when a batch is larger. So much
/// stays in a processor's second cache, from where it is summed and walked.
pub const SCANNED_BYTES: usize = 256 * 1024;

/// How much of a batch must be there to tell where the one before it ends.
const HEADER_BYTES: usize = BatchHeader::BYTES;

/// A walk over the records of a log, from an offset to where the log ended when it began: what
/// [`FileLog::scan`] and [`LogReader::scan`] return.
///
/// ```
/// # use mqlab::log::FileStorage;
/// # use mqlab_core::ids::{LogName, Offset};
/// # use mqlab_core::log::{Log, Storage, contract::batch};
/// # let scratch = tempfile::tempdir()?;
/// # let mut storage = FileStorage::open(scratch.path())?;
/// # let mut log = storage.open(&LogName::Definitions)?;
/// log.append(&batch(0, 3))?;
/// log.append(&batch(3, 2))?;
/// let (mut scan, mut seen) = (log.scan(Offset(2))?, Vec::new());
/// while scan.chunk(|record| seen.push(record.offset.0))? {
///     // A chunk was shown: a good moment to look whether anybody still wants the rest.
/// }
/// assert_eq!((seen, scan.next()), (vec![2, 3, 4], log.end()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scan<'a> {
    shelf: Shelf<'a>,
    /// Records before it are not shown.
    from: Offset,
    /// Where the next batch begins, or later.
    next: Offset,
    /// The segment at hand, and its file.
    number: usize,
    file: Arc<File>,
    /// Where in it the bytes in memory begin.
    position: u64,
    memory: Vec<u8>,
    /// How many bytes in memory are from the file.
    held: usize,
    /// How many of them are read at once: whole batches and a header, if those to come are as large as the last.
    want: usize,
    chunk_bytes: usize,
}

/// Whole batches at the front of a chunk.
#[derive(Clone, Copy, Debug)]
struct Whole {
    bytes: usize,
    /// The length of the last of them.
    last: usize,
    /// Where what follows begins: no record is there or behind.
    until: Offset,
}

impl<'a> Scan<'a> {
    fn new(shelf: Shelf<'a>, from: Offset) -> Result<Self, LogError<Error>> {
        let (number, file, position, next) = shelf.find(from)?;
        let (memory, held, chunk_bytes) = (Vec::new(), 0, SCANNED_BYTES);
        Ok(Self { shelf, from, next, number, file, position, memory, held, want: chunk_bytes, chunk_bytes })
    }

    /// The offset after the last batch that was shown; before the first, where that begins.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Shows the records of the next chunk, in order, control batches left out; says whether there was one.
    ///
    /// # Errors
    ///
    /// As for [`load`](mqlab_core::log::Slice::load): [`Error::Damaged`] names the first batch that is wrong, and
    /// [`Error::Io`] says that the file cannot be read. Records before it may have been shown, and no others. Asked again, it
    /// fails again.
    pub fn chunk(&mut self, mut show: impl FnMut(LentRecord<'_>)) -> Result<bool, Error> {
        while self.position == self.shelf.segments[self.number].size {
            if self.number + 1 == self.shelf.segments.len() {
                return Ok(false);
            }
            self.number += 1;
            (self.file, self.position, self.held) = (self.shelf.file_of(self.number)?, 0, 0);
            self.next = self.shelf.segments[self.number].base;
        }
        let whole = self.fill()?;
        let (bytes, from) = (&self.memory[..whole.bytes], self.from);
        let (good, next, bad) = show_prefix(bytes, self.next..whole.until, |record| {
            if record.offset >= from {
                show(record);
            }
        });
        if let Some(reason) = bad {
            let path = self.shelf.segments[self.number].path.to_path_buf();
            self.held = 0;
            return Err(Error::Damaged { path, position: self.position + good as u64, reason });
        }
        self.memory.copy_within(whole.bytes..self.held, 0);
        (self.position, self.held) = (self.position + good as u64, self.held - good);
        self.next = next;
        self.want = (self.chunk_bytes / whole.last.max(1)).max(1) * whole.last + HEADER_BYTES;
        Ok(true)
    }

    /// Shows all records that are left.
    ///
    /// # Errors
    ///
    /// As for [`chunk`](Self::chunk).
    ///
    /// ```
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::{LogName, Offset};
    /// # use mqlab_core::log::{Log, Storage, contract::batch};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// # let mut log = storage.open(&LogName::Definitions)?;
    /// # log.append(&batch(0, 10))?;
    /// let mut bytes = 0;
    /// log.scan(log.start())?.each(|record| bytes += record.value.map_or(0, <[u8]>::len))?;
    /// assert!(bytes > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn each(mut self, mut show: impl FnMut(LentRecord<'_>)) -> Result<(), Error> {
        while self.chunk(&mut show)? {}
        Ok(())
    }

    /// Reads on until a batch is there whole, and the header of the one behind it.
    fn fill(&mut self) -> Result<Whole, Error> {
        let segment = &self.shelf.segments[self.number];
        let left = segment.size - self.position;
        let mut want = self.want;
        loop {
            want = usize::try_from(left).unwrap_or(usize::MAX).min(want.max(self.held).max(HEADER_BYTES));
            if self.memory.len() < want {
                self.memory.resize(want, 0);
            }
            let missing = &mut self.memory[self.held..want];
            if !missing.is_empty() {
                let at = self.position + self.held as u64;
                self.shelf.files.read_at(&self.file, &segment.path, missing, at)?;
            }
            self.held = want;
            let found = whole(&self.memory[..want]);
            if want as u64 == left {
                return Ok(Whole {
                    bytes: want,
                    last: found.map_or(want, |whole| whole.last),
                    until: segment.end,
                });
            }
            match found {
                Ok(whole) => return Ok(whole),
                Err(Stop::Need(need)) => want = need,
                Err(Stop::Bad(reason)) => {
                    let path = segment.path.to_path_buf();
                    return Err(Error::Damaged { path, position: self.position, reason });
                }
            }
        }
    }
}

impl FileLog {
    /// Goes over the records from `from` to the end, chunk by chunk in memory that is used again: the fastest way to look at
    /// every record. Each is checked as it is shown, as [`load`](mqlab_core::log::Slice::load) checks it.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`] when `from` lies outside the log, [`LogError::Storage`] when the files cannot be read.
    ///
    /// ```
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::{LogName, Offset};
    /// # use mqlab_core::log::{Log, Storage, contract::batch};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// # let mut log = storage.open(&LogName::Definitions)?;
    /// log.append(&batch(0, 10))?;
    /// let mut seen = Vec::new();
    /// log.scan(Offset(8))?.each(|record| seen.push(record.offset))?;
    /// assert_eq!(seen, [Offset(8), Offset(9)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scan(&self, from: Offset) -> Result<Scan<'_>, LogError<Error>> {
        Scan::new(self.shelf(), from)
    }
}

impl LogReader {
    /// Goes over the records from `from` to what was the end at the last refresh, as [`FileLog::scan`] does.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// ```
    /// # use mqlab::log::{FileStorage, LogReader};
    /// # use mqlab_core::ids::{LogName, Offset};
    /// # use mqlab_core::log::{Log, Storage, contract::batch};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// # let mut log = storage.open(&LogName::Definitions)?;
    /// # log.append(&batch(0, 10))?;
    /// let (reader, mut count) = (LogReader::open(scratch.path(), &LogName::Definitions)?, 0);
    /// reader.scan(reader.start())?.each(|_| count += 1)?;
    /// assert_eq!(count, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scan(&self, from: Offset) -> Result<Scan<'_>, LogError<Error>> {
        Scan::new(self.shelf(), from)
    }
}

/// Why there is no whole batch at the front.
enum Stop {
    /// So many bytes are needed to see it and what follows.
    Need(usize),
    Bad(Malformed),
}

/// As many batches as are there whole, with the header of the one behind them.
fn whole(bytes: &[u8]) -> Result<Whole, Stop> {
    let mut whole = Whole { bytes: 0, last: 0, until: Offset::ZERO };
    loop {
        let rest = &bytes[whole.bytes..];
        whole.until = rest.first_chunk().map_or(whole.until, |base| Offset(u64::from_be_bytes(*base)));
        let stop = match BatchHeader::peek(rest) {
            Ok(header) if rest.len() >= header.bytes as usize + HEADER_BYTES => {
                whole.last = header.bytes as usize;
                whole.bytes += whole.last;
                continue;
            }
            Ok(header) => Stop::Need(header.bytes as usize + HEADER_BYTES),
            Err(reason) => Stop::Bad(reason),
        };
        return if whole.bytes > 0 { Ok(whole) } else { Err(stop) };
    }
}

#[cfg(test)]
mod tests {
    use mqlab_core::ids::LogName;
    use mqlab_core::log::contract::batch;
    use mqlab_core::log::{Log as _, Storage as _};

    use super::super::storage::{FileStorage, Options};
    use super::*;

    /// Batches of one to twenty records, in a few segments.
    fn log(dir: &std::path::Path) -> (FileStorage, FileLog) {
        let options = Options { segment_bytes: 1_500, ..Options::DEFAULT };
        let mut storage = FileStorage::open_with(dir, options).expect("opens");
        let mut log = storage.open(&LogName::Definitions).expect("opens");
        for number in 0..40 {
            log.append(&batch(log.end().0 + number % 7 / 6, 1 + number * 7 % 20)).expect("in order");
        }
        assert!(log.segments.len() > 4);
        (storage, log)
    }

    fn seen(log: &FileLog, from: u64, chunk_bytes: usize) -> (Vec<u64>, Result<(), Error>) {
        let mut seen = Vec::new();
        let mut scan = log.scan(Offset(from)).expect("in range");
        (scan.want, scan.chunk_bytes) = (chunk_bytes, chunk_bytes);
        let done = scan.each(|record| seen.push(record.offset.0));
        (seen, done)
    }

    #[test]
    fn wherever_chunks_end_the_same_records_are_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let (_storage, log) = log(dir.path());
        let all: Vec<u64> = (0..log.end().0).collect();
        let stored: Vec<u64> = seen(&log, 0, SCANNED_BYTES).0;
        assert!(
            stored.len() < all.len() && stored.iter().all(|offset| all.contains(offset)),
            "there are gaps"
        );
        for chunk_bytes in (0..700).chain([1_000, 1_499, 1_500, 1_501, 3_000]) {
            for from in [0, 1, 17, log.end().0 / 2, log.end().0 - 1, log.end().0] {
                let (found, done) = seen(&log, from, chunk_bytes);
                done.expect("it is sound");
                let wanted: Vec<u64> = stored.iter().copied().filter(|offset| *offset >= from).collect();
                assert_eq!(found, wanted, "chunks of {chunk_bytes} bytes, from {from}");
            }
        }
        assert!(matches!(log.scan(log.end().next()), Err(LogError::OutOfRange { .. })));
    }
}
