//! What does a scenario say of each of its parts? Queues, exchanges, topics, who sends, and who receives.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::asking::AskSpec;
use super::draft::MessageSpec;
use super::guests::{SystemSource, SystemTarget};
use super::own_transaction::{Keeps, TransactionSpec};
use super::program_spec::{ProgramSpec, ReadingSpec};
use super::transactional_spec::TransactionalSpec;
use crate::broker::{Acks, Cleanup};
use crate::client::{MemberOptions, ProducerOptions, PullOptions, ShareOptions};
use crate::ids::Name;
use crate::queue::QueueOptions;
use crate::routing::{Declaration, ExchangeName};
use crate::time::Span;
use crate::vhost::{DiskLimit, Subscription};

/// A queue.
///
/// ```
/// use mqlab_core::sim::QueueSpec;
/// let json = r#"{ "name": "orders", "broker": 1, "options": { "delivery_limit": 3 } }"#;
/// let queue: QueueSpec = serde_json::from_str(json)?;
/// assert_eq!(queue.options.delivery_limit, Some(3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueSpec {
    /// Its name.
    pub name: Name,
    /// The broker that keeps it, from 1.
    pub broker: u16,
    /// What it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: QueueOptions,
}

/// An exchange.
///
/// ```
/// use mqlab_core::routing::ExchangeKind;
/// use mqlab_core::sim::ExchangeSpec;
/// let json = r#"{ "broker": 1, "exchange": { "name": "news", "kind": "fanout" } }"#;
/// let spec: ExchangeSpec = serde_json::from_str(json)?;
/// assert_eq!(spec.exchange.options.kind, ExchangeKind::Fanout);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSpec {
    /// The broker that has it, from 1.
    pub broker: u16,
    /// The exchange.
    pub exchange: Declaration,
}

/// A broker's limits.
///
/// ```
/// use mqlab_core::sim::LimitSpec;
/// let limit: LimitSpec = serde_json::from_str(r#"{ "broker": 1, "memory_max": 65536 }"#)?;
/// assert_eq!(limit.memory_max, Some(65_536));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// The broker, from 1.
    pub broker: u16,
    /// How many bytes of ready messages raise its memory alarm, with those that wait to be taken in.
    #[serde(default)]
    pub memory_max: Option<u64>,
    /// How many bytes of messages that wait to be taken in its process has room for: with more it dies. No limit
    /// without. (What is in a queue can be read from its disk again; what is in a mailbox can not.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox_room: Option<u64>,
    /// After so long a broker that died of it is started again, in microseconds; 0 for never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub restarts_after: u64,
    /// How large its disk is, and how much of it must stay free; what its queues' messages take there counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskLimit>,
    /// When half messages are asked about for the first time, and how long after each time again, in microseconds.
    #[serde(default)]
    pub check_times: Option<(Span, Span)>,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A topic.
///
/// ```
/// use mqlab_core::sim::TopicSpec;
/// let json = r#"{ "name": "orders", "partitions": 3, "replicas": 3, "min_in_sync": 2 }"#;
/// let topic: TopicSpec = serde_json::from_str(json)?;
/// assert_eq!(topic.retention_bytes, None); // it keeps everything
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// Its name.
    pub name: Name,
    /// How many partitions it has.
    pub partitions: u32,
    /// How many brokers keep each partition.
    pub replicas: u16,
    /// How few replicas in sync are enough for `acks=all`.
    pub min_in_sync: u32,
    /// Whether a replica that is not in sync may lead when no other is alive: what it lacks is lost, and the partition is
    /// there. (Kafka: `unclean.leader.election.enable`, off unless asked for.)
    #[serde(default, skip_serializing_if = "is_default")]
    pub unclean_election: bool,
    /// In each partition at least so many bytes are kept, once there were as many; all of them without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_bytes: Option<u64>,
    /// Messages are kept until they are so old, in microseconds; for ever without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_time: Option<Span>,
    /// Whether old messages go, or of each key the last stays, and when a broker cleans up.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cleanup: Cleanup,
}

/// A producer, and what its program sends.
///
/// ```
/// use mqlab_core::sim::{Keeps, ProducerSpec};
/// let json = r#"{ "name": "shop", "to": { "queue": "orders" }, "messages": 100, "every": 5000 }"#;
/// let shop: ProducerSpec = serde_json::from_str(json)?;
/// assert_eq!(shop.keeps, Keeps::UntilStored);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerSpec {
    /// What it is called.
    pub name: String,
    /// Where it sends.
    pub to: TargetSpec,
    /// When it begins, in microseconds; the first message leaves one interval later.
    #[serde(default)]
    pub starts_at: u64,
    /// How many messages it sends.
    pub messages: u64,
    /// The time between two messages, in microseconds; between two bursts, where they come in bursts.
    pub every: u64,
    /// How many messages its program hands over at once; 0 and 1 for each by itself. Up to [`BURST_MAX`](crate::sim::BURST_MAX).
    #[serde(default, skip_serializing_if = "is_default")]
    pub burst: u32,
    /// How many keys its messages have, `A`, `B`, and so on, drawn by chance; 0 for messages without key.
    #[serde(default)]
    pub keys: u8,
    /// What its messages are like.
    #[serde(default, skip_serializing_if = "MessageSpec::is_plain")]
    pub message: MessageSpec,
    /// How it sends: whether once is once, what a batch waits for, and how long it tries.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: ProducerOptions,
    /// How long its program keeps each message.
    #[serde(default, skip_serializing_if = "is_default")]
    pub keeps: Keeps,
    /// A message that is kept until it is processed is sent again when nothing was heard of it for so long, in
    /// microseconds; 0 for [`RECEIPT_TIMEOUT`](crate::client::RECEIPT_TIMEOUT).
    #[serde(default, skip_serializing_if = "is_default")]
    pub receipt_timeout: u64,
    /// The transaction of its own that belongs to each message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TransactionSpec>,
    /// That it sends in transactions over partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transactional: Option<TransactionalSpec>,
    /// That its messages are requests, and where their answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<AskSpec>,
}

/// Where a producer sends.
///
/// ```
/// use mqlab_core::sim::TargetSpec;
/// let to: TargetSpec = serde_json::from_str(r#"{ "topic": { "name": "orders", "acks": "all" } }"#)?;
/// assert!(matches!(to, TargetSpec::Topic { .. }));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TargetSpec {
    /// To a queue.
    Queue(Name),
    /// To a topic.
    Topic {
        /// Its name.
        name: Name,
        /// How many replicas must have a message before the producer is told.
        acks: Acks,
    },
    /// To an exchange.
    Exchange {
        /// Its name.
        name: ExchangeName,
        /// Whether a message that fits no queue comes back.
        #[serde(default)]
        mandatory: bool,
        /// Whether the last value is kept for subscribers that come later.
        #[serde(default)]
        retain: bool,
    },
    /// To any of these queues, in turn; to another one when a broker does not answer.
    AnyOf(Vec<Name>),
    /// To another system.
    System(SystemTarget),
}

/// A consumer, and what its program does.
///
/// ```
/// use mqlab_core::sim::ConsumerSpec;
/// let json = r#"{ "name": "worker", "from": { "queue": { "name": "orders", "prefetch": 5 } }, "work": 6000 }"#;
/// let worker: ConsumerSpec = serde_json::from_str(json)?;
/// assert_eq!((worker.work, worker.starts_at), (6_000, 0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSpec {
    /// What it is called.
    pub name: String,
    /// Where it receives from.
    pub from: SourceSpec,
    /// When it comes, in microseconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub starts_at: u64,
    /// How long its program works on a message, in microseconds.
    pub work: u64,
    /// What else its program does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub program: ProgramSpec,
}

/// Where a consumer receives from.
///
/// ```
/// use mqlab_core::sim::SourceSpec;
/// let from: SourceSpec = serde_json::from_str(r#"{ "group": { "name": "billing", "topic": "orders" } }"#)?;
/// let SourceSpec::Group { options, .. } = from else { return Ok(()) };
/// assert_eq!(options, Default::default());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceSpec {
    /// A queue pushes to it.
    Queue {
        /// The queue.
        name: Name,
        /// The most messages that it has unacknowledged; 0 for no limit.
        prefetch: u32,
        /// How else it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        reading: ReadingSpec,
    },
    /// It subscribes to a topic of a broker's virtual host.
    Subscription {
        /// To what.
        subscription: Subscription,
        /// The most messages that it has unacknowledged; 0 for no limit.
        prefetch: u32,
        /// How else it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        reading: ReadingSpec,
    },
    /// It pulls its share of a topic.
    Group {
        /// The group.
        name: Name,
        /// The topic.
        topic: Name,
        /// How it takes part.
        #[serde(default, skip_serializing_if = "is_default")]
        options: MemberOptions,
    },
    /// It pulls records of a topic that it shares with others, each of them for itself alone.
    Share {
        /// The group.
        name: Name,
        /// The topic.
        topic: Name,
        /// How it takes part.
        #[serde(default, skip_serializing_if = "is_default")]
        options: ShareOptions,
    },
    /// It pulls a topic on its own account, and keeps its place itself.
    Poll {
        /// What its reading is called: what it processes is judged by that name, as a group's is.
        reader: Name,
        /// The topic.
        topic: Name,
        /// How it reads.
        #[serde(default, skip_serializing_if = "is_default")]
        options: PullOptions,
    },
    /// It reads from another system.
    System(SystemSource),
}
