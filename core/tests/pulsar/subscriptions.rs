//! Cursors against a plain set, and who gets what of each type of subscription.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::record::{BatchBuilder, Batches, Headers, NewRecord};
use mqlab_core::systems::pulsar::ledger::LedgerId;
use mqlab_core::systems::pulsar::{
    BacklogQuota, Candidate, ConsumerId, Cursor, DELAY_TIME, DELIVER_AT_HEADER, Dispatcher, EntryFacts,
    Extents, Latest, LedgerInfo, MessagePlace, NewConsumer, NotSubscribed, ORIGIN_MESSAGE_ID, OverQuota,
    Position, QuotaPolicy, REAL_TOPIC, RECONSUME_TIMES, RangeMode, Reconsumed, Retention, SLOTS,
    Subscription, SubscriptionType, TopicName, copy_of, expired, original_of, sticky_slot,
};
use mqlab_core::time::{Span, Time};
use proptest::prelude::*;

fn at(ledger: u64, entry: u64) -> Position {
    Position::new(LedgerId(ledger), entry)
}

fn consumer(name: &str, priority: u32) -> NewConsumer {
    NewConsumer { name: name.into(), priority, ..NewConsumer::default() }
}

fn all(extents: &Extents) -> Vec<Position> {
    extents
        .iter()
        .flat_map(|(ledger, entries)| (0..entries).map(move |entry| Position::new(ledger, entry)))
        .collect()
}

proptest! {
    /// A cursor is a set of acknowledged entries, and its mark is the first that is missing.
    #[test]
    fn a_cursor_is_a_set(
        sizes in prop::collection::vec(0_u64..5, 1..6),
        steps in prop::collection::vec((any::<bool>(), 0_usize..30), 0..60),
    ) {
        let extents = Extents::from_iter((1..).map(|id| LedgerId(3 * id)).zip(sizes));
        let (places, mut model) = (all(&extents), BTreeSet::new());
        let mut cursor = Cursor::new(extents.start());
        for (single, pick) in steps {
            let Some(&place) = places.get(pick) else {
                prop_assert!(!cursor.acknowledge(at(100, pick as u64), &extents), "there is no such entry");
                continue;
            };
            if single {
                prop_assert_eq!(cursor.acknowledge(place, &extents), model.insert(place));
            } else {
                cursor.acknowledge_to(place, &extents);
                model.extend(places.iter().copied().filter(|other| *other <= place));
            }
            let first = places.iter().copied().find(|place| !model.contains(place));
            prop_assert_eq!(cursor.mark(), first.unwrap_or(extents.end()));
            prop_assert_eq!(cursor.backlog(&extents), (places.len() - model.len()) as u64);
            for &place in &places {
                prop_assert_eq!(cursor.has(place), model.contains(&place), "{}", place);
                let next = places.iter().copied().find(|other| *other >= place && !model.contains(other));
                prop_assert_eq!(cursor.next_unacknowledged(place, &extents), next);
            }
            let read = Cursor::parse(&cursor.to_bytes(100));
            prop_assert_eq!(read.as_ref(), Some(&cursor));
            let short = Cursor::parse(&cursor.to_bytes(1)).expect("a cursor");
            prop_assert!(short.mark() == cursor.mark() && short.ranges().count() <= 1, "the rest comes again");
        }
    }
}

#[test]
fn what_is_no_cursor_is_not_taken_for_one() {
    for bytes in [
        "",
        "{}",
        r#"{"mark":[7,3],"ranges":[[7,2,5]]}"#,
        r#"{"mark":[7,3],"ranges":[[7,5,5]]}"#,
        r#"{"mark":[7]}"#,
    ] {
        assert_eq!(Cursor::parse(bytes.as_bytes()), None, "{bytes}");
    }
}

/// Names A, B, C of one priority, nine partitions; and what becomes of partitions when consumers go.
#[test]
fn failover_goes_by_priority_name_and_partition() {
    let active = |partition, consumers: &[(&str, u32)], gone: &[u64]| {
        let mut dispatcher = Dispatcher::new(SubscriptionType::Failover, Some(partition), "t");
        for (name, priority) in consumers {
            dispatcher.add(consumer(name, *priority)).expect("there is always room");
        }
        gone.iter().for_each(|id| assert!(dispatcher.remove(ConsumerId(*id)).is_empty()));
        dispatcher.active().map(|active| active.0)
    };
    let three = [("B", 0), ("C", 0), ("A", 0)]; // ids 1, 2, 3
    for partition in 0..9 {
        assert_eq!(active(partition, &three, &[]), Some([3, 1, 2][partition as usize % 3]), "{partition}");
    }
    let four = [("A", 0), ("B", 0), ("C", 0), ("D", 0)];
    let both = |gone: &[u64]| [active(0, &four, gone), active(1, &four, gone)];
    assert_eq!(both(&[]), [Some(1), Some(2)]);
    assert_eq!(both(&[1, 2]), [Some(3), Some(4)], "A and B died: C and D");
    assert_eq!(both(&[1, 2, 3, 4]), [None, None]);
    // Only those of the best priority count.
    let mixed = [("A", 1), ("B", 0), ("C", 2), ("D", 0)];
    assert_eq!([0, 1, 2].map(|partition| active(partition, &mixed, &[])), [Some(2), Some(4), Some(2)]);
    assert_eq!(active(0, &mixed, &[2, 4]), Some(1));
    // A topic without partitions stands on a ring: another topic may have another, and each keeps its own.
    let on_ring = |topic: &str| {
        let mut dispatcher = Dispatcher::new(SubscriptionType::Failover, None, topic);
        four.iter().for_each(|(name, priority)| {
            dispatcher.add(consumer(name, *priority)).expect("there is always room");
        });
        dispatcher.active().expect("one of four").0
    };
    let found: BTreeSet<u64> =
        (0..40).map(|n| on_ring(&format!("persistent://public/default/t{n}"))).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[test]
fn an_exclusive_subscription_has_one_consumer() {
    let mut dispatcher = Dispatcher::new(SubscriptionType::Exclusive, None, "t");
    let first = dispatcher.add(consumer("a", 5)).expect("nobody is there");
    assert_eq!(dispatcher.add(consumer("b", 0)), Err(NotSubscribed::ConsumerBusy));
    dispatcher.remove(first);
    assert!(dispatcher.add(consumer("b", 0)).is_ok());
}

fn entry(entry: u64, messages: u32) -> Candidate<'static> {
    Candidate { position: at(7, entry), messages, key: None }
}

/// C1(p0,2) C2(p0,1) C3(p0,1) C4(p1,2) C5(p1,1), entry by entry.
#[test]
fn shared_goes_by_turns_within_the_best_priority_that_has_permits() {
    let mut dispatcher = Dispatcher::new(SubscriptionType::Shared, None, "t");
    for (priority, permits) in [(0, 2), (0, 1), (0, 1), (1, 2), (1, 1)] {
        let id = dispatcher.add(consumer("c", priority)).expect("there is always room");
        dispatcher.flow(id, permits);
    }
    assert_eq!(dispatcher.wants(), 7);
    let got: Vec<Option<u64>> =
        (0..8).map(|number| dispatcher.dispatch(&[entry(number, 1)]).first().map(|(to, _)| to.0)).collect();
    assert_eq!(got, [Some(1), Some(2), Some(3), Some(1), Some(4), Some(5), Some(4), None]);
}

#[test]
fn a_turn_is_a_batch_of_entries_and_permits_are_for_messages() {
    let mut dispatcher = Dispatcher::new(SubscriptionType::Shared, None, "t");
    let ids: Vec<ConsumerId> = (0..2).map(|_| dispatcher.add(consumer("c", 0)).expect("room")).collect();
    ids.iter().for_each(|id| dispatcher.flow(*id, 30));
    let entries: Vec<Candidate<'_>> = (0..100).map(|number| entry(number, 1)).collect();
    let got: Vec<u64> = dispatcher.dispatch(&entries).iter().map(|(to, _)| to.0).collect();
    let turns: Vec<(u64, usize)> = got.chunk_by(|a, b| a == b).map(|turn| (turn[0], turn.len())).collect();
    assert_eq!(turns, [(1, 20), (2, 20), (1, 10), (2, 10)]);

    let mut dispatcher = Dispatcher::new(SubscriptionType::Shared, None, "t");
    let one = dispatcher.add(consumer("c", 0)).expect("room");
    dispatcher.flow(one, 10);
    let sent = dispatcher.dispatch(&[entry(0, 4), entry(1, 4), entry(2, 4), entry(3, 4)]);
    assert_eq!((sent.len(), dispatcher.permits(one)), (3, -2), "the third was sent with 2 left");
    dispatcher.flow(one, 2);
    assert!(dispatcher.dispatch(&[entry(3, 4)]).is_empty(), "none is left");
    dispatcher.settle(one, at(7, 0));
    assert!(dispatcher.dispatch(&[entry(3, 4)]).is_empty(), "acknowledging gives no permit");
    dispatcher.flow(one, 1);
    assert_eq!(dispatcher.dispatch(&[entry(3, 4)]).len(), 1);
}

#[test]
fn too_much_unacknowledged_stops_a_consumer_and_then_all() {
    let mut dispatcher = Dispatcher::new(SubscriptionType::Shared, None, "t").with_limits(3, 5);
    let (one, two) =
        (dispatcher.add(consumer("a", 0)).expect("room"), dispatcher.add(consumer("b", 1)).expect("room"));
    dispatcher.flow(one, 100);
    dispatcher.flow(two, 100);
    let mut next = 0;
    let mut give = |dispatcher: &mut Dispatcher| {
        next += 1;
        dispatcher.dispatch(&[entry(next, 1)]).first().map(|(to, _)| to.0)
    };
    let got: Vec<Option<u64>> = (0..6).map(|_| give(&mut dispatcher)).collect();
    assert_eq!(got, [Some(1), Some(1), Some(1), Some(2), Some(2), None]);
    dispatcher.settle(one, at(7, 1));
    assert_eq!((give(&mut dispatcher), dispatcher.wants()), (None, 0), "5 was too much; it goes on at half");
    dispatcher.settle(one, at(7, 2));
    assert_eq!(give(&mut dispatcher), None, "3 is more than half of 5");
    dispatcher.settle(one, at(7, 3));
    assert_eq!(give(&mut dispatcher), Some(1));
}

fn facts(key: &str) -> Option<EntryFacts> {
    let key = Some(key.to_owned().into()).filter(|key: &bytes::Bytes| !key.is_empty());
    Some(EntryFacts { messages: 1, key, deliver_at: None })
}

fn key_shared() -> SubscriptionType {
    SubscriptionType::KeyShared(RangeMode::AutoSplit { slots: SLOTS })
}

#[test]
fn a_key_that_moves_waits_until_its_last_owner_is_done() {
    let extents = Extents::from_iter([(LedgerId(7), 6)]);
    let keys = ["key-1", "user-42", "key-1", "key-1", "user-42", "key-1"]; // slots 5,536 and 56,016
    assert!(sticky_slot(b"key-1", SLOTS) <= 32_768 && sticky_slot(b"user-42", SLOTS) > 32_768);
    let load = |position: Position| facts(keys[position.entry as usize]);
    let mut subscription = Subscription::new(key_shared(), Cursor::new(at(7, 0)), None, "t");
    let old = subscription.add(consumer("c1", 0)).expect("room");
    subscription.flow(old, 3);
    let given = |subscription: &mut Subscription| -> Vec<(u64, u64)> {
        let (sent, missing) = subscription.dispatch(Time::ZERO, &extents, load);
        assert!(missing.is_empty());
        sent.iter().map(|sent| (sent.to.0, sent.position.entry)).collect()
    };
    assert_eq!(given(&mut subscription), [(1, 0), (1, 1), (1, 2)]);
    let new = subscription.add(consumer("c2", 0)).expect("room"); // it takes the lower half, and with it key-1
    subscription.flow(new, 10);
    subscription.flow(old, 10);
    assert_eq!(given(&mut subscription), [(1, 4)], "3 and 5 are key-1's, of which c1 has 0 and 2");
    subscription.acknowledge(old, at(7, 0), &extents);
    assert_eq!(given(&mut subscription), []);
    subscription.acknowledge(old, at(7, 2), &extents);
    assert_eq!(given(&mut subscription), [(2, 3), (2, 5)]);
    // What an owner had goes to the next owner when it leaves, in order.
    subscription.remove(new);
    assert_eq!(given(&mut subscription), [(1, 3), (1, 5)]);
}

#[derive(Clone, Debug)]
enum Act {
    Join,
    Leave(usize),
    Flow(usize),
    Ack(usize),
    GiveBack(usize),
    Send,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Join),
        1 => any::<usize>().prop_map(Act::Leave),
        3 => any::<usize>().prop_map(Act::Flow),
        4 => any::<usize>().prop_map(Act::Ack),
        1 => any::<usize>().prop_map(Act::GiveBack),
        4 => Just(Act::Send),
    ]
}

proptest! {
    /// Against plain books: nobody has what another has; what was acknowledged never comes again; everything comes in the
    /// end; and with keys, no message of a key is given out before an earlier one that is neither acknowledged nor with the
    /// same consumer.
    #[test]
    fn every_entry_is_with_one_consumer_until_it_is_acknowledged(
        by_key in any::<bool>(),
        acts in prop::collection::vec(act(), 1..120),
    ) {
        let entries = 40;
        let extents = Extents::from_iter([(LedgerId(7), entries / 2), (LedgerId(9), entries / 2)]);
        let key_of = |position: Position| format!("k{}", (position.ledger.0 + position.entry * 5) % 7);
        let load = |position: Position| facts(&key_of(position));
        let kind = if by_key { key_shared() } else { SubscriptionType::Shared };
        let mut subscription = Subscription::new(kind, Cursor::new(at(7, 0)), None, "t");
        let (mut held, mut done) = (BTreeMap::<Position, ConsumerId>::new(), BTreeSet::new());
        let mut present: Vec<ConsumerId> = Vec::new();
        let mut rest = vec![Act::Join];
        rest.extend(acts.iter().map(|_| Act::Leave(usize::MAX))); // all but one
        rest.extend((0..entries as usize * 2).flat_map(|_| [Act::Flow(0), Act::Send, Act::Ack(0), Act::Ack(0), Act::Ack(0)]));
        for act in acts.iter().chain(&rest) {
            match act {
                Act::Join => present.extend(subscription.add(consumer(&format!("c{}", present.len()), 0))),
                Act::Leave(usize::MAX) if present.len() < 2 => {}
                Act::Leave(pick) if !present.is_empty() => {
                    let gone = present.remove(pick % present.len());
                    subscription.remove(gone);
                    held.retain(|_, holder| *holder != gone);
                }
                Act::Flow(pick) if !present.is_empty() => subscription.flow(present[pick % present.len()], 2),
                Act::Ack(pick) if !held.is_empty() => {
                    let (&position, &holder) = held.iter().nth(pick % held.len()).expect("it is not empty");
                    prop_assert!(subscription.acknowledge(holder, position, &extents));
                    held.remove(&position);
                    done.insert(position);
                }
                Act::GiveBack(pick) if !held.is_empty() => {
                    let (&position, &holder) = held.iter().nth(pick % held.len()).expect("it is not empty");
                    subscription.give_back(holder, &[position], &extents);
                    held.remove(&position);
                }
                Act::Send => {
                    let (sent, _) = subscription.dispatch(Time::ZERO, &extents, load);
                    for dispatched in sent {
                        let position = dispatched.position;
                        prop_assert!(present.contains(&dispatched.to));
                        prop_assert!(!done.contains(&position), "{} was acknowledged", position);
                        prop_assert_eq!(held.insert(position, dispatched.to), None, "{} twice", position);
                        let elsewhere = held.iter().find(|(other, holder)| {
                            by_key && key_of(**other) == key_of(position) && **holder != dispatched.to
                        });
                        prop_assert_eq!(elsewhere, None, "{} is with two", key_of(position));
                    }
                }
                _ => {}
            }
        }
        prop_assert_eq!(done.len() as u64, entries, "all is acknowledged in the end");
        prop_assert_eq!(subscription.cursor().mark(), extents.end());
    }
}

#[test]
fn where_one_consumes_at_a_time_giving_back_rewinds() {
    let extents = Extents::from_iter([(LedgerId(7), 4)]);
    let load = |_| facts("");
    let mut subscription = Subscription::new(SubscriptionType::Failover, Cursor::new(at(7, 0)), Some(0), "t");
    let (a, b) = (
        subscription.add(consumer("a", 0)).expect("room"),
        subscription.add(consumer("b", 0)).expect("room"),
    );
    subscription.flow(a, 100);
    subscription.flow(b, 100);
    let given = |subscription: &mut Subscription| -> Vec<(u64, u64, u32)> {
        let (sent, _) = subscription.dispatch(Time::ZERO, &extents, load);
        sent.iter().map(|sent| (sent.to.0, sent.position.entry, sent.redeliveries)).collect()
    };
    assert_eq!(given(&mut subscription), [(1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 3, 0)]);
    subscription.acknowledge(a, at(7, 1), &extents);
    subscription.give_back(a, &[at(7, 3)], &extents);
    assert_eq!(given(&mut subscription), [(1, 0, 1), (1, 2, 1), (1, 3, 1)], "all that is not acknowledged");
    subscription.acknowledge_to(a, at(7, 2), &extents);
    assert_eq!(subscription.cursor().mark(), at(7, 3));
    subscription.remove(a);
    assert_eq!(given(&mut subscription), [(2, 3, 1)], "the next one begins at the mark");
}

#[test]
fn cumulative_acknowledgement_is_not_for_those_who_share() {
    let extents = Extents::from_iter([(LedgerId(7), 2)]);
    for kind in [SubscriptionType::Shared, key_shared()] {
        let mut subscription = Subscription::new(kind, Cursor::new(at(7, 0)), None, "t");
        let one = subscription.add(consumer("a", 0)).expect("room");
        assert!(!subscription.acknowledge_to(one, at(7, 1), &extents));
        assert_eq!(subscription.cursor().mark(), at(7, 0));
    }
}

#[test]
fn a_message_waits_for_its_time_only_where_consumers_share() {
    let extents = Extents::from_iter([(LedgerId(7), 3)]);
    let load = |position: Position| {
        let deliver_at = (position.entry == 0).then_some(Time(5_000));
        Some(EntryFacts { messages: 1, key: None, deliver_at })
    };
    for (kind, first, later) in [
        (SubscriptionType::Shared, vec![1, 2], vec![0]),
        (key_shared(), vec![1, 2], vec![0]),
        (SubscriptionType::Exclusive, vec![0, 1, 2], vec![]),
    ] {
        let mut subscription = Subscription::new(kind, Cursor::new(at(7, 0)), None, "t");
        let one = subscription.add(consumer("a", 0)).expect("room");
        subscription.flow(one, 10);
        let mut given = |now| -> Vec<u64> {
            let (sent, _) = subscription.dispatch(Time(now), &extents, load);
            sent.iter().map(|sent| sent.position.entry).collect()
        };
        assert_eq!((given(0), given(4_999), given(5_000)), (first, vec![], later), "{kind:?}");
    }
}

#[test]
fn retention_concerns_what_is_acknowledged_and_quota_what_is_not() {
    let ledger = |id, closed: Option<u64>| LedgerInfo {
        ledger: LedgerId(id),
        entries: 10,
        bytes: 100,
        offloaded: None,
        closed: closed.map(|ms| Time(ms * 1_000)),
    };
    let list = [ledger(1, Some(10)), ledger(2, Some(20)), ledger(4, Some(30)), ledger(5, None)];
    let ms = Span::from_millis;
    let gone = |time, bytes, slowest: u64, now: u64| {
        let retention = Retention { time, bytes };
        retention.gone(&list, at(slowest, 3), Time(now * 1_000)).iter().map(|id| id.0).collect::<Vec<_>>()
    };
    assert_eq!(gone(Some(ms(0)), Some(0), 5, 30), [1, 2, 4], "nothing is kept that all have");
    assert_eq!(gone(Some(ms(0)), Some(0), 4, 30), [1, 2], "the slowest is in 4");
    assert_eq!(gone(Some(ms(0)), Some(0), 1, 30), [0; 0]);
    assert_eq!(gone(None, None, 5, 9_999), [0; 0], "for ever");
    assert_eq!(gone(Some(ms(15)), None, 5, 35), [1, 2], "older than 15 ms");
    assert_eq!(gone(None, Some(300), 5, 9_999), [1], "300 of 400 bytes are enough");
    assert_eq!(gone(Some(ms(100)), Some(150), 5, 35), [1, 2], "too much is enough, if not too old");

    let extents = Extents::from_iter([(LedgerId(1), 2), (LedgerId(2), 2)]);
    let published = |position: Position| Some(Time((position.ledger.0 * 10 + position.entry) * 1_000));
    let ttl = |now: u64| expired(&Cursor::new(at(1, 0)), &extents, published, ms(5), Time(now * 1_000));
    assert_eq!(
        [ttl(14), ttl(15), ttl(16), ttl(25), ttl(99)],
        [None, Some(at(1, 0)), Some(at(1, 1)), Some(at(2, 0)), Some(at(2, 1))]
    );
    let quota = |policy| BacklogQuota { bytes: 55, policy };
    assert_eq!(quota(QuotaPolicy::ProducerRequestHold).check(55), None);
    assert_eq!(quota(QuotaPolicy::ProducerRequestHold).check(56), Some(OverQuota::Hold));
    assert_eq!(quota(QuotaPolicy::ProducerException).check(56), Some(OverQuota::Refuse));
    let evict = quota(QuotaPolicy::ConsumerBacklogEviction).check(56);
    assert_eq!(evict, Some(OverQuota::Evict { down_to: 49 }), "90 % of 55 is 49.5");
}

/// One after the other through the retry topic, N times, and then it is dead. Its origin stays written on it.
#[test]
fn a_message_goes_through_the_retry_topic_so_often() {
    let topic: TopicName = "paid-partition-1".parse().expect("a topic");
    let place = MessagePlace { position: at(7, 3), partition: Some(1), batch: None };
    let mut builder = BatchBuilder::new();
    let headers = Headers::from_iter([("color", Some("red"))]);
    builder.push(&NewRecord { value: Some("v".into()), headers, ..NewRecord::default() }).expect("small");
    let mut record = builder.build().records().next().expect("one");
    let mut went = Vec::new();
    let mut from = topic.clone();
    for round in 0..4_u64 {
        let when = (Time(round * 1_000_000), Span::from_millis(250));
        let later = Reconsumed::later(&from, "mail", place, &record, when, 3).expect("short names");
        went.push((later.to.local().to_string(), later.times));
        let mut builder = BatchBuilder::new();
        builder.push(&later.record).expect("small");
        (record, from) = (builder.build().records().next().expect("one"), later.to);
        let text = |name: &str| {
            let value = record.headers.get(name.as_bytes()).flatten().expect(name);
            String::from_utf8(value.to_vec()).expect("text")
        };
        assert_eq!(text(REAL_TOPIC), "persistent://public/default/paid-partition-1");
        assert_eq!(
            (text(ORIGIN_MESSAGE_ID), text(DELAY_TIME), text("color")),
            ("7:3:1:-1".into(), "250".into(), "red".into())
        );
        let due = record.headers.get(DELIVER_AT_HEADER.as_bytes()).flatten();
        let expected = (round < 3).then(|| (round * 1_000_000 + 250_000).to_be_bytes());
        assert_eq!(due, expected.as_ref().map(|bytes| &bytes[..]));
        let once =
            |name: &str| record.headers.iter().filter(|(other, _)| *other == name.as_bytes()).count() == 1;
        assert!(once(RECONSUME_TIMES) && once(DELAY_TIME) && once(REAL_TOPIC));
    }
    let retry = |times| ("paid-mail-RETRY".to_owned(), times);
    assert_eq!(went, [retry(1), retry(2), retry(3), ("paid-mail-DLQ".to_owned(), 4)]);
}

proptest! {
    /// Against the plain rule: of each key the last, unless it has no value; and it does not matter in how many steps.
    #[test]
    fn compaction_keeps_the_latest_of_each_key(
        batches in prop::collection::vec(prop::collection::vec((0_u8..5, 0_u8..3), 1..4), 1..20),
        cut in any::<usize>(),
    ) {
        let key = |key: u8| (key < 4).then(|| bytes::Bytes::from(vec![key]));
        let entries: Vec<(Position, Batches)> = (0..).zip(&batches).map(|(entry, records)| {
            let mut builder = BatchBuilder::new();
            for (k, value) in records {
                let value = (*value > 0).then(|| vec![*value].into());
                builder.push(&NewRecord { key: key(*k), value, ..NewRecord::default() }).expect("small");
            }
            (at(1 + entry / 5, entry % 5), builder.build())
        }).collect();
        let all: Vec<(Position, usize, u8, u8)> = entries.iter().zip(&batches).flat_map(|((position, _), records)| {
            records.iter().enumerate().map(|(index, (k, value))| (*position, index, *k, *value))
        }).collect();
        let is_last = |at: usize| all[at + 1..].iter().all(|later| later.2 != all[at].2);
        let model: Vec<(Position, u8, u8)> = (0..all.len())
            .filter(|&at| all[at].2 < 4 && all[at].3 > 0 && is_last(at))
            .map(|at| (all[at].0, all[at].2, all[at].3))
            .collect();
        let cut = cut % entries.len();
        // Compacted in one go, or a part of it first, and then that and the rest.
        let compacted = |entries: &[(Position, Batches)]| -> Vec<(Position, Batches)> {
            let mut latest = Latest::new(false);
            entries.iter().for_each(|(position, payload)| latest.learn(*position, payload));
            let kept = entries.iter().filter_map(|(position, payload)| {
                original_of(&copy_of(*position, &latest.kept_of(*position, payload)?))
            });
            kept.collect()
        };
        let messages = |entries: &[(Position, Batches)]| -> Vec<(Position, u8, u8)> {
            let each = |(position, payload): &(Position, Batches)| {
                let position = *position;
                payload.records().map(move |record| {
                    (position, record.key.expect("a key")[0], record.value.expect("a value")[0])
                }).collect::<Vec<_>>()
            };
            entries.iter().flat_map(each).collect()
        };
        let cut = cut % entries.len();
        let mut rest = compacted(&entries[..cut]);
        rest.extend_from_slice(&entries[cut..]);
        prop_assert_eq!(&messages(&compacted(&entries)), &model);
        prop_assert_eq!(&messages(&compacted(&rest)), &model);
    }
}
