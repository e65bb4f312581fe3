//! A log in files.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::{Log, LogError, check_replacement};
use mqlab_core::record::{Batch, Batches};

use super::directory::{Directory, create_dirs};
use super::recovery::{Recovered, open_last, open_sealed};
use super::segment::{Segment, list};
use super::slice::FileSlice;
use super::storage::Options;
use super::swap::{Step, finish, swap_in};
use crate::error::{Context as _, Error};

/// A log whose batches stand in segment files, as [the module](super) draws them.
///
/// After an operation that changes files has failed, what is on disk is in doubt: every further one answers
/// [`LogError::Refusing`] until the log is opened again, which finds out. Reading goes on.
#[derive(Debug)]
pub struct FileLog {
    dir: PathBuf,
    options: Options,
    /// In order, and never none. Batches are appended to the last.
    segments: Vec<Segment>,
    /// The file of the last segment.
    file: Arc<File>,
    durable: Offset,
    refusing: bool,
    /// Keeps other processes out as long as this log can write.
    _directory: Arc<Directory>,
    /// Tells the storage that this log is open.
    _open: Arc<()>,
}

impl FileLog {
    /// Opens the log in `dir`, and says what had to be cut off.
    pub(super) fn open(
        dir: PathBuf,
        name: &LogName,
        options: Options,
        directory: Arc<Directory>,
        open: Arc<()>,
    ) -> Result<(Self, Option<Recovered>), Error> {
        create_dirs(&dir)?;
        finish(&dir)?;
        let mut found = list(&dir)?;
        let mut segments = Vec::new();
        let (file, recovered) = match found.pop() {
            None => {
                let (segment, file) = Segment::create(&dir, Offset::ZERO)?;
                segments.push(segment);
                (file, None)
            }
            Some((last, path)) => {
                let nexts = found.iter().skip(1).map(|(base, _)| *base).chain([last]).collect::<Vec<_>>();
                for ((base, path), next) in found.into_iter().zip(nexts) {
                    segments.push(open_sealed(path, base, next, options.index_interval_bytes)?);
                }
                let (segment, file, recovered) = open_last(path, last, options.index_interval_bytes, name)?;
                segments.push(segment);
                (file, recovered)
            }
        };
        let durable = segments.last().map_or(Offset::ZERO, |segment| segment.end);
        let (_directory, _open) = (directory, open);
        Ok((Self { dir, options, segments, file, durable, refusing: false, _directory, _open }, recovered))
    }

    /// Leaves the log in good order: the last segment's index, too, is written.
    pub(super) fn close(self) -> Result<(), Error> {
        if self.refusing { Ok(()) } else { self.last().save_index() }
    }

    fn last(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    /// Does what changes files; if it fails, nothing of the kind is done any more.
    fn change(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), LogError<Error>> {
        if self.refusing {
            return Err(LogError::Refusing);
        }
        work(self).map_err(|error| {
            self.refusing = true;
            LogError::Storage(error)
        })
    }

    /// Writes batches at the end of segments: those that go into one segment by one write.
    fn write(&mut self, batches: &Batches) -> Result<(), Error> {
        let bytes = batches.bytes();
        let (mut written, mut ready) = (0, 0);
        for batch in batches.iter() {
            if self.must_roll((ready - written) as u64, &batch) {
                self.write_run(&bytes[written..ready])?;
                written = ready;
                self.roll()?;
            }
            ready += batch.bytes().len();
        }
        self.write_run(&bytes[written..])
    }

    /// Whether the last segment has no room for a batch after `pending` bytes that are yet to be written to it.
    fn must_roll(&self, pending: u64, batch: &Batch) -> bool {
        let last = self.last();
        let size = last.size + pending;
        let fits = size + batch.bytes().len() as u64 <= u64::from(self.options.segment_bytes);
        let near = batch.next().0 - last.base.0 <= i32::MAX as u64;
        size > 0 && !(fits && near)
    }

    /// Writes whole batches to the last segment, which is to have them only once they are written.
    fn write_run(&mut self, run: &[u8]) -> Result<(), Error> {
        let interval = self.options.index_interval_bytes;
        let last = self.segments.last_mut().expect("a log has a segment");
        self.file.write_all_at(run, last.size).context("write", &last.path)?;
        last.take_in(run, interval);
        Ok(())
    }

    /// Makes the last segment's bytes durable.
    fn sync(&mut self) -> Result<(), Error> {
        let last = self.last();
        self.file.sync_data().context("flush", &last.path)?;
        self.durable = last.end;
        Ok(())
    }

    /// Begins a new segment. The one before it is durable then, so that only the last can ever be torn.
    fn roll(&mut self) -> Result<(), Error> {
        self.sync()?;
        self.last().save_index()?;
        let (segment, file) = Segment::create(&self.dir, self.last().end)?;
        self.segments.push(segment);
        self.file = file;
        Ok(())
    }

    /// Removes what reaches past `to`, the latest first: whatever a crash leaves of it is still one log.
    fn cut(&mut self, to: Offset) -> Result<(), Error> {
        let holder = self.segment_of(to);
        for segment in self.segments.drain(holder + 1..).rev().collect::<Vec<_>>() {
            segment.remove(&self.dir)?;
        }
        let last = self.segments.last_mut().expect("the first segment is never removed");
        self.file = last.writable()?;
        let (size, end) = last.cut(&self.file, to)?;
        self.file.set_len(size).context("truncate", &last.path)?;
        self.file.sync_all().context("flush", &last.path)?;
        last.index.truncate(size);
        (last.size, last.end, self.durable) = (size, end, end);
        Ok(())
    }

    /// Removes all segments, the latest first, and begins one at `at`. Whoever reads an old one has its file.
    fn anew(&mut self, at: Offset) -> Result<(), Error> {
        for segment in self.segments.drain(1..).rev().collect::<Vec<_>>() {
            segment.remove(&self.dir)?;
        }
        let first = std::mem::replace(&mut self.segments[0], Segment::planned(&self.dir, at));
        first.remove(&self.dir)?;
        let (segment, file) = Segment::create(&self.dir, at)?;
        (self.segments[0], self.file, self.durable) = (segment, file, at);
        Ok(())
    }

    /// Puts whole batches in place of the sealed segments from `from` to `until`; `before` is told of each step.
    pub(super) fn put(
        &mut self,
        (from, until): (Offset, Offset),
        batches: &Batches,
        before: &mut dyn FnMut(Step) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let numbers = self.segment_of(from)..self.segment_of(until);
        let mut new = Segment::planned(&self.dir, from);
        new.take_in(batches.bytes(), self.options.index_interval_bytes);
        swap_in(&self.dir, &self.segments[numbers.clone()], batches.bytes(), before)?;
        new.save_index()?;
        self.segments.splice(numbers, [new]);
        Ok(())
    }

    /// The number of the segment that has `offset`, or would have it.
    fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    fn out_of_range<T>(&self, asked: Offset) -> Result<T, LogError<Error>> {
        Err(LogError::OutOfRange { start: self.start(), end: self.end(), asked })
    }

    /// The directory that holds the log's files.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}

impl Log for FileLog {
    type Slice = FileSlice;
    type Error = Error;

    fn start(&self) -> Offset {
        self.segments[0].base
    }

    fn end(&self) -> Offset {
        self.last().end
    }

    fn durable(&self) -> Offset {
        self.durable
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Error>> {
        let Some(base) = batches.base() else {
            return Ok(());
        };
        if base < self.end() {
            return Err(LogError::OutOfOrder { end: self.end(), base });
        }
        self.change(|log| log.write(batches))
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<FileSlice, LogError<Error>> {
        if from < self.start() || from > self.end() {
            return self.out_of_range(from);
        }
        let (mut slice, mut room) = (FileSlice::default(), u64::from(bytes_max));
        let count = self.segments.len();
        for (number, segment) in self.segments.iter().enumerate().skip(self.segment_of(from)) {
            if segment.end <= from || segment.size == 0 {
                continue; // `from` is the log's end, or the last segment has just been begun
            }
            let file = if number + 1 == count { self.file.clone() } else { segment.file()? };
            let Some(range) = segment.select(&file, from, until, room, slice.is_empty())? else {
                break;
            };
            room = room.saturating_sub(range.bytes);
            slice.push(segment, file, range);
            if range.position + range.bytes < segment.size {
                break;
            }
        }
        Ok(slice)
    }

    fn flush(&mut self) -> Result<(), LogError<Error>> {
        self.change(|log| if log.durable == log.end() { Ok(()) } else { log.sync() })
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Error>> {
        if to < self.start() {
            return self.out_of_range(to);
        }
        self.change(|log| if to >= log.end() { Ok(()) } else { log.cut(to) })
    }

    /// Removes whole segments, the oldest first; the last one always stays.
    fn trim(&mut self, to: Offset) -> Result<(), LogError<Error>> {
        if to > self.end() {
            return self.out_of_range(to);
        }
        self.change(|log| {
            while log.segments.len() > 1 && log.segments[1].base <= to {
                log.segments.remove(0).remove(&log.dir)?;
            }
            Ok(())
        })
    }

    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Error>> {
        self.change(|log| log.anew(at))
    }

    fn segments(&self) -> Vec<mqlab_core::log::Segment> {
        let plain = |segment: &Segment| mqlab_core::log::Segment {
            base: segment.base,
            end: segment.end,
            bytes: segment.size,
        };
        self.segments.iter().map(plain).collect()
    }

    fn roll(&mut self) -> Result<(), LogError<Error>> {
        self.change(|log| if log.last().size == 0 { Ok(()) } else { log.roll() })
    }

    fn replace(&mut self, from: Offset, until: Offset, batches: &Batches) -> Result<(), LogError<Error>> {
        check_replacement(&Log::segments(self), (from, until), batches)?;
        self.change(|log| log.put((from, until), batches, &mut |_| Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use mqlab_core::ids::Name;
    use mqlab_core::log::contract::batch;
    use mqlab_core::log::{Slice as _, Storage as _};

    use super::super::storage::FileStorage;
    use super::*;

    #[test]
    fn after_a_failed_write_the_log_refuses_until_it_is_opened_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut storage = FileStorage::open(dir.path()).expect("opens");
        let name = LogName::Queue(Name::new("q").expect("a legal name"));
        let mut log = storage.open(&name).expect("opens");
        log.append(&batch(0, 2)).expect("in order");
        log.flush().expect("flushes");

        log.file = log.last().file().expect("opens"); // for reading only: a write fails
        let failed = log.append(&batch(2, 1));
        assert!(matches!(failed, Err(LogError::Storage(Error::Io { operation: "write", .. }))), "{failed:?}");
        assert_eq!((log.end(), log.durable()), (Offset(2), Offset(2)), "what is not written is not there");
        assert!(matches!(log.append(&batch(2, 1)), Err(LogError::Refusing)));
        assert!(matches!(log.flush(), Err(LogError::Refusing)));
        assert!(matches!(log.truncate(Offset(1)), Err(LogError::Refusing)));
        assert!(matches!(log.trim(Offset(1)), Err(LogError::Refusing)));
        let read = log.read(Offset(0), Offset(2), 1).expect("in range").load().expect("reading goes on");
        assert_eq!(read, batch(0, 2));

        storage.close(&name, log).expect("closes");
        let mut log = storage.open(&name).expect("opens");
        log.append(&batch(2, 1)).expect("opened again, it works");
        assert_eq!(log.end(), Offset(3));
    }
}
