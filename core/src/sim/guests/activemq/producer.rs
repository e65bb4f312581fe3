//! How does a producer of ActiveMQ live in the lab? Its program calls `send` at its pace; for a persistent message that
//! returns when the broker has answered, so one is under way at a time.
//!
//! ```text
//!   due ─▶ waits for its turn ─▶ sent ─▶ Response: the next
//!                                 └── the connection breaks ── connected again ─▶ said again, under its old number
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::{Drafted, Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Pace, Run, Speaks};
use super::spec::ActivemqTarget;
use super::talk::place_of;
use crate::ids::{MessageId, NodeId};
use crate::observe::{ActivemqEvent, Change, Event, QueueEvent};
use crate::sim::ProducerSpec;
use crate::sim::picture::ProducerView;
use crate::systems::Input;
use crate::systems::activemq::protocol::{BrokerCommand, ClientCommand, Message};
use crate::systems::activemq::{Connection, ConnectionOptions, DestinationName, Heard};
use crate::time::{Span, Time};

/// How long a producer waits that was refused for now.
const TRIES_AGAIN: Span = Span::from_millis(20);

/// When a message expires, in microseconds: set by its sender (`JMSExpiration`).
pub(super) const EXPIRATION: &str = "JMSExpiration";

/// A message that its program has sent, and the broker has not answered.
#[derive(Clone, Debug)]
struct Open {
    number: u64,
    message: MessageId,
    attempts: u32,
}

/// A producer's program and its client.
#[derive(Clone, Debug)]
pub(super) struct Producer {
    node: NodeId,
    to: ActivemqTarget,
    pace: Pace,
    options: ConnectionOptions,
    seed: u64,
    connection: Connection,
    /// What is due and not sent; it is its program's, and survives.
    waiting: VecDeque<Drafted>,
    open: Option<Open>,
    /// The last number that it gave a message (`ProducerSequenceId`).
    sequence: u64,
    not_before: Time,
}

impl Producer {
    pub(super) fn new(
        number: u16,
        spec: &ProducerSpec,
        to: ActivemqTarget,
        options: ConnectionOptions,
        seed: u64,
    ) -> Self {
        Self {
            node: NodeId::Producer(number),
            to,
            pace: Pace::new(spec, number, seed),
            seed: seed ^ u64::from(number) << 17,
            connection: Connection::new(options.clone(), 1, seed ^ u64::from(number) << 17),
            options,
            waiting: VecDeque::new(),
            open: None,
            sequence: 0,
            not_before: Time::ZERO,
        }
    }

    fn heard(&mut self, now: Time, heard: Heard, out: &mut GuestOut) {
        match heard {
            Heard::Nothing => {}
            Heard::Connected { broker, again, said } => {
                out.events.push(Event::Activemq(ActivemqEvent::Connected { broker, again }));
                for command in said {
                    if let (Some(message), Some(open)) = (command.message(), &mut self.open) {
                        open.attempts += 1;
                        let to = place_of(&self.to.to);
                        let attempt = open.attempts;
                        out.events.push(Event::Sent { to, messages: message.into(), attempt });
                    }
                }
            }
            Heard::Interrupted { broker } => {
                out.events.push(Event::Activemq(ActivemqEvent::Interrupted { broker }));
            }
            Heard::Command(command) => self.answered(now, &command, out),
        }
    }

    fn answered(&mut self, now: Time, command: &BrokerCommand, out: &mut GuestOut) {
        let (number, why) = match command {
            BrokerCommand::Response { id } => (*id, None),
            BrokerCommand::Exception { id, why } => (*id, Some(*why)),
            _ => return,
        };
        let Some(open) = self.open.take_if(|open| open.number == number) else { return };
        self.connection.answered(number);
        let message = open.message;
        out.events.push(match why {
            None => Event::Acknowledged { by: place_of(&self.to.to), messages: message.into() },
            // `send` throws: its program lets it be.
            Some(why) => {
                self.not_before = now + TRIES_AGAIN;
                Event::Queue(QueueEvent::GaveUp { message: Some(message), why })
            }
        });
    }

    /// Sends what may be sent.
    fn pump(&mut self, now: Time, out: &mut GuestOut) {
        let mut sends = Vec::new();
        while self.open.is_none()
            && now >= self.not_before
            && self.connection.broker().is_some()
            && let Some(Drafted { id, message, .. }) = self.waiting.pop_front()
        {
            self.sequence += 1;
            let message = message.with_id(id);
            // By its own clock: whoever reads it compares with his.
            let message = match message.ttl() {
                Some(ttl) => message.with_header(EXPIRATION, (now + ttl).0 as i64),
                None => message,
            };
            let transient = message.is_transient();
            let answer = if transient { self.to.always_sync_send } else { !self.to.use_async_send };
            let number = self.connection.next_number();
            let command = ClientCommand::Send {
                id: number,
                life: self.connection.life(),
                sequence: self.sequence,
                to: self.to.to.clone(),
                answer,
                message,
            };
            if answer {
                self.connection.ask(command, &mut sends);
                self.open = Some(Open { number, message: id, attempts: 1 });
            } else {
                self.connection.tell(command, &mut sends);
            }
            out.events.push(Event::Sent { to: place_of(&self.to.to), messages: id.into(), attempt: 1 });
        }
        out.sends.extend(sends.into_iter().map(|(to, message)| (to, message.wrap())));
    }
}

impl Guest for Producer {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut) {
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
        while let Some(drafted) = self.pace.due(now, run) {
            self.waiting.push_back(drafted);
        }
        self.pump(now, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let held_up = (self.open.is_none() && !self.waiting.is_empty()).then_some(self.not_before);
        let held_up = held_up.filter(|_| self.connection.broker().is_some());
        self.pace.next_at().into_iter().chain(self.connection.next_wakeup()).chain(held_up).min()
    }

    fn stop(&mut self) -> Vec<Event> {
        self.open = None;
        Vec::new()
    }

    fn start(&mut self, _now: Time, incarnation: u64) -> Result<(), Halts> {
        self.connection = Connection::new(self.options.clone(), incarnation, self.seed);
        (self.open, self.sequence, self.not_before) = (None, 0, Time::ZERO);
        Ok(())
    }

    fn change(&mut self, now: Time, change: &Change) -> bool {
        let Change::Every { span, .. } = change else { return false };
        self.pace.send_every(now, *span);
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let spec = self.pace.spec();
        let unsent = self.waiting.iter().map(|drafted| drafted.id);
        let waiting = self.open.iter().map(|open| open.message).chain(unsent);
        GuestView::Producer(ProducerView {
            node: self.node,
            name: spec.name.clone(),
            up: look.is_up(),
            to: self.to.to.name().clone(),
            or_to: Vec::new(),
            reads: None,
            publishes: matches!(self.to.to, DestinationName::Topic(_)),
            held_up: None,
            acks: None,
            sent: self.pace.sent() - self.waiting.len() as u64,
            planned: spec.messages,
            acknowledged: look.world.metrics().acknowledged_by(self.node),
            waiting: if look.is_up() { waiting.map(|id| look.mark(id)).collect() } else { Vec::new() },
        })
    }
}
