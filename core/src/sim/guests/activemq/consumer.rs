//! How does a consumer of ActiveMQ live in the lab? Each of its workers is a session with a consumer of its own; what a session
//! is ahead by waits in it, and what its program failed at it tries again itself.
//!
//! ```text
//!   MessageDispatch ─▶ had it before? ──no──▶ prefetched ─▶ in work ─┬─ done ──▶ MessageAck
//!                          └─ yes ─▶ poison ack: to the dead         └─ failed ─▶ waits, in front of all others ─▶ again
//!                                                                                 or too often: poison ack
//!   the connection breaks: what was prefetched is thrown away, the broker sends it again
//! ```
//!
//! | `settles` | in JMS | |
//! |---|---|---|
//! | `each` | `AUTO_ACKNOWLEDGE` with a listener | after each |
//! | `before` | `AUTO_ACKNOWLEDGE` with `receive()` | when it has it, before the work |
//! | `every` n | `CLIENT_ACKNOWLEDGE` | n at once; one that fails takes those before it back |
//!
//! Sources: `ActiveMQMessageConsumer.java`, `ActiveMQSession.java`, `ConnectionAudit.java`.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use super::super::{Guest, GuestMessage, GuestOut, GuestView, Halts, Hands, HasId, Look, Over, Run, Speaks};
use super::producer::EXPIRATION;
use super::session::{Job, Session, Told};
use super::spec::ActivemqSource;
use crate::ids::{MessageId, NodeId};
use crate::message::Value;
use crate::observe::{ActivemqEvent, Change, Event, Place, QueueEvent, Refusal};
use crate::rng::{Rng, Stream};
use crate::sim::picture::ConsumerView;
use crate::sim::{ConsumerSpec, OnFailure, Settles};
use crate::systems::Input;
use crate::systems::activemq::protocol::{AckType, BrokerCommand, ClientCommand, Dispatch, Message};
use crate::systems::activemq::{Connection, ConnectionOptions, Dispatched, Heard, RolledBack, SHARED_DLQ};
use crate::time::{Span, Time};

/// How many messages a connection knows that it had (`ConnectionAudit`).
const AUDIT_DEPTH: usize = 2_048;
/// How long a consumer waits that was refused because another has its subscription.
const SUBSCRIBES_AGAIN: Span = Span::from_millis(50);
/// Why a broker is told that a message goes to the dead that came twice.
const DUPLICATE: &str = "Suppressing duplicate delivery on connection";

/// What a connection had.
#[derive(Clone, Debug, Default)]
struct Known {
    order: VecDeque<MessageId>,
    ids: BTreeSet<MessageId>,
}

impl Known {
    /// Whether it had this before; from now on it has.
    fn had(&mut self, id: MessageId) -> bool {
        if !self.ids.insert(id) {
            return true;
        }
        self.order.push_back(id);
        while self.order.len() > AUDIT_DEPTH
            && let Some(old) = self.order.pop_front()
        {
            self.ids.remove(&old);
        }
        false
    }

    /// It did not do anything with it.
    fn forget(&mut self, id: MessageId) {
        if self.ids.remove(&id) {
            self.order.retain(|other| *other != id);
        }
    }
}

/// A consumer's program and its client.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    node: NodeId,
    spec: ConsumerSpec,
    source: ActivemqSource,
    options: ConnectionOptions,
    seed: u64,
    connection: Connection,
    sessions: Vec<Session>,
    hands: Hands<Job>,
    known: Known,
    rng: Rng,
    /// When it subscribes again that was refused.
    again_at: Option<Time>,
}

impl Consumer {
    pub(super) fn new(
        number: u16,
        spec: &ConsumerSpec,
        source: ActivemqSource,
        options: ConnectionOptions,
        seed: u64,
    ) -> Self {
        let own = seed ^ u64::from(number) << 33;
        let sessions = Session::all(spec, &source);
        Self {
            node: NodeId::Consumer(number),
            spec: spec.clone(),
            source,
            connection: Connection::new(options.clone(), 1, own),
            options,
            seed: own,
            sessions,
            hands: Hands::new(spec, seed),
            known: Known::default(),
            rng: Rng::new(own, Stream::Workload),
            again_at: None,
        }
    }

    fn tell(&self, command: ClientCommand, out: &mut GuestOut) {
        let mut sends = Vec::new();
        self.connection.tell(command, &mut sends);
        out.sends.extend(sends.into_iter().map(|(to, message)| (to, message.wrap())));
    }

    fn ack(&self, told: Told, out: &mut GuestOut) {
        let Told { consumer, kind, deliveries, cause } = told;
        if !deliveries.is_empty() {
            self.tell(ClientCommand::Ack { consumer, kind, deliveries, cause }, out);
        }
    }

    fn heard(&mut self, now: Time, heard: Heard, out: &mut GuestOut) {
        match heard {
            Heard::Nothing => {}
            Heard::Connected { broker, again, .. } => {
                out.events.push(Event::Activemq(ActivemqEvent::Connected { broker, again }));
                self.subscribe(out);
            }
            Heard::Interrupted { broker } => self.interrupted(broker, out),
            Heard::Command(BrokerCommand::Dispatch(dispatch)) => self.dispatched(*dispatch, out),
            Heard::Command(BrokerCommand::Exception { why: Refusal::InUse, .. }) => {
                self.again_at = Some(now + SUBSCRIBES_AGAIN);
            }
            Heard::Command(BrokerCommand::Exception { why, .. }) => {
                out.events.push(Event::Queue(QueueEvent::GaveUp { message: None, why }));
            }
            Heard::Command(_) => {}
        }
    }

    fn subscribe(&mut self, out: &mut GuestOut) {
        self.again_at = None;
        for session in &mut self.sessions {
            session.asked = false;
        }
        for session in &self.sessions {
            let info = session.info(&self.spec, &self.source);
            let id = u64::from(session.number);
            self.tell(ClientCommand::Consume { id, info: Box::new(info) }, out);
        }
    }

    /// What was pushed and not received is thrown away. Of what its program has, nobody will hear: where each message is
    /// acknowledged for itself it counts as had, where many are at once they are done again.
    fn interrupted(&mut self, broker: NodeId, out: &mut GuestOut) {
        out.events.push(Event::Activemq(ActivemqEvent::Interrupted { broker }));
        self.again_at = None;
        let mut cleared = 0;
        for session in &mut self.sessions {
            let (prefetched, delivered) = session.interrupted();
            cleared += prefetched.len() as u32;
            let again = matches!(self.spec.program.settles, Settles::Every(_));
            let back = prefetched.iter().chain(delivered.iter().filter(|_| again));
            back.filter_map(|one| one.delivered.message.id()).for_each(|id| self.known.forget(id));
        }
        if cleared > 0 {
            out.events.push(Event::Activemq(ActivemqEvent::ClearedPrefetch { messages: cleared }));
        }
    }

    fn dispatched(&mut self, dispatch: Dispatch, out: &mut GuestOut) {
        let Some(index) = self.sessions.iter().position(|session| session.number == dispatch.consumer) else {
            return;
        };
        let id = dispatch.message.id();
        if self.source.check_for_duplicates.0
            && let Some(message) = id
            && self.known.had(message)
        {
            out.events.push(Event::Activemq(ActivemqEvent::SuppressedDuplicate { message }));
            let (consumer, deliveries) = (dispatch.consumer, [dispatch.delivery].into());
            let cause = Some(String::from(DUPLICATE));
            self.sessions[index].asked = false;
            self.ack(Told { consumer, kind: AckType::Poison, deliveries, cause }, out);
            return;
        }
        if let Some(message) = id {
            let from = Place::Queue(dispatch.queue.clone());
            out.events.push(Event::Received { from, messages: message.into(), delivery: dispatch.count });
        }
        self.sessions[index].pushed(dispatch);
    }

    /// Gives hands what there is, and deals with what they are through with, until nothing moves.
    fn work(&mut self, now: Time, out: &mut GuestOut) {
        loop {
            for index in 0..self.sessions.len() {
                self.begin(now, index, out);
            }
            let over = self.hands.go_on(now);
            if over.is_empty() {
                break;
            }
            for Over { what, done } in over {
                self.over(now, what, done, out);
            }
        }
        if self.connection.broker().is_some() {
            let pulls: Vec<u32> = self.sessions.iter_mut().filter_map(Session::pulls).collect();
            for consumer in pulls {
                self.tell(ClientCommand::Pull { consumer }, out);
            }
        }
    }

    fn begin(&mut self, now: Time, index: usize, out: &mut GuestOut) {
        let settles = self.spec.program.settles;
        let mut session = &mut self.sessions[index];
        let dispatched = loop {
            let Some(dispatched) = session.receive(now) else { return };
            if !is_expired(now, &dispatched) {
                break dispatched;
            }
            if let Some(told) = session.expired() {
                self.ack(told, out);
            }
            session = &mut self.sessions[index];
        };
        if session.tries_again(&dispatched)
            && let Some(message) = dispatched.delivered.message.id()
        {
            let from = Place::Queue(dispatched.delivered.queue.clone());
            let delivery = dispatched.delivery_count();
            out.events.push(Event::Received { from, messages: message.into(), delivery });
        }
        let told = match settles {
            Settles::Before => Some(session.all_done()),
            Settles::Each => None,
            Settles::Every(_) => session.seen(),
        };
        self.hands.give(Job { session: index, life: self.sessions[index].life, dispatched });
        if let Some(told) = told {
            self.ack(told, out);
        }
    }

    fn over(&mut self, now: Time, job: Job, done: bool, out: &mut GuestOut) {
        let Job { session: index, life, dispatched } = job;
        let current = self.sessions[index].life == life;
        self.sessions[index].working = false;
        let from = Place::Queue(dispatched.delivered.queue.clone());
        let Some(message) = dispatched.delivered.message.id() else { return };
        if done {
            out.events.push(Event::Processed { from, messages: message.into(), group: None });
            if current {
                self.done(now, index, out);
            }
            return;
        }
        out.events.push(Event::Queue(QueueEvent::Failed { from, message }));
        match self.spec.program.settles {
            Settles::Before => {} // the broker has forgotten it
            _ if !current => self.known.forget(message),
            _ => self.failed(now, index, &dispatched, out),
        }
    }

    fn done(&mut self, now: Time, index: usize, out: &mut GuestOut) {
        let session = &mut self.sessions[index];
        let settled = match self.spec.program.settles {
            Settles::Before => return,
            Settles::Each => true,
            Settles::Every(many) => session.has_received() >= many as usize || !session.has_more(now),
        };
        if settled {
            let told = session.all_done();
            self.ack(told, out);
        }
    }

    fn failed(&mut self, now: Time, index: usize, failed: &Dispatched, out: &mut GuestOut) {
        let session = &mut self.sessions[index];
        let consumer = session.number;
        if self.spec.program.on_failure == OnFailure::Reject {
            let mut done = session.all_done();
            done.deliveries.retain(|delivery| *delivery != failed.delivered.handle.tag);
            self.ack(done, out);
            let cause = Some(String::from("the program rejected it"));
            return self.poison(consumer, core::slice::from_ref(failed), cause, out);
        }
        match session.roll_back(now, &mut self.rng) {
            RolledBack::Nothing => {}
            RolledBack::Again(at) => {
                let deliveries = session.to_be_tried();
                if let Some(message) = failed.delivered.message.id() {
                    let tried = failed.delivery_count();
                    out.events.push(Event::Activemq(ActivemqEvent::WillRedeliver { message, tried, at }));
                }
                self.ack(Told { consumer, kind: AckType::Redelivered, deliveries, cause: None }, out);
            }
            RolledBack::Poison(all, cause) => self.poison(consumer, &all, Some(cause), out),
        }
    }

    fn poison(&self, consumer: u32, all: &[Dispatched], cause: Option<String>, out: &mut GuestOut) {
        for one in all {
            if let Some(message) = one.delivered.message.id() {
                let tried = one.redeliveries.max(1);
                out.events.push(Event::Activemq(ActivemqEvent::Poison { message, tried }));
            }
        }
        let deliveries = all.iter().map(|one| one.delivered.handle.tag).collect();
        self.ack(Told { consumer, kind: AckType::Poison, deliveries, cause }, out);
    }
}

/// Whether a message's time is over, by the clock of the one who reads it; the dead have time.
fn is_expired(now: Time, dispatched: &Dispatched) -> bool {
    if dispatched.delivered.queue.as_str() == SHARED_DLQ {
        return false;
    }
    let at = match dispatched.delivered.message.headers().get(EXPIRATION) {
        Some(Value::Int(at)) => u64::try_from(*at).ok(),
        _ => None,
    };
    at.is_some_and(|at| Time(at) <= now)
}

impl HasId for Job {
    fn message(&self) -> Option<MessageId> {
        self.dispatched.delivered.message.id()
    }

    fn attempt(&self) -> u32 {
        self.dispatched.delivery_count()
    }
}

impl Guest for Consumer {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, _run: &mut Run<'_>, out: &mut GuestOut) {
        if now < Time(self.spec.starts_at) {
            return;
        }
        let mut sends = Vec::new();
        let heard = match Message::input(input) {
            Some(Input::Message { from, message: Message::Broker { wire, command } }) => {
                self.connection.hear(now, from, wire, command, &mut sends)
            }
            Some(Input::HangUp { peer }) => self.connection.hang_up(now, peer),
            _ => Heard::Nothing,
        };
        self.heard(now, heard, out);
        let heard = self.connection.wake(now, &mut sends);
        self.heard(now, heard, out);
        out.sends.extend(sends.into_iter().map(|(to, message)| (to, message.wrap())));
        if self.again_at.is_some_and(|at| at <= now) && self.connection.broker().is_some() {
            self.subscribe(out);
        }
        self.work(now, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let starts = Time(self.spec.starts_at);
        let waits = self.sessions.iter().filter_map(Session::next_wakeup);
        let own = waits.chain(self.hands.next_wakeup()).chain(self.again_at);
        own.chain(self.connection.next_wakeup()).min().map(|at| at.max(starts))
    }

    fn stop(&mut self) -> Vec<Event> {
        self.sessions = Session::all(&self.spec, &self.source);
        self.hands = Hands::new(&self.spec, self.seed);
        self.known = Known::default();
        Vec::new()
    }

    fn start(&mut self, _now: Time, incarnation: u64) -> Result<(), Halts> {
        self.connection = Connection::new(self.options.clone(), incarnation, self.seed);
        self.again_at = None;
        Ok(())
    }

    fn change(&mut self, _now: Time, change: &Change) -> bool {
        let Change::Work { span, .. } = change else { return false };
        self.spec.work = span.0;
        self.hands.work_for(*span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let up = look.is_up();
        let mark = |one: &Dispatched| Some(look.mark(one.delivered.message.id()?));
        let working = self.hands.in_work().next().filter(|_| up);
        let held: usize = self.sessions.iter().map(Session::holds).sum();
        let staged = self.sessions.iter().flat_map(Session::prefetched).filter_map(mark);
        GuestView::Consumer(ConsumerView {
            node: self.node,
            name: self.spec.name.clone(),
            up,
            from: self.source.name(),
            group: None,
            shares: false,
            assigned: Vec::new(),
            working: working.and_then(|(job, since, until)| {
                Some((mark(&job.dispatched)?, look.true_time(since), look.true_time(until)))
            }),
            staged: if up { staged.collect() } else { Vec::new() },
            held: if up { held as u32 } else { 0 },
            memory_max: 0,
            sends_to: Vec::new(),
            processed: look.world.metrics().processed.get(&self.node).copied().unwrap_or(0),
        })
    }
}
