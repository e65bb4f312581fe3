//! ActiveMQ in the lab: whole runs, with their faults.

mod faults;
mod promised;
mod running;

use mqlab_core::observe::{Event, Promise, PromiseJudge, Stamped};
use mqlab_core::sim::{Scenario, Timeline};

/// A scenario of a file's text.
fn scenario(json: &str) -> Scenario {
    Scenario::from_json(json).expect("it can be run")
}

/// Runs it to its end.
fn run(scenario: &Scenario, seed: u64) -> Timeline {
    let mut timeline = Timeline::new(scenario.clone(), seed).expect("it can be run");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The lines of a run that one of these words is in.
fn lines(timeline: &Timeline, words: &[&str]) -> Vec<String> {
    let lines = timeline.events().iter().map(Stamped::to_string);
    lines.filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// Whether every promise that the scenario makes was kept, and which were made.
fn judged(scenario: &Scenario, timeline: &Timeline, seed: u64) -> Vec<String> {
    let promised = scenario.promises(seed);
    let mut judge = PromiseJudge::default();
    timeline.events().iter().for_each(|fact| judge.observe(fact));
    for judged in judge.judge(&promised, timeline.verdict()) {
        assert!(judged.is_kept(), "seed {seed}: {} broken by {:?}", judged.promised, judged.broken_by);
    }
    promised.iter().map(ToString::to_string).collect()
}

fn count(timeline: &Timeline, is: impl Fn(&Event) -> bool) -> usize {
    timeline.events().iter().filter(|fact| is(&fact.event)).count()
}
