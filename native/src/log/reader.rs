//! How does another process read a log that somebody writes to? From the same files, without a lock, and as far as whole
//! batches reach.
//!
//! ```text
//!   writer    │ batch │ batch │ batch │ ba        it writes on, begins segments, removes old ones
//!   reader    │ batch │ batch │                   it knows what it saw at its last refresh
//!               refresh ─────▶│ batch │           what is whole now; half a batch is not there yet
//! ```
//!
//! A reader changes nothing, not even an index that is wrong: it needs no right to write. What it sees may not be
//! durable yet, and after a power cut the log may end before it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::LogError;

use super::directory::Directory;
use super::disk::{Disk, Files, SystemDisk};
use super::index::{INDEX_INTERVAL_BYTES, Sought};
use super::marks::Point;
use super::reading::Shelf;
use super::recent::Opened;
use super::recovery::{scan, what_is_wrong};
use super::segment::{Segment, list};
use super::slice::FileSlice;
use crate::error::{Context as _, Error};

/// Reads a log in a data directory that this or another process may be writing to. There can be any number.
///
/// ```
/// use mqlab::log::{FileStorage, LogReader};
/// use mqlab_core::ids::{LogName, Offset};
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::{Log, Slice, Storage};
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path();
/// let mut storage = FileStorage::open(dir)?;
/// let mut log = storage.open(&LogName::Definitions)?;
/// log.append(&batch(0, 3))?;
///
/// let mut reader = LogReader::open(dir, &LogName::Definitions)?;
/// log.append(&batch(3, 1))?;
/// assert_eq!(reader.end(), Offset(3));
/// reader.refresh()?;
/// assert_eq!(reader.read(Offset(0), reader.end(), 1_024)?.load()?.next(), Some(Offset(4)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogReader {
    files: Files,
    dir: PathBuf,
    name: LogName,
    segments: Vec<Segment>,
    /// Which files they are: a segment that was compacted has the old name.
    inodes: Vec<u64>,
    /// The file of the last segment.
    file: Arc<File>,
    opened: Opened,
}

impl LogReader {
    /// Opens a log in the data directory `data`.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::NotOurs`] and [`Error::Format`] of the directory, [`Error::NoSuchLog`],
    /// [`Error::Damaged`] and [`Error::Gap`] when something is not there that was durable, and what the system says.
    pub fn open(data: impl AsRef<Path>, name: &LogName) -> Result<Self, Error> {
        let data = data.as_ref();
        Directory::check(data)?;
        let dir = data.join(name.to_string());
        let files = Files(Arc::new(ReadOnly));
        let (segments, inodes, file) = load(&files, &dir, name)?;
        Ok(Self { files, dir, name: name.clone(), segments, inodes, file, opened: Opened::default() })
    }

    /// Sees what has come since, and what has gone.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open). While somebody cuts the log off, compacts it or begins it anew, once more
    /// may help.
    pub fn refresh(&mut self) -> Result<(), Error> {
        let point = Point::load(&self.dir);
        let found = inodes(&list(&self.dir)?)?;
        let last = self.segments.last_mut().expect("a log has a segment");
        let len = self.file.metadata().context("read", &last.path)?.len();
        if found == self.inodes && len >= last.size {
            scan(&self.files, last, &self.file, len, INDEX_INTERVAL_BYTES)?;
            if reaches(&self.files, point, last, &self.file, len).is_ok() {
                return Ok(());
            }
        }
        (self.segments, self.inodes, self.file) = load(&self.files, &self.dir, &self.name)?;
        Ok(())
    }

    /// The first offset that can be read.
    pub fn start(&self) -> Offset {
        self.segments[0].base
    }

    /// The offset after the last record that was there at the last refresh.
    pub fn end(&self) -> Offset {
        self.segments[self.segments.len() - 1].end
    }

    /// Its segments as they were at the last refresh, as [`Log::segments`](mqlab_core::log::Log::segments) gives them.
    pub fn segments(&self) -> Vec<mqlab_core::log::Segment> {
        self.segments.iter().map(Segment::plain).collect()
    }

    /// Batches, as [`Log::read`](mqlab_core::log::Log::read) gives them.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`] of what was there at the last refresh. [`LogError::Storage`] when the files cannot be
    /// read, or are no longer what they were then: after another refresh they are, unless they are damaged.
    pub fn read(&self, from: Offset, until: Offset, bytes_max: u32) -> Result<FileSlice, LogError<Error>> {
        self.shelf().read(from, until, bytes_max)
    }

    /// The offset of the first record whose timestamp is `time` or later, as [`FileLog`](super::FileLog::offset_at)'s.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn offset_at(&self, time: i64) -> Result<Option<Offset>, LogError<Error>> {
        self.shelf().offset_at(time)
    }

    pub(super) fn shelf(&self) -> Shelf<'_> {
        let interval = INDEX_INTERVAL_BYTES;
        Shelf {
            files: &self.files,
            segments: &self.segments,
            file: &self.file,
            opened: &self.opened,
            interval,
        }
    }
}

type Loaded = (Vec<Segment>, Vec<u64>, Arc<File>);

/// Sees to it that what was durable is there: whoever writes may be in the middle of a batch, but not before that.
fn reaches(files: &Files, point: Option<Point>, last: &Segment, file: &File, len: u64) -> Result<(), Error> {
    let Some(Point { offset: durable, .. }) = point.filter(|point| last.end < point.offset) else {
        return Ok(());
    };
    let path = last.path.to_path_buf();
    if len == last.size {
        return Err(Error::Gap { path, ends: last.end, next: durable });
    }
    let reason = what_is_wrong(files, last, file, len)?;
    Err(Error::Damaged { path, position: last.size, reason })
}

/// Finds a log's segments, and reads the last one.
fn load(files: &Files, dir: &Path, name: &LogName) -> Result<Loaded, Error> {
    let missing = || Error::NoSuchLog { log: name.clone() };
    if !dir.is_dir() {
        return Err(missing());
    }
    let point = Point::load(dir);
    let found = list(dir)?;
    let inodes = inodes(&found)?;
    let mut segments = Vec::with_capacity(found.len());
    for pair in found.windows(2) {
        let ((base, path), (next, _)) = (&pair[0], &pair[1]);
        let size = fs::metadata(path).context("read", path)?.len();
        let segment = Segment::sealed(path.clone(), (*base, *next), size, None);
        // Names alone do not tell that one between them is missing: a slice over both would pass over it.
        let file = segment.file()?;
        let ends = match segment.walk(files, &file, Sought::below(*next)).run() {
            Ok(ends) if ends == *next => ends,
            _ => segment.walk_from_front(files, &file).run()?,
        };
        if ends != *next {
            return Err(Error::Gap { path: path.to_path_buf(), ends, next: *next });
        }
        segments.push(segment);
    }
    let (base, path) = found.last().ok_or_else(missing)?;
    let mut last = Segment::empty(path.clone(), *base);
    let file = last.file()?;
    let len = file.metadata().context("read", path)?.len();
    scan(files, &mut last, &file, len, INDEX_INTERVAL_BYTES)?;
    reaches(files, point, &last, &file, len)?;
    segments.push(last);
    Ok((segments, inodes, file))
}

fn inodes(found: &[(Offset, Arc<Path>)]) -> Result<Vec<u64>, Error> {
    found.iter().map(|(_, path)| Ok(fs::metadata(path).context("read", path)?.ino())).collect()
}

/// A disk that is only read.
#[derive(Debug)]
struct ReadOnly;

impl ReadOnly {
    fn refuse<T>() -> io::Result<T> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

impl Disk for ReadOnly {
    fn create(&self, _: &Path) -> io::Result<File> {
        Self::refuse()
    }

    fn write_at(&self, _: &File, _: &Path, _: &[u8], _: u64) -> io::Result<()> {
        Self::refuse()
    }

    fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], position: u64) -> io::Result<()> {
        SystemDisk.read_at(file, path, bytes, position)
    }

    fn set_len(&self, _: &File, _: &Path, _: u64) -> io::Result<()> {
        Self::refuse()
    }

    fn sync(&self, _: &File, _: &Path) -> io::Result<()> {
        Self::refuse()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Self::refuse()
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Self::refuse()
    }
}
