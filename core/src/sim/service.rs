//! What is a service without a queue? A program with so many workers, and a little room to wait.
//!
//! ```text
//!              a worker is free              own work              each step in turn
//!   called ─┬─────────────────────▶ working ───────────▶ calling (holds the worker until the answer)
//!           │                          ▲                 storing (holds it until "stored")
//!           ├─ all busy ─▶ waiting ────┘                 pausing (only for a message: then calls again)
//!           │                          ▲                    │
//!           └─ no room ─▶ turned away  │                    ▼
//!   message from a queue ──────────────┘                  over: answered, or acknowledged to the queue
//! ```
//!
//! What limits a service is its workers: while one waits for another service, it works on nothing else. So one slow
//! service fills the workers of those before it, and the last of them turns users away, however fast it is itself.
//! A service does not know that its caller has given up, and goes on working for nobody.
//!
//! A service whose work comes from a queue takes a message when a worker is free, and acknowledges it when the order
//! is over. It is never asked for more than it can do: what waits, waits in the queue. If it dies, the queue gives
//! the message to it again, so an order may be worked on twice.
//!
//! What real systems do: thread pools with bounded queues (Tomcat: 200 threads, `acceptCount` 100), and HTTP 503.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use super::clients::Clients;
use super::picture::ServiceView;
use super::scenario::SourceSpec;
use super::service_spec::{ServiceSpec, StepSpec, WorkSpec, name_of, source_name};
use crate::broker::{Input, Message, Out, Reply, Request, RequestId, Settings};
use crate::client::Staged;
use crate::ids::{MessageId, Name, NodeId, OrderId};
use crate::observe::{Answer, Event, OrderEvent, Refusal, ServiceCounts};
use crate::record::{NewRecord, Order};
use crate::rng::{Rng, Stream};
use crate::sorted::SortedMap;
use crate::time::{Span, Time};

/// Where an order came from.
#[derive(Clone, Debug)]
enum Origin {
    /// Somebody called, and waits.
    Call { from: NodeId, id: RequestId, order: OrderId },
    /// A queue or a topic.
    Message(Staged),
}

/// What a worker is at.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Its own work.
    Working { until: Time },
    /// About to take a step; the one after the last is the end.
    At(usize),
    /// Waits for another service.
    Calling { step: usize, id: RequestId },
    /// Waits until its message is stored.
    Storing { step: usize, message: MessageId },
    /// A step did not work; it is taken again at this moment.
    Pausing { step: usize, until: Time },
}

/// One order in a worker's hands.
#[derive(Clone, Debug)]
struct Job {
    origin: Origin,
    /// `None` for a message that is about no order.
    order: Option<Order>,
    since: Time,
    stage: Stage,
    /// It will turn out, after the own work, that it cannot be done.
    fails: bool,
    /// A part of it is only promised: it stands in a queue.
    promised: bool,
}

/// How a job ended: well, or whose fault it is and what happened.
type End = Result<(), (NodeId, Answer)>;

/// A service's process.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    me: NodeId,
    spec: ServiceSpec,
    /// For each step that calls, whom.
    callees: Vec<Option<NodeId>>,
    /// What the work of each order is drawn from.
    seed: u64,
    backoff: Span,
    /// Whether it reads already.
    started: bool,
    clients: Clients,
    waiting: VecDeque<(NodeId, RequestId, Order)>,
    /// Orders in workers' hands, in the order in which they were begun.
    busy: SortedMap<u64, Job>,
    begun: u64,
    /// Answers to calls that workers wait for.
    answers: SortedMap<RequestId, Answer>,
}

impl Service {
    /// A service's process as it starts: what an earlier one had in hands is forgotten.
    pub(super) fn new(
        me: NodeId,
        spec: &ServiceSpec,
        callees: Vec<Option<NodeId>>,
        seed: u64,
        settings: &Settings,
        brokers: &[NodeId],
    ) -> Self {
        let (waiting, busy, answers) = Default::default();
        Self {
            me,
            callees,
            seed,
            backoff: settings.retry_backoff,
            started: false,
            clients: Clients::new(spec, settings, brokers),
            spec: spec.clone(),
            waiting,
            busy,
            begun: 0,
            answers,
        }
    }

    /// Takes what reaches the service; `mint` numbers a new message.
    pub(super) fn handle(
        &mut self,
        now: Time,
        input: Input,
        mint: &mut dyn FnMut() -> MessageId,
        out: &mut Out,
    ) {
        self.started |= Time(self.spec.starts_at) <= now;
        // Whoever is done at this very moment makes room for what comes now.
        self.go_on(now, mint, out);
        match input {
            Input::Message { from, message: Message::Request(id, request) } => match request {
                Request::Call(order) => self.called(now, from, id, order, out),
                _ => out.reply(from, id, Reply::Refused(Refusal::Unsupported)),
            },
            input => self.clients.handle(now, &input, self.started, out),
        }
        self.go_on(now, mint, out);
    }

    /// Works so long on what it begins from now on.
    pub(super) fn work_for(&mut self, span: Span) {
        self.spec.work = WorkSpec::always(span);
    }

    /// When the service wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        let due = self.busy.values().filter_map(|job| match job.stage {
            Stage::Working { until } | Stage::Pausing { until, .. } => Some(until),
            Stage::At(_) | Stage::Calling { .. } | Stage::Storing { .. } => None,
        });
        let start = (!self.started).then_some(Time(self.spec.starts_at));
        due.chain(start).chain(self.clients.next_wakeup(self.started)).min()
    }

    fn has_worker(&self) -> bool {
        self.busy.len() < usize::from(self.spec.workers)
    }

    fn called(&mut self, now: Time, from: NodeId, id: RequestId, order: Order, out: &mut Out) {
        if self.has_worker() {
            return self.begin(now, Origin::Call { from, id, order: order.id }, Some(order), out);
        }
        let ahead = self.waiting.len() as u32;
        if ahead < self.spec.backlog {
            out.event(Event::Order(OrderEvent::Waiting { order: order.id, ahead }));
            self.waiting.push_back((from, id, order));
        } else {
            out.event(Event::Order(OrderEvent::TurnedAway { order: order.id }));
            out.reply(from, id, Reply::Called { order: order.id, answer: Answer::Overloaded });
        }
    }

    /// A free worker takes an order up.
    fn begin(&mut self, now: Time, origin: Origin, order: Option<Order>, out: &mut Out) {
        // What an order takes follows from the service and the order alone. So it is the same however the work comes
        // and whoever goes first, and two ways to build a system can be compared order by order.
        let number = order.map_or(0, |order| order.id.0);
        let mut chance = Rng::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15), Stream::Services);
        let work = Span(chance.between(self.spec.work.low, self.spec.work.high));
        let fails = chance.below(1_000) < u64::from(self.spec.fails_per_mille);
        if let Some(order) = order {
            out.event(Event::Order(OrderEvent::Began { order: order.id }));
        }
        let stage = Stage::Working { until: now + work };
        self.begun += 1;
        self.busy.insert(self.begun, Job { origin, order, since: now, stage, fails, promised: false });
    }

    /// Takes every order as far as it goes, and gives free workers the next.
    fn go_on(&mut self, now: Time, mint: &mut dyn FnMut() -> MessageId, out: &mut Out) {
        while let Some(over) = self.clients.caller.next_over() {
            self.answers.insert(over.id, over.answer);
        }
        let numbers: Vec<u64> = self.busy.keys().copied().collect();
        for number in numbers {
            let Some(mut job) = self.busy.remove(&number) else { continue };
            match self.advance(now, &mut job, mint, out) {
                None => _ = self.busy.insert(number, job),
                Some(end) => self.finish(now, &job, end, out),
            }
        }
        // An answer that nobody waits for any more is none of a living job.
        self.answers.clear();
        while self.has_worker() {
            if let Some((from, id, order)) = self.waiting.pop_front() {
                self.begin(now, Origin::Call { from, id, order: order.id }, Some(order), out);
            } else if let Some(staged) = self.clients.take() {
                let order = staged.record.order();
                self.begin(now, Origin::Message(staged), order, out);
            } else {
                break;
            }
        }
    }

    /// Takes one order as far as it goes; says how it ended, if it did.
    fn advance(
        &mut self,
        now: Time,
        job: &mut Job,
        mint: &mut dyn FnMut() -> MessageId,
        out: &mut Out,
    ) -> Option<End> {
        loop {
            job.stage = match job.stage {
                Stage::Working { until } | Stage::Pausing { until, .. } if until > now => return None,
                Stage::Working { .. } if job.fails => return Some(Err((self.me, Answer::Failed))),
                Stage::Working { .. } => Stage::At(0),
                Stage::Pausing { step, .. } => Stage::At(step),
                Stage::Storing { step, message } if self.clients.holds(step, message) => {
                    job.stage = Stage::Storing { step, message };
                    return None;
                }
                Stage::Storing { step, .. } => Stage::At(step + 1),
                Stage::At(step) => match (self.spec.then.get(step), job.order) {
                    (Some(at), Some(order)) => {
                        self.take_step(now, job, (step, &at.clone()), order, mint, out)
                    }
                    _ => return Some(Ok(())),
                },
                Stage::Calling { step, id } => {
                    let answer = self.answers.remove(&id)?;
                    match self.answered(now, job, step, answer, out) {
                        Ok(stage) => stage,
                        Err(fault) => return Some(Err(fault)),
                    }
                }
            };
        }
    }

    fn take_step(
        &mut self,
        now: Time,
        job: &mut Job,
        (step, spec): (usize, &StepSpec),
        order: Order,
        mint: &mut dyn FnMut() -> MessageId,
        out: &mut Out,
    ) -> Stage {
        match spec {
            StepSpec::Call { timeout, .. } => {
                let Some(service) = self.callees.get(step).copied().flatten() else {
                    return Stage::At(step + 1);
                };
                let id = self.clients.call(now, service, order, *timeout, out);
                Stage::Calling { step, id }
            }
            StepSpec::Send { .. } => {
                let message = mint();
                out.event(Event::Order(OrderEvent::Put { order: order.id, message }));
                self.clients.send(now, step, message, record(now, order), out);
                job.promised = true;
                Stage::Storing { step, message }
            }
            StepSpec::Notify => {
                out.send(order.user, Message::Notice { order: order.id, done: true });
                Stage::At(step + 1)
            }
        }
    }

    /// Another service answered: the next stage, or how the order ended.
    fn answered(
        &self,
        now: Time,
        job: &mut Job,
        step: usize,
        answer: Answer,
        out: &mut Out,
    ) -> Result<Stage, (NodeId, Answer)> {
        let of = self.callees.get(step).copied().flatten().unwrap_or(self.me);
        job.promised |= answer == Answer::Accepted;
        match (&job.origin, job.order) {
            _ if answer.is_success() => Ok(Stage::At(step + 1)),
            (Origin::Message(_), Some(order)) if answer != Answer::Failed => {
                out.event(Event::Order(OrderEvent::TriesAgain { order: order.id, of, why: answer }));
                Ok(Stage::Pausing { step, until: now + self.backoff })
            }
            _ => Err((of, answer)),
        }
    }

    /// An order is over: whoever handed it in is told.
    fn finish(&mut self, now: Time, job: &Job, end: End, out: &mut Out) {
        if let Some(order) = job.order {
            out.event(Event::Order(match end {
                Ok(()) => OrderEvent::Worked { order: order.id },
                Err((by, why)) => OrderEvent::GaveUp { order: order.id, by, why },
            }));
            if end.is_err() && self.spec.then.contains(&StepSpec::Notify) {
                out.send(order.user, Message::Notice { order: order.id, done: false });
            }
        }
        match &job.origin {
            Origin::Call { from, id, order } => {
                let answer = match end {
                    Ok(()) if job.promised => Answer::Accepted,
                    Ok(()) => Answer::Done,
                    Err((_, why)) => why,
                };
                out.reply(*from, *id, Reply::Called { order: *order, answer });
            }
            Origin::Message(staged) => {
                if let Some(message) = staged.record.message_id() {
                    let (from, group) = (staged.from.clone(), self.group());
                    out.event(Event::Processed { from, messages: message.into(), group });
                }
                self.clients.done(now, staged, out);
            }
        }
    }

    fn group(&self) -> Option<Name> {
        match &self.spec.from {
            Some(SourceSpec::Group { name, .. } | SourceSpec::Share { name, .. }) => Some(name.clone()),
            _ => None,
        }
    }

    /// What it looks like.
    pub(super) fn view(&self, up: bool, counts: ServiceCounts) -> ServiceView {
        let from = self.spec.from.as_ref().map(source_name);
        let busy = self.busy.values().filter_map(|job| Some((job.order?.id, job.since)));
        let waiting = self.waiting.iter().map(|(_, _, order)| order.id);
        let steps = self.spec.then.iter();
        ServiceView {
            node: self.me,
            name: self.spec.name.clone(),
            up,
            from,
            group: self.group(),
            assigned: match (&self.clients.source, up) {
                (Some(source), true) => source.partitions(),
                _ => Vec::new(),
            },
            calls: self.callees.iter().flatten().copied().collect(),
            sends_to: steps
                .filter_map(|step| match step {
                    StepSpec::Send { to } => Some(name_of(to)),
                    StepSpec::Call { .. } | StepSpec::Notify => None,
                })
                .collect(),
            workers: self.spec.workers,
            backlog: self.spec.backlog,
            working: if up { busy.collect() } else { Vec::new() },
            waiting: if up { waiting.collect() } else { Vec::new() },
            worked: counts.worked,
            gave_up: counts.gave_up,
            turned_away: counts.turned_away,
        }
    }
}

/// The message for an order.
fn record(now: Time, order: Order) -> NewRecord {
    let value = format!("order {}", order.id.0);
    let record = NewRecord {
        timestamp: now.as_millis() as i64,
        value: Some(value.into_bytes().into()),
        ..NewRecord::default()
    };
    record.with_order(order)
}
