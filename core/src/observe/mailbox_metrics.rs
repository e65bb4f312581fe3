//! How full were the mailboxes? What brokers had read, and no queue had taken in yet.

use serde::Serialize;

/// The most that waited in the mailboxes of one broker at once, and how often a connection went into flow for it.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("credit-flow").ok_or("no such scenario")?, 1)?;
/// timeline.advance(timeline.ends_at());
/// let mailboxes = timeline.metrics().mailboxes;
/// assert!(mailboxes.in_flow > 0 && mailboxes.messages_max > 0 && mailboxes.bytes_max > mailboxes.messages_max);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MailboxMetrics {
    /// The most messages.
    pub messages_max: u64,
    /// The most bytes of their bodies.
    pub bytes_max: u64,
    /// How often a connection went into flow.
    pub in_flow: u64,
    /// Messages that were in a mailbox when their broker died; the same one counts each time.
    pub lost: u64,
}

impl MailboxMetrics {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes note of so many messages and bytes in the mailboxes of a broker.
    pub(crate) fn fill(&mut self, messages: u64, bytes: u64) {
        self.messages_max = self.messages_max.max(messages);
        self.bytes_max = self.bytes_max.max(bytes);
    }
}
