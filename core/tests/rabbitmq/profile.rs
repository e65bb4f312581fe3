//! The arguments of `queue.declare`, and what a dead letter tells.

use mqlab_core::message::{Headers, Message, Value};
use mqlab_core::queue::{DeadLetter, Overflow, QueueOptions};
use mqlab_core::routing::ExchangeKind;
use mqlab_core::systems::rabbitmq::{
    DeadLetters, Declared, FifoOptions, PreconditionFailed, STREAM_SEGMENT_BYTES, declare, x_death,
};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::VirtualHost;

fn arguments(pairs: &[(&str, Value)]) -> Headers {
    let mut headers = Headers::default();
    pairs.iter().for_each(|(name, value)| headers.insert(name, value.clone()));
    headers
}

fn text(value: &str) -> Value {
    Value::from(value)
}

#[test]
fn arguments_say_what_a_queue_does() {
    let ms = Span::from_millis;
    assert_eq!(declare(&Headers::default()), Ok(Declared::Classic(QueueOptions::default())));
    let classic = arguments(&[
        ("x-message-ttl", 0.into()),
        ("x-expires", 1_000.into()),
        ("x-max-length", 3.into()),
        ("x-max-length-bytes", 4.into()),
        ("x-overflow", text("reject-publish-dlx")),
        ("x-dead-letter-exchange", text("dlx")),
        ("x-dead-letter-routing-key", text("k")),
        ("x-max-priority", 10.into()),
        ("x-single-active-consumer", true.into()),
        ("x-somebody-elses", text("whatever")),
    ]);
    let options = QueueOptions {
        ttl: Some(Span::ZERO),
        unused_max: Some(ms(1_000)),
        length_max: Some(3),
        bytes_max: Some(4),
        overflow: Overflow::RejectPublishDeadLetter,
        dead_letter: Some(DeadLetter { exchange: "dlx".into(), routing_key: Some("k".into()) }),
        priority_max: 10,
        single_active: true,
        ..QueueOptions::default()
    };
    assert_eq!(declare(&classic), Ok(Declared::Classic(options)));

    let quorum = |more: &[(&str, Value)]| {
        let all: Vec<_> =
            [("x-queue-type", text("quorum"))].into_iter().chain(more.iter().cloned()).collect();
        match declare(&arguments(&all)) {
            Ok(Declared::Quorum { options, members, .. }) => (options, members),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(quorum(&[]), (FifoOptions::default(), 3));
    assert_eq!(quorum(&[("x-delivery-limit", (-1).into())]).0.delivery_limit, None);
    assert_eq!(quorum(&[("x-delivery-limit", 0.into())]).0.delivery_limit, Some(0));
    assert_eq!(quorum(&[("x-quorum-initial-group-size", 5.into())]).1, 5);
    let (dlx, twice) =
        (("x-dead-letter-exchange", text("dlx")), ("x-dead-letter-strategy", text("at-least-once")));
    let refusing = ("x-overflow", text("reject-publish"));
    let strategies = [
        (vec![], DeadLetters::Dropped),
        (vec![dlx.clone()], DeadLetters::AtMostOnce),
        // Without refusing publishers it is the other, as there.
        (vec![dlx.clone(), twice.clone()], DeadLetters::AtMostOnce),
        (vec![dlx, twice.clone(), refusing.clone()], DeadLetters::AtLeastOnce),
        (vec![twice, refusing], DeadLetters::Dropped),
    ];
    for (given, dead_letters) in strategies {
        assert_eq!(quorum(&given).0.dead_letters, dead_letters, "{given:?}");
    }

    let stream = |age: &str| {
        let all =
            [("x-queue-type", text("stream")), ("x-max-age", text(age)), ("x-max-length-bytes", 9.into())];
        declare(&arguments(&all))
    };
    for (age, seconds) in
        [("7D", 604_800), ("12h", 43_200), ("2M", 5_184_000), ("1Y", 31_536_000), ("5m", 300)]
    {
        let age_max = Some(ms(seconds * 1_000));
        let expected = Declared::Stream { bytes_max: Some(9), age_max, segment_bytes: STREAM_SEGMENT_BYTES };
        assert_eq!(stream(age), Ok(expected));
    }
    assert!(stream("7").is_err() && stream("D").is_err() && stream("-1D").is_err() && stream("").is_err());
}

#[test]
fn arguments_that_cannot_be_are_406_with_the_reason() {
    let max = i64::from(u32::MAX);
    let table = [
        (("x-message-ttl", Value::from(-1)), "{value_negative,-1}"),
        (("x-message-ttl", text("60000")), "{unacceptable_type,longstr}"),
        (("x-message-ttl", (max + 1).into()), "{value_too_big,4294967296}"),
        (("x-expires", 0.into()), "{value_zero,0}"),
        (("x-max-length", (-5).into()), "{value_negative,-5}"),
        (("x-max-length-bytes", true.into()), "{unacceptable_type,bool}"),
        (("x-max-priority", 256.into()), "{max_value_exceeded,256}"),
        (("x-overflow", text("drop-tail")), "invalid_overflow"),
        (("x-dead-letter-routing-key", text("k")), "routing_key_but_no_dlx_defined"),
        (("x-dead-letter-exchange", 7.into()), "{unacceptable_type,long}"),
        (("x-single-active-consumer", 1.into()), "{unacceptable_type,long}"),
        (("x-queue-type", text("mirrored")), "unsupported queue type 'mirrored'"),
        (("x-delivery-limit", 5.into()), "not supported by queue type classic"),
        (("x-max-age", text("1D")), "not supported by queue type classic"),
    ];
    for ((name, value), why) in table {
        let error = declare(&arguments(&[(name, value)])).expect_err(name);
        assert_eq!((error.argument.as_str(), error.why.as_str()), (name, why));
        assert!(error.to_string().starts_with("PRECONDITION_FAILED - invalid arg"));
    }
    assert_eq!(PreconditionFailed::CODE, 406);
    for (kind, name, value) in [
        ("quorum", "x-max-priority", 5.into()),
        ("quorum", "x-overflow", text("reject-publish-dlx")),
        ("stream", "x-message-ttl", 5.into()),
        ("stream", "x-dead-letter-exchange", text("dlx")),
    ] {
        let error = declare(&arguments(&[("x-queue-type", text(kind)), (name, value)])).expect_err(kind);
        assert_eq!(error.argument, name);
    }
    // The longest time there is.
    assert!(declare(&arguments(&[("x-message-ttl", max.into())])).is_ok());
}

/// One round of d1 (rejected) and d2 (expired after 100 ms) after the other.
#[test]
fn a_dead_letter_tells_its_history_r9() {
    let mut host = VirtualHost::in_memory();
    host.write_death_headers(true);
    let to = |queue: &str, ttl: Option<u64>| QueueOptions {
        ttl: ttl.map(Span::from_millis),
        dead_letter: Some(DeadLetter::to_queue(queue)),
        ..QueueOptions::default()
    };
    host.declare_exchange("in", ExchangeKind::Direct).expect("declared");
    host.declare_queue(Time::ZERO, "d1", to("d2", None)).expect("declared");
    host.declare_queue(Time::ZERO, "d2", to("d1", Some(100))).expect("declared");
    host.bind("in", "d1", "k").expect("bound");
    host.publish(Time::ZERO, "in", "k", Message::new("m").with_ttl(Span::from_millis(60_000)))
        .expect("routed");
    let mut now = Time(1_000_000);
    for round in 1..=3 {
        let got = host.receive(now, "d1").expect("there").expect("it came round");
        host.nack(now, got.handle, false).expect("its own");
        now = now + Span::from_millis(1_000);
        host.tick(now).expect("no failure");
        let letter = host.browse(now, "d1", 1).expect("there").remove(0).message;
        let lines: Vec<_> = x_death(&letter)
            .into_iter()
            .map(|line| {
                let keys: Vec<&str> = line.routing_keys.iter().map(|key| &**key).collect();
                let expiration = line.original_expiration.unwrap_or_default();
                format!(
                    "{} {} {} at {:?} {:?} {} {expiration}",
                    line.queue,
                    line.reason,
                    line.count,
                    line.time,
                    line.exchange,
                    keys.join(",")
                )
            })
            .collect();
        // The latest first; each says of its first time when, and how it had been published.
        let expected = [
            format!("d2 expired {round} at Some(2) \"\" d2 "),
            format!("d1 rejected {round} at Some(1) \"in\" k 60000"),
        ];
        assert_eq!(lines, expected);
        let header = |name: &str| letter.headers().get(name).cloned();
        let fields = [
            ("x-first-death-queue", "d1"),
            ("x-first-death-reason", "rejected"),
            ("x-first-death-exchange", "in"),
            ("x-last-death-queue", "d2"),
            ("x-last-death-reason", "expired"),
            ("x-last-death-exchange", ""),
        ];
        for (name, value) in fields {
            assert_eq!(header(name), Some(text(value)), "{name}");
        }
    }
    // Off by default: a message has its own headers alone.
    let mut host = VirtualHost::in_memory();
    host.declare_queue(Time::ZERO, "d1", to("d2", None)).expect("declared");
    host.declare_queue(Time::ZERO, "d2", QueueOptions::default()).expect("declared");
    host.send(Time::ZERO, "d1", Message::new("m")).expect("taken");
    let got = host.receive(Time::ZERO, "d1").expect("there").expect("a message");
    host.nack(Time::ZERO, got.handle, false).expect("its own");
    let letter = host.receive(Time::ZERO, "d2").expect("there").expect("a letter").message;
    assert!(letter.headers().is_empty());
    assert_eq!(x_death(&letter)[0].time, None);
}
