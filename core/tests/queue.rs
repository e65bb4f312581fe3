//! A queue against a plain list: the same random operations on both, and every delivery must be the same. Consumers
//! come, go and fall silent; the broker dies and comes back, with and without what it had not flushed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mqlab_core::broker::{
    Broker, HostLayout, Input, Message, Out, Reads, Request, Settings, Settlement, View,
};
use mqlab_core::ids::{MessageId, Name, NodeId};
use mqlab_core::log::SliceOf;
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::queue::{ConsumerOptions, Flow, QueueOptions};
use mqlab_core::record::{BatchBuilder, NewRecord};
use mqlab_core::time::Time;
use proptest::prelude::*;

type Disk = FaultyStorage<MemoryStorage>;

const BROKER: NodeId = NodeId::Broker(1);

#[derive(Clone, Debug)]
enum Operation {
    /// Send so many messages in one batch.
    Send(u64),
    /// A consumer subscribes with a prefetch.
    Subscribe(u16, u32),
    /// A consumer acknowledges the message that it has had for longest.
    Done(u16),
    /// A consumer acknowledges something that it does not have.
    /// With the number of any request of late as the subscription, and any number of a delivery.
    DoneWrongly(u16, u64, u64),
    /// A consumer's connection breaks.
    HangUp(u16),
    /// The broker's process dies and starts again; or its machine loses power.
    Restart { power: bool },
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let consumer = 1..4_u16;
    let one = prop_oneof![
        4 => (1..4_u64).prop_map(Operation::Send),
        2 => (consumer.clone(), 0..4_u32).prop_map(|(who, prefetch)| Operation::Subscribe(who, prefetch)),
        6 => consumer.clone().prop_map(Operation::Done),
        1 => (consumer.clone(), 0..20_u64, 0..10_u64)
            .prop_map(|(who, ago, tag)| Operation::DoneWrongly(who, ago, tag)),
        1 => consumer.prop_map(Operation::HangUp),
        1 => any::<bool>().prop_map(|power| Operation::Restart { power }),
    ];
    prop::collection::vec(one, 1..80)
}

/// A message of the list.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    id: u64,
    deliveries: u32,
    with: Option<u16>,
}

/// A delivery: which message, to whom, for which time.
type Delivered = (u64, u16, u32);

/// The queue as a plain list.
#[derive(Default)]
struct List {
    items: Vec<Item>,
    turn: VecDeque<(u16, u32)>,
    sent: u64,
}

impl List {
    fn has(&self, consumer: u16) -> usize {
        self.items.iter().filter(|item| item.with == Some(consumer)).count()
    }

    fn dispatch(&mut self) -> Vec<Delivered> {
        let mut delivered = Vec::new();
        while let Some(index) = self.items.iter().position(|item| item.with.is_none()) {
            let room =
                |&(consumer, prefetch): &(u16, u32)| prefetch == 0 || self.has(consumer) < prefetch as usize;
            let Some(at) = self.turn.iter().position(room) else { break };
            let served = self.turn.remove(at).expect("it was found");
            self.turn.push_back(served);
            let item = &mut self.items[index];
            item.with = Some(served.0);
            item.deliveries += 1;
            delivered.push((item.id, served.0, item.deliveries));
        }
        delivered
    }

    fn gone(&mut self, consumer: u16) {
        self.turn.retain(|(who, _)| *who != consumer);
        self.items.iter_mut().filter(|item| item.with == Some(consumer)).for_each(|item| item.with = None);
    }
}

/// A broker with one queue, driven as a host drives it.
struct Real {
    broker: Broker<Disk>,
    starts: u64,
    request: u64,
    /// For each message that a consumer has, the subscription that it came to, and the number of its delivery there.
    tags: BTreeMap<(u16, u64), (u64, u64)>,
}

fn queue() -> Name {
    Name::new("q").expect("a legal name")
}

fn started(disk: Disk, starts: u64) -> Broker<Disk> {
    let mut broker = Broker::new(BROKER, starts, Settings::default(), disk).expect("memory does not fail");
    let mut view = View { version: 1, ..View::default() };
    view.queues.insert(queue(), BROKER);
    let layout = HostLayout { queues: vec![(queue(), QueueOptions::default())], ..HostLayout::default() };
    view.hosts.insert(BROKER, Arc::new(layout));
    let message = Message::Cluster(Arc::new(view));
    broker.handle(Time::ZERO, Input::Message { from: NodeId::Controller, message }, &mut Out::default());
    broker
}

impl Real {
    fn new() -> Self {
        Self { broker: started(Disk::default(), 1), starts: 1, request: 0, tags: BTreeMap::new() }
    }

    fn hand(&mut self, input: Input) -> Vec<Delivered> {
        let mut out: Out<SliceOf<Disk>> = Out::default();
        self.broker.handle(Time::ZERO, input, &mut out);
        self.broker.settle(Time::ZERO, &mut out).expect("memory does not fail");
        let mut delivered = Vec::new();
        for envelope in out.sends {
            if let (NodeId::Consumer(consumer), Message::Deliver(delivery)) = (envelope.to, envelope.message)
            {
                let MessageId(id) = delivery.message.id().expect("it carries its number");
                self.tags.insert((consumer, id), (delivery.session, delivery.tag));
                delivered.push((id, consumer, delivery.delivery));
            }
        }
        delivered
    }

    fn ask(&mut self, from: NodeId, request: Request) -> Vec<Delivered> {
        self.request += 1;
        let message = Message::Request(self.request, request);
        self.hand(Input::Message { from, message })
    }

    fn send(&mut self, first: u64, count: u64) -> Vec<Delivered> {
        let mut builder = BatchBuilder::new();
        for id in first..first + count {
            let record = NewRecord { value: Some("x".into()), ..NewRecord::default() }.with_id(MessageId(id));
            builder.push(&record).expect("a small batch");
        }
        self.ask(NodeId::Producer(1), Request::Send { queue: queue(), batches: builder.build() })
    }

    fn subscribe(&mut self, consumer: u16, prefetch: u32) -> Vec<Delivered> {
        let options = ConsumerOptions { flow: Flow::Prefetch(prefetch), ..ConsumerOptions::default() };
        self.ask(NodeId::Consumer(consumer), Request::Subscribe { reads: Reads::Queue(queue()), options })
    }

    fn done(&mut self, consumer: u16, (session, tag): (u64, u64)) -> Vec<Delivered> {
        let message = Message::Settle { queue: queue(), session, tags: vec![tag], how: Settlement::Done };
        self.hand(Input::Message { from: NodeId::Consumer(consumer), message })
    }

    fn restart(&mut self, power: bool) {
        let mut disk = self.broker.clone().into_storage().expect("memory closes");
        if power {
            disk.cut_power(|_, _| 0).expect("memory does not fail");
        }
        self.starts += 1;
        self.broker = started(disk, self.starts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_is_a_list(operations in operations()) {
        let (mut list, mut real) = (List::default(), Real::new());
        for operation in operations {
            let (expected, delivered) = match operation {
                Operation::Send(count) => {
                    let first = list.sent + 1;
                    list.sent += count;
                    list.items.extend((first..first + count).map(|id| Item { id, deliveries: 0, with: None }));
                    (list.dispatch(), real.send(first, count))
                }
                Operation::Subscribe(who, prefetch) => {
                    // Subscribing again begins anew: what it had goes to the others first.
                    list.gone(who);
                    let mut expected = list.dispatch();
                    list.turn.push_back((who, prefetch));
                    expected.extend(list.dispatch());
                    (expected, real.subscribe(who, prefetch))
                }
                Operation::Done(who) => {
                    let Some(index) = list.items.iter().position(|item| item.with == Some(who)) else { continue };
                    let item = list.items.remove(index);
                    let tag = real.tags[&(who, item.id)];
                    (list.dispatch(), real.done(who, tag))
                }
                Operation::DoneWrongly(who, ago, tag) => {
                    let tag = (real.request.saturating_sub(ago), tag);
                    let has = list.items.iter().any(|item| {
                        item.with == Some(who) && real.tags.get(&(who, item.id)) == Some(&tag)
                    });
                    if has {
                        continue;
                    }
                    (Vec::new(), real.done(who, tag))
                }
                Operation::HangUp(who) => {
                    list.gone(who);
                    (list.dispatch(), real.hand(Input::HangUp { peer: NodeId::Consumer(who) }))
                }
                Operation::Restart { power } => {
                    // Settled means flushed: even a power cut takes nothing that was answered or delivered.
                    list.turn.clear();
                    list.items.iter_mut().for_each(|item| item.with = None);
                    real.restart(power);
                    (Vec::new(), Vec::new())
                }
            };
            prop_assert_eq!(delivered, expected);
        }
    }
}

/// The vectors of ActiveMQ and RabbitMQ for who gets what.
#[test]
fn dispatch_vectors() {
    let by_consumer = |delivered: &[Delivered]| {
        let of =
            |consumer| delivered.iter().filter(|(_, to, _)| *to == consumer).map(|(id, _, _)| *id).collect();
        [of(1), of(2), of(3)] as [Vec<u64>; 3]
    };

    // Three consumers attached, then ten messages.
    let mut real = Real::new();
    for who in 1..=3 {
        real.subscribe(who, 1_000);
    }
    assert_eq!(by_consumer(&real.send(1, 10)), [vec![1, 4, 7, 10], vec![2, 5, 8], vec![3, 6, 9]]);

    // Ten messages wait; the first to attach, with room for all, gets all.
    let mut real = Real::new();
    real.send(1, 10);
    assert_eq!(real.subscribe(1, 1_000).len(), 10);
    assert_eq!(real.subscribe(2, 1_000), []);

    // Seven wait; two attach with a prefetch of two; each acknowledgement makes room for the next.
    let mut real = Real::new();
    real.send(1, 7);
    assert_eq!(real.subscribe(1, 2), [(1, 1, 1), (2, 1, 1)]);
    assert_eq!(real.subscribe(2, 2), [(3, 2, 1), (4, 2, 1)]);
    assert_eq!(real.done(1, real.tags[&(1, 1)]), [(5, 1, 1)]);

    // Two unacknowledged of five: when the consumer goes, they stand in their old place, before the others.
    let mut real = Real::new();
    real.send(1, 5);
    real.subscribe(1, 2);
    real.hand(Input::HangUp { peer: NodeId::Consumer(1) });
    let again = real.subscribe(2, 0);
    assert_eq!(again, [(1, 2, 2), (2, 2, 2), (3, 2, 1), (4, 2, 1), (5, 2, 1)]);
}
