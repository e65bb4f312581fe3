//! Thousands of moments, none of them chosen by us: random clusters, loads and faults from a seed, each run
//! judged by the verdict, which does not know the mechanisms.
//!
//! Where the settings promise safety nothing may be lost, ever. Where they do not, something must be lost
//! *sometimes*: a swarm that never finds the loss that is known to be there would not find the others either.
//!
//! `SWARM_RUNS=n` makes n runs of each kind. A failing seed is printed; `SWARM_SEED=n cargo test -p mqlab-tests --test swarm` runs it alone and prints its
//! trace.

use mqlab_core::broker::{Acks, Cleanup, CleanupPolicy};
use mqlab_core::observe::{Event, FaultEvent, ProducerEvent, PullEvent};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::sim::swarm::{Deaths, SURVIVED, cluster, numbered, queue, with_faults};
use mqlab_core::sim::{FaultKind, Scenario, Timeline};
use mqlab_core::time::Span;
use mqlab_tests::claims::stored_twice;

/// How many runs each test makes.
const RUNS: u64 = 250;

/// The same, with every third topic a table: of each key only the last message stays.
fn sometimes_a_table(mut scenario: Scenario) -> Scenario {
    if !scenario.seed.is_multiple_of(3) {
        return scenario;
    }
    let mut rng = Rng::new(scenario.seed, Stream::Disk);
    scenario.topics[0].cleanup = Cleanup {
        policy: CleanupPolicy::Compact,
        dirty_per_mille: rng.below(900) as u16,
        lag_min: Span::from_millis(rng.below(2) * 40),
        lag_max: (rng.below(2) == 0).then_some(Span::from_millis(rng.between(50, 400))),
        tombstone_retention: Span::from_millis(rng.between(1, 500)),
        segment_bytes: rng.between(1, 2_500),
    };
    for producer in &mut scenario.producers {
        producer.keys = producer.keys.max(3);
        producer.message.tombstone_every = rng.below(8);
    }
    scenario
}

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("the swarm makes sound scenarios");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The seeds to run, and whether to print what happened.
fn seeds() -> (std::ops::Range<u64>, bool) {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse().ok());
    match number("SWARM_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => {
            (0..std::env::var("SWARM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS), false)
        }
    }
}

/// Runs every seed and hands its end to `check`, which says what is wrong.
fn swarm(make: impl Fn(u64) -> Scenario, check: impl Fn(&Timeline) -> Result<(), String>) {
    let (seeds, verbose) = seeds();
    for seed in seeds {
        let timeline = run(make(seed));
        if verbose {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = check(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: SWARM_SEED={seed}");
        }
    }
}

/// Nothing lost, nothing out of order, everything acknowledged delivered in the end.
fn safe(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() {
        return Err(format!("lost {:?}", verdict.lost()));
    }
    if !verdict.reordered().is_empty() {
        return Err(format!("out of order {:?}", verdict.reordered()));
    }
    let stuck: Vec<_> = verdict.waiting().collect();
    if !stuck.is_empty() {
        return Err(format!("acknowledged and not delivered by the end: {stuck:?}"));
    }
    Ok(())
}

/// Nothing lost, and everything acknowledged delivered in the end. What comes twice on the way may also come out of
/// order: no broker here knows a producer's batch again.
fn kept(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() {
        return Err(format!("lost {:?}", verdict.lost()));
    }
    let stuck: Vec<_> = verdict.waiting().collect();
    if !stuck.is_empty() {
        return Err(format!("acknowledged and not delivered by the end: {stuck:?}"));
    }
    Ok(())
}

#[test]
fn acks_all_loses_nothing_when_processes_die() {
    swarm(|seed| cluster(seed, Acks::All, Deaths::Crashes, false), safe);
}

#[test]
fn acks_all_with_flush_loses_nothing_when_the_power_goes() {
    swarm(|seed| cluster(seed, Acks::All, Deaths::PowerCuts, true), safe);
}

#[test]
fn acks_all_with_flush_loses_nothing_whatever_the_network_and_the_nodes_suffer() {
    let make = |seed| with_faults(cluster(seed, Acks::All, Deaths::Crashes, true), &SURVIVED);
    swarm(|seed| sometimes_a_table(make(seed)), kept);
}

#[test]
fn a_queue_that_flushes_loses_nothing_whatever_the_network_and_the_nodes_suffer() {
    swarm(|seed| with_faults(queue(seed), &SURVIVED), kept);
}

/// What must have happened in some run: a swarm in which nothing goes wrong proves nothing.
#[test]
fn what_is_drawn_does_happen() {
    let mut seen = std::collections::BTreeMap::new();
    let mut note = |what: &'static str, holds: bool| *seen.entry(what).or_insert(0) += u32::from(holds);
    for seed in 0..RUNS {
        let scenario = with_faults(cluster(seed, Acks::All, Deaths::Crashes, true), &SURVIVED);
        let timeline = run(sometimes_a_table(scenario));
        let mut elected = 0;
        for fact in timeline.events() {
            elected += u32::from(matches!(fact.event, Event::Elected { leader: Some(_), .. }));
            note(
                "truncated",
                matches!(&fact.event, Event::Truncated { messages, .. } if !messages.is_empty()),
            );
            note("compacted", matches!(&fact.event, Event::Pull(PullEvent::Compacted { .. })));
            let Event::Fault(fault) = &fact.event else { continue };
            note("thawed with something to do", matches!(fault, FaultEvent::Thawed { waited: 1.. }));
            note("lost on the way", matches!(fault, FaultEvent::Lost { .. }));
            note("doubled on the way", matches!(fault, FaultEvent::Doubled { .. }));
            note("held up on the way", matches!(fault, FaultEvent::HeldUp { .. }));
            note("a connection broke", matches!(fault, FaultEvent::Broke { .. }));
            note("no space", matches!(fault, FaultEvent::NoSpace));
        }
        note("elected again", elected > 2 * timeline.scenario().topics[0].partitions);
        note("doubled", !timeline.verdict().doubled().is_empty());
        note("superseded before it was read", timeline.verdict().superseded().next().is_some());
    }
    let never: Vec<_> = seen.iter().filter(|(_, times)| **times == 0).collect();
    assert!(never.is_empty() && seen.len() == 11, "never in {RUNS} runs: {never:?} of {seen:?}");
}

#[test]
fn disks_that_lie_lose_sometimes_and_only_with_power_cuts() {
    let lying = |kinds: &[FaultKind]| -> usize {
        let lossy = (0..RUNS).filter(|&seed| {
            let timeline = run(with_faults(queue(seed), kinds));
            !timeline.verdict().lost().is_empty()
        });
        lossy.count()
    };
    assert_eq!(lying(&[FaultKind::LyingDisk, FaultKind::Crash]), 0);
    assert!(lying(&[FaultKind::LyingDisk, FaultKind::PowerCut]) > 0, "the judge is blind");
}

#[test]
fn a_queue_that_flushes_loses_nothing() {
    swarm(queue, safe);
}

#[test]
fn acks_1_loses_sometimes() {
    let lossy = (0..RUNS).filter(|&seed| {
        let timeline = run(cluster(seed, Acks::Leader, Deaths::Crashes, false));
        !timeline.verdict().lost().is_empty()
    });
    assert!(
        lossy.count() > 0,
        "acks=1 and crashing leaders, and nothing lost in {RUNS} runs: the judge is blind"
    );
}

#[test]
fn every_run_doubles_only_what_at_least_once_permits() {
    // Without faults nothing is sent twice, so nothing may be processed twice.
    swarm(
        |seed| Scenario { actions: Vec::new(), ..cluster(seed, Acks::All, Deaths::Crashes, false) },
        |timeline| {
            safe(timeline)?;
            let doubled = timeline.verdict().doubled();
            if doubled.is_empty() {
                Ok(())
            } else {
                Err(format!("doubled {doubled:?} though nothing failed"))
            }
        },
    );
}

#[test]
fn one_new_disk_loses_nothing_and_several_do_sometimes() {
    let losses = |faults: (u32, u32)| {
        let lossy = (0..RUNS).filter(|&seed| {
            let mut scenario =
                with_faults(cluster(seed, Acks::All, Deaths::Crashes, true), &[FaultKind::NewDisk]);
            scenario.faults.iter_mut().for_each(|plan| plan.faults = faults);
            !run(scenario).verdict().lost().is_empty()
        });
        lossy.count()
    };
    assert_eq!(losses((1, 1)), 0, "the others have everything");
    assert!(losses((3, 12)) > 0, "the last that was in sync lost its disk in no run: the judge is blind");
}

#[test]
fn with_idempotent_producers_nothing_is_lost_and_nothing_stored_twice() {
    for kind in [Deaths::Crashes, Deaths::PowerCuts] {
        swarm(
            |seed| numbered(seed, kind, true),
            |timeline| {
                safe(timeline)?;
                let ids = timeline.events().iter().filter_map(|stamped| match &stamped.event {
                    Event::Producer(ProducerEvent::Identified { id, .. }) => Some(*id),
                    _ => None,
                });
                let mut given = std::collections::BTreeSet::new();
                if let Some(twice) = ids.into_iter().find(|id| !given.insert(*id)) {
                    return Err(format!("two producers are {twice}"));
                }
                match stored_twice(timeline) {
                    none if none.is_empty() => Ok(()),
                    twice => Err(format!("stored twice: {twice:?}")),
                }
            },
        );
    }
}

#[test]
fn with_idempotent_producers_nothing_is_stored_twice_whatever_the_network_and_the_nodes_suffer() {
    swarm(
        |seed| with_faults(numbered(seed, Deaths::Crashes, true), &SURVIVED),
        |timeline| {
            let verdict = timeline.verdict();
            let waiting: Vec<_> = verdict.waiting().collect();
            if !verdict.lost().is_empty() || !waiting.is_empty() {
                return Err(format!("lost {:?}, waiting {waiting:?}", verdict.lost()));
            }
            match stored_twice(timeline) {
                none if none.is_empty() => Ok(()),
                twice => Err(format!("stored twice: {twice:?}")),
            }
        },
    );
}

#[test]
fn without_numbers_the_same_faults_store_some_twice() {
    let (mut doubled, mut recognised) = (0, 0);
    for seed in 0..RUNS / 2 {
        doubled += usize::from(!stored_twice(&run(numbered(seed, Deaths::PowerCuts, false))).is_empty());
        let timeline = run(numbered(seed, Deaths::PowerCuts, true));
        let knows = |event: &Event| matches!(event, Event::Producer(ProducerEvent::Recognised { .. }));
        recognised += usize::from(timeline.events().iter().any(|stamped| knows(&stamped.event)));
    }
    assert!(doubled > 10 && recognised > 10, "stored twice in {doubled} runs, recognised in {recognised}");
}
