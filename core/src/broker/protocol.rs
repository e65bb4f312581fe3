//! What do nodes say to each other? Requests, replies, and what is sent without being asked.
//!
//! These are the engine's own words, close to Kafka's requests for topics and to AMQP's methods for queues. They
//! are data; how they travel is the host's affair. `D` is how stored records are carried: a broker answers with
//! a slice of its log, which the host loads, sends as a file range, or keeps as it is.

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use super::reply::Reply;
pub use super::request::{Fetch, ReplicaFetch, Request};
use super::view::View;
use crate::ids::{MessageId, Name, NodeId, Offset, OrderId};
use crate::log::Slice;
use crate::message::Message as Payload;
use crate::observe::Event;
use crate::record::Batches;
use crate::vhost::{HalfId, Subscription};

/// Pairs a reply with its request. Each node counts its own.
pub type RequestId = u64;

/// Anything that travels between two nodes.
#[derive(Clone, Debug)]
pub enum Message<D = Batches> {
    /// Something asked.
    Request(RequestId, Request),
    /// The answer.
    Reply(RequestId, Reply<D>),
    /// A queue pushes a message to a consumer that subscribed.
    Deliver(Delivery),
    /// What a consumer says of deliveries that it has. Not answered.
    Settle {
        /// The queue that they come from.
        queue: Name,
        /// Their numbers.
        tags: Vec<u64>,
        /// What becomes of their messages.
        how: Settlement,
    },
    /// A consumer grants the queue so many more deliveries. Not answered.
    Credit {
        /// The queue.
        queue: Name,
        /// How many more.
        more: u64,
    },
    /// A mandatory message fits no queue, and comes back to its producer. Not answered.
    Returned(Arc<Payload>),
    /// A consumer has really done what a message asks: its producer need not keep it any longer. Not answered.
    Processed {
        /// Which message.
        message: MessageId,
    },
    /// Producers must wait, or may go on. Not answered.
    Flow {
        /// Whether they must wait.
        blocked: bool,
    },
    /// What became of the transaction that this half message belongs to? Answered by [`Request::Decide`].
    CheckBack {
        /// Which.
        id: HalfId,
        /// The message.
        message: Arc<Payload>,
    },
    /// The controller tells a broker how the cluster stands. Not answered.
    Cluster(Arc<View>),
    /// A service lets a user know what became of an order, long after the answer. Not answered.
    Notice {
        /// Which order.
        order: OrderId,
        /// Whether it is done; else it failed.
        done: bool,
    },
}

/// One message of a queue on its way to a consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The queue.
    pub queue: Name,
    /// Its number on this connection, from 1: an acknowledgement names it.
    pub tag: u64,
    /// Where the message stands in the queue.
    pub offset: Offset,
    /// 1 for the first time; more marks it as redelivered.
    pub delivery: u32,
    /// The message.
    pub message: Arc<Payload>,
}

/// What becomes of a delivered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done with.
    Done,
    /// It goes back to its queue.
    Requeue,
    /// It is refused for good.
    Reject,
}

/// What a consumer of queues reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// A queue.
    Queue(Name),
    /// What a subscription wants of a topic.
    Topic(Subscription),
}

/// How many replicas must have a message before its producer is told "stored".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acks {
    /// Nobody answers: the producer never knows (`acks=0`).
    None,
    /// The leader has appended it (`acks=1`).
    Leader,
    /// Every replica in sync has it (`acks=all`).
    All,
}

/// What reaches a node from outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// Another node says something.
    Message {
        /// Who.
        from: NodeId,
        /// What.
        message: Message,
    },
    /// The connection to another node broke.
    HangUp {
        /// Which node.
        peer: NodeId,
    },
    /// The moment that `next_wakeup` named has come.
    Wake,
}

/// Something for the host to send.
#[derive(Clone, Debug)]
pub struct Envelope<D = Batches> {
    /// To whom.
    pub to: NodeId,
    /// What.
    pub message: Message<D>,
}

/// Where a node puts what it wants done, and what happened.
///
/// The sends must be carried out in order; the events are facts about what was, and may be dropped.
#[derive(Clone, Debug)]
pub struct Out<D = Batches> {
    /// To be sent, in order.
    pub sends: Vec<Envelope<D>>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl<D> Default for Out<D> {
    fn default() -> Self {
        Self { sends: Vec::new(), events: Vec::new() }
    }
}

impl<D> Out<D> {
    /// Sends a message.
    pub(crate) fn send(&mut self, to: NodeId, message: Message<D>) {
        self.sends.push(Envelope { to, message });
    }

    /// Answers a request.
    pub(crate) fn reply(&mut self, to: NodeId, id: RequestId, reply: Reply<D>) {
        self.send(to, Message::Reply(id, reply));
    }

    /// States a fact.
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl<D: Slice> Message<D> {
    /// Fetches the stored records that a broker's message refers to.
    ///
    /// # Errors
    ///
    /// When the storage fails.
    pub fn load(self) -> Result<Message, D::Error> {
        Ok(match self {
            Self::Request(id, request) => Message::Request(id, request),
            Self::Reply(id, reply) => Message::Reply(id, reply.load()?),
            Self::Deliver(delivery) => Message::Deliver(delivery),
            Self::Settle { queue, tags, how } => Message::Settle { queue, tags, how },
            Self::Credit { queue, more } => Message::Credit { queue, more },
            Self::Returned(message) => Message::Returned(message),
            Self::Processed { message } => Message::Processed { message },
            Self::Flow { blocked } => Message::Flow { blocked },
            Self::CheckBack { id, message } => Message::CheckBack { id, message },
            Self::Cluster(view) => Message::Cluster(view),
            Self::Notice { order, done } => Message::Notice { order, done },
        })
    }
}
