//! What travels in a packet? Of which kind it is, what it is about, and which messages it carries.

use alloc::vec::Vec;

use super::draw_share::{describe_share, describe_share_reply};
use super::picture::PacketKind;
use crate::broker::{
    GroupRequest, Message, Reply, Request, Settlement, TransactionState, TransactionStep, TxnRequest,
    is_internal,
};
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::message::Message as Payload;
use crate::observe::Place;
use crate::record::Batches;

/// What a packet is, what it is about, which records of which batches it carries, and how often they came before.
pub(super) type Described = (PacketKind, Option<Place>, Vec<MessageId>, u32);

/// What a packet is, what it is about, and how many records it carries: the same in brief, where nobody wants to know which.
pub(super) fn brief(to: NodeId, message: &Message) -> (PacketKind, Option<Place>, u64) {
    let count = |batches: &Batches| u64::from(batches.count());
    match message {
        Message::Request(_, Request::Send { queue, batches }) => {
            (PacketKind::Produce, Some(Place::Queue(queue.clone())), count(batches))
        }
        Message::Request(_, Request::Produce { partition, batches, .. })
            if !is_internal(&partition.topic) =>
        {
            (PacketKind::Produce, Some(Place::Partition(partition.clone())), count(batches))
        }
        other => {
            let (kind, place, messages, _) = describe(to, other);
            (kind, place, messages.len() as u64)
        }
    }
}

pub(super) fn describe(to: NodeId, message: &Message) -> Described {
    let plain = |kind| (kind, None, Vec::new(), 0);
    match message {
        Message::Request(_, request) => describe_request(request),
        Message::Reply(_, reply) => describe_reply(to, reply),
        Message::Deliver(delivery) => (
            PacketKind::Delivery,
            Some(Place::Queue(delivery.queue.clone())),
            delivery.message.id().into_iter().collect(),
            delivery.delivery.saturating_sub(1),
        ),
        Message::Settle { queue, how: Settlement::Done, .. } => {
            (PacketKind::Done, Some(Place::Queue(queue.clone())), Vec::new(), 0)
        }
        Message::Settle { queue, .. } => {
            (PacketKind::Refused, Some(Place::Queue(queue.clone())), Vec::new(), 0)
        }
        Message::Returned(message) => (PacketKind::Refused, None, message.id().into_iter().collect(), 0),
        Message::Processed { message } => (PacketKind::Done, None, [*message].into(), 0),
        Message::CheckBack { message, .. } => {
            (PacketKind::Fetch, None, message.id().into_iter().collect(), 0)
        }
        Message::Credit { .. }
        | Message::Window { .. }
        | Message::Flow { .. }
        | Message::Cluster(_)
        | Message::Raft(_) => plain(PacketKind::Upkeep),
        Message::Notice { done: true, .. } => plain(PacketKind::Answer),
        Message::Notice { done: false, .. } => plain(PacketKind::Refused),
    }
}

fn describe_request(request: &Request) -> Described {
    let partition = |partition: &PartitionId| {
        (!is_internal(&partition.topic)).then(|| Place::Partition(partition.clone()))
    };
    let plain = |kind| (kind, None, Vec::new(), 0);
    match request {
        Request::Send { queue, batches } => {
            (PacketKind::Produce, Some(Place::Queue(queue.clone())), ids(batches), 0)
        }
        Request::Publish { exchange, batches, .. } | Request::BeginHalf { exchange, batches } => {
            (PacketKind::Produce, Some(Place::Exchange(exchange.clone())), ids(batches), 0)
        }
        Request::Decide { .. } => plain(PacketKind::Done),
        Request::Transaction { step, .. } => step_of_transaction(step),
        Request::Produce { partition: at, batches, .. } => {
            (PacketKind::Produce, partition(at), ids(batches), 0)
        }
        Request::Fetch(fetch) => match (&fetch.replica, partition(&fetch.partition)) {
            (_, None) => plain(PacketKind::Upkeep),
            (Some(_), place) => (PacketKind::Copy, place, Vec::new(), 0),
            (None, place) => (PacketKind::Fetch, place, Vec::new(), 0),
        },
        Request::OffsetForTime { partition: at, .. } => (PacketKind::Commit, partition(at), Vec::new(), 0),
        Request::Commit { .. }
        | Request::OffsetOf { .. }
        | Request::Group { request: GroupRequest::Commit { .. }, .. } => plain(PacketKind::Commit),
        Request::Share { request, .. } => describe_share(request),
        Request::Txn(TxnRequest::Mark { partition: at, .. }) => {
            (PacketKind::Done, partition(at), Vec::new(), 0)
        }
        Request::Txn(_) => plain(PacketKind::Commit),
        Request::Call(_) => plain(PacketKind::Call),
        _ => plain(PacketKind::Upkeep),
    }
}

fn describe_reply(to: NodeId, reply: &Reply) -> Described {
    let is_broker = |node| matches!(node, NodeId::Broker(_));
    let plain = |kind| (kind, None, Vec::new(), 0);
    match reply {
        Reply::Stored { .. } | Reply::HalfStored(_) => plain(PacketKind::Stored),
        Reply::Published { refused } if refused.is_empty() => plain(PacketKind::Stored),
        Reply::Published { .. } => plain(PacketKind::Refused),
        Reply::Transaction(TransactionState::Committed { .. }) => plain(PacketKind::Stored),
        Reply::Fetched { batches, .. } if is_broker(to) => {
            let carries_messages = batches.records().any(|record| record.message_id().is_some());
            let kind =
                if carries_messages || batches.is_empty() { PacketKind::Copied } else { PacketKind::Upkeep };
            (kind, None, ids(batches), 0)
        }
        Reply::Fetched { batches, .. } | Reply::Stable { batches, .. } => {
            (PacketKind::Fetched, None, ids(batches), 0)
        }
        Reply::Selected { batches, .. } => (PacketKind::Fetched, None, ids(batches), 0),
        Reply::Diverged { .. } => plain(PacketKind::Copied),
        Reply::Share(reply) => describe_share_reply(reply),
        Reply::OffsetsStored | Reply::OffsetIs(_) | Reply::OffsetForTime { .. } => plain(PacketKind::Commit),
        Reply::Called { answer, .. } if answer.is_success() => plain(PacketKind::Answer),
        Reply::Called { .. } | Reply::Refused(_) => plain(PacketKind::Refused),
        Reply::Subscribed { .. }
        | Reply::Pong
        | Reply::ReadFrom { .. }
        | Reply::Producer { .. }
        | Reply::ProducerIds { .. }
        | Reply::Decided
        | Reply::Transaction(_)
        | Reply::Cluster(_)
        | Reply::Membership { .. }
        | Reply::Txn(_)
        | Reply::Group(_) => plain(PacketKind::Upkeep),
    }
}

/// What waits for the commit looks like what does not: the packet that makes the difference is the commit.
fn step_of_transaction(step: &TransactionStep) -> Described {
    let at = |queue: &Name| Some(Place::Queue(queue.clone()));
    match step {
        TransactionStep::Publish { exchange, batches } => {
            let key = batches.records().next().map(|record| Payload::from_record(&record));
            let queue = key.and_then(|message| Name::new(message.routing_key()?).ok());
            let place = match queue {
                Some(queue) if exchange.is_default() => Place::Queue(queue),
                _ => Place::Exchange(exchange.clone()),
            };
            (PacketKind::Produce, Some(place), ids(batches), 0)
        }
        TransactionStep::Settle { queue, how: Settlement::Done, .. } => {
            (PacketKind::Done, at(queue), Vec::new(), 0)
        }
        TransactionStep::Settle { queue, .. } => (PacketKind::Refused, at(queue), Vec::new(), 0),
        TransactionStep::Commit { .. } => (PacketKind::Done, None, Vec::new(), 0),
        TransactionStep::Rollback => (PacketKind::Refused, None, Vec::new(), 0),
        TransactionStep::Begin => (PacketKind::Upkeep, None, Vec::new(), 0),
    }
}

pub(super) fn ids(batches: &Batches) -> Vec<MessageId> {
    batches.records().filter_map(|record| record.message_id()).collect()
}
