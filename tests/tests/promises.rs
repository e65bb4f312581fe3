//! Whatever the swarm draws, it keeps what its settings promise; and what they do not promise is broken sometimes.
//!
//! `PROMISES_RUNS=n` makes n runs; `mqlab swarm` makes the same runs, on every core.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::{Acks, CleanupPolicy, Isolation, ShareStart};
use mqlab_core::client::{CommitMode, ProducerOptions};
use mqlab_core::ids::Name;
use mqlab_core::observe::{Promise, PromiseJudge, Subject};
use mqlab_core::sim::swarm::{Deaths, SOMETIMES, Trial, anything, cluster, numbered};
use mqlab_core::sim::{Action, Scenario, Settles, SourceSpec, TargetSpec, Timeline, shrink};
use mqlab_core::time::{Span, Time};

/// How many runs there are, unless `PROMISES_RUNS` says otherwise.
const RUNS: u64 = 500;
/// The things that so many runs may well not meet.
const RARE: [&str; 1] = ["a message given up"];

#[test]
fn whatever_is_drawn_keeps_its_promises() {
    let runs = std::env::var("PROMISES_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    let (mut met, mut made) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..runs {
        let trial = Trial::of(&anything(seed), seed).expect("the swarm draws what can be run");
        for judged in &trial.judged {
            *made.entry(judged.promised.promise).or_insert(0) += 1;
        }
        let broken: Vec<_> = trial.broken().collect();
        assert!(broken.is_empty(), "seed {seed}: {broken:?}\nagain: mqlab swarm --runs 1 --seed {seed}");
        trial.met.into_iter().for_each(|what| *met.entry(what).or_insert(0) += 1);
    }
    // A swarm that promises nothing, or in which nothing goes wrong, proves nothing.
    for promise in Promise::ALL.into_iter().filter(|promise| *promise != Promise::Agrees) {
        assert!(made.get(&promise).is_some_and(|times| *times > 5), "{promise:?} in few of {runs}: {made:?}");
    }
    let never: Vec<_> = SOMETIMES.iter().filter(|what| !met.contains_key(*what)).collect();
    assert!(never.iter().all(|what| RARE.contains(what)), "never in {runs} runs: {never:?}");
}

/// The promises that a scenario makes.
fn made(scenario: &Scenario) -> BTreeSet<Promise> {
    assert_eq!(scenario.check(), Ok(()));
    scenario.promises(scenario.seed).into_iter().map(|promised| promised.promise).collect()
}

fn at(text: &str) -> Action {
    text.parse().expect("a command with its moment")
}

/// Settings that promise everything, and nothing that goes wrong.
fn sound() -> Scenario {
    let mut scenario = numbered(1, Deaths::Crashes, true);
    scenario.actions.clear();
    scenario
}

/// What is changed, and which promises go, and come.
type Row<'a> = (&'a str, Box<dyn Fn(&mut Scenario)>, &'a [Promise], &'a [Promise]);

#[test]
#[expect(clippy::too_many_lines, reason = "a table, with a row for each rule")]
fn what_is_promised_follows_from_settings_and_faults() {
    use Promise::{
        Answered, AtLeastOnce, AtMostOnce, EffectivelyOnce, InOrder, NotLost, ReadStays, StoredOnce,
    };
    let all = [NotLost, ReadStays, StoredOnce, InOrder, Answered, AtLeastOnce];
    assert_eq!(made(&sound()), all.into());
    type Change = fn(&mut Scenario);
    let to = |acks: Acks| {
        move |scenario: &mut Scenario| {
            for producer in &mut scenario.producers {
                producer.options = ProducerOptions::default();
                if let TargetSpec::Topic { acks: known, .. } = &mut producer.to {
                    *known = acks;
                }
            }
        }
    };
    let commits = |mode: CommitMode| {
        move |scenario: &mut Scenario| {
            for consumer in &mut scenario.consumers {
                if let SourceSpec::Group { options, .. } = &mut consumer.from {
                    options.commits = mode;
                }
            }
        }
    };
    let table: Vec<Row<'_>> = vec![
        ("acks 1", Box::new(to(Acks::Leader)), &[NotLost, StoredOnce, InOrder, AtLeastOnce], &[]),
        ("acks 0", Box::new(to(Acks::None)), &[NotLost, StoredOnce, InOrder, AtLeastOnce, Answered], &[]),
        (
            "one in sync is enough",
            Box::new((|scenario| scenario.topics[0].min_in_sync = 1) as Change),
            &all,
            &[],
        ),
        (
            "unclean election",
            Box::new((|scenario| scenario.topics[0].unclean_election = true) as Change),
            &all,
            &[],
        ),
        (
            "consumers read what one replica has",
            Box::new((|scenario| scenario.settings.strict_watermark = false) as Change),
            &[ReadStays],
            &[],
        ),
        (
            "no numbers, several under way",
            Box::new(
                (|scenario| {
                    scenario.producers[0].options.idempotent = false;
                    scenario.settings.in_flight_max = 2;
                }) as Change,
            ),
            &[StoredOnce, InOrder],
            &[],
        ),
        (
            "no numbers, one under way",
            Box::new(
                (|scenario| {
                    scenario.producers[0].options.idempotent = false;
                    scenario.settings.in_flight_max = 1;
                }) as Change,
            ),
            &[StoredOnce],
            &[],
        ),
        (
            "producers are forgotten soon",
            Box::new((|scenario| scenario.settings.producer_expiry = Span::from_millis(100)) as Change),
            &[StoredOnce],
            &[],
        ),
        (
            "two messages at once",
            Box::new((|scenario| scenario.consumers[0].program.workers = 2) as Change),
            &[InOrder],
            &[],
        ),
        ("commits before the work", Box::new(commits(CommitMode::Before)), &[AtLeastOnce], &[AtMostOnce]),
        (
            "programs that remember together",
            Box::new(
                (|scenario| {
                    for consumer in &mut scenario.consumers {
                        consumer.program.remembers = true;
                        consumer.program.database = Name::new("done").ok();
                    }
                }) as Change,
            ),
            &[AtLeastOnce],
            &[EffectivelyOnce],
        ),
        (
            "a short run",
            Box::new((|scenario| scenario.ends_at = Time(300_000)) as Change),
            &[Answered, AtLeastOnce],
            &[],
        ),
        (
            "a broker stays away",
            Box::new((|scenario| scenario.actions = vec![at("100 crash broker-1")]) as Change),
            &[Answered, AtLeastOnce],
            &[],
        ),
        (
            "it comes back",
            Box::new(
                (|scenario| {
                    scenario.actions = vec![at("100 cut-power broker-1"), at("200 restart broker-1")];
                }) as Change,
            ),
            &[],
            &[],
        ),
        (
            "nothing is flushed, and the power goes",
            Box::new(
                (|scenario| {
                    scenario.actions = vec![at("100 cut-power broker-1"), at("200 restart broker-1")];
                    scenario.settings.flush_before_reply = false;
                }) as Change,
            ),
            &all[..4],
            &[],
        ),
        (
            "nothing is flushed, and a process dies",
            Box::new(
                (|scenario| {
                    scenario.actions = vec![at("100 crash broker-1"), at("200 restart broker-1")];
                    scenario.settings.flush_before_reply = false;
                }) as Change,
            ),
            &[],
            &[],
        ),
        (
            "a disk lies, and the power goes",
            Box::new(
                (|scenario| {
                    let texts = ["50 disk broker-1 lying", "100 cut-power broker-1", "200 restart broker-1"];
                    scenario.actions = texts.map(at).into();
                }) as Change,
            ),
            &all,
            &[],
        ),
        (
            "two disks are replaced",
            Box::new(
                (|scenario| {
                    let texts = [
                        "50 crash broker-1",
                        "90 replace broker-1",
                        "95 crash broker-2",
                        "99 replace broker-2",
                    ];
                    scenario.actions = texts.map(at).into();
                }) as Change,
            ),
            // Nor is there time enough until everybody is answered.
            &all,
            &[],
        ),
    ];
    for (what, change, go, come) in table {
        let mut scenario = sound();
        change(&mut scenario);
        let mut expected: BTreeSet<Promise> =
            all.into_iter().filter(|promise| !go.contains(promise)).collect();
        expected.extend(come);
        // Who promises no log promises nobody to read all of it.
        if !expected.contains(&NotLost) {
            expected.remove(&AtLeastOnce);
        }
        assert_eq!(made(&scenario), expected, "{what}");
    }
}

/// Settings that promise everything, a teller that sends in transactions, a program that writes a bill for each order in
/// transactions, who reads those, and a share group.
fn transactional() -> Scenario {
    let json = r#"{ "format": 1, "name": "promises", "seed": 1, "ends_at": 9000000, "brokers": 3, "latency": [300, 900],
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

/// The same as lines of text.
fn lines(scenario: &Scenario) -> BTreeSet<String> {
    assert_eq!(scenario.check(), Ok(()));
    scenario.promises(scenario.seed).iter().map(ToString::to_string).collect()
}

const ONCE: &str = "everything is processed effectively once in the end";
const AT_LEAST: &str = "everything is processed at least once in the end";
const COMMITTED: &str = "what is committed counts once";
const SEEN: &str = "nothing is seen that was not committed";
const ANSWERED: &str = "everything sent is answered in the end";
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
                let order = r#"{ "at": 90000, "order": { "reassign": { "partition": { "topic": "moves", "index": 0 }, "replicas": ["broker-1"] } } }"#;
                scenario.admin = vec![serde_json::from_str(order).expect("an order")];
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
        assert_eq!(
            made(&scenario),
            promised.then_some(Promise::AcceptedIsDone).into_iter().collect(),
            "{what}"
        );
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

/// The first seed under which acks=1 loses something, and the scenario.
fn lossy() -> (Scenario, u64) {
    let draw = |seed| cluster(seed, Acks::Leader, Deaths::Crashes, false);
    let seed = (0..500).find(|&seed| loses(&Scenario { seed, ..draw(seed) }));
    let seed = seed.expect("acks=1 and crashing leaders, and nothing lost: the judge is blind");
    (draw(seed), seed)
}

fn loses(scenario: &Scenario) -> bool {
    let trial = Trial::of(scenario, scenario.seed).expect("it can be run");
    trial.met.contains("acknowledged and lost")
}

#[test]
fn a_run_that_loses_is_made_small_and_still_loses() {
    let (scenario, seed) = lossy();
    let small = shrink(&scenario, seed, 3_000, loses).scenario;
    let messages = |scenario: &Scenario| scenario.producers.iter().map(|p| p.messages).sum::<u64>();
    assert!(loses(&small), "{}", small.to_json());
    let size =
        (small.producers.len(), small.consumers.len(), small.actions.len(), small.topics[0].partitions);
    assert!(size.0 == 1 && size.1 == 1 && size.2 <= 2 && size.3 <= 4, "{}", small.to_json());
    assert!(
        messages(&small) < messages(&scenario) / 2 && small.ends_at < Time(800_000),
        "{}",
        small.to_json()
    );
    assert_eq!(shrink(&scenario, seed, 3_000, loses).scenario, small, "the same seed, the same small run");
    // As a file and as a link it is the same run.
    let digest = |scenario: &Scenario| {
        let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        timeline.digest()
    };
    let from_file = Scenario::from_json(&small.to_json()).expect("a file of ours");
    let from_link = Scenario::of_link(&format!("http://127.0.0.1:8080/?run={}&seed=1", small.pack()));
    let from_link = from_link.expect("it holds a run").expect("it can be run");
    assert_eq!((&from_file, &from_link), (&small, &small));
    assert_eq!(digest(&from_link), digest(&small));
}
