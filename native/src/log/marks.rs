//! What does a log note about itself, so that opening it is quick and safe? Two small files beside its segments.
//!
//! ```text
//!   recovery-point     00000000000000004711 00000000000000065536 00000000000000005012 1f6a09c3
//!                      segment              byte                 offset               CRC-32C
//!
//!                      ┌──────────────┬───────────┊────────┐
//!                      │ 0 ..         │ 4711 ..   ┊        │      before it everything was durable:
//!                      └──────────────┴───────────┊────────┘      what is wrong there is damage, and an error
//!                                             point            after it a crash may have left anything:
//!                                                              what is not whole was never promised, and goes
//!
//!   clean-shutdown     there when the log was closed in good order: all segments, and where each ends
//! ```
//!
//! The *recovery point* is written after each flush, in place, and not flushed itself. So after a power cut it may be
//! older than the truth, never newer; an older one only means that more is looked at. Before a log is cut below its
//! point, the point is lowered, durably.
//!
//! The *clean-shutdown mark* says that nothing has to be looked at: a log of any size opens at once. It is removed,
//! durably, before the first change after it.
//!
//! Source: Kafka keeps both for a whole data directory, `recovery-point-offset-checkpoint` and `.kafka_cleanshutdown`
//! (`LogManager.scala`).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use mqlab_core::ids::Offset;
use mqlab_core::record::crc32c;

use super::disk::Files;
use super::segment::Segment;
use crate::error::Error;

/// The name of the recovery point.
pub(super) const POINT: &str = "recovery-point";
/// The recovery point while it is made.
const POINT_NEW: &str = "recovery-point.new";
/// The name of the mark.
const CLEAN: &str = "clean-shutdown";
/// The mark while it is written.
const CLEAN_NEW: &str = "clean-shutdown.new";
/// The mark's first line.
const CLEAN_TITLE: &str = "mqlab log closed in good order: base, end, bytes, newest";
/// What stands for "no record" in the mark.
const NONE: &str = "-";

/// A place in a log before which everything is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// The segment's base.
    pub(super) base: Offset,
    /// The byte in the segment.
    pub(super) position: u64,
    /// The offset there.
    pub(super) offset: Offset,
}

impl Point {
    /// The beginning of a segment.
    pub(super) fn at(base: Offset) -> Self {
        Self { base, position: 0, offset: base }
    }

    /// As it stands in its file: always as many bytes, so that it is written over in place.
    pub(super) fn to_text(self) -> String {
        let text = format!("{:020} {:020} {:020}", self.base.0, self.position, self.offset.0);
        format!("{text} {:08x}\n", crc32c(text.as_bytes()))
    }

    /// Reads the point of a log; none when there is none to be believed.
    pub(super) fn load(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(POINT)).ok()?;
        let (numbers, crc) = text.trim_end().rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c(numbers.as_bytes()) {
            return None;
        }
        let mut numbers = numbers.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let (base, position, offset) = (Offset(next()?), next()?, Offset(next()?));
        Some(Self { base, position, offset })
    }

    /// Makes it the log's point, durably.
    pub(super) fn save(self, files: &Files, dir: &Path) -> Result<(), Error> {
        files.put_durably(&dir.join(POINT_NEW), &dir.join(POINT), self.to_text().as_bytes())
    }
}

/// What a mark says of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) size: u64,
    /// The greatest time of its records, in milliseconds.
    pub(super) newest: Option<i64>,
}

/// Marks a log as closed in good order, durably. Everything else must be durable before.
pub(super) fn mark_clean(
    files: &Files,
    dir: &Path,
    segments: &[Segment],
    interval: u32,
) -> Result<(), Error> {
    let mut text = format!("{CLEAN_TITLE}\n");
    for segment in segments {
        let newest = segment.newest(files, interval)?;
        let newest = newest.map_or_else(|| NONE.to_owned(), |time| time.to_string());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {} {} {newest}", segment.base, segment.end, segment.size);
    }
    let text = format!("{text}{:08x}\n", crc32c(text.as_bytes()));
    files.put_durably(&dir.join(CLEAN_NEW), &dir.join(CLEAN), text.as_bytes())
}

/// Takes the mark away, durably, if there is one.
pub(super) fn unmark(files: &Files, dir: &Path) -> Result<(), Error> {
    if files.remove_if_there(&dir.join(CLEAN))? { files.sync_dir(dir) } else { Ok(()) }
}

/// What the mark of a log says; none when there is none to be believed.
pub(super) fn clean(dir: &Path) -> Option<Vec<Closed>> {
    let text = fs::read_to_string(dir.join(CLEAN)).ok()?;
    let (summed, crc) = text.trim_end().rsplit_once('\n')?;
    if u32::from_str_radix(crc, 16).ok()? != crc32c(format!("{summed}\n").as_bytes()) {
        return None;
    }
    let mut lines = summed.lines();
    if lines.next() != Some(CLEAN_TITLE) {
        return None;
    }
    lines.map(closed).collect()
}

fn closed(line: &str) -> Option<Closed> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (base, end, size) = (Offset(number()?), Offset(number()?), number()?);
    let newest = match words.next()? {
        NONE => None,
        time => Some(time.parse().ok()?),
    };
    Some(Closed { base, end, size, newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_read_as_it_was_written_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Point::load(dir.path()), None);
        let point = Point { base: Offset(4_711), position: 65_536, offset: Offset(u64::MAX) };
        point.save(&Files::system(), dir.path()).expect("saved");
        assert_eq!(Point::load(dir.path()), Some(point));
        let text = point.to_text();
        assert_eq!(text.len(), Point::at(Offset(0)).to_text().len());
        for at in 0..text.len() - 1 {
            let mut wrong = text.clone().into_bytes();
            wrong[at] ^= 1;
            fs::write(dir.path().join(POINT), wrong).expect("written");
            assert_eq!(Point::load(dir.path()), None, "byte {at}");
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_or_not_at_all() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(clean(dir.path()), None);
        let path = |base| super::super::segment::path_of(dir.path(), base).into();
        let segments = [
            Segment::sealed(path(Offset(0)), (Offset(0), Offset(9)), 700, Some(-5)),
            Segment::empty(path(Offset(9)), Offset(9)),
        ];
        mark_clean(&Files::system(), dir.path(), &segments, 1).expect("marked");
        let wanted = [
            Closed { base: Offset(0), end: Offset(9), size: 700, newest: Some(-5) },
            Closed { base: Offset(9), end: Offset(9), size: 0, newest: None },
        ];
        assert_eq!(clean(dir.path()).as_deref(), Some(&wanted[..]));
        let sound = fs::read(dir.path().join(CLEAN)).expect("read");
        for at in 0..sound.len() - 1 {
            let mut wrong = sound.clone();
            wrong[at] ^= 1;
            fs::write(dir.path().join(CLEAN), &wrong).expect("written");
            assert_eq!(clean(dir.path()), None, "byte {at}");
        }
        unmark(&Files::system(), dir.path()).expect("unmarked");
        unmark(&Files::system(), dir.path()).expect("there is nothing to do");
        assert_eq!(clean(dir.path()), None);
    }
}
