//! What does a service have to talk with? A caller, a source to read from, and a producer for each step that sends, all
//! behind one address (`beside.rs`).

use alloc::vec::Vec;

use super::beside::{for_mark, marked};
use super::service_spec::{ServiceSpec, StepSpec};
use super::shop::target;
use super::source::Source;
use crate::broker::{Input, Out, RequestId, Settings};
use crate::client::{Caller, Producer, Staged};
use crate::ids::{MessageId, NodeId};
use crate::record::{NewRecord, Order};
use crate::time::{Span, Time};

/// The mark of the caller, and of the source; each step has one of its own after them.
const CALLER: u16 = 0;
const SOURCE: u16 = 1;
const FIRST_STEP: u16 = 2;

/// All clients of one service.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) caller: Caller,
    pub(super) source: Option<Source>,
    /// For each step that sends, its producer.
    producers: Vec<Option<Producer>>,
}

impl Clients {
    pub(super) fn new(spec: &ServiceSpec, settings: &Settings, brokers: &[NodeId]) -> Self {
        let producer = |step: &StepSpec| match step {
            StepSpec::Send { to } => Some(Producer::new(settings.clone(), target(to), brokers.to_vec())),
            StepSpec::Call { .. } | StepSpec::Notify => None,
        };
        let source = spec
            .from
            .as_ref()
            .map(|from| Source::new(from, settings, brokers.to_vec(), &mut Default::default()));
        Self { caller: Caller::default(), source, producers: spec.then.iter().map(producer).collect() }
    }

    /// Takes what reaches the service, unless it is a call; `reads` says whether the source is begun.
    pub(super) fn handle(&mut self, now: Time, input: &Input, reads: bool, out: &mut Out) {
        if let Some(input) = for_mark(CALLER, input) {
            self.caller.handle(now, &input);
        }
        if let (Some(source), Some(input), true) = (&mut self.source, for_mark(SOURCE, input), reads) {
            marked(SOURCE, out, |out| source.handle(now, input, out));
        }
        for (mark, producer) in (FIRST_STEP..).zip(&mut self.producers) {
            if let (Some(producer), Some(input)) = (producer, for_mark(mark, input)) {
                marked(mark, out, |out| producer.handle(now, input, out));
            }
        }
    }

    pub(super) fn next_wakeup(&self, reads: bool) -> Option<Time> {
        let source = self.source.as_ref().filter(|_| reads).and_then(Source::next_wakeup);
        let producers = self.producers.iter().flatten().filter_map(Producer::next_wakeup);
        self.caller.next_wakeup().into_iter().chain(source).chain(producers).min()
    }

    pub(super) fn call(
        &mut self,
        now: Time,
        service: NodeId,
        order: Order,
        timeout: Span,
        out: &mut Out,
    ) -> RequestId {
        marked(CALLER, out, |out| self.caller.call(now, service, order, timeout, out))
    }

    /// Hands a message to a step's producer.
    pub(super) fn send(&mut self, now: Time, step: usize, id: MessageId, record: NewRecord, out: &mut Out) {
        let Some(Some(producer)) = self.producers.get_mut(step) else { return };
        marked(FIRST_STEP + step as u16, out, |out| {
            producer.send(now, id, record, out).expect("an order is a few bytes");
        });
    }

    /// Whether a step's message is not known to be stored.
    pub(super) fn holds(&self, step: usize, id: MessageId) -> bool {
        self.producers.get(step).and_then(Option::as_ref).is_some_and(|producer| producer.holds(id))
    }

    /// Takes the next message to work on.
    pub(super) fn take(&mut self) -> Option<Staged> {
        self.source.as_mut()?.take()
    }

    /// A message is done with.
    pub(super) fn done(&mut self, now: Time, staged: &Staged, out: &mut Out) {
        if let Some(source) = &mut self.source {
            marked(SOURCE, out, |out| source.done(now, staged, out));
        }
    }
}
