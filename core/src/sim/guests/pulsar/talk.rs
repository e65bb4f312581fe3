//! What is a packet of Pulsar, for the one who carries and draws it?

use alloc::vec::Vec;

use super::super::Talk;
use crate::ids::{MessageId, NodeId};
use crate::observe::{Parcel, Place, ledger_place};
use crate::record::Batches;
use crate::sim::cost::Weight;
use crate::sim::described::Described;
use crate::sim::picture::PacketKind;
use crate::systems::pulsar::ledger::{BookieReply, BookieRequest, LedgerId};
use crate::systems::pulsar::{Answer, Command, Message, StoreOp, StoreReply};

/// About how many bytes a command has besides its payload.
const COMMAND_BYTES: u64 = 24;

impl Talk for Message {
    fn describe(&self, _to: NodeId) -> Described {
        let plain = |kind| (kind, None, Vec::new(), 0);
        match self {
            Self::ToBookie(request) => of_request(request),
            Self::FromBookie(reply) => of_reply(reply),
            Self::ToStore(request) => match &request.op {
                StoreOp::Put { path, .. } if path.starts_with("cursors/") => plain(PacketKind::Commit),
                _ => plain(PacketKind::Upkeep),
            },
            Self::FromStore(_) => plain(PacketKind::Upkeep),
            Self::ToBroker(command) => match command {
                Command::Send { payload, .. } => (PacketKind::Produce, None, ids(payload), 0),
                Command::Flow { .. } => plain(PacketKind::Fetch),
                Command::Ack { .. } | Command::AckTo { .. } => plain(PacketKind::Done),
                Command::Redeliver { .. } => plain(PacketKind::Refused),
                _ => plain(PacketKind::Upkeep),
            },
            Self::FromBroker(answer) => match answer {
                Answer::Receipt { .. } => plain(PacketKind::Stored),
                Answer::NotSent { .. } | Answer::NotSubscribed { .. } => plain(PacketKind::Refused),
                Answer::Message { payload, redeliveries, .. } => {
                    (PacketKind::Delivery, None, ids(payload), *redeliveries)
                }
                _ => plain(PacketKind::Upkeep),
            },
        }
    }

    fn parcel(&self) -> Parcel {
        match self {
            Self::ToBookie(_) | Self::ToStore(_) => Parcel::Request,
            Self::FromBookie(_) | Self::FromStore(StoreReply::Answer { .. }) => Parcel::Answer,
            Self::FromStore(StoreReply::Changed { .. }) => Parcel::Word,
            Self::ToBroker(command) => match command {
                Command::Lookup { .. }
                | Command::Producer { .. }
                | Command::Send { .. }
                | Command::Subscribe { .. } => Parcel::Request,
                _ => Parcel::Word,
            },
            Self::FromBroker(answer) => match answer {
                Answer::Message { .. } => Parcel::Delivery,
                Answer::Active { .. } | Answer::Closed { .. } | Answer::Ping { .. } | Answer::Pong { .. } => {
                    Parcel::Word
                }
                _ => Parcel::Answer,
            },
        }
    }

    /// What is asked of bookies names ledger and entry: an entry that comes twice is there. The rest belongs to a session.
    fn stands_alone(&self) -> bool {
        matches!(self, Self::ToBookie(_) | Self::FromBookie(_))
    }

    fn weight(&self) -> Weight {
        let light = Weight { bytes: COMMAND_BYTES, ..Weight::default() };
        let of_ledger = |ledger: LedgerId| Some(Place::Partition(ledger_place(ledger.0)));
        match self {
            // A broker looks at entries, and never at what is in a batch.
            Self::ToBroker(Command::Send { payload, .. })
            | Self::FromBroker(Answer::Message { payload, .. }) => {
                Weight { messages: 1, bytes: COMMAND_BYTES + bytes(payload), ..Weight::default() }
            }
            Self::ToBookie(BookieRequest::Add { entry, .. }) => Weight {
                bytes: COMMAND_BYTES + bytes(&entry.payload),
                place: of_ledger(entry.ledger),
                ..Weight::default()
            },
            Self::FromBookie(BookieReply::Found { found: Ok(entry), .. }) => {
                let bytes = COMMAND_BYTES + bytes(&entry.payload);
                Weight { bytes, as_stored: true, place: of_ledger(entry.ledger), ..Weight::default() }
            }
            Self::ToStore(request) => match &request.op {
                StoreOp::Put { path, value, .. } => {
                    Weight { bytes: (path.len() + value.len()) as u64, ..Weight::default() }
                }
                _ => light,
            },
            _ => light,
        }
    }
}

fn bytes(payload: &Batches) -> u64 {
    payload.bytes().len() as u64
}

fn ids(payload: &Batches) -> Vec<MessageId> {
    payload.message_ids().collect()
}

fn of_request(request: &BookieRequest) -> Described {
    let place = Some(Place::Partition(ledger_place(request.ledger().0)));
    match request {
        BookieRequest::Add { entry, .. } => (PacketKind::Copied, place, ids(&entry.payload), 0),
        BookieRequest::Read { .. } => (PacketKind::Copy, place, Vec::new(), 0),
        BookieRequest::Fence { .. } | BookieRequest::Delete { .. } => {
            (PacketKind::Upkeep, place, Vec::new(), 0)
        }
    }
}

fn of_reply(reply: &BookieReply) -> Described {
    let place = Some(Place::Partition(ledger_place(reply.ledger().0)));
    match reply {
        BookieReply::Added { done: Ok(()), .. } => (PacketKind::Stored, place, Vec::new(), 0),
        BookieReply::Found { found: Ok(entry), .. } => (PacketKind::Copied, place, ids(&entry.payload), 0),
        BookieReply::Added { .. } | BookieReply::Found { .. } => (PacketKind::Refused, place, Vec::new(), 0),
        BookieReply::Fenced { .. } | BookieReply::Deleted { .. } => {
            (PacketKind::Upkeep, place, Vec::new(), 0)
        }
    }
}
