//! Stepping through a segment from header to header, without reading the records.

use std::fs::File;
use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::{BatchHeader, Malformed};

use super::disk::Files;
use crate::error::Error;

/// How many bytes one read fetches: the headers of all batches between two index entries, when they are small.
const WINDOW_BYTES: usize = 8 * 1024;

/// A batch as its header describes it, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) position: u64,
    pub(super) header: BatchHeader,
}

impl Step {
    /// Where the batch after it begins.
    pub(super) fn end(&self) -> u64 {
        self.position + u64::from(self.header.bytes)
    }
}

/// A walk over the batches of a segment. It sees to it that lengths and offsets make sense; whether a batch is
/// sound only its checksum knows, which whoever loads it checks.
pub(super) struct Walk<'a> {
    files: &'a Files,
    file: &'a File,
    path: &'a Path,
    position: u64,
    size: u64,
    expected: Offset,
    /// Where the segment ends: no batch reaches past it.
    end: Offset,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Walk<'a> {
    /// A walk from `position`, where a batch with `expected` or a later offset begins, up to `size` bytes and `end`.
    pub(super) fn new(
        files: &'a Files,
        (file, path): (&'a File, &'a Path),
        position: u64,
        size: u64,
        (expected, end): (Offset, Offset),
    ) -> Self {
        Self { files, file, path, position, size, expected, end, window: Vec::new(), window_at: 0 }
    }

    /// The next batch; none at the end.
    pub(super) fn step(&mut self) -> Result<Option<Step>, Error> {
        if self.position >= self.size {
            return Ok(None);
        }
        self.fill()?;
        let from = (self.position - self.window_at) as usize;
        let header = BatchHeader::peek(&self.window[from..]).and_then(|header| self.check(header));
        let header = header.map_err(|reason| Error::Damaged {
            path: self.path.to_owned(),
            position: self.position,
            reason,
        })?;
        let step = Step { position: self.position, header };
        (self.position, self.expected) = (step.end(), header.next);
        Ok(Some(step))
    }

    /// Takes all steps that are left; says which offset follows the last.
    pub(super) fn run(&mut self) -> Result<Offset, Error> {
        while self.step()?.is_some() {}
        Ok(self.expected)
    }

    /// Where the next batch begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Goes back to before a step, so that it is taken again.
    pub(super) fn back_to(&mut self, step: &Step) {
        (self.position, self.expected) = (step.position, step.header.base);
    }

    fn check(&self, header: BatchHeader) -> Result<BatchHeader, Malformed> {
        let have = self.size - self.position;
        if have < u64::from(header.bytes) {
            return Err(Malformed::CutOff { have: have as usize, need: header.bytes as usize });
        }
        if header.base < self.expected {
            return Err(Malformed::OutOfOrder { expected: self.expected.0, found: header.base.0 });
        }
        if header.next > self.end {
            return Err(Malformed::Content("an offset behind the end of its segment"));
        }
        Ok(header)
    }

    /// Sees to it that the window holds what there is of the header at `position`.
    fn fill(&mut self) -> Result<(), Error> {
        let need = BatchHeader::BYTES.min((self.size - self.position) as usize) as u64;
        if self.position >= self.window_at
            && self.position + need <= self.window_at + self.window.len() as u64
        {
            return Ok(());
        }
        self.window.resize(WINDOW_BYTES.min((self.size - self.position) as usize), 0);
        self.window_at = self.position;
        self.files.read_at(self.file, self.path, &mut self.window, self.position)
    }
}
