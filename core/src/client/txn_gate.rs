//! What does a transaction let its producer send? Only to partitions that the coordinator knows of, and only while nothing
//! went wrong.
//!
//! ```text
//!   message for bills/0 ─▶ line of bills/0 ─┬─ added ─▶ goes, under the number and epoch of the transaction
//!                                           └─ not yet: wanted ─▶ the coordinator is asked to add it
//! ```
//!
//! What is stored is not acknowledged yet: it counts when the transaction is committed.

use alloc::vec::Vec;

use super::identity::ProducerId;
use super::producer::Producer;
use crate::ids::{MessageId, PartitionId};
use crate::observe::{Place, Refusal};
use crate::sorted::SortedSet;

/// The gate of a producer that sends in transactions; shut while none is open.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    /// As whom it sends; nobody while no transaction is open.
    pub(super) me: Option<ProducerId>,
    /// Where it may send.
    pub(super) added: SortedSet<PartitionId>,
    /// Where it wants to.
    pub(super) wanted: SortedSet<PartitionId>,
    /// What was stored in the open transaction, where.
    pub(super) stored: Vec<(Place, MessageId)>,
    /// Why the transaction cannot be committed any more.
    pub(super) failed: Option<Refusal>,
}

impl Gate {
    /// Whether something may go to a place now. If only the coordinator must hear of that first, it is wanted from now on.
    pub(super) fn lets(&mut self, place: &Place) -> bool {
        let Place::Partition(partition) = place else { return false };
        if self.added.contains(partition) {
            return self.failed.is_none();
        }
        self.wanted.insert(partition.clone());
        false
    }

    /// Whether a place waits for the coordinator's answer, or for nothing any more. What lingers here and is not wanted yet
    /// does not: it must be looked at again when its time has come.
    pub(super) fn holds_up(&self, place: &Place) -> bool {
        let Place::Partition(partition) = place else { return true };
        self.failed.is_some() || !self.added.contains(partition) && self.wanted.contains(partition)
    }

    /// The transaction cannot be committed any more; the first reason counts.
    pub(super) fn fail(&mut self, why: Refusal) {
        self.failed.get_or_insert(why);
    }
}

impl Producer {
    /// A transaction begins: what is sent from now on is part of it.
    pub(super) fn open_gate(&mut self, me: ProducerId) {
        self.gate = Some(Gate { me: Some(me), ..Gate::default() });
    }

    /// The transaction is over: nothing goes any more, and what was not stored is forgotten.
    pub(super) fn shut_gate(&mut self) -> Gate {
        self.lanes.forget();
        self.unplaced.clear();
        self.given_up.clear();
        self.gate.replace(Gate::default()).unwrap_or_default()
    }
}
