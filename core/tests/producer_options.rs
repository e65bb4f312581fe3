//! How a producer sends, line by line: what a batch waits for, when a message is given up, how order is kept with five
//! batches on their way, and when it counts anew.

use std::sync::Arc;

use mqlab_core::broker::{
    Acks, Controller, Envelope, Input, Message, Out, PRODUCER_IDS_A_BLOCK, PartitionState, Reply, Request,
    RequestId, Settings, View,
};
use mqlab_core::client::{BadOptions, Producer, ProducerOptions, Target};
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use mqlab_core::observe::{Event, ProducerEvent, QueueEvent, Refusal};
use mqlab_core::record::{BATCH_HEADER_BYTES, NewRecord};
use mqlab_core::sim::Scenario;
use mqlab_core::time::{Span, Time};

const BROKER: NodeId = NodeId::Broker(1);
const PARTITIONS: u32 = 3;

/// A batch that was sent: its request, its partition, its epoch and first number, and its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    id: RequestId,
    partition: u32,
    epoch: i16,
    sequence: i32,
    messages: Vec<u64>,
}

/// A producer, and the test in the place of the cluster. Times are in milliseconds.
struct Desk {
    producer: Producer,
    sent: u64,
    key: Option<&'static str>,
    events: Vec<Event>,
}

fn topic() -> Name {
    Name::new("t").expect("a legal name")
}

fn target() -> Target {
    Target::Topic(topic(), Acks::All)
}

fn at(millis: u64) -> Time {
    Time::ZERO + Span::from_millis(millis)
}

impl Desk {
    /// A producer that knows the cluster, and who it is.
    fn new(options: ProducerOptions, in_flight_max: u32) -> Self {
        let settings = Settings { in_flight_max, ..Settings::default() };
        let producer = Producer::new(settings, target(), vec![BROKER]);
        let producer = producer.with_options(options, 7).expect("sound options");
        let mut desk = Self { producer, sent: 0, key: Some("k"), events: Vec::new() };
        let state = PartitionState {
            leader: Some(BROKER),
            epoch: Epoch(1),
            version: 1,
            ..PartitionState::new(vec![BROKER], 1)
        };
        let mut view = View { version: 1, ..View::default() };
        let partition = |index| PartitionId { topic: topic(), index };
        view.partitions.extend((0..PARTITIONS).map(|index| (partition(index), state.clone())));
        let view = Arc::new(view);
        for envelope in desk.hand(0, Input::Wake) {
            match envelope.message {
                Message::Request(id, Request::Metadata) => {
                    desk.answer(0, id, Reply::Cluster(Arc::clone(&view)));
                }
                Message::Request(id, Request::InitProducer) => {
                    desk.answer(0, id, Reply::Producer { id: 40, epoch: 0 });
                }
                other => panic!("it asks for {other:?}"),
            }
        }
        desk
    }

    fn hand(&mut self, now: u64, input: Input) -> Vec<Envelope> {
        let mut out = Out::default();
        self.producer.handle(at(now), input, &mut out);
        self.events.extend(out.events);
        out.sends
    }

    fn answer(&mut self, now: u64, id: RequestId, reply: Reply) -> Vec<Sent> {
        batches(&self.hand(now, Input::Message { from: BROKER, message: Message::Reply(id, reply) }))
    }

    fn stored(&mut self, now: u64, batch: &Sent) -> Vec<Sent> {
        self.answer(now, batch.id, Reply::Stored { base: Offset(0) })
    }

    fn refuse(&mut self, now: u64, batch: &Sent, why: Refusal) -> Vec<Sent> {
        self.answer(now, batch.id, Reply::Refused(why))
    }

    fn wake(&mut self, now: u64) -> Vec<Sent> {
        batches(&self.hand(now, Input::Wake))
    }

    fn send(&mut self, now: u64, count: u64) -> Vec<Sent> {
        let mut out = Out::default();
        for _ in 0..count {
            self.sent += 1;
            let record = NewRecord { key: self.key.map(Into::into), ..NewRecord::default() };
            self.producer.send(at(now), MessageId(self.sent), record, &mut out).expect("a small message");
        }
        self.events.extend(out.events);
        batches(&out.sends)
    }
}

fn batches(sends: &[Envelope]) -> Vec<Sent> {
    let produced = |envelope: &Envelope| match &envelope.message {
        Message::Request(id, Request::Produce { partition, batches, .. }) => {
            let producer = batches.iter().next().expect("a batch").producer();
            Some(Sent {
                id: *id,
                partition: partition.index,
                epoch: producer.epoch,
                sequence: producer.sequence,
                messages: batches.records().filter_map(|record| record.message_id()).map(|id| id.0).collect(),
            })
        }
        _ => None,
    };
    sends.iter().filter_map(produced).collect()
}

fn one(sent: Vec<Sent>) -> Sent {
    let [one] = <[Sent; 1]>::try_from(sent).expect("one batch");
    one
}

/// Epoch, first number and messages.
fn told(sent: &[Sent]) -> Vec<(i16, i32, Vec<u64>)> {
    sent.iter().map(|batch| (batch.epoch, batch.sequence, batch.messages.clone())).collect()
}

fn idempotent() -> ProducerOptions {
    ProducerOptions { idempotent: true, ..ProducerOptions::default() }
}

#[test]
fn the_same_batch_goes_again_and_what_came_too_early_waits_for_it() {
    let mut desk = Desk::new(idempotent(), 5);
    let first = one(desk.send(1, 2));
    assert_eq!(
        told(std::slice::from_ref(&first)),
        [(0, 0, vec![1])],
        "it went before the second was handed over"
    );
    assert_eq!(desk.wake(2), [], "the very first goes alone");
    let second = one(desk.stored(3, &first));
    let third = one(desk.send(3, 1));
    let fourth = one(desk.send(3, 1));
    assert_eq!(
        told(&[second.clone(), third.clone(), fourth.clone()]),
        [(0, 1, vec![2]), (0, 2, vec![3]), (0, 3, vec![4])]
    );
    // The second is refused, and so those behind it are too early.
    assert_eq!(desk.refuse(4, &second, Refusal::NotEnoughReplicas), []);
    assert_eq!(desk.refuse(4, &third, Refusal::OutOfSequence), []);
    assert_eq!(desk.send(4, 3), [], "nothing new goes before");
    let again = one(desk.wake(14));
    assert_eq!(
        (again.sequence, &again.messages),
        (1, &vec![2]),
        "the same batch: the new messages do not join"
    );
    assert_eq!(desk.refuse(15, &fourth, Refusal::OutOfSequence), []);
    let again = one(desk.stored(16, &again));
    assert_eq!((again.sequence, &again.messages), (2, &vec![3]));
    let last = told(&desk.stored(17, &again));
    assert_eq!(last, [(0, 3, vec![4]), (0, 4, vec![5, 6, 7])], "nothing is at home any more");
}

#[test]
fn five_are_on_their_way_and_no_more_than_a_partition_remembers() {
    let mut desk = Desk::new(idempotent(), 5);
    let first = one(desk.send(1, 1));
    desk.stored(2, &first);
    let five: Vec<Sent> = (0..5).flat_map(|_| desk.send(3, 1)).collect();
    assert_eq!(five.len(), 5);
    assert_eq!(desk.send(3, 1), [], "a sixth waits");
    assert_eq!(
        desk.stored(4, &five[2]),
        [],
        "and also when one in the middle is stored: the first would be forgotten"
    );
    assert_eq!(one(desk.stored(4, &five[0])).messages, [7]);
}

#[test]
fn who_is_first_and_still_out_of_sequence_counts_anew() {
    let mut desk = Desk::new(idempotent(), 5);
    let first = one(desk.send(1, 1));
    desk.stored(2, &first);
    let [second, third] = <[Sent; 2]>::try_from([desk.send(3, 1), desk.send(3, 1)].concat()).expect("two");
    // The cluster has lost the first, which it had acknowledged: waiting brings nothing.
    assert_eq!(desk.refuse(4, &second, Refusal::OutOfSequence), []);
    let anew = desk.events.iter().find_map(|event| match event {
        Event::Producer(ProducerEvent::BeganAnew { epoch, messages, .. }) => Some((*epoch, messages.len())),
        _ => None,
    });
    assert_eq!(anew, Some((1, 2)));
    let again = one(desk.wake(14));
    assert_eq!(told(std::slice::from_ref(&again)), [(1, 0, vec![2])]);
    assert_eq!(desk.stored(15, &third), [], "nobody waits for the answer to the old number any more");
    assert_eq!(told(&desk.stored(16, &again)), [(1, 1, vec![3])]);
}

#[test]
fn what_is_not_acknowledged_in_time_is_given_up_and_the_count_begins_anew() {
    let options = ProducerOptions { delivery_timeout: Some(Span::from_millis(200)), ..idempotent() };
    let mut desk = Desk::new(options, 5);
    let first = one(desk.send(1, 1));
    assert_eq!(desk.stored(2, &first), []);
    assert_eq!(told(&desk.send(10, 1)), [(0, 1, vec![2])]);
    // Nobody answers, whatever it tries.
    while let Some(wakes) = desk.producer.next_wakeup().filter(|wakes| *wakes < at(210)) {
        let mut out = Out::default();
        desk.producer.handle(wakes, Input::Wake, &mut out);
    }
    assert_eq!(desk.producer.next_wakeup(), Some(at(210)));
    desk.events.clear();
    assert_eq!(desk.wake(210), []);
    let overdue = QueueEvent::GaveUp { message: Some(MessageId(2)), why: Refusal::Overdue };
    assert_eq!(desk.events[0], Event::Queue(overdue));
    assert!(matches!(desk.events[1], Event::Producer(ProducerEvent::BeganAnew { epoch: 1, .. })));
    assert_eq!(desk.producer.take_given_up(), Some(MessageId(2)));
    assert!(!desk.producer.holds(MessageId(2)));
}

#[test]
fn when_what_stands_behind_is_stored_so_was_what_was_given_up() {
    let options = ProducerOptions { delivery_timeout: Some(Span::from_millis(200)), ..idempotent() };
    let mut desk = Desk::new(options, 5);
    let first = one(desk.send(1, 1));
    desk.stored(2, &first);
    desk.send(10, 1);
    let third = one(desk.send(60, 1));
    desk.wake(90); // the second is lost, goes again
    let given_up = |desk: &Desk| {
        desk.events.iter().filter(|event| matches!(event, Event::Queue(QueueEvent::GaveUp { .. }))).count()
    };
    desk.wake(139);
    desk.stored(139, &third);
    desk.wake(210);
    assert_eq!(given_up(&desk), 1);
    let anew = |event: &Event| matches!(event, Event::Producer(ProducerEvent::BeganAnew { .. }));
    assert!(!desk.events.iter().any(anew), "the third is stored, and so the second is");
    assert_eq!(told(&desk.send(221, 1)), [(0, 3, vec![4])], "it counts on");

    let mut desk = Desk::new(options, 5);
    let first = one(desk.send(1, 1));
    desk.stored(2, &first);
    desk.send(10, 1);
    let third = one(desk.send(150, 1));
    desk.wake(210);
    assert_eq!(given_up(&desk), 1);
    desk.stored(211, &third);
    assert!(!desk.events.iter().any(anew));
    assert_eq!(told(&desk.send(221, 1)), [(0, 3, vec![4])], "it counts on");
}

#[test]
fn a_batch_leaves_when_it_is_full_or_the_linger_is_over() {
    let record =
        NewRecord { key: Some("k".into()), ..NewRecord::default() }.with_id(MessageId(1)).bytes_max();
    let options = ProducerOptions {
        linger: Span::from_millis(20),
        batch_bytes: Some((BATCH_HEADER_BYTES + 3 * record) as u32),
        ..ProducerOptions::default()
    };
    let mut desk = Desk::new(options, 5);
    assert_eq!(desk.send(1, 1), []);
    assert_eq!(desk.send(11, 1), []);
    assert_eq!(desk.producer.next_wakeup(), Some(at(21)), "counted from the first");
    assert_eq!(one(desk.wake(21)).messages, [1, 2]);
    let full = desk.send(30, 4);
    assert_eq!(one(full).messages, [3, 4, 5], "three fill it, and the fourth waits");
    assert_eq!(desk.producer.next_wakeup(), Some(at(50)));
    assert_eq!(one(desk.wake(50)).messages, [6]);
}

#[test]
fn without_key_one_batch_is_filled_after_the_other() {
    let options = ProducerOptions { sticky: true, batch_bytes: Some(400), ..ProducerOptions::default() };
    let mut desk = Desk::new(options, 100);
    desk.key = None;
    let sent: Vec<u32> = (0..400).flat_map(|n| desk.send(n, 1)).map(|batch| batch.partition).collect();
    let changes = sent.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(sent.len() > 200 && changes < sent.len() / 3, "{changes} changes in {}", sent.len());
    assert!((0..PARTITIONS).all(|partition| sent.contains(&partition)));
}

#[test]
fn two_brokers_never_get_the_same_numbers() {
    let view = View { brokers: [(BROKER, true), (NodeId::Broker(2), true)].into(), ..View::default() };
    let mut controller = Controller::new(Settings::default(), view);
    controller.start(&mut Out::default());
    let mut firsts = Vec::new();
    for (id, from) in (1..).zip([1, 2, 1, 1, 2].map(NodeId::Broker)) {
        let mut out = Out::default();
        let message = Message::Request(id, Request::AllocateProducerIds);
        controller.handle(Time::ZERO, Input::Message { from, message }, &mut out);
        let reply = out.sends.into_iter().find_map(|envelope| match envelope.message {
            Message::Reply(asked, Reply::ProducerIds { first, count }) if asked == id => Some((first, count)),
            _ => None,
        });
        let (first, count) = reply.expect("it is answered");
        assert_eq!(count, PRODUCER_IDS_A_BLOCK);
        firsts.push(first);
    }
    assert_eq!(firsts, [0, 1_000, 2_000, 3_000, 4_000]);
    assert_eq!(controller.view().producer_ids, 5_000, "and it stands in the cluster's metadata");
}

#[test]
fn a_producer_that_cannot_work_so_is_told() {
    let settings = |in_flight_max| Settings { in_flight_max, ..Settings::default() };
    let queue = Target::Queue(Name::new("q").expect("a legal name"));
    let leader = Target::Topic(topic(), Acks::Leader);
    let short = Span::from_millis(10);
    let sticky = ProducerOptions { sticky: true, ..ProducerOptions::default() };
    let small = ProducerOptions { batch_bytes: Some(99), ..ProducerOptions::default() };
    let hasty = ProducerOptions { delivery_timeout: Some(short), ..ProducerOptions::default() };
    let table = [
        (idempotent(), queue.clone(), 1, Some(BadOptions::NoTopic)),
        (sticky, queue, 1, Some(BadOptions::NoTopic)),
        (idempotent(), leader, 1, Some(BadOptions::NotAll)),
        (idempotent(), target(), 6, Some(BadOptions::InFlight(6))),
        (idempotent(), target(), 5, None),
        (small, target(), 1, Some(BadOptions::BatchBytes(99))),
        (hasty, target(), 1, Some(BadOptions::DeliveryTimeout(short))),
    ];
    for (options, target, in_flight_max, wrong) in table {
        let refused = Producer::new(settings(in_flight_max), target, vec![BROKER]).with_options(options, 1);
        assert_eq!(refused.err(), wrong, "{options:?}");
    }
    let mut scenario = Scenario::built_in("idempotent-producer").expect("it comes with the engine");
    scenario.settings.in_flight_max = 6;
    let error = scenario.check().expect_err("six are too many").to_string();
    assert!(error.contains("shop") && error.contains("at most 5 requests under way"), "{error}");
    let unknown = scenario.to_json().replace("\"idempotent\": true", "\"idempotence\": true");
    assert!(Scenario::from_json(&unknown).is_err());
}
