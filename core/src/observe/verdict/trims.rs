//! Was a message lost, or was it only old? What a replica deleted by its retention is nobody's fault but the clock's.
//!
//! ```text
//!   the leader deletes m                      who has not read it never will: trimmed
//!   a follower deletes m, by a faster clock   the leader still has it, and it may yet be read
//!   that follower is elected                  now nobody will: trimmed
//! ```

use alloc::collections::BTreeSet;

use super::{Place, Verdict};
use crate::ids::{MessageId, NodeId, PartitionId};

/// What was too old for some replica.
#[derive(Clone, Debug, Default)]
pub(super) struct Trims(BTreeSet<MessageId>);

impl Verdict {
    /// A replica deleted messages because they were old.
    pub(super) fn deleted(
        &mut self,
        partition: &PartitionId,
        broker: NodeId,
        messages: &[MessageId],
        leads: bool,
    ) {
        let place = Place::Partition(partition.clone());
        for &message in messages {
            self.trims.0.insert(message);
            self.let_go(&place, broker, message);
            if leads {
                self.out_of_reach(message);
            }
        }
    }

    /// Whether a message was too old for some replica; if so, and nobody has read it, nobody will.
    pub(super) fn was_old(&mut self, message: MessageId) -> bool {
        let old = self.trims.0.contains(&message);
        if old {
            self.out_of_reach(message);
        }
        old
    }

    fn out_of_reach(&mut self, message: MessageId) {
        if !self.is_delivered(message) && !self.tables.is_passed_over(&message) {
            self.trimmed.insert(message);
        }
    }
}
