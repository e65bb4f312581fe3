//! Exchanges, mandatory messages and confirms: sections.

use super::*;
use mqlab_core::queue::Overflow;
use mqlab_core::routing::{Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions};
use mqlab_core::vhost::Publish;

fn exchange(host: &mut Host, name: &str, kind: ExchangeKind) {
    host.declare_exchange(name, kind).expect("a new exchange");
}

fn exchange_name(text: &str) -> ExchangeName {
    text.parse().expect("a legal name")
}

fn mandatory(channel: ChannelId) -> Publish {
    Publish { channel, mandatory: true, ..Publish::default() }
}

#[test]
fn the_default_exchange_leads_to_every_queue_and_cannot_be_bound() {
    let mut host = host("q Q");
    host.publish(START, "", "q", Message::new("m")).expect("routed");
    assert_eq!((held(&host, "q"), held(&host, "Q")), (1, 0), "keys are compared byte for byte");
    let nowhere = host.publish(START, "", "nobody", Message::new("m")).expect("dropped");
    assert_eq!((nowhere.queues, nowhere.is_stored()), (0, true));

    let own = Binding::new(ExchangeName::DEFAULT, Destination::Queue(name("q")), "q");
    let codes = [
        host.bind("", "q", "other").expect_err("refused").code(),
        host.unbind(&own).expect_err("refused").code(),
        host.publish(START, "nowhere", "q", Message::new("m")).expect_err("refused").code(),
        host.send(START, "nobody", Message::new("m")).expect_err("refused").code(),
        host.bind("amq.direct", "nobody", "k").expect_err("refused").code(),
        host.declare_queue(START, "amq.mine", QueueOptions::default()).expect_err("reserved").code(),
        host.declare_exchange("amq.mine", ExchangeKind::Fanout).expect_err("reserved").code(),
    ];
    assert_eq!(codes, [403, 403, 404, 404, 404, 403, 403]);

    let internal = ExchangeOptions { internal: true, ..ExchangeOptions::new(ExchangeKind::Fanout) };
    host.declare_exchange_with("inner", internal).expect("declared");
    host.bind("inner", "q", "").expect("bound");
    assert_eq!(host.publish(START, "inner", "", Message::new("m")).expect_err("internal").code(), 403);
    host.bind_with(Binding::new(
        exchange_name("amq.fanout"),
        Destination::Exchange(exchange_name("inner")),
        "",
    ))
    .expect("bound");
    assert_eq!(host.publish(START, "amq.fanout", "", Message::new("m")).expect("routed").queues, 1);
}

#[test]
fn many_ways_to_a_queue_bring_one_copy() {
    let mut host = host("q");
    for (name, kind) in [("t", ExchangeKind::Topic), ("f", ExchangeKind::Fanout), ("d", ExchangeKind::Direct)]
    {
        exchange(&mut host, name, kind);
    }
    for (from, to) in [("t", "f"), ("f", "d"), ("d", "t"), ("f", "t")] {
        let binding = Binding::new(exchange_name(from), Destination::Exchange(exchange_name(to)), "k.k");
        host.bind_with(binding).expect("bound, in a circle");
    }
    for (exchange, key) in [("t", "#"), ("t", "k.*"), ("t", "k.k"), ("f", ""), ("d", "k.k")] {
        host.bind(exchange, "q", key).expect("bound");
    }
    for exchange in ["t", "f", "d"] {
        assert_eq!(host.publish(START, exchange, "k.k", Message::new("m")).expect("routed").queues, 1);
    }
    assert_eq!(held(&host, "q"), 3);
}

#[test]
fn what_nobody_takes_comes_back_unless_the_alternate_takes_it() {
    let with_alternate = ExchangeOptions {
        alternate: Some(exchange_name("ae")),
        ..ExchangeOptions::new(ExchangeKind::Direct)
    };
    let publish = |host: &mut Host, key: &str| {
        let published = host.publish_with(START, "mx", key, Message::new("m"), mandatory(ONE));
        let returned = published.expect("the exchange is there").returned;
        (returned, said(host))
    };
    let returned = (true, "returned:1:m@mx".to_owned());

    // The alternate is named but not declared.
    let mut host = host("q backup");
    host.declare_exchange_with("mx", with_alternate).expect("declared");
    host.bind("mx", "q", "known").expect("bound");
    assert_eq!(publish(&mut host, "nope"), returned);
    // It is there, and has no queue.
    exchange(&mut host, "ae", ExchangeKind::Fanout);
    assert_eq!(publish(&mut host, "nope"), returned);
    // It has one.
    host.bind("ae", "backup", "").expect("bound");
    assert_eq!(publish(&mut host, "nope"), (false, String::new()));
    assert_eq!((held(&host, "backup"), held(&host, "q")), (1, 0));
    // It is not used where a binding matches.
    assert_eq!(publish(&mut host, "known"), (false, String::new()));
    assert_eq!((held(&host, "backup"), held(&host, "q")), (1, 1));
    // A match that leads to another exchange counts, even if that one routes nowhere.
    exchange(&mut host, "empty", ExchangeKind::Fanout);
    let dead_end = Binding::new(exchange_name("mx"), Destination::Exchange(exchange_name("empty")), "far");
    host.bind_with(dead_end).expect("bound");
    assert_eq!(publish(&mut host, "far"), returned);
    assert_eq!(held(&host, "backup"), 1);
}

#[test]
fn confirms_tell_after_the_flush_what_is_stored() {
    let mut host = host("open");
    let options =
        QueueOptions { length_max: Some(1), overflow: Overflow::RejectPublish, ..QueueOptions::default() };
    declare(&mut host, "full", options);
    let confirms = ChannelOptions { confirms: true, ..ChannelOptions::default() };
    host.open_channel(START, ONE, confirms).expect("opens");
    host.publish(START, "", "full", Message::new("first")).expect("stored");

    let publish = |host: &mut Host, key: &str, mandatory: bool| {
        let how = Publish { channel: ONE, mandatory, ..Publish::default() };
        host.publish_with(START, "", key, Message::new("m"), how).expect("published");
    };
    // Unroutable: fine. Mandatory: returned before it is confirmed. A run of the same answer is one.
    publish(&mut host, "nowhere", false);
    publish(&mut host, "nowhere", true);
    publish(&mut host, "open", false);
    publish(&mut host, "full", false);
    publish(&mut host, "full", false);
    publish(&mut host, "open", false);
    assert_eq!(said(&mut host), "returned:1:m@");
    host.commit().expect("written");
    assert_eq!(said(&mut host), "", "what is only written is not confirmed");
    host.flush().expect("flushed");
    assert_eq!(said(&mut host), "+1:..3 -1:..5 +1:6");
    publish(&mut host, "full", false);
    host.flush().expect("flushed");
    assert_eq!(said(&mut host), "-1:7");
    host.flush().expect("flushed");
    assert_eq!(said(&mut host), "");

    // One of two queues refuses: not confirmed, and the publisher may look up which.
    host.bind("amq.fanout", "open", "").expect("bound");
    host.bind("amq.fanout", "full", "").expect("bound");
    let how = Publish { channel: ONE, ..Publish::default() };
    let published = host.publish_with(START, "amq.fanout", "", Message::new("m"), how).expect("published");
    assert_eq!((published.queues, published.refused), (1, vec![name("full")]));
    host.flush().expect("flushed");
    assert_eq!(said(&mut host), "-1:8");

    // Transactions and confirms exclude each other; a channel that was refused is not there.
    let transactional = ChannelOptions { transactional: true, ..ChannelOptions::default() };
    assert_eq!(host.open_channel(START, ONE, transactional).expect_err("confirms").code(), 406);
    let both = ChannelOptions { transactional: true, ..confirms };
    assert_eq!(host.open_channel(START, ChannelId(9), both).expect_err("both").code(), 406);
    let gone = host.receive_on(START, ChannelId(9), "open").expect_err("no channel");
    assert_eq!(gone.code(), 504);
}

#[test]
fn a_queue_that_blocks_takes_nothing_until_it_has_room() {
    let mut host = host("other");
    let options = QueueOptions { length_max: Some(1), overflow: Overflow::Block, ..QueueOptions::default() };
    declare(&mut host, "narrow", options);
    host.bind("amq.fanout", "narrow", "").expect("bound");
    host.bind("amq.fanout", "other", "").expect("bound");
    host.publish(START, "amq.fanout", "", Message::new("a")).expect("there is room");
    let blocked = host.publish(START, "amq.fanout", "", Message::new("b")).expect_err("no room");
    assert_eq!(blocked.code(), 506);
    assert_eq!(held(&host, "other"), 1, "a message is never in half of its queues");
    let got = take(&mut host, START, "narrow", 1);
    assert_eq!(said(&mut host), "room:narrow");
    host.publish(START, "amq.fanout", "", Message::new("b")).expect("there is room");
    host.ack(START, got[0]).expect("its own");
    assert!(host.delete_queue(START, "narrow").expect("deleted"));
    assert_eq!(said(&mut host), "room:narrow");
}

#[test]
fn a_queue_that_was_full_before_a_restart_says_when_it_has_room() {
    let mut host = host("");
    let options = QueueOptions { length_max: Some(1), overflow: Overflow::Block, ..QueueOptions::default() };
    declare(&mut host, "narrow", options);
    host.send(START, "narrow", Message::new("a")).expect("there is room");
    let mut host = Host::open(host.close().expect("closed"), START).expect("opened");
    assert!(host.send(START, "narrow", Message::new("b")).is_err(), "no room");
    take(&mut host, START, "narrow", 1);
    assert_eq!(said(&mut host), "room:narrow");
}

#[test]
fn a_service_answers_where_a_request_says() {
    let mut host = host("answers orders");
    exchange(&mut host, "ask", ExchangeKind::System);
    let ask = |host: &mut Host, service: &str, body: &str| {
        let request = Message::new(body.to_owned()).with_reply_to(name("answers")).with_correlation("c7");
        host.publish_with(START, "ask", service, request, mandatory(ONE)).expect("published");
    };
    let answer = |host: &mut Host| {
        let got = host.receive(START, "answers").expect("the queue is there").expect("an answer");
        host.ack(START, got.handle).expect("its own");
        assert_eq!(got.message.correlation(), Some("c7"));
        word(&got.message)
    };
    ask(&mut host, "amq.echo", "hello");
    assert_eq!(answer(&mut host), "hello");
    send(&mut host, START, "orders", "a b");
    ask(&mut host, "amq.queues", "");
    let queues: serde_json::Value = serde_json::from_str(&answer(&mut host)).expect("JSON");
    assert_eq!((&queues["orders"]["ready"], &queues["answers"]["ready"]), (&2.into(), &0.into()));
    ask(&mut host, "amq.exchanges", "");
    let exchanges: serde_json::Value = serde_json::from_str(&answer(&mut host)).expect("JSON");
    assert_eq!(exchanges["ask"]["kind"], "system");
    host.bind("amq.topic", "orders", "order.#").expect("bound");
    ask(&mut host, "amq.bindings", "");
    let bindings: serde_json::Value = serde_json::from_str(&answer(&mut host)).expect("JSON");
    assert_eq!(bindings[0]["key"], "order.#");
    ask(&mut host, "amq.nothing", "x");
    assert_eq!(said(&mut host), "returned:1:x@ask");
    // Nobody hears an answer that has nowhere to go.
    host.publish(START, "ask", "amq.echo", Message::new("x").with_reply_to(name("gone"))).expect("served");
    host.publish(START, "ask", "amq.echo", Message::new("x")).expect("served");
}

#[test]
fn a_client_answers_a_request_by_its_correlation() {
    let mut host = host("requests answers");
    let request = Message::new("2+2").with_reply_to(name("answers")).with_correlation("c1");
    host.send(START, "requests", request).expect("taken");
    let got = host.receive(START, "requests").expect("there").expect("a request");
    let to = got.message.reply_to().expect("it says where").clone();
    let correlation = got.message.correlation().expect("it has one").to_owned();
    host.send(START, to.as_str(), Message::new("4").with_correlation(&correlation)).expect("taken");
    host.ack(START, got.handle).expect("its own");
    let answer = host.receive(START, "answers").expect("there").expect("an answer");
    assert_eq!((word(&answer.message).as_str(), answer.message.correlation()), ("4", Some("c1")));
}
