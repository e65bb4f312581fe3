//! What a queue does, as a plain list: it is scanned for every question, nothing is remembered that can be counted. Read
//! it as the specification.

use mqlab_core::ids::MessageId;
use mqlab_core::message::{DeathReason, Message};
use mqlab_core::queue::{AckMode, ConsumerId, ConsumerOptions, Flow, QueueOptions};
use mqlab_core::time::Time;

use DeathReason::Expired;

use crate::plan::SELECTORS;

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// In the line of its priority, or in the line before all others with this number.
    Ready(Option<u64>),
    Waiting(Time),
    Out {
        tag: u64,
        with: ConsumerId,
        seen: bool,
        lease: Option<Time>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) offset: u64,
    pub(crate) message: Message,
    /// When it came, in whole milliseconds: its time to live is counted from here.
    pub(crate) since: Time,
    pub(crate) place: Place,
    pub(crate) deliveries: u32,
    /// Whether a restart finds it where it is: its lease, or its wait, was asked for so.
    pub(crate) noted: bool,
    /// How often it came back.
    pub(crate) returns: u32,
    /// It came in this moment with its time over, and may be delivered in this moment.
    pub(crate) at_once: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) options: ConsumerOptions,
    pub(crate) credit: u64,
    pub(crate) blocked: bool,
}

/// Tag, consumer, offset, how often it was delivered, body.
pub(crate) type Delivered = (u64, ConsumerId, u64, u32, Vec<u8>);
/// Offset, reason, body.
pub(crate) type Departed = (u64, DeathReason, Vec<u8>);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    Full,
    Blocked,
    UnknownTag,
    UnknownConsumer,
    Gone,
    DeliveredAgain,
    NotOut,
    /// The disk is full.
    NoRoom,
    /// The disk failed.
    Storage,
}

/// The queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) options: QueueOptions,
    /// By offset.
    pub(crate) items: Vec<Item>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) active: Option<ConsumerId>,
    pub(crate) groups: Vec<(String, ConsumerId)>,
    pub(crate) remembered: Vec<(MessageId, Time)>,
    pub(crate) next: u64,
    /// The offset after the last that a log ever had.
    pub(crate) logged: u64,
    pub(crate) tags: u64,
    pub(crate) fronts: u64,
    pub(crate) sweep: Option<Time>,
    /// A restart made it ready for too much.
    pub(crate) too_full: Option<Time>,
    pub(crate) pushed: Vec<Delivered>,
    pub(crate) departed: Vec<Departed>,
}

pub(crate) fn whole_millis(at: Time) -> Time {
    Time(at.0 / 1_000 * 1_000)
}

pub(crate) fn body(item: &Item) -> Vec<u8> {
    item.message.body().to_vec()
}

impl Item {
    pub(crate) fn new(offset: u64, message: Message, since: Time) -> Self {
        let place = Place::Ready(None);
        Self { offset, message, since, place, deliveries: 0, noted: false, returns: 0, at_once: false }
    }
}

impl List {
    pub(crate) fn new(options: QueueOptions) -> Self {
        Self { options, ..Self::default() }
    }

    // Questions.

    pub(crate) fn lane(&self, item: &Item) -> u8 {
        item.message.priority().unwrap_or(self.options.priority_default).min(self.options.priority_max)
    }

    pub(crate) fn expires(&self, item: &Item) -> Option<Time> {
        self.options.ttl.into_iter().chain(item.message.ttl()).min().map(|ttl| item.since + ttl)
    }

    pub(crate) fn is_expired(&self, now: Time, item: &Item) -> bool {
        !item.at_once && self.expires(item).is_some_and(|at| at <= now)
    }

    /// The offsets of what is ready, in the order of serving.
    pub(crate) fn ready(&self) -> Vec<u64> {
        let place = |item: &Item| match item.place {
            Place::Ready(Some(front)) => Some((0, 0, front, item.offset)),
            Place::Ready(None) => Some((1, u8::MAX - self.lane(item), item.offset, item.offset)),
            _ => None,
        };
        let mut order: Vec<_> = self.items.iter().filter_map(place).collect();
        order.sort_unstable();
        order.into_iter().map(|(.., offset)| offset).collect()
    }

    pub(crate) fn item(&self, offset: u64) -> &Item {
        self.items.iter().find(|item| item.offset == offset).expect("the list has it")
    }

    pub(crate) fn item_mut(&mut self, offset: u64) -> &mut Item {
        self.items.iter_mut().find(|item| item.offset == offset).expect("the list has it")
    }

    /// Tag, offset and consumer of what is out, by tag.
    pub(crate) fn out(&self) -> Vec<(u64, u64, ConsumerId)> {
        let out = |item: &Item| match item.place {
            Place::Out { tag, with, .. } => Some((tag, item.offset, with)),
            _ => None,
        };
        let mut out: Vec<_> = self.items.iter().filter_map(out).collect();
        out.sort_unstable();
        out
    }

    pub(crate) fn has(&self, offset: u64) -> bool {
        self.items.iter().any(|item| item.offset == offset)
    }

    pub(crate) fn find_out(&self, wanted: u64) -> Result<u64, Refusal> {
        let out = self.out().into_iter().find(|(tag, ..)| *tag == wanted);
        out.map(|(_, offset, _)| offset).ok_or(Refusal::UnknownTag)
    }

    pub(crate) fn consumer(&mut self, id: ConsumerId) -> Result<&mut Consumer, Refusal> {
        self.consumers.iter_mut().find(|consumer| consumer.id == id).ok_or(Refusal::UnknownConsumer)
    }

    pub(crate) fn consumers(&self) -> Vec<ConsumerId> {
        self.consumers.iter().map(|consumer| consumer.id).collect()
    }

    pub(crate) fn has_room(&self, consumer: &Consumer) -> bool {
        let extended = self.options.prefetch_extension;
        let counts = |item: &&Item| matches!(item.place, Place::Out { with, seen, .. } if with == consumer.id && !(seen && extended));
        let counted = || self.items.iter().filter(counts).count();
        !consumer.blocked
            && match consumer.options.flow {
                Flow::Unlimited | Flow::Prefetch(0) => true,
                Flow::Prefetch(most) => {
                    consumer.options.ack == AckMode::Automatic || counted() < most as usize
                }
                Flow::Credit => consumer.credit > 0,
                _ => false,
            }
    }

    pub(crate) fn owner(&self, group: &str) -> Option<ConsumerId> {
        self.groups.iter().find(|(other, _)| other == group).map(|(_, owner)| *owner)
    }

    pub(crate) fn suits(&self, item: &Item, consumer: &Consumer) -> bool {
        let owner = item.message.group().and_then(|group| self.owner(group));
        let free = item.message.group_sequence() == Some(1) || owner.is_none_or(|owner| owner == consumer.id);
        free && consumer.options.selector.as_ref().is_none_or(|selector| {
            let meaning = SELECTORS.iter().find(|(text, _)| *text == selector.to_string());
            meaning.expect("one of them").1(&item.message)
        })
    }

    pub(crate) fn ready_bytes(&self) -> u64 {
        self.ready().into_iter().map(|offset| self.item(offset).message.body().len() as u64).sum()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.options.length_max.is_some_and(|most| self.ready().len() as u64 > most)
            || self.options.bytes_max.is_some_and(|most| self.ready_bytes() > most)
    }

    /// The first moment at which something is due.
    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        let at = |item: &Item| match item.place {
            Place::Out { lease, .. } => lease,
            Place::Waiting(until) => Some(until),
            Place::Ready(_) => None,
        };
        let head = self.ready().first().and_then(|&head| self.expires(self.item(head)));
        let sweep = self.sweep.filter(|_| !self.items.is_empty());
        self.items.iter().filter_map(at).chain(head).chain(sweep).chain(self.too_full).min()
    }

    // How messages leave.

    pub(crate) fn remove(&mut self, offset: u64) -> Item {
        let at = self.items.iter().position(|item| item.offset == offset).expect("the list has it");
        self.items.remove(at)
    }

    pub(crate) fn die(&mut self, offset: u64, reason: DeathReason) {
        let item = self.remove(offset);
        let dropped = self.options.dead_letter_persistent_only && item.message.is_transient();
        if self.options.dead_letter.is_some() && !dropped {
            self.departed.push((offset, reason, body(&item)));
        }
    }

    pub(crate) fn expire_head(&mut self, now: Time) {
        while let Some(&head) = self.ready().first()
            && self.is_expired(now, self.item(head))
        {
            self.die(head, Expired);
        }
    }

    // Who gets what.

    pub(crate) fn deliver(&mut self, now: Time, offset: u64, with: ConsumerId, ack: AckMode) -> Delivered {
        self.tags += 1;
        let (tag, lease) = (self.tags, self.options.lease.map(|lease| now + lease));
        let item = self.item_mut(offset);
        item.deliveries += 1;
        item.noted = false;
        item.place = Place::Out { tag, with, seen: false, lease };
        let delivered = (tag, with, offset, item.deliveries, body(item));
        if ack == AckMode::Automatic {
            self.remove(offset);
        }
        delivered
    }

    pub(crate) fn join_group(&mut self, offset: u64, id: ConsumerId) {
        let message = self.item(offset).message.clone();
        let Some(group) = message.group() else { return };
        self.groups.retain(|(other, _)| **other != **group);
        if message.group_sequence().is_none_or(|sequence| sequence >= 0) {
            self.groups.push((group.to_string(), id));
        }
    }

    /// The first ready message that suits somebody with room; the best of those whom it suits.
    pub(crate) fn choose(&self) -> Option<(u64, usize)> {
        self.ready().into_iter().find_map(|offset| {
            let item = self.item(offset);
            let fits = |consumer: &Consumer| {
                self.has_room(consumer)
                    && self.active.is_none_or(|active| active == consumer.id)
                    && self.suits(item, consumer)
            };
            let groups = |consumer: &Consumer| match item.message.group() {
                Some(_) => self.groups.iter().filter(|(_, owner)| *owner == consumer.id).count(),
                None => 0,
            };
            // The first of the smallest.
            let best = (0..self.consumers.len()).filter(|&at| fits(&self.consumers[at])).min_by_key(|&at| {
                (std::cmp::Reverse(self.consumers[at].options.priority), groups(&self.consumers[at]), at)
            });
            best.map(|at| (offset, at))
        })
    }

    pub(crate) fn push(&mut self, now: Time) {
        loop {
            self.expire_head(now);
            let Some((offset, at)) = self.choose() else { break };
            if self.is_expired(now, self.item(offset)) {
                self.die(offset, Expired);
                continue;
            }
            let mut consumer = self.consumers.remove(at);
            consumer.credit = consumer.credit.saturating_sub(1);
            let (id, ack) = (consumer.id, consumer.options.ack);
            if self.options.strict_dispatch {
                self.consumers.insert(at, consumer);
            } else {
                self.insert(consumer);
            }
            self.join_group(offset, id);
            let delivered = self.deliver(now, offset, id, ack);
            self.pushed.push(delivered);
        }
    }

    /// Behind the last of its priority.
    pub(crate) fn insert(&mut self, consumer: Consumer) {
        let at =
            self.consumers.iter().filter(|other| other.options.priority >= consumer.options.priority).count();
        self.consumers.insert(at, consumer);
    }

    pub(crate) fn elect(&mut self) {
        let exclusive = self.consumers.iter().filter(|consumer| consumer.options.exclusive);
        let best = exclusive.clone().map(|consumer| consumer.options.priority).max();
        let mut best =
            exclusive.filter(|consumer| Some(consumer.options.priority) == best).map(|consumer| consumer.id);
        let first = self.consumers.first().map(|consumer| consumer.id);
        self.active = match best.clone().next() {
            Some(_) if best.any(|id| Some(id) == self.active) => self.active,
            Some(first) => Some(first),
            None if self.options.single_active => self.active.or(first),
            None => None,
        };
    }
}
