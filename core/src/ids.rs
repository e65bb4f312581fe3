//! Names for things, each a type of its own, so that an offset is never taken for an epoch.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

/// The place of a record in its log: 0 for the first, and never used twice within one log.
///
/// ```
/// use mqlab_core::ids::Offset;
/// assert_eq!(Offset::ZERO.next().plus(10), Offset(11));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// The first place of every log.
    pub const ZERO: Self = Self(0);

    /// The place after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place `records` further on.
    pub const fn plus(self, records: u64) -> Self {
        Self(self.0 + records)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The reign of a partition's leader: raised by one at every election, written into every batch.
///
/// ```
/// use mqlab_core::ids::Epoch;
/// assert!(Epoch(1).next() > Epoch(1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The reign after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One message of a run, whatever logs it stands in and however often it is sent. Counted from 1.
///
/// It travels as a record header ([`MESSAGE_ID_HEADER`]), as JMS and AMQP carry theirs.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// assert_eq!(MessageId(17).to_string(), "m17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

/// The record header that carries a [`MessageId`], as 8 bytes, big-endian.
pub const MESSAGE_ID_HEADER: &str = "message-id";

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

/// What one user asked for: an order of the shop, however many services, calls and messages work on it. Counted
/// from 1.
///
/// It travels with every call, and as a record header ([`ORDER_ID_HEADER`]) with every message, so that one can say
/// later what became of it. JMS and AMQP call this the correlation id, tracing calls it the trace id.
///
/// ```
/// use mqlab_core::ids::OrderId;
/// assert_eq!(OrderId(17).to_string(), "o17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderId(pub u64);

/// The record header that carries an [`OrderId`], as 8 bytes, big-endian.
pub const ORDER_ID_HEADER: &str = "order-id";

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "o{}", self.0)
    }
}

/// A machine or process of the cluster. Numbers count from 1, as people count.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// assert_eq!("broker-2".parse(), Ok(NodeId::Broker(2)));
/// assert_eq!(NodeId::Consumer(1).to_string(), "consumer-1");
/// assert!("broker-0".parse::<NodeId>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum NodeId {
    /// Keeps the cluster's metadata and holds elections, where a cluster has one of its kind.
    Controller,
    /// Keeps logs and serves clients.
    Broker(u16),
    /// Sends messages.
    Producer(u16),
    /// Receives messages.
    Consumer(u16),
    /// Works on orders, when it is called or when a message comes.
    Service(u16),
    /// A crowd of people who ask a service for something.
    User(u16),
    /// One of several controllers: a member of their quorum.
    Voter(u16),
    /// Keeps entries for brokers that keep nothing themselves (Pulsar).
    Bookie(u16),
    /// Tells clients which broker has which topic (RocketMQ).
    NameServer(u16),
    /// Keeps what several brokers share, of which one at a time has the lock (ActiveMQ).
    Store,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.pad("controller"),
            Self::Broker(number) => write!(f, "broker-{number}"),
            Self::Producer(number) => write!(f, "producer-{number}"),
            Self::Consumer(number) => write!(f, "consumer-{number}"),
            Self::Service(number) => write!(f, "service-{number}"),
            Self::User(number) => write!(f, "user-{number}"),
            Self::Voter(number) => write!(f, "controller-{number}"),
            Self::Bookie(number) => write!(f, "bookie-{number}"),
            Self::NameServer(number) => write!(f, "name-server-{number}"),
            Self::Store => f.pad("store"),
        }
    }
}

impl NodeId {
    /// Whether it keeps the cluster's metadata.
    pub const fn is_controller(self) -> bool {
        matches!(self, Self::Controller | Self::Voter(_))
    }

    /// How many kinds there are.
    pub(crate) const KINDS: usize = 10;

    /// Which kind of node it is, counted as above, and which of them.
    pub(crate) const fn kind_and_number(self) -> (u16, u16) {
        match self {
            Self::Controller => (0, 0),
            Self::Broker(number) => (1, number),
            Self::Producer(number) => (2, number),
            Self::Consumer(number) => (3, number),
            Self::Service(number) => (4, number),
            Self::User(number) => (5, number),
            Self::Voter(number) => (6, number),
            Self::Bookie(number) => (7, number),
            Self::NameServer(number) => (8, number),
            Self::Store => (9, 0),
        }
    }

    /// By what it is compared: kind and number in one, because a world looks nodes up all the time.
    const fn rank(self) -> u32 {
        let (kind, number) = self.kind_and_number();
        (kind as u32) << 16 | number as u32
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NodeId {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl From<NodeId> for String {
    fn from(node: NodeId) -> Self {
        node.to_string()
    }
}

impl TryFrom<String> for NodeId {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl FromStr for NodeId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        if text == "controller" {
            return Ok(Self::Controller);
        }
        if text == "store" {
            return Ok(Self::Store);
        }
        let bad = || BadName { name: text.into(), rule: NODE_RULE };
        let (kind, number) = text.rsplit_once('-').ok_or_else(bad)?;
        let number: u16 = number.parse().map_err(|_| bad())?;
        match (kind, number) {
            (_, 0) => Err(bad()),
            ("broker", _) => Ok(Self::Broker(number)),
            ("producer", _) => Ok(Self::Producer(number)),
            ("consumer", _) => Ok(Self::Consumer(number)),
            ("service", _) => Ok(Self::Service(number)),
            ("user", _) => Ok(Self::User(number)),
            ("controller", _) => Ok(Self::Voter(number)),
            ("bookie", _) => Ok(Self::Bookie(number)),
            ("name-server", _) => Ok(Self::NameServer(number)),
            _ => Err(bad()),
        }
    }
}

const NODE_RULE: &str = "write controller, or controller-N, broker-N, producer-N, consumer-N, service-N, user-N, bookie-N, name-server-N with N from 1, or store";
const LOG_RULE: &str =
    "a log is topics/NAME/N, watermarks/NAME/N, queues/NAME/messages, queues/NAME/cursor or host/definitions";
const NAME_RULE: &str = "use 1 to 249 of the letters a-z A-Z 0-9 . _ - and not . or .. alone";

/// The longest name of a topic, queue or group, in bytes (Kafka's limit: `Topic.java`, `MAX_NAME_LENGTH`).
pub const NAME_BYTES_MAX: usize = 249;

/// A name that is safe as a file name everywhere: of a topic, a queue or a group.
///
/// ```
/// use mqlab_core::ids::Name;
/// assert!(Name::new("orders.eu-1").is_ok());
/// assert!(Name::new("../etc").is_err());
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Name(Arc<str>);

impl PartialEq for Name {
    /// Mostly it is the same text at the same place, and nobody need read it.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Name {
    /// Checks a name by Kafka's rule for topics.
    ///
    /// # Errors
    ///
    /// [`BadName`] when it is empty, longer than [`NAME_BYTES_MAX`], `.` or `..`, or has another character than
    /// `a-z A-Z 0-9 . _ -`.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let good = !text.is_empty()
            && text.len() <= NAME_BYTES_MAX
            && text != "."
            && text != ".."
            && text.bytes().all(legal);
        if good { Ok(Self(text.into())) } else { Err(BadName { name: text.into(), rule: NAME_RULE }) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for Name {
    /// So that a text that may be no name can be looked up among names.
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}

impl TryFrom<String> for Name {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        Self::new(&text)
    }
}

/// A name that cannot be used, and the rule that it breaks.
///
/// ```
/// use mqlab_core::ids::Name;
/// let error = Name::new("a/b").expect_err("a slash is no letter of a name");
/// assert!(error.to_string().starts_with("\"a/b\" is not a usable name: use 1 to 249 of the letters"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// What was given.
    pub name: String,
    /// What is allowed instead.
    pub rule: &'static str,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not a usable name: {}", self.name, self.rule)
    }
}

impl core::error::Error for BadName {}

/// One partition of a topic: the unit of order, of replication and of a consumer's share.
///
/// ```
/// use mqlab_core::ids::{Name, PartitionId};
/// let partition = PartitionId { topic: Name::new("orders")?, index: 2 };
/// assert_eq!(partition.to_string(), "orders/2");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionId {
    /// The topic it belongs to.
    pub topic: Name,
    /// Its number in the topic, from 0.
    pub index: u32,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.index)
    }
}

/// What a log is for; its path below a data directory follows from it.
///
/// ```
/// use mqlab_core::ids::{LogName, Name};
/// let log = LogName::Queue(Name::new("orders")?);
/// assert_eq!(log.to_string(), "queues/orders/messages");
/// assert_eq!("queues/orders/messages".parse(), Ok(log));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogName {
    /// The records of one partition.
    Partition(PartitionId),
    /// The messages of a queue.
    Queue(Name),
    /// What became of them: one record for each delivery and each acknowledgement.
    QueueCursor(Name),
    /// Which exchanges, queues and bindings there are.
    Definitions,
    /// What a quorum has agreed on.
    Quorum(Name),
    /// In which term a member of a quorum is, and whom it voted for.
    Ballot(Name),
    /// Up to where a partition is known to be committed; only where followers truncate by it.
    Watermark(PartitionId),
    /// Below which offset a partition's log was cleaned; only where it is compacted.
    Clean(PartitionId),
    /// How far producers have got that number what they send (ActiveMQ).
    Producers,
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(partition) => write!(f, "topics/{partition}"),
            Self::Queue(name) => write!(f, "queues/{name}/messages"),
            Self::QueueCursor(name) => write!(f, "queues/{name}/cursor"),
            Self::Definitions => f.write_str("host/definitions"),
            Self::Quorum(name) => write!(f, "quorums/{name}/log"),
            Self::Ballot(name) => write!(f, "quorums/{name}/ballot"),
            Self::Watermark(partition) => write!(f, "watermarks/{partition}"),
            Self::Clean(partition) => write!(f, "clean/{partition}"),
            Self::Producers => f.write_str("host/producers"),
        }
    }
}

impl FromStr for LogName {
    type Err = BadName;

    /// Reads back what [`Display`](fmt::Display) writes, and nothing else: `topics/orders/0`, not `topics/orders/00`.
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { name: text.into(), rule: LOG_RULE };
        if text == "host/definitions" {
            return Ok(Self::Definitions);
        }
        if text == "host/producers" {
            return Ok(Self::Producers);
        }
        let (kind, rest) = text.split_once('/').ok_or_else(bad)?;
        let (name, part) = rest.split_once('/').ok_or_else(bad)?;
        let name = Name::new(name)?;
        let found = match (kind, part) {
            ("topics", _) => {
                let index = part.parse().map_err(|_| bad())?;
                Self::Partition(PartitionId { topic: name, index })
            }
            ("watermarks", _) => {
                let index = part.parse().map_err(|_| bad())?;
                Self::Watermark(PartitionId { topic: name, index })
            }
            ("clean", _) => {
                let index = part.parse().map_err(|_| bad())?;
                Self::Clean(PartitionId { topic: name, index })
            }
            ("queues", "messages") => Self::Queue(name),
            ("queues", "cursor") => Self::QueueCursor(name),
            ("quorums", "log") => Self::Quorum(name),
            ("quorums", "ballot") => Self::Ballot(name),
            _ => return Err(bad()),
        };
        if found.to_string() == text { Ok(found) } else { Err(bad()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_names_are_read_back_as_they_are_written() {
        let name = || Name::new("a.b-c_9").expect("a legal name");
        let partition = PartitionId { topic: name(), index: 10 };
        let watermark = LogName::Watermark(partition.clone());
        let logs = [watermark, LogName::Queue(name()), LogName::QueueCursor(name()), LogName::Definitions];
        let clean = LogName::Clean(partition.clone());
        let more = [clean, LogName::Partition(partition), LogName::Quorum(name()), LogName::Ballot(name())];
        for log in logs.into_iter().chain(more).chain([LogName::Producers]) {
            assert_eq!(log.to_string().parse(), Ok(log));
        }
        for bad in
            ["", "topics", "topics/t", "topics/t/", "topics/t/+1", "topics/t/01", "topics/t/0/", "queues/q/x"]
        {
            assert!(bad.parse::<LogName>().is_err(), "{bad:?}");
        }
    }
}
