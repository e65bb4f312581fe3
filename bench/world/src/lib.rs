//! Which worlds are measured? Scenarios of a size, and runs of them; the same natively and in WebAssembly.
//!
//! | world | who is in it |
//! |---|---|
//! | [`batches`] | 10 producers, 10 partitions, 10 consumers; 1 broker, or 3 with every message on each |
//! | [`ordinary`] | 20 actors at ordinary rates, with faults drawn from the seed |
//! | [`cluster`] | 100 brokers, 10,000 partitions, 1,000 consumers |
//! | [`crowds::moving`] | 10 producers far from 3 brokers: what is hard to draw |
//! | [`cells`] | as many actors as asked for, ten to a topic on each side: to see what size costs |

pub mod crowds;

use mqlab_core::broker::{Acks, Settings};
use mqlab_core::client::ProducerOptions;
use mqlab_core::ids::Name;
use mqlab_core::sim::{
    ConsumerSpec, DRAWN_MAX, FaultKind, FaultPlan, ProducerSpec, ProgramSpec, Scenario, SourceSpec,
    TargetSpec, TopicSpec, World,
};
use mqlab_core::time::{Span, Time};

/// How many producers, partitions and consumers stand around one topic.
pub const AROUND: u16 = 10;
/// How many messages a consumer's program works on at once.
const WORKERS: u16 = 64;
/// How long a batch waits for the rest of its burst.
const LINGER: Span = Span::from_micros(1);
/// More than a batch of 100 has: it is the linger that sends it.
const BATCH_BYTES: u32 = 64 * 1024;
/// As many requests as Kafka's producers have under way: no message waits for the answer to the one before.
const IN_FLIGHT: u32 = 5;

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// The timing that Kafka has by default, where the lab's own is made for watching: a sign of life every few seconds, not
/// every few milliseconds.
fn as_kafka_has_it() -> Settings {
    let seconds = |seconds: u64| Span::from_millis(seconds * 1_000);
    Settings {
        broker_heartbeat: seconds(2),
        broker_session: seconds(9),
        replica_lag_max: seconds(30),
        replica_fetch_wait: Span::from_millis(500),
        fetch_wait: Span::from_millis(500),
        consumer_heartbeat: seconds(3),
        consumer_session: seconds(45),
        poll_max: seconds(300),
        rebalance_delay: seconds(3),
        commit_interval: seconds(5),
        request_timeout: seconds(30),
        retry_backoff: Span::from_millis(100),
        flush_before_reply: false,
        ..Settings::default()
    }
}

fn topic(text: &str, partitions: u32, replicas: u16) -> TopicSpec {
    TopicSpec {
        name: name(text),
        partitions,
        replicas,
        min_in_sync: u32::from(replicas).div_ceil(2),
        unclean_election: false,
        retention_bytes: None,
        retention_time: None,
        cleanup: Default::default(),
    }
}

/// Producers and consumers around one topic: so many of each, the producers' options and pace as given.
fn crowd(
    scenario: &mut Scenario,
    text: &str,
    (producers, consumers): (u16, u16),
    acks: Acks,
    sends: &ProducerSpec,
) {
    let to = TargetSpec::Topic { name: name(text), acks };
    let from = SourceSpec::Group { name: name(text), topic: name(text), options: Default::default() };
    let producer = |index| ProducerSpec {
        messages: sends.messages,
        every: sends.every,
        burst: sends.burst,
        keys: sends.keys,
        options: sends.options,
        // Nobody begins at the same moment as all others.
        starts_at: u64::from(index) * sends.every / u64::from(producers),
        ..ProducerSpec::new(&format!("{text}-p{index}"), to.clone())
    };
    // A program takes up what a fetch brought it as a whole.
    let program = ProgramSpec { workers: WORKERS, ..ProgramSpec::default() };
    let consumer = |index| ConsumerSpec {
        work: 1,
        program: program.clone(),
        ..ConsumerSpec::new(&format!("{text}-c{index}"), from.clone())
    };
    scenario.producers.extend((1..=producers).map(producer));
    scenario.consumers.extend((1..=consumers).map(consumer));
}

/// 10 producers, 10 partitions and 10 consumers, who send so many messages in all, in batches of so many; on one broker,
/// or, with every message on each of three, acknowledged by all.
pub fn batches(batch: u64, messages: u64, replicated: bool) -> Scenario {
    let (brokers, acks) = if replicated { (3, Acks::All) } else { (1, Acks::Leader) };
    // A program hands over a batch at once, to one partition after the other; it leaves when it has waited for the linger.
    // Single messages go as soon as they come, each to the partition of its key.
    let options = ProducerOptions {
        linger: if batch == 1 { Span::ZERO } else { LINGER },
        batch_bytes: (batch > 1).then_some(BATCH_BYTES),
        sticky: batch > 1,
        ..ProducerOptions::default()
    };
    let mut scenario = Scenario {
        ends_at: Time(600_000_000),
        latency: (400, 600),
        brokers,
        topics: vec![topic("t", AROUND.into(), brokers)],
        settings: Settings { flush_before_reply: false, in_flight_max: IN_FLIGHT, ..Settings::default() },
        ..Scenario::empty("batches")
    };
    let sends = ProducerSpec {
        messages: messages / u64::from(AROUND),
        every: if batch == 1 { 200 } else { 2_000 },
        burst: batch as u32,
        keys: if batch == 1 { 26 } else { 0 },
        options,
        ..ProducerSpec::new("p", TargetSpec::Queue(name("t")))
    };
    crowd(&mut scenario, "t", (AROUND, AROUND), acks, &sends);
    scenario
}

/// The controller, 3 brokers, 8 producers of 10 messages a second each and 8 consumers, for so many seconds, while a
/// fault comes about every second: crashes, power cuts, cuts, slow links, loss, freezes.
pub fn ordinary(seconds: u64) -> Scenario {
    let kinds = [
        FaultKind::Crash,
        FaultKind::PowerCut,
        FaultKind::Cut,
        FaultKind::SlowLink,
        FaultKind::Loss,
        FaultKind::Freeze,
    ];
    let mut scenario = Scenario {
        ends_at: Time(seconds * 1_000_000),
        brokers: 3,
        topics: vec![topic("t", 8, 3)],
        settings: as_kafka_has_it(),
        faults: Some(FaultPlan {
            kinds: kinds.into(),
            from: Time(1_000_000),
            until: Time(seconds * 1_000_000 - 1_000_000),
            faults: (seconds.min(DRAWN_MAX.into()) as u32, seconds.min(DRAWN_MAX.into()) as u32),
        }),
        ..Scenario::empty("ordinary")
    };
    let sends = ProducerSpec {
        messages: seconds * 10,
        every: 100_000,
        keys: 26,
        ..ProducerSpec::new("p", TargetSpec::Queue(name("t")))
    };
    crowd(&mut scenario, "t", (8, 8), Acks::All, &sends);
    scenario
}

/// 100 brokers, 10 topics of 1,000 partitions with 3 replicas each, 1,000 consumers in 10 groups, and 100 producers of 100
/// messages a second each, for so many seconds.
pub fn cluster(seconds: u64) -> Scenario {
    let mut scenario = Scenario {
        ends_at: Time(seconds * 1_000_000),
        brokers: 100,
        settings: as_kafka_has_it(),
        ..Scenario::empty("cluster")
    };
    let sends = ProducerSpec {
        messages: seconds * 100,
        every: 10_000,
        options: ProducerOptions { linger: Span::from_millis(5), ..ProducerOptions::default() },
        ..ProducerSpec::new("p", TargetSpec::Queue(name("t")))
    };
    for index in 0..10 {
        let text = format!("t{index}");
        scenario.topics.push(topic(&text, 1_000, 3));
        crowd(&mut scenario, &text, (10, 100), Acks::Leader, &sends);
    }
    scenario
}

/// So many actors, half of them producers of 10 messages a second and half consumers: ten of each around a topic of ten
/// partitions, and a broker for each ten topics. Each producer has so many messages.
pub fn cells(actors: u16, messages: u64) -> Scenario {
    let cells = actors / (2 * AROUND);
    let mut scenario = Scenario {
        ends_at: Time(600_000_000),
        brokers: (cells / 10).clamp(1, 100),
        settings: as_kafka_has_it(),
        ..Scenario::empty("cells")
    };
    let sends =
        ProducerSpec { messages, every: 100_000, ..ProducerSpec::new("p", TargetSpec::Queue(name("t"))) };
    for index in 0..cells {
        let text = format!("t{index}");
        scenario.topics.push(topic(&text, AROUND.into(), 1));
        crowd(&mut scenario, &text, (AROUND, AROUND), Acks::Leader, &sends);
    }
    scenario
}

/// The world of a scenario, at time zero.
pub fn world(scenario: Scenario) -> World {
    let seed = scenario.seed;
    World::new(scenario, seed).expect("a sound scenario")
}

/// Lets a world run until so many messages are delivered.
pub fn run_until_delivered(world: &mut World, messages: u64) {
    while world.verdict().delivered() < messages && world.pass() {}
    assert_eq!(world.verdict().delivered(), messages, "everything is delivered");
}

/// Lets a world run up to a moment.
pub fn run_until(world: &mut World, end: Time) {
    while world.next_time().is_some_and(|at| at <= end) {
        world.pass();
    }
}

/// What the WebAssembly module offers to whoever measures it: runs a world of [`batches`] to its end, and returns the
/// digest of the run.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn run(batch: u32, messages: u32) -> String {
    let mut world = world(batches(batch.into(), messages.into(), false));
    run_until_delivered(&mut world, messages.into());
    world.digest().to_string()
}
