//! Would all of this stand here? A trial declares what somebody wants to stand on a host, and changes nothing.
//!
//! ```text
//!   what is there ──copy of names──▶ trial: queues, exchanges, bindings, one after the other
//!                                      │ first refusal ──▶ the host is as it was
//!                                      └ none ──────────▶ the same declared for real: only the disk can fail now
//! ```
//!
//! Real systems have no such thing: a RabbitMQ definitions file that disagrees with what is there stops the import in
//! the middle, and leaves what came before.

use core::fmt;

use super::definitions::Definition;
use super::*;
use crate::sorted::SortedMap;

/// Declarations that are tried out on a host. They see each other; the host does not see them.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::vhost::{VhostError, VirtualHost};
/// use mqlab_core::{queue::QueueOptions, time::Time};
/// let mut host = VirtualHost::in_memory();
/// host.declare_queue(Time::ZERO, "q", QueueOptions::default())?;
/// let (q, new) = (Name::new("q")?, Name::new("new")?);
/// let mut trial = host.trial();
/// trial.declare_queue(&new, &QueueOptions::default())?;
/// let other = QueueOptions { length_max: Some(1), ..QueueOptions::default() };
/// assert!(matches!(trial.declare_queue(&q, &other), Err(VhostError::Different(_))));
/// assert!(host.queue("new").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trial<'a, S: Storage> {
    host: &'a VirtualHost<S>,
    queues: SortedMap<Name, QueueOptions>,
    router: Router,
}

impl<S: Storage> fmt::Debug for Trial<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queues, router, .. } = self;
        f.debug_struct("Trial").field("queues", queues).field("router", router).finish_non_exhaustive()
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Begins to try declarations out.
    pub fn trial(&self) -> Trial<'_, S> {
        Trial { host: self, queues: SortedMap::new(), router: self.router.clone() }
    }
}

impl<S: Storage> Trial<'_, S> {
    /// Whether [`VirtualHost::declare_queue`] would do it.
    ///
    /// # Errors
    ///
    /// As there, but for failures of the storage.
    pub fn declare_queue(&mut self, name: &Name, options: &QueueOptions) -> Result<(), S> {
        self.host.check_queue(name, options)?;
        match self.queues.get(name) {
            Some(there) if there != options => return Err(VhostError::Different(name.clone())),
            _ => self.queues.insert(name.clone(), options.clone()),
        };
        self.router.add_queue(name.clone());
        Ok(())
    }

    /// Whether [`VirtualHost::declare_exchange_with`] would do it.
    ///
    /// # Errors
    ///
    /// As there, but for failures of the storage.
    pub fn declare_exchange(&mut self, name: &ExchangeName, options: &ExchangeOptions) -> Result<(), S> {
        Definition::Exchange { name: name.clone(), options: Some(options.clone()) }.check()?;
        self.router.declare(name.clone(), options.clone())?;
        Ok(())
    }

    /// Whether [`VirtualHost::bind_with`] would do it.
    ///
    /// # Errors
    ///
    /// As there, but for failures of the storage.
    pub fn bind(&mut self, binding: &Binding) -> Result<(), S> {
        Definition::Binding { binding: binding.clone(), bound: true }.check()?;
        self.router.bind(binding.clone())?;
        Ok(())
    }
}
