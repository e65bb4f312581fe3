//! Did what must stay in order stay in order? The latest message of each line, of what one producer sent.
//!
//! ```text
//!   a line:   what one consumer receives from a queue
//!             what a group processes of one key in a topic
//!             what a group processes without key of one partition
//! ```
//!
//! A message that comes in a line for the first time after one with a higher number is late. Names are numbered as they come,
//! so that a line is a few numbers and quickly found.

use alloc::collections::BTreeSet;

use super::accounts::Account;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::sorted::SortedMap;

/// The number of no name.
pub(super) const NO_NAME: u32 = 0;

/// What must stay in order; names by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    /// A queue, and who receives.
    Queue(u32, NodeId),
    /// A group, a topic, a key.
    Key(u32, u32, char),
    /// A group, and the topic and number of a partition.
    Partition(u32, u32, u32),
}

/// All lines that anything was seen in.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// From 1 on.
    numbers: SortedMap<Name, u32>,
    latest: SortedMap<(Option<NodeId>, Line), MessageId>,
    /// What came from which queue before.
    pushed: BTreeSet<(u32, MessageId)>,
}

impl Lines {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &Name) -> u32 {
        if let Some(&known) = self.numbers.get(name) {
            return known;
        }
        let number = self.numbers.len() as u32 + 1;
        self.numbers.insert(name.clone(), number);
        number
    }

    /// A consumer received a message from a queue for the first time. Returns it if it is late.
    pub(super) fn received(
        &mut self,
        queue: &Name,
        by: NodeId,
        message: MessageId,
        account: &Account,
    ) -> Option<MessageId> {
        let queue = self.number(queue);
        if !self.pushed.insert((queue, message)) {
            return None; // a second copy, which a retry stored, comes when it comes
        }
        let line = Line::Queue(queue, by);
        self.comes(line, message, account)
    }

    /// A message of a partition was processed for the first time. Returns it if it is late.
    pub(super) fn processed(
        &mut self,
        group: Option<&Name>,
        from: &PartitionId,
        message: MessageId,
        account: &Account,
    ) -> Option<MessageId> {
        let group = group.map_or(NO_NAME, |group| self.number(group));
        let topic = self.number(&from.topic);
        let line = match account.key {
            Some(key) => Line::Key(group, topic, key),
            None => Line::Partition(group, topic, from.index),
        };
        self.comes(line, message, account)
    }

    fn comes(&mut self, line: Line, message: MessageId, account: &Account) -> Option<MessageId> {
        if account.unordered {
            return None;
        }
        let latest = self.latest.entry((account.sender, line)).or_insert(message);
        let late = message < *latest;
        *latest = message.max(*latest);
        late.then_some(message)
    }
}
