//! Which promises does a scenario make? What its settings guarantee under the faults that it brings, and no more.
//!
//! | promise | for a topic it takes |
//! |---|---|
//! | not lost | acks=all, 2 in sync at least, no unclean election, logs cut by epochs; disks that keep what was flushed, and flushes where the power goes |
//! | what was read stays | the same but for acks, and a watermark that stands still while too few are in sync |
//! | stored once | not lost, and idempotent producers that remember nothing of an earlier life |
//! | in order | idempotent producers, or one request under way; consumers that work on one message at a time |
//! | answered in the end | all faults are over, and there is time |
//! | at least once | not lost, commits when or after the work is done, all faults over, and there is time |
//! | at most once | stored once, and commits before the work |
//! | effectively once | at least once, and a program that remembers what it has done |
//!
//! A queue promises that nothing is lost where its broker flushes before it answers (or no power goes), and where consumers
//! acknowledge when they are done.
//!
//! A scenario for which this file promises too much is a bug that the swarm finds; one for which it promises too little is
//! a loss that nobody hears of. So every rule has its row in `tests/tests/promises.rs`.
//!
//! Not judged here: topics that are written in transactions (`observe/txn_judge.rs` does that), share groups, what services call and send (`service.rs`), and subscriptions, whose queues may go with their readers.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::adversity::Adversity;
use super::own_transaction::{HowTransaction, Keeps};
use super::program_spec::Settles;
use super::scenario::{ConsumerSpec, ProducerSpec, Scenario, SourceSpec, TargetSpec, TopicSpec};
use crate::broker::{Acks, Cleanup, Order, Truncation};
use crate::client::{CommitMode, Commits, PullOptions, StartAt};
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::time::{Span, Time};

/// Where at least so many replicas must have a message before its producer is told, one that dies takes nothing along.
const COPIES_SAFE: u32 = 2;
/// When processes died, so many times the longest silence that is borne pass until everything is delivered.
const ROUNDS_AFTER_DEATHS: u64 = 7;
/// After faults of networks, clocks and disks it is so many.
const ROUNDS_AFTER_MORE: u64 = 15;
/// Where nothing goes wrong, this is enough.
const ROUNDS_IN_PEACE: u64 = 1;

impl Scenario {
    /// The promises that are made under a seed.
    ///
    /// ```
    /// use mqlab_core::observe::Promise;
    /// use mqlab_core::sim::Scenario;
    /// let safe = Scenario::built_in("kill-the-leader").ok_or("no such scenario")?; // acks=all
    /// assert!(safe.promises(20).iter().any(|promised| promised.promise == Promise::NotLost));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn promises(&self, seed: u64) -> Vec<Promised> {
        if !self.services.is_empty() || !self.users.is_empty() {
            return Vec::new();
        }
        let adversity = Adversity::of(self, seed);
        let promises = Promises { scenario: self, adversity: &adversity };
        let mut made = Vec::new();
        for topic in &self.topics {
            promises.of_topic(topic, &mut made);
        }
        promises.of_hosts(&mut made);
        let sound = |producer: &ProducerSpec| match producer.transaction {
            // The other two write twice, and no order of two writes is safe.
            Some(transaction) => matches!(transaction.how, HowTransaction::Outbox | HowTransaction::Half),
            None => true,
        };
        let any = self.producers.iter().any(|producer| producer.transaction.is_some());
        if any && self.producers.iter().all(sound) && promises.hosts_keep() && !adversity.replaces() {
            made.push(Promised { promise: Promise::Agrees, of: Subject::Producers });
        }
        made.sort();
        made
    }
}

/// What is asked about a scenario.
struct Promises<'a> {
    scenario: &'a Scenario,
    adversity: &'a Adversity,
}

impl Promises<'_> {
    fn of_topic(&self, topic: &TopicSpec, made: &mut Vec<Promised>) {
        let Scenario { settings, producers, .. } = self.scenario;
        let name = &topic.name;
        let of = || Subject::Topic(name.clone());
        let to_it = |producer: &&ProducerSpec| matches!(&producer.to, TargetSpec::Topic { name: to, .. } if to == name);
        let senders: Vec<&ProducerSpec> = producers.iter().filter(to_it).collect();
        let acks = |producer: &&ProducerSpec| match &producer.to {
            TargetSpec::Topic { acks, .. } => *acks,
            _ => Acks::None,
        };
        if senders.is_empty() || self.is_written_in_transactions(name) {
            return;
        }
        let replicated = topic.min_in_sync >= COPIES_SAFE
            && !topic.unclean_election
            && settings.truncation == Truncation::Epoch;
        let keeps_log = replicated && self.adversity.disks_keep(settings.flush_before_reply);
        let keeps = keeps_log && senders.iter().all(|sender| acks(sender) == Acks::All);
        let trims = topic.retention_bytes.is_some()
            || topic.retention_time.is_some()
            || topic.cleanup != Cleanup::default();
        let mut promise = |holds: bool, promise| {
            if holds {
                made.push(Promised { promise, of: of() });
            }
        };
        promise(keeps, Promise::NotLost);
        promise(keeps_log && settings.strict_watermark && !trims, Promise::ReadStays);
        let numbered = |sender: &&ProducerSpec| sender.options.idempotent;
        let forgets =
            |sender: &&ProducerSpec| sender.keeps == Keeps::UntilStored && sender.transaction.is_none();
        let remembered = settings.producer_expiry > Span(self.scenario.ends_at.0) && !trims;
        let once = keeps
            && remembered
            && senders.iter().all(numbered)
            && senders.iter().all(forgets)
            && !self.adversity.replaces();
        promise(once, Promise::StoredOnce);
        let patient = |sender: &&ProducerSpec| sender.options.delivery_timeout.is_none();
        let in_turn = senders.iter().all(numbered) || settings.in_flight_max == 1;
        let reads = |consumer: &&ConsumerSpec| topic_of(consumer) == Some(name);
        let readers: Vec<&ConsumerSpec> = self.scenario.consumers.iter().filter(reads).collect();
        let one_by_one = readers.iter().all(|reader| reader.program.workers <= 1);
        let peaceful = senders.iter().all(numbered) || !self.adversity.more_than_deaths;
        // With more partitions a key may go to another one, and overtake what it left behind.
        let grows = self
            .scenario
            .admin
            .iter()
            .any(|action| matches!(&action.order, Order::AddPartitions { topic, .. } if topic == name));
        let ordered = keeps
            && !trims
            && !grows
            && in_turn
            && peaceful
            && one_by_one
            && senders.iter().all(patient)
            && senders.iter().all(forgets);
        promise(ordered, Promise::InOrder);
        let told = senders.iter().all(|sender| acks(sender) != Acks::None);
        let quiet = self.has_time();
        promise(told && quiet && replicated, Promise::Answered);
        let mut groups: BTreeSet<&Name> = BTreeSet::new();
        for reader in &readers {
            if let Some(group) = group_of(reader).filter(|group| groups.insert(*group)) {
                let members: Vec<&ConsumerSpec> =
                    readers.iter().copied().filter(|other| group_of(other) == Some(group)).collect();
                self.of_group((group, name), &members, (keeps && !trims, once), made);
            }
        }
    }

    /// What a group's members promise together, or a reader by itself.
    fn of_group(
        &self,
        (group, topic): (&Name, &Name),
        members: &[&ConsumerSpec],
        (keeps, once): (bool, bool),
        made: &mut Vec<Promised>,
    ) {
        let of = Subject::Group { group: group.clone(), topic: topic.clone() };
        let all = |holds: fn(&ConsumerSpec) -> bool| members.iter().all(|member| holds(member));
        let finishes = all(|member| {
            let program = &member.program;
            program.memory_max == 0 && program.fails_every == 0 && program.fails_per_mille == 0
        });
        let at_least = keeps && finishes && all(reads_all) && all(commits_after) && self.has_time();
        let before = all(
            |member| matches!(&member.from, SourceSpec::Group { options, .. } if options.commits == CommitMode::Before),
        );
        let at_most = once && before;
        let remembers = all(|member| member.program.remembers && member.program.onward.is_none());
        let databases: BTreeSet<Option<&Name>> =
            members.iter().map(|member| member.program.database.as_ref()).collect();
        let together = members.len() == 1 || databases.len() == 1 && !databases.contains(&None);
        let promise = match (at_least, at_most || remembers && together) {
            (true, true) => Promise::EffectivelyOnce,
            (true, false) => Promise::AtLeastOnce,
            (false, true) => Promise::AtMostOnce,
            (false, false) => return,
        };
        made.push(Promised { promise, of });
    }

    /// Queues and exchanges.
    fn of_hosts(&self, made: &mut Vec<Promised>) {
        let Scenario { queues, producers, consumers, settings, limits, .. } = self.scenario;
        let keeps = self.hosts_keep();
        let onward = consumers.iter().any(|consumer| consumer.program.onward.is_some());
        let patient = settings.intake == Span::ZERO || settings.request_timeout >= Span::from_millis(1_000);
        let ends = |consumer: &ConsumerSpec| {
            let program = &consumer.program;
            program.memory_max == 0 && program.fails_every == 0 && program.fails_per_mille < 1_000
        };
        let all_are_read = queues.iter().all(|queue| self.is_read(&queue.name));
        let mut targets: BTreeSet<Subject> = BTreeSet::new();
        for ProducerSpec { to, .. } in producers {
            match to {
                TargetSpec::Queue(name) => _ = targets.insert(Subject::Queue(name.clone())),
                TargetSpec::AnyOf(names) => {
                    targets.extend(names.iter().map(|name| Subject::Queue(name.clone())));
                }
                TargetSpec::Exchange { name, .. } => _ = targets.insert(Subject::Exchange(name.clone())),
                TargetSpec::Topic { .. } => {}
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
    fn hosts_keep(&self) -> bool {
        let Scenario { consumers, settings, .. } = self.scenario;
        let careful = |consumer: &ConsumerSpec| match &consumer.from {
            SourceSpec::Queue { reading, .. } => {
                !reading.automatic && consumer.program.settles != Settles::Before
            }
            SourceSpec::Subscription { .. } => false,
            SourceSpec::Group { .. } | SourceSpec::Poll { .. } | SourceSpec::Share { .. } => true,
        };
        consumers.iter().all(careful)
            && self.adversity.disks_keep(settings.flush_before_reply)
            && !self.adversity.replaces()
    }

    /// Whether anybody writes to a topic in transactions: what is aborted nobody gets, though the log has it.
    fn is_written_in_transactions(&self, topic: &Name) -> bool {
        let Scenario { producers, consumers, .. } = self.scenario;
        let is_it = |to: &TargetSpec| matches!(to, TargetSpec::Topic { name, .. } if name == topic);
        producers.iter().any(|producer| producer.transactional.is_some() && is_it(&producer.to))
            || consumers.iter().any(|consumer| {
                consumer.program.transform.as_ref().is_some_and(|transform| transform.to == *topic)
            })
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

    /// Whether the run goes on for long enough after everything that goes wrong, and after the last message.
    fn has_time(&self) -> bool {
        let Scenario { settings, producers, consumers, ends_at, .. } = self.scenario;
        let Some(over) = self.adversity.over else { return false };
        let sent = |producer: &ProducerSpec| {
            let span = producer.messages.saturating_mul(producer.every).saturating_add(producer.starts_at);
            Time(span.saturating_add(producer.options.linger.0))
        };
        let last = producers.iter().map(sent).max().unwrap_or_default();
        let come = consumers.iter().map(|consumer| Time(consumer.starts_at)).max().unwrap_or_default();
        let ordered = self.scenario.admin.iter().map(|action| action.at).max().unwrap_or_default();
        let silence = [settings.broker_session, settings.consumer_session, settings.request_timeout];
        let silence: u64 = silence.iter().map(|span| span.0).sum();
        let rounds = match (self.adversity.more_than_deaths, self.adversity.actions.is_empty()) {
            (true, _) => ROUNDS_AFTER_MORE,
            (false, false) => ROUNDS_AFTER_DEATHS,
            (false, true) => ROUNDS_IN_PEACE,
        };
        let messages: u64 = producers.iter().map(|producer| producer.messages).fold(0, u64::saturating_add);
        // As if one consumer did everything.
        let slowest = consumers.iter().map(|consumer| consumer.work.max(consumer.program.work_max)).max();
        let work = messages.saturating_mul(slowest.unwrap_or(0));
        let needed = silence.saturating_mul(rounds).saturating_add(work);
        ends_at.since(over.max(last).max(come).max(ordered)) >= Span(needed)
    }
}

/// The topic that a consumer pulls.
fn topic_of(consumer: &ConsumerSpec) -> Option<&Name> {
    match &consumer.from {
        SourceSpec::Group { topic, .. } | SourceSpec::Poll { topic, .. } => Some(topic),
        SourceSpec::Queue { .. } | SourceSpec::Subscription { .. } | SourceSpec::Share { .. } => None,
    }
}

/// The group that what it processes is judged by.
fn group_of(consumer: &ConsumerSpec) -> Option<&Name> {
    match &consumer.from {
        SourceSpec::Group { name, .. } => Some(name),
        SourceSpec::Poll { reader, .. } => Some(reader),
        SourceSpec::Queue { .. } | SourceSpec::Subscription { .. } | SourceSpec::Share { .. } => None,
    }
}

/// Whether it wants everything that its topic ever had.
fn reads_all(consumer: &ConsumerSpec) -> bool {
    match &consumer.from {
        SourceSpec::Group { options, .. } => options.start == StartAt::Earliest,
        SourceSpec::Poll { options, .. } => {
            let PullOptions { partitions, start, filter, replay, .. } = options;
            partitions.is_empty() && *start == StartAt::Earliest && filter.is_none() && replay.is_none()
        }
        SourceSpec::Queue { .. } | SourceSpec::Subscription { .. } | SourceSpec::Share { .. } => false,
    }
}

/// Whether it says that a message is done when it is.
fn commits_after(consumer: &ConsumerSpec) -> bool {
    match &consumer.from {
        SourceSpec::Group { options, .. } => options.commits != CommitMode::Before,
        SourceSpec::Poll { options, .. } => options.commits == Commits::After,
        SourceSpec::Queue { .. } | SourceSpec::Subscription { .. } | SourceSpec::Share { .. } => true,
    }
}
