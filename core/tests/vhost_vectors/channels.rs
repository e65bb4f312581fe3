//! Consumers, windows, acknowledgements, places of what comes back, priorities: sections.

use super::*;
use mqlab_core::queue::{ConsumerId, Requeue};

const A: ConsumerId = ConsumerId(1);
const SEVEN: &str = "m1 m2 m3 m4 m5 m6 m7";

fn consume(host: &mut Host, channel: ChannelId, queue: &str, options: ConsumerOptions) -> ConsumerId {
    host.consume_on(START, channel, queue, options).expect("attached")
}

fn window(host: &mut Host, channel: ChannelId, window: u32) {
    host.open_channel(START, channel, ChannelOptions { window, ..ChannelOptions::default() }).expect("opens");
}

#[test]
fn dispatch() {
    let mut host = host("q");
    for _ in 0..3 {
        consume(&mut host, ONE, "q", automatic());
    }
    send(&mut host, START, "q", SEVEN);
    assert_eq!(said(&mut host), "A=m1,m4,m7 B=m2,m5 C=m3,m6");
    assert_eq!(held(&host, "q"), 0);

    let mut host = self::host("q");
    send(&mut host, START, "q", SEVEN);
    consume(&mut host, ONE, "q", prefetch(2));
    consume(&mut host, TWO, "q", prefetch(2));
    assert_eq!(said(&mut host), "A=m1,m2 B=m3,m4");
    host.ack(START, on(ONE, 1)).expect("its own");
    assert_eq!(said(&mut host), "A=m5");
    host.ack_until(START, on(TWO, 2)).expect("its own");
    assert_eq!(said(&mut host), "B=m6,m7");

    // A window of the channel, and one of each consumer.
    for (global, own, expected) in [(3, 0, "A=m1,m2,m3"), (0, 3, "A=m1,m2,m3 B=m4,m5,m6")] {
        let mut host = self::host("q");
        window(&mut host, ONE, global);
        send(&mut host, START, "q", SEVEN);
        consume(&mut host, ONE, "q", prefetch(own));
        consume(&mut host, ONE, "q", prefetch(own));
        assert_eq!(said(&mut host), expected);
    }
}

#[test]
fn one_window_over_several_queues() {
    let mut host = host("a b c");
    window(&mut host, ONE, 2);
    for queue in ["a", "b", "c"] {
        consume(&mut host, ONE, queue, prefetch(0));
        send(&mut host, START, queue, "1 2 3");
    }
    assert_eq!(said(&mut host), "A=1,2");
    // What is asked for does not count, by whatever way.
    host.receive_on(START, ONE, "b").expect("there").expect("a message");
    host.receive_for(START, A).expect("there").expect("a message");
    assert_eq!(said(&mut host), "");
    host.ack(START, on(ONE, 1)).expect("its own");
    assert_eq!(said(&mut host), "B=2");
    host.ack_until(START, on(ONE, 0)).expect("all there are");
    assert_eq!(said(&mut host), "B=3 C=1");
    // A larger one, none, and one again: those that are attached heed it.
    window(&mut host, ONE, 3);
    assert_eq!(said(&mut host), "C=2");
    window(&mut host, ONE, 0);
    assert_eq!(said(&mut host), "C=3");
    window(&mut host, ONE, 1);
    send(&mut host, START, "a", "4 5");
    assert_eq!(said(&mut host), "");
    host.ack_until(START, on(ONE, 0)).expect("all there are");
    assert_eq!(said(&mut host), "A=4");
}

#[test]
fn what_needs_no_acknowledgement_is_bounded_by_no_window() {
    let mut host = host("q");
    window(&mut host, ONE, 1);
    let words: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    send(&mut host, START, "q", &words.join(" "));
    consume(&mut host, ONE, "q", automatic());
    assert_eq!((said(&mut host).split(',').count(), held(&host, "q")), (20_000, 0));
}

#[test]
fn delivery_tags_are_of_the_channel() {
    let mut host = host("p q");
    send(&mut host, START, "p", "m1 m2");
    send(&mut host, START, "q", "m3 m4");
    consume(&mut host, ONE, "p", prefetch(0));
    consume(&mut host, ONE, "q", prefetch(0));
    assert_eq!(host.unsettled(ONE).map(|handle| handle.tag).collect::<Vec<_>>(), [1, 2, 3, 4]);
    said(&mut host);
    // What comes back gets a new number.
    host.nack(START, on(ONE, 2), true).expect("its own");
    assert_eq!(said(&mut host), "A=m2*");
    assert_eq!(host.unsettled(ONE).map(|handle| handle.tag).collect::<Vec<_>>(), [1, 3, 4, 5]);
    // Unknown, settled already, another channel's, no channel's.
    let mut codes = Vec::new();
    for handle in [on(ONE, 9), on(ONE, 2), on(TWO, 1), on(ChannelId(9), 1)] {
        codes.push(host.ack(START, handle).expect_err("not there").code());
        codes.push(host.ack_until(START, on(handle.channel, 77)).expect_err("not there").code());
    }
    assert_eq!(codes, [406, 406, 406, 406, 406, 406, 504, 504]);
    assert_eq!(host.unsettled(ONE).count(), 4, "what was refused changed nothing");
    host.ack_until(START, on(ONE, 4)).expect("its own");
    assert_eq!(host.unsettled(ONE).map(|handle| handle.tag).collect::<Vec<_>>(), [5]);
    host.ack_until(START, on(ONE, 0)).expect("all there are");
    host.ack_until(START, on(ONE, 0)).expect("none is fine");
    assert_eq!((held(&host, "p"), held(&host, "q")), (0, 0));
}

#[test]
fn closing_a_channel_gives_back_and_cancelling_does_not() {
    let mut host = host("q");
    send(&mut host, START, "q", "m1 m2 m3");
    let a = consume(&mut host, ONE, "q", prefetch(2));
    assert_eq!(said(&mut host), "A=m1,m2");
    host.cancel(START, a).expect("attached");
    assert_eq!(ready(&mut host, START, "q"), "m3");
    host.close_channel(START, ONE).expect("closes");
    assert_eq!(ready(&mut host, START, "q"), "m1 m2 m3");
    consume(&mut host, TWO, "q", prefetch(0));
    assert_eq!(said(&mut host), "B=m1*,m2*,m3");
    assert_eq!(host.cancel(START, a).expect_err("gone").code(), 504);

    // Two consumers of one channel, of which one alone is served: the other does not take over while it closes.
    let mut host = self::host("");
    declare(&mut host, "s", QueueOptions { single_active: true, ..QueueOptions::default() });
    consume(&mut host, ONE, "s", prefetch(1));
    consume(&mut host, ONE, "s", prefetch(0));
    send(&mut host, START, "s", "m1 m2 m3");
    assert_eq!(said(&mut host), "A=m1");
    host.close_channel(START, ONE).expect("closes");
    assert_eq!((said(&mut host).as_str(), ready(&mut host, START, "s").as_str()), ("", "m1 m2 m3"));

    // The default channel is open again at once, and begins anew.
    take(&mut host, START, "s", 2);
    host.close_channel(START, ChannelId::default()).expect("closes");
    assert_eq!(ready(&mut host, START, "s"), "m1 m2 m3");
    assert_eq!(take(&mut host, START, "s", 1), [on(ChannelId::default(), 1)]);
}

#[test]
fn places_of_what_comes_back() {
    let nack = |host: &mut Host, handle| host.nack(START, handle, true).expect("its own");
    let five = |requeue, delivery_limit| {
        let mut host = host("");
        declare(&mut host, "q", QueueOptions { requeue, delivery_limit, ..QueueOptions::default() });
        send(&mut host, START, "q", "m1 m2 m3 m4 m5");
        host
    };
    // A classic queue: the old place.
    let mut host = five(Requeue::OldPlace, None);
    let got = take(&mut host, START, "q", 3);
    nack(&mut host, got[1]);
    assert_eq!(ready(&mut host, START, "q"), "m2 m4 m5");
    let mut host = five(Requeue::OldPlace, None);
    let got = take(&mut host, START, "q", 4);
    host.nack_until(START, got[2], true).expect("its own");
    assert_eq!(ready(&mut host, START, "q"), "m1 m2 m3 m5");
    let mut host = five(Requeue::OldPlace, None);
    let got = take(&mut host, START, "q", 3);
    for at in [0, 2, 1] {
        nack(&mut host, got[at]);
    }
    assert_eq!(ready(&mut host, START, "q"), "m1 m2 m3 m4 m5");
    let mut host = five(Requeue::OldPlace, None);
    take(&mut host, START, "q", 2);
    host.close_channel(START, ChannelId::default()).expect("closes");
    assert_eq!(ready(&mut host, START, "q"), "m1 m2 m3 m4 m5");
    // A quorum queue with a limit: first, in the order of coming back; without: behind all others.
    let mut host = five(Requeue::Front, Some(5));
    let got = take(&mut host, START, "q", 3);
    for at in [2, 0, 1] {
        nack(&mut host, got[at]);
    }
    assert_eq!(ready(&mut host, START, "q"), "m3 m1 m2 m4 m5");
    let mut host = five(Requeue::Back, None);
    let got = take(&mut host, START, "q", 3);
    nack(&mut host, got[1]);
    assert_eq!(ready(&mut host, START, "q"), "m4 m5 m2");
}

#[test]
fn priorities() {
    let mut host = host("");
    declare(&mut host, "p", QueueOptions { priority_max: 10, ..QueueOptions::default() });
    for (text, priority) in [
        ("a", Some(1)),
        ("b", Some(5)),
        ("c", None),
        ("d", Some(5)),
        ("e", Some(10)),
        ("f", Some(99)),
        ("g", Some(0)),
    ] {
        let message = Message::new(text);
        let message = if let Some(priority) = priority { message.with_priority(priority) } else { message };
        host.send(START, "p", message).expect("taken");
    }
    assert_eq!(ready(&mut host, START, "p"), "e f b d a c g");

    // The head goes when it is too long, and the head has the highest priority.
    let options = QueueOptions { priority_max: 5, length_max: Some(2), ..QueueOptions::default() };
    declare(&mut host, "short", options);
    for (text, priority) in [("hi", 5), ("lo1", 1), ("lo2", 1)] {
        host.send(START, "short", Message::new(text).with_priority(priority)).expect("taken");
    }
    assert_eq!(ready(&mut host, START, "short"), "lo1 lo2");

    // Consumers: the higher first, as long as it has room.
    let mut host = self::host("q");
    for priority in [1, 10, 0] {
        consume(&mut host, ONE, "q", ConsumerOptions { priority, ..prefetch(2) });
    }
    send(&mut host, START, "q", SEVEN);
    assert_eq!(said(&mut host), "A=m3,m4 B=m1,m2 C=m5,m6");
    host.ack(START, on(ONE, 1)).expect("its own");
    assert_eq!(said(&mut host), "B=m7");
}

#[test]
fn a_single_active_consumer() {
    let mut host = host("");
    declare(&mut host, "s", QueueOptions { single_active: true, ..QueueOptions::default() });
    let a = consume(&mut host, ONE, "s", prefetch(0));
    consume(&mut host, TWO, "s", prefetch(0));
    consume(&mut host, TWO, "s", ConsumerOptions { priority: 9, ..prefetch(0) });
    send(&mut host, START, "s", "m1 m2 m3");
    assert_eq!(said(&mut host), "A=m1,m2,m3", "one that comes later with a priority does not take over");
    host.ack(START, on(ONE, 1)).expect("its own");
    host.cancel(START, a).expect("attached");
    send(&mut host, START, "s", "m4");
    assert_eq!(said(&mut host), "C=m4", "of those that are left the one of the highest priority is next");
    host.close_channel(START, ONE).expect("closes");
    assert_eq!(said(&mut host), "C=m2*,m3*");
}

#[test]
fn a_publisher_that_is_too_far_ahead_of_the_disk_waits() {
    use mqlab_core::vhost::{INITIAL_CREDIT, MORE_CREDIT_AFTER, VhostError};
    let mut host = host("q");
    host.open_channel(START, ONE, ChannelOptions { credit_flow: true, ..ChannelOptions::default() })
        .expect("opens");
    let how = mqlab_core::vhost::Publish { channel: ONE, ..Default::default() };
    let mut publish = |host: &mut Host, count: u32| {
        (0..count).filter(|_| host.publish_with(START, "", "q", Message::new("m"), how).is_ok()).count()
            as u32
    };
    assert_eq!(publish(&mut host, INITIAL_CREDIT + 50), INITIAL_CREDIT);
    assert_eq!(host.publish_with(START, "", "q", Message::new("m"), how), Err(VhostError::Blocked));
    assert_eq!(host.queue("q").expect("there").stats().held, u64::from(INITIAL_CREDIT));
    // Another channel's publisher is not held up by this one.
    host.publish(START, "", "q", Message::new("m")).expect("taken");
    host.flush().expect("memory does not fail");
    let granted = core::iter::from_fn(|| host.poll());
    let credit: Vec<Output> = granted.filter(|output| matches!(output, Output::Credit { .. })).collect();
    assert_eq!(credit, [Output::Credit { channel: ONE, more: 2 * MORE_CREDIT_AFTER }]);
    assert_eq!(publish(&mut host, MORE_CREDIT_AFTER - 1), MORE_CREDIT_AFTER - 1);
    host.flush().expect("memory does not fail");
    assert_eq!(host.poll(), None, "199 handled: no more yet");
    assert_eq!(publish(&mut host, 1), 1);
    host.flush().expect("memory does not fail");
    assert_eq!(host.poll(), Some(Output::Credit { channel: ONE, more: MORE_CREDIT_AFTER }));
}
