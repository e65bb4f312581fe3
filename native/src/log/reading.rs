//! How is a log read? By offset or by time: an index names a place near by, and headers lead from there.

use std::fs::File;
use std::sync::Arc;

use mqlab_core::ids::Offset;
use mqlab_core::log::{LogError, Slice as _};

use super::disk::Files;
use super::file_log::FileLog;
use super::recent::Opened;
use super::segment::Segment;
use super::slice::FileSlice;
use crate::error::Error;

/// How many bytes are looked at at once when a time is sought.
const SOUGHT_BYTES: u32 = 256 * 1024;

/// The segments of a log, for whoever may read them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf<'a> {
    pub(super) files: &'a Files,
    /// In order, and never none.
    pub(super) segments: &'a [Segment],
    /// The file of the last one.
    pub(super) file: &'a Arc<File>,
    pub(super) opened: &'a Opened,
    /// The bytes of a segment that an entry of an index stands for.
    pub(super) interval: u32,
}

impl Shelf<'_> {
    fn start(&self) -> Offset {
        self.segments[0].base
    }

    fn end(&self) -> Offset {
        self.segments[self.segments.len() - 1].end
    }

    /// The number of the segment that has `offset`, or would have it.
    fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// Where the batch stands that has `offset`, or the first one after it: the segment's number, its file, the place in it,
    /// and the batch's base offset. At the log's end it is where the next batch will be.
    pub(super) fn find(&self, offset: Offset) -> Result<(usize, Arc<File>, u64, Offset), LogError<Error>> {
        self.check_range(offset)?;
        let number = self.segment_of(offset);
        let (segment, file) = (&self.segments[number], self.file_of(number)?);
        if segment.end <= offset {
            return Ok((number, file, segment.size, segment.end));
        }
        let span = (offset, segment.end);
        let range = segment.select((self.files, &file), self.interval, span, (0, true))?;
        segment.mend_if_doubtful(self.files, &file, self.interval)?;
        match range {
            Some(range) => Ok((number, file, range.position, range.base)),
            None => Err(Error::Changed { path: segment.path.to_path_buf() }.into()),
        }
    }

    fn check_range(&self, asked: Offset) -> Result<(), LogError<Error>> {
        if asked < self.start() || asked > self.end() {
            return Err(LogError::OutOfRange { start: self.start(), end: self.end(), asked });
        }
        Ok(())
    }

    /// The file of a segment, for reading.
    pub(super) fn file_of(&self, number: usize) -> Result<Arc<File>, Error> {
        if number + 1 == self.segments.len() {
            Ok(self.file.clone())
        } else {
            self.opened.file_of(&self.segments[number])
        }
    }

    /// As [`Log::read`](mqlab_core::log::Log::read).
    pub(super) fn read(
        &self,
        from: Offset,
        until: Offset,
        bytes_max: u32,
    ) -> Result<FileSlice, LogError<Error>> {
        self.check_range(from)?;
        let (mut slice, mut room) = (FileSlice::default(), u64::from(bytes_max));
        for (number, segment) in self.segments.iter().enumerate().skip(self.segment_of(from)) {
            if segment.end <= from || segment.size == 0 {
                continue; // `from` is the log's end, or the last segment has just been begun
            }
            let file = self.file_of(number)?;
            let (span, limit) = ((from, until), (room, slice.is_empty()));
            let range = segment.select((self.files, &file), self.interval, span, limit)?;
            segment.mend_if_doubtful(self.files, &file, self.interval)?;
            let Some(range) = range else { break };
            room = room.saturating_sub(range.bytes);
            slice.push(segment, file, range);
            if range.position + range.bytes < segment.size {
                break;
            }
        }
        Ok(slice)
    }

    /// The offset of the first record that is not earlier than `time`, in milliseconds; none when all are.
    pub(super) fn offset_at(&self, time: i64) -> Result<Option<Offset>, LogError<Error>> {
        for segment in self.segments {
            if segment.newest(self.files, self.interval)?.is_none_or(|newest| newest < time) {
                continue;
            }
            let mut at = segment.search_from(self.files, self.interval, time)?;
            while at < segment.end {
                let batches = self.read(at, segment.end, SOUGHT_BYTES)?.load()?;
                let found = batches.records().find(|record| record.timestamp >= time);
                if let Some(record) = found {
                    return Ok(Some(record.offset));
                }
                let Some(next) = batches.next() else { break };
                at = next;
            }
        }
        Ok(None)
    }
}

impl FileLog {
    /// The offset of the first record whose timestamp is `time` or later, in milliseconds as its writer counts them; none
    /// when all are earlier. Times need not rise along the log: what comes after may be earlier again.
    ///
    /// # Errors
    ///
    /// [`LogError::Storage`] when the files cannot be read, or are damaged.
    ///
    /// ```
    /// # use mqlab::log::FileStorage;
    /// # use mqlab_core::ids::{LogName, Offset};
    /// # use mqlab_core::log::contract::batch;
    /// # use mqlab_core::log::{Log, Storage};
    /// # let scratch = tempfile::tempdir()?;
    /// # let mut storage = FileStorage::open(scratch.path())?;
    /// let mut log = storage.open(&LogName::Definitions)?;
    /// log.append(&batch(0, 10))?; // record n is from millisecond n
    /// assert_eq!(log.offset_at(7)?, Some(Offset(7)));
    /// assert_eq!(log.offset_at(10)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn offset_at(&self, time: i64) -> Result<Option<Offset>, LogError<Error>> {
        self.shelf().offset_at(time)
    }
}
