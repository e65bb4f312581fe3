//! What producers do for their messages' safety: to the microsecond where every message takes exactly a millisecond, and
//! under random faults.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::{Action, Command, Scenario, Timeline};
use mqlab_core::time::Time;
use proptest::prelude::*;

/// A scenario with one producer and two brokers, each with a queue and a consumer.
fn scenario(producer: &str, actions: &str) -> Scenario {
    let json = format!(
        r#"{{ "format": 1, "name": "vector", "seed": 1, "ends_at": 3000000, "brokers": 2, "latency": [1000, 1000],
        "queues": [{{ "name": "q-1", "broker": 1 }}, {{ "name": "q-2", "broker": 2 }}],
        "limits": [{{ "broker": 1, "check_times": [50000, 100000] }}],
        "producers": [{{ "name": "shop", "starts_at": 100000, "every": 10000, {producer} }}],
        "consumers": [
          {{ "name": "c-1", "from": {{ "queue": {{ "name": "q-1", "prefetch": 5 }} }}, "work": 3000 }},
          {{ "name": "c-2", "from": {{ "queue": {{ "name": "q-2", "prefetch": 5 }} }}, "work": 3000 }}
        ],
        "actions": [{actions}] }}"#
    );
    Scenario::from_json(&json).expect("it is sound")
}

fn ended(scenario: Scenario, seed: u64) -> Timeline {
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    timeline
}

/// The lines of the events that a pattern fits, with their moments.
fn told(timeline: &Timeline, wanted: fn(&Event) -> bool) -> Vec<String> {
    let fits = timeline.events().iter().filter(|stamped| wanted(&stamped.event));
    fits.map(|stamped| format!("{} {} {}", stamped.at, stamped.node, stamped.event)).collect()
}

const fn of_the_program(event: &Event) -> bool {
    matches!(
        event,
        Event::Sent { .. }
            | Event::Acknowledged { .. }
            | Event::NotStored { .. }
            | Event::Processed { .. }
            | Event::Crashed
            | Event::Queue(
                QueueEvent::OwnTransaction { .. }
                    | QueueEvent::Forgotten { .. }
                    | QueueEvent::HalfStored { .. }
                    | QueueEvent::HalfDecided { .. }
                    | QueueEvent::CheckedBack { .. }
            )
    )
}

fn check(producer: &str, actions: &str, expect: &[&str]) {
    let timeline = ended(scenario(producer, actions), 1);
    assert_eq!(told(&timeline, of_the_program), expect);
}

const CRASH_AND_BACK: &str = r#"{ "at": AT, "command": { "crash": "producer-1" } }, { "at": 120000, "command": { "restart": "producer-1" } }"#;

fn crash_at(micros: u64) -> String {
    CRASH_AND_BACK.replace("AT", &micros.to_string())
}

fn transaction(how: &str, fails: u32) -> String {
    format!(
        r#""to": {{ "queue": "q-1" }}, "messages": 1,
        "transaction": {{ "how": "{how}", "takes": 2000, "pause": 1000, "fails_per_mille": {fails} }}"#
    )
}

#[test]
fn published_first_and_never_committed() {
    // The program dies before its transaction; or the transaction fails.
    let sent = "110.000 producer-1 sent m1 to q-1";
    let stored = "112.000 producer-1 was told that m1 is stored in q-1";
    let processed = "115.000 consumer-1 processed m1 from q-1";
    let expect = [sent, stored, "113.500 producer-1 crashed", processed];
    check(&transaction("publish_first", 0), &crash_at(113_500), &expect);
    let rolled_back = "115.000 producer-1 rolled its own transaction of m1 back";
    check(&transaction("publish_first", 1_000), "", &[sent, stored, processed, rolled_back]);
}

#[test]
fn committed_first_and_never_published() {
    let committed = "112.000 producer-1 committed its own transaction of m1";
    check(&transaction("commit_first", 0), &crash_at(112_500), &[committed, "112.500 producer-1 crashed"]);
    let rolled_back = "112.000 producer-1 rolled its own transaction of m1 back";
    check(&transaction("commit_first", 1_000), "", &[rolled_back]);
}

#[test]
fn an_outbox_sends_again_what_it_does_not_know_to_be_stored() {
    check(
        &transaction("outbox", 0),
        &crash_at(114_500),
        &[
            "112.000 producer-1 committed its own transaction of m1",
            "113.000 producer-1 sent m1 to q-1",
            "114.500 producer-1 crashed",
            "118.000 consumer-1 processed m1 from q-1",
            "122.000 producer-1 sent m1 to q-1, attempt 2",
            "124.000 producer-1 was told that m1 is stored in q-1",
            "127.000 consumer-1 processed m1 from q-1",
        ],
    );
    check(&transaction("outbox", 1_000), "", &["112.000 producer-1 rolled its own transaction of m1 back"]);
}

#[test]
fn a_half_message_follows_its_transaction_also_when_the_program_dies() {
    let (sent, half) = ("110.000 producer-1 sent m1 to q-1", "111.000 broker-1 stored half of m1");
    let asked = "161.000 broker-1 asked what became of m1, check 1";
    let died_before =
        [sent, half, "112.500 producer-1 crashed", asked, "163.000 broker-1 was told of m1: rollback"];
    check(&transaction("half", 0), &crash_at(112_500), &died_before);
    let died_after = [
        sent,
        half,
        "114.000 producer-1 committed its own transaction of m1",
        "114.500 producer-1 crashed",
        asked,
        "163.000 broker-1 was told of m1: commit",
        "167.000 consumer-1 processed m1 from q-1",
    ];
    check(&transaction("half", 0), &crash_at(114_500), &died_after);
    let rolled_back = "114.000 producer-1 rolled its own transaction of m1 back";
    let told = "116.000 broker-1 was told of m1: rollback";
    check(&transaction("half", 1_000), "", &[sent, half, rolled_back, told]);
}

#[test]
fn a_half_of_an_earlier_life_of_its_broker_is_asked_about_as_the_scenario_says() {
    let actions = crash_at(114_500)
        + r#", { "at": 130000, "command": { "crash": "broker-1" } },
        { "at": 140000, "command": { "restart": "broker-1" } }"#;
    let timeline = ended(scenario(&transaction("half", 0), &actions), 1);
    let asked = |event: &Event| matches!(event, Event::Queue(QueueEvent::CheckedBack { .. }));
    let first = timeline.events().iter().find(|stamped| asked(&stamped.event)).expect("it is asked about");
    // A broker that starts again does not know for how long it waited: it asks as soon as it is told its times, and not
    // after the 6 s that hold elsewhere.
    assert_eq!(first.at, Time(142_000));
    assert_eq!(timeline.verdict().delivered(), 1);
}

const KEPT: &str = r#""to": { "any_of": ["q-1", "q-2"] }, "messages": 1,
    "keeps": "until_processed", "receipt_timeout": 40000"#;

#[test]
fn a_receipt_ends_the_keeping_and_a_dead_broker_is_avoided() {
    let quiet = [
        "110.000 producer-1 sent m1 to q-2",
        "112.000 producer-1 was told that m1 is stored in q-2",
        "115.000 consumer-2 processed m1 from q-2",
        "116.000 producer-1 heard that m1 is done, and forgot it",
    ];
    check(KEPT, "", &quiet);
    let elsewhere = [
        "110.000 producer-1 sent m1 to q-2",
        "110.500 broker-2 crashed",
        "111.500 producer-1 m1 not stored in q-2: no answer",
        "111.500 producer-1 sent m1 to q-1, attempt 2",
        "113.500 producer-1 was told that m1 is stored in q-1",
        "116.500 consumer-1 processed m1 from q-1",
        "117.500 producer-1 heard that m1 is done, and forgot it",
    ];
    check(KEPT, r#"{ "at": 110500, "command": { "crash": "broker-2" } }"#, &elsewhere);
}

#[test]
fn what_the_dead_broker_had_comes_twice() {
    // Nobody reads from broker 2 when it stores the message and goes dark. Nothing is heard for 40 ms, then for another
    // 80 (the request's timeout); and when broker 2 is back, it delivers what it had.
    let actions = r#"{ "at": 50000, "command": { "crash": "consumer-2" } },
        { "at": 112500, "command": { "cut_power": "broker-2" } },
        { "at": 400000, "command": { "restart": "broker-2" } },
        { "at": 401000, "command": { "restart": "consumer-2" } }"#;
    let timeline = ended(scenario(&KEPT.replace("\"messages\": 1", "\"messages\": 2"), actions), 1);
    let m1: Vec<String> =
        told(&timeline, of_the_program).into_iter().filter(|line| line.contains("m1")).collect();
    let expect = [
        "110.000 producer-1 sent m1 to q-2",
        "112.000 producer-1 was told that m1 is stored in q-2",
        "150.000 producer-1 sent m1 to q-2, attempt 2",
        "230.000 producer-1 m1 not stored in q-2: no answer",
        "230.000 producer-1 sent m1 to q-1, attempt 3",
        "232.000 producer-1 was told that m1 is stored in q-1",
        "235.000 consumer-1 processed m1 from q-1",
        "236.000 producer-1 heard that m1 is done, and forgot it",
    ];
    assert_eq!(m1[..8], expect);
    assert!(m1[8].ends_with("consumer-2 processed m1 from q-2") && m1.len() == 9, "{m1:?}");
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let sound = scenario(&transaction("half", 0), "").to_json();
    let kept = scenario(KEPT, "").to_json();
    let table = [
        (&sound, "\"queue\": \"q-1\"\n", "\"any_of\": [\"q-1\"]\n", "to a queue or an exchange only"),
        (&sound, "\"transaction\"", "\"keeps\": \"until_processed\", \"transaction\"", "use until_stored"),
        (&sound, "\"fails_per_mille\": 0", "\"fails_per_mille\": 1001", "more than 1000 times"),
        (&sound, "\"takes\": 2000", "\"takes\": 3600000001", "over an hour"),
        (&kept, "\"receipt_timeout\": 40000", "\"receipt_timeout\": 3600000001", "longer than an hour"),
    ];
    for (json, from, to, words) in table {
        assert!(json.contains(from), "{from} is in:\n{json}");
        let error = Scenario::from_json(&json.replacen(from, to, 1)).expect_err("it cannot be run");
        assert!(error.to_string().contains(words), "{from} -> {to}: {error}");
    }
}

/// When everybody is up again for good.
const ALL_UP: u64 = 700_000;

/// Faults of the nodes, each with its repair.
fn faults(nodes: Vec<NodeId>) -> impl Strategy<Value = Vec<Action>> {
    let fault = (0..nodes.len(), 90_000..500_000_u64, 200..120_000_u64, any::<bool>());
    let all = nodes.clone();
    proptest::collection::vec(fault, 1..8).prop_map(move |faults| {
        let mut actions = Vec::new();
        for (node, at, after, dark) in faults {
            let node = nodes[node];
            let command = if dark { Command::CutPower(node) } else { Command::Crash(node) };
            actions.push(Action { at: Time(at), command });
            actions.push(Action { at: Time(at + after), command: Command::Restart(node) });
        }
        actions.extend(all.iter().map(|&node| Action { at: Time(ALL_UP), command: Command::Restart(node) }));
        actions
    })
}

fn busy(producer: &str, flush: bool, actions: Vec<Action>) -> Scenario {
    let mut scenario = scenario(producer, "");
    scenario.latency = (300, 2_500);
    scenario.producers[0].every = 4_000;
    scenario.producers[0].messages = 80;
    scenario.settings.flush_before_reply = flush;
    scenario.actions = actions;
    scenario.ends_at = Time(5_000_000);
    scenario
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whenever the program and the broker die: with an outbox or half messages, what is processed is what is
    /// committed.
    #[test]
    fn outbox_and_half_messages_neither_invent_nor_lose(
        actions in faults(vec![NodeId::Producer(1), NodeId::Broker(1), NodeId::Consumer(1)]),
        half in any::<bool>(),
        seed in 0..1_000_u64,
    ) {
        let how = transaction(if half { "half" } else { "outbox" }, 150);
        let timeline = ended(busy(&how, true, actions), seed);
        let verdict = timeline.verdict();
        let agreement = verdict.agreement();
        prop_assert!(agreement.invented().is_empty(), "invented {:?}", agreement.invented());
        prop_assert!(agreement.unheard().is_empty(), "unheard {:?}", agreement.unheard());
        prop_assert_eq!(verdict.delivered(), agreement.committed());
        prop_assert_eq!(agreement.committed() + agreement.undone(), 80);
    }

    /// Whoever dies, and whatever a disk that was not flushed forgets: what is kept until it is processed is
    /// processed, and forgotten.
    #[test]
    fn what_is_kept_until_it_is_processed_is_never_lost(
        actions in faults(vec![
            NodeId::Producer(1),
            NodeId::Broker(1),
            NodeId::Broker(2),
            NodeId::Consumer(1),
            NodeId::Consumer(2),
        ]),
        flush in any::<bool>(),
        seed in 0..1_000_u64,
    ) {
        let timeline = ended(busy(KEPT, flush, actions), seed);
        let verdict = timeline.verdict();
        prop_assert_eq!((verdict.delivered(), verdict.lost().len()), (80, 0));
        let forgotten = told(&timeline, |event| matches!(event, Event::Queue(QueueEvent::Forgotten { .. })));
        prop_assert_eq!(forgotten.len(), 80);
    }
}
