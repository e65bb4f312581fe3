//! A topic is compacted by its owner: what stays is read from a ledger of its own, whoever dies on the way.

use std::collections::BTreeMap;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{CompactionEvent, PulsarEvent};
use mqlab_core::record::NewRecord;
use mqlab_core::systems::pulsar::ledger::{LedgerId, Quorums};
use mqlab_core::systems::pulsar::{
    BrokerSettings, CompactionSettings, ConsumerSettings, InitialPosition, LedgerSettings, NotSubscribed,
    Retention, SubscriptionType, TopicSettings,
};
use mqlab_core::time::Span;

use crate::net::{Net, Program, bookie, broker, ms};

fn settings(compaction: CompactionSettings, retention: Retention) -> BrokerSettings {
    let ledgers = LedgerSettings {
        quorums: Quorums { ensemble: 2, write: 2, ack: 2 },
        entries_max: 10,
        age_min: Span::ZERO,
        add_timeout: ms(50),
        retry: ms(20),
        ..LedgerSettings::default()
    };
    let topics = TopicSettings {
        ledgers,
        retention,
        check_interval: ms(50),
        compaction: Some(compaction),
        ..TopicSettings::default()
    };
    BrokerSettings { topics, ..BrokerSettings::default() }
}

fn every(span: u64) -> CompactionSettings {
    CompactionSettings { threshold: 0, check_interval: ms(span), retain_null_key: false }
}

fn reads(kind: SubscriptionType) -> ConsumerSettings {
    let from = InitialPosition::Earliest;
    ConsumerSettings { kind, from, read_compacted: true, ..ConsumerSettings::default() }
}

fn keyed(id: u64, key: Option<&'static str>, value: bool) -> NewRecord {
    let value = value.then(|| format!("{id}").into());
    NewRecord { key: key.map(Into::into), value, ..NewRecord::default() }.with_id(MessageId(id))
}

/// Message 1 of key a, 2 of b, 3 of c, 4 of a again, ...; every seventh has no key.
fn send(net: &mut Net, producer: NodeId, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        let key = ["a", "b", "c"][(id % 3) as usize];
        net.send(producer, vec![keyed(id, (id % 7 > 0).then_some(key), true)]);
        net.run(ms(2));
    }
}

fn compactions(net: &Net) -> Vec<&CompactionEvent> {
    net.facts
        .iter()
        .filter_map(|(_, fact)| match fact {
            PulsarEvent::Compaction(event) => Some(event),
            _ => None,
        })
        .collect()
}

/// The compacted ledgers that were published, in order.
fn served(net: &Net) -> Vec<u64> {
    let ledger = |event: &&CompactionEvent| match event {
        CompactionEvent::Serves { ledger, .. } => Some(*ledger),
        _ => None,
    };
    compactions(net).iter().filter_map(ledger).collect()
}

fn holds(net: &Net, ledger: u64) -> usize {
    (1..=3).filter(|number| net.held(bookie(*number)).contains_key(&LedgerId(ledger))).count()
}

#[test]
fn who_reads_compacted_gets_the_latest_of_each_key_and_then_the_topic() {
    let mut net = Net::new(1, 3, settings(every(300), Retention::FOREVER));
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    send(&mut net, producer, 1..=40);
    // b is deleted, and of a batch one message stays.
    net.send(producer, vec![keyed(41, Some("b"), false)]);
    net.send(
        producer,
        vec![keyed(42, Some("d"), true), keyed(43, Some("e"), true), keyed(44, Some("d"), true)],
    );
    net.run(ms(600));
    assert_eq!(served(&net).last().map(|ledger| holds(&net, *ledger)), Some(2), "on two bookies");
    let late = net.add_consumer(1, "t", "table", reads(SubscriptionType::Exclusive), Program::Acknowledges);
    let all = ConsumerSettings { read_compacted: false, ..reads(SubscriptionType::Failover) };
    let plain = net.add_consumer(2, "t", "all", all, Program::Acknowledges);
    net.run(ms(100));
    assert_eq!(net.ids(late), [38, 39, 43, 44], "c, a, e, d in the order of the topic");
    assert_eq!(net.ids(plain), (1..=44).collect::<Vec<u64>>(), "who does not want to reads the topic");
    // What comes after the horizon comes as it is.
    send(&mut net, producer, 45..=50);
    net.run(ms(20));
    assert_eq!(net.ids(late)[4..], [45, 46, 47, 48, 49, 50]);
}

#[test]
fn the_compacted_ledger_before_goes_and_retention_waits_for_what_is_not_compacted() {
    let mut net = Net::new(1, 3, settings(every(400), Retention::default()));
    let producer = net.add_producer(1, "p", "t");
    let eager =
        net.add_consumer(1, "t", "s", reads(SubscriptionType::Failover), Program::AcknowledgesAllBefore);
    net.run(ms(100));
    send(&mut net, producer, 1..=40);
    net.run(ms(120));
    assert_eq!(net.ids(eager).len(), 40);
    assert!(holds(&net, 0) == 2, "all have it, and it is not compacted");
    net.run(ms(400));
    assert_eq!((served(&net).len(), holds(&net, 0)), (1, 0), "now it goes");
    let first = served(&net)[0];
    send(&mut net, producer, 41..=60);
    net.run(ms(500));
    let then = *served(&net).last().expect("again");
    assert!(then > first && holds(&net, first) == 0 && holds(&net, then) == 2, "{:?}", served(&net));
    let kept = |event: &&CompactionEvent| matches!(event, CompactionEvent::Serves { entries: 3, .. });
    assert!(compactions(&net).iter().any(kept), "a, b and c: {:?}", compactions(&net));
}

#[test]
fn another_owner_begins_anew_and_serves_what_the_one_before_has_compacted() {
    let mut met = BTreeMap::new();
    for wait in 0..60 {
        let mut net = Net::new(2, 3, settings(every(200), Retention::FOREVER));
        let producer = net.add_producer(1, "p", "t");
        net.run(ms(50));
        send(&mut net, producer, 1..=40);
        net.run(ms(25 + 2 * wait));
        let owner = net.servers("t")[0];
        let (before, begun) = (served(&net).len(), compactions(&net).len());
        *met.entry((before > 0, begun > 0)).or_insert(0) += 1;
        net.crash(owner);
        let reader = net.add_consumer(1, "t", "s", reads(SubscriptionType::Exclusive), Program::Acknowledges);
        net.run(ms(1_500));
        let ids = net.ids(reader);
        let last = [38, 39, 40];
        assert!(ids.ends_with(&last), "waited {wait}: {ids:?}");
        assert!(before == 0 || ids == last, "waited {wait}: {ids:?}");
        assert!(
            !served(&net).is_empty(),
            "waited {wait}: the next owner compacts, if there is something left"
        );
    }
    assert!(met.contains_key(&(false, true)), "an owner died in the middle of it: {met:?}");
    assert!(met.contains_key(&(true, true)), "and behind it: {met:?}");
}

#[test]
fn a_bookie_may_fail_on_the_way_and_an_owner_that_is_late_compacts_nothing() {
    for wait in [0, 20, 40, 60, 80, 100, 120] {
        let mut net = Net::new(2, 3, settings(every(200), Retention::FOREVER));
        let producer = net.add_producer(1, "p", "t");
        net.run(ms(50));
        send(&mut net, producer, 1..=40);
        net.run(ms(25 + wait));
        net.crash(bookie(1));
        net.run(ms(600));
        assert!(!served(&net).is_empty(), "waited {wait}: two bookies are enough");
        // Its owner sleeps for longer than its session, and another has the topic.
        let owner = net.servers("t")[0];
        net.freeze(owner);
        net.run(ms(400));
        let reader = net.add_consumer(1, "t", "s", reads(SubscriptionType::Exclusive), Program::Acknowledges);
        net.run(ms(1_000));
        net.thaw(owner);
        net.run(ms(1_000));
        assert_eq!(net.ids(reader), [38, 39, 40], "waited {wait}");
        assert_eq!(net.servers("t").len(), 1);
        assert_ne!(net.servers("t")[0], owner);
    }
}

#[test]
fn what_is_shared_or_not_kept_is_not_read_compacted_and_what_has_no_key_stays_if_that_is_wanted() {
    let retains = CompactionSettings { retain_null_key: true, ..every(100) };
    let mut net = Net::new(1, 2, settings(retains, Retention::FOREVER));
    let producer = net.add_producer(1, "p", "t");
    for (number, of, kind) in [
        (1, "t", SubscriptionType::Shared),
        (2, "non-persistent://public/default/u", SubscriptionType::Exclusive),
    ] {
        let refused = net.add_consumer(number, of, "shared", reads(kind), Program::Acknowledges);
        net.run(ms(100));
        assert_eq!(net.reader(refused).consumer.refused(), Some(NotSubscribed::NotCompacted));
    }
    send(&mut net, producer, 1..=20);
    net.run(ms(300));
    assert_eq!(net.servers("t"), [broker(1)]);
    let reader = net.add_consumer(3, "t", "s", reads(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    assert_eq!(net.ids(reader), [7, 14, 18, 19, 20]);
}
