//! Who sends? A program around a producer's client, which sends at a pace.

use alloc::vec::Vec;

use super::scenario::{ProducerSpec, TargetSpec};
use super::stream::EVENT_TIME;
use crate::broker::{Out, Settings};
use crate::client::{Producer, Target};
use crate::ids::{MessageId, NodeId};
use crate::message::Message;
use crate::observe::{Event, PullEvent};
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
        Producer::new(settings.clone(), target(&self.spec.to), brokers)
    }

    /// When it sends next, if it does.
    pub(crate) fn next_at(&self) -> Option<Time> {
        (self.sent < self.spec.messages).then_some(self.next_at)
    }

    /// The message of this number; some tell of what happened a while ago.
    pub(crate) fn draft(&mut self, now: Time, id: MessageId, key: Option<char>, out: &mut Out) -> Message {
        let message = self.spec.message.draft(self.sent, id, key);
        let Some(late) = self.spec.message.late else { return message };
        let is_late = self.rng.below(1_000) < u64::from(late.per_mille);
        let by = if is_late { self.rng.between(late.by.0, late.by.1) } else { 0 };
        let at = Time(now.0.saturating_sub(by));
        out.event(Event::Pull(PullEvent::Happened { message: id, at }));
        message.with_header(EVENT_TIME, at.0 as i64)
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

/// What a client sends to, where a scenario says it.
pub(super) fn target(to: &TargetSpec) -> Target {
    match to {
        TargetSpec::Queue(name) => Target::Queue(name.clone()),
        TargetSpec::Topic { name, acks } => Target::Topic(name.clone(), *acks),
        TargetSpec::Exchange { name, mandatory, retain } => {
            Target::Exchange { name: name.clone(), mandatory: *mandatory, retain: *retain }
        }
        TargetSpec::AnyOf(queues) => Target::AnyOf(queues.clone()),
    }
}
