//! What may a scenario say of a system? Which one plays, how its cluster is set, and where its clients send and read.

use serde::{Deserialize, Serialize};

use super::rabbitmq::{RabbitmqSource, RabbitmqSpec, RabbitmqTarget};
use super::rocketmq::{RocketmqSource, RocketmqSpec, RocketmqTarget};
use crate::ids::Name;
use crate::sim::{SourceSpec, TargetSpec};

/// The system that plays, and its cluster.
///
/// ```
/// use mqlab_core::sim::SystemSpec;
/// let system: SystemSpec = serde_json::from_str(r#"{ "rocketmq": { "topics": { "orders": 4 } } }"#)?;
/// assert!(matches!(system, SystemSpec::Rocketmq(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SystemSpec {
    /// RocketMQ.
    Rocketmq(RocketmqSpec),
    /// RabbitMQ.
    Rabbitmq(RabbitmqSpec),
}

/// Where a producer of a system sends, and how.
///
/// ```
/// use mqlab_core::sim::SystemTarget;
/// let to: SystemTarget = serde_json::from_str(r#"{ "rocketmq": { "topic": "orders" } }"#)?;
/// assert_eq!(to.name().as_str(), "orders");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SystemTarget {
    /// RocketMQ.
    Rocketmq(RocketmqTarget),
    /// RabbitMQ.
    Rabbitmq(RabbitmqTarget),
}

/// Where a consumer of a system reads, and how.
///
/// ```
/// use mqlab_core::sim::SystemSource;
/// let json = r#"{ "rocketmq": { "topic": "orders", "group": "payers" } }"#;
/// let from: SystemSource = serde_json::from_str(json)?;
/// assert_eq!(from.group().map(|group| group.as_str()), Some("payers"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SystemSource {
    /// RocketMQ.
    Rocketmq(RocketmqSource),
    /// RabbitMQ.
    Rabbitmq(RabbitmqSource),
}

impl SystemTarget {
    /// What it sends to, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(to) => to.topic.clone(),
            Self::Rabbitmq(to) => to.name(),
        }
    }
}

impl SystemSource {
    /// What it reads, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(from) => from.topic.clone(),
            Self::Rabbitmq(from) => from.queue.clone(),
        }
    }

    /// As whose work it counts: what is processed by one of a group is processed for the group.
    pub fn group(&self) -> Option<&Name> {
        match self {
            Self::Rocketmq(from) => Some(&from.group),
            Self::Rabbitmq(from) => from.reference.as_ref(),
        }
    }
}

impl TargetSpec {
    /// Where it sends in a system; nothing for what is the engine's own.
    pub fn system(&self) -> Option<&SystemTarget> {
        if let Self::System(to) = self { Some(to) } else { None }
    }
}

impl SourceSpec {
    /// Where it reads in a system; nothing for what is the engine's own.
    pub fn system(&self) -> Option<&SystemSource> {
        if let Self::System(from) = self { Some(from) } else { None }
    }
}
