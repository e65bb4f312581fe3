//! Which promises did a run break, and by which messages? A judge that hears every fact and knows no mechanism.
//!
//! It keeps an account of its own: to what each message was sent, who was told what, what stands in which broker's log,
//! and what was processed for whom. Of what is lost, late or in the wrong order it believes the
//! [`Verdict`]. It answers for every promise, whether it was made or not: so a swarm can also ask whether
//! settings that promise nothing do break it sometimes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::Serialize;

use super::cluster_event::ClusterEvent;
use super::entry_account::EntryAccount;
use super::event::{Event, Place, Stamped};
use super::fault_event::FaultEvent;
use super::order_account::OrderAccount;
use super::promise::{Promise, Promised, Subject};
use super::pull_event::PullEvent;
use super::pulsar_event::is_ledger;
use super::queue_event::QueueEvent;
use super::share_account::ShareAccount;
use super::txn_account::TxnAccount;
use super::txn_event::TxnEvent;
use super::verdict::Verdict;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::sorted::{SortedMap, SortedSet};
use crate::vhost::Decision;

/// A promise, and the messages that broke it.
///
/// ```
/// use mqlab_core::observe::{Judged, Promise, Promised, Subject};
/// let promised = Promised { promise: Promise::Agrees, of: Subject::Producers };
/// assert!(Judged { promised, broken_by: Default::default() }.is_kept());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// What was promised.
    #[serde(flatten)]
    pub promised: Promised,
    /// The messages that broke it; none if it was kept.
    pub broken_by: BTreeSet<MessageId>,
}

impl Judged {
    /// Whether it was kept.
    pub fn is_kept(&self) -> bool {
        self.broken_by.is_empty()
    }
}

/// The judge of promises, and its account of a run.
///
/// ```
/// use mqlab_core::observe::{Promise, PromiseJudge};
/// use mqlab_core::sim::{Scenario, Timeline};
/// // acks=1, and the leader dies: there is no promise that nothing is lost, and two messages are.
/// let scenario = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
/// let promised = scenario.promises(20);
/// assert!(promised.iter().all(|promised| promised.promise != Promise::NotLost));
/// let mut timeline = Timeline::new(scenario, 20)?;
/// timeline.advance(timeline.ends_at());
/// let mut judge = PromiseJudge::default();
/// timeline.events().iter().for_each(|fact| judge.observe(fact));
/// assert!(judge.judge(&promised, timeline.verdict()).iter().all(|judged| judged.is_kept()));
/// let broken = judge.broken(timeline.verdict());
/// assert!(broken.iter().any(|judged| judged.promised.promise == Promise::NotLost && judged.broken_by.len() == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PromiseJudge {
    /// To what each message was sent first.
    to: BTreeMap<MessageId, Subject>,
    acknowledged: BTreeSet<MessageId>,
    /// Sent, and nobody told its producer what became of it.
    unanswered: BTreeMap<MessageId, NodeId>,
    /// How often it was processed, for each queue and each group.
    done: SortedMap<Subject, BTreeMap<MessageId, u32>>,
    /// How often a broker's log has a message.
    logs: SortedMap<(PartitionId, NodeId), BTreeMap<MessageId, u32>>,
    stored_twice: BTreeSet<MessageId>,
    /// What consumers have read of a partition.
    read: SortedMap<PartitionId, BTreeSet<MessageId>>,
    vanished: BTreeSet<MessageId>,
    /// What retention and compaction took from some log, as they were told to.
    cleaned: BTreeSet<MessageId>,
    transactions: TxnAccount,
    /// Processed for a group before they were committed, or though they never were.
    dirty: SortedMap<Subject, BTreeSet<MessageId>>,
    shares: ShareAccount,
    orders: OrderAccount,
    entries: EntryAccount,
}

impl PromiseJudge {
    /// Takes note of a fact.
    pub fn observe(&mut self, Stamped { node, event, .. }: &Stamped) {
        self.entries.observe(event);
        match event {
            Event::Sent { to, messages, .. } => {
                self.transactions.sent(*node, event);
                messages.iter().for_each(|message| self.sent(to, *message, *node));
            }
            Event::Acknowledged { messages, .. } => {
                self.acknowledged.extend(messages);
                messages.iter().for_each(|message| _ = self.unanswered.remove(message));
            }
            Event::Queue(event) => self.observe_queue(*node, event),
            Event::Txn(event) => self.observe_transaction(*node, event),
            Event::Share(event) => self.shares.observe(*node, event),
            Event::Order(event) => self.orders.observe(event),
            Event::Appended { to: Place::Partition(partition), messages, .. }
            | Event::Copied { partition, messages, .. } => self.stored(partition, *node, messages),
            Event::Pull(
                PullEvent::Trimmed { partition, messages, .. }
                | PullEvent::CopyTrimmed { partition, messages, .. }
                | PullEvent::Removed { partition, messages }
                | PullEvent::Compacted { partition, messages, .. },
            ) => {
                self.cleaned.extend(messages);
                self.removed(partition, *node, messages);
            }
            Event::Truncated { partition, messages, .. }
            | Event::TailLost { of: Place::Partition(partition), messages }
            | Event::Fault(
                FaultEvent::DiskLied { of: Place::Partition(partition), messages }
                | FaultEvent::DiskGone { of: Place::Partition(partition), messages },
            ) => self.removed(partition, *node, messages),
            Event::Received { from: Place::Partition(partition), messages, .. } => {
                self.read.entry(partition.clone()).or_default().extend(messages);
            }
            Event::Elected { partition, leader: Some(leader), .. } => self.elected(partition, *leader),
            Event::Processed { from, messages, group } => {
                messages.iter().for_each(|message| self.processed(from, *message, group.as_ref()));
            }
            Event::Crashed | Event::PowerCut | Event::Cluster(ClusterEvent::Stopped) => self.died(*node),
            _ => {}
        }
    }

    fn observe_queue(&mut self, node: NodeId, event: &QueueEvent) {
        match event {
            QueueEvent::Returned { message, .. }
            | QueueEvent::GaveUp { message: Some(message), .. }
            // Its sender took it back.
            | QueueEvent::HalfDecided { message, decision: Decision::Rollback } => {
                self.unanswered.remove(message);
            }
            QueueEvent::TransactionCommitted { sent, .. } => {
                self.acknowledged.extend(sent);
                sent.iter().for_each(|message| _ = self.unanswered.remove(message));
            }
            QueueEvent::TransactionRolledBack { messages, .. } => {
                messages.iter().for_each(|message| _ = self.unanswered.remove(message));
            }
            QueueEvent::OutOfMemory { .. } => self.died(node),
            _ => {}
        }
    }

    fn observe_transaction(&mut self, node: NodeId, event: &TxnEvent) {
        for message in self.transactions.observe(node, event) {
            self.unanswered.remove(&message);
        }
        // It counts, whether its sender hears of that or not.
        if let TxnEvent::Committed { messages, .. } = event {
            self.acknowledged.extend(messages);
            messages.iter().for_each(|message| _ = self.unanswered.remove(message));
        }
    }

    fn sent(&mut self, to: &Place, message: MessageId, by: NodeId) {
        let subject = match to {
            Place::Partition(partition) => Subject::Topic(partition.topic.clone()),
            Place::Queue(queue) => Subject::Queue(queue.clone()),
            Place::Exchange(exchange) => Subject::Exchange(exchange.clone()),
            Place::Topic(topic) => Subject::Topic(topic.clone()),
        };
        self.to.entry(message).or_insert(subject);
        if !self.acknowledged.contains(&message) {
            self.unanswered.insert(message, by);
        }
    }

    /// Who died does not wait for an answer any more.
    fn died(&mut self, node: NodeId) {
        self.unanswered.retain(|_, by| *by != node);
    }

    fn stored(&mut self, partition: &PartitionId, broker: NodeId, messages: &[MessageId]) {
        if is_ledger(partition) {
            return; // of which topic it is, and how much of it counts, the account of entries knows
        }
        let log = self.logs.entry((partition.clone(), broker)).or_default();
        for &message in messages {
            let times = log.entry(message).or_default();
            *times += 1;
            if *times > self.transactions.copies(message) {
                self.stored_twice.insert(message);
            }
        }
    }

    fn removed(&mut self, partition: &PartitionId, broker: NodeId, messages: &[MessageId]) {
        let Some(log) = self.logs.get_mut(&(partition.clone(), broker)) else { return };
        for message in messages {
            if let Some(times) = log.get_mut(message) {
                *times -= 1;
                if *times == 0 {
                    log.remove(message);
                }
            }
        }
    }

    /// From here on this broker's log is the truth.
    fn elected(&mut self, partition: &PartitionId, leader: NodeId) {
        let Some(read) = self.read.get(partition) else { return };
        let log = self.logs.get(&(partition.clone(), leader));
        let has = |message: &&MessageId| log.is_some_and(|log| log.contains_key(message));
        self.vanished.extend(read.iter().filter(|message| !has(message)));
    }

    fn processed(&mut self, from: &Place, message: MessageId, group: Option<&Name>) {
        let subject = match (from, group) {
            (Place::Partition(partition), Some(group)) => {
                // What comes again from a topic of retries counts for the topic that it was sent to.
                let topic = match self.to.get(&message) {
                    Some(Subject::Topic(topic)) => topic.clone(),
                    _ => partition.topic.clone(),
                };
                Subject::Group { group: group.clone(), topic }
            }
            (Place::Queue(queue), _) => Subject::Queue(queue.clone()),
            (Place::Partition(_) | Place::Exchange(_) | Place::Topic(_), _) => return,
        };
        if matches!(subject, Subject::Group { .. }) && self.transactions.is_uncommitted(message) {
            self.dirty.entry(subject.clone()).or_default().insert(message);
        }
        *self.done.entry(subject).or_default().entry(message).or_default() += 1;
    }

    /// Says of each promise that was made which messages broke it.
    pub fn judge(&self, promised: &[Promised], verdict: &Verdict) -> Vec<Judged> {
        let judge = |promised: &Promised| Judged {
            broken_by: self.broken_by(promised, verdict),
            promised: promised.clone(),
        };
        promised.iter().map(judge).collect()
    }

    /// Everything that would break a promise if it were made: for every subject that was met.
    pub fn broken(&self, verdict: &Verdict) -> Vec<Judged> {
        let subjects: SortedSet<&Subject> = self.to.values().chain(self.done.keys()).collect();
        let mut all = Vec::new();
        let ids: Vec<Subject> = self.transactions.ids().cloned().map(Subject::TransactionalId).collect();
        for of in subjects.into_iter().chain([&Subject::Producers, &Subject::Users]).chain(&ids) {
            let fits = |promise: &Promise| fits(*promise, of) && self.is_asked(*promise, of);
            all.extend(
                Promise::ALL.into_iter().filter(fits).map(|promise| Promised { promise, of: of.clone() }),
            );
        }
        let judged = self.judge(&all, verdict);
        judged.into_iter().filter(|judged| !judged.is_kept()).collect()
    }

    /// Whether it makes sense to ask: only who shares has each message for itself.
    fn is_asked(&self, promise: Promise, of: &Subject) -> bool {
        promise != Promise::WithOneAtATime || self.shares.knows(of)
    }

    fn broken_by(&self, Promised { promise, of }: &Promised, verdict: &Verdict) -> BTreeSet<MessageId> {
        let sent_to = |message: &MessageId| self.to.get(message) == Some(of);
        let of_them = |messages: &BTreeSet<MessageId>| messages.iter().copied().filter(sent_to).collect();
        match promise {
            Promise::NotLost => of_them(verdict.lost()),
            Promise::ReadStays => of_them(&self.vanished),
            Promise::StoredOnce => {
                let mut twice = self.stored_twice.clone();
                if let Subject::Topic(topic) = of {
                    twice.extend(self.entries.twice_in(topic));
                }
                of_them(&twice)
            }
            Promise::InOrder => of_them(verdict.reordered()),
            Promise::Answered => self.unanswered.keys().copied().filter(sent_to).collect(),
            Promise::AtLeastOnce => self.stuck(of, verdict),
            Promise::AtMostOnce => self.doubled(of),
            Promise::EffectivelyOnce => self.stuck(of, verdict).into_iter().chain(self.doubled(of)).collect(),
            Promise::Agrees => {
                let agreement = verdict.agreement();
                agreement.invented().union(agreement.unheard()).copied().collect()
            }
            Promise::CommittedOnce => {
                let twice = self.transactions.committed_twice().union(&self.stored_twice);
                twice.copied().filter(sent_to).collect()
            }
            Promise::OnlyCommitted => self.dirty.get(of).cloned().unwrap_or_default(),
            Promise::ZombiesFenced => match of {
                Subject::TransactionalId(id) => self.transactions.zombies(id),
                _ => BTreeSet::new(),
            },
            Promise::AcceptedIsDone => self.orders.disappointments(),
            Promise::WithOneAtATime => self.shares.breaches(of, self.done.get(of)),
        }
    }

    fn doubled(&self, of: &Subject) -> BTreeSet<MessageId> {
        let done = self.done.get(of).into_iter().flatten();
        done.filter(|(_, times)| **times > 1).map(|(message, _)| *message).collect()
    }

    /// What was acknowledged and is not processed, though it is neither lost nor taken out as the system was told to.
    fn stuck(&self, of: &Subject, verdict: &Verdict) -> BTreeSet<MessageId> {
        let Subject::Group { topic, group } = of else {
            let dead: BTreeSet<MessageId> = verdict.dead_letters().collect();
            let sent_here = |message: &MessageId| self.to.get(message) == Some(of) && !dead.contains(message);
            return verdict.waiting().filter(sent_here).collect();
        };
        let done = self.done.get(of);
        let archived: BTreeSet<MessageId> = self.shares.archived(of).collect();
        let over = |message: &MessageId| {
            done.is_some_and(|done| done.contains_key(message))
                || verdict.does_without(group, message)
                || [verdict.lost(), verdict.given_up(), &self.cleaned, &archived]
                    .iter()
                    .any(|set| set.contains(message))
        };
        let topic = Subject::Topic(topic.clone());
        let owed = |message: &MessageId| self.to.get(message) == Some(&topic) && !over(message);
        self.acknowledged.iter().copied().filter(owed).collect()
    }
}

/// Whether a promise can be made for such a subject.
fn fits(promise: Promise, of: &Subject) -> bool {
    match of {
        Subject::Topic(_) => matches!(
            promise,
            Promise::NotLost
                | Promise::ReadStays
                | Promise::StoredOnce
                | Promise::InOrder
                | Promise::Answered
                | Promise::CommittedOnce
        ),
        Subject::Queue(_) => matches!(
            promise,
            Promise::NotLost
                | Promise::InOrder
                | Promise::Answered
                | Promise::AtLeastOnce
                | Promise::AtMostOnce
        ),
        Subject::Exchange(_) => {
            matches!(promise, Promise::NotLost | Promise::InOrder | Promise::Answered | Promise::AtLeastOnce)
        }
        Subject::Group { .. } => matches!(
            promise,
            Promise::AtLeastOnce | Promise::AtMostOnce | Promise::OnlyCommitted | Promise::WithOneAtATime
        ),
        Subject::Producers => promise == Promise::Agrees,
        Subject::Users => promise == Promise::AcceptedIsDone,
        Subject::TransactionalId(_) => promise == Promise::ZombiesFenced,
    }
}
