//! How does a consumer get messages, and get rid of them? It gives permits, and acknowledges, or gives back.
//!
//! ```text
//!   broker ─▶ receiver queue (1,000) ─▶ receive ─▶ program ─▶ acknowledge        grouped for 100 ms
//!     ▲            │ half of it taken: 500 more              ─▶ negative          again after 60 s
//!     └── flow ────┘                                          ─▶ (silence)        again after the ack timeout
//!
//!   given back too often ─▶ dead letter: to be published to TOPIC-SUBSCRIPTION-DLQ, and then acknowledged
//! ```
//!
//! Where one consumes at a time, giving back means that *everything* comes again, in order. What was on its way when that
//! was asked for must not get in between: a later message done first would take those before it along, if the program
//! acknowledges up to there. So client and broker count these askings, the *epoch* (PIP-84):
//!
//! ```text
//!   client  7 is overdue ─▶ all again, epoch 1          8 of epoch 0: dropped     6 7 8 of epoch 1: from the mark on
//!   broker            8 of epoch 0 is on its way ───────┘
//! ```
//!
//! An entry may be a batch. It is acknowledged when all of its messages are; until then it comes back as a whole.
//!
//! How often is too often, clients see differently. With a limit of N a message was given back, Pulsar's Java client lets
//! the program see it N + 1 times: the last time it only notes that the next failure is the end. The Go client sends it
//! away as soon as it comes back for the N-th time.
//!
//! Source: Pulsar `ConsumerImpl` (`isValidConsumerEpoch`), `UnAckedMessageTracker`, `NegativeAcksTracker`; Go client `dlq_router.go`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::Message;
use super::consumer_settings::{ConsumerSettings, DeadLetterStyle};
use super::dispatch::NotSubscribed;
use super::names::{BadTopicName, TopicName};
use super::position::{MessagePlace, Position};
use super::protocol::{Answer, Command};
use super::session::{News, Session};
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::observe::{Event, Messages, Place, PulsarEvent};
use crate::record::{Batches, Record};
use crate::systems::{Input, Out};
use crate::time::Time;

/// A message in a program's hands.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::{InHand, MessagePlace, Position};
/// let record = batch(0, 1).records().next().ok_or("one record")?;
/// let place = MessagePlace { position: Position::default(), partition: None, batch: None };
/// let in_hand = InHand { place, record, redeliveries: 0 };
/// assert_eq!(in_hand.place.to_string(), "0:0:-1:-1");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InHand {
    /// Where it stands.
    pub place: MessagePlace,
    /// The message.
    pub record: Record,
    /// How often it was given back before.
    pub redeliveries: u32,
}

/// An entry that was given back too often: publish it there, and then [acknowledge](PulsarConsumer::buried) it.
///
/// ```
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::{DeadLetter, Position};
/// let letter = DeadLetter { position: Position::default(), to: "t-s-DLQ".parse()?, payload: batch(0, 1) };
/// assert_eq!(letter.to.local().as_str(), "t-s-DLQ");
/// # Ok::<(), mqlab_core::systems::pulsar::BadTopicName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stands.
    pub position: Position,
    /// Where it goes.
    pub to: TopicName,
    /// Its messages.
    pub payload: Batches,
}

/// An entry that is here, and not acknowledged.
#[derive(Clone, Debug)]
struct Here {
    payload: Batches,
    /// Which messages it has, by their numbers in the batch: of one that was compacted some are missing.
    ids: BTreeMap<u32, Option<MessageId>>,
    redeliveries: u32,
    /// Messages that are not acknowledged.
    left: BTreeSet<u32>,
    /// Until when it must be, once the program has one of them.
    until: Option<Time>,
}

/// A consumer of one topic, or of one partition.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::pulsar::{ConsumerSettings, PulsarConsumer};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let brokers = vec![NodeId::Broker(1)];
/// let settings = ConsumerSettings::default();
/// let mut consumer = PulsarConsumer::new("t".parse()?, Name::new("s")?, settings, 0, brokers)?;
/// let mut out = Out::default();
/// consumer.handle(Time::ZERO, Input::Wake, &mut out);
/// assert_eq!(out.sends.len(), 1); // it looks for the owner first
/// assert!(consumer.receive(Time::ZERO, &mut out).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PulsarConsumer {
    session: Session,
    subscription: Name,
    settings: ConsumerSettings,
    place: PartitionId,
    dead_letters_to: TopicName,
    queue: VecDeque<(MessagePlace, Record)>,
    here: BTreeMap<Position, Here>,
    /// Messages taken from the queue for which no permit was given yet.
    taken: u32,
    acks: BTreeSet<Position>,
    acks_at: Option<Time>,
    nacks: BTreeSet<(Time, Position)>,
    dead: VecDeque<DeadLetter>,
    refused: Option<NotSubscribed>,
    active: bool,
    /// How often it has asked for everything again.
    epoch: u64,
}

impl PulsarConsumer {
    /// A consumer of a subscription. Its connections are numbered after `first`: clients of one node begin far apart.
    ///
    /// # Errors
    ///
    /// When the names together are too long for a topic's name.
    pub fn new(
        topic: TopicName,
        subscription: Name,
        settings: ConsumerSettings,
        first: u64,
        brokers: Vec<NodeId>,
    ) -> Result<Self, BadTopicName> {
        let session = Session::new(topic.clone(), brokers, first)
            .with_waits(settings.backoff, settings.operation_timeout)
            .with_keep_alive(settings.keep_alive);
        Ok(Self {
            place: topic.place()?,
            dead_letters_to: topic.dead_letters(subscription.as_str())?,
            session,
            subscription,
            settings,
            queue: VecDeque::new(),
            here: BTreeMap::new(),
            taken: 0,
            acks: BTreeSet::new(),
            acks_at: None,
            nacks: BTreeSet::new(),
            dead: VecDeque::new(),
            refused: None,
            active: false,
            epoch: 0,
        })
    }

    /// Whether it has its place in the subscription.
    pub fn is_connected(&self) -> bool {
        self.session.connected().is_some()
    }

    /// The number of its connection, or of the last that it had.
    pub fn number(&self) -> u64 {
        self.session.number()
    }

    /// The messages that wait in its queue, oldest first.
    pub fn queued(&self) -> impl Iterator<Item = &Record> {
        self.queue.iter().map(|(_, record)| record)
    }

    /// Why it was refused the last time, if it was. It tries again.
    pub fn refused(&self) -> Option<NotSubscribed> {
        self.refused
    }

    /// Whether it is the active one of a failover subscription.
    pub fn is_active(&self) -> bool {
        self.active
    }

    fn say(&self, command: impl FnOnce(u64) -> Command, out: &mut Out<Message>) {
        if let Some((broker, consumer)) = self.session.connected() {
            out.sends.push((broker, Message::ToBroker(command(consumer))));
        }
    }

    /// Takes what has come, and does what is due.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match self.session.handle(now, input, out) {
            Some(News::Open(broker, consumer)) => {
                let command = Command::Subscribe {
                    topic: self.session.topic().clone(),
                    subscription: self.subscription.clone(),
                    kind: self.settings.kind,
                    consumer,
                    new: self.settings.consumer.clone(),
                    from: self.settings.from,
                    epoch: self.epoch,
                    read_compacted: self.settings.read_compacted,
                };
                out.sends.push((broker, Message::ToBroker(command)));
            }
            Some(News::Closed) => self.reset(),
            Some(News::Answer(answer)) => self.answer(now, answer, out),
            None => {}
        }
        self.tick(now, out);
    }

    /// The connection is gone, and with it the claim on what is here. What the program has it may still acknowledge.
    fn reset(&mut self) {
        self.queue.clear();
        self.here.clear();
        self.nacks.clear();
        (self.taken, self.active) = (0, false);
    }

    fn answer(&mut self, now: Time, answer: Answer, out: &mut Out<Message>) {
        match answer {
            Answer::Subscribed { .. } => {
                self.session.open(now);
                self.refused = None;
                let permits = self.settings.receiver_queue;
                self.say(|consumer| Command::Flow { consumer, permits }, out);
                self.acks_at = self.acks_at.or((!self.acks.is_empty()).then_some(now));
            }
            Answer::NotSubscribed { why, .. } => {
                self.refused = Some(why);
                self.session.again(now);
            }
            Answer::Active { active, .. } => self.active = active,
            Answer::Message { epoch, payload, .. } if epoch.is_some_and(|epoch| epoch < self.epoch) => {
                self.drop_outdated(&payload, out);
            }
            Answer::Message { position, redeliveries, payload, .. } => {
                self.arrive(position, redeliveries, payload, out);
            }
            _ => {}
        }
    }

    fn arrive(&mut self, position: Position, redeliveries: u32, payload: Batches, out: &mut Out<Message>) {
        let records: Vec<Record> = payload.records().collect();
        let too_often = self.settings.dead_letters.is_some_and(|policy| match policy.style {
            DeadLetterStyle::Java => redeliveries > policy.max_redeliver,
            DeadLetterStyle::Go => redeliveries >= policy.max_redeliver,
        });
        if too_often {
            self.bury(position, payload);
            self.took(records.len() as u32, out);
            return;
        }
        let base = payload.base().unwrap_or_default();
        let is_batch = payload.next().is_some_and(|next| next.0 - base.0 > 1);
        let number = |record: &Record| u32::try_from(record.offset.0 - base.0).unwrap_or(u32::MAX);
        let ids: BTreeMap<u32, Option<MessageId>> =
            records.iter().map(|record| (number(record), record.message_id())).collect();
        let left = ids.keys().copied().collect();
        self.here.insert(position, Here { payload, ids, redeliveries, left, until: None });
        for record in records {
            let index = number(&record);
            let (partition, batch) = (self.session.topic().partition_index(), is_batch.then_some(index));
            self.queue.push_back((MessagePlace { position, partition, batch }, record));
        }
    }

    /// It was sent before everything was asked for again, and comes once more: now it would come before its turn.
    fn drop_outdated(&mut self, payload: &Batches, out: &mut Out<Message>) {
        let (subscription, messages) = (self.subscription.clone(), payload.message_ids().collect());
        let epoch = self.epoch;
        out.events.push(Event::Pulsar(PulsarEvent::Outdated { subscription, messages, epoch }));
        self.took(payload.iter().map(|batch| batch.count()).sum(), out);
    }

    fn bury(&mut self, position: Position, payload: Batches) {
        self.dead.push_back(DeadLetter { position, to: self.dead_letters_to.clone(), payload });
    }

    /// The next message, if one is here.
    pub fn receive(&mut self, now: Time, out: &mut Out<Message>) -> Option<InHand> {
        let (place, record) = self.queue.pop_front()?;
        self.took(1, out);
        let here = self.here.get_mut(&place.position)?;
        let deadline = self.settings.ack_timeout.map(|timeout| now + timeout);
        here.until = here.until.or(deadline);
        let redeliveries = here.redeliveries;
        if let Some(message) = record.message_id() {
            let from = Place::Partition(self.place.clone());
            out.events.push(Event::Received { from, messages: message.into(), delivery: redeliveries + 1 });
        }
        Some(InHand { place, record, redeliveries })
    }

    /// Messages have left the queue: from half of it on there are permits for as many.
    fn took(&mut self, messages: u32, out: &mut Out<Message>) {
        self.taken += messages;
        if self.taken >= (self.settings.receiver_queue / 2).max(1) {
            let permits = core::mem::take(&mut self.taken);
            self.say(|consumer| Command::Flow { consumer, permits }, out);
        }
    }

    /// The program is done with a message.
    pub fn acknowledge(&mut self, now: Time, place: MessagePlace, out: &mut Out<Message>) {
        self.processed(place.position, place.batch, out);
        if let Some(here) = self.here.get_mut(&place.position) {
            here.left.remove(&place.batch.unwrap_or(0));
            if !here.left.is_empty() {
                return;
            }
        } else if place.batch.is_some() {
            return; // it comes again, whole
        }
        self.acknowledge_entry(now, place.position);
        self.tick(now, out);
    }

    fn acknowledge_entry(&mut self, now: Time, position: Position) {
        self.here.remove(&position);
        self.nacks.retain(|(_, other)| *other != position);
        self.acks.insert(position);
        self.acks_at.get_or_insert(now + self.settings.ack_group);
    }

    /// The program is done with a message and all before it. Only where one consumes at a time; elsewhere nothing happens.
    /// Of a batch it counts when its last message is done.
    pub fn acknowledge_to(&mut self, place: MessagePlace, out: &mut Out<Message>) {
        if self.settings.kind.is_shared() {
            return;
        }
        let is_last =
            |here: &Here| place.batch.is_none_or(|batch| here.left.last().is_none_or(|last| *last <= batch));
        let whole = self.here.get(&place.position).is_some_and(is_last);
        let before: Vec<Position> =
            self.here.range(..place.position).map(|(position, _)| *position).collect();
        let done = before.into_iter().chain(whole.then_some(place.position));
        let mut last = None;
        for position in done {
            self.processed(position, None, out);
            self.here.remove(&position);
            self.nacks.retain(|(_, other)| *other != position);
            self.acks.remove(&position);
            last = Some(position);
        }
        if let Some(position) = last {
            self.say(|consumer| Command::AckTo { consumer, position }, out);
        }
    }

    /// States that messages of an entry are done: one of them, or all.
    fn processed(&self, position: Position, batch: Option<u32>, out: &mut Out<Message>) {
        let Some(here) = self.here.get(&position) else { return };
        let id = |index: &u32| *here.ids.get(index)?;
        let messages: Messages = match batch {
            Some(index) => here.left.get(&index).and_then(id).into_iter().collect(),
            None => here.left.iter().filter_map(id).collect(),
        };
        if !messages.is_empty() {
            let (from, group) = (Place::Partition(self.place.clone()), Some(self.subscription.clone()));
            out.events.push(Event::Processed { from, messages, group });
        }
    }

    /// The program could not do it: the message's entry comes again later.
    pub fn negative(&mut self, now: Time, place: MessagePlace) {
        if self.here.contains_key(&place.position) {
            self.nacks.insert((now + self.settings.nack_delay, place.position));
        }
    }

    /// The next entry that was given back too often.
    pub fn take_dead_letter(&mut self) -> Option<DeadLetter> {
        self.dead.pop_front()
    }

    /// A dead letter has been published: it is acknowledged.
    pub fn buried(&mut self, now: Time, position: Position) {
        self.acknowledge_entry(now, position);
    }

    fn tick(&mut self, now: Time, out: &mut Out<Message>) {
        let mut back = BTreeSet::new();
        while let Some((at, position)) = self.nacks.first().copied().filter(|(at, _)| *at <= now) {
            self.nacks.remove(&(at, position));
            back.insert(position);
        }
        let timed = self.settings.ack_timeout.map(|_| self.here.iter()).into_iter().flatten();
        let late = timed.filter(|(_, here)| here.until.is_some_and(|until| until <= now));
        let late: Vec<(Position, Vec<MessageId>)> =
            late.map(|(position, here)| (*position, here.payload.message_ids().collect())).collect();
        if !late.is_empty() {
            let messages = late.iter().flat_map(|(_, messages)| messages).copied().collect();
            let subscription = self.subscription.clone();
            out.events.push(Event::Pulsar(PulsarEvent::AckOverdue { subscription, messages }));
        }
        back.extend(late.into_iter().map(|(position, _)| position));
        self.give_back(back, out);
        if self.session.connected().is_some() && self.acks_at.is_some_and(|at| at <= now) {
            self.acks_at = None;
            let positions = core::mem::take(&mut self.acks).into_iter().collect();
            self.say(|consumer| Command::Ack { consumer, positions }, out);
        }
    }

    fn give_back(&mut self, entries: BTreeSet<Position>, out: &mut Out<Message>) {
        let mut again = Vec::new();
        for position in entries {
            let Some(here) = self.here.remove(&position) else { continue };
            let last_time = |limit: super::DeadLetterPolicy| here.redeliveries >= limit.max_redeliver;
            if self.settings.kind.is_shared() && self.settings.dead_letters.is_some_and(last_time) {
                self.bury(position, here.payload);
            } else {
                again.push(position);
            }
        }
        if again.is_empty() {
            return;
        }
        if self.settings.kind.is_shared() {
            self.drop_queued(|position| again.contains(&position), out);
            let epoch = self.epoch;
            self.say(|consumer| Command::Redeliver { consumer, positions: Some(again), epoch }, out);
        } else {
            // Everything comes again, in order.
            self.drop_queued(|_| true, out);
            self.here.clear();
            self.nacks.clear();
            self.epoch += 1;
            let epoch = self.epoch;
            self.say(|consumer| Command::Redeliver { consumer, positions: None, epoch }, out);
        }
    }

    /// What comes again is not handed out from the queue, too; its permits are free.
    fn drop_queued(&mut self, goes: impl Fn(Position) -> bool, out: &mut Out<Message>) {
        let before = self.queue.len();
        self.queue.retain(|(place, _)| !goes(place.position));
        let gone = (before - self.queue.len()) as u32;
        if gone > 0 {
            self.took(gone, out);
        }
    }

    /// When it wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let acks = self.acks_at.filter(|_| self.is_connected());
        let nack = self.nacks.first().map(|(at, _)| *at);
        let timed = self.settings.ack_timeout.map(|_| self.here.values()).into_iter().flatten();
        let late = timed.filter_map(|here| here.until).min();
        self.session.next_wakeup().into_iter().chain(acks).chain(nack).chain(late).min()
    }

    /// The messages that are here and that the program has not acknowledged.
    pub fn unacknowledged(&self) -> impl Iterator<Item = MessageId> {
        self.here.values().flat_map(|here| here.payload.message_ids())
    }
}
