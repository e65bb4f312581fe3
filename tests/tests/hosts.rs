//! One broker with everything at once: random queues, exchanges, limits, programs that fail, hand on and answer, and
//! nodes that die; each run judged by the verdict, which knows no mechanism.
//!
//! A failing seed is printed; `HOSTS_SEED=n cargo test -p mqlab-tests --test hosts` runs it alone and prints its trace.
//! `HOSTS_RUNS=n` draws so many systems, from that seed on if both are given.

use std::collections::BTreeMap;

use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::swarm::{HOST_CALM, host};
use mqlab_core::sim::{Command, FaultKind, FaultPlan, Scenario, Timeline};
use mqlab_core::time::Time;

/// How many systems are drawn, unless `HOSTS_RUNS` says otherwise.
const RUNS: u64 = 300;

fn run(scenario: Scenario) -> Timeline {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("the systems that are drawn are sound");
    timeline.advance(timeline.ends_at());
    timeline
}

/// What is wrong with a run in which the broker flushes before it answers, and nobody acknowledges too soon.
fn wrong(timeline: &Timeline) -> Result<(), String> {
    let verdict = timeline.verdict();
    if !verdict.lost().is_empty() {
        return Err(format!("lost {:?}", verdict.lost()));
    }
    let waiting: Vec<_> = verdict.waiting().collect();
    if !waiting.is_empty() {
        return Err(format!("acknowledged, and still waiting at the end: {waiting:?}"));
    }
    if !verdict.given_up().is_empty() {
        return Err(format!("refused for good: {:?}", verdict.given_up()));
    }
    let calm = timeline.scenario().faults.is_none()
        && timeline.scenario().actions.iter().all(|action| matches!(action.command, Command::Restart(_)));
    let failing = timeline.scenario().consumers.iter().any(|consumer| {
        let onward = consumer.program.onward.as_ref();
        consumer.program.fails_per_mille > 0 || onward.is_some_and(|onward| onward.breaks_per_mille > 0)
    });
    // What one of several queues refuses is sent to all of them again, and two copies may die into one queue.
    let again = timeline.events().iter().any(|stamped| {
        matches!(stamped.event, Event::NotStored { .. } | Event::Queue(QueueEvent::Died { .. }))
    });
    if calm && !failing && !again && !verdict.doubled().is_empty() {
        return Err(format!("doubled, and nothing failed: {:?}", verdict.doubled()));
    }
    Ok(())
}

#[test]
fn whatever_stands_on_a_broker_nothing_is_lost_and_everything_ends() {
    let told = |what| std::env::var(what).ok().and_then(|number| number.parse::<u64>().ok());
    let first = told("HOSTS_SEED");
    let runs = told("HOSTS_RUNS").unwrap_or(if first.is_some() { 1 } else { RUNS });
    let traced = first.is_some() && runs == 1;
    let seeds = first.unwrap_or(0)..first.unwrap_or(0) + runs;
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    // 965: a refused commit made an empty queue look full for ever. 4295: a queue that was full before a restart did not
    // say when it had room. 15539: a transaction begun before a new subscription took in what was said of its deliveries.
    // 45411: what was delivered to a consumer's earlier life was taken for its own.
    let found = [965, 4295, 15_539, 45_411].into_iter().filter(|_| first.is_none());
    for seed in seeds.chain(found) {
        let timeline = run(host(seed));
        if traced {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = wrong(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: HOSTS_SEED={seed}");
        }
        for stamped in timeline.events() {
            let what = match &stamped.event {
                Event::Requeued { .. } => "came back to a queue",
                Event::Queue(QueueEvent::Died { .. }) => "died in a queue",
                Event::Queue(QueueEvent::Blocked { .. }) => "an alarm",
                Event::Queue(QueueEvent::Answered { .. }) => "an answer in time",
                Event::Queue(QueueEvent::AnswerLate { .. }) => "an answer too late",
                Event::Queue(QueueEvent::GaveUpWaiting { .. }) => "nobody answered in time",
                Event::Queue(QueueEvent::Returned { .. }) => "came back to its producer",
                Event::Queue(QueueEvent::TransactionCommitted { .. }) => "a transaction committed",
                Event::Queue(QueueEvent::TransactionRolledBack { .. }) => "a transaction rolled back",
                Event::Queue(QueueEvent::Failed { .. }) => "a program failed",
                Event::Queue(QueueEvent::Recognised { .. }) => "a duplicate recognised",
                Event::NotStored { .. } => "a producer tried again",
                _ => continue,
            };
            *met.entry(what).or_default() += 1;
        }
        for (what, found) in [
            ("doubled", !timeline.verdict().doubled().is_empty()),
            ("dropped", !timeline.verdict().dropped().is_empty()),
        ] {
            *met.entry(what).or_default() += u64::from(found);
        }
    }
    // A swarm that never meets what it is made for proves nothing.
    assert!(first.is_some() || (met.len() == 14 && met.values().all(|&times| times > 10)), "{met:?}");
}

/// What queues survive when they are flushed: everything but the loss of disks. (What comes twice or late on the way is
/// not theirs: they are spoken with in sessions.)
const SURVIVED: [FaultKind; 8] = [
    FaultKind::Crash,
    FaultKind::PowerCut,
    FaultKind::Freeze,
    FaultKind::Cut,
    FaultKind::SlowLink,
    FaultKind::Loss,
    FaultKind::Skew,
    FaultKind::FullDisk,
];

#[test]
fn whatever_the_network_and_the_nodes_suffer_nothing_is_lost_and_everything_ends() {
    let told = |what| std::env::var(what).ok().and_then(|number| number.parse::<u64>().ok());
    let first = told("HOSTS_FAULTS_SEED");
    let runs = told("HOSTS_RUNS").unwrap_or(if first.is_some() { 1 } else { RUNS });
    for seed in first.unwrap_or(0)..first.unwrap_or(0) + runs {
        let plan = FaultPlan { kinds: SURVIVED.into(), from: Time(20_000), until: HOST_CALM, faults: (1, 8) };
        let timeline = run(Scenario { actions: Vec::new(), faults: Some(plan), ..host(seed) });
        if first.is_some() && runs == 1 {
            timeline.events().iter().for_each(|stamped| println!("{stamped}"));
        }
        if let Err(wrong) = wrong(&timeline) {
            panic!("seed {seed}: {wrong}\nthe run: HOSTS_FAULTS_SEED={seed}");
        }
    }
}
