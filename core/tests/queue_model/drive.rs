//! The same operations on a queue and on the list, and everything that can be seen of both compared.

use std::collections::{BTreeMap, BTreeSet};

use mqlab_core::ids::{LogName, MessageId, Name};
use mqlab_core::log::{Log, Slice, Storage};
use mqlab_core::message::Message;
use mqlab_core::queue::{
    ConsumerId, Delivery, Held, Queue, QueueError, QueueOptions, RESIDENT_BYTES, Sent, Standing, Tag,
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
}

pub(crate) struct Pair<S: Storage> {
    disk: Option<S>,
    queue: Option<Queue<S::Log>>,
    list: List,
    now: Time,
    sent: Vec<Message>,
    /// What was durable for sure: the list as it was at the last flush.
    flushed: List,
    since_flush: BTreeSet<MessageId>,
    /// The highest count that a message was delivered with.
    counts: BTreeMap<MessageId, u32>,
    /// Messages that may be there more than once.
    plural: BTreeSet<MessageId>,
    /// So many bytes of bodies may stay in memory.
    memory: u64,
}

fn name() -> Name {
    Name::new("q").expect("a legal name")
}

fn refusal<E: std::fmt::Debug>(error: QueueError<E>) -> Refusal {
    match error {
        QueueError::Full => Refusal::Full,
        QueueError::Blocked => Refusal::Blocked,
        QueueError::UnknownTag(_) => Refusal::UnknownTag,
        QueueError::UnknownConsumer => Refusal::UnknownConsumer,
        other => panic!("{other:?}"),
    }
}

fn delivered(delivery: Delivery) -> Delivered {
    let Delivery { tag, consumer, offset, count, message, .. } = delivery;
    (tag.0, consumer, offset.0, count, message.body().to_vec())
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
        }
    }

    fn message(&mut self, wish: Wish) -> Message {
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
            self.same(&what);
            trace.push(format!("{answer} {:?}", self.list.next_wakeup()));
        }
        trace
    }

    /// Does something, compares the answers, and returns it as text.
    fn perform(&mut self, operation: Operation) -> String {
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
            Operation::Flush => {
                self.queue.as_mut().expect("it is open").flush().expect("no failure");
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
            other => self.consume(other),
        }
    }

    fn agree<T: PartialEq + std::fmt::Debug>(
        &mut self,
        real: T,
        model: impl FnOnce(&mut List) -> T,
    ) -> String {
        let expected = model(&mut self.list);
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
                queue.detach(now, who).expect("no failure");
                self.agree((), |list| list.detach(now, who))
            }
            Operation::Cancel(who) => {
                queue.cancel(now, who).expect("no failure");
                self.agree((), |list| list.cancel(now, who))
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
                let real = queue.receive(now).expect("no failure").map(delivered);
                self.count(real.iter().cloned());
                self.agree(real, |list| list.receive(now))
            }
            Operation::ReceiveFor(who) => {
                let real = queue.receive_for(now, who).map(|found| found.map(delivered)).map_err(refusal);
                self.count(real.iter().flatten().cloned());
                self.agree(real, |list| list.receive_for(now, who))
            }
            Operation::Purge => {
                let real = queue.purge(now).expect("no failure");
                self.agree(real, |list| list.purge(now))
            }
            Operation::Browse(most) => {
                let found = queue.browse(now, most).expect("no failure");
                let real: Vec<_> = found
                    .into_iter()
                    .map(|found| (found.offset.0, found.deliveries, found.message.body().to_vec()))
                    .collect();
                self.agree(real, |list| list.browse(now, most))
            }
            Operation::Tick => {
                queue.tick(now).expect("no failure");
                assert!(
                    queue.next_wakeup().is_none_or(|at| at > now),
                    "a wake-up that is past would never end"
                );
                self.agree((), |list| list.tick(now))
            }
            Operation::Commit => {
                queue.commit().expect("no failure");
                self.little_in_memory();
                String::new()
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
                let real = (
                    queue.ack(now, Tag(tag)).map_err(refusal),
                    queue.nack(now, Tag(tag), true).map_err(refusal),
                );
                self.agree(real, |_| (Err(Refusal::UnknownTag), Err(Refusal::UnknownTag)))
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

    fn count(&mut self, deliveries: impl Iterator<Item = Delivered>) {
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

    /// The process ends and another begins: everything that was done is known, durable or not.
    fn restart(&mut self) -> String {
        let (mut disk, queue) =
            (self.disk.take().expect("it is there"), self.queue.take().expect("it is open"));
        queue.close(&mut disk).expect("no failure");
        let mut disk = disk.reopened();
        let mut queue = Queue::open(&mut disk, name(), self.list.options.clone(), self.now).expect("opens");
        if self.memory < RESIDENT_BYTES {
            queue.keep_resident(self.memory);
        }
        let before = std::mem::take(&mut self.list);
        self.list = before.restarted(self.now);
        // It may know of offsets that no message in the log has. None is given twice.
        assert!((before.logged..=before.next).contains(&queue.next().0));
        self.list.next = queue.next().0;
        (self.disk, self.queue) = (Some(disk), Some(queue));
        String::new()
    }

    /// The power goes. What may be lost:
    ///
    /// * of the messages that were sent since the last flush, the latest: if one is lost, so are all after it; also
    ///   such as were stored anew since (they came back behind all others, or were due): these then stand where they
    ///   stood before;
    /// * what became of messages since the last flush: that they were delivered, and that they are gone.
    ///
    /// So nothing that was gone by the last flush comes again, nothing that was there by then is missing unless it has
    /// gone since, and nothing is invented.
    fn power_cut(&mut self, messages: u64, cursor: u64) -> String {
        let (mut disk, queue) =
            (self.disk.take().expect("it is there"), self.queue.take().expect("it is open"));
        queue.close(&mut disk).expect("no failure");
        disk.cut(messages, cursor);
        let stored = stored(&mut disk);
        let mut queue = Queue::open(&mut disk, name(), self.list.options.clone(), self.now).expect("opens");
        if self.memory < RESIDENT_BYTES {
            queue.keep_resident(self.memory);
        }
        let found: Vec<_> = queue.held().map(seen).collect();
        let before = std::mem::take(&mut self.list);
        let persistent = |list: &List| -> Vec<(u64, MessageId, u32)> {
            let options = &list.options;
            let items = list.items.iter().filter(|item| !item.message.is_transient() && !options.transient);
            items
                .map(|item| (item.offset, item.message.id().expect("all have one"), item.deliveries))
                .collect()
        };
        let (durable, latest) = (persistent(&self.flushed), persistent(&before));
        let has = |list: &[(u64, MessageId, u32)], wanted| list.iter().any(|(_, id, _)| *id == wanted);
        for &(_, id, deliveries, ..) in &found {
            let id = id.expect("all have one");
            assert!(has(&durable, id) || self.since_flush.contains(&id), "{id:?} comes again");
            assert!(
                deliveries <= self.counts.get(&id).copied().unwrap_or(0),
                "{id:?} was not delivered so often"
            );
            if !self.plural.contains(&id) {
                let least = durable.iter().find(|(_, other, _)| *other == id).map_or(0, |(.., count)| *count);
                assert!(deliveries >= least, "{id:?} was delivered {least} times");
                assert_eq!(
                    found.iter().filter(|(_, other, ..)| *other == Some(id)).count(),
                    1,
                    "{id:?} is there once"
                );
            }
        }
        // What was sent again is another message of the same name.
        let is_there = |id| has(&latest, id) && !self.since_flush.contains(&id);
        for (_, id, _) in durable.iter().filter(|(_, id, _)| is_there(*id)) {
            assert!(found.iter().any(|(_, other, ..)| *other == Some(*id)), "{id:?} was durable and is lost");
        }
        let lost = latest.iter().find(|(offset, ..)| found.iter().all(|(other, ..)| other != offset));
        if let Some((lost, ..)) = lost {
            assert!(found.iter().all(|(offset, ..)| offset < lost), "{lost} is lost, and a later one is not");
        }
        let items = found.iter().map(|&(offset, _, deliveries, ..)| {
            let (message, since) = stored[&offset].clone();
            (offset, message, since, deliveries)
        });
        self.list = List::recovered(&before, self.now, items.collect());
        self.list.next = queue.next().0;
        self.list.logged = self.list.next;
        self.flushed = self.list.clone();
        self.since_flush.clear();
        (self.disk, self.queue) = (Some(disk), Some(queue));
        String::new()
    }
}

fn seen(held: Held) -> (u64, Option<MessageId>, u32, u8, Standing) {
    (held.offset.0, held.id, held.deliveries, held.priority, held.standing)
}

/// Everything in the log of messages, with the moment that stands on it.
fn stored<S: Storage>(disk: &mut S) -> BTreeMap<u64, (Message, Time)> {
    let log_name = LogName::Queue(name());
    let log = disk.open(&log_name).expect("opens");
    let all = log.read(log.start(), log.end(), u32::MAX).expect("in range").load().expect("loads");
    let stored = all.records().map(|record| {
        (record.offset.0, (Message::from_record(&record), Time(record.timestamp as u64 * 1_000)))
    });
    let stored = stored.collect();
    disk.close(&log_name, log).expect("closes");
    stored
}
