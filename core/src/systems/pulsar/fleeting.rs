//! What becomes of a message that nobody keeps? It goes to who is ready at this moment, and is forgotten.
//!
//! ```text
//!   send ─▶ subscription 1: a consumer with permits ─▶ delivered
//!           subscription 2: no permits, or nobody   ─▶ dropped
//!   receipt in any case: it says only that the broker has seen the message
//! ```
//!
//! Source: Pulsar `NonPersistentTopic`, `NonPersistentDispatcherMultipleConsumers`.

use alloc::collections::{BTreeMap, BTreeSet};

use super::Message;
use super::dispatch::{Candidate, Dispatcher, NotSubscribed};
use super::entries::facts;
use super::ledger::LedgerId;
use super::names::TopicName;
use super::position::Position;
use super::protocol::{Answer, Command};
use super::ranges::ConsumerId;
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::{Event, PulsarEvent};
use crate::record::Batches;
use crate::systems::Out;
use crate::time::Time;

/// The client's number of each consumer.
type Clients = BTreeMap<ConsumerId, (NodeId, u64)>;

/// A topic whose messages are not kept, at its owner.
#[derive(Clone, Debug)]
pub(super) struct Fleeting {
    name: TopicName,
    subscriptions: BTreeMap<Name, (Dispatcher, Clients)>,
    producers: BTreeSet<(NodeId, u64)>,
    consumers: BTreeMap<(NodeId, u64), (Name, ConsumerId)>,
    next: u64,
}

impl Fleeting {
    pub(super) fn new(name: TopicName) -> Self {
        Self {
            name,
            subscriptions: BTreeMap::new(),
            producers: BTreeSet::new(),
            consumers: BTreeMap::new(),
            next: 0,
        }
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.producers.iter().chain(self.consumers.keys()).copied()
    }

    pub(super) fn has(&self, client: NodeId, number: u64) -> bool {
        self.producers.contains(&(client, number)) || self.consumers.contains_key(&(client, number))
    }

    pub(super) fn handle(&mut self, _now: Time, from: NodeId, command: Command, out: &mut Out<Message>) {
        let mut say = |answer| out.sends.push((from, Message::FromBroker(answer)));
        match command {
            Command::Producer { producer, .. } => {
                self.producers.insert((from, producer));
                say(Answer::ProducerReady { producer, last: None });
            }
            Command::Send { producer, sequence, payload } => {
                say(Answer::Receipt { producer, sequence, position: None });
                self.send(&payload, out);
            }
            Command::Subscribe { .. } => say(self.subscribe(from, command)),
            Command::Flow { consumer, permits } => {
                if let Some((name, id)) = self.consumers.get(&(from, consumer))
                    && let Some((dispatcher, _)) = self.subscriptions.get_mut(name)
                {
                    dispatcher.flow(*id, permits);
                }
            }
            Command::Close { of } => self.close(from, of),
            // There is nothing to acknowledge or to deliver again; and its broker sees to who is there.
            Command::Lookup { .. }
            | Command::Ack { .. }
            | Command::AckTo { .. }
            | Command::Redeliver { .. }
            | Command::Ping { .. }
            | Command::Pong { .. } => {}
        }
    }

    fn send(&mut self, payload: &Batches, out: &mut Out<Message>) {
        let position = Position::new(LedgerId(0), self.next);
        self.next += 1;
        let facts = facts(payload);
        let messages: alloc::vec::Vec<MessageId> = payload.message_ids().collect();
        for (name, (dispatcher, clients)) in &mut self.subscriptions {
            let entry = Candidate { position, messages: facts.messages, key: facts.key.as_deref() };
            let sent = dispatcher.dispatch(&[entry]);
            if sent.is_empty() {
                let (subscription, messages) = (name.clone(), messages.clone());
                out.events.push(Event::Pulsar(PulsarEvent::Missed { subscription, messages }));
            }
            for (id, _) in sent {
                dispatcher.settle(id, position); // it is in nobody's hands: it will not come again
                if let Some(&(client, consumer)) = clients.get(&id) {
                    let payload = payload.clone();
                    let message =
                        Answer::Message { consumer, position, redeliveries: 0, epoch: None, payload };
                    out.sends.push((client, Message::FromBroker(message)));
                }
            }
        }
    }

    fn subscribe(&mut self, from: NodeId, command: Command) -> Answer {
        let Command::Subscribe { subscription: name, kind, consumer, new, read_compacted, .. } = command
        else {
            return Answer::Closed { of: 0 };
        };
        if read_compacted {
            return Answer::NotSubscribed { consumer, why: NotSubscribed::NotCompacted };
        }
        let fresh = || {
            (Dispatcher::new(kind, self.name.partition_index(), self.name.local().as_str()), BTreeMap::new())
        };
        let (dispatcher, clients) = self.subscriptions.entry(name.clone()).or_insert_with(fresh);
        let added = match dispatcher.kind() == kind {
            true => dispatcher.add(new),
            false => Err(NotSubscribed::OtherType),
        };
        match added {
            Ok(id) => {
                clients.insert(id, (from, consumer));
                self.consumers.insert((from, consumer), (name, id));
                Answer::Subscribed { consumer }
            }
            Err(why) => Answer::NotSubscribed { consumer, why },
        }
    }

    fn close(&mut self, client: NodeId, number: u64) {
        self.producers.remove(&(client, number));
        if let Some((name, id)) = self.consumers.remove(&(client, number))
            && let Some((dispatcher, clients)) = self.subscriptions.get_mut(&name)
        {
            dispatcher.remove(id);
            clients.remove(&id);
            // A subscription of a topic that is not kept lives as long as its consumers.
            if clients.is_empty() {
                self.subscriptions.remove(&name);
            }
        }
    }

    pub(super) fn client_gone(&mut self, client: NodeId) {
        let theirs: alloc::vec::Vec<u64> =
            self.clients().filter(|(of, _)| *of == client).map(|(_, number)| number).collect();
        theirs.into_iter().for_each(|number| self.close(client, number));
    }
}
