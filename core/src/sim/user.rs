//! Who asks? A crowd that comes at a pace, whether or not it is served.
//!
//! That arrivals do not wait for answers (an *open loop*) matters: a load generator that waits for each answer before
//! it asks again goes easy on a slow system, and never sees a queue grow. A crowd at a sale does not go easy.

use super::picture::UserView;
use super::service_spec::UserSpec;
use crate::broker::{Input, Message, Out};
use crate::client::Caller;
use crate::ids::{NodeId, OrderId};
use crate::observe::{Answer, Event, OrderEvent};
use crate::record::Order;
use crate::time::{Span, Time};
use alloc::collections::BTreeMap;

/// A crowd of users.
#[derive(Clone, Debug)]
pub(crate) struct User {
    me: NodeId,
    spec: UserSpec,
    service: NodeId,
    caller: Caller,
    asked: u64,
    next_at: Time,
    /// When what was asked for, as long as somebody may still be let know of it.
    orders: BTreeMap<OrderId, Time>,
    accepted: u64,
    done: u64,
    errors: u64,
    notified: u64,
}

impl User {
    pub(super) fn new(me: NodeId, spec: &UserSpec, service: NodeId) -> Self {
        let next_at = Time(spec.starts_at) + Span(spec.every);
        let (caller, orders) = Default::default();
        let (asked, accepted, done, errors, notified) = (0, 0, 0, 0, 0);
        Self {
            me,
            spec: spec.clone(),
            service,
            caller,
            asked,
            next_at,
            orders,
            accepted,
            done,
            errors,
            notified,
        }
    }

    /// Takes what reaches the crowd, and asks for what is due; `number` counts the orders of the run.
    pub(super) fn handle(&mut self, now: Time, input: &Input, number: &mut u64, out: &mut Out) {
        if let Input::Message { message: Message::Notice { order, done }, .. } = input
            && let Some(asked) = self.orders.remove(order)
        {
            self.notified += 1;
            let after = now.since(asked);
            out.event(Event::Order(OrderEvent::Notified { order: *order, done: *done, after }));
        }
        self.caller.handle(now, input);
        while let Some(over) = self.caller.next_over() {
            let counted = match over.answer {
                Answer::Done => &mut self.done,
                Answer::Accepted => &mut self.accepted,
                _ => &mut self.errors,
            };
            *counted += 1;
            let (order, answer, waited) = (over.order, over.answer, over.waited);
            out.event(Event::Order(OrderEvent::Answered { order, answer, waited }));
        }
        if self.next_at().is_some_and(|at| at <= now) {
            *number += 1;
            let order = Order { id: OrderId(*number), user: self.me };
            self.asked += 1;
            self.next_at = now + Span(self.spec.every);
            self.orders.insert(order.id, now);
            out.event(Event::Order(OrderEvent::Asked { order: order.id, of: self.service }));
            self.caller.call(now, self.service, order, self.spec.timeout, out);
        }
    }

    /// Asks so often from now on: the next time comes no later than it would if the last were just now.
    pub(super) fn ask_every(&mut self, now: Time, every: Span) {
        self.spec.every = every.0;
        self.next_at = self.next_at.min(now.max(Time(self.spec.starts_at)) + every);
    }

    fn next_at(&self) -> Option<Time> {
        (self.asked < self.spec.requests).then_some(self.next_at)
    }

    /// When the crowd wants to be woken.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.next_at().into_iter().chain(self.caller.next_wakeup()).min()
    }

    /// What it looks like.
    pub(super) fn view(&self) -> UserView {
        UserView {
            node: self.me,
            name: self.spec.name.clone(),
            calls: self.service,
            asked: self.asked,
            planned: self.spec.requests,
            waiting: self.caller.open() as u64,
            done: self.done,
            accepted: self.accepted,
            errors: self.errors,
            notified: self.notified,
        }
    }
}
