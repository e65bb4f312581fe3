//! What may a scenario say of a system? Which one plays, how its cluster is set, and where its clients send and read.

use serde::{Deserialize, Serialize};

use super::activemq::{ActivemqSource, ActivemqSpec, ActivemqTarget};
use super::pulsar::{PulsarSource, PulsarSpec, PulsarTarget};
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
}

impl SystemSpec {
    /// Which system it is.
    pub(super) fn system(&self) -> &'static str {
        match self {
            Self::Rocketmq(_) => "rocketmq",
            Self::Pulsar(_) => "pulsar",
            Self::Activemq(_) => "activemq",
        }
    }
}

impl SystemTarget {
    /// Which system it is of.
    pub(super) fn system(&self) -> &'static str {
        match self {
            Self::Rocketmq(_) => "rocketmq",
            Self::Pulsar(_) => "pulsar",
            Self::Activemq(_) => "activemq",
        }
    }

    /// What it sends to, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(to) => to.topic.clone(),
            Self::Pulsar(to) => to.topic.label(),
            Self::Activemq(to) => to.to.name().clone(),
        }
    }
}

impl SystemSource {
    /// Which system it is of.
    pub(super) fn system(&self) -> &'static str {
        match self {
            Self::Rocketmq(_) => "rocketmq",
            Self::Pulsar(_) => "pulsar",
            Self::Activemq(_) => "activemq",
        }
    }

    /// What it reads, as it is drawn.
    pub fn name(&self) -> Name {
        match self {
            Self::Rocketmq(from) => from.topic.clone(),
            Self::Pulsar(from) => from.topic.label(),
            Self::Activemq(from) => from.name(),
        }
    }

    /// As whose work it counts: what is processed by one of a group is processed for the group.
    pub fn group(&self) -> Option<&Name> {
        match self {
            Self::Rocketmq(from) => Some(&from.group),
            Self::Pulsar(from) => Some(&from.subscription),
            Self::Activemq(_) => None,
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
