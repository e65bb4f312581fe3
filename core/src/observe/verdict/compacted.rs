//! Was it right to take this message from a table? Only if a later one of its key is there, or if it was a tombstone.
//!
//! The judge does not ask the cleaner why. It knows the keys from who sent the messages, and their order from the
//! leaders' appends; so a cleaner that takes the last value of a key is found out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::accounts::Accounts;
use super::{Place, Verdict};
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::sorted::{SortedMap, SortedSet};

/// What is known of topics of which only the last message of each key stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    topics: SortedSet<Name>,
    tombstones: BTreeSet<MessageId>,
    /// The messages of each key in each partition, in the order of the log.
    lines: SortedMap<(PartitionId, char), Vec<MessageId>>,
    /// What was rightly taken.
    took: BTreeSet<MessageId>,
    /// Rightly taken, and appended again by somebody, which nobody was told: a leader that is none any more may do so. If
    /// that copy goes, it is as before.
    again: BTreeSet<MessageId>,
    /// What who reads compacted rightly does not get, whether others do or not, and of which topic.
    passed_over: BTreeMap<MessageId, Name>,
    /// The subscriptions of which a consumer reads compacted.
    compacted: SortedSet<Name>,
    /// The others of each topic.
    plain: SortedMap<Name, SortedSet<Name>>,
    /// The ledgers that hold copies.
    pub(super) copies: SortedSet<PartitionId>,
}

impl Tables {
    pub(super) fn subscribed(&mut self, topic: &Name, subscription: &Name) {
        if self.topics.contains(topic) && !self.compacted.contains(subscription) {
            self.plain.entry(topic.clone()).or_default().insert(subscription.clone());
        }
    }

    pub(super) fn reads_compacted(&mut self, topic: &Name, subscription: &Name) {
        self.plain.entry(topic.clone()).or_default().remove(subscription);
        self.compacted.insert(subscription.clone());
    }

    /// Whether nobody is left who would get what compaction passes over.
    pub(super) fn is_passed_over(&self, message: &MessageId) -> bool {
        let topic = self.passed_over.get(message);
        topic.is_some_and(|topic| self.plain.get(topic).is_none_or(|plain| plain.iter().next().is_none()))
    }

    /// Whether compaction took a message, and rightly.
    pub(super) fn took(&self, message: &MessageId) -> bool {
        self.took.contains(message)
    }

    /// The producer of a message was told that it is stored: a second copy of it counts from now on.
    pub(super) fn acknowledged(&mut self, message: &MessageId) {
        self.again.remove(message);
    }

    /// No log has a message any more. Whether compaction took it, and rightly, and nothing was told since.
    pub(super) fn is_gone(&mut self, message: MessageId) -> bool {
        if self.again.remove(&message) {
            self.took.insert(message);
        }
        self.took(&message)
    }

    /// A leader appended messages.
    pub(super) fn appended(&mut self, to: &Place, messages: &[MessageId], accounts: &Accounts) {
        let Place::Partition(partition) = to else { return };
        if !self.topics.contains(&partition.topic) {
            return;
        }
        for message in messages {
            if self.took.remove(message) {
                self.again.insert(*message); // it was sent again, and is there
            }
            if let Some(key) = accounts.get(*message).and_then(|account| account.key) {
                self.lines.entry((partition.clone(), key)).or_default().push(*message);
            }
        }
    }

    fn is_over(&self, message: &MessageId) -> bool {
        self.took(message) || self.passed_over.contains_key(message)
    }

    /// Whether a message may go: something later of its key is held, or went rightly itself; or it is a tombstone.
    fn may_go(
        &self,
        message: MessageId,
        line: Option<&Vec<MessageId>>,
        is_held: impl Fn(MessageId) -> bool,
    ) -> bool {
        let later = line.into_iter().flatten().skip_while(|other| **other != message).skip(1);
        let superseded =
            later.copied().any(|later| later != message && (is_held(later) || self.is_over(&later)));
        superseded || self.tombstones.contains(&message)
    }
}

impl Verdict {
    /// Tells the judge that of a topic only the last message of each key stays.
    pub fn learn_table(&mut self, topic: Name) {
        self.tables.topics.insert(topic);
    }

    /// Tells the judge that a message says that its key is no more.
    pub fn learn_tombstone(&mut self, message: MessageId) {
        self.tables.tombstones.insert(message);
    }

    /// Acknowledged messages that nobody processed before a later one of the same key took their place.
    pub fn superseded(&self) -> impl Iterator<Item = MessageId> {
        let unread = |id: &&MessageId| self.is_acknowledged(**id) && !self.is_delivered(**id);
        let passed_over = self.tables.passed_over.keys().filter(|id| self.tables.is_passed_over(id));
        self.tables.took.iter().chain(passed_over).filter(unread).copied()
    }

    /// Whether a subscription that reads a table, where a topic has one beside it, rightly does without a message.
    pub fn does_without(&self, subscription: &Name, message: &MessageId) -> bool {
        self.tables.compacted.contains(subscription) && self.tables.passed_over.contains_key(message)
    }

    /// A topic's table does not have these messages, though the topic has: rightly so where a later one of their key is
    /// there, or where they have no key.
    pub(super) fn passed_over(&mut self, partition: &PartitionId, messages: &[MessageId]) {
        for &message in messages {
            let is_held = |other| self.accounts.get(other).is_some_and(|account| !account.logs.is_empty());
            let key = self.accounts.get(message).and_then(|account| account.key);
            let line = key.and_then(|key| self.tables.lines.get(&(partition.clone(), key)));
            if key.is_none() || self.tables.may_go(message, line, is_held) {
                self.tables.passed_over.insert(message, partition.topic.clone());
            }
        }
    }

    /// A broker took messages from its log.
    pub(super) fn compacted(&mut self, partition: &PartitionId, broker: NodeId, messages: &[MessageId]) {
        let place = Place::Partition(partition.clone());
        for &message in messages {
            let is_held = |other| self.copies.is_held(&self.accounts, &place, broker, other);
            let key = self.accounts.get(message).and_then(|account| account.key);
            let line = key.and_then(|key| self.tables.lines.get(&(partition.clone(), key)));
            if self.tables.may_go(message, line, is_held) {
                self.tables.took.insert(message);
            }
        }
        for &message in messages {
            self.let_go(&place, broker, message);
            self.judge_loss(message);
        }
    }
}
