//! Two clusters: each gets what the other is sent, later, and nothing goes round in circles.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::PulsarEvent;
use mqlab_core::record::{BATCH_BYTES_MAX, BatchBuilder, NewRecord};
use mqlab_core::systems::pulsar::{
    BrokerSettings, ConsumerSettings, InitialPosition, LedgerSettings, PRODUCER_HEADER, Retention,
    SEQUENCE_HEADER, TopicSettings,
};

use crate::net::{Net, Program, STORE, bookie, broker, ms, record};

/// One broker and two bookies each: broker 1 is in the north, broker 2 in the south.
const NORTH: u16 = 1;
const SOUTH: u16 = 2;

fn two(deduplication: bool) -> Net {
    let ledgers = LedgerSettings { add_timeout: ms(100), retry: ms(20), ..LedgerSettings::default() };
    let retention = Retention::FOREVER;
    let topics = TopicSettings { ledgers, deduplication, retention, ..TopicSettings::default() };
    Net::two(1, 2, BrokerSettings { topics, ..BrokerSettings::default() })
}

fn from_the_start() -> ConsumerSettings {
    ConsumerSettings { from: InitialPosition::Earliest, ..ConsumerSettings::default() }
}

/// Clients that are added from now on are in this cluster.
fn in_the(net: &mut Net, cluster: u16) {
    net.brokers = vec![broker(cluster)];
}

#[test]
fn each_cluster_gets_what_the_other_is_sent_and_nothing_goes_round() {
    let mut net = two(false);
    let north = net.add_producer(1, "p", "t");
    let reads_north = net.add_consumer(1, "t", "s", from_the_start(), Program::Acknowledges);
    in_the(&mut net, SOUTH);
    let south = net.add_producer(2, "q", "t");
    let reads_south = net.add_consumer(2, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(200));
    for id in 1..=50 {
        net.send(north, vec![record(id), record(1_000 + id)]);
        net.send(south, vec![record(100 + id)]);
        net.run(ms(1));
    }
    net.run(ms(500));
    for reader in [reads_north, reads_south] {
        let seen = net.ids(reader);
        assert_eq!(seen.len(), 150, "each once: {seen:?}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 150);
        for producer in [0..=100, 101..=1_000, 1_001..=2_000] {
            let its: Vec<u64> = seen.iter().copied().filter(|id| producer.contains(id)).collect();
            assert!(its.is_sorted(), "in the order of its producer: {its:?}");
        }
    }
    assert_eq!(
        (net.backlog(broker(NORTH), "pulsar.repl.south"), net.backlog(broker(SOUTH), "pulsar.repl.north")),
        (0, 0)
    );
}

#[test]
fn a_cluster_that_is_cut_off_goes_on_and_the_other_gets_the_rest_later() {
    let mut net = two(true);
    let north = net.add_producer(1, "p", "t");
    in_the(&mut net, SOUTH);
    let south = net.add_producer(2, "q", "t");
    let reader = net.add_consumer(2, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(200));
    net.send(north, vec![record(1)]);
    net.run(ms(50));
    net.sever(broker(NORTH), broker(SOUTH));
    for id in 2..=30 {
        net.send(north, vec![record(id)]);
        net.send(south, vec![record(100 + id)]);
        net.run(ms(5));
    }
    net.run(ms(50));
    assert_eq!((net.pending(north), net.pending(south)), (0, 0), "nobody waits for the other cluster");
    assert_eq!(net.backlog(broker(NORTH), "pulsar.repl.south"), 29);
    let seen = net.ids(reader);
    assert_eq!(seen, [1].into_iter().chain(102..=130).collect::<Vec<u64>>());
    net.mend(broker(NORTH), broker(SOUTH));
    net.run(ms(500));
    assert_eq!(net.backlog(broker(NORTH), "pulsar.repl.south"), 0);
    assert!(net.ids(reader).ends_with(&(2..=30).collect::<Vec<u64>>()));
    assert_eq!(net.ids(reader).len(), 59);
}

#[test]
fn what_was_not_replicated_burns_with_its_cluster() {
    let mut net = two(true);
    let north = net.add_producer(1, "p", "t");
    in_the(&mut net, SOUTH);
    let reader = net.add_consumer(2, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(200));
    for id in 1..=20 {
        if id == 11 {
            net.sever(broker(NORTH), broker(SOUTH));
        }
        net.send(north, vec![record(id)]);
        net.run(ms(20));
    }
    assert_eq!(net.acknowledged.len(), 20);
    for node in [broker(NORTH), bookie(1), bookie(2), STORE] {
        net.darken(node);
    }
    net.mend(broker(NORTH), broker(SOUTH));
    net.run(ms(2_000));
    assert_eq!(net.ids(reader), (1..=10).collect::<Vec<u64>>());
}

/// Its owner dies again and again, with receipts of the other cluster on their way.
#[test]
fn what_is_replicated_twice_is_stored_once_where_sequences_are_recognised() {
    for deduplication in [true, false] {
        let mut net = two(deduplication);
        let north = net.add_producer(1, "p", "t");
        in_the(&mut net, SOUTH);
        let reader = net.add_consumer(2, "t", "s", from_the_start(), Program::Acknowledges);
        net.run(ms(200));
        for id in 1..=120 {
            net.send(north, vec![record(id)]);
            net.run(ms(1));
            if id % 40 == 0 {
                net.crash(broker(NORTH));
                net.run(ms(10));
                net.start(broker(NORTH));
                net.run(ms(1_000));
            }
        }
        net.run(ms(2_000));
        assert_eq!(net.pending(north), 0);
        let seen = net.ids(reader);
        let distinct: BTreeSet<u64> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), 120, "{seen:?}");
        let known = |(node, fact): &&(NodeId, PulsarEvent)| {
            *node == broker(SOUTH) && matches!(fact, PulsarEvent::Known { .. })
        };
        if deduplication {
            assert_eq!(seen, (1..=120).collect::<Vec<u64>>(), "once, and in order");
            assert!(net.facts.iter().any(|fact| known(&fact)), "some came twice");
        } else {
            assert!(seen.len() > 120, "some were stored twice");
        }
    }
}

/// A message that just fits a batch, and with one header more does not: its own cluster has it, the other never will, and the
/// replicator says so and goes on.
#[test]
fn what_is_too_large_with_one_header_more_stays_in_its_cluster_and_that_is_said() {
    let mut net = two(false);
    let north = net.add_producer(1, "p", "t");
    let here = net.add_consumer(1, "t", "s", from_the_start(), Program::Acknowledges);
    in_the(&mut net, SOUTH);
    let there = net.add_consumer(2, "t", "s", from_the_start(), Program::Acknowledges);
    net.run(ms(200));
    let room = |bytes: usize| BATCH_BYTES_MAX - 300 + bytes;
    let fits = |bytes: usize| {
        let value = Some(vec![b'x'; room(bytes)].into());
        let large = NewRecord { value, ..NewRecord::default() }.with_id(MessageId(2));
        // As its producer sends it: with its name and its sequence.
        let mut sent = large.clone();
        sent.headers.push(PRODUCER_HEADER.as_bytes(), Some(b"p"));
        sent.headers.push(SEQUENCE_HEADER.as_bytes(), Some(&[0; 8]));
        BatchBuilder::new().push(&sent).is_ok().then_some(large)
    };
    let largest = (0..300).rev().find_map(fits).expect("one of them fits");
    net.send(north, vec![record(1)]);
    net.send(north, vec![largest]);
    net.send(north, vec![record(3)]);
    net.run(ms(500));
    assert_eq!((net.ids(here), net.ids(there)), (vec![1, 2, 3], vec![1, 3]));
    let said = |(node, fact): &&(NodeId, PulsarEvent)| {
        let it = matches!(fact, PulsarEvent::TooLarge { messages, .. } if *messages == [MessageId(2)]);
        *node == broker(NORTH) && it
    };
    assert_eq!(net.facts.iter().filter(said).count(), 1);
    assert_eq!(net.backlog(broker(NORTH), "pulsar.repl.south"), 0);
}
