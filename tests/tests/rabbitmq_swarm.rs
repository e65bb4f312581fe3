//! Random clusters of RabbitMQ, each judged by what it promises; and settings that promise nothing, which must break what they do
//! not promise.
//!
//! `RABBITMQ_RUNS=n` makes n runs, `RABBITMQ_SEED=n` one alone, with its trace.

use std::collections::BTreeMap;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, Promise, QueueEvent, RabbitmqEvent};
use mqlab_core::sim::swarm::{Trial, rabbitmq};
use mqlab_core::sim::{
    Action, Command, Scenario, SystemSource, SystemSpec, SystemTarget, TargetSpec, Timeline,
};
use mqlab_core::time::Time;

/// How many runs the test makes.
const RUNS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}

fn trace(scenario: &Scenario) {
    let mut timeline = Timeline::new(scenario.clone(), scenario.seed).expect("a sound scenario");
    timeline.advance(timeline.ends_at());
    println!("{}", scenario.to_json());
    timeline.events().iter().for_each(|fact| println!("{fact}"));
}

#[test]
fn whatever_is_drawn_keeps_what_it_promises() {
    let seeds = match number("RABBITMQ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("RABBITMQ_RUNS").unwrap_or(RUNS),
    };
    let alone = number("RABBITMQ_SEED").is_some();
    let (mut made, mut met, mut wrong) =
        (BTreeMap::<Promise, u32>::new(), BTreeMap::<&str, u32>::new(), Vec::new());
    for seed in seeds {
        let scenario = rabbitmq(seed);
        if alone {
            trace(&scenario);
        }
        let trial = Trial::of(&scenario, seed).expect("the swarm draws sound scenarios");
        for judged in &trial.judged {
            *made.entry(judged.promised.promise).or_default() += 1;
        }
        for &what in trial.met.iter() {
            *met.entry(what).or_default() += 1;
        }
        wrong.extend(
            trial.broken().map(|judged| format!("seed {seed}: {} {:?}", judged.promised, judged.broken_by)),
        );
    }
    println!("{made:?} {met:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    if !alone {
        for promise in [Promise::NotLost, Promise::Answered, Promise::AtLeastOnce, Promise::ReadStays] {
            assert!(
                made.get(&promise).is_some_and(|many| *many > 5),
                "{promise:?} was hardly made: {made:?}"
            );
        }
        for what in [
            "acknowledged and lost",
            "processed twice",
            "a message that died in a queue",
            "a publisher blocked by an alarm",
            "a client in flow",
        ] {
            assert!(met.contains_key(what), "nothing was ever {what}: {met:?}");
        }
    }
}

/// With a quorum queue what is confirmed survives the replacement of the leader's machine, with a classic queue it does not;
/// and without confirms a publisher never knows.
#[test]
fn weak_settings_break_what_strong_ones_promise() {
    let (mut strong, mut classic, mut unconfirmed) = (0, 0, 0);
    for seed in 0..15 {
        let quorum = Scenario::built_in("rabbitmq-quorum-queue").expect("it is built in");
        let trial = Trial::of(&quorum, seed).expect("it can be run");
        assert!(trial.judged.iter().any(|judged| judged.promised.promise == Promise::NotLost));
        strong += trial.broken().count();

        let on_one = Scenario::built_in("rabbitmq-classic-queue").expect("it is built in");
        let trial = Trial::of(&on_one, seed).expect("it can be run");
        assert!(trial.judged.iter().all(|judged| judged.promised.promise != Promise::NotLost));
        classic += usize::from(trial.met.contains("acknowledged and lost"));

        let mut blind = quorum.clone();
        for producer in &mut blind.producers {
            let TargetSpec::System(SystemTarget::Rabbitmq(to)) = &mut producer.to else { continue };
            to.confirms = false;
        }
        let mut timeline = Timeline::new(blind, seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        unconfirmed += 100 - timeline.verdict().delivered();
    }
    assert_eq!(strong, 0, "a quorum queue kept its promises");
    assert!(classic > 5, "a classic queue lost what its machine had: {classic} of 15");
    assert!(unconfirmed < 1_500, "most comes through all the same");
}

#[test]
fn acknowledged_before_it_is_done_is_lost_with_its_consumer() {
    let mut scenario = Scenario::built_in("rabbitmq-quorum-queue").expect("it is built in");
    for consumer in &mut scenario.consumers {
        let mqlab_core::sim::SourceSpec::System(SystemSource::Rabbitmq(from)) = &mut consumer.from else {
            continue;
        };
        from.no_ack = true;
    }
    let worker = NodeId::Consumer(1);
    scenario.actions = vec![
        Action { at: Time(500_000), command: Command::Crash(worker) },
        Action { at: Time(700_000), command: Command::Restart(worker) },
    ];
    let lost: usize = (0..10)
        .map(|seed| {
            let mut timeline = Timeline::new(scenario.clone(), seed).expect("it can be run");
            timeline.advance(timeline.ends_at());
            timeline.verdict().lost().len()
        })
        .sum();
    assert!(lost > 5, "what was sent without acknowledgement died in its memory: {lost}");
}

#[test]
fn the_stories_show_what_they_tell() {
    let Some(SystemSpec::Rabbitmq(spec)) = rabbitmq(1).system else { panic!("it is RabbitMQ's") };
    assert!(!spec.queues.is_empty());
    let told = |name: &str, seed: u64, what: &dyn Fn(&Event) -> bool| {
        let mut timeline =
            Timeline::new(Scenario::built_in(name).expect("it is built in"), seed).expect("it can be run");
        timeline.advance(timeline.ends_at());
        timeline.events().iter().filter(|fact| what(&fact.event)).count()
    };
    for seed in 0..5 {
        let leads = |event: &Event| matches!(event, Event::Rabbitmq(RabbitmqEvent::Leads { .. }));
        assert!(told("rabbitmq-quorum-queue", seed, &leads) >= 2, "seed {seed}: a second leader");
        let letters = |event: &Event| matches!(event, Event::Rabbitmq(RabbitmqEvent::DeadLettered { .. }));
        assert_eq!(told("rabbitmq-delivery-limit", seed, &letters), 3, "seed {seed}: 20, 40 and 60");
        let died = |event: &Event| matches!(event, Event::Queue(QueueEvent::Died { .. }));
        assert_eq!(told("rabbitmq-delivery-limit", seed, &died), 3, "seed {seed}");
    }
}
