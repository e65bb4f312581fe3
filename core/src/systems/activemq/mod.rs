//! What is ActiveMQ in this engine? A virtual host with other defaults; and clients that do what elsewhere brokers do.
//!
//! | ActiveMQ | here | by default | facts |
//! |---|---|---|---|
//! | queue, competing consumers | [`Queue`](crate::queue::Queue) | one after the other | A-1 |
//! | `prefetchSize`, its extension | [`Flow::Prefetch`](crate::queue::Flow), `prefetch_extension` | 1000 (queue), 500 (browser), 100 (durable), 32767 (topic); what was seen makes room | A-1 |
//! | expiry | [`Expiry::Sweep`](crate::queue::Expiry) | every 30 s; to the DLQ if persistent | A-2 |
//! | redelivery policy | [`RedeliveryPolicy`], [`MessageConsumer`] | 1 s, 6 times; at the client, which waits | A-3 |
//! | `ActiveMQ.DLQ` | [`Broker::poison`], `dead_letter` | one for all; not what is not persistent | A-2, A-3 |
//! | `prioritizedMessages` | `priority_max` 9 | off: first in, first out | A-4 |
//! | `AMQ_SCHEDULED_DELAY`, `_PERIOD`, `_REPEAT` | delay and repetitions of a [`Message`](crate::message::Message) | off | A-5 |
//! | topic, durable subscription, `noLocal` | [`Subscription`](crate::vhost::Subscription) | another selector makes it anew | A-6 |
//! | wildcards `*` and `>` | [`Syntax::Hierarchy`](crate::routing::Syntax) | | A-6 |
//! | `JMSXGroupID`, `JMSXGroupSeq` | a message's group and its number in it | 1024 are remembered | A-7 |
//! | selectors | [`Selector`](crate::selector::Selector) | | A-8 |
//! | exclusive consumer | [`ConsumerOptions`](crate::queue::ConsumerOptions) | off | A-9 |
//! | virtual topic | [`virtual_topic_of`] | `Consumer.*.VirtualTopic.>` | A-9 |
//! | shared store, master and slave | [`SharedStore`], [`Station`] | the lock is asked for every 10 s | A-9 |
//! | `failover:` | [`Failover`] | by chance, 10 ms to 30 s | A-9 |
//! | journal and index (KahaDB) | a queue's two logs | flushed before the answer | |
//!
//! The version is 5.17 (Classic). Sources stand in each file.

mod audit;
mod broker;
mod connection;
mod consumer;
mod destination;
mod failover;
mod noted;
mod policy;
pub mod protocol;
mod redelivery;
mod serving;
mod shared_store;
mod store_server;

pub use broker::{Broker, BrokerError};
pub use connection::{Connection, ConnectionOptions, Heard};
pub use consumer::{Dispatched, MessageConsumer, RolledBack};
pub use destination::{BadDestination, DestinationName, parse_destination, virtual_topic_of};
pub use failover::{Failover, INITIAL_RECONNECT_DELAY, MAX_RECONNECT_DELAY, RECONNECT_MULTIPLIER};
pub use noted::{LogOp, NotedLog, NotedStorage, StoreOp};
pub use policy::{
    DURABLE_TOPIC_PREFETCH, DestinationPolicy, EXPIRE_MESSAGES_PERIOD, JMS_PRIORITY_MAX, JournalSync,
    QUEUE_BROWSER_PREFETCH, QUEUE_PREFETCH, TOPIC_PREFETCH, prefetch_flow,
};
pub use redelivery::{
    BACK_OFF_MULTIPLIER_PERCENT, COLLISION_AVOIDANCE_PERCENT, MAXIMUM_REDELIVERIES, REDELIVERY_DELAY,
    RedeliveryPolicy,
};
pub use serving::{Serving, ServingOptions};
pub use shared_store::{LOCK_ACQUIRE_SLEEP_INTERVAL, SharedStore, Station};
pub use store_server::StoreServer;

/// The queue of all dead letters (`SharedDeadLetterStrategy`).
pub const SHARED_DLQ: &str = "ActiveMQ.DLQ";
