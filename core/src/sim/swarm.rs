//! What shall be tried that nobody thought of? Scenarios drawn from a seed: topologies, workloads, settings and faults.
//!
//! | drawn by | what |
//! |---|---|
//! | [`anything()`] | one of all below; what it promises follows from what was drawn |
//! | [`cluster`], [`numbered`] | three brokers, one topic, chosen acknowledgements; nodes die |
//! | [`wide()`] | brokers, racks, topics, tables, transactions, groups, share groups, programs, orders and settings at random |
//! | [`queue()`] | one queue, and nodes that die |
//! | [`host()`] | one broker with exchanges, limits, dead letters, programs that fail, hand on and answer |
//! | [`pulsar()`] | a cluster of Pulsar: quorums, ledgers, subscriptions of all types, policies, and faults |
//! | [`activemq()`] | brokers of ActiveMQ with a store of their own or a shared one, clients of all settings, and what fails |
//! | [`rocketmq()`] | a cluster of RocketMQ: masters, slaves, name servers, ways to send and to read |
//! | [`rabbitmq()`] | a cluster of RabbitMQ: queues of all types, exchanges, dead letters, streams, clients |
//! | [`shop()`] | users who are told "accepted", and services that work on their orders later |
//!
//! The same seed draws the same scenario everywhere: the tests and `mqlab swarm` try the same.

mod activemq;
mod clusters;
mod hosts;
mod pulsar;
mod rabbitmq;
mod readers;
mod rocketmq;
mod shops;
mod trial;
mod wide;

pub use activemq::activemq;
pub use clusters::{Deaths, cluster, numbered, queue, with_faults};
pub use hosts::{HOST_CALM, host};
pub use pulsar::pulsar;
pub use rabbitmq::rabbitmq;
pub use rocketmq::rocketmq;
pub use shops::shop;
pub use trial::{SOMETIMES, SOMETIMES_IN_PULSAR, Trial};
pub use wide::wide;

use super::drawn::{FaultKind, FaultPlan};
use super::scenario::Scenario;
use crate::broker::Acks;
use crate::ids::Name;
use crate::rng::{Rng, Stream};
use crate::time::Time;

/// What a topic survives whose every message is acknowledged by all in sync, of three replicas two at least, and with
/// flushes: everything but the loss of disks.
pub const SURVIVED: [FaultKind; 11] = [
    FaultKind::Crash,
    FaultKind::PowerCut,
    FaultKind::Freeze,
    FaultKind::Cut,
    FaultKind::SlowLink,
    FaultKind::Loss,
    FaultKind::Duplication,
    FaultKind::Reordering,
    FaultKind::Skew,
    FaultKind::SlowDisk,
    FaultKind::FullDisk,
];

/// What queues survive when they are flushed. (What comes twice or late on the way is not theirs: they are spoken with
/// in sessions.)
pub const SURVIVED_BY_QUEUES: [FaultKind; 8] = [
    FaultKind::Crash,
    FaultKind::PowerCut,
    FaultKind::Freeze,
    FaultKind::Cut,
    FaultKind::SlowLink,
    FaultKind::Loss,
    FaultKind::Skew,
    FaultKind::FullDisk,
];

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn one_in(rng: &mut Rng, many: u64) -> bool {
    rng.below(many) == 0
}

/// A scenario of any kind.
///
/// ```
/// use mqlab_core::sim::swarm::anything;
/// let scenario = anything(7);
/// assert_eq!(scenario, anything(7)); // the same under the same seed
/// assert_eq!(scenario.check(), Ok(()));
/// ```
pub fn anything(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0xd1ce, Stream::Workload);
    let (deaths, idempotent) =
        ([Deaths::Crashes, Deaths::PowerCuts][rng.below(2) as usize], one_in(&mut rng, 2));
    match rng.below(13) {
        0 => cluster(seed, Acks::All, deaths, deaths == Deaths::PowerCuts),
        1 => cluster(seed, Acks::Leader, deaths, true),
        2 => numbered(seed, deaths, idempotent),
        3 => with_faults(numbered(seed, deaths, idempotent), &SURVIVED),
        4 => queue(seed),
        5 => with_faults(queue(seed), &SURVIVED),
        6 => {
            let plan = FaultPlan {
                kinds: SURVIVED_BY_QUEUES.into(),
                from: Time(20_000),
                until: HOST_CALM,
                faults: (1, 8),
            };
            Scenario { actions: Default::default(), faults: Some(plan), ..host(seed) }
        }
        7 => shop(seed),
        _ => wide(seed),
    }
}
