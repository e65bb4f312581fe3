//! What is a producer told, and what is lost? Each setting under each fault.

use std::collections::BTreeSet;

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::rocketmq::broker::{Broker, BrokerSettings, Flush, Role};
use mqlab_core::systems::rocketmq::consumer::{Consumed, ConsumerSettings};
use mqlab_core::systems::rocketmq::layout::StoredMessage;
use mqlab_core::systems::rocketmq::producer::{How, Outcome, ProducerSettings};
use mqlab_core::systems::rocketmq::protocol::{Message, Reply, Request, RequestId, SendStatus};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::Span;

use crate::net::{Disk, Net, ms, name, topic};

const MESSAGES: u64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    PowerCut,
    MachineLost,
}

/// A master and its slave, a producer that sends every 20 ms for 1.2 s, and a fault of the master at `at` ms. The slave hears of a
/// message 30 ms after the master has it.
fn run(flush: Flush, role: Role, fault: Fault, at: u64) -> Net {
    let mut net = Net::new();
    let (master, slave) = (NodeId::Broker(1), NodeId::Broker(2));
    let of = |id| BrokerSettings::new(name("broker-a"), id).with_topic(topic("orders"), 2);
    net.broker(1, BrokerSettings { flush, role, ..of(0) });
    net.broker(2, BrokerSettings { role: Role::Slave(master), ..of(1) });
    net.slow.insert((master, slave), Span::from_millis(30));
    let topics = BTreeSet::from([topic("orders")]);
    let producer = net.producer(1, ProducerSettings { topics, ..ProducerSettings::new(name("shop")) });
    let mut settings = ConsumerSettings::new(name("payers"));
    settings.subscriptions.insert(topic("orders"), Default::default());
    settings.at_once = 0; // it keeps what it has in its hands, so that nothing is settled by having been processed
    net.consumer(1, settings, |_| Consumed::Success);
    net.run_until(ms(200));
    let mut is_down = false;
    for id in 1..=MESSAGES {
        net.run_until(ms(200 + id * 20));
        if !is_down && net.now >= ms(at) {
            is_down = true;
            match fault {
                Fault::PowerCut => net.power_cut(master),
                Fault::MachineLost => net.lose_machine(master),
            }
        }
        let message = StoredMessage::new(topic("orders"), 0, format!("order {id}").into_bytes().into());
        net.send(producer, id, message, How::Anywhere);
    }
    net.run_until(ms(4_000));
    assert!(is_down);
    net
}

#[test]
fn with_both_in_sync_nothing_acknowledged_is_lost_with_the_master_s_machine() {
    for at in (230..1_400).step_by(37) {
        let mut net = run(Flush::Sync, Role::SyncMaster, Fault::MachineLost, at);
        let told: BTreeSet<_> = net.verdict.messages_acknowledged().map(|id| id.0).collect();
        assert!(net.verdict.lost().is_empty(), "lost at {at} ms: {:?}", net.verdict.lost());
        assert!(
            net.outcomes.values().all(|o| matches!(o, Outcome::Stored(SendStatus::SendOk) | Outcome::Failed))
        );
        let slave = NodeId::Broker(2);
        let kept: BTreeSet<_> =
            (0..2).flat_map(|queue| net.stored_in(slave, &topic("orders"), queue)).collect();
        assert!(told.is_subset(&kept), "at {at} ms");
        // And a group that comes only now reads them there, though the master is gone for ever.
        let mut settings = ConsumerSettings::new(name("late"));
        settings.subscriptions.insert(topic("orders"), Default::default());
        let late = net.consumer(9, settings, |_| Consumed::Success);
        net.run_until(ms(30_000));
        let read: BTreeSet<_> = net.worked_by(late).into_iter().collect();
        assert_eq!(read, kept, "at {at} ms");
    }
}

#[test]
fn what_is_lost_depends_on_the_settings_and_the_producer_is_told_send_ok_all_the_same() {
    let rows = [
        (Flush::Async, Role::AsyncMaster, Fault::MachineLost, true),
        (Flush::Sync, Role::AsyncMaster, Fault::MachineLost, true),
        (Flush::Async, Role::SyncMaster, Fault::MachineLost, false),
        (Flush::Sync, Role::SyncMaster, Fault::MachineLost, false),
        (Flush::Sync, Role::AsyncMaster, Fault::PowerCut, false),
        (Flush::Async, Role::SyncMaster, Fault::PowerCut, false),
        (Flush::Sync, Role::SyncMaster, Fault::PowerCut, false),
        (Flush::Async, Role::AsyncMaster, Fault::PowerCut, true),
    ];
    for (flush, role, fault, loses) in rows {
        let mut lost = 0;
        for at in (230..1_400).step_by(61) {
            let net = run(flush, role, fault, at);
            for id in net.verdict.lost() {
                lost += 1;
                let told = net.outcomes.get(id);
                assert_eq!(
                    told,
                    Some(&Outcome::Stored(SendStatus::SendOk)),
                    "{flush:?} {role:?} {fault:?} {at}"
                );
            }
        }
        assert_eq!(lost > 0, loses, "{flush:?} {role:?} {fault:?}: {lost} lost");
    }
}

/// The answers to sends at a master, one each second, whose slave is there, silent, and gone.
#[test]
fn a_sync_master_stores_though_no_slave_answers() {
    let mut net = Net::new();
    let (master, slave) = (NodeId::Broker(1), NodeId::Broker(2));
    let of = |id| BrokerSettings::new(name("broker-a"), id).with_topic(topic("orders"), 1);
    net.broker(1, BrokerSettings { role: Role::SyncMaster, ..of(0) });
    let topics = BTreeSet::from([topic("orders")]);
    let settings = ProducerSettings {
        topics,
        timeout: Span::from_millis(10_000),
        ..ProducerSettings::new(name("shop"))
    };
    let producer = net.producer(1, settings);
    net.run_until(ms(100));
    let send = |net: &mut Net, id| {
        let message = StoredMessage::new(topic("orders"), 0, "x".into());
        net.send(producer, id, message, How::Anywhere);
    };
    send(&mut net, 1); // there is no slave
    net.run_until(ms(1_000));
    net.broker(2, BrokerSettings { role: Role::Slave(master), ..of(1) });
    net.run_until(ms(2_000));
    send(&mut net, 2); // there is one
    net.run_until(ms(3_000));
    net.cut.insert((master, slave));
    send(&mut net, 3); // it does not hear of it
    net.run_until(ms(5_900));
    assert_eq!(net.outcomes.get(&MessageId(3)), None);
    net.run_until(ms(6_100));
    net.crash(slave);
    send(&mut net, 4); // it is gone
    net.run_until(ms(7_000));
    let told: Vec<_> = net.outcomes.values().copied().collect();
    let expected = [
        SendStatus::SlaveNotAvailable,
        SendStatus::SendOk,
        SendStatus::FlushSlaveTimeout,
        SendStatus::SlaveNotAvailable,
    ];
    assert_eq!(told, expected.map(Outcome::Stored));
    assert_eq!(net.stored_in(master, &topic("orders"), 0), [1, 2, 3, 4], "all are stored");
    // What the slave missed it gets when it hears again.
    net.cut.clear();
    net.restart(slave);
    net.run_until(ms(8_000));
    assert_eq!(net.stored_in(slave, &topic("orders"), 0), [1, 2, 3, 4]);
}

#[test]
fn a_flush_that_takes_too_long_is_said_and_the_message_is_stored() {
    let settings = BrokerSettings { flush: Flush::Sync, ..BrokerSettings::new(name("broker-a"), 0) };
    let settings = settings.with_topic(topic("orders"), 1);
    for (settles_at, expected) in [(4_999, SendStatus::SendOk), (5_000, SendStatus::FlushDiskTimeout)] {
        let mut broker = Broker::new(ms(0), Disk::default(), settings.clone()).expect("an empty disk");
        let mut out = Out::default();
        let request = Request::Send(StoredMessage::new(topic("orders"), 0, "x".into()));
        let message = Message::Request(RequestId(1), request);
        broker.handle(ms(0), Input::Message { from: NodeId::Producer(1), message }, &mut out);
        assert!(out.sends.is_empty(), "nobody is told before it is settled");
        broker.settle(ms(settles_at), &mut out).expect("the disk is sound");
        let told = out.sends.iter().find_map(|(_, message)| match message {
            Message::Reply(_, Reply::Sent { status, .. }) => Some(*status),
            _ => None,
        });
        assert_eq!(told, Some(expected));
        assert_eq!(broker.store().max_offset(&topic("orders"), 0), 1);
    }
}

/// A pair, and a producer that waits for long; everything else as fast as the test wants it.
fn pair(role: Role, flush: Flush) -> (Net, NodeId) {
    let mut net = Net::new();
    let of = |id| BrokerSettings {
        slave_reports_every: Span::from_millis(100),
        slave_timeout: Span::from_millis(500),
        ..BrokerSettings::new(name("broker-a"), id).with_topic(topic("orders"), 1)
    };
    net.broker(1, BrokerSettings { flush, role, ..of(0) });
    net.broker(2, BrokerSettings { role: Role::Slave(NodeId::Broker(1)), ..of(1) });
    let topics = BTreeSet::from([topic("orders")]);
    let settings = ProducerSettings { topics, attempts: 1, ..ProducerSettings::new(name("shop")) };
    let producer = net.producer(1, settings);
    (net, producer)
}

#[test]
fn a_slave_misses_nothing_though_packets_are_lost() {
    for seed in 0..40 {
        let (mut net, producer) = pair(Role::SyncMaster, Flush::Async);
        let (master, slave) = (NodeId::Broker(1), NodeId::Broker(2));
        net.lossy = [((master, slave), 3), ((slave, master), 3)].into();
        net.chance = Some(Rng::new(seed, Stream::Links));
        net.run_until(ms(500));
        for id in 1..=100 {
            let body = vec![0; (id * 37 % 90) as usize];
            net.send(producer, id, StoredMessage::new(topic("orders"), 0, body.into()), How::Anywhere);
            net.run_until(ms(500 + id * 10));
            let has = net.stored_in(slave, &topic("orders"), 0);
            let told_ok = net.outcomes.iter().filter(|(_, o)| **o == Outcome::Stored(SendStatus::SendOk));
            assert!(told_ok.map(|(id, _)| id.0).all(|id| has.contains(&id)), "seed {seed}");
        }
        net.lossy.clear();
        net.run_until(ms(3_000));
        let ids = net.stored_in(master, &topic("orders"), 0);
        assert_eq!(ids.len(), 100);
        assert_eq!(net.stored_in(slave, &topic("orders"), 0), ids, "seed {seed}");
        let ends = [master, slave].map(|node| net.brokers[&node].store().commit_log().end());
        assert_eq!(ends[0], ends[1]);
    }
}

/// The master loses power before it flushed what its slave has, and begins anew below where the slave is. Nobody has a number by
/// which to see it: that is what epochs of masters are for.
#[test]
fn a_slave_that_has_more_than_its_master_stands_still_or_goes_astray() {
    for (size_of_fourth, goes_on) in [(5, true), (6, false)] {
        let (mut net, producer) = pair(Role::SyncMaster, Flush::Async);
        let (master, slave) = (NodeId::Broker(1), NodeId::Broker(2));
        let send = |net: &mut Net, id: u64, size: usize| {
            let message = StoredMessage::new(topic("orders"), 0, vec![0; size].into());
            net.send(producer, id, message, How::Anywhere);
        };
        net.run_until(ms(1_100));
        (1..=3).for_each(|id| send(&mut net, id, 5));
        net.run_until(ms(1_200));
        net.power_cut(master);
        net.run_until(ms(1_300));
        net.restart(master);
        net.run_until(ms(2_000));
        send(&mut net, 4, size_of_fourth);
        (5..=7).for_each(|id| send(&mut net, id, 5));
        net.run_until(ms(4_000));
        assert_eq!(net.stored_in(master, &topic("orders"), 0), [4, 5, 6, 7]);
        let told: Vec<_> = (4..=7).map(|id| net.outcomes[&MessageId(id)]).collect();
        // The slave's place is behind 4, 5 and 6: so it was taken to have them.
        let last = if goes_on { SendStatus::SendOk } else { SendStatus::FlushSlaveTimeout };
        let third = last;
        let ok = SendStatus::SendOk;
        assert_eq!(told, [ok, ok, third, last].map(Outcome::Stored));
        let kept: &[u64] = if goes_on { &[1, 2, 3, 7] } else { &[1, 2, 3] };
        assert_eq!(net.stored_in(slave, &topic("orders"), 0), kept);
    }
}

/// Packets get lost on all ways to and from the broker, it loses power once, a consumer comes and another dies: whatever a producer
/// was told is stored is processed all the same, at least once.
#[test]
fn what_is_acknowledged_is_processed_whatever_happens_meanwhile() {
    for seed in 0..30 {
        let mut net = Net::new();
        let mut draw = Rng::new(seed, Stream::Faults);
        let settings = BrokerSettings::new(name("broker-a"), 0).with_topic(topic("orders"), 4);
        let master = net.broker(1, BrokerSettings { flush: Flush::Sync, ..settings });
        let topics = BTreeSet::from([topic("orders")]);
        let producer = net.producer(1, ProducerSettings { topics, ..ProducerSettings::new(name("shop")) });
        let reader = || {
            let mut settings = ConsumerSettings::new(name("payers"));
            settings.subscriptions.insert(topic("orders"), Default::default());
            settings
        };
        // Every fifth fails at first, and comes again from the group's topic of retries.
        let program = |work: &mqlab_core::systems::rocketmq::consumer::Work| {
            let id = work.message.properties.message_id().map_or(0, |id| id.0);
            let fails = id.is_multiple_of(5) && work.message.reconsumed == 0;
            if fails { Consumed::Later } else { Consumed::Success }
        };
        let first = net.consumer(1, reader(), program);
        net.run_until(ms(500));
        for client in [producer, first, NodeId::Consumer(2)] {
            net.lossy.extend([((client, master), 8), ((master, client), 8)]);
        }
        net.chance = Some(Rng::new(seed, Stream::Links));
        let [cut, joins, dies] = [(); 3].map(|()| draw.between(5, 95));
        for id in 1..=100 {
            if id == cut {
                net.power_cut(master);
            }
            if id == cut + 20 {
                net.restart(master);
            }
            if id == joins {
                net.consumer(2, reader(), program);
            }
            if id == dies {
                net.stop_consumer(first);
            }
            let message = StoredMessage::new(topic("orders"), 0, "x".into());
            net.send(producer, id, message, How::Anywhere);
            net.run_until(ms(500 + id * 40));
        }
        if cut + 20 > 100 {
            net.restart(master);
        }
        net.run_until(ms(20_000));
        net.lossy.clear();
        net.run_until(ms(200_000));
        assert!(net.verdict.lost().is_empty(), "seed {seed}");
        assert!(net.verdict.acknowledged() > 60, "seed {seed}: {}", net.verdict.acknowledged());
        let waiting: Vec<_> = net.verdict.waiting().collect();
        assert!(waiting.is_empty(), "seed {seed}: {waiting:?} wait");
    }
}

#[test]
fn a_busy_broker_is_flushed_each_half_second_and_a_quiet_one_each_ten() {
    // A message of 100 bytes, and one of five pages, each at 0.7 s; and until when a power cut takes it.
    for (size, safe_at) in [(100, 10_000), (5 * 4_096, 1_000)] {
        for (cut, kept) in [(safe_at - 1, 0), (safe_at, 1)] {
            let (mut net, producer) = pair(Role::AsyncMaster, Flush::Async);
            let master = NodeId::Broker(1);
            net.run_until(ms(700));
            net.send(
                producer,
                1,
                StoredMessage::new(topic("orders"), 0, vec![0; size].into()),
                How::Anywhere,
            );
            net.run_until(ms(cut));
            net.power_cut(master);
            net.restart(master);
            assert_eq!(
                net.stored_in(master, &topic("orders"), 0).len(),
                kept,
                "{size} bytes, cut at {cut} ms"
            );
        }
    }
}
