//! One broker, asked directly: pops, and where it sends who reads far behind.

use mqlab_core::ids::NodeId;
use mqlab_core::systems::rocketmq::broker::{Broker, BrokerSettings};
use mqlab_core::systems::rocketmq::layout::StoredMessage;
use mqlab_core::systems::rocketmq::protocol::{
    Message, Notice, Pop, PopHandle, Popped, Pull, PullStatus, Refused, Reply, Request, RequestId,
};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::{Span, Time};

use crate::net::{Disk, ms, name, topic};

const CLIENT: NodeId = NodeId::Consumer(1);

fn settings() -> BrokerSettings {
    BrokerSettings::new(name("broker-a"), 0).with_topic(topic("orders"), 1)
}

fn tell(broker: &mut Broker<Disk>, now: Time, message: Message) -> Vec<Message> {
    let mut out = Out::default();
    broker.handle(now, Input::Message { from: CLIENT, message }, &mut out);
    broker.settle(now, &mut out).expect("the disk is sound");
    out.sends.into_iter().filter(|(to, _)| *to == CLIENT).map(|(_, message)| message).collect()
}

fn ask(broker: &mut Broker<Disk>, now: Time, request: Request) -> Reply {
    match tell(broker, now, Message::Request(RequestId(1), request)).pop() {
        Some(Message::Reply(RequestId(1), reply)) => reply,
        other => panic!("{other:?}"),
    }
}

fn put(broker: &mut Broker<Disk>, bodies: &[&'static str]) {
    for body in bodies {
        let sent = ask(broker, ms(0), Request::Send(StoredMessage::new(topic("orders"), 0, (*body).into())));
        assert!(matches!(sent, Reply::Sent { .. }));
    }
}

fn pop(broker: &mut Broker<Disk>, now: Time, count: u32) -> Vec<Popped> {
    let pop = Pop { count, invisible: Span::from_millis(10_000), ..Pop::new(name("g"), topic("orders"), 0) };
    match ask(broker, now, Request::Pop(pop)) {
        Reply::Popped(popped) => popped,
        other => panic!("{other:?}"),
    }
}

fn bodies(popped: &[Popped]) -> Vec<(String, u32)> {
    popped
        .iter()
        .map(|p| (String::from_utf8_lossy(&p.message.body).into_owned(), p.message.reconsumed))
        .collect()
}

fn ack(broker: &mut Broker<Disk>, now: Time, handle: PopHandle) {
    tell(broker, now, Message::Notice(Notice::Ack(handle)));
}

fn named(texts: &[(&str, u32)]) -> Vec<(String, u32)> {
    texts.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect()
}

#[test]
fn what_is_popped_is_nobody_else_s_for_a_while_and_comes_again_if_it_is_not_acknowledged() {
    for restarts in [false, true] {
        let mut broker = Broker::new(ms(0), Disk::default(), settings()).expect("an empty disk");
        put(&mut broker, &["a", "b", "c", "d"]);
        let first = pop(&mut broker, ms(1_000), 3);
        let second = pop(&mut broker, ms(2_000), 3);
        assert_eq!(bodies(&first), named(&[("a", 0), ("b", 0), ("c", 0)]));
        assert_eq!(bodies(&second), named(&[("d", 0)]));
        assert!(pop(&mut broker, ms(3_000), 3).is_empty());
        ack(&mut broker, ms(3_000), first[0].handle);
        ack(&mut broker, ms(3_000), first[2].handle);
        ack(&mut broker, ms(3_000), second[0].handle);
        // A group's offsets are written down every five seconds; what is out stands in a log.
        tell(&mut broker, ms(6_000), Message::Notice(Notice::Ack(first[0].handle)));
        if restarts {
            broker = Broker::new(ms(6_000), broker.close().expect("sound"), settings()).expect("sound");
        }
        assert!(pop(&mut broker, ms(10_999), 3).is_empty());
        let _woken = tell(&mut broker, ms(12_000), Message::Notice(Notice::Ack(first[0].handle)));
        let again = pop(&mut broker, ms(12_000), 3);
        assert_eq!(bodies(&again), named(&[("b", 1)]), "restarts: {restarts}");
        assert_ne!(again[0].handle, first[1].handle);
        ack(&mut broker, ms(12_500), first[1].handle); // too late
        let third = pop(&mut broker, ms(23_000), 3);
        let third = if third.is_empty() { pop(&mut broker, ms(24_001), 3) } else { third };
        assert_eq!(bodies(&third), named(&[("b", 2)]), "it goes back to where it came from");
        ack(&mut broker, ms(24_500), third[0].handle);
        for second in 25..60 {
            assert!(pop(&mut broker, ms(second * 1_000), 3).is_empty());
        }
    }
}

#[test]
fn a_pop_of_what_is_not_there_is_refused() {
    let mut broker = Broker::new(ms(0), Disk::default(), settings()).expect("an empty disk");
    let request = Request::Pop(Pop::new(name("g"), topic("bills"), 0));
    assert_eq!(ask(&mut broker, ms(0), request), Reply::Refused(Refused::TopicNotExist));
}

#[test]
fn who_reads_far_behind_is_sent_to_a_slave() {
    let mut small = settings();
    small.store.memory_bytes = 1_000; // of which 40 % are for messages
    let mut broker = Broker::new(ms(0), Disk::default(), small).expect("an empty disk");
    put(&mut broker, &["a", "b", "c", "d", "e", "f", "g", "h"]);
    for (offset, broker_id) in [(1, 1), (3, 1), (4, 0), (7, 0)] {
        let pull = Pull { count: 1, ..Pull::new(name("g"), topic("orders"), 0, offset) };
        let Reply::Pulled(pulled) = ask(&mut broker, ms(0), Request::Pull(pull)) else { panic!("refused") };
        assert_eq!((pulled.status, pulled.broker_id), (PullStatus::Found, broker_id), "from {offset}");
    }
}
