//! What does a node do for the clients that are connected to it? It routes what they publish and confirms it when every queue has
//! it; it consumes for them, and hands on what they say of deliveries.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::asking::{Ahead, Asker};
use super::hosted::Hosted;
use super::node::{ClusterNode, Fallible, failed};
use super::protocol::{ClusterMessage, ToClient, ToNode, Word};
use super::reader::{FlowLimits, Reader};
use super::reading::{Reading, Said};
use super::{Channel, Disk};
use crate::ids::{Name, NodeId};
use crate::log::SliceOf;
use crate::message::Message;
use crate::observe::{Event, QueueEvent};
use crate::routing::ExchangeName;
use crate::sorted::SortedSet;
use crate::systems::rabbitmq::{OffsetSpec, QuorumMessage, StreamMessage};
use crate::systems::{Input, Out};
use crate::time::Time;

/// A message that was published, and for which not every queue has answered.
#[derive(Clone, Debug)]
pub(super) struct Open {
    waits: SortedSet<Name>,
    confirm: bool,
    /// Some queue refused it; for ever, if it never can be.
    refused: Option<bool>,
}

/// A stream's consumer.
#[derive(Clone, Debug)]
pub(super) struct StreamReading {
    pub(super) stream: Name,
    pub(super) reference: Option<Name>,
    /// Where it begins, once it is known; before, the writer is asked.
    pub(super) asks: Option<(OffsetSpec, u32)>,
    pub(super) again_at: Time,
}

/// The node's end of a channel.
#[derive(Clone, Debug)]
pub(super) struct ServerChannel {
    pub(super) session: u32,
    pub(super) heard: Time,
    pub(super) beat_at: Time,
    pub(super) askers: BTreeMap<Name, Asker>,
    pub(super) open: BTreeMap<u64, Open>,
    pub(super) confirmed: Vec<u64>,
    pub(super) reading: Option<Reading>,
    pub(super) stream: Option<StreamReading>,
    pub(super) reader: Reader,
}

impl ServerChannel {
    pub(super) fn new(session: u32, flow: FlowLimits, now: Time) -> Self {
        let (askers, open, confirmed, reading, stream) = Default::default();
        let reader = Reader::new(flow);
        Self { session, heard: now, beat_at: now, askers, open, confirmed, reading, stream, reader }
    }

    /// How many bytes of messages it has read, for which a queue has not answered.
    pub(super) fn bytes(&self) -> u64 {
        self.askers.values().map(Asker::bytes).sum()
    }

    pub(super) fn is_open(&self) -> bool {
        self.askers.values().any(|asker| !asker.is_idle())
    }
}

impl ClusterNode {
    pub(super) fn channel(&mut self, channel: Channel) -> Option<&mut ServerChannel> {
        self.channels.get_mut(&channel.client).filter(|own| own.session == channel.session)
    }

    pub(super) fn client_says(&mut self, now: Time, channel: Channel, word: ToNode) -> Fallible<()> {
        if matches!(word, ToNode::Open) {
            if self.channels.get(&channel.client).is_some_and(|own| own.session != channel.session) {
                self.channel_gone(now, channel.client)?;
            }
            let flow = self.config.flow;
            let new = || ServerChannel::new(channel.session, flow, now);
            self.channels.entry(channel.client).or_insert_with(new);
            self.hear(channel, ToClient::Opened);
            return Ok(());
        }
        let Some(own) = self.channel(channel) else { return Ok(()) };
        match word {
            ToNode::Open | ToNode::Beat => Ok(()),
            ToNode::Publish { number, exchange, mandatory, publisher, confirm, message } => {
                self.publish(channel, number, (&exchange, mandatory, confirm), publisher, message);
                Ok(())
            }
            ToNode::Consume { queue, prefetch, priority, no_ack } => {
                let reading = Reading::new(queue, channel.session, (prefetch, priority), no_ack);
                own.reading.get_or_insert(reading);
                Ok(())
            }
            ToNode::Read { stream, from, reference, credit } => {
                let asks = Some((from, credit));
                own.stream.get_or_insert(StreamReading { stream, reference, asks, again_at: now });
                self.begin_to_read(now, channel)
            }
            ToNode::Ack { tags } => self.says_of(channel, &tags, Said::Done),
            ToNode::Return { tags, failed } => self.says_of(channel, &tags, Said::Back { failed }),
            ToNode::Discard { tags } => self.says_of(channel, &tags, Said::Dead),
            ToNode::Credit => {
                let Some(stream) = own.stream.as_ref().map(|own| own.stream.clone()) else { return Ok(()) };
                let credit = StreamMessage::Credit { tag: channel.session, credit: 1 };
                self.tell_stream(now, &stream, channel.client, credit)
            }
            ToNode::StoreOffset { offset } => {
                let Some(StreamReading { stream, reference: Some(reference), .. }) = &own.stream else {
                    return Ok(());
                };
                let (queue, reference) = (stream.clone(), reference.clone());
                let word = Word::Stream(StreamMessage::StoreOffset { reference, offset });
                let leader = self.hosted.get(&queue).and_then(|own| own.leader(self.me));
                if let Some(leader) = leader {
                    self.send(leader, ClusterMessage::Ask { queue, channel, word });
                }
                Ok(())
            }
        }
    }

    /// Routes a message, and asks every queue that it fits to take it.
    pub(super) fn publish(
        &mut self,
        channel: Channel,
        number: u64,
        (exchange, mandatory, confirm): (&ExchangeName, bool, bool),
        publisher: Option<(Name, u64)>,
        message: Message,
    ) {
        let key = message.routing_key().unwrap_or_default();
        // What is wrong with a route was found when the scenario was read; it fits no queue.
        let routes = self.router.route(exchange, key, message.headers());
        let queues: SortedSet<Name> =
            routes.map(|routes| routes.queues().iter().cloned().collect()).unwrap_or_default();
        if queues.is_empty() {
            if let Some(message) = message.id() {
                let exchange = exchange.clone();
                self.events.push(Event::Queue(QueueEvent::Unroutable {
                    exchange,
                    message,
                    returned: mandatory,
                }));
            }
            if mandatory {
                self.hear(channel, ToClient::Returned { number });
            }
            if let (Some(own), true) = (self.channel(channel), confirm) {
                own.confirmed.push(number);
            }
            return;
        }
        let routed = message.through(exchange.as_str());
        let mut said = Vec::new();
        let flow = self.config.flow;
        let Self { channels, hosted, .. } = self;
        let Some(own) = channels.get_mut(&channel.client).filter(|own| own.session == channel.session) else {
            return;
        };
        for name in &queues {
            let host = hosted.get(name);
            let is_stream = host.is_some_and(Hosted::is_stream);
            let new = || Asker::new(channel, is_stream, Ahead::new(host, flow));
            let asker = own.askers.entry(name.clone()).or_insert_with(new);
            let publisher = publisher.clone().filter(|_| is_stream);
            said.extend(asker.publish(number, routed.clone(), publisher).map(|word| (name.clone(), word)));
        }
        own.open.insert(number, Open { waits: queues, confirm, refused: None });
        for (queue, (to, word)) in said {
            self.send(to, ClusterMessage::Ask { queue, channel, word });
        }
    }

    fn says_of(&mut self, channel: Channel, tags: &[u64], said: Said) -> Fallible<()> {
        let Some(reading) = self.channel(channel).and_then(|own| own.reading.as_mut()) else { return Ok(()) };
        let queue = reading.queue.clone();
        if let Some((Some(to), word)) = reading.said(tags, said) {
            self.send(to, ClusterMessage::Ask { queue, channel, word: Word::Queue(word) });
        }
        Ok(())
    }

    /// A node asks for one of its channels.
    pub(super) fn asked(
        &mut self,
        now: Time,
        from: NodeId,
        name: &Name,
        channel: Channel,
        word: Word,
    ) -> Fallible<()> {
        match (self.hosted.get_mut(name), word) {
            (Some(Hosted::Quorum(host)), Word::Queue(message)) => {
                host.speaks(channel, from);
                if matches!(message, QuorumMessage::Consume { .. }) {
                    host.consumes(channel, from);
                }
                let mut own = Out::default();
                host.member.handle(now, Input::Message { from: channel.client, message }, &mut own);
                self.absorb_quorum(name, own)
            }
            (Some(Hosted::Classic(queue)), Word::Queue(message)) => queue.handle(now, from, channel, message),
            (Some(Hosted::Stream(member)), Word::Stream(message)) => {
                if let StreamMessage::StoreOffset { reference, offset } = &message
                    && member.writes()
                {
                    let partition = member.partition();
                    let (group, next) = (reference.clone(), *offset);
                    self.events.push(Event::OffsetStored { group, partition, next });
                }
                // It answers by the client's name; the node that asked knows which channel that is.
                self.writers_clients.insert(channel.client, (from, channel.session));
                self.tell_stream(now, name, channel.client, message)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn tell_stream(
        &mut self,
        now: Time,
        name: &Name,
        from: NodeId,
        message: StreamMessage,
    ) -> Fallible<()> {
        let Some(Hosted::Stream(member)) = self.hosted.get_mut(name) else { return Ok(()) };
        let mut own = Out::default();
        member.handle(now, Input::Message { from, message }, &mut own);
        self.absorb_stream(name, own)
    }

    /// What a stream's member wants said: to other members, to channels here that read it, and to those that publish.
    pub(super) fn absorb_stream(
        &mut self,
        name: &Name,
        own: Out<StreamMessage<SliceOf<Disk>>>,
    ) -> Fallible<()> {
        self.events.extend(own.events);
        for (to, message) in own.sends {
            let message = message.load().map_err(failed)?;
            let queue = name.clone();
            match message {
                StreamMessage::Chunk { tag, chunk, from } => {
                    let channel = Channel { client: to, session: tag };
                    if self.channel(channel).is_some() {
                        self.hear(channel, ToClient::Chunk { chunk, from });
                    }
                }
                StreamMessage::Confirmed { .. }
                | StreamMessage::Refused { .. }
                | StreamMessage::NotWriter { .. }
                | StreamMessage::StoredOffset { .. } => {
                    if let Some(&(node, session)) = self.writers_clients.get(&to) {
                        let (channel, word) = (Channel { client: to, session }, Word::Stream(message));
                        self.send(node, ClusterMessage::Tell { queue, channel, word });
                    }
                }
                message => {
                    self.send(to, ClusterMessage::Member { queue, word: Word::Stream(message) });
                }
            }
        }
        Ok(())
    }

    /// A queue's leader answers a channel of this node.
    pub(super) fn told(&mut self, now: Time, name: &Name, channel: Channel, word: Word) -> Fallible<()> {
        if let Word::Queue(QuorumMessage::Cancelled { .. }) = word {
            self.leaving.remove(&(name.clone(), channel));
            // It was given up, and is there after all: it comes anew.
            if let Some(reading) = self.channel(channel).and_then(|own| own.reading.as_mut()) {
                reading.doubts = true;
                reading.patience.soon(now);
            }
            return Ok(());
        }
        let again = self.config.ask_again;
        let Some(own) = self.channel(channel) else { return Ok(()) };
        match word {
            Word::Queue(word) => self.told_of_queue(now, name, channel, word),
            Word::Stream(StreamMessage::Confirmed { ids }) => {
                let Some(asker) = own.askers.get_mut(name) else { return Ok(()) };
                asker.patience.heard(now, again);
                let numbers: Vec<u64> = ids.into_iter().filter_map(|id| asker.answered_as(id)).collect();
                numbers.into_iter().for_each(|number| self.is_answered(channel, name, number, None));
                Ok(())
            }
            Word::Stream(StreamMessage::Refused { ids }) => {
                let Some(asker) = own.askers.get_mut(name) else { return Ok(()) };
                let numbers: Vec<u64> = ids.into_iter().filter_map(|id| asker.answered_as(id)).collect();
                numbers.into_iter().for_each(|number| self.is_answered(channel, name, number, Some(true)));
                Ok(())
            }
            Word::Stream(StreamMessage::NotWriter { writer }) => {
                self.sent_on(channel, name, writer);
                Ok(())
            }
            Word::Stream(StreamMessage::StoredOffset { offset, .. }) => {
                let Some(reading) = own.stream.as_mut() else { return Ok(()) };
                let Some((spec, credit)) = reading.asks.take() else { return Ok(()) };
                // It goes on behind what it said that it has done.
                let from = offset.map_or(spec, OffsetSpec::Offset);
                let subscribe = StreamMessage::Subscribe { tag: channel.session, from, credit };
                self.tell_stream(now, name, channel.client, subscribe)
            }
            Word::Stream(_) => Ok(()),
        }
    }

    fn told_of_queue(
        &mut self,
        now: Time,
        name: &Name,
        channel: Channel,
        word: QuorumMessage,
    ) -> Fallible<()> {
        let again = self.config.ask_again;
        let Some(own) = self.channel(channel) else { return Ok(()) };
        match word {
            QuorumMessage::Confirmed { sequence } | QuorumMessage::Refused { sequence, .. } => {
                let Some(asker) = own.askers.get_mut(name) else { return Ok(()) };
                asker.patience.heard(now, again);
                let refused =
                    if let QuorumMessage::Refused { never, .. } = word { Some(never) } else { None };
                if let Some(number) = asker.answered(sequence) {
                    self.is_answered(channel, name, number, refused);
                }
            }
            QuorumMessage::Missing { next } => {
                let Some(asker) = own.askers.get(name) else { return Ok(()) };
                if asker.has_forgotten(next) && !asker.is_idle() {
                    // The queue lost what it had confirmed: only a new channel can begin anew.
                    return self.channel_is_lost(now, channel.client);
                }
                let said = asker.again(next);
                for (to, word) in said {
                    self.send(to, ClusterMessage::Ask { queue: name.clone(), channel, word });
                }
            }
            QuorumMessage::NotLeader { leader } => self.sent_on(channel, name, leader),
            QuorumMessage::Consuming { key, .. } => {
                let Some(reading) = own.reading.as_mut() else { return Ok(()) };
                reading.patience.heard(now, again);
                reading.is_known(key);
                self.hear(channel, ToClient::Consuming);
            }
            QuorumMessage::Delivery { key, number, acquired, message, .. } => {
                let Some(reading) = own.reading.as_mut() else { return Ok(()) };
                reading.patience.heard(now, again);
                if let Some(tag) = reading.delivered(key, number) {
                    let no_ack = reading.no_ack;
                    self.hear(channel, ToClient::Deliver { tag, acquired, message });
                    if no_ack {
                        self.says_of(channel, &[tag], Said::Done)?;
                    }
                } else if reading.is_behind(key, number) {
                    reading.patience.soon(now);
                }
            }
            QuorumMessage::Done { key, deliveries } => {
                let Some(reading) = own.reading.as_mut() else { return Ok(()) };
                reading.patience.heard(now, again);
                reading.done(key, &deliveries);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whoever was asked does not lead.
    fn sent_on(&mut self, channel: Channel, name: &Name, leader: Option<NodeId>) {
        let Some(own) = self.channel(channel) else { return };
        let mut said = Vec::new();
        if let Some(asker) = own.askers.get_mut(name)
            && asker.patience.is_sent_on(leader)
        {
            said.extend(asker.repeats());
        }
        if let Some(reading) = own.reading.as_mut().filter(|reading| reading.queue == *name)
            && reading.patience.is_sent_on(leader)
        {
            said.extend(reading.all().into_iter().map(|(to, word)| (to, Word::Queue(word))));
        }
        for (to, word) in said {
            self.send(to, ClusterMessage::Ask { queue: name.clone(), channel, word });
        }
    }

    /// One of the queues has answered for a message: if that was the last, the client hears of it.
    fn is_answered(&mut self, channel: Channel, name: &Name, number: u64, refused: Option<bool>) {
        let me = self.me;
        let Some(own) = self.channel(channel) else { return };
        let Some(open) = own.open.get_mut(&number) else { return };
        open.waits.remove(name);
        open.refused = open.refused.max(refused);
        if !open.waits.is_empty() {
            return;
        }
        let (refused, confirm) = (open.refused, open.confirm);
        own.open.remove(&number);
        if channel.client == me {
            return self.graves.answered(number, refused.is_some());
        }
        match refused {
            _ if !confirm => {}
            None => own.confirmed.push(number),
            Some(never) => self.hear(channel, ToClient::Refused { number, never }),
        }
    }
}
