//! How does another cluster get a topic's messages? A replicator reads the topic here like any subscription, and sends to the
//! topic of the same name there like any producer. Nobody waits for it.
//!
//! ```text
//!   north                                               south
//!   producer ─▶ orders ─▶ pulsar.repl.south ─ replicator ─▶ orders ─▶ pulsar.repl.north ─▶ came from north: goes nowhere
//!                  │      a cursor: its backlog is what               │
//!              consumers  the south does not have yet             consumers
//! ```
//!
//! - A producer has its receipt when its own cluster has the message. A cluster that burns takes along what was in the backlog.
//! - What arrives says which cluster it came from, and is not replicated again: nothing goes round in circles.
//! - It says also who sent it first, and under which sequence. After a restart the replicator goes on where its cursor was
//!   written last and sends some of it again: a cluster that recognises sequences stores it once.
//! - Order is kept for each producer, not among those of different clusters.
//!
//! What real systems do: Pulsar has a replicator for each topic and each other cluster, and knows of clusters from a store of
//! configuration that they share. Kafka's MirrorMaker is a program of its own, and calls the topic there `north.orders`.
//!
//! Source: Pulsar `PersistentReplicator`, `GeoPersistentReplicator`, `AbstractReplicator`, `MessageDeduplication`.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::Message;
use super::dispatch::{NewConsumer, SubscriptionType};
use super::names::{BadTopicName, TopicName};
use super::position::Position;
use super::producer::{PulsarProducer, SendResult};
use super::protocol::{Answer, Command, InitialPosition};
use super::topic::{REPLICATED_FROM_HEADER, replicated_from};
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::{Event, PulsarEvent, QueueEvent};
use crate::record::{Batches, NewRecord};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// What a replicator's subscription is called, before the name of the cluster that it sends to (`replicatorPrefix`).
pub const REPLICATOR_PREFIX: &str = "pulsar.repl";

/// The most messages that a replicator has under way (`replicationProducerQueueSize`).
pub const REPLICATION_QUEUE: u32 = 1_000;

/// Another cluster, as this one's brokers know it.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::pulsar::Remote;
/// use mqlab_core::time::Span;
/// let ms = Span::from_millis;
/// let south = Remote {
///     here: Name::new("north")?,
///     there: Name::new("south")?,
///     place: None,
///     brokers: vec![NodeId::Broker(2)],
///     backoff: ms(100),
///     operation_timeout: ms(30_000),
///     keep_alive: ms(30_000),
/// };
/// assert_eq!(south.subscription().as_str(), "pulsar.repl.south");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// What this cluster is called.
    pub here: Name,
    /// What the other is called.
    pub there: Name,
    /// What facts call the other, if topics are not called there as here.
    pub place: Option<Name>,
    /// Its brokers.
    pub brokers: Vec<NodeId>,
    /// A replicator waits this long before it tries again what was in vain: who owns the topic there, what was refused.
    pub backoff: Span,
    /// And this long for an answer.
    pub operation_timeout: Span,
    /// After so much silence it asks whether its connection is still there.
    pub keep_alive: Span,
}

impl Remote {
    /// What the subscription is called by which the other cluster gets a topic.
    pub fn subscription(&self) -> Name {
        let name = Name::new(&format!("{REPLICATOR_PREFIX}.{}", self.there));
        name.unwrap_or_else(|_| self.there.clone()) // too long with the prefix
    }
}

/// Of one topic, at its owner.
#[derive(Clone, Debug)]
pub(super) struct Replicator {
    remote: Remote,
    topic: TopicName,
    /// Of its consumer here.
    number: u64,
    producer: PulsarProducer,
    /// What is on its way: by its sequence, where it stands here and what it is.
    sent: BTreeMap<u64, (Position, Vec<MessageId>, u32)>,
    /// How often it has asked for everything again.
    epoch: u64,
    /// Something was refused there: then it tries again.
    again_at: Option<Time>,
}

impl Replicator {
    /// Of a topic; its connections are numbered after `first`.
    pub(super) fn new(topic: &TopicName, remote: &Remote, first: u64) -> Result<Self, BadTopicName> {
        let name = format!("{REPLICATOR_PREFIX}.{}", remote.here);
        let there = topic.of_cluster(remote.place.clone());
        let producer = PulsarProducer::new(there, &name, first, remote.brokers.clone())?
            .with_waits(remote.backoff, remote.operation_timeout, Span::ZERO)
            .with_keep_alive(remote.keep_alive);
        let (remote, topic) = (remote.clone(), topic.clone());
        let (sent, epoch, again_at) = (BTreeMap::new(), 0, None);
        Ok(Self { remote, topic, number: first, producer, sent, epoch, again_at })
    }

    /// What it asks of its own topic at first.
    pub(super) fn subscribe(&self) -> Command {
        Command::Subscribe {
            topic: self.topic.clone(),
            subscription: self.remote.subscription(),
            kind: SubscriptionType::Exclusive,
            consumer: self.number,
            new: NewConsumer::default(),
            from: InitialPosition::Earliest,
            epoch: self.epoch,
            read_compacted: false,
        }
    }

    /// Whether something from the other cluster is for it.
    pub(super) fn has(&self, number: u64) -> bool {
        self.producer.number() == number
    }

    /// Its own topic has something for it. Says what it asks of the topic then.
    pub(super) fn on_topic(&mut self, now: Time, answer: Answer, out: &mut Out<Message>) -> Vec<Command> {
        match answer {
            Answer::Subscribed { consumer } if consumer == self.number => {
                Vec::from([self.room(REPLICATION_QUEUE)])
            }
            Answer::Message { consumer, position, epoch, payload, .. } if consumer == self.number => {
                let count = payload.iter().map(|batch| batch.count()).sum();
                if epoch.is_some_and(|epoch| epoch < self.epoch) {
                    return Vec::from([self.room(count)]);
                }
                if replicated_from(&payload).is_some() {
                    return self.done(position, count);
                }
                self.send(now, position, &payload, count, out)
            }
            _ => Vec::new(),
        }
    }

    fn send(
        &mut self,
        now: Time,
        position: Position,
        payload: &Batches,
        count: u32,
        out: &mut Out<Message>,
    ) -> Vec<Command> {
        let mut records: Vec<NewRecord> = payload.records().map(|record| record.to_new()).collect();
        if let Some(first) = records.first_mut() {
            let here = self.remote.here.as_str().as_bytes();
            first.headers.push(REPLICATED_FROM_HEADER.as_bytes(), Some(here));
        }
        let mut own = Out::default();
        let sent = self.producer.pass_on(now, &records, &mut own);
        quiet(own, out);
        match sent {
            Ok(sequence) => {
                self.sent.insert(sequence, (position, payload.message_ids().collect(), count));
                Vec::new()
            }
            // With one header more it is too large for a batch: nobody there can have it.
            Err(_) => {
                let (there, messages) = (self.remote.there.clone(), payload.message_ids().collect());
                out.events.extend(
                    self.topic
                        .place()
                        .ok()
                        .map(|partition| Event::Pulsar(PulsarEvent::TooLarge { partition, there, messages })),
                );
                self.done(position, count)
            }
        }
    }

    /// The other cluster has something for it, or time has passed. Says what it asks of its topic then.
    pub(super) fn handle(
        &mut self,
        now: Time,
        input: Input<Message>,
        out: &mut Out<Message>,
    ) -> Vec<Command> {
        let (mut own, mut asks) = (Out::default(), Vec::new());
        self.producer.handle(now, input, &mut own);
        quiet(own, out);
        while let Some((sequence, result)) = self.producer.take_result() {
            let Some((position, messages, count)) = self.sent.remove(&sequence) else { continue };
            if result != SendResult::Stored {
                self.sent.insert(sequence, (position, messages, count)); // it comes again with all others
                self.again_at = self.again_at.or(Some(now + self.remote.backoff));
                continue;
            }
            if let Ok(partition) = self.topic.place() {
                let there = self.remote.there.clone();
                out.events.push(Event::Pulsar(PulsarEvent::Replicated { partition, there, messages }));
            }
            asks.extend(self.done(position, count));
        }
        if self.again_at.is_some_and(|at| at <= now) {
            self.again_at = None;
            asks.extend(self.again());
        }
        asks
    }

    /// Asks for everything again that is not there: so that it goes there in order.
    fn again(&mut self) -> [Command; 2] {
        self.epoch += 1;
        let sent = core::mem::take(&mut self.sent);
        let permits = sent.values().map(|(.., count)| count).sum();
        let again = Command::Redeliver { consumer: self.number, positions: None, epoch: self.epoch };
        [again, self.room(permits)]
    }

    fn done(&self, position: Position, count: u32) -> Vec<Command> {
        let acknowledged = Command::Ack { consumer: self.number, positions: [position].into() };
        Vec::from([acknowledged, self.room(count)])
    }

    fn room(&self, permits: u32) -> Command {
        Command::Flow { consumer: self.number, permits }
    }

    /// When it wants to be woken, if nothing reaches it before.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.producer.next_wakeup().into_iter().chain(self.again_at).min()
    }
}

/// What a replicator sends its producer has sent before, and nobody waits for it.
fn quiet(own: Out<Message>, out: &mut Out<Message>) {
    let told = |event: &Event| {
        let of_client = matches!(event, Event::Sent { .. } | Event::Acknowledged { .. });
        !of_client && !matches!(event, Event::Queue(QueueEvent::GaveUp { .. }))
    };
    out.events.extend(own.events.into_iter().filter(told));
    out.sends.extend(own.sends);
}
