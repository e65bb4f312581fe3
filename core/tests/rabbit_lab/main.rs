//! RabbitMQ in the lab: its nodes and clients as the world plays them.

use mqlab_core::observe::{Event, PromiseJudge};
use mqlab_core::sim::{Scenario, Timeline};

fn played(scenario: Scenario, seed: u64) -> Timeline {
    let mut timeline = Timeline::new(scenario, seed).expect("a scenario that can be run");
    timeline.advance(timeline.ends_at());
    if std::env::var_os("MQLAB_SHOW").is_some() {
        for fact in timeline.events() {
            println!("{fact}");
        }
    }
    timeline
}

fn built_in(name: &str, seed: u64) -> Timeline {
    played(Scenario::built_in(name).expect("it comes with the engine"), seed)
}

#[test]
fn what_is_promised_is_kept_in_each_story() {
    for name in Scenario::names().filter(|name| name.starts_with("rabbitmq-")) {
        for seed in 0..20 {
            let scenario = Scenario::built_in(name).expect("it comes with the engine");
            let promised = scenario.promises(seed);
            let timeline = played(scenario, seed);
            let mut judge = PromiseJudge::default();
            timeline.events().iter().for_each(|fact| judge.observe(fact));
            let judged = judge.judge(&promised, timeline.verdict());
            println!("{name} {seed}: {promised:?} {:?}", summary(&timeline));
            for judged in judged {
                assert!(judged.is_kept(), "{name}, seed {seed}: {judged:?}");
            }
        }
    }
}

fn summary(timeline: &Timeline) -> (u64, u64, u64, usize, usize, u64) {
    let verdict = timeline.verdict();
    let (sent, acknowledged, delivered) = (verdict.sent(), verdict.acknowledged(), verdict.delivered());
    (sent, acknowledged, delivered, verdict.lost().len(), verdict.doubled().len(), verdict.on_their_way())
}

#[test]
fn a_quorum_queue_outlives_its_leader_and_its_disk() {
    for seed in 0..10 {
        let timeline = built_in("rabbitmq-quorum-queue", seed);
        let (sent, acknowledged, delivered, lost, ..) = summary(&timeline);
        assert_eq!((sent, acknowledged, delivered, lost), (100, 100, 100, 0), "seed {seed}");
        assert!(timeline.events().iter().any(|fact| matches!(fact.event, Event::PowerCut)));
    }
}
