//! Where does a published message go? Into every queue that its exchange leads to, or back to its publisher.
//!
//! A message that fits no queue is dropped, unless it is *mandatory*: then it comes back. Either way it is confirmed:
//! nobody is waiting for it. One that a queue refuses is not. While a queue asks its senders to wait, or an alarm is
//! on, nothing is taken at all, so that a message is never stored in half of its queues.
//!
//! Sources: RabbitMQ "Consumer Acknowledgements and Publisher Confirms", "Memory and Disk Alarms".

use alloc::vec::Vec;

use super::*;
use crate::queue::Overflow;
use crate::routing::Routes;

/// AMQP's reply code of a message that came back because it fits no queue.
pub const NO_ROUTE: u16 = 312;

/// How a message is published.
///
/// ```
/// use mqlab_core::vhost::{Output, Publish, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// let how = Publish { mandatory: true, ..Publish::default() };
/// host.publish_with(now, "", "nobody", Message::new("a"), how)?;
/// assert!(matches!(host.poll(), Some(Output::Returned { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    /// On which channel.
    pub channel: ChannelId,
    /// Whether it comes back when it fits no queue.
    pub mandatory: bool,
    /// Whether subscribers that come later get it too, as the last value of its exchange and key. An empty body
    /// forgets the last value (MQTT's retained messages).
    pub retain: bool,
}

/// What became of a published message.
///
/// ```
/// use mqlab_core::vhost::{VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// let published = host.publish(now, "", "q", Message::new("a"))?;
/// assert!(published.queues == 1 && published.is_stored());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// How many queues took it.
    pub queues: usize,
    /// The queues that were full and refused it.
    pub refused: Vec<Name>,
    /// Whether it was mandatory and fits no queue, and comes back.
    pub returned: bool,
    /// Whether one of the queues that took it is full now, and asks its senders to wait.
    pub full: bool,
}

impl Published {
    /// Whether every queue that should have it took it.
    pub fn is_stored(&self) -> bool {
        self.refused.is_empty()
    }
}

/// Why publishers must wait.
///
/// ```
/// use mqlab_core::vhost::{Alarm, VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// host.set_alarm(Alarm::Disk, true);
/// assert_eq!(host.send(now, "q", Message::new("a")).map_err(|error| error.code()), Err(506));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alarm {
    /// The ready messages have too many bytes, with those that are not taken in yet.
    Memory,
    /// The disk is nearly full; whoever owns it says so.
    Disk,
}

impl core::fmt::Display for Alarm {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        })
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Sends a message to a queue.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; [`VhostError::Queue`] with [`QueueError::Full`] when the queue is full and refuses it,
    /// [`VhostError::Blocked`] when it asks to wait; failures of the storage. Nothing was stored then.
    pub fn send(&mut self, now: Time, queue: &str, message: Message) -> Result<(), S> {
        let name = Name::new(queue)?;
        if !self.queues.contains_key(&name) {
            return Err(VhostError::NoQueue(name));
        }
        let published = self.publish(now, "", queue, message)?;
        if published.is_stored() { Ok(()) } else { Err(VhostError::Queue(QueueError::Full)) }
    }

    /// Publishes a message on the default channel. An empty exchange is the default one: the key is the name of a
    /// queue.
    ///
    /// # Errors
    ///
    /// [`VhostError::Route`] when there is no such exchange (404) or it is internal (403); [`VhostError::Blocked`];
    /// failures of the storage. Nothing was stored then.
    pub fn publish(
        &mut self,
        now: Time,
        exchange: &str,
        key: &str,
        message: Message,
    ) -> Result<Published, S> {
        self.publish_with(now, exchange, key, message, Publish::default())
    }

    /// [`publish`](Self::publish) with all options.
    ///
    /// # Errors
    ///
    /// As there; and [`VhostError::NoChannel`]. On a channel in a transaction nothing is stored before the commit.
    pub fn publish_with(
        &mut self,
        now: Time,
        exchange: &str,
        key: &str,
        message: Message,
        options: Publish,
    ) -> Result<Published, S> {
        let exchange: ExchangeName = exchange.parse()?;
        message.check().map_err(QueueError::from)?;
        let channel = self.channels.get_mut(&options.channel).ok_or(VhostError::NoChannel)?;
        if channel.credit.is_some_and(|ahead| !ahead.may_send()) {
            return Err(VhostError::Blocked);
        }
        if channel.hold_back(&exchange, key, &message, options) {
            return Ok(Published::default());
        }
        let published = self.put(now, &exchange, key, message, options)?;
        if let Some(channel) = self.channels.get_mut(&options.channel) {
            channel.note_published(published.is_stored());
        }
        Ok(published)
    }

    /// Routes a message and stores it.
    pub(super) fn put(
        &mut self,
        now: Time,
        exchange: &ExchangeName,
        key: &str,
        message: Message,
        options: Publish,
    ) -> Result<Published, S> {
        let routes = self.check_publish(exchange, key, &message, options)?;
        self.store(now, &routes, exchange, key, message, options)
    }

    /// Stores a message that nothing speaks against: what a queue refuses now, it refuses alone.
    pub(super) fn store(
        &mut self,
        now: Time,
        routes: &Routes,
        exchange: &ExchangeName,
        key: &str,
        message: Message,
        options: Publish,
    ) -> Result<Published, S> {
        let message = routed(message, exchange, key);
        if options.retain {
            self.retained.keep(exchange, key, &message);
        }
        let mut published = Published::default();
        for name in routes.queues() {
            if self.filters.get(name).is_some_and(|filter| !filter.wants(&message, Some(options.channel))) {
                continue;
            }
            match self.with_queue(now, name, |queue| queue.send(now, message.clone())) {
                Ok(_) => {
                    published.queues += 1;
                    published.full |= self.is_blocking(name);
                }
                Err(VhostError::Queue(QueueError::Full) | VhostError::Blocked) => {
                    published.refused.push(name.clone());
                }
                Err(error) => return Err(error),
            }
        }
        for service in routes.services() {
            self.serve(now, service, &message)?;
        }
        // That its queues' subscribers do not want it is no better than that there are none.
        let nobody = published.queues == 0 && published.refused.is_empty() && routes.services().is_empty();
        if nobody && options.mandatory {
            published.returned = true;
            self.outputs.push_back(Output::Returned { channel: options.channel, message });
        }
        Ok(published)
    }

    /// Says that an alarm is on or off: while one is on, publishing is refused and consuming goes on. The memory
    /// alarm sets itself, see [`set_memory_max`](Self::set_memory_max).
    pub fn set_alarm(&mut self, alarm: Alarm, on: bool) {
        let changed = if on { self.alarms.insert(alarm) } else { self.alarms.remove(&alarm) };
        if changed {
            self.outputs.push_back(if on { Output::Blocked(alarm) } else { Output::Unblocked(alarm) });
        }
    }

    /// Whether a queue is full and asks its senders to wait.
    pub fn is_blocking(&self, queue: &Name) -> bool {
        self.queues.get(queue).is_some_and(|queue| {
            let stats = queue.stats();
            queue.options().overflow == Overflow::Block
                && is_full(queue.options(), stats.ready, stats.ready_bytes)
        })
    }

    /// Whether an alarm is on.
    pub fn has_alarm(&self) -> bool {
        !self.alarms.is_empty()
    }

    /// The alarms that are on, in order.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> {
        self.alarms.iter().copied()
    }

    /// Publishes a message that was accepted before and waited in memory to be taken in. An alarm that came up in the
    /// meantime does not hold it up: only through its queue it leaves the memory.
    ///
    /// # Errors
    ///
    /// As for [`publish_with`](Self::publish_with); [`VhostError::Blocked`] only for a full queue.
    pub(crate) fn take_in(
        &mut self,
        now: Time,
        exchange: &str,
        key: &str,
        message: Message,
        options: Publish,
    ) -> Result<Published, S> {
        let bytes = message.body().len() as u64;
        self.untaken = self.untaken.saturating_sub(bytes);
        self.takes_in = true;
        let published = self.publish_with(now, exchange, key, message, options);
        self.takes_in = false;
        if matches!(published, Err(VhostError::Blocked)) {
            self.untaken += bytes;
        }
        self.check_memory();
        published
    }

    /// A message of so many bytes waits in memory to be taken in: it counts for the memory alarm.
    pub(crate) fn add_untaken(&mut self, bytes: u64) {
        self.untaken += bytes;
        self.check_memory();
    }

    /// How many bytes of messages the memory alarm counts: those that are ready, and those that wait to be taken in.
    pub fn memory_bytes(&self) -> u64 {
        self.untaken + self.queues.values().map(|queue| queue.stats().ready_bytes).sum::<u64>()
    }

    /// Sets how many bytes of ready messages are too many; none is the default. (RabbitMQ's high watermark is a part
    /// of the machine's memory.)
    pub fn set_memory_max(&mut self, bytes: Option<u64>) {
        self.memory_max = bytes;
        self.check_memory();
    }

    /// Notes whether a queue asks its senders to wait, and says when it does no longer.
    pub(super) fn check_room(&mut self, name: &Name) {
        let Some(queue) = self.queues.get(name).filter(|queue| queue.options().overflow == Overflow::Block)
        else {
            return;
        };
        let stats = queue.stats();
        if is_full(queue.options(), stats.ready, stats.ready_bytes) {
            self.full.insert(name.clone(), stats.ready);
        } else if self.full.get(name).is_some_and(|&before| stats.ready < before) {
            self.full.remove(name);
            self.outputs.push_back(Output::Room(name.clone()));
        }
    }

    pub(super) fn check_memory(&mut self) {
        if let Some(most) = self.memory_max {
            self.set_alarm(Alarm::Memory, self.memory_bytes() > most);
        }
    }
}

/// Whether a queue that blocks takes nothing more when so many messages are ready. An empty one always takes one.
pub(super) fn is_full(limits: &QueueOptions, ready: u64, bytes: u64) -> bool {
    ready > 0
        && (limits.length_max.is_some_and(|most| ready >= most)
            || limits.bytes_max.is_some_and(|most| bytes >= most))
}

/// A message with the exchange and the key that it is published to, where they do not follow from its queue.
pub(super) fn routed(message: Message, exchange: &ExchangeName, key: &str) -> Message {
    if exchange.is_default() && message.exchange().is_empty() && message.routing_key().is_none() {
        return message;
    }
    if message.exchange() == exchange.as_str() && message.routing_key() == Some(key) {
        return message;
    }
    message.with_route(exchange.as_str(), key)
}
