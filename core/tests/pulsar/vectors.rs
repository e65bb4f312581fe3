//! Names, hashes, routing and hash ranges, as Pulsar's sources and tests have them.

use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::pulsar::{
    BadTopicName, ConsumerId, Draining, HashingScheme, RangeError, RangeMode, Ranges, Router, RoutingMode,
    SLOTS, Sharer, TopicName, Window, java_string_hash, murmur3_32, sticky_slot,
};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

#[test]
fn names() {
    let table = [
        ("t", Some("persistent://public/default/t")),
        ("acme/orders/t", Some("persistent://acme/orders/t")),
        ("persistent://acme/orders/t", Some("persistent://acme/orders/t")),
        ("non-persistent://acme/orders/t", Some("non-persistent://acme/orders/t")),
        ("t-partition-3", Some("persistent://public/default/t-partition-3")),
        ("orders/t", None),
        ("acme/us-west/orders/t", None),
        ("persistent://t", None),
        ("persistent://acme/t", None),
        ("persistent://acme/us-west/orders/t", None),
        ("http://acme/orders/t", None),
        ("://acme/orders/t", None),
        ("", None),
        ("acme//t", None),
        ("persistent://acme/orders/", None),
        ("a b", None),
        ("a_.b", None),
    ];
    for (text, expected) in table {
        let found = text.parse::<TopicName>().ok().map(|topic| topic.to_string());
        assert_eq!(found.as_deref(), expected, "{text:?}");
        if let Some(full) = expected {
            assert_eq!(full.parse::<TopicName>(), text.parse(), "the full name says the same");
        }
    }
}

#[test]
fn partitions_are_topics_by_themselves() {
    let table = [
        ("t-partition-0", "t", Some(0)),
        ("t-partition-12", "t", Some(12)),
        ("t-partition-", "t-partition-", None),
        ("t-partition-x", "t-partition-x", None),
        ("t-partition-01", "t-partition-01", None),
        ("-partition-1", "-partition-1", None),
        ("t-partition-1-partition-2", "t-partition-1", Some(2)),
    ];
    for (text, local, index) in table {
        let topic: TopicName = text.parse().expect("a topic");
        assert_eq!((topic.local().as_str(), topic.partition_index()), (local, index), "{text}");
    }
    let topic: TopicName = "acme/orders/paid".parse().expect("a topic");
    let partition = topic.partition(2).expect("it is none yet");
    assert_eq!(partition.place().expect("short").to_string(), "acme_.orders_.paid/2");
    assert!(matches!(partition.partition(1), Err(BadTopicName::Partition(_))));
    let (retry, dead) = (partition.retry("s").expect("short"), partition.dead_letters("s").expect("short"));
    assert_eq!(retry.to_string(), "persistent://acme/orders/paid-s-RETRY");
    assert_eq!(dead.to_string(), "persistent://acme/orders/paid-s-DLQ");
    assert!(topic.retry(&"s".repeat(250)).is_err(), "too long for a name");
}

#[test]
fn hashes() {
    let murmur = [("", 0), ("test", 0x3a6b_d213), ("hello", 613_153_351), ("key-1", 414_258_592)];
    let more = [("key-2", 1_945_654_540), ("user-42", 963_828_432)];
    for (text, expected) in murmur.into_iter().chain(more) {
        assert_eq!(murmur3_32(text.as_bytes()), expected, "{text:?}");
    }
    // "polygenelubricants" hashes to the least int, whose sign is all that it has.
    let java = [("", 0), ("hello", 0x5e9_18d2), ("test", 0x36_4492), ("polygenelubricants", 0)];
    for (text, expected) in java.into_iter().chain([("😀", 1_772_899)]) {
        assert_eq!(java_string_hash(text), expected, "{text:?}");
    }
    let slots = [("key-1", 5_536), ("key-2", 21_772), ("user-42", 56_016), ("", 1)];
    for (key, expected) in slots {
        assert_eq!(sticky_slot(key.as_bytes(), SLOTS), expected, "{key:?}");
    }
    assert_eq!(sticky_slot(b"key-1", 0), 1);
}

fn router(mode: RoutingMode, window: Window, partitions: u32) -> Router {
    Router::new(mode, HashingScheme::Murmur3, window, partitions, &mut Rng::new(3, Stream::Workload))
}

#[test]
fn a_partition_keeps_its_turn_for_one_window() {
    let window = Window { messages: 3, bytes: 100, time: Span::from_millis(10) };
    // (at ms, bytes, how many turns after the first)
    let table = [
        (0, 10, 0),
        (0, 10, 0),
        (9, 10, 0),
        (9, 10, 1),   // three messages were enough
        (9, 90, 1),   // 100 bytes exactly
        (9, 1, 2),    // one byte more
        (18, 1, 2),   // its window began at 9 ms
        (19, 1, 3),   // ten ms later
        (19, 500, 4), // too large for what is left, and alone in its own
        (19, 1, 5),
    ];
    let mut routed = router(RoutingMode::RoundRobin, window, 4);
    let mut first = None;
    for (at, bytes, turns) in table {
        let chosen = routed.choose(Time(at * 1_000), None, bytes);
        let first = *first.get_or_insert(chosen);
        assert_eq!(chosen, (first + turns) % 4, "{bytes} bytes at {at} ms");
        assert_eq!(routed.choose(Time(at * 1_000), Some("hello"), 10), 613_153_351 % 4, "keys take no turn");
    }
}

#[test]
fn a_single_partition_is_drawn_once() {
    let mut routed = router(RoutingMode::SinglePartition, Window { messages: 1, ..Window::default() }, 5);
    let chosen = routed.choose(Time::ZERO, None, 1);
    assert!((0..50).all(|at| routed.choose(Time(at * 100_000), None, 9_999) == chosen));
    for partitions in [0, 1] {
        assert_eq!(
            router(RoutingMode::RoundRobin, Window::default(), partitions).choose(Time::ZERO, Some("k"), 1),
            0
        );
    }
    routed.set_partitions(1);
    assert_eq!(routed.choose(Time::ZERO, None, 1), 0);
}

fn split(slots: u32, consumers: u64) -> Ranges {
    let mut ranges = Ranges::new(RangeMode::AutoSplit { slots });
    (1..=consumers)
        .for_each(|number| ranges.add(Sharer::new(ConsumerId(number))).expect("room for one more"));
    ranges
}

fn owned(ranges: &Ranges) -> Vec<(u32, u32, u64)> {
    ranges.owned().into_iter().map(|(first, last, owner)| (first, last, owner.0)).collect()
}

#[test]
fn auto_split_halves_the_largest_range_and_merges_downwards() {
    assert_eq!(owned(&split(64, 4)), [(0, 16, 3), (17, 32, 2), (33, 48, 4), (49, 64, 1)]);
    assert_eq!(owned(&split(65_536, 1)), [(0, 65_536, 1)]);
    assert_eq!(owned(&split(65_536, 2)), [(0, 32_768, 2), (32_769, 65_536, 1)]);
    assert_eq!(owned(&split(65_536, 3)), [(0, 16_384, 3), (16_385, 32_768, 2), (32_769, 65_536, 1)]);
    let mut four = split(65_536, 4);
    assert_eq!(owned(&four)[2..], [(32_769, 49_152, 4), (49_153, 65_536, 1)]);
    for (key, owner) in [("key-1", 3), ("key-2", 2), ("user-42", 1)] {
        assert_eq!(four.select(four.slot_of(key.as_bytes())), Some(ConsumerId(owner)), "{key}");
    }
    four.remove(ConsumerId(1)); // it had the last range: the one before takes it over
    assert_eq!(owned(&four), [(0, 16_384, 3), (16_385, 32_768, 2), (32_769, 65_536, 4)]);
    four.remove(ConsumerId(3)); // any other falls to the next higher one
    assert_eq!(owned(&four), [(0, 32_768, 2), (32_769, 65_536, 4)]);
    four.remove(ConsumerId(9));
    four.remove(ConsumerId(2));
    four.remove(ConsumerId(4));
    assert_eq!((owned(&four), four.select(5)), (vec![], None));
    let mut full = split(4, 4);
    assert_eq!(full.add(Sharer::new(ConsumerId(5))), Err(RangeError::NothingToSplit));
}

#[test]
fn sticky_ranges_are_what_consumers_say() {
    let mut ranges = Ranges::new(RangeMode::Sticky { slots: SLOTS });
    let mut add = |number, wanted: &[(u32, u32)]| {
        ranges.add(Sharer { wanted, ..Sharer::new(ConsumerId(number)) }).map(|()| owned(&ranges).len())
    };
    assert_eq!(add(1, &[(0, 9), (20, 29)]), Ok(2));
    assert_eq!(add(2, &[(10, 19)]), Ok(3));
    let taken = |by, first, last| Err(RangeError::Taken { by: ConsumerId(by), first, last });
    assert_eq!(add(3, &[(30, 40), (29, 29)]), taken(1, 20, 29));
    assert_eq!(add(3, &[(0, 100)]), taken(1, 20, 29));
    assert_eq!(add(3, &[(40, 50), (45, 60)]), taken(3, 40, 50));
    let bad = |first, last| Err(RangeError::Bad { first, last });
    assert_eq!(
        (add(3, &[]), add(3, &[(5, 4)]), add(3, &[(40, 65_536)])),
        (bad(0, 0), bad(5, 4), bad(40, 65_536))
    );
    assert_eq!(add(3, &[(60, 65_535)]), Ok(4), "a refusal left nothing behind");
    let at = |slot| ranges.select(slot).map(|owner| owner.0);
    assert_eq!(
        [at(0), at(9), at(10), at(29), at(30), at(59), at(60)],
        [Some(1), Some(1), Some(2), Some(1), None, None, Some(3)]
    );
    ranges.remove(ConsumerId(1));
    assert_eq!(ranges.select(5), None);
}

/// On the ring a key belongs to the first point at or after its hash: against a list of all points.
#[test]
fn the_ring_agrees_with_a_list_and_moves_few_keys() {
    let named = |number: u64| format!("consumer-{number}");
    let mut ring = Ranges::new(RangeMode::ConsistentHash { points: 100 });
    let mut points: Vec<(u32, u64)> = Vec::new();
    for number in 1..=5 {
        ring.add(Sharer { name: &named(number), ..Sharer::new(ConsumerId(number)) }).expect("always room");
        points.extend((0..100).map(|i| (murmur3_32(format!("{}\0{i}", named(number)).as_bytes()), number)));
    }
    points.sort_unstable();
    let owner = |points: &[(u32, u64)], hash: u32| {
        points.iter().find(|(point, _)| *point >= hash).or(points.first()).map(|(_, owner)| *owner)
    };
    let keys: Vec<u32> = (0..4_000).map(|n| ring.slot_of(format!("key-{n}").as_bytes())).collect();
    let before: Vec<Option<u64>> = keys.iter().map(|&hash| ring.select(hash).map(|owner| owner.0)).collect();
    assert_eq!(before, keys.iter().map(|&hash| owner(&points, hash)).collect::<Vec<_>>());
    for number in 1..=5 {
        let share = before.iter().filter(|owner| **owner == Some(number)).count();
        assert!((400..1_300).contains(&share), "consumer {number} has {share} of 4,000");
    }
    ring.remove(ConsumerId(2));
    points.retain(|(_, owner)| *owner != 2);
    for (&hash, before) in keys.iter().zip(before) {
        let now = ring.select(hash).map(|owner| owner.0);
        assert_eq!(now, owner(&points, hash));
        assert!(now == before || before == Some(2), "only what the one had that left has moved");
    }
}

#[test]
fn consumers_of_one_name_share_its_points_evenly() {
    let mut ring = Ranges::new(RangeMode::ConsistentHash { points: 100 });
    for number in 1..=2 {
        ring.add(Sharer { name: "same", ..Sharer::new(ConsumerId(number)) }).expect("always room");
    }
    let share = |ring: &Ranges, number| owned(ring).iter().filter(|(_, _, owner)| *owner == number).count();
    // Each of its points goes to the one that has fewer.
    assert_eq!((share(&ring, 1), share(&ring, 2)), (50, 50));
    ring.remove(ConsumerId(1));
    assert_eq!((share(&ring, 1), share(&ring, 2)), (0, 100));
}

proptest! {
    /// Whatever joins and leaves: the ranges are whole, and every slot has the owner whose range it is in.
    #[test]
    fn auto_split_always_covers_the_space(steps in prop::collection::vec((any::<bool>(), 0_u64..12), 1..60)) {
        let mut ranges = Ranges::new(RangeMode::AutoSplit { slots: 64 });
        let (mut present, mut next) = (Vec::new(), 0);
        for (joins, pick) in steps {
            if joins || present.is_empty() {
                next += 1;
                if ranges.add(Sharer::new(ConsumerId(next))).is_ok() {
                    present.push(next);
                }
            } else {
                ranges.remove(ConsumerId(present.swap_remove(pick as usize % present.len())));
            }
            let owned = owned(&ranges);
            let mut owners: Vec<u64> = owned.iter().map(|(_, _, owner)| *owner).collect();
            owners.sort_unstable();
            present.sort_unstable();
            prop_assert_eq!(&owners, &present);
            let mut at = 0;
            for (first, last, owner) in owned {
                prop_assert_eq!(first, at);
                for slot in first..=last {
                    prop_assert_eq!(ranges.select(slot), Some(ConsumerId(owner)));
                }
                at = last + 1;
            }
            prop_assert!(present.is_empty() || at == 65);
        }
    }
}

#[test]
fn a_slot_that_comes_back_drains_no_more() {
    let mut draining = Draining::default();
    draining.add(ConsumerId(1), 7);
    assert!(!draining.blocks(ConsumerId(2), 8), "another slot");
    assert!(!draining.blocks(ConsumerId(1), 7), "its own again");
    assert!(draining.is_empty());
    draining.add(ConsumerId(1), 7);
    assert!(!draining.settle(ConsumerId(2), 7), "it is not in that one's hands");
    assert!(!draining.settle(ConsumerId(1), 7), "nobody waited");
    assert_eq!(draining.len(), 0);
}
