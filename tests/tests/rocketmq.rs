//! RocketMQ in the lab: hundreds of clusters that nobody thought of, each judged by what it promises; and weak settings, which
//! must lose something sometimes.
//!
//! `SWARM_RUNS=n` makes n runs. A failing seed is printed; `SWARM_SEED=n cargo test -p mqlab-tests --test rocketmq` runs it alone.

use std::collections::BTreeMap;

use mqlab_core::observe::{Event, Promise, PromiseJudge, QueueEvent, RocketmqEvent, SendStatus};
use mqlab_core::sim::swarm::rocketmq;
use mqlab_core::sim::{FaultKind, Scenario, SystemSpec, Timeline};
use mqlab_core::systems::rocketmq::broker::Flush;

/// How many runs each test makes.
const RUNS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

fn seeds() -> std::ops::Range<u64> {
    match number("SWARM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SWARM_RUNS").unwrap_or(RUNS),
    }
}

fn run(scenario: Scenario) -> (Timeline, PromiseJudge) {
    let seed = scenario.seed;
    let mut timeline = Timeline::new(scenario, seed).expect("the swarm makes sound scenarios");
    timeline.advance(timeline.ends_at());
    let mut judge = PromiseJudge::default();
    timeline.events().iter().for_each(|fact| judge.observe(fact));
    (timeline, judge)
}

/// Every promise that a drawn cluster makes is kept, and what only RocketMQ has is met on the way.
#[test]
fn what_is_promised_is_kept() {
    let mut made: BTreeMap<Promise, u32> = BTreeMap::new();
    let mut met: BTreeMap<&'static str, u32> = BTreeMap::new();
    let mut broken = Vec::new();
    for seed in seeds() {
        let scenario = rocketmq(seed);
        let promised = scenario.promises(seed);
        let (timeline, judge) = run(scenario);
        promised.iter().for_each(|promised| *made.entry(promised.promise).or_default() += 1);
        for judged in judge.judge(&promised, timeline.verdict()) {
            if !judged.is_kept() {
                broken.push(format!("seed {seed}: {}: {:?}", judged.promised, judged.broken_by));
            }
        }
        for fact in timeline.events() {
            let what = match &fact.event {
                Event::Rocketmq(event) => match event {
                    RocketmqEvent::LessSafe { status: SendStatus::FlushSlaveTimeout, .. } => "slave too late",
                    RocketmqEvent::LessSafe { status: SendStatus::SlaveNotAvailable, .. } => "no slave",
                    RocketmqEvent::Delayed { .. } => "delayed",
                    RocketmqEvent::SentBack { .. } => "sent back",
                    RocketmqEvent::Locked { .. } => "locked",
                    RocketmqEvent::LockRefused { .. } => "lock refused",
                    RocketmqEvent::Popped { .. } => "popped",
                    RocketmqEvent::Revived { .. } => "revived",
                    RocketmqEvent::SlaveGone { .. } => "slave gone",
                    RocketmqEvent::Unregistered { .. } => "forgotten by a name server",
                    _ => continue,
                },
                Event::Queue(QueueEvent::CheckedBack { .. }) => "checked back",
                Event::Queue(QueueEvent::GaveUp { .. }) => "given up",
                Event::TailLost { .. } => "tail lost",
                _ => continue,
            };
            *met.entry(what).or_default() += 1;
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    if number("SWARM_SEED").is_none() {
        for promise in
            [Promise::NotLost, Promise::AtLeastOnce, Promise::InOrder, Promise::Answered, Promise::Agrees]
        {
            assert!(made.get(&promise).is_some_and(|times| *times >= 10), "{promise}: {made:?}");
        }
        assert_eq!(met.len(), 13, "{met:?}");
    }
}

/// The same clusters with the weakest setting, and power cuts: had they promised that nothing is lost, they would have been found.
#[test]
fn asynchronous_flush_loses_messages_to_power_cuts_and_promises_nothing() {
    let mut lost = 0;
    for seed in 0..RUNS / 5 {
        let mut scenario = rocketmq(seed);
        let Some(SystemSpec::Rocketmq(spec)) = &mut scenario.system else { panic!("it is RocketMQ's") };
        spec.broker.flush = Flush::Async;
        scenario.faults.as_mut().expect("it draws faults").kinds = vec![FaultKind::PowerCut];
        let promised = scenario.promises(seed);
        let (timeline, judge) = run(scenario);
        for judged in judge.broken(timeline.verdict()) {
            if judged.promised.promise == Promise::NotLost {
                lost += 1;
                assert!(
                    !promised.contains(&judged.promised),
                    "seed {seed}: {} was promised",
                    judged.promised
                );
            }
        }
    }
    assert!(lost > 0, "nothing was ever lost");
}
