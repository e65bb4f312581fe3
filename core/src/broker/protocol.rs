//! What do nodes say to each other? Requests, replies, and what is sent without being asked.
//!
//! These are the engine's own words, close to Kafka's requests for topics and to AMQP's methods for queues. They
//! are data; how they travel is the host's affair. `D` is how stored records are carried: a broker answers with
//! a slice of its log, which the host loads, sends as a file range, or keeps as it is.

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use super::reply::Reply;
pub use super::request::{Fetch, Isolation, ReplicaFetch, Request};
use super::view::View;
use crate::ids::{MessageId, Name, NodeId, Offset, OrderId};
use crate::log::Slice;
use crate::message::Message as Payload;
use crate::observe::Event;
use crate::raft::RaftMessage;
use crate::record::Batches;
use crate::vhost::{HalfId, Subscription};

/// Pairs a reply with its request. Each node counts its own.
///
/// ```
/// let id: mqlab_core::broker::RequestId = 7;
/// assert_eq!(id + 1, 8);
/// ```
pub type RequestId = u64;

/// Anything that travels between two nodes.
///
/// ```
/// use mqlab_core::broker::{Message, Request};
/// let message: Message = Message::Request(7, Request::Metadata);
/// assert!(matches!(message, Message::Request(7, _)));
/// ```
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
        /// The subscription that they came to.
        session: RequestId,
        /// Their numbers.
        tags: Vec<u64>,
        /// What becomes of their messages.
        how: Settlement,
    },
    /// A consumer grants the queue so many more deliveries. Not answered.
    Credit {
        /// The queue.
        queue: Name,
        /// The subscription that may have more.
        session: RequestId,
        /// How many more.
        more: u64,
    },
    /// A consumer wants another bound for what it has and did not acknowledge. Not answered.
    Window {
        /// The queue.
        queue: Name,
        /// The subscription that is bounded.
        session: RequestId,
        /// How many messages; 0 for no limit.
        most: u32,
    },
    /// A mandatory message fits no queue, and comes back to its producer. Not answered.
    Returned(Payload),
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
        message: Payload,
    },
    /// The controller tells a broker how the cluster stands. Not answered.
    Cluster(Arc<View>),
    /// What the members of the controllers' quorum say to each other.
    Raft(RaftMessage<D>),
    /// A service lets a user know what became of an order, long after the answer. Not answered.
    Notice {
        /// Which order.
        order: OrderId,
        /// Whether it is done; else it failed.
        done: bool,
    },
}

/// One message of a queue on its way to a consumer.
///
/// ```
/// use std::sync::Arc;
/// use mqlab_core::broker::Delivery;
/// use mqlab_core::ids::{Name, Offset};
/// use mqlab_core::message::Message;
/// let message = Message::new("a book");
/// let delivery = Delivery { queue: Name::new("orders")?, session: 1, tag: 7, offset: Offset(3), delivery: 2, message };
/// assert!(delivery.delivery > 1); // it is marked as redelivered
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The queue.
    pub queue: Name,
    /// The subscription that it came to: the number of its request. Who subscribed anew has nothing to do with what
    /// came to the earlier subscription: it went back to its queue, and its number is used again.
    pub session: RequestId,
    /// Its number on this connection, from 1: an acknowledgement names it.
    pub tag: u64,
    /// Where the message stands in the queue.
    pub offset: Offset,
    /// 1 for the first time; more marks it as redelivered.
    pub delivery: u32,
    /// The message.
    pub message: Payload,
}

/// What becomes of a delivered message.
///
/// ```
/// use mqlab_core::broker::Settlement;
/// assert_ne!(Settlement::Requeue, Settlement::Reject); // back to the queue, or out of it for good
/// ```
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
///
/// ```
/// use mqlab_core::broker::Reads;
/// use mqlab_core::ids::Name;
/// let reads = Reads::Queue(Name::new("orders")?);
/// assert!(matches!(reads, Reads::Queue(_)));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// A queue.
    Queue(Name),
    /// What a subscription wants of a topic.
    Topic(Subscription),
}

/// How many replicas must have a message before its producer is told "stored".
///
/// ```
/// use mqlab_core::broker::Acks;
/// assert_eq!(serde_json::from_str::<Acks>(r#""all""#)?, Acks::All);
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// ```
/// use mqlab_core::broker::Input;
/// use mqlab_core::ids::NodeId;
/// let input = Input::HangUp { peer: NodeId::Consumer(1) };
/// assert!(matches!(input, Input::HangUp { .. }));
/// ```
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
///
/// ```
/// use mqlab_core::broker::{Envelope, Message, Request};
/// use mqlab_core::ids::NodeId;
/// let envelope: Envelope = Envelope { to: NodeId::Broker(1), message: Message::Request(1, Request::Metadata) };
/// assert_eq!(envelope.to.to_string(), "broker-1");
/// ```
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
///
/// ```
/// use mqlab_core::broker::Out;
/// let out: Out = Out::default();
/// assert!(out.sends.is_empty() && out.events.is_empty());
/// ```
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
            Self::Settle { queue, session, tags, how } => Message::Settle { queue, session, tags, how },
            Self::Credit { queue, session, more } => Message::Credit { queue, session, more },
            Self::Window { queue, session, most } => Message::Window { queue, session, most },
            Self::Returned(message) => Message::Returned(message),
            Self::Processed { message } => Message::Processed { message },
            Self::Flow { blocked } => Message::Flow { blocked },
            Self::CheckBack { id, message } => Message::CheckBack { id, message },
            Self::Cluster(view) => Message::Cluster(view),
            Self::Raft(message) => Message::Raft(message.load()?),
            Self::Notice { order, done } => Message::Notice { order, done },
        })
    }
}
