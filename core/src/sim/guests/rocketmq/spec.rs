//! What may a scenario say of RocketMQ? How its cluster is set, where a producer sends and how, what a consumer reads and how.
//!
//! A run of the lab lasts from a second to a minute, and RocketMQ's own times are made for days. So where a default is a
//! second or longer there, it is a tenth of that here: 3 s become 300 ms, 15 s become 1.5 s, a level of 10 s one of 1 s. What is
//! shorter than a second there is the same here. Each field says what RocketMQ has. All times are in microseconds.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use super::spec_broker::{RocketmqBrokerSpec, RocketmqReplication};
use crate::ids::Name;
use crate::sim::spec::is_default;
use crate::systems::rocketmq::allocate::Strategy;
use crate::systems::rocketmq::consumer::{FirstOffset, Model, Order};
use crate::time::Span;

/// A cluster of RocketMQ. The scenario's `brokers` are dealt out in order: a master and its slaves, the next master and its
/// slaves, and so on; they are called `broker-a`, `broker-b`, ...
///
/// ```
/// use mqlab_core::sim::RocketmqSpec;
/// let json = r#"{ "slaves": 1, "topics": { "orders": 4 }, "broker": { "flush": "sync", "replication": "sync" } }"#;
/// let spec: RocketmqSpec = serde_json::from_str(json)?;
/// assert_eq!((spec.name_servers, spec.topics.len()), (1, 1));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqSpec {
    /// How many name servers there are: 1 to 9.
    #[serde(default = "one")]
    pub name_servers: u16,
    /// A name server forgets a broker that was silent for so long: 12 s (there 120 s).
    #[serde(default = "broker_expires", skip_serializing_if = "is_usual_expiry")]
    pub broker_expires: Span,
    /// How many slaves each master has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub slaves: u16,
    /// The topics, and how many queues each has on each master.
    pub topics: BTreeMap<Name, u32>,
    /// A controller, in the first name server, that makes a slave the master when the master is gone. (Of each name the first
    /// broker is the first master.) None without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<RocketmqControllerSpec>,
    /// How all brokers are set.
    #[serde(default, skip_serializing_if = "is_default")]
    pub broker: RocketmqBrokerSpec,
}

/// A controller, and how brokers deal with it.
///
/// ```
/// use mqlab_core::sim::RocketmqControllerSpec;
/// let controller: RocketmqControllerSpec = serde_json::from_str("{}")?;
/// assert_eq!(controller.expires.0, 1_000_000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RocketmqControllerSpec {
    /// A broker that was silent for so long is taken for dead (`brokerHeartbeatTimeoutMills`): 1 s (there 10 s).
    pub expires: Span,
    /// How often brokers say that they are there (`brokerHeartbeatInterval`): 100 ms (there 1 s).
    pub alive_every: Span,
    /// A slave that did not have everything for so long is not in sync (`haMaxTimeSlaveNotCatchup`): 1.5 s (there 15 s).
    pub catch_up_max: Span,
}

impl Default for RocketmqControllerSpec {
    fn default() -> Self {
        let millis = Span::from_millis;
        Self { expires: millis(1_000), alive_every: millis(100), catch_up_max: millis(1_500) }
    }
}

const fn one() -> u16 {
    1
}

const fn broker_expires() -> Span {
    Span::from_millis(12_000)
}

fn is_usual_expiry(span: &Span) -> bool {
    *span == broker_expires()
}

/// Which queue a producer sends to, and what a failure leads to.
///
/// ```
/// use mqlab_core::sim::RocketmqSend;
/// assert_eq!(serde_json::from_str::<RocketmqSend>(r#""by_key""#)?, RocketmqSend::ByKey);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RocketmqSend {
    /// To one queue after the other; to another broker, if that fails.
    #[default]
    RoundRobin,
    /// To the queue of the message's key, and nowhere else (`MessageQueueSelector`).
    ByKey,
}

/// Where a producer sends, and how. With the producer's `transaction` of the kind `half` it sends half messages.
///
/// ```
/// use mqlab_core::sim::RocketmqTarget;
/// let json = r#"{ "topic": "orders", "tags": ["paid", "sent"], "levels": [0, 3] }"#;
/// let to: RocketmqTarget = serde_json::from_str(json)?;
/// assert_eq!((to.attempts, to.in_flight), (3, 0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqTarget {
    /// The topic.
    pub topic: Name,
    /// Its group: whoever is in it answers for half messages of any of them. `producers` without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Which queue it sends to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub send: RocketmqSend,
    /// Tags, in turn; an empty one for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Levels of delay, in turn; 0 for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<u32>,
    /// How often a message is sent at most (`retryTimesWhenSendFailed` + 1): 3 times.
    #[serde(default = "three", skip_serializing_if = "is_three")]
    pub attempts: u32,
    /// So long it waits for an answer (`sendMsgTimeout`): 300 ms (there 3 s).
    #[serde(default = "send_timeout", skip_serializing_if = "is_send_timeout")]
    pub timeout: Span,
    /// How many messages are on their way at most: 1 is `send()`, which waits for each answer; 0 is `send()` with a callback,
    /// without limit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub in_flight: u32,
    /// Whether brokers that are slow are avoided (`sendLatencyFaultEnable`): no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub avoids_slow: bool,
    /// Whether an answer other than SEND_OK counts as a failure, which sends again (`retryAnotherBrokerWhenNotStoreOK`): no.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries_unsafe: bool,
    /// How often it asks the name servers where its topic is (`pollNameServerInterval`): 3 s (there 30 s).
    #[serde(default = "three_seconds", skip_serializing_if = "is_three_seconds")]
    pub routes_every: Span,
    /// How often it tells brokers that it is there (`heartbeatBrokerInterval`): 3 s (there 30 s). Only whom a broker knows it asks
    /// about half messages.
    #[serde(default = "three_seconds", skip_serializing_if = "is_three_seconds")]
    pub heartbeat_every: Span,
}

const fn three() -> u32 {
    3
}

const fn is_three(count: &u32) -> bool {
    *count == three()
}

const fn send_timeout() -> Span {
    Span::from_millis(300)
}

fn is_send_timeout(span: &Span) -> bool {
    *span == send_timeout()
}

const fn three_seconds() -> Span {
    Span::from_millis(3_000)
}

fn is_three_seconds(span: &Span) -> bool {
    *span == three_seconds()
}

/// Where a consumer reads, and how. Its `workers` are the threads that process messages (`consumeThreadMax`).
///
/// ```
/// use mqlab_core::sim::RocketmqSource;
/// let json = r#"{ "topic": "orders", "group": "payers", "tags": "paid || sent", "order": "orderly" }"#;
/// let from: RocketmqSource = serde_json::from_str(json)?;
/// assert_eq!(from.client.retries_max, 16);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqSource {
    /// The topic.
    pub topic: Name,
    /// The group.
    pub group: Name,
    /// The tags that it wants, with `||` between; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// The condition that messages must meet, in SQL; all without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Whether the group shares the messages, or each member gets all: `clustering`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub model: Model,
    /// Whether queues are processed in order, under a lock: `concurrently`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub order: Order,
    /// Where the group begins in a queue that it does not know: `last`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub first: FirstOffset,
    /// How queues are dealt to members: `averagely`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strategy: Strategy,
    /// It pops instead: no queue is dealt to anybody, and what a member got the others do not see for so long
    /// (`popInvisibleTime`, there 60 s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pop_invisible: Option<Span>,
    /// How its client is set besides.
    #[serde(default, skip_serializing_if = "is_default")]
    pub client: RocketmqClientSpec,
}

/// How a consumer's client is set.
///
/// ```
/// use mqlab_core::sim::RocketmqClientSpec;
/// let client: RocketmqClientSpec = serde_json::from_str(r#"{ "count": 8 }"#)?;
/// assert_eq!((client.count, client.rebalance_every.0), (8, 2_000_000));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RocketmqClientSpec {
    /// How many messages it pulls, or pops, at once (`pullBatchSize`): 32.
    pub count: u32,
    /// With more messages of a queue than this it pulls no more for now (`pullThresholdForQueue`): 1,000.
    pub cached_max: u32,
    /// How often a message is tried again (`maxReconsumeTimes`): 16. In order there is no end to it.
    pub retries_max: u32,
    /// What failed in order is tried again after so long (`suspendCurrentQueueTimeMillis`): 100 ms (there 1 s).
    pub suspend: Span,
    /// How often queues are dealt: 2 s (there 20 s).
    pub rebalance_every: Span,
    /// How often locks of queues are renewed: 2 s (there 20 s); one that is older than one and a half of it is not relied upon.
    pub lock_every: Span,
    /// How often it tells brokers how far it is (`persistConsumerOffsetInterval`): 500 ms (there 5 s).
    pub commit_every: Span,
    /// How often it tells brokers that it is there (`heartbeatBrokerInterval`): 3 s (there 30 s).
    pub heartbeat_every: Span,
    /// How often it asks the name servers where its topics are (`pollNameServerInterval`): 3 s (there 30 s).
    pub routes_every: Span,
    /// So long it waits for an answer, but for that to a pull: 300 ms (there 3 s).
    pub timeout: Span,
    /// So long it waits for that to a pull (`consumerTimeoutMillisWhenSuspend`): 3 s (there 30 s).
    pub pull_timeout: Span,
    /// After a failed request it waits so long (`pullTimeDelayMillsWhenException`): 300 ms (there 3 s).
    pub failure_delay: Span,
}

impl Default for RocketmqClientSpec {
    fn default() -> Self {
        let millis = Span::from_millis;
        Self {
            count: 32,
            cached_max: 1_000,
            retries_max: 16,
            suspend: millis(100),
            rebalance_every: millis(2_000),
            lock_every: millis(2_000),
            commit_every: millis(500),
            heartbeat_every: millis(3_000),
            routes_every: millis(3_000),
            timeout: millis(300),
            pull_timeout: millis(3_000),
            failure_delay: millis(300),
        }
    }
}
