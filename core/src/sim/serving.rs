//! How does a broker live in the lab? It is driven as any host drives one, and dies when its memory is full.
//!
//! What waits in memory alone, read and taken in by no queue, dies with it: nobody was told that it is stored, so
//! whoever sent it sends it again.

use super::command::Command;
use super::cost::{Asked, BurstCost};
use super::words::opened;
use super::world::{BrokerProcess, Disk, Power, World, index};
use crate::broker::{Broker, Envelope, Input, Out, Untaken};
use crate::ids::NodeId;
use crate::log::SliceOf;
use crate::observe::{ClusterEvent, Event, FaultEvent, QueueEvent, Refusal};
use crate::time::{Span, Time};

impl World {
    /// Hands a burst to a broker that is on, and carries out what it wants.
    pub(super) fn hand_to_broker(&mut self, number: u16, burst: impl IntoIterator<Item = Input>) {
        self.hand_to_broker_with(number, burst, |_, _, _| {});
    }

    /// The same, and before the burst something is done to the broker that nobody sends it.
    pub(super) fn hand_to_broker_with(
        &mut self,
        number: u16,
        burst: impl IntoIterator<Item = Input>,
        first: impl FnOnce(&mut Broker<Disk>, Time, &mut Out<SliceOf<Disk>>),
    ) {
        let node = NodeId::Broker(number);
        let (now, flush_takes, full) = (self.clock(node), self.flush_takes(node), self.is_full(node));
        let mut burst_cost = self.scenario.costs.is_some().then(BurstCost::default);
        let BrokerProcess::Runs(broker) = &mut self.brokers[index(number)].process else { return };
        let counts = flush_takes.is_some() || burst_cost.is_some();
        let before = if counts { Asked::of(broker.disk_mut().1) } else { Asked::default() };
        let mut slices = core::mem::take(&mut self.spare.slices);
        first(broker, now, &mut slices);
        for input in burst {
            if let Some(cost) = &mut burst_cost {
                cost.comes_to_own(&input);
            }
            broker.handle(now, input, &mut slices);
        }
        let stops = broker.may_stop(now);
        if let Err(error) = broker.settle(now, &mut slices) {
            // A broker that cannot go on stops, as a real one halts: nothing it wanted sent leaves it.
            drop(slices);
            let why = error.refusal();
            self.note(
                node,
                match why {
                    Refusal::Storage if full => Event::Fault(FaultEvent::NoSpace),
                    why => Event::Queue(QueueEvent::Halted { why }),
                },
            );
            return self.stop(node, Power::Crashed, Event::Crashed);
        }
        let untaken = broker.untaken();
        self.metrics.mailboxes.fill(untaken.messages, untaken.bytes);
        let asked = if counts { Asked::of(broker.disk_mut().1).since(before) } else { Asked::default() };
        let mut busy = flush_takes.map_or(Span::ZERO, |span| Span(span.0.saturating_mul(asked.flushes)));
        if let Some(cost) = burst_cost {
            busy.0 += self.charge(node, &cost.with(&slices, asked)).0;
        }
        let mut out = core::mem::take(&mut self.spare.out);
        load(&mut slices, &mut out);
        self.spare.slices = slices;
        if busy > Span::ZERO || self.stands_still(node) {
            self.is_busy_for(node, busy, out.sends.drain(..).map(opened));
        }
        self.carry_out(node, out);
        self.die_if_mailboxes_are_full(number, untaken);
        // What its disk holds up is answered first.
        if stops && !self.stands_still(node) {
            self.stop(node, Power::Crashed, Event::Cluster(ClusterEvent::Stopped));
        }
    }

    /// A broker is to stop, and goes on until others lead. One that is frozen hears of it when it goes on.
    pub(super) fn shut_down(&mut self, node: NodeId) {
        let NodeId::Broker(number) = node else { return };
        let now = self.clock(node);
        let BrokerProcess::Runs(broker) = &mut self.brokers[index(number)].process else { return };
        let (mut slices, mut out) = (Out::default(), Out::default());
        broker.shut_down(now, &mut slices);
        load(&mut slices, &mut out);
        self.carry_out(node, out);
        self.wake(node);
    }

    /// A broker with more in its mailboxes than it has room for dies, and is started again if the scenario says so.
    fn die_if_mailboxes_are_full(&mut self, number: u16, untaken: Untaken) {
        let Some(limit) = self.scenario.limits.iter().find(|limit| limit.broker == number) else { return };
        let again = limit.restarts_after;
        if limit.mailbox_room.is_none_or(|room| untaken.bytes <= room) {
            return;
        }
        let node = NodeId::Broker(number);
        let held = u32::try_from(untaken.messages).unwrap_or(u32::MAX);
        self.stop(node, Power::Crashed, Event::Queue(QueueEvent::OutOfMemory { held }));
        if again > 0 {
            self.plan(self.now() + Span(again), Command::Restart(node));
        }
    }
}

/// Fetches the records that a broker's messages refer to.
fn load(from: &mut Out<SliceOf<Disk>>, to: &mut Out) {
    to.sends.extend(from.sends.drain(..).map(|envelope| Envelope {
        to: envelope.to,
        message: envelope.message.load().expect("the lab's memory does not fail on reading"),
    }));
    to.events.append(&mut from.events);
}
