//! How does a consumer get its share? It finds it out by itself, pulls, and says how far it is.
//!
//! ```text
//!   every 20 s, or when members change:
//!     routes (name server) ──▶ queues, in order ┐
//!     members (any broker) ──▶ ids, in order    ┴──▶ my queues ──▶ of each: (lock) ▶ where to begin? ▶ pull, pull, pull ...
//!
//!   pulled ──▶ tag's text? ──▶ process queue ──▶ program ──▶ done:   gone from the process queue
//!                                                       └──▶ failed: sent back to the broker, which gives it again later
//! ```
//!
//! The program is the host's: it takes [`Work`], and says how that ended. Files: `settings`, `process_queue`, `rebalance`,
//! `pulling`, `working`.
//!
//! Left out: that a message which takes longer than 15 minutes is sent back meanwhile; more than one message at a time for the
//! program.
//!
//! Source: `DefaultMQPushConsumerImpl.java`, `RebalanceImpl.java`, `ConsumeMessageConcurrentlyService.java`,
//! `ConsumeMessageOrderlyService.java`.

mod process_queue;
mod pulling;
mod rebalance;
mod settings;
mod working;

pub use settings::{ConsumerSettings, FirstOffset, Model, Order};
pub use working::{Consumed, Work};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Topic;
use super::allocate::MessageQueue;
use super::filter::Subscription;
use super::protocol::{Message, Notice, Reply, Request, RequestId};
use super::retry::retry_topic;
use super::routes::{Numbers, Routes};
use crate::ids::{MessageId, NodeId};
use crate::systems::{Input, Out};
use crate::time::Time;
use process_queue::{ProcessQueue, Stage};
use working::InWork;

type Output = Out<Message>;

/// What a request was about.
#[derive(Clone, Debug)]
enum About {
    Members(Topic),
    Lock(Vec<MessageQueue>),
    Offset(MessageQueue),
    Bounds(MessageQueue),
    Pull(MessageQueue),
    SendBack(MessageQueue, u64),
}

#[derive(Clone, Debug)]
struct Asked {
    about: About,
    whom: NodeId,
    until: Time,
}

/// A consumer.
///
/// ```
/// use mqlab_core::ids::{Name, NodeId};
/// use mqlab_core::systems::rocketmq::consumer::{Consumer, ConsumerSettings};
/// use mqlab_core::systems::rocketmq::filter::Subscription;
/// use mqlab_core::systems::rocketmq::Topic;
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let mut settings = ConsumerSettings::new(Name::new("payers")?);
/// settings.subscriptions.insert(Topic::new("orders")?, Subscription::tags("paid")?);
/// settings.name_servers.push(NodeId::Service(1));
/// let mut consumer = Consumer::new(Time::ZERO, NodeId::Consumer(1), settings);
/// let mut out = Out::default();
/// consumer.handle(Time::ZERO, Input::Wake, &mut out);
/// assert_eq!(out.sends.len(), 2); // where are orders, and where is %RETRY%payers?
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Consumer {
    /// By this name it is dealt queues.
    name: String,
    settings: ConsumerSettings,
    /// With the topic of the group's retries.
    subscriptions: BTreeMap<Topic, Subscription>,
    routes: Routes,
    numbers: Numbers,
    asked: BTreeMap<RequestId, Asked>,
    queues: BTreeMap<MessageQueue, ProcessQueue>,
    in_work: BTreeMap<u64, InWork>,
    last_work: u64,
    /// How many messages came.
    arrivals: u64,
    work: Vec<Work>,
    /// How far it is in each queue, where each consumer keeps that for itself.
    local: BTreeMap<MessageQueue, u64>,
    /// When it was called last.
    seen: Time,
    rebalance_at: Time,
    lock_at: Time,
    commit_at: Time,
    heartbeat_at: Time,
}

impl Consumer {
    /// A consumer that knows of no broker yet.
    pub fn new(now: Time, node: NodeId, settings: ConsumerSettings) -> Self {
        Self::resuming(now, node, settings, BTreeMap::new())
    }

    /// The same with what it had [kept for itself](Self::local_offsets) before it stopped.
    pub fn resuming(
        now: Time,
        node: NodeId,
        settings: ConsumerSettings,
        local: BTreeMap<MessageQueue, u64>,
    ) -> Self {
        let mut subscriptions = settings.subscriptions.clone();
        if settings.model == Model::Clustering
            && let Ok(retries) = retry_topic(settings.group.as_str())
        {
            subscriptions.insert(retries, Subscription::All);
        }
        let topics = subscriptions.keys().cloned();
        let times = (settings.routes_every, settings.route_timeout);
        let routes = Routes::new(now, settings.name_servers.clone(), times, topics);
        Self {
            name: node.to_string(),
            routes,
            subscriptions,
            numbers: Numbers::behind(settings.numbers_behind),
            asked: BTreeMap::new(),
            queues: BTreeMap::new(),
            in_work: BTreeMap::new(),
            last_work: 0,
            arrivals: 0,
            work: Vec::new(),
            local,
            seen: now,
            rebalance_at: now,
            lock_at: now + settings.lock_every,
            commit_at: now + settings.commit_every,
            heartbeat_at: now,
            settings,
        }
    }

    /// How far it is in each queue, where each consumer keeps that for itself: for a file, if it is to survive.
    pub fn local_offsets(&self) -> &BTreeMap<MessageQueue, u64> {
        &self.local
    }

    /// The messages that it has and is not done with.
    pub fn in_hand(&self) -> impl Iterator<Item = MessageId> {
        let cached = self.queues.values().flat_map(|process| process.cached.values());
        cached.filter_map(|cached| cached.message.properties.message_id())
    }

    /// The queues that it reads.
    pub fn queues(&self) -> impl Iterator<Item = &MessageQueue> {
        self.queues.keys()
    }

    /// Takes an input.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Output) {
        match input {
            Input::Message { message: Message::Reply(id, reply), .. } => {
                if let Some(is_news) = self.routes.take(now, id, &reply) {
                    if is_news {
                        (self.heartbeat_at, self.rebalance_at) = (now, now);
                    }
                } else if let Some(asked) = self.asked.remove(&id) {
                    self.answered(now, asked.about, reply, out);
                }
            }
            Input::Message { message: Message::Notice(Notice::MembersChanged(group)), .. } => {
                if group == self.settings.group {
                    self.rebalance_at = now;
                }
            }
            Input::HangUp { peer } => self.give_up(now, |asked| asked.whom == peer),
            Input::Wake | Input::Message { .. } => {}
        }
        self.do_what_is_due(now, out);
    }

    fn do_what_is_due(&mut self, now: Time, out: &mut Output) {
        self.seen = now;
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
        if now >= self.rebalance_at {
            self.rebalance_at = now + self.settings.rebalance_every;
            self.rebalance(now, out);
        }
        if now >= self.lock_at {
            self.lock_at = now + self.settings.lock_every;
            self.renew_locks(now, out);
        }
        if now >= self.commit_at {
            self.commit_at = now + self.settings.commit_every;
            self.commit(out);
        }
        self.pull(now, out);
        self.hand_out(now);
    }

    /// Asks a broker something.
    fn ask(&mut self, now: Time, whom: NodeId, about: About, request: Request, out: &mut Output) {
        let is_pull = matches!(about, About::Pull(_));
        let wait = if is_pull { self.settings.pull_timeout } else { self.settings.timeout };
        let id = self.numbers.take();
        self.asked.insert(id, Asked { about, whom, until: now + wait });
        out.sends.push((whom, Message::Request(id, request)));
    }

    fn answered(&mut self, now: Time, about: About, reply: Reply, out: &mut Output) {
        match (about, reply) {
            (About::Members(topic), Reply::Members(members)) => self.deal(now, &topic, &members, out),
            (About::Lock(queues), Reply::Locked(got)) => self.locked(now, &queues, &got, out),
            (About::Offset(queue), Reply::Offset(offset)) => self.placed(now, &queue, offset, out),
            (About::Bounds(queue), Reply::Bounds { min, max }) => self.bounded(now, &queue, (min, max)),
            (About::Pull(queue), Reply::Pulled(pulled)) => self.pulled(now, &queue, pulled, out),
            (About::SendBack(queue, offset), Reply::SentBack) => self.is_done(&queue, offset),
            (about, _) => self.refused(now, about),
        }
    }

    /// What was asked is not answered any more.
    fn give_up(&mut self, now: Time, which: impl Fn(&Asked) -> bool) {
        let given_up: Vec<_> = self.asked.extract_if(.., |_, asked| which(asked)).collect();
        given_up.into_iter().for_each(|(_, asked)| self.refused(now, asked.about));
    }

    /// It is asked again after a while.
    fn refused(&mut self, now: Time, about: About) {
        let again = now + self.settings.failure_delay;
        match about {
            About::Members(_) => self.rebalance_at = self.rebalance_at.min(again),
            // A lock that was to be renewed is renewed the next time; a queue without one waits for it.
            About::Lock(queues) => {
                let waits = |process: &ProcessQueue| process.stage == Stage::Locking;
                let waiting = queues.into_iter().filter(|queue| self.queues.get(queue).is_some_and(waits));
                waiting.collect::<Vec<_>>().iter().for_each(|queue| self.ask_later(queue, again));
            }
            About::Offset(queue) | About::Bounds(queue) | About::Pull(queue) => self.ask_later(&queue, again),
            About::SendBack(queue, offset) => self.try_locally(now, &queue, offset),
        }
    }

    fn ask_later(&mut self, queue: &MessageQueue, at: Time) {
        if let Some(process) = self.queues.get_mut(queue) {
            (process.asked, process.ask_at, process.broker_id) = (false, at, 0);
        }
    }

    /// When it wants to be woken.
    pub fn next_wakeup(&self) -> Option<Time> {
        let queues = self.queues.values();
        let asks = queues.clone().filter(|queue| !queue.asked).map(|queue| queue.ask_at);
        let has_room = self.in_work.len() < self.settings.at_once as usize;
        let tries = queues.filter_map(|queue| queue.next_try(self.seen, &self.settings)).filter(|_| has_room);
        let requests = self.asked.values().map(|asked| asked.until);
        let heartbeat = (!self.routes.nodes().is_empty()).then_some(self.heartbeat_at);
        let regular = [self.rebalance_at, self.lock_at, self.commit_at, self.routes.next_ask()];
        asks.chain(tries).chain(requests).chain(heartbeat).chain(regular).min()
    }
}
