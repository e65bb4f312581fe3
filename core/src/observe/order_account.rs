//! Was everything done of which a user was told "accepted"? An account of orders, for the judge of promises.

use alloc::collections::{BTreeMap, BTreeSet};

use super::order::{Answer, OrderEvent};
use crate::ids::{MessageId, OrderId};

/// The account.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderAccount {
    /// Their users were told "accepted", and not everybody who has to work on them has done so.
    accepted: BTreeSet<OrderId>,
    fulfilled: BTreeSet<OrderId>,
    /// The messages that were written for each.
    put: BTreeMap<OrderId, BTreeSet<MessageId>>,
}

impl OrderAccount {
    /// Takes note of a fact.
    pub(super) fn observe(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Put { order, message } => _ = self.put.entry(*order).or_default().insert(*message),
            OrderEvent::Answered { order, answer: Answer::Accepted, .. } => _ = self.accepted.insert(*order),
            OrderEvent::Fulfilled { order, .. } => _ = self.fulfilled.insert(*order),
            _ => {}
        }
    }

    /// The messages for orders that were accepted and are not done.
    pub(super) fn disappointments(&self) -> BTreeSet<MessageId> {
        let owed = self.accepted.difference(&self.fulfilled);
        owed.filter_map(|order| self.put.get(order)).flatten().copied().collect()
    }
}
