//! What may a topic be called, and which topics does a broker keep for itself?
//!
//! | topic | holds |
//! |---|---|
//! | `SCHEDULE_TOPIC_XXXX` | messages that wait for their delay, a queue for each level |
//! | `RMQ_SYS_TRANS_HALF_TOPIC` | half messages |
//! | `RMQ_SYS_TRANS_OP_HALF_TOPIC` | which half messages are decided |
//! | `TRANS_CHECK_MAX_TIME_TOPIC` | half messages that nobody decided |
//! | `rmq_sys_REVIVE_LOG` | what was popped, and what of it was acknowledged |
//! | `%RETRY%group`, `%DLQ%group` | what a group could not process, and what it gave up |
//!
//! Source: `TopicValidator.java`, `MixAll.java`.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::ids::{Name, PartitionId};
use crate::observe::Place;

/// The longest name of a topic, in bytes: the first layout has one byte for it, of which Java uses seven bits.
pub const TOPIC_BYTES_MAX: usize = 127;

/// Where delayed messages wait.
pub const SCHEDULE_TOPIC: &str = "SCHEDULE_TOPIC_XXXX";
/// Where half messages stand.
pub const HALF_TOPIC: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// Where it is noted which of them are decided.
pub const OP_HALF_TOPIC: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Where those go that nobody decided.
pub const CHECK_MAX_TOPIC: &str = "TRANS_CHECK_MAX_TIME_TOPIC";
/// Where it is noted what was popped and acknowledged. (In RocketMQ the cluster's name follows.)
pub const REVIVE_TOPIC: &str = "rmq_sys_REVIVE_LOG";

/// The name of a topic: letters, digits, `_`, `-`, `%` and `|`, at most [`TOPIC_BYTES_MAX`].
///
/// ```
/// use mqlab_core::systems::rocketmq::Topic;
/// assert_eq!(Topic::new("%RETRY%payers")?.as_str(), "%RETRY%payers");
/// assert!(Topic::new("a b").is_err());
/// # Ok::<(), mqlab_core::systems::rocketmq::BadTopic>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// The topic of this name.
    ///
    /// # Errors
    ///
    /// [`BadTopic`] when the name is empty, too long, or has other characters.
    pub fn new(name: &str) -> Result<Self, BadTopic> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'%' | b'|');
        if name.is_empty() || name.len() > TOPIC_BYTES_MAX || !name.bytes().all(legal) {
            return Err(BadTopic(name.into()));
        }
        Ok(Self(name.into()))
    }

    /// One of the names that this module knows.
    pub(super) fn system(name: &'static str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one of those that a broker keeps for itself: no client may send there.
    pub fn is_system(&self) -> bool {
        [SCHEDULE_TOPIC, HALF_TOPIC, OP_HALF_TOPIC, CHECK_MAX_TOPIC, REVIVE_TOPIC].contains(&self.as_str())
    }

    /// One of its queues, as facts name it. A `%` or a `|`, which names of places do not have, becomes a dot.
    ///
    /// ```
    /// use mqlab_core::systems::rocketmq::Topic;
    /// assert_eq!(Topic::new("%DLQ%payers")?.queue(0).to_string(), ".DLQ.payers/0");
    /// # Ok::<(), mqlab_core::systems::rocketmq::BadTopic>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Never: what is left are characters that a name may have.
    pub fn queue(&self, queue: u32) -> PartitionId {
        let text = self.0.replace(['%', '|'], ".");
        let text = if text.bytes().all(|c| c == b'.') { "...".into() } else { text };
        PartitionId { topic: Name::new(&text).expect("a topic's characters are a name's"), index: queue }
    }

    /// The same as a place.
    pub fn place(&self, queue: u32) -> Place {
        Place::Partition(self.queue(queue))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that cannot name a topic.
///
/// ```
/// use mqlab_core::systems::rocketmq::Topic;
/// let error = Topic::new("").expect_err("nothing is no name");
/// assert_eq!(error.to_string(), "\"\" cannot name a topic: use 1 to 127 of the letters a-z A-Z 0-9 _ - % |");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTopic(pub String);

impl fmt::Display for BadTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "{name:?} cannot name a topic: use 1 to {TOPIC_BYTES_MAX} of the letters a-z A-Z 0-9 _ - % |"
        )
    }
}

impl core::error::Error for BadTopic {}
