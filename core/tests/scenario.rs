//! A scenario that cannot be run says why, in words, and never panics.

use mqlab_core::sim::{Scenario, Timeline, World};
use proptest::prelude::*;

fn json(name: &str) -> String {
    Scenario::built_in(name).expect("a scenario that comes with the engine").to_json()
}

#[test]
fn what_is_wrong_is_said() {
    let table = [
        ("\"format\": 1", "\"format\": 2", "its format is 2, this engine reads 1"),
        ("\"brokers\": 3", "\"brokers\": 0", "0 brokers, use 1 to 100"),
        ("\"brokers\": 3", "\"brokers\": 2", "3 replicas, there are 2 brokers"),
        ("\"partitions\": 3", "\"partitions\": 0", "0 partitions, use 1 to 1000"),
        ("\"min_in_sync\": 2", "\"min_in_sync\": 4", "needs 4 in sync of 3"),
        ("\"ends_at\": 900000", "\"ends_at\": 0", "it ends at 0 microseconds"),
        ("\"ends_at\": 900000", "\"ends_at\": 300000", "after the end"),
        ("\"crash\": \"broker-1\"", "\"crash\": \"broker-7\"", "there is no broker-7"),
        ("\"crash\": \"broker-1\"", "\"explode\": \"broker-1\"", "unknown variant `explode`"),
        ("\"topic\": \"orders\"", "\"topic\": \"others\"", "reads what is not there"),
        (
            "\"name\": \"orders\",\n      \"partitions\"",
            "\"name\": \"../x\",\n      \"partitions\"",
            "not a usable name",
        ),
        ("\"every\": 3000", "\"every\": 0", "every 0 microseconds"),
        ("\"every\": 3000", "\"every\": 3000, \"burst\": 10001", "sends 10001 at once, use at most 10000"),
        ("\"broker_heartbeat\": 20000", "\"broker_heartbeat\": 0", "the setting broker_heartbeat is 0 ms"),
        (
            "\"broker_heartbeat\": 20000",
            "\"leader_balance\": 0, \"broker_heartbeat\": 20000",
            "the setting leader_balance is 0 ms",
        ),
        ("\"latency\": [\n    1000", "\"latency\": [\n    0", "a latency from 0"),
        ("\"brokers\"", "\"brokers\": 3, \"brocers\"", "unknown field `brocers`"),
    ];
    for (from, to, words) in table {
        let sound = json("kill-the-leader");
        assert!(sound.contains(from), "the file has {from}:\n{sound}");
        let error = Scenario::from_json(&sound.replace(from, to)).expect_err("it cannot be run").to_string();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
    for text in ["", "{", "[]", "null", "{\"format\": 1}"] {
        assert!(Scenario::from_json(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_program_hands_over_its_messages_in_bursts() {
    let mut scenario = Scenario::built_in("hundred-messages").expect("it is built in");
    (scenario.producers[0].burst, scenario.producers[0].every) = (30, 50_000);
    let mut world = World::new(scenario, 7).expect("it can be run");
    let mut most = 0;
    while world.verdict().delivered() < 100 && world.step().is_some() {
        most = most.max(world.picture(world.now(), 0).producers[0].waiting.len());
    }
    assert_eq!((most, world.verdict().delivered()), (30, 100), "so many come up at once, and all arrive");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any number in place of any other: the scenario is refused, or it runs.
    #[test]
    fn odd_numbers_are_refused_or_run(place in 0..60_usize, number in prop_oneof![0..5_u64, 90..300_u64]) {
        let text = json("kill-the-leader");
        let starts: Vec<usize> = text
            .match_indices(|c: char| c.is_ascii_digit())
            .map(|(at, _)| at)
            .filter(|&at| !text.as_bytes()[at - 1].is_ascii_digit() && text.as_bytes()[at - 1] != b'-')
            .collect();
        let start = starts[place % starts.len()];
        let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
        let odd = format!("{}{number}{}", &text[..start], &text[start + length..]);
        if let Ok(scenario) = Scenario::from_json(&odd) {
            let mut timeline = Timeline::new(scenario, 1).expect("what was read can be run");
            timeline.advance(timeline.ends_at());
            prop_assert!(timeline.verdict().delivered() <= timeline.verdict().sent());
        }
    }
}

#[test]
fn a_scenario_is_told_what_its_transactions_cannot_do() {
    let check_with = |settings: &str, consumer: &str, desk: &str| {
        let json = format!(
            r#"{{ "format": 1, "name": "t", "seed": 1, {settings} "ends_at": 1000, "brokers": 2, "latency": [400, 1600],
            "queues": [
              {{ "name": "orders", "broker": 1 }}, {{ "name": "parcels", "broker": 1 }}, {{ "name": "far", "broker": 2 }},
              {{ "name": "strict", "broker": 1, "options": {{ "overflow": "reject_publish" }} }}
            ],
            "topics": [{{ "name": "topic", "partitions": 1, "replicas": 1, "min_in_sync": 1 }}],
            "producers": [{{ "name": "shop", "to": {{ "queue": "orders" }}, "messages": 1, "every": 1000 }}],
            "consumers": [{{ "name": "desk", "from": {consumer}, "work": 1000, "program": {{ {desk} }} }}] }}"#
        );
        Scenario::from_json(&json).map_err(|error| error.to_string())
    };
    let check = |consumer: &str, desk: &str| check_with("", consumer, desk);
    let queue = r#"{ "queue": { "name": "orders", "prefetch": 2 } }"#;
    let to = |queues: &str| format!(r#""onward": {{ "to": [{queues}], "transaction": true }}"#);
    assert_eq!(check(queue, &to(r#""parcels""#)).map(drop), Ok(()));
    let group = r#"{ "group": { "name": "desks", "topic": "topic" } }"#;
    let wrong = [
        (group, to(r#""parcels""#), "let it read a queue"),
        (queue, to(r#""parcels""#) + r#", "workers": 2"#, "one message at a time"),
        (queue, to(r#""parcels""#) + r#", "settles": "before""#, "acknowledge each"),
        (queue, to(r#""far""#), "must be on the broker of orders"),
        (queue, to(r#""strict""#), "let it ask to wait"),
        (queue, to(r#""parcels", "parcels""#), "twice"),
    ];
    let slow = check_with(r#""settings": { "intake": 500 },"#, queue, &to(r#""parcels""#));
    assert!(slow.expect_err("it would overtake").contains("set intake to 0"));
    for (from, desk, why) in wrong {
        let told = check(from, &desk).expect_err(why);
        assert!(told.contains(why), "{told}");
    }
}
