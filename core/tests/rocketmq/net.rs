//! A small cluster in the test: nodes, a network that delays and can be cut, machines that crash, lose power or are lost.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, FaultEvent, Place, Stamped, Verdict};
use mqlab_core::record::Batches;
use mqlab_core::rng::Rng;
use mqlab_core::systems::rocketmq::Topic;
use mqlab_core::systems::rocketmq::broker::{Broker, BrokerSettings};
use mqlab_core::systems::rocketmq::consumer::{Consumed, Consumer, ConsumerSettings, Work};
use mqlab_core::systems::rocketmq::layout::{Entry, StoredMessage};
use mqlab_core::systems::rocketmq::names::{BROKER_EXPIRES, NameServer};
use mqlab_core::systems::rocketmq::producer::{How, Outcome, Producer, ProducerSettings};
use mqlab_core::systems::rocketmq::protocol::Message;
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

pub(crate) type Disk = FaultyStorage<MemoryStorage>;

pub(crate) const NAMES: NodeId = NodeId::Service(1);

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

pub(crate) fn topic(text: &str) -> Topic {
    Topic::new(text).expect("a legal topic")
}

pub(crate) fn ms(millis: u64) -> Time {
    Time(millis * 1_000)
}

/// What a consumer's program does with a message.
pub(crate) type Program = fn(&Work) -> Consumed;

#[derive(Default)]
pub(crate) struct Net {
    pub(crate) now: Time,
    pub(crate) brokers: BTreeMap<NodeId, Broker<Disk>>,
    disks: BTreeMap<NodeId, (Disk, BrokerSettings)>,
    names: Option<NameServer>,
    pub(crate) producers: BTreeMap<NodeId, Producer>,
    pub(crate) consumers: BTreeMap<NodeId, Consumer>,
    programs: BTreeMap<NodeId, Program>,
    /// Packets on their way, by arrival and number.
    wire: BTreeMap<(Time, u64), (NodeId, NodeId, Message)>,
    packets: u64,
    /// Ways that take longer than a millisecond.
    pub(crate) slow: BTreeMap<(NodeId, NodeId), Span>,
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    /// Ways on which one packet in so many is lost, and the chance that decides.
    pub(crate) lossy: BTreeMap<(NodeId, NodeId), u64>,
    pub(crate) chance: Option<Rng>,
    pub(crate) verdict: Verdict,
    pub(crate) events: Vec<Stamped>,
    pub(crate) outcomes: BTreeMap<MessageId, Outcome>,
    pub(crate) worked: Vec<(NodeId, Work)>,
    step: u64,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self { names: Some(NameServer::new(BROKER_EXPIRES)), ..Self::default() }
    }

    pub(crate) fn broker(&mut self, number: u16, mut settings: BrokerSettings) -> NodeId {
        let node = NodeId::Broker(number);
        settings.name_servers = vec![NAMES];
        self.brokers.insert(node, Broker::new(self.now, Disk::default(), settings).expect("an empty disk"));
        self.wake(node);
        node
    }

    pub(crate) fn producer(&mut self, number: u16, mut settings: ProducerSettings) -> NodeId {
        let node = NodeId::Producer(number);
        settings.name_servers = vec![NAMES];
        self.producers.insert(node, Producer::new(self.now, settings));
        self.wake(node);
        node
    }

    pub(crate) fn consumer(
        &mut self,
        number: u16,
        mut settings: ConsumerSettings,
        program: Program,
    ) -> NodeId {
        let node = NodeId::Consumer(number);
        settings.name_servers = vec![NAMES];
        self.consumers.insert(node, Consumer::new(self.now, node, settings));
        self.programs.insert(node, program);
        self.wake(node);
        node
    }

    fn observe(&mut self, node: NodeId, event: Event) {
        let stamped = Stamped { at: self.now, step: self.step, node, event };
        self.verdict.observe(&stamped);
        self.events.push(stamped);
    }

    fn carry_out(&mut self, node: NodeId, out: Out<Message>) {
        for event in out.events {
            self.observe(node, event);
        }
        for (to, message) in out.sends {
            let takes = self.slow.get(&(node, to)).copied().unwrap_or(Span::from_millis(1));
            let one_in = self.lossy.get(&(node, to)).copied().unwrap_or(0);
            if one_in > 0 && self.chance.as_mut().is_some_and(|chance| chance.below(one_in) == 0) {
                continue;
            }
            self.packets += 1;
            self.wire.insert((self.now + takes, self.packets), (node, to, message));
        }
    }

    pub(crate) fn wake(&mut self, node: NodeId) {
        self.give(node, vec![Input::Wake]);
    }

    /// Gives a node a burst of inputs.
    fn give(&mut self, node: NodeId, inputs: Vec<Input<Message>>) {
        let (now, mut out) = (self.now, Out::default());
        self.step += 1;
        if let Some(broker) = self.brokers.get_mut(&node) {
            inputs.into_iter().for_each(|input| broker.handle(now, input, &mut out));
            broker.settle(now, &mut out).expect("the disk is sound");
        } else if let Some(producer) = self.producers.get_mut(&node) {
            inputs.into_iter().for_each(|input| producer.handle(now, input, &mut out));
            self.outcomes.extend(producer.take_outcomes());
        } else if let Some(consumer) = self.consumers.get_mut(&node) {
            inputs.into_iter().for_each(|input| consumer.handle(now, input, &mut out));
            loop {
                let work = consumer.take_work();
                if work.is_empty() {
                    break;
                }
                for work in work {
                    consumer.finish(now, work.number, self.programs[&node](&work), &mut out);
                    self.worked.push((node, work));
                }
            }
        } else if let Some(names) = self.names.as_mut().filter(|_| node == NAMES) {
            inputs.into_iter().for_each(|input| names.handle(now, input, &mut out));
        }
        self.carry_out(node, out);
    }

    pub(crate) fn send(&mut self, producer: NodeId, id: u64, message: StoredMessage, how: How) {
        let mut out = Out::default();
        let now = self.now;
        let sender = self.producers.get_mut(&producer).expect("it is there");
        sender.send(now, MessageId(id), message, how, &mut out);
        self.carry_out(producer, out);
    }

    fn next(&self) -> Option<Time> {
        let brokers = self.brokers.values().filter_map(Broker::next_wakeup);
        let producers = self.producers.values().filter_map(Producer::next_wakeup);
        let consumers = self.consumers.values().filter_map(Consumer::next_wakeup);
        let names = self.names.iter().filter_map(NameServer::next_wakeup);
        let wire = self.wire.keys().next().map(|(at, _)| *at);
        brokers.chain(producers).chain(consumers).chain(names).chain(wire).min()
    }

    pub(crate) fn run_until(&mut self, end: Time) {
        let mut steps = 0;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            steps += 1;
            assert!(steps < 2_000_000, "somebody wants to be woken again and again at {at}");
            self.now = self.now.max(at);
            let now = self.now;
            let mut bursts: BTreeMap<NodeId, Vec<Input<Message>>> = BTreeMap::new();
            while let Some((key, _)) = self.wire.first_key_value().filter(|((at, _), _)| *at <= now) {
                let key = *key;
                let (from, to, message) = self.wire.remove(&key).expect("it was there");
                if !self.cut.contains(&(from, to)) {
                    bursts.entry(to).or_default().push(Input::Message { from, message });
                }
            }
            let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
            let due = self.brokers.iter().filter(|(_, b)| is_due(b.next_wakeup())).map(|(node, _)| *node);
            let due =
                due.chain(self.producers.iter().filter(|(_, p)| is_due(p.next_wakeup())).map(|(n, _)| *n));
            let due =
                due.chain(self.consumers.iter().filter(|(_, c)| is_due(c.next_wakeup())).map(|(n, _)| *n));
            let due: Vec<_> = due
                .chain(is_due(self.names.as_ref().and_then(NameServer::next_wakeup)).then_some(NAMES))
                .collect();
            for node in due {
                bursts.entry(node).or_default().push(Input::Wake);
            }
            for (node, inputs) in bursts {
                self.give(node, inputs);
            }
        }
        self.now = self.now.max(end);
    }

    /// The connections of a node break: nothing that is on its way from it or to it arrives, and all others notice.
    fn hang_up(&mut self, gone: NodeId) {
        self.wire.retain(|_, (from, to, _)| *from != gone && *to != gone);
        let all =
            self.brokers.keys().chain(self.producers.keys()).chain(self.consumers.keys()).chain([&NAMES]);
        for node in all.copied().filter(|node| *node != gone).collect::<Vec<_>>() {
            self.give(node, vec![Input::HangUp { peer: gone }]);
        }
    }

    fn stop(&mut self, node: NodeId) -> (Disk, BrokerSettings) {
        let broker = self.brokers.remove(&node).expect("it runs");
        let settings = broker.settings().clone();
        (broker.close().expect("the disk is sound"), settings)
    }

    /// The process dies; the machine goes on.
    pub(crate) fn crash(&mut self, node: NodeId) {
        let disk = self.stop(node);
        self.observe(node, Event::Crashed);
        self.disks.insert(node, disk);
        self.hang_up(node);
    }

    /// The machine loses power, and with it what it had not flushed.
    pub(crate) fn power_cut(&mut self, node: NodeId) {
        let (mut disk, settings) = self.stop(node);
        self.observe(node, Event::PowerCut);
        for lost in disk.cut_power(|_, _| 0).expect("the disk is sound") {
            for (of, messages) in by_place(&lost.batches) {
                self.observe(node, Event::TailLost { of, messages });
            }
        }
        self.disks.insert(node, (disk, settings));
        self.hang_up(node);
    }

    /// The machine is lost, with its disk.
    pub(crate) fn lose_machine(&mut self, node: NodeId) {
        let log = self.brokers[&node].store().commit_log();
        let batches = log.batches_from(log.start(), u32::MAX).expect("sound").unwrap_or_default();
        let _gone = self.stop(node);
        self.observe(node, Event::Crashed);
        for (of, messages) in by_place(&batches) {
            self.observe(node, Event::Fault(FaultEvent::DiskGone { of, messages }));
        }
        self.hang_up(node);
    }

    pub(crate) fn restart(&mut self, node: NodeId) {
        let (disk, settings) = self.disks.remove(&node).expect("it was stopped");
        self.observe(node, Event::Restarted);
        self.brokers.insert(node, Broker::new(self.now, disk, settings).expect("the disk is sound"));
        self.wake(node);
    }

    pub(crate) fn stop_consumer(&mut self, node: NodeId) {
        self.consumers.remove(&node).expect("it runs");
        self.hang_up(node);
    }

    /// The messages that stand in a broker's queue, in order.
    pub(crate) fn stored_in(&self, node: NodeId, topic: &Topic, queue: u32) -> Vec<u64> {
        let store = self.brokers[&node].store();
        let (mut at, mut ids) = (store.min_offset(topic, queue), Vec::new());
        while at < store.max_offset(topic, queue) {
            let got = store.get(topic, queue, at, 32, &Default::default()).expect("the disk is sound");
            ids.extend(got.messages.iter().filter_map(|m| m.properties.message_id()).map(|id| id.0));
            at = got.next;
        }
        ids
    }

    pub(crate) fn worked_by(&self, node: NodeId) -> Vec<u64> {
        let of = self.worked.iter().filter(|(by, _)| *by == node);
        of.filter_map(|(_, work)| work.message.properties.message_id()).map(|id| id.0).collect()
    }
}

fn by_place(batches: &Batches) -> BTreeMap<Place, Vec<MessageId>> {
    let mut places: BTreeMap<Place, Vec<MessageId>> = BTreeMap::new();
    for value in batches.records().filter_map(|record| record.value) {
        if let Ok(Entry::Message(message)) = Entry::decode(&value)
            && let Some(id) = message.properties.message_id()
        {
            places.entry(message.topic.place(message.queue)).or_default().push(id);
        }
    }
    places
}
