//! What does a program do that hands work on? When its own part is done it sends a message to each of the next queues,
//! or an answer to whoever asked, and acknowledges only then.
//!
//! ```text
//!   work done ─▶ first message ── stored ─▶ pause ─▶ second message ── stored ─▶ acknowledge
//!                                   │
//!                                   └─ dies, or breaks off: the first is out, the second is not;
//!                                      the order comes again, and then the first goes out twice
//! ```
//!
//! To acknowledge first would be no better: a crash would lose what was not sent. So this is *at least once*, and the
//! messages of one order are not all there at one moment. In a transaction they are: see `together.rs`.
//!
//! The judge must know that a message went out twice. So what is sent for an order has a number that follows from the
//! order: sent again, it is the same message.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::beside::{for_mark, marked};
use super::scenario::{ConsumerSpec, InvalidScenario, PATIENCE_MAX, Scenario, TargetSpec, is_default};
use super::together::Together;
use crate::broker::{Input, Out, Settings};
use crate::client::{Producer, Staged, Target};
use crate::ids::{MessageId, Name, NodeId};
use crate::message::Message;
use crate::observe::Place;
use crate::record::NewRecord;
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// The most queues that a program sends on to.
pub const ONWARD_MAX: usize = 8;

/// What a program sends when it has done its part.
///
/// ```
/// let spec: mqlab_core::sim::OnwardSpec = serde_json::from_str(r#"{ "answers": true }"#)?;
/// assert!(spec.to.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OnwardSpec {
    /// To each of these queues goes a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Name>,
    /// Whether a request is answered in the queue that it names.
    #[serde(skip_serializing_if = "is_default")]
    pub answers: bool,
    /// How long it does something else between two messages, in microseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub between: u64,
    /// How many of a thousand attempts break off after the first message.
    #[serde(skip_serializing_if = "is_default")]
    pub breaks_per_mille: u32,
    /// Whether its messages and its acknowledgement are one local transaction: they take effect together. All its queues
    /// are on one broker then, and it works on one message at a time.
    #[serde(skip_serializing_if = "is_default")]
    pub transaction: bool,
}

/// What a message is sent for. Another attempt at the same has the same number; what is sent for another queue's copy of
/// the order, or to another queue, does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Errand {
    order: MessageId,
    from: Place,
    to: Name,
    is_answer: bool,
}

impl Errand {
    /// What is written to a topic for an order.
    pub(super) fn new(order: MessageId, from: Place, to: Name) -> Self {
        Self { order, from, to, is_answer: false }
    }
}

/// Numbers what is sent for an order: the same number each time.
pub(super) type Mint<'a> = &'a mut dyn FnMut(Errand) -> MessageId;

/// One message to be sent.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) to: Name,
    pub(super) id: MessageId,
    pub(super) record: NewRecord,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The next message may go.
    Ready,
    /// Until the last message is stored.
    Storing,
    /// Does something else.
    Pausing(Time),
}

/// An order whose messages are being sent.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) staged: Staged,
    pub(super) parts: Vec<Part>,
    /// How many of them were sent.
    pub(super) sent: usize,
    /// Whether the acknowledgement was: it waits with them in a transaction.
    pub(super) acknowledged: bool,
    pub(super) stage: Stage,
    pub(super) breaks: bool,
    /// Whether the delivery went back to its queue, because the connection broke.
    pub(super) lost: bool,
}

/// How it ended with an order.
pub(super) enum End {
    /// All is sent.
    Done(Staged),
    /// All took effect at the broker, the acknowledgement too.
    Committed(Staged),
    /// The program broke off in the middle.
    Broken(Staged),
    /// The broker was lost in the middle, and what was sent with it: there is nothing to acknowledge any more.
    Lost(Staged),
    /// The broker was lost while it was to commit.
    Unknown(Staged),
}

/// The part of a program that sends on.
#[derive(Clone, Debug)]
pub(super) struct Onward {
    spec: OnwardSpec,
    settings: Settings,
    brokers: Vec<NodeId>,
    producers: SortedMap<Name, (u16, Producer)>,
    /// Instead of the producers, where it hands on in transactions.
    together: Option<Together>,
    jobs: VecDeque<Job>,
}

impl Onward {
    pub(super) fn new(spec: &OnwardSpec, settings: &Settings, brokers: Vec<NodeId>) -> Self {
        let (producers, jobs) = Default::default();
        let together = spec.transaction.then(|| Together::new(spec, settings));
        Self { spec: spec.clone(), settings: settings.clone(), brokers, producers, together, jobs }
    }

    /// Whether it hands on in transactions.
    pub(super) fn transacts(&self) -> bool {
        self.together.is_some()
    }

    /// The connection to the broker broke: whatever was delivered goes back, and a transaction is rolled back.
    pub(super) fn break_off(&mut self) {
        if let Some(together) = &mut self.together {
            together.break_off();
            self.jobs.iter_mut().for_each(|job| job.lost = true);
        }
    }

    /// How many attempts of a thousand break off in the middle.
    pub(super) fn breaks_per_mille(&self) -> u32 {
        self.spec.breaks_per_mille
    }

    /// The orders whose messages are being sent.
    pub(super) fn orders(&self) -> impl ExactSizeIterator<Item = &Staged> {
        self.jobs.iter().map(|job| &job.staged)
    }

    /// An order is done, as far as it is done here.
    pub(super) fn begin(&mut self, now: Time, staged: Staged, breaks: bool, mint: Mint<'_>) {
        let order = Message::from_record(&staged.record);
        let mut parts = Vec::new();
        if let Some(of) = staged.record.message_id() {
            let transacts = self.transacts();
            let mut part = |to: &Name, is_answer, message: Message| {
                // A transaction publishes by exchange and key: the default exchange leads to the queue.
                let message = if transacts { message.with_routing_key(to.as_str()) } else { message };
                let record = message.to_record(now.as_millis() as i64);
                let errand = Errand { order: of, from: staged.from.clone(), to: to.clone(), is_answer };
                parts.push(Part { to: to.clone(), id: mint(errand), record });
            };
            for to in &self.spec.to {
                let message = Message::new(format!("{to} for {of}")).with_correlation(&format!("{of}"));
                part(to, false, message);
            }
            if let (Some(to), true) = (order.reply_to(), self.spec.answers) {
                let answer = Message::new(format!("answer to {of}"));
                let answer = match order.correlation() {
                    Some(correlation) => answer.with_correlation(correlation),
                    None => answer,
                };
                part(to, true, answer);
            }
        }
        let (sent, acknowledged, stage, lost) = (0, false, Stage::Ready, false);
        self.jobs.push_back(Job { staged, parts, sent, acknowledged, stage, breaks, lost });
    }

    /// Takes what reaches the program, for the clients that send.
    pub(super) fn handle(&mut self, now: Time, input: &Input, out: &mut Out) {
        for (mark, producer) in self.producers.values_mut() {
            if let Some(input) = for_mark(*mark, input) {
                marked(*mark, out, |out| producer.handle(now, input, out));
            }
        }
        if let Some(together) = &mut self.together {
            together.handle(now, input, out);
        }
    }

    /// Takes every order as far as it goes; says how the next one that is over ended. The deliveries come from this
    /// broker.
    pub(super) fn next(&mut self, now: Time, source: Option<NodeId>, out: &mut Out) -> Option<End> {
        for number in 0..self.jobs.len() {
            let mut job = self.jobs.remove(number)?;
            let ended = match &mut self.together {
                Some(together) => together.advance(now, &mut job, source, out),
                None => self.advance(now, &mut job, out),
            };
            match ended {
                None => self.jobs.insert(number, job),
                Some(end) => return Some(end(job.staged)),
            }
        }
        None
    }

    /// Takes one order as far as it goes; says how it ended, if it did.
    fn advance(&mut self, now: Time, job: &mut Job, out: &mut Out) -> Option<fn(Staged) -> End> {
        loop {
            match job.stage {
                Stage::Pausing(until) if until > now => return None,
                Stage::Storing if self.holds(job.parts.get(job.sent.checked_sub(1)?)?) => return None,
                Stage::Storing if job.breaks => return Some(End::Broken),
                Stage::Storing if job.sent < job.parts.len() => {
                    job.stage = Stage::Pausing(now + Span(self.spec.between));
                }
                Stage::Storing | Stage::Pausing(_) | Stage::Ready => {
                    let Some(part) = job.parts.get(job.sent) else { return Some(End::Done) };
                    self.send(now, part, job.staged.delivery.saturating_sub(1), out);
                    (job.sent, job.stage) = (job.sent + 1, Stage::Storing);
                }
            }
        }
    }

    fn send(&mut self, now: Time, part: &Part, sent_before: u32, out: &mut Out) {
        let mark = self.producers.len() as u16 + 1;
        let (mark, producer) = self.producers.entry(part.to.clone()).or_insert_with(|| {
            let target = Target::Queue(part.to.clone());
            (mark, Producer::new(self.settings.clone(), target, self.brokers.clone()))
        });
        marked(*mark, out, |out| {
            let sent = producer.send_again(now, part.id, part.record.clone(), sent_before, out);
            sent.expect("what is sent on is a few bytes");
        });
    }

    fn holds(&self, part: &Part) -> bool {
        self.producers.get(&part.to).is_some_and(|(_, producer)| producer.holds(part.id))
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let pauses = self.jobs.iter().filter_map(|job| match job.stage {
            Stage::Pausing(until) => Some(until),
            Stage::Ready | Stage::Storing => None,
        });
        let producers = self.producers.values().filter_map(|(_, producer)| producer.next_wakeup());
        let together = self.together.as_ref().and_then(Together::next_wakeup);
        pauses.chain(producers).chain(together).min()
    }
}

impl Scenario {
    /// Whether what programs send on can go where it should.
    pub(super) fn check_onward(&self) -> Result<(), InvalidScenario> {
        for consumer in &self.consumers {
            let ConsumerSpec { name, program, .. } = consumer;
            let Some(spec) = &program.onward else { continue };
            let invalid = |what: &str| Err(InvalidScenario(format!("{name} {what}")));
            if spec.to.is_empty() && !spec.answers {
                return invalid("sends on, and says not where: name queues, or let it answer");
            }
            if spec.to.len() > ONWARD_MAX {
                return invalid(&format!("sends on to {} queues, use at most {ONWARD_MAX}", spec.to.len()));
            }
            if let Some(missing) =
                spec.to.iter().find(|to| !self.has_target(&TargetSpec::Queue((*to).clone())))
            {
                return invalid(&format!("sends on to the queue {missing}, which is not there"));
            }
            if let Some((_, again)) =
                spec.to.iter().enumerate().find(|(place, to)| spec.to[..*place].contains(to))
            {
                return invalid(&format!("sends on to the queue {again} twice"));
            }
            if spec.between > PATIENCE_MAX.0 || spec.breaks_per_mille > 1_000 {
                return invalid("pauses over an hour, or breaks off more than 1000 times in 1000");
            }
            self.check_together(consumer)?;
        }
        Ok(())
    }
}
