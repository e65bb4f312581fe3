//! When is an order really done? A ledger of who has to work on it, and who has.
//!
//! ```text
//!            asked                                   the last one that is needed has worked
//!   user ───────────▶ open: finance? stock? risk? ─────────────────────────────────────────▶ fulfilled
//!                       │
//!                       └─ one of them gave up, and the user was told "accepted" or "done" ──▶ disappointed
//! ```
//!
//! A scenario says for each crowd of users who is *needed* (`done_by`): services, or whoever reads a queue, or a
//! group. It is the same list with and without a queue; how the work reaches them makes no difference here. No
//! service knows all this: in a real shop, too, somebody has to reconcile the books afterwards.
//!
//! Done wins over failed. When a caller gave up waiting and everybody worked all the same, the order is done, and
//! its user does not know it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::event::{Event, Place, Stamped};
use super::order::{Answer, OrderEvent};
use crate::ids::{MessageId, Name, NodeId, OrderId};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// Somebody who has to work on an order.
///
/// ```
/// use mqlab_core::ids::NodeId;
/// use mqlab_core::observe::Needed;
/// // Finance has to, whether it is called or reads a queue.
/// assert_eq!(Needed::Service(NodeId::Service(2)), Needed::Service(NodeId::Service(2)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// A service.
    Service(NodeId),
    /// One of a queue's consumers, whichever.
    Queue(Name),
    /// One member of a group, whichever.
    Group(Name),
}

/// How one order stands.
#[derive(Clone, Debug)]
struct Entry {
    user: NodeId,
    asked: Time,
    missing: SortedSet<Needed>,
    told: Option<Answer>,
    failed: bool,
    disappointed: bool,
}

/// Every order, and who still has to work on it. It learns from facts alone, and nobody asks it but observers.
///
/// ```
/// use mqlab_core::ids::{NodeId, OrderId};
/// use mqlab_core::observe::{Event, Ledger, Needed, OrderEvent, Stamped};
/// use mqlab_core::time::{Span, Time};
///
/// let (user, shop, order) = (NodeId::User(1), NodeId::Service(1), OrderId(1));
/// let mut ledger = Ledger::default();
/// ledger.learn(user, [Needed::Service(shop)].into());
/// let fact = |at, node, event| Stamped { at: Time(at), step: 1, node, event: Event::Order(event) };
/// assert!(ledger.observe(&fact(10, user, OrderEvent::Asked { order, of: shop })).is_empty());
/// let follows = ledger.observe(&fact(500, shop, OrderEvent::Worked { order }));
/// assert_eq!(follows, [(user, OrderEvent::Fulfilled { order, after: Span(490) })]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Who has to work on what a user asks for.
    needed: SortedMap<NodeId, SortedSet<Needed>>,
    /// What a service reads: its work counts as work of the queue's consumers, or of the group.
    reads: SortedMap<NodeId, Needed>,
    /// Orders that somebody still has to work on.
    open: BTreeMap<OrderId, Entry>,
    /// Which order a message is about.
    messages: BTreeMap<MessageId, OrderId>,
}

impl Ledger {
    /// Learns who has to work on what a user asks for.
    pub fn learn(&mut self, user: NodeId, needed: SortedSet<Needed>) {
        self.needed.insert(user, needed);
    }

    /// Learns that a service is one of a queue's consumers, or a member of a group.
    pub fn learn_reader(&mut self, service: NodeId, of: Needed) {
        self.reads.insert(service, of);
    }

    /// Takes note of a fact, and says what follows from it, and for which user.
    pub fn observe(&mut self, Stamped { at, node, event, .. }: &Stamped) -> Vec<(NodeId, OrderEvent)> {
        match event {
            Event::Order(OrderEvent::Asked { order, .. }) => {
                let missing = self.needed.get(node).cloned().unwrap_or_default();
                let (user, asked) = (*node, *at);
                let (told, failed, disappointed) = (None, false, false);
                self.open.insert(*order, Entry { user, asked, missing, told, failed, disappointed });
                Vec::new()
            }
            Event::Order(OrderEvent::Put { order, message }) => {
                self.messages.insert(*message, *order);
                Vec::new()
            }
            Event::Order(OrderEvent::Worked { order }) => {
                let by = [Some(Needed::Service(*node)), self.reads.get(node).cloned()];
                by.into_iter().flatten().flat_map(|by| self.worked(*at, *order, &by)).collect()
            }
            // What a service processed it may have failed at: it says for itself what came of it.
            Event::Processed { .. } if matches!(node, NodeId::Service(_)) => Vec::new(),
            Event::Processed { from, messages, group } => {
                let mut follows = Vec::new();
                for message in messages {
                    let Some(&order) = self.messages.get(message) else { continue };
                    let by = match (from, group) {
                        (_, Some(group)) => Needed::Group(group.clone()),
                        (Place::Queue(queue), None) => Needed::Queue(queue.clone()),
                        (Place::Partition(_) | Place::Exchange(_) | Place::Topic(_), None) => continue,
                    };
                    follows.extend(self.worked(*at, order, &by));
                }
                follows
            }
            Event::Order(OrderEvent::GaveUp { order, .. }) => {
                let Some(entry) = self.open.get_mut(order) else { return Vec::new() };
                let reads = self.reads.get(node);
                entry.failed |= entry.missing.contains(&Needed::Service(*node))
                    || reads.is_some_and(|reads| entry.missing.contains(reads));
                entry.disappointment(*order)
            }
            Event::Order(OrderEvent::Answered { order, answer, .. }) => {
                let Some(entry) = self.open.get_mut(order) else { return Vec::new() };
                entry.told = Some(*answer);
                entry.disappointment(*order)
            }
            _ => Vec::new(),
        }
    }

    fn worked(&mut self, now: Time, order: OrderId, by: &Needed) -> Vec<(NodeId, OrderEvent)> {
        let Some(entry) = self.open.get_mut(&order) else { return Vec::new() };
        entry.missing.remove(by);
        if !entry.missing.is_empty() {
            return Vec::new();
        }
        let (user, after) = (entry.user, now.since(entry.asked));
        self.open.remove(&order);
        [(user, OrderEvent::Fulfilled { order, after })].into()
    }
}

impl Entry {
    fn disappointment(&mut self, order: OrderId) -> Vec<(NodeId, OrderEvent)> {
        let told_well = self.told.is_some_and(Answer::is_success);
        if !self.failed || !told_well || self.disappointed {
            return Vec::new();
        }
        self.disappointed = true;
        [(self.user, OrderEvent::Disappointed { order })].into()
    }
}
