//! Publish and subscribe: sections, and MQTT's retained messages.

use super::*;
use mqlab_core::ids::NAME_BYTES_MAX;
use mqlab_core::queue::ConsumerId;
use mqlab_core::routing::{ExchangeKind, ExchangeOptions};
use mqlab_core::selector::Selector;
use mqlab_core::vhost::{Publish, RETAINED_BYTES_MAX, RETAINED_MAX, Subscription, VhostError};

fn topics() -> Host {
    let mut host = host("");
    host.declare_exchange("t", ExchangeKind::Hierarchy).expect("declared");
    host
}

fn to(pattern: &str) -> Subscription {
    Subscription::new("t", pattern).expect("a legal name")
}

fn durable(pattern: &str) -> Subscription {
    let subscription = to(pattern).durable("audit").expect("a legal name");
    Subscription { client: Some(name("client")), ..subscription }
}

fn try_subscribe(
    host: &mut Host,
    channel: ChannelId,
    subscription: Subscription,
) -> Result<ConsumerId, String> {
    let subscribed = host.subscribe(START, channel, subscription, automatic());
    subscribed.map_err(|error| format!("{} {}", error.code(), error))
}

fn subscribe(host: &mut Host, channel: ChannelId, subscription: Subscription) -> ConsumerId {
    try_subscribe(host, channel, subscription).expect("subscribed")
}

fn publish(host: &mut Host, words: &str) {
    for word in words.split_whitespace() {
        host.publish(START, "t", "T", Message::new(word.to_owned())).expect("published");
    }
}

#[test]
fn a_subscription_that_is_not_durable_gets_what_comes_while_it_is_there() {
    let mut host = topics();
    publish(&mut host, "before");
    let a = subscribe(&mut host, ONE, to("T"));
    subscribe(&mut host, TWO, to("T"));
    publish(&mut host, "one");
    assert_eq!(said(&mut host), "A=one B=one");
    host.cancel(START, a).expect("attached");
    assert_eq!(said(&mut host), "removed:amq.sub-1");
    publish(&mut host, "two");
    assert_eq!(said(&mut host), "B=two");
    host.close_channel(START, TWO).expect("closes");
    assert_eq!((said(&mut host).as_str(), host.queues().count()), ("removed:amq.sub-2", 0));
    // With messages unacknowledged too: they go with it.
    host.subscribe(START, ONE, to("T"), prefetch(0)).expect("subscribed");
    publish(&mut host, "three");
    assert_eq!(said(&mut host), "C=three");
    host.close_channel(START, ONE).expect("closes");
    assert_eq!(host.queues().count(), 0);
}

#[test]
fn a_durable_subscription_keeps_what_comes_while_it_is_away() {
    let mut host = topics();
    let a = subscribe(&mut host, ONE, durable("T"));
    host.cancel(START, a).expect("attached");
    publish(&mut host, "one two");
    host.flush().expect("flushed");
    let mut host = restarted(host, START);
    publish(&mut host, "three");
    host.open_channel(START, ONE, ChannelOptions::default()).expect("opens");
    let again = subscribe(&mut host, ONE, durable("T"));
    assert_eq!(said(&mut host), "A=one,two,three");

    // A second consumer, and unsubscribing while there is one, are refused.
    let in_use = try_subscribe(&mut host, ONE, durable("T")).expect_err("in use");
    assert!(in_use.starts_with("403"), "{in_use}");
    let refused = host.unsubscribe(START, Some(&name("client")), &name("audit")).expect_err("in use");
    assert_eq!(refused.code(), 403);
    host.cancel(START, again).expect("attached");
    publish(&mut host, "four");

    // Another selector, pattern or no-local makes it anew: what was kept is gone.
    let changed = [
        Subscription { selector: Some(Selector::parse("a = 1").expect("a selector")), ..durable("T") },
        durable("T.>"),
        Subscription { no_local: true, ..durable("T.>") },
    ];
    for changed in changed {
        let a = subscribe(&mut host, ONE, changed.clone());
        assert_eq!(said(&mut host), "", "{changed:?}");
        host.cancel(START, a).expect("attached");
        host.publish(START, "t", "T", Message::new("kept").with_header("a", 1)).expect("published");
        let b = subscribe(&mut host, ONE, changed);
        assert!(said(&mut host).ends_with("=kept"));
        host.cancel(START, b).expect("attached");
        host.publish(START, "t", "T", Message::new("lost").with_header("a", 1)).expect("published");
    }
    host.unsubscribe(START, Some(&name("client")), &name("audit")).expect("nobody is there");
    let gone = host.unsubscribe(START, Some(&name("client")), &name("audit")).expect_err("gone");
    assert_eq!((gone.code(), restarted(host, START).queues().count()), (404, 0));
}

#[test]
fn one_whose_topic_went_and_came_back_is_bound_again() {
    let mut host = host("");
    let passing = ExchangeOptions::new(ExchangeKind::Hierarchy);
    host.declare_exchange_with("t", passing.clone()).expect("declared");
    subscribe(&mut host, ONE, durable("T"));
    let mut host = restarted(host, START);
    host.open_channel(START, ONE, ChannelOptions::default()).expect("opens");
    let missing = try_subscribe(&mut host, ONE, durable("T")).expect_err("the exchange was not durable");
    assert!(missing.starts_with("404"), "{missing}");
    host.declare_exchange_with("t", passing).expect("declared");
    subscribe(&mut host, ONE, durable("T"));
    publish(&mut host, "m");
    assert_eq!(said(&mut host), "A=m");
}

#[test]
fn wildcards() {
    for (pattern, expected) in
        [("P.*", "P.A"), ("P.>", "P P.A P.A.B P.A.B.C"), ("P.*.B", "P.A.B"), (">", "P P.A P.A.B P.A.B.C")]
    {
        let mut host = topics();
        subscribe(&mut host, ONE, to(pattern));
        for key in ["P", "P.A", "P.A.B", "P.A.B.C"] {
            host.publish(START, "t", key, Message::new(key)).expect("published");
        }
        assert_eq!(said(&mut host), format!("A={}", expected.replace(' ', ",")), "{pattern}");
    }
}

#[test]
fn selectors_and_no_local() {
    let mut host = topics();
    let red = Selector::parse("color = 'red'").expect("a selector");
    subscribe(&mut host, ONE, to("T").with_selector(red));
    subscribe(&mut host, ONE, Subscription { no_local: true, ..to("T") });
    let publish = |host: &mut Host, channel: ChannelId, text: &str, color: &str| {
        let how = Publish { channel, mandatory: true, ..Publish::default() };
        let message = Message::new(text.to_owned()).with_header("color", color);
        host.publish_with(START, "t", "T", message, how).expect("published");
        said(host)
    };
    assert_eq!(publish(&mut host, ONE, "own", "red"), "A=own");
    assert_eq!(publish(&mut host, TWO, "foreign", "red"), "A=foreign B=foreign");
    assert_eq!(publish(&mut host, ONE, "nobody's", "blue"), "returned:1:nobody's@t");

    // What is nobody's does not become a subscriber's by dying first.
    let red = Selector::parse("color = 'red'").expect("a selector");
    let dead_letter = Some(DeadLetter { exchange: "t".into(), routing_key: Some("T".into()) });
    declare(&mut host, "work", QueueOptions { dead_letter, ..QueueOptions::default() });
    subscribe(&mut host, TWO, Subscription { selector: Some(red), ..durable("T") });
    for color in ["red", "blue"] {
        host.send(START, "work", Message::new(color).with_header("color", color)).expect("taken");
        let got = take(&mut host, START, "work", 1);
        host.nack(START, got[0], false).expect("its own");
    }
    assert_eq!(said(&mut host), "A=red B=red,blue C=red");

    // A durable one keeps what others publish on a channel that now has the number of its own.
    let mut host = topics();
    subscribe(&mut host, ONE, Subscription { no_local: true, ..durable("T") });
    host.close_channel(START, ONE).expect("closes");
    host.open_channel(START, ONE, ChannelOptions::default()).expect("opens, for another client");
    assert_eq!(publish(&mut host, ONE, "m", "red"), "");
    let mut host = restarted(host, START);
    host.open_channel(START, ONE, ChannelOptions::default()).expect("opens");
    assert_eq!(publish(&mut host, ONE, "n", "red"), "");
    host.open_channel(START, TWO, ChannelOptions::default()).expect("opens");
    subscribe(&mut host, TWO, Subscription { no_local: true, ..durable("T") });
    assert_eq!(said(&mut host), "A=m,n");
}

#[test]
fn shared_subscriptions_compete() {
    let mut host = topics();
    let shared = || to("T").shared("workers").expect("a legal name");
    subscribe(&mut host, ONE, shared());
    subscribe(&mut host, TWO, shared());
    subscribe(&mut host, TWO, to("T"));
    publish(&mut host, "1 2 3 4");
    assert_eq!(said(&mut host), "A=1,3 B=2,4 C=1,2,3,4");
    // Not with one that does not share, wants something else, or outlives them.
    let others = [
        Subscription { shared: false, ..shared() },
        Subscription { pattern: "T.>".into(), ..shared() },
        Subscription { durable: true, ..shared() },
    ];
    for other in others {
        let refused = try_subscribe(&mut host, ONE, other).expect_err("in use");
        assert!(refused.starts_with("403"), "{refused}");
    }
    // A durable one: shared too, and there after a restart.
    let kept = || shared().durable("kept").expect("a legal name");
    subscribe(&mut host, ONE, kept());
    subscribe(&mut host, TWO, kept());
    host.close_channel(START, ONE).expect("closes");
    host.close_channel(START, TWO).expect("closes");
    publish(&mut host, "5 6");
    host.flush().expect("flushed");
    let mut host = restarted(host, START);
    host.open_channel(START, ONE, ChannelOptions::default()).expect("opens");
    subscribe(&mut host, ONE, kept());
    assert_eq!(said(&mut host), "A=5,6");
}

#[test]
fn names_that_a_subscription_cannot_have() {
    let mut host = topics();
    let nameless = [Subscription { durable: true, ..to("T") }, Subscription { shared: true, ..to("T") }];
    for nameless in nameless {
        assert!(try_subscribe(&mut host, ONE, nameless).expect_err("no name").starts_with("406"));
    }
    let long = "n".repeat(NAME_BYTES_MAX);
    let too_long = to("T").durable(&long).expect("a legal name alone");
    assert!(try_subscribe(&mut host, ONE, too_long).expect_err("too long").starts_with("502"));
    // Dots in names do not make two subscriptions one.
    let queue = |client: &str, own: &str| {
        VirtualHost::<MemoryStorage>::subscription_queue(Some(&name(client)), &name(own)).expect("short")
    };
    assert_ne!(queue("a", "b.c"), queue("a.b", "c"));
    // A subscription that fails leaves nothing.
    for topic in ["nowhere", ""] {
        let failed = Subscription { topic: topic.parse().expect("legal"), ..durable("T") };
        try_subscribe(&mut host, ONE, failed).expect_err("no such topic");
    }
    let no_channel = host.subscribe(START, ChannelId(9), durable("T"), automatic()).expect_err("no channel");
    assert_eq!((no_channel.code(), host.queues().count()), (504, 0));
    assert_eq!(restarted(host, START).queues().count(), 0);
}

#[test]
fn a_virtual_topic_is_a_queue_for_each_name() {
    let mut host = topics();
    host.declare_exchange("VirtualTopic.X", ExchangeKind::Fanout).expect("declared");
    let queue = |host: &mut Host, name: &str| {
        declare(host, name, QueueOptions::default());
        host.bind("VirtualTopic.X", name, "").expect("bound");
    };
    for name in ["Consumer.A.VirtualTopic.X", "Consumer.B.VirtualTopic.X"] {
        queue(&mut host, name);
    }
    for name in ["Consumer.A.VirtualTopic.X", "Consumer.A.VirtualTopic.X", "Consumer.B.VirtualTopic.X"] {
        host.consume(START, name, automatic()).expect("attached");
    }
    subscribe(&mut host, ONE, Subscription::new("VirtualTopic.X", "").expect("a legal name"));
    for word in ["a", "b", "c", "d"] {
        host.publish(START, "VirtualTopic.X", "", Message::new(word)).expect("published");
    }
    assert_eq!(said(&mut host), "A=a,c B=b,d C=a,b,c,d D=a,b,c,d");
    queue(&mut host, "Consumer.C.VirtualTopic.X");
    assert_eq!(held(&host, "Consumer.C.VirtualTopic.X"), 0, "nothing old");
}

#[test]
fn retained_messages_are_the_first_thing_that_a_subscriber_gets() {
    let mut host = topics();
    let retain = |host: &mut Host, key: &str, body: String| {
        let how = Publish { retain: true, ..Publish::default() };
        host.publish_with(START, "t", key, Message::new(body), how)
    };
    for (key, body) in
        [("room.1", "19"), ("room.2", "20"), ("hall.1", "15"), ("room.1", "21"), ("room.2", "")]
    {
        retain(&mut host, key, body.into()).expect("published");
    }
    host.publish(START, "t", "room.3", Message::new("22")).expect("published");
    subscribe(&mut host, ONE, to("room.*"));
    assert_eq!(said(&mut host), "A=21");
    // Again for each new one, not for one that comes back.
    let b = subscribe(&mut host, ONE, durable("room.*"));
    assert_eq!(said(&mut host), "B=21");
    host.cancel(START, b).expect("attached");
    subscribe(&mut host, ONE, durable("room.*"));
    assert_eq!(said(&mut host), "");

    // There is a limit to their number, and to their bytes; a value may always take the place of its predecessor.
    for n in 2..RETAINED_MAX {
        retain(&mut host, &format!("many.{n}"), "x".into()).expect("there is room");
    }
    assert!(matches!(retain(&mut host, "over", "x".into()), Err(VhostError::RetainedFull)));
    retain(&mut host, "hall.1", "16".into()).expect("no more than before");
    retain(&mut host, "hall.1", String::new()).expect("forgotten");
    let large = "x".repeat(RETAINED_BYTES_MAX as usize);
    assert!(matches!(retain(&mut host, "hall.1", large), Err(VhostError::RetainedFull)));
    retain(&mut host, "hall.1", "x".into()).expect("there is room again");
}
