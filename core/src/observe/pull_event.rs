//! What happens on the side that pulls? Facts about what a broker no longer keeps, what a consumer finds on its own
//! disk, and what is counted over time.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::messages::named;
use crate::ids::{MessageId, Offset, PartitionId};
use crate::time::Time;

/// A fact about pulling, or about counting what was pulled.
///
/// ```
/// use mqlab_core::ids::{Name, Offset, PartitionId};
/// use mqlab_core::observe::PullEvent;
/// let partition = PartitionId { topic: Name::new("orders")?, index: 0 };
/// let reset = PullEvent::OffsetGone { partition, wanted: Offset(4), goes_on: Offset(9) };
/// assert_eq!(reset.to_string(), "does not find 4 in orders/0 any more, goes on at 9");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PullEvent {
    /// A leader does not keep any longer what is old, whether anybody read it or not.
    Trimmed {
        /// Of which partition.
        partition: PartitionId,
        /// It keeps what is at or after this.
        below: Offset,
        /// What is gone.
        messages: Vec<MessageId>,
    },
    /// A reader asked for what its leader does not keep any more.
    OffsetGone {
        /// In which partition.
        partition: PartitionId,
        /// What it wanted next.
        wanted: Offset,
        /// What it reads instead.
        goes_on: Offset,
    },
    /// A consumer that was started again found on its own disk what it had fetched and not done.
    Recovered {
        /// What.
        messages: Vec<MessageId>,
    },
    /// A consumer's program died, and with it what was noted as done already, and was not.
    Forgotten {
        /// What.
        messages: Vec<MessageId>,
    },
    /// A consumer goes back, to process again what it has processed before.
    Replays {
        /// In which partition.
        partition: PartitionId,
        /// From where on.
        from: Offset,
    },
    /// What a message tells of happened before it was sent.
    Happened {
        /// Which message.
        message: MessageId,
        /// When.
        at: Time,
    },
    /// A window is over: its count is given out.
    WindowClosed {
        /// When it began.
        start: Time,
        /// When it ended.
        end: Time,
        /// Of which key; of all messages without one.
        key: Option<String>,
        /// How many messages.
        count: u64,
        /// Whether the count was given out before, and a late message changed it.
        corrected: bool,
    },
    /// A message came when the count of its window was given out already.
    Late {
        /// Which message.
        message: MessageId,
        /// When the window began.
        start: Time,
        /// Whether the window was corrected; else the message is not counted.
        counted: bool,
    },
    /// A broker cleaned a log that it compacts: of each key only the last message stayed.
    Compacted {
        /// Of which partition.
        partition: PartitionId,
        /// Everything below is clean now.
        below: Offset,
        /// What is gone: a later message of the same key supersedes it, or it was a tombstone.
        messages: Vec<MessageId>,
        /// How many tombstones went because their time was over.
        tombstones: u64,
        /// How many bytes the log has less.
        bytes: u64,
    },
    /// A follower does not keep any longer what is old: by its own clock, or because its leader does not have it either.
    CopyTrimmed {
        /// Of which partition.
        partition: PartitionId,
        /// It keeps what is at or after this.
        below: Offset,
        /// What is gone here.
        messages: Vec<MessageId>,
    },
    /// A topic was removed, and a broker deletes what it kept of a partition.
    Removed {
        /// Which partition.
        partition: PartitionId,
        /// What is gone here.
        messages: Vec<MessageId>,
    },
}

impl PullEvent {
    /// The messages that it is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Trimmed { messages, .. }
            | Self::CopyTrimmed { messages, .. }
            | Self::Removed { messages, .. }
            | Self::Recovered { messages }
            | Self::Forgotten { messages }
            | Self::Compacted { messages, .. } => messages,
            Self::Happened { message, .. } | Self::Late { message, .. } => core::slice::from_ref(message),
            _ => &[],
        }
    }

    /// Whether it marks a turn in a run.
    pub fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::OffsetGone { .. }
                | Self::Removed { .. }
                | Self::Recovered { .. }
                | Self::Forgotten { .. }
                | Self::Replays { .. }
                | Self::Compacted { .. }
        )
    }
}

impl fmt::Display for PullEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trimmed { partition, below, messages } => {
                write!(f, "trimmed {partition} below {below}, dropping {}", named(messages))
            }
            Self::CopyTrimmed { partition, below, messages } => {
                write!(f, "trimmed its copy of {partition} below {below}, dropping {}", named(messages))
            }
            Self::OffsetGone { partition, wanted, goes_on } => {
                write!(f, "does not find {wanted} in {partition} any more, goes on at {goes_on}")
            }
            Self::Removed { partition, messages } => {
                write!(f, "deleted {partition}, whose topic is removed, with {}", named(messages))
            }
            Self::Recovered { messages } => write!(f, "found on its own disk: {}", named(messages)),
            Self::Forgotten { messages } => {
                write!(f, "lost from its memory what it had noted as done: {}", named(messages))
            }
            Self::Replays { partition, from } => write!(f, "replays {partition} from {from}"),
            Self::Happened { message, at } => write!(f, "tells in {message} of what happened at {at}"),
            Self::WindowClosed { start, end, key, count, corrected } => {
                let (what, of) = (if *corrected { "corrected" } else { "closed" }, key.as_deref());
                let (space, of) = (if of.is_some() { " of " } else { "" }, of.unwrap_or(""));
                write!(f, "{what} the window {start} to {end}{space}{of}: {count}")
            }
            Self::Late { message, start, counted } => {
                let so = if *counted { "counted all the same" } else { "not counted" };
                write!(f, "got {message} too late for the window from {start}: {so}")
            }
            Self::Compacted { partition, below, messages, tombstones, bytes } => {
                write!(f, "compacted {partition} below {below}: {} superseded", named(messages))?;
                match tombstones {
                    0 => {}
                    1 => f.write_str(", one of them a tombstone whose time is over")?,
                    many => write!(f, ", {many} of them tombstones whose time is over")?,
                }
                write!(f, "; {bytes} bytes less")
            }
        }
    }
}
