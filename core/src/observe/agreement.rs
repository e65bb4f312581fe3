//! Do a database and a queue agree? A judge of producers that have a transaction of their own for each message.
//!
//! It knows only what happened: which transactions were committed, which logs hold which message, who died, and what
//! consumers got.
//!
//! * **invented**: processed, though its transaction was rolled back or never happened: a message for an order that
//!   does not exist.
//! * **unheard**: committed, and no log has the message, no consumer got it, and its sender does not send it any more
//!   (the process that committed it died, or was told "stored"): an order that nobody hears of. A sender that comes
//!   back with the message after all takes that back, as a relay does.

use alloc::collections::{BTreeMap, BTreeSet};

use super::event::{Event, Stamped};
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, NodeId};
use crate::sorted::SortedSet;
use crate::vhost::Decision;

/// The judge, and what it has found so far.
///
/// ```
/// use mqlab_core::ids::{MessageId, NodeId};
/// use mqlab_core::observe::{Agreement, Event, QueueEvent, Stamped};
/// use mqlab_core::time::Time;
/// let (shop, message) = (NodeId::Producer(1), MessageId(1));
/// let mut judge = Agreement::default();
/// judge.learn(message, shop);
/// let mut see = |event| judge.observe(&Stamped { at: Time::ZERO, step: 0, node: shop, event });
/// see(Event::Queue(QueueEvent::OwnTransaction { message, committed: true }));
/// see(Event::Crashed);
/// assert_eq!(judge.unheard().len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// Whose transaction each message belongs to.
    senders: BTreeMap<MessageId, NodeId>,
    /// Whether it was committed, where that is known.
    committed: BTreeMap<MessageId, bool>,
    processed: BTreeSet<MessageId>,
    /// Messages that a consumer had in its hands.
    received: BTreeSet<MessageId>,
    /// Which brokers' logs have a message, halves among them.
    holders: BTreeMap<MessageId, SortedSet<NodeId>>,
    /// Messages that their sender does not care for any more.
    forsaken: BTreeSet<MessageId>,
    checked: u64,
    invented: BTreeSet<MessageId>,
    unheard: BTreeSet<MessageId>,
}

impl Agreement {
    /// Whether there is nothing to judge: no producer has transactions of its own.
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// How many transactions were committed.
    pub fn committed(&self) -> u64 {
        self.committed.values().filter(|committed| **committed).count() as u64
    }

    /// How many were rolled back, or undone because their program died.
    pub fn undone(&self) -> u64 {
        self.committed.values().filter(|committed| !**committed).count() as u64
    }

    /// How often a broker asked what became of one.
    pub fn checked_back(&self) -> u64 {
        self.checked
    }

    /// Messages that were processed, though their order does not exist.
    pub fn invented(&self) -> &BTreeSet<MessageId> {
        &self.invented
    }

    /// Messages of orders that exist, of which nobody will hear.
    pub fn unheard(&self) -> &BTreeSet<MessageId> {
        &self.unheard
    }

    /// Tells the judge that a message belongs to a transaction of this producer's.
    pub fn learn(&mut self, message: MessageId, sender: NodeId) {
        self.senders.insert(message, sender);
    }

    /// Takes note of a fact.
    pub fn observe(&mut self, Stamped { node, event, .. }: &Stamped) {
        if self.is_empty() {
            return;
        }
        match event {
            Event::Queue(QueueEvent::OwnTransaction { message, committed }) => {
                self.ended(*message, *committed);
            }
            Event::Crashed | Event::PowerCut => self.died(*node),
            // Returned, or given up: its sender was told that nobody will hear of it.
            Event::Acknowledged { messages, .. } => self.forsaken.extend(messages),
            Event::Queue(
                QueueEvent::Returned { message, .. } | QueueEvent::GaveUp { message: Some(message), .. },
            ) => {
                self.forsaken.insert(*message);
            }
            Event::Processed { messages, .. } => self.processed.extend(messages),
            Event::Received { messages, .. } => self.received.extend(messages),
            Event::Appended { messages, .. } | Event::Copied { messages, .. } => {
                for &message in messages {
                    self.holders.entry(message).or_default().insert(*node);
                }
            }
            Event::Truncated { messages, .. } | Event::TailLost { messages, .. } => {
                messages.iter().for_each(|&message| self.let_go(message, *node));
            }
            Event::Queue(QueueEvent::HalfStored { message }) => {
                self.holders.entry(*message).or_default().insert(*node);
            }
            Event::Queue(QueueEvent::HalfDecided { message, decision: Decision::Rollback }) => {
                self.let_go(*message, *node);
            }
            Event::Queue(QueueEvent::CheckedBack { .. }) => self.checked += 1,
            _ => {}
        }
        for message in event.messages() {
            self.judge(*message);
        }
    }

    fn ended(&mut self, message: MessageId, committed: bool) {
        self.committed.insert(message, committed);
    }

    fn let_go(&mut self, message: MessageId, broker: NodeId) {
        if let Some(brokers) = self.holders.get_mut(&message) {
            brokers.remove(&broker);
        }
    }

    /// A producer died: the transactions that it had not ended are undone, and what it had not sent is forsaken.
    fn died(&mut self, node: NodeId) {
        let its: BTreeSet<MessageId> =
            self.senders.iter().filter(|(_, sender)| **sender == node).map(|(&message, _)| message).collect();
        for message in its {
            self.committed.entry(message).or_insert(false);
            self.forsaken.insert(message);
            self.judge(message);
        }
    }

    fn judge(&mut self, message: MessageId) {
        let Some(&committed) = self.committed.get(&message) else { return };
        if !committed {
            if self.processed.contains(&message) {
                self.invented.insert(message);
            }
            return;
        }
        let held = self.holders.get(&message).is_some_and(|brokers| !brokers.is_empty());
        let heard = held || self.received.contains(&message) || self.processed.contains(&message);
        if !heard && self.forsaken.contains(&message) {
            self.unheard.insert(message);
        } else {
            self.unheard.remove(&message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Name, Offset};
    use crate::observe::{Place, Refusal};
    use crate::time::Time;
    use NodeId::{Broker, Consumer, Producer};

    const SHOP: NodeId = Producer(1);
    const M: MessageId = MessageId(1);

    fn queue() -> Place {
        Place::Queue(Name::new("q").expect("a legal name"))
    }

    fn found(facts: &[(NodeId, Event)]) -> (usize, usize) {
        let mut judge = Agreement::default();
        judge.learn(M, SHOP);
        for (node, event) in facts {
            judge.observe(&Stamped { at: Time::ZERO, step: 0, node: *node, event: event.clone() });
        }
        (judge.invented().len(), judge.unheard().len())
    }

    fn ended(committed: bool) -> (NodeId, Event) {
        (SHOP, Event::Queue(QueueEvent::OwnTransaction { message: M, committed }))
    }

    fn appended() -> (NodeId, Event) {
        (Broker(1), Event::Appended { to: queue(), base: Offset(0), messages: [M].into() })
    }

    fn lost() -> (NodeId, Event) {
        (Broker(1), Event::TailLost { of: queue(), messages: [M].into() })
    }

    fn processed() -> (NodeId, Event) {
        (Consumer(1), Event::Processed { from: queue(), messages: M.into(), group: None })
    }

    fn told() -> (NodeId, Event) {
        (SHOP, Event::Acknowledged { by: queue(), messages: M.into() })
    }

    fn half(decision: Option<Decision>) -> (NodeId, Event) {
        let event = match decision {
            None => QueueEvent::HalfStored { message: M },
            Some(decision) => QueueEvent::HalfDecided { message: M, decision },
        };
        (Broker(1), Event::Queue(event))
    }

    fn back() -> (NodeId, Event) {
        let exchange = "x".parse().expect("a legal name");
        (SHOP, Event::Queue(QueueEvent::Returned { exchange, message: M }))
    }

    fn gave_up() -> (NodeId, Event) {
        (SHOP, Event::Queue(QueueEvent::GaveUp { message: Some(M), why: Refusal::Invalid }))
    }

    const CRASH: (NodeId, Event) = (SHOP, Event::Crashed);

    /// Facts in order, and how many are invented and unheard after them.
    #[test]
    fn vectors() {
        type Facts<'a> = &'a [(NodeId, Event)];
        let table: [(&str, Facts<'_>, (usize, usize)); 17] = [
            ("all is well", &[ended(true), appended(), told(), processed()], (0, 0)),
            ("rolled back after it was sent", &[appended(), ended(false), processed()], (1, 0)),
            ("processed before it was rolled back", &[appended(), processed(), ended(false)], (1, 0)),
            ("rolled back, and nobody has processed it yet", &[appended(), ended(false)], (0, 0)),
            ("died before the transaction", &[appended(), processed(), CRASH], (1, 0)),
            ("processed after the sender died", &[appended(), CRASH, processed()], (1, 0)),
            ("processed while the transaction goes on", &[appended(), processed()], (0, 0)),
            ("committed, died before it was sent", &[ended(true), CRASH], (0, 1)),
            ("committed, and its sender still has it", &[ended(true)], (0, 0)),
            ("committed, and it came back", &[ended(true), back()], (0, 1)),
            ("committed, and refused for good", &[ended(true), gave_up()], (0, 1)),
            ("an earlier try of what came back was stored", &[ended(true), appended(), back()], (0, 0)),
            ("a relay sends it after all", &[ended(true), CRASH, appended()], (0, 0)),
            ("stored, and lost by the broker", &[ended(true), appended(), told(), lost()], (0, 1)),
            ("lost while the sender still sends it", &[ended(true), appended(), lost()], (0, 0)),
            ("half of it waits at the broker", &[half(None), ended(true), CRASH], (0, 0)),
            (
                "a half that was told the wrong thing",
                &[half(None), ended(true), CRASH, half(Some(Decision::Rollback))],
                (0, 1),
            ),
        ];
        for (what, facts, expect) in table {
            assert_eq!(found(facts), expect, "{what}");
        }
    }
}
