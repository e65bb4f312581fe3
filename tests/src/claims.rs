//! How is a claim about a story held against many seeds? Run it to its end, and ask for what happened.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, Place};
use mqlab_core::sim::picture::Role;
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::Time;

/// The most steps of a run whose claims are tested: a story that takes more is too long to be told, and to be tested
/// under many seeds.
const STEPS_MAX: u64 = 20_000;

/// A scenario that comes with the engine.
///
/// # Panics
///
/// When there is none of that name.
pub fn scenario(name: &str) -> Scenario {
    Scenario::built_in(name).expect("a scenario that comes with the engine")
}

/// The end of a run.
///
/// # Panics
///
/// When the scenario is not sound, or the run is longer than a story should be.
pub fn ended(scenario: Scenario, seed: u64) -> Timeline {
    let name = scenario.name.clone();
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    let steps = timeline.world().steps();
    assert!(steps < STEPS_MAX, "{name}, seed {seed}: {steps} steps are many for a small story");
    timeline
}

/// The end of a run of a scenario that comes with the engine.
///
/// # Panics
///
/// As [`scenario`] and [`ended`] do.
pub fn story(name: &str, seed: u64) -> Timeline {
    ended(scenario(name), seed)
}

/// What of some kind happened in a run, with moment and place.
pub fn all<T>(timeline: &Timeline, pick: impl Fn(&Event) -> Option<T>) -> Vec<(Time, NodeId, T)> {
    let events = timeline.events().iter();
    events.filter_map(|stamped| Some((stamped.at, stamped.node, pick(&stamped.event)?))).collect()
}

/// The messages of some facts of a run, one by one, with moment and place.
pub fn each(timeline: &Timeline, wanted: impl Fn(&Event) -> bool) -> Vec<(Time, NodeId, MessageId)> {
    let facts = timeline.events().iter().filter(|stamped| wanted(&stamped.event));
    let each = facts.flat_map(|fact| fact.event.messages().iter().map(|one| (fact.at, fact.node, *one)));
    each.collect()
}

/// The messages that stand twice in the log of a partition's leader. (A consumer that dies may process one twice: that
/// is another affair.)
pub fn stored_twice(timeline: &Timeline) -> BTreeSet<(Place, MessageId)> {
    let picture = timeline.picture(usize::MAX);
    let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
    let mut twice = BTreeSet::new();
    for strip in strips.filter(|strip| matches!(strip.role, Role::Leader { .. })) {
        let mut seen = BTreeSet::new();
        let messages = strip.cells.iter().filter_map(|cell| cell.mark.as_ref().map(|mark| mark.message));
        let again = messages.filter(|message| !seen.insert(*message));
        twice.extend(again.map(|message| (strip.place.clone(), message)));
    }
    twice
}
