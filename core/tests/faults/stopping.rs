//! A broker that stops in good order, next to one that just goes.

use mqlab_core::broker::Acks;
use mqlab_core::ids::NodeId;
use mqlab_core::observe::{ClusterEvent, Event};
use mqlab_core::sim::{CommandRefused, Scenario, Timeline};
use mqlab_core::time::{Span, Time};

use crate::{all_came, run, topic};

const LEADER: NodeId = NodeId::Broker(1);
const AT: Time = Time(150_000);

/// How long after the command another leads.
fn without_leader(timeline: &Timeline) -> Span {
    let elected = timeline.events().iter().find(|fact| {
        fact.at >= AT && matches!(fact.event, Event::Elected { leader: Some(leader), .. } if leader != LEADER)
    });
    elected.expect("another leads in the end").at.since(AT)
}

#[test]
fn others_lead_before_it_stops() {
    let crash = run(topic(Acks::All, true, &["150 crash broker-1", "600 restart broker-1"]));
    let stop = run(topic(Acks::All, true, &["150 shut-down broker-1", "600 restart broker-1"]));
    for timeline in [&crash, &stop] {
        all_came(timeline);
    }
    let (crashed, stopped) = (without_leader(&crash), without_leader(&stop));
    assert!(stopped <= Span(2_000), "the word, and the election: {stopped}");
    assert!(crashed.0 > 10 * stopped.0, "a session must pass first: {crashed}");
    let facts: Vec<&Event> =
        stop.events().iter().filter(|fact| fact.node == LEADER).map(|fact| &fact.event).collect();
    let at = |event: ClusterEvent| facts.iter().position(|fact| **fact == Event::Cluster(event.clone()));
    let (leaving, gone) = (at(ClusterEvent::Leaving), at(ClusterEvent::Stopped));
    assert!(leaving.is_some() && leaving < gone, "{leaving:?} {gone:?}");
    assert!(!facts.contains(&&Event::Crashed));
    let picture = stop.picture(0);
    assert!(picture.brokers.iter().all(|broker| broker.up), "it came back");
}

#[test]
fn it_goes_in_the_end_though_the_controller_says_nothing() {
    let timeline = run(topic(
        Acks::All,
        true,
        &[
            "149 cut broker-1 and controller",
            "150 shut-down broker-1",
            "900 heal everywhere",
            "901 restart broker-1",
        ],
    ));
    let stopped = timeline.events().iter().find(|fact| fact.event == Event::Cluster(ClusterEvent::Stopped));
    let stopped = stopped.expect("it does not wait for ever").at;
    assert!(stopped > AT + Span::from_millis(200) && stopped < AT + Span::from_millis(300), "{stopped}");
    all_came(&timeline);
}

#[test]
fn only_a_broker_that_runs_can_stop_in_good_order() {
    let refused =
        |line: &str| Scenario::check(&topic(Acks::All, true, &[line])).expect_err("not a broker").to_string();
    assert!(refused("150 shut-down producer-1").contains("shut-down producer-1"));
    let timeline = run(topic(Acks::All, true, &["150 crash broker-1"]));
    let mut world = mqlab_core::sim::World::new(timeline.scenario().clone(), 1).expect("sound");
    while world.next_time().is_some_and(|at| at <= AT) {
        world.step();
    }
    assert_eq!(
        world.permits(&"shut-down broker-1".parse().expect("a command")),
        Err(CommandRefused::IsDown(LEADER))
    );
}
