//! Who uses the queue? Programs around the clients: one that sends at a pace, one that works on what it gets.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::scenario::{ConsumerSpec, ProducerSpec, SourceSpec, TargetSpec};
use crate::broker::{Input, Out, Settings};
use crate::client::{Member, Producer, Staged, Subscriber, Target};
use crate::ids::{MessageId, Name, NodeId};
use crate::observe::Event;
use crate::record::NewRecord;
use crate::rng::Rng;
use crate::time::{Span, Time};

/// A program that sends a message every so often. What it has not sent is not lost when it dies: it goes on
/// where it was.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) spec: ProducerSpec,
    pub(crate) sent: u64,
    next_at: Time,
    rng: Rng,
}

impl Shop {
    pub(crate) fn new(spec: ProducerSpec, rng: Rng) -> Self {
        let next_at = Time(spec.starts_at) + Span(spec.every);
        Self { spec, sent: 0, next_at, rng }
    }

    /// The client that it sends with.
    pub(crate) fn client(&self, settings: &Settings, brokers: Vec<NodeId>) -> Producer {
        let target = match &self.spec.to {
            TargetSpec::Queue(name) => Target::Queue(name.clone()),
            TargetSpec::Topic { name, acks } => Target::Topic(name.clone(), *acks),
        };
        Producer::new(settings.clone(), target, brokers)
    }

    /// When it sends next, if it does.
    pub(crate) fn next_at(&self) -> Option<Time> {
        (self.sent < self.spec.messages).then_some(self.next_at)
    }

    /// The key of the message that is due, if one is.
    pub(crate) fn due(&mut self, now: Time) -> Option<Option<char>> {
        if self.next_at()? > now {
            return None;
        }
        self.sent += 1;
        self.next_at = now + Span(self.spec.every);
        let keys = u64::from(self.spec.keys);
        Some((keys > 0).then(|| char::from(b'A' + self.rng.below(keys) as u8)))
    }
}

/// The record of a message in the lab: an order with its number.
pub(crate) fn order(now: Time, id: MessageId, key: Option<char>) -> NewRecord {
    let text = |text: String| Some(Bytes::from(text.into_bytes()));
    NewRecord {
        timestamp: now.as_millis() as i64,
        key: key.and_then(|key| text(key.into())),
        value: text(alloc::format!("order {}", id.0)),
        headers: Vec::new(),
    }
}

/// The client of a consumer.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A queue pushes.
    Push(Subscriber),
    /// It pulls as a member of a group.
    Pull(Member),
}

impl Source {
    pub(crate) fn new(from: &SourceSpec, settings: &Settings, brokers: Vec<NodeId>) -> Self {
        let settings = settings.clone();
        match from {
            SourceSpec::Queue { name, prefetch } => {
                Self::Push(Subscriber::new(settings, name.clone(), *prefetch, brokers))
            }
            SourceSpec::Group { name, topic } => {
                Self::Pull(Member::new(settings, name.clone(), topic.clone(), brokers))
            }
        }
    }

    pub(super) fn take(&mut self) -> Option<Staged> {
        match self {
            Self::Push(subscriber) => subscriber.take(),
            Self::Pull(member) => member.take(),
        }
    }

    pub(super) fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        match self {
            Self::Push(subscriber) => subscriber.handle(now, input, out),
            Self::Pull(member) => member.handle(now, input, out),
        }
    }

    /// A message is done with.
    pub(super) fn done(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        match self {
            Self::Push(subscriber) => subscriber.done(staged.record.offset, out),
            Self::Pull(member) => member.done(now, &staged.from, staged.record.offset, out),
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self {
            Self::Push(subscriber) => subscriber.next_wakeup(),
            Self::Pull(member) => member.next_wakeup(),
        }
    }

    /// The numbers of the partitions that it reads.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        match self {
            Self::Push(_) => Vec::new(),
            Self::Pull(member) => member.partitions().map(|partition| partition.index).collect(),
        }
    }

    /// What was received and not begun, oldest first.
    pub(crate) fn staged(&self) -> Vec<&Staged> {
        match self {
            Self::Push(subscriber) => subscriber.staged().collect(),
            Self::Pull(member) => member.staged().collect(),
        }
    }
}

/// What a program works on.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) staged: Staged,
    pub(crate) since: Time,
    pub(crate) until: Time,
}

/// A program that works on one message at a time.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) source: Source,
    pub(crate) work: Option<Work>,
    group: Option<Name>,
    takes: Span,
}

impl Worker {
    pub(crate) fn new(spec: &ConsumerSpec, settings: &Settings, brokers: Vec<NodeId>) -> Self {
        let group = match &spec.from {
            SourceSpec::Queue { .. } => None,
            SourceSpec::Group { name, .. } => Some(name.clone()),
        };
        Self { source: Source::new(&spec.from, settings, brokers), work: None, group, takes: Span(spec.work) }
    }

    /// Takes what reaches the consumer; finishes what is finished and begins the next.
    pub(crate) fn handle(&mut self, now: Time, input: Input, out: &mut Out) {
        if let Some(work) = self.work.take_if(|work| work.until <= now) {
            self.finish(now, &work.staged, out);
        }
        self.source.handle(now, input, out);
        if self.work.is_none()
            && let Some(staged) = self.source.take()
        {
            self.work = Some(Work { staged, since: now, until: now + self.takes });
        }
    }

    /// The numbers of the partitions that it reads.
    pub(crate) fn partitions(&self) -> Vec<u32> {
        self.source.partitions()
    }

    fn finish(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        if let Some(message) = staged.record.message_id() {
            out.event(Event::Processed { from: staged.from.clone(), message, group: self.group.clone() });
        }
        self.source.done(now, staged, out);
    }

    pub(crate) fn next_wakeup(&self) -> Option<Time> {
        let work = self.work.as_ref().map(|work| work.until);
        work.into_iter().chain(self.source.next_wakeup()).min()
    }
}
