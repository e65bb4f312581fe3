//! What the header of a batch claims: enough to step from one batch to the next.

use bytes::Buf as _;

use super::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, LENGTH_END, Malformed};
use crate::ids::Offset;

/// Where the fields of the header begin.
pub(super) mod at {
    pub(in crate::record) const LENGTH: usize = 8;
    pub(in crate::record) const EPOCH: usize = 12;
    pub(in crate::record) const MAGIC: usize = 16;
    pub(in crate::record) const CRC: usize = 17;
    pub(in crate::record) const ATTRIBUTES: usize = 21;
    pub(in crate::record) const LAST_DELTA: usize = 23;
    pub(in crate::record) const BASE_TIMESTAMP: usize = 27;
    pub(in crate::record) const MAX_TIMESTAMP: usize = 35;
    pub(in crate::record) const PRODUCER_ID: usize = 43;
    pub(in crate::record) const PRODUCER_EPOCH: usize = 51;
    pub(in crate::record) const SEQUENCE: usize = 53;
    pub(in crate::record) const COUNT: usize = 57;
}

pub(super) fn i16_at(bytes: &[u8], at: usize) -> i16 {
    (&bytes[at..]).get_i16()
}

pub(super) fn i32_at(bytes: &[u8], at: usize) -> i32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    i32::from_be_bytes(four)
}

pub(super) fn i64_at(bytes: &[u8], at: usize) -> i64 {
    (&bytes[at..]).get_i64()
}

/// The length of the batch at the front of `bytes`, if its header names a credible one.
fn claimed_len(bytes: &[u8]) -> Result<usize, Malformed> {
    if bytes.len() < LENGTH_END {
        return Err(Malformed::CutOff { have: bytes.len(), need: BATCH_HEADER_BYTES });
    }
    let length = i32_at(bytes, at::LENGTH);
    let total = usize::try_from(length).map_err(|_| Malformed::Length(length))?.saturating_add(LENGTH_END);
    if !(BATCH_HEADER_BYTES..=BATCH_BYTES_MAX).contains(&total) {
        return Err(Malformed::Length(length));
    }
    Ok(total)
}

/// The same, once the batch is there whole.
pub(super) fn batch_len(bytes: &[u8]) -> Result<usize, Malformed> {
    let total = claimed_len(bytes)?;
    if bytes.len() < total {
        return Err(Malformed::CutOff { have: bytes.len(), need: total });
    }
    Ok(total)
}

/// What the first bytes of a batch say about it, before anybody summed the rest.
///
/// With it a log finds its way through a file without reading the records. It is a claim: whoever hands the
/// bytes on has them checked by [`Batches::parse`](super::Batches::parse).
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::record::BatchHeader;
/// let batches = batch(5, 3);
/// let header = BatchHeader::peek(&batches.bytes()[..BatchHeader::BYTES])?;
/// assert_eq!((header.base, header.next), (Offset(5), Offset(8)));
/// # Ok::<(), mqlab_core::record::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record.
    pub base: Offset,
    /// The offset after the last.
    pub next: Offset,
    /// The length of the whole batch.
    pub bytes: u32,
    /// The greatest timestamp of its records, in milliseconds.
    pub max_timestamp: i64,
}

impl BatchHeader {
    /// How many bytes at the front of a batch are looked at.
    pub const BYTES: usize = at::PRODUCER_ID;

    /// Reads the claim at the front of `bytes`, which need not hold the whole batch.
    ///
    /// # Errors
    ///
    /// [`Malformed`] when it cannot be true, or fewer than [`BYTES`](Self::BYTES) bytes are there.
    ///
    /// ```
    /// use mqlab_core::record::{BatchBuilder, BatchHeader, NewRecord};
    /// let mut builder = BatchBuilder::new();
    /// builder.push(&NewRecord::default())?;
    /// let batches = builder.build();
    /// let header = BatchHeader::peek(&batches.bytes()[..BatchHeader::BYTES])?;
    /// assert_eq!((header.base.0, header.next.0, header.bytes as usize), (0, 1, batches.bytes().len()));
    /// # Ok::<(), mqlab_core::record::Malformed>(())
    /// ```
    pub fn peek(bytes: &[u8]) -> Result<Self, Malformed> {
        let total = claimed_len(bytes)?;
        if bytes.len() < Self::BYTES {
            return Err(Malformed::CutOff { have: bytes.len(), need: total });
        }
        if bytes[at::MAGIC] != 2 {
            return Err(Malformed::Magic(bytes[at::MAGIC]));
        }
        let Ok(base) = u64::try_from(i64_at(bytes, 0)) else {
            return Err(Malformed::Content("a negative base offset"));
        };
        let Ok(last_delta) = u32::try_from(i32_at(bytes, at::LAST_DELTA)) else {
            return Err(Malformed::Content("a negative number of offsets"));
        };
        let next = Offset(base).plus(u64::from(last_delta) + 1);
        let max_timestamp = i64_at(bytes, at::MAX_TIMESTAMP);
        Ok(Self { base: Offset(base), next, bytes: total as u32, max_timestamp })
    }
}
