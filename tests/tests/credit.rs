//! What credit flow is said to do, it does under many seeds: the mailbox stays small, the fast producer goes at the
//! queue's pace, the slow one is not held up; and without credit the broker dies of its mailbox, again and again.

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, QueueEvent};
use mqlab_core::sim::{Command, Scenario, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_core::vhost::{INITIAL_CREDIT, MORE_CREDIT_AFTER};
use mqlab_tests::claims::{all, each, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;
const IMPORT: NodeId = NodeId::Producer(1);
const TILL: NodeId = NodeId::Producer(2);
/// How many messages the two send.
const MESSAGES: u64 = 2_050;

/// Who went into flow (`true`) or out of it, and when.
fn flow(run: &Timeline) -> Vec<(Time, NodeId, bool)> {
    let turns = all(run, |event| match event {
        Event::Queue(QueueEvent::InFlow { client, .. }) => Some((*client, true)),
        Event::Queue(QueueEvent::OutOfFlow { client, .. }) => Some((*client, false)),
        _ => None,
    });
    turns.into_iter().map(|(at, _, (client, into))| (at, client, into)).collect()
}

fn taken_in(run: &Timeline) -> Vec<Time> {
    let appended = all(run, |event| match event {
        Event::Appended { messages, .. } => Some(messages.len()),
        _ => None,
    });
    appended.into_iter().flat_map(|(at, _, count)| vec![at; count]).collect()
}

#[test]
fn the_two_differ_in_one_setting() {
    let (mut with, without) = (scenario("credit-flow"), scenario("no-credit-flow"));
    assert_eq!((with.settings.credit_flow, without.settings.credit_flow), ((400, 200), (0, 0)));
    with.settings.credit_flow = (0, 0);
    with.name.clone_from(&without.name);
    assert_eq!(with, without);
}

#[test]
fn with_credit_the_mailbox_stays_small_and_the_producer_goes_at_the_queues_pace() {
    for seed in 0..SEEDS {
        let run = story("credit-flow", seed);
        let (mailboxes, verdict) = (run.metrics().mailboxes, run.verdict());
        assert!(verdict.is_clean() && verdict.delivered() == MESSAGES, "seed {seed}");
        // At most 400 of each: the fast one's, and the slow one's few.
        let most = u64::from(INITIAL_CREDIT) + 50;
        assert!((400..=most).contains(&mailboxes.messages_max), "seed {seed}: {mailboxes:?}");
        assert_eq!(mailboxes.bytes_max, 100 * mailboxes.messages_max, "seed {seed}");
        assert_eq!((mailboxes.lost, run.metrics().queues.out_of_memory), (0, 0), "seed {seed}");
        // One message each 0.5 ms, whatever is sent.
        let intake = scenario("credit-flow").settings.intake;
        assert!(taken_in(&run).windows(2).all(|pair| pair[1] >= pair[0] + intake), "seed {seed}");
    }
}

#[test]
fn only_the_fast_one_is_in_flow_and_goes_on_after_two_hundred_were_taken() {
    for seed in 0..SEEDS {
        let run = story("credit-flow", seed);
        let turns = flow(&run);
        assert!(turns.len() >= 10, "seed {seed}: {turns:?}");
        assert!(turns.iter().all(|(_, client, _)| *client == IMPORT), "seed {seed}: {turns:?}");
        assert!(turns.windows(2).all(|pair| pair[0].2 != pair[1].2), "seed {seed}: in and out in turn");
        // Between two times that it goes on, the queue takes in at least two hundred messages.
        let intake = scenario("credit-flow").settings.intake;
        let on: Vec<Time> = turns.iter().filter(|(.., into)| !into).map(|(at, ..)| *at).collect();
        let least = Span(intake.0 * u64::from(MORE_CREDIT_AFTER));
        assert!(on.windows(2).all(|pair| pair[1] >= pair[0] + least), "seed {seed}: {on:?}");
        // Its messages are stored in their order, though it does not wait for answers.
        assert!(run.verdict().reordered().is_empty(), "seed {seed}");
        // The other one waits behind 400 messages, and behind no more.
        let (sent, told) = (moments(&run, TILL, true), moments(&run, TILL, false));
        let longest = sent.iter().zip(&told).map(|(sent, told)| told.since(*sent)).max().expect("it sends");
        assert!(longest < Span::from_millis(235), "seed {seed}: {longest}");
    }
}

/// When a producer sent each of its messages, or was told that it is stored.
fn moments(run: &Timeline, producer: NodeId, sent: bool) -> Vec<Time> {
    let picked = each(run, |event| match event {
        Event::Sent { attempt: 1, .. } => sent,
        Event::Acknowledged { .. } => !sent,
        _ => false,
    });
    picked.into_iter().filter(|(_, node, _)| *node == producer).map(|(at, ..)| at).collect()
}

#[test]
fn without_credit_the_broker_dies_of_its_mailbox_again_and_again_and_loses_nothing_that_was_confirmed() {
    for seed in 0..SEEDS {
        let (run, calm) = (story("no-credit-flow", seed), story("credit-flow", seed));
        let mailboxes = run.metrics().mailboxes;
        assert!(run.metrics().queues.out_of_memory >= 5, "seed {seed}: {:?}", run.metrics().queues);
        assert_eq!(mailboxes.in_flow, 0, "seed {seed}");
        assert!(mailboxes.bytes_max > 64_000, "seed {seed}: {mailboxes:?}");
        assert!(mailboxes.messages_max > calm.metrics().mailboxes.messages_max + 150, "seed {seed}");
        assert!(mailboxes.lost > 5_000, "seed {seed}: {mailboxes:?}");
        assert!(run.verdict().lost().is_empty(), "seed {seed}: {:?}", run.verdict().lost());
        assert!(run.verdict().delivered() * 2 < calm.verdict().delivered(), "seed {seed}");
        assert!(run.metrics().sent > 4 * calm.metrics().sent, "seed {seed}: {}", run.metrics().sent);
    }
}

#[test]
fn whoever_dies_in_flow_loses_nothing_that_was_confirmed() {
    for seed in 0..SEEDS {
        for (node, power) in
            [(NodeId::Broker(1), false), (NodeId::Broker(1), true), (IMPORT, false), (IMPORT, true)]
        {
            let mut run = Timeline::new(scenario("credit-flow"), seed).expect("it is sound");
            run.advance(Time(200_000 + seed * 7_000));
            run.command(if power { Command::CutPower(node) } else { Command::Crash(node) }).expect("it runs");
            run.advance(Time(run.now().0 + 30_000));
            run.command(Command::Restart(node)).expect("it does not run");
            run.advance(run.ends_at());
            let verdict = run.verdict();
            assert!(verdict.lost().is_empty(), "seed {seed}, {node}, {power}: {:?}", verdict.lost());
            assert!(verdict.acknowledged() > 150, "seed {seed}, {node}, {power}: {}", verdict.acknowledged());
            if node == NodeId::Broker(1) {
                // Whoever sent it still holds it, and sends it again.
                assert!(run.metrics().mailboxes.lost > 0, "seed {seed}");
                assert_eq!(verdict.delivered(), MESSAGES, "seed {seed}, {power}");
            }
        }
    }
}

#[test]
fn wrong_values_are_refused_and_the_refusal_says_what_would_do() {
    let wrong = |change: fn(&mut Scenario)| {
        let mut scenario = scenario("credit-flow");
        change(&mut scenario);
        scenario.check().expect_err("it makes no sense").to_string()
    };
    for (change, says) in [
        (
            (|scenario| scenario.settings.intake = Span(1_000_001)) as fn(&mut Scenario),
            "the setting intake is",
        ),
        (|scenario| scenario.settings.credit_flow = (400, 0), "the setting credit_flow is [400, 0]"),
        (|scenario| scenario.settings.credit_flow = (0, 200), "or [0, 0] for none"),
        (|scenario| scenario.settings.credit_flow = (100, 200), "at most as much more each time"),
        (|scenario| scenario.settings.credit_flow = (2_000_000, 1), "use a credit of 1 to 1000000"),
        (|scenario| scenario.settings.in_flight_max = 0, "the setting in_flight_max is 0, use 1 to 10000"),
        (|scenario| scenario.settings.in_flight_max = 10_001, "the setting in_flight_max is 10001"),
        (
            |scenario| scenario.limits[0].mailbox_room = Some(0),
            "broker 1 has room for 0 bytes in its mailboxes",
        ),
        (|scenario| scenario.limits[0].mailbox_room = None, "has no mailbox_room"),
    ] {
        let refusal = wrong(change);
        assert!(refusal.contains(says), "{refusal}");
    }
}
