//! How does a broker live in the lab? It is driven as any host drives one, and dies when its memory is full.
//!
//! What waits in memory alone, read and taken in by no queue, dies with it: nobody was told that it is stored, so
//! whoever sent it sends it again.

use super::command::Command;
use super::world::{BrokerProcess, Disk, Power, World, index};
use crate::broker::{Envelope, Input, Out, Untaken};
use crate::ids::NodeId;
use crate::log::SliceOf;
use crate::observe::{Event, QueueEvent};
use crate::time::Span;

impl World {
    /// Hands an input to a broker that is on, and carries out what it wants.
    pub(super) fn hand_to_broker(&mut self, number: u16, input: Input) {
        let (node, now) = (NodeId::Broker(number), self.now());
        let BrokerProcess::Runs(broker) = &mut self.brokers[index(number)].process else { return };
        let mut slices = Out::default();
        broker.handle(now, input, &mut slices);
        if let Err(error) = broker.settle(now, &mut slices) {
            // A broker that cannot go on stops, as a real one halts: nothing it wanted sent leaves it.
            self.note(node, Event::Queue(QueueEvent::Halted { why: error.refusal() }));
            return self.stop(node, Power::Crashed, Event::Crashed);
        }
        let (untaken, bytes) = (broker.untaken(), broker.host().memory_bytes());
        self.metrics.mailboxes.fill(untaken.messages, untaken.bytes);
        self.carry_out(node, load(slices));
        self.die_if_memory_is_full(number, untaken, bytes);
    }

    /// A broker with more in memory than it has room for dies, and is started again if the scenario says so.
    fn die_if_memory_is_full(&mut self, number: u16, untaken: Untaken, bytes: u64) {
        let Some(limit) = self.scenario.limits.iter().find(|limit| limit.broker == number) else { return };
        let again = limit.restarts_after;
        if limit.memory_room.is_none_or(|room| bytes <= room) {
            return;
        }
        let (node, held) = (NodeId::Broker(number), self.held_in_memory(number, untaken));
        self.stop(node, Power::Crashed, Event::Queue(QueueEvent::OutOfMemory { held }));
        if again > 0 {
            self.plan(self.now() + Span(again), Command::Restart(node));
        }
    }

    /// How many messages are in a broker's memory: ready ones, and those in its mailboxes.
    fn held_in_memory(&self, number: u16, untaken: Untaken) -> u32 {
        let BrokerProcess::Runs(broker) = &self.brokers[index(number)].process else { return 0 };
        let ready: u64 = broker.host().queues().map(|queue| queue.stats().ready).sum();
        u32::try_from(ready + untaken.messages).unwrap_or(u32::MAX)
    }
}

/// Fetches the records that a broker's messages refer to.
fn load(out: Out<SliceOf<Disk>>) -> Out {
    let sends = out.sends.into_iter().map(|envelope| Envelope {
        to: envelope.to,
        message: envelope.message.load().expect("the lab's memory does not fail on reading"),
    });
    Out { sends: sends.collect(), events: out.events }
}
