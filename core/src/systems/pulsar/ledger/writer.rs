//! How is an entry stored? The writer sends it to Qw bookies, and calls it stored when Qa have answered and everything
//! below is stored.
//!
//! ```text
//!   entry     0   1   2   3   4
//!   answers   ■■  ■■  ■□  ■■  ■■        Qa = 2: entry 2 lacks one
//!                 └ LAC = 1: 3 and 4 have enough, and wait for 2
//!
//!   B2 fails:  ask the store to let another be in its place from entry 2 on      nothing is acknowledged meanwhile
//!              written? send 2, 3, 4 to the new one where it was B2's turn       and count again, without B2's answers
//!              conflict? look: if the ledger is open no more, we are fenced
//! ```
//!
//! Since each entry says up to where all was acknowledged when it was sent, whoever finds a ledger without its writer
//! knows from the bookies alone up to where it need not look.
//!
//! Two ways in which a writer learns that it is the owner no more: a bookie says "fenced", or the store says "conflict".
//! Either is enough, and after either it acknowledges nothing.
//!
//! Source: BookKeeper `LedgerHandle`, `PendingAddOp`, `protocol.md`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use super::{
    BookieReply, BookieRequest, Effect, Entry, LedgerEnd, LedgerId, LedgerMetadata, LedgerState, NotDone,
    ledger_path, metadata_in,
};
use crate::ids::NodeId;
use crate::record::Batches;
use crate::systems::pulsar::store_op::{StoreAnswer, StoreOp};
use crate::time::{Span, Time};

/// A bookie that has not answered for this long has failed: 5 s (`addEntryTimeoutSec`).
pub const ADD_TIMEOUT: Span = Span::from_millis(5_000);

/// The ledger takes no more entries: it is closed or about to be, or its writer was shut out.
///
/// ```
/// use mqlab_core::systems::pulsar::ledger::NotOpen;
/// assert_eq!(NotOpen.to_string(), "the ledger takes no more entries");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpen;

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ledger takes no more entries")
    }
}

impl core::error::Error for NotOpen {}

#[derive(Clone, Debug)]
struct Pending {
    payload: Batches,
    sent: Time,
    /// Who has answered, among those whose turn it is.
    stored: BTreeSet<NodeId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// This is asked of the store; what is acknowledged waits.
    Changing(LedgerMetadata),
    /// It was not written, or nobody knows: what stands there now?
    Looking(LedgerMetadata),
    /// It is asked to be closed at the LAC.
    Closing(LedgerMetadata),
    Ended,
}

/// The one that appends to a ledger.
///
/// ```
/// use mqlab_core::ids::NodeId::Broker;
/// use mqlab_core::log::contract::batch;
/// use mqlab_core::systems::pulsar::ledger::{
///     BookieReply, Effect, LedgerId, LedgerMetadata, LedgerWriter, Quorums,
/// };
/// use mqlab_core::time::Time;
///
/// let bookies = [Broker(11), Broker(12)];
/// let mut writer = LedgerWriter::new(LedgerId(7), LedgerMetadata::new(Quorums::default(), &bookies)?, 0);
/// let mut out = Vec::new();
/// let entry = writer.add(Time::ZERO, batch(0, 1), &mut out)?;
/// assert_eq!((entry, out.len()), (0, 2)); // to both
/// let added = BookieReply::Added { ledger: LedgerId(7), entry, done: Ok(()) };
/// out.clear();
/// writer.on_reply(Broker(11), &added, &bookies, &mut out);
/// assert!(out.is_empty()); // Qa = 2
/// writer.on_reply(Broker(12), &added, &bookies, &mut out);
/// assert_eq!(out, [Effect::Acknowledged { entry: 0 }]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LedgerWriter {
    ledger: LedgerId,
    metadata: LedgerMetadata,
    version: u64,
    next: u64,
    lac: Option<u64>,
    pending: BTreeMap<u64, Pending>,
    /// Bookies that have failed since the ledger was made.
    gone: BTreeSet<NodeId>,
    /// Who else there was when the last one failed.
    available: Vec<NodeId>,
    /// Whether it is to be closed as soon as the store has answered.
    closes: bool,
    state: State,
}

impl LedgerWriter {
    /// The writer of a ledger that was just made, with the metadata and the version that stand in the store.
    pub fn new(ledger: LedgerId, metadata: LedgerMetadata, version: u64) -> Self {
        Self {
            ledger,
            metadata,
            version,
            next: 0,
            lac: None,
            pending: BTreeMap::new(),
            gone: BTreeSet::new(),
            available: Vec::new(),
            closes: false,
            state: State::Open,
        }
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.ledger
    }

    /// What is known of it.
    pub fn metadata(&self) -> &LedgerMetadata {
        &self.metadata
    }

    /// The last entry that is acknowledged, if any is.
    pub fn lac(&self) -> Option<u64> {
        self.lac
    }

    /// How many entries it has, acknowledged or not.
    pub fn entries(&self) -> u64 {
        self.next
    }

    /// Whether it takes entries.
    pub fn is_open(&self) -> bool {
        !self.closes && !matches!(self.state, State::Closing(_) | State::Ended)
    }

    /// Sends an entry to its write set. Gives its number.
    ///
    /// # Errors
    ///
    /// [`NotOpen`] when the ledger takes no more.
    pub fn add(&mut self, now: Time, payload: Batches, out: &mut Vec<Effect>) -> Result<u64, NotOpen> {
        if !self.is_open() {
            return Err(NotOpen);
        }
        let entry = self.next;
        self.next += 1;
        self.pending.insert(entry, Pending { payload, sent: now, stored: BTreeSet::new() });
        for bookie in self.metadata.write_set(entry) {
            self.send(entry, bookie, out);
        }
        Ok(entry)
    }

    fn send(&self, number: u64, bookie: NodeId, out: &mut Vec<Effect>) {
        let Some(pending) = self.pending.get(&number).filter(|_| !self.gone.contains(&bookie)) else {
            return;
        };
        let entry =
            Entry { ledger: self.ledger, entry: number, lac: self.lac, payload: pending.payload.clone() };
        out.push(Effect::Ask(bookie, BookieRequest::Add { entry, recovery: false }));
    }

    /// A bookie has answered. `available` are those that could take its place, were it to fail.
    pub fn on_reply(
        &mut self,
        from: NodeId,
        reply: &BookieReply,
        available: &[NodeId],
        out: &mut Vec<Effect>,
    ) {
        let BookieReply::Added { ledger, entry, done } = reply else { return };
        if *ledger != self.ledger || self.state == State::Ended {
            return;
        }
        match done {
            Ok(()) => {
                if let Some(pending) = self.pending.get_mut(entry)
                    && !self.gone.contains(&from)
                {
                    pending.stored.insert(from);
                }
                self.acknowledge(out);
            }
            Err(NotDone::Fenced) => self.end(LedgerEnd::Fenced, out),
            Err(NotDone::Full | NotDone::NoEntry) => self.bookie_failed(from, available, out),
        }
    }

    /// Acknowledges what has enough answers and nothing before it that has not.
    fn acknowledge(&mut self, out: &mut Vec<Effect>) {
        if !matches!(self.state, State::Open) {
            return; // who was asked is about to change, or it is not sure who writes
        }
        let before = self.lac;
        while let Some(first) = self.pending.first_entry() {
            let members = self.metadata.write_set(*first.key());
            let stored = first.get().stored.iter().filter(|bookie| members.contains(bookie)).count();
            if stored < usize::from(self.metadata.quorums.ack) {
                break;
            }
            self.lac = Some(*first.key());
            first.remove();
        }
        if let Some(entry) = self.lac.filter(|_| self.lac > before) {
            out.push(Effect::Acknowledged { entry });
        }
    }

    /// A bookie has failed: it does not answer, its connection broke, or its disk is full.
    pub fn bookie_failed(&mut self, bookie: NodeId, available: &[NodeId], out: &mut Vec<Effect>) {
        let (_, ensemble) = self.metadata.last_fragment();
        if self.state == State::Ended || !ensemble.contains(&bookie) || !self.gone.insert(bookie) {
            return;
        }
        self.available = available.to_vec();
        if self.state == State::Open {
            self.change(out);
        }
    }

    /// Asks for other bookies in place of those that failed, from the first entry on that is not acknowledged.
    fn change(&mut self, out: &mut Vec<Effect>) {
        let from = self.lac.map_or(0, |lac| lac + 1);
        let gone = |bookie| self.gone.contains(&bookie);
        let Some(ensemble) = self.metadata.replaced(u64::MAX, gone, &self.available) else {
            // Nobody is left to take its place: the ledger ends here, and what comes goes to another.
            self.state = State::Open;
            self.close(out);
            return;
        };
        let mut proposal = self.metadata.clone();
        proposal.fragments.insert(from, ensemble);
        out.push(Effect::Store(proposal.put(self.ledger, self.version)));
        self.state = State::Changing(proposal);
    }

    /// Asks for the ledger to be closed at the last entry that is acknowledged. What is not may be in it or not.
    pub fn close(&mut self, out: &mut Vec<Effect>) {
        self.closes = true;
        if self.state == State::Open {
            let mut proposal = self.metadata.clone();
            proposal.state = LedgerState::Closed { last: self.lac };
            out.push(Effect::Store(proposal.put(self.ledger, self.version)));
            self.state = State::Closing(proposal);
        }
    }

    /// The store has answered.
    pub fn on_store(&mut self, answer: &StoreAnswer, out: &mut Vec<Effect>) {
        match (core::mem::replace(&mut self.state, State::Ended), answer) {
            (State::Changing(proposal), StoreAnswer::Written { version }) => {
                (self.metadata, self.version) = (proposal, *version);
                self.changed(out);
            }
            (State::Closing(proposal), StoreAnswer::Written { version }) => {
                (self.metadata, self.version) = (proposal, *version);
                self.end(LedgerEnd::Closed { last: self.lac }, out);
            }
            (State::Changing(proposal) | State::Closing(proposal), _) => {
                out.push(Effect::Store(StoreOp::Get { path: ledger_path(self.ledger) }));
                self.state = State::Looking(proposal);
            }
            (State::Looking(proposal), answer) => match metadata_in(answer) {
                // It was written, and the answer was lost; or somebody has copied entries of an earlier fragment.
                Some((metadata, version)) if metadata.state == LedgerState::Open => {
                    (self.metadata, self.version) = (metadata, version);
                    self.changed(out);
                }
                Some((metadata, _)) if metadata == proposal => {
                    self.end(LedgerEnd::Closed { last: self.lac }, out);
                }
                Some(_) => self.end(LedgerEnd::Fenced, out),
                None => self.end(LedgerEnd::NoMetadata, out),
            },
            (state @ (State::Open | State::Ended), _) => self.state = state, // nothing was asked
        }
    }

    /// Goes on with an ensemble that may be another: sends what is not acknowledged to whoever has not stored it.
    fn changed(&mut self, out: &mut Vec<Effect>) {
        self.state = State::Open;
        for (&entry, pending) in &self.pending {
            for bookie in self.metadata.write_set(entry) {
                if !pending.stored.contains(&bookie) {
                    self.send(entry, bookie, out);
                }
            }
        }
        let (_, ensemble) = self.metadata.last_fragment();
        if ensemble.iter().any(|bookie| self.gone.contains(bookie)) {
            self.change(out); // another failed meanwhile
        } else {
            self.acknowledge(out);
        }
        if self.closes {
            self.close(out);
        }
    }

    fn end(&mut self, end: LedgerEnd, out: &mut Vec<Effect>) {
        self.state = State::Ended;
        self.pending.clear();
        out.push(Effect::Ended(end));
    }

    /// Bookies that have owed an answer for `timeout` have failed.
    pub fn tick(&mut self, now: Time, timeout: Span, available: &[NodeId], out: &mut Vec<Effect>) {
        let late: Vec<(u64, Vec<NodeId>)> = self
            .pending
            .iter()
            .filter(|(_, pending)| now.since(pending.sent) >= timeout)
            .map(|(&entry, pending)| (entry, self.lacking(entry, pending)))
            .collect();
        for (entry, bookies) in late {
            if let Some(pending) = self.pending.get_mut(&entry) {
                pending.sent = now; // the next one has as long
            }
            for bookie in bookies {
                self.bookie_failed(bookie, available, out);
            }
        }
    }

    /// Who of an entry's write set has not stored it.
    fn lacking(&self, entry: u64, pending: &Pending) -> Vec<NodeId> {
        let mut members = self.metadata.write_set(entry);
        members.retain(|bookie| !pending.stored.contains(bookie));
        members
    }

    /// When the first bookie is late.
    pub fn next_wakeup(&self, timeout: Span) -> Option<Time> {
        self.pending.values().map(|pending| pending.sent + timeout).min()
    }
}
