//! A broker that stops in good order, next to one that just goes.

use mqlab_core::broker::Acks;
use mqlab_core::ids::NodeId;
use mqlab_core::observe::{ClusterEvent, Event, FaultEvent};
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

/// Done, and nobody was told: somebody does it again.
#[test]
fn a_consumer_that_dies_before_it_acknowledges_makes_a_duplicate() {
    let consumer = NodeId::Consumer(1);
    let mut scenario = Scenario::built_in("hundred-messages").expect("it is there");
    scenario.actions = ["100 crash-once-done consumer-1", "300 restart consumer-1"]
        .map(|text| text.parse().expect("an action"))
        .into();
    let timeline = run(scenario);
    let facts: Vec<&Event> = (timeline.events().iter())
        .filter(|fact| fact.node == consumer && fact.at >= Time(100_000))
        .map(|fact| &fact.event)
        .collect();
    let doomed = facts.iter().position(|event| **event == Event::Fault(FaultEvent::Doomed));
    let died = facts.iter().position(|event| **event == Event::Crashed).expect("it dies");
    assert!(doomed.is_some_and(|doomed| doomed < died));
    let Event::Processed { messages, .. } = facts[died - 1] else { panic!("{:?}", facts[died - 1]) };
    let verdict = timeline.verdict();
    let doubled: Vec<_> = verdict.doubled().iter().copied().collect();
    assert_eq!(doubled, messages[..], "what it had done is done again, and nothing else");
    assert!(verdict.lost().is_empty());
    assert_eq!(verdict.delivered(), 100);
}

#[test]
fn only_a_consumer_that_runs_can_be_doomed_and_only_once() {
    let scenario = Scenario::built_in("hundred-messages").expect("it is there");
    let mut timeline = Timeline::new(scenario, 7).expect("it can be run");
    let doom = |text: &str| text.parse().expect("a command");
    timeline.seek(Time(100_000));
    let refused = timeline.command(doom("crash-once-done producer-1"));
    assert_eq!(refused, Err(CommandRefused::NoSuchNode(NodeId::Producer(1))));
    timeline.command(doom("crash-once-done consumer-1")).expect("it runs");
    let refused = timeline.command(doom("crash-once-done consumer-1"));
    assert_eq!(refused, Err(CommandRefused::IsSo(NodeId::Consumer(1))));
    timeline.command(doom("crash consumer-1")).expect("it runs");
    let refused = timeline.command(doom("crash-once-done consumer-1"));
    assert_eq!(refused, Err(CommandRefused::IsDown(NodeId::Consumer(1))));
}
