//! What does RocketMQ do in its own way? One log for all topics, and small indexes that are built from it.
//!
//! ```text
//!   producers ──▶ ┌ broker: master ──────────────────────────────┐      copies the CommitLog
//!                 │  CommitLog  │t1 m│t2 m│t1 m│t3 m│ ...         │ ───────────────────────────▶ slave
//!                 │      ├─▶ ConsumeQueue t1/0  │20 B│20 B│ ...   │
//!                 │      ├─▶ ConsumeQueue t2/0  │20 B│ ...        │ ◀── consumers: pull, held until there is something
//!                 │      └─▶ IndexFile: messages by key           │
//!                 └───────────────────────────────────────────────┘
//! ```
//!
//! Appending to one file is cheap however many topics there are; reading one topic jumps about in it. Read in this order:
//!
//! 1. rules, without state: [`hash`], [`layout`], [`delay`], [`retry`], [`filter`], [`sql`], [`allocate`], [`select`],
//!    [`latency`];
//! 2. what a broker keeps: [`store`];
//! 3. who keeps it and answers: [`protocol`], [`broker`], [`names`], [`controller`];
//! 4. who sends and receives: [`producer`], [`consumer`], [`popper`].
//!
//! Sources: apache/rocketmq, develop of September 2025, whose files are named where they are followed.

pub mod allocate;
pub mod broker;
pub mod consumer;
pub mod controller;
pub mod delay;
pub mod filter;
pub mod hash;
mod in_hand;
pub mod latency;
pub mod layout;
pub mod names;
pub mod numbering;
pub mod popper;
pub mod producer;
pub mod properties;
pub mod protocol;
pub mod retry;
mod routes;
pub mod select;
pub mod sql;
pub mod store;
mod topic;
mod wishes;

pub use properties::{BadProperty, Properties};
pub use topic::{
    BadTopic, CHECK_MAX_TOPIC, HALF_TOPIC, OP_HALF_TOPIC, REVIVE_TOPIC, SCHEDULE_TOPIC, TOPIC_BYTES_MAX,
    Topic,
};
