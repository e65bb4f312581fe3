//! A producer and a partition's leader, and between them a network that loses, doubles, delays and reorders, and a
//! process that dies: with numbers on its batches each message is stored once and in order, without them it is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Broker, Fetch, Input, Isolation, Message, Out, PartitionState, Reply, Request, Settings, View,
};
use mqlab_core::client::{Producer, ProducerOptions, Target};
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::observe::{Event, ProducerEvent, QueueEvent, Refusal};
use mqlab_core::record::NewRecord;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

const BROKER: NodeId = NodeId::Broker(1);
const CLIENT: NodeId = NodeId::Producer(1);
/// From here on nothing fails any more.
const CALM: Time = Time(2_000_000);
const PARTITIONS: u32 = 2;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    /// Whatever it likes.
    Wild,
    /// It loses and doubles, and keeps the order of what arrives, as one connection does.
    InOrder,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    links: Links,
    options: ProducerOptions,
    in_flight_max: u32,
}

/// Everything of one run.
struct Run {
    rng: Rng,
    plan: Plan,
    now: Time,
    producer: Producer,
    broker: Broker<MemoryStorage>,
    version: u64,
    next_id: u64,
    /// What is on its way, by arrival.
    wire: BTreeMap<(Time, u64), (NodeId, NodeId, Message)>,
    last_arrival: BTreeMap<NodeId, Time>,
    packets: u64,
    events: Vec<Event>,
}

fn partition(index: u32) -> PartitionId {
    PartitionId { topic: Name::new("t").expect("a legal name"), index }
}

fn record(id: u64) -> NewRecord {
    let key = (!id.is_multiple_of(3)).then(|| format!("k{}", id % 5).into());
    NewRecord { key, value: Some("a small thing".into()), ..NewRecord::default() }
}

impl Run {
    fn new(plan: Plan) -> Self {
        let settings = Settings { in_flight_max: plan.in_flight_max, ..Settings::default() };
        let target = Target::Topic(Name::new("t").expect("a legal name"), Acks::All);
        let producer = Producer::new(settings.clone(), target, vec![BROKER]);
        let broker = Broker::new(BROKER, 1, settings, MemoryStorage::default());
        let mut run = Self {
            rng: Rng::new(plan.seed, Stream::Network),
            plan,
            now: Time::ZERO,
            producer: producer.with_options(plan.options, plan.seed).expect("sound options"),
            broker: broker.expect("memory does not fail").with_controller(),
            version: 0,
            next_id: 1_000,
            wire: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
            packets: 0,
            events: Vec::new(),
        };
        run.elect();
        run
    }

    /// The broker leads both partitions, in a new epoch.
    fn elect(&mut self) {
        self.version += 1;
        let state = PartitionState {
            leader: Some(BROKER),
            epoch: Epoch(self.version as u32),
            version: self.version,
            ..PartitionState::new(vec![BROKER], 1)
        };
        let mut view = View { version: self.version, ..View::default() };
        view.partitions.extend((0..PARTITIONS).map(|index| (partition(index), state.clone())));
        self.hand_broker(NodeId::Controller, Message::Cluster(Arc::new(view)));
    }

    fn chance(&mut self, per_mille: u64) -> bool {
        self.now < CALM && self.rng.below(1_000) < per_mille
    }

    /// Puts something on the wire: once, twice, or not at all.
    fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        if self.chance(120) {
            return;
        }
        let copies = if self.chance(120) { 2 } else { 1 };
        for _ in 0..copies {
            let slow = if self.chance(100) { 150_000 } else { 4_000 };
            let mut at = self.now + Span(self.rng.between(200, slow));
            if self.plan.links == Links::InOrder {
                let last = self.last_arrival.entry(to).or_default();
                at = at.max(*last + Span(1));
                *last = at;
            }
            self.packets += 1;
            self.wire.insert((at, self.packets), (from, to, message.clone()));
        }
    }

    fn hand_broker(&mut self, from: NodeId, message: Message) {
        let mut out = Out::default();
        self.broker.handle(self.now, Input::Message { from, message }, &mut out);
        self.broker.settle(self.now, &mut out).expect("memory does not fail");
        self.events.extend(out.events);
        let mut ids = None;
        for envelope in out.sends {
            let message = envelope.message.load().expect("memory does not fail");
            match (envelope.to, message) {
                (NodeId::Controller, Message::Request(id, Request::AllocateProducerIds)) => ids = Some(id),
                (CLIENT, message) => self.send(BROKER, CLIENT, message),
                _ => {}
            }
        }
        if let Some(id) = ids {
            let reply = Reply::ProducerIds { first: self.next_id, count: 1_000 };
            self.next_id += 1_000;
            self.hand_broker(NodeId::Controller, Message::Reply(id, reply));
        }
    }

    fn hand_client(&mut self, input: Option<Input>) {
        let mut out = Out::default();
        self.producer.handle(self.now, input.unwrap_or(Input::Wake), &mut out);
        self.carry(out);
    }

    fn carry(&mut self, out: Out) {
        self.events.extend(out.events);
        for envelope in out.sends {
            self.send(CLIENT, envelope.to, envelope.message);
        }
    }

    /// The broker's process dies and starts again. What was on its way stays so: it is the wire's affair.
    fn restart(&mut self) {
        let settings = Settings { in_flight_max: self.plan.in_flight_max, ..Settings::default() };
        let placeholder = Broker::new(BROKER, 0, settings.clone(), MemoryStorage::default());
        let old = std::mem::replace(&mut self.broker, placeholder.expect("memory does not fail"));
        let storage = old.into_storage().expect("memory does not fail");
        let broker = Broker::new(BROKER, self.version + 1, settings, storage);
        self.broker = broker.expect("memory does not fail").with_controller();
        self.elect();
        self.hand_client(Some(Input::HangUp { peer: BROKER }));
    }

    /// Sends so many messages through all that, and waits until the producer holds none.
    fn play(&mut self, messages: u64) {
        let mut sent = 0;
        for _ in 0..200_000 {
            let due = (sent < messages).then(|| Time(sent * 12_000));
            let arrives = self.wire.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.producer.next_wakeup();
            let Some(at) = [due, arrives, wakes].into_iter().flatten().min() else { return };
            self.now = self.now.max(at);
            if due == Some(at) {
                sent += 1;
                let mut out = Out::default();
                let taken = self.producer.send(self.now, MessageId(sent), record(sent), &mut out);
                taken.expect("a small message");
                self.carry(out);
            } else if arrives == Some(at) {
                let Some((_, (from, to, message))) = self.wire.pop_first() else { return };
                match to {
                    CLIENT => self.hand_client(Some(Input::Message { from, message })),
                    _ => self.hand_broker(from, message),
                }
            } else {
                self.now = self.now.max(at) + Span(1);
                self.hand_client(None);
            }
            if self.chance(4) {
                self.restart();
            }
            if sent == messages && self.producer.unstored().next().is_none() && self.wire.is_empty() {
                return;
            }
        }
        panic!("it never ends: {:?}", self.producer.unstored().collect::<Vec<_>>());
    }

    /// The messages in a partition's log.
    fn log(&mut self, index: u32) -> Vec<u64> {
        let fetch = Fetch {
            partition: partition(index),
            from: Offset(0),
            bytes_max: u32::MAX,
            bytes_min: 0,
            wait_max: Span::ZERO,
            filter: None,
            rack: None,
            replica: None,
            isolation: Isolation::Uncommitted,
        };
        let mut out = Out::default();
        let message = Message::Request(1, Request::Fetch(fetch));
        self.broker.handle(self.now, Input::Message { from: NodeId::Consumer(1), message }, &mut out);
        let replies = out.sends.into_iter().map(|envelope| envelope.message.load());
        let batches = replies.filter_map(|message| match message {
            Ok(Message::Reply(1, Reply::Fetched { batches, .. })) => Some(batches),
            _ => None,
        });
        let records = batches.flat_map(|batches| batches.records());
        records.filter_map(|record| record.message_id()).map(|id| id.0).collect()
    }

    fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| which(event)).count()
    }
}

/// Whether each message is there at most once.
fn once(log: &[u64]) -> bool {
    log.iter().collect::<std::collections::BTreeSet<_>>().len() == log.len()
}

fn options() -> impl Strategy<Value = ProducerOptions> {
    (any::<bool>(), prop_oneof![Just(None), Just(Some(300)), Just(Some(16_384))], 0_u64..3).prop_map(
        |(sticky, batch_bytes, linger)| ProducerOptions {
            sticky,
            batch_bytes,
            linger: Span::from_millis(linger * 10),
            ..ProducerOptions::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever is lost, doubled, late or early, and whoever dies: each message is stored once, and in order.
    #[test]
    fn with_numbers_once_is_once_and_order_is_kept(seed: u64, options in options(), in_flight_max in 1_u32..=5) {
        let options = ProducerOptions { idempotent: true, ..options };
        let mut run = Run::new(Plan { seed, links: Links::Wild, options, in_flight_max });
        run.play(150);
        let mut all = Vec::new();
        for index in 0..PARTITIONS {
            let log = run.log(index);
            prop_assert!(log.is_sorted() && once(&log), "{index}: {log:?}");
            all.extend(log);
        }
        all.sort_unstable();
        prop_assert_eq!(all, (1..=150).collect::<Vec<u64>>());
        let told = run.events.iter().filter(|event| matches!(event, Event::Acknowledged { .. }));
        let acknowledged: usize = told.map(|event| event.messages().len()).sum();
        prop_assert_eq!(acknowledged, 150);
    }

    /// Who gives up after a while does not know what became of it; but nothing is stored twice, what was acknowledged
    /// is stored, and order is kept.
    #[test]
    fn who_gives_up_counts_anew_and_doubles_nothing(seed: u64, options in options(), in_flight_max in 1_u32..=5) {
        let delivery_timeout = Some(Span::from_millis(130));
        let options = ProducerOptions { idempotent: true, delivery_timeout, ..options };
        let mut run = Run::new(Plan { seed, links: Links::InOrder, options, in_flight_max });
        run.play(150);
        let mut stored = Vec::new();
        for index in 0..PARTITIONS {
            let log = run.log(index);
            prop_assert!(log.is_sorted() && once(&log), "{index}: {log:?}");
            stored.extend(log);
        }
        let told = run.events.iter().filter(|event| matches!(event, Event::Acknowledged { .. }));
        let told: Vec<u64> = told.flat_map(Event::messages).map(|message| message.0).collect();
        let overdue = |event: &Event| matches!(
            event,
            Event::Queue(QueueEvent::GaveUp { message: Some(_), why: Refusal::Overdue })
        );
        prop_assert_eq!(told.len() + run.count(overdue), 150, "each is one or the other");
        prop_assert!(told.iter().all(|id| stored.contains(id)));
    }
}

/// The same network, and nothing is known again: the test above would find it.
#[test]
fn without_numbers_some_are_stored_twice_and_some_out_of_order() {
    let (mut doubled, mut reordered, mut recognised, mut anew) = (0, 0, 0, 0);
    for seed in 0..40 {
        let plan = |idempotent, delivery_timeout| Plan {
            seed,
            links: Links::Wild,
            options: ProducerOptions { idempotent, delivery_timeout, ..ProducerOptions::default() },
            in_flight_max: 5,
        };
        let mut run = Run::new(plan(false, None));
        run.play(150);
        let logs: Vec<Vec<u64>> = (0..PARTITIONS).map(|index| run.log(index)).collect();
        doubled += usize::from(logs.iter().any(|log| !once(log)));
        reordered += usize::from(logs.iter().any(|log| !log.is_sorted()));

        let mut run = Run::new(plan(true, None));
        run.play(150);
        recognised += run.count(|event| matches!(event, Event::Producer(ProducerEvent::Recognised { .. })));
        let mut run = Run::new(plan(true, Some(Span::from_millis(130))));
        run.play(150);
        anew += run.count(|event| matches!(event, Event::Producer(ProducerEvent::BeganAnew { .. })));
    }
    assert!(doubled > 35 && reordered > 20, "doubled in {doubled} runs, out of order in {reordered} of 40");
    assert!(recognised > 100 && anew > 20, "recognised {recognised}, counted anew {anew} times");
}
