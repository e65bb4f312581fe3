//! How does a node see to it that a queue's leader has what a channel published, whoever leads? It numbers the messages, keeps
//! them until the leader answers, and says them again to the next one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::super::{QuorumMessage, StreamMessage, first_of_session};
use super::hosted::Hosted;
use super::protocol::Word;
use super::reader::FlowLimits;
use super::{AFTER_HANG_UP, Channel};
use crate::ids::{Epoch, Name, NodeId};
use crate::message::Message;
use crate::time::{Span, Time};

/// Whom a channel asks, and when it asks again.
#[derive(Clone, Debug, Default)]
pub(super) struct Patience {
    /// Whom it asks.
    pub(super) leader: Option<NodeId>,
    /// Whom the node took for the leader when it last looked.
    seen: Option<NodeId>,
    again_at: Time,
    /// What was under way may be lost: the connection broke, or whoever was asked does not lead.
    doubts: bool,
}

impl Patience {
    /// Whether everything has to be said once more, where something is open: another leads, or nobody has answered.
    pub(super) fn is_over(&mut self, now: Time, leader: Option<NodeId>, again: Span) -> bool {
        let changed = leader.is_some() && leader != self.seen && leader != self.leader;
        self.seen = leader;
        self.doubts |= changed;
        if changed || now >= self.again_at {
            self.leader = leader.or(self.leader);
            self.again_at = now + again;
            return self.leader.is_some();
        }
        false
    }

    /// Somebody answered.
    pub(super) fn heard(&mut self, now: Time, again: Span) {
        self.again_at = now + again;
    }

    /// The connection to a node is gone: what was under way may be lost.
    pub(super) fn hung_up(&mut self, now: Time, peer: NodeId) {
        if self.leader == Some(peer) {
            self.doubts = true;
            self.again_at = self.again_at.min(now + AFTER_HANG_UP);
        }
    }

    /// Whoever was asked does not lead, but knows who does; says whether that is news.
    pub(super) fn is_sent_on(&mut self, to: Option<NodeId>) -> bool {
        self.doubts = true;
        let news = to.is_some() && to != self.leader;
        if news {
            self.leader = to;
        }
        news
    }

    /// Something is missing: all is asked for again at once.
    pub(super) fn soon(&mut self, now: Time) {
        self.again_at = now;
    }

    /// Whether another leads than was seen last.
    pub(super) fn is_news(&self, leader: Option<NodeId>) -> bool {
        leader.is_some() && leader != self.seen && leader != self.leader
    }

    pub(super) fn again_at(&self) -> Time {
        self.again_at
    }
}

/// What is published, and not answered.
#[derive(Clone, Debug)]
struct Pending {
    /// By which number the channel knows it.
    number: u64,
    message: Message,
    /// Of a stream: as whom, and under which number of theirs.
    publisher: Option<(Name, u64)>,
}

/// How far a channel may be ahead of a queue before it waits for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ahead {
    /// Of a classic queue it has credit, which is less than none when it goes on meanwhile; and some more each time as many
    /// were handled.
    Credit { left: i64, more_after: u32, handled: u32 },
    /// Of a quorum queue or a stream, so many messages without an answer; whether there were more.
    Most { most: u32, slow: bool },
}

impl Ahead {
    pub(super) fn new(hosted: Option<&Hosted>, flow: FlowLimits) -> Self {
        match hosted {
            Some(Hosted::Quorum(_)) => Self::Most { most: flow.commands, slow: false },
            Some(Hosted::Stream(_)) => Self::Most { most: flow.messages, slow: false },
            Some(Hosted::Classic(_) | Hosted::Elsewhere(_)) | None => {
                let (left, more_after) = flow.credit;
                Self::Credit { left: left.into(), more_after, handled: 0 }
            }
        }
    }

    /// Another message goes, where so many have no answer.
    fn goes(&mut self, before: usize) {
        match self {
            Self::Credit { left, .. } => *left -= 1,
            Self::Most { most, slow } => *slow = before >= *most as usize,
        }
    }

    /// One was answered; so many are not.
    fn comes(&mut self, left: usize) {
        match self {
            Self::Credit { left, more_after, handled } => {
                *handled += 1;
                if *handled >= *more_after {
                    (*left, *handled) = (*left + i64::from(*handled), 0);
                }
            }
            Self::Most { most, slow } => *slow &= left >= *most as usize,
        }
    }

    fn is_over(self) -> bool {
        match self {
            Self::Credit { left, .. } => left <= 0,
            Self::Most { slow, .. } => slow,
        }
    }
}

/// What a channel publishes to one queue.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) patience: Patience,
    next: u64,
    is_stream: bool,
    pending: BTreeMap<u64, Pending>,
    /// Of a stream: in which epoch what is pending was said.
    reign: Option<Epoch>,
    ahead: Ahead,
}

impl Asker {
    pub(super) fn new(channel: Channel, is_stream: bool, ahead: Ahead) -> Self {
        let next = first_of_session(channel.session);
        let (patience, pending) = Default::default();
        Self { patience, next, is_stream, pending, reign: None, ahead }
    }

    /// Whether its channel has to wait for the queue.
    pub(super) fn holds_up(&self) -> bool {
        self.ahead.is_over()
    }

    /// How many bytes of messages have no answer.
    pub(super) fn bytes(&self) -> u64 {
        self.pending.values().map(|pending| pending.message.body().len() as u64).sum()
    }

    /// Another message; what is to be said, if it is known to whom. With a name in a stream it waits where what came before is
    /// perhaps lost: the writer takes whatever has a lower number than the last one for said before, so that nothing may
    /// overtake it. `osiris` has the same order from saying everything again as soon as another writes.
    pub(super) fn publish(
        &mut self,
        number: u64,
        message: Message,
        publisher: Option<(Name, u64)>,
    ) -> Option<(NodeId, Word)> {
        let sequence = self.next;
        self.next += 1;
        if self.pending.is_empty() {
            (self.patience.doubts, self.reign) = (false, None); // nothing is under way
        }
        let waits = self.is_stream && publisher.is_some() && self.patience.doubts;
        self.ahead.goes(self.pending.len());
        self.pending.insert(sequence, Pending { number, message, publisher });
        let to = self.patience.leader.filter(|_| !waits)?;
        Some((to, self.word(sequence)?))
    }

    /// A stream is written in this epoch. One that began meanwhile knows nothing of what was said in an earlier one, also where
    /// the same node writes.
    pub(super) fn is_written_in(&mut self, now: Time, epoch: Epoch) {
        if self.reign.replace(epoch).is_some_and(|before| before != epoch) {
            self.patience.doubts = true;
            self.patience.soon(now);
        }
    }

    fn word(&self, sequence: u64) -> Option<Word> {
        let Pending { message, publisher, .. } = self.pending.get(&sequence)?;
        let message = message.clone();
        Some(if self.is_stream {
            let (publisher, id) = match publisher {
                Some((name, id)) => (Some(name.clone()), *id),
                None => (None, sequence),
            };
            Word::Stream(StreamMessage::Publish { publisher, messages: [(id, message)].into() })
        } else {
            Word::Queue(QuorumMessage::Publish { sequence, message })
        })
    }

    /// What is to be said once more, when patience is over. Who has no name in a stream says nothing twice that was not perhaps
    /// lost.
    pub(super) fn repeats(&mut self) -> Vec<(NodeId, Word)> {
        let doubts = core::mem::take(&mut self.patience.doubts);
        let named = |pending: &Pending| pending.publisher.is_some();
        if doubts || !self.is_stream || self.pending.values().all(named) {
            return self.again(0);
        }
        Vec::new()
    }

    /// Everything from a number on, once more.
    pub(super) fn again(&self, from: u64) -> Vec<(NodeId, Word)> {
        let Some(to) = self.patience.leader else { return Vec::new() };
        self.pending.range(from..).filter_map(|(&sequence, _)| Some((to, self.word(sequence)?))).collect()
    }

    /// Whether it cannot say again what is waited for: that was confirmed, and a disk has lost it.
    pub(super) fn has_forgotten(&self, sequence: u64) -> bool {
        !self.pending.contains_key(&sequence)
    }

    /// One was answered; says by which number the channel knows it.
    pub(super) fn answered(&mut self, sequence: u64) -> Option<u64> {
        let pending = self.pending.remove(&sequence)?;
        self.ahead.comes(self.pending.len());
        Some(pending.number)
    }

    /// The same of a stream's publisher with a name of its own.
    pub(super) fn answered_as(&mut self, id: u64) -> Option<u64> {
        let named = |pending: &Pending| pending.publisher.as_ref().is_some_and(|(_, own)| *own == id);
        let found = self.pending.iter().find(|(_, pending)| named(pending)).map(|(&sequence, _)| sequence);
        self.answered(found.unwrap_or(id))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }
}
