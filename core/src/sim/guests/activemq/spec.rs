//! What may a scenario say of ActiveMQ? Its brokers and their store, what the policies of its destinations say, and how its
//! clients send and receive.
//!
//! Everything has the default that ActiveMQ 5.17 has, but for spans that are seconds there: a run of the lab lasts a second
//! to a minute, so they are shorter here, by about as much as each other. The doc of each says what it is there.
//!
//! | in a scenario | lab | ActiveMQ |
//! |---|---|---|
//! | how often a slave asks for the lock | 100 ms | 10 s |
//! | how long a lock holds that nobody renews | 200 ms | 30 s (and more) |
//! | how long a connection may be silent | 300 ms | 30 s |
//! | how often expired messages are looked for | 300 ms | 30 s |
//! | the wait before a message is tried again | 20 ms | 1 s |
//! | the longest wait between two rounds of reconnecting | 1 s | 30 s |

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::Name;
use crate::selector::Selector;
use crate::sim::spec::is_default;
use crate::systems::activemq::{
    DURABLE_TOPIC_PREFETCH, DestinationPolicy, JournalSync, QUEUE_PREFETCH, RedeliveryPolicy, TOPIC_PREFETCH,
};
use crate::time::Span;

/// A cluster of ActiveMQ. One broker keeps its messages on a disk of its own; several share a store, of which one has the
/// lock: it is the master, the others wait.
///
/// ```
/// use mqlab_core::sim::ActivemqSpec;
/// let spec: ActivemqSpec = serde_json::from_str(r#"{ "policy": { "prioritized_messages": true } }"#)?;
/// assert!(spec.policy.prioritized_messages && spec.policy.use_prefetch_extension);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivemqSpec {
    /// The queues that are there from the first (`<destinations>` in `activemq.xml`); others come with their first use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<Name>,
    /// Queues that keep nothing, and send on what comes to them (`<compositeQueue>` with `<forwardTo>`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub composite_queues: BTreeMap<Name, Vec<ActivemqDestination>>,
    /// What the broker does with all its destinations (`<policyEntry queue=">">`).
    #[serde(skip_serializing_if = "is_default")]
    pub policy: ActivemqPolicy,
    /// When the journal is flushed: before the answer, or not at all (`enableJournalDiskSyncs`).
    #[serde(skip_serializing_if = "is_default")]
    pub journal_sync: JournalSync,
    /// Whether the store remembers how far each producer has got, so that what a client says again after a fail-over is not
    /// stored twice (KahaDB's `failoverProducersAuditDepth`, 2048 of 2048 producers). On, as there.
    #[serde(skip_serializing_if = "is_default")]
    pub producer_audit: OnByDefault,
    /// How several brokers share the store.
    #[serde(skip_serializing_if = "is_default")]
    pub shared_store: ActivemqSharedStore,
    /// How clients find the master, and how long a connection may be silent.
    #[serde(skip_serializing_if = "is_default")]
    pub transport: ActivemqTransport,
}

/// Something that is on unless a scenario says `false`.
///
/// ```
/// use mqlab_core::sim::OnByDefault;
/// assert!(OnByDefault::default().0);
/// assert!(!serde_json::from_str::<OnByDefault>("false")?.0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OnByDefault(pub bool);

impl Default for OnByDefault {
    fn default() -> Self {
        Self(true)
    }
}

use super::ActivemqDestination;

/// What a broker does with its destinations. See [`DestinationPolicy`] for each.
///
/// ```
/// use mqlab_core::sim::ActivemqPolicy;
/// let policy = ActivemqPolicy::default();
/// assert!(policy.process_expired && !policy.process_non_persistent && !policy.scheduler_support);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivemqPolicy {
    /// Whether a message's priority counts (`prioritizedMessages`); off.
    pub prioritized_messages: bool,
    /// Whether the first consumer with room is served, instead of one after the other (`strictOrderDispatch`); off.
    pub strict_order_dispatch: bool,
    /// Whether a message that was seen makes room in the prefetch (`usePrefetchExtension`); on.
    pub use_prefetch_extension: bool,
    /// How often expired messages are looked for (`expireMessagesPeriod`: 30 s), in microseconds.
    pub expire_messages_period: Span,
    /// Whether expired messages become dead letters (`processExpired`); on.
    pub process_expired: bool,
    /// Whether those that are not persistent do, too (`processNonPersistent`); off.
    pub process_non_persistent: bool,
    /// Whether a message can be scheduled by `AMQ_SCHEDULED_DELAY`, `_PERIOD`, `_REPEAT` (`schedulerSupport`); off.
    pub scheduler_support: bool,
}

impl Default for ActivemqPolicy {
    fn default() -> Self {
        let DestinationPolicy {
            prioritized_messages,
            strict_order_dispatch,
            use_prefetch_extension,
            process_expired,
            process_non_persistent,
            scheduler_support,
            ..
        } = DestinationPolicy::default();
        Self {
            prioritized_messages,
            strict_order_dispatch,
            use_prefetch_extension,
            expire_messages_period: Span::from_millis(300),
            process_expired,
            process_non_persistent,
            scheduler_support,
        }
    }
}

impl ActivemqPolicy {
    /// The same as the broker knows it.
    pub(super) fn of_broker(&self) -> DestinationPolicy {
        DestinationPolicy {
            prioritized_messages: self.prioritized_messages,
            strict_order_dispatch: self.strict_order_dispatch,
            use_prefetch_extension: self.use_prefetch_extension,
            expire_messages_period: self.expire_messages_period,
            process_expired: self.process_expired,
            process_non_persistent: self.process_non_persistent,
            scheduler_support: self.scheduler_support,
        }
    }
}

/// How brokers share a store: a file system that all of them reach, with a lock on it.
///
/// ```
/// use mqlab_core::sim::ActivemqSharedStore;
/// use mqlab_core::time::Span;
/// let store = ActivemqSharedStore::default();
/// assert_eq!(store.lock_acquire_sleep_interval, Span::from_millis(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivemqSharedStore {
    /// How often a slave asks for the lock (`lockAcquireSleepInterval`: 10 s), in microseconds.
    pub lock_acquire_sleep_interval: Span,
    /// How often the master says that it is there (`lockKeepAlivePeriod`; for a file system the client of NFS does it), in
    /// microseconds.
    pub lock_keep_alive_period: Span,
    /// A lock that nobody renewed for so long is free (NFS's lease, 90 s; a database's locker: three times the interval), in
    /// microseconds. A master whose connection breaks loses it at once.
    pub lease: Span,
}

impl Default for ActivemqSharedStore {
    fn default() -> Self {
        Self {
            lock_acquire_sleep_interval: Span::from_millis(100),
            lock_keep_alive_period: Span::from_millis(50),
            lease: Span::from_millis(200),
        }
    }
}

/// How clients are connected: `failover:(tcp://broker-1,...)`.
///
/// ```
/// use mqlab_core::sim::ActivemqTransport;
/// use mqlab_core::time::Span;
/// let transport: ActivemqTransport = serde_json::from_str(r#"{ "randomize": false }"#)?;
/// assert_eq!(transport.initial_reconnect_delay, Span::from_millis(10));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivemqTransport {
    /// Whether brokers are tried in an order that chance gives (`randomize`); on.
    pub randomize: bool,
    /// How long a client waits when it has tried all brokers for the first time (`initialReconnectDelay`: 10 ms), in
    /// microseconds; twice as long each time after.
    pub initial_reconnect_delay: Span,
    /// The longest wait (`maxReconnectDelay`: 30 s), in microseconds.
    pub max_reconnect_delay: Span,
    /// A connection on which nothing was heard for so long is broken (`wireFormat.maxInactivityDuration`: 30 s), in
    /// microseconds. Each side says three times as often that it is there.
    pub max_inactivity_duration: Span,
}

impl Default for ActivemqTransport {
    fn default() -> Self {
        Self {
            randomize: true,
            initial_reconnect_delay: Span::from_millis(10),
            max_reconnect_delay: Span::from_millis(1_000),
            max_inactivity_duration: Span::from_millis(300),
        }
    }
}

/// Where a producer of ActiveMQ sends, and how.
///
/// ```
/// use mqlab_core::sim::ActivemqTarget;
/// let to: ActivemqTarget = serde_json::from_str(r#"{ "to": { "queue": "orders" }, "use_async_send": true }"#)?;
/// assert!(to.use_async_send);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivemqTarget {
    /// The destination.
    pub to: ActivemqDestination,
    /// Whether a persistent message is sent without waiting for the answer (`useAsyncSend`): faster, and what is under way
    /// when a master dies is lost. Off; a message that is not persistent is always sent so.
    #[serde(default, skip_serializing_if = "is_default")]
    pub use_async_send: bool,
    /// Whether the program waits for the answer also of a message that is not persistent (`alwaysSyncSend`); off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub always_sync_send: bool,
}

/// Where a consumer of ActiveMQ reads, and how.
///
/// ```
/// use mqlab_core::sim::ActivemqSource;
/// let json = r#"{ "from": { "queue": "orders" }, "prefetch": 1, "exclusive": true }"#;
/// let from: ActivemqSource = serde_json::from_str(json)?;
/// assert_eq!((from.prefetch, from.redelivery.maximum_redeliveries), (Some(1), Some(6)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActivemqSource {
    /// The destination; of a topic it may be a pattern (`STOCK.*`, `STOCK.>`).
    pub from: ActivemqReads,
    /// How many messages its client is ahead of its program (`consumer.prefetchSize`); 0 means that it asks for each. By
    /// default 1000 of a queue, 100 of a durable subscription, 32767 of another.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefetch: Option<u32>,
    /// Whether it wants the queue for itself (`consumer.exclusive`); off.
    #[serde(default, skip_serializing_if = "is_default")]
    pub exclusive: bool,
    /// Higher is served first (`consumer.priority`, -128 to 127); 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i8,
    /// Which messages it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// Of a topic: the name of its durable subscription, which goes on while nobody is there; the client's id is the
    /// consumer's name in the scenario. Without it hears only what is published while it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<Name>,
    /// How often and how late it tries a message again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub redelivery: ActivemqRedelivery,
    /// Whether its connection knows what it had (`checkForDuplicates`): what comes again after a fail-over, though its
    /// program is done with it, goes to the dead instead. On.
    #[serde(default, skip_serializing_if = "is_default")]
    pub check_for_duplicates: OnByDefault,
}

/// What a consumer reads.
///
/// ```
/// use mqlab_core::sim::ActivemqReads;
/// let reads: ActivemqReads = serde_json::from_str(r#"{ "topic": "STOCK.>" }"#)?;
/// assert_eq!(reads, ActivemqReads::Topic("STOCK.>".into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivemqReads {
    /// A queue; `Consumer.A.VirtualTopic.X` is one that gets a copy of all that is published to `VirtualTopic.X`.
    Queue(Name),
    /// A topic, or all topics of a pattern: `*` is one level, `>` all that follow.
    Topic(String),
}

impl ActivemqSource {
    /// How many messages its client is ahead.
    pub(super) fn ahead(&self) -> u32 {
        let usual = match (&self.from, &self.durable) {
            (ActivemqReads::Queue(_), _) => QUEUE_PREFETCH,
            (ActivemqReads::Topic(_), Some(_)) => DURABLE_TOPIC_PREFETCH,
            (ActivemqReads::Topic(_), None) => TOPIC_PREFETCH,
        };
        self.prefetch.unwrap_or(usual)
    }

    /// What it reads, as it is drawn: a pattern is cut where its first wildcard stands.
    pub(crate) fn name(&self) -> Name {
        match &self.from {
            ActivemqReads::Queue(queue) => queue.clone(),
            ActivemqReads::Topic(pattern) => {
                let plain = pattern.split(['*', '>']).next().unwrap_or_default().trim_end_matches('.');
                let all = || Name::new("topics").expect("a legal name");
                Name::new(plain).unwrap_or_else(|_| all())
            }
        }
    }
}

/// How often, and how late, a consumer tries a message again that its program failed at: `RedeliveryPolicy`, of the client.
///
/// ```
/// use mqlab_core::sim::ActivemqRedelivery;
/// let policy: ActivemqRedelivery = serde_json::from_str(r#"{ "maximum_redeliveries": 2 }"#)?;
/// assert_eq!(policy.maximum_redeliveries, Some(2)); // three deliveries in all
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActivemqRedelivery {
    /// How often it tries again; `null` for ever (ActiveMQ: -1). 6.
    pub maximum_redeliveries: Option<u32>,
    /// How long it waits the first time (`initialRedeliveryDelay`: 1 s), in microseconds.
    pub initial_redelivery_delay: Span,
    /// How long it waits after that (`redeliveryDelay`: 1 s), in microseconds.
    pub redelivery_delay: Span,
    /// Whether waits grow (`useExponentialBackOff`); off.
    pub use_exponential_back_off: bool,
    /// By how much, in hundredths (`backOffMultiplier` 5.0).
    pub back_off_multiplier_percent: u32,
    /// The longest wait (`maximumRedeliveryDelay`: none), in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_redelivery_delay: Option<Span>,
    /// By how much a wait differs by chance, in hundredths (`collisionAvoidanceFactor` 0.15, where it is on); off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collision_avoidance_percent: Option<u32>,
}

impl Default for ActivemqRedelivery {
    fn default() -> Self {
        let policy = RedeliveryPolicy::default();
        Self {
            maximum_redeliveries: policy.maximum_redeliveries,
            initial_redelivery_delay: Span::from_millis(20),
            redelivery_delay: Span::from_millis(20),
            use_exponential_back_off: policy.use_exponential_back_off,
            back_off_multiplier_percent: policy.back_off_multiplier_percent,
            maximum_redelivery_delay: policy.maximum_redelivery_delay,
            collision_avoidance_percent: policy.collision_avoidance_percent,
        }
    }
}

impl ActivemqRedelivery {
    /// The same as the client knows it.
    pub(super) fn of_client(&self) -> RedeliveryPolicy {
        RedeliveryPolicy {
            maximum_redeliveries: self.maximum_redeliveries,
            initial_redelivery_delay: self.initial_redelivery_delay,
            redelivery_delay: self.redelivery_delay,
            use_exponential_back_off: self.use_exponential_back_off,
            back_off_multiplier_percent: self.back_off_multiplier_percent,
            maximum_redelivery_delay: self.maximum_redelivery_delay,
            collision_avoidance_percent: self.collision_avoidance_percent,
        }
    }
}
