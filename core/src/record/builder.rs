//! Writing batches.

use alloc::vec::Vec;

use bytes::{BufMut as _, Bytes};

use super::batch::TRANSACTIONAL;
use super::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, Batches, Headers, LENGTH_END, Malformed, crc32c, varint};
use crate::ids::{Epoch, MESSAGE_ID_HEADER, MessageId, Offset};

/// Who wrote a batch, for brokers that refuse to store it twice.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, Producer};
/// let builder = BatchBuilder::of(Producer { id: 4_000, epoch: 0, sequence: 0 });
/// assert!(builder.is_empty());
/// assert_eq!(Producer::ANONYMOUS.id, -1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// The number that the cluster gave this producer; -1 for none.
    pub id: i64,
    /// Raised when a producer of the same name takes over; -1 for none.
    pub epoch: i16,
    /// The number of the batch's first record among all that this producer sent to the partition; -1 for none.
    pub sequence: i32,
}

impl Producer {
    /// A producer without identity: what it sends twice is stored twice.
    pub const ANONYMOUS: Self = Self { id: -1, epoch: -1, sequence: -1 };

    /// The number so many records after `sequence`: after [`i32::MAX`] comes 0 again.
    ///
    /// ```
    /// use mqlab_core::record::Producer;
    /// assert_eq!(Producer::sequence_after(5, 3), 8);
    /// assert_eq!(Producer::sequence_after(i32::MAX, 1), 0);
    /// ```
    pub const fn sequence_after(sequence: i32, records: u32) -> i32 {
        (sequence.wrapping_add(records as i32)) & i32::MAX
    }
}

/// A record on its way into a batch.
///
/// ```
/// use mqlab_core::record::NewRecord;
/// let record = NewRecord { key: Some("order-17".into()), value: Some("paid".into()), ..Default::default() };
/// assert!(record.check_size().is_ok());
/// let large = NewRecord { value: Some(vec![0; 64 * 1024 * 1024].into()), ..Default::default() };
/// assert!(large.check_size().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// Milliseconds.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<Bytes>,
    /// The payload; none is a tombstone.
    pub value: Option<Bytes>,
    /// Named values beside the payload.
    pub headers: Headers,
}

impl NewRecord {
    /// How many bytes it takes in a batch, at most: what it takes in truth depends on what stands before it.
    pub fn bytes_max(&self) -> usize {
        const VARINT_MAX: usize = 10; // the most that any length or delta takes
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len) + VARINT_MAX;
        5 * VARINT_MAX + of(&self.key) + of(&self.value) + self.headers.bytes().len()
    }

    /// Whether the record fits a batch of its own.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when key, value and headers together come near [`BATCH_BYTES_MAX`].
    pub fn check_size(&self) -> Result<(), Malformed> {
        let bytes = BATCH_HEADER_BYTES + self.bytes_max();
        if bytes > BATCH_BYTES_MAX {
            return Err(Malformed::Length(i32::try_from(bytes).unwrap_or(i32::MAX)));
        }
        Ok(())
    }

    /// Adds the header that carries a message's identity.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.headers.push(MESSAGE_ID_HEADER.as_bytes(), Some(&id.0.to_be_bytes()));
        self
    }
}

/// Gathers records into one batch.
///
/// ```
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("hello".into()), ..Default::default() })?;
/// let batches = builder.build();
/// assert_eq!(batches.bytes().len(), 73); // a header of 61 bytes, a record of 12
/// # Ok::<(), mqlab_core::record::Malformed>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    producer: Producer,
    /// What the batch is: see [`super::batch`].
    attributes: i16,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    bytes: Vec<u8>,
    /// The headers of one record: how many there are, and how long they are, stands before them.
    headers: HeaderWriter,
}

/// Takes the headers of a record, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderWriter {
    pub(super) count: i64,
    pub(super) bytes: Vec<u8>,
}

impl HeaderWriter {
    /// Adds a header; its value may come in pieces.
    pub(crate) fn put(&mut self, name: &[u8], value: Option<&[&[u8]]>) {
        const LENGTHS_MAX: usize = 10; // of two lengths of some bytes each
        const USUAL: usize = 128; // most messages' headers find room at once
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(USUAL);
        }
        self.count += 1;
        let bytes: usize = value.iter().copied().flatten().map(|piece| piece.len()).sum();
        self.bytes.reserve(name.len() + bytes + LENGTHS_MAX);
        put_slice(&mut self.bytes, Some(name));
        match value {
            None => varint::put(&mut self.bytes, -1),
            Some(pieces) => {
                varint::put(&mut self.bytes, bytes as i64);
                pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
            }
        }
    }
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch of a producer without identity.
    pub fn new() -> Self {
        Self::of(Producer::ANONYMOUS)
    }

    /// An empty batch of `producer`.
    pub fn of(producer: Producer) -> Self {
        let bytes = alloc::vec![0; BATCH_HEADER_BYTES];
        let headers = HeaderWriter::default();
        Self { producer, attributes: 0, base_timestamp: 0, max_timestamp: 0, count: 0, bytes, headers }
    }

    /// An empty batch that grows in the memory of one that is done with, if nobody else shares that; anonymous.
    ///
    /// Whoever writes batch after batch asks the system for no memory this way, and writes where the processor still has
    /// the memory at hand.
    ///
    /// ```
    /// use mqlab_core::record::{BatchBuilder, NewRecord};
    /// let mut builder = BatchBuilder::new();
    /// builder.push(&NewRecord { value: Some("a long value".into()), ..Default::default() })?;
    /// let first = builder.build().into_bytes(); // written to a file, say
    /// let place = first.as_ptr();
    /// let mut builder = BatchBuilder::reusing(first);
    /// builder.push(&NewRecord { value: Some("a value".into()), ..Default::default() })?;
    /// let second = builder.build();
    /// assert_eq!((second.bytes().as_ptr(), second.bytes().len()), (place, 75));
    /// # Ok::<(), mqlab_core::record::Malformed>(())
    /// ```
    pub fn reusing(memory: Bytes) -> Self {
        let mut bytes = if memory.is_unique() { Vec::from(memory) } else { Vec::new() };
        bytes.clear();
        bytes.resize(BATCH_HEADER_BYTES, 0);
        Self { bytes, ..Self::of(Producer::ANONYMOUS) }
    }

    /// The same batch as part of its producer's open transaction.
    #[must_use]
    pub fn transactional(self) -> Self {
        self.with_attributes(TRANSACTIONAL)
    }

    /// The same batch with these bits set.
    pub(super) fn with_attributes(self, bits: i16) -> Self {
        Self { attributes: self.attributes | bits, ..self }
    }

    /// Sees to it that the batch can grow to so many bytes without moving.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes.saturating_sub(self.bytes.len()));
    }

    /// How many bytes the batch has so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no record was pushed yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a record at the end.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when the batch would grow past [`BATCH_BYTES_MAX`]; the record is not added.
    pub fn push(&mut self, new: &NewRecord) -> Result<(), Malformed> {
        let NewRecord { timestamp, key, value, headers } = new;
        let headers = (headers.len() as i64, headers.bytes());
        self.push_record(*timestamp, key.as_deref(), value.as_deref(), headers)
    }

    /// [`push`](Self::push) of a record that nobody has in one piece: `write_headers` is given what takes its headers.
    pub(crate) fn push_parts(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        write_headers: impl FnOnce(&mut HeaderWriter),
    ) -> Result<(), Malformed> {
        let mut headers = core::mem::take(&mut self.headers);
        headers.count = 0;
        headers.bytes.clear();
        write_headers(&mut headers);
        let pushed = self.push_record(timestamp, key, value, (headers.count, &headers.bytes));
        self.headers = headers;
        pushed
    }

    fn push_record(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        (header_count, headers): (i64, &[u8]),
    ) -> Result<(), Malformed> {
        let base_timestamp = if self.count == 0 { timestamp } else { self.base_timestamp };
        let time_delta = timestamp.wrapping_sub(base_timestamp);
        let offset_delta = i64::from(self.count);
        // The length stands before the record, so it is counted first; 1 is for the attributes.
        let numbers = [time_delta, offset_delta, header_count].map(varint::len).iter().sum::<usize>();
        let length = 1 + numbers + slice_len(key) + slice_len(value) + headers.len();
        let after = self.bytes.len() + length + 5; // 5: the longest length in front
        if after > BATCH_BYTES_MAX || self.count == i32::MAX {
            return Err(Malformed::Length(i32::try_from(after).unwrap_or(i32::MAX)));
        }
        if self.count == 0 {
            self.bytes.reserve_exact(varint::len(length as i64) + length); // many batches have one record
        }
        varint::put(&mut self.bytes, length as i64);
        self.bytes.push(0); // attributes: none are defined
        varint::put(&mut self.bytes, time_delta);
        varint::put(&mut self.bytes, offset_delta);
        put_slice(&mut self.bytes, key);
        put_slice(&mut self.bytes, value);
        varint::put(&mut self.bytes, header_count);
        self.bytes.extend_from_slice(headers);
        self.max_timestamp = if self.count == 0 { timestamp } else { self.max_timestamp.max(timestamp) };
        self.base_timestamp = base_timestamp;
        self.count += 1;
        Ok(())
    }

    /// The finished batch, at offset 0 and without a leader's epoch until [`Batches::stamped`]; no batch at all
    /// if nothing was pushed.
    pub fn build(self) -> Batches {
        self.build_with(0, -1)
    }

    /// A batch that has offsets and no records, from `base` up to `next`: what stands for records that are gone, so that a
    /// log says by itself where it goes on. At most [`i32::MAX`] offsets; no batch when there are none or more.
    ///
    /// ```
    /// use mqlab_core::ids::{Epoch, Offset};
    /// use mqlab_core::record::{BatchBuilder, Batches};
    /// let gap = BatchBuilder::gap(Offset(5), Offset(9), Epoch(2));
    /// assert_eq!((gap.base(), gap.next(), gap.records().count()), (Some(Offset(5)), Some(Offset(9)), 0));
    /// assert_eq!(Batches::parse(gap.bytes().clone()), Ok(gap));
    /// ```
    pub fn gap(base: Offset, next: Offset, epoch: Epoch) -> Batches {
        let offsets = next.0.saturating_sub(base.0);
        match i32::try_from(offsets) {
            Ok(offsets) if offsets > 0 => Self::new().finish(base.0 as i64, epoch.0 as i32, offsets - 1),
            _ => Batches::default(),
        }
    }

    /// The finished batch as a leader stores it, as [`Batches::stamped`] would make it of [`build`](Self::build),
    /// without a copy.
    pub(crate) fn build_at(self, base: Offset, epoch: Epoch) -> Batches {
        self.build_with(base.0 as i64, epoch.0 as i32)
    }

    fn build_with(self, base: i64, epoch: i32) -> Batches {
        match self.count.checked_sub(1) {
            Some(last_delta) if self.count > 0 => self.finish(base, epoch, last_delta),
            _ => Batches::default(),
        }
    }

    fn finish(mut self, base: i64, epoch: i32, last_delta: i32) -> Batches {
        const SUMMED_FROM: usize = 21; // what stands before is outside the checksum
        let mut summed = &mut self.bytes[SUMMED_FROM..BATCH_HEADER_BYTES];
        summed.put_i16(self.attributes); // not compressed, the writer's time
        summed.put_i32(last_delta);
        summed.put_i64(self.base_timestamp);
        summed.put_i64(self.max_timestamp);
        summed.put_i64(self.producer.id);
        summed.put_i16(self.producer.epoch);
        summed.put_i32(self.producer.sequence);
        summed.put_i32(self.count);
        let (length, (mut front, summed)) =
            (self.bytes.len() - LENGTH_END, self.bytes.split_at_mut(SUMMED_FROM));
        front.put_i64(base);
        front.put_i32(length as i32);
        front.put_i32(epoch);
        front.put_i8(2);
        front.put_u32(crc32c(summed));
        Batches::trusted(self.bytes.into())
    }
}

/// How many bytes [`put_slice`] takes.
pub(super) fn slice_len(slice: Option<&[u8]>) -> usize {
    slice.map_or(varint::len(-1), |slice| varint::len(slice.len() as i64) + slice.len())
}

pub(super) fn put_slice(out: &mut Vec<u8>, slice: Option<&[u8]>) {
    match slice {
        None => varint::put(out, -1),
        Some(slice) => {
            varint::put(out, slice.len() as i64);
            out.extend_from_slice(slice);
        }
    }
}
