//! What does a broker do with a topic that it owns? It opens its ledgers and cursors, and then takes, stores and delivers.
//!
//! ```text
//!   opening    ledgers recovered ─┐
//!              cursors read ──────┼─▶ open: what clients have asked meanwhile is done now
//!              (sequences read) ──┘
//!
//!   send ─▶ seen before? ─▶ ledger ─▶ stored: receipt ─▶ every subscription: who gets it?
//!   ack  ─▶ cursor moves ─▶ written to the store ─▶ ledgers that all have read may go
//! ```
//!
//! All of this is in memory. When the broker dies, the next owner opens the topic and finds what was acknowledged to
//! producers in ledgers, and what consumers were done with in cursors, as far as those had been written: the rest is
//! delivered again.
//!
//! A cursor is written under the version that was read. So a broker that has lost the topic cannot move it back: the new
//! owner wrote it when it opened the topic.
//!
//! What real systems do differently: Pulsar writes cursors to ledgers of their own and keeps in the store where those are;
//! it remembers sequences by snapshots, where this broker reads the topic through.
//!
//! Source: Pulsar `PersistentTopic`, `MessageDeduplication`.

mod clients;
mod compacting;
mod delivery;
mod facts;
mod quota;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::compaction::COMPACTION_CURSOR;
use super::cursor::Cursor;
use super::entries::Entries;
use super::ledger::{BookieRequest, LedgerId, LedgerMetadata};
use super::ledger_list::LedgerFact;
use super::managed_ledger::ManagedLedger;
use super::names::TopicName;
use super::position::Position;
use super::protocol::{Answer, Command, NotSent};
use super::ranges::ConsumerId;
use super::retention::OverQuota;
use super::settings::TopicSettings;
use super::store_op::{StoreAnswer, StoreOp};
use super::subscription::Subscription;
use crate::ids::{Epoch, Name, NodeId, Offset};
use crate::observe::{Event, PulsarEvent};
use crate::queue::ReturnReason;
use crate::record::Batches;
use crate::time::Time;
use compacting::Compaction;
use facts::committed;

/// The header with a producer's name, in the first message of an entry.
pub const PRODUCER_HEADER: &str = "producer-name";

/// The header with the sequence of an entry, in its first message: 8 bytes, big-endian.
pub const SEQUENCE_HEADER: &str = "sequence-id";

/// The header with the cluster that an entry came from, in its first message: it goes nowhere from here.
pub const REPLICATED_FROM_HEADER: &str = "replicated-from";

/// Whom the metadata store's answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum For {
    Ledgers(u64),
    Cursors,
    Cursor(Name),
    Metadata(LedgerId),
    /// The cursor `__compaction`.
    Compacted,
    /// The compaction of this number.
    Compaction(u64),
}

/// What a topic wants done.
#[derive(Clone, Debug)]
pub(super) enum TopicOut {
    Bookie(NodeId, BookieRequest),
    Store(For, StoreOp),
    Client(NodeId, Answer),
    Event(Event),
    /// Another broker has it.
    Lost,
}

/// A subscription, who consumes, and whether the cursor is written.
#[derive(Clone, Debug)]
struct Subscribed {
    subscription: Subscription,
    /// The client's number of each consumer.
    clients: BTreeMap<ConsumerId, (NodeId, u64)>,
    version: Option<u64>,
    dirty: bool,
    writing: bool,
    told_active: Option<ConsumerId>,
    /// Who wants to read compacted.
    compacted: BTreeSet<ConsumerId>,
}

/// What is not taken in yet: the producer, its sequence, the messages.
type Held = ((NodeId, u64), u64, Batches);

/// A message on its way to the ledger.
#[derive(Clone, Debug)]
struct Waiting {
    to: (NodeId, u64),
    name: String,
    /// As its first producer numbered it, and as who sent it here did; the same, unless it was replicated.
    first: u64,
    sequence: u64,
    payload: Batches,
}

/// A topic at its owner.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    name: TopicName,
    settings: TopicSettings,
    managed: ManagedLedger,
    entries: Entries,
    down: BTreeSet<NodeId>,
    subscriptions: BTreeMap<Name, Subscribed>,
    /// Cursors that nobody has subscribed with yet, and their versions.
    cursors: BTreeMap<Name, (Cursor, u64)>,
    has_cursors: bool,
    producers: BTreeMap<(NodeId, u64), String>,
    consumers: BTreeMap<(NodeId, u64), (Name, ConsumerId)>,
    waiting: BTreeMap<u64, Waiting>,
    /// The last sequence that each producer has given in, and that is stored.
    pushed: BTreeMap<String, u64>,
    stored: BTreeMap<String, u64>,
    /// Up to where sequences were read, while the topic opens.
    reading: Option<Position>,
    open: bool,
    early: Vec<(NodeId, Command)>,
    /// Something could not be read: try again then.
    retry: Option<Time>,
    looking: BTreeSet<LedgerId>,
    next_check: Time,
    /// What was found at the last look: a subscription is too far behind.
    over: Option<OverQuota>,
    /// What waits for room: from whom, and its sequence.
    held: Vec<Held>,
    /// If topics are compacted.
    compaction: Option<Compaction>,
}

impl Topic {
    pub(super) fn open(
        now: Time,
        name: TopicName,
        settings: TopicSettings,
        bookies: &[NodeId],
        out: &mut Vec<TopicOut>,
    ) -> Self {
        let mut facts = Vec::new();
        let managed = ManagedLedger::open(&format!("{name}"), settings.ledgers, bookies, &mut facts);
        let mut topic = Self {
            next_check: now + settings.check_interval,
            name,
            settings,
            managed,
            entries: Entries::default(),
            down: BTreeSet::new(),
            subscriptions: BTreeMap::new(),
            cursors: BTreeMap::new(),
            has_cursors: false,
            producers: BTreeMap::new(),
            consumers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            pushed: BTreeMap::new(),
            stored: BTreeMap::new(),
            reading: None,
            open: false,
            early: Vec::new(),
            retry: None,
            looking: BTreeSet::new(),
            over: None,
            held: Vec::new(),
            compaction: settings.compaction.map(|settings| Compaction::new(now, settings)),
        };
        out.push(TopicOut::Store(For::Cursors, StoreOp::List { prefix: topic.cursor_path("") }));
        topic.take(now, facts, out);
        topic
    }

    fn cursor_path(&self, subscription: &str) -> String {
        format!("cursors/{}/{subscription}", self.name)
    }

    /// Who is connected to it: they are told when it closes.
    pub(super) fn clients(&self) -> impl Iterator<Item = (NodeId, u64)> {
        self.producers.keys().chain(self.consumers.keys()).copied()
    }

    /// Whether a producer or consumer is this topic's.
    pub(super) fn has(&self, client: NodeId, number: u64) -> bool {
        let key = (client, number);
        self.producers.contains_key(&key) || self.consumers.contains_key(&key)
    }

    /// Carries out what the ledgers want.
    fn take(&mut self, now: Time, facts: Vec<LedgerFact>, out: &mut Vec<TopicOut>) {
        for fact in facts {
            match fact {
                LedgerFact::Ask(to, request) => out.push(TopicOut::Bookie(to, request)),
                LedgerFact::Store(tag, op) => out.push(TopicOut::Store(For::Ledgers(tag), op)),
                LedgerFact::Ready => {}
                LedgerFact::Stored { ticket, position } => self.on_stored(ticket, position, out),
                LedgerFact::Lost => out.push(TopicOut::Lost),
                LedgerFact::Happened(news) => self.tell_news(news, out),
            }
        }
        if !self.open {
            self.try_open(now, out);
        }
        self.pump(now, out);
    }

    fn on_stored(&mut self, ticket: u64, position: Position, out: &mut Vec<TopicOut>) {
        let Some(Waiting { to: (client, producer), name, first, sequence, payload }) =
            self.waiting.remove(&ticket)
        else {
            return;
        };
        let last = self.stored.entry(name).or_default();
        *last = (*last).max(first);
        committed(position, out);
        self.entries.put(position, payload);
        let receipt = Answer::Receipt { producer, sequence, position: Some(position) };
        out.push(TopicOut::Client(client, receipt));
    }

    /// Opens the topic, when all that it needs is there.
    fn try_open(&mut self, now: Time, out: &mut Vec<TopicOut>) {
        if !self.has_cursors || !self.managed.is_ready() {
            return;
        }
        if self.settings.deduplication {
            let mut at = self.reading.unwrap_or_else(|| self.managed.extents().start());
            while self.managed.extents().contains(at) {
                self.reading = Some(at);
                let Some(payload) = self.entries.get(at) else { return self.want(now, at, out) };
                if let Some((name, sequence)) = sequence_of(payload) {
                    let last = self.stored.entry(name).or_default();
                    *last = (*last).max(sequence);
                }
                at = self.managed.extents().after(at);
            }
        }
        self.reading = None;
        let entries = self.managed.extents().iter().map(|(_, entries)| entries).sum();
        self.tell(out, |partition| PulsarEvent::Opened { partition, entries });
        self.pushed.clone_from(&self.stored);
        self.open = true;
        // Written anew, so that whoever had the topic before cannot move them any more.
        for (name, (cursor, version)) in core::mem::take(&mut self.cursors) {
            let subscription = Subscription::new(
                super::SubscriptionType::Exclusive,
                cursor,
                None,
                self.name.local().as_str(),
            );
            self.insert(name, subscription, Some(version));
        }
        self.open_compaction(out);
        for (from, command) in core::mem::take(&mut self.early) {
            self.handle(now, from, command, out);
        }
    }

    fn insert(&mut self, name: Name, mut subscription: Subscription, version: Option<u64>) {
        subscription.settle(self.managed.extents());
        let clients = BTreeMap::new();
        let subscribed = Subscribed {
            subscription,
            clients,
            version,
            dirty: true,
            writing: false,
            told_active: None,
            compacted: BTreeSet::new(),
        };
        self.subscriptions.insert(name, subscribed);
    }

    /// Does what a client wants, now or when it is open.
    pub(super) fn handle(&mut self, now: Time, from: NodeId, command: Command, out: &mut Vec<TopicOut>) {
        if !self.open {
            match &command {
                Command::Producer { producer, name, .. } => {
                    self.producers.insert((from, *producer), name.clone());
                }
                Command::Subscribe { consumer, subscription, .. } => {
                    self.consumers.insert((from, *consumer), (subscription.clone(), ConsumerId(0)));
                }
                _ => {}
            }
            self.early.push((from, command));
            return;
        }
        match command {
            Command::Lookup { .. } | Command::Ping { .. } | Command::Pong { .. } => {}
            Command::Producer { producer, name, .. } => {
                // What one of this name has under way counts, too: its next number comes after that.
                let last = self.pushed.get(&name).max(self.stored.get(&name)).copied();
                let last = last.filter(|_| self.settings.deduplication);
                self.producers.insert((from, producer), name);
                out.push(TopicOut::Client(from, Answer::ProducerReady { producer, last }));
            }
            Command::Send { producer, sequence, payload } => {
                self.send(now, (from, producer), sequence, payload, out);
            }
            Command::Subscribe { .. } => self.subscribe(from, command, out),
            Command::Flow { consumer, permits } => {
                self.with(from, consumer, |subscribed, id, _| subscribed.subscription.flow(id, permits));
            }
            Command::Ack { consumer, positions } => {
                self.tell_settled((from, consumer), &positions, out);
                self.with(from, consumer, |subscribed, id, extents| {
                    for position in positions {
                        subscribed.dirty |= subscribed.subscription.acknowledge(id, position, extents);
                    }
                });
            }
            Command::AckTo { consumer, position } => {
                let held = self.held((from, consumer));
                let done: Vec<Position> = held.into_iter().filter(|held| *held <= position).collect();
                self.tell_settled((from, consumer), &done, out);
                self.with(from, consumer, |subscribed, id, extents| {
                    subscribed.dirty |= subscribed.subscription.acknowledge_to(id, position, extents);
                });
            }
            Command::Redeliver { consumer, positions, epoch } => {
                let back = positions.clone().unwrap_or_else(|| self.held((from, consumer)));
                self.tell_back((from, consumer), &back, ReturnReason::Nacked, out);
                self.with(from, consumer, |subscribed, id, extents| {
                    subscribed.subscription.set_epoch(id, epoch);
                    match positions {
                        Some(positions) => subscribed.subscription.give_back(id, &positions, extents),
                        None => subscribed.subscription.give_back_all(id, extents),
                    }
                });
            }
            Command::Close { of } => self.close(from, of, out),
        }
        self.pump(now, out);
    }

    fn with(
        &mut self,
        client: NodeId,
        number: u64,
        what: impl FnOnce(&mut Subscribed, ConsumerId, &super::Extents),
    ) {
        let Some((name, id)) = self.consumers.get(&(client, number)) else { return };
        if let Some(subscribed) = self.subscriptions.get_mut(name) {
            what(subscribed, *id, self.managed.extents());
        }
    }

    fn send(
        &mut self,
        now: Time,
        to: (NodeId, u64),
        sequence: u64,
        payload: Batches,
        out: &mut Vec<TopicOut>,
    ) {
        let ((client, producer), Some(name)) = (to, self.producers.get(&to).cloned()) else {
            return out.push(TopicOut::Client(to.0, Answer::Closed { of: to.1 }));
        };
        if payload.is_empty() {
            let why = NotSent::Empty;
            return out.push(TopicOut::Client(client, Answer::NotSent { producer, sequence, why }));
        }
        match self.over {
            Some(OverQuota::Hold) => return self.held.push((to, sequence, payload)),
            Some(OverQuota::Refuse) => {
                let why = NotSent::BacklogFull;
                return out.push(TopicOut::Client(client, Answer::NotSent { producer, sequence, why }));
            }
            Some(OverQuota::Evict { .. }) | None => {}
        }
        // What another cluster sends is known by who sent it there.
        let (name, first) = match replicated_from(&payload).and_then(|_| sequence_of(&payload)) {
            Some(first) => first,
            None => (name, sequence),
        };
        let is_known = |of: &BTreeMap<String, u64>| of.get(&name).is_some_and(|last| first <= *last);
        if self.settings.deduplication && is_known(&self.stored) {
            self.tell_known(&payload, out);
            return out
                .push(TopicOut::Client(client, Answer::Receipt { producer, sequence, position: None }));
        }
        if self.settings.deduplication && is_known(&self.pushed) {
            // It is under way: its receipt goes to whoever asked last.
            let same = |waiting: &&mut Waiting| waiting.name == name && waiting.first == first;
            if let Some(waiting) = self.waiting.values_mut().find(same) {
                (waiting.to, waiting.sequence) = (to, sequence);
            }
            return;
        }
        let last = self.pushed.entry(name.clone()).or_default();
        *last = (*last).max(first);
        let mut facts = Vec::new();
        let payload = payload.into_stamped(Offset::ZERO, Epoch::default());
        // What is stored is stated only later, so the number is known here before anybody asks for it.
        let ticket = self.managed.add(now, payload.clone(), &mut facts);
        self.waiting.insert(ticket, Waiting { to, name, first, sequence, payload });
        self.take(now, facts, out);
    }

    /// The store has answered.
    pub(super) fn on_store(&mut self, now: Time, whom: For, answer: &StoreAnswer, out: &mut Vec<TopicOut>) {
        let mut facts = Vec::new();
        match (whom, answer) {
            (For::Ledgers(tag), answer) => self.managed.on_store(now, tag, answer, &mut facts),
            (For::Cursors, StoreAnswer::All(all)) => {
                let prefix = self.cursor_path("");
                for (path, stored) in all {
                    let name = path.strip_prefix(&prefix).and_then(|name| Name::new(name).ok());
                    let Some((name, cursor)) = name.zip(Cursor::parse(&stored.value)) else { continue };
                    match &mut self.compaction {
                        Some(compaction) if name.as_str() == COMPACTION_CURSOR => {
                            compaction.found(cursor, stored.version);
                        }
                        _ => _ = self.cursors.insert(name, (cursor, stored.version)),
                    }
                }
                self.has_cursors = true;
            }
            (For::Cursor(name), StoreAnswer::Written { version }) => {
                if let Some(subscribed) = self.subscriptions.get_mut(&name) {
                    (subscribed.version, subscribed.writing) = (Some(*version), false);
                }
                self.trim(now, &mut facts);
            }
            (For::Cursor(_), StoreAnswer::Conflict) => out.push(TopicOut::Lost),
            (For::Cursor(name), _) => {
                if let Some(subscribed) = self.subscriptions.get_mut(&name) {
                    (subscribed.dirty, subscribed.writing) = (true, false);
                }
            }
            (For::Metadata(ledger), StoreAnswer::Value(stored)) => {
                self.looking.remove(&ledger);
                match stored.as_ref().and_then(|stored| LedgerMetadata::parse(&stored.value).ok()) {
                    Some(metadata) => self.managed.learn(ledger, metadata),
                    None => self.retry = Some(now + self.settings.ledgers.retry),
                }
            }
            (For::Compacted, answer) => self.compaction_written(now, answer, out),
            (For::Compaction(run), answer) => self.compaction_answered(run, answer, out),
            (For::Cursors | For::Metadata(_), _) => self.retry = Some(now + self.settings.ledgers.retry),
        }
        self.take(now, facts, out);
    }
}

/// The cluster that an entry came from, if it came from another.
pub(super) fn replicated_from(payload: &Batches) -> Option<Name> {
    let first = payload.records().next()?;
    let name = core::str::from_utf8(first.headers.get(REPLICATED_FROM_HEADER.as_bytes())??).ok()?;
    Name::new(name).ok()
}

/// The producer and the sequence that an entry says it has.
fn sequence_of(payload: &Batches) -> Option<(String, u64)> {
    let first = payload.records().next()?;
    let name = core::str::from_utf8(first.headers.get(PRODUCER_HEADER.as_bytes())??).ok()?;
    let sequence = first.headers.get(SEQUENCE_HEADER.as_bytes())??;
    Some((name.into(), u64::from_be_bytes(sequence.try_into().ok()?)))
}
