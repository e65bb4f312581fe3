//! Who is there, does it run, and when does it want to be woken? The same questions for nodes of every kind.

use alloc::vec::Vec;

use super::agenda::Rank;
use super::wakes::Wakes;
use super::world::{BrokerProcess, Happening, Node, Power, World, index};
use crate::ids::NodeId;
use crate::time::{Span, Time};

impl World {
    /// Every node, in order.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        let brokers = (1..=self.brokers.len() as u16).map(NodeId::Broker);
        let producers = (1..=self.producers.len() as u16).map(NodeId::Producer);
        let consumers = (1..=self.consumers.len() as u16).map(NodeId::Consumer);
        let clients = producers.chain(consumers).chain(self.calls.nodes());
        let guests = self.guests.iter().map(|(node, _)| node);
        self.controllers.ids().iter().copied().chain(brokers).chain(clients).chain(guests).collect()
    }

    pub(super) fn power(&self, node: NodeId) -> Option<Power> {
        if let Some(guest) = self.guests.get(node) {
            return Some(guest.power);
        }
        match node {
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => None,
            NodeId::Controller | NodeId::Voter(_) => self.controllers.get(node).map(|node| node.power),
            NodeId::Broker(number) => self.brokers.get(index(number)).map(|node| node.power),
            NodeId::Producer(number) => self.producers.get(index(number)).map(|node| node.power),
            NodeId::Consumer(number) => self.consumers.get(index(number)).map(|node| node.power),
            NodeId::Service(_) | NodeId::User(_) => self.calls.power(node),
        }
    }

    pub(super) fn incarnation(&self, node: NodeId) -> u64 {
        if let Some(guest) = self.guests.get(node) {
            return guest.incarnation;
        }
        match node {
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => 0,
            NodeId::Controller | NodeId::Voter(_) => {
                self.controllers.get(node).map_or(0, |node| node.incarnation)
            }
            NodeId::Broker(number) => self.brokers[index(number)].incarnation,
            NodeId::Producer(number) => self.producers[index(number)].incarnation,
            NodeId::Consumer(number) => self.consumers[index(number)].incarnation,
            NodeId::Service(_) | NodeId::User(_) => self.calls.incarnation(node),
        }
    }

    pub(super) fn wakes(&mut self, node: NodeId) -> &mut Wakes {
        if let Some(guest) = self.guests.get_mut(node) {
            return &mut guest.wakes;
        }
        match node {
            // Nobody asks for whom there is not.
            NodeId::Controller
            | NodeId::Voter(_)
            | NodeId::Bookie(_)
            | NodeId::NameServer(_)
            | NodeId::Store => self.controllers.wakes(node),
            NodeId::Broker(number) => &mut self.brokers[index(number)].wakes,
            NodeId::Producer(number) => &mut self.producers[index(number)].wakes,
            NodeId::Consumer(number) => &mut self.consumers[index(number)].wakes,
            NodeId::Service(number) => &mut self.calls.services[index(number)].wakes,
            NodeId::User(number) => &mut self.calls.users[index(number)].wakes,
        }
    }

    pub(super) fn is_on(&self, node: NodeId, incarnation: u64) -> bool {
        if let Some(guest) = self.guests.get(node) {
            return guest.power == Power::On && guest.incarnation == incarnation;
        }
        self.power(node) == Some(Power::On) && self.incarnation(node) == incarnation
    }

    pub(super) fn plan_wake(&mut self, node: NodeId) {
        let wanted = match node {
            _ if let Some(guest) = self.guests.get(node) => guest.process.next_wakeup(),
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => None,
            NodeId::Controller | NodeId::Voter(_) => self.controllers.get(node).and_then(Node::next_wakeup),
            NodeId::Broker(number) => match &self.brokers[index(number)].process {
                BrokerProcess::Runs(broker) => broker.next_wakeup(),
                BrokerProcess::Disk(_) => None,
            },
            NodeId::Producer(number) => self.producers[index(number)].process.next_wakeup(),
            NodeId::Consumer(number) => self.consumers[index(number)].process.next_wakeup(),
            NodeId::Service(_) | NodeId::User(_) => self.calls.next_wakeup(node),
        };
        let wanted = wanted.map(|at| self.true_time(node, at));
        let now = self.now;
        if wanted.is_some_and(|at| at <= now) && self.wakes(node).comes_at(now) {
            return; // something else reached it in the same moment, and came first
        }
        // Never at this same moment: a node that asked for nothing better would stop the clock.
        self.wants_waking(node, wanted.map(|at| at.max(now + Span(1))));
    }

    pub(super) fn wants_waking(&mut self, node: NodeId, wanted: Option<Time>) {
        if let Some(at) = self.wakes(node).want(wanted) {
            let incarnation = self.incarnation(node);
            self.agenda.plan(at, Rank::Course, Happening::Wake { node, incarnation });
        }
    }
}
