//! Does the judge bite? An engine with one deliberate fault, run under many seeds: the promise that the fault breaks is
//! found broken, and the engine without it keeps every promise under the same seeds.

use mqlab_core::broker::Mutant;
use mqlab_core::observe::Promise;
use mqlab_core::sim::swarm::{Deaths, SURVIVED, numbered, with_faults};
use mqlab_core::sim::{Scenario, judge};

fn scenario(seed: u64, mutant: Option<Mutant>) -> Scenario {
    let deaths = numbered(seed, Deaths::PowerCuts, true);
    let mut scenario = if seed.is_multiple_of(2) { deaths } else { with_faults(deaths, &SURVIVED) };
    scenario.settings.mutant = mutant;
    scenario
}

/// The promises that were broken.
fn broken(seed: u64, mutant: Option<Mutant>) -> Vec<Promise> {
    let judged = judge(&scenario(seed, mutant), seed).expect("the swarm makes sound scenarios");
    judged.into_iter().filter(|judged| !judged.is_kept()).map(|judged| judged.promised.promise).collect()
}

#[test]
fn probe() {
    for mutant in [
        Mutant::HastyWatermark,
        Mutant::ElectsAnyone,
        Mutant::ForgetsSequences,
        Mutant::CommitsBeforeWork,
        Mutant::CutsAtWatermark,
    ] {
        let mut found = std::collections::BTreeMap::<Promise, Vec<u64>>::new();
        for seed in 0..400 {
            for promise in broken(seed, Some(mutant)) {
                found.entry(promise).or_default().push(seed);
            }
        }
        for (promise, seeds) in found {
            println!("{mutant:?} {promise:?} {} {:?}", seeds.len(), &seeds[..seeds.len().min(6)]);
        }
    }
}
