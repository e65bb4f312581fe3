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

#[cfg(test)]
mod tests {
    use mqlab_core::ids::{Epoch, LogName};
    use mqlab_core::log::contract::batch;
    use mqlab_core::log::{Log as _, Slice as _, Storage as _};
    use mqlab_core::record::{BatchBuilder, Batches, NewRecord};
    use mqlab_core::rng::{Rng, Stream};

    use super::super::file_log::FileLog;
    use super::super::storage::{FileStorage, Options};
    use super::*;

    fn open(dir: &std::path::Path, segment_bytes: u32) -> (FileStorage, FileLog) {
        let options = Options { segment_bytes, index_interval_bytes: 150, ..Options::DEFAULT };
        let mut storage = FileStorage::open_with(dir, options).expect("opens");
        let log = storage.open(&LogName::Definitions).expect("opens");
        (storage, log)
    }

    fn read(log: &FileLog, (from, until, bytes_max): (u64, u64, u32)) -> Batches {
        let slice = log.read(Offset(from), Offset(until), bytes_max).expect("in range");
        slice.load().expect("sound")
    }

    /// What a read answers that nothing was left for.
    fn read_anew(log: &mut FileLog, asked: (u64, u64, u32)) -> Batches {
        let take = |segment: &mut Segment| std::mem::take(&mut segment.recent);
        let left: Vec<Recent> = log.segments.iter_mut().map(take).collect();
        let answer = read(log, asked);
        log.segments.iter_mut().zip(left).for_each(|(segment, recent)| segment.recent = recent);
        answer
    }

    /// How much is taken away from a log, and what comes back in its place.
    fn change(log: &mut FileLog, rng: &mut Rng) {
        let (start, end) = (log.start().0, log.end().0);
        match rng.below(12) {
            0..=5 => {
                let at = end + rng.below(3) / 2 * rng.below(40);
                log.append(&batch(at, rng.between(1, 5))).expect("in order");
            }
            6 => log.truncate(Offset(rng.between(start.max(end.saturating_sub(15)), end))).expect("in range"),
            7 => log.trim(Offset(rng.between(start, start + (end - start) / 3))).expect("in range"),
            8 => log.roll().expect("rolls"),
            9 if rng.below(4) == 0 => log.begin_anew(Offset(rng.below(100))).expect("begins"),
            _ => {
                let sealed = log.segments.len() as u64 - 1;
                if sealed == 0 {
                    return;
                }
                let first = rng.below(sealed);
                let last = rng.between(first, sealed - 1) as usize;
                let (from, until) = (log.segments[first as usize].base, log.segments[last].end);
                let old = log.read(from, until, u32::MAX).expect("in range").load().expect("sound");
                let stays = |batch: &mqlab_core::record::Batch| batch.next() == until || rng.below(2) == 0;
                let new: Vec<_> = old.iter().filter(stays).collect();
                log.replace(from, until, &Batches::joined(&new)).expect("sealed segments");
            }
        }
    }

    #[test]
    fn a_read_that_goes_on_answers_as_one_that_begins() {
        let mut went_on = 0;
        for seed in 0..15 {
            let dir = tempfile::tempdir().expect("a directory");
            let mut rng = Rng::new(seed, Stream::Workload);
            let segment_bytes = [200, 700, 3_000][rng.below(3) as usize];
            let (mut storage, mut log) = open(dir.path(), segment_bytes);
            let mut at = 0;
            for _ in 0..60 {
                if rng.below(20) == 0 {
                    storage.close(&LogName::Definitions, log).expect("closes");
                    log = storage.open(&LogName::Definitions).expect("opens");
                }
                change(&mut log, &mut rng);
                for _ in 0..rng.below(5) {
                    let (start, end) = (log.start().0, log.end().0);
                    // Most go on; some begin anew, or within a batch.
                    if rng.below(4) == 0 || !(start..=end).contains(&at) {
                        at = rng.between(start, end);
                    }
                    let until = if rng.below(3) == 0 { rng.between(at, end) } else { end };
                    let asked = (at, until, rng.below(500) as u32);
                    let left = |segment: &Segment| segment.recent.place_of(Offset(at)).is_some();
                    went_on += u32::from(log.segments.iter().any(left));
                    let wanted = read_anew(&mut log, asked);
                    let found = read(&log, asked);
                    assert_eq!(found, wanted, "life {seed}: {asked:?}");
                    at = found.next().map_or(at, |next| next.0);
                }
            }
        }
        assert!(went_on > 200, "{went_on} reads went on where one ended");
    }

    /// Whatever place a read has left, right or not, for whatever offset: the next one is given what is at its offset.
    #[test]
    fn a_wrong_place_is_not_believed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (_storage, mut log) = open(dir.path(), 100_000);
        [(0, 2), (2, 3), (9, 1), (10, 4)].iter().for_each(|&(base, records)| {
            log.append(&batch(base, records)).expect("in order");
        });
        for from in 0..log.end().0 {
            let wanted = read_anew(&mut log, (from, 14, 1));
            for position in 0..log.segments[0].size + 200 {
                log.segments[0].recent.ended(Offset(from), position);
                assert_eq!(read(&log, (from, 14, 1)), wanted, "offset {from}, said to be at {position}");
            }
        }
    }

    /// What is cut off may be followed by a message with what looks like a batch in it, at the very place.
    #[test]
    fn a_place_is_forgotten_when_it_is_cut_off() {
        let dir = tempfile::tempdir().expect("a directory");
        let (_storage, mut log) = open(dir.path(), 100_000);
        log.append(&batch(0, 5)).expect("in order");
        let place = log.segments[0].size;
        log.append(&batch(5, 1)).expect("in order");
        assert_eq!(read(&log, (0, 5, u32::MAX)), batch(0, 5)); // it ends where offset 5 begins
        log.truncate(Offset(0)).expect("in range");
        let lookalike = batch(5, 1);
        let with = |before: usize| {
            let value = [&vec![b'-'; before][..], lookalike.bytes(), b"-"].concat();
            let mut builder = BatchBuilder::new();
            for _ in 0..3 {
                builder.push(&NewRecord::default()).expect("it fits");
            }
            builder.push(&NewRecord { value: Some(value.into()), ..NewRecord::default() }).expect("it fits");
            for _ in 0..3 {
                builder.push(&NewRecord::default()).expect("it fits");
            }
            builder.build().stamped(Offset(0), Epoch(0))
        };
        let is_there = |batch: &Batches| batch.bytes()[place as usize..].starts_with(lookalike.bytes());
        let trap = (0..place as usize).map(with).find(is_there).expect("it can be moved there");
        log.append(&trap).expect("in order");
        assert_eq!(read(&log, (5, 7, u32::MAX)), trap);
    }
}
