//! How do messages travel? With a latency drawn from the seed, in order on each link, as over TCP.
//!
//! A connection belongs to two *incarnations*. When a process dies, what was on its way to it is lost, also if it
//! is started again before the arrival; the other side notices by the broken connection. When a machine loses
//! power nobody says anything: the other side notices only that no answer comes.
//!
//! What else can go wrong on the way stands in `core/src/sim/links.rs`: cuts, loss, and what comes twice or late.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::links::{Fate, Links, Way};
use super::scenario::Scenario;
use super::traffic::Traffic;
use super::wires::Wires;
use super::words::Words;
use crate::ids::{MessageId, NodeId};
use crate::observe::Parcel;
use crate::rng::{Rng, Stream};
use crate::sorted::{SortedMap, SortedSet};
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
    /// Whether it comes out of order: then it dies with its connection, and with its sender.
    is_stray: bool,
    pub(crate) message: Words,
}

/// What becomes of a message that was handed to the network.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) fate: Fate,
    /// When which packets arrive: one, or none, or one twice.
    pub(super) arrivals: [Option<(u64, Time)>; 2],
    /// When the connection breaks, because this message is missing in it.
    pub(super) breaks: Option<Time>,
    /// What it was, if something became of it.
    pub(super) what: Option<(Parcel, Vec<MessageId>)>,
}

/// Something that was on its way, and does not arrive.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    pub(super) way: Way,
    pub(super) what: Parcel,
    pub(super) messages: Vec<MessageId>,
}

/// The network.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    rng: Rng,
    latency: (Span, Span),
    wires: Wires,
    /// Packets in order of departure, from the oldest that is under way on; nothing where one has arrived since. A
    /// packet's number says where it stands.
    under_way: VecDeque<Option<Packet>>,
    last_packet: u64,
    pub(super) links: Links,
    /// The ways on which a cut swallowed something, so that the connection cannot go on.
    gaps: SortedSet<Way>,
    /// When which connection breaks, because something was lost in it.
    breaks: SortedMap<Way, Time>,
    /// What went between consumers and brokers.
    pub(super) traffic: Traffic,
}

impl Network {
    /// The network of a scenario.
    pub(super) fn new(scenario: &Scenario, seed: u64) -> Self {
        let latency = (Span(scenario.latency.0), Span(scenario.latency.1));
        let (wires, under_way, gaps, breaks) = Default::default();
        Self {
            rng: Rng::new(seed, Stream::Network),
            latency,
            wires,
            under_way,
            last_packet: 0,
            links: Links::new(scenario, seed),
            gaps,
            breaks,
            traffic: Traffic::default(),
        }
    }

    /// When something that leaves now arrives: not before what left earlier on the same link.
    fn arrival(&mut self, now: Time, from: NodeId, to: NodeId) -> Time {
        let latency = Span(self.rng.between(self.latency.0.0, self.latency.1.0));
        let extra = self.links.extra((from, to));
        let last = self.wires.last_arrival((from, to));
        *last = (now + latency + extra).max(*last + Span(1));
        *last
    }

    /// Sends a message; says what becomes of it.
    pub(super) fn send(&mut self, now: Time, (from, to): Way, incarnation: u64, message: Words) -> Sending {
        self.traffic.count(from, to, &message);
        let fate = self.links.fate((from, to), &message);
        let arrives = self.arrival(now, from, to);
        self.wires.connect((from, to));
        let what = (fate != Fate::Arrives).then(|| (message.parcel(), message.carried(to)));
        let mut sending = Sending { fate, arrivals: [None, None], breaks: None, what };
        let packet =
            Packet { id: 0, from, to, incarnation, departed: now, arrives, is_stray: false, message };
        match fate {
            Fate::Arrives => sending.arrivals[0] = Some(self.put(packet)),
            Fate::Cut => _ = self.gaps.insert((from, to)),
            Fate::Lost => sending.breaks = self.will_break(pair(from, to), arrives),
            Fate::Doubled => {
                let again = arrives + self.links.delay(self.latency.1);
                let double = Packet { arrives: again, is_stray: true, ..packet.clone() };
                sending.arrivals = [Some(self.put(packet)), Some(self.put(double))];
            }
            Fate::HeldUp => {
                let late = arrives + self.links.delay(self.latency.1);
                sending.arrivals[0] = Some(self.put(Packet { arrives: late, is_stray: true, ..packet }));
            }
        }
        sending
    }

    /// Puts a packet on its way.
    fn put(&mut self, packet: Packet) -> (u64, Time) {
        self.last_packet += 1;
        let (id, arrives) = (self.last_packet, packet.arrives);
        self.under_way.push_back(Some(Packet { id, ..packet }));
        (id, arrives)
    }

    /// A connection breaks at a moment, if it does not break before.
    fn will_break(&mut self, ends: Way, at: Time) -> Option<Time> {
        if self.breaks.get(&ends).is_some_and(|earlier| *earlier <= at) {
            return None;
        }
        self.breaks.insert(ends, at);
        Some(at)
    }

    /// The moment has come at which a connection should break. It does, unless it broke earlier, or a cut hides it.
    pub(super) fn is_to_break(&mut self, now: Time, (a, b): Way) -> bool {
        if self.breaks.get(&(a, b)) != Some(&now) {
            return false;
        }
        self.breaks.remove(&(a, b));
        let hidden: Vec<Way> = [(a, b), (b, a)].into_iter().filter(|way| self.links.is_cut(*way)).collect();
        let none = hidden.is_empty();
        self.gaps.extend(hidden);
        none
    }

    /// A connection is no more, at both ends: what was on its way in it is lost. Returns that, as far as it carried
    /// messages.
    pub(super) fn reset(&mut self, (a, b): Way) -> Vec<Gone> {
        let ends = pair(a, b);
        self.wires.disconnect(ends);
        self.breaks.remove(&ends);
        self.gaps.remove(&(a, b));
        self.gaps.remove(&(b, a));
        self.lose(|_, way| [(a, b), (b, a)].contains(&way))
    }

    /// A link was cut: what is on its way there does not arrive. Returns that, as far as it carried messages.
    pub(super) fn swallow(&mut self) -> Vec<Gone> {
        let ways: SortedSet<Way> = self.under_way().map(|packet| (packet.from, packet.to)).collect();
        self.gaps.extend(ways.into_iter().filter(|way| self.links.is_cut(*way)));
        self.lose(Links::is_cut)
    }

    fn lose(&mut self, is_lost: impl Fn(&Links, Way) -> bool) -> Vec<Gone> {
        let Self { under_way, links, .. } = self;
        let mut gone = Vec::new();
        for slot in under_way {
            let lost = slot.take_if(|packet| is_lost(links, (packet.from, packet.to)));
            if let Some(Packet { from, to, message, .. }) = lost {
                gone.push(Gone { way: (from, to), what: message.parcel(), messages: message.carried(to) });
            }
        }
        gone.retain(|gone| !gone.messages.is_empty());
        gone
    }

    /// A cut swallowed the word that a connection is broken.
    pub(super) fn swallow_hang_up(&mut self, way: Way) {
        self.gaps.insert(way);
    }

    /// The connections in which something is missing, and in which one could be told so: nothing is cut between their
    /// ends any more.
    pub(super) fn gaping(&self) -> Vec<Way> {
        let whole = |(a, b): &Way| !self.links.is_cut((*a, *b)) && !self.links.is_cut((*b, *a));
        let ends: SortedSet<Way> = self.gaps.iter().map(|&(a, b)| pair(a, b)).collect();
        ends.into_iter().filter(whole).collect()
    }

    /// A packet arrives: it is no longer under way.
    pub(crate) fn take(&mut self, id: u64) -> Option<Packet> {
        let first = self.last_packet + 1 - self.under_way.len() as u64;
        let at = id.checked_sub(first)?;
        let packet = self.under_way.get_mut(usize::try_from(at).ok()?)?.take();
        while let Some(None) = self.under_way.front() {
            self.under_way.pop_front();
        }
        packet
    }

    /// When the other side of a connection notices that it broke, if it leaves now.
    pub(crate) fn hang_up(&mut self, now: Time, from: NodeId, to: NodeId) -> Time {
        self.wires.disconnect((from, to));
        self.arrival(now, from, to)
    }

    /// A node is gone: what was on its way to it is lost. Returns those that it was connected with.
    pub(crate) fn disconnect(&mut self, node: NodeId) -> Vec<NodeId> {
        for slot in &mut self.under_way {
            slot.take_if(|packet| packet.to == node || packet.is_stray && packet.from == node);
        }
        self.breaks.retain(|&(a, b), _| a != node && b != node);
        self.wires.disconnect_all(node)
    }

    /// What has left since the packet of this number, and is on its way.
    pub(crate) fn under_way_after(&self, id: u64) -> impl Iterator<Item = &Packet> {
        let first = self.last_packet + 1 - self.under_way.len() as u64;
        let known = (id + 1).saturating_sub(first).min(self.under_way.len() as u64);
        self.under_way.range(known as usize..).flatten()
    }

    /// The number of the packet that left last; 0 before there was one.
    pub(crate) fn last_packet(&self) -> u64 {
        self.last_packet
    }

    /// Whether the packet of this number is on its way.
    pub(crate) fn is_under_way(&self, id: u64) -> bool {
        let first = self.last_packet + 1 - self.under_way.len() as u64;
        let at = id.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.under_way.get(at)).is_some_and(Option::is_some)
    }

    /// What is on its way, in order of departure.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Packet> {
        self.under_way.iter().flatten()
    }
}

/// The two ends of a connection, in order.
fn pair(a: NodeId, b: NodeId) -> Way {
    (a.min(b), a.max(b))
}
