//! What does a program do that sends requests and wants answers? It names a queue for them, reads it, and finds out
//! to which of its requests each answer belongs.
//!
//! What came too late or twice is thrown away here. A program could do something else with it, but not this: take back
//! what its user was told when it gave up.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::beside::{for_mark, marked};
use super::scenario::{InvalidScenario, ProducerSpec, Scenario, TargetSpec};
use crate::broker::{Input, Out, Reads, Settings, Settlement};
use crate::client::{Answered, Requester, Staged, Subscriber};
use crate::ids::{MessageId, Name, NodeId};
use crate::message::Message;
use crate::observe::{Event, QueueEvent};
use crate::queue::ConsumerOptions;
use crate::time::{Span, Time};

/// The mark of the client that reads the answers.
const READS_ANSWERS: u16 = 1;

/// That each message of a producer is a request, and where the answer goes.
///
/// ```
/// let asks = r#"{ "reply_to": "answers", "timeout": 60000 }"#;
/// let spec: mqlab_core::sim::AskSpec = serde_json::from_str(asks)?;
/// assert_eq!(spec.timeout.0, 60_000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskSpec {
    /// The queue that it reads its answers from.
    pub reply_to: Name,
    /// It gives a request up when no answer came for so long, in microseconds.
    pub timeout: Span,
}

/// The part of a program that waits for answers.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    reply_to: Name,
    requester: Requester,
    subscriber: Subscriber,
}

impl Asking {
    pub(super) fn new(spec: &AskSpec, settings: &Settings, brokers: Vec<NodeId>) -> Self {
        let reads = Reads::Queue(spec.reply_to.clone());
        let subscriber = Subscriber::new(settings.clone(), reads, ConsumerOptions::default(), brokers);
        Self { reply_to: spec.reply_to.clone(), requester: Requester::new(spec.timeout), subscriber }
    }

    /// Makes a request of a message.
    pub(super) fn ask(&mut self, now: Time, id: MessageId, message: Message) -> Message {
        let correlation = self.requester.ask(now, id);
        message.with_correlation(&correlation).with_reply_to(self.reply_to.clone())
    }

    /// Takes what reaches the program, and what has come in answer.
    pub(super) fn handle(&mut self, now: Time, input: &Input, out: &mut Out) {
        if let Some(input) = for_mark(READS_ANSWERS, input) {
            marked(READS_ANSWERS, out, |out| self.subscriber.handle(now, input, out));
        }
        while let Some(staged) = self.subscriber.take() {
            self.answered(now, &staged, out);
            marked(READS_ANSWERS, out, |out| {
                self.subscriber.settle(core::slice::from_ref(&staged), Settlement::Done, out);
            });
        }
        for (request, after) in self.requester.give_up(now) {
            out.event(Event::Queue(QueueEvent::GaveUpWaiting { request, after }));
        }
    }

    fn answered(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        let Some(answer) = staged.record.message_id() else { return };
        let from = staged.from.clone();
        let message = Message::from_record(&staged.record);
        let correlation = message.correlation().unwrap_or_default();
        let fact = match self.requester.answer(now, correlation) {
            Answered::InTime { request, after } => QueueEvent::Answered { answer, request, after },
            Answered::Again { .. } => QueueEvent::Recognised { from, message: answer },
            Answered::Late => QueueEvent::AnswerLate { answer },
        };
        // What is known already is not taken up again; all else is done with now, also what nobody waits for.
        if !matches!(fact, QueueEvent::Recognised { .. }) {
            let from = staged.from.clone();
            out.event(Event::Processed { from, messages: answer.into(), group: None });
        }
        out.event(Event::Queue(fact));
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        [self.requester.next_wakeup(), self.subscriber.next_wakeup()].into_iter().flatten().min()
    }

    /// The requests that wait for their answers.
    pub(super) fn waiting(&self) -> Vec<MessageId> {
        self.requester.waiting()
    }
}

impl Scenario {
    /// Whether what asks can be answered.
    pub(super) fn check_asking(&self) -> Result<(), InvalidScenario> {
        for ProducerSpec { name, to, asks, transaction, .. } in &self.producers {
            let Some(asks) = asks else { continue };
            let invalid = |what: &str| Err(InvalidScenario(alloc::format!("{name} {what}")));
            if !self.has_target(&TargetSpec::Queue(asks.reply_to.clone())) {
                return invalid("wants its answers in a queue that is not there");
            }
            if *to == TargetSpec::Queue(asks.reply_to.clone()) {
                return invalid("sends its requests into the queue of its answers");
            }
            if transaction.is_some() {
                return invalid("sends requests: they take no transaction of its own");
            }
            if !(super::scenario::PATIENCE_MIN..=super::scenario::PATIENCE_MAX).contains(&asks.timeout) {
                return invalid("waits for its answers less than 0.1 ms or more than an hour");
            }
        }
        Ok(())
    }
}
