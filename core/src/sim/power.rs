//! How do nodes die and come back? Crashes, power cuts and restarts.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::command::Command;
use super::disks::{messages_in, place_of};
use super::program::Worker;
use super::wakes::Wakes;
use super::world::{BrokerProcess, Node, Power, World, index};
use crate::broker::{Broker, Out};
use crate::ids::{MessageId, NodeId};
use crate::log::faulty::Lost;
use crate::observe::{Event, FaultEvent, Place, PullEvent, QueueEvent};

impl World {
    pub(super) fn command(&mut self, command: Command) {
        // A scenario's schedule may ask for what a person has done already: then there is nothing to do.
        if self.permits(&command).is_err() {
            return;
        }
        match command {
            Command::Crash(node) => self.stop(node, Power::Crashed, Event::Crashed),
            Command::CutPower(node) => self.stop(node, Power::Off, Event::PowerCut),
            Command::ShutDown(node) => self.shut_down(node),
            Command::Restart(node) => self.start(node),
            Command::Freeze(node) => self.freeze(node),
            Command::Thaw(node) => self.thaw(node),
            Command::Link { link, fault } => self.hurt_link(link, fault),
            Command::Replace(node) => self.replace(node),
            Command::Disk { node, is } => self.set_disk(node, is),
            Command::Skew { node, by } => self.skew(node, by),
            Command::CrashOnceDone(node) => self.doom(node),
            Command::Change(change) => self.change(change),
        }
    }

    pub(super) fn stop(&mut self, node: NodeId, power: Power, event: Event) {
        let peers = self.network.disconnect(node);
        self.still.remove(&node);
        self.doomed.remove(&node);
        self.note(node, event);
        match node {
            _ if self.guests.has(node) => self.stop_guest(node, power),
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => {}
            NodeId::Controller | NodeId::Voter(_) => self.stop_controller(node, power),
            NodeId::Broker(number) => self.stop_broker(number, power),
            NodeId::Producer(number) => self.producers[index(number)].power = power,
            NodeId::Consumer(number) => self.stop_consumer(number, power),
            NodeId::Service(_) | NodeId::User(_) => self.calls.stop(node, power),
        }
        if power == Power::Crashed {
            for peer in peers {
                self.hang_up(node, peer);
            }
        }
        self.gone_for_good(node);
    }

    /// A consumer is to die when it has done its next message.
    fn doom(&mut self, node: NodeId) {
        self.doomed.insert(node);
        self.note(node, Event::Fault(FaultEvent::Doomed));
    }

    /// A consumer that is to die then has done a message: it stands in its database, and nobody hears of it.
    pub(super) fn dies_once_done(&self, node: NodeId, out: &mut Out) -> bool {
        let is_done = |event: &Event| matches!(event, Event::Processed { .. });
        if !self.doomed.contains(&node) || !out.events.iter().any(is_done) {
            return false;
        }
        out.sends.clear();
        true
    }

    /// A consumer holds more than it has room for: its program dies, and is started again if the scenario says so.
    pub(super) fn run_out_of_memory(&mut self, node: NodeId) {
        let NodeId::Consumer(number) = node else { return };
        let worker = &self.consumers[index(number)].process;
        let (Some(held), again) = (worker.out_of_memory(), worker.restarts_after()) else { return };
        self.stop(node, Power::Crashed, Event::Queue(QueueEvent::OutOfMemory { held }));
        if let Some(after) = again {
            self.plan(self.now() + after, Command::Restart(node));
        }
    }

    fn stop_consumer(&mut self, number: u16, power: Power) {
        let slot = &mut self.consumers[index(number)];
        let ran = core::mem::replace(&mut slot.power, power) == Power::On;
        let messages = slot.process.forgets();
        if ran && !messages.is_empty() {
            self.note(NodeId::Consumer(number), Event::Pull(PullEvent::Forgotten { messages }));
        }
    }

    fn stop_broker(&mut self, number: u16, power: Power) {
        let full = self.is_full(NodeId::Broker(number));
        let slot = &mut self.brokers[index(number)];
        slot.power = power;
        let mut volatile = Vec::new();
        let mut untaken: Vec<(Place, Vec<MessageId>)> = Vec::new();
        if let BrokerProcess::Runs(broker) = &slot.process {
            untaken.extend(broker.in_mailboxes().map(|(to, messages)| (to.clone(), messages)));
            for queue in broker.host().queues() {
                let messages: Vec<MessageId> =
                    queue.held().filter(|held| !held.stored).filter_map(|held| held.id).collect();
                volatile.push((Place::Queue(queue.name().clone()), messages));
            }
            // The process' memory is gone; what it gave to the operating system is not.
            slot.process = BrokerProcess::Disk(Self::disk_left_by(broker.clone(), full));
        }
        for (to, messages) in untaken {
            self.note(NodeId::Broker(number), Event::Queue(QueueEvent::MailboxLost { to, messages }));
        }
        for (of, messages) in volatile.into_iter().filter(|(_, messages)| !messages.is_empty()) {
            self.note(NodeId::Broker(number), Event::TailLost { of, messages });
        }
        if power == Power::Off {
            self.lose_tails(number);
        }
    }

    /// The power is cut: of what was not flushed, only so much stays as chance had written.
    fn lose_tails(&mut self, number: u16) {
        let BrokerProcess::Disk(disk) = &mut self.brokers[index(number)].process else { return };
        let rng = &mut self.disk_rng;
        let lost = disk.cut_power(|_, tail| rng.between(0, tail)).expect("the lab's memory can be cut");
        for Lost { log, batches, was_called_flushed } in lost {
            let messages = messages_in(&batches);
            let Some(of) = place_of(log).filter(|_| !messages.is_empty()) else { continue };
            let event = match was_called_flushed {
                true => Event::Fault(FaultEvent::DiskLied { of, messages }),
                false => Event::TailLost { of, messages },
            };
            self.note(NodeId::Broker(number), event);
        }
    }

    pub(super) fn start(&mut self, node: NodeId) {
        if self.guests.has(node) {
            return self.start_guest(node);
        }
        let ids: Vec<NodeId> = (1..=self.scenario.brokers).map(NodeId::Broker).collect();
        let settings = &self.scenario.settings;
        let incarnation = self.incarnation(node) + 1;
        match node {
            NodeId::Controller | NodeId::Voter(_) => self.start_controller(node, incarnation),
            NodeId::Broker(number) => {
                let full = self.is_full(node);
                let slot = &mut self.brokers[index(number)];
                if let BrokerProcess::Disk(disk) = &slot.process {
                    let broker = match Broker::new(node, incarnation, settings.clone(), disk.clone()) {
                        Ok(broker) => broker.with_controllers(self.controllers.ids().to_vec()),
                        // It has to write before it can begin, and cannot.
                        Err(_) if full => return self.note(node, Event::Fault(FaultEvent::NoSpace)),
                        Err(error) => panic!("memory opens its logs: {error}"),
                    };
                    *slot = Node {
                        power: Power::On,
                        incarnation,
                        wakes: Wakes::default(),
                        process: BrokerProcess::Runs(Box::new(broker)),
                    };
                }
            }
            NodeId::Producer(number) => {
                let now = self.clock(node);
                let slot = &mut self.producers[index(number)];
                slot.process.restart(now, &self.scenario.settings, ids);
                (slot.power, slot.incarnation, slot.wakes) = (Power::On, incarnation, Wakes::default());
            }
            NodeId::Consumer(number) => {
                let spec = &self.scenario.consumers[index(number)];
                // What the program has done stands in its own database, what it has fetched perhaps on its disk.
                let before = &self.consumers[index(number)];
                let kept = before.process.kept(before.power == Power::Off);
                let worker = Worker::new(spec, settings, ids, self.seed, kept);
                self.consumers[index(number)] =
                    Node { power: Power::On, incarnation, wakes: Wakes::default(), process: worker };
            }
            NodeId::Service(_) | NodeId::User(_) => self.calls.start(&self.scenario, node),
            NodeId::Bookie(_) | NodeId::NameServer(_) | NodeId::Store => {}
        }
        self.note(node, Event::Restarted);
        self.back_again(node);
        self.wake(node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Refusal;
    use crate::queue::QueueOptions;
    use crate::sim::Scenario;
    use crate::sim::world::Disk;
    use crate::time::Time;
    use crate::vhost::VirtualHost;

    /// Somebody put another machine's disk into the broker: its queue of the same name has other options.
    #[test]
    fn a_broker_over_a_disk_that_disagrees_stops_and_says_why() {
        let scenario = Scenario::built_in("push-with-prefetch").expect("it is built in");
        let mut host = VirtualHost::open(Disk::default(), Time::ZERO).expect("memory does not fail");
        let other = QueueOptions { length_max: Some(7), ..QueueOptions::default() };
        let queue = scenario.queues[0].name.clone();
        host.declare_queue(Time::ZERO, queue.as_str(), other).expect("it is new");
        let disk = host.close().expect("memory does not fail");

        let mut world = World::new(scenario, 1).expect("it can be run");
        let (me, settings) = (NodeId::Broker(1), world.scenario.settings.clone());
        let broker = Broker::new(me, 1, settings, disk).expect("memory does not fail").with_controller();
        world.brokers[0].process = BrokerProcess::Runs(Box::new(broker));
        let mut events = Vec::new();
        while world.now() < Time(1_000_000)
            && let Some(more) = world.step()
        {
            events.extend(more.into_iter().filter(|stamped| stamped.node == me).map(|stamped| stamped.event));
        }
        let halted = Event::Queue(QueueEvent::Halted { why: Refusal::Different });
        assert_eq!(events, [halted, Event::Crashed]);
        assert!(matches!(world.brokers[0].process, BrokerProcess::Disk(_)));
    }
}
