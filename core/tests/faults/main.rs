//! Each fault of the lab does what it says, and nothing else.

mod commands;
mod disks;
mod electing;
mod network;
mod still;
mod stopping;

use mqlab_core::broker::{Acks, Settings};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::observe::{Event, FaultEvent, Stamped};
use mqlab_core::sim::{
    Action, ConsumerSpec, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec, Timeline, TopicSpec,
};
use mqlab_core::time::Time;

pub(crate) const BROKER: NodeId = NodeId::Broker(1);
pub(crate) const SHOP: NodeId = NodeId::Producer(1);
pub(crate) const WORKER: NodeId = NodeId::Consumer(1);

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// `412.8 crash broker-1`, and so on.
pub(crate) fn actions(lines: &[&str]) -> Vec<Action> {
    lines.iter().map(|line| line.parse().unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// One producer, one queue, one consumer; every way takes a millisecond.
pub(crate) fn queue(lines: &[&str]) -> Scenario {
    Scenario {
        ends_at: Time(1_500_000),
        latency: (1_000, 1_000),
        queues: vec![QueueSpec::new(name("q"), 1)],
        producers: vec![ProducerSpec {
            messages: 50,
            every: 4_000,
            ..ProducerSpec::new("shop", TargetSpec::Queue(name("q")))
        }],
        consumers: vec![ConsumerSpec::new("worker", SourceSpec::queue(name("q"), 5))],
        actions: actions(lines),
        ..Scenario::empty("queue")
    }
}

/// A topic with one partition on three brokers, a producer with `acks`, and a group of one.
pub(crate) fn topic(acks: Acks, flush: bool, lines: &[&str]) -> Scenario {
    let from = SourceSpec::Group { name: name("g"), topic: name("t"), options: Default::default() };
    Scenario {
        ends_at: Time(2_000_000),
        brokers: 3,
        latency: (1_000, 1_000),
        topics: vec![TopicSpec {
            unclean_election: false,
            name: name("t"),
            partitions: 1,
            replicas: 3,
            min_in_sync: 2,
            retention_bytes: None,
            retention_time: None,
            cleanup: Default::default(),
        }],
        producers: vec![ProducerSpec {
            messages: 50,
            every: 4_000,
            ..ProducerSpec::new("shop", TargetSpec::Topic { name: name("t"), acks })
        }],
        consumers: vec![ConsumerSpec::new("worker", from)],
        settings: Settings { flush_before_reply: flush, ..Settings::default() },
        actions: actions(lines),
        ..Scenario::empty("topic")
    }
}

pub(crate) fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("a sound scenario");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The facts of one node in a span of time, in milliseconds.
pub(crate) fn facts(timeline: &Timeline, node: NodeId, from: u64, until: u64) -> Vec<&Stamped> {
    let inside = |at: Time| (from * 1_000..until * 1_000).contains(&at.0);
    timeline.events().iter().filter(|fact| fact.node == node && inside(fact.at)).collect()
}

/// What faults did.
pub(crate) fn faults(timeline: &Timeline) -> Vec<&FaultEvent> {
    timeline
        .events()
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::Fault(event) => Some(event),
            _ => None,
        })
        .collect()
}

/// Everything that was sent is processed, and nothing was lost.
pub(crate) fn all_came(timeline: &Timeline) {
    let verdict = timeline.verdict();
    let sent: u64 = timeline.scenario().producers.iter().map(|producer| producer.messages).sum();
    assert_eq!((verdict.sent(), verdict.delivered()), (sent, sent), "sent and delivered");
    assert!(verdict.lost().is_empty() && verdict.reordered().is_empty(), "{:?}", verdict.reordered());
}

/// The messages that a node received, with the moments.
pub(crate) fn received(timeline: &Timeline, node: NodeId) -> Vec<(Time, MessageId)> {
    let events = timeline.events().iter().filter(|fact| fact.node == node);
    let received = events.filter(|fact| matches!(fact.event, Event::Received { .. }));
    received.flat_map(|fact| fact.event.messages().iter().map(|message| (fact.at, *message))).collect()
}
