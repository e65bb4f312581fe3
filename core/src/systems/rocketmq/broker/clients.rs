//! Who is in a group? Who said so within the last two minutes, and is still connected.
//!
//! Consumers of a group are told when others come or go, so that they deal the queues anew; a producer of a group is asked what
//! became of half messages, whoever of the group sent them.
//!
//! Source: `ConsumerManager.java`, `ProducerManager.java`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Name, NodeId};
use crate::time::{Span, Time};

/// The clients of a broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    consumers: BTreeMap<Name, BTreeSet<NodeId>>,
    producers: BTreeMap<Name, BTreeSet<NodeId>>,
    seen: BTreeMap<NodeId, Time>,
}

impl Clients {
    /// A client says in which groups it is. Returns the groups that have another member now.
    pub(super) fn heard(
        &mut self,
        now: Time,
        client: NodeId,
        consumer_of: BTreeSet<Name>,
        producer_of: BTreeSet<Name>,
    ) -> Vec<Name> {
        self.seen.insert(client, now);
        let is_new = |group: &Name| self.consumers.entry(group.clone()).or_default().insert(client);
        let changed = consumer_of.into_iter().filter(is_new).collect();
        for group in producer_of {
            self.producers.entry(group).or_default().insert(client);
        }
        changed
    }

    /// A client is gone. Returns the groups that it was a consumer of.
    pub(super) fn gone(&mut self, client: NodeId) -> Vec<Name> {
        self.seen.remove(&client);
        self.producers.values_mut().for_each(|group| _ = group.remove(&client));
        let left =
            self.consumers.iter_mut().filter_map(|(name, group)| group.remove(&client).then_some(name));
        left.cloned().collect()
    }

    /// The clients that were silent for too long.
    pub(super) fn expired(&self, now: Time, expires: Span) -> Vec<NodeId> {
        let silent = self.seen.iter().filter(|(_, seen)| now.since(**seen) > expires);
        silent.map(|(client, _)| *client).collect()
    }

    pub(super) fn consumers(&self, group: &Name) -> impl Iterator<Item = NodeId> {
        self.consumers.get(group).into_iter().flatten().copied()
    }

    /// Their names, which the members deal queues by.
    pub(super) fn names(&self, group: &Name) -> BTreeSet<String> {
        self.consumers(group).map(|client| format!("{client}")).collect()
    }

    pub(super) fn producers(&self, group: &str) -> impl Iterator<Item = NodeId> {
        self.producers.get(group).into_iter().flatten().copied()
    }

    /// When the next client may be gone.
    pub(super) fn next_expiry(&self, expires: Span) -> Option<Time> {
        self.seen.values().min().map(|seen| *seen + expires + Span(1))
    }
}
