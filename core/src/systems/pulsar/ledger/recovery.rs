//! How does somebody else end a ledger whose writer may be dead, or may only seem so? By shutting it out first.
//!
//! ```text
//!   1  metadata: OPEN ─▶ IN_RECOVERY           the writer can change the ensemble no more
//!   2  fence the bookies                       until of every write set (Qw - Qa) + 1 have answered: then the
//!                                              writer can get Qa answers for nothing new
//!   3  read on from the greatest LAC           everything below is stored; above, somebody may have been told so
//!   4  each entry that anybody has: write it   so that it is on Qa bookies whatever becomes of its first ones
//!      the first that (Qw - Qa) + 1 have not: the end: no Qa can have it
//!   5  metadata: CLOSED at the last entry      of two who recover one is told to look again
//! ```
//!
//! An entry that was never acknowledged may survive. One that was acknowledged always does, as long as fewer than Qa of its
//! bookies are lost: that is what the numbers are for. Its old writer learns it at its next entry.
//!
//! Source: BookKeeper `protocol.md`, `LedgerRecoveryOp`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{
    BookieReply, BookieRequest, Effect, Entry, LedgerEnd, LedgerId, LedgerMetadata, LedgerState, WriteSets,
    ledger_path, metadata_in,
};
use crate::ids::NodeId;
use crate::systems::pulsar::store_op::{StoreAnswer, StoreOp};

#[derive(Clone, Debug)]
enum Stage {
    /// What stands in the store?
    Looking,
    /// It is asked to be IN_RECOVERY.
    Marking(LedgerMetadata),
    /// Who is fenced, and what they know.
    Fencing {
        answered: BTreeSet<NodeId>,
        lac: Option<u64>,
    },
    /// Who has said that it does not have the entry.
    Reading {
        entry: u64,
        without: BTreeSet<NodeId>,
    },
    /// Who has it now.
    Writing {
        entry: Entry,
        stored: BTreeSet<NodeId>,
    },
    /// It is asked to be closed.
    Closing(LedgerMetadata),
    Ended,
}

/// Ends one ledger.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::systems::pulsar::ledger::{Effect, LedgerId, LedgerRecovery, ledger_path};
/// use mqlab_core::systems::pulsar::StoreOp;
/// let mut out = Vec::new();
/// let recovery = LedgerRecovery::begin(LedgerId(7), &[Broker(11), Broker(12)], &mut out);
/// assert_eq!(out, [Effect::Store(StoreOp::Get { path: ledger_path(LedgerId(7)) })]);
/// assert_eq!(recovery.ledger(), LedgerId(7));
/// ```
#[derive(Clone, Debug)]
pub struct LedgerRecovery {
    ledger: LedgerId,
    /// Where entries are, as the store says.
    metadata: LedgerMetadata,
    version: u64,
    /// Where entries are written to: other bookies than they are read from, once some have failed.
    target: LedgerMetadata,
    available: Vec<NodeId>,
    gone: BTreeSet<NodeId>,
    stage: Stage,
}

impl LedgerRecovery {
    /// Begins with the ledger. `available` are the bookies that there are; others in its ensembles have failed.
    pub fn begin(ledger: LedgerId, available: &[NodeId], out: &mut Vec<Effect>) -> Self {
        let nothing = LedgerMetadata {
            quorums: super::Quorums::default(),
            state: LedgerState::InRecovery,
            fragments: BTreeMap::new(),
        };
        out.push(Effect::Store(StoreOp::Get { path: ledger_path(ledger) }));
        Self {
            ledger,
            metadata: nothing.clone(),
            version: 0,
            target: nothing,
            available: available.to_vec(),
            gone: BTreeSet::new(),
            stage: Stage::Looking,
        }
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// What is known of it: once it has ended, how it will be for ever.
    pub fn metadata(&self) -> &LedgerMetadata {
        &self.metadata
    }

    /// The store has answered.
    pub fn on_store(&mut self, answer: &StoreAnswer, out: &mut Vec<Effect>) {
        match (core::mem::replace(&mut self.stage, Stage::Ended), answer) {
            (Stage::Looking, answer) => match metadata_in(answer) {
                Some((metadata, version)) => {
                    (self.metadata, self.version) = (metadata, version);
                    self.mark(out);
                }
                None => self.end(LedgerEnd::NoMetadata, out),
            },
            (Stage::Marking(marked), StoreAnswer::Written { version }) => {
                (self.metadata, self.version) = (marked, *version);
                self.fence(out);
            }
            (Stage::Closing(closed), StoreAnswer::Written { version }) => {
                (self.metadata, self.version) = (closed, *version);
                self.end(LedgerEnd::Closed { last: self.metadata.state.last() }, out);
            }
            // Somebody else recovers it too, or copies entries: begin again with what stands there now.
            (Stage::Marking(_) | Stage::Closing(_), _) => {
                out.push(Effect::Store(StoreOp::Get { path: ledger_path(self.ledger) }));
                self.stage = Stage::Looking;
            }
            (stage, _) => self.stage = stage, // nothing was asked
        }
    }

    /// Says that the ledger is being recovered, unless that is said, or it is over.
    fn mark(&mut self, out: &mut Vec<Effect>) {
        match self.metadata.state {
            LedgerState::Closed { last } => self.end(LedgerEnd::Closed { last }, out),
            LedgerState::InRecovery => self.fence(out),
            LedgerState::Open => {
                let marked = LedgerMetadata { state: LedgerState::InRecovery, ..self.metadata.clone() };
                out.push(Effect::Store(marked.put(self.ledger, self.version)));
                self.stage = Stage::Marking(marked);
            }
        }
    }

    fn fence(&mut self, out: &mut Vec<Effect>) {
        self.target = self.metadata.clone();
        let (_, ensemble) = self.metadata.last_fragment();
        let absent = ensemble.iter().filter(|bookie| !self.available.contains(bookie));
        self.gone.extend(absent);
        for &bookie in ensemble.iter().filter(|bookie| !self.gone.contains(bookie)) {
            out.push(Effect::Ask(bookie, BookieRequest::Fence { ledger: self.ledger }));
        }
        self.stage = Stage::Fencing { answered: BTreeSet::new(), lac: None };
        self.go_on(out);
    }

    /// A bookie has answered.
    pub fn on_reply(&mut self, from: NodeId, reply: BookieReply, out: &mut Vec<Effect>) {
        if reply.ledger() != self.ledger {
            return;
        }
        match (&mut self.stage, reply) {
            (Stage::Fencing { answered, lac }, BookieReply::Fenced { lac: known, .. }) => {
                answered.insert(from);
                *lac = (*lac).max(known);
            }
            (Stage::Reading { entry, without }, BookieReply::Found { entry: of, found, .. })
                if *entry == of =>
            {
                match found {
                    Ok(entry) => {
                        self.write(entry, out);
                        return;
                    }
                    Err(super::NotDone::NoEntry) => {
                        without.insert(from);
                    }
                    Err(_) => {
                        self.bookie_failed(from, out);
                        return;
                    }
                }
            }
            (Stage::Writing { entry, stored }, BookieReply::Added { entry: of, done, .. })
                if entry.entry == of =>
            {
                if done.is_err() {
                    self.bookie_failed(from, out);
                    return;
                }
                stored.insert(from);
            }
            _ => return, // an answer to an earlier question
        }
        self.go_on(out);
    }

    /// A bookie has failed, or has not answered for too long.
    pub fn bookie_failed(&mut self, bookie: NodeId, out: &mut Vec<Effect>) {
        self.available.retain(|other| *other != bookie);
        if self.gone.insert(bookie) {
            self.go_on(out);
        }
    }

    /// Who is owed an answer: of a host that waits in vain they have failed.
    pub fn awaited(&self) -> Vec<NodeId> {
        let (of, answered) = match &self.stage {
            Stage::Fencing { answered, .. } => (self.metadata.last_fragment().1.to_vec(), answered),
            Stage::Reading { entry, without } => (self.metadata.write_set(*entry), without),
            Stage::Writing { entry, stored } => (self.target.write_set(entry.entry), stored),
            _ => return Vec::new(),
        };
        let owes = |bookie: &NodeId| !answered.contains(bookie) && !self.gone.contains(bookie);
        of.into_iter().filter(owes).collect()
    }

    /// Looks whether the stage that it is at is done, or cannot be done any more.
    fn go_on(&mut self, out: &mut Vec<Effect>) {
        let quorums = self.metadata.quorums;
        match &self.stage {
            Stage::Fencing { answered, lac } => {
                let (first, ensemble) = self.metadata.last_fragment();
                let is =
                    |place: usize, of: &dyn Fn(NodeId) -> bool| ensemble.get(place).is_some_and(|&it| of(it));
                let fenced = |place| is(place, &|bookie| answered.contains(&bookie));
                let may_be =
                    |place| is(place, &|bookie| answered.contains(&bookie) || !self.gone.contains(&bookie));
                let sets = WriteSets(quorums);
                if sets.all_have(quorums.fencing(), fenced) {
                    // A fragment begins at the first entry that was not acknowledged: all before it was.
                    let next = lac.map_or(0, |lac| lac + 1).max(first);
                    self.read(next, out);
                } else if !sets.all_have(quorums.fencing(), may_be) {
                    self.end(LedgerEnd::NotEnoughBookies, out);
                }
            }
            Stage::Reading { entry, without } => {
                if without.len() >= quorums.fencing().into() {
                    let last = entry.checked_sub(1);
                    self.close(last, out);
                } else if self.awaited().is_empty() {
                    self.end(LedgerEnd::NotEnoughBookies, out); // those who may have it are away
                }
            }
            Stage::Writing { entry, stored } => {
                let members = self.target.write_set(entry.entry);
                let count = members.iter().filter(|bookie| stored.contains(bookie)).count();
                let next = entry.entry + 1;
                if members.iter().any(|bookie| self.gone.contains(bookie)) {
                    self.replace(out);
                } else if count >= quorums.ack.into() {
                    self.read(next, out);
                }
            }
            _ => {}
        }
    }

    fn read(&mut self, entry: u64, out: &mut Vec<Effect>) {
        for bookie in self.metadata.write_set(entry) {
            if !self.gone.contains(&bookie) {
                out.push(Effect::Ask(
                    bookie,
                    BookieRequest::Read { ledger: self.ledger, entry, fence: true },
                ));
            }
        }
        self.stage = Stage::Reading { entry, without: BTreeSet::new() };
        self.go_on(out);
    }

    fn write(&mut self, entry: Entry, out: &mut Vec<Effect>) {
        self.stage = Stage::Writing { entry, stored: BTreeSet::new() };
        self.send(out);
        self.go_on(out);
    }

    fn send(&self, out: &mut Vec<Effect>) {
        let Stage::Writing { entry, stored } = &self.stage else { return };
        for bookie in self.target.write_set(entry.entry) {
            if !stored.contains(&bookie) && !self.gone.contains(&bookie) {
                out.push(Effect::Ask(bookie, BookieRequest::Add { entry: entry.clone(), recovery: true }));
            }
        }
    }

    /// Others take the places of those that failed, from the entry on that is being written.
    fn replace(&mut self, out: &mut Vec<Effect>) {
        let Stage::Writing { entry, .. } = &self.stage else { return };
        let gone = |bookie| self.gone.contains(&bookie);
        match self.target.replaced(u64::MAX, gone, &self.available) {
            Some(ensemble) => {
                self.target.fragments.insert(entry.entry, ensemble);
                self.send(out);
                self.go_on(out);
            }
            None => self.end(LedgerEnd::NotEnoughBookies, out),
        }
    }

    fn close(&mut self, last: Option<u64>, out: &mut Vec<Effect>) {
        let mut closed = self.target.clone();
        closed.state = LedgerState::Closed { last };
        out.push(Effect::Store(closed.put(self.ledger, self.version)));
        self.stage = Stage::Closing(closed);
    }

    fn end(&mut self, end: LedgerEnd, out: &mut Vec<Effect>) {
        self.stage = Stage::Ended;
        out.push(Effect::Ended(end));
    }
}
