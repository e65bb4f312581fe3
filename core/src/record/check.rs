//! Are these bytes batches? One walk answers, and shows the records on its way to whoever wants to see them.
//!
//! ```text
//!   header ──▶ sum of the batch ──▶ what follows ──▶ record ──▶ record ──▶ ...  next batch
//!   lengths,   damage ends the      does it begin    each is checked, and
//!   format     walk here            late enough?     then shown
//! ```
//!
//! A batch's offset lies outside its sum. That it is too great is told by the batch behind it, so that one is asked
//! before any record is shown: nobody sees an offset that the bytes contradict.

use core::ops::Range;

use super::batch::{CONTROL, Fields};
use super::header::{at, batch_len, i16_at, i32_at, i64_at};
use super::lent::LentRecord;
use super::{BATCH_HEADER_BYTES, Codec, Malformed, crc32c};
use crate::ids::Offset;

/// The bits of the attributes that name the compression codec.
const CODEC_MASK: i16 = 0b111;

/// How many bytes at the front of `bytes` are whole, sound batches that follow each other from `from` on, the
/// offset after the last of them, and what ended the walk early.
///
/// This is recovery after a torn write: what a log keeps of a file whose end cannot be trusted.
pub fn whole_prefix(bytes: &[u8], from: Offset) -> (usize, Offset, Option<Malformed>) {
    show_prefix(bytes, from..Offset(u64::MAX), |_| {})
}

/// [`whole_prefix`] of batches between two offsets that shows each record, lent, as soon as it is checked; control batches
/// are left out. When the last batch reaches past the span, all bytes are sound and [`Malformed::OutOfOrder`] says so.
///
/// What was shown stands before what is wrong. Not everything before it need have been shown: a batch with an offset that
/// the one behind it contradicts is not.
///
/// ```
/// use mqlab_core::ids::Offset;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::record::{Malformed, show_prefix};
/// let bytes = [batch(5, 2).into_bytes(), batch(7, 1).into_bytes()].concat();
/// let mut seen = Vec::new();
/// let walked = show_prefix(&bytes[..bytes.len() - 1], Offset(0)..Offset(8), |record| seen.push(record.offset.0));
/// assert!(matches!(walked, (_, Offset(7), Some(Malformed::CutOff { .. }))));
/// assert_eq!(seen, [5, 6]);
/// ```
pub fn show_prefix<'a>(
    bytes: &'a [u8],
    span: Range<Offset>,
    mut show: impl FnMut(LentRecord<'a>),
) -> (usize, Offset, Option<Malformed>) {
    let (mut good, mut next) = (0, span.start);
    while good < bytes.len() {
        match show_batch(&bytes[good..], next..span.end, &mut show) {
            Ok((length, after)) => (good, next) = (good + length, after),
            Err(malformed) => return (good, next, Some(malformed)),
        }
    }
    let beyond = next > span.end;
    (good, next, beyond.then_some(Malformed::OutOfOrder { expected: next.0, found: span.end.0 }))
}

/// Checks the batch at the front of `bytes` through and through; returns its length, and the offset after it.
fn show_batch<'a>(
    bytes: &'a [u8],
    span: Range<Offset>,
    show: &mut impl FnMut(LentRecord<'a>),
) -> Result<(usize, Offset), Malformed> {
    let (batch, behind) = bytes.split_at(batch_len(bytes)?);
    check_header(batch)?;
    let base = Offset(i64_at(batch, 0) as u64);
    let follows = base >= span.start;
    let next = base.plus(i64::from(i32_at(batch, at::LAST_DELTA)) as u64 + 1);
    let contradicted = behind.first_chunk().is_some_and(|base| u64::from_be_bytes(*base) < next.0);
    let is_control = i16_at(batch, at::ATTRIBUTES) & CONTROL != 0;
    if follows && next <= span.end && !contradicted && !is_control {
        show_records(batch, show)?;
    } else {
        show_records(batch, &mut |_| {})?;
    }
    if follows {
        Ok((batch.len(), next))
    } else {
        Err(Malformed::OutOfOrder { expected: span.start.0, found: base.0 })
    }
}

/// Everything of a batch but its records.
fn check_header(bytes: &[u8]) -> Result<(), Malformed> {
    let magic = bytes[at::MAGIC];
    if magic != 2 {
        return Err(Malformed::Magic(magic));
    }
    let stored = i32_at(bytes, at::CRC) as u32;
    let computed = crc32c(&bytes[at::ATTRIBUTES..]);
    if stored != computed {
        return Err(Malformed::Checksum { stored, computed });
    }
    let codec = i16_at(bytes, at::ATTRIBUTES) & CODEC_MASK;
    if codec != 0 {
        return Err(Malformed::Compressed(Codec(codec as u8)));
    }
    let base = i64_at(bytes, 0);
    if base < 0 {
        return Err(Malformed::Content("a negative base offset"));
    }
    let (last_delta, count) = (i32_at(bytes, at::LAST_DELTA), i32_at(bytes, at::COUNT));
    if base.checked_add(i64::from(last_delta)).is_none_or(|last| last == i64::MAX) {
        return Err(Malformed::Content("an offset beyond all that can be written"));
    }
    if count < 0 || last_delta < 0 || count > last_delta.saturating_add(1) {
        return Err(Malformed::Content("the number of records does not fit the offsets"));
    }
    Ok(())
}

/// Walks the records once, so that nobody has to doubt them later.
#[inline]
fn show_records<'a>(batch: &'a [u8], show: &mut impl FnMut(LentRecord<'a>)) -> Result<(), Malformed> {
    let (base, base_timestamp) = (Offset(i64_at(batch, 0) as u64), i64_at(batch, at::BASE_TIMESTAMP));
    let last_delta = i64::from(i32_at(batch, at::LAST_DELTA));
    let mut rest = &batch[BATCH_HEADER_BYTES..];
    let mut delta_min = 0;
    for _ in 0..i32_at(batch, at::COUNT) {
        let fields = Fields::take(&mut rest).ok_or(Malformed::Content("a record that cannot be read"))?;
        if !(delta_min..=last_delta).contains(&fields.offset_delta) {
            return Err(Malformed::Content("offsets of records that do not rise"));
        }
        delta_min = fields.offset_delta + 1;
        show(LentRecord::of(&fields, base, base_timestamp));
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed::Content("bytes after the last record")) }
}
