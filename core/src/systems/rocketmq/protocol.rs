//! What do clients, brokers and name servers say to each other?
//!
//! ```text
//!   producer  ── Send ──▶ broker ── Sent ──▶ producer            a request has one reply, under its number
//!   consumer  ── Pull ──▶ broker ┈┈ (held) ┈┈ Pulled ──▶ consumer
//!   slave     ── CopyFrom ──▶ master ── Copy ──▶ slave           notices have none
//!   broker    ── Register ──▶ name server
//! ```
//!
//! Source: `RequestCode.java`, `ResponseCode.java`, `SendStatus.java`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Topic;
use super::controller::Reign;
use super::layout::StoredMessage;
pub use super::wishes::{Pop, PopHandle, Popped, Pull, PullStatus, Pulled};
use crate::ids::{Name, NodeId};
pub use crate::observe::SendStatus;
use crate::record::Batches;

/// The number of a request among those of its sender.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::RequestId;
/// assert_eq!(RequestId(1).next(), RequestId(2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

impl RequestId {
    /// The number after it.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Everything that one node can say to another.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::{Message, Reply, RequestId};
/// let message = Message::Reply(RequestId(7), Reply::SentBack);
/// assert!(matches!(message, Message::Reply(RequestId(7), _)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Something that wants an answer.
    Request(RequestId, Request),
    /// The answer to the request of this number.
    Reply(RequestId, Reply),
    /// Something that wants none.
    Notice(Notice),
}

/// What a client asks.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::Request;
/// use mqlab_core::systems::rocketmq::Topic;
/// let request = Request::Route(Topic::new("orders")?);
/// assert_ne!(request, Request::Route(Topic::new("bills")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store this message, in its topic and queue.
    Send(StoredMessage),
    /// Give me messages, if there are some; or wait for them a while.
    Pull(Pull),
    /// How far is my group in a queue?
    Offset {
        /// Which group.
        group: Name,
        /// Of which topic.
        topic: Topic,
        /// Which queue.
        queue: u32,
    },
    /// Where does a queue begin and end?
    Bounds {
        /// Of which topic.
        topic: Topic,
        /// Which queue.
        queue: u32,
    },
    /// My group could not process a message: give it again later.
    SendBack {
        /// Which group.
        group: Name,
        /// Where the message is in the CommitLog.
        physical: u64,
        /// The level of the delay; 0 leaves it to the broker, less buries the message.
        level: i32,
        /// How often the group tries.
        retries_max: u32,
    },
    /// I want to be the only reader of these queues.
    Lock {
        /// For which group.
        group: Name,
        /// Which.
        queues: Vec<(Topic, u32)>,
    },
    /// Give me messages for a while.
    Pop(Pop),
    /// Who is in a group?
    Members(Name),
    /// Which brokers have a topic? (Asked of a name server.)
    Route(Topic),
}

/// Why a broker does not do what it is asked.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::Refused;
/// assert_eq!(Refused::SlaveMode.to_string(), "a slave only reads");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is a slave.
    SlaveMode,
    /// It has no such topic, or the topic no such queue.
    TopicNotExist,
    /// The topic is the broker's own.
    NoPermission,
    /// The message cannot be stored: it is too large.
    MessageIllegal,
    /// The disk is full.
    ServiceNotAvailable,
    /// The message that was named is not there.
    NoMessage,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SlaveMode => "a slave only reads",
            Self::TopicNotExist => "there is no such topic or queue here",
            Self::NoPermission => "this topic is the broker's own",
            Self::MessageIllegal => "the message is too large",
            Self::ServiceNotAvailable => "the broker's disk is full",
            Self::NoMessage => "the message is not there",
        })
    }
}

/// The brokers of one name, and how many queues they have of a topic.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rocketmq::protocol::RoutedBroker;
/// let nodes = [(0, NodeId::Broker(1)), (1, NodeId::Broker(2))].into();
/// let broker = RoutedBroker { broker: Name::new("broker-a")?, nodes, queues: 4 };
/// assert_eq!(broker.node(0), Some(NodeId::Broker(1)));
/// assert_eq!(broker.node(7), Some(NodeId::Broker(1))); // there is no such slave
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutedBroker {
    /// The name that they share.
    pub broker: Name,
    /// Who has which number; the master's is 0.
    pub nodes: BTreeMap<u32, NodeId>,
    /// How many queues of the topic they have.
    pub queues: u32,
}

impl RoutedBroker {
    /// Whom to read from: the broker of this number, or the one with the least.
    pub fn node(&self, id: u32) -> Option<NodeId> {
        self.nodes.get(&id).or_else(|| self.nodes.values().next()).copied()
    }

    /// Whom to send to.
    pub fn master(&self) -> Option<NodeId> {
        self.nodes.get(&0).copied()
    }
}

/// Answers.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::{Refused, Reply};
/// assert_eq!(Reply::Refused(Refused::NoMessage), Reply::Refused(Refused::NoMessage));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The message is stored.
    Sent {
        /// And what else is known.
        status: SendStatus,
        /// Its offset in its queue.
        queue_offset: u64,
        /// Its place in the CommitLog.
        physical: u64,
    },
    /// What was pulled.
    Pulled(Pulled),
    /// How far the group is; nothing when it never said so.
    Offset(Option<u64>),
    /// The first offset of the queue, and the next.
    Bounds {
        /// The first.
        min: u64,
        /// The next.
        max: u64,
    },
    /// What was popped.
    Popped(Vec<Popped>),
    /// The message will come again, or is buried.
    SentBack,
    /// These queues are now read by nobody else in the group.
    Locked(Vec<(Topic, u32)>),
    /// The members of the group, in order of their names.
    Members(BTreeSet<String>),
    /// Which brokers have the topic, in order of their names.
    Route(Vec<RoutedBroker>),
    /// No.
    Refused(Refused),
}

/// What a transaction came to.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::TransactionState;
/// assert_ne!(TransactionState::Commit, TransactionState::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Publish the message.
    Commit,
    /// Forget it.
    Rollback,
    /// Ask again later.
    Unknown,
}

/// What wants no answer.
///
/// ```
/// use mqlab_core::systems::rocketmq::protocol::Notice;
/// assert_ne!(Notice::CutBack { physical: 0 }, Notice::CutBack { physical: 1 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client is there, in these groups.
    Heartbeat {
        /// As a consumer.
        consumer_of: BTreeSet<Name>,
        /// As a producer.
        producer_of: BTreeSet<Name>,
    },
    /// Members of this group came or went.
    MembersChanged(Name),
    /// A group is so far in a queue.
    Commit {
        /// Which group.
        group: Name,
        /// Of which topic.
        topic: Topic,
        /// Which queue.
        queue: u32,
        /// The next offset that it needs.
        offset: u64,
    },
    /// I do not read these queues any more.
    Unlock {
        /// For which group.
        group: Name,
        /// Which.
        queues: Vec<(Topic, u32)>,
    },
    /// What was popped is done.
    Ack(PopHandle),
    /// What became of a half message.
    EndTransaction {
        /// Its producer's group.
        group: Name,
        /// Its place in the CommitLog.
        physical: u64,
        /// Its offset among the half messages.
        half_offset: u64,
        /// What became of it.
        state: TransactionState,
    },
    /// What became of this half message?
    CheckTransaction {
        /// The half message, as it stands.
        half: StoredMessage,
    },
    /// A slave has everything below this place.
    CopyFrom {
        /// In bytes.
        physical: u64,
        /// Whether it misses what came before: it has just begun, or something was lost.
        anew: bool,
        /// If so, which masters' epochs it has, each with its beginning; none without a controller.
        epochs: Vec<(u32, u64)>,
    },
    /// Messages for a slave, in order.
    Copy {
        /// Where the slave should be: the first of them goes there, or to the next file.
        physical: u64,
        /// Whether a slave that has nothing begins here.
        begins: bool,
        /// The messages.
        batches: Batches,
    },
    /// How far groups and delays are, for a slave.
    Tables {
        /// Groups' offsets.
        offsets: super::broker::OffsetTable,
        /// How far each level of delay is delivered.
        delays: BTreeMap<u32, u64>,
    },
    /// A broker is there. (Told to a name server.)
    Register {
        /// Its name.
        broker: Name,
        /// Its number; the master's is 0.
        id: u32,
        /// How many queues it has of which topic.
        topics: BTreeMap<Topic, u32>,
    },
    /// A broker is there. (Told to a controller.)
    Alive {
        /// Its name.
        broker: Name,
        /// The last epoch in its log, and where the log ends.
        reach: (u32, u64),
        /// Whether it has just started: what it was before is over.
        is_new: bool,
    },
    /// A master says who is in sync with it. (Told to a controller.)
    AlterInSync {
        /// Its name.
        broker: Name,
        /// Its epoch.
        epoch: u32,
        /// The version of the set that it knows.
        version: u32,
        /// Who is in sync.
        in_sync: BTreeSet<NodeId>,
    },
    /// A controller says who is what.
    RoleIs(Reign),
    /// A master has nothing of what stands at or behind this place of a slave.
    CutBack {
        /// In bytes.
        physical: u64,
    },
    /// The masters' epochs, each with its beginning, for a slave.
    Epochs(Vec<(u32, u64)>),
}
