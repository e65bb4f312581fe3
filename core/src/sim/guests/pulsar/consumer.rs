//! How does a consumer's program live in the lab? Its client fills a queue by permits, its hands take from it, and what they
//! are done with is acknowledged.
//!
//! ```text
//!   broker ─▶ receiver queue ─▶ hands ─┬─ done ───▶ acknowledged (individually, or up to there)
//!                                      ├─ failed ─▶ negative: again after a while; too often: the dead-letter topic
//!                                      └─ rejected ▶ later: by way of the retry topic
//! ```

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::super::{
    Guest, GuestMessage, GuestOut, GuestView, Halts, Hands, HasId, Look, Over, Run, Speaks as _,
};
use super::publisher::Publisher;
use super::spec::{PulsarPatience, PulsarSource, PulsarType};
use super::{NUMBERS_OF_A_LIFE, NUMBERS_OF_A_TOPIC, carry, producer};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Change, Event, Place, PulsarEvent, QueueEvent};
use crate::record::NewRecord;
use crate::sim::picture::ConsumerView;
use crate::sim::{ConsumerSpec, OnFailure, Settles};
use crate::systems::pulsar::{
    ConsumerSettings, InHand, Message, MessagePlace, NewConsumer, Position, PulsarConsumer, REAL_TOPIC,
    Reconsumed, SubscriptionType, TopicName,
};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// A message that the program has, and from which of its clients.
#[derive(Clone, Debug)]
struct Held {
    client: usize,
    in_hand: InHand,
    /// Where it was sent to at first.
    from: Place,
}

impl HasId for Held {
    fn message(&self) -> Option<MessageId> {
        self.in_hand.record.message_id()
    }

    fn attempt(&self) -> u32 {
        self.in_hand.redeliveries + 1
    }
}

/// What is to be acknowledged when it is published elsewhere.
#[derive(Clone, Debug)]
enum Published {
    /// An entry that is a dead letter.
    Letter { client: usize, position: Position, messages: Vec<MessageId> },
    /// A message that goes through the retry topic, or has gone through it too often.
    Later { client: usize, place: MessagePlace, message: Option<MessageId>, is_dead: bool },
}

/// What goes with the process.
#[derive(Clone, Debug)]
struct Process {
    began: bool,
    /// One for each partition, and the last for the retry topic, if there is one.
    clients: Vec<PulsarConsumer>,
    /// Whose turn it is to be asked for a message.
    turn: usize,
    hands: Hands<Held>,
    publisher: Publisher<Published>,
    /// What is done and not yet said, where it is said for several at once.
    done: BTreeMap<usize, (MessagePlace, u32)>,
}

/// A consumer's program.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    node: NodeId,
    spec: ConsumerSpec,
    from: PulsarSource,
    partitions: Vec<TopicName>,
    patience: PulsarPatience,
    brokers: Vec<NodeId>,
    seed: u64,
    process: Process,
}

impl Reader {
    pub(super) fn new(
        number: u16,
        spec: &ConsumerSpec,
        from: &PulsarSource,
        (partitions, patience): (Vec<TopicName>, PulsarPatience),
        brokers: &[NodeId],
        seed: u64,
    ) -> Self {
        let process = Process {
            began: false,
            clients: Vec::new(),
            turn: 0,
            hands: Hands::new(spec, seed),
            publisher: Publisher::new(spec.name.clone(), brokers, patience, 0),
            done: BTreeMap::new(),
        };
        let mut reader = Self {
            node: NodeId::Consumer(number),
            spec: spec.clone(),
            from: from.clone(),
            partitions,
            patience,
            brokers: brokers.to_vec(),
            seed,
            process,
        };
        reader.begin(1);
        reader
    }

    fn settings(&self) -> ConsumerSettings {
        let PulsarSource { ranges, wanted, priority, .. } = &self.from;
        ConsumerSettings {
            kind: match self.from.kind {
                PulsarType::Exclusive => SubscriptionType::Exclusive,
                PulsarType::Failover => SubscriptionType::Failover,
                PulsarType::Shared => SubscriptionType::Shared,
                PulsarType::KeyShared => SubscriptionType::KeyShared(*ranges),
            },
            consumer: NewConsumer {
                name: self.spec.name.clone(),
                priority: *priority,
                wanted: wanted.clone(),
            },
            from: self.from.from,
            receiver_queue: self.from.receiver_queue,
            ack_group: self.from.ack_group,
            nack_delay: self.from.nack_delay,
            ack_timeout: self.from.ack_timeout,
            dead_letters: self.from.dead_letters,
            backoff: self.patience.backoff,
            operation_timeout: self.patience.operation_timeout,
            keep_alive: self.patience.keep_alive,
            read_compacted: self.from.read_compacted,
        }
    }

    fn begin(&mut self, incarnation: u64) {
        let first = |index: u64| incarnation * NUMBERS_OF_A_LIFE + index * NUMBERS_OF_A_TOPIC;
        let mut topics = self.partitions.clone();
        if self.from.retry.is_some() {
            topics.extend(self.from.topic.retry(self.from.subscription.as_str()));
        }
        let settings = self.settings();
        let client = |(index, topic): (u64, &TopicName)| {
            let (name, brokers) = (self.from.subscription.clone(), self.brokers.clone());
            PulsarConsumer::new(topic.clone(), name, settings.clone(), first(index), brokers)
                .expect("the check has seen the name")
        };
        let clients: Vec<PulsarConsumer> = (0..).zip(&topics).map(client).collect();
        let name = format!("{}-{}", self.spec.name, self.from.subscription);
        let after = first(clients.len() as u64);
        self.process = Process {
            began: false,
            clients,
            turn: 0,
            hands: Hands::new(&self.spec, self.seed),
            publisher: Publisher::new(name, &self.brokers, self.patience, after),
            done: BTreeMap::new(),
        };
    }

    /// Works on what is here, and goes on as long as something comes of it.
    fn work(&mut self, now: Time, out: &mut Out<Message>) {
        for Over { what, done } in self.process.hands.go_on(now) {
            self.over(now, what, done, out);
        }
        while self.process.hands.free() > 0
            && let Some(held) = self.receive(now, out)
        {
            if self.spec.program.settles == Settles::Before {
                self.say(held.client, out, |client, out| client.acknowledge(now, held.in_hand.place, out));
            }
            self.process.hands.give(held);
        }
        let over = self.process.hands.go_on(now); // begins with them
        debug_assert!(over.is_empty(), "work takes time");
        self.bury(now, out);
        self.settle_rest(out);
    }

    /// The next message of one of its clients, in turn.
    fn receive(&mut self, now: Time, out: &mut Out<Message>) -> Option<Held> {
        let Process { clients, turn, .. } = &mut self.process;
        let count = clients.len();
        for step in 0..count {
            let at = (*turn + step) % count;
            if let Some(in_hand) = clients[at].receive(now, out) {
                *turn = (at + 1) % count;
                let from = self.place_of(at, &in_hand);
                return Some(Held { client: at, in_hand, from });
            }
        }
        None
    }

    /// Where a message was sent to at first: what comes from the retry topic says so.
    fn place_of(&self, client: usize, in_hand: &InHand) -> Place {
        let said = in_hand.record.headers.get(REAL_TOPIC.as_bytes()).flatten();
        let said = said.and_then(|name| core::str::from_utf8(name).ok()?.parse::<TopicName>().ok());
        let said = said.map(|topic| topic.of_cluster(self.from.topic.cluster().cloned()));
        let topic = said.as_ref().or(self.partitions.get(client)).unwrap_or(&self.from.topic);
        Place::Partition(topic.place().expect("the check has seen the name"))
    }

    /// The program is through with a message.
    fn over(&mut self, now: Time, held: Held, done: bool, out: &mut Out<Message>) {
        let Held { client, in_hand, from } = held;
        let Some(message) = in_hand.record.message_id() else { return };
        let before = self.spec.program.settles == Settles::Before;
        if done {
            let group = Some(self.from.subscription.clone());
            out.events.push(Event::Processed { from, messages: message.into(), group });
            match self.spec.program.settles {
                Settles::Before => {}
                Settles::Each => {
                    self.say(client, out, |client, out| client.acknowledge(now, in_hand.place, out));
                }
                Settles::Every(many) => {
                    let (last, count) = self.process.done.entry(client).or_insert((in_hand.place, 0));
                    (*last, *count) = (in_hand.place, *count + 1);
                    if *count >= many {
                        self.process.done.remove(&client);
                        self.say(client, out, |client, out| client.acknowledge_to(in_hand.place, out));
                    }
                }
            }
            return;
        }
        out.events.push(Event::Queue(QueueEvent::Failed { from, message }));
        match (self.spec.program.on_failure, self.from.retry) {
            _ if before => {}
            (OnFailure::Reject, Some(retry)) => {
                let topic = self.partitions.get(client).unwrap_or(&self.from.topic).clone();
                let (name, place) = (self.from.subscription.as_str(), in_hand.place);
                let when = (now, retry.delay);
                let later = Reconsumed::later(&topic, name, place, &in_hand.record, when, retry.max);
                let later = later.expect("the check has seen the names");
                let is_dead = later.times > retry.max;
                if !is_dead {
                    let (to, times, delay) = (later.to.label(), later.times, retry.delay);
                    out.events.push(Event::Pulsar(PulsarEvent::Later { message, to, times, delay }));
                }
                let then = Published::Later { client, place, message: Some(message), is_dead };
                self.process.publisher.publish(now, &later.to, Vec::from([later.record]), then, out);
            }
            _ => self.process.clients[client].negative(now, in_hand.place),
        }
    }

    /// Publishes dead letters.
    fn bury(&mut self, now: Time, out: &mut Out<Message>) {
        let Process { clients, publisher, .. } = &mut self.process;
        for (client, consumer) in clients.iter_mut().enumerate() {
            while let Some(letter) = consumer.take_dead_letter() {
                let records: Vec<NewRecord> =
                    letter.payload.records().map(|record| record.to_new()).collect();
                let messages = letter.payload.message_ids().collect();
                let then = Published::Letter { client, position: letter.position, messages };
                publisher.publish(now, &letter.to, records, then, out);
            }
        }
    }

    /// Something is published: it is acknowledged where it was.
    fn published(&mut self, now: Time, to: &TopicName, what: Published, out: &mut Out<Message>) {
        let buried = |messages| Event::Pulsar(PulsarEvent::Buried { messages, to: to.label() });
        match what {
            Published::Letter { client, position, messages } => {
                out.events.push(buried(messages));
                self.process.clients[client].buried(now, position);
            }
            Published::Later { client, place, message, is_dead } => {
                if is_dead {
                    out.events.push(buried(message.into_iter().collect()));
                }
                self.say(client, out, |client, out| client.acknowledge(now, place, out));
            }
        }
    }

    /// Has a client say that something is done. That it is, the program has said already, when it was.
    fn say(
        &mut self,
        client: usize,
        out: &mut Out<Message>,
        what: impl FnOnce(&mut PulsarConsumer, &mut Out<Message>),
    ) {
        let mut own = Out::default();
        what(&mut self.process.clients[client], &mut own);
        own.events.retain(|event| !matches!(event, Event::Processed { .. }));
        out.events.append(&mut own.events);
        out.sends.append(&mut own.sends);
    }

    /// Nothing is left to do: what is done is said.
    fn settle_rest(&mut self, out: &mut Out<Message>) {
        let Process { hands, done, .. } = &mut self.process;
        if done.is_empty() || hands.in_work().next().is_some() || hands.waiting().next().is_some() {
            return;
        }
        for (client, (place, _)) in core::mem::take(done) {
            self.say(client, out, |client, out| client.acknowledge_to(place, out));
        }
    }
}

impl Guest for Reader {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = Message::input(input) else { return };
        if now < Time(self.spec.starts_at) {
            return;
        }
        self.process.began = true;
        let mut own = Out::default();
        let number = producer::number_of(&input);
        let mut known = number.is_none_or(|number| self.process.publisher.has(number));
        for client in &mut self.process.clients {
            let its = number.is_none_or(|number| client.number() == number);
            known |= its;
            client.handle(now, if its { input.clone() } else { Input::Wake }, &mut own);
        }
        if !known {
            producer::not_mine(&input, &mut own);
        }
        for (to, what) in self.process.publisher.handle(now, &input, &mut own) {
            self.published(now, &to, what, &mut own);
        }
        self.work(now, &mut own);
        carry(own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let Process { began, clients, hands, publisher, .. } = &self.process;
        if !began {
            return Some(Time(self.spec.starts_at));
        }
        let clients = clients.iter().filter_map(PulsarConsumer::next_wakeup);
        clients.chain(hands.next_wakeup()).chain(publisher.next_wakeup()).min()
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new() // what is not acknowledged its broker has
    }

    fn start(&mut self, _now: Time, incarnation: u64) -> Result<(), Halts> {
        self.begin(incarnation);
        Ok(())
    }

    fn change(&mut self, _now: Time, change: &Change) -> bool {
        let Change::Work { span, .. } = change else { return false };
        self.spec.work = span.0;
        self.process.hands.work_for(Span(span.0));
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let up = look.is_up();
        let Process { clients, hands, .. } = &self.process;
        let mark = |held: &Held| Some(look.mark(held.message()?));
        let has = |(index, client): (u32, &PulsarConsumer)| {
            let serves = self.from.kind != PulsarType::Failover || client.is_active();
            (client.is_connected() && serves && (index as usize) < self.partitions.len()).then_some(index)
        };
        let working = hands.in_work().next().filter(|_| up);
        let queued = clients.iter().flat_map(PulsarConsumer::queued);
        let queued = queued.filter_map(|record| Some(look.mark(record.message_id()?)));
        let staged: Vec<_> = hands.waiting().filter_map(mark).chain(queued).collect();
        let held = staged.len() + hands.in_work().count();
        GuestView::Consumer(ConsumerView {
            node: self.node,
            name: self.spec.name.clone(),
            up,
            from: self.from.topic.label(),
            group: Some(self.from.subscription.clone()),
            shares: false,
            assigned: if up { (0..).zip(clients).filter_map(has).collect() } else { Vec::new() },
            working: working.and_then(|(held, since, until)| {
                Some((mark(held)?, look.true_time(since), look.true_time(until)))
            }),
            held: if up { u32::try_from(held).unwrap_or(u32::MAX) } else { 0 },
            staged: if up { staged } else { Vec::new() },
            memory_max: 0,
            sends_to: Vec::new(),
            processed: look.world.metrics().processed.get(&self.node).copied().unwrap_or(0),
        })
    }
}
