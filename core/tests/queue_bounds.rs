//! A queue's memory and logs are bounded by what it holds, not by what went by; and no number that a sender gives is too
//! large for it.

use mqlab_core::ids::{Epoch, LogName, Name, Offset};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::log::memory::{MemoryLog, MemoryStorage};
use mqlab_core::log::{Log, Storage};
use mqlab_core::message::{Message, Repeat};
use mqlab_core::queue::{
    AckMode, ConsumerId, ConsumerOptions, Flow, GROUPS_MAX, Queue, QueueOptions, RESIDENT_BYTES, Requeue, Tag,
};
use mqlab_core::record::BatchBuilder;
use mqlab_core::time::{Span, Time};

const A: ConsumerId = ConsumerId(1);
const B: ConsumerId = ConsumerId(2);
const START: Time = Time::ZERO;
const MIB: u64 = 1024 * 1024;

fn name() -> Name {
    Name::new("q").expect("a legal name")
}

fn open(storage: &mut MemoryStorage, options: QueueOptions) -> Queue<MemoryLog> {
    Queue::open(storage, name(), options, START).expect("memory opens")
}

fn prefetch(most: u32) -> ConsumerOptions {
    ConsumerOptions { flow: Flow::Prefetch(most), ..ConsumerOptions::default() }
}

/// The length of a log in records.
fn records(storage: &mut MemoryStorage, name: &LogName) -> u64 {
    let log = storage.open(name).expect("memory opens");
    let records = log.end().0 - log.start().0;
    storage.close(name, log).expect("memory closes");
    records
}

#[test]
fn bodies_beyond_the_resident_ones_are_read_from_the_log() {
    const COUNT: u64 = 48;
    let body = |number: u64| vec![number as u8; MIB as usize];
    // What is gathered for the next write comes on top, and one message.
    let most = RESIDENT_BYTES + 3 * MIB;
    for requeue in [Requeue::OldPlace, Requeue::Front, Requeue::Back] {
        let mut storage = MemoryStorage::default();
        let options = QueueOptions { requeue, ..QueueOptions::default() };
        let mut queue = open(&mut storage, options.clone());
        for number in 0..COUNT {
            queue.send(START, Message::new(body(number))).expect("taken");
            assert!(queue.stats().resident_bytes <= most, "within a burst, too");
        }
        queue.flush().expect("written");
        assert!(queue.stats().resident_bytes <= RESIDENT_BYTES);
        // The last come back, so that what is in memory and what is not is mixed.
        queue.attach(START, A, prefetch(0)).expect("no failure");
        while queue.poll_delivery().is_some() {
            assert!(queue.stats().resident_bytes <= most);
        }
        queue.detach(START, A).expect("no failure");
        queue.flush().expect("written");
        queue.close(&mut storage).expect("closes");
        let mut queue = open(&mut storage, options);
        assert!(queue.stats().resident_bytes <= RESIDENT_BYTES + MIB);
        assert_eq!(queue.stats().held, COUNT);
        for number in 0..COUNT {
            let delivery = queue.receive(START).expect("no failure").expect("ready");
            assert_eq!((delivery.message.body()[..] == body(number), delivery.count), (true, 2), "{number}");
            queue.ack(START, delivery.tag).expect("it was just delivered");
        }
        assert_eq!((queue.stats().held, queue.stats().resident_bytes), (0, 0));
    }
}

#[test]
fn a_stuck_message_costs_a_short_cursor_and_survives_with_its_count() {
    let mut storage = MemoryStorage::default();
    let mut queue = open(&mut storage, QueueOptions::default());
    queue.send(START, Message::new("stuck")).expect("taken");
    let stuck = queue.receive(START).expect("no failure").expect("ready");
    for _ in 0..20_000 {
        queue.send(START, Message::new("x")).expect("taken");
        let delivery = queue.receive(START).expect("no failure").expect("ready");
        queue.ack(START, delivery.tag).expect("it was just delivered");
        queue.commit().expect("written");
    }
    queue.flush().expect("written");
    queue.close(&mut storage).expect("closes");
    let notes = records(&mut storage, &LogName::QueueCursor(name()));
    assert!(notes < 5_000, "{notes} notes about one message");
    let mut queue = open(&mut storage, QueueOptions::default());
    assert_eq!((queue.stats().held, queue.next()), (1, Offset(20_001)));
    let again = queue.receive(START).expect("no failure").expect("ready");
    assert_eq!((again.offset, again.count), (stuck.offset, 2));
    queue.ack(START, again.tag).expect("it was just delivered");
    queue.flush().expect("written");
    queue.close(&mut storage).expect("closes");
    assert_eq!(records(&mut storage, &LogName::Queue(name())), 0);
    assert_eq!(open(&mut storage, QueueOptions::default()).stats().held, 0);
}

#[test]
fn a_stuck_delivery_is_settled_by_its_tag_long_after() {
    let mut queue = Queue::in_memory("q").expect("a legal name");
    queue.send(START, Message::new("stuck")).expect("taken");
    let stuck = queue.receive(START).expect("no failure").expect("ready");
    let automatic = ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() };
    queue.attach(START, A, automatic).expect("no failure");
    let mut last = stuck.tag;
    for _ in 0..10_000 {
        queue.send(START, Message::new("x")).expect("taken");
        let delivery = queue.poll_delivery().expect("pushed");
        assert!(delivery.tag > last, "tags grow");
        last = delivery.tag;
    }
    assert!(queue.ack(START, Tag(5_000)).is_err());
    queue.nack(START, stuck.tag, true).expect("it is out");
    assert_eq!(queue.poll_delivery().expect("pushed").count, 2);
}

#[test]
fn offsets_may_be_far_beyond_32_bits_and_far_apart() {
    let far = 1_u64 << 40;
    let mut storage = MemoryStorage::default();
    let log_name = LogName::Queue(name());
    let mut log = storage.open(&log_name).expect("memory opens");
    for base in [0, far, far + 1] {
        let mut batch = BatchBuilder::new();
        batch.push(&Message::new(base.to_string()).to_record(0)).expect("it fits");
        log.append(&batch.build().stamped(Offset(base), Epoch(0))).expect("in order");
    }
    storage.close(&log_name, log).expect("memory closes");
    let mut queue = open(&mut storage, QueueOptions::default());
    queue.send(START, Message::new("new")).expect("taken");
    let offsets: Vec<u64> = queue.held().map(|held| held.offset.0).collect();
    assert_eq!(offsets, [0, far, far + 1, far + 2]);
    for offset in offsets {
        let delivery = queue.receive(START).expect("no failure").expect("ready");
        assert_eq!(delivery.offset, Offset(offset));
        queue.ack(START, delivery.tag).expect("it was just delivered");
    }
    assert_eq!(queue.stats().held, 0);
}

#[test]
fn spans_without_end_never_end() {
    let forever = Span(u64::MAX);
    let mut storage = MemoryStorage::default();
    let options = QueueOptions { ttl: Some(forever), lease: Some(forever), ..QueueOptions::default() };
    let mut queue = open(&mut storage, options.clone());
    queue.send(START, Message::new("late").with_delay(forever)).expect("taken");
    queue.send(Time(5_000), Message::new("long").with_ttl(forever).with_priority(255)).expect("taken");
    let delivery = queue.receive(Time(6_000)).expect("no failure").expect("ready");
    assert_eq!(queue.next_wakeup(), None);
    queue.tick(Time(u64::MAX)).expect("no failure");
    assert_eq!((queue.stats().waiting, queue.stats().unacked), (1, 1));
    queue.nack(Time(u64::MAX), delivery.tag, true).expect("it is out");
    queue.close(&mut storage).expect("closes");
    let queue = open(&mut storage, options);
    assert_eq!(
        (queue.stats().waiting, queue.stats().ready),
        (1, 1),
        "a delay without end survives a restart"
    );
}

#[test]
fn repetitions_without_number_come_one_at_a_time() {
    let mut queue = Queue::in_memory("q").expect("a legal name");
    let repeat = Repeat { every: Span::ZERO, times: u32::MAX };
    queue.send(START, Message::new("tick").with_repeat(repeat)).expect("taken");
    assert_eq!((queue.stats().ready, queue.stats().waiting), (1, 1), "the first comes at once");
    // The queue's owner slept for a year.
    queue.tick(Time(365 * 24 * 3_600 * 1_000_000)).expect("no failure");
    assert_eq!((queue.stats().ready, queue.stats().waiting), (2, 1));
    assert!(queue.next_wakeup() > Some(Time(365 * 24 * 3_600 * 1_000_000)));
}

#[test]
fn a_group_keeps_its_order_when_its_consumer_goes() {
    let mut queue = Queue::in_memory("q").expect("a legal name");
    queue.attach(START, A, prefetch(1)).expect("no failure");
    queue.attach(START, B, prefetch(2)).expect("no failure");
    for body in ["first", "second"] {
        queue.send(START, Message::new(body).with_group("g")).expect("taken");
    }
    assert_eq!(queue.poll_delivery().expect("pushed").consumer, A);
    assert_eq!(queue.poll_delivery(), None, "the second belongs to A, which has no room");
    queue.detach(START, A).expect("no failure");
    for (body, count) in [("first", 2), ("second", 1)] {
        let delivery = queue.poll_delivery().expect("pushed");
        assert_eq!((&delivery.message.body()[..], delivery.count), (body.as_bytes(), count));
    }
}

#[test]
fn a_group_that_is_forgotten_is_free_for_all() {
    let mut queue = Queue::in_memory("q").expect("a legal name");
    queue.attach(START, A, prefetch(GROUPS_MAX as u32 + 1)).expect("no failure");
    let send = |queue: &mut Queue<MemoryLog>, number: usize| {
        queue.send(START, Message::new("x").with_group(&format!("g{number}"))).expect("taken");
    };
    for number in 0..GROUPS_MAX {
        send(&mut queue, number);
    }
    queue.attach(START, B, prefetch(0)).expect("no failure");
    queue.block(START, A, true).expect("attached");
    send(&mut queue, 0);
    while let Some(delivery) = queue.poll_delivery() {
        assert_eq!(delivery.consumer, A);
    }
    assert_eq!(queue.stats().ready, 1, "group 0 is A's");
    // A takes one of a new group: group 0, used longest ago, is forgotten.
    queue.block(START, B, true).expect("attached");
    queue.block(START, A, false).expect("attached");
    assert_eq!(queue.poll_delivery().expect("A has room for one").consumer, A);
    send(&mut queue, GROUPS_MAX);
    send(&mut queue, 1);
    assert_eq!(queue.stats().ready, 2);
    queue.block(START, B, false).expect("attached");
    assert_eq!(queue.poll_delivery().expect("the new group is nobody's").consumer, B);
    assert_eq!(queue.poll_delivery().expect("group 1 was forgotten for it").consumer, B);
}

#[test]
fn a_power_cut_between_the_two_records_of_a_repetition_loses_none() {
    // So large that the first of the two is written before the second is gathered. While the second, which names the
    // old place, is lost, the old place counts.
    let repeat = Repeat { every: Span::from_millis(10), times: 2 };
    let message =
        Message::new(vec![7; MIB as usize + 1]).with_delay(Span::from_millis(10)).with_repeat(repeat);
    for (quarters_kept, held, deliveries) in [(0, 1, 3), (3, 2, 4), (4, 2, 3)] {
        let mut storage = FaultyStorage::new(MemoryStorage::default());
        let mut queue = Queue::open(&mut storage, name(), QueueOptions::default(), START).expect("opens");
        queue.send(START, message.clone()).expect("taken");
        queue.flush().expect("written");
        queue.tick(START + Span::from_millis(10)).expect("no failure");
        assert_eq!(queue.stats().ready, 1);
        queue.close(&mut storage).expect("closes");
        storage.cut_power(|_, bytes| bytes * quarters_kept / 4).expect("memory does not fail");
        let now = START + Span::from_millis(10);
        let mut queue = Queue::open(&mut storage, name(), QueueOptions::default(), now).expect("opens");
        assert_eq!(queue.stats().held, held, "{quarters_kept} quarters kept");
        let mut taken = 0;
        for millis in 10..100 {
            let now = START + Span::from_millis(millis);
            while let Some(delivery) = queue.receive(now).expect("no failure") {
                queue.ack(now, delivery.tag).expect("it was just delivered");
                taken += 1;
            }
        }
        assert_eq!(taken, deliveries, "{quarters_kept} quarters kept");
    }
}
