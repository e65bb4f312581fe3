//! How does a reader look at every record and keep none? By lending: no record shares, counts or copies anything.
//!
//! A [`Record`](super::Record) may outlive its batch, so it holds its part of the batch's memory, which is counted. Who only
//! looks (a filter, a sum, a copy into a response) needs none of that, and the counting would take longer than the look.

use super::batch::{CONTROL, Fields, id_from};
use super::header::{at, i16_at, i32_at, i64_at};
use super::headers::{Header, walk};
use super::{BATCH_HEADER_BYTES, LENGTH_END};
use crate::ids::{MESSAGE_ID_HEADER, MessageId, Offset};

/// One record, lent by its batch.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, Headers, NewRecord};
/// let mut builder = BatchBuilder::new();
/// let headers = Headers::from_iter([("tenant", Some("acme"))]);
/// builder.push(&NewRecord { timestamp: 7, value: Some("paid".into()), headers, ..Default::default() })?;
/// let batches = builder.build();
/// let record = batches.lent().next().ok_or("one record")?;
/// assert_eq!((record.offset.0, record.timestamp, record.key, record.value), (0, 7, None, Some(&b"paid"[..])));
/// assert_eq!(record.headers().next(), Some((&b"tenant"[..], Some(&b"acme"[..]))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentRecord<'a> {
    /// Its place in the log.
    pub offset: Offset,
    /// Milliseconds; what they count from is the writer's choice.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The payload; none is a tombstone.
    pub value: Option<&'a [u8]>,
    headers: &'a [u8],
}

impl<'a> LentRecord<'a> {
    /// What stands in a batch with this base offset and base timestamp.
    #[inline(always)]
    pub(super) fn of(fields: &Fields<'a>, base: Offset, base_timestamp: i64) -> Self {
        Self {
            offset: base.plus(fields.offset_delta as u64),
            timestamp: base_timestamp.wrapping_add(fields.timestamp_delta),
            key: fields.key,
            value: fields.value,
            headers: fields.headers,
        }
    }

    /// Named values beside the payload, in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> {
        walk(self.headers)
    }

    /// The identity of its message, if it has one.
    pub fn message_id(&self) -> Option<MessageId> {
        let (_, value) = self.headers().find(|(name, _)| *name == MESSAGE_ID_HEADER.as_bytes())?;
        id_from(value?)
    }
}

/// The records of checked batches, one by one, control batches left out: what
/// [`Batches::lent`](super::Batches::lent) returns.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// assert_eq!(batch(0, 4).lent().count(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct Lent<'a> {
    /// The batches after the one at hand.
    batches: &'a [u8],
    /// What is left of its records.
    records: &'a [u8],
    base: Offset,
    base_timestamp: i64,
}

impl<'a> Lent<'a> {
    /// Those of bytes that were checked.
    pub(super) fn of(batches: &'a [u8]) -> Self {
        Self { batches, records: &[], base: Offset::ZERO, base_timestamp: 0 }
    }

    /// Goes on to the next batch with records for consumers; `None` at the end.
    fn next_batch(&mut self) -> Option<()> {
        while self.records.is_empty() {
            if self.batches.is_empty() {
                return None;
            }
            let total = i32_at(self.batches, at::LENGTH) as usize + LENGTH_END;
            let (batch, after) = self.batches.split_at(total);
            self.batches = after;
            if i16_at(batch, at::ATTRIBUTES) & CONTROL == 0 {
                self.records = &batch[BATCH_HEADER_BYTES..];
                self.base = Offset(i64_at(batch, 0) as u64);
                self.base_timestamp = i64_at(batch, at::BASE_TIMESTAMP);
            }
        }
        Some(())
    }
}

impl<'a> Iterator for Lent<'a> {
    type Item = LentRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<LentRecord<'a>> {
        if self.records.is_empty() {
            self.next_batch()?;
        }
        let fields = Fields::take_sound(&mut self.records)?;
        Some(LentRecord::of(&fields, self.base, self.base_timestamp))
    }
}
