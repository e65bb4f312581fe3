//! How does Pulsar live in the lab? Brokers that own topics, bookies that keep them, and a metadata store.

mod bookie;
mod broker;
mod check;
mod compaction;
mod consumer;
mod geo;
mod objects;
mod producer;
mod promises;
mod publisher;
mod recovery;
mod spec;
mod store;
mod talk;

pub use compaction::PulsarCompaction;
pub use geo::PulsarGeo;
pub use objects::PulsarOffload;
pub use recovery::PulsarAutoRecovery;
pub use spec::{
    PulsarBatching, PulsarLedgers, PulsarPatience, PulsarRetry, PulsarSource, PulsarSpec, PulsarTarget,
    PulsarType,
};

pub(super) use check::check;
pub(super) use promises::promises;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Guest, GuestOut, Speaks as _, SystemSource, SystemTarget};
use crate::ids::NodeId;
use crate::sim::Scenario;
use crate::systems::Out;
use crate::systems::pulsar::{BrokerSettings, LedgerSettings, Message, TopicName, TopicSettings};
use crate::time::{Span, Time};

/// Where the metadata store is.
const STORE: NodeId = NodeId::Controller;

/// Numbers of connections of one life of a client begin after those of the one before.
const NUMBERS_OF_A_LIFE: u64 = 100_000_000;

/// And those for one topic, or partition, after those for the one before.
const NUMBERS_OF_A_TOPIC: u64 = 100_000;

/// The nodes of a scenario that was checked.
pub(super) fn guests(spec: &PulsarSpec, scenario: &Scenario, seed: u64) -> Vec<(NodeId, Box<dyn Guest>)> {
    let clusters = spec.clusters(scenario.brokers);
    let mut all: Vec<(NodeId, Box<dyn Guest>)> = Vec::new();
    for cluster in &clusters {
        all.push((cluster.store, Box::new(store::Store::new(spec.patience.session))));
        for &node in &cluster.bookies {
            let recovery = spec
                .auto_recovery
                .map(|recovery| recovery.of(spec, (node, cluster.store, &cluster.bookies), Time::ZERO));
            all.push((node, Box::new(bookie::Keeper::new(node, spec.journal_sync).with(recovery))));
        }
        for &node in &cluster.brokers {
            all.push((node, Box::new(broker::Server::new(node, settings(spec), cluster.clone()))));
        }
    }
    if let Some(offload) = spec.offload {
        all.push((objects::OBJECTS, Box::new(objects::Objects::new(offload))));
    }
    let brokers_of = |topic: &TopicName| {
        let its = clusters.iter().find(|cluster| cluster.place.as_ref() == topic.cluster());
        its.map(|cluster| cluster.brokers.clone()).unwrap_or_default()
    };
    for (number, sends) in (1..).zip(&scenario.producers) {
        if let Some(SystemTarget::Pulsar(to)) = sends.to.system() {
            let topic = spec.topic_in(&to.topic, to.cluster.as_ref());
            let (partitions, brokers) = (partitions(spec, &topic), brokers_of(&topic));
            let to = PulsarTarget { topic, ..to.clone() };
            let sender =
                producer::Sender::new(number, sends, &to, (partitions, spec.patience), &brokers, seed);
            all.push((NodeId::Producer(number), Box::new(sender)));
        }
    }
    for (number, reads) in (1..).zip(&scenario.consumers) {
        if let Some(SystemSource::Pulsar(from)) = reads.from.system() {
            let topic = spec.topic_in(&from.topic, from.cluster.as_ref());
            let (partitions, brokers) = (partitions(spec, &topic), brokers_of(&topic));
            let from = PulsarSource { topic, ..from.clone() };
            let reader =
                consumer::Reader::new(number, reads, &from, (partitions, spec.patience), &brokers, seed);
            all.push((NodeId::Consumer(number), Box::new(reader)));
        }
    }
    all
}

/// What brokers are told.
fn settings(spec: &PulsarSpec) -> BrokerSettings {
    let PulsarSpec { quorums, ledgers, patience, .. } = spec;
    let ledgers = LedgerSettings {
        quorums: *quorums,
        entries_max: ledgers.entries_max,
        bytes_max: ledgers.bytes_max,
        age_min: ledgers.age_min,
        age_max: ledgers.age_max,
        add_timeout: patience.add_timeout,
        offload: spec.offload.map(PulsarOffload::settings),
        ..LedgerSettings::default()
    };
    let topics = TopicSettings {
        ledgers,
        retention: spec.retention,
        time_to_live: spec.time_to_live,
        backlog_quota: spec.backlog_quota,
        deduplication: spec.deduplication,
        check_interval: patience.check_interval,
        compaction: spec.compaction.map(PulsarCompaction::settings),
    };
    BrokerSettings {
        topics,
        ping: Span((patience.session.0 / 3).max(1)),
        quarantine: patience.quarantine,
        keep_alive: patience.keep_alive,
    }
}

/// The partitions of a topic, or the topic itself where it has none.
fn partitions(spec: &PulsarSpec, topic: &TopicName) -> Vec<TopicName> {
    let count = spec.topics.get(&topic.of_cluster(None)).copied().unwrap_or(0);
    let partitions: Vec<TopicName> = (0..count).filter_map(|index| topic.partition(index).ok()).collect();
    if partitions.is_empty() { [topic.clone()].into() } else { partitions }
}

/// Hands over what a part wants done.
fn carry(own: Out<Message>, out: &mut GuestOut) {
    out.events.extend(own.events);
    out.sends.extend(own.sends.into_iter().map(|(to, message)| (to, message.wrap())));
}
