//! How does a consumer get its messages? It pulls queues that are its own, or pops from those that others read, too.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::chart::Chart;
use super::spec::RocketmqSource;
use crate::ids::{MessageId, NodeId};
use crate::sim::scenario::ConsumerSpec;
use crate::systems::rocketmq::allocate::MessageQueue;
use crate::systems::rocketmq::consumer::{Consumed, Consumer, Work};
use crate::systems::rocketmq::popper::Popper;
use crate::systems::rocketmq::protocol::Message;
use crate::systems::{Input, Out};
use crate::time::Time;

/// A consumer's client.
#[derive(Clone, Debug)]
pub(super) enum Client {
    Pulls(Box<Consumer>),
    Pops(Box<Popper>),
}

impl Client {
    /// That of a new process, whose requests are numbered from behind `numbers`; `before` was there before it.
    pub(super) fn new(
        now: Time,
        node: NodeId,
        (spec, from): (&ConsumerSpec, &RocketmqSource),
        (chart, numbers): (&Chart, u64),
        before: Option<&Self>,
    ) -> Self {
        let mut settings = chart.consumer(spec, from);
        settings.numbers_behind = numbers;
        if let Some(invisible) = from.pop_invisible {
            return Self::Pops(Box::new(Popper::new(now, settings, invisible)));
        }
        // Where each gets all, how far it is stands in a file of its own.
        let local = match before {
            Some(Self::Pulls(consumer)) => consumer.local_offsets().clone(),
            _ => Default::default(),
        };
        Self::Pulls(Box::new(Consumer::resuming(now, node, settings, local)))
    }

    pub(super) fn handle(&mut self, now: Time, input: Input<Message>, out: &mut Out<Message>) {
        match self {
            Self::Pulls(consumer) => consumer.handle(now, input, out),
            Self::Pops(popper) => popper.handle(now, input, out),
        }
    }

    pub(super) fn take_work(&mut self) -> Vec<Work> {
        match self {
            Self::Pulls(consumer) => consumer.take_work(),
            Self::Pops(popper) => popper.take_work(),
        }
    }

    pub(super) fn finish(&mut self, now: Time, number: u64, how: Consumed, out: &mut Out<Message>) {
        match self {
            Self::Pulls(consumer) => consumer.finish(now, number, how, out),
            Self::Pops(popper) => popper.finish(now, number, how, out),
        }
    }

    pub(super) fn next_wakeup(&self) -> Option<Time> {
        match self {
            Self::Pulls(consumer) => consumer.next_wakeup(),
            Self::Pops(popper) => popper.next_wakeup(),
        }
    }

    /// The queues that are dealt to it.
    pub(super) fn queues(&self) -> Vec<&MessageQueue> {
        match self {
            Self::Pulls(consumer) => consumer.queues().collect(),
            Self::Pops(_) => Vec::new(),
        }
    }

    /// The messages that it has.
    pub(super) fn in_hand(&self) -> Vec<MessageId> {
        match self {
            Self::Pulls(consumer) => consumer.in_hand().collect(),
            Self::Pops(popper) => popper.in_hand().collect(),
        }
    }
}
