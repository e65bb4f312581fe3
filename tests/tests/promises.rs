//! Every run of the swarm keeps what its settings promise; and what they do not promise is broken sometimes.

use std::collections::BTreeMap;

use mqlab_core::observe::{Promise, PromiseJudge};
use mqlab_core::sim::World;
use mqlab_core::sim::swarm::anything;

fn probe(from: u64, to: u64) {
    let mut made: BTreeMap<Promise, u64> = BTreeMap::new();
    let mut wrong: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut sometimes: BTreeMap<(String, Promise), Vec<u64>> = BTreeMap::new();
    for seed in from..to {
        let scenario = anything(seed);
        let promised = scenario.promises(seed);
        let ends = scenario.ends_at;
        let name = scenario.name.clone();
        let mut world = World::new(scenario, seed).expect("sound");
        let mut judge = PromiseJudge::default();
        while world.next_time().is_some_and(|at| at <= ends) {
            world.step().into_iter().flatten().for_each(|fact| judge.observe(&fact));
        }
        for judged in judge.judge(&promised, world.verdict()) {
            *made.entry(judged.promised.promise).or_default() += 1;
            if !judged.is_kept() {
                wrong.entry(format!("{name} {:?}", judged.promised.promise)).or_default().push(seed);
            }
        }
        for judged in judge.broken(world.verdict()) {
            sometimes.entry((name.clone(), judged.promised.promise)).or_default().push(seed);
        }
    }
    println!("made {made:?}");
    for (what, seeds) in wrong {
        println!("WRONG {what}: {} {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
    for (what, seeds) in sometimes {
        println!("sometimes {what:?}: {} {:?}", seeds.len(), &seeds[..seeds.len().min(4)]);
    }
}

#[test]
fn probing() {
    let runs = std::env::var("RUNS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    probe(0, runs);
}
