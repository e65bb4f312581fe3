//! Did anybody see what never counted? A judge of transactions over partitions.
//!
//! It knows who sent what in a transaction, and which transactions were committed. Who reads only what is committed
//! must have processed nothing else:
//!
//! * **dirty**: processed by a group that reads committed records, before its transaction was committed, or though it
//!   never was.
//!
//! What was sent in a transaction that was aborted is *undone*, unless it is sent again: nobody waits for it.

use alloc::collections::BTreeSet;

use super::event::Event;
use super::txn_event::TxnEvent;
use super::verdict::Verdict;
use crate::ids::{MessageId, Name, NodeId};
use crate::sorted::SortedSet;

/// The judge, and what it has found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct TxnJudge {
    /// The groups that read what is committed alone.
    readers: SortedSet<Name>,
    /// Who sends in transactions.
    senders: SortedSet<NodeId>,
    /// Sent in a transaction, and in none that was committed.
    uncommitted: BTreeSet<MessageId>,
    committed: BTreeSet<MessageId>,
    undone: BTreeSet<MessageId>,
    dirty: BTreeSet<MessageId>,
}

impl TxnJudge {
    pub(super) fn learn_reader(&mut self, group: Name) {
        self.readers.insert(group);
    }

    pub(super) fn undone(&self) -> &BTreeSet<MessageId> {
        &self.undone
    }

    pub(super) fn dirty(&self) -> &BTreeSet<MessageId> {
        &self.dirty
    }

    /// Takes note of a fact.
    pub(super) fn observe(&mut self, node: NodeId, event: &Event) {
        match event {
            Event::Txn(TxnEvent::Began { .. }) => {
                self.senders.insert(node);
            }
            Event::Sent { messages, .. } if self.senders.contains(&node) => {
                for message in messages {
                    self.undone.remove(message);
                    if !self.committed.contains(message) {
                        self.uncommitted.insert(*message);
                    }
                }
            }
            Event::Txn(TxnEvent::Committed { messages, .. }) => {
                for message in messages {
                    self.uncommitted.remove(message);
                    self.undone.remove(message);
                    self.committed.insert(*message);
                }
            }
            Event::Txn(TxnEvent::Aborted { messages, .. }) => {
                self.undone.extend(messages.iter().filter(|message| self.uncommitted.contains(message)));
            }
            Event::Processed { messages, group: Some(group), .. } if self.readers.contains(group) => {
                let uncommitted = |message: &&MessageId| self.uncommitted.contains(*message);
                self.dirty.extend(messages.iter().filter(uncommitted));
            }
            _ => {}
        }
    }
}

impl Verdict {
    /// Messages that were sent in a transaction over partitions that was aborted, and not sent again: nobody waits for them.
    pub fn undone(&self) -> &BTreeSet<MessageId> {
        self.transactions.undone()
    }

    /// Messages that a group processed which reads what is committed alone, though they were not.
    pub fn dirty(&self) -> &BTreeSet<MessageId> {
        self.transactions.dirty()
    }

    /// Tells the judge that a group reads what is committed alone.
    pub fn learn_reads_committed(&mut self, group: Name) {
        self.transactions.learn_reader(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PartitionId;
    use crate::observe::Place;
    use NodeId::{Consumer, Producer};

    const M: MessageId = MessageId(1);

    fn name() -> Name {
        Name::new("n").expect("a legal name")
    }

    fn place() -> Place {
        Place::Partition(PartitionId { topic: name(), index: 0 })
    }

    /// Facts in order, and whether the message is dirty and undone after them.
    #[test]
    fn vectors() {
        let began = || (Producer(1), Event::Txn(TxnEvent::Began { id: name(), producer: 1, epoch: 0 }));
        let sent = || (Producer(1), Event::Sent { to: place(), messages: M.into(), attempt: 1 });
        let done =
            || (Consumer(1), Event::Processed { from: place(), messages: M.into(), group: Some(name()) });
        let committed =
            || (Producer(1), Event::Txn(TxnEvent::Committed { id: name(), messages: [M].into() }));
        let aborted = || (Producer(1), Event::Txn(TxnEvent::Aborted { id: name(), messages: [M].into() }));
        type Row<'a> = (&'a str, &'a [(NodeId, Event)], (bool, bool));
        let table: [Row<'_>; 7] = [
            ("all is well", &[began(), sent(), committed(), done()], (false, false)),
            ("too soon", &[began(), sent(), done(), committed()], (true, false)),
            ("never committed", &[began(), sent(), aborted(), done()], (true, true)),
            ("aborted, and nobody saw it", &[began(), sent(), aborted()], (false, true)),
            (
                "in the next transaction",
                &[began(), sent(), aborted(), began(), sent(), committed(), done()],
                (false, false),
            ),
            ("sent again, and not decided", &[began(), sent(), aborted(), began(), sent()], (false, false)),
            ("in no transaction", &[sent(), done()], (false, false)),
        ];
        for (what, facts, expect) in table {
            for reads in [true, false] {
                let mut judge = TxnJudge::default();
                if reads {
                    judge.learn_reader(name());
                }
                facts.iter().for_each(|(node, event)| judge.observe(*node, event));
                let found = (judge.dirty().contains(&M), judge.undone().contains(&M));
                assert_eq!(found, (expect.0 && reads, expect.1), "{what}, reads committed: {reads}");
            }
        }
    }
}
