//! Is there a whole batch behind bytes that are none? Where one stands, something was stored and then damaged, or a disk
//! wrote later pages before earlier ones.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BatchHeader, Malformed, whole_prefix};

use super::disk::Files;
use super::recovery::CHUNK_BYTES;
use super::segment::Segment;
use crate::error::Error;

/// How far an offset can be from its segment's base: what the index can say.
pub(super) const RELATIVE_MAX: u64 = i32::MAX as u64;
/// What a disk writes whole or not at all, in bytes; a larger sector is a multiple of it.
const SECTOR_BYTES: u64 = 512;
/// How many bytes are summed in search of a whole batch before a log is cut. Whoever wrote more lookalikes than that into
/// a message did it on purpose: the answer is then not to cut.
pub(super) const SUMMED_BYTES_MAX: u64 = 4 * BATCH_BYTES_MAX as u64;

/// Whether a batch's checksum was right, so that no crash can have torn it: it is wrong in what it says, or it is
/// the batch before it that says a wrong offset, which lies outside the checksum. But the first bytes of an offset can be
/// torn off, where it lies across two sectors of the disk.
pub(super) fn is_whole_though_bad(reason: &Malformed, position: u64) -> bool {
    use Malformed::{Checksum, CutOff, Length, Magic, OutOfOrder};
    match reason {
        CutOff { .. } | Length(_) | Magic(_) | Checksum { .. } => false,
        OutOfOrder { found, .. } => untorn_bits(position).is_none_or(|bits| found & !bits != 0),
        _ => true,
    }
}

/// The bits of a batch's offset that are left when a disk has all of the batch but what lies in the sector where it
/// begins; none when that is more than the offset and what is zero anyway: the first bytes of its length.
fn untorn_bits(position: u64) -> Option<u64> {
    let torn = SECTOR_BYTES - position % SECTOR_BYTES;
    match torn {
        8..12 => Some(0), // were the length torn, the checksum would be wrong
        1..8 => Some(u64::MAX >> (8 * torn)),
        _ => None,
    }
}

/// Whether a batch at `position`, behind a gap after `end`, could lose a part of its offset in a power cut and look sound
/// none the less: it begins a segment then, so that its header lies in one sector.
pub(super) fn may_be_torn(position: u64, end: Offset, base: Offset) -> bool {
    let left = untorn_bits(position).map(|bits| base.0 & bits);
    left.is_some_and(|left| left != base.0 && left >= end.0)
}

/// Where the first whole batch stands in `bytes` that may follow the segment's batches. When more than `summed_max` bytes
/// had to be summed, it is taken to be the last that was looked at.
pub(super) fn find_whole_batch(
    files: &Files,
    segment: &Segment,
    file: &File,
    bytes: Range<u64>,
    summed_max: u64,
) -> Result<Option<u64>, Error> {
    let Segment { base, end: bad, path, .. } = segment;
    let offsets = bad.0 + 1..=base.0.saturating_add(RELATIVE_MAX);
    let (mut at, mut summed) = (bytes.start, 0);
    let mut window = Vec::new();
    while at + BATCH_HEADER_BYTES as u64 <= bytes.end {
        window.resize(CHUNK_BYTES.min(bytes.end - at) as usize, 0);
        files.read_at(file, path, &mut window, at)?;
        let starts = window.len().saturating_sub(BatchHeader::BYTES) + 1;
        for start in 0..starts {
            let Ok(header) = BatchHeader::peek(&window[start..]) else {
                continue;
            };
            let (position, length) = (at + start as u64, u64::from(header.bytes));
            if position + length > bytes.end || !offsets.contains(&header.base.0) {
                continue;
            }
            summed += length;
            if summed > summed_max || is_whole(files, file, path, position, header)? {
                return Ok(Some(position));
            }
        }
        at += starts as u64;
    }
    Ok(None)
}

fn is_whole(
    files: &Files,
    file: &File,
    path: &Path,
    position: u64,
    header: BatchHeader,
) -> Result<bool, Error> {
    let mut batch = vec![0; header.bytes as usize];
    files.read_at(file, path, &mut batch, position)?;
    Ok(whole_prefix(&batch, header.base).2.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_an_offset_can_be_torn_off() {
        let out_of_order = |found| Malformed::OutOfOrder { expected: 70_000, found };
        // At 510, two of the eight bytes lie in the first sector.
        assert!(!is_whole_though_bad(&out_of_order(0x1234), 510), "their zeros may be all that is there");
        assert!(is_whole_though_bad(&out_of_order(1 << 60), 510), "these were written");
        assert!(is_whole_though_bad(&out_of_order(0x1234), 503), "these were written");
        assert!(!is_whole_though_bad(&out_of_order(0), 504));
        assert!(!is_whole_though_bad(&out_of_order(0), 503), "its length begins with a zero, too");
        assert!(
            !is_whole_though_bad(&out_of_order(0), 501),
            "as many as there are before a length below 256"
        );
        assert!(is_whole_though_bad(&out_of_order(0), 500), "no length is zero");
        assert!(is_whole_though_bad(&out_of_order(0), 512));
        // At 506, six of them: what is left of 70,000 is 4,464.
        assert!(may_be_torn(506, Offset(4_000), Offset(70_000)), "it would follow an end of 4,000");
        assert!(!may_be_torn(506, Offset(5_000), Offset(70_000)), "it would be out of order");
        assert!(!may_be_torn(507, Offset(4_000), Offset(70_000)), "nothing of it would be torn off");
        assert!(!may_be_torn(0, Offset(0), Offset(70_000)));
    }
}
