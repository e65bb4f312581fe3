//! Does it make sense how a scenario's topics are cleaned? Checked before a run begins.

use alloc::format;

use super::guests::SystemTarget;
use super::scenario::{InvalidScenario, ProducerSpec, Scenario, TargetSpec, TopicSpec};
use crate::broker::{Cleanup, CleanupPolicy};
use crate::ids::Name;

impl Scenario {
    /// How each topic is cleaned of which only the last message of each key stays.
    pub(super) fn cleanups(&self) -> impl Iterator<Item = (Name, Cleanup)> {
        let compacts = |topic: &&TopicSpec| topic.cleanup.policy.compacts();
        self.topics.iter().filter(compacts).map(|topic| (topic.name.clone(), topic.cleanup))
    }

    pub(super) fn check_cleanups(&self) -> Result<(), InvalidScenario> {
        let refused = self.topics.iter().find_map(|topic| check_topic(topic).map(|why| (&topic.name, why)));
        if let Some((name, why)) = refused {
            return Err(InvalidScenario(format!("{name} {why}")));
        }
        let refused = self
            .producers
            .iter()
            .find_map(|producer| self.check_keys(producer).map(|why| (&producer.name, why)));
        refused.map_or(Ok(()), |(name, why)| Err(InvalidScenario(format!("{name} {why}"))))
    }

    /// Why a producer cannot send what it is to send.
    fn check_keys(&self, producer: &ProducerSpec) -> Option<&'static str> {
        let topic = match &producer.to {
            TargetSpec::Topic { name, .. } => self.topics.iter().find(|topic| topic.name == *name),
            _ => None,
        };
        let has_tombstones = producer.message.tombstone_every > 0;
        let is_pulsar = matches!(producer.to.system(), Some(SystemTarget::Pulsar(_)));
        let has_keys = producer.keys > 0 || producer.message.key.is_some();
        match topic {
            None if has_tombstones && !is_pulsar => Some("sends tombstones, and not to a topic"),
            _ if has_tombstones && !has_keys => Some("sends tombstones without keys"),
            _ if producer.message.key.is_some_and(|key| !key.is_ascii_alphabetic()) => {
                Some("has a key that is no letter")
            }
            Some(topic) if topic.cleanup.policy.compacts() && !has_keys => {
                Some("sends without keys to a topic that is compacted, which refuses that")
            }
            _ => None,
        }
    }
}

/// Why a topic cannot be cleaned like that.
fn check_topic(topic: &TopicSpec) -> Option<&'static str> {
    let Cleanup { policy, dirty_per_mille, lag_min, lag_max, segment_bytes, .. } = topic.cleanup;
    let has_retention = topic.retention_bytes.is_some() || topic.retention_time.is_some();
    match policy {
        CleanupPolicy::Delete if topic.cleanup != Cleanup::default() => {
            Some("is not compacted, and says how")
        }
        CleanupPolicy::Compact if has_retention => {
            Some("has a retention, and its policy is not to delete: let it compact_and_delete")
        }
        CleanupPolicy::CompactAndDelete if !has_retention => {
            Some("is to be deleted, and has no retention: let it compact")
        }
        _ if dirty_per_mille > 1_000 => Some("waits until more than all of it is dirty"),
        _ if segment_bytes == 0 => Some("has segments of no bytes"),
        _ if lag_max.is_some_and(|most| most < lag_min) => {
            Some("is to be cleaned sooner at the latest than at the earliest")
        }
        _ => None,
    }
}
