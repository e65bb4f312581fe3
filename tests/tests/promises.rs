//! Whatever the swarm draws, it keeps what its settings promise; and what they do not promise is broken sometimes.
//!
//! `PROMISES_RUNS=n` makes n runs; `mqlab swarm` makes the same runs, on every core.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::broker::Acks;
use mqlab_core::client::{CommitMode, ProducerOptions};
use mqlab_core::ids::Name;
use mqlab_core::observe::Promise;
use mqlab_core::sim::swarm::{Deaths, SOMETIMES, Trial, anything, cluster, numbered};
use mqlab_core::sim::{Action, Scenario, SourceSpec, TargetSpec, Timeline, shrink};
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
