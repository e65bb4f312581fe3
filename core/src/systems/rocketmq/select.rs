//! Which queue of a topic does a message go to? One after the other, or the one that its key decides.
//!
//! ```text
//!   hash of the key     remainder by 4 queues     negative? its magnitude     queue
//!   -7                  -3                        3                           3
//! ```
//!
//! What shares a key shares a queue, and is in order there: as long as the number of queues stays the same, and each send
//! waits for the one before.
//!
//! Source: `SelectMessageQueueByHash.java`, `TopicPublishInfo.java`.

use super::hash::{java_hash, magnitude};

/// The queue of a key among `queues`; 0 where there is none to choose from.
///
/// ```
/// use mqlab_core::systems::rocketmq::select::queue_by_key;
/// assert_eq!(queue_by_key("TagA", 4), 2_598_919 % 4);
/// ```
pub fn queue_by_key(key: &str, queues: u32) -> u32 {
    queue_by_hash(java_hash(key), queues)
}

/// The queue of a hash among `queues`: the magnitude of the remainder, as Java takes it, with the sign of the hash.
///
/// ```
/// use mqlab_core::systems::rocketmq::select::queue_by_hash;
/// assert_eq!(queue_by_hash(-7, 4), 3);
/// ```
pub fn queue_by_hash(hash: i32, queues: u32) -> u32 {
    let queues = i32::try_from(queues).unwrap_or(i32::MAX);
    hash.checked_rem(queues).map_or(0, |rest| magnitude(rest).unsigned_abs())
}
