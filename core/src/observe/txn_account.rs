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
use crate::sorted::{SortedMap, SortedSet};

/// A producer's number and epoch: each transaction has its own.
type Txn = (i64, i16);

/// The account.
#[derive(Clone, Debug, Default)]
pub(super) struct TxnAccount {
    /// In which transaction each sender is, or was last.
    present: SortedMap<NodeId, Txn>,
    /// Whose transactions broke, so that they are aborted against their will and what was in them goes again.
    broken: SortedSet<NodeId>,
    /// What was sent in each.
    content: SortedMap<Txn, BTreeSet<MessageId>>,
    /// In how many transactions a message was sent.
    times_sent: BTreeMap<MessageId, u32>,
    /// Which are to count.
    decided: SortedSet<Txn>,
    committed: BTreeSet<MessageId>,
    /// Committed in more than one.
    twice: BTreeSet<MessageId>,
    /// The highest number that anybody began with under each transactional id. Who takes over gets a higher one.
    owner: SortedMap<Name, Txn>,
    /// What zombies got committed.
    zombies: SortedMap<Name, BTreeSet<MessageId>>,
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

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::PartitionId;
    use crate::observe::Place;
    use NodeId::Producer;

    const M: MessageId = MessageId(1);

    fn id() -> Name {
        Name::new("billing").expect("a legal name")
    }

    fn began(epoch: i16) -> Event {
        Event::Txn(TxnEvent::Began { id: id(), producer: 0, epoch })
    }

    fn sent() -> Event {
        let to = Place::Partition(PartitionId { topic: id(), index: 0 });
        Event::Sent { to, messages: M.into(), attempt: 1 }
    }

    /// The facts of a decision.
    fn decided(epoch: i16, commit: bool) -> [Event; 2] {
        let messages = [M].into();
        let follows = match commit {
            true => TxnEvent::Committed { id: id(), messages },
            false => TxnEvent::Aborted { id: id(), messages },
        };
        let decided = TxnEvent::Decided { id: id(), producer: 0, epoch, commit, why: None };
        [Event::Txn(decided), Event::Txn(follows)]
    }

    fn account(facts: &[(u16, Event)]) -> TxnAccount {
        let mut account = TxnAccount::default();
        for (node, event) in facts {
            match event {
                Event::Txn(event) => _ = account.observe(Producer(*node), event),
                event => account.sent(Producer(*node), event),
            }
        }
        account
    }

    /// Facts in order, of producers 1 and 2; and after them how many copies a log may have, whether the message counts
    /// twice, and whether it was committed for a zombie.
    #[test]
    fn vectors() {
        let commit = |node, epoch| decided(epoch, true).map(|event| (node, event));
        let abort = |node, epoch| decided(epoch, false).map(|event| (node, event));
        let opened = |node, epoch| [(node, began(epoch)), (node, sent())];
        type Row<'a> = (&'a str, Vec<(u16, Event)>, (u32, bool, bool));
        let table: [Row<'_>; 7] = [
            ("plain", [(1, sent())].into(), (1, false, false)),
            ("once", [opened(1, 0), commit(1, 0)].concat(), (1, false, false)),
            ("again", [opened(1, 0), abort(1, 0), opened(1, 1), commit(1, 1)].concat(), (2, false, false)),
            ("twice", [opened(1, 0), commit(1, 0), opened(2, 1), commit(2, 1)].concat(), (2, true, false)),
            (
                "a zombie",
                [opened(1, 0).to_vec(), vec![(2, began(1))], commit(1, 0).to_vec()].concat(),
                (1, false, true),
            ),
            (
                "one that begins when it is one",
                [vec![(2, began(5))], opened(1, 4).to_vec(), commit(1, 4).to_vec()].concat(),
                (1, false, true),
            ),
            (
                "said again by another coordinator",
                [
                    opened(1, 0).to_vec(),
                    commit(1, 0).to_vec(),
                    vec![(1, began(1))],
                    commit(1, 0)[..1].to_vec(),
                ]
                .concat(),
                (1, false, false),
            ),
        ];
        for (what, facts, expect) in table {
            let account = account(&facts);
            let found = (
                account.copies(M),
                account.committed_twice().contains(&M),
                account.zombies(&id()).contains(&M),
            );
            assert_eq!(found, expect, "{what}");
        }
    }

    #[test]
    fn what_is_aborted_as_its_sender_wants_it_is_given_up_and_what_breaks_goes_again() {
        let ending = || TxnEvent::Ending { id: id(), epoch: 0, commit: false };
        let mut wanted = account(&[(1, began(0)), (1, sent())]);
        assert_eq!(wanted.observe(Producer(1), &ending()), [M].into());
        assert!(wanted.is_uncommitted(M));
        let why = super::super::refusal::Refusal::TransactionTimedOut;
        let mut broken =
            account(&[(1, began(0)), (1, sent()), (1, Event::Txn(TxnEvent::Failed { id: id(), why }))]);
        assert_eq!(broken.observe(Producer(1), &ending()), [].into());
    }
}
