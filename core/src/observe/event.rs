//! What happened? Facts, one each, stamped with time and place.
//!
//! Events are for observers: pictures, verdicts, traces. Nothing in the engine needs them to be right, and no
//! observer can change a run. An event names *messages*, so that the life of one can be told across nodes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use serde::Serialize;

use super::activemq_event::ActivemqEvent;
use super::change::Change;
use super::cluster_event::ClusterEvent;
use super::fault_event::FaultEvent;
use super::group_event::GroupEvent;
use super::messages::{Messages, named};
use super::order::OrderEvent;
use super::producer_event::ProducerEvent;
use super::pull_event::PullEvent;
use super::pulsar_event::PulsarEvent;
use super::queue_event::QueueEvent;
use super::rabbitmq_event::RabbitmqEvent;
use super::refusal::Refusal;
use super::rocketmq_event::RocketmqEvent;
use super::share_event::ShareEvent;
use super::txn_event::TxnEvent;
use crate::ids::{Epoch, MessageId, Name, NodeId, Offset, PartitionId};
use crate::queue::ReturnReason;
use crate::routing::ExchangeName;
use crate::time::Time;

/// Where a message stands: in a queue, or in a partition of a topic.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::observe::Place;
/// assert_eq!(Place::Queue(Name::new("orders")?).to_string(), "orders");
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A point-to-point queue.
    Queue(Name),
    /// One partition of a topic.
    Partition(PartitionId),
    /// An exchange: messages are sent there, and never stand there.
    Exchange(ExchangeName),
    /// A topic that copies to the queues of its subscriptions: messages are published there, and never stand there.
    Topic(Name),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => name.fmt(f),
            Self::Partition(partition) => partition.fmt(f),
            Self::Exchange(name) => write!(f, "exchange {name}"),
            Self::Topic(name) => write!(f, "topic {name}"),
        }
    }
}

/// A fact about a run.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name};
/// use mqlab_core::observe::{Event, Place};
/// let to = Place::Queue(Name::new("orders")?);
/// let event = Event::Sent { to, messages: MessageId(1).into(), attempt: 2 };
/// assert_eq!(event.to_string(), "sent m1 to orders, attempt 2");
/// assert_eq!(event.messages(), [MessageId(1)]);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A producer sent messages in one batch, for the first time or again.
    Sent {
        /// Where to; the partition is the producer's choice.
        to: Place,
        /// Which.
        messages: Messages,
        /// 1 for the first time.
        attempt: u32,
    },
    /// A producer was told that messages are stored: from here on, losing one breaks a promise.
    Acknowledged {
        /// Where it is stored.
        by: Place,
        /// Which.
        messages: Messages,
    },
    /// A producer was refused, or heard nothing in time; it will try again. (When that is in vain it
    /// [gives up](QueueEvent::GaveUp) instead.)
    NotStored {
        /// Where it should have gone.
        to: Place,
        /// Which.
        message: MessageId,
        /// Why.
        why: Refusal,
    },
    /// A queue or a partition's leader appended a batch.
    Appended {
        /// Where.
        to: Place,
        /// The batch's first offset.
        base: Offset,
        /// Its messages, in order.
        messages: Vec<MessageId>,
    },
    /// A follower appended what it fetched from its leader.
    Copied {
        /// Of which partition.
        partition: PartitionId,
        /// The first offset.
        base: Offset,
        /// The messages, in order.
        messages: Vec<MessageId>,
    },
    /// Every replica in sync has everything below this offset: consumers may read it now.
    Committed {
        /// Of which partition.
        partition: PartitionId,
        /// The high watermark.
        below: Offset,
    },
    /// A returning replica removed what its new leader does not have.
    Truncated {
        /// Of which partition.
        partition: PartitionId,
        /// The new end.
        to: Offset,
        /// What was removed.
        messages: Vec<MessageId>,
    },
    /// A power cut took what had not been flushed to disk.
    TailLost {
        /// Of which log.
        of: Place,
        /// What was in the tail.
        messages: Vec<MessageId>,
    },
    /// A queue pushed a message to a consumer.
    Delivered {
        /// From which queue.
        queue: Name,
        /// Which.
        message: MessageId,
        /// To whom.
        to: NodeId,
        /// 1 for the first delivery; more means that the message is marked redelivered.
        delivery: u32,
    },
    /// Messages came back from a consumer, and wait for the next.
    Requeued {
        /// In which queue.
        queue: Name,
        /// What.
        messages: Vec<MessageId>,
        /// From whom.
        from: NodeId,
        /// Why.
        why: ReturnReason,
    },
    /// A queue removed a message that a consumer acknowledged.
    Settled {
        /// From which queue.
        queue: Name,
        /// Which.
        message: MessageId,
        /// By whom.
        by: NodeId,
    },
    /// A consumer has messages in its hands.
    Received {
        /// Where it came from.
        from: Place,
        /// Which.
        messages: Messages,
        /// More than 1 when the broker said it was delivered before.
        delivery: u32,
    },
    /// A consumer's program is done with messages. When it works in transactions, this is the moment of the broker's
    /// commit, whether the program hears of it or not.
    Processed {
        /// Where it came from.
        from: Place,
        /// Which.
        messages: Messages,
        /// The consumer's group; consumers of a queue have none.
        group: Option<Name>,
    },
    /// A group's coordinator stored where the group has got to.
    OffsetStored {
        /// Whose offset.
        group: Name,
        /// In which partition.
        partition: PartitionId,
        /// The next offset to read.
        next: Offset,
    },
    /// A consumer took over partitions, or gave them up.
    Assigned {
        /// In which group.
        group: Name,
        /// What it has now.
        partitions: Vec<PartitionId>,
    },
    /// The controller no longer hears a broker.
    Fenced {
        /// Which.
        broker: NodeId,
    },
    /// The controller made a replica the leader, or found none fit to be.
    Elected {
        /// Of which partition.
        partition: PartitionId,
        /// Who; nobody when no replica in sync is alive.
        leader: Option<NodeId>,
        /// The new epoch.
        epoch: Epoch,
    },
    /// The set of replicas that are in sync changed.
    InSync {
        /// Of which partition.
        partition: PartitionId,
        /// Who is in sync now.
        replicas: Vec<NodeId>,
    },
    /// A process died; its disk and what the operating system had of its writes are intact.
    Crashed,
    /// A machine lost power: what was not flushed is gone.
    PowerCut,
    /// A node is back.
    Restarted,
    /// Something about what a user asked for.
    Order(OrderEvent),
    /// Something around queues.
    Queue(QueueEvent),
    /// Something on the side that pulls.
    Pull(PullEvent),
    /// Something that a fault does.
    Fault(FaultEvent),
    /// Something about the cluster as a whole.
    Cluster(ClusterEvent),
    /// Something about a producer that wants each message stored once.
    Producer(ProducerEvent),
    /// Something in a consumer group.
    Group(GroupEvent),
    /// Something in a share group.
    Share(ShareEvent),
    /// Something about a transaction over partitions.
    Txn(TxnEvent),
    /// Somebody set, added or removed something: at the node concerned, or at a controller.
    Changed(Change),
    /// Something that only RocketMQ has.
    Rocketmq(RocketmqEvent),
    /// Something that only Pulsar has.
    Pulsar(PulsarEvent),
    /// Something that only ActiveMQ does.
    Activemq(ActivemqEvent),
    /// Something that only RabbitMQ does.
    Rabbitmq(RabbitmqEvent),
}

/// An event with its time and its place.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::{Event, Stamped};
/// use mqlab_core::time::Time;
/// let stamped = Stamped { at: Time(412_800), step: 9, node: NodeId::Broker(1), event: Event::Crashed };
/// assert_eq!(stamped.to_string(), "  412.800 broker-1    crashed");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Stamped {
    /// When, in microseconds of the run.
    pub at: Time,
    /// The number of the step that it belongs to; one step may bring several events.
    pub step: u64,
    /// Whose fact it is.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

impl Stamped {
    /// The event as a line of JSON, such as a trace in a file has for each.
    ///
    /// ```
    /// use mqlab_core::ids::NodeId;
    /// use mqlab_core::observe::{Event, Stamped};
    /// use mqlab_core::time::Time;
    /// let stamped = Stamped { at: Time(412_800), step: 9, node: NodeId::Broker(1), event: Event::Crashed };
    /// assert_eq!(stamped.to_json(), r#"{"at":412800,"step":9,"node":"broker-1","event":"crashed"}"#);
    /// ```
    ///
    /// # Panics
    ///
    /// Never: an event is plain data with text for keys.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data can be written")
    }
}

impl Event {
    /// The messages that this event is about.
    pub fn messages(&self) -> &[MessageId] {
        match self {
            Self::Sent { messages, .. }
            | Self::Acknowledged { messages, .. }
            | Self::Received { messages, .. }
            | Self::Processed { messages, .. } => messages,
            Self::NotStored { message, .. }
            | Self::Delivered { message, .. }
            | Self::Settled { message, .. } => core::slice::from_ref(message),
            Self::Appended { messages, .. }
            | Self::Copied { messages, .. }
            | Self::Truncated { messages, .. }
            | Self::TailLost { messages, .. }
            | Self::Requeued { messages, .. } => messages,
            Self::Queue(
                QueueEvent::TransactionCommitted { sent: messages, .. }
                | QueueEvent::TransactionRolledBack { messages, .. }
                | QueueEvent::MailboxLost { messages, .. }
                | QueueEvent::Dropped { messages, .. },
            ) => messages,
            Self::Queue(event) => event.message().map(core::slice::from_ref).unwrap_or_default(),
            Self::Pull(event) => event.messages(),
            Self::Fault(event) => event.messages(),
            Self::Producer(event) => event.messages(),
            Self::Share(event) => event.messages(),
            Self::Txn(event) => event.messages(),
            Self::Rocketmq(event) => event.messages(),
            Self::Pulsar(event) => event.messages(),
            Self::Activemq(event) => event.messages(),
            Self::Rabbitmq(event) => event.messages(),
            Self::Order(OrderEvent::Put { message, .. }) => core::slice::from_ref(message),
            _ => &[],
        }
    }

    /// Whether the event marks a turn in the run, as a time axis shows it.
    pub fn is_landmark(&self) -> bool {
        matches!(
            self,
            Self::Crashed
                | Self::PowerCut
                | Self::Restarted
                | Self::Elected { .. }
                | Self::TailLost { .. }
                | Self::Requeued { .. }
                | Self::Changed(_)
        ) || matches!(self, Self::Truncated { messages, .. } if !messages.is_empty())
            || matches!(self, Self::Queue(event) if event.is_landmark())
            || matches!(self, Self::Pull(event) if event.is_landmark())
            || matches!(self, Self::Fault(event) if event.is_landmark())
            || matches!(self, Self::Cluster(event) if event.is_landmark())
            || matches!(
                self,
                Self::Producer(ProducerEvent::Recognised { .. } | ProducerEvent::BeganAnew { .. })
            )
            || matches!(self, Self::Group(event) if event.is_landmark())
            || matches!(self, Self::Share(event) if event.is_landmark())
            || matches!(self, Self::Txn(event) if event.is_landmark())
            || matches!(self, Self::Rocketmq(event) if event.is_landmark())
            || matches!(self, Self::Pulsar(event) if event.is_landmark())
            || matches!(self, Self::Activemq(event) if event.is_landmark())
            || matches!(self, Self::Rabbitmq(event) if event.is_landmark())
    }
}

/// Items with commas between, or `-` for none.
pub(super) fn list<T: fmt::Display>(items: &[T]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let written = write!(text, "{comma}{item}");
        debug_assert!(written.is_ok(), "a string takes what it is given");
    }
    if text.is_empty() { "-".into() } else { text }
}

impl fmt::Display for Event {
    /// One fact, one line; the words are those of the engine, not of any product.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { to, messages, attempt: 1 } => write!(f, "sent {} to {to}", named(messages)),
            Self::Sent { to, messages, attempt } => {
                write!(f, "sent {} to {to}, attempt {attempt}", named(messages))
            }
            Self::Acknowledged { by, messages } => match messages[..] {
                [message] => write!(f, "was told that {message} is stored in {by}"),
                _ => write!(f, "was told that {} are stored in {by}", named(messages)),
            },
            Self::NotStored { to, message, why } => write!(f, "{message} not stored in {to}: {why}"),
            Self::Appended { to, base, messages } => {
                write!(f, "appended {} to {to} at {base}", named(messages))
            }
            Self::Copied { partition, base, messages } => {
                write!(f, "copied {} to {partition} at {base}", named(messages))
            }
            Self::Committed { partition, below } => write!(f, "committed {partition} below {below}"),
            Self::Truncated { partition, to, messages } => {
                write!(f, "truncated {partition} to {to}, removing {}", named(messages))
            }
            Self::TailLost { of, messages } => {
                write!(f, "lost the unflushed tail of {of}: {}", named(messages))
            }
            Self::Delivered { queue, message, to, delivery: 1 } => {
                write!(f, "delivered {message} from {queue} to {to}")
            }
            Self::Delivered { queue, message, to, delivery } => {
                write!(f, "delivered {message} from {queue} to {to}, redelivered, count {delivery}")
            }
            Self::Requeued { queue, messages, from, why } => {
                let why = match why {
                    ReturnReason::Nacked => "gave them back",
                    ReturnReason::LeaseOver => "was silent for too long",
                    _ => "is gone",
                };
                write!(f, "put {} back in {queue}, {from} {why}", named(messages))
            }
            Self::Queue(event) => event.fmt(f),
            Self::Pull(event) => event.fmt(f),
            Self::Fault(event) => event.fmt(f),
            Self::Cluster(event) => event.fmt(f),
            Self::Producer(event) => event.fmt(f),
            Self::Group(event) => event.fmt(f),
            Self::Share(event) => event.fmt(f),
            Self::Txn(event) => event.fmt(f),
            Self::Rocketmq(event) => event.fmt(f),
            Self::Pulsar(event) => event.fmt(f),
            Self::Rabbitmq(event) => event.fmt(f),
            Self::Settled { queue, message, by } => write!(f, "removed {message} from {queue}, done by {by}"),
            Self::Received { from, messages, delivery: 1 } => {
                write!(f, "received {} from {from}", named(messages))
            }
            Self::Received { from, messages, delivery } => {
                write!(f, "received {} from {from}, redelivered, count {delivery}", named(messages))
            }
            Self::Processed { from, messages, .. } => write!(f, "processed {} from {from}", named(messages)),
            Self::OffsetStored { group, partition, next } => {
                write!(f, "stored that {group} goes on at {next} in {partition}")
            }
            Self::Assigned { group, partitions } => write!(f, "reads {} for {group}", list(partitions)),
            Self::Fenced { broker } => write!(f, "fenced {broker}"),
            Self::Elected { partition, leader: Some(leader), epoch } => {
                write!(f, "elected {leader} leader of {partition}, epoch {epoch}")
            }
            Self::Elected { partition, leader: None, epoch } => {
                write!(f, "found no leader for {partition}, epoch {epoch}")
            }
            Self::InSync { partition, replicas } => write!(f, "in sync for {partition}: {}", list(replicas)),
            Self::Crashed => f.write_str("crashed"),
            Self::PowerCut => f.write_str("lost power"),
            Self::Restarted => f.write_str("restarted"),
            Self::Order(event) => event.fmt(f),
            Self::Changed(change) => write!(f, "somebody wants: {change}"),
            Self::Activemq(event) => event.fmt(f),
        }
    }
}

impl fmt::Display for Stamped {
    /// `  412.800 broker-1    appended m17 to orders/0 at 16`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut at, mut node) = (String::new(), String::new());
        write!(at, "{}", self.at)?;
        write!(node, "{}", self.node)?;
        write!(f, "{at:>9} {node:<11} {}", self.event)
    }
}
