//! Was a record with two members of a share group at once, or handed out again when it was done? An account of who has what,
//! for the judge of promises.
//!
//! ```text
//!   handed out to A ──┬─ released, its lock ran out, A is gone ──▶ may go to B
//!                     ├─ accepted, and written down ─────────────▶ to nobody, by no leader that begins after that
//!                     ├─ archived ───────────────────────────────▶ to nobody, by this leader
//!                     └─ another leader begins ──────────────────▶ it knows nothing of A: may go to B
//! ```
//!
//! Each leader's reign stands for itself. One that was replaced and has not heard of it hands out what it had, in vain:
//! nobody will take a word about that. So it is asked what a leader could know when it began.
//!
//! A record that is handed out once is processed at most once; what is handed out twice for a reason may be processed twice.

use alloc::collections::{BTreeMap, BTreeSet};

use super::promise::Subject;
use super::share_event::ShareEvent;
use crate::ids::{MessageId, Name, NodeId, PartitionId};

/// A leader's account of a partition for a group.
type Reign = (Name, PartitionId, NodeId);

/// What one leader knows.
#[derive(Clone, Debug, Default)]
struct Known {
    held: BTreeMap<MessageId, NodeId>,
    over: BTreeSet<MessageId>,
}

/// The account of all share groups.
#[derive(Clone, Debug, Default)]
pub(super) struct ShareAccount {
    reigns: BTreeMap<Reign, Known>,
    /// Accepted, and written down.
    accepted: BTreeMap<(Name, PartitionId), BTreeSet<MessageId>>,
    archived: BTreeMap<Subject, BTreeSet<MessageId>>,
    /// How often each message was handed out in a group.
    handed_out: BTreeMap<Subject, BTreeMap<MessageId, u32>>,
    /// With two at once, or handed out when it was over.
    breaches: BTreeMap<Subject, BTreeSet<MessageId>>,
}

impl ShareAccount {
    /// Takes note of a fact, of whoever leads the partition.
    pub(super) fn observe(&mut self, leader: NodeId, event: &ShareEvent) {
        let (ShareEvent::Began { group, partition, .. }
        | ShareEvent::Acquired { group, partition, .. }
        | ShareEvent::Renewed { group, partition, .. }
        | ShareEvent::Accepted { group, partition, .. }
        | ShareEvent::Returned { group, partition, .. }
        | ShareEvent::Archived { group, partition, .. }
        | ShareEvent::NotAcknowledged { group, partition, .. }) = event;
        let subject = || Subject::Group { group: group.clone(), topic: partition.topic.clone() };
        let known = self.reigns.entry((group.clone(), partition.clone(), leader)).or_default();
        let accepted = self.accepted.entry((group.clone(), partition.clone())).or_default();
        match event {
            ShareEvent::Began { .. } => *known = Known { over: accepted.clone(), ..Known::default() },
            ShareEvent::Acquired { by, messages, .. } => {
                for &message in messages {
                    let is_with_another = known.held.insert(message, *by).is_some();
                    if is_with_another || known.over.contains(&message) {
                        self.breaches.entry(subject()).or_default().insert(message);
                    }
                    let times = self.handed_out.entry(subject()).or_default();
                    *times.entry(message).or_default() += 1;
                }
            }
            ShareEvent::Returned { messages, .. } => {
                messages.iter().for_each(|message| _ = known.held.remove(message));
            }
            ShareEvent::Accepted { messages, .. } => {
                messages.iter().for_each(|message| _ = known.held.remove(message));
                known.over.extend(messages);
                accepted.extend(messages);
            }
            ShareEvent::Archived { messages, .. } => {
                messages.iter().for_each(|message| _ = known.held.remove(message));
                known.over.extend(messages);
                self.archived.entry(subject()).or_default().extend(messages);
            }
            ShareEvent::Renewed { .. } | ShareEvent::NotAcknowledged { .. } => {}
        }
    }

    /// What a group gave up, as it was told to.
    pub(super) fn archived(&self, of: &Subject) -> impl Iterator<Item = MessageId> {
        self.archived.get(of).into_iter().flatten().copied()
    }

    /// Whether anything was handed out in such a group: then it is one that shares.
    pub(super) fn knows(&self, of: &Subject) -> bool {
        self.handed_out.contains_key(of)
    }

    /// What was with two at once, came again when it was done, or was `done` more often than it was handed out.
    pub(super) fn breaches(
        &self,
        of: &Subject,
        done: Option<&BTreeMap<MessageId, u32>>,
    ) -> BTreeSet<MessageId> {
        let handed_out = self.handed_out.get(of);
        let times = |message: &MessageId| handed_out.and_then(|all| all.get(message)).copied().unwrap_or(0);
        let too_often = done.into_iter().flatten().filter(|(message, done)| **done > times(message));
        let too_often = too_often.map(|(message, _)| *message);
        self.breaches.get(of).into_iter().flatten().copied().chain(too_often).collect()
    }
}
