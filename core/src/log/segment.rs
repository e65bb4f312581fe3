//! How is a log cut up? Into segments: the last takes what is appended, and the others may be replaced whole.
//!
//! ```text
//!   sealed: never appended to again                      active
//!   ┌──────────────┬──────────────┬──────────────┬──────────────┄┄
//!   │ 0 ..      17 │ 17 ..     41 │ 41 ..     60 │ 60 ..   ◀── append
//!   └──────────────┴──────────────┴──────────────┴──────────────┄┄
//!   └───────── replace(0, 41, ..) ┘
//!     by one segment with fewer records at the same offsets
//! ```
//!
//! Whatever makes a log smaller works on whole sealed segments, because there nobody writes: it can take its time beside
//! them, and put the result in their place at once.
//!
//! What real systems do: Kafka's segments are files of 1 GiB or of a week; BookKeeper's ledgers and RocketMQ's commit log
//! files are sealed likewise.

use super::LogError;
use crate::ids::Offset;
use crate::record::Batches;

/// A run of whole batches of a log.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::log::{Log, Segment};
/// let mut log = MemoryLog::default();
/// log.append(&batch(0, 3))?;
/// log.roll()?; // from here on nothing is added to what is there
/// log.append(&batch(3, 1))?;
/// let bytes = batch(0, 3).bytes().len() as u64;
/// assert_eq!(log.segments()[0], Segment { base: Offset(0), end: Offset(3), bytes });
/// assert_eq!(log.segments().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins: the log's end when it was begun.
    pub base: Offset,
    /// Where it ends, and the next one begins.
    pub end: Offset,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Whether `batches` may come in place of the sealed segments from `from` to `until`: what every log asks first when it
/// is told to [`replace`](super::Log::replace) something.
///
/// # Errors
///
/// [`LogError::NotSegments`] when not.
pub fn check_replacement<E>(
    segments: &[Segment],
    (from, until): (Offset, Offset),
    batches: &Batches,
) -> Result<(), LogError<E>> {
    let sealed = segments.split_last().map_or(segments, |(_, sealed)| sealed);
    let begins = sealed.iter().any(|segment| segment.base == from);
    let ends = sealed.iter().any(|segment| segment.end == until);
    let fits = batches.base().is_some_and(|base| base >= from) && batches.next() == Some(until);
    if begins && ends && from < until && fits { Ok(()) } else { Err(LogError::NotSegments { from, until }) }
}
