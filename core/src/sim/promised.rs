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
//! | effectively once | at least once, and a program that remembers what it has done, or commits what it read with what it wrote |
//!
//! A queue promises that nothing is lost where its broker flushes before it answers (or no power goes), and where consumers
//! acknowledge when they are done.
//!
//! What more is promised of transactions over partitions stands in `promised/transactions.rs`, of share groups in
//! `promised/shares.rs`, and of those who are told that their order is accepted in `promised/orders.rs`.
//!
//! A scenario for which this file promises too much is a bug that the swarm finds; one for which it promises too little is
//! a loss that nobody hears of. So every rule has its row in `tests/tests/promises.rs` or
//! `tests/tests/promised.rs`.
//!
//! Not judged here: what services send to topics and queues, where there are services (their users' orders are), and
//! subscriptions, whose queues may go with their readers.

mod hosts;
mod orders;
mod readers;
mod shares;
mod time;
mod transactions;

use alloc::vec::Vec;

use readers::{commits_after, commits_before, group_of, reads_all, topic_of};

use super::adversity::Adversity;
use super::command::{Action, Command};
use super::own_transaction::{HowTransaction, Keeps};
use super::scenario::{ConsumerSpec, ProducerSpec, Scenario, TargetSpec, TopicSpec};
use crate::broker::{Acks, Cleanup, Order, Truncation};
use crate::ids::Name;
use crate::observe::{Promise, Promised, Subject};
use crate::sorted::SortedSet;
use crate::time::Span;

/// Where at least so many replicas must have a message before its producer is told, one that dies takes nothing along.
const COPIES_SAFE: u32 = 2;

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
        let adversity = Adversity::of(self, seed);
        let mut made = self.promises_as_it_is(&adversity);
        // Where something is set anew on the way, only what was promised before and after is promised of the whole run.
        let mut changed = self.clone();
        for Action { at, command } in &adversity.actions {
            let Command::Change(change) = command else { continue };
            if changed.accepts(change).is_ok() {
                changed.alter(*at, change);
                let after = changed.promises_as_it_is(&adversity);
                made.retain(|promised| after.contains(promised));
            }
        }
        made
    }

    fn promises_as_it_is(&self, adversity: &Adversity) -> Vec<Promised> {
        let promises = Promises { scenario: self, adversity };
        let mut made = Vec::new();
        if self.system.is_some() {
            made = self.promises_of_system(adversity);
            made.sort();
            return made;
        }
        if !self.services.is_empty() || !self.users.is_empty() {
            promises.of_orders(&mut made);
            return made;
        }
        for topic in &self.topics {
            promises.of_topic(topic, &mut made);
        }
        promises.of_hosts(&mut made);
        promises.of_transactional_ids(&mut made);
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

/// What a topic's settings and those who write it guarantee.
#[derive(Clone, Copy)]
struct Log {
    /// Two brokers have what is acknowledged by all, and the next leader is one of them.
    replicated: bool,
    /// What is committed stays in every leader's log.
    keeps_log: bool,
    /// And everything that producers are told is stored is committed.
    keeps: bool,
    /// Old messages go.
    trims: bool,
    /// With more partitions a key may go to another one, and overtake what it left behind.
    grows: bool,
    /// Somebody writes it in transactions: what is aborted nobody gets, though the log has it.
    transactional: bool,
    /// Nothing is in it twice; of what is sent in transactions, nothing counts twice.
    once: bool,
}

impl<'a> Promises<'a> {
    /// The producers that write a topic.
    fn producers_of(&self, topic: &Name) -> Vec<&'a ProducerSpec> {
        let to_it = |producer: &&ProducerSpec| matches!(&producer.to, TargetSpec::Topic { name, .. } if name == topic);
        self.scenario.producers.iter().filter(to_it).collect()
    }

    /// The programs that write a topic: one message for each that they read of another.
    fn transforms_of(&self, topic: &Name) -> Vec<&'a ConsumerSpec> {
        let writes = |consumer: &&ConsumerSpec| {
            consumer.program.transform.as_ref().is_some_and(|transform| transform.to == *topic)
        };
        self.scenario.consumers.iter().filter(writes).collect()
    }

    /// The consumers that pull a topic.
    fn readers_of(&self, topic: &Name) -> Vec<&'a ConsumerSpec> {
        self.scenario.consumers.iter().filter(|consumer| topic_of(consumer) == Some(topic)).collect()
    }

    /// Whether old messages of a topic go, or those of which a later one has the key.
    fn is_trimmed(&self, topic: &Name) -> bool {
        self.scenario.topics.iter().filter(|known| known.name == *topic).any(|topic| {
            topic.retention_bytes.is_some()
                || topic.retention_time.is_some()
                || topic.cleanup != Cleanup::default()
        })
    }

    fn log_of(&self, topic: &TopicSpec) -> Log {
        let Scenario { settings, admin, ends_at, .. } = self.scenario;
        let (senders, transforms) = (self.producers_of(&topic.name), self.transforms_of(&topic.name));
        let orders = || admin.iter().map(|action| &action.order);
        // Moved to too few brokers, it is as good as made of so few.
        let few = orders().any(|order| {
            matches!(order, Order::Reassign { partition, replicas }
                if partition.topic == topic.name && (replicas.len() as u32) < topic.min_in_sync.max(COPIES_SAFE))
        });
        let replicated = topic.min_in_sync >= COPIES_SAFE
            && !topic.unclean_election
            && settings.truncation == Truncation::Epoch
            && !few;
        let keeps_log = replicated && self.adversity.disks_keep(settings.flush_before_reply);
        let keeps = keeps_log && senders.iter().all(|sender| acks(sender) == Acks::All);
        let trims = self.is_trimmed(&topic.name);
        let remembered = settings.producer_expiry > Span(ends_at.0) && !trims;
        let once = keeps
            && remembered
            && senders.iter().all(numbered)
            && senders.iter().all(forgets)
            && self.are_exact(&topic.name, &transforms)
            && !self.adversity.replaces();
        Log {
            replicated,
            keeps_log,
            keeps,
            trims,
            grows: orders().any(
                |order| matches!(order, Order::AddPartitions { topic: grows, .. } if *grows == topic.name),
            ) || self.adversity.grown.contains(&topic.name),
            transactional: self.is_transactional(&topic.name),
            once,
        }
    }

    fn of_topic(&self, topic: &TopicSpec, made: &mut Vec<Promised>) {
        let settings = &self.scenario.settings;
        let name = &topic.name;
        let (senders, transforms) = (self.producers_of(name), self.transforms_of(name));
        if senders.is_empty() && transforms.is_empty() {
            return;
        }
        let log = self.log_of(topic);
        let mut promise = |holds: bool, promise| {
            if holds {
                made.push(Promised { promise, of: Subject::Topic(name.clone()) });
            }
        };
        promise(log.keeps, Promise::NotLost);
        promise(log.keeps_log && settings.strict_watermark && !log.trims, Promise::ReadStays);
        promise(log.once && !log.transactional, Promise::StoredOnce);
        promise(log.once && log.transactional, Promise::CommittedOnce);
        let patient = |sender: &&ProducerSpec| sender.options.delivery_timeout.is_none();
        let in_turn = senders.iter().all(numbered) || settings.in_flight_max == 1;
        let readers = self.readers_of(name);
        let one_by_one = readers.iter().all(|reader| reader.program.workers <= 1);
        let peaceful = senders.iter().all(numbered) || !self.adversity.more_than_deaths;
        // Who has said "done" before the work, and then stands still, does it when another has gone on.
        let in_hand = self.adversity.more_than_deaths && readers.iter().any(|reader| commits_before(reader));
        let ordered = log.keeps
            && !log.trims
            && !log.grows
            && in_turn
            && peaceful
            && one_by_one
            && !in_hand
            // Two programs take turns at what they read: what one has begun, the other may do sooner.
            && transforms.is_empty()
            // What is aborted goes again, and without keys to another partition: who saw it before sees it out of order.
            && (!log.transactional || readers.iter().all(|reader| readers::reads_committed(reader)))
            && senders.iter().all(patient)
            && senders.iter().all(forgets);
        promise(ordered, Promise::InOrder);
        let told = senders.iter().all(|sender| acks(sender) != Acks::None);
        // What a program aborted it reads again and does again, if that is still there.
        let again = transforms.iter().filter_map(|program| topic_of(program)).all(|from| {
            let inputs = self.scenario.topics.iter().filter(|input| input.name == *from);
            inputs.map(|input| self.log_of(input)).all(|log| log.keeps && !log.trims)
        });
        let quiet = self.has_time() && again && !self.fence_each_other(name);
        promise(told && quiet && log.replicated, Promise::Answered);
        let mut groups: SortedSet<&Name> = SortedSet::new();
        for reader in &readers {
            if let Some(group) = group_of(reader).filter(|group| groups.insert(*group)) {
                let members: Vec<&ConsumerSpec> =
                    readers.iter().copied().filter(|other| group_of(other) == Some(group)).collect();
                self.of_group((group, name), &members, log, made);
            }
        }
        self.of_shares(name, log, made);
    }

    /// What a group's members promise together, or a reader by itself.
    fn of_group(
        &self,
        (group, topic): (&Name, &Name),
        members: &[&ConsumerSpec],
        log: Log,
        made: &mut Vec<Promised>,
    ) {
        let of = Subject::Group { group: group.clone(), topic: topic.clone() };
        let all = |holds: fn(&ConsumerSpec) -> bool| members.iter().all(|member| holds(member));
        let committed = all(readers::reads_committed);
        if log.keeps_log && log.transactional && committed {
            made.push(Promised { promise: Promise::OnlyCommitted, of: of.clone() });
        }
        let finishes = all(|member| {
            let program = &member.program;
            program.memory_max == 0 && program.fails_every == 0 && program.fails_per_mille == 0
        });
        let at_least = log.keeps
            && finishes
            && all(reads_all)
            && all(commits_after)
            && all(transactions::comes_back)
            && self.has_time()
            && !self.fence_each_other(topic);
        let before = all(commits_before);
        let counts_once = log.once && (!log.transactional || committed);
        let at_most = counts_once && (before || all(transactions::transacts));
        let remembers = all(|member| {
            member.program.remembers && member.program.onward.is_none() && member.program.transform.is_none()
        });
        let databases: SortedSet<Option<&Name>> =
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
}

fn acks(producer: &ProducerSpec) -> Acks {
    match &producer.to {
        TargetSpec::Topic { acks, .. } => *acks,
        _ => Acks::None,
    }
}

/// Whether it numbers its batches, as who sends in transactions does in any case.
fn numbered(sender: &&ProducerSpec) -> bool {
    sender.options.idempotent || sender.transactional.is_some()
}

/// Whether a program that starts again sends nothing of what an earlier one had sent.
fn forgets(sender: &&ProducerSpec) -> bool {
    sender.keeps == Keeps::UntilStored && sender.transaction.is_none()
}
