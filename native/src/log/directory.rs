//! Whose directory is it, and who may write in it now?

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Files;
use crate::error::{Context as _, Error};

/// The file that says that a directory is ours, and in which format.
const MARKER: &str = "mqlab-format";
/// The marker while it is written: it gets its name once it is whole.
const MARKER_NEW: &str = "mqlab-format.new";
/// What the marker says before the number of the format.
const MARKER_TEXT: &str = "mqlab data directory, format ";
/// The format of the files that this version reads and writes.
const FORMAT: u32 = 2;
/// The file whose lock a writer holds. It stays when the lock goes: its presence says nothing.
const LOCK: &str = "mqlab-lock";
/// What an otherwise empty directory may hold: what a start that was cut off leaves, and what a file system
/// puts at its root.
const IGNORED: [&str; 3] = [LOCK, MARKER_NEW, "lost+found"];

/// A data directory that is ours, locked against other writers as long as this value lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes a directory in possession; one that is missing or empty becomes a data directory if `create` says so.
    pub(super) fn open(files: &Files, path: &Path, create: bool) -> Result<Self, Error> {
        let missing = || Err(Error::Missing { path: path.to_owned() });
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Error::NotADirectory { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && create => files.create_dirs(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(),
            Err(error) => return Err(error).context("open", path),
        }
        // First look, then touch: not even a lock file is put into a directory that is not ours.
        if check(path)? == State::Empty && !create {
            return missing();
        }
        let lock = lock(path)?;
        if check(path)? == State::Empty {
            mark(files, path)?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Sees to it that a directory is ours, for whoever only reads it.
    pub(super) fn check(path: &Path) -> Result<(), Error> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => Err(Error::NotADirectory { path: path.to_owned() }),
            Ok(_) if check(path)? == State::Ours => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("open", path),
            Ok(_) | Err(_) => Err(Error::Missing { path: path.to_owned() }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(PartialEq, Eq)]
enum State {
    Empty,
    Ours,
}

fn check(path: &Path) -> Result<State, Error> {
    let marker = path.join(MARKER);
    let text = match fs::read(&marker) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return check_empty(path),
        Err(error) => return Err(error).context("read", &marker),
    };
    let found = str::from_utf8(&text)
        .ok()
        .and_then(|text| text.trim_end().strip_prefix(MARKER_TEXT))
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| Error::NotOurs { path: path.to_owned() })?;
    if found == FORMAT {
        Ok(State::Ours)
    } else {
        Err(Error::Format { path: path.to_owned(), found, supported: FORMAT })
    }
}

fn check_empty(path: &Path) -> Result<State, Error> {
    for entry in fs::read_dir(path).context("list", path)? {
        let name = entry.context("list", path)?.file_name();
        // Between our look for the marker and this one, another process may have written it.
        if name != MARKER && !IGNORED.iter().any(|ignored| name == *ignored) {
            return Err(Error::NotOurs { path: path.to_owned() });
        }
    }
    Ok(State::Empty)
}

fn lock(path: &Path) -> Result<File, Error> {
    let name = path.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&name).context("open", &name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error).context("lock", &name),
    }
}

/// Writes the marker so that it is there whole or not at all.
fn mark(files: &Files, path: &Path) -> Result<(), Error> {
    files.put_durably(
        &path.join(MARKER_NEW),
        &path.join(MARKER),
        format!("{MARKER_TEXT}{FORMAT}\n").as_bytes(),
    )
}
