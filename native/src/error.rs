//! What can go wrong between the engine and the disk, in words that name the place and what to do.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use mqlab_core::broker::BrokerError;
use mqlab_core::ids::{LogName, Name, Offset};
use mqlab_core::log::LogError;
use mqlab_core::observe::Refusal;
use mqlab_core::queue::{QueueError, Receipt};
use mqlab_core::record::Malformed;
use mqlab_core::vhost::VhostError;

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
    /// There is no data directory, and none was to be made.
    Missing {
        /// What was given.
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
    /// Exchanges and queues could not be used as asked.
    Host {
        /// Why, and what to do.
        what: String,
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
    /// There is no log of that name.
    NoSuchLog {
        /// What was asked for.
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
    /// The message of a receipt is not in its queue any more, or there never was such a delivery.
    Gone(Receipt),
    /// The message of a receipt was received again by somebody: only the latest receipt counts.
    DeliveredAgain(Receipt),
    /// The delivery of a receipt has ended: its message is there again, or waits.
    NotOut(Receipt),
    /// There is no room on the disk: nothing was changed.
    NoSpace,
    /// The log failed earlier, and must be opened again to find out what is on disk.
    Refusing,
    /// There is no topic of that name.
    NoSuchTopic {
        /// What was asked for.
        topic: Name,
        /// The topics that there are.
        known: Vec<Name>,
    },
    /// A topic has another number of partitions, which cannot change: keys would move.
    OtherPartitions {
        /// The topic.
        topic: Name,
        /// How many it has.
        has: u32,
        /// How many were asked for.
        asked: u32,
    },
    /// So many partitions cannot be had.
    PartitionCount {
        /// How many were asked for.
        asked: u32,
        /// The most there can be.
        max: u32,
    },
    /// The name is one of those that are kept for the engine's own topics.
    ReservedName {
        /// What was asked for.
        name: Name,
    },
    /// A message does not fit into a batch.
    TooLarge {
        /// How many bytes its key and value have.
        bytes: u64,
        /// The most that a batch can have.
        max: u64,
    },
    /// The broker said no.
    Refused {
        /// What it was asked.
        what: &'static str,
        /// Why not.
        refusal: Refusal,
    },
    /// A file is no longer what it was when it was opened. Only this process may write while it holds the lock.
    Changed {
        /// The segment.
        path: PathBuf,
    },
    /// Whoever stored bytes are sent to took no more.
    Peer {
        /// The system's answer.
        source: io::Error,
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
            Self::Missing { path } => {
                write!(f, "there is no data directory at {}: produce something into it first", path.display())
            }
            Self::Format { path, found, supported } => {
                let age = if found > supported { "newer" } else { "older" };
                write!(
                    f,
                    "{} was written by a {age} mqlab (format {found}; this one reads format {supported}): use that \
                     version, or another directory",
                    path.display()
                )
            }
            Self::Host { what } => f.write_str(what),
            Self::InUse { path } => {
                write!(f, "{} is in use by another mqlab process: wait until it ends", path.display())
            }
            Self::AlreadyOpen { log } => write!(f, "the log {log} is open already"),
            Self::NoSuchLog { log } => write!(f, "there is no log {log} in this data directory"),
            Self::Damaged { path, position, reason } => write!(
                f,
                "{} is damaged at byte {position}: {reason} (nothing was changed: put a sound copy in its place, or save what \
                 is whole with 'mqlab log repair')",
                path.display()
            ),
            Self::Gap { path, ends, next } => write!(
                f,
                "{} ends at offset {ends} and the log goes on at {next}: a segment is missing or cut short \
                 (nothing was changed: put a sound copy in its place, or save what is whole with 'mqlab log repair')",
                path.display()
            ),
            Self::Gone(receipt) => QueueError::<Infallible>::Gone(*receipt).fmt(f),
            Self::DeliveredAgain(receipt) => QueueError::<Infallible>::DeliveredAgain(*receipt).fmt(f),
            Self::NotOut(receipt) => QueueError::<Infallible>::NotOut(*receipt).fmt(f),
            Self::NoSpace => f.write_str(
                "there is no room on the disk: what is there is kept; make room, and it goes on where it stopped",
            ),
            Self::Refusing => f.write_str("the log failed earlier: open it again"),
            Self::NoSuchTopic { topic, known } if known.is_empty() => {
                write!(f, "there is no topic {topic}, nor any other: produce something into it first")
            }
            Self::NoSuchTopic { topic, known } => {
                let known: Vec<&str> = known.iter().map(Name::as_str).collect();
                write!(f, "there is no topic {topic}: there are {}", known.join(", "))
            }
            Self::OtherPartitions { topic, has, asked } => {
                write!(f, "the topic {topic} has {has} partitions and cannot get {asked}: keys would move")
            }
            Self::PartitionCount { asked, max } => {
                write!(f, "a topic cannot have {asked} partitions: use 1 to {max}")
            }
            Self::ReservedName { name } => {
                write!(f, "the name {name} is the engine's own: use one that does not begin with __")
            }
            Self::TooLarge { bytes, max } => {
                write!(
                    f,
                    "a message of {bytes} bytes is too large: a batch has at most {max}, its header included"
                )
            }
            Self::Refused { what, refusal } => write!(f, "the broker refused to {what}: {refusal}"),
            Self::Changed { path } => {
                write!(f, "{} changed while it was open: another program wrote to it", path.display())
            }
            Self::Peer { source } => write!(f, "cannot send to the receiver: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Peer { source } => Some(source),
            Self::Damaged { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl From<VhostError<Self>> for Error {
    fn from(error: VhostError<Self>) -> Self {
        match error {
            VhostError::Queue(QueueError::Log(error)) => error.into(),
            VhostError::Queue(QueueError::Gone(receipt)) => Self::Gone(receipt),
            VhostError::Queue(QueueError::DeliveredAgain(receipt)) => Self::DeliveredAgain(receipt),
            VhostError::Queue(QueueError::NotOut(receipt)) => Self::NotOut(receipt),
            error => Self::Host { what: error.to_string() },
        }
    }
}

impl From<BrokerError<Self>> for Error {
    fn from(error: BrokerError<Self>) -> Self {
        match error {
            BrokerError::Storage(error) => error.into(),
            BrokerError::Host(error) => error.into(),
            error => Self::Host { what: error.to_string() },
        }
    }
}

impl From<LogError<Self>> for Error {
    fn from(error: LogError<Self>) -> Self {
        match error {
            LogError::Storage(error) => error,
            LogError::Full => Self::NoSpace,
            LogError::OutOfRange { .. } => Self::Refused { what: "read", refusal: Refusal::OffsetOutOfRange },
            // The broker gives every batch its place itself, so of what is left (refusing, out of order, no whole
            // segments) it can only have been the log that failed.
            _ => Self::Refusing,
        }
    }
}

impl Error {
    /// Whether it is only that there is no room on the disk.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::NoSpace => true,
            Self::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            _ => false,
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
