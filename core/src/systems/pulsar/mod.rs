//! What is only Pulsar's? Brokers that own topics and keep nothing, and bookies that keep entries and own nothing.
//!
//! ```text
//!   producer ──▶ broker (owner of the topic) ──▶ bookie 1 ┐
//!                  │    ▲                     ├▶ bookie 2 ├ an entry goes to Qw of E, and is stored when Qa have it
//!   consumer ◀─────┘    │                     └▶ bookie 3 ┘
//!                  metadata store: who owns what, which ledgers a topic has, where a ledger's entries are
//! ```
//!
//! Read it in this order:
//!
//! 1. [`TopicName`], [`Router`]: what a topic is called, and which of its partitions a message goes to;
//! 2. [`Ranges`], [`Draining`]: which consumer gets a key, and when, after it has moved;
//! 3. [`MetadataStore`]: who knows what, and how it is kept apart who may change it;
//! 4. [`ledger`]: where entries stay, and how a ledger ends whose writer died;
//! 5. [`ManagedLedger`], [`Cursor`]: how ledgers make a topic, and how far a subscription has got in it;
//! 6. [`Retention`], [`BacklogQuota`], [`expired`]: what may go, and what goes though somebody needs it;
//! 7. [`Dispatcher`], [`Subscription`]: who gets what, and what is delivered again;
//! 8. [`PulsarBroker`]: who serves a topic, and what it does before it can;
//! 9. [`PulsarProducer`], [`PulsarConsumer`]: who sends and receives, and what they must remember;
//! 10. [`Remote`]: another cluster, which gets what is sent to this one;
//! 11. [`Reconsumed`]: messages that are wanted later;
//! 12. [`Latest`], [`CompactedLedger`]: the latest of each key, for who wants no more;
//! 13. [`AutoRecovery`]: who notices that a bookie is gone, and copies what it had.
//!
//! What the rest of the engine calls an offset is a position here: a ledger, and an entry in it.

mod autorecovery;
mod broker;
mod compaction;
mod compactor;
mod connections;
mod consumer;
mod consumer_settings;
mod cursor;
mod dispatch;
mod draining;
mod entries;
mod fleeting;
mod hash;
pub mod ledger;
mod ledger_list;
mod look;
mod managed_ledger;
mod message;
mod names;
mod position;
mod producer;
mod protocol;
mod ranges;
mod replicating;
mod replicator;
mod retention;
mod retry;
mod router;
mod session;
mod settings;
mod store;
mod store_op;
mod subscription;
mod topic;

pub use autorecovery::{AutoRecovery, AutoRecoverySettings};
pub use broker::PulsarBroker;
pub use compaction::{COMPACTION_CURSOR, CompactedLedger, Latest, copy_of, original_of};
pub use consumer::{DeadLetter, InHand, PulsarConsumer};
pub use consumer_settings::{ConsumerSettings, DeadLetterPolicy, DeadLetterStyle};
pub use cursor::{Cursor, RANGES_MAX};
pub use dispatch::{
    Candidate, Dispatcher, NO_KEY, NewConsumer, NotSubscribed, ROUND_ROBIN_BATCH, SubscriptionType,
    UNACKED_PER_CONSUMER, UNACKED_PER_SUBSCRIPTION,
};
pub use draining::Draining;
pub use entries::{CACHE_ENTRIES, DELIVER_AT_HEADER, Entries, ORDERING_KEY_HEADER};
pub use hash::{HashingScheme, SLOTS, java_string_hash, murmur3_32, sticky_slot};
pub use ledger_list::{LedgerFact, LedgerInfo, LedgerNews, LedgerSettings, OFFLOAD_LAG, Offload, Offloaded};
pub use look::{EntryLook, EntryState, SubscriptionLook, TopicLook};
pub use managed_ledger::ManagedLedger;
pub use message::Message;
pub use names::{BadTopicName, DEFAULT_NAMESPACE, Domain, PARTITION_SUFFIX, PUBLIC_TENANT, TopicName};
pub use position::{Extents, MessagePlace, Position};
pub use producer::{PulsarProducer, SEND_TIMEOUT, SendResult};
pub use protocol::{Answer, Command, InitialPosition, NotSent};
pub use ranges::{ConsumerId, RING_POINTS, RangeError, RangeMode, Ranges, Sharer};
pub use replicator::{REPLICATION_QUEUE, REPLICATOR_PREFIX, Remote};
pub use retention::{BacklogQuota, EVICT_TO_PERCENT, OverQuota, QuotaPolicy, Retention, expired};
pub use retry::{
    DELAY_TIME, MAX_RECONSUME_TIMES, ORIGIN_MESSAGE_ID, REAL_TOPIC, RECONSUME_TIMES, Reconsumed,
};
pub use router::{Router, RoutingMode, WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TIME, Window};
pub use session::{BACKOFF, KEEP_ALIVE, OPERATION_TIMEOUT};
pub use settings::{BrokerSettings, CompactionSettings, TopicSettings};
pub use store::{MetadataStore, STORE_BYTES_MAX, STORE_SESSION, StoreFailure};
pub use store_op::{Expected, StoreAnswer, StoreOp, StoreReply, StoreRequest, Stored};
pub use subscription::{Dispatched, EntryFacts, LOOK_AHEAD, READ_BATCH, Subscription};
pub use topic::{PRODUCER_HEADER, REPLICATED_FROM_HEADER, SEQUENCE_HEADER};
