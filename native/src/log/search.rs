//! Is there a whole batch behind bytes that are none? Where one stands, something was stored and then damaged, or a disk
//! wrote later pages before earlier ones.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use mqlab_core::record::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BatchHeader, Malformed, whole_prefix};

use super::disk::Files;
use super::recovery::CHUNK_BYTES;
use super::segment::Segment;
use crate::error::Error;

/// How far an offset can be from its segment's base: what the index can say.
pub(super) const RELATIVE_MAX: u64 = i32::MAX as u64;
/// How many bytes are summed in search of a whole batch before a log is cut. Whoever wrote more lookalikes than that into
/// a message did it on purpose: the answer is then not to cut.
pub(super) const SUMMED_BYTES_MAX: u64 = 4 * BATCH_BYTES_MAX as u64;

/// Whether a batch's checksum was right, so that no crash can have torn it: it is wrong in what it says, or it is
/// the batch before it that says a wrong offset, which lies outside the checksum.
pub(super) fn is_whole_though_bad(reason: &Malformed) -> bool {
    use Malformed::{Checksum, CutOff, Length, Magic};
    !matches!(reason, CutOff { .. } | Length(_) | Magic(_) | Checksum { .. })
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
