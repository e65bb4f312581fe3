//! What does a consumer do? It consumes a queue or reads a stream, and says what became of each message; after a reconnect it
//! consumes anew, and what it had is somebody's again.
//!
//! Of a stream it gets chunks: for each that is worked off it grants credit for another, and now and then it says how far it has
//! come, so that it can go on there (its offset is the first that it has not done).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::link::{Link, Means};
use super::protocol::{ClusterMessage, ToClient, ToNode};
use crate::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use crate::message::Message;
use crate::observe::{Event, Place, RabbitmqEvent};
use crate::record::Batches;
use crate::systems::rabbitmq::{OffsetSpec, messages_of};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// What it reads, and how.
#[derive(Clone, Debug)]
pub(crate) enum Reads {
    Queue { prefetch: u32, priority: i32, no_ack: bool },
    Stream { from: OffsetSpec, reference: Option<Name>, credit: u32, store_every: u32 },
}

/// A message that the program is given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) message: Message,
    /// How often it came, this time included.
    pub(crate) attempt: u32,
    /// By what it is settled, in its session.
    tag: u64,
    session: u32,
}

impl Given {
    pub(crate) fn id(&self) -> Option<MessageId> {
        self.message.id()
    }
}

/// What the program says of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Done,
    /// Given back, by `basic.reject` if it counts as a failure.
    Back {
        failed: bool,
    },
    Dead,
}

/// A chunk of a stream, as far as it is not worked off.
#[derive(Clone, Debug)]
struct Piece {
    left: u64,
}

/// A consumer.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerClient {
    queue: Name,
    reads: Reads,
    link: Link,
    /// What came, and the program was not given.
    inbox: VecDeque<Given>,
    /// Of a stream: what was given and is not done, by offset, and in which chunk it came.
    undone: BTreeMap<u64, u64>,
    chunks: BTreeMap<u64, Piece>,
    /// Of a stream: the first offset that it has not had.
    next: u64,
    /// How many are done since it said how far it has come.
    unsaid: u32,
    /// The offset that it said last.
    said: u64,
}

impl ConsumerClient {
    pub(crate) fn new(
        queue: Name,
        reads: Reads,
        nodes: Vec<NodeId>,
        heartbeat: Span,
        (incarnation, starts_at): (u64, Time),
    ) -> Self {
        let link = Link::new(nodes, heartbeat, incarnation, starts_at);
        let (inbox, undone, chunks) = Default::default();
        Self { queue, reads, link, inbox, undone, chunks, next: 0, unsaid: 0, said: 0 }
    }

    /// Where its messages come from.
    pub(crate) fn place(&self) -> Place {
        match self.reads {
            Reads::Queue { .. } => Place::Queue(self.queue.clone()),
            Reads::Stream { .. } => Place::Partition(self.partition()),
        }
    }

    fn partition(&self) -> PartitionId {
        PartitionId { topic: self.queue.clone(), index: 0 }
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.reads, Reads::Stream { .. })
    }

    /// What came, and the program was not given; oldest first.
    pub(crate) fn inbox(&self) -> impl Iterator<Item = &Given> {
        self.inbox.iter()
    }

    /// The next message for the program.
    pub(crate) fn take(&mut self) -> Option<Given> {
        self.inbox.pop_front()
    }

    pub(crate) fn handle(&mut self, now: Time, input: Input<ClusterMessage>, out: &mut Out<ClusterMessage>) {
        match self.link.handle(now, input, out) {
            Means::Nothing => {}
            Means::Opened => {
                let to = self.link.node();
                out.events.push(Event::Rabbitmq(RabbitmqEvent::Connected { to, again: 0 }));
                self.link.say(self.consume(), out);
            }
            Means::Lost => {
                // What the program has in hands it may do; nobody will take its word for it.
                self.inbox.clear();
                self.undone.clear();
                self.chunks.clear();
                (self.next, self.unsaid) = (0, 0);
            }
            Means::Word(ToClient::Deliver { tag, acquired, message }) => {
                let (attempt, session) = (acquired.saturating_add(1), self.link.session());
                self.receives(Given { message, attempt, tag, session }, out);
            }
            Means::Word(ToClient::Chunk { chunk, from }) => self.chunk_comes(&chunk, from, out),
            Means::Word(_) => {}
        }
    }

    fn consume(&self) -> ToNode {
        let queue = self.queue.clone();
        match &self.reads {
            Reads::Queue { prefetch, priority, no_ack } => {
                ToNode::Consume { queue, prefetch: *prefetch, priority: *priority, no_ack: *no_ack }
            }
            Reads::Stream { from, reference, credit, .. } => {
                let (from, reference, credit) = (*from, reference.clone(), *credit);
                ToNode::Read { stream: queue, from, reference, credit }
            }
        }
    }

    fn receives(&mut self, given: Given, out: &mut Out<ClusterMessage>) {
        if let Some(id) = given.id() {
            let (from, messages, delivery) = (self.place(), id.into(), given.attempt);
            out.events.push(Event::Received { from, messages, delivery });
        }
        self.inbox.push_back(given);
    }

    fn chunk_comes(&mut self, chunk: &Batches, from: Offset, out: &mut Out<ClusterMessage>) {
        let session = self.link.session();
        let messages = messages_of(chunk, from.max(Offset(self.next)));
        let Some(base) = chunk.base() else { return };
        if let Some(next) = chunk.next() {
            self.next = self.next.max(next.0);
        }
        if messages.is_empty() {
            return self.link.say(ToNode::Credit, out);
        }
        self.chunks.insert(base.0, Piece { left: messages.len() as u64 });
        for (offset, message) in messages {
            self.undone.insert(offset.0, base.0);
            self.receives(Given { message, attempt: 1, tag: offset.0, session }, out);
        }
    }

    /// The program is through with messages.
    pub(crate) fn settle(&mut self, given: &[Given], how: How, out: &mut Out<ClusterMessage>) {
        let session = self.link.session();
        let here = given.iter().filter(|given| given.session == session && self.link.is_open());
        let tags: Vec<u64> = here.map(|given| given.tag).collect();
        if tags.is_empty() {
            return;
        }
        match self.reads {
            Reads::Queue { no_ack: true, .. } => {}
            Reads::Queue { .. } => self.link.say(
                match how {
                    How::Done => ToNode::Ack { tags },
                    How::Back { failed } => ToNode::Return { tags, failed },
                    How::Dead => ToNode::Discard { tags },
                },
                out,
            ),
            Reads::Stream { store_every, .. } => {
                tags.into_iter().for_each(|offset| self.has_done(offset, out));
                if self.unsaid >= store_every.max(1) {
                    self.says_how_far(out);
                }
            }
        }
    }

    fn has_done(&mut self, offset: u64, out: &mut Out<ClusterMessage>) {
        let Some(base) = self.undone.remove(&offset) else { return };
        self.unsaid += 1;
        let Some(piece) = self.chunks.get_mut(&base) else { return };
        piece.left -= 1;
        if piece.left == 0 {
            self.chunks.remove(&base);
            self.link.say(ToNode::Credit, out);
        }
    }

    /// Says how far it has come: below that all is done.
    pub(crate) fn says_how_far(&mut self, out: &mut Out<ClusterMessage>) {
        let Reads::Stream { reference: Some(_), .. } = &self.reads else { return };
        let offset = self.undone.first_key_value().map_or(self.next, |(&offset, _)| offset);
        if offset > self.said && self.link.is_open() {
            (self.said, self.unsaid) = (offset, 0);
            self.link.say(ToNode::StoreOffset { offset: Offset(offset) }, out);
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        Some(self.link.next_wakeup())
    }
}
