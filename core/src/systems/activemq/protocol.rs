//! What do ActiveMQ's nodes say to each other? Commands of OpenWire between clients and brokers, as far as they matter here;
//! and what brokers ask of the store that they share.
//!
//! ```text
//!   client                                   broker                                        store
//!     ConnectionInfo ─────────────────────────▶  ◀── BrokerInfo (a slave: ShutdownInfo)
//!     ConsumerInfo, Message, MessagePull ─────▶  ◀── Response, or ExceptionResponse
//!                                                    Lock, LockKeepAlive, Write, Unlock ───▶
//!     MessageAck ◀── MessageDispatch ───────────                              ◀── Locked, Written, ...
//!     KeepAliveInfo ──────────────────────────▶  ◀── KeepAliveInfo
//! ```
//!
//! Left out: sessions as things of their own (each consumer has one), transactions (`TransactionInfo`), advisory messages,
//! `ProducerAck` with its windows, networks of brokers.
//!
//! Sources: `org.apache.activemq.command` (`ConnectionInfo`, `ConsumerInfo`, `Message`, `MessageAck`, `MessageDispatch`,
//! `MessagePull`, `RemoveInfo`, `Response`, `ExceptionResponse`, `KeepAliveInfo`, `ShutdownInfo`).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{DestinationName, StoreOp};
use crate::ids::{MessageId, Name};
use crate::log::memory::MemoryStorage;
use crate::message::Message as Payload;
use crate::observe::{Event, Refusal};
use crate::queue::ConsumerOptions;

/// A message of ActiveMQ.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::{ClientCommand, Message, Wire};
/// let hello = Message::Client { wire: Wire(1), command: ClientCommand::KeepAlive };
/// assert!(matches!(hello, Message::Client { .. }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A client says something.
    Client {
        /// On which connection.
        wire: Wire,
        /// What.
        command: ClientCommand,
    },
    /// A broker says something to a client.
    Broker {
        /// On which connection.
        wire: Wire,
        /// What.
        command: BrokerCommand,
    },
    /// A broker asks the store for something.
    Store(StoreRequest),
    /// The store answers.
    Stored(StoreReply),
}

/// A connection, by a number that its client never uses twice: what still comes from an earlier one is not listened to.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::Wire;
/// assert_ne!(Wire::new(1, 7), Wire::new(2, 7)); // another life of the client
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wire(pub u64);

impl Wire {
    /// The `attempt`th connection of a client's `life`th process.
    pub const fn new(life: u64, attempt: u32) -> Self {
        Self(life << 32 | attempt as u64)
    }
}

/// What a client says.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::{AckType, ClientCommand};
/// let done = ClientCommand::Ack { consumer: 1, kind: AckType::Standard, deliveries: vec![7], cause: None };
/// assert!(matches!(done, ClientCommand::Ack { kind: AckType::Standard, .. }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ClientCommand {
    /// It wants to be served (`ConnectionInfo`).
    Connect {
        /// Whether it was connected before, perhaps with another broker (`failoverReconnect`).
        reconnect: bool,
    },
    /// It consumes (`ConsumerInfo`).
    Consume {
        /// Its own number for this request.
        id: u64,
        /// What.
        info: Box<ConsumerInfo>,
    },
    /// A message (`ActiveMQMessage`).
    Send {
        /// Its own number for this request.
        id: u64,
        /// Which of the client's processes sends (`ProducerId`).
        life: u64,
        /// Its number among those that this process sends, from 1 (`ProducerSequenceId`).
        sequence: u64,
        /// Where to.
        to: DestinationName,
        /// Whether it waits for an answer (`responseRequired`).
        answer: bool,
        /// The message.
        message: Payload,
    },
    /// What became of deliveries (`MessageAck`).
    Ack {
        /// Of which of its consumers.
        consumer: u32,
        /// What.
        kind: AckType,
        /// Which, by the broker's numbers.
        deliveries: Vec<u64>,
        /// Why they are given up.
        cause: Option<String>,
    },
    /// A consumer that is ahead by none asks for the next message (`MessagePull`).
    Pull {
        /// Which.
        consumer: u32,
    },
    /// A consumer ends (`RemoveInfo`).
    Remove {
        /// Which.
        consumer: u32,
    },
    /// It is there (`KeepAliveInfo`).
    KeepAlive,
}

/// A consumer, as its client describes it.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::activemq::protocol::{ConsumerInfo, Reads};
/// let queue = Reads::Queue(Name::new("orders")?);
/// let info = ConsumerInfo { number: 1, reads: queue, options: Default::default(), pulls: false };
/// assert_eq!(info.number, 1);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerInfo {
    /// Its number among those of the client.
    pub number: u32,
    /// What it reads.
    pub reads: Reads,
    /// How.
    pub options: ConsumerOptions,
    /// Whether it asks for each message (`prefetchSize` 0).
    pub pulls: bool,
}

/// What a consumer reads.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::Reads;
/// assert_ne!(Reads::Topics { pattern: "A.>".into(), durable: None }, Reads::Topics { pattern: "A.*".into(), durable: None });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// A queue.
    Queue(Name),
    /// Topics.
    Topics {
        /// Which.
        pattern: String,
        /// The client's id and the subscription's name, where it goes on while nobody is there.
        durable: Option<(Name, Name)>,
    },
}

/// What an acknowledgement says (`MessageAck.java`).
///
/// ```
/// use mqlab_core::systems::activemq::protocol::AckType;
/// assert_eq!(AckType::Poison as u8, 1); // as on the wire
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AckType {
    /// They were seen, and will be acknowledged later: there is room for more.
    Delivered = 0,
    /// They were tried too often: to the dead with them.
    Poison = 1,
    /// They are done.
    Standard = 2,
    /// The client will try them again.
    Redelivered = 3,
    /// One is done, whatever is before it.
    Individual = 4,
    /// Their time was over before the program had them.
    Expired = 6,
}

/// What a broker says to a client.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::BrokerCommand;
/// assert_ne!(BrokerCommand::Shutdown, BrokerCommand::KeepAlive);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum BrokerCommand {
    /// It serves this client from now on (`BrokerInfo`).
    Connected,
    /// What was asked is done (`Response`).
    Response {
        /// Under which number.
        id: u64,
    },
    /// It is not (`ExceptionResponse`).
    Exception {
        /// Under which number.
        id: u64,
        /// Why not.
        why: Refusal,
    },
    /// A message for a consumer (`MessageDispatch`).
    Dispatch(Box<Dispatch>),
    /// There is none for who asked (`MessageDispatch` without a message).
    Nothing {
        /// For which of the client's consumers.
        consumer: u32,
    },
    /// It is there (`KeepAliveInfo`).
    KeepAlive,
    /// It serves nobody: it is a slave, or about to stop (`ShutdownInfo`).
    Shutdown,
}

/// A message for a consumer.
///
/// ```
/// use mqlab_core::{ids::Name, message::Message, systems::activemq::protocol::Dispatch};
/// let (queue, message) = (Name::new("orders")?, Message::new("a book"));
/// let dispatch = Dispatch { consumer: 1, delivery: 1, queue, count: 1, message };
/// assert_eq!(dispatch.count, 1);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Which of the client's consumers.
    pub consumer: u32,
    /// The broker's number for this delivery.
    pub delivery: u64,
    /// The queue, or the subscription's queue, that it comes from.
    pub queue: Name,
    /// How often it was delivered, this time counted.
    pub count: u32,
    /// The message.
    pub message: Payload,
}

/// What a broker asks of a store that several share.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::StoreRequest;
/// assert_ne!(StoreRequest::Lock, StoreRequest::KeepAlive { token: 1 });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum StoreRequest {
    /// It wants to be master.
    Lock,
    /// It still is.
    KeepAlive {
        /// By which lock.
        token: u64,
    },
    /// It writes.
    Write {
        /// By which lock.
        token: u64,
        /// Its number for this, from 1.
        number: u64,
        /// What to which logs.
        ops: Vec<StoreOp>,
        /// The facts that this makes true.
        facts: Vec<Event>,
    },
    /// It stops in good order.
    Unlock {
        /// Which lock.
        token: u64,
    },
}

/// What a store says to a broker.
///
/// ```
/// use mqlab_core::systems::activemq::protocol::StoreReply;
/// assert!(matches!(StoreReply::Written { token: 1, number: 7 }, StoreReply::Written { number: 7, .. }));
/// ```
#[derive(Clone, Debug)]
pub enum StoreReply {
    /// It has the lock, and this is in the store.
    Locked {
        /// The lock's number, higher than any before.
        token: u64,
        /// What is in the store.
        contents: MemoryStorage,
        /// How many bytes that are.
        bytes: u64,
    },
    /// Another has it.
    Held,
    /// It has it still.
    Kept {
        /// Which lock.
        token: u64,
    },
    /// It is written, and flushed where it is to be.
    Written {
        /// By which lock.
        token: u64,
        /// What.
        number: u64,
    },
    /// It is not: there is no room.
    NoSpace {
        /// By which lock.
        token: u64,
    },
    /// Another has the lock, or nobody: nothing was done.
    LockLost {
        /// Which lock it had.
        token: u64,
    },
}

impl PartialEq for StoreReply {
    fn eq(&self, other: &Self) -> bool {
        let key = |reply: &Self| match reply {
            Self::Locked { token, bytes, .. } => (0, *token, *bytes),
            Self::Held => (1, 0, 0),
            Self::Kept { token } => (2, *token, 0),
            Self::Written { token, number } => (3, *token, *number),
            Self::NoSpace { token } => (4, *token, 0),
            Self::LockLost { token } => (5, *token, 0),
        };
        key(self) == key(other)
    }
}

impl ClientCommand {
    /// The message that it carries.
    pub fn message(&self) -> Option<MessageId> {
        if let Self::Send { message, .. } = self { message.id() } else { None }
    }
}
