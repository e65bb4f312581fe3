//! What does a broker do with what producers send? It puts each message where it belongs, and says which it did not,
//! and why.
//!
//! ```text
//!   batch  m1 m2 m3 m4 ──▶ m1 stored
//!                          m2 too large          refused for good: what comes after it goes on
//!                          m3 stored
//!                          m4 no room            refused for now, and all after it, so that the order stays
//!   answer: stored, except 1 (too large), 3 (blocked)
//! ```
//!
//! What real systems do: AMQP confirms or refuses each message by its number; an error of the request itself closes
//! the channel, and the client must begin anew. Kafka refuses a batch as a whole, and names the records at fault
//! (KIP-467).

use alloc::borrow::ToOwned as _;
use alloc::vec::Vec;

use super::Broker;
use super::hosting::{Failure, channel_of};
use super::protocol::{Out, Reply};
use crate::ids::{Name, NodeId};
use crate::log::{SliceOf, Storage};
use crate::message::Message as Payload;
use crate::observe::{Event, QueueEvent, Refusal};
use crate::record::Batches;
use crate::routing::ExchangeName;
use crate::time::Time;
use crate::vhost::{Decision, HalfId, Publish, Published, VhostError};

/// Which messages of a batch are not stored, by their place in it, and why.
type NotStored = Vec<(u32, Refusal)>;

impl<S: Storage> Broker<S> {
    pub(super) fn send_to(
        &mut self,
        now: Time,
        from: NodeId,
        queue: &Name,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        let there = self.host.queue(queue.as_str()).ok_or(Failure::Refused(Refusal::Unknown))?;
        let base = there.next();
        let how = Publish { channel: channel_of(from), ..Publish::default() };
        let refused =
            self.publish_all(now, (from, &ExchangeName::DEFAULT, Some(queue)), how, batches, out)?;
        Ok(if refused.is_empty() { Reply::Stored { base } } else { Reply::Published { refused } })
    }

    pub(super) fn publish(
        &mut self,
        now: Time,
        from: NodeId,
        exchange: &ExchangeName,
        how: Publish,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        let refused = self.publish_all(now, (from, exchange, None), how, batches, out)?;
        Ok(Reply::Published { refused })
    }

    /// Publishes a batch, to one queue or to where each message's own key leads.
    fn publish_all(
        &mut self,
        now: Time,
        (from, exchange, queue): (NodeId, &ExchangeName, Option<&Name>),
        how: Publish,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<NotStored, Failure<S>> {
        self.open(now, from)?;
        self.guests.publishers.insert(from);
        self.guests.waiting.remove(&from);
        let mut refused = NotStored::new();
        let count = batches.records().count() as u32;
        for (place, record) in (0..).zip(batches.records()) {
            let message = Payload::from_record(&record);
            let id = message.id();
            let key = match queue {
                Some(queue) => queue.as_str().to_owned(),
                None => message.routing_key().unwrap_or_default().to_owned(),
            };
            let published = self.host.publish_with(now, exchange.as_str(), &key, message, how);
            if published.as_ref().is_ok_and(|published| published.full) {
                self.guests.waiting.insert(from);
            }
            match published.map_err(Failure::from) {
                Ok(published) if !published.is_stored() => refused.push((place, Refusal::Full)),
                Ok(Published { queues: 0, returned, .. }) if queue.is_none() => {
                    if let Some(message) = id {
                        let exchange = exchange.clone();
                        out.event(Event::Queue(QueueEvent::Unroutable { exchange, message, returned }));
                    }
                }
                Ok(_) => {}
                // It alone is at fault: the others are not.
                Err(Failure::Refused(why)) if why.is_final() => refused.push((place, why)),
                Err(Failure::Refused(why)) if place > 0 => {
                    // What stands before it is stored: the rest is refused, to be sent again in its order.
                    if why == Refusal::Blocked {
                        self.guests.waiting.insert(from);
                    }
                    refused.extend((place..count).map(|place| (place, why)));
                    break;
                }
                Err(failure) => return Err(failure),
            }
            if queue.is_none() {
                self.drain(out).map_err(Failure::Fatal)?;
            }
        }
        Ok(refused)
    }

    pub(super) fn begin_half(
        &mut self,
        now: Time,
        from: NodeId,
        exchange: &ExchangeName,
        batches: &Batches,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        self.open(now, from)?;
        let record = batches.records().next().ok_or(Failure::Refused(Refusal::Invalid))?;
        let message = Payload::from_record(&record);
        let key = message.routing_key().unwrap_or_default().to_owned();
        // Whom to ask later, also after a restart: the message itself knows.
        let message = message.with_correlation(&alloc::string::ToString::to_string(&from));
        let id = message.id();
        let half = self.host.begin_half(now, exchange.as_str(), &key, message)?;
        if let Some(message) = id {
            out.event(Event::Queue(QueueEvent::HalfStored { message }));
        }
        Ok(Reply::HalfStored(half))
    }

    pub(super) fn decide(
        &mut self,
        now: Time,
        id: HalfId,
        decision: Decision,
        out: &mut Out<SliceOf<S>>,
    ) -> Result<Reply<SliceOf<S>>, Failure<S>> {
        let message = self.host.half(id).and_then(|message| message.id());
        match self.host.decide_half(now, id, decision) {
            // Decided before: the answer was lost, and the decision was not.
            Ok(_) | Err(VhostError::NoHalf(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(message) = message {
            out.event(Event::Queue(QueueEvent::HalfDecided { message, decision }));
        }
        Ok(Reply::Decided)
    }
}
