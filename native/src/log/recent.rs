//! What does a read leave for the next one, which most often goes on where it ended? The segment's open file, and the place.
//!
//! ```text
//!   read 0..40            read 40..80
//!   index ─▶ headers      place ─▶ headers      no index is asked, no file is opened
//!            │ ended at 40: byte 16,120 ──▲
//! ```
//!
//! A place is never trusted: a batch must begin there with the very offset that is asked for, or the index is asked as if
//! nothing had been left. Both go when the segment's file may become another: when it is cut off, written to again, or
//! sealed. Of all of a log's sealed segments, the file of one is kept open, the last that was read.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mqlab_core::ids::Offset;

use super::segment::Segment;
use crate::error::Error;

/// What is kept of the last read of a segment.
#[derive(Debug, Default)]
pub(super) struct Recent {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<Arc<File>>,
    /// Where the last read ended: the offset that follows, and its place.
    ended: Option<(Offset, u64)>,
}

/// Which of a log's sealed segments has its file open.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<Weak<Mutex<Inner>>>);

impl Recent {
    /// Where the batch with this offset begins, if the last read ended there.
    pub(super) fn place_of(&self, offset: Offset) -> Option<u64> {
        let (at, position) = locked(&self.inner).ended?;
        (at == offset).then_some(position)
    }

    pub(super) fn ended(&self, at: Offset, position: u64) {
        locked(&self.inner).ended = Some((at, position));
    }
}

impl Opened {
    /// The file of a sealed segment, for reading.
    pub(super) fn file_of(&self, segment: &Segment) -> Result<Arc<File>, Error> {
        let recent = &segment.recent.inner;
        if let Some(file) = &locked(recent).file {
            return Ok(file.clone());
        }
        let file = segment.file()?;
        locked(recent).file = Some(file.clone());
        let before = std::mem::replace(&mut *locked(&self.0), Arc::downgrade(recent)).upgrade();
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(before, recent)) {
            locked(&before).file = None;
        }
        Ok(file)
    }
}

/// Whoever panicked left a hint that is none, at worst.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
