//! What RabbitMQ and ActiveMQ were seen to do with a queue, as tables: dispatch, acknowledgement, places of what comes
//! back, priorities, limits, expiry, groups, and who alone is served.

use mqlab_core::ids::Name;
use mqlab_core::log::memory::MemoryLog;
use mqlab_core::message::Message;
use mqlab_core::queue::{
    AckMode, ConsumerId, ConsumerOptions, DeadLetter, Expiry, Flow, Overflow, Queue, QueueError,
    QueueOptions, Requeue, Tag,
};
use mqlab_core::time::{Span, Time};

const A: ConsumerId = ConsumerId(1);
const B: ConsumerId = ConsumerId(2);
const C: ConsumerId = ConsumerId(3);
const START: Time = Time::ZERO;

fn ms(millis: u64) -> Time {
    Time(millis * 1_000)
}

fn queue(options: QueueOptions) -> Queue<MemoryLog> {
    let options = QueueOptions { transient: true, ..options };
    options.check().expect("sound options");
    Queue::transient(Name::new("q").expect("a legal name"), options)
}

fn dead_letters(options: QueueOptions) -> QueueOptions {
    QueueOptions { dead_letter: Some(DeadLetter { exchange: "dlx".into(), routing_key: None }), ..options }
}

fn send(queue: &mut Queue<MemoryLog>, now: Time, words: &str) {
    for word in words.split(' ') {
        queue.send(now, Message::new(word.to_owned())).expect("it is taken");
    }
}

fn prefetch(most: u32) -> ConsumerOptions {
    ConsumerOptions { flow: Flow::Prefetch(most), ..ConsumerOptions::default() }
}

fn automatic() -> ConsumerOptions {
    ConsumerOptions { ack: AckMode::Automatic, ..ConsumerOptions::default() }
}

fn word(message: &Message) -> String {
    String::from_utf8(message.body().to_vec()).expect("a word")
}

/// What was pushed since the last call: `A=m1,m2 B=m3`.
fn pushed(queue: &mut Queue<MemoryLog>) -> String {
    let mut got: Vec<(ConsumerId, Vec<String>)> = Vec::new();
    while let Some(delivery) = queue.poll_delivery() {
        let text = word(&delivery.message);
        match got.iter_mut().find(|(consumer, _)| *consumer == delivery.consumer) {
            Some((_, words)) => words.push(text),
            None => got.push((delivery.consumer, vec![text])),
        }
    }
    got.sort();
    let name = |id: ConsumerId| ["-", "A", "B", "C"][id.0 as usize];
    let parts: Vec<String> =
        got.iter().map(|(id, words)| format!("{}={}", name(*id), words.join(","))).collect();
    parts.join(" ")
}

fn ready(queue: &mut Queue<MemoryLog>, now: Time) -> String {
    let browsed = queue.browse(now, usize::MAX).expect("memory does not fail");
    browsed.iter().map(|found| word(&found.message)).collect::<Vec<_>>().join(" ")
}

fn dead(queue: &mut Queue<MemoryLog>) -> String {
    let mut words = Vec::new();
    while let Some(departure) = queue.poll_departure() {
        words.push(format!("{}:{}", word(&departure.message), departure.reason.as_str()));
    }
    words.join(" ")
}

/// Takes everything that is ready, in order, and puts nothing back.
fn drain(queue: &mut Queue<MemoryLog>, now: Time) -> String {
    let mut words = Vec::new();
    while let Some(delivery) = queue.receive(now).expect("memory does not fail") {
        words.push(word(&delivery.message));
        queue.ack(now, delivery.tag).expect("it was just delivered");
    }
    words.join(" ")
}

fn get(queue: &mut Queue<MemoryLog>, count: usize) -> Vec<Tag> {
    (0..count).map(|_| queue.receive(START).expect("no failure").expect("one is ready").tag).collect()
}

#[test]
fn consumers_in_turn_get_a_message_each() {
    let mut q = queue(QueueOptions::default());
    for consumer in [A, B, C] {
        q.attach(START, consumer, automatic()).expect("no failure");
    }
    send(&mut q, START, "m1 m2 m3 m4 m5 m6 m7");
    assert_eq!(pushed(&mut q), "A=m1,m4,m7 B=m2,m5 C=m3,m6");
}

#[test]
fn a_late_consumer_starves_behind_a_wide_prefetch() {
    let mut q = queue(QueueOptions::default());
    send(&mut q, START, "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    q.attach(START, A, prefetch(1000)).expect("no failure");
    q.attach(START, B, prefetch(1000)).expect("no failure");
    assert_eq!(pushed(&mut q), "A=m1,m2,m3,m4,m5,m6,m7,m8,m9,m10");
}

#[test]
fn acknowledging_makes_room_in_the_window() {
    let mut q = queue(QueueOptions::default());
    send(&mut q, START, "m1 m2 m3 m4 m5 m6 m7");
    q.attach(START, A, prefetch(2)).expect("no failure");
    q.attach(START, B, prefetch(2)).expect("no failure");
    assert_eq!(pushed(&mut q), "A=m1,m2 B=m3,m4");
    q.ack(START, Tag(1)).expect("A has it");
    assert_eq!(pushed(&mut q), "A=m5");
    q.ack_until(START, B, Tag(4)).expect("B has both");
    assert_eq!(pushed(&mut q), "B=m6,m7");
    assert_eq!(q.ack(START, Tag(1)), Err(QueueError::UnknownTag(Tag(1))));
}

#[test]
fn where_delivered_extends_the_window_seeing_is_enough() {
    let mut q = queue(QueueOptions { prefetch_extension: true, ..QueueOptions::default() });
    send(&mut q, START, "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    q.attach(START, A, prefetch(1)).expect("no failure");
    q.attach(START, B, prefetch(1)).expect("no failure");
    assert_eq!(pushed(&mut q), "A=m1 B=m2");
    q.seen(START, Tag(1)).expect("A has it");
    assert_eq!(pushed(&mut q), "A=m3");
    q.seen(START, Tag(1)).expect("twice is once");
    assert_eq!(pushed(&mut q), "");
}

#[test]
fn what_comes_back_takes_its_place() {
    // (mode, taken, given back in this order by number, then ready)
    let table = [
        (Requeue::OldPlace, 3, vec![2], "m2 m4 m5"),
        (Requeue::OldPlace, 3, vec![1, 3, 2], "m1 m2 m3 m4 m5"),
        (Requeue::Front, 3, vec![3, 1, 2], "m3 m1 m2 m4 m5"),
        (Requeue::Back, 3, vec![2], "m4 m5 m2"),
    ];
    for (requeue, taken, back, after) in table {
        let mut q = queue(QueueOptions { requeue, ..QueueOptions::default() });
        send(&mut q, START, "m1 m2 m3 m4 m5");
        let tags = get(&mut q, taken);
        for number in &back {
            q.nack(START, tags[*number - 1], true).expect("it is out");
        }
        assert_eq!(ready(&mut q, START), after, "{requeue:?} {back:?}");
        let first = q.receive(START).expect("no failure").expect("ready");
        assert_eq!(first.is_redelivered(), requeue != Requeue::Back);
    }
    let mut q = queue(QueueOptions::default());
    send(&mut q, START, "m1 m2 m3 m4 m5");
    let tags = get(&mut q, 4);
    q.nack_until(START, ConsumerId::default(), tags[2], true).expect("no failure");
    assert_eq!(ready(&mut q, START), "m1 m2 m3 m5");
}

#[test]
fn a_delivery_limit_of_two_is_three_deliveries() {
    let mut q = queue(dead_letters(QueueOptions {
        delivery_limit: Some(2),
        requeue: Requeue::Front,
        ..QueueOptions::default()
    }));
    send(&mut q, START, "m1 m2");
    for count in 1..=3 {
        let delivery = q.receive(START).expect("no failure").expect("ready");
        assert_eq!((word(&delivery.message).as_str(), delivery.count), ("m1", count));
        q.nack(START, delivery.tag, true).expect("it is out");
    }
    assert_eq!(dead(&mut q), "m1:delivery_limit");
    assert_eq!(ready(&mut q, START), "m2");
}

fn ttl(body: &str, millis: u64) -> Message {
    Message::new(body.to_owned()).with_ttl(Span::from_millis(millis))
}

#[test]
fn expiry_is_noticed_at_the_head() {
    let mut q = queue(dead_letters(QueueOptions::default()));
    q.send(START, ttl("long", 1500)).expect("taken");
    q.send(START, ttl("short", 100)).expect("taken");
    q.tick(ms(600)).expect("no failure");
    assert_eq!(q.stats().ready, 2);
    assert_eq!(q.next_wakeup(), Some(ms(1500)));
    q.tick(ms(1500)).expect("no failure");
    assert_eq!(dead(&mut q), "long:expired short:expired");

    let mut q =
        queue(dead_letters(QueueOptions { ttl: Some(Span::from_millis(300)), ..QueueOptions::default() }));
    q.send(START, Message::new("a")).expect("taken");
    q.send(ms(50), ttl("b", 60_000)).expect("taken");
    q.send(ms(100), ttl("c", 50)).expect("taken");
    q.tick(ms(301)).expect("no failure");
    assert_eq!(q.stats().ready, 2);
    q.tick(ms(600)).expect("no failure");
    assert_eq!((q.stats().ready, dead(&mut q).as_str()), (0, "a:expired b:expired c:expired"));
}

#[test]
fn a_sweep_notices_expiry_anywhere() {
    let mut q = queue(dead_letters(QueueOptions {
        expiry: Expiry::Sweep(Span::from_millis(30_000)),
        ..QueueOptions::default()
    }));
    q.send(START, Message::new("live")).expect("taken");
    q.send(START, ttl("short", 100)).expect("taken");
    assert_eq!(q.next_wakeup(), Some(ms(30_000)));
    q.tick(ms(29_999)).expect("no failure");
    assert_eq!(q.stats().ready, 2);
    q.tick(ms(30_000)).expect("no failure");
    assert_eq!((dead(&mut q).as_str(), q.stats().ready), ("short:expired", 1));
}

#[test]
fn a_time_to_live_of_zero_is_now_or_never() {
    let mut q = queue(QueueOptions::default());
    q.send(START, ttl("nobody", 0)).expect("taken");
    assert_eq!(q.stats().held, 0);
    q.attach(START, A, prefetch(1)).expect("no failure");
    q.send(START, ttl("here", 0)).expect("taken");
    assert_eq!(pushed(&mut q), "A=here");
}

#[test]
fn a_full_queue_drops_or_refuses() {
    let table = [
        (Overflow::DropHead, "c d e", "a:maxlen b:maxlen", 0),
        (Overflow::RejectPublish, "a b c", "", 2),
        (Overflow::RejectPublishDeadLetter, "a b c", "d:maxlen e:maxlen", 2),
        (Overflow::Block, "a b c", "", 2),
    ];
    for (overflow, left, gone, refusals) in table {
        let mut q =
            queue(dead_letters(QueueOptions { length_max: Some(3), overflow, ..QueueOptions::default() }));
        let sent = ["a", "b", "c", "d", "e"].map(|word| q.send(START, Message::new(word)));
        let refused = sent.iter().filter(|sent| sent.is_err()).count();
        assert_eq!(
            (ready(&mut q, START).as_str(), dead(&mut q).as_str(), refused),
            (left, gone, refusals),
            "{overflow:?}"
        );
        if overflow == Overflow::Block {
            assert_eq!(sent[4], Err(QueueError::Blocked));
        }
    }
}

#[test]
fn only_what_is_ready_counts_and_what_comes_back_may_be_too_much() {
    let mut q = queue(dead_letters(QueueOptions { length_max: Some(2), ..QueueOptions::default() }));
    send(&mut q, START, "a b");
    let tags = get(&mut q, 1);
    send(&mut q, START, "c");
    assert_eq!(ready(&mut q, START), "b c");
    q.nack(START, tags[0], true).expect("it is out");
    assert_eq!((ready(&mut q, START).as_str(), dead(&mut q).as_str()), ("b c", "a:maxlen"));
}

#[test]
fn a_message_larger_than_the_queue_empties_it_and_goes_too() {
    let mut q = queue(QueueOptions { bytes_max: Some(4), ..QueueOptions::default() });
    send(&mut q, START, "ab cd");
    send(&mut q, START, "12345");
    assert_eq!(q.stats().held, 0);
}

#[test]
fn the_head_that_is_dropped_is_of_the_highest_priority() {
    let mut q = queue(QueueOptions { priority_max: 10, length_max: Some(2), ..QueueOptions::default() });
    for (body, priority) in [("hi", 5), ("lo1", 1), ("lo2", 1)] {
        q.send(START, Message::new(body).with_priority(priority)).expect("taken");
    }
    assert_eq!(ready(&mut q, START), "lo1 lo2");
}

#[test]
fn priorities_are_served_high_first_and_in_order_within() {
    // RabbitMQ: at most 10, none is 0.
    let mut q = queue(QueueOptions { priority_max: 10, ..QueueOptions::default() });
    let sent = [
        ("a", Some(1)),
        ("b", Some(5)),
        ("c", None),
        ("d", Some(5)),
        ("e", Some(10)),
        ("f", Some(99)),
        ("g", Some(0)),
    ];
    for (body, priority) in sent {
        let message = Message::new(body);
        let message = if let Some(priority) = priority { message.with_priority(priority) } else { message };
        q.send(START, message).expect("taken");
    }
    assert_eq!(drain(&mut q, START), "e f b d a c g");
    // ActiveMQ: 0 to 9, none is 4; and a queue that does not care.
    for (priority_max, order) in [(9, "m2 m4 m3 m0 m5 m1"), (0, "m0 m1 m2 m3 m4 m5")] {
        let mut q = queue(QueueOptions {
            priority_max,
            priority_default: priority_max.min(4),
            ..QueueOptions::default()
        });
        for (number, priority) in [4, 0, 9, 5, 9, 1].into_iter().enumerate() {
            q.send(START, Message::new(format!("m{number}")).with_priority(priority)).expect("taken");
        }
        assert_eq!(drain(&mut q, START), order);
    }
}

#[test]
fn higher_consumers_get_everything_until_they_are_full() {
    let mut q = queue(QueueOptions::default());
    for (id, priority) in [(A, 1), (B, 10), (C, 0)] {
        q.attach(START, id, ConsumerOptions { priority, ..prefetch(2) }).expect("no failure");
    }
    send(&mut q, START, "m1 m2 m3 m4 m5 m6 m7");
    assert_eq!(pushed(&mut q), "A=m3,m4 B=m1,m2 C=m5,m6");
    q.ack(START, Tag(1)).expect("B has it");
    assert_eq!(pushed(&mut q), "B=m7");
}

#[test]
fn a_single_active_consumer_is_followed_by_the_next() {
    let mut q = queue(QueueOptions { single_active: true, ..QueueOptions::default() });
    q.attach(START, A, prefetch(0)).expect("no failure");
    q.attach(START, B, ConsumerOptions { priority: 5, ..prefetch(0) }).expect("no failure");
    send(&mut q, START, "m1 m2 m3");
    assert_eq!(pushed(&mut q), "A=m1,m2,m3", "a higher one that comes later stays idle");
    q.ack(START, Tag(1)).expect("A has it");
    q.cancel(START, A).expect("no failure");
    send(&mut q, START, "m4");
    assert_eq!(pushed(&mut q), "B=m4");
    q.detach(START, A).expect("its channel closes");
    assert_eq!(pushed(&mut q), "B=m2,m3");
}

#[test]
fn the_best_exclusive_consumer_gets_everything() {
    let mut q = queue(QueueOptions::default());
    let exclusive = |priority| ConsumerOptions { exclusive: true, priority, ..prefetch(0) };
    q.attach(START, A, exclusive(0)).expect("no failure");
    q.attach(START, B, exclusive(5)).expect("no failure");
    q.attach(START, C, prefetch(0)).expect("no failure");
    send(&mut q, START, "a b c");
    assert_eq!(pushed(&mut q), "B=a,b,c");
    q.cancel(START, B).expect("no failure");
    send(&mut q, START, "d");
    assert_eq!(pushed(&mut q), "A=d");
    q.cancel(START, A).expect("no failure");
    send(&mut q, START, "e");
    assert_eq!(pushed(&mut q), "C=e");
}

#[test]
fn a_group_stays_with_its_consumer() {
    let mut q = queue(QueueOptions::default());
    q.attach(START, A, prefetch(0)).expect("no failure");
    q.attach(START, B, prefetch(0)).expect("no failure");
    let send = |q: &mut Queue<MemoryLog>, group: &str, sequence: i32| {
        let message = Message::new(group.to_owned()).with_group(group);
        let message = if sequence == 0 { message } else { message.with_group_sequence(sequence) };
        q.send(START, message).expect("taken");
    };
    for group in ["g1", "g2", "g1", "g3", "g2", "g1", "g4", "g3"] {
        send(&mut q, group, 0);
    }
    assert_eq!(pushed(&mut q), "A=g1,g1,g1,g4 B=g2,g3,g2,g3");
    send(&mut q, "g1", -1);
    assert_eq!(pushed(&mut q), "A=g1", "the message that closes the group goes to its owner");
    q.detach(START, A).expect("no failure");
    pushed(&mut q);
    send(&mut q, "g1", 0);
    send(&mut q, "g4", 0);
    assert_eq!(pushed(&mut q), "B=g1,g4");
}

#[test]
fn what_is_delayed_is_overtaken_and_what_repeats_comes_again() {
    use mqlab_core::message::Repeat;
    let mut q = queue(QueueOptions::default());
    q.attach(START, A, automatic()).expect("no failure");
    let repeat = Repeat { every: Span::from_millis(200), times: 2 };
    q.send(START, Message::new("late").with_delay(Span::from_millis(300)).with_repeat(repeat))
        .expect("taken");
    send(&mut q, START, "soon");
    assert_eq!(pushed(&mut q), "A=soon");
    let mut came = Vec::new();
    while let Some(at) = q.next_wakeup() {
        q.tick(at).expect("no failure");
        came.push(format!("{at} {}", pushed(&mut q)));
    }
    assert_eq!(came, ["300.000 A=late", "500.000 A=late", "700.000 A=late"]);
    assert_eq!(q.stats().held, 0);
}

#[test]
fn a_refused_message_dies_and_a_silent_consumer_loses_its_own() {
    let mut q =
        queue(dead_letters(QueueOptions { lease: Some(Span::from_millis(10)), ..QueueOptions::default() }));
    send(&mut q, START, "m1 m2");
    let tags = get(&mut q, 2);
    q.nack(START, tags[0], false).expect("it is out");
    assert_eq!(dead(&mut q), "m1:rejected");
    q.renew(ms(5), tags[1]).expect("it is out");
    q.tick(ms(14)).expect("no failure");
    assert_eq!(q.stats().unacked, 1);
    q.tick(ms(15)).expect("no failure");
    assert_eq!(ready(&mut q, ms(15)), "m2");
    assert_eq!(q.ack(ms(15), tags[1]), Err(QueueError::UnknownTag(tags[1])), "too late");
}
