//! What may one node ask of another?

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::assignor::Assignor;
use super::group_request::GroupRequest;
#[cfg(doc)]
use super::protocol::Message;
use super::protocol::{Acks, Reads};
#[cfg(doc)]
use super::reply::Reply;
use super::share_request::ShareRequest;
use super::transaction::TransactionStep;
use super::txn_request::TxnRequest;
use crate::ids::{Epoch, Name, NodeId, Offset, PartitionId};
use crate::queue::ConsumerOptions;
use crate::record::{Batches, Order};
use crate::routing::ExchangeName;
use crate::selector::Selector;
use crate::time::Span;
use crate::vhost::{Decision, HalfId};

/// What a node may ask of another.
///
/// ```
/// use mqlab_core::broker::Request;
/// use mqlab_core::ids::Name;
/// let ping = Request::Ping { queue: Name::new("orders")? };
/// assert!(matches!(ping, Request::Ping { .. }));
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
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
    /// A step of a transaction on my channel. Answer: [`Reply::Transaction`].
    Transaction {
        /// Which transaction: the client counts its own, upwards.
        number: u64,
        /// What.
        step: TransactionStep,
    },
    /// Push messages to me. Answer: [`Reply::Subscribed`], and [`Message::Deliver`] from then on. What I had from this
    /// queue goes back, and a transaction of mine that is open is rolled back, if I have no other subscription.
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
    /// Who am I? A producer asks that wants each message stored once. Answer: [`Reply::Producer`].
    InitProducer,
    /// A broker to the controller: may I have numbers for producers? Answer: [`Reply::ProducerIds`].
    AllocateProducerIds,
    /// Give me records. Answer: [`Reply::Fetched`], or [`Reply::Diverged`] for a replica.
    Fetch(Fetch),
    /// Where does the first record stand that is of this time or later? Answer: [`Reply::OffsetForTime`].
    OffsetForTime {
        /// The partition; its leader must be asked.
        partition: PartitionId,
        /// Milliseconds, as records have them.
        timestamp: i64,
        /// What is the end for who asks: the high watermark, or the last stable offset.
        isolation: Isolation,
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
        /// The member's instance id, if it is a static member.
        instance: Option<Name>,
        /// How it wants the group to be dealt; range when nobody asks for another.
        assignor: Option<Assignor>,
    },
    /// Something of the classic protocol of groups. Answer: [`Reply::Group`].
    Group {
        /// The group.
        group: Name,
        /// What.
        request: GroupRequest,
    },
    /// Something about a share group. Answer: [`Reply::Share`].
    Share {
        /// The group.
        group: Name,
        /// What.
        request: ShareRequest,
    },
    /// Keep where the group has got to. Answer: [`Reply::OffsetsStored`].
    Commit {
        /// The group.
        group: Name,
        /// Whether it counts only from a member that has these partitions. Who commits before it begins with a message
        /// must know that the message is its own; else anybody may commit where nobody is known to be in the group: that
        /// is how a program without members does, and what a member did while its coordinator was another is not lost.
        as_member: bool,
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
    /// Something about a transaction over partitions.
    Txn(TxnRequest),
    /// A broker to the controller: I am alive. Answer: [`Reply::Cluster`], when the broker's view is old.
    Alive {
        /// How often this broker was started: a new number means that it forgot what was not on disk.
        incarnation: u64,
        /// The version of the view that it has.
        version: u64,
    },
    /// A broker to the controller: I am about to stop, let others lead. Answer: [`Reply::Cluster`], in which it leads
    /// nothing; it may stop then.
    Leave {
        /// As for [`Alive`](Self::Alive).
        incarnation: u64,
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
///
/// ```
/// use mqlab_core::broker::{Fetch, Isolation};
/// use mqlab_core::ids::{Name, Offset, PartitionId};
/// use mqlab_core::time::Span;
/// let fetch = Fetch {
///     partition: PartitionId { topic: Name::new("orders")?, index: 0 },
///     from: Offset(17),
///     bytes_max: 1024 * 1024,
///     bytes_min: 1, // with nothing to give, the leader waits
///     wait_max: Span::from_millis(500),
///     filter: None,
///     replica: None,
///     rack: None,
///     isolation: Isolation::Uncommitted,
/// };
/// assert_eq!(fetch.wait_max.to_string(), "500 ms");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
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
    /// The rack that a consumer is in: where the settings allow it, the leader may send it to a closer replica
    /// ([`Reply::ReadFrom`]).
    pub rack: Option<Name>,
    /// What a consumer wants of transactions. With [`Isolation::Committed`] the answer is [`Reply::Stable`], and there can
    /// be no filter.
    pub isolation: Isolation,
}

/// What a reader sees of transactions.
///
/// ```
/// use mqlab_core::broker::Isolation;
/// assert_eq!(Isolation::default(), Isolation::Uncommitted); // as in Kafka
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// All that is below the high watermark, also what is undecided, and what was aborted (`read_uncommitted`).
    #[default]
    Uncommitted,
    /// What is below the last stable offset, without what was aborted (`read_committed`).
    Committed,
}

/// What a follower says of itself when it fetches.
///
/// ```
/// use mqlab_core::broker::ReplicaFetch;
/// use mqlab_core::ids::Epoch;
/// let empty = ReplicaFetch { leader_epoch: Epoch(3), last_epoch: None };
/// assert!(empty.last_epoch.is_none()); // a log without a batch has no epoch
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReplicaFetch {
    /// The epoch of the leader that it follows.
    pub leader_epoch: Epoch,
    /// The epoch of the last batch in its log; `None` when it is empty.
    pub last_epoch: Option<Epoch>,
}
