//! What do clients and nodes of a cluster say to each other?

use alloc::vec::Vec;

use super::super::{OffsetSpec, QuorumMessage, StreamMessage};
use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::message::Message;
use crate::raft::RaftMessage;
use crate::record::Batches;
use crate::routing::ExchangeName;
use crate::vhost::Alarm;

/// A client in one of its sessions. A later session has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Channel {
    pub(crate) client: NodeId,
    pub(crate) session: u32,
}

/// What is said.
#[derive(Clone, Debug)]
pub(crate) enum ClusterMessage {
    /// A client to its node, in a session.
    Says(u32, ToNode),
    /// A node to its client, in a session.
    Hears(u32, ToClient),
    /// A node to the one that leads a queue, for a channel.
    Ask { queue: Name, channel: Channel, word: Word },
    /// What the channel is told.
    Tell { queue: Name, channel: Channel, word: Word },
    /// Between members of a queue or stream.
    Member { queue: Name, word: Word },
    /// Between nodes, about who writes which stream.
    Council(RaftMessage),
    /// I am there, and who writes which stream, from whom it is known.
    Tick { incarnation: u64, orders: Vec<Order> },
    /// Which of my alarms are on.
    Alarms { on: Vec<Alarm> },
}

/// To or from a queue or a stream.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    Queue(QuorumMessage),
    Stream(StreamMessage),
}

/// Who writes a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) stream: Name,
    pub(crate) epoch: Epoch,
    pub(crate) writer: NodeId,
}

/// What a client says.
#[derive(Clone, Debug)]
pub(crate) enum ToNode {
    /// It opens a channel. Answer: [`Opened`](ToClient::Opened).
    Open,
    /// `basic.publish`. Of a stream it may say as whom, and under which number of its own.
    Publish {
        number: u64,
        exchange: ExchangeName,
        mandatory: bool,
        publisher: Option<(Name, u64)>,
        confirm: bool,
        message: Message,
    },
    /// `basic.consume`.
    Consume { queue: Name, prefetch: u32, priority: i32, no_ack: bool },
    /// The same of a stream; `basic.qos` counts chunks here.
    Read { stream: Name, from: OffsetSpec, reference: Option<Name>, credit: u32 },
    /// `basic.ack`.
    Ack { tags: Vec<u64> },
    /// `basic.nack` or `basic.reject` with requeue.
    Return { tags: Vec<u64>, failed: bool },
    /// The same without requeue.
    Discard { tags: Vec<u64> },
    /// A stream's consumer has worked off a chunk.
    Credit,
    /// How far it has come.
    StoreOffset { offset: Offset },
    /// A heartbeat.
    Beat,
}

/// What a client is told.
#[derive(Clone, Debug)]
pub(crate) enum ToClient {
    /// It has a channel.
    Opened,
    /// `basic.ack` of what it published.
    Confirmed { numbers: Vec<u64> },
    /// `basic.nack`; never, where it is not allowed at all.
    Refused { number: u64, never: bool },
    /// `basic.return`: it fits no queue.
    Returned { number: u64 },
    /// Its consumer is known.
    Consuming,
    /// `basic.deliver`: how often it came before, 0 for the first time.
    Deliver { tag: u64, acquired: u32, message: Message },
    /// A chunk of a stream; what lies before `from` is not wanted.
    Chunk { chunk: Batches, from: Offset },
    /// A heartbeat.
    Beat,
    /// `connection.blocked`: an alarm is on, and nothing is read that is published.
    Blocked,
    /// `connection.unblocked`.
    Unblocked,
    /// What TCP says, and not AMQP: there is room for what the client sends, or no more, since nobody reads it.
    Window { open: bool },
}
