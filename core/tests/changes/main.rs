//! What a person sets, adds and removes while a cluster runs: the words for it, when it is refused, what comes of it, and that
//! nobody loses anything by it.

mod callers;
mod drawn;
mod removed;
mod subscriptions;

use std::collections::BTreeSet;

use mqlab_core::ids::{Name, NodeId, PartitionId};
use mqlab_core::observe::{Change, Event, Promise, QueueEvent};
use mqlab_core::sim::{Action, Command, Scenario, Timeline};
use mqlab_core::time::Time;

/// A topic and its group, a queue and its worker, an exchange with a queue behind it, and somebody who sends to each.
const EVERYTHING: &str = r#"{
    "format": 1, "name": "everything", "seed": 1, "ends_at": 1500000, "brokers": 3, "latency": [300, 900],
    "queues": [{ "name": "jobs", "broker": 1 }, { "name": "inbox", "broker": 2 }],
    "exchanges": [{ "broker": 2, "exchange": { "name": "news", "kind": "topic", "durable": true } }],
    "bindings": [{ "exchange": "news", "to": { "queue": "inbox" }, "key": "eu.#" }],
    "topics": [{ "name": "orders", "partitions": 2, "replicas": 3, "min_in_sync": 1 }],
    "producers": [
        { "name": "shop", "to": { "topic": { "name": "orders", "acks": "leader" } }, "messages": 60, "every": 8000, "keys": 5 },
        { "name": "office", "to": { "queue": "jobs" }, "messages": 60, "every": 8000 },
        { "name": "paper", "to": { "exchange": { "name": "news" } }, "messages": 60, "every": 8000,
          "message": { "routing_keys": ["eu.de"] } }
    ],
    "consumers": [
        { "name": "anna", "from": { "group": { "name": "billing", "topic": "orders" } }, "work": 2000 },
        { "name": "ben", "from": { "queue": { "name": "jobs", "prefetch": 5 } }, "work": 2000 },
        { "name": "chris", "from": { "queue": { "name": "inbox", "prefetch": 5 } }, "work": 2000 }
    ]
}"#;

fn everything() -> Scenario {
    Scenario::from_json(EVERYTHING).expect("it can be run")
}

fn timeline() -> Timeline {
    Timeline::new(everything(), 1).expect("it can be run")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

/// Does something at a moment in milliseconds; what it brought at once.
fn give(timeline: &mut Timeline, at: u64, text: &str) -> Vec<String> {
    timeline.advance(Time(at * 1_000 - 1));
    let before = timeline.happened();
    let command: Command = text.parse().expect("a command");
    timeline.command(command).unwrap_or_else(|refused| panic!("{text}: {refused}"));
    timeline.events()[before..timeline.happened()].iter().map(ToString::to_string).collect()
}

fn refusal(timeline: &mut Timeline, text: &str) -> String {
    let command: Command = text.parse().expect("a command");
    timeline.command(command).expect_err(text).to_string()
}

/// How many messages a consumer was done with.
fn processed(timeline: &Timeline, number: u16) -> u64 {
    timeline.metrics().processed.get(&NodeId::Consumer(number)).copied().unwrap_or(0)
}

fn happened(timeline: &Timeline, what: impl Fn(&Event) -> bool) -> Option<Time> {
    let past = &timeline.events()[..timeline.happened()];
    past.iter().find(|stamped| what(&stamped.event)).map(|stamped| stamped.at)
}

const TEXTS: [&str; 35] = [
    "every producer-1 5.000",
    "acks producer-1 0",
    "acks producer-1 1",
    "acks producer-1 all",
    "work consumer-1 20.500",
    "prefetch consumer-1 10",
    "join consumer-1",
    "join broker-1",
    "leave consumer-2",
    "topic bills partitions 3 replicas 3",
    "partitions orders 6",
    "min-in-sync orders 2",
    "retention-time orders 500.000",
    "retention-time orders none",
    "retention-bytes orders 65536",
    "queue more on broker-1",
    "drop-queue jobs",
    "ttl jobs 100.000",
    "ttl jobs none",
    "length jobs 50",
    "exchange letters fanout on broker-1",
    "exchange letters consistent-hash on broker-1",
    "drop-exchange news",
    "bind news inbox",
    "unbind news inbox eu.#",
    "drop-topic orders",
    "leave broker-3",
    "ack consumer-1 each",
    "ack consumer-1 every 10",
    "ack consumer-1 before",
    "ack consumer-1 automatic",
    "drop-subscription audit",
    "drop-subscription audit shop",
    "work service-1 20.000",
    "every user-1 5.000",
];

#[test]
fn what_is_written_is_read() {
    for text in TEXTS {
        let change: Change = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(change.to_string(), text);
        let json = serde_json::to_string(&change).expect("plain data");
        assert_eq!(serde_json::from_str::<Change>(&json).expect("it was written so"), change, "{json}");
        let action: Action = format!("412.8 {text}").parse().expect("an action");
        assert_eq!(action.command, Command::Change(change));
    }
    for text in [
        "",
        "every",
        "every producer-1",
        "every shop 5",
        "acks producer-1 2",
        "join",
        "join orders",
        "queue q",
        "queue a/b on broker-1",
        "topic t partitions 3",
        "exchange e round on broker-1",
        "length q -1",
        "ttl q 1,5",
        "leave a b",
        "drop-topic",
        "drop-subscription",
        "drop-subscription a b c",
        "ack consumer-1",
        "ack consumer-1 every",
        "ack consumer-1 every ten",
        "ack consumer-1 before 3",
    ] {
        assert!(text.parse::<Change>().is_err(), "{text}");
        assert!(text.parse::<Command>().is_err(), "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let mut timeline = timeline();
    timeline.advance(Time(100_000));
    let before = timeline.digest();
    for (text, why) in [
        ("every producer-9 5", "there is no producer-9 to which that could be done"),
        ("every consumer-1 5", "with consumer-1 there is nothing of that kind to change"),
        ("every producer-1 8", "with producer-1 it is so already"),
        ("every producer-1 0", "0 ms cannot be, use 0.001 ms to 600000 ms"),
        ("acks producer-2 all", "with producer-2 there is nothing of that kind to change"),
        ("acks producer-1 1", "with producer-1 it is so already"),
        ("prefetch consumer-1 5", "with consumer-1 there is nothing of that kind to change"),
        ("prefetch consumer-2 5", "with consumer-2 it is so already"),
        ("join controller", "with controller there is nothing of that kind to change"),
        ("leave broker-1", "jobs stands on broker-1 alone: remove it first"),
        ("leave broker-2", "inbox stands on broker-2 alone: remove it first"),
        ("leave controller", "with controller there is nothing of that kind to change"),
        ("drop-topic bills", "there is no topic bills"),
        ("drop-topic __offsets", "there is no topic __offsets"),
        ("ack producer-1 each", "with producer-1 there is nothing of that kind to change"),
        ("ack consumer-1 automatic", "with consumer-1 it is so already"),
        ("ack consumer-1 every 3", "with consumer-1 there is nothing of that kind to change"),
        ("ack consumer-2 each", "with consumer-2 it is so already"),
        ("ack consumer-2 every 0", "0 cannot be, use 1 to 10000"),
        ("partitions bills 4", "there is no topic bills"),
        ("partitions orders 1", "1 cannot be, use 3 to 1000"),
        ("partitions orders 2", "with orders it is so already"),
        ("min-in-sync orders 4", "4 cannot be, use 1 to 3"),
        ("retention-time orders 0", "0 ms cannot be, use 0.001 ms to 600000 ms"),
        ("topic orders partitions 1 replicas 1", "orders is there already"),
        ("topic jobs partitions 1 replicas 1", "jobs is there already"),
        ("topic bills partitions 1 replicas 4", "4 cannot be, use 1 to 3"),
        ("queue jobs on broker-1", "jobs is there already"),
        ("queue more on producer-1", "with producer-1 there is nothing of that kind to change"),
        ("drop-queue more", "there is no queue more"),
        ("ttl more 5", "there is no queue more"),
        ("drop-subscription audit", "there is no durable subscription audit, or none of that client"),
        ("every user-1 5", "there is no user-1 to which that could be done"),
        ("work service-1 5", "there is no service-1 to which that could be done"),
        ("work broker-1 5", "with broker-1 there is nothing of that kind to change"),
        ("length jobs none", "with jobs it is so already"),
        ("exchange news fanout on broker-1", "news is there already"),
        ("drop-exchange mail", "there is no exchange mail that could be changed"),
        ("bind news jobs", "news and jobs stand on different brokers"),
        ("bind news inbox eu.#", "with inbox it is so already"),
        ("unbind news inbox us.#", "nothing leads so from news to inbox"),
    ] {
        assert_eq!(refusal(&mut timeline, text), why, "{text}");
    }
    assert_eq!(timeline.digest(), before, "a refusal changes nothing");
    give(&mut timeline, 120, "crash broker-1");
    assert_eq!(refusal(&mut timeline, "queue more on broker-1"), "broker-1 is down already");
    assert_eq!(refusal(&mut timeline, "drop-queue jobs"), "broker-1 is down already");
}

#[test]
fn a_schedule_may_name_who_joins_on_the_way() {
    let mut scenario = everything();
    let texts =
        ["100 join consumer-2", "200 crash consumer-4", "300 queue more on broker-3", "400 ttl more 50"];
    scenario.actions = texts.map(|text| text.parse().expect("an action")).into();
    scenario.check().expect("each is there when its moment comes");
    scenario.actions.swap(0, 1);
    scenario.actions[0].at = Time(50_000);
    assert!(scenario.check().is_err(), "it has not joined yet");
}

#[test]
fn programs_take_what_is_set_and_keep_it_when_they_start_again() {
    let mut timeline = timeline();
    give(&mut timeline, 50, "every producer-2 2");
    give(&mut timeline, 51, "work consumer-2 1");
    give(&mut timeline, 52, "prefetch consumer-2 1");
    timeline.advance(Time(250_000));
    assert_eq!(processed(&timeline, 2), 60, "three times as fast: all are done long before 480 ms");
    let now = timeline.scenario_now();
    assert_eq!((now.producers[1].every, now.consumers[1].work), (2_000, 1_000));
    assert_eq!(timeline.scenario().consumers[1].work, 2_000, "what was tried stays");

    let mut timeline = self::timeline();
    give(&mut timeline, 50, "work consumer-2 30");
    give(&mut timeline, 60, "crash consumer-2");
    give(&mut timeline, 61, "restart consumer-2");
    timeline.advance(Time(400_000));
    let done = processed(&timeline, 2);
    assert!((8..=20).contains(&done), "as slow as it was set before it died, not as it began: {done}");
}

#[test]
fn a_smaller_prefetch_leaves_more_to_others() {
    let mut timeline = timeline();
    give(&mut timeline, 20, "work consumer-2 40");
    give(&mut timeline, 200, "prefetch consumer-2 1");
    give(&mut timeline, 201, "join consumer-2");
    timeline.advance(Time(700_000));
    let held = |number: usize| {
        let picture = timeline.picture(4);
        picture.consumers[number].staged.len() + picture.consumers[number].working.iter().count()
    };
    assert!(held(1) <= 1 && held(3) <= 1, "{} {}", held(1), held(3));
    assert!(processed(&timeline, 4) > 5);
}

#[test]
fn acks_hold_for_what_is_sent_from_then_on() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "acks producer-1 0");
    timeline.advance(Time(110_000));
    let told = timeline.metrics().acknowledged_by(NodeId::Producer(1));
    timeline.advance(Time(300_000));
    assert_eq!(timeline.metrics().acknowledged_by(NodeId::Producer(1)), told);
    give(&mut timeline, 301, "acks producer-1 all");
    timeline.advance(timeline.ends_at());
    assert!(timeline.metrics().acknowledged_by(NodeId::Producer(1)) > told + 15);
}

#[test]
fn who_joins_a_group_gets_a_share_and_who_leaves_gives_it_back_at_once() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "join consumer-1");
    timeline.advance(Time(250_000));
    assert_eq!(timeline.scenario_now().consumers[3].name, "anna-2");
    assert!(processed(&timeline, 4) > 0, "it has a partition");
    let before = timeline.happened();
    give(&mut timeline, 251, "leave consumer-1");
    timeline.advance(Time(300_000)); // a session is longer
    let took_over = timeline.events()[before..timeline.happened()].iter().any(|stamped| {
        matches!(&stamped.event, Event::Assigned { partitions, .. } if partitions.len() == 2)
            && stamped.node == NodeId::Consumer(4)
    });
    assert!(took_over, "it has both now");
    timeline.advance(timeline.ends_at());
    assert!(timeline.verdict().is_clean(), "nothing is lost, doubled or out of order");
    assert_eq!(timeline.verdict().delivered(), 180);
}

#[test]
fn a_producer_that_leaves_finishes_what_it_has_in_hand() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "join producer-1");
    give(&mut timeline, 200, "leave producer-1");
    timeline.advance(timeline.ends_at());
    let picture = timeline.picture(4);
    assert!(!picture.producers[0].up && picture.producers[3].up);
    assert!(picture.producers[0].waiting.is_empty());
    assert_eq!(timeline.metrics().acknowledged_by(NodeId::Producer(4)), 60);
    assert!(timeline.verdict().is_clean());
}

#[test]
fn queues_come_and_go_and_their_messages_are_dropped_not_lost() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "queue archive on broker-2");
    give(&mut timeline, 110, "bind news archive eu.#");
    timeline.advance(Time(200_000));
    let ready = |timeline: &Timeline, queue: &str| {
        let picture = timeline.picture(100);
        let strips = picture.brokers.iter().flat_map(|broker| &broker.strips);
        strips.filter(|strip| strip.place.to_string() == queue).map(|strip| strip.cells.len()).sum::<usize>()
    };
    assert!(ready(&timeline, "archive") >= 9, "it has what came since");
    give(&mut timeline, 201, "unbind news archive eu.#");
    timeline.advance(Time(210_000));
    let then = ready(&timeline, "archive");
    timeline.advance(Time(300_000));
    assert_eq!(ready(&timeline, "archive"), then);
    give(&mut timeline, 301, "drop-queue archive");
    timeline.advance(Time(310_000));
    let dropped = |event: &Event| matches!(event, Event::Queue(QueueEvent::Dropped { messages, .. }) if messages.len() == then);
    assert!(happened(&timeline, dropped).is_some());
    timeline.advance(timeline.ends_at());
    assert!(timeline.verdict().lost().is_empty());
    assert!(timeline.verdict().dropped().is_empty(), "they were done elsewhere");

    let mut timeline = self::timeline();
    give(&mut timeline, 20, "work consumer-2 30");
    give(&mut timeline, 200, "drop-queue jobs");
    timeline.advance(timeline.ends_at());
    let verdict = timeline.verdict();
    assert!(verdict.lost().is_empty() && verdict.dropped().len() > 10, "{:?}", verdict.dropped());
}

#[test]
fn a_queue_that_was_dropped_while_its_broker_was_away_is_gone_when_it_is_back() {
    let mut timeline = timeline();
    give(&mut timeline, 200, "drop-queue jobs");
    give(&mut timeline, 201, "crash broker-1"); // before the controller's word reached it, or just after
    give(&mut timeline, 400, "restart broker-1");
    timeline.advance(Time(600_000));
    let jobs = timeline.picture(4).brokers[0].strips.iter().any(|strip| strip.place.to_string() == "jobs");
    assert!(!jobs);
    give(&mut timeline, 601, "queue jobs on broker-1");
    timeline.advance(timeline.ends_at());
    assert!(timeline.picture(4).brokers[0].strips.iter().any(|strip| strip.place.to_string() == "jobs"));
    assert!(timeline.verdict().lost().is_empty());
}

#[test]
fn exchanges_come_and_go() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "exchange letters fanout on broker-1");
    give(&mut timeline, 101, "bind letters jobs");
    give(&mut timeline, 102, "drop-exchange news");
    timeline.advance(Time(200_000));
    let names = |timeline: &Timeline| -> Vec<String> {
        let picture = timeline.picture(4);
        let all = picture.brokers.iter().flat_map(|broker| &broker.exchanges);
        all.map(|exchange| exchange.name.to_string()).collect()
    };
    assert_eq!(names(&timeline), ["letters"]);
    assert!(timeline.scenario_now().bindings.len() == 1);
    give(&mut timeline, 201, "cut-power broker-1");
    give(&mut timeline, 300, "restart broker-1");
    timeline.advance(Time(500_000));
    assert_eq!(names(&timeline), ["letters"], "it was declared anew, or found on the disk");
}

#[test]
fn a_policy_is_applied_to_the_live_queue_and_outlives_a_restart() {
    let mut timeline = timeline();
    give(&mut timeline, 20, "crash consumer-2");
    give(&mut timeline, 300, "length jobs 5");
    timeline.advance(Time(310_000));
    let ready = |timeline: &Timeline| {
        let picture = timeline.picture(100);
        let mut strips = picture.brokers[0].strips.iter();
        strips.find(|strip| strip.place.to_string() == "jobs").map(|strip| strip.cells.len())
    };
    assert_eq!(ready(&timeline), Some(5), "the older ones had to go");
    give(&mut timeline, 320, "crash broker-1");
    give(&mut timeline, 330, "restart broker-1");
    timeline.advance(Time(600_000));
    assert_eq!(ready(&timeline), Some(5));
    give(&mut timeline, 601, "length jobs none");
    give(&mut timeline, 602, "ttl jobs 20");
    // What stands there keeps its time, and expires at the head alone: a consumer takes it out of the way.
    give(&mut timeline, 603, "restart consumer-2");
    give(&mut timeline, 660, "crash consumer-2");
    give(&mut timeline, 661, "join producer-2");
    timeline.advance(timeline.ends_at());
    let expired = |event: &Event| event.to_string().contains("expired");
    assert!(happened(&timeline, expired).is_some());
    let halted = |event: &Event| matches!(event, Event::Queue(QueueEvent::Halted { .. }));
    assert_eq!(happened(&timeline, halted), None, "what a person set is no disagreement");
    assert!(timeline.verdict().lost().is_empty());
}

#[test]
fn topics_grow_and_take_what_is_set() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "partitions orders 4");
    give(&mut timeline, 101, "min-in-sync orders 2");
    give(&mut timeline, 102, "retention-time orders 60");
    give(&mut timeline, 103, "topic bills partitions 2 replicas 2");
    give(&mut timeline, 104, "acks producer-1 all");
    timeline.advance(Time(400_000));
    let trimmed =
        |event: &Event| event.to_string().contains("trimmed") || event.to_string().contains("dropped");
    assert!(happened(&timeline, trimmed).is_some(), "what is old goes");
    let places: BTreeSet<String> = timeline
        .picture(4)
        .brokers
        .iter()
        .flat_map(|broker| broker.strips.iter().map(|strip| strip.place.to_string()))
        .collect();
    assert!(["orders/3", "bills/0", "bills/1"].iter().all(|place| places.contains(*place)), "{places:?}");
    // Two of three are down: what all shall have is refused now.
    give(&mut timeline, 401, "crash broker-2");
    give(&mut timeline, 402, "crash broker-3");
    timeline.advance(Time(900_000));
    let refused =
        |event: &Event| matches!(event, Event::NotStored { why, .. } if why.to_string().contains("sync"));
    assert!(happened(&timeline, refused).is_some());
}

#[test]
fn a_new_broker_is_empty_until_something_is_placed_there() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "join broker-1");
    timeline.advance(Time(200_000));
    let strips = |timeline: &Timeline| timeline.picture(4).brokers[3].strips.len();
    assert_eq!(strips(&timeline), 0);
    give(&mut timeline, 201, "topic bills partitions 4 replicas 4");
    give(&mut timeline, 202, "queue more on broker-4");
    timeline.advance(Time(400_000));
    assert_eq!(strips(&timeline), 5, "four partitions and a queue");
    let partition = PartitionId { topic: name("bills"), index: 3 };
    let led = |event: &Event| matches!(event, Event::Elected { partition: of, leader: Some(NodeId::Broker(4)), .. } if of.topic == partition.topic);
    assert!(happened(&timeline, led).is_some(), "and it leads one of them");
    give(&mut timeline, 401, "crash broker-4");
    timeline.advance(Time(900_000));
    let fenced = |event: &Event| matches!(event, Event::Fenced { broker: NodeId::Broker(4) });
    assert!(happened(&timeline, fenced).is_some(), "it is missed like any other");
}

#[test]
fn a_promise_holds_or_is_given_up_when_a_setting_changes() {
    let promised = |text: Option<&str>, promise: Promise| {
        let mut scenario = Scenario::built_in("kill-the-leader").expect("it is built in");
        scenario.actions.extend(text.map(|text| text.parse().expect("an action")));
        scenario.check().expect("it can be run");
        scenario.promises(20).iter().any(|promised| promised.promise == promise)
    };
    let (not_lost, stays) = (Promise::NotLost, Promise::ReadStays);
    assert!(promised(None, not_lost) && promised(None, stays));
    for (text, keeps, reads) in [
        ("100 work consumer-1 20", true, true),
        ("100 join consumer-1", true, true),
        ("100 join broker-1", true, true),
        ("100 min-in-sync orders 3", true, true),
        ("100 acks producer-1 1", false, true),
        ("100 min-in-sync orders 1", false, false),
        ("100 retention-time orders 50", true, false),
    ] {
        assert_eq!((promised(Some(text), not_lost), promised(Some(text), stays)), (keeps, reads), "{text}");
    }
}
