//! What does a node know of a channel's consumer? By what its deliveries are settled, which it has had, and what the leader has
//! not confirmed of its words.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::QuorumMessage;
use super::asking::Patience;
use crate::ids::{Name, NodeId, Offset};

/// A consumer of a queue.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) queue: Name,
    pub(super) patience: Patience,
    tag: u32,
    prefetch: u32,
    priority: i32,
    pub(super) no_ack: bool,
    /// By what it settles, once the queue knows it.
    key: Option<Offset>,
    /// The number of the first delivery that it has not had.
    next: u64,
    next_tag: u64,
    /// What the client has, by its delivery tags.
    out: BTreeMap<u64, (Offset, u64)>,
    /// Its leader may have given it up: it has to say that it is there.
    pub(super) doubts: bool,
    /// What was said of deliveries, and not answered.
    words: BTreeMap<u64, QuorumMessage>,
}

/// What a client says of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Done,
    Back { failed: bool },
    Dead,
}

impl Reading {
    pub(super) fn new(queue: Name, tag: u32, (prefetch, priority): (u32, i32), no_ack: bool) -> Self {
        let (patience, out, words) = Default::default();
        let (key, next, next_tag, doubts) = (None, 0, 1, false);
        Self { queue, patience, tag, prefetch, priority, no_ack, key, next, next_tag, out, doubts, words }
    }

    /// What a leader has to be told: that it is there, and what it said.
    pub(super) fn all(&self) -> Vec<(NodeId, QuorumMessage)> {
        let Some(to) = self.patience.leader else { return Vec::new() };
        let Self { tag, prefetch, priority, next, .. } = *self;
        let consume = QuorumMessage::Consume { tag, prefetch, priority, next };
        core::iter::once(consume).chain(self.words.values().cloned()).map(|word| (to, word)).collect()
    }

    /// The queue knows it.
    pub(super) fn is_known(&mut self, key: Offset) {
        self.doubts = false;
        if self.key != Some(key) && self.key.is_none_or(|own| own < key) {
            // It counts anew: what the client still has came back meanwhile.
            (self.key, self.next) = (Some(key), 0);
            self.words.clear();
            self.out.clear();
        }
    }

    /// Whether anything waits for an answer.
    pub(super) fn is_open(&self) -> bool {
        self.key.is_none() || self.doubts || !self.words.is_empty()
    }

    /// A delivery comes; its tag, if it is for the client. One that came before is passed over, and so is what comes behind a
    /// gap: it comes again.
    pub(super) fn delivered(&mut self, key: Offset, number: u64) -> Option<u64> {
        if self.key != Some(key) || number != self.next {
            return None;
        }
        self.next += 1;
        let tag = self.next_tag;
        self.next_tag += 1;
        self.out.insert(tag, (key, number));
        Some(tag)
    }

    /// Whether a delivery shows that one before it was lost.
    pub(super) fn is_behind(&self, key: Offset, number: u64) -> bool {
        self.key.is_none_or(|own| own < key) || self.key == Some(key) && number > self.next
    }

    /// The client says something of deliveries; what is to be said to the leader.
    pub(super) fn said(&mut self, tags: &[u64], said: Said) -> Option<(Option<NodeId>, QuorumMessage)> {
        let mut deliveries = Vec::new();
        for tag in tags {
            // What it does not hold any more is somebody else's.
            if let Some((key, number)) = self.out.remove(tag)
                && Some(key) == self.key
            {
                deliveries.push(number);
            }
        }
        let (key, first) = (self.key?, *deliveries.first()?);
        let word = match said {
            Said::Done => QuorumMessage::Settle { key, deliveries },
            Said::Back { failed } => QuorumMessage::Return { key, deliveries, failed },
            Said::Dead => QuorumMessage::Discard { key, deliveries },
        };
        self.words.insert(first, word.clone());
        Some((self.patience.leader, word))
    }

    /// The leader has done it.
    pub(super) fn done(&mut self, key: Offset, deliveries: &[u64]) {
        if Some(key) != self.key {
            return;
        }
        // Nearly always the answer is to one word, whole; there may be hundreds.
        if let Some(first) = deliveries.first()
            && self.words.get(first).is_some_and(|word| said_of(word) == deliveries)
        {
            self.words.remove(first);
            return;
        }
        // Without a delivery limit each return is answered by itself; the word is over with its last.
        self.words.retain(|_, word| said_of(word).last().is_none_or(|last| !deliveries.contains(last)));
    }
}

/// The deliveries that a word is about.
fn said_of(word: &QuorumMessage) -> &[u64] {
    match word {
        QuorumMessage::Settle { deliveries, .. }
        | QuorumMessage::Return { deliveries, .. }
        | QuorumMessage::Discard { deliveries, .. } => deliveries,
        _ => &[],
    }
}
