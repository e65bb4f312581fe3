//! Every kind of event as a sentence, in both languages: `UPDATE_EXPECT=1` writes them anew.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code)]
mod pictures;

use std::fmt::Write as _;

use expect_test::expect_file;
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId, PartitionId};
use mqlab_core::observe::{Answer, Event, OrderEvent, Place, Refusal, Stamped};
use mqlab_core::time::{Span, Time};
use mqlab_web::text::Lang;
use mqlab_web::text::sentence::{Names, life_line, sentence};
use mqlab_web::text::standing::standing;
use pictures::name;

const SHOP: NodeId = NodeId::Producer(1);
const B1: NodeId = NodeId::Broker(1);
const C1: NodeId = NodeId::Consumer(1);

fn orders(index: u32) -> PartitionId {
    PartitionId { topic: name("orders"), index }
}

fn spot() -> Place {
    Place::Partition(orders(0))
}

fn queue() -> Name {
    name("hello")
}

fn ids(numbers: &[u64]) -> Vec<MessageId> {
    numbers.iter().copied().map(MessageId).collect()
}

fn fact(node: NodeId, event: Event) -> Stamped {
    Stamped { at: Time(412_800), step: 1, node, event }
}

fn of_producers_and_logs() -> Vec<Stamped> {
    let m = MessageId(17);
    vec![
        fact(SHOP, Event::Sent { to: spot(), message: m, attempt: 1 }),
        fact(SHOP, Event::Sent { to: spot(), message: m, attempt: 3 }),
        fact(SHOP, Event::Acknowledged { by: spot(), message: m }),
        fact(SHOP, Event::NotStored { to: spot(), message: m, why: Refusal::NotLeader }),
        fact(B1, Event::Appended { to: spot(), base: Offset(16), messages: ids(&[17, 18, 19]) }),
        fact(B1, Event::Committed { partition: orders(0), below: Offset(17) }),
        fact(B1, Event::Truncated { partition: orders(0), to: Offset(16), messages: ids(&[17]) }),
        fact(B1, Event::Truncated { partition: orders(0), to: Offset(16), messages: vec![] }),
        fact(B1, Event::TailLost { of: spot(), messages: ids(&[17, 18]) }),
        fact(B1, Event::Delivered { queue: queue(), message: m, to: C1, delivery: 1 }),
    ]
}

fn of_queues_and_consumers() -> Vec<Stamped> {
    let m = MessageId(17);
    vec![
        fact(B1, Event::Delivered { queue: queue(), message: m, to: C1, delivery: 2 }),
        fact(B1, Event::Requeued { queue: queue(), messages: ids(&[17]), from: C1 }),
        fact(B1, Event::Settled { queue: queue(), message: m, by: C1 }),
        fact(C1, Event::Received { from: spot(), message: m, delivery: 1 }),
        fact(C1, Event::Received { from: spot(), message: m, delivery: 2 }),
        fact(C1, Event::Processed { from: spot(), message: m, group: None }),
        fact(C1, Event::Assigned { group: name("billing"), partitions: vec![orders(0), orders(1)] }),
        fact(C1, Event::Assigned { group: name("billing"), partitions: vec![] }),
        fact(NodeId::Controller, Event::Fenced { broker: B1 }),
        fact(B1, Event::InSync { partition: orders(0), replicas: vec![B1, NodeId::Broker(2)] }),
    ]
}

fn of_the_cluster() -> Vec<Stamped> {
    vec![
        fact(B1, Event::Copied { partition: orders(0), base: Offset(3), messages: ids(&[1, 2, 3, 4, 5]) }),
        fact(B1, Event::OffsetStored { group: name("billing"), partition: orders(0), next: Offset(9) }),
        fact(NodeId::Controller, Event::Elected { partition: orders(0), leader: Some(B1), epoch: Epoch(5) }),
        fact(NodeId::Controller, Event::Elected { partition: orders(0), leader: None, epoch: Epoch(5) }),
        fact(B1, Event::InSync { partition: orders(0), replicas: vec![] }),
        fact(B1, Event::Crashed),
        fact(B1, Event::PowerCut),
        fact(B1, Event::Restarted),
    ]
}

fn of_users_and_services() -> Vec<Stamped> {
    let (order, user, shop, risk) = (OrderId(17), NodeId::User(1), NodeId::Service(1), NodeId::Service(2));
    let (short, long) = (Span(6_300), Span(312_000));
    let events = [
        (user, OrderEvent::Asked { order, of: shop }),
        (shop, OrderEvent::Waiting { order, ahead: 0 }),
        (shop, OrderEvent::Waiting { order, ahead: 12 }),
        (shop, OrderEvent::TurnedAway { order }),
        (shop, OrderEvent::Began { order }),
        (shop, OrderEvent::Put { order, message: MessageId(4) }),
        (shop, OrderEvent::TriesAgain { order, of: risk, why: Answer::Unreachable }),
        (shop, OrderEvent::Worked { order }),
        (shop, OrderEvent::GaveUp { order, by: risk, why: Answer::Failed }),
        (risk, OrderEvent::GaveUp { order, by: risk, why: Answer::Failed }),
        (user, OrderEvent::Answered { order, answer: Answer::Done, waited: long }),
        (user, OrderEvent::Answered { order, answer: Answer::Accepted, waited: short }),
        (user, OrderEvent::Answered { order, answer: Answer::Overloaded, waited: short }),
        (user, OrderEvent::Answered { order, answer: Answer::TimedOut, waited: long }),
        (user, OrderEvent::Answered { order, answer: Answer::Unreachable, waited: short }),
        (user, OrderEvent::Notified { order, done: true, after: long }),
        (user, OrderEvent::Notified { order, done: false, after: long }),
        (user, OrderEvent::Fulfilled { order, after: long }),
        (user, OrderEvent::Disappointed { order }),
    ];
    events.into_iter().map(|(node, event)| fact(node, Event::Order(event))).collect()
}

#[test]
fn the_facts_of_orders_have_sentences_in_both_languages() {
    let mut names = [Names::of(&pictures::calls(false)), Names::default()].into_iter();
    let mut text = String::new();
    for (names, facts) in names.by_ref().zip([of_users_and_services(), of_users_and_services()[..1].to_vec()])
    {
        for fact in facts {
            for lang in [Lang::En, Lang::Zh] {
                writeln!(text, "{}", sentence(&fact, &names, lang)).expect("a string takes it");
            }
        }
    }
    expect_file!["snapshots/order-sentences.txt"].assert_eq(&text);
}

#[test]
fn every_kind_of_event_has_a_sentence_in_both_languages() {
    let names = Names::of(&pictures::topic(false));
    let mut text = String::new();
    for fact in [of_producers_and_logs(), of_queues_and_consumers(), of_the_cluster()].concat() {
        for lang in [Lang::En, Lang::Zh] {
            writeln!(text, "{}", sentence(&fact, &names, lang)).expect("a string takes it");
        }
    }
    expect_file!["snapshots/sentences.txt"].assert_eq(&text);
}

#[test]
fn in_the_life_of_a_message_it_is_it() {
    let appended = Event::Appended { to: spot(), base: Offset(16), messages: ids(&[17, 18, 19]) };
    let fact = fact(B1, appended);
    let line = |lang| life_line(&fact, MessageId(18), &Names::default(), lang);
    assert_eq!(line(Lang::En), "broker 1 appends it to orders/0 at offset 17");
    assert_eq!(line(Lang::Zh), "Broker 1 把它追加到分区 orders/0，偏移量 17");
}

#[test]
fn a_message_stands_on_brokers_that_run_and_on_the_disks_of_those_that_do_not() {
    let mut picture = pictures::topic(true);
    let now = |picture: &_, message, lang| {
        let standing = standing(picture, MessageId(message), &Names::of(picture), lang).expect("it is there");
        (standing.words, standing.harm)
    };
    for (message, en, zh, harm) in [
        (
            23,
            "committed; on broker 2 and broker 3, and on the disk of broker 1, which is down",
            "已提交，在 Broker 2、Broker 3 上，也在已宕机的 Broker 1 的磁盘上",
            false,
        ),
        (29, "on broker 2 and broker 3, not committed yet", "在 Broker 2、Broker 3 上，还没有提交", false),
        (
            30,
            "on broker 3, and on the disk of broker 1, which is down; not committed yet",
            "在 Broker 3 上，也在已宕机的 Broker 1 的磁盘上，还没有提交",
            true,
        ),
    ] {
        assert_eq!(now(&picture, message, Lang::En), (en.into(), harm));
        assert_eq!(now(&picture, message, Lang::Zh), (zh.into(), harm));
    }
    picture.brokers[2].up = false;
    for strip in &mut picture.brokers[2].strips {
        strip.role = mqlab_core::sim::picture::Role::Down;
    }
    let en = "only on the disks of broker 1 and broker 3, which are down; not committed yet";
    assert_eq!(now(&picture, 30, Lang::En), (en.into(), true));
    let zh = "只在已宕机的 Broker 1、Broker 3 的磁盘上，还没有提交";
    assert_eq!(now(&picture, 30, Lang::Zh), (zh.into(), true));
}
