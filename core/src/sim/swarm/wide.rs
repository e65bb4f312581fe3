//! Random clusters with everything a topic can have: what they promise follows from what was drawn.

use alloc::format;
use alloc::vec::Vec;

use super::super::drawn::{FaultKind, FaultPlan};
use super::super::program_spec::ProgramSpec;
use super::super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec, TopicSpec};
use super::clusters::{CALM, LONG_DRAIN};
use super::{SURVIVED, name, one_in};
use crate::broker::{Acks, Assignor, BATCHES_REMEMBERED, Settings};
use crate::client::{
    CommitMode, Commits, GroupProtocol, MemberOptions, ProducerOptions, PullOptions, Staging,
};
use crate::ids::Name;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// Three to five brokers, one or two topics, two or three producers, one or two groups, and sometimes a reader with a
/// place of its own. Half of them have settings that promise safety, and faults that these survive.
///
/// ```
/// use mqlab_core::sim::swarm::wide;
/// let all: Vec<_> = (0..20).map(wide).collect();
/// assert!(all.iter().any(|scenario| scenario.topics.iter().any(|topic| topic.unclean_election)));
/// assert!(all.iter().all(|scenario| scenario.check().is_ok()));
/// ```
pub fn wide(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x51de, Stream::Workload);
    let rng = &mut rng;
    let safe = one_in(rng, 2);
    let brokers = rng.between(3, 5) as u16;
    let names = [name("t"), name("u")];
    let topics: Vec<TopicSpec> =
        names.iter().take(rng.between(1, 2) as usize).map(|name| topic(rng, name, safe)).collect();
    let settings = Settings {
        in_flight_max: rng.between(1, BATCHES_REMEMBERED as u64) as u32,
        flush_before_reply: safe || one_in(rng, 2),
        strict_watermark: safe || one_in(rng, 2),
        leader_balance: one_in(rng, 3).then_some(Span::from_millis(150)),
        replica_lag_max: Span::from_millis(rng.between(60, 200)),
        commit_interval: Span::from_millis(rng.between(20, 100)),
        ..Settings::default()
    };
    let producers = (1..=rng.between(2, 3)).map(|index| {
        let topic = topics[rng.below(topics.len() as u64) as usize].name.clone();
        producer(rng, index, topic, safe)
    });
    let producers: Vec<ProducerSpec> = producers.collect();
    let racks = [name("r1"), name("r2")];
    let racked = one_in(rng, 3);
    let racks = (0..brokers).filter(|_| racked).map(|broker| racks[usize::from(broker) % 2].clone());
    Scenario {
        seed,
        ends_at: CALM + LONG_DRAIN,
        brokers,
        controllers: [1, 1, 3][rng.below(3) as usize],
        racks: racks.collect(),
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        consumers: consumers(rng, &topics),
        topics,
        producers,
        settings,
        faults: Some(plan(rng, safe)),
        ..Scenario::empty("swarm-wide")
    }
}

fn topic(rng: &mut Rng, name: &Name, safe: bool) -> TopicSpec {
    let replicas = if safe { 3 } else { rng.between(1, 3) as u16 };
    let min_in_sync = if safe { 2 } else { rng.between(1, replicas.into()) as u32 };
    TopicSpec {
        name: name.clone(),
        partitions: rng.between(1, 4) as u32,
        replicas,
        min_in_sync,
        unclean_election: !safe && one_in(rng, 2),
        retention_bytes: None,
        retention_time: None,
        cleanup: Default::default(),
    }
}

fn producer(rng: &mut Rng, index: u64, topic: Name, safe: bool) -> ProducerSpec {
    let acks = if safe { Acks::All } else { [Acks::All, Acks::Leader, Acks::None][rng.below(3) as usize] };
    let options = ProducerOptions {
        idempotent: acks == Acks::All && !one_in(rng, 3),
        linger: Span([0, 0, 3_000][rng.below(3) as usize]),
        batch_bytes: [None, Some(400)][rng.below(2) as usize],
        sticky: one_in(rng, 2),
        delivery_timeout: one_in(rng, 6).then_some(Span::from_millis(300)),
    };
    ProducerSpec {
        starts_at: rng.below(100_000),
        messages: rng.between(10, 60),
        every: rng.between(500, 9_000),
        keys: [0, 3, 12][rng.below(3) as usize],
        options,
        ..ProducerSpec::new(&format!("p{index}"), TargetSpec::Topic { name: topic, acks })
    }
}

/// For each topic a group of one to three, and sometimes somebody who keeps his place himself.
fn consumers(rng: &mut Rng, topics: &[TopicSpec]) -> Vec<ConsumerSpec> {
    let mut consumers = Vec::new();
    for (number, topic) in (1..).zip(topics) {
        let commits = [CommitMode::Interval, CommitMode::After, CommitMode::Before][rng.below(3) as usize];
        let classic = one_in(rng, 2);
        let all = [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
        let assignor = match classic {
            true => all[rng.below(4) as usize],
            false => [Assignor::Range, Assignor::Uniform][rng.below(2) as usize],
        };
        let protocol = if classic { GroupProtocol::Classic } else { GroupProtocol::Server };
        let remembers = one_in(rng, 3);
        let program = ProgramSpec {
            workers: [0, 0, 0, 2][rng.below(4) as usize],
            remembers,
            database: remembers.then(|| name("done")),
            ..ProgramSpec::default()
        };
        for member in 1..=rng.between(1, 3) {
            let instance = one_in(rng, 4).then(|| name(&format!("i{number}-{member}")));
            let options =
                MemberOptions { protocol, assignor: Some(assignor), instance, commits, ..Default::default() };
            let from =
                SourceSpec::Group { name: name(&format!("g{number}")), topic: topic.name.clone(), options };
            consumers.push(ConsumerSpec {
                work: rng.between(500, 4_000),
                program: program.clone(),
                starts_at: [0, 0, 200_000][rng.below(3) as usize],
                ..ConsumerSpec::new(&format!("c{}", consumers.len() + 1), from)
            });
        }
        if one_in(rng, 4) {
            let options = PullOptions {
                staging: [Staging::Memory, Staging::Disk][rng.below(2) as usize],
                commits: [Commits::Before, Commits::After][rng.below(2) as usize],
                ..PullOptions::default()
            };
            let reader = name(&format!("r{number}"));
            let from = SourceSpec::Poll { reader, topic: topic.name.clone(), options };
            consumers.push(ConsumerSpec::new(&format!("c{}", consumers.len() + 1), from));
        }
    }
    consumers
}

/// Two to five kinds of faults, and how many there are of them.
fn plan(rng: &mut Rng, safe: bool) -> FaultPlan {
    let lossy = [FaultKind::LyingDisk, FaultKind::NewDisk];
    let mut kinds = Vec::new();
    for _ in 0..rng.between(2, 5) {
        let any = SURVIVED.len() as u64 + if safe { 0 } else { lossy.len() as u64 };
        let drawn = rng.below(any) as usize;
        kinds.push(SURVIVED.iter().chain(&lossy).copied().nth(drawn).unwrap_or(FaultKind::Crash));
    }
    FaultPlan { kinds, from: Time(20_000), until: CALM, faults: (1, 12) }
}
