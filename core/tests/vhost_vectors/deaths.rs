//! Expiry, limits and dead letters: sections.

use super::*;
use mqlab_core::queue::{Overflow, Requeue};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::vhost::{Publish, VhostError};

/// A message's history, the latest first: `queue:reason:count`.
fn history(message: &Message) -> String {
    let line = |death: &mqlab_core::message::Death| {
        format!("{}:{}:{}", death.queue, death.reason.as_str(), death.count)
    };
    message.deaths().iter().map(line).collect::<Vec<_>>().join(" ")
}

/// What is in a queue of dead letters, with the latest reason: `a:expired b:maxlen`.
fn dead(host: &mut Host, now: Time, queue: &str) -> String {
    let browsed = host.browse(now, queue, usize::MAX).expect("the queue is there");
    let text = |found: &mqlab_core::queue::Browsed| {
        format!("{}:{}", word(&found.message), found.message.deaths()[0].reason.as_str())
    };
    browsed.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn with_dlq(options: QueueOptions) -> Host {
    let mut host = host("dlq");
    declare(&mut host, "q", QueueOptions { dead_letter: dead_letters_to("dlq"), ..options });
    host
}

#[test]
fn expiry_is_noticed_at_the_head() {
    let mut host = with_dlq(QueueOptions::default());
    host.send(START, "q", Message::new("long").with_ttl(span(1_500))).expect("taken");
    host.send(START, "q", Message::new("short").with_ttl(span(100))).expect("taken");
    run_until(&mut host, ms(600));
    assert_eq!(held(&host, "q"), 2);
    run_until(&mut host, ms(1_500));
    assert_eq!(dead(&mut host, ms(1_500), "dlq"), "long:expired short:expired");

    let mut host = with_dlq(QueueOptions { ttl: Some(span(300)), ..QueueOptions::default() });
    host.send(START, "q", Message::new("a")).expect("taken");
    host.send(ms(50), "q", Message::new("b").with_ttl(span(60_000))).expect("taken");
    host.send(ms(100), "q", Message::new("c").with_ttl(span(50))).expect("taken");
    run_until(&mut host, ms(300));
    assert_eq!(ready(&mut host, ms(300), "q"), "b", "c has expired, and is not shown");
    assert_eq!(held(&host, "q"), 2, "but it still stands behind b, and counts");
    run_until(&mut host, ms(600));
    assert_eq!(
        (held(&host, "q"), dead(&mut host, ms(600), "dlq").as_str()),
        (0, "a:expired b:expired c:expired")
    );
    let letters = host.browse(ms(600), "dlq", 9).expect("there");
    let original = letters.iter().map(|found| found.message.deaths()[0].original_ttl).collect::<Vec<_>>();
    assert_eq!(original, [None, Some(span(60_000)), Some(span(50))]);
    assert!(letters.iter().all(|found| found.message.ttl().is_none()), "they do not expire once more");

    // No time at all: delivered at once or not at all.
    let mut host = with_dlq(QueueOptions::default());
    let at_once = || Message::new("now").with_ttl(Span::ZERO);
    host.send(START, "q", at_once()).expect("taken");
    assert_eq!((held(&host, "q"), dead(&mut host, START, "dlq").as_str()), (0, "now:expired"));
    host.consume(START, "q", prefetch(1)).expect("attached");
    host.send(START, "q", at_once()).expect("taken");
    assert_eq!(said(&mut host), "A=now");
}

#[test]
fn a_queue_that_nobody_uses_is_removed_without_dead_letters() {
    let options = || QueueOptions { unused_max: Some(span(1_000)), ..QueueOptions::default() };
    for transient in [false, true] {
        let options = || QueueOptions { transient, dead_letter: dead_letters_to("dlq"), ..options() };
        let mut host = host("dlq");
        // Made late: it was not unused since the beginning of time.
        host.declare_queue(ms(5_000), "q", options()).expect("declared");
        send(&mut host, ms(5_000), "q", "m");
        run_until(&mut host, ms(5_999));
        // Publishing is no use of it; declaring, asking and consuming are.
        assert!(!host.declare_queue(ms(5_999), "q", options()).expect("there"));
        run_until(&mut host, ms(6_998));
        let got = host.receive(ms(6_998), "q").expect("there").expect("a message");
        host.nack(ms(6_998), got.handle, true).expect("its own");
        let a = host.consume(ms(7_997), "q", prefetch(1)).expect("there");
        run_until(&mut host, ms(20_000));
        host.cancel(ms(20_000), a).expect("attached");
        run_until(&mut host, ms(20_999));
        assert!(host.queue("q").is_some());
        said(&mut host);
        run_until(&mut host, ms(21_000));
        assert_eq!((said(&mut host).as_str(), host.queue("q").is_none()), ("removed:q", true));
        assert_eq!((host.next_wakeup(), held(&host, "dlq")), (None, 0));
    }
}

#[test]
fn limits_and_where_the_rest_goes() {
    let rows = [
        (Overflow::DropHead, "c d e", "+1:..5", "a:maxlen b:maxlen"),
        (Overflow::RejectPublish, "a b c", "+1:..3 -1:..5", ""),
        (Overflow::RejectPublishDeadLetter, "a b c", "+1:..3 -1:..5", "d:maxlen e:maxlen"),
    ];
    for (overflow, kept, confirms, letters) in rows {
        let mut host = with_dlq(QueueOptions { length_max: Some(3), overflow, ..QueueOptions::default() });
        host.open_channel(START, ONE, ChannelOptions { confirms: true, ..ChannelOptions::default() })
            .expect("opens");
        for word in ["a", "b", "c", "d", "e"] {
            let how = Publish { channel: ONE, ..Publish::default() };
            host.publish_with(START, "", "q", Message::new(word), how).expect("published");
        }
        host.flush().expect("flushed");
        assert_eq!(ready(&mut host, START, "q"), kept, "{overflow:?}");
        assert_eq!(said(&mut host), confirms, "{overflow:?}");
        assert_eq!(dead(&mut host, START, "dlq"), letters, "{overflow:?}");
        if overflow != Overflow::DropHead {
            let full = host.send(START, "q", Message::new("f")).expect_err("full");
            assert!(matches!(full, VhostError::Queue(mqlab_core::queue::QueueError::Full)), "{full}");
        }
    }

    // Those with consumers do not count; one that comes back to a full queue is its head, and goes.
    let mut host = with_dlq(QueueOptions { length_max: Some(2), ..QueueOptions::default() });
    send(&mut host, START, "q", "a b");
    let got = take(&mut host, START, "q", 1);
    send(&mut host, START, "q", "c");
    assert_eq!(ready(&mut host, START, "q"), "b c");
    host.nack(START, got[0], true).expect("its own");
    assert_eq!(
        (ready(&mut host, START, "q").as_str(), dead(&mut host, START, "dlq").as_str()),
        ("b c", "a:maxlen")
    );

    // No length at all: nothing stays that is not consumed at once.
    let mut host = with_dlq(QueueOptions { length_max: Some(0), ..QueueOptions::default() });
    send(&mut host, START, "q", "a");
    assert_eq!(dead(&mut host, START, "dlq"), "a:maxlen");
    host.consume(START, "q", prefetch(1)).expect("attached");
    send(&mut host, START, "q", "b");
    assert_eq!(said(&mut host), "A=b");

    // One that is larger than all may be throws out everything, and itself.
    let mut host = with_dlq(QueueOptions { bytes_max: Some(4), ..QueueOptions::default() });
    send(&mut host, START, "q", "aa bb large");
    assert_eq!(dead(&mut host, START, "dlq"), "aa:maxlen bb:maxlen large:maxlen");
}

#[test]
fn reasons_keys_and_histories() {
    let mut host = host("letters");
    let options = QueueOptions {
        ttl: Some(span(100)),
        length_max: Some(1),
        delivery_limit: Some(0),
        dead_letter: Some(DeadLetter { exchange: "dlx".into(), routing_key: None }),
        ..QueueOptions::default()
    };
    declare(&mut host, "q", options);
    host.declare_exchange("in", ExchangeKind::Topic).expect("declared");
    host.bind("in", "q", "#").expect("bound");
    let publish = |host: &mut Host, text: &str| {
        host.publish(START, "in", "my.key", Message::new(text.to_owned())).expect("routed");
    };
    // An exchange that is not there drops in silence.
    publish(&mut host, "lost");
    take(&mut host, START, "q", 1);
    host.nack(START, on(ChannelId::default(), 1), false).expect("its own");
    // It is a name, and may be declared later. The message keeps its own key.
    host.declare_exchange("dlx", ExchangeKind::Topic).expect("declared");
    host.bind("dlx", "letters", "my.*").expect("bound");
    publish(&mut host, "rejected");
    let got = take(&mut host, START, "q", 1);
    host.nack(START, got[0], false).expect("its own");
    publish(&mut host, "returned");
    let got = take(&mut host, START, "q", 1);
    host.nack(START, got[0], true).expect("its own");
    publish(&mut host, "pushed-out");
    publish(&mut host, "late");
    run_until(&mut host, ms(100));
    let got = dead(&mut host, ms(100), "letters");
    assert_eq!(got, "rejected:rejected returned:delivery_limit pushed-out:maxlen late:expired");
    let letter = host.receive(ms(100), "letters").expect("there").expect("a letter").message;
    let death = &letter.deaths()[0];
    assert_eq!((&*death.exchange, &*death.routing_key, death.count), ("in", "my.key", 1));
    assert_eq!((letter.exchange(), letter.routing_key()), ("dlx", Some("my.key")));
    // Neither purging nor deleting sends letters.
    publish(&mut host, "purged");
    assert_eq!(host.purge(START, "q").expect("there"), 1);
    publish(&mut host, "deleted");
    assert!(host.delete_queue(START, "q").expect("there"));
    assert_eq!(host.queue("letters").expect("there").stats().ready, 3);
    // Places for dead letters that no exchange can have are refused at once.
    for (exchange, key) in [("a/b", "k".to_owned()), ("dlx", "k".repeat(256))] {
        let dead_letter = Some(DeadLetter { exchange: exchange.into(), routing_key: Some(key) });
        let options = QueueOptions { dead_letter, ..QueueOptions::default() };
        assert_eq!(host.declare_queue(START, "bad", options).expect_err("refused").code(), 502);
    }
}

#[test]
fn circles() {
    let to = |queue: &str, ttl: Option<u64>| QueueOptions {
        ttl: ttl.map(span),
        dead_letter: dead_letters_to(queue),
        ..QueueOptions::default()
    };
    // By expiry alone it goes round once, and is dropped where it has been.
    let mut host = host("");
    declare(&mut host, "y1", to("y2", Some(50)));
    declare(&mut host, "y2", to("y1", Some(50)));
    declare(&mut host, "self", to("self", Some(50)));
    send(&mut host, START, "y1", "m");
    send(&mut host, START, "self", "m");
    run_until(&mut host, ms(50));
    assert_eq!([held(&host, "y1"), held(&host, "y2"), held(&host, "self")], [0, 1, 0]);
    run_until(&mut host, ms(100));
    assert_eq!([held(&host, "y1"), held(&host, "y2"), held(&host, "self")], [0, 0, 0]);

    // Where somebody refuses it on the way, it goes round for ever: the usual way to try again later.
    let mut host = self::host("");
    declare(&mut host, "d1", QueueOptions { remember_ids: Some(span(60_000)), ..to("d2", None) });
    declare(&mut host, "d2", to("d1", Some(100)));
    let message = Message::new("m").with_id(mqlab_core::ids::MessageId(7));
    host.send(START, "d1", message).expect("taken");
    for round in 1..=3 {
        let now = ms(100 * (round - 1));
        let got = host.receive(now, "d1").expect("there").expect("it came round");
        host.nack(now, got.handle, false).expect("its own");
        run_until(&mut host, ms(100 * round));
        let found = host.browse(ms(100 * round), "d1", 1).expect("there");
        assert_eq!(history(&found[0].message), format!("d2:expired:{round} d1:rejected:{round}"));
    }
    // A refusal asks nobody: back into the very queue that it came from.
    let mut host = self::host("");
    declare(&mut host, "own", to("own", None));
    send(&mut host, START, "own", "m");
    for round in 1..=2 {
        let got = take(&mut host, START, "own", 1);
        host.nack(START, got[0], false).expect("its own");
        let found = host.browse(START, "own", 1).expect("there");
        assert_eq!(history(&found[0].message), format!("own:rejected:{round}"));
    }
}

#[test]
fn full_queues_that_lead_to_each_other_come_to_an_end() {
    let full = |to: &str, length_max: u64| QueueOptions {
        length_max: Some(length_max),
        dead_letter: dead_letters_to(to),
        ..QueueOptions::default()
    };
    let mut host = host("");
    declare(&mut host, "own", full("own", 1));
    send(&mut host, START, "own", "a b c");
    assert_eq!(ready(&mut host, START, "own"), "c");

    // Each throws one out of the other, until those come home that set out there: many, and none inside another.
    const LENGTH: u64 = 20_000;
    declare(&mut host, "a", full("b", LENGTH));
    declare(&mut host, "b", full("a", LENGTH));
    let words: Vec<String> = (0..LENGTH).map(|n| n.to_string()).collect();
    send(&mut host, START, "a", &words.join(" "));
    send(&mut host, START, "b", &words.join(" "));
    send(&mut host, START, "a", "one-more");
    assert_eq!((held(&host, "a"), held(&host, "b")), (LENGTH, LENGTH));
}

#[test]
fn a_poisoned_message_is_delivered_seven_times() {
    // ActiveMQ's six redeliveries, as a limit of the broker.
    let mut host = with_dlq(QueueOptions { delivery_limit: Some(6), ..QueueOptions::default() });
    send(&mut host, START, "q", "poison next");
    let mut delivered = Vec::new();
    loop {
        let got = host.receive(START, "q").expect("there").expect("a message");
        delivered.push(format!("{}:{}", word(&got.message), got.count));
        assert_eq!(got.is_redelivered(), got.count > 1);
        if word(&got.message) == "next" {
            break;
        }
        host.nack(START, got.handle, true).expect("its own");
    }
    let expected: Vec<String> =
        (1..=7).map(|count| format!("poison:{count}")).chain(["next:1".into()]).collect();
    assert_eq!(delivered, expected);
    assert_eq!(dead(&mut host, START, "dlq"), "poison:delivery_limit");

    // RabbitMQ's quorum queue with a limit of two: three deliveries.
    let options =
        QueueOptions { delivery_limit: Some(2), requeue: Requeue::Front, ..QueueOptions::default() };
    let mut host = with_dlq(options);
    send(&mut host, START, "q", "m1");
    for _ in 0..3 {
        let got = take(&mut host, START, "q", 1);
        host.nack(START, got[0], true).expect("its own");
    }
    assert_eq!((held(&host, "q"), dead(&mut host, START, "dlq").as_str()), (0, "m1:delivery_limit"));
}
