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

use alloc::vec::Vec;

use super::*;
use crate::ids::Epoch;
use crate::log::{Log, LogError};
use crate::record::{BatchBuilder, NewRecord};

/// A queue looks for segments to empty when so many messages came since it last looked, or a quarter of what its log has.
const SWEEP_EVERY: u64 = 16;
/// An emptied segment has fewer bytes than this: it is not emptied again.
const EMPTIED_BYTES_MAX: u64 = 256;
/// A run has no more offsets than a segment can tell apart.
const OFFSETS_MAX: u64 = i32::MAX as u64;

/// Neighbouring segments in which nothing is held.
#[derive(Clone, Copy, Debug)]
struct Run {
    from: Offset,
    until: Offset,
    bytes: u64,
    segments: usize,
}

impl<L: Log> Queue<L> {
    /// Empties sealed segments that hold nothing, when it is time to. All that was done must be durable.
    pub(super) fn empty_segments(&mut self) -> Result<(), LogError<L::Error>> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let span = self.next.0 - journal.start().0;
        // Where most is held there is little to gain; an empty log is given back from its front.
        let held = self.slots.len() as u64;
        if self.next < self.next_look || held == 0 || span < 2 * held {
            return Ok(());
        }
        self.next_look = self.next.plus(SWEEP_EVERY.max(span / 4));
        let [messages, _] = journal.logs_mut();
        let runs = runs(messages, &self.slots);
        if runs.is_empty() {
            return Ok(());
        }
        // A message that moved is ended at its old place by its new record alone. That may go now: so all is noted first.
        let noted = self.rewrite_cursor_if(|_| true);
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let emptied = noted.and_then(|()| {
            journal.unless_failed(|journal| {
                let [messages, _] = journal.logs_mut();
                runs.into_iter().try_for_each(|run| empty(messages, run))
            })
        });
        match emptied {
            // The new needs room beside the old: it will do later. All was noted before, so none of it is missed.
            Err(LogError::Full) => {
                journal.rewrite = false;
                Ok(())
            }
            emptied => emptied,
        }
    }
}

/// What can be emptied.
fn runs<L: Log>(messages: &L, slots: &Slots) -> Vec<Run> {
    let mut segments = messages.segments();
    segments.pop(); // it takes what is appended
    let mut runs: Vec<Run> = Vec::new();
    for segment in segments {
        if segment.base >= segment.end || slots.any(segment.base, segment.end) {
            continue;
        }
        let grows = |run: &&mut Run| run.until == segment.base && segment.end.0 - run.from.0 <= OFFSETS_MAX;
        match runs.last_mut().filter(grows) {
            Some(run) => {
                (run.until, run.bytes) = (segment.end, run.bytes + segment.bytes);
                run.segments += 1;
            }
            None => {
                runs.push(Run { from: segment.base, until: segment.end, bytes: segment.bytes, segments: 1 })
            }
        }
    }
    runs.retain(|run| run.segments > 1 || run.bytes > EMPTIED_BYTES_MAX);
    runs
}

/// Puts one small segment in place of a run.
fn empty<L: Log>(messages: &mut L, run: Run) -> Result<(), LogError<L::Error>> {
    let mut batch = BatchBuilder::new();
    batch.push(&NewRecord::default()).expect("an empty record fits");
    messages.replace(run.from, run.until, &batch.build_at(Offset(run.until.0 - 1), Epoch(0)))
}
