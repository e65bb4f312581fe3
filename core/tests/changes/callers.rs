//! How long services work and how often users ask, set anew while they do.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, OrderEvent};
use mqlab_core::sim::{Scenario, Timeline, WorkSpec};
use mqlab_core::time::{Span, Time};

use super::{give, happened, refusal};

/// Regulars ask each 10 ms, a rush of 240 each half millisecond from 200 ms on; stock has four workers of about 10 ms.
fn sale() -> Timeline {
    let scenario = Scenario::built_in("flash-sale-by-calls").expect("it is built in");
    Timeline::new(scenario, 12).expect("it can be run")
}

/// When a node did something with an order, in a span of milliseconds.
fn moments(
    timeline: &Timeline,
    node: NodeId,
    within: (u64, u64),
    what: fn(&OrderEvent) -> bool,
) -> Vec<Time> {
    let past = &timeline.events()[..timeline.happened()];
    let within = Time(within.0 * 1_000)..Time(within.1 * 1_000);
    let own = past.iter().filter(|fact| fact.node == node && within.contains(&fact.at));
    own.filter(|fact| matches!(&fact.event, Event::Order(order) if what(order))).map(|fact| fact.at).collect()
}

const ASKED: fn(&OrderEvent) -> bool = |event| matches!(event, OrderEvent::Asked { .. });
const WORKED: fn(&OrderEvent) -> bool = |event| matches!(event, OrderEvent::Worked { .. });
const TURNED_AWAY: fn(&OrderEvent) -> bool = |event| matches!(event, OrderEvent::TurnedAway { .. });

#[test]
fn users_ask_as_often_as_they_are_told() {
    let users = NodeId::User(1);
    let mut timeline = sale();
    give(&mut timeline, 105, "every user-1 2");
    assert_eq!(timeline.scenario_now().users[0].every, 2_000);
    timeline.advance(Time(190_000));
    assert_eq!(moments(&timeline, users, (0, 105), ASKED).len(), 8, "from 30 ms on, each 10 ms");
    let fast = moments(&timeline, users, (105, 190), ASKED);
    assert!((42..=43).contains(&fast.len()), "{}", fast.len());
    assert!(fast.windows(2).all(|pair| pair[1].since(pair[0]) == Span::from_millis(2)));
    // Slower again: the next one comes no later than it was going to, and then they are as far apart as was said.
    give(&mut timeline, 191, "every user-1 50");
    timeline.advance(timeline.ends_at());
    let slow = moments(&timeline, users, (193, 1_300), ASKED);
    assert!(slow.len() >= 8 && slow.windows(2).all(|pair| pair[1].since(pair[0]) == Span::from_millis(50)));
    let asked = moments(&timeline, users, (0, 1_300), ASKED).len();
    assert_eq!(asked, 60, "no more and no fewer than it was going to ask for");
}

#[test]
fn a_service_works_so_long_on_what_it_begins_then() {
    let stock = NodeId::Service(2);
    let turned_away = |timeline: &Timeline| moments(timeline, stock, (0, 1_300), TURNED_AWAY).len();
    let mut untouched = sale();
    untouched.advance(untouched.ends_at());
    let mut timeline = sale();
    give(&mut timeline, 190, "work service-2 1");
    assert_eq!(timeline.scenario_now().services[1].work, WorkSpec { low: 1_000, high: 1_000 });
    timeline.advance(timeline.ends_at());
    assert!(turned_away(&untouched) > 50, "the rush is too much for it");
    assert_eq!(turned_away(&timeline), 0, "four workers with a millisecond each are enough for it");

    // Whoever is started again works as was said, too.
    let mut timeline = sale();
    give(&mut timeline, 60, "work service-2 40");
    give(&mut timeline, 61, "crash service-2");
    give(&mut timeline, 62, "restart service-2");
    timeline.advance(Time(190_000));
    let began = moments(&timeline, stock, (62, 150), |event| matches!(event, OrderEvent::Began { .. }));
    let worked = moments(&timeline, stock, (62, 190), WORKED);
    assert!(began.len() >= 6, "{began:?}");
    let took = began.iter().zip(&worked).map(|(from, to)| to.since(*from));
    assert!(took.clone().all(|took| took == Span::from_millis(40)), "{:?}", took.collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_of_callers_is_refused_and_a_schedule_takes_it() {
    let mut timeline = sale();
    timeline.advance(Time(100_000));
    for (text, why) in [
        ("every user-1 10", "with user-1 it is so already"),
        ("every user-1 0", "0 ms cannot be, use 0.001 ms to 600000 ms"),
        ("every user-3 5", "there is no user-3 to which that could be done"),
        ("every service-1 5", "with service-1 there is nothing of that kind to change"),
        ("work service-1 1", "with service-1 it is so already"),
        ("work service-2 0", "0 ms cannot be, use 0.001 ms to 600000 ms"),
        ("work service-3 5", "there is no service-3 to which that could be done"),
        ("work user-1 5", "with user-1 there is nothing of that kind to change"),
        ("join service-1", "with service-1 there is nothing of that kind to change"),
        ("crash user-1", "there is no user-1 to which that could be done"),
    ] {
        assert_eq!(refusal(&mut timeline, text), why, "{text}");
    }
    let texts = ["150 every user-2 4", "160 work service-2 2.5"];
    let mut scenario = Scenario::built_in("flash-sale-by-calls").expect("it is built in");
    scenario.actions = texts.map(|text| text.parse().expect("an action")).into();
    let mut planned = Timeline::new(scenario, 12).expect("each can be");
    planned.advance(planned.ends_at());
    let mut given = sale();
    for text in texts {
        let (at, command) = text.split_once(' ').expect("a moment");
        give(&mut given, at.parse().expect("a number"), command);
    }
    given.advance(given.ends_at());
    let asked = |timeline: &Timeline| moments(timeline, NodeId::User(2), (0, 1_300), ASKED).len();
    assert_eq!((asked(&planned), asked(&given)), (240, 240));
    assert_eq!(planned.scenario_now().services, given.scenario_now().services);
    given.undo().expect("a command was given");
    given.advance(given.ends_at());
    let set =
        |event: &Event| matches!(event, Event::Changed(change) if change.to_string().starts_with("work"));
    assert!(happened(&given, set).is_none(), "it was undone");
    assert_eq!(given.scenario_now().services[1].work, WorkSpec { low: 8_000, high: 12_000 });
}
