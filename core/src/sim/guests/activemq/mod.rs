//! How does ActiveMQ live in the lab? One broker with a disk of its own, or several that share a store, of which one is master;
//! and clients with the failover transport.
//!
//! | node | file |
//! |---|---|
//! | a broker with a disk of its own | `broker.rs` |
//! | a broker that shares its store | `station.rs` |
//! | the store | `store.rs` |
//! | a producer | `producer.rs` |
//! | a consumer, and its sessions | `consumer.rs`, `session.rs` |

mod broker;
mod check;
mod consumer;
mod producer;
mod promises;
mod session;
mod spec;
mod station;
mod store;
mod talk;
mod view;

pub(super) use check::check;
pub(super) use promises::promises;
pub use spec::{
    ActivemqPolicy, ActivemqReads, ActivemqRedelivery, ActivemqSharedStore, ActivemqSource, ActivemqSpec,
    ActivemqTarget, ActivemqTransport, OnByDefault,
};

pub use crate::systems::activemq::DestinationName as ActivemqDestination;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Guest;
use super::spec::{SystemSource, SystemTarget};
use crate::ids::NodeId;
use crate::sim::Scenario;
use crate::systems::activemq::{ConnectionOptions, ServingOptions};

/// Whether its brokers share a store: one alone has a disk of its own.
pub(super) const fn shares_store(scenario: &Scenario) -> bool {
    scenario.brokers > 1
}

fn serving(spec: &ActivemqSpec) -> ServingOptions {
    ServingOptions {
        policy: spec.policy.of_broker(),
        queues: spec.queues.clone(),
        composite_queues: spec.composite_queues.clone().into_iter().collect(),
        journal_sync: spec.journal_sync,
        producer_audit: spec.producer_audit.0,
        max_inactivity: spec.transport.max_inactivity_duration,
    }
}

/// The nodes of a scenario that was checked.
pub(super) fn guests(spec: &ActivemqSpec, scenario: &Scenario, seed: u64) -> Vec<(NodeId, Box<dyn Guest>)> {
    let mut all: Vec<(NodeId, Box<dyn Guest>)> = Vec::new();
    let brokers: Vec<NodeId> = (1..=scenario.brokers).map(NodeId::Broker).collect();
    let options = serving(spec);
    if shares_store(scenario) {
        // The store syncs as it is told to; a master hands on all that it does.
        let own = ServingOptions { journal_sync: Default::default(), ..options };
        all.push((NodeId::Store, Box::new(store::Store::new(spec.shared_store.lease, spec.journal_sync))));
        for number in 1..=scenario.brokers {
            let station = station::Station::new(number, own.clone(), spec.shared_store.clone());
            all.push((NodeId::Broker(number), Box::new(station)));
        }
    } else {
        all.push((NodeId::Broker(1), Box::new(broker::Own::new(options))));
    }
    let transport = &spec.transport;
    let connects = ConnectionOptions {
        brokers,
        randomize: transport.randomize,
        delays: (transport.initial_reconnect_delay, transport.max_reconnect_delay),
        max_inactivity: transport.max_inactivity_duration,
    };
    for (number, producer) in (1..).zip(&scenario.producers) {
        if let Some(SystemTarget::Activemq(to)) = producer.to.system() {
            let guest = producer::Producer::new(number, producer, to.clone(), connects.clone(), seed);
            all.push((NodeId::Producer(number), Box::new(guest)));
        }
    }
    for (number, consumer) in (1..).zip(&scenario.consumers) {
        if let Some(SystemSource::Activemq(from)) = consumer.from.system() {
            let guest = consumer::Consumer::new(number, consumer, from.clone(), connects.clone(), seed);
            all.push((NodeId::Consumer(number), Box::new(guest)));
        }
    }
    all
}
