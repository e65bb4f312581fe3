//! What do share groups promise? No order; and of a message that is rejected, or delivered too often, nothing at all: the
//! group gives it up, as it was told to. The log still has it, and other groups may read it.

use alloc::collections::BTreeSet;

use super::share_event::ShareEvent;
use crate::ids::{MessageId, Name};
use crate::sorted::SortedSet;

/// What the judge knows of share groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    groups: SortedSet<Name>,
    /// Given up, and processed by nobody.
    pub(super) archived: BTreeSet<MessageId>,
}

impl Shared {
    /// Takes note of a fact.
    pub(super) fn observe(&mut self, event: &ShareEvent, is_delivered: impl Fn(MessageId) -> bool) {
        match event {
            ShareEvent::Acquired { group, .. } if !self.groups.contains(group) => {
                self.groups.insert(group.clone());
            }
            ShareEvent::Archived { messages, .. } => {
                self.archived.extend(messages.iter().filter(|message| !is_delivered(**message)));
            }
            _ => {}
        }
    }

    /// Whether what a group processes must be in order.
    pub(super) fn keeps_order(&self, group: &Option<Name>) -> bool {
        group.as_ref().is_none_or(|group| !self.groups.contains(group))
    }
}
