//! What does Pulsar promise? That what it has acknowledged stays as long as too many bookies do not fail for good, and that
//! a subscription gets all of it.
//!
//! | promise | takes |
//! |---|---|
//! | not lost | the object store, if there is one, and fewer than Qa bookies lose what they have: by a new disk, a lying one, or a power cut without `journal_sync` |
//! | stored once | not lost, and deduplication |
//! | in order | exclusive, failover, or key-shared; one worker; nothing given back singly; deduplication, or no resending |
//! | answered in the end | all faults are over, and there is time |
//! | at least once, in the other cluster, too | not lost; subscribed from the start; nothing expires or is evicted; all faults over, and time; the program is faster than its ack timeout |

use alloc::vec::Vec;

use super::objects::OBJECTS;
use super::spec::{PulsarSource, PulsarSpec, PulsarTarget, PulsarType};
use crate::ids::{Name, NodeId};
use crate::observe::{Promise, Promised, Subject};
use crate::sim::adversity::Adversity;
use crate::sim::{ConsumerSpec, ProducerSpec, Scenario, Settles, SystemSource, SystemTarget};
use crate::sorted::SortedSet;
use crate::systems::pulsar::{BacklogQuota, Domain, InitialPosition, QuotaPolicy, TopicName};
use crate::time::{Span, Time};

/// After faults so many times the longest patience pass until everything is well.
const ROUNDS: u64 = 15;

/// A promise for a subscription is made if all of its consumers are so.
struct Readers<'a> {
    all: Vec<(&'a ConsumerSpec, &'a PulsarSource)>,
}

/// What it promises.
pub(in super::super) fn promises(
    spec: &PulsarSpec,
    scenario: &Scenario,
    adversity: &Adversity,
) -> Vec<Promised> {
    let promises = Promises { spec, scenario, adversity };
    let mut made = Vec::new();
    let second = spec.geo.as_ref().map(|geo| &geo.second);
    for topic in spec.topics.keys() {
        promises.of_topic(topic, &mut made);
        if second.is_some() {
            promises.of_topic(&spec.topic_in(topic, second), &mut made);
        }
    }
    made
}

struct Promises<'a> {
    spec: &'a PulsarSpec,
    scenario: &'a Scenario,
    adversity: &'a Adversity,
}

impl<'a> Promises<'a> {
    fn of_topic(&self, topic: &TopicName, made: &mut Vec<Promised>) {
        let senders = self.senders(topic);
        if senders.is_empty() || topic.domain() == Domain::NonPersistent {
            return;
        }
        let of = Subject::Topic(topic.label());
        let keeps = self.bookies_keep();
        if keeps {
            made.push(Promised { promise: Promise::NotLost, of: of.clone() });
        }
        if keeps && self.spec.deduplication && self.adversity.replaced.is_empty() {
            made.push(Promised { promise: Promise::StoredOnce, of: of.clone() });
        }
        let patient = self.has_time();
        let holds = |quota: BacklogQuota| quota.policy == QuotaPolicy::ProducerRequestHold;
        if keeps && patient && !self.spec.backlog_quota.is_some_and(holds) {
            made.push(Promised { promise: Promise::Answered, of: of.clone() });
        }
        let subscriptions = self.subscriptions(topic);
        let by_key = Self::one_key_each(&senders);
        let in_order = subscriptions.iter().all(|(_, readers)| readers.keep_order(by_key));
        if keeps && Self::is_in_order(&senders) && in_order {
            made.push(Promised { promise: Promise::InOrder, of });
        }
        for (subscription, readers) in subscriptions {
            let of = Subject::Group { group: subscription.clone(), topic: topic.label() };
            if keeps && patient && self.gets_all() && readers.get_all(self.lines(topic)) {
                made.push(Promised { promise: Promise::AtLeastOnce, of });
            }
        }
    }

    fn senders(&self, topic: &TopicName) -> Vec<(&'a ProducerSpec, &'a PulsarTarget)> {
        let to = |sends: &'a ProducerSpec| match sends.to.system() {
            Some(SystemTarget::Pulsar(to))
                if self.spec.topic_in(&to.topic, to.cluster.as_ref()) == *topic =>
            {
                Some((sends, to))
            }
            _ => None,
        };
        self.scenario.producers.iter().filter_map(to).collect()
    }

    /// Those of either cluster: what one is sent the other gets, too.
    fn subscriptions(&self, topic: &TopicName) -> Vec<(&'a Name, Readers<'a>)> {
        let from = |reads: &'a ConsumerSpec| match reads.from.system() {
            Some(SystemSource::Pulsar(from)) if from.topic == topic.of_cluster(None) => Some((reads, from)),
            _ => None,
        };
        let all: Vec<(&ConsumerSpec, &PulsarSource)> =
            self.scenario.consumers.iter().filter_map(from).collect();
        let names: SortedSet<&Name> = all.iter().map(|(_, from)| &from.subscription).collect();
        let of = |name: &Name| all.iter().copied().filter(|(_, from)| from.subscription == *name).collect();
        names.into_iter().map(|name| (name, Readers { all: of(name) })).collect()
    }

    /// Whether fewer bookies lose what they have than an entry is on for sure.
    fn bookies_keep(&self) -> bool {
        let is_bookie = |node: &&NodeId| matches!(node, NodeId::Bookie(_));
        let dark = self.adversity.dark.iter().filter(is_bookie);
        let lose_tails = dark.filter(|node| !self.spec.journal_sync || self.adversity.lied.contains(node));
        let losers: SortedSet<&NodeId> =
            lose_tails.chain(self.adversity.replaced.iter().filter(is_bookie)).collect();
        // What is offloaded is nowhere else in the end.
        let objects_keep = self.spec.offload.is_none()
            || !self.adversity.replaced.contains(&OBJECTS) && !self.adversity.lied.contains(&OBJECTS);
        objects_keep
            && losers.len() < usize::from(self.spec.quorums.ack)
            // A second new disk of the same bookie takes what was copied there since.
            && self.adversity.replaced.len() <= 1
    }

    /// Whether what a producer sends is meant to be done in its order. What it sends again after a broken connection it
    /// sends in order, so that the first time counts.
    fn is_in_order(senders: &[(&ProducerSpec, &PulsarTarget)]) -> bool {
        senders.iter().all(|(sends, _)| !sends.message.reorders())
    }

    /// Whether every entry has messages of one key alone.
    fn one_key_each(senders: &[(&ProducerSpec, &PulsarTarget)]) -> bool {
        let alone = |(sends, to): &(&ProducerSpec, &PulsarTarget)| {
            to.batching.by_key || to.batching.messages <= 1 || sends.keys == 0
        };
        senders.iter().all(alone)
    }

    /// How many topics of its own a client has for one.
    fn lines(&self, topic: &TopicName) -> u64 {
        self.spec.topics.get(&topic.of_cluster(None)).map_or(1, |partitions| u64::from((*partitions).max(1)))
    }

    /// Whether a subscription gets everything that is stored.
    fn gets_all(&self) -> bool {
        let evicts = |quota: BacklogQuota| quota.policy == QuotaPolicy::ConsumerBacklogEviction;
        self.spec.time_to_live.is_none() && !self.spec.backlog_quota.is_some_and(evicts)
    }

    /// Whether the run goes on for long enough after everything that goes wrong, and after the last message.
    fn has_time(&self) -> bool {
        let Scenario { producers, consumers, ends_at, .. } = self.scenario;
        let Some(over) = self.adversity.over else { return false };
        let sent = |sends: &ProducerSpec| {
            Time(sends.messages.saturating_mul(sends.every).saturating_add(sends.starts_at))
        };
        let last = producers.iter().map(sent).max().unwrap_or_default();
        let come = consumers.iter().map(|reads| Time(reads.starts_at)).max().unwrap_or_default();
        let messages: u64 = producers.iter().map(|sends| sends.messages).fold(0, u64::saturating_add);
        let slowest = consumers.iter().map(|reads| reads.work.max(reads.program.work_max)).max();
        let work = messages.saturating_mul(slowest.unwrap_or(0));
        let of = &self.spec.patience;
        let patience =
            [of.session, of.add_timeout, of.quarantine, of.backoff, of.operation_timeout, of.keep_alive];
        let back = consumers.iter().filter_map(|reads| match reads.from.system() {
            Some(SystemSource::Pulsar(from)) => {
                Some(from.nack_delay.max(from.ack_timeout.unwrap_or_default()))
            }
            _ => None,
        });
        let longest = patience.into_iter().chain(back).max().unwrap_or_default();
        let needed = work.saturating_add(longest.0.saturating_mul(ROUNDS));
        ends_at.since(over.max(last).max(come)) >= Span(needed)
    }
}

impl Readers<'_> {
    /// Whether what is read is done in order.
    fn keep_order(&self, by_key: bool) -> bool {
        self.all.iter().all(|(reads, from)| {
            let program = &reads.program;
            let fails = program.fails_every > 0 || program.fails_per_mille > 0;
            let alone = match from.kind {
                PulsarType::Exclusive | PulsarType::Failover => true,
                PulsarType::KeyShared => by_key,
                PulsarType::Shared => false,
            };
            let before = program.settles == Settles::Before;
            program.workers <= 1 && alone && !before && !fails && from.ack_timeout.is_none()
        })
    }

    /// Whether everything that is stored is done by somebody in the end. `lines` are the topic's partitions.
    fn get_all(&self, lines: u64) -> bool {
        self.all.iter().all(|(reads, from)| {
            let program = &reads.program;
            let fails = program.fails_every > 0 || program.fails_per_mille > 0;
            // A message waits for so many others of its partition to be acknowledged with it, and these for those of others.
            let others = if let Settles::Every(many) = program.settles { u64::from(many) * lines } else { 0 };
            let needed = reads.work.max(program.work_max).saturating_mul(4 + others);
            let in_time = from.ack_timeout.is_none_or(|timeout| timeout.0 > needed);
            from.from == InitialPosition::Earliest
                && reads.starts_at == 0
                && program.settles != Settles::Before
                && !fails
                && in_time
                && from.wanted.is_empty()
        })
    }
}
