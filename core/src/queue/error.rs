//! What can a queue refuse?

use core::fmt;

use super::{Receipt, Tag};
use crate::ids::Offset;
use crate::log::LogError;
use crate::message::BadMessage;

/// Why a queue did not do what it was asked. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::queue::{Queue, QueueError, Tag};
/// use mqlab_core::time::Time;
/// let mut queue = Queue::in_memory("q")?;
/// assert_eq!(queue.ack(Time::ZERO, Tag(1)), Err(QueueError::UnknownTag(Tag(1))));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueError<E> {
    /// It holds as much as it may, and refuses more (AMQP: a negative confirm).
    Full,
    /// It holds as much as it may, and asks its senders to wait: send the message again when there is room.
    Blocked,
    /// No message can be so.
    BadMessage(BadMessage),
    /// There is no such delivery, or it is settled already (AMQP: 406 `PRECONDITION_FAILED`).
    UnknownTag(Tag),
    /// The message of a receipt is not in the queue any more, or there never was such a delivery.
    Gone(Receipt),
    /// The message of a receipt was delivered again since: only the latest receipt counts.
    DeliveredAgain(Receipt),
    /// The delivery of a receipt has ended: its message is free, or waits.
    NotOut(Receipt),
    /// No such consumer is attached.
    UnknownConsumer,
    /// The log does not have a message that the queue holds: the files were changed behind its back.
    Missing(Offset),
    /// The storage failed. Close the queue and open it again. With [`LogError::Full`] there is only no room: nothing is lost,
    /// and the queue goes on when there is some.
    Log(LogError<E>),
}

impl<E: fmt::Display> fmt::Display for QueueError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the queue is full and refuses more: consume, or raise its limits"),
            Self::Blocked => f.write_str("the queue is full: send again when something was consumed"),
            Self::BadMessage(error) => error.fmt(f),
            Self::UnknownTag(tag) => {
                write!(
                    f,
                    "no delivery {} is unacknowledged: acknowledge each once, and not after its ",
                    tag.0
                )?;
                f.write_str("consumer was detached")
            }
            Self::Gone(receipt) => write!(
                f,
                "the message of {receipt} is not in the queue: it was acknowledged, has expired, or is a dead letter"
            ),
            Self::DeliveredAgain(receipt) => write!(
                f,
                "the lease of {receipt} ended and somebody has received its message again: only the latest receipt counts"
            ),
            Self::NotOut(receipt) => {
                write!(f, "nobody has {receipt} any more: its lease ended, or it was given back already")
            }
            Self::UnknownConsumer => f.write_str("no such consumer is attached to the queue"),
            Self::Missing(offset) => write!(f, "the queue's log has no message at {offset}: is it damaged?"),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for QueueError<E> {}

impl<E> From<LogError<E>> for QueueError<E> {
    fn from(error: LogError<E>) -> Self {
        Self::Log(error)
    }
}

impl<E> From<BadMessage> for QueueError<E> {
    fn from(error: BadMessage) -> Self {
        Self::BadMessage(error)
    }
}
