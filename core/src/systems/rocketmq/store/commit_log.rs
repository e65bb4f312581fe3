//! Where do all messages of a broker stand? In one log, each at a place in bytes that indexes name.
//!
//! ```text
//!   physical   0          310        640      ... 1000         1000 + 280
//!              │ message  │ message  │ (blank)    │ message    │ ...            files of 1000 bytes
//!   record     0          1                       2            3                what the engine's log calls them
//! ```
//!
//! A place in bytes is computed, as RocketMQ's mapped files have it: a message that does not fit in what is left of a file
//! begins the next. The engine's log below holds one record for each message, whose value is the message's bytes; its segments
//! end where files do. This table leads from one to the other, and is built anew at opening, from the places that the messages
//! themselves say.
//!
//! Source: `CommitLog.java`, `MappedFileQueue.java`.

use alloc::collections::VecDeque;

use bytes::Bytes;

use super::StoreError;
use crate::ids::{Epoch, Offset};
use crate::log::{Log, LogError, Slice as _, read_all};
use crate::record::{BatchBuilder, Batches, NewRecord, Record};
use crate::systems::rocketmq::layout::{BLANK_BYTES, BadLayout, Entry, StoredMessage};

type Result<T, L> = core::result::Result<T, StoreError<<L as Log>::Error>>;

/// Where a message stands.
///
/// ```
/// use mqlab_core::systems::rocketmq::store::Extent;
/// assert_eq!(Extent { physical: 1_000, size: 280 }.end(), 1_280);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first byte.
    pub physical: u64,
    /// How many bytes it takes.
    pub size: u32,
}

impl Extent {
    /// The place behind it.
    pub const fn end(self) -> u64 {
        self.physical + self.size as u64
    }
}

/// All messages of a broker, over a log of the engine.
///
/// ```
/// use mqlab_core::log::memory::MemoryLog;
/// use mqlab_core::ids::Epoch;
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::store::CommitLog;
/// use mqlab_core::systems::rocketmq::Topic;
/// let mut log = CommitLog::open(MemoryLog::default(), (250, 0), |_, _| ())?;
/// for body in ["first", "second", "third"] {
///     log.append(StoredMessage::new(Topic::new("t")?, 0, body.into()), Epoch(0))?;
/// }
/// // Of 250 bytes the second message leaves 55, so the third begins the next file.
/// assert_eq!((log.start(), log.end()), (0, 250 + 91 + 6));
/// assert_eq!(log.read(250)?.map(|message| message.body), Some("third".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CommitLog<L> {
    log: L,
    file_bytes: u64,
    /// Where the messages stand that the log has.
    spans: VecDeque<Extent>,
    /// The record of the first of them.
    first: Offset,
    /// Where the next message goes, if it fits there.
    end: u64,
}

impl<L: Log> CommitLog<L> {
    /// Opens what a log holds, in files of so many bytes, and shows each message and its place. Nothing new goes below `floor`,
    /// where all that was there is deleted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when a record is no message; [`StoreError::Log`] when the storage fails.
    pub fn open(
        log: L,
        (file_bytes, floor): (u64, u64),
        mut see: impl FnMut(Extent, &StoredMessage),
    ) -> Result<Self, L> {
        let (mut spans, mut end, mut first) = (VecDeque::new(), 0, None);
        let mut wrong = None;
        read_all(&log, |batches| {
            for record in batches.records() {
                match decoded(&record, end) {
                    Ok((span, message)) => {
                        first.get_or_insert(record.offset);
                        end = span.end();
                        spans.push_back(span);
                        see(span, &message);
                    }
                    Err(error) => _ = wrong.get_or_insert(error),
                }
            }
        })?;
        if let Some((physical, why)) = wrong {
            return Err(StoreError::Damaged { physical, why });
        }
        let first = first.unwrap_or(log.end());
        Ok(Self { log, file_bytes, spans, first, end: end.max(floor) })
    }

    /// Gives the log back.
    pub fn into_log(self) -> L {
        self.log
    }

    /// The log below.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// The log below, to inject faults.
    pub fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    /// The place of the first message that it has; its end, when it has none.
    pub fn start(&self) -> u64 {
        self.spans.front().map_or(self.end, |span| span.physical)
    }

    /// The place behind the last message.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// What is below this place survives a power cut.
    pub fn durable(&self) -> u64 {
        let durable = self.log.durable();
        let index = durable.0.saturating_sub(self.first.0) as usize;
        match index.checked_sub(1) {
            None => self.start(),
            Some(last) => self.spans.get(last).map_or(self.end, |span| span.end()),
        }
    }

    /// How many messages it has.
    pub fn messages(&self) -> usize {
        self.spans.len()
    }

    /// How large a file is.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Where a message of this size would go.
    fn place(&self, size: u32) -> Result<u64, L> {
        let needed = u64::from(size) + u64::from(BLANK_BYTES);
        if needed > self.file_bytes {
            return Err(StoreError::Rejected(BadLayout::TooLarge));
        }
        let left = self.file_bytes - self.end % self.file_bytes;
        Ok(if needed > left { self.end + left } else { self.end })
    }

    /// Adds a message at the end, in the epoch of the master that does it, and returns its place. In the message its place is
    /// set.
    ///
    /// # Errors
    ///
    /// [`StoreError::Rejected`] when it does not fit the layout or a file; [`StoreError::Log`] when the storage fails.
    pub fn append(&mut self, mut message: StoredMessage, epoch: Epoch) -> Result<(Extent, StoredMessage), L> {
        let size = message.size().map_err(StoreError::Rejected)?;
        message.physical_offset = self.place(size)?;
        let value = message.encode().map_err(StoreError::Rejected)?;
        let timestamp = i64::try_from(message.stored_at.as_millis()).unwrap_or(i64::MAX);
        let mut record = NewRecord { timestamp, value: Some(value), ..NewRecord::default() };
        if let Some(id) = message.properties.message_id() {
            record = record.with_id(id);
        }
        let mut builder = BatchBuilder::new();
        builder.push(&record).map_err(|_| StoreError::Rejected(BadLayout::TooLarge))?;
        let batch = builder.build().into_stamped(self.log.end(), epoch);
        let span = Extent { physical: message.physical_offset, size };
        self.push(&batch, span)?;
        Ok((span, message))
    }

    /// Adds one message's batch whose place is known, in a new segment where it begins a file.
    fn push(&mut self, batch: &Batches, span: Extent) -> Result<(), L> {
        let is_new_file = span.physical / self.file_bytes != self.end / self.file_bytes;
        if is_new_file || (span.physical.is_multiple_of(self.file_bytes) && !self.spans.is_empty()) {
            self.log.roll()?;
        }
        self.log.append(batch)?;
        if self.spans.is_empty() {
            self.first = batch.base().unwrap_or(self.first);
        }
        self.spans.push_back(span);
        self.end = span.end();
        Ok(())
    }

    /// Adds what another CommitLog has from this one's end on, and shows each message.
    ///
    /// # Errors
    ///
    /// [`StoreError::Apart`] when it does not continue what stands here, [`StoreError::Damaged`] when it is no message: what
    /// came before is added. [`StoreError::Log`] when the storage fails.
    pub fn append_copied(
        &mut self,
        batches: &Batches,
        mut see: impl FnMut(Extent, &StoredMessage),
    ) -> Result<(), L> {
        for batch in batches.iter() {
            for record in batch.records() {
                let (span, message) = decoded(&record, self.end)
                    .map_err(|(physical, why)| StoreError::Damaged { physical, why })?;
                let apart = StoreError::Apart { end: self.end, physical: span.physical };
                let begins_here = self.spans.is_empty() && self.end == 0;
                if !begins_here && (self.place(span.size)? != span.physical || batch.base() != self.log.end())
                {
                    return Err(apart);
                }
                self.push(&Batches::joined([&batch]), span)?;
                see(span, &message);
            }
        }
        Ok(())
    }

    /// The message at a place; none where no message begins there (any more).
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] or [`StoreError::Log`] when it cannot be read.
    pub fn read(&self, physical: u64) -> Result<Option<StoredMessage>, L> {
        let Some(record) = self.record_at(physical) else { return Ok(None) };
        let batches = self.log.read(record, record.next(), u32::MAX)?.load().map_err(LogError::Storage)?;
        let Some(found) = batches.records().find(|found| found.offset == record) else { return Ok(None) };
        let (_, message) =
            decoded(&found, physical).map_err(|(physical, why)| StoreError::Damaged { physical, why })?;
        Ok(Some(message))
    }

    fn index_of(&self, physical: u64) -> Option<usize> {
        self.spans.binary_search_by_key(&physical, |span| span.physical).ok()
    }

    fn record_at(&self, physical: u64) -> Option<Offset> {
        self.index_of(physical).map(|index| self.first.plus(index as u64))
    }

    /// The stored batches from a place on, at most so many bytes but one message at least; nothing at the end. None when no
    /// message begins at the place, nor would one go there: then who asks has something else in its log.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn batches_from(&self, physical: u64, bytes_max: u32) -> Result<Option<Batches>, L> {
        if physical == self.end {
            return Ok(Some(Batches::default()));
        }
        // Behind a file's last message comes the first of the next.
        let next = self.spans.partition_point(|span| span.physical < physical);
        let fits = |span: &Extent| {
            span.physical == physical
                || next.checked_sub(1).is_none_or(|last| self.spans[last].end() == physical)
        };
        let Some(_) = self.spans.get(next).filter(|span| fits(span)) else { return Ok(None) };
        let from = self.first.plus(next as u64);
        Ok(Some(self.log.read(from, self.log.end(), bytes_max)?.load().map_err(LogError::Storage)?))
    }

    /// The place behind the last message of stored batches.
    pub fn end_of(&self, batches: &Batches) -> Option<u64> {
        let index = batches.next()?.0.checked_sub(self.first.0 + 1)?;
        self.spans.get(usize::try_from(index).ok()?).map(|span| span.end())
    }

    /// Makes everything durable.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn flush(&mut self) -> Result<(), L> {
        Ok(self.log.flush()?)
    }

    /// Removes what stands at or behind a place, and returns how many messages that was.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn truncate(&mut self, physical: u64) -> Result<usize, L> {
        let keep = self.spans.partition_point(|span| span.physical < physical);
        let gone = self.spans.len() - keep;
        if gone > 0 {
            self.log.truncate(self.first.plus(keep as u64))?;
            self.spans.truncate(keep);
            self.end = self.spans.back().map_or(physical, |span| span.end());
        }
        Ok(gone)
    }

    /// The last message below a place.
    pub fn last_below(&self, physical: u64) -> Option<Extent> {
        let below = self.spans.partition_point(|span| span.physical < physical);
        self.spans.get(below.checked_sub(1)?).copied()
    }

    /// Forgets what is below a place.
    ///
    /// # Errors
    ///
    /// [`StoreError::Log`] when the storage fails.
    pub fn trim(&mut self, physical: u64) -> Result<(), L> {
        let gone = self.spans.partition_point(|span| span.physical < physical);
        self.log.trim(self.first.plus(gone as u64))?;
        self.spans.drain(..gone);
        self.first = self.first.plus(gone as u64);
        Ok(())
    }
}

/// A record as the message that it is, and its place; or where it should be, and what is wrong.
fn decoded(
    record: &Record,
    expected: u64,
) -> core::result::Result<(Extent, StoredMessage), (u64, BadLayout)> {
    let value: &Bytes = record.value.as_ref().ok_or((expected, BadLayout::Cut))?;
    match Entry::decode(value) {
        Ok(Entry::Message(message)) if message.physical_offset >= expected => {
            Ok((Extent { physical: message.physical_offset, size: value.len() as u32 }, message))
        }
        Ok(_) => Err((expected, BadLayout::Cut)),
        Err(why) => Err((expected, why)),
    }
}
