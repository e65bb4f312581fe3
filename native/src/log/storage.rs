//! A data directory full of logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use mqlab_core::ids::LogName;
use mqlab_core::log::Storage;

use super::directory::Directory;
use super::disk::{Disk, Files};
use super::durability::Durability;
use super::file_log::FileLog;
use super::index::INDEX_INTERVAL_BYTES;
use super::recovery::Recovered;
use super::repair::{Repaired, repair};
use super::verify::{Verified, set_aside, verify};
use crate::error::{Context as _, Error};

/// The size at which a segment is closed and the next begun, in bytes, unless the options say otherwise.
pub const SEGMENT_BYTES: u32 = 64 * 1024 * 1024;
/// The largest size that can be asked for, in bytes: an index has 31 bits for a position.
pub const SEGMENT_BYTES_MAX: u32 = i32::MAX as u32;

/// How deep below the data directory logs lie.
const DEPTH_MAX: usize = 3;

/// How a storage lays out its files. Directories written with other options can be opened: nothing but the
/// files to come depends on them.
///
/// ```
/// use mqlab::log::Options;
/// let options = Options { segment_bytes: 1024 * 1024, ..Options::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment is closed before it grows past this size, in bytes. A batch that is larger gets a segment of its
    /// own. More than [`SEGMENT_BYTES_MAX`] is taken as that.
    pub segment_bytes: u32,
    /// The index knows one batch in so many bytes.
    pub index_interval_bytes: u32,
    /// A segment is closed before its records lie further apart in time than this, by their own timestamps; never, by
    /// default. Retention removes whole segments: with it, none is much older than its newest record.
    pub segment_age: Option<Duration>,
    /// When a log flushes by itself; [`Durability::Manual`] by default.
    pub durability: Durability,
    /// How many bytes of zeros are written ahead of the log's end, at most; none by default. A flush of bytes that lie in
    /// blocks that the file already has is one trip to the disk instead of two, so this pays for who flushes small batches.
    /// The zeros go when the log is closed. Without it blocks are only reserved, which helps writes and no flush.
    pub preallocate_bytes: u32,
    /// Whether a directory that is missing or empty becomes a data directory.
    pub create: bool,
}

impl Options {
    /// The usual options, for constants.
    pub const DEFAULT: Self = Self {
        segment_bytes: SEGMENT_BYTES,
        index_interval_bytes: INDEX_INTERVAL_BYTES,
        segment_age: None,
        durability: Durability::Manual,
        preallocate_bytes: 0,
        create: true,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Logs in a data directory that this process alone writes to.
///
/// ```
/// use mqlab::log::FileStorage;
/// use mqlab_core::ids::{LogName, Name, Offset};
/// use mqlab_core::log::{Log, Slice, Storage};
/// use mqlab_core::record::{BatchBuilder, NewRecord};
///
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("data");
/// let mut batch = BatchBuilder::new();
/// batch.push(&NewRecord { value: Some("hello".into()), ..NewRecord::default() })?;
///
/// let mut storage = FileStorage::open(&dir)?;
/// let name = LogName::Queue(Name::new("greetings")?);
/// let mut log = storage.open(&name)?;
/// log.append(&batch.build())?;
/// log.flush()?; // now it survives a power cut
/// storage.close(&name, log)?;
/// drop(storage); // now another process may open the directory
///
/// let mut storage = FileStorage::open(&dir)?;
/// let log = storage.open(&name)?;
/// let stored = log.read(Offset(0), log.end(), 1_000)?.load()?;
/// assert_eq!(stored.records().next().and_then(|record| record.value), Some("hello".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileStorage {
    files: Files,
    directory: Arc<Directory>,
    options: Options,
    /// The logs that were opened; alive as long as they are open.
    open: BTreeMap<LogName, Weak<()>>,
    recovered: Vec<Recovered>,
}

impl FileStorage {
    /// Opens a data directory; one that is missing or empty is made one.
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not a data directory, has another format, or another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Options::default())
    }

    /// The same with other options than the usual.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_files(Files::system(), path.as_ref(), options)
    }

    /// The same on a disk that is not quite the system's: for tests of what happens when one fails.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and whatever the disk comes up with.
    pub fn open_on(disk: Arc<dyn Disk>, path: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_files(Files(disk), path.as_ref(), options)
    }

    fn open_files(files: Files, path: &Path, mut options: Options) -> Result<Self, Error> {
        let directory = Arc::new(Directory::open(&files, path, options.create)?);
        options.segment_bytes = options.segment_bytes.min(SEGMENT_BYTES_MAX);
        Ok(Self { files, directory, options, open: BTreeMap::new(), recovered: Vec::new() })
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What was cut off the logs' ends when they were opened. Whoever runs the storage tells the person whose data
    /// it is.
    pub fn recovered(&self) -> &[Recovered] {
        &self.recovered
    }

    /// Reads all of a log that is not open, and says whether it is sound. Nothing is changed.
    ///
    /// ```
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::LogName;
    /// # use mqlab_core::log::contract::batch;
    /// # use mqlab_core::log::{Log, Storage};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// let mut log = storage.open(&LogName::Definitions)?;
    /// log.append(&batch(0, 3))?;
    /// storage.close(&LogName::Definitions, log)?;
    /// let verified = storage.verify(&LogName::Definitions)?;
    /// assert!(verified.is_sound() && verified.records == 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchLog`], [`Error::AlreadyOpen`], and what the system says.
    pub fn verify(&self, name: &LogName) -> Result<Verified, Error> {
        self.must_be_closed(name)?;
        Ok(verify(&self.files, &self.path_of(name), name)?.verified)
    }

    /// Saves what is whole of a damaged log that is not open, at its offsets, and sets the rest aside. A log that is sound
    /// is not touched.
    ///
    /// # Errors
    ///
    /// As for [`verify`](Self::verify). [`Error::Gap`] when so many offsets are missing that no log can have had them: a file
    /// is there that is not the log's. What was repaired until then stays so; the rest can be repaired again.
    pub fn repair(&mut self, name: &LogName) -> Result<Repaired, Error> {
        self.must_be_closed(name)?;
        let repaired = repair(&self.files, &self.path_of(name), name)?;
        let log = self.open(name)?;
        self.close(name, log)?;
        Ok(repaired)
    }

    /// Files that recoveries and repairs of a log set aside: whole batches that nobody reads any more.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_aside(&self, name: &LogName) -> Result<Vec<PathBuf>, Error> {
        set_aside(&self.path_of(name))
    }

    fn must_be_closed(&self, name: &LogName) -> Result<(), Error> {
        let is_open = self.open.get(name).is_some_and(|open| open.strong_count() > 0);
        if is_open { Err(Error::AlreadyOpen { log: name.clone() }) } else { Ok(()) }
    }

    fn path_of(&self, name: &LogName) -> PathBuf {
        self.path().join(name.to_string())
    }
}

impl Storage for FileStorage {
    type Log = FileLog;

    fn open(&mut self, name: &LogName) -> Result<FileLog, Error> {
        self.must_be_closed(name)?;
        let open = Arc::new(());
        let token = Arc::downgrade(&open);
        let (log, recovered) = FileLog::open(
            self.files.clone(),
            self.path_of(name),
            name,
            self.options,
            (self.directory.clone(), open),
        )?;
        self.open.insert(name.clone(), token);
        self.recovered.extend(recovered);
        Ok(log)
    }

    fn close(&mut self, name: &LogName, log: FileLog) -> Result<(), Error> {
        self.open.remove(name);
        log.close()
    }

    fn names(&self) -> Result<Vec<LogName>, Error> {
        all_names(self.path())
    }
}

/// What [`FileStorage::verify`] and [`FileStorage::set_aside`] say of a log, without taking possession of the data directory:
/// for one that can only be read. While another process writes, the end of its last write may seem torn.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::NotOurs`] and [`Error::Format`] of the directory, [`Error::NoSuchLog`], and what the
/// system says.
///
/// ```
/// use mqlab::log::{FileStorage, verify_in};
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::Storage;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path();
/// let _log = FileStorage::open(dir)?.open(&LogName::Definitions)?;
/// let (verified, set_aside) = verify_in(dir, &LogName::Definitions)?;
/// assert!(verified.is_sound() && set_aside.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_in(data: impl AsRef<Path>, name: &LogName) -> Result<(Verified, Vec<PathBuf>), Error> {
    Directory::check(data.as_ref())?;
    let dir = data.as_ref().join(name.to_string());
    Ok((verify(&Files::system(), &dir, name)?.verified, set_aside(&dir)?))
}

/// The logs of a data directory, in order of name, without opening it: another process may be writing in it.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::NotOurs`] and [`Error::Format`] of the directory, and what the system says.
///
/// ```
/// use mqlab::log::{FileStorage, names_in};
/// use mqlab_core::ids::LogName;
/// use mqlab_core::log::Storage;
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path();
/// let mut storage = FileStorage::open(dir)?;
/// let _log = storage.open(&LogName::Definitions)?;
/// assert_eq!(names_in(dir)?, [LogName::Definitions]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn names_in(data: impl AsRef<Path>) -> Result<Vec<LogName>, Error> {
    Directory::check(data.as_ref())?;
    all_names(data.as_ref())
}

fn all_names(data: &Path) -> Result<Vec<LogName>, Error> {
    let mut names = Vec::new();
    walk(data, "", 1, &mut names)?;
    names.sort();
    Ok(names)
}

/// Finds the logs below the directory whose path from the data directory is `relative`.
fn walk(data: &Path, relative: &str, depth: usize, names: &mut Vec<LogName>) -> Result<(), Error> {
    let dir = data.join(relative);
    for entry in fs::read_dir(&dir).context("list", &dir)? {
        let entry = entry.context("list", &dir)?;
        let is_dir = entry.file_type().context("list", &dir)?.is_dir();
        let name = entry.file_name();
        let (true, Some(name)) = (is_dir, name.to_str()) else {
            continue;
        };
        let path = if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
        match path.parse() {
            Ok(log) => names.push(log),
            Err(_) if depth < DEPTH_MAX => walk(data, &path, depth + 1, names)?,
            Err(_) => {}
        }
    }
    Ok(())
}
