//! Who is who in the cluster, and how is each set? What follows from the scenario, worked out once for all nodes.
//!
//! ```text
//!   brokers 6, slaves 1:   broker-1  broker-2  │  broker-3  broker-4  │  broker-5  broker-6
//!                          broker-a            │  broker-b            │  broker-c
//!                          0 master  1 slave   │  0 master  1 slave   │  0 master  1 slave
//! ```

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::spec::{RocketmqReplication, RocketmqSource, RocketmqSpec, RocketmqTarget};
use crate::ids::{Name, NodeId};
use crate::sim::Scenario;
use crate::sim::scenario::ConsumerSpec;
use crate::systems::rocketmq::broker::{BrokerSettings, Role};
use crate::systems::rocketmq::consumer::ConsumerSettings;
use crate::systems::rocketmq::controller::{Controller, Reign};
use crate::systems::rocketmq::delay::DelayLevels;
use crate::systems::rocketmq::filter::Subscription;
use crate::systems::rocketmq::numbering::Numbering;
use crate::systems::rocketmq::producer::ProducerSettings;
use crate::systems::rocketmq::sql::SqlFilter;
use crate::systems::rocketmq::store::StoreSettings;
use crate::systems::rocketmq::{SCHEDULE_TOPIC, Topic};
use crate::time::{Span, Time};

/// A long time: what is older is not in any run.
const FOR_EVER: Span = Span::from_millis(1_000 * 60 * 60 * 24 * 365);

/// The cluster.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) numbering: Numbering,
    /// The names of the brokers, one for each master and its slaves.
    names: Vec<Name>,
    /// How many brokers share a name.
    each: u16,
    name_servers: Vec<NodeId>,
    topics: BTreeMap<Topic, u32>,
    spec: RocketmqSpec,
    /// Clients come when brokers had the time to tell name servers of themselves.
    clients_start: Time,
}

/// The name of the brokers of this number, from 0.
fn broker_name(number: u16) -> Name {
    let letter =
        u8::try_from(number).ok().filter(|number| *number < 26).map(|number| char::from(b'a' + number));
    let text = letter.map_or_else(|| format!("broker-{number}"), |letter| format!("broker-{letter}"));
    Name::new(&text).expect("a legal name")
}

/// A topic of the scenario, whose name was checked.
pub(super) fn topic(name: &Name) -> Topic {
    Topic::new(name.as_str()).expect("the scenario's topics were checked")
}

impl Chart {
    /// That of a scenario that was checked.
    pub(super) fn new(spec: &RocketmqSpec, scenario: &Scenario) -> Arc<Self> {
        let each = spec.slaves + 1;
        let names: Vec<Name> = (0..scenario.brokers / each).map(broker_name).collect();
        let topics: BTreeMap<Topic, u32> =
            spec.topics.iter().map(|(name, queues)| (topic(name), *queues)).collect();
        let mut numbered = topics.clone();
        if let Ok(schedule) = Topic::new(SCHEDULE_TOPIC) {
            numbered.insert(schedule, spec.broker.levels.len() as u32);
        }
        Arc::new(Self {
            numbering: Numbering::new(names.clone(), numbered),
            names,
            each,
            name_servers: (1..=spec.name_servers).map(NodeId::NameServer).collect(),
            topics,
            spec: spec.clone(),
            clients_start: Time(scenario.latency.1.saturating_mul(3)),
        })
    }

    /// The name of a broker.
    pub(super) fn name(&self, node: NodeId) -> Option<&Name> {
        let NodeId::Broker(number) = node else { return None };
        self.names.get(usize::from(number.checked_sub(1)? / self.each))
    }

    /// When clients of the scenario's beginning come.
    pub(super) fn clients_start(&self) -> Time {
        self.clients_start
    }

    pub(super) fn broker_expires(&self) -> Span {
        self.spec.broker_expires
    }

    /// How the broker of this number is set.
    pub(super) fn broker(&self, number: u16) -> BrokerSettings {
        let spec = &self.spec.broker;
        let id = (number - 1) % self.each;
        let name = broker_name((number - 1) / self.each);
        let role = match (id, spec.replication) {
            (0, RocketmqReplication::Async) => Role::AsyncMaster,
            (0, RocketmqReplication::Sync) => Role::SyncMaster,
            _ => Role::Slave(NodeId::Broker(number - id)),
        };
        let settings = BrokerSettings {
            role,
            flush: spec.flush,
            topics: self.topics.clone(),
            numbering: self.numbering.clone(),
            name_servers: self.name_servers.clone(),
            store: StoreSettings {
                file_bytes: spec.file_bytes,
                levels: DelayLevels::new(spec.levels.clone()).unwrap_or_default(),
                reserved: spec.reserved.unwrap_or(FOR_EVER),
                delete_hour: 0, // a run lies in the first hour of a day
                disk_bytes: spec.disk_bytes,
                memory_bytes: spec.memory_bytes,
                ..StoreSettings::default()
            },
            flush_every: spec.flush_every,
            flush_least_pages: spec.flush_least_pages,
            flush_all_every: spec.flush_all_every,
            flush_timeout: spec.flush_timeout,
            slave_timeout: spec.slave_timeout,
            slave_gap_max: spec.slave_gap_max,
            slave_reports_every: spec.slave_reports_every,
            slave_expires: spec.slave_expires,
            hold_max: spec.hold_max,
            hold_check_every: spec.hold_check_every,
            persist_every: spec.persist_every,
            lock_expires: spec.lock_expires,
            register_every: spec.register_every,
            client_expires: spec.client_expires,
            check_every: spec.check_every,
            check_after: spec.check_after,
            checks_max: spec.checks_max,
            revive_every: spec.revive_every,
            clean_every: spec.clean_every,
            ..BrokerSettings::new(name, id.into())
        };
        let Some(controller) = &self.spec.controller else { return settings };
        let as_master = match spec.replication {
            RocketmqReplication::Async => Role::AsyncMaster,
            RocketmqReplication::Sync => Role::SyncMaster,
        };
        BrokerSettings {
            alive_every: controller.alive_every,
            catch_up_max: controller.catch_up_max,
            as_master,
            ..settings.under(NodeId::NameServer(1), NodeId::Broker(number))
        }
    }

    /// The controller, if this node has it.
    pub(super) fn controller(&self, node: NodeId) -> Option<Controller> {
        let spec = self.spec.controller.as_ref().filter(|_| node == NodeId::NameServer(1))?;
        let reign = |(name, number): (&Name, u16)| {
            let first = number * self.each + 1;
            let members = (first..first + self.each).map(NodeId::Broker).collect();
            (name.clone(), (Reign::new(NodeId::Broker(first)), members))
        };
        Some(Controller::new(spec.expires, self.names.iter().zip(0..).map(reign).collect()))
    }

    /// How a producer is set.
    pub(super) fn producer(&self, to: &RocketmqTarget) -> ProducerSettings {
        let group = to.group.clone().unwrap_or_else(|| Name::new("producers").expect("a legal name"));
        ProducerSettings {
            topics: BTreeSet::from([topic(&to.topic)]),
            name_servers: self.name_servers.clone(),
            attempts: to.attempts,
            timeout: to.timeout,
            avoids_slow: to.avoids_slow,
            retries_unsafe: to.retries_unsafe,
            routes_every: to.routes_every,
            route_timeout: to.timeout,
            heartbeat_every: to.heartbeat_every,
            numbering: self.numbering.clone(),
            ..ProducerSettings::new(group)
        }
    }

    /// How a consumer is set.
    pub(super) fn consumer(&self, spec: &ConsumerSpec, from: &RocketmqSource) -> ConsumerSettings {
        let client = &from.client;
        ConsumerSettings {
            subscriptions: BTreeMap::from([(topic(&from.topic), wants(from))]),
            model: from.model,
            order: from.order,
            from: from.first,
            strategy: from.strategy,
            name_servers: self.name_servers.clone(),
            at_once: spec.program.workers.max(1).into(),
            count: client.count,
            cached_max: client.cached_max as usize,
            local_delay: Span(client.suspend.0.saturating_mul(5)),
            failure_delay: client.failure_delay,
            suspend: client.suspend,
            retries_max: client.retries_max,
            rebalance_every: client.rebalance_every,
            lock_every: client.lock_every,
            lock_holds: Span(client.lock_every.0.saturating_mul(3) / 2),
            commit_every: client.commit_every,
            heartbeat_every: client.heartbeat_every,
            routes_every: client.routes_every,
            route_timeout: client.timeout,
            timeout: client.timeout,
            pull_timeout: client.pull_timeout,
            numbering: self.numbering.clone(),
            ..ConsumerSettings::new(from.group.clone())
        }
    }
}

/// What a consumer wants, whose words were checked.
pub(super) fn wants(from: &RocketmqSource) -> Subscription {
    match (&from.tags, &from.sql) {
        (Some(tags), _) => Subscription::tags(tags).unwrap_or_default(),
        (None, Some(sql)) => SqlFilter::parse(sql).map_or(Subscription::All, Subscription::Sql),
        (None, None) => Subscription::All,
    }
}
