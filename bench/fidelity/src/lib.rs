//! Does a profile do what the real broker does? The same script is played on both, and what anybody saw is compared,
//! message by message.
//!
//! ```text
//!   scripts/rabbitmq/*.txt ──▶ Script ──┬──▶ engine::Rabbit  ── VirtualHost, QueueOptions, Fifo ─┐
//!                                       └──▶ real::Rabbit    ── lapin ── rabbitmq-server ────────┤
//!   scripts/activemq/*.txt ──▶ Script ──┬──▶ engine::Active  ── activemq::Broker ────────────────┤
//!                                       └──▶ real::Active    ── JMS client ── ActiveMQ ──────────┤
//!                                                                                                ▼
//!                                   docs/fidelity/*.md  ◀── report ◀── compare: step by step, line by line
//! ```
//!
//! After each step everybody waits until all is quiet, then what was seen is noted: who got which message, with which
//! marks; what publishers were told; who was shown the door. Nothing else is compared, so nothing is that a program on
//! the broker could not see.
//!
//! The reports are the records, too: a test plays all scripts on the engine and compares with what the real brokers did
//! when the reports were written. That needs no broker, and no client of one: those are compiled with the feature
//! `servers` alone.

pub mod broker;
pub mod compare;
pub mod engine;
#[cfg(feature = "servers")]
pub mod real;
pub mod report;
pub mod script;
pub mod scripts;
pub mod seen;

pub use broker::{Broker, Result};
pub use script::{Script, Step, System};
