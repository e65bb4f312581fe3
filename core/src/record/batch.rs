//! Reading batches: checked once where bytes arrive, walked without errors ever after.

use bytes::{Bytes, BytesMut};

use super::check::{show_prefix, whole_prefix};
use super::header::{at, i16_at, i32_at, i64_at};
use super::headers::{Headers, take_header, take_slice, walk};
use super::lent::{Lent, LentRecord};
use super::{BATCH_HEADER_BYTES, BatchHeader, LENGTH_END, Malformed, Producer, varint};
use crate::ids::{Epoch, MESSAGE_ID_HEADER, MessageId, Offset};

/// The bit of the attributes that marks a batch of a transaction: it counts when the transaction is committed.
pub(super) const TRANSACTIONAL: i16 = 1 << 4;
/// The bit of the attributes that marks a control batch (a transaction's end), which no consumer sees.
pub(super) const CONTROL: i16 = 1 << 5;

/// No, one or several whole batches in rising order of offsets: bytes that were checked.
///
/// Cloning and slicing share the bytes.
///
/// ```
/// use mqlab_core::ids::{Epoch, Offset};
/// use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("a".into()), ..Default::default() })?;
/// builder.push(&NewRecord { value: Some("b".into()), ..Default::default() })?;
/// let stored = builder.build().stamped(Offset(10), Epoch(1)); // what a leader does before it appends
/// assert_eq!((stored.base(), stored.next()), (Some(Offset(10)), Some(Offset(12))));
/// assert_eq!(Batches::parse(stored.bytes().clone())?, stored);
/// # Ok::<(), mqlab_core::record::Malformed>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    bytes: Bytes,
}

impl Batches {
    /// Checks bytes that came from outside: lengths, checksums, and every record.
    ///
    /// # Errors
    ///
    /// [`Malformed`] names the first thing that is wrong; nothing of the bytes is taken then.
    ///
    /// ```
    /// use mqlab_core::record::{Batches, Malformed};
    /// assert!(Batches::parse(Default::default()).expect("no bytes are no batches").is_empty());
    /// assert!(matches!(Batches::parse(vec![0; 10].into()), Err(Malformed::CutOff { .. })));
    /// ```
    pub fn parse(bytes: Bytes) -> Result<Self, Malformed> {
        match whole_prefix(&bytes, Offset::ZERO) {
            (_, _, None) => Ok(Self { bytes }),
            (_, _, Some(malformed)) => Err(malformed),
        }
    }

    /// [`parse`](Self::parse) that shows each record, lent, as soon as it is checked: one walk instead of two for whoever
    /// looks at all of them. Control batches are left out, as [`lent`](Self::lent) leaves them out.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse). Records that stand before what is wrong may have been shown by then, and no others.
    ///
    /// ```
    /// use mqlab_core::log::contract::batch;
    /// use mqlab_core::record::Batches;
    /// let mut seen = Vec::new();
    /// let batches = Batches::parse_each(batch(5, 3).into_bytes(), |record| seen.push(record.offset.0))?;
    /// assert_eq!((seen, batches), (vec![5, 6, 7], batch(5, 3)));
    /// # Ok::<(), mqlab_core::record::Malformed>(())
    /// ```
    pub fn parse_each(bytes: Bytes, show: impl FnMut(LentRecord<'_>)) -> Result<Self, Malformed> {
        match show_prefix(&bytes, Offset::ZERO..Offset(u64::MAX), show) {
            (_, _, None) => Ok(Self { bytes }),
            (_, _, Some(malformed)) => Err(malformed),
        }
    }

    /// What [`super::BatchBuilder`] made, which is right by construction.
    pub(super) fn trusted(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The bytes as they are stored and sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether there is no batch.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The offset of the first record; `None` without batches.
    pub fn base(&self) -> Option<Offset> {
        (!self.bytes.is_empty()).then(|| Offset(i64_at(&self.bytes, 0) as u64))
    }

    /// The offset after the last record; `None` without batches.
    pub fn next(&self) -> Option<Offset> {
        let (mut rest, mut next) = (&self.bytes[..], None);
        while !rest.is_empty() {
            next = Some(Offset(i64_at(rest, 0) as u64).plus(i32_at(rest, at::LAST_DELTA) as u64 + 1));
            rest = &rest[i32_at(rest, at::LENGTH) as usize + LENGTH_END..];
        }
        next
    }

    /// How many records all batches hold.
    ///
    /// ```
    /// use mqlab_core::log::contract::batch;
    /// assert_eq!(batch(5, 3).count(), 3);
    /// ```
    pub fn count(&self) -> u32 {
        let (mut rest, mut count) = (&self.bytes[..], 0);
        while !rest.is_empty() {
            count += i32_at(rest, at::COUNT) as u32;
            rest = &rest[i32_at(rest, at::LENGTH) as usize + LENGTH_END..];
        }
        count
    }

    /// The batches, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Batch> + use<> {
        let mut rest = self.bytes.clone();
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let total = i32_at(&rest, at::LENGTH) as usize + LENGTH_END;
            let bytes = if total == rest.len() { core::mem::take(&mut rest) } else { rest.split_to(total) };
            Some(Batch { bytes })
        })
    }

    /// All records of all batches, control batches left out.
    pub fn records(&self) -> impl Iterator<Item = Record> + use<> {
        self.iter().filter(|batch| !batch.is_control()).flat_map(|batch| batch.records())
    }

    /// The same records, lent: nothing is shared, counted or copied. The fastest way to look at each.
    ///
    /// ```
    /// use mqlab_core::log::contract::batch;
    /// let batches = batch(5, 3);
    /// assert_eq!(batches.lent().map(|record| record.offset.0).collect::<Vec<_>>(), [5, 6, 7]);
    /// assert!(batches.lent().zip(batches.records()).all(|(lent, record)| lent.value == record.value.as_deref()));
    /// ```
    pub fn lent(&self) -> Lent<'_> {
        Lent::of(&self.bytes)
    }

    /// The record at an offset, without making one of those before it; none of a control batch.
    ///
    /// ```
    /// let batches = mqlab_core::log::contract::batch(5, 3);
    /// let record = batches.record_at(mqlab_core::ids::Offset(6));
    /// assert_eq!(record, batches.records().nth(1));
    /// ```
    pub fn record_at(&self, offset: Offset) -> Option<Record> {
        let batch = self.iter().find(|batch| batch.next() > offset).filter(|batch| !batch.is_control())?;
        let mut rest = &batch.bytes[BATCH_HEADER_BYTES..];
        let mut all = core::iter::from_fn(|| Fields::take_sound(&mut rest));
        let found = all.find(|fields| batch.base().plus(fields.offset_delta as u64) == offset)?;
        Some(found.record(&batch))
    }

    /// The identities of the messages, in order, without making a record of each.
    pub fn message_ids(&self) -> impl Iterator<Item = MessageId> + use<> {
        self.iter().filter(|batch| !batch.is_control()).flat_map(|batch| batch.message_ids())
    }

    /// The same records, moved to follow each other from `base` on and marked with the leader's `epoch`.
    ///
    /// This is what a leader does before it appends. No checksum is computed: both fields lie outside it.
    #[must_use]
    pub fn stamped(&self, base: Offset, epoch: Epoch) -> Self {
        self.clone().into_stamped(base, epoch)
    }

    /// [`stamped`](Self::stamped), without a copy when nobody else has the bytes.
    ///
    /// ```
    /// use mqlab_core::ids::{Epoch, Offset};
    /// use mqlab_core::log::contract::batch;
    /// let (batches, at) = (batch(0, 3), batch(0, 3).stamped(Offset(7), Epoch(2)));
    /// let place = batches.bytes().as_ptr();
    /// let stamped = batches.into_stamped(Offset(7), Epoch(2));
    /// assert_eq!(stamped, at);
    /// assert_eq!(stamped.into_bytes().as_ptr(), place);
    /// ```
    #[must_use]
    pub fn into_stamped(self, base: Offset, epoch: Epoch) -> Self {
        let mut bytes = self.bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let (mut start, mut offset) = (0, base);
        while start < bytes.len() {
            let batch = &mut bytes[start..];
            batch[..8].copy_from_slice(&(offset.0 as i64).to_be_bytes());
            batch[at::EPOCH..at::MAGIC].copy_from_slice(&(epoch.0 as i32).to_be_bytes());
            offset = offset.plus(i32_at(batch, at::LAST_DELTA) as u64 + 1);
            start += i32_at(batch, at::LENGTH) as usize + LENGTH_END;
        }
        Self { bytes: bytes.freeze() }
    }

    /// The bytes alone: whoever writes batch after batch may use their memory again.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The batches whose every offset is below `until`.
    #[must_use]
    pub fn below(&self, until: Offset) -> Self {
        let kept: usize =
            self.iter().take_while(|batch| batch.next() <= until).map(|batch| batch.bytes.len()).sum();
        Self { bytes: self.bytes.slice(..kept) }
    }

    /// These batches and then `others`, in one piece.
    #[must_use]
    pub fn joined<'a>(parts: impl IntoIterator<Item = &'a Batch, IntoIter: Clone>) -> Self {
        let parts = parts.into_iter();
        let mut rest = parts.clone();
        match (rest.next(), rest.next()) {
            (None, _) => return Self::default(),
            (Some(only), None) => return Self { bytes: only.bytes.clone() },
            (Some(_), Some(_)) => {}
        }
        let mut bytes = BytesMut::with_capacity(parts.clone().map(|batch| batch.bytes.len()).sum());
        parts.for_each(|batch| bytes.extend_from_slice(&batch.bytes));
        Self { bytes: bytes.freeze() }
    }
}

impl From<Batch> for Batches {
    fn from(batch: Batch) -> Self {
        Self { bytes: batch.bytes }
    }
}

/// One checked batch.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// let batch = batch(5, 3).iter().next().ok_or("one batch")?;
/// assert_eq!((batch.base(), batch.next(), batch.count()), (Offset(5), Offset(8), 3));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
}

impl Batch {
    /// What was checked before, with less in it.
    pub(super) fn trusted(bytes: Bytes) -> Self {
        Self { bytes }
    }

    /// The bytes of header and records.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the header says, as [`BatchHeader::peek`] reads it.
    pub fn header(&self) -> BatchHeader {
        let (base, next, bytes) = (self.base(), self.next(), self.bytes.len() as u32);
        BatchHeader { base, next, bytes, max_timestamp: self.max_timestamp() }
    }

    /// The offset of the first record.
    pub fn base(&self) -> Offset {
        Offset(i64_at(&self.bytes, 0) as u64)
    }

    /// The offset after the last record.
    pub fn next(&self) -> Offset {
        self.base().plus(self.offsets())
    }

    /// How many offsets the batch takes; after compaction, more than it has records.
    fn offsets(&self) -> u64 {
        i32_at(&self.bytes, at::LAST_DELTA) as u64 + 1
    }

    /// The leader's epoch when the batch was appended; `None` before a leader stamped it.
    pub fn epoch(&self) -> Option<Epoch> {
        u32::try_from(i32_at(&self.bytes, at::EPOCH)).ok().map(Epoch)
    }

    /// How many records the batch holds.
    pub fn count(&self) -> u32 {
        i32_at(&self.bytes, at::COUNT) as u32
    }

    /// The greatest timestamp of its records, in milliseconds.
    pub fn max_timestamp(&self) -> i64 {
        i64_at(&self.bytes, at::MAX_TIMESTAMP)
    }

    /// Who wrote it, and the number of its first record; [`Producer::ANONYMOUS`] of a producer without identity.
    pub fn producer(&self) -> Producer {
        Producer {
            id: i64_at(&self.bytes, at::PRODUCER_ID),
            epoch: i16_at(&self.bytes, at::PRODUCER_EPOCH),
            sequence: i32_at(&self.bytes, at::SEQUENCE),
        }
    }

    /// Whether this is a transaction's marker rather than data.
    pub fn is_control(&self) -> bool {
        i16_at(&self.bytes, at::ATTRIBUTES) & CONTROL != 0
    }

    /// Its records, lent; none of a control batch.
    pub fn lent(&self) -> Lent<'_> {
        Lent::of(&self.bytes)
    }

    /// The identities of its messages, in order; a record without one has no part in it.
    fn message_ids(self) -> impl Iterator<Item = MessageId> + use<> {
        let mut start = BATCH_HEADER_BYTES;
        core::iter::from_fn(move || {
            let mut rest = &self.bytes[start..];
            let fields = Fields::take_sound(&mut rest)?;
            start = self.bytes.len() - rest.len();
            Some(fields.message_id())
        })
        .flatten()
    }

    /// The records, sharing the batch's bytes.
    pub fn records(&self) -> impl Iterator<Item = Record> + use<> {
        let batch = self.clone();
        let mut start = BATCH_HEADER_BYTES;
        core::iter::from_fn(move || {
            let whole = &batch.bytes[..];
            let mut rest = &whole[start..];
            let fields = Fields::take_sound(&mut rest)?;
            start = whole.len() - rest.len();
            Some(fields.record(&batch))
        })
    }
}

/// One record, with its offset and time worked out.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::record::{BatchBuilder, NewRecord};
/// let mut builder = BatchBuilder::new();
/// builder.push(&NewRecord { value: Some("paid".into()), ..Default::default() }.with_id(MessageId(7)))?;
/// let record = builder.build().records().next().ok_or("one record")?;
/// assert_eq!(record.value.as_deref(), Some(&b"paid"[..]));
/// assert_eq!(record.message_id(), Some(MessageId(7)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub offset: Offset,
    /// Milliseconds; what they count from is the writer's choice.
    pub timestamp: i64,
    /// The key, if any: it decides the partition, and compaction keeps the latest of each.
    pub key: Option<Bytes>,
    /// The payload; none is a tombstone.
    pub value: Option<Bytes>,
    /// Named values beside the payload.
    pub headers: Headers,
}

impl Record {
    /// The message's identity, when its producer gave it one.
    pub fn message_id(&self) -> Option<MessageId> {
        id_from(self.headers.get(MESSAGE_ID_HEADER.as_bytes())??)
    }
}

/// The identity that the value of its header says.
pub(super) fn id_from(value: &[u8]) -> Option<MessageId> {
    Some(MessageId(u64::from_be_bytes(value.try_into().ok()?)))
}

/// A record as it stands in the bytes: deltas, and slices of what was walked.
pub(super) struct Fields<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    header_count: u32,
    /// The headers' bytes: walked once to see that they are sound.
    pub(super) headers: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Takes the record at the front of `bytes`; `None` when it cannot be read whole.
    #[inline(always)]
    pub(super) fn take(bytes: &mut &'a [u8]) -> Option<Self> {
        let fields = Self::take_sound(bytes)?;
        let mut rest = fields.headers;
        for _ in 0..fields.header_count {
            take_header(&mut rest)?;
        }
        rest.is_empty().then_some(fields)
    }

    /// The same with headers that were walked before, or will not be looked at.
    #[inline(always)]
    pub(super) fn take_sound(bytes: &mut &'a [u8]) -> Option<Self> {
        let length = usize::try_from(varint::take(bytes)?).ok()?;
        let (body, after) = bytes.split_at_checked(length)?;
        *bytes = after;
        let (&_attributes, mut body) = body.split_first()?;
        let timestamp_delta = varint::take(&mut body)?;
        let offset_delta = varint::take(&mut body)?;
        let key = take_slice(&mut body)?;
        let value = take_slice(&mut body)?;
        let header_count = u32::try_from(varint::take(&mut body)?).ok()?;
        Some(Self { timestamp_delta, offset_delta, key, value, header_count, headers: body })
    }

    /// The message's identity, when its producer gave it one: as [`Record::message_id`] says it.
    fn message_id(&self) -> Option<MessageId> {
        let (_, value) = walk(self.headers).find(|(name, _)| *name == MESSAGE_ID_HEADER.as_bytes())?;
        id_from(value?)
    }

    fn record(self, batch: &Batch) -> Record {
        let share = |slice: &[u8]| batch.bytes.slice_ref(slice);
        let headers = match self.header_count {
            0 => Headers::new(),
            count => Headers::trusted(count, share(self.headers)),
        };
        Record {
            offset: batch.base().plus(self.offset_delta as u64),
            timestamp: i64_at(&batch.bytes, at::BASE_TIMESTAMP).wrapping_add(self.timestamp_delta),
            key: self.key.map(share),
            value: self.value.map(share),
            headers,
        }
    }
}
