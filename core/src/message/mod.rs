//! What is sent? A message: a body, a key, named values, and what its sender wants done with it.
//!
//! [`record`](crate::record) says which bytes a message is; here it is what an application sees. Going from one to
//! the other loses nothing: what a sender wants (priority, time to live, ...) stands in record headers whose names
//! begin with [`PROPERTY_PREFIX`], named values in headers of their own names, typed ([`Value`]).

mod codec;
mod headers;
mod label;
mod value;

pub use codec::{BadMessage, PROPERTY_PREFIX};
pub use headers::Headers;
pub use label::Label;
pub use value::Value;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{MessageId, Name};
use crate::time::{Span, Time};

/// The priority of a message that names none, where a queue has priorities at all (JMS: 4; AMQP counts from 0 and
/// takes none for 0, which is what [`Message::priority`] returns and each queue may read its own way).
pub const JMS_DEFAULT_PRIORITY: u8 = 4;

/// A message.
///
/// ```
/// use mqlab_core::message::Message;
/// use mqlab_core::time::Span;
///
/// let order = Message::new("a book")
///     .with_key("customer-7")
///     .with_header("country", "CN")
///     .with_priority(7)
///     .with_ttl(Span::from_millis(60_000));
/// assert_eq!(&order.body()[..], b"a book");
/// assert_eq!(order.priority(), Some(7));
/// ```
///
/// A plain one, which has a body and perhaps an identity, is small: a message is moved often, and a queue of many is as
/// fast as the memory that each takes. What else there may be stands apart, and copies of a message share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    body: Bytes,
    more: Option<Arc<More>>,
    id: SmallId,
    priority: Option<u8>,
    transient: bool,
}

const _: () = assert!(size_of::<Message>() <= 32 + 3 * size_of::<u64>());

/// An identity as bytes: a number begins at a multiple of eight, which makes `Option<MessageId>` as large as two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<MessageId>", into = "Option<MessageId>")]
struct SmallId(Option<[u8; 8]>);

impl From<Option<MessageId>> for SmallId {
    fn from(id: Option<MessageId>) -> Self {
        Self(id.map(|id| id.0.to_ne_bytes()))
    }
}

impl From<SmallId> for Option<MessageId> {
    fn from(SmallId(id): SmallId) -> Self {
        id.map(|bytes| MessageId(u64::from_ne_bytes(bytes)))
    }
}

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct More {
    key: Option<Bytes>,
    headers: Headers,
    ttl: Option<Span>,
    delay: Option<Span>,
    repeat: Option<Repeat>,
    group: Option<Arc<str>>,
    group_sequence: Option<i32>,
    correlation: Option<Arc<str>>,
    reply_to: Option<Name>,
    kind: Option<Arc<str>>,
    exchange: Option<Arc<str>>,
    routing_key: Option<Arc<str>>,
    deaths: Vec<Death>,
}

/// Deliver again and again: so many times more after the first, so far apart (ActiveMQ's `AMQ_SCHEDULED_PERIOD`
/// and `_REPEAT`, where n repetitions are n + 1 deliveries).
///
/// ```
/// use mqlab_core::message::{Message, Repeat};
/// use mqlab_core::time::Span;
/// let reminder = Message::new("drink").with_repeat(Repeat { every: Span::from_millis(60_000), times: 2 });
/// assert_eq!(reminder.repeat().map(|repeat| repeat.times), Some(2)); // three deliveries
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// The time between two.
    pub every: Span,
    /// How many come after the first.
    pub times: u32,
}

/// Why a message left its queue without having been consumed.
///
/// ```
/// use mqlab_core::message::DeathReason;
/// assert_eq!(DeathReason::from_word("maxlen"), Some(DeathReason::MaxLength));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeathReason {
    /// A consumer refused it and did not want it back in the queue.
    Rejected,
    /// Its time to live ran out.
    Expired,
    /// The queue was full.
    MaxLength,
    /// It was delivered as often as the queue allows.
    DeliveryLimit,
}

impl DeathReason {
    /// The word that RabbitMQ's `x-death` header has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::MaxLength => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Rejected, Self::Expired, Self::MaxLength, Self::DeliveryLimit]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

/// One line of a message's history of dead-lettering: where, why, how often. The latest stands first, and a queue
/// has one line for each reason (RabbitMQ's `x-death`).
///
/// ```
/// use mqlab_core::queue::{DeadLetter, QueueOptions};
/// use mqlab_core::{message::Message, time::Time, vhost::VirtualHost};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// let dead_letter = Some(DeadLetter::to_queue("graveyard"));
/// host.declare_queue(now, "graveyard", QueueOptions::default())?;
/// host.declare_queue(now, "q", QueueOptions { dead_letter, length_max: Some(0), ..QueueOptions::default() })?;
/// host.send(now, "q", Message::new("too much"))?;
/// let letter = host.receive(now, "graveyard")?.ok_or("it is there")?.message;
/// assert_eq!((letter.deaths()[0].queue.as_str(), letter.deaths()[0].reason.as_str()), ("q", "maxlen"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The queue that it left.
    pub queue: Name,
    /// Why.
    pub reason: DeathReason,
    /// How often it left this queue for this reason.
    pub count: u32,
    /// The exchange that it was last published to; empty for the default exchange.
    pub exchange: Arc<str>,
    /// The routing key that it was last published with.
    pub routing_key: Arc<str>,
    /// The time to live that the message itself had: it is taken away, so that the message does not expire at once
    /// where it goes to.
    pub original_ttl: Option<Span>,
    /// When it left this queue for this reason first, where its host notes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

impl Message {
    /// A persistent message with this body and nothing else.
    #[inline]
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    fn more(&mut self) -> &mut More {
        Arc::make_mut(self.more.get_or_insert_default())
    }

    /// Adds a key: messages of one key keep their order (in a partition, or a consistent-hash exchange).
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.more().key = Some(key.into());
        self
    }

    /// Adds a named value.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more().headers.insert(name, value);
        self
    }

    /// Gives it other headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        if !headers.is_empty() || !self.headers().is_empty() {
            self.more().headers = headers;
        }
        self
    }

    /// Gives it an identity: queues that remember identities store it once.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id).into();
        self
    }

    /// Lets it overtake messages of lower priority, in a queue that has priorities. Higher is sooner.
    #[must_use]
    pub fn with_priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Lets it expire this long after it reached its queue, in whole milliseconds. Zero: unless it can be
    /// delivered at once.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Span) -> Self {
        self.more().ttl = Some(ttl);
        self
    }

    /// Takes its time to live away.
    #[must_use]
    pub fn without_ttl(mut self) -> Self {
        if self.ttl().is_some() {
            self.more().ttl = None;
        }
        self
    }

    /// Keeps it in memory alone: a restart of the broker loses it, also from a durable queue (JMS's
    /// `NON_PERSISTENT`, AMQP's delivery mode 1).
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Keeps it from consumers for so long after it reached its queue. What is sent later without delay overtakes.
    #[must_use]
    pub fn with_delay(mut self, delay: Span) -> Self {
        self.more().delay = Some(delay);
        self
    }

    /// Delivers it again and again. The first time comes after the delay, if it has one.
    #[must_use]
    pub fn with_repeat(mut self, repeat: Repeat) -> Self {
        self.more().repeat = Some(repeat);
        self
    }

    /// Makes it a member of a group: one consumer gets all of the group, in order (`JMSXGroupID`).
    #[must_use]
    pub fn with_group(mut self, group: &str) -> Self {
        self.more().group = Some(group.into());
        self
    }

    /// Its number in the group (`JMSXGroupSeq`): 1 lets the group find a consumer anew, less than 0 closes the
    /// group after this message.
    #[must_use]
    pub fn with_group_sequence(mut self, sequence: i32) -> Self {
        self.more().group_sequence = Some(sequence);
        self
    }

    /// Names the request that it belongs to, so that a reply finds who waits for it.
    #[must_use]
    pub fn with_correlation(mut self, correlation: &str) -> Self {
        self.more().correlation = Some(correlation.into());
        self
    }

    /// Names the queue that an answer should go to.
    #[must_use]
    pub fn with_reply_to(mut self, queue: Name) -> Self {
        self.more().reply_to = Some(queue);
        self
    }

    /// Says what kind of message it is (`JMSType`).
    #[must_use]
    pub fn with_kind(mut self, kind: &str) -> Self {
        self.more().kind = Some(kind.into());
        self
    }

    /// Notes to which exchange it was published, and with which routing key. For the default exchange neither is
    /// noted: the key is the queue's name then.
    #[must_use]
    pub fn with_route(mut self, exchange: &str, routing_key: &str) -> Self {
        let more = self.more();
        more.exchange = Some(exchange.into());
        more.routing_key = Some(routing_key.into());
        self
    }

    /// Says through which exchange it goes. The routing key stays as it is, and is empty where none was named.
    #[must_use]
    pub(crate) fn through(mut self, exchange: &str) -> Self {
        let more = self.more();
        more.exchange = Some(exchange.into());
        more.routing_key.get_or_insert_with(|| "".into());
        self
    }

    /// Names a routing key, for whoever publishes it on its sender's behalf.
    #[must_use]
    pub fn with_routing_key(mut self, routing_key: &str) -> Self {
        self.more().routing_key = Some(routing_key.into());
        self
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text. What is not UTF-8 in it stands as U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The key.
    pub fn key(&self) -> Option<&Bytes> {
        self.more.as_ref()?.key.as_ref()
    }

    /// The named values.
    pub fn headers(&self) -> &Headers {
        static NONE: Headers = Headers::NONE;
        self.more.as_ref().map_or(&NONE, |more| &more.headers)
    }

    /// The identity.
    #[inline]
    pub fn id(&self) -> Option<MessageId> {
        self.id.into()
    }

    /// The priority that its sender named.
    #[inline]
    pub fn priority(&self) -> Option<u8> {
        self.priority
    }

    /// How long it lives in a queue.
    #[inline]
    pub fn ttl(&self) -> Option<Span> {
        self.more.as_ref()?.ttl
    }

    /// Whether it is kept in memory alone.
    #[inline]
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// How long consumers do not see it.
    #[inline]
    pub fn delay(&self) -> Option<Span> {
        self.more.as_ref()?.delay
    }

    /// How often it is delivered again.
    #[inline]
    pub fn repeat(&self) -> Option<Repeat> {
        self.more.as_ref()?.repeat
    }

    /// The group it belongs to.
    pub fn group(&self) -> Option<&Arc<str>> {
        self.more.as_ref()?.group.as_ref()
    }

    /// Its number in the group.
    pub fn group_sequence(&self) -> Option<i32> {
        self.more.as_ref()?.group_sequence
    }

    /// The request it belongs to.
    pub fn correlation(&self) -> Option<&str> {
        self.more.as_ref()?.correlation.as_deref()
    }

    /// Where an answer should go.
    pub fn reply_to(&self) -> Option<&Name> {
        self.more.as_ref()?.reply_to.as_ref()
    }

    /// What kind of message it is.
    pub fn kind(&self) -> Option<&str> {
        self.more.as_ref()?.kind.as_deref()
    }

    /// The exchange that it was published to; empty for the default exchange.
    pub fn exchange(&self) -> &str {
        self.more.as_ref().and_then(|more| more.exchange.as_deref()).unwrap_or_default()
    }

    /// The routing key that it was published with, if that is not the name of its queue.
    pub fn routing_key(&self) -> Option<&str> {
        self.more.as_ref()?.routing_key.as_deref()
    }

    /// Its history of dead-lettering, the latest first.
    pub fn deaths(&self) -> &[Death] {
        self.more.as_ref().map_or(&[], |more| &more.deaths)
    }

    /// The same message without a delay and repetitions: what a queue stores when it is due.
    #[must_use]
    pub fn due(mut self) -> Self {
        if self.delay().is_some() || self.repeat().is_some() {
            let more = self.more();
            (more.delay, more.repeat) = (None, None);
        }
        self
    }

    /// The same message as a dead letter: its history has this death at the front, and it has no time to live of
    /// its own any more. `death.count` is taken for 1; it is added to a line of the same queue and reason.
    #[must_use]
    pub fn after_death(mut self, mut death: Death) -> Self {
        let More { ttl, deaths, .. } = self.more();
        death.original_ttl = ttl.take();
        let same = |old: &Death| old.queue == death.queue && old.reason == death.reason;
        if let Some(at) = deaths.iter().position(same) {
            let old = deaths.remove(at);
            death = Death { count: old.count.saturating_add(1), ..old };
        } else {
            death.count = 1;
        }
        deaths.insert(0, death);
        self
    }

    /// The same dead letter with headers of its first death, once for all, and of its last: `x-first-death-queue`,
    /// `-reason` and `-exchange`, and `x-last-death-` (RabbitMQ).
    #[must_use]
    pub fn with_death_headers(mut self) -> Self {
        let Some(latest) = self.deaths().first().cloned() else { return self };
        let fields = [
            ("queue", latest.queue.as_str()),
            ("reason", latest.reason.as_str()),
            ("exchange", &*latest.exchange),
        ];
        for (field, value) in fields {
            let (first, last) = (format!("x-first-death-{field}"), format!("x-last-death-{field}"));
            if self.headers().get(&first).is_none() {
                self = self.with_header(&first, value);
            }
            self = self.with_header(&last, value);
        }
        self
    }
}
