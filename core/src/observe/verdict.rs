//! Was every promise kept? A judge that knows only what producers were told and what consumers saw.
//!
//! It does not ask the mechanisms that it judges: not the high watermark, not the in-sync set, not a queue's
//! cursor. It keeps its own account of which log holds which message, from the facts of appending, copying,
//! truncating and losing, and of which broker leads.
//!
//! * **lost**: a producer was told "stored", nobody has processed it, and no log that can still serve it has it.
//!   The moment is the one at which that becomes certain: when a leader is elected that does not have it, or the
//!   last log that held it loses it.
//! * **doubled**: processed more than once (in one group).
//! * **out of order**: processed for the first time after a message that *the same producer* sent later *with the
//!   same key* (or, without keys, to the same partition), in one group; for a queue, received by one consumer after
//!   it, or done by it after a later one of the same key (see `order_of_work`). Messages that a broker marked as
//!   redelivered are not counted at receiving: it said so. Between two producers no order is promised.

use alloc::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Place, Stamped};
use super::order_of_work::OrderOfWork;
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, Name, NodeId};

/// The judge, and what it has found so far.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Who sent what.
    sent: BTreeMap<MessageId, NodeId>,
    acknowledged: BTreeSet<MessageId>,
    processed: BTreeMap<(Option<Name>, MessageId), u32>,
    delivered: BTreeSet<MessageId>,
    lost: BTreeSet<MessageId>,
    doubled: BTreeSet<MessageId>,
    reordered: BTreeSet<MessageId>,
    /// Which brokers' logs hold a message, and where.
    copies: BTreeMap<MessageId, (Place, BTreeSet<NodeId>)>,
    /// The latest message seen in each line that must keep its order.
    latest: BTreeMap<(Option<NodeId>, Line), MessageId>,
    keys: BTreeMap<MessageId, char>,
    /// Messages whose sender does not want them in order.
    unordered: BTreeSet<MessageId>,
    work: OrderOfWork,
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

    /// How many messages were sent, and are neither processed nor lost.
    pub fn on_their_way(&self) -> u64 {
        let settled =
            self.sent.keys().filter(|id| self.delivered.contains(id) || self.lost.contains(id)).count();
        (self.sent.len() - settled) as u64
    }

    /// Acknowledged messages that nobody will ever get.
    pub fn lost(&self) -> &BTreeSet<MessageId> {
        &self.lost
    }

    /// Acknowledged messages that are neither processed nor lost: some log holds them, and they may yet come.
    pub fn waiting(&self) -> impl Iterator<Item = MessageId> {
        let settled = |id: &&MessageId| self.delivered.contains(id) || self.lost.contains(id);
        self.acknowledged.iter().filter(move |id| !settled(id)).copied()
    }

    /// Messages processed more than once.
    pub fn doubled(&self) -> &BTreeSet<MessageId> {
        &self.doubled
    }

    /// Messages processed after one that was sent later.
    pub fn reordered(&self) -> &BTreeSet<MessageId> {
        &self.reordered
    }

    /// Whether nothing was lost, doubled or out of order so far.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.reordered.is_empty()
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
    pub fn observe(&mut self, Stamped { node, event, .. }: &Stamped) {
        self.judge_work(*node, event);
        match event {
            Event::Sent { message, .. } => {
                self.sent.entry(*message).or_insert(*node);
            }
            Event::Acknowledged { message, .. } => {
                self.acknowledged.insert(*message);
                self.judge_loss(*message);
            }
            Event::Appended { to, messages, .. } => self.hold(to, *node, messages),
            Event::Copied { partition, messages, .. } => {
                self.hold(&Place::Partition(partition.clone()), *node, messages);
            }
            Event::Truncated { messages, .. } | Event::TailLost { messages, .. } => {
                for &message in messages {
                    if let Some((_, brokers)) = self.copies.get_mut(&message) {
                        brokers.remove(node);
                    }
                    self.judge_loss(message);
                }
            }
            Event::Elected { partition, leader: Some(leader), .. } => {
                self.elected(&Place::Partition(partition.clone()), *leader);
            }
            Event::Received { from: Place::Queue(queue), message, delivery: 1 } => {
                self.in_line(Line::Queue(queue.clone(), *node), *message);
            }
            Event::Processed { from, message, group } => self.processed(from, *message, group),
            _ => {}
        }
    }

    fn hold(&mut self, place: &Place, broker: NodeId, messages: &[MessageId]) {
        for &message in messages {
            let (_, brokers) = self.copies.entry(message).or_insert_with(|| (place.clone(), BTreeSet::new()));
            brokers.insert(broker);
            self.lost.remove(&message); // a retry stored it after all
        }
    }

    /// A new leader's log is the truth: what it does not have, the others will cut away.
    fn elected(&mut self, place: &Place, leader: NodeId) {
        let gone = |(_, (at, brokers)): &(&MessageId, &mut (Place, BTreeSet<NodeId>))| {
            at == place && !brokers.contains(&leader)
        };
        let mut overruled = BTreeSet::new();
        for (&message, (_, brokers)) in self.copies.iter_mut().filter(gone) {
            brokers.clear();
            overruled.insert(message);
        }
        for message in overruled {
            self.judge_loss(message);
        }
    }

    fn judge_loss(&mut self, message: MessageId) {
        let nowhere = self.copies.get(&message).is_none_or(|(_, brokers)| brokers.is_empty());
        if nowhere && self.acknowledged.contains(&message) && !self.delivered.contains(&message) {
            self.lost.insert(message);
        }
    }

    fn processed(&mut self, from: &Place, message: MessageId, group: &Option<Name>) {
        let times = self.processed.entry((group.clone(), message)).or_default();
        *times += 1;
        if *times > 1 {
            self.doubled.insert(message);
            return;
        }
        self.delivered.insert(message);
        self.lost.remove(&message);
        if let Place::Partition(partition) = from {
            let line = match self.keys.get(&message) {
                Some(&key) => Line::Key(group.clone(), partition.topic.clone(), key),
                None => Line::Partition(group.clone(), from.clone()),
            };
            self.in_line(line, message);
        }
    }

    /// Judges in which order the messages of a queue are done.
    fn judge_work(&mut self, node: NodeId, event: &Event) {
        let (Event::Received { from: Place::Queue(queue), message, .. }
        | Event::Processed { from: Place::Queue(queue), message, .. }) = event
        else {
            if let Event::Queue(QueueEvent::Died { message, .. }) = event {
                self.work.died(*message);
            }
            return;
        };
        let Some(&key) = self.keys.get(message).filter(|_| !self.unordered.contains(message)) else { return };
        let line = (queue.clone(), self.sent.get(message).copied(), key);
        if matches!(event, Event::Received { .. }) {
            self.work.received(line, node);
        } else if self.work.processed(line, *message) {
            self.reordered.insert(*message);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, Offset, PartitionId};
    use crate::time::Time;
    use NodeId::{Broker, Consumer, Producer};

    fn partition() -> PartitionId {
        PartitionId { topic: Name::new("t").expect("a legal name"), index: 0 }
    }

    fn judge(facts: &[(NodeId, Event)]) -> Verdict {
        let mut verdict = Verdict::default();
        for (node, event) in facts {
            verdict.observe(&Stamped { at: Time::ZERO, step: 0, node: *node, event: event.clone() });
        }
        verdict
    }

    fn appended(id: u64) -> Event {
        Event::Appended {
            to: Place::Partition(partition()),
            base: Offset(id),
            messages: [MessageId(id)].into(),
        }
    }

    fn copied(id: u64) -> Event {
        Event::Copied { partition: partition(), base: Offset(id), messages: [MessageId(id)].into() }
    }

    fn acknowledged(id: u64) -> Event {
        Event::Acknowledged { by: Place::Partition(partition()), message: MessageId(id) }
    }

    fn elected(leader: NodeId) -> Event {
        Event::Elected { partition: partition(), leader: Some(leader), epoch: Epoch(2) }
    }

    fn processed(id: u64) -> Event {
        Event::Processed { from: Place::Partition(partition()), message: MessageId(id), group: None }
    }

    #[test]
    fn a_new_leader_without_an_acknowledged_message_loses_it() {
        let story = [
            (Broker(1), appended(1)),
            (Producer(1), acknowledged(1)),
            (NodeId::Controller, elected(Broker(2))),
        ];
        assert_eq!(judge(&story).lost().len(), 1);
        let copied_in_time = [&story[..1], &[(Broker(2), copied(1))], &story[1..]].concat();
        assert!(judge(&copied_in_time).lost().is_empty());
        let sent_again = [&story[..], &[(Broker(2), appended(1))]].concat();
        assert!(judge(&sent_again).lost().is_empty());
        let late_word = [story[0].clone(), story[2].clone(), story[1].clone()];
        assert_eq!(judge(&late_word).lost().len(), 1, "told after the election: lost all the same");
    }

    #[test]
    fn what_no_producer_was_told_or_somebody_processed_is_not_lost() {
        let untold = [(Broker(1), appended(1)), (NodeId::Controller, elected(Broker(2)))];
        assert!(judge(&untold).lost().is_empty());
        let done = [(Broker(1), appended(1)), (Consumer(1), processed(1)), (Producer(1), acknowledged(1))];
        let done = [&done[..], &[(NodeId::Controller, elected(Broker(2)))]].concat();
        assert!(judge(&done).lost().is_empty());
    }

    #[test]
    fn twice_is_doubled_and_later_first_is_out_of_order() {
        let verdict =
            judge(&[(Consumer(1), processed(2)), (Consumer(1), processed(1)), (Consumer(2), processed(2))]);
        assert_eq!(verdict.doubled(), &BTreeSet::from([MessageId(2)]));
        assert_eq!(verdict.reordered(), &BTreeSet::from([MessageId(1)]));
    }
}
