//! What becomes of a message that a consumer cannot process? It is sent back, waits longer each time, and is buried at last.
//!
//! ```text
//!   orders ──▶ consumer ✗ ──▶ SCHEDULE_TOPIC_XXXX, level 3 + n ──▶ %RETRY%group ──▶ consumer ✗ ──▶ ...
//!                                                                                     n = 16 ──▶ %DLQ%group
//! ```
//!
//! The first delivery and 16 more: 10 s, 30 s, 1 m, ... 2 h after each other. The topic for retries belongs to the group, so
//! that what one group fails at does not come again to the others.
//!
//! Source: `AbstractSendMessageProcessor.java`, `SubscriptionGroupConfig.java`, `MixAll.java`.

use super::topic::{BadTopic, Topic};

/// What stands before a group's name in the topic of its retries.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// What stands before a group's name in the topic of what it gave up.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// So often a message is tried again (`retryMaxTimes`).
pub const RETRIES_MAX: u32 = 16;
/// The level of the first retry's delay; each further one waits a level more.
pub const FIRST_RETRY_LEVEL: u32 = 3;

/// The topic from which a group gets what it could not process.
///
/// # Errors
///
/// [`BadTopic`] when the group's name is too long for it.
///
/// ```
/// use mqlab_core::systems::rocketmq::retry::retry_topic;
/// assert_eq!(retry_topic("payers")?.as_str(), "%RETRY%payers");
/// # Ok::<(), mqlab_core::systems::rocketmq::BadTopic>(())
/// ```
pub fn retry_topic(group: &str) -> Result<Topic, BadTopic> {
    Topic::new(&alloc::format!("{RETRY_PREFIX}{group}"))
}

/// The topic where a group buries what it gave up.
///
/// # Errors
///
/// As for [`retry_topic`].
pub fn dead_letter_topic(group: &str) -> Result<Topic, BadTopic> {
    Topic::new(&alloc::format!("{DLQ_PREFIX}{group}"))
}

/// Where a message goes that was sent back.
///
/// ```
/// use mqlab_core::systems::rocketmq::retry::{AfterFailure, after_failure};
/// assert_eq!(after_failure(0, 0, 16), AfterFailure::Retry { level: 3 });
/// assert_eq!(after_failure(15, 0, 16), AfterFailure::Retry { level: 18 });
/// assert_eq!(after_failure(16, 0, 16), AfterFailure::Bury);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// To the topic of retries, after the delay of this level.
    Retry {
        /// Which.
        level: u32,
    },
    /// To the dead letters.
    Bury,
}

/// What becomes of a message that was sent back `reconsumed` times before. The consumer may wish for a level of delay: less
/// than 0 buries it at once, 0 leaves the choice to the broker.
pub fn after_failure(reconsumed: u32, wished: i32, retries_max: u32) -> AfterFailure {
    if reconsumed >= retries_max || wished < 0 {
        return AfterFailure::Bury;
    }
    let level = if wished > 0 { wished.unsigned_abs() } else { FIRST_RETRY_LEVEL.saturating_add(reconsumed) };
    AfterFailure::Retry { level }
}
