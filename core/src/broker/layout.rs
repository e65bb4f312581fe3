//! What stands on a broker? It declares what its view says, all of it or nothing.
//!
//! A broker that starts finds on its disk what was declared in an earlier life, and is told by the controller what
//! should be there. Where the two agree, declaring is idle. Where they do not (a queue of the same name with other
//! options, a binding to what is not there), going on would mean serving something else than what was asked for, so
//! the broker stops and says which declaration it was. Everything is tried out first: a layout that is refused leaves
//! no trace.
//!
//! What real systems do: RabbitMQ answers a client that declares a queue with other options with 406 and goes on; its
//! import of definitions at the start fails the start, as here.

use super::error::{BrokerError, Declared};
use super::{Broker, Done, HostLayout};
use crate::log::{Storage, StorageError};
use crate::time::Time;

impl<S: Storage> Broker<S> {
    /// Whether all that the view says could be declared here.
    pub(super) fn try_out(&self, layout: &HostLayout) -> Result<(), BrokerError<StorageError<S>>> {
        let mut trial = self.host.trial();
        for (name, options) in &layout.queues {
            let refused = |error| BrokerError::Layout { what: Declared::Queue(name.clone()), error };
            trial.declare_queue(name, options).map_err(refused)?;
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
    pub(super) fn lay_out(&mut self, now: Time, layout: &HostLayout) -> Done<S> {
        for (name, options) in &layout.queues {
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
        Ok(())
    }
}
