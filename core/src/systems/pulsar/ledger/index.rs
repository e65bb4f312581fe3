//! What does a bookie know without reading? Where in its journal each ledger's entries stand, and which writers are shut out.
//!
//! A fence outlives its ledger. A writer that slept while its ledger was fenced, read to the end by others and deleted must not
//! find an empty one in its place when it wakes up: its entries would be stored, and read by nobody. BookKeeper has the same
//! effect from its garbage collection, which looks for deleted ledgers every quarter of an hour.
//!
//! Source: BookKeeper, `LedgerDescriptorImpl.addEntry`, `GarbageCollectorThread`, `gcWaitTime`.

use alloc::collections::{BTreeMap, BTreeSet};

use super::LedgerId;
use super::journal::Word;
use crate::ids::Offset;
use crate::time::{Span, Time};

/// How long a bookie remembers that a ledger was fenced when the ledger is deleted: 15 minutes in `bookkeeper.conf`
/// (`gcWaitTime`), a hundredth of it here like all that takes seconds.
pub(super) const FENCE_KEPT: Span = Span::from_millis(9_000);

/// What a bookie knows of a ledger.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Where it is written that the ledger is fenced, if it is.
    pub(super) fenced: Option<Offset>,
    /// The greatest last add confirmed that came with an entry.
    pub(super) lac: Option<u64>,
    /// Where each entry's word stands, and where its payload ends.
    pub(super) entries: BTreeMap<u64, (Offset, Offset)>,
}

/// What the words of a journal come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    ledgers: BTreeMap<LedgerId, Known>,
    /// Deleted ledgers that were fenced: where that is written, and since when they are gone; not known yet just after the
    /// journal was read.
    gone: BTreeMap<LedgerId, (Offset, Option<Time>)>,
    /// The words that somebody still needs: the journal is kept from the first on.
    needed: BTreeSet<Offset>,
}

impl Index {
    pub(super) fn ledgers(&self) -> impl Iterator<Item = (&LedgerId, &Known)> {
        self.ledgers.iter()
    }

    pub(super) fn get(&self, ledger: LedgerId) -> Option<&Known> {
        self.ledgers.get(&ledger)
    }

    pub(super) fn is_fenced(&self, ledger: LedgerId) -> bool {
        self.gone.contains_key(&ledger) || self.get(ledger).is_some_and(|known| known.fenced.is_some())
    }

    /// From where on the journal is needed.
    pub(super) fn first_needed(&self) -> Option<Offset> {
        self.needed.first().copied()
    }

    /// Learns a word that stands at `at`, and whose payload ends at `end`.
    pub(super) fn learn(&mut self, word: Word, at: Offset, end: Offset) {
        match word {
            Word::Entry { ledger, entry, lac, .. } => {
                let known = self.ledgers.entry(ledger).or_default();
                known.lac = known.lac.max(lac);
                known.entries.insert(entry, (at, end));
                self.needed.insert(at);
            }
            Word::Fenced(ledger) => {
                self.ledgers.entry(ledger).or_default().fenced = Some(at);
                self.needed.insert(at);
            }
            Word::Deleted(ledger) => {
                let known = self.ledgers.remove(&ledger).unwrap_or_default();
                for (at, _) in known.entries.values() {
                    self.needed.remove(at);
                }
                if let Some(at) = known.fenced {
                    self.gone.insert(ledger, (at, None));
                }
            }
        }
    }

    /// Forgets the fences of ledgers that have been gone for long enough.
    pub(super) fn forget(&mut self, now: Time) {
        let needed = &mut self.needed;
        self.gone.retain(|_, (at, since)| {
            let keeps = now.since(*since.get_or_insert(now)) < FENCE_KEPT;
            if !keeps {
                needed.remove(at);
            }
            keeps
        });
    }
}
