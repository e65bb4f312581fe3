//! Who hears of a fact? Every observer: whoever makes digests, judges, counts, and keeps account of users' orders.
//!
//! What follows from a fact is a fact of its own, said at the same moment: an order is fulfilled when its last message is
//! processed; and a program that works in transactions is done with a message when the *broker* commits. It may not hear
//! of that, or be dead: what it wanted counts for nothing, and what it is told comes too late to be the truth.

use super::world::World;
use crate::ids::NodeId;
use crate::observe::{Event, Place, QueueEvent, Stamped};

impl World {
    /// Stamps a fact and shows it to every observer.
    pub(super) fn note(&mut self, node: NodeId, event: Event) {
        let stamped = Stamped { at: self.now, step: self.step, node, event };
        self.digester.observe(&stamped);
        self.verdict.observe(&stamped);
        self.metrics.observe(&stamped);
        let follows = self.calls.ledger.observe(&stamped);
        let done = match &stamped.event {
            Event::Queue(QueueEvent::TransactionCommitted { by, done, .. }) => Some((*by, done.clone())),
            _ => None,
        };
        let decided = self.transactions.observe(node, &stamped.event);
        self.events.push(stamped);
        for (by, event) in decided {
            self.note(by, event);
        }
        for (user, event) in follows {
            self.note(user, Event::Order(event));
        }
        for (by, (queue, message)) in
            done.into_iter().flat_map(|(by, done)| done.into_iter().map(move |one| (by, one)))
        {
            self.note(
                by,
                Event::Processed { from: Place::Queue(queue), messages: message.into(), group: None },
            );
        }
    }
}
