//! How does a consumer want to be served?

use serde::{Deserialize, Serialize};

use super::dispatch::{NewConsumer, SubscriptionType};
use super::protocol::InitialPosition;
use super::session::{BACKOFF, KEEP_ALIVE, OPERATION_TIMEOUT};
use crate::time::Span;

/// What a client calls too often.
///
/// ```
/// use mqlab_core::systems::pulsar::DeadLetterStyle;
/// assert_eq!(DeadLetterStyle::default(), DeadLetterStyle::Java);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterStyle {
    /// A message that was given back N times is delivered once more, and is dead when it is given back again: the program
    /// sees it N + 1 times.
    #[default]
    Java,
    /// A message that was given back N times is dead: the program sees it N times.
    Go,
}

/// When a message is a dead letter. It holds for shared and key-shared subscriptions only.
///
/// ```
/// use mqlab_core::systems::pulsar::{DeadLetterPolicy, DeadLetterStyle};
/// let policy = DeadLetterPolicy { max_redeliver: 16, style: DeadLetterStyle::Java };
/// assert_eq!(policy, policy.clone());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterPolicy {
    /// N.
    pub max_redeliver: u32,
    /// How it counts.
    #[serde(default)]
    pub style: DeadLetterStyle,
}

/// What a consumer is like.
///
/// ```
/// use mqlab_core::systems::pulsar::ConsumerSettings;
/// use mqlab_core::time::Span;
/// let settings = ConsumerSettings::default();
/// assert_eq!((settings.receiver_queue, settings.nack_delay), (1_000, Span::from_millis(60_000)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// How the subscription's messages are shared out.
    pub kind: SubscriptionType,
    /// Its name and priority.
    pub consumer: NewConsumer,
    /// Where a subscription begins that is new.
    pub from: InitialPosition,
    /// How many messages may wait here (`receiverQueueSize`); at least 1.
    pub receiver_queue: u32,
    /// Acknowledgements are gathered for so long (`acknowledgementsGroupTimeMicros`).
    pub ack_group: Span,
    /// What was given back comes again after this (`negativeAckRedeliveryDelayMicros`).
    pub nack_delay: Span,
    /// What is not acknowledged so long after the program got it comes again; never by default (`ackTimeoutMillis`: 0).
    pub ack_timeout: Option<Span>,
    /// When a message is a dead letter; never by default.
    pub dead_letters: Option<DeadLetterPolicy>,
    /// It waits this long before it asks again who owns the topic.
    pub backoff: Span,
    /// And this long for an answer.
    pub operation_timeout: Span,
    /// After so much silence it asks whether its connection is still there (`keepAliveIntervalSeconds`).
    pub keep_alive: Span,
    /// Whether it wants of each key the latest alone, as far as the topic is compacted (`readCompacted`). Only where one
    /// consumes at a time.
    pub read_compacted: bool,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self {
            kind: SubscriptionType::default(),
            consumer: NewConsumer::default(),
            from: InitialPosition::default(),
            receiver_queue: 1_000,
            ack_group: Span::from_millis(100),
            nack_delay: Span::from_millis(60_000),
            ack_timeout: None,
            dead_letters: None,
            backoff: BACKOFF,
            operation_timeout: OPERATION_TIMEOUT,
            keep_alive: KEEP_ALIVE,
            read_compacted: false,
        }
    }
}
