//! Who serves a topic? A broker that owns it: it took the topic's name in the metadata store, and keeps nothing else.
//!
//! ```text
//!   lookup t ─▶ owner known?  yes ─▶ "broker-2 has it"
//!                             no  ─▶ put owner/t, if absent, as long as I live
//!                                     written  ─▶ open the topic ─▶ "I have it"
//!                                     conflict ─▶ "ask again": somebody else was faster
//!
//!   this broker dies          owner/t goes with its session; the next who is asked takes t, shuts this one's writer out,
//!                             reads where ledgers and cursors are, and goes on: no message moves
//!   this broker only hangs    it finds out at the first thing that it does: bookies are fenced, versions have changed
//! ```
//!
//! So a topic changes its broker in the time of a session and a recovery, whatever its size. The price is another trip on
//! the network for each message, to the bookies.
//!
//! What real systems do differently: Pulsar hands out *bundles* of topics, and an elected leader among the brokers says
//! who gets one, by load. Here whoever is asked takes the topic.
//!
//! Source: Pulsar `NamespaceService`, `BrokerService`, `ServerCnx`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::Message;
use super::connections::Connections;
use super::fleeting::Fleeting;
use super::names::{Domain, TopicName};
use super::protocol::{Answer, Command};
use super::replicator::{Remote, Replicator};
use super::settings::BrokerSettings;
use super::store_op::{Expected, StoreAnswer, StoreOp, StoreReply, StoreRequest};
use super::topic::{For, Topic, TopicOut};
use crate::ids::NodeId;
use crate::observe::{Event, PulsarEvent};
use crate::systems::{Input, Out};
use crate::time::Time;

/// Under which path a topic's owner stands.
const OWNERS: &str = "owner/";

/// So many pings make a session.
const SESSION_PINGS: u64 = 3;

/// Whom an answer of the store is for.
#[derive(Clone, Debug)]
enum Asked {
    Watch,
    Own(TopicName),
    Topic(TopicName, For),
    Ping,
}

/// A node that serves topics.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::pulsar::{BrokerSettings, PulsarBroker};
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let bookies = [NodeId::Broker(11), NodeId::Broker(12)];
/// let mut broker = PulsarBroker::new(NodeId::Broker(1), NodeId::Controller, BrokerSettings::default(), &bookies);
/// let mut out = Out::default();
/// broker.handle(Time::ZERO, Input::Wake, &mut out);
/// assert_eq!(out.sends[0].0, NodeId::Controller); // it asks the store who has which topic
/// assert_eq!(broker.topics().count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct PulsarBroker {
    pub(super) me: NodeId,
    store: NodeId,
    settings: BrokerSettings,
    bookies: Vec<NodeId>,
    /// Bookies that have failed, and until when they are not used.
    quarantine: BTreeMap<NodeId, Time>,
    topics: BTreeMap<TopicName, Topic>,
    fleeting: BTreeMap<TopicName, Fleeting>,
    /// Who owns what, as far as the store has told.
    owners: BTreeMap<String, NodeId>,
    /// Who is to be told who owns a topic.
    lookups: BTreeMap<TopicName, BTreeSet<NodeId>>,
    watching: bool,
    asked: BTreeMap<u64, Asked>,
    tags: u64,
    next_ping: Time,
    /// When the store was heard last.
    store_heard: Time,
    connections: Connections,
    /// The cluster that gets what is sent here, and who sees to that, by topic.
    pub(super) remote: Option<Remote>,
    pub(super) replicators: BTreeMap<TopicName, Replicator>,
    /// What topics have for replicators.
    pub(super) replicates: VecDeque<(TopicName, Answer)>,
    /// The last connection to the other cluster was numbered after this.
    pub(super) numbers: u64,
}

impl PulsarBroker {
    /// A broker that has nothing yet. `store` is the metadata store.
    pub fn new(me: NodeId, store: NodeId, settings: BrokerSettings, bookies: &[NodeId]) -> Self {
        Self {
            me,
            store,
            settings,
            bookies: bookies.to_vec(),
            quarantine: BTreeMap::new(),
            topics: BTreeMap::new(),
            fleeting: BTreeMap::new(),
            owners: BTreeMap::new(),
            lookups: BTreeMap::new(),
            watching: false,
            asked: BTreeMap::new(),
            tags: 0,
            next_ping: Time::ZERO,
            store_heard: Time::ZERO,
            connections: Connections::default(),
            remote: None,
            replicators: BTreeMap::new(),
            replicates: VecDeque::new(),
            numbers: 0,
        }
    }

    /// The same, if it starts at a moment.
    #[must_use]
    pub fn at(self, now: Time) -> Self {
        Self { store_heard: now, next_ping: now, ..self }
    }

    /// The topics that are kept, at this owner.
    pub(super) fn kept_topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values()
    }

    /// The topics that it serves, or is about to.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys().chain(self.fleeting.keys())
    }

    /// Takes what has come.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match input {
            Input::Wake => {}
            Input::HangUp { peer } => self.hang_up(now, peer, out),
            Input::Message { from, message } => match message {
                Message::ToBroker(command) => self.command(now, from, command, out),
                Message::FromBookie(reply) => {
                    let topics: Vec<TopicName> = self.topics.keys().cloned().collect();
                    for topic in topics {
                        self.of_topic(&topic, out, |it, all| it.on_bookie(now, from, reply.clone(), all));
                    }
                }
                Message::FromStore(StoreReply::Answer { tag, answer }) => {
                    self.store_heard = now;
                    self.answered(now, tag, &answer, out)
                }
                Message::FromStore(StoreReply::Changed { path, now: stands }) => {
                    self.store_heard = now;
                    let owner = stands.and_then(|stored| stored.owner);
                    self.owner_is(&path, owner, out);
                }
                Message::FromBroker(answer) => self.on_remote(now, from, answer, out),
                Message::ToBookie(_) | Message::ToStore(_) => {}
            },
        }
        self.tick(now, out);
        self.replicate(now, out);
    }

    /// What is due.
    fn tick(&mut self, now: Time, out: &mut Out<Message>) {
        // Silent for a session: what was asked is lost, and what is owned perhaps, too.
        if now.since(self.store_heard).0 >= SESSION_PINGS.saturating_mul(self.settings.ping.0) {
            self.store_heard = now;
            self.begin_anew(now, out);
        }
        self.look_who_is_there(now, out);
        self.tick_replicators(now, out);
        if now >= self.next_ping {
            self.next_ping = now + self.settings.ping;
            if self.watching {
                self.ask(Asked::Ping, StoreOp::Ping, out);
            } else {
                self.ask(Asked::Watch, StoreOp::Watch { prefix: OWNERS.into() }, out);
            }
        }
        let over: Vec<NodeId> =
            self.quarantine.iter().filter(|(_, until)| **until <= now).map(|(bookie, _)| *bookie).collect();
        for bookie in &over {
            self.quarantine.remove(bookie);
        }
        let able = self.able();
        let due = |topic: &Topic| !over.is_empty() || topic.next_wakeup().is_some_and(|at| at <= now);
        let topics: Vec<TopicName> =
            self.topics.iter().filter(|(_, topic)| due(topic)).map(|(name, _)| name.clone()).collect();
        for name in topics {
            self.of_topic(&name, out, |topic, all| {
                if !over.is_empty() {
                    topic.set_bookies(now, &able, all);
                }
                topic.tick(now, all);
            });
        }
    }

    /// When it wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let topics = self.topics.values().filter_map(Topic::next_wakeup);
        let clients = self.connections.next_look();
        let replicators = self.replicators.values().filter_map(Replicator::next_wakeup);
        let topics = topics.chain(replicators);
        topics.chain(self.quarantine.values().copied()).chain(clients).chain([self.next_ping]).min()
    }

    /// The bookies that are used.
    fn able(&self) -> Vec<NodeId> {
        self.bookies.iter().copied().filter(|bookie| !self.quarantine.contains_key(bookie)).collect()
    }

    fn ask(&mut self, asked: Asked, op: StoreOp, out: &mut Out<Message>) {
        self.tags += 1;
        self.asked.insert(self.tags, asked);
        out.sends.push((self.store, Message::ToStore(StoreRequest { tag: self.tags, op })));
    }

    fn command(&mut self, now: Time, from: NodeId, command: Command, out: &mut Out<Message>) {
        let topic = match &command {
            Command::Lookup { topic } => return self.lookup(now, from, topic.clone(), out),
            Command::Producer { topic, .. } | Command::Subscribe { topic, .. } => Some(topic.clone()),
            other => other.number().and_then(|of| self.topic_of(from, of)),
        };
        let number = command.number().unwrap_or_default();
        let topic =
            topic.filter(|topic| self.topics.contains_key(topic) || self.fleeting.contains_key(topic));
        let Some(topic) = topic else {
            if matches!(command, Command::Close { .. } | Command::Pong { .. }) {
                return;
            }
            let closed = Message::FromBroker(Answer::Closed { of: number });
            return out.sends.push((from, closed));
        };
        match command {
            Command::Close { .. } => self.connections.forget((from, number)),
            _ => self.connections.hears(now, (from, number)),
        }
        if let Command::Ping { of } = command {
            return out.sends.push((from, Message::FromBroker(Answer::Pong { of })));
        }
        if let Some(fleeting) = self.fleeting.get_mut(&topic) {
            fleeting.handle(now, from, command, out);
        } else {
            self.of_topic(&topic, out, |topic, all| topic.handle(now, from, command, all));
        }
    }

    /// The topic that a producer or a consumer belongs to.
    fn topic_of(&self, client: NodeId, number: u64) -> Option<TopicName> {
        let kept = self.topics.iter().find(|(_, topic)| topic.has(client, number)).map(|(name, _)| name);
        let fleeting = self.fleeting.iter().find(|(_, topic)| topic.has(client, number));
        kept.or(fleeting.map(|(name, _)| name)).cloned()
    }

    /// Asks those who were silent for long whether they are there, and takes leave of those who were asked in vain.
    fn look_who_is_there(&mut self, now: Time, out: &mut Out<Message>) {
        let (asked, gone) = self.connections.look(now, self.settings.keep_alive);
        for (client, of) in asked {
            out.sends.push((client, Message::FromBroker(Answer::Ping { of })));
        }
        for (client, of) in gone {
            self.command(now, client, Command::Close { of }, out);
            out.sends.push((client, Message::FromBroker(Answer::Closed { of })));
        }
    }

    fn lookup(&mut self, now: Time, from: NodeId, topic: TopicName, out: &mut Out<Message>) {
        let path = owner_path(&topic);
        if let Some(&owner) = self.owners.get(&path) {
            if owner == self.me && !self.topics().any(|own| *own == topic) {
                self.open(now, &topic, out); // it was given up: somebody else seemed to have it
            }
            let owner = Answer::Owner { topic, broker: Some(owner) };
            return out.sends.push((from, Message::FromBroker(owner)));
        }
        let waiting = self.lookups.entry(topic.clone()).or_default();
        let first = waiting.is_empty();
        waiting.insert(from);
        if first {
            let op = StoreOp::Put { path, value: "".into(), expected: Expected::Absent, ephemeral: true };
            self.ask(Asked::Own(topic), op, out);
        }
    }

    /// Tells those who have asked who owns a topic.
    fn tell_owner(&mut self, topic: &TopicName, out: &mut Out<Message>) {
        let broker = self.owners.get(&owner_path(topic)).copied();
        for client in self.lookups.remove(topic).unwrap_or_default() {
            let owner = Answer::Owner { topic: topic.clone(), broker };
            out.sends.push((client, Message::FromBroker(owner)));
        }
    }

    fn answered(&mut self, now: Time, tag: u64, answer: &StoreAnswer, out: &mut Out<Message>) {
        match self.asked.remove(&tag) {
            None => {}
            Some(Asked::Ping) if *answer == StoreAnswer::Expired => self.begin_anew(now, out),
            Some(Asked::Ping) => {}
            Some(Asked::Watch) => {
                if let StoreAnswer::All(all) = answer {
                    self.watching = true;
                    self.owners.clear();
                    for (path, stored) in all {
                        self.owner_is(path, stored.owner, out);
                    }
                }
            }
            Some(Asked::Own(topic)) => {
                if matches!(answer, StoreAnswer::Written { .. }) {
                    self.owners.insert(owner_path(&topic), self.me); // who watches hears of it a little later
                    if let Ok(partition) = topic.place() {
                        out.events.push(Event::Pulsar(PulsarEvent::Owns { partition }));
                    }
                    self.open(now, &topic, out);
                }
                self.tell_owner(&topic, out);
            }
            Some(Asked::Topic(name, whom)) => {
                self.of_topic(&name, out, |topic, all| topic.on_store(now, whom, answer, all));
            }
        }
    }

    fn open(&mut self, now: Time, name: &TopicName, out: &mut Out<Message>) {
        if name.domain() == Domain::NonPersistent {
            self.fleeting.insert(name.clone(), Fleeting::new(name.clone()));
            return;
        }
        let mut all = Vec::new();
        let able = self.able();
        let topic = Topic::open(now, name.clone(), self.settings.topics, &able, &mut all);
        self.topics.insert(name.clone(), topic);
        self.carry_out(name, all, out);
        self.begin_to_replicate(now, name, out);
    }

    /// The store says who owns a topic.
    fn owner_is(&mut self, path: &str, owner: Option<NodeId>, out: &mut Out<Message>) {
        match owner {
            Some(owner) => self.owners.insert(path.to_string(), owner),
            None => self.owners.remove(path),
        };
        let waits = self.lookups.keys().find(|topic| owner_path(topic) == path).cloned();
        if let Some(topic) = waits.filter(|_| owner.is_some()) {
            self.tell_owner(&topic, out);
        }
        let own = self.topics().find(|topic| owner_path(topic) == path).cloned();
        if let Some(topic) = own.filter(|_| owner.is_none()) {
            self.close(&topic, out); // the session has ended: the topic may be another's at any time
        }
    }

    /// Stops to serve a topic, and tells its clients.
    fn close(&mut self, name: &TopicName, out: &mut Out<Message>) {
        self.of_topic(name, out, |topic, all| topic.compaction_failed(all));
        let kept = self.topics.remove(name).map(|topic| topic.clients().collect::<Vec<_>>());
        self.replicators.remove(name);
        let fleeting = self.fleeting.remove(name).map(|topic| topic.clients().collect());
        if let Ok(partition) = name.place() {
            out.events.push(Event::Pulsar(PulsarEvent::LetGo { partition }));
        }
        let clients = kept.or(fleeting).unwrap_or_default().into_iter();
        for (client, of) in clients.filter(|(client, _)| *client != self.me) {
            self.connections.forget((client, of));
            out.sends.push((client, Message::FromBroker(Answer::Closed { of })));
        }
    }

    pub(super) fn of_topic(
        &mut self,
        name: &TopicName,
        out: &mut Out<Message>,
        what: impl FnOnce(&mut Topic, &mut Vec<TopicOut>),
    ) {
        let Some(topic) = self.topics.get_mut(name) else { return };
        let mut all = Vec::new();
        what(topic, &mut all);
        self.carry_out(name, all, out);
    }

    fn carry_out(&mut self, name: &TopicName, all: Vec<TopicOut>, out: &mut Out<Message>) {
        for one in all {
            match one {
                TopicOut::Bookie(to, request) => out.sends.push((to, Message::ToBookie(request))),
                TopicOut::Client(to, answer) if to == self.me => {
                    self.replicates.push_back((name.clone(), answer));
                }
                TopicOut::Event(event) if self.is_of_replicator(&event) => {}
                TopicOut::Client(to, answer) => out.sends.push((to, Message::FromBroker(answer))),
                TopicOut::Event(event) => out.events.push(event),
                TopicOut::Store(whom, op) => self.ask(Asked::Topic(name.clone(), whom), op, out),
                TopicOut::Lost => self.close(name, out),
            }
        }
    }

    /// The store is away, or has taken this broker for dead: nothing that it has told holds, and what was asked may have been
    /// done or not. Everything begins anew.
    fn begin_anew(&mut self, now: Time, out: &mut Out<Message>) {
        self.asked.clear();
        self.owners.clear();
        self.watching = false;
        self.next_ping = now;
        let topics: Vec<TopicName> = self.topics().cloned().collect();
        topics.iter().for_each(|topic| self.close(topic, out));
        let waiting: Vec<TopicName> = self.lookups.keys().cloned().collect();
        waiting.iter().for_each(|topic| self.tell_owner(topic, out));
    }

    fn hang_up(&mut self, now: Time, peer: NodeId, out: &mut Out<Message>) {
        if peer == self.store {
            self.begin_anew(now, out);
            self.next_ping = now + self.settings.ping;
            return;
        }
        self.connections.forget_all(peer);
        self.remote_gone(now, peer, out);
        let is_bookie = self.bookies.contains(&peer);
        if is_bookie {
            self.quarantine.insert(peer, now + self.settings.quarantine);
        }
        let topics: Vec<TopicName> = self.topics.keys().cloned().collect();
        for name in topics {
            self.of_topic(&name, out, |topic, all| match is_bookie {
                true => topic.bookie_failed(now, peer, all),
                false => topic.client_gone(now, peer, all),
            });
        }
        self.fleeting.values_mut().for_each(|topic| topic.client_gone(peer));
    }
}

fn owner_path(topic: &TopicName) -> String {
    format!("{OWNERS}{topic}")
}
