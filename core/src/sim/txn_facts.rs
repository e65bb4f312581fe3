//! What follows when a coordinator decides? All that was sent in a transaction counts from that moment, and all that was
//! read for it is done; or nothing of it ever was.
//!
//! Its producer may not hear of that, or be dead. So the world keeps account of what each open transaction has, from what
//! programs do, and states what the decision means: the judge needs no more.

use alloc::vec::Vec;

use super::command::Command;
use super::world::{Power, World, index};
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::observe::{ClusterEvent, Event, Place, TxnEvent};
use crate::sorted::SortedMap;
use crate::time::Span;

/// A producer's number and epoch: each transaction has its own.
type Key = (i64, i16);

/// What is in a transaction.
#[derive(Clone, Debug)]
struct Content {
    by: NodeId,
    sent: Vec<MessageId>,
    /// What is done by it, as which group.
    done: Option<(Name, Vec<(PartitionId, MessageId)>)>,
}

/// The transactions that are not decided.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenTransactions {
    open: SortedMap<Key, Content>,
    /// Which one each program is in.
    present: SortedMap<NodeId, Key>,
}

impl OpenTransactions {
    /// Takes note of a fact; returns what follows from it.
    pub(super) fn observe(&mut self, node: NodeId, event: &Event) -> Vec<(NodeId, Event)> {
        match event {
            Event::Txn(TxnEvent::Began { producer, epoch, .. }) => {
                let key = (*producer, *epoch);
                self.present.insert(node, key);
                self.open.insert(key, Content { by: node, sent: Vec::new(), done: None });
            }
            Event::Sent { messages, .. } => {
                if let Some(content) = self.present.get(&node).and_then(|key| self.open.get_mut(key)) {
                    let known = content.sent.len();
                    let news = messages.iter().filter(|message| !content.sent[..known].contains(message));
                    let news: Vec<MessageId> = news.copied().collect();
                    content.sent.extend(news);
                }
            }
            Event::Txn(TxnEvent::Includes { group, done, .. }) => {
                if let Some(content) = self.present.get(&node).and_then(|key| self.open.get_mut(key)) {
                    content.done = Some((group.clone(), done.clone()));
                }
            }
            Event::Txn(TxnEvent::Decided { id, producer, epoch, commit, .. }) => {
                return self.decided(id, (*producer, *epoch), *commit);
            }
            _ => {}
        }
        Vec::new()
    }

    fn decided(&mut self, id: &Name, key: Key, commit: bool) -> Vec<(NodeId, Event)> {
        let Some(Content { by, sent: messages, done }) = self.open.remove(&key) else { return Vec::new() };
        self.present.retain(|_, present| *present != key);
        let id = id.clone();
        if !commit {
            return [(by, Event::Txn(TxnEvent::Aborted { id, messages }))].into();
        }
        let mut follows: Vec<(NodeId, Event)> =
            [(by, Event::Txn(TxnEvent::Committed { id, messages }))].into();
        if let Some((group, done)) = done {
            follows.extend(done.into_iter().map(|(partition, message)| {
                let from = Place::Partition(partition);
                (by, Event::Processed { from, messages: message.into(), group: Some(group.clone()) })
            }));
        }
        follows
    }
}

impl World {
    /// A program that is fenced has nothing to do any more: it stops, and is started again if the scenario says so.
    pub(super) fn stop_if_fenced(&mut self, node: NodeId) {
        let again = match node {
            NodeId::Producer(number) => self.producers[index(number)].process.fenced(),
            NodeId::Consumer(number) => self.consumers[index(number)].process.fenced(),
            _ => None,
        };
        let Some(again) = again.filter(|_| self.power(node) == Some(Power::On)) else { return };
        self.stop(node, Power::Crashed, Event::Cluster(ClusterEvent::Stopped));
        if again > 0 {
            self.plan(self.now() + Span(again), Command::Restart(node));
        }
    }
}
