//! Old ledgers go to an object store, and are read there.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::PulsarEvent;
use mqlab_core::systems::pulsar::ledger::LedgerId;
use mqlab_core::systems::pulsar::{
    BrokerSettings, ConsumerSettings, InitialPosition, LedgerSettings, Offload, Retention, TopicSettings,
};
use mqlab_core::time::Span;

use crate::net::{Net, Program, bookie, broker, ms, record};

const OBJECTS: NodeId = NodeId::Store;

fn settings(threshold: u64, retention: Retention) -> BrokerSettings {
    let ledgers = LedgerSettings {
        entries_max: 10,
        age_min: Span::ZERO,
        add_timeout: ms(50),
        retry: ms(20),
        offload: Some(Offload { to: OBJECTS, threshold, lag: ms(200) }),
        ..LedgerSettings::default()
    };
    let topics = TopicSettings { ledgers, retention, check_interval: ms(50), ..TopicSettings::default() };
    BrokerSettings { topics, ..BrokerSettings::default() }
}

fn from_the_start() -> ConsumerSettings {
    ConsumerSettings { from: InitialPosition::Earliest, ..ConsumerSettings::default() }
}

fn sends(net: &mut Net, producer: NodeId, ids: std::ops::RangeInclusive<u64>) {
    for id in ids {
        net.send(producer, vec![record(id)]);
        net.run(ms(2));
    }
}

#[test]
fn closed_ledgers_go_to_the_object_store_and_are_read_there() {
    let mut net = Net::new(2, 3, settings(0, Retention::FOREVER));
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    sends(&mut net, producer, 1..=45);
    net.run(ms(2_000));
    let offloaded = net.held(OBJECTS);
    let ledgers: Vec<LedgerId> = offloaded.keys().copied().collect();
    assert_eq!(ledgers, [0, 1, 2, 3].map(LedgerId), "all but the one that is written to");
    assert!(offloaded.values().all(|entries| *entries == (0..10).collect::<Vec<u64>>()), "{offloaded:?}");
    for number in 1..=3 {
        let kept = net.held(bookie(number));
        assert!(ledgers.iter().all(|ledger| !kept.contains_key(ledger)), "{number} keeps {kept:?}");
    }
    // Another broker has nothing at hand, and finds all of it.
    let owner = net.servers("t")[0];
    net.crash(owner);
    let reader = net.add_consumer(1, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(2_000));
    assert_eq!(net.ids(reader), (1..=45).collect::<Vec<u64>>());
}

#[test]
fn bookies_keep_what_the_threshold_leaves_them_and_retention_takes_objects_along() {
    // Nobody reads and nothing is sent for long: the youngest ledgers stay where they are.
    let mut net = Net::new(1, 2, settings(4_000, Retention::FOREVER));
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    sends(&mut net, producer, 1..=60);
    net.run(ms(2_000));
    let (there, here) = (net.held(OBJECTS), net.held(bookie(1)));
    assert!(!there.is_empty() && there.len() < 5, "{there:?}");
    assert!(there.keys().all(|ledger| !here.contains_key(ledger)));
    assert!(there.keys().max() < here.keys().min(), "the oldest go first");
    // Without retention what everybody has goes, wherever it is.
    let mut net = Net::new(1, 2, settings(0, Retention::default()));
    let producer = net.add_producer(1, "p", "t");
    let reader = net.add_consumer(1, "t", "s", from_the_start(), Program::Waits);
    net.run(ms(100));
    sends(&mut net, producer, 1..=45);
    net.run(ms(1_000));
    assert_eq!(net.held(OBJECTS).len(), 4, "what is not acknowledged is kept");
    while !net.reader(reader).in_hand.is_empty() {
        net.finish(reader, Program::Acknowledges);
    }
    net.run(ms(1_000));
    assert_eq!(net.held(OBJECTS).len(), 0);
}

/// The broker dies in the middle of a copy, and the object store is away for a while.
#[test]
fn a_copy_that_was_cut_short_begins_anew() {
    let mut net = Net::new(2, 3, settings(0, Retention::FOREVER));
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    let mut id = 0;
    while net.held(OBJECTS).is_empty() {
        id += 1;
        sends(&mut net, producer, id..=id);
        assert!(id < 200, "it never began");
    }
    let owner = net.servers("t")[0];
    net.crash(owner);
    net.crash(OBJECTS);
    net.run(ms(500));
    net.start(owner);
    net.start(OBJECTS);
    net.run(ms(1_000));
    sends(&mut net, producer, id + 1..=id + 20);
    net.run(ms(2_000));
    let told = net.facts.iter().filter_map(|(node, fact)| match fact {
        PulsarEvent::Offloaded { ledger: 0, entries, .. } => Some((*node, *entries)),
        _ => None,
    });
    let told: Vec<(NodeId, u64)> = told.collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let other = if owner == broker(1) { broker(2) } else { broker(1) };
    assert!(told[0].0 == other || told[0].0 == owner);
    assert_eq!(net.held(OBJECTS)[&LedgerId(0)].len() as u64, told[0].1);
    let reader = net.add_consumer(1, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(1_000));
    let mut seen = net.ids(reader);
    seen.dedup();
    assert_eq!(seen, (1..=id + 20).collect::<Vec<u64>>());
}
