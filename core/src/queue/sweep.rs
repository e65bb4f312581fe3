//! What if one message stays and all behind it go? Room is given back from a log's front, and that message stands there. So
//! sealed segments in which nothing is held any more are emptied where they are.
//!
//! ```text
//!   segments   │ m0 done done │ done done done │ done done done │ m9 done │ m11 ...
//!                               └──── nothing is held here ───┘
//!   swept      │ m0 done done │ ∅                              │ m9 done │ m11 ...
//! ```
//!
//! An emptied run is one small segment with one record, of the last message there, which is done: so the segment says by
//! itself where it ends. A log that keeps all in one segment (memory does) has nothing to sweep.
//!
//! What real systems do: `ActiveMQ`'s `KahaDB` removes each data file in which nothing is live any more; but a file with
//! acknowledgements must outlive the files of their messages, so that one stuck message can keep many files, and
//! acknowledgements are moved together after a while (`compactAcksAfterNoGC`). Here they have a log of their own.

use super::journal::Journal;
use super::slots::Slots;
use crate::ids::{Epoch, Offset};
use crate::log::{Log, LogError};
use crate::record::{BatchBuilder, NewRecord};

/// A queue looks for segments to empty when so many messages came since it last looked, or a quarter of what its log has.
const SWEEP_EVERY: u64 = 64;
/// An emptied segment has fewer bytes than this: it is not emptied again.
const EMPTIED_BYTES_MAX: u64 = 256;
/// A run has no more offsets than a segment can tell apart.
const OFFSETS_MAX: u64 = i32::MAX as u64;

/// When a queue looks for segments to empty.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    next: Offset,
}

impl Sweep {
    /// Empties sealed segments behind the front that hold nothing, when it is time to. All that was done must be durable.
    #[inline]
    pub(super) fn run<L: Log>(
        &mut self,
        journal: &mut Journal<L>,
        slots: &Slots,
        next: Offset,
    ) -> Result<(), LogError<L::Error>> {
        let span = next.0 - journal.start().0;
        // Where most is held there is little to gain; an empty log is given back from its front.
        if next < self.next || slots.len() == 0 || span < 2 * slots.len() as u64 {
            return Ok(());
        }
        self.next = next.plus(SWEEP_EVERY.max(span / 4));
        match journal.unless_failed(|journal| empty(journal, slots)) {
            Err(LogError::Full) => Ok(()), // the new needs room beside the old; it will do later
            done => done,
        }
    }
}

/// Empties what can be.
fn empty<L: Log>(journal: &mut Journal<L>, slots: &Slots) -> Result<(), LogError<L::Error>> {
    let [messages, _] = journal.logs_mut();
    let mut segments = messages.segments();
    segments.pop(); // it takes what is appended
    let mut run: Option<(Offset, Offset, u64, usize)> = None;
    for segment in segments {
        let is_free = !slots.any(segment.base, segment.end) && segment.base < segment.end;
        run = match run {
            Some((from, _, bytes, count)) if is_free && segment.end.0 - from.0 <= OFFSETS_MAX => {
                Some((from, segment.end, bytes + segment.bytes, count + 1))
            }
            before => {
                replace(messages, before)?;
                is_free.then_some((segment.base, segment.end, segment.bytes, 1))
            }
        };
    }
    replace(messages, run)
}

/// Puts one small segment in place of a run, if that is not one already.
fn replace<L: Log>(
    messages: &mut L,
    run: Option<(Offset, Offset, u64, usize)>,
) -> Result<(), LogError<L::Error>> {
    let Some((from, until, bytes, count)) = run else { return Ok(()) };
    if count == 1 && bytes <= EMPTIED_BYTES_MAX {
        return Ok(());
    }
    let mut batch = BatchBuilder::new();
    batch.push(&NewRecord::default()).expect("an empty record fits");
    messages.replace(from, until, &batch.build_at(Offset(until.0 - 1), Epoch(0)))
}
