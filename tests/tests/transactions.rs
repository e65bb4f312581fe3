//! What producers do for their messages' safety, under many seeds: keeping, remembering, and transactions of their own.

use mqlab_core::observe::{Event, QueueEvent, Verdict};
use mqlab_core::sim::{Scenario, Timeline};

/// How many seeds each claim is held against.
const SEEDS: u64 = 100;

fn ended(name: &str, seed: u64) -> Timeline {
    let scenario = Scenario::built_in(name).expect("a scenario that comes with the engine");
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    timeline
}

/// What a scenario's verdict is at the end, under each seed.
fn verdicts(name: &'static str) -> impl Iterator<Item = (u64, Verdict)> {
    (0..SEEDS).map(move |seed| (seed, ended(name, seed).verdict().clone()))
}

#[test]
fn explore() {
    for name in ["failover-doubles","failover-once","stored-is-not-done","kept-until-done","dual-write-publish-first","dual-write-commit-first","outbox","half-messages"] {
        for seed in 0..4 {
            let t = ended(name, seed);
            let v = t.verdict(); let a = v.agreement();
            let n = |f: fn(&QueueEvent)->bool| t.events().iter().filter(|s| matches!(&s.event, Event::Queue(e) if f(e))).count();
            println!("{name} {seed}: sent {} ack {} del {} way {} lost {} dbl {} ord {} | com {} und {} chk {} inv {} unh {} | rec {} forg {}", v.sent(), v.acknowledged(), v.delivered(), v.on_their_way(), v.lost().len(), v.doubled().len(), v.reordered().len(), a.committed(), a.undone(), a.checked_back(), a.invented().len(), a.unheard().len(),
              n(|e| matches!(e, QueueEvent::Recognised{..})), n(|e| matches!(e, QueueEvent::Forgotten{..})));
        }
    }
}
