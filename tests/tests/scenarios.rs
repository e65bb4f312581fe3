//! What the scenarios are said to show, they show: not under one seed, under many.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, Place};
use mqlab_core::sim::Scenario;
use mqlab_tests::claims::story;

/// How many seeds each claim is held against.
const SEEDS: u64 = 120;

#[test]
fn every_scenario_is_sound_and_named_as_its_file() {
    let names: Vec<&str> = Scenario::names().collect();
    assert!(names.len() >= 2);
    for name in names {
        let scenario = Scenario::built_in(name).expect("it reads");
        assert_eq!(scenario.name, name);
        assert_eq!(Scenario::from_json(&scenario.to_json()).expect("what is written can be read"), scenario);
    }
}

#[test]
fn a_hundred_messages_go_alternately_fifty_to_each() {
    for seed in 0..SEEDS {
        let timeline = story("hundred-messages", seed);
        let verdict = timeline.verdict();
        assert!(verdict.is_clean() && verdict.delivered() == 100, "seed {seed}: {verdict:?}");
        let to = |event: &Event| match event {
            Event::Delivered { to, .. } => Some(*to),
            _ => None,
        };
        let served: Vec<NodeId> = timeline.events().iter().filter_map(|stamped| to(&stamped.event)).collect();
        assert_eq!(served.len(), 100, "seed {seed}");
        assert!(served.windows(2).all(|pair| pair[0] != pair[1]), "seed {seed}: not alternately");
        let processed: Vec<u64> = timeline.metrics().processed.values().copied().collect();
        assert_eq!(processed, [50, 50], "seed {seed}");
    }
}

#[test]
fn the_leader_dies_and_nothing_acknowledged_is_lost() {
    for seed in 0..SEEDS {
        let timeline = story("kill-the-leader", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty(), "seed {seed}: lost {:?}", verdict.lost());
        assert!(verdict.reordered().is_empty(), "seed {seed}: out of order {:?}", verdict.reordered());
        assert_eq!((verdict.acknowledged(), verdict.delivered()), (160, 160), "seed {seed}");
        let elected = |event: &Event| matches!(event, Event::Elected { leader: Some(NodeId::Broker(2 | 3)), epoch, .. } if epoch.0 == 2);
        assert!(
            timeline.events().iter().any(|stamped| elected(&stamped.event)),
            "seed {seed}: nobody was elected"
        );
        let returned = timeline.events().iter().rev().find_map(|stamped| match &stamped.event {
            Event::InSync { replicas, .. } => Some(replicas.len()),
            _ => None,
        });
        assert_eq!(returned, Some(3), "seed {seed}: broker 1 is in sync again");
    }
}

#[test]
fn with_acks_1_the_same_crash_loses_sometimes() {
    let lossy =
        (0..SEEDS).filter(|&seed| !story("kill-the-leader-acks-1", seed).verdict().lost().is_empty()).count();
    assert!(lossy > 0 && lossy < SEEDS as usize, "in {lossy} of {SEEDS} runs something was lost");
}

#[test]
fn no_consumer_sees_what_is_not_committed() {
    // From the events alone: whatever a group's member receives lies below a high watermark that a leader has told.
    for seed in 0..SEEDS / 4 {
        let timeline = story("kill-the-leader-acks-1", seed);
        let mut committed = std::collections::BTreeMap::new();
        let mut placed = std::collections::BTreeMap::new();
        for stamped in timeline.events() {
            match &stamped.event {
                Event::Committed { partition, below } => {
                    let mark = committed.entry(partition.clone()).or_insert(*below);
                    *mark = (*mark).max(*below);
                }
                Event::Appended { to: Place::Partition(partition), base, messages } => {
                    for (index, message) in (0..).zip(messages) {
                        placed.insert((partition.clone(), *message), base.plus(index));
                    }
                }
                Event::Received { from: Place::Partition(partition), messages, .. } => {
                    for message in messages {
                        let offset = placed[&(partition.clone(), *message)];
                        assert!(
                            committed.get(partition).is_some_and(|mark| offset < *mark),
                            "seed {seed}: {message} was received at {} before it was committed",
                            stamped.at
                        );
                    }
                }
                _ => {}
            }
        }
    }
}
