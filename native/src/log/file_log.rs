//! A log in files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::{Log, LogError, check_replacement};
use mqlab_core::record::{Batch, Batches};

use super::ahead::Ahead;
use super::directory::Directory;
use super::disk::Files;
use super::durability::{Durability, Flusher};
use super::mapped;
use super::marks::{POINT, Point, mark_clean, unmark};
use super::reading::Shelf;
use super::recent::Opened;
use super::recovery::{self, Recovered};
use super::search::may_be_torn;
use super::segment::Segment;
use super::slice::FileSlice;
use super::storage::Options;
use super::swap::{Step, finish, swap_in};
use super::tail::{Tail, UNFLUSHED_SEGMENTS_MAX};
use crate::error::Error;

/// A log whose batches stand in segment files, as [the module](super) draws them.
///
/// After an operation that changes files has failed, what is on disk is in doubt: every further one answers
/// [`LogError::Refusing`] until the log is opened again, which finds out. Reading goes on. A disk that is full is no such
/// failure: what did not fit is not there, [`LogError::Full`] says so, and the log goes on when there is room.
///
/// A log that is dropped instead of [closed](mqlab_core::log::Storage::close) loses nothing, but is opened by recovery.
#[derive(Debug)]
pub struct FileLog {
    pub(super) files: Files,
    dir: PathBuf,
    pub(super) options: Options,
    /// In order, and never none. Batches are appended to the last.
    pub(super) segments: Vec<Segment>,
    /// The file of the last segment.
    file: Arc<File>,
    /// Which of the others is open.
    opened: Opened,
    /// The blocks that the last segment has beyond its batches.
    ahead: Ahead,
    pub(super) tail: Arc<Tail>,
    pub(super) flusher: Option<Flusher>,
    refusing: bool,
    /// Whether the directory bears the mark of a log that was closed in good order.
    is_marked: bool,
    /// Keeps other processes out as long as this log can write, and tells the storage that it is open.
    _held: (Arc<Directory>, Arc<()>),
}

impl FileLog {
    /// Opens the log in `dir`, and says what had to be cut off.
    pub(super) fn open(
        files: Files,
        dir: PathBuf,
        name: &LogName,
        options: Options,
        held: (Arc<Directory>, Arc<()>),
    ) -> Result<(Self, Option<Recovered>), Error> {
        files.create_dirs(&dir)?;
        if !dir.join(POINT).exists() {
            // It is new, or whoever began it was killed: then nobody may have flushed the names of the folders.
            let above = dir.ancestors().skip(1).take_while(|above| above.starts_with(held.0.path()));
            above.into_iter().try_for_each(|above| files.sync_dir(above))?;
        }
        finish(&files, &dir)?;
        let found = recovery::open(&files, &dir, options.index_interval_bytes, name)?;
        let last = found.segments.last().expect("a log has a segment");
        let end = Point { base: last.base, position: last.size, offset: last.end };
        let active = (found.file.clone(), last.path.clone());
        let tail = Arc::new(Tail::new(files.clone(), dir.clone(), active, end)?);
        let flusher = match options.durability {
            Durability::Interval(interval) => Some(Flusher::start(tail.clone(), interval)),
            _ => None,
        };
        let log = Self {
            files,
            dir,
            options,
            ahead: Ahead::new(options.preallocate_bytes, last.size),
            segments: found.segments,
            file: found.file,
            opened: Opened::default(),
            tail,
            flusher,
            refusing: false,
            is_marked: found.is_clean,
            _held: held,
        };
        Ok((log, found.recovered))
    }

    /// Leaves the log in good order, durable and marked as such: it is opened again without a look.
    pub(super) fn close(mut self) -> Result<(), Error> {
        drop(self.flusher.take());
        if self.is_refusing() || self.is_marked {
            return Ok(());
        }
        self.let_go_ahead()?;
        self.tail.sync_to(self.last().end)?;
        self.last().save_indexes(&self.files)?;
        mark_clean(&self.files, &self.dir, &self.segments, self.options.index_interval_bytes)
    }

    pub(super) fn last(&self) -> &Segment {
        self.segments.last().expect("a log has a segment")
    }

    fn is_refusing(&self) -> bool {
        self.refusing || self.tail.has_failed()
    }

    /// Does what changes files; if it fails, nothing of the kind is done any more.
    pub(super) fn change<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, LogError<Error>> {
        if self.is_refusing() {
            return Err(LogError::Refusing);
        }
        let done = self.unmark().and_then(|()| work(self));
        done.map_err(|error| {
            self.refusing = true;
            self.tail.fail();
            failed(error)
        })
    }

    /// From now on the log is not as it was closed.
    fn unmark(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.is_marked) { unmark(&self.files, &self.dir) } else { Ok(()) }
    }

    /// Writes batches at the end, without a flush.
    pub(super) fn write(&mut self, batches: &Batches) -> Result<(), LogError<Error>> {
        let Some(base) = batches.base() else {
            return Ok(());
        };
        if base < self.end() {
            return Err(LogError::OutOfOrder { end: self.end(), base });
        }
        // What is there stays as durable as it is, whoever looks on meanwhile.
        let end = self.end_point();
        self.change_if_room(|log| log.write_runs(batches), |log| log.cut(end.offset, end))
    }

    /// Does what takes room; if there is none, takes back what it did of it.
    fn change_if_room(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Error>,
        take_back: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), LogError<Error>> {
        let fits = self.change(|log| match work(log) {
            Err(error) if error.is_full() && !log.tail.has_failed() => take_back(log).map(|()| false),
            done => done.map(|()| true),
        })?;
        if fits { Ok(()) } else { Err(LogError::Full) }
    }

    /// Writes batches at the end of segments: those that go into one segment by one write.
    fn write_runs(&mut self, batches: &Batches) -> Result<(), Error> {
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
        self.write_run(&bytes[written..])?;
        self.tail.wrote(self.last().size, self.last().end);
        Ok(())
    }

    /// Whether the last segment has no room for a batch after `pending` bytes that are yet to be written to it.
    fn must_roll(&self, pending: u64, batch: &Batch) -> bool {
        let last = self.last();
        let size = last.size + pending;
        if may_be_torn(size, last.end, batch.base()) {
            return true;
        }
        let fits = size + batch.bytes().len() as u64 <= u64::from(self.options.segment_bytes);
        let near = batch.next().0 - last.base.0 <= i32::MAX as u64;
        size > 0 && !(fits && near && self.is_young_with(batch))
    }

    /// Whether the last segment's records lie no further apart in time than they may, with this batch.
    fn is_young_with(&self, batch: &Batch) -> bool {
        let (Some(age), Some(oldest)) = (self.options.segment_age, self.last().oldest()) else {
            return true;
        };
        let apart = i128::from(batch.max_timestamp()) - i128::from(oldest);
        apart <= i128::try_from(age.as_millis()).unwrap_or(i128::MAX)
    }

    /// Writes whole batches to the last segment, which is to have them only once they are written.
    fn write_run(&mut self, run: &[u8]) -> Result<(), Error> {
        let interval = self.options.index_interval_bytes;
        let last = self.segments.last_mut().expect("a log has a segment");
        let (disk, end) = ((&self.files, &*self.file, &*last.path), last.size + run.len() as u64);
        self.ahead.reach(disk, end, self.options.segment_bytes.into())?;
        self.files.write_at(&self.file, &last.path, run, last.size)?;
        last.take_in(run, interval);
        Ok(())
    }

    /// Gives back the blocks that the last segment has beyond its batches.
    fn let_go_ahead(&self) -> Result<(), Error> {
        let last = self.segments.last().expect("a log has a segment");
        if self.ahead.has_blocks_beyond(last.size) {
            self.files.set_len(&self.file, &last.path, last.size)?;
        }
        if self.ahead.has_beyond(last.size) { self.files.sync(&self.file, &last.path) } else { Ok(()) }
    }

    /// Begins a new segment.
    fn roll(&mut self) -> Result<(), Error> {
        if self.ahead.has_blocks_beyond(self.last().size) {
            self.files.set_len(&self.file, &self.last().path, self.last().size)?;
        }
        self.last().save_indexes(&self.files)?;
        let (segment, file) = Segment::create(&self.files, &self.dir, self.last().end)?;
        let last = self.segments.last_mut().expect("a log has a segment");
        last.seal();
        self.tail.wrote(last.size, last.end);
        let unflushed = self.tail.rolled((file.clone(), segment.path.clone()));
        self.segments.push(segment);
        self.file = file;
        self.ahead = Ahead::new(self.options.preallocate_bytes, 0);
        if unflushed > UNFLUSHED_SEGMENTS_MAX { self.tail.sync_to(self.last().end) } else { Ok(()) }
    }

    /// Removes what reaches past `to`, the latest first: whatever a crash leaves of it is still one log. What is before the
    /// point `stays` is not touched.
    fn cut(&mut self, to: Offset, stays: Point) -> Result<(), Error> {
        // What stays is called durable afterwards, and where it is cut is no recovery point before it is.
        self.tail.sync_to(self.last().end)?;
        let holder = self.segment_of(to);
        self.tail.lower(stays)?;
        for segment in self.segments.drain(holder + 1..).rev().collect::<Vec<_>>() {
            segment.remove(&self.files, &self.dir)?;
        }
        let last = self.segments.last_mut().expect("the first segment is never removed");
        self.file = last.writable()?;
        last.cut(&self.files, &self.file, to, self.options.index_interval_bytes)?;
        self.file = mapped::shorten(&self.files, self.file.clone(), &last.path, last.size)?;
        self.restart_tail()
    }

    /// Removes all segments, the latest first, and begins one at `at`. Whoever reads an old one has its file.
    fn anew(&mut self, at: Offset) -> Result<(), Error> {
        self.tail.lower(Point::at(Offset::ZERO))?;
        for segment in self.segments.drain(1..).rev().collect::<Vec<_>>() {
            segment.remove(&self.files, &self.dir)?;
        }
        let planned = Segment::empty(super::segment::path_of(&self.dir, at).into(), at);
        let first = std::mem::replace(&mut self.segments[0], planned);
        first.remove(&self.files, &self.dir)?;
        (self.segments[0], self.file) = Segment::create(&self.files, &self.dir, at)?;
        self.restart_tail()
    }

    /// What the log holds now is durable, and all that there is.
    fn restart_tail(&mut self) -> Result<(), Error> {
        let last = self.segments.last().expect("a log has a segment");
        self.files.sync(&self.file, &last.path)?;
        self.files.sync_dir(&self.dir)?;
        self.ahead = Ahead::new(self.options.preallocate_bytes, last.size);
        self.tail.restart((self.file.clone(), last.path.clone()), self.end_point())
    }

    /// Puts whole batches in place of the sealed segments from `from` to `until`; `before` is told of each step.
    pub(super) fn put(
        &mut self,
        (from, until): (Offset, Offset),
        batches: &Batches,
        before: &mut dyn FnMut(Step) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // What is replaced must not be looked for behind a recovery point that a power cut brings back.
        self.tail.sync_to(self.last().end)?;
        self.tail.pin()?;
        let numbers = self.segment_of(from)..self.segment_of(until);
        let mut new = Segment::empty(super::segment::path_of(&self.dir, from).into(), from);
        new.take_in(batches.bytes(), self.options.index_interval_bytes);
        swap_in(&self.files, &self.dir, &self.segments[numbers.clone()], batches.bytes(), before)?;
        new.save_indexes(&self.files)?;
        new.seal();
        self.segments.splice(numbers, [new]);
        Ok(())
    }

    /// Where it ends, as a recovery point.
    fn end_point(&self) -> Point {
        let last = self.last();
        Point { base: last.base, position: last.size, offset: last.end }
    }

    /// The number of the segment that has `offset`, or would have it.
    pub(super) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// Its segments, to be read.
    pub(super) fn shelf(&self) -> Shelf<'_> {
        let interval = self.options.index_interval_bytes;
        Shelf {
            files: &self.files,
            segments: &self.segments,
            file: &self.file,
            opened: &self.opened,
            interval,
        }
    }

    fn out_of_range<T>(&self, asked: Offset) -> Result<T, LogError<Error>> {
        Err(LogError::OutOfRange { start: self.start(), end: self.end(), asked })
    }

    /// The directory that holds the log's files.
    pub fn path(&self) -> &Path {
        &self.dir
    }
}

/// Who comes after a failure of the thread that flushes is told that the log refuses.
pub(super) fn failed(error: Error) -> LogError<Error> {
    match error {
        Error::Refusing => LogError::Refusing,
        error => LogError::Storage(error),
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
        self.tail.durable()
    }

    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Error>> {
        self.write(batches)?;
        if self.owes_flush() { self.flush() } else { Ok(()) }
    }

    fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<FileSlice, LogError<Error>> {
        self.shelf().read(from, until, bytes_max)
    }

    fn flush(&mut self) -> Result<(), LogError<Error>> {
        if self.is_refusing() {
            return Err(LogError::Refusing);
        }
        self.tail.sync_to(self.end()).map_err(failed)
    }

    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Error>> {
        if to < self.start() {
            return self.out_of_range(to);
        }
        if to >= self.end() && !self.is_refusing() {
            return Ok(());
        }
        let holder = Point::at(self.segments[self.segment_of(to)].base);
        self.change(|log| log.cut(to, holder))
    }

    /// Removes whole segments, the oldest first; the last one always stays.
    fn trim(&mut self, to: Offset) -> Result<(), LogError<Error>> {
        if to > self.end() {
            return self.out_of_range(to);
        }
        let has_any = self.segments.get(1).is_some_and(|second| second.base <= to);
        if !has_any && !self.is_refusing() {
            return Ok(());
        }
        self.change(|log| {
            // A disk may forget the names that go before it knows those that stay.
            log.tail.sync_to(log.last().end)?;
            while log.segments.len() > 1 && log.segments[1].base <= to {
                log.segments.remove(0).remove(&log.files, &log.dir)?;
            }
            Ok(())
        })
    }

    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Error>> {
        self.change(|log| log.anew(at))
    }

    fn segments(&self) -> Vec<mqlab_core::log::Segment> {
        self.segments.iter().map(Segment::plain).collect()
    }

    fn roll(&mut self) -> Result<(), LogError<Error>> {
        if self.last().size > 0 {
            self.change_if_room(Self::roll, |_| Ok(()))?;
        }
        self.flush()
    }

    fn replace(&mut self, from: Offset, until: Offset, batches: &Batches) -> Result<(), LogError<Error>> {
        check_replacement(&Log::segments(self), (from, until), batches)?;
        self.change_if_room(|log| log.put((from, until), batches, &mut |_| Ok(())), |_| Ok(()))
    }
}

impl FileLog {
    /// Whether the log's durability asks for a flush now.
    pub(super) fn owes_flush(&self) -> bool {
        let unflushed = self.end().0 - self.durable().0;
        match self.options.durability {
            Durability::Manual | Durability::Interval(_) => false,
            Durability::Every(records) => unflushed >= records.max(1),
            Durability::EveryBatch => unflushed > 0,
        }
    }
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.tail.close();
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
