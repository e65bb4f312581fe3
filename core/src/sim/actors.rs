//! Who sends? A program around a producer's client, which sends at a pace.

use alloc::vec::Vec;

use super::scenario::{ProducerSpec, TargetSpec};
use crate::broker::Settings;
use crate::client::{Producer, Target};
use crate::ids::NodeId;
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

    /// Whether its messages may be received in another order than they were sent: because it wants it so, or because
    /// whoever comes late gets the last values in the order of their keys.
    pub(crate) fn reorders(&self) -> bool {
        self.spec.message.reorders() || matches!(self.spec.to, TargetSpec::Exchange { retain: true, .. })
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
