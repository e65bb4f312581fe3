//! Random clusters with one topic, and brokers with one queue: what is drawn about settings that are chosen.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::command::{Action, Command};
use super::super::drawn::{FaultKind, FaultPlan};
use super::super::scenario::{
    ConsumerSpec, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec, TopicSpec,
};
use super::name;
use crate::broker::{Acks, BATCHES_REMEMBERED, Settings};
use crate::client::ProducerOptions;
use crate::ids::NodeId;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// After the last fault the cluster has this long to deliver what it has.
const DRAIN: Span = Span::from_millis(3_000);
/// After everything that can be drawn: groups need longer to find together, and producers wait longer between tries.
pub(super) const LONG_DRAIN: Span = Span::from_millis(6_000);
/// When the last fault is over, and everybody up.
pub(super) const CALM: Time = Time(900_000);

/// How nodes die in a drawn run.
///
/// ```
/// use mqlab_core::broker::Acks;
/// use mqlab_core::sim::Command;
/// use mqlab_core::sim::swarm::{Deaths, cluster};
/// let scenario = cluster(7, Acks::All, Deaths::Crashes, false);
/// assert!(scenario.actions.iter().all(|action| !matches!(action.command, Command::CutPower(_))));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaths {
    /// Processes die; what they wrote stays.
    Crashes,
    /// Machines lose power too; what was not flushed goes.
    PowerCuts,
}

/// Crashes (or power cuts) of random nodes at random times, each followed by a restart.
fn deaths(rng: &mut Rng, brokers: u16, consumers: u16, kind: Deaths) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..rng.between(1, 6) {
        let node = match rng.below(5) {
            0..=2 => NodeId::Broker(rng.between(1, brokers.into()) as u16),
            3 => NodeId::Consumer(rng.between(1, consumers.into()) as u16),
            _ => NodeId::Producer(1),
        };
        let at = Time(rng.between(20_000, 500_000));
        let power = kind == Deaths::PowerCuts && rng.below(2) == 0;
        let command = if power { Command::CutPower(node) } else { Command::Crash(node) };
        actions.push(Action { at, command });
        actions.push(Action { at: at + Span(rng.between(500, 300_000)), command: Command::Restart(node) });
    }
    // Whatever two overlapping faults left behind is up again at last.
    let brokers = (1..=brokers).map(NodeId::Broker);
    for node in brokers.chain((1..=consumers).map(NodeId::Consumer)).chain([NodeId::Producer(1)]) {
        actions.push(Action { at: CALM, command: Command::Restart(node) });
    }
    actions
}

fn producers(rng: &mut Rng, to: &TargetSpec) -> Vec<ProducerSpec> {
    let spec = |index: u64| ProducerSpec {
        name: format!("p{index}"),
        starts_at: rng.below(100_000),
        messages: rng.between(10, 80),
        every: rng.between(500, 9_000),
        keys: [0, 3, 12][rng.below(3) as usize],
        ..ProducerSpec::new("", to.clone())
    };
    (1..=2).map(spec).collect()
}

/// Three brokers, one topic of three replicas, two producers, a group of one to three; nodes die and come back.
pub fn cluster(seed: u64, acks: Acks, kind: Deaths, flush: bool) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let (brokers, consumers) = (3, rng.between(1, 3) as u16);
    let topic = name("t");
    let to = TargetSpec::Topic { name: topic.clone(), acks };
    let from = SourceSpec::Group { name: name("g"), topic: topic.clone(), options: Default::default() };
    let consumer =
        |index| ConsumerSpec { work: 2_000, ..ConsumerSpec::new(&format!("c{index}"), from.clone()) };
    let actions = deaths(&mut rng, brokers, consumers, kind);
    Scenario {
        seed,
        ends_at: CALM + DRAIN,
        brokers,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        topics: vec![TopicSpec {
            unclean_election: false,
            retention_bytes: None,
            retention_time: None,
            cleanup: Default::default(),
            name: topic.clone(),
            partitions: rng.between(1, 4) as u32,
            replicas: 3,
            min_in_sync: 2,
        }],
        producers: producers(&mut rng, &to),
        consumers: (1..=consumers).map(consumer).collect(),
        costs: None,
        settings: Settings { flush_before_reply: flush, ..Settings::default() },
        actions,
        ..Scenario::empty("swarm")
    }
}

/// The same with safe settings, and producers that number their batches, or do not.
pub fn numbered(seed: u64, kind: Deaths, idempotent: bool) -> Scenario {
    let mut scenario = cluster(seed, Acks::All, kind, true);
    let mut rng = Rng::new(seed ^ 0x5eed, Stream::Workload);
    scenario.settings.in_flight_max = rng.between(1, BATCHES_REMEMBERED as u64) as u32;
    for producer in &mut scenario.producers {
        producer.options = ProducerOptions {
            idempotent,
            linger: Span([0, 0, 3_000][rng.below(3) as usize]),
            batch_bytes: [None, Some(400)][rng.below(2) as usize],
            sticky: rng.below(2) == 0,
            ..ProducerOptions::default()
        };
    }
    scenario
}

/// One broker with one queue that flushes, two producers and one to three consumers; nodes die and come back.
pub fn queue(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let consumers = rng.between(1, 3) as u16;
    let prefetch = rng.below(6) as u32;
    let from = SourceSpec::queue(name("q"), prefetch);
    let consumer =
        |index| ConsumerSpec { work: 2_000, ..ConsumerSpec::new(&format!("c{index}"), from.clone()) };
    let actions = deaths(&mut rng, 1, consumers, Deaths::PowerCuts);
    Scenario {
        seed,
        ends_at: CALM + DRAIN,
        brokers: 1,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        queues: vec![QueueSpec::new(name("q"), 1)],
        producers: producers(&mut rng, &TargetSpec::Queue(name("q"))),
        consumers: (1..=consumers).map(consumer).collect(),
        actions,
        ..Scenario::empty("swarm-queue")
    }
}

/// The same scenario, in which nothing is planned, but everything is drawn that `kinds` allow.
pub fn with_faults(scenario: Scenario, kinds: &[FaultKind]) -> Scenario {
    let faults = Some(FaultPlan { kinds: kinds.into(), from: Time(20_000), until: CALM, faults: (2, 12) });
    Scenario { actions: Vec::new(), faults, ends_at: CALM + LONG_DRAIN, ..scenario }
}
