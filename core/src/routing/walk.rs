//! To which queues does a message go? From exchange to exchange, each of them once.
//!
//! ```text
//!   publish ──▶ exchange ──▶ which bindings match?
//!                                 │
//!            ┌────────────────────┼──────────────────────────────┐
//!            ▼ to a queue         ▼ to an exchange               ▼ none at all
//!        one copy for it      visit it too, unless it        visit its alternate exchange,
//!                             was visited (cycles end)       if that is there
//! ```
//!
//! All of it happens at once, with the routing key that the message was published with. The result is a set: in
//! which order bindings were made, and by how many ways a queue is reached, makes no difference.
//!
//! "None" means none of *this* exchange's own bindings. When one matches and leads to an exchange that has nowhere
//! to go, the alternate of the first is not asked. When the result is empty, the message is lost, and a
//! producer that wanted to know (AMQP's `mandatory`) is told: 312, no route.
//!
//! Source: RabbitMQ `rabbit_exchange.erl`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::router::Exchange;
use super::{Binding, Destination, ExchangeKind, ExchangeName, KEY_BYTES_MAX, RouteError, Router};
use crate::ids::Name;
use crate::message::Headers;
use crate::sorted::SortedSet;

/// Who gets a message.
///
/// ```
/// # use mqlab_core::message::Headers;
/// # use mqlab_core::routing::{ExchangeName, Router};
/// let routes = Router::new().route(&ExchangeName::DEFAULT, "nobody", &Headers::default())?;
/// assert!(routes.is_empty());
/// # Ok::<(), mqlab_core::routing::RouteError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    queues: Vec<Name>,
    services: Vec<Arc<str>>,
}

impl Routes {
    /// The queues, in order of name, each once.
    pub fn queues(&self) -> &[Name] {
        &self.queues
    }

    /// The services of the broker, through system exchanges; in order of name, each once.
    pub fn services(&self) -> &[Arc<str>] {
        &self.services
    }

    /// Whether nobody gets it.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.services.is_empty()
    }
}

/// The way of a message through the exchanges, as a picture shows it.
///
/// ```
/// # use mqlab_core::ids::Name;
/// # use mqlab_core::message::Headers;
/// # use mqlab_core::routing::{ExchangeName, Reached, Router};
/// let mut router = Router::new();
/// router.add_queue(Name::new("eu")?);
/// let (_, path) = router.route_with_path(&ExchangeName::DEFAULT, "eu", &Headers::default())?;
/// assert_eq!(path.steps[0].reached, Reached::Published);
/// assert_eq!(path.steps[0].matched[0].to.to_string(), "queue eu");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The exchanges that were visited, nearer ones first; each once.
    pub steps: Vec<Step>,
}

/// What one exchange did.
///
/// ```
/// # use mqlab_core::message::Headers;
/// # use mqlab_core::routing::{ExchangeName, Router};
/// let router = Router::new();
/// let (_, path) = router.route_with_path(&ExchangeName::DEFAULT, "nobody", &Headers::default())?;
/// assert!(path.steps[0].matched.is_empty()); // the default exchange was asked, and no queue has that name
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The exchange.
    pub exchange: ExchangeName,
    /// How the message came there the first time.
    pub reached: Reached,
    /// The bindings that matched, in order of destination, key and arguments. The default exchange has one for each
    /// queue, with the queue's name as key.
    pub matched: Vec<Arc<Binding>>,
    /// The service that a system exchange gave it to.
    pub service: Option<Arc<str>>,
}

/// How a message comes to an exchange.
///
/// ```
/// use mqlab_core::routing::{ExchangeName, Reached};
/// let reached = Reached::Alternate(ExchangeName::DEFAULT);
/// assert_ne!(reached, Reached::Published);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// It was published there.
    Published,
    /// By a binding that matched in this exchange. (There may be more: see what else matched.)
    Bound(ExchangeName),
    /// As the alternate of this exchange, where nothing matched.
    Alternate(ExchangeName),
}

impl Router {
    /// Who gets a message with this routing key and these headers.
    ///
    /// # Errors
    ///
    /// [`RouteError::NoExchange`] (404), [`RouteError::Internal`] (403), [`RouteError::KeyTooLong`] (502).
    pub fn route(&self, exchange: &ExchangeName, key: &str, headers: &Headers) -> Result<Routes, RouteError> {
        self.walk(exchange, key, headers, None)
    }

    /// Who gets it, and by which way. Making the path costs time: who needs the queues alone uses
    /// [`route`](Self::route).
    ///
    /// # Errors
    ///
    /// As [`route`](Self::route).
    pub fn route_with_path(
        &self,
        exchange: &ExchangeName,
        key: &str,
        headers: &Headers,
    ) -> Result<(Routes, Path), RouteError> {
        let mut path = Path::default();
        let routes = self.walk(exchange, key, headers, Some(&mut path))?;
        Ok((routes, path))
    }

    fn walk(
        &self,
        origin: &ExchangeName,
        key: &str,
        headers: &Headers,
        mut path: Option<&mut Path>,
    ) -> Result<Routes, RouteError> {
        if key.len() > KEY_BYTES_MAX {
            return Err(RouteError::KeyTooLong(key.len()));
        }
        let missing = || RouteError::NoExchange(origin.clone());
        let (origin, exchange) = self.exchanges.get_key_value(origin).ok_or_else(missing)?;
        if exchange.options.internal {
            return Err(RouteError::Internal(origin.clone()));
        }
        let (mut queues, mut services) = (Vec::new(), Vec::new());
        let mut plan = Plan { router: self, visits: Vec::new(), known: SortedSet::new() };
        plan.visits.push(Visit { name: origin, exchange, reached: None });
        let mut matched: Vec<&Arc<Binding>> = Vec::new();
        let mut next = 0;
        while let Some(&visit) = plan.visits.get(next) {
            next += 1;
            matched.clear();
            let (mut queue, mut service) = (None, None);
            if visit.name.is_default() {
                queue = self.queues.get(key);
            } else if visit.exchange.options.kind == ExchangeKind::System {
                service = self.services.get(key);
            } else {
                visit.exchange.table.search(key, headers, |binding| matched.push(binding));
            }
            if let Some(path) = path.as_deref_mut() {
                matched.sort_unstable(); // so that the path, too, does not depend on the order of declaration
                path.steps.push(visit.step(&matched, queue, service));
            }
            let nothing = matched.is_empty() && queue.is_none() && service.is_none();
            if nothing && let Some(alternate) = &visit.exchange.options.alternate {
                plan.add(alternate, Way::Alternate(visit.name));
            }
            queues.extend(queue);
            services.extend(service);
            for binding in &matched {
                match &binding.to {
                    Destination::Queue(name) => queues.push(name),
                    Destination::Exchange(name) => plan.add(name, Way::Bound(visit.name)),
                }
            }
        }
        // Many bindings may lead to one queue. All of them share its name, and addresses are compared sooner than texts.
        queues.sort_unstable_by_key(|name| name.as_str().as_ptr());
        queues.dedup_by_key(|name| name.as_str().as_ptr());
        Ok(Routes { queues: set(queues), services: set(services) })
    }
}

/// The exchanges to visit, and those that were.
struct Plan<'a> {
    router: &'a Router,
    /// In order; the origin is the first.
    visits: Vec<Visit<'a>>,
    /// The same without the origin. Most messages visit one exchange, and this stays empty.
    known: SortedSet<&'a ExchangeName>,
}

impl<'a> Plan<'a> {
    /// Adds an exchange, if it is there and was not added before.
    fn add(&mut self, name: &'a ExchangeName, way: Way<'a>) {
        let Some(exchange) = self.router.exchanges.get(name) else { return };
        if name != self.visits[0].name && self.known.insert(name) {
            self.visits.push(Visit { name, exchange, reached: Some(way) });
        }
    }
}

/// An exchange to visit.
#[derive(Clone, Copy)]
struct Visit<'a> {
    name: &'a ExchangeName,
    exchange: &'a Exchange,
    /// Nothing for the one that the message was published to.
    reached: Option<Way<'a>>,
}

/// [`Reached`], without copies of names.
#[derive(Clone, Copy)]
enum Way<'a> {
    Bound(&'a ExchangeName),
    Alternate(&'a ExchangeName),
}

impl Visit<'_> {
    /// What is told of it.
    fn step(&self, matched: &[&Arc<Binding>], queue: Option<&Name>, service: Option<&Arc<str>>) -> Step {
        let reached = match self.reached {
            None => Reached::Published,
            Some(Way::Bound(from)) => Reached::Bound(from.clone()),
            Some(Way::Alternate(of)) => Reached::Alternate(of.clone()),
        };
        let by_name = |name: &Name| {
            Arc::new(Binding::new(ExchangeName::DEFAULT, Destination::Queue(name.clone()), name.as_str()))
        };
        let matched = matched.iter().map(|binding| Arc::clone(binding)).chain(queue.map(by_name)).collect();
        Step { exchange: self.name.clone(), reached, matched, service: service.cloned() }
    }
}

/// In order, each once.
fn set<T: Ord + Clone>(mut found: Vec<&T>) -> Vec<T> {
    found.sort_unstable();
    found.dedup();
    found.into_iter().cloned().collect()
}
