//! What became of a message that a subscription gave up? It lived too long, there was too much, or it stands in a dead-letter
//! topic. And of one that compaction took: who reads compacted hears only of a later one of its key.
//!
//! A compacted ledger is a copy: a message is there as long as the topic's own ledgers have it, whatever stands in that one.

use super::Verdict;
use crate::ids::NodeId;
use crate::observe::{CompactionEvent, Event, Place, PulsarEvent, ledger_place};

impl Verdict {
    pub(super) fn observe_pulsar(&mut self, node: NodeId, event: &PulsarEvent) {
        match event {
            // Another subscription may yet get it.
            PulsarEvent::Expired { messages, .. }
            | PulsarEvent::Evicted { messages, .. }
            | PulsarEvent::TooLarge { messages, .. } => {
                for &message in messages {
                    if !self.is_delivered(message) {
                        self.dropped.insert(message);
                    }
                }
            }
            PulsarEvent::Moved { ledger, messages } => {
                let place = Place::Partition(ledger_place(*ledger));
                messages.iter().for_each(|message| self.let_go(&place, node, *message));
            }
            PulsarEvent::Buried { messages, .. } => self.buried.extend(messages),
            PulsarEvent::Added { partition, messages, .. } => {
                self.tables.appended(&Place::Partition(partition.clone()), messages, &self.accounts);
            }
            PulsarEvent::Subscribed { partition, subscription, .. } => {
                self.tables.subscribed(&partition.topic, subscription);
            }
            PulsarEvent::Compaction(CompactionEvent::Reads { partition, subscription, .. }) => {
                self.tables.reads_compacted(&partition.topic, subscription);
            }
            PulsarEvent::Compaction(CompactionEvent::Began { ledger, .. }) => {
                self.tables.copies.insert(ledger_place(*ledger));
            }
            PulsarEvent::Compaction(CompactionEvent::Wrote { partition, messages, .. }) => {
                self.passed_over(partition, messages);
            }
            _ => {}
        }
    }

    /// Whether entries are kept in a ledger of copies.
    pub(super) fn is_of_copies(&self, event: &Event) -> bool {
        match event {
            Event::Appended { to: Place::Partition(partition), .. } => self.tables.copies.contains(partition),
            _ => false,
        }
    }
}
