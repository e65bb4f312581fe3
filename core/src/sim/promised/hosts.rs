//! What do queues and exchanges promise? That nothing is lost, and all is done in the end.

use alloc::vec::Vec;

use super::super::program_spec::Settles;
use super::super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec};
use super::Promises;
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::sorted::SortedSet;
use crate::time::Span;

impl Promises<'_> {
    /// Queues and exchanges.
    pub(super) fn of_hosts(&self, made: &mut Vec<Promised>) {
        let Scenario { queues, producers, consumers, settings, limits, .. } = self.scenario;
        let keeps = self.hosts_keep();
        let onward = consumers.iter().any(|consumer| consumer.program.onward.is_some());
        let patient = settings.intake == Span::ZERO || settings.request_timeout >= Span::from_millis(1_000);
        let ends = |consumer: &ConsumerSpec| {
            let program = &consumer.program;
            program.memory_max == 0 && program.fails_every == 0 && program.fails_per_mille < 1_000
        };
        let all_are_read = queues.iter().all(|queue| self.is_read(&queue.name));
        let mut targets: SortedSet<Subject> = SortedSet::new();
        for ProducerSpec { to, .. } in producers {
            match to {
                TargetSpec::Queue(name) => _ = targets.insert(Subject::Queue(name.clone())),
                TargetSpec::AnyOf(names) => {
                    targets.extend(names.iter().map(|name| Subject::Queue(name.clone())));
                }
                TargetSpec::Exchange { name, .. } => _ = targets.insert(Subject::Exchange(name.clone())),
                TargetSpec::Topic { .. } | TargetSpec::System(_) => {}
            }
        }
        let flows = patient && limits.is_empty() && consumers.iter().all(ends) && all_are_read && !onward;
        for of in targets {
            if keeps {
                made.push(Promised { promise: Promise::NotLost, of: of.clone() });
            }
            if keeps && flows && self.has_time() {
                made.push(Promised { promise: Promise::AtLeastOnce, of });
            }
        }
    }

    /// Whether no queue loses anything: its broker's disk keeps it, and no consumer acknowledges before it is done.
    pub(super) fn hosts_keep(&self) -> bool {
        let Scenario { consumers, settings, .. } = self.scenario;
        let careful = |consumer: &ConsumerSpec| match &consumer.from {
            SourceSpec::Queue { reading, .. } => {
                !reading.automatic && consumer.program.settles != Settles::Before
            }
            SourceSpec::Subscription { .. } => false,
            SourceSpec::Group { .. }
            | SourceSpec::Poll { .. }
            | SourceSpec::Share { .. }
            | SourceSpec::System(_) => true,
        };
        consumers.iter().all(careful)
            && self.adversity.disks_keep(settings.flush_before_reply)
            && !self.adversity.replaces()
    }

    /// Whether everybody who reads a queue takes whatever comes, and somebody does.
    fn is_read(&self, queue: &Name) -> bool {
        let mut readers = 0;
        for consumer in &self.scenario.consumers {
            let SourceSpec::Queue { name, reading, .. } = &consumer.from else { continue };
            if name == queue {
                readers += 1;
                if reading.selector.is_some() || reading.exclusive {
                    return false;
                }
            }
        }
        readers > 0
    }
}
