//! What does a virtual host say? What is to be delivered, returned, confirmed or asked, in the order in which it came up.
//!
//! Whoever runs the host polls after each burst, and hands each output to the client that it is for.

use super::{Alarm, ChannelId, HalfId, Handle};
use crate::ids::{Name, Offset};
use crate::message::Message;
use crate::queue::{ConsumerId, Fact};

/// A message in the hands of whoever consumes on a channel.
///
/// ```
/// use mqlab_core::vhost::{VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// host.send(now, "q", Message::new("a"))?;
/// let delivered = host.receive(now, "q")?.ok_or("it is there")?;
/// assert_eq!((delivered.queue.as_str(), delivered.count), ("q", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What settles it.
    pub handle: Handle,
    /// The queue that it comes from.
    pub queue: Name,
    /// The consumer that it was pushed to; [`ConsumerId::default`] when it was asked for.
    pub consumer: ConsumerId,
    /// Where it stands in the queue.
    pub offset: Offset,
    /// How often it was delivered, this time counted.
    pub count: u32,
    /// The message.
    pub message: Message,
}

impl Delivered {
    /// Whether somebody had it before and may have done something with it.
    pub fn is_redelivered(&self) -> bool {
        self.count > 1
    }
}

/// What a virtual host wants done or known.
///
/// ```
/// use mqlab_core::message::Message;
/// use mqlab_core::queue::{ConsumerOptions, QueueOptions};
/// use mqlab_core::time::Time;
/// use mqlab_core::vhost::{Output, VirtualHost};
///
/// let mut host = VirtualHost::in_memory();
/// host.declare_queue(Time::ZERO, "orders", QueueOptions::default())?;
/// host.consume(Time::ZERO, "orders", ConsumerOptions::default())?;
/// host.send(Time::ZERO, "orders", Message::new("a book"))?;
/// host.flush()?;
/// while let Some(output) = host.poll() {
///     if let Output::Deliver(delivered) = output {
///         host.ack(Time::ZERO, delivered.handle)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// A message is pushed to a consumer.
    Deliver(Delivered),
    /// A mandatory message went nowhere: its publisher gets it back (AMQP: `basic.return` with 312 `NO_ROUTE`).
    Returned {
        /// Whose it is.
        channel: ChannelId,
        /// The message, with the exchange and the key that it was published to.
        message: Message,
    },
    /// Messages are stored, or refused: told after the flush (AMQP: `basic.ack` and `basic.nack` to a publisher).
    Confirmed {
        /// Whose they are.
        channel: ChannelId,
        /// The number of the last of them among the channel's messages, from 1.
        sequence: u64,
        /// Whether all before it that were not confirmed are meant too.
        multiple: bool,
        /// Whether they are stored: every queue that should have them took them.
        stored: bool,
    },
    /// A half message was not decided in time: its sender is asked what became of its own transaction.
    CheckBack {
        /// Which.
        id: HalfId,
        /// How often it was asked, this time counted.
        check: u32,
        /// The message.
        message: Message,
    },
    /// A channel's publisher may send so many more messages; with none left, publishing there is refused.
    Credit {
        /// Whose it is.
        channel: ChannelId,
        /// How many more.
        more: u32,
    },
    /// Publishers must wait: publishing is refused until further notice.
    Blocked(Alarm),
    /// They may go on.
    Unblocked(Alarm),
    /// A queue that asked its senders to wait has room again.
    Room(Name),
    /// A queue was removed, because nobody used it any more.
    QueueRemoved(Name),
    /// A consumer ended because its queue was deleted (RabbitMQ sends `basic.cancel`).
    Cancelled {
        /// Which.
        consumer: ConsumerId,
        /// The channel that it was on.
        channel: ChannelId,
    },
    /// Something happened in a queue, for who watches.
    Fact(Name, Fact),
}
