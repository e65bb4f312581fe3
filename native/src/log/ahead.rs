//! What does a log do ahead of its end? It gets blocks for what is to come, so that a write, or a flush, has less to do.
//!
//! ```text
//!   appending       │ batches ─────────▶│        each write looks for blocks; each flush writes the bytes, and then the
//!                                                file's new length and blocks into the file system's journal: two trips
//!   reserved        │ batches ─────────▶│┄ ┄ ┄ ┄ ┄│              each write finds its blocks
//!   written ahead   │ batches ─────────▶│0 0 0 0 0 0 0 0│        and each flush writes the bytes: one trip to the disk
//! ```
//!
//! *Reserved* blocks (`fallocate`, with the length kept) cost one call for many writes, and nobody sees them. But to write to
//! them for the first time changes the file's metadata, too, so a flush gains nothing. For whoever flushes small batches
//! zeros are *written* ahead, and flushed once for many batches to come. They stand for no batch: its length would be 0.
//!
//! What real systems do: etcd and Cassandra write their logs ahead; RocketMQ "warms" its mapped files; raft-engine
//! reserves, as Kafka's `preallocate` does.

use std::fs::File;
use std::path::Path;

use super::disk::Files;
use crate::error::Error;

/// The least that is done ahead, in bytes. It doubles until it is as much as it may be: a small log stays small.
const AHEAD_BYTES_MIN: u64 = 64 * 1024;
/// The most that is reserved at a time, in bytes.
const RESERVED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How far the blocks of a segment reach.
#[derive(Debug)]
pub(super) struct Ahead {
    /// How many bytes are written ahead at most; 0 for none.
    most: u64,
    next: u64,
    /// The length of the file, as far as it is known.
    len: u64,
    /// How much is reserved the next time; 0 where that cannot be done.
    next_reserve: u64,
    /// Up to where blocks are reserved.
    reserved: u64,
}

impl Ahead {
    /// Of a segment whose file has so many bytes.
    pub(super) fn new(most: u32, len: u64) -> Self {
        let next = AHEAD_BYTES_MIN.min(most.into());
        Self { most: most.into(), next, len, next_reserve: AHEAD_BYTES_MIN, reserved: len }
    }

    /// Whether the file is longer than its batches.
    pub(super) fn has_beyond(&self, size: u64) -> bool {
        self.len > size
    }

    /// Whether the file has blocks beyond its batches, seen or not.
    pub(super) fn has_blocks_beyond(&self, size: u64) -> bool {
        self.len.max(self.reserved) > size
    }

    /// Sees to it that the file has blocks up to `end`, where a write is to end, in a segment of at most `segment_bytes`.
    pub(super) fn reach(
        &mut self,
        disk: (&Files, &File, &Path),
        end: u64,
        segment_bytes: u64,
    ) -> Result<(), Error> {
        if end <= self.len {
            Ok(())
        } else if self.most == 0 {
            self.reserve(disk, end, segment_bytes);
            Ok(())
        } else {
            self.write(disk, end)
        }
    }

    fn reserve(&mut self, (files, file, path): (&Files, &File, &Path), end: u64, segment_bytes: u64) {
        if end <= self.reserved || self.next_reserve == 0 {
            return;
        }
        // For several writes like this one; but what would lie beyond the segment's end nobody would use.
        let step = self.next_reserve.max(4 * (end - self.reserved)).min(RESERVED_BYTES_MAX);
        let to = (end + step).min(segment_bytes.max(end));
        if files.reserve(file, path, self.reserved, to - self.reserved) {
            self.reserved = to;
            self.next_reserve = (self.next_reserve * 2).min(RESERVED_BYTES_MAX);
        } else {
            self.next_reserve = 0; // it does without
        }
    }

    fn write(&mut self, (files, file, path): (&Files, &File, &Path), end: u64) -> Result<(), Error> {
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
