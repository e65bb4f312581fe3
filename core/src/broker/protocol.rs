//! What do nodes say to each other? Requests, replies, and what is sent without being asked.
//!
//! These are the engine's own words, close to Kafka's requests for topics and to AMQP's methods for queues. They
//! are data; how they travel is the host's affair. `D` is how stored records are carried: a broker answers with
//! a slice of its log, which the host loads, sends as a file range, or keeps as it is.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::view::View;
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId, PartitionId};
use crate::log::Slice;
use crate::message::Message as Payload;
use crate::observe::{Answer, Event, Refusal};
use crate::queue::ConsumerOptions;
use crate::record::{Batches, Order};
use crate::routing::ExchangeName;
use crate::selector::Selector;
use crate::time::Span;
use crate::vhost::{Decision, HalfId, Subscription};

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

/// What a node may ask of another.
#[derive(Clone, Debug)]
pub enum Request {
    /// Keep these messages in a queue. Answer: [`Reply::Stored`].
    Send {
        /// The queue.
        queue: Name,
        /// The messages.
        batches: Batches,
    },
    /// Route these messages; each names its own routing key. Answer: [`Reply::Published`].
    Publish {
        /// The exchange; the default one leads to the queue that is named by the routing key.
        exchange: ExchangeName,
        /// Whether a message that fits no queue comes back.
        mandatory: bool,
        /// Whether the last value is kept for subscribers that come later.
        retain: bool,
        /// The messages.
        batches: Batches,
    },
    /// Keep this message, and show it to nobody until I say what became of my transaction. Answer:
    /// [`Reply::HalfStored`].
    BeginHalf {
        /// The exchange.
        exchange: ExchangeName,
        /// The message, in a batch of its own.
        batches: Batches,
    },
    /// That is what became of it. Answer: [`Reply::Decided`].
    Decide {
        /// Of which half message.
        id: HalfId,
        /// What.
        decision: Decision,
    },
    /// Push messages to me. Answer: [`Reply::Subscribed`], and [`Message::Deliver`] from then on.
    Subscribe {
        /// Of a queue or a topic.
        reads: Reads,
        /// How.
        options: ConsumerOptions,
    },
    /// I am still there, and are you? Answer: [`Reply::Pong`], or a refusal by a broker that does not know the
    /// consumer: it was given up, or the broker was started anew.
    Ping {
        /// The queue that the consumer subscribed to.
        queue: Name,
    },
    /// Keep these messages in a partition. Answer: [`Reply::Stored`], when as many replicas have it as asked.
    Produce {
        /// The partition; its leader must be asked.
        partition: PartitionId,
        /// When to answer.
        acks: Acks,
        /// The messages.
        batches: Batches,
    },
    /// Give me records. Answer: [`Reply::Fetched`], or [`Reply::Diverged`] for a replica.
    Fetch(Fetch),
    /// Where does the first record stand that is of this time or later? Answer: [`Reply::OffsetForTime`].
    OffsetForTime {
        /// The partition; its leader must be asked.
        partition: PartitionId,
        /// Milliseconds, as records have them.
        timestamp: i64,
    },
    /// How does the cluster stand? Answer: [`Reply::Cluster`].
    Metadata,
    /// To a service: work on this order, I wait. Answer: [`Reply::Called`].
    Call(Order),
    /// I am a member of this group. Answer: [`Reply::Membership`].
    Heartbeat {
        /// The group.
        group: Name,
        /// The topic that the member wants a share of.
        topic: Name,
        /// The group's epoch as the member knows it; 0 to join.
        epoch: Epoch,
        /// The partitions that the member reads at present.
        owned: Vec<PartitionId>,
    },
    /// Keep where the group has got to. Answer: [`Reply::OffsetsStored`].
    Commit {
        /// The group.
        group: Name,
        /// For each partition, the next offset to read.
        offsets: Vec<(PartitionId, Offset)>,
    },
    /// Where has the group got to? Answer: [`Reply::OffsetIs`].
    OffsetOf {
        /// The group.
        group: Name,
        /// In which partition.
        partition: PartitionId,
    },
    /// A broker to the controller: I am alive. Answer: [`Reply::Cluster`], when the broker's view is old.
    Alive {
        /// How often this broker was started: a new number means that it forgot what was not on disk.
        incarnation: u64,
        /// The version of the view that it has.
        version: u64,
    },
    /// A leader to the controller: these replicas are in sync now. Answer: a new view, or a refusal.
    SetInSync {
        /// The partition.
        partition: PartitionId,
        /// The leader's epoch.
        epoch: Epoch,
        /// The version of the partition's state that the leader knows.
        version: u64,
        /// Which replicas are in sync, in the order of the assignment.
        in_sync: Vec<NodeId>,
    },
}

/// A request for records.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The partition; its leader must be asked.
    pub partition: PartitionId,
    /// The first offset wanted.
    pub from: Offset,
    /// The most bytes wanted; the first batch comes however large it is.
    pub bytes_max: u32,
    /// With fewer bytes than this the leader waits (long poll); 0 answers at once.
    pub bytes_min: u32,
    /// But no longer than this.
    pub wait_max: Span,
    /// Only the records whose headers it selects, in [`Reply::Selected`]; the leader must read and pack them anew.
    pub filter: Option<Selector>,
    /// Who asks: a replica says what it has, a consumer does not.
    pub replica: Option<ReplicaFetch>,
}

/// What a follower says of itself when it fetches.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaFetch {
    /// The epoch of the leader that it follows.
    pub leader_epoch: Epoch,
    /// The epoch of the last batch in its log; `None` when it is empty.
    pub last_epoch: Option<Epoch>,
}

/// What a node may answer.
#[derive(Clone, Debug)]
pub enum Reply<D = Batches> {
    /// The messages are kept; the first of them at this offset.
    Stored {
        /// The offset of the first message.
        base: Offset,
    },
    /// The messages are kept, except for some.
    Published {
        /// The places in the batch of those that a full queue refused.
        refused: Vec<u32>,
    },
    /// The half message is kept.
    HalfStored(HalfId),
    /// The decision is carried out.
    Decided,
    /// The subscription stands; its messages come from this queue.
    Subscribed {
        /// The queue.
        queue: Name,
    },
    /// The subscription still stands.
    Pong,
    /// Records, or none when there are none yet.
    Fetched {
        /// The records.
        batches: D,
        /// What lies below is on every replica in sync.
        high_watermark: Offset,
    },
    /// Those of the records that the filter of a fetch selects, or none when there are none yet.
    Selected {
        /// The records, each at its own offset.
        batches: Batches,
        /// Where to go on: everything below was looked at.
        next: Offset,
        /// What lies below is on every replica in sync.
        high_watermark: Offset,
    },
    /// Where a time begins in a log, and what the log has.
    OffsetForTime {
        /// The first record that is of that time or later; the end when there is none.
        offset: Offset,
        /// The first record that there is.
        start: Offset,
        /// Consumers read below this.
        end: Offset,
    },
    /// A replica's log and its leader's part ways: cut back to where this epoch ended for the leader.
    Diverged {
        /// The last epoch that both may share.
        epoch: Epoch,
        /// Where it ended in the leader's log.
        end: Offset,
    },
    /// How the cluster stands.
    Cluster(Arc<View>),
    /// The member's share of the topic, and where the group has got to in it.
    Membership {
        /// The group's epoch: it rises whenever members come or go.
        epoch: Epoch,
        /// The member's partitions; whatever else it reads it must give up.
        partitions: Vec<(PartitionId, Offset)>,
    },
    /// The offsets are kept.
    OffsetsStored,
    /// Where the group has got to; `None` when it never said.
    OffsetIs(Option<Offset>),
    /// What a service says of the order that it was called for.
    Called {
        /// Which order.
        order: OrderId,
        /// What.
        answer: Answer,
    },
    /// No, and why.
    Refused(Refusal),
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

impl<D: Slice> Reply<D> {
    fn load(self) -> Result<Reply, D::Error> {
        Ok(match self {
            Self::Stored { base } => Reply::Stored { base },
            Self::Published { refused } => Reply::Published { refused },
            Self::HalfStored(id) => Reply::HalfStored(id),
            Self::Decided => Reply::Decided,
            Self::Subscribed { queue } => Reply::Subscribed { queue },
            Self::Pong => Reply::Pong,
            Self::Fetched { batches, high_watermark } => {
                Reply::Fetched { batches: batches.load()?, high_watermark }
            }
            Self::Selected { batches, next, high_watermark } => {
                Reply::Selected { batches, next, high_watermark }
            }
            Self::OffsetForTime { offset, start, end } => Reply::OffsetForTime { offset, start, end },
            Self::Diverged { epoch, end } => Reply::Diverged { epoch, end },
            Self::Cluster(view) => Reply::Cluster(view),
            Self::Membership { epoch, partitions } => Reply::Membership { epoch, partitions },
            Self::OffsetsStored => Reply::OffsetsStored,
            Self::OffsetIs(offset) => Reply::OffsetIs(offset),
            Self::Called { order, answer } => Reply::Called { order, answer },
            Self::Refused(refusal) => Reply::Refused(refusal),
        })
    }
}
