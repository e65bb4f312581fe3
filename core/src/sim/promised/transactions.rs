//! What is promised of transactions over partitions? That they count as one, and once.
//!
//! | promise | it takes |
//! |---|---|
//! | what is committed counts once | what "stored once" takes; of programs that read and write, that all of one group work in transactions, and that their input counts once |
//! | nothing is seen that was not committed | a log that keeps its markers, and a group that reads what is committed alone |
//! | nothing of a zombie counts | coordinators whose logs keep what they decided |
//! | each input is done once | that the group's members commit what they read with what they write, and that the input counts once |
//!
//! Nothing in the end is promised where two producers have one transactional id and are started again when they are fenced:
//! each fences the other, for ever.
//!
//! Sources: KIP-98, KIP-447.

use alloc::vec::Vec;

use super::super::scenario::{ConsumerSpec, Scenario, SourceSpec};
use super::super::transactional_spec::TransactionalSpec;
use super::{Promises, readers};
use crate::broker::Truncation;
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::sorted::SortedSet;
use crate::time::Span;

/// So often somebody waits for the way there and back in a transaction: to be numbered, for each partition, for the
/// offsets, for the decision, and in each for the replicas; with the waits between when a marker is under way.
const TRIPS: u64 = 16;

impl<'a> Promises<'a> {
    /// Whether anybody writes to a topic in transactions.
    pub(super) fn is_transactional(&self, topic: &Name) -> bool {
        self.producers_of(topic).iter().any(|producer| producer.transactional.is_some())
            || self.transforms_of(topic).iter().any(|consumer| transacts(consumer))
    }

    /// Whether programs write one message for each that counts in what they read: they are all of one group, every member
    /// of it commits both as one, and what they read counts once.
    pub(super) fn are_exact(&self, topic: &Name, transforms: &[&ConsumerSpec]) -> bool {
        let groups: SortedSet<Option<&Name>> =
            transforms.iter().map(|program| readers::group_of(program)).collect();
        let Some(first) = transforms.first() else { return true };
        let Some(from) = readers::topic_of(first) else { return false };
        let members = self.readers_of(from);
        let mut members = members.iter().filter(|member| groups.contains(&readers::group_of(member)));
        let Some(input) = self.scenario.topics.iter().find(|topic| topic.name == *from) else { return false };
        // A chain of programs is judged link by link, a circle of them not at all.
        let circle = self.transforms_of(from).iter().any(|program| readers::topic_of(program) == Some(topic));
        if groups.len() > 1 || circle || self.is_long(from) {
            return false;
        }
        let log = self.log_of(input);
        let reads_committed =
            |member: &&&ConsumerSpec| !log.transactional || readers::reads_committed(member);
        log.once
            && members.clone().all(|member| reads_committed(&member))
            && members.all(|member| {
                transacts(member)
                    && member.program.transform.as_ref().is_some_and(|transform| transform.to == *topic)
            })
    }

    /// Whether what is written to a topic comes through more than one program.
    fn is_long(&self, topic: &Name) -> bool {
        let inputs: Vec<&Name> =
            self.transforms_of(topic).into_iter().filter_map(readers::topic_of).collect();
        inputs.iter().any(|input| !self.transforms_of(input).is_empty())
    }

    pub(super) fn of_transactional_ids(&self, made: &mut Vec<Promised>) {
        let settings = &self.scenario.settings;
        if settings.truncation != Truncation::Epoch || !self.adversity.disks_keep(settings.flush_before_reply)
        {
            return;
        }
        let ids: SortedSet<&Name> = self.scenario.transactionals().map(|spec| &spec.id).collect();
        made.extend(ids.into_iter().map(|id| {
            let of = Subject::TransactionalId(id.clone());
            Promised { promise: Promise::ZombiesFenced, of }
        }));
    }

    /// Whether a producer that writes the topic has the transactional id of somebody else.
    pub(super) fn fence_each_other(&self, topic: &Name) -> bool {
        let others = |id: &Name| self.scenario.transactionals().filter(|spec| spec.id == *id).count() > 1;
        let producers = self.producers_of(topic);
        producers.iter().filter_map(|producer| producer.transactional.as_ref()).any(|spec| others(&spec.id))
    }

    /// The longest that a transaction stays open whose sender is gone.
    pub(super) fn longest_transaction(&self) -> Span {
        self.scenario.transactionals().map(|spec| spec.timeout).max().unwrap_or_default()
    }

    /// How long it takes to send everything in transactions, one after the other.
    pub(super) fn transactions_take(&self) -> Span {
        let Scenario { producers, consumers, latency, .. } = self.scenario;
        let mut all = 0_u64;
        for producer in producers {
            if let Some(TransactionalSpec { messages, .. }) = &producer.transactional {
                all = all.saturating_add(producer.messages.div_ceil(u64::from(*messages).max(1)));
            }
        }
        // A program commits when nothing more comes: each of its transactions may have one message.
        if consumers.iter().any(transacts) {
            all = all.saturating_add(producers.iter().map(|producer| producer.messages).sum());
        }
        Span(all.saturating_mul(TRIPS).saturating_mul(latency.1))
    }
}

/// Whether it commits what it reads with what it writes.
pub(super) fn transacts(consumer: &ConsumerSpec) -> bool {
    let transform = consumer.program.transform.as_ref();
    transform.is_some_and(|transform| transform.transactional.is_some())
        && matches!(consumer.from, SourceSpec::Group { .. })
}

/// Whether it goes on when somebody else took over its transactional id for a while, and does not abort everything.
pub(super) fn comes_back(consumer: &ConsumerSpec) -> bool {
    let transform = consumer.program.transform.as_ref();
    let transactional = transform.and_then(|transform| transform.transactional.as_ref());
    transactional.is_none_or(|spec| spec.restarts_after > 0 && spec.aborts_per_mille < 1_000)
}
