//! What do share groups promise? No order, and of what they give up nothing; but each message is with one member at a time,
//! and in the end it is processed or given up.
//!
//! | promise | it takes |
//! |---|---|
//! | with one at a time | that nothing stands in the log twice, and that no broker forgets what was written down |
//! | at least once | not lost; a group that begins with the oldest; members that say "done" when they are; faults over, and time for every lock to run out as often as a record is delivered |
//!
//! A message may be processed twice: when its lock ran out, when it was given back, when its member or its leader died.
//! (Kafka: share groups are at least once.) What was rejected, or delivered as often as it may be, is archived: nobody in the
//! group gets it any more, as it was told to.
//!
//! Source: KIP-932.

use alloc::vec::Vec;

use super::super::program_spec::Settles;
use super::super::scenario::{ConsumerSpec, SourceSpec};
use super::{Log, Promises};
use crate::broker::ShareStart;
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Span;

impl Promises<'_> {
    /// What the share groups of a topic promise.
    pub(super) fn of_shares(&self, topic: &Name, log: Log, made: &mut Vec<Promised>) {
        let mut groups: SortedMap<&Name, Vec<&ConsumerSpec>> = SortedMap::new();
        for consumer in &self.scenario.consumers {
            if let SourceSpec::Share { name, topic: from, .. } = &consumer.from
                && from == topic
            {
                groups.entry(name).or_default().push(consumer);
            }
        }
        for (group, members) in groups {
            let of = || Subject::Group { group: group.clone(), topic: topic.clone() };
            if log.once && !log.transactional {
                made.push(Promised { promise: Promise::WithOneAtATime, of: of() });
            }
            let careful = members.iter().all(|member| {
                let program = &member.program;
                program.memory_max == 0 && program.settles != Settles::Before && program.onward.is_none()
            });
            let all = self.scenario.settings.share.start == ShareStart::Earliest;
            if log.keeps && careful && all && self.has_time() && !self.fence_each_other(topic) {
                made.push(Promised { promise: Promise::AtLeastOnce, of: of() });
            }
        }
    }

    /// How long it takes until the lock of every message has run out as often as it may, in windows one after the other.
    pub(super) fn locks_take(&self, messages: u64) -> Span {
        let share = &self.scenario.settings.share;
        let groups: SortedSet<&Name> = self
            .scenario
            .consumers
            .iter()
            .filter_map(|consumer| match &consumer.from {
                SourceSpec::Share { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        let windows = messages.div_ceil(u64::from(share.locks_max).max(1));
        let each = share.lock.0.saturating_mul(u64::from(share.delivery_limit));
        if groups.is_empty() { Span::ZERO } else { Span(each.saturating_mul(windows)) }
    }
}
