//! One file of a log: batches one after the other, from the offset that names it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use mqlab_core::ids::Offset;
use mqlab_core::record::{BatchHeader, whole_prefix};

use super::disk::Files;
use super::index::{Answer, Index, Sought, look_up};
use super::recent::Recent;
use super::time_index::TimeIndex;
use super::walk::{Step, Walk};
use crate::error::{Context as _, Error};

/// The digits of a segment's name: as many as the greatest 64-bit number has, so that names sort as numbers do.
const NAME_DIGITS: usize = 20;

/// The most bytes through which headers lead from the beginning of a slice that goes on where the last one ended to its
/// end: a few reads of them. In a larger slice the index is asked where it ends.
const WALKED_BYTES: u64 = 64 * 1024;

/// A segment, known by what was found out when it was opened or written since. Its file is not kept open: only
/// the last one's is, by the log.
#[derive(Debug)]
pub(super) struct Segment {
    /// The offset that names it: the log's end when it was begun.
    pub(super) base: Offset,
    /// The offset after its last record.
    pub(super) end: Offset,
    /// Its length in bytes: what is behind was set aside for what is to come.
    pub(super) size: u64,
    pub(super) path: Arc<Path>,
    /// Its indexes, as long as it is written to; those of a sealed segment stay in their files.
    held: Option<Indexes>,
    /// The time of its first batch, as long as it is written to.
    oldest: Option<i64>,
    /// The greatest time of its records, once it is sealed and somebody asked.
    newest: OnceLock<Option<i64>>,
    /// Whether an index file was found to be wrong or missing.
    doubtful: AtomicBool,
    /// What the last read left.
    pub(super) recent: Recent,
}

/// What finds places in a segment.
#[derive(Debug)]
struct Indexes {
    offsets: Index,
    times: TimeIndex,
}

impl Indexes {
    fn new(base: Offset) -> Self {
        Self { offsets: Index::new(base), times: TimeIndex::new(base) }
    }

    fn note(&mut self, interval: u32, position: u64, header: &BatchHeader) {
        let sparse = self.offsets.note(interval, position, header);
        self.times.note(sparse, header);
    }
}

/// A part of a segment that holds whole batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) position: u64,
    pub(super) bytes: u64,
    /// The offset of the first record.
    pub(super) base: Offset,
    /// Where what follows begins: no record is there or behind.
    pub(super) until: Offset,
}

impl Segment {
    fn new(path: Arc<Path>, (base, end): (Offset, Offset), size: u64, held: Option<Indexes>) -> Self {
        let (newest, doubtful) = (OnceLock::new(), AtomicBool::new(false));
        Self { base, end, size, path, held, oldest: None, newest, doubtful, recent: Recent::default() }
    }

    /// Begins a segment in a log's directory. Its name is not durable yet.
    pub(super) fn create(files: &Files, dir: &Path, base: Offset) -> Result<(Self, Arc<File>), Error> {
        let path: Arc<Path> = path_of(dir, base).into();
        let file = files.create(&path)?;
        Ok((Self::empty(path, base), Arc::new(file)))
    }

    /// A segment whose batches are yet to be taken in.
    pub(super) fn empty(path: Arc<Path>, base: Offset) -> Self {
        Self::new(path, (base, base), 0, Some(Indexes::new(base)))
    }

    /// A sealed segment of which this much is known.
    pub(super) fn sealed(path: Arc<Path>, span: (Offset, Offset), size: u64, newest: Option<i64>) -> Self {
        let segment = Self::new(path, span, size, None);
        if newest.is_some() {
            segment.newest.get_or_init(|| newest);
        }
        segment
    }

    /// What others are told of it.
    pub(super) fn plain(&self) -> mqlab_core::log::Segment {
        mqlab_core::log::Segment { base: self.base, end: self.end, bytes: self.size }
    }

    /// Opens the file for reading.
    pub(super) fn file(&self) -> Result<Arc<File>, Error> {
        File::open(&self.path).map(Arc::new).context("open", &self.path)
    }

    /// Opens the file for writing too.
    pub(super) fn writable(&self) -> Result<Arc<File>, Error> {
        File::options().read(true).write(true).open(&self.path).map(Arc::new).context("open", &self.path)
    }

    /// Takes notice of whole, checked batches that now stand at its end.
    pub(super) fn take_in(&mut self, batches: &[u8], interval: u32) {
        let mut rest = batches;
        while !rest.is_empty() {
            let header = BatchHeader::peek(rest).expect("a batch that was checked");
            self.take_notice(&header, interval);
            rest = &rest[header.bytes as usize..];
        }
    }

    /// The same of one batch.
    pub(super) fn take_notice(&mut self, header: &BatchHeader, interval: u32) {
        if let Some(held) = &mut self.held {
            held.note(interval, self.size, header);
        }
        self.oldest = self.oldest.or(Some(header.max_timestamp));
        (self.end, self.size) = (header.next, self.size + u64::from(header.bytes));
    }

    /// Writes the indexes that are in memory beside the segment. Nothing is flushed: what is never trusted need not
    /// survive. On a full disk it does without: they are built again when there is room.
    pub(super) fn save_indexes(&self, files: &Files) -> Result<(), Error> {
        let Some(Indexes { offsets, times }) = &self.held else { return Ok(()) };
        let saved = files
            .write_anew(&index_path(&self.path), &offsets.to_bytes())
            .and_then(|()| files.write_anew(&time_index_path(&self.path), &times.to_bytes(self.size)));
        match saved {
            Err(error) if error.is_full() => remove_indexes(files, &self.path),
            saved => saved,
        }
    }

    /// From now on nothing is added: the indexes are in files, and memory is given back.
    pub(super) fn seal(&mut self) {
        self.recent = Recent::default();
        if let Some(Indexes { times, .. }) = self.held.take() {
            self.newest = OnceLock::from(times.newest());
        }
    }

    /// Makes it ready to be written to: its indexes are read, or built again, into memory.
    pub(super) fn unseal(&mut self, files: &Files, file: &File, interval: u32) -> Result<(), Error> {
        self.doubtful = AtomicBool::new(false);
        self.newest = OnceLock::new();
        self.recent = Recent::default();
        self.oldest = self.walk_from_front(files, file).step()?.map(|first| first.header.max_timestamp);
        let offsets = Index::load(&index_path(&self.path), self.base, self.size);
        let times = TimeIndex::load(&time_index_path(&self.path), self.base, self.end, self.size);
        self.held = Some(match (offsets, times) {
            (Some(offsets), Some(times)) => Indexes { offsets, times },
            _ => self.mend(files, file, interval)?,
        });
        Ok(())
    }

    /// The time of its first batch, in milliseconds, as long as it is written to; none before that.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// Builds the indexes from the headers.
    fn index_anew(&self, files: &Files, file: &File, interval: u32) -> Result<Indexes, Error> {
        let mut indexes = Indexes::new(self.base);
        let mut walk = self.walk_from_front(files, file);
        while let Some(step) = walk.step()? {
            indexes.note(interval, step.position, &step.header);
        }
        Ok(indexes)
    }

    /// Builds index files again that are wrong or missing; says what they hold.
    fn mend(&self, files: &Files, file: &File, interval: u32) -> Result<Indexes, Error> {
        let indexes = self.index_anew(files, file, interval)?;
        self.doubtful.store(false, Ordering::Relaxed);
        // Where the disk is full, or only to be read, it does without.
        let _ = files.write_anew(&index_path(&self.path), &indexes.offsets.to_bytes());
        let _ = files.write_anew(&time_index_path(&self.path), &indexes.times.to_bytes(self.size));
        Ok(indexes)
    }

    /// Builds the index files again if somebody found them wrong or missing.
    pub(super) fn mend_if_doubtful(&self, files: &Files, file: &File, interval: u32) -> Result<(), Error> {
        if self.doubtful.load(Ordering::Relaxed) {
            self.mend(files, file, interval).map(drop)
        } else {
            Ok(())
        }
    }

    /// The greatest time of its records, in milliseconds; none when it has no batch.
    pub(super) fn newest(&self, files: &Files, interval: u32) -> Result<Option<i64>, Error> {
        if let Some(held) = &self.held {
            return Ok(held.times.newest());
        }
        if let Some(newest) = self.newest.get() {
            return Ok(*newest);
        }
        let newest = self.times(files, interval)?.newest();
        Ok(*self.newest.get_or_init(|| newest))
    }

    /// The same of a segment that is written to, without a look at files.
    pub(super) fn held_newest(&self) -> Option<i64> {
        self.held.as_ref().and_then(|held| held.times.newest())
    }

    /// Before this offset it has no record that is at or after `time`.
    pub(super) fn search_from(&self, files: &Files, interval: u32, time: i64) -> Result<Offset, Error> {
        match &self.held {
            Some(held) => Ok(held.times.search_from(time)),
            None => Ok(self.times(files, interval)?.search_from(time)),
        }
    }

    fn times(&self, files: &Files, interval: u32) -> Result<TimeIndex, Error> {
        match TimeIndex::load(&time_index_path(&self.path), self.base, self.end, self.size) {
            Some(times) => Ok(times),
            None => Ok(self.mend(files, &*self.file()?, interval)?.times),
        }
    }

    /// Removes the segment; it stays removed when this returns.
    pub(super) fn remove(self, files: &Files, dir: &Path) -> Result<(), Error> {
        remove_indexes(files, &self.path)?;
        files.remove(&self.path)?;
        files.sync_dir(dir)
    }

    pub(super) fn walk_from_front<'a>(&'a self, files: &'a Files, file: &'a File) -> Walk<'a> {
        Walk::new(files, (file, &self.path), 0, self.size, (self.base, self.end))
    }

    /// A walk that begins at the batch that is sought, if the index knows it and the batch agrees; else at the front.
    pub(super) fn walk<'a>(&'a self, files: &'a Files, file: &'a File, sought: Sought) -> Walk<'a> {
        let entry = match &self.held {
            Some(held) => held.offsets.find(sought),
            None => match look_up(&index_path(&self.path), (self.base, self.end), self.size, sought) {
                Answer::Entry(entry) => Some(entry),
                Answer::Front => None,
                Answer::Wrong => {
                    self.doubt();
                    None
                }
            },
        };
        if let Some(entry) = entry {
            let mut walk =
                Walk::new(files, (file, &self.path), entry.position(), self.size, (Offset::ZERO, self.end));
            if let Ok(Some(step)) = walk.step()
                && entry.agrees(self.base, &step)
            {
                walk.back_to(&step);
                return walk;
            }
            self.doubt();
        }
        self.walk_from_front(files, file)
    }

    /// A walk that goes on where the last read ended, if a batch with this very offset begins there.
    fn walk_on<'a>(&'a self, files: &'a Files, file: &'a File, from: Offset) -> Option<Walk<'a>> {
        let position = self.recent.place_of(from)?;
        let mut walk = Walk::new(files, (file, &self.path), position, self.size, (from, self.end));
        let step = walk.step().ok()?.filter(|step| step.header.base == from)?;
        walk.back_to(&step);
        Some(walk)
    }

    fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    /// The batches from the one that reaches past `from`, as far as they end at or below `until` and are no more
    /// than `room` bytes; the first however large, if `oversize` permits it. None when not even the first will do.
    pub(super) fn select(
        &self,
        (files, file): (&Files, &File),
        interval: u32,
        (from, until): (Offset, Offset),
        (room, oversize): (u64, bool),
    ) -> Result<Option<Range>, Error> {
        let went_on = self.walk_on(files, file, from);
        let near = if went_on.is_some() { WALKED_BYTES } else { 0 };
        let mut walk = went_on.unwrap_or_else(|| self.walk(files, file, Sought::below(from)));
        let began = walk.position();
        let mut before = None;
        let first = loop {
            let Some(step) = walk.step()? else {
                return Err(Error::Changed { path: self.path.to_path_buf() });
            };
            if step.header.next > from {
                break step;
            }
            if step.position > began + 2 * u64::from(interval) {
                self.doubt(); // an index that did its duty would have known a batch between here and there
            }
            before = Some(step);
        };
        // A gap, unless the header before it is wrong about where its batch ends: only its checksum knows.
        if let Some(before) = before.filter(|_| first.header.base > from) {
            check_batch(files, file, &self.path, &before)?;
        }
        let bytes = u64::from(first.header.bytes);
        if first.header.next > until || (bytes > room && !oversize) {
            return Ok(None);
        }
        let limit = first.position + room.max(bytes);
        let (end, next) = if self.end <= until && self.size <= limit {
            (self.size, self.end)
        } else {
            if limit - first.position > near {
                walk = self.walk(files, file, Sought { until, position: limit });
            }
            self.last_within(walk, first, until, limit)?
        };
        self.recent.ended(next, end);
        let (position, base) = (first.position, first.header.base);
        Ok(Some(Range { position, bytes: end - position, base, until: next }))
    }

    /// Where the last batch ends that is no further than `until` and `limit`, from `first` on; and where the one after it
    /// begins, as an offset.
    fn last_within(
        &self,
        mut walk: Walk<'_>,
        first: Step,
        until: Offset,
        limit: u64,
    ) -> Result<(u64, Offset), Error> {
        let mut end = first.end().max(walk.position());
        while let Some(step) = walk.step()? {
            if step.position < first.end() {
                continue;
            }
            if step.header.next > until || step.end() > limit {
                return Ok((end, step.header.base));
            }
            end = step.end();
        }
        Ok((self.size, self.end))
    }

    /// Forgets the batches that reach past `to`: they are to be cut off the file.
    pub(super) fn cut(&mut self, files: &Files, file: &File, to: Offset, interval: u32) -> Result<(), Error> {
        self.recent = Recent::default();
        let mut indexes = Indexes::new(self.base);
        let (mut size, mut end, mut oldest) = (0, self.base, None);
        let mut walk = self.walk_from_front(files, file);
        while let Some(step) = walk.step()? {
            if step.header.next > to {
                break;
            }
            oldest = oldest.or(Some(step.header.max_timestamp));
            indexes.note(interval, step.position, &step.header);
            (size, end) = (step.end(), step.header.next);
        }
        (self.size, self.end, self.oldest, self.held) = (size, end, oldest, Some(indexes));
        Ok(())
    }
}

/// Reads a batch, which must be sound.
fn check_batch(files: &Files, file: &File, path: &Path, step: &Step) -> Result<(), Error> {
    let mut batch = vec![0; step.header.bytes as usize];
    files.read_at(file, path, &mut batch, step.position)?;
    match whole_prefix(&batch, step.header.base).2 {
        Some(reason) => Err(Error::Damaged { path: path.to_owned(), position: step.position, reason }),
        None => Ok(()),
    }
}

pub(super) fn path_of(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:0width$}.log", base.0, width = NAME_DIGITS))
}

pub(super) fn index_path(path: &Path) -> PathBuf {
    path.with_extension("index")
}

pub(super) fn time_index_path(path: &Path) -> PathBuf {
    path.with_extension("timeindex")
}

/// Removes the indexes beside a segment, if there are any.
pub(super) fn remove_indexes(files: &Files, path: &Path) -> Result<(), Error> {
    files.remove_if_there(&index_path(path))?;
    files.remove_if_there(&time_index_path(path)).map(drop)
}

/// The segments in a log's directory, in order. Other files there are not ours to judge.
pub(super) fn list(dir: &Path) -> Result<Vec<(Offset, Arc<Path>)>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let name = entry.context("list", dir)?.file_name();
        if let Some(base) = name.to_str().and_then(base_of) {
            found.push((base, dir.join(&name).into()));
        }
    }
    found.sort();
    Ok(found)
}

/// The offset that a segment's file name says.
pub(super) fn base_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".log")?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    // An offset in a batch has a sign: a greater number names no segment.
    let base = digits.parse().ok().filter(|base| i64::try_from(*base).is_ok());
    if plain { base.map(Offset) } else { None }
}
