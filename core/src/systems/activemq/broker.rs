//! How does ActiveMQ's broker come out of a virtual host? One exchange for all topics, a queue for each queue and each
//! subscription, and a place for the dead.
//!
//! ```text
//!   send "orders" ─────────────────────────────▶ [orders]                                ──▶ consumers compete
//!   publish "VirtualTopic.X" ──▶ topics ─┬─────▶ [Consumer.A.VirtualTopic.X]             ──▶ consumers compete
//!                                        ├─────▶ [Consumer.B.VirtualTopic.X]             ──▶ ...
//!                                        └─────▶ [a subscription's queue]                ──▶ its subscriber
//!   expired, or poison, and persistent ────────▶ [ActiveMQ.DLQ]
//! ```
//!
//! A destination is made by its first use. A queue whose name is that of a virtual topic's consumer gets a copy of what
//! is published to the topic from then on.
//!
//! Left out: composite destinations, `AMQ_SCHEDULED_CRON`, subscriptions of queues by wildcards, policies of single
//! destinations.
//!
//! Sources: ActiveMQ `PolicyEntry.java`, `ActiveMQPrefetchPolicy.java`, `SharedDeadLetterStrategy.java`,
//! `ScheduledMessage.java`, `VirtualTopic.java`.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::{
    BadDestination, DURABLE_TOPIC_PREFETCH, DestinationPolicy, Dispatched, SHARED_DLQ, TOPIC_PREFETCH,
    parse_destination, virtual_topic_of,
};
use crate::ids::Name;
use crate::log::memory::MemoryStorage;
use crate::log::{Storage, StorageError};
use crate::message::{Message, Repeat, Value};
use crate::queue::{ConsumerId, ConsumerOptions, Flow, QueueOptions};
use crate::routing::{Binding, ExchangeKind, ExchangeName, ExchangeOptions};
use crate::selector::{InvalidSelector, Selector};
use crate::time::{Span, Time};
use crate::vhost::{ChannelId, Publish, Subscription, VhostError, VirtualHost};

/// The exchange that all topics are keys of.
const TOPICS: &str = "ActiveMQ.Topics";
/// Where a dead letter came from.
const ORIGINAL_DESTINATION: &str = "originalDestination";
/// Why a consumer gave a message up.
const FAILURE_CAUSE: &str = "dlqDeliveryFailureCause";

/// Why a broker did not do what it was asked. `E` is how its storage can fail.
///
/// ```
/// use mqlab_core::systems::activemq::{Broker, BrokerError};
/// use mqlab_core::time::Time;
/// let mut broker = Broker::in_memory();
/// let error = broker.consume(Time::ZERO, "orders?consumer.priority=high", "").expect_err("it is no number");
/// assert!(matches!(error, BrokerError::Destination(_)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerError<E> {
    /// Its virtual host did not.
    Host(VhostError<E>),
    /// A destination's options cannot be.
    Destination(BadDestination),
    /// A selector cannot be: JMS's `InvalidSelectorException`.
    Selector(InvalidSelector),
}

impl<E: core::fmt::Display> core::fmt::Display for BrokerError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Destination(error) => error.fmt(f),
            Self::Selector(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for BrokerError<E> {}

impl<E> From<VhostError<E>> for BrokerError<E> {
    fn from(error: VhostError<E>) -> Self {
        Self::Host(error)
    }
}

impl<E> From<BadDestination> for BrokerError<E> {
    fn from(error: BadDestination) -> Self {
        Self::Destination(error)
    }
}

impl<E> From<InvalidSelector> for BrokerError<E> {
    fn from(error: InvalidSelector) -> Self {
        Self::Selector(error)
    }
}

type Result<T, S> = core::result::Result<T, BrokerError<StorageError<S>>>;

/// A broker.
///
/// ```
/// use mqlab_core::systems::activemq::Broker;
/// use mqlab_core::{message::Message, time::Time};
/// let (mut broker, now) = (Broker::in_memory(), Time::ZERO);
/// broker.declare_queue(now, "Consumer.A.VirtualTopic.Orders")?;
/// broker.publish(now, "VirtualTopic.Orders", Message::new("a book"))?;
/// assert!(broker.host_mut().receive(now, "Consumer.A.VirtualTopic.Orders")?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Broker<S: Storage> {
    host: VirtualHost<S>,
    policy: DestinationPolicy,
}

impl<S: Storage + Clone> Clone for Broker<S>
where
    S::Log: Clone,
{
    fn clone(&self) -> Self {
        Self { host: self.host.clone(), policy: self.policy.clone() }
    }
}

impl Broker<MemoryStorage> {
    /// A broker that lives in memory alone, with the default policy.
    ///
    /// # Panics
    ///
    /// Never: memory does not fail, and is empty.
    pub fn in_memory() -> Self {
        Self::open(MemoryStorage::default(), DestinationPolicy::default(), Time::ZERO)
            .expect("memory does not fail")
    }
}

impl<S: Storage> Broker<S> {
    /// Opens a broker's store.
    ///
    /// # Errors
    ///
    /// When the storage fails, or holds something else.
    pub fn open(storage: S, policy: DestinationPolicy, now: Time) -> Result<Self, S> {
        let mut broker = Self { host: VirtualHost::open(storage, now)?, policy };
        let topics = ExchangeOptions { durable: true, ..ExchangeOptions::new(ExchangeKind::Hierarchy) };
        broker.host.declare_exchange_with(TOPICS, topics)?;
        broker.declare_queue(now, SHARED_DLQ)?;
        Ok(broker)
    }

    /// Gives the storage back.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn close(self) -> Result<S, S> {
        Ok(self.host.close()?)
    }

    /// The virtual host below, to be looked at.
    pub fn host(&self) -> &VirtualHost<S> {
        &self.host
    }

    /// The virtual host below: what is pushed, acknowledged and flushed is so there.
    pub fn host_mut(&mut self) -> &mut VirtualHost<S> {
        &mut self.host
    }

    /// Makes a queue, unless it is there. Says whether it is new.
    ///
    /// # Errors
    ///
    /// When the name is none, or the storage fails.
    pub fn declare_queue(&mut self, now: Time, name: &str) -> Result<bool, S> {
        if self.host.queue(name).is_some() {
            return Ok(false);
        }
        let options = self.policy.queue_options();
        // What dies among the dead is dropped.
        let options =
            if name == SHARED_DLQ { QueueOptions { dead_letter: None, ..options } } else { options };
        let new = self.host.declare_queue(now, name, options)?;
        if let Some(topic) = virtual_topic_of(name) {
            self.host.bind(TOPICS, name, topic)?;
        }
        Ok(new)
    }

    /// Sends a message to a queue.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::send`].
    pub fn send(&mut self, now: Time, queue: &str, message: Message) -> Result<(), S> {
        self.declare_queue(now, queue)?;
        let message = self.scheduled(message);
        Ok(self.host.send(now, queue, message)?)
    }

    /// Publishes a message to a topic; says how many queues and subscriptions got it.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::publish`].
    pub fn publish(&mut self, now: Time, topic: &str, message: Message) -> Result<usize, S> {
        self.publish_on(now, ChannelId::default(), topic, message)
    }

    /// The same on a connection of its own: who suppresses what came from there (`noLocal`) does not get it.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::publish_with`].
    pub fn publish_on(
        &mut self,
        now: Time,
        channel: ChannelId,
        topic: &str,
        message: Message,
    ) -> Result<usize, S> {
        let message = self.scheduled(message);
        let how = Publish { channel, ..Publish::default() };
        Ok(self.host.publish_with(now, TOPICS, topic, message, how)?.queues)
    }

    /// Attaches a consumer to a queue, named with its options, for what a selector selects; an empty one selects
    /// everything.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Destination`], [`BrokerError::Selector`]; and as [`VirtualHost::consume`].
    pub fn consume(&mut self, now: Time, destination: &str, selector: &str) -> Result<ConsumerId, S> {
        self.consume_on(now, ChannelId::default(), destination, selector)
    }

    /// [`consume`](Self::consume) on a connection of its own.
    ///
    /// # Errors
    ///
    /// As there, and [`VhostError::NoChannel`].
    pub fn consume_on(
        &mut self,
        now: Time,
        channel: ChannelId,
        destination: &str,
        selector: &str,
    ) -> Result<ConsumerId, S> {
        let (queue, mut options) = parse_destination(destination)?;
        if let Some(selector) = parse_selector(selector)? {
            options.selector = Some(selector);
        }
        self.declare_queue(now, queue)?;
        Ok(self.host.consume_on(now, channel, queue, options)?)
    }

    /// Subscribes to topics by a pattern (`*`, `>`), as long as the connection is there.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Selector`]; and as [`VirtualHost::subscribe`].
    pub fn subscribe(
        &mut self,
        now: Time,
        channel: ChannelId,
        topics: &str,
        selector: &str,
    ) -> Result<ConsumerId, S> {
        let subscription = Subscription::new(TOPICS, topics).map_err(VhostError::BadName)?;
        let subscription = Subscription { selector: parse_selector(selector)?, ..subscription };
        Ok(self.host.subscribe(now, channel, subscription, window(TOPIC_PREFETCH))?)
    }

    /// Subscribes under a client's id and a name, which goes on while nobody is there. With another pattern or selector
    /// than before it is made anew, and what it kept is gone.
    ///
    /// # Errors
    ///
    /// [`VhostError::InUse`] while somebody has it; and as [`subscribe`](Self::subscribe).
    pub fn subscribe_durably(
        &mut self,
        now: Time,
        channel: ChannelId,
        (client, name): (&Name, &Name),
        topics: &str,
        selector: &str,
    ) -> Result<ConsumerId, S> {
        let subscription = Subscription::new(TOPICS, topics).map_err(VhostError::BadName)?;
        let subscription = Subscription {
            selector: parse_selector(selector)?,
            durable: true,
            name: Some(name.clone()),
            client: Some(client.clone()),
            ..subscription
        };
        Ok(self.host.subscribe(now, channel, subscription, window(DURABLE_TOPIC_PREFETCH))?)
    }

    /// A connection is closed by its client, which has told what its program [saw](VirtualHost::seen): what it only kept
    /// for it comes to others unmarked. A connection that breaks is [closed](VirtualHost::close_channel) without a word.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn leave(&mut self, now: Time, channel: ChannelId) -> Result<(), S> {
        Ok(self.host.leave(now, channel)?)
    }

    /// Attaches a consumer to a queue on a connection of its own, with options of every kind.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::consume_on`].
    pub fn attach_on(
        &mut self,
        now: Time,
        channel: ChannelId,
        queue: &Name,
        options: ConsumerOptions,
    ) -> Result<ConsumerId, S> {
        self.declare_queue(now, queue.as_str())?;
        Ok(self.host.consume_on(now, channel, queue.as_str(), options)?)
    }

    /// Subscribes to topics by a pattern with options of every kind; under a client's id and a name it goes on while nobody is
    /// there.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::subscribe`].
    pub fn subscribe_with(
        &mut self,
        now: Time,
        channel: ChannelId,
        topics: &str,
        durable: Option<&(Name, Name)>,
        options: ConsumerOptions,
    ) -> Result<ConsumerId, S> {
        let subscription = Subscription::new(TOPICS, topics).map_err(VhostError::BadName)?;
        let subscription = Subscription {
            selector: options.selector.clone(),
            durable: durable.is_some(),
            client: durable.map(|(client, _)| client.clone()),
            name: durable.map(|(_, name)| name.clone()),
            ..subscription
        };
        Ok(self.host.subscribe(now, channel, subscription, ConsumerOptions { selector: None, ..options })?)
    }

    /// The exchange that all topics are keys of, and what leads from there to which queue.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Binding> {
        let topics = ExchangeName::from(Name::new(TOPICS).unwrap_or_else(|_| unreachable!("a legal name")));
        self.host.router().bindings_of(&topics).collect::<Vec<_>>().into_iter()
    }

    /// A consumer gave a message up: it goes to the dead with the cause, if it is persistent, and is acknowledged. Both are
    /// written by the same flush, the dead letter first.
    ///
    /// # Errors
    ///
    /// As [`VirtualHost::send`] and [`VirtualHost::ack`].
    pub fn poison(&mut self, now: Time, dispatched: &Dispatched, cause: &str) -> Result<(), S> {
        let delivered = &dispatched.delivered;
        if !delivered.message.is_transient() {
            let from = delivered.queue.to_string();
            let letter = delivered
                .message
                .clone()
                .without_ttl()
                .with_header(ORIGINAL_DESTINATION, from.as_str())
                .with_header(FAILURE_CAUSE, cause);
            self.host.send(now, SHARED_DLQ, letter)?;
        }
        Ok(self.host.ack(now, delivered.handle)?)
    }

    /// What the properties of scheduled messages ask for, where the broker supports it.
    fn scheduled(&self, message: Message) -> Message {
        if !self.policy.scheduler_support {
            return message;
        }
        let millis = |name: &str| match message.headers().get(name) {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        let (delay, period) = (millis("AMQ_SCHEDULED_DELAY"), millis("AMQ_SCHEDULED_PERIOD"));
        let times = millis("AMQ_SCHEDULED_REPEAT").map(|times| u32::try_from(times).unwrap_or(u32::MAX));
        let message = match delay {
            Some(delay) => message.with_delay(Span::from_millis(delay)),
            None => message,
        };
        match (period, times) {
            (Some(every), Some(times)) => {
                message.with_repeat(Repeat { every: Span::from_millis(every), times })
            }
            _ => message,
        }
    }
}

fn parse_selector(text: &str) -> core::result::Result<Option<Selector>, InvalidSelector> {
    if text.is_empty() { Ok(None) } else { Selector::parse(text).map(Some) }
}

fn window(prefetch: u32) -> ConsumerOptions {
    ConsumerOptions { flow: Flow::Prefetch(prefetch), ..ConsumerOptions::default() }
}
