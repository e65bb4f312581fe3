//! What happens to those who stand in the way: deleted queues, leases that end, restarts, what is too large.

use super::*;
use mqlab_core::ids::{LogName, Offset};
use mqlab_core::log::{Log as _, Slice as _, Storage as _};
use mqlab_core::message::Value;
use mqlab_core::routing::{Binding, Destination, ExchangeKind, ExchangeName};

#[test]
fn what_came_from_a_deleted_queue_is_settled_without_effect() {
    let mut host = host("q other");
    host.open_channel(START, ONE, ChannelOptions { window: 2, ..ChannelOptions::default() }).expect("opens");
    for queue in ["q", "other"] {
        host.consume_on(START, ONE, queue, prefetch(0)).expect("attached");
    }
    send(&mut host, START, "q", "m1 m2 m3");
    // The deliveries are still on their way when the queue goes.
    assert!(host.delete_queue(START, "q").expect("there"));
    assert!(!host.delete_queue(START, "q").expect("gone"));
    assert_eq!(said(&mut host), "A=m1,m2 cancelled:1");
    // The window is free for others.
    send(&mut host, START, "other", "n1 n2 n3");
    assert_eq!(said(&mut host), "B=n1,n2");
    // A new queue of the same name gives numbers anew: the old ones do not mean its deliveries.
    declare(&mut host, "q", QueueOptions::default());
    send(&mut host, START, "q", "m4 m5");
    take(&mut host, START, "q", 2);
    host.ack(START, on(ONE, 1)).expect("it was delivered");
    host.nack(START, on(ONE, 2), true).expect("it was delivered");
    host.renew(START, on(ONE, 2)).expect_err("settled");
    assert_eq!(host.queue("q").expect("there").stats().unacked, 2);
    host.close_channel(START, ONE).expect("closes");
    assert_eq!(ready(&mut host, START, "other"), "n1 n2 n3");

    declare(&mut host, "passing", QueueOptions { auto_delete: true, ..QueueOptions::default() });
    let a = host.consume_on(START, TWO, "passing", prefetch(0)).expect("attached");
    send(&mut host, START, "passing", "m");
    host.cancel(START, a).expect("attached");
    assert_eq!(said(&mut host), "C=m removed:passing");
    host.ack(START, on(TWO, 1)).expect("it was delivered");
}

#[test]
fn a_lease_that_ends_frees_the_window_wherever_its_consumer_went() {
    let mut host = host("");
    let options = QueueOptions { lease: Some(span(1_000)), ..QueueOptions::default() };
    declare(&mut host, "q", options);
    host.open_channel(START, ONE, ChannelOptions { window: 1, ..ChannelOptions::default() }).expect("opens");
    let a = host.consume_on(START, ONE, "q", prefetch(0)).expect("attached");
    send(&mut host, START, "q", "m1 m2 m3");
    assert_eq!(said(&mut host), "A=m1");
    run_until(&mut host, ms(900));
    host.renew(ms(900), on(ONE, 1)).expect("its own");
    run_until(&mut host, ms(1_899));
    assert_eq!(said(&mut host), "");
    run_until(&mut host, ms(1_900));
    assert_eq!(said(&mut host), "A=m1*");
    assert_eq!(host.ack(ms(1_900), on(ONE, 1)).expect_err("taken back").code(), 406);
    // Its consumer is cancelled, and another is there: the lease ends all the same, and the window is free again.
    host.cancel(ms(1_900), a).expect("attached");
    host.consume_on(ms(1_900), ONE, "q", prefetch(0)).expect("attached");
    assert_eq!(said(&mut host), "");
    run_until(&mut host, ms(2_900));
    assert_eq!(said(&mut host), "B=m1*");
    // What was asked for on a channel of one's own.
    let got = host.receive_on(ms(2_900), TWO, "q").expect("there").expect("a message");
    run_until(&mut host, ms(3_900));
    assert_eq!(host.ack(ms(3_900), got.handle).expect_err("taken back").code(), 406);
    assert_eq!(host.unsettled(TWO).count(), 0);
}

#[test]
fn what_is_durable_is_there_again_and_nothing_else() {
    let mut host = host("kept");
    declare(&mut host, "passing", QueueOptions { transient: true, ..QueueOptions::default() });
    host.declare_exchange("x", ExchangeKind::Topic).expect("declared");
    for queue in ["kept", "passing"] {
        host.bind("x", queue, "a.#").expect("bound");
        host.bind("amq.direct", queue, "k").expect("bound");
    }
    host.bind("x", "kept", "b").expect("bound");
    let unbound = Binding::new("x".parse().expect("legal"), Destination::Queue(name("kept")), "b");
    assert!(host.unbind(&unbound).expect("there"));
    declare(&mut host, "deleted", QueueOptions::default());
    host.bind("x", "deleted", "#").expect("bound");
    host.delete_queue(START, "deleted").expect("there");
    host.publish(START, "x", "a.b", Message::new("stored")).expect("routed");
    host.send(START, "kept", Message::new("not-stored").transient()).expect("taken");
    let mut host = restarted(host, START);
    let queues: Vec<&str> = host.queues().map(|queue| queue.name().as_str()).collect();
    assert_eq!(queues, ["kept"]);
    let bindings: Vec<String> = host
        .router()
        .bindings()
        .map(|binding| format!("{} {} {}", binding.exchange, binding.to, binding.key))
        .collect();
    assert_eq!(bindings, ["amq.direct queue kept k", "x queue kept a.#"]);
    assert_eq!(ready(&mut host, START, "kept"), "stored");
    assert!(!host.declare_queue(START, "kept", QueueOptions::default()).expect("the same"));
    let other = QueueOptions { length_max: Some(1), ..QueueOptions::default() };
    assert_eq!(host.declare_queue(START, "kept", other).expect_err("other options").code(), 406);
    assert!(host.delete_exchange("x").expect("there"));
    assert_eq!(restarted(host, START).router().bindings().count(), 1);
}

#[test]
fn a_definition_that_no_record_can_hold_is_refused() {
    let mut host = host("q");
    let to = Destination::Queue(name("q"));
    let large = Value::from("x".repeat(mqlab_core::vhost::DEFINITION_BYTES_MAX));
    let exchange: ExchangeName = "amq.headers".parse().expect("legal");
    let binding = Binding::new(exchange, to, "").with_arguments([("a", large)].into());
    assert_eq!(host.bind_with(binding).expect_err("too large").code(), 406);
    assert_eq!(host.router().bindings().count(), 0);
}

#[test]
fn definitions_that_were_half_written_anew_can_be_read() {
    // The log is written anew when it is long. A crash on the way leaves a part of the new one behind the old one.
    let mut host = host("q");
    host.bind("amq.direct", "q", "k").expect("bound");
    let mut storage = host.close().expect("memory does not fail");
    let mut log = storage.open(&LogName::Definitions).expect("memory does not fail");
    let old = log.read(Offset::ZERO, log.end(), u32::MAX).and_then(|slice| Ok(slice.load()?)).expect("read");
    let queue = old.iter().next().expect("the queue comes first");
    let batches = mqlab_core::record::Batches::joined([&queue]).stamped(log.end(), mqlab_core::ids::Epoch(0));
    log.append(&batches).expect("memory does not fail");
    storage.close(&LogName::Definitions, log).expect("memory does not fail");
    let host = VirtualHost::open(storage, START).expect("it can be read");
    assert_eq!((host.queues().count(), host.router().bindings().count()), (1, 1));
}

#[test]
fn a_long_history_of_definitions_is_cut_short() {
    let mut host = host("q");
    for n in 0..1_000 {
        host.bind("amq.direct", "q", &format!("k{n}")).expect("bound");
        let binding = Binding::new(
            "amq.direct".parse().expect("legal"),
            Destination::Queue(name("q")),
            &format!("k{n}"),
        );
        assert!(host.unbind(&binding).expect("bound"));
    }
    let host = restarted(restarted(host, START), START);
    assert_eq!((host.queues().count(), host.router().bindings().count()), (1, 0));
    let mut storage = host.close().expect("memory does not fail");
    let log = storage.open(&LogName::Definitions).expect("memory does not fail");
    assert_eq!(log.end().0 - log.start().0, 1);
}
