//! What is a packet of RocketMQ, for the one who carries and draws it?

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::super::{GuestMessage, GuestOut, Speaks, Talk};
use super::chart::Chart;
use crate::ids::{MessageId, NodeId};
use crate::observe::{Parcel, Place};
use crate::record::Batches;
use crate::sim::cost::Weight;
use crate::sim::described::Described;
use crate::sim::picture::PacketKind;
use crate::systems::rocketmq::Topic;
use crate::systems::rocketmq::layout::{Entry, FIXED_BYTES, StoredMessage};
use crate::systems::rocketmq::protocol::{Message, Notice, Reply, Request, TransactionState};
use crate::systems::{Input, Out};

/// A message on its way, and the queue that it is about, as facts number it: brokers and clients count each broker's for itself.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    message: Message,
    place: Option<Place>,
}

/// What reaches a node.
pub(super) fn heard(input: Input<GuestMessage>) -> Option<Input<Message>> {
    Some(match Carried::input(input)? {
        Input::Wake => Input::Wake,
        Input::HangUp { peer } => Input::HangUp { peer },
        Input::Message { from, message } => Input::Message { from, message: message.message },
    })
}

/// What a node wants done, as the world carries it.
pub(super) fn say(chart: &Chart, node: NodeId, mut own: Out<Message>, out: &mut GuestOut) {
    out.events.append(&mut own.events);
    for (to, message) in own.sends {
        let broker = chart.name(node).or_else(|| chart.name(to));
        let place = broker.zip(about(&message));
        let place = place.map(|(broker, (topic, queue))| chart.numbering.place(broker, topic, queue));
        out.sends.push((to, Carried { message, place }.wrap()));
    }
}

/// The queue that a message is about.
fn about(message: &Message) -> Option<(&Topic, u32)> {
    match message {
        Message::Request(_, request) => match request {
            Request::Send(message) => Some((&message.topic, message.queue)),
            Request::Pull(pull) => Some((&pull.topic, pull.queue)),
            Request::Pop(pop) => Some((&pop.topic, pop.queue)),
            Request::Offset { topic, queue, .. } | Request::Bounds { topic, queue } => Some((topic, *queue)),
            Request::SendBack { .. } | Request::Lock { .. } | Request::Members(_) | Request::Route(_) => None,
        },
        Message::Reply(_, Reply::Pulled(pulled)) => {
            pulled.messages.first().map(|message| (&message.topic, message.queue))
        }
        Message::Reply(_, Reply::Popped(popped)) => {
            popped.first().map(|popped| (&popped.message.topic, popped.message.queue))
        }
        Message::Notice(Notice::Commit { topic, queue, .. }) => Some((topic, *queue)),
        Message::Reply(..) | Message::Notice(_) => None,
    }
}

fn id(message: &StoredMessage) -> Option<MessageId> {
    message.properties.message_id()
}

/// The messages of stored batches.
fn ids_of(batches: &Batches) -> Vec<MessageId> {
    let messages = batches.records().filter_map(|record| record.value);
    let of = |value| match Entry::decode(&value) {
        Ok(Entry::Message(message)) => id(&message),
        _ => None,
    };
    messages.filter_map(of).collect()
}

/// What a message is, which messages it carries, and how often they came before.
fn described(message: &Message) -> (PacketKind, Vec<MessageId>, u32) {
    let plain = |kind| (kind, Vec::new(), 0);
    let many = |kind, messages: &mut dyn Iterator<Item = &StoredMessage>| {
        let (mut ids, mut times) = (Vec::new(), 0);
        for message in messages {
            ids.extend(id(message));
            times = times.max(message.reconsumed);
        }
        (kind, ids, times)
    };
    match message {
        Message::Request(_, request) => match request {
            Request::Send(message) => (PacketKind::Produce, id(message).into_iter().collect(), 0),
            Request::Pull(_) | Request::Pop(_) => plain(PacketKind::Fetch),
            Request::Offset { .. } => plain(PacketKind::Commit),
            Request::SendBack { .. } => plain(PacketKind::Refused),
            Request::Bounds { .. } | Request::Lock { .. } | Request::Members(_) | Request::Route(_) => {
                plain(PacketKind::Upkeep)
            }
        },
        Message::Reply(_, reply) => match reply {
            Reply::Sent { .. } => plain(PacketKind::Stored),
            Reply::Pulled(pulled) => many(PacketKind::Fetched, &mut pulled.messages.iter()),
            Reply::Popped(popped) => {
                many(PacketKind::Fetched, &mut popped.iter().map(|popped| &popped.message))
            }
            Reply::Offset(_) => plain(PacketKind::Commit),
            Reply::Refused(_) => plain(PacketKind::Refused),
            Reply::Bounds { .. }
            | Reply::SentBack
            | Reply::Locked(_)
            | Reply::Members(_)
            | Reply::Route(_) => plain(PacketKind::Upkeep),
        },
        Message::Notice(notice) => match notice {
            Notice::Commit { .. } => plain(PacketKind::Commit),
            Notice::Ack(_) | Notice::EndTransaction { state: TransactionState::Commit, .. } => {
                plain(PacketKind::Done)
            }
            Notice::EndTransaction { state: TransactionState::Rollback, .. } => plain(PacketKind::Refused),
            Notice::CheckTransaction { half } => (PacketKind::Fetch, id(half).into_iter().collect(), 0),
            Notice::CopyFrom { .. } => plain(PacketKind::Copy),
            Notice::Copy { batches, .. } => (PacketKind::Copied, ids_of(batches), 0),
            Notice::Heartbeat { .. }
            | Notice::MembersChanged(_)
            | Notice::Unlock { .. }
            | Notice::EndTransaction { state: TransactionState::Unknown, .. }
            | Notice::Tables { .. }
            | Notice::Register { .. }
            | Notice::Alive { .. }
            | Notice::AlterInSync { .. }
            | Notice::RoleIs(_)
            | Notice::CutBack { .. }
            | Notice::Epochs(_) => plain(PacketKind::Upkeep),
        },
    }
}

impl Talk for Carried {
    fn describe(&self, _to: NodeId) -> Described {
        let (kind, ids, times) = described(&self.message);
        (kind, self.place.clone(), ids, times)
    }

    fn parcel(&self) -> Parcel {
        match &self.message {
            Message::Request(..) => Parcel::Request,
            Message::Reply(..) => Parcel::Answer,
            Message::Notice(_) => Parcel::Word,
        }
    }

    /// What would do something a second time, or undo what came after it, is never doubled or held up: a connection does neither.
    fn stands_alone(&self) -> bool {
        match &self.message {
            Message::Request(_, request) => matches!(
                request,
                Request::Pull(_)
                    | Request::Offset { .. }
                    | Request::Bounds { .. }
                    | Request::Members(_)
                    | Request::Route(_)
            ),
            Message::Reply(..) => true,
            Message::Notice(notice) => matches!(
                notice,
                Notice::Heartbeat { .. }
                    | Notice::MembersChanged(_)
                    | Notice::CopyFrom { .. }
                    | Notice::Copy { .. }
                    | Notice::Register { .. }
                    | Notice::RoleIs(_)
            ),
        }
    }

    fn weight(&self) -> Weight {
        let size = |message: &StoredMessage| u64::from(message.size().unwrap_or(FIXED_BYTES));
        let (messages, bytes, as_stored) = match &self.message {
            Message::Request(_, Request::Send(message))
            | Message::Notice(Notice::CheckTransaction { half: message }) => (1, size(message), false),
            Message::Reply(_, Reply::Pulled(pulled)) => (0, pulled.messages.iter().map(size).sum(), true),
            Message::Reply(_, Reply::Popped(popped)) => {
                (0, popped.iter().map(|popped| size(&popped.message)).sum(), true)
            }
            Message::Notice(Notice::Copy { batches, .. }) => (0, batches.bytes().len() as u64, true),
            _ => (0, 0, false),
        };
        // Any thread takes a message in: the CommitLog's lock is held for the append alone.
        let place = self.place.clone().filter(|_| as_stored);
        Weight { messages, bytes, as_stored, place }
    }
}

impl Speaks for Carried {
    fn wrap(self) -> GuestMessage {
        GuestMessage::RocketMq(Box::new(self))
    }

    fn unwrap(message: GuestMessage) -> Option<Self> {
        if let GuestMessage::RocketMq(message) = message { Some(*message) } else { None }
    }
}
