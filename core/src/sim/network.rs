//! How do messages travel? With a latency drawn from the seed, in order on each link, as over TCP.
//!
//! A connection belongs to two *incarnations*. When a process dies, what was on its way to it is lost, also if it
//! is started again before the arrival; the other side notices by the broken connection. When a machine loses
//! power nobody says anything: the other side notices only that no answer comes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::traffic::Traffic;
use crate::broker::Message;
use crate::ids::NodeId;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) id: u64,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    /// Which start of the receiver it is for.
    pub(crate) incarnation: u64,
    pub(crate) departed: Time,
    pub(crate) arrives: Time,
    pub(crate) message: Message,
}

/// The network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    rng: Rng,
    latency: (Span, Span),
    last_arrival: BTreeMap<(NodeId, NodeId), Time>,
    connections: BTreeSet<(NodeId, NodeId)>,
    under_way: BTreeMap<u64, Packet>,
    last_packet: u64,
    /// What went between consumers and brokers.
    pub(super) traffic: Traffic,
}

impl Network {
    /// A network whose latencies lie between two spans.
    pub(crate) fn new(seed: u64, latency: (Span, Span)) -> Self {
        let (last_arrival, connections, under_way) = Default::default();
        Self {
            rng: Rng::new(seed, Stream::Network),
            latency,
            last_arrival,
            connections,
            under_way,
            last_packet: 0,
            traffic: Traffic::default(),
        }
    }

    /// When something that leaves now arrives: not before what left earlier on the same link.
    fn arrival(&mut self, now: Time, from: NodeId, to: NodeId) -> Time {
        let latency = Span(self.rng.between(self.latency.0.0, self.latency.1.0));
        let last = self.last_arrival.entry((from, to)).or_default();
        *last = (now + latency).max(*last + Span(1));
        *last
    }

    /// Sends a message; says under which number and when it arrives.
    pub(crate) fn send(
        &mut self,
        now: Time,
        (from, to): (NodeId, NodeId),
        incarnation: u64,
        message: Message,
    ) -> (u64, Time) {
        self.traffic.count(from, to, &message);
        let arrives = self.arrival(now, from, to);
        self.connections.insert((from.min(to), from.max(to)));
        self.last_packet += 1;
        let id = self.last_packet;
        self.under_way.insert(id, Packet { id, from, to, incarnation, departed: now, arrives, message });
        (id, arrives)
    }

    /// A packet arrives: it is no longer under way.
    pub(crate) fn take(&mut self, id: u64) -> Option<Packet> {
        self.under_way.remove(&id)
    }

    /// When the other side of a connection notices that it broke, if it leaves now.
    pub(crate) fn hang_up(&mut self, now: Time, from: NodeId, to: NodeId) -> Time {
        self.connections.remove(&(from.min(to), from.max(to)));
        self.arrival(now, from, to)
    }

    /// A node is gone: what was on its way to it is lost. Returns those that it was connected with.
    pub(crate) fn disconnect(&mut self, node: NodeId) -> Vec<NodeId> {
        self.under_way.retain(|_, packet| packet.to != node);
        let other = |&(a, b): &(NodeId, NodeId)| match (a == node, b == node) {
            (true, _) => Some(b),
            (_, true) => Some(a),
            _ => None,
        };
        let peers: Vec<NodeId> = self.connections.iter().filter_map(other).collect();
        self.connections.retain(|&(a, b)| a != node && b != node);
        peers
    }

    /// What is on its way, in order of departure.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Packet> {
        self.under_way.values()
    }
}
