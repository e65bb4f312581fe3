//! How often did messages fail, die, come back? Counts of what happens around queues.

use serde::Serialize;

use super::queue_event::QueueEvent;
use crate::message::DeathReason;
use crate::sorted::SortedMap;

/// Counts of what happened around queues so far.
///
/// ```
/// use mqlab_core::observe::{QueueEvent, QueueMetrics};
/// let mut counts = QueueMetrics::default();
/// assert!(counts.is_empty());
/// counts.observe(&QueueEvent::OutOfMemory { held: 21 });
/// assert_eq!(counts.out_of_memory, 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueMetrics {
    /// Messages that left a queue without having been consumed, by why.
    pub died: SortedMap<DeathReason, u64>,
    /// Attempts of programs that failed.
    pub failed: u64,
    /// Messages that came back to a queue, repeats counted.
    pub requeued: u64,
    /// Messages that a program knew already, and did not do again.
    pub recognised: u64,
    /// Programs that died for want of memory, repeats counted.
    pub out_of_memory: u64,
    /// Messages that fitted no queue and were dropped.
    pub unroutable: u64,
    /// Messages that fitted no queue and were sent back to their producer, repeats counted.
    pub returned: u64,
    /// How often a broker raised an alarm and asked its producers to wait.
    pub blocked: u64,
    /// Requests that were answered in time.
    pub answered: u64,
    /// Requests that were given up before an answer came.
    pub given_up: u64,
    /// Answers that came when nobody waited for them any more.
    pub late: u64,
}

impl QueueMetrics {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many messages died, whatever of.
    pub fn dead(&self) -> u64 {
        self.died.values().sum()
    }

    /// Messages came back to a queue.
    pub(super) fn came_back(&mut self, messages: usize) {
        self.requeued += messages as u64;
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, event: &QueueEvent) {
        match event {
            QueueEvent::Died { reason, .. } => *self.died.entry(*reason).or_default() += 1,
            QueueEvent::Failed { .. } => self.failed += 1,
            QueueEvent::Recognised { .. } => self.recognised += 1,
            QueueEvent::OutOfMemory { .. } => self.out_of_memory += 1,
            QueueEvent::Unroutable { returned: true, .. } => self.returned += 1,
            QueueEvent::Unroutable { returned: false, .. } => self.unroutable += 1,
            QueueEvent::Blocked { .. } => self.blocked += 1,
            QueueEvent::Answered { .. } => self.answered += 1,
            QueueEvent::GaveUpWaiting { .. } => self.given_up += 1,
            QueueEvent::AnswerLate { .. } => self.late += 1,
            _ => {}
        }
    }
}
