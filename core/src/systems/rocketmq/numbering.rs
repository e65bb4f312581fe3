//! Which number has a queue in the facts of a run? Each broker counts its queues of a topic from 0; facts count through.
//!
//! ```text
//!   broker-a   orders  0 1 2 3        broker-b   orders  0 1 2 3
//!   facts      orders/ 0 1 2 3                   orders/ 4 5 6 7
//! ```
//!
//! So two queues are never taken for one by whoever observes a run. Nobody who is part of it knows these numbers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Topic;
use super::allocate::MessageQueue;
use crate::ids::{Name, PartitionId};
use crate::observe::Place;

/// The order of the brokers' names, and how many queues each has of a topic. Without any, each broker is the first.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::numbering::Numbering;
/// use mqlab_core::systems::rocketmq::Topic;
/// let (a, b, orders) = (Name::new("broker-a")?, Name::new("broker-b")?, Topic::new("orders")?);
/// let numbering = Numbering::new(vec![a, b.clone()], [(orders.clone(), 4)].into());
/// assert_eq!(numbering.partition(&b, &orders, 1).to_string(), "orders/5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    brokers: Vec<Name>,
    /// How many queues each broker has of a topic, and what facts call the topic.
    topics: BTreeMap<Topic, (u32, Name)>,
}

impl Numbering {
    /// That of brokers with these names, each with so many queues of a topic; one of any other.
    pub fn new(brokers: Vec<Name>, queues: BTreeMap<Topic, u32>) -> Self {
        let named = |(topic, queues): (Topic, u32)| {
            let name = topic.queue(0).topic;
            (topic, (queues, name))
        };
        Self { brokers, topics: queues.into_iter().map(named).collect() }
    }

    /// A broker's queue of a topic.
    pub fn partition(&self, broker: &Name, topic: &Topic, queue: u32) -> PartitionId {
        let rank = self.brokers.iter().position(|name| name == broker).unwrap_or(0) as u32;
        match self.topics.get(topic) {
            Some((each, name)) => {
                let index = rank.saturating_mul(*each).saturating_add(queue);
                PartitionId { topic: name.clone(), index }
            }
            None => topic.queue(rank.saturating_add(queue)),
        }
    }

    /// The same as a place.
    pub fn place(&self, broker: &Name, topic: &Topic, queue: u32) -> Place {
        Place::Partition(self.partition(broker, topic, queue))
    }

    /// A queue as clients name it.
    pub fn of(&self, queue: &MessageQueue) -> PartitionId {
        self.partition(&queue.broker, &queue.topic, queue.queue)
    }
}
