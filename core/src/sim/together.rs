//! How does a program hand an order on, and acknowledge it, at one moment? Both are parts of one local transaction.
//!
//! ```text
//!   work done ─▶ begin ─▶ first message ─▶ pause ─▶ second message ─▶ acknowledge ─▶ commit ─▶ all of it is there
//!                            └── waits at the broker ──┴───────────────────┘
//!                            breaks off: it rolls back; dies: the broker does. Nobody saw anything, the order comes again
//! ```
//!
//! The order is done when the broker commits, whether the program hears of it or not. If the connection breaks while the
//! commit is under way, the program knows nothing, and does nothing: the order comes again, or it was done.
//!
//! A program has one channel, and the transaction is the channel's. So it works on one order at a time, and its queues
//! are all on one broker: a transaction over several brokers would need two phases.

use alloc::format;

use super::beside::{for_mark, marked};
use super::onward::{End, Job, OnwardSpec, Stage};
use super::program_spec::Settles;
use super::scenario::{ConsumerSpec, InvalidScenario, QueueSpec, Scenario, SourceSpec};
use crate::broker::{Input, Out, Settings, Settlement};
use crate::client::{Staged, Standing, Transacted};
use crate::ids::{Name, NodeId};
use crate::observe::{Event, Place};
use crate::queue::Overflow;
use crate::routing::ExchangeName;
use crate::time::{Span, Time};

/// The mark of the client of transactions: the program has no other that sends.
const MARK: u16 = 1;

/// The part of a program that hands on in transactions.
#[derive(Clone, Debug)]
pub(super) struct Together {
    client: Transacted,
    between: Span,
}

impl Together {
    pub(super) fn new(spec: &OnwardSpec, settings: &Settings) -> Self {
        Self { client: Transacted::new(settings.clone()), between: Span(spec.between) }
    }

    pub(super) fn handle(&mut self, now: Time, input: &Input, out: &mut Out) {
        if let Some(input) = for_mark(MARK, input) {
            marked(MARK, out, |out| self.client.handle(now, &input, out));
        }
    }

    /// The connection to the broker is not what it was.
    pub(super) fn break_off(&mut self) {
        self.client.break_off();
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.client.next_wakeup()
    }

    /// Takes an order as far as it goes; says how it ended, if it did.
    pub(super) fn advance(
        &mut self,
        now: Time,
        job: &mut Job,
        broker: Option<NodeId>,
        out: &mut Out,
    ) -> Option<fn(Staged) -> End> {
        marked(MARK, out, |out| self.go_on(now, job, broker, out))
    }

    fn go_on(
        &mut self,
        now: Time,
        job: &mut Job,
        broker: Option<NodeId>,
        out: &mut Out,
    ) -> Option<fn(Staged) -> End> {
        if job.stage == Stage::Ready && !job.lost {
            self.client.begin(now, broker?, out);
            job.stage = Stage::Storing;
        }
        match self.client.standing() {
            _ if job.stage == Stage::Ready => return Some(End::Lost),
            Standing::Unknown => return Some(End::Unknown),
            _ if job.lost => return Some(End::Lost),
            Standing::Committed => {
                for part in &job.parts {
                    let by = Place::Queue(part.to.clone());
                    out.event(Event::Acknowledged { by, messages: part.id.into() });
                }
                return Some(End::Committed);
            }
            Standing::None | Standing::Undone(_) => return Some(End::Broken),
            Standing::Asked => return None,
            Standing::Open => {}
        }
        match job.stage {
            Stage::Pausing(until) if until > now => return None,
            Stage::Storing if job.breaks && job.sent > 0 => {
                self.client.roll_back(out);
                return Some(End::Broken);
            }
            Stage::Storing if (1..job.parts.len()).contains(&job.sent) && self.between > Span(0) => {
                job.stage = Stage::Pausing(now + self.between);
                return None;
            }
            Stage::Storing | Stage::Pausing(_) | Stage::Ready => {}
        }
        job.stage = Stage::Storing;
        match job.parts.get(job.sent) {
            Some(part) => {
                let (to, attempt) = (Place::Queue(part.to.clone()), job.staged.delivery);
                out.event(Event::Sent { to, messages: part.id.into(), attempt });
                let record = part.record.clone().with_id(part.id);
                let sent = self.client.publish(now, ExchangeName::default(), &record, out);
                sent.expect("what is sent on is a few bytes");
                job.sent += 1;
            }
            None if !job.acknowledged => {
                self.client.settle(now, &job.staged, Settlement::Done, out);
                job.acknowledged = true;
            }
            None => self.client.commit(now, out),
        }
        None
    }
}

impl Scenario {
    /// Whether a program that hands on in transactions can do so.
    pub(super) fn check_together(&self, spec: &ConsumerSpec) -> Result<(), InvalidScenario> {
        let ConsumerSpec { name, from, program, .. } = spec;
        let invalid = |what: &str| Err(InvalidScenario(format!("{name} {what}")));
        let Some(onward) = program.onward.as_ref().filter(|onward| onward.transaction) else {
            return Ok(());
        };
        let SourceSpec::Queue { name: source, reading, .. } = from else {
            return invalid(
                "hands on in a transaction: let it read a queue, whose broker keeps the transaction",
            );
        };
        if reading.automatic || program.settles != Settles::Each || program.workers > 1 {
            return invalid(
                "hands on in a transaction: let it work on one message at a time, and acknowledge each",
            );
        }
        if self.settings.intake > Span::ZERO {
            return invalid("hands on in a transaction, which passes by the mailboxes: set intake to 0");
        }
        let broker =
            |queue: &Name| self.queues.iter().find(|known| known.name == *queue).map(|known| known.broker);
        let replies = self.producers.iter().filter_map(|producer| Some(&producer.asks.as_ref()?.reply_to));
        for to in onward.to.iter().chain(replies.filter(|_| onward.answers)) {
            if broker(to) != broker(source) {
                return invalid(&format!(
                    "hands on to {to} in a transaction: it must be on the broker of {source}"
                ));
            }
            let refuses = |queue: &QueueSpec| {
                queue.name == *to
                    && matches!(
                        queue.options.overflow,
                        Overflow::RejectPublish | Overflow::RejectPublishDeadLetter
                    )
            };
            if self.queues.iter().any(refuses) {
                return invalid(&format!(
                    "hands on to {to} in a transaction: it refuses when it is full, let it ask to wait"
                ));
            }
        }
        Ok(())
    }
}
