//! What do nodes say to each other? Words of the engine's own protocol, or of a system that has one of its own.
//!
//! The world carries both alike: it asks of a packet what it is, which messages it carries and how heavy it is, and leaves
//! it to whoever gets it what it means.

use alloc::vec::Vec;

use super::described::{self, Described};
use super::guests::GuestMessage;
use super::links;
use super::lives;
use super::picture::PacketKind;
use crate::broker::{Envelope, Input as Own, Message, Reply, Request};
use crate::ids::{MessageId, NodeId, OrderId};
use crate::observe::{Parcel, Place};
use crate::systems;

/// What travels in a packet.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// The engine's own protocol.
    Own(Message),
    /// A system's.
    Guest(GuestMessage),
}

/// What reaches a node.
pub(super) type Incoming = systems::Input<Words>;

impl Words {
    /// What it is, what it is about, which messages it carries, and how often they came before.
    pub(super) fn describe(&self, to: NodeId) -> Described {
        match self {
            Self::Own(message) => described::describe(to, message),
            Self::Guest(message) => message.talk().describe(to),
        }
    }

    /// The same in brief: how many messages, where nobody wants to know which.
    pub(super) fn brief(&self, to: NodeId) -> (PacketKind, Option<Place>, u64) {
        match self {
            Self::Own(message) => described::brief(to, message),
            Self::Guest(message) => {
                let (kind, place, messages, _) = message.talk().describe(to);
                (kind, place, messages.len() as u64)
            }
        }
    }

    /// The messages that travel in it.
    pub(super) fn carried(&self, to: NodeId) -> Vec<MessageId> {
        self.describe(to).2
    }

    /// What kind of thing it is.
    pub(super) fn parcel(&self) -> Parcel {
        match self {
            Self::Own(message) => links::parcel(message),
            Self::Guest(message) => message.talk().parcel(),
        }
    }

    /// Whether it means the same whenever and however often it comes.
    pub(super) fn stands_alone(&self) -> bool {
        match self {
            Self::Own(message) => links::stands_alone(message),
            Self::Guest(message) => message.talk().stands_alone(),
        }
    }

    /// Whether it says "stored", which of queues is said in a session.
    pub(super) fn says_stored(&self) -> bool {
        matches!(self, Self::Own(Message::Reply(_, Reply::Stored { .. })))
    }

    /// The order that it is about, if it is a call.
    pub(super) fn order(&self) -> Option<OrderId> {
        match self {
            Self::Own(Message::Request(_, Request::Call(order))) => Some(order.id),
            Self::Own(Message::Notice { order, .. } | Message::Reply(_, Reply::Called { order, .. })) => {
                Some(*order)
            }
            _ => None,
        }
    }

    /// Marks it with the life of its sender.
    pub(super) fn mark(&mut self, incarnation: u64) {
        if let Self::Own(message) = self {
            lives::mark(incarnation, message);
        }
    }

    /// Whether it is for this life of its receiver; then the mark is off.
    pub(super) fn is_for(&mut self, incarnation: u64) -> bool {
        match self {
            Self::Own(message) => lives::is_for(incarnation, message),
            Self::Guest(_) => true, // each system has its own way to tell lives apart
        }
    }
}

/// What an envelope holds, and for whom.
pub(super) fn opened(envelope: Envelope) -> (NodeId, Words) {
    (envelope.to, Words::Own(envelope.message))
}

/// The same for a node that speaks the engine's own protocol; nothing where somebody speaks another to it.
pub(super) fn own(input: Incoming) -> Option<Own> {
    Some(match input {
        Incoming::Wake => Own::Wake,
        Incoming::HangUp { peer } => Own::HangUp { peer },
        Incoming::Message { from, message: Words::Own(message) } => Own::Message { from, message },
        Incoming::Message { message: Words::Guest(_), .. } => return None,
    })
}

/// The same for a node of a system.
pub(super) fn guest(input: Incoming) -> Option<systems::Input<GuestMessage>> {
    Some(match input {
        Incoming::Wake => systems::Input::Wake,
        Incoming::HangUp { peer } => systems::Input::HangUp { peer },
        Incoming::Message { from, message: Words::Guest(message) } => {
            systems::Input::Message { from, message }
        }
        Incoming::Message { message: Words::Own(_), .. } => return None,
    })
}
