//! What cluster of Pulsar shall be tried? Bookies and quorums, topics and policies, clients of all kinds, and what goes wrong.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::{name, one_in};
use crate::ids::NodeId;
use crate::rng::{Rng, Stream};
use crate::sim::drawn::{FaultKind, FaultPlan};
use crate::sim::program_spec::{OnFailure, Settles};
use crate::sim::{Action, Command};
use crate::sim::{
    ConsumerSpec, ProducerSpec, PulsarAutoRecovery, PulsarBatching, PulsarCompaction, PulsarGeo,
    PulsarLedgers, PulsarOffload, PulsarRetry, PulsarSource, PulsarSpec, PulsarTarget, PulsarType, Scenario,
    SourceSpec, SystemSource, SystemSpec, SystemTarget, TargetSpec,
};
use crate::systems::pulsar::ledger::Quorums;
use crate::systems::pulsar::{
    BacklogQuota, DeadLetterPolicy, DeadLetterStyle, InitialPosition, QuotaPolicy, RangeMode, Retention,
    RoutingMode, TopicName,
};
use crate::time::{Span, Time};

/// When all is well again.
const CALM: Time = Time(1_500_000);
/// When the run is over: patience enough for every client and every round of recovery.
const END: Time = Time(16_000_000);

/// E, Qw and Qa.
const QUORUMS: [(u16, u16, u16); 6] = [(2, 2, 2), (3, 3, 2), (3, 2, 2), (3, 3, 3), (4, 3, 2), (2, 2, 1)];

const KINDS: [FaultKind; 13] = [
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
    FaultKind::LyingDisk,
    FaultKind::NewDisk,
];

/// A cluster of Pulsar under a seed, with faults.
///
/// ```
/// use mqlab_core::sim::swarm::pulsar;
/// let scenario = pulsar(7);
/// assert_eq!(scenario, pulsar(7)); // the same under the same seed
/// assert_eq!(scenario.check(), Ok(()));
/// ```
pub fn pulsar(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x9015_a200, Stream::Workload);
    let rng = &mut rng;
    let spec = cluster(rng);
    let mut scenario = Scenario::empty("pulsar");
    scenario.seed = seed;
    scenario.ends_at = END;
    scenario.brokers = rng.between(1, 3) as u16;
    scenario.latency = (200, rng.between(400, 3_000));
    let topics: Vec<TopicName> = spec.topics.keys().cloned().collect();
    for number in 1..=rng.between(1, 3) {
        let topic = topics[rng.below(topics.len() as u64) as usize].clone();
        scenario.producers.push(producer(number, topic, rng));
    }
    for (index, topic) in topics.iter().enumerate() {
        for number in 1..=rng.between(1, 2) {
            subscription(topic, &format!("s{}-{number}", index + 1), &mut scenario.consumers, rng);
        }
    }
    scenario.system = Some(SystemSpec::Pulsar(spec));
    let count = rng.between(1, 3) as usize;
    let kinds = (0..count).map(|_| KINDS[rng.below(KINDS.len() as u64) as usize]).collect();
    scenario.faults = Some(FaultPlan { kinds, from: Time(10_000), until: CALM, faults: (0, 6) });
    if one_in(rng, 3) {
        oversleeps(&mut scenario, rng);
    }
    if one_in(rng, 4) {
        two_clusters(&mut scenario, rng);
    } else if one_in(rng, 3) {
        offloads(&mut scenario, rng);
    }
    // Drawn last, so that the rest of a scenario is as it was before these were.
    if one_in(rng, 3) {
        compacts(&mut scenario, rng);
    }
    if one_in(rng, 3) {
        recovers(&mut scenario, rng);
    }
    scenario
}

/// Topics are compacted, keys are deleted now and then, and where one reads at a time it may read compacted.
fn compacts(scenario: &mut Scenario, rng: &mut Rng) {
    let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { return };
    if spec.geo.is_some() {
        return; // facts of compaction in one cluster would say something of the other
    }
    spec.compaction = Some(PulsarCompaction {
        threshold: rng.between(1, 1_500),
        check_interval: Span::from_millis(rng.between(20, 250)),
        retain_null_key: one_in(rng, 3),
    });
    for sends in scenario.producers.iter_mut().filter(|sends| sends.keys > 0) {
        sends.message.tombstone_every = if one_in(rng, 2) { rng.between(3, 20) } else { 0 };
    }
    for reads in &mut scenario.consumers {
        if let SourceSpec::System(SystemSource::Pulsar(from)) = &mut reads.from {
            let alone = matches!(from.kind, PulsarType::Exclusive | PulsarType::Failover);
            from.read_compacted = alone && one_in(rng, 2);
        }
    }
}

/// Bookies copy what one that is gone had.
fn recovers(scenario: &mut Scenario, rng: &mut Rng) {
    let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { return };
    spec.auto_recovery = Some(PulsarAutoRecovery { delay: Span::from_millis(rng.below(2) * 200) });
}

/// What is closed goes to an object store, soon.
fn offloads(scenario: &mut Scenario, rng: &mut Rng) {
    let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { return };
    let (threshold, lag) = (rng.below(3) * 1_500, Span::from_millis(rng.between(10, 600)));
    spec.offload = Some(PulsarOffload { threshold, lag, takes: Span::from_millis(rng.between(1, 20)) });
    spec.patience.check_interval = Span::from_millis(rng.between(50, 500));
}

/// The clusters have as many bookies each as one would have, and clients are in either.
fn two_clusters(scenario: &mut Scenario, rng: &mut Rng) {
    let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { return };
    let (brokers, bookies) = (rng.between(1, 2) as u16, spec.quorums.ensemble + rng.below(2) as u16);
    let (first, second) = (name("north"), name("south"));
    scenario.brokers += brokers;
    spec.bookies += bookies;
    spec.geo = Some(PulsarGeo { first, second: second.clone(), brokers, bookies });
    let cluster = |rng: &mut Rng| one_in(rng, 2).then(|| second.clone());
    for sends in &mut scenario.producers {
        if let TargetSpec::System(SystemTarget::Pulsar(to)) = &mut sends.to {
            to.cluster = cluster(rng);
        }
    }
    let mut subscriptions = BTreeMap::new();
    for reads in &mut scenario.consumers {
        if let SourceSpec::System(SystemSource::Pulsar(from)) = &mut reads.from {
            let of = (from.topic.clone(), from.subscription.clone());
            from.cluster = subscriptions.entry(of).or_insert_with(|| cluster(rng)).clone();
        }
    }
}

/// A broker stands still for longer than its session, and comes back in the belief that it owns what others own by then.
fn oversleeps(scenario: &mut Scenario, rng: &mut Rng) {
    scenario.brokers = scenario.brokers.max(2);
    let node = NodeId::Broker(rng.between(1, scenario.brokers.into()) as u16);
    let (from, takes) = (rng.between(40_000, 300_000), rng.between(350_000, 900_000));
    let action = |at, command| Action { at: Time(at), command };
    scenario.actions =
        Vec::from([action(from, Command::Freeze(node)), action(from + takes, Command::Thaw(node))]);
}

fn cluster(rng: &mut Rng) -> PulsarSpec {
    let (ensemble, write, ack) = QUORUMS[rng.below(QUORUMS.len() as u64) as usize];
    let mut topics = BTreeMap::new();
    for number in 1..=rng.between(1, 2) {
        let partitions = if one_in(rng, 2) { 0 } else { rng.between(1, 4) as u32 };
        topics.insert(format!("t{number}").parse().expect("a topic"), partitions);
    }
    let retention = match rng.below(3) {
        0 => Retention::FOREVER,
        1 => Retention { time: Some(Span::from_millis(rng.between(1, 900))), bytes: None },
        _ => Retention::default(),
    };
    let quota = |rng: &mut Rng| BacklogQuota {
        bytes: rng.between(500, 20_000),
        policy: [QuotaPolicy::ProducerException, QuotaPolicy::ConsumerBacklogEviction][rng.below(2) as usize],
    };
    PulsarSpec {
        bookies: ensemble + rng.below(3) as u16,
        topics,
        quorums: Quorums { ensemble, write, ack },
        ledgers: PulsarLedgers { entries_max: rng.between(3, 60), ..PulsarLedgers::default() },
        retention,
        time_to_live: one_in(rng, 8).then(|| Span::from_millis(rng.between(50, 800))),
        backlog_quota: one_in(rng, 8).then(|| quota(rng)),
        deduplication: one_in(rng, 2),
        patience: Default::default(),
        journal_sync: !one_in(rng, 6),
        geo: None,
        offload: None,
        compaction: None,
        auto_recovery: None,
    }
}

fn producer(number: u64, topic: TopicName, rng: &mut Rng) -> ProducerSpec {
    let batching = PulsarBatching {
        messages: [1, 5, 1_000][rng.below(3) as usize],
        delay: Span(rng.between(100, 8_000)),
        by_key: one_in(rng, 2),
    };
    let target = PulsarTarget {
        topic,
        producer: None,
        routing: if one_in(rng, 2) { RoutingMode::RoundRobin } else { RoutingMode::SinglePartition },
        hashing: Default::default(),
        batching,
        send_timeout: if one_in(rng, 4) { Span::from_millis(rng.between(100, 900)) } else { Span::ZERO },
        max_pending: if one_in(rng, 4) { rng.between(1, 10) as u32 } else { 1_000 },
        cluster: None,
    };
    let to = TargetSpec::System(SystemTarget::Pulsar(target));
    let mut spec = ProducerSpec::new(&format!("p{number}"), to);
    spec.messages = rng.between(10, 120);
    spec.every = rng.between(500, 8_000);
    spec.burst = if one_in(rng, 4) { rng.between(2, 10) as u32 } else { 0 };
    spec.keys = if one_in(rng, 3) { 0 } else { rng.between(1, 6) as u8 };
    if one_in(rng, 8) {
        spec.message.delays = Vec::from([0, rng.between(1_000, 200_000)]);
    }
    spec
}

fn subscription(topic: &TopicName, called: &str, consumers: &mut Vec<ConsumerSpec>, rng: &mut Rng) {
    let kind = [PulsarType::Exclusive, PulsarType::Failover, PulsarType::Shared, PulsarType::KeyShared]
        [rng.below(4) as usize];
    let shares = matches!(kind, PulsarType::Shared | PulsarType::KeyShared);
    let ranges = match kind {
        PulsarType::KeyShared if one_in(rng, 2) => RangeMode::ConsistentHash { points: 100 },
        _ => RangeMode::default(),
    };
    let style = if one_in(rng, 2) { DeadLetterStyle::Java } else { DeadLetterStyle::Go };
    let dead_letters = (shares && one_in(rng, 3))
        .then(|| DeadLetterPolicy { max_redeliver: rng.between(1, 4) as u32, style });
    let retry = (shares && one_in(rng, 4)).then(|| PulsarRetry {
        delay: Span::from_millis(rng.between(1, 100)),
        max: rng.between(1, 4) as u32,
    });
    let from = PulsarSource {
        topic: topic.clone(),
        subscription: name(called),
        kind,
        ranges,
        wanted: Vec::new(),
        priority: 0,
        from: InitialPosition::Earliest,
        receiver_queue: [1, 10, 1_000][rng.below(3) as usize],
        ack_group: Span::from_millis(rng.between(0, 100)),
        nack_delay: Span::from_millis(rng.between(5, 300)),
        ack_timeout: one_in(rng, 6).then(|| Span::from_millis(rng.between(40, 300))),
        dead_letters,
        retry,
        cluster: None,
        read_compacted: false,
    };
    let fails = one_in(rng, 3);
    for number in 1..=rng.between(1, if kind == PulsarType::Exclusive { 2 } else { 4 }) {
        let from = PulsarSource { priority: rng.below(2) as u32, ..from.clone() };
        let source = SourceSpec::System(SystemSource::Pulsar(from));
        let mut spec = ConsumerSpec::new(&format!("{called}-{number}"), source);
        spec.work = rng.between(200, 6_000);
        spec.program.work_max = if one_in(rng, 3) { rng.between(1_000, 12_000) } else { 0 };
        spec.program.workers = if one_in(rng, 4) { rng.between(2, 4) as u16 } else { 1 };
        if fails {
            spec.program.fails_per_mille = rng.below(200) as u32;
            spec.program.fails_every = if one_in(rng, 2) { rng.between(5, 40) } else { 0 };
        }
        if retry.is_some() {
            spec.program.on_failure = OnFailure::Reject;
        }
        if !shares && spec.program.workers == 1 && one_in(rng, 3) {
            spec.program.settles = Settles::Every(rng.between(1, 9) as u32);
        }
        if one_in(rng, 10) {
            spec.program.settles = Settles::Before;
        }
        spec.starts_at = if one_in(rng, 4) { rng.between(1_000, 400_000) } else { 0 };
        consumers.push(spec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn everything_that_is_drawn_can_be_played() {
        for seed in 0..500 {
            assert_eq!(pulsar(seed).check().map_err(|bad| bad.to_string()), Ok(()), "seed {seed}");
        }
    }
}
