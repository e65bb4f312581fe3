//! How is a consumer set? As RocketMQ's is, where nothing is said.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Name, NodeId};
use crate::systems::rocketmq::Topic;
use crate::systems::rocketmq::allocate::Strategy;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::numbering::Numbering;
use crate::systems::rocketmq::protocol::Pull;
use crate::systems::rocketmq::retry::RETRIES_MAX;
use crate::systems::rocketmq::routes::{ROUTE_TIMEOUT, ROUTES_EVERY};
use crate::time::Span;

/// Whether the members of a group share the messages, or each gets all.
///
/// ```
/// use mqlab_core::systems::rocketmq::consumer::Model;
/// assert_eq!(Model::default(), Model::Clustering);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// They share them; the broker keeps how far the group is, and what fails comes again.
    #[default]
    Clustering,
    /// Each gets all, keeps for itself how far it is, and what fails does not come again.
    Broadcasting,
}

/// In which order messages of a queue are processed.
///
/// ```
/// use mqlab_core::systems::rocketmq::consumer::Order;
/// assert_eq!(Order::default(), Order::Concurrently);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// In none: several at once.
    #[default]
    Concurrently,
    /// One after the other, under a lock of the queue; what fails holds up all behind it.
    Orderly,
}

/// Where a group begins in a queue of which it has no offset.
///
/// ```
/// use mqlab_core::systems::rocketmq::consumer::FirstOffset;
/// assert_eq!(FirstOffset::default(), FirstOffset::Last);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstOffset {
    /// With what comes from now on. (A queue that still has everything is read from its beginning all the same: the broker
    /// answers 0 then.)
    #[default]
    Last,
    /// With the oldest that there is.
    First,
}

/// How a consumer is set.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::consumer::ConsumerSettings;
/// assert_eq!(ConsumerSettings::new(Name::new("payers")?).cached_max, 1_000);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// Its group.
    pub group: Name,
    /// What it wants of which topic.
    pub subscriptions: BTreeMap<Topic, Subscription>,
    /// Whether the group shares.
    pub model: Model,
    /// Whether the order is kept.
    pub order: Order,
    /// Where the group begins.
    pub from: FirstOffset,
    /// How queues are dealt.
    pub strategy: Strategy,
    /// The name servers.
    pub name_servers: Vec<NodeId>,
    /// How many messages are processed at once (`consumeThreadMax`): 20.
    pub at_once: u32,
    /// How many messages are pulled at once (`pullBatchSize`): 32.
    pub count: u32,
    /// With more messages of a queue than this it pulls no more for now (`pullThresholdForQueue`): 1,000.
    pub cached_max: usize,
    /// Or with more bytes (`pullThresholdSizeForQueue`): 100 MiB.
    pub cached_bytes_max: u64,
    /// Or, if the order is not kept, with more between the first and the last (`consumeConcurrentlyMaxSpan`): 2,000.
    pub span_max: u64,
    /// Then it looks again after so long: 50 ms.
    pub flow_delay: Span,
    /// After a failed request it waits so long (`pullTimeDelayMillsWhenException`): 3 s.
    pub failure_delay: Span,
    /// What failed and could not be sent back is tried again after so long: 5 s.
    pub local_delay: Span,
    /// What failed in order is tried again after so long (`suspendCurrentQueueTimeMillis`): 1 s.
    pub suspend: Span,
    /// How often a message is tried again (`maxReconsumeTimes`): 16. In order there is no end to it.
    pub retries_max: u32,
    /// How often queues are dealt (`rebalance` interval): 20 s.
    pub rebalance_every: Span,
    /// How often locks are renewed: 20 s.
    pub lock_every: Span,
    /// A lock that was not renewed for so long is not relied upon: 30 s.
    pub lock_holds: Span,
    /// How often offsets are told to the brokers (`persistConsumerOffsetInterval`): 5 s.
    pub commit_every: Span,
    /// How often it tells brokers that it is there (`heartbeatBrokerInterval`): 30 s.
    pub heartbeat_every: Span,
    /// How often it asks for routes: 30 s.
    pub routes_every: Span,
    /// So long it waits for a name server's answer: 3 s.
    pub route_timeout: Span,
    /// Its requests are numbered from behind this: those of an earlier process of the same node have other numbers.
    pub numbers_behind: u64,
    /// How facts number queues.
    pub numbering: Numbering,
    /// So long it waits for an answer, but for that to a pull: 3 s.
    pub timeout: Span,
    /// So long it waits for that to a pull (`consumerTimeoutMillisWhenSuspend`): 30 s.
    pub pull_timeout: Span,
}

impl ConsumerSettings {
    /// A consumer of this group, with everything else as RocketMQ has it.
    pub fn new(group: Name) -> Self {
        let seconds = |seconds: u64| Span::from_millis(seconds * 1_000);
        Self {
            group,
            subscriptions: BTreeMap::new(),
            model: Model::Clustering,
            order: Order::Concurrently,
            from: FirstOffset::Last,
            strategy: Strategy::Averagely,
            name_servers: Vec::new(),
            at_once: 20,
            count: Pull::COUNT,
            cached_max: 1_000,
            cached_bytes_max: 100 * 1024 * 1024,
            span_max: 2_000,
            flow_delay: Span::from_millis(50),
            failure_delay: seconds(3),
            local_delay: seconds(5),
            suspend: seconds(1),
            retries_max: RETRIES_MAX,
            rebalance_every: seconds(20),
            lock_every: seconds(20),
            lock_holds: seconds(30),
            commit_every: seconds(5),
            heartbeat_every: seconds(30),
            routes_every: ROUTES_EVERY,
            route_timeout: ROUTE_TIMEOUT,
            numbers_behind: 0,
            numbering: Numbering::default(),
            timeout: seconds(3),
            pull_timeout: seconds(30),
        }
    }
}
