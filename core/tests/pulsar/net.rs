//! A small cluster on one clock: a message takes a millisecond, processes die and come back, links can be held up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, PulsarEvent};
use mqlab_core::record::NewRecord;
use mqlab_core::systems::pulsar::ledger::{Bookie, LedgerId};
use mqlab_core::systems::pulsar::{
    AutoRecovery, AutoRecoverySettings, BrokerSettings, ConsumerSettings, InHand, Message, MetadataStore,
    PulsarBroker, PulsarConsumer, PulsarProducer, Remote, TopicName,
};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

pub(crate) const STORE: NodeId = NodeId::Controller;
/// Of the second cluster, where there is one.
pub(crate) const SOUTH: NodeId = NodeId::Store;
pub(crate) const WAY: Span = Span::from_millis(1);
pub(crate) const SESSION: Span = Span::from_millis(300);

pub(crate) fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

pub(crate) fn broker(number: u16) -> NodeId {
    NodeId::Broker(number)
}

pub(crate) fn bookie(number: u16) -> NodeId {
    NodeId::Broker(100 + number)
}

pub(crate) fn topic(name: &str) -> TopicName {
    name.parse().expect("a topic")
}

pub(crate) fn record(id: u64) -> NewRecord {
    NewRecord { value: Some(format!("{id}").into()), ..NewRecord::default() }.with_id(MessageId(id))
}

/// What a program does with what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Acknowledges,
    AcknowledgesAllBefore,
    Fails,
    Waits,
}

pub(crate) struct Reader {
    pub(crate) consumer: PulsarConsumer,
    pub(crate) program: Program,
    pub(crate) seen: Vec<(u64, u32)>,
    pub(crate) in_hand: VecDeque<InHand>,
    pub(crate) dead: Vec<TopicName>,
}

enum Node {
    Store(MetadataStore<MemoryStorage>),
    Bookie(Bookie<MemoryStorage>, Option<Box<AutoRecovery>>),
    Broker(Box<PulsarBroker>),
    Producer(Box<PulsarProducer>),
    Consumer(Box<Reader>),
}

pub(crate) struct Net {
    pub(crate) now: Time,
    settings: BrokerSettings,
    nodes: BTreeMap<NodeId, Node>,
    disks: BTreeMap<NodeId, MemoryStorage>,
    agenda: BTreeMap<(Time, u64), (NodeId, Input<Message>)>,
    sent: u64,
    /// Who is frozen: it neither hears nor wakes, and finds everything later.
    frozen: BTreeSet<NodeId>,
    /// Whose machine is off: nobody is told, and nobody answers.
    dark: BTreeSet<NodeId>,
    /// How long everybody bears silence.
    keep_alive: Span,
    bookies: Vec<NodeId>,
    /// Those of the second cluster.
    south: Option<(Vec<NodeId>, Vec<NodeId>)>,
    /// Where ledgers are offloaded to.
    objects: Option<NodeId>,
    /// Whether bookies copy what one that is gone had.
    recovery: Option<AutoRecoverySettings>,
    /// Between whom nothing passes.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// How often each node was started.
    lives: BTreeMap<NodeId, u64>,
    /// Whom clients that are added ask.
    pub(crate) brokers: Vec<NodeId>,
    /// What producers were told is stored.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// Commands that reached brokers, of the kinds that tests count.
    pub(crate) flows: Vec<u32>,
    /// What happened that only Pulsar has, by node.
    pub(crate) facts: Vec<(NodeId, PulsarEvent)>,
}

impl Net {
    /// Two clusters, north and south, each with so many; each gets what the other is sent.
    pub(crate) fn two(brokers: u16, bookies: u16, settings: BrokerSettings) -> Self {
        let mut net = Self::new(0, 0, settings);
        let all = |count: u16, of: fn(u16) -> NodeId| {
            ((1..=count).map(of).collect(), (count + 1..=2 * count).map(of).collect())
        };
        let (north_brokers, south_brokers): (Vec<NodeId>, Vec<NodeId>) = all(brokers, broker);
        let (north_bookies, south_bookies): (Vec<NodeId>, Vec<NodeId>) = all(bookies, bookie);
        let store = MetadataStore::open(MemoryStorage::default(), SESSION, Time::ZERO).expect("opens");
        net.nodes.insert(SOUTH, Node::Store(store));
        (net.brokers, net.bookies) = (north_brokers.clone(), north_bookies.clone());
        net.south = Some((south_brokers.clone(), south_bookies.clone()));
        for node in [north_bookies, south_bookies, north_brokers, south_brokers].concat() {
            net.disks.insert(node, MemoryStorage::default());
            net.start(node);
        }
        net
    }

    /// Nothing passes between two nodes any more, and whoever tries is told.
    pub(crate) fn sever(&mut self, a: NodeId, b: NodeId) {
        self.cut.extend([(a, b), (b, a)]);
        self.agenda.retain(|_, (to, input)| match input {
            Input::Message { from, .. } => !self.cut.contains(&(*from, *to)),
            _ => true,
        });
        self.later(WAY, a, Input::HangUp { peer: b });
        self.later(WAY, b, Input::HangUp { peer: a });
    }

    pub(crate) fn mend(&mut self, a: NodeId, b: NodeId) {
        self.cut.remove(&(a, b));
        self.cut.remove(&(b, a));
    }

    /// How many entries of a topic a subscription has not done yet, at a broker.
    pub(crate) fn backlog(&self, node: NodeId, subscription: &str) -> u64 {
        let Some(Node::Broker(broker)) = self.nodes.get(&node) else { panic!("{node} is no broker") };
        let all = broker.look(0).flat_map(|topic| topic.subscriptions);
        let its = all.filter(|it| it.name.as_str() == subscription);
        its.map(|it| it.backlog).sum()
    }

    pub(crate) fn new(brokers: u16, bookies: u16, settings: BrokerSettings) -> Self {
        let store = MetadataStore::open(MemoryStorage::default(), SESSION, Time::ZERO).expect("opens");
        let mut net = Self {
            now: Time::ZERO,
            settings: BrokerSettings { ping: ms(100), quarantine: ms(500), ..settings },
            nodes: BTreeMap::from([(STORE, Node::Store(store))]),
            disks: BTreeMap::new(),
            agenda: BTreeMap::new(),
            sent: 0,
            frozen: BTreeSet::new(),
            dark: BTreeSet::new(),
            keep_alive: settings.keep_alive,
            bookies: (1..=bookies).map(bookie).collect(),
            south: None,
            objects: settings.topics.ledgers.offload.map(|offload| offload.to),
            recovery: None,
            cut: BTreeSet::new(),
            lives: BTreeMap::new(),
            brokers: (1..=brokers).map(broker).collect(),
            acknowledged: BTreeSet::new(),
            flows: Vec::new(),
            facts: Vec::new(),
        };
        for node in net.bookies.clone().into_iter().chain(net.objects).chain(net.brokers.clone()) {
            net.disks.insert(node, MemoryStorage::default());
            net.start(node);
        }
        net
    }

    /// The same, with bookies that copy what one that is gone had.
    pub(crate) fn with_recovery(mut self, settings: AutoRecoverySettings) -> Self {
        self.recovery = Some(settings);
        for node in self.bookies.clone() {
            let beside = AutoRecovery::new(node, STORE, settings, &self.bookies);
            if let Some(Node::Bookie(_, recovery)) = self.nodes.get_mut(&node) {
                *recovery = Some(Box::new(beside));
            }
        }
        self
    }

    /// The disk of a bookie that is down is replaced by an empty one.
    pub(crate) fn burn(&mut self, node: NodeId) {
        self.disks.insert(node, MemoryStorage::default());
    }

    pub(crate) fn start(&mut self, node: NodeId) {
        if self.nodes.contains_key(&node) {
            return;
        }
        let started = if node == STORE {
            let disk = self.disks.remove(&node).expect("it was stopped");
            Node::Store(MetadataStore::open(disk, SESSION, self.now).expect("what it has is its own"))
        } else if self.bookies.contains(&node)
            || self.objects == Some(node)
            || self.south.as_ref().is_some_and(|(_, bookies)| bookies.contains(&node))
        {
            let disk = self.disks.remove(&node).expect("it was stopped");
            let recovery = self.recovery.filter(|_| self.bookies.contains(&node));
            let recovery = recovery.map(|settings| {
                Box::new(AutoRecovery::new(node, STORE, settings, &self.bookies).at(self.now))
            });
            Node::Bookie(Bookie::open(disk).expect("what it has is a journal"), recovery)
        } else {
            Node::Broker(Box::new(self.new_broker(node).at(self.now)))
        };
        self.dark.remove(&node);
        self.nodes.insert(node, started);
        self.later(WAY, node, Input::Wake);
    }

    fn new_broker(&mut self, node: NodeId) -> PulsarBroker {
        let life = self.lives.entry(node).or_default();
        *life += 1;
        let Some((brokers, bookies)) = &self.south else {
            return PulsarBroker::new(node, STORE, self.settings, &self.bookies);
        };
        let (north, south) = (Name::new("north").expect("a name"), Name::new("south").expect("a name"));
        let is_south = brokers.contains(&node);
        let (here, there, others) =
            if is_south { (south, north, &self.brokers) } else { (north, south, brokers) };
        let remote = Remote {
            here,
            there,
            place: None,
            brokers: others.clone(),
            backoff: ms(20),
            operation_timeout: ms(200),
            keep_alive: self.keep_alive,
        };
        let (store, own) = if is_south { (SOUTH, bookies) } else { (STORE, &self.bookies) };
        PulsarBroker::new(node, store, self.settings, own).with_remote(remote, *life * 100_000_000)
    }

    /// The power of a machine goes: what was under way to it is lost, and nobody notices.
    pub(crate) fn darken(&mut self, node: NodeId) {
        match self.nodes.remove(&node) {
            Some(Node::Bookie(bookie, _)) => {
                self.disks.insert(node, bookie.into_storage().expect("memory closes"));
            }
            Some(Node::Store(store)) => {
                self.disks.insert(node, store.into_storage().expect("memory closes"));
            }
            _ => {}
        }
        self.agenda.retain(|_, (to, _)| *to != node);
        self.dark.insert(node);
    }

    /// A process dies; what was under way to and from it is lost, and everybody notices.
    pub(crate) fn crash(&mut self, node: NodeId) {
        if let Some(Node::Bookie(bookie, _)) = self.nodes.remove(&node) {
            self.disks.insert(node, bookie.into_storage().expect("memory closes"));
        }
        self.agenda.retain(|_, (to, input)| {
            *to != node && !matches!(input, Input::Message { from, .. } if *from == node)
        });
        let others: Vec<NodeId> = self.nodes.keys().copied().collect();
        others.into_iter().for_each(|other| self.later(WAY, other, Input::HangUp { peer: node }));
    }

    pub(crate) fn freeze(&mut self, node: NodeId) {
        self.frozen.insert(node);
    }

    pub(crate) fn thaw(&mut self, node: NodeId) {
        self.frozen.remove(&node);
        let late: Vec<(Time, u64)> =
            self.agenda.iter().filter(|(_, (to, _))| *to == node).map(|(at, _)| *at).collect();
        for at in late {
            if let Some(input) = self.agenda.remove(&at) {
                self.agenda.insert((at.0.max(self.now), at.1), input);
            }
        }
    }

    fn later(&mut self, span: Span, to: NodeId, input: Input<Message>) {
        self.sent += 1;
        self.agenda.insert((self.now + span, self.sent), (to, input));
    }

    pub(crate) fn add_producer(&mut self, number: u16, name: &str, to: &str) -> NodeId {
        let node = NodeId::Producer(number);
        let producer = PulsarProducer::new(topic(to), name, u64::from(number) * 1_000, self.brokers.clone());
        let producer = producer.expect("a short name").with_waits(ms(20), ms(200), ms(60_000));
        let producer = producer.with_keep_alive(self.keep_alive);
        self.nodes.insert(node, Node::Producer(Box::new(producer)));
        self.later(Span::ZERO, node, Input::Wake);
        node
    }

    pub(crate) fn add_consumer(
        &mut self,
        number: u16,
        of: &str,
        subscription: &str,
        settings: ConsumerSettings,
        program: Program,
    ) -> NodeId {
        let node = NodeId::Consumer(number);
        let settings = ConsumerSettings {
            backoff: ms(20),
            operation_timeout: ms(200),
            ack_group: ms(5),
            keep_alive: self.keep_alive,
            ..settings
        };
        let (name, first) = (Name::new(subscription).expect("a name"), u64::from(number) * 1_000);
        let consumer =
            PulsarConsumer::new(topic(of), name, settings, first, self.brokers.clone()).expect("short");
        let reader =
            Reader { consumer, program, seen: Vec::new(), in_hand: VecDeque::new(), dead: Vec::new() };
        self.nodes.insert(node, Node::Consumer(Box::new(reader)));
        self.later(Span::ZERO, node, Input::Wake);
        node
    }

    pub(crate) fn reader(&mut self, node: NodeId) -> &mut Reader {
        match self.nodes.get_mut(&node) {
            Some(Node::Consumer(reader)) => reader,
            _ => panic!("{node} is no consumer"),
        }
    }

    pub(crate) fn ids(&mut self, node: NodeId) -> Vec<u64> {
        self.reader(node).seen.iter().map(|(id, _)| *id).collect()
    }

    pub(crate) fn pending(&self, node: NodeId) -> usize {
        match self.nodes.get(&node) {
            Some(Node::Producer(producer)) => producer.pending(),
            _ => panic!("{node} is no producer"),
        }
    }

    pub(crate) fn held(&self, node: NodeId) -> BTreeMap<LedgerId, Vec<u64>> {
        match self.nodes.get(&node) {
            Some(Node::Bookie(bookie, _)) => {
                bookie.entries().map(|(ledger, all)| (ledger, all.collect())).collect()
            }
            _ => BTreeMap::new(),
        }
    }

    /// Who serves a topic, or takes itself for whom does.
    pub(crate) fn servers(&self, of: &str) -> Vec<NodeId> {
        let serves =
            |node: &Node| matches!(node, Node::Broker(broker) if broker.topics().any(|it| *it == topic(of)));
        self.nodes.iter().filter(|(_, node)| serves(node)).map(|(node, _)| *node).collect()
    }

    pub(crate) fn send(&mut self, node: NodeId, records: Vec<NewRecord>) -> u64 {
        let (now, mut out) = (self.now, Out::default());
        let sequence = match self.nodes.get_mut(&node) {
            Some(Node::Producer(producer)) => producer.send(now, records, &mut out).expect("small"),
            _ => panic!("{node} is no producer"),
        };
        self.carry(node, out);
        sequence
    }

    /// The program of a consumer does with the oldest message in its hands what it is told.
    pub(crate) fn finish(&mut self, node: NodeId, program: Program) {
        let (now, mut out) = (self.now, Out::default());
        let reader = self.reader(node);
        if let Some(in_hand) = reader.in_hand.pop_front() {
            reader.finish(now, &in_hand, program, &mut out);
        }
        self.carry(node, out);
    }

    fn carry(&mut self, node: NodeId, out: Out<Message>) {
        for event in out.events {
            if let Event::Pulsar(fact) = &event {
                self.facts.push((node, fact.clone()));
            }
            if let Event::Acknowledged { messages, .. } = &event {
                self.acknowledged.extend(messages.iter().map(|id| id.0));
            }
        }
        for (to, message) in out.sends {
            if let Message::ToBroker(mqlab_core::systems::pulsar::Command::Flow { permits, .. }) = &message {
                self.flows.push(*permits);
            }
            if self.cut.contains(&(node, to)) {
                self.later(WAY, node, Input::HangUp { peer: to });
            } else if self.nodes.contains_key(&to) {
                self.later(WAY, to, Input::Message { from: node, message });
            } else if !self.dark.contains(&to) {
                self.later(WAY, node, Input::HangUp { peer: to });
            }
        }
    }

    fn wake_of(&self, node: NodeId) -> Option<Time> {
        if self.frozen.contains(&node) {
            return None;
        }
        match self.nodes.get(&node)? {
            Node::Store(store) => store.next_wakeup(),
            Node::Bookie(_, recovery) => recovery.as_ref()?.next_wakeup(),
            Node::Broker(broker) => broker.next_wakeup(),
            Node::Producer(producer) => producer.next_wakeup(),
            Node::Consumer(reader) => reader.consumer.next_wakeup(),
        }
    }

    fn step(&mut self, node: NodeId, input: Input<Message>) {
        let (now, mut out) = (self.now, Out::default());
        match self.nodes.get_mut(&node) {
            None => return,
            Some(Node::Store(store)) => {
                store.handle(now, input, &mut out);
                store.settle(now, &mut out).expect("memory is sound");
            }
            Some(Node::Bookie(bookie, recovery)) => {
                bookie.handle(now, input.clone(), &mut out);
                if let Some(recovery) = recovery {
                    recovery.handle(now, input, &mut out);
                }
                bookie.settle(now, &mut out).expect("memory is sound");
            }
            Some(Node::Broker(broker)) => broker.handle(now, input, &mut out),
            Some(Node::Producer(producer)) => producer.handle(now, input, &mut out),
            Some(Node::Consumer(reader)) => {
                reader.consumer.handle(now, input, &mut out);
                reader.work(now, &mut out);
            }
        }
        self.carry(node, out);
    }

    pub(crate) fn run(&mut self, span: Span) {
        let until = self.now + span;
        for _ in 0..1_000_000 {
            let message =
                self.agenda.iter().find(|(_, (to, _))| !self.frozen.contains(to)).map(|(at, _)| *at);
            let wake =
                self.nodes.keys().filter_map(|node| Some((self.wake_of(*node)?.max(self.now), *node))).min();
            let next = message.map(|(at, _)| at).into_iter().chain(wake.map(|(at, _)| at)).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            match (message, wake) {
                (Some(key), _) if key.0 <= at => {
                    let (to, input) = self.agenda.remove(&key).expect("it was just seen");
                    self.step(to, input);
                }
                (_, Some((_, node))) => self.step(node, Input::Wake),
                _ => unreachable!("something was due"),
            }
        }
        panic!("it never comes to rest: at {}", self.now);
    }
}

impl Reader {
    fn work(&mut self, now: Time, out: &mut Out<Message>) {
        while let Some(in_hand) = self.consumer.receive(now, out) {
            self.seen.push((in_hand.record.message_id().expect("all have one").0, in_hand.redeliveries));
            match self.program {
                Program::Waits => self.in_hand.push_back(in_hand),
                program => self.finish(now, &in_hand, program, out),
            }
        }
        while let Some(letter) = self.consumer.take_dead_letter() {
            self.dead.push(letter.to);
            self.consumer.buried(now, letter.position);
        }
    }

    fn finish(&mut self, now: Time, in_hand: &InHand, program: Program, out: &mut Out<Message>) {
        match program {
            Program::Acknowledges => self.consumer.acknowledge(now, in_hand.place, out),
            Program::AcknowledgesAllBefore => self.consumer.acknowledge_to(in_hand.place, out),
            Program::Fails => self.consumer.negative(now, in_hand.place),
            Program::Waits => {}
        }
    }
}
