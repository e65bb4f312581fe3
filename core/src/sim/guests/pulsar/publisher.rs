//! How does a consumer's client publish? To the dead-letter topic, and to the retry topic; what it published is acknowledged
//! where it was when it has the receipt.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use super::spec::PulsarPatience;
use super::{NUMBERS_OF_A_TOPIC, producer};
use crate::ids::NodeId;
use crate::observe::{Event, QueueEvent};
use crate::record::{Headers, NewRecord};
use crate::systems::pulsar::{
    Message, PRODUCER_HEADER, PulsarProducer, SEQUENCE_HEADER, SendResult, TopicName,
};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// Something that is published, and what is to be done when it is.
#[derive(Clone, Debug)]
struct Pending<T> {
    records: Vec<NewRecord>,
    then: T,
}

#[derive(Clone, Debug)]
struct Line<T> {
    client: PulsarProducer,
    /// What waits until a broker has the producer for the first time: only then it knows what one of its name has sent.
    early: VecDeque<Pending<T>>,
    is_new: bool,
    pending: BTreeMap<u64, Pending<T>>,
}

/// Producers of one consumer's client, one for each topic that it publishes to.
#[derive(Clone, Debug)]
pub(super) struct Publisher<T> {
    name: String,
    brokers: Vec<NodeId>,
    patience: PulsarPatience,
    /// Its connections are numbered after this.
    first: u64,
    lines: BTreeMap<TopicName, Line<T>>,
}

impl<T> Publisher<T> {
    pub(super) fn new(name: String, brokers: &[NodeId], patience: PulsarPatience, first: u64) -> Self {
        Self { name, brokers: brokers.to_vec(), patience, first, lines: BTreeMap::new() }
    }

    /// Publishes to a topic; `then` comes back when that is done.
    pub(super) fn publish(
        &mut self,
        now: Time,
        to: &TopicName,
        records: Vec<NewRecord>,
        then: T,
        out: &mut Out<Message>,
    ) {
        let first = self.first + self.lines.len() as u64 * NUMBERS_OF_A_TOPIC;
        let (backoff, operation, keep_alive) =
            (self.patience.backoff, self.patience.operation_timeout, self.patience.keep_alive);
        let line = self.lines.entry(to.clone()).or_insert_with(|| {
            let client = PulsarProducer::new(to.clone(), &self.name, first, self.brokers.clone());
            let client =
                client.expect("the check has seen the name").with_waits(backoff, operation, Span::ZERO);
            let (early, pending) = (VecDeque::new(), BTreeMap::new());
            Line { client: client.with_keep_alive(keep_alive), early, is_new: true, pending }
        });
        let records: Vec<NewRecord> = records.into_iter().map(as_new).collect();
        line.send(now, Pending { records, then }, out);
        // It looks for a broker at once.
        let mut own = Out::default();
        line.client.handle(now, Input::Wake, &mut own);
        quiet(&mut own, out);
    }

    /// Whether a connection is one of its own.
    pub(super) fn has(&self, number: u64) -> bool {
        self.lines.values().any(|line| line.client.number() == number)
    }

    /// Takes what has come, and says what is published.
    pub(super) fn handle(
        &mut self,
        now: Time,
        input: &Input<Message>,
        out: &mut Out<Message>,
    ) -> Vec<(TopicName, T)> {
        let number = producer::number_of(input);
        let mut done = Vec::new();
        for (to, line) in &mut self.lines {
            let its = number.is_none_or(|number| line.client.number() == number);
            let mut own = Out::default();
            line.client.handle(now, if its { input.clone() } else { Input::Wake }, &mut own);
            quiet(&mut own, out);
            line.begin(now, out);
            while let Some((sequence, result)) = line.client.take_result() {
                let Some(pending) = line.pending.remove(&sequence) else { continue };
                match result {
                    SendResult::Stored => done.push((to.clone(), pending.then)),
                    SendResult::Refused(_) | SendResult::TimedOut => line.send(now, pending, out),
                }
            }
        }
        done
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.lines.values().filter_map(|line| line.client.next_wakeup()).min()
    }
}

impl<T> Line<T> {
    /// Sends what came early, once that is possible.
    fn begin(&mut self, now: Time, out: &mut Out<Message>) {
        if self.is_new && self.client.is_connected() {
            self.is_new = false;
            core::mem::take(&mut self.early).into_iter().for_each(|pending| self.send(now, pending, out));
        }
    }

    fn send(&mut self, now: Time, pending: Pending<T>, out: &mut Out<Message>) {
        if self.is_new {
            return self.early.push_back(pending);
        }
        let mut own = Out::default();
        let sent = self.client.send(now, pending.records.clone(), &mut own);
        let sequence = sent.expect("what was in a batch fits one");
        self.pending.insert(sequence, pending);
        quiet(&mut own, out);
    }
}

/// What a client publishes on behalf of another is no second sending of it.
fn quiet(own: &mut Out<Message>, out: &mut Out<Message>) {
    own.events.retain(|event| {
        !matches!(
            event,
            Event::Sent { .. } | Event::Acknowledged { .. } | Event::Queue(QueueEvent::GaveUp { .. })
        )
    });
    out.events.append(&mut own.events);
    out.sends.append(&mut own.sends);
}

/// A message without what its first producer wrote about itself.
fn as_new(record: NewRecord) -> NewRecord {
    let own = [PRODUCER_HEADER, SEQUENCE_HEADER];
    let kept = record.headers.iter().filter(|(name, _)| !own.iter().any(|own| own.as_bytes() == *name));
    let headers: Headers = kept.collect();
    NewRecord { headers, ..record }
}
