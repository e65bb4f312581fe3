//! A bookie is gone for good: how do its entries get back to so many copies as they should have? Fragment by fragment,
//! another bookie takes its place.
//!
//! ```text
//!   fragment 0..4 on B1 B2 B3, B2 is lost, B4 is there
//!     entry 0 (B1 B2)  read from B1, add to B4          only entries whose turn it was on B2
//!     entry 1 (B2 B3)  read from B3, add to B4
//!     entry 2 (B3 B1)  nothing to do
//!     ...
//!     metadata: fragment 0 is on B1 B4 B3               one compare-and-set, when all have arrived
//! ```
//!
//! Nothing else moves, ever: a bookie that joins is empty, and stays so until a new ledger, or a new fragment, is put on it.
//! The last fragment of a ledger that is open is its writer's affair.
//!
//! What real systems do: an elected *auditor* notices that a bookie is gone and names its ledgers; *replication workers*
//! on other bookies copy. Here [`AutoRecovery`](crate::systems::pulsar::AutoRecovery) is both.
//!
//! Source: BookKeeper `ReplicationWorker`, `LedgerFragmentReplicator`.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{
    BookieReply, BookieRequest, Effect, Entry, LedgerEnd, LedgerId, LedgerMetadata, LedgerState, WriteSets,
    ledger_path, metadata_in,
};
use crate::ids::NodeId;
use crate::systems::pulsar::store_op::{StoreAnswer, StoreOp};

#[derive(Clone, Debug)]
enum Stage {
    Looking,
    /// Who has been asked for the entry and could not give it.
    Reading {
        entry: u64,
        without: BTreeSet<NodeId>,
    },
    /// It is on its way to the new bookie.
    Writing {
        entry: u64,
    },
    Changing,
    Ended,
}

/// Copies what one bookie had of one ledger.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::systems::pulsar::ledger::{LedgerId, Replication};
/// let mut out = Vec::new();
/// let copying = Replication::begin(LedgerId(7), Broker(12), &[Broker(11), Broker(13), Broker(14)], &mut out);
/// assert_eq!((copying.ledger(), out.len()), (LedgerId(7), 1)); // it looks where the entries are
/// ```
#[derive(Clone, Debug)]
pub struct Replication {
    ledger: LedgerId,
    lost: NodeId,
    available: Vec<NodeId>,
    metadata: Option<(LedgerMetadata, u64)>,
    /// The fragment that is being copied: its first entry, the entry after its last, and who takes the place.
    fragment: (u64, u64, NodeId),
    stage: Stage,
}

impl Replication {
    /// Begins. `available` are the bookies that there are.
    pub fn begin(ledger: LedgerId, lost: NodeId, available: &[NodeId], out: &mut Vec<Effect>) -> Self {
        out.push(Effect::Store(StoreOp::Get { path: ledger_path(ledger) }));
        Self {
            ledger,
            lost,
            available: available.iter().copied().filter(|bookie| *bookie != lost).collect(),
            metadata: None,
            fragment: (0, 0, lost),
            stage: Stage::Looking,
        }
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// The store has answered.
    pub fn on_store(&mut self, answer: &StoreAnswer, out: &mut Vec<Effect>) {
        match self.stage {
            Stage::Looking => {
                self.metadata = metadata_in(answer);
                if self.metadata.is_some() {
                    self.next_fragment(out);
                } else {
                    self.end(LedgerEnd::NoMetadata, out);
                }
            }
            // Written, or somebody else has changed it: look either way, and go on with what is left.
            Stage::Changing => {
                out.push(Effect::Store(StoreOp::Get { path: ledger_path(self.ledger) }));
                self.stage = Stage::Looking;
            }
            _ => {}
        }
    }

    /// Begins the first fragment that the lost bookie is in and that is complete.
    fn next_fragment(&mut self, out: &mut Vec<Effect>) {
        let Some((metadata, _)) = &self.metadata else { return };
        let end = match metadata.state {
            LedgerState::Closed { last } => Some(last.map_or(0, |last| last + 1)),
            LedgerState::Open | LedgerState::InRecovery => None,
        };
        let ends = metadata.fragments.keys().skip(1).copied().map(Some).chain([end]);
        let affected = metadata.fragments.iter().zip(ends).find_map(|((&first, ensemble), end)| {
            Some((first, ensemble.contains(&self.lost).then_some(end?)?))
        });
        let Some((first, end)) = affected else {
            self.end(LedgerEnd::Replicated, out);
            return;
        };
        let ensemble = metadata.ensemble(first);
        let Some(&new) = self.available.iter().find(|bookie| !ensemble.contains(bookie)) else {
            self.end(LedgerEnd::NotEnoughBookies, out);
            return;
        };
        self.fragment = (first, end, new);
        self.copy_from(first, out);
    }

    /// Copies the first entry from `entry` on that was on the lost bookie; at the fragment's end, says where they are now.
    fn copy_from(&mut self, entry: u64, out: &mut Vec<Effect>) {
        let Some((metadata, version)) = &self.metadata else { return };
        let (first, end, new) = self.fragment;
        if let Some(entry) = (entry..end).find(|&entry| metadata.write_set(entry).contains(&self.lost)) {
            for bookie in self.sources(entry) {
                out.push(Effect::Ask(
                    bookie,
                    BookieRequest::Read { ledger: self.ledger, entry, fence: false },
                ));
            }
            self.stage = Stage::Reading { entry, without: BTreeSet::new() };
            self.check_sources(out);
            return;
        }
        let mut changed = metadata.clone();
        if let Some(ensemble) = changed.fragments.get_mut(&first) {
            ensemble.iter_mut().filter(|bookie| **bookie == self.lost).for_each(|bookie| *bookie = new);
        }
        out.push(Effect::Store(changed.put(self.ledger, *version)));
        self.stage = Stage::Changing;
    }

    /// Who else has an entry.
    fn sources(&self, entry: u64) -> Vec<NodeId> {
        let members =
            self.metadata.as_ref().map(|(metadata, _)| metadata.write_set(entry)).unwrap_or_default();
        members.into_iter().filter(|bookie| self.available.contains(bookie)).collect()
    }

    fn check_sources(&mut self, out: &mut Vec<Effect>) {
        if let Stage::Reading { entry, without } = &self.stage
            && self.sources(*entry).iter().all(|bookie| without.contains(bookie))
        {
            self.end(LedgerEnd::NotEnoughBookies, out);
        }
    }

    /// A bookie has answered.
    pub fn on_reply(&mut self, from: NodeId, reply: BookieReply, out: &mut Vec<Effect>) {
        if reply.ledger() != self.ledger {
            return;
        }
        match (&mut self.stage, reply) {
            (Stage::Reading { entry, without }, BookieReply::Found { entry: of, found, .. })
                if *entry == of =>
            {
                match found {
                    Ok(found) => self.write(found, out),
                    Err(_) => {
                        without.insert(from);
                        self.check_sources(out);
                    }
                }
            }
            (Stage::Writing { entry }, BookieReply::Added { entry: of, done, .. }) if *entry == of => {
                match done {
                    Ok(()) => self.copy_from(of + 1, out),
                    Err(_) => self.bookie_failed(from, out),
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, entry: Entry, out: &mut Vec<Effect>) {
        self.stage = Stage::Writing { entry: entry.entry };
        out.push(Effect::Ask(self.fragment.2, BookieRequest::Add { entry, recovery: true }));
    }

    /// Another bookie has failed meanwhile.
    pub fn bookie_failed(&mut self, bookie: NodeId, out: &mut Vec<Effect>) {
        self.available.retain(|other| *other != bookie);
        match &self.stage {
            Stage::Writing { .. } if bookie == self.fragment.2 => self.next_fragment(out), // another one, from the start
            Stage::Reading { .. } if bookie == self.fragment.2 => self.next_fragment(out),
            Stage::Reading { .. } => self.check_sources(out),
            _ => {}
        }
    }

    fn end(&mut self, end: LedgerEnd, out: &mut Vec<Effect>) {
        self.stage = Stage::Ended;
        out.push(Effect::Ended(end));
    }
}

impl LedgerMetadata {
    /// Whether an entry of a complete fragment has fewer copies than it should, were these bookies all.
    ///
    /// ```
    /// use mqlab_core::ids::NodeId::Broker;
    /// use mqlab_core::systems::pulsar::ledger::{LedgerMetadata, LedgerState, Quorums};
    /// let bookies = [Broker(11), Broker(12)];
    /// let mut metadata = LedgerMetadata::new(Quorums::default(), &bookies)?;
    /// assert!(!metadata.is_under_replicated(&[Broker(11)])); // it is open: its writer sees to it
    /// metadata.state = LedgerState::Closed { last: Some(3) };
    /// assert!(metadata.is_under_replicated(&[Broker(11)]));
    /// assert!(!metadata.is_under_replicated(&bookies));
    /// # Ok::<(), mqlab_core::systems::pulsar::ledger::BadMetadata>(())
    /// ```
    pub fn is_under_replicated(&self, available: &[NodeId]) -> bool {
        let end = match self.state {
            LedgerState::Closed { last } => last.map_or(0, |last| last + 1),
            LedgerState::Open | LedgerState::InRecovery => self.last_fragment().0,
        };
        let ends = self.fragments.keys().skip(1).copied().chain([end]);
        self.fragments.iter().zip(ends).any(|((&first, ensemble), end)| {
            let sets = WriteSets(self.quorums);
            let lost = |place: usize| ensemble.get(place).is_some_and(|bookie| !available.contains(bookie));
            (first..end).take(ensemble.len()).any(|entry| sets.of(entry).any(lost))
        })
    }
}
