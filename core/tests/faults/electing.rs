//! Rather nobody than a leader that lacks what was committed, or the other way round: what each costs.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::Acks;
use mqlab_core::ids::{Name, NodeId};
use mqlab_core::observe::{ClusterEvent, Event, Place};
use mqlab_core::sim::Scenario;

use crate::{run, topic};

/// The leader alone goes on, and then it is gone; those come back that lack what it took alone.
fn scenario(unclean_election: bool) -> Scenario {
    let lines = [
        "100 crash broker-2",
        "100 crash broker-3",
        "250 crash broker-1",
        "260 restart broker-2",
        "260 restart broker-3",
    ];
    let mut scenario = topic(Acks::All, true, &lines);
    for topic in &mut scenario.topics {
        (topic.min_in_sync, topic.unclean_election) = (1, unclean_election);
    }
    // Nobody reads before the last fault: what is acknowledged stands in logs alone.
    scenario.consumers[0].starts_at = 300_000;
    scenario.producers[0].messages = 150;
    scenario
}

#[test]
fn an_unclean_election_loses_what_the_old_leader_had_alone_and_none_waits_for_it() {
    let clean = run(scenario(false));
    let waiting = clean.verdict().waiting().count();
    assert!(clean.verdict().lost().is_empty() && waiting > 0, "nobody leads, and nothing is lost: {waiting}");
    let unclean = run(scenario(true));
    let taken = |event: &Event| matches!(event, Event::Cluster(ClusterEvent::UncleanElection { .. }));
    assert!(unclean.events().iter().any(|fact| taken(&fact.event)));
    assert!(!clean.events().iter().any(|fact| taken(&fact.event)));
    assert!(!unclean.verdict().lost().is_empty(), "what only the old leader had is gone");
    assert!(unclean.verdict().acknowledged() > clean.verdict().acknowledged(), "and all the rest goes on");
}

#[test]
fn racks_are_named_for_all_brokers_or_for_none() {
    let with = |racks: &[&str]| {
        let racks = racks.iter().map(|rack| Name::new(rack).expect("a legal name")).collect();
        Scenario { racks, ..topic(Acks::All, true, &[]) }
    };
    let refused = with(&["a", "b"]).check().expect_err("three brokers").to_string();
    assert!(refused.contains("2 racks for 3 brokers"), "{refused}");
    let read = Scenario::from_json(&with(&["a", "b", "a"]).to_json()).expect("what was written");
    assert_eq!(read, with(&["a", "b", "a"]));
    // Two replicas of three brokers in two racks never share a rack: 1 and 3 do.
    let mut scenario = with(&["a", "b", "a"]);
    for topic in &mut scenario.topics {
        (topic.replicas, topic.min_in_sync, topic.partitions) = (2, 1, 6);
    }
    let timeline = run(scenario);
    let mut kept: BTreeMap<u32, BTreeSet<NodeId>> = BTreeMap::new();
    for fact in timeline.events() {
        if let Event::Copied { partition, .. } | Event::Appended { to: Place::Partition(partition), .. } =
            &fact.event
        {
            kept.entry(partition.index).or_default().insert(fact.node);
        }
    }
    assert_eq!(kept.len(), 6);
    for (partition, brokers) in kept {
        assert!(brokers.len() == 2 && brokers.contains(&NodeId::Broker(2)), "{partition}: {brokers:?}");
    }
}
