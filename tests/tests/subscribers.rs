//! Who gets a copy, which way does it go, and who is served first? Claims about subscribers, exchanges and consumers.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::NodeId;
use mqlab_core::observe::{Event, Place, QueueEvent};
use mqlab_core::sim::Timeline;
use mqlab_core::time::{Span, Time};
use mqlab_tests::claims::{all, each, story};

/// How many seeds each claim is held against.
const SEEDS: u64 = 30;

/// What a consumer has done, in order, with moments.
fn done_by(timeline: &Timeline, consumer: u16) -> Vec<(Time, u64)> {
    let done = each(timeline, |event| matches!(event, Event::Processed { .. }));
    let own = done.into_iter().filter(|(_, node, _)| *node == NodeId::Consumer(consumer));
    own.map(|(at, _, message)| (at, message.0)).collect()
}

fn numbers(timeline: &Timeline, consumer: u16) -> Vec<u64> {
    done_by(timeline, consumer).into_iter().map(|(_, message)| message).collect()
}

/// When each message was published for the first time, and by whom.
fn sent(timeline: &Timeline) -> BTreeMap<u64, (Time, NodeId)> {
    let sent = each(timeline, |event| matches!(event, Event::Sent { attempt: 1, .. }));
    sent.into_iter().map(|(at, node, message)| (message.0, (at, node))).collect()
}

#[test]
fn a_fanout_gives_everybody_everything_and_the_slow_one_holds_nobody_up() {
    for seed in 0..SEEDS {
        let run = story("broadcast", seed);
        for reader in 1..=3 {
            assert_eq!(numbers(&run, reader), (1..=40).collect::<Vec<_>>(), "seed {seed}, reader {reader}");
        }
        assert!(run.verdict().is_clean(), "seed {seed}: a copy for each is not a double");
        let last = |reader| done_by(&run, reader).last().expect("all were done").0;
        assert!(last(3) > last(1) + Span::from_millis(80), "seed {seed}: {} {}", last(3), last(1));
    }
}

#[test]
fn a_durable_subscriber_catches_up_and_the_other_has_missed_it() {
    for seed in 0..SEEDS {
        let run = story("away", seed);
        let (loyal, casual) = (numbers(&run, 1), numbers(&run, 2));
        let got: BTreeSet<u64> = loyal.iter().copied().collect();
        assert_eq!(got.len(), 60, "seed {seed}: everything, some of it perhaps twice");
        assert!(loyal.len() <= 63, "seed {seed}: {}", loyal.len());
        let missed: BTreeSet<u64> = (1..=60).filter(|id| !casual.contains(id)).collect();
        assert!((18..=24).contains(&missed.len()), "seed {seed}: {missed:?}");
        // What was published in between is exactly what is missing, give or take what was on its way.
        let sent = sent(&run);
        let away = Time(125_000)..Time(219_000);
        let published: BTreeSet<u64> =
            sent.iter().filter(|(_, (at, _))| away.contains(at)).map(|(id, _)| *id).collect();
        assert!(missed.is_superset(&published), "seed {seed}: {published:?} {missed:?}");
    }
}

#[test]
fn a_shared_subscription_is_split_and_its_neighbour_gets_all() {
    for seed in 0..SEEDS {
        let run = story("shared-subscription", seed);
        let (one, two) = (numbers(&run, 1), numbers(&run, 2));
        let both: BTreeSet<u64> = one.iter().chain(&two).copied().collect();
        assert_eq!((both.len(), one.len() + two.len()), (60, 60), "seed {seed}: each once");
        assert!(one.len() >= 25 && two.len() >= 25, "seed {seed}: {} {}", one.len(), two.len());
        assert_eq!(numbers(&run, 3), (1..=60).collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn a_selector_lets_through_what_fits() {
    for seed in 0..SEEDS {
        let run = story("selectors", seed);
        let fit = |fits: &dyn Fn(u64) -> bool| (1..=60).filter(|id| fits(*id)).collect::<Vec<_>>();
        assert_eq!(numbers(&run, 1), fit(&|id| id % 3 != 2), "seed {seed}: from Europe");
        assert_eq!(numbers(&run, 2), fit(&|id| id % 3 != 1), "seed {seed}: more than 100");
        assert_eq!(numbers(&run, 3), fit(&|_| true), "seed {seed}");
    }
}

#[test]
fn who_comes_late_gets_the_last_value_of_each_city() {
    for seed in 0..SEEDS {
        let run = story("retained", seed);
        assert_eq!(numbers(&run, 1), (1..=30).collect::<Vec<_>>(), "seed {seed}");
        let late = done_by(&run, 2);
        let got: BTreeSet<u64> = late.iter().map(|(_, message)| *message).collect();
        assert_eq!((got, late.len()), (BTreeSet::from([28, 29, 30]), 3), "seed {seed}");
        assert!(late.iter().all(|(at, _)| *at > Time(300_000)), "seed {seed}");
    }
}

#[test]
fn each_exchange_finds_its_queues_and_what_fits_none_is_kept_returned_or_dropped() {
    for seed in 0..SEEDS {
        let run = story("exchanges", seed);
        // The messages of a producer by their number among its own, from 0, as they came out of a queue.
        let sent = sent(&run);
        let mut own: BTreeMap<u64, (NodeId, usize)> = BTreeMap::new();
        let mut count: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (message, (_, node)) in &sent {
            let number = count.entry(*node).or_default();
            own.insert(*message, (*node, *number));
            *number += 1;
        }
        let fit = |fits: &dyn Fn(u16, usize) -> bool| -> BTreeSet<u64> {
            let fits =
                |(node, number): &(NodeId, usize)| matches!(node, NodeId::Producer(p) if fits(*p, *number));
            own.iter().filter(|(_, own)| fits(own)).map(|(message, _)| *message).collect()
        };
        let claims: [&dyn Fn(u16, usize) -> bool; 6] = [
            &|p, n| (p == 1 && n % 3 == 0) || p == 2,
            &|p, n| (p == 1 && n % 3 == 1) || p == 2,
            &|p, n| p == 2 || (p == 3 && n % 3 != 2),
            &|p, n| p == 3 && n % 3 == 0,
            &|p, n| p == 4 && n % 2 == 0,
            &|p, n| p == 3 && n % 3 == 2,
        ];
        for (consumer, claim) in (1..).zip(claims) {
            let got: BTreeSet<u64> = numbers(&run, consumer).into_iter().collect();
            assert_eq!(got, fit(claim), "seed {seed}, consumer {consumer}");
            assert!(!got.is_empty(), "seed {seed}, consumer {consumer}");
        }
        let nowhere = all(&run, |event| match event {
            Event::Queue(QueueEvent::Unroutable { message, returned, .. }) => Some((message.0, *returned)),
            _ => None,
        });
        let back = |wanted: bool| -> BTreeSet<u64> {
            let those = nowhere.iter().filter(|(.., (_, returned))| *returned == wanted);
            those.map(|(.., (message, _))| *message).collect()
        };
        assert_eq!(back(true), fit(&|p, n| p == 1 && n % 3 == 2), "seed {seed}: mandatory, and back");
        assert_eq!(back(false), fit(&|p, n| p == 4 && n % 2 == 1), "seed {seed}: dropped");
        // Producers were told that all is well, also of what nobody will ever get; but not of what came back to them.
        let back: BTreeSet<u64> = run.verdict().returned().iter().map(|id| id.0).collect();
        assert_eq!(back, fit(&|p, n| p == 1 && n % 3 == 2), "seed {seed}: its producer knows");
        let dropped: BTreeSet<u64> = run.verdict().dropped().iter().map(|id| id.0).collect();
        assert_eq!(dropped, fit(&|p, n| p == 4 && n % 2 == 1), "seed {seed}: dropped, and nobody knows");
        assert_eq!((run.metrics().acknowledged, run.verdict().acknowledged()), (26, 26), "seed {seed}");
        assert_eq!((back.len(), run.verdict().on_their_way()), (3, 0), "seed {seed}");
        assert_eq!((run.metrics().queues.returned, run.metrics().queues.dead()), (3, 0), "seed {seed}");
    }
}

#[test]
fn a_consistent_hash_keeps_each_customer_in_one_queue() {
    for seed in 0..SEEDS {
        let run = story("consistent-hash", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 120, "seed {seed}");
        let stored = all(&run, |event| match event {
            Event::Appended { to: Place::Queue(queue), messages, .. } => {
                Some((queue.clone(), messages.clone()))
            }
            _ => None,
        });
        let mut places = BTreeMap::new();
        let mut shares: BTreeMap<_, usize> = BTreeMap::new();
        for (.., (queue, messages)) in stored {
            *shares.entry(queue.clone()).or_default() += messages.len();
            for message in messages {
                let customer = (message.0 - 1) % 24;
                let place = places.entry(customer).or_insert_with(|| queue.clone());
                assert_eq!(*place, queue, "seed {seed}: customer {customer} moved");
            }
        }
        let shares: Vec<usize> = shares.into_values().collect();
        // The third has the weight 2: it should get half, and gets about that.
        assert!(shares.len() == 3 && shares.iter().all(|share| *share >= 10), "seed {seed}: {shares:?}");
        assert!(shares[2] > shares[0] && shares[2] > shares[1], "seed {seed}: {shares:?}");
    }
}

#[test]
fn a_single_active_consumer_has_the_queue_alone_until_it_goes() {
    for seed in 0..SEEDS {
        let run = story("single-active", seed);
        assert!(run.verdict().lost().is_empty() && run.verdict().delivered() == 80, "seed {seed}");
        let served = all(&run, |event| match event {
            Event::Delivered { to, .. } => Some(*to),
            _ => None,
        });
        let mut turns: Vec<NodeId> = served.into_iter().map(|(.., to)| to).collect();
        turns.dedup();
        let active = all(&run, |event| match event {
            Event::Queue(QueueEvent::Activated { consumer, .. }) => Some(*consumer),
            _ => None,
        });
        let active: Vec<NodeId> = active.into_iter().map(|(.., consumer)| consumer).collect();
        // One after the other; whoever comes back waits behind those that are there.
        assert_eq!(turns, active, "seed {seed}");
        assert_eq!(turns.len(), 3, "seed {seed}: {turns:?}");
        assert_eq!(turns.iter().collect::<BTreeSet<_>>().len(), 3, "seed {seed}: {turns:?}");
    }
}

#[test]
fn who_has_priority_is_served_first_and_others_when_it_has_its_hands_full() {
    for seed in 0..SEEDS {
        let run = story("consumer-priority", seed);
        assert!(run.verdict().is_clean() && run.verdict().delivered() == 90, "seed {seed}");
        let served = all(&run, |event| match event {
            Event::Delivered { to, .. } => Some(*to),
            _ => None,
        });
        let far = |during: &dyn Fn(Time) -> bool| {
            served.iter().filter(|(at, _, to)| during(*at) && *to == NodeId::Consumer(2)).count()
        };
        assert_eq!(far(&|at| at < Time(200_000)), 0, "seed {seed}: it has nothing to do before the rush");
        assert!(far(&|at| at >= Time(200_000)) >= 10, "seed {seed}: it helps out");
        assert_eq!(far(&|at| at > Time(320_000)), 0, "seed {seed}: and is idle again");
    }
}
