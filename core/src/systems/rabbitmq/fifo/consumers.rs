//! Whose turn is it? The consumers of a quorum queue: what each holds, how much more it may hold, and, where only one
//! is served at a time, who that is.
//!
//! ```text
//!   several are served                       a single active consumer
//!
//!   turn  ▸ B(9)  A(0)  C(0)                 there    ▸ A, the one that is served
//!           └─ gets one, and goes behind     waiting  ▸ C(5)  B(0)      by priority, then by room, then by age
//!              those of its priority                    └─ goes before A: A gets no more, and when all that A has
//!                                                          is settled, C is served and A waits
//! ```
//!
//! Sources: RabbitMQ `rabbit_fifo.erl#activate_next_consumer`, `#update_or_remove_con`, `#sort_waiting`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::Held;
use crate::ids::{NodeId, Offset};

/// A consumer, as its client names it.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::rabbitmq::ConsumerTag;
/// let tag = ConsumerTag { node: NodeId::Consumer(1), tag: 7 };
/// assert_eq!(tag, ConsumerTag { node: NodeId::Consumer(1), tag: 7 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerTag {
    /// The client.
    pub node: NodeId,
    /// Which of its consumers.
    pub tag: u32,
}

/// Whether a consumer is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// As far as it has room, and its turn comes.
    Up,
    /// Not any more: a consumer of higher priority waits until it has settled what it holds.
    Quiescing,
    /// Not any more: it is there only until it has settled what it holds.
    Cancelled,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consumer {
    pub(super) tag: ConsumerTag,
    /// Where its checkout stands in the log: no later consumer of the same tag is taken for it.
    pub(super) key: Offset,
    pub(super) prefetch: u32,
    pub(super) priority: i32,
    /// How many more messages it may be given.
    pub(super) credit: u32,
    /// Whether it ends when it has settled what it holds.
    pub(super) once: bool,
    pub(super) status: Status,
    /// The number of its next delivery.
    pub(super) next: u64,
    pub(super) out: BTreeMap<u64, Held>,
}

impl Consumer {
    pub(super) fn new(tag: ConsumerTag, key: Offset, prefetch: u32, priority: i32, once: bool) -> Self {
        let (status, out) = (Status::Up, BTreeMap::new());
        let credit = if once { 1 } else { room(prefetch) };
        Self { tag, key, prefetch, priority, credit, once, status, next: 0, out }
    }

    /// It wants something else from now on, and keeps what it has.
    fn renew(&mut self, other: &Self) {
        (self.prefetch, self.priority, self.once) = (other.prefetch, other.priority, other.once);
        self.status = Status::Up;
        self.gains_room();
    }

    /// There is room for what it does not hold, where it lasts. (In RabbitMQ one whose prefetch was made smaller has room
    /// again with its first settling, though it still holds more.)
    fn gains_room(&mut self) {
        if !self.once {
            let held = u32::try_from(self.out.len()).unwrap_or(u32::MAX);
            self.credit = room(self.prefetch).saturating_sub(held);
        }
    }
}

/// How many messages a consumer of some prefetch may hold.
fn room(prefetch: u32) -> u32 {
    if prefetch == 0 { u32::MAX } else { prefetch }
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consumers {
    /// Whether one is served at a time.
    single: bool,
    /// Those that hold something, or are served.
    there: BTreeMap<Offset, Consumer>,
    /// Those that wait for the end of the one that is served, the next first.
    waiting: Vec<Consumer>,
    /// Those that are served and have room, by priority and in turn.
    turn: Vec<(i32, Offset)>,
}

impl Consumers {
    pub(super) fn new(single: bool) -> Self {
        Self { single, there: BTreeMap::new(), waiting: Vec::new(), turn: Vec::new() }
    }

    /// Those that are served or hold something, and those that wait.
    pub(super) fn all(&self) -> impl Iterator<Item = &Consumer> {
        self.there.values().chain(&self.waiting)
    }

    pub(super) fn key_of(&self, tag: ConsumerTag) -> Option<Offset> {
        self.all().find(|consumer| consumer.tag == tag).map(|consumer| consumer.key)
    }

    pub(super) fn get(&self, key: Offset) -> Option<&Consumer> {
        self.there.get(&key)
    }

    /// The one that alone is served, if it is to be so.
    pub(super) fn active(&self) -> Option<Offset> {
        let active = |consumer: &&Consumer| consumer.status != Status::Cancelled;
        self.there.values().find(active).map(|consumer| consumer.key)
    }

    pub(super) fn is_active(&self, key: Offset) -> bool {
        !self.single || self.active() == Some(key)
    }

    /// A consumer comes, or one that is there wants something else.
    pub(super) fn enter(&mut self, new: Consumer) {
        let key = new.key;
        let stays = !self.single || self.active().is_none_or(|active| active == key);
        match self.there.get_mut(&key) {
            Some(there) if stays => {
                there.renew(&new);
                self.turn.retain(|(_, other)| *other != key);
            }
            None if !self.single => {
                self.there.insert(key, new);
            }
            _ => return self.wait(new),
        }
        self.refresh(key);
    }

    fn wait(&mut self, consumer: Consumer) {
        self.waiting.retain(|other| other.key != consumer.key);
        self.waiting.push(consumer);
        self.waiting.sort_by_key(|other| (Reverse(other.priority), Reverse(other.credit), other.key));
    }

    /// Sees to it that a consumer has its turn if it has room, and that one that is done with goes.
    fn refresh(&mut self, key: Offset) {
        let Some(consumer) = self.there.get_mut(&key) else { return };
        let (priority, is_done) = (consumer.priority, consumer.out.is_empty());
        if consumer.status != Status::Up || consumer.credit == 0 {
            self.turn.retain(|(_, other)| *other != key);
        } else if self.turn.iter().all(|(_, other)| *other != key) {
            let at = self.turn.partition_point(|(other, _)| *other >= priority);
            self.turn.insert(at, (priority, key));
        }
        if is_done && consumer.once && consumer.credit == 0 {
            self.there.remove(&key);
        } else if is_done && consumer.status == Status::Quiescing {
            consumer.status = Status::Up;
            if let Some(consumer) = self.there.remove(&key) {
                self.wait(consumer);
            }
        }
    }

    /// Who is served next; it is out of the turn until it is [lent](Self::lend) something.
    pub(super) fn next(&mut self) -> Option<Offset> {
        if self.turn.is_empty() { None } else { Some(self.turn.remove(0).1) }
    }

    /// Gives a consumer a message; says the number of the delivery.
    pub(super) fn lend(&mut self, key: Offset, held: Held) -> Option<(ConsumerTag, u64)> {
        let consumer = self.there.get_mut(&key)?;
        let number = consumer.next;
        consumer.next += 1;
        consumer.credit = consumer.credit.saturating_sub(1);
        consumer.out.insert(number, held);
        let tag = consumer.tag;
        self.refresh(key);
        Some((tag, number))
    }

    /// Takes from a consumer what it does not hold any more, and gives it room for as much.
    pub(super) fn take(&mut self, key: Offset, number: u64) -> Option<(ConsumerTag, Held)> {
        let consumer = self.there.get_mut(&key)?;
        let held = consumer.out.remove(&number)?;
        consumer.gains_room();
        let tag = consumer.tag;
        self.refresh(key);
        Some((tag, held))
    }

    /// Puts one in for a single message.
    pub(super) fn enter_once(&mut self, consumer: Consumer) {
        self.there.insert(consumer.key, consumer);
    }

    /// A consumer wants no more.
    pub(super) fn cancel(&mut self, tag: ConsumerTag) {
        self.waiting.retain(|consumer| consumer.tag != tag);
        let Some(key) = self.key_of(tag) else { return };
        if let Some(consumer) = self.there.get_mut(&key) {
            (consumer.status, consumer.once, consumer.credit) = (Status::Cancelled, true, 0);
        }
        self.refresh(key);
    }

    /// The consumers of a client that is gone, in order of age; those that wait are forgotten.
    pub(super) fn of_node(&mut self, node: NodeId) -> Vec<Offset> {
        self.waiting.retain(|consumer| consumer.tag.node != node);
        let own = self.there.values().filter(|consumer| consumer.tag.node == node);
        own.map(|consumer| consumer.key).collect()
    }

    /// One that waits is forgotten.
    pub(super) fn forget_waiting(&mut self, tag: ConsumerTag) {
        self.waiting.retain(|consumer| consumer.tag != tag);
    }

    pub(super) fn remove(&mut self, key: Offset) {
        self.turn.retain(|(_, other)| *other != key);
        self.there.remove(&key);
    }

    /// Chooses who is served, where that is one: whoever is next, when nobody is or a lower one has settled everything.
    pub(super) fn activate(&mut self) -> Option<(ConsumerTag, Offset)> {
        if !self.single {
            return None;
        }
        let priority = self.waiting.first()?.priority;
        if let Some(active) = self.active().and_then(|key| self.there.get_mut(&key)) {
            if priority <= active.priority {
                return None;
            }
            active.status = Status::Quiescing;
            let key = active.key;
            self.refresh(key); // and it waits, if it has nothing
            if self.active().is_some() {
                return None;
            }
        }
        let mut next = self.waiting.remove(0);
        let (tag, key) = (next.tag, next.key);
        if let Some(mut there) = self.there.remove(&key) {
            there.renew(&next);
            next = there;
        }
        self.there.insert(key, next);
        self.refresh(key);
        Some((tag, key))
    }
}
