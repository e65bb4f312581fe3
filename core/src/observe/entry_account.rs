//! Does a topic of Pulsar have a message twice? Its ledgers say: an entry counts when it is confirmed, or when its ledger was
//! closed behind it; what its writer gave to bookies beyond that nobody reads.

use alloc::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::pulsar_event::{PulsarEvent, is_ledger};
use crate::ids::{MessageId, Name, PartitionId};
use crate::sorted::SortedMap;

/// Where messages were put, and how far ledgers count.
#[derive(Clone, Debug, Default)]
pub(super) struct EntryAccount {
    /// The ledger and the entry of each time that a message was put into a topic.
    stands: SortedMap<(PartitionId, MessageId), BTreeSet<(u64, u64)>>,
    /// How many entries of each ledger count.
    counts: BTreeMap<u64, u64>,
}

impl EntryAccount {
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Pulsar(PulsarEvent::Added { partition, ledger, entry, messages, .. }) => {
                for &message in messages {
                    self.stands.entry((partition.clone(), message)).or_default().insert((*ledger, *entry));
                }
            }
            Event::Pulsar(PulsarEvent::LedgerClosed { ledger, entries, .. }) => {
                self.counts.insert(*ledger, *entries);
            }
            Event::Committed { partition, below } if is_ledger(partition) => {
                let count = self.counts.entry(partition.index.into()).or_default();
                *count = below.0.max(*count);
            }
            _ => {}
        }
    }

    /// The messages that a topic has twice. What its subscriptions put into topics of their own, to try it again or as dead
    /// letters, is not in it.
    pub(super) fn twice_in(&self, topic: &Name) -> impl Iterator<Item = MessageId> {
        let counts =
            |(ledger, entry): &&(u64, u64)| self.counts.get(ledger).is_some_and(|count| entry < count);
        let of_it = self.stands.iter().filter(move |((partition, _), _)| partition.topic == *topic);
        let twice = of_it.filter(move |(_, places)| places.iter().filter(counts).count() > 1);
        twice.map(|((_, message), _)| *message)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::Offset;
    use crate::observe::pulsar_event::ledger_place;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a legal name")
    }

    fn added(topic: &str, ledger: u64, entry: u64, message: u64) -> Event {
        let partition = PartitionId { topic: name(topic), index: 0 };
        let messages = [MessageId(message)].into();
        Event::Pulsar(PulsarEvent::Added { partition, ledger, entry, messages, bookies: [].into() })
    }

    fn stored(ledger: u64, below: u64) -> Event {
        Event::Committed { partition: ledger_place(ledger), below: Offset(below) }
    }

    #[test]
    fn twice_is_twice_in_the_same_topic_and_only_what_is_confirmed() {
        let mut account = EntryAccount::default();
        // m1 goes to the retry topic twice, m2 is written twice and confirmed once, m3 is confirmed twice.
        for event in [
            added("orders", 1, 0, 1),
            added("orders-RETRY", 2, 0, 1),
            added("orders-RETRY", 2, 1, 1),
            added("orders", 1, 1, 2),
            added("orders", 1, 2, 3),
            added("orders", 3, 0, 3),
            added("orders", 3, 1, 2),
            stored(1, 3),
            stored(2, 2),
            stored(3, 1),
        ] {
            account.observe(&event);
        }
        let twice = |topic| account.twice_in(&name(topic)).collect::<Vec<_>>();
        assert_eq!(twice("orders"), [MessageId(3)]);
        assert_eq!(twice("orders-RETRY"), [MessageId(1)]);
    }
}
