//! Does Pulsar keep what it promises, whatever dies, is slow, or comes back from the dead? Drawn clusters say so, and each
//! story of its scenarios is held against several seeds.
//!
//! `PULSAR_RUNS=n` draws so many clusters; `PULSAR_SEED=n` draws that one alone, and prints what happened.

use std::collections::BTreeSet;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Promise;
use mqlab_core::sim::swarm::{SOMETIMES_IN_PULSAR, Trial, pulsar};
use mqlab_core::sim::{Action, Command, Scenario, SystemSpec, Timeline};
use mqlab_core::systems::pulsar::ledger::Quorums;
use mqlab_core::time::Time;

/// How many clusters are drawn, unless `PULSAR_RUNS` says otherwise.
const RUNS: u64 = 1_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn trace(scenario: &Scenario, seed: u64) {
    let mut timeline = Timeline::new(scenario.clone(), seed).expect("it can be run");
    timeline.advance(timeline.ends_at());
    println!("{}", scenario.to_json());
    timeline.events().iter().for_each(|fact| println!("{fact}"));
}

#[test]
fn drawn_clusters_keep_their_promises() {
    let only = number("PULSAR_SEED");
    let seeds = only.map_or(0..number("PULSAR_RUNS").unwrap_or(RUNS), |seed| seed..seed + 1);
    let (mut met, mut made, mut broken) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for seed in seeds {
        let scenario = pulsar(seed);
        if only.is_some() {
            trace(&scenario, seed);
        }
        let trial = Trial::of(&scenario, seed).expect("the swarm makes sound scenarios");
        made.extend(trial.judged.iter().map(|judged| judged.promised.promise));
        met.extend(trial.met.iter().copied());
        broken.extend(
            trial.broken().map(|judged| format!("seed {seed}: {}: {:?}", judged.promised, judged.broken_by)),
        );
    }
    assert!(broken.is_empty(), "{broken:#?}\na run alone: PULSAR_SEED=n");
    if only.is_none() {
        let never: Vec<_> = SOMETIMES_IN_PULSAR.iter().filter(|what| !met.contains(**what)).collect();
        assert!(never.is_empty(), "never met: {never:?}");
        for promise in
            [Promise::NotLost, Promise::StoredOnce, Promise::InOrder, Promise::Answered, Promise::AtLeastOnce]
        {
            assert!(made.contains(&promise), "never promised: {promise}");
        }
    }
}

/// Whoever weakens what holds it must be found out: bookies that answer before their disks have it, and two that go dark.
#[test]
fn what_bookies_have_not_flushed_goes_with_the_power() {
    let (mut lost, mut promised) = (0, 0);
    let is_alone = |scenario: &Scenario| matches!(&scenario.system, Some(SystemSpec::Pulsar(spec)) if spec.geo.is_none() && spec.offload.is_none());
    let drawn = (0..).map(|seed| (seed, pulsar(seed))).filter(|(_, scenario)| is_alone(scenario));
    for (seed, mut scenario) in drawn.take(20) {
        scenario.faults = None;
        let Some(SystemSpec::Pulsar(spec)) = &mut scenario.system else { panic!("it is Pulsar") };
        (spec.journal_sync, spec.bookies) = (false, 2);
        spec.quorums = Quorums { ensemble: 2, write: 2, ack: 2 };
        (spec.time_to_live, spec.backlog_quota) = (None, None);
        // Both bookies go dark at once; then the brokers forget what they have at hand.
        let bookies = [NodeId::Bookie(1), NodeId::Bookie(2)].map(|node| {
            let cut = Action { at: Time(300_000), command: Command::CutPower(node) };
            [cut, Action { at: Time(400_000), command: Command::Restart(node) }]
        });
        let brokers = (1..=scenario.brokers).map(NodeId::Broker).map(|node| {
            let crash = Action { at: Time(500_000), command: Command::Crash(node) };
            [crash, Action { at: Time(600_000), command: Command::Restart(node) }]
        });
        scenario.actions = bookies.into_iter().chain(brokers).flatten().collect();
        scenario.actions.sort_by_key(|action| action.at);
        scenario.consumers.iter_mut().for_each(|reads| reads.starts_at = 1_000_000);
        let trial = Trial::of(&scenario, seed).expect("it can be run");
        lost += u64::from(trial.met.contains("acknowledged and lost"));
        promised += trial.judged.iter().filter(|judged| judged.promised.promise == Promise::NotLost).count();
        assert_eq!(trial.broken().count(), 0, "seed {seed}");
    }
    assert!(lost > 10, "only {lost} of 20 runs lost something");
    assert_eq!(promised, 0, "what is not flushed is not promised");
}
