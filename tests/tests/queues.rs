//! What a queue is said to do, it does under many seeds: limits, failures, time, order, subscribers, routes.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::message::DeathReason;
use mqlab_core::observe::{Event, Place, QueueEvent, QueueMetrics, Refusal};
use mqlab_core::sim::{Scenario, Timeline};
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, scenario, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;

fn counts(timeline: &Timeline) -> &QueueMetrics {
    &timeline.metrics().queues
}

/// The numbers of the messages that were done, in order, with moment and consumer.
fn done(timeline: &Timeline) -> Vec<(Time, NodeId, u64)> {
    numbers(each(timeline, |event| matches!(event, Event::Processed { .. })))
}

fn numbers(facts: Vec<(Time, NodeId, MessageId)>) -> Vec<(Time, NodeId, u64)> {
    facts.into_iter().map(|(at, node, message)| (at, node, message.0)).collect()
}

fn done_by(timeline: &Timeline, consumer: u16) -> Vec<u64> {
    let own = done(timeline).into_iter().filter(|(_, node, _)| *node == NodeId::Consumer(consumer));
    own.map(|(.., message)| message).collect()
}

/// The deliveries out of a queue, with moment: message, consumer, how often.
fn delivered(timeline: &Timeline, from: &str) -> Vec<(Time, u64, NodeId, u32)> {
    let pushed = all(timeline, |event| match event {
        Event::Delivered { queue, message, to, delivery } if queue.as_str() == from => {
            Some((message.0, *to, *delivery))
        }
        _ => None,
    });
    pushed.into_iter().map(|(at, _, (message, to, delivery))| (at, message, to, delivery)).collect()
}

/// When each message was stored in a queue for the first time.
fn stored(timeline: &Timeline, queue: &str) -> BTreeMap<u64, Time> {
    let mut at = BTreeMap::new();
    let batches = all(timeline, |event| match event {
        Event::Appended { to: Place::Queue(name), messages, .. } if name.as_str() == queue => {
            Some(messages.clone())
        }
        _ => None,
    });
    for (when, _, messages) in batches {
        messages.iter().for_each(|message| _ = at.entry(message.0).or_insert(when));
    }
    at
}

fn sent(timeline: &Timeline) -> Vec<(Time, NodeId, u64)> {
    numbers(each(timeline, |event| matches!(event, Event::Sent { attempt: 1, .. })))
}

fn died(timeline: &Timeline, of: DeathReason) -> BTreeMap<u64, Time> {
    let dead = all(timeline, |event| match event {
        Event::Queue(QueueEvent::Died { message, reason, .. }) if *reason == of => Some(message.0),
        _ => None,
    });
    dead.into_iter().map(|(at, _, message)| (message, at)).collect()
}

/// The most messages of a queue that were with consumers at once, and the most consumers that had some.
fn most_out(timeline: &Timeline) -> (usize, usize) {
    let mut out: BTreeMap<MessageId, NodeId> = BTreeMap::new();
    let (mut most, mut sharing) = (0, 0);
    for stamped in timeline.events() {
        match &stamped.event {
            Event::Delivered { message, to, .. } => _ = out.insert(*message, *to),
            Event::Settled { message, .. } => _ = out.remove(message),
            Event::Requeued { messages, .. } => messages.iter().for_each(|id| _ = out.remove(id)),
            _ => {}
        }
        most = most.max(out.len());
        sharing = sharing.max(out.values().collect::<BTreeSet<_>>().len());
    }
    (most, sharing)
}

#[test]
fn scenarios_of_one_story_have_the_same_load_and_seed() {
    for story in [
        &["push-unlimited", "push-automatic", "push-with-prefetch", "push-by-credit"][..],
        &["full-queue-drops", "full-queue-refuses", "full-queue-waits"],
        &["poison-forever", "poison-message"],
        &["expiry", "expiry-swept"],
        &["order-one-consumer", "order-parallel", "order-retry"],
    ] {
        let load = |name: &&str| {
            let Scenario { seed, ends_at, latency, producers, actions, .. } = scenario(name);
            (seed, ends_at, latency, producers, actions)
        };
        assert!(story.windows(2).all(|pair| load(&pair[0]) == load(&pair[1])), "{story:?}");
    }
}

#[test]
fn a_push_without_limit_kills_a_slow_consumer_again_and_again() {
    for seed in 0..SEEDS {
        let run = story("push-unlimited", seed);
        assert!(counts(&run).out_of_memory >= 5, "seed {seed}: {:?}", counts(&run));
        assert!(run.verdict().lost().is_empty() && run.verdict().acknowledged() == 120, "seed {seed}");
        // It never gets better: most of it waits, and is delivered over and over.
        assert!(run.verdict().delivered() < 60, "seed {seed}: {} done", run.verdict().delivered());
        assert!(run.metrics().redelivered > 100, "seed {seed}: {}", run.metrics().redelivered);
        let late = done(&run).iter().filter(|(at, ..)| *at > Time(700_000)).count();
        assert!(late < 10, "seed {seed}: {late} done in the last 500 ms");
    }
}

#[test]
fn with_automatic_acknowledgement_what_it_held_is_gone() {
    for seed in 0..SEEDS {
        let run = story("push-automatic", seed);
        let removed = all(&run, |event| match event {
            Event::Settled { message, .. } => Some(message.0),
            _ => None,
        });
        let done: BTreeSet<u64> = done(&run).into_iter().map(|(.., message)| message).collect();
        let gone = removed.iter().filter(|(.., message)| !done.contains(message)).count();
        assert!(counts(&run).out_of_memory >= 2, "seed {seed}: {:?}", counts(&run));
        assert_eq!(removed.len(), 120, "seed {seed}: the queue has nothing left");
        assert!(gone > 60, "seed {seed}: {gone} gone");
        assert_eq!(run.verdict().lost().len(), gone, "seed {seed}: the judge sees it");
        assert_eq!(run.metrics().redelivered, 0, "seed {seed}");
    }
}

#[test]
fn a_window_or_credit_keeps_the_backlog_in_the_queue() {
    for seed in 0..SEEDS {
        for (name, window) in [("push-with-prefetch", 4), ("push-by-credit", 1)] {
            let run = story(name, seed);
            assert!(counts(&run).is_empty(), "{name}, seed {seed}: {:?}", counts(&run));
            assert!(run.verdict().is_clean() && run.verdict().delivered() == 120, "{name}, seed {seed}");
            assert_eq!(most_out(&run).0, window, "{name}, seed {seed}");
        }
        // Who asks for one at a time waits for each: credit costs a round trip where a window hides it.
        let last = |name| done(&story(name, seed)).last().expect("all were done").0;
        assert!(last("push-by-credit") > last("push-with-prefetch") + Span::from_millis(120), "seed {seed}");
    }
}

#[test]
fn a_full_queue_drops_its_oldest_and_they_stand_among_the_dead_letters() {
    for seed in 0..SEEDS {
        let run = story("full-queue-drops", seed);
        let dropped = died(&run, DeathReason::MaxLength);
        assert!(dropped.len() > 20, "seed {seed}: {} dropped", dropped.len());
        let kept: BTreeSet<u64> = stored(&run, "overflow").into_keys().collect();
        assert_eq!(kept, dropped.keys().copied().collect(), "seed {seed}");
        let done: BTreeSet<u64> = done_by(&run, 1).into_iter().collect();
        assert!(done.is_disjoint(&kept) && done.len() + kept.len() == 100, "seed {seed}");
        // Nobody was told: the producer heard "stored" a hundred times, and sent everything once.
        assert_eq!((run.metrics().acknowledged, run.metrics().sent), (100, 100), "seed {seed}");
    }
}

fn refusals(timeline: &Timeline) -> Vec<Refusal> {
    let refused = all(timeline, |event| match event {
        Event::NotStored { why, .. } => Some(*why),
        _ => None,
    });
    refused.into_iter().map(|(.., why)| why).collect()
}

#[test]
fn a_full_queue_that_refuses_or_waits_loses_nothing() {
    for seed in 0..SEEDS {
        let (refuses, waits) = (story("full-queue-refuses", seed), story("full-queue-waits", seed));
        for run in [&refuses, &waits] {
            assert!(run.verdict().is_clean() && run.verdict().delivered() == 100, "seed {seed}");
            assert!(counts(run).died.is_empty(), "seed {seed}: {:?}", counts(run));
        }
        let why = refusals(&refuses);
        assert!(!why.is_empty() && why.iter().all(|why| *why == Refusal::Full), "seed {seed}: {why:?}");
        let why = refusals(&waits);
        assert!(!why.is_empty() && why.iter().all(|why| *why == Refusal::Blocked), "seed {seed}: {why:?}");
        // Who is refused knocks again and again; who is asked to wait waits.
        let again = |run: &Timeline| run.metrics().sent - 100;
        assert!(
            again(&refuses) > 300 && again(&waits) < 60,
            "seed {seed}: {} {}",
            again(&refuses),
            again(&waits)
        );
    }
}

#[test]
fn who_waits_for_room_does_not_wait_for_ever_when_the_broker_dies() {
    for seed in 0..SEEDS {
        for (name, death) in
            [("full-queue-waits", "crash"), ("full-queue-waits", "cut-power"), ("memory-alarm", "cut-power")]
        {
            let (dies, comes) = (200 + seed, 300 + seed);
            let actions = [format!("{dies} {death} broker-1"), format!("{comes} restart broker-1")];
            let actions = actions.map(|text| text.parse().expect("an action")).to_vec();
            let story = Scenario { actions, ends_at: Time(3_000_000), ..scenario(name) };
            let mut run = Timeline::new(story, seed).expect("it is sound");
            run.advance(run.ends_at());
            let verdict = run.verdict();
            assert!(verdict.lost().is_empty(), "{name}, {death}, seed {seed}: {:?}", verdict.lost());
            assert_eq!(verdict.delivered(), 100, "{name}, {death}, seed {seed}");
        }
    }
}

#[test]
fn during_a_memory_alarm_nothing_comes_in_and_consumers_go_on() {
    for seed in 0..SEEDS {
        let run = story("memory-alarm", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 100, "seed {seed}");
        assert!(counts(&run).blocked >= 2, "seed {seed}: {:?}", counts(&run));
        let (mut on, mut worked) = (false, 0);
        for stamped in run.events() {
            match &stamped.event {
                Event::Queue(QueueEvent::Blocked { .. }) => on = true,
                Event::Queue(QueueEvent::Unblocked { .. }) => on = false,
                Event::Appended { .. } => assert!(!on, "seed {seed}: taken at {}", stamped.at),
                Event::Processed { messages, .. } if on => worked += messages.len(),
                _ => {}
            }
        }
        assert!(!on && worked > 10, "seed {seed}: {worked} done during alarms");
    }
}

#[test]
fn without_a_limit_one_poison_message_stops_the_queue_for_good() {
    for seed in 0..SEEDS {
        let run = story("poison-forever", seed);
        assert_eq!(done_by(&run, 1), (1..=11).collect::<Vec<_>>(), "seed {seed}");
        assert!(counts(&run).failed > 50 && counts(&run).died.is_empty(), "seed {seed}: {:?}", counts(&run));
    }
}

#[test]
fn with_a_limit_it_is_delivered_once_more_than_the_limit_and_then_looked_at() {
    for seed in 0..SEEDS {
        let run = story("poison-message", seed);
        let poison = [12, 24, 36, 48, 60];
        let pushed = delivered(&run, "orders");
        for message in poison {
            let times: Vec<u32> =
                pushed.iter().filter(|(_, id, ..)| *id == message).map(|(.., times)| *times).collect();
            assert_eq!(times, [1, 2, 3, 4], "seed {seed}, m{message}");
            // It came back to its old place, so nobody overtook it.
            let places = (0..pushed.len()).filter(|at| pushed[*at].1 == message).collect::<Vec<_>>();
            assert_eq!(places[3] - places[0], 3, "seed {seed}, m{message}");
        }
        assert_eq!(died(&run, DeathReason::DeliveryLimit).into_keys().collect::<Vec<_>>(), poison);
        assert_eq!(done_by(&run, 2), poison, "seed {seed}: the inspector");
        let healthy: Vec<u64> = (1..=60).filter(|id| id % 12 != 0).collect();
        assert_eq!(done_by(&run, 1), healthy, "seed {seed}");
    }
}

#[test]
fn a_retry_waits_longer_each_time_and_others_go_on() {
    let (mut overtaken, mut thrice) = (0, 0);
    for seed in 0..SEEDS {
        let run = story("retry-with-backoff", seed);
        let dead = counts(&run).dead();
        assert_eq!(run.verdict().delivered() + dead, 60, "seed {seed}: done or given up");
        let pushed = delivered(&run, "orders");
        let mut before: BTreeMap<u64, usize> = BTreeMap::new();
        for (at, &(when, message, _, times)) in pushed.iter().enumerate() {
            if let Some(last) = before.insert(message, at) {
                let wait = Span::from_millis((20 << (times - 2)).min(160));
                assert!(when.since(pushed[last].0) > wait, "seed {seed}, m{message}, time {times}");
                overtaken += at - last - 1;
                thrice += usize::from(times > 2);
            }
        }
    }
    assert!(overtaken as u64 > 20 * SEEDS && thrice as u64 > SEEDS, "{overtaken} {thrice}");
}

#[test]
fn what_expires_behind_a_live_message_is_noticed_late_unless_the_queue_is_swept() {
    let short: Vec<u64> = (1..=10).map(|number| 2 * number).collect();
    for seed in 0..SEEDS {
        let (head, swept) = (story("expiry", seed), story("expiry-swept", seed));
        for run in [&head, &swept] {
            let dead = died(run, DeathReason::Expired);
            assert_eq!(dead.keys().copied().collect::<Vec<_>>(), short, "seed {seed}");
            assert_eq!(done_by(run, 1), (1..=10).map(|n| 2 * n - 1).collect::<Vec<_>>(), "seed {seed}");
            assert!(run.verdict().reordered().is_empty(), "seed {seed}");
        }
        // The reader comes at 250 ms. All of them were over by 140 ms.
        let pushed: BTreeMap<u64, Time> =
            delivered(&head, "offers").into_iter().map(|(at, id, ..)| (id, at)).collect();
        for (message, at) in died(&head, DeathReason::Expired) {
            assert!(at >= pushed[&(message - 1)] && at > Time(250_000), "seed {seed}, m{message}: {at}");
        }
        let came = stored(&swept, "offers");
        for (message, at) in died(&swept, DeathReason::Expired) {
            // A queue counts in whole milliseconds, from the one in which it stored the message.
            let lived = at.since(came[&message]);
            assert!(
                (Span::from_millis(39)..=Span::from_millis(51)).contains(&lived),
                "seed {seed}, m{message}: {lived}"
            );
        }
    }
}

#[test]
fn the_urgent_go_first_as_long_as_they_wait_in_the_queue() {
    for seed in 0..SEEDS {
        let run = story("priorities", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 80, "seed {seed}");
        let came = stored(&run, "orders");
        let urgent = |id: u64| id.is_multiple_of(4);
        let mut out = BTreeSet::new();
        for (at, message, ..) in delivered(&run, "orders") {
            let waits = came.iter().any(|(id, since)| urgent(*id) && *since < at && !out.contains(id));
            assert!(urgent(message) || !waits, "seed {seed}: m{message} at {at}");
            out.insert(message);
        }
        let mean = |fits: &dyn Fn(u64) -> bool| {
            let spans: Vec<u64> = done(&run)
                .iter()
                .filter(|(.., id)| fits(*id))
                .map(|(at, _, id)| at.since(came[id]).0)
                .collect();
            spans.iter().sum::<u64>() / spans.len() as u64
        };
        assert!(mean(&urgent) * 5 < mean(&|id| !urgent(id)), "seed {seed}");
    }
}

#[test]
fn a_delayed_message_comes_when_it_is_due_and_not_before() {
    for seed in 0..SEEDS {
        let run = story("delayed", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 30, "seed {seed}");
        let sent: BTreeMap<u64, Time> =
            sent(&run).into_iter().map(|(at, _, message)| (message, at)).collect();
        for (at, message, ..) in delivered(&run, "reminders") {
            let delay = Span::from_millis([200, 0, 60][message as usize % 3]);
            let waited = at.since(sent[&message]);
            assert!(waited >= delay, "seed {seed}, m{message}: {waited}");
            assert!(waited.0 < delay.0 + 12_000, "seed {seed}, m{message}: {waited}");
        }
        assert!(done_by(&run, 1).windows(2).any(|pair| pair[1] < pair[0]), "seed {seed}: some overtake");
    }
}

#[test]
fn one_worker_keeps_the_order_and_several_or_a_retry_break_it() {
    for seed in 0..SEEDS {
        let run = story("order-one-consumer", seed);
        assert!(run.verdict().is_clean(), "seed {seed}");
        assert_eq!(done_by(&run, 1), (1..=90).collect::<Vec<_>>(), "seed {seed}");
        for name in ["order-parallel", "order-retry"] {
            let run = story(name, seed);
            let received = each(&run, |event| matches!(event, Event::Received { delivery: 1, .. }));
            // The queue kept its promise: what came for the first time came in order.
            assert!(received.windows(2).all(|pair| pair[0].2 < pair[1].2), "{name}, seed {seed}");
            assert!(!run.verdict().reordered().is_empty(), "{name}, seed {seed}");
            assert_eq!(
                (run.verdict().delivered(), run.verdict().doubled().len()),
                (90, 0),
                "{name}, seed {seed}"
            );
        }
    }
}

#[test]
fn message_groups_keep_the_order_of_each_key_while_consumers_share() {
    for seed in 0..SEEDS {
        let run = story("order-per-key", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 90, "seed {seed}");
        let shares = [done_by(&run, 1), done_by(&run, 2)];
        assert!(shares.iter().all(|share| share.len() > 10), "seed {seed}: both work");
        assert!(shares.iter().all(|share| share.is_sorted()), "seed {seed}");
        // Across keys the order is not kept; that is the price of sharing, and what makes it possible.
        assert!(!done(&run).iter().map(|(.., id)| *id).is_sorted(), "seed {seed}");
    }
}

#[test]
fn the_disk_is_full_as_long_as_one_old_message_is_held_and_then_producers_go_on() {
    for seed in 0..SEEDS {
        let run = story("disk-alarm", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 100, "seed {seed}");
        assert!(counts(&run).blocked >= 2, "seed {seed}: {:?}", counts(&run));
        // What the quick consumer removed during an alarm that ended only with the slow one's word.
        let (mut on, mut worked, mut removed, mut in_vain, mut last) = (false, 0, 0, 0, None);
        for stamped in run.events() {
            match &stamped.event {
                Event::Queue(QueueEvent::Blocked { .. }) => (on, removed) = (true, 0),
                Event::Queue(QueueEvent::Unblocked { .. }) => {
                    on = false;
                    in_vain += if last == Some(NodeId::Consumer(2)) { removed } else { 0 };
                }
                Event::Appended { .. } => assert!(!on, "seed {seed}: taken at {}", stamped.at),
                Event::Settled { by, .. } => {
                    removed += u32::from(*by == NodeId::Consumer(1));
                    last = Some(*by);
                }
                Event::Processed { messages, .. } if on => worked += messages.len(),
                _ => {}
            }
        }
        assert!(!on && worked > 10, "seed {seed}: {worked} done during alarms");
        assert!(in_vain >= 8, "seed {seed}: only {in_vain} left the queue and not the disk");
    }
}
