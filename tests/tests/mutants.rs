//! Does the judge bite? An engine with one deliberate fault, run under many seeds: a promise that the fault breaks is found
//! broken, and the engine without it keeps every promise under the same seeds.

use std::collections::BTreeSet;

use mqlab_core::broker::Mutant;
use mqlab_core::observe::Promise;
use mqlab_core::sim::swarm::{Deaths, SURVIVED, Trial, numbered, with_faults};
use mqlab_core::sim::{Scenario, shrink};

/// Under so many seeds each fault is found. (They are found under 0 to 40.)
const SEEDS: u64 = 100;

/// Every deliberate fault, and the promises that it is known by.
const MUTANTS: [(Mutant, &[Promise]); 5] = [
    (Mutant::HastyWatermark, &[Promise::NotLost, Promise::ReadStays]),
    (Mutant::ElectsAnyone, &[Promise::NotLost, Promise::ReadStays]),
    (Mutant::ForgetsSequences, &[Promise::StoredOnce]),
    (Mutant::CommitsBeforeWork, &[Promise::AtLeastOnce]),
    (Mutant::CutsAtWatermark, &[Promise::NotLost, Promise::ReadStays]),
];

/// Idempotent producers, acks=all, two of three in sync, flushes: what such settings promise, under faults that they
/// survive.
fn scenario(seed: u64, mutant: Option<Mutant>) -> Scenario {
    let deaths = numbered(seed, Deaths::PowerCuts, true);
    let mut scenario = if seed.is_multiple_of(2) { deaths } else { with_faults(deaths, &SURVIVED) };
    scenario.settings.mutant = mutant;
    scenario
}

/// The promises that were broken.
fn broken(scenario: &Scenario, seed: u64) -> BTreeSet<Promise> {
    let trial = Trial::of(scenario, seed).expect("the swarm draws what can be run");
    trial.broken().map(|judged| judged.promised.promise).collect()
}

#[test]
fn every_deliberate_fault_is_found() {
    for (mutant, promises) in MUTANTS {
        let finds = |seed: &u64| {
            let broken = broken(&scenario(*seed, Some(mutant)), *seed);
            promises.iter().any(|promise| broken.contains(promise))
        };
        assert!((0..SEEDS).any(|seed| finds(&seed)), "{mutant:?} is found under none of {SEEDS} seeds");
    }
}

#[test]
fn without_a_fault_every_promise_is_kept_under_the_same_seeds() {
    let mut made = 0;
    for seed in 0..SEEDS {
        let trial = Trial::of(&scenario(seed, None), seed).expect("the swarm draws what can be run");
        made += trial.judged.len();
        let broken: Vec<_> = trial.broken().collect();
        assert!(broken.is_empty(), "seed {seed}: {broken:?}");
    }
    assert!(made > 500, "{made} promises under {SEEDS} seeds");
}

/// A teller that aborts some of its transactions, and a bank that reads what is committed.
#[test]
fn a_reader_that_ignores_markers_is_found() {
    let json = r#"{ "format": 1, "name": "markers", "seed": 1, "ends_at": 1500000, "brokers": 3, "latency": [300, 2500],
        "topics": [{ "name": "moves", "partitions": 2, "replicas": 3, "min_in_sync": 2 }],
        "producers": [{ "name": "teller", "to": { "topic": { "name": "moves", "acks": "all" } }, "starts_at": 50000,
            "messages": 30, "every": 8000, "keys": 4,
            "transactional": { "id": "teller", "messages": 3, "timeout": 150000, "aborts_per_mille": 300 } }],
        "consumers": [{ "name": "bank", "from": { "group": { "name": "bank", "topic": "moves",
            "options": { "isolation": "committed" } } }, "work": 500 }] }"#;
    let dirty = |mutant, seed| breaks(json, mutant, seed, Promise::OnlyCommitted);
    assert!((0..SEEDS).all(|seed| !dirty(None, seed)));
    let found = (0..SEEDS).filter(|&seed| dirty(Some(Mutant::IgnoresMarkers), seed)).count();
    assert!(found > 20, "found under {found} of {SEEDS} seeds");
}

/// Two who share a topic, and the broker that keeps their account dies: the next one must know what is done.
#[test]
fn a_leader_that_forgets_what_a_share_group_has_done_is_found() {
    let json = r#"{ "format": 1, "name": "shares", "seed": 1, "ends_at": 3000000, "brokers": 3, "latency": [300, 2500],
        "topics": [{ "name": "orders", "partitions": 1, "replicas": 3, "min_in_sync": 2 }],
        "producers": [{ "name": "shop", "to": { "topic": { "name": "orders", "acks": "all" } }, "messages": 40,
            "every": 5000, "options": { "idempotent": true } }],
        "consumers": [
            { "name": "anna", "from": { "share": { "name": "packing", "topic": "orders" } }, "work": 2000 },
            { "name": "ben", "from": { "share": { "name": "packing", "topic": "orders" } }, "work": 3000 }],
        "actions": [{ "at": 130000, "command": { "crash": "broker-1" } },
            { "at": 400000, "command": { "restart": "broker-1" } }] }"#;
    let doubles = |mutant, seed| breaks(json, mutant, seed, Promise::WithOneAtATime);
    assert!((0..SEEDS / 4).all(|seed| !doubles(None, seed)));
    let found = (0..SEEDS / 4).filter(|&seed| doubles(Some(Mutant::ForgetsAccounts), seed)).count();
    assert!(found > 10, "found under {found} of {} seeds", SEEDS / 4);
}

/// Whether a scenario, which makes a promise, breaks it and no other.
fn breaks(json: &str, mutant: Option<Mutant>, seed: u64, promise: Promise) -> bool {
    let mut scenario = Scenario::from_json(json).expect("it is sound");
    scenario.settings.mutant = mutant;
    let trial = Trial::of(&scenario, seed).expect("it can be run");
    assert!(trial.judged.iter().any(|judged| judged.promised.promise == promise), "seed {seed}");
    let broken: BTreeSet<Promise> = trial.broken().map(|judged| judged.promised.promise).collect();
    assert!(mutant.is_some() || broken.is_empty(), "seed {seed}: {broken:?}");
    broken.contains(&promise)
}

#[test]
fn what_is_found_is_made_small_and_goes_into_a_file_and_a_link() {
    let forgets = Some(Mutant::ForgetsSequences);
    let fails = |scenario: &Scenario| broken(scenario, scenario.seed).contains(&Promise::StoredOnce);
    let seed = (0..SEEDS).find(|&seed| fails(&scenario(seed, forgets))).expect("it is found");
    let small = shrink(&scenario(seed, forgets), seed, 2_000, fails).scenario;
    assert!(fails(&small) && small.actions.len() <= 2 && small.producers.len() == 1, "{}", small.to_json());
    let messages = small.producers[0].messages;
    assert!(messages <= 20, "{messages} messages");
    assert_eq!(Scenario::from_json(&small.to_json()).as_ref(), Ok(&small));
    assert_eq!(Scenario::unpack(&small.pack()).as_ref(), Ok(&small));
    // It is the engine's fault: without it the same run keeps its promises.
    let mut sound = small;
    sound.settings.mutant = None;
    assert!(broken(&sound, sound.seed).is_empty());
}
