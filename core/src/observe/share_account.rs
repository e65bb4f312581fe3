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
use crate::sorted::SortedMap;

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
    reigns: SortedMap<Reign, Known>,
    /// Accepted, and written down.
    accepted: SortedMap<(Name, PartitionId), BTreeSet<MessageId>>,
    archived: SortedMap<Subject, BTreeSet<MessageId>>,
    /// How often each message was handed out in a group.
    handed_out: SortedMap<Subject, BTreeMap<MessageId, u32>>,
    /// With two at once, or handed out when it was over.
    breaches: SortedMap<Subject, BTreeSet<MessageId>>,
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::Offset;
    use crate::observe::{CameBack, GivenUp};
    use NodeId::{Broker, Consumer};

    const M: MessageId = MessageId(1);

    fn name() -> Name {
        Name::new("g").expect("a legal name")
    }

    fn began() -> ShareEvent {
        let partition = PartitionId { topic: name(), index: 0 };
        ShareEvent::Began { group: name(), partition, start: Offset::ZERO, in_flight: 0 }
    }

    fn acquired(by: u16) -> ShareEvent {
        let partition = PartitionId { topic: name(), index: 0 };
        ShareEvent::Acquired { group: name(), partition, by: Consumer(by), messages: [M].into(), delivery: 1 }
    }

    fn returned(from: u16) -> ShareEvent {
        let (partition, why) = (PartitionId { topic: name(), index: 0 }, CameBack::LockRanOut);
        ShareEvent::Returned { group: name(), partition, from: Consumer(from), messages: [M].into(), why }
    }

    fn accepted(by: u16) -> ShareEvent {
        let partition = PartitionId { topic: name(), index: 0 };
        ShareEvent::Accepted { group: name(), partition, by: Consumer(by), messages: [M].into() }
    }

    fn archived() -> ShareEvent {
        let (partition, why) = (PartitionId { topic: name(), index: 0 }, GivenUp::Rejected);
        ShareEvent::Archived { group: name(), partition, messages: [M].into(), why }
    }

    /// Facts of leaders in order, how often the message was processed, and whether the promise is kept after them.
    #[test]
    fn vectors() {
        type Row<'a> = (&'a str, &'a [(u16, ShareEvent)], u32, bool);
        let table: [Row<'_>; 11] = [
            ("all is well", &[(1, began()), (1, acquired(1)), (1, accepted(1))], 1, true),
            ("with two", &[(1, began()), (1, acquired(1)), (1, acquired(2))], 0, false),
            ("its lock ran out", &[(1, acquired(1)), (1, returned(1)), (1, acquired(2))], 2, true),
            ("processed twice at once", &[(1, acquired(1)), (1, accepted(1))], 2, false),
            ("when it is done", &[(1, acquired(1)), (1, accepted(1)), (1, acquired(2))], 1, false),
            ("when it is given up", &[(1, acquired(1)), (1, archived()), (1, acquired(2))], 0, false),
            ("by the next leader", &[(1, acquired(1)), (2, began()), (2, acquired(2))], 2, true),
            (
                "it did not hear of that",
                &[(1, acquired(1)), (1, archived()), (2, began()), (2, acquired(2))],
                0,
                true,
            ),
            ("it must know", &[(1, acquired(1)), (1, accepted(1)), (2, began()), (2, acquired(2))], 1, false),
            (
                "an old leader that knows nothing of it",
                &[(1, began()), (2, began()), (2, acquired(1)), (2, accepted(1)), (1, acquired(2))],
                1,
                true,
            ),
            (
                "and by the same, when it begins again",
                &[(1, acquired(1)), (1, began()), (1, acquired(2))],
                1,
                true,
            ),
        ];
        let of = Subject::Group { group: name(), topic: name() };
        for (what, facts, times, kept) in table {
            let mut account = ShareAccount::default();
            facts.iter().for_each(|(leader, event)| account.observe(Broker(*leader), event));
            let done: BTreeMap<MessageId, u32> =
                [(M, times)].into_iter().filter(|(_, times)| *times > 0).collect();
            let found: Vec<MessageId> = account.breaches(&of, Some(&done)).into_iter().collect();
            assert_eq!(found.is_empty(), kept, "{what}");
        }
    }
}
