//! What does a run look like at one moment? Plain data for whoever draws it.
//!
//! A picture states facts: who is up, what each log holds, what is on its way between whom since when. A host
//! that animates interpolates between departure and arrival; it decides nothing.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId};
use crate::message::DeathReason;
use crate::observe::Place;
use crate::queue::{DeadLetter, Overflow};
use crate::routing::{Binding, ExchangeKind, ExchangeName};
use crate::time::Time;
use crate::vhost::Alarm;

/// One moment of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The moment.
    pub now: Time,
    /// Those who send, in order.
    pub producers: Vec<ProducerView>,
    /// Those who keep, in order.
    pub brokers: Vec<BrokerView>,
    /// Those who receive, in order.
    pub consumers: Vec<ConsumerView>,
    /// Those who work when called, in order.
    pub services: Vec<ServiceView>,
    /// Those who call, in order.
    pub users: Vec<UserView>,
    /// What is on its way, in order of arrival.
    pub packets: Vec<PacketView>,
    /// Acknowledged messages that no log will ever give to a consumer.
    pub lost: Vec<Mark>,
}

/// A message as it is drawn: a number and, if it has a key, the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Which message.
    pub message: MessageId,
    /// The first letter of its key.
    pub key: Option<char>,
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// Whether its process runs.
    pub up: bool,
    /// The queue, topic or exchange that it sends to; the first of several queues.
    pub to: Name,
    /// Further queues that it sends to, if it may choose.
    pub or_to: Vec<Name>,
    /// The queue that it reads its answers from, if it asks.
    pub reads: Option<Name>,
    /// Whether that is an exchange.
    pub publishes: bool,
    /// Why it may not send now, though it would.
    pub held_up: Option<HeldUp>,
    /// How many acknowledgements it asks for: `None` for a queue, else 0, 1, or -1 for all in sync.
    pub acks: Option<i8>,
    /// Messages sent at least once.
    pub sent: u64,
    /// Messages that it will send in all.
    pub planned: u64,
    /// Messages that it was told are stored.
    pub acknowledged: u64,
    /// Messages that it holds until they are acknowledged, or processed if it keeps them so long, oldest first; also
    /// those whose transaction goes on, and those in its outbox.
    pub waiting: Vec<Mark>,
}

/// Why a producer that has messages to send must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldUp {
    /// A broker's alarm is on.
    Alarm,
    /// A queue is full.
    Full,
}

/// One broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Which.
    pub node: NodeId,
    /// Whether its process runs.
    pub up: bool,
    /// Its alarms that are on.
    pub alarms: Vec<Alarm>,
    /// Its exchanges, in order of name; not those that every broker has.
    pub exchanges: Vec<ExchangeView>,
    /// Its logs, in order of name. Those of a broker that is down show what its disk holds.
    pub strips: Vec<StripView>,
}

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeView {
    /// What it is called.
    pub name: ExchangeName,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Where what matches nothing goes.
    pub alternate: Option<ExchangeName>,
    /// What leads where.
    pub bindings: Vec<Binding>,
}

/// What is drawn of a queue besides its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that wait for a moment.
    pub waiting: u64,
    /// Messages that consumers have.
    pub unacked: u64,
    /// The most ready messages, and what happens beyond.
    pub length_max: Option<u64>,
    /// The most bytes of ready messages.
    pub bytes_max: Option<u64>,
    /// Whether a limit is reached.
    pub full: bool,
    /// What happens to a message that comes when it is.
    pub overflow: Overflow,
    /// The highest priority; 0 for none.
    pub priority_max: u8,
    /// Where dead letters go.
    pub dead_letter: Option<DeadLetter>,
    /// How many messages died here, by reason.
    pub died: Vec<(DeathReason, u64)>,
    /// Who reads it.
    pub readers: Vec<NodeId>,
    /// The only consumer that it serves, where it serves one alone.
    pub active: Option<NodeId>,
}

/// The end of one log, as cells in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripView {
    /// Which log.
    pub place: Place,
    /// What this broker is to it.
    pub role: Role,
    /// The first offset that the log holds.
    pub start: Offset,
    /// The offset that the next record gets.
    pub end: Offset,
    /// Consumers read below this; `None` for a queue.
    pub high_watermark: Option<Offset>,
    /// How far the leader is ahead of this replica, in records.
    pub behind: u64,
    /// For a queue: messages that it holds, ready or delivered; for a partition: records from the start.
    pub held: u64,
    /// Where each group that reads this partition has got to; on the leader only.
    pub groups: Vec<(Name, Offset)>,
    /// More of a queue; nothing for a partition.
    pub queue: Option<QueueView>,
    /// For a partition, its last records; for a queue, the first messages it holds. No more than asked for.
    pub cells: Vec<Cell>,
}

/// What a broker is to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It keeps the queue.
    Queue,
    /// It leads the partition.
    Leader {
        /// Since which election.
        epoch: Epoch,
    },
    /// It copies the leader's log.
    Follower {
        /// Whether the cluster counts it as in sync.
        in_sync: bool,
    },
    /// It is down.
    Down,
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its offset.
    pub offset: Offset,
    /// The message, if the record is one.
    pub mark: Option<Mark>,
    /// What became of it.
    pub state: CellState,
    /// How often it was delivered before; a queue's only.
    pub deliveries: u32,
    /// Its priority; a queue's only.
    pub priority: u8,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// In a partition: below the high watermark.
    Committed,
    /// In a partition: appended, and not yet on every replica in sync.
    Uncommitted,
    /// In a queue: waits for a consumer.
    Ready,
    /// In a queue: waits for a moment, before a consumer may have it.
    Waiting(Time),
    /// In a queue: with a consumer that has not acknowledged it.
    Delivered(NodeId),
}

/// One consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// Whether its process runs.
    pub up: bool,
    /// The queue, or the topic, that it reads.
    pub from: Name,
    /// Its group; `None` for a queue's consumer.
    pub group: Option<Name>,
    /// The partitions that it reads.
    pub assigned: Vec<u32>,
    /// What its program works on: the message, since when, until when.
    pub working: Option<(Mark, Time, Time)>,
    /// What it has received and not begun, oldest first.
    pub staged: Vec<Mark>,
    /// How many messages are in its program's memory: in work, not begun, done and not acknowledged.
    pub held: u32,
    /// The most that its memory holds; with more it dies. 0 for no limit.
    pub memory_max: u32,
    /// The queues that it sends on to.
    pub sends_to: Vec<Name>,
    /// How many messages its program is done with, repeated ones counted each time.
    pub processed: u64,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// Whether its process runs.
    pub up: bool,
    /// The queue or topic that it takes work from, if not only calls.
    pub from: Option<Name>,
    /// Its group; `None` for one that reads no topic.
    pub group: Option<Name>,
    /// The partitions that it reads.
    pub assigned: Vec<u32>,
    /// The services that it calls, in the order of its steps.
    pub calls: Vec<NodeId>,
    /// The queues and topics that it sends to.
    pub sends_to: Vec<Name>,
    /// How many orders it can work on at once.
    pub workers: u16,
    /// How many calls may wait for a worker.
    pub backlog: u32,
    /// The orders that workers have in hands, and since when, the first begun first.
    pub working: Vec<(OrderId, Time)>,
    /// The orders that wait for a worker, the first to be served first.
    pub waiting: Vec<OrderId>,
    /// How many orders it did its part of.
    pub worked: u64,
    /// How many it gave up.
    pub gave_up: u64,
    /// How many it had no room for.
    pub turned_away: u64,
}

/// One crowd of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// Which.
    pub node: NodeId,
    /// What the scenario calls it.
    pub name: String,
    /// The service that it calls.
    pub calls: NodeId,
    /// Orders asked for.
    pub asked: u64,
    /// Orders that it will ask for in all.
    pub planned: u64,
    /// Orders that somebody waits for an answer to.
    pub waiting: u64,
    /// Orders of which somebody was told that they are done.
    pub done: u64,
    /// Orders of which somebody was told that they are accepted.
    pub accepted: u64,
    /// Orders of which somebody was told that they failed, or nothing.
    pub errors: u64,
    /// Orders of which somebody was let know afterwards what became of them.
    pub notified: u64,
}

/// Something on its way between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketView {
    /// A number of its own, so that it can be followed from picture to picture.
    pub id: u64,
    /// Who sent it.
    pub from: NodeId,
    /// Who will get it.
    pub to: NodeId,
    /// When it left.
    pub departed: Time,
    /// When it will arrive.
    pub arrives: Time,
    /// What it is.
    pub kind: PacketKind,
    /// The partition or queue that it is about, if one.
    pub place: Option<Place>,
    /// The messages in it.
    pub marks: Vec<Mark>,
    /// How often its messages were sent or delivered before; 0 for the first time.
    pub repeats: u32,
    /// The order that a call is made for; `None` for all that is no call.
    pub order: Option<OrderId>,
}

/// What a packet is, for the one who draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PacketKind {
    /// Messages from a producer to a broker.
    Produce,
    /// "Stored", from a broker to a producer.
    Stored,
    /// "No", from a broker to anyone.
    Refused,
    /// Messages pushed from a queue to a consumer.
    Delivery,
    /// "Done", from a consumer to a queue.
    Done,
    /// A consumer asks for records.
    Fetch,
    /// Records, or none, for a consumer.
    Fetched,
    /// A follower asks its leader for records, and says thereby what it has.
    Copy,
    /// Records, or none, for a follower.
    Copied,
    /// A consumer says where it has got to, or is told that this is kept.
    Commit,
    /// A user or a service asks a service for something.
    Call,
    /// A service answers, or lets a user know. An answer that is no success is [`Refused`](Self::Refused).
    Answer,
    /// "I am here", metadata and the like: what keeps a cluster together.
    Upkeep,
}
