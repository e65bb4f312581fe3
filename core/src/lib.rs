//! One engine for message queues: in a simulated cluster, in a browser, and over files.
//!
//! Read it from the bottom up; each layer knows only those below it.
//!
//! 1. [`ids`], [`time`], [`rng`], [`sorted`]: names, moments and chance, none of them taken from the machine; and small
//!    collections in order.
//! 2. [`record`]: which bytes a message is. One format in memory, on disk and on the wire.
//! 3. [`message`]: what an application sends, and what it wants done with it.
//! 4. [`log`]: where messages stay. Everything durable is a log; storages differ in how they can fail.
//! 5. [`selector`]: which messages a consumer wants.
//! 6. [`raft`]: how several machines agree on one log.
//! 7. [`routing`]: to which queues a message goes. Exchanges, bindings, and patterns of words.
//! 8. [`queue`]: each message to exactly one consumer: order, places, limits, expiry, acknowledgement.
//! 9. [`vhost`]: exchanges and queues under one roof: what a program embeds.
//! 10. [`observe`]: what can happen, and whether every promise was kept. It stands below those that it judges, so
//!     that it cannot ask them.
//! 11. [`broker`]: who keeps messages. Queues that push, partitions that are replicated, groups that pull, elections.
//! 12. [`client`]: who sends and receives, and what they must remember to lose nothing.
//! 13. [`systems`]: what only one of the five systems has: the rest of it is composed of the layers below.
//! 14. [`sim`]: a whole cluster on one agenda under one seed, which can be drawn and taken back.
//!
//! Brokers and clients are state machines without I/O: time is an argument, chance is a seed, storage is a trait,
//! and what is to be sent is returned. So the same code runs in the lab, where a second takes a millisecond
//! and any moment can be visited again, and on a machine, where it keeps real data.
//!
//! # A cluster whose leader dies
//!
//! ```
//! use mqlab_core::ids::NodeId;
//! use mqlab_core::observe::Event;
//! use mqlab_core::sim::{Scenario, Timeline};
//!
//! // Three brokers, a topic with three replicas. After 250 ms the leader of partition 0 crashes.
//! let scenario = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?;
//! let mut timeline = Timeline::new(scenario, 20)?;
//! timeline.seek(timeline.ends_at());
//!
//! // Every message that a producer was told is stored was delivered: acks=all waits for all in sync.
//! assert_eq!(timeline.verdict().acknowledged(), 160);
//! assert!(timeline.verdict().lost().is_empty());
//!
//! // Another broker was elected for it. Go to that moment and look.
//! let after_crash = |event: &Event| matches!(event, Event::Elected { epoch, .. } if epoch.0 == 2);
//! let election = timeline.events().iter().find(|stamped| after_crash(&stamped.event)).ok_or("no election")?;
//! timeline.seek(election.at);
//! let picture = timeline.picture(8);
//! assert!(!picture.brokers[0].up);
//!
//! // With acks=1 the same crash under the same seed loses what only the leader had.
//! let scenario = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
//! let mut timeline = Timeline::new(scenario, 20)?;
//! timeline.seek(timeline.ends_at());
//! assert_eq!(timeline.verdict().lost().len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![deny(clippy::float_arithmetic)] // a float may differ between machines; a run must not
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod broker;
pub mod client;
pub mod ids;
pub mod log;
pub mod message;
pub mod observe;
pub mod queue;
pub mod raft;
pub mod record;
pub mod rng;
pub mod routing;
pub mod selector;
pub mod sim;
pub mod sorted;
pub mod systems;
pub mod time;
pub mod vhost;

/// The engine's version, as the workspace names it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
