//! How does RabbitMQ live in the lab? Its nodes are the brokers; publishers and consumers connect to one of them.

mod check;
mod consumer;
mod node;
mod promises;
mod publisher;
mod spec;
mod talk;
mod view;

pub use spec::{
    GivesBack, OnNack, RabbitmqLimit, RabbitmqQueue, RabbitmqSettings, RabbitmqSource, RabbitmqSpec,
    RabbitmqTarget, StreamOffset,
};

pub(super) use check::check;
pub(super) use promises::promises;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Guest, SystemSource, SystemTarget};
use crate::ids::NodeId;
use crate::raft::Timing;
use crate::routing::{RouteError, Router};
use crate::sim::Scenario;
use crate::systems::rabbitmq::cluster::{ClusterConfig, DeclaredQueue, FlowLimits, Limits};
use crate::systems::rabbitmq::{Counting, declare};

/// What every node is told.
fn config(spec: &RabbitmqSpec, scenario: &Scenario, seed: u64) -> Result<ClusterConfig, String> {
    let mut queues = Vec::new();
    for queue in &spec.queues {
        let kind = declare(&queue.arguments).map_err(|error| alloc::format!("{}: {error}", queue.name))?;
        queues.push(DeclaredQueue { name: queue.name.clone(), node: NodeId::Broker(queue.node), kind });
    }
    let RabbitmqSettings { heartbeat, net_tick, beat, patience, grace, ask_again, .. } = spec.settings;
    let settings = &spec.settings;
    let limit = |limit: &RabbitmqLimit| {
        let limits = Limits { memory_max: limit.memory_max(), disk: limit.disk };
        (NodeId::Broker(limit.node), limits)
    };
    Ok(ClusterConfig {
        nodes: (1..=scenario.brokers).map(NodeId::Broker).collect(),
        queues,
        heartbeat,
        net_tick,
        timing: Timing { beat, patience },
        grace,
        ask_again,
        counting: if settings.counts_nacks { Counting::Returns } else { Counting::Failures },
        limits: spec.limits.iter().map(limit).collect(),
        look_every: settings.check_every,
        flow: FlowLimits {
            credit: settings.credit_flow,
            commands: settings.quorum_commands_soft_limit,
            messages: settings.stream_messages_soft_limit,
        },
        seed,
    })
}

/// All exchanges and bindings.
fn router(spec: &RabbitmqSpec) -> Result<Router, RouteError> {
    let mut router = Router::new();
    for declaration in &spec.exchanges {
        router.declare(declaration.name.clone(), declaration.options.clone())?;
    }
    for queue in &spec.queues {
        router.add_queue(queue.name.clone());
    }
    for binding in &spec.bindings {
        router.bind(binding.clone())?;
    }
    Ok(router)
}

/// The nodes that a client connects to, in its order: those that it names, or all, another first for each.
fn nodes_of(named: &[u16], number: usize, brokers: u16) -> Vec<NodeId> {
    if !named.is_empty() {
        return named.iter().copied().map(NodeId::Broker).collect();
    }
    let mut all: Vec<NodeId> = (1..=brokers).map(NodeId::Broker).collect();
    all.rotate_left(number % usize::from(brokers).max(1));
    all
}

/// The nodes of a scenario that was checked.
pub(super) fn guests(spec: &RabbitmqSpec, scenario: &Scenario, seed: u64) -> Vec<(NodeId, Box<dyn Guest>)> {
    let (Ok(config), Ok(router)) = (config(spec, scenario, seed), router(spec)) else {
        return Vec::new(); // it was checked
    };
    let (config, router) = (Arc::new(config), Arc::new(router));
    let mut guests: Vec<(NodeId, Box<dyn Guest>)> = Vec::new();
    for &node in &config.nodes {
        guests.push((node, Box::new(node::NodeGuest::new(node, Arc::clone(&config), Arc::clone(&router)))));
    }
    for (at, (number, own)) in (1..).zip(&scenario.producers).enumerate() {
        if let Some(SystemTarget::Rabbitmq(to)) = own.to.system() {
            let nodes = nodes_of(&to.nodes, at, scenario.brokers);
            let stream = spec.is_stream(to.queue.as_ref());
            let guest = publisher::PublisherGuest::new(own, to, number, (nodes, stream), &config);
            guests.push((NodeId::Producer(number), Box::new(guest)));
        }
    }
    for (at, (number, own)) in (1..).zip(&scenario.consumers).enumerate() {
        if let Some(SystemSource::Rabbitmq(from)) = own.from.system() {
            let nodes = nodes_of(&from.nodes, at, scenario.brokers);
            let stream = spec.is_stream(Some(&from.queue));
            let guest = consumer::ConsumerGuest::new(own, from, number, (nodes, stream), &config);
            guests.push((NodeId::Consumer(number), Box::new(guest)));
        }
    }
    guests
}
