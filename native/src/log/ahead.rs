//! Why does a log write zeros where nothing is yet? So that a flush has less to do.
//!
//! ```text
//!   appending       │ batches ─────────▶│        each flush writes the bytes, and then the file's new length and
//!                                                blocks into the file system's journal: two trips to the disk
//!   written ahead   │ batches ─────────▶│0 0 0 0 0 0 0 0│      each flush writes the bytes: one trip
//! ```
//!
//! Blocks that were only reserved (`fallocate`) do not do: writing to them for the first time changes the file's
//! metadata, too. So zeros are written, and flushed once for many batches to come. They stand for no batch: its length
//! would be 0.
//!
//! What real systems do: etcd and Cassandra write their logs ahead; RocketMQ "warms" its mapped files; Kafka's
//! `preallocate` reserves only.

use std::fs::File;
use std::path::Path;

use super::disk::Files;
use crate::error::Error;

/// The least that is written ahead, in bytes. It doubles until it is as much as it may be: a small log stays small.
const AHEAD_BYTES_MIN: u64 = 64 * 1024;

/// How far the blocks of a segment reach.
#[derive(Debug)]
pub(super) struct Ahead {
    /// How many bytes are written ahead at most; 0 for none.
    most: u64,
    next: u64,
    /// The length of the file, as far as it is known.
    len: u64,
}

impl Ahead {
    /// Of a segment whose file has so many bytes.
    pub(super) fn new(most: u32, len: u64) -> Self {
        Self { most: most.into(), next: AHEAD_BYTES_MIN.min(most.into()), len }
    }

    /// Whether the file is longer than its batches.
    pub(super) fn has_beyond(&self, size: u64) -> bool {
        self.len > size
    }

    /// Sees to it that the file has blocks up to `end`, where a write is to end.
    pub(super) fn reach(
        &mut self,
        (files, file, path): (&Files, &File, &Path),
        end: u64,
    ) -> Result<(), Error> {
        if end <= self.len || self.most == 0 {
            return Ok(());
        }
        let zeros = vec![0; (end - self.len + self.next) as usize];
        match files.write_at(file, path, &zeros, self.len).and_then(|()| files.sync(file, path)) {
            Ok(()) => self.len += zeros.len() as u64,
            // There may be room for the batches alone.
            Err(error) if error.is_full() => (self.most, self.len) = (0, u64::MAX),
            Err(error) => return Err(error),
        }
        self.next = (self.next * 2).min(self.most);
        Ok(())
    }
}
