//! ActiveMQ under thousands of moments that nobody chose: what it promises for what was drawn, it keeps.
//!
//! `SWARM_RUNS=n` makes n runs; a failing seed is printed, and `SWARM_SEED=n` runs it alone and prints its trace.

use mqlab_core::observe::{ActivemqEvent, Event, Promise};
use mqlab_core::sim::swarm::{Trial, activemq};
use mqlab_core::sim::{Scenario, SystemSpec, Timeline};
use mqlab_core::systems::activemq::JournalSync;

/// How many runs the test makes.
const RUNS: u64 = 300;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    match number("SWARM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SWARM_RUNS").unwrap_or(RUNS),
    }
}

fn run(scenario: &Scenario) -> Timeline {
    let mut timeline =
        Timeline::new(scenario.clone(), scenario.seed).expect("the swarm makes sound scenarios");
    timeline.advance(timeline.ends_at());
    timeline
}

#[test]
fn what_is_promised_is_kept() {
    let (mut promised, mut own) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
    let seeds = seeds();
    let alone = seeds.end - seeds.start == 1;
    for seed in seeds {
        let scenario = activemq(seed);
        let timeline = run(&scenario);
        if alone {
            println!("{}", scenario.to_json());
            timeline.events().iter().for_each(|fact| println!("{fact}"));
        }
        let trial = Trial::of(&scenario, seed).expect("the swarm makes sound scenarios");
        for judged in &trial.judged {
            *promised.entry(judged.promised.promise).or_insert(0) += 1;
            assert!(
                judged.is_kept(),
                "seed {seed}: {} broken by {:?}\nthe run: SWARM_SEED={seed}",
                judged.promised,
                judged.broken_by
            );
        }
        for fact in timeline.events() {
            if let Event::Activemq(event) = &fact.event {
                let kind = match event {
                    ActivemqEvent::Master { .. } => "master",
                    ActivemqEvent::SteppedDown { .. } => "stepped down",
                    ActivemqEvent::LeaseOver { .. } => "lease over",
                    ActivemqEvent::KnownAlready { .. } => "known already",
                    ActivemqEvent::SuppressedDuplicate { .. } => "suppressed",
                    ActivemqEvent::Poison { .. } => "poison",
                    ActivemqEvent::WillRedeliver { .. } => "tried again",
                    _ => "other",
                };
                *own.entry(kind).or_insert(0) += 1;
            }
        }
    }
    if alone || std::env::var("SWARM_RUNS").is_ok() {
        println!("{promised:?}\n{own:?}");
        return;
    }
    for promise in
        [Promise::NotLost, Promise::Answered, Promise::AtLeastOnce, Promise::AtMostOnce, Promise::InOrder]
    {
        assert!(promised.contains_key(&promise), "never promised: {promise}");
    }
    for kind in
        ["master", "stepped down", "lease over", "known already", "suppressed", "poison", "tried again"]
    {
        assert!(own.contains_key(kind), "never met: {kind}");
    }
}

/// The same runs with settings that promise less: what is not promised then is broken sometimes, or the swarm would not
/// find it where it is.
#[test]
fn a_weaker_system_is_found_out() {
    let (mut lost, mut twice) = (0, 0);
    for seed in 0..RUNS {
        let mut weak = activemq(seed);
        let Some(SystemSpec::Activemq(spec)) = &mut weak.system else { panic!("it is ActiveMQ's") };
        spec.journal_sync = JournalSync::Never;
        spec.producer_audit.0 = false;
        let timeline = run(&weak);
        lost += usize::from(!timeline.verdict().lost().is_empty());
        twice += usize::from(!timeline.verdict().doubled().is_empty());
    }
    assert!(lost > 0, "without flushes nothing was ever lost");
    assert!(twice > 0, "without the audit nothing was ever done twice");
}
