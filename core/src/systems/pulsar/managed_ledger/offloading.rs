//! What becomes of old ledgers? An object store gets them, which is cheap and slow, and bookies need not keep them.
//!
//! ```text
//!   closed, and more than the threshold lies before it
//!      │ entry by entry, from bookies to the object store
//!      ▼
//!   the list says: offloaded           readers are sent to the object store from now on
//!      │ the lag passes: who had begun to read from bookies is done
//!      ▼
//!   the list says: moved               and then bookies delete it
//! ```
//!
//! A broker that dies on the way leaves half a copy, which the list does not name: the next owner begins that ledger anew, and
//! writes the same over it. Offloading is no reason to delete: retention is, and takes the object along.
//!
//! What real systems do: Kafka's tiered storage copies segments likewise; there a segment that is copied may go from the disk as
//! soon as local retention says so.
//!
//! Source: Pulsar `ManagedLedgerImpl` (`maybeOffload`, `offloadLoop`, `isOffloadedNeedsDelete`), `LedgerOffloader`.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Asked, ManagedLedger};
use crate::ids::NodeId;
use crate::record::Batches;
use crate::systems::pulsar::ledger::{
    BookieReply, BookieRequest, Entry, Goes, LedgerId, LedgerMetadata, LedgerState, Quorums,
};
use crate::systems::pulsar::ledger_list::{LedgerFact, LedgerInfo, LedgerNews, Offloaded};
use crate::systems::pulsar::position::Position;
use crate::time::Time;

/// A ledger on its way to the object store.
#[derive(Clone, Debug)]
pub(super) struct Offloading {
    pub(super) ledger: LedgerId,
    /// The first entry that is not there, and the one after the last.
    next: u64,
    end: u64,
    /// Since when the object store owes an answer for `next`.
    asked: Option<Time>,
}

impl ManagedLedger {
    /// Begins the next ledger that should go, and lets bookies delete those that are long there.
    pub fn look_what_to_offload(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        let Some(offload) = self.settings.offload else { return };
        let long_there = |info: &&LedgerInfo| {
            info.offloaded.is_some_and(|it| !it.moved && now.since(it.at) >= offload.lag)
        };
        if let Some((ledger, at)) =
            self.list.iter().find(long_there).and_then(|info| Some((info.ledger, info.offloaded?.at)))
        {
            self.say_offloaded(ledger, Offloaded { at, moved: true }, facts);
        }
        if self.offloading.is_some() {
            return;
        }
        let (mut behind, mut oldest) = (0_u64, None);
        for info in self.list.iter().rev() {
            behind = behind.saturating_add(self.bytes_of(info.ledger));
            // What was recovered was not counted: without a threshold it goes all the same.
            let much = behind > offload.threshold || offload.threshold == 0;
            if much && info.closed.is_some() && info.offloaded.is_none() && info.entries > 0 {
                oldest = Some((info.ledger, info.entries));
            }
        }
        self.offloading = oldest.map(|(ledger, end)| Offloading { ledger, next: 0, end, asked: None });
    }

    /// The entry that the object store should get next: to be handed to [`offload`](Self::offload).
    pub fn wants_to_offload(&self) -> Option<Position> {
        let of = self.offloading.as_ref().filter(|of| of.asked.is_none() && of.next < of.end)?;
        Some(Position::new(of.ledger, of.next))
    }

    /// Sends an entry to the object store.
    pub fn offload(&mut self, now: Time, payload: Batches, facts: &mut Vec<LedgerFact>) {
        let (Some(offload), Some(of)) = (self.settings.offload, &mut self.offloading) else { return };
        of.asked = Some(now);
        let (ledger, entry) = (of.ledger, of.next);
        let entry = Entry { ledger, entry, lac: entry.checked_sub(1), payload };
        facts.push(LedgerFact::Ask(offload.to, BookieRequest::Add { entry, recovery: true }));
    }

    /// Whether an answer is the object store's.
    pub fn is_object_store(&self, node: NodeId) -> bool {
        self.settings.offload.is_some_and(|offload| offload.to == node)
    }

    /// The object store has answered.
    pub fn on_object_store(&mut self, now: Time, reply: &BookieReply, facts: &mut Vec<LedgerFact>) {
        let (BookieReply::Added { ledger, entry, done: Ok(()) }, Some(of)) = (reply, &mut self.offloading)
        else {
            return; // what it could not take it is sent again
        };
        if (of.ledger, of.next) == (*ledger, *entry) {
            (of.next, of.asked) = (entry + 1, None);
        }
        self.end_offload(now, facts);
    }

    /// All of a ledger is there: the list says so, as soon as it can be changed.
    fn end_offload(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        let Some(of) = self.offloading.as_ref().filter(|of| of.next >= of.end) else { return };
        let ledger = of.ledger;
        if self.may_change_list() {
            self.say_offloaded(ledger, Offloaded { at: now, moved: false }, facts);
        }
    }

    fn say_offloaded(&mut self, ledger: LedgerId, how: Offloaded, facts: &mut Vec<LedgerFact>) {
        if !self.may_change_list() {
            return; // at the next look
        }
        let mut list = self.list.clone();
        list.iter_mut().filter(|info| info.ledger == ledger).for_each(|info| info.offloaded = Some(how));
        let op = self.put_list(&list);
        self.ask(Asked::Offloaded(ledger, how), op, facts);
    }

    /// The list says so.
    pub(super) fn is_offloaded(&mut self, ledger: LedgerId, how: Offloaded, facts: &mut Vec<LedgerFact>) {
        let Some(offload) = self.settings.offload else { return };
        let Some(info) = self.list.iter_mut().find(|info| info.ledger == ledger) else { return };
        info.offloaded = Some(how);
        let entries = info.entries;
        self.read_from_objects();
        if !how.moved {
            self.offloading = None;
            facts.push(LedgerFact::Happened(LedgerNews::Offloaded(ledger, entries, offload.to)));
            return self.look_what_to_offload(how.at, facts); // the next one at once
        }
        facts.push(LedgerFact::Happened(LedgerNews::LeftBookies(ledger)));
        let metadata = self.metadata.get(&ledger);
        let on = metadata.into_iter().flat_map(|metadata| metadata.fragments.values().flatten().copied());
        let bookies: BTreeSet<NodeId> = on.chain(self.bookies.iter().copied()).collect();
        let delete = |bookie| LedgerFact::Ask(bookie, BookieRequest::Delete { ledger, why: Goes::Moved });
        facts.extend(bookies.into_iter().map(delete));
    }

    /// Readers of what is offloaded are sent to the object store (`managedLedgerDataReadPriority`: tiered-storage-first).
    pub(super) fn read_from_objects(&mut self) {
        let (Some(offload), Ok(alone)) = (self.settings.offload, Quorums::new(1, 1, 1)) else { return };
        for info in self.list.iter().filter(|info| info.offloaded.is_some()) {
            if let Ok(mut metadata) = LedgerMetadata::new(alone, &[offload.to]) {
                metadata.state = LedgerState::Closed { last: info.entries.checked_sub(1) };
                self.objects.insert(info.ledger, metadata);
            }
        }
    }

    /// Sends again what the object store has not answered for.
    pub(super) fn tick_offload(&mut self, now: Time, facts: &mut Vec<LedgerFact>) {
        let timeout = self.settings.add_timeout;
        if let Some(of) = &mut self.offloading {
            of.asked = of.asked.filter(|since| now.since(*since) < timeout);
        }
        self.end_offload(now, facts);
    }

    pub(super) fn next_offload_look(&self) -> Option<Time> {
        self.offloading.as_ref()?.asked.map(|since| since + self.settings.add_timeout)
    }
}
