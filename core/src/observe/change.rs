//! What can be set, added or removed in a cluster that runs? The words for it: commands ask for these changes, and facts
//! tell of them.
//!
//! ```text
//!   every producer-1 5         ms between two messages      queue NAME on broker-1             a new queue
//!                              (or calls of a user-1)       drop-subscription NAME [CLIENT]    a durable one ends, with all in it
//!   acks producer-1 all        0, 1 or all                  drop-queue NAME                    it goes, with all in it
//!   work consumer-1 20         ms for a message, or a       exchange NAME fanout on broker-1   a new exchange
//!                              service-1's for an order
//!   prefetch consumer-1 10     0 for no limit               drop-exchange NAME                 it goes, with its bindings
//!   join consumer-1            another one like it          bind EXCHANGE QUEUE [KEY]          the queue gets what matches
//!   leave consumer-1           it goes, in good order       unbind EXCHANGE QUEUE [KEY]        and does not any more
//!   ack consumer-1 each|before|automatic|every 10           when it acknowledges
//!
//!   topic NAME partitions 3 replicas 3                      ttl QUEUE 100|none                 ms that messages live
//!   drop-topic NAME            it goes, with all in it
//!   partitions TOPIC 6         more of them                 length QUEUE 50|none               the most that are ready
//!   min-in-sync TOPIC 2        for acks=all                 retention-time TOPIC 500|none      ms that records stay
//!                                                           retention-bytes TOPIC 65536|none   a partition's least bytes
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ack_when::AckWhen;
use crate::ids::{Name, NodeId};
use crate::routing::{ExchangeKind, ExchangeName, HashBy};
use crate::time::{Span, Time};

/// Something that is set, added or removed while a cluster runs.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::observe::Change;
/// use mqlab_core::time::Span;
/// let slower: Change = "work consumer-1 20".parse()?;
/// assert_eq!(slower, Change::Work { node: NodeId::Consumer(1), span: Span::from_millis(20) });
/// let more = Change::Partitions { topic: Name::new("orders")?, total: 6 };
/// assert_eq!(more.to_string(), "partitions orders 6");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Change {
    /// A producer sends a message, or a burst, every so often; users ask so often.
    Every {
        /// Which.
        node: NodeId,
        /// The time between two.
        span: Span,
    },
    /// A producer's messages count as stored when so many replicas have them.
    Acks {
        /// Which.
        node: NodeId,
        /// How many.
        level: AcksLevel,
    },
    /// A consumer's program works so long on a message, or a service on each order.
    Work {
        /// Which.
        node: NodeId,
        /// How long.
        span: Span,
    },
    /// A consumer has at most so many messages that it did not acknowledge.
    Prefetch {
        /// Which.
        node: NodeId,
        /// How many; 0 for no limit.
        most: u32,
    },
    /// Another one like this comes, numbered behind the last of its kind.
    Join(NodeId),
    /// It goes in good order, and does not come back unless it is started again.
    Leave(NodeId),
    /// A topic has more partitions.
    Partitions {
        /// Which.
        topic: Name,
        /// How many.
        total: u32,
    },
    /// A topic takes messages that all shall have only while so many replicas are in sync.
    MinInSync {
        /// Which.
        topic: Name,
        /// How many.
        least: u32,
    },
    /// A topic keeps records until they are so old.
    RetentionTime {
        /// Which.
        topic: Name,
        /// How old; nothing for ever.
        keep: Option<Span>,
    },
    /// A topic keeps at least so many bytes of each partition.
    RetentionBytes {
        /// Which.
        topic: Name,
        /// How many; nothing for all.
        keep: Option<u64>,
    },
    /// A new topic.
    Topic {
        /// Its name.
        name: Name,
        /// How many partitions it has.
        partitions: u32,
        /// How many brokers keep each.
        replicas: u16,
    },
    /// A new queue, durable and without limits.
    Queue {
        /// Its name.
        name: Name,
        /// The broker that keeps it.
        on: NodeId,
    },
    /// A queue is removed, with what is in it.
    DropQueue(Name),
    /// Messages live so long in a queue.
    Ttl {
        /// Which.
        queue: Name,
        /// How long; nothing for ever.
        ttl: Option<Span>,
    },
    /// A queue has at most so many messages that are ready.
    Length {
        /// Which.
        queue: Name,
        /// How many; nothing for no limit.
        most: Option<u64>,
    },
    /// A new exchange, durable.
    Exchange {
        /// Its name.
        name: ExchangeName,
        /// How it routes.
        kind: PlainKind,
        /// The broker that has it.
        on: NodeId,
    },
    /// An exchange is removed, with its bindings.
    DropExchange(ExchangeName),
    /// A queue gets what an exchange has of a key.
    Bind {
        /// The exchange.
        exchange: ExchangeName,
        /// The queue.
        queue: Name,
        /// The key, or the pattern; nothing for all of a fanout.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
    },
    /// It gets it no longer.
    Unbind {
        /// The exchange.
        exchange: ExchangeName,
        /// The queue.
        queue: Name,
        /// The key of the binding.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
    },
    /// A topic is removed, with what is in it.
    DropTopic(Name),
    /// A consumer acknowledges then.
    Ack {
        /// Which.
        node: NodeId,
        /// When.
        when: AckWhen,
    },
    /// A durable subscription that nobody reads ends, with what it kept (JMS: `unsubscribe`).
    DropSubscription {
        /// Its name.
        name: Name,
        /// Whose name it is, where it has one (JMS's client id).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client: Option<Name>,
    },
}

/// How many replicas must have a message before its producer is told.
///
/// ```
/// use mqlab_core::observe::AcksLevel;
/// assert_eq!("all".parse(), Ok(AcksLevel::All));
/// assert_eq!(AcksLevel::None.to_string(), "0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcksLevel {
    /// Nobody answers: `0`.
    None,
    /// The leader: `1`.
    Leader,
    /// Every replica in sync: `all`.
    All,
}

/// The kinds of exchanges that one word says all of.
///
/// ```
/// use mqlab_core::observe::PlainKind;
/// use mqlab_core::routing::ExchangeKind;
/// let kind: PlainKind = "fanout".parse()?;
/// assert_eq!(ExchangeKind::from(kind), ExchangeKind::Fanout);
/// # Ok::<(), mqlab_core::observe::BadChange>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlainKind {
    /// By the whole routing key.
    Direct,
    /// To everybody.
    Fanout,
    /// By patterns of words.
    Topic,
    /// By patterns of levels.
    Hierarchy,
    /// By headers.
    Headers,
    /// To one of all, by a hash of the routing key.
    ConsistentHash,
}

impl PlainKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Direct, "direct"),
        (Self::Fanout, "fanout"),
        (Self::Topic, "topic"),
        (Self::Hierarchy, "hierarchy"),
        (Self::Headers, "headers"),
        (Self::ConsistentHash, "consistent-hash"),
    ];
}

impl From<PlainKind> for ExchangeKind {
    fn from(kind: PlainKind) -> Self {
        match kind {
            PlainKind::Direct => Self::Direct,
            PlainKind::Fanout => Self::Fanout,
            PlainKind::Topic => Self::Topic,
            PlainKind::Hierarchy => Self::Hierarchy,
            PlainKind::Headers => Self::Headers,
            PlainKind::ConsistentHash => Self::ConsistentHash { by: HashBy::RoutingKey },
        }
    }
}

impl fmt::Display for PlainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::ALL.iter().find(|(kind, _)| kind == self);
        f.write_str(known.map_or("", |(_, word)| word))
    }
}

impl FromStr for PlainKind {
    type Err = BadChange;

    fn from_str(text: &str) -> Result<Self, BadChange> {
        let known = Self::ALL.iter().find(|(_, word)| *word == text);
        known.map(|(kind, _)| *kind).ok_or_else(|| BadChange(text.into()))
    }
}

impl fmt::Display for AcksLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        })
    }
}

impl FromStr for AcksLevel {
    type Err = BadChange;

    fn from_str(text: &str) -> Result<Self, BadChange> {
        match text {
            "0" => Ok(Self::None),
            "1" => Ok(Self::Leader),
            "all" => Ok(Self::All),
            _ => Err(BadChange(text.into())),
        }
    }
}

impl Change {
    /// The node that it is done to, or that gets something; `None` for what topics, queues and exchanges have.
    pub fn node(&self) -> Option<NodeId> {
        match *self {
            Self::Every { node, .. }
            | Self::Acks { node, .. }
            | Self::Work { node, .. }
            | Self::Prefetch { node, .. }
            | Self::Ack { node, .. }
            | Self::Join(node)
            | Self::Leave(node) => Some(node),
            Self::Queue { on, .. } | Self::Exchange { on, .. } => Some(on),
            _ => None,
        }
    }
}

/// A number, or `none`.
struct OrNone<T>(Option<T>);

impl<T: fmt::Display> fmt::Display for OrNone<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// A span as it is written: in milliseconds.
fn millis(span: Span) -> Time {
    Time(span.0)
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every { node, span } => write!(f, "every {node} {}", millis(*span)),
            Self::Acks { node, level } => write!(f, "acks {node} {level}"),
            Self::Work { node, span } => write!(f, "work {node} {}", millis(*span)),
            Self::Prefetch { node, most } => write!(f, "prefetch {node} {most}"),
            Self::Join(node) => write!(f, "join {node}"),
            Self::Leave(node) => write!(f, "leave {node}"),
            Self::Partitions { topic, total } => write!(f, "partitions {topic} {total}"),
            Self::MinInSync { topic, least } => write!(f, "min-in-sync {topic} {least}"),
            Self::RetentionTime { topic, keep } => {
                write!(f, "retention-time {topic} {}", OrNone(keep.map(millis)))
            }
            Self::RetentionBytes { topic, keep } => write!(f, "retention-bytes {topic} {}", OrNone(*keep)),
            Self::Topic { name, partitions, replicas } => {
                write!(f, "topic {name} partitions {partitions} replicas {replicas}")
            }
            Self::Queue { name, on } => write!(f, "queue {name} on {on}"),
            Self::DropQueue(name) => write!(f, "drop-queue {name}"),
            Self::Ttl { queue, ttl } => write!(f, "ttl {queue} {}", OrNone(ttl.map(millis))),
            Self::Length { queue, most } => write!(f, "length {queue} {}", OrNone(*most)),
            Self::Exchange { name, kind, on } => write!(f, "exchange {name} {kind} on {on}"),
            Self::DropExchange(name) => write!(f, "drop-exchange {name}"),
            Self::Bind { exchange, queue, key } if key.is_empty() => write!(f, "bind {exchange} {queue}"),
            Self::Bind { exchange, queue, key } => write!(f, "bind {exchange} {queue} {key}"),
            Self::Unbind { exchange, queue, key } if key.is_empty() => {
                write!(f, "unbind {exchange} {queue}")
            }
            Self::Unbind { exchange, queue, key } => write!(f, "unbind {exchange} {queue} {key}"),
            Self::DropTopic(name) => write!(f, "drop-topic {name}"),
            Self::Ack { node, when } => write!(f, "ack {node} {when}"),
            Self::DropSubscription { name, client: None } => write!(f, "drop-subscription {name}"),
            Self::DropSubscription { name, client: Some(client) } => {
                write!(f, "drop-subscription {name} {client}")
            }
        }
    }
}

impl FromStr for Change {
    type Err = BadChange;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, BadChange> {
        let words: Vec<&str> = text.split_whitespace().collect();
        read(&words).ok_or_else(|| BadChange(text.into()))
    }
}

/// Reads a change; nothing when it is none.
fn read(words: &[&str]) -> Option<Change> {
    let node = |text: &str| text.parse::<NodeId>().ok();
    let name = |text: &str| Name::new(text).ok();
    let exchange = |text: &str| text.parse::<ExchangeName>().ok();
    let span = |text: &str| text.parse::<Time>().ok().map(|time| Span(time.0));
    Some(match *words {
        ["every", at, every] => Change::Every { node: node(at)?, span: span(every)? },
        ["acks", at, level] => Change::Acks { node: node(at)?, level: level.parse().ok()? },
        ["work", at, takes] => Change::Work { node: node(at)?, span: span(takes)? },
        ["ack", at, ref when @ ..] => Change::Ack { node: node(at)?, when: when.join(" ").parse().ok()? },
        ["prefetch", at, most] => Change::Prefetch { node: node(at)?, most: most.parse().ok()? },
        ["join", like] => Change::Join(node(like)?),
        ["leave", at] => Change::Leave(node(at)?),
        ["partitions", topic, total] => {
            Change::Partitions { topic: name(topic)?, total: total.parse().ok()? }
        }
        ["min-in-sync", topic, least] => {
            Change::MinInSync { topic: name(topic)?, least: least.parse().ok()? }
        }
        ["retention-time", topic, keep] => {
            Change::RetentionTime { topic: name(topic)?, keep: or_none(keep, span)? }
        }
        ["retention-bytes", topic, keep] => {
            Change::RetentionBytes { topic: name(topic)?, keep: or_none(keep, |text| text.parse().ok())? }
        }
        ["topic", topic, "partitions", partitions, "replicas", replicas] => Change::Topic {
            name: name(topic)?,
            partitions: partitions.parse().ok()?,
            replicas: replicas.parse().ok()?,
        },
        ["drop-topic", topic] => Change::DropTopic(name(topic)?),
        ["queue", queue, "on", on] => Change::Queue { name: name(queue)?, on: node(on)? },
        ["drop-queue", queue] => Change::DropQueue(name(queue)?),
        ["ttl", queue, ttl] => Change::Ttl { queue: name(queue)?, ttl: or_none(ttl, span)? },
        ["length", queue, most] => {
            Change::Length { queue: name(queue)?, most: or_none(most, |text| text.parse().ok())? }
        }
        ["exchange", new, kind, "on", on] => {
            Change::Exchange { name: exchange(new)?, kind: kind.parse().ok()?, on: node(on)? }
        }
        ["drop-subscription", old] => Change::DropSubscription { name: name(old)?, client: None },
        ["drop-subscription", old, client] => {
            Change::DropSubscription { name: name(old)?, client: Some(name(client)?) }
        }
        ["drop-exchange", old] => Change::DropExchange(exchange(old)?),
        ["bind", from, to, ref key @ ..] => {
            Change::Bind { exchange: exchange(from)?, queue: name(to)?, key: key.join(" ") }
        }
        ["unbind", from, to, ref key @ ..] => {
            Change::Unbind { exchange: exchange(from)?, queue: name(to)?, key: key.join(" ") }
        }
        _ => return None,
    })
}

/// Reads `none`, or what `read` reads.
fn or_none<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text == "none" { Some(None) } else { read(text).map(Some) }
}

/// A text that is no change.
///
/// ```
/// use mqlab_core::observe::Change;
/// let error = "acks producer-1 some".parse::<Change>().expect_err("there is no such level");
/// assert!(error.to_string().contains("acks producer-1 all"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadChange(pub String);

impl fmt::Display for BadChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let such = "write such as every producer-1 5, acks producer-1 all, work consumer-1 20, prefetch consumer-1 10, \
                    ack consumer-1 before, join consumer-1, leave consumer-1, topic NAME partitions 3 replicas 3, \
                    drop-topic NAME, partitions TOPIC 6, \
                    min-in-sync TOPIC 2, retention-time TOPIC 500, retention-bytes TOPIC 65536, queue NAME on broker-1, \
                    drop-queue NAME, drop-subscription NAME CLIENT, ttl QUEUE 100, length QUEUE 50, exchange NAME fanout on broker-1, \
                    drop-exchange NAME, bind EXCHANGE QUEUE KEY, unbind EXCHANGE QUEUE KEY; none lifts a limit";
        f.write_str(&format!("{:?} is not understood: {such}", self.0))
    }
}

impl core::error::Error for BadChange {}
