//! How does a fact of a queue become an event? With the nodes of clients for the numbers of consumers; neighbours of the same
//! kind become one event.

use alloc::vec::Vec;

use super::event::{Event, Place};
use super::queue_event::QueueEvent;
use crate::ids::{MessageId, Name, NodeId, Offset};
use crate::queue::{ConsumerId, Fact};

/// States a fact of a queue; `client` knows whose consumers are. What is of nobody's concern is left out.
pub(crate) fn state_fact(
    queue: &Name,
    fact: Fact,
    client: &dyn Fn(ConsumerId) -> Option<NodeId>,
    events: &mut Vec<Event>,
) {
    let queue = queue.clone();
    match fact {
        Fact::Stored { offset, id } => stored(queue, offset, id, events),
        Fact::Delivered { id: Some(message), to, count, .. } => {
            if let Some(to) = client(to) {
                events.push(Event::Delivered { queue, message, to, delivery: count });
            }
        }
        Fact::Settled { id: Some(message), by, .. } => {
            if let Some(by) = client(by) {
                events.push(Event::Settled { queue, message, by });
            }
        }
        Fact::Returned { id: Some(message), from, why, .. } => {
            let Some(client) = client(from) else { return };
            if let Some(Event::Requeued { queue: same, messages, from, why: reason }) = events.last_mut()
                && (&*same, *from, *reason) == (&queue, client, why)
            {
                messages.push(message);
                return;
            }
            events.push(Event::Requeued { queue, messages: [message].into(), from: client, why });
        }
        Fact::Died { id: Some(message), reason, .. } => {
            events.push(Event::Queue(QueueEvent::Died { queue, message, reason }));
        }
        Fact::Due { id: Some(message), .. } => {
            events.push(Event::Queue(QueueEvent::Due { queue, message }));
        }
        Fact::Activated(consumer) => {
            if let Some(consumer) = client(consumer) {
                events.push(Event::Queue(QueueEvent::Activated { queue, consumer }));
            }
        }
        _ => {}
    }
}

fn stored(queue: Name, offset: Offset, id: Option<MessageId>, events: &mut Vec<Event>) {
    let place = Place::Queue(queue);
    if let Some(Event::Appended { to, base, messages }) = events.last_mut()
        && *to == place
        && base.plus(messages.len() as u64) == offset
    {
        messages.extend(id);
        return;
    }
    events.push(Event::Appended { to: place, base: offset, messages: id.into_iter().collect() });
}
