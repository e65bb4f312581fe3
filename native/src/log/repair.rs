//! What can be saved of a damaged log? Every batch that is whole, at its offset; what is not is set aside, not thrown away.
//!
//! ```text
//!   000.log           │ sound │╳╳╳╳╳╳╳│ sound │      000.log            │ sound │ no record │ sound │
//!                        0..5    5..9     9..12  ──▶                        0..5     5..9      9..12
//!                                                    000.log.damaged1   all bytes, as they were found
//! ```
//!
//! Offsets stay, so consumers go on where they stopped. Where records are gone that had offsets, a batch without records
//! stands for them, so that a segment still says by itself where it ends; in the middle of a segment a gap does no harm.
//!
//! Every step leaves either the old segment or the new one: whoever stops the repair may begin it again.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use mqlab_core::ids::{Epoch, LogName, Offset};
use mqlab_core::record::{BatchBuilder, Batches};

use super::disk::Files;
use super::marks::{Point, unmark};
use super::recovery::free_name;
use super::segment::{path_of, remove_indexes};
use super::swap::damaged_swaps;
use super::verify::{Finding, Read, Sound, Verified, verify};
use crate::error::{Context as _, Error};

/// What a name ends in of a segment as it was before it was repaired.
const DAMAGED: &str = "damaged";
/// What a name ends in of a segment that is being written anew.
const REPAIRED: &str = "repaired";
/// How many batches without records stand for what is gone at the end of a segment, at most; each stands for 2^31 offsets.
/// A name that is further away was never given by a log.
const GAP_BATCHES_MAX: u64 = 1_000;

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// What was found before.
    pub found: Verified,
    /// Offsets that had records, as far as anybody knows, and have none now.
    pub lost: Vec<Range<Offset>>,
    /// The segments as they were found: files beside the new ones.
    pub set_aside: Vec<PathBuf>,
}

/// Writes the damaged segments of a log anew.
pub(super) fn repair(files: &Files, dir: &Path, name: &LogName) -> Result<Repaired, Error> {
    let Read { verified, segments, durable, end } = verify(files, dir, name)?;
    let mut done = Repaired { found: verified, lost: Vec::new(), set_aside: Vec::new() };
    if done.found.is_sound() {
        return Ok(done);
    }
    unmark(files, dir)?;
    for (path, ..) in damaged_swaps(dir)? {
        // What it was to replace is there as far as it was not removed yet.
        let aside = free_name(&path, DAMAGED);
        files.rename(&path, &aside)?;
        files.sync_dir(dir)?;
        done.set_aside.push(aside);
    }
    let damaged: BTreeSet<PathBuf> = (done.found.findings.iter())
        .filter_map(|finding| match finding {
            Finding::Damaged { path, .. } | Finding::Gap { path, .. } => Some(path.clone()),
            _ => None,
        })
        .collect();
    for finding in &done.found.findings {
        if let (Finding::Gap { path, ends, next }, Some(first)) = (finding, segments.first())
            && *next == first.base
            && *path == path_of(dir, *ends)
        {
            done.lost.push(*ends..*next);
        }
    }
    for (number, segment) in segments.iter().enumerate() {
        if damaged.contains(&*segment.path) {
            // An offset that was durable is not given again: whoever has seen it must not find something else there.
            let follows = segments.get(number + 1).map(|next| next.base).or(end);
            write_anew(files, dir, segment, (follows, follows.or(durable)), &mut done)?;
        }
    }
    if segments.is_empty()
        && let Some(durable) = durable
    {
        done.lost.push(Offset::ZERO..durable);
        files.create(&path_of(dir, durable))?;
    }
    // What is left is whole; opening finds out where it ends.
    let last = segments.last().map(|last| last.base).or(durable).unwrap_or(Offset::ZERO);
    Point::at(last).save(files, dir)?;
    Ok(done)
}

/// Puts a segment with the whole batches of `sound` in its place, as far as they come before the one that follows. It ends
/// at `next`, or later if none follows.
fn write_anew(
    files: &Files,
    dir: &Path,
    sound: &Sound,
    (follows, next): (Option<Offset>, Option<Offset>),
    done: &mut Repaired,
) -> Result<(), Error> {
    let path = &sound.path;
    let file = fs::File::open(path).context("open", path)?;
    let mut kept = Vec::new();
    let mut end = sound.base;
    for run in &sound.runs {
        let mut bytes = vec![0; (run.end - run.start) as usize];
        files.read_at(&file, path, &mut bytes, run.start)?;
        let batches = Batches::parse(bytes.into()).map_err(|reason| Error::Damaged {
            path: path.to_path_buf(),
            position: run.start,
            reason,
        })?;
        for batch in batches.iter().filter(|batch| follows.is_none_or(|next| batch.next() <= next)) {
            if batch.base() > end {
                done.lost.push(end..batch.base());
            }
            end = batch.next();
            kept.extend_from_slice(batch.bytes());
        }
    }
    if let Some(next) = next.filter(|next| *next > end) {
        if (next.0 - end.0) / i32::MAX as u64 >= GAP_BATCHES_MAX {
            return Err(Error::Gap { path: path.to_path_buf(), ends: end, next });
        }
        done.lost.push(end..next);
        while end < next {
            let to = next.min(Offset(end.0.saturating_add(i32::MAX as u64)));
            kept.extend_from_slice(BatchBuilder::gap(end, to, Epoch(0)).bytes());
            end = to;
        }
    }
    let aside = free_name(path, DAMAGED);
    // A second name for the same bytes, where the file system has such; else a copy.
    if fs::hard_link(path, &aside).is_err() {
        fs::copy(path, &aside).context("copy", path)?;
        let copy = fs::File::open(&aside).context("open", &aside)?;
        files.sync(&copy, &aside)?;
    }
    files.sync_dir(dir)?;
    done.set_aside.push(aside);
    remove_indexes(files, path)?;
    files.put_durably(&free_name(path, REPAIRED), path, &kept)
}
