//! What does the leader of a quorum queue do for clients? It writes down what they ask for, answers when that is
//! committed, and watches who is still there.

use alloc::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::message::DeathReason;
use crate::observe::{Event, Place, QueueEvent, RabbitmqEvent};
use crate::systems::rabbitmq::ConsumerTag;
use crate::systems::rabbitmq::fifo::DeadLetters;

/// What a leader knows of clients, from the beginning of its term to its end.
#[derive(Clone, Debug)]
pub(super) struct Reign {
    term: Epoch,
    /// Whether it knows everything that was committed before.
    serves: bool,
    /// Who was heard.
    connected: BTreeSet<NodeId>,
    /// Consumers that came, or came back.
    heard: BTreeSet<ConsumerTag>,
    /// Consumers that were not heard of yet, or whose node is silent: until when they are waited for.
    suspects: BTreeMap<ConsumerTag, Time>,
    /// Who asked for what stands at an offset.
    asked: BTreeMap<Offset, NodeId>,
    /// The expiry of the head that stands in the log already.
    expiry_asked: Option<Time>,
}

type OutOf<S> = Out<QuorumMessage<SliceOf<S>>>;

impl<S: Storage> QuorumQueue<S> {
    /// A client asks for something.
    pub(super) fn request(
        &mut self,
        now: Time,
        from: NodeId,
        message: QuorumMessage,
        sends: &mut Sends<S>,
        out: &mut OutOf<S>,
    ) -> Fallible<(), S> {
        if !self.raft.leads() {
            out.sends.push((from, QuorumMessage::NotLeader { leader: self.raft.leader() }));
            return Ok(());
        }
        self.follow_the_term(out);
        if let Some(reign) = &mut self.reign {
            reign.connected.insert(from);
            if let QuorumMessage::Consume { tag, .. } = &message {
                reign.suspects.remove(&ConsumerTag { node: from, tag: *tag });
                reign.heard.insert(ConsumerTag { node: from, tag: *tag });
            }
        }
        let command = match message {
            QuorumMessage::Publish { sequence, message } => {
                return self.publish(now, from, (sequence, message), sends);
            }
            QuorumMessage::Return { key, deliveries, .. } if self.config.options.delivery_limit.is_none() => {
                return self.write_anew(now, from, (key, &deliveries), sends);
            }
            QuorumMessage::Consume { tag, prefetch, priority, next } => {
                let consumer = ConsumerTag { node: from, tag };
                Command::Checkout { consumer, prefetch, priority, once: false, next }
            }
            QuorumMessage::Get { tag } => {
                let consumer = ConsumerTag { node: from, tag };
                Command::Checkout { consumer, prefetch: 1, priority: 0, once: true, next: 0 }
            }
            QuorumMessage::Settle { key, deliveries } => Command::Settle { key, deliveries },
            QuorumMessage::Return { key, deliveries, failed } => Command::Return { key, deliveries, failed },
            QuorumMessage::Discard { key, deliveries } => Command::Discard { key, deliveries },
            QuorumMessage::Cancel { tag } => Command::Cancel { consumer: ConsumerTag { node: from, tag } },
            QuorumMessage::Leave { tag } => Command::Leave { consumer: ConsumerTag { node: from, tag } },
            QuorumMessage::Purge => Command::Purge,
            _ => return Ok(()), // an answer, and nothing was asked
        };
        self.ask(now, from, command, None, sends)
    }

    /// Writes down what a client asks for, to answer when it is committed.
    fn ask(
        &mut self,
        now: Time,
        from: NodeId,
        command: Command,
        message: Option<&Message>,
        sends: &mut Sends<S>,
    ) -> Fallible<(), S> {
        if let Some(index) = self.propose(now, command, message, sends)?
            && let Some(reign) = &mut self.reign
        {
            reign.asked.insert(index, from);
        }
        Ok(())
    }

    fn publish(
        &mut self,
        now: Time,
        from: NodeId,
        (sequence, message): (u64, Message),
        sends: &mut Sends<S>,
    ) -> Fallible<(), S> {
        let never = message.check().is_err();
        if never || self.fifo.refuses() {
            return self.propose(now, Command::Refuse { from, sequence, never }, None, sends).map(|_| ());
        }
        self.ask(now, from, Command::Enqueue { from, sequence }, Some(&message), sends)
    }

    /// Where there is no delivery limit, what comes back is written anew, and stands last.
    fn write_anew(
        &mut self,
        now: Time,
        from: NodeId,
        (key, deliveries): (Offset, &[u64]),
        sends: &mut Sends<S>,
    ) -> Fallible<(), S> {
        for &delivery in deliveries {
            let found = self.fifo.delivered(key, delivery);
            let message = found.map(|index| self.message_at(index)).transpose()?.flatten();
            // One that is gone is answered all the same.
            let message = message.unwrap_or_default();
            self.ask(now, from, Command::Requeue { key, delivery }, Some(&message), sends)?;
        }
        Ok(())
    }

    /// A connection is broken.
    pub(super) fn hung_up(&mut self, now: Time, peer: NodeId, sends: &mut Sends<S>) -> Fallible<(), S> {
        let Some(reign) = &mut self.reign else { return Ok(()) };
        reign.suspects.retain(|consumer, _| consumer.node != peer);
        if reign.connected.remove(&peer) {
            // Also when its consumers are still on their way into the log: this stands behind them.
            self.propose(now, Command::Down { node: peer }, None, sends)?;
        }
        Ok(())
    }

    /// The node through which these consumers speak is silent: they are waited for, and then are gone.
    pub fn suspect(&mut self, now: Time, consumers: impl IntoIterator<Item = ConsumerTag>) {
        let until = now + self.config.grace;
        let there = self.fifo.consumers();
        let Some(reign) = &mut self.reign else { return };
        for consumer in consumers.into_iter().filter(|consumer| there.contains(consumer)) {
            reign.suspects.entry(consumer).or_insert(until);
        }
    }

    /// Begins or ends a reign with the term that it belongs to.
    pub(super) fn follow_the_term(&mut self, out: &mut OutOf<S>) {
        let term = self.raft.leads().then(|| self.raft.term());
        if self.reign.as_ref().map(|reign| reign.term) == term {
            return;
        }
        let (queue, term_now) = (self.config.name.clone(), self.raft.term());
        if let Some(ended) = self.reign.take() {
            let leader = self.raft.leader();
            let queue = queue.clone();
            out.events.push(Event::Rabbitmq(RabbitmqEvent::StoppedLeading { queue, term: ended.term }));
            let told = ended.connected.into_iter().map(|to| (to, QuorumMessage::NotLeader { leader }));
            out.sends.extend(told);
        }
        if term.is_some() {
            out.events.push(Event::Rabbitmq(RabbitmqEvent::Leads { queue, term: term_now }));
        }
        self.reign = term.map(|term| Reign {
            term,
            serves: false,
            connected: BTreeSet::new(),
            heard: BTreeSet::new(),
            suspects: BTreeMap::new(),
            asked: BTreeMap::new(),
            expiry_asked: None,
        });
    }

    /// A new leader that knows everything that was committed before it looks after what its predecessor left.
    pub(super) fn begin_to_serve(&mut self, now: Time) -> Fallible<(), S> {
        let ready = self.raft.is_ready();
        let Some(reign) = self.reign.as_mut().filter(|reign| ready && !reign.serves) else { return Ok(()) };
        reign.serves = true;
        let silent = self.fifo.consumers().into_iter().filter(|consumer| !reign.heard.contains(consumer));
        reign.suspects = silent.map(|consumer| (consumer, now + self.config.grace)).collect();
        if self.config.options.dead_letters == DeadLetters::AtLeastOnce {
            self.departures.clear();
            let left: Vec<_> = self.fifo.dead_letters().collect();
            for (index, reason) in left {
                self.depart(index, reason)?;
            }
        }
        Ok(())
    }

    fn depart(&mut self, offset: Offset, reason: DeathReason) -> Fallible<(), S> {
        if let Some(message) = self.message_at(offset)? {
            self.departures.push_back(Departure { offset, reason, message });
        }
        Ok(())
    }

    /// The expiry of the head, where it is not written down yet.
    fn expiry(&self, reign: &Reign) -> Option<Time> {
        let expires = self.fifo.next_expiry().filter(|_| reign.serves);
        if expires == reign.expiry_asked { None } else { expires }
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        let reign = self.reign.as_ref()?;
        reign.suspects.values().copied().chain(self.expiry(reign)).min()
    }

    /// Gives up who has not come back in time, and looks whether the head has expired.
    pub(super) fn do_what_is_due(&mut self, now: Time, sends: &mut Sends<S>) -> Fallible<(), S> {
        let Some(reign) = &self.reign else { return Ok(()) };
        let expired = self.expiry(reign).filter(|at| *at <= now);
        let due = reign.suspects.iter().filter(|(_, until)| **until <= now);
        let gone: Vec<ConsumerTag> = due.map(|(consumer, _)| *consumer).collect();
        if let Some(reign) = &mut self.reign {
            reign.suspects.retain(|_, until| *until > now);
            reign.expiry_asked = expired.or(reign.expiry_asked);
        }
        for consumer in gone {
            // It is told, if it is there after all.
            self.ask(now, consumer.node, Command::Leave { consumer }, None, sends)?;
        }
        if expired.is_some() {
            self.propose(now, Command::Expire, None, sends)?;
        }
        Ok(())
    }

    /// Tells whoever asked for an entry that it is committed, where its effects do not.
    pub(super) fn answer(&mut self, entry: Entry, effects: &[Effect], out: &mut OutOf<S>) {
        let Some(reign) = &mut self.reign else { return };
        let Some(to) = reign.asked.remove(&entry.index) else { return };
        let answer = match entry.command {
            Command::Settle { key, deliveries }
            | Command::Return { key, deliveries, .. }
            | Command::Discard { key, deliveries } => QuorumMessage::Done { key, deliveries },
            Command::Requeue { key, delivery } => QuorumMessage::Done { key, deliveries: [delivery].into() },
            Command::Cancel { consumer } | Command::Leave { consumer } => {
                QuorumMessage::Cancelled { tag: consumer.tag }
            }
            Command::Purge => {
                let purged = |effect: &Effect| if let Effect::Purged { count } = effect { *count } else { 0 };
                QuorumMessage::Purged { count: effects.iter().map(purged).sum() }
            }
            _ => return,
        };
        out.sends.push((to, answer));
    }

    /// Does what follows of an entry.
    pub(super) fn perform(&mut self, effect: Effect, out: &mut OutOf<S>) -> Fallible<(), S> {
        let queue = || self.config.name.clone();
        let mut send = |consumer: ConsumerTag, message| out.sends.push((consumer.node, message));
        match effect {
            Effect::Confirm { to, sequence } => out.sends.push((to, QuorumMessage::Confirmed { sequence })),
            Effect::Refused { to, sequence, never } => {
                out.sends.push((to, QuorumMessage::Refused { sequence, never }));
            }
            Effect::Missing { to, next } => out.sends.push((to, QuorumMessage::Missing { next })),
            Effect::Consuming { consumer, key, active } => {
                send(consumer, QuorumMessage::Consuming { tag: consumer.tag, key, active });
            }
            Effect::Activated { consumer, key } => {
                let activated = QueueEvent::Activated { queue: queue(), consumer: consumer.node };
                out.events.push(Event::Queue(activated));
                send(consumer, QuorumMessage::Consuming { tag: consumer.tag, key, active: true });
            }
            Effect::Empty { consumer } => send(consumer, QuorumMessage::Empty { tag: consumer.tag }),
            Effect::Deliver { consumer, key, number, index, acquired, failed } => {
                let Some(message) = self.message_at(index)? else { return Ok(()) };
                if let Some(id) = message.id() {
                    let (to, delivery) = (consumer.node, acquired.saturating_add(1));
                    out.events.push(Event::Delivered { queue: queue(), message: id, to, delivery });
                }
                let tag = consumer.tag;
                let delivery = QuorumMessage::Delivery { tag, key, number, acquired, failed, message };
                out.sends.push((consumer.node, delivery));
            }
            Effect::Stored { index, id } => {
                let messages = id.into_iter().collect();
                out.events.push(Event::Appended { to: Place::Queue(queue()), base: index, messages });
            }
            Effect::Settled { id: Some(message), by, .. } => {
                out.events.push(Event::Settled { queue: queue(), message, by });
            }
            Effect::Returned { id: Some(message), from, why, .. } => {
                let messages = [message].into();
                out.events.push(Event::Requeued { queue: queue(), messages, from, why });
            }
            Effect::Dropped { id: Some(message), reason, .. } => {
                out.events.push(Event::Queue(QueueEvent::Died { queue: queue(), message, reason }));
            }
            Effect::DeadLetter { index, reason } => self.depart(index, reason)?,
            Effect::Refusing(refuses) => {
                out.events.push(Event::Rabbitmq(RabbitmqEvent::Refusing { queue: queue(), refuses }));
            }
            _ => {}
        }
        Ok(())
    }
}
