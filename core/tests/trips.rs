//! The ways that a diagram shows are those that the pictures showed, and no more than a bound.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::Event;
use mqlab_core::sim::picture::{PacketKind, PacketView};
use mqlab_core::sim::{Command, Scenario, TRIPS_MAX, Timeline, Trips};
use mqlab_core::time::{Span, Time};

/// Goes through a run step by step and takes down every packet that a picture shows.
fn seen(timeline: &mut Timeline, until: Time) -> BTreeMap<u64, PacketView> {
    let mut all = BTreeMap::new();
    while timeline.now() < until {
        let next = timeline.world().next_time().unwrap_or(until).min(until);
        timeline.advance(next.max(timeline.now() + Span(1)));
        let shown =
            timeline.picture(0).packets.into_iter().filter(|packet| packet.kind != PacketKind::Upkeep);
        all.extend(shown.map(|packet| (packet.id, packet)));
    }
    all
}

fn timeline(name: &str) -> Timeline {
    let scenario = Scenario::built_in(name).expect("it is built in");
    let seed = scenario.seed;
    Timeline::new(scenario, seed).expect("it can be run")
}

#[test]
fn the_ways_are_those_of_the_pictures_wherever_the_window_begins() {
    for name in ["hundred-messages", "kill-the-leader", "duplicate-after-lost-answer", "exchanges"] {
        let mut timeline = timeline(name);
        let (from, to) = (Time(120_000), Time(330_000));
        let expected = seen(&mut timeline, to);
        let expected: Vec<&PacketView> = expected.values().filter(|packet| packet.arrives >= from).collect();
        assert!(expected.len() > 20, "{name}");
        let mut trips = Trips::default();
        trips.follow(&timeline, from, to);
        let known: Vec<&PacketView> = trips.all().map(|trip| &trip.packet).collect();
        // A way that was lost before the window is in neither.
        let lost_before = |packet: &&&PacketView| packet.departed < from && !known.contains(*packet);
        let expected: Vec<&PacketView> =
            expected.iter().filter(|packet| !lost_before(packet)).copied().collect();
        assert_eq!(known, expected, "{name}");

        // Going there in small steps, and back again, comes to the same.
        let mut steps = Trips::default();
        for moment in (from.0 / 3..=from.0).step_by(7_001).chain([from.0]) {
            steps.follow(&timeline, Time(moment), Time(moment + to.0 - from.0));
        }
        assert!(steps.all().eq(trips.all()), "{name}");
        steps.follow(&timeline, Time(60_000), Time(90_000));
        steps.follow(&timeline, from, to);
        assert!(steps.all().eq(trips.all()), "{name}");
    }
}

#[test]
fn what_is_on_its_way_to_a_node_that_dies_ends_there() {
    let mut timeline = timeline("kill-the-leader");
    timeline.seek(Time(200_000));
    let leader = NodeId::Broker(1);
    while !timeline.picture(0).packets.iter().any(|packet| packet.to == leader && !packet.marks.is_empty()) {
        assert!(timeline.step());
    }
    timeline.command(Command::Crash(leader)).expect("it runs");
    let crashed = timeline.events()[..timeline.happened()]
        .iter()
        .rev()
        .find(|fact| fact.event == Event::Crashed)
        .map(|fact| fact.at)
        .expect("it crashed");
    timeline.advance(crashed + Span::from_millis(20));
    let mut trips = Trips::default();
    trips.follow(&timeline, Time(crashed.0 - 10_000), timeline.now());
    let ended: Vec<_> = trips.all().filter(|trip| trip.lost.is_some()).collect();
    assert!(ended.iter().any(|trip| trip.packet.to == leader && trip.lost == Some(crashed)));
    assert!(ended.iter().all(|trip| trip.lost.is_some_and(|at| at < trip.packet.arrives)));
}

#[test]
fn however_wide_the_window_is_the_ways_are_bounded() {
    let mut timeline = timeline("kill-the-leader");
    timeline.seek(timeline.ends_at());
    let mut trips = Trips::default();
    trips.follow(&timeline, Time::ZERO, timeline.ends_at());
    assert!(trips.all().count() <= TRIPS_MAX);
    assert!(
        trips.all().all(|trip| trip.packet.arrives >= trips.since() || trip.packet.departed >= trips.since())
    );
}
