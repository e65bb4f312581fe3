//! What do ActiveMQ's defaults mean in this engine? How far consumers are ahead, and what a queue does.

use super::SHARED_DLQ;
use crate::queue::{DeadLetter, Expiry, Flow, QueueOptions};
use crate::time::Span;

/// How many messages a consumer of a queue is ahead (`queuePrefetch`).
pub const QUEUE_PREFETCH: u32 = 1_000;
/// How many a browser of a queue is ahead (`queueBrowserPrefetch`).
pub const QUEUE_BROWSER_PREFETCH: u32 = 500;
/// How many a durable subscriber is ahead (`durableTopicPrefetch`).
pub const DURABLE_TOPIC_PREFETCH: u32 = 100;
/// How many another subscriber is ahead (`topicPrefetch`); and the most that anybody can be.
pub const TOPIC_PREFETCH: u32 = 32_767;
/// How often a broker looks for what has expired (`expireMessagesPeriod`).
pub const EXPIRE_MESSAGES_PERIOD: Span = Span::from_millis(30_000);
/// The highest priority of JMS; without one a message has 4.
pub const JMS_PRIORITY_MAX: u8 = 9;

/// When what is written to the journal is flushed to the disk.
///
/// ```
/// use mqlab_core::systems::activemq::JournalSync;
/// assert_eq!(JournalSync::default(), JournalSync::Always);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalSync {
    /// Before anybody is told that it is stored (`journalDiskSyncStrategy` always).
    #[default]
    Always,
    /// This often, in microseconds: what was told meanwhile, a power cut takes (periodic, with `journalDiskSyncInterval` 1000
    /// ms).
    Periodic(Span),
    /// When the operating system likes (never, or `enableJournalDiskSyncs` off).
    Never,
}

/// What a broker does with its destinations.
///
/// ```
/// use mqlab_core::queue::Expiry;
/// use mqlab_core::systems::activemq::DestinationPolicy;
/// let options = DestinationPolicy::default().queue_options();
/// assert_eq!(options.priority_max, 0); // first in, first out, whatever their priority
/// assert!(options.prefetch_extension && matches!(options.expiry, Expiry::Sweep(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationPolicy {
    /// Whether a message's priority counts (`prioritizedMessages`).
    pub prioritized_messages: bool,
    /// Whether the first consumer with room is served, instead of one after the other (`strictOrderDispatch`).
    pub strict_order_dispatch: bool,
    /// Whether a message that was seen makes room (`usePrefetchExtension`).
    pub use_prefetch_extension: bool,
    /// How often expired messages are looked for.
    pub expire_messages_period: Span,
    /// Whether expired messages become dead letters (`processExpired`).
    pub process_expired: bool,
    /// Whether those that are not persistent do, too (`processNonPersistent`).
    pub process_non_persistent: bool,
    /// Whether a message can be scheduled (`schedulerSupport`); off by default.
    pub scheduler_support: bool,
}

impl Default for DestinationPolicy {
    fn default() -> Self {
        Self {
            prioritized_messages: false,
            strict_order_dispatch: false,
            use_prefetch_extension: true,
            expire_messages_period: EXPIRE_MESSAGES_PERIOD,
            process_expired: true,
            process_non_persistent: false,
            scheduler_support: false,
        }
    }
}

impl DestinationPolicy {
    /// The options of a queue.
    pub fn queue_options(&self) -> QueueOptions {
        let (priority_max, priority_default) = match self.prioritized_messages {
            true => (JMS_PRIORITY_MAX, crate::message::JMS_DEFAULT_PRIORITY),
            false => (0, 0),
        };
        QueueOptions {
            priority_max,
            priority_default,
            expiry: Expiry::Sweep(self.expire_messages_period),
            strict_dispatch: self.strict_order_dispatch,
            prefetch_extension: self.use_prefetch_extension,
            dead_letter: self.process_expired.then(|| DeadLetter::to_queue(SHARED_DLQ)),
            dead_letter_persistent_only: !self.process_non_persistent,
            ..QueueOptions::default()
        }
    }
}

/// How a consumer is served that is so many messages ahead: none means that it asks for each, and more than
/// [`TOPIC_PREFETCH`] are cut down to it.
///
/// ```
/// use mqlab_core::queue::Flow;
/// use mqlab_core::systems::activemq::prefetch_flow;
/// assert_eq!((prefetch_flow(0), prefetch_flow(1_000_000)), (Flow::Pull, Flow::Prefetch(32_767)));
/// ```
pub fn prefetch_flow(prefetch: u32) -> Flow {
    if prefetch == 0 { Flow::Pull } else { Flow::Prefetch(prefetch.min(TOPIC_PREFETCH)) }
}
