//! Where do messages stay? In logs: batches in the order of their arrival, each at its offset, none ever changed.
//!
//! ```text
//!   trimmed      start                    durable       end
//!      ┆           │                         │           │
//!      ┆  ┌────────┼────────┬────────┬───────┼─────┬─────┤
//!      ┆  │ batch  │ batch  │ batch  │ batch │batch│batch│ ◀── append
//!      ┆  └────────┴────────┴────────┴───────┴─────┴─────┘
//!                   └── survives a power cut ─┘ └ may not ┘
//! ```
//!
//! A log is cut into *segments*: the last takes what is appended, the others are sealed. Only sealed ones are ever
//! replaced by something smaller, whole, as [`compaction`] does: offsets stay, and gaps are left.
//!
//! Everything durable in the engine is a log: the records of a partition, the messages of a queue and what
//! became of them, the offsets of a consumer group. A [`Storage`] opens logs by name.
//!
//! * [`memory`] keeps them in memory, for the lab, the page and tests;
//! * [`faulty`] wraps any other and makes it lose its unflushed tail, tear a write, or fail;
//! * the `mqlab` crate keeps them in files;
//! * [`contract`] is the suite of rules that each of them passes.

pub mod compaction;
pub mod contract;
mod epochs;
mod fates;
pub mod faulty;
pub mod memory;
mod segment;

pub use epochs::Epochs;
pub use segment::{Segment, check_replacement};

use alloc::vec::Vec;
use core::fmt;

use crate::ids::{LogName, Offset};
use crate::record::Batches;

/// How many bytes are read at once when a log is read through.
const READ_ALL_BYTES: u32 = 1024 * 1024;

/// An append-only sequence of batches. No method has a default, so that a wrapper must answer for each.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Slice};
/// use mqlab_core::record::{BatchBuilder, NewRecord};
///
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("hello".into()), ..Default::default() })?;
/// let mut log = MemoryLog::default();
/// log.append(&builder.build())?;
/// assert_eq!((log.end(), log.durable()), (Offset(1), Offset(0))); // stored, and not yet safe
/// log.flush()?;
/// assert_eq!(log.durable(), Offset(1));
/// let read = log.read(Offset(0), log.end(), 1_024)?.load()?;
/// assert_eq!(read.records().next().and_then(|record| record.value), Some("hello".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Log {
    /// A handle on stored bytes: shared memory here, the range of a file there.
    type Slice: Slice<Error = Self::Error>;
    /// How the storage can fail: not at all in memory, as I/O does on disk.
    type Error: core::error::Error + 'static;

    /// The first offset that can still be read; it rises only by [`trim`](Self::trim), and [`begin_anew`](Self::begin_anew)
    /// sets it.
    fn start(&self) -> Offset;

    /// The offset after the last record: where the next batch goes.
    fn end(&self) -> Offset;

    /// Every record below this offset survives a power cut. It never runs ahead of what is on disk.
    fn durable(&self) -> Offset;

    /// Adds batches at the end. Their base offsets must already be right; gaps are allowed, as compaction
    /// leaves them.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfOrder`] when the first batch begins before [`end`](Self::end), and [`LogError::Full`] when there
    /// is no room for them all: nothing is added. [`LogError::Storage`] when the storage failed: part of the batches may be stored, and the log answers
    /// [`LogError::Refusing`] from then on until it is opened again.
    fn append(&mut self, batches: &Batches) -> Result<(), LogError<Self::Error>>;

    /// Whole batches from the one that holds `from` (or the next one, in a gap), as far as every offset in them
    /// is below `until` and they are no more than `bytes_max` together. The first of them is returned however
    /// large it is, so that a reader always gets on.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`] when `from` is before [`start`](Self::start) or after [`end`](Self::end);
    /// [`LogError::Storage`] when the storage failed.
    fn read(&self, from: Offset, until: Offset, bytes_max: u32)
    -> Result<Self::Slice, LogError<Self::Error>>;

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append). What was not durable before is in doubt then.
    fn flush(&mut self) -> Result<(), LogError<Self::Error>>;

    /// Removes every batch that reaches past `to`: a batch is kept whole or not at all. The cut is durable when
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`] when `to` is before [`start`](Self::start). A `to` after the end cuts nothing.
    fn truncate(&mut self, to: Offset) -> Result<(), LogError<Self::Error>>;

    /// Permits the log to forget what is below `to`. It may keep more (whole segments), never less.
    ///
    /// # Errors
    ///
    /// [`LogError::OutOfRange`] when `to` is after [`end`](Self::end). A `to` before the start forgets nothing.
    fn trim(&mut self, to: Offset) -> Result<(), LogError<Self::Error>>;

    /// Forgets everything, and begins anew at `at`, before or after where it ended. This is durable when it returns. After a
    /// crash meanwhile the log has the beginning of what it had, or is empty and begins at `at` or at 0.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append).
    fn begin_anew(&mut self, at: Offset) -> Result<(), LogError<Self::Error>>;

    /// The segments, in order and without a gap between two; never none. The last one takes what is appended.
    fn segments(&self) -> Vec<Segment>;

    /// Seals the last segment and begins another, unless the last is empty. What was appended so far is durable when
    /// this returns, so that a crash can tear only the last segment. A log may begin segments by itself, too.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    fn roll(&mut self) -> Result<(), LogError<Self::Error>>;

    /// Puts `batches` in place of the sealed segments from `from` to `until`, as one segment. They begin at `from` or
    /// later and end at `until`, so that a segment says by itself where it ends. Whatever crashes meanwhile, afterwards
    /// the log has all of the old or all of the new; the new is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`LogError::NotSegments`] when sealed segments do not begin and end there, or the batches do not fit, and
    /// [`LogError::Full`] when there is no room for the new beside the old: nothing is changed. [`LogError::Storage`] when the storage failed: the log answers [`LogError::Refusing`] from then on until
    /// it is opened again, and then has the old or the new.
    fn replace(
        &mut self,
        from: Offset,
        until: Offset,
        batches: &Batches,
    ) -> Result<(), LogError<Self::Error>>;
}

/// Stored bytes that were found and not yet fetched, so that a host may send them without looking at them.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Slice};
///
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 3))?;
/// let slice = log.read(Offset(0), log.end(), u32::MAX)?;
/// assert_eq!(slice.bytes(), slice.load()?.bytes().len() as u64); // known before it is fetched
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Slice: Clone {
    /// How fetching can fail.
    type Error: core::error::Error + 'static;

    /// How many bytes it has.
    fn bytes(&self) -> u64;

    /// Fetches the batches.
    ///
    /// # Errors
    ///
    /// When the storage fails, or gives back something else than was stored.
    fn load(&self) -> Result<Batches, Self::Error>;
}

/// Opens logs by name.
///
/// ```
/// use mqlab_core::ids::{LogName, Name, Offset};
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::log::{Log, Storage};
///
/// let name = LogName::Queue(Name::new("orders")?);
/// let mut storage = MemoryStorage::default();
/// let mut log = storage.open(&name)?; // made empty: there was none
/// log.append(&batch(0, 3))?;
/// storage.close(&name, log)?;
/// assert_eq!(storage.open(&name)?.end(), Offset(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Storage {
    /// The logs it opens.
    type Log: Log;

    /// Opens a log, creating it empty when there is none. Recovery, where the medium needs it, happens here.
    ///
    /// # Errors
    ///
    /// When the medium fails or holds something that is not a log.
    fn open(&mut self, name: &LogName) -> Result<Self::Log, StorageError<Self>>;

    /// Gives a log back when its user stops, in good order or by a crash of the process. What was appended
    /// stays, durable or not: only a power cut takes the rest away.
    ///
    /// # Errors
    ///
    /// When the medium fails.
    fn close(&mut self, name: &LogName, log: Self::Log) -> Result<(), StorageError<Self>>;

    /// The logs that exist, in order of name.
    ///
    /// # Errors
    ///
    /// When the medium fails.
    fn names(&self) -> Result<Vec<LogName>, StorageError<Self>>;
}

/// How a storage fails: as its logs do.
///
/// ```
/// use mqlab_core::log::memory::MemoryStorage;
/// use mqlab_core::log::StorageError;
/// // Memory cannot fail.
/// let _: Option<StorageError<MemoryStorage>> = None::<core::convert::Infallible>;
/// ```
pub type StorageError<S> = <<S as Storage>::Log as Log>::Error;

/// A handle on the stored bytes of a storage's logs.
///
/// ```
/// use mqlab_core::log::memory::{MemorySlice, MemoryStorage};
/// use mqlab_core::log::SliceOf;
/// let _: Option<SliceOf<MemoryStorage>> = None::<MemorySlice>;
/// ```
pub type SliceOf<S> = <<S as Storage>::Log as Log>::Slice;

/// Why a log did not do what it was asked.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, LogError};
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 3))?;
/// let error = log.append(&batch(1, 1)).expect_err("offset 1 is taken");
/// assert_eq!(error, LogError::OutOfOrder { end: Offset(3), base: Offset(1) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogError<E> {
    /// A batch would go before the end.
    OutOfOrder {
        /// Where the next batch must go, or after.
        end: Offset,
        /// Where the batch said it goes.
        base: Offset,
    },
    /// An offset that the log does not have.
    OutOfRange {
        /// The first offset that can be read.
        start: Offset,
        /// The offset after the last.
        end: Offset,
        /// What was asked for.
        asked: Offset,
    },
    /// What was to be replaced is not whole sealed segments, or what was to come there does not fill them.
    NotSegments {
        /// Where it was to begin.
        from: Offset,
        /// Where it was to end.
        until: Offset,
    },
    /// There is no room on the disk: nothing was added or changed. The log goes on as soon as there is.
    Full,
    /// An earlier operation failed in the storage: what is on disk is in doubt until the log is opened again.
    Refusing,
    /// The storage failed now.
    Storage(E),
}

impl<E: fmt::Display> fmt::Display for LogError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder { end, base } => {
                write!(f, "a batch at offset {base} cannot follow a log that ends at {end}")
            }
            Self::OutOfRange { start, end, asked } => {
                write!(f, "offset {asked} is not in the log, which has {start} up to {end}")
            }
            Self::NotSegments { from, until } => {
                write!(f, "what is to be put from {from} to {until} does not fill sealed segments of the log")
            }
            Self::Full => f.write_str("no space left on the disk"),
            Self::Refusing => f.write_str("the log failed earlier and must be opened again"),
            Self::Storage(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for LogError<E> {}

impl<E> From<E> for LogError<E> {
    fn from(error: E) -> Self {
        Self::Storage(error)
    }
}

/// Shows `see` everything that a log holds, piece by piece, so that no more than a piece is in memory.
pub(crate) fn read_all<L: Log>(log: &L, see: impl FnMut(&Batches)) -> Result<(), LogError<L::Error>> {
    read_range(log, log.start(), log.end(), see)
}

/// The same of what lies from `from` on and below `until`.
pub(crate) fn read_range<L: Log>(
    log: &L,
    from: Offset,
    until: Offset,
    mut see: impl FnMut(&Batches),
) -> Result<(), LogError<L::Error>> {
    let mut at = from;
    while at < until {
        let piece = log.read(at, until, READ_ALL_BYTES)?.load()?;
        let Some(next) = piece.next() else { break };
        at = next;
        see(&piece);
    }
    Ok(())
}
