//! Share groups on a cluster that suffers: what the stories about them say, and what must hold whatever is drawn. Judged
//! from the trace alone.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::{Acks, Settings, ShareSettings, ShareStart};
use mqlab_core::client::{Acknowledges, ProducerOptions, ShareOptions};
use mqlab_core::ids::{MessageId, Name, NodeId, PartitionId};
use mqlab_core::observe::{CameBack, Event, GivenUp, ShareEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::{
    Action, Command, ConsumerSpec, FaultKind, FaultPlan, OnFailure, ProducerSpec, ProgramSpec, Scenario,
    SourceSpec, TargetSpec, Timeline, TopicSpec,
};
use mqlab_core::time::{Span, Time};

/// How many runs the swarm makes.
const RUNS: u64 = 120;
/// From then on nothing new fails.
const CALM: Time = Time(900_000);
/// So long everything has to come to an end: a record may wait for a lock to run out five times.
const DRAIN: Span = Span::from_millis(8_000);

/// All that can be drawn, but the loss of a disk: then the accounts may be gone as well.
const SURVIVED: [FaultKind; 11] = [
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

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

fn share(options: ShareOptions) -> SourceSpec {
    SourceSpec::Share { name: name("g"), topic: name("t"), options }
}

fn topic(partitions: u32, replicas: u16) -> TopicSpec {
    TopicSpec {
        unclean_election: false,
        name: name("t"),
        partitions,
        replicas,
        min_in_sync: u32::from(replicas).div_ceil(2),
        retention_bytes: None,
        retention_time: None,
    }
}

fn to_topic() -> TargetSpec {
    TargetSpec::Topic { name: name("t"), acks: Acks::All }
}

fn swarmed(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed, Stream::Workload);
    let mut consumer = |number: u64| {
        let implicit = rng.below(4) == 0;
        let options = ShareOptions {
            acknowledges: if implicit { Acknowledges::Implicit } else { Acknowledges::Explicit },
            records_max: rng.between(1, 6) as u32,
            renews: rng.below(3) == 0,
        };
        let program = ProgramSpec {
            workers: rng.between(0, 3) as u16,
            fails_per_mille: if implicit { 0 } else { [0, 100, 400][rng.below(3) as usize] },
            fails_every: if implicit { 0 } else { [0, 9][rng.below(2) as usize] },
            on_failure: if rng.below(4) == 0 { OnFailure::Reject } else { OnFailure::Requeue },
            ..ProgramSpec::default()
        };
        let work = rng.between(500, 12_000);
        ConsumerSpec { work, program, ..ConsumerSpec::new(&format!("c{number}"), share(options)) }
    };
    let consumers = (1..=3).map(&mut consumer).collect();
    let mut producer = |number: u64| ProducerSpec {
        messages: rng.between(10, 60),
        every: rng.between(1_000, 9_000),
        // Each message once in the log, so that a message and a record are the same.
        options: ProducerOptions { idempotent: true, ..ProducerOptions::default() },
        ..ProducerSpec::new(&format!("p{number}"), to_topic())
    };
    let producers = (1..=2).map(&mut producer).collect();
    let limits = ShareSettings {
        delivery_limit: rng.between(1, 5) as u32,
        locks_max: [4, 20, 2_000][rng.below(3) as usize],
        start: ShareStart::Earliest,
        ..ShareSettings::default()
    };
    Scenario {
        seed,
        ends_at: CALM + DRAIN,
        brokers: 3,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        topics: vec![topic(rng.between(1, 3) as u32, 3)],
        producers,
        consumers,
        settings: Settings { flush_before_reply: true, share: limits, ..Settings::default() },
        faults: Some(FaultPlan {
            kinds: SURVIVED.into(),
            from: Time(20_000),
            until: CALM,
            faults: (2, 12),
        }),
        ..Scenario::empty("shares")
    }
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("a sound scenario");
    timeline.advance(timeline.ends_at());
    timeline
}

/// Who holds what, by the leader that gave it away: each reign for itself, for a new leader knows nothing of what an
/// earlier one gave away last.
#[derive(Default)]
struct Holders {
    held: BTreeMap<(NodeId, PartitionId, MessageId), NodeId>,
    /// Written down as done, by that leader.
    done: BTreeSet<(NodeId, PartitionId, MessageId)>,
}

impl Holders {
    fn observe(&mut self, node: NodeId, event: &ShareEvent) -> Result<(), String> {
        let key = |partition: &PartitionId, message: &MessageId| (node, partition.clone(), *message);
        match event {
            ShareEvent::Began { partition, .. } => {
                self.held.retain(|(leader, of, _), _| (*leader, of) != (node, partition));
                self.done.retain(|(leader, of, _)| (*leader, of) != (node, partition));
            }
            ShareEvent::Acquired { partition, by, messages, .. } => {
                for message in messages {
                    if self.done.contains(&key(partition, message)) {
                        return Err(format!("{message} is done, and {by} gets it"));
                    }
                    if let Some(holder) = self.held.insert(key(partition, message), *by) {
                        return Err(format!("{holder} has {message}, and {by} gets it"));
                    }
                }
            }
            ShareEvent::Returned { partition, from, messages, .. } => {
                for message in messages {
                    if self.held.remove(&key(partition, message)) != Some(*from) {
                        return Err(format!("{message} comes back from {from}, which does not have it"));
                    }
                }
            }
            ShareEvent::Archived { partition, messages, .. } => {
                for message in messages {
                    self.held.remove(&key(partition, message));
                    self.done.insert(key(partition, message));
                }
            }
            // Written down a while after the word was taken.
            ShareEvent::Accepted { partition, by, messages, .. } => {
                for message in messages {
                    if self.held.remove(&key(partition, message)) != Some(*by) {
                        return Err(format!("{by} is done with {message}, and does not have it"));
                    }
                    self.done.insert(key(partition, message));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What must hold, whatever happened.
fn check(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() || !verdict.reordered().is_empty() {
        return Err(format!("lost {:?}, out of order {:?}", verdict.lost(), verdict.reordered()));
    }
    let limit = timeline.scenario().settings.share.delivery_limit;
    let mut holders = Holders::default();
    for stamped in timeline.events() {
        let Event::Share(event) = &stamped.event else { continue };
        holders.observe(stamped.node, event).map_err(|wrong| format!("{stamped}: {wrong}"))?;
        if let ShareEvent::Acquired { delivery, .. } = event
            && !(1..=limit).contains(delivery)
        {
            return Err(format!("{stamped}: the limit is {limit}"));
        }
    }
    let waiting: Vec<_> = verdict.waiting().collect();
    if !waiting.is_empty() {
        return Err(format!("neither processed nor archived: {waiting:?}"));
    }
    Ok(())
}

fn seeds() -> (std::ops::Range<u64>, bool) {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    match number("SWARM_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => (0..number("SWARM_RUNS").unwrap_or(RUNS), false),
    }
}

#[test]
fn whatever_is_drawn_every_message_is_processed_or_archived_and_nothing_is_with_two() {
    let (seeds, verbose) = seeds();
    for seed in seeds {
        let timeline = run(swarmed(seed));
        if verbose {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = check(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: SWARM_SEED={seed}");
        }
    }
}
