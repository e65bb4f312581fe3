//! How does a producer's program live in the lab? It sends at its pace, once a broker has it, and keeps what has no receipt.
//!
//! ```text
//!   pace ─▶ which partition? ─▶ batch ─▶ entry: pending until its receipt ─▶ broker
//! ```
//!
//! What is pending goes with the process. Its name stays: a broker that recognises sequences goes on where it was.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Pace, Run, Speaks as _};
use super::spec::{PulsarBatching, PulsarPatience, PulsarTarget};
use super::{NUMBERS_OF_A_LIFE, NUMBERS_OF_A_TOPIC, carry};
use crate::ids::{MessageId, NodeId};
use crate::observe::{Change, Event};
use crate::record::NewRecord;
use crate::rng::{Rng, Stream};
use crate::sim::ProducerSpec;
use crate::sim::picture::{HeldUp, ProducerView};
use crate::systems::pulsar::{
    Answer, Command, DELIVER_AT_HEADER, Message, PulsarProducer, Router, TopicName, Window,
};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// Messages that wait for others, to go as one entry.
#[derive(Clone, Debug)]
struct Gathering {
    since: Time,
    messages: Vec<MessageId>,
    records: Vec<NewRecord>,
    key: Option<char>,
}

/// One partition's part of a producer.
#[derive(Clone, Debug)]
struct Line {
    client: PulsarProducer,
    /// By key, where batches are; else one.
    gathering: Vec<Gathering>,
}

impl Line {
    /// Sends what was gathered, if `goes`.
    fn flush(&mut self, now: Time, goes: impl Fn(&Gathering) -> bool, out: &mut Out<Message>) {
        let (go, stay) = core::mem::take(&mut self.gathering).into_iter().partition(goes);
        self.gathering = stay;
        let go: Vec<Gathering> = go;
        for batch in go {
            self.client.send(now, batch.records, out).expect("a scenario's messages fit a batch");
        }
    }
}

/// What goes with the process.
#[derive(Clone, Debug)]
struct Process {
    lines: Vec<Line>,
    router: Router,
    /// Whether every partition had a broker once: before, nothing is sent.
    ready: bool,
}

/// A producer's program.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    node: NodeId,
    spec: ProducerSpec,
    to: PulsarTarget,
    partitions: Vec<TopicName>,
    patience: PulsarPatience,
    brokers: Vec<NodeId>,
    seed: u64,
    pace: Pace,
    process: Process,
}

impl Sender {
    pub(super) fn new(
        number: u16,
        spec: &ProducerSpec,
        to: &PulsarTarget,
        (partitions, patience): (Vec<TopicName>, PulsarPatience),
        brokers: &[NodeId],
        seed: u64,
    ) -> Self {
        let mut sender = Self {
            node: NodeId::Producer(number),
            spec: spec.clone(),
            to: to.clone(),
            partitions,
            patience,
            brokers: brokers.to_vec(),
            seed,
            pace: Pace::new(spec, number, seed),
            process: Process {
                lines: Vec::new(),
                router: Router::new(
                    to.routing,
                    to.hashing,
                    Window::default(),
                    1,
                    &mut Rng::new(seed, Stream::Services),
                ),
                ready: false,
            },
        };
        sender.begin(1);
        sender
    }

    fn begin(&mut self, incarnation: u64) {
        let name = self.to.producer.clone().unwrap_or_else(|| self.spec.name.clone());
        let (backoff, operation) = (self.patience.backoff, self.patience.operation_timeout);
        let line = |(index, topic): (u64, &TopicName)| {
            let first = incarnation * NUMBERS_OF_A_LIFE + index * NUMBERS_OF_A_TOPIC;
            let client = PulsarProducer::new(topic.clone(), &name, first, self.brokers.clone());
            let client = client.expect("the check has seen the name");
            let client = client.with_waits(backoff, operation, self.to.send_timeout);
            Line { client: client.with_keep_alive(self.patience.keep_alive), gathering: Vec::new() }
        };
        let lines: Vec<Line> = (0..).zip(&self.partitions).map(line).collect();
        let NodeId::Producer(number) = self.node else { return };
        let mut rng = Rng::new(self.seed ^ u64::from(number) << 16 ^ incarnation << 32, Stream::Services);
        let PulsarBatching { messages, delay, .. } = self.to.batching;
        // A partition keeps its turn as long as a batch would, and ten times its wait.
        let window =
            Window { messages: messages.max(1), time: Span(delay.0.saturating_mul(10)), ..Window::default() };
        let router = Router::new(self.to.routing, self.to.hashing, window, lines.len() as u32, &mut rng);
        self.process = Process { lines, router, ready: false };
    }

    /// How many messages have no receipt.
    fn pending(&self) -> usize {
        let of = |line: &Line| {
            let gathered: usize = line.gathering.iter().map(|batch| batch.records.len()).sum();
            line.client.waiting().count() + gathered
        };
        self.process.lines.iter().map(of).sum()
    }

    fn is_full(&self) -> bool {
        self.to.max_pending > 0 && self.pending() >= self.to.max_pending as usize
    }

    /// Sends what is due.
    fn send(&mut self, now: Time, run: &mut Run<'_>, out: &mut Out<Message>) {
        let Process { lines, ready, .. } = &mut self.process;
        *ready = *ready || lines.iter().all(|line| line.client.is_connected());
        while self.process.ready && !self.is_full() {
            let Some(drafted) = self.pace.due(now, run) else { break };
            let mut record = drafted.record();
            let key = drafted.key.map(String::from);
            let bytes = record.value.as_ref().map_or(0, |value| value.len() as u64);
            let at = self.process.router.choose(now, key.as_deref(), bytes) as usize;
            let Some(line) = self.process.lines.get_mut(at) else { break };
            let PulsarBatching { messages, by_key, .. } = self.to.batching;
            let delay = drafted.message.delay().filter(|delay| *delay > Span::ZERO);
            if let Some(delay) = delay {
                let at = (now + delay).0.to_be_bytes();
                record.headers.push(DELIVER_AT_HEADER.as_bytes(), Some(&at));
            }
            // What is to be delivered later goes alone.
            if messages <= 1 || delay.is_some() {
                line.flush(now, |batch| !by_key || batch.key == drafted.key, out);
                line.client.send(now, Vec::from([record]), out).expect("a scenario's messages fit a batch");
                continue;
            }
            let fits = |batch: &&mut Gathering| !by_key || batch.key == drafted.key;
            match line.gathering.iter_mut().find(fits) {
                Some(batch) => {
                    batch.messages.push(drafted.id);
                    batch.records.push(record);
                }
                None => {
                    let (messages, records) = (Vec::from([drafted.id]), Vec::from([record]));
                    line.gathering.push(Gathering { since: now, messages, records, key: drafted.key });
                }
            }
            line.flush(now, |batch| batch.records.len() >= messages as usize, out);
        }
        let delay = self.to.batching.delay;
        for line in &mut self.process.lines {
            line.flush(now, |batch| now.since(batch.since) >= delay, out);
        }
    }
}

impl Guest for Sender {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = Message::input(input) else { return };
        let mut own = Out::default();
        let number = number_of(&input);
        let mut known = number.is_none();
        for line in &mut self.process.lines {
            let its = number.is_none_or(|number| line.client.number() == number);
            known |= its;
            let input = if its { input.clone() } else { Input::Wake };
            line.client.handle(now, input, &mut own);
            while line.client.take_result().is_some() {} // it is told by facts
        }
        if !known {
            not_mine(&input, &mut own);
        }
        self.send(now, run, &mut own);
        carry(own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let clients = self.process.lines.iter().filter_map(|line| line.client.next_wakeup());
        let gathered = self.process.lines.iter().flat_map(|line| &line.gathering);
        let gathered = gathered.map(|batch| batch.since + self.to.batching.delay);
        let due = self.pace.next_at().filter(|_| self.process.ready && !self.is_full());
        clients.chain(gathered).chain(due).min()
    }

    fn stop(&mut self) -> Vec<Event> {
        self.process.lines.clear();
        self.process.ready = false;
        Vec::new()
    }

    fn start(&mut self, _now: Time, incarnation: u64) -> Result<(), Halts> {
        self.begin(incarnation);
        Ok(())
    }

    fn change(&mut self, now: Time, change: &Change) -> bool {
        let Change::Every { span, .. } = change else { return false };
        self.pace.send_every(now, *span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let lines = self.process.lines.iter();
        let mut waiting: Vec<MessageId> = lines.clone().flat_map(|line| line.client.waiting()).collect();
        waiting.extend(lines.flat_map(|line| &line.gathering).flat_map(|batch| &batch.messages));
        waiting.sort();
        GuestView::Producer(ProducerView {
            node: self.node,
            name: self.spec.name.clone(),
            up: look.is_up(),
            to: self.to.topic.label(),
            or_to: Vec::new(),
            reads: None,
            publishes: false,
            held_up: (look.is_up() && self.is_full()).then_some(HeldUp::Full),
            acks: None,
            sent: self.pace.sent(),
            planned: self.spec.messages,
            acknowledged: look.world.metrics().acknowledged_by(self.node),
            waiting: waiting.into_iter().map(|message| look.mark(message)).collect(),
        })
    }
}

/// Of which connection something that comes is.
pub(super) fn number_of(input: &Input<Message>) -> Option<u64> {
    match input {
        Input::Message { message: Message::FromBroker(answer), .. } => answer.number(),
        _ => None,
    }
}

/// Something comes over a connection that is not there any more, or was one of an earlier life: its broker is told.
pub(super) fn not_mine(input: &Input<Message>, out: &mut Out<Message>) {
    if let Input::Message { from, message: Message::FromBroker(answer) } = input
        && !matches!(answer, Answer::Closed { .. } | Answer::NotSubscribed { .. } | Answer::Pong { .. })
        && let Some(of) = answer.number()
    {
        out.sends.push((*from, Message::ToBroker(Command::Close { of })));
    }
}
