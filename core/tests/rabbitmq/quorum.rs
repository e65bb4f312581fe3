//! A quorum queue whose members die, whose network is bad, and whose clients do not give up: what was confirmed is
//! settled, once; what is the same for one member is so for all (`net.rs` looks at each step).

use std::collections::{BTreeMap, BTreeSet};

use crate::clients::{Consumer, Publisher};
use crate::net::{Machine, Net, queue_name};
use mqlab_core::ids::{LogName, MessageId, NodeId, Offset};
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::message::Message;
use mqlab_core::systems::Input;
use mqlab_core::systems::rabbitmq::{Command, Effect, Entry, Fifo, FifoOptions, QuorumMessage};
use mqlab_core::time::{Span, Time};

/// Faults end then.
const CALM: Time = Time(8_000_000);
const END: Time = Time(14_000_000);
const RUNS: u64 = 80;

struct World {
    net: Net,
    publishers: Vec<Publisher>,
    consumers: Vec<Consumer>,
}

impl World {
    fn new(seed: u64, members: u16, options: FifoOptions) -> Self {
        let net = Net::new(seed, members, options);
        let publishers = (1..=2).map(Publisher::new).collect();
        Self { net, publishers, consumers: (1..=3).map(Consumer::new).collect() }
    }

    fn run_until(&mut self, until: Time) {
        while self.net.now < until {
            let pause = Time(until.0.min(self.net.now.0 + 5_000));
            if let Some((from, to, message)) = self.net.step(pause) {
                let net = &mut self.net;
                self.publishers.iter_mut().filter(|it| it.me == to).for_each(|it| {
                    it.take(net, from, message.clone());
                });
                self.consumers.iter_mut().filter(|it| it.me == to).for_each(|it| {
                    it.take(net, from, message.clone());
                });
            }
            self.publishers.iter_mut().for_each(|publisher| publisher.tick(&mut self.net));
            self.consumers.iter_mut().for_each(|consumer| consumer.tick(&mut self.net));
        }
    }

    fn disturb(&mut self) {
        let (one, other) = (self.net.any_member(), self.net.any_member());
        match self.net.rng.below(10) {
            0 | 1 => self.net.stop(one),
            2..=4 => self.net.start(one),
            5 => self.net.cut.push((one, other)),
            6 => {
                // One is alone, and hears nobody.
                let others = self.net.members.clone().into_iter().filter(|member| *member != one);
                let both = others.flat_map(|member| [(one, member), (member, one)]);
                self.net.cut.extend(both);
            }
            7 => {
                let at = self.net.rng.below(self.consumers.len() as u64) as usize;
                self.consumers[at].restart();
                // Some are seen to have gone.
                if self.net.rng.below(2) == 0 {
                    let peer = self.consumers[at].me;
                    self.net.give(one, Input::HangUp { peer });
                }
            }
            _ => self.net.cut.clear(),
        }
    }

    fn calm(&mut self) {
        (self.net.loss, self.net.dies_one_in) = (0, 0);
        self.net.cut.clear();
        self.net.members.clone().into_iter().for_each(|member| self.net.start(member));
        self.consumers.iter_mut().for_each(|consumer| consumer.is_fussy = false);
    }
}

/// What the log of a member says, from its beginning.
fn told(net: &mut Net, options: &FifoOptions) -> (Fifo, Vec<(Entry, Vec<Effect>)>) {
    let last = net.members[net.members.len() - 1];
    let committed = net.member(last).expect("it runs").applied();
    net.stop(last);
    let Some(Machine::Dead(disk)) = net.machines.get_mut(&last) else { panic!("it was stopped") };
    let log = disk.open(&LogName::Quorum(queue_name())).expect("memory opens");
    let read = log.read(Offset(0), committed, u32::MAX).expect("it is there").load().expect("no failure");
    let (mut fifo, mut all) = (Fifo::new(options.clone()), Vec::new());
    for entry in read.iter().filter_map(|batch| Entry::read(&batch)) {
        let mut effects = Vec::new();
        fifo.apply(&entry, &mut effects);
        all.push((entry, effects));
    }
    (fifo, all)
}

fn check(world: &mut World, seed: u64, options: &FifoOptions) {
    let (fifo, all) = told(&mut world.net, options);
    assert_eq!((fifo.ready(), fifo.unsettled()), (0, 0), "seed {seed}: all is done");
    let (mut settled, mut stored) = (BTreeMap::<MessageId, u32>::new(), Vec::new());
    let mut first = Vec::new();
    for (entry, effects) in &all {
        for effect in effects {
            match effect {
                Effect::Settled { id: Some(id), .. } => *settled.entry(*id).or_default() += 1,
                Effect::Stored { id: Some(id), .. } => {
                    let Command::Enqueue { from, .. } = &entry.command else { panic!("only so") };
                    stored.push((*from, *id));
                }
                Effect::Deliver { acquired: 0, index, .. } => first.push(*index),
                Effect::Dropped { .. } | Effect::DeadLetter { .. } => {
                    panic!("seed {seed}: nothing dies here")
                }
                _ => {}
            }
        }
    }
    for publisher in &world.publishers {
        assert!(publisher.open.is_empty(), "seed {seed}: everything is confirmed in the end");
        assert!(publisher.confirmed.len() > 5, "seed {seed}: it got on");
        for id in &publisher.confirmed {
            assert_eq!(settled.get(id), Some(&1), "seed {seed}: {id} was confirmed");
        }
        let own: Vec<MessageId> =
            stored.iter().filter(|(from, _)| *from == publisher.me).map(|(_, id)| *id).collect();
        assert!(own.is_sorted() && own.len() == publisher.confirmed.len(), "seed {seed}: once, in its order");
    }
    // A consumer that comes back is given again what it has not had, in its place.
    let mut once = BTreeSet::new();
    first.retain(|index| once.insert(*index));
    assert!(first.is_sorted(), "seed {seed}: what nobody had yet is served in order");
}

#[test]
fn nothing_that_was_confirmed_is_lost_and_each_is_settled_once() {
    for seed in 0..RUNS {
        let delivery_limit = if seed % 2 == 0 { None } else { Some(10_000) };
        let options = FifoOptions { delivery_limit, ..FifoOptions::default() };
        let mut world = World::new(seed, if seed % 3 == 0 { 5 } else { 3 }, options.clone());
        world.net.loss = world.net.rng.below(4) * 5;
        world.net.dies_one_in = 400;
        while world.net.now < CALM {
            let pause = world.net.rng.between(10_000, 120_000);
            world.run_until(world.net.now + Span(pause));
            for at in 0..world.publishers.len() {
                world.publishers[at].publish(&mut world.net);
            }
            if world.net.rng.below(3) == 0 {
                world.disturb();
            }
            if world.net.rng.below(3) == 0 {
                let member = world.net.any_member();
                world.net.start(member);
            }
        }
        world.calm();
        world.run_until(END);
        check(&mut world, seed, &options);
    }
}

#[test]
fn without_a_majority_nothing_is_confirmed_and_nothing_delivered() {
    for members in [3, 5] {
        let mut world = World::new(7, members, FifoOptions::default());
        world.publishers.truncate(1);
        world.consumers.truncate(1);
        world.publishers[0].publish(&mut world.net);
        world.run_until(Time(1_000_000));
        assert_eq!(world.publishers[0].confirmed.len(), 1);
        let count_after = |world: &mut World, stopped: u16| {
            for number in 1..=stopped {
                world.net.stop(NodeId::Broker(number));
            }
            world.publishers[0].publish(&mut world.net);
            let until = world.net.now + Span::from_millis(2_000);
            world.run_until(until);
            world.publishers[0].confirmed.len()
        };
        let minority = members / 2;
        assert_eq!(count_after(&mut world, minority), 2, "the rest is a majority");
        let applied = |world: &World| world.net.member(NodeId::Broker(members)).expect("it runs").applied();
        let before = applied(&world);
        assert_eq!(count_after(&mut world, minority + 1), 2, "the rest is none");
        assert_eq!(applied(&world), before, "so nothing is done, and nothing delivered");
        world.net.start(NodeId::Broker(1));
        let until = world.net.now + Span::from_millis(2_000);
        world.run_until(until);
        assert_eq!(world.publishers[0].confirmed.len(), 3);
    }
}

/// A world of one consumer that holds two messages; the leader dies. Says what the consumer that asks next is given, as
/// `number:failed`, after so long.
fn after_the_leader(back_after: Span, next: u64) -> Vec<String> {
    let mut net = Net::new(3, 3, FifoOptions::default());
    let (consumer, producer) = (NodeId::Consumer(1), NodeId::Producer(1));
    let mut got = Vec::new();
    let mut run = |net: &mut Net, span: Span| {
        let until = net.now + span;
        while net.now < until {
            if let Some((_, to, QuorumMessage::Delivery { number, failed, message, .. })) = net.step(until)
                && to == consumer
            {
                got.push(format!("{number}:{failed}:{}", message.text()));
            }
        }
        got.sort(); // the network may turn their order round
        std::mem::take(&mut got)
    };
    let leader = |net: &Net| {
        let leads = |node: &&NodeId| net.member(**node).is_some_and(|member| member.leader() == Some(**node));
        net.members.iter().find(leads).copied().expect("somebody leads")
    };
    run(&mut net, Span::from_millis(1_000));
    let first = leader(&net);
    for sequence in 1..=3 {
        let message = Message::new(format!("m{sequence}"));
        net.send(producer, first, QuorumMessage::Publish { sequence, message });
        run(&mut net, Span::from_millis(10));
    }
    net.send(consumer, first, QuorumMessage::Consume { tag: 0, prefetch: 2, priority: 0, next: 0 });
    assert_eq!(run(&mut net, Span::from_millis(100)), ["0:0:m1", "1:0:m2"]);
    net.stop(first);
    run(&mut net, back_after);
    let second = leader(&net);
    let other = net.members.iter().copied().find(|node| *node != second && *node != first);
    // Who asks another is sent to the leader.
    net.send(consumer, other.expect("a third"), QuorumMessage::Get { tag: 9 });
    let mut redirected = None;
    let until = net.now + Span::from_millis(50);
    while net.now < until {
        if let Some((_, _, QuorumMessage::NotLeader { leader })) = net.step(until) {
            redirected = leader;
        }
    }
    assert_eq!(redirected, Some(second));
    net.send(consumer, second, QuorumMessage::Consume { tag: 0, prefetch: 2, priority: 0, next });
    run(&mut net, Span::from_millis(100))
}

#[test]
fn a_consumer_that_comes_back_in_time_goes_on_and_one_that_does_not_gets_all_again() {
    let soon = Span::from_millis(500);
    assert_eq!(after_the_leader(soon, 2), [""; 0], "it has both");
    assert_eq!(after_the_leader(soon, 1), ["1:0:m2"], "the second did not reach it");
    let late = Span::from_millis(3_000);
    assert_eq!(after_the_leader(late, 2), ["0:1:m1", "1:1:m2"], "it counts as gone: a failure");
}
