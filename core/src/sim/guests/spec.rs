//! What may a scenario say of a system? Which one plays, how its cluster is set, and where its clients send and read.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::activemq::{ActivemqSource, ActivemqSpec, ActivemqTarget};
use super::pulsar::{PulsarSource, PulsarSpec, PulsarTarget};
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
    /// Pulsar.
    Pulsar(PulsarSpec),
    /// ActiveMQ.
    Activemq(ActivemqSpec),
    /// RabbitMQ.
    Rabbitmq(RabbitmqSpec),
}

/// One of the five systems.
///
/// ```
/// use mqlab_core::sim::{Scenario, SystemName};
/// let scenario = Scenario::built_in("rocketmq-retry").ok_or("no such scenario")?;
/// assert_eq!(scenario.system.map(|system| system.system()), Some(SystemName::RocketMq));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemName {
    /// ActiveMQ.
    ActiveMq,
    /// RabbitMQ.
    RabbitMq,
    /// RocketMQ.
    RocketMq,
    /// Kafka.
    Kafka,
    /// Pulsar.
    Pulsar,
}

impl SystemName {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::ActiveMq, Self::RabbitMq, Self::RocketMq, Self::Kafka, Self::Pulsar];

    /// Its name in lower case, as scenarios and the catalogue of costs have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActiveMq => "activemq",
            Self::RabbitMq => "rabbitmq",
            Self::RocketMq => "rocketmq",
            Self::Kafka => "kafka",
            Self::Pulsar => "pulsar",
        }
    }

    /// Its name as it writes itself.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ActiveMq => "ActiveMQ",
            Self::RabbitMq => "RabbitMQ",
            Self::RocketMq => "RocketMQ",
            Self::Kafka => "Kafka",
            Self::Pulsar => "Pulsar",
        }
    }
}

impl SystemSpec {
    /// Which system it is.
    pub const fn system(&self) -> SystemName {
        match self {
            Self::Rocketmq(_) => SystemName::RocketMq,
            Self::Pulsar(_) => SystemName::Pulsar,
            Self::Activemq(_) => SystemName::ActiveMq,
            Self::Rabbitmq(_) => SystemName::RabbitMq,
        }
    }

    /// The topics that have a copy beside them of which only the last message of each key stays.
    pub(in crate::sim) fn tables(&self) -> Vec<Name> {
        match self {
            Self::Pulsar(spec) => spec.tables(),
            Self::Rocketmq(_) | Self::Activemq(_) | Self::Rabbitmq(_) => Vec::new(),
        }
    }
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
    /// Pulsar.
    Pulsar(PulsarTarget),
    /// ActiveMQ.
    Activemq(ActivemqTarget),
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
    /// Pulsar.
    Pulsar(PulsarSource),
    /// ActiveMQ.
    Activemq(ActivemqSource),
    /// RabbitMQ.
    Rabbitmq(RabbitmqSource),
}

impl SystemTarget {
    /// Which system it is of.
    pub(super) const fn system(&self) -> SystemName {
        match self {
            Self::Rocketmq(_) => SystemName::RocketMq,
            Self::Pulsar(_) => SystemName::Pulsar,
            Self::Activemq(_) => SystemName::ActiveMq,
            Self::Rabbitmq(_) => SystemName::RabbitMq,
        }
    }

    /// What it sends to, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(to) => to.topic.clone(),
            Self::Pulsar(to) => to.topic.label(),
            Self::Activemq(to) => to.to.name().clone(),
            Self::Rabbitmq(to) => to.name(),
        }
    }
}

impl SystemSource {
    /// Which system it is of.
    pub(super) const fn system(&self) -> SystemName {
        match self {
            Self::Rocketmq(_) => SystemName::RocketMq,
            Self::Pulsar(_) => SystemName::Pulsar,
            Self::Activemq(_) => SystemName::ActiveMq,
            Self::Rabbitmq(_) => SystemName::RabbitMq,
        }
    }

    /// What it reads, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(from) => from.topic.clone(),
            Self::Pulsar(from) => from.topic.label(),
            Self::Activemq(from) => from.name(),
            Self::Rabbitmq(from) => from.queue.clone(),
        }
    }

    /// As whose work it counts: what is processed by one of a group is processed for the group.
    pub fn group(&self) -> Option<&Name> {
        match self {
            Self::Rocketmq(from) => Some(&from.group),
            Self::Pulsar(from) => Some(&from.subscription),
            Self::Activemq(_) => None,
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
