//! What became of what was sent in transactions? An account of them, for the judge of promises.
//!
//! ```text
//!   began ── sent m1 m2 ──┬─ decided: commit ─▶ m1 m2 count, once and for all
//!                         └─ decided: abort ──▶ they may be sent again in the next one: a log has a copy of each
//!   began by another, under the same id ─────▶ whoever had it is a zombie: from here on nothing of it may count
//! ```
//!
//! It knows who began what under which transactional id, what was sent since, and how each transaction was decided. It asks
//! neither coordinators nor markers.

use alloc::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::txn_event::TxnEvent;
use crate::ids::{MessageId, Name, NodeId};

/// A producer's number and epoch: each transaction has its own.
type Txn = (i64, i16);

/// The account.
#[derive(Clone, Debug, Default)]
pub(super) struct TxnAccount {
    /// In which transaction each sender is, or was last.
    present: BTreeMap<NodeId, Txn>,
    /// Whose transactions broke, so that they are aborted against their will and what was in them goes again.
    broken: BTreeSet<NodeId>,
    /// What was sent in each.
    content: BTreeMap<Txn, BTreeSet<MessageId>>,
    /// In how many transactions a message was sent.
    times_sent: BTreeMap<MessageId, u32>,
    /// Which are to count.
    decided: BTreeSet<Txn>,
    committed: BTreeSet<MessageId>,
    /// Committed in more than one.
    twice: BTreeSet<MessageId>,
    /// The highest number that anybody began with under each transactional id. Who takes over gets a higher one.
    owner: BTreeMap<Name, Txn>,
    /// What zombies got committed.
    zombies: BTreeMap<Name, BTreeSet<MessageId>>,
}

impl TxnAccount {
    /// Takes note of a fact of transactions; returns what its sender gave up with it, because it wanted so.
    pub(super) fn observe(&mut self, node: NodeId, event: &TxnEvent) -> BTreeSet<MessageId> {
        match event {
            TxnEvent::Began { id, producer, epoch } => {
                self.present.insert(node, (*producer, *epoch));
                self.broken.remove(&node);
                // A zombie may begin, too: it does not know yet.
                let owner = self.owner.entry(id.clone()).or_insert((*producer, *epoch));
                *owner = (*producer, *epoch).max(*owner);
            }
            TxnEvent::Failed { .. } => _ = self.broken.insert(node),
            TxnEvent::Ending { commit: false, .. } if !self.broken.contains(&node) => {
                let content = self.present.get(&node).and_then(|txn| self.content.get(txn));
                return content.cloned().unwrap_or_default();
            }
            TxnEvent::Decided { id, producer, epoch, commit: true, .. } => {
                let txn = (*producer, *epoch);
                // Another coordinator says again what an earlier one decided.
                if self.decided.insert(txn) && self.owner.get(id).is_some_and(|owner| *owner > txn) {
                    let content = self.content.get(&txn).into_iter().flatten();
                    self.zombies.entry(id.clone()).or_default().extend(content);
                }
            }
            TxnEvent::Committed { messages, .. } => {
                for message in messages {
                    if !self.committed.insert(*message) {
                        self.twice.insert(*message);
                    }
                }
            }
            _ => {}
        }
        BTreeSet::new()
    }

    /// Somebody sent messages. If it is in transactions, they are in the present one.
    pub(super) fn sent(&mut self, node: NodeId, event: &Event) {
        let Some(txn) = self.present.get(&node) else { return };
        for message in event.messages() {
            if self.content.entry(*txn).or_default().insert(*message) {
                *self.times_sent.entry(*message).or_default() += 1;
            }
        }
    }

    /// How many copies of a message a log may have: one for each transaction in which it was sent, for all but one of them
    /// may have been aborted.
    pub(super) fn copies(&self, message: MessageId) -> u32 {
        self.times_sent.get(&message).copied().unwrap_or(1)
    }

    /// Whether a message was sent in a transaction, and in none that is committed by now.
    pub(super) fn is_uncommitted(&self, message: MessageId) -> bool {
        self.times_sent.contains_key(&message) && !self.committed.contains(&message)
    }

    /// What counts more than once.
    pub(super) fn committed_twice(&self) -> &BTreeSet<MessageId> {
        &self.twice
    }

    /// The transactional ids that anybody had.
    pub(super) fn ids(&self) -> impl Iterator<Item = &Name> {
        self.owner.keys()
    }

    /// What was committed of somebody whose transactional id another one had by then.
    pub(super) fn zombies(&self, id: &Name) -> BTreeSet<MessageId> {
        self.zombies.get(id).cloned().unwrap_or_default()
    }
}
