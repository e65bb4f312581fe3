//! The same operations on a queue and on the list, and everything that can be seen of both compared.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{MessageId, Name};
use mqlab_core::log::faulty::Fault;
use mqlab_core::log::{LogError, Storage};
use mqlab_core::message::Message;
use mqlab_core::queue::{
    Browsed, ConsumerId, Delivery, Held, Lent, Queue, QueueError, QueueOptions, RESIDENT_BYTES, Sent,
    Standing, Tag,
};
use mqlab_core::time::Time;

use crate::list::{Delivered, List, Place, Refusal};
use crate::plan::{Operation, Wish};

/// Where a queue's logs are, and what can happen to them.
pub(crate) trait Disk: Storage + Sized {
    /// The process ends, and another begins.
    fn reopened(self) -> Self;
    /// The power goes; so many hundredths of the unflushed tails were kept.
    fn cut(&mut self, messages: u64, cursor: u64);
    /// After so many writes one of the logs meets a fault; without one, none fails.
    fn fail_after(&mut self, left: u32, fault: Option<Fault>);
    /// Whether it has no room.
    fn set_full(&mut self, full: bool);
}

pub(crate) struct Pair<S: Storage> {
    pub(crate) disk: Option<S>,
    pub(crate) queue: Option<Queue<S::Log>>,
    pub(crate) list: List,
    pub(crate) now: Time,
    pub(crate) sent: Vec<Message>,
    /// What was durable for sure: the list as it was at the last flush.
    pub(crate) flushed: List,
    pub(crate) since_flush: BTreeSet<MessageId>,
    /// The highest count that a message was delivered with.
    pub(crate) counts: BTreeMap<MessageId, u32>,
    /// Messages that may be there more than once.
    pub(crate) plural: BTreeSet<MessageId>,
    /// So many bytes of bodies may stay in memory.
    pub(crate) memory: u64,
    /// The disk failed: nothing that came of it was told anybody.
    pub(crate) failed: bool,
    /// The disk has no room.
    pub(crate) full: bool,
    /// Every receipt that was given: offset and count; and the leases and waits that were ever noted.
    pub(crate) receipts: Vec<(u64, u32)>,
    pub(crate) given: BTreeSet<(u64, u32, Time)>,
}

pub(crate) fn name() -> Name {
    Name::new("q").expect("a legal name")
}

pub(crate) fn refusal<E: std::fmt::Debug>(error: QueueError<E>) -> Refusal {
    match error {
        QueueError::Full => Refusal::Full,
        QueueError::Blocked => Refusal::Blocked,
        QueueError::UnknownTag(_) => Refusal::UnknownTag,
        QueueError::UnknownConsumer => Refusal::UnknownConsumer,
        QueueError::Gone(_) => Refusal::Gone,
        QueueError::DeliveredAgain(_) => Refusal::DeliveredAgain,
        QueueError::NotOut(_) => Refusal::NotOut,
        QueueError::Log(LogError::Full) => Refusal::NoRoom,
        QueueError::Log(_) => Refusal::Storage,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn delivered(delivery: Delivery) -> Delivered {
    let Delivery { tag, consumer, offset, count, message, .. } = delivery;
    (tag.0, consumer, offset.0, count, message.body().to_vec())
}

/// What is read in place is what would have been handed out to whoever only asks.
fn lent(Lent { tag, offset, count, message }: Lent<'_>) -> Delivered {
    (tag.0, ConsumerId::default(), offset.0, count, message.body().to_vec())
}

impl<S: Disk> Pair<S> {
    pub(crate) fn new(mut disk: S, options: QueueOptions) -> Self {
        let now = Time(1_234_567);
        let queue = Queue::open(&mut disk, name(), options.clone(), now).expect("opens");
        let list = List::new(options);
        let (sent, since_flush, counts, plural) = Default::default();
        let (flushed, memory) = (list.clone(), RESIDENT_BYTES);
        Self {
            disk: Some(disk),
            queue: Some(queue),
            list,
            now,
            sent,
            flushed,
            since_flush,
            counts,
            plural,
            memory,
            failed: false,
            full: false,
            receipts: Vec::new(),
            given: BTreeSet::new(),
        }
    }

    pub(crate) fn message(&mut self, wish: Wish) -> Message {
        if let Some(again) = wish.again
            && !self.sent.is_empty()
        {
            let message = again.get(&self.sent).clone();
            self.plural.extend(message.id());
            return message;
        }
        let number = self.sent.len() as u64 + 1;
        let mut message =
            Message::new(format!("{number}{}", "x".repeat(wish.bytes))).with_id(MessageId(number));
        if let Some(priority) = wish.priority {
            message = message.with_priority(priority);
        }
        if let Some(ttl) = wish.ttl {
            message = message.with_ttl(ttl);
        }
        if let Some(delay) = wish.delay {
            message = message.with_delay(delay);
        }
        if let Some(repeat) = wish.repeat {
            message = message.with_repeat(repeat);
            self.plural.insert(MessageId(number));
        }
        if let Some(group) = wish.group {
            message = message.with_group(&format!("g{group}"));
        }
        if let Some(sequence) = wish.sequence {
            message = message.with_group_sequence(sequence);
        }
        if let Some(color) = wish.color {
            message = message.with_header("color", color);
        }
        if let Some(weight) = wish.weight {
            message = message.with_header("weight", weight);
        }
        if wish.transient {
            message = message.transient();
        }
        self.sent.push(message.clone());
        message
    }

    pub(crate) fn run(&mut self, operations: Vec<Operation>) -> Vec<String> {
        let mut trace = Vec::new();
        for operation in operations {
            let what = format!("{operation:?} at {}", self.now);
            let answer = self.perform(operation);
            if std::mem::take(&mut self.failed) {
                self.fail();
            } else {
                self.same(&what);
            }
            trace.push(format!("{answer} {:?}", self.list.next_wakeup()));
        }
        trace
    }

    /// Does something, compares the answers, and returns it as text.
    pub(crate) fn perform(&mut self, operation: Operation) -> String {
        let now = self.now;
        match operation {
            Operation::Send(wish) => {
                let message = self.message(*wish);
                self.since_flush.extend(message.id());
                let queue = self.queue.as_mut().expect("it is open");
                let real = queue.send(now, message.clone()).map(|sent| match sent {
                    Sent::Stored(offset) => Some(offset.0),
                    Sent::Duplicate => None,
                });
                self.agree(real.map_err(refusal), |list| list.send(now, message))
            }
            Operation::Pass(span) => {
                self.now = now + span;
                String::new()
            }
            Operation::Wake => {
                self.now = self.list.next_wakeup().map_or(now, |at| at.max(now));
                self.perform(Operation::Tick)
            }
            Operation::Restart => self.restart(),
            Operation::PowerCut(messages, cursor) => self.power_cut(messages, cursor),
            Operation::Fail(left, fault) => {
                self.disk.as_mut().expect("it is there").fail_after(left, Some(fault));
                String::new()
            }
            Operation::Full(full) => {
                self.full = full;
                self.disk.as_mut().expect("it is there").set_full(full);
                String::new()
            }
            Operation::SendOrNot(wish) => self.send_or_not(*wish),
            Operation::Flush => {
                let real = self.queue.as_mut().expect("it is open").flush().map_err(refusal);
                if self.full && real == Err(Refusal::NoRoom) {
                    return String::new();
                }
                self.agree(real, |_| Ok(()));
                if self.failed {
                    return String::new();
                }
                self.flushed = self.list.clone();
                self.since_flush.clear();
                assert!(!self.queue.as_ref().expect("it is open").is_dirty());
                self.little_in_memory();
                String::new()
            }
            Operation::Ack(..)
            | Operation::AckUntil(..)
            | Operation::Nack(..)
            | Operation::NackUntil(..)
            | Operation::Seen(..)
            | Operation::Renew(..)
            | Operation::Wrong(..) => self.settle(operation),
            Operation::Lease(..)
            | Operation::AckReceipt(..)
            | Operation::NackReceipt(..)
            | Operation::RejectReceipt(..)
            | Operation::RenewReceipt(..) => self.by_receipt(operation),
            other => self.consume(other),
        }
    }

    /// Remembers the leases and waits that the logs may speak of.
    pub(crate) fn remember_noted(&mut self) {
        let noted = self.list.items.iter().filter(|item| item.noted);
        self.given.extend(noted.filter_map(|item| match item.place {
            Place::Waiting(until) | Place::Out { lease: Some(until), .. } => {
                Some((item.offset, item.deliveries, until))
            }
            _ => None,
        }));
    }

    /// What a failed disk kept of an operation is found out later.
    pub(crate) fn agree<T: PartialEq + std::fmt::Debug>(
        &mut self,
        real: Result<T, Refusal>,
        model: impl FnOnce(&mut List) -> Result<T, Refusal>,
    ) -> String {
        let expected = model(&mut self.list);
        self.remember_noted();
        if matches!(real, Err(Refusal::Storage)) {
            self.failed = true;
            return String::new();
        }
        assert_eq!(real, expected, "the queue's answer, and the list's");
        format!("{real:?}")
    }

    fn consume(&mut self, operation: Operation) -> String {
        let now = self.now;
        let queue = self.queue.as_mut().expect("it is open");
        match operation {
            Operation::Attach(who, options) => {
                let real = queue.attach(now, who, options.clone()).map_err(refusal);
                self.agree(real, |list| {
                    list.attach(now, who, options);
                    Ok(())
                })
            }
            Operation::Detach(who) => {
                let real = queue.detach(now, who).map_err(refusal);
                self.agree(real, |list| {
                    list.detach(now, who);
                    Ok(())
                })
            }
            Operation::Cancel(who) => {
                let real = queue.cancel(now, who).map_err(refusal);
                self.agree(real, |list| {
                    list.cancel(now, who);
                    Ok(())
                })
            }
            Operation::Grant(who, credit) => {
                let real = queue.grant(now, who, credit).map_err(refusal);
                self.agree(real, |list| list.grant(now, who, credit))
            }
            Operation::Block(who, blocked) => {
                let real = queue.block(now, who, blocked).map_err(refusal);
                self.agree(real, |list| list.block(now, who, blocked))
            }
            Operation::Receive => {
                let real = queue.receive(now).map(|found| found.map(delivered)).map_err(refusal);
                self.count(real.iter().flatten().cloned());
                self.agree(real, |list| Ok(list.receive(now)))
            }
            Operation::ReceiveInPlace => {
                let real = queue.receive_in_place(now).map(|found| found.map(lent)).map_err(refusal);
                self.count(real.iter().flatten().cloned());
                self.agree(real, |list| Ok(list.receive(now)))
            }
            Operation::ReceiveFor(who) => {
                let real = queue.receive_for(now, who).map(|found| found.map(delivered)).map_err(refusal);
                self.count(real.iter().flatten().cloned());
                self.agree(real, |list| list.receive_for(now, who))
            }
            Operation::Purge => {
                let real = queue.purge(now).map_err(refusal);
                self.agree(real, |list| Ok(list.purge(now)))
            }
            Operation::Browse(most) => {
                let seen = |found: Browsed| (found.offset.0, found.deliveries, found.message.body().to_vec());
                let real = queue.browse(now, most).map_err(refusal);
                let real = real.map(|found| found.into_iter().map(seen).collect::<Vec<_>>());
                self.agree(real, |list| Ok(list.browse(now, most)))
            }
            Operation::Tick => {
                let real = queue.tick(now).map_err(refusal);
                let past = queue.next_wakeup().is_some_and(|at| at <= now);
                assert!(real.is_err() || !past, "a wake-up that is past would never end");
                self.agree(real, |list| {
                    list.tick(now);
                    Ok(())
                })
            }
            Operation::Commit => {
                let real = queue.commit().map_err(refusal);
                if self.full && real == Err(Refusal::NoRoom) {
                    return String::new();
                }
                let answer = self.agree(real, |_| Ok(()));
                if !self.failed {
                    self.little_in_memory();
                }
                answer
            }
            Operation::Memory(bytes) => {
                queue.keep_resident(bytes);
                self.memory = bytes;
                String::new()
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn settle(&mut self, operation: Operation) -> String {
        let now = self.now;
        let out = self.list.out();
        let nobody = (self.list.tags + 1, 0, ConsumerId(1));
        let pick = |index: &proptest::sample::Index| if out.is_empty() { nobody } else { *index.get(&out) };
        let queue = self.queue.as_mut().expect("it is open");
        match operation {
            Operation::Ack(index) => {
                let (tag, ..) = pick(&index);
                let real = queue.ack(now, Tag(tag)).map_err(refusal);
                self.agree(real, |list| list.ack(now, tag))
            }
            Operation::AckUntil(index) => {
                let (tag, _, who) = pick(&index);
                let real = queue.ack_until(now, who, Tag(tag)).map_err(refusal);
                self.agree(real, |list| list.ack_until(now, who, tag))
            }
            Operation::Nack(index, requeue) => {
                let (tag, ..) = pick(&index);
                let real = queue.nack(now, Tag(tag), requeue).map_err(refusal);
                self.agree(real, |list| list.nack(now, tag, requeue))
            }
            Operation::NackUntil(index, requeue) => {
                let (tag, _, who) = pick(&index);
                let real = queue.nack_until(now, who, Tag(tag), requeue).map_err(refusal);
                self.agree(real, |list| list.nack_until(now, who, tag, requeue))
            }
            Operation::Seen(index) => {
                let (tag, ..) = pick(&index);
                let real = queue.seen(now, Tag(tag)).map_err(refusal);
                self.agree(real, |list| list.seen(now, tag))
            }
            Operation::Renew(index) => {
                let (tag, ..) = pick(&index);
                let real = queue.renew(now, Tag(tag)).map_err(refusal);
                self.agree(real, |list| list.renew(now, tag))
            }
            Operation::Wrong(tag) => {
                if out.iter().any(|(other, ..)| *other == tag) {
                    return String::new();
                }
                let real = queue.ack(now, Tag(tag)).or_else(|_| queue.nack(now, Tag(tag), true));
                self.agree(real.map_err(refusal), |_| Err(Refusal::UnknownTag))
            }
            other => unreachable!("{other:?}"),
        }
    }

    /// What the log has, and is more than may stay in memory, is not there.
    fn little_in_memory(&self) {
        let queue = self.queue.as_ref().expect("it is open");
        let passing = queue.held().filter(|held| !held.stored).map(|held| self.list.item(held.offset.0));
        let passing: usize = passing.map(|item| item.message.body().len()).sum();
        assert!(queue.stats().resident_bytes <= self.memory + passing as u64);
    }

    pub(crate) fn count(&mut self, deliveries: impl Iterator<Item = Delivered>) {
        for (.., count, body) in deliveries {
            let number = body.iter().take_while(|byte| byte.is_ascii_digit());
            let id = MessageId(number.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
            let most = self.counts.entry(id).or_default();
            *most = (*most).max(count);
        }
    }

    /// Everything that can be seen from outside.
    fn same(&mut self, what: &str) {
        let list = &mut self.list;
        let queue = self.queue.as_mut().expect("it is open");
        let mut pushed: Vec<Delivered> = Vec::new();
        while let Some(delivery) = queue.poll_delivery() {
            pushed.push(delivered(delivery));
        }
        assert_eq!(pushed, std::mem::take(&mut list.pushed), "pushed: {what}");
        let mut departed = Vec::new();
        while let Some(departure) = queue.poll_departure() {
            departed.push((departure.offset.0, departure.reason, departure.message.body().to_vec()));
        }
        assert_eq!(departed, std::mem::take(&mut list.departed), "departed: {what}");
        let standing = |place| match place {
            Place::Ready(_) => Standing::Ready,
            Place::Waiting(until) => Standing::Waiting(until),
            Place::Out { with, .. } => Standing::With(with),
        };
        let held: Vec<_> = queue.held().map(seen).collect();
        let listed = list.items.iter().map(|item| {
            (item.offset, item.message.id(), item.deliveries, list.lane(item), standing(item.place))
        });
        assert_eq!(held, listed.collect::<Vec<_>>(), "held: {what}");
        assert_eq!(queue.consumers().collect::<Vec<_>>(), list.consumers(), "turn: {what}");
        assert_eq!(queue.active(), list.active, "active: {what}");
        assert_eq!(queue.next().0, list.next, "next: {what}");
        assert_eq!(queue.next_wakeup(), list.next_wakeup(), "wake-up: {what}");
        let (ready, unacked) = (list.ready().len() as u64, list.out().len() as u64);
        let stats = queue.stats();
        assert_eq!(
            (stats.ready, stats.unacked, stats.ready_bytes),
            (ready, unacked, list.ready_bytes()),
            "{what}"
        );
        assert_eq!(
            (stats.held, stats.waiting),
            (held.len() as u64, held.len() as u64 - ready - unacked),
            "{what}"
        );
        assert_eq!(stats.consumers, list.consumers().len() as u64, "{what}");
        let bodies: usize = list.items.iter().map(|item| item.message.body().len()).sum();
        if self.memory == RESIDENT_BYTES {
            assert_eq!(stats.resident_bytes, bodies as u64, "in memory: {what}");
        }
        assert!(stats.resident_bytes <= bodies as u64, "in memory: {what}");
        self.count(pushed.into_iter());
    }
}

pub(crate) fn seen(held: Held) -> (u64, Option<MessageId>, u32, u8, Standing) {
    (held.offset.0, held.id, held.deliveries, held.priority, held.standing)
}
