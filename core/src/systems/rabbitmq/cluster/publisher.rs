//! What does a publisher do? It publishes, remembers what was not confirmed, and publishes that again when its connection breaks.
//!
//! ```text
//!   waiting ── publish 7 ─▶ unconfirmed ─┬─ ack 7 ──▶ stored: a majority has it, or the disk of the only node that keeps it
//!      ▲                                 ├─ nack 7 ─▶ refused: again after a while, or given up
//!      └──── the connection is gone ─────┤
//!                                        └─ return 7 ─▶ it fits no queue
//!   without confirms it is forgotten as soon as it is sent
//! ```
//!
//! Source: RabbitMQ, "Consumer Acknowledgements and Publisher Confirms".

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::link::{Link, Means};
use super::protocol::{ClusterMessage, ToClient, ToNode};
use crate::ids::{MessageId, Name, NodeId};
use crate::message::Message;
use crate::observe::{Event, Place, QueueEvent, RabbitmqEvent, Refusal};
use crate::routing::ExchangeName;
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How it publishes.
#[derive(Clone, Debug)]
pub(crate) struct Publishes {
    pub(crate) exchange: ExchangeName,
    /// The routing key, where it is always the same.
    pub(crate) key: Option<Name>,
    /// As facts name it.
    pub(crate) place: Place,
    pub(crate) mandatory: bool,
    pub(crate) confirms: bool,
    pub(crate) unconfirmed_max: u32,
    /// After how long it publishes again what was refused; never, if it gives it up.
    pub(crate) retries: Option<Span>,
    pub(crate) publisher: Option<Name>,
}

/// A message that is to be published.
#[derive(Clone, Debug)]
struct Sending {
    id: MessageId,
    /// Its number among all of its publisher's.
    own: u64,
    message: Message,
    attempts: u32,
}

/// What became of a message, as its publisher was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Stored,
    Over,
}

/// Why a publisher waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldUpBy {
    /// A queue refused a message.
    FullQueue,
    /// An alarm is on.
    Alarm,
    /// Its node does not read.
    Flow,
}

/// A publisher.
#[derive(Clone, Debug)]
pub(crate) struct PublisherClient {
    how: Publishes,
    link: Link,
    waiting: VecDeque<Sending>,
    /// By the numbers of the present session.
    open: BTreeMap<u64, Sending>,
    refused: VecDeque<(Time, Sending)>,
    /// What it was told by `connection.blocked`.
    blocked: bool,
    /// Its socket takes nothing: the node does not read.
    stalled: bool,
    next: u64,
    own: u64,
    /// What became of messages since that was asked last.
    fates: Vec<(MessageId, Fate)>,
}

impl PublisherClient {
    pub(crate) fn new(
        how: Publishes,
        nodes: Vec<NodeId>,
        heartbeat: Span,
        incarnation: u64,
        (starts_at, own): (Time, u64),
    ) -> Self {
        let link = Link::new(nodes, heartbeat, incarnation, starts_at);
        let (waiting, open, refused, blocked, stalled, fates) = Default::default();
        Self { how, link, waiting, open, refused, blocked, stalled, next: 1, own, fates }
    }

    /// The program hands a message over.
    pub(crate) fn publish(&mut self, id: MessageId, message: Message) {
        self.own += 1;
        let message = match &self.how.key {
            Some(key) => message.with_routing_key(key.as_str()),
            None => message,
        };
        self.waiting.push_back(Sending { id, own: self.own, message, attempts: 0 });
    }

    /// What it holds until it is confirmed, oldest first.
    pub(crate) fn holds(&self) -> impl Iterator<Item = MessageId> {
        let refused = self.refused.iter().map(|(_, sending)| sending);
        self.open.values().chain(refused).chain(&self.waiting).map(|sending| sending.id)
    }

    /// Why it does not publish now, though it would.
    pub(crate) fn held_up(&self) -> Option<HeldUpBy> {
        if self.blocked {
            Some(HeldUpBy::Alarm)
        } else if self.stalled {
            Some(HeldUpBy::Flow)
        } else {
            (!self.refused.is_empty()).then_some(HeldUpBy::FullQueue)
        }
    }

    /// What became of messages since the last call.
    pub(crate) fn fates(&mut self) -> Vec<(MessageId, Fate)> {
        core::mem::take(&mut self.fates)
    }

    pub(crate) fn handle(&mut self, now: Time, input: Input<ClusterMessage>, out: &mut Out<ClusterMessage>) {
        match self.link.handle(now, input, out) {
            Means::Nothing => {}
            Means::Opened => {
                let to = self.link.node();
                let again = self.waiting.iter().filter(|sending| sending.attempts > 0).count() as u64;
                out.events.push(Event::Rabbitmq(RabbitmqEvent::Connected { to, again }));
                self.next = 1;
                (self.blocked, self.stalled) = (false, false);
            }
            Means::Lost => {
                (self.blocked, self.stalled) = (false, false);
                // Nobody will confirm it in this session. In order, and before what was not sent yet.
                let mut again: Vec<Sending> = core::mem::take(&mut self.open).into_values().collect();
                again.sort_by_key(|sending| sending.own);
                for sending in &again {
                    let (to, message) = (self.how.place.clone(), sending.id);
                    out.events.push(Event::NotStored { to, message, why: Refusal::NoAnswer });
                }
                again.into_iter().rev().for_each(|sending| self.waiting.push_front(sending));
            }
            Means::Word(word) => self.told(now, word, out),
        }
    }

    fn told(&mut self, now: Time, word: ToClient, out: &mut Out<ClusterMessage>) {
        match word {
            ToClient::Confirmed { numbers } => {
                let stored = numbers.iter().filter_map(|number| self.open.remove(number));
                let ids: Vec<MessageId> = stored.map(|sending| sending.id).collect();
                self.fates.extend(ids.iter().map(|&id| (id, Fate::Stored)));
                for id in ids {
                    let (by, messages) = (self.how.place.clone(), id.into());
                    out.events.push(Event::Acknowledged { by, messages });
                }
            }
            ToClient::Refused { number, never } => {
                let Some(sending) = self.open.remove(&number) else { return };
                let why = if never { Refusal::Invalid } else { Refusal::Full };
                let message = sending.id;
                match self.how.retries.filter(|_| !never) {
                    Some(after) => {
                        let to = self.how.place.clone();
                        out.events.push(Event::NotStored { to, message, why });
                        self.refused.push_back((now + after, sending));
                    }
                    None => {
                        self.fates.push((message, Fate::Over));
                        let gave_up = QueueEvent::GaveUp { message: Some(message), why };
                        out.events.push(Event::Queue(gave_up));
                    }
                }
            }
            ToClient::Returned { number } => {
                if let Some(sending) = self.open.remove(&number) {
                    self.fates.push((sending.id, Fate::Over));
                    let (exchange, message) = (self.how.exchange.clone(), sending.id);
                    out.events.push(Event::Queue(QueueEvent::Returned { exchange, message }));
                }
            }
            // It could go on writing, until its socket takes nothing more.
            ToClient::Blocked => self.blocked = true,
            ToClient::Unblocked => self.blocked = false,
            ToClient::Window { open } => self.stalled = !open,
            _ => {}
        }
    }

    /// Publishes what may be published.
    pub(crate) fn go_on(&mut self, now: Time, out: &mut Out<ClusterMessage>) {
        while let Some((_, sending)) = self.refused.pop_front_if(|(at, _)| *at <= now) {
            self.waiting.push_front(sending);
        }
        let most = match self.how.unconfirmed_max {
            0 => usize::MAX,
            most => most as usize,
        };
        while self.link.is_open()
            && !self.blocked
            && !self.stalled
            && self.open.len() < most
            && let Some(mut sending) = self.waiting.pop_front()
        {
            sending.attempts += 1;
            let number = self.next;
            self.next += 1;
            let (to, messages, attempt) = (self.how.place.clone(), sending.id.into(), sending.attempts);
            out.events.push(Event::Sent { to, messages, attempt });
            let publish = ToNode::Publish {
                number,
                exchange: self.how.exchange.clone(),
                mandatory: self.how.mandatory,
                publisher: self.how.publisher.clone().map(|name| (name, sending.own)),
                confirm: self.how.confirms,
                message: sending.message.clone(),
            };
            self.link.say(publish, out);
            if self.how.confirms {
                self.open.insert(number, sending);
            } else {
                self.fates.push((sending.id, Fate::Over));
            }
        }
    }

    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        let refused = self.refused.front().map(|(at, _)| *at);
        [Some(self.link.next_wakeup()), refused].into_iter().flatten().min()
    }
}
