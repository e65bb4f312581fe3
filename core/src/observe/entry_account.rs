//! Does a topic of Pulsar have a message twice? Its ledgers say: an entry counts when it is confirmed, or when its ledger was
//! closed behind it; what its writer gave to bookies beyond that nobody reads.

use alloc::collections::{BTreeMap, BTreeSet};

use super::event::Event;
use super::pulsar_event::{PulsarEvent, is_ledger};
use crate::ids::{MessageId, PartitionId};
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

    /// The messages that a topic has twice.
    pub(super) fn twice(&self) -> BTreeSet<MessageId> {
        let counts =
            |(ledger, entry): &&(u64, u64)| self.counts.get(ledger).is_some_and(|count| entry < count);
        let twice = self.stands.iter().filter(|(_, places)| places.iter().filter(counts).count() > 1);
        twice.map(|((_, message), _)| *message).collect()
    }
}
