//! What is a session of a consumer? One thread of its program, with a consumer of its own at the broker: it works on one
//! message at a time.

use alloc::string::String;
use alloc::vec::Vec;

use super::spec::{ActivemqReads, ActivemqSource};
use crate::ids::{Name, Offset};
use crate::queue::{AckMode, ConsumerId, ConsumerOptions};
use crate::rng::Rng;
use crate::sim::ConsumerSpec;
use crate::systems::activemq::protocol::{AckType, ConsumerInfo, Dispatch, Reads};
use crate::systems::activemq::{Dispatched, MessageConsumer, RolledBack, prefetch_flow};
use crate::time::Time;
use crate::vhost::{ChannelId, Delivered, Handle};

/// What hands work on.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Whose it is.
    pub(super) session: usize,
    /// On which of the session's connections it came.
    pub(super) life: u32,
    pub(super) dispatched: Dispatched,
}

/// An acknowledgement.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) consumer: u32,
    pub(super) kind: AckType,
    pub(super) deliveries: Vec<u64>,
    pub(super) cause: Option<String>,
}

/// A session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Its consumer's number.
    pub(super) number: u32,
    /// How often its connection broke.
    pub(super) life: u32,
    consumer: MessageConsumer,
    /// Whether its thread is busy.
    pub(super) working: bool,
    /// Whether it asked for a message, where it is ahead by none.
    pub(super) asked: bool,
    pulls: bool,
    prefetch: u32,
    /// How many of those that its program has the broker knows as seen.
    seen: usize,
}

impl Session {
    /// Those of a new process: one for each worker.
    pub(super) fn all(spec: &ConsumerSpec, source: &ActivemqSource) -> Vec<Self> {
        let numbers = 1..=u32::from(spec.program.workers.max(1));
        let prefetch = source.ahead();
        let session = |number| Self {
            number,
            life: 0,
            consumer: MessageConsumer::new(source.redelivery.of_client()),
            working: false,
            asked: false,
            pulls: prefetch == 0,
            prefetch,
            seen: 0,
        };
        numbers.map(session).collect()
    }

    /// How it describes its consumer to a broker.
    pub(super) fn info(&self, spec: &ConsumerSpec, source: &ActivemqSource) -> ConsumerInfo {
        let reads = match &source.from {
            ActivemqReads::Queue(queue) => Reads::Queue(queue.clone()),
            ActivemqReads::Topic(pattern) => {
                let client = Name::new(&spec.name).ok();
                let durable = client.zip(source.durable.clone());
                Reads::Topics { pattern: pattern.clone(), durable }
            }
        };
        let options = ConsumerOptions {
            flow: prefetch_flow(self.prefetch),
            ack: AckMode::Explicit,
            priority: source.priority.into(),
            exclusive: source.exclusive,
            selector: source.selector.clone(),
        };
        ConsumerInfo { number: self.number, reads, options, pulls: self.pulls }
    }

    pub(super) fn pushed(&mut self, dispatch: Dispatch) {
        let Dispatch { consumer, delivery, queue, count, message } = dispatch;
        self.asked = false;
        self.consumer.pushed(Delivered {
            handle: Handle { channel: ChannelId::default(), tag: delivery },
            queue,
            consumer: ConsumerId(consumer.into()),
            offset: Offset::ZERO,
            count,
            message,
        });
    }

    /// Its consumer, if it is to ask for a message now.
    pub(super) fn pulls(&mut self) -> Option<u32> {
        let idle = !self.working && self.consumer.prefetched().next().is_none();
        let asks = self.pulls && idle && !self.asked;
        self.asked |= asks;
        asks.then_some(self.number)
    }

    /// The next message for its thread, if that is idle.
    pub(super) fn receive(&mut self, now: Time) -> Option<Dispatched> {
        if self.working {
            return None;
        }
        let received = self.consumer.receive(now)?;
        self.working = true;
        Some(received)
    }

    /// Takes back what it received: its time is over.
    pub(super) fn expired(&mut self) -> Option<Told> {
        self.working = false;
        let expired = self.consumer.take_back()?;
        let deliveries = [expired.delivered.handle.tag].into();
        Some(Told { consumer: self.number, kind: AckType::Expired, deliveries, cause: None })
    }

    /// Whether it is the client that tries this again, not the broker.
    pub(super) fn tries_again(&self, dispatched: &Dispatched) -> bool {
        dispatched.delivery_count() > dispatched.delivered.count
    }

    /// How many messages its program has received and not acknowledged.
    pub(super) fn has_received(&self) -> usize {
        self.consumer.delivered().len()
    }

    /// Whether there is more that it could receive now.
    pub(super) fn has_more(&self, now: Time) -> bool {
        let waits = self.consumer.next_wakeup().is_some_and(|until| now < until);
        self.consumer.prefetched().next().is_some() && !waits
    }

    /// All that it has received is done.
    pub(super) fn all_done(&mut self) -> Told {
        self.seen = 0;
        let deliveries = self.consumer.commit().into_iter().map(|done| done.delivered.handle.tag).collect();
        Told { consumer: self.number, kind: AckType::Standard, deliveries, cause: None }
    }

    /// What the broker is to know as seen, when that is half of what it may be ahead by.
    pub(super) fn seen(&mut self) -> Option<Told> {
        let all = self.consumer.delivered();
        let unsaid = all.get(self.seen..).unwrap_or_default();
        if self.prefetch == 0 || unsaid.len() * 2 < self.prefetch as usize {
            return None;
        }
        let deliveries = unsaid.iter().map(|one| one.delivered.handle.tag).collect();
        self.seen = all.len();
        Some(Told { consumer: self.number, kind: AckType::Delivered, deliveries, cause: None })
    }

    pub(super) fn roll_back(&mut self, now: Time, rng: &mut Rng) -> RolledBack {
        self.seen = 0;
        self.consumer.roll_back(now, rng)
    }

    /// The deliveries that were rolled back.
    pub(super) fn to_be_tried(&self) -> Vec<u64> {
        let tried = self.consumer.prefetched().take_while(|one| self.tries_again(one));
        tried.map(|one| one.delivered.handle.tag).collect()
    }

    /// Its connection broke. Returns what its program had not received, and what it had.
    pub(super) fn interrupted(&mut self) -> (Vec<Dispatched>, Vec<Dispatched>) {
        self.life += 1;
        (self.seen, self.asked) = (0, false);
        self.consumer.interrupted()
    }

    pub(super) fn prefetched(&self) -> impl Iterator<Item = &Dispatched> {
        self.consumer.prefetched()
    }

    /// How many messages it has.
    pub(super) fn holds(&self) -> usize {
        self.consumer.prefetched().count() + self.has_received()
    }

    /// When it tries again, if its thread is idle.
    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.consumer.next_wakeup().filter(|_| !self.working)
    }
}
