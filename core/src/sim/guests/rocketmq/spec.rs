//! What may a scenario say of RocketMQ?

use serde::{Deserialize, Serialize};

use crate::ids::Name;
use alloc::collections::BTreeMap;

/// A cluster of RocketMQ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqSpec {
    /// How many name servers there are.
    #[serde(default = "one")]
    pub name_servers: u16,
    /// The topics, and how many queues each has on each master.
    pub topics: BTreeMap<Name, u32>,
}

const fn one() -> u16 {
    1
}

/// Where a producer sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqTarget {
    /// The topic.
    pub topic: Name,
}

/// Where a consumer reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RocketmqSource {
    /// The topic.
    pub topic: Name,
    /// The group.
    pub group: Name,
}
