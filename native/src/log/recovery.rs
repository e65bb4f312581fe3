//! What is a log worth after a crash? Everything up to the last whole batch, and not a byte is dropped unsaid.
//!
//! ```text
//!                   durable                ┊ point          in doubt
//!   ┌────────┬────────┬────────┐   ┌───────┊┬────────┬────────┬────╳
//!   │        │        │        │   │       ┊│        │        │torn│ 0 0 0 0
//!   └────────┴────────┴────────┘   └───────┊┴────────┴────────┴────╳
//!   must end where the next begins:        ┊  is read whole, checksums too. What is not whole ends the log:
//!   otherwise an error                     ┊  it is cut off and reported, and what is whole behind it set aside
//! ```
//!
//! A log that was [closed in good order](super::marks) is opened without a look. Any other has a *recovery point*.
//! Before it everything was durable, so that no crash can have touched it: what is wrong there is damage, and nothing is
//! changed. After it a crash may have left anything. A disk may write later pages before earlier ones, so even a whole
//! batch may stand behind a torn one; no append of it had been called durable, and it cannot follow what is not there.
//!
//! But after a power cut the point may be older than what was durable (it is not flushed), and then damage looks just
//! like that. So what is cut off is kept in files beside the segment, when it has whole batches in it: a person can
//! look at them. And a log whose point is lost is cut only where no whole batch would go.
//!
//! Zeros behind the last batch are blocks that were set aside for what was to come.
//!
//! Sources: Kafka `LogLoader.scala`, `LogSegment.java` (`recover`), which cuts at the first bad batch and deletes what is
//! behind.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::record::{BATCH_HEADER_BYTES, Malformed, whole_prefix};

use super::disk::Files;
use super::index::Sought;
use super::marks::{Closed, Point, clean, unmark};
use super::search::{SUMMED_BYTES_MAX, find_whole_batch, is_whole_though_bad};
use super::segment::{Segment, list, path_of};
use crate::error::{Context as _, Error};

/// How many bytes of a segment are read at once, as long as its batches are smaller.
pub(super) const CHUNK_BYTES: u64 = 1024 * 1024;
/// What a name ends in of which a crash left doubtful batches.
const CUT: &str = "cut";

/// What was cut off when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The log.
    pub log: LogName,
    /// The segment that was cut.
    pub path: PathBuf,
    /// Its length now.
    pub bytes_kept: u64,
    /// How many bytes were cut off, of this segment and of those behind it.
    pub bytes_cut: u64,
    /// Why they are not a batch.
    pub reason: Malformed,
    /// Where they are kept, because there are whole batches among them: files beside the segment.
    pub set_aside: Vec<PathBuf>,
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, path, bytes_kept, bytes_cut, reason, set_aside } = self;
        write!(
            f,
            "{log}: a write was interrupted, {bytes_cut} bytes after byte {bytes_kept} of {} are cut off: {reason}",
            path.display()
        )?;
        match set_aside.first() {
            Some(first) => {
                write!(f, " (there are whole batches among them: they are kept as {})", first.display())
            }
            None => Ok(()),
        }
    }
}

/// A log as it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// In order, and never none.
    pub(super) segments: Vec<Segment>,
    /// The file of the last one.
    pub(super) file: Arc<File>,
    /// What had to be cut off.
    pub(super) recovered: Option<Recovered>,
    /// Whether it bears the mark of a log that was closed in good order.
    pub(super) is_clean: bool,
}

/// Opens what is in a log's directory.
pub(super) fn open(files: &Files, dir: &Path, interval: u32, name: &LogName) -> Result<Found, Error> {
    let found = list(dir)?;
    if let Some(closed) = clean(dir)
        && let Some(clean) = open_clean(files, dir, &found, &closed, interval)?
    {
        return Ok(clean);
    }
    // A mark that is not believed today must not be tomorrow, when the files have become what it says.
    unmark(files, dir)?;
    Recovery { files, dir, interval, name, point: Point::load(dir) }.run(found)
}

/// Opens a log that was closed in good order; none when its files are not what its mark says.
fn open_clean(
    files: &Files,
    dir: &Path,
    found: &[(Offset, Arc<Path>)],
    closed: &[Closed],
    interval: u32,
) -> Result<Option<Found>, Error> {
    // What is missing in front would look like what was trimmed, but that a log that is trimmed bears no mark.
    if let (Some(first), Some((next, _))) = (closed.first(), found.first())
        && first.base < *next
    {
        let path = path_of(dir, first.base);
        return Err(Error::Gap { path, ends: first.base, next: *next });
    }
    let follow = closed.windows(2).all(|pair| pair[0].end == pair[1].base);
    if !follow || !found.iter().map(|(base, _)| *base).eq(closed.iter().map(|closed| closed.base)) {
        return Ok(None);
    }
    let mut segments = Vec::with_capacity(found.len());
    for ((_, path), closed) in found.iter().zip(closed) {
        if fs::metadata(path).context("read", path)?.len() != closed.size {
            return Ok(None);
        }
        let span = (closed.base, closed.end);
        segments.push(Segment::sealed(path.clone(), span, closed.size, closed.newest));
    }
    let Some(last) = segments.last_mut() else { return Ok(None) };
    let file = last.writable()?;
    last.unseal(files, &file, interval)?;
    Ok(Some(Found { segments, file, recovered: None, is_clean: true }))
}

/// Where a log stops being whole.
struct Bad {
    /// How long the file is.
    len: u64,
    reason: Malformed,
    /// Where the next segment begins, if it is that which does not fit.
    next: Option<Offset>,
}

/// Opens a log that was not closed in good order.
struct Recovery<'a> {
    files: &'a Files,
    dir: &'a Path,
    interval: u32,
    name: &'a LogName,
    point: Option<Point>,
}

impl Recovery<'_> {
    fn run(&self, found: Vec<(Offset, Arc<Path>)>) -> Result<Found, Error> {
        let mut segments = Vec::with_capacity(found.len());
        let first_doubtful = self
            .point
            .map_or(0, |point| found.partition_point(|(base, _)| *base <= point.base).saturating_sub(1));
        for pair in found[..found.len().min(first_doubtful + 1)].windows(2) {
            segments.push(self.open_durable(pair[0].1.clone(), pair[0].0, pair[1].0)?);
        }
        let (mut recovered, mut last) = (None, None);
        for (number, (base, path)) in found.iter().enumerate().skip(first_doubtful) {
            if let Some((before, _)) = last.replace(self.scan(path.clone(), *base)?) {
                segments.push(before);
            }
            let (segment, file) = last.as_mut().expect("it was just scanned");
            let behind = &found[number + 1..];
            if let Some(bad) = self.check(segment, file, behind.first().map(|(next, _)| *next))? {
                recovered = Some(self.cut_off(segment, file, bad, behind)?);
                break;
            }
            if !behind.is_empty() {
                segment.save_indexes(self.files)?;
                segment.seal();
            }
        }
        let (segment, file) = match last {
            Some(last) => last,
            None => Segment::create(self.files, self.dir, Offset::ZERO)?,
        };
        if let Some(point) = self.point
            && segment.end < point.offset
        {
            let path = segment.path.to_path_buf();
            return Err(Error::Gap { path, ends: segment.end, next: point.offset });
        }
        segments.push(segment);
        // A crash of the process alone leaves bytes and names that the system has and the disk does not yet.
        self.files.sync_dir(self.dir)?;
        Ok(Found { segments, file, recovered, is_clean: false })
    }

    /// Opens a sealed segment in which everything was durable: it must end where the next one begins.
    fn open_durable(&self, path: Arc<Path>, base: Offset, next: Offset) -> Result<Segment, Error> {
        let size = fs::metadata(&path).context("read", &path)?.len();
        let segment = Segment::sealed(path, (base, next), size, None);
        let file = segment.file()?;
        let mut walk = segment.walk(self.files, &file, Sought::below(next));
        if !matches!(walk.run(), Ok(end) if end == next) {
            // From the front, now: an index may have led us astray, and else the place of the damage is wanted.
            let mut walk = segment.walk_from_front(self.files, &file);
            let ends = walk.run()?;
            if ends != next {
                return Err(Error::Gap { path: segment.path.to_path_buf(), ends, next });
            }
        }
        segment.mend_if_doubtful(self.files, &file, self.interval)?;
        Ok(segment)
    }

    /// Takes in what is whole at the front of a segment's file.
    fn scan(&self, path: Arc<Path>, base: Offset) -> Result<(Segment, Arc<File>), Error> {
        let mut segment = Segment::empty(path, base);
        let file = segment.writable()?;
        let size = file.metadata().context("read", &segment.path)?.len();
        scan(self.files, &mut segment, &file, size, self.interval)?;
        Ok((segment, file))
    }

    /// What is wrong behind the batches of a segment that was scanned; nothing, if `next` follows it or is not there.
    /// Then it is as long as its batches, and durable.
    fn check(&self, segment: &Segment, file: &File, next: Option<Offset>) -> Result<Option<Bad>, Error> {
        let path = &segment.path;
        let len = file.metadata().context("read", path)?.len();
        if !is_zero(self.files, file, path, segment.size..len)? {
            let reason = what_is_wrong(self.files, segment, file, len)?;
            return Ok(Some(Bad { len, reason, next: None }));
        }
        let wrong = next.filter(|next| *next != segment.end);
        let durable = self.point.map_or(Offset::ZERO, |point| point.offset);
        let is_short = segment.end < durable && (next.is_none() || wrong.is_some());
        // No crash makes a segment reach into the next one.
        if is_short || wrong.is_some_and(|next| next < segment.end) {
            let next = wrong.unwrap_or(durable);
            return Err(Error::Gap { path: path.to_path_buf(), ends: segment.end, next });
        }
        self.settle(segment, file)?;
        let have = usize::try_from(segment.size).unwrap_or(usize::MAX);
        let reason = Malformed::CutOff { have, need: have.saturating_add(BATCH_HEADER_BYTES) };
        Ok(wrong.map(|_| Bad { len: segment.size, reason, next: wrong }))
    }

    /// Makes a segment's file as long as its batches, and durable. What is behind the recovery point is written once more:
    /// where a flush failed before, the system may think that the disk has what it has not.
    fn settle(&self, segment: &Segment, file: &File) -> Result<(), Error> {
        let path = &segment.path;
        if segment.size < file.metadata().context("read", path)?.len() {
            self.files.set_len(file, path, segment.size)?;
        }
        let mut at =
            self.point.map_or(0, |point| if point.base == segment.base { point.position } else { 0 });
        let mut window = Vec::new();
        while at < segment.size {
            window.resize(CHUNK_BYTES.min(segment.size - at) as usize, 0);
            self.files.read_at(file, path, &mut window, at)?;
            self.files.write_at(file, path, &window, at)?;
            at += window.len() as u64;
        }
        self.files.sync(file, path)
    }

    /// Ends the log behind a segment's whole batches, unless something would go that was durable.
    fn cut_off(
        &self,
        segment: &Segment,
        file: &File,
        Bad { len, reason, next }: Bad,
        behind: &[(Offset, Arc<Path>)],
    ) -> Result<Recovered, Error> {
        let (path, kept) = (segment.path.to_path_buf(), segment.size);
        let was_durable = self.point.is_some_and(|point| segment.end < point.offset);
        let whole_here = self.has_whole_batch(segment, file, kept + 1..len)?;
        let mut whole_behind = false;
        let mut bytes_cut = len - kept;
        for (base, path) in behind {
            let (next, file) = self.scan(path.clone(), *base)?;
            let len = file.metadata().context("read", path)?.len();
            whole_behind |= next.size > 0 || self.has_whole_batch(&next, &file, 1..len)?;
            bytes_cut += len;
        }
        let whole = whole_here || whole_behind;
        if was_durable || is_whole_though_bad(&reason, kept) || (whole && self.point.is_none()) {
            return Err(match next {
                Some(next) => Error::Gap { path, ends: segment.end, next },
                None => Error::Damaged { path, position: kept, reason },
            });
        }
        let mut set_aside = Vec::new();
        if whole_here {
            let mut bytes = vec![0; (len - kept) as usize];
            self.files.read_at(file, &path, &mut bytes, kept)?;
            let aside = free_name(&path, CUT);
            self.files.put_durably(&aside.with_extension("new"), &aside, &bytes)?;
            set_aside.push(aside);
        }
        // The latest first, so that what a crash leaves of it is found again.
        for (_, path) in behind.iter().rev() {
            if whole_behind {
                let aside = free_name(path, CUT);
                self.files.rename(path, &aside)?;
                set_aside.push(aside);
            } else {
                self.files.remove(path)?;
            }
            super::segment::remove_indexes(self.files, path)?;
            self.files.sync_dir(self.dir)?;
        }
        self.settle(segment, file)?;
        let log = self.name.clone();
        Ok(Recovered { log, path, bytes_kept: kept, bytes_cut, reason, set_aside })
    }
}

impl Recovery<'_> {
    fn has_whole_batch(&self, segment: &Segment, file: &File, bytes: Range<u64>) -> Result<bool, Error> {
        Ok(find_whole_batch(self.files, segment, file, bytes, SUMMED_BYTES_MAX)?.is_some())
    }
}

/// What is wrong with the bytes behind a segment's batches, in a file of `len` bytes.
pub(super) fn what_is_wrong(
    files: &Files,
    segment: &Segment,
    file: &File,
    len: u64,
) -> Result<Malformed, Error> {
    let mut have = CHUNK_BYTES;
    loop {
        let mut bytes = vec![0; have.min(len - segment.size) as usize];
        files.read_at(file, &segment.path, &mut bytes, segment.size)?;
        let is_all = bytes.len() as u64 == len - segment.size;
        match whole_prefix(&bytes, segment.end).2 {
            Some(Malformed::CutOff { need, .. }) if !is_all => have = need as u64,
            Some(reason) => return Ok(reason),
            None => return Err(Error::Changed { path: segment.path.to_path_buf() }),
        }
    }
}

/// A name beside a segment's that nothing has yet.
pub(super) fn free_name(path: &Path, ending: &str) -> PathBuf {
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{ending}{number}"));
        PathBuf::from(name)
    };
    (1..).map(name).find(|name| !name.exists()).expect("there are more numbers than files")
}

/// Whether these bytes of a file are zeros.
pub(super) fn is_zero(files: &Files, file: &File, path: &Path, bytes: Range<u64>) -> Result<bool, Error> {
    let mut window = Vec::new();
    let mut at = bytes.start;
    while at < bytes.end {
        window.resize(CHUNK_BYTES.min(bytes.end - at) as usize, 0);
        files.read_at(file, path, &mut window, at)?;
        if window.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += window.len() as u64;
    }
    Ok(true)
}

/// Takes the whole, sound batches at the front of a file of `size` bytes into the segment.
pub(super) fn scan(
    files: &Files,
    segment: &mut Segment,
    file: &File,
    size: u64,
    interval: u32,
) -> Result<(), Error> {
    let (mut buffer, mut want) = (Vec::new(), CHUNK_BYTES);
    while segment.size < size {
        let rest = size - segment.size;
        buffer.resize(want.min(rest) as usize, 0);
        files.read_at(file, &segment.path, &mut buffer, segment.size)?;
        let (whole, _, bad) = whole_prefix(&buffer, segment.end);
        segment.take_in(&buffer[..whole], interval);
        want = CHUNK_BYTES;
        match bad {
            // Not the end of the file: only of what was read at once.
            Some(Malformed::CutOff { need, .. }) if (buffer.len() as u64) < rest => {
                want = CHUNK_BYTES.max(need as u64);
            }
            Some(_) => return Ok(()),
            None => {}
        }
    }
    Ok(())
}
