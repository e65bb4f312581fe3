//! How does a producer live in the lab? Its program hands messages over at a pace, and, where it sends half messages, does a
//! transaction of its own for each.
//!
//! ```text
//!   pace ─▶ message ─▶ client ─▶ Send ──▶ broker              half ─▶ stored ─▶ own transaction ─▶ EndTransaction
//!            at most so many on their way                                          database ◀── CheckTransaction
//! ```

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::{Drafted, Guest, GuestMessage, GuestOut, GuestView, Halts, Look, Pace, Run};
use super::chart::{Chart, topic};
use super::spec::{RocketmqSend, RocketmqTarget};
use super::talk::{heard, say};
use super::{NUMBERS_OF_A_LIFE, in_turn};
use crate::ids::{MessageId, NodeId};
use crate::message::Value;
use crate::observe::{Change, Event, QueueEvent, SendStatus};
use crate::sim::own_transaction::{Next, Orders};
use crate::sim::picture::ProducerView;
use crate::sim::scenario::ProducerSpec;
use crate::systems::rocketmq::Properties;
use crate::systems::rocketmq::layout::StoredMessage;
use crate::systems::rocketmq::producer::{How, Outcome, Producer};
use crate::systems::rocketmq::properties::key;
use crate::systems::rocketmq::protocol::{Message, Notice, TransactionState};
use crate::systems::{Input, Out};
use crate::time::{Span, Time};
use crate::vhost::Decision;

/// A producer and its program.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    node: NodeId,
    chart: Arc<Chart>,
    to: RocketmqTarget,
    pace: Pace,
    process: Producer,
    /// The program's own transactions.
    orders: Option<Orders>,
    /// Before this it is not there.
    starts: Time,
}

impl Shop {
    pub(super) fn new(
        number: u16,
        (spec, to): (&ProducerSpec, &RocketmqTarget),
        chart: Arc<Chart>,
        seed: u64,
    ) -> Self {
        let pace = Pace::new(spec, number, seed);
        let orders = spec.transaction.map(|transaction| Orders::new(transaction, seed));
        let starts = chart.clients_start();
        let process = Producer::new(starts, chart.producer(to));
        Self { node: NodeId::Producer(number), to: to.clone(), chart, pace, process, orders, starts }
    }

    /// A message as its scenario says.
    fn message(&self, drafted: &Drafted) -> StoredMessage {
        let turn = self.pace.sent() - 1;
        let mut message = StoredMessage::new(topic(&self.to.topic), 0, drafted.message.body().clone());
        let mut properties = Properties::default();
        for (name, value) in drafted.message.headers().iter() {
            // What a property cannot be was refused with the scenario.
            _ = properties.set(name, &text(value));
        }
        if let Some(letter) = drafted.key {
            _ = properties.set(key::KEYS, letter.encode_utf8(&mut [0; 4]));
        }
        if let Some(tag) = in_turn(&self.to.tags, turn).filter(|tag| !tag.is_empty()) {
            _ = properties.set(key::TAGS, tag);
        }
        if let Some(level) = in_turn(&self.to.levels, turn).filter(|level| **level > 0) {
            _ = properties.set(key::DELAY, &format!("{level}"));
        }
        message.properties = properties;
        message
    }

    fn has_room(&self) -> bool {
        let most = self.to.in_flight as usize;
        most == 0 || self.process.open() < most
    }

    /// Hands over what is due.
    fn send(&mut self, now: Time, run: &mut Run<'_>, own: &mut Out<Message>) {
        while self.has_room()
            && let Some(drafted) = self.pace.due(now, run)
        {
            let message = self.message(&drafted);
            if message.properties.get(key::DELAY).is_some() {
                run.is_unordered(drafted.id);
            }
            let how = match (self.to.send, drafted.key) {
                _ if self.orders.is_some() => How::HalfFirst,
                (RocketmqSend::ByKey, Some(letter)) => How::InOrder(String::from(letter)),
                _ => How::Anywhere,
            };
            if let Some(orders) = &mut self.orders {
                run.is_in_transaction(drafted.id, self.node);
                orders.begin(now, drafted.id, drafted.record());
            }
            self.process.send(now, drafted.id, message, how, own);
        }
    }

    /// Goes on with the program's own transactions.
    fn go_on(&mut self, now: Time, own: &mut Out<Message>) {
        for (id, outcome) in self.process.take_outcomes() {
            match (outcome, &mut self.orders) {
                (Outcome::HalfStored(SendStatus::SendOk), Some(orders)) => orders.stored(now, id),
                // The client does not let the program begin: it takes the half message back.
                (Outcome::HalfStored(_), Some(orders)) => {
                    orders.forget(id);
                    self.process.end(id, TransactionState::Rollback, own);
                }
                (Outcome::Failed, Some(orders)) => orders.forget(id),
                _ => {}
            }
        }
        while let Some(next) = self.orders.as_mut().and_then(|orders| orders.next(now)) {
            match next {
                Next::Ended { message, committed } => {
                    own.events.push(Event::Queue(QueueEvent::OwnTransaction { message, committed }));
                }
                Next::Decide { message, committed } => {
                    let state = if committed { TransactionState::Commit } else { TransactionState::Rollback };
                    self.process.end(message, state, own);
                }
                Next::Send { .. } => {} // half messages are sent first
            }
        }
    }

    /// A broker asks what became of a half message: the program's database knows.
    fn is_asked(&mut self, id: MessageId) {
        let Some(orders) = &self.orders else { return };
        let state = match orders.what_became_of(id) {
            Decision::Commit => TransactionState::Commit,
            Decision::Rollback => TransactionState::Rollback,
            Decision::Unknown => TransactionState::Unknown,
        };
        self.process.decide(id, state);
    }
}

/// A value as a property: its text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(is) => format!("{is}"),
        Value::Int(number) => format!("{number}"),
        Value::Double(number) => format!("{number}"),
        Value::Text(text) => String::from(&**text),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

impl Guest for Shop {
    fn boxed(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }

    fn handle(&mut self, now: Time, input: Input<GuestMessage>, run: &mut Run<'_>, out: &mut GuestOut) {
        let Some(input) = heard(input).filter(|_| now >= self.starts) else { return };
        if let Input::Message { message: Message::Notice(Notice::CheckTransaction { half }), .. } = &input
            && let Some(id) = half.properties.message_id()
        {
            self.is_asked(id);
        }
        let mut own = Out::default();
        self.process.handle(now, input, &mut own);
        self.go_on(now, &mut own);
        self.send(now, run, &mut own);
        say(&self.chart, self.node, own, out);
    }

    fn next_wakeup(&self) -> Option<Time> {
        let due = self.pace.next_at().filter(|_| self.has_room());
        let orders = self.orders.as_ref().and_then(Orders::next_wakeup);
        let wanted = [self.process.next_wakeup(), due, orders];
        wanted.into_iter().flatten().min().map(|at| at.max(self.starts))
    }

    fn stop(&mut self) -> Vec<Event> {
        Vec::new()
    }

    fn start(&mut self, now: Time, incarnation: u64) -> Result<(), Halts> {
        let mut settings = self.chart.producer(&self.to);
        settings.numbers_behind = incarnation * NUMBERS_OF_A_LIFE;
        self.process = Producer::new(now, settings);
        self.starts = now;
        if let Some(orders) = &mut self.orders {
            orders.restart(now);
        }
        Ok(())
    }

    fn change(&mut self, now: Time, change: &Change) -> bool {
        let Change::Every { span, .. } = change else { return false };
        self.pace.send_every(now, Span(span.0));
        true
    }

    fn view(&self, look: &Look<'_>) -> GuestView {
        let waiting = self.process.in_hand().filter(|_| look.is_up());
        GuestView::Producer(ProducerView {
            node: self.node,
            name: self.pace.spec().name.clone(),
            up: look.is_up(),
            to: self.to.topic.clone(),
            or_to: Vec::new(),
            reads: None,
            publishes: false,
            held_up: None,
            acks: None,
            sent: self.pace.sent(),
            planned: self.pace.spec().messages,
            acknowledged: look.world.metrics().acknowledged_by(self.node),
            waiting: waiting.map(|id| look.mark(id)).collect(),
        })
    }
}
