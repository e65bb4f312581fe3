//! How does a consumer read queues that others read, too? It pops from each of them, and acknowledges message by message.
//!
//! ```text
//!   Pop orders/0 ──▶ broker ┈┈ (held) ┈┈ Popped 10 11 12, mine for a minute ──▶ program ─┬─ done ──▶ Ack 11
//!   Pop orders/1 ──▶ ...                                                                 └─ failed: nothing is said, and
//!                                                                                           it comes to somebody again
//! ```
//!
//! No queue is dealt to anybody: there may be more consumers than queues, and one that hangs holds up what it has in hand.
//! The price is order.
//!
//! Left out: that a consumer asks for more time, or gives a message back earlier (`changeInvisibleTime`); that retries end.
//!
//! Source: `DefaultMQPushConsumerImpl.popMessage`, `ConsumeMessagePopConcurrentlyService.java`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::allocate::MessageQueue;
use super::consumer::{Consumed, ConsumerSettings, Work};
use super::protocol::{Message, Notice, Pop, PopHandle, Reply, Request};
use super::protocol::{Popped, RequestId};
use super::routes::{Numbers, Routes};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Event, Place};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// With so many messages of a queue in hand it pops no more of it (`popThresholdForQueue`).
pub const IN_HAND_MAX: usize = 96;

/// A pop that is not answered yet.
#[derive(Clone, Debug)]
struct Asked {
    queue: MessageQueue,
    whom: NodeId,
    until: Time,
}

/// A message that the program has.
#[derive(Clone, Debug)]
struct InHand {
    work: Work,
    /// With what it is acknowledged, and to whom.
    handle: PopHandle,
    broker: NodeId,
    is_given: bool,
}

/// A consumer that pops.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rocketmq::consumer::ConsumerSettings;
/// use mqlab_core::systems::rocketmq::popper::Popper;
/// use mqlab_core::systems::rocketmq::protocol::Pop;
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let mut settings = ConsumerSettings::new(Name::new("payers")?);
/// settings.subscriptions.insert(Topic::new("orders")?, Default::default());
/// settings.name_servers.push(NodeId::NameServer(1));
/// let mut popper = Popper::new(Time::ZERO, settings, Pop::INVISIBLE);
/// let mut out = Out::default();
/// popper.handle(Time::ZERO, Input::Wake, &mut out);
/// assert_eq!(out.sends.len(), 1); // where are orders?
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Popper {
    settings: ConsumerSettings,
    invisible: Span,
    routes: Routes,
    numbers: Numbers,
    asked: BTreeMap<RequestId, Asked>,
    /// Queues of which nothing is asked before a moment.
    later: BTreeMap<MessageQueue, Time>,
    in_hand: BTreeMap<u64, InHand>,
    last: u64,
    work: Vec<Work>,
    heartbeat_at: Time,
}

impl Popper {
    /// A consumer that knows of no broker yet. What it gets is its own for so long.
    pub fn new(now: Time, settings: ConsumerSettings, invisible: Span) -> Self {
        let times = (settings.routes_every, settings.route_timeout);
        let topics = settings.subscriptions.keys().cloned();
        Self {
            routes: Routes::new(now, settings.name_servers.clone(), times, topics),
            numbers: Numbers::behind(settings.numbers_behind),
            settings,
            invisible,
            asked: BTreeMap::new(),
            later: BTreeMap::new(),
            in_hand: BTreeMap::new(),
            last: 0,
            work: Vec::new(),
            heartbeat_at: now,
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match input {
            Input::Message { from, message: Message::Reply(id, reply) } => {
                if let Some(is_news) = self.routes.take(now, id, &reply) {
                    if is_news {
                        self.heartbeat_at = now;
                    }
                } else if let Some(asked) = self.asked.remove(&id) {
                    match reply {
                        Reply::Popped(popped) => self.popped(&asked.queue, from, popped, out),
                        _ => _ = self.later.insert(asked.queue, now + self.settings.failure_delay),
                    }
                }
            }
            Input::HangUp { peer } => self.give_up(now, |asked| asked.whom == peer),
            Input::Wake | Input::Message { .. } => {}
        }
        self.do_what_is_due(now, out);
    }

    fn do_what_is_due(&mut self, now: Time, out: &mut Out<Message>) {
        self.routes.ask(now, &mut self.numbers, out);
        self.give_up(now, |asked| now >= asked.until);
        let nodes = self.routes.nodes();
        if now >= self.heartbeat_at && !nodes.is_empty() {
            self.heartbeat_at = now + self.settings.heartbeat_every;
            for node in nodes {
                let consumer_of = BTreeSet::from([self.settings.group.clone()]);
                let notice = Notice::Heartbeat { consumer_of, producer_of: BTreeSet::new() };
                out.sends.push((node, Message::Notice(notice)));
            }
        }
        self.later.retain(|_, at| *at > now);
        self.pop(now, out);
        self.hand_out();
    }

    fn give_up(&mut self, now: Time, which: impl Fn(&Asked) -> bool) {
        for (_, asked) in self.asked.extract_if(.., |_, asked| which(asked)) {
            self.later.insert(asked.queue, now + self.settings.failure_delay);
        }
    }

    /// Asks of each queue that it has room for, one pop at a time.
    fn pop(&mut self, now: Time, out: &mut Out<Message>) {
        let topics: Vec<_> = self.settings.subscriptions.keys().cloned().collect();
        for queue in topics.iter().flat_map(|topic| self.routes.queues(topic)).collect::<Vec<_>>() {
            let is_asked = self.asked.values().any(|asked| asked.queue == queue);
            let in_hand = self.in_hand.values().filter(|held| held.work.queue == queue).count();
            if is_asked || self.later.contains_key(&queue) || in_hand >= IN_HAND_MAX {
                continue;
            }
            let routed = self.routes.broker(&queue.topic, &queue.broker);
            let Some(whom) = routed.and_then(super::protocol::RoutedBroker::master) else { continue };
            let pop = Pop {
                count: self.settings.count,
                wants: self.settings.subscriptions.get(&queue.topic).cloned().unwrap_or_default(),
                invisible: self.invisible,
                hold: true,
                ..Pop::new(self.settings.group.clone(), queue.topic.clone(), queue.queue)
            };
            let id = self.numbers.take();
            self.asked.insert(id, Asked { queue, whom, until: now + self.settings.pull_timeout });
            out.sends.push((whom, Message::Request(id, Request::Pop(pop))));
        }
    }

    fn popped(&mut self, queue: &MessageQueue, broker: NodeId, popped: Vec<Popped>, out: &mut Out<Message>) {
        let wants = self.settings.subscriptions.get(&queue.topic);
        for Popped { handle, message } in popped {
            // A tag whose hash is wanted, and its text is not: nobody shall get it again.
            if !wants.is_none_or(|wants| wants.accepts(&message.properties)) {
                out.sends.push((broker, Message::Notice(Notice::Ack(handle))));
                continue;
            }
            let queue = MessageQueue { topic: message.topic.clone(), queue: message.queue, ..queue.clone() };
            if let Some(id) = message.properties.message_id() {
                let from = Place::Partition(self.settings.numbering.of(&queue));
                let delivery = message.reconsumed + 1;
                out.events.push(Event::Received { from, messages: id.into(), delivery });
            }
            self.last += 1;
            let work = Work { number: self.last, queue, message };
            self.in_hand.insert(self.last, InHand { work, handle, broker, is_given: false });
        }
    }

    fn hand_out(&mut self) {
        let given = self.in_hand.values().filter(|held| held.is_given).count();
        let room = (self.settings.at_once as usize).saturating_sub(given);
        for held in self.in_hand.values_mut().filter(|held| !held.is_given).take(room) {
            held.is_given = true;
            self.work.push(held.work.clone());
        }
    }

    /// What the program is to process.
    pub fn take_work(&mut self) -> Vec<Work> {
        core::mem::take(&mut self.work)
    }

    /// The program is done with a message, or failed: then nothing is said of it, and it comes to somebody again.
    pub fn finish(&mut self, now: Time, number: u64, how: Consumed, out: &mut Out<Message>) {
        let Some(InHand { work, handle, broker, .. }) = self.in_hand.remove(&number) else { return };
        if how == Consumed::Success {
            if let Some(id) = work.message.properties.message_id() {
                let from = Place::Partition(self.settings.numbering.of(&work.queue));
                let group = Some(self.settings.group.clone());
                out.events.push(Event::Processed { from, messages: id.into(), group });
            }
            out.sends.push((broker, Message::Notice(Notice::Ack(handle))));
        }
        self.do_what_is_due(now, out);
    }

    /// The messages that it has.
    pub fn in_hand(&self) -> impl Iterator<Item = MessageId> {
        self.in_hand.values().filter_map(|held| held.work.message.properties.message_id())
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let asked = self.asked.values().map(|asked| asked.until);
        let heartbeat = (!self.routes.nodes().is_empty()).then_some(self.heartbeat_at);
        asked.chain(self.later.values().copied()).chain(heartbeat).chain([self.routes.next_ask()]).min()
    }
}
