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
    scenario.actions = ["200 crash broker-1", "900 restart broker-1", "1200 cut-power broker-2", "2000 restart broker-2"]
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
