//! When does a producer's program send, and what? At the pace that its part of the scenario says, from where it was.

use super::super::draft;
use super::super::scenario::ProducerSpec;
use super::Run;
use crate::ids::MessageId;
use crate::message::Message;
use crate::record::NewRecord;
use crate::rng::{Rng, Stream};
use crate::time::{Span, Time};

/// A message that is due.
#[derive(Clone, Debug)]
pub(in super::super) struct Drafted {
    pub(in super::super) id: MessageId,
    /// Its key, a letter.
    pub(in super::super) key: Option<char>,
    /// What it says, with headers and properties.
    pub(in super::super) message: Message,
    at: Time,
    is_tombstone: bool,
}

impl Drafted {
    /// The same as a record, with the message's number in a header.
    pub(in super::super) fn record(&self) -> NewRecord {
        let record = draft::record(self.at, &self.message).with_id(self.id);
        if self.is_tombstone { NewRecord { value: None, ..record } } else { record }
    }
}

/// The pace of a producer's program. What it has not sent is not lost when it dies: it goes on where it was.
#[derive(Clone, Debug)]
pub(in super::super) struct Pace {
    spec: ProducerSpec,
    sent: u64,
    next_at: Time,
    /// How many of a burst are handed over.
    in_burst: u32,
    rng: Rng,
}

impl Pace {
    /// That of the `number`th producer of a scenario, counted from 1.
    pub(in super::super) fn new(spec: &ProducerSpec, number: u16, seed: u64) -> Self {
        let mut workload = Rng::new(seed, Stream::Workload);
        let seed = (0..number).map(|_| workload.below(u64::MAX)).last().unwrap_or(seed);
        let next_at = Time(spec.starts_at) + Span(spec.every);
        Self { spec: spec.clone(), sent: 0, next_at, in_burst: 0, rng: Rng::new(seed, Stream::Workload) }
    }

    /// How many messages were begun.
    pub(in super::super) fn sent(&self) -> u64 {
        self.sent
    }

    /// What the scenario says of the program.
    pub(in super::super) fn spec(&self) -> &ProducerSpec {
        &self.spec
    }

    /// The next message, if one is due. The caller goes on until there is none.
    pub(in super::super) fn due(&mut self, now: Time, run: &mut Run<'_>) -> Option<Drafted> {
        if self.sent >= self.spec.messages || self.next_at > now {
            return None;
        }
        self.sent += 1;
        self.in_burst += 1;
        if self.in_burst >= self.spec.burst {
            (self.in_burst, self.next_at) = (0, now + Span(self.spec.every));
        }
        let keys = u64::from(self.spec.keys);
        let drawn = (keys > 0).then(|| char::from(b'A' + self.rng.below(keys) as u8));
        let key = self.spec.message.key.or(drawn);
        let id = run.mint(key);
        if self.spec.message.reorders() {
            run.is_unordered(id);
        }
        let message = self.spec.message.draft(self.sent, id, key);
        let is_tombstone = self.spec.message.is_tombstone(self.sent);
        if is_tombstone {
            run.is_tombstone(id);
        }
        Some(Drafted { id, key, message, at: now, is_tombstone })
    }

    /// When the next message is due.
    pub(in super::super) fn next_at(&self) -> Option<Time> {
        (self.sent < self.spec.messages).then_some(self.next_at)
    }

    /// Sends so often from now on: the next message comes no later than it would come if the last were just sent.
    pub(in super::super) fn send_every(&mut self, now: Time, every: Span) {
        self.spec.every = every.0;
        self.next_at = self.next_at.min(now.max(Time(self.spec.starts_at)) + every);
    }
}
