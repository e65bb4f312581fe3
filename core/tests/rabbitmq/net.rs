//! A small network of a quorum queue's members and their clients: it loses, doubles, delays and cuts.

use std::collections::BTreeMap;

use mqlab_core::ids::{Name, NodeId, Offset};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::rabbitmq::{Fifo, FifoOptions, QuorumConfig, QuorumMessage, QuorumQueue};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

pub(crate) type Disk = FaultyStorage<MemoryStorage>;
pub(crate) type Member = QuorumQueue<Disk>;

pub(crate) enum Machine {
    Runs(Box<Member>),
    Dead(Disk),
}

pub(crate) struct Net {
    pub(crate) members: Vec<NodeId>,
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    options: FifoOptions,
    /// Messages by the moment of their arrival.
    mail: BTreeMap<(Time, u64), (NodeId, NodeId, QuorumMessage)>,
    sent: u64,
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    /// How many of a hundred messages are lost, and doubled.
    pub(crate) loss: u64,
    /// Links on which nothing passes, one way each.
    pub(crate) cut: Vec<(NodeId, NodeId)>,
    /// The state at each place of the log: the same for whoever comes there.
    states: BTreeMap<Offset, Fifo>,
    /// How seldom a member dies in the middle of what it does; 0 for never.
    pub(crate) dies_one_in: u64,
}

pub(crate) fn queue_name() -> Name {
    Name::new("orders").expect("a legal name")
}

impl Net {
    pub(crate) fn new(seed: u64, count: u16, options: FifoOptions) -> Self {
        let members: Vec<NodeId> = (1..=count).map(NodeId::Broker).collect();
        let mut net = Self {
            machines: members.iter().map(|&node| (node, Machine::Dead(Disk::default()))).collect(),
            members: members.clone(),
            options,
            mail: BTreeMap::new(),
            sent: 0,
            now: Time::ZERO,
            rng: Rng::new(seed, Stream::Workload),
            loss: 0,
            cut: Vec::new(),
            states: BTreeMap::new(),
            dies_one_in: 0,
        };
        members.iter().for_each(|&node| net.start(node));
        net
    }

    pub(crate) fn start(&mut self, node: NodeId) {
        let Some(Machine::Dead(disk)) = self.machines.get_mut(&node) else { return };
        let (disk, rng) = (std::mem::take(disk), Rng::new(self.rng.below(u64::MAX), Stream::Elections));
        let options = self.options.clone();
        let config = QuorumConfig { options, ..QuorumConfig::new(queue_name(), node, self.members.clone()) };
        let member = QuorumQueue::open(disk, config, rng, self.now).expect("its disk opens");
        self.machines.insert(node, Machine::Runs(Box::new(member)));
    }

    /// A member dies; with its power goes what it had not flushed.
    pub(crate) fn stop(&mut self, node: NodeId) {
        match self.machines.remove(&node) {
            Some(Machine::Runs(member)) => {
                let mut disk = member.close().expect("memory closes its logs");
                let rng = &mut self.rng;
                disk.cut_power(|_, tail| rng.between(0, tail)).expect("memory can be cut");
                self.machines.insert(node, Machine::Dead(disk));
            }
            Some(dead) => drop(self.machines.insert(node, dead)),
            None => {}
        }
    }

    pub(crate) fn any_member(&mut self) -> NodeId {
        self.members[self.rng.below(self.members.len() as u64) as usize]
    }

    pub(crate) fn member(&self, node: NodeId) -> Option<&Member> {
        match self.machines.get(&node) {
            Some(Machine::Runs(member)) => Some(member),
            _ => None,
        }
    }

    pub(crate) fn give(&mut self, node: NodeId, input: Input<QuorumMessage>) {
        let now = self.now;
        let Some(Machine::Runs(member)) = self.machines.get_mut(&node) else { return };
        let mut out = Out::default();
        member.handle(now, input, &mut out);
        if self.dies_one_in > 0 && self.rng.below(self.dies_one_in) == 0 {
            return self.stop(node); // before it has flushed, and nothing was sent
        }
        member.settle(now, &mut out).expect("memory does not fail");
        let state = self.states.entry(member.applied()).or_insert_with(|| member.state().clone());
        assert_eq!(&*state, member.state(), "{node} has another state at {:?}", member.applied());
        for (to, message) in out.sends {
            self.send(node, to, message.load().expect("memory does not fail"));
        }
    }

    pub(crate) fn send(&mut self, from: NodeId, to: NodeId, message: QuorumMessage) {
        let copies = match self.rng.below(100) {
            chance if chance < self.loss => 0,
            chance if chance < self.loss * 2 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let most = if self.loss > 0 && self.rng.below(20) == 0 { 60_000 } else { 3_000 };
            let at = self.now + Span(self.rng.between(300, most));
            self.sent += 1;
            self.mail.insert((at, self.sent), (from, to, message.clone()));
        }
    }

    /// Lets the next thing happen until a moment; hands out what comes to a client.
    pub(crate) fn step(&mut self, until: Time) -> Option<(NodeId, NodeId, QuorumMessage)> {
        let wakes = self.members.iter().filter_map(|&node| Some((self.member(node)?.next_wakeup()?, node)));
        let wake = wakes.min().filter(|(at, _)| *at <= until);
        let mail = self.mail.first_key_value().map(|(&(at, _), _)| at).filter(|at| *at <= until);
        match (wake, mail) {
            (Some((at, node)), mail) if mail.is_none_or(|mail| at < mail) => {
                self.now = self.now.max(at);
                self.give(node, Input::Wake);
                // A clock goes on, also for who has just died.
                self.now = self.now + Span(1);
                None
            }
            (_, Some(at)) => {
                self.now = self.now.max(at);
                let (_, (from, to, message)) = self.mail.pop_first().expect("it was there");
                if self.cut.contains(&(from, to)) {
                    return None;
                }
                if matches!(to, NodeId::Broker(_)) {
                    self.give(to, Input::Message { from, message });
                    return None;
                }
                Some((from, to, message))
            }
            _ => {
                self.now = self.now.max(until);
                None
            }
        }
    }
}
