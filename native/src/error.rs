//! What can go wrong between the engine and the disk, in words that name the place and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::record::Malformed;

/// Why the files could not be used as asked.
///
/// Each prints as one line that names the file and, where there is something to do about it, what.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    Io {
        /// What was tried, as a verb: `open`, `write`.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The path of a data directory leads to something else.
    NotADirectory {
        /// What was given.
        path: PathBuf,
    },
    /// The directory has files in it, and none says that mqlab made it.
    NotOurs {
        /// The directory.
        path: PathBuf,
    },
    /// The directory was written by a version of mqlab with another format of files.
    Format {
        /// The directory.
        path: PathBuf,
        /// The format that it names.
        found: u32,
        /// The format that this version reads and writes.
        supported: u32,
    },
    /// Another process has the directory open.
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// This process has the log open already: two writers would overwrite each other.
    AlreadyOpen {
        /// The log.
        log: LogName,
    },
    /// Stored bytes are not what was written. Nothing was changed.
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it the first thing is wrong, in bytes.
        position: u64,
        /// What is wrong.
        reason: Malformed,
    },
    /// A segment does not end where the next one begins: a file is missing, or cut short. Nothing was changed.
    Gap {
        /// The segment.
        path: PathBuf,
        /// The offset that follows its last record.
        ends: Offset,
        /// The offset at which the next segment begins.
        next: Offset,
    },
    /// A file is no longer what it was when it was opened. Only this process may write while it holds the lock.
    Changed {
        /// The segment.
        path: PathBuf,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { operation, path, source } => {
                write!(f, "cannot {operation} {}: {source}", path.display())
            }
            Self::NotADirectory { path } => {
                write!(
                    f,
                    "{} is not a directory: name one that is empty, or does not exist yet",
                    path.display()
                )
            }
            Self::NotOurs { path } => write!(
                f,
                "{} has files in it and is not a data directory of mqlab: name another, or an empty one",
                path.display()
            ),
            Self::Format { path, found, supported } => {
                let age = if found > supported { "newer" } else { "older" };
                write!(
                    f,
                    "{} was written by a {age} mqlab (format {found}; this one reads format {supported}): use that \
                     version, or another directory",
                    path.display()
                )
            }
            Self::InUse { path } => {
                write!(f, "{} is in use by another mqlab process: wait until it ends", path.display())
            }
            Self::AlreadyOpen { log } => write!(f, "the log {log} is open already"),
            Self::Damaged { path, position, reason } => write!(
                f,
                "{} is damaged at byte {position}: {reason} (nothing was changed; put a sound copy in its place)",
                path.display()
            ),
            Self::Gap { path, ends, next } => write!(
                f,
                "{} ends at offset {ends} and the next segment begins at {next}: a segment is missing or cut short \
                 (nothing was changed; put a sound copy in its place)",
                path.display()
            ),
            Self::Changed { path } => {
                write!(f, "{} changed while it was open: another program wrote to it", path.display())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Damaged { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// Says of an [`io::Error`] what was tried, and with which file.
pub(crate) trait Context<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, operation: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { operation, path: path.to_owned(), source })
    }
}
