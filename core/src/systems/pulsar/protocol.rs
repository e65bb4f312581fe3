//! What do clients and brokers say to each other? The commands of Pulsar's binary protocol, as data.
//!
//! ```text
//!   lookup t ──▶ any broker            owner of t is broker-2
//!   producer ──▶ broker-2              ready, the last sequence was 41
//!   send 42  ──▶                       receipt 42: 7:3
//!   subscribe, flow 1000 ──▶           message 7:3 ...
//!   ack 7:3  ──▶
//! ```
//!
//! Producers and consumers are numbered by their client. Numbers of one client are never used twice.
//!
//! Source: Pulsar `PulsarApi.proto`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::dispatch::{NewConsumer, NotSubscribed, SubscriptionType};
use super::names::TopicName;
use super::position::Position;
use crate::ids::{Name, NodeId};
use crate::record::Batches;

/// Where a new subscription begins.
///
/// ```
/// use mqlab_core::systems::pulsar::InitialPosition;
/// assert_eq!(InitialPosition::default(), InitialPosition::Latest);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InitialPosition {
    /// Behind what is there.
    #[default]
    Latest,
    /// With the oldest that is there.
    Earliest,
}

/// What a client asks of a broker.
///
/// ```
/// use mqlab_core::systems::pulsar::Command;
/// let command = Command::Flow { consumer: 1, permits: 1_000 };
/// assert_eq!(command, command.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Who owns this topic? Somebody will by the time of the answer, if anybody can.
    Lookup {
        /// Which.
        topic: TopicName,
    },
    /// I want to send.
    Producer {
        /// To which topic.
        topic: TopicName,
        /// The client's number for it.
        producer: u64,
        /// Its name: what it sends twice is known by name and sequence.
        name: String,
    },
    /// Store this.
    Send {
        /// From which producer.
        producer: u64,
        /// Greater than that of all it has sent before.
        sequence: u64,
        /// A batch of messages: it becomes an entry.
        payload: Batches,
    },
    /// I want to consume.
    Subscribe {
        /// From which topic.
        topic: TopicName,
        /// Which subscription.
        subscription: Name,
        /// How its messages are shared out.
        kind: SubscriptionType,
        /// The client's number for the consumer.
        consumer: u64,
        /// Its name and priority.
        new: NewConsumer,
        /// Where a subscription begins that is new.
        from: InitialPosition,
        /// How often it has asked for everything again.
        epoch: u64,
        /// Whether it wants of each key the latest alone, as far as the topic is compacted.
        read_compacted: bool,
    },
    /// I can take so many messages more.
    Flow {
        /// Which consumer.
        consumer: u64,
        /// How many.
        permits: u32,
    },
    /// I am done with these entries.
    Ack {
        /// Which consumer.
        consumer: u64,
        /// Which.
        positions: Vec<Position>,
    },
    /// I am done with everything up to this entry.
    AckTo {
        /// Which consumer.
        consumer: u64,
        /// The last.
        position: Position,
    },
    /// Deliver these again, to whom it may concern.
    Redeliver {
        /// Which consumer.
        consumer: u64,
        /// Which; all that it has, if it does not say.
        positions: Option<Vec<Position>>,
        /// How often it has asked for everything again, this time included: what was sent before is of a lower epoch
        /// (PIP-84).
        epoch: u64,
    },
    /// I am done with producing, or consuming; or I know nothing of it: somebody else had my place before.
    Close {
        /// The producer or consumer.
        of: u64,
    },
    /// Is this connection still there? I have heard nothing for long.
    Ping {
        /// The producer or consumer.
        of: u64,
    },
    /// To [`Answer::Ping`]: it is.
    Pong {
        /// The producer or consumer.
        of: u64,
    },
}

impl Command {
    /// The client's number of the producer or consumer that it is about.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Lookup { .. } => None,
            Self::Producer { producer: of, .. }
            | Self::Send { producer: of, .. }
            | Self::Subscribe { consumer: of, .. }
            | Self::Flow { consumer: of, .. }
            | Self::Ack { consumer: of, .. }
            | Self::AckTo { consumer: of, .. }
            | Self::Redeliver { consumer: of, .. }
            | Self::Close { of }
            | Self::Ping { of }
            | Self::Pong { of } => Some(*of),
        }
    }
}

/// Why a message was not stored.
///
/// ```
/// use mqlab_core::systems::pulsar::NotSent;
/// assert_eq!(NotSent::BacklogFull.to_string(), "the topic's backlog is over its quota");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// Some subscription is too far behind (`ProducerBlockedQuotaExceededException`).
    BacklogFull,
    /// It has no message.
    Empty,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BacklogFull => "the topic's backlog is over its quota",
            Self::Empty => "there is no message in it",
        })
    }
}

impl core::error::Error for NotSent {}

/// What a broker says to a client.
///
/// ```
/// use mqlab_core::systems::pulsar::Answer;
/// let answer = Answer::Subscribed { consumer: 1 };
/// assert_eq!(answer, answer.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Command::Lookup`].
    Owner {
        /// Of which topic.
        topic: TopicName,
        /// Who; nobody, if nobody could become it. Ask again later.
        broker: Option<NodeId>,
    },
    /// To [`Command::Producer`].
    ProducerReady {
        /// The client's number for it.
        producer: u64,
        /// The last sequence that is stored from a producer of this name, where brokers recognise what was sent twice.
        last: Option<u64>,
    },
    /// To [`Command::Send`].
    Receipt {
        /// From which producer.
        producer: u64,
        /// Which.
        sequence: u64,
        /// Where it stands; nowhere, if it had been stored before, or is not kept.
        position: Option<Position>,
    },
    /// To [`Command::Send`], too.
    NotSent {
        /// From which producer.
        producer: u64,
        /// Which.
        sequence: u64,
        /// Why.
        why: NotSent,
    },
    /// To [`Command::Subscribe`].
    Subscribed {
        /// The client's number for the consumer.
        consumer: u64,
    },
    /// To [`Command::Subscribe`], too.
    NotSubscribed {
        /// The client's number for the consumer.
        consumer: u64,
        /// Why.
        why: NotSubscribed,
    },
    /// An entry for a consumer.
    Message {
        /// Which consumer.
        consumer: u64,
        /// Where it stands; an entry of a topic that is not kept has a number, too.
        position: Position,
        /// How often it was given back before.
        redeliveries: u32,
        /// The epoch of its consumer when it was sent, where one consumes at a time.
        epoch: Option<u64>,
        /// The messages.
        payload: Batches,
    },
    /// Whether a consumer of a failover subscription is the one that gets messages.
    Active {
        /// Which consumer.
        consumer: u64,
        /// Whether it is.
        active: bool,
    },
    /// This broker does not have the topic, or has it no more: look it up.
    Closed {
        /// The producer or consumer.
        of: u64,
    },
    /// Is this connection still there? I have heard nothing for long.
    Ping {
        /// The producer or consumer.
        of: u64,
    },
    /// To [`Command::Ping`]: it is.
    Pong {
        /// The producer or consumer.
        of: u64,
    },
}

impl Answer {
    /// The client's number of the producer or consumer that it is for.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Owner { .. } => None,
            Self::ProducerReady { producer: of, .. }
            | Self::Receipt { producer: of, .. }
            | Self::NotSent { producer: of, .. }
            | Self::Subscribed { consumer: of }
            | Self::NotSubscribed { consumer: of, .. }
            | Self::Message { consumer: of, .. }
            | Self::Active { consumer: of, .. }
            | Self::Closed { of }
            | Self::Ping { of }
            | Self::Pong { of } => Some(*of),
        }
    }
}
