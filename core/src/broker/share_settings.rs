//! What do brokers allow share groups? How long a member may have a record, how often it is tried, how much is in flight.

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Where a share group begins in a partition of which it has no account (Kafka: `share.auto.offset.reset`).
///
/// ```
/// use mqlab_core::broker::ShareStart;
/// assert_eq!(serde_json::from_str::<ShareStart>(r#""latest""#)?, ShareStart::Latest);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareStart {
    /// With the oldest that is there.
    Earliest,
    /// With what comes from now on: what was sent before the group's first member came is not for it. Kafka's default, too.
    #[default]
    Latest,
}

/// The limits of share groups. What Kafka uses stands beside each; the times are short, so that a watcher sees a lock run
/// out.
///
/// ```
/// use mqlab_core::broker::ShareSettings;
/// use mqlab_core::time::Span;
/// let settings: ShareSettings = serde_json::from_str(r#"{ "lock": 30000000 }"#)?; // microseconds
/// assert_eq!((settings.lock, settings.delivery_limit), (Span::from_millis(30_000), 5));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShareSettings {
    /// A member has a record for so long, unless it renews; then it is available again.
    /// Kafka: 30 s (`group.share.record.lock.duration.ms`).
    pub lock: Span,
    /// A record that was delivered so often and not processed is archived, from 1 to [`SHARE_DELIVERIES_MAX`].
    /// Kafka: 5 (`group.share.delivery.count.limit`).
    pub delivery_limit: u32,
    /// So many records of a partition may be in flight in a group, from 1 to [`SHARE_LOCKS_MAX`].
    /// Kafka: 2000, and 200 before 4.1 (`group.share.partition.max.record.locks`).
    pub locks_max: u32,
    /// Where groups begin.
    pub start: ShareStart,
}

/// The highest limit of deliveries.
pub const SHARE_DELIVERIES_MAX: u32 = 100;
/// The most records of a partition that may be in flight in a group.
pub const SHARE_LOCKS_MAX: u32 = 10_000;

impl Default for ShareSettings {
    fn default() -> Self {
        Self {
            lock: Span::from_millis(100),
            delivery_limit: 5,
            locks_max: 2_000,
            start: ShareStart::default(),
        }
    }
}
