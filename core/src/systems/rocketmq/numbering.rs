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
    queues: BTreeMap<Topic, u32>,
}

impl Numbering {
    /// That of brokers with these names, each with so many queues of a topic; one of any other.
    pub fn new(brokers: Vec<Name>, queues: BTreeMap<Topic, u32>) -> Self {
        Self { brokers, queues }
    }

    /// A broker's queue of a topic.
    pub fn partition(&self, broker: &Name, topic: &Topic, queue: u32) -> PartitionId {
        let rank = self.brokers.iter().position(|name| name == broker).unwrap_or(0) as u32;
        let each = self.queues.get(topic).copied().unwrap_or(1);
        topic.queue(rank.saturating_mul(each).saturating_add(queue))
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
