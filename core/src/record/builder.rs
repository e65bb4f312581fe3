//! Writing batches.

use alloc::vec::Vec;

use bytes::{BufMut as _, Bytes};

use super::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, Batches, LENGTH_END, Malformed, crc32c, varint};
use crate::ids::{MESSAGE_ID_HEADER, MessageId};

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
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

impl NewRecord {
    /// Whether the record fits a batch of its own.
    ///
    /// # Errors
    ///
    /// [`Malformed::Length`] when key, value and headers together come near [`BATCH_BYTES_MAX`].
    pub fn check_size(&self) -> Result<(), Malformed> {
        const VARINT_MAX: usize = 10; // the most that any length or delta takes
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len) + VARINT_MAX;
        let headers = self.headers.iter().map(|(name, value)| name.len() + VARINT_MAX + of(value));
        let fixed = BATCH_HEADER_BYTES + 5 * VARINT_MAX;
        let bytes = fixed + of(&self.key) + of(&self.value) + headers.sum::<usize>();
        if bytes > BATCH_BYTES_MAX {
            return Err(Malformed::Length(i32::try_from(bytes).unwrap_or(i32::MAX)));
        }
        Ok(())
    }

    /// Adds the header that carries a message's identity.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        let value = Bytes::copy_from_slice(&id.0.to_be_bytes());
        self.headers.push((Bytes::from_static(MESSAGE_ID_HEADER.as_bytes()), Some(value)));
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
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    bytes: Vec<u8>,
    record: Vec<u8>,
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
        Self { producer, base_timestamp: 0, max_timestamp: 0, count: 0, bytes, record: Vec::new() }
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
        let base_timestamp = if self.count == 0 { new.timestamp } else { self.base_timestamp };
        self.record.clear();
        self.record.push(0); // attributes: none are defined
        varint::put(&mut self.record, new.timestamp.wrapping_sub(base_timestamp));
        varint::put(&mut self.record, i64::from(self.count));
        put_slice(&mut self.record, new.key.as_deref());
        put_slice(&mut self.record, new.value.as_deref());
        varint::put(&mut self.record, new.headers.len() as i64);
        for (name, value) in &new.headers {
            put_slice(&mut self.record, Some(name));
            put_slice(&mut self.record, value.as_deref());
        }
        let after = self.bytes.len() + self.record.len() + 5; // 5: the longest length in front
        if after > BATCH_BYTES_MAX || self.count == i32::MAX {
            return Err(Malformed::Length(i32::try_from(after).unwrap_or(i32::MAX)));
        }
        varint::put(&mut self.bytes, self.record.len() as i64);
        self.bytes.extend_from_slice(&self.record);
        self.max_timestamp =
            if self.count == 0 { new.timestamp } else { self.max_timestamp.max(new.timestamp) };
        self.base_timestamp = base_timestamp;
        self.count += 1;
        Ok(())
    }

    /// The finished batch, at offset 0 and without a leader's epoch until [`Batches::stamped`]; no batch at all
    /// if nothing was pushed.
    pub fn build(mut self) -> Batches {
        if self.count == 0 {
            return Batches::default();
        }
        let mut summed = Vec::with_capacity(BATCH_HEADER_BYTES);
        summed.put_i16(0); // attributes: not compressed, the writer's time, no transaction
        summed.put_i32(self.count - 1);
        summed.put_i64(self.base_timestamp);
        summed.put_i64(self.max_timestamp);
        summed.put_i64(self.producer.id);
        summed.put_i16(self.producer.epoch);
        summed.put_i32(self.producer.sequence);
        summed.put_i32(self.count);
        let summed_from = BATCH_HEADER_BYTES - summed.len();
        self.bytes[summed_from..BATCH_HEADER_BYTES].copy_from_slice(&summed);
        let mut front = Vec::with_capacity(summed_from);
        front.put_i64(0); // base offset: the leader's to give
        front.put_i32((self.bytes.len() - LENGTH_END) as i32);
        front.put_i32(-1); // leader epoch: likewise
        front.put_i8(2);
        front.put_u32(crc32c(&self.bytes[summed_from..]));
        self.bytes[..summed_from].copy_from_slice(&front);
        Batches::trusted(self.bytes.into())
    }
}

fn put_slice(out: &mut Vec<u8>, slice: Option<&[u8]>) {
    match slice {
        None => varint::put(out, -1),
        Some(slice) => {
            varint::put(out, slice.len() as i64);
            out.extend_from_slice(slice);
        }
    }
}
