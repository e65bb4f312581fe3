//! How many messages a second go through a whole simulated cluster? Producers, a broker, consumers, the network between
//! them, the judge and the metrics: everything that a run on the page has, but the drawing.
//!
//! A message is delivered when a consumer has processed it. In batches of one each message has its own request to the
//! broker and its own answer, with their places on the agenda; batches of 100 share them. How large the batches are that
//! the broker appends is counted in a run before the measurement, and a contest whose batches are not as its name says is
//! not held.
//!
//! The bare heap is what no simulator can beat: it takes out as many timed events as the world took steps, and plans as
//! many, and nothing happens at any of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mqlab_core::broker::{Acks, Settings};
use mqlab_core::client::ProducerOptions;
use mqlab_core::ids::Name;
use mqlab_core::observe::Event;
use mqlab_core::sim::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec, TopicSpec, World};
use mqlab_core::time::{Span, Time};

use crate::Row;
use crate::contest::{Bar, Contest, Done, Plan};

/// How many producers, partitions and consumers there are.
const CLIENTS: u16 = 10;
/// How many messages all producers send in one measurement.
const MESSAGES: u64 = 100_000;
/// How long a large batch waits to be filled.
const LINGER: Span = Span::from_millis(2);
/// More than a batch of 100 has: it is the linger that sends it.
const BATCH_BYTES: u32 = 64 * 1024;
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
    let found = batch_size(batch, messages);
    assert!((batch * 9 / 10..=batch * 11 / 10).contains(&found), "batches of {found}, not of {batch}");
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

/// How many messages the broker appends at once, in the middle of all its batches.
fn batch_size(batch: u64, messages: u64) -> u64 {
    let mut world = World::new(scenario(batch, messages / u64::from(CLIENTS)), 1).expect("a sound scenario");
    let mut sizes = Vec::new();
    while world.verdict().sent() < messages / 2
        && let Some(events) = world.step()
    {
        sizes.extend(events.iter().filter_map(|stamped| match &stamped.event {
            Event::Appended { messages, .. } => Some(messages.len() as u64),
            _ => None,
        }));
    }
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied().unwrap_or_default()
}

fn scenario(batch: u64, each: u64) -> Scenario {
    let name = |text: &str| Name::new(text).expect("a legal name");
    let to = TargetSpec::Topic { name: name("t"), acks: Acks::Leader };
    let from = SourceSpec::Group { name: name("g"), topic: name("t"), options: Default::default() };
    // A batch leaves when its first message has waited for the linger, or when it is full. A producer fills one
    // partition's batch after the other, so that many messages come up in the linger.
    let every = if batch == 1 { 2_000 } else { LINGER.0 / batch };
    let options = ProducerOptions {
        linger: if batch == 1 { Span::ZERO } else { LINGER },
        batch_bytes: (batch > 1).then_some(BATCH_BYTES),
        sticky: batch > 1,
        ..ProducerOptions::default()
    };
    let producer = |index| ProducerSpec {
        messages: each,
        every,
        keys: if batch == 1 { 26 } else { 0 },
        options,
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
            cleanup: Default::default(),
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
