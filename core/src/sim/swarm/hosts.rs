//! One broker with everything at once: random queues, exchanges, limits, programs that fail, hand on and answer, and nodes
//! that die.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::super::asking::AskSpec;
use super::super::command::{Action, Command};
use super::super::draft::MessageSpec;
use super::super::onward::OnwardSpec;
use super::super::program_spec::{OnFailure, ProgramSpec, ReadingSpec, Settles};
use super::super::scenario::{
    ConsumerSpec, ExchangeSpec, LimitSpec, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec,
};
use super::{name, one_in};
use crate::broker::Settings;
use crate::ids::{Name, NodeId};
use crate::queue::{Backoff, DeadLetter, Expiry, Overflow, QueueOptions, Requeue};
use crate::rng::{Rng, Stream};
use crate::routing::{Binding, Declaration, Destination, ExchangeKind, ExchangeName, ExchangeOptions};
use crate::time::{Span, Time};
use crate::vhost::DiskLimit;

/// Queues that producers send to; programs hand on from each to later ones.
const QUEUES: u64 = 3;
/// The last fault of a drawn broker is over by then.
pub const HOST_CALM: Time = Time(700_000);
/// How long clients wait for an answer where queues need time to take messages in.
const PATIENCE: Span = Span::from_millis(1_000);
/// Long enough for the longest chain of work, waits and retries after that.
const END: Time = Time(12_000_000);

fn queue_name(number: u64) -> Name {
    name(&format!("q{number}"))
}

fn exchange_name() -> ExchangeName {
    "x".parse().expect("a legal name")
}

/// A queue with some of what a queue can do. Whatever it drops goes among the dead letters, or away as told.
fn queue(rng: &mut Rng, number: u64) -> QueueSpec {
    let limited = one_in(rng, 3).then(|| rng.between(3, 12));
    let overflows =
        [Overflow::DropHead, Overflow::RejectPublish, Overflow::RejectPublishDeadLetter, Overflow::Block];
    let backoff = Backoff { first: Span::from_millis(5), percent: 200, max: Span::from_millis(40) };
    let options = QueueOptions {
        priority_max: if one_in(rng, 4) { 9 } else { 0 },
        ttl: one_in(rng, 5).then(|| Span::from_millis(rng.between(20, 200))),
        expiry: if one_in(rng, 2) { Expiry::AtHead } else { Expiry::Sweep(Span::from_millis(30)) },
        length_max: limited,
        overflow: overflows[rng.below(4) as usize],
        requeue: [Requeue::OldPlace, Requeue::Front, Requeue::Back][rng.below(3) as usize],
        delivery_limit: one_in(rng, 3).then(|| rng.between(1, 4) as u32),
        redelivery: one_in(rng, 3).then_some(backoff),
        single_active: one_in(rng, 5),
        strict_dispatch: one_in(rng, 4),
        dead_letter: one_in(rng, 2).then(|| DeadLetter::to_queue("dead")),
        ..QueueOptions::default()
    };
    QueueSpec { options, ..QueueSpec::new(queue_name(number), 1) }
}

fn program(
    rng: &mut Rng,
    from: u64,
    (hands_on, transacts): (bool, bool),
    queues: &[QueueSpec],
) -> ProgramSpec {
    let later: Vec<Name> = (from + 1..=QUEUES).filter(|_| one_in(rng, 2)).map(queue_name).collect();
    let answers = from == 1;
    // A local transaction sends to queues that never refuse, works on one message at a time, and acknowledges each.
    let patient = |to: &Name| {
        let overflow = queues.iter().find(|queue| queue.name == *to).map(|queue| queue.options.overflow);
        matches!(overflow, Some(Overflow::DropHead | Overflow::Block))
    };
    let transaction = hands_on && transacts && later.iter().all(patient) && one_in(rng, 3);
    let onward = (answers || !later.is_empty()).then(|| OnwardSpec {
        to: later,
        answers,
        between: rng.below(4_000),
        breaks_per_mille: [0, 100][rng.below(2) as usize],
        transaction,
    });
    let onward = onward.filter(|_| hands_on);
    ProgramSpec {
        workers: if transaction { 1 } else { rng.between(1, 3) as u16 },
        settles: if !transaction && one_in(rng, 3) {
            Settles::Every(rng.between(2, 5) as u32)
        } else {
            Settles::Each
        },
        fails_per_mille: [0, 0, 200][rng.below(3) as usize],
        on_failure: if one_in(rng, 2) { OnFailure::Requeue } else { OnFailure::Reject },
        remembers: one_in(rng, 3),
        onward,
        ..ProgramSpec::default()
    }
}

/// For each queue one consumer or two, and one for the dead letters.
fn consumers(rng: &mut Rng, hand_on: (bool, bool), queues: &[QueueSpec]) -> Vec<ConsumerSpec> {
    let mut consumers = Vec::new();
    for number in 1..=QUEUES {
        for _ in 0..rng.between(1, 2) {
            let reading = ReadingSpec {
                credit: one_in(rng, 4),
                priority: rng.below(2) as i32,
                ..ReadingSpec::default()
            };
            // Who acknowledges five at a time must be given five.
            let prefetch = rng.between(5, 8) as u32;
            let from = SourceSpec::Queue { name: queue_name(number), prefetch, reading };
            let called = format!("c{}", consumers.len() + 1);
            let (work, program) = (rng.between(500, 6_000), program(rng, number, hand_on, queues));
            consumers.push(ConsumerSpec { work, program, ..ConsumerSpec::new(&called, from) });
        }
    }
    let from = SourceSpec::queue(name("dead"), 5);
    consumers.push(ConsumerSpec { work: 500, ..ConsumerSpec::new("undertaker", from) });
    consumers
}

/// One sends to an exchange, one to a queue, and one asks.
fn producers(rng: &mut Rng, ask: bool) -> Vec<ProducerSpec> {
    let exchange = TargetSpec::Exchange { name: exchange_name(), mandatory: one_in(rng, 2), retain: false };
    let keys = ["a", "b.a", "nowhere"].map(String::from);
    let asks = AskSpec { reply_to: name("answers"), timeout: Span::from_millis(rng.between(20, 200)) };
    let to =
        [exchange, TargetSpec::Queue(queue_name(rng.between(1, QUEUES))), TargetSpec::Queue(queue_name(1))];
    let mut producers = Vec::new();
    for (number, to) in (1..).zip(to) {
        let plain = ProducerSpec::new(&format!("p{number}"), to);
        let message = MessageSpec {
            routing_keys: if number == 1 { keys.to_vec() } else { Vec::new() },
            priorities: if one_in(rng, 4) { vec![0, 9] } else { Vec::new() },
            ttls: if one_in(rng, 5) { vec![0, 50_000] } else { Vec::new() },
            delays: if one_in(rng, 5) { vec![0, 30_000] } else { Vec::new() },
            bytes: rng.between(10, 200) as u32,
            ..MessageSpec::default()
        };
        producers.push(ProducerSpec {
            starts_at: rng.below(60_000),
            messages: rng.between(5, 40),
            every: rng.between(500, 8_000),
            keys: [0, 3][rng.below(2) as usize],
            asks: (ask && number == 3).then(|| asks.clone()),
            message,
            ..plain
        });
    }
    producers
}

fn limits(rng: &mut Rng) -> Vec<LimitSpec> {
    let memory_max = one_in(rng, 2).then(|| rng.between(600, 3_000));
    let disk = one_in(rng, 2).then(|| DiskLimit { size: rng.between(8_000, 16_000), free_min: 4_000 });
    let (mailbox_room, restarts_after, check_times) = (None, 0, None);
    vec![LimitSpec { broker: 1, memory_max, mailbox_room, restarts_after, disk, check_times }]
}

fn faults(rng: &mut Rng, consumers: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..rng.below(5) {
        let node = match rng.below(4) {
            0 => NodeId::Broker(1),
            1 => NodeId::Producer(rng.between(1, 3) as u16),
            _ => NodeId::Consumer(rng.between(1, consumers as u64) as u16),
        };
        let at = Time(rng.between(20_000, 400_000));
        let command = if one_in(rng, 2) { Command::CutPower(node) } else { Command::Crash(node) };
        actions.push(Action { at, command });
        actions.push(Action { at: at + Span(rng.between(500, 200_000)), command: Command::Restart(node) });
    }
    let all = [NodeId::Broker(1)].into_iter().chain((1..=3).map(NodeId::Producer));
    for node in all.chain((1..=consumers as u16).map(NodeId::Consumer)) {
        actions.push(Action { at: HOST_CALM, command: Command::Restart(node) });
    }
    actions
}

/// One broker with some of everything under a seed.
pub fn host(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let rng = &mut rng;
    let kinds = [ExchangeKind::Direct, ExchangeKind::Topic, ExchangeKind::Fanout];
    let kind = kinds[rng.below(3) as usize].clone();
    let declared = Declaration { name: exchange_name(), options: ExchangeOptions::new(kind) };
    let keys = ["a", "b.a", "#"];
    let mut bindings: Vec<Binding> = Vec::new();
    // While an alarm is on nobody may publish. Who must publish before it can acknowledge never does then, and what it
    // has not acknowledged keeps the alarm on: a broker with limits and programs that hand on can stand still for ever.
    let limited = one_in(rng, 3);
    let mut queues: Vec<QueueSpec> = (1..=QUEUES).map(|number| queue(rng, number)).collect();
    // A producer that one of an exchange's queues refuses sends to all of them again, for as long as it is refused. Where
    // that queue's programs hand on to another of them, its copies keep the other one full, and nothing ever moves on.
    let refuses = |queue: &QueueSpec| {
        matches!(queue.options.overflow, Overflow::RejectPublish | Overflow::RejectPublishDeadLetter)
    };
    for queue in queues.iter().filter(|queue| limited || !refuses(queue)) {
        let key = keys[rng.below(3) as usize];
        bindings.push(Binding::new(exchange_name(), Destination::Queue(queue.name.clone()), key));
    }
    queues.extend(["dead", "answers"].map(|text| QueueSpec::new(name(text), 1)));
    let intake = Span(if one_in(rng, 3) { rng.between(100, 1_500) } else { 0 });
    // Who sends again what still waits to be taken in makes more of it, and more must be sent again: an overload that
    // feeds itself. Where taking in needs time, one must have the patience for all that may wait.
    let mut settings = Settings { intake, in_flight_max: rng.between(1, 4) as u32, ..Settings::default() };
    if intake > Span::ZERO {
        settings.request_timeout = PATIENCE;
    }
    let consumers = consumers(rng, (!limited, intake == Span::ZERO), &queues);
    Scenario {
        seed,
        ends_at: END,
        brokers: 1,
        latency: (rng.between(100, 600), rng.between(600, 3_000)),
        exchanges: vec![ExchangeSpec { broker: 1, exchange: declared }],
        bindings,
        queues,
        limits: if limited { limits(rng) } else { Vec::new() },
        producers: producers(rng, !limited),
        actions: faults(rng, consumers.len()),
        consumers,
        costs: None,
        settings,
        ..Scenario::empty("hosts")
    }
}
