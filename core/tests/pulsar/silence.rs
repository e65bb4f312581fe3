//! Machines go dark, and nobody says so: who waits must find out by silence.

use std::collections::BTreeSet;

use mqlab_core::ids::NodeId;
use mqlab_core::systems::pulsar::ledger::Quorums;
use mqlab_core::systems::pulsar::{
    BrokerSettings, ConsumerSettings, InitialPosition, LedgerSettings, Retention, SubscriptionType,
    TopicSettings,
};

use crate::net::{Net, Program, STORE, bookie, broker, ms, record};

fn settings() -> BrokerSettings {
    let ledgers = LedgerSettings {
        quorums: Quorums::new(2, 2, 2).expect("fine"),
        add_timeout: ms(50),
        retry: ms(20),
        ..LedgerSettings::default()
    };
    let topics = TopicSettings {
        ledgers,
        retention: Retention::FOREVER,
        check_interval: ms(50),
        ..TopicSettings::default()
    };
    BrokerSettings { topics, keep_alive: ms(100), ..BrokerSettings::default() }
}

fn reading(kind: SubscriptionType) -> ConsumerSettings {
    ConsumerSettings {
        kind,
        from: InitialPosition::Earliest,
        nack_delay: ms(50),
        ..ConsumerSettings::default()
    }
}

#[test]
fn clients_leave_a_broker_that_is_silent() {
    let mut net = Net::new(2, 2, settings());
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    net.send(producer, vec![record(1)]);
    net.run(ms(100));
    let owner = net.servers("t")[0];
    net.darken(owner);
    net.send(producer, vec![record(2)]);
    net.run(ms(1_500));
    assert_eq!((net.pending(producer), net.ids(consumer)), (0, vec![1, 2]));
    assert_ne!(net.servers("t"), [owner]);
}

#[test]
fn a_consumer_that_is_silent_loses_its_place() {
    let mut net = Net::new(1, 2, settings());
    let producer = net.add_producer(1, "p", "t");
    let first = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Waits);
    net.run(ms(100));
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    assert_eq!(net.ids(first), [1]);
    net.darken(first);
    let second = net.add_consumer(2, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(80));
    assert!(!net.reader(second).consumer.is_connected(), "the other one may be there");
    net.run(ms(500));
    assert_eq!(net.ids(second), [1]);
}

#[test]
fn who_is_there_and_has_nothing_to_say_keeps_its_place() {
    let mut net = Net::new(1, 2, settings());
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    let number = net.reader(consumer).consumer.number();
    net.run(ms(3_000));
    assert_eq!(net.reader(consumer).consumer.number(), number, "it is the same connection");
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    assert_eq!(net.ids(consumer), [1]);
}

#[test]
fn what_a_dark_bookie_does_not_answer_is_read_from_another() {
    let mut net = Net::new(2, 3, settings());
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    for id in 1..=6 {
        net.send(producer, vec![record(id)]);
        net.run(ms(10));
    }
    // The next owner has nothing at hand, and one of two copies is dark.
    let owner = net.servers("t")[0];
    net.crash(owner);
    net.run(ms(500));
    let holder = (1..=3).map(bookie).find(|node| !net.held(*node).is_empty()).expect("somebody keeps it");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.darken(holder);
    net.run(ms(2_000));
    assert_eq!(net.ids(consumer), (1..=6).collect::<Vec<_>>());
}

#[test]
fn brokers_begin_anew_when_the_store_was_dark() {
    let mut net = Net::new(2, 2, settings());
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    for dark in [40, 2_000] {
        net.darken(STORE);
        net.run(ms(dark));
        net.start(STORE);
        net.run(ms(1_500));
        net.send(producer, vec![record(dark)]);
        net.run(ms(500));
        assert_eq!(net.ids(consumer).last(), Some(&dark), "dark for {dark} ms");
    }
    // And whoever owns it dies: the others watch the store that is there now.
    let owner = net.servers("t")[0];
    assert!(matches!(owner, NodeId::Broker(1 | 2)));
    net.crash(owner);
    net.run(ms(1_500));
    let other = if owner == broker(1) { broker(2) } else { broker(1) };
    assert_eq!(net.servers("t"), [other]);
}

#[test]
fn a_bookie_that_was_silent_when_a_ledger_was_to_be_ended_is_asked_again() {
    // With three bookies for three places nobody can take the place of one that is away.
    let mut settings = settings();
    settings.topics.ledgers.quorums = Quorums::new(3, 2, 2).expect("fine");
    let mut net = Net::new(2, 3, settings);
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    net.freeze(bookie(1));
    for id in 1..=6 {
        net.send(producer, vec![record(id)]);
        net.run(ms(5));
    }
    let owner = net.servers("t")[0];
    net.crash(owner);
    net.run(ms(1_500));
    assert!(net.pending(producer) > 0, "nobody can end the ledger without it");
    net.thaw(bookie(1));
    net.run(ms(1_500));
    // What the dead owner had not been told was read comes once more.
    let read: BTreeSet<_> = net.ids(consumer).into_iter().collect();
    assert_eq!((net.pending(producer), read), (0, (1..=6).collect()));
}
