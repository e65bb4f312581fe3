//! What may a scenario say of Pulsar? How many bookies there are, which topics, what is promised for them; and how clients
//! send and read.
//!
//! A run lasts about a second to a minute. So what Pulsar's own defaults count in seconds and minutes is a hundredth of it
//! here, unless a field says otherwise; what they count in milliseconds is as it is. All spans are in microseconds.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::compaction::PulsarCompaction;
use super::geo::PulsarGeo;
use super::objects::PulsarOffload;
use super::recovery::PulsarAutoRecovery;
use crate::ids::Name;
use crate::sim::scenario::is_default;
use crate::systems::pulsar::ledger::Quorums;
use crate::systems::pulsar::{
    BACKOFF, BacklogQuota, DeadLetterPolicy, HashingScheme, InitialPosition, MAX_RECONSUME_TIMES, RangeMode,
    Retention, RoutingMode, TopicName, WINDOW_MESSAGES,
};
use crate::time::Span;

/// A cluster of Pulsar: the scenario's brokers, and this. The metadata store is one node, the controller.
///
/// ```
/// use mqlab_core::sim::PulsarSpec;
/// let json = r#"{ "topics": { "orders": 3 }, "quorums": { "ensemble": 3, "write": 3, "ack": 2 } }"#;
/// let spec: PulsarSpec = serde_json::from_str(json)?;
/// assert_eq!((spec.bookies, spec.quorums.fencing()), (3, 2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulsarSpec {
    /// How many bookies there are.
    #[serde(default = "three", skip_serializing_if = "is_three")]
    pub bookies: u16,
    /// The topics, and how many partitions each has; 0 for one that is not partitioned.
    pub topics: BTreeMap<TopicName, u32>,
    /// How many bookies an entry needs: 2, 2, 2.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quorums: Quorums,
    /// When a topic's next ledger begins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ledgers: PulsarLedgers,
    /// What is kept though every subscription has acknowledged it. Unless it is said, nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retention: Retention,
    /// After so long a message counts as acknowledged though it is not; never without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_live: Option<Span>,
    /// How far a subscription may be behind, and what then; as far as it likes without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog_quota: Option<BacklogQuota>,
    /// Whether what a producer sends twice is stored once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deduplication: bool,
    /// How patient the cluster is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub patience: PulsarPatience,
    /// Whether a bookie flushes its journal before it answers (`journalSyncData`). Without, a power cut takes what it had
    /// answered for.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub journal_sync: bool,
    /// A second cluster, if there are two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo: Option<PulsarGeo>,
    /// Where closed ledgers go; nowhere without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offload: Option<PulsarOffload>,
    /// Whether topics are compacted; they are not without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compaction: Option<PulsarCompaction>,
    /// Whether bookies copy what one that is gone had; they do not without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_recovery: Option<PulsarAutoRecovery>,
}

/// When a ledger is full.
///
/// ```
/// use mqlab_core::sim::PulsarLedgers;
/// let ledgers: PulsarLedgers = serde_json::from_str(r#"{ "entries_max": 20 }"#)?;
/// assert_eq!(ledgers.age_min.0, 0); // 10 min in Pulsar
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarLedgers {
    /// With so many entries: 50,000.
    pub entries_max: u64,
    /// Or so many bytes: 2 GiB.
    pub bytes_max: u64,
    /// But not before this age: none, so that ledgers of a short run end at all.
    pub age_min: Span,
    /// And at this age in any case: 144 s.
    pub age_max: Span,
}

impl Default for PulsarLedgers {
    fn default() -> Self {
        Self {
            entries_max: 50_000,
            bytes_max: 2_048 * 1024 * 1024,
            age_min: Span::ZERO,
            age_max: Span::from_millis(144_000),
        }
    }
}

/// How patient brokers, the store and clients are.
///
/// ```
/// use mqlab_core::sim::PulsarPatience;
/// use mqlab_core::time::Span;
/// assert_eq!(PulsarPatience::default().session, Span::from_millis(300));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarPatience {
    /// A broker that the metadata store has not heard for so long has lost what it owned.
    pub session: Span,
    /// A bookie that has not answered for so long has failed.
    pub add_timeout: Span,
    /// A bookie that has failed is not used again for so long: 500 ms (30 min in Pulsar).
    pub quarantine: Span,
    /// How often a broker looks what lives too long, may go, or is too much: 500 ms (5 min in Pulsar).
    pub check_interval: Span,
    /// A client waits so long before it asks again who owns a topic.
    pub backoff: Span,
    /// And so long for an answer.
    pub operation_timeout: Span,
    /// After so much silence either side asks whether the connection is still there, and after as much again gives it up.
    pub keep_alive: Span,
}

impl Default for PulsarPatience {
    fn default() -> Self {
        Self {
            session: Span::from_millis(300),
            add_timeout: Span::from_millis(50),
            quarantine: Span::from_millis(500),
            check_interval: Span::from_millis(500),
            backoff: BACKOFF,
            operation_timeout: Span::from_millis(300),
            keep_alive: Span::from_millis(300),
        }
    }
}

/// Where a producer sends, and how.
///
/// ```
/// use mqlab_core::sim::PulsarTarget;
/// let to: PulsarTarget = serde_json::from_str(r#"{ "topic": "acme/shop/orders", "hashing": "murmur3" }"#)?;
/// assert_eq!((to.topic.tenant().as_str(), to.batching.messages), ("acme", 1_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulsarTarget {
    /// The topic; all its partitions, if it has some.
    pub topic: TopicName,
    /// The producer's name, by which brokers recognise what it sends twice; the program's name unless it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// Where messages without a key go.
    #[serde(default, skip_serializing_if = "is_default")]
    pub routing: RoutingMode,
    /// How keys are hashed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hashing: HashingScheme,
    /// How long messages wait for others, to go as one entry.
    #[serde(default, skip_serializing_if = "is_default")]
    pub batching: PulsarBatching,
    /// A message that is not stored after so long has failed, and its program gives it up: 3 s (30 s in Pulsar); 0 for
    /// never.
    #[serde(default = "send_timeout", skip_serializing_if = "is_send_timeout")]
    pub send_timeout: Span,
    /// The program waits when so many messages have no receipt (`maxPendingMessages`); 0 for no limit.
    #[serde(default = "max_pending", skip_serializing_if = "is_max_pending")]
    pub max_pending: u32,
    /// In which cluster it is; in the first without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
}

/// How messages are gathered.
///
/// ```
/// use mqlab_core::sim::PulsarBatching;
/// let alone: PulsarBatching = serde_json::from_str(r#"{ "messages": 1 }"#)?;
/// assert!(!alone.by_key); // each is an entry of its own
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarBatching {
    /// The most messages of a batch; 1 for none.
    pub messages: u32,
    /// The longest wait of its first.
    pub delay: Span,
    /// Whether a batch has messages of one key alone, as key-shared subscriptions need it (`BatcherBuilder.KEY_BASED`).
    /// Without, all of a batch go with the key of its first.
    pub by_key: bool,
}

impl Default for PulsarBatching {
    fn default() -> Self {
        Self { messages: WINDOW_MESSAGES, delay: Span::from_millis(1), by_key: false }
    }
}

/// How a subscription's messages are shared out.
///
/// ```
/// use mqlab_core::sim::PulsarType;
/// assert_eq!(serde_json::from_str::<PulsarType>("\"key_shared\"")?, PulsarType::KeyShared);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PulsarType {
    /// To the only consumer.
    #[default]
    Exclusive,
    /// To one of several, until it is gone.
    Failover,
    /// To all, by turns.
    Shared,
    /// To all, by key.
    KeyShared,
}

/// Where a consumer reads, and how.
///
/// ```
/// use mqlab_core::sim::{PulsarSource, PulsarType};
/// let json = r#"{ "topic": "orders", "subscription": "payers", "type": "shared", "from": "earliest" }"#;
/// let from: PulsarSource = serde_json::from_str(json)?;
/// assert_eq!((from.kind, from.receiver_queue), (PulsarType::Shared, 1_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulsarSource {
    /// The topic; all its partitions, if it has some.
    pub topic: TopicName,
    /// The subscription.
    pub subscription: Name,
    /// How its messages are shared out.
    #[serde(rename = "type", default, skip_serializing_if = "is_default")]
    pub kind: PulsarType,
    /// How the keys of a key-shared subscription are dealt.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ranges: RangeMode,
    /// Which slots it wants, first and last, where consumers say so (`sticky`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<(u32, u32)>,
    /// 0 is served first; of a failover subscription it is the one that is active.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: u32,
    /// Where the subscription begins, if it is new.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: InitialPosition,
    /// How many messages may wait here, for each partition.
    #[serde(default = "receiver_queue", skip_serializing_if = "is_receiver_queue")]
    pub receiver_queue: u32,
    /// Acknowledgements are gathered for so long: 100 ms.
    #[serde(default = "ack_group", skip_serializing_if = "is_ack_group")]
    pub ack_group: Span,
    /// What the program failed at comes again after this: 600 ms (60 s in Pulsar).
    #[serde(default = "nack_delay", skip_serializing_if = "is_nack_delay")]
    pub nack_delay: Span,
    /// What is not acknowledged so long after the program got it comes again; never without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_timeout: Option<Span>,
    /// When a message is a dead letter; never without. Only where consumers share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<DeadLetterPolicy>,
    /// What the program rejects goes through a retry topic. Only where consumers share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<PulsarRetry>,
    /// In which cluster it is; in the first without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    /// Whether it wants of each key the latest alone, as far as the topic is compacted (`readCompacted`). Only where one
    /// consumes at a time.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read_compacted: bool,
}

/// How a message goes through the retry topic.
///
/// ```
/// use mqlab_core::sim::PulsarRetry;
/// let retry: PulsarRetry = serde_json::from_str(r#"{ "delay": 50000 }"#)?;
/// assert_eq!(retry.max, 16);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulsarRetry {
    /// How long it waits there each time.
    pub delay: Span,
    /// How often, before it is a dead letter.
    #[serde(default = "reconsume_times", skip_serializing_if = "is_reconsume_times")]
    pub max: u32,
}

/// A default, and whether a value is it: for serde.
macro_rules! usual {
    ($($name:ident, $is:ident: $type:ty = $value:expr;)*) => {
        $(
            const fn $name() -> $type {
                $value
            }

            fn $is(value: &$type) -> bool {
                *value == $name()
            }
        )*
    };
}

usual! {
    three, is_three: u16 = 3;
    yes, is_yes: bool = true;
    send_timeout, is_send_timeout: Span = Span::from_millis(3_000);
    max_pending, is_max_pending: u32 = 1_000;
    receiver_queue, is_receiver_queue: u32 = 1_000;
    ack_group, is_ack_group: Span = Span::from_millis(100);
    nack_delay, is_nack_delay: Span = Span::from_millis(600);
    reconsume_times, is_reconsume_times: u32 = MAX_RECONSUME_TIMES;
}
