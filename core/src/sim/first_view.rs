//! How does the cluster of a scenario stand before anything happened? Every topic is placed, and nobody leads yet.

use alloc::format;
use alloc::vec::Vec;

use super::scenario::{InvalidScenario, Scenario};
use crate::broker::{
    PartitionState, Site, TRANSACTIONS_TOPIC, View, offsets_partition, place_replicas, share_partition,
};
use crate::ids::{Name, NodeId, PartitionId};
use crate::sorted::SortedMap;

/// How many replicas keep the groups' offsets, where there are as many brokers (Kafka's default).
const OFFSETS_REPLICAS: usize = 3;
/// How few of them in sync are enough to write down an account of a share group, where there are as many brokers
/// (Kafka: `share.coordinator.state.topic.min.isr`).
const SHARE_MIN_IN_SYNC: u32 = 2;
/// How many partitions keep how transactions stand, with as many replicas (Kafka: 50).
const TRANSACTIONS_PARTITIONS: u32 = 3;
/// How few of them in sync are enough to decide (Kafka's default).
const TRANSACTIONS_MIN_IN_SYNC: u32 = 2;

impl Scenario {
    /// The brokers, with their racks if those are known.
    fn sites(&self) -> Vec<Site> {
        let brokers = (1..=self.brokers).map(NodeId::Broker);
        let racks = self.racks.iter().cloned().map(Some).chain(core::iter::repeat(None));
        brokers.zip(racks).map(|(broker, rack)| Site { broker, rack }).collect()
    }

    /// Whether each broker has a rack, or none has.
    pub(super) fn check_racks(&self) -> Result<(), InvalidScenario> {
        let (racks, brokers) = (self.racks.len(), usize::from(self.brokers));
        if racks == 0 || racks == brokers {
            return Ok(());
        }
        Err(InvalidScenario(format!("{racks} racks for {brokers} brokers: name one for each, or none")))
    }

    /// The view that the controller begins with. The scenario was checked.
    pub(super) fn first_view(&self) -> View {
        let sites = self.sites();
        let place = |sites: &[Site], partitions, replicas: usize| {
            let placed = place_replicas(sites, partitions, replicas.min(sites.len()));
            placed.expect("as many replicas as brokers at most, and racks for all or none: that was checked")
        };
        let mut partitions = SortedMap::new();
        for topic in &self.topics {
            for (index, replicas) in (0..).zip(place(&sites, topic.partitions, topic.replicas.into())) {
                let partition = PartitionId { topic: topic.name.clone(), index };
                let unclean_election = topic.unclean_election;
                let state = PartitionState::new(replicas, topic.min_in_sync);
                partitions.insert(partition, PartitionState { unclean_election, ..state });
            }
        }
        if !self.topics.is_empty() {
            // The coordinator starts on the last broker, so that the first can be killed without taking it along.
            let reversed: Vec<Site> = sites.iter().rev().cloned().collect();
            for replicas in place(&reversed, 1, OFFSETS_REPLICAS) {
                partitions.insert(offsets_partition(), PartitionState::new(replicas.clone(), 1));
                if self.has_share_groups() {
                    partitions.insert(share_partition(), PartitionState::new(replicas, SHARE_MIN_IN_SYNC));
                }
            }
        }
        if self.has_transactionals() {
            let topic = Name::new(TRANSACTIONS_TOPIC).expect("a legal name");
            let replicas = OFFSETS_REPLICAS.min(sites.len());
            for (index, replicas) in (0..).zip(place(&sites, TRANSACTIONS_PARTITIONS, replicas)) {
                let least = (replicas.len() as u32).min(TRANSACTIONS_MIN_IN_SYNC);
                let partition = PartitionId { topic: topic.clone(), index };
                partitions.insert(partition, PartitionState::new(replicas, least));
            }
        }
        let queues = self.queues.iter().map(|queue| (queue.name.clone(), NodeId::Broker(queue.broker)));
        let exchange = |of: &super::spec::ExchangeSpec| (of.exchange.name.clone(), NodeId::Broker(of.broker));
        View {
            version: 0,
            brokers: sites.iter().map(|site| (site.broker, true)).collect(),
            racks: sites.iter().filter_map(|site| Some((site.broker, site.rack.clone()?))).collect(),
            partitions,
            retention: self.retentions().collect(),
            cleanup: self.cleanups().collect(),
            queues: queues.collect(),
            exchanges: self.exchanges.iter().map(exchange).collect(),
            producer_ids: 0,
            hosts: self.layouts(),
            ..View::default()
        }
    }
}
