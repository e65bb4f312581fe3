//! Inputs and outputs that were computed with RocketMQ's own classes, or follow from its source.

use bytes::Bytes;
use mqlab_core::ids::Name;
use mqlab_core::systems::rocketmq::allocate::{MessageQueue, Strategy};
use mqlab_core::systems::rocketmq::delay::DelayLevels;
use mqlab_core::systems::rocketmq::filter::Subscription;
use mqlab_core::systems::rocketmq::layout::{BadLayout, Entry, Host, StoredMessage, Version, sys_flag};
use mqlab_core::systems::rocketmq::retry::{AfterFailure, RETRIES_MAX, after_failure};
use mqlab_core::systems::rocketmq::select::queue_by_hash;
use mqlab_core::systems::rocketmq::sql::SqlFilter;
use mqlab_core::systems::rocketmq::{Properties, Topic, hash};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

fn topic(name: &str) -> Topic {
    Topic::new(name).expect("a legal topic")
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    let mut properties = Properties::default();
    for (name, text) in pairs {
        properties.set(name, text).expect("a legal property");
    }
    properties
}

#[test]
fn a_message_is_these_bytes() {
    let mut message = StoredMessage::new(topic("t"), 3, Bytes::from_static(b"hello"));
    message.properties = properties(&[("TAGS", "a")]);
    message.flag = 7;
    message.queue_offset = 0x0102;
    message.physical_offset = 0x0304;
    message.born_at = Time(1_000);
    message.stored_at = Time(2_000);
    message.born_host = Host::V4([10, 0, 0, 1], 99);
    message.store_host = Host::V4([10, 0, 0, 2], 10_911);
    message.reconsumed = 5;
    message.prepared_offset = 6;
    message.sys_flag = sys_flag::COMMIT;
    let bytes = message.encode().expect("it fits");
    let mut expected = Vec::new();
    expected.extend_from_slice(&(91_u32 + 5 + 1 + 7).to_be_bytes());
    expected.extend_from_slice(&0xdaa3_20a7_u32.to_be_bytes());
    expected.extend_from_slice(&0x3610_a686_u32.to_be_bytes()); // CRC-32 of hello
    expected.extend_from_slice(&3_u32.to_be_bytes());
    expected.extend_from_slice(&7_u32.to_be_bytes());
    expected.extend_from_slice(&0x0102_u64.to_be_bytes());
    expected.extend_from_slice(&0x0304_u64.to_be_bytes());
    expected.extend_from_slice(&8_u32.to_be_bytes());
    expected.extend_from_slice(&1_u64.to_be_bytes());
    expected.extend_from_slice(&[10, 0, 0, 1, 0, 0, 0, 99]);
    expected.extend_from_slice(&2_u64.to_be_bytes());
    expected.extend_from_slice(&[10, 0, 0, 2, 0, 0, 0x2a, 0x9f]);
    expected.extend_from_slice(&5_u32.to_be_bytes());
    expected.extend_from_slice(&6_u64.to_be_bytes());
    expected.extend_from_slice(b"\0\0\0\x05hello\x01t\0\x07TAGS\x01a\x02");
    assert_eq!(bytes, expected);
    assert_eq!(Entry::decode(&bytes), Ok(Entry::Message(message)));
}

#[test]
fn sizes_follow_from_the_parts() {
    let v6 = Host::V6([1; 16], 9);
    for (version, born, store, size) in [
        (Version::V1, Host::V4([0; 4], 0), Host::V4([0; 4], 0), 91),
        (Version::V2, Host::V4([0; 4], 0), Host::V4([0; 4], 0), 92),
        (Version::V1, v6, Host::V4([0; 4], 0), 103),
        (Version::V2, v6, v6, 116),
    ] {
        let mut message = StoredMessage::new(topic("orders"), 0, Bytes::from_static(b"12345"));
        (message.version, message.born_host, message.store_host) = (version, born, store);
        assert_eq!(message.size(), Ok(size + 5 + 6));
        let bytes = message.encode().expect("it fits");
        assert_eq!(bytes.len(), size as usize + 11);
        assert_eq!(Entry::decode(&bytes), Ok(Entry::Message(message)));
    }
    assert_eq!(Entry::blank(77)[..], [0, 0, 0, 77, 0xcb, 0xd4, 0x31, 0x94]);
    let mut large = StoredMessage::new(topic("t"), 0, Bytes::from(vec![0; 4 * 1024 * 1024 + 1]));
    assert_eq!(large.encode(), Err(BadLayout::TooLarge));
    large.body = Bytes::new();
    large.properties = properties(&[("k", &"v".repeat(32_767))]);
    assert_eq!(large.encode(), Err(BadLayout::PropertiesTooLong));
}

proptest! {
    /// Whatever is cut off or changed is noticed, or is another whole message; nothing panics.
    #[test]
    fn damage_never_panics(body in prop::collection::vec(any::<u8>(), 0..40), cut in 0_usize..200, flip in 0_usize..200, bit in 0_u8..8) {
        let mut message = StoredMessage::new(topic("damage"), 1, body.into());
        message.properties = properties(&[("KEYS", "k")]);
        let bytes = message.encode().expect("it fits");
        let cut = cut.min(bytes.len());
        if cut < bytes.len() {
            prop_assert!(Entry::decode(&bytes.slice(..cut)).is_err());
        }
        let mut flipped = bytes.to_vec();
        let at = flip % flipped.len();
        flipped[at] ^= 1 << bit;
        let read = Entry::decode(&flipped.into());
        prop_assert_ne!(read, Ok(Entry::Message(message)));
    }
}

#[test]
fn delays_are_these() {
    let levels = DelayLevels::default();
    let seconds = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200];
    for (level, seconds) in (1..).zip(seconds) {
        assert_eq!(levels.due(level, Time(5)), Time(5) + Span::from_millis(seconds * 1_000));
    }
    for (wish, level) in
        [(-1, None), (0, None), (1, Some(1)), (18, Some(18)), (19, Some(18)), (i64::MAX, Some(18))]
    {
        assert_eq!(levels.clamped(wish), level, "{wish}");
    }
    assert_eq!(levels.span(0), None);
    assert_eq!(levels.span(19), None);
}

#[test]
fn a_message_is_tried_sixteen_times_more_and_then_buried() {
    for n in 0..16 {
        assert_eq!(after_failure(n, 0, RETRIES_MAX), AfterFailure::Retry { level: 3 + n });
    }
    assert_eq!(after_failure(16, 0, RETRIES_MAX), AfterFailure::Bury);
    assert_eq!(after_failure(0, -1, RETRIES_MAX), AfterFailure::Bury);
    assert_eq!(after_failure(4, 9, RETRIES_MAX), AfterFailure::Retry { level: 9 });
}

#[test]
fn a_key_decides_the_queue() {
    for (hash, queues, queue) in
        [(-7, 4, 3), (7, 4, 3), (0, 4, 0), (i32::MIN, 4, 0), (i32::MIN, 3, 2), (5, 0, 0)]
    {
        assert_eq!(queue_by_hash(hash, queues), queue, "{hash} among {queues}");
    }
}

#[test]
fn tags_are_compared_twice() {
    let code = |tag| hash::tags_code(Some(tag));
    for (subscription, tag, broker, client) in [
        ("*", "a", true, true),
        ("", "a", true, true),
        ("a || b", "a", true, true),
        ("a||b", "b", true, true),
        (" a |||| ", "a", true, true),
        ("a || b", "c", false, false),
        ("AaAa", "BBBB", true, false),
    ] {
        let wants = Subscription::tags(subscription).expect("tags");
        assert_eq!(wants.passes_code(code(tag)), broker, "{subscription} {tag}");
        assert_eq!(wants.accepts(&properties(&[("TAGS", tag)])), client, "{subscription} {tag}");
    }
    assert!(!Subscription::tags("a").expect("tags").accepts(&Properties::default()));
}

#[test]
fn sql_asks_properties_without_types() {
    let of = properties(&[("a", "10"), ("b", "TRUE"), ("c", "blue"), ("d", "2.5"), ("e", "0x")]);
    let rows = [
        ("a > 5", true),
        ("a = 10", true),
        ("a = '10'", true),
        ("a <> 10", false),
        ("a = '010'", false),
        ("a BETWEEN 10 AND 12", true),
        ("a NOT BETWEEN 11 AND 12", true),
        ("a IN ('9', '10')", true),
        ("d < 3 AND d > 2", true),
        ("a > d", true),
        ("c > d", false),
        ("b = TRUE AND b", true),
        ("c", false),
        ("c = 'blue' AND c <> 'red'", true),
        ("c < 5", false),
        ("e = 0", false),
        ("x IS NULL AND c IS NOT NULL", true),
        ("NOT (x = 1)", false),
        ("x = 1 OR a = 10", true),
        ("c CONTAINS 'lu'", true),
        ("c STARTSWITH 'bl' AND c ENDSWITH 'ue'", true),
        ("c NOT CONTAINS '%'", true),
        ("c STARTSWITH 'lue'", false),
    ];
    for (text, selected) in rows {
        assert_eq!(SqlFilter::parse(text).map(|filter| filter.matches(&of)), Ok(selected), "{text}");
    }
    assert!(SqlFilter::parse("a > 'x'").is_err());
    assert!(SqlFilter::parse("a CONTAINS 5").is_err());
}

fn dealt(strategy: Strategy, queues: u32, clients: usize) -> Vec<Vec<u32>> {
    let broker = Name::new("broker-a").expect("a name");
    let queue = |queue| MessageQueue { topic: topic("TopicA"), broker: broker.clone(), queue };
    let queues: Vec<_> = (0..queues).map(queue).collect();
    let clients: Vec<_> = (1..=clients).map(|n| format!("cid{n}")).collect();
    let numbers =
        |me: &String| strategy.allocate(&queues, &clients, me).iter().map(|queue| queue.queue).collect();
    clients.iter().map(numbers).collect()
}

#[test]
fn queues_are_dealt_so() {
    let rows: [(Strategy, u32, usize, &[&[u32]]); 8] = [
        (Strategy::Averagely, 8, 3, &[&[0, 1, 2], &[3, 4, 5], &[6, 7]]),
        (Strategy::Averagely, 10, 4, &[&[0, 1, 2], &[3, 4, 5], &[6, 7], &[8, 9]]),
        (Strategy::Averagely, 3, 5, &[&[0], &[1], &[2], &[], &[]]),
        (Strategy::Circle, 8, 3, &[&[0, 3, 6], &[1, 4, 7], &[2, 5]]),
        (Strategy::Circle, 10, 4, &[&[0, 4, 8], &[1, 5, 9], &[2, 6], &[3, 7]]),
        (Strategy::Circle, 3, 5, &[&[0], &[1], &[2], &[], &[]]),
        (Strategy::ConsistentHash, 4, 2, &[&[1, 3], &[0, 2]]),
        (Strategy::ConsistentHash, 8, 3, &[&[1, 3], &[0, 5, 6], &[2, 4, 7]]),
    ];
    for (strategy, queues, clients, expected) in rows {
        assert_eq!(dealt(strategy, queues, clients), expected, "{strategy:?} {queues} {clients}");
    }
}

proptest! {
    /// Every queue has one reader, whatever the rule.
    #[test]
    fn each_queue_is_dealt_once(queues in 0_u32..40, clients in 1_usize..12) {
        for strategy in [Strategy::Averagely, Strategy::Circle, Strategy::ConsistentHash] {
            let mut all: Vec<_> = dealt(strategy, queues, clients).concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..queues).collect::<Vec<_>>());
        }
    }
}
