//! How do several clients live behind one address? A service calls, sends and reads at the same time.
//!
//! ```text
//!   caller    asks with 1, 2, 3 ...  ─┐  times LANES, plus the lane       ┌─▶ reply 34: lane 2, its request 1
//!   source    asks with 1, 2, 3 ...  ─┼─────────────────────────────▶ ... ─┤
//!   producer  asks with 1, 2, 3 ...  ─┘                                   └─▶ reply 16: lane 0, its request 1
//! ```
//!
//! Each client counts its own requests. The number that travels also says whose it is, so a reply finds its way back.
//! Real programs have a connection for each client instead.

use alloc::vec::Vec;

use super::program::Source;
use super::service_spec::{STEPS_MAX, ServiceSpec, StepSpec};
use super::shop::target;
use crate::broker::{Input, Message, Out, RequestId, Settings};
use crate::client::{Caller, Producer, Staged};
use crate::ids::{MessageId, NodeId};
use crate::record::{NewRecord, Order};
use crate::time::{Span, Time};

/// The lane of the caller, and of the source; each step has one of its own after them.
const CALLER: u64 = 0;
const SOURCE: u64 = 1;
const FIRST_STEP: u64 = 2;
/// How many lanes there are.
const LANES: u64 = FIRST_STEP + STEPS_MAX as u64;

/// All clients of one service.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) caller: Caller,
    pub(super) source: Option<Source>,
    /// For each step that sends, its producer.
    producers: Vec<Option<Producer>>,
}

/// Lets a client act, and marks the requests that it makes as its own.
fn in_lane<T>(lane: u64, out: &mut Out, act: impl FnOnce(&mut Out) -> T) -> T {
    let before = out.sends.len();
    let acted = act(out);
    for envelope in &mut out.sends[before..] {
        if let Message::Request(id, _) = &mut envelope.message {
            *id = *id * LANES + lane;
        }
    }
    acted
}

/// What an input is for a lane: a reply only for the one that asked, all else for everybody.
fn for_lane(lane: u64, input: &Input) -> Option<Input> {
    match input {
        Input::Message { from, message: Message::Reply(id, reply) } => (id % LANES == lane)
            .then(|| Input::Message { from: *from, message: Message::Reply(id / LANES, reply.clone()) }),
        other => Some(other.clone()),
    }
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
        if let Some(input) = for_lane(CALLER, input) {
            self.caller.handle(now, &input);
        }
        if let (Some(source), Some(input), true) = (&mut self.source, for_lane(SOURCE, input), reads) {
            in_lane(SOURCE, out, |out| source.handle(now, input, out));
        }
        for (lane, producer) in (FIRST_STEP..).zip(&mut self.producers) {
            if let (Some(producer), Some(input)) = (producer, for_lane(lane, input)) {
                in_lane(lane, out, |out| producer.handle(now, input, out));
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
        in_lane(CALLER, out, |out| self.caller.call(now, service, order, timeout, out))
    }

    /// Hands a message to a step's producer.
    pub(super) fn send(&mut self, now: Time, step: usize, id: MessageId, record: NewRecord, out: &mut Out) {
        let Some(Some(producer)) = self.producers.get_mut(step) else { return };
        in_lane(FIRST_STEP + step as u64, out, |out| {
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
            in_lane(SOURCE, out, |out| source.done(now, staged, out));
        }
    }
}
