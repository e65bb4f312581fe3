//! What if there are two clusters? Each has brokers, bookies and a metadata store of its own, and gets what the other is sent.
//!
//! ```text
//!   north: controller, broker-1, bookie-1 bookie-2        south: store, broker-2, bookie-3 bookie-4
//!                          └────────── orders ◀──▶ orders ──────────┘
//! ```
//!
//! The nodes of the second are the last of the scenario's brokers and bookies. Facts call its topics `south_.orders`, and its
//! ledgers from 10,000 on, so that what is where can be told; the clusters themselves know nothing of that.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::STORE;
use super::spec::PulsarSpec;
use crate::ids::{Name, NodeId};
use crate::systems::pulsar::{BrokerSettings, PulsarBroker, REPLICATOR_PREFIX, Remote, TopicName};
use crate::time::Time;

/// The number of the second cluster's first ledger.
const LEDGERS_OF_SECOND: u64 = 10_000;

/// Numbers of a broker's connections of one life begin so far after those of the one before.
const NUMBERS_OF_A_LIFE: u64 = 1_000_000_000;

/// A second cluster: every topic that is kept is replicated to the other, in both directions.
///
/// ```
/// use mqlab_core::sim::PulsarSpec;
/// let json = r#"{ "topics": { "orders": 0 }, "bookies": 4,
///     "geo": { "first": "north", "second": "south", "brokers": 1, "bookies": 2 } }"#;
/// let spec: PulsarSpec = serde_json::from_str(json)?;
/// assert_eq!(spec.geo.ok_or("there are two")?.second.as_str(), "south");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulsarGeo {
    /// What the first cluster is called. Clients are there unless they say otherwise.
    pub first: Name,
    /// What the second is called.
    pub second: Name,
    /// So many brokers are the second's: the last of the scenario's.
    pub brokers: u16,
    /// And so many bookies.
    pub bookies: u16,
}

/// One of the clusters.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) store: NodeId,
    pub(super) brokers: Vec<NodeId>,
    pub(super) bookies: Vec<NodeId>,
    /// What facts call it, if not nothing.
    pub(super) place: Option<Name>,
    /// The other.
    remote: Option<Remote>,
    first_ledger: u64,
}

impl Cluster {
    /// A broker of it, in its so manyth life.
    pub(super) fn broker(
        &self,
        now: Time,
        node: NodeId,
        mut settings: BrokerSettings,
        incarnation: u64,
    ) -> PulsarBroker {
        settings.topics.ledgers.first_ledger = self.first_ledger;
        let broker = PulsarBroker::new(node, self.store, settings, &self.bookies).at(now);
        match &self.remote {
            Some(remote) => broker.with_remote(remote.clone(), incarnation * NUMBERS_OF_A_LIFE),
            None => broker,
        }
    }
}

impl PulsarSpec {
    /// Whether there is a node more: the metadata store of the second cluster, or an object store.
    pub(in crate::sim) fn has_second_store(&self) -> bool {
        self.geo.is_some() || self.offload.is_some()
    }

    /// The clusters that there are, of so many brokers.
    pub(super) fn clusters(&self, brokers: u16) -> Vec<Cluster> {
        let nodes = |from: u16, to: u16, of: fn(u16) -> NodeId| (from..=to).map(of).collect();
        let Some(geo) = &self.geo else {
            let (brokers, bookies) =
                (nodes(1, brokers, NodeId::Broker), nodes(1, self.bookies, NodeId::Bookie));
            let (place, remote, first_ledger) = (None, None, 0);
            return [Cluster { store: STORE, brokers, bookies, place, remote, first_ledger }].into();
        };
        let (last_broker, last_bookie) =
            (brokers.saturating_sub(geo.brokers), self.bookies.saturating_sub(geo.bookies));
        let first: Vec<NodeId> = nodes(1, last_broker, NodeId::Broker);
        let second: Vec<NodeId> = nodes(last_broker + 1, brokers, NodeId::Broker);
        let place = Some(geo.second.clone());
        let remote = |here: &Name, there: &Name, place: Option<Name>, brokers: &[NodeId]| {
            let (here, there, brokers) = (here.clone(), there.clone(), brokers.to_vec());
            let (backoff, operation_timeout) = (self.patience.backoff, self.patience.operation_timeout);
            let keep_alive = self.patience.keep_alive;
            Some(Remote { here, there, place, brokers, backoff, operation_timeout, keep_alive })
        };
        let north = Cluster {
            store: STORE,
            bookies: nodes(1, last_bookie, NodeId::Bookie),
            place: None,
            remote: remote(&geo.first, &geo.second, place.clone(), &second),
            brokers: first.clone(),
            first_ledger: 0,
        };
        let south = Cluster {
            store: NodeId::Store,
            bookies: nodes(last_bookie + 1, self.bookies, NodeId::Bookie),
            place,
            remote: remote(&geo.second, &geo.first, None, &first),
            brokers: second,
            first_ledger: LEDGERS_OF_SECOND,
        };
        [north, south].into()
    }

    /// Where there are two clusters: what each is called, and its nodes.
    pub(in crate::sim) fn named_clusters(&self, brokers: u16) -> Vec<(Name, Vec<NodeId>)> {
        let Some(geo) = &self.geo else { return Vec::new() };
        let names = [&geo.first, &geo.second].into_iter().cloned();
        let nodes =
            |cluster: Cluster| [cluster.brokers, cluster.bookies, Vec::from([cluster.store])].concat();
        names.zip(self.clusters(brokers).into_iter().map(nodes)).collect()
    }

    /// A topic as those know it who are in a cluster: the first, unless it is said.
    pub(super) fn topic_in(&self, topic: &TopicName, cluster: Option<&Name>) -> TopicName {
        let second = self.geo.as_ref().map(|geo| &geo.second);
        topic.of_cluster(cluster.filter(|name| second == Some(name)).cloned())
    }

    /// Whether the clusters can be so.
    pub(super) fn check_geo(&self, brokers: u16) -> Result<(), String> {
        let Some(PulsarGeo { first, second, brokers: its, bookies }) = &self.geo else { return Ok(()) };
        if first == second {
            return Err(format!("both clusters are called {first}"));
        }
        if !(1..brokers).contains(its) {
            return Err(format!(
                "{its} of {brokers} brokers are of cluster {second}: each cluster needs one"
            ));
        }
        let ensemble = self.quorums.ensemble;
        if *bookies < ensemble || self.bookies < ensemble.saturating_add(*bookies) {
            return Err(format!(
                "{bookies} of {} bookies are of cluster {second}: each cluster needs the ensemble, {ensemble}",
                self.bookies
            ));
        }
        for cluster in [first, second] {
            Name::new(&format!("{REPLICATOR_PREFIX}.{cluster}"))
                .map_err(|_| format!("{cluster} is too long for the name of a cluster"))?;
        }
        Ok(())
    }

    /// Whether there is such a cluster.
    pub(super) fn check_cluster(&self, who: &str, cluster: Option<&Name>) -> Result<(), String> {
        let Some(cluster) = cluster else { return Ok(()) };
        match &self.geo {
            Some(geo) if [&geo.first, &geo.second].contains(&cluster) => Ok(()),
            Some(_) => Err(format!("{who} is in cluster {cluster}, which is not there")),
            None => Err(format!("{who} is in cluster {cluster}: say with \"geo\" which clusters there are")),
        }
    }
}
