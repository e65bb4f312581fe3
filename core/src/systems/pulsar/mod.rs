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
//! 2. [`Ranges`], [`Draining`]: which consumer gets a key, and when, after it has moved.
//!
//! What the rest of the engine calls an offset is a position here: a ledger, and an entry in it.

mod draining;
mod hash;
mod names;
mod ranges;
mod router;

pub use draining::Draining;
pub use hash::{HashingScheme, SLOTS, java_string_hash, murmur3_32, sticky_slot};
pub use names::{BadTopicName, DEFAULT_NAMESPACE, Domain, PARTITION_SUFFIX, PUBLIC_TENANT, TopicName};
pub use ranges::{ConsumerId, RING_POINTS, RangeError, RangeMode, Ranges, Sharer};
pub use router::{Router, RoutingMode, WINDOW_BYTES, WINDOW_MESSAGES, WINDOW_TIME, Window};
