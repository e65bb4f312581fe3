//! What is a log worth after a crash? Everything up to the last whole batch, and not a byte is dropped unsaid.
//!
//! ```text
//!   earlier segments                          the last segment
//!   were flushed before the next was begun    was being written
//!   ┌────────┬────────┬────────┐              ┌────────┬────────┬────╳
//!   │        │        │        │              │        │        │torn
//!   └────────┴────────┴────────┘              └────────┴────────┴────╳
//!   must end where the next begins:           is read whole, checksums too. A tail that is no batch
//!   otherwise an error                        is cut off and reported; a bad batch with whole ones
//!                                             after it is damage, and an error
//! ```
//!
//! A write that a crash interrupted leaves a tail that is not a batch. Damage leaves a batch that is not sound and
//! sound ones behind it; to cut there would throw away what was acknowledged long ago. So after the first bad
//! byte the rest of the file is searched: if any later batch is whole and its checksum right, nothing is cut. A
//! power cut can leave that picture too, when the disk wrote later pages before earlier ones; then a person
//! decides, since the file alone cannot tell.
//!
//! The checksums of earlier segments are not summed at opening, which would read the whole log: they are checked
//! when the bytes are read.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mqlab_core::ids::{LogName, Offset};
use mqlab_core::record::{BATCH_BYTES_MAX, BATCH_HEADER_BYTES, BatchHeader, Malformed, whole_prefix};

use super::index::Index;
use super::segment::{Segment, index_path};
use crate::error::{Context as _, Error};

/// How many bytes of a segment are read at once, as long as its batches are smaller.
const CHUNK_BYTES: u64 = 1024 * 1024;
/// How far an offset can be from its segment's base: what the index can say.
const RELATIVE_MAX: u64 = i32::MAX as u64;
/// How many bytes are summed in search of a whole batch after a bad one. Whoever wrote more lookalikes than that
/// into a message did it on purpose: the answer is then not to cut.
const SUMMED_BYTES_MAX: u64 = 4 * BATCH_BYTES_MAX as u64;

/// A torn tail that was cut off when a log was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The log.
    pub log: LogName,
    /// The segment that was cut.
    pub path: PathBuf,
    /// Its length now.
    pub bytes_kept: u64,
    /// How many bytes were cut off.
    pub bytes_cut: u64,
    /// Why they are not a batch.
    pub reason: Malformed,
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, path, bytes_kept, bytes_cut, reason } = self;
        write!(
            f,
            "{log}: a write was interrupted, {bytes_cut} bytes after byte {bytes_kept} of {} are cut off: {reason}",
            path.display()
        )
    }
}

/// Opens a segment that others follow, the next of which begins at `next`.
pub(super) fn open_sealed(
    path: Arc<Path>,
    base: Offset,
    next: Offset,
    interval: u32,
) -> Result<Segment, Error> {
    let size = fs::metadata(&path).context("read", &path)?.len();
    let index = Index::load(&index_path(&path), base, size);
    let file = File::open(&path).context("open", &path)?;
    if let Some(index) = index {
        let segment = Segment { base, end: next, size, index, path: path.clone() };
        if ends_at(&segment, &file, next) {
            return Ok(segment);
        }
    }
    let mut segment = Segment { base, end: next, size, index: Index::new(base), path };
    let mut index = Index::new(base);
    let mut walk = segment.walk(&file, None);
    while let Some(step) = walk.step()? {
        index.note(interval, step.position, &step.header);
    }
    if walk.expected() != next {
        let ends = walk.expected();
        return Err(Error::Gap { path: segment.path.to_path_buf(), ends, next });
    }
    segment.index = index;
    segment.save_index()?;
    Ok(segment)
}

/// Whether the last batch that the index knows is there, and from it to the end everything fits.
fn ends_at(segment: &Segment, file: &File, next: Offset) -> bool {
    let last = segment.index.last();
    let mut walk = segment.walk(file, last);
    if last.is_some_and(|last| last.position() != walk.position()) {
        return false; // the index is wrong: the walk began at the front instead
    }
    loop {
        match walk.step() {
            Ok(Some(_)) => {}
            Ok(None) => return walk.expected() == next,
            Err(_) => return false,
        }
    }
}

/// Opens the last segment: reads all of it, and cuts off a torn tail. What is kept is durable when this returns.
pub(super) fn open_last(
    path: Arc<Path>,
    base: Offset,
    interval: u32,
    log: &LogName,
) -> Result<(Segment, Arc<File>, Option<Recovered>), Error> {
    let file = File::options().read(true).write(true).open(&path).context("open", &path)?;
    let size = file.metadata().context("read", &path)?.len();
    let mut segment = Segment { base, end: base, size: 0, index: Index::new(base), path };
    let bad = scan(&mut segment, &file, size, interval)?;
    let recovered = bad.map(|reason| cut_off(&segment, &file, size, reason, log)).transpose()?;
    // A crash of the process alone leaves bytes that the system has and the disk does not yet.
    file.sync_all().context("flush", &segment.path)?;
    segment.save_index()?;
    Ok((segment, Arc::new(file), recovered))
}

/// Cuts the file down to the segment's whole batches, unless there are more behind what is bad.
fn cut_off(
    segment: &Segment,
    file: &File,
    size: u64,
    reason: Malformed,
    log: &LogName,
) -> Result<Recovered, Error> {
    let (path, kept) = (segment.path.to_path_buf(), segment.size);
    if is_whole_though_bad(&reason) || whole_batch_after(segment, file, kept + 1..size)? {
        return Err(Error::Damaged { path, position: kept, reason });
    }
    file.set_len(kept).context("truncate", &path)?;
    Ok(Recovered { log: log.clone(), path, bytes_kept: kept, bytes_cut: size - kept, reason })
}

/// Takes the whole, sound batches at the front of a file of `size` bytes into the segment, and says what is wrong
/// with the bytes after them, if there are any.
fn scan(segment: &mut Segment, file: &File, size: u64, interval: u32) -> Result<Option<Malformed>, Error> {
    let (mut buffer, mut want) = (Vec::new(), CHUNK_BYTES);
    while segment.size < size {
        let rest = size - segment.size;
        buffer.resize(want.min(rest) as usize, 0);
        file.read_exact_at(&mut buffer, segment.size).context("read", &segment.path)?;
        let (whole, _, bad) = whole_prefix(&buffer, segment.end);
        segment.take_in(&buffer[..whole], interval);
        want = CHUNK_BYTES;
        match bad {
            // Not the end of the file: only of what was read at once.
            Some(Malformed::CutOff { need, .. }) if (buffer.len() as u64) < rest => {
                want = CHUNK_BYTES.max(need as u64);
            }
            Some(reason) => return Ok(Some(reason)),
            None => {}
        }
    }
    Ok(None)
}

/// Whether a batch's checksum was right, so that no crash can have torn it: it is wrong in what it says, or it is
/// the batch before it that says a wrong offset, which lies outside the checksum.
fn is_whole_though_bad(reason: &Malformed) -> bool {
    use Malformed::{Checksum, CutOff, Length, Magic};
    !matches!(reason, CutOff { .. } | Length(_) | Magic(_) | Checksum { .. })
}

/// Whether a whole batch stands anywhere in `bytes` that may follow the one that is bad.
fn whole_batch_after(segment: &Segment, file: &File, bytes: Range<u64>) -> Result<bool, Error> {
    let Segment { base, end: bad, path, .. } = segment;
    let offsets = bad.0 + 1..=base.0.saturating_add(RELATIVE_MAX);
    let (mut at, mut summed) = (bytes.start, 0);
    let mut window = Vec::new();
    while at + BATCH_HEADER_BYTES as u64 <= bytes.end {
        window.resize(CHUNK_BYTES.min(bytes.end - at) as usize, 0);
        file.read_exact_at(&mut window, at).context("read", path)?;
        let starts = window.len() - BatchHeader::BYTES + 1;
        for start in 0..starts {
            let Ok(header) = BatchHeader::peek(&window[start..]) else {
                continue;
            };
            let (position, length) = (at + start as u64, u64::from(header.bytes));
            if position + length > bytes.end || !offsets.contains(&header.base.0) {
                continue;
            }
            summed += length;
            if summed > SUMMED_BYTES_MAX || is_whole(file, path, position, header)? {
                return Ok(true);
            }
        }
        at += starts as u64;
    }
    Ok(false)
}

fn is_whole(file: &File, path: &Path, position: u64, header: BatchHeader) -> Result<bool, Error> {
    let mut batch = vec![0; header.bytes as usize];
    file.read_exact_at(&mut batch, position).context("read", path)?;
    Ok(whole_prefix(&batch, header.base).2.is_none())
}
