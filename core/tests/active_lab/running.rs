//! Queues with one broker, and with two that share a store.

use super::*;

const ONE: &str = r#"{
  "format": 1, "name": "one", "seed": 1, "ends_at": 4000000, "brokers": 1, "latency": [400, 900],
  "system": { "activemq": { "queues": ["orders"] } },
  "producers": [
    { "name": "shop", "to": { "system": { "activemq": { "to": { "queue": "orders" } } } }, "messages": 100, "every": 5000 }
  ],
  "consumers": [
    { "name": "worker-1", "from": { "system": { "activemq": { "from": { "queue": "orders" } } } }, "work": 6000 },
    { "name": "worker-2", "from": { "system": { "activemq": { "from": { "queue": "orders" } } } }, "work": 6000 }
  ]
}"#;

#[test]
fn one_broker_serves_all_that_is_sent() {
    let scenario = scenario(ONE);
    let timeline = run(&scenario, 1);
    if std::env::var("SHOW").is_ok() {
        for fact in timeline.events() {
            println!("{fact}");
        }
    }
    let verdict = timeline.verdict();
    assert_eq!((verdict.sent(), verdict.acknowledged(), verdict.delivered()), (100, 100, 100));
    assert!(verdict.lost().is_empty() && verdict.doubled().is_empty());
    let promised = judged(&scenario, &timeline, 1);
    assert_eq!(promised.len(), 4, "{promised:?}");
}

#[test]
fn a_slave_takes_over_when_the_master_dies() {
    let mut scenario = scenario(ONE);
    scenario.brokers = 2;
    scenario.actions =
        ["200 crash broker-1", "900 restart broker-1", "1200 cut-power broker-2", "2000 restart broker-2"]
            .map(|action| action.parse().expect("an action"))
            .into();
    for seed in 1..20 {
        let timeline = run(&scenario, seed);
        if std::env::var("SHOW").is_ok() && seed == 1 {
            for fact in timeline.events() {
                println!("{fact}");
            }
        }
        let verdict = timeline.verdict();
        assert_eq!((verdict.sent(), verdict.acknowledged()), (100, 100), "seed {seed}");
        assert!(verdict.lost().is_empty(), "seed {seed}");
        assert!(verdict.waiting().next().is_none(), "seed {seed}");
        assert!(lines(&timeline, &["is master"]).len() >= 2, "seed {seed}");
        judged(&scenario, &timeline, seed);
    }
}

pub(super) const TWO: &str = r#"{
  "format": 1, "name": "two", "seed": 1, "ends_at": 4000000, "brokers": 2, "latency": [400, 900],
  "system": { "activemq": { "queues": ["orders"] } },
  "producers": [
    { "name": "shop", "to": { "system": { "activemq": { "to": { "queue": "orders" } } } }, "messages": 100, "every": 5000 }
  ],
  "consumers": [
    { "name": "worker-1", "from": { "system": { "activemq": { "from": { "queue": "orders" } } } }, "work": 6000 },
    { "name": "worker-2", "from": { "system": { "activemq": { "from": { "queue": "orders" }, "prefetch": 0 } } }, "work": 6000 }
  ]
}"#;

pub(super) fn one() -> Scenario {
    scenario(ONE)
}

/// A scenario with other parts of a file's text.
fn changed(text: &str, changes: &[(&str, &str)]) -> Result<Scenario, String> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Scenario::from_json(&text).map_err(|error| error.to_string())
}

#[test]
fn a_composite_queue_sends_on_to_all_its_targets() {
    let composite = r#""queues": ["orders"], "composite_queues": { "all": [{ "queue": "orders" }, { "queue": "copies" }] }"#;
    let scenario = changed(
        ONE,
        &[
            (r#""queues": ["orders"]"#, composite),
            (r#""to": { "queue": "orders" }"#, r#""to": { "queue": "all" }"#),
        ],
    );
    let timeline = run(&scenario.expect("it can be run"), 1);
    let stored = |queue: &str| {
        let stored = timeline.events().iter().filter_map(|fact| match &fact.event {
            Event::Appended { to, messages, .. } if to.to_string() == queue => Some(messages.len()),
            _ => None,
        });
        stored.sum::<usize>()
    };
    assert_eq!((stored("orders"), stored("copies"), stored("all")), (100, 100, 0));
}

#[test]
fn a_producer_that_does_not_wait_is_faster_and_is_told_nothing() {
    let hurried = changed(ONE, &[(r#""every": 5000"#, r#""every": 500"#)]).expect("it can be run");
    let asynchronous = changed(
        ONE,
        &[
            (r#""every": 5000"#, r#""every": 500"#),
            (r#""to": { "queue": "orders" }"#, r#""to": { "queue": "orders" }, "use_async_send": true"#),
        ],
    );
    let last = |scenario: &Scenario| {
        let timeline = run(scenario, 1);
        let appended =
            timeline.events().iter().rev().find(|fact| matches!(fact.event, Event::Appended { .. }));
        (appended.expect("something was stored").at.0, timeline.verdict().acknowledged())
    };
    let (waits, told) = last(&hurried);
    let (hurries, untold) = last(&asynchronous.expect("it can be run"));
    assert!(waits > 2 * hurries, "{waits} {hurries}");
    assert_eq!((told, untold), (100, 0));
}

#[test]
fn expired_messages_go_to_the_dead() {
    let scenario = changed(ONE, &[(r#""every": 5000"#, r#""every": 500, "message": { "ttls": [60000] }"#)]);
    let timeline = run(&scenario.expect("it can be run"), 1);
    let dead = timeline.verdict().dead_letters().count();
    assert!(dead > 20 && timeline.verdict().delivered() as usize + dead == 100, "{dead}");
}

#[test]
fn what_cannot_be_is_refused_with_one_clear_error() {
    let from = r#""from": { "queue": "orders" }"#;
    for (change, error) in [
        (
            (r#""work": 6000"#, r#""work": 6000, "program": { "memory_max": 5 }"#),
            "use workers, work_max, settles",
        ),
        ((from, r#""from": { "queue": "orders" }, "durable": "d""#), "durable is for topics"),
        ((from, r#""from": { "topic": "A.>.B" }"#), "use names, * for one level, > at the end"),
        ((from, r#""from": { "topic": "A" }, "exclusive": true"#), "that is for queues"),
        ((r#""every": 5000"#, r#""every": 5000, "message": { "delays": [9] }"#), "set scheduler_support"),
        ((r#""every": 5000"#, r#""every": 5000, "options": { "idempotent": true }"#), "has options"),
        (
            (r#""queues": ["orders"]"#, r#""queues": ["orders"], "shared_store": { "lease": 500000 }"#),
            "shares its store with nobody",
        ),
        (
            (
                r#""queues": ["orders"]"#,
                r#""queues": [], "composite_queues": { "orders": [{ "queue": "a" }] }"#,
            ),
            "reads a composite queue",
        ),
    ] {
        let refused = changed(ONE, &[change]).expect_err(error);
        assert!(refused.contains(error), "{refused}");
    }
}
