//! When are topics compacted in the lab? A namespace's policy says so in Pulsar; here it holds for the whole cluster.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::spec::{PulsarSource, PulsarSpec, PulsarType};
use crate::ids::Name;
use crate::sim::scenario::{PATIENCE_MAX, PATIENCE_MIN, is_default};
use crate::systems::pulsar::{COMPACTION_CURSOR, CompactionSettings, Domain};
use crate::time::Span;

/// Topics are compacted: who reads them so gets of each key the latest message.
///
/// ```
/// use mqlab_core::sim::PulsarCompaction;
/// use mqlab_core::time::Span;
/// let compaction: PulsarCompaction = serde_json::from_str(r#"{ "threshold": 4000 }"#)?;
/// assert_eq!((compaction.check_interval, compaction.retain_null_key), (Span::from_millis(600), false));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PulsarCompaction {
    /// When more than so many bytes of a topic are not compacted (`compactionThreshold`, where 0 means never): 1.
    pub threshold: u64,
    /// That is looked at so often: 600 ms (60 s in Pulsar).
    pub check_interval: Span,
    /// Whether what has no key stays (`topicCompactionRetainNullKey`).
    #[serde(skip_serializing_if = "is_default")]
    pub retain_null_key: bool,
}

impl Default for PulsarCompaction {
    fn default() -> Self {
        Self { threshold: 1, check_interval: Span::from_millis(600), retain_null_key: false }
    }
}

impl PulsarCompaction {
    /// What brokers are told.
    pub(super) fn settings(self) -> CompactionSettings {
        let Self { threshold, check_interval, retain_null_key } = self;
        CompactionSettings { threshold, check_interval, retain_null_key }
    }

    /// Whether it can be so.
    pub(super) fn check(self) -> Result<(), String> {
        if self.threshold == 0 {
            return Err(
                "a threshold of compaction of 0, which means never: use 1 or more, or no compaction".into()
            );
        }
        if (PATIENCE_MIN..=PATIENCE_MAX).contains(&self.check_interval) {
            return Ok(());
        }
        let span = self.check_interval;
        Err(format!("the check_interval of compaction is {span}, use {PATIENCE_MIN} to {PATIENCE_MAX}"))
    }
}

impl PulsarSpec {
    /// The topics that are compacted, as facts call them.
    pub(in crate::sim) fn tables(&self) -> Vec<Name> {
        let second = self.geo.as_ref().map(|geo| &geo.second);
        let kept = self
            .topics
            .keys()
            .filter(|topic| self.compaction.is_some() && topic.domain() == Domain::Persistent);
        let both = kept.flat_map(|topic| {
            [Some(topic.clone()), second.map(|_| self.topic_in(topic, second))].into_iter().flatten()
        });
        both.filter_map(|topic| Some(topic.place().ok()?.topic)).collect()
    }
}

impl PulsarSource {
    /// Whether a consumer may read compacted, if it wants to.
    pub(super) fn check_compacted(&self, name: &str) -> Result<(), String> {
        if self.subscription.as_str() == COMPACTION_CURSOR {
            return Err(format!(
                "{name} reads from {COMPACTION_CURSOR}: the cursor of compaction is called so"
            ));
        }
        let alone = matches!(self.kind, PulsarType::Exclusive | PulsarType::Failover);
        if !self.read_compacted || alone && self.topic.domain() == Domain::Persistent {
            return Ok(());
        }
        Err(format!(
            "{name} reads compacted: only an exclusive or failover subscription of a topic that is kept can be read so"
        ))
    }
}
