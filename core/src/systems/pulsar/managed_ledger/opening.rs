//! How does a broker come by a topic's ledgers? It ends those that are open, and makes a new one.
//!
//! The last two of the list are looked at, the last first. As long as too few bookies are there for it, it is tried again.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Asked, ManagedLedger, Stage};
use crate::systems::pulsar::ledger::{
    Effect, LedgerEnd, LedgerId, LedgerMetadata, LedgerRecovery, ledger_path,
};
use crate::systems::pulsar::ledger_list::{LedgerFact, LedgerNews};
use crate::systems::pulsar::store_op::{Expected, StoreOp};
use crate::time::Time;

impl ManagedLedger {
    pub(super) fn make(&mut self, facts: &mut Vec<LedgerFact>) {
        self.stage = Stage::Opening;
        self.ask(Asked::Number, StoreOp::Next { path: "counters/ledgers".into() }, facts);
    }

    /// Ends what the broker before may have left open: the last two of the list.
    pub(super) fn recover(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        self.extents = self.list.iter().map(|info| (info.ledger, info.entries)).collect();
        self.read_from_objects();
        let last_two = &self.list[self.list.len().saturating_sub(2)..];
        let open = last_two.iter().filter(|info| info.closed.is_none()).map(|info| info.ledger).collect();
        self.recover_next(now, open, facts);
    }

    fn recover_next(&mut self, now: Time, mut open: Vec<LedgerId>, facts: &mut Vec<LedgerFact>) {
        let Some(ledger) = open.pop() else { return self.make(facts) };
        facts.push(LedgerFact::Happened(LedgerNews::Recovers(ledger)));
        let mut effects = Vec::new();
        let recovery = LedgerRecovery::begin(ledger, &self.bookies, &mut effects);
        self.stage = Stage::Recovering(Box::new(recovery), open);
        self.of_recovery(now, effects, facts);
    }

    pub(super) fn of_recovery(&mut self, now: Time, effects: Vec<Effect>, facts: &mut Vec<LedgerFact>) {
        self.recovering_since = now;
        for effect in effects {
            match effect {
                Effect::Ask(to, request) => facts.push(LedgerFact::Ask(to, request)),
                Effect::Store(op) => self.ask(Asked::Recovery, op, facts),
                Effect::Acknowledged { .. } => {}
                Effect::Ended(LedgerEnd::Closed { last }) => {
                    let Stage::Recovering(recovery, open) =
                        core::mem::replace(&mut self.stage, Stage::Opening)
                    else {
                        return;
                    };
                    let ledger = recovery.ledger();
                    self.metadata.insert(ledger, recovery.metadata().clone());
                    self.ended(now, ledger, last);
                    let entries = last.map_or(0, |last| last + 1);
                    facts.push(LedgerFact::Happened(LedgerNews::Closed(ledger, entries)));
                    self.recover_next(now, open, facts);
                }
                // Too few bookies are there: it is tried again from the start.
                Effect::Ended(_) => self.stage = Stage::Waiting(now + self.settings.retry),
            }
        }
    }

    pub(super) fn create(&mut self, now: Time, ledger: LedgerId, facts: &mut Vec<LedgerFact>) {
        // Who begins goes round, so that ledgers are spread over all bookies.
        let mut bookies = self.bookies.clone();
        if let Some(turn) = ledger.0.checked_rem(bookies.len() as u64) {
            bookies.rotate_left(turn as usize);
        }
        let Ok(metadata) = LedgerMetadata::new(self.settings.quorums, &bookies) else {
            self.stage = Stage::Waiting(now + self.settings.retry);
            return;
        };
        let (path, value) = (ledger_path(ledger), metadata.to_bytes());
        let put = StoreOp::Put { path, value, expected: Expected::Absent, ephemeral: false };
        self.ask(Asked::Create(ledger, metadata), put, facts);
    }

    /// Bookies that a recovery has waited for too long have failed, as far as this recovery goes: the next one asks them again.
    pub(super) fn tick_recovery(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        if now.since(self.recovering_since) < self.settings.add_timeout {
            return;
        }
        let mut effects = Vec::new();
        if let Stage::Recovering(recovery, _) = &mut self.stage {
            for bookie in recovery.awaited() {
                recovery.bookie_failed(bookie, &mut effects);
            }
        }
        self.of_recovery(now, effects, facts);
    }
}
