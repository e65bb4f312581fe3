//! How does a consumer read a topic? What its options say about what it gets and when it says that it is done.

use super::super::scenario::{ConsumerSpec, SourceSpec};
use crate::broker::Isolation;
use crate::client::{CommitMode, Commits, PullOptions, StartAt};
use crate::ids::Name;

/// The topic that a consumer pulls.
pub(super) fn topic_of(consumer: &ConsumerSpec) -> Option<&Name> {
    match &consumer.from {
        SourceSpec::Group { topic, .. } | SourceSpec::Poll { topic, .. } => Some(topic),
        SourceSpec::Queue { .. }
        | SourceSpec::Subscription { .. }
        | SourceSpec::Share { .. }
        | SourceSpec::System(_) => None,
    }
}

/// The group that what it processes is judged by.
pub(super) fn group_of(consumer: &ConsumerSpec) -> Option<&Name> {
    match &consumer.from {
        SourceSpec::Group { name, .. } => Some(name),
        SourceSpec::Poll { reader, .. } => Some(reader),
        SourceSpec::Queue { .. }
        | SourceSpec::Subscription { .. }
        | SourceSpec::Share { .. }
        | SourceSpec::System(_) => None,
    }
}

/// Whether it wants everything that its topic ever had.
pub(super) fn reads_all(consumer: &ConsumerSpec) -> bool {
    match &consumer.from {
        SourceSpec::Group { options, .. } => options.start == StartAt::Earliest,
        SourceSpec::Poll { options, .. } => {
            let PullOptions { partitions, start, filter, replay, .. } = options;
            partitions.is_empty() && *start == StartAt::Earliest && filter.is_none() && replay.is_none()
        }
        SourceSpec::Queue { .. }
        | SourceSpec::Subscription { .. }
        | SourceSpec::Share { .. }
        | SourceSpec::System(_) => false,
    }
}

/// Whether it says that a message is done when it is.
pub(super) fn commits_after(consumer: &ConsumerSpec) -> bool {
    match &consumer.from {
        SourceSpec::Group { options, .. } => options.commits != CommitMode::Before,
        SourceSpec::Poll { options, .. } => options.commits == Commits::After,
        SourceSpec::Queue { .. }
        | SourceSpec::Subscription { .. }
        | SourceSpec::Share { .. }
        | SourceSpec::System(_) => true,
    }
}

/// Whether it reads what is committed alone.
pub(super) fn reads_committed(consumer: &ConsumerSpec) -> bool {
    matches!(&consumer.from, SourceSpec::Group { options, .. } if options.isolation == Isolation::Committed)
}

/// Whether it says so before it begins, as a member of a group.
pub(super) fn commits_before(consumer: &ConsumerSpec) -> bool {
    matches!(&consumer.from, SourceSpec::Group { options, .. } if options.commits == CommitMode::Before)
}
