//! How do ledgers go that nobody needs? First from the list, then from bookies: who reads the list never looks in vain.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Asked, ManagedLedger};
use crate::ids::NodeId;
use crate::systems::pulsar::ledger::{BookieRequest, Goes, LedgerId, ledger_path};
use crate::systems::pulsar::ledger_list::{LedgerFact, LedgerInfo, LedgerNews};
use crate::systems::pulsar::store_op::{Expected, StoreOp};

impl ManagedLedger {
    /// Whether the list can be changed now: it is one's own, and no other change is under way.
    pub(super) fn may_change_list(&self) -> bool {
        let changing =
            |asked: &Asked| matches!(asked, Asked::Append(..) | Asked::Drop(..) | Asked::Offloaded(..));
        self.is_ready() && !self.asked.values().any(changing)
    }

    pub(super) fn put_list(&self, list: &[LedgerInfo]) -> StoreOp {
        let value = serde_json::to_vec(list).expect("plain data can be written").into();
        let expected = self.version.map_or(Expected::Absent, Expected::Version);
        StoreOp::Put { path: self.path.clone(), value, expected, ephemeral: false }
    }

    /// Takes ledgers off the list that nobody needs any more, and asks for their end. Only ones that are closed go, and not
    /// while another change is under way: say it again later. Says whether they are going.
    pub fn drop_ledgers(&mut self, ledgers: &[LedgerId], facts: &mut Vec<LedgerFact>) -> bool {
        let goes = |info: &LedgerInfo| info.closed.is_some() && ledgers.contains(&info.ledger);
        if !self.may_change_list() || !self.list.iter().any(goes) {
            return false;
        }
        let (gone, kept): (Vec<LedgerInfo>, Vec<LedgerInfo>) = self.list.iter().cloned().partition(goes);
        let op = self.put_list(&kept);
        self.ask(Asked::Drop(gone), op, facts);
        true
    }

    /// A ledger is off the list: its entries and its metadata may go.
    pub(super) fn forget(&mut self, ledger: LedgerId, facts: &mut Vec<LedgerFact>) {
        self.extents.remove(ledger);
        facts.push(LedgerFact::Happened(LedgerNews::Dropped(ledger)));
        self.delete(ledger, Goes::NotNeeded, facts);
    }

    /// Has bookies and the store forget a ledger that is on no list.
    pub(in crate::systems::pulsar) fn delete(
        &mut self,
        ledger: LedgerId,
        why: Goes,
        facts: &mut Vec<LedgerFact>,
    ) {
        let metadata = self.metadata.remove(&ledger);
        let object_store = self.objects.remove(&ledger).and(self.settings.offload).map(|offload| offload.to);
        self.offloading = self.offloading.take().filter(|offloading| offloading.ledger != ledger);
        let on = metadata.iter().flat_map(|metadata| metadata.fragments.values().flatten().copied());
        let bookies: BTreeSet<NodeId> = on.chain(self.bookies.iter().copied()).chain(object_store).collect();
        facts.extend(
            bookies.into_iter().map(|bookie| LedgerFact::Ask(bookie, BookieRequest::Delete { ledger, why })),
        );
        let op = StoreOp::Delete { path: ledger_path(ledger), expected: Expected::Any };
        self.ask(Asked::Delete, op, facts);
    }
}
