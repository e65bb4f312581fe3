//! A cluster of RabbitMQ with everything at once: random queues of all three types, exchanges, clients, programs that fail, and
//! faults.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::draft::MessageSpec;
use super::super::drawn::{FaultKind, FaultPlan};
use super::super::guests::{
    GivesBack, OnNack, RabbitmqLimit, RabbitmqQueue, RabbitmqSettings, RabbitmqSource, RabbitmqSpec,
    RabbitmqTarget, StreamOffset, SystemSource, SystemSpec, SystemTarget,
};
use super::super::program_spec::{OnFailure, ProgramSpec, Settles};
use super::super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec};
use super::{SURVIVED_BY_QUEUES, name, one_in};
use crate::ids::Name;
use crate::message::Headers;
use crate::rng::{Rng, Stream};
use crate::routing::{Binding, Declaration, Destination, ExchangeKind, ExchangeName, ExchangeOptions};
use crate::time::{Span, Time};
use crate::vhost::DiskLimit;

/// All faults are over by then.
const CALM: Time = Time(1_500_000);
/// And after that there is time for everything.
const END: Time = Time(12_000_000);
const GRAVEYARD: &str = "graveyard";

fn millis(rng: &mut Rng, least: u64, most: u64) -> Span {
    Span::from_millis(rng.between(least, most))
}

/// What kind of queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Classic,
    Quorum,
    Stream,
}

fn queue(rng: &mut Rng, number: u64, brokers: u16, kind: Kind) -> RabbitmqQueue {
    let mut arguments = Headers::default();
    match kind {
        Kind::Classic => {
            if one_in(rng, 4) {
                arguments.insert("x-max-priority", 5);
            }
        }
        Kind::Quorum => {
            arguments.insert("x-queue-type", "quorum");
            match rng.below(3) {
                0 => arguments.insert("x-delivery-limit", -1),
                1 => arguments.insert("x-delivery-limit", rng.between(1, 4) as i64),
                _ => {}
            }
        }
        Kind::Stream => {
            arguments.insert("x-queue-type", "stream");
            if one_in(rng, 3) {
                arguments.insert("x-stream-max-segment-size-bytes", rng.between(500, 3_000) as i64);
            }
        }
    }
    if kind != Kind::Stream {
        if one_in(rng, 4) {
            arguments.insert("x-single-active-consumer", true);
        }
        if one_in(rng, 4) {
            arguments.insert("x-max-length", rng.between(3, 20) as i64);
            if one_in(rng, 2) {
                arguments.insert("x-overflow", "reject-publish");
            }
        }
        if one_in(rng, 5) {
            arguments.insert("x-message-ttl", rng.between(20, 400) as i64);
        }
        if one_in(rng, 2) {
            arguments.insert("x-dead-letter-exchange", "");
            arguments.insert("x-dead-letter-routing-key", GRAVEYARD);
            let careful = arguments.get("x-overflow").is_some() && kind == Kind::Quorum;
            if careful && one_in(rng, 2) {
                arguments.insert("x-dead-letter-strategy", "at-least-once");
            }
        }
    }
    RabbitmqQueue {
        name: name(&format!("q{number}")),
        node: rng.between(1, brokers.into()) as u16,
        arguments,
    }
}

fn settings(rng: &mut Rng) -> RabbitmqSettings {
    RabbitmqSettings {
        heartbeat: millis(rng, 100, 400),
        net_tick: millis(rng, 100, 400),
        beat: millis(rng, 10, 30),
        patience: millis(rng, 60, 150),
        grace: millis(rng, 100, 400),
        ask_again: millis(rng, 50, 200),
        counts_nacks: one_in(rng, 3),
        ..RabbitmqSettings::default()
    }
}

/// One node is short of something, or two are.
fn limits(rng: &mut Rng, brokers: u16) -> Vec<RabbitmqLimit> {
    let first = rng.between(1, brokers.into()) as u16;
    let nodes: Vec<u16> = (first..=brokers).take(rng.between(1, 2) as usize).collect();
    let limit = |node| {
        let on_disk = one_in(rng, 3);
        RabbitmqLimit {
            node,
            memory: (!on_disk || one_in(rng, 2)).then(|| rng.between(300, 6_000)),
            watermark: if one_in(rng, 2) { 60 } else { 40 },
            disk: on_disk.then(|| DiskLimit { size: 20_000, free_min: rng.between(10_000, 19_000) }),
        }
    };
    nodes.into_iter().map(limit).collect()
}

fn producer(rng: &mut Rng, number: u64, to: RabbitmqTarget) -> ProducerSpec {
    let keys = ["a.x", "b.y", "c.z"];
    let routing_keys = match to.exchange {
        Some(_) => (0..rng.between(1, 3)).map(|at| keys[at as usize].into()).collect(),
        None => Vec::new(),
    };
    let priorities = if one_in(rng, 4) { vec![0, 5, 9] } else { Vec::new() };
    let ttls = if one_in(rng, 6) { vec![0, 60_000] } else { Vec::new() };
    ProducerSpec {
        name: format!("shop-{number}"),
        to: TargetSpec::System(SystemTarget::Rabbitmq(to)),
        starts_at: rng.below(80_000),
        messages: rng.between(10, 60),
        every: rng.between(2_000, 20_000),
        burst: rng.between(1, 4) as u32,
        keys: 0,
        message: MessageSpec {
            routing_keys,
            priorities,
            ttls,
            bytes: rng.below(300) as u32,
            ..MessageSpec::default()
        },
        options: Default::default(),
        keeps: Default::default(),
        receipt_timeout: 0,
        transaction: None,
        transactional: None,
        asks: None,
    }
}

fn target(rng: &mut Rng, brokers: u16, queue: Option<(Name, Kind)>) -> RabbitmqTarget {
    let is_stream = queue.as_ref().is_some_and(|(_, kind)| *kind == Kind::Stream);
    let publisher = (is_stream && one_in(rng, 2)).then(|| name(&format!("p{}", rng.below(1_000))));
    RabbitmqTarget {
        exchange: queue.is_none().then(|| "orders".parse().expect("a legal name")),
        queue: queue.map(|(name, _)| name),
        mandatory: one_in(rng, 3),
        confirms: !one_in(rng, 6),
        unconfirmed_max: [0, 1, 5][rng.below(3) as usize],
        on_nack: if one_in(rng, 4) { OnNack::GiveUp } else { OnNack::Retry },
        retry_after: millis(rng, 10, 80),
        publisher,
        nodes: if one_in(rng, 4) { vec![rng.between(1, brokers.into()) as u16] } else { Vec::new() },
    }
}

fn consumer(rng: &mut Rng, number: u64, brokers: u16, (queue, kind): (Name, Kind)) -> ConsumerSpec {
    let is_stream = kind == Kind::Stream;
    let from = RabbitmqSource {
        queue,
        prefetch: if is_stream { rng.between(1, 3) as u32 } else { rng.below(6) as u32 },
        no_ack: !is_stream && one_in(rng, 10),
        priority: if is_stream { 0 } else { rng.below(3) as i32 },
        gives_back: if one_in(rng, 2) { GivesBack::Nack } else { GivesBack::Reject },
        offset: match rng.below(4) {
            _ if !is_stream => StreamOffset::Next,
            0 => StreamOffset::Next,
            _ => StreamOffset::First,
        },
        reference: is_stream.then(|| name(&format!("reader-{number}"))),
        store_every: rng.below(12) as u32,
        nodes: if one_in(rng, 4) { vec![rng.between(1, brokers.into()) as u16] } else { Vec::new() },
    };
    ConsumerSpec {
        name: format!("worker-{number}"),
        from: SourceSpec::System(SystemSource::Rabbitmq(from)),
        starts_at: if one_in(rng, 3) { rng.below(600_000) } else { 0 },
        work: rng.between(500, 4_000),
        program: ProgramSpec {
            workers: rng.between(1, 3) as u16,
            work_max: rng.below(6_000),
            settles: match rng.below(8) {
                0 => Settles::Before,
                1 | 2 => Settles::Every(rng.between(2, 6) as u32),
                _ => Settles::Each,
            },
            fails_per_mille: if !is_stream && one_in(rng, 2) { rng.below(200) as u32 } else { 0 },
            on_failure: if one_in(rng, 4) { OnFailure::Reject } else { OnFailure::Requeue },
            ..ProgramSpec::default()
        },
    }
}

/// A scenario of RabbitMQ.
///
/// ```
/// use mqlab_core::sim::swarm::rabbitmq;
/// let scenario = rabbitmq(7);
/// assert_eq!(scenario, rabbitmq(7)); // the same under the same seed
/// assert_eq!(scenario.check(), Ok(()));
/// ```
pub fn rabbitmq(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x4abb17, Stream::Workload);
    let rng = &mut rng;
    let brokers = [1, 2, 3, 3, 3, 5][rng.below(6) as usize];
    let mut queues = Vec::new();
    let mut kinds = Vec::new();
    for number in 1..=rng.between(1, 3) {
        let kind = match rng.below(5) {
            0 => Kind::Classic,
            1 => Kind::Stream,
            _ => Kind::Quorum,
        };
        let declared = queue(rng, number, brokers, kind);
        kinds.push((declared.name.clone(), kind));
        queues.push(declared);
    }
    let mut graveyard = Headers::default();
    graveyard.insert("x-queue-type", "quorum");
    queues.push(RabbitmqQueue { name: name(GRAVEYARD), node: 1, arguments: graveyard });
    let orders: ExchangeName = "orders".parse().expect("a legal name");
    let bindings: Vec<Binding> = kinds
        .iter()
        .zip(["a.*", "#", "*.y"])
        .map(|((queue, _), key)| Binding::new(orders.clone(), Destination::Queue(queue.clone()), key))
        .collect();
    let exchanges = vec![Declaration { name: orders, options: ExchangeOptions::new(ExchangeKind::Topic) }];
    let mut producers = Vec::new();
    for number in 1..=rng.between(1, 3) {
        let any = kinds[rng.below(kinds.len() as u64) as usize].clone();
        let to = if one_in(rng, 3) { None } else { Some(any) };
        let to = target(rng, brokers, to);
        producers.push(producer(rng, number, to));
    }
    let mut consumers = Vec::new();
    for (queue, kind) in &kinds {
        for _ in 0..rng.between(1, 3) {
            let number = consumers.len() as u64 + 1;
            consumers.push(consumer(rng, number, brokers, (queue.clone(), *kind)));
        }
    }
    let mut kinds = match rng.below(3) {
        0 => vec![FaultKind::Crash, FaultKind::PowerCut],
        _ => SURVIVED_BY_QUEUES.to_vec(),
    };
    if one_in(rng, 6) {
        kinds.push(FaultKind::LyingDisk);
    }
    if one_in(rng, 8) {
        kinds.push(FaultKind::NewDisk);
    }
    let faults = FaultPlan { kinds, from: Time(20_000), until: CALM, faults: (0, 6) };
    let mut spec = RabbitmqSpec { queues, exchanges, bindings, limits: Vec::new(), settings: settings(rng) };
    let latency = (300, rng.between(600, 3_000));
    if one_in(rng, 3) {
        spec.limits = limits(rng, brokers);
        // Somebody takes the dead away: else they would fill a node for ever.
        let number = consumers.len() as u64 + 1;
        consumers.push(consumer(rng, number, brokers, (name(GRAVEYARD), Kind::Quorum)));
    }
    if one_in(rng, 3) {
        let credit = rng.between(1, 12) as u32;
        let settings = &mut spec.settings;
        settings.credit_flow = (credit, rng.between(1, credit.into()) as u32);
        settings.quorum_commands_soft_limit = rng.between(1, 6) as u32;
        settings.stream_messages_soft_limit = rng.between(1, 6) as u32;
    }
    let base = Scenario::built_in("hundred-messages").expect("it is built in");
    Scenario {
        name: format!("rabbitmq {seed}"),
        seed,
        ends_at: END,
        brokers,
        latency,
        queues: Vec::new(),
        topics: Vec::new(),
        producers,
        consumers,
        system: Some(SystemSpec::Rabbitmq(spec)),
        actions: Vec::new(),
        faults: Some(faults),
        ..base
    }
}
