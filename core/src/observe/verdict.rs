//! Was every promise kept? A judge that knows only what producers were told and what consumers saw.
//!
//! It does not ask the mechanisms that it judges: not the high watermark, not the in-sync set, not a queue's
//! cursor. It keeps its own account of which log holds which message, from the facts of appending, copying,
//! truncating and losing, and of which broker leads.
//!
//! * **lost**: a producer was told "stored", nobody has processed it, and no log that can still serve it has it.
//!   The moment is the one at which that becomes certain: when a leader is elected that does not have it, when the
//!   last log that held it loses it, or when a consumer dies that had acknowledged it before it was done. A message
//!   that an exchange routed into several queues is owed to each: it is lost when one of them loses its copy.
//!   So is what a reader noted as done and then lost from its memory: nobody will ask for it again.
//! * **dropped**: not lost, but taken out as the queue was told to: expired, the queue full, refused, delivered too
//!   often, removed together with its queue or topic, or routed nowhere; and not kept among dead letters.
//! * **dead letter**: taken out like that, but stored in a queue for such messages, in the same step. It is not lost,
//!   and it is not on its way either: nothing brings it to whom it was meant for. Whoever processes it there has it
//!   delivered.
//! * **returned**: routed nowhere, and its producer was told so, because it had sent it as *mandatory*. Nothing was
//!   promised, so it is neither acknowledged nor dropped, and nobody waits for it. Until the producer hears of it, it is
//!   on its way.
//! * **given up**: a broker refused it for good, so its producer does not try again: too large, a key that no exchange
//!   takes. Nothing was promised here either.
//! * **trimmed**: a producer was told "stored", and the leader dropped the message by its retention before anybody had
//!   processed it. The broker kept what it was told to keep, so it is not called lost; nobody will get it all the same.
//! * **superseded**: a producer was told "stored", nobody has processed it, and a broker that compacts the topic took it
//!   from its log because a later message has the same key, or because it was a tombstone that had been there long enough.
//!   The judge has its own account of keys: what goes without such a reason is lost.
//! * **archived**: given up by a share group, rejected or delivered too often, and processed by nobody.
//! * **doubled**: processed more than once (in one group; from one queue, where an exchange routed it).
//! * **out of order**: processed for the first time after a message that *the same producer* sent later *with the
//!   same key* (or, without keys, to the same partition), in one group; for a queue, received by one consumer after
//!   it, or done by it after a later one of the same key (see `order_of_work`). Messages that a broker marked as
//!   redelivered are not counted at receiving: it said so; nor are second copies that retries stored. Between two producers
//!   no order is promised, nor in a group that shares partitions.

mod accounts;
mod answers;
mod copies;
mod lines;
mod pulsar;
mod trims;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use accounts::Accounts;
use copies::Copies;
use lines::Lines;
use trims::Trims;

use compacted::Tables;

use super::agreement::Agreement;
use super::cluster_event::ClusterEvent;
use super::event::{Event, Place, Stamped};
use super::fault_event::FaultEvent;
use super::order_of_work::OrderOfWork;
use super::pull_event::PullEvent;
use super::queue_event::QueueEvent;
use super::rabbitmq_event::RabbitmqEvent;
use super::shared::Shared;
use super::txn_event::TxnEvent;
use super::txn_judge::TxnJudge;
use crate::ids::{MessageId, Name, NodeId};
use crate::sorted::{SortedMap, SortedSet};
use crate::vhost::Decision;

/// The judge, and what it has found so far.
///
/// ```
/// use mqlab_core::sim::{Scenario, Timeline};
/// // acks=1, and the leader dies: what only it had is lost, and the judge names it.
/// let scenario = Scenario::built_in("kill-the-leader-acks-1").ok_or("no such scenario")?;
/// let mut timeline = Timeline::new(scenario, 20)?;
/// timeline.advance(timeline.ends_at());
/// let lost: Vec<_> = timeline.verdict().lost().iter().map(|message| message.to_string()).collect();
/// assert_eq!(lost, ["m88", "m89"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// What is known of each message.
    accounts: Accounts,
    /// How many messages were sent, acknowledged, and processed at least once.
    sent: u64,
    acknowledged: u64,
    delivered: u64,
    /// What was processed for a second purpose, or a further one.
    done_also: BTreeSet<(MessageId, u32)>,
    lost: BTreeSet<MessageId>,
    dropped: BTreeSet<MessageId>,
    /// Back at their producers, and processed by nobody.
    returned: BTreeSet<MessageId>,
    /// The step in which a message died last: if it is stored elsewhere in the same step, it was not dropped.
    died_in: BTreeMap<MessageId, u64>,
    /// In a dead-letter topic.
    buried: BTreeSet<MessageId>,
    /// What has left queues of which several brokers have members.
    left: BTreeSet<(MessageId, Name)>,
    /// Dead letters on their way to queues of other brokers.
    burying: BTreeSet<(MessageId, Name)>,
    /// In which queues a message stands as a dead letter.
    dead_letters: BTreeMap<MessageId, SortedSet<Name>>,
    /// Refused for good, or not acknowledged in time: their producers gave them up.
    given_up: BTreeSet<MessageId>,
    /// Lost by a reader that had noted them as done.
    forgotten: BTreeSet<MessageId>,
    /// Dropped by retention, and processed by nobody.
    trimmed: BTreeSet<MessageId>,
    trims: Trims,
    /// What compaction may take, and took.
    tables: Tables,
    shared: Shared,
    doubled: BTreeSet<MessageId>,
    reordered: BTreeSet<MessageId>,
    copies: Copies,
    /// Which brokers have half of a message: nobody can have it yet, and it is not lost.
    halves: BTreeSet<(MessageId, NodeId)>,
    /// What a queue took and nobody has processed from it.
    owed: BTreeSet<(MessageId, Name)>,
    /// What consumers have that no queue has any more, because they acknowledged it too soon.
    in_hands: SortedMap<NodeId, BTreeSet<(MessageId, Name)>>,
    down: SortedSet<NodeId>,
    lines: Lines,
    agreement: Agreement,
    work: OrderOfWork,
    pub(super) transactions: TxnJudge,
}

impl Verdict {
    /// Tells the judge that a message belongs to a transaction of its sender's own.
    pub fn learn_transaction(&mut self, message: MessageId, sender: NodeId) {
        self.agreement.learn(message, sender);
    }

    /// Tells the judge the key of a message before it is sent: order is promised for each key.
    pub fn learn_key(&mut self, message: MessageId, key: Option<char>) {
        if let Some(key) = key {
            self.accounts.of(message).key = Some(key);
        }
    }

    /// Tells the judge that a message may be delivered out of order, because its sender wants it so: it has a
    /// priority, or a delay.
    pub fn learn_unordered(&mut self, message: MessageId) {
        self.accounts.of(message).unordered = true;
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, stamped: &Stamped) {
        self.agreement.observe(stamped);
        let Stamped { node, event, step, .. } = stamped;
        self.judge_work(event);
        self.transactions.observe(*node, event);
        match event {
            Event::Sent { messages, to, .. } => {
                for message in messages {
                    let account = self.accounts.of(*message);
                    self.sent += u64::from(account.sender.is_none());
                    account.sender.get_or_insert(*node);
                    account.routed |= matches!(to, Place::Exchange(_) | Place::Topic(_));
                }
            }
            Event::Acknowledged { messages, .. } => {
                for message in messages {
                    self.promise(*message);
                    self.tables.acknowledged(message);
                    self.judge_loss(*message);
                }
            }
            copied if self.is_of_copies(copied) => {}
            Event::Appended { to, messages, .. } => {
                self.hold(to, *node, messages);
                self.tables.appended(to, messages, &self.accounts);
                self.owe(to, messages, *step);
            }
            Event::Copied { partition, messages, .. } => {
                self.hold(&Place::Partition(partition.clone()), *node, messages);
            }
            Event::Pull(PullEvent::Trimmed { partition, messages, .. }) => {
                self.deleted(partition, *node, messages, true);
            }
            Event::Pull(PullEvent::CopyTrimmed { partition, messages, .. }) => {
                self.deleted(partition, *node, messages, false);
            }
            Event::Pull(PullEvent::Compacted { partition, messages, .. }) => {
                self.compacted(partition, *node, messages);
            }
            Event::Pull(PullEvent::Removed { partition, messages }) => {
                let place = Place::Partition(partition.clone());
                messages.iter().for_each(|&message| self.dropped_with(&place, *node, message));
            }
            Event::Pull(PullEvent::Forgotten { messages }) => {
                self.forgotten.extend(messages);
                messages.iter().for_each(|&message| self.judge_loss(message));
            }
            Event::Truncated { partition, messages, .. } => {
                self.lose(&Place::Partition(partition.clone()), *node, messages);
            }
            Event::TailLost { of, messages }
            | Event::Fault(FaultEvent::DiskLied { of, messages } | FaultEvent::DiskGone { of, messages }) => {
                self.lose(of, *node, messages);
            }
            Event::Elected { partition, leader: Some(leader), .. } => {
                self.elected(&Place::Partition(partition.clone()), *leader);
            }
            Event::Received { from: Place::Queue(queue), messages, delivery: 1 } => {
                for message in messages {
                    let late = self.lines.received(queue, *node, *message, self.accounts.of(*message));
                    self.reordered.extend(late);
                }
            }
            // Its sender took it back before anybody saw it.
            Event::Queue(QueueEvent::HalfDecided { message, decision: Decision::Rollback })
                if !self.accounts.of(*message).was_held =>
            {
                self.sent -= u64::from(self.accounts.of(*message).sender.take().is_some());
            }
            Event::Processed { from, messages, group } => {
                messages.iter().for_each(|message| self.processed(from, *message, group, *node));
            }
            Event::Settled { queue, message, by } => self.settled(queue, *message, *by),
            Event::Crashed | Event::PowerCut | Event::Cluster(ClusterEvent::Stopped) => self.died(*node),
            Event::Restarted => {
                self.down.remove(node);
            }
            // As good as promised, whether its sender hears of it or not.
            Event::Txn(TxnEvent::Committed { messages, .. }) => {
                messages.iter().for_each(|message| self.promise(*message));
            }
            Event::Queue(event) => self.observe_queue(*node, event, *step),
            Event::Pulsar(event) => self.observe_pulsar(*node, event),
            Event::Rabbitmq(event) => self.observe_rabbitmq(*node, event),
            Event::Share(event) => {
                let delivered = |id| self.accounts.get(id).is_some_and(|account| account.delivered);
                self.shared.observe(event, delivered);
            }
            _ => {}
        }
    }

    fn observe_rabbitmq(&mut self, node: NodeId, event: &RabbitmqEvent) {
        match event {
            RabbitmqEvent::Written { queue, messages, .. } => {
                let place = Place::Queue(queue.clone());
                self.copies.is_replicated(&place);
                // A member that is behind writes down, too, what has left the queue since.
                let there = |message: &&MessageId| !self.left.contains(&(**message, queue.clone()));
                let messages: Vec<MessageId> = messages.iter().filter(there).copied().collect();
                self.hold(&place, node, &messages);
            }
            RabbitmqEvent::CutBack { queue, messages, .. } => {
                self.lose(&Place::Queue(queue.clone()), node, messages);
            }
            RabbitmqEvent::Leads { queue, .. } => self.elected(&Place::Queue(queue.clone()), node),
            RabbitmqEvent::DeadLettered { message, to, .. } => {
                self.burying.extend(to.iter().map(|queue| (*message, queue.clone())));
            }
            _ => {}
        }
    }

    fn observe_queue(&mut self, node: NodeId, event: &QueueEvent, step: u64) {
        match event {
            QueueEvent::Died { queue, message, .. } => {
                self.owed.remove(&(*message, queue.clone()));
                self.leaves(queue, *message);
                self.dead_letters.entry(*message).or_default().remove(queue);
                self.dropped.insert(*message);
                self.died_in.insert(*message, step);
            }
            QueueEvent::HalfStored { message } => _ = self.halves.insert((*message, node)),
            QueueEvent::HalfDecided { message, .. } => _ = self.halves.remove(&(*message, node)),
            QueueEvent::Unroutable { message, returned: false, .. } => {
                self.dropped.insert(*message);
            }
            // An earlier try may have found a queue, whose answer was lost: then somebody may have done it.
            QueueEvent::Returned { message, .. } if !self.is_delivered(*message) => {
                self.returned.insert(*message);
            }
            // Nobody will send it again, whether its sender hears of the commit or not: it is as good as promised.
            QueueEvent::TransactionCommitted { sent, .. } => {
                sent.iter().for_each(|&message| self.promise(message));
            }
            QueueEvent::GaveUp { message: Some(message), .. } if !self.is_delivered(*message) => {
                self.given_up.insert(*message);
            }
            QueueEvent::Dropped { queue, messages } => {
                let place = Place::Queue(queue.clone());
                messages.iter().for_each(|&message| self.dropped_with(&place, node, message));
            }
            QueueEvent::OutOfMemory { .. } => self.died(node),
            _ => {}
        }
    }

    /// A queue or a topic was removed, and a message with it: nobody will have it from there, as whoever removed it wanted.
    fn dropped_with(&mut self, place: &Place, broker: NodeId, message: MessageId) {
        self.let_go(place, broker, message);
        if let Place::Queue(queue) = place {
            self.owed.remove(&(message, queue.clone()));
            self.dead_letters.entry(message).or_default().remove(queue);
        }
        if !self.is_delivered(message) {
            self.dropped.insert(message);
        }
    }

    /// A producer was told that a message is stored.
    fn promise(&mut self, message: MessageId) {
        let account = self.accounts.of(message);
        self.acknowledged += u64::from(!account.acknowledged);
        account.acknowledged = true;
    }

    fn hold(&mut self, place: &Place, broker: NodeId, messages: &[MessageId]) {
        self.copies.hold(&mut self.accounts, place, broker, messages);
        if !self.lost.is_empty() {
            messages.iter().for_each(|message| _ = self.lost.remove(message)); // a retry stored it after all
        }
    }

    /// A queue took messages: from here on it owes them, unless it is a second copy of what is done already. One that
    /// died in this step was moved here.
    fn owe(&mut self, place: &Place, messages: &[MessageId], step: u64) {
        let Place::Queue(queue) = place else { return };
        for &message in messages {
            let purpose = self.purpose(&None, place, message);
            if !self.is_done(message, purpose) {
                self.owed.insert((message, queue.clone()));
            }
            self.left.remove(&(message, queue.clone()));
            let buried = self.burying.remove(&(message, queue.clone()));
            if buried || self.died_in.get(&message) == Some(&step) {
                self.dropped.remove(&message);
                self.dead_letters.entry(message).or_default().insert(queue.clone());
            }
        }
    }

    /// A queue does not have a message any more, whoever has a copy.
    fn leaves(&mut self, queue: &Name, message: MessageId) {
        if self.copies.let_go_everywhere(&mut self.accounts, &Place::Queue(queue.clone()), message) {
            self.left.insert((message, queue.clone()));
        }
    }

    fn let_go(&mut self, place: &Place, broker: NodeId, message: MessageId) {
        self.copies.let_go(&mut self.accounts, place, broker, message);
    }

    /// A broker's log lost messages.
    fn lose(&mut self, place: &Place, broker: NodeId, messages: &[MessageId]) {
        for &message in messages {
            self.let_go(place, broker, message);
            self.halves.remove(&(message, broker));
            if let Place::Queue(queue) = place
                && !self.copies.is_held_by_any(&self.accounts, place, message)
            {
                self.judge_debt(message, queue);
            }
            self.judge_loss(message);
        }
    }

    /// A queue will not serve a copy any more: was it still owed?
    fn judge_debt(&mut self, message: MessageId, queue: &Name) {
        let owed = self.owed.contains(&(message, queue.clone()));
        let account = self.accounts.of(message);
        if owed && account.routed && account.acknowledged {
            self.lost.insert(message);
        }
    }

    /// A new leader's log is the truth: what it does not have, the others will cut away.
    fn elected(&mut self, place: &Place, leader: NodeId) {
        for message in self.copies.overrule(&mut self.accounts, place, leader) {
            self.judge_loss(message);
        }
    }

    /// A queue has a consumer's word. If it came before the work was done, the consumer alone has the message now.
    fn settled(&mut self, queue: &Name, message: MessageId, by: NodeId) {
        self.leaves(queue, message);
        if !self.owed.contains(&(message, queue.clone())) {
            return;
        }
        if self.down.contains(&by) {
            self.judge_debt(message, queue);
            self.judge_loss(message);
        } else {
            self.in_hands.entry(by).or_default().insert((message, queue.clone()));
        }
    }

    /// A node is gone, and with it what it alone had.
    fn died(&mut self, node: NodeId) {
        self.down.insert(node);
        for (message, queue) in self.in_hands.remove(&node).unwrap_or_default() {
            self.judge_debt(message, &queue);
            self.judge_loss(message);
        }
    }

    fn judge_loss(&mut self, message: MessageId) {
        let account = self.accounts.of(message);
        if !account.acknowledged || account.delivered || self.dropped.contains(&message) {
            return;
        }
        let in_hands = || self.in_hands.values().flatten().any(|(other, _)| *other == message);
        let is_half = || self.halves.iter().any(|(other, _)| *other == message);
        let held = !account.logs.is_empty() || in_hands() || is_half();
        if !held && self.tables.is_gone(message) || self.tables.took(&message) {
            return;
        }
        if !held && self.was_old(message) {
            return;
        }
        if !held || self.forgotten.contains(&message) {
            self.lost.insert(message);
        }
    }

    /// What processing a message from somewhere is for, as a number: once for each is right. A message that exchanges
    /// route is processed for each queue.
    fn purpose(&mut self, group: &Option<Name>, from: &Place, message: MessageId) -> u32 {
        match (group, from) {
            (Some(group), _) => self.lines.number(group) * 2,
            (None, Place::Queue(queue)) if self.accounts.of(message).routed => {
                self.lines.number(queue) * 2 + 1
            }
            (None, _) => lines::NO_NAME,
        }
    }

    fn is_done(&self, message: MessageId, purpose: u32) -> bool {
        self.accounts.get(message).and_then(|account| account.done_for) == Some(purpose)
            || self.done_also.contains(&(message, purpose))
    }

    /// Notes that a message was processed for something. Whether it is the first time.
    fn note_done(&mut self, message: MessageId, purpose: u32) -> bool {
        if self.is_done(message, purpose) {
            return false;
        }
        let account = self.accounts.of(message);
        self.delivered += u64::from(!account.delivered);
        account.delivered = true;
        match account.done_for {
            None => account.done_for = Some(purpose),
            Some(_) => _ = self.done_also.insert((message, purpose)),
        }
        true
    }

    fn processed(&mut self, from: &Place, message: MessageId, group: &Option<Name>, by: NodeId) {
        let purpose = self.purpose(group, from, message);
        if let Place::Queue(queue) = from {
            self.owed.remove(&(message, queue.clone()));
            if let Some(hands) = self.in_hands.get_mut(&by) {
                hands.remove(&(message, queue.clone()));
            }
        }
        if !self.note_done(message, purpose) {
            self.doubled.insert(message);
            return;
        }
        for over in [&mut self.dropped, &mut self.returned, &mut self.given_up, &mut self.trimmed] {
            over.remove(&message);
        }
        self.shared.archived.remove(&message);
        let account = self.accounts.of(message);
        if !account.routed {
            self.lost.remove(&message);
        }
        if let (Place::Partition(partition), true) = (from, self.shared.keeps_order(group)) {
            let late = self.lines.processed(group.as_ref(), partition, message, account);
            self.reordered.extend(late);
        }
    }

    fn judge_work(&mut self, event: &Event) {
        let Self { work, accounts, .. } = self;
        let known = |id: &MessageId| {
            let account = accounts.get(*id).filter(|account| !account.unordered)?;
            Some((account.sender, account.key?))
        };
        self.reordered.extend(work.observe(event, known));
    }
}

mod compacted;
#[cfg(test)]
mod tests;
