//! Programs that read, write and commit in one transaction: what the three stories about them say, under many seeds.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, TxnEvent};
use mqlab_core::sim::Scenario;
use mqlab_tests::claims::{all, ended, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 40;

#[test]
fn every_order_has_one_bill_though_the_program_dies() {
    for seed in 0..SEEDS {
        let timeline = story("exactly-once", seed);
        let verdict = timeline.verdict();
        assert!(verdict.is_clean(), "seed {seed}: {verdict:?}");
        assert_eq!(
            (verdict.delivered(), verdict.on_their_way()),
            (72, 0),
            "seed {seed}: 36 orders and bills"
        );
    }
}

#[test]
fn without_transactions_a_zombie_doubles() {
    let doubles = (0..SEEDS).filter(|&seed| {
        let timeline = story("zombie-doubles", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}");
        assert_eq!(verdict.delivered(), 60, "seed {seed}");
        !verdict.doubled().is_empty()
    });
    assert!(doubles.count() as u64 > SEEDS / 2);
}

#[test]
fn a_zombie_in_a_transaction_is_fenced() {
    let fenced = |event: &Event| matches!(event, Event::Txn(TxnEvent::Fenced { .. })).then_some(());
    let mut found = 0;
    for seed in 0..SEEDS {
        let timeline = story("zombie-fenced", seed);
        let verdict = timeline.verdict();
        assert!(verdict.is_clean(), "seed {seed}: {verdict:?}");
        assert_eq!((verdict.delivered(), verdict.on_their_way()), (60, 0), "seed {seed}");
        let fenced = all(&timeline, fenced);
        found += usize::from(!fenced.is_empty());
        for (at, node, ()) in fenced {
            assert!(at.0 > 560_000 && node == NodeId::Consumer(1), "seed {seed}: {node} at {at}");
        }
    }
    assert!(found as u64 > SEEDS * 3 / 4, "fenced in {found} of {SEEDS} runs");
}

/// Its messages linger, and nothing else wakes it: it must come back by itself to ask for its partition.
#[test]
fn a_transactional_producer_that_lingers_goes_on_by_itself() {
    let json = r#"{ "format": 1, "name": "lingers", "seed": 1, "ends_at": 1000000, "brokers": 1, "latency": [300, 900],
        "topics": [{ "name": "moves", "partitions": 2, "replicas": 1, "min_in_sync": 1 }],
        "producers": [{ "name": "teller", "to": { "topic": { "name": "moves", "acks": "all" } }, "messages": 2,
            "every": 1, "keys": 2, "options": { "linger": 3000 }, "transactional": { "id": "teller", "messages": 2 } }],
        "consumers": [{ "name": "bank", "from": { "group": { "name": "bank", "topic": "moves" } }, "work": 500 }] }"#;
    for seed in 0..SEEDS {
        let scenario = Scenario::from_json(json).expect("it is sound");
        let timeline = ended(scenario, seed);
        let verdict = timeline.verdict();
        assert_eq!((verdict.acknowledged(), verdict.delivered()), (2, 2), "seed {seed}");
    }
}
