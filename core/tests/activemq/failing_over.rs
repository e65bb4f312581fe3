//! brokers that share a store, and clients that look for the one that serves.

use super::*;
use mqlab_core::ids::{MessageId, NodeId};
use mqlab_core::log::faulty::FaultyStorage;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::activemq::{Failover, LOCK_ACQUIRE_SLEEP_INTERVAL, SharedStore, Station};

type Disk = FaultyStorage<MemoryStorage>;

fn station(number: u16, now: Time) -> Station<Disk> {
    Station::new(NodeId::Broker(number), DestinationPolicy::default(), now)
}

#[test]
fn a_slave_opens_the_store_when_its_master_is_gone_and_has_all_that_was_flushed_a9() {
    assert_eq!(LOCK_ACQUIRE_SLEEP_INTERVAL, span(10_000));
    let mut store = SharedStore::new(Disk::default());
    let (mut first, mut second) = (station(1, START), station(2, START));
    assert!(first.wake(START, &mut store).expect("opens"));
    assert!(!second.wake(START, &mut store).expect("locked"));
    assert!(second.broker_mut().is_none(), "a slave serves nobody");
    assert_eq!((store.holder(), second.next_wakeup()), (Some(NodeId::Broker(1)), Some(ms(10_000))));

    let master = first.broker_mut().expect("it is master");
    master.send(START, "q", Message::new("flushed")).expect("taken");
    master.host_mut().flush().expect("flushed");
    master.send(START, "q", Message::new("not flushed")).expect("taken");
    // Its machine loses its power.
    first.stop(&mut store).expect("memory closes");
    let mut disk = store.lock(NodeId::Broker(9)).expect("it is free");
    disk.cut_power(|_, _| 0).expect("memory can be cut");
    store.unlock(disk);

    assert!(!second.wake(ms(9_999), &mut store).expect("not yet"), "it asks every ten seconds");
    assert!(second.wake(ms(10_000), &mut store).expect("opens"));
    let master = second.broker_mut().expect("it is master");
    let got = master.host_mut().receive(ms(10_000), "q").expect("there").expect("a message");
    assert_eq!(word(&got.message), "flushed");
    assert!(master.host_mut().receive(ms(10_000), "q").expect("there").is_none());
    // The first comes back, as a slave.
    let mut first = station(1, ms(11_000)).asking_every(span(100));
    assert!(!first.wake(ms(11_000), &mut store).expect("locked"));
    assert_eq!((first.node(), first.next_wakeup()), (NodeId::Broker(1), Some(ms(11_100))));
    second.stop(&mut store).expect("memory closes");
    assert!(first.wake(ms(11_100), &mut store).expect("opens"));
}

#[test]
fn waits_between_rounds_are_doubled_up_to_half_a_minute_a9() {
    let brokers = vec![NodeId::Broker(1), NodeId::Broker(2)];
    let mut link = Failover::<()>::new(brokers.clone()).in_order();
    let (mut now, mut rng) = (START, Rng::new(1, Stream::Workload));
    let mut waits = Vec::new();
    for _ in 0..14 {
        for broker in &brokers {
            assert_eq!(link.try_next(now, &mut rng), Some(*broker));
            assert_eq!(link.try_next(now, &mut rng), None, "one at a time");
            link.refused(now);
        }
        let next = link.next_wakeup().expect("it tries again");
        waits.push(next.since(now).0 / 1_000);
        assert_eq!(link.try_next(now, &mut rng), None, "it waits");
        now = next;
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 30_000, 30_000]);
    // By chance every one of them is the first sometimes.
    let firsts: Vec<_> =
        (0..20).filter_map(|_| Failover::<()>::new(brokers.clone()).try_next(now, &mut rng)).collect();
    assert!(brokers.iter().all(|broker| firsts.contains(broker)));
}

/// The broker of a number, if it is master.
fn master(stations: &mut [Option<Station<Disk>>], node: NodeId) -> Option<&mut Broker<Disk>> {
    stations.iter_mut().flatten().find(|station| station.node() == node)?.broker_mut()
}

/// A client sends numbered messages while masters die again and again; what was answered is in the store in the end.
#[test]
fn nothing_that_was_answered_is_lost_a9() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed, Stream::Workload);
        let mut store = SharedStore::new(Disk::default());
        let mut stations: Vec<Option<Station<Disk>>> =
            [1, 2].map(|number| Some(station(number, START).asking_every(span(100)))).into();
        let mut link = Failover::new(vec![NodeId::Broker(1), NodeId::Broker(2)]);
        // What was said on this connection waits for the next flush.
        let (mut answered, mut said, mut sent) = (Vec::new(), Vec::new(), 0);
        for tick in 0..2_000 {
            let now = ms(tick * 10);
            for station in stations.iter_mut().flatten() {
                station.wake(now, &mut store).expect("no failure");
            }
            if rng.below(100) == 0 {
                let at = rng.below(2) as usize;
                if let Some(station) = stations[at].take() {
                    let was_master = Some(station.node()) == store.holder();
                    station.stop(&mut store).expect("memory closes");
                    if was_master {
                        let mut disk = store.lock(NodeId::Broker(9)).expect("it is free");
                        disk.cut_power(|_, tail| rng.between(0, tail)).expect("memory can be cut");
                        store.unlock(disk);
                        link.broken(now);
                        said.clear();
                    }
                } else {
                    stations[at] = Some(station(at as u16 + 1, now).asking_every(span(100)));
                }
            }
            let mut to_say = Vec::new();
            if let Some(node) = link.try_next(now, &mut rng) {
                match master(&mut stations, node) {
                    Some(_) => to_say = link.connected(),
                    None => link.refused(now),
                }
            } else if link.open() < 3 && sent < 500 {
                sent += 1;
                let number = link.say(MessageId(sent));
                to_say.push((number, MessageId(sent)));
            }
            let Some(broker) = link.broker().and_then(|node| master(&mut stations, node)) else { continue };
            for (number, id) in to_say {
                broker.send(now, "q", Message::new("m").with_id(id)).expect("taken");
                said.push((number, id));
            }
            // It dies sometimes before it has flushed, and the answer does not come.
            if rng.below(4) > 0 {
                broker.host_mut().flush().expect("flushed");
                for (number, id) in said.drain(..) {
                    link.answered(number);
                    answered.push(id);
                }
            }
        }
        for station in stations.into_iter().flatten() {
            station.stop(&mut store).expect("memory closes");
        }
        let mut last = station(3, START);
        last.wake(START, &mut store).expect("opens");
        let broker = last.broker_mut().expect("it is master");
        let found = broker.host_mut().browse(START, "q", usize::MAX).expect("there");
        let found: std::collections::BTreeSet<_> =
            found.iter().filter_map(|found| found.message.id()).collect();
        assert!(answered.len() > 50, "seed {seed}: it got on");
        assert!(answered.iter().all(|id| found.contains(id)), "seed {seed}: what was answered is there");
    }
}
