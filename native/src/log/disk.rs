//! What does a log ask of the file system? Everything that changes a file goes through one small trait, so that a test
//! can stand in between: record it, make it fail, and rebuild what a crash would have left.
//!
//! ```text
//!   FileLog ──▶ Disk ──┬──▶ SystemDisk ──▶ the file system
//!                      └──▶ a recorder, a disk that is full, one that fails: in tests
//! ```
//!
//! What these calls promise after a power cut, on any file system that keeps POSIX:
//!
//! | call | is durable when |
//! |---|---|
//! | [`write_at`](Disk::write_at), [`set_len`](Disk::set_len) | [`sync`](Disk::sync) of that file returned |
//! | [`create`](Disk::create), [`rename`](Disk::rename), [`remove`](Disk::remove), [`create_dir`](Disk::create_dir) | [`sync_dir`](Disk::sync_dir) of the directory returned |
//!
//! Until then the disk may have any part of it, in any order: the second of two writes and not the first, half a
//! write, a name whose file is empty. A failed `sync` is not tried again: the system may have dropped what it could
//! not write, and would say "done" the second time.
//!
//! Sources: POSIX `fsync`; Pillai and others, "All File Systems Are Not Created Equal" (OSDI 2014); Rebello and others,
//! "Can Applications Recover from fsync Failures?" (ATC 2020).

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Context as _, Error};

/// What a log does to files. Paths are given for whoever looks on; a file that is open is meant, whatever its name is now.
///
/// ```
/// use mqlab::log::disk::{Disk, SystemDisk};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("note");
/// let file = SystemDisk.create(&path)?;
/// SystemDisk.write_at(&file, &path, b"hello", 0)?;
/// SystemDisk.sync(&file, &path)?; // the bytes survive a power cut
/// SystemDisk.sync_dir(dir.path())?; // and so does the name
/// assert_eq!(std::fs::read(&path)?, b"hello");
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Disk: fmt::Debug + Send + Sync {
    /// Makes a file that was not there, for reading and writing.
    ///
    /// # Errors
    ///
    /// The system's, here and everywhere below.
    fn create(&self, path: &Path) -> io::Result<File>;

    /// Writes all of `bytes`, from byte `position` of the file on.
    ///
    /// # Errors
    ///
    /// The system's; some of the bytes may be written then.
    fn write_at(&self, file: &File, path: &Path, bytes: &[u8], position: u64) -> io::Result<()>;

    /// Fills `bytes` from the file's byte `position` on.
    ///
    /// # Errors
    ///
    /// The system's, or [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], position: u64) -> io::Result<()>;

    /// Reserves blocks for `bytes` bytes from `position` on, so that writes there have less to do. The file's length stays.
    /// [`set_len`](Self::set_len) to the length that the file has gives them back. A disk that has no such thing may do
    /// nothing, as this does.
    ///
    /// # Errors
    ///
    /// The system's.
    fn reserve(&self, _file: &File, _path: &Path, _position: u64, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    /// Cuts the file off after so many bytes, or adds zeros up to them.
    ///
    /// # Errors
    ///
    /// The system's.
    fn set_len(&self, file: &File, path: &Path, bytes: u64) -> io::Result<()>;

    /// Makes durable what was written to the file (`fdatasync`).
    ///
    /// # Errors
    ///
    /// The system's; nothing that was written since the last success can be relied on then.
    fn sync(&self, file: &File, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of whatever has that name.
    ///
    /// # Errors
    ///
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory that was not there.
    ///
    /// # Errors
    ///
    /// The system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable: a file's own sync does not.
    ///
    /// # Errors
    ///
    /// The system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// The file system itself.
///
/// ```
/// use mqlab::log::disk::{Disk, SystemDisk};
/// assert!(SystemDisk.sync_dir("/nowhere".as_ref()).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(path)
    }

    fn write_at(&self, file: &File, _: &Path, bytes: &[u8], position: u64) -> io::Result<()> {
        file.write_all_at(bytes, position)
    }

    fn read_at(&self, file: &File, _: &Path, bytes: &mut [u8], position: u64) -> io::Result<()> {
        file.read_exact_at(bytes, position)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, file: &File, _: &Path, position: u64, bytes: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        Ok(fallocate(file, FallocateFlags::KEEP_SIZE, position, bytes)?)
    }

    fn set_len(&self, file: &File, _: &Path, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(&self, file: &File, _: &Path) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// A disk whose errors say what was tried, and with which file.
#[derive(Clone, Debug)]
pub(super) struct Files(pub(super) Arc<dyn Disk>);

impl Files {
    pub(super) fn system() -> Self {
        Self(Arc::new(SystemDisk))
    }

    pub(super) fn create(&self, path: &Path) -> Result<File, Error> {
        self.0.create(path).context("create", path)
    }

    pub(super) fn write_at(&self, file: &File, path: &Path, bytes: &[u8], at: u64) -> Result<(), Error> {
        self.0.write_at(file, path, bytes, at).context("write", path)
    }

    pub(super) fn read_at(&self, file: &File, path: &Path, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        self.0.read_at(file, path, bytes, at).context("read", path)
    }

    /// Reserves blocks, where there is such a thing, and room; says whether.
    pub(super) fn reserve(&self, file: &File, path: &Path, position: u64, bytes: u64) -> bool {
        self.0.reserve(file, path, position, bytes).is_ok()
    }

    pub(super) fn set_len(&self, file: &File, path: &Path, bytes: u64) -> Result<(), Error> {
        self.0.set_len(file, path, bytes).context("truncate", path)
    }

    pub(super) fn sync(&self, file: &File, path: &Path) -> Result<(), Error> {
        self.0.sync(file, path).context("flush", path)
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> Result<(), Error> {
        self.0.rename(from, to).context("rename", from)
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        self.0.remove(path).context("remove", path)
    }

    /// Removes a file, if it is there; says whether it was.
    pub(super) fn remove_if_there(&self, path: &Path) -> Result<bool, Error> {
        match self.0.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            done => done.map(|()| true).context("remove", path),
        }
    }

    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), Error> {
        self.0.sync_dir(path).context("flush", path)
    }

    /// Makes a directory and those above it, each durably.
    pub(super) fn create_dirs(&self, path: &Path) -> Result<(), Error> {
        let above = match path.parent() {
            Some(above) if above.as_os_str().is_empty() => Path::new("."),
            Some(above) => above,
            None => return Ok(()),
        };
        match self.0.create_dir(path) {
            Ok(()) => self.sync_dir(above),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_dirs(above)?;
                self.0.create_dir(path).context("create", path)?;
                self.sync_dir(above)
            }
            Err(error) => Err(error).context("create", path),
        }
    }

    /// Writes a file anew that nobody relies on after a crash: there is either the old or the new, or a torn one.
    pub(super) fn write_anew(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.remove_if_there(path)?;
        let file = self.create(path)?;
        self.write_at(&file, path, bytes, 0)
    }

    /// Puts a file with these bytes at `path`, by way of `beside`: whole and durable when this returns, and after a crash
    /// meanwhile the old one or the new one.
    pub(super) fn put_durably(&self, beside: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        self.remove_if_there(beside)?;
        let file = self.create(beside)?;
        if let Err(error) = self.write_at(&file, beside, bytes, 0) {
            self.remove(beside)?; // it would take room that a full disk does not have
            return Err(error);
        }
        self.sync(&file, beside)?;
        self.rename(beside, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new(".")))
    }
}
