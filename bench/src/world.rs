//! How many messages a second go through a whole simulated cluster? Producers, a broker, consumers, the network between
//! them, the judge and the metrics: everything that a run on the page has, but the drawing.
//!
//! A message is delivered when a consumer has processed it. Batches of one make the most of the simulator's work for a
//! message: five packets (produce, stored, and its part of fetches and answers), their places on the agenda, and the
//! facts that the judge reads. Batches of 100 share the packets.
//!
//! The bare heap is what no simulator can beat: it takes out as many timed events as the world took steps, and plans as
//! many, and nothing happens at any of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mqlab_core::broker::{Acks, Settings};
use mqlab_core::ids::Name;
use mqlab_core::sim::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec, TopicSpec, World};
use mqlab_core::time::Time;

use crate::Row;
use crate::contest::{Bar, Contest, Done, Plan};

/// How many producers, partitions and consumers there are.
const CLIENTS: u16 = 10;
/// How many messages all producers send in one measurement.
const MESSAGES: u64 = 100_000;
/// What is asked for, in delivered messages a second.
const SINGLE: f64 = 1e6;
const HUNDREDS: f64 = 5e6;

pub(crate) fn rows() -> Vec<Row> {
    let cases = [("batches of one", 1, SINGLE), ("batches of 100", 100, HUNDREDS)];
    let row = |(text, batch, bar): (&str, u64, f64)| -> Row {
        let name = format!("world: 10 producers, 1 broker, 10 consumers, {text}");
        let own = name.clone();
        (name, Box::new(move |plan| contest(&own, plan, batch, bar)))
    };
    cases.into_iter().map(row).collect()
}

fn contest(name: &str, plan: &Plan, batch: u64, bar: f64) -> Contest {
    let messages = plan.work(MESSAGES as usize) as u64;
    let steps = run(batch, messages).1;
    let heap = "as many events as the world takes steps";
    Contest::new(name, "delivered messages")
        .with("mqlab world", "", move || Done { work: run(batch, messages).0, sum: 0 })
        .with("a bare heap of timed events", heap, move || {
            bare(steps);
            Done { work: messages as usize, sum: 0 }
        })
        .bar(Bar::PerSecond(bar))
}

/// Lets a world run until everything is delivered; returns how much that is, and how many steps it took.
fn run(batch: u64, messages: u64) -> (usize, u64) {
    let scenario = scenario(batch, messages / u64::from(CLIENTS));
    let (seed, expected) = (scenario.seed, messages / u64::from(CLIENTS) * u64::from(CLIENTS));
    let mut world = World::new(scenario, seed).expect("a sound scenario");
    while world.verdict().delivered() < expected && world.step().is_some() {}
    assert_eq!(world.verdict().delivered(), expected, "everything is delivered");
    (expected as usize, world.steps())
}

fn scenario(batch: u64, each: u64) -> Scenario {
    let name = |text: &str| Name::new(text).expect("a legal name");
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::Leader };
    let from = SourceSpec::Group { name: name("g"), topic: name("t"), options: Default::default() };
    // A producer waits for each answer, about a millisecond; so many messages come up meanwhile.
    let every = 2_000 / batch;
    let producer = |index| ProducerSpec {
        messages: each,
        every,
        keys: 26,
        ..ProducerSpec::new(&format!("p{index}"), to.clone())
    };
    let consumer = |index| ConsumerSpec { work: 1, ..ConsumerSpec::new(&format!("c{index}"), from.clone()) };
    Scenario {
        ends_at: Time(600_000_000),
        latency: (400, 600),
        topics: vec![TopicSpec {
            name: name("t"),
            partitions: CLIENTS.into(),
            replicas: 1,
            min_in_sync: 1,
            unclean_election: false,
            retention_bytes: None,
            retention_time: None,
        }],
        producers: (1..=CLIENTS).map(producer).collect(),
        consumers: (1..=CLIENTS).map(consumer).collect(),
        settings: Settings { flush_before_reply: false, ..Settings::default() },
        ..Scenario::empty("world")
    }
}

/// Takes so many events out of a heap that holds twenty, and plans the next of each.
fn bare(steps: u64) {
    let mut heap: BinaryHeap<Reverse<(u64, u64)>> = (0..20).map(|actor| Reverse((actor, actor))).collect();
    for step in 0..steps {
        if let Some(Reverse((at, actor))) = heap.pop() {
            heap.push(Reverse((at + 1 + (step ^ actor) % 97, actor)));
        }
    }
    std::hint::black_box(heap);
}
