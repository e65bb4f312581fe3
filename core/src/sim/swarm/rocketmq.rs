//! A small cluster of RocketMQ with everything at once: random masters and slaves, flushes, sends, ways to read, programs that fail,
//! transactions, and faults.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::super::draft::MessageSpec;
use super::super::drawn::{FaultKind, FaultPlan};
use super::super::guests::{
    RocketmqBrokerSpec, RocketmqClientSpec, RocketmqControllerSpec, RocketmqReplication, RocketmqSend,
    RocketmqSource, RocketmqSpec, RocketmqTarget, SystemSource, SystemSpec, SystemTarget,
};
use super::super::own_transaction::{HowTransaction, TransactionSpec};
use super::super::program_spec::{OnFailure, ProgramSpec};
use super::super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec};
use super::{SURVIVED, name, one_in};
use crate::rng::{Rng, Stream};
use crate::systems::rocketmq::allocate::Strategy;
use crate::systems::rocketmq::broker::Flush;
use crate::systems::rocketmq::consumer::{FirstOffset, Model, Order};
use crate::time::{Span, Time};

/// All faults are over by then.
const CALM: Time = Time(1_500_000);
/// And after that there is time for everything.
const END: Time = Time(12_000_000);

fn millis(rng: &mut Rng, least: u64, most: u64) -> Span {
    Span::from_millis(rng.between(least, most))
}

fn broker(rng: &mut Rng) -> RocketmqBrokerSpec {
    RocketmqBrokerSpec {
        flush: if one_in(rng, 3) { Flush::Async } else { Flush::Sync },
        replication: if one_in(rng, 2) { RocketmqReplication::Sync } else { RocketmqReplication::Async },
        flush_every: millis(rng, 10, 200),
        flush_least_pages: rng.below(3),
        flush_all_every: millis(rng, 50, 400),
        slave_timeout: millis(rng, 20, 100),
        slave_reports_every: millis(rng, 20, 100),
        slave_expires: millis(rng, 100, 400),
        hold_max: millis(rng, 50, 400),
        hold_check_every: millis(rng, 20, 100),
        persist_every: millis(rng, 20, 200),
        lock_expires: millis(rng, 200, 600),
        register_every: millis(rng, 50, 200),
        client_expires: millis(rng, 300, 900),
        check_every: millis(rng, 50, 200),
        check_after: millis(rng, 20, 100),
        levels: (0..18).map(|level| Span::from_millis(10 + level * 10)).collect(),
        file_bytes: [2_048, 8_192, 1 << 30][rng.below(3) as usize],
        reserved: one_in(rng, 8).then(|| millis(rng, 200, 800)),
        ..RocketmqBrokerSpec::default()
    }
}

fn producer(rng: &mut Rng, number: u64, by_key: bool) -> ProducerSpec {
    let in_transaction = !by_key && one_in(rng, 4);
    let to = RocketmqTarget {
        topic: name("orders"),
        group: Some(name(&format!("shops-{number}"))),
        send: if by_key { RocketmqSend::ByKey } else { RocketmqSend::RoundRobin },
        tags: if one_in(rng, 3) { vec!["paid".into(), "sent".into()] } else { Vec::new() },
        levels: if in_transaction || by_key || one_in(rng, 2) { Vec::new() } else { vec![0, 0, 3] },
        attempts: rng.between(1, 3) as u32,
        timeout: millis(rng, 60, 300),
        in_flight: if by_key { 1 } else { rng.below(4) as u32 },
        avoids_slow: one_in(rng, 3),
        retries_unsafe: one_in(rng, 4),
        routes_every: millis(rng, 50, 200),
        heartbeat_every: millis(rng, 50, 150),
    };
    ProducerSpec {
        name: format!("shop-{number}"),
        to: TargetSpec::System(SystemTarget::Rocketmq(to)),
        starts_at: rng.below(50_000),
        messages: rng.between(10, 60),
        every: rng.between(2_000, 20_000),
        burst: rng.between(1, 3) as u32,
        keys: if by_key { rng.between(1, 4) as u8 } else { 0 },
        message: MessageSpec { bytes: rng.below(300) as u32, ..MessageSpec::default() },
        options: Default::default(),
        keeps: Default::default(),
        receipt_timeout: 0,
        transaction: in_transaction.then(|| TransactionSpec {
            how: HowTransaction::Half,
            takes: rng.between(500, 5_000),
            pause: rng.below(5_000),
            fails_per_mille: rng.below(300) as u32,
        }),
        transactional: None,
        asks: None,
    }
}

/// How a group reads.
#[derive(Clone, Copy)]
enum Reads {
    Plainly,
    InOrder,
    ByPops,
    All,
}

fn reader(rng: &mut Rng, (group, member): (&str, u64), how: Reads, work: u64) -> ConsumerSpec {
    let client = RocketmqClientSpec {
        count: rng.between(1, 32) as u32,
        suspend: millis(rng, 5, 30),
        rebalance_every: millis(rng, 100, 300),
        lock_every: millis(rng, 50, 100),
        commit_every: millis(rng, 20, 200),
        heartbeat_every: millis(rng, 50, 200),
        routes_every: millis(rng, 50, 200),
        timeout: millis(rng, 50, 200),
        pull_timeout: millis(rng, 450, 600),
        failure_delay: millis(rng, 20, 100),
        ..RocketmqClientSpec::default()
    };
    let from = RocketmqSource {
        topic: name("orders"),
        group: name(group),
        tags: None,
        sql: None,
        model: if matches!(how, Reads::All) { Model::Broadcasting } else { Model::Clustering },
        order: if matches!(how, Reads::InOrder) { Order::Orderly } else { Order::Concurrently },
        first: FirstOffset::First,
        strategy: Strategy::Averagely,
        pop_invisible: matches!(how, Reads::ByPops).then(|| millis(rng, 100, 300)),
        client,
    };
    ConsumerSpec {
        name: format!("{group}-{member}"),
        from: SourceSpec::System(SystemSource::Rocketmq(from)),
        starts_at: if member > 1 && one_in(rng, 2) { rng.below(600_000) } else { 0 },
        work,
        program: ProgramSpec {
            workers: if matches!(how, Reads::InOrder) { 1 } else { rng.between(1, 4) as u16 },
            fails_per_mille: if one_in(rng, 2) { rng.below(100) as u32 } else { 0 },
            on_failure: OnFailure::Requeue,
            ..ProgramSpec::default()
        },
    }
}

/// A scenario of RocketMQ.
///
/// ```
/// use mqlab_core::sim::swarm::rocketmq;
/// let scenario = rocketmq(7);
/// assert_eq!(scenario, rocketmq(7)); // the same under the same seed
/// assert_eq!(scenario.check(), Ok(()));
/// ```
pub fn rocketmq(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x50c4e7, Stream::Workload);
    let rng = &mut rng;
    let slaves = rng.below(2) as u16;
    let masters = rng.between(1, 2) as u16;
    let by_key = one_in(rng, 3);
    let spec = RocketmqSpec {
        name_servers: rng.between(1, 2) as u16,
        broker_expires: millis(rng, 300, 900),
        slaves,
        topics: BTreeMap::from([(name("orders"), rng.between(1, 4) as u32)]),
        broker: broker(rng),
        controller: (slaves > 0 && one_in(rng, 3)).then(|| RocketmqControllerSpec {
            expires: millis(rng, 100, 400),
            alive_every: millis(rng, 10, 40),
            catch_up_max: millis(rng, 100, 300),
        }),
    };
    let producers = (1..=rng.between(1, 2)).map(|number| producer(rng, number, by_key)).collect();
    let mut consumers = Vec::new();
    for group in 0..rng.between(1, 2) {
        let how = match rng.below(6) {
            _ if by_key => Reads::InOrder,
            0 => Reads::InOrder,
            1 | 2 => Reads::ByPops,
            3 => Reads::All,
            _ => Reads::Plainly,
        };
        let work = rng.between(500, 4_000);
        for member in 1..=rng.between(1, 3) {
            consumers.push(reader(rng, (&format!("group-{group}"), member), how, work));
        }
    }
    let deaths = [FaultKind::Crash, FaultKind::PowerCut];
    let mut kinds = if one_in(rng, 3) { deaths.to_vec() } else { SURVIVED.to_vec() };
    if one_in(rng, 6) {
        kinds.push(FaultKind::LyingDisk);
    }
    if one_in(rng, 10) {
        kinds.push(FaultKind::NewDisk);
    }
    let faults = FaultPlan { kinds, from: Time(20_000), until: CALM, faults: (0, 6) };
    let base = Scenario::built_in("hundred-messages").expect("it is built in");
    Scenario {
        name: format!("rocketmq {seed}"),
        seed,
        ends_at: END,
        brokers: masters * (slaves + 1),
        latency: (300, rng.between(600, 3_000)),
        queues: Vec::new(),
        topics: Vec::new(),
        producers,
        consumers,
        system: Some(SystemSpec::Rocketmq(spec)),
        actions: Vec::new(),
        faults: Some(faults),
        ..base
    }
}
