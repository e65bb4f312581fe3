//! Who gets the next message of a subscription? It depends on its type.
//!
//! ```text
//!   exclusive    one consumer; a second one is refused
//!   failover     one at a time: by priority, name and partition; the others stand by
//!   shared       all, by turns: a batch of entries each, the best priority first, as far as their permits go
//!   key-shared   all: each key to its owner, and not before the last owner is done with it
//!
//!        replay (came back, in order) ─┐
//!        new entries                  ─┴─▶ consumer with permits ──▶ in its hands ──▶ acknowledged
//!                     ▲                                                │
//!                     └──────── given back, late, or its consumer is gone
//! ```
//!
//! A permit is for a *message*, and what is sent is an *entry*, which is a batch: so permits may fall below zero. A
//! consumer gives 1,000 at first, and again whenever it has worked off half.
//!
//! What real systems do differently: RabbitMQ and JMS count what is unacknowledged (prefetch); here acknowledging gives no
//! permit, so a consumer that acknowledges late is limited only by 50,000 unacknowledged messages.
//!
//! Sources: Pulsar `AbstractDispatcherMultipleConsumers`, `PersistentDispatcherMultipleConsumers`,
//! `AbstractDispatcherSingleActiveConsumer`, `PersistentStickyKeyDispatcherMultipleConsumers`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::draining::Draining;
use super::hash::murmur3_32;
use super::position::Position;
use super::ranges::{ConsumerId, RING_POINTS, RangeError, RangeMode, Ranges, Sharer};

/// The most entries that one consumer gets before it is the next one's turn (`dispatcherMaxRoundRobinBatchSize`).
pub const ROUND_ROBIN_BATCH: usize = 20;

/// The most messages that one consumer of a shared subscription may have without acknowledging them
/// (`maxUnackedMessagesPerConsumer`).
pub const UNACKED_PER_CONSUMER: u64 = 50_000;

/// The most that all of a subscription may have; it goes on at half (`maxUnackedMessagesPerSubscription`).
pub const UNACKED_PER_SUBSCRIPTION: u64 = 200_000;

/// The hash that stands for messages without a key: all of them share an owner.
pub const NO_KEY: &[u8] = b"NONE_KEY";

/// How the messages of a subscription are shared out.
///
/// ```
/// use mqlab_core::systems::pulsar::{RangeMode, SubscriptionType};
/// assert_eq!(SubscriptionType::default(), SubscriptionType::Exclusive);
/// assert!(SubscriptionType::KeyShared(RangeMode::default()).is_shared());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionType {
    /// To the only consumer.
    #[default]
    Exclusive,
    /// To one of several, until it is gone.
    Failover,
    /// To all, by turns.
    Shared,
    /// To all, by key.
    KeyShared(RangeMode),
}

impl SubscriptionType {
    /// Whether several consumers get messages at once: then nobody may acknowledge what others have in their hands.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::KeyShared(_))
    }
}

/// Who wants to consume.
///
/// ```
/// use mqlab_core::systems::pulsar::NewConsumer;
/// let consumer = NewConsumer { name: "c1".into(), ..NewConsumer::default() };
/// assert_eq!(consumer.priority, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewConsumer {
    /// Its name: it decides the order of those of one priority.
    pub name: String,
    /// 0 comes first.
    pub priority: u32,
    /// Which slots it wants, where consumers say so.
    pub wanted: Vec<(u32, u32)>,
}

/// Why a consumer was refused.
///
/// ```
/// use mqlab_core::systems::pulsar::NotSubscribed;
/// assert_eq!(NotSubscribed::ConsumerBusy.to_string(), "the subscription has its consumer");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSubscribed {
    /// It is exclusive, and somebody has it.
    ConsumerBusy,
    /// It has consumers of another type.
    OtherType,
    /// There is no share for it.
    NoRange(RangeError),
    /// It wants to read compacted, and the topic is not kept, or consumers share the messages.
    NotCompacted,
}

impl fmt::Display for NotSubscribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsumerBusy => f.write_str("the subscription has its consumer"),
            Self::OtherType => f.write_str("the subscription has consumers of another type"),
            Self::NoRange(error) => error.fmt(f),
            Self::NotCompacted => f.write_str(
                "only an exclusive or failover subscription of a topic that is kept is read compacted",
            ),
        }
    }
}

impl core::error::Error for NotSubscribed {}

/// An entry that could be sent.
///
/// ```
/// use mqlab_core::systems::pulsar::{Candidate, Position};
/// let candidate = Candidate { position: Position::default(), messages: 3, key: Some(b"k") };
/// assert_eq!(candidate.messages, 3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Where it stands.
    pub position: Position,
    /// How many messages it has.
    pub messages: u32,
    /// The ordering key, or else the key, of its first message: batches of a key-shared subscription have one key.
    pub key: Option<&'a [u8]>,
}

#[derive(Clone, Debug)]
struct Consumer {
    name: String,
    priority: u32,
    permits: i64,
    unacked: u64,
    /// How often it has asked for everything again.
    epoch: u64,
    /// What is in its hands: how many messages each, and the slot of its key.
    pending: BTreeMap<Position, (u32, u32)>,
}

/// Shares the entries of one subscription out among its consumers.
///
/// ```
/// use mqlab_core::systems::pulsar::{Candidate, Dispatcher, NewConsumer, Position, SubscriptionType};
/// use mqlab_core::systems::pulsar::ledger::LedgerId;
/// let mut dispatcher = Dispatcher::new(SubscriptionType::Shared, None, "t");
/// let consumer = dispatcher.add(NewConsumer::default())?;
/// dispatcher.flow(consumer, 1);
/// let entry = |entry| Candidate { position: Position::new(LedgerId(7), entry), messages: 5, key: None };
/// let sent = dispatcher.dispatch(&[entry(0), entry(1)]);
/// assert_eq!(sent, [(consumer, entry(0).position)]); // permits are at -4 now
/// # Ok::<(), mqlab_core::systems::pulsar::NotSubscribed>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dispatcher {
    kind: SubscriptionType,
    partition: Option<u32>,
    /// Where the topic is on the ring of a failover subscription.
    hash: u32,
    consumers: BTreeMap<ConsumerId, Consumer>,
    /// Of a shared subscription, in order of priority and arrival.
    order: Vec<ConsumerId>,
    /// Whose turn it is, in `order`.
    turn: usize,
    active: Option<ConsumerId>,
    ranges: Ranges,
    draining: Draining,
    next: u64,
    unacked: u64,
    /// Too much is unacknowledged: nothing is sent before it is half.
    blocked: bool,
    limits: (u64, u64),
}

impl Dispatcher {
    /// Without consumers. `partition` is the topic's number, if it is a partition.
    pub fn new(kind: SubscriptionType, partition: Option<u32>, topic: &str) -> Self {
        let mode = if let SubscriptionType::KeyShared(mode) = kind { mode } else { RangeMode::default() };
        Self {
            kind,
            partition,
            hash: murmur3_32(topic.as_bytes()),
            consumers: BTreeMap::new(),
            order: Vec::new(),
            turn: 0,
            active: None,
            ranges: Ranges::new(mode),
            draining: Draining::default(),
            next: 0,
            unacked: 0,
            blocked: false,
            limits: (UNACKED_PER_CONSUMER, UNACKED_PER_SUBSCRIPTION),
        }
    }

    /// With other limits of what is unacknowledged: of one consumer, and of all.
    #[must_use]
    pub fn with_limits(self, per_consumer: u64, per_subscription: u64) -> Self {
        Self { limits: (per_consumer, per_subscription), ..self }
    }

    /// How messages are shared out.
    pub fn kind(&self) -> SubscriptionType {
        self.kind
    }

    /// The consumers, in order of arrival.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerId> {
        self.consumers.keys().copied()
    }

    /// Whose turn it is in a subscription that has one active consumer.
    pub fn active(&self) -> Option<ConsumerId> {
        self.active
    }

    /// A consumer's permits; they may be below zero.
    pub fn permits(&self, consumer: ConsumerId) -> i64 {
        self.consumers.get(&consumer).map_or(0, |consumer| consumer.permits)
    }

    /// A consumer's epoch, where one consumes at a time: what is sent to it bears it (PIP-84).
    pub fn epoch(&self, consumer: ConsumerId) -> Option<u64> {
        self.consumers.get(&consumer).filter(|_| !self.kind.is_shared()).map(|consumer| consumer.epoch)
    }

    /// A consumer says what its epoch is. It never goes back.
    pub fn set_epoch(&mut self, consumer: ConsumerId, epoch: u64) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.epoch = consumer.epoch.max(epoch);
        }
    }

    /// Takes a consumer in.
    ///
    /// # Errors
    ///
    /// [`NotSubscribed`] when there is no place for it.
    pub fn add(&mut self, new: NewConsumer) -> Result<ConsumerId, NotSubscribed> {
        if self.kind == SubscriptionType::Exclusive && !self.consumers.is_empty() {
            return Err(NotSubscribed::ConsumerBusy);
        }
        let id = ConsumerId(self.next + 1);
        if matches!(self.kind, SubscriptionType::KeyShared(_)) {
            let sharer = Sharer { id, name: &new.name, priority: new.priority, wanted: &new.wanted };
            self.ranges.add(sharer).map_err(NotSubscribed::NoRange)?;
        }
        self.next += 1;
        let consumer = Consumer {
            name: new.name,
            priority: new.priority,
            permits: 0,
            unacked: 0,
            epoch: 0,
            pending: BTreeMap::new(),
        };
        self.consumers.insert(id, consumer);
        self.regroup();
        Ok(id)
    }

    /// Lets a consumer go, and says what was in its hands: that is to be delivered again.
    pub fn remove(&mut self, consumer: ConsumerId) -> Vec<Position> {
        let Some(gone) = self.consumers.remove(&consumer) else { return Vec::new() };
        self.ranges.remove(consumer);
        self.unacked = self.unacked.saturating_sub(gone.unacked);
        self.unblock();
        self.regroup();
        gone.pending.into_keys().collect()
    }

    /// Somebody came or went: who is active, who follows whom, and which keys are between two owners?
    fn regroup(&mut self) {
        let mut order: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        order.sort_by_key(|id| self.consumers.get(id).map(|consumer| (consumer.priority, *id)));
        let had_turn = self.order.get(self.turn).copied();
        self.turn = had_turn.and_then(|id| order.iter().position(|other| *other == id)).unwrap_or(0);
        self.order = order;
        self.active = if self.kind.is_shared() { None } else { self.choose_active() };
        self.draining.clear();
        if !matches!(self.kind, SubscriptionType::KeyShared(_)) {
            return;
        }
        for (id, consumer) in &self.consumers {
            for (_, slot) in consumer.pending.values() {
                if self.ranges.select(*slot) != Some(*id) {
                    self.draining.add(*id, *slot);
                }
            }
        }
    }

    /// Of those of the best priority, by name: the one whose turn the partition is; of a topic that is none, the one at
    /// whose point of the ring the topic is.
    fn choose_active(&self) -> Option<ConsumerId> {
        let best = self.consumers.values().map(|consumer| consumer.priority).min()?;
        let mut able: Vec<(&str, ConsumerId)> = self
            .consumers
            .iter()
            .filter(|(_, consumer)| consumer.priority == best)
            .map(|(id, consumer)| (consumer.name.as_str(), *id))
            .collect();
        able.sort_unstable();
        if let Some(partition) = self.partition {
            return able.get(partition as usize % able.len()).map(|(_, id)| *id);
        }
        let mut ring = BTreeMap::new();
        for (name, id) in able {
            for point in 0..RING_POINTS {
                ring.insert(murmur3_32(alloc::format!("{name}{point}").as_bytes()), id);
            }
        }
        ring.range(self.hash..).next().or_else(|| ring.iter().next()).map(|(_, id)| *id)
    }

    /// A consumer can take so many messages more.
    pub fn flow(&mut self, consumer: ConsumerId, permits: u32) {
        if let Some(consumer) = self.consumers.get_mut(&consumer) {
            consumer.permits = consumer.permits.saturating_add(permits.into());
        }
    }

    /// How many entries are wanted at most, so that no more are read.
    pub fn wants(&self) -> usize {
        if self.blocked {
            return 0;
        }
        let able = self.consumers.iter().filter(|(id, _)| self.active.is_none_or(|active| active == **id));
        let permits: i64 = able.map(|(_, consumer)| self.room(consumer)).sum();
        usize::try_from(permits).unwrap_or(usize::MAX)
    }

    /// How many messages a consumer may be sent.
    fn room(&self, consumer: &Consumer) -> i64 {
        let (per_consumer, _) = self.limits;
        match self.kind.is_shared() && consumer.unacked >= per_consumer {
            true => 0,
            false => consumer.permits.max(0),
        }
    }

    /// Shares entries out, in this order: what came back first, then what is new. Says who gets what; the others stay.
    pub fn dispatch(&mut self, candidates: &[Candidate<'_>]) -> Vec<(ConsumerId, Position)> {
        match self.kind {
            SubscriptionType::Exclusive | SubscriptionType::Failover => self.send_to_active(candidates),
            SubscriptionType::Shared => self.by_turns(candidates),
            SubscriptionType::KeyShared(_) => self.by_key(candidates),
        }
    }

    fn send_to_active(&mut self, candidates: &[Candidate<'_>]) -> Vec<(ConsumerId, Position)> {
        let Some(active) = self.active else { return Vec::new() };
        // What the one before has in its hands comes to this one too, once it is given back.
        candidates.iter().map_while(|entry| self.give(active, *entry, 0)).collect()
    }

    fn by_turns(&mut self, candidates: &[Candidate<'_>]) -> Vec<(ConsumerId, Position)> {
        let (mut sent, mut rest) = (Vec::new(), candidates);
        while let Some(consumer) = self.next_in_turn() {
            let before = sent.len();
            let room = self.consumers.get(&consumer).map_or(0, |it| self.room(it));
            let room = usize::try_from(room).unwrap_or(0);
            let (batch, later) = rest.split_at(rest.len().min(room).min(ROUND_ROBIN_BATCH));
            for (index, entry) in batch.iter().enumerate() {
                match self.give(consumer, *entry, 0) {
                    Some(given) => sent.push(given),
                    None => {
                        rest = &rest[index..]; // the batches before it took all permits
                        break;
                    }
                }
            }
            if sent.len() - before == batch.len() {
                rest = later;
            }
            if sent.len() == before || rest.is_empty() {
                break;
            }
        }
        sent
    }

    /// The next consumer that can take something: of the best priority that has one, by turns.
    fn next_in_turn(&mut self) -> Option<ConsumerId> {
        if self.blocked {
            return None;
        }
        let priority = |id: &ConsumerId| self.consumers.get(id).map(|consumer| consumer.priority);
        let able = |id: &ConsumerId| self.consumers.get(id).is_some_and(|consumer| self.room(consumer) > 0);
        let best = self.order.iter().filter(|id| able(id)).filter_map(priority).min()?;
        let count = self.order.len();
        let mut places = (0..count).map(|step| (self.turn + step) % count);
        let place = places.find(|&place| {
            let id = self.order[place];
            able(&id) && priority(&id) == Some(best)
        })?;
        self.turn = (place + 1) % count;
        Some(self.order[place])
    }

    fn by_key(&mut self, candidates: &[Candidate<'_>]) -> Vec<(ConsumerId, Position)> {
        let mut sent = Vec::new();
        // What could not go holds back what has the same slot and stands behind it.
        let mut held = BTreeSet::new();
        for entry in candidates {
            let slot = self.ranges.slot_of(entry.key.unwrap_or(NO_KEY));
            let Some(owner) = self.ranges.select(slot) else { continue };
            if held.contains(&slot) {
                continue;
            }
            let given = match self.draining.blocks(owner, slot) {
                true => None,
                false => self.give(owner, *entry, slot),
            };
            match given {
                Some(given) => sent.push(given),
                None => {
                    held.insert(slot);
                }
            }
        }
        sent
    }

    /// Puts an entry into a consumer's hands, if it can take something.
    fn give(&mut self, id: ConsumerId, entry: Candidate<'_>, slot: u32) -> Option<(ConsumerId, Position)> {
        let able = !self.blocked && self.consumers.get(&id).is_some_and(|consumer| self.room(consumer) > 0);
        let consumer = self.consumers.get_mut(&id).filter(|_| able)?;
        consumer.permits -= i64::from(entry.messages);
        consumer.unacked += u64::from(entry.messages);
        self.unacked += u64::from(entry.messages);
        consumer.pending.insert(entry.position, (entry.messages, slot));
        self.blocked = self.kind.is_shared() && self.unacked >= self.limits.1;
        Some((id, entry.position))
    }

    /// Whether somebody has an entry in its hands.
    pub fn holder(&self, position: Position) -> Option<ConsumerId> {
        let found = self.consumers.iter().find(|(_, consumer)| consumer.pending.contains_key(&position));
        found.map(|(id, _)| *id)
    }

    /// An entry has left a consumer's hands: it was acknowledged, or is to be delivered again. Says whether it had it.
    pub fn settle(&mut self, consumer: ConsumerId, position: Position) -> bool {
        let Some(holder) = self.consumers.get_mut(&consumer) else { return false };
        let Some((messages, slot)) = holder.pending.remove(&position) else { return false };
        holder.unacked = holder.unacked.saturating_sub(messages.into());
        self.unacked = self.unacked.saturating_sub(messages.into());
        self.draining.settle(consumer, slot);
        self.unblock();
        true
    }

    /// What a consumer has in its hands, in order.
    pub fn held(&self, consumer: ConsumerId) -> Vec<Position> {
        let holder = self.consumers.get(&consumer);
        holder.map(|holder| holder.pending.keys().copied().collect()).unwrap_or_default()
    }

    /// Everything up to an entry has left a consumer's hands; or all that it has.
    pub fn settle_to(&mut self, consumer: ConsumerId, last: Option<Position>) -> Vec<Position> {
        let all = self.held(consumer).into_iter();
        let settled: Vec<Position> =
            all.take_while(|position| last.is_none_or(|last| *position <= last)).collect();
        settled.iter().for_each(|position| {
            self.settle(consumer, *position);
        });
        settled
    }

    fn unblock(&mut self) {
        if self.unacked <= self.limits.1 / 2 {
            self.blocked = false;
        }
    }
}
