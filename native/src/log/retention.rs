//! How long does a log keep what it has? As long as it is not too old, and the log not too large.
//!
//! ```text
//!   newest record   Mon        Tue        Wed        now: Thu
//!                 ┌──────────┬──────────┬──────────┬──────┄┄
//!                 │ 1 GiB    │ 1 GiB    │ 1 GiB    │ 0.2       age: 2 days        Mon goes
//!                 └──────────┴──────────┴──────────┴──────┄┄   bytes: 2 GiB       Mon goes: without it there are still 2.2
//! ```
//!
//! Whole segments go, the oldest first, so that nothing has to be written. A segment is as old as its newest record, by the
//! record's own time: a record from the future keeps its segment, and with it all later ones.
//!
//! Source: Kafka `UnifiedLog.scala` (`deleteRetentionMsBreachedSegments`, `deleteRetentionSizeBreachedSegments`). There a
//! thread looks every five minutes; here whoever owns the log calls when it suits.

use std::time::Duration;

use mqlab_core::log::{Log as _, LogError};

use super::file_log::FileLog;
use crate::error::Error;

/// What a log is to keep. The default is everything.
///
/// ```
/// use std::time::Duration;
/// use mqlab::log::Retention;
/// let week = Retention { age: Some(Duration::from_secs(7 * 24 * 60 * 60)), ..Retention::default() };
/// assert_eq!(week.bytes, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose every record is older than this go.
    pub age: Option<Duration>,
    /// The oldest segments go, as long as the log has no less than so many bytes without them.
    pub bytes: Option<u64>,
}

/// What retention removed.
///
/// ```
/// use mqlab::log::Removed;
/// assert_eq!(Removed::default().segments, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many segments.
    pub segments: usize,
    /// How many bytes they had.
    pub bytes: u64,
}

impl FileLog {
    /// Removes the segments that need not be kept at `now`, in milliseconds as the records' writers count them (of the
    /// Unix clock, as a rule). If that is all of them, a new one begins where the log ends.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::{LogName, Offset};
    /// # use mqlab_core::log::contract::batch;
    /// # use mqlab_core::log::{Log, Storage};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// use mqlab::log::Retention;
    /// let mut log = storage.open(&LogName::Definitions)?;
    /// log.append(&batch(0, 10))?; // record n is from millisecond n
    /// let rules = Retention { age: Some(Duration::from_millis(100)), ..Retention::default() };
    /// assert_eq!(log.retain(rules, 109)?.segments, 0);
    /// assert_eq!(log.retain(rules, 110)?.segments, 1);
    /// assert_eq!((log.start(), log.end()), (Offset(10), Offset(10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`trim`](mqlab_core::log::Log::trim) and [`roll`](mqlab_core::log::Log::roll). What was removed until then
    /// stays removed.
    pub fn retain(&mut self, rules: Retention, now: i64) -> Result<Removed, LogError<Error>> {
        let interval = self.options.index_interval_bytes;
        let bytes_all: u64 = self.segments.iter().map(|segment| segment.size).sum();
        let mut removed = Removed::default();
        let mut start = None;
        for segment in &self.segments {
            let newest = segment.newest(&self.files, interval)?;
            let too_old = rules.age.zip(newest).is_some_and(|(age, newest)| {
                i128::from(now) - i128::from(newest) > i128::try_from(age.as_millis()).unwrap_or(i128::MAX)
            });
            let left = bytes_all - removed.bytes - segment.size;
            if segment.size == 0 || !(too_old || rules.bytes.is_some_and(|bytes| left >= bytes)) {
                break;
            }
            removed.segments += 1;
            removed.bytes += segment.size;
            start = Some(segment.end);
        }
        let Some(start) = start else { return Ok(removed) };
        if removed.segments == self.segments.len() {
            self.roll()?;
        }
        self.trim(start)?;
        Ok(removed)
    }
}
