//! Every kind of event as a sentence, in both languages: `UPDATE_EXPECT=1` writes them anew.
#![cfg(not(target_arch = "wasm32"))]

#[allow(dead_code)]
mod pictures;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use expect_test::expect_file;
use mqlab_core::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId, PartitionId};
use mqlab_core::message::DeathReason;
use mqlab_core::observe::{Answer, ClusterEvent, Event, OrderEvent, Place, QueueEvent, Refusal, Stamped};
use mqlab_core::queue::ReturnReason;
use mqlab_core::routing::ExchangeName;
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{Alarm, Decision};
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

fn changed(text: &str) -> Event {
    Event::Changed(text.parse().expect("a change"))
}

fn of_producers_and_logs() -> Vec<Stamped> {
    let m = MessageId(17);
    vec![
        fact(SHOP, Event::Sent { to: spot(), messages: m.into(), attempt: 1 }),
        fact(SHOP, Event::Sent { to: spot(), messages: m.into(), attempt: 3 }),
        fact(SHOP, Event::Acknowledged { by: spot(), messages: m.into() }),
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
        fact(B1, Event::Requeued { queue: queue(), messages: ids(&[17]), from: C1, why: ReturnReason::Left }),
        fact(
            B1,
            Event::Requeued { queue: queue(), messages: ids(&[17]), from: C1, why: ReturnReason::Nacked },
        ),
        fact(
            B1,
            Event::Requeued { queue: queue(), messages: ids(&[17]), from: C1, why: ReturnReason::LeaseOver },
        ),
        fact(B1, Event::Settled { queue: queue(), message: m, by: C1 }),
        fact(C1, Event::Received { from: spot(), messages: m.into(), delivery: 1 }),
        fact(C1, Event::Received { from: spot(), messages: m.into(), delivery: 2 }),
        fact(C1, Event::Processed { from: spot(), messages: m.into(), group: None }),
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
        fact(
            NodeId::Controller,
            Event::Cluster(ClusterEvent::UncleanElection { partition: orders(0), leader: B1 }),
        ),
        fact(B1, Event::Cluster(ClusterEvent::Leaving)),
        fact(NodeId::Controller, Event::Cluster(ClusterEvent::Relieved { broker: B1 })),
        fact(B1, Event::Cluster(ClusterEvent::Stopped)),
        fact(B1, Event::Crashed),
        fact(B1, Event::PowerCut),
        fact(B1, Event::Restarted),
        fact(NodeId::Consumer(3), changed("join consumer-1")),
        fact(C1, changed("leave consumer-1")),
        fact(C1, changed("work consumer-1 20")),
        fact(NodeId::Controller, changed("partitions orders 6")),
        fact(B1, changed("bind news hello a.*")),
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

/// Every fact about queues, with every reason that it may have. The enums cannot be matched completely from here
/// (they are non-exhaustive): the test of completeness counts the engine's.
fn around_queues() -> Vec<Stamped> {
    let (q, m, from) = (queue(), MessageId(17), || Place::Queue(queue()));
    let exchange = |text: &str| text.parse::<ExchangeName>().expect("a good name");
    let died = |reason| (B1, QueueEvent::Died { queue: queue(), message: m, reason });
    let committed = |done: &[u64], sent: &[u64]| QueueEvent::TransactionCommitted {
        by: C1,
        done: done.iter().map(|&id| (queue(), MessageId(id))).collect(),
        sent: sent.iter().copied().map(MessageId).collect(),
    };
    let decided = |decision| (B1, QueueEvent::HalfDecided { message: m, decision });
    let events = [
        (B1, QueueEvent::Unroutable { exchange: exchange("orders"), message: m, returned: true }),
        (B1, QueueEvent::Unroutable { exchange: exchange(""), message: m, returned: false }),
        (SHOP, QueueEvent::Returned { exchange: exchange("orders"), message: m }),
        died(DeathReason::Rejected),
        died(DeathReason::Expired),
        died(DeathReason::MaxLength),
        died(DeathReason::DeliveryLimit),
        (B1, QueueEvent::Due { queue: q.clone(), message: m }),
        (B1, QueueEvent::Activated { queue: q.clone(), consumer: C1 }),
        (B1, QueueEvent::NotSettled { queue: q.clone(), by: C1, why: Refusal::UnknownDelivery }),
        (SHOP, QueueEvent::GaveUp { message: Some(m), why: Refusal::TooLarge }),
        (C1, QueueEvent::GaveUp { message: None, why: Refusal::Invalid }),
        (B1, QueueEvent::Halted { why: Refusal::Storage }),
        (B1, QueueEvent::Removed { queue: q }),
        (B1, QueueEvent::Blocked { alarm: Alarm::Memory }),
        (B1, QueueEvent::Blocked { alarm: Alarm::Disk }),
        (B1, QueueEvent::Unblocked { alarm: Alarm::Memory }),
        (B1, QueueEvent::Unblocked { alarm: Alarm::Disk }),
        (C1, QueueEvent::Failed { from: from(), message: m }),
        (C1, QueueEvent::Recognised { from: from(), message: m }),
        (C1, QueueEvent::OutOfMemory { held: 40 }),
        (B1, QueueEvent::HalfStored { message: m }),
        (B1, QueueEvent::CheckedBack { message: m, check: 1 }),
        (B1, QueueEvent::CheckedBack { message: m, check: 2 }),
        decided(Decision::Commit),
        decided(Decision::Rollback),
        decided(Decision::Unknown),
        (SHOP, QueueEvent::OwnTransaction { message: m, committed: true }),
        (SHOP, QueueEvent::OwnTransaction { message: m, committed: false }),
        (B1, QueueEvent::HeldBack { message: m, by: C1 }),
        (B1, committed(&[12], &[17])),
        (B1, committed(&[12], &[17, 18])),
        (B1, committed(&[], &[17])),
        (B1, committed(&[12], &[])),
        (B1, QueueEvent::TransactionRolledBack { by: C1, messages: vec![m], asked: true }),
        (B1, QueueEvent::TransactionRolledBack { by: C1, messages: vec![m], asked: false }),
        (B1, QueueEvent::TransactionRolledBack { by: C1, messages: Vec::new(), asked: true }),
        (B1, QueueEvent::TransactionRolledBack { by: C1, messages: Vec::new(), asked: false }),
        (C1, QueueEvent::TransactionLost { message: m, unknown: true }),
        (C1, QueueEvent::TransactionLost { message: m, unknown: false }),
        (SHOP, QueueEvent::Forgotten { message: m }),
        (SHOP, QueueEvent::Answered { answer: m, request: MessageId(12), after: Span(13_800) }),
        (SHOP, QueueEvent::AnswerLate { answer: m }),
        (SHOP, QueueEvent::GaveUpWaiting { request: m, after: Span(70_000) }),
        (B1, QueueEvent::InFlow { client: SHOP, waiting: 400 }),
        (B1, QueueEvent::OutOfFlow { client: SHOP, waiting: 200 }),
        (B1, QueueEvent::MailboxLost { to: from(), messages: vec![m] }),
        (B1, QueueEvent::Dropped { queue: queue(), messages: vec![m] }),
        (B1, QueueEvent::Dropped { queue: queue(), messages: Vec::new() }),
    ];
    events.into_iter().map(|(node, event)| fact(node, Event::Queue(event))).collect()
}

fn of_exchanges_and_refusals() -> Vec<Stamped> {
    let (m, to) = (MessageId(17), Place::Exchange("orders".parse().expect("a good name")));
    let refused = |why| fact(SHOP, Event::NotStored { to: spot(), message: m, why });
    vec![
        fact(SHOP, Event::Sent { to: to.clone(), messages: m.into(), attempt: 1 }),
        fact(SHOP, Event::Acknowledged { by: to, messages: m.into() }),
        refused(Refusal::Unknown),
        refused(Refusal::NotEnoughReplicas),
        refused(Refusal::OffsetOutOfRange),
        refused(Refusal::NotAMember),
        refused(Refusal::Stale),
        refused(Refusal::NoAnswer),
        refused(Refusal::Storage),
        refused(Refusal::Full),
        refused(Refusal::Blocked),
        refused(Refusal::InUse),
        refused(Refusal::RetainedFull),
        refused(Refusal::UnknownDelivery),
        refused(Refusal::Incomplete),
        refused(Refusal::Denied),
        refused(Refusal::Different),
        refused(Refusal::Invalid),
        refused(Refusal::TooLarge),
        refused(Refusal::Unsupported),
    ]
}

#[test]
fn the_facts_of_queues_have_sentences_in_both_languages() {
    let names = Names::of(&pictures::exchanges());
    let mut text = String::new();
    for fact in [of_exchanges_and_refusals(), around_queues()].concat() {
        for lang in [Lang::En, Lang::Zh] {
            writeln!(text, "{}", sentence(&fact, &names, lang)).expect("a string takes it");
            if fact.event.messages() == [MessageId(17)] {
                let line = life_line(&fact, MessageId(17), &names, lang);
                writeln!(text, "    {line}").expect("a string takes it");
            }
        }
    }
    expect_file!["snapshots/queue-sentences.txt"].assert_eq(&text);
}

#[test]
fn no_fact_falls_back_on_the_words_of_the_engine() {
    // The engine's own English is what an unknown fact would be told in: in Chinese that shows.
    let facts = [around_queues(), of_exchanges_and_refusals(), of_queues_and_consumers()].concat();
    for fact in facts {
        let told = sentence(&fact, &Names::default(), Lang::Zh);
        assert!(!told.contains(&fact.event.to_string()), "{told}");
        assert!(!told.contains("Broker 拒绝了"), "{told}");
    }
    // One fact of each kind is in the list: the names by which they are written.
    let kind = |event: &QueueEvent| format!("{event:?}").split(' ').next().unwrap_or_default().to_owned();
    let listed: BTreeSet<String> = around_queues()
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::Queue(event) => Some(kind(event)),
            _ => None,
        })
        .collect();
    let source = include_str!("../../core/src/observe/queue_event.rs");
    let body = source.split("pub enum QueueEvent {").nth(1).and_then(|rest| rest.split("\n}").next());
    let variants: Vec<&str> = body
        .expect("the engine's facts are written there")
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {"))
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    assert_eq!(listed, variants.into_iter().map(String::from).collect(), "the engine's facts, and the list");
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

#[test]
fn a_message_stands_in_every_queue_that_an_exchange_gave_it_to() {
    let picture = pictures::exchanges();
    let now = |message, lang| {
        standing(&picture, MessageId(message), &Names::of(&picture), lang).map(|standing| standing.words)
    };
    assert_eq!(
        now(11, Lang::En).as_deref(),
        Some("ready in queue audit; in queue europe, with anna, not acknowledged")
    );
    assert_eq!(now(15, Lang::En).as_deref(), Some("waits in queue europe until 460.0 ms"));
    assert_eq!(now(15, Lang::Zh).as_deref(), Some("在队列 europe 里等到 460.0 毫秒"));
}
