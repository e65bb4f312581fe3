//! Thousands of moments, none of them chosen by us: random clusters, loads and faults from a seed, each run
//! judged by the verdict, which does not know the mechanisms.
//!
//! Where the settings promise safety nothing may be lost, ever. Where they do not, something must be lost
//! *sometimes*: a swarm that never finds the loss that is known to be there would not find the others either.
//!
//! A failing seed is printed; `SWARM_SEED=n cargo test -p mqlab-tests --test swarm` runs it alone and prints its
//! trace.

use mqlab_core::broker::{Acks, Settings};
use mqlab_core::ids::{Name, NodeId};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{
    Action, Command, ConsumerSpec, ProducerSpec, QueueSpec, Scenario, SourceSpec, TargetSpec, Timeline,
    TopicSpec,
};
use mqlab_core::time::{Span, Time};

/// How many runs each test makes.
const RUNS: u64 = 250;
/// After the last fault the cluster has this long to deliver what it has.
const DRAIN: Span = Span::from_millis(3_000);

/// What a run may suffer.
#[derive(Clone, Copy, PartialEq)]
enum Faults {
    /// Processes die; what they wrote stays.
    Crashes,
    /// Machines lose power too; what was not flushed goes.
    PowerCuts,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

/// Crashes (or power cuts) of random nodes at random times, each followed by a restart.
fn faults(rng: &mut Rng, brokers: u16, consumers: u16, kind: Faults) -> Vec<Action> {
    let mut actions = Vec::new();
    for _ in 0..rng.between(1, 6) {
        let node = match rng.below(5) {
            0..=2 => NodeId::Broker(rng.between(1, brokers.into()) as u16),
            3 => NodeId::Consumer(rng.between(1, consumers.into()) as u16),
            _ => NodeId::Producer(1),
        };
        let at = Time(rng.between(20_000, 500_000));
        let power = kind == Faults::PowerCuts && rng.below(2) == 0;
        let command = if power { Command::CutPower(node) } else { Command::Crash(node) };
        actions.push(Action { at, command });
        actions.push(Action { at: at + Span(rng.between(500, 300_000)), command: Command::Restart(node) });
    }
    // Whatever two overlapping faults left behind is up again at last.
    let all_up = Time(900_000);
    let brokers = (1..=brokers).map(NodeId::Broker);
    for node in brokers.chain((1..=consumers).map(NodeId::Consumer)).chain([NodeId::Producer(1)]) {
        actions.push(Action { at: all_up, command: Command::Restart(node) });
    }
    actions
}

fn producers(rng: &mut Rng, to: &TargetSpec) -> Vec<ProducerSpec> {
    let spec = |index: u64| ProducerSpec {
        name: format!("p{index}"),
        to: to.clone(),
        starts_at: rng.below(100_000),
        messages: rng.between(10, 80),
        every: rng.between(500, 9_000),
        keys: [0, 3, 12][rng.below(3) as usize],
        ..ProducerSpec::new("", to.clone())
    };
    (1..=2).map(spec).collect()
}

fn scenario(seed: u64, acks: Acks, kind: Faults, flush: bool) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let (brokers, consumers) = (3, rng.between(1, 3) as u16);
    let topic = name("t");
    let to = TargetSpec::Topic { name: topic.clone(), acks };
    let from = SourceSpec::Group { name: name("g"), topic: topic.clone(), options: Default::default() };
    let consumer =
        |index| ConsumerSpec { work: 2_000, ..ConsumerSpec::new(&format!("c{index}"), from.clone()) };
    let actions = faults(&mut rng, brokers, consumers, kind);
    Scenario {
        seed,
        ends_at: Time(900_000) + DRAIN,
        brokers,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        topics: vec![TopicSpec {
            retention_bytes: None,
            retention_time: None,
            name: topic.clone(),
            partitions: rng.between(1, 4) as u32,
            replicas: 3,
            min_in_sync: 2,
        }],
        producers: producers(&mut rng, &to),
        consumers: (1..=consumers).map(consumer).collect(),
        settings: Settings { flush_before_reply: flush, ..Settings::default() },
        actions,
        ..Scenario::empty("swarm")
    }
}

fn queue_scenario(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let consumers = rng.between(1, 3) as u16;
    let prefetch = rng.below(6) as u32;
    let from = SourceSpec::queue(name("q"), prefetch);
    let consumer =
        |index| ConsumerSpec { work: 2_000, ..ConsumerSpec::new(&format!("c{index}"), from.clone()) };
    let actions = faults(&mut rng, 1, consumers, Faults::PowerCuts);
    Scenario {
        seed,
        ends_at: Time(900_000) + DRAIN,
        brokers: 1,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        queues: vec![QueueSpec::new(name("q"), 1)],
        producers: producers(&mut rng, &TargetSpec::Queue(name("q"))),
        consumers: (1..=consumers).map(consumer).collect(),
        actions,
        ..Scenario::empty("swarm-queue")
    }
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("the swarm makes sound scenarios");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The seeds to run, and whether to print what happened.
fn seeds() -> (std::ops::Range<u64>, bool) {
    match std::env::var("SWARM_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => (seed..seed + 1, true),
        None => (0..RUNS, false),
    }
}

/// Runs every seed and hands its end to `check`, which says what is wrong.
fn swarm(make: impl Fn(u64) -> Scenario, check: impl Fn(&Timeline) -> Result<(), String>) {
    let (seeds, verbose) = seeds();
    for seed in seeds {
        let timeline = run(make(seed));
        if verbose {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = check(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: SWARM_SEED={seed}");
        }
    }
}

/// Nothing lost, nothing out of order, everything acknowledged delivered in the end.
fn safe(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() {
        return Err(format!("lost {:?}", verdict.lost()));
    }
    if !verdict.reordered().is_empty() {
        return Err(format!("out of order {:?}", verdict.reordered()));
    }
    let stuck: Vec<_> = verdict.waiting().collect();
    if !stuck.is_empty() {
        return Err(format!("acknowledged and not delivered by the end: {stuck:?}"));
    }
    Ok(())
}

#[test]
fn acks_all_loses_nothing_when_processes_die() {
    swarm(|seed| scenario(seed, Acks::All, Faults::Crashes, false), safe);
}

#[test]
fn acks_all_with_flush_loses_nothing_when_the_power_goes() {
    swarm(|seed| scenario(seed, Acks::All, Faults::PowerCuts, true), safe);
}

#[test]
fn a_queue_that_flushes_loses_nothing() {
    swarm(queue_scenario, safe);
}

#[test]
fn acks_1_loses_sometimes() {
    let lossy = (0..RUNS).filter(|&seed| {
        let timeline = run(scenario(seed, Acks::Leader, Faults::Crashes, false));
        !timeline.verdict().lost().is_empty()
    });
    assert!(
        lossy.count() > 0,
        "acks=1 and crashing leaders, and nothing lost in {RUNS} runs: the judge is blind"
    );
}

#[test]
fn every_run_doubles_only_what_at_least_once_permits() {
    // Without faults nothing is sent twice, so nothing may be processed twice.
    swarm(
        |seed| Scenario { actions: Vec::new(), ..scenario(seed, Acks::All, Faults::Crashes, false) },
        |timeline| {
            safe(timeline)?;
            let doubled = timeline.verdict().doubled();
            if doubled.is_empty() {
                Ok(())
            } else {
                Err(format!("doubled {doubled:?} though nothing failed"))
            }
        },
    );
}
