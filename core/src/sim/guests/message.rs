//! What must the world know of a system's message to carry it? What it is, how heavy it is, and what may befall it.

use alloc::boxed::Box;

use super::super::cost::Weight;
use super::super::described::Described;
use super::rocketmq::Carried;
use crate::ids::NodeId;
use crate::observe::Parcel;
use crate::systems::{Input, activemq, pulsar, rabbitmq};

/// What a message says of itself.
pub(in super::super) trait Talk {
    /// What it is, what it is about, which messages it carries, and how often they came before.
    fn describe(&self, to: NodeId) -> Described;
    /// What kind of thing it is.
    fn parcel(&self) -> Parcel;
    /// Whether it means the same whenever and however often it comes: only such a message is doubled or held up.
    fn stands_alone(&self) -> bool;
    /// How heavy it is, and where it is worked on.
    fn weight(&self) -> Weight;
}

/// A message of one of the systems.
#[derive(Clone, Debug)]
pub(crate) enum GuestMessage {
    RocketMq(Box<Carried>),
    Pulsar(Box<pulsar::Message>),
    ActiveMq(Box<activemq::protocol::Message>),
    RabbitMq(Box<rabbitmq::cluster::ClusterMessage>),
}

impl GuestMessage {
    /// What it says of itself.
    pub(in super::super) fn talk(&self) -> &dyn Talk {
        match self {
            Self::RocketMq(message) => &**message,
            Self::Pulsar(message) => &**message,
            Self::ActiveMq(message) => &**message,
            Self::RabbitMq(message) => &**message,
        }
    }
}

/// What a system's nodes say to each other.
pub(in super::super) trait Speaks: Talk + Sized {
    /// As the world carries it.
    fn wrap(self) -> GuestMessage;
    /// As a node of the system takes it; nothing for another system's.
    fn unwrap(message: GuestMessage) -> Option<Self>;

    /// What reaches a node of the system.
    fn input(input: Input<GuestMessage>) -> Option<Input<Self>> {
        Some(match input {
            Input::Wake => Input::Wake,
            Input::HangUp { peer } => Input::HangUp { peer },
            Input::Message { from, message } => Input::Message { from, message: Self::unwrap(message)? },
        })
    }
}

impl Speaks for pulsar::Message {
    fn wrap(self) -> GuestMessage {
        GuestMessage::Pulsar(Box::new(self))
    }

    fn unwrap(message: GuestMessage) -> Option<Self> {
        if let GuestMessage::Pulsar(message) = message { Some(*message) } else { None }
    }
}

impl Speaks for activemq::protocol::Message {
    fn wrap(self) -> GuestMessage {
        GuestMessage::ActiveMq(Box::new(self))
    }

    fn unwrap(message: GuestMessage) -> Option<Self> {
        if let GuestMessage::ActiveMq(message) = message { Some(*message) } else { None }
    }
}
