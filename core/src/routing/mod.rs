//! Who gets a message that was not sent to anybody in particular? Exchanges and bindings decide.
//!
//! A producer names an *exchange* and a *routing key*. A consumer *binds* its queue to the exchange. Neither knows
//! the other; the exchange's *kind* says how key, headers and bindings are compared.
//!
//! ```text
//!                            bindings               ┌──────────────┐
//!                        ┌── order.eu.# ───────────▶│ queue eu     │
//!   publish   ┌────────┐ │                          └──────────────┘
//!  ──────────▶│ orders │─┼── order.*.paid ─────────▶┌──────────────┐
//!  order.eu.  │ topic  │ │                          │ queue billing│
//!     paid    └────────┘ └── # ──▶┌────────┐ ──────▶└──────────────┘
//!                 ┊               │ audit  │
//!                 ┊ nothing       │ fanout │ ──────▶ ...          an exchange may be bound to an exchange
//!                 ▼ matched       └────────┘
//!             alternate exchange
//! ```
//!
//! | kind | a binding matches when |
//! |---|---|
//! | direct | its key is the routing key |
//! | fanout | always |
//! | topic | its pattern matches the routing key: [`Syntax::Topic`] |
//! | hierarchy | the same in the words of JMS: [`Syntax::Hierarchy`] |
//! | headers | its arguments are among the message's headers: [`HeaderMatch`] |
//! | consistent hash | the key's hash falls into its share: [`jump_hash`] |
//! | system | there are no bindings: the key names a service of the broker |
//!
//! Nothing here holds messages or does I/O. A [`Router`] answers one question, "to which queues does this message
//! go", and [`Router::route_with_path`] also says why. However many bindings lead to a queue, it gets one copy.
//!
//! What real systems do: RabbitMQ routes as here (the rules are its). ActiveMQ has no exchanges: a topic's name is
//! the routing key, and a consumer's wildcard the binding. Kafka and Pulsar route by topic name alone and leave
//! the rest to who reads.
//!
//! Source: AMQP 0-9-1, sections 2.1.1 and 3.1; RabbitMQ `rabbit_exchange.erl` and `rabbit_exchange_type_*.erl`.

mod binding;
mod error;
mod exchange;
mod hash;
mod headers;
mod numbers;
mod pattern;
mod router;
mod table;
mod trie;
mod walk;

pub use binding::{Binding, Destination};
pub use error::RouteError;
pub use exchange::{Declaration, ExchangeKind, ExchangeName, ExchangeOptions, HashBy, RESERVED_PREFIX};
pub use hash::{HASH_BUCKETS_MAX, hash_of_key, jump_hash};
pub use headers::{HeaderMatch, X_MATCH};
pub use pattern::{Syntax, TOPIC_MANY_WORDS_MAX, matches};
pub use router::Router;
pub use trie::TopicTrie;
pub use walk::{Path, Reached, Routes, Step};

/// The longest routing key, binding key or name of a service, in bytes (AMQP's short string: its length is one
/// byte).
pub const KEY_BYTES_MAX: usize = 255;
