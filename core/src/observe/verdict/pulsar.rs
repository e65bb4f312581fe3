//! What became of a message that a subscription gave up? It lived too long, there was too much, or it stands in a dead-letter
//! topic.

use super::Verdict;
use crate::ids::NodeId;
use crate::observe::{Place, PulsarEvent, ledger_place};

impl Verdict {
    pub(super) fn observe_pulsar(&mut self, node: NodeId, event: &PulsarEvent) {
        match event {
            // Another subscription may yet get it.
            PulsarEvent::Expired { messages, .. } | PulsarEvent::Evicted { messages, .. } => {
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
            _ => {}
        }
    }
}
