//! How heavy is a packet? Bytes on the wire, messages in it, and whether it leaves as it is stored.

use super::super::words::Words;
use super::bill::Work;
use crate::broker::{Message, Reply, Request, ShareReply, TransactionStep};
use crate::ids::{Name, PartitionId};
use crate::log::Slice;
use crate::observe::Place;
use crate::record::Batches;

/// What a packet takes beside what it carries: the headers of Ethernet, IP and TCP, and of a protocol upon them.
const PACKET_BYTES: u64 = 100;

/// Where something is done: one thread does all that is done there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Named(Name),
    Partition(PartitionId),
}

/// How heavy a system's message is.
///
/// ```text
///   comes     bytes are read, messages looked at one by one unless they are stored as they come
///   leaves    bytes are packed, message by message, unless they leave as they are stored
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Weight {
    /// Messages in it that somebody looks at one by one: none where they go as they are stored.
    pub(in super::super) messages: u64,
    /// Bytes, without what every packet has.
    pub(in super::super) bytes: u64,
    /// Whether a broker sends its messages as they are stored, and receives them so.
    pub(in super::super) as_stored: bool,
    /// The queue or partition where it is worked on; nothing for what any thread may do.
    pub(in super::super) place: Option<Place>,
}

impl Weight {
    fn lane(self) -> Option<Lane> {
        Some(match self.place? {
            Place::Partition(partition) => Lane::Partition(partition),
            Place::Queue(name) => Lane::Named(name),
            Place::Exchange(_) | Place::Topic(_) => return None,
        })
    }

    fn comes(self) -> (Option<Lane>, Work) {
        let (bytes_in, messages_in) = (self.bytes + PACKET_BYTES, self.messages);
        let work = Work { packets_in: 1, bytes_in, messages_in, ..Work::default() };
        (self.lane(), work)
    }

    /// What it takes when it leaves.
    pub(super) fn leaves(self) -> (Option<Lane>, Work) {
        let sends = Work { packets_out: 1, bytes_packed: PACKET_BYTES, ..Work::default() };
        let work = if self.as_stored && self.bytes > 0 {
            Work { stored: (1, self.bytes), ..sends }
        } else {
            Work { bytes_packed: self.bytes + PACKET_BYTES, messages_out: self.messages, ..sends }
        };
        (self.lane(), work)
    }
}

impl Words {
    /// Where it belongs when it comes to a node, and what it makes it do.
    pub(super) fn comes(&self) -> (Option<Lane>, Work) {
        match self {
            Self::Own(message) => comes(message),
            Self::Guest(message) => message.talk().weight().comes(),
        }
    }

    /// How many bytes it has on the wire.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Own(message) => bytes(message),
            Self::Guest(message) => message.talk().weight().bytes + PACKET_BYTES,
        }
    }
}

/// What a packet carries.
struct Load<'a> {
    lane: Option<Lane>,
    batches: Option<&'a Batches>,
    bytes: u64,
}

impl<'a> Load<'a> {
    fn of(batches: &'a Batches, lane: Option<Lane>) -> Self {
        Self { lane, batches: Some(batches), bytes: batches.bytes().len() as u64 }
    }

    fn none(lane: Option<Lane>) -> Self {
        Self { lane, batches: None, bytes: 0 }
    }
}

fn records(batches: &Batches) -> u64 {
    batches.iter().map(|batch| u64::from(batch.count())).sum()
}

fn asked(request: &Request) -> Load<'_> {
    let named = |name: &Name| Some(Lane::Named(name.clone()));
    match request {
        Request::Send { queue, batches } => Load::of(batches, named(queue)),
        Request::Publish { batches, .. }
        | Request::BeginHalf { batches, .. }
        | Request::Transaction { step: TransactionStep::Publish { batches, .. }, .. } => {
            Load::of(batches, None)
        }
        Request::Produce { partition, batches, .. } => {
            Load::of(batches, Some(Lane::Partition(partition.clone())))
        }
        Request::Fetch(fetch) => Load::none(Some(Lane::Partition(fetch.partition.clone()))),
        _ => Load::none(None),
    }
}

/// A packet that comes to a broker: where it belongs, and what it makes it do.
pub(super) fn comes(message: &Message) -> (Option<Lane>, Work) {
    let load = match message {
        Message::Request(_, request) => asked(request),
        // What a follower copies is written as it comes: nobody looks at each message.
        Message::Reply(_, Reply::Fetched { batches, .. }) => {
            Load { lane: None, batches: None, bytes: batches.bytes().len() as u64 }
        }
        Message::Settle { queue, .. } => Load::none(Some(Lane::Named(queue.clone()))),
        _ => Load::none(None),
    };
    let messages_in = load.batches.map_or(0, records);
    (load.lane, Work { packets_in: 1, bytes_in: load.bytes + PACKET_BYTES, messages_in, ..Work::default() })
}

/// What leaves in a packet: bytes that the broker packed, bytes as they are stored, and messages that it packed.
fn leaving<D>(message: &Message<D>, stored: impl Fn(&D) -> u64) -> (u64, u64, u64) {
    match message {
        Message::Deliver(delivery) => (delivery.message.size() as u64, 0, 1),
        Message::Returned(message) | Message::CheckBack { message, .. } => (message.size() as u64, 0, 1),
        Message::Reply(_, Reply::Fetched { batches, .. } | Reply::Stable { batches, .. }) => {
            (0, stored(batches), 0)
        }
        Message::Reply(_, Reply::Selected { batches, .. })
        | Message::Reply(_, Reply::Share(ShareReply::Acquired { batches, .. })) => {
            (batches.bytes().len() as u64, 0, records(batches))
        }
        Message::Request(_, request) => (asked(request).bytes, 0, 0),
        _ => (0, 0, 0),
    }
}

/// A packet that leaves a broker, whose stored records are slices still: where it belongs, and what it takes.
pub(super) fn leaves<D: Slice>(message: &Message<D>) -> (Option<Lane>, Work) {
    let (packed, stored, messages_out) = leaving(message, D::bytes);
    let lane = match message {
        Message::Deliver(delivery) => Some(Lane::Named(delivery.queue.clone())),
        _ => None,
    };
    let stored = if stored > 0 { (1, stored) } else { (0, 0) };
    let work =
        Work { packets_out: 1, bytes_packed: packed + PACKET_BYTES, stored, messages_out, ..Work::default() };
    (lane, work)
}

/// How many bytes a packet has on the wire.
pub(super) fn bytes(message: &Message) -> u64 {
    let (packed, stored, _) = leaving(message, |batches| batches.bytes().len() as u64);
    packed + stored + PACKET_BYTES
}
