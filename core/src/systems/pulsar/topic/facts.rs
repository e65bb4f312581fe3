//! What is told of a topic, for whoever watches? Nothing in it needs this to be right.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::compacting::{Compaction, compacted_entry};
use super::delivery::view;
use super::{Topic, TopicOut};
use crate::ids::{MessageId, Name, NodeId, Offset, PartitionId};
use crate::observe::{Event, PulsarEvent, ledger_place};
use crate::queue::ReturnReason;
use crate::record::Batches;
use crate::systems::pulsar::compaction::CompactedLedger;
use crate::systems::pulsar::cursor::Cursor;
use crate::systems::pulsar::entries::Entries;
use crate::systems::pulsar::ledger_list::LedgerNews;
use crate::systems::pulsar::managed_ledger::ManagedLedger;
use crate::systems::pulsar::names::TopicName;
use crate::systems::pulsar::position::{Extents, Position};
use crate::systems::pulsar::ranges::ConsumerId;
use crate::systems::pulsar::subscription::Subscription;

/// A client, and its number for a consumer.
type Client = (NodeId, u64);

impl Topic {
    /// Tells something of the topic as a whole.
    pub(super) fn tell(&self, out: &mut Vec<TopicOut>, what: impl FnOnce(PartitionId) -> PulsarEvent) {
        if let Ok(partition) = self.name.place() {
            out.push(TopicOut::Event(Event::Pulsar(what(partition))));
        }
    }

    /// Tells what happened to its ledgers.
    pub(super) fn tell_news(&self, news: LedgerNews, out: &mut Vec<TopicOut>) {
        self.tell(out, |partition| match news {
            LedgerNews::Recovers(ledger) => PulsarEvent::Recovers { partition, ledger: ledger.0 },
            LedgerNews::Began(ledger, bookies) => {
                PulsarEvent::LedgerBegan { partition, ledger: ledger.0, bookies }
            }
            LedgerNews::Changed(ledger, first, bookies) => {
                PulsarEvent::LedgerChanged { ledger: ledger.0, first, bookies }
            }
            LedgerNews::Closed(ledger, entries) => {
                PulsarEvent::LedgerClosed { partition, ledger: ledger.0, entries }
            }
            LedgerNews::Dropped(ledger) => PulsarEvent::LedgerDropped { partition, ledger: ledger.0 },
            LedgerNews::Offloaded(ledger, entries, to) => {
                PulsarEvent::Offloaded { partition, ledger: ledger.0, entries, to }
            }
            LedgerNews::LeftBookies(ledger) => PulsarEvent::LeftBookies { partition, ledger: ledger.0 },
            LedgerNews::ShutOut(ledger) => PulsarEvent::ShutOut { partition, ledger: ledger.0 },
            LedgerNews::Added(at, messages, bookies) => {
                PulsarEvent::Added { partition, ledger: at.ledger.0, entry: at.entry, messages, bookies }
            }
        });
    }

    /// Tells that a message came again that is stored.
    pub(super) fn tell_known(&self, payload: &Batches, out: &mut Vec<TopicOut>) {
        let messages = payload.message_ids().collect();
        self.tell(out, |partition| PulsarEvent::Known { partition, messages });
    }

    /// The messages of an entry, if it is at hand.
    pub(in crate::systems::pulsar) fn messages(&self, position: Position) -> Vec<MessageId> {
        if let Some(payload) = self.entries.get(position) {
            return payload.message_ids().collect();
        }
        let copies = self.compaction.as_ref().and_then(Compaction::view).flatten();
        let copy = copies.map(|copies| compacted_entry(&self.entries, Some(copies), position));
        copy.and_then(Result::ok).map(|payload| payload.message_ids().collect()).unwrap_or_default()
    }

    /// What a subscription reads of what is compacted.
    pub(in crate::systems::pulsar) fn copies_for(&self, name: &Name) -> Option<&CompactedLedger> {
        view(self.compaction.as_ref(), self.subscriptions.get(name)?).flatten()
    }

    pub(in crate::systems::pulsar) fn name(&self) -> &TopicName {
        &self.name
    }

    pub(in crate::systems::pulsar) fn managed(&self) -> &ManagedLedger {
        &self.managed
    }

    /// Where the entries are that are at hand.
    pub(in crate::systems::pulsar) fn at_hand(&self) -> impl Iterator<Item = Position> {
        self.entries.at_hand()
    }

    pub(in crate::systems::pulsar) fn subscription_names(&self) -> impl Iterator<Item = &Name> {
        self.subscriptions.keys()
    }

    /// A subscription, and its consumers' clients.
    pub(in crate::systems::pulsar) fn subscribed(
        &self,
        name: &Name,
    ) -> Option<(&Subscription, &BTreeMap<ConsumerId, Client>)> {
        let subscribed = self.subscriptions.get(name)?;
        Some((&subscribed.subscription, &subscribed.clients))
    }

    pub(in crate::systems::pulsar) fn is_over_quota(&self) -> bool {
        self.over.is_some()
    }

    /// What a consumer has in its hands.
    pub(super) fn held(&self, client: Client) -> Vec<Position> {
        let Some((name, id)) = self.consumers.get(&client) else { return Vec::new() };
        let subscribed = self.subscriptions.get(name);
        subscribed.map(|it| it.subscription.dispatcher().held(*id)).unwrap_or_default()
    }

    /// Tells that a consumer has acknowledged entries, as far as they were not.
    pub(super) fn tell_settled(&self, client: Client, positions: &[Position], out: &mut Vec<TopicOut>) {
        let Some((name, _)) = self.consumers.get(&client) else { return };
        let Some(subscribed) = self.subscriptions.get(name) else { return };
        for &position in positions.iter().filter(|at| !subscribed.subscription.cursor().has(**at)) {
            for message in self.messages(position) {
                let event = Event::Settled { queue: name.clone(), message, by: client.0 };
                out.push(TopicOut::Event(event));
            }
        }
    }

    /// Tells that entries come back from a consumer.
    pub(super) fn tell_back(
        &self,
        client: Client,
        positions: &[Position],
        why: ReturnReason,
        out: &mut Vec<TopicOut>,
    ) {
        let Some((name, _)) = self.consumers.get(&client) else { return };
        let messages: Vec<MessageId> = positions.iter().flat_map(|at| self.messages(*at)).collect();
        if !messages.is_empty() {
            out.push(TopicOut::Event(Event::Requeued { queue: name.clone(), messages, from: client.0, why }));
        }
    }
}

/// Tells that an entry, and all before it, is stored and can be read.
pub(super) fn committed(position: Position, out: &mut Vec<TopicOut>) {
    let (partition, below) = (ledger_place(position.ledger.0), Offset(position.entry + 1));
    out.push(TopicOut::Event(Event::Committed { partition, below }));
}

/// Tells that an entry is on its way to a consumer.
pub(super) fn delivered(
    subscription: &Name,
    to: NodeId,
    redeliveries: u32,
    payload: &Batches,
    out: &mut Vec<TopicOut>,
) {
    out.extend(payload.message_ids().map(|message| {
        let (queue, delivery) = (subscription.clone(), redeliveries + 1);
        TopicOut::Event(Event::Delivered { queue, message, to, delivery })
    }));
}

/// Tells what was not sent though somebody is there.
pub(super) fn tell_held_back(
    name: &Name,
    subscription: &mut Subscription,
    entries: &Entries,
    out: &mut Vec<TopicOut>,
) {
    for (position, until) in subscription.take_held_back() {
        let Some(payload) = entries.get(position) else { continue };
        let (subscription, messages) = (name.clone(), payload.message_ids().collect());
        out.push(TopicOut::Event(Event::Pulsar(match until {
            Some(until) => PulsarEvent::Delayed { subscription, messages, until },
            None => PulsarEvent::KeyWaits { subscription, messages },
        })));
    }
}

/// What of the entries up to `last` is not acknowledged, as far as it is at hand.
pub(super) fn unread(
    cursor: &Cursor,
    extents: &Extents,
    entries: &Entries,
    last: Position,
) -> Vec<MessageId> {
    let (mut messages, mut at) = (Vec::new(), cursor.mark());
    while let Some(position) = cursor.next_unacknowledged(at, extents).filter(|position| *position <= last) {
        messages.extend(entries.get(position).into_iter().flat_map(|payload| payload.message_ids()));
        at = extents.after(position);
    }
    messages
}
