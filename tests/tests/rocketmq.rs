//! RocketMQ in the lab: hundreds of clusters that nobody thought of, each judged by what it promises; and weak settings, which
//! must lose something sometimes.
//!
//! `SWARM_RUNS=n` makes n runs. A failing seed is printed; `SWARM_SEED=n cargo test -p mqlab-tests --test rocketmq` runs it alone.

use std::collections::BTreeMap;
use std::path::Path;

use mqlab_core::observe::{Event, Promise, PromiseJudge, QueueEvent, RocketmqEvent, SendStatus};
use mqlab_core::sim::swarm::rocketmq;
use mqlab_core::sim::{
    FaultKind, RocketmqReplication, RocketmqSource, RocketmqSpec, RocketmqTarget, Scenario, SourceSpec,
    SystemSource, SystemSpec, SystemTarget, TargetSpec, Timeline,
};
use mqlab_core::systems::rocketmq::broker::Flush;
use mqlab_core::systems::rocketmq::consumer::Order;
use mqlab_core::time::Time;

/// How many runs each test makes.
const RUNS: u64 = 200;

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
    if seeds().count() as u64 >= RUNS {
        for promise in
            [Promise::NotLost, Promise::AtLeastOnce, Promise::InOrder, Promise::Answered, Promise::Agrees]
        {
            assert!(made.get(&promise).is_some_and(|times| *times >= 3), "{promise}: {made:?}");
        }
        assert_eq!(met.len(), 13, "{met:?}");
    }
}

/// The same clusters with the weakest setting, and power cuts: had they promised that nothing is lost, they would have been found.
#[test]
fn asynchronous_flush_loses_messages_to_power_cuts_and_promises_nothing() {
    let mut lost = 0;
    for seed in 0..RUNS / 4 {
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

/// A row for each rule of `core/src/sim/guests/rocketmq/promised.rs`: a scenario, what is changed in it, and which promise goes with it.
#[test]
fn what_is_promised_follows_from_settings_and_faults() {
    type Change = fn(&mut Scenario);
    fn spec(scenario: &mut Scenario) -> &mut RocketmqSpec {
        match &mut scenario.system {
            Some(SystemSpec::Rocketmq(spec)) => spec,
            _ => panic!("it is RocketMQ's"),
        }
    }
    fn to(scenario: &mut Scenario) -> &mut RocketmqTarget {
        match &mut scenario.producers[0].to {
            TargetSpec::System(SystemTarget::Rocketmq(to)) => to,
            _ => panic!("it sends there"),
        }
    }
    fn from(scenario: &mut Scenario) -> &mut RocketmqSource {
        match &mut scenario.consumers[0].from {
            SourceSpec::System(SystemSource::Rocketmq(from)) => from,
            _ => panic!("it reads there"),
        }
    }
    let makes = |scenario: &Scenario, promise| {
        scenario.promises(scenario.seed).iter().any(|promised| promised.promise == promise)
    };
    let table: [(&str, Promise, Change, bool); 12] = [
        ("rocketmq-power-cut", Promise::NotLost, |_| (), false),
        ("rocketmq-power-cut", Promise::NotLost, |s| spec(s).broker.flush = Flush::Sync, true),
        (
            "rocketmq-power-cut",
            Promise::NotLost,
            |s| s.actions[0] = "1250 crash broker-1".parse().expect("a command"),
            true,
        ),
        ("rocketmq-orderly", Promise::InOrder, |_| (), true),
        ("rocketmq-orderly", Promise::InOrder, |s| to(s).in_flight = 0, false),
        ("rocketmq-orderly", Promise::InOrder, |s| from(s).order = Order::Concurrently, false),
        ("rocketmq-long-poll", Promise::AtLeastOnce, |s| s.ends_at = Time(60_000_000), true),
        ("rocketmq-long-poll", Promise::AtLeastOnce, |_| (), false),
        ("rocketmq-retry", Promise::AtLeastOnce, |s| s.ends_at = Time(60_000_000), false),
        ("rocketmq-controller", Promise::NotLost, |_| (), true),
        (
            "rocketmq-controller",
            Promise::NotLost,
            |s| spec(s).broker.replication = RocketmqReplication::Async,
            false,
        ),
        (
            "rocketmq-controller",
            Promise::NotLost,
            |s| s.actions.push("900 crash broker-2".parse().expect("a command")),
            false,
        ),
    ];
    for (name, promise, change, made) in table {
        let mut scenario = Scenario::built_in(name).expect("it is built in");
        change(&mut scenario);
        assert_eq!(scenario.check(), Ok(()), "{name}");
        assert_eq!(makes(&scenario, promise), made, "{name}: {promise}");
    }
}

/// One clear error for each thing that RocketMQ does not have, or that does not fit.
#[test]
fn what_does_not_fit_is_refused() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/scenarios/rocketmq-orderly.json");
    let whole = std::fs::read_to_string(file).expect("the scenario is there");
    let table = [
        (r#""send": "by_key""#, r#""send": "by_key", "levels": [99], "attempts": 0"#, "tries 0 times"),
        (r#""keys": 6"#, r#""keys": 0"#, "its messages have none"),
        (r#""keys": 6"#, r#""keys": 6, "keeps": "until_processed""#, "RocketMQ has no keeps"),
        (r#""fails_per_mille": 80"#, r#""remembers": true"#, "RocketMQ has no remembers"),
        (
            r#""order": "orderly""#,
            r#""order": "orderly", "model": "broadcasting""#,
            "that is for those who share",
        ),
        (r#""order": "orderly""#, r#""order": "orderly", "tags": "||""#, "names no tag"),
        (r#""orders": 4"#, r#""orders": 65"#, "has 65 queues on each broker"),
        (r#""lock_expires": 1200000"#, r#""lock_expires": 1"#, "lock_expires is"),
        (r#""rocketmq": { "topics""#, r#""rocketmq": { "slaves": 1, "topics""#, "use a multiple of 2"),
        (r#""rocketmq": { "topics""#, r#""rocketmq": { "name_servers": 0, "topics""#, "0 name servers"),
        (
            r#""rocketmq": { "topics""#,
            r#""rocketmq": { "controller": {}, "topics""#,
            "no slave that could become",
        ),
    ];
    for (with, without, why) in table {
        assert!(whole.contains(with), "{with} is not in {whole}");
        let error = Scenario::from_json(&whole.replacen(with, without, 1)).expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
}
