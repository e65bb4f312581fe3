//! What stands on a broker? It declares what its view says, all of it or nothing.
//!
//! A broker that starts finds on its disk what was declared in an earlier life, and is told by the controller what
//! should be there. Where the two agree, declaring is idle. Where they do not (a queue of the same name with other
//! options, a binding to what is not there), going on would mean serving something else than what was asked for, so
//! the broker stops and says which declaration it was. Everything is tried out first: a layout that is refused leaves
//! no trace. What a person changed since it was declared is no disagreement: a queue whose time to live or length was set
//! anew takes them, and what was removed goes, also where the broker was away then.
//!
//! What real systems do: RabbitMQ answers a client that declares a queue with other options with 406 and goes on; its
//! import of definitions at the start fails the start, as here.

use alloc::vec::Vec;

use super::error::{BrokerError, Declared};
use super::{Broker, Done, HostLayout, Out, Removed};
use crate::ids::{MessageId, Name};
use crate::log::{SliceOf, Storage, StorageError};
use crate::observe::{Event, QueueEvent};
use crate::queue::QueueOptions;
use crate::time::Time;

impl<S: Storage> Broker<S> {
    /// Whether all that the view says could be declared here.
    pub(super) fn try_out(&self, layout: &HostLayout) -> Result<(), BrokerError<StorageError<S>>> {
        let mut trial = self.host.trial();
        for (name, options) in &layout.queues {
            let refused = |error| BrokerError::Layout { what: Declared::Queue(name.clone()), error };
            let there = self.host.queue(name.as_str()).filter(|_| layout.retuned.contains(name));
            let options = there.map_or_else(|| options.clone(), |there| tuned_as(options, there.options()));
            trial.declare_queue(name, &options).map_err(refused)?;
        }
        for exchange in &layout.exchanges {
            let what = Declared::Exchange(exchange.name.clone());
            let refused = |error| BrokerError::Layout { what, error };
            trial.declare_exchange(&exchange.name, &exchange.options).map_err(refused)?;
        }
        for binding in &layout.bindings {
            let refused = |error| BrokerError::Layout { what: Declared::Binding(binding.clone()), error };
            trial.bind(binding).map_err(refused)?;
        }
        Ok(())
    }

    /// Declares what the view says stands here. It was tried out: only the storage can refuse now.
    pub(super) fn lay_out(&mut self, now: Time, layout: &HostLayout, out: &mut Out<SliceOf<S>>) -> Done<S> {
        self.clear_away(now, &layout.removed, out)?;
        for (name, options) in &layout.queues {
            if layout.retuned.contains(name) {
                self.host.retune_queue(now, name.as_str(), options.ttl, options.length_max)?;
            }
            self.host.declare_queue(now, name.as_str(), options.clone())?;
        }
        for exchange in &layout.exchanges {
            self.host.declare_exchange_with(exchange.name.as_str(), exchange.options.clone())?;
        }
        for binding in &layout.bindings {
            self.host.bind_with(binding.clone())?;
        }
        self.host.set_memory_max(layout.memory_max);
        self.host.set_disk(layout.disk)?;
        if let Some((first, next)) = layout.check_times {
            self.host.set_check_times(first, next);
        }
        let changed = layout.removed != Removed::default() || !layout.retuned.is_empty();
        if changed { self.drain(out) } else { Ok(()) }
    }

    /// Removes what stood here and shall not any more. Who reads a queue that is gone hears so when it asks; who sends to
    /// it is refused.
    fn clear_away(&mut self, now: Time, removed: &Removed, out: &mut Out<SliceOf<S>>) -> Done<S> {
        for binding in &removed.bindings {
            if self.host.router().exchange(&binding.exchange).is_some() {
                self.host.unbind(binding)?;
            }
        }
        for name in &removed.queues {
            self.remove_queue(now, name, out)?;
        }
        for name in &removed.exchanges {
            self.host.delete_exchange(name.as_str())?;
        }
        Ok(())
    }

    /// Removes a queue, with what is in it, if it is there.
    fn remove_queue(&mut self, now: Time, name: &Name, out: &mut Out<SliceOf<S>>) -> Done<S> {
        let Some(queue) = self.host.queue(name.as_str()) else { return Ok(()) };
        let mut messages: Vec<MessageId> = queue.held().filter_map(|held| held.id).collect();
        messages.sort_unstable();
        self.drain(out)?; // what was said of it before
        self.host.delete_queue(now, name.as_str())?;
        self.guests.consumers.retain(|(_, queue), _| queue != name);
        out.event(Event::Queue(QueueEvent::Dropped { queue: name.clone(), messages }));
        Ok(())
    }

    /// Ends a durable subscription, as somebody who runs the cluster wants: its queue goes, with what it kept. Whoever
    /// subscribes under its name afterwards begins anew. (JMS: `unsubscribe`, by the client itself; brokers have it for
    /// their administrators, too.) A failure is kept for [`settle`](Self::settle).
    pub(crate) fn end_subscription(&mut self, now: Time, queue: &Name, out: &mut Out<SliceOf<S>>) {
        if self.failed.is_none()
            && let Err(error) = self.remove_queue(now, queue, out)
        {
            self.failed = Some(error);
        }
    }
}

/// Options as they are asked for, but for what may be set anew, which is as it is there.
fn tuned_as(asked: &QueueOptions, there: &QueueOptions) -> QueueOptions {
    QueueOptions { ttl: there.ttl, length_max: there.length_max, ..asked.clone() }
}
