//! What is seen of a topic at its owner? Its entries, and how far each subscription has got: for whoever draws it.
//!
//! Entries are numbered here from the first that is still there, over all ledgers.

use alloc::vec::Vec;

use super::broker::PulsarBroker;
use super::compaction::CompactedLedger;
use super::position::Position;
use super::topic::Topic;
use crate::ids::{MessageId, Name, NodeId, PartitionId};
use crate::time::Time;

/// A topic at its owner.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::pulsar::{BrokerSettings, PulsarBroker};
/// let broker = PulsarBroker::new(NodeId::Broker(1), NodeId::Controller, BrokerSettings::default(), &[]);
/// assert_eq!(broker.look(8).count(), 0); // it owns none
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicLook {
    /// Which.
    pub place: PartitionId,
    /// The ledger that is written to, if there is one.
    pub ledger: Option<u64>,
    /// How many entries are stored.
    pub stored: u64,
    /// And how many with those that are on their way to bookies.
    pub end: u64,
    /// The last of them, as far as they are at hand.
    pub entries: Vec<EntryLook>,
    /// Its subscriptions, by name.
    pub subscriptions: Vec<SubscriptionLook>,
}

/// An entry.
///
/// ```
/// use mqlab_core::ids::MessageId;
/// use mqlab_core::systems::pulsar::{EntryLook, EntryState};
/// let messages = vec![MessageId(7)];
/// let entry = EntryLook { number: 0, messages, state: EntryState::Ready, redeliveries: 0 };
/// assert_eq!(entry.messages.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLook {
    /// Its number.
    pub number: u64,
    /// Its messages.
    pub messages: Vec<MessageId>,
    /// Where it is.
    pub state: EntryState,
    /// How often it was given back.
    pub redeliveries: u32,
}

/// What became of an entry.
///
/// ```
/// use mqlab_core::systems::pulsar::EntryState;
/// assert_ne!(EntryState::Stored, EntryState::OnItsWay);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// In the topic: enough bookies have it.
    Stored,
    /// In the topic: bookies are asked to keep it.
    OnItsWay,
    /// In a subscription: it waits for a consumer.
    Ready,
    /// In a subscription: it waits for a moment.
    Waits(Time),
    /// In a subscription: a client has it.
    With(NodeId),
}

/// A subscription.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::systems::pulsar::{BrokerSettings, PulsarBroker};
/// let broker = PulsarBroker::new(NodeId::Broker(1), NodeId::Controller, BrokerSettings::default(), &[]);
/// assert!(broker.look(8).all(|topic| topic.subscriptions.iter().all(|subscription| subscription.mark == 0)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionLook {
    /// What it is called.
    pub name: Name,
    /// The first entry that is not acknowledged.
    pub mark: u64,
    /// The entry that comes next in the topic.
    pub end: u64,
    /// How many entries are not acknowledged.
    pub backlog: u64,
    /// Of them, how many consumers have.
    pub unacked: u64,
    /// And how many wait for their moment.
    pub delayed: u64,
    /// Whether the backlog is over its quota.
    pub over_quota: bool,
    /// Who consumes.
    pub consumers: Vec<NodeId>,
    /// The only one that gets messages, where one does.
    pub active: Option<NodeId>,
    /// The first entries that are not acknowledged, as far as they are at hand.
    pub entries: Vec<EntryLook>,
}

impl PulsarBroker {
    /// What is seen of each topic, with so many entries of each at most.
    pub fn look(&self, most: usize) -> impl Iterator<Item = TopicLook> {
        self.kept_topics().filter_map(move |topic| topic.look(most))
    }
}

impl Topic {
    fn look(&self, most: usize) -> Option<TopicLook> {
        let (extents, place) = (self.managed().extents(), self.name().place().ok()?);
        let number = |position: Position| extents.count(extents.start(), position);
        let stored = extents.count(extents.start(), extents.end());
        let pending = self.managed().pending();
        let mut entries: Vec<EntryLook> = Vec::new();
        let all: Vec<Position> = self.at_hand().filter(|position| extents.contains(*position)).collect();
        for position in all.iter().skip(all.len().saturating_sub(most)) {
            let (messages, state) = (self.messages(*position), EntryState::Stored);
            entries.push(EntryLook { number: number(*position), messages, state, redeliveries: 0 });
        }
        let mut end = stored;
        for payload in pending {
            let (messages, state) = (payload.message_ids().collect(), EntryState::OnItsWay);
            entries.push(EntryLook { number: end, messages, state, redeliveries: 0 });
            end += 1;
        }
        let excess = entries.len().saturating_sub(most);
        entries.drain(..excess);
        let subscriptions = self.subscription_names().filter_map(|name| self.look_at(name, most)).collect();
        let ledger = self.managed().ledgers().last().map(|info| info.ledger.0);
        Some(TopicLook { place, ledger, stored, end, entries, subscriptions })
    }

    fn look_at(&self, name: &Name, most: usize) -> Option<SubscriptionLook> {
        let (subscription, clients) = self.subscribed(name)?;
        let extents = self.managed().extents();
        let number = |position: Position| extents.count(extents.start(), position);
        let (cursor, dispatcher) = (subscription.cursor(), subscription.dispatcher());
        let (mut entries, mut at) = (Vec::new(), cursor.mark());
        while entries.len() < most
            && let Some(position) = cursor.next_unacknowledged(at, extents)
        {
            at = extents.after(position);
            let goes =
                |copies: &CompactedLedger| copies.covers(position) && copies.copy_at(position).is_none();
            if self.copies_for(name).is_some_and(goes) {
                continue; // of a later one of its key alone it hears
            }
            let holder = dispatcher.holder(position).and_then(|id| clients.get(&id));
            let state = match (holder, subscription.waits_until(position)) {
                (Some((client, _)), _) => EntryState::With(*client),
                (None, Some(until)) => EntryState::Waits(until),
                (None, None) => EntryState::Ready,
            };
            let redeliveries = subscription.redeliveries_of(position);
            let messages = self.messages(position);
            entries.push(EntryLook { number: number(position), messages, state, redeliveries });
        }
        let held: usize = dispatcher.consumers().map(|id| dispatcher.held(id).len()).sum();
        let active = dispatcher.active().and_then(|id| clients.get(&id));
        Some(SubscriptionLook {
            name: name.clone(),
            mark: number(cursor.mark()),
            end: number(extents.end()),
            backlog: cursor.backlog(extents),
            unacked: held as u64,
            delayed: subscription.delayed() as u64,
            over_quota: self.is_over_quota(),
            consumers: clients.values().map(|(client, _)| *client).collect(),
            active: active.map(|(client, _)| *client),
            entries,
        })
    }
}
