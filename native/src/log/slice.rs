//! Stored bytes that were found and not yet read: parts of files.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use mqlab_core::ids::Offset;
use mqlab_core::log::Slice;
use mqlab_core::record::{Batches, Malformed, whole_prefix};

use super::segment::{Range, Segment};
use crate::error::{Context as _, Error};

/// Whole batches of a log, as parts of its segments' files.
///
/// It keeps the files open, so that trimming the log takes nothing away from it. Truncating does: what is cut off
/// and written anew is not what was found, and [`load`](Slice::load) says so where it can tell. Carry out what a
/// broker wants sent before handing it the next input, and the question does not arise.
#[derive(Clone, Debug, Default)]
pub struct FileSlice {
    parts: Vec<Part>,
}

/// A part of one segment.
#[derive(Clone, Debug)]
struct Part {
    file: Arc<File>,
    path: Arc<Path>,
    range: Range,
}

impl FileSlice {
    pub(super) fn push(&mut self, segment: &Segment, file: Arc<File>, range: Range) {
        self.parts.push(Part { file, path: segment.path.clone(), range });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Names the file and the place of what is wrong with the bytes that were read.
    fn damage(&self, bytes: &[u8]) -> Error {
        let (good, _, reason) = whole_prefix(bytes, Offset::ZERO);
        let mut position = good as u64;
        for Part { path, range, .. } in &self.parts {
            if position < range.bytes
                && let Some(reason) = reason
            {
                let position = range.position + position;
                return Error::Damaged { path: path.to_path_buf(), position, reason };
            }
            position = position.saturating_sub(range.bytes);
        }
        unreachable!("bytes that parse are not damaged")
    }
}

impl Slice for FileSlice {
    type Error = Error;

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.range.bytes).sum()
    }

    /// Reads the bytes and checks them again: they come from outside.
    fn load(&self) -> Result<Batches, Error> {
        let mut bytes = vec![0; self.bytes() as usize];
        let mut at = 0;
        for Part { file, path, range } in &self.parts {
            let part = &mut bytes[at..at + range.bytes as usize];
            file.read_exact_at(part, range.position).context("read", path)?;
            // The checksum does not cover the base offset.
            if part.first_chunk().map(|base| u64::from_be_bytes(*base)) != Some(range.base.0) {
                return Err(Error::Changed { path: path.to_path_buf() });
            }
            at += part.len();
        }
        let bytes = bytes::Bytes::from(bytes);
        let batches = Batches::parse(bytes.clone()).map_err(|_| self.damage(&bytes))?;
        // What would tell that the last batch's offset is wrong is not among them: what follows.
        match (self.parts.last(), batches.next()) {
            (Some(Part { path, range, .. }), Some(next)) if next > range.until => {
                let reason = Malformed::OutOfOrder { expected: next.0, found: range.until.0 };
                let position = range.position + range.bytes;
                Err(Error::Damaged { path: path.to_path_buf(), position, reason })
            }
            _ => Ok(batches),
        }
    }
}
