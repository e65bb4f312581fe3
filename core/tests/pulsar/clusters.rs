//! Whole clusters: brokers that die, hang and take over, bookies that fail, programs that fail.

use std::collections::BTreeSet;

use mqlab_core::ids::NodeId;
use mqlab_core::observe::PulsarEvent;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::pulsar::ledger::Quorums;
use mqlab_core::systems::pulsar::{
    BacklogQuota, BrokerSettings, ConsumerSettings, DELIVER_AT_HEADER, DeadLetterPolicy, DeadLetterStyle,
    InitialPosition, LedgerSettings, NewConsumer, QuotaPolicy, Retention, SubscriptionType, TopicSettings,
};
use mqlab_core::time::Span;

use crate::net::{Net, Program, bookie, broker, ms, record};

fn settings(topics: TopicSettings) -> BrokerSettings {
    BrokerSettings { topics, ..BrokerSettings::default() }
}

fn usual() -> TopicSettings {
    let ledgers = LedgerSettings { add_timeout: ms(100), retry: ms(20), ..LedgerSettings::default() };
    TopicSettings { ledgers, deduplication: true, ..TopicSettings::default() }
}

fn reading(kind: SubscriptionType) -> ConsumerSettings {
    ConsumerSettings {
        kind,
        from: InitialPosition::Earliest,
        nack_delay: ms(50),
        ..ConsumerSettings::default()
    }
}

#[test]
fn messages_arrive_in_order_and_a_new_subscription_can_begin_at_the_oldest() {
    let mut net = Net::new(2, 3, settings(TopicSettings { retention: Retention::FOREVER, ..usual() }));
    let producer = net.add_producer(1, "p", "t");
    let first = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    for id in 1..=50 {
        net.send(producer, vec![record(id)]);
        net.run(ms(1));
    }
    net.run(ms(100));
    let all: Vec<u64> = (1..=50).collect();
    assert_eq!(net.ids(first), all);
    assert_eq!(net.acknowledged, all.iter().copied().collect::<BTreeSet<u64>>());
    assert_eq!(net.servers("t").len(), 1, "a topic has one owner");
    let late = net.add_consumer(2, "t", "other", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(200));
    assert_eq!(net.ids(late), all);
    let busy = net.add_consumer(3, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(50));
    assert_eq!(net.ids(busy), [0; 0]);
    assert!(net.reader(busy).consumer.refused().is_some(), "the subscription is exclusive");
}

#[test]
fn another_broker_takes_the_topic_and_nothing_is_lost_or_doubled() {
    let mut net = Net::new(2, 3, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Failover), Program::Acknowledges);
    net.run(ms(100));
    let owner = net.servers("t")[0];
    for id in 1..=60 {
        net.send(producer, vec![record(id)]);
        net.run(ms(1));
        if id == 30 {
            net.crash(owner);
        }
    }
    net.run(ms(2_000));
    assert_eq!(net.pending(producer), 0);
    let other = if owner == broker(1) { broker(2) } else { broker(1) };
    assert_eq!(net.servers("t"), [other]);
    let mut seen = net.ids(consumer);
    assert!(seen.len() < 70, "only what was not written down is delivered again: {seen:?}");
    seen.dedup();
    let firsts: Vec<u64> = {
        let mut known = BTreeSet::new();
        seen.into_iter().filter(|id| known.insert(*id)).collect()
    };
    assert_eq!(firsts, (1..=60).collect::<Vec<_>>(), "in order, each of them");
    // A subscription that begins now at the oldest that is kept sees nothing twice: sequences were recognised.
    net.start(owner);
    let check =
        net.add_consumer(2, "t", "check", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(500));
    let kept = net.ids(check);
    assert_eq!(kept.iter().collect::<BTreeSet<_>>().len(), kept.len(), "{kept:?}");
}

#[test]
fn an_owner_that_only_hung_acknowledges_nothing_afterwards() {
    let mut net = Net::new(2, 3, settings(TopicSettings { retention: Retention::FOREVER, ..usual() }));
    let producer = net.add_producer(1, "p", "t");
    net.run(ms(100));
    (1..=5).for_each(|id| {
        net.send(producer, vec![record(id)]);
    });
    net.run(ms(50));
    let owner = net.servers("t")[0];
    net.freeze(owner);
    net.send(producer, vec![record(6)]); // it lies in the frozen broker's inbox
    net.run(ms(400)); // its session ends
    let other = net.add_producer(2, "q", "t");
    net.run(ms(300));
    net.send(other, vec![record(7)]);
    net.run(ms(300));
    assert!(net.acknowledged.contains(&7), "another broker has the topic");
    net.thaw(owner);
    net.run(ms(1_000));
    assert_eq!(net.servers("t").len(), 1, "it has noticed");
    assert_eq!(net.pending(producer), 0, "6 was sent again, to the new owner");
    let check =
        net.add_consumer(1, "t", "check", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(500));
    assert_eq!(net.ids(check), [1, 2, 3, 4, 5, 7, 6]);
}

#[test]
fn a_bookie_may_fail_while_messages_come() {
    let quorums = Quorums::new(2, 2, 2).expect("fine");
    let ledgers = LedgerSettings { quorums, ..usual().ledgers };
    let mut net =
        Net::new(1, 3, settings(TopicSettings { ledgers, retention: Retention::FOREVER, ..usual() }));
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Exclusive), Program::Acknowledges);
    net.run(ms(100));
    for id in 1..=60 {
        net.send(producer, vec![record(id)]);
        net.run(ms(2));
        match id {
            20 => net.crash(bookie(1)),
            40 => net.crash(bookie(2)), // only one is left: it waits
            50 => net.start(bookie(1)),
            _ => {}
        }
    }
    net.run(ms(3_000));
    assert_eq!((net.pending(producer), net.ids(consumer)), (0, (1..=60).collect::<Vec<_>>()));
}

#[test]
fn ledgers_roll_over_and_go_when_everybody_has_them() {
    let ledgers = LedgerSettings { entries_max: 10, age_min: Span::ZERO, ..usual().ledgers };
    let mut net = Net::new(1, 2, settings(TopicSettings { ledgers, ..usual() }));
    let producer = net.add_producer(1, "p", "t");
    let fast = net.add_consumer(
        1,
        "t",
        "fast",
        reading(SubscriptionType::Exclusive),
        Program::AcknowledgesAllBefore,
    );
    let slow = net.add_consumer(2, "t", "slow", reading(SubscriptionType::Exclusive), Program::Waits);
    net.run(ms(100));
    for id in 1..=45 {
        net.send(producer, vec![record(id)]);
        net.run(ms(3));
    }
    net.run(ms(200));
    assert_eq!((net.ids(fast), net.ids(slow)), ((1..=45).collect(), (1..=45).collect()));
    let sizes: Vec<usize> = net.held(bookie(1)).into_values().map(|entries| entries.len()).collect();
    assert_eq!(sizes, [10, 10, 10, 10, 5], "the slow one holds them all");
    (0..25).for_each(|_| net.finish(slow, Program::Acknowledges));
    net.run(ms(200));
    let sizes: Vec<usize> = net.held(bookie(1)).into_values().map(|entries| entries.len()).collect();
    assert_eq!(sizes, [10, 10, 5], "whole ledgers, before the slowest");
}

/// How often a program sees a message that it always fails on, and when it is dead.
#[test]
fn java_and_go_count_dead_letters_differently() {
    for (style, max_redeliver, sees) in [
        (DeadLetterStyle::Java, 2, 3),
        (DeadLetterStyle::Go, 2, 2),
        (DeadLetterStyle::Java, 0, 1),
        (DeadLetterStyle::Go, 0, 0),
    ] {
        let mut net = Net::new(1, 2, settings(usual()));
        let producer = net.add_producer(1, "p", "t");
        let dead_letters = Some(DeadLetterPolicy { max_redeliver, style });
        let options = ConsumerSettings { dead_letters, ..reading(SubscriptionType::Shared) };
        let consumer = net.add_consumer(1, "t", "s", options, Program::Fails);
        net.run(ms(100));
        net.send(producer, vec![record(1)]);
        net.run(ms(1_000));
        let counts: Vec<u32> = net.reader(consumer).seen.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, (0..sees).collect::<Vec<_>>(), "{style:?} with {max_redeliver}");
        let dead: Vec<String> = net.reader(consumer).dead.iter().map(ToString::to_string).collect();
        assert_eq!(dead, ["persistent://public/default/t-s-DLQ"]);
    }
}

#[test]
fn without_a_limit_a_message_comes_again_and_again_and_exclusive_rewinds() {
    for (kind, expected) in
        [(SubscriptionType::Shared, vec![1, 2, 1, 1]), (SubscriptionType::Exclusive, vec![1, 2, 1, 2, 1, 2])]
    {
        let mut net = Net::new(1, 2, settings(usual()));
        let producer = net.add_producer(1, "p", "t");
        let consumer = net.add_consumer(1, "t", "s", reading(kind), Program::Waits);
        net.run(ms(100));
        net.send(producer, vec![record(1)]);
        net.send(producer, vec![record(2)]);
        net.run(ms(20));
        for _ in 0..2 {
            net.finish(consumer, Program::Fails); // 1, and 2 stays in its hands
            net.reader(consumer).in_hand.clear();
            net.run(ms(70));
        }
        assert_eq!(net.ids(consumer), expected, "{kind:?}");
    }
}

#[test]
fn what_is_not_acknowledged_in_time_comes_again() {
    let mut net = Net::new(1, 2, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let options = ConsumerSettings { ack_timeout: Some(ms(100)), ..reading(SubscriptionType::Shared) };
    let consumer = net.add_consumer(1, "t", "s", options, Program::Waits);
    net.run(ms(100));
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    assert_eq!(net.reader(consumer).seen, [(1, 0)]);
    net.run(ms(100));
    assert_eq!(net.reader(consumer).seen, [(1, 0), (1, 1)]);
    net.reader(consumer).in_hand.pop_front();
    net.finish(consumer, Program::Acknowledges);
    net.run(ms(500));
    assert_eq!(net.reader(consumer).seen.len(), 2, "it is acknowledged");
}

/// Messages come while one is overdue: what was on its way when everything was asked for again does not get in between.
#[test]
fn what_was_sent_before_everything_was_asked_for_again_is_dropped() {
    let mut net = Net::new(1, 2, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let options = ConsumerSettings { ack_timeout: Some(ms(50)), ..reading(SubscriptionType::Exclusive) };
    let consumer = net.add_consumer(1, "t", "s", options, Program::Waits);
    net.run(ms(100));
    for id in 1..=200 {
        net.send(producer, vec![record(id)]);
        net.run(ms(1));
    }
    let seen = net.ids(consumer);
    let rewound = seen.windows(2).filter(|pair| pair[1] == 1).count();
    assert!(rewound >= 2, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1 || pair[1] == 1), "{seen:?}");
    let dropped = |fact: &&(NodeId, PulsarEvent)| matches!(fact.1, PulsarEvent::Outdated { .. });
    assert!(net.facts.iter().filter(dropped).count() >= rewound);
    // Whoever acknowledges up to what it has last takes nothing along that it did not see.
    net.reader(consumer).in_hand.clear();
    net.reader(consumer).program = Program::AcknowledgesAllBefore;
    net.run(ms(500));
    let seen = net.ids(consumer);
    assert!(seen.ends_with(&(1..=200).collect::<Vec<u64>>()), "{seen:?}");
}

/// A receiver queue of 10: 10 permits at first, and 5 more for each 5 that the program took.
#[test]
fn permits_come_by_halves_of_the_queue_and_count_messages_of_batches() {
    let mut net = Net::new(1, 2, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let options = ConsumerSettings { receiver_queue: 10, ..reading(SubscriptionType::Exclusive) };
    let consumer = net.add_consumer(1, "t", "s", options, Program::Acknowledges);
    net.run(ms(100));
    assert_eq!(net.flows, [10]);
    (1..=4).for_each(|id| {
        net.send(producer, vec![record(id)]);
    });
    net.run(ms(50));
    assert_eq!(net.flows, [10]);
    net.send(producer, vec![record(5)]);
    net.run(ms(50));
    assert_eq!(net.flows, [10, 5]);
    net.send(producer, (6..=25).map(record).collect()); // one entry of 20: more than there are permits for
    net.run(ms(50));
    assert_eq!(net.ids(consumer), (1..=25).collect::<Vec<_>>());
    assert_eq!(net.flows[2..].iter().sum::<u32>(), 20);
}

#[test]
fn a_batch_is_acknowledged_when_all_of_it_is() {
    let mut net = Net::new(1, 2, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let options = reading(SubscriptionType::Shared);
    let consumer = net.add_consumer(1, "t", "s", options.clone(), Program::Waits);
    net.run(ms(100));
    net.send(producer, (1..=3).map(record).collect());
    net.run(ms(50));
    (0..2).for_each(|_| net.finish(consumer, Program::Acknowledges));
    net.run(ms(50));
    net.crash(consumer);
    let next = net.add_consumer(2, "t", "s", options, Program::Acknowledges);
    net.run(ms(200));
    assert_eq!(net.ids(next), [1, 2, 3], "two of three were acknowledged: all three come again");
    net.crash(next);
    let last = net.add_consumer(3, "t", "s", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(200));
    assert_eq!(net.ids(last), [0; 0]);
}

#[test]
fn who_is_not_ready_misses_what_is_not_kept() {
    let mut net = Net::new(1, 0, settings(usual()));
    let name = "non-persistent://public/default/ticks";
    let producer = net.add_producer(1, "p", name);
    net.run(ms(50));
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    let options = ConsumerSettings { receiver_queue: 2, ..reading(SubscriptionType::Shared) };
    let consumer = net.add_consumer(1, name, "s", options.clone(), Program::Waits);
    let other = net.add_consumer(2, name, "other", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(50));
    (2..=3).for_each(|id| {
        net.send(producer, vec![record(id)]);
    });
    net.run(ms(50));
    assert_eq!((net.ids(consumer), net.ids(other)), (vec![2, 3], vec![2, 3]));
    assert_eq!(
        (net.pending(producer), net.acknowledged.len()),
        (0, 3),
        "a receipt says nothing of consumers"
    );
    net.crash(consumer);
    let again = net.add_consumer(3, name, "s", options, Program::Acknowledges);
    net.run(ms(200));
    assert_eq!(net.ids(again), [0; 0], "nothing comes again");
}

#[test]
fn a_message_that_lives_too_long_counts_as_acknowledged() {
    let topics = TopicSettings { time_to_live: Some(ms(200)), check_interval: ms(50), ..usual() };
    let mut net = Net::new(1, 2, settings(topics));
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(100));
    net.crash(consumer);
    let at = |net: &Net, id| {
        let mut record = record(id);
        record.timestamp = net.now.as_millis() as i64;
        record
    };
    let old = at(&net, 1);
    net.send(producer, vec![old]);
    net.run(ms(300));
    let young = at(&net, 2);
    net.send(producer, vec![young]);
    net.run(ms(20));
    let next = net.add_consumer(2, "t", "s", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(100));
    assert_eq!(net.ids(next), [2]);
}

/// A subscription that does nothing, a quota that 20 messages are over, and what becomes of the next one.
#[test]
fn who_suffers_from_a_backlog_is_the_quotas_choice() {
    for policy in [
        QuotaPolicy::ProducerRequestHold,
        QuotaPolicy::ProducerException,
        QuotaPolicy::ConsumerBacklogEviction,
    ] {
        let quota = BacklogQuota { bytes: 2_000, policy };
        let topics = TopicSettings { backlog_quota: Some(quota), check_interval: ms(20), ..usual() };
        let mut net = Net::new(1, 2, settings(topics));
        let producer = net.add_producer(1, "p", "t");
        let slow = net.add_consumer(1, "t", "s", reading(SubscriptionType::Shared), Program::Waits);
        net.run(ms(100));
        (1..=20).for_each(|id| {
            net.send(producer, vec![record(id)]);
        });
        net.run(ms(100));
        assert_eq!((net.pending(producer), net.acknowledged.len()), (0, 20), "there was room");
        net.send(producer, vec![record(21)]);
        net.run(ms(100));
        let stored = net.acknowledged.contains(&21);
        match policy {
            QuotaPolicy::ProducerRequestHold => {
                assert_eq!((net.pending(producer), stored), (1, false));
                (0..20).for_each(|_| net.finish(slow, Program::Acknowledges));
                net.run(ms(100));
                assert_eq!((net.pending(producer), net.ids(slow).last()), (0, Some(&21)));
            }
            QuotaPolicy::ProducerException => assert_eq!((net.pending(producer), stored), (0, false)),
            QuotaPolicy::ConsumerBacklogEviction => {
                assert!(stored);
                net.crash(slow);
                let next = net.add_consumer(2, "t", "s", reading(SubscriptionType::Shared), Program::Waits);
                net.run(ms(100));
                let left = net.ids(next);
                assert!(left.len() < 20 && left.len() > 3, "about 1,800 bytes: {left:?}");
                assert_eq!(left, (22 - left.len() as u64..=21).collect::<Vec<_>>(), "the newest");
            }
        }
    }
}

#[test]
fn a_message_can_wait_for_its_time() {
    let mut net = Net::new(1, 2, settings(usual()));
    let producer = net.add_producer(1, "p", "t");
    let consumer = net.add_consumer(1, "t", "s", reading(SubscriptionType::Shared), Program::Acknowledges);
    net.run(ms(100));
    let mut later = record(1);
    let at = (net.now + ms(300)).0.to_be_bytes();
    later.headers.push(DELIVER_AT_HEADER.as_bytes(), Some(&at));
    net.send(producer, vec![later]);
    net.send(producer, vec![record(2)]);
    net.run(ms(290));
    assert_eq!(net.ids(consumer), [2]);
    net.run(ms(20));
    assert_eq!(net.ids(consumer), [2, 1]);
}

#[test]
fn of_a_failover_subscription_one_is_active_and_told_so() {
    let mut net = Net::new(1, 2, settings(usual()));
    let name = "t-partition-1";
    let producer = net.add_producer(1, "p", name);
    let options = |name: &str| ConsumerSettings {
        consumer: NewConsumer { name: name.into(), ..NewConsumer::default() },
        ..reading(SubscriptionType::Failover)
    };
    let a = net.add_consumer(1, name, "s", options("a"), Program::Acknowledges);
    net.run(ms(100));
    let b = net.add_consumer(2, name, "s", options("b"), Program::Acknowledges);
    net.run(ms(100));
    let active = |net: &mut Net| [a, b].map(|node| net.reader(node).consumer.is_active());
    assert_eq!(active(&mut net), [false, true], "partition 1 of two consumers: the second");
    net.send(producer, vec![record(1)]);
    net.run(ms(50));
    assert_eq!((net.ids(a), net.ids(b)), (vec![], vec![1]));
    net.crash(b);
    net.send(producer, vec![record(2)]);
    net.run(ms(50));
    assert!(net.reader(a).consumer.is_active());
    assert_eq!(net.ids(a), [2]);
}

/// Whatever dies and comes back, as long as enough of it is there in the end: what was acknowledged is received, in the
/// order in which it was sent; and nothing is stored twice.
#[test]
fn swarm() {
    for seed in 0..150 {
        let mut rng = Rng::new(seed, Stream::Faults);
        let (e, w, a) = [(2, 2, 2), (3, 3, 2), (3, 2, 2)][rng.below(3) as usize];
        let quorums = Quorums::new(e, w, a).expect("fine");
        let entries_max = rng.between(5, 50);
        let ledgers = LedgerSettings { quorums, entries_max, age_min: Span::ZERO, ..usual().ledgers };
        let topics = TopicSettings { ledgers, retention: Retention::FOREVER, ..usual() };
        let mut net = Net::new(3, 4, settings(topics));
        let producer = net.add_producer(1, "p", "t");
        let kind = [SubscriptionType::Exclusive, SubscriptionType::Shared][rng.below(2) as usize];
        let consumer = net.add_consumer(1, "t", "s", reading(kind), Program::Acknowledges);
        net.run(ms(50));
        let mut down: Vec<NodeId> = Vec::new();
        for id in 1..=80 {
            net.send(producer, vec![record(id)]);
            net.run(ms(rng.below(6)));
            if rng.below(12) == 0 {
                let node = if rng.below(2) == 0 {
                    broker(rng.between(1, 3) as u16)
                } else {
                    bookie(rng.between(1, 4) as u16)
                };
                // Of the bookies fewer than Qa may be away at once: that is what they promise.
                if down.is_empty() {
                    net.crash(node);
                    down.push(node);
                }
            } else if rng.below(10) == 0
                && let Some(node) = down.pop()
            {
                net.run(ms(400)); // and what it had is not missed before it is back
                net.start(node);
                net.run(ms(200));
            }
        }
        down.into_iter().for_each(|node| net.start(node));
        net.run(ms(5_000));
        assert_eq!(net.pending(producer), 0, "seed {seed}");
        let all: Vec<u64> = (1..=80).collect();
        let seen: BTreeSet<u64> = net.ids(consumer).into_iter().collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), all, "seed {seed}");
        let check =
            net.add_consumer(2, "t", "check", reading(SubscriptionType::Exclusive), Program::Acknowledges);
        net.run(ms(1_000));
        assert_eq!(net.ids(check), all, "seed {seed}: stored once, in order");
    }
}
