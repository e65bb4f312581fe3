//! The part of a world that needs no broker: users, and the services that they call.

use alloc::vec::Vec;

use super::picture::{ServiceView, UserView};
use super::scenario::Scenario;
use super::service::Service;
use super::service_spec::{StepSpec, needed_of};
use super::user::User;
use super::world::{Node, Power, index};
use crate::broker::{Input, Out};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Ledger, Metrics};
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// Users and services.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(super) services: Vec<Node<Service>>,
    pub(super) users: Vec<Node<User>>,
    /// What each service's work is drawn from.
    seeds: Vec<u64>,
    /// The number of the last order.
    orders: u64,
    /// When an order is really done.
    pub(super) ledger: Ledger,
}

impl Calls {
    /// Those of a scenario that was checked.
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let mut chance = Rng::new(seed, Stream::Services);
        let seeds: Vec<u64> = scenario.services.iter().map(|_| chance.below(u64::MAX)).collect();
        let mut ledger = Ledger::default();
        let numbered = (1..).map(NodeId::Service).zip(&scenario.services);
        for (node, spec) in numbered {
            if let Some(from) = &spec.from {
                ledger.learn_reader(node, needed_of(from));
            }
        }
        let services = (1..=scenario.services.len() as u16).zip(&seeds);
        let users = (1..).map(NodeId::User).zip(&scenario.users).filter_map(|(node, spec)| {
            ledger.learn(node, scenario.needed_by(spec));
            Some(Node::new(User::new(node, spec, scenario.service(&spec.calls)?)))
        });
        let users = users.collect();
        Self {
            services: services.map(|(number, &seed)| Node::new(start(scenario, number, seed))).collect(),
            users,
            seeds,
            orders: 0,
            ledger,
        }
    }

    /// Every one of them, in order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let services = (1..=self.services.len() as u16).map(NodeId::Service);
        services.chain((1..=self.users.len() as u16).map(NodeId::User))
    }

    /// Whether the process of one of them runs.
    pub(super) fn power(&self, node: NodeId) -> Option<Power> {
        match node {
            NodeId::Service(number) => self.services.get(index(number)).map(|node| node.power),
            NodeId::User(number) => self.users.get(index(number)).map(|node| node.power),
            _ => None,
        }
    }

    /// How often one of them was started.
    pub(super) fn incarnation(&self, node: NodeId) -> u64 {
        match node {
            NodeId::Service(number) => self.services[index(number)].incarnation,
            NodeId::User(number) => self.users[index(number)].incarnation,
            _ => 0,
        }
    }

    /// Hands an input to one of them; `mint` numbers a new message.
    pub(super) fn hand(
        &mut self,
        now: Time,
        node: NodeId,
        input: Input,
        mint: &mut dyn FnMut() -> MessageId,
        out: &mut Out,
    ) {
        match node {
            NodeId::Service(number) => {
                self.services[index(number)].process.handle(now, input, mint, out);
            }
            NodeId::User(number) => {
                self.users[index(number)].process.handle(now, &input, &mut self.orders, out);
            }
            _ => {}
        }
    }

    /// When one of them wants to be woken.
    pub(super) fn next_wakeup(&self, node: NodeId) -> Option<Time> {
        match node {
            NodeId::Service(number) => self.services[index(number)].process.next_wakeup(),
            NodeId::User(number) => self.users[index(number)].process.next_wakeup(),
            _ => None,
        }
    }

    /// A crowd asks so often from now on.
    pub(super) fn ask_every(&mut self, now: Time, number: u16, every: Span) {
        self.users[index(number)].process.ask_every(now, every);
    }

    /// A service works so long on what it begins from now on.
    pub(super) fn work_for(&mut self, number: u16, span: Span) {
        self.services[index(number)].process.work_for(span);
    }

    /// A service's process is gone. Users do not die.
    pub(super) fn stop(&mut self, node: NodeId, power: Power) {
        if let NodeId::Service(number) = node {
            self.services[index(number)].power = power;
        }
    }

    /// A service's process starts again, and remembers nothing.
    pub(super) fn start(&mut self, scenario: &Scenario, node: NodeId) {
        if let NodeId::Service(number) = node {
            let slot = &mut self.services[index(number)];
            let incarnation = slot.incarnation + 1;
            let process = start(scenario, number, self.seeds[index(number)]);
            *slot = Node { incarnation, ..Node::new(process) };
        }
    }

    /// What the services look like.
    pub(super) fn service_views(&self, metrics: &Metrics) -> Vec<ServiceView> {
        let numbered = (1..).map(NodeId::Service).zip(&self.services);
        let counts = |node| metrics.orders.services.get(&node).copied().unwrap_or_default();
        numbered.map(|(node, slot)| slot.process.view(slot.power == Power::On, counts(node))).collect()
    }

    /// What the crowds look like.
    pub(super) fn user_views(&self) -> Vec<UserView> {
        self.users.iter().map(|slot| slot.process.view()).collect()
    }
}

/// A service's new process.
fn start(scenario: &Scenario, number: u16, seed: u64) -> Service {
    let spec = &scenario.services[index(number)];
    let brokers: Vec<NodeId> = (1..=scenario.brokers).map(NodeId::Broker).collect();
    let callee = |step: &StepSpec| match step {
        StepSpec::Call { service, .. } => scenario.service(service),
        StepSpec::Send { .. } | StepSpec::Notify => None,
    };
    let callees = spec.then.iter().map(callee).collect();
    Service::new(NodeId::Service(number), spec, callees, seed, &scenario.settings, &brokers)
}
