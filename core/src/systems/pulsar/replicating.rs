//! How does a broker host replicators? One for each topic that it serves and keeps: it is the topic's client, and the other
//! cluster's.

use alloc::vec::Vec;

use super::Message;
use super::broker::PulsarBroker;
use super::names::TopicName;
use super::protocol::{Answer, Command};
use super::replicator::{Remote, Replicator};
use crate::ids::NodeId;
use crate::observe::{Event, PulsarEvent};
use crate::systems::{Input, Out};
use crate::time::Time;

/// Numbers of connections for one topic begin after those for the one before.
const NUMBERS_OF_A_TOPIC: u64 = 100_000;

impl PulsarBroker {
    /// The same, if another cluster is to get what this one's topics are sent. Its connections there are numbered after
    /// `first`, so that those of an earlier life are not taken for them.
    #[must_use]
    pub fn with_remote(mut self, remote: Remote, first: u64) -> Self {
        (self.remote, self.numbers) = (Some(remote), first);
        self
    }

    /// A topic is about to be served: it is the first to subscribe.
    pub(super) fn begin_to_replicate(&mut self, now: Time, name: &TopicName, out: &mut Out<Message>) {
        let Some(remote) = &self.remote else { return };
        self.numbers += NUMBERS_OF_A_TOPIC;
        let Ok(replicator) = Replicator::new(name, remote, self.numbers) else { return };
        let (me, subscribe) = (self.me, replicator.subscribe());
        self.replicators.insert(name.clone(), replicator);
        self.of_topic(name, out, |topic, all| topic.handle(now, me, subscribe, all));
    }

    /// Hands replicators what their topics have for them.
    pub(super) fn replicate(&mut self, now: Time, out: &mut Out<Message>) {
        while let Some((name, answer)) = self.replicates.pop_front() {
            let Some(replicator) = self.replicators.get_mut(&name) else { continue };
            let asks = replicator.on_topic(now, answer, out);
            self.ask_topic(now, &name, asks, out);
        }
    }

    /// Wakes those replicators for which it is time.
    pub(super) fn tick_replicators(&mut self, now: Time, out: &mut Out<Message>) {
        let due = |(_, replicator): &(&TopicName, &Replicator)| {
            replicator.next_wakeup().is_some_and(|at| at <= now)
        };
        let due: Vec<TopicName> = self.replicators.iter().filter(due).map(|(name, _)| name.clone()).collect();
        due.iter().for_each(|name| self.of_replicator(now, name, Input::Wake, out));
    }

    /// A broker of the other cluster has answered.
    pub(super) fn on_remote(&mut self, now: Time, from: NodeId, answer: Answer, out: &mut Out<Message>) {
        let number = answer.number();
        let concerns = |replicator: &Replicator| number.is_none_or(|number| replicator.has(number));
        let its = self.replicators.iter().filter(|(_, replicator)| concerns(replicator));
        let its: Vec<TopicName> = its.map(|(name, _)| name.clone()).collect();
        for name in &its {
            let message = Message::FromBroker(answer.clone());
            self.of_replicator(now, name, Input::Message { from, message }, out);
        }
        // A connection of a topic that is served here no more, or of an earlier life.
        if let Some(of) = number.filter(|_| its.is_empty())
            && matches!(answer, Answer::ProducerReady { .. } | Answer::Receipt { .. } | Answer::Ping { .. })
        {
            out.sends.push((from, Message::ToBroker(Command::Close { of })));
        }
    }

    /// A connection to a broker of the other cluster is broken, if that is one.
    pub(super) fn remote_gone(&mut self, now: Time, peer: NodeId, out: &mut Out<Message>) {
        let all: Vec<TopicName> = self.replicators.keys().cloned().collect();
        all.iter().for_each(|name| self.of_replicator(now, name, Input::HangUp { peer }, out));
    }

    fn of_replicator(&mut self, now: Time, name: &TopicName, input: Input<Message>, out: &mut Out<Message>) {
        let Some(replicator) = self.replicators.get_mut(name) else { return };
        let asks = replicator.handle(now, input, out);
        self.ask_topic(now, name, asks, out);
    }

    fn ask_topic(&mut self, now: Time, name: &TopicName, asks: Vec<Command>, out: &mut Out<Message>) {
        let me = self.me;
        for command in asks {
            self.of_topic(name, out, |topic, all| topic.handle(now, me, command, all));
        }
    }

    /// Whether something is told of a client that is a replicator: that has facts of its own.
    pub(super) fn is_of_replicator(&self, event: &Event) -> bool {
        let client = match event {
            Event::Delivered { to, .. } => to,
            Event::Settled { by, .. } => by,
            Event::Requeued { from, .. } => from,
            Event::Pulsar(PulsarEvent::Subscribed { consumer, .. }) => consumer,
            _ => return false,
        };
        *client == self.me
    }
}
