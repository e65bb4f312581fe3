//! What is a packet of RabbitMQ, for the one who carries and draws it?

use alloc::vec::Vec;

use super::super::{GuestMessage, Speaks, Talk};
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::message::Message;
use crate::observe::{Parcel, Place};
use crate::raft::RaftMessage;
use crate::record::Batches;
use crate::sim::cost::Weight;
use crate::sim::described::Described;
use crate::sim::picture::PacketKind;
use crate::systems::rabbitmq::cluster::{ClusterMessage, ToClient, ToNode, Word};
use crate::systems::rabbitmq::{QuorumMessage, StreamMessage};

impl Speaks for ClusterMessage {
    fn wrap(self) -> GuestMessage {
        GuestMessage::RabbitMq(alloc::boxed::Box::new(self))
    }

    fn unwrap(message: GuestMessage) -> Option<Self> {
        match message {
            GuestMessage::RabbitMq(message) => Some(*message),
            _ => None,
        }
    }
}

fn queue(name: &Name) -> Option<Place> {
    Some(Place::Queue(name.clone()))
}

fn stream(name: &Name) -> Option<Place> {
    Some(Place::Partition(PartitionId { topic: name.clone(), index: 0 }))
}

fn ids(batches: &Batches) -> Vec<MessageId> {
    batches.records().filter_map(|record| record.message_id()).collect()
}

fn id(message: &Message) -> Vec<MessageId> {
    message.id().into_iter().collect()
}

/// What is copied: something to look at only where messages are in it.
fn copied(messages: Vec<MessageId>, place: Option<Place>) -> Described {
    let kind = if messages.is_empty() { PacketKind::Upkeep } else { PacketKind::Copied };
    (kind, place, messages, 0)
}

fn client_says(word: &ToNode) -> Described {
    let plain = |kind| (kind, None, Vec::new(), 0);
    match word {
        ToNode::Publish { exchange, message, .. } => {
            let key = message.routing_key().and_then(|key| Name::new(key).ok());
            let place = match key {
                Some(name) if exchange.is_default() => Place::Queue(name),
                _ => Place::Exchange(exchange.clone()),
            };
            (PacketKind::Produce, Some(place), id(message), 0)
        }
        ToNode::Ack { .. } => plain(PacketKind::Done),
        ToNode::Return { .. } | ToNode::Discard { .. } => plain(PacketKind::Refused),
        ToNode::Credit => plain(PacketKind::Fetch),
        ToNode::StoreOffset { .. } => plain(PacketKind::Commit),
        ToNode::Open | ToNode::Consume { .. } | ToNode::Read { .. } | ToNode::Beat => {
            plain(PacketKind::Upkeep)
        }
    }
}

fn client_hears(word: &ToClient) -> Described {
    let plain = |kind| (kind, None, Vec::new(), 0);
    match word {
        ToClient::Confirmed { .. } => plain(PacketKind::Stored),
        ToClient::Refused { .. } | ToClient::Returned { .. } => plain(PacketKind::Refused),
        ToClient::Deliver { acquired, message, .. } => (PacketKind::Delivery, None, id(message), *acquired),
        ToClient::Chunk { chunk, .. } => (PacketKind::Fetched, None, ids(chunk), 0),
        ToClient::Opened | ToClient::Consuming | ToClient::Beat => plain(PacketKind::Upkeep),
        ToClient::Blocked | ToClient::Unblocked | ToClient::Window { .. } => plain(PacketKind::Upkeep),
    }
}

fn of_queue(name: &Name, word: &QuorumMessage) -> Described {
    let plain = |kind| (kind, queue(name), Vec::new(), 0);
    match word {
        QuorumMessage::Raft(RaftMessage::Append { batches, .. }) => copied(ids(batches), queue(name)),
        QuorumMessage::Publish { message, .. } => (PacketKind::Produce, queue(name), id(message), 0),
        QuorumMessage::Settle { .. } => plain(PacketKind::Done),
        QuorumMessage::Return { .. } | QuorumMessage::Discard { .. } | QuorumMessage::Refused { .. } => {
            plain(PacketKind::Refused)
        }
        QuorumMessage::Confirmed { .. } => plain(PacketKind::Stored),
        QuorumMessage::Delivery { acquired, message, .. } => {
            (PacketKind::Delivery, queue(name), id(message), *acquired)
        }
        _ => plain(PacketKind::Upkeep),
    }
}

fn of_stream(name: &Name, word: &StreamMessage) -> Described {
    let plain = |kind| (kind, stream(name), Vec::new(), 0);
    match word {
        StreamMessage::Publish { messages, .. } => {
            let messages = messages.iter().filter_map(|(_, message)| message.id()).collect();
            (PacketKind::Produce, stream(name), messages, 0)
        }
        StreamMessage::Fetch { .. } => plain(PacketKind::Upkeep),
        StreamMessage::Chunks { chunks, .. } => copied(ids(chunks), stream(name)),
        StreamMessage::Confirmed { .. } => plain(PacketKind::Stored),
        StreamMessage::Refused { .. } => plain(PacketKind::Refused),
        StreamMessage::StoreOffset { .. } | StreamMessage::StoredOffset { .. } => plain(PacketKind::Commit),
        _ => plain(PacketKind::Upkeep),
    }
}

/// The messages that somebody looks at one by one, their bytes, and whether they go as they are stored.
fn load(message: &ClusterMessage) -> (u64, u64, bool) {
    let one = |message: &Message| (1, message.size() as u64, false);
    let stored = |batches: &Batches| (0, batches.bytes().len() as u64, true);
    match message {
        ClusterMessage::Says(_, ToNode::Publish { message, .. })
        | ClusterMessage::Hears(_, ToClient::Deliver { message, .. }) => one(message),
        ClusterMessage::Hears(_, ToClient::Chunk { chunk, .. }) => stored(chunk),
        ClusterMessage::Ask { word, .. }
        | ClusterMessage::Tell { word, .. }
        | ClusterMessage::Member { word, .. } => match word {
            Word::Queue(QuorumMessage::Publish { message, .. } | QuorumMessage::Delivery { message, .. }) => {
                one(message)
            }
            Word::Queue(QuorumMessage::Raft(RaftMessage::Append { batches, .. })) => stored(batches),
            Word::Stream(StreamMessage::Chunks { chunks, .. }) => stored(chunks),
            Word::Stream(StreamMessage::Publish { messages, .. }) => {
                let bytes = messages.iter().map(|(_, message)| message.size() as u64).sum();
                (messages.len() as u64, bytes, false)
            }
            _ => (0, 0, false),
        },
        _ => (0, 0, false),
    }
}

impl Talk for ClusterMessage {
    fn describe(&self, _to: NodeId) -> Described {
        match self {
            Self::Says(_, word) => client_says(word),
            Self::Hears(_, word) => client_hears(word),
            Self::Ask { queue: name, word, .. }
            | Self::Tell { queue: name, word, .. }
            | Self::Member { queue: name, word } => match word {
                Word::Queue(word) => of_queue(name, word),
                Word::Stream(word) => of_stream(name, word),
            },
            Self::Council(_) | Self::Tick { .. } | Self::Alarms { .. } => {
                (PacketKind::Upkeep, None, Vec::new(), 0)
            }
        }
    }

    fn parcel(&self) -> Parcel {
        match self {
            Self::Says(_, ToNode::Publish { .. }) | Self::Ask { .. } => Parcel::Request,
            Self::Hears(_, ToClient::Deliver { .. } | ToClient::Chunk { .. })
            | Self::Tell { word: Word::Queue(QuorumMessage::Delivery { .. }), .. } => Parcel::Delivery,
            Self::Hears(_, ToClient::Confirmed { .. } | ToClient::Refused { .. }) | Self::Tell { .. } => {
                Parcel::Answer
            }
            _ => Parcel::Word,
        }
    }

    /// AMQP and Erlang's distribution speak over TCP, and in sessions: nothing comes twice, or late.
    fn stands_alone(&self) -> bool {
        false
    }

    fn weight(&self) -> Weight {
        let (messages, bytes, as_stored) = load(self);
        let place = match self {
            Self::Ask { queue: name, word, .. }
            | Self::Tell { queue: name, word, .. }
            | Self::Member { queue: name, word } => match word {
                Word::Queue(_) => queue(name),
                Word::Stream(_) => stream(name),
            },
            _ => None,
        };
        Weight { messages, bytes, as_stored, place }
    }
}
