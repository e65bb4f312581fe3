//! What is a packet of ActiveMQ, for the one who carries and draws it?

use alloc::vec::Vec;

use super::super::Talk;
use crate::ids::{MessageId, NodeId};
use crate::observe::{Event, Parcel, Place};
use crate::sim::cost::Weight;
use crate::sim::described::Described;
use crate::sim::picture::PacketKind;
use crate::systems::activemq::DestinationName;
use crate::systems::activemq::protocol::{
    AckType, BrokerCommand, ClientCommand, Message, StoreReply, StoreRequest,
};

/// The place that a destination is.
pub(super) fn place_of(to: &DestinationName) -> Place {
    match to {
        DestinationName::Queue(name) => Place::Queue(name.clone()),
        DestinationName::Topic(name) => Place::Topic(name.clone()),
    }
}

fn of_client(command: &ClientCommand) -> Described {
    let plain = |kind| (kind, None, Vec::new(), 0);
    match command {
        ClientCommand::Send { to, message, .. } => {
            (PacketKind::Produce, Some(place_of(to)), message.id().into_iter().collect(), 0)
        }
        ClientCommand::Ack { kind: AckType::Standard | AckType::Individual, .. } => plain(PacketKind::Done),
        ClientCommand::Ack { kind: AckType::Poison, .. } => plain(PacketKind::Refused),
        ClientCommand::Pull { .. } => plain(PacketKind::Fetch),
        ClientCommand::Ack { .. }
        | ClientCommand::Connect { .. }
        | ClientCommand::Consume { .. }
        | ClientCommand::Remove { .. }
        | ClientCommand::KeepAlive => plain(PacketKind::Upkeep),
    }
}

fn of_broker(command: &BrokerCommand) -> Described {
    let plain = |kind| (kind, None, Vec::new(), 0);
    match command {
        BrokerCommand::Dispatch(dispatch) => (
            PacketKind::Delivery,
            Some(Place::Queue(dispatch.queue.clone())),
            dispatch.message.id().into_iter().collect(),
            dispatch.count.saturating_sub(1),
        ),
        BrokerCommand::Response { .. } => plain(PacketKind::Stored),
        BrokerCommand::Exception { .. } | BrokerCommand::Shutdown => plain(PacketKind::Refused),
        BrokerCommand::Nothing { .. } => plain(PacketKind::Fetched),
        BrokerCommand::Connected | BrokerCommand::KeepAlive => plain(PacketKind::Upkeep),
    }
}

/// The messages that a write brings.
fn written(facts: &[Event]) -> Vec<MessageId> {
    let appended = facts.iter().filter(|fact| matches!(fact, Event::Appended { .. }));
    appended.flat_map(|fact| fact.messages().iter().copied()).collect()
}

impl Talk for Message {
    fn describe(&self, _to: NodeId) -> Described {
        let plain = |kind| (kind, None, Vec::new(), 0);
        match self {
            Self::Client { command, .. } => of_client(command),
            Self::Broker { command, .. } => of_broker(command),
            Self::Store(StoreRequest::Write { facts, .. }) => (PacketKind::Copied, None, written(facts), 0),
            Self::Store(_) => plain(PacketKind::Upkeep),
            Self::Stored(StoreReply::Written { .. }) => plain(PacketKind::Stored),
            Self::Stored(StoreReply::Locked { .. }) => plain(PacketKind::Fetched),
            Self::Stored(StoreReply::LockLost { .. } | StoreReply::NoSpace { .. }) => {
                plain(PacketKind::Refused)
            }
            Self::Stored(StoreReply::Held | StoreReply::Kept { .. }) => plain(PacketKind::Upkeep),
        }
    }

    fn parcel(&self) -> Parcel {
        match self {
            Self::Client {
                command:
                    ClientCommand::Connect { .. } | ClientCommand::Consume { .. } | ClientCommand::Send { .. },
                ..
            }
            | Self::Store(_) => Parcel::Request,
            Self::Broker { command: BrokerCommand::Dispatch(_), .. } => Parcel::Delivery,
            Self::Broker {
                command:
                    BrokerCommand::Connected | BrokerCommand::Response { .. } | BrokerCommand::Exception { .. },
                ..
            }
            | Self::Stored(_) => Parcel::Answer,
            Self::Client { .. } | Self::Broker { .. } => Parcel::Word,
        }
    }

    /// All of it belongs to a connection.
    fn stands_alone(&self) -> bool {
        false
    }

    fn weight(&self) -> Weight {
        match self {
            Self::Client { command: ClientCommand::Send { to, message, .. }, .. } => Weight {
                messages: 1,
                bytes: message.size() as u64,
                as_stored: false,
                place: Some(place_of(to)),
            },
            Self::Broker { command: BrokerCommand::Dispatch(dispatch), .. } => Weight {
                messages: 1,
                bytes: dispatch.message.size() as u64,
                as_stored: false,
                place: Some(Place::Queue(dispatch.queue.clone())),
            },
            Self::Store(StoreRequest::Write { ops, .. }) => {
                let bytes = ops.iter().map(|op| op.bytes()).sum();
                Weight { bytes, as_stored: true, ..Weight::default() }
            }
            Self::Stored(StoreReply::Locked { bytes, .. }) => {
                Weight { bytes: *bytes, as_stored: true, ..Weight::default() }
            }
            _ => Weight::default(),
        }
    }
}
