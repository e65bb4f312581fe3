//! How does a message get into a topic, once or at least once? Its producer keeps it until it has the receipt.
//!
//! ```text
//!   send ─▶ pending: 41 42 43 ─▶ broker          receipt 41 ─▶ done
//!                                  broken
//!           look up, open anew ─▶ broker-2       42 43 again, in order, under their old numbers
//! ```
//!
//! After a broken connection nobody knows whether 42 is stored. It is sent again: a broker that recognises names and
//! sequences says that it has it; another stores it twice.
//!
//! Source: Pulsar `ProducerImpl`, `ProducerConfigurationData`.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::Message;
use super::names::{BadTopicName, TopicName};
use super::protocol::{Answer, Command, NotSent};
use super::session::{News, Session};
use super::topic::{PRODUCER_HEADER, SEQUENCE_HEADER};
use crate::ids::{MessageId, NodeId, PartitionId};
use crate::observe::{Event, Place, QueueEvent, Refusal};
use crate::record::{BatchBuilder, Batches, Malformed, NewRecord};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};

/// How long a message may be under way before it has failed: 30 s (`sendTimeoutMs`).
pub const SEND_TIMEOUT: Span = Span::from_millis(30_000);

/// What became of a message, or of a batch.
///
/// ```
/// use mqlab_core::systems::pulsar::SendResult;
/// assert_ne!(SendResult::TimedOut, SendResult::Stored);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// It is stored.
    Stored,
    /// It was refused.
    Refused(NotSent),
    /// Nobody answered in time. It may be stored.
    TimedOut,
}

#[derive(Clone, Debug)]
struct Pending {
    sequence: u64,
    payload: Batches,
    since: Time,
    attempts: u32,
}

/// A producer of one topic, or of one partition. (Which partition, a [`Router`](super::Router) says.)
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::record::NewRecord;
/// use mqlab_core::systems::pulsar::PulsarProducer;
/// use mqlab_core::systems::{Input, Out};
/// use mqlab_core::time::Time;
/// let mut producer = PulsarProducer::new("t".parse()?, "p", 0, vec![NodeId::Broker(1)])?;
/// let mut out = Out::default();
/// let record = NewRecord { value: Some("hello".into()), ..NewRecord::default() };
/// assert_eq!(producer.send(Time::ZERO, vec![record], &mut out)?, 0);
/// producer.handle(Time::ZERO, Input::Wake, &mut out); // it looks for the owner first
/// assert_eq!((out.sends.len(), producer.pending()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PulsarProducer {
    session: Session,
    name: String,
    place: PartitionId,
    next: u64,
    pending: VecDeque<Pending>,
    done: VecDeque<(u64, SendResult)>,
    send_timeout: Span,
}

impl PulsarProducer {
    /// A producer of this name. Its connections are numbered after `first`: clients of one node begin far apart.
    ///
    /// # Errors
    ///
    /// When the topic's name is too long to be a place.
    pub fn new(topic: TopicName, name: &str, first: u64, brokers: Vec<NodeId>) -> Result<Self, BadTopicName> {
        Ok(Self {
            place: topic.place()?,
            session: Session::new(topic, brokers, first),
            name: name.into(),
            next: 0,
            pending: VecDeque::new(),
            done: VecDeque::new(),
            send_timeout: SEND_TIMEOUT,
        })
    }

    /// With other waits: before it asks again, for a broker's answer, and for a receipt (0 for as long as it takes).
    #[must_use]
    pub fn with_waits(self, backoff: Span, operation: Span, send: Span) -> Self {
        Self { session: self.session.with_waits(backoff, operation), send_timeout: send, ..self }
    }

    /// With another patience for a silent connection.
    #[must_use]
    pub fn with_keep_alive(self, keep_alive: Span) -> Self {
        Self { session: self.session.with_keep_alive(keep_alive), ..self }
    }

    /// Whether a broker has it.
    pub fn is_connected(&self) -> bool {
        self.session.connected().is_some()
    }

    /// The number of its connection, or of the last that it had.
    pub fn number(&self) -> u64 {
        self.session.number()
    }

    /// The messages that have no receipt, oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = MessageId> {
        self.pending.iter().flat_map(|pending| pending.payload.message_ids())
    }

    /// How many it has sent, or is to send, without a receipt.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// What became of the next one, by its sequence.
    pub fn take_result(&mut self) -> Option<(u64, SendResult)> {
        self.done.pop_front()
    }

    /// Sends messages as one entry. Gives its sequence.
    ///
    /// # Errors
    ///
    /// When they do not fit a batch.
    pub fn send(
        &mut self,
        now: Time,
        mut records: Vec<NewRecord>,
        out: &mut Out<Message>,
    ) -> Result<u64, Malformed> {
        if let Some(first) = records.first_mut() {
            first.headers.push(PRODUCER_HEADER.as_bytes(), Some(self.name.as_bytes()));
            first.headers.push(SEQUENCE_HEADER.as_bytes(), Some(&self.next.to_be_bytes()));
        }
        self.pass_on(now, &records, out)
    }

    /// Sends messages of another producer as one entry, as they are: they still say who sent them first, and as what. Gives
    /// its sequence.
    ///
    /// # Errors
    ///
    /// When they do not fit a batch.
    pub fn pass_on(
        &mut self,
        now: Time,
        records: &[NewRecord],
        out: &mut Out<Message>,
    ) -> Result<u64, Malformed> {
        let sequence = self.next;
        let mut builder = BatchBuilder::new();
        records.iter().try_for_each(|record| builder.push(record))?;
        let payload = builder.build();
        self.next += 1;
        self.pending.push_back(Pending { sequence, payload, since: now, attempts: 0 });
        self.transmit(self.pending.len() - 1, out);
        Ok(sequence)
    }

    /// Sends what is pending from this place on, if somebody is there.
    fn transmit(&mut self, from: usize, out: &mut Out<Message>) {
        let Some((broker, producer)) = self.session.connected() else { return };
        for pending in self.pending.iter_mut().skip(from) {
            pending.attempts += 1;
            let messages = pending.payload.message_ids().collect();
            let to = Place::Partition(self.place.clone());
            out.events.push(Event::Sent { to, messages, attempt: pending.attempts });
            let (sequence, payload) = (pending.sequence, pending.payload.clone());
            out.sends.push((broker, Message::ToBroker(Command::Send { producer, sequence, payload })));
        }
    }

    /// Takes what has come.
    pub fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match self.session.handle(now, input, out) {
            Some(News::Open(broker, producer)) => {
                let (topic, name) = (self.session.topic().clone(), self.name.clone());
                out.sends.push((broker, Message::ToBroker(Command::Producer { topic, producer, name })));
            }
            Some(News::Answer(Answer::ProducerReady { last, .. })) => {
                self.session.open(now);
                if self.pending.is_empty() {
                    self.next = self.next.max(last.map_or(0, |last| last + 1)); // one of this name was here before
                }
                self.transmit(0, out);
            }
            Some(News::Answer(Answer::Receipt { sequence, .. })) => {
                self.finish(sequence, SendResult::Stored, out);
            }
            Some(News::Answer(Answer::NotSent { sequence, why, .. })) => {
                self.finish(sequence, SendResult::Refused(why), out);
            }
            _ => {}
        }
        let patient = self.send_timeout == Span::ZERO;
        let timeout = self.send_timeout;
        let late = |it: &&Pending| !patient && now.since(it.since) >= timeout;
        while let Some(first) = self.pending.front().filter(late) {
            let sequence = first.sequence;
            self.finish(sequence, SendResult::TimedOut, out);
        }
    }

    fn finish(&mut self, sequence: u64, result: SendResult, out: &mut Out<Message>) {
        let Some(at) = self.pending.iter().position(|pending| pending.sequence == sequence) else { return };
        let Some(pending) = self.pending.remove(at) else { return };
        let place = Place::Partition(self.place.clone());
        let messages: Vec<MessageId> = pending.payload.message_ids().collect();
        let why = match result {
            SendResult::Stored => None,
            SendResult::Refused(NotSent::BacklogFull) => Some(Refusal::Full),
            SendResult::Refused(NotSent::Empty) => Some(Refusal::Invalid),
            SendResult::TimedOut => Some(Refusal::Overdue),
        };
        match why {
            None => {
                let messages = messages.into_iter().collect();
                out.events.push(Event::Acknowledged { by: place, messages });
            }
            Some(why) => {
                // The client does not try again: whoever sends is told, and says what then.
                let given_up = |message| Event::Queue(QueueEvent::GaveUp { message: Some(message), why });
                out.events.extend(messages.into_iter().map(given_up));
            }
        }
        self.done.push_back((sequence, result));
    }

    /// When it wants to be woken, if nothing reaches it before.
    pub fn next_wakeup(&self) -> Option<Time> {
        let patient = self.send_timeout == Span::ZERO;
        let first = self.pending.front().filter(|_| !patient);
        let late = first.map(|pending| pending.since + self.send_timeout);
        self.session.next_wakeup().into_iter().chain(late).min()
    }
}
