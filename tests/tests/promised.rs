//! What is promised of transactions over partitions, of share groups, and to users: a row for each rule of
//! `core/src/sim/promised/`.

use std::collections::BTreeSet;

use mqlab_core::broker::{CleanupPolicy, Isolation, Order, ShareStart};
use mqlab_core::ids::{Name, NodeId, PartitionId};
use mqlab_core::observe::{PromiseJudge, Subject};
use mqlab_core::sim::swarm::Trial;
use mqlab_core::sim::{Action, AdminAction, Scenario, Settles, SourceSpec, Timeline};
use mqlab_core::time::{Span, Time};

fn at(text: &str) -> Action {
    text.parse().expect("a command with its moment")
}

/// Settings that promise everything, a teller that sends in transactions, a program that writes a bill for each order in
/// transactions, who reads those, and a share group.
fn transactional() -> Scenario {
    let json = r#"{ "format": 1, "name": "promises", "seed": 1, "ends_at": 9000000, "brokers": 3, "latency": [300, 900],
        "settings": { "share": { "start": "earliest" } },
        "topics": [{ "name": "orders", "partitions": 2, "replicas": 3, "min_in_sync": 2 },
            { "name": "bills", "partitions": 2, "replicas": 3, "min_in_sync": 2 },
            { "name": "moves", "partitions": 2, "replicas": 3, "min_in_sync": 2 }],
        "producers": [
            { "name": "shop", "to": { "topic": { "name": "orders", "acks": "all" } }, "messages": 20, "every": 2000,
              "keys": 3, "options": { "idempotent": true } },
            { "name": "teller", "to": { "topic": { "name": "moves", "acks": "all" } }, "messages": 20, "every": 2000,
              "keys": 3, "transactional": { "id": "teller", "restarts_after": 30000 } }],
        "consumers": [
            { "name": "biller", "from": { "group": { "name": "billing", "topic": "orders" } }, "work": 500,
              "program": { "transform": { "to": "bills", "transactional": { "id": "billing", "restarts_after": 30000 } } } },
            { "name": "ledger", "from": { "group": { "name": "ledger", "topic": "bills",
              "options": { "isolation": "committed" } } }, "work": 500 },
            { "name": "bank", "from": { "group": { "name": "bank", "topic": "moves",
              "options": { "isolation": "committed" } } }, "work": 500 },
            { "name": "packer", "from": { "share": { "name": "packing", "topic": "orders" } }, "work": 500 }] }"#;
    Scenario::from_json(json).expect("it is sound")
}

/// The promises that a scenario makes, as lines of text.
fn lines(scenario: &Scenario) -> BTreeSet<String> {
    assert_eq!(scenario.check(), Ok(()));
    scenario.promises(scenario.seed).iter().map(ToString::to_string).collect()
}

const ONCE: &str = "everything is processed effectively once in the end";
const AT_LEAST: &str = "everything is processed at least once in the end";
const COMMITTED: &str = "what is committed counts once";
const SEEN: &str = "nothing is seen that was not committed";
const ANSWERED: &str = "everything sent is answered in the end";
const DONE: &str = "users: every order that was accepted is done in the end";
const ALONE: &str = "each message is with one member at a time";

#[test]
#[expect(clippy::too_many_lines, reason = "a table, with a row for each rule")]
fn what_is_promised_of_transactions_and_share_groups() {
    let all = lines(&transactional());
    for (of, what) in [
        ("topic bills", COMMITTED),
        ("topic moves", COMMITTED),
        ("topic bills", ANSWERED),
        ("topic moves", "each key stays in order"),
        ("group billing on orders", ONCE),
        ("group ledger on bills", SEEN),
        ("group bank on moves", SEEN),
        ("group bank on moves", AT_LEAST),
        ("group packing on orders", AT_LEAST),
        ("group packing on orders", ALONE),
        ("transactional id teller", "nothing of a zombie counts"),
    ] {
        assert!(all.contains(&format!("{of}: {what}")), "{of}: {what}, of {all:#?}");
    }
    type Change = fn(&mut Scenario);
    let table: [(&str, Change, &[&str], &[&str]); 12] = [
        (
            "it writes without transactions",
            |scenario| {
                let transform = scenario.consumers[0].program.transform.as_mut().expect("it writes bills");
                transform.transactional = None;
            },
            &[
                "topic bills: what is committed counts once",
                "group billing on orders: everything is processed effectively once in the end",
                "group ledger on bills: nothing is seen that was not committed",
                "transactional id billing: nothing of a zombie counts",
            ],
            &["group billing on orders: everything is processed at least once in the end"],
        ),
        (
            "what it reads may be stored twice",
            |scenario| scenario.producers[0].options.idempotent = false,
            &[
                "topic bills: what is committed counts once",
                "group billing on orders: everything is processed effectively once in the end",
                "topic orders: nothing is stored twice",
                "group packing on orders: each message is with one member at a time",
            ],
            &["group billing on orders: everything is processed at least once in the end"],
        ),
        (
            "a second group writes the same bills",
            |scenario| {
                let mut other = scenario.consumers[0].clone();
                if let SourceSpec::Group { name, .. } = &mut other.from {
                    *name = Name::new("other").expect("a legal name");
                }
                let transform = other.program.transform.as_mut().expect("it writes bills");
                transform.transactional.as_mut().expect("in transactions").id =
                    Name::new("other").expect("a legal name");
                scenario.consumers.push(other);
            },
            &["topic bills: what is committed counts once"],
            &[
                "group other on orders: everything is processed effectively once in the end",
                "transactional id other: nothing of a zombie counts",
            ],
        ),
        (
            "it reads what may be aborted",
            |scenario| {
                if let SourceSpec::Group { options, .. } = &mut scenario.consumers[2].from {
                    options.isolation = Isolation::Uncommitted;
                }
            },
            &[
                "group bank on moves: nothing is seen that was not committed",
                "topic moves: each key stays in order",
            ],
            &[],
        ),
        (
            "a fenced program stays away",
            |scenario| {
                let transform = scenario.consumers[0].program.transform.as_mut().expect("it writes bills");
                transform.transactional.as_mut().expect("in transactions").restarts_after = 0;
            },
            &["group billing on orders: everything is processed effectively once in the end"],
            &["group billing on orders: nothing is processed twice"],
        ),
        (
            "two tellers under one id",
            |scenario| {
                let other = scenario.producers[1].clone();
                scenario.producers.push(other);
            },
            &[
                "topic moves: everything sent is answered in the end",
                "group bank on moves: everything is processed at least once in the end",
            ],
            &[],
        ),
        (
            "a log that loses its markers",
            |scenario| scenario.topics[1].unclean_election = true,
            &[
                "topic bills: what is committed counts once",
                "group ledger on bills: nothing is seen that was not committed",
                "topic bills: everything sent is answered in the end",
                "topic bills: what was acknowledged is not lost",
                "topic bills: what was read stays",
                "group ledger on bills: everything is processed at least once in the end",
            ],
            &[],
        ),
        (
            "what is read may be superseded",
            |scenario| scenario.topics[0].cleanup.policy = CleanupPolicy::Compact,
            &[
                "topic bills: everything sent is answered in the end",
                "topic bills: what is committed counts once",
                "topic orders: nothing is stored twice",
                "topic orders: what was read stays",
                "topic orders: each key stays in order",
                "group billing on orders: everything is processed effectively once in the end",
                "group packing on orders: each message is with one member at a time",
            ],
            &["group billing on orders: everything is processed at least once in the end"],
        ),
        (
            "a share group that begins with the latest",
            |scenario| scenario.settings.share.start = ShareStart::Latest,
            &["group packing on orders: everything is processed at least once in the end"],
            &[],
        ),
        (
            "a member that says so before it has done it",
            |scenario| {
                scenario.consumers[3].program.settles = Settles::Before;
            },
            &["group packing on orders: everything is processed at least once in the end"],
            &[],
        ),
        (
            "locks that run out later than the run",
            |scenario| scenario.settings.share.lock = Span::from_millis(3_000),
            &[
                "group packing on orders: everything is processed at least once in the end",
                "topic orders: everything sent is answered in the end",
                "topic bills: everything sent is answered in the end",
                "topic moves: everything sent is answered in the end",
                "group bank on moves: everything is processed at least once in the end",
                "group ledger on bills: everything is processed at least once in the end",
                "group billing on orders: everything is processed effectively once in the end",
            ],
            &["group billing on orders: nothing is processed twice"],
        ),
        (
            "orders move to one broker",
            |scenario| {
                let partition = PartitionId { topic: Name::new("moves").expect("a legal name"), index: 0 };
                let order = Order::Reassign { partition, replicas: vec![NodeId::Broker(1)] };
                scenario.admin = vec![AdminAction { at: Time(90_000), order }];
            },
            &[
                "topic moves: what was acknowledged is not lost",
                "topic moves: what was read stays",
                "topic moves: what is committed counts once",
                "topic moves: each key stays in order",
                "topic moves: everything sent is answered in the end",
                "group bank on moves: nothing is seen that was not committed",
                "group bank on moves: everything is processed at least once in the end",
            ],
            &[],
        ),
    ];
    for (what, change, go, come) in table {
        let mut scenario = transactional();
        change(&mut scenario);
        let stay = all.iter().filter(|line| !go.contains(&line.as_str())).cloned();
        let expected: BTreeSet<String> = stay.chain(come.iter().map(ToString::to_string)).collect();
        assert_eq!(lines(&scenario), expected, "{what}");
    }
    // Without flushes a power cut may take a marker, a decision, or a share group's account: only answers are left.
    let mut dark = transactional();
    dark.settings.flush_before_reply = false;
    dark.actions = vec![at("100 cut-power broker-1"), at("200 restart broker-1")];
    assert!(lines(&dark).iter().all(|line| line.ends_with(ANSWERED)), "{:#?}", lines(&dark));
}

/// A shop that puts orders into a topic, and two services that work on them.
fn shop() -> Scenario {
    let json = r#"{ "format": 1, "name": "shop", "seed": 1, "ends_at": 9000000, "brokers": 3, "latency": [300, 900],
        "settings": { "share": { "start": "earliest" } },
        "topics": [{ "name": "orders", "partitions": 1, "replicas": 3, "min_in_sync": 2 }],
        "services": [
            { "name": "shop", "workers": 4, "work": 500,
              "then": [{ "send": { "to": { "topic": { "name": "orders", "acks": "all" } } } }] },
            { "name": "finance", "from": { "group": { "name": "finance", "topic": "orders" } }, "workers": 1, "work": 2000 },
            { "name": "stock", "from": { "group": { "name": "stock", "topic": "orders" } }, "workers": 1, "work": 3000 }],
        "users": [{ "name": "buyers", "calls": "shop", "requests": 30, "every": 9000, "timeout": 200000,
            "done_by": ["finance", "stock"] }] }"#;
    Scenario::from_json(json).expect("it is sound")
}

#[test]
fn what_users_are_told_is_promised_where_nobody_can_fail_and_the_topic_keeps_it() {
    type Change = fn(&mut Scenario);
    let table: [(&str, Change, bool); 9] = [
        ("as it is", |_| (), true),
        (
            "a broker dies",
            |scenario| scenario.actions = vec![at("100 crash broker-1"), at("400 restart broker-1")],
            true,
        ),
        (
            "a service dies",
            |scenario| scenario.actions = vec![at("100 crash service-2"), at("400 restart service-2")],
            true,
        ),
        ("finance may fail", |scenario| scenario.services[1].fails_per_mille = 10, false),
        ("the shop may fail: it says so", |scenario| scenario.services[0].fails_per_mille = 10, true),
        ("one copy", |scenario| scenario.topics[0].min_in_sync = 1, false),
        ("too short", |scenario| scenario.ends_at = Time(400_000), false),
        ("somebody stays away", |scenario| scenario.actions = vec![at("100 crash service-3")], false),
        ("nobody is told \"accepted\"", |scenario| scenario.services[0].then.clear(), false),
    ];
    for (what, change, promised) in table {
        let mut scenario = shop();
        change(&mut scenario);
        if what.starts_with("nobody") {
            scenario.users[0].done_by.clear();
        }
        assert_eq!(lines(&scenario), promised.then(|| DONE.to_string()).into_iter().collect(), "{what}");
        for seed in 0..5 {
            let trial = Trial::of(&scenario, seed).expect("it can be run");
            assert_eq!(trial.broken().count(), 0, "{what}, seed {seed}");
        }
    }
    // Where it is not promised it is broken, and the judge names the messages.
    let mut fails = shop();
    fails.services[1].fails_per_mille = 300;
    let mut timeline = Timeline::new(fails, 1).expect("it can be run");
    timeline.advance(timeline.ends_at());
    let mut judge = PromiseJudge::default();
    timeline.events().iter().for_each(|fact| judge.observe(fact));
    let broken = judge.broken(timeline.verdict());
    let users =
        broken.iter().find(|judged| judged.promised.of == Subject::Users).expect("some are disappointed");
    assert!((3..30).contains(&users.broken_by.len()), "{:?}", users.broken_by);
}
