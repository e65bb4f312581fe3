//! What does a consumer of ActiveMQ do with what was pushed to it? It keeps messages until its program asks for them,
//! and what a transaction has received until that ends; what is rolled back it tries again itself.
//!
//! ```text
//!   pushed ──▶ prefetched ▸ m3 m4 ── receive ──▶ delivered ▸ m1 m2 ── commit ──▶ acknowledged
//!                    ▲                                        │
//!                    └──── after the wait, in their old order ┤ roll back
//!                                                             └──── too often: poison, to the DLQ
//! ```
//!
//! While it waits it gives nothing to its program: order is kept at the price of time. The broker sees none of it but
//! that messages were seen, which makes room in the window, and how they end.
//!
//! Sources: `ActiveMQMessageConsumer.java` (`rollback`, `dispatch`), `MessageAck.java`.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::RedeliveryPolicy;
use crate::rng::Rng;
use crate::time::{Span, Time};
use crate::vhost::Delivered;

/// A message in a consumer's hands.
///
/// ```
/// use mqlab_core::systems::activemq::{Broker, MessageConsumer, RedeliveryPolicy};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut broker, now) = (Broker::in_memory(), Time::ZERO);
/// broker.consume(now, "orders", "")?;
/// broker.send(now, "orders", Message::new("a book"))?;
/// let mut consumer = MessageConsumer::new(RedeliveryPolicy::default());
/// consumer.pushed(broker.host_mut().poll_delivery().ok_or("it was pushed")?);
/// let received = consumer.receive(now).ok_or("it is there")?;
/// assert_eq!((received.delivery_count(), received.is_redelivered()), (1, false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// What the broker pushed.
    pub delivered: Delivered,
    /// How often it was tried before, here or elsewhere (`redeliveryCounter`).
    pub redeliveries: u32,
}

impl Dispatched {
    /// The property `JMSXDeliveryCount`, from 1.
    pub fn delivery_count(&self) -> u32 {
        self.redeliveries.saturating_add(1)
    }

    /// The property `JMSRedelivered`.
    pub fn is_redelivered(&self) -> bool {
        self.redeliveries > 0
    }
}

/// What became of a transaction that was rolled back.
///
/// ```
/// use mqlab_core::systems::activemq::{MessageConsumer, RedeliveryPolicy, RolledBack};
/// use mqlab_core::rng::{Rng, Stream};
/// use mqlab_core::time::Time;
/// let mut consumer = MessageConsumer::new(RedeliveryPolicy::default());
/// let mut rng = Rng::new(1, Stream::Workload);
/// assert_eq!(consumer.roll_back(Time::ZERO, &mut rng), RolledBack::Nothing);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolledBack {
    /// It had received nothing.
    Nothing,
    /// Its messages come again from then on.
    Again(Time),
    /// They were tried too often: the broker is to be told so, with the cause (`dlqDeliveryFailureCause`).
    Poison(Vec<Dispatched>, String),
}

/// A transacted consumer.
///
/// ```
/// use mqlab_core::systems::activemq::{Broker, MessageConsumer, RedeliveryPolicy};
/// use mqlab_core::{message::Message, time::Time};
/// let (mut broker, now) = (Broker::in_memory(), Time::ZERO);
/// broker.consume(now, "orders", "")?;
/// broker.send(now, "orders", Message::new("a book"))?;
/// let mut consumer = MessageConsumer::new(RedeliveryPolicy::default());
/// consumer.pushed(broker.host_mut().poll_delivery().ok_or("it was pushed")?);
/// consumer.receive(now);
/// for done in consumer.commit() {
///     broker.host_mut().ack(now, done.delivered.handle)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MessageConsumer {
    policy: RedeliveryPolicy,
    prefetched: VecDeque<Dispatched>,
    /// Received in this transaction, in order.
    delivered: Vec<Dispatched>,
    /// The last wait.
    delay: Span,
    waits_until: Option<Time>,
}

impl MessageConsumer {
    /// A consumer that was pushed nothing yet.
    pub fn new(policy: RedeliveryPolicy) -> Self {
        let (prefetched, delivered) = Default::default();
        Self { policy, prefetched, delivered, delay: Span::ZERO, waits_until: None }
    }

    /// The broker pushed a message.
    pub fn pushed(&mut self, delivered: Delivered) {
        let redeliveries = delivered.count.saturating_sub(1);
        self.prefetched.push_back(Dispatched { delivered, redeliveries });
    }

    /// The next message for the program; `None` when there is none, or it waits. It is to be told to the broker as seen
    /// ([`seen`](crate::vhost::VirtualHost::seen)).
    pub fn receive(&mut self, now: Time) -> Option<Dispatched> {
        if self.waits_until.is_some_and(|until| now < until) {
            return None;
        }
        self.waits_until = None;
        let next = self.prefetched.pop_front()?;
        self.delivered.push(next.clone());
        Some(next)
    }

    /// Its program does not get the last message that it received.
    pub fn take_back(&mut self) -> Option<Dispatched> {
        self.delivered.pop()
    }

    /// When it has waited long enough.
    pub fn next_wakeup(&self) -> Option<Time> {
        self.waits_until
    }

    /// The transaction is done: what it received is to be acknowledged.
    pub fn commit(&mut self) -> Vec<Dispatched> {
        self.delay = Span::ZERO;
        core::mem::take(&mut self.delivered)
    }

    /// The connection is broken: what was pushed is void, and comes again. Returns what its program had not received, and what
    /// it had.
    pub fn interrupted(&mut self) -> (Vec<Dispatched>, Vec<Dispatched>) {
        (self.delay, self.waits_until) = (Span::ZERO, None);
        let prefetched = core::mem::take(&mut self.prefetched).into();
        (prefetched, core::mem::take(&mut self.delivered))
    }

    /// What it was pushed and its program has not received, in order.
    pub fn prefetched(&self) -> impl Iterator<Item = &Dispatched> {
        self.prefetched.iter()
    }

    /// What its program has received in this transaction, in order.
    pub fn delivered(&self) -> &[Dispatched] {
        &self.delivered
    }

    /// The transaction is undone: what it received comes again after a wait, or is poison. How often the last message was
    /// tried decides for all of them.
    pub fn roll_back(&mut self, now: Time, rng: &mut Rng) -> RolledBack {
        let Some(last) = self.delivered.last() else { return RolledBack::Nothing };
        let tried = last.redeliveries;
        self.delay = match tried {
            0 => self.policy.initial_redelivery_delay,
            _ => self.policy.next_delay(self.delay),
        };
        let mut back = core::mem::take(&mut self.delivered);
        for dispatched in &mut back {
            dispatched.redeliveries = dispatched.redeliveries.saturating_add(1);
        }
        if self.policy.is_poison(tried.saturating_add(1)) {
            let most = self.policy.maximum_redeliveries.unwrap_or_default();
            self.delay = Span::ZERO;
            return RolledBack::Poison(
                back,
                format!("Delivery[{}] exceeds redelivery policy limit:{most}", tried + 1),
            );
        }
        back.into_iter().rev().for_each(|dispatched| self.prefetched.push_front(dispatched));
        let until = now + self.policy.vary(self.delay, rng);
        self.waits_until = Some(until);
        RolledBack::Again(until)
    }
}
