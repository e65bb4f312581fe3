//! Which queues does a consumer of a group read? Each computes it alone, and all come to the same: no coordinator says it.
//!
//! ```text
//!   10 queues, 4 consumers     averagely   0 1 2 │ 3 4 5 │ 6 7 │ 8 9          pages, the first ones one longer
//!                              circle      0 4 8 │ 1 5 9 │ 2 6 │ 3 7          dealt like cards
//!                              consistent  each queue to the next consumer on a ring of hashes, where each has ten places
//! ```
//!
//! What all must see alike is the list of queues and the list of clients, both in order. While they see different lists, two
//! may read one queue, or nobody does: the queue's messages come twice, or later.
//!
//! With averagely and circle a new consumer moves many queues; on the ring only those that it takes over.
//!
//! Sources: `AllocateMessageQueueAveragely.java`, `...AveragelyByCircle.java`, `...ConsistentHash.java`,
//! `ConsistentHashRouter.java`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::topic::Topic;
use crate::ids::Name;

/// How many places each client has on the ring (`virtualNodeCnt`).
pub const VIRTUAL_NODES: u32 = 10;

/// One queue of a topic at one broker.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::systems::rocketmq::allocate::MessageQueue;
/// use mqlab_core::systems::rocketmq::Topic;
/// let queue = MessageQueue { topic: Topic::new("TopicA")?, broker: Name::new("broker-a")?, queue: 3 };
/// assert_eq!(queue.to_string(), "MessageQueue [topic=TopicA, brokerName=broker-a, queueId=3]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageQueue {
    /// The topic.
    pub topic: Topic,
    /// The name that master and slaves of a broker share.
    pub broker: Name,
    /// The number of the queue there.
    pub queue: u32,
}

impl fmt::Display for MessageQueue {
    /// As Java writes it: consistent hashing hashes this text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, broker, queue } = self;
        write!(f, "MessageQueue [topic={topic}, brokerName={broker}, queueId={queue}]")
    }
}

/// By which rule queues are dealt.
///
/// ```
/// use mqlab_core::systems::rocketmq::allocate::Strategy;
/// let queues = [0, 1, 2, 3, 4, 5, 6, 7];
/// let clients = ["a".into(), "b".into(), "c".into()];
/// assert_eq!(Strategy::Averagely.allocate(&queues, &clients, "c"), [6, 7]);
/// assert_eq!(Strategy::Circle.allocate(&queues, &clients, "c"), [2, 5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Each a page of the list.
    #[default]
    Averagely,
    /// One each, again and again.
    Circle,
    /// By a ring of hashes.
    ConsistentHash,
}

impl Strategy {
    /// What the client `me` reads of `queues`, both lists in order; nothing when it is not among the clients.
    pub fn allocate<Q: Clone + fmt::Display>(self, queues: &[Q], clients: &[String], me: &str) -> Vec<Q> {
        let Some(index) = clients.iter().position(|client| client == me) else { return Vec::new() };
        match self {
            Self::Averagely => {
                let (rest, each) = (queues.len() % clients.len(), queues.len() / clients.len());
                let start = index * each + index.min(rest);
                queues[start..][..each + usize::from(index < rest)].to_vec()
            }
            Self::Circle => queues.iter().skip(index).step_by(clients.len()).cloned().collect(),
            Self::ConsistentHash => {
                let ring = ring(clients);
                let is_mine = |queue: &&Q| next_on(&ring, &alloc::format!("{queue}")) == Some(me);
                queues.iter().filter(is_mine).cloned().collect()
            }
        }
    }
}

/// Each client at ten places.
fn ring(clients: &[String]) -> BTreeMap<u32, &str> {
    let places = clients.iter().flat_map(|client| {
        (0..VIRTUAL_NODES).map(move |node| (place(&alloc::format!("{client}-{node}")), client.as_str()))
    });
    places.collect()
}

/// Who stands next on the ring, from the place of this text on.
fn next_on<'a>(ring: &BTreeMap<u32, &'a str>, text: &str) -> Option<&'a str> {
    ring.range(place(text)..).chain(ring).next().map(|(_, client)| *client)
}

/// The place of a text on the ring: the first four bytes of its MD5 digest.
fn place(text: &str) -> u32 {
    let digest = Md5::digest(text.as_bytes());
    digest.iter().take(4).fold(0, |place, byte| place << 8 | u32::from(*byte))
}
