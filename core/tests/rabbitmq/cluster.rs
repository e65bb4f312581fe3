//! Small clusters in the lab, each for one mechanism of their nodes.

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::{Scenario, Timeline};
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
            { "at": 100_000, "command": { "power_cut": "broker-3" } },
            { "at": 300_000, "command": { "restart": "broker-3" } }
        ]),
    );
    assert_eq!((timeline.verdict().acknowledged(), timeline.verdict().delivered()), (20, 20));
}
