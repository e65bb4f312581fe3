//! How do messages that belong together stay in order while consumers share a queue? A group has one consumer.
//!
//! The first message of a group goes to whoever is next, and that consumer gets all that follow, until it leaves or
//! the group is closed. So there is order inside a group, and parallel work across groups.
//!
//! Source: ActiveMQ's `Queue.java#assignMessageGroup`; RocketMQ, Kafka and Pulsar (Key_Shared) reach the same by
//! fixing keys to queues, partitions or hash ranges.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::ConsumerId;
use super::options::GROUPS_MAX;

/// Which consumer has which group.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    owners: BTreeMap<Arc<str>, (ConsumerId, u64)>,
    /// The groups by when they were used, oldest first.
    used: BTreeMap<u64, Arc<str>>,
    uses: u64,
}

impl Groups {
    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// The consumer that has a group.
    pub(super) fn owner(&self, group: &str) -> Option<ConsumerId> {
        self.owners.get(group).map(|(owner, _)| *owner)
    }

    /// Gives a group to a consumer, or notes that it was used. Returns the consumers that lost a group thereby.
    pub(super) fn assign(&mut self, group: &Arc<str>, owner: ConsumerId) -> [Option<ConsumerId>; 2] {
        let before = self.close(group);
        self.uses += 1;
        self.owners.insert(Arc::clone(group), (owner, self.uses));
        self.used.insert(self.uses, Arc::clone(group));
        let mut forgotten = None;
        if self.owners.len() > GROUPS_MAX
            && let Some((_, oldest)) = self.used.pop_first()
        {
            forgotten = self.owners.remove(&oldest).map(|(owner, _)| owner);
        }
        [before, forgotten]
    }

    /// Ends a group; returns the consumer that had it.
    pub(super) fn close(&mut self, group: &str) -> Option<ConsumerId> {
        let (owner, used) = self.owners.remove(group)?;
        self.used.remove(&used);
        Some(owner)
    }

    /// Ends all groups of a consumer that leaves.
    pub(super) fn release(&mut self, consumer: ConsumerId) {
        self.owners.retain(|_, (owner, _)| *owner != consumer);
        let owners = &self.owners;
        self.used.retain(|_, group| owners.contains_key(group));
    }
}
