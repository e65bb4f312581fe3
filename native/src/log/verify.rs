//! Is everything in a log what was written? Every byte is read, and every checksum summed.
//!
//! ```text
//!   ┌────────┬────────┬╳╳╳╳╳╳╳╳┬────────┐  ┌────────┬────────┬────╳
//!   │ sound  │ sound  │ damaged│ sound  │  │ sound  │ sound  │torn│ 0 0
//!   └────────┴────────┴╳╳╳╳╳╳╳╳┴────────┘  └────────┴────────┴────╳
//!                      damage: from here     what a crash left: opening cuts it off
//!                      to the next whole batch
//! ```
//!
//! Nothing is changed. What is not sound but heals by itself when the log is opened (a torn tail of what was never durable,
//! an index that is wrong) is told apart from what does not.
//!
//! What checksums cannot tell: base offset and leader epoch of a batch lie outside its own (a broker stamps them after
//! the producer summed). A wrong offset is found when something follows it; another epoch is not.

use std::fmt;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use mqlab_core::ids::{LogName, Offset};
use mqlab_core::record::{BatchHeader, Batches, Malformed, whole_prefix};

use super::disk::Files;
use super::index::Index;
use super::marks::{Point, clean};
use super::recovery::{CHUNK_BYTES, is_zero};
use super::search::{RELATIVE_MAX, find_whole_batch, is_whole_though_bad};
use super::segment::{Segment, index_path, list, path_of, time_index_path};
use super::swap::damaged_swaps;
use super::time_index::TimeIndex;
use crate::error::{Context as _, Error};

/// Something in a log's files that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Bytes that are not what was written.
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where, from the first bad byte to the next batch that is whole, or the end.
        bytes: Range<u64>,
        /// What is wrong with the first of them.
        reason: Malformed,
    },
    /// Offsets that are not there: a segment is missing, or does not end where the next one begins.
    Gap {
        /// The segment before it.
        path: PathBuf,
        /// The offset that follows its last record.
        ends: Offset,
        /// The offset at which it should go on.
        next: Offset,
    },
    /// The end of a write that was interrupted. Opening the log cuts it off; nothing in it was ever durable.
    TornTail {
        /// The segment.
        path: PathBuf,
        /// Where.
        bytes: Range<u64>,
        /// Why it is no batch.
        reason: Malformed,
    },
    /// An index that does not fit its segment. It is built again when somebody needs it.
    WrongIndex {
        /// The index.
        path: PathBuf,
    },
}

impl Finding {
    /// Whether something is lost that had been stored.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Gap { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { path, bytes, reason } => {
                let Range { start, end } = bytes;
                write!(f, "{}: bytes {start} to {end} are damaged: {reason}", path.display())
            }
            Self::Gap { path, ends, next } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: ends at offset {ends}, and the log goes on at {next}: something is missing"
                )
            }
            Self::TornTail { path, bytes, reason } => write!(
                f,
                "{}: a write of {} bytes was interrupted at byte {}, and goes when the log is opened: {reason}",
                path.display(),
                bytes.end - bytes.start,
                bytes.start
            ),
            Self::WrongIndex { path } => {
                write!(f, "{}: does not fit its segment, and will be built again", path.display())
            }
        }
    }
}

/// What a log was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub log: LogName,
    /// How many segments it has.
    pub segments: usize,
    /// How many whole batches.
    pub batches: u64,
    /// How many records are in them.
    pub records: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// Where it begins, and where its last whole batch ends.
    pub offsets: Range<Offset>,
    /// What is not as it should be, in order.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// Whether nothing of it is lost.
    pub fn is_sound(&self) -> bool {
        !self.findings.iter().any(Finding::is_damage)
    }
}

/// A segment's whole batches, wherever they stand.
pub(super) struct Sound {
    pub(super) base: Offset,
    pub(super) path: Arc<Path>,
    /// Runs of whole batches that follow each other.
    pub(super) runs: Vec<Range<u64>>,
}

/// A log as it was read.
pub(super) struct Read {
    pub(super) verified: Verified,
    /// Its segments, in order.
    pub(super) segments: Vec<Sound>,
    /// What is below it was durable; none when nobody knows.
    pub(super) durable: Option<Offset>,
    /// Where it ends, if it was closed in good order.
    pub(super) end: Option<Offset>,
}

/// Reads all of a log, and says what is in it, segment by segment.
pub(super) fn verify(files: &Files, dir: &Path, name: &LogName) -> Result<Read, Error> {
    if !dir.is_dir() {
        return Err(Error::NoSuchLog { log: name.clone() });
    }
    let found = list(dir)?;
    let closed = clean(dir);
    let point = Point::load(dir);
    let start = found.first().map_or(Offset::ZERO, |(base, _)| *base);
    let end = closed.as_ref().and_then(|closed| closed.last()).map(|last| last.end);
    let mut check = Check {
        files,
        durable: end.or(point.map(|point| point.offset)),
        verified: Verified {
            log: name.clone(),
            segments: found.len(),
            batches: 0,
            records: 0,
            bytes: 0,
            offsets: start..start,
            findings: Vec::new(),
        },
    };
    // What was trimmed away bears no mark: in front of a log that was closed in good order nothing may be missing.
    let missing = closed.as_ref().and_then(|closed| closed.first()).filter(|first| first.base < start);
    if let (Some(first), Some((next, _))) = (missing, found.first()) {
        let path = path_of(dir, first.base);
        check.verified.findings.push(Finding::Gap { path, ends: first.base, next: *next });
    }
    for (path, position, reason) in damaged_swaps(dir)? {
        let bytes = position..fs::metadata(&path).context("read", &path)?.len();
        check.verified.findings.push(Finding::Damaged { path, bytes, reason });
    }
    let mut segments = Vec::with_capacity(found.len());
    for (number, (base, path)) in found.iter().enumerate() {
        let next = found.get(number + 1).map(|(next, _)| *next).or(end);
        segments.push(check.segment(*base, path, next)?);
    }
    if segments.is_empty()
        && let Some(next) = check.durable.filter(|durable| *durable > start)
    {
        check.verified.findings.push(Finding::Gap { path: dir.to_path_buf(), ends: start, next });
    }
    Ok(Read { verified: check.verified, segments, durable: check.durable, end })
}

/// What a whole batch says of itself. Its offset is outside its checksum, so it may be wrong.
struct Claim {
    position: u64,
    header: BatchHeader,
    records: u32,
}

fn count(batches: &Batches) -> u32 {
    batches.iter().map(|batch| batch.count()).sum()
}

/// Which of the batches of a segment stand together in rising order, from `base` up to `next`, so that as many do as can.
/// One whose offset was changed stands across its neighbours: without it they fit.
fn most_in_order(base: Offset, next: Option<Offset>, claims: &[Claim]) -> Vec<bool> {
    let most = next.unwrap_or(Offset(base.0.saturating_add(RELATIVE_MAX)));
    // For each length of a chain the one that ends first: its end, and its last member. Longer chains end later.
    let mut ends: Vec<(Offset, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; claims.len()];
    for (number, Claim { header, .. }) in claims.iter().enumerate() {
        if header.base < base || header.next > most {
            continue;
        }
        let length = ends.partition_point(|(end, _)| *end <= header.base);
        before[number] = length.checked_sub(1).map(|shorter| ends[shorter].1);
        match ends.get_mut(length) {
            Some(known) if known.0 <= header.next => {}
            Some(known) => *known = (header.next, number),
            None => ends.push((header.next, number)),
        }
    }
    let mut kept = vec![false; claims.len()];
    let mut at = ends.last().map(|(_, last)| *last);
    while let Some(number) = at {
        kept[number] = true;
        at = before[number];
    }
    kept
}

struct Check<'a> {
    files: &'a Files,
    /// What is below it was durable; none when nobody knows.
    durable: Option<Offset>,
    verified: Verified,
}

impl Check<'_> {
    /// Reads a segment that ends at `next`, if anybody knows where it ends.
    fn segment(&mut self, base: Offset, path: &Arc<Path>, next: Option<Offset>) -> Result<Sound, Error> {
        // What it claims of itself is collected first, and then put in order.
        let front = Segment::empty(path.clone(), base);
        let file = front.file()?;
        let len = file.metadata().context("read", path)?.len();
        let (mut claims, mut bad) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < len {
            let (good, reason) = self.claims(path, &file, at..len, &mut claims)?;
            at = good;
            let Some(reason) = reason else { break };
            if is_zero(self.files, &file, path, at..len)? {
                break;
            }
            let whole = find_whole_batch(self.files, &front, &file, at + 1..len, u64::MAX)?;
            bad.push((at..whole.unwrap_or(len), reason));
            at = whole.unwrap_or(len);
        }
        let kept = most_in_order(base, next, &claims);
        let mut segment = Segment::empty(path.clone(), base);
        let (mut runs, mut places) = (Vec::<Range<u64>>::new(), Vec::new());
        for (claim, is_kept) in claims.iter().zip(&kept) {
            let bytes = claim.position..claim.position + u64::from(claim.header.bytes);
            if !is_kept {
                let (expected, found) = (segment.end.0, claim.header.base.0);
                bad.push((bytes, Malformed::OutOfOrder { expected, found }));
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end == bytes.start => run.end = bytes.end,
                _ => runs.push(bytes.clone()),
            }
            segment.take_notice(&claim.header, 0);
            segment.size = bytes.end;
            places.push((claim.position, claim.header.next));
            self.verified.batches += 1;
            self.verified.records += u64::from(claim.records);
        }
        let is_whole = bad.is_empty();
        bad.sort_by_key(|(bytes, _)| bytes.start);
        for (bytes, reason) in bad {
            let was_durable = self.durable.is_some_and(|durable| segment.end < durable);
            let is_torn = bytes.end == len
                && next.is_none()
                && !was_durable
                && !is_whole_though_bad(&reason, bytes.start);
            let path = path.to_path_buf();
            self.verified.findings.push(match is_torn {
                true => Finding::TornTail { path, bytes, reason },
                false => Finding::Damaged { path, bytes, reason },
            });
        }
        let goes_on = next.or(self.durable.filter(|durable| *durable > segment.end));
        if let Some(next) = goes_on.filter(|next| *next != segment.end) {
            self.verified.findings.push(Finding::Gap { path: path.to_path_buf(), ends: segment.end, next });
        }
        if is_whole {
            self.indexes(&segment, &places, next.is_some());
        }
        self.verified.bytes += runs.iter().map(|run| run.end - run.start).sum::<u64>();
        self.verified.offsets.end = segment.end;
        Ok(Sound { base, path: path.clone(), runs })
    }

    /// What the batches claim that are whole, from the first of these bytes on; where that ends, and why.
    fn claims(
        &self,
        path: &Path,
        file: &File,
        bytes: Range<u64>,
        claims: &mut Vec<Claim>,
    ) -> Result<(u64, Option<Malformed>), Error> {
        let (mut at, mut want) = (bytes.start, CHUNK_BYTES);
        let mut buffer = Vec::new();
        while at < bytes.end {
            let rest = bytes.end - at;
            buffer.resize(want.min(rest) as usize, 0);
            self.files.read_at(file, path, &mut buffer, at)?;
            want = CHUNK_BYTES;
            let mut left = &buffer[..];
            while !left.is_empty() {
                let one = BatchHeader::peek(left)
                    .map_or(left, |header| &left[..left.len().min(header.bytes as usize)]);
                match (whole_prefix(one, Offset::ZERO).2, BatchHeader::peek(one)) {
                    (None, Ok(header)) => {
                        let whole = Bytes::copy_from_slice(one);
                        let records = Batches::parse(whole).map_or(0, |batches| count(&batches));
                        claims.push(Claim { position: at, header, records });
                        at += u64::from(header.bytes);
                        left = &left[header.bytes as usize..];
                    }
                    // Not the end of the file: only of what was read at once.
                    (Some(Malformed::CutOff { need, .. }), _) if (left.len() as u64) < bytes.end - at => {
                        want = CHUNK_BYTES.max(need as u64);
                        break;
                    }
                    (Some(reason), _) | (None, Err(reason)) => return Ok((at, Some(reason))),
                }
            }
        }
        Ok((at, None))
    }

    /// Whether the indexes beside a segment fit it, if they must be there.
    fn indexes(&mut self, segment: &Segment, places: &[(u64, Offset)], must_be: bool) {
        let offsets = index_path(&segment.path);
        let fits = match Index::load(&offsets, segment.base, segment.size) {
            Some(index) => index.fits(places),
            None => !must_be,
        };
        let times = time_index_path(&segment.path);
        let newest = segment.held_newest();
        let times_fit = match TimeIndex::load(&times, segment.base, segment.end, segment.size) {
            Some(index) => index.newest() == newest,
            None => !must_be,
        };
        for (fits, path) in [(fits, offsets), (times_fit, times)] {
            if !fits && (must_be || path.exists()) {
                self.verified.findings.push(Finding::WrongIndex { path });
            }
        }
    }
}

/// What was set aside in a log's directory by earlier recoveries and repairs.
pub(super) fn set_aside(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let path = entry.context("list", dir)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains(".log.cut") || name.contains(".log.damaged") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
