//! How does a producer send? To one queue after the other, and, where that fails, to another broker: three attempts.
//!
//! ```text
//!   attempt 1: broker-a / 0 ── refused, or nothing heard in 3 s ──▶ attempt 2: broker-b / 2 ──▶ attempt 3: ... ──▶ given up
//! ```
//!
//! In order: the key decides the queue, and a send that fails is not tried elsewhere, for there it would be out of order. In a
//! transaction: a half message, then the program's own transaction, then its outcome; the broker asks, if that is lost.
//!
//! What was not answered may be stored all the same; who sends again may store twice. An answer other than SEND_OK is no failure.
//!
//! Source: `DefaultMQProducerImpl.java`, `TransactionMQProducer.java`.

use alloc::collections::BTreeMap;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Topic;
use super::allocate::MessageQueue;
use super::in_hand::{InHand, Sending};
use super::latency::FaultStrategy;
use super::layout::StoredMessage;
use super::numbering::Numbering;
use super::properties::key;
use super::protocol::{Message, Notice, Refused, Reply, Request, RequestId, SendStatus, TransactionState};
use super::routes::{Numbers, ROUTE_TIMEOUT, ROUTES_EVERY, Routes};
use super::select::queue_by_key;
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::{Event, Place, QueueEvent, Refusal, RocketmqEvent};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How a producer is set.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::producer::ProducerSettings;
/// assert_eq!(ProducerSettings::new(Name::new("shop")?).attempts, 3);
/// # Ok::<(), mqlab_core::ids::BadName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    /// Its group: any member of it answers for half messages.
    pub group: Name,
    /// The topics that it sends to.
    pub topics: BTreeSet<Topic>,
    /// The name servers.
    pub name_servers: Vec<NodeId>,
    /// How often a message is sent at most (`retryTimesWhenSendFailed` + 1): 3 times.
    pub attempts: u32,
    /// So long it waits for an answer (`sendMsgTimeout`): 3 s.
    pub timeout: Span,
    /// Whether brokers that are slow are avoided (`sendLatencyFaultEnable`): no.
    pub avoids_slow: bool,
    /// Whether an answer other than SEND_OK counts as a failure, which sends again (`retryAnotherBrokerWhenNotStoreOK`): no.
    pub retries_unsafe: bool,
    /// How often it asks for routes: 30 s.
    pub routes_every: Span,
    /// So long it waits for a name server's answer: 3 s.
    pub route_timeout: Span,
    /// How often it tells brokers that it is there (`heartbeatBrokerInterval`): 30 s.
    pub heartbeat_every: Span,
    /// Its requests are numbered from behind this: those of an earlier process of the same node have other numbers.
    pub numbers_behind: u64,
    /// How facts number queues.
    pub numbering: Numbering,
}

impl ProducerSettings {
    /// A producer of this group, with everything else as RocketMQ has it.
    pub fn new(group: Name) -> Self {
        let (topics, name_servers) = (BTreeSet::new(), Vec::new());
        let (timeout, every) = (Span::from_millis(3_000), Span::from_millis(30_000));
        let (avoids_slow, retries_unsafe) = (false, false);
        let (attempts, routes_every, heartbeat_every) = (3, ROUTES_EVERY, every);
        Self {
            group,
            topics,
            name_servers,
            attempts,
            timeout,
            avoids_slow,
            retries_unsafe,
            routes_every,
            route_timeout: ROUTE_TIMEOUT,
            heartbeat_every,
            numbers_behind: 0,
            numbering: Numbering::default(),
        }
    }
}

/// How a message is to be sent.
///
/// ```
/// use mqlab_core::systems::rocketmq::producer::How;
/// assert_eq!(How::default(), How::Anywhere);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// To the next queue, and another if that fails.
    #[default]
    Anywhere,
    /// To the queue of its key, and only there.
    InOrder(alloc::string::String),
    /// As a half message, of which the program has said, or says when it is asked, what became.
    InTransaction,
    /// As a half message: when it is stored the program is told, and [ends](Producer::end) it when its own transaction is over.
    HalfFirst,
}

/// How a send ended.
///
/// ```
/// use mqlab_core::systems::rocketmq::producer::Outcome;
/// use mqlab_core::systems::rocketmq::protocol::SendStatus;
/// assert_ne!(Outcome::Stored(SendStatus::SendOk), Outcome::Failed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, and this is what else is known.
    Stored(SendStatus),
    /// Half of it is stored: the program's own transaction may begin.
    HalfStored(SendStatus),
    /// No attempt was answered so; it may be stored all the same.
    Failed,
}

/// Where a half message is.
#[derive(Clone, Debug)]
struct HalfAt {
    queue: MessageQueue,
    /// Its place in the CommitLog, and its offset among the half messages.
    at: (u64, u64),
}

/// A producer.
///
/// ```
/// use mqlab_core::ids::{MessageId, Name};
/// use mqlab_core::systems::rocketmq::layout::StoredMessage;
/// use mqlab_core::systems::rocketmq::producer::{How, Producer, ProducerSettings};
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::systems::Out;
/// use mqlab_core::time::Time;
/// let mut producer = Producer::new(Time::ZERO, ProducerSettings::new(Name::new("shop")?));
/// let message = StoredMessage::new(Topic::new("orders")?, 0, "paid".into());
/// producer.send(Time::ZERO, MessageId(1), message, How::Anywhere, &mut Out::default());
/// assert_eq!(producer.open(), 1); // it waits until it knows of a broker
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Producer {
    settings: ProducerSettings,
    routes: Routes,
    numbers: Numbers,
    strategy: FaultStrategy,
    sending: InHand,
    /// The next queue, of all that there are.
    turn: usize,
    heartbeat_at: Time,
    /// What became of transactions, as far as the program has said.
    states: BTreeMap<MessageId, TransactionState>,
    /// Half messages that the program has not ended.
    halves: BTreeMap<MessageId, HalfAt>,
    outcomes: Vec<(MessageId, Outcome)>,
}

impl Producer {
    /// A producer that knows of no broker yet.
    pub fn new(now: Time, settings: ProducerSettings) -> Self {
        let servers = settings.name_servers.clone();
        let times = (settings.routes_every, settings.route_timeout);
        let routes = Routes::new(now, servers, times, settings.topics.clone());
        Self {
            numbers: Numbers::behind(settings.numbers_behind),
            settings,
            routes,
            strategy: FaultStrategy::default(),
            sending: InHand::default(),
            turn: 0,
            heartbeat_at: now,
            states: BTreeMap::new(),
            halves: BTreeMap::new(),
            outcomes: Vec::new(),
        }
    }

    /// Sends a message; its queue is chosen here.
    pub fn send(
        &mut self,
        now: Time,
        id: MessageId,
        mut message: StoredMessage,
        how: How,
        out: &mut Out<Message>,
    ) {
        message.properties = message.properties.with_id(id);
        message.born_at = now;
        if matches!(how, How::InTransaction | How::HalfFirst) {
            message.properties.put(key::HALF, "true");
            message.properties.put(key::PRODUCER_GROUP, self.settings.group.as_str());
        }
        self.sending.put(now, id, message, how);
        self.attempt(now, id, out);
    }

    /// Says what became of the transaction that a message belongs to; the broker asks for it, too.
    pub fn decide(&mut self, id: MessageId, state: TransactionState) {
        self.states.insert(id, state);
    }

    /// The program's own transaction of a half message is over: its broker is told, once. Where that gets lost the broker asks.
    pub fn end(&mut self, id: MessageId, state: TransactionState, out: &mut Out<Message>) {
        self.decide(id, state);
        let Some(HalfAt { queue, at: (physical, half_offset) }) = self.halves.remove(&id) else { return };
        self.tell_end(&queue, (physical, half_offset, state), out);
        if state == TransactionState::Commit {
            out.events.push(Event::Acknowledged { by: self.place(&queue), messages: id.into() });
        }
    }

    /// The messages that are not yet stored or given up, and those of which half is stored.
    pub fn in_hand(&self) -> impl Iterator<Item = MessageId> {
        self.sending.iter().map(|(id, _)| id).chain(self.halves.keys().copied())
    }

    fn place(&self, queue: &MessageQueue) -> Place {
        Place::Partition(self.settings.numbering.of(queue))
    }

    /// How many messages are not yet stored or given up.
    pub fn open(&self) -> usize {
        self.sending.len()
    }

    /// How sends ended since this was asked last.
    pub fn take_outcomes(&mut self) -> Vec<(MessageId, Outcome)> {
        core::mem::take(&mut self.outcomes)
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => {
                match self.routes.take(now, id, &reply) {
                    Some(true) => self.heartbeat_at = now, // the brokers may be new
                    Some(false) => {}
                    None => self.answered(now, id, &reply, out),
                }
            }
            Input::Message { from, message: Message::Notice(Notice::CheckTransaction { half }) } => {
                self.checked(from, &half, out);
            }
            Input::HangUp { peer } => self.hung_up(now, peer, out),
            Input::Wake | Input::Message { .. } => {}
        }
        self.do_what_is_due(now, out);
    }

    fn do_what_is_due(&mut self, now: Time, out: &mut Out<Message>) {
        self.routes.ask(now, &mut self.numbers, out);
        if now >= self.heartbeat_at {
            self.heartbeat_at = now + self.settings.heartbeat_every;
            for node in self.routes.nodes() {
                let producer_of = BTreeSet::from([self.settings.group.clone()]);
                let notice = Notice::Heartbeat { consumer_of: BTreeSet::new(), producer_of };
                out.sends.push((node, Message::Notice(notice)));
            }
        }
        if let Some(since) = now.0.checked_sub(self.settings.timeout.0) {
            let late = self.sending.waiting_since(Time(since));
            late.into_iter().for_each(|id| self.failed(now, id, Refusal::NoAnswer, out));
        }
        let unsent = self.sending.unsent().clone();
        unsent.into_iter().for_each(|id| self.attempt(now, id, out));
        if !self.sending.unsent().is_empty() {
            self.routes.hurry();
        }
    }

    /// The queue of the next attempt: another broker than the last, if there is one, that is not avoided, if there is one.
    fn choose(&mut self, now: Time, id: MessageId) -> Option<MessageQueue> {
        let sending = self.sending.get(id)?;
        let topic = &sending.message.topic;
        let has_master = |queue: &MessageQueue| {
            self.routes.broker(topic, &queue.broker).is_some_and(|routed| routed.master().is_some())
        };
        if let How::InOrder(key) = &sending.how {
            // A queue whose master is away is chosen all the same: another would be out of order.
            let queues = self.routes.queues(topic);
            let index = queue_by_key(key, u32::try_from(queues.len()).unwrap_or(u32::MAX));
            return queues.get(index as usize).filter(|queue| has_master(queue)).cloned();
        }
        let last = sending.last.as_ref().map(|queue| &queue.broker);
        let queues = || {
            let with_master = self.routes.of(topic).iter().filter(|routed| routed.master().is_some());
            with_master.flat_map(|routed| (0..routed.queues).map(move |queue| (&routed.broker, queue)))
        };
        let turn = self.turn % queues().count().max(1);
        let in_turn = || queues().skip(turn).chain(queues().take(turn));
        let is_quick = |(broker, _): &(&Name, u32)| {
            !self.settings.avoids_slow || self.strategy.is_available(now, broker.as_str())
        };
        let others = || in_turn().filter(|(broker, _)| Some(*broker) != last);
        let chosen = others().find(is_quick).or_else(|| others().next()).or_else(|| in_turn().next());
        let chosen = chosen.map(|(broker, queue)| {
            let (topic, broker) = (topic.clone(), broker.clone());
            MessageQueue { topic, broker, queue }
        });
        self.turn = self.turn.wrapping_add(1);
        chosen
    }

    fn attempt(&mut self, now: Time, id: MessageId, out: &mut Out<Message>) {
        let Some(queue) = self.choose(now, id) else { return };
        let routed = self.routes.broker(&queue.topic, &queue.broker);
        let Some(master) = routed.and_then(super::protocol::RoutedBroker::master) else { return };
        let request = self.numbers.take();
        let to = Place::Partition(self.settings.numbering.of(&queue));
        let Some(sending) = self.sending.goes(now, id, queue, request) else { return };
        out.events.push(Event::Sent { to, messages: id.into(), attempt: sending.attempt });
        out.sends.push((master, Message::Request(request, Request::Send(sending.message.clone()))));
    }

    fn answered(&mut self, now: Time, request: RequestId, reply: &Reply, out: &mut Out<Message>) {
        let Some(id) = self.sending.asked_under(request) else { return };
        match *reply {
            Reply::Sent { status, queue_offset, physical } => {
                self.stored(now, id, status, (queue_offset, physical), out);
            }
            Reply::Refused(Refused::MessageIllegal) => {
                self.note_latency(now, id, true);
                self.failed_for_good(id, Refusal::TooLarge, out); // no broker takes it
            }
            Reply::Refused(Refused::ServiceNotAvailable) => self.failed(now, id, Refusal::Full, out),
            _ => self.failed(now, id, Refusal::Unknown, out),
        }
    }

    fn stored(
        &mut self,
        now: Time,
        id: MessageId,
        status: SendStatus,
        (half_offset, physical): (u64, u64),
        out: &mut Out<Message>,
    ) {
        self.note_latency(now, id, true);
        let Some(sending) = self.sending.get_mut(id) else { return };
        let is_last = sending.attempt >= self.settings.attempts;
        sending.best = Some(sending.best.map_or(status, |best| best.min(status)));
        if status != SendStatus::SendOk
            && self.settings.retries_unsafe
            && !is_last
            && sending.how == How::Anywhere
        {
            return self.attempt(now, id, out);
        }
        let Some(sending) = self.sending.remove(id) else { return };
        let Some(queue) = &sending.last else { return };
        if status != SendStatus::SendOk {
            out.events.push(Event::Rocketmq(RocketmqEvent::LessSafe { message: id, status }));
        }
        if sending.how == How::HalfFirst {
            let half = HalfAt { queue: queue.clone(), at: (physical, half_offset) };
            self.halves.insert(id, half);
            return self.outcomes.push((id, Outcome::HalfStored(status)));
        }
        if sending.how == How::InTransaction {
            let state = self.states.get(&id).copied().unwrap_or(TransactionState::Unknown);
            self.tell_end(queue, (physical, half_offset, state), out);
            if state != TransactionState::Commit {
                self.outcomes.push((id, Outcome::Stored(status)));
                return; // nobody was promised anything
            }
        }
        out.events.push(Event::Acknowledged { by: self.place(queue), messages: id.into() });
        self.outcomes.push((id, Outcome::Stored(sending.best.unwrap_or(status))));
    }

    fn tell_end(
        &self,
        queue: &MessageQueue,
        (physical, half_offset, state): (u64, u64, TransactionState),
        out: &mut Out<Message>,
    ) {
        let routed = self.routes.broker(&queue.topic, &queue.broker);
        if let Some(master) = routed.and_then(super::protocol::RoutedBroker::master) {
            let group = self.settings.group.clone();
            let notice = Notice::EndTransaction { group, physical, half_offset, state };
            out.sends.push((master, Message::Notice(notice)));
        }
    }

    /// A broker asks what became of a half message.
    fn checked(&self, broker: NodeId, half: &StoredMessage, out: &mut Out<Message>) {
        let id = half.properties.message_id();
        let state = id.and_then(|id| self.states.get(&id)).copied().unwrap_or(TransactionState::Unknown);
        let group = self.settings.group.clone();
        let (physical, half_offset) = (half.physical_offset, half.queue_offset);
        let notice = Notice::EndTransaction { group, physical, half_offset, state };
        out.sends.push((broker, Message::Notice(notice)));
    }

    fn note_latency(&mut self, now: Time, id: MessageId, answered: bool) {
        let Some(sending) = self.sending.get(id) else { return };
        if let Some(queue) = &sending.last {
            self.strategy.sent(now, queue.broker.as_str(), answered.then(|| now.since(sending.since())));
        }
    }

    /// An attempt failed: another follows, if there is one left.
    fn failed(&mut self, now: Time, id: MessageId, why: Refusal, out: &mut Out<Message>) {
        self.note_latency(now, id, false);
        let Some(sending) = self.sending.get_mut(id) else { return };
        let is_last = sending.attempt >= self.settings.attempts || sending.how != How::Anywhere;
        if is_last || sending.attempt == 0 {
            return self.failed_for_good(id, why, out);
        }
        if let Some(queue) = &sending.last {
            let to = Place::Partition(self.settings.numbering.of(queue));
            out.events.push(Event::NotStored { to, message: id, why });
        }
        self.sending.forget_asked(id);
        self.attempt(now, id, out);
        if self.sending.get(id).is_some_and(|sending| !sending.is_asked()) {
            self.failed_for_good(id, why, out);
        }
    }

    fn failed_for_good(&mut self, id: MessageId, why: Refusal, out: &mut Out<Message>) {
        let Some(sending) = self.sending.remove(id) else { return };
        if let Some((best, queue)) = sending.best.zip(sending.last.as_ref()) {
            out.events.push(Event::Acknowledged { by: self.place(queue), messages: id.into() });
            return self.outcomes.push((id, Outcome::Stored(best)));
        }
        out.events.push(Event::Queue(QueueEvent::GaveUp { message: Some(id), why }));
        self.outcomes.push((id, Outcome::Failed));
    }

    /// A connection broke: what was sent over it is not answered any more.
    fn hung_up(&mut self, now: Time, peer: NodeId, out: &mut Out<Message>) {
        let is_there = |sending: &Sending| {
            let queue = sending.last.as_ref().filter(|_| sending.is_asked());
            let routed = queue.and_then(|queue| self.routes.broker(&queue.topic, &queue.broker));
            routed.and_then(super::protocol::RoutedBroker::master) == Some(peer)
        };
        let cut: Vec<_> = self.sending.iter().filter(|(_, s)| is_there(s)).map(|(id, _)| id).collect();
        cut.into_iter().for_each(|id| self.failed(now, id, Refusal::NoAnswer, out));
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let sends = self.sending.longest_since().map(|since| since + self.settings.timeout);
        sends.into_iter().chain([self.heartbeat_at, self.routes.next_ask()]).min()
    }
}
