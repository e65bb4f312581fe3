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
//!   often, or routed nowhere; and not kept among dead letters.
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
//! * **doubled**: processed more than once (in one group; from one queue, where an exchange routed it).
//! * **out of order**: processed for the first time after a message that *the same producer* sent later *with the
//!   same key* (or, without keys, to the same partition), in one group; for a queue, received by one consumer after
//!   it, or done by it after a later one of the same key (see `order_of_work`). Messages that a broker marked as
//!   redelivered are not counted at receiving: it said so; nor are second copies that retries stored. Between two producers no order is promised.

use alloc::collections::{BTreeMap, BTreeSet};

use compacted::Tables;

use super::agreement::Agreement;
use super::cluster_event::ClusterEvent;
use super::event::{Event, Place, Stamped};
use super::fault_event::FaultEvent;
use super::order_of_work::OrderOfWork;
use super::pull_event::PullEvent;
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, Name, NodeId};
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
    /// Who sent what.
    sent: BTreeMap<MessageId, NodeId>,
    acknowledged: BTreeSet<MessageId>,
    processed: BTreeMap<(Purpose, MessageId), u32>,
    delivered: BTreeSet<MessageId>,
    lost: BTreeSet<MessageId>,
    dropped: BTreeSet<MessageId>,
    /// Back at their producers, and processed by nobody.
    returned: BTreeSet<MessageId>,
    /// The step in which a message died last: if it is stored elsewhere in the same step, it was not dropped.
    died_in: BTreeMap<MessageId, u64>,
    /// In which queues a message stands as a dead letter.
    dead_letters: BTreeMap<MessageId, BTreeSet<Name>>,
    /// Refused for good, or not acknowledged in time: their producers gave them up.
    given_up: BTreeSet<MessageId>,
    /// Lost by a reader that had noted them as done.
    forgotten: BTreeSet<MessageId>,
    /// Dropped by retention, and processed by nobody.
    trimmed: BTreeSet<MessageId>,
    /// What compaction may take, and took.
    tables: Tables,
    doubled: BTreeSet<MessageId>,
    reordered: BTreeSet<MessageId>,
    /// Which brokers' logs hold a message, and where.
    copies: BTreeMap<MessageId, BTreeMap<Place, BTreeSet<NodeId>>>,
    /// Messages that exchanges route: each queue owes them to its consumers.
    routed: BTreeSet<MessageId>,
    /// What a queue took and nobody has processed from it.
    owed: BTreeSet<(MessageId, Name)>,
    /// What consumers have that no queue has any more, because they acknowledged it too soon.
    in_hands: BTreeMap<NodeId, BTreeSet<(MessageId, Name)>>,
    down: BTreeSet<NodeId>,
    /// The latest message seen in each line that must keep its order.
    latest: BTreeMap<(Option<NodeId>, Line), MessageId>,
    keys: BTreeMap<MessageId, char>,
    received: BTreeSet<(Name, MessageId)>, // from queues
    /// Messages whose sender does not want them in order.
    unordered: BTreeSet<MessageId>,
    agreement: Agreement,
    work: OrderOfWork,
}

/// What a message is processed for: once for each is right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    /// Whatever it was sent for.
    Sent,
    /// A group.
    Group(Name),
    /// A queue that an exchange led to.
    Queue(Name),
}

/// What must stay in order, of what one producer sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    /// What one consumer receives from a queue.
    Queue(Name, NodeId),
    /// What a group processes of one key in a topic.
    Key(Option<Name>, Name, char),
    /// What a group processes without key of one partition.
    Partition(Option<Name>, Place),
}

impl Verdict {
    /// How many messages producers sent at least once.
    pub fn sent(&self) -> u64 {
        self.sent.len() as u64
    }

    /// How many messages producers were told are stored.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }

    /// How many messages were processed at least once.
    pub fn delivered(&self) -> u64 {
        self.delivered.len() as u64
    }

    /// How many messages were sent, and are neither processed nor lost, dropped, returned, given up, trimmed or dead
    /// letters.
    pub fn on_their_way(&self) -> u64 {
        self.sent.keys().filter(|id| !self.is_settled(id) && !self.is_dead_letter(id)).count() as u64
    }

    /// Messages that stand among dead letters alone, and nobody has processed.
    pub fn dead_letters(&self) -> impl Iterator<Item = MessageId> {
        self.dead_letters.keys().filter(|id| !self.is_settled(id) && self.is_dead_letter(id)).copied()
    }

    /// Acknowledged messages that nobody will ever get.
    pub fn lost(&self) -> &BTreeSet<MessageId> {
        &self.lost
    }

    /// Acknowledged messages that a leader's retention dropped before anybody had processed them. A consumer that has
    /// one in hands may yet process it.
    pub fn trimmed(&self) -> impl Iterator<Item = MessageId> {
        self.trimmed.intersection(&self.acknowledged).copied()
    }

    /// Acknowledged messages that are neither processed nor lost: some log holds them, and they may yet come.
    pub fn waiting(&self) -> impl Iterator<Item = MessageId> {
        self.acknowledged.iter().filter(move |id| !self.is_settled(id)).copied()
    }

    /// Messages that their producers gave up, because a broker will never take them or did not acknowledge them in time:
    /// no promise was broken.
    pub fn given_up(&self) -> &BTreeSet<MessageId> {
        &self.given_up
    }

    /// Whether a message is processed, lost, dropped, returned, trimmed or given up.
    fn is_settled(&self, id: &MessageId) -> bool {
        let over =
            [&self.delivered, &self.lost, &self.dropped, &self.returned, &self.trimmed, &self.given_up];
        over.iter().any(|messages| messages.contains(id)) || self.tables.took(id)
    }

    /// Whether no log holds a message but those of queues in which it is a dead letter.
    fn is_dead_letter(&self, id: &MessageId) -> bool {
        let (Some(queues), Some(places)) = (self.dead_letters.get(id), self.copies.get(id)) else {
            return false;
        };
        let is_grave = |place: &Place| matches!(place, Place::Queue(queue) if queues.contains(queue));
        let mut held = places.iter().filter(|(_, brokers)| !brokers.is_empty()).peekable();
        held.peek().is_some() && held.all(|(place, _)| is_grave(place))
    }

    /// Messages of which a queue let a copy go, as it was told to, and that are not among dead letters.
    pub fn dropped(&self) -> &BTreeSet<MessageId> {
        &self.dropped
    }

    /// Messages that fitted no queue, as their producers were told: they have them back.
    pub fn returned(&self) -> &BTreeSet<MessageId> {
        &self.returned
    }

    /// Messages processed more than once.
    pub fn doubled(&self) -> &BTreeSet<MessageId> {
        &self.doubled
    }

    /// Messages processed after one that was sent later.
    pub fn reordered(&self) -> &BTreeSet<MessageId> {
        &self.reordered
    }

    /// Whether nothing was lost, trimmed unprocessed, doubled or out of order so far.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && self.trimmed().next().is_none()
            && self.doubled.is_empty()
            && self.reordered.is_empty()
    }

    /// Whether producers' own transactions and their messages agree.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Tells the judge that a message belongs to a transaction of its sender's own.
    pub fn learn_transaction(&mut self, message: MessageId, sender: NodeId) {
        self.agreement.learn(message, sender);
    }

    /// Tells the judge the key of a message before it is sent: order is promised for each key.
    pub fn learn_key(&mut self, message: MessageId, key: Option<char>) {
        if let Some(key) = key {
            self.keys.insert(message, key);
        }
    }

    /// Tells the judge that a message may be delivered out of order, because its sender wants it so: it has a
    /// priority, or a delay.
    pub fn learn_unordered(&mut self, message: MessageId) {
        self.unordered.insert(message);
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, stamped: &Stamped) {
        self.agreement.observe(stamped);
        let Stamped { node, event, step, .. } = stamped;
        self.judge_work(event);
        match event {
            Event::Sent { message, to, .. } => {
                self.sent.entry(*message).or_insert(*node);
                if let Place::Exchange(_) = to {
                    self.routed.insert(*message);
                }
            }
            Event::Acknowledged { message, .. } => {
                self.acknowledged.insert(*message);
                self.judge_loss(*message);
            }
            Event::Appended { to, messages, .. } => {
                self.hold(to, *node, messages);
                self.tables.appended(to, messages, &self.keys);
                self.owe(to, messages, *step);
            }
            Event::Copied { partition, messages, .. } => {
                self.hold(&Place::Partition(partition.clone()), *node, messages);
            }
            Event::Pull(PullEvent::Trimmed { messages, .. }) => {
                let unprocessed = messages.iter().filter(|message| !self.delivered.contains(message));
                self.trimmed.extend(unprocessed);
            }
            Event::Pull(PullEvent::Compacted { partition, messages, .. }) => {
                self.compacted(partition, *node, messages);
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
            Event::Received { from: Place::Queue(queue), message, delivery: 1 } => {
                self.pushed(queue, *message, *node);
            }
            // Its sender took it back before anybody saw it.
            Event::Queue(QueueEvent::HalfDecided { message, decision: Decision::Rollback })
                if !self.copies.contains_key(message) =>
            {
                self.sent.remove(message);
            }
            Event::Processed { from, message, group } => self.processed(from, *message, group, *node),
            Event::Settled { queue, message, by } => self.settled(queue, *message, *node, *by),
            Event::Crashed | Event::PowerCut | Event::Cluster(ClusterEvent::Stopped) => self.died(*node),
            Event::Restarted => {
                self.down.remove(node);
            }
            Event::Queue(event) => self.observe_queue(*node, event, *step),
            _ => {}
        }
    }

    fn observe_queue(&mut self, node: NodeId, event: &QueueEvent, step: u64) {
        match event {
            QueueEvent::Died { queue, message, .. } => {
                self.owed.remove(&(*message, queue.clone()));
                self.let_go(&Place::Queue(queue.clone()), node, *message);
                self.dead_letters.entry(*message).or_default().remove(queue);
                self.dropped.insert(*message);
                self.died_in.insert(*message, step);
            }
            QueueEvent::Unroutable { message, returned: false, .. } => {
                self.dropped.insert(*message);
            }
            // An earlier try may have found a queue, whose answer was lost: then somebody may have done it.
            QueueEvent::Returned { message, .. } if !self.delivered.contains(message) => {
                self.returned.insert(*message);
            }
            // Nobody will send it again, whether its sender hears of the commit or not: it is as good as promised.
            QueueEvent::TransactionCommitted { sent, .. } => self.acknowledged.extend(sent),
            QueueEvent::GaveUp { message: Some(message), .. } if !self.delivered.contains(message) => {
                self.given_up.insert(*message);
            }
            QueueEvent::OutOfMemory { .. } => self.died(node),
            _ => {}
        }
    }

    fn hold(&mut self, place: &Place, broker: NodeId, messages: &[MessageId]) {
        for &message in messages {
            self.copies.entry(message).or_default().entry(place.clone()).or_default().insert(broker);
            self.lost.remove(&message); // a retry stored it after all
        }
    }

    /// A queue took messages: from here on it owes them, unless it is a second copy of what is done already. One that
    /// died in this step was moved here.
    fn owe(&mut self, place: &Place, messages: &[MessageId], step: u64) {
        let Place::Queue(queue) = place else { return };
        for &message in messages {
            let purpose = self.purpose(&None, place, message);
            if !self.processed.contains_key(&(purpose, message)) {
                self.owed.insert((message, queue.clone()));
            }
            if self.died_in.get(&message) == Some(&step) {
                self.dropped.remove(&message);
                self.dead_letters.entry(message).or_default().insert(queue.clone());
            }
        }
    }

    fn let_go(&mut self, place: &Place, broker: NodeId, message: MessageId) {
        if let Some(brokers) = self.copies.get_mut(&message).and_then(|places| places.get_mut(place)) {
            brokers.remove(&broker);
        }
    }

    /// A broker's log lost messages.
    fn lose(&mut self, place: &Place, broker: NodeId, messages: &[MessageId]) {
        for &message in messages {
            self.let_go(place, broker, message);
            if let Place::Queue(queue) = place {
                self.judge_debt(message, queue);
            }
            self.judge_loss(message);
        }
    }

    /// A queue will not serve a copy any more: was it still owed?
    fn judge_debt(&mut self, message: MessageId, queue: &Name) {
        let owed = self.owed.contains(&(message, queue.clone()));
        if owed && self.routed.contains(&message) && self.acknowledged.contains(&message) {
            self.lost.insert(message);
        }
    }

    /// A new leader's log is the truth: what it does not have, the others will cut away.
    fn elected(&mut self, place: &Place, leader: NodeId) {
        let mut overruled = BTreeSet::new();
        for (&message, places) in &mut self.copies {
            if let Some(brokers) = places.get_mut(place).filter(|brokers| !brokers.contains(&leader)) {
                brokers.clear();
                overruled.insert(message);
            }
        }
        for message in overruled {
            self.judge_loss(message);
        }
    }

    /// A queue has a consumer's word. If it came before the work was done, the consumer alone has the message now.
    fn settled(&mut self, queue: &Name, message: MessageId, broker: NodeId, by: NodeId) {
        self.let_go(&Place::Queue(queue.clone()), broker, message);
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
        let somewhere =
            |places: &BTreeMap<Place, BTreeSet<NodeId>>| places.values().any(|brokers| !brokers.is_empty());
        let held = self.copies.get(&message).is_some_and(somewhere)
            || self.in_hands.values().flatten().any(|(other, _)| *other == message);
        let settled = self.delivered.contains(&message)
            || self.dropped.contains(&message)
            || self.tables.took(&message);
        if (!held || self.forgotten.contains(&message)) && !settled && self.acknowledged.contains(&message) {
            self.lost.insert(message);
        }
    }

    /// What processing a message from somewhere is for.
    fn purpose(&self, group: &Option<Name>, from: &Place, message: MessageId) -> Purpose {
        match (group, from) {
            (Some(group), _) => Purpose::Group(group.clone()),
            (None, Place::Queue(queue)) if self.routed.contains(&message) => Purpose::Queue(queue.clone()),
            (None, _) => Purpose::Sent,
        }
    }

    fn processed(&mut self, from: &Place, message: MessageId, group: &Option<Name>, by: NodeId) {
        let purpose = self.purpose(group, from, message);
        if let Place::Queue(queue) = from {
            self.owed.remove(&(message, queue.clone()));
            if let Some(hands) = self.in_hands.get_mut(&by) {
                hands.remove(&(message, queue.clone()));
            }
        }
        let times = self.processed.entry((purpose, message)).or_default();
        *times += 1;
        if *times > 1 {
            self.doubled.insert(message);
            return;
        }
        self.delivered.insert(message);
        self.dropped.remove(&message);
        self.returned.remove(&message);
        self.given_up.remove(&message);
        self.trimmed.remove(&message);
        if !self.routed.contains(&message) {
            self.lost.remove(&message);
        }
        if let Place::Partition(partition) = from {
            let line = match self.keys.get(&message) {
                Some(&key) => Line::Key(group.clone(), partition.topic.clone(), key),
                None => Line::Partition(group.clone(), from.clone()),
            };
            self.in_line(line, message);
        }
    }

    fn judge_work(&mut self, event: &Event) {
        let Self { work, keys, unordered, sent, .. } = self;
        let key = |id: &MessageId| keys.get(id).filter(|_| !unordered.contains(id)).copied();
        let late = work.observe(event, |id| Some((sent.get(id).copied(), key(id)?)));
        self.reordered.extend(late);
    }

    /// A consumer got a queue's message. A second copy, which a retry stored, comes when it comes.
    fn pushed(&mut self, queue: &Name, message: MessageId, to: NodeId) {
        if self.received.insert((queue.clone(), message)) {
            self.in_line(Line::Queue(queue.clone(), to), message);
        }
    }

    fn in_line(&mut self, line: Line, message: MessageId) {
        if self.unordered.contains(&message) {
            return;
        }
        let producer = self.sent.get(&message).copied();
        let latest = self.latest.entry((producer, line)).or_insert(message);
        if message < *latest {
            self.reordered.insert(message);
        }
        *latest = message.max(*latest);
    }
}

mod compacted;
#[cfg(test)]
mod tests;
