//! Does it make sense how a scenario's consumers pull, and how long its topics keep? Checked before a run begins.

use alloc::format;
use alloc::vec::Vec;

use super::scenario::{InvalidScenario, PATIENCE_MAX, Scenario, SourceSpec};
use crate::broker::Retention;
use crate::ids::Name;

/// The most bytes that a scenario's puller may ask for at once.
pub const PULL_BYTES_MAX: u32 = 16 * 1024 * 1024;

impl Scenario {
    /// How long each topic keeps its messages, where it does not keep all.
    pub(super) fn retentions(&self) -> impl Iterator<Item = (Name, Retention)> {
        self.topics.iter().filter_map(|topic| {
            let retention = Retention { bytes: topic.retention_bytes, time: topic.retention_time };
            (retention != Retention::default()).then(|| (topic.name.clone(), retention))
        })
    }

    pub(super) fn check_pulls(&self) -> Result<(), InvalidScenario> {
        let invalid = |what| Err(InvalidScenario(what));
        for consumer in &self.consumers {
            let name = &consumer.name;
            if consumer.program.windows.is_some_and(|windows| windows.size.0 == 0) {
                return invalid(format!("{name} counts in windows of no time"));
            }
            let SourceSpec::Poll { topic, options, .. } = &consumer.from else { continue };
            let partitions =
                self.topics.iter().find(|known| known.name == *topic).map_or(0, |topic| topic.partitions);
            let missing: Vec<_> = options.partitions.iter().filter(|index| **index >= partitions).collect();
            if let Some(index) = missing.first() {
                return invalid(format!("{name} reads partition {index} of {topic}, which has {partitions}"));
            }
            if options.poll_every > PATIENCE_MAX || options.wait_max > PATIENCE_MAX {
                return invalid(format!("{name} asks or waits longer than {PATIENCE_MAX}"));
            }
            if options.bytes_max > PULL_BYTES_MAX || options.bytes_min > options.bytes_max {
                return invalid(format!(
                    "{name} asks for more than {PULL_BYTES_MAX} bytes, or waits for more than it takes"
                ));
            }
        }
        for producer in &self.producers {
            if let Some(late) = producer.message.late
                && (late.per_mille > 1_000 || late.by.0 > late.by.1)
            {
                return invalid(format!(
                    "{} sends {} of a thousand messages late, by {:?}",
                    producer.name, late.per_mille, late.by
                ));
            }
        }
        let polls = |from: &Option<SourceSpec>| matches!(from, Some(SourceSpec::Poll { .. }));
        match self.services.iter().find(|service| polls(&service.from)) {
            Some(service) => {
                invalid(format!("{} is a service and polls, let it be a member of a group", service.name))
            }
            None => Ok(()),
        }
    }
}
