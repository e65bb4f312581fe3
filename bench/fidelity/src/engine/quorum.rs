//! A quorum queue of one member, and what its channels hold of it.
//!
//! In RabbitMQ the channel stands between a client and the queue's leader; here the script's channels are the queue's
//! clients. Numbers of deliveries that a client sees are the channel's, so they are kept there.

use std::collections::BTreeMap;

use mqlab_core::ids::{Name, NodeId, Offset};
use mqlab_core::log::memory::MemoryStorage;
use mqlab_core::message::{Death, Message};
use mqlab_core::queue::DeadLetter;
use mqlab_core::rng::{Rng, Stream};
use mqlab_core::systems::rabbitmq::{
    Counting, DeadLetters, FifoOptions, QuorumConfig, QuorumMessage, QuorumQueue,
};
use mqlab_core::systems::{Input, Out};
use mqlab_core::time::Time;

use crate::broker::Result;

/// Who publishes.
const PUBLISHER: NodeId = NodeId::Producer(1);

/// A delivery on its way to a channel.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    /// The client's number of the consumer; none that it knows if it was asked for.
    pub(super) tag: u32,
    pub(super) key: Offset,
    pub(super) number: u64,
    pub(super) acquired: u32,
    pub(super) failed: u32,
    pub(super) message: Message,
}

/// A queue alone.
pub(super) struct Quorum {
    queue: QuorumQueue<MemoryStorage>,
    dead_letter: Option<DeadLetter>,
    sequence: u64,
    asked: u32,
    /// What was answered to publishers: number, and whether it was stored.
    confirmed: BTreeMap<u64, bool>,
    /// What goes to channels, in order.
    deliveries: Vec<(NodeId, Delivery)>,
}

impl Quorum {
    /// A queue as RabbitMQ 3.10 has it: whatever comes back counts, and there is a limit only where one is named.
    pub(super) fn open(
        now: Time,
        name: &str,
        (options, named_limit): (FifoOptions, bool),
        dead_letter: Option<DeadLetter>,
    ) -> Result<Self> {
        let me = NodeId::Broker(1);
        let delivery_limit = options.delivery_limit.filter(|_| named_limit);
        let dead_letters = match dead_letter {
            Some(_) => options.dead_letters,
            None => DeadLetters::Dropped,
        };
        let options = FifoOptions { delivery_limit, counting: Counting::Returns, dead_letters, ..options };
        let config = QuorumConfig { options, ..QuorumConfig::new(Name::new(name)?, me, vec![me]) };
        let queue = QuorumQueue::open(MemoryStorage::default(), config, Rng::new(1, Stream::Elections), now)?;
        let (confirmed, deliveries) = Default::default();
        let mut opened = Self { queue, dead_letter, sequence: 0, asked: 0, confirmed, deliveries };
        opened.tell(now, Input::Wake)?;
        Ok(opened)
    }

    fn tell(&mut self, now: Time, input: Input<QuorumMessage>) -> Result<()> {
        let mut out = Out::default();
        self.queue.handle(now, input, &mut out);
        self.queue.settle(now, &mut out)?;
        // What was written by being settled is done by the next one.
        self.queue.settle(now, &mut out)?;
        for (to, message) in out.sends {
            match message {
                QuorumMessage::Confirmed { sequence } => drop(self.confirmed.insert(sequence, true)),
                QuorumMessage::Refused { sequence, .. } => drop(self.confirmed.insert(sequence, false)),
                QuorumMessage::Delivery { tag, key, number, acquired, failed, message } => {
                    self.deliveries.push((to, Delivery { tag, key, number, acquired, failed, message }));
                }
                QuorumMessage::NotLeader { .. } => return Err("the queue has no leader".into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn ask(&mut self, now: Time, from: NodeId, message: QuorumMessage) -> Result<()> {
        self.tell(now, Input::Message { from, message })
    }

    /// Publishes a message; says whether it was stored.
    pub(super) fn publish(&mut self, now: Time, message: Message) -> Result<bool> {
        self.sequence += 1;
        let sequence = self.sequence;
        self.ask(now, PUBLISHER, QuorumMessage::Publish { sequence, message })?;
        match self.confirmed.remove(&sequence) {
            // A number that was refused is not used up.
            Some(false) => {
                self.sequence -= 1;
                Ok(false)
            }
            Some(true) => Ok(true),
            None => Err("the queue does not answer its publisher".into()),
        }
    }

    pub(super) fn consume(
        &mut self,
        now: Time,
        client: NodeId,
        tag: u32,
        (prefetch, priority): (u32, i32),
    ) -> Result<()> {
        self.ask(now, client, QuorumMessage::Consume { tag, prefetch, priority, next: 0 })
    }

    pub(super) fn cancel(&mut self, now: Time, client: NodeId, tag: u32) -> Result<()> {
        self.ask(now, client, QuorumMessage::Cancel { tag })
    }

    /// Asks for one message.
    pub(super) fn get(&mut self, now: Time, client: NodeId) -> Result<Option<Delivery>> {
        self.asked += 1;
        let tag = u32::MAX - self.asked;
        self.ask(now, client, QuorumMessage::Get { tag })?;
        let at = self.deliveries.iter().position(|(_, delivery)| delivery.tag == tag);
        Ok(at.map(|at| self.deliveries.remove(at).1))
    }

    pub(super) fn settle(
        &mut self,
        now: Time,
        client: NodeId,
        key: Offset,
        deliveries: Vec<u64>,
    ) -> Result<()> {
        self.ask(now, client, QuorumMessage::Settle { key, deliveries })
    }

    /// Gives deliveries back (`requeue`), or refuses them for good.
    pub(super) fn refuse(
        &mut self,
        now: Time,
        client: NodeId,
        (key, deliveries): (Offset, Vec<u64>),
        requeue: bool,
    ) -> Result<()> {
        let message = match requeue {
            true => QuorumMessage::Return { key, deliveries, failed: true },
            false => QuorumMessage::Discard { key, deliveries },
        };
        self.ask(now, client, message)
    }

    /// A channel is closed.
    pub(super) fn hang_up(&mut self, now: Time, peer: NodeId) -> Result<()> {
        self.tell(now, Input::HangUp { peer })
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        self.queue.next_wakeup()
    }

    pub(super) fn wake(&mut self, now: Time) -> Result<()> {
        self.tell(now, Input::Wake)
    }

    pub(super) fn ready(&self) -> u64 {
        self.queue.state().ready()
    }

    pub(super) fn take_deliveries(&mut self) -> Vec<(NodeId, Delivery)> {
        std::mem::take(&mut self.deliveries)
    }

    /// The next dead letter: to which exchange and key it goes, and what.
    pub(super) fn next_dead(&mut self, now: Time, name: &str) -> Result<Option<(String, String, Message)>> {
        let Some(dead) = self.queue.poll_departure() else { return Ok(None) };
        let Some(letter) = &self.dead_letter else { return Ok(None) };
        let own_key = dead.message.routing_key().unwrap_or(name).to_owned();
        let death = Death {
            queue: Name::new(name)?,
            reason: dead.reason,
            count: 1,
            exchange: dead.message.exchange().into(),
            routing_key: own_key.as_str().into(),
            original_ttl: None,
            time: Some(now),
        };
        let key = letter.routing_key.clone().unwrap_or(own_key);
        Ok(Some((letter.exchange.clone(), key, dead.message.after_death(death).with_death_headers())))
    }
}
