//! What programs are said to do that answer, or send on what they have done, they do under many seeds.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::MessageId;
use mqlab_core::observe::{Event, Place, QueueEvent, Stamped};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::Time;
use mqlab_tests::claims::{each, scenario};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;

fn ended(name: &str, seed: u64) -> Timeline {
    let scenario = Scenario::built_in(name).expect("a scenario that comes with the engine");
    let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
    timeline.advance(timeline.ends_at());
    timeline
}

/// What of some kind happened, in order.
fn all<T>(timeline: &Timeline, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
    timeline.events().iter().filter_map(|stamped| pick(&stamped.event)).collect()
}

#[test]
fn answers_find_their_requests_in_whatever_order_they_come() {
    let mut answered_twice = 0;
    for seed in 0..SEEDS {
        let run = ended("request-reply", seed);
        let counts = &run.metrics().queues;
        let mut answered = all(&run, |event| match event {
            Event::Queue(QueueEvent::Answered { request, .. }) => Some(*request),
            _ => None,
        });
        let swapped = answered.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!(swapped >= 5, "seed {seed}: {swapped} answers overtook another");
        // Each request is answered once or given up, and nothing of the work is lost.
        let given_up = all(&run, |event| match event {
            Event::Queue(QueueEvent::GaveUpWaiting { request, .. }) => Some(*request),
            _ => None,
        });
        let late = given_up.len() as u64;
        answered.extend(given_up);
        answered.sort_unstable();
        answered.dedup();
        assert_eq!((answered.len(), counts.answered + counts.given_up), (60, 60), "seed {seed}");
        assert!(run.verdict().lost().is_empty() && run.verdict().on_their_way() == 0, "seed {seed}");
        // Whoever gives up takes nothing back: the work is done, and the answer comes late.
        assert!((2..=12).contains(&late), "seed {seed}: {late} given up");
        assert!(counts.late >= late, "seed {seed}: {} of {late} came late", counts.late);
        answered_twice += u64::from(counts.recognised > 0);
    }
    assert!(answered_twice >= SEEDS / 2, "a dying server answers twice in {answered_twice} runs of {SEEDS}");
}

#[test]
fn a_client_that_is_started_anew_waits_for_no_old_answers() {
    for seed in 0..SEEDS {
        let scenario = Scenario::built_in("request-reply").expect("it comes with the engine");
        let mut run = Timeline::new(scenario, seed).expect("it is sound");
        run.advance("300".parse().expect("a moment"));
        let waiting = run.picture(0).producers[0].waiting.len() as u64;
        run.command("crash producer-1".parse().expect("a command")).expect("it runs");
        run.command("restart producer-1".parse().expect("a command")).expect("it is down");
        run.advance(run.ends_at());
        let counts = &run.metrics().queues;
        assert!(counts.late >= waiting.max(1), "seed {seed}: {} of {waiting}", counts.late);
        assert!(counts.answered + counts.given_up < 60, "seed {seed}: what was waited for is forgotten");
    }
}

/// In which steps each message was put into a queue.
fn put_into(run: &Timeline, queue: &str) -> BTreeMap<MessageId, Vec<u64>> {
    let mut steps: BTreeMap<MessageId, Vec<u64>> = BTreeMap::new();
    for Stamped { step, event, .. } in run.events() {
        if let Event::Appended { to: Place::Queue(to), messages, .. } = event
            && to.as_str() == queue
        {
            messages.iter().for_each(|message| steps.entry(*message).or_default().push(*step));
        }
    }
    steps
}

/// The commits: in which step, what was acknowledged, and what was sent.
fn commits(run: &Timeline) -> Vec<(u64, Vec<MessageId>, Vec<MessageId>)> {
    let commit = |Stamped { step, event, .. }: &Stamped| match event {
        Event::Queue(QueueEvent::TransactionCommitted { done, sent, .. }) => {
            Some((*step, done.iter().map(|(_, message)| *message).collect(), sent.clone()))
        }
        _ => None,
    };
    run.events().iter().filter_map(commit).collect()
}

/// Whatever happened: each order was done once, and its two messages came at that moment, and once.
fn is_whole(run: &Timeline, seed: u64) {
    let (payments, parcels) = (put_into(run, "payments"), put_into(run, "parcels"));
    let commits = commits(run);
    let done: BTreeSet<MessageId> = commits.iter().flat_map(|(_, done, _)| done.clone()).collect();
    assert_eq!((commits.len(), done.len()), (50, 50), "seed {seed}: each order once");
    for (step, done, sent) in &commits {
        let [payment, parcel] = sent[..] else { panic!("seed {seed}: {sent:?} for {done:?}") };
        let here = vec![*step];
        assert_eq!((payments.get(&payment), parcels.get(&parcel)), (Some(&here), Some(&here)), "seed {seed}");
    }
    assert_eq!((payments.len(), parcels.len()), (50, 50), "seed {seed}: and nothing else");
    assert!(run.verdict().lost().is_empty(), "seed {seed}: {:?}", run.verdict().lost());
    assert_eq!((run.verdict().delivered(), run.verdict().on_their_way()), (150, 0), "seed {seed}");
}

#[test]
fn without_a_transaction_payments_go_out_twice_and_parcels_late() {
    for seed in 0..SEEDS {
        let run = ended("without-transaction", seed);
        let (payments, parcels) = (put_into(&run, "payments"), put_into(&run, "parcels"));
        assert!(run.verdict().lost().is_empty() && run.verdict().delivered() == 150, "seed {seed}");
        let twice = payments.values().filter(|steps| steps.len() > 1).count();
        assert!(twice >= 2, "seed {seed}: {twice} payments went out twice");
        assert!(run.verdict().doubled().len() >= 2, "seed {seed}: {:?}", run.verdict().doubled());
        // A payment stands alone for a while, also where nothing goes wrong.
        let both: BTreeSet<u64> = payments.values().chain(parcels.values()).flatten().copied().collect();
        let all = payments.values().chain(parcels.values()).map(Vec::len).sum::<usize>();
        assert_eq!(both.len(), all, "seed {seed}: no two at one moment");
    }
}

#[test]
fn a_transaction_hands_on_and_acknowledges_once_and_at_one_moment() {
    let (mut asked, mut unfinished, mut unheard) = (0, 0, 0);
    for seed in 0..SEEDS {
        let run = ended("local-transaction", seed);
        is_whole(&run, seed);
        assert!(run.verdict().is_clean(), "seed {seed}: {:?}", run.verdict().doubled());
        let undone = all(&run, |event| match event {
            Event::Queue(QueueEvent::TransactionRolledBack { asked, .. }) => Some(*asked),
            _ => None,
        });
        // A desk that dies before it hears of its commit: what counts is that the broker did it.
        let heard = each(&run, |event| matches!(event, Event::Acknowledged { .. }));
        unheard += commits(&run)
            .iter()
            .filter(|(.., sent)| !heard.iter().any(|(.., message)| *message == sent[0]))
            .count();
        let wished = undone.iter().filter(|asked| **asked).count();
        assert!(wished >= 1, "seed {seed}: no program broke off");
        (asked, unfinished) = (asked + wished, unfinished + undone.len() - wished);
    }
    assert!(asked >= SEEDS as usize * 4, "{asked} attempts broke off");
    assert!(unheard >= 2, "{unheard} commits were never heard of");
    assert!(unfinished >= SEEDS as usize, "{unfinished} times a desk died in the middle");
}

#[test]
fn also_when_the_broker_dies_and_nobody_knows_what_became_of_a_commit() {
    let mut unknown = 0;
    for seed in 0..SEEDS {
        // One desk is left in the end: it takes its time.
        let scenario = Scenario { ends_at: Time(2_000_000), ..scenario("local-transaction") };
        let mut timeline = Timeline::new(scenario, seed).expect("it is sound");
        for round in 0..3 {
            let at = 150_000 + round * 170_000 + seed * 1_300;
            timeline.advance(Time(at));
            timeline.command("crash broker-1".parse().expect("a command")).expect("it runs");
            timeline.advance(Time(at + 40_000));
            timeline.command("restart broker-1".parse().expect("a command")).expect("it is down");
        }
        // A desk whose machine is dark says no goodbye: its transaction waits until the broker gives it up.
        timeline.command("cut-power consumer-2".parse().expect("a command")).expect("it runs");
        timeline.advance(timeline.ends_at());
        is_whole(&timeline, seed);
        // In the lab the answer to a commit arrives before the word that the connection broke: so whoever does not know
        // gets its order again, and it is done then. (That it may be done already: `core/tests/transactions.rs`.)
        let lost = all(&timeline, |event| match event {
            Event::Queue(QueueEvent::TransactionLost { message, unknown: true }) => Some(*message),
            _ => None,
        });
        for message in &lost {
            let again = |event: &Event| match event {
                Event::Delivered { message: again, delivery: 2.., .. } => (again == message).then_some(()),
                _ => None,
            };
            assert!(!all(&timeline, again).is_empty(), "seed {seed}: {message}");
        }
        unknown += lost.len();
    }
    assert!(unknown >= 3, "{unknown} times a desk did not know");
}
