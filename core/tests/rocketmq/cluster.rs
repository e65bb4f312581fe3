//! Small clusters: who gets what, when, how often and in which order.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::observe::{Event, RocketmqEvent};
use mqlab_core::systems::rocketmq::broker::{BrokerSettings, Role};
use mqlab_core::systems::rocketmq::consumer::{Consumed, ConsumerSettings, Model, Order};
use mqlab_core::systems::rocketmq::delay::DelayLevels;
use mqlab_core::systems::rocketmq::filter::Subscription;
use mqlab_core::systems::rocketmq::layout::StoredMessage;
use mqlab_core::systems::rocketmq::names::NameServer;
use mqlab_core::systems::rocketmq::producer::{How, Outcome, ProducerSettings};
use mqlab_core::systems::rocketmq::protocol::{Message, Notice, SendStatus, TransactionState};
use mqlab_core::systems::rocketmq::{CHECK_MAX_TOPIC, HALF_TOPIC};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::Span;

use crate::net::{NAMES, Net, ms, name, topic};

fn broker(text: &str, queues: u32) -> BrokerSettings {
    BrokerSettings::new(name(text), 0).with_topic(topic("orders"), queues)
}

fn producer(net: &mut Net) -> NodeId {
    let topics = BTreeSet::from([topic("orders")]);
    net.producer(1, ProducerSettings { topics, ..ProducerSettings::new(name("shop")) })
}

fn consumer(group: &str, wants: &str) -> ConsumerSettings {
    let mut settings = ConsumerSettings::new(name(group));
    settings.subscriptions.insert(topic("orders"), Subscription::tags(wants).expect("tags"));
    settings
}

fn order(id: u64) -> StoredMessage {
    StoredMessage::new(topic("orders"), 0, format!("order {id}").into_bytes().into())
}

fn send(net: &mut Net, from: NodeId, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        net.send(from, id, order(id), How::Anywhere);
    }
}

#[test]
fn a_message_is_with_a_waiting_consumer_as_soon_as_the_ways_allow() {
    let mut net = Net::new();
    net.broker(1, broker("broker-a", 4));
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "*"), |_| Consumed::Success);
    net.run_until(ms(5_000));
    send(&mut net, shop, [1]);
    net.run_until(ms(5_002));
    assert_eq!(net.worked_by(payer), [1], "one way to the broker, one from there");
    // An idle queue costs a pull each 15 s; and there are four, and that of the retries.
    let is_pull = |event: &Event| matches!(event, Event::Rocketmq(RocketmqEvent::PullHeld { .. }));
    let pulls = |net: &Net| net.events.iter().filter(|fact| is_pull(&fact.event)).count();
    let before = pulls(&net);
    net.run_until(ms(60_000));
    assert!(pulls(&net) - before <= 5 * 4);
}

#[test]
fn members_share_the_queues_and_take_over_from_who_is_gone() {
    let mut net = Net::new();
    net.broker(1, broker("broker-a", 4));
    let shop = producer(&mut net);
    let members: Vec<_> =
        (1..=2).map(|n| net.consumer(n, consumer("payers", "*"), |_| Consumed::Success)).collect();
    net.run_until(ms(2_000));
    let shares: Vec<Vec<_>> = members
        .iter()
        .map(|m| net.consumers[m].queues().filter(|q| q.topic == topic("orders")).map(|q| q.queue).collect())
        .collect();
    assert_eq!(shares, [[0, 1], [2, 3]]);
    send(&mut net, shop, 1..=40);
    net.run_until(ms(3_000));
    assert!(members.iter().all(|member| net.worked_by(*member).len() == 20));
    net.stop_consumer(members[0]);
    send(&mut net, shop, 41..=80);
    net.run_until(ms(12_000));
    let all: BTreeSet<_> = members.iter().flat_map(|member| net.worked_by(*member)).collect();
    assert_eq!(all, (1..=80).collect());
    assert!(net.verdict.lost().is_empty());
}

#[test]
fn what_fails_comes_sixteen_times_more_and_is_then_buried() {
    let mut net = Net::new();
    let levels: Vec<_> = (1..=18).map(|level| Span::from_millis(100 * level)).collect();
    let mut settings = broker("broker-a", 1);
    settings.store.levels = DelayLevels::new(levels).expect("18 levels");
    let node = net.broker(1, settings);
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "*"), |_| Consumed::Later);
    net.run_until(ms(5_000)); // it knows of its retry topic
    send(&mut net, shop, [1]);
    net.run_until(ms(60_000));
    assert_eq!(net.worked_by(payer).len(), 1 + 16);
    let tried: Vec<_> = net.worked.iter().map(|(_, work)| work.message.stored_at).collect();
    let waits: Vec<_> = tried.windows(2).map(|pair| pair[1].since(pair[0]).0 / 100_000).collect();
    assert_eq!(waits, (3..=18).collect::<Vec<_>>(), "the level rises by one each time");
    assert_eq!(net.stored_in(node, &topic("%DLQ%payers"), 0), [1]);
    let last = &net.worked.last().expect("it was tried").1.message;
    assert_eq!((last.reconsumed, last.properties.get("RETRY_TOPIC")), (16, Some("orders")));
}

#[test]
fn a_hash_collision_passes_the_broker_and_not_the_client_and_the_offset_goes_on() {
    let mut net = Net::new();
    let node = net.broker(1, broker("broker-a", 1));
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "AaAa"), |_| Consumed::Success);
    net.run_until(ms(1_000));
    for (id, tag) in [(1, "BBBB"), (2, "AaAa"), (3, "BBBB"), (4, "c")] {
        let mut message = order(id);
        message.properties.set("TAGS", tag).expect("a legal tag");
        net.send(shop, id, message, How::Anywhere);
        net.run_until(ms(1_000 + id * 10));
    }
    net.run_until(ms(12_000));
    assert_eq!(net.worked_by(payer), [2]);
    let stored = net.events.iter().filter_map(|stamped| match &stamped.event {
        Event::OffsetStored { partition, next, .. } if partition.topic == name("orders") => Some(next.0),
        _ => None,
    });
    assert_eq!(stored.max(), Some(4));
    assert_eq!(net.stored_in(node, &topic("orders"), 0), [1, 2, 3, 4]);
}

#[test]
fn a_key_is_processed_in_order_though_members_change_and_some_fail() {
    let mut net = Net::new();
    net.broker(1, broker("broker-a", 4));
    let shop = producer(&mut net);
    let settings = || ConsumerSettings { order: Order::Orderly, ..consumer("payers", "*") };
    // Every seventh fails at first.
    let program = |work: &mqlab_core::systems::rocketmq::consumer::Work| {
        let id = work.message.properties.message_id().map_or(0, |id| id.0);
        if id.is_multiple_of(7) && work.message.reconsumed == 0 { Consumed::Later } else { Consumed::Success }
    };
    let first = net.consumer(1, settings(), program);
    net.run_until(ms(1_000));
    let mut now = 1_000;
    for id in 1..=120 {
        if id == 40 {
            net.consumer(2, settings(), program);
        }
        if id == 80 {
            net.stop_consumer(first);
        }
        net.send(shop, id, order(id), How::InOrder(format!("key {}", id % 5)));
        now += 200;
        net.run_until(ms(now));
    }
    net.run_until(ms(now + 120_000)); // whoever died still has its locks for a minute
    let mut by_key: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (_, work) in &net.worked {
        let id = work.message.properties.message_id().expect("all have one").0;
        by_key.entry(id % 5).or_default().push(id);
    }
    for (key, mut ids) in by_key {
        ids.dedup(); // one that failed comes at once again
        let done: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(done, (1..=120).filter(|id| id % 5 == key).collect(), "key {key}");
        // What was not told yet when a queue changed hands comes again from there; within a reader it only rises.
        let falls = ids.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(falls <= 2, "key {key}: {ids:?}");
    }
}

#[test]
fn half_messages_are_seen_when_they_are_committed() {
    let mut net = Net::new();
    let mut settings = broker("broker-a", 1);
    settings.check_every = Span::from_millis(3_000);
    settings.check_after = Span::from_millis(600);
    let node = net.broker(1, settings);
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "*"), |_| Consumed::Success);
    net.run_until(ms(1_000));
    for (id, state) in
        [(1, Some(TransactionState::Commit)), (2, Some(TransactionState::Rollback)), (3, None), (4, None)]
    {
        if let Some(state) = state {
            net.producers.get_mut(&shop).expect("it runs").decide(MessageId(id), state);
        }
        net.send(shop, id, order(id), How::InTransaction);
    }
    net.run_until(ms(1_100));
    assert_eq!(net.worked_by(payer), [1]);
    assert_eq!(net.stored_in(node, &topic(HALF_TOPIC), 0), [1, 2, 3, 4]);
    // Its own transaction ends; the broker asks, and hears of it.
    net.producers.get_mut(&shop).expect("it runs").decide(MessageId(3), TransactionState::Commit);
    net.run_until(ms(10_000));
    assert_eq!(net.worked_by(payer), [1, 3]);
    // Nobody decides 4: it is asked about 15 times, and then put aside.
    net.run_until(ms(1_000 + 3_000 * 15));
    assert!(net.stored_in(node, &topic(CHECK_MAX_TOPIC), 0).is_empty());
    net.run_until(ms(1_000 + 3_000 * 19));
    assert_eq!(net.stored_in(node, &topic(CHECK_MAX_TOPIC), 0), [4]);
    let copies = net.stored_in(node, &topic(HALF_TOPIC), 0).into_iter().filter(|id| *id == 4).count();
    assert_eq!(copies, 1 + 15, "each time it is asked about it is stored again");
    assert_eq!(net.worked_by(payer), [1, 3]);
    assert!(net.verdict.doubled().is_empty());
}

#[test]
fn decisions_survive_a_power_cut_once_they_are_flushed() {
    let mut net = Net::new();
    let mut settings = broker("broker-a", 1);
    settings.check_every = Span::from_millis(3_000);
    settings.check_after = Span::from_millis(600);
    let node = net.broker(1, settings);
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "*"), |_| Consumed::Success);
    net.run_until(ms(1_000));
    for id in 1..=6 {
        let state = if id % 2 == 0 { TransactionState::Rollback } else { TransactionState::Commit };
        net.producers.get_mut(&shop).expect("it runs").decide(MessageId(id), state);
        net.send(shop, id, order(id), How::InTransaction);
    }
    net.run_until(ms(11_000));
    net.power_cut(node);
    net.run_until(ms(12_000));
    net.restart(node);
    net.run_until(ms(50_000));
    let all = net.worked_by(payer);
    let seen: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!(seen, [1, 3, 5].into());
    assert_eq!(net.stored_in(node, &topic("orders"), 0), [1, 3, 5], "nothing was committed twice");
}

#[test]
fn each_gets_all_and_what_fails_does_not_come_again() {
    let mut net = Net::new();
    net.broker(1, broker("broker-a", 2));
    let shop = producer(&mut net);
    let settings = || ConsumerSettings { model: Model::Broadcasting, ..consumer("caches", "*") };
    let program = |work: &mqlab_core::systems::rocketmq::consumer::Work| {
        if work.queue.queue == 0 { Consumed::Later } else { Consumed::Success }
    };
    let all: Vec<_> = (1..=3).map(|n| net.consumer(n, settings(), program)).collect();
    net.run_until(ms(1_000));
    send(&mut net, shop, 1..=10);
    net.run_until(ms(60_000));
    for node in all {
        let mut ids = net.worked_by(node);
        ids.sort_unstable();
        assert_eq!(ids, (1..=10).collect::<Vec<_>>());
        assert_eq!(net.consumers[&node].local_offsets().values().sum::<u64>(), 10);
    }
}

#[test]
fn a_send_that_fails_goes_to_another_broker() {
    let mut net = Net::new();
    let first = net.broker(1, broker("broker-a", 2));
    let second = net.broker(2, broker("broker-b", 2));
    let shop = producer(&mut net);
    net.run_until(ms(1_000));
    // Its packets get lost; nobody knows that it is away.
    net.cut.extend([(first, shop), (shop, first), (first, NAMES)]);
    send(&mut net, shop, 1..=8);
    net.run_until(ms(20_000));
    assert!(net.outcomes.values().all(|outcome| *outcome == Outcome::Stored(SendStatus::SendOk)));
    let stored: BTreeSet<_> =
        (0..2).flat_map(|queue| net.stored_in(second, &topic("orders"), queue)).collect();
    assert_eq!(stored, (1..=8).collect());
    let tries = net.events.iter().filter(|s| matches!(s.event, Event::Sent { attempt: 2, .. })).count();
    assert_eq!(tries, 4, "half of them were sent to the first at first");
    // In order it is not tried elsewhere.
    for id in 9..=16 {
        net.send(shop, id, order(id), How::InOrder(format!("{id}")));
    }
    net.run_until(ms(40_000));
    let failed = net.outcomes.values().filter(|outcome| **outcome == Outcome::Failed).count();
    assert!(failed > 0 && failed < 8, "{failed}");
}

#[test]
fn a_slave_is_read_when_its_master_is_gone_and_takes_nothing() {
    let mut net = Net::new();
    let master = net.broker(1, BrokerSettings { role: Role::SyncMaster, ..broker("broker-a", 2) });
    net.broker(2, BrokerSettings { id: 1, role: Role::Slave(master), ..broker("broker-a", 2) });
    let shop = producer(&mut net);
    let payer = net.consumer(1, consumer("payers", "*"), |_| Consumed::Success);
    net.run_until(ms(1_000));
    send(&mut net, shop, 1..=20);
    net.run_until(ms(1_500));
    net.crash(master);
    send(&mut net, shop, 21..=22);
    net.run_until(ms(60_000));
    let early = net.consumer(2, consumer("auditors", "*"), |_| Consumed::Success);
    net.run_until(ms(90_000));
    assert_eq!(net.worked_by(early).len(), 20, "the slave gives all that it has");
    assert!([21, 22].iter().all(|id| net.outcomes[&MessageId(*id)] == Outcome::Failed), "and takes nothing");
    net.restart(master);
    net.run_until(ms(130_000)); // all have heard of it
    send(&mut net, shop, [23]);
    net.run_until(ms(170_000));
    let all: BTreeSet<_> = net.worked_by(payer).into_iter().collect();
    assert_eq!(all, (1..=20).chain([23]).collect());
}

#[test]
fn a_consumer_that_is_full_stops_pulling_and_a_stuck_message_holds_the_offset() {
    let mut net = Net::new();
    let node = net.broker(1, broker("broker-a", 1));
    let shop = producer(&mut net);
    let settings = ConsumerSettings { cached_max: 10, at_once: 0, count: 4, ..consumer("payers", "*") };
    let payer = net.consumer(1, settings, |_| Consumed::Success);
    net.run_until(ms(1_000));
    send(&mut net, shop, 1..=50);
    net.run_until(ms(20_000));
    let received = net.events.iter().filter(|s| s.node == payer && matches!(s.event, Event::Received { .. }));
    assert_eq!(received.count(), 12, "with more than ten in hand it asks for no more");
    let is_told = |s: &&mqlab_core::observe::Stamped| {
        s.node == node && matches!(&s.event, Event::OffsetStored { next, .. } if next.0 > 0)
    };
    assert_eq!(net.events.iter().filter(is_told).count(), 0, "nothing is done, so nothing is told");
}

#[test]
fn a_name_server_forgets_who_is_silent_and_who_hung_up() {
    let mut server = NameServer::new(Span::from_millis(120_000));
    let register = |server: &mut NameServer, at, number, text, id| {
        let topics = [(topic("orders"), 4)].into();
        let message = Message::Notice(Notice::Register { broker: name(text), id, topics });
        server.handle(ms(at), Input::Message { from: NodeId::Broker(number), message }, &mut Out::default());
    };
    register(&mut server, 0, 1, "broker-a", 0);
    register(&mut server, 0, 2, "broker-a", 1);
    register(&mut server, 30_000, 3, "broker-b", 0);
    let route = server.route(&topic("orders"));
    assert_eq!(route.iter().map(|routed| routed.nodes.len()).collect::<Vec<_>>(), [2, 1]);
    register(&mut server, 120_000, 2, "broker-a", 1);
    assert_eq!(server.route(&topic("orders"))[0].nodes.len(), 2, "120 s are not over");
    server.handle(ms(120_001), Input::Wake, &mut Out::default());
    assert_eq!(server.route(&topic("orders"))[0].nodes, [(1, NodeId::Broker(2))].into());
    server.handle(ms(120_002), Input::HangUp { peer: NodeId::Broker(3) }, &mut Out::default());
    assert_eq!(server.route(&topic("orders")).len(), 1);
    assert!(server.route(&topic("bills")).is_empty());
}
