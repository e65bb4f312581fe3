//! What was counted on the side that pulls? Trimmed, recovered, reset; windows closed, and what came too late.

use serde::Serialize;

use super::pull_event::PullEvent;
use crate::time::{Span, Time};

/// Counts of [`PullEvent`]s.
///
/// ```
/// use mqlab_core::observe::PullMetrics;
/// assert!(PullMetrics::default().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PullMetrics {
    /// Messages that leaders did not keep any longer, read or not.
    pub trimmed: u64,
    /// Messages that brokers took from logs which they compact, each copy counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub compacted: u64,
    /// The bytes that those logs became smaller by.
    #[serde(skip_serializing_if = "is_zero")]
    pub compacted_bytes: u64,
    /// How often a reader's offset was gone.
    pub offsets_gone: u64,
    /// Messages that consumers found on their own disks.
    pub recovered: u64,
    /// Messages that consumers had noted as done, and lost from their memories.
    pub forgotten: u64,
    /// Windows whose count was given out.
    pub windows: u64,
    /// Counts that were given out again, because a late message changed them.
    pub corrected: u64,
    /// The sum of all counts.
    pub counted: u64,
    /// Messages that were not counted, because they came too late.
    pub late: u64,
    /// How long after their ends the counts of windows were given out, summed.
    pub waited_sum: Span,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl PullMetrics {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How long after its end the count of a window was given out, in the mean.
    pub fn waited_mean(&self) -> Span {
        Span(self.waited_sum.0.checked_div(self.windows).unwrap_or(0))
    }

    /// Takes note of a fact.
    pub(super) fn observe(&mut self, at: Time, event: &PullEvent) {
        match event {
            PullEvent::Trimmed { messages, .. } => self.trimmed += messages.len() as u64,
            PullEvent::OffsetGone { .. } => self.offsets_gone += 1,
            PullEvent::Recovered { messages } => self.recovered += messages.len() as u64,
            PullEvent::Forgotten { messages } => self.forgotten += messages.len() as u64,
            PullEvent::WindowClosed { corrected: true, .. } => {
                // One message more than what was given out before.
                self.corrected += 1;
                self.counted += 1;
            }
            PullEvent::WindowClosed { end, count, .. } => {
                self.windows += 1;
                self.counted += count;
                self.waited_sum = Span(self.waited_sum.0 + at.since(*end).0);
            }
            PullEvent::Late { counted: false, .. } => self.late += 1,
            PullEvent::Compacted { messages, bytes, .. } => {
                self.compacted += messages.len() as u64;
                self.compacted_bytes += bytes;
            }
            PullEvent::CopyTrimmed { .. }
            | PullEvent::Removed { .. }
            | PullEvent::Late { .. }
            | PullEvent::Replays { .. }
            | PullEvent::Happened { .. } => {}
        }
    }
}
