//! Small clusters in the lab, each for one mechanism of their nodes.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, QueueEvent, RabbitmqEvent};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::vhost::Alarm;
use serde_json::{Value, json};

/// A run of a scenario: nodes, the system's own part, producers, consumers, actions.
fn run(brokers: u16, system: &Value, producers: &Value, consumers: &Value, actions: &Value) -> Timeline {
    let json = json!({
        "format": 1, "name": "small", "seed": 1, "ends_at": 3_000_000, "brokers": brokers, "latency": [400, 1_600],
        "system": { "rabbitmq": system },
        "producers": producers, "consumers": consumers, "actions": actions
    });
    let scenario = Scenario::from_json(&json.to_string()).expect("it can be read");
    let mut timeline = Timeline::new(scenario, 1).expect("it can be run");
    timeline.advance(timeline.ends_at());
    timeline
}

/// A disk is full: what a full classic queue lets go of is gone, since its log gives back room for what comes, and the node
/// says so although it halts.
#[test]
fn what_a_queue_lets_go_of_is_told_by_a_node_that_halts() {
    let timeline = run(
        1,
        &json!({ "queues": [{ "name": "orders", "arguments": { "x-max-length": 3 } }] }),
        &json!([{ "name": "shop", "to": { "system": { "rabbitmq": { "queue": "orders" } } }, "messages": 8, "every": 10_000 }]),
        &json!([{ "name": "anna", "from": { "system": { "rabbitmq": { "queue": "orders" } } }, "starts_at": 500_000, "work": 1_000 }]),
        &json!([
            { "at": 55_000, "command": { "disk": { "node": "broker-1", "is": "full" } } },
            { "at": 200_000, "command": { "disk": { "node": "broker-1", "is": "sound" } } },
            { "at": 200_001, "command": { "restart": "broker-1" } }
        ]),
    );
    let verdict = timeline.verdict();
    let died: Vec<MessageId> = timeline
        .events()
        .iter()
        .filter_map(|fact| match &fact.event {
            Event::Queue(QueueEvent::Died { message, .. }) => Some(*message),
            _ => None,
        })
        .collect();
    assert!(
        timeline.events().iter().any(|fact| fact.event == Event::Crashed && fact.node == NodeId::Broker(1))
    );
    assert_eq!((verdict.acknowledged(), verdict.delivered()), (8, 3));
    assert_eq!(died, [1, 2, 3, 4, 5].map(MessageId));
    assert_eq!(verdict.waiting().collect::<Vec<_>>(), []);
}

fn times(timeline: &Timeline, node: NodeId, what: impl Fn(&Event) -> bool) -> Vec<u64> {
    let facts = timeline.events().iter().filter(|fact| fact.node == node && what(&fact.event));
    facts.map(|fact| fact.at.0).collect()
}

/// One node is short of memory, by a queue of its own: publishers elsewhere wait, to other queues, too; consumers go on.
#[test]
fn an_alarm_of_one_node_stops_all_who_publish() {
    let to =
        |queue: &str, node: u16| json!({ "system": { "rabbitmq": { "queue": queue, "nodes": [node] } } });
    let timeline = run(
        3,
        &json!({
            "queues": [{ "name": "photos" }, { "name": "orders", "node": 3, "arguments": { "x-queue-type": "quorum" } }],
            "limits": [{ "node": 1, "memory": 2_000, "watermark": 40 }]
        }),
        &json!([
            { "name": "camera", "to": to("photos", 2), "starts_at": 50_000, "messages": 30, "every": 5_000, "message": { "bytes": 100 } },
            { "name": "shop", "to": to("orders", 3), "starts_at": 50_000, "messages": 60, "every": 5_000 },
            { "name": "till", "to": to("orders", 3), "starts_at": 200_000, "messages": 2, "every": 5_000 }
        ]),
        &json!([
            { "name": "printer", "from": to("photos", 2), "starts_at": 300_000, "work": 4_000 },
            { "name": "anna", "from": to("orders", 1), "starts_at": 150_000, "work": 4_000 }
        ]),
        &json!([]),
    );
    let (one, two, three) = (NodeId::Broker(1), NodeId::Broker(2), NodeId::Broker(3));
    let alarm = times(&timeline, one, |event| {
        matches!(event, Event::Queue(QueueEvent::Blocked { alarm: Alarm::Memory }))
    });
    let over = times(&timeline, one, |event| matches!(event, Event::Queue(QueueEvent::Unblocked { .. })));
    let (alarm, over) = (alarm[0], over[0]);
    assert!(
        alarm < 110_000 && over > 300_000,
        "eight of a hundred bytes are too many, until the printer comes: {alarm} {over}"
    );
    let blocks = |of: u16| {
        move |event: &Event| {
            *event == Event::Rabbitmq(RabbitmqEvent::ConnectionBlocked { client: NodeId::Producer(of) })
        }
    };
    assert!(times(&timeline, two, blocks(1))[0] < alarm + 3_000);
    assert!(times(&timeline, three, blocks(2))[0] < alarm + 3_000, "its queue and its nodes have room");
    // Who publishes for the first time meanwhile is read once, and then no more.
    let sent = |of: u16| times(&timeline, NodeId::Producer(of), |event| matches!(event, Event::Sent { .. }));
    let meanwhile = |of: u16| sent(of).into_iter().filter(|at| (alarm + 5_000..over).contains(at)).count();
    assert_eq!((meanwhile(1), meanwhile(2), meanwhile(3)), (0, 0, 1));
    let done = times(&timeline, NodeId::Consumer(2), |event| matches!(event, Event::Processed { .. }));
    assert!(done.into_iter().filter(|at| (alarm..over).contains(at)).count() > 5, "consumers go on");
    assert_eq!((timeline.verdict().acknowledged(), timeline.verdict().delivered()), (92, 92));
}

/// A publisher is faster than its queue answers: when its channel is held up, and the reader's credit is spent, it is not read.
#[test]
fn who_is_faster_than_its_queue_is_in_flow() {
    for (kind, ahead) in [("classic", 10), ("quorum", 4), ("stream", 6)] {
        let fast = |settings: Value| {
            let reads = match kind {
                "stream" => json!({ "queue": "orders", "prefetch": 3, "reference": "anna" }),
                _ => json!({ "queue": "orders" }),
            };
            let timeline = run(
                3,
                &json!({ "queues": [{ "name": "orders", "arguments": { "x-queue-type": kind } }], "settings": settings }),
                &json!([{ "name": "shop", "to": { "system": { "rabbitmq": { "queue": "orders", "nodes": [2] } } }, "starts_at": 400_000, "messages": 200, "every": 50 }]),
                &json!([{ "name": "anna", "from": { "system": { "rabbitmq": reads } }, "work": 100 }]),
                &json!([]),
            );
            assert_eq!(timeline.verdict().acknowledged(), 200, "{kind}");
            let waiting = timeline.events().iter().filter_map(|fact| match &fact.event {
                Event::Queue(QueueEvent::InFlow { waiting, .. }) => Some(*waiting),
                _ => None,
            });
            waiting.collect::<Vec<u64>>()
        };
        assert!(fast(json!({})).is_empty(), "{kind}: 200 are fewer than it has credit for");
        let small = json!({ "credit_flow": [10, 5], "quorum_commands_soft_limit": 4, "stream_messages_soft_limit": 6 });
        let waiting = fast(small);
        assert!(waiting.len() > 3, "{kind}: {waiting:?}");
        assert!(waiting.iter().all(|waiting| *waiting <= ahead + 1 + 10), "{kind}: {waiting:?}");
        assert!(
            waiting[0] > ahead,
            "{kind}: a channel that is held up goes on with what its reader may read"
        );
    }
}

/// What was sent on a connection that broke comes after what is sent on the next one, and is not taken for what is known.
#[test]
fn a_classic_queue_confirms_nothing_that_it_has_not_had() {
    let timeline = run(
        2,
        &json!({ "queues": [{ "name": "orders" }] }),
        &json!([{ "name": "shop", "to": { "system": { "rabbitmq": { "queue": "orders", "nodes": [2] } } }, "starts_at": 50_000, "messages": 150, "every": 1_000 }]),
        &json!([{ "name": "anna", "from": { "system": { "rabbitmq": { "queue": "orders", "nodes": [1] } } }, "work": 500 }]),
        &json!([
            { "at": 80_000, "command": { "link": { "link": "broker-1 and broker-2", "fault": "cut" } } },
            { "at": 140_000, "command": { "link": { "link": "broker-1 and broker-2", "fault": "heal" } } }
        ]),
    );
    let verdict = timeline.verdict();
    assert_eq!((verdict.acknowledged(), verdict.delivered(), verdict.lost().len()), (150, 150, 0));
}

/// A consumer comes back through another node before its old one is known to be dead: what the old channel held comes back, too.
#[test]
fn what_an_old_channel_held_comes_back_when_its_node_is_dead() {
    let timeline = run(
        3,
        &json!({
            "queues": [{ "name": "orders", "arguments": { "x-queue-type": "quorum" } }],
            "settings": { "heartbeat": 100_000, "net_tick": 500_000 }
        }),
        &json!([{ "name": "shop", "to": { "system": { "rabbitmq": { "queue": "orders", "nodes": [1] } } }, "starts_at": 50_000, "messages": 20, "every": 5_000 }]),
        &json!([{ "name": "anna", "from": { "system": { "rabbitmq": { "queue": "orders", "prefetch": 4, "nodes": [3, 2] } } }, "work": 20_000 }]),
        &json!([
            { "at": 100_000, "command": { "cut_power": "broker-3" } },
            { "at": 300_000, "command": { "restart": "broker-3" } }
        ]),
    );
    assert_eq!((timeline.verdict().acknowledged(), timeline.verdict().delivered()), (20, 20));
}
