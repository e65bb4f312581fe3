//! What does a run look like at one moment? Plain data for whoever draws it.
//!
//! A picture states facts: who is up, what each log holds, what is on its way between whom since when. A host
//! that animates interpolates between departure and arrival; it decides nothing.

mod callers;
mod controllers;

pub use callers::{ServiceView, UserView};
pub use controllers::ControllerView;

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, OrderId};
use crate::message::DeathReason;
use crate::observe::Place;
use crate::queue::{DeadLetter, Overflow};
use crate::routing::{Binding, ExchangeKind, ExchangeName};
use crate::sim::guests::SystemName;
use crate::sim::under_way::FlowView;
use crate::time::Time;
use crate::vhost::Alarm;

/// One moment of a run.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(Time(200_000));
/// let picture = timeline.picture(8); // eight cells of each log
/// assert_eq!((picture.producers.len(), picture.brokers.len(), picture.consumers.len()), (1, 1, 2));
/// assert!(picture.packets.iter().all(|packet| packet.departed <= picture.now && picture.now <= packet.arrives));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The moment.
    pub now: Time,
    /// Those who send, in order.
    pub producers: Vec<ProducerView>,
    /// Those who keep the cluster's metadata, in order.
    pub controllers: Vec<ControllerView>,
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
    /// What else is on its way, too much to be shown one by one; nothing, unless a host [asked](super::UnderWay) for it so.
    pub flows: Vec<FlowView>,
    /// Nodes whose processes stand still, in order.
    pub frozen: Vec<NodeId>,
    /// From whom to whom nothing passes, in order.
    pub cut: Vec<(NodeId, NodeId)>,
    /// Acknowledged messages that no log will ever give to a consumer.
    pub lost: Vec<Mark>,
    /// Whose words fit, where another system plays.
    pub system: Option<SystemName>,
    /// Where there are several clusters: what each is called, and the nodes that keep something there.
    pub clusters: Vec<(Name, Vec<NodeId>)>,
}

impl Picture {
    /// The cluster that a node is in, where there are several.
    pub fn cluster_of(&self, node: NodeId) -> Option<&Name> {
        self.clusters.iter().find(|(_, nodes)| nodes.contains(&node)).map(|(name, _)| name)
    }
}

/// A message as it is drawn: a number and, if it has a key, the key.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::sim::picture::Mark;
/// let mark = Mark { message: MessageId(17), key: Some('A') };
/// assert_eq!(mark.message.to_string(), "m17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Which message.
    pub message: MessageId,
    /// The first letter of its key.
    pub key: Option<char>,
}

/// One producer.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// let shop = &timeline.picture(8).producers[0];
/// assert_eq!((shop.sent, shop.acknowledged, shop.waiting.len()), (100, 100, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::sim::picture::HeldUp;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("full-queue-waits").ok_or("no such scenario")?, 1)?;
/// let mut held_up = false;
/// while timeline.step() && !held_up {
///     held_up = timeline.picture(0).producers.iter().any(|shop| shop.held_up == Some(HeldUp::Full));
/// }
/// assert!(held_up);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldUp {
    /// A broker's alarm is on.
    Alarm,
    /// A queue is full.
    Full,
    /// Its connection is in flow: its credit is spent, and the broker reads nothing of what it sends.
    Flow,
}

/// One broker.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("exchanges").ok_or("no such scenario")?, 1)?;
/// timeline.seek(mqlab_core::time::Time(50_000)); // the broker was told what it has
/// let broker = &timeline.picture(8).brokers[0];
/// assert!(broker.up && broker.alarms.is_empty() && !broker.exchanges.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerView {
    /// Which.
    pub node: NodeId,
    /// Whether its process runs.
    pub up: bool,
    /// Its alarms that are on.
    pub alarms: Vec<Alarm>,
    /// Messages that it has read, and no queue has taken in.
    pub mailbox: u64,
    /// Its exchanges, in order of name; not those that every broker has.
    pub exchanges: Vec<ExchangeView>,
    /// Its logs, in order of name. Those of a broker that is down show what its disk holds.
    pub strips: Vec<StripView>,
}

/// One exchange.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("exchanges").ok_or("no such scenario")?, 1)?;
/// timeline.seek(mqlab_core::time::Time(50_000)); // the broker was told what it has
/// let exchanges = &timeline.picture(8).brokers[0].exchanges;
/// assert!(exchanges.iter().all(|exchange| !exchange.name.as_str().starts_with("amq."))); // those come with it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// let strip = &timeline.picture(8).brokers[0].strips[0];
/// let queue = strip.queue.as_ref().ok_or("the strip of a queue")?;
/// assert_eq!((queue.ready, queue.unacked, queue.readers.len()), (0, 0, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::sim::picture::Role;
/// use mqlab_core::sim::{Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("kill-the-leader").ok_or("no such scenario")?, 20)?;
/// timeline.seek(Time(200_000));
/// let brokers = timeline.picture(8).brokers;
/// let strips = brokers.iter().flat_map(|broker| &broker.strips);
/// for strip in strips.filter(|strip| matches!(strip.role, Role::Leader { .. })) {
///     assert!(strip.high_watermark.is_some_and(|watermark| watermark <= strip.end));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Who reads what is committed alone reads below this, where that is less: a transaction is undecided. On the leader
    /// only.
    pub last_stable: Option<Offset>,
    /// How far the leader is ahead of this replica, in records.
    pub behind: u64,
    /// For a queue: messages that it holds, ready or delivered; for a partition: records from the start.
    pub held: u64,
    /// Where each group that reads this partition has got to; on the leader only.
    pub groups: Vec<(Name, Offset)>,
    /// More of a queue; nothing for a partition.
    pub queue: Option<QueueView>,
    /// For a partition: which leaders' epochs wrote the records shown, each with its first offset among them.
    pub epochs: Vec<(Epoch, Offset)>,
    /// For a partition, its last records; for a queue, the first messages it holds. No more than asked for.
    pub cells: Vec<Cell>,
}

/// What a broker is to a log.
///
/// ```
/// use mqlab_core::sim::picture::Role;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// assert_eq!(timeline.picture(8).brokers[0].strips[0].role, Role::Queue);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// It owns a topic of Pulsar, and keeps it elsewhere.
    Owner {
        /// The ledger that is written to.
        ledger: u64,
    },
    /// It keeps entries of a ledger.
    Keeper {
        /// Whether it takes no more from the ledger's writer.
        fenced: bool,
    },
}

/// One record of a log.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(Time(300_000));
/// let cells = &timeline.picture(4).brokers[0].strips[0].cells;
/// assert!(cells.len() <= 4 && cells.is_sorted_by_key(|cell| cell.offset));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::picture::CellState;
/// use mqlab_core::sim::{Scenario, Timeline};
/// use mqlab_core::time::Time;
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(Time(300_000));
/// let cells = &timeline.picture(4).brokers[0].strips[0].cells;
/// let with = |consumer| cells.iter().any(|cell| cell.state == CellState::Delivered(NodeId::Consumer(consumer)));
/// assert!(with(1) || with(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// timeline.seek(timeline.ends_at());
/// let processed: u64 = timeline.picture(8).consumers.iter().map(|consumer| consumer.processed).sum();
/// assert_eq!(processed, 100);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    /// Whether that is a share group.
    pub shares: bool,
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

/// Something on its way between two nodes.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::sim::picture::PacketKind;
/// use mqlab_core::sim::{Scenario, Timeline};
/// let mut timeline = Timeline::new(Scenario::built_in("hundred-messages").ok_or("no such scenario")?, 7)?;
/// let first = loop {
///     assert!(timeline.step());
///     let packets = timeline.picture(0).packets;
///     if let Some(packet) = packets.into_iter().find(|packet| packet.kind == PacketKind::Produce) {
///         break packet;
///     }
/// };
/// assert_eq!((first.from, first.to), (NodeId::Producer(1), NodeId::Broker(1)));
/// assert_eq!(first.marks[0].message.to_string(), "m1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// use mqlab_core::sim::picture::PacketKind;
/// assert_ne!(PacketKind::Stored, PacketKind::Refused);
/// ```
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
