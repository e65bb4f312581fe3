//! as far as they are of quorum queues.

use crate::lab::{Lab, tag};
use mqlab_core::ids::NodeId;
use mqlab_core::message::Message;
use mqlab_core::systems::rabbitmq::{
    Command, ConsumerTag, Counting, DeadLetters, FifoOptions, first_of_session,
};
use mqlab_core::time::Span;

fn options() -> FifoOptions {
    FifoOptions { dead_letters: DeadLetters::AtMostOnce, ..FifoOptions::default() }
}

#[test]
fn what_comes_back_is_served_first_in_the_order_of_coming_back_r5() {
    // (delivery limit, taken, given back in this order, ready then)
    let table = [
        (Some(5), 3, "m3 m1 m2", "m3 m1 m2 m4 m5"),
        (Some(20), 3, "m2", "m2 m4 m5"),
        (None, 3, "m2", "m4 m5 m2"),
        (None, 3, "m3 m1", "m4 m5 m3 m1"),
    ];
    for (delivery_limit, taken, back, ready) in table {
        let mut lab = Lab::new(FifoOptions { delivery_limit, ..options() });
        lab.publish("m1 m2 m3 m4 m5");
        assert_eq!(lab.take(taken), "9=m1 9=m2 9=m3");
        back.split(' ').for_each(|name| assert_eq!(lab.back(name, false), ""));
        assert_eq!(lab.ready(), ready, "{back} with {delivery_limit:?}");
        assert_eq!(
            (lab.fifo.ready() + lab.fifo.unsettled(), lab.held.len()),
            (5, lab.fifo.unsettled() as usize)
        );
    }
    // Priority is ignored for it.
    let mut lab = Lab::new(options());
    lab.publish("low:1");
    lab.take(1);
    lab.publish("high:30");
    lab.back("low", false);
    assert_eq!(lab.ready(), "low high");
}

#[test]
fn the_limit_counts_returns_after_the_first_delivery_r11() {
    // As 3.10 was seen to do: whatever comes back counts, and is told with each delivery.
    let mut lab = Lab::new(FifoOptions { delivery_limit: Some(2), counting: Counting::Returns, ..options() });
    lab.publish("m1");
    assert_eq!(lab.consume(1, 1, 0), "1=m1");
    assert_eq!(lab.back("m1", false), "1=m1*1,1");
    assert_eq!(lab.back("m1", false), "1=m1*2,2");
    assert_eq!(lab.back("m1", false), "m1:delivery_limit");

    // Also where there is no limit (3.10's default).
    let mut lab = Lab::new(FifoOptions { delivery_limit: None, counting: Counting::Returns, ..options() });
    lab.publish("m1");
    assert_eq!(lab.consume(1, 1, 0), "1=m1");
    assert_eq!(lab.back("m1", false), "1=m1*1,1");

    // As 4.3: a nack counts for nothing, a reject and the end of a consumer do.
    let mut lab = Lab::new(FifoOptions { delivery_limit: Some(2), ..options() });
    lab.publish("m1");
    lab.consume(1, 1, 0);
    for times in 1..=5 {
        assert_eq!(lab.back("m1", false), format!("1=m1*{times},0"));
    }
    assert_eq!(lab.back("m1", true), "1=m1*6,1");
    assert_eq!(lab.consume(2, 1, 0), "");
    assert_eq!(lab.down(1), "2=m1*7,2");
    assert_eq!(lab.down(2), "m1:delivery_limit");

    // By default it is delivered 21 times.
    let mut lab = Lab::new(options());
    lab.publish("m1");
    lab.consume(1, 1, 0);
    let mut deliveries = 1;
    while lab.back("m1", true).starts_with("1=m1") {
        deliveries += 1;
    }
    assert_eq!(deliveries, 21);
}

#[test]
fn where_there_is_no_limit_a_consumer_that_is_gone_gives_back_to_the_front() {
    let mut lab = Lab::new(FifoOptions { delivery_limit: None, ..options() });
    lab.publish("m1 m2 m3");
    lab.consume(1, 2, 0);
    assert_eq!(lab.down(1), "");
    assert_eq!(lab.ready(), "m1 m2 m3");
}

#[test]
fn priorities_are_strict_and_four_is_the_default_r10() {
    let mut lab = Lab::new(options());
    lab.publish("a:1 b:5 c d:5 e:10 f:99 g:0 h:31 i:4");
    assert_eq!(lab.ready(), "f h e b d c i a g", "99 is cut down to 31, and none is 4");
    // A full queue loses what would be served next.
    let mut lab = Lab::new(FifoOptions { length_max: Some(2), ..options() });
    assert_eq!(lab.publish("hi:5 lo1:1 lo2:1"), "hi:maxlen");
}

#[test]
fn consumers_of_higher_priority_are_served_until_they_are_full_r10() {
    let mut lab = Lab::new(options());
    lab.consume(1, 2, 1); // lo
    lab.consume(2, 2, 10); // hi
    lab.consume(3, 2, 0); // default
    assert_eq!(lab.publish("m1 m2 m3 m4 m5 m6 m7"), "2=m1 2=m2 1=m3 1=m4 3=m5 3=m6");
    assert_eq!(lab.settle("m1"), "2=m7");
    // In turn within one priority; none is any number.
    let mut lab = Lab::new(options());
    lab.consume(1, 0, 0);
    lab.consume(2, 1, 0);
    lab.consume(3, 0, 0);
    assert_eq!(lab.publish("m1 m2 m3 m4 m5 m6"), "1=m1 2=m2 3=m3 1=m4 3=m5 1=m6");
}

#[test]
fn a_single_active_consumer_gives_way_to_a_higher_one_when_it_has_settled_r10() {
    let mut lab = Lab::new(FifoOptions { single_active: true, ..options() });
    lab.consume(1, 2, 0);
    lab.consume(2, 2, 0);
    assert_eq!(lab.publish("m1 m2 m3 m4 m5"), "1=m1 1=m2");
    // A higher one comes: the first gets no more, and is followed when it has settled all.
    assert_eq!(lab.consume(3, 1, 7), "");
    assert_eq!(lab.settle("m1"), "");
    assert_eq!(lab.settle("m2"), "active:3 3=m3");
    // One of the same priority does not.
    assert_eq!(lab.consume(4, 1, 7), "");
    assert_eq!(lab.settle("m3"), "3=m4");
    // Cancelled, it keeps what it has, and the next is served at once.
    assert_eq!(lab.cancel(3), "active:4 4=m5");
    assert_eq!(lab.down(4), "active:1 1=m5*1,1");
    assert_eq!(lab.back("m4", false), "1=m4*1,0");
    assert_eq!(lab.down(1), "active:2 2=m5*2,2 2=m4*2,1");
    assert_eq!(lab.fifo.clients().len(), 1);

    // A higher one takes the place of one that holds nothing at once.
    let mut lab = Lab::new(FifoOptions { single_active: true, ..options() });
    lab.consume(1, 1, 0);
    lab.consume(2, 1, 1);
    assert_eq!(lab.publish("m1"), "2=m1");
}

#[test]
fn a_full_queue_drops_its_head_or_refuses_softly_r8() {
    let mut lab = Lab::new(FifoOptions { length_max: Some(3), ..options() });
    assert_eq!(lab.publish("a b c d e"), "a:maxlen b:maxlen");
    assert_eq!(lab.ready(), "c d e");

    // What is ready counts, not what somebody has.
    let mut lab = Lab::new(FifoOptions { length_max: Some(2), ..options() });
    lab.publish("a b");
    lab.take(1);
    assert_eq!(lab.publish("c"), "");
    assert_eq!(lab.back("a", false), "a:maxlen");
    assert_eq!(lab.ready(), "b c");

    // One larger than all that may be throws out everything, and itself.
    let mut lab = Lab::new(FifoOptions { bytes_max: Some(3), ..options() });
    assert_eq!(lab.publish("a bb ccccc"), "a:maxlen bb:maxlen ccccc:maxlen");
    // None at all: only what is consumed at once.
    let mut lab = Lab::new(FifoOptions { length_max: Some(0), ..options() });
    assert_eq!(lab.publish("a"), "a:maxlen");
    lab.consume(1, 1, 0);
    assert_eq!(lab.publish("b"), "1=b");

    // Refusing begins beyond the limit, and ends at 80 hundredths of it.
    let mut lab = Lab::new(FifoOptions { length_max: Some(10), reject_publish: true, ..options() });
    assert_eq!(lab.publish("1 2 3 4 5 6 7 8 9 10"), "");
    assert_eq!(lab.publish("11"), "refusing");
    assert!(lab.fifo.refuses());
    assert_eq!(lab.take(2), "9=1 9=2");
    assert!(lab.fifo.refuses(), "nine are more than eight");
    assert_eq!(lab.consume(1, 1, 0), "1=3 taking");
}

#[test]
fn expiry_is_noticed_at_the_head_r7() {
    let ms = Span::from_millis;
    let mut lab = Lab::new(options());
    lab.send(Message::new("long").with_ttl(ms(1_500)));
    lab.send(Message::new("short").with_ttl(ms(100)));
    assert_eq!((lab.at(600), lab.fifo.ready()), (String::new(), 2));
    assert_eq!(lab.at(1_500), "long:expired short:expired");

    let mut lab = Lab::new(FifoOptions { ttl: Some(ms(300)), ..options() });
    lab.send(Message::new("a"));
    lab.at(50);
    lab.send(Message::new("b").with_ttl(ms(60_000)));
    lab.at(100);
    lab.send(Message::new("c").with_ttl(ms(50)));
    assert_eq!((lab.at(300).as_str(), lab.fifo.ready()), ("a:expired", 2));
    assert_eq!(lab.at(600), "b:expired c:expired");

    // None: within this millisecond, or never.
    let mut lab = Lab::new(options());
    lab.send(Message::new("gone").with_ttl(Span::ZERO));
    assert_eq!(lab.at(1), "gone:expired");
    lab.consume(1, 1, 0);
    assert_eq!(lab.send(Message::new("now").with_ttl(Span::ZERO)), "1=now");
}

#[test]
fn a_publisher_that_repeats_itself_is_known_and_one_that_skips_is_told() {
    let mut lab = Lab::new(options());
    lab.publish("m1 m2");
    let again = |lab: &mut Lab, sequence| {
        let command = Command::Enqueue { from: NodeId::Producer(1), sequence };
        lab.apply(&command, Some(Message::new("again")))
    };
    assert_eq!((again(&mut lab, 1).as_str(), lab.ready().as_str()), ("", "m1 m2"));
    assert_eq!(again(&mut lab, 5), "missing 3");
    again(&mut lab, 3);
    assert_eq!(lab.ready(), "m1 m2 again");
}

#[test]
fn one_message_for_who_asks_and_what_comes_twice_changes_nothing() {
    let mut lab = Lab::new(options());
    let get = |lab: &mut Lab, consumer| {
        let consumer = tag(consumer);
        lab.apply(&Command::Checkout { consumer, prefetch: 0, priority: 0, once: true, next: 0 }, None)
    };
    assert_eq!(get(&mut lab, 1), "empty");
    lab.publish("m1 m2");
    assert_eq!(get(&mut lab, 1), "1=m1");
    assert_eq!(get(&mut lab, 1), "empty", "it has one in hand under this name");
    assert_eq!(get(&mut lab, 2), "2=m2");
    let (_, _, key, number) = lab.held[0].clone();
    lab.settle("m1");
    let late = Command::Return { key, deliveries: vec![number], failed: true };
    assert_eq!((lab.apply(&late, None).as_str(), lab.ready().as_str()), ("", ""));
    assert_eq!(lab.discard("m2"), "m2:rejected");
    assert_eq!(lab.fifo.clients().len(), 0, "both are done");

    // A consumer that comes back gets what it has not had, under the same numbers.
    lab.publish("m3 m4 m5");
    assert_eq!(lab.consume(1, 2, 0), "1=m3 1=m4");
    let back = Command::Checkout { consumer: tag(1), prefetch: 2, priority: 0, once: false, next: 1 };
    assert_eq!(lab.apply(&back, None), "1=m4");
    lab.settle("m3");
    assert_eq!(lab.apply(&Command::Purge, None), "purged 0");
    lab.publish("m6 m7");
    assert_eq!(lab.apply(&Command::Purge, None), "purged 2");
    assert_eq!(lab.fifo.unsettled(), 2);
}

#[test]
fn dead_letters_stay_until_they_have_arrived_where_that_is_wanted() {
    let mut lab = Lab::new(FifoOptions {
        dead_letters: DeadLetters::AtLeastOnce,
        length_max: Some(2),
        reject_publish: true,
        ..options()
    });
    lab.publish("m1 m2");
    lab.take(2);
    assert_eq!(lab.discard("m1"), "m1:rejected");
    assert_eq!(lab.discard("m2"), "m2:rejected");
    assert_eq!(lab.publish("m3"), "refusing", "they count");
    assert_eq!(lab.fifo.dead_letters().count(), 2);
    assert_eq!(lab.apply(&Command::Buried { count: 9 }, None), "taking");
    assert_eq!(lab.fifo.dead_letters().count(), 0);
}

#[test]
fn a_publisher_that_comes_back_counts_from_the_first_number_of_its_session() {
    let mut lab = Lab::new(FifoOptions::default());
    let from = NodeId::Producer(1);
    let enqueue = |lab: &mut Lab, sequence: u64, name: &str| {
        lab.apply(&Command::Enqueue { from, sequence }, Some(Message::new(name.to_owned())))
    };
    enqueue(&mut lab, 1, "a");
    let first = first_of_session(3);
    assert_eq!(enqueue(&mut lab, first + 1, "c"), format!("missing {first}"));
    enqueue(&mut lab, first, "b");
    enqueue(&mut lab, first, "b"); // the same once more
    assert_eq!(enqueue(&mut lab, 2, "late"), "", "nobody waits for what an earlier session said");
    assert_eq!(lab.ready(), "a b");
}

#[test]
fn one_consumer_of_a_client_leaves_and_the_other_stays() {
    let mut lab = Lab::new(FifoOptions::default());
    let consumer = |tag: u32| ConsumerTag { node: NodeId::Consumer(1), tag };
    for tag in [1, 2] {
        let (consumer, prefetch, priority, once, next) = (consumer(tag), 1, 0, false, 0);
        lab.apply(&Command::Checkout { consumer, prefetch, priority, once, next }, None);
    }
    assert_eq!(lab.publish("a b"), "1=a 1=b");
    lab.apply(&Command::Leave { consumer: consumer(1) }, None);
    assert_eq!((lab.ready().as_str(), lab.fifo.unsettled()), ("a", 1));
    assert_eq!(lab.fifo.consumers(), [consumer(2)].into());
    lab.apply(&Command::Leave { consumer: consumer(1) }, None); // it may be said twice
    assert_eq!((lab.ready().as_str(), lab.fifo.unsettled()), ("a", 1));
}
