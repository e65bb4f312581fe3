//! What producers do for their messages' safety, under many seeds: keeping, remembering, and transactions of their own.

use mqlab_core::observe::{Event, QueueEvent, Verdict};
use mqlab_core::sim::Timeline;
use mqlab_tests::claims::story;

/// How many seeds each claim is held against.
const SEEDS: u64 = 100;

/// What a scenario's verdict is at the end, under each seed.
fn verdicts(name: &'static str) -> impl Iterator<Item = (u64, Verdict)> {
    (0..SEEDS).map(move |seed| (seed, story(name, seed).verdict().clone()))
}

fn recognised(timeline: &Timeline) -> usize {
    let knows = |event: &Event| matches!(event, Event::Queue(QueueEvent::Recognised { .. }));
    timeline.events().iter().filter(|stamped| knows(&stamped.event)).count()
}

#[test]
fn a_fail_over_loses_nothing_and_doubles_what_nobody_remembers() {
    for (seed, verdict) in verdicts("failover-doubles") {
        assert!(verdict.lost().is_empty() && verdict.delivered() == 60, "seed {seed}: {:?}", verdict.lost());
        assert!(verdict.doubled().len() >= 3, "seed {seed}: {:?}", verdict.doubled());
    }
    for seed in 0..SEEDS {
        let timeline = story("failover-once", seed);
        let verdict = timeline.verdict();
        assert!(verdict.lost().is_empty() && verdict.delivered() == 60, "seed {seed}: {:?}", verdict.lost());
        assert!(verdict.doubled().is_empty(), "seed {seed}: {:?}", verdict.doubled());
        assert!(recognised(&timeline) >= 3, "seed {seed}: the memory was asked");
        // What is recognised is acknowledged too, also before the broker has answered the subscription.
        let count = |of: fn(&Event) -> usize| timeline.events().iter().map(|s| of(&s.event)).sum::<usize>();
        let stored =
            count(|event| if let Event::Appended { messages, .. } = event { messages.len() } else { 0 });
        let removed = count(|event| usize::from(matches!(event, Event::Settled { .. })));
        assert_eq!(stored, removed, "seed {seed}: no queue keeps what is done");
    }
}

#[test]
fn stored_is_not_done() {
    for (seed, verdict) in verdicts("stored-is-not-done") {
        let never = verdict.acknowledged() - verdict.delivered();
        assert!(never >= 3, "seed {seed}: {never} were stored and never done");
        assert_eq!(never, verdict.lost().len() as u64 + verdict.on_their_way(), "seed {seed}");
    }
    let lossy = verdicts("stored-is-not-done").filter(|(_, verdict)| !verdict.lost().is_empty()).count();
    assert!(lossy * 10 >= SEEDS as usize * 7, "in {lossy} of {SEEDS} runs the disk lost something");
    for (seed, verdict) in verdicts("kept-until-done") {
        assert!(verdict.lost().is_empty() && verdict.delivered() == 60, "seed {seed}: {:?}", verdict.lost());
        assert!(verdict.doubled().is_empty(), "seed {seed}: {:?}", verdict.doubled());
    }
}

#[test]
fn publishing_first_invents_orders() {
    let mut more_than_rolled_back = 0;
    for (seed, verdict) in verdicts("dual-write-publish-first") {
        let agreement = verdict.agreement();
        assert!(agreement.unheard().is_empty(), "seed {seed}: {:?}", agreement.unheard());
        assert!(!agreement.invented().is_empty(), "seed {seed}");
        // Some were announced although nothing failed: the program died in between.
        let timeline = story("dual-write-publish-first", seed);
        let rolled_back = timeline.events().iter().filter(|stamped| {
            matches!(stamped.event, Event::Queue(QueueEvent::OwnTransaction { committed: false, .. }))
        });
        more_than_rolled_back += usize::from(agreement.invented().len() > rolled_back.count());
    }
    assert!(more_than_rolled_back * 10 >= SEEDS as usize * 9, "in {more_than_rolled_back} of {SEEDS} runs");
}

#[test]
fn committing_first_leaves_orders_unheard() {
    let mut unheard = 0;
    for (seed, verdict) in verdicts("dual-write-commit-first") {
        let agreement = verdict.agreement();
        assert!(agreement.invented().is_empty(), "seed {seed}: {:?}", agreement.invented());
        assert_eq!(
            agreement.committed(),
            verdict.delivered() + agreement.unheard().len() as u64,
            "seed {seed}"
        );
        unheard += agreement.unheard().len();
    }
    assert!(unheard >= SEEDS as usize, "{unheard} orders of {SEEDS} runs were never heard of");
}

#[test]
fn an_outbox_only_doubles() {
    let mut doubled = 0;
    for (seed, verdict) in verdicts("outbox") {
        let agreement = verdict.agreement();
        assert!(agreement.invented().is_empty(), "seed {seed}: {:?}", agreement.invented());
        assert!(agreement.unheard().is_empty(), "seed {seed}: {:?}", agreement.unheard());
        assert_eq!(agreement.committed(), verdict.delivered(), "seed {seed}");
        doubled += verdict.doubled().len();
    }
    assert!(doubled >= SEEDS as usize / 2, "{doubled} messages of {SEEDS} runs came twice");
}

#[test]
fn half_messages_are_asked_about_and_agree() {
    for (seed, verdict) in verdicts("half-messages") {
        let agreement = verdict.agreement();
        assert!(agreement.invented().is_empty(), "seed {seed}: {:?}", agreement.invented());
        assert!(agreement.unheard().is_empty(), "seed {seed}: {:?}", agreement.unheard());
        assert_eq!(agreement.committed(), verdict.delivered(), "seed {seed}");
        assert!(agreement.checked_back() >= 1, "seed {seed}: nobody was asked");
    }
}
