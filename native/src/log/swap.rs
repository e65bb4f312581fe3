//! How do new segments come in place of old ones, whatever crashes meanwhile? By names, each given when all before it is
//! durable.
//!
//! ```text
//!   0.log   17.log   41.log          three sealed segments, to become one
//!   0.log.cleaned                    1  the new one is written beside them and flushed
//!   0.log.swap                       2  renamed: from here on the new one counts
//!           17.log   41.log          3  the old ones that it covers go, but the first
//!   0.log                            4  renamed over the first
//! ```
//!
//! A crash before 2 leaves a `.cleaned` file: it goes when the log is opened, and the log is the old one. A crash after 2
//! leaves a `.swap` file: 3 and 4 are done when the log is opened, and the log is the new one. The names are Kafka's, and
//! so is the order.
//!
//! A name is durable when its directory was flushed: between two steps that is done, because a file system may keep the
//! later of two renames and lose the earlier.
//!
//! Source: Kafka `LocalLog.scala` (`replaceSegments`), `LogLoader.scala` (`completeSwapOperations`).

use std::fs;
use std::path::{Path, PathBuf};

use mqlab_core::ids::Offset;
use mqlab_core::record::{Malformed, whole_prefix};

use super::disk::Files;
use super::segment::{Segment, base_of, list, path_of, remove_indexes};
use crate::error::{Context as _, Error};

/// What a new segment's name ends in while it is written.
const CLEANED: &str = "cleaned";
/// What it ends in when it counts, and the old ones may still be there.
const SWAP: &str = "swap";

/// What is about to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The new segment is written and flushed.
    Write,
    /// It gets the name by which it counts.
    Commit,
    /// An old segment goes.
    Remove,
    /// The new segment gets its own name.
    Rename,
}

/// Puts a segment with these batches in place of `old` ones. `before` is told of each step, and stops all by an error.
pub(super) fn swap_in(
    files: &Files,
    dir: &Path,
    old: &[Segment],
    batches: &[u8],
    before: &mut dyn FnMut(Step) -> Result<(), Error>,
) -> Result<(), Error> {
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(()) };
    let (cleaned, swap) = (with(&first.path, CLEANED), with(&first.path, SWAP));
    before(Step::Write)?;
    files.remove_if_there(&cleaned)?;
    let file = files.create(&cleaned)?;
    if let Err(error) = files.write_at(&file, &cleaned, batches, 0) {
        files.remove(&cleaned)?; // it would take room that a full disk does not have
        return Err(error);
    }
    files.sync(&file, &cleaned)?;
    files.sync_dir(dir)?;
    before(Step::Commit)?;
    files.rename(&cleaned, &swap)?;
    files.sync_dir(dir)?;
    complete(files, dir, &swap, (first.base, last.end), before)
}

/// Ends a swap: the old segments from `base` to `end` go, and the new one gets its name.
fn complete(
    files: &Files,
    dir: &Path,
    swap: &Path,
    (base, end): (Offset, Offset),
    before: &mut dyn FnMut(Step) -> Result<(), Error>,
) -> Result<(), Error> {
    let to = path_of(dir, base);
    for (_, path) in list(dir)?.into_iter().filter(|(old, _)| base < *old && *old < end) {
        before(Step::Remove)?;
        remove_indexes(files, &path)?;
        files.remove(&path)?;
    }
    remove_indexes(files, &to)?; // they are of the old one
    files.sync_dir(dir)?;
    before(Step::Rename)?;
    files.rename(swap, &to)?;
    files.sync_dir(dir)
}

/// Ends what a crash interrupted in a log's directory.
pub(super) fn finish(files: &Files, dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(dir).context("list", dir)? {
        let path = entry.context("list", dir)?.path();
        if base_in(&path, CLEANED).is_some() {
            files.remove(&path)?;
        }
        let Some(base) = base_in(&path, SWAP) else { continue };
        // It was flushed before it got its name: what is not whole now was damaged since, and nothing is thrown away.
        match end_of(dir, &path, base)? {
            Ok(end) => complete(files, dir, &path, (base, end), &mut |_| Ok(()))?,
            Err((position, reason)) => return Err(Error::Damaged { path, position, reason }),
        }
    }
    Ok(())
}

/// New segments in a log's directory that count and are not whole: where each is bad, and why.
pub(super) fn damaged_swaps(dir: &Path) -> Result<Vec<(PathBuf, u64, Malformed)>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let path = entry.context("list", dir)?.path();
        let Some(base) = base_in(&path, SWAP) else { continue };
        if let Err((position, reason)) = end_of(dir, &path, base)? {
            found.push((path, position, reason));
        }
    }
    Ok(found)
}

/// Where a new segment ends that begins at `base`; or where it is bad, and why. No checksum covers its offsets, and all that
/// it covers is to go: so a segment of the log must go on where it ends, as it was when only sealed ones were replaced.
fn end_of(dir: &Path, path: &Path, base: Offset) -> Result<Result<Offset, (u64, Malformed)>, Error> {
    let bytes = fs::read(path).context("read", path)?;
    let (good, end, reason) = whole_prefix(&bytes, base);
    if let Some(reason) = reason {
        return Ok(Err((good as u64, reason)));
    }
    let segments = list(dir)?;
    if segments.iter().any(|(next, _)| *next == end && *next > base) {
        return Ok(Ok(end));
    }
    let found = segments.iter().map(|(next, _)| next.0).find(|next| *next > base.0).unwrap_or(base.0);
    Ok(Err((0, Malformed::OutOfOrder { expected: end.0, found })))
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Where a segment begins whose file has this ending behind its name.
fn base_in(path: &Path, ending: &str) -> Option<Offset> {
    let name = path.file_name()?.to_str()?;
    base_of(name.strip_suffix(ending)?.strip_suffix('.')?)
}

#[cfg(test)]
mod tests {
    use mqlab_core::ids::{LogName, Name};
    use mqlab_core::log::contract::batch;
    use mqlab_core::log::{Log as _, Slice as _, Storage as _};
    use mqlab_core::record::Batches;

    use super::super::{FileLog, FileStorage};
    use super::*;

    fn name() -> LogName {
        LogName::Queue(Name::new("q").expect("a legal name"))
    }

    fn open(dir: &Path) -> (FileStorage, FileLog) {
        let mut storage = FileStorage::open(dir).expect("opens");
        let log = storage.open(&name()).expect("recovers");
        (storage, log)
    }

    fn offsets(log: &FileLog) -> Vec<u64> {
        let all = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("loads");
        all.records().map(|record| record.offset.0).collect()
    }

    fn crash() -> Error {
        let source = std::io::Error::other("crashed on purpose");
        Error::Io { operation: "go on with", path: PathBuf::new(), source }
    }

    /// Four segments of two records each, of which the last is active; the first three become one with two records.
    /// Returns the offsets after a crash before the step of that number, and whether there was such a step.
    fn crash_before(number: usize, torn: bool) -> (Vec<u64>, bool) {
        let scratch = tempfile::tempdir().expect("a directory");
        let (storage, mut log) = open(scratch.path());
        for base in [0, 2, 4, 6] {
            log.append(&batch(base, 2)).expect("in order");
            if base < 6 {
                log.roll().expect("rolls");
            }
        }
        let new = Batches::joined(&[batch(1, 1), batch(4, 2)].map(|one| one.iter().next().expect("one")));
        let mut steps = 0..number;
        let mut crashed = false;
        let done = log.put((Offset(0), Offset(6)), &new, &mut |_| {
            crashed = steps.next().is_none();
            if crashed { Err(crash()) } else { Ok(()) }
        });
        assert_eq!(done.is_err(), crashed);
        let dir = log.path().to_owned();
        drop((log, storage));
        if torn {
            let cleaned = with(&path_of(&dir, Offset(0)), CLEANED);
            fs::write(cleaned, &new.bytes()[..70]).expect("half of it is written");
        }
        let (storage, mut log) = open(scratch.path());
        let found = offsets(&log);
        // It is a log like any other: appended to, and opened once more, it has what it had.
        log.append(&batch(8, 1)).expect("in order");
        drop((log, storage));
        let (_storage, log) = open(scratch.path());
        assert_eq!(offsets(&log), [&found[..], &[8]].concat());
        let names = fs::read_dir(&dir).expect("lists").map(|entry| entry.expect("lists").path());
        let left = names.filter(|path| base_in(path, CLEANED).or(base_in(path, SWAP)).is_some());
        assert_eq!(left.count(), 0, "nothing is left of it");
        (found, crashed)
    }

    #[test]
    fn a_crash_at_each_step_leaves_the_old_or_the_new() {
        let (old, new) = (vec![0, 1, 2, 3, 4, 5, 6, 7], vec![1, 4, 5, 6, 7]);
        // Before it is written; before it counts; before each of the old goes; before it has its name; not at all.
        let expected = [&old, &old, &new, &new, &new, &new];
        for (number, expected) in expected.into_iter().enumerate() {
            let (found, crashed) = crash_before(number, false);
            assert_eq!(&found, expected, "a crash before step {number}");
            assert_eq!(crashed, number < 5, "there are five steps");
        }
        assert_eq!(crash_before(0, true).0, old, "half of the new segment is none");
    }

    #[test]
    fn a_new_segment_that_was_damaged_is_an_error_and_throws_nothing_away() {
        let scratch = tempfile::tempdir().expect("a directory");
        let (storage, mut log) = open(scratch.path());
        log.append(&batch(0, 2)).expect("in order");
        let dir = log.path().to_owned();
        drop((log, storage));
        fs::write(with(&path_of(&dir, Offset(0)), SWAP), &batch(0, 1).bytes()[..70]).expect("writes");
        let mut storage = FileStorage::open(scratch.path()).expect("opens");
        let opened = storage.open(&name()).map(drop);
        assert!(matches!(opened, Err(Error::Damaged { position: 0, .. })), "{opened:?}");
        assert!(path_of(&dir, Offset(0)).exists());
    }

    #[test]
    fn a_new_segment_whose_offsets_were_damaged_takes_nothing_away() {
        let scratch = tempfile::tempdir().expect("a directory");
        let (storage, mut log) = open(scratch.path());
        for base in [0, 2, 4] {
            log.append(&batch(base, 2)).expect("in order");
            log.roll().expect("rolls");
        }
        let dir = log.path().to_owned();
        drop((log, storage));
        let mut new = batch(0, 4).bytes().to_vec();
        new[1] ^= 8; // of the base offset, which no checksum covers: it would reach past everything
        fs::write(with(&path_of(&dir, Offset(0)), SWAP), new).expect("writes");
        let mut storage = FileStorage::open(scratch.path()).expect("opens");
        let opened = storage.open(&name()).map(drop);
        assert!(matches!(opened, Err(Error::Damaged { .. })), "{opened:?}");
        assert!(!storage.verify(&name()).expect("reads").is_sound());
        assert_eq!(storage.repair(&name()).expect("repairs").found.records, 6);
        assert_eq!(offsets(&storage.open(&name()).expect("opens")), [0, 1, 2, 3, 4, 5]);
    }
}
