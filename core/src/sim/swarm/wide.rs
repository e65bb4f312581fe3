//! Random clusters with everything a topic can have: what they promise follows from what was drawn.

use alloc::format;
use alloc::vec::Vec;

use super::super::admin::AdminAction;
use super::super::draft::MessageSpec;
use super::super::drawn::{FaultKind, FaultPlan};
use super::super::scenario::{ProducerSpec, Scenario, TargetSpec, TopicSpec};
use super::super::transactional_spec::TransactionalSpec;
use super::clusters::{CALM, LONG_DRAIN};
use super::readers::{readers, transactional};
use super::{SURVIVED, name, one_in};
use crate::broker::{
    Acks, BATCHES_REMEMBERED, Cleanup, CleanupPolicy, Order, Settings, ShareSettings, ShareStart, Truncation,
};
use crate::client::ProducerOptions;
use crate::ids::{Name, NodeId, PartitionId};
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// Who shares and who sends in transactions has so much more time: locks and transactions must run out first.
const LONGER: Span = Span::from_millis(6_000);

/// Three to five brokers, one or two topics, two or three producers, one or two groups, and sometimes a reader with a
/// place of its own, a share group, transactions, programs that write what they read, a table, and orders to the
/// controller. Half of them have settings that promise safety, and faults that these survive.
///
/// ```
/// use mqlab_core::sim::swarm::wide;
/// let all: Vec<_> = (0..20).map(wide).collect();
/// assert!(all.iter().any(|scenario| scenario.topics.iter().any(|topic| topic.unclean_election)));
/// assert!(all.iter().any(|scenario| !scenario.admin.is_empty()));
/// assert!(all.iter().all(|scenario| scenario.check().is_ok()));
/// ```
pub fn wide(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x51de, Stream::Workload);
    let rng = &mut rng;
    let safe = one_in(rng, 2);
    let brokers = rng.between(3, 5) as u16;
    let names = [name("t"), name("u")];
    let mut topics: Vec<TopicSpec> =
        names.iter().take(rng.between(1, 2) as usize).map(|name| topic(rng, name, safe)).collect();
    let producers = (1..=rng.between(2, 3)).map(|index| {
        let topic = topics[rng.below(topics.len() as u64) as usize].clone();
        producer(rng, index, &topic, safe)
    });
    let producers: Vec<ProducerSpec> = producers.collect();
    let racks = [name("r1"), name("r2")];
    let racked = one_in(rng, 3);
    let racks: Vec<Name> =
        (0..brokers).filter(|_| racked).map(|broker| racks[usize::from(broker) % 2].clone()).collect();
    let admin = orders(rng, &topics, brokers, safe);
    let to = one_in(rng, 3).then(|| name("bills"));
    let consumers = readers(rng, &topics, to.as_ref(), &racks);
    if let Some(to) = &to {
        topics.push(TopicSpec { cleanup: Cleanup::default(), ..topic(rng, to, safe) });
    }
    let settings = settings(rng, safe, &admin);
    let mut scenario = Scenario {
        seed,
        ends_at: CALM + LONG_DRAIN,
        brokers,
        controllers: [1, 1, 3][rng.below(3) as usize],
        racks,
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        consumers,
        topics,
        producers,
        settings,
        admin,
        costs: None,
        faults: Some(plan(rng, safe)),
        ..Scenario::empty("swarm-wide")
    };
    if scenario.has_transactionals() || scenario.has_share_groups() {
        scenario.ends_at = scenario.ends_at + LONGER;
    }
    scenario
}

fn settings(rng: &mut Rng, safe: bool, admin: &[AdminAction]) -> Settings {
    Settings {
        in_flight_max: rng.between(1, BATCHES_REMEMBERED as u64) as u32,
        flush_before_reply: safe || one_in(rng, 2),
        strict_watermark: safe || one_in(rng, 2),
        truncation: if safe || !one_in(rng, 4) { Truncation::Epoch } else { Truncation::HighWatermark },
        read_closest: one_in(rng, 2),
        leader_balance: one_in(rng, 3).then_some(Span::from_millis(150)),
        // Without it nobody learns of new partitions.
        metadata_age: (!admin.is_empty()).then_some(Span::from_millis(100)),
        replica_lag_max: Span::from_millis(rng.between(60, 200)),
        commit_interval: Span::from_millis(rng.between(20, 100)),
        share: ShareSettings {
            delivery_limit: rng.between(1, 5) as u32,
            locks_max: [4, 20, 2_000][rng.below(3) as usize],
            start: if one_in(rng, 4) { ShareStart::Latest } else { ShareStart::Earliest },
            ..ShareSettings::default()
        },
        ..Settings::default()
    }
}

fn topic(rng: &mut Rng, name: &Name, safe: bool) -> TopicSpec {
    let replicas = if safe { 3 } else { rng.between(1, 3) as u16 };
    let min_in_sync = if safe { 2 } else { rng.between(1, replicas.into()) as u32 };
    let table = Cleanup {
        policy: CleanupPolicy::Compact,
        dirty_per_mille: rng.between(100, 600) as u16,
        tombstone_retention: Span::from_millis(rng.between(50, 400)),
        segment_bytes: rng.between(200, 1_000),
        ..Cleanup::default()
    };
    TopicSpec {
        name: name.clone(),
        partitions: rng.between(1, 4) as u32,
        replicas,
        min_in_sync,
        unclean_election: !safe && one_in(rng, 2),
        retention_bytes: None,
        retention_time: None,
        cleanup: if one_in(rng, 5) { table } else { Cleanup::default() },
    }
}

fn producer(rng: &mut Rng, index: u64, topic: &TopicSpec, safe: bool) -> ProducerSpec {
    let transacts = one_in(rng, 4);
    let is_table = topic.cleanup.policy.compacts();
    let acks = match safe || transacts {
        true => Acks::All,
        false => [Acks::All, Acks::Leader, Acks::None][rng.below(3) as usize],
    };
    let options = ProducerOptions {
        idempotent: acks == Acks::All && !one_in(rng, 3),
        linger: Span([0, 0, 3_000][rng.below(3) as usize]),
        batch_bytes: [None, Some(400)][rng.below(2) as usize],
        sticky: one_in(rng, 2),
        delivery_timeout: one_in(rng, 6).then_some(Span::from_millis(300)),
    };
    // Two of three have an id of their own.
    let id = name(&if one_in(rng, 3) { "moves".into() } else { format!("moves-{index}") });
    let transactional = transacts.then(|| TransactionalSpec {
        messages: rng.between(1, 5) as u32,
        aborts_per_mille: [0, 200][rng.below(2) as usize],
        restarts_after: [0, 30_000][rng.below(2) as usize],
        ..transactional(id)
    });
    let message = MessageSpec {
        tombstone_every: if is_table { [0, 5][rng.below(2) as usize] } else { 0 },
        ..MessageSpec::default()
    };
    let to = TargetSpec::Topic { name: topic.name.clone(), acks };
    ProducerSpec {
        starts_at: rng.below(100_000),
        messages: rng.between(10, 60),
        every: rng.between(500, 9_000),
        keys: [if is_table { 6 } else { 0 }, 3, 12][rng.below(3) as usize],
        options,
        transactional,
        message,
        ..ProducerSpec::new(&format!("p{index}"), to)
    }
}

/// Sometimes an order to the controller, or two: another partition, other brokers.
fn orders(rng: &mut Rng, topics: &[TopicSpec], brokers: u16, safe: bool) -> Vec<AdminAction> {
    let mut orders = Vec::new();
    let Some(TopicSpec { name: topic, partitions, replicas, .. }) = topics.first() else { return orders };
    if one_in(rng, 4) {
        let order =
            Order::AddPartitions { topic: topic.clone(), total: partitions + rng.between(1, 2) as u32 };
        orders.push(AdminAction { at: Time(rng.between(50_000, 600_000)), order });
    }
    if one_in(rng, 3) {
        let partition = PartitionId { topic: topic.clone(), index: rng.below(u64::from(*partitions)) as u32 };
        let least = if safe { 2 } else { 1 };
        let many = rng.between(least, u64::from(*replicas).max(least)) as u16;
        let first = rng.below(brokers.into()) as u16;
        let replicas = (0..many).map(|next| NodeId::Broker((first + next) % brokers + 1)).collect();
        let order = Order::Reassign { partition, replicas };
        orders.push(AdminAction { at: Time(rng.between(50_000, 600_000)), order });
    }
    orders
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
