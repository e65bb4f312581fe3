//! Random shops: users whose orders go through a queue or a topic, and services that work on them.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::super::drawn::FaultPlan;
use super::super::scenario::{QueueSpec, Scenario, SourceSpec, TargetSpec, TopicSpec};
use super::super::service_spec::{ServiceSpec, StepSpec, UserSpec, WorkSpec};
use super::clusters::{CALM, LONG_DRAIN};
use super::{SURVIVED, SURVIVED_BY_QUEUES, name, one_in};
use crate::broker::{Acks, Settings};
use crate::client::MemberOptions;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// A shop that answers "accepted" when an order is stored, and one to three services that work on it later: some of them
/// may fail.
///
/// ```
/// use mqlab_core::sim::swarm::shop;
/// let all: Vec<_> = (0..20).map(shop).collect();
/// assert!(all.iter().any(|scenario| scenario.topics.is_empty()));
/// assert!(all.iter().all(|scenario| scenario.check().is_ok()));
/// ```
pub fn shop(seed: u64) -> Scenario {
    let mut rng = Rng::new(seed ^ 0x5b09, Stream::Workload);
    let rng = &mut rng;
    let orders = name("orders");
    let by_topic = one_in(rng, 2);
    let safe = !one_in(rng, 4);
    let to = match by_topic {
        true => TargetSpec::Topic { name: orders.clone(), acks: if safe { Acks::All } else { Acks::Leader } },
        false => TargetSpec::Queue(orders.clone()),
    };
    let first = ServiceSpec {
        workers: rng.between(1, 4) as u16,
        backlog: rng.between(0, 20) as u32,
        fails_per_mille: [0, 0, 100][rng.below(3) as usize],
        then: vec![StepSpec::Send { to }],
        ..service("shop".into(), None, rng)
    };
    let mut services = vec![first];
    let fails = one_in(rng, 3);
    for number in 1..=rng.between(1, 3) {
        let from = match by_topic {
            true => SourceSpec::Group {
                name: name(&format!("s{number}")),
                topic: orders.clone(),
                options: MemberOptions::default(),
            },
            false => SourceSpec::queue(orders.clone(), 5),
        };
        let workers = if by_topic { 1 } else { rng.between(1, 3) as u16 };
        let fails_per_mille = if fails { 100 } else { 0 };
        let service = service(format!("s{number}"), Some(from), rng);
        services.push(ServiceSpec { workers, fails_per_mille, ..service });
    }
    let done_by: Vec<String> = match by_topic {
        true => services.iter().skip(1).map(|service| service.name.clone()).collect(),
        false => vec![orders.to_string()],
    };
    let users = (1..=rng.between(1, 2)).map(|number| UserSpec {
        name: format!("u{number}"),
        calls: "shop".into(),
        starts_at: rng.below(100_000),
        requests: rng.between(5, 40),
        every: rng.between(1_000, 15_000),
        timeout: Span::from_millis(rng.between(20, 300)),
        done_by: done_by.clone(),
    });
    let users: Vec<UserSpec> = users.collect();
    let topic = TopicSpec {
        name: orders.clone(),
        partitions: rng.between(1, 3) as u32,
        replicas: 3,
        min_in_sync: 2,
        unclean_election: false,
        retention_bytes: None,
        retention_time: None,
        cleanup: Default::default(),
    };
    let kinds = if by_topic { SURVIVED.into() } else { SURVIVED_BY_QUEUES.into() };
    Scenario {
        seed,
        ends_at: CALM + LONG_DRAIN,
        brokers: if by_topic { 3 } else { 1 },
        latency: (rng.between(100, 600), rng.between(600, 4_000)),
        users,
        services,
        topics: if by_topic { vec![topic] } else { Vec::new() },
        queues: if by_topic { Vec::new() } else { vec![QueueSpec::new(orders, 1)] },
        settings: Settings { flush_before_reply: safe || one_in(rng, 2), ..Settings::default() },
        costs: None,
        faults: Some(FaultPlan { kinds, from: Time(20_000), until: CALM, faults: (1, 8) }),
        ..Scenario::empty("swarm-shop")
    }
}

fn service(name: String, from: Option<SourceSpec>, rng: &mut Rng) -> ServiceSpec {
    let low = rng.between(200, 2_000);
    ServiceSpec {
        name,
        from,
        starts_at: 0,
        workers: 1,
        work: WorkSpec { low, high: low + rng.between(0, 3_000) },
        backlog: 0,
        fails_per_mille: 0,
        then: Vec::new(),
    }
}
