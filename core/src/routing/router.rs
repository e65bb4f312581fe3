//! What does a broker know of exchanges, queues and bindings? Their names and options, and how to change them.
//!
//! Declaring says what should be there: what is there already with the same options is fine. Whoever names what is
//! not there gets an error, so a binding always leads from an exchange to something that exists: when a queue or an
//! exchange goes, the bindings from and to it go too.
//!
//! An *alternate* exchange is only a name. It may be declared later, or never, and is looked up when it is needed.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::table::Table;
use super::{Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions, KEY_BYTES_MAX, RouteError};
use crate::ids::Name;
use crate::sorted::SortedMap;

/// The exchanges that are always there: durable, one of each kind that AMQP names, and the headers exchange once
/// more by RabbitMQ's name.
const PREDECLARED: [(&str, ExchangeKind); 5] = [
    ("amq.direct", ExchangeKind::Direct),
    ("amq.fanout", ExchangeKind::Fanout),
    ("amq.topic", ExchangeKind::Topic),
    ("amq.headers", ExchangeKind::Headers),
    ("amq.match", ExchangeKind::Headers),
];

/// An exchange and its bindings.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) options: ExchangeOptions,
    pub(super) table: Table,
}

impl Exchange {
    fn new(options: ExchangeOptions) -> Self {
        Self { table: Table::new(&options.kind), options }
    }
}

/// All exchanges, bindings, and the names of queues and services.
///
/// ```
/// use mqlab_core::ids::Name;
/// use mqlab_core::message::Headers;
/// use mqlab_core::routing::{Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions, Router};
///
/// let orders: ExchangeName = "orders".parse()?;
/// let eu = Name::new("eu")?;
/// let mut router = Router::new();
/// router.declare(orders.clone(), ExchangeOptions::new(ExchangeKind::Topic))?;
/// router.add_queue(eu.clone());
/// router.bind(Binding::new(orders.clone(), Destination::Queue(eu.clone()), "order.eu.#"))?;
///
/// let routes = router.route(&orders, "order.eu.paid", &Headers::default())?;
/// assert_eq!(routes.queues(), [eu.clone()]);
/// assert!(router.route(&orders, "order.us.paid", &Headers::default())?.is_empty());
///
/// // Every queue is reached by its name through the default exchange.
/// assert_eq!(router.route(&ExchangeName::DEFAULT, "eu", &Headers::default())?.queues(), [eu]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) exchanges: SortedMap<ExchangeName, Exchange>,
    pub(super) queues: BTreeSet<Name>,
    pub(super) services: BTreeSet<Arc<str>>,
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl Router {
    /// The default exchange and those named `amq.direct`, `amq.fanout`, `amq.topic`, `amq.headers`, `amq.match`;
    /// no queues.
    pub fn new() -> Self {
        let durable = |kind| Exchange::new(ExchangeOptions { durable: true, ..ExchangeOptions::new(kind) });
        let named = PREDECLARED.into_iter().map(|(name, kind)| {
            let name = name.parse().expect("the names above are legal");
            (name, durable(kind))
        });
        let mut exchanges: SortedMap<_, _> = named.collect();
        exchanges.insert(ExchangeName::DEFAULT, durable(ExchangeKind::Direct));
        Self { exchanges, queues: BTreeSet::new(), services: BTreeSet::new() }
    }

    /// Sees to it that there is an exchange with these options; `false` when it was there already.
    ///
    /// # Errors
    ///
    /// [`RouteError::Different`] (406) when it is there with other options; [`RouteError::DefaultExchange`] and
    /// [`RouteError::Reserved`] (403) for names that are the broker's.
    pub fn declare(&mut self, name: ExchangeName, options: ExchangeOptions) -> Result<bool, RouteError> {
        if name.is_default() {
            return Err(RouteError::DefaultExchange);
        }
        match self.exchanges.get(&name) {
            Some(there) if there.options == options => Ok(false),
            Some(_) => Err(RouteError::Different(name)),
            None if name.is_reserved() => Err(RouteError::Reserved(name)),
            None => {
                self.exchanges.insert(name, Exchange::new(options));
                Ok(true)
            }
        }
    }

    /// Takes an exchange away, with all bindings from and to it; `false` when there is none.
    ///
    /// # Errors
    ///
    /// [`RouteError::DefaultExchange`] and [`RouteError::Reserved`] (403) for those that are the broker's.
    pub fn delete(&mut self, name: &ExchangeName) -> Result<bool, RouteError> {
        if name.is_default() {
            return Err(RouteError::DefaultExchange);
        }
        if name.is_reserved() {
            return Err(RouteError::Reserved(name.clone()));
        }
        let found = self.exchanges.remove(name).is_some();
        if found {
            self.remove_to(&Destination::Exchange(name.clone()));
        }
        Ok(found)
    }

    /// Learns that there is a queue; `false` when it is known.
    pub fn add_queue(&mut self, name: Name) -> bool {
        self.queues.insert(name)
    }

    /// Forgets a queue, with all bindings to it; `false` when it is not known.
    pub fn remove_queue(&mut self, name: &Name) -> bool {
        let found = self.queues.remove(name);
        if found {
            self.remove_to(&Destination::Queue(name.clone()));
        }
        found
    }

    fn remove_to(&mut self, to: &Destination) {
        for exchange in self.exchanges.values_mut() {
            exchange.table.remove_to(to);
        }
    }

    /// Learns that the broker has a service: system exchanges lead to it by this name. `false` when it is known.
    ///
    /// # Errors
    ///
    /// [`RouteError::KeyTooLong`] (502) when no routing key could name it.
    pub fn add_service(&mut self, name: &str) -> Result<bool, RouteError> {
        if name.len() > KEY_BYTES_MAX {
            return Err(RouteError::KeyTooLong(name.len()));
        }
        Ok(self.services.insert(name.into()))
    }

    /// Forgets a service; `false` when it is not known.
    pub fn remove_service(&mut self, name: &str) -> bool {
        self.services.remove(name)
    }

    /// Sees to it that there is this binding; `false` when it was there already.
    ///
    /// # Errors
    ///
    /// [`RouteError::NoExchange`] and [`RouteError::NoQueue`] (404) when an end of it is not there;
    /// [`RouteError::DefaultExchange`] and [`RouteError::NoBindings`] (403) when an end cannot be bound; what the
    /// exchange's kind demands of key and arguments: [`RouteError::BadMatch`], [`RouteError::BadWeight`],
    /// [`RouteError::TooManyBuckets`], [`RouteError::TooManyWildcards`] (406); [`RouteError::KeyTooLong`] (502).
    pub fn bind(&mut self, mut binding: Binding) -> Result<bool, RouteError> {
        match &mut binding.to {
            Destination::Exchange(name) if name.is_default() => return Err(RouteError::DefaultExchange),
            Destination::Exchange(name) if !self.exchanges.contains_key(name) => {
                return Err(RouteError::NoExchange(name.clone()));
            }
            Destination::Exchange(_) => {}
            // The name is shared with the queue's other bindings, in place of a copy for each.
            Destination::Queue(name) => match self.queues.get(name) {
                Some(shared) => *name = shared.clone(),
                None => return Err(RouteError::NoQueue(name.clone())),
            },
        }
        self.bindable(&binding.exchange)?.table.insert(binding)
    }

    /// Takes the binding away that says exactly this; `false` when there is none.
    ///
    /// # Errors
    ///
    /// [`RouteError::NoExchange`] (404); [`RouteError::DefaultExchange`] and [`RouteError::NoBindings`] (403).
    pub fn unbind(&mut self, binding: &Binding) -> Result<bool, RouteError> {
        Ok(self.bindable(&binding.exchange)?.table.remove(binding))
    }

    fn bindable(&mut self, name: &ExchangeName) -> Result<&mut Exchange, RouteError> {
        if name.is_default() {
            return Err(RouteError::DefaultExchange);
        }
        let exchange = self.exchanges.get_mut(name).ok_or_else(|| RouteError::NoExchange(name.clone()))?;
        if exchange.options.kind == ExchangeKind::System {
            return Err(RouteError::NoBindings(name.clone()));
        }
        Ok(exchange)
    }

    /// The options of an exchange.
    pub fn exchange(&self, name: &ExchangeName) -> Option<&ExchangeOptions> {
        self.exchanges.get(name).map(|exchange| &exchange.options)
    }

    /// All exchanges in order of name, the default exchange first.
    pub fn exchanges(&self) -> impl Iterator<Item = (&ExchangeName, &ExchangeOptions)> {
        self.exchanges.iter().map(|(name, exchange)| (name, &exchange.options))
    }

    /// All queues, in order of name.
    pub fn queues(&self) -> impl Iterator<Item = &Name> {
        self.queues.iter()
    }

    /// All services, in order of name.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|name| &**name)
    }

    /// All bindings, exchange by exchange; those that queues have to the default exchange by themselves are not
    /// listed. Bound anew in this order they route the same: a consistent hash has its bindings in the order of
    /// their buckets, others have theirs in order of destination, key and arguments.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.exchanges.values().flat_map(|exchange| exchange.table.bindings())
    }

    /// The bindings of one exchange, in the same order.
    pub fn bindings_of(&self, exchange: &ExchangeName) -> impl Iterator<Item = &Binding> {
        self.exchanges.get(exchange).into_iter().flat_map(|exchange| exchange.table.bindings())
    }
}
