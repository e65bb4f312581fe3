//! What bets count, and the facts with which they begin to be decided.

use mqlab_core::ids::NodeId;
use mqlab_core::message::DeathReason;
use mqlab_core::observe::{Event, FaultEvent, GroupEvent, OrderEvent, QueueEvent, Stamped};

use crate::claim::Of;
use crate::desk::action::Count;

pub(super) const LOST: Of = Of::Messages(Count::Lost);
pub(super) const DOUBLED: Of = Of::Messages(Count::Doubled);
pub(super) const REORDERED: Of = Of::Messages(Count::Reordered);
pub(super) const DELIVERED: Of = Of::Messages(Count::Delivered);

pub(super) fn falls(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Crashed | Event::PowerCut | Event::Queue(QueueEvent::OutOfMemory { .. }))
}

pub(super) fn broker_falls(fact: &Stamped) -> bool {
    falls(fact) && matches!(fact.node, NodeId::Broker(_))
}

pub(super) fn bookie_falls(fact: &Stamped) -> bool {
    falls(fact) && matches!(fact.node, NodeId::Bookie(_))
}

pub(super) fn processed(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Processed { .. })
}

pub(super) fn processed_by_the_first(fact: &Stamped) -> bool {
    processed(fact) && fact.node == NodeId::Consumer(1)
}

pub(super) fn received(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Received { .. })
}

pub(super) fn asked(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Order(OrderEvent::Asked { .. }))
}

pub(super) fn asked_in_vain(fact: &Stamped) -> bool {
    matches!(&fact.event, Event::Order(OrderEvent::Answered { answer, .. }) if !answer.is_success())
}

pub(super) fn sent(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Sent { .. })
}

pub(super) fn fails(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Failed { .. }))
}

pub(super) fn out_of_memory(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::OutOfMemory { .. }))
}

pub(super) fn delivered_too_often(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Died { reason: DeathReason::DeliveryLimit, .. }))
}

pub(super) fn not_stored(fact: &Stamped) -> bool {
    matches!(fact.event, Event::NotStored { .. })
}

pub(super) fn unroutable(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::Unroutable { .. }))
}

pub(super) fn frozen(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Fault(FaultEvent::Frozen))
}

pub(super) fn own_transaction(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::OwnTransaction { .. }))
}

pub(super) fn checked_back(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Queue(QueueEvent::CheckedBack { .. }))
}

pub(super) fn rebalances(fact: &Stamped) -> bool {
    matches!(fact.event, Event::Group(GroupEvent::RebalanceBegan { .. }))
}
