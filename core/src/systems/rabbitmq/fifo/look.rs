//! What is seen of a quorum queue's state? Who consumes, who is served, and what is ready or with whom.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Fifo;
use super::consumers::{Consumer, ConsumerTag};
use crate::ids::{MessageId, NodeId, Offset};

impl Fifo {
    /// The clients that have consumers here.
    pub fn clients(&self) -> BTreeSet<NodeId> {
        self.consumers.all().map(|consumer| consumer.tag.node).collect()
    }

    /// The consumers that are here.
    pub fn consumers(&self) -> BTreeSet<ConsumerTag> {
        self.consumers.all().map(|consumer| consumer.tag).collect()
    }

    /// Who is served, where one is at a time.
    pub fn active(&self) -> Option<ConsumerTag> {
        let key = self.consumers.active().filter(|_| self.options.single_active)?;
        self.consumers.get(key).map(|consumer| consumer.tag)
    }

    /// How many bytes of bodies it holds: ready, with consumers, or dead and not arrived.
    pub fn bytes(&self) -> u64 {
        let out = self.consumers.all().flat_map(|consumer| consumer.out.values());
        self.ready_bytes + self.dead_bytes + out.map(|held| held.bytes).sum::<u64>()
    }

    /// Where the first message stands that it holds.
    pub fn first_held(&self) -> Option<Offset> {
        let out = self.consumers.all().flat_map(|consumer| consumer.out.values());
        let dead = self.dead.iter().map(|(held, _)| held);
        let ready = self.returns.iter().chain(self.lanes.iter().flatten());
        ready.chain(out).chain(dead).map(|held| held.index).min()
    }

    /// What is with consumers: where it stands, which message it is, with whom, and how often it came back before; in order of
    /// the log.
    pub fn with_consumers(&self) -> Vec<(Offset, Option<MessageId>, NodeId, u32)> {
        let held = |consumer: &Consumer| {
            let node = consumer.tag.node;
            consumer
                .out
                .values()
                .map(move |held| (held.index, held.id, node, held.acquired))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.consumers.all().flat_map(held).collect();
        all.sort_unstable();
        all
    }

    /// What is ready, in the order in which it would be served: where it stands, which message it is, its priority, and how
    /// often it came back before.
    pub fn ready_messages(&self) -> impl Iterator<Item = (Offset, Option<MessageId>, u8, u32)> {
        let lanes = self.lanes.iter().rev().flatten();
        self.returns.iter().chain(lanes).map(|held| (held.index, held.id, held.priority, held.acquired))
    }
}
