//! Topics and brokers that are removed while a cluster runs, and consumers that acknowledge in another way from some moment on.

use mqlab_core::broker::Acks;
use mqlab_core::ids::NodeId;
use mqlab_core::observe::{AckWhen, ClusterEvent, Event, PullEvent, Refusal};
use mqlab_core::sim::{Scenario, TargetSpec, Timeline};
use mqlab_core::time::Time;

use super::{everything, give, happened, name, processed, refusal, timeline};

fn places(timeline: &Timeline, broker: usize) -> Vec<String> {
    let picture = timeline.picture(4);
    picture.brokers[broker].strips.iter().map(|strip| strip.place.to_string()).collect()
}

#[test]
fn a_topic_goes_with_all_in_it_and_nothing_is_called_lost() {
    let mut timeline = timeline();
    give(&mut timeline, 20, "work consumer-1 30");
    timeline.advance(Time(200_000));
    assert!((0..3).all(|broker| places(&timeline, broker).iter().any(|place| place == "orders/0")));
    give(&mut timeline, 201, "drop-topic orders");
    timeline.advance(Time(320_000));
    for broker in 0..3 {
        assert!(places(&timeline, broker).iter().all(|place| !place.starts_with("orders/")), "{broker}");
    }
    let deleted = |event: &Event| matches!(event, Event::Pull(PullEvent::Removed { messages, .. }) if messages.len() > 3);
    assert!(happened(&timeline, deleted).is_some());
    let told = |event: &Event| matches!(event, Event::NotStored { why: Refusal::Unknown, .. });
    assert!(happened(&timeline, told).is_some(), "its producer hears that there is no such topic");
    let took = |event: &Event| matches!(event, Event::Assigned { partitions, .. } if partitions.is_empty());
    assert!(happened(&timeline, took).is_some(), "its group has nothing to read");
    give(&mut timeline, 330, "crash broker-3");
    timeline.advance(Time(340_000));
    assert!(places(&timeline, 2).is_empty(), "nothing of it is shown of who is down either");
    timeline.advance(timeline.ends_at());
    let verdict = timeline.verdict();
    assert!(verdict.lost().is_empty(), "{:?}", verdict.lost());
    assert!(verdict.dropped().len() > 10, "what nobody had processed went with it: {:?}", verdict.dropped());
    assert!(processed(&timeline, 2) == 60, "whoever has to do with other things does not notice");
}

#[test]
fn the_name_of_a_removed_topic_is_not_given_again() {
    let mut timeline = timeline();
    give(&mut timeline, 100, "drop-topic orders");
    let why = "a topic orders was removed, and its readers would take the new one for it: use another name";
    assert_eq!(refusal(&mut timeline, "topic orders partitions 1 replicas 1"), why);
    assert_eq!(refusal(&mut timeline, "partitions orders 4"), "there is no topic orders");
    let mut scenario = everything();
    scenario.actions = ["100 drop-topic orders", "200 topic orders partitions 1 replicas 1"]
        .map(|text| text.parse().expect("an action"))
        .into();
    let error = scenario.check().expect_err("the name is gone").to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn who_was_away_deletes_a_removed_topic_when_it_is_back() {
    let mut timeline = timeline();
    give(&mut timeline, 200, "crash broker-3");
    give(&mut timeline, 210, "drop-topic orders");
    give(&mut timeline, 400, "restart broker-3");
    timeline.advance(Time(600_000));
    let past = &timeline.events()[..timeline.happened()];
    let deleted = past.iter().any(|stamped| {
        stamped.node == NodeId::Broker(3)
            && stamped.at > Time(400_000)
            && matches!(&stamped.event, Event::Pull(PullEvent::Removed { messages, .. }) if !messages.is_empty())
    });
    assert!(deleted, "it finds on its disk what it shall not have any more");
    give(&mut timeline, 610, "crash broker-3");
    give(&mut timeline, 620, "restart broker-3");
    timeline.advance(timeline.ends_at());
    let again = timeline
        .events()
        .iter()
        .filter(|stamped| stamped.at > Time(600_000))
        .any(|stamped| matches!(&stamped.event, Event::Pull(PullEvent::Removed { .. })));
    assert!(!again, "once is enough");
    assert!(timeline.verdict().lost().is_empty());
}

#[test]
fn a_transaction_ends_though_a_topic_of_it_is_gone() {
    for name in ["transactions", "transactional-order"].into_iter().chain(Scenario::names()) {
        let Some(mut scenario) = Scenario::built_in(name) else { continue };
        let sends = |scenario: &Scenario| scenario.producers.iter().any(|spec| spec.transactional.is_some());
        if !sends(&scenario) || scenario.topics.is_empty() {
            continue;
        }
        let (at, topic) = (scenario.ends_at.0 / 3_000, scenario.topics[0].name.clone());
        scenario.actions.push(format!("{at} drop-topic {topic}").parse().expect("an action"));
        scenario.check().expect("it can be run");
        let seed = scenario.seed;
        let mut timeline = Timeline::new(scenario, seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        assert!(timeline.verdict().lost().is_empty(), "{name}: {:?}", timeline.verdict().lost());
    }
}

#[test]
fn a_broker_leaves_in_good_order_and_can_come_back() {
    let mut scenario = everything();
    let to = TargetSpec::Topic { name: name("orders"), acks: Acks::All };
    (scenario.producers[0].to, scenario.producers[0].options.idempotent) = (to, true);
    let mut timeline = Timeline::new(scenario, 1).expect("it can be run");
    give(&mut timeline, 200, "leave broker-3");
    timeline.advance(Time(300_000));
    let stopped = happened(&timeline, |event| matches!(event, Event::Cluster(ClusterEvent::Stopped)));
    let gone = |event: &Event| {
        matches!(event, Event::Cluster(ClusterEvent::Unregistered { broker: NodeId::Broker(3) }))
    };
    assert!(stopped.is_some() && happened(&timeline, gone) >= stopped, "first others lead, then it goes");
    let fenced = |event: &Event| matches!(event, Event::Fenced { broker: NodeId::Broker(3) });
    assert_eq!(happened(&timeline, fenced), None, "nobody had to miss it");
    // What is new is placed on those that are there.
    assert_eq!(refusal(&mut timeline, "topic bills partitions 3 replicas 3"), "3 cannot be, use 1 to 2");
    give(&mut timeline, 310, "topic bills partitions 3 replicas 2");
    timeline.advance(Time(500_000));
    assert!(places(&timeline, 0).iter().any(|place| place == "bills/2"));
    give(&mut timeline, 510, "restart broker-3");
    timeline.advance(Time(900_000));
    let in_sync = |event: &Event| {
        matches!(event, Event::InSync { partition, replicas }
            if partition.topic == name("orders") && replicas.contains(&NodeId::Broker(3)) && replicas.len() == 3)
    };
    assert!(happened(&timeline, in_sync) > Some(Time(510_000)), "it caught up with what it keeps");
    timeline.advance(timeline.ends_at());
    // It coordinated the group, whose members joined anew: what they had not committed yet may come twice.
    let verdict = timeline.verdict();
    assert!(verdict.lost().is_empty() && verdict.reordered().is_empty());
    assert_eq!(verdict.delivered(), 180);
}

#[test]
fn a_broker_stays_while_something_depends_on_it_alone() {
    let mut scenario = everything();
    scenario.topics[0].replicas = 1;
    let mut timeline = Timeline::new(scenario, 1).expect("it can be run");
    give(&mut timeline, 100, "topic bills partitions 3 replicas 1");
    timeline.advance(Time(200_000));
    let why = refusal(&mut timeline, "leave broker-3");
    assert!(why.starts_with("nobody but broker-3 has all of bills/"), "{why}");
    give(&mut timeline, 201, "drop-topic bills");
    timeline.advance(Time(260_000));
    give(&mut timeline, 261, "leave broker-3");
    assert_eq!(refusal(&mut timeline, "leave broker-3"), "with broker-3 it is so already");

    let mut timeline = self::timeline();
    give(&mut timeline, 100, "drop-queue jobs");
    give(&mut timeline, 150, "crash broker-2");
    give(&mut timeline, 151, "crash broker-3");
    timeline.advance(Time(600_000));
    assert_eq!(refusal(&mut timeline, "leave broker-1"), "there is no broker but broker-1");
}

/// A queue, a group, a share group and a reader of its own: each can be told to acknowledge in another way.
#[test]
fn every_kind_of_consumer_acknowledges_as_it_is_told() {
    let json = r#"{
        "format": 1, "name": "kinds", "seed": 1, "ends_at": 3000000, "brokers": 1, "latency": [300, 900],
        "queues": [{ "name": "jobs", "broker": 1 }],
        "topics": [{ "name": "orders", "partitions": 1, "replicas": 1, "min_in_sync": 1 }],
        "producers": [
            { "name": "office", "to": { "queue": "jobs" }, "messages": 200, "every": 4000 },
            { "name": "shop", "to": { "topic": { "name": "orders", "acks": "all" } }, "messages": 200, "every": 4000 }
        ],
        "consumers": [
            { "name": "push", "from": { "queue": { "name": "jobs", "prefetch": 5 } }, "work": 3000 },
            { "name": "member", "from": { "group": { "name": "billing", "topic": "orders" } }, "work": 3000 },
            { "name": "classic", "from": { "group": { "name": "old", "topic": "orders", "options": { "protocol": "classic" } } }, "work": 3000 },
            { "name": "sharer", "from": { "share": { "name": "all", "topic": "orders" } }, "work": 3000 },
            { "name": "poller", "from": { "poll": { "reader": "own", "topic": "orders" } }, "work": 3000 }
        ]
    }"#;
    let scenario = Scenario::from_json(json).expect("it can be run");
    let ways = [
        vec![AckWhen::Before, AckWhen::Each, AckWhen::Every(4), AckWhen::Automatic, AckWhen::Each],
        vec![AckWhen::Each, AckWhen::Before, AckWhen::Automatic, AckWhen::Before, AckWhen::Each],
        vec![AckWhen::Each, AckWhen::Before, AckWhen::Automatic, AckWhen::Before, AckWhen::Each],
        vec![AckWhen::Before, AckWhen::Each, AckWhen::Every(4), AckWhen::Automatic, AckWhen::Each],
        vec![AckWhen::Before, AckWhen::Each, AckWhen::Before, AckWhen::Each],
    ];
    for (number, ways) in (1..).zip(ways) {
        let mut timeline = Timeline::new(scenario.clone(), 1).expect("it can be run");
        for (step, when) in (1..).zip(ways) {
            give(&mut timeline, step * 130, &format!("ack consumer-{number} {when}"));
            let now = &timeline.scenario_now().consumers[usize::from(number) - 1];
            assert_eq!(now.acknowledges(), Some(when), "consumer {number}");
        }
        timeline.advance(timeline.ends_at());
        assert_eq!(processed(&timeline, number), 200, "consumer {number} does all, however it says so");
        let verdict = timeline.verdict();
        assert!(
            verdict.is_clean(),
            "consumer {number}: lost {:?}, doubled {:?}",
            verdict.lost(),
            verdict.doubled()
        );
    }
}

/// Who acknowledges before the work loses what it works on; who acknowledges after it does it again.
#[test]
fn what_a_crash_costs_follows_the_way_that_is_set() {
    let lost_and_doubled = |when: &str| {
        let mut scenario = everything();
        scenario.consumers[1].work = 6_000;
        let mut timeline = Timeline::new(scenario, 1).expect("it can be run");
        give(&mut timeline, 100, &format!("ack consumer-2 {when}"));
        for at in [200, 260, 320, 380] {
            give(&mut timeline, at, "crash consumer-2");
            give(&mut timeline, at + 10, "restart consumer-2");
        }
        timeline.advance(timeline.ends_at());
        (timeline.verdict().lost().len(), timeline.verdict().doubled().len())
    };
    let (lost, _) = lost_and_doubled("before");
    assert!(lost > 0, "before the work: at most once");
    let (lost, _) = lost_and_doubled("automatic");
    assert!(lost > 0, "with the delivery: at most once");
    let (lost, doubled) = lost_and_doubled("every 5");
    assert!(lost == 0 && doubled > 0, "several at once: at least once");
}

#[test]
fn a_reader_asks_as_often_and_a_sharer_takes_as_much_as_is_set() {
    let json = r#"{
        "format": 1, "name": "pulls", "seed": 1, "ends_at": 1500000, "brokers": 1, "latency": [300, 900],
        "topics": [{ "name": "orders", "partitions": 1, "replicas": 1, "min_in_sync": 1 }],
        "producers": [{ "name": "shop", "to": { "topic": { "name": "orders", "acks": "all" } }, "messages": 300, "every": 2000 }],
        "consumers": [
            { "name": "poller", "from": { "poll": { "reader": "own", "topic": "orders" } }, "work": 100 },
            { "name": "sharer", "from": { "share": { "name": "all", "topic": "orders" } }, "work": 1000 }
        ]
    }"#;
    let mut timeline =
        Timeline::new(Scenario::from_json(json).expect("it can be run"), 1).expect("it can be run");
    assert_eq!(refusal(&mut timeline, "prefetch consumer-2 0"), "0 cannot be, use 1 to 10000");
    assert_eq!(refusal(&mut timeline, "prefetch consumer-2 4"), "with consumer-2 it is so already");
    give(&mut timeline, 100, "every consumer-1 90");
    give(&mut timeline, 101, "prefetch consumer-2 1");
    timeline.advance(Time(105_000));
    let (before, at) = (processed(&timeline, 1), timeline.now());
    let (mut visits, mut seen, mut idle) = (0, before, true);
    while timeline.now() < Time(at.0 + 300_000) {
        timeline.advance(Time(timeline.now().0 + 1_000));
        let now = processed(&timeline, 1);
        visits += u32::from(idle && now > seen);
        (idle, seen) = (now == seen, now);
    }
    assert!((2..=5).contains(&visits), "it comes every 90 ms, and takes all: {visits}");
    let held = timeline.picture(4).consumers[1].staged.len();
    assert!(held <= 1, "{held}");
}
