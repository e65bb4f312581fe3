//! How does RocketMQ live in the lab? Name servers, brokers in pairs of master and slave, producers, and consumers.
//!
//! ```text
//!   name-server-1 ◀── Register ── broker-1 broker-a/0 ── Copy ──▶ broker-2 broker-a/1
//!        ▲                            ▲        │
//!        │ Route?                Send │        │ Pulled
//!        └────────────── producer-1 ──┘        └──▶ consumer-1 (and Route?, too)
//! ```
//!
//! What each does stands in [`systems::rocketmq`](crate::systems::rocketmq). Here: what a scenario says (`spec`, `check`), who is
//! who (`chart`), the nodes (`names`, `broker`, `producer`, `consumer`), what is seen of them (`strips`, `talk`), and what is promised
//! (`promised`).

mod broker;
mod chart;
mod check;
mod client;
mod consumer;
mod names;
mod producer;
mod promised;
mod spec;
mod spec_broker;
mod strips;
mod talk;

pub(super) use check::check;
pub(super) use promised::promises;
pub use spec::{
    RocketmqBrokerSpec, RocketmqClientSpec, RocketmqControllerSpec, RocketmqReplication, RocketmqSend,
    RocketmqSource, RocketmqSpec, RocketmqTarget,
};
pub(crate) use talk::Carried;

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Guest, SystemSource, SystemTarget};
use crate::ids::NodeId;
use crate::sim::Scenario;
use crate::sim::scenario::{ConsumerSpec, ProducerSpec};

/// A process makes fewer requests than this: the numbers of the next one's begin behind.
const NUMBERS_OF_A_LIFE: u64 = 1 << 32;

/// What a list says for this turn, from 0; the list is used again and again.
fn in_turn<T>(list: &[T], turn: u64) -> Option<&T> {
    let turn = turn.checked_rem(list.len() as u64)?;
    list.get(usize::try_from(turn).ok()?)
}

/// The producers, and where they send.
fn producers(scenario: &Scenario) -> impl Iterator<Item = (&ProducerSpec, &RocketmqTarget)> {
    scenario.producers.iter().filter_map(|spec| match spec.to.system()? {
        SystemTarget::Rocketmq(to) => Some((spec, to)),
        _ => None,
    })
}

/// The consumers, and where they read.
fn readers(scenario: &Scenario) -> impl Iterator<Item = (&ConsumerSpec, &RocketmqSource)> {
    scenario.consumers.iter().filter_map(|spec| match spec.from.system()? {
        SystemSource::Rocketmq(from) => Some((spec, from)),
        _ => None,
    })
}

/// The nodes of a scenario that was checked.
pub(super) fn guests(spec: &RocketmqSpec, scenario: &Scenario, seed: u64) -> Vec<(NodeId, Box<dyn Guest>)> {
    let chart = chart::Chart::new(spec, scenario);
    let mut all: Vec<(NodeId, Box<dyn Guest>)> = Vec::new();
    for node in (1..=spec.name_servers).map(NodeId::NameServer) {
        all.push((node, Box::new(names::Names::new(node, chart.clone()))));
    }
    for number in 1..=scenario.brokers {
        all.push((NodeId::Broker(number), Box::new(broker::Keeper::new(number, chart.clone()))));
    }
    for (number, spec) in (1..).zip(producers(scenario)) {
        let shop = producer::Shop::new(number, spec, chart.clone(), seed);
        all.push((NodeId::Producer(number), Box::new(shop)));
    }
    for (number, spec) in (1..).zip(readers(scenario)) {
        let worker = consumer::Worker::new(number, spec, chart.clone(), seed);
        all.push((NodeId::Consumer(number), Box::new(worker)));
    }
    all
}
