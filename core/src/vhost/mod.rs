//! How do routing, queues and consumers work together? A virtual host: exchanges and queues under one roof.
//!
//! ```text
//!   publish ──▶ exchange ──▶ queue ──▶ consumer ──▶ ack           a channel numbers what it delivers,
//!                  │           │                                  bounds it, and groups acknowledgements
//!                  │ nothing   │ dead: expired, refused, ...
//!                  │ matches   ▼
//!                  ▼         exchange ──▶ queue of dead letters
//!               returned
//! ```
//!
//! AMQP's name for it is *virtual host*; JMS's for its parts are destinations, sessions and subscriptions. It is a
//! state machine without I/O, like everything here: time is an argument, and what it wants done is asked for with
//! [`poll`](VirtualHost::poll). At the end of a burst comes [`flush`](VirtualHost::flush); only then may anybody be
//! told that a message is stored.
//!
//! ```
//! use mqlab_core::message::Message;
//! use mqlab_core::queue::QueueOptions;
//! use mqlab_core::routing::ExchangeKind;
//! use mqlab_core::time::Time;
//! use mqlab_core::vhost::VirtualHost;
//!
//! let now = Time::ZERO;
//! let mut host = VirtualHost::in_memory();
//! host.declare_exchange("orders", ExchangeKind::Topic)?;
//! host.declare_queue(now, "europe", QueueOptions::default())?;
//! host.bind("orders", "europe", "order.eu.#")?;
//! host.publish(now, "orders", "order.eu.paid", Message::new("a book"))?;
//! let book = host.receive(now, "europe")?.expect("it was routed there");
//! assert_eq!(book.message.routing_key(), Some("order.eu.paid"));
//! host.ack(now, book.handle)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | concept | file |
//! |---|---|
//! | declaring and removing exchanges, queues, bindings | `declare.rs` |
//! | trying declarations out before anything is changed | `trial.rs` |
//! | routing a message into queues; mandatory; confirms; alarms | `publish.rs` |
//! | what a host says: deliveries, returns, confirms, check-backs | `output.rs` |
//! | dead letters, and when they go round in circles | `bury.rs` |
//! | channels: delivery tags, acknowledgements, confirms | `channel.rs` |
//! | what counts as delivered when a client leaves in good order | `leaving.rs` |
//! | settling by receipts, without a channel | `receipts.rs` |
//! | writing all that was done, in an order that loses nothing | `writing.rs` |
//! | one window over many queues | `window.rs` |
//! | transactions: together or not at all | `transaction.rs` |
//! | credit flow: publishers that are too fast wait | `credit.rs` |
//! | the disk alarm: room for what must still be written | `disk.rs` |
//! | publish and subscribe: durable, shared, selectors | `subscribe.rs` |
//! | last values for those who subscribe later | `retained.rs` |
//! | two-phase half messages with check-back | `half.rs` |
//! | services of the broker itself, behind the system exchange | `service.rs` |
//! | what is there again after a restart | `definitions.rs` |

mod bury;
mod channel;
mod credit;
mod declare;
mod definitions;
mod disk;
mod error;
mod half;
mod leaving;
mod output;
mod publish;
mod receipts;
mod retained;
mod service;
mod subscribe;
mod transaction;
mod trial;
mod window;
mod writing;

pub use channel::{ChannelId, ChannelOptions, Handle};
pub use credit::{Credit, INITIAL_CREDIT, MORE_CREDIT_AFTER};
pub use definitions::DEFINITION_BYTES_MAX;
pub use disk::DiskLimit;
pub use error::{ErrorOf, Result, VhostError};
pub use half::{CHECKS_MAX, Decision, FIRST_CHECK_AFTER, HalfId, NEXT_CHECK_AFTER};
pub use output::{Delivered, Output};
pub use publish::{Alarm, NO_ROUTE, Publish, Published};
pub use retained::{RETAINED_BYTES_MAX, RETAINED_MAX};
pub use service::SERVICES;
pub use subscribe::Subscription;
pub use transaction::Rollback;
pub use trial::Trial;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;

use channel::Channel;
use credit::Ahead;
use definitions::Definitions;
use error::storage;
use half::Halves;
use retained::Retained;
use subscribe::Filter;

use crate::ids::{Name, Offset};
use crate::log::memory::MemoryStorage;
use crate::log::{Storage, StorageError};
use crate::message::Message;
use crate::queue::{
    AckMode, ConsumerId, ConsumerOptions, Departure, Fact, Queue, QueueError, QueueOptions, ReturnReason, Tag,
};
use crate::routing::{
    Binding, Destination, ExchangeKind, ExchangeName, ExchangeOptions, RESERVED_PREFIX, RouteError, Router,
};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Time;

/// Exchanges, queues, channels and subscriptions over some storage.
///
/// ```
/// use mqlab_core::vhost::{VirtualHost};
/// use mqlab_core::{message::Message, queue::QueueOptions, time::Time};
/// let (mut host, now) = (VirtualHost::in_memory(), Time::ZERO);
/// host.declare_queue(now, "q", QueueOptions::default())?;
/// assert!(host.queue("q").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VirtualHost<S: Storage> {
    storage: S,
    definitions: Definitions<S::Log>,
    router: Router,
    queues: BTreeMap<Name, Queue<S::Log>>,
    /// What subscriptions do not want stored in their queues.
    filters: SortedMap<Name, Filter>,
    consumers: SortedMap<ConsumerId, Attached>,
    last_consumer: u64,
    channels: SortedMap<ChannelId, Channel>,
    /// The last value of each topic that was published to be retained.
    retained: Retained,
    /// Where deliveries are that their queues may take back.
    leased: BTreeMap<(Name, Tag), Handle>,
    /// Dead letters that are not buried yet, with the queues that they left.
    dying: VecDeque<(Name, Departure)>,
    /// Whether somebody is burying them.
    burying: bool,
    halves: Halves<S::Log>,
    alarms: SortedSet<Alarm>,
    /// Queues that somebody may wait for room in, with how many messages were ready when they were full.
    full: SortedMap<Name, u64>,
    /// How many bytes of ready messages are too many.
    memory_max: Option<u64>,
    /// How many bytes of messages wait to be taken in; and whether one of them is being published.
    untaken: u64,
    takes_in: bool,
    /// How large the disk is, if it is watched.
    disk: Option<DiskLimit>,
    /// Queues that something was done to since they were last written.
    touched: BTreeSet<Name>,
    outputs: VecDeque<Output>,
    watched: bool,
    /// Whether a full disk ends it, and undoes what was done last.
    stops_when_full: bool,
    /// Whether dead letters have headers of their deaths.
    death_headers: bool,
}

/// Where a consumer is.
#[derive(Clone, Debug)]
struct Attached {
    queue: Name,
    channel: ChannelId,
    ack: AckMode,
}

impl VirtualHost<MemoryStorage> {
    /// A virtual host that lives in memory alone.
    ///
    /// # Panics
    ///
    /// Never: memory does not fail, and is empty.
    pub fn in_memory() -> Self {
        Self::open(MemoryStorage::default(), Time::ZERO).expect("memory does not fail")
    }
}

/// A storage that cannot be cloned, such as files, makes a virtual host that cannot.
impl<S: Storage + Clone> Clone for VirtualHost<S>
where
    S::Log: Clone,
{
    fn clone(&self) -> Self {
        Self {
            storage: self.storage.clone(),
            definitions: self.definitions.clone(),
            router: self.router.clone(),
            queues: self.queues.clone(),
            filters: self.filters.clone(),
            consumers: self.consumers.clone(),
            channels: self.channels.clone(),
            retained: self.retained.clone(),
            leased: self.leased.clone(),
            dying: self.dying.clone(),
            halves: self.halves.clone(),
            alarms: self.alarms.clone(),
            full: self.full.clone(),
            touched: self.touched.clone(),
            outputs: self.outputs.clone(),
            ..*self
        }
    }
}

impl<S: Storage> VirtualHost<S> {
    /// Opens what the storage holds: durable exchanges, queues, bindings and subscriptions, and the messages in
    /// them. A new storage holds the exchanges that are always there.
    ///
    /// # Errors
    ///
    /// [`VhostError::Queue`] when the storage fails or is damaged, [`VhostError::Definitions`] when it is not a
    /// virtual host's.
    pub fn open(mut storage: S, now: Time) -> Result<Self, S> {
        let (definitions, found) = Definitions::open(&mut storage)?;
        let (filters, consumers, retained, halves, alarms, touched, outputs, queues) = Default::default();
        let (leased, dying, full) = Default::default();
        let mut host = Self {
            storage,
            definitions,
            router: Router::new(),
            queues,
            filters,
            consumers,
            last_consumer: 0,
            channels: [(ChannelId::default(), Channel::default())].into(),
            retained,
            leased,
            dying,
            burying: false,
            halves,
            alarms,
            full,
            memory_max: None,
            untaken: 0,
            takes_in: false,
            disk: None,
            touched,
            outputs,
            watched: false,
            stops_when_full: false,
            death_headers: false,
        };
        host.declare_services()?;
        for definition in found {
            host.define(now, definition)?;
        }
        host.open_halves(now)?;
        Ok(host)
    }

    /// Exchanges and bindings, to be looked at.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// The queues, in order of name, to be looked at.
    pub fn queues(&self) -> impl Iterator<Item = &Queue<S::Log>> {
        self.queues.values()
    }

    /// A queue, to be looked at.
    pub fn queue(&self, name: &str) -> Option<&Queue<S::Log>> {
        self.queues.get(&Name::new(name).ok()?)
    }

    /// The queue that a consumer is attached to.
    pub fn queue_of(&self, id: ConsumerId) -> Option<&Name> {
        self.consumers.get(&id).map(|attached| &attached.queue)
    }

    /// The storage below; the logs in use are not in it.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    pub(crate) fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Whether facts are handed out by [`poll`](Self::poll). Nobody watches at first.
    pub fn watch(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Whether dead letters have the headers `x-first-death-queue`, `-reason` and `-exchange` of their first death, and
    /// `x-last-death-` of their last, and each line of their history says when it began (RabbitMQ). Not at first.
    pub fn write_death_headers(&mut self, written: bool) {
        self.death_headers = written;
    }

    /// The next thing that the host wants done or known.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next message that was pushed to a consumer. What else the host has to say stays for [`poll`](Self::poll).
    pub fn poll_delivery(&mut self) -> Option<Delivered> {
        let at = self.outputs.iter().position(|output| matches!(output, Output::Deliver(_)))?;
        match self.outputs.remove(at) {
            Some(Output::Deliver(delivered)) => Some(delivered),
            _ => None,
        }
    }

    /// Does what is due: expiry, delays, leases, check-backs, queues that nobody uses.
    ///
    /// # Errors
    ///
    /// Failures of the storage.
    pub fn tick(&mut self, now: Time) -> Result<(), S> {
        let due = |queue: &Queue<S::Log>| queue.next_wakeup().is_some_and(|at| at <= now);
        let names: alloc::vec::Vec<Name> =
            self.queues.iter().filter(|(_, queue)| due(queue)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.with_queue(now, &name, |queue| queue.tick(now))?;
        }
        self.check_back(now)?;
        self.remove_unused(now)
    }

    /// When [`tick`](Self::tick) will have something to do.
    pub fn next_wakeup(&self) -> Option<Time> {
        let queues = self.queues.values().filter_map(Queue::next_wakeup);
        let unused = self.queues.values().filter_map(unused_at);
        queues.chain(unused).chain(self.halves.next_check()).min()
    }

    fn remove_unused(&mut self, now: Time) -> Result<(), S> {
        let due = |queue: &&Queue<S::Log>| unused_at(queue).is_some_and(|at| at <= now);
        let names: alloc::vec::Vec<Name> =
            self.queues.values().filter(due).map(|queue| queue.name().clone()).collect();
        for name in names {
            self.delete_queue(now, name.as_str())?;
            self.outputs.push_back(Output::QueueRemoved(name));
        }
        Ok(())
    }

    /// Attaches a consumer to a queue on the default channel; what is pushed to it comes by [`poll`](Self::poll).
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; failures of the storage.
    pub fn consume(&mut self, now: Time, queue: &str, options: ConsumerOptions) -> Result<ConsumerId, S> {
        self.consume_on(now, ChannelId::default(), queue, options)
    }

    /// Hands out the next message of a queue on the default channel.
    ///
    /// # Errors
    ///
    /// [`VhostError::NoQueue`]; failures of the storage.
    pub fn receive(&mut self, now: Time, queue: &str) -> Result<Option<Delivered>, S> {
        self.receive_on(now, ChannelId::default(), queue)
    }

    /// Does something to a queue, and carries on what comes of it.
    fn with_queue<T>(
        &mut self,
        now: Time,
        name: &Name,
        work: impl FnOnce(&mut Queue<S::Log>) -> core::result::Result<T, QueueError<StorageError<S>>>,
    ) -> Result<T, S> {
        let queue = self.queues.get_mut(name).ok_or_else(|| VhostError::NoQueue(name.clone()))?;
        self.touched.insert(name.clone());
        let done = work(queue);
        self.collect(now, name)?;
        Ok(done?)
    }

    /// Carries on what a queue has to hand out: deliveries to channels, the dead to where they go.
    fn collect(&mut self, now: Time, name: &Name) -> Result<(), S> {
        let mut delivered = false;
        if let Some(queue) = self.queues.get_mut(name) {
            while let Some(fact) = queue.poll_fact() {
                if let Fact::Returned { tag, why: ReturnReason::LeaseOver, .. } = fact
                    && let Some(handle) = self.leased.remove(&(name.clone(), tag))
                    && let Some(channel) = self.channels.get_mut(&handle.channel)
                {
                    delivered |= channel.take(handle.tag).is_some();
                }
                if self.watched {
                    self.outputs.push_back(Output::Fact(name.clone(), fact));
                }
            }
            let leased = queue.options().lease.is_some();
            while let Some(delivery) = queue.poll_delivery() {
                let Some(attached) = self.consumers.get(&delivery.consumer) else { continue };
                let Some(channel) = self.channels.get_mut(&attached.channel) else { continue };
                let (tag, settled) = (delivery.tag, delivery.settled);
                let pushed = channel.deliver(attached.channel, name, delivery, true);
                delivered |= channel.window > 0 && !settled;
                if leased && !settled {
                    self.leased.insert((name.clone(), tag), pushed.handle);
                }
                self.outputs.push_back(Output::Deliver(pushed));
            }
            while let Some(departure) = queue.poll_departure() {
                self.dying.push_back((name.clone(), departure));
            }
        }
        if delivered {
            self.sync_windows(now)?;
        }
        self.check_room(name);
        self.bury_all(now)?;
        self.check_memory();
        Ok(())
    }
}

/// When a queue has been unused for too long.
fn unused_at<L: crate::log::Log>(queue: &Queue<L>) -> Option<Time> {
    Some(queue.unused_since()? + queue.options().unused_max?)
}
